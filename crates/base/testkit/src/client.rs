//! A person who uses the HTTP API.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Longer than any request may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A person (or nobody yet) at one address.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// What the login answered; `null` before it.
    pub login: Value,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub text: String,
    /// The body as JSON; `null` when it is none.
    pub body: Value,
}

impl Reply {
    /// The body, when the status is the expected one.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "answered: {}", self.text);
        self.body
    }

    /// The header, if it was sent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The problem's code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Client {
    /// Nobody, at `base` (`http://127.0.0.1:1234`).
    #[must_use]
    pub fn anonymous(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .expect("an HTTP client can be made");
        Self { http, base: base.to_owned(), login: Value::Null }
    }

    /// The person with this e-mail and password.
    ///
    /// # Panics
    /// When the login is refused.
    pub async fn login(base: &str, email: &str, password: &str) -> Self {
        let anonymous = Self::anonymous(base);
        let body = json!({ "email": email, "password": password });
        let login = anonymous.post("/api/auth/login", body).await.expect(200);
        Self { login, ..anonymous }
    }

    /// The same person with the same login at another address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The person's id.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.login["user"]["id"].as_str().expect("a login names the person")
    }

    /// The address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads.
    ///
    /// # Panics
    /// As the other verbs: when no answer comes.
    pub async fn get(&self, path: &str) -> Reply {
        self.answered(Method::GET, path, None).await
    }

    /// Creates or acts.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.answered(Method::POST, path, Some(body)).await
    }

    /// Updates.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.answered(Method::PUT, path, Some(body)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Reply {
        self.answered(Method::DELETE, path, None).await
    }

    /// Creates under an Idempotency-Key. `None` when no answer came: nobody
    /// knows then what became of it.
    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Option<Reply> {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key).json(body);
        read(request).await.ok()
    }

    /// A request with the person's token, for what the verbs do not cover.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match self.login["accessToken"].as_str() {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn answered(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request).await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }
}

/// Sends a request and reads the answer whole.
///
/// # Errors
/// When no answer came, or not all of it.
pub async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Reply { status, headers, text, body })
}
