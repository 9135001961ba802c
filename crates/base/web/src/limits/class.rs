//! Which limit a route falls under.
//!
//! A route needs no declaration: what reads is a read, what writes is a write.
//! The table names those that cost more, or try a password.

use http::header::ACCEPT;
use http::{HeaderMap, Method};

/// What a limit is for. Callers have a quota of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Searches: the database looks through much.
    Search,
    /// What proves who somebody is.
    Login,
    /// What proves once more that somebody who is known is themselves.
    Proof,
    /// What reads everything there is.
    Export,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Search, Self::Login, Self::Proof, Self::Export];

    /// The name in `RateLimit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Search => "search",
            Self::Login => "login",
            Self::Proof => "proof",
            Self::Export => "export",
        }
    }

    /// The class of a route; `None` for what asks after the server itself,
    /// which must be answered however busy it is.
    #[must_use]
    pub fn of(method: &Method, route: &str, headers: &HeaderMap) -> Option<Self> {
        if FREE.contains(&route) {
            return None;
        }
        let named = TABLE.iter().find(|(on, path, _)| *on == method.as_str() && *path == route);
        let class = match named {
            Some((_, _, class)) => *class,
            None if matches!(*method, Method::GET | Method::HEAD) => Self::Read,
            None => Self::Write,
        };
        let wants_lines = || headers.get_all(ACCEPT).iter().any(names_lines);
        Some(if class == Self::Read && EXPORTED.contains(&route) && wants_lines() {
            Self::Export
        } else {
            class
        })
    }
}

/// What asks after the server itself.
const FREE: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

/// Routes that are neither a plain read nor a plain write.
const TABLE: [(&str, &str, Class); 11] = [
    ("POST", "/api/auth/login", Class::Login),
    ("POST", "/api/auth/password", Class::Proof),
    ("POST", "/api/auth/password/reset", Class::Login),
    ("POST", "/api/auth/email", Class::Proof),
    ("POST", "/api/auth/totp", Class::Proof),
    ("POST", "/api/auth/totp/confirm", Class::Proof),
    ("DELETE", "/api/auth/totp", Class::Proof),
    ("POST", "/api/tokens", Class::Proof),
    ("POST", "/api/setup", Class::Login),
    ("POST", "/api/invitations", Class::Login),
    ("GET", "/api/search", Class::Search),
];

/// Reads that give everything, line by line, when asked to.
const EXPORTED: [&str; 1] = ["/api/audit"];

fn names_lines(accept: &http::HeaderValue) -> bool {
    accept.to_str().is_ok_and(|media| media.contains("application/x-ndjson"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_route_has_a_class_and_the_table_names_the_dear_ones() {
        let plain = HeaderMap::new();
        let class = |method: &Method, route: &str| Class::of(method, route, &plain);

        assert_eq!(class(&Method::GET, "/api/tasks"), Some(Class::Read));
        assert_eq!(class(&Method::HEAD, "/api/tasks/{id}"), Some(Class::Read));
        assert_eq!(class(&Method::PATCH, "/api/tasks/{id}"), Some(Class::Write));
        assert_eq!(class(&Method::GET, "/api/search"), Some(Class::Search));
        assert_eq!(class(&Method::POST, "/api/auth/login"), Some(Class::Login));
        assert_eq!(class(&Method::POST, "/api/auth/password"), Some(Class::Proof));
        assert_eq!(class(&Method::POST, "/api/auth/password/reset"), Some(Class::Login));
        assert_eq!(class(&Method::DELETE, "/api/auth/totp"), Some(Class::Proof));
        assert_eq!(class(&Method::POST, "/api/auth/totp"), Some(Class::Proof));
        assert_eq!(class(&Method::POST, "/api/tokens"), Some(Class::Proof));
        assert_eq!(class(&Method::GET, "/api/tokens"), Some(Class::Read));
        assert_eq!(class(&Method::POST, "/api/auth/refresh"), Some(Class::Write));
        assert_eq!(class(&Method::GET, "/health/ready"), None);
    }

    #[test]
    fn the_audit_by_lines_is_an_export() {
        let lines = HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static("application/json;q=0.1, application/x-ndjson"),
        )]);

        assert_eq!(Class::of(&Method::GET, "/api/audit", &lines), Some(Class::Export));
        assert_eq!(Class::of(&Method::GET, "/api/tasks", &lines), Some(Class::Read));
    }
}
