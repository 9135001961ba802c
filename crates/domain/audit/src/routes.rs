//! The audit over HTTP.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, VARY};
use sayso_kernel::Fault;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{AppState, Caller, PageBody, Params, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::{self, Export};
use crate::view::{self, EntryView, ListAudit};

/// The media type of lines of JSON.
const LINES: &str = "application/x-ndjson";
/// The answer depends on what is asked for in `Accept` as well.
const VARIES: HeaderValue = HeaderValue::from_static("Authorization, Accept, Accept-Encoding");

/// The routes of the audit.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// What happened, the newest first.
///
/// The audit grows for ever. Where what is asked for is rare, a page holds less
/// than `limit`, or nothing, before all was looked at: as long as there is a
/// `nextCursor`, there may be more.
///
/// With `Accept: application/x-ndjson` everything that fits comes as lines of
/// JSON, 100,000 at the most; where there is more, the last line is
/// `{"nextCursor": …}` for the next request.
// fixture: GET /api/audit
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "Audit",
    params(ListAudit),
    responses((status = 200, description = "A page of the audit", content(
        (PageBody<EntryView> = "application/json"),
        (String = "application/x-ndjson"),
    )))
)]
async fn list_audit(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    headers: HeaderMap,
    Params(query): Params<ListAudit>,
) -> Result<Response, Problem> {
    let (filter, cursor, limit) = query.into_parts();
    if wants_lines(&headers) {
        let export = service::export(&app.db, &ctx, filter, (cursor.as_deref(), limit)).await?;
        return Ok(by_lines(export));
    }
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let page = service::list(&app.db, &ctx, &filter, (cursor.as_deref(), limit)).await?;
    Ok(Reply::page(page.map(EntryView::from)).with_header(VARY, VARIES).into_response())
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|media| media.contains(LINES))
}

/// A page is read when the one before was taken. One that cannot be read ends
/// the connection, so that nobody takes what came for all there is.
fn by_lines(export: Export) -> Response {
    let pages = stream::unfold(export, async |mut export| match export.next().await {
        Ok(page) => page.map(|page| (Ok(view::lines(page)), export)),
        Err(fault) => Some((Err::<_, Fault>(fault), export)),
    });
    let mut response = Response::new(Body::from_stream(pages));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, VARIES);
    response
}
