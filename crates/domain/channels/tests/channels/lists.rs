//! Which channels are listed, in which order, page by page.

use sayso_access::Role;
use serde_json::json;

use crate::company::Company;
use crate::door::Door;

#[tokio::test]
async fn the_list_holds_what_the_reader_sees_with_all_filters_at_once() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let category = json!({"name": "Teams", "kind": "channel"});
    let category = door.post(&ann, "categories", category).await.well().id();
    let make = async |body| {
        company.stage.advance(std::time::Duration::from_secs(1));
        door.make(&ann, body).await
    };
    let town = make(json!({"name": "Town hall"})).await;
    let cafe = make(json!({"name": "Café", "categoryId": category})).await;
    let secret = make(json!({"name": "secret", "kind": "private"})).await;
    let ours = make(json!({"name": "ours", "kind": "private", "members": [bob.user_id]})).await;
    let direct = make(json!({"kind": "direct", "members": [bob.user_id]})).await;
    door.patch(&ann, &town, json!({"archived": true, "version": 1})).await.well();
    company.message(&ann, &ours, &[&bob]).await;
    let id = |path: &String| path.replace("channels/", "");
    let list = async |query: String| {
        let page = door.get(&bob, &format!("channels?{query}")).await.well();
        page.items("id").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };

    assert_eq!(list(String::new()).await, [id(&direct), id(&ours), id(&cafe), id(&town)]);
    assert_eq!(list("kind=private,direct".into()).await, [id(&direct), id(&ours)]);
    assert_eq!(list("archived=true".into()).await, [id(&town)]);
    assert_eq!(list(format!("categoryId={category}")).await, [id(&cafe)]);
    assert_eq!(list("search=CAFE".into()).await, [id(&cafe)]);
    assert_eq!(list("search=%25".into()).await, Vec::<String>::new());
    assert_eq!(list("member=true".into()).await, [id(&direct), id(&ours)]);
    assert_eq!(list("member=false&archived=false".into()).await, [id(&cafe)]);
    let among = [id(&secret), id(&town), id(&ours)].join(",");
    assert_eq!(list(format!("ids={among}")).await, [id(&ours), id(&town)]);
    assert_eq!(list(format!("ids={among}&kind=public")).await, [id(&town)]);
    let page = door.get(&bob, "channels?member=true").await;
    assert_eq!(page.body["items"][1]["unreadCount"], 1);
    assert_eq!(page.body["items"][1]["mentionCount"], 1);
    for wrong in ["sort=dueDate", "limit=0", "limit=101", "kind=open", "search=", "x=1"] {
        door.get(&bob, &format!("channels?{wrong}")).await.refused(422, "request.invalid");
    }
    company.end().await;
}

#[tokio::test]
async fn every_order_is_paged_through_without_a_gap_or_a_repeat() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let mut made = Vec::new();
    for (name, kind) in [("d", "public"), ("b", "private"), ("C", "public"), ("a", "private")] {
        // Two at a time are made at the same moment.
        let body = json!({"name": name, "kind": kind});
        made.push(door.make(&ann, body).await.replace("channels/", ""));
        if made.len() == 2 {
            company.stage.advance(std::time::Duration::from_secs(1));
        }
    }
    let direct = json!({"kind": "direct", "members": [bob.user_id]});
    let direct = door.make(&ann, direct).await.replace("channels/", "");

    for sort in ["createdAt", "-createdAt", "updatedAt", "-updatedAt", "name", "-name"] {
        let whole = door.get(&ann, &format!("channels?sort={sort}")).await.well();
        let whole: Vec<String> = whole.items("id").into_iter().map(str::to_owned).collect();
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                door.get(&ann, &format!("channels?sort={sort}&limit=2{cursor}")).await.well();
            paged.extend(page.items("id").into_iter().map(str::to_owned));
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, whole, "{sort}");
        assert_eq!(whole.len(), 5, "{sort}");
        if sort.ends_with("name") {
            assert_eq!(whole.last(), Some(&direct), "without a name it comes last");
        }
    }
    let by_name = door.get(&ann, "channels?sort=name").await;
    assert_eq!(by_name.items("name"), ["a", "b", "C", "d"]);
    company.end().await;
}
