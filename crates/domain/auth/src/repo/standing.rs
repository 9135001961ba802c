//! What sockets hang on: of `sessions` and `api_tokens` alike.

use sayso_access::{Role, SessionId};
use sayso_db::{DbError, Queries, Row, Sql};
use sayso_kernel::Timestamp;

use super::given;
use crate::standing::Standing;

const STANDING: Sql = Sql::new(
    "sessions.standing",
    concat!(
        "SELECT s.id, s.user_id, u.role, u.time_zone, u.active AND u.deleted_at IS NULL,
                s.is_ended,
                s.is_program OR EXISTS (SELECT FROM second_factors f
                                        WHERE f.user_id = s.user_id
                                          AND f.confirmed_at IS NOT NULL),
                g.permissions, g.granted, g.ends
         FROM (SELECT id, user_id, ended_at IS NOT NULL AS is_ended, false AS is_program
               FROM sessions WHERE id = ANY($1)
               UNION ALL
               SELECT id, user_id, revoked_at IS NOT NULL, true
               FROM api_tokens WHERE id = ANY($1)) s
         JOIN users u ON u.id = s.user_id
         CROSS JOIN LATERAL ",
        given::of!("s.user_id", "$2"),
        " g"
    ),
);

pub(super) const ALL: &[&Sql] = &[&STANDING];

/// What is known of these sessions and API tokens; those that are not known
/// are left out.
pub async fn of(
    db: &mut impl Queries,
    sessions: &[SessionId],
    now: Timestamp,
) -> Result<Vec<(SessionId, Standing)>, DbError> {
    let rows = db.rows(&STANDING, &[&sessions, &now]).await?;
    let standing = |row: &Row| Standing {
        user_id: row.get(1),
        role: Role::parse(row.get(2)).expect("users_role_check lets no other role in"),
        time_zone: row.get(3),
        may_enter: row.get(4),
        is_ended: row.get(5),
        is_strong: row.get(6),
        givens: given::read(row, 7),
    };
    Ok(rows.iter().map(|row| (row.get(0), standing(row))).collect())
}
