//! What edits rest on that is not theirs: the channels they move tasks to, the
//! categories and the people they name. It is asked for at once, however many
//! edits there are, and held until the commit.

use std::collections::{BTreeMap, BTreeSet};

use sayso_access::Ctx;
use sayso_channels::repo::Standing;
use sayso_channels::{CategoryId, CategoryKind, ChannelId, category};
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID};
use sayso_users::Metadata;

use crate::assignment::{ASSIGNEES_MAX, Assignable};
use crate::edit::{Meant, collect, entered};
use crate::error::TOO_MANY_ASSIGNEES;
use crate::model::Task;
use crate::repo;

/// All of it.
#[derive(Debug)]
pub(crate) struct Ground {
    channels: BTreeMap<ChannelId, Standing>,
    categories: BTreeSet<CategoryId>,
    assignable: Assignable,
}

impl Ground {
    /// What these edits rest on. Whoever is in the channels of tasks that are
    /// moved neither comes nor goes until the commit.
    pub(crate) async fn of(
        tx: &mut Tx,
        ctx: &Ctx,
        edits: &[(&Task, &Meant)],
    ) -> Result<Self, Fault> {
        let moves = edits.iter().map(|(before, meant)| (before.channel_id, meant.after.channel_id));
        let moves: BTreeSet<_> = moves.filter(|(from, to)| from != to).collect();
        let mut channels = BTreeMap::new();
        if !moves.is_empty() {
            let ends: BTreeSet<ChannelId> =
                moves.iter().flat_map(|(from, to)| [*from, *to]).flatten().collect();
            repo::hold_channels(tx, &Vec::from_iter(ends)).await?;
        }
        let to: BTreeSet<ChannelId> = moves.iter().filter_map(|(_, to)| *to).collect();
        if !to.is_empty() {
            let reader = ctx.require_actor()?.user_id;
            let to = Vec::from_iter(to);
            channels = sayso_channels::repo::standings(tx, &to, reader).await?;
        }
        let named = edits.iter().filter(|(before, meant)| meant.is_in_another_category(before));
        let named: BTreeSet<CategoryId> =
            named.filter_map(|(_, meant)| meant.after.category_id).collect();
        let categories = if named.is_empty() {
            named
        } else {
            category::held_in(tx, &Vec::from_iter(named), CategoryKind::Task).await?
        };
        let newcomers = edits.iter().flat_map(|(before, meant)| {
            let channel = meant.after.channel_id;
            meant.newcomers(before).into_iter().map(move |(_, user)| (channel, user))
        });
        let assignable = Assignable::of(tx, &newcomers.collect()).await?;
        Ok(Self { channels, categories, assignable })
    }

    /// What the new values of one of the edits rest on, all that is wrong with
    /// them at once.
    pub(crate) fn check(&self, before: &Task, meant: &Meant) -> Result<(), Fault> {
        let (mut wrong, after) = (Vec::<FieldFault>::new(), &meant.after);
        if before.channel_id != after.channel_id
            && let Some(channel) = after.channel_id
        {
            collect(&mut wrong, entered(self.channels.get(&channel).copied()))?;
        }
        if meant.is_in_another_category(before)
            && after.category_id.is_some_and(|id| !self.categories.contains(&id))
        {
            collect(&mut wrong, Err(category::not_there()))?;
        }
        if after.metadata != before.metadata {
            let map = after.metadata.as_object().cloned().unwrap_or_default();
            collect(&mut wrong, Metadata::parse(map, "#/metadata").map(|_| ()))?;
        }
        if after.assigned_to.len() > ASSIGNEES_MAX {
            return Err(Fault::new(&TOO_MANY_ASSIGNEES));
        }
        // A channel that the caller may not know of must not tell who is in it.
        if wrong.is_empty() {
            wrong.extend(self.assignable.unknown(after.channel_id, &meant.newcomers(before)));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(wrong)) }
    }
}
