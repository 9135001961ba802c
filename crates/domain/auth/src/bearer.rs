//! Who a request comes from: the one door for HTTP and sockets.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use sayso_access::{Actor, Ctx, Origin, Permission, Via};
use sayso_kernel::secret::sha256;
use sayso_kernel::{Fault, Kind, Timestamp};
use sayso_web::limits::{self, Limiter};
use sayso_web::{CalledBy, CallerId, Class, Identity, Problem, problem};

use crate::error::{
    SCOPE_MISSING, SESSION_REVOKED, TOKEN_EXPIRED, TOKEN_INVALID, TOTP_REQUIRED, WRONG_PROOFS,
};
use crate::model::{SessionState, TokenState, Verified};
use crate::refusals::{CONNECT, Refusals};
use crate::scope::{Scope, Scopes};
use crate::token::Claims;
use crate::{AuthState, Keys, api_token, repo, rotation};

/// What a request passes before its route: who asks; who is refused what, which
/// is noted; how often they may; and what their token is for. In this order, so
/// that whatever is refused is counted and noted, also what the token refuses.
///
/// 503 when a token came and the database cannot be asked about it.
pub async fn come_in<F: Future<Output = Response>>(
    (auth, limiter, refusals): (&AuthState, &Limiter, &Refusals),
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let (request, reach) = match identify(auth, request).await {
        Ok(identified) => identified,
        Err(fault) => return Problem(fault).into_response(),
    };
    let within = |request| keep_within(&reach, request, next);
    let limited = |request| limits::limit(limiter, request, within);
    watch(refusals, request, limited).await
}

/// Puts an [`Identity`] into the request. What it means for a route, the route
/// decides; how far it reaches, [`keep_within`].
async fn identify(auth: &AuthState, mut request: Request) -> Result<(Request, Reach), Fault> {
    let (identity, reach) = sayso_db::uncounted(identity(auth, request.headers())).await?;
    if let (Identity::Known(actor), Some(told)) =
        (&identity, request.extensions().get::<CalledBy>())
    {
        told.say(reach.caller(actor));
    }
    request.extensions_mut().insert(identity);
    Ok((request, reach))
}

/// What an API token may be used for, and what is open to whoever still lacks
/// the second factor of their role, is decided here, for all routes alike.
async fn keep_within<F: Future<Output = Response>>(
    reach: &Reach,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", |path| path.as_str());
    let method = request.method().as_str();
    if let Err(fault) = reach.admit(method, route) {
        return Problem(fault).into_response();
    }
    let withheld = reach.withheld(method, route);
    if !withheld.is_empty()
        && let Some(identity) = request.extensions_mut().remove::<Identity>()
    {
        request.extensions_mut().insert(identity.without(&withheld));
    }
    next(request).await
}

/// Notes who was refused what.
pub async fn watch<F: Future<Output = Response>>(
    refusals: &Refusals,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let identity = request.extensions().get::<Identity>().cloned();
    let ctx = request.extensions().get::<Ctx>().cloned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = next(request).await;
    let (Some(route), Some(ctx)) = (route, ctx) else { return response };
    if is_noted(identity.as_ref(), (&method, &route), &response) {
        let ctx = match identity {
            Some(Identity::Known(actor)) => ctx.acting_as(actor),
            _ => ctx,
        };
        refusals.note(&ctx, (method.to_string(), route), response.status().as_u16());
    }
    response
}

/// Where nobody is known yet, and what is presented was not right.
const ANONYMOUS: [(&str, StatusCode); 2] =
    [("/api/auth/refresh", StatusCode::UNAUTHORIZED), ("/api/setup", StatusCode::NOT_FOUND)];

/// Whether an answer is a refusal that is to be written down.
fn is_noted(
    identity: Option<&Identity>,
    (method, route): (&Method, &str),
    response: &Response,
) -> bool {
    let status = response.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            // Whoever sends no token is asked for one: nothing was refused yet.
            matches!(identity, Some(Identity::Known(_) | Identity::Refused(_)))
                || ANONYMOUS.contains(&(route, status))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let class = Class::of(method, route, &HeaderMap::new());
            matches!(class, Some(Class::Login | Class::Proof))
        }
        StatusCode::UNPROCESSABLE_ENTITY => problem::fault_of(response).is_some_and(|fault| {
            fault.errors().iter().any(|error| WRONG_PROOFS.contains(&error.code))
        }),
        _ => false,
    }
}

async fn identity(auth: &AuthState, headers: &HeaderMap) -> Result<(Identity, Reach), Fault> {
    let token = match bearer(headers) {
        Sent::Nothing => return Ok((Identity::Anonymous, Reach::All)),
        Sent::Garbage => return Ok((Identity::Refused(&TOKEN_INVALID), Reach::All)),
        Sent::Token(token) => token,
    };
    match enter(auth, token).await {
        Ok(entered) => Ok((Identity::Known(entered.actor), entered.reach)),
        Err(fault) if fault.kind() == Kind::Unauthenticated => {
            Ok((Identity::Refused(fault.code()), Reach::All))
        }
        Err(fault) => Err(fault),
    }
}

