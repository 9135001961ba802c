//! Lists with a search for a word of which there are more than one look into an
//! index takes in: the same list as if all of them had been sorted.

use std::collections::BTreeSet;

use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_tasks::filter::{RELEVANCE, Sort, TaskFilter};
use sayso_tasks::service;
use sayso_tasks::status::Status;

use crate::company::Company;

impl Company {
    /// `count` tasks, the newest `age` seconds old and each a second older, with
    /// what `title` says of the number `n`. Each eighth stands in the channel.
    async fn filled(
        &self,
        maker: &Actor,
        channel: ChannelId,
        (count, age): (i32, i32),
        title: &str,
    ) {
        let sql = format!(
            "INSERT INTO tasks (id, channel_id, title, status, priority, tags, due_date, created_by,
                                assigned_to, created_at, updated_at)
             SELECT gen_random_uuid(), CASE WHEN n % 8 = 0 THEN $2::uuid END, {title},
                    CASE WHEN n % 5 = 0 THEN 'review' ELSE 'todo' END, n % 4,
                    CASE WHEN n % 3 = 0 THEN ARRAY['fair'] ELSE '{{}}' END,
                    CASE WHEN n % 2 = 0 THEN now() + (n % 700) * interval '1 hour' END, $1::uuid,
                    CASE WHEN n % 500 = 0 THEN ARRAY[$1::uuid] ELSE '{{}}' END,
                    now() - ({age} + n) * interval '1 second',
                    now() - (n * 7919 % 10007) * interval '1 minute'
             FROM generate_series(1, {count}) AS n"
        );
        let owner = self.database.owner().await;
        owner.execute(&sql, &[&maker.user_id, &channel]).await.expect("made");
    }

    /// A page of titles, and where the next one begins.
    async fn found(
        &self,
        reader: &Actor,
        filter: &TaskFilter,
        sort: Sort,
        cursor: Option<&str>,
    ) -> (Vec<String>, Option<String>) {
        let (ctx, mut db) = (self.stage.as_actor(reader), self.database.db().read());
        let page = service::list(&mut db, &ctx, filter, sort, cursor, 100).await.expect("a page");
        (page.items.into_iter().map(|task| task.title).collect(), page.next_cursor)
    }

    /// All pages, one after the other; `between` happens before each but the first.
    async fn pages(
        &self,
        reader: &Actor,
        (filter, sort): (&TaskFilter, Sort),
        between: impl AsyncFn(),
    ) -> Vec<String> {
        let (mut all, mut cursor) = self.found(reader, filter, sort, None).await;
        while let Some(from) = cursor {
            between().await;
            let (more, next) = self.found(reader, filter, sort, Some(&from)).await;
            all.extend(more);
            cursor = next;
        }
        all
    }

    /// The first page as PostgreSQL has it when it sorts everything.
    async fn expected(&self, fits: &str, order: &str) -> Vec<String> {
        let sql = format!(
            "SELECT title FROM (SELECT * FROM tasks WHERE {fits}
                                ORDER BY created_at DESC, id DESC LIMIT 2000) t
             ORDER BY {order} LIMIT 100"
        );
        let rows = self.database.owner().await.query(&sql, &[]).await.expect("sorted");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn search(text: &str) -> TaskFilter {
    TaskFilter { search: Some(text.to_owned()), ..TaskFilter::default() }
}

fn sort(text: &str) -> Sort {
    Sort::parse(text).unwrap_or(RELEVANCE)
}

const ORDERS: [(&str, &str); 10] = [
    ("createdAt", "created_at, id"),
    ("-createdAt", "created_at DESC, id DESC"),
    ("updatedAt", "updated_at, id"),
    ("-updatedAt", "updated_at DESC, id DESC"),
    ("dueDate", "coalesce(due_date, 'infinity'), id"),
    ("-dueDate", "coalesce(due_date, '-infinity') DESC, id DESC"),
    ("priority", "priority, id"),
    ("-priority", "priority DESC, id DESC"),
    ("title", "lower(title), id"),
    ("-title", "lower(title) DESC, id DESC"),
];

