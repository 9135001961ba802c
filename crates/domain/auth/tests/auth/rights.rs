//! Grants and denials, and what holds when many change rights at once.

use std::time::Duration;

use sayso_access::Role;
use serde_json::{Value, json};

use crate::house::{House, Member};

async fn give(house: &House, who: &Member, whom: &Member, body: Value) -> (u16, Value) {
    house.ask(who, ("POST", &format!("/api/users/{}/grants", whom.id)), body).await
}

async fn permission(house: &House, who: &Member, name: &str) -> Value {
    let (status, page) = house.get(who, "/api/auth/permissions").await;
    assert_eq!(status, 200, "{page}");
    let items = page["items"].as_array().expect("items");
    let found = items.iter().find(|item| item["permission"] == json!(name));
    found.unwrap_or_else(|| panic!("{name} is in {page}")).clone()
}

#[tokio::test]
async fn a_grant_holds_at_once_until_it_expires_and_says_why() {
    let house = House::new().await;
    let (ceo, boss) = (&house.ceo, &house.boss);
    let new = |n: u8| json!({ "email": format!("n{n}@example.com"), "name": "N", "role": "staff" });
    assert_eq!(house.ask(boss, ("POST", "/api/users"), new(1)).await.0, 403);
    let ends = (house.stage.ctx.clock.now() + Duration::from_secs(600)).to_string();
    let grant = json!({ "permission": "user.create", "effect": "grant", "expiresAt": ends });

    let (status, given) = give(&house, ceo, boss, json!({ "add": [grant] })).await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(given["items"][0]["grantedBy"], json!(ceo.id));
    assert_eq!(house.ask(boss, ("POST", "/api/users"), new(1)).await.0, 201);
    // Nobody makes somebody who may more than they do.
    let peer = json!({ "email": "c@example.com", "name": "C", "role": "ceo" });
    assert_eq!(house.ask(boss, ("POST", "/api/users"), peer).await.0, 403);
    let may = permission(&house, boss, "user.create").await;
    assert_eq!((&may["allowed"], &may["reason"]), (&json!("yes"), &json!("grant")));
    assert_eq!(permission(&house, boss, "user.list").await["reason"], json!("role"));
    assert_eq!(permission(&house, boss, "task.update").await["allowed"], json!("when"));

    house.stage.ctx.advance(Duration::from_secs(601));
    assert_eq!(house.ask(boss, ("POST", "/api/users"), new(2)).await.0, 403);
    let own = house.get(boss, &format!("/api/users/{}/grants", boss.id)).await;
    assert_eq!(own, (200, json!({ "items": [], "nextCursor": null })));
}

#[tokio::test]
async fn a_denial_goes_before_the_role_and_is_taken_back() {
    let house = House::new().await;
    let deny = json!({ "permission": "user.list", "effect": "deny" });

    assert_eq!(give(&house, &house.ceo, &house.ann, json!({ "add": [deny] })).await.0, 200);
    assert_eq!(house.get(&house.ann, "/api/users").await.0, 403);
    assert_eq!(house.get(&house.ann, &format!("/api/users/{}", house.boss.id)).await.0, 404);
    assert_eq!(house.get(&house.ann, "/api/auth/me").await.0, 200);
    let again = json!({ "add": [{ "permission": "user.list", "effect": "deny" }] });
    assert_eq!(give(&house, &house.ceo, &house.ann, again).await.0, 200);
    assert_eq!(house.stage.facts("user.grants_changed").await, 1, "nothing changed");
    let back = json!({ "remove": ["user.list"] });
    assert_eq!(give(&house, &house.ceo, &house.ann, back).await.1["items"], json!([]));
    assert_eq!(house.get(&house.ann, "/api/users").await.0, 200);
    let renews = "SELECT count(*) FROM outbox
                  WHERE type = 'user.grants_changed' AND streams = '{}'
                    AND effects::text LIKE '%reconnect%' AND audit IS NOT NULL";
    assert_eq!(house.stage.count(renews, &[]).await, 2);
}

