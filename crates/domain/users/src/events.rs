//! The facts about people.

use sayso_access::{Role, UserId};
use sayso_db::{Effect, Fact, FactKind, Stream};
use sayso_kernel::Timestamp;
use sayso_web::told::{Fields, Gone};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::model::{Credential, KeptGrant, NewUser, User};

/// A person was created.
pub const CREATED: FactKind = FactKind {
    name: "user.created",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A person was created or invited.",
};
/// A person was edited, or may come in again.
pub const UPDATED: FactKind = FactKind {
    name: "user.updated",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A person was edited, or reactivated; `change.fields` says what.",
};
/// A person may not come in any more.
pub const DEACTIVATED: FactKind = FactKind {
    name: "user.deactivated",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A person may not come in any more; their sessions ended.",
};
/// A person was deleted.
pub const DELETED: FactKind = FactKind {
    name: "user.deleted",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A person was deleted; what they wrote stays.",
};
/// A deleted person is back.
pub const RESTORED: FactKind = FactKind {
    name: "user.restored",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A deleted person is back.",
};
/// A deleted person was erased.
pub const ERASED: FactKind = FactKind {
    name: "user.erased",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "The name and the e-mail of a deleted person were blanked for good.",
};
/// A person was invited once more.
pub const INVITED: FactKind = FactKind {
    name: "user.invited",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A person was invited once more; the invitation before is good no more.",
};
/// A person was granted or denied something.
pub const GRANTS_CHANGED: FactKind = FactKind {
    name: "user.grants_changed",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A person was granted or denied something, or that was taken back.",
};
/// An invited person chose a password.
pub const INVITATION_ACCEPTED: FactKind = FactKind {
    name: "user.invitation_accepted",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "An invited person chose a password.",
};

/// A person has another address to log in with.
pub const EMAIL_CHANGED: FactKind = FactKind {
    name: "user.email_changed",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A person has another address to log in with; which, is not told.",
};

/// A whole company with its past was laid in.
pub const SEEDED: FactKind = FactKind {
    name: "company.seeded",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A company with its past was laid into an empty database; its past has no events.",
};

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[
    &CREATED,
    &UPDATED,
    &DEACTIVATED,
    &DELETED,
    &RESTORED,
    &ERASED,
    &INVITED,
    &GRANTS_CHANGED,
    &INVITATION_ACCEPTED,
    &EMAIL_CHANGED,
    &SEEDED,
];

/// Why a socket is sent back in, when what its person may do has changed.
pub const ACCESS_CHANGED: &str = "access.changed";

/// A person as the whole company hears of them: without what is theirs
/// (e-mail, metadata) and without what changes by the minute (presence, when
/// they were last seen).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserEvent)]
pub struct UserData<'a> {
    /// The person's id.
    pub id: UserId,
    /// What the person is called.
    pub name: &'a str,
    /// The role.
    pub role: Role,
    /// Whom the person reports to.
    pub manager_id: Option<UserId>,
    /// Whether the person may come in.
    pub active: bool,
    /// What the person says of the moment.
    pub status_text: Option<&'a str>,
    /// IANA name of the time zone.
    pub time_zone: &'a str,
    /// When the person was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the person was last edited.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Rises with everything that is shown; apply only a higher one.
    pub revision: i32,
}

impl<'a> From<&'a User> for UserData<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            name: &user.name,
            role: user.role,
            manager_id: user.manager_id,
            active: user.active,
            status_text: user.status_text.as_deref(),
            time_zone: &user.time_zone,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
            revision: user.revision,
        }
    }
}

/// A person was created.
#[must_use]
pub fn created(user: &User, new: &NewUser) -> Fact {
    let entered = match new.credential {
        Credential::Chosen(_) => "password",
        Credential::Assigned(_) => "assigned_password",
        Credential::Invited(_) => "invitation",
    };
    Fact::event(&CREATED, vec![Stream::Company], user.version, &UserData::from(user))
        .about("user", user.id.0)
        .details(json!({ "role": user.role, "managerId": user.manager_id, "by": entered }))
}

fn about(kind: &'static FactKind, user: &User) -> Fact {
    let data = UserData::from(user);
    Fact::event(kind, vec![Stream::Company], user.version, &data).about("user", user.id.0)
}

