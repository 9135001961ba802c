//! Everything that is measured: its name, its kind, its labels, its unit, and
//! what it means. `/metrics` describes itself from here, and
//! `golden/metrics.md` is written from it.
//!
//! `cargo xtask arch` holds the table against every place that measures, in
//! both directions.

/// How a metric behaves, and so what can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows; begins at 0 when the process starts.
    Counter,
    /// What is so at the moment.
    Gauge,
    /// A distribution in buckets (`le`), with `_sum` and `_count`.
    Histogram,
    /// A distribution by quantiles of the last minute (`quantile`), with `_sum`
    /// and `_count`.
    Summary,
}

impl MetricKind {
    /// Its name in `/metrics`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// Something that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// By what it is told apart.
    pub labels: &'static [&'static str],
    /// What is counted, or in what it is measured.
    pub unit: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
}

impl Metric {
    /// Tells whoever records for this thread what it means.
    pub(crate) fn describe(&self) {
        match self.kind {
            MetricKind::Counter => metrics::describe_counter!(self.name, self.doc),
            MetricKind::Gauge => metrics::describe_gauge!(self.name, self.doc),
            MetricKind::Histogram | MetricKind::Summary => {
                metrics::describe_histogram!(self.name, self.doc);
            }
        }
    }
}

/// Declares the table: `Kind "name" by "label", "label" in "unit";` below what it
/// means.
macro_rules! table {
    ($(
        $(#[doc = $doc:literal])+
        $kind:ident $name:literal $(by $($label:literal),+)? in $unit:literal;
    )+) => {
        /// Everything that is measured, by name.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($($label),+)?],
            unit: $unit,
            doc: concat!($($doc),+).trim_ascii_start(),
        }),+];
    };
}

