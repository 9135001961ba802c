//! The context of a test: time stands still, and one seed yields one test.

use std::time::Duration;

use jiff::Timestamp;
use sayso_access::{Actor, Ctx, Givens, Role, SessionId, UserId, Via};
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Clock, Random};

/// Monday, 5 January 2026, 09:00 UTC.
const START_SECS: i64 = 1_767_603_600;

/// The root key of every test.
#[must_use]
pub fn root_key() -> RootKey {
    RootKey::new([7; RootKey::LEN])
}

/// A clock that stands still, seeded randomness, and people.
#[derive(Clone, Debug)]
pub struct TestCtx {
    /// The clock; shared by all contexts made here.
    pub clock: Clock,
    /// The generator; shared by all contexts made here.
    pub random: Random,
}

impl Default for TestCtx {
    fn default() -> Self {
        Self::new()
    }
}

impl TestCtx {
    /// With the seed 1.
    #[must_use]
    pub fn new() -> Self {
        Self::seeded(1)
    }

    /// With a seed of one's own.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let start = Timestamp::from_second(START_SECS).expect("the start is a time");
        Self { clock: Clock::manual(start), random: Random::seeded(seed) }
    }

    /// Moves the time of all contexts made here.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A person who acts in some session. No row of any table is made.
    #[must_use]
    pub fn actor(&self, role: Role) -> Actor {
        let now = self.clock.now();
        Actor {
            user_id: UserId(self.random.uuid(now)),
            session_id: SessionId(self.random.uuid(now)),
            role,
            time_zone: "UTC".to_owned(),
            givens: Givens::default(),
        }
    }

    /// A context of Sayso itself.
    #[must_use]
    pub fn system(&self) -> Ctx {
        Ctx::anonymous(Via::System, self.clock.clone(), self.random.clone())
    }

    /// A request of `actor` over HTTP.
    #[must_use]
    pub fn as_actor(&self, actor: &Actor) -> Ctx {
        Ctx::anonymous(Via::Http, self.clock.clone(), self.random.clone()).acting_as(actor.clone())
    }

    /// A request of a new person over HTTP.
    #[must_use]
    pub fn acting(&self, role: Role) -> Ctx {
        self.as_actor(&self.actor(role))
    }
}
