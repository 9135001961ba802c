//! Sessions and tokens as the services know them.

use std::sync::Arc;
use std::time::Duration;

use sayso_access::{Actor, Ctx, Givens, Origin, Role, SessionId, UserId};
use sayso_config::{PerRole, SessionsOver};
use sayso_kernel::secret::{Secret, sha256};
use sayso_kernel::{Fault, Timestamp};
use sayso_users::User;

use crate::AuthState;
use crate::refresh::RefreshToken;
use crate::scope::Scopes;

/// How long tokens and sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token.
    pub access: Duration,
    /// A session that is not refreshed.
    pub idle: Duration,
    /// A session, however it is used.
    pub absolute: Duration,
}

impl From<&sayso_config::Auth> for Lifetimes {
    fn from(settings: &sayso_config::Auth) -> Self {
        Self {
            access: Duration::from_secs(settings.access_ttl_secs),
            idle: Duration::from_secs(settings.refresh_idle_secs),
            absolute: Duration::from_secs(settings.refresh_absolute_secs),
        }
    }
}

/// What the company asks of sessions.
#[derive(Clone, Debug)]
pub struct Rules {
    sessions_max: PerRole,
    sessions_over: SessionsOver,
    second_factor: Vec<Role>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::from(&sayso_config::Auth::default())
    }
}

impl From<&sayso_config::Auth> for Rules {
    fn from(settings: &sayso_config::Auth) -> Self {
        let roles = settings.totp_required_roles.0.iter();
        Self {
            sessions_max: settings.sessions_max,
            sessions_over: settings.sessions_over,
            second_factor: roles.filter_map(|name| Role::parse(name)).collect(),
        }
    }
}

impl Rules {
    /// Sessions that somebody in this role may have at once.
    #[must_use]
    pub fn sessions_max(&self, role: Role) -> usize {
        match role {
            Role::Ceo => self.sessions_max.ceo,
            Role::Manager => self.sessions_max.manager,
            Role::Staff => self.sessions_max.staff,
        }
    }

    /// Whether a login beyond that is refused; else it ends an older session.
    #[must_use]
    pub fn refuses_more(&self) -> bool {
        self.sessions_over == SessionsOver::Refuse
    }

    /// Whether somebody in this role is to have a second factor.
    #[must_use]
    pub fn asks_second_factor(&self, role: Role) -> bool {
        self.second_factor.contains(&role)
    }
}

/// `by` before `at`.
pub(crate) fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// `by` after `at`.
pub(crate) fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// A session that is to be opened. Its id and its first refresh token are
/// fixed before the transaction, so that running that again opens the same.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The id it will have.
    pub id: SessionId,
    /// Its first refresh token.
    pub refresh: RefreshToken,
    /// What the person calls the device.
    pub device_name: Option<String>,
    /// How the person got in.
    pub means: Means,
    /// How long it lives.
    pub lifetimes: Lifetimes,
    /// How many there may be.
    pub rules: Arc<Rules>,
}

impl NewSession {
    /// A session of the caller's device.
    #[must_use]
    pub fn new(auth: &AuthState, ctx: &Ctx, means: Means, device_name: Option<String>) -> Self {
        let id = SessionId(ctx.new_id());
        let refresh = RefreshToken::new(&ctx.random);
        let (lifetimes, rules) = (auth.keys.lifetimes(), Arc::clone(&auth.rules));
        Self { id, refresh, device_name, means, lifetimes, rules }
    }
}

/// How a person got in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// E-mail and password.
    Password,
    /// An invitation.
    Invitation,
    /// The set-up code.
    Setup,
}

impl Means {
    /// The name in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Invitation => "invitation",
            Self::Setup => "setup",
        }
    }
}

/// A session as its person sees it.
#[derive(Clone, Debug)]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// What the person calls the device.
    pub device_name: Option<String>,
    /// From where the session was opened.
    pub origin: Origin,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A session with the refresh token that goes on: what a login or a refresh
/// comes to.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session.
    pub session_id: SessionId,
    /// When the session ends at the latest.
    pub session_expires_at: Timestamp,
    /// Its person.
    pub user: User,
    /// The refresh token that is good now.
    pub refresh: RefreshToken,
    /// Which one in the chain it is.
    pub generation: i32,
}

/// What a client is given.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Proves who the client is.
    pub access: Secret<String>,
    /// How long it does.
    pub expires_in: Duration,
    /// Goes on, once.
    pub refresh: Secret<String>,
    /// The session of both.
    pub session_id: SessionId,
    /// Its person.
    pub user: User,
}

/// An access token that was found good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whose it is.
    pub actor: Actor,
    /// Until when.
    pub expires_at: Timestamp,
    /// What it is for, where that is not all that its person may.
    pub scopes: Option<Scopes>,
}

/// What is known of the session that an access token names.
#[derive(Clone, Debug)]
pub struct SessionState {
    /// Its person.
    pub user_id: UserId,
    /// The person's role now.
    pub role: Role,
    /// IANA name of the person's time zone.
    pub time_zone: String,
    /// Whether the person may come in.
    pub may_enter: bool,
    /// Whether it has ended.
    pub is_ended: bool,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Whether the pair of the token is known, and was used before.
    pub pair_used: Option<bool>,
    /// What the person was granted or denied beside the role.
    pub givens: Givens,
    /// Whether the person has a second factor.
    pub has_second_factor: bool,
}

/// What is known of an API token.
#[derive(Clone, Debug)]
pub struct TokenState {
    /// Its id; to whoever asks for a session, it is that.
    pub id: SessionId,
    /// In whose name it acts.
    pub user_id: UserId,
    /// The person's role now.
    pub role: Role,
    /// IANA name of the person's time zone.
    pub time_zone: String,
    /// Whether the person may come in.
    pub may_enter: bool,
    /// Whether it was revoked.
    pub is_revoked: bool,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// What the person was granted or denied beside the role.
    pub givens: Givens,
}

/// An API token as its owner sees it.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Its id.
    pub id: SessionId,
    /// In whose name it acts.
    pub user_id: UserId,
    /// What it is called.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A write that was done, or a refusal that leaves a trace: both commit.
#[derive(Debug)]
pub enum Outcome<T> {
    /// Done.
    Done(T),
    /// Refused, with a trace.
    Refused(Fault),
}

impl<T> Outcome<T> {
    /// What the caller is answered, once it is committed.
    pub fn into_result(self) -> Result<T, Fault> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Refused(fault) => Err(fault),
        }
    }
}

/// A fingerprint of what asks: two tabs of one browser have the same, two
/// machines have not.
#[must_use]
pub fn device(origin: &Origin) -> [u8; 32] {
    let address = origin.address.as_deref().unwrap_or_default();
    let agent = origin.agent.as_deref().unwrap_or_default();
    sha256(&[b"device/v1\0", address.as_bytes(), b"\0", agent.as_bytes()])
}
