//! Passwords: how they are hashed, and on which threads.
//!
//! A hash is bcrypt over base64(HMAC-SHA-384(key, password)). The HMAC makes 64
//! characters of any password, so that bcrypt, which ends at a NUL and after 72
//! bytes, cuts nothing; its key is derived from the root secret, so that a
//! stolen table is of no use without that.
//!
//! Hashing takes a core for a quarter of a second. It runs on a few threads
//! besides those of the requests; whoever would wait behind too many others is
//! refused at once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use hmac::{Hmac, KeyInit, Mac};
use sayso_kernel::secret::{RootKey, Secret};
use sayso_kernel::{Fault, Random};
use sha2::Sha384;
use tokio::sync::Semaphore;

use crate::error::{hasher_busy, password_weak};
use crate::weak::is_weak;

/// Characters of a password at least.
pub const PASSWORD_MIN: usize = 12;
/// Characters of a password at the most.
pub const PASSWORD_MAX: usize = 256;

/// A stored hash. It names its own cost and salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

impl PasswordHash {
    fn cost(&self) -> Result<u32, Fault> {
        let parts: HashParts = self.0.parse().map_err(Fault::internal)?;
        Ok(parts.get_cost())
    }
}

/// What a check of a password found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is another password, or there is none.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and its hash costs less than new ones do, or was
    /// made under an earlier key: this is the hash to store instead.
    RightButCheap(PasswordHash),
}

/// How hashing is bounded.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    /// The cost of a new hash: log2 of the rounds.
    pub cost: u32,
    /// Threads that hash at once.
    pub threads_max: usize,
    /// Requests that wait for one of them.
    pub queue_max: usize,
}

impl From<&sayso_config::Auth> for HashLimits {
    fn from(settings: &sayso_config::Auth) -> Self {
        Self {
            cost: settings.bcrypt_cost,
            threads_max: settings.hash_threads_max,
            queue_max: settings.hash_queue_max,
        }
    }
}

/// Hashes passwords. Cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    mill: Arc<Mill>,
    /// Who hashes now.
    seats: Arc<Semaphore>,
    /// Who hashes now or waits.
    places: Arc<Semaphore>,
    random: Random,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("cost", &self.mill.cost).finish_non_exhaustive()
    }
}

impl Hasher {
    /// A hasher whose key is derived from `root`.
    #[must_use]
    pub fn new(root: &RootKey, limits: HashLimits, random: Random) -> Self {
        let threads = limits.threads_max.max(1);
        Self {
            mill: Arc::new(Mill::new(root, limits.cost)),
            seats: Arc::new(Semaphore::new(threads)),
            places: Arc::new(Semaphore::new(threads + limits.queue_max)),
            random,
        }
    }

    /// The same, which knows passwords that were hashed under earlier roots
    /// again. Each of those costs every comparison one hash more, whoever it is
    /// that comes in, so they are to be few and to go again.
    #[must_use]
    pub fn with_previous(mut self, roots: &[RootKey]) -> Self {
        let Mill { keys, cost, .. } = &*self.mill;
        let earlier = roots.iter().map(Mill::key);
        let keys = keys.iter().copied().chain(earlier).collect();
        self.mill = Arc::new(Mill { keys, cost: *cost, rounds: AtomicU64::new(0) });
        self
    }

