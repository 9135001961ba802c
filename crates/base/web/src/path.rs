//! Ids in paths. One that is malformed names nothing: 404.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use sayso_kernel::fault::NOT_FOUND;

use crate::problem::Problem;

/// The one id of a path.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

/// The two ids of a path, in the order in which they stand.
#[derive(Clone, Copy, Debug)]
pub struct PathIds<A, B>(pub A, pub B);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(nth(&params, 0)?))
    }
}

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(nth(&params, 0)?, nth(&params, 1)?))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::new(&NOT_FOUND))
}

fn nth<T: FromStr>(params: &RawPathParams, index: usize) -> Result<T, Problem> {
    let value = params.iter().nth(index).and_then(|(_, value)| value.parse().ok());
    value.ok_or_else(|| Problem::new(&NOT_FOUND))
}
