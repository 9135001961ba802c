//! A company of four at a real server.

use std::time::Duration;

use sayso_kernel::Timestamp;
use sayso_testkit::{Client, Connect, Process, ProcessSetup, Sockets, until};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery staple";
/// A server that is ready shows its code in the next moment.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);
const A_DAY: Duration = Duration::from_secs(86_400);

/// A server with a CEO, a manager and two of the staff.
pub struct Company {
    pub server: Process,
    pub ceo: Client,
    pub manager: Client,
    pub ann: Client,
    pub bob: Client,
}

impl Company {
    /// Starts the server and lets everybody in: the first by the code that the
    /// server shows, the others by the CEO.
    pub async fn found(setup: ProcessSetup) -> Self {
        Self::found_beside(setup, std::future::ready(())).await.0
    }

    /// The same, and some other work beside it from the moment at which the
    /// first is in.
    pub async fn found_beside<T>(setup: ProcessSetup, work: impl Future<Output = T>) -> (Self, T) {
        let server = Process::start(setup).await;
        let ceo = set_up(&server).await;
        tokio::join!(Self::of(server, ceo), work)
    }

    /// The same, but the first is let in by the operator, who stands in the log
    /// as nobody.
    pub async fn found_by_operator(setup: ProcessSetup) -> Self {
        let server = Process::start(setup).await;
        let args = ["user", "create", "--role", "ceo", "--email", "ceo@example.com"];
        let args = [&args[..], &["--name", "Cleo", "--password-stdin"]].concat();
        server.run(&args, PASSWORD).await;
        let ceo = Client::login(&server.url(), "ceo@example.com", PASSWORD).await;
        Self::of(server, ceo).await
    }

    async fn of(server: Process, ceo: Client) -> Self {
        let manager = hire(&ceo, "Mona", "manager").await;
        let ann = hire(&ceo, "Ann", "staff").await;
        let bob = hire(&ceo, "Bob", "staff").await;
        Self { server, ceo, manager, ann, bob }
    }

    pub fn everybody(&self) -> [(&'static str, &Client); 4] {
        [("ceo", &self.ceo), ("manager", &self.manager), ("ann", &self.ann), ("bob", &self.bob)]
    }
}

/// Creates the CEO by the code of a new server. The command of the operator is a
/// process with connections of its own, which costs as much as the server's start.
async fn set_up(server: &Process) -> Client {
    let code = until("the code to be shown", SHOWN_WITHIN, async || {
        let log = server.log();
        let (_, rest) = log.split_once(r#"{"code":""#)?;
        rest.split_once('"').map(|(code, _)| code.to_owned())
    })
    .await;
    let mut ceo = Client::anonymous(&server.url());
    let body = json!({ "code": code, "email": "ceo@example.com", "name": "Cleo",
                       "password": PASSWORD });
    ceo.login = ceo.post("/api/setup", body).await.expect(201);
    ceo
}

/// Creates a person and logs them in.
pub async fn hire(ceo: &Client, name: &str, role: &str) -> Client {
    let email = format!("{}@example.com", name.to_lowercase());
    let body = json!({ "email": email, "name": name, "role": role, "password": PASSWORD });
    ceo.post("/api/users", body).await.expect(201);
    Client::login(ceo.base(), &email, PASSWORD).await
}

/// Connects a socket by WebSocket alone; what it was told when it was let in.
pub async fn connect(sockets: &Sockets, id: &str, person: &Client) -> Value {
    let connect = Connect { id, person, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await
}

/// A program that acts for somebody by a token, good for a day; its `login`
/// names the token's `id`.
pub async fn program_of(person: &Client, scopes: &[&str]) -> Client {
    let seen: Timestamp = person.login["user"]["createdAt"].as_str().unwrap().parse().unwrap();
    let ends = (seen + A_DAY).to_string();
    let body = json!({ "name": "CI", "scopes": scopes, "expiresAt": ends, "password": PASSWORD });
    let made = person.post("/api/tokens", body).await.expect(201);
    let mut program = person.clone();
    program.login = json!({ "accessToken": made["token"], "refreshToken": "none",
                            "expiresIn": A_DAY.as_secs(), "id": made["id"],
                            "user": person.login["user"] });
    program
}

/// Creates a private channel and adds people to it; answers its id.
pub async fn open_channel(owner: &Client, name: &str, others: &[&Client]) -> String {
    let body = json!({ "name": name, "kind": "private" });
    let channel = owner.post("/api/channels", body).await.expect(201);
    let id = channel["id"].as_str().unwrap().to_owned();
    if !others.is_empty() {
        let add: Vec<&str> = others.iter().map(|person| person.user_id()).collect();
        let path = format!("/api/channels/{id}/members");
        owner.post(&path, json!({ "add": add })).await.expect(200);
    }
    id
}
