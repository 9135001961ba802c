//! Who people are elsewhere, and what is left of somebody who is erased.

use sayso_access::{Ctx, Role, SessionId, UserId};
use sayso_auth::external::{self, Identity, Sealed};
use sayso_auth::repo::device;
use sayso_db::Tx;
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Fault, Vault};
use sayso_testkit::root_key;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accounts::{ask, enable, log_in};
use crate::stage::{Stage, code};

const SUBJECT: &str = "a-subject-of-the-provider";

fn identity(provider: &str, subject: &str) -> Identity {
    Identity { provider: provider.into(), subject: subject.into() }
}

fn acting(stage: &Stage, user: UserId, role: Role) -> Ctx {
    let mut actor = stage.ctx.actor(role);
    actor.user_id = user;
    stage.ctx.as_actor(&actor)
}

async fn link(stage: &Stage, ctx: &Ctx, user: UserId, identity: &Identity) -> Result<(), Fault> {
    let sealed = Sealed::of(&stage.auth.vault, &ctx.random, ctx.new_id(), identity);
    let provider = identity.provider.clone();
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        external::link_in(tx, ctx, (user, &provider, &sealed)).await
    };
    stage.database.db().transaction(ctx, work).await
}

async fn unlink(stage: &Stage, ctx: &Ctx, user: UserId) -> Result<(), Fault> {
    let work =
        async move |tx: &mut Tx, ctx: &Ctx| external::unlink_in(tx, ctx, (user, "corp")).await;
    stage.database.db().transaction(ctx, work).await
}

async fn found(stage: &Stage, vault: &Vault, identity: &Identity) -> Option<UserId> {
    let found = external::find(&mut stage.database.db().read(), vault, identity).await;
    found.expect("the database is there")
}

#[tokio::test]
async fn an_identity_is_one_persons_is_found_and_can_be_taken_back() {
    let stage = Stage::new().await;
    let ann = stage.person("ann@example.com", Role::Staff).await.id;
    let bob = stage.person("bob@example.com", Role::Staff).await.id;
    let ceo = stage.person("ceo@example.com", Role::Ceo).await.id;
    let (own, vault) = (identity("corp", SUBJECT), &*stage.auth.vault);
    let by_ann = acting(&stage, ann, Role::Staff);
    let by_ceo = acting(&stage, ceo, Role::Ceo);

    link(&stage, &by_ann, ann, &own).await.expect("it is linked");
    assert_eq!(found(&stage, vault, &own).await, Some(ann));
    assert_eq!(found(&stage, vault, &identity("other", SUBJECT)).await, None);
    assert_eq!(found(&stage, vault, &identity("corp", "somebody else")).await, None);

    let refusals = [
        // Somebody's already; a second one of the same provider; of another person.
        (link(&stage, &by_ceo, bob, &own).await, "auth.identity_taken"),
        (link(&stage, &by_ann, ann, &identity("corp", "b")).await, "auth.identity_taken"),
        (link(&stage, &by_ann, bob, &identity("corp", "b")).await, "access.forbidden"),
        (unlink(&stage, &acting(&stage, bob, Role::Staff), ann).await, "access.forbidden"),
        (unlink(&stage, &by_ceo, bob).await, "resource.not_found"),
    ];
    for (refused, expected) in refusals {
        assert_eq!(code(&refused), expected);
    }
    stage.database.change("UPDATE users SET active = false WHERE email LIKE 'bob%'").await;
    let late = link(&stage, &by_ceo, bob, &identity("corp", "b")).await;
    assert_eq!(code(&late), "resource.not_found", "who may not come in gets no way in");

    unlink(&stage, &by_ceo, ann).await.expect("it is unlinked");
    assert_eq!(found(&stage, vault, &own).await, None);
    let facts =
        (stage.facts("auth.identity_linked").await, stage.facts("auth.identity_unlinked").await);
    assert_eq!(facts, (1, 1));
}

#[tokio::test]
async fn a_dump_without_the_root_key_names_nobody_elsewhere_and_a_new_root_key_finds_them() {
    let stage = Stage::new().await;
    let ann = stage.person("ann@example.com", Role::Staff).await.id;
    let own = identity("corp", SUBJECT);
    link(&stage, &acting(&stage, ann, Role::Staff), ann, &own).await.expect("it is linked");

    let kept = "SELECT count(*) FROM external_identities
                WHERE position($1::bytea IN subject || lookup) > 0";
    assert_eq!(stage.count(kept, &[&SUBJECT.as_bytes()]).await, 0);
    let told = "SELECT count(*) FROM outbox WHERE audit::text LIKE '%' || $1 || '%'";
    assert_eq!(stage.count(told, &[&SUBJECT]).await, 0);
    let (alone, next) = (
        Vault::new(&RootKey::new([9; 32]), &[]),
        Vault::new(&RootKey::new([9; 32]), &[root_key()]),
    );
    assert_eq!(found(&stage, &alone, &own).await, None);
    assert_eq!(found(&stage, &next, &own).await, Some(ann));
    let (db, system) = (stage.database.db(), stage.ctx.system());
    let sealed = sayso_auth::reseal::reseal(db, &system, &next, |_| ()).await.expect("it runs");
    assert_eq!((sealed.sealed, sealed.lost), (1, 0));
    assert_eq!(found(&stage, &alone, &own).await, Some(ann));
}

