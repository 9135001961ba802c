//! A company of any size, for measuring: the same every time, made by
//! PostgreSQL from numbers.
//!
//! All of it is one transaction, with one audited fact, so a run that is killed
//! leaves nothing. What is made has no events of its own; its members follow
//! their channels from the head of the log on. It runs as the owner of the
//! tables, which takes indexes off while it fills them.

use std::io::{IsTerminal, Write};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use sayso_access::{Ctx, Via};
use sayso_auth::AuthState;
use sayso_db::{Db, DbLimits};
use sayso_kernel::hex;
use sayso_kernel::secret::Secret;

use crate::demo::Login;
use crate::repo::scale::{self as repo, STEPS, Scale};

/// No statement of it takes longer.
const STATEMENT_MAX: Duration = Duration::from_secs(3600);
const ROWS_MAX: i64 = 100_000_000;

/// The sizes that have a name.
const NAMED: &[(&str, Scale)] = &[
    ("small", Scale { people: 100, channels: 20, messages: 50_000, tasks: 10_000 }),
    ("medium", Scale { people: 1_000, channels: 200, messages: 500_000, tasks: 100_000 }),
    ("full", Scale { people: 10_000, channels: 2_000, messages: 5_000_000, tasks: 1_000_000 }),
];

impl FromStr for Scale {
    type Err = anyhow::Error;

    /// A name, or `tasks=…,messages=…`; what is not given is as in `small`.
    fn from_str(text: &str) -> Result<Self> {
        if let Some((_, scale)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*scale);
        }
        let mut scale = NAMED[0].1;
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let count = value.replace('_', "").parse().unwrap_or(0);
            let (least, field) = match key.trim() {
                "people" => (5, &mut scale.people),
                "channels" => (1, &mut scale.channels),
                "messages" => (1, &mut scale.messages),
                "tasks" => (1, &mut scale.tasks),
                _ => bail!(
                    "give small, medium or full, or counts of people, channels, messages and \
                     tasks, as in tasks=1000,messages=5000"
                ),
            };
            ensure!((least..=ROWS_MAX).contains(&count), "{key} must be {least} to {ROWS_MAX}");
            *field = count;
        }
        Ok(scale)
    }
}

/// Makes the company, unless somebody is here already (`None`).
pub(crate) async fn make(auth: &AuthState, owner: &Db, scale: Scale) -> Result<Option<Vec<Login>>> {
    let ctx = Ctx::anonymous(Via::System, auth.app.clock.clone(), auth.app.random.clone());
    let now = ctx.now();
    let password = hex::encode(&auth.app.random.bytes::<8>());
    let hash = auth.hasher.hash(Secret::new(password.clone())).await?;
    let made = owner.transaction(&ctx, async move |tx, ctx| {
        sayso_users::repo::lock_founding(tx).await?;
        if sayso_users::service::is_founded(tx).await? {
            return Ok(None);
        }
        for step in STEPS {
            let told = Told::begin(step.what);
            repo::take(tx, step, &scale, now).await?;
            told.end();
        }
        let people = repo::first_people(tx).await?;
        for (id, ..) in &people {
            sayso_users::service::set_password_in(tx, ctx, (*id, &hash, None)).await?;
        }
        let details = serde_json::json!({
            "people": scale.people, "channels": scale.channels,
            "messages": scale.messages, "tasks": scale.tasks,
        });
        tx.emit(sayso_users::events::seeded(details, std::iter::empty()));
        Ok(Some(people))
    });
    let Some(people) = made.await? else { return Ok(None) };
    let told = Told::begin("telling the planner");
    repo::tidy(&mut owner.read()).await?;
    told.end();
    let login = |(_, name, role, email)| Login { name, email, role, password: password.clone() };
    Ok(Some(people.into_iter().map(login).collect()))
}

/// The limits of a connection that is the only one and takes its time.
pub(crate) fn limits(usual: DbLimits) -> DbLimits {
    let (statement_timeout, lock_timeout) = (STATEMENT_MAX, Duration::from_secs(10));
    DbLimits { statement_timeout, lock_timeout, ..usual }
}

/// Progress, where somebody looks.
struct Told(Option<Instant>);

impl Told {
    fn begin(what: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        eprint!("  {what:<24}");
        let _ = std::io::stderr().flush();
        Self(Some(Instant::now()))
    }

    fn end(self) {
        if let Some(begun) = self.0 {
            eprintln!("{:>8.1} s", begun.elapsed().as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use sayso_testkit::{Node, TestDatabase, judge};

    use super::*;

    #[test]
    fn a_scale_is_a_name_or_counts() {
        let counts = "tasks=7,messages=1_000".parse::<Scale>().expect("counts");

        assert_eq!((counts.tasks, counts.messages, counts.people), (7, 1000, 100));
        assert_eq!("full".parse::<Scale>().expect("a name").tasks, 1_000_000);
        for wrong in ["", "huge", "tasks=0", "tasks=x", "cats=3", "people=2"] {
            assert!(wrong.parse::<Scale>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_company_of_a_size_has_that_size_and_every_index() {
        let database = TestDatabase::new().await;
        let node = Node::start(database.db());
        let client = database.owner().await;
        let one = async |sql: &str| -> i64 { client.query_one(sql, &[]).await.expect(sql).get(0) };
        let schema = "SELECT hashtextextended(
            (SELECT string_agg(pg_get_indexdef(indexrelid), ';' ORDER BY indexrelid::regclass::text)
             FROM pg_index WHERE indrelid::regclass::text !~ '^pg_') ||
            (SELECT string_agg(conname || pg_get_constraintdef(oid), ';' ORDER BY conname)
             FROM pg_constraint WHERE contype = 'f'), 0)";
        let before = one(schema).await;
        let auth = crate::demo::tests::auth(&database).await;
        let owner = Db::new(database.owner_config(), &limits(DbLimits::from(&Default::default())));
        let scale = "people=53,channels=20,messages=700,tasks=300".parse().expect("a scale");

        let logins = make(&auth, &owner.expect("a pool"), scale).await.expect("made");

        judge::assert_settled(database.db()).await;
        assert_eq!(logins.map(|logins| logins.len()), Some(3));
        let counts = [("users", 53), ("channels", 20), ("messages", 700), ("tasks", 300)];
        for (table, count) in counts {
            assert_eq!(one(&format!("SELECT count(*) FROM {table}")).await, count, "{table}");
        }
        assert_eq!(one(schema).await, before);
        for wrong in [
            "SELECT count(*) FROM users WHERE (manager_id IS NULL) <> (role = 'ceo')",
            "SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT FROM channel_members c
             WHERE c.channel_id = m.channel_id AND c.user_id = m.sender_id)",
            "SELECT count(*) FROM channels c WHERE member_count <> (SELECT count(*)
             FROM channel_members m WHERE m.channel_id = c.id)",
            "SELECT abs((SELECT count(*) FROM follows) - (SELECT count(*) FROM channel_members))",
        ] {
            assert_eq!(one(wrong).await, 0, "{wrong}");
        }
        node.stop().await;
    }
}
