//! The door over HTTP. Answers that hold a token are kept nowhere, so these
//! routes take no `Idempotency-Key`.

mod account;
mod machine;
mod people;

use axum::extract::{FromRef, State};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use sayso_access::{Ctx, SessionId, UserId};
use sayso_kernel::page::Page;
use sayso_users::view::UserView;
use sayso_web::{Anonymous, AppState, Body, Caller, NoKey, PageBody, PathId, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::Pair;
use crate::view::{
    AcceptInvitationBody, ChangePasswordBody, KeySetView, LogInBody, PairView, RefreshBody,
    SessionView, SetUpBody,
};
use crate::{AuthState, login, service, setup};

/// The routes of the door.
pub fn router(auth: AuthState) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(log_in))
        .routes(routes!(refresh))
        .routes(routes!(log_out))
        .routes(routes!(log_out_all))
        .routes(routes!(get_me))
        .routes(routes!(change_password))
        .routes(routes!(list_sessions, end_other_sessions))
        .routes(routes!(end_session))
        .routes(routes!(set_up))
        .routes(routes!(accept_invitation))
        .routes(routes!(get_keys))
        .merge(people::router())
        .merge(account::router())
        .merge(machine::router())
        .with_state(auth)
}

impl FromRef<AuthState> for AppState {
    fn from_ref(auth: &AuthState) -> Self {
        auth.app.clone()
    }
}

fn given(auth: &AuthState, pair: &Pair) -> Reply {
    let user = UserView::of(&pair.user, &auth.app.presence);
    Reply::secret(&PairView::of(pair, user))
}

/// Opens a session.
// fixture: POST /api/auth/login {"email": "{address}", "password": "{password}"}
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "create_session",
    tag = "Auth",
    request_body = LogInBody,
    responses((status = 200, description = "The tokens", body = PairView)),
    security(())
)]
pub async fn log_in(
    State(auth): State<AuthState>,
    Anonymous(ctx): Anonymous,
    _: NoKey,
    Body(body): Body<LogInBody>,
) -> Result<Reply, Problem> {
    let pair = login::log_in(&auth, &ctx, body.into()).await?;
    Ok(given(&auth, &pair))
}

/// Exchanges a refresh token for the next pair.
// fixture: POST /api/auth/refresh {"refreshToken": "{refresh}"}
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    operation_id = "refresh_session",
    tag = "Auth",
    request_body = RefreshBody,
    responses((status = 200, description = "The tokens", body = PairView)),
    security(())
)]
pub async fn refresh(
    State(auth): State<AuthState>,
    Anonymous(ctx): Anonymous,
    _: NoKey,
    Body(body): Body<RefreshBody>,
) -> Result<Reply, Problem> {
    let pair = login::refresh(&auth, &ctx, body.refresh_token.expose()).await?;
    Ok(given(&auth, &pair))
}

/// Ends this session.
// fixture: POST! /api/auth/logout
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "end_session",
    tag = "Auth",
    responses((status = 204, description = "It has ended"))
)]
pub async fn log_out(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    _: NoKey,
) -> Result<Reply, Problem> {
    app.db.transaction(&ctx, async move |tx, ctx| service::log_out_in(tx, ctx, ()).await).await?;
    Ok(Reply::no_content())
}

/// Ends all sessions of the caller, this one too.
// fixture: POST! /api/auth/logout-all
#[utoipa::path(
    post,
    path = "/api/auth/logout-all",
    operation_id = "end_sessions",
    tag = "Auth",
    responses((status = 204, description = "They have ended"))
)]
pub async fn log_out_all(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    _: NoKey,
) -> Result<Reply, Problem> {
    let work = async move |tx: &mut _, ctx: &_| service::log_out_all_in(tx, ctx, ()).await;
    app.db.transaction(&ctx, work).await?;
    Ok(Reply::no_content())
}

/// The caller.
// fixture: GET /api/auth/me
#[utoipa::path(
    get,
    path = "/api/auth/me",
    operation_id = "get_me",
    tag = "Auth",
    responses((status = 200, description = "The caller", body = UserView))
)]
pub async fn get_me(State(app): State<AppState>, Caller(ctx): Caller) -> Result<Reply, Problem> {
    let id = ctx.require_actor()?.user_id;
    let user = sayso_users::service::get(&mut app.db.read(), &ctx, id).await?;
    Ok(Reply::resource(&UserView::of(&user, &app.presence), user.version))
}

/// Changes the caller's password; their other sessions end.
// fixture: POST! /api/auth/password {"currentPassword": "{password}", "newPassword": "another horse battery"}
#[utoipa::path(
    post,
    path = "/api/auth/password",
    operation_id = "change_password",
    tag = "Auth",
    request_body = ChangePasswordBody,
    responses((status = 204, description = "It is changed"))
)]
pub async fn change_password(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    _: NoKey,
    Body(body): Body<ChangePasswordBody>,
) -> Result<Reply, Problem> {
    login::change_password(&auth, &ctx, (body.current_password, body.new_password)).await?;
    Ok(Reply::no_content())
}

