//! Who may do what with people (contract, chapter 3). Pure.
//!
//! Nobody raises their own rights: roles, managers and grants are the CEO's to
//! set, grants never one's own; and whoever was granted a right over people
//! has it over those who do not stand above them.

use sayso_access::{Ctx, Decision, Grant, Permission, Role, UserId, Via};

use crate::model::User;

/// What of a person's profile an edit names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What the person is called.
    Name,
    /// The address to log in with.
    Email,
    /// What the person says of the moment.
    StatusText,
    /// Where the person lives.
    TimeZone,
    /// Free data.
    Metadata,
    /// The role.
    Role,
    /// Whom the person reports to.
    ManagerId,
}

impl Field {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::StatusText => "statusText",
            Self::TimeZone => "timeZone",
            Self::Metadata => "metadata",
            Self::Role => "role",
            Self::ManagerId => "managerId",
        }
    }
}

/// Creating a person of this role or inviting one: the CEO, and the operator
/// at the machine, who has no session. Whoever was granted it makes nobody who
/// may more than they do.
pub fn create(ctx: &Ctx, role: Role) -> Decision {
    let may = may(ctx, Permission::UserCreate) && reaches(ctx, role);
    Decision::allow_or_deny(is_operator(ctx) || may)
}

/// Seeing the people of the company.
pub fn list(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(is_operator(ctx) || may(ctx, Permission::UserList))
}

/// Seeing one person: oneself always. Whoever may not see people does not know
/// of this one.
pub fn see(ctx: &Ctx, id: UserId) -> Decision {
    if ctx.user_id() == Some(id) || list(ctx) == Decision::Allow {
        Decision::Allow
    } else {
        Decision::Hide
    }
}

/// Changing a profile at all: one's own; the CEO anyone's.
pub fn update(ctx: &Ctx, target: &User) -> Decision {
    let is_own = ctx.user_id() == Some(target.id);
    let may = may(ctx, Permission::UserUpdate) && reaches(ctx, target.role);
    Decision::allow_or_deny(is_own || may)
}

/// Changing this of a profile that one may change. One's own e-mail is not
/// changed here: that takes the password once more.
pub fn set(ctx: &Ctx, target: &User, field: Field) -> Decision {
    let is_own = ctx.user_id() == Some(target.id);
    let may = match field {
        Field::Name | Field::StatusText | Field::TimeZone | Field::Metadata => true,
        Field::Email => !is_own && manages(ctx),
        Field::Role | Field::ManagerId => manages(ctx),
    };
    match update(ctx, target) {
        Decision::Allow => Decision::allow_or_deny(may),
        other => other,
    }
}

/// Deactivating, reactivating, deleting and restoring a person: the CEO.
pub fn remove(ctx: &Ctx, target: &User) -> Decision {
    let may = may(ctx, Permission::UserDelete) && reaches(ctx, target.role);
    Decision::allow_or_deny(may)
}

/// Whether there is anybody whom the caller may remove. Asked before it is
/// looked whether there is such a person.
pub fn remove_any(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(may(ctx, Permission::UserDelete))
}

/// Erasing what says who a deleted person was: the operator at the machine.
pub fn erase(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(is_operator(ctx))
}

/// Reading what a person was granted: the CEO, and the person.
pub fn read_grants(ctx: &Ctx, id: UserId) -> Decision {
    Decision::allow_or_deny(manages(ctx) || ctx.user_id() == Some(id))
}

/// Granting and denying: the CEO, to others.
pub fn give(ctx: &Ctx, id: UserId) -> Decision {
    Decision::allow_or_deny(manages(ctx) && ctx.user_id() != Some(id))
}

fn manages(ctx: &Ctx) -> bool {
    may(ctx, Permission::UserManage)
}

/// Whether somebody of this role does not stand above the caller.
fn reaches(ctx: &Ctx, role: Role) -> bool {
    ctx.role().is_some_and(|own| role <= own)
}

fn is_operator(ctx: &Ctx) -> bool {
    ctx.actor.is_none() && ctx.via == Via::System
}

fn may(ctx: &Ctx, permission: Permission) -> bool {
    ctx.granted(permission) == Grant::Yes
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