/// What a token opens, before what its person may.
enum Reach {
    /// Everything.
    All,
    /// What it takes to set up a second factor.
    Door,
    /// What these scopes say.
    Scopes(Scopes),
}

impl Reach {
    /// Who comes with such a token: a person, or a program that acts for one.
    fn caller(&self, actor: &Actor) -> CallerId {
        match self {
            Self::All | Self::Door => CallerId::Person(actor.user_id),
            Self::Scopes(_) => CallerId::Token(actor.session_id),
        }
    }

    fn admit(&self, method: &str, route: &str) -> Result<(), Fault> {
        match self {
            Self::Door if !route.starts_with("/api/auth/") => Err(Fault::new(&TOTP_REQUIRED)),
            Self::Scopes(scopes) if !scopes.allow(method, route) => Err(Fault::new(&SCOPE_MISSING)),
            _ => Ok(()),
        }
    }

    /// What of a request that is admitted may not be done.
    fn withheld(&self, method: &str, route: &str) -> Vec<Permission> {
        match self {
            Self::All | Self::Door => Vec::new(),
            Self::Scopes(scopes) => scopes.withheld(method, route),
        }
    }

    fn admit_socket(&self) -> Result<(), Fault> {
        match self {
            Self::Door => Err(Fault::new(&TOTP_REQUIRED)),
            Self::Scopes(scopes) if !scopes.has(Scope::Socket) => Err(Fault::new(&SCOPE_MISSING)),
            _ => Ok(()),
        }
    }
}

/// Who a token lets in.
struct Entered {
    actor: Actor,
    expires_at: Timestamp,
    reach: Reach,
}

impl Entered {
    fn for_a_socket(self) -> Result<Verified, Fault> {
        let Self { actor, expires_at, reach } = self;
        reach.admit_socket()?;
        let scopes = match reach {
            Reach::Scopes(scopes) => Some(scopes),
            Reach::All | Reach::Door => None,
        };
        Ok(Verified { actor, expires_at, scopes })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Sent<'a> {
    Nothing,
    Garbage,
    Token(&'a str),
}

/// The token of the `Authorization` header. Other schemes than Bearer are none
/// of ours; two headers could be read in two ways, and are refused.
fn bearer(headers: &HeaderMap) -> Sent<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Sent::Nothing };
    if values.next().is_some() {
        return Sent::Garbage;
    }
    let Ok(text) = value.to_str() else { return Sent::Garbage };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Sent::Nothing;
    }
    Sent::Token(token.trim())
}

/// Checks a token as a socket brings it, and marks the first use of the pair it
/// belongs to, before anything is done in its name.
///
/// # Errors
/// 401 `auth.token_invalid`, `auth.token_expired` or `auth.session_revoked`;
/// 403 for an API token that is not for sockets, and for whoever lacks the
/// second factor of their role; 503 when the database cannot be asked.
pub async fn verify(auth: &AuthState, token: &str) -> Result<Verified, Fault> {
    enter(auth, token).await?.for_a_socket()
}

/// As [`verify`], of whoever wants a socket; notes who was refused, as [`watch`]
/// does of requests.
///
/// # Errors
/// As [`verify`].
pub async fn let_in(
    auth: &AuthState,
    refusals: &Refusals,
    (token, origin): (&str, &Origin),
) -> Result<Verified, Fault> {
    let entered = enter(auth, token).await;
    let comer = entered.as_ref().ok().map(|entered| entered.actor.clone());
    let outcome = entered.and_then(Entered::for_a_socket);
    if let Err(fault) = &outcome {
        let (clock, random) = (auth.app.clock.clone(), auth.app.random.clone());
        let ctx = Ctx { actor: comer, ..Ctx::of_socket(origin.clone(), clock, random) };
        refusals.note_socket(&ctx, CONNECT, fault);
    }
    outcome
}

/// Whoever comes in was seen: people, and the programs that act for them.
///
/// Who it is, is known from memory as a rule. What asks the database is large
/// and seldom done, so it is put aside: else every request would carry it.
async fn enter(auth: &AuthState, token: &str) -> Result<Entered, Fault> {
    let now = auth.app.clock.now();
    let entered = if api_token::is_one(token) {
        Box::pin(enter_by_api_token(auth, token, now)).await?
    } else {
        enter_by_session(auth, token, now).await?
    };
    auth.activity.note(&entered.actor, now);
    Ok(entered)
}