/// The caller's sessions, the last used first.
// fixture: GET /api/auth/sessions
#[utoipa::path(
    get,
    path = "/api/auth/sessions",
    operation_id = "list_sessions",
    tag = "Auth",
    responses((status = 200, description = "The sessions", body = PageBody<SessionView>))
)]
pub async fn list_sessions(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
) -> Result<Reply, Problem> {
    let user = ctx.require_actor()?.user_id;
    sessions_of(&auth, &ctx, user).await
}

async fn sessions_of(auth: &AuthState, ctx: &Ctx, user: UserId) -> Result<Reply, Problem> {
    let of = (user, auth.keys.lifetimes());
    let sessions = service::sessions_of(&mut auth.app.db.read(), ctx, of).await?;
    let items = sessions.into_iter().map(|session| SessionView::of(session, ctx)).collect();
    Ok(Reply::page(Page { items, next_cursor: None }))
}

/// Ends the caller's sessions but this one.
// fixture: DELETE! /api/auth/sessions
#[utoipa::path(
    delete,
    path = "/api/auth/sessions",
    operation_id = "delete_other_sessions",
    tag = "Auth",
    responses((status = 204, description = "They have ended"))
)]
pub async fn end_other_sessions(
    State(app): State<AppState>,
    Caller(ctx): Caller,
) -> Result<Reply, Problem> {
    let work = async move |tx: &mut _, ctx: &_| service::log_out_others_in(tx, ctx, ()).await;
    app.db.transaction(&ctx, work).await?;
    Ok(Reply::no_content())
}

/// Ends one of the caller's sessions.
// fixture: DELETE /api/auth/sessions/{session} -- of the staff member
#[utoipa::path(
    delete,
    path = "/api/auth/sessions/{id}",
    operation_id = "delete_session",
    tag = "Auth",
    params(("id" = SessionId, Path, description = "The session's id")),
    responses((status = 204, description = "It has ended"))
)]
pub async fn end_session(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    PathId(id): PathId<SessionId>,
) -> Result<Reply, Problem> {
    let which = (id, auth.keys.lifetimes());
    let work = async move |tx: &mut _, ctx: &_| service::end_session_in(tx, ctx, which).await;
    auth.app.db.transaction(&ctx, work).await?;
    Ok(Reply::no_content())
}

/// Creates the first person, by the code that the server printed.
// fixture: POST /api/setup {"code": "none", "email": "{email}", "name": "Zoe", "password": "{password}"} -- there are people
#[utoipa::path(
    post,
    path = "/api/setup",
    operation_id = "create_setup",
    tag = "Auth",
    request_body = SetUpBody,
    responses((status = 201, description = "The tokens of the CEO", body = PairView)),
    security(())
)]
pub async fn set_up(
    State(auth): State<AuthState>,
    Anonymous(ctx): Anonymous,
    _: NoKey,
    Body(body): Body<SetUpBody>,
) -> Result<Reply, Problem> {
    let pair = setup::set_up(&auth, &ctx, body.into_model()?).await?;
    let reply = given(&auth, &pair).with_status(StatusCode::CREATED);
    let location = HeaderValue::try_from(format!("/api/users/{}", pair.user.id));
    Ok(reply.with_header(LOCATION, location.expect("an id is a header value")))
}

/// Spends an invitation: its person has a password and a session.
// fixture: POST /api/invitations {"token": "{invitation}", "password": "another horse battery"}
#[utoipa::path(
    post,
    path = "/api/invitations",
    operation_id = "accept_invitation",
    tag = "Auth",
    request_body = AcceptInvitationBody,
    responses((status = 200, description = "The tokens", body = PairView)),
    security(())
)]
pub async fn accept_invitation(
    State(auth): State<AuthState>,
    Anonymous(ctx): Anonymous,
    _: NoKey,
    Body(body): Body<AcceptInvitationBody>,
) -> Result<Reply, Problem> {
    let invitation = (body.token.expose().clone(), body.password);
    let pair = login::accept_invitation(&auth, &ctx, invitation).await?;
    Ok(given(&auth, &pair))
}

/// The public keys of access tokens.
// fixture: GET /.well-known/jwks.json
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_keys",
    tag = "Auth",
    responses((status = 200, description = "The keys", body = KeySetView)),
    security(())
)]
pub async fn get_keys(State(auth): State<AuthState>) -> Reply {
    let cached = HeaderValue::from_static("public, max-age=3");
    Reply::ok(&KeySetView::of(&auth.keys.published(auth.app.clock.now())))
        .with_header(CACHE_CONTROL, cached)
}
