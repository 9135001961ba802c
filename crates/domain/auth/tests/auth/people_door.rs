//! People as a client sees them: who is listed, who may change what, who goes.

use sayso_access::Role;
use serde_json::{Value, json};

use crate::house::{House, id_of};
use crate::stage::{PASSWORD, request};

fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
}

#[tokio::test]
async fn people_are_found_by_role_manager_standing_part_of_the_name_and_id() {
    let house = House::new().await;
    let (ceo, boss) = (&house.ceo, &house.boss);
    house.patch(ceo, &house.ann.id, json!({ "managerId": boss.id, "version": 1 })).await;
    house.patch(ceo, &boss.id, json!({ "name": "Zoë Ünal", "version": 1 })).await;

    assert_eq!(house.names(ceo, "/api/users?sort=name").await, ["ann", "ceo", "Zoë Ünal"]);
    assert_eq!(house.names(ceo, "/api/users?sort=-name").await, ["Zoë Ünal", "ceo", "ann"]);
    assert_eq!(house.names(ceo, "/api/users?role=staff,ceo&sort=name").await, ["ann", "ceo"]);
    assert_eq!(house.names(ceo, "/api/users?role=staff&role=ceo&sort=name").await, ["ann", "ceo"]);
    let line = format!("/api/users?managerId={}", boss.id);
    assert_eq!(house.names(ceo, &line).await, ["ann"]);
    assert_eq!(house.names(ceo, "/api/users?search=UNAL").await, ["Zoë Ünal"]);
    assert_eq!(house.names(ceo, "/api/users?search=boss@ex").await, ["Zoë Ünal"]);
    assert!(house.names(ceo, "/api/users?search=100%25").await.is_empty());
    house.post(ceo, &format!("/api/users/{}/deactivate", house.ann.id)).await;
    assert_eq!(house.names(ceo, "/api/users?active=false").await, ["ann"]);
    let ids = format!("/api/users?sort=name&ids={},{}", house.ann.id, ceo.id);
    assert_eq!(house.names(ceo, &ids).await, ["ann", "ceo"]);
    for query in ["colour=red", "sort=email", "ids=x", "role=king", "limit=101", "cursor=x"] {
        let (status, problem) = house.get(ceo, &format!("/api/users?{query}")).await;
        assert_eq!(status, 422, "{query}: {problem}");
    }
}

#[tokio::test]
async fn pages_in_every_order_show_everybody_once() {
    let house = House::new().await;
    for n in 0..4 {
        house.stage.person(&format!("p{n}@example.com"), Role::Staff).await;
    }
    for sort in ["createdAt", "-createdAt", "updatedAt", "-updatedAt", "name", "-name"] {
        let whole = house.get(&house.ceo, &format!("/api/users?sort={sort}")).await.1;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/users?sort={sort}&limit=2{cursor}");
            let (status, page) = house.get(&house.ceo, &path).await;
            assert_eq!(status, 200, "{page}");
            seen.extend(page["items"].as_array().expect("items").clone());
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), 7, "{sort}");
        assert_eq!(Value::from(seen), whole["items"], "{sort}");
    }
}

#[tokio::test]
async fn a_person_edits_their_profile_and_is_told_which_fields_are_not_theirs() {
    let house = House::new().await;
    let ann = &house.ann;
    let body = json!({ "statusText": "at lunch", "timeZone": "Europe/Berlin",
                       "metadata": { "desk": 7, "car": null }, "version": 1 });

    let (status, after) = house.patch(ann, &ann.id, body).await;
    assert_eq!(status, 200, "{after}");
    assert_eq!((&after["statusText"], &after["version"]), (&json!("at lunch"), &json!(2)));
    assert_eq!(after["metadata"], json!({ "desk": 7 }));
    let fact = house.last_fact("user.updated").await;
    assert_eq!(fact["streams"], json!(["company"]));
    assert_eq!(fact["change"], json!({ "fields": ["statusText", "timeZone", "metadata"] }));
    let heard = fact["data"].to_string();
    assert!(!heard.contains("desk") && !heard.contains("example.com"), "{heard}");

    let rights = json!({ "role": "ceo", "email": "x@example.com", "managerId": null, "name": "A",
                         "version": 2 });
    let (status, problem) = house.patch(ann, &ann.id, rights).await;
    assert_eq!((status, &problem["code"]), (403, &json!("access.forbidden")));
    assert_eq!(fields(&problem), ["#/email", "#/role", "#/managerId"]);
    let (status, problem) =
        house.patch(ann, &house.boss.id, json!({ "name": "B", "version": 1 })).await;
    assert_eq!((status, fields(&problem)), (403, vec!["#/name"]));
    let (status, problem) =
        house.patch(&house.boss, &ann.id, json!({ "name": "B", "version": 2 })).await;
    assert_eq!((status, fields(&problem)), (403, vec!["#/name"]));
    assert_eq!(house.stage.facts("user.updated").await, 1);
}

