//! The HTTP door of search and of the trash.

use axum::extract::State;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{AppState, Caller, Params, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::TrashState;
use crate::view::{ListTrash, SearchFor, SearchPage, TrashedView};
use crate::{service, trash};

/// The routes of search.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(search))
}

/// The routes of the trash.
pub fn trash_router(state: TrashState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_trash)).with_state(state)
}

/// Search tasks, messages, channels and people
///
/// Parts of words are found from three letters on, beginnings of words from
/// one, accents and case do not matter. Ranked are, of each kind, the newest
/// 2,000 matches; `considered` and `capped` say so.
// fixture: GET /api/search?q=plan
#[utoipa::path(get, path = "/api/search", operation_id = "search", tag = "Search",
    params(SearchFor), responses((status = 200, body = SearchPage)))]
async fn search(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<SearchFor>,
) -> Result<Reply, Problem> {
    let asked = (query.q.as_str(), query.kinds());
    let (stores, cursor) = ((&app.cache, &app.db), query.cursor.as_deref());
    let answer = service::search(stores, &ctx, (asked.0, &asked.1), cursor, query.limit()).await?;
    Ok(Reply::ok(&SearchPage::of(answer, &app.presence)))
}

/// List the trash
///
/// What the caller may restore, deleted last first, with when it is removed for
/// good.
// fixture: GET /api/trash
#[utoipa::path(get, path = "/api/trash", operation_id = "list_trash", tag = "Trash",
    params(ListTrash), responses((status = 200, body = sayso_web::PageBody<TrashedView>)))]
async fn list_trash(
    State(state): State<TrashState>,
    Caller(ctx): Caller,
    Params(query): Params<ListTrash>,
) -> Result<Reply, Problem> {
    let (mut db, limit) = (state.app.db.read(), query.limit.unwrap_or(LIMIT_DEFAULT));
    let (kinds, cursor) = (query.kinds(), query.cursor.as_deref());
    let page = trash::list(&mut db, &ctx, state.kept, &kinds, cursor, limit).await?;
    Ok(Reply::page(page.map(TrashedView::of)))
}
