//! What an API token may be used for: the one place where that is decided.
//!
//! A token acts in somebody's name and never may more than they may: scopes
//! only take away. Which scope a request needs follows from its method and its
//! route, so a new route is covered without a word; one that nobody thought of
//! needs `read` or `write`. What concerns logins, passwords, second factors and
//! tokens themselves is closed to tokens altogether: a token that leaks must
//! not make itself another.
//!
//! Whoever makes people, invites them or says who they are can make somebody to
//! log in as. That is a scope of its own, `users.admin`, which no other implies.

use sayso_access::Permission;

/// One thing that a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Reading what the person may read.
    Read,
    /// Writing whatever the person may write, but for people.
    Write,
    /// Writing tasks.
    TasksWrite,
    /// Writing messages.
    MessagesWrite,
    /// Writing channels and categories.
    ChannelsWrite,
    /// Writing the profiles of people.
    UsersWrite,
    /// Making, inviting, removing people, and saying who they are and what they
    /// may. Whoever holds it can become anyone.
    UsersAdmin,
    /// The audit.
    AuditRead,
    /// Metrics, and how the server is.
    OpsRead,
    /// Connecting a socket.
    Socket,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Write,
        Self::TasksWrite,
        Self::MessagesWrite,
        Self::ChannelsWrite,
        Self::UsersWrite,
        Self::UsersAdmin,
        Self::AuditRead,
        Self::OpsRead,
        Self::Socket,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::TasksWrite => "tasks.write",
            Self::MessagesWrite => "messages.write",
            Self::ChannelsWrite => "channels.write",
            Self::UsersWrite => "users.write",
            Self::UsersAdmin => "users.admin",
            Self::AuditRead => "audit.read",
            Self::OpsRead => "ops.read",
            Self::Socket => "socket",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// What a token may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These, each once.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let asked: Vec<Scope> = scopes.into_iter().collect();
        Self(Scope::ALL.into_iter().filter(|scope| asked.contains(scope)).collect())
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }

    /// Whether a request of this method to this route may be made.
    #[must_use]
    pub fn allow(&self, method: &str, route: &str) -> bool {
        needed(method, route).iter().any(|scope| self.has(*scope))
    }

    /// What of a request that may be made is not this token's to do, whatever
    /// its person may: an edit of somebody names fields of their profile, and
    /// fields by which they come in or rise. Who asks what they may do hears it
    /// of everything that this token is not for.
    #[must_use]
    pub fn withheld(&self, method: &str, route: &str) -> Vec<Permission> {
        let is_edit = route == PERSON && matches!(method, "PUT" | "PATCH");
        if is_edit && !self.has(Scope::UsersAdmin) {
            vec![Permission::UserManage]
        } else if RIGHTS.contains(&route) {
            let is_withheld = |permission: &Permission| {
                let (method, route) = door(*permission);
                !self.allow(method, route)
            };
            Permission::all().filter(is_withheld).collect()
        } else {
            Vec::new()
        }
    }
}

/// Where one asks what one may do.
const RIGHTS: [&str; 2] = ["/api/auth/permissions", "/api/auth/explain"];

/// A request that a permission is for, and whose scope it therefore needs.
const fn door(permission: Permission) -> (&'static str, &'static str) {
    use Permission as P;
    match permission {
        P::UserCreate => ("POST", "/api/users"),
        P::UserList => ("GET", "/api/users"),
        P::UserUpdate => ("PATCH", PERSON),
        P::UserDelete => ("DELETE", PERSON),
        P::UserManage => ("POST", "/api/users/{id}/grants"),
        P::ChannelCreate | P::ChannelCreateDirect => ("POST", "/api/channels"),
        P::CategoryManage => ("POST", "/api/categories"),
        P::ChannelView => ("GET", "/api/channels/{id}"),
        P::ChannelEnter => ("POST", "/api/channels/{id}/join"),
        P::ChannelUpdate => ("PATCH", "/api/channels/{id}"),
        P::ChannelManageMembers => ("POST", "/api/channels/{id}/members"),
        P::MessageSend => ("POST", "/api/channels/{id}/messages"),
        P::MessageEdit => ("PATCH", "/api/messages/{id}"),
        P::MessageDelete => ("DELETE", "/api/messages/{id}"),
        P::TaskCreate => ("POST", "/api/tasks"),
        P::TaskView => ("GET", "/api/tasks/{id}"),
        P::TaskUpdate => ("PATCH", "/api/tasks/{id}"),
        P::TaskAssign => ("POST", "/api/tasks/{id}/assign"),
        P::TaskComment => ("POST", "/api/tasks/{id}/comments"),
        P::TaskDelete => ("DELETE", "/api/tasks/{id}"),
        P::AuditRead => ("GET", "/api/audit"),
    }
}

