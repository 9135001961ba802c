//! Editing a channel: its name, what it is for, who can see it, whether it is
//! put away.

use sayso_access::{Ctx, UserId};
use sayso_db::{OnConstraint, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, NOT_FOUND, STALE};
use sayso_users::Metadata;

use crate::error::{DIRECT_IS_FIXED, NAME_TAKEN};
use crate::model::{Channel, ChannelId, ChannelKind, Edit};
use crate::service::{unknown_category, valid};
use crate::view::ChannelView;
use crate::{events, policy, repo};

/// People who are told in one fact that a channel is out of their sight.
const GONE_TOLD_MAX: usize = 500;

/// What of a direct channel does not change: it is its people, and nothing
/// else.
const FIXED_IN_DIRECT: [&str; 3] = ["name", "kind", "archived"];

/// Edits a channel from the version the caller has read.
///
/// Events: `channel.updated`, or `channel.archived` where it is put away, with
/// the names of the changed fields; before it `channel.gone` to everybody who
/// no longer sees it. An edit that changes nothing leaves no trace.
///
/// # Errors
/// 403, 404; 409 `channel.name_taken`, `channel.direct_is_fixed`; 412 with the
/// present state when the version is not the present one; 422 for a category
/// that does not exist and for metadata that grew too large.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ChannelId,
    version: i32,
    edit: Edit,
) -> Result<Channel, Fault> {
    let before = managed(tx, ctx, id, Some(version)).await?;
    let (mut after, fields) = edit.apply(&before);
    if fields.is_empty() {
        return Ok(before);
    }
    let is_fixed = |field: &&str| FIXED_IN_DIRECT.contains(field);
    if before.kind == ChannelKind::Direct && fields.iter().any(is_fixed) {
        return Err(Fault::new(&DIRECT_IS_FIXED));
    }
    let category = after.category_id.filter(|_| fields.contains(&"categoryId"));
    let mut wrong = unknown_category(tx, category).await?;
    wrong.extend(metadata_faults(&after.metadata));
    valid(wrong)?;
    after.updated_at = ctx.now();
    let after = repo::update(tx, &after).await;
    let after = after.on_constraint("channels_name_key", || Fault::new(&NAME_TAKEN))?;
    if before.kind == ChannelKind::Public && after.kind != ChannelKind::Public {
        tell_outsiders(tx, id).await?;
    }
    tx.emit(events::updated(&before, &after, &fields));
    Ok(after)
}

/// What stood on the company's stream until now goes out of the sight of all
/// who are not members.
async fn tell_outsiders(tx: &mut Tx, id: ChannelId) -> Result<(), Fault> {
    let outsiders: Vec<UserId> = repo::outsiders(tx, id).await?;
    for some in outsiders.chunks(GONE_TOLD_MAX) {
        tx.emit(events::gone(id, some));
    }
    Ok(())
}

/// What is wrong with the client's own data.
pub(crate) fn metadata_faults(metadata: &serde_json::Value) -> Vec<FieldFault> {
    let map = metadata.as_object().cloned().unwrap_or_default();
    let parsed = Metadata::parse(map, "#/metadata");
    parsed.err().map(|fault| fault.errors().to_vec()).unwrap_or_default()
}

/// Locks a channel that the caller may change, in the version that they have
/// read, if they say which.
///
/// # Errors
/// 403, 404; 412.
pub(crate) async fn managed(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ChannelId,
    version: Option<i32>,
) -> Result<Channel, Fault> {
    let actor = ctx.require_actor()?;
    let channel = repo::lock(tx, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    let own = repo::lock_role(tx, id, actor.user_id).await?;
    policy::update(ctx, channel.kind, own).require()?;
    if version.is_some_and(|version| version != channel.version) {
        return Err(stale(tx, actor.user_id, &channel).await?);
    }
    Ok(channel)
}

/// 412 with the channel as this reader sees it now.
async fn stale(tx: &mut Tx, reader: UserId, channel: &Channel) -> Result<Fault, Fault> {
    let found = repo::lookup(tx, channel.id, reader).await?;
    let reading = found.map(|(_, reading)| reading).unwrap_or_default();
    let view = ChannelView::of(channel, &reading);
    let view = serde_json::to_value(view).expect("a view is plain JSON");
    Ok(Fault::new(&STALE).current(view))
}
