//! Lists of tasks: with a search, in channels that are gone, and of so many
//! tasks that a list is not found at one go.

use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_kernel::Fault;
use sayso_tasks::filter::{RELEVANCE, Sort, TaskFilter};
use sayso_tasks::model::Draft;
use sayso_tasks::service;
use sayso_tasks::status::Status;

use crate::company::{Company, titled};

/// The titles of all pages, each of two tasks.
async fn titles(
    company: &Company,
    actor: &Actor,
    filter: &TaskFilter,
    sort: Sort,
) -> Result<Vec<String>, Fault> {
    let (ctx, mut db) = (company.stage.as_actor(actor), company.database.db().read());
    let (mut titles, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = service::list(&mut db, &ctx, filter, sort, cursor.as_deref(), 2).await?;
        titles.extend(page.items.into_iter().map(|task| task.title));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(titles);
        }
    }
}

fn search(text: &str) -> TaskFilter {
    TaskFilter { search: Some(text.to_owned()), ..TaskFilter::default() }
}

#[tokio::test]
async fn a_search_finds_words_parts_and_beginnings_and_ranks_titles_first() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let made = [
        ("Order boards", ""),
        ("Call the shop", "Ask for boards and 预算案."),
        ("Skateboards", ""),
        ("Müller bezahlen", "QA"),
    ];
    for (title, description) in made {
        company.stage.advance(std::time::Duration::from_secs(1));
        let draft = Draft { description: description.to_owned(), ..titled(title) };
        company.create(&ann, draft).await.expect("made");
    }
    company.create(&bob, titled("Hidden boards")).await.expect("made");

    let best = RELEVANCE;
    let found =
        async |text: &str, sort| titles(&company, &ann, &search(text), sort).await.expect("a list");
    assert_eq!(found("BOARDS", best).await, ["Order boards", "Skateboards", "Call the shop"]);
    assert_eq!(found("boards ord", best).await, ["Order boards"]);
    assert_eq!(found("muller", best).await, ["Müller bezahlen"]);
    assert_eq!(found("qa", best).await, ["Müller bezahlen"]);
    assert_eq!(found("预算", best).await, ["Call the shop"]);
    assert_eq!(found("100%", best).await, [""; 0]);
    assert_eq!(found("?!", best).await, [""; 0]);
    for key in ["createdAt", "updatedAt", "dueDate", "priority", "title"] {
        for text in [key.to_owned(), format!("-{key}")] {
            let all = found("boards", Sort::parse(&text).expect("an order")).await;
            assert_eq!(all.len(), 3, "{text}");
        }
    }
    let by_title = found("boards", Sort::parse("title").expect("an order")).await;
    assert_eq!(by_title, ["Call the shop", "Order boards", "Skateboards"]);
    let foreign = TaskFilter { created_by: Some(vec![bob.user_id]), ..search("boards") };
    assert_eq!(titles(&company, &ann, &foreign, best).await.expect("a list"), [""; 0]);
    let refused = titles(&company, &ann, &search(&"a ".repeat(17)), best).await;
    assert_eq!(refused.expect_err("too many").errors()[0].code, "search.too_many_terms");
    company.end().await;
}

#[tokio::test]
async fn a_word_that_most_tasks_have_is_found_in_each_order_and_with_every_filter() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let oldest = Draft { tags: vec!["first".into()], ..titled("Oldest board") };
    company.create(&ann, oldest).await.expect("made");
    let many = "INSERT INTO tasks (id, title, created_by, created_at, updated_at)
                SELECT gen_random_uuid(), 'A board, ' || n, $1, at, at
                FROM generate_series(1, 1200) n,
                     LATERAL (SELECT now() + n * interval '1 second' AS at) t";
    company.database.owner().await.execute(many, &[&ann.user_id]).await.expect("written");

    let all = async |filter: &TaskFilter, sort: &str| {
        let sort = Sort::parse(sort).unwrap_or(RELEVANCE);
        let (ctx, mut db) = (company.stage.as_actor(&ann), company.database.db().read());
        let page = service::list(&mut db, &ctx, filter, sort, None, 100).await.expect("a list");
        page.items.into_iter().map(|task| task.title).collect::<Vec<_>>()
    };
    assert_eq!(all(&search("board"), "-createdAt").await[0], "A board, 1200");
    assert_eq!(all(&search("board"), "createdAt").await[0], "Oldest board");
    assert_eq!(all(&search("board oldest"), "relevance").await, ["Oldest board"]);
    // Few of them fit, so that all are looked at.
    let tagged = TaskFilter { tags: Some(vec!["first".into()]), ..search("board") };
    assert_eq!(all(&tagged, "relevance").await, ["Oldest board"]);
    let hidden = titles(&company, &bob, &search("board"), RELEVANCE).await.expect("a list");
    assert_eq!(hidden, [""; 0]);
    company.end().await;
}

