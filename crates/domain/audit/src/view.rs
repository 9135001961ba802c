//! The audit as JSON, and as lines of JSON.

use jiff::Timestamp;
use sayso_access::{SessionId, UserId};
use sayso_kernel::page::Page;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::model::{Entry, Filter};

/// The query of `GET /api/audit`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListAudit {
    /// Of any of these people.
    #[param(inline, max_items = 100)]
    pub actor: Option<Vec<UserId>>,
    /// Of any of these kinds, like `task.updated`.
    #[param(inline, max_items = 100)]
    pub action: Option<Vec<String>>,
    /// About this kind of thing, like `task`.
    #[param(min_length = 1, max_length = 50)]
    pub subject_type: Option<String>,
    /// About this very thing.
    pub subject_id: Option<Uuid>,
    /// At this moment or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Before this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Caused by this request.
    pub correlation_id: Option<Uuid>,
    /// Done in this session, or with it.
    #[param(inline)]
    pub session: Option<SessionId>,
    /// Entries of a page; lines at the most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(max_length = 1024)]
    pub cursor: Option<String>,
}

impl ListAudit {
    /// The filter, the cursor, and the limit.
    #[must_use]
    pub fn into_parts(self) -> (Filter, Option<String>, Option<u32>) {
        let filter = Filter {
            actors: self.actor,
            actions: self.action,
            subject_type: self.subject_type,
            subject_id: self.subject_id,
            from: self.from,
            to: self.to,
            correlation_id: self.correlation_id,
            session: self.session,
        };
        (filter, self.cursor, self.limit)
    }
}

/// What an entry is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditSubject)]
pub struct SubjectView {
    /// The kind of thing: `task`, `user`, `session`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: Uuid,
}

/// Something that happened, or was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub struct EntryView {
    /// Its place in the chain; the first is 1.
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    pub action: String,
    /// Who.
    #[schema(required)]
    pub actor_id: Option<UserId>,
    /// In which session.
    #[schema(required)]
    pub session_id: Option<String>,
    /// In which role.
    #[schema(required)]
    pub role: Option<String>,
    /// Through which door: `http`, `socket`, `command`, `voice` or `system`.
    #[schema(required)]
    pub via: Option<String>,
    /// What everything has in common that one request caused.
    #[schema(required)]
    pub correlation_id: Option<String>,
    /// The request, as its answer named it in `X-Request-Id`.
    #[schema(required)]
    pub request_id: Option<String>,
    /// From which address.
    #[schema(required)]
    pub address: Option<String>,
    /// From which user agent.
    #[schema(required)]
    pub agent: Option<String>,
    /// What it is about.
    #[schema(required)]
    pub subject: Option<SubjectView>,
    /// What else is to be known; never what people wrote, never a secret.
    #[schema(required, value_type = Option<Object>)]
    pub details: Option<Value>,
    /// What chains it to the entry before, in hexadecimal.
    pub hash: String,
}

impl From<Entry> for EntryView {
    /// An entry whose text is damaged is shown without what stood in it: that
    /// it was tampered with is for `sayso audit verify` to say.
    fn from(entry: Entry) -> Self {
        let mut recorded: Value = serde_json::from_str(&entry.recorded).unwrap_or_default();
        let text = |name: &str| recorded[name].as_str().map(str::to_owned);
        let subject = entry.subject_type.zip(entry.subject_id);
        Self {
            seq: entry.seq,
            at: entry.at,
            action: entry.action,
            actor_id: entry.actor_id,
            session_id: text("sessionId"),
            role: text("role"),
            via: text("via"),
            correlation_id: text("correlationId"),
            request_id: text("requestId"),
            address: text("address"),
            agent: text("agent"),
            subject: subject.map(|(kind, id)| SubjectView { kind, id }),
            details: Some(recorded["details"].take()).filter(|details| !details.is_null()),
            hash: entry.hash,
        }
    }
}

/// Entries as lines; a last one says where the rest begins, if there is more
/// than was asked for.
#[must_use]
pub fn lines(page: Page<Entry>) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in page.items {
        serde_json::to_writer(&mut text, &EntryView::from(entry)).expect("it is plain JSON");
        text.push(b'\n');
    }
    if let Some(cursor) = page.next_cursor {
        let more = json!({ "nextCursor": cursor });
        serde_json::to_writer(&mut text, &more).expect("it is plain JSON");
        text.push(b'\n');
    }
    text
}
