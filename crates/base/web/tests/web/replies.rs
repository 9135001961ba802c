//! Answers: tags, refusals of callers, secrets.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use sayso_kernel::{Code, Kind};
use sayso_web::{Identity, docs};

use crate::demo::{get_with, request, send};

const EXPIRED: Code = Code::new("auth.token_expired", Kind::Unauthenticated, "Expired");
const THING: &str = "/things/00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn what_the_client_holds_is_not_sent_again() {
    let first = get_with(THING, &[]).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("\"3-") && tag.len() == "\"3-\"".len() + 16, "{tag}");

    for held in [tag.clone(), format!("\"1-x\", W/{tag}"), "*".to_owned()] {
        let again = get_with(THING, &[("if-none-match", &held)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{held}");
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), "private, no-cache");
        assert!(!again.headers.contains_key("content-type"));
    }

    let other = get_with(THING, &[("if-none-match", "\"3-0000000000000000\"")]).await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn a_caller_who_is_not_known_is_told_why() {
    let ask = async |identity: Option<Identity>| {
        let mut asked = Request::builder().uri(THING);
        if let Some(identity) = identity {
            asked = asked.extension(identity);
        }
        send(asked.body(Body::empty()).expect("the request is well-formed")).await
    };

    for (identity, code) in [
        (None, "auth.token_missing"),
        (Some(Identity::Anonymous), "auth.token_missing"),
        (Some(Identity::Refused(&EXPIRED)), "auth.token_expired"),
    ] {
        let answer = ask(identity).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json()["code"], code);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(&format!("Bearer error=\"{code}\"")), "{challenge}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_but_never_secrets() {
    let gzip = [("accept-encoding", "gzip")];

    let large = get_with("/big", &gzip).await;
    let secret = get_with("/who", &gzip).await;
    let plain = get_with("/big", &[]).await;

    assert_eq!(large.header("content-encoding"), "gzip");
    assert!(large.body.len() < plain.body.len());
    assert_eq!(secret.header("content-encoding"), "");
    assert_eq!(secret.header("cache-control"), "no-store");
    assert_eq!(plain.header("vary"), "Authorization, Accept-Encoding");
}

#[tokio::test]
async fn a_head_request_tells_what_a_get_would() {
    let answer = send(request(Method::HEAD, THING, &[], "")).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.is_empty());
    assert!(answer.header("etag").starts_with("\"3-"));
}

#[utoipa::path(put, path = "/things/{id}", request_body = String, responses((status = 200)))]
#[expect(dead_code, reason = "it exists for its description")]
fn update_thing() {}

#[utoipa::path(get, path = "/open", security(()), responses((status = 200)))]
#[expect(dead_code, reason = "it exists for its description")]
fn read_openly() {}

#[derive(utoipa::OpenApi)]
#[openapi(paths(update_thing, read_openly))]
struct Document;

#[test]
fn every_operation_documents_the_refusals_it_can_answer() {
    let mut document = <Document as utoipa::OpenApi>::openapi();

    docs::add_problems(&mut document);

    let document = serde_json::to_value(&document).expect("a document is JSON");
    let update = &document["paths"]["/things/{id}"]["put"]["responses"];
    for status in ["200", "400", "401", "404", "409", "412", "422", "428", "503"] {
        assert!(update[status].is_object(), "{status}");
    }
    let open = &document["paths"]["/open"]["get"]["responses"];
    assert!(open["401"].is_null() && open["412"].is_null() && open["429"].is_object());
    let reference = update["412"]["$ref"].as_str().expect("it refers to a component");
    let pointer = reference.trim_start_matches('#');
    assert!(document.pointer(pointer).is_some(), "{reference}");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["requestId"].is_object());
}
