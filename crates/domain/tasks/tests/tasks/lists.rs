//! Lists of tasks with a search, and in channels that are gone.

use sayso_access::{Actor, Role};
use sayso_channels::model::ChannelKind;
use sayso_kernel::Fault;
use sayso_tasks::filter::{RELEVANCE, Sort, TaskFilter};
use sayso_tasks::model::Draft;
use sayso_tasks::service;

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
    let foreign = TaskFilter { created_by: Some(bob.user_id), ..search("boards") };
    assert_eq!(titles(&company, &ann, &foreign, best).await.expect("a list"), [""; 0]);
    let refused = titles(&company, &ann, &search(&"a ".repeat(17)), best).await;
    assert_eq!(refused.expect_err("too many").errors()[0].code, "search.too_many_terms");
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
