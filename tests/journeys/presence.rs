//! Who is there, after whatever happened: whoever has a socket at any node is
//! seen at every node, and whoever has none is not.

use std::time::{Duration, Instant};

use sayso_testkit::{Client, Heard, ProcessSetup, Sockets, until};

use crate::cluster::Cluster;
use crate::company::{Company, connect, hire, open_channel};

/// Nobody is seen for longer than this who is not there, nor missed who is.
const RIGHT_WITHIN: Duration = Duration::from_secs(30);
/// The people of a node that is killed are offline by then.
const GONE_WITHIN: Duration = Duration::from_secs(25);
/// So many are at the node that is killed.
const CROWD: usize = 25;

/// Somebody, and whether they are to be seen.
type Due<'a> = (&'a Client, bool);

/// Who is seen otherwise than is true, by whom.
async fn wrong(lookers: &[Client], due: &[Due<'_>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for looker in lookers {
        for (person, is_there) in due {
            let path = format!("/api/users/{}", person.user_id());
            let seen = looker.get(&path).await.expect(200)["presence"].clone();
            if (seen != "offline") != *is_there {
                wrong.push(format!("{} is {seen} at {}", person.user_id(), looker.base()));
            }
        }
    }
    wrong
}

async fn until_right(lookers: &[Client], due: &[Due<'_>]) {
    let (started, mut found) = (Instant::now(), Vec::new());
    until("presence to be right", RIGHT_WITHIN * 2, async || {
        found = wrong(lookers, due).await;
        (found.is_empty() || started.elapsed() > RIGHT_WITHIN).then_some(())
    })
    .await;
    assert_eq!(found, [""; 0], "after {:?}", started.elapsed());
}

/// Ends a scene in which all these sockets are connected: of each the first word
/// of its name says whose it is. `lookers` are the CEO at each node that knows
/// of all of them.
///
/// # Panics
/// When somebody is not seen who is there, or is still seen after they left, or
/// not seen any more after only some of their sockets have gone.
pub async fn assert_presence(
    company: &Company,
    lookers: &[Client],
    sockets: &Sockets,
    names: &[String],
) {
    let of = |person: &str| {
        let is_of = |name: &&String| name.split(' ').next() == Some(person);
        names.iter().filter(is_of).collect::<Vec<_>>()
    };
    let people = company.everybody();
    let there: Vec<Due<'_>> =
        people.iter().map(|(name, person)| (*person, !of(name).is_empty())).collect();
    until_right(lookers, &there).await;

    // One stays, by one of their sockets.
    let stays = people.iter().find(|(name, _)| !of(name).is_empty()).map(|(name, _)| *name);
    for (name, _) in &people {
        let keeps = usize::from(Some(*name) == stays);
        of(name).into_iter().skip(keeps).for_each(|id| sockets.disconnect(id));
    }
    let after: Vec<Due<'_>> =
        people.iter().map(|(name, person)| (*person, Some(*name) == stays)).collect();
    until_right(lookers, &after).await;
}

/// How somebody was seen by a socket, each time it heard of them.
fn heard_of(sockets: &Sockets, id: &str, person: &Client) -> Vec<String> {
    let people = |heard: Heard| match heard.event.as_str() {
        "presence.changed" => vec![heard.payload],
        "presence.listed" => heard.payload["people"].as_array().cloned().unwrap_or_default(),
        _ => Vec::new(),
    };
    let all = sockets.heard(id).into_iter().flat_map(people);
    let mine = all.filter(|it| it["userId"] == person.user_id());
    mine.filter_map(|it| it["status"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_node_that_is_killed_with_many_people_nobody_is_left_online_but_who_is_elsewhere() {
    let mut cluster = Cluster::found().await;
    let ceo = cluster.company.ceo.clone();
    let mut crowd = Vec::new();
    for n in 0..CROWD {
        crowd.push(hire(&ceo, &format!("Person{n}"), "staff").await);
    }
    let everybody: Vec<&Client> = crowd.iter().collect();
    open_channel(&ceo, "all hands", &everybody).await;
    cluster.settle().await;
    let sockets = Sockets::start();
    connect(&sockets, "ceo", &ceo).await;
    for (n, person) in crowd.iter().enumerate() {
        connect(&sockets, &format!("{n} there"), &cluster.there(person)).await;
    }
    // Some have another device.
    let (elsewhere, gone) = crowd.split_at(5);
    for (n, person) in elsewhere.iter().enumerate() {
        connect(&sockets, &format!("{n} here"), person).await;
    }
    let all: Vec<Due<'_>> = crowd.iter().map(|person| (person, true)).collect();
    until_right(&[ceo.clone(), cluster.there(&ceo)], &all).await;

    cluster.second.kill9();
    let killed = Instant::now();
    let due = |people, is_there| -> Vec<Due<'_>> {
        <[Client]>::iter(people).map(|person| (person, is_there)).collect()
    };
    let left = [due(elsewhere, true), due(gone, false)].concat();
    until_right(std::slice::from_ref(&ceo), &left).await;
    let took = killed.elapsed();
    eprintln!("the {} people of a killed node were offline after {took:?}", gone.len());

    assert!(took < GONE_WITHIN, "{took:?}");
    for person in gone {
        let told = async || {
            let heard = heard_of(&sockets, "ceo", person);
            (heard.last().map(String::as_str) == Some("offline")).then_some(heard)
        };
        assert_eq!(until("the news", RIGHT_WITHIN, told).await, ["online", "offline"]);
    }
    for person in elsewhere {
        assert_eq!(heard_of(&sockets, "ceo", person), ["online"], "a device is here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_hear_each_other_are_convicted_of_seeing_otherwise_than_is_true() {
    let alone = |setup: ProcessSetup, redis: &sayso_testkit::TestRedis| {
        setup.env("REDIS_URL", redis.url()).env("SAYSO_REDIS__PREFIX", "alone")
    };
    let cluster = Cluster::with(|setup| setup, alone).await;
    let (ceo, ann, bob) = (&cluster.company.ceo, &cluster.company.ann, &cluster.company.bob);
    let sockets = Sockets::start();
    connect(&sockets, "ann there", &cluster.there(ann)).await;

    let due = [(ann, true), (bob, false)];
    until_right(&[cluster.there(ceo)], &due).await;
    let found = wrong(&[ceo.clone(), cluster.there(ceo)], &due).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(ann.user_id()) && found[0].contains(ceo.base()), "{found:?}");
    // And somebody who is still seen though they should have gone.
    let ghost = wrong(&[cluster.there(ceo)], &[(ann, false)]).await;
    assert_eq!(ghost.len(), 1, "{ghost:?}");
}
