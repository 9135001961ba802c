//! Where a rule does not hold, and why. An exception that is not needed is
//! refused like a route that lacks something.

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
];
