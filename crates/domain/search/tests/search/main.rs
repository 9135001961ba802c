//! Search on a real database: what is found and in which order, what nobody
//! may see, and that no question breaks anything.

mod past;
mod trash;

use std::time::Duration;

use proptest::prelude::*;
use sayso_access::{Actor, Role};
use sayso_cache::Cache;
use sayso_channels::model::{ChannelKind, Draft as ChannelDraft};
use sayso_channels::{ChannelId, MemberRole};
use sayso_kernel::{Fault, Kind as FaultKind};
use sayso_messages::model::Draft as MessageDraft;
use sayso_search::Kind;
use sayso_search::service::{Answer, search};
use sayso_testkit::{TestCtx, TestDatabase};
use sayso_users::{Credential, Email, Invitation, NewUser};
use serde_json::json;

/// A company in a database of its own.
struct Company {
    database: TestDatabase,
    stage: TestCtx,
}

impl Company {
    async fn new() -> Self {
        Self { database: TestDatabase::new().await, stage: TestCtx::new() }
    }

    async fn person(&self, name: &str, role: Role) -> Actor {
        let ctx = self.stage.system();
        let address = format!("p{}@example.com", ctx.new_id().simple());
        let email = Email::parse(&address).expect("an address");
        let invited = Credential::Invited(Invitation::new(&ctx));
        let new = NewUser::new(&ctx, email, name.to_owned(), role, invited);
        let user_id = new.id;
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_users::service::create_in(tx, ctx, new.clone()).await
        });
        made.await.expect("a person is made");
        Actor { user_id, ..self.stage.actor(role) }
    }

    async fn channel(&self, owner: &Actor, name: &str, kind: ChannelKind) -> ChannelId {
        let ctx = self.stage.as_actor(owner);
        let draft = ChannelDraft {
            name: Some(name.to_owned()),
            description: String::new(),
            kind,
            category_id: None,
            members: Vec::<(_, MemberRole)>::new(),
            metadata: json!({}),
        };
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_channels::service::create_in(tx, ctx, &draft).await
        });
        made.await.expect("a channel is made").channel.id
    }

    async fn say(&self, actor: &Actor, channel: ChannelId, content: &str) {
        self.stage.advance(Duration::from_secs(1));
        let draft = MessageDraft {
            content: content.to_owned(),
            thread_id: None,
            client_id: None,
            mentions: Vec::new(),
            metadata: json!({}),
        };
        let ctx = self.stage.as_actor(actor);
        let sent = sayso_messages::service::send(self.database.db(), &ctx, channel, &draft);
        sent.await.expect("a message is sent");
    }

    /// A task of `actor`, written past the service: what tasks hold is theirs.
    async fn task(&self, actor: &Actor, title: &str, description: &str, status: &str) {
        self.stage.advance(Duration::from_secs(1));
        let ctx = self.stage.as_actor(actor);
        let client = self.database.owner().await;
        let done = (status == "done").then(|| ctx.now());
        client
            .execute(
                "INSERT INTO tasks (id, title, description, status, created_by, completed_at,
                                    created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
                &[&ctx.new_id(), &title, &description, &status, &actor.user_id, &done, &ctx.now()],
            )
            .await
            .expect("a task is written");
    }

    async fn ask(&self, actor: &Actor, text: &str) -> Result<Answer, Fault> {
        let ctx = self.stage.as_actor(actor);
        search((&Cache::off(), self.database.db()), &ctx, (text, &Kind::ALL), None, 20).await
    }

    /// The snippets found, best first.
    async fn finds(&self, actor: &Actor, text: &str) -> Vec<String> {
        let answer = self.ask(actor, text).await.expect("an answer");
        answer.page.items.into_iter().map(|hit| hit.found.snippet).collect()
    }
}

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_search::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

#[tokio::test]
async fn words_parts_of_words_phrases_and_exclusions_find_what_they_say() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let general = company.channel(&ann, "general", ChannelKind::Public).await;
    for content in [
        "The spring budget is ready",
        "Budgeting for the spring release",
        "QA found a bug in release 2.0",
        "Nothing to see (50% off_season)",
    ] {
        company.say(&ann, general, content).await;
    }

    let cases: &[(&str, usize)] = &[
        ("budget", 2),
        ("udge", 2),
        ("BUDGET -ready", 1),
        ("\"spring release\"", 1),
        ("\"release spring\"", 0),
        ("ready OR bug", 2),
        ("spring ready OR release", 2),
        ("qa", 1),
        ("ug", 0),
        ("2.0", 1),
        ("50%", 1),
        ("off_s", 1),
        ("%", 0),
        ("b_dget", 0),
        ("-budget", 2),
    ];

    for (text, count) in cases {
        let found = company.finds(&ann, text).await;
        let messages = found.iter().filter(|it| !it.starts_with("general")).count();
        let people = usize::from(*text == "-budget");
        assert_eq!(messages, count + people, "{text}: {found:?}");
    }
}

