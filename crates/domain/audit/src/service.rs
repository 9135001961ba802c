//! What one can ask the audit. Every door calls these functions.

use sayso_access::Ctx;
use sayso_db::{Db, Tx};
use sayso_kernel::Fault;
use sayso_kernel::page::{self, Page};

use crate::model::{Entry, Filter};
use crate::{events, policy, repo};

/// Entries that an export reads at once.
const EXPORT_PAGE: u32 = 500;
/// Entries of an export at the most; the next goes on where it ended.
pub const EXPORT_MAX: u32 = 100_000;

/// What a cursor belongs to.
fn question(filter: &Filter) -> String {
    format!("audit {filter:?}")
}

fn after(filter: &Filter, cursor: Option<&str>) -> Result<Option<i64>, Fault> {
    cursor.map(|cursor| page::decode(&question(filter), cursor)).transpose()
}

/// A page of the audit, the newest first. Where what is asked for is rare it
/// holds less than asked for, or nothing, and goes on all the same.
///
/// Audit: `audit.read`, before anything is shown: what cannot be noted is not
/// answered.
///
/// # Errors
/// 403 for whoever may not read it; 422 for a foreign cursor.
pub async fn list(
    db: &Db,
    ctx: &Ctx,
    filter: &Filter,
    (cursor, limit): (Option<&str>, u32),
) -> Result<Page<Entry>, Fault> {
    policy::read(ctx).require()?;
    let before = after(filter, cursor)?;
    let limit = usize::try_from(limit.min(page::LIMIT_MAX)).unwrap_or(1);
    let found = repo::list(&mut db.read(), filter, before, limit).await?;
    note(db, ctx, filter, false).await?;
    let next_cursor = found.before.map(|before| page::encode(&question(filter), &before));
    Ok(Page { items: found.entries, next_cursor })
}

/// Every reading is noted, page by page: whoever reads the audit answers for it.
async fn note(db: &Db, ctx: &Ctx, filter: &Filter, is_export: bool) -> Result<(), Fault> {
    let filter = filter.clone();
    let work = async move |tx: &mut Tx, _: &Ctx| {
        tx.emit(events::read(&filter, is_export));
        Ok(())
    };
    db.transaction(ctx, work).await
}

/// All of the audit that fits, read page by page as it is taken.
#[derive(Debug)]
pub struct Export {
    db: Db,
    filter: Filter,
    before: Option<i64>,
    left: u32,
    is_done: bool,
}

/// Begins an export of `limit` entries at the most.
///
/// Audit: `audit.read`, once.
///
/// # Errors
/// As [`list`].
pub async fn export(
    db: &Db,
    ctx: &Ctx,
    filter: Filter,
    (cursor, limit): (Option<&str>, Option<u32>),
) -> Result<Export, Fault> {
    policy::read(ctx).require()?;
    let before = after(&filter, cursor)?;
    note(db, ctx, &filter, true).await?;
    let left = limit.unwrap_or(EXPORT_MAX).min(EXPORT_MAX);
    Ok(Export { db: db.clone(), filter, before, left, is_done: false })
}

impl Export {
    /// The next entries, and the cursor of what follows where the export ends
    /// before the audit does. `None` when all was read.
    pub async fn next(&mut self) -> Result<Option<Page<Entry>>, Fault> {
        if self.is_done {
            return Ok(None);
        }
        let size = usize::try_from(self.left.min(EXPORT_PAGE)).unwrap_or(1);
        let found = repo::list(&mut self.db.read(), &self.filter, self.before, size).await?;
        let came = u32::try_from(found.entries.len()).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(came);
        self.before = found.before;
        self.is_done = self.left == 0 || found.before.is_none();
        let rest = found.before.filter(|_| self.is_done);
        let next_cursor = rest.map(|before| page::encode(&question(&self.filter), &before));
        Ok(Some(Page { items: found.entries, next_cursor }))
    }
}
