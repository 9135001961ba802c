//! The query of a list of tasks.

use sayso_access::UserId;
use sayso_channels::{CategoryId, ChannelId};
use sayso_kernel::Fault;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use uuid::Uuid;

use super::{PriorityInput, StatusInput};
use crate::due;
use crate::filter::{RELEVANCE, Sort, TaskFilter};
use crate::status::{Priority, Status};

/// A date-time or a date.
fn moment() -> Schema {
    let text = |format| {
        let format = SchemaFormat::KnownFormat(format);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format))
    };
    let forms = OneOfBuilder::new().item(text(KnownFormat::DateTime));
    Schema::OneOf(forms.item(text(KnownFormat::Date)).build())
}

/// The query of `GET /api/tasks`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListTasks {
    /// Assigned to any of them.
    pub assigned_to: Option<Vec<Uuid>>,
    /// In any of these states.
    #[param(inline)]
    pub status: Option<Vec<StatusInput>>,
    /// Of any of these priorities.
    #[param(inline)]
    pub priority: Option<Vec<PriorityInput>>,
    /// Due at this moment or later; a date is the beginning of that day in the
    /// caller's time zone.
    #[param(schema_with = moment)]
    pub due_from: Option<String>,
    /// Due before this moment; a date likewise, so that day is not in it.
    #[param(schema_with = moment)]
    pub due_to: Option<String>,
    /// In any of these channels.
    pub channel_id: Option<Vec<Uuid>>,
    /// In any of these categories.
    pub category_id: Option<Vec<Uuid>>,
    /// With all of these tags.
    pub tags: Option<Vec<String>>,
    /// Made by any of them.
    pub created_by: Option<Vec<Uuid>>,
    /// Due in the past and still open, or not.
    pub overdue: Option<bool>,
    /// Waiting for another task, or not.
    pub blocked: Option<bool>,
    /// Changed at this moment or later.
    #[param(schema_with = moment)]
    pub updated_since: Option<String>,
    /// Words, beginnings or parts of words, all of which are in title or
    /// description; without regard to case and accents. Looked at are the
    /// newest 2,000 matches, the best first unless sorted.
    #[param(min_length = 1, max_length = 256)]
    pub search: Option<String>,
    /// Whether to show what each task depends on, and what depends on it.
    pub dependencies: Option<bool>,
    /// `createdAt`, `updatedAt`, `dueDate`, `priority` or `title`; `-` in front
    /// descends. If not said, the newest first; with `search`, the best.
    #[param(pattern = "^-?(createdAt|updatedAt|dueDate|priority|title)$")]
    pub sort: Option<String>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

/// The ids that a filter names, as those of what they are of.
fn all<Id>(named: Option<&Vec<Uuid>>, id: fn(Uuid) -> Id) -> Option<Vec<Id>> {
    named.map(|named| named.iter().copied().map(id).collect())
}

impl ListTasks {
    /// The filter that the query describes, of a caller who lives in `zone`.
    ///
    /// # Errors
    /// 422 for a date that there is not.
    pub fn filter(&self, zone: &str) -> Result<TaskFilter, Fault> {
        let moment = |name: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(None) };
            let wrong = || Fault::at_parameter(name, "field.format", "is no date or date-time");
            due::bound(text, zone).map(Some).ok_or_else(wrong)
        };
        Ok(TaskFilter {
            assigned_to: all(self.assigned_to.as_ref(), UserId),
            status: self
                .status
                .as_ref()
                .map(|all| all.iter().map(|status| Status::from(*status)).collect()),
            priority: self
                .priority
                .as_ref()
                .map(|all| all.iter().map(|priority| Priority::from(*priority)).collect()),
            due_from: moment("dueFrom", &self.due_from)?,
            due_to: moment("dueTo", &self.due_to)?,
            channel_id: all(self.channel_id.as_ref(), ChannelId),
            category_id: all(self.category_id.as_ref(), CategoryId),
            tags: self.tags.clone(),
            created_by: all(self.created_by.as_ref(), UserId),
            overdue: self.overdue,
            blocked: self.blocked,
            updated_since: moment("updatedSince", &self.updated_since)?,
            search: self.search.clone(),
        })
    }

    /// The order that the query asks for.
    #[must_use]
    pub fn order(&self) -> Sort {
        let unsorted = if self.search.is_some() { RELEVANCE } else { Sort::default() };
        self.sort.as_deref().and_then(Sort::parse).unwrap_or(unsorted)
    }
}
