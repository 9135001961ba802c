//! Reading through the cache.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sayso_access::Ctx;
use sayso_config::Cache as Settings;
use sayso_db::{Db, Fact, Tx};
use sayso_events::Hub;
use sayso_kernel::{Clock, Fault, Random, mutants};
use sayso_redis::Redis;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::flight::{Flights, Landed, Part, Pilot, wait};
use crate::follow::CLEARED;
use crate::l2::{Codec, L2};
use crate::l3::{self, L3};
use crate::loaded::{Found, Loaded, Shared};
use crate::shelf::{Entry, Key, Shelf, Value};
use crate::stamps::Stamps;
use crate::stats::{Count, Stats, StatsView};
use crate::table::{Entity, Level, Watch};
use crate::worker::{self, WAITING_MAX, Work};

/// How often whoever waits for another's read looks again before they read
/// themselves.
const JOINS_MAX: usize = 3;

tokio::task_local! {
    static BYPASS: ();
}

/// Runs work that must not be answered from the cache: whoever asks has seen
/// more of the log than this node.
pub async fn bypassed<T>(work: impl Future<Output = T>) -> T {
    BYPASS.scope((), work).await
}

/// What a cache is made of.
#[derive(Debug)]
pub struct CacheParts {
    /// How large and for how long.
    pub settings: Settings,
    /// What this node knows of the log.
    pub hub: Hub,
    /// The database, for L3.
    pub db: Db,
    /// Redis, for L2.
    pub redis: Option<Redis>,
    /// The clock of what is written.
    pub clock: Clock,
    /// The randomness of what is written.
    pub random: Random,
}

/// The cache of a node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cache(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) is_on: bool,
    pub(crate) settings: Settings,
    pub(crate) hub: Hub,
    pub(crate) shelf: Shelf,
    pub(crate) stamps: Stamps,
    pub(crate) stats: Stats,
    pub(crate) l2: Option<L2>,
    pub(crate) work: mpsc::Sender<Work>,
    flights: Flights,
    pub(crate) l3: Option<L3>,
    waiting: Mutex<Option<mpsc::Receiver<Work>>>,
}

impl Cache {
    /// A cache that keeps what [`crate::TABLE`] says, once it follows
    /// ([`Cache::follow`]) and runs ([`Cache::run`]).
    #[must_use]
    pub fn new(parts: CacheParts) -> Self {
        let CacheParts { settings, hub, db, redis, clock, random } = parts;
        let results_max = i64::try_from(settings.results_max).unwrap_or(i64::MAX);
        let l3 = L3 { db, clock, random, results_max };
        Self::made(settings, hub, redis.map(L2::new), Some(l3))
    }