/// What a person may do has changed: their sockets come back as who they are
/// now.
fn renewed(fact: Fact, user: UserId) -> Fact {
    fact.effect(Effect::Reconnect { user, code: ACCESS_CHANGED.to_owned() })
}

/// A person was edited. What stands in private fields is told by their names
/// only.
#[must_use]
pub fn updated(before: &User, after: &User, fields: &[&'static str]) -> Fact {
    let standing = |user: &User| json!({ "role": user.role, "managerId": user.manager_id });
    let fact = about(&UPDATED, after).change(&Fields { fields }).details(json!({
        "fields": fields,
        "before": standing(before),
        "after": standing(after),
    }));
    if before.role == after.role { fact } else { renewed(fact, after.id) }
}

/// A person may not come in any more.
#[must_use]
pub fn deactivated(user: &User) -> Fact {
    about(&DEACTIVATED, user).change(&Fields { fields: &["active"] })
}

/// A person was deleted.
#[must_use]
pub fn deleted(user: &User) -> Fact {
    gone(&DELETED, user)
}

/// A deleted person is back.
#[must_use]
pub fn restored(user: &User) -> Fact {
    about(&RESTORED, user)
}

/// A deleted person was erased.
#[must_use]
pub fn erased(user: &User) -> Fact {
    gone(&ERASED, user)
}

fn gone(kind: &'static FactKind, user: &User) -> Fact {
    let data = Gone { id: user.id.0 };
    Fact::event(kind, vec![Stream::Company], user.version, &data).about("user", user.id.0)
}

/// A person was invited once more.
#[must_use]
pub fn invited(user: &User) -> Fact {
    Fact::audit_only(&INVITED).about("user", user.id.0)
}

/// A person was granted or denied something.
#[must_use]
pub fn grants_changed(user: UserId, before: &[KeptGrant], after: &[KeptGrant]) -> Fact {
    let told = |kept: &[KeptGrant]| -> Vec<_> {
        let one = |kept: &KeptGrant| {
            json!({
                "permission": kept.given.permission,
                "effect": if kept.given.is_granted { "grant" } else { "deny" },
                "expiresAt": kept.given.expires_at,
            })
        };
        kept.iter().map(one).collect()
    };
    let fact = Fact::audit_only(&GRANTS_CHANGED).about("user", user.0);
    renewed(fact.details(json!({ "before": told(before), "after": told(after) })), user)
}

/// An invited person chose a password.
#[must_use]
pub fn invitation_accepted(user: &User) -> Fact {
    Fact::audit_only(&INVITATION_ACCEPTED).about("user", user.id.0).by(user.id)
}

/// A person has another address. The company hears that something of them has
/// changed, not what.
#[must_use]
pub fn email_changed(user: &User) -> Fact {
    about(&EMAIL_CHANGED, user).change(&json!({ "fields": ["email"] }))
}

/// A company was laid in, and these people follow these streams from here on.
#[must_use]
pub fn seeded(details: serde_json::Value, follows: impl Iterator<Item = (UserId, String)>) -> Fact {
    let fact = Fact::audit_only(&SEEDED).details(details);
    follows.fold(fact, |fact, (user, stream)| fact.effect(Effect::Follow { user, stream }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metadata;

    #[test]
    fn what_the_company_hears_holds_nothing_private() {
        let map = json!({ "salary": 7 }).as_object().cloned().expect("it is an object");
        let user = User {
            id: UserId(uuid::Uuid::nil()),
            email: Some("ann@example.com".into()),
            name: "Ann".into(),
            role: Role::Staff,
            manager_id: None,
            active: true,
            status_text: None,
            time_zone: "UTC".into(),
            last_active_at: Some(Timestamp::UNIX_EPOCH),
            metadata: Metadata::parse(map, "#").expect("it is small"),
            password_change_due: true,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            deleted_at: None,
            version: 1,
            revision: 1,
        };

        let heard = serde_json::to_string(&UserData::from(&user)).expect("it is plain JSON");

        for private in ["email", "ann@", "metadata", "salary", "lastActiveAt", "password"] {
            assert!(!heard.contains(private), "{private} in {heard}");
        }
    }
}
