//! What drops entries: the log on every node, this node's own writes before
//! their caller is answered, and other nodes' word ahead of the log.

use std::sync::Arc;

use sayso_db::{Db, Effect, FactKind, Told};
use sayso_events::{Applied, Event};
use sayso_kernel::mutants;
use serde::Deserialize;
use uuid::Uuid;

use crate::serve::{Cache, Inner};
use crate::shelf::Key;
use crate::stamps::Source;
use crate::stats::Count;
use crate::table::{self, Drops, Entity, Level};
use crate::worker::Work;

/// An operator dropped everything that was kept.
pub const CLEARED: FactKind = FactKind {
    name: "cache.cleared",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "Everything that was kept of what was read was dropped, on every node.",
};

/// What depends on who follows what.
const SEEN_BY_FOLLOWING: [Entity; 3] = [Entity::Task, Entity::Channel, Entity::Guest];

impl Cache {
    /// Lets the cache learn what changes, here and elsewhere. Once a node.
    pub fn follow(&self, db: &Db) {
        if !self.0.is_on {
            return;
        }
        // Both are held by what the cache itself holds.
        let inner = Arc::downgrade(&self.0);
        self.0.hub.observe(move |applied| {
            let Some(inner) = inner.upgrade() else { return };
            match applied {
                Applied::Events(events) => events.iter().for_each(|event| inner.hear(event)),
                Applied::Reset(position) => {
                    inner.stamps.start_over(position);
                    inner.shelf.clear();
                }
                Applied::Ahead(effects) => inner.heed_effects(effects, Source::Ahead),
            }
        });
        let inner = Arc::downgrade(&self.0);
        db.tell(move |facts| {
            if let Some(inner) = inner.upgrade() {
                facts.iter().for_each(|fact| inner.heed(fact));
            }
        });
    }
}

/// Where a fact's data names what it is about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    id: Option<Uuid>,
    channel_id: Option<Uuid>,
}

impl Inner {
    /// An event of the log.
    fn hear(&self, event: &Event) {
        let mut names = None;
        let mut named = |field: &str| {
            let read = || serde_json::from_str::<Names>(event.data.get()).unwrap_or_default();
            let names: &Names = names.get_or_insert_with(read);
            if field == "channelId" { names.channel_id } else { names.id }
        };
        let source = Source::Log(event.position);
        let streamed =
            || event.streams.iter().find_map(|placed| channel_of(placed.stream.as_str()));
        self.drop_by(&event.kind, source, |_, field| named(field), streamed);
        self.heed_effects(&event.effects, source);
        if event.kind == CLEARED.name {
            self.shelf.clear();
        }
    }

    /// A fact of this node itself.
    fn heed(&self, fact: &Told) {
        let named = |entity: Entity, field: &str| {
            let kind = match (entity, field) {
                (_, "channelId") => "channel",
                // A guest is a person.
                (Entity::Guest, _) => "user",
                _ => entity.name(),
            };
            fact.subject.as_ref().filter(|subject| subject.kind == kind).map(|subject| subject.id)
        };
        let streamed = || fact.streams.iter().find_map(|stream| channel_of(&stream.to_string()));
        let source = Source::Own(self.hub.moment());
        self.drop_by(fact.kind, source, named, streamed);
        self.heed_effects(&fact.effects, source);
    }

    fn drop_by(
        &self,
        kind: &str,
        source: Source,
        mut named: impl FnMut(Entity, &str) -> Option<Uuid>,
        streamed: impl Fn() -> Option<Uuid>,
    ) {
        if mutants::is("cache-keeps") {
            return;
        }
        let Some(drops) = table::drops(kind) else {
            self.stamps.change_everything(source);
            for entity in Entity::ALL {
                self.stats.add(entity, Count::Invalidation);
            }
            return;
        };
        for (entity, drops) in drops {
            let one = match drops {
                Drops::Nothing => continue,
                Drops::Named(field) => named(entity, field),
                Drops::Streamed => streamed(),
                Drops::All => None,
            };
            self.stats.add(entity, Count::Invalidation);
            match one {
                Some(id) => self.drop_one(entity, id, source),
                None => self.stamps.change_all(entity, source),
            }
        }
    }

    fn drop_one(&self, entity: Entity, id: Uuid, source: Source) {
        self.stamps.change(entity, id, source);
        let is_shared = entity.rule().levels.contains(&Level::L2);
        let (Some(l2), true, Source::Log(position)) = (&self.l2, is_shared, source) else { return };
        let Some(applied) = self.hub.applied() else { return };
        let name = l2.name(&applied.epoch, &Key::of(entity, id));
        let kept_for = entity.rule().tier.kept_for(&self.settings);
        let _no_room = self.work.try_send(Work::Bury { name, position, kept_for });
    }

    /// Who follows what has changed, or what somebody may.
    fn heed_effects(&self, effects: &[Effect], source: Source) {
        let is_of_session = |effect: &Effect| matches!(effect, Effect::EndSession { .. });
        if mutants::is("cache-keeps") || effects.iter().all(is_of_session) {
            return;
        }
        for entity in SEEN_BY_FOLLOWING {
            self.stamps.change_all(entity, source);
            self.stats.add(entity, Count::Invalidation);
        }
    }
}

/// The channel whose stream this is.
fn channel_of(stream: &str) -> Option<Uuid> {
    stream.strip_prefix("channel:")?.parse().ok()
}
