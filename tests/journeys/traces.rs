//! One write is one trace, from the request to the sockets, whichever processes
//! have a part in it; and a collector that is not there is nobody's concern.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use sayso_testkit::{
    Client, CollectedSpan, Collector, Connect, ProcessSetup, Sockets, TestDatabase, read, until,
};
use serde_json::{Value, json};

use crate::clients::metric;
use crate::cluster::Cluster;
use crate::company::{Company, PASSWORD, open_channel};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
/// What people write, and nobody else is told.
const WORDS: &str = "quarterly figures";
/// What the collector asks for.
const SECRET: &str = "Bearer collectors-own-secret";
/// Spans are sent within a second, by a server that may have little time.
const SENT_WITHIN: Duration = Duration::from_secs(30);
/// A server is not held up by a collector.
const STOPPED_WITHIN: Duration = Duration::from_secs(8);

fn traced(setup: ProcessSetup, collector: &Collector) -> ProcessSetup {
    setup
        .env("SAYSO_TRACES__ENDPOINT", collector.url())
        .env("SAYSO_TRACES__HEADERS", format!("authorization={SECRET}"))
}

/// A write over HTTP of somebody who traces.
async fn create_task(person: &Client, channel: &str) -> String {
    send_task(person, json!({ "title": WORDS, "channelId": channel })).await
}

async fn send_task(person: &Client, body: Value) -> String {
    let parent = format!("00-{TRACE}-{CALLER}-00");
    let request = person.request(Method::POST, "/api/tasks").header("traceparent", parent);
    let reply = read(request.json(&body)).await.unwrap();
    let id = reply.headers["x-request-id"].to_str().unwrap().to_owned();
    reply.expect(201);
    id
}

/// The spans of one trace.
struct Trace(Vec<CollectedSpan>);

impl Trace {
    fn of(collector: &Collector, trace_id: &str) -> Self {
        let spans = collector.spans().into_iter();
        Self(spans.filter(|span| span.trace_id == trace_id).collect())
    }

    #[track_caller]
    fn one(&self, name: &str) -> &CollectedSpan {
        let all: Vec<&CollectedSpan> = self.0.iter().filter(|span| span.name == name).collect();
        let names: Vec<&str> = self.0.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(all.len(), 1, "{name} is not there once among {names:?}");
        all[0]
    }

    /// Whether `span` lies within `outer`.
    fn is_within(&self, span: &CollectedSpan, outer: &CollectedSpan) -> bool {
        let parent = self.0.iter().find(|one| one.id == span.parent);
        parent.is_some_and(|parent| parent.id == outer.id || self.is_within(parent, outer))
    }
}

