//! Coming in and going, letting in and out, and who is here.

use sayso_access::Role;
use serde_json::json;

use crate::company::Company;
use crate::door::Door;

#[tokio::test]
async fn anybody_joins_and_leaves_a_public_channel_and_nothing_happens_twice() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let staff = company.person("staff", Role::Staff).await;
    let path = door.make(&owner, json!({"name": "town"})).await;
    let (join, leave) = (format!("{path}/join"), format!("{path}/leave"));
    let from = company.heard_of_channels(0).await.len();

    let joined = door.act(&staff, &join).await.well();
    let again = door.act(&staff, &join).await.well();
    assert!(company.follows(&staff, &path).await);
    let left = door.act(&staff, &leave).await.well();
    let once_more = door.act(&staff, &leave).await.well();
    assert!(!company.follows(&staff, &path).await);
    let last = door.act(&owner, &leave).await;

    assert_eq!(joined.body["myRole"], "member");
    assert_eq!((&joined.body["memberCount"], &joined.body["version"]), (&json!(2), &json!(1)));
    assert_eq!(again.body, joined.body);
    assert_eq!((&left.body["myRole"], &left.body["memberCount"]), (&json!(null), &json!(1)));
    assert_eq!(once_more.body, left.body);
    last.refused(409, "channel.last_owner");
    let heard = company.heard_of_channels(from).await;
    let kinds: Vec<&str> = heard.iter().map(|(kind, _)| kind.as_str()).collect();
    let wanted =
        ["channel.joined", "channel.member_added", "channel.left", "channel.member_removed"];
    assert_eq!(kinds, wanted);
    assert_eq!(company.audited("channel.member_added").await["entry"], "joined");
    company.end().await;
}

#[tokio::test]
async fn a_guest_who_comes_in_by_themselves_stays_a_guest() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let guest = company.person("guest", Role::Staff).await;
    let den = door.make(&owner, json!({"name": "den", "kind": "private"})).await;
    let [town, square] = [
        door.make(&owner, json!({"name": "town"})).await,
        door.make(&owner, json!({"name": "square"})).await,
    ];
    let add = json!({"add": [{"userId": guest.user_id, "role": "guest"}]});
    door.post(&owner, &format!("{den}/members"), add).await.well();

    let joined = door.act(&guest, &format!("{town}/join")).await.well();
    let oneself = json!({"add": [guest.user_id]});
    let added = door.post(&guest, &format!("{square}/members"), oneself).await.well();

    assert_eq!(joined.body["myRole"], "guest");
    assert_eq!(added.body["myRole"], "guest");
    company.end().await;
}

#[tokio::test]
async fn the_ceo_enters_a_private_channel_visibly_and_others_do_not_know_of_it() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let other = company.person("other", Role::Manager).await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let path = door.make(&owner, json!({"name": "board", "kind": "private"})).await;
    let direct = json!({"kind": "direct", "members": [other.user_id]});
    let direct = door.make(&owner, direct).await;

    door.get(&ceo, &path).await.refused(404, "resource.not_found");
    door.act(&other, &format!("{path}/join")).await.refused(404, "resource.not_found");
    door.act(&ceo, &format!("{direct}/join")).await.refused(404, "resource.not_found");
    let entered = door.act(&ceo, &format!("{path}/join")).await.well();

    assert_eq!(entered.body["myRole"], "member");
    assert_eq!(company.audited("channel.member_added").await["entry"], "uninvited");
    let members = door.get(&owner, &format!("{path}/members")).await.well();
    assert_eq!(members.items("name"), ["owner", "ceo"]);
    let heard = company.heard_of_channels(0).await;
    let (kind, streams) = heard.last().expect("it is told");
    assert_eq!(kind, "channel.member_added");
    assert_eq!(*streams, [path.replace("channels/", "channel:")]);
    company.end().await;
}

