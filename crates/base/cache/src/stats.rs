//! What the cache has done, by entity.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

use crate::table::{Entity, Level};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Answered from this level.
    Hit(Level),
    /// Answered by somebody else's read, which was under way.
    Joined,
    /// Of the hits, those that said that there is no such thing.
    Negative,
    /// Not there, or not true any more.
    Miss,
    /// Read from the database.
    Load,
    /// Read, and not kept: it changed meanwhile, or is too large.
    Refused,
    /// Dropped by a fact.
    Invalidation,
    /// Found, and not what it should be.
    Poisoned,
    /// Not asked: this node is behind, or the request asks for more.
    Bypassed,
}

const COUNTS: usize = 11;

impl Count {
    const fn place(self) -> usize {
        match self {
            Self::Hit(Level::L1) => 0,
            Self::Hit(Level::L2) => 1,
            Self::Hit(Level::L3) => 2,
            Self::Joined => 3,
            Self::Negative => 4,
            Self::Miss => 5,
            Self::Load => 6,
            Self::Refused => 7,
            Self::Invalidation => 8,
            Self::Poisoned => 9,
            Self::Bypassed => 10,
        }
    }
}

/// Counters, a row for each entity.
#[derive(Debug, Default)]
pub(crate) struct Stats([[AtomicU64; COUNTS]; Entity::ALL.len()]);

impl Stats {
    pub(crate) fn add(&self, entity: Entity, count: Count) {
        self.0[entity as usize][count.place()].fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self, entity: Entity, count: Count) -> u64 {
        self.0[entity as usize][count.place()].load(Ordering::Relaxed)
    }

    pub(crate) fn of(&self, entity: Entity, kept_for_secs: u64) -> EntityStats {
        let (rule, get) = (entity.rule(), |count| self.get(entity, count));
        EntityStats {
            entity: entity.name(),
            tier: rule.tier.name(),
            kept_for_secs,
            levels: rule.levels.iter().map(|level| level.name()).collect(),
            hits_l1: get(Count::Hit(Level::L1)),
            hits_l2: get(Count::Hit(Level::L2)),
            hits_l3: get(Count::Hit(Level::L3)),
            joined: get(Count::Joined),
            negative: get(Count::Negative),
            misses: get(Count::Miss),
            loads: get(Count::Load),
            refused: get(Count::Refused),
            invalidations: get(Count::Invalidation),
            poisoned: get(Count::Poisoned),
            bypassed: get(Count::Bypassed),
        }
    }
}

/// What the cache of a node has done since it started.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CacheStats)]
pub struct StatsView {
    /// `serving`; `degraded` (without Redis), `behind` (this node has not heard
    /// of the log lately: it reads the database), or `off`.
    pub state: &'static str,
    /// Entries in this process.
    pub entries: u64,
    /// Bytes they take, about.
    pub bytes: u64,
    /// Bytes they may take.
    pub bytes_max: u64,
    /// What was done, by entity.
    pub entities: Vec<EntityStats>,
}

/// What was done with the entries of an entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CacheEntityStats)]
pub struct EntityStats {
    /// Its name.
    pub entity: &'static str,
    /// `hot`, `warm` or `cold`.
    pub tier: &'static str,
    /// Seconds for which an entry is kept that nothing drops.
    pub kept_for_secs: u64,
    /// Where it is kept: `l1`, `l2`, `l3`.
    pub levels: Vec<&'static str>,
    /// Answered from this process.
    pub hits_l1: u64,
    /// Answered from Redis.
    pub hits_l2: u64,
    /// Answered from the table of results.
    pub hits_l3: u64,
    /// Answered by a read that was under way.
    pub joined: u64,
    /// Of all these, how often the answer was that there is no such thing.
    pub negative: u64,
    /// Not there, or not true any more.
    pub misses: u64,
    /// Read from the database.
    pub loads: u64,
    /// Read and not kept: it changed meanwhile, or is too large.
    pub refused: u64,
    /// Facts that dropped one or all of them.
    pub invalidations: u64,
    /// Found, and not what it should be: taken as not there.
    pub poisoned: u64,
    /// Not asked: the node was behind, or the request asked for more.
    pub bypassed: u64,
}

impl EntityStats {
    /// Writes what was counted into the metrics of this process.
    pub(crate) fn publish(&self) {
        let hits = [("l1", self.hits_l1), ("l2", self.hits_l2), ("l3", self.hits_l3)];
        for (level, count) in hits {
            metrics::counter!("sayso_cache_hits_total", "entity" => self.entity,
                              "tier" => self.tier, "level" => level)
            .absolute(count);
        }
        let counts = [
            ("sayso_cache_joined_total", self.joined),
            ("sayso_cache_negative_total", self.negative),
            ("sayso_cache_misses_total", self.misses),
            ("sayso_cache_loads_total", self.loads),
            ("sayso_cache_refused_total", self.refused),
            ("sayso_cache_invalidations_total", self.invalidations),
            ("sayso_cache_poisoned_total", self.poisoned),
            ("sayso_cache_bypassed_total", self.bypassed),
        ];
        for (name, count) in counts {
            metrics::counter!(name, "entity" => self.entity, "tier" => self.tier).absolute(count);
        }
    }
}
