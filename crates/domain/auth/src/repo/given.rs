//! What a person was granted or denied, read along with whatever lets them in:
//! sessions and API tokens ask for it in the same statement.

use sayso_access::{Given, Givens, Permission};
use sayso_db::Row;
use sayso_kernel::Timestamp;

/// What one person was given that has not expired, as one row of three lists.
macro_rules! of {
    ($user:literal, $now:literal) => {
        concat!(
            "(SELECT array_agg(permission ORDER BY permission) AS permissions,
                     array_agg(effect = 'grant' ORDER BY permission) AS granted,
                     array_agg(expires_at ORDER BY permission) AS ends
              FROM user_grants
              WHERE user_id = ",
            $user,
            " AND (expires_at IS NULL OR expires_at > ",
            $now,
            "))"
        )
    };
}

pub(super) use of;

/// What the person was given, mostly nothing; from this column on. What a newer
/// Sayso knows and this one does not means nothing to it.
pub(super) fn read(row: &Row, at: usize) -> Givens {
    let Some(names) = row.get::<_, Option<Vec<&str>>>(at) else { return Givens::default() };
    let (granted, ends): (Vec<bool>, Vec<Option<Timestamp>>) = (row.get(at + 1), row.get(at + 2));
    let given = names.into_iter().zip(granted).zip(ends);
    let given = given.filter_map(|((name, is_granted), expires_at)| {
        Some(Given { permission: Permission::parse(name)?, is_granted, expires_at })
    });
    Givens::new(given.collect())
}
