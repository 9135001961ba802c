//! A company whose people come over HTTP.

use sayso_access::Role;
use sayso_db::tokio_postgres::types::ToSql;
use serde_json::Value;
use uuid::Uuid;

use crate::stage::{PASSWORD, Stage, json as body_of, request};

/// A company with somebody in each role, all of whom have come in.
pub(crate) struct House {
    pub(crate) stage: Stage,
    pub(crate) ceo: Member,
    pub(crate) boss: Member,
    pub(crate) ann: Member,
}

pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

impl House {
    pub(crate) async fn new() -> Self {
        let stage = Stage::new().await;
        let ceo = Member::enter(&stage, "ceo", Role::Ceo).await;
        let boss = Member::enter(&stage, "boss", Role::Manager).await;
        let ann = Member::enter(&stage, "ann", Role::Staff).await;
        Self { stage, ceo, boss, ann }
    }

    pub(crate) async fn ask(
        &self,
        who: &Member,
        (method, path): (&str, &str),
        body: Value,
    ) -> (u16, Value) {
        let response = self.stage.send(request(method, path, Some(&who.token), &body)).await;
        (response.status().as_u16(), body_of(response).await)
    }

    pub(crate) async fn get(&self, who: &Member, path: &str) -> (u16, Value) {
        self.ask(who, ("GET", path), Value::Null).await
    }

    pub(crate) async fn post(&self, who: &Member, path: &str) -> (u16, Value) {
        self.ask(who, ("POST", path), Value::Null).await
    }

    pub(crate) async fn patch(&self, who: &Member, id: &str, body: Value) -> (u16, Value) {
        self.ask(who, ("PATCH", &format!("/api/users/{id}")), body).await
    }

    /// The names of a list, in its order.
    pub(crate) async fn names(&self, who: &Member, path: &str) -> Vec<String> {
        let (status, page) = self.get(who, path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let items = page["items"].as_array().expect("a page has items");
        items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    }

    pub(crate) async fn last_fact(&self, kind: &str) -> Value {
        let client = self.stage.database.app().await;
        let sql = "SELECT json_build_object('streams', streams, 'data', data, 'change', change,
                          'effects', effects, 'audit', audit)::text
                   FROM outbox WHERE type = $1 ORDER BY id DESC LIMIT 1";
        let row = client.query_one(sql, &[&kind]).await.expect("there is such a fact");
        serde_json::from_str(row.get(0)).expect("it is JSON")
    }

    pub(crate) async fn change(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) {
        self.stage.database.owner().await.execute(sql, params).await.expect("it is changed");
    }

    /// A channel with these members in these roles.
    pub(crate) async fn channel(&self, kind: &str, members: &[(&str, &str)]) {
        let (id, maker) = (self.stage.ctx.system().new_id(), id_of(&self.ceo.id));
        let key = (kind == "direct").then(|| id.to_string());
        self.change(
            "INSERT INTO channels (id, name, kind, direct_key, created_by, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, now(), now())",
            &[&id, &id.to_string(), &kind, &key, &maker],
        )
        .await;
        for (user, role) in members {
            self.change(
                "INSERT INTO channel_members (channel_id, user_id, role, joined_at)
                 VALUES ($1, $2, $3, now())",
                &[&id, &id_of(user), role],
            )
            .await;
        }
    }
}

pub(crate) fn id_of(text: &str) -> Uuid {
    text.parse().expect("it is an id")
}

impl Member {
    pub(crate) async fn enter(stage: &Stage, name: &str, role: Role) -> Self {
        let email = format!("{name}@example.com");
        let mut new = stage.draft(&email, role).await;
        new.name = name.to_owned();
        let id = stage.create(new).await.expect("the person is created").id.to_string();
        let pair = stage.log_in(&email, PASSWORD).await.expect("the password is right");
        let token = pair.access.expose().clone();
        Self { id, token, refresh: pair.refresh.expose().clone() }
    }
}
