//! What one person was granted or denied, beside what their role says.

use sayso_kernel::Timestamp;

use crate::matrix::by_role;
use crate::{Grant, Permission, Role, Tie, Ties};

/// A permission that one person has, or has not, whatever the role says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// What.
    pub permission: Permission,
    /// Granted, or denied.
    pub is_granted: bool,
    /// Until when; for good where nothing is said.
    pub expires_at: Option<Timestamp>,
}

/// Why somebody may, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The role says so.
    Role,
    /// It was granted to this person.
    Granted,
    /// It was denied to this person.
    Denied,
    /// The token that they came with is not for it.
    Withheld,
}

impl Because {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Granted => "grant",
            Self::Denied => "denial",
            Self::Withheld => "scope",
        }
    }
}

/// What holds for one permission of one person, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Whether they may.
    pub grant: Grant,
    /// Why.
    pub because: Because,
    /// Until when, where it ends.
    pub expires_at: Option<Timestamp>,
}

impl Ruling {
    /// What it comes to for a thing that they see and are so tied to.
    #[must_use]
    pub fn on(self, ties: Ties) -> Verdict {
        let because = match (self.because, self.grant) {
            (Because::Role, Grant::When(_)) => self.grant.tie(ties).map(Reason::Tie),
            (because, _) => Some(Reason::Rights(because)),
        };
        Verdict { is_allowed: self.grant.holds(ties), reason: because.unwrap_or(Reason::Untied) }
    }
}

/// What holds for one permission of one person and one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether they may.
    pub is_allowed: bool,
    /// By what.
    pub reason: Reason,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// What holds for the person, whatever the thing.
    Rights(Because),
    /// What ties them to the thing.
    Tie(Tie),
    /// That nothing does which would be enough.
    Untied,
}

impl Reason {
    /// The name on the wire. What one's own and what nothing is called, depends
    /// on the thing.
    #[must_use]
    pub const fn rule(self, own: &'static str, untied: &'static str) -> &'static str {
        match self {
            Self::Rights(because) => because.as_str(),
            Self::Tie(Tie::Own) => own,
            Self::Tie(Tie::Assigned) => "task.assignee",
            Self::Tie(Tie::Line) => "user.reporting_line",
            Self::Tie(Tie::Member) => "channel.member",
            Self::Tie(Tie::Admin) => "channel.admin",
            Self::Tie(Tie::Public) => "channel.public",
            Self::Tie(Tie::Private) => "channel.private",
            Self::Untied => untied,
        }
    }
}

/// Everything a person was granted or denied. Mostly empty, always small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Givens {
    given: Vec<Given>,
    withheld: Vec<Permission>,
}

impl Givens {
    /// What was given, each permission once.
    #[must_use]
    pub fn new(mut given: Vec<Given>) -> Self {
        given.sort_unstable_by_key(|one| one.permission);
        Self { given, withheld: Vec::new() }
    }

    /// The same for an operation that may not use these permissions, whatever
    /// its person may.
    #[must_use]
    pub fn without(mut self, withheld: &[Permission]) -> Self {
        self.withheld.extend_from_slice(withheld);
        self
    }

    /// Whether both say the same from now on: what has expired says nothing.
    #[must_use]
    pub fn agrees_with(&self, other: &Self, now: Timestamp) -> bool {
        let in_force = |one: &&Given| one.expires_at.is_none_or(|end| now < end);
        self.given.iter().filter(in_force).eq(other.given.iter().filter(in_force))
    }

