//! Tokens of programs, and programs, over HTTP.

use axum::extract::State;
use http::StatusCode;
use sayso_access::{SessionId, UserId};
use sayso_kernel::page::Page;
use sayso_web::{AppState, Body, Caller, Key, NoKey, PageBody, PathId, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::ApiToken;
use crate::view::machine::{
    ApiTokenView, CreateServiceAccountBody, CreateTokenBody, CreatedTokenView, ServiceAccountView,
};
use crate::{AuthState, api_token, policy};

pub(super) fn router() -> OpenApiRouter<AuthState> {
    OpenApiRouter::default()
        .routes(routes!(create_token, list_tokens))
        .routes(routes!(list_tokens_of))
        .routes(routes!(revoke_token))
        .routes(routes!(create_account, list_accounts))
}

/// Makes an API token; it is shown this once. Takes the present password.
// fixture: POST /api/tokens {"password": "{password}", "name": "CI", "scopes": ["read"], "expiresAt": "{soon}"}
// fixture: POST /api/tokens {"password": "another horse battery", "name": "CI", "scopes": ["read"], "expiresAt": "{soon}"} -- a stolen session
// fixture: POST /api/tokens {"password": "{password}", "name": "CI", "scopes": ["read"], "expiresAt": "{soon}", "userId": "{program}"} -- of a program
#[utoipa::path(
    post,
    path = "/api/tokens",
    operation_id = "create_token",
    tag = "Auth",
    request_body = CreateTokenBody,
    responses((status = 201, description = "The token", body = CreatedTokenView))
)]
pub async fn create_token(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    _: NoKey,
    Body(body): Body<CreateTokenBody>,
) -> Result<Reply, Problem> {
    let (password, new) = body.into_parts(&ctx)?;
    api_token::create(&auth, &ctx, (password, new.clone())).await?;
    let view = CreatedTokenView::of(&new, ctx.now());
    Ok(Reply::secret(&view).with_status(StatusCode::CREATED))
}

/// One's own API tokens, the newest first; for the CEO those of programs, too.
// fixture: GET /api/tokens
#[utoipa::path(
    get,
    path = "/api/tokens",
    operation_id = "list_tokens",
    tag = "Auth",
    responses((status = 200, description = "The tokens", body = PageBody<ApiTokenView>))
)]
pub async fn list_tokens(
    State(app): State<AppState>,
    Caller(ctx): Caller,
) -> Result<Reply, Problem> {
    Ok(listed(api_token::list(&mut app.db.read(), &ctx).await?))
}

/// The API tokens of a person, the newest first.
// fixture: GET /api/users/{ann}/tokens
// fixture: GET /api/users/{me}/tokens -- one's own
#[utoipa::path(
    get,
    path = "/api/users/{id}/tokens",
    operation_id = "list_user_tokens",
    tag = "Auth",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The tokens", body = PageBody<ApiTokenView>))
)]
pub async fn list_tokens_of(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
) -> Result<Reply, Problem> {
    Ok(listed(api_token::list_of(&mut app.db.read(), &ctx, id).await?))
}

fn listed(tokens: Vec<ApiToken>) -> Reply {
    let items = tokens.into_iter().map(ApiTokenView::from).collect();
    Reply::page(Page { items, next_cursor: None })
}

/// Revokes an API token, one's own or for the CEO anybody's; its sockets close.
// fixture: DELETE /api/tokens/{token} -- of the staff member
#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    operation_id = "delete_token",
    tag = "Auth",
    params(("id" = SessionId, Path, description = "The token's id")),
    responses((status = 204, description = "It is revoked"))
)]
pub async fn revoke_token(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<SessionId>,
) -> Result<Reply, Problem> {
    let work = async move |tx: &mut _, ctx: &_| api_token::revoke_in(tx, ctx, id).await;
    app.db.transaction(&ctx, work).await?;
    Ok(Reply::no_content())
}

/// Makes a service account: a person that is a program, and has no login.
// fixture: POST /api/service-accounts {"name": "Importer", "role": "staff"}
#[utoipa::path(
    post,
    path = "/api/service-accounts",
    operation_id = "create_service_account",
    tag = "Auth",
    request_body = CreateServiceAccountBody,
    responses((status = 201, description = "The account", body = ServiceAccountView))
)]
pub async fn create_account(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<CreateServiceAccountBody>,
) -> Result<Reply, Problem> {
    policy::run_programs(&ctx).require()?;
    let new = api_token::new_account(&auth, &ctx, body.into_parts()?).await?;
    sayso_web::write(&auth.app, &ctx, key, async move |tx, ctx| {
        let account = api_token::create_account_in(tx, ctx, new.clone()).await?;
        let location = format!("/api/users/{}", account.user_id);
        Ok(Reply::created(&location, &ServiceAccountView::from(account), 1))
    })
    .await
}

/// The service accounts, the newest first.
// fixture: GET /api/service-accounts
#[utoipa::path(
    get,
    path = "/api/service-accounts",
    operation_id = "list_service_accounts",
    tag = "Auth",
    responses((status = 200, description = "The accounts", body = PageBody<ServiceAccountView>))
)]
pub async fn list_accounts(
    State(app): State<AppState>,
    Caller(ctx): Caller,
) -> Result<Reply, Problem> {
    let accounts = api_token::accounts(&mut app.db.read(), &ctx).await?;
    let items: Vec<_> = accounts.into_iter().map(ServiceAccountView::from).collect();
    Ok(Reply::page(Page { items, next_cursor: None }))
}