    /// One that keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        let settings = Settings { enabled: false, l1_bytes_max: 1 << 10, ..Settings::default() };
        Self::made(settings, Hub::new(1), None, None)
    }

    fn made(settings: Settings, hub: Hub, l2: Option<L2>, l3: Option<L3>) -> Self {
        let (work, waiting) = mpsc::channel(WAITING_MAX);
        Self(Arc::new(Inner {
            is_on: settings.enabled,
            shelf: Shelf::new(settings.l1_bytes_max as u64),
            settings,
            hub,
            stamps: Stamps::new(),
            stats: Stats::default(),
            l2,
            work,
            flights: Flights::default(),
            l3,
            waiting: Mutex::new(Some(waiting)),
        }))
    }

    /// Tells L2 and L3 what was read, until told to stop. Once a node.
    pub async fn run(self, stop: CancellationToken) {
        let Some(waiting) = self.0.waiting.lock().take() else { return };
        worker::run(self.0.l2.clone(), self.0.l3.clone(), waiting, stop).await;
    }

    /// What is kept under `key`, or else what `load` reads, which is then kept.
    /// `None`: there is no such thing, or it is hidden from the reader.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn get_or_load<T: Any + Send + Sync, F>(
        &self,
        key: Key,
        load: impl FnOnce() -> F + Send,
    ) -> Found<T>
    where
        F: Future<Output = Result<Loaded<T>, Fault>> + Send,
    {
        self.0.get(key, None, load).await
    }

    /// The same of a thing that other nodes are told of, and that rests on what
    /// is `watched` beside itself.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn get_or_load_shared<T: Any + Send + Sync, F>(
        &self,
        key: Key,
        (codec, watched): (&Codec<T>, &[Watch]),
        load: impl FnOnce() -> F + Send,
    ) -> Found<T>
    where
        F: Future<Output = Result<Loaded<T>, Fault>> + Send,
    {
        self.0.get(key, Some(Shared { codec, watched }), load).await
    }

    /// A trace of use changed, which leaves no fact: this node drops the thing.
    pub fn forget(&self, entity: Entity, id: uuid::Uuid) {
        self.0.stamps.change(entity, id, crate::stamps::Source::Ahead);
    }

    /// Drops everything, on every node.
    ///
    /// Audit: `cache.cleared`.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn clear(db: &Db, ctx: &Ctx) -> Result<(), Fault> {
        let work = async |tx: &mut Tx, _: &Ctx| {
            l3::clear(tx).await?;
            tx.emit(Fact::audit_only(&CLEARED));
            Ok(())
        };
        db.transaction(ctx, work).await
    }

    /// What it has done.
    #[must_use]
    pub fn stats(&self) -> StatsView {
        let inner = &*self.0;
        let (entries, bytes) = inner.shelf.size();
        let of = |entity: Entity| {
            inner.stats.of(entity, entity.rule().tier.kept_for(&inner.settings).as_secs())
        };
        StatsView {
            state: inner.state(),
            entries,
            bytes,
            bytes_max: inner.settings.l1_bytes_max as u64,
            entities: Entity::ALL.map(of).into(),
        }
    }

    /// Writes what was counted into the metrics of this process.
    pub fn publish(&self) {
        let stats = self.stats();
        let gauge = |value: u64| value as f64;
        metrics::gauge!("sayso_cache_entries").set(gauge(stats.entries));
        metrics::gauge!("sayso_cache_bytes").set(gauge(stats.bytes));
        stats.entities.iter().for_each(crate::stats::EntityStats::publish);
    }
}