/// Routes about oneself that tokens may read: they hold no secret and change
/// nothing.
const OWN_READS: [&str; 3] = ["/api/auth/me", "/api/auth/permissions", "/api/auth/explain"];
/// What is closed to tokens, whatever their scopes.
const CLOSED: [&str; 5] =
    ["/api/auth", "/api/setup", "/api/invitations", "/api/tokens", "/api/service-accounts"];
/// What ends sessions and tokens of others or lets them choose a password.
const CLOSED_ENDS: [&str; 4] = ["/sessions", "/tokens", "/password-reset", "/totp"];

/// Where a person is edited.
const PERSON: &str = "/api/users/{id}";

/// The scopes of which one is needed.
fn needed(method: &str, route: &str) -> &'static [Scope] {
    let reads = matches!(method, "GET" | "HEAD");
    if reads && OWN_READS.contains(&route) {
        return &[Scope::Read];
    }
    let is_closed = CLOSED.iter().any(|start| is_under(route, start))
        || CLOSED_ENDS.iter().any(|end| is_under(route, "/api/users") && route.ends_with(end));
    if is_closed {
        return &[];
    }
    match reads {
        true if is_under(route, "/api/audit") => &[Scope::AuditRead],
        true if is_under(route, "/metrics")
            || is_under(route, "/health")
            || is_under(route, "/api/cache") =>
        {
            &[Scope::OpsRead]
        }
        true => &[Scope::Read],
        false if route == PERSON && method != "DELETE" => &[Scope::UsersWrite, Scope::UsersAdmin],
        false if is_under(route, "/api/users") => &[Scope::UsersAdmin],
        false if is_under(route, "/api/tasks") => &[Scope::TasksWrite, Scope::Write],
        false if is_under(route, "/api/messages") || route.contains("/messages") => {
            &[Scope::MessagesWrite, Scope::Write]
        }
        false if is_under(route, "/api/channels") || is_under(route, "/api/categories") => {
            &[Scope::ChannelsWrite, Scope::Write]
        }
        false => &[Scope::Write],
    }
}