#[tokio::test]
async fn grants_are_the_ceos_to_give_and_never_to_oneself() {
    let house = House::new().await;
    let body = json!({ "add": [{ "permission": "channel.create", "effect": "grant" }] });
    assert_eq!(give(&house, &house.ceo, &house.ceo, body.clone()).await.0, 403);
    assert_eq!(give(&house, &house.boss, &house.ann, body.clone()).await.0, 403);
    assert_eq!(give(&house, &house.ann, &house.ann, body).await.0, 403);
    let other = format!("/api/users/{}/grants", house.boss.id);
    assert_eq!(house.get(&house.ann, &other).await.0, 403);

    let body = json!({
        "add": [
            { "permission": "user.manage", "effect": "grant" },
            { "permission": "task.view", "effect": "deny" },
            { "permission": "channel.create", "effect": "grant", "expiresAt": "2020-01-01T00:00:00Z" },
            { "permission": "channel.create", "effect": "deny" },
        ],
        "remove": ["channel.create"],
    });
    let (status, problem) = give(&house, &house.ceo, &house.ann, body).await;
    assert_eq!(status, 422);
    let errors = problem["errors"].as_array().expect("errors");
    let mut found: Vec<_> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
    found.sort_unstable();
    let expected = [
        "#/add/0/permission",
        "#/add/1/permission",
        "#/add/2/expiresAt",
        "#/add/3/permission",
        "#/remove/0",
    ];
    assert_eq!(found, expected);
    let unknown = json!({ "remove": ["user.conjure"] });
    assert_eq!(give(&house, &house.ceo, &house.ann, unknown).await.0, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_ceos_who_demote_remove_or_delete_each_other_one_stays() {
    let house = House::new().await;
    for round in 0..9 {
        let name = format!("second{round}");
        let second = Member::enter(&house.stage, &name, Role::Ceo).await;
        let first = if round == 0 { &house.ceo } else { &house.boss };
        if round > 0 {
            make_ceo(&house, first).await;
        }
        let one = oust(&house, first, &second, round);
        let two = oust(&house, &second, first, round);
        let (one, two) = tokio::join!(one, two);

        let alive = "SELECT count(*) FROM users
                     WHERE role = 'ceo' AND active AND deleted_at IS NULL";
        assert_eq!(house.stage.count(alive, &[]).await, 1, "round {round}: {one:?} {two:?}");
        let done = [&one, &two].iter().filter(|(status, _)| matches!(status, 200 | 204)).count();
        assert_eq!(done, 1, "round {round}: {one:?} {two:?}");
    }
}

/// Whoever is left of the round before is no CEO any more, and this one is.
async fn make_ceo(house: &House, member: &Member) {
    let owner = house.stage.database.owner().await;
    let id: uuid::Uuid = member.id.parse().expect("it is an id");
    let others = "UPDATE users SET role = 'staff' WHERE name NOT LIKE 'second%' OR NOT active
                  OR deleted_at IS NOT NULL OR name <> (SELECT max(name) FROM users)";
    owner.execute(others, &[]).await.expect("they are changed");
    let sql = "UPDATE users SET role = 'ceo', active = true, deleted_at = NULL, version = 1
               WHERE id = $1";
    owner.execute(sql, &[&id]).await.expect("they are changed");
    let sql = "UPDATE sessions SET ended_at = NULL WHERE user_id = $1";
    owner.execute(sql, &[&id]).await.expect("they are changed");
}

async fn oust(house: &House, who: &Member, whom: &Member, round: usize) -> (u16, Value) {
    let path = format!("/api/users/{}", whom.id);
    match round % 3 {
        0 => house.patch(who, &whom.id, json!({ "role": "staff", "version": 1 })).await,
        1 => house.post(who, &format!("{path}/deactivate")).await,
        _ => house.ask(who, ("DELETE", &path), Value::Null).await,
    }
}

#[tokio::test]
async fn the_last_ceo_cannot_go() {
    let house = House::new().await;
    let ceo = &house.ceo;
    for round in 0..3 {
        let (status, problem) = oust(&house, ceo, ceo, round).await;
        assert_eq!((status, &problem["code"]), (409, &json!("user.last_ceo")), "{round}");
    }
    let second = Member::enter(&house.stage, "second", Role::Ceo).await;
    house.post(ceo, &format!("/api/users/{}/deactivate", second.id)).await;
    assert_eq!(oust(&house, ceo, ceo, 0).await.0, 409, "one who is kept out does not count");
}

#[tokio::test]
async fn a_ceo_who_was_invited_counts_once_they_have_a_password() {
    let house = House::new().await;
    let ceo = &house.ceo;
    let new = json!({ "email": "next@example.com", "name": "Next", "role": "ceo" });
    let (status, invited) = house.ask(ceo, ("POST", "/api/users"), new).await;
    assert_eq!(status, 201, "{invited}");
    for round in 0..3 {
        let (status, problem) = oust(&house, ceo, ceo, round).await;
        assert_eq!((status, &problem["code"]), (409, &json!("user.last_ceo")), "{round}");
    }

    let token = &invited["invitation"]["token"];
    let accept = json!({ "token": token, "password": crate::stage::PASSWORD });
    assert_eq!(house.ask(ceo, ("POST", "/api/invitations"), accept).await.0, 200);
    assert_eq!(oust(&house, ceo, ceo, 0).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_set_managers_at_once_none_closes_a_circle() {
    let house = House::new().await;
    let (ceo, boss, ann) = (&house.ceo, &house.boss, &house.ann);
    for round in 0..5 {
        let version = 1 + round;
        let set = |whom: &Member, manager: &Member| {
            let body = json!({ "managerId": manager.id, "version": version });
            let id = whom.id.clone();
            let house = &house;
            async move { house.patch(ceo, &id, body).await }
        };
        let (one, two) = tokio::join!(set(boss, ann), set(ann, boss));

        let mut codes = [one.0, two.0];
        codes.sort_unstable();
        assert_eq!(codes, [200, 409], "{one:?} {two:?}");
        let clear = "UPDATE users SET manager_id = NULL, version = $1";
        let owner = house.stage.database.owner().await;
        owner.execute(clear, &[&(version + 1)]).await.expect("they are cleared");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_slips_in_while_they_are_put_out() {
    let house = House::new().await;
    let live = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
                WHERE u.name = 'ann' AND s.ended_at IS NULL";
    for _ in 0..8 {
        let out = format!("/api/users/{}/deactivate", house.ann.id);
        let log_in = || house.stage.log_in("ann@example.com", crate::stage::PASSWORD);
        let (out, _, _, _) =
            tokio::join!(house.post(&house.ceo, &out), log_in(), log_in(), log_in());
        assert_eq!(out.0, 200, "{out:?}");
        assert_eq!(house.stage.count(live, &[]).await, 0);
        let back = format!("/api/users/{}/reactivate", house.ann.id);
        assert_eq!(house.post(&house.ceo, &back).await.0, 200);
    }
}
