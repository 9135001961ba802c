//! What lies far back: search walks there window by window, and neither loses
//! nor repeats anything on the way.

use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_search::Kind;
use sayso_search::service::{Answer, search};

use super::Company;
use sayso_cache::Cache;

impl Company {
    /// `count` messages, a minute apart, the last of them `days` days ago.
    async fn said(&self, (who, channel): (&Actor, ChannelId), days: i32, count: i32, text: &str) {
        let sql = format!(
            "INSERT INTO messages (id, channel_id, sender_id, content, created_at, updated_at)
             SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                     || substr(gen_random_uuid()::text, 14, 23))::uuid,
                    '{channel}', '{}', replace('{text}', '#', '#' || n), at, at
             FROM generate_series(1, {count}) AS n,
                  LATERAL (SELECT now() - {days} * interval '1 day'
                                  - ({count} - n) * interval '1 minute' AS at) t",
            who.user_id
        );
        self.database.change(&sql).await;
    }

    async fn messages(&self, who: &Actor, text: &str, cursor: Option<&str>, limit: u32) -> Answer {
        let ctx = self.stage.as_actor(who);
        let stores = (&Cache::off(), self.database.db());
        search(stores, &ctx, (text, &[Kind::Message]), cursor, limit).await.expect("an answer")
    }

    async fn snippets(&self, who: &Actor, text: &str) -> (Vec<String>, bool) {
        let answer = self.messages(who, text, None, 20).await;
        (answer.page.items.into_iter().map(|hit| hit.found.snippet).collect(), answer.capped)
    }
}

#[tokio::test]
async fn an_old_message_is_found_among_thousands_of_matches_that_others_see() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let bob = company.person("Bob", Role::Manager).await;
    let loud = company.channel(&ann, "harvest", ChannelKind::Public).await;
    let quiet = company.channel(&bob, "cellar", ChannelKind::Private).await;
    company.said((&bob, quiet), 600, 1, "the harvest of 1921 请hv").await;
    company.said((&ann, loud), 300, 5000, "harvest of lot # 收成 hv").await;
    company.said((&bob, quiet), 200, 1, "the harvest of 1922 收成 hv").await;
    company.said((&ann, loud), 100, 5000, "harvest of row # 收成 hv").await;
    company.said((&ann, loud), 1, 1500, "something else #").await;

    for (text, expected) in [
        ("harvest", vec!["the harvest of 1922 收成 hv", "the harvest of 1921 请hv"]),
        ("hv", vec!["the harvest of 1922 收成 hv", "the harvest of 1921 请hv"]),
        ("收成", vec!["the harvest of 1922 收成 hv"]),
        ("harvest 1921", vec!["the harvest of 1921 请hv"]),
    ] {
        let (mut found, capped) = company.snippets(&bob, text).await;
        found.sort_by(|one, other| other.cmp(one));
        assert_eq!((found, capped), (expected.into_iter().map(str::to_owned).collect(), false));
    }
    let all = company.messages(&ann, "harvest", None, 20).await;
    assert_eq!((all.considered, all.capped), (2000, true));
}

#[tokio::test]
async fn who_is_in_few_channels_finds_an_old_message_of_a_word_that_all_use() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let bob = company.person("Bob", Role::Manager).await;
    let loud = company.channel(&ann, "reports", ChannelKind::Public).await;
    let quiet = company.channel(&bob, "cellar", ChannelKind::Private).await;
    company.said((&bob, quiet), 600, 1, "the first report").await;
    company.said((&bob, quiet), 300, 3500, "temperature #").await;
    company.said((&ann, loud), 1, 2000, "report #").await;

    assert_eq!(company.snippets(&bob, "report").await, (vec!["the first report".into()], false));
    assert_eq!(
        company.snippets(&bob, "report in:cellar").await,
        (vec!["the first report".into()], false)
    );
    // Whoever is in a loud one is told that not all of it was looked at.
    company.said((&ann, loud), 2, 9000, "report #").await;
    assert!(company.messages(&ann, "-report", None, 20).await.capped);
}

#[tokio::test]
async fn pages_of_what_lies_in_many_windows_neither_skip_nor_repeat() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let general = company.channel(&ann, "general", ChannelKind::Public).await;
    company.said((&ann, general), 500, 300, "harvest by lot #").await;
    company.said((&ann, general), 400, 400, "the harvesters by lot #").await;
    company.said((&ann, general), 300, 9000, "harvest of lot #").await;
    company.said((&ann, general), 1, 1500, "something else #").await;
    company.said((&ann, general), 1, 4, "a harvest by #").await;

    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let answer = company.messages(&ann, "harvest by", cursor.as_deref(), 90).await;
        assert_eq!((answer.considered, answer.capped), (704, false));
        seen.extend(answer.page.items.into_iter().map(|hit| (hit.found.score, hit.found.id)));
        cursor = answer.page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(seen.len(), 704);
    assert!(seen.is_sorted_by(|one, next| one > next), "the best first, and each once");
    assert_eq!(seen.iter().filter(|(score, _)| *score == 1000).count(), 304);
}
