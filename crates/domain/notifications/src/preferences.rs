//! What a person wants to be told, and when without noise.

use sayso_access::Ctx;
use sayso_db::{Queries, Tx};
use sayso_kernel::fault::{FieldFault, INVALID, Place, STALE};
use sayso_kernel::{Fault, Patch};

use crate::model::{Preferences, QuietHours, Topic};
use crate::view::PreferencesView;
use crate::{events, policy, repo};

/// What is to be changed.
#[derive(Clone, Debug, Default)]
pub struct PreferencesEdit {
    /// What not to be told.
    pub muted: Option<Vec<Topic>>,
    /// When without noise.
    pub quiet: Patch<QuietHours>,
}

/// What the caller wants.
pub async fn get(db: &mut impl Queries, ctx: &Ctx) -> Result<Preferences, Fault> {
    Ok(repo::lookup_preferences(db, ctx.require_actor()?.user_id).await?)
}

/// Changes what the caller wants, from the version that was read.
///
/// Audit: `notification.preferences_changed`. What changes nothing leaves no
/// trace.
///
/// # Errors
/// 412 with the present state; 422 for a topic that cannot be muted.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    version: i32,
    edit: PreferencesEdit,
) -> Result<Preferences, Fault> {
    let user = ctx.require_actor()?.user_id;
    check(edit.muted.as_deref().unwrap_or_default())?;
    let before = repo::preferences_locked(tx, user, ctx.now()).await?;
    if before.version != version {
        let view = serde_json::to_value(PreferencesView::of(&before)).map_err(Fault::internal)?;
        return Err(Fault::new(&STALE).current(view));
    }
    let wanted = Preferences {
        muted: edit.muted.map_or_else(|| before.muted.clone(), each_once),
        quiet: edit.quiet.apply(before.quiet),
        version,
    };
    if wanted == before {
        return Ok(before);
    }
    let after = repo::update_preferences(tx, user, &wanted, ctx.now()).await?;
    tx.emit(events::preferences_changed(user, &after));
    Ok(after)
}

fn check(muted: &[Topic]) -> Result<(), Fault> {
    let fault = |(place, topic): (usize, &Topic)| FieldFault {
        place: Place::Pointer(format!("#/muted/{place}")),
        code: "notification.cannot_be_muted",
        detail: format!("`{}` is told always", topic.as_str()),
    };
    let wrong: Vec<FieldFault> = muted
        .iter()
        .enumerate()
        .filter(|(_, topic)| !policy::may_mute(**topic))
        .map(fault)
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(wrong)) }
}

/// In the order in which topics are listed.
fn each_once(muted: Vec<Topic>) -> Vec<Topic> {
    Topic::ALL.into_iter().filter(|topic| muted.contains(topic)).collect()
}
