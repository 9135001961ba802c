//! What it takes to edit a person.

use sayso_access::{Role, UserId};
use sayso_kernel::{Fault, Patch};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::parse_email;
use crate::edit::{Edit, is_time_zone};

/// The body of `PUT` and `PATCH /api/users/{id}`: absent is unchanged, null is
/// cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"statusText": "at lunch", "version": 3}))]
pub struct UpdateUser {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// What the person is called.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    pub name: Option<String>,
    /// The address to log in with. The CEO may set it for others; one's own is
    /// changed with the password, elsewhere.
    #[schema(value_type = String, required = false, min_length = 3, max_length = 254,
        pattern = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
    pub email: Option<String>,
    /// What the person says of the moment; null for nothing.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub status_text: Patch<String>,
    /// IANA name of the time zone.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 64)]
    pub time_zone: Option<String>,
    /// A merge patch of the free data (RFC 7396); null for none.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Patch<Map<String, Value>>,
    /// The role; the CEO may set it.
    #[schema(value_type = Role, required = false)]
    pub role: Option<Role>,
    /// Whom the person reports to, null for nobody; the CEO may set it.
    #[serde(default)]
    #[schema(value_type = Option<UserId>)]
    pub manager_id: Patch<UserId>,
}

impl UpdateUser {
    /// The edit that the body describes; 422 for what the schema cannot say.
    pub fn into_edit(self) -> Result<Edit, Fault> {
        if self.time_zone.as_deref().is_some_and(|name| !is_time_zone(name)) {
            let detail = "must be the IANA name of a time zone";
            return Err(Fault::at_pointer("#/timeZone", "field.format", detail));
        }
        Ok(Edit {
            name: self.name,
            email: self.email.as_deref().map(parse_email).transpose()?,
            status_text: self.status_text,
            time_zone: self.time_zone,
            metadata: self.metadata,
            role: self.role,
            manager_id: self.manager_id,
        })
    }
}
