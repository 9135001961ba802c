//! Many at once: owners who step down, joining against deletion, reading on
//! several devices.

use sayso_access::Role;
use serde_json::json;

use crate::company::Company;
use crate::door::{Answer, Door};

/// Asks all at once, and answers in order.
async fn at_once(asked: Vec<impl Future<Output = Answer> + Send + 'static>) -> Vec<Answer> {
    let running: Vec<_> = asked.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::with_capacity(running.len());
    for one in running {
        answers.push(one.await.expect("no panic"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_last_owners_who_go_at_once_one_is_refused() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ceo = company.person("ceo", Role::Ceo).await;
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Manager).await;
    for round in 0..8 {
        let owners = json!([{"userId": bob.user_id, "role": "owner"}]);
        let path = door.make(&ann, json!({"name": format!("{round}"), "members": owners})).await;
        let asked = [(&ann, round % 2), (&bob, 0)].map(|(owner, way)| {
            let (door, owner, ceo, path) = (door.clone(), owner.clone(), ceo.clone(), path.clone());
            async move {
                if way == 0 {
                    return door.act(&owner, &format!("{path}/leave")).await;
                }
                let step = json!({"add": [{"userId": owner.user_id, "role": "member"}]});
                door.post(&ceo, &format!("{path}/members"), step).await
            }
        });

        let answers = at_once(asked.into()).await;

        let refused: Vec<&str> =
            answers.iter().filter(|one| !one.status.is_success()).map(Answer::code).collect();
        assert_eq!(refused, ["channel.last_owner"], "round {round}");
        let left = door.get(&ceo, &format!("{path}/members?role=owner")).await;
        assert_eq!(left.items("userId").len(), 1);
    }
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_left_following_a_channel_that_was_deleted_while_they_joined() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let mut people = Vec::new();
    for index in 0..6 {
        people.push(company.person(&format!("p{index}"), Role::Staff).await);
    }
    let path = door.make(&owner, json!({"name": "town"})).await;
    let mut asked = Vec::new();
    for (index, person) in people.iter().enumerate() {
        if index == 3 {
            asked.push((owner.clone(), None));
        }
        asked.push((person.clone(), Some(format!("{path}/join"))));
    }
    let asked = asked.into_iter().map(|(actor, join)| {
        let (door, path) = (door.clone(), path.clone());
        async move {
            match join {
                Some(join) => door.act(&actor, &join).await,
                None => door.delete(&actor, &path).await,
            }
        }
    });

    let answers = at_once(asked.collect()).await;

    for answer in &answers {
        assert!(answer.status.is_success() || answer.status == 404, "{}", answer.body);
    }
    for person in &people {
        assert!(!company.follows(person, &path).await);
    }
    let restored = door.act(&owner, &format!("{path}/restore")).await.well();
    let joined = answers.iter().filter(|answer| answer.body["myRole"] == "member").count();
    assert_eq!(restored.body["memberCount"], json!(joined + 1));
    for person in &people {
        let is_in = door.get(person, &path).await.body["myRole"] == "member";
        assert_eq!(company.follows(person, &path).await, is_in);
    }
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_who_come_and_go_at_once_are_counted_right() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let path = door.make(&owner, json!({"name": "town"})).await;
    let mut asked = Vec::new();
    for index in 0..8 {
        let person = company.person(&format!("p{index}"), Role::Staff).await;
        let (door, path) = (door.clone(), path.clone());
        asked.push(async move {
            let joined = door.act(&person, &format!("{path}/join")).await;
            if index % 2 == 0 { door.act(&person, &format!("{path}/leave")).await } else { joined }
        });
    }

    let answers = at_once(asked).await;

    assert!(answers.iter().all(|answer| answer.status.is_success()));
    let after = door.get(&owner, &path).await.well();
    assert_eq!((&after.body["memberCount"], &after.body["revision"]), (&json!(5), &json!(13)));
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watermark_that_several_devices_move_never_goes_back() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let path = door.make(&ann, json!({"name": "town", "members": [bob.user_id]})).await;
    let mut messages = Vec::new();
    for _ in 0..10 {
        messages.push(company.message(&ann, &path, &[]).await);
    }
    let asked = messages.iter().rev().chain(&messages).map(|message| {
        let (door, bob, path) = (door.clone(), bob.clone(), format!("{path}/read"));
        let body = json!({"messageId": message});
        async move { door.post(&bob, &path, body).await }
    });

    let answers = at_once(asked.collect()).await;

    assert!(answers.iter().all(|answer| answer.status.is_success()));
    let after = door.get(&bob, &path).await.well();
    assert_eq!(Some(&after.text("lastReadMessageId")), messages.last());
    sayso_testkit::judge::assert_settled(company.database.db()).await;
    let client = company.database.app().await;
    let told = client
        .query(
            "SELECT (data::jsonb->>'unreadCount')::bigint FROM event_log
             WHERE type = 'channel.read' ORDER BY position",
            &[],
        )
        .await
        .expect("the log can be read");
    let told: Vec<i64> = told.iter().map(|row| row.get(0)).collect();
    assert!(told.is_sorted_by(|before, after| before > after), "{told:?}");
    assert_eq!(told.last(), Some(&0));
    company.end().await;
}
