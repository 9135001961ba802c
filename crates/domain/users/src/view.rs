//! People as HTTP shows them, and what it takes to make one.

mod edit;
mod grants;
mod kept;
mod list;

use sayso_access::{Ctx, Role, UserId};
use sayso_events::{Presence, Status};
use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::model::{Credential, Invitation, NewUser, User, parse_name};
use crate::{Email, Hasher, Metadata};

pub use edit::UpdateUser;
pub use grants::{ChangeGrants, GrantView};
pub(crate) use kept::KEPT_USER;
pub use list::{ListReports, ListUsers};

/// Whether a person is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresenceStatus {
    /// Connected.
    Online,
    /// Connected, but not at it.
    Away,
    /// Connected, and not to be disturbed.
    Busy,
    /// Not connected.
    Offline,
}

impl From<Status> for PresenceStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Online => Self::Online,
            Status::Away => Self::Away,
            Status::Busy => Self::Busy,
            Status::Offline => Self::Offline,
        }
    }
}

/// A person.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    /// The person's id.
    pub id: UserId,
    /// The address to log in with.
    #[schema(required)]
    pub email: Option<String>,
    /// What the person is called.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whom the person reports to.
    #[schema(required)]
    pub manager_id: Option<UserId>,
    /// Whether the person may come in.
    pub active: bool,
    /// What the person says of the moment.
    #[schema(required)]
    pub status_text: Option<String>,
    /// Whether the person is here.
    pub presence: PresenceStatus,
    /// IANA name of the time zone.
    pub time_zone: String,
    /// When the person was last seen, to the minute.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_active_at: Option<Timestamp>,
    /// Free data.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// When the person was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the person was last edited.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Counts edits; send it with an edit.
    pub version: i32,
    /// Rises with everything that is shown; apply only a higher one.
    pub revision: i32,
}

impl UserView {
    /// A person as the caller sees them now.
    #[must_use]
    pub fn of(user: &User, presence: &Presence) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role,
            manager_id: user.manager_id,
            active: user.active,
            status_text: user.status_text.clone(),
            presence: presence.seen(user.id).status.into(),
            time_zone: user.time_zone.clone(),
            last_active_at: user.last_active_at,
            metadata: user.metadata.as_map().clone(),
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
            revision: user.revision,
        }
    }
}

/// A person who is no longer there, named for what they left.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DeletedUser)]
pub struct DeletedUserView {
    /// The person's id.
    pub id: UserId,
    /// What the person was called.
    pub name: String,
    /// Always false.
    pub active: bool,
    /// Always true.
    pub deleted: bool,
}

/// An entry of a list of people.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ListedUser)]
pub enum ListedUser {
    /// A person.
    Present(UserView),
    /// One who was deleted: only in answer to `ids`.
    Deleted(DeletedUserView),
}

impl ListedUser {
    /// The entry of a person.
    #[must_use]
    pub fn of(user: &User, presence: &Presence) -> Self {
        if user.deleted_at.is_none() {
            return Self::Present(UserView::of(user, presence));
        }
        let (id, name) = (user.id, user.name.clone());
        Self::Deleted(DeletedUserView { id, name, active: false, deleted: true })
    }
}

/// A new person.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateUser {
    /// The address to log in with.
    #[schema(min_length = 3, max_length = 254, pattern = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
    pub email: String,
    /// What the person is called.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whom the person reports to.
    pub manager_id: Option<UserId>,
    /// A first password, which the person is asked to change. Without one an
    /// invitation is answered.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 256)]
    pub password: Option<Secret<String>>,
    /// Free data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

impl CreateUser {
    /// Whether the answer will hold an invitation, which is a secret.
    #[must_use]
    pub fn is_invitation(&self) -> bool {
        self.password.is_none()
    }

    /// The person to create; 422 for what the schema cannot say.
    pub async fn into_model(self, ctx: &Ctx, hasher: &Hasher) -> Result<NewUser, Fault> {
        let email = parse_email(&self.email)?;
        let name = parse_name(&self.name)
            .map_err(|error| Fault::at_pointer("#/name", "field.invalid", error.to_string()))?;
        let metadata = Metadata::parse(self.metadata.unwrap_or_default(), "#/metadata")?;
        let credential = match self.password {
            Some(password) => Credential::Assigned(hasher.hash(password).await?),
            None => Credential::Invited(Invitation::new(ctx)),
        };
        let new = NewUser::new(ctx, email, name, self.role, credential);
        Ok(NewUser { manager_id: self.manager_id, metadata, ..new })
    }
}

/// Reads the field `email` of a body.
pub fn parse_email(raw: &str) -> Result<Email, Fault> {
    let refused = || Fault::at_pointer("#/email", "field.format", "must be an e-mail address");
    Email::parse(raw).ok_or_else(refused)
}

/// A person as the answer to their creation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CreatedUser)]
pub struct CreatedUserView {
    /// The person.
    #[serde(flatten)]
    pub user: UserView,
    /// Whether the person is asked to change the password.
    pub password_change_due: bool,
    /// What to send the person, if no password was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<InvitationView>,
}

impl CreatedUserView {
    /// The answer to a creation.
    #[must_use]
    pub fn of(user: &User, credential: &Credential, presence: &Presence) -> Self {
        Self {
            user: UserView::of(user, presence),
            password_change_due: user.password_change_due,
            invitation: credential.invitation().map(InvitationView::from),
        }
    }

    /// The answer to another invitation.
    #[must_use]
    pub fn invited(user: &User, invitation: &Invitation, presence: &Presence) -> Self {
        Self {
            user: UserView::of(user, presence),
            password_change_due: user.password_change_due,
            invitation: Some(InvitationView::from(invitation)),
        }
    }
}

/// An invitation: shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// Send it to the person, who spends it at `/api/invitations`.
    pub token: String,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<&Invitation> for InvitationView {
    fn from(invitation: &Invitation) -> Self {
        Self { token: invitation.token.expose().clone(), expires_at: invitation.expires_at }
    }
}