#[tokio::test]
async fn a_middling_word_is_found_in_each_order_with_filters_and_as_far_as_the_reader_sees() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let title = "CASE WHEN n % 2 = 0 THEN 'Harvest ' ELSE 'Frost ' END || n";
    company.filled(&ann, channel, (14_000, 0), title).await;

    let word = "search_text LIKE '%harvest%'";
    let in_channel = format!("{word} AND channel_id = '{channel}'");
    for (order, sorted) in ORDERS {
        let page = async |reader, filter| company.found(reader, &filter, sort(order), None).await.0;
        let expected = async |fits: &str| company.expected(fits, sorted).await;

        assert_eq!(page(&ann, search("harvest")).await, expected(word).await, "{order}");
        assert_eq!(page(&bob, search("harvest")).await, expected(&in_channel).await, "{order}");
        let reviewed = TaskFilter { status: Some(vec![Status::Review]), ..search("harvest") };
        let fits = format!("{word} AND status = 'review'");
        assert_eq!(page(&ann, reviewed).await, expected(&fits).await, "{order}");
        let own = TaskFilter { assigned_to: Some(vec![ann.user_id]), ..search("harvest") };
        let fits = format!("{word} AND assigned_to @> ARRAY['{}'::uuid]", ann.user_id);
        assert_eq!(page(&ann, own).await, expected(&fits).await, "{order}");
    }
    let cid = company.person("cid", Role::Staff, None).await;
    assert!(company.found(&cid, &search("harvest"), RELEVANCE, None).await.0.is_empty());
    company.end().await;
}

#[tokio::test]
async fn a_word_that_only_old_tasks_have_is_found_behind_all_newer_ones() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[]).await;
    company.filled(&ann, channel, (11_000, 0), "'Frost ' || n").await;
    let title =
        "'Harvest of ' || CASE WHEN n = 6500 THEN 'the cellar' ELSE n::text END || ' 收成 hv'";
    company.filled(&ann, channel, (6_500, 20_000), title).await;

    for text in ["harvest", "收成", "hv"] {
        let (newest, _) = company.found(&ann, &search(text), sort("-createdAt"), None).await;
        assert_eq!((newest.len(), &*newest[0]), (100, "Harvest of 1 收成 hv"), "{text}");
        let (oldest, _) = company.found(&ann, &search(text), sort("createdAt"), None).await;
        assert_eq!(oldest[0], "Harvest of 2000 收成 hv", "{text}");
    }
    let (found, _) = company.found(&ann, &search("harvest cellar"), RELEVANCE, None).await;
    assert_eq!(found, ["Harvest of the cellar 收成 hv"]);
    company.end().await;
}

#[tokio::test]
async fn a_word_that_the_newest_tasks_have_is_found_in_old_ones_as_well() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[]).await;
    company.filled(&ann, channel, (400, 0), "'Harvest ' || n").await;
    company.filled(&ann, channel, (13_000, 1_000), "'Frost ' || n").await;
    company.filled(&ann, channel, (300, 20_000), "'Harvest, old ' || n").await;

    for order in ["relevance", "createdAt", "-title"] {
        let asked = (&search("harvest"), sort(order));
        assert_eq!(company.pages(&ann, asked, async || {}).await.len(), 700, "{order}");
    }
    company.end().await;
}

#[tokio::test]
async fn pages_of_a_middling_word_neither_skip_nor_repeat_while_tasks_are_made() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[]).await;
    // Seen by nobody who asks, so that strides are what is left.
    let eve = company.person("eve", Role::Manager, None).await;
    let hidden = company.channel(&eve, ChannelKind::Private, &[]).await;
    company.filled(&eve, hidden, (6_100, 9), "'Harvest, hidden ' || n").await;
    let title = "CASE WHEN n % 4 = 0 THEN 'Harvest ' ELSE 'Frost ' END || n";
    company.filled(&ann, channel, (8_000, 0), title).await;

    for order in ["relevance", "-createdAt", "title"] {
        let asked = (&search("harvest"), sort(order));
        let all = company.pages(&ann, asked, async || {}).await;
        assert_eq!(all.len(), 2000, "{order}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 2000, "{order}");

        // Where strides end is another place for each page.
        let made = async || company.filled(&ann, channel, (137, -900), "'Frost, new ' || n").await;
        assert_eq!(company.pages(&ann, asked, made).await, all, "{order}");
    }
    company.end().await;
}