fn is_under(route: &str, start: &str) -> bool {
    route.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(scope: Scope, method: &str, route: &str) -> bool {
        Scopes::new([scope]).allow(method, route)
    }

    #[test]
    fn each_permission_is_asked_for_by_a_request_that_there_is() {
        let endpoints = include_str!("../../../../golden/endpoints.txt");
        let exists = |method: &str, path: &str| {
            endpoints.lines().any(|line| line.split_whitespace().take(2).eq([path, method]))
        };
        assert!(exists("POST", "/api/tasks") && !exists("POST", "/api/no-such-thing"));
        for permission in Permission::all() {
            let (method, path) = door(permission);
            assert!(exists(method, path), "{permission:?} is asked for by {method} {path}");
        }
    }

    #[test]
    fn each_route_needs_its_scope() {
        for (method, route, needs) in [
            ("GET", "/api/tasks/{id}", vec![Scope::Read]),
            ("GET", "/api/auth/me", vec![Scope::Read]),
            ("POST", "/api/tasks", vec![Scope::Write, Scope::TasksWrite]),
            ("DELETE", "/api/tasks/{id}", vec![Scope::Write, Scope::TasksWrite]),
            ("POST", "/api/channels/{id}/messages", vec![Scope::Write, Scope::MessagesWrite]),
            ("PUT", "/api/messages/{id}", vec![Scope::Write, Scope::MessagesWrite]),
            ("POST", "/api/channels", vec![Scope::Write, Scope::ChannelsWrite]),
            ("PUT", "/api/users/{id}", vec![Scope::UsersWrite, Scope::UsersAdmin]),
            ("PATCH", "/api/users/{id}", vec![Scope::UsersWrite, Scope::UsersAdmin]),
            ("DELETE", "/api/users/{id}", vec![Scope::UsersAdmin]),
            ("POST", "/api/users", vec![Scope::UsersAdmin]),
            ("POST", "/api/users/{id}/invite", vec![Scope::UsersAdmin]),
            ("POST", "/api/users/{id}/grants", vec![Scope::UsersAdmin]),
            ("POST", "/api/users/{id}/deactivate", vec![Scope::UsersAdmin]),
            ("POST", "/api/users/{id}/restore", vec![Scope::UsersAdmin]),
            ("POST", "/api/users/{id}/something/new", vec![Scope::UsersAdmin]),
            ("GET", "/api/audit", vec![Scope::AuditRead]),
            ("GET", "/metrics", vec![Scope::OpsRead]),
            ("POST", "/api/something/new", vec![Scope::Write]),
            ("GET", "/api/auditorium", vec![Scope::Read]),
        ] {
            for scope in Scope::ALL {
                let expected = needs.contains(&scope);
                assert_eq!(allowed(scope, method, route), expected, "{scope:?} {method} {route}");
            }
        }
    }

    #[test]
    fn of_an_edit_without_the_scope_of_admins_what_makes_somebody_rise_is_withheld() {
        let profiles = Scopes::new(Scope::ALL.into_iter().filter(|it| *it != Scope::UsersAdmin));
        for method in ["PUT", "PATCH"] {
            assert_eq!(profiles.withheld(method, PERSON), [Permission::UserManage]);
            assert!(Scopes::new([Scope::UsersAdmin]).withheld(method, PERSON).is_empty());
        }
        assert!(profiles.withheld("GET", "/api/users/{id}/grants").is_empty());
    }

    #[test]
    fn whoever_asks_what_they_may_hears_what_the_token_is_not_for() {
        let told = |scopes: &[Scope]| {
            Scopes::new(scopes.iter().copied()).withheld("GET", "/api/auth/explain")
        };
        let (reads, tasks) = (told(&[Scope::Read]), told(&[Scope::Read, Scope::TasksWrite]));

        assert!(reads.contains(&Permission::TaskUpdate) && !reads.contains(&Permission::TaskView));
        assert!(!tasks.contains(&Permission::TaskUpdate));
        assert!(tasks.contains(&Permission::MessageSend) && tasks.contains(&Permission::AuditRead));
        assert!(told(&Scope::ALL).is_empty());
    }

    #[test]
    fn a_token_makes_no_tokens_and_touches_no_login() {
        for (method, route) in [
            ("POST", "/api/tokens"),
            ("GET", "/api/tokens"),
            ("POST", "/api/auth/password"),
            ("POST", "/api/auth/totp"),
            ("GET", "/api/auth/sessions"),
            ("DELETE", "/api/auth/sessions/{id}"),
            ("POST", "/api/users/{id}/password-reset"),
            ("DELETE", "/api/users/{id}/sessions"),
            ("DELETE", "/api/users/{id}/totp"),
            ("GET", "/api/users/{id}/tokens"),
            ("POST", "/api/service-accounts"),
            ("POST", "/api/invitations"),
        ] {
            assert!(!Scopes::new(Scope::ALL).allow(method, route), "{method} {route}");
        }
    }

    #[test]
    fn a_name_is_read_back() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("admin"), None);
    }
}
