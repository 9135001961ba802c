//! The HTTP door of search.

use axum::extract::State;
use sayso_web::{AppState, Caller, Params, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service;
use crate::view::{SearchFor, SearchPage};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(search))
}

/// Search tasks, messages, channels and people
///
/// Parts of words are found from three letters on, beginnings of words from
/// one, accents and case do not matter. Ranked are, of each kind, the newest
/// 2,000 matches; `considered` and `capped` say so.
#[utoipa::path(get, path = "/api/search", operation_id = "search", tag = "Search",
    params(SearchFor), responses((status = 200, body = SearchPage)))]
async fn search(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<SearchFor>,
) -> Result<Reply, Problem> {
    let asked = (query.q.as_str(), query.kinds());
    let answer =
        service::search(&app.db, &ctx, (asked.0, &asked.1), query.cursor.as_deref(), query.limit())
            .await?;
    Ok(Reply::ok(&SearchPage::of(answer, &app.presence)))
}
