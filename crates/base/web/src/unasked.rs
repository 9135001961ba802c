//! Queries that nobody asked for.
//!
//! A route that takes a query says which parameters ([`crate::Params`]), and
//! those that it does not know are refused. A route that takes none says
//! nothing; here it is read from the document that it takes none, so that a
//! filter which is not there is not passed over quietly. Who has no business
//! there is told that first.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::Method;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr, SecurityRequirement};

use crate::identity::Identity;
use crate::params::{self, NoQuery};
use crate::problem::Problem;

/// The routes that take no query, by method and path, and whether each is open
/// to whoever has no token.
#[derive(Clone, Debug, Default)]
pub struct Unasked(Arc<HashMap<(Method, String), bool>>);

impl Unasked {
    /// Those of a document.
    #[must_use]
    pub fn of(document: &OpenApi) -> Self {
        let mut routes = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation.as_ref().filter(|it| !takes_query(it)) {
                    routes.insert((method, path.clone()), is_open(operation));
                }
            }
        }
        Self(Arc::new(routes))
    }

    /// Whether it is said of this request here that it asks what nobody answers.
    fn holds(&self, request: &Request) -> bool {
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let Some(path) = request.extensions().get::<MatchedPath>() else { return false };
        let is_open = self.0.get(&(method.clone(), path.as_str().to_owned()));
        let is_known = matches!(request.extensions().get(), Some(Identity::Known(_)));
        is_open.is_some_and(|is_open| *is_open || is_known)
    }
}

fn is_open(operation: &Operation) -> bool {
    operation.security.iter().flatten().any(|it| *it == SecurityRequirement::default())
}

fn takes_query(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    })
}

/// A step of the way in: 422 with every parameter, where a route takes none.
pub async fn refuse<F: Future<Output = Response>>(
    unasked: &Unasked,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let query = request.uri().query().filter(|query| !query.is_empty());
    if let Some(query) = query.filter(|_| unasked.holds(&request))
        && let Err(fault) = params::parse::<NoQuery>(query)
    {
        return Problem(fault).into_response();
    }
    next(request).await
}