    /// What holds for a person of this role. A grant that has expired is none,
    /// also where it was read before it did: a socket keeps its actor for long.
    #[must_use]
    pub fn ruling(&self, role: Role, permission: Permission, now: Timestamp) -> Ruling {
        if self.withheld.contains(&permission) {
            return Ruling { grant: Grant::No, because: Because::Withheld, expires_at: None };
        }
        let given = self.given.iter().find(|one| one.permission == permission);
        let in_force = |one: &&Given| one.expires_at.is_none_or(|end| now < end);
        match given.filter(in_force) {
            Some(Given { is_granted: true, expires_at, .. }) => {
                Ruling { grant: Grant::Yes, because: Because::Granted, expires_at: *expires_at }
            }
            Some(Given { is_granted: false, expires_at, .. }) => {
                Ruling { grant: Grant::No, because: Because::Denied, expires_at: *expires_at }
            }
            None => {
                let grant = by_role(role, permission);
                Ruling { grant, because: Because::Role, expires_at: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_withheld_is_not_had_by_role_nor_by_grant_and_all_else_stays() {
        let given = |permission| Given { permission, is_granted: true, expires_at: None };
        let givens = vec![given(Permission::ChannelCreate), given(Permission::UserCreate)];
        let withheld = [Permission::UserCreate, Permission::UserManage];
        let givens = Givens::new(givens).without(&withheld);

        for permission in withheld {
            let ruling = givens.ruling(Role::Ceo, permission, Timestamp::UNIX_EPOCH);
            assert_eq!(ruling.grant, Grant::No, "{permission:?}");
        }
        let ruling = givens.ruling(Role::Staff, Permission::ChannelCreate, Timestamp::UNIX_EPOCH);
        assert_eq!(ruling.because, Because::Granted);
    }

    #[test]
    fn what_has_expired_makes_no_difference() {
        let (now, end) = (Timestamp::UNIX_EPOCH, Timestamp::constant(60, 0));
        let given = |permission, expires_at| Given { permission, is_granted: true, expires_at };
        let lasting = given(Permission::UserList, None);
        let passing = given(Permission::ChannelCreate, Some(end));
        let (both, one) = (Givens::new(vec![lasting, passing]), Givens::new(vec![lasting]));

        assert!(!both.agrees_with(&one, now) && !one.agrees_with(&both, now));
        assert!(both.agrees_with(&one, end) && one.agrees_with(&both, end));
        assert!(!one.agrees_with(&Givens::default(), end));
    }

    #[test]
    fn what_was_given_to_a_person_goes_before_the_role_until_it_expires() {
        let (now, end) = (Timestamp::UNIX_EPOCH, Timestamp::constant(60, 0));
        let given =
            |permission, is_granted, expires_at| Given { permission, is_granted, expires_at };
        let givens = Givens::new(vec![
            given(Permission::UserList, false, None),
            given(Permission::ChannelCreate, true, Some(end)),
        ]);
        let cases = [
            (Permission::ChannelCreate, now, Grant::Yes, Because::Granted),
            (Permission::ChannelCreate, end, Grant::No, Because::Role),
            (Permission::UserList, end, Grant::No, Because::Denied),
            (Permission::ChannelCreateDirect, now, Grant::Yes, Because::Role),
            (Permission::UserUpdate, now, Grant::When(&[Tie::Own]), Because::Role),
        ];
        for (permission, at, grant, because) in cases {
            let ruling = givens.ruling(Role::Staff, permission, at);
            assert_eq!((ruling.grant, ruling.because), (grant, because), "{permission:?}");
        }
    }

    #[test]
    fn a_verdict_names_what_decided() {
        let staff = |given: Vec<Given>, ties: Ties| {
            let now = Timestamp::UNIX_EPOCH;
            let verdict = Givens::new(given).ruling(Role::Staff, Permission::TaskUpdate, now);
            let verdict = verdict.on(ties);
            (verdict.is_allowed, verdict.reason.rule("task.creator", "task.not_concerned"))
        };
        let given = |is_granted| {
            let permission = Permission::TaskUpdate;
            vec![Given { permission, is_granted, expires_at: None }]
        };
        let own = Ties::NONE.with(Tie::Own, true);

        assert_eq!(staff(vec![], Ties::NONE), (false, "task.not_concerned"));
        assert_eq!(staff(vec![], own), (true, "task.creator"));
        assert_eq!(staff(given(false), own), (false, "denial"));
        assert_eq!(staff(given(true), Ties::NONE), (true, "grant"));
    }
}
