//! What is known of one person, here and elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use sayso_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::exchange::NodeId;
use super::{Device, Seen, Status};

/// How long what a person said of themselves is kept while they are offline.
const SAID_KEPT: Duration = Duration::from_secs(600);

/// What a person said of themselves, and when; the newest counts.
type Said = (Status, Timestamp);

/// What one node knows of a person by its own devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    /// Whether a device is connected, and whether one shows signs of life.
    pub(super) there: Option<bool>,
    /// What the person said there last.
    pub(super) said: Option<Said>,
    /// The last sign of life.
    pub(super) last_active_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct Person {
    /// The last sign of life of each device here.
    devices: HashMap<Device, Timestamp>,
    here: Shown,
    reported: Shown,
    /// Whether other streams tell of the person than when it was reported.
    has_moved: bool,
    elsewhere: HashMap<NodeId, Shown>,
    /// The streams that tell of the person, as another node said last.
    circle: Option<Vec<String>>,
    status: Status,
    told: Status,
}

impl Person {
    pub(super) fn connected(&mut self, device: Device, now: Timestamp) {
        self.devices.insert(device, now);
        self.here.last_active_at = Some(now);
    }

    pub(super) fn disconnected(&mut self, device: Device) {
        self.devices.remove(&device);
    }

    pub(super) fn active(&mut self, device: Device, now: Timestamp) {
        if let Some(last) = self.devices.get_mut(&device) {
            *last = now;
            self.here.last_active_at = Some(now);
        }
    }

    pub(super) fn say(&mut self, status: Status, now: Timestamp) {
        self.here.said = Some((status, now));
    }

    /// Another node says what its devices show; `None` when it shows nothing
    /// any more.
    pub(super) fn hear(&mut self, node: NodeId, shown: Option<Shown>, circle: Option<Vec<String>>) {
        match shown {
            Some(shown) => self.elsewhere.insert(node, shown),
            None => self.elsewhere.remove(&node),
        };
        if circle.is_some() {
            self.circle = circle;
        }
    }

    pub(super) fn is_known_by(&self, node: NodeId) -> bool {
        self.elsewhere.contains_key(&node)
    }

    pub(super) fn devices_here(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn circle_elsewhere(&self) -> Option<&[String]> {
        self.circle.as_deref()
    }

    /// Finds the status anew; answers whether it is another than was told.
    pub(super) fn look(&mut self, now: Timestamp, away_after: Duration) -> bool {
        let last = self.devices.values().max();
        self.here.there = last.map(|last| !is_past(*last, away_after, now));
        self.status = self.status_now();
        self.is_news()
    }

    pub(super) fn is_news(&self) -> bool {
        self.status != self.told
    }

    /// From here on it counts as told. Answers what was told before, if that
    /// was something else.
    pub(super) fn tell(&mut self) -> Option<Status> {
        let was = std::mem::replace(&mut self.told, self.status);
        (was != self.status).then_some(was)
    }

    pub(super) fn seen(&self) -> Seen {
        let last_active_at = self.all().filter_map(|shown| shown.last_active_at).max();
        Seen { status: self.status, last_active_at }
    }

    /// Whether other nodes do not know yet what is shown here. The last sign of
    /// life travels with the rest, and alone is no reason.
    pub(super) fn is_unreported(&self) -> bool {
        self.has_moved
            || (self.here.there, self.here.said) != (self.reported.there, self.reported.said)
    }

    /// Other streams tell of the person from here on, if anybody is here.
    pub(super) fn moved(&mut self) {
        self.has_moved = !self.devices.is_empty();
    }

    /// What is shown here; from here on it counts as reported.
    pub(super) fn report(&mut self) -> Shown {
        self.reported = self.here;
        self.has_moved = false;
        self.here
    }

    /// Other nodes were told everything, and of this person nothing.
    pub(super) fn left_out(&mut self) {
        self.reported = Shown::default();
    }

    /// Whether there is anything that a node which knows nothing must be told.
    pub(super) fn is_shown_here(&self) -> bool {
        self.here.there.is_some() || self.here.said.is_some()
    }

    /// Whether nothing of it is worth keeping.
    pub(super) fn is_forgotten(&self, now: Timestamp) -> bool {
        let is_said = self.said().is_some_and(|(status, _)| status != Status::Online);
        let last = self.seen().last_active_at;
        let is_kept = is_said && last.is_some_and(|last| !is_past(last, SAID_KEPT, now));
        self.all().all(|shown| shown.there.is_none())
            && self.told == Status::Offline
            && self.status == Status::Offline
            && !self.is_unreported()
            && !is_kept
    }

    fn all(&self) -> impl Iterator<Item = &Shown> {
        self.elsewhere.values().chain([&self.here])
    }

    fn said(&self) -> Option<Said> {
        self.all().filter_map(|shown| shown.said).max_by_key(|(_, at)| *at)
    }

    fn status_now(&self) -> Status {
        let Some(is_alive) = self.all().filter_map(|shown| shown.there).max() else {
            return Status::Offline;
        };
        match self.said() {
            Some((said, _)) if said != Status::Online => said,
            _ if is_alive => Status::Online,
            _ => Status::Away,
        }
    }
}

/// Whether `since` lies more than `by` before `now`.
fn is_past(since: Timestamp, by: Duration, now: Timestamp) -> bool {
    since.saturating_add(by).is_ok_and(|then| then <= now)
}
