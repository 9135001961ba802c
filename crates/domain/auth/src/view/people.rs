//! What the caller may do, as HTTP shows it.

use sayso_access::{Grant, Permission, Ruling};
use sayso_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A permission of the caller.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Permitted)]
pub struct PermissionView {
    /// What.
    pub permission: Permission,
    /// `yes`, `no`, or `when`: when the thing it is done to allows it.
    pub allowed: &'static str,
    /// `role`, `grant`, `denial`, or `scope`: the API token is not for it.
    pub reason: &'static str,
    /// Until when the grant or the denial is in force; null for good.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl PermissionView {
    /// What holds for a permission.
    #[must_use]
    pub fn of((permission, ruling): (Permission, Ruling)) -> Self {
        let allowed = match ruling.grant {
            Grant::Yes => "yes",
            Grant::No => "no",
            Grant::When(_) => "when",
        };
        let reason = ruling.because.as_str();
        Self { permission, allowed, reason, expires_at: ruling.expires_at }
    }
}
