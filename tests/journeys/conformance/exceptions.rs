//! Where a rule does not hold, and why. An exception that is not needed is
//! refused like a route that lacks something.

/// What holds a secret is kept nowhere.
const SECRET: &str = "its answer holds a secret, which would be kept with the key";
/// What concerns the door.
const DOOR: &str = "nothing of the door is kept with a key: what was proved counts once";
/// What may hold a secret.
const INVITES: &str = "its answer may hold an invitation, which would be kept with the key";
/// What is worth nothing in the next moment.
const PASSING: &str = "it is of this moment and belongs to nothing that has a version";

/// Operation, rule, reason.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "create_setup",
        "is found where it says",
        "who founds the company is nobody until they are answered: the address needs the token of \
         the answer",
    ),
    ("list_audit", "a write leaves a fact and a read none", "whoever reads the audit stands in it"),
    (
        "get_metrics",
        "asks for a token",
        "who asks from the machine itself, as the test does, needs none",
    ),
    (
        "get_metrics",
        "refuses a parameter it does not know",
        "who has no token is not told more than that; on the machine itself it is answered",
    ),
    ("accept_invitation", "takes a key", SECRET),
    ("change_email", "takes a key", DOOR),
    ("change_password", "takes a key", DOOR),
    ("confirm_totp", "takes a key", SECRET),
    ("create_session", "takes a key", SECRET),
    ("create_token", "takes a key", SECRET),
    ("create_user", "takes a key", INVITES),
    ("end_session", "takes a key", DOOR),
    ("end_sessions", "takes a key", DOOR),
    ("finish_password_reset", "takes a key", DOOR),
    ("invite_user", "takes a key", INVITES),
    ("refresh_session", "takes a key", SECRET),
    ("start_password_reset", "takes a key", SECRET),
    ("start_totp", "takes a key", SECRET),
    ("count_notifications", "has a tag", PASSING),
    ("explain_permission", "has a tag", PASSING),
    ("get_cache_stats", "has a tag", PASSING),
    ("get_liveness", "has a tag", PASSING),
    ("get_metrics", "has a tag", PASSING),
    ("get_readiness", "has a tag", PASSING),
    ("get_unread", "has a tag", PASSING),
    (
        "get_keys",
        "has a tag",
        "keys are asked for seldom, and a cache on the way keeps them for seconds only",
    ),
    (
        "create_setup",
        "says where",
        "it answers the tokens of whoever it created, and a secret has no tag",
    ),
    (
        "create_token",
        "says where",
        "a token is shown once, here; it stands in the list of tokens and nowhere by itself",
    ),
];
