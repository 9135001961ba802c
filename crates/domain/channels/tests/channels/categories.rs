//! Categories: who makes them, where they may stand, and what is in them.

use sayso_access::Role;
use sayso_channels::category::{
    self, CATEGORY_LEVELS_MAX, CategoryEdit, CategoryFilter, CategoryKind,
};
use sayso_channels::error::{CATEGORY_CIRCLE, CATEGORY_HAS_CHILDREN, CATEGORY_NAME_TAKEN};
use sayso_channels::filter::{ChannelFilter, Sort};
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, STALE};
use sayso_kernel::{Kind, Patch};

use crate::company::Company;

fn under(parent: &category::Category) -> CategoryEdit {
    CategoryEdit { parent_id: Patch::Set(parent.id), ..CategoryEdit::default() }
}

#[tokio::test]
async fn managers_make_categories_the_company_hears_of_it_and_staff_may_not() {
    let company = Company::new().await;
    let manager = company.person("manager", Role::Manager).await;
    let staff = company.person("staff", Role::Staff).await;

    let refused = company.category(&staff, "Ads", CategoryKind::Task, None).await;
    let made = company.category(&manager, "Ads", CategoryKind::Task, None).await.expect("made");
    let renamed = CategoryEdit { name: Some("Adverts".into()), ..CategoryEdit::default() };
    let renamed = company.edit(&manager, &made, renamed).await.expect("edited");
    let stale = company.edit(&manager, &made, CategoryEdit::default()).await;
    company.delete(&manager, made.id).await.expect("deleted");

    assert!(refused.is_err_and(|fault| fault.is(&FORBIDDEN)));
    assert_eq!((renamed.version, renamed.revision, renamed.name.as_str()), (2, 2, "Adverts"));
    assert!(stale.is_err_and(|fault| fault.is(&STALE)));
    let ctx = company.stage.as_actor(&staff);
    let gone = category::get(&mut company.database.db().read(), &ctx, made.id).await;
    assert!(gone.is_err_and(|fault| fault.is(&NOT_FOUND)));
    let heard: Vec<_> =
        company.heard().await.into_iter().filter(|(kind, _)| kind.starts_with("cat")).collect();
    let company_hears = |kind: &str| (kind.to_owned(), vec!["company".to_owned()]);
    let wanted = ["category.created", "category.updated", "category.deleted"];
    assert_eq!(heard, wanted.map(company_hears));
    company.end().await;
}

#[tokio::test]
async fn a_name_is_taken_among_siblings_only_and_a_tree_is_of_one_kind() {
    let company = Company::new().await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let task = |name, parent| company.category(&ceo, name, CategoryKind::Task, parent);
    let work = task("Work", None).await.expect("made");

    let inside = task("Work", Some(&work)).await;
    let again = task("WORK", None).await;
    let channels = company.category(&ceo, "Work", CategoryKind::Channel, None).await;
    let mixed = company.category(&ceo, "Talk", CategoryKind::Channel, Some(&work)).await;

    let inside = inside.expect("another place");
    assert!(again.is_err_and(|fault| fault.is(&CATEGORY_NAME_TAKEN)));
    assert!(channels.is_ok());
    assert_eq!(mixed.expect_err("another kind").errors()[0].code, "category.unknown");
    let up = CategoryEdit { parent_id: Patch::Clear, ..CategoryEdit::default() };
    let moved = company.edit(&ceo, &inside, up).await;
    assert!(moved.is_err_and(|fault| fault.is(&CATEGORY_NAME_TAKEN)));
    company.end().await;
}

#[tokio::test]
async fn a_category_never_stands_below_itself_even_when_two_move_at_once() {
    let company = Company::new().await;
    let ceo = company.person("ceo", Role::Ceo).await;
    for round in 0..10 {
        let make = async |name: &str| {
            let name = format!("{name} {round}");
            company.category(&ceo, &name, CategoryKind::Task, None).await.expect("made")
        };
        let (a, b) = (make("a").await, make("b").await);

        let moves =
            tokio::join!(company.edit(&ceo, &a, under(&b)), company.edit(&ceo, &b, under(&a)),);

        let refusal = match moves {
            (Ok(_), Err(fault)) | (Err(fault), Ok(_)) => fault,
            both => panic!("one is moved and one refused: {both:?}"),
        };
        assert!(refusal.is(&CATEGORY_CIRCLE), "{refusal:?}");
    }
    let client = company.database.app().await;
    let left = client.query_one(
        "WITH RECURSIVE up AS (
             SELECT id AS start, parent_id, 1 AS step FROM categories
             UNION ALL
             SELECT up.start, c.parent_id, up.step + 1 FROM up
             JOIN categories c ON c.id = up.parent_id WHERE up.step < 50)
         SELECT count(*) FROM up WHERE parent_id = start",
        &[],
    );
    assert_eq!(left.await.expect("readable").get::<_, i64>(0), 0);
    company.end().await;
}

