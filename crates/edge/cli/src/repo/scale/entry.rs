//! Who comes in, and how: sessions, second factors, invitations, tokens of
//! machines, other ways in, and what somebody may beyond their role.
//!
//! No secret of it is known to anybody: hashes are of ids, seeds are noise.

use sayso_db::Sql;

/// Two a person, each with a chain of two refresh tokens that nobody holds.
pub(super) const SESSIONS: Sql = Sql::new(
    "scale.sessions",
    sized!(
        ", made AS (
             INSERT INTO sessions (id, user_id, device_name, created_at, last_used_at, expires_at)
             SELECT pg_temp.id(s.now - interval '5 days', p.n * 2 + k, 67), p.id,
                    (ARRAY['Phone','Laptop'])[k + 1], s.now - interval '5 days',
                    s.now - interval '1 hour', s.now + interval '25 days'
             FROM size s, scale_people p, generate_series(0, 1) AS k
             RETURNING id, created_at
         )
         INSERT INTO refresh_tokens (hash, session_id, generation, issued_at, expires_at,
                                     replaced_at, used_at, device)
         SELECT sha256(uuid_send(m.id) || int4send(g)), m.id, g, m.created_at,
                m.created_at + interval '7 days',
                CASE WHEN g = 1 THEN m.created_at + interval '1 day' END, m.created_at, ''
         FROM made m CROSS JOIN size s CROSS JOIN generate_series(1, 2) AS g"
    ),
);

/// One person in ten may one thing more than their role says, and one less.
pub(super) const GRANTS: Sql = Sql::new(
    "scale.grants",
    sized!(
        "INSERT INTO user_grants (user_id, permission, effect, expires_at, granted_by, created_at)
         SELECT p.id, g.permission, g.effect,
                CASE WHEN p.n % 20 = 4 THEN s.now + interval '30 days' END, b.id, p.at
         FROM scale_people p CROSS JOIN size s JOIN scale_people b ON b.n = 1
         CROSS JOIN (VALUES ('channel.create', 'grant'), ('task.create', 'deny'))
             AS g (permission, effect)
         WHERE p.n % 10 = 4"
    ),
);

/// One person in three asks for a code, and has ten to fall back on.
pub(super) const SECOND_FACTORS: Sql = Sql::new(
    "scale.second_factors",
    sized!(
        ", made AS (
             INSERT INTO second_factors (user_id, seed, created_at, confirmed_at)
             SELECT p.id, sha256(uuid_send(p.id)), p.at, p.at
             FROM scale_people p CROSS JOIN size WHERE p.n > 3 AND p.n % 3 = 0
             RETURNING user_id
         )
         INSERT INTO recovery_codes (user_id, hash)
         SELECT m.user_id, sha256(uuid_send(m.user_id) || int4send(k))
         FROM made m CROSS JOIN generate_series(1, 10) AS k"
    ),
);

/// One person in twenty has not come in yet, one in a hundred forgot how.
pub(super) const INVITATIONS: Sql = Sql::new(
    "scale.invitations",
    sized!(
        ", resets AS (
             INSERT INTO password_resets (user_id, hash, created_at, expires_at)
             SELECT p.id, sha256(uuid_send(p.id)), s.now, s.now + interval '1 hour'
             FROM scale_people p CROSS JOIN size s WHERE p.n % 100 = 8
         )
         INSERT INTO invitations (hash, user_id, created_at, expires_at)
         SELECT sha256(uuid_send(p.id)), p.id, s.now, s.now + interval '3 days'
         FROM scale_people p CROSS JOIN size s WHERE p.n % 20 = 9"
    ),
);

/// One person in ten made two tokens for what runs without them, and every
/// second one is known to another directory.
pub(super) const TOKENS: Sql = Sql::new(
    "scale.tokens",
    sized!(
        ", links AS (
             INSERT INTO external_identities (id, user_id, provider, lookup, subject, created_at)
             SELECT pg_temp.id(p.at, p.n, 75), p.id, 'directory', sha256(uuid_send(p.id)),
                    sha256(uuid_send(p.id) || '\x01'), p.at
             FROM scale_people p CROSS JOIN size WHERE p.n % 2 = 0
         )
         INSERT INTO api_tokens (id, user_id, created_by, name, hash, scopes, created_at,
                                 expires_at)
         SELECT pg_temp.id(p.at, p.n * 2 + k, 76), p.id, p.id,
                (ARRAY['Backup','Calendar'])[k + 1], sha256(uuid_send(p.id) || int4send(k)),
                '{read}', p.at, s.now + interval '90 days'
         FROM scale_people p CROSS JOIN size s CROSS JOIN generate_series(0, 1) AS k
         WHERE p.n % 10 = 5"
    ),
);
