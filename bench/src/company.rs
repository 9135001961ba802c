//! The people and things that clients use, read from the database; the same for
//! every server, but for passwords and tokens.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use hyper::Method;
use serde_json::json;
use tokio_postgres::Client as Database;

use crate::client::{Ask, Client};

/// People who work.
pub const PEOPLE: i64 = 50;
/// People who only come in, so that nobody's session is pushed out.
const VISITORS: i64 = 20;
/// Logins at once: as many as threads that hash. More would wait for them.
const COMING_IN: usize = 2;
/// Logins that are too slow are tried so often again.
const LOGIN_TRIES: usize = 5;
/// Tasks that are read by id.
const TASKS: i64 = 400;

/// A person who works.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: String,
    /// How they come in.
    pub email: String,
    /// A channel that they are in.
    pub channel: String,
    /// Somebody else in it.
    pub colleague: String,
}

/// A company.
#[derive(Clone, Debug)]
pub struct Company {
    /// Those who work.
    pub people: Vec<Person>,
    /// E-mails of those who come in.
    pub visitors: Vec<String>,
    /// Everybody's.
    pub password: String,
    /// Tasks that everybody sees.
    pub tasks: Vec<String>,
    /// A channel that everybody is in.
    pub hall: String,
    tokens: Vec<String>,
}

/// Persons 1 to `$1` of the company, in an order that does not change. Each with
/// a public channel of theirs, not the one of all, and a colleague from there.
const WORKERS: &str = "
    SELECT u.id::text, u.email, x.channel_id::text, x.colleague::text
    FROM users u CROSS JOIN LATERAL (
        SELECT m.channel_id, o.user_id AS colleague
        FROM channel_members m JOIN channels c ON c.id = m.channel_id AND c.kind = 'public'
        JOIN channel_members o ON o.channel_id = m.channel_id AND o.user_id <> u.id
        WHERE m.user_id = u.id AND NOT c.archived AND c.deleted_at IS NULL
        ORDER BY c.member_count, c.id, o.user_id LIMIT 1) x
    WHERE u.email LIKE 'person%' AND u.active AND u.deleted_at IS NULL
    ORDER BY u.created_at LIMIT $1";

const OTHERS: &str = "
    SELECT email FROM users WHERE email LIKE 'person%' AND active AND deleted_at IS NULL
    ORDER BY created_at DESC LIMIT $1";

const SEEN_BY_ALL: &str = "
    SELECT t.id::text FROM tasks t JOIN channels c ON c.id = t.channel_id
    WHERE c.kind = 'public' AND c.deleted_at IS NULL AND t.deleted_at IS NULL
    ORDER BY t.created_at DESC LIMIT $1";

const HALL: &str = "
    SELECT id::text FROM channels WHERE kind = 'public' AND deleted_at IS NULL
    ORDER BY member_count DESC, id LIMIT 1";

/// Everybody comes in with the password of the first person, and has nothing
/// else to show: a second factor would be one more request.
const ONE_PASSWORD: &str = "
    DELETE FROM second_factors;
    UPDATE users SET password_change_due = false, password_hash = (
        SELECT password_hash FROM users WHERE email = 'person1@scale.example')";

impl Company {
    /// Reads one, and lets everybody in with `password`, which is the one of the
    /// first person.
    pub async fn read(db: &Database, password: &str) -> Result<Self> {
        db.batch_execute(ONE_PASSWORD).await.context("give everybody a password")?;
        let people: Vec<Person> = db
            .query(WORKERS, &[&PEOPLE])
            .await?
            .iter()
            .map(|row| Person {
                id: row.get(0),
                email: row.get(1),
                channel: row.get(2),
                colleague: row.get(3),
            })
            .collect();
        ensure!(people.len() > 4, "the company is too small to be measured in");
        let texts = async |sql: &str, count: i64| -> Result<Vec<String>> {
            let rows = db.query(sql, &[&count]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        };
        Ok(Self {
            people,
            visitors: texts(OTHERS, VISITORS).await?,
            password: password.to_owned(),
            tasks: texts(SEEN_BY_ALL, TASKS).await?,
            hall: db.query_one(HALL, &[]).await?.get(0),
            tokens: Vec::new(),
        })
    }

    /// The same as another server knows it: everybody comes in there.
    pub async fn come_in(&self, address: SocketAddr, password: &str) -> Result<Arc<Self>> {
        let tokens = self.people.iter().map(async |person| -> Result<String> {
            let mut client = Client::connect(address, None).await?;
            let body = json!({ "email": person.email, "password": password });
            let ask = Ask::send(Method::POST, "/api/auth/login", body);
            let mut answer = client.ask(&ask).await?;
            // A machine that does much besides may be too slow for a hash.
            for _ in 0..LOGIN_TRIES {
                if answer.status != 503 {
                    break;
                }
                answer = client.ask(&ask).await?;
            }
            let told = answer.json().with_context(|| format!("{} comes in", person.email))?;
            Ok(told["accessToken"].as_str().context("a login is answered a token")?.to_owned())
        });
        let tokens = iter(tokens).buffered(COMING_IN).try_collect().await?;
        Ok(Arc::new(Self { password: password.to_owned(), tokens, ..self.clone() }))
    }

    /// The token of the client with a number.
    pub fn token(&self, number: usize) -> &str {
        &self.tokens[number % self.tokens.len()]
    }

    /// Who that is.
    pub fn person(&self, number: usize) -> &Person {
        &self.people[number % self.people.len()]
    }
}
