//! Second factors, resets, addresses, how many sessions, and tokens of
//! programs, as a client sees them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sayso_access::Role;
use sayso_auth::Rules;
use sayso_auth::totp::{self, Seed};
use sayso_kernel::Vault;
use sayso_kernel::secret::RootKey;
use sayso_testkit::root_key;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Stage, altered, json, request};

pub(crate) async fn ask(
    stage: &Stage,
    (method, path): (&str, &str),
    token: Option<&str>,
    body: Value,
) -> (u16, Value) {
    let response = stage.send(request(method, path, token, &body)).await;
    (response.status().as_u16(), json(response).await)
}

async fn try_login(stage: &Stage, email: &str, more: Value) -> (u16, Value) {
    let mut body = json!({ "email": email, "password": PASSWORD });
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    ask(stage, ("POST", "/api/auth/login"), None, body).await
}

pub(crate) async fn log_in(stage: &Stage, email: &str) -> String {
    let (status, pair) = try_login(stage, email, Value::Null).await;
    assert_eq!(status, 200, "{pair}");
    text(&pair["accessToken"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn rules(change: impl FnOnce(&mut sayso_config::Auth)) -> Arc<Rules> {
    let mut settings = sayso_config::Auth::default();
    change(&mut settings);
    Arc::new(Rules::from(&settings))
}

/// The seed of a person, as the app would know it.
async fn seed(stage: &Stage) -> Seed {
    let client = stage.database.app().await;
    let row = client.query_one("SELECT user_id, seed FROM second_factors", &[]).await;
    let row = row.expect("there is one");
    let user = sayso_access::UserId(row.get(0));
    let label = sayso_auth::second_factor::label(user);
    let opened = stage.auth.vault.open(&label, row.get(1)).expect("it opens");
    Seed::from_bytes(opened.expose()).expect("it is a seed")
}

/// Sets up the second factor of whoever has the token; the recovery codes.
pub(crate) async fn enable(stage: &Stage, token: &str) -> Value {
    let proof = json!({ "password": PASSWORD });
    let (status, setup) = ask(stage, ("POST", "/api/auth/totp"), Some(token), proof).await;
    assert_eq!(status, 200, "{setup}");
    let seed = seed(stage).await;
    assert_eq!(setup["secret"], json!(seed.to_text()));
    let code = seed.code(totp::step(stage.ctx.clock.now()));
    let confirm = ("POST", "/api/auth/totp/confirm");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(ask(stage, confirm, Some(token), json!({ "code": wrong })).await.0, 422);
    let (status, codes) = ask(stage, confirm, Some(token), json!({ "code": code })).await;
    assert_eq!(status, 200, "{codes}");
    codes["recoveryCodes"].clone()
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_a_right_password_and_each_code_is_good_once() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    let token = log_in(&stage, "ann@example.com").await;
    let recovery = enable(&stage, &token).await;
    assert_eq!(recovery.as_array().map(Vec::len), Some(10));
    let seed = seed(&stage).await;
    let now = || totp::step(stage.ctx.clock.now());
    let with = async |code: &str| {
        let (status, body) = try_login(&stage, "ann@example.com", json!({ "code": code })).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };

    let (status, asked) = try_login(&stage, "ann@example.com", Value::Null).await;
    assert_eq!((status, &asked["code"]), (401, &json!("auth.code_required")));
    let wrong = json!({ "email": "ann@example.com", "password": "wrong horse battery" });
    let (_, refused) = ask(&stage, ("POST", "/api/auth/login"), None, wrong).await;
    assert_eq!(refused["code"], json!("auth.invalid_credentials"), "nobody is asked before that");
    assert_eq!(with(&seed.code(now())).await.1, "auth.code_invalid", "it confirmed the factor");
    stage.ctx.advance(Duration::from_secs(30));
    let code = seed.code(now());
    assert_eq!(with(&code).await.0, 200);
    assert_eq!(with(&code).await.1, "auth.code_invalid", "it was used");
    let spare = text(&recovery[0]).to_uppercase().replace('-', " ");
    assert_eq!(with(&spare).await.0, 200);
    assert_eq!(with(&spare).await.1, "auth.code_invalid");
    assert_eq!(stage.facts("auth.recovery_code_used").await, 1);
}

#[tokio::test]
async fn after_five_wrong_codes_none_is_taken_for_a_while() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    let token = log_in(&stage, "ann@example.com").await;
    enable(&stage, &token).await;
    for _ in 0..5 {
        let (status, _) = try_login(&stage, "ann@example.com", json!({ "code": "nonsense" })).await;
        assert_eq!(status, 401);
    }
    stage.ctx.advance(Duration::from_secs(60));
    let code = seed(&stage).await.code(totp::step(stage.ctx.clock.now()));

    let (status, held) = try_login(&stage, "ann@example.com", json!({ "code": code })).await;

    assert_eq!((status, &held["code"]), (429, &json!("auth.code_throttled")));
    stage.ctx.advance(Duration::from_secs(300));
    let code = seed(&stage).await.code(totp::step(stage.ctx.clock.now()));
    assert_eq!(try_login(&stage, "ann@example.com", json!({ "code": code })).await.0, 200);
}

#[tokio::test]
async fn a_role_that_needs_a_second_factor_can_do_nothing_else_before_it_has_one() {
    let mut stage = Stage::new().await;
    let rules = rules(|auth| {
        auth.totp_required_roles = sayso_config::RoleNames(vec!["staff".into()]);
    });
    stage.auth = altered(&stage.auth, |auth, _| auth.rules = rules);
    stage.person("ann@example.com", Role::Staff).await;
    let token = log_in(&stage, "ann@example.com").await;
    let people = ("GET", "/api/users");
    let (status, refused) = ask(&stage, people, Some(&token), Value::Null).await;
    assert_eq!((status, &refused["code"]), (403, &json!("auth.totp_required")));
    let socket = sayso_auth::verify(&stage.auth, &token).await;
    assert_eq!(crate::stage::code(&socket), "auth.totp_required");

    enable(&stage, &token).await;

    assert_eq!(ask(&stage, people, Some(&token), Value::Null).await.0, 200);
    let remove = ("DELETE", "/api/auth/totp");
    let wrong = json!({ "password": "wrong horse battery" });
    assert_eq!(ask(&stage, remove, Some(&token), wrong).await.0, 422);
    let right = json!({ "password": PASSWORD });
    assert_eq!(ask(&stage, remove, Some(&token), right).await.0, 204);
    assert_eq!(ask(&stage, people, Some(&token), Value::Null).await.0, 403);
}

#[tokio::test]
async fn a_dump_without_the_root_key_yields_no_seed_and_a_new_root_key_reads_the_old() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    let token = log_in(&stage, "ann@example.com").await;
    enable(&stage, &token).await;
    let plain = seed(&stage).await;
    let holds = "SELECT count(*) FROM second_factors WHERE position($1::bytea IN seed) > 0";
    assert_eq!(stage.count(holds, &[&plain.as_bytes()]).await, 0);
    let next = Vault::new(&RootKey::new([9; 32]), &[root_key()]);
    let alone = Vault::new(&RootKey::new([9; 32]), &[]);
    let (db, system) = (stage.database.db(), stage.ctx.system());

    let mut heard = Vec::new();
    let mut hear = |found| heard.push(found);
    let lost = sayso_auth::reseal::reseal(db, &system, &alone, &mut hear).await.expect("it runs");
    let found = sayso_auth::reseal::reseal(db, &system, &next, |_| ()).await.expect("it runs");
    let again = sayso_auth::reseal::reseal(db, &system, &alone, |_| ()).await.expect("it runs");

    assert_eq!((lost.lost, found.sealed, again.current), (1, 1, 1));
    assert_eq!(heard.last(), Some(&lost), "how far it has come is told");
}

#[tokio::test]
async fn what_is_sealed_is_counted_by_the_root_key_that_it_is_sealed_under() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    enable(&stage, &log_in(&stage, "ann@example.com").await).await;
    let db = stage.database.db();
    let look = async |previous: &[RootKey]| {
        let vault = Vault::new(&RootKey::new([9; 32]), previous);
        sayso_auth::reseal::look(db, &vault).await.expect("it is read")
    };

    let (alone, beside) = (look(&[]).await, look(&[RootKey::new([8; 32]), root_key()]).await);

    assert_eq!((alone.unknown, alone.known.len()), (1, 0));
    assert_eq!((beside.unknown, beside.known), (0, BTreeMap::from([(2, 1)])));
}