impl Inner {
    fn state(&self) -> &'static str {
        match &self.l2 {
            _ if !self.is_on => "off",
            _ if !self.hub.is_fresh() => "behind",
            Some(l2) if !l2.is_up() => "degraded",
            _ => "serving",
        }
    }

    fn serves(&self) -> bool {
        self.is_on && self.hub.is_fresh() && BYPASS.try_with(|()| ()).is_err()
    }

    /// What L1 holds, if it is true.
    fn held(&self, key: &Key) -> Option<Arc<Entry>> {
        let entry = self.shelf.get(key)?;
        let is_true = self.stamps.holds(&entry.cells, entry.read_at) || mutants::is("cache-keeps");
        (is_true && Instant::now() < entry.until).then_some(entry)
    }

    /// What L1 holds and may serve.
    fn at_hand<T: Any + Send + Sync>(&self, key: Key) -> Option<Option<Arc<T>>> {
        let entry = self.serves().then(|| self.held(&key))??;
        Some(self.hit(key.entity, &entry, Count::Hit(Level::L1)))
    }

    async fn get<T: Any + Send + Sync, F>(
        &self,
        key: Key,
        shared: Option<Shared<'_, T>>,
        load: impl FnOnce() -> F + Send,
    ) -> Found<T>
    where
        F: Future<Output = Result<Loaded<T>, Fault>> + Send,
    {
        match self.at_hand(key) {
            Some(found) => Ok(found),
            // Large and seldom done: else every reader would carry it.
            None => Box::pin(self.fetch(key, shared, load())).await,
        }
    }

    /// What L1 does not hold.
    async fn fetch<T: Any + Send + Sync>(
        &self,
        key: Key,
        shared: Option<Shared<'_, T>>,
        load: impl Future<Output = Result<Loaded<T>, Fault>> + Send,
    ) -> Found<T> {
        if !self.serves() {
            self.stats.add(key.entity, Count::Bypassed);
            return Ok(load.await?.value.map(Arc::new));
        }
        let watched = shared.as_ref().map_or(&[][..], |shared| shared.watched);
        let rests_on = self.stamps.cells(key.entity, key.id, watched);
        for _ in 0..JOINS_MAX {
            let now = self.stamps.now();
            let joined = self.flights.join(key, now, |began| self.stamps.holds(&rests_on, began));
            let landed = match joined {
                Part::Lead(pilot) => return self.lead(pilot, key, now, shared, load).await,
                Part::Follow(landed) => wait(landed).await,
            };
            match landed {
                // Not if it changed since: the change may be the asker's own.
                Some(Landed::With(entry)) if self.stamps.holds(&entry.cells, entry.read_at) => {
                    return Ok(self.hit(key.entity, &entry, Count::Joined));
                }
                Some(Landed::Nowhere) => break,
                _ => {}
            }
        }
        self.stats.add(key.entity, Count::Miss);
        self.stats.add(key.entity, Count::Load);
        Ok(load.await?.value.map(Arc::new))
    }

    /// Counts, and hands out what an entry holds.
    fn hit<T: Any + Send + Sync>(
        &self,
        entity: Entity,
        entry: &Entry,
        how: Count,
    ) -> Option<Arc<T>> {
        self.stats.add(entity, how);
        if entry.value.is_none() {
            self.stats.add(entity, Count::Negative);
        }
        let value = Value::downcast::<T>(Arc::clone(entry.value.as_ref()?));
        Some(value.unwrap_or_else(|_| unreachable!("an entity is kept in one form")))
    }

    /// Reads, for oneself and for whoever waits.
    async fn lead<T: Any + Send + Sync>(
        &self,
        pilot: Pilot<'_>,
        key: Key,
        now: u64,
        shared: Option<Shared<'_, T>>,
        load: impl Future<Output = Result<Loaded<T>, Fault>> + Send,
    ) -> Found<T> {
        // Another may have landed since it was looked.
        if let Some(entry) = self.held(&key) {
            pilot.land(Landed::With(Arc::clone(&entry)));
            return Ok(self.hit(key.entity, &entry, Count::Hit(Level::L1)));
        }
        // What is read from here on holds everything up to this place.
        let place = shared.as_ref().and_then(|_| self.hub.applied());
        if let (Some(shared), Some(place)) = (&shared, &place)
            && let Some((value, bytes, level)) = self.read_of_others(&key, place, shared).await
        {
            let loaded = Loaded { value: Some(value), bytes, watched: Vec::new() };
            let entry = self.put(key, now, loaded, shared.watched);
            pilot.land(Landed::With(Arc::clone(&entry)));
            return Ok(self.hit(key.entity, &entry, Count::Hit(level)));
        }
        self.stats.add(key.entity, Count::Miss);
        self.stats.add(key.entity, Count::Load);
        let loaded = match load.await {
            Ok(loaded) => loaded,
            Err(fault) => {
                pilot.land(Landed::Nowhere);
                return Err(fault);
            }
        };
        let told = shared.as_ref().zip(loaded.value.as_ref());
        let told = told.map(|(shared, value)| (shared.codec.encode)(value));
        let watched = shared.map_or(&[][..], |shared| shared.watched);
        let entry = self.put(key, now, loaded, watched);
        if let (Some(value), Some(place)) = (told, place)
            && self.stamps.holds(&entry.cells, now)
        {
            self.tell_others(key, place, value);
        }
        pilot.land(Landed::With(Arc::clone(&entry)));
        let value = entry.value.clone().map(|value| Value::downcast::<T>(value));
        Ok(value.map(|value| value.unwrap_or_else(|_| unreachable!("it was made just now"))))
    }

    /// Keeps what was read, if it still is true and not too large.
    fn put<T: Any + Send + Sync>(
        &self,
        key: Key,
        now: u64,
        loaded: Loaded<T>,
        watched: &[Watch],
    ) -> Arc<Entry> {
        let mut all = loaded.watched;
        all.extend_from_slice(watched);
        let entry = Arc::new(Entry {
            value: loaded.value.map(|value| Arc::new(value) as Value),
            cells: self.stamps.cells(key.entity, key.id, &all),
            read_at: now,
            until: Instant::now() + self.kept_for(key.entity),
            bytes: loaded.bytes,
        });
        let is_true = self.stamps.holds(&entry.cells, now) || mutants::is("cache-keeps");
        if is_true && entry.bytes <= self.settings.entry_bytes_max {
            self.shelf.put(key, Arc::clone(&entry));
        } else {
            self.shelf.remove(&key);
            self.stats.add(key.entity, Count::Refused);
        }
        entry
    }

    pub(crate) fn kept_for(&self, entity: Entity) -> Duration {
        entity.rule().tier.kept_for(&self.settings)
    }
}
