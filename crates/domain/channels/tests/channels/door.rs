//! The routes as the edge puts them together, asked without a network.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{CONTENT_TYPE, ETAG, HeaderMap};
use http::{Method, Request, StatusCode};
use sayso_access::Actor;
use sayso_events::{Hub, Presence};
use sayso_web::{AppParts, AppState, Identity, stack};
use serde_json::Value;
use tower::ServiceExt;

use crate::company::Company;

/// The door of one node.
#[derive(Clone)]
pub struct Door {
    app: Router,
    pub presence: Presence,
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.text("id")
    }

    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    pub fn etag(&self) -> String {
        self.headers[ETAG].to_str().expect("ASCII").to_owned()
    }

    /// The answer, which must be well.
    #[track_caller]
    pub fn well(self) -> Self {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self
    }

    /// The answer, which must be this refusal.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.body);
        self
    }

    /// The places of everything that is wrong.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
    }

    pub fn items(&self, field: &str) -> Vec<&str> {
        let items = self.body["items"].as_array().expect("a list");
        items.iter().filter_map(|item| item[field].as_str()).collect()
    }
}

impl Door {
    pub fn new(company: &Company) -> Self {
        let app = AppState::new(AppParts {
            db: company.database.db().clone(),
            clock: company.stage.clock.clone(),
            random: company.stage.random.clone(),
            hub: Hub::new(1),
            presence: Presence::default(),
            cache: sayso_cache::Cache::off(),
        });
        let (routes, _) =
            sayso_channels::routes::router().with_state(app.clone()).split_for_parts();
        let presence = app.presence.clone();
        Self { app: stack::wrap(routes, &stack::Settings::default(), app.sources()), presence }
    }

    pub async fn ask(
        &self,
        actor: &Actor,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/{path}"))
            .extension(Identity::Known(actor.clone()))
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).expect("the request is well-formed");
        let answer = self.app.clone().oneshot(request).await.expect("a router does not fail");
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("the body arrives");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, actor: &Actor, path: &str) -> Answer {
        self.ask(actor, Method::GET, path, &[], None).await
    }

    pub async fn post(&self, actor: &Actor, path: &str, body: Value) -> Answer {
        self.ask(actor, Method::POST, path, &[], Some(body)).await
    }

    pub async fn act(&self, actor: &Actor, path: &str) -> Answer {
        self.ask(actor, Method::POST, path, &[], None).await
    }

    pub async fn patch(&self, actor: &Actor, path: &str, body: Value) -> Answer {
        self.ask(actor, Method::PATCH, path, &[], Some(body)).await
    }

    pub async fn delete(&self, actor: &Actor, path: &str) -> Answer {
        self.ask(actor, Method::DELETE, path, &[], None).await
    }

    /// Makes a channel, and answers its path.
    pub async fn make(&self, actor: &Actor, body: Value) -> String {
        let made = self.post(actor, "channels", body).await.well();
        format!("channels/{}", made.id())
    }
}
