//! What belongs to one's account: the second factor, another password for
//! whoever forgot theirs, another address, and the sessions of others.

use axum::extract::State;
use sayso_access::UserId;
use sayso_users::view::UserView;
use sayso_web::{Anonymous, AppState, Body, Caller, NoKey, PageBody, PathId, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::view::SessionView;
use crate::view::account::{
    ChangeEmailBody, CodeBody, FinishResetBody, ProofBody, RecoveryCodesView, ResetCodeView,
    TotpView,
};
use crate::{AuthState, reset, second_factor, service};

pub(super) fn router() -> OpenApiRouter<AuthState> {
    OpenApiRouter::default()
        .routes(routes!(start_totp, remove_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(remove_totp_of))
        .routes(routes!(start_reset))
        .routes(routes!(finish_reset))
        .routes(routes!(change_email))
        .routes(routes!(list_sessions_of, end_sessions_of))
}

/// Begins to set up a second factor; it counts once a code of it came back.
/// Takes the present password.
// fixture: POST! /api/auth/totp {"password": "{password}"}
// fixture: POST! /api/auth/totp {"password": "another horse battery"} -- a stolen session
#[utoipa::path(
    post,
    path = "/api/auth/totp",
    operation_id = "start_totp",
    tag = "Auth",
    request_body = ProofBody,
    responses((status = 200, description = "What the app is set up with", body = TotpView))
)]
pub async fn start_totp(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    _: NoKey,
    Body(body): Body<ProofBody>,
) -> Result<Reply, Problem> {
    let started = second_factor::start(&auth, &ctx, body.password).await?;
    Ok(Reply::secret(&TotpView::of(&started)))
}

/// Makes the second factor count; answers the recovery codes, once.
// fixture: POST! /api/auth/totp/confirm {"code": "000000"} -- nothing was begun
#[utoipa::path(
    post,
    path = "/api/auth/totp/confirm",
    operation_id = "confirm_totp",
    tag = "Auth",
    request_body = CodeBody,
    responses((status = 200, description = "The recovery codes", body = RecoveryCodesView))
)]
pub async fn confirm_totp(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    _: NoKey,
    Body(body): Body<CodeBody>,
) -> Result<Reply, Problem> {
    let recovery_codes = second_factor::confirm(&auth, &ctx, body.code.expose()).await?;
    Ok(Reply::secret(&RecoveryCodesView { recovery_codes }))
}

/// Takes the caller's second factor away. Takes the present password.
// fixture: DELETE! /api/auth/totp {"password": "{password}"} -- there is none
#[utoipa::path(
    delete,
    path = "/api/auth/totp",
    operation_id = "delete_totp",
    tag = "Auth",
    request_body = ProofBody,
    responses((status = 204, description = "It is gone"))
)]
pub async fn remove_totp(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    Body(body): Body<ProofBody>,
) -> Result<Reply, Problem> {
    second_factor::remove(&auth, &ctx, body.password).await?;
    Ok(Reply::no_content())
}

/// Takes the second factor of somebody away who lost it.
// fixture: DELETE /api/users/{person}/totp -- there is none
#[utoipa::path(
    delete,
    path = "/api/users/{id}/totp",
    operation_id = "delete_user_totp",
    tag = "Auth",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 204, description = "It is gone"))
)]
pub async fn remove_totp_of(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
) -> Result<Reply, Problem> {
    let work = async move |tx: &mut _, ctx: &_| second_factor::remove_of_in(tx, ctx, id).await;
    app.db.transaction(&ctx, work).await?;
    Ok(Reply::no_content())
}

/// Starts a password reset for somebody; nothing ends until the code is used.
// fixture: POST /api/users/{person}/password-reset
// fixture: POST /api/users/{me}/password-reset -- one's own
#[utoipa::path(
    post,
    path = "/api/users/{id}/password-reset",
    operation_id = "start_password_reset",
    tag = "Auth",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The code to hand over", body = ResetCodeView))
)]
pub async fn start_reset(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    _: NoKey,
) -> Result<Reply, Problem> {
    let code = reset::start(&auth, &ctx, id).await?;
    Ok(Reply::secret(&ResetCodeView::of(&code)))
}

/// Chooses another password by a code; all sessions of the person end.
// fixture: POST /api/auth/password/reset {"code": "{reset}", "password": "another horse battery"}
#[utoipa::path(
    post,
    path = "/api/auth/password/reset",
    operation_id = "finish_password_reset",
    tag = "Auth",
    request_body = FinishResetBody,
    responses((status = 204, description = "The password is another")),
    security(())
)]
pub async fn finish_reset(
    State(auth): State<AuthState>,
    Anonymous(ctx): Anonymous,
    _: NoKey,
    Body(body): Body<FinishResetBody>,
) -> Result<Reply, Problem> {
    reset::finish(&auth, &ctx, (body.code.expose(), body.password)).await?;
    Ok(Reply::no_content())
}

/// Gives the caller another address to log in with.
// fixture: POST! /api/auth/email {"password": "{password}", "email": "{email}"}
#[utoipa::path(
    post,
    path = "/api/auth/email",
    operation_id = "change_email",
    tag = "Auth",
    request_body = ChangeEmailBody,
    responses((status = 200, description = "The caller", body = UserView))
)]
pub async fn change_email(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    _: NoKey,
    Body(body): Body<ChangeEmailBody>,
) -> Result<Reply, Problem> {
    let user = reset::change_email(&auth, &ctx, body.into_parts()?).await?;
    Ok(Reply::resource(&UserView::of(&user, &auth.app.presence), user.version))
}

/// The sessions of a person.
// fixture: GET /api/users/{ann}/sessions
// fixture: GET /api/users/{me}/sessions -- one's own
#[utoipa::path(
    get,
    path = "/api/users/{id}/sessions",
    operation_id = "list_user_sessions",
    tag = "Auth",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The sessions", body = PageBody<SessionView>))
)]
pub async fn list_sessions_of(
    State(auth): State<AuthState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
) -> Result<Reply, Problem> {
    super::sessions_of(&auth, &ctx, id).await
}

/// Ends all sessions of a person.
// fixture: DELETE /api/users/{person}/sessions
#[utoipa::path(
    delete,
    path = "/api/users/{id}/sessions",
    operation_id = "delete_user_sessions",
    tag = "Auth",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 204, description = "They have ended"))
)]
pub async fn end_sessions_of(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
) -> Result<Reply, Problem> {
    let work = async move |tx: &mut _, ctx: &_| service::end_sessions_of_in(tx, ctx, id).await;
    app.db.transaction(&ctx, work).await?;
    Ok(Reply::no_content())
}
