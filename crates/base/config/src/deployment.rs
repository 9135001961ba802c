//! Whether this is the real thing, and what the real thing must not have.

use sayso_kernel::secret::Secret;

use crate::Settings;
use crate::section::section;

section! {
    /// Whether this is the real thing.
    Deployment in "deployment" {
        /// Refuse what only a trial may have: passwords that everybody knows
        /// or that are short, limits that are off, a PostgreSQL that may lose
        /// what it has confirmed, one that was named without a
        /// `secrets.root_key`, a Redis without a password on another machine,
        /// `serve --demo`.
        production: bool = false, "true or false";
    }
}

/// A password shorter than this can be guessed.
const PASSWORD_CHARS_MIN: usize = 12;
/// What stands in examples, and is tried first.
const KNOWN: [&str; 14] = [
    "admin",
    "changeme",
    "change-me",
    "default",
    "example",
    "foobared",
    "hunter2",
    "letmein",
    "passw",
    "postgres",
    "qwerty",
    "redis",
    "sayso",
    "secret",
];
/// A random key of 32 bytes has 30 different ones, give or take.
const KEY_BYTES_MIN: usize = 16;
/// Costs below are for tests.
const BCRYPT_COST_MIN: u32 = 10;

/// Tells everything that a production must not have.
pub(crate) fn check(settings: &Settings, refuse: &mut impl FnMut(&str, &str)) {
    let Settings { database, redis, .. } = settings;
    for (key, url) in [
        ("database.url", &database.url),
        ("database.owner_url", &database.owner_url),
        ("redis.url", &redis.url),
    ] {
        if let Some(why) = url.as_ref().and_then(|url| weakness_of_url(url.expose())) {
            refuse(key, why);
        }
    }
    if redis.url.as_ref().is_some_and(|url| is_open_elsewhere(url.expose())) {
        refuse("redis.url", "names no password, and the server is on another machine");
    }
    match &settings.secrets.root_key {
        Some(key) if is_weak_key(key.expose()) => {
            refuse("secrets.root_key", "is no random key: make one with openssl rand -hex 32");
        }
        // Several nodes may share it, and one is moved to another machine.
        None if database.url.is_some() => refuse(
            "secrets.root_key",
            "must be set in production where database.url is: each node would make its own",
        ),
        Some(_) | None => {}
    }
    let passphrase = settings.backup.passphrase.as_ref().map(Secret::expose);
    if let Some(why) = passphrase.and_then(|text| weakness(text)) {
        refuse("backup.passphrase", why);
    }
    for (key, is_wrong) in [
        ("limits.enabled", !settings.limits.enabled),
        ("database.refuse_unsafe", !database.refuse_unsafe),
    ] {
        if is_wrong {
            refuse(key, "must be true in production");
        }
    }
    if settings.auth.bcrypt_cost < BCRYPT_COST_MIN {
        refuse("auth.bcrypt_cost", "must be 10 or more in production");
    }
    if settings.http.allowed_origins.iter().any(|origin| origin.starts_with("http://")) {
        refuse("http.allowed_origins", "must begin with https:// in production");
    }
}

/// What is wrong with a password, if anything is.
fn weakness(password: &str) -> Option<&'static str> {
    let small = password.to_lowercase();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        Some("has a password of less than 12 characters: openssl rand -hex 32 makes one")
    } else if KNOWN.iter().any(|known| {
        // A word that everybody knows is no better with a year behind it.
        small.starts_with(known) && small.chars().count() < known.len() + PASSWORD_CHARS_MIN
    }) {
        Some("has a password that everybody tries first: openssl rand -hex 32 makes one")
    } else {
        None
    }
}

/// `user:password@host` of a URL.
fn authority(url: &str) -> Option<(Option<&str>, &str)> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    Some((user.and_then(|user| user.split_once(':')).map(|(_, password)| password), host))
}

fn weakness_of_url(url: &str) -> Option<&'static str> {
    weakness(authority(url)?.0?)
}

fn is_open_elsewhere(url: &str) -> bool {
    let is_here =
        |host: &str| ["127.0.0.1", "localhost", "[::1]"].iter().any(|here| host.starts_with(here));
    authority(url)
        .is_some_and(|(password, host)| password.unwrap_or_default().is_empty() && !is_here(host))
}

fn is_weak_key(digits: &str) -> bool {
    let Some(bytes) = crate::root_key::parse(digits) else { return false };
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    let steps: Vec<u8> = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    different.len() < KEY_BYTES_MIN || steps.iter().all(|step| *step == steps[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_short_or_known_is_weak_and_a_random_one_is_not() {
        let random = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(weakness(random), None);
        for weak in ["", "hunter2", "postgres", "Secret-2027-01", "password1234", "changeme-please"]
        {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        assert!(weakness_of_url("postgres://sayso:sayso@db/sayso").is_some());
        assert!(weakness_of_url(&format!("postgres://sayso:{random}@db/sayso")).is_none());
        assert!(weakness_of_url("postgres://sayso@%2Frun/sayso").is_none(), "a peer needs none");
        assert!(is_open_elsewhere("redis://cache:6379/") && is_open_elsewhere("redis://u:@cache"));
        assert!(!is_open_elsewhere("redis://127.0.0.1/") && !is_open_elsewhere("redis://:x@cache"));
    }

    #[test]
    fn a_key_with_a_pattern_is_weak() {
        let counted: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        assert!(is_weak_key(&"07".repeat(32)) && is_weak_key(&counted));
        assert!(!is_weak_key("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"));
    }
}
