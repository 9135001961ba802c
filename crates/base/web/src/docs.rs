//! Adds what every route has in common to the OpenAPI document: the refusals.

use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::params::ITEMS_MAX;
use crate::problem;

/// A refusal, as it is documented; [`problem::body`] writes it.
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "it exists for its schema")]
struct ProblemView {
    /// Where the code is explained: `/docs/errors#<code>`.
    r#type: String,
    /// One sentence about the code.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A sentence about this occurrence.
    detail: String,
    /// `noun.reason`, stable.
    code: String,
    /// The id of the request, as in `X-Request-Id`.
    #[schema(rename = "requestId")]
    request_id: String,
    /// Everything that is wrong with the request, where it lies.
    #[schema(required = false)]
    errors: Option<Vec<ProblemEntry>>,
    /// The present state, when a version was stale.
    #[schema(required = false, value_type = Option<Object>)]
    current: Option<serde_json::Value>,
}

/// One thing that is wrong; it lies at one of `pointer`, `parameter`, `header`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it exists for its schema")]
struct ProblemEntry {
    /// A JSON pointer into the body, as a fragment: `#/members/0/role`.
    pointer: Option<String>,
    /// A query parameter.
    parameter: Option<String>,
    /// A request header.
    header: Option<String>,
    /// `noun.reason`, stable.
    code: String,
    /// A sentence for people.
    detail: String,
}

/// A refusal that a route can answer.
struct Refusal {
    status: &'static str,
    description: &'static str,
    applies: fn(&Route<'_>) -> bool,
}

struct Route<'a> {
    method: &'static str,
    path: &'a str,
    operation: &'a Operation,
}

impl Route<'_> {
    fn has_body(&self) -> bool {
        self.operation.request_body.is_some()
    }

    fn changes(&self) -> bool {
        self.method != "get"
    }

    /// A route is open when it says so: `security(())`.
    fn is_open(&self) -> bool {
        let needs = self.operation.security.as_deref().unwrap_or_default();
        needs.iter().any(|one| *one == utoipa::openapi::SecurityRequirement::default())
    }

    fn is_edit(&self) -> bool {
        matches!(self.method, "put" | "patch")
    }
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        status: "400",
        description: "The request could not be read",
        applies: |it| it.has_body(),
    },
    Refusal { status: "401", description: "No valid token", applies: |it| !it.is_open() },
    Refusal { status: "403", description: "Seen, but not allowed", applies: |it| !it.is_open() },
    Refusal { status: "404", description: "Absent or hidden", applies: |it| it.path.contains('{') },
    Refusal { status: "409", description: "Contradicts the state", applies: |it| it.changes() },
    Refusal {
        status: "410",
        description: "Gone for good: read afresh",
        applies: |it| it.path == "/api/events",
    },
    Refusal { status: "412", description: "The version is stale", applies: |it| it.is_edit() },
    Refusal { status: "413", description: "The body is too large", applies: |it| it.has_body() },
    Refusal {
        status: "415",
        description: "The media type is not taken",
        applies: |it| it.has_body(),
    },
    Refusal { status: "422", description: "Read, but not valid", applies: |_| true },
    Refusal { status: "428", description: "A version is required", applies: |it| it.is_edit() },
    Refusal { status: "429", description: "Too many requests", applies: |_| true },
    Refusal { status: "500", description: "A failure of ours", applies: |_| true },
    Refusal { status: "503", description: "Try again later", applies: |_| true },
];

/// Adds to every operation the refusals it can answer, and their schema.
pub fn add_problems(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.parameters.iter_mut().flatten().for_each(bound);
            add_to(method, path, operation);
        }
    }
    let components = document.components.get_or_insert_default();
    for refusal in REFUSALS {
        components.responses.insert(name(refusal), response(refusal));
    }
    let mut referenced = Vec::new();
    ProblemView::schemas(&mut referenced);
    components.schemas.extend(referenced);
    components.schemas.insert(ProblemView::name().into_owned(), ProblemView::schema());
}

/// Says how many values a parameter may have, where its type does not.
fn bound(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    if let Some(RefOr::T(Schema::Array(list))) = &mut parameter.schema {
        list.max_items.get_or_insert(ITEMS_MAX);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn add_to(method: &'static str, path: &str, operation: &mut Operation) {
    let route = Route { method, path, operation };
    let applying: Vec<_> = REFUSALS.iter().filter(|it| (it.applies)(&route)).collect();
    for refusal in applying {
        let reference = RefOr::Ref(Ref::from_response_name(name(refusal)));
        operation.responses.responses.entry(refusal.status.to_owned()).or_insert(reference);
    }
}

fn name(refusal: &Refusal) -> String {
    format!("Problem{}", refusal.status)
}

fn response(refusal: &Refusal) -> RefOr<utoipa::openapi::Response> {
    let schema = Ref::from_schema_name(ProblemView::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(refusal.description)
        .content(problem::MEDIA_TYPE, content)
        .build()
        .into()
}
