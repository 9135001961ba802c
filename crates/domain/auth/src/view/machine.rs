//! API tokens and service accounts as HTTP shows them.

use sayso_access::{Ctx, Role, SessionId, UserId};
use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Timestamp};
use sayso_users::model::parse_name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api_token::{NewToken, ServiceAccount};
use crate::model::ApiToken;
use crate::scope::{Scope, Scopes};

fn name(raw: &str) -> Result<String, Fault> {
    parse_name(raw).map_err(|error| Fault::at_pointer("#/name", "field.invalid", error.to_string()))
}

/// One thing that a token may be used for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(as = TokenScope)]
pub enum ScopeInput {
    /// Reading what the person may read.
    #[serde(rename = "read")]
    Read,
    /// Writing whatever the person may write, but for people.
    #[serde(rename = "write")]
    Write,
    /// Writing tasks.
    #[serde(rename = "tasks.write")]
    TasksWrite,
    /// Writing messages.
    #[serde(rename = "messages.write")]
    MessagesWrite,
    /// Writing channels and categories.
    #[serde(rename = "channels.write")]
    ChannelsWrite,
    /// Writing the profiles of people.
    #[serde(rename = "users.write")]
    UsersWrite,
    /// Making, inviting and removing people, their roles, managers, addresses
    /// and grants. Whoever holds it can become anyone.
    #[serde(rename = "users.admin")]
    UsersAdmin,
    /// The audit.
    #[serde(rename = "audit.read")]
    AuditRead,
    /// Metrics, and how the server is.
    #[serde(rename = "ops.read")]
    OpsRead,
    /// Connecting a socket.
    #[serde(rename = "socket")]
    Socket,
}

impl From<ScopeInput> for Scope {
    fn from(scope: ScopeInput) -> Self {
        match scope {
            ScopeInput::Read => Self::Read,
            ScopeInput::Write => Self::Write,
            ScopeInput::TasksWrite => Self::TasksWrite,
            ScopeInput::MessagesWrite => Self::MessagesWrite,
            ScopeInput::ChannelsWrite => Self::ChannelsWrite,
            ScopeInput::UsersWrite => Self::UsersWrite,
            ScopeInput::UsersAdmin => Self::UsersAdmin,
            ScopeInput::AuditRead => Self::AuditRead,
            ScopeInput::OpsRead => Self::OpsRead,
            ScopeInput::Socket => Self::Socket,
        }
    }
}

/// A token to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateToken)]
pub struct CreateTokenBody {
    /// The present password of whoever makes it.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub password: Secret<String>,
    /// What it is for, in words.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// What it may be used for. `users.write` is for profiles; whoever holds
    /// `users.admin` can become anyone.
    #[schema(min_items = 1, max_items = 10)]
    pub scopes: Vec<ScopeInput>,
    /// Until when it is good: within a year.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The service account it is for; without it, it is one's own.
    pub user_id: Option<UserId>,
}

impl CreateTokenBody {
    /// The password and the token; 422 for what the schema cannot say.
    pub fn into_parts(self, ctx: &Ctx) -> Result<(Secret<String>, NewToken), Fault> {
        let name = name(&self.name)?;
        let scopes = Scopes::new(self.scopes.into_iter().map(Scope::from));
        let new = NewToken::new(ctx, (name, self.user_id), scopes, self.expires_at)?;
        Ok((self.password, new))
    }
}

/// A token as it is listed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiToken)]
pub struct ApiTokenView {
    /// Its id.
    pub id: SessionId,
    /// In whose name it acts.
    pub user_id: UserId,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

fn names(scopes: &Scopes) -> Vec<String> {
    scopes.names().into_iter().map(str::to_owned).collect()
}

impl From<ApiToken> for ApiTokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            user_id: token.user_id,
            name: token.name,
            scopes: names(&token.scopes),
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A new token, with itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CreatedApiToken)]
pub struct CreatedTokenView {
    /// Send it as `Authorization: Bearer`. It is not shown again.
    pub token: String,
    /// What is listed of it.
    #[serde(flatten)]
    pub listed: ApiTokenView,
}

impl CreatedTokenView {
    /// A token that was made at `now`.
    #[must_use]
    pub fn of(new: &NewToken, now: Timestamp) -> Self {
        let listed = ApiTokenView {
            id: new.id,
            user_id: new.user_id,
            name: new.name.clone(),
            scopes: names(&new.scopes),
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
        };
        Self { token: new.secret.expose().clone(), listed }
    }
}

/// A service account to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateServiceAccount)]
pub struct CreateServiceAccountBody {
    /// What it is called.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Its role.
    pub role: ServiceRole,
}

/// The role of a program. None is the CEO.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceRole {
    /// As one who runs a team.
    Manager,
    /// As one of the staff.
    Staff,
}

impl CreateServiceAccountBody {
    /// The parts; 422 for what the schema cannot say.
    pub fn into_parts(self) -> Result<(String, Role), Fault> {
        let role = match self.role {
            ServiceRole::Manager => Role::Manager,
            ServiceRole::Staff => Role::Staff,
        };
        Ok((name(&self.name)?, role))
    }
}

/// A service account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServiceAccount)]
pub struct ServiceAccountView {
    /// Its id, as a person.
    pub id: UserId,
    /// What it is called.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it may come in.
    pub active: bool,
    /// Tokens that are good.
    pub tokens: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<ServiceAccount> for ServiceAccountView {
    fn from(account: ServiceAccount) -> Self {
        Self {
            id: account.user_id,
            name: account.name,
            role: account.role,
            active: account.active,
            tokens: account.tokens,
            created_at: account.created_at,
        }
    }
}