/// What the door keeps of a person beside their sessions.
const KEPT: &str = "
    SELECT (SELECT count(*) FROM external_identities WHERE user_id = $1)
         + (SELECT count(*) FROM second_factors WHERE user_id = $1)
         + (SELECT count(*) FROM recovery_codes WHERE user_id = $1)
         + (SELECT count(*) FROM password_resets WHERE user_id = $1)
         + (SELECT count(*) FROM api_tokens WHERE user_id = $1 AND name ~ 'laptop')
         + (SELECT count(*) FROM sessions WHERE user_id = $1 AND agent IS NOT NULL)";

#[tokio::test]
async fn of_somebody_who_is_erased_the_door_keeps_nothing_or_nothing_is_erased() {
    let stage = Stage::new().await;
    let ceo = stage.person("ceo@example.com", Role::Ceo).await.id;
    let ann = stage.person("ann@example.com", Role::Staff).await.id;
    let token = log_in(&stage, "ann@example.com").await;
    stage.log_in("ann@example.com", crate::stage::PASSWORD).await.expect("it is right");
    enable(&stage, &token).await;
    let by_ann = acting(&stage, ann, Role::Staff);
    link(&stage, &by_ann, ann, &identity("corp", SUBJECT)).await.expect("it is linked");
    let ends = stage.ctx.clock.now() + std::time::Duration::from_secs(3600);
    let body = json!({ "password": crate::stage::PASSWORD, "name": "Ann's laptop",
                       "scopes": ["read"], "expiresAt": ends.to_string() });
    assert_eq!(ask(&stage, ("POST", "/api/tokens"), Some(&token), body).await.0, 201);
    sayso_auth::reset::start(&stage.auth, &stage.ctx.system(), ann).await.expect("it is started");
    let by_ceo = acting(&stage, ceo, Role::Ceo);
    let presence = stage.auth.app.presence.clone();
    let gone = async move |tx: &mut Tx, ctx: &Ctx| {
        sayso_auth::people::delete_in(tx, ctx, &presence, (ann, None)).await
    };
    stage.database.db().transaction(&by_ceo, gone).await.expect("she is deleted");
    let erase = async || {
        let work =
            async move |tx: &mut Tx, ctx: &Ctx| sayso_auth::people::erase_in(tx, ctx, ann).await;
        stage.database.db().transaction(&stage.ctx.system(), work).await
    };
    let kept = async || stage.count(KEPT, &[&ann.0]).await;
    let arrived = async || {
        let always = (SessionId(Uuid::nil()), SessionId(Uuid::max()));
        let all = device::arrivals(&mut stage.database.db().read(), always, 10).await;
        all.expect("they can be read").len()
    };
    let named = "SELECT count(*) FROM users WHERE id = $1 AND email IS NOT NULL";
    let before = kept().await;
    assert_eq!(arrived().await, 2, "she came in twice");
    assert_eq!(before, 14, "one of each, and ten recovery codes; the reset went with the deletion");

    // The last step fails: then there is no first one.
    let broken = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                      AS $$ BEGIN RAISE 'no' USING ERRCODE = 'check_violation'; END $$;
                  CREATE TRIGGER refuse BEFORE UPDATE ON api_tokens
                      FOR EACH ROW EXECUTE FUNCTION refuse()";
    stage.database.change(broken).await;
    assert!(erase().await.is_err());
    assert_eq!((kept().await, stage.count(named, &[&ann.0]).await), (before, 1));
    stage.database.change("DROP TRIGGER refuse ON api_tokens").await;

    assert_eq!(erase().await.ok(), Some(true));
    assert_eq!((kept().await, stage.count(named, &[&ann.0]).await), (0, 0));
    assert_eq!(stage.facts("user.erased").await, 1);
    assert_eq!(arrived().await, 0, "nobody comes in by an e-mail that is gone");
    assert_eq!(ask(&stage, ("GET", "/api/auth/me"), Some(&token), Value::Null).await.0, 401);
}