table! {
    /// Requests, and events of sockets, that were refused to somebody who may not have what they
    /// asked for, or who may be guessing.
    Counter "sayso_access_refusals_total" by "status" in "refusals";
    /// Refusals that the audit lacks: too many different ones came at once, or the database was
    /// away.
    Counter "sayso_access_refusals_unwritten_total" in "refusals";
    /// Uses of a session that were not noted, since too many sessions are in use.
    Counter "sayso_activity_unwritten_total" in "uses";
    /// Passwords that were not looked at, since too many waited to be hashed.
    Counter "sayso_auth_hash_refused_total" in "passwords";
    /// Rounds of bcrypt: what hashing passwords has cost.
    Counter "sayso_auth_hash_rounds_total" in "rounds";
    /// Batches that could not be passed on to the other nodes, which read the log instead.
    Counter "sayso_bus_append_failures_total" in "batches";
    /// Events that this node has passed on to the others over Redis.
    Counter "sayso_bus_appended_total" in "events";
    /// Events that were missing in Redis and were passed on from the log.
    Counter "sayso_bus_filled_total" in "events";
    /// Whether this node hears the others over Redis.
    Gauge "sayso_bus_listening" in "1 or 0";
    /// Times that the stream in Redis was begun anew, since too much was missing in it.
    Counter "sayso_bus_restarts_total" in "times";
    /// Words to the other nodes that were not said: too many waited, or Redis was away.
    Counter "sayso_bus_words_lost_total" in "words";
    /// Reads for which the cache was not asked, since this node was behind or the request wanted
    /// more.
    Counter "sayso_cache_bypassed_total" by "entity", "tier" in "reads";
    /// What the entries in this process take, about.
    Gauge "sayso_cache_bytes" in "bytes";
    /// Entries in this process.
    Gauge "sayso_cache_entries" in "entries";
    /// Reads that were answered from this process (l1), from Redis (l2) or from the table of
    /// results (l3).
    Counter "sayso_cache_hits_total" by "entity", "tier", "level" in "reads";
    /// Facts that dropped one entry, or all of them.
    Counter "sayso_cache_invalidations_total" by "entity", "tier" in "facts";
    /// Reads that were answered by another read that was under way.
    Counter "sayso_cache_joined_total" by "entity", "tier" in "reads";
    /// Reads that went to the database.
    Counter "sayso_cache_loads_total" by "entity", "tier" in "reads";
    /// Reads whose entry was not there, or no longer true.
    Counter "sayso_cache_misses_total" by "entity", "tier" in "reads";
    /// Reads that were answered with there being no such thing, among those that were answered.
    Counter "sayso_cache_negative_total" by "entity", "tier" in "reads";
    /// Entries that were found and were not what they should be; they count as not there.
    Counter "sayso_cache_poisoned_total" by "entity", "tier" in "entries";
    /// What was read and not kept: it changed meanwhile, or is too large.
    Counter "sayso_cache_refused_total" by "entity", "tier" in "entries";
    /// How far a consumer is behind the end of the log.
    Gauge "sayso_consumer_lag_events" by "consumer" in "events";
    /// Events that a consumer has missed, since the log no longer reached back to them.
    Counter "sayso_consumer_lost_events_total" by "consumer" in "events";
    /// For how long the oldest transaction of PostgreSQL has been open, as whoever numbers the log
    /// sees it.
    Gauge "sayso_db_oldest_snapshot_seconds" in "seconds";
    /// Requests for a connection that were refused at once, since too many waited for one.
    Counter "sayso_db_pool_refusals_total" by "lane" in "requests";
    /// Requests for a connection that waited as long as they may, and got none.
    Counter "sayso_db_pool_timeouts_total" by "lane" in "requests";
    /// How long those have waited for a connection who got one.
    Histogram "sayso_db_pool_wait_seconds" by "lane" in "seconds";
    /// Reads that were refused at once, since too many were under way.
    Counter "sayso_db_read_refusals_total" in "reads";
    /// Reads that took a connection of their own, since all shared ones were stuck.
    Counter "sayso_db_reads_beside_total" in "reads";
    /// Rows that statements have answered with.
    Counter "sayso_db_rows_total" by "statement" in "rows";
    /// Statements that failed.
    Counter "sayso_db_statement_errors_total" by "statement" in "statements";
    /// How long statements have taken.
    Histogram "sayso_db_statement_seconds" by "statement" in "seconds";
    /// Transactions that were tried once more, since they met another or lost their connection.
    Counter "sayso_db_transaction_retries_total" in "attempts";
    /// Looks at the end of the log in the database, by what led to them.
    Counter "sayso_follower_looks_total" by "why" in "looks";
    /// How long requests have taken until they were answered; its count is the number of requests.
    Summary "sayso_http_request_micros" by "method", "route", "status" in "microseconds";
    /// Requests that this node counted alone, since Redis did not answer for all.
    Counter "sayso_limits_alone_total" in "requests";
    /// Requests, and events of sockets, beyond a limit.
    Counter "sayso_limits_refused_total" by "class" in "refusals";
    /// Times that old events were not kept for a consumer, since it was too far behind.
    Counter "sayso_log_consumers_given_up_total" in "times";
    /// Ranges of old events that were dropped.
    Counter "sayso_log_ranges_dropped_total" in "ranges";
    /// Nodes that know of each other's people, this one among them.
    Gauge "sayso_presence_nodes" in "nodes";
    /// Sockets that were closed before the log said why, since nobody wrote it just then.
    Counter "sayso_realtime_closed_ahead_total" in "sockets";
    /// Sockets that this node has closed, by what they were told.
    Counter "sayso_realtime_closed_total" by "code" in "sockets";
    /// Sockets that were found to have no right to be there, though the log had not said so.
    Counter "sayso_realtime_closed_unsaid_total" in "sockets";
    /// Sockets that went by themselves, or whose transport broke, by why.
    Counter "sayso_realtime_gone_total" by "code" in "sockets";
    /// Events of sockets that were refused (answer), took too long (late), or ended the socket
    /// (flood).
    Counter "sayso_realtime_in_refused_total" by "as" in "events";
    /// Events that were offered to sockets, each once for every socket that may have to hear it.
    Counter "sayso_realtime_offered_total" in "offers";
    /// Sockets that were not let in, by why.
    Counter "sayso_realtime_refused_total" by "code" in "sockets";
    /// Sockets that are connected to this node.
    Gauge "sayso_realtime_sockets" in "sockets";
    /// Commands to Redis that failed or took too long, by what they were for.
    Counter "sayso_redis_failures_total" by "what" in "commands";
    /// How long Redis has taken to answer whether it is there.
    Histogram "sayso_redis_probe_seconds" in "seconds";
    /// Whether Redis answers this node.
    Gauge "sayso_redis_up" in "1 or 0";
    /// How long the leader has taken for a batch of facts.
    Histogram "sayso_sequencer_batch_seconds" in "seconds";
    /// Facts that got their place in the log by this node.
    Counter "sayso_sequencer_facts_total" in "facts";
    /// How long the first fact that waits for its place has been waiting.
    Gauge "sayso_sequencer_lag_seconds" in "seconds";
    /// Whether this node numbers the log.
    Gauge "sayso_sequencer_leading" in "1 or 0";
    /// Facts that could not be stored and lie in outbox_dead.
    Counter "sayso_sequencer_quarantined_total" in "facts";
    /// Spans that did not reach the collector, by why.
    Counter "sayso_traces_dropped_total" by "reason" in "spans";
    /// Spans that the collector has taken.
    Counter "sayso_traces_sent_total" in "spans";
    /// Volatile news that was lost towards other nodes (line), within this one (bus) or at a socket
    /// that was busy (socket).
    Counter "sayso_volatile_lost_total" by "where" in "news";
}
