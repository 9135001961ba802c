//! Deliberately broken behaviour, for judging the judges.
//!
//! A checker of lost events proves something only if it fails on a build that
//! loses events. Such builds are made with the feature `mutants`, which no
//! release has: without it every question here is answered `false` at compile
//! time and the broken branches are not in the binary.
//!
//! `SAYSO_MUTANT` names one breakage; `SAYSO_FAIL_POINT` names a place where
//! the process kills itself, as `name` or `name:n` for the n-th visit.

/// Whether this process was asked to be broken in the way `name`.
#[cfg(feature = "mutants")]
#[must_use]
#[expect(clippy::disallowed_methods, reason = "no release reads this; see the module")]
pub fn is(name: &str) -> bool {
    std::env::var("SAYSO_MUTANT").is_ok_and(|mutant| mutant == name)
}

/// Whether this process was asked to be broken in the way `name`: never.
#[cfg(not(feature = "mutants"))]
#[must_use]
#[inline(always)]
pub const fn is(_name: &str) -> bool {
    false
}

/// A place where a test may have the process die at once, as by `kill -9`.
#[cfg(feature = "mutants")]
#[expect(clippy::disallowed_methods, reason = "no release reads this; see the module")]
pub fn fail_point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static VISITS: AtomicU32 = AtomicU32::new(0);
    let Ok(asked) = std::env::var("SAYSO_FAIL_POINT") else { return };
    let (point, nth) = asked.split_once(':').unwrap_or((&asked, "1"));
    if point != name {
        return;
    }
    let nth: u32 = nth.parse().unwrap_or(1);
    if VISITS.fetch_add(1, Ordering::SeqCst) + 1 == nth {
        // No destructor and no exit handler runs: as if the power went away.
        std::process::abort();
    }
}

/// A place where a test may have the process die: not in this build.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn fail_point(_name: &str) {}