async fn enter_by_api_token(
    auth: &AuthState,
    token: &str,
    now: Timestamp,
) -> Result<Entered, Fault> {
    let TokenState { id, user_id, role, time_zone, givens, expires_at, scopes, .. } =
        api_token::enter(auth, token, now).await?;
    let actor = Actor { user_id, session_id: id, role, time_zone, givens };
    Ok(Entered { actor, expires_at, reach: Reach::Scopes(scopes) })
}

async fn enter_by_session(auth: &AuthState, token: &str, now: Timestamp) -> Result<Entered, Fault> {
    let claims = claims(auth, token, now).await?;
    let state = session(auth, &claims, now).await?;
    let is_due = auth.rules.asks_second_factor(state.role) && !state.has_second_factor;
    let reach = if is_due { Reach::Door } else { Reach::All };
    let expires_at = Timestamp::from_second(claims.exp).map_err(Fault::internal)?;
    let SessionState { user_id, role, time_zone, givens, .. } = state;
    let actor = Actor { user_id, session_id: claims.sid, role, time_zone, givens };
    Ok(Entered { actor, expires_at, reach })
}

/// What a token says, once its signature was found good. A key that is not
/// known may be another node's new one.
async fn claims(auth: &AuthState, token: &str, now: Timestamp) -> Result<Arc<Claims>, Fault> {
    let print = sha256(&[token.as_bytes()]);
    if let Some(claims) = auth.memory.claims(&print) {
        Keys::timely(&claims, now)?;
        return Ok(claims);
    }
    let mark = auth.memory.mark();
    let mut verified = auth.keys.verify(token, now);
    if verified.is_err() && auth.keys.lacks_key_of(token) && rotation::may_ask(&auth.keys) {
        Box::pin(rotation::read_again(auth)).await?;
        verified = auth.keys.verify(token, now);
    }
    let claims = Arc::new(verified?);
    auth.memory.keep_claims(mark, print, Arc::clone(&claims));
    Ok(claims)
}

/// The session of a token that lets it in: as it is remembered, while this
/// node's view of the log is fresh, else as the database has it.
async fn session(auth: &AuthState, claims: &Claims, now: Timestamp) -> Result<SessionState, Fault> {
    let key = (claims.sid, claims.r#gen);
    if auth.app.hub.is_fresh()
        && let Some(state) = auth.memory.session(key.0, key.1)
    {
        admit(&state, claims, now)?;
        return Ok(state);
    }
    Box::pin(session_of_database(auth, claims, now)).await
}

async fn session_of_database(
    auth: &AuthState,
    claims: &Claims,
    now: Timestamp,
) -> Result<SessionState, Fault> {
    let key = (claims.sid, claims.r#gen);
    let mark = auth.memory.mark();
    let state = repo::state(&mut auth.app.db.read(), key.0, key.1, now).await?;
    let mut state = state.ok_or_else(|| Fault::new(&SESSION_REVOKED))?;
    if !admit(&state, claims, now)? {
        mark_used(auth, claims, now).await?;
    }
    state.pair_used = Some(true);
    auth.memory.keep_session(mark, key, state.clone());
    Ok(state)
}

/// Whether the session lets the token in; answers whether its pair was used
/// before.
fn admit(state: &SessionState, claims: &Claims, now: Timestamp) -> Result<bool, Fault> {
    if state.is_ended || !state.may_enter {
        return Err(Fault::new(&SESSION_REVOKED));
    }
    if state.expires_at <= now {
        return Err(Fault::new(&TOKEN_EXPIRED));
    }
    if state.user_id != claims.sub {
        return Err(Fault::new(&TOKEN_INVALID));
    }
    state.pair_used.ok_or_else(|| Fault::new(&TOKEN_INVALID))
}

/// A trace of use, once a pair: no fact.
async fn mark_used(auth: &AuthState, claims: &Claims, now: Timestamp) -> Result<(), Fault> {
    let app = &auth.app;
    let ctx = Ctx::anonymous(Via::System, app.clock.clone(), app.random.clone());
    let (session, generation) = (claims.sid, claims.r#gen);
    let work = async move |tx: &mut sayso_db::Tx, _: &Ctx| {
        Ok(repo::mark_used(tx, session, generation, now).await?)
    };
    app.db.transaction(&ctx, work).await
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn sent(values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value)));
        values.collect()
    }

    #[test]
    fn one_bearer_token_is_read_whatever_the_case_of_the_scheme() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer(&sent(&[value])), Sent::Token("abc"), "{value}");
        }
        assert_eq!(bearer(&sent(&["Bearer"])), Sent::Token(""));
        assert_eq!(bearer(&sent(&[])), Sent::Nothing);
        assert_eq!(bearer(&sent(&["Basic YTpi"])), Sent::Nothing);
    }

    #[test]
    fn two_headers_are_refused() {
        assert_eq!(bearer(&sent(&["Bearer abc", "Bearer def"])), Sent::Garbage);
    }
}
