//! Who hears that they were mentioned.

use std::time::Duration;

use sayso_access::{Actor, Role};
use sayso_channels::model::{NotificationLevel, Setting};
use sayso_kernel::Patch;
use sayso_notifications::model::Topic;

use crate::company::Company;
use crate::world::{level, named};

/// How many times somebody was told of a mention.
async fn mentions(company: &Company, person: &Actor) -> usize {
    let told = company.told(person).await;
    told.iter().filter(|it| it.topic == Topic::Mentioned).count()
}

/// The same of several people.
async fn each(company: &Company, people: &[&Actor]) -> Vec<usize> {
    let mut counts = Vec::new();
    for person in people {
        counts.push(mentions(company, person).await);
    }
    counts
}

#[tokio::test]
async fn whom_a_message_names_is_told_and_at_channel_tells_all_but_its_author() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let cat = company.person("cat", Role::Staff).await;
    let stranger = company.person("stranger", Role::Staff).await;
    let channel = company.channel(&ada, "launch", &[&bob, &cat]).await;

    let text = format!("{}:\n the cake?", named(&[&bob, &ada, &stranger]));
    let message = company.say(&ada, channel, &text).await;
    company.say(&ada, channel, "nobody").await;
    company.work().await;

    let told = company.told(&bob).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].topic, told[0].title.as_str()),
        (Topic::Mentioned, "ada mentioned you in #launch")
    );
    assert!(told[0].body.ends_with(": the cake?"), "{}", told[0].body);
    let resource = told[0].resource.as_ref().map(|to| (to.kind.as_str(), to.id));
    assert_eq!(resource, Some(("message", message.id.0)));
    assert_eq!(company.heard(&bob, "notification.created").await, 1);
    let people = [&ada, &bob, &cat, &stranger];
    assert_eq!(each(&company, &people).await, [0, 1, 0, 0]);

    company.say(&bob, channel, "@channel, come").await;
    company.work().await;
    assert_eq!(each(&company, &people).await, [1, 1, 1, 0], "and a stranger hears nothing");
    company.end().await;
}

#[tokio::test]
async fn an_edit_tells_those_whom_it_names_anew_and_nobody_twice() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let cat = company.person("cat", Role::Staff).await;
    let channel = company.channel(&ada, "launch", &[&bob, &cat]).await;
    let people = [&ada, &bob, &cat];
    let after = async || {
        company.work().await;
        each(&company, &people).await
    };

    let first = company.say(&ada, channel, &named(&[&bob])).await;
    assert_eq!(after().await, [0, 1, 0]);
    let both = company.reword(&ada, &first, &named(&[&bob, &cat])).await;
    assert_eq!(after().await, [0, 1, 1]);
    assert_eq!(company.told(&cat).await[0].title, "ada mentioned you in #launch");
    let less = company.reword(&ada, &both, "nobody").await;
    assert_eq!(after().await, [0, 1, 1], "whom it names no longer is told nothing");
    let back = company.revert(&ada, &less, first.version).await;
    assert_eq!(after().await, [0, 2, 1], "a restored revision names anew");

    let all = company.reword(&ada, &back, &format!("@channel {}", named(&[&bob]))).await;
    assert_eq!(after().await, [0, 3, 2]);
    let still = company.reword(&ada, &all, "@channel, please").await;
    assert_eq!(after().await, [0, 3, 2], "the channel was called before");
    let quiet = company.reword(&ada, &still, "please").await;
    company.revert(&ada, &quiet, still.version).await;
    assert_eq!(after().await, [0, 4, 3]);
    company.end().await;
}

#[tokio::test]
async fn a_channel_that_was_silenced_tells_nothing_until_its_time_is_over() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let names = ["all", "mentions", "none", "muted"];
    let mut people = Vec::new();
    for name in names {
        people.push(company.person(name, Role::Staff).await);
    }
    let everybody: Vec<&Actor> = people.iter().collect();
    let channel = company.channel(&ada, "launch", &everybody).await;
    company.set(&people[0], channel, level(NotificationLevel::All)).await;
    company.set(&people[1], channel, level(NotificationLevel::Mentions)).await;
    company.set(&people[2], channel, level(NotificationLevel::Nothing)).await;
    let until = company.ctx(&ada).now() + jiff::SignedDuration::from_secs(60);
    let muted = Setting { notification_level: None, muted_until: Patch::Set(until) };
    company.set(&people[3], channel, muted).await;

    company.say(&ada, channel, &named(&everybody)).await;
    company.say(&ada, channel, "@channel").await;
    company.work().await;
    assert_eq!(each(&company, &everybody).await, [2, 2, 0, 0]);

    company.stage.advance(Duration::from_secs(59));
    company.say(&ada, channel, &named(&everybody)).await;
    company.work().await;
    assert_eq!(each(&company, &everybody).await, [3, 3, 0, 0], "it is not over yet");

    company.stage.advance(Duration::from_secs(1));
    company.say(&ada, channel, &named(&everybody)).await;
    company.say(&ada, channel, "@channel").await;
    company.work().await;
    assert_eq!(each(&company, &everybody).await, [5, 5, 0, 2]);
    company.end().await;
}

#[tokio::test]
async fn who_has_left_by_the_time_it_is_told_hears_nothing_of_it() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let cat = company.person("cat", Role::Staff).await;
    let channel = company.channel(&ada, "launch", &[&bob, &cat]).await;

    let said = company.say(&ada, channel, &named(&[&bob, &cat])).await;
    company.say(&ada, channel, "@channel").await;
    company.leave(&bob, channel).await;
    company.reword(&ada, &said, &format!("{}!", named(&[&bob, &cat]))).await;
    company.work().await;

    assert_eq!(each(&company, &[&bob, &cat]).await, [0, 2]);
    company.end().await;
}

#[tokio::test]
async fn a_thousand_members_are_told_once_each_in_several_steps() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ada, "launch", &[&bob]).await;
    company.crowd(channel, 1_000).await;
    company.settle().await;
    company.work().await;

    company.say(&ada, channel, "@channel").await;
    company.say(&ada, channel, &named(&[&bob])).await;
    company.settle().await;
    let (worker, mut steps) = (company.worker(), 1);
    while worker.step().await.expect("the database is there") {
        steps += 1;
    }
    company.settle().await;

    assert!(steps > 1, "so many do not fit into one transaction");
    let client = company.database.app().await;
    let sql = "SELECT count(*), count(DISTINCT user_id) FROM notifications
               WHERE type = 'mentioned' AND user_id::text LIKE 'c0%'";
    let row = client.query_one(sql, &[]).await.expect("readable");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1_000, 1_000));
    assert_eq!(each(&company, &[&ada, &bob]).await, [0, 2]);
    let sql = "SELECT count(*) FROM event_log WHERE type = 'notification.created'";
    let row = client.query_one(sql, &[]).await.expect("readable");
    assert_eq!(row.get::<_, i64>(0), 1_002);
    company.end().await;
}
