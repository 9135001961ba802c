//! Who a request comes from: the one door for HTTP and sockets.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use sayso_access::{Actor, Ctx, Via};
use sayso_kernel::{Fault, Kind, Timestamp};
use sayso_web::{Identity, Problem};

use crate::error::{SESSION_REVOKED, TOKEN_EXPIRED, TOKEN_INVALID};
use crate::model::{SessionState, Verified};
use crate::refusals::{Refusal, Refusals, RefusedActor};
use crate::token::Claims;
use crate::{AuthState, repo};

/// Middleware: puts an [`Identity`] into the request. What it means for a
/// route, the route decides. 503 when a token came and the database cannot be
/// asked about it.
pub async fn identify(State(auth): State<AuthState>, mut request: Request, next: Next) -> Response {
    match identity(&auth, request.headers()).await {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(fault) => Problem(fault).into_response(),
    }
}

/// Middleware, inside of [`identify`]: notes who was refused what.
pub async fn watch(State(refusals): State<Refusals>, request: Request, next: Next) -> Response {
    let identity = request.extensions().get::<Identity>().cloned();
    let address = request.extensions().get::<Ctx>().and_then(|ctx| ctx.origin.address.clone());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().to_string();
    let response = next.run(request).await;
    let status = response.status();
    let actor = match &identity {
        Some(Identity::Known(actor)) => Some(RefusedActor::from(actor)),
        // Whoever sends no token is asked for one: nothing was refused yet.
        Some(Identity::Refused(_)) => None,
        _ => return response,
    };
    let is_refusal =
        matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    if let (true, Some(route)) = (is_refusal, route) {
        refusals.note(Refusal { actor, address, method, route, status: status.as_u16() });
    }
    response
}

async fn identity(auth: &AuthState, headers: &HeaderMap) -> Result<Identity, Fault> {
    let token = match bearer(headers) {
        Sent::Nothing => return Ok(Identity::Anonymous),
        Sent::Garbage => return Ok(Identity::Refused(&TOKEN_INVALID)),
        Sent::Token(token) => token,
    };
    match verify(auth, token).await {
        Ok(verified) => Ok(Identity::Known(verified.actor)),
        Err(fault) if fault.kind() == Kind::Unauthenticated => Ok(Identity::Refused(fault.code())),
        Err(fault) => Err(fault),
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

/// Checks an access token and the session it names, and marks the first use
/// of the pair it belongs to, before anything is done in its name.
///
/// # Errors
/// 401 `auth.token_invalid`, `auth.token_expired` or `auth.session_revoked`;
/// 503 when the database cannot be asked.
pub async fn verify(auth: &AuthState, token: &str) -> Result<Verified, Fault> {
    let now = auth.app.clock.now();
    let claims = auth.keys.verify(token, now)?;
    let state = repo::state(&mut auth.app.db.read(), claims.sid, claims.r#gen, now).await?;
    let state = state.ok_or_else(|| Fault::new(&SESSION_REVOKED))?;
    if !admit(&state, &claims, now)? {
        mark_used(auth, &claims, now).await?;
    }
    let expires_at = Timestamp::from_second(claims.exp).map_err(Fault::internal)?;
    let SessionState { user_id, role, time_zone, givens, .. } = state;
    auth.activity.note(user_id, now);
    let actor = Actor { user_id, session_id: claims.sid, role, time_zone, givens };
    Ok(Verified { actor, expires_at })
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
