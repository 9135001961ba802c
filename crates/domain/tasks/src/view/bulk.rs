//! Many edits at once as JSON.

use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, Place, VERSION_REQUIRED};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BulkItem, TaskView};
use crate::bulk::{Faults, Item};
use crate::model::Task;

/// The body of `POST /api/tasks/bulk`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"items": [{"id": "019a9c1e-4f00-7000-8000-000000000001", "version": 1,
                                     "status": "done"}]}))]
pub struct BulkTasks {
    /// The edits, in the order in which they are made; each task once.
    #[schema(min_items = 1, max_items = 100)]
    pub items: Vec<BulkItem>,
}

impl BulkTasks {
    /// The edits that the body describes, by an editor who lives in `zone`.
    ///
    /// # Errors
    /// 422 for dates that are none, 428 where a version is missing: all of
    /// them, each at its place.
    pub fn into_items(self, zone: &str) -> Result<Vec<Item>, Fault> {
        let mut faults = Faults::default();
        let mut items = Vec::with_capacity(self.items.len());
        for (index, item) in self.items.into_iter().enumerate() {
            let (id, version) = (item.id, item.version);
            if version.is_none() {
                let missing = FieldFault {
                    place: Place::Pointer("#/version".into()),
                    code: VERSION_REQUIRED.name,
                    detail: VERSION_REQUIRED.title.into(),
                };
                faults.note(index, Fault::new(&VERSION_REQUIRED).with_all([missing]));
            }
            match item.edit(zone) {
                Ok(edit) => items.extend(version.map(|version| Item { id, version, edit })),
                Err(fault) => faults.note(index, fault),
            }
        }
        faults.unless(items)
    }
}

/// Tasks, in the order asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskList {
    /// The tasks.
    pub items: Vec<TaskView>,
}

impl TaskList {
    /// The tasks as everybody who may see them sees them.
    #[must_use]
    pub fn of(tasks: &[Task]) -> Self {
        Self { items: tasks.iter().map(TaskView::of).collect() }
    }
}
