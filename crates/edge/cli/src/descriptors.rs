//! How many files and connections the system lets this process have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sayso_config::Settings;

/// What Sayso opens beside its connections: the database, logs, its log.
const OWN: u64 = 200;

/// What this process may have, and what it wants with every connection taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// What it may have now.
    pub(crate) soft: u64,
    /// What it may give itself.
    pub(crate) hard: u64,
    /// What `http.connections_max` asks for.
    pub(crate) wanted: u64,
}

impl Descriptors {
    /// Asks the system.
    ///
    /// # Errors
    /// What the system answers.
    pub(crate) fn of(settings: &Settings) -> nix::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        Ok(Self { soft, hard, wanted: settings.http.connections_max as u64 + OWN })
    }

    /// What a server takes: as much as it wants, as far as it may.
    pub(crate) fn taken(self) -> u64 {
        self.soft.max(self.wanted.min(self.hard))
    }

    /// Takes it. A shell gives 1,024 as a rule, which a company of some size
    /// has connections, and lets a process have many more that asks for them.
    ///
    /// # Errors
    /// What the system answers.
    pub(crate) fn take(self) -> nix::Result<()> {
        if self.taken() == self.soft {
            return Ok(());
        }
        setrlimit(Resource::RLIMIT_NOFILE, self.taken(), self.hard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_takes_what_it_wants_as_far_as_it_may_and_gives_nothing_back() {
        let taken = |soft, hard| Descriptors { soft, hard, wanted: 20_200 }.taken();

        assert_eq!(taken(1_024, 1_048_576), 20_200);
        assert_eq!(taken(1_024, 4_096), 4_096);
        assert_eq!(taken(65_536, 65_536), 65_536);
    }
}
