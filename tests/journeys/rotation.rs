//! Refresh tokens at the real server: many who refresh at once, answers that
//! are lost, and tokens that come back when they are no longer good.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{join, join_all};
use reqwest::Method;
use reqwest::header::USER_AGENT;
use sayso_db::tokio_postgres;
use sayso_kernel::secret::sha256;
use sayso_testkit::{Client, Process, ProcessSetup, Reply, Sockets, TestDatabase, read, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::company::{Company, PASSWORD, connect};
use crate::faults::mutant_bin;
use crate::wire;

const SOON: Duration = Duration::from_secs(30);
/// From the answer to whoever brought a stolen token: by then the whole family
/// is dead, with its sockets and its access tokens, at every node.
const DEAD_WITHIN: Duration = Duration::from_secs(2);
/// Callers of one session, and rounds: sixty of each. Those of fifty are four
/// sessions beside each other, because of one session only one exchange after the
/// other is committed, and the disk has to confirm each.
const RACES: [(usize, usize); 6] = [(2, 60), (3, 60), (50, 15), (50, 15), (50, 15), (50, 15)];
const REVOKED: &str = "auth.session_revoked";

/// Presents a refresh token; again where nobody had time for it, as a client
/// does.
async fn refresh(at: &Client, token: &Value) -> Reply {
    until("a refresh to be answered", SOON, async || {
        let reply = at.post("/api/auth/refresh", json!({ "refreshToken": token })).await;
        (reply.code() != "server.unavailable").then_some(reply)
    })
    .await
}

/// The next pair, where there has to be one.
async fn go_on(at: &Client, pair: &Value) -> Value {
    refresh(at, &pair["refreshToken"]).await.expect(200)
}

/// The same token from another device.
async fn steal(at: &Client, pair: &Value) -> Reply {
    let body = json!({ "refreshToken": pair["refreshToken"] });
    let request = at.request(Method::POST, "/api/auth/refresh").json(&body);
    read(request.header(USER_AGENT, "another device")).await.unwrap()
}

/// What is answered to whoever comes with the access token of a pair.
async fn enter(at: &Client, pair: &Value) -> Reply {
    let mut person = at.clone();
    person.login = pair.clone();
    person.get("/api/auth/me").await
}

fn session(pair: &Value) -> Uuid {
    pair["sessionId"].as_str().unwrap().parse().unwrap()
}

/// The chain of a session as it is stored.
struct Chain {
    client: tokio_postgres::Client,
    session: Uuid,
}

impl Chain {
    async fn of(database: &TestDatabase, pair: &Value) -> Self {
        Self { client: database.app().await, session: session(pair) }
    }

    /// How many tokens there are, and how many of them can go on.
    async fn counted(&self) -> (i64, i64) {
        let sql = "SELECT count(*), count(*) FILTER (WHERE replaced_at IS NULL)
                   FROM refresh_tokens WHERE session_id = $1";
        let row = self.client.query_one(sql, &[&self.session]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// What is kept of the token that can go on.
    async fn tip(&self) -> Vec<u8> {
        let sql = "SELECT hash FROM refresh_tokens WHERE session_id = $1 AND replaced_at IS NULL";
        self.client.query_one(sql, &[&self.session]).await.unwrap().get(0)
    }

    async fn reuses(&self) -> i64 {
        let sql = "SELECT count(*) FROM event_log WHERE type = 'auth.refresh_reuse'";
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// What would be kept of this pair.
fn kept(pair: &Value) -> Vec<u8> {
    let token = URL_SAFE_NO_PAD.decode(pair["refreshToken"].as_str().unwrap()).unwrap();
    sha256(&[&token]).to_vec()
}

/// So many callers who share a session, each with what they were given last.
struct Race<'a> {
    nodes: [&'a Client; 2],
    chain: Chain,
    callers: Vec<Value>,
}

impl<'a> Race<'a> {
    async fn of(callers: usize, nodes: [&'a Client; 2], database: &TestDatabase) -> Self {
        let pair = Client::login(nodes[0].base(), "ann@example.com", PASSWORD).await.login;
        let chain = Chain::of(database, &pair).await;
        Self { nodes, chain, callers: vec![pair; callers] }
    }

    /// All refresh at once, and the judge says what came of it: every caller was
    /// given the same, one token came into being, one can go on, and whoever
    /// comes with their access token is let in: one of them, and every fifteenth
    /// round all, for that takes as long as the race itself.
    async fn round(&mut self, round: usize) -> Result<(), String> {
        let at = |n: usize| self.nodes[n % 2];
        let all = self.callers.iter().enumerate();
        let replies = join_all(all.map(|(n, pair)| refresh(at(n), &pair["refreshToken"]))).await;
        if let Some(refused) = replies.iter().find(|reply| reply.status != 200) {
            return Err(format!("one was answered {}", refused.text));
        }
        let before = self.callers[0]["refreshToken"].clone();
        self.callers = replies.into_iter().map(|reply| reply.body).collect();

        let token = |pair: &Value| pair["refreshToken"].as_str().unwrap().to_owned();
        let given: HashSet<String> = self.callers.iter().map(token).collect();
        if given.len() != 1 || given.contains(before.as_str().unwrap()) {
            return Err(format!("{} different tokens were given", given.len()));
        }
        let (tokens, tips) = self.chain.counted().await;
        let expected = i64::try_from(round + 2).unwrap();
        if (tokens, tips) != (expected, 1) || self.chain.tip().await != kept(&self.callers[0]) {
            return Err(format!("{tokens} tokens for {expected}, {tips} can go on"));
        }
        let (all_come, turn) = (round % 15 == 14, round % self.callers.len());
        let coming = self.callers.iter().enumerate().filter(|(n, _)| all_come || *n == turn);
        let entered = join_all(coming.map(|(n, pair)| enter(at(n), pair))).await;
        match entered.iter().find(|reply| reply.status != 200) {
            Some(refused) => Err(format!("one cannot come in: {}", refused.text)),
            None => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_three_and_fifty_who_refresh_at_once_nobody_loses_in_sixty_rounds() {
    let database = TestDatabase::new().await;
    let setup = || ProcessSetup::on(&database).env("SAYSO_AUTH__SESSIONS_MAX", "9");
    let company = Company::found(setup()).await;
    let second = Process::start(setup()).await;
    let nodes = [&company.ann, &company.ann.through(&second.url())];
    let raced = join_all(RACES.map(async |(callers, rounds)| {
        let started = Instant::now();
        let mut race = Race::of(callers, nodes, &database).await;
        for round in 0..rounds {
            let verdict = race.round(round).await;
            assert_eq!(verdict, Ok(()), "round {round} of {callers}");
        }
        eprintln!("{rounds} rounds of {callers} took {:?}", started.elapsed());
        race.chain
    }));
    let chains = raced.await;

    assert_eq!(chains[0].reuses().await, 0, "nobody was taken for a thief");
}

/// The judge of it, at a server that draws a token for each who comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_each_a_token_of_their_own_is_convicted() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).bin(mutant_bin());
    let company = Company::found(setup.env("SAYSO_MUTANT", "token-each")).await;
    let mut race = Race::of(3, [&company.ann; 2], &database).await;

    assert_eq!(race.round(0).await, Err("3 different tokens were given".to_owned()));
}

/// The same judge, where what was given is the same and a second token can go
/// on beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_with_two_ends_is_convicted() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let mut race = Race::of(2, [&company.ann; 2], &database).await;
    let fork =
        "INSERT INTO refresh_tokens (hash, session_id, generation, issued_at, expires_at, device)
                SELECT sha256(hash), session_id, 99, issued_at, expires_at, device
                FROM refresh_tokens WHERE session_id = $1";
    database.owner().await.execute(fork, &[&race.chain.session]).await.unwrap();

    assert_eq!(race.round(0).await, Err("3 tokens for 2, 2 can go on".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_refreshed_again_and_again_at_whichever_node() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let second = Process::start(ProcessSetup::on(&database)).await;
    let (here, there) = (&company.ann, &company.ann.through(&second.url()));
    let mut pair = company.ann.login.clone();
    let mut given = HashSet::from([pair["refreshToken"].to_string()]);
    // What was just given is presented in the next moment, without having been
    // used for anything else.
    for at in [here, here, there, there, here] {
        pair = go_on(at, &pair).await;
        assert!(given.insert(pair["refreshToken"].to_string()), "each is another");
    }

    for at in [here, there] {
        enter(at, &pair).await.expect(200);
    }
    assert_eq!(Chain::of(&database, &pair).await.counted().await, (6, 1));
}

/// Asks for the next pair and is gone before the answer is read; what is
/// kept of the successor that nobody was told of.
async fn lose_the_answer(at: &Client, pair: &Value, chain: &Chain) -> Vec<u8> {
    let (before, body) = (chain.tip().await, json!({ "refreshToken": pair["refreshToken"] }));
    let body = body.to_string();
    let request = format!(
        "POST /api/auth/refresh HTTP/1.1\r\nHost: sayso\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut line = wire::connect(at.base()).await;
    line.write_all(request.as_bytes()).await.unwrap();
    until("the exchange", SOON, async || {
        let tip = chain.tip().await;
        (tip != before).then_some(tip)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_given_again_until_its_time_is_over() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ann, first) = (&company.ann, &company.ann.login);
    let chain = Chain::of(&database, first).await;
    let lost = lose_the_answer(ann, first, &chain).await;

    let (again, and_again) = (go_on(ann, first).await, go_on(ann, first).await);

    assert_eq!(again["refreshToken"], and_again["refreshToken"]);
    assert_eq!(kept(&again), lost, "it is the one that was made for the lost answer");
    assert_eq!(chain.counted().await, (2, 1));
    enter(ann, &again).await.expect(200);
    let third = go_on(ann, &again).await;

    // Lost once more, and asked for when the thirty seconds have passed.
    lose_the_answer(ann, &third, &chain).await;
    let owner = database.owner().await;
    let later = "UPDATE refresh_tokens SET replaced_at = replaced_at - interval '30 s'
                 WHERE hash = $1";
    assert_eq!(owner.execute(later, &[&kept(&third)]).await.unwrap(), 1);
    let late = refresh(ann, &third["refreshToken"]).await;
    assert_eq!((late.status.as_u16(), late.code()), (401, REVOKED));
    assert_eq!(enter(ann, &third).await.code(), REVOKED);
}

/// The one before the last is no lost answer, however soon it comes and from
/// wherever; neither is the last, once its successor was used at a socket.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_last_exchange_ends_the_session_within_the_grace() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let ann = &company.ann;
    for is_stolen in [false, true] {
        let zero = Client::login(ann.base(), "ann@example.com", PASSWORD).await.login;
        let one = go_on(ann, &zero).await;
        let two = go_on(ann, &one).await;
        let again = go_on(ann, &one).await;
        assert_eq!(again["refreshToken"], two["refreshToken"], "the last may be asked for again");

        let replayed = if is_stolen {
            steal(ann, &zero).await
        } else {
            refresh(ann, &zero["refreshToken"]).await
        };

        assert_eq!((replayed.status.as_u16(), replayed.code()), (401, REVOKED), "{is_stolen}");
        for pair in [&zero, &one, &two] {
            assert_eq!(refresh(ann, &pair["refreshToken"]).await.code(), REVOKED, "{is_stolen}");
            assert_eq!(enter(ann, pair).await.code(), REVOKED, "{is_stolen}");
        }
    }

    let one = go_on(ann, &ann.login).await;
    let mut at_a_socket = ann.clone();
    at_a_socket.login = one.clone();
    let sockets = Sockets::start();
    connect(&sockets, "ann", &at_a_socket).await;
    assert_eq!(steal(ann, &ann.login).await.code(), REVOKED);
    assert_eq!(enter(ann, &one).await.code(), REVOKED);
}

/// How long after `done` the token of the pair was refused.
async fn refused_after(at: &Client, pair: &Value, done: Instant) -> Duration {
    until("the access token to be refused", SOON, async || {
        (enter(at, pair).await.code() == REVOKED).then(|| done.elapsed())
    })
    .await
}

/// How long after `done` the socket was told that it is over.
async fn closed_after(sockets: &Sockets, id: &str, done: Instant) -> Duration {
    let closed = sockets.until_heard(id, "session.closed").await;
    let took = done.elapsed();
    assert_eq!(closed.payload, json!({ "code": REVOKED, "reconnect": false }), "{id}");
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_that_comes_back_kills_its_family_at_both_nodes_within_two_seconds() {
    let cluster = Cluster::found().await;
    let (ceo, ann) = (&cluster.company.ceo, &cluster.company.ann);
    let (here, there) = (ann, &cluster.there(ann));
    let spared = Client::login(ann.base(), "ann@example.com", PASSWORD).await;
    let one = go_on(here, &ann.login).await;
    let two = go_on(there, &one).await;
    let sockets = Sockets::start();
    connect(&sockets, "here", here).await;
    connect(&sockets, "there", there).await;
    connect(&sockets, "spared", &spared).await;
    // Both nodes know all of it before: what is refused later was good.
    for (at, pair) in [(here, &one), (there, &one), (here, &two), (there, &two)] {
        enter(at, pair).await.expect(200);
    }

    assert_eq!(steal(there, &ann.login).await.code(), REVOKED);
    let done = Instant::now();
    let tokens = [(here, &one), (there, &one), (here, &two), (there, &two)];
    let (closed, refused) = join(
        join_all(["here", "there"].map(|id| closed_after(&sockets, id, done))),
        join_all(tokens.map(|(at, pair)| refused_after(at, pair, done))),
    )
    .await;

    eprintln!("sockets closed after {closed:?}, tokens refused after {refused:?}");
    for took in closed.iter().chain(&refused) {
        assert!(*took < DEAD_WITHIN, "closed after {closed:?}, refused after {refused:?}");
    }
    for pair in [&ann.login, &one, &two] {
        let replays = join(steal(here, pair), refresh(there, &pair["refreshToken"])).await;
        assert_eq!((replays.0.code(), replays.1.code()), (REVOKED, REVOKED));
    }
    cluster.settle().await;
    let audit = ceo.get("/api/audit?action=auth.refresh_reuse").await.expect(200);
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1), "{audit}");
    assert_eq!(audit["items"][0]["subject"]["id"], ann.login["sessionId"], "{audit}");
    enter(there, &spared.login).await.expect(200);
    assert_eq!(sockets.count("spared", "session.closed"), 0);
}