#[tokio::test]
async fn an_edit_names_the_version_it_rests_on_and_hears_of_all_that_is_wrong() {
    let house = House::new().await;
    let ann = &house.ann;
    let cases = [
        (json!({ "name": "A" }), 428),
        (json!({ "name": "A", "version": 7 }), 412),
        (json!({ "name": " ", "version": 1 }), 422),
        (json!({ "name": null, "version": 1 }), 422),
        (json!({ "timeZone": "Mars/Olympus", "version": 1 }), 422),
        (json!({ "colour": "red", "version": 1 }), 422),
    ];
    for (body, expected) in cases {
        let (status, problem) = house.patch(ann, &ann.id, body.clone()).await;
        assert_eq!(status, expected, "{body}: {problem}");
        if status == 412 {
            assert_eq!(problem["current"]["id"], json!(ann.id));
        }
    }
    // What changes nothing leaves no trace.
    let (status, same) = house.patch(ann, &ann.id, json!({ "name": "ann", "version": 1 })).await;
    assert_eq!((status, &same["version"]), (200, &json!(1)));
    assert_eq!(house.stage.facts("user.updated").await, 0);

    let path = format!("/api/users/{}", ann.id);
    let put = request("PUT", &path, Some(&ann.token), &json!({ "name": "Anna" }));
    let (mut parts, body) = put.into_parts();
    parts.headers.insert("if-match", "W/\"1-whatever\"".parse().expect("a header"));
    let response = house.stage.send(http::Request::from_parts(parts, body)).await;
    assert_eq!(response.status(), 200);
    let tag = response.headers()["etag"].clone();
    let (mut parts, body) = request("GET", &path, Some(&ann.token), &Value::Null).into_parts();
    parts.headers.insert("if-none-match", tag);
    let response = house.stage.send(http::Request::from_parts(parts, body)).await;
    assert_eq!(response.status(), 304);
}

#[tokio::test]
async fn the_ceo_sets_email_role_and_manager_and_a_new_role_holds_at_once() {
    let house = House::new().await;
    let (ceo, boss, ann) = (&house.ceo, &house.boss, &house.ann);
    let body = json!({ "email": "Anna@Example.com", "role": "manager", "managerId": boss.id,
                       "version": 1 });

    let (status, after) = house.patch(ceo, &ann.id, body).await;
    assert_eq!(status, 200, "{after}");
    let fact = house.last_fact("user.updated").await;
    let renew = json!([{ "do": "reconnect", "user": ann.id, "code": "access.changed" }]);
    assert_eq!(fact["effects"], renew);
    assert_eq!(house.get(ann, "/api/auth/me").await.1["role"], json!("manager"));
    assert!(house.stage.log_in("anna@example.com", PASSWORD).await.is_ok());
    assert!(house.stage.log_in("ann@example.com", PASSWORD).await.is_err());

    let taken = json!({ "email": "BOSS@example.com", "version": 2 });
    let (status, problem) = house.patch(ceo, &ann.id, taken).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user.email_taken")));
    for nobody in [house.stage.ctx.system().new_id().to_string(), boss.id.clone()] {
        let body = json!({ "managerId": nobody, "version": 1 });
        let (status, problem) = house.patch(ceo, &boss.id, body).await;
        let expected = if nobody == boss.id { 409 } else { 422 };
        assert_eq!(status, expected, "{problem}");
    }
    let circle = json!({ "managerId": ann.id, "version": 1 });
    let (status, problem) = house.patch(ceo, &boss.id, circle).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user.reporting_circle")));
    // One's own e-mail takes the password once more, also for the CEO.
    let own = json!({ "email": "me@example.com", "version": 1 });
    assert_eq!(house.patch(ceo, &ceo.id, own).await.0, 403);
}

