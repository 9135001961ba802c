//! People and invitations as the services know them.

use sayso_access::{Ctx, Given, Role, UserId};
use sayso_kernel::secret::{Secret, sha256};
use sayso_kernel::{Timestamp, text};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Email, Metadata, PasswordHash};

/// Characters of a name at the most.
pub const NAME_MAX: usize = 120;
/// Characters of what a person says of the moment at the most.
pub const STATUS_TEXT_MAX: usize = 200;
/// How long an invitation is good for.
pub const INVITATION_LIFE: std::time::Duration = std::time::Duration::from_secs(72 * 3600);

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// The person's id.
    pub id: UserId,
    /// The address to log in with; none once the person is erased.
    pub email: Option<String>,
    /// What the person is called.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whom the person reports to.
    pub manager_id: Option<UserId>,
    /// Whether the person may come in.
    pub active: bool,
    /// What the person says of the moment.
    pub status_text: Option<String>,
    /// IANA name of the time zone.
    pub time_zone: String,
    /// When the person was last seen, to the minute.
    pub last_active_at: Option<Timestamp>,
    /// Free data.
    pub metadata: Metadata,
    /// Whether the password was chosen by somebody else.
    pub password_change_due: bool,
    /// When the person was created.
    pub created_at: Timestamp,
    /// When the person was last edited.
    pub updated_at: Timestamp,
    /// When the person was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Counts edits.
    pub version: i32,
    /// Rises with everything that is shown.
    pub revision: i32,
}

impl User {
    /// Whether the person may come in.
    #[must_use]
    pub fn may_enter(&self) -> bool {
        self.active && self.deleted_at.is_none()
    }

    /// Whether nothing is left of the person but the row: they were deleted,
    /// then erased.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.deleted_at.is_some() && self.email.is_none()
    }
}

/// What a person proves who they are with, at first.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A password of their own.
    Chosen(PasswordHash),
    /// A password that somebody else chose: to be changed.
    Assigned(PasswordHash),
    /// None yet: whoever holds the invitation chooses one.
    Invited(Invitation),
}

impl Credential {
    /// The hash to store.
    #[must_use]
    pub fn hash(&self) -> Option<&PasswordHash> {
        match self {
            Self::Chosen(hash) | Self::Assigned(hash) => Some(hash),
            Self::Invited(_) => None,
        }
    }

    /// The invitation to store.
    #[must_use]
    pub fn invitation(&self) -> Option<&Invitation> {
        match self {
            Self::Invited(invitation) => Some(invitation),
            Self::Chosen(_) | Self::Assigned(_) => None,
        }
    }
}

/// A person who is to be created. Its id is fixed before the transaction, so
/// that running that again makes the same person.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The id it will have.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// The name, parsed.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whom the person will report to.
    pub manager_id: Option<UserId>,
    /// Free data.
    pub metadata: Metadata,
    /// How the person gets in.
    pub credential: Credential,
}

impl NewUser {
    /// A person with nothing but what everybody has.
    #[must_use]
    pub fn new(ctx: &Ctx, email: Email, name: String, role: Role, credential: Credential) -> Self {
        Self {
            id: UserId(ctx.new_id()),
            email,
            name,
            role,
            manager_id: None,
            metadata: Metadata::default(),
            credential,
        }
    }
}

/// Reads a name: trimmed, not blank, 1 to 120 characters.
pub fn parse_name(raw: &str) -> Result<String, text::TextError> {
    text::parse(raw, NAME_MAX)
}

/// A secret that lets its holder choose the person's first password, once.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// What the person is sent.
    pub token: Secret<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// A new invitation of 256 random bits.
    #[must_use]
    pub fn new(ctx: &Ctx) -> Self {
        let token = URL_SAFE_NO_PAD.encode(ctx.random.bytes::<32>());
        let expires_at = ctx.now().saturating_add(INVITATION_LIFE).unwrap_or(Timestamp::MAX);
        Self { token: Secret::new(token), expires_at }
    }

    /// What is stored of a token.
    #[must_use]
    pub fn hash(token: &str) -> [u8; 32] {
        sha256(&[b"invitation/v1", token.as_bytes()])
    }
}

/// What a login needs to know of a person.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The person.
    pub user_id: UserId,
    /// The password's hash; none for the invited.
    pub password_hash: Option<PasswordHash>,
    /// Whether the person may come in.
    pub may_enter: bool,
}

/// A grant or a denial as it is kept.
#[derive(Clone, Debug)]
pub struct KeptGrant {
    /// What was given.
    pub given: Given,
    /// Who gave it.
    pub granted_by: UserId,
    /// When.
    pub created_at: Timestamp,
}
