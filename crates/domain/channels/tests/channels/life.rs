//! The life of a channel: edited, put away, shown and hidden, deleted, back.

use http::Method;
use sayso_access::Role;
use serde_json::json;

use crate::company::Company;
use crate::door::Door;

fn heard(kind: &str, streams: &[&str]) -> (String, Vec<String>) {
    (kind.to_owned(), streams.iter().map(|stream| (*stream).to_owned()).collect())
}

#[tokio::test]
async fn an_edit_merges_rests_on_a_version_and_is_for_those_who_run_the_channel() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let staff = company.person("staff", Role::Staff).await;
    let members = json!([staff.user_id]);
    let made = json!({"name": "launch", "members": members, "metadata": {"a": 1, "b": {"c": 2}}});
    let path = door.make(&owner, made).await;
    let from = company.heard_of_channels(0).await.len();

    let edit = json!({"name": "  Launch ", "description": "all of it", "version": 1,
                      "metadata": {"a": null, "b": {"d": 3}}});
    let edited = door.patch(&owner, &path, edit).await.well();
    let cleared = door
        .ask(
            &owner,
            Method::PUT,
            &path,
            &[("if-match", &edited.etag())],
            Some(json!({"description": null})),
        )
        .await
        .well();
    let same = door.patch(&owner, &path, json!({"name": "Launch", "version": 3})).await.well();

    assert_eq!(edited.body["metadata"], json!({"b": {"c": 2, "d": 3}}));
    assert_eq!((edited.text("name").as_str(), &edited.body["version"]), ("Launch", &json!(2)));
    assert_eq!((&cleared.body["description"], &cleared.body["version"]), (&json!(""), &json!(3)));
    assert_eq!(same.body["version"], 3);
    assert_eq!(edited.body["myRole"], "owner");
    let stale = door.patch(&owner, &path, json!({"name": "x", "version": 1})).await;
    let stale = stale.refused(412, "resource.stale_version");
    assert_eq!(stale.body["current"]["version"], 3);
    assert_eq!(stale.body["current"]["myRole"], "owner");
    let missing = door.patch(&owner, &path, json!({"name": "x"})).await;
    missing.refused(428, "resource.version_required");
    let both = [("if-match", "\"2-x\"")];
    let both = door.ask(&owner, Method::PATCH, &path, &both, Some(json!({"version": 3}))).await;
    assert_eq!(both.status, 400);
    let forbidden = door.patch(&staff, &path, json!({"name": "x", "version": 3})).await;
    forbidden.refused(403, "access.forbidden");
    let wrong = json!({"name": " ", "kind": "direct", "categoryId": owner.user_id, "version": 3});
    let wrong = door.patch(&owner, &path, wrong).await.refused(422, "request.invalid");
    assert_eq!(wrong.pointers(), ["#/kind", "#/name"]);
    let wrong = json!({"categoryId": owner.user_id, "version": 3,
                       "metadata": {"x": "y".repeat(17_000)}});
    let wrong = door.patch(&owner, &path, wrong).await.refused(422, "request.invalid");
    assert_eq!(wrong.pointers(), ["#/categoryId", "#/metadata"]);
    let updated = heard("channel.updated", &["company"]);
    assert_eq!(company.heard_of_channels(from).await, [updated.clone(), updated]);
    assert_eq!(company.audited("channel.updated").await["fields"], json!(["description"]));
    company.end().await;
}

#[tokio::test]
async fn an_archived_channel_frees_its_name_and_comes_back_only_to_a_free_one() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ceo = company.person("ceo", Role::Ceo).await;
    let path = door.make(&ceo, json!({"name": "launch", "kind": "private"})).await;
    let from = company.heard_of_channels(0).await.len();

    let taken = door.post(&ceo, "channels", json!({"name": "LAUNCH"})).await;
    taken.refused(409, "channel.name_taken");
    let put = json!({"archived": true, "version": 1});
    let archived = door.patch(&ceo, &path, put).await.well();
    let other = door.make(&ceo, json!({"name": "launch"})).await;
    let back = door.patch(&ceo, &path, json!({"archived": false, "version": 2})).await;
    let renamed = json!({"name": "launch 1", "archived": false, "version": 2});
    let renamed = door.patch(&ceo, &path, renamed).await.well();

    assert_eq!(archived.body["archived"], true);
    back.refused(409, "channel.name_taken");
    assert_eq!(renamed.body["version"], 3);
    let own = path.replace("channels/", "channel:");
    let wanted = [
        heard("channel.archived", &[&own]),
        heard("channel.joined", &[&format!("user:{}", ceo.user_id)]),
        heard("channel.created", &["company"]),
        heard("channel.updated", &[&own]),
    ];
    assert_eq!(company.heard_of_channels(from).await, wanted);
    door.get(&ceo, &other).await.well();
    company.end().await;
}

#[tokio::test]
async fn who_loses_sight_of_a_channel_hears_nothing_but_that_it_is_gone() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let member = company.person("member", Role::Staff).await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let made = json!({"name": "plans", "members": [member.user_id]});
    let path = door.make(&owner, made).await;
    let from = company.heard_of_channels(0).await.len();

    // A CEO who sees it changes it, and thereby no longer does.
    let hidden = door.patch(&ceo, &path, json!({"kind": "private", "version": 1})).await.well();
    assert_eq!(hidden.body["kind"], "private");
    door.get(&ceo, &path).await.refused(404, "resource.not_found");
    door.get(&member, &path).await.well();
    door.patch(&owner, &path, json!({"kind": "public", "version": 2})).await.well();
    door.get(&ceo, &path).await.well();

    let own = path.replace("channels/", "channel:");
    let wanted = [
        heard("channel.gone", &[&format!("user:{}", ceo.user_id)]),
        heard("channel.updated", &[&own]),
        heard("channel.updated", &["company"]),
    ];
    assert_eq!(company.heard_of_channels(from).await, wanted);
    let client = company.database.app().await;
    let gone =
        client.query_one("SELECT data::text FROM event_log WHERE type = 'channel.gone'", &[]);
    let gone: String = gone.await.expect("it was told").get(0);
    let gone: serde_json::Value = serde_json::from_str(&gone).expect("JSON");
    assert_eq!(gone, json!({"id": path.replace("channels/", "")}));
    company.end().await;
}