#[tokio::test]
async fn what_stands_in_a_deleted_channel_is_out_of_everybodys_sight_until_it_is_back() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[]).await;
    let draft =
        Draft { channel_id: Some(channel), assigned_to: vec![ann.user_id], ..titled("boards") };
    let task = company.create(&ann, draft).await.expect("made").id;
    let set = async |deleted: &str| {
        let sql = format!("UPDATE channels SET deleted_at = {deleted} WHERE id = $1");
        company.database.owner().await.execute(&sql, &[&channel]).await.expect("written");
    };
    let all = async |filter| titles(&company, &ann, filter, Sort::default()).await.expect("a list");
    let (everything, boards) = (TaskFilter::default(), search("boards"));

    set("now()").await;
    assert!(company.get(&ann, task).await.is_err());
    assert_eq!((all(&everything).await.len(), all(&boards).await.len()), (0, 0));

    set("NULL").await;
    assert!(company.get(&ann, task).await.is_ok());
    assert_eq!((all(&everything).await.len(), all(&boards).await.len()), (1, 1));
    company.end().await;
}

/// more tasks than one statement looks at, several times over; with the number in the
/// title. Every second has the tag `common`, every 5,000th the tag `rare`, and
/// the first and last 3,000 stand in the channel.
async fn many(company: &Company, maker: &Actor, channel: Option<ChannelId>) {
    let sql = "INSERT INTO tasks (id, channel_id, title, tags, created_by, created_at, updated_at)
        SELECT gen_random_uuid(), CASE WHEN n <= 3000 OR n > 21000 THEN $2::uuid END,
               lpad(n::text, 5, '0'),
               CASE WHEN n % 2 = 0 THEN ARRAY['common'] ELSE '{}' END
               || CASE WHEN n % 5000 = 0 THEN ARRAY['rare'] ELSE '{}' END, $1,
               now() - make_interval(secs => n), now()
        FROM generate_series(1, 24000) AS n";
    let owner = company.database.owner().await;
    owner.execute(sql, &[&maker.user_id, &channel]).await.expect("made");
}

#[tokio::test]
async fn what_stands_far_down_an_order_is_found_on_the_first_page() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    many(&company, &ann, Some(channel)).await;
    let owner = company.database.owner().await;
    let sql = "UPDATE tasks SET status = 'review'
               WHERE title IN ('00001', '10000', '10001', '20000', '24000')";
    owner.execute(sql, &[]).await.expect("changed");
    let filter = TaskFilter { status: Some(vec![Status::Review]), ..TaskFilter::default() };
    let expected = ["00001", "10000", "10001", "20000", "24000"].map(str::to_owned);
    let found = async |filter: &TaskFilter, order: &str| {
        let order = Sort::parse(order).expect("an order");
        titles(&company, &ann, filter, order).await.expect("a list")
    };

    assert_eq!(found(&filter, "title").await, expected);
    assert_eq!(found(&filter, "-createdAt").await, expected);
    let downwards: Vec<String> = expected.iter().rev().cloned().collect();
    assert_eq!(found(&filter, "-title").await, downwards);
    assert_eq!(found(&filter, "createdAt").await, downwards);
    let of_channel = TaskFilter { channel_id: Some(vec![channel]), ..filter };
    assert_eq!(found(&of_channel, "-createdAt").await, ["00001", "24000"]);
    company.end().await;
}

#[tokio::test]
async fn a_list_is_the_same_whether_its_filter_is_sorted_or_its_order_walked() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    many(&company, &ann, Some(channel)).await;
    let page = async |filter: &TaskFilter, order: &str| {
        let (ctx, mut db) = (company.stage.as_actor(&ann), company.database.db().read());
        let order = Sort::parse(order).expect("an order");
        let page = service::list(&mut db, &ctx, filter, order, None, 100).await.expect("a page");
        page.items.into_iter().map(|task| task.title).collect::<Vec<_>>()
    };
    let tagged = |tags: &[&str]| TaskFilter {
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        ..TaskFilter::default()
    };
    let filters = [
        tagged(&["common"]),
        tagged(&["rare"]),
        tagged(&["common", "rare"]),
        TaskFilter { channel_id: Some(vec![channel]), ..TaskFilter::default() },
    ];
    let pages = async || {
        let mut pages = Vec::new();
        for filter in &filters {
            for order in ["title", "-title", "createdAt", "-priority"] {
                pages.push(page(filter, order).await);
            }
        }
        pages
    };
    // As long as the planner knows nothing, every filter is taken for a rare one.
    let sorted = pages().await;
    company.database.owner().await.batch_execute("ANALYZE tasks").await.expect("told");

    assert_eq!(pages().await, sorted);
    assert_eq!((sorted[0].len(), &*sorted[0][0]), (100, "00002"));
    assert_eq!(sorted[4], ["05000", "10000", "15000", "20000"]);
    assert_eq!(sorted[13][0], "24000");
    company.end().await;
}
