//! People over HTTP.

mod one;

use axum::extract::{FromRef, State};
use http::header::{CACHE_CONTROL, HeaderValue};
use sayso_access::Ctx;
use sayso_kernel::Fault;
use sayso_kernel::fault::Place;
use sayso_web::codes::{KEY_NOT_SUPPORTED, field};
use sayso_web::{AppState, Body, Caller, Key, PageBody, Params, Problem, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::view::{CreateUser, CreatedUserView, ListUsers, ListedUser};
use crate::{UserState, policy, service};

/// The routes of people.
pub fn router(users: UserState) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(create_user, list_users))
        .merge(one::router())
        .with_state(users)
}

impl FromRef<UserState> for AppState {
    fn from_ref(users: &UserState) -> Self {
        users.app.clone()
    }
}

/// Creates a person, with a first password or an invitation.
// fixture: POST /api/users {"email": "{email}", "name": "New", "role": "staff"}
// fixture: POST /api/users {"email": "{email}", "name": "New", "role": "ceo"} -- another CEO
#[utoipa::path(
    post,
    path = "/api/users",
    operation_id = "create_user",
    tag = "Users",
    request_body = CreateUser,
    responses((status = 201, description = "The person", body = CreatedUserView))
)]
pub async fn create_user(
    State(users): State<UserState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<CreateUser>,
) -> Result<Reply, Problem> {
    policy::create(&ctx, body.role).require()?;
    refuse_key_of_secret(&body, &key, &ctx)?;
    let new = body.into_model(&ctx, &users.hasher).await?;
    let presence = users.app.presence.clone();
    sayso_web::write(&users.app, &ctx, key, async move |tx, ctx| {
        let user = service::create_in(tx, ctx, new.clone()).await?;
        Ok(created(&CreatedUserView::of(&user, &new.credential, &presence)))
    })
    .await
}

/// An answer that holds a secret is not kept, so a key would promise what is
/// not done.
fn refuse_key_of_secret(body: &CreateUser, key: &Key, ctx: &Ctx) -> Result<(), Fault> {
    let is_refused = body.is_invitation() && key.scoped(ctx).is_some();
    if !is_refused {
        return Ok(());
    }
    let place = Place::Header("Idempotency-Key".into());
    Err(Fault::new(&KEY_NOT_SUPPORTED).with(place, field::HEADER, "is not taken here"))
}

fn created(view: &CreatedUserView) -> Reply {
    let reply = Reply::created(&format!("/api/users/{}", view.user.id), view, view.user.version);
    match view.invitation {
        Some(_) => reply.with_header(CACHE_CONTROL, HeaderValue::from_static("no-store")),
        None => reply,
    }
}

/// The people of the company, newest first unless sorted.
// fixture: GET /api/users
#[utoipa::path(
    get,
    path = "/api/users",
    operation_id = "list_users",
    tag = "Users",
    params(ListUsers),
    responses((status = 200, description = "A page of people", body = PageBody<ListedUser>))
)]
pub async fn list_users(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(params): Params<ListUsers>,
) -> Result<Reply, Problem> {
    let (limit, cursor, filter) = params.into_parts();
    let page = service::list(&mut app.db.read(), &ctx, &filter, limit, cursor.as_deref()).await?;
    Ok(Reply::page(page.map(|user| ListedUser::of(&user, &app.presence))))
}
