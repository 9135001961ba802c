//! The one table that says of each entity how long it is kept, where, and what
//! drops it.

use std::time::Duration;

use sayso_config::Cache as Settings;
use uuid::Uuid;

/// A kind of thing that is kept, or that others are kept for as long as none
/// of its kind changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A task as one reader is shown it, its relations included.
    Task,
    /// A channel as one reader is shown it.
    Channel,
    /// A person, as everybody is shown them who sees them.
    User,
    /// Whether somebody is a guest, who does not see everybody.
    Guest,
    /// A category, seen by the whole company.
    Category,
    /// What a search has found: not the things themselves, which are read
    /// anew, with the rights of the moment.
    Search,
    /// Messages are not kept; what was found among them is.
    Message,
}

impl Entity {
    /// All of them, in the order of [`TABLE`].
    pub const ALL: [Self; 7] = [
        Self::Task,
        Self::Channel,
        Self::User,
        Self::Guest,
        Self::Category,
        Self::Search,
        Self::Message,
    ];

    /// The name in metrics, in statistics, and of the subject of its facts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Channel => "channel",
            Self::User => "user",
            Self::Guest => "guest",
            Self::Category => "category",
            Self::Search => "search",
            Self::Message => "message",
        }
    }

    /// What holds for it.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        &TABLE[self as usize]
    }
}

/// How long something is kept that nothing drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// What changes all the time: five minutes.
    Hot,
    /// An hour.
    Warm,
    /// What hardly ever changes: a day.
    Cold,
}

impl Tier {
    /// The name in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }

    /// How long that is.
    #[must_use]
    pub fn kept_for(self, settings: &Settings) -> Duration {
        Duration::from_secs(match self {
            Self::Hot => settings.hot_secs,
            Self::Warm => settings.warm_secs,
            Self::Cold => settings.cold_secs,
        })
    }
}

/// A place where something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// In this process.
    L1,
    /// In Redis.
    L2,
    /// In PostgreSQL.
    L3,
}

impl Level {
    /// The name in metrics and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::L3 => "l3",
        }
    }
}

/// Whose an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Everybody who asks is shown the same; who may ask is decided elsewhere.
    Everybody,
    /// One reader's, whose right to it was decided when it was read. It leaves
    /// this process never, but for a list of ids that is checked again.
    Reader,
}

/// What a fact drops of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    /// Nothing: it says nothing of it.
    Nothing,
    /// The one whose id stands in this field of the fact's data, and in the
    /// subject of the fact. All of them where it is not named.
    Named(&'static str),
    /// The channel on whose stream the fact travels; all where there is none.
    Streamed,
    /// All of them.
    All,
}

/// What holds for an entity.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The entity.
    pub entity: Entity,
    /// How long it is kept.
    pub tier: Tier,
    /// Where.
    pub levels: &'static [Level],
    /// Whose its entries are.
    pub owner: Owner,
    /// What drops it: the first beginning of a fact's name that fits decides.
    pub drops: &'static [(&'static str, Drops)],
}

use Drops::{All, Named, Nothing, Streamed};
use Level::{L1, L2, L3};

/// What is kept.
pub const TABLE: [Rule; 7] = [
    Rule {
        entity: Entity::Task,
        tier: Tier::Hot,
        levels: &[L1],
        owner: Owner::Reader,
        drops: &[
            ("task.comment", Nothing),
            // Its relations come back with it, and show at their other ends.
            ("task.restored", All),
            ("task.", Named("id")),
            // Who sees a task follows from channels, members and lines.
            ("channel.created", Nothing),
            ("channel.read", Nothing),
            ("channel.muted", Nothing),
            ("channel.", All),
            ("user.created", Nothing),
            ("user.invit", Nothing),
            ("user.email_changed", Nothing),
            ("user.", All),
            ("category.deleted", All),
        ],
    },
    Rule {
        entity: Entity::Channel,
        tier: Tier::Hot,
        levels: &[L1],
        owner: Owner::Reader,
        drops: &[
            ("channel.created", Named("id")),
            ("channel.read", Named("channelId")),
            ("channel.muted", Named("channelId")),
            ("channel.", All),
            // What is not read yet is counted.
            ("message.", Streamed),
            // Members are shown with their names.
            ("user.created", Nothing),
            ("user.invit", Nothing),
            ("user.", All),
            ("category.deleted", All),
        ],
    },
    Rule {
        entity: Entity::User,
        tier: Tier::Hot,
        levels: &[L1, L2],
        owner: Owner::Everybody,
        drops: &[("user.grants_changed", Nothing), ("user.", Named("id"))],
    },
    Rule {
        entity: Entity::Guest,
        tier: Tier::Hot,
        levels: &[L1],
        owner: Owner::Reader,
        drops: &[
            ("channel.created", Nothing),
            ("channel.read", Nothing),
            ("channel.muted", Nothing),
            ("channel.", All),
            ("user.", Named("id")),
        ],
    },
    Rule {
        entity: Entity::Category,
        tier: Tier::Cold,
        levels: &[L1, L2],
        owner: Owner::Everybody,
        drops: &[("category.", Named("id"))],
    },
    Rule {
        entity: Entity::Search,
        tier: Tier::Warm,
        levels: &[L1, L3],
        owner: Owner::Reader,
        // It says itself which entities it was found among.
        drops: &[],
    },
    Rule {
        entity: Entity::Message,
        tier: Tier::Hot,
        levels: &[],
        owner: Owner::Everybody,
        drops: &[
            ("message.", All),
            // Who finds one follows from members.
            ("channel.created", Nothing),
            ("channel.read", Nothing),
            ("channel.muted", Nothing),
            ("channel.", All),
        ],
    },
];