#[tokio::test]
async fn a_reset_is_started_by_the_ceo_and_ends_everything_when_it_is_used() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let bob = stage.person("bob@example.com", Role::Staff).await;
    let (ann, token) =
        (log_in(&stage, "ann@example.com").await, log_in(&stage, "bob@example.com").await);
    let path = format!("/api/users/{}/password-reset", bob.id);
    let start = ("POST", path.as_str());
    assert_eq!(ask(&stage, start, Some(&token), Value::Null).await.0, 403);
    let (status, first) = ask(&stage, start, Some(&ann), Value::Null).await;
    assert_eq!(status, 200, "{first}");
    let (_, reset) = ask(&stage, start, Some(&ann), Value::Null).await;
    let me = ("GET", "/api/auth/me");
    assert_eq!(ask(&stage, me, Some(&token), Value::Null).await.0, 200, "nothing ends before");
    let finish = async |code: &Value, password: &str| {
        let body = json!({ "code": code, "password": password });
        ask(&stage, ("POST", "/api/auth/password/reset"), None, body).await
    };

    assert_eq!(finish(&first["code"], "another horse battery").await.0, 422, "it was replaced");
    let (status, weak) = finish(&reset["code"], "passwordpassword").await;
    assert_eq!((status, &weak["errors"][0]["code"]), (422, &json!("password.weak")));
    assert_eq!(finish(&reset["code"], "another horse battery").await.0, 204);
    assert_eq!(finish(&reset["code"], "a third horse battery").await.0, 422);

    assert_eq!(ask(&stage, me, Some(&token), Value::Null).await.0, 401);
    assert!(stage.log_in("bob@example.com", "another horse battery").await.is_ok());
    assert_eq!(stage.facts("auth.password_reset").await, 1);
}