#[tokio::test]
async fn who_is_deactivated_is_out_at_once_and_comes_back_only_by_a_new_login() {
    let house = House::new().await;
    let (ceo, ann) = (&house.ceo, &house.ann);
    let path = |what: &str| format!("/api/users/{}/{what}", ann.id);
    assert_eq!(house.post(&house.boss, &path("deactivate")).await.0, 403);

    let (status, after) = house.post(ceo, &path("deactivate")).await;
    assert_eq!((status, &after["active"]), (200, &json!(false)));
    let (status, problem) = house.get(ann, "/api/auth/me").await;
    assert_eq!((status, &problem["code"]), (401, &json!("auth.session_revoked")));
    assert!(house.stage.refresh(&ann.refresh).await.is_err());
    assert!(house.stage.log_in("ann@example.com", PASSWORD).await.is_err());
    assert_eq!(house.last_fact("user.deactivated").await["streams"], json!(["company"]));
    let ended = house.last_fact("auth.sessions_ended").await;
    assert_eq!(ended["effects"][0]["do"], json!("end_session"));
    // Once more: nothing happens, and nothing is told.
    assert_eq!(house.post(ceo, &path("deactivate")).await.0, 200);
    assert_eq!(house.stage.facts("user.deactivated").await, 1);

    assert_eq!(house.post(&house.boss, &path("reactivate")).await.0, 403);
    let (status, after) = house.post(ceo, &path("reactivate")).await;
    assert_eq!((status, &after["active"]), (200, &json!(true)));
    assert_eq!(house.last_fact("user.updated").await["change"], json!({ "fields": ["active"] }));
    assert_eq!(house.get(ann, "/api/auth/me").await.0, 401);
    assert!(house.stage.refresh(&ann.refresh).await.is_err());
    assert!(house.stage.log_in("ann@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn who_is_deleted_is_none_but_still_named_and_comes_back_while_the_email_is_free() {
    let house = House::new().await;
    let (ceo, ann) = (&house.ceo, &house.ann);
    let path = format!("/api/users/{}", ann.id);
    assert_eq!(house.ask(&house.boss, ("DELETE", &path), Value::Null).await.0, 403);
    assert_eq!(house.post(ann, &format!("{path}/restore")).await.0, 403);

    assert_eq!(house.ask(ceo, ("DELETE", &path), Value::Null).await.0, 204);
    assert_eq!(house.get(ceo, &path).await.0, 404);
    assert_eq!(house.ask(ceo, ("DELETE", &path), Value::Null).await.0, 404);
    assert_eq!(house.patch(ceo, &ann.id, json!({ "name": "A", "version": 2 })).await.0, 404);
    assert_eq!(house.get(ann, "/api/auth/me").await.0, 401);
    assert_eq!(house.last_fact("user.deleted").await["data"], json!({ "id": ann.id }));
    let named = house.get(ceo, &format!("/api/users?ids={}", ann.id)).await.1;
    let gone = json!({ "id": ann.id, "name": "ann", "active": false, "deleted": true });
    assert_eq!(named["items"], json!([gone]));
    assert!(house.names(ceo, "/api/users?search=ann").await.is_empty());

    let heir = house.stage.person("ann@example.com", Role::Staff).await;
    let (status, problem) = house.post(ceo, &format!("{path}/restore")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user.email_taken")));
    house.ask(ceo, ("DELETE", &format!("/api/users/{}", heir.id)), Value::Null).await;
    let (status, back) = house.post(ceo, &format!("{path}/restore")).await;
    assert_eq!((status, &back["name"]), (200, &json!("ann")));
    assert_eq!(house.stage.facts("user.restored").await, 1);
    assert_eq!(house.get(ann, "/api/auth/me").await.0, 401);
    assert!(house.stage.log_in("ann@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn only_a_deleted_person_is_erased_and_then_for_good() {
    let house = House::new().await;
    let (ceo, ann) = (&house.ceo, &house.ann);
    let id = ann.id.parse().expect("it is an id");
    let erase = async || {
        let work = async move |tx: &mut _, ctx: &_| sayso_auth::people::erase_in(tx, ctx, id).await;
        house.stage.database.db().transaction(&house.stage.ctx.system(), work).await
    };
    assert_eq!(crate::stage::code(&erase().await), "user.not_deleted");
    let path = format!("/api/users/{}", ann.id);
    house.ask(ceo, ("DELETE", &path), Value::Null).await;

    assert_eq!(erase().await.ok(), Some(true));
    assert_eq!(erase().await.ok(), Some(false));
    let named = house.get(ceo, &format!("/api/users?ids={}", ann.id)).await.1;
    assert_eq!(named["items"][0]["name"], json!("Erased person"));
    let left =
        "SELECT count(*) FROM users WHERE id = $1 AND (email IS NOT NULL OR search_text ~ 'ann')";
    assert_eq!(house.stage.count(left, &[&id_of(&ann.id)]).await, 0);
    let devices = "SELECT count(*) FROM sessions WHERE user_id = $1 AND agent IS NOT NULL";
    assert_eq!(house.stage.count(devices, &[&id_of(&ann.id)]).await, 0);
    let (status, problem) = house.post(ceo, &format!("{path}/restore")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user.erased")));
}

#[tokio::test]
async fn whoever_is_invited_again_comes_in_by_the_new_code_alone() {
    let house = House::new().await;
    let body = json!({ "email": "new@example.com", "name": "New", "role": "staff" });
    let (status, made) = house.ask(&house.ceo, ("POST", "/api/users"), body).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/api/users/{}/invite", made["id"].as_str().expect("an id"));
    assert_eq!(house.post(&house.boss, &path).await.0, 403);

    let (status, again) = house.post(&house.ceo, &path).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(house.stage.facts("user.invited").await, 1);
    let spend = async |invited: &Value| {
        let body = json!({ "token": invited["invitation"]["token"], "password": PASSWORD });
        let request = request("POST", "/api/invitations", None, &body);
        house.stage.send(request).await.status().as_u16()
    };
    assert_eq!(spend(&made).await, 422);
    assert_eq!(spend(&again).await, 200);
    let (status, problem) = house.post(&house.ceo, &path).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user.has_password")));
}

#[tokio::test]
async fn reports_are_direct_or_the_whole_line_by_name_and_in_pages() {
    let house = House::new().await;
    let (ceo, boss, ann) = (&house.ceo, &house.boss, &house.ann);
    house.patch(ceo, &boss.id, json!({ "managerId": ceo.id, "version": 1 })).await;
    house.patch(ceo, &ann.id, json!({ "managerId": boss.id, "version": 1 })).await;
    let path = format!("/api/users/{}/reports", ceo.id);

    assert_eq!(house.names(ann, &path).await, ["boss"]);
    assert_eq!(house.names(ann, &format!("{path}?all=true")).await, ["ann", "boss"]);
    let first = house.get(ann, &format!("{path}?all=true&limit=1")).await.1;
    let cursor = first["nextCursor"].as_str().expect("there is more");
    let next = format!("{path}?all=true&limit=1&cursor={cursor}");
    assert_eq!(house.names(ann, &next).await, ["boss"]);
    // A manager who has gone leaves the line whole.
    house.ask(ceo, ("DELETE", &format!("/api/users/{}", boss.id)), Value::Null).await;
    assert_eq!(house.names(ann, &format!("{path}?all=true")).await, ["ann"]);
    let nobody = format!("/api/users/{}/reports", house.stage.ctx.system().new_id());
    assert_eq!(house.get(ann, &nobody).await.0, 404);
}

#[tokio::test]
async fn a_guest_sees_the_people_of_their_channels_and_does_not_know_of_others() {
    let house = House::new().await;
    let (ann, boss) = (&house.ann, &house.boss);
    let at = |id: &str| format!("/api/users/{id}");
    assert_eq!(house.get(ann, &at(&boss.id)).await.0, 200);

    house.channel("private", &[(&ann.id, "guest"), (&house.ceo.id, "owner")]).await;
    assert_eq!(house.names(ann, "/api/users?sort=name").await, ["ann", "ceo"]);
    assert_eq!(house.get(ann, &at(&boss.id)).await.0, 404);
    assert_eq!(house.get(ann, &at(&house.ceo.id)).await.0, 200);
    let edit = json!({ "name": "X", "version": 1 });
    assert_eq!(house.patch(ann, &boss.id, edit.clone()).await.0, 404);
    assert_eq!(house.patch(ann, &house.ceo.id, edit).await.0, 403);
    assert_eq!(house.get(ann, "/api/auth/me").await.0, 200);

    // A direct channel makes nobody one of the company, and shows who is in it.
    house.channel("direct", &[(&ann.id, "member"), (&boss.id, "member")]).await;
    assert_eq!(house.names(ann, "/api/users?sort=name").await, ["ann", "boss", "ceo"]);
    house.stage.person("eve@example.com", Role::Staff).await;
    assert_eq!(house.names(ann, "/api/users").await.len(), 3);
    house.channel("private", &[(&ann.id, "member")]).await;
    assert_eq!(house.names(ann, "/api/users").await.len(), 4);
}

#[tokio::test]
async fn who_comes_over_http_is_seen_once_a_minute_and_off_the_request() {
    let house = House::new().await;
    let (stage, ann) = (&house.stage, &house.ann);
    let last = async || house.get(&house.ceo, &format!("/api/users/{}", ann.id)).await.1;
    let write = async || {
        let (db, ctx) = (&stage.auth.app.db, stage.ctx.system());
        stage.auth.activity.write(db, &ctx, |_| {}).await;
    };
    house.get(ann, "/api/auth/me").await;
    assert_eq!(last().await["lastActiveAt"], Value::Null);

    write().await;
    let first = last().await;
    assert_ne!(first["lastActiveAt"], Value::Null);
    assert_eq!(first["revision"], json!(1));
    stage.ctx.advance(std::time::Duration::from_secs(30));
    house.get(ann, "/api/auth/me").await;
    write().await;
    assert_eq!(last().await["lastActiveAt"], first["lastActiveAt"]);
    stage.ctx.advance(std::time::Duration::from_secs(31));
    house.get(ann, "/api/auth/me").await;
    write().await;
    assert_ne!(last().await["lastActiveAt"], first["lastActiveAt"]);
}

#[tokio::test]
async fn a_session_shows_when_it_was_last_used_and_not_only_when_it_was_refreshed() {
    let house = House::new().await;
    let (stage, ann) = (&house.stage, &house.ann);
    stage.log_in("ann@example.com", PASSWORD).await.expect("the password is right");
    let used = async || {
        let (db, ctx) = (&stage.auth.app.db, stage.ctx.system());
        stage.auth.activity.write(db, &ctx, |_| {}).await;
        let (status, list) = house.get(ann, "/api/auth/sessions").await;
        assert_eq!(status, 200, "{list}");
        let sessions = list["items"].as_array().expect("a list has items").iter();
        let pairs = sessions.map(|one| (one["current"] == true, one["lastUsedAt"].clone()));
        pairs.collect::<std::collections::HashMap<_, _>>()
    };
    let (first, now) = (used().await, stage.ctx.system().now());
    let five = std::time::Duration::from_secs(300);
    stage.ctx.advance(five);
    house.get(ann, "/api/auth/me").await;

    let later = used().await;
    assert_eq!(later[&false], first[&false], "nobody used that one");
    assert_eq!(later[&true], json!((now + five).to_string()));
}
