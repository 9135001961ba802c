//! What befalls a person befalls the tokens that act in their name.

use serde_json::{Value, json};

use crate::house::{House, Member};
use crate::remembering::remembering;
use crate::stage::PASSWORD;

const ME: &str = "/api/auth/me";

/// A token that acts in the name of a member, remembered where there is a
/// memory.
async fn program(house: &House, whom: &Member, scopes: &[&str]) -> Member {
    let ends = house.stage.ctx.clock.now() + std::time::Duration::from_secs(3600);
    let body = json!({ "password": PASSWORD, "name": "CI", "scopes": scopes,
                       "expiresAt": ends.to_string() });
    let (status, made) = house.ask(whom, ("POST", "/api/tokens"), body).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().expect("a token").to_owned();
    let program = Member { id: whom.id.clone(), token, refresh: String::new() };
    for _ in 0..2 {
        assert_eq!(house.get(&program, ME).await.0, 200);
    }
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_and_a_lower_role_reach_a_token_that_is_remembered_at_once() {
    let mut house = House::new().await;
    let node = remembering(&mut house.stage).await;
    let (ceo, boss) = (&house.ceo, &house.boss);
    let program = program(&house, boss, &["read", "write"]).await;
    let category = |n: u8| json!({ "name": format!("C{n}"), "kind": "task" });
    assert_eq!(house.get(&program, "/api/users").await.0, 200);

    let deny = json!({ "add": [{ "permission": "user.list", "effect": "deny" }] });
    let grants = format!("/api/users/{}/grants", boss.id);
    assert_eq!(house.ask(ceo, ("POST", &grants), deny).await.0, 200);
    let (status, refused) = house.get(&program, "/api/users").await;
    assert_eq!((status, &refused["code"]), (403, &json!("access.forbidden")));

    let role = json!({ "role": "staff", "version": 1 });
    let (status, lowered) = house.patch(ceo, &boss.id, role).await;
    assert_eq!(status, 200, "{lowered}");
    assert_eq!(house.get(&program, ME).await.1["role"], json!("staff"));
    let (status, _) = house.ask(&program, ("POST", "/api/categories"), category(1)).await;
    assert_ne!(status, 201);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tokens_of_somebody_who_is_put_out_end_at_once_and_for_good() {
    let mut house = House::new().await;
    let node = remembering(&mut house.stage).await;
    let (ceo, ann) = (&house.ceo, &house.ann);
    let program = program(&house, ann, &["read"]).await;
    let path = format!("/api/users/{}", ann.id);

    assert_eq!(house.post(ceo, &format!("{path}/deactivate")).await.0, 200);
    let (status, refused) = house.get(&program, ME).await;
    assert_eq!((status, &refused["code"]), (401, &json!("auth.session_revoked")));
    assert_eq!(house.post(ceo, &format!("{path}/reactivate")).await.0, 200);
    assert_eq!(house.get(&program, ME).await.0, 401, "whoever comes back brings no key");
    let live = "SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL";
    assert_eq!(house.stage.count(live, &[]).await, 0);
    node.stop().await;
}

#[tokio::test]
async fn a_program_goes_on_when_its_person_logs_out_and_ends_with_a_reset() {
    let house = House::new().await;
    let (ceo, ann) = (&house.ceo, &house.ann);
    let program = program(&house, ann, &["read"]).await;

    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
    assert_eq!(house.ask(ann, ("POST", "/api/auth/password"), change).await.0, 204);
    assert_eq!(house.post(ann, "/api/auth/logout-all").await.0, 204);
    assert_eq!(house.get(ann, ME).await.0, 401);
    assert_eq!(house.get(&program, ME).await.0, 200, "it is no session of hers");

    let path = format!("/api/users/{}/password-reset", ann.id);
    let (status, reset) = house.post(ceo, &path).await;
    assert_eq!(status, 200, "{reset}");
    let body = json!({ "code": reset["code"], "password": "a third horse battery" });
    let nobody = Member { id: String::new(), token: "none".into(), refresh: String::new() };
    let finish = ("POST", "/api/auth/password/reset");
    let (status, done) = house.ask(&nobody, finish, body).await;
    assert_eq!((status, &done), (204, &Value::Null));
    assert_eq!(house.get(&program, ME).await.0, 401, "perhaps whoever knew the password made it");
}