#[tokio::test]
async fn a_reset_is_good_for_an_hour() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let bob = stage.person("bob@example.com", Role::Staff).await;
    let ctx = stage.ctx.system();
    let made = sayso_auth::reset::start(&stage.auth, &ctx, bob.id).await.expect("it is made");
    stage.ctx.advance(sayso_auth::reset::CODE_LIFE);

    let new = (made.code.expose().as_str(), crate::stage::secret("another horse battery"));
    let late = sayso_auth::reset::finish(&stage.auth, &ctx, new).await;

    assert_eq!(crate::stage::code(&late), "request.invalid");
}

#[tokio::test]
async fn another_address_needs_the_password() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    stage.person("bob@example.com", Role::Staff).await;
    let token = log_in(&stage, "ann@example.com").await;
    let change = async |password: &str, email: &str| {
        let body = json!({ "password": password, "email": email });
        ask(&stage, ("POST", "/api/auth/email"), Some(&token), body).await
    };

    assert_eq!(change("wrong horse battery", "eve@example.com").await.0, 422);
    assert_eq!(change(PASSWORD, "BOB@example.com").await.0, 409);
    let (status, me) = change(PASSWORD, "eve@example.com").await;

    assert_eq!((status, &me["email"], &me["version"]), (200, &json!("eve@example.com"), &json!(2)));
    assert!(stage.log_in("eve@example.com", PASSWORD).await.is_ok());
    assert!(stage.log_in("ann@example.com", PASSWORD).await.is_err());
    assert_eq!(stage.facts("user.email_changed").await, 1);
}

#[tokio::test]
async fn beyond_so_many_sessions_the_one_unused_for_longest_ends() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    let mut tokens = Vec::new();
    for _ in 0..6 {
        tokens.push(log_in(&stage, "ann@example.com").await);
        stage.ctx.advance(Duration::from_secs(1));
    }

    let me = ("GET", "/api/auth/me");
    let mut answers = Vec::new();
    for token in &tokens {
        answers.push(ask(&stage, me, Some(token), Value::Null).await.0);
    }
    assert_eq!(answers, [401, 200, 200, 200, 200, 200]);
    assert_eq!(stage.facts("auth.session_evicted").await, 1);
    let others = ("DELETE", "/api/auth/sessions");
    assert_eq!(ask(&stage, others, Some(&tokens[5]), Value::Null).await.0, 204);
    let (_, left) = ask(&stage, ("GET", "/api/auth/sessions"), Some(&tokens[5]), Value::Null).await;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn where_more_sessions_are_refused_the_list_is_answered_and_one_can_make_room() {
    let mut stage = Stage::new().await;
    let rules = rules(|auth| {
        auth.sessions_max = sayso_config::PerRole { ceo: 1, manager: 1, staff: 1 };
        auth.sessions_over = sayso_config::SessionsOver::Refuse;
    });
    stage.auth = altered(&stage.auth, |auth, _| auth.rules = rules);
    stage.person("ann@example.com", Role::Staff).await;
    let first = log_in(&stage, "ann@example.com").await;

    let (status, refused) = try_login(&stage, "ann@example.com", Value::Null).await;
    assert_eq!((status, &refused["code"]), (409, &json!("auth.too_many_sessions")));
    let id = &refused["current"]["sessions"][0]["id"];
    let (status, pair) =
        try_login(&stage, "ann@example.com", json!({ "replacesSessionId": id })).await;

    assert_eq!(status, 200, "{pair}");
    assert_eq!(ask(&stage, ("GET", "/api/auth/me"), Some(&first), Value::Null).await.0, 401);
}

