//! Why the caller may, or may not, do something: each domain is asked what its
//! policy says, and by which rule.

use axum::extract::State;
use sayso_access::{Ctx, Grant, Permission, UserId};
use sayso_channels::{ChannelId, explain as channels};
use sayso_db::Queries;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;
use sayso_messages::{MessageId, explain as messages};
use sayso_tasks::TaskId;
use sayso_tasks::explain as tasks;
use sayso_users::explain as users;
use sayso_web::{AppState, Caller, Params, Problem, Reply};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The thing is not there, or not for this caller; which of the two is not
/// said.
const NOTHING_THERE: &str = "resource.not_found";
/// The action is not done to such a thing (in `errors[].code`).
const NOT_APPLICABLE: &str = "explain.not_applicable";
/// Whether one may hangs on the thing (in `errors[].code`).
const RESOURCE_REQUIRED: &str = "explain.resource_required";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// What is asked.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Question {
    /// A permission.
    #[param(inline)]
    action: Permission,
    /// What it is done to: `user:`, `channel:`, `message:` or `task:`, and the id.
    #[param(pattern = "^(user|channel|message|task):[0-9a-fA-F-]{36}$")]
    resource: Option<String>,
}

/// Whether the caller may, and which rule says so.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// What was asked about.
    action: Permission,
    /// What it is done to.
    #[schema(required)]
    resource: Option<String>,
    /// Whether the caller may.
    allowed: bool,
    /// The rule: `role`, `grant`, `denial`, `scope` (the API token is not for
    /// it), or one of the thing, such as `task.assignee` or
    /// `channel.not_a_member`.
    rule: String,
}

/// Why the caller may, or may not, do something.
// fixture: GET /api/auth/explain?action=channel.create
// fixture: GET /api/auth/explain?action=task.update&resource=task:{task} -- of a thing
#[utoipa::path(
    get,
    path = "/api/auth/explain",
    operation_id = "explain_permission",
    tag = "Auth",
    params(Question),
    responses((status = 200, description = "Yes or no, and the rule", body = Explanation))
)]
async fn explain(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(question): Params<Question>,
) -> Result<Reply, Problem> {
    let Question { action, resource } = question;
    let (allowed, rule) = match &resource {
        None => of_table(&ctx, action)?,
        Some(resource) => match of_resource(&mut app.db.read(), &ctx, action, resource).await {
            // What is hidden is answered as what is absent.
            Err(fault) if fault.is(&NOT_FOUND) => (false, NOTHING_THERE),
            answer => answer?,
        },
    };
    Ok(Reply::ok(&Explanation { action, resource, allowed, rule: rule.to_owned() }))
}

/// What does not hang on a thing.
fn of_table(ctx: &Ctx, action: Permission) -> Result<(bool, &'static str), Fault> {
    let ruling = ctx.require_actor()?.ruling(action, ctx.now());
    let rule = ruling.because.as_str();
    match ruling.grant {
        Grant::Yes => Ok((true, rule)),
        Grant::No => Ok((false, rule)),
        Grant::When(_) => {
            let detail = "is needed: whether one may hangs on it";
            Err(Fault::at_parameter("resource", RESOURCE_REQUIRED, detail))
        }
    }
}

async fn of_resource(
    db: &mut impl Queries,
    ctx: &Ctx,
    action: Permission,
    resource: &str,
) -> Result<(bool, &'static str), Fault> {
    use Permission as P;
    let (kind, id) = resource.split_once(':').unwrap_or_default();
    // What is no id names nothing.
    let id = id.parse().map_err(|_| Fault::new(&NOT_FOUND))?;
    let (user, channel, message, task) = (UserId(id), ChannelId(id), MessageId(id), TaskId(id));
    match (kind, action) {
        ("user", P::UserUpdate) => users::explain(db, ctx, user, users::Action::Update).await,
        ("user", P::UserDelete) => users::explain(db, ctx, user, users::Action::Remove).await,
        ("user", P::UserManage) => users::explain(db, ctx, user, users::Action::Manage).await,
        (
            "channel",
            P::ChannelView
            | P::ChannelUpdate
            | P::ChannelManageMembers
            | P::MessageSend
            | P::TaskCreate,
        ) => channels::explain(db, ctx, channel, action).await,
        ("message", P::MessageEdit | P::MessageDelete) => {
            messages::explain(db, ctx, message, action).await
        }
        ("task", P::TaskView | P::TaskUpdate | P::TaskAssign | P::TaskComment | P::TaskDelete) => {
            tasks::explain(db, ctx, task, action).await
        }
        _ => {
            let detail = "is nothing that this is done to";
            Err(Fault::at_parameter("resource", NOT_APPLICABLE, detail))
        }
    }
}