#[tokio::test]
async fn a_deleted_channel_is_nowhere_until_it_is_restored_with_all_its_members() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let member = company.person("member", Role::Staff).await;
    let other = company.person("other", Role::Manager).await;
    let body = json!({"name": "plans", "kind": "private", "members": [member.user_id]});
    let path = door.make(&owner, body.clone()).await;
    let from = company.heard_of_channels(0).await.len();
    let restore = format!("{path}/restore");

    door.delete(&member, &path).await.refused(403, "access.forbidden");
    door.delete(&other, &path).await.refused(404, "resource.not_found");
    let stale = [("if-match", "\"7-x\"")];
    let stale = door.ask(&owner, Method::DELETE, &path, &stale, None).await;
    stale.refused(412, "resource.stale_version");
    let deleted = door.delete(&owner, &path).await;
    assert_eq!(deleted.status, 204);

    assert!(!company.follows(&member, &path).await);
    for gone in [path.clone(), format!("{path}/members"), format!("{path}/presence")] {
        door.get(&member, &gone).await.refused(404, "resource.not_found");
    }
    for act in ["join", "leave"] {
        door.act(&member, &format!("{path}/{act}")).await.refused(404, "resource.not_found");
    }
    door.delete(&owner, &path).await.refused(404, "resource.not_found");
    assert_eq!(door.get(&member, "channels").await.items("id"), Vec::<&str>::new());
    door.act(&member, &restore).await.refused(403, "access.forbidden");
    door.act(&other, &restore).await.refused(404, "resource.not_found");
    let taken = door.make(&owner, body).await;
    door.act(&owner, &restore).await.refused(409, "channel.name_taken");
    door.delete(&owner, &taken).await;
    let restored = door.act(&owner, &restore).await.well();
    let again = door.act(&owner, &restore).await.well();

    assert_eq!((&restored.body["memberCount"], &restored.body["version"]), (&json!(2), &json!(3)));
    assert_eq!(again.body, restored.body);
    assert!(company.follows(&member, &path).await);
    door.get(&member, &path).await.well();
    let own = path.replace("channels/", "channel:");
    let told: Vec<_> = company.heard_of_channels(from).await;
    let told: Vec<_> = told.into_iter().filter(|(_, streams)| streams[0] == own).collect();
    assert_eq!(told, [heard("channel.deleted", &[&own]), heard("channel.restored", &[&own])]);
    let client = company.database.app().await;
    let late = client.query_one(
        "SELECT count(*) FROM follows f JOIN event_log e ON e.streams = ARRAY[f.stream]
         WHERE e.type = 'channel.restored' AND e.position > f.since_position",
        &[],
    );
    let late: i64 = late.await.expect("it can be counted").get(0);
    assert_eq!(late, 2, "a replay tells both of them that it is back");
    company.end().await;
}

#[tokio::test]
async fn a_direct_channel_is_neither_named_nor_archived_nor_deleted() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ceo = company.person("ceo", Role::Ceo).await;
    let staff = company.person("staff", Role::Staff).await;
    let direct = json!({"kind": "direct", "members": [staff.user_id]});
    let path = door.make(&ceo, direct).await;

    for edit in [json!({"name": "us"}), json!({"archived": true}), json!({"kind": "public"})] {
        let mut edit = edit;
        edit["version"] = json!(1);
        door.patch(&ceo, &path, edit.clone()).await.refused(409, "channel.direct_is_fixed");
        door.patch(&staff, &path, edit).await.refused(403, "access.forbidden");
    }
    door.delete(&ceo, &path).await.refused(409, "channel.direct_is_fixed");
    door.act(&staff, &format!("{path}/leave")).await.refused(409, "channel.direct_is_fixed");
    let others = json!({"add": [ceo.user_id], "remove": [staff.user_id]});
    let others = door.post(&ceo, &format!("{path}/members"), others).await;
    others.refused(409, "channel.direct_is_fixed");
    company.end().await;
}

#[tokio::test]
async fn a_new_channel_names_everything_that_is_wrong_at_its_place() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ceo = company.person("ceo", Role::Ceo).await;
    let staff = company.person("staff", Role::Staff).await;
    let nobody = company.stage.actor(Role::Staff).user_id;

    let body = json!({"name": "x", "members": [staff.user_id, nobody, {"userId": nobody,
                      "role": "admin"}], "categoryId": nobody});
    let wrong = door.post(&ceo, "channels", body).await.refused(422, "request.invalid");
    let nameless = json!({"metadata": {"x": "y".repeat(17_000)}});
    let nameless = door.post(&ceo, "channels", nameless).await.refused(422, "request.invalid");

    assert_eq!(wrong.pointers(), ["#/members/1", "#/members/2", "#/categoryId"]);
    assert_eq!(nameless.pointers(), ["#/name", "#/metadata"]);
    company.end().await;
}