#[tokio::test]
async fn the_ceo_sees_and_ends_the_sessions_of_others_and_nobody_else_does() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let bob = stage.person("bob@example.com", Role::Staff).await;
    stage.person("eve@example.com", Role::Manager).await;
    let (ann, token) =
        (log_in(&stage, "ann@example.com").await, log_in(&stage, "bob@example.com").await);
    let eve = log_in(&stage, "eve@example.com").await;
    let path = format!("/api/users/{}/sessions", bob.id);

    for method in ["GET", "DELETE"] {
        assert_eq!(ask(&stage, (method, &path), Some(&eve), Value::Null).await.0, 403);
    }
    let (status, list) = ask(&stage, ("GET", &path), Some(&ann), Value::Null).await;
    assert_eq!((status, &list["items"][0]["current"]), (200, &json!(false)));
    assert_eq!(ask(&stage, ("DELETE", &path), Some(&ann), Value::Null).await.0, 204);
    assert_eq!(ask(&stage, ("GET", "/api/auth/me"), Some(&token), Value::Null).await.0, 401);
    let nobody = "/api/users/0190a5c0-0000-7000-8000-000000000000/sessions";
    assert_eq!(ask(&stage, ("GET", nobody), Some(&ann), Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_program_may_what_its_scopes_say_until_its_token_is_revoked() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    stage.person("bob@example.com", Role::Staff).await;
    let (ann, bob) =
        (log_in(&stage, "ann@example.com").await, log_in(&stage, "bob@example.com").await);
    let account = json!({ "name": "Importer", "role": "manager" });
    let accounts = ("POST", "/api/service-accounts");
    assert_eq!(ask(&stage, accounts, Some(&bob), account.clone()).await.0, 403);
    let (status, program) = ask(&stage, accounts, Some(&ann), account).await;
    assert_eq!(status, 201, "{program}");
    let until = |days: i64| {
        let at = stage.ctx.clock.now().as_second() + days * 86_400;
        sayso_kernel::Timestamp::from_second(at).expect("it is a time").to_string()
    };
    let new = |days: i64, scopes: &[&str]| json!({ "password": PASSWORD, "name": "CI", "scopes": scopes, "expiresAt": until(days), "userId": program["id"] });
    let tokens = ("POST", "/api/tokens");
    assert_eq!(ask(&stage, tokens, Some(&bob), new(1, &["read"])).await.0, 422, "not his to run");
    for wrong in [new(-1, &["read"]), new(400, &["read"]), new(1, &["admin"]), new(1, &[])] {
        assert_eq!(ask(&stage, tokens, Some(&ann), wrong).await.0, 422);
    }
    let (status, made) = ask(&stage, tokens, Some(&ann), new(1, &["read"])).await;
    assert_eq!(status, 201, "{made}");
    let token = text(&made["token"]);
    assert!(token.starts_with("sayso_pat_"));
    let kept = "SELECT count(*) FROM api_tokens WHERE position($1::bytea IN hash) > 0";
    assert_eq!(stage.count(kept, &[&token.as_bytes()]).await, 0);

    let (status, me) = ask(&stage, ("GET", "/api/auth/me"), Some(&token), Value::Null).await;
    assert_eq!((status, &me["name"]), (200, &json!("Importer")));
    let (status, refused) = ask(&stage, tokens, Some(&token), new(1, &["read"])).await;
    assert_eq!((status, &refused["code"]), (403, &json!("auth.scope_missing")));
    let socket = sayso_auth::verify(&stage.auth, &token).await;
    assert_eq!(crate::stage::code(&socket), "auth.scope_missing");
    let (_, list) = ask(&stage, ("GET", "/api/tokens"), Some(&ann), Value::Null).await;
    assert!(list["items"][0]["lastUsedAt"].is_string(), "{list}");
    let path = format!("/api/tokens/{}", text(&made["id"]));
    assert_eq!(ask(&stage, ("DELETE", &path), Some(&bob), Value::Null).await.0, 404);
    assert_eq!(ask(&stage, ("DELETE", &path), Some(&ann), Value::Null).await.0, 204);
    assert_eq!(ask(&stage, ("GET", "/api/auth/me"), Some(&token), Value::Null).await.0, 401);
}

#[tokio::test]
async fn an_unknown_a_wrong_and_a_disabled_login_cost_the_same() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    stage.person("bob@example.com", Role::Staff).await;
    stage.database.change("UPDATE users SET active = false WHERE email = 'bob@example.com'").await;

    let mut spent = Vec::new();
    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("ann@example.com", "wrong horse battery"),
        ("bob@example.com", PASSWORD),
    ] {
        let before = stage.auth.hasher.rounds();
        assert!(stage.log_in(email, password).await.is_err());
        spent.push(stage.auth.hasher.rounds() - before);
    }

    assert_eq!(spent, [16; 3], "2^4 rounds each");
}