#[tokio::test]
async fn a_tree_has_a_bounded_number_of_levels_also_for_what_is_moved_with_its_branch() {
    let company = Company::new().await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let task = async |name: String, parent: Option<category::Category>| {
        company.category(&ceo, &name, CategoryKind::Task, parent.as_ref()).await
    };
    let mut deepest = None;
    for level in 0..CATEGORY_LEVELS_MAX {
        deepest = Some(task(format!("level {level}"), deepest).await.expect("made"));
    }
    let branch = task("branch".into(), None).await.expect("made");
    task("leaf".into(), Some(branch.clone())).await.expect("made");

    let deeper = task("one more".into(), deepest.clone()).await;
    let line = deepest.expect("a leaf");
    let above = line.parent_id.expect("a parent");
    let moved = CategoryEdit { parent_id: Patch::Set(above), ..CategoryEdit::default() };
    let moved = company.edit(&ceo, &branch, moved).await;

    for refused in [deeper, moved] {
        assert_eq!(refused.expect_err("too deep").errors()[0].code, "category.too_deep");
    }
    company.end().await;
}

#[tokio::test]
async fn what_is_in_a_category_is_found_by_it_and_a_category_with_children_stays() {
    let company = Company::new().await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let teams = company.category(&ceo, "Teams", CategoryKind::Channel, None).await.expect("made");
    let inner = company.category(&ceo, "Inner", CategoryKind::Channel, Some(&teams)).await;
    let inner = inner.expect("made");
    let tasks = company.category(&ceo, "Tasks", CategoryKind::Task, None).await.expect("made");

    let inside = company.channel(&ceo, "inside", Some(inner.id)).await.expect("made");
    company.channel(&ceo, "outside", None).await.expect("made");
    let wrong = company.channel(&ceo, "wrong", Some(tasks.id)).await.expect_err("wrong kind");
    let kept = company.delete(&ceo, teams.id).await.expect_err("it has children");
    company.delete(&ceo, inner.id).await.expect("deleted");
    let late = company.channel(&ceo, "late", Some(inner.id)).await.expect_err("deleted");

    assert_eq!((wrong.kind(), wrong.errors()[0].code), (Kind::Invalid, "category.unknown"));
    assert!(kept.is(&CATEGORY_HAS_CHILDREN));
    assert_eq!(late.errors()[0].code, "category.unknown");
    let ctx = company.stage.as_actor(&ceo);
    let mut db = company.database.db().read();
    let filter = ChannelFilter { category_ids: Some(vec![inner.id]), ..ChannelFilter::default() };
    let found =
        sayso_channels::service::list(&mut db, &ctx, &filter, Sort::default(), None, 20).await;
    let found: Vec<_> = found.expect("a page").items.iter().map(|(c, _)| c.id).collect();
    assert_eq!(found, [inside.id]);
    let filter = CategoryFilter { kind: Some(CategoryKind::Channel), parent_id: None };
    let named = category::list(&mut db, &ctx, &filter, None, 20).await.expect("a page");
    let names: Vec<_> = named.items.iter().map(|category| category.name.as_str()).collect();
    assert_eq!(names, ["Teams"]);
    company.end().await;
}

#[tokio::test]
async fn a_restored_category_holds_what_it_held_unless_its_name_or_its_parent_is_gone() {
    let company = Company::new().await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let staff = company.person("staff", Role::Staff).await;
    let make = async |name: &str, parent: Option<&category::Category>| {
        company.category(&ceo, name, CategoryKind::Channel, parent).await.expect("made")
    };
    let above = make("Above", None).await;
    let inner = make("Inner", Some(&above)).await;
    let kept = company.channel(&ceo, "kept", Some(inner.id)).await.expect("made");
    for id in [inner.id, above.id] {
        company.delete(&ceo, id).await.expect("deleted");
    }

    let refused = company.restore(&staff, inner.id).await;
    let back = company.restore(&ceo, inner.id).await.expect("restored");
    let again = company.restore(&ceo, inner.id).await.expect("no change");
    make("Above", None).await;
    let late = company.restore(&ceo, above.id).await;

    assert!(refused.is_err_and(|fault| fault.is(&FORBIDDEN)));
    assert_eq!((back.parent_id, back.version), (None, 3));
    assert_eq!(again, back);
    assert!(late.is_err_and(|fault| fault.is(&CATEGORY_NAME_TAKEN)));
    let ctx = company.stage.as_actor(&ceo);
    let mut db = company.database.db().read();
    let filter = ChannelFilter { category_ids: Some(vec![back.id]), ..ChannelFilter::default() };
    let found =
        sayso_channels::service::list(&mut db, &ctx, &filter, Sort::default(), None, 20).await;
    let found: Vec<_> = found.expect("a page").items.iter().map(|(c, _)| c.id).collect();
    assert_eq!(found, [kept.id]);
    company.end().await;
}