/// Of nobody's secrets, words or addresses there is anything in what was sent.
#[track_caller]
fn assert_discreet(collector: &Collector, company: &Company) {
    let sent = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(sent.contains("tasks.insert"), "the names of statements are there");
    let mut secrets = vec![WORDS, PASSWORD, SECRET, "@example.com", "0707070707070707"];
    for (_, person) in company.everybody() {
        secrets
            .extend(["accessToken", "refreshToken"].map(|key| person.login[key].as_str().unwrap()));
    }
    for secret in secrets {
        assert!(!sent.contains(secret), "{secret:?} was sent to the collector");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_write_is_one_trace_from_the_request_of_a_caller_to_the_sockets() {
    let (collector, database) = (Collector::start().await, TestDatabase::new().await);
    let setup = traced(ProcessSetup::on(&database), &collector);
    let mut company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    let sockets = Sockets::start();
    let connect =
        Connect { id: "ann", person: &company.ann, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    let request_id = create_task(&company.ceo, &channel).await;
    sockets.until_heard("ann", "task.created").await;
    // What was not sent yet is sent now.
    assert!(company.server.stop().await.success());

    let trace = Trace::of(&collector, TRACE);
    let request = trace.one("POST /api/tasks");
    assert_eq!((request.parent.as_str(), request.kind), (CALLER, SpanKind::Server));
    assert_eq!(request.attributes["sayso.request_id"], request_id);
    assert_eq!(request.attributes["http.route"], "/api/tasks");
    assert_eq!(request.attributes["http.response.status_code"], "201");
    assert_eq!(request.attributes["sayso.actor"], format!("user:{}", company.ceo.user_id()));
    let transaction = trace.one("transaction");
    assert_eq!(transaction.parent, request.id);
    for statement in ["BEGIN", "tasks.insert", "outbox.insert", "COMMIT"] {
        let span = trace.one(statement);
        assert_eq!(span.kind, SpanKind::Client, "{statement}");
        assert!(trace.is_within(span, transaction), "{statement}");
        assert!(span.attributes.values().all(|value| value != WORDS), "{span:?}");
    }
    let sequencer = trace.one("sequencer");
    assert!(trace.is_within(sequencer, transaction));
    assert_eq!(sequencer.attributes["sayso.fact"], "task.created");
    let dispatch = trace.one("dispatch task.created");
    assert_eq!(dispatch.parent, sequencer.id);
    assert_eq!(dispatch.attributes["sayso.sockets"], "1");
    assert!(trace.0.iter().all(|span| !span.is_error), "{:?}", trace.0);

    let probes = collector.spans().into_iter().filter(|span| span.name.contains("/health/"));
    assert_eq!(probes.count(), 0, "who asks whether it lives is not traced");
    let headers = collector.headers();
    assert!(headers.iter().all(|sent| sent["authorization"] == SECRET), "{headers:?}");
    assert_discreet(&collector, &company);
    assert!(!company.server.log().contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_at_the_node_that_numbers_and_at_those_whose_sockets_hear() {
    let collector = Collector::start().await;
    let cluster = Cluster::with(|setup| traced(setup, &collector), |setup, _| setup).await;
    let company = &cluster.company;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    cluster.settle().await;
    // The first node began first, and numbers; all is said at the other.
    let (ceo, ann) = (cluster.there(&company.ceo), &company.ann);
    let sockets = Sockets::start();
    for (id, person) in [("ceo", &ceo), ("ann", ann)] {
        let connect = Connect { id, person, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    let send = json!({ "channelId": channel, "content": WORDS });
    let sent = sockets.emit("ceo", "message.send", &send).await;
    assert_eq!(sent["ok"], true, "{sent}");
    for id in ["ceo", "ann"] {
        let heard = sockets.until_heard(id, "message.sent").await.payload;
        assert!(!heard.to_string().contains("trace"), "{heard}");
    }

    let (trace, dispatched) = until("the whole trace", SENT_WITHIN, async || {
        let asked =
            collector.spans().into_iter().find(|span| span.name == "socket message.send")?;
        let trace = Trace::of(&collector, &asked.trace_id);
        let dispatched = trace.0.iter().filter(|span| span.name == "dispatch message.sent");
        let dispatched: Vec<CollectedSpan> = dispatched.cloned().collect();
        (dispatched.len() == 2).then_some((trace, dispatched))
    })
    .await;
    let asked = trace.one("socket message.send");
    let (stored, sequencer) = (trace.one("messages.send"), trace.one("sequencer"));
    assert_eq!((asked.kind, asked.parent.as_str()), (SpanKind::Server, ""));
    assert!(trace.is_within(stored, asked) && trace.is_within(sequencer, asked));
    assert_eq!(stored.instance, asked.instance);
    assert_ne!(sequencer.instance, asked.instance, "the first node numbers");
    assert!(dispatched.iter().all(|span| span.parent == sequencer.id), "{dispatched:?}");
    assert_ne!(dispatched[0].instance, dispatched[1].instance);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_to_the_notification_of_whoever_is_to_know() {
    let (collector, database) = (Collector::start().await, TestDatabase::new().await);
    let mut company = Company::found(traced(ProcessSetup::on(&database), &collector)).await;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    let sockets = Sockets::start();
    let connect =
        Connect { id: "ann", person: &company.ann, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    let ann = company.ann.user_id();
    let body = json!({ "title": WORDS, "channelId": channel, "assignedTo": [ann] });
    send_task(&company.ceo, body).await;
    sockets.until_heard("ann", "notification.created").await;
    assert!(company.server.stop().await.success());

    let trace = Trace::of(&collector, TRACE);
    let numbered = |fact: &str| {
        let mut all = trace.0.iter().filter(|span| span.name == "sequencer");
        all.find(|span| span.attributes["sayso.fact"] == fact).unwrap_or_else(|| panic!("{fact}"))
    };
    let told = trace.one("notifications");
    assert_eq!(
        (told.parent.as_str(), told.kind),
        (&*numbered("task.created").id, SpanKind::Consumer)
    );
    assert_eq!(told.attributes["sayso.fact"], "task.created");
    assert_eq!(numbered("notification.created").parent, told.id);
    let dispatch = trace.one("dispatch notification.created");
    assert_eq!(dispatch.parent, numbered("notification.created").id);
    assert_discreet(&collector, &company);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_traced_whatever_the_environment_says() {
    let (collector, database) = (Collector::start().await, TestDatabase::new().await);
    let setup = ProcessSetup::on(&database)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("OTEL_TRACES_SAMPLER", "always_on");
    let mut company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "board", &[]).await;
    create_task(&company.ceo, &channel).await;

    let measured = company.ceo.get("/metrics").await.text;
    assert!(company.server.stop().await.success());

    assert_eq!(collector.connections(), 0);
    assert!(!measured.contains("sayso_traces_"), "{measured}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_or_never_answers_holds_up_nobody() {
    // One port where nobody listens, one where nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [refusing, silent.local_addr().unwrap()] {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database)
            .env("SAYSO_TRACES__ENDPOINT", format!("http://{address}"))
            .env("SAYSO_TRACES__TIMEOUT_MS", "500");
        let mut company = Company::found(setup).await;
        let ceo = company.ceo.clone();
        let dropped = async || {
            ceo.get("/api/auth/me").await.expect(200);
            metric(&ceo, "sayso_traces_dropped_total{reason=\"not_sent\"} ").await
        };

        let first = until("spans to be dropped", SENT_WITHIN, async || {
            Some(dropped().await).filter(|dropped| *dropped > 0.0)
        })
        .await;
        // Another batch was tried by then.
        until("more of them", SENT_WITHIN, async || (dropped().await > first).then_some(())).await;
        let asked = Instant::now();
        assert!(company.server.stop().await.success());

        assert!(asked.elapsed() < STOPPED_WITHIN, "{:?}", asked.elapsed());
        let log = company.server.log();
        let told = log.lines().filter(|line| line.contains("traces do not arrive")).count();
        assert_eq!(told, 1, "{log}");
    }
}
