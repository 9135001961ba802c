//! The past over HTTP: what a socket that comes back is told in `replay`, for
//! clients that ask for it themselves.

use std::sync::Arc;

use axum::extract::State;
use sayso_events::{EventSchema, FollowedStream, Log, Resume};
use sayso_kernel::Fault;
use sayso_kernel::fault::Place;
use sayso_web::{AppState, Caller, Params, Problem, Reply};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Events in a part, where nothing is said.
const LIMIT_DEFAULT: i64 = 100;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_events))
}

/// The query of `GET /api/events`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListEvents {
    /// The history that the client knows; with `after`, or neither.
    #[param(min_length = 1, max_length = 100)]
    epoch: Option<String>,
    /// What lies after this position is asked for.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Events at the most.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<i64>,
}

/// A part of the past.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventsPage {
    /// The events, oldest first.
    #[serde(serialize_with = "raw_all")]
    #[schema(value_type = Vec<EventSchema>)]
    items: Vec<Arc<RawValue>>,
    /// Where to go on: everything up to here was told.
    position: i64,
    /// The end of the log; the past is complete when `position` is there.
    head: i64,
    /// The history's name.
    epoch: String,
    /// Every stream that is followed now. One that is not here is gone, with
    /// what the client holds of it.
    streams: Vec<String>,
}

fn names(streams: &[FollowedStream]) -> Vec<String> {
    streams.iter().map(|stream| stream.stream.clone()).collect()
}

fn raw_all<S: Serializer>(items: &[Arc<RawValue>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|item| &**item))
}

/// Read what happened
///
/// Of every stream followed now what lies after `after` and after the present
/// membership began. Without `epoch` and `after` nothing but where the log is
/// now. Answers 410 with a `reason` (`too_old`, `epoch`, `ahead`) and where the
/// log is now when it does not lead on from there.
// fixture: GET /api/events?epoch={epoch}&after=0
#[utoipa::path(get, path = "/api/events", operation_id = "list_events", tag = "Events",
    params(ListEvents), responses((status = 200, body = EventsPage)))]
async fn list_events(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListEvents>,
) -> Result<Reply, Problem> {
    let user = ctx.require_actor()?.user_id;
    let log = Log::new(app.db.clone());
    let Some(resume) = place(query.epoch, query.after)? else {
        let now = log.attach(user, None).await.map_err(Fault::from)?;
        let (position, head, streams) = (now.head, now.head, names(&now.streams));
        let (items, epoch) = (Vec::new(), now.epoch);
        return Ok(Reply::ok(&EventsPage { items, position, head, epoch, streams }));
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let past = log.past(user, &resume, limit).await.map_err(Fault::from)?;
    let past = past.map_err(|now| now.resync())?;
    let items = past.events.iter();
    let items = items.filter_map(|event| Some(event.encoded(event.streams.first()?))).collect();
    let (position, head, epoch) = (past.position, past.head, past.epoch);
    let streams = names(&past.streams);
    Ok(Reply::ok(&EventsPage { items, position, head, epoch, streams }))
}

/// A place has two halves; one alone says nothing.
fn place(epoch: Option<String>, after: Option<i64>) -> Result<Option<Resume>, Fault> {
    let missing = |name: &str| {
        let place = Place::Parameter(name.to_owned());
        let code = "field.required";
        Fault::new(&sayso_kernel::fault::INVALID).with(place, code, "is required with the other")
    };
    match (epoch, after) {
        (Some(epoch), Some(position)) => Ok(Some(Resume { epoch, position })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(missing("epoch")),
        (Some(_), None) => Err(missing("after")),
    }
}