#[tokio::test]
async fn accents_case_and_other_scripts_are_found_from_two_characters_on() {
    let company = Company::new().await;
    let ann = company.person("Zoë Müller", Role::Manager).await;
    let general = company.channel(&ann, "general", ChannelKind::Public).await;
    for content in [
        "Réunion au café",
        "项目预算会议",
        "東京オフィス",
        "한국어 회의",
        "Привет мир",
        "Ship it 🎉",
    ] {
        company.say(&ann, general, content).await;
    }

    for (text, snippet) in [
        ("cafe", "Réunion au café"),
        ("CAFÉ", "Réunion au café"),
        ("reunion", "Réunion au café"),
        ("预算", "项目预算会议"),
        ("议", "项目预算会议"),
        ("東京", "東京オフィス"),
        ("회의", "한국어 회의"),
        ("ПРИВЕТ", "Привет мир"),
        ("иве", "Привет мир"),
        ("🎉", "Ship it 🎉"),
    ] {
        assert_eq!(company.finds(&ann, text).await, [snippet], "{text}");
    }
    assert_eq!(company.finds(&ann, "项算").await, [""; 0]);
    let people = company.finds(&ann, "muller").await;
    assert!(people.len() == 1 && people[0].starts_with("Zoë Müller"), "{people:?}");
}

#[tokio::test]
async fn two_letters_are_found_wherever_a_word_begins_with_them() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let general = company.channel(&ann, "general", ChannelKind::Public).await;
    let found = [
        "HR first",
        "ask HR",
        "ask;HR",
        "(HR) knows",
        "IT/HR",
        "HRs",
        "\\HR^HR",
        "请HR确认",
        "“HR”",
        "→HR",
    ];
    for content in found.iter().chain(&["three", "xhr", "a_hr", "shr"]) {
        company.say(&ann, general, content).await;
    }
    company.task(&ann, "请HR确认", "", "todo").await;

    let mut contents = company.finds(&ann, "hr").await;
    contents.sort_unstable();
    let mut expected = [&found[..], &["请HR确认"]].concat();
    expected.sort_unstable();
    assert_eq!(contents, expected);
    for (text, content) in
        [("c++", "use C++17"), ("c#", "or C# then"), ("#7", "see #77"), ("q", "Q")]
    {
        company.say(&ann, general, content).await;
        assert_eq!(company.finds(&ann, text).await, [content], "{text}");
    }
}

#[tokio::test]
async fn only_what_the_caller_may_see_is_found() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let eve = company.person("Eve", Role::Staff).await;
    let ceo = company.person("Cleo", Role::Ceo).await;
    let secret = company.channel(&ann, "takeover", ChannelKind::Private).await;
    let open = company.channel(&ann, "lobby", ChannelKind::Public).await;
    company.say(&ann, secret, "the takeover is on friday").await;
    company.say(&ann, open, "takeover of the kitchen").await;
    company.task(&ann, "Prepare the takeover", "", "todo").await;

    assert_eq!(company.finds(&ann, "takeover").await.len(), 4);
    // A public channel is read by its members only, and nobody is above that.
    for other in [&eve, &ceo] {
        for text in ["takeover", "\"takeover\"", "ta", "-xyz type", "in:takeover friday"] {
            assert_eq!(company.finds(other, text).await, [""; 0], "{text}");
        }
    }
    assert_eq!(company.finds(&eve, "lobby").await, ["lobby"]);
}

