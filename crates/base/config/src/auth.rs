//! Tokens, sessions and password hashes.

use crate::section::section;
use crate::value::{Kind, Raw, Setting};

/// Sessions that a person may have at once, by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerRole {
    /// The CEO.
    pub ceo: usize,
    /// Managers.
    pub manager: usize,
    /// Staff.
    pub staff: usize,
}

/// Sessions of one person at the most.
const SESSIONS_MAX: usize = 100;

impl PerRole {
    const fn all(count: usize) -> Self {
        Self { ceo: count, manager: count, staff: count }
    }
}

impl Setting for PerRole {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "1 to 100, for all or by role: 5, or ceo=10,manager=5,staff=3";
        let count = |text: &str| -> Result<usize, &'static str> {
            let count = text.trim().parse().map_err(|_| FORM)?;
            if (1..=SESSIONS_MAX).contains(&count) { Ok(count) } else { Err(FORM) }
        };
        if !text.contains('=') {
            return count(text).map(Self::all);
        }
        let mut roles = Auth::default().sessions_max;
        for part in text.split(',') {
            let (role, number) = part.split_once('=').ok_or(FORM)?;
            match role.trim() {
                "ceo" => roles.ceo = count(number)?,
                "manager" => roles.manager = count(number)?,
                "staff" => roles.staff = count(number)?,
                _ => return Err(FORM),
            }
        }
        Ok(roles)
    }

    fn show(&self) -> String {
        let Self { ceo, manager, staff } = self;
        if ceo == manager && manager == staff {
            return ceo.to_string();
        }
        format!("ceo={ceo},manager={manager},staff={staff}")
    }
}

/// What happens when a person has as many sessions as they may, and logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionsOver {
    /// The one that was not used for longest ends.
    EvictOldest,
    /// The login is refused, with the list of sessions.
    Refuse,
}

impl Setting for SessionsOver {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "evict_oldest" => Ok(Self::EvictOldest),
            "refuse" => Ok(Self::Refuse),
            _ => Err("evict_oldest or refuse"),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::EvictOldest => "evict_oldest".to_owned(),
            Self::Refuse => "refuse".to_owned(),
        }
    }
}

/// Some of the roles, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames(pub Vec<String>);

impl Setting for RoleNames {
    const KIND: Kind = Kind::List;

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::read(&Raw::Many(Vec::<String>::parse(text)?))
    }

    fn read(raw: &Raw) -> Result<Self, &'static str> {
        let names = match raw {
            Raw::One(text) => Vec::<String>::parse(text)?,
            Raw::Many(names) => names.clone(),
        };
        let known = |name: &String| matches!(name.as_str(), "ceo" | "manager" | "staff");
        if names.iter().all(known) { Ok(Self(names)) } else { Err("a list of ceo, manager, staff") }
    }

    fn show(&self) -> String {
        self.0.join(",")
    }
}

section! {
    /// Tokens, sessions and password hashes.
    Auth in "auth" {
        /// Life of an access token.
        access_ttl_secs: u64 = 900, "seconds", in 5..=86_400;
        /// A session that is not refreshed for this long ends.
        refresh_idle_secs: u64 = 604_800, "seconds", in 60..=31_536_000;
        /// A session ends after this long, however it is used.
        refresh_absolute_secs: u64 = 2_592_000, "seconds", in 60..=31_536_000;
        /// The cost of a new password hash; each step doubles the work.
        bcrypt_cost: u32 = 12, "log2 of rounds", in 4..=16;
        /// Threads that hash passwords, so that logins cannot take every core.
        hash_threads_max: usize = 2, "threads", in 1..=64;
        /// Logins that wait for one of them; more are answered 503.
        hash_queue_max: usize = 64, "logins", in 1..=10_000;
        /// Sessions that a person may have at once: a number, or one a role.
        sessions_max: PerRole = PerRole::all(5), "sessions, or ceo=10,manager=5,staff=3";
        /// What happens to a login beyond that: the session that was not used
        /// for longest ends, or the login is refused with the list.
        sessions_over: SessionsOver = SessionsOver::EvictOldest, "evict_oldest or refuse";
        /// Roles that may do nothing but set up a second factor until they
        /// have one.
        totp_required_roles: RoleNames = RoleNames::default(), "list of roles";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_counted_for_all_or_by_role() {
        let some = PerRole::parse("ceo=10, staff=3").expect("it is read");
        assert_eq!(some, PerRole { ceo: 10, manager: 5, staff: 3 });
        assert_eq!(PerRole::parse(&some.show()), Ok(some));
        assert_eq!(PerRole::parse("7"), Ok(PerRole::all(7)));
        for wrong in ["", "0", "101", "ceo", "king=3", "ceo=0", "ceo=5,"] {
            assert!(PerRole::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_roles_can_be_asked_for_a_second_factor() {
        assert_eq!(
            RoleNames::parse("ceo, manager").map(|roles| roles.show()),
            Ok("ceo,manager".into())
        );
        assert_eq!(RoleNames::parse(""), Ok(RoleNames::default()));
        assert!(RoleNames::parse("ceo,king").is_err());
    }
}
