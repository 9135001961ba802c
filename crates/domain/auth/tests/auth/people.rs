//! Creating and listing people.

use std::sync::Arc;

use sayso_access::Role;
use sayso_users::filter::Filter;
use sayso_users::{repo, service};

use crate::stage::{Stage, code};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_are_created_with_one_e_mail_at_once_there_is_one() {
    let stage = Arc::new(Stage::new().await);
    let mut creating = Vec::new();
    for round in 0..10 {
        let email = if round % 2 == 0 { "ann@example.com" } else { "ANN@Example.com" };
        let (stage, new) = (Arc::clone(&stage), stage.draft(email, Role::Staff).await);
        creating.push(tokio::spawn(async move { stage.create(new).await }));
    }

    let mut codes = Vec::new();
    for result in creating {
        codes.push(code(&result.await.expect("it does not panic")));
    }

    codes.sort_unstable();
    assert_eq!(codes[0], "ok");
    assert!(codes[1..].iter().all(|code| *code == "user.email_taken"), "{codes:?}");
    assert_eq!(stage.facts("user.created").await, 1);
}

#[tokio::test]
async fn a_manager_is_somebody_who_may_come_in() {
    let stage = Stage::new().await;
    let boss = stage.person("boss@example.com", Role::Manager).await;
    let mut ann = stage.draft("ann@example.com", Role::Staff).await;
    ann.manager_id = Some(boss.id);
    let mut bob = stage.draft("bob@example.com", Role::Staff).await;
    bob.manager_id = Some(bob.id);
    let mut eve = stage.draft("eve@example.com", Role::Staff).await;
    eve.manager_id = Some(boss.id);

    assert_eq!(code(&stage.create(ann).await), "ok");
    assert_eq!(code(&stage.create(bob).await), "request.invalid");
    stage.database.change("UPDATE users SET active = false WHERE role = 'manager'").await;
    assert_eq!(code(&stage.create(eve).await), "request.invalid");
}

#[tokio::test]
async fn pages_show_everybody_once_and_the_deleted_only_to_who_asks_by_id() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        // Some are created at one time: then their ids decide.
        stage.ctx.advance(std::time::Duration::from_secs(number / 3));
        let email = format!("user{number}@example.com");
        ids.push(stage.person(&email, Role::Staff).await.id);
    }
    stage.database.change("UPDATE users SET deleted_at = now() WHERE email LIKE 'user3@%'").await;
    let (ctx, mut db) = (stage.ctx.acting(Role::Staff), stage.database.db().read());

    let all = Filter::default();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = service::list(&mut db, &ctx, &all, 2, cursor.as_deref()).await;
        let page = page.expect("it is listed");
        seen.extend(page.items.iter().map(|user| user.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }

    let deleted = ids.remove(3);
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(seen.len(), sorted.len(), "nobody twice");
    ids.sort_unstable();
    assert_eq!(sorted, ids);
    let named = Filter { ids: Some(vec![deleted]), ..Filter::default() };
    let page = service::list(&mut db, &ctx, &named, 20, None).await.expect("it is listed");
    assert_eq!(page.items.len(), 1);
    let managers = Filter { roles: Some(vec![Role::Manager]), ..Filter::default() };
    let page = service::list(&mut db, &ctx, &managers, 20, None).await.expect("it is listed");
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn people_are_found_by_what_they_are_known_by_and_noted_at_most_once_a_minute() {
    let stage = Stage::new().await;
    let boss = stage.person("boss@example.com", Role::Manager).await;
    let ann = stage.person("Ann@Example.com", Role::Staff).await;
    let (db, ctx) = (stage.database.db(), stage.ctx.acting(Role::Staff));
    let touch = async |seconds: u64| {
        let at = ctx.now() + std::time::Duration::from_secs(seconds);
        let seen = [(boss.id, at), (ann.id, at)];
        let noted =
            db.transaction(&ctx, async move |tx, _| Ok(repo::touch(tx, &seen).await?.len()));
        noted.await.expect("noted")
    };

    let by_email = repo::find_by_email(&mut db.read(), "ann@example.com").await.expect("read");
    let managers = repo::find_by_role(&mut db.read(), Role::Manager, 10).await.expect("read");
    let noted = [touch(0).await, touch(59).await, touch(60).await];

    assert_eq!(by_email.map(|user| user.id), Some(ann.id));
    assert_eq!(managers.iter().map(|user| user.id).collect::<Vec<_>>(), [boss.id]);
    assert_eq!(noted, [2, 0, 2]);
    let after = repo::lookup(&mut db.read(), ann.id).await.expect("read").expect("there");
    assert_eq!((after.revision, after.version), (ann.revision, ann.version));
    stage.database.change("UPDATE users SET deleted_at = now() WHERE role = 'manager'").await;
    let managers = repo::find_by_role(&mut db.read(), Role::Manager, 10).await.expect("read");
    assert!(managers.is_empty() && touch(600).await == 1);
}
