//! Grants and denials as HTTP shows them, and what it takes to change them.

use sayso_access::{Ctx, Given, Permission, UserId};
use sayso_kernel::fault::{FieldFault, INVALID, Place};
use sayso_kernel::{Fault, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{GRANT_EXPIRED, GRANT_NOT_GIVABLE, GRANT_REPEATED};
use crate::grants::GrantChange;
use crate::model::KeptGrant;

/// Whether something is granted or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GrantEffect {
    /// The person may, whatever the role says.
    Grant,
    /// The person may not, whatever the role says.
    Deny,
}

impl GrantEffect {
    fn of(is_granted: bool) -> Self {
        if is_granted { Self::Grant } else { Self::Deny }
    }
}

/// A permission that a person was granted or denied.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Grant)]
pub struct GrantView {
    /// What.
    pub permission: Permission,
    /// Granted or denied.
    pub effect: GrantEffect,
    /// Until when; null for good.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Who gave it.
    pub granted_by: UserId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<KeptGrant> for GrantView {
    fn from(kept: KeptGrant) -> Self {
        Self {
            permission: kept.given.permission,
            effect: GrantEffect::of(kept.given.is_granted),
            expires_at: kept.given.expires_at,
            granted_by: kept.granted_by,
            created_at: kept.created_at,
        }
    }
}

/// A permission to grant or to deny.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGrant {
    /// What. Some permissions are for the role alone to give.
    pub permission: Permission,
    /// Granted or denied.
    pub effect: GrantEffect,
    /// Until when; for good where nothing is sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// The body of `POST /api/users/{id}/grants`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "add": [{"permission": "channel.create", "effect": "grant", "expiresAt": "2030-01-01T00:00:00Z"}],
    "remove": ["category.manage"]
}))]
pub struct ChangeGrants {
    /// Given, in the place of what was given before.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub add: Vec<NewGrant>,
    /// Taken back: what the role says holds again.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub remove: Vec<Permission>,
}

impl ChangeGrants {
    /// The change; 422 with everything that cannot be given.
    pub fn into_change(self, ctx: &Ctx) -> Result<GrantChange, Fault> {
        let mut faults = Vec::new();
        let mut fault = |at: String, code, detail: &str| {
            faults.push(FieldFault { place: Place::Pointer(at), code, detail: detail.into() });
        };
        let mut add: Vec<Given> = Vec::with_capacity(self.add.len());
        for (n, new) in self.add.into_iter().enumerate() {
            let is_givable = match new.effect {
                GrantEffect::Grant => new.permission.can_be_granted(),
                GrantEffect::Deny => new.permission.can_be_denied(),
            };
            if !is_givable {
                let detail = "is for the role alone to give";
                fault(format!("#/add/{n}/permission"), GRANT_NOT_GIVABLE, detail);
            }
            if add.iter().any(|given| given.permission == new.permission) {
                fault(format!("#/add/{n}/permission"), GRANT_REPEATED, "is given more than once");
            }
            if new.expires_at.is_some_and(|end| end <= ctx.now()) {
                fault(format!("#/add/{n}/expiresAt"), GRANT_EXPIRED, "must lie ahead");
            }
            // The database keeps microseconds; what is answered must be what
            // is kept.
            let end = new.expires_at.map(|end| {
                Timestamp::from_microsecond(end.as_microsecond()).unwrap_or(Timestamp::MAX)
            });
            let is_granted = new.effect == GrantEffect::Grant;
            add.push(Given { permission: new.permission, is_granted, expires_at: end });
        }
        for (n, permission) in self.remove.iter().enumerate() {
            if add.iter().any(|given| given.permission == *permission) {
                fault(format!("#/remove/{n}"), GRANT_REPEATED, "is given in the same breath");
            }
        }
        if !faults.is_empty() {
            return Err(Fault::new(&INVALID).with_all(faults));
        }
        Ok(GrantChange { add, remove: self.remove })
    }
}