    /// Rounds of bcrypt done so far: what was spent, in a unit that does not
    /// depend on the machine.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.mill.rounds.load(Ordering::Relaxed)
    }

    /// The hash of a password that is to be stored.
    ///
    /// # Errors
    /// 422 for one that everybody tries first; 503 when too many are waiting.
    pub async fn hash(&self, password: Secret<String>) -> Result<PasswordHash, Fault> {
        if is_weak(password.expose()) {
            return Err(password_weak());
        }
        let salt = self.random.bytes();
        self.run(move |mill| mill.hash(password.expose(), salt)).await?
    }

    /// Compares a password with a stored hash. Takes the same time whether it
    /// is the right one, a wrong one, or there is no hash to compare with.
    ///
    /// # Errors
    /// 503 when too many are waiting.
    pub async fn check(
        &self,
        password: Secret<String>,
        stored: Option<PasswordHash>,
    ) -> Result<Checked, Fault> {
        let salt = self.random.bytes();
        self.run(move |mill| mill.find(password.expose(), stored.as_ref(), salt).map(Found::told))
            .await?
    }

    /// The same of somebody who comes in if it is right: then a hash that costs
    /// too little is made anew, which is work that nobody else may cause. Who
    /// is refused whatever the password is [`Self::check`]ed, so that no time
    /// tells that it was right.
    ///
    /// # Errors
    /// 503 when too many are waiting.
    pub async fn check_and_renew(
        &self,
        password: Secret<String>,
        stored: Option<PasswordHash>,
    ) -> Result<Checked, Fault> {
        let salt = self.random.bytes();
        self.run(move |mill| {
            let password = password.expose();
            match mill.find(password, stored.as_ref(), salt)? {
                Found::Dated => mill.hash(password, salt).map(Checked::RightButCheap),
                found => Ok(found.told()),
            }
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Mill) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            metrics::counter!("sayso_auth_hash_refused_total").increment(1);
            return Err(hasher_busy());
        };
        let seat = Arc::clone(&self.seats).acquire_owned().await.map_err(Fault::internal)?;
        let mill = Arc::clone(&self.mill);
        // Both are held by the thread: a request that gives up leaves its hash
        // running, and that still takes a core.
        let hashing = tokio::task::spawn_blocking(move || {
            let _held = (place, seat);
            work(&mill)
        });
        hashing.await.map_err(Fault::internal)
    }
}

/// What a comparison found, before anything is made of it.
enum Found {
    /// It is another password, or there is none.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and its hash costs less than new ones do, or was
    /// made under an earlier key.
    Dated,
}

impl Found {
    fn told(self) -> Checked {
        match self {
            Self::Wrong => Checked::Wrong,
            Self::Right | Self::Dated => Checked::Right,
        }
    }
}

/// The arithmetic.
struct Mill {
    /// The keys of the HMAC: the present one, then earlier ones.
    keys: Vec<[u8; 32]>,
    cost: u32,
    rounds: AtomicU64,
}

impl Mill {
    fn new(root: &RootKey, cost: u32) -> Self {
        Self { keys: vec![Self::key(root)], cost, rounds: AtomicU64::new(0) }
    }

    fn key(root: &RootKey) -> [u8; 32] {
        root.derive("password")
    }

    fn prepare(key: &[u8], password: &str) -> String {
        let mut mac =
            <Hmac<Sha384> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(password.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    fn hash(&self, password: &str, salt: [u8; 16]) -> Result<PasswordHash, Fault> {
        self.bcrypt(&Self::prepare(&self.keys[0], password), self.cost, salt)
    }

    fn bcrypt(&self, text: &str, cost: u32, salt: [u8; 16]) -> Result<PasswordHash, Fault> {
        self.count(cost);
        let parts = bcrypt::hash_with_salt(text, cost, salt);
        parts.map(|parts| PasswordHash(parts.to_string())).map_err(Fault::internal)
    }

    fn count(&self, cost: u32) {
        self.rounds.fetch_add(1 << cost, Ordering::Relaxed);
        metrics::counter!("sayso_auth_hash_rounds_total").increment(1 << cost);
    }

    fn find(
        &self,
        password: &str,
        stored: Option<&PasswordHash>,
        salt: [u8; 16],
    ) -> Result<Found, Fault> {
        let Some(stored) = stored else {
            // As much work as a comparison, for nobody.
            for key in &self.keys {
                self.bcrypt(&Self::prepare(key, password), self.cost, salt)?;
            }
            return Ok(Found::Wrong);
        };
        let mut found = Found::Wrong;
        for (at, key) in self.keys.iter().enumerate() {
            let is_right = self.compare(&Self::prepare(key, password), stored, salt)?;
            let is_good = at == 0 && stored.cost()? >= self.cost;
            if is_right {
                found = if is_good { Found::Right } else { Found::Dated };
            }
        }
        Ok(found)
    }

    /// A hash from before the cost was raised is compared faster. The
    /// difference is worked off, so that no time tells whose hash is old:
    /// 2^c + 2^(c+1) + … + 2^(cost-1) is 2^cost - 2^c.
    fn compare(&self, text: &str, stored: &PasswordHash, salt: [u8; 16]) -> Result<bool, Fault> {
        let cost = stored.cost()?;
        self.count(cost);
        let is_right = bcrypt::verify(text, &stored.0).map_err(Fault::internal)?;
        for cost in cost..self.cost {
            self.bcrypt(text, cost, salt)?;
        }
        Ok(is_right)
    }
}

#[cfg(test)]
#[path = "password_tests.rs"]
mod tests;
