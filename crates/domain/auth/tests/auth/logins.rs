//! Coming in: by password, by invitation, by the set-up code.

use std::sync::Arc;

use sayso_access::Role;
use sayso_auth::setup::SetUp;
use sayso_auth::{Hasher, create_setup_code, login, rotation, setup};
use sayso_db::Db;
use sayso_testkit::root_key;
use sayso_users::password::HashLimits;
use sayso_users::{Credential, Email, Invitation};

use crate::stage::{LIFETIMES, LIMITS, PASSWORD, Stage, altered, code, limits, secret};

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let stage = Stage::new().await;
    let client = stage.database.app().await;

    for sql in sayso_users::statements().into_iter().chain(sayso_auth::statements()) {
        if let Err(error) = client.prepare(sql.text).await {
            panic!("{}: {error:?}", sql.name);
        }
    }
}

#[tokio::test]
async fn an_unknown_a_wrong_and_a_disabled_login_are_answered_alike_and_leave_a_trace() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    stage.person("bob@example.com", Role::Staff).await;
    stage.database.change("UPDATE users SET active = false WHERE email = 'bob@example.com'").await;

    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("ann@example.com", "wrong horse battery"),
        ("bob@example.com", PASSWORD),
    ] {
        let refused = stage.log_in(email, password).await;
        assert_eq!(code(&refused), "auth.invalid_credentials", "{email}");
    }

    assert_eq!(stage.facts("auth.login_refused").await, 3);
    assert_eq!(stage.facts("auth.logged_in").await, 0);
    let leaks = "SELECT count(*) FROM outbox WHERE audit::text LIKE '%nobody%'
                 OR audit::text LIKE '%horse%'";
    assert_eq!(stage.count(leaks, &[]).await, 0);
}

#[tokio::test]
async fn the_case_of_the_e_mail_does_not_matter() {
    let stage = Stage::new().await;
    stage.person("Änn@Example.com", Role::Ceo).await;

    assert!(stage.log_in(" äNN@EXAMPLE.COM ", PASSWORD).await.is_ok());
    assert_eq!(stage.facts("auth.logged_in").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_logins_all_get_in_while_the_hash_is_made_dearer() {
    let mut stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let dearer = HashLimits { cost: 5, ..LIMITS };
    let hasher = Hasher::new(&root_key(), dearer, stage.ctx.random.clone());
    stage.auth = altered(&stage.auth, |auth, _| auth.hasher = hasher);
    let stage = Arc::new(stage);

    let logins: Vec<_> = (0..12)
        .map(|_| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.log_in("ann@example.com", PASSWORD).await })
        })
        .collect();
    for login in logins {
        assert_eq!(code(&login.await.expect("it does not panic")), "ok");
    }

    let dear = "SELECT count(*) FROM users WHERE password_hash LIKE '$2b$05$%'";
    assert_eq!(stage.count(dear, &[]).await, 1);
    assert_eq!(stage.facts("auth.logged_in").await, 12);
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_seventy_two_hours() {
    let stage = Stage::new().await;
    let mut tokens = Vec::new();
    for email in ["ann@example.com", "bob@example.com"] {
        let mut new = stage.draft(email, Role::Staff).await;
        let invitation = Invitation::new(&stage.anonymous());
        tokens.push(invitation.token.expose().clone());
        new.credential = Credential::Invited(invitation);
        stage.create(new).await.expect("the person is created");
    }
    assert_eq!(code(&stage.log_in("ann@example.com", "").await), "auth.invalid_credentials");

    let ctx = stage.anonymous();
    let accept = async |token: &str| {
        login::accept_invitation(&stage.auth, &ctx, (token.into(), secret(PASSWORD))).await
    };
    let (one, two) = tokio::join!(accept(&tokens[0]), accept(&tokens[0]));

    assert_eq!([&one, &two].iter().filter(|result| result.is_ok()).count(), 1);
    assert!(stage.log_in("ann@example.com", PASSWORD).await.is_ok());
    assert_eq!(code(&accept("nonsense").await), "request.invalid");
    stage.ctx.advance(std::time::Duration::from_secs(72 * 3600));
    assert_eq!(code(&accept(&tokens[1]).await), "request.invalid");
    assert_eq!(stage.facts("user.invitation_accepted").await, 1);
    let kept = "SELECT count(*) FROM invitations WHERE position($1::bytea IN hash) > 0";
    assert_eq!(stage.count(kept, &[&tokens[1].as_bytes()]).await, 0);
}

fn first(code: &str, email: &str) -> SetUp {
    let email = Email::parse(email).expect("it is an address");
    SetUp { code: code.into(), email, name: "Ann".into(), password: secret(PASSWORD) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_set_up_at_once_one_is_the_ceo_and_then_there_is_no_set_up() {
    let stage = Stage::new().await;
    let (db, ctx) = (stage.database.db(), stage.anonymous());
    let code_of = async || create_setup_code(db, &ctx).await.expect("it is asked");
    let one = code_of().await.expect("there is nobody yet");
    let two = code_of().await.expect("there is nobody yet");
    let wrong = setup::set_up(&stage.auth, &ctx, first("nonsense", "eve@example.com")).await;
    assert_eq!(code(&wrong), "resource.not_found");

    let (ann, bob) = tokio::join!(
        setup::set_up(&stage.auth, &ctx, first(&one, "ann@example.com")),
        setup::set_up(&stage.auth, &ctx, first(&two, "bob@example.com")),
    );

    let (winner, loser) = if ann.is_ok() { (ann, bob) } else { (bob, ann) };
    assert_eq!(code(&loser), "resource.not_found");
    let winner = winner.expect("one is the first");
    assert_eq!(winner.user.role, Role::Ceo);
    assert!(!winner.user.password_change_due);
    assert!(stage.use_access(&winner).await.is_ok());
    assert_eq!(stage.count("SELECT count(*) FROM users", &[]).await, 1);
    for code_left in [one, two] {
        let late = setup::set_up(&stage.auth, &ctx, first(&code_left, "eve@example.com")).await;
        assert_eq!(code(&late), "resource.not_found");
    }
    assert_eq!(code_of().await, None);
}

#[tokio::test]
async fn a_set_up_code_is_good_for_an_hour() {
    let stage = Stage::new().await;
    let ctx = stage.anonymous();
    let made = create_setup_code(stage.database.db(), &ctx).await.expect("it is asked");
    let made = made.expect("there is nobody yet");
    stage.ctx.advance(setup::CODE_LIFE);

    let late = setup::set_up(&stage.auth, &ctx, first(&made, "ann@example.com")).await;

    assert_eq!(code(&late), "resource.not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_at_once_sign_with_the_same_key() {
    let stage = Stage::new().await;
    stage.database.change("DELETE FROM signing_keys").await;
    let nodes: Vec<Db> = (0..8).map(|_| stage.database.another_db(&limits())).collect();

    let starting: Vec<_> = nodes
        .into_iter()
        .map(|db| {
            let ctx = stage.anonymous();
            tokio::spawn(async move { rotation::load(&db, &ctx, &root_key(), LIFETIMES).await })
        })
        .collect();
    let mut published = Vec::new();
    for node in starting {
        let keys = node.await.expect("it does not panic").expect("there is a key");
        published.push(keys.published(stage.ctx.clock.now()));
    }

    assert!(published.iter().all(|keys| keys == &published[0]), "{published:?}");
    assert_eq!(published[0].len(), 1);
}
