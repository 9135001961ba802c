//! Logins, tokens and sessions as HTTP shows them.

pub mod account;
pub mod machine;
mod people;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sayso_access::{Ctx, SessionId};
use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Timestamp};
use sayso_users::model::parse_name;
use sayso_users::view::{UserView, parse_email};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::TOO_MANY_SESSIONS;
use crate::login::LogIn;
use crate::model::{Pair, Session};
use crate::setup::SetUp;
use crate::token::PublicKey;

pub use people::PermissionView;

/// What a person proves who they are with.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LogIn)]
pub struct LogInBody {
    /// The address.
    #[schema(min_length = 1, max_length = 254)]
    pub email: String,
    /// The password.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub password: Secret<String>,
    /// What the person calls the device.
    #[schema(max_length = 120)]
    pub device_name: Option<String>,
    /// The second factor, where one is asked for.
    #[schema(max_length = 64)]
    pub code: Option<String>,
    /// A session of one's own that ends for this one. Whoever names one is known
    /// by it, and is let in past strangers who try the e-mail.
    pub replaces_session_id: Option<SessionId>,
}

impl From<LogInBody> for LogIn {
    fn from(body: LogInBody) -> Self {
        let device_name = body.device_name.filter(|name| !name.is_empty());
        Self {
            email: body.email,
            password: body.password,
            device_name,
            code: body.code,
            replaces: body.replaces_session_id,
        }
    }
}

/// A refresh token to exchange.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Refresh)]
pub struct RefreshBody {
    /// The refresh token that came last.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub refresh_token: Secret<String>,
}

/// An invitation to spend.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AcceptInvitation)]
pub struct AcceptInvitationBody {
    /// The invitation, as it was sent.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub token: Secret<String>,
    /// The password to have.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 256)]
    pub password: Secret<String>,
}

/// The first person.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SetUp)]
pub struct SetUpBody {
    /// The code that the server printed.
    #[schema(min_length = 1, max_length = 64)]
    pub code: String,
    /// The address to log in with.
    #[schema(min_length = 3, max_length = 254, pattern = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
    pub email: String,
    /// What the person is called.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// The password.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 256)]
    pub password: Secret<String>,
}

impl SetUpBody {
    /// The person; 422 for what the schema cannot say.
    pub fn into_model(self) -> Result<SetUp, Fault> {
        let email = parse_email(&self.email)?;
        let name = parse_name(&self.name)
            .map_err(|error| Fault::at_pointer("#/name", "field.invalid", error.to_string()))?;
        Ok(SetUp { code: self.code, email, name, password: self.password })
    }
}

/// A change of password.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ChangePassword)]
pub struct ChangePasswordBody {
    /// The present password.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub current_password: Secret<String>,
    /// The password to have from now on.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 256)]
    pub new_password: Secret<String>,
}

/// What a client is given.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenPair)]
pub struct PairView {
    /// Send it as `Authorization: Bearer`.
    pub access_token: String,
    /// Exchange it, once, for the next pair.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds for which the access token is good.
    pub expires_in: u64,
    /// The session of both.
    pub session_id: SessionId,
    /// Whether the person is asked to change the password.
    pub password_change_due: bool,
    /// The person.
    pub user: UserView,
}

impl PairView {
    /// What a client is given, of a pair and the person's view.
    #[must_use]
    pub fn of(pair: &Pair, user: UserView) -> Self {
        Self {
            access_token: pair.access.expose().clone(),
            refresh_token: pair.refresh.expose().clone(),
            token_type: "Bearer",
            expires_in: pair.expires_in.as_secs(),
            session_id: pair.session_id,
            password_change_due: pair.user.password_change_due,
            user,
        }
    }
}

/// A session: one login on one device.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView {
    /// The session's id.
    pub id: SessionId,
    /// What the person calls the device.
    #[schema(required)]
    pub device_name: Option<String>,
    /// From where the session was opened.
    #[schema(required)]
    pub address: Option<String>,
    /// With what.
    #[schema(required)]
    pub agent: Option<String>,
    /// Whether it is the one of this request.
    pub current: bool,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl SessionView {
    /// A session as its person sees it.
    #[must_use]
    pub fn of(session: Session, ctx: &Ctx) -> Self {
        Self {
            id: session.id,
            device_name: session.device_name,
            address: session.origin.address,
            agent: session.origin.agent,
            current: ctx.session_id() == Some(session.id),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// There are as many sessions as there may be; these are they.
#[must_use]
pub fn too_many_sessions(sessions: Vec<Session>, ctx: &Ctx) -> Fault {
    let views: Vec<_> = sessions.into_iter().map(|one| SessionView::of(one, ctx)).collect();
    Fault::new(&TOO_MANY_SESSIONS).current(serde_json::json!({ "sessions": views }))
}

/// The public keys (RFC 7517).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JsonWebKeySet)]
pub struct KeySetView {
    /// Those that are in use.
    pub keys: Vec<KeyView>,
}

/// A public key (RFC 8037).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JsonWebKey)]
pub struct KeyView {
    /// Always `OKP`.
    pub kty: &'static str,
    /// Always `Ed25519`.
    pub crv: &'static str,
    /// Always `EdDSA`.
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The key's name.
    pub kid: String,
    /// The key, base64url.
    pub x: String,
}

impl KeySetView {
    /// The keys as they are published.
    #[must_use]
    pub fn of(keys: &[PublicKey]) -> Self {
        let view = |key: &PublicKey| KeyView {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: key.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(key.bytes),
        };
        Self { keys: keys.iter().map(view).collect() }
    }
}
