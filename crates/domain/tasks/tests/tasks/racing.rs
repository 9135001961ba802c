//! Many who edit one task at once.

use sayso_access::{Ctx, Role};
use sayso_db::Db;
use sayso_kernel::Kind;
use sayso_kernel::fault::STALE;
use sayso_tasks::TaskId;
use sayso_tasks::model::Edit;
use sayso_tasks::service;
use serde_json::json;

use crate::company::{Company, titled, update};

const WRITERS: i32 = 32;

/// Reads and edits, and where somebody was quicker, reads and edits again;
/// answers how often somebody was.
async fn edit_until_done(db: Db, ctx: Ctx, id: TaskId, title: String) -> usize {
    let mut stale = 0;
    loop {
        let task = service::get(&mut db.read(), &ctx, id).await.expect("it is there");
        let edit = Edit { title: Some(title.clone()), ..Edit::default() };
        match update(&db, &ctx, id, task.version, edit).await {
            Ok(_) => return stale,
            Err(fault) if fault.is(&STALE) => stale += 1,
            // More at once than there are connections: they are asked for patience.
            Err(fault) => assert_eq!(fault.kind(), Kind::Unavailable, "{fault}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_who_try_again_all_win_once_and_the_log_tells_their_versions_in_order() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.create(&ann, titled("plan")).await.expect("made");

    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
            tokio::spawn(edit_until_done(db, ctx, task.id, format!("plan {n}")))
        })
        .collect();
    let mut stale = 0;
    for writer in writers {
        stale += writer.await.expect("no panic");
    }

    assert!(stale > 0, "nobody was quicker than another: there was no race");
    let events = company.events().await;
    let edits = events.iter().filter(|event| event.kind == "task.updated");
    let edits: Vec<_> = edits.map(|event| (&event.data["version"], &event.data["title"])).collect();
    let versions: Vec<_> = edits.iter().map(|(version, _)| (*version).clone()).collect();
    assert_eq!(versions, (2..=WRITERS + 1).map(|version| json!(version)).collect::<Vec<_>>());
    let mut titles: Vec<_> = edits.iter().map(|(_, title)| title.to_string()).collect();
    titles.sort_unstable();
    titles.dedup();
    assert_eq!(titles.len(), edits.len(), "an edit was lost: {titles:?}");
    let last = company.get(&ann, task.id).await.expect("there");
    assert_eq!((last.version, json!(last.title)), (WRITERS + 1, edits[edits.len() - 1].1.clone()));
    company.end().await;
}