#[tokio::test]
async fn members_come_change_and_go_in_one_call_and_all_that_is_wrong_is_named() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let [ann, bob, cid] = [
        company.person("ann", Role::Staff).await,
        company.person("bob", Role::Staff).await,
        company.person("cid", Role::Staff).await,
    ];
    let nobody = company.stage.actor(Role::Staff).user_id;
    let made = json!({"name": "work", "kind": "private", "members": [ann.user_id, bob.user_id]});
    let path = format!("{}/members", door.make(&owner, made).await);

    let wrong = json!({"add": [cid.user_id, nobody], "remove": [nobody, ann.user_id]});
    let wrong = door.post(&owner, &path, wrong).await.refused(422, "request.invalid");
    let many: Vec<_> = (0..201).map(|_| nobody).collect();
    let many = door.post(&owner, &path, json!({"add": many})).await;
    let many = many.refused(422, "request.invalid");
    let change = json!({"add": [{"userId": cid.user_id, "role": "guest"},
                                {"userId": ann.user_id, "role": "admin"}],
                        "remove": [bob.user_id]});
    let changed = door.post(&owner, &path, change.clone()).await.well();
    let again = door.post(&owner, &path, change).await.well();

    assert_eq!(wrong.pointers(), ["#/add/1", "#/remove/0"]);
    assert_eq!(many.pointers(), ["#/add"]);
    assert_eq!((&changed.body["memberCount"], &changed.body["version"]), (&json!(3), &json!(1)));
    assert_eq!(again.body, changed.body);
    let listed = door.get(&cid, &path).await.well();
    assert_eq!(listed.items("role"), ["owner", "admin", "guest"]);
    let admins = door.get(&cid, &format!("{path}?role=admin,owner&limit=1")).await.well();
    let cursor = admins.text("nextCursor");
    let rest = door.get(&cid, &format!("{path}?role=admin,owner&limit=1&cursor={cursor}")).await;
    assert_eq!([admins.items("name"), rest.items("name")], [["owner"], ["ann"]]);
    let foreign = door.get(&cid, &format!("{path}?cursor={cursor}")).await;
    foreign.refused(422, "request.invalid");
    door.get(&bob, &path).await.refused(404, "resource.not_found");
    assert_eq!(company.audited("channel.member_added").await["userId"], json!(cid.user_id));
    company.end().await;
}

#[tokio::test]
async fn who_is_an_owner_is_for_owners_to_say_and_one_always_stays() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let admin = company.person("admin", Role::Staff).await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let admins = json!([{"userId": admin.user_id, "role": "admin"}]);
    let made = json!({"name": "work", "members": admins});
    let path = format!("{}/members", door.make(&owner, made).await);
    let set = |actor: &sayso_access::Actor, role: &str| json!({"add": [{"userId": actor.user_id, "role": role}]});

    let raised = door.post(&admin, &path, set(&admin, "owner")).await;
    let ousted = door.post(&admin, &path, json!({"remove": [owner.user_id]})).await;
    let stepped = door.post(&owner, &path, set(&owner, "member")).await;
    let gone = door.post(&ceo, &path, json!({"remove": [owner.user_id]})).await;
    raised.refused(403, "access.forbidden");
    ousted.refused(403, "access.forbidden");
    stepped.refused(409, "channel.last_owner");
    gone.refused(409, "channel.last_owner");
    door.post(&owner, &path, set(&admin, "owner")).await.well();
    door.post(&owner, &path, set(&owner, "member")).await.well();

    // An owner who cannot act is none.
    let client = company.database.app().await;
    let away = "UPDATE users SET active = false WHERE id = $1";
    door.post(&admin, &path, set(&owner, "owner")).await.well();
    client.execute(away, &[&owner.user_id]).await.expect("deactivated");
    let alone = door.act(&admin, &path.replace("members", "leave")).await;
    alone.refused(409, "channel.last_owner");
    company.end().await;
}

#[tokio::test]
async fn a_post_with_a_key_is_done_once_and_answered_twice() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let staff = company.person("staff", Role::Staff).await;
    let path = door.make(&owner, json!({"name": "town"})).await;
    let key = [("idempotency-key", "one")];
    let post = http::Method::POST;
    let join = format!("{path}/join");

    let first = door.ask(&staff, post.clone(), &join, &key, None).await.well();
    door.act(&staff, &format!("{path}/leave")).await.well();
    let again = door.ask(&staff, post, &join, &key, None).await.well();

    assert_eq!(again.body, first.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(door.get(&staff, &path).await.body["myRole"], json!(null));
    company.end().await;
}

#[tokio::test]
async fn presence_shows_the_members_who_are_here() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let owner = company.person("owner", Role::Manager).await;
    let staff = company.person("staff", Role::Staff).await;
    let other = company.person("other", Role::Staff).await;
    let made = json!({"name": "work", "kind": "private", "members": [staff.user_id]});
    let path = door.make(&owner, made).await;

    let before = door.get(&owner, &path).await.well();
    for actor in [&staff, &other] {
        door.presence.connected(actor.user_id, 1, company.stage.clock.now());
    }
    let here = door.get(&owner, &format!("{path}/presence")).await.well();
    let after = door.get(&owner, &path).await.well();

    let staff_id = json!(staff.user_id);
    let wanted = json!({"items": [{"userId": staff_id, "status": "online", "lastActiveAt": null}]});
    assert_eq!(here.body, wanted);
    assert_eq!(after.body["participants"][1]["presence"], "online");
    assert_ne!(before.etag(), after.etag());
    let hidden = door.get(&other, &format!("{path}/presence")).await;
    hidden.refused(404, "resource.not_found");
    company.end().await;
}