#[tokio::test]
async fn operators_narrow_the_question() {
    let company = Company::new().await;
    let ann = company.person("Ann Lee", Role::Manager).await;
    let general = company.channel(&ann, "general", ChannelKind::Public).await;
    let random = company.channel(&ann, "random", ChannelKind::Public).await;
    company.say(&ann, general, "plan of the week").await;
    company.say(&ann, random, "plan of the party").await;
    company.task(&ann, "Plan the launch", "", "todo").await;
    company.task(&ann, "Plan the budget", "", "done").await;

    for (text, expected) in [
        ("plan in:#general", vec!["plan of the week"]),
        ("plan status:done", vec!["Plan the budget"]),
        ("status:todo,done", vec!["Plan the budget", "Plan the launch"]),
        ("plan from:nobody", vec![]),
        ("plan before:2026-01-01", vec![]),
        ("plan in:nowhere", vec![]),
    ] {
        assert_eq!(company.finds(&ann, text).await, expected, "{text}");
    }
    for text in ["plan from:me", "plan from:\"Ann Lee\"", "plan from:ann after:2026-01-01"] {
        assert_eq!(company.finds(&ann, text).await.len(), 4, "{text}");
    }
    for text in ["before:soon", "status:lost"] {
        let refused = company.ask(&ann, text).await.expect_err("it cannot be read");
        assert_eq!(refused.kind(), FaultKind::Invalid);
    }
}

#[tokio::test]
async fn a_title_counts_more_than_a_text_and_pages_hold_every_hit_once() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Staff).await;
    company.task(&ann, "Invoice", "to be sent", "todo").await;
    for index in 0..9 {
        company.task(&ann, &format!("Task {index}"), "about an invoice", "todo").await;
    }

    let ctx = company.stage.as_actor(&ann);
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let asked = ("invoice", &[Kind::Task][..]);
        let (cache, db) = (Cache::off(), company.database.db());
        let page = search((&cache, db), &ctx, asked, cursor.as_deref(), 4);
        let answer = page.await.expect("a page");
        assert_eq!((answer.considered, answer.capped), (10, false));
        seen.extend(answer.page.items.into_iter().map(|hit| hit.found));
        cursor = answer.page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(seen.len(), 10);
    assert!(seen[0].snippet.starts_with("Invoice") && seen[0].score == 1000);
    let mut ids: Vec<_> = seen.iter().map(|found| found.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10);
    assert!(seen[1].snippet.starts_with("Task 8"), "{:?}", seen[1]);
}

#[tokio::test]
async fn of_many_matches_the_newest_are_ranked_and_the_answer_says_so() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Staff).await;
    let sql = format!(
        "INSERT INTO tasks (id, title, created_by, created_at, updated_at)
         SELECT gen_random_uuid(), 'weekly report ' || n, '{}', now() + n * interval '1 second', now()
         FROM generate_series(1, 2500) n",
        ann.user_id
    );
    company.database.change(&sql).await;

    let answer = company.ask(&ann, "weekly").await.expect("an answer");

    assert_eq!((answer.considered, answer.capped), (2000, true));
    assert_eq!(answer.page.items.len(), 20);
    let old = company.ask(&ann, "\"weekly report 499\"").await.expect("an answer");
    assert_eq!((old.considered, old.capped), (1, false));
}

#[test]
fn no_question_is_ever_a_fault_of_the_server() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let company = runtime.block_on(async {
        let company = Company::new().await;
        let ann = company.person("Ann", Role::Manager).await;
        let general = company.channel(&ann, "general", ChannelKind::Public).await;
        company.say(&ann, general, "a budget (50%) for 项目预算, c++ and \\d+").await;
        company.task(&ann, "Order [a-z]* \"chairs\"", "", "todo").await;
        (company, ann)
    });
    let typed = prop_oneof![
        any::<String>(),
        "[\\PC]{0,40}",
        "([-\"a-z%_\\\\.*+?()\\[\\]{}|^$:# 项é]|OR |from:|in:|status:|after:){0,30}",
    ];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    });

    let outcome = runner.run(&typed, |text| {
        // NUL and more than 256 characters are refused at the door.
        let text: String = text.replace('\0', "").chars().take(256).collect();
        match runtime.block_on(company.0.ask(&company.1, &text)) {
            Ok(_) => Ok(()),
            // A machine that is busy with other tests may be too slow, which is
            // no fault of the question.
            Err(fault) => {
                let is_excused = [FaultKind::Invalid, FaultKind::Unavailable];
                prop_assert!(is_excused.contains(&fault.kind()), "{:?}: {:?}", text, fault);
                Ok(())
            }
        }
    });

    // The database is dropped where its connections live.
    runtime.block_on(async move { drop(company) });
    outcome.expect("every question is answered or refused");
}