/// Beginnings of facts that say nothing of anything that is kept.
pub const SILENT: &[&str] =
    &["access.", "audit.", "auth.", "notification.", "second_factor.", "thread."];

/// Facts that drop everything: they stand for changes that they do not name.
pub const EVERYTHING: &[&str] =
    &["backup.restored", "cache.cleared", "company.seeded", "log.quarantined", "trash.purged"];

/// What an entry rests on, beside what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One thing.
    One(Entity, Uuid),
    /// Every thing of a kind.
    Any(Entity),
}

/// What a fact of this name drops of each entity; `None`: everything, because
/// it is one of [`EVERYTHING`], or because nobody has said what it means.
pub(crate) fn drops(kind: &str) -> Option<impl Iterator<Item = (Entity, Drops)>> {
    let found = TABLE.map(|rule| {
        let fits = |(start, _): &&(&str, Drops)| kind.starts_with(start);
        rule.drops.iter().find(fits).map(|(_, drops)| (rule.entity, *drops))
    });
    let is_silent = SILENT.iter().any(|start| kind.starts_with(start));
    let is_known = is_silent || found.iter().any(Option::is_some);
    let is_all = EVERYTHING.contains(&kind);
    (is_known && !is_all).then(|| found.into_iter().flatten())
}

/// Whether it is said what a fact of this name means here.
#[must_use]
pub fn is_known(kind: &str) -> bool {
    EVERYTHING.contains(&kind) || drops(kind).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, entity: Entity) -> Option<Drops> {
        drops(kind).expect("it is known").find(|(one, _)| *one == entity).map(|(_, drops)| drops)
    }

    #[test]
    fn each_entity_stands_in_its_place() {
        for (place, entity) in Entity::ALL.into_iter().enumerate() {
            assert_eq!((entity as usize, entity.rule().entity), (place, entity));
        }
    }

    #[test]
    fn what_is_one_readers_leaves_this_process_only_as_a_list_that_is_checked_again() {
        let shared = |rule: &&Rule| rule.levels.iter().any(|level| *level != L1);
        let readers = TABLE.iter().filter(|rule| rule.owner == Owner::Reader);
        let shared: Vec<Entity> = readers.filter(shared).map(|rule| rule.entity).collect();

        assert_eq!(shared, [Entity::Search]);
    }

    #[test]
    fn whoever_leaves_a_channel_loses_every_task_that_was_kept() {
        for kind in ["channel.member_removed", "channel.left", "channel.deleted", "user.updated"] {
            assert_eq!(of(kind, Entity::Task), Some(All), "{kind}");
        }
        assert_eq!(of("task.updated", Entity::Task), Some(Named("id")));
        assert_eq!(of("task.commented", Entity::Task), Some(Nothing));
        assert_eq!(of("message.sent", Entity::Task), None);
        assert_eq!(of("message.sent", Entity::Channel), Some(Streamed));
    }

    #[test]
    fn a_fact_that_nobody_knows_drops_everything() {
        assert!(drops("gadget.invented").is_none());
        assert!(drops("log.quarantined").is_none());
        assert!(drops("auth.logged_in").is_some_and(|mut drops| drops.next().is_none()));
    }
}
