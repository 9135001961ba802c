//! A person as other nodes are told of them through the cache: everything that
//! HTTP shows, and nothing that proves who they are.

use sayso_access::{Role, UserId};
use sayso_cache::Codec;
use sayso_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Metadata;
use crate::model::User;

/// How a person is written and read again.
pub(crate) const KEPT_USER: Codec<User> = Codec { encode, decode };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptUser {
    id: UserId,
    email: Option<String>,
    name: String,
    role: Role,
    manager_id: Option<UserId>,
    active: bool,
    status_text: Option<String>,
    time_zone: String,
    last_active_at: Option<Timestamp>,
    metadata: Value,
    password_change_due: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i32,
    revision: i32,
}

/// Of somebody who was not deleted: those are not kept.
fn encode(user: &User) -> Vec<u8> {
    let user = user.clone();
    let kept = KeptUser {
        id: user.id,
        email: user.email,
        name: user.name,
        role: user.role,
        manager_id: user.manager_id,
        active: user.active,
        status_text: user.status_text,
        time_zone: user.time_zone,
        last_active_at: user.last_active_at,
        metadata: user.metadata.to_value(),
        password_change_due: user.password_change_due,
        created_at: user.created_at,
        updated_at: user.updated_at,
        version: user.version,
        revision: user.revision,
    };
    serde_json::to_vec(&kept).expect("a person is plain JSON")
}

fn decode(bytes: &[u8]) -> Option<User> {
    let kept: KeptUser = serde_json::from_slice(bytes).ok()?;
    Some(User {
        id: kept.id,
        email: kept.email,
        name: kept.name,
        role: kept.role,
        manager_id: kept.manager_id,
        active: kept.active,
        status_text: kept.status_text,
        time_zone: kept.time_zone,
        last_active_at: kept.last_active_at,
        metadata: Metadata::stored(kept.metadata),
        password_change_due: kept.password_change_due,
        created_at: kept.created_at,
        updated_at: kept.updated_at,
        deleted_at: None,
        version: kept.version,
        revision: kept.revision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_read_again_as_they_were_and_garbage_is_nobody() {
        let at = Timestamp::UNIX_EPOCH;
        let ann = User {
            id: UserId(uuid::Uuid::nil()),
            email: Some("ann@example.com".into()),
            name: "Ann".into(),
            role: Role::Staff,
            manager_id: None,
            active: true,
            status_text: Some("at lunch".into()),
            time_zone: "UTC".into(),
            last_active_at: Some(at),
            metadata: Metadata::stored(serde_json::json!({ "desk": 7 })),
            password_change_due: false,
            created_at: at,
            updated_at: at,
            deleted_at: None,
            version: 3,
            revision: 4,
        };

        let again = decode(&encode(&ann)).expect("it was written so");

        assert_eq!(format!("{again:?}"), format!("{ann:?}"));
        for garbage in [&b""[..], b"{}", b"null", b"\xff\xfe", b"[1, 2"] {
            assert!(decode(garbage).is_none(), "{garbage:?}");
        }
    }
}
