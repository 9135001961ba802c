//! The query of a request, checked against the parameters of its type.

use axum::extract::FromRequestParts;
use http::request::Parts;
use sayso_kernel::Fault;
use sayso_kernel::fault::INVALID;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::check::{self, Checker};
use crate::codes::field;
use crate::compiled::PerType;
use crate::finding::{Finding, child};
use crate::problem::Problem;
use crate::{query, schema, shape};

/// Values of one parameter that are looked at, at the most.
const VALUES_MAX: usize = 1000;
/// Values that a parameter may have where its type does not say.
pub(crate) const ITEMS_MAX: usize = 100;

static QUESTIONS: PerType<Question> = PerType::new();

/// The query of a request: names and types as [`IntoParams`] states them for
/// the OpenAPI document, unknown names refused, all that is wrong answered at
/// once. A parameter with several values takes repeats and commas.
///
/// Enumerations among the parameters need `#[param(inline)]`: a parameter
/// cannot bring along what it refers to.
#[derive(Clone, Debug)]
pub struct Params<T>(pub T);

/// For routes that take no query at all: `Params<NoQuery>`.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub struct NoQuery {}

impl<T, S> FromRequestParts<S> for Params<T>
where
    T: DeserializeOwned + IntoParams + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parse(parts.uri.query().unwrap_or_default())?))
    }
}

/// Reads a query string, as [`Params`] does.
///
/// # Errors
/// 422 with everything that is wrong.
pub fn parse<T: DeserializeOwned + IntoParams + 'static>(raw: &str) -> Result<T, Fault> {
    let question = QUESTIONS.of::<T>(Question::of::<T>);
    let (mut value, mut findings) = question.gather(raw);
    findings.extend(question.checker.check(&mut value));
    if findings.is_empty() {
        return check::into_type(value).map_err(|finding| invalid(vec![*finding]));
    }
    Err(invalid(findings))
}

fn invalid(mut findings: Vec<Finding>) -> Fault {
    findings.sort();
    // What could not be read has no value, and must not also be "required".
    findings.dedup_by(|later, first| later.pointer == first.pointer);
    Fault::new(&INVALID).with_all(findings.into_iter().map(Finding::at_parameter))
}

/// The parameters of one type.
struct Question {
    names: Map<String, Value>,
    checker: Checker,
}

impl Question {
    fn of<T: IntoParams>() -> Self {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        let required: Vec<_> = parameters
            .iter()
            .filter(|parameter| matches!(parameter.required, Required::True))
            .map(|parameter| parameter.name.clone())
            .collect();
        let names: Map<_, _> =
            parameters.into_iter().map(|it| (it.name.clone(), schema_of(&it))).collect();
        let document = schema::tightened(json!({
            "type": "object", "properties": names, "required": required,
        }));
        let checker = Checker::of(&document, std::any::type_name::<T>());
        Self { names, checker }
    }

    /// The query as one object, every value in the JSON type that is asked
    /// for, as far as it can be read as such.
    fn gather(&self, raw: &str) -> (Value, Vec<Finding>) {
        let mut object = Map::new();
        let mut findings = Vec::new();
        for (name, value) in query::pairs(raw) {
            let (Ok(name), Ok(value)) = (name, value) else {
                findings.push(finding("", field::CHARACTERS, "the query is not UTF-8"));
                continue;
            };
            if name.contains('\0') || value.contains('\0') {
                findings.push(finding(&name, field::CHARACTERS, "must not contain NUL"));
                continue;
            }
            // An unknown name is gathered, so that it is found with the rest.
            let schema = self.names.get(&name).and_then(Value::as_object);
            match schema.filter(|schema| shape::has(schema, "type", "array")) {
                Some(schema) => add(&mut object, name, &value, schema),
                None if object.contains_key(&name) => {
                    findings.push(finding(&name, field::REPEATED, "was sent more than once"));
                }
                None => {
                    object.insert(name, schema.map_or(Value::Null, |schema| read(&value, schema)));
                }
            }
        }
        (Value::Object(object), findings)
    }
}

fn schema_of(parameter: &Parameter) -> Value {
    let mut schema = serde_json::to_value(&parameter.schema).expect("a schema is plain JSON");
    if let Some(schema) = schema.as_object_mut().filter(|it| shape::has(it, "type", "array")) {
        schema.entry("maxItems").or_insert_with(|| ITEMS_MAX.into());
    }
    schema
}

fn finding(name: &str, code: &'static str, detail: &str) -> Finding {
    Finding { pointer: child("", name), code, detail: detail.into() }
}

/// Adds the values of one repeat of a parameter that takes several.
fn add(object: &mut Map<String, Value>, name: String, raw: &str, schema: &Map<String, Value>) {
    let entry = schema.get("items").and_then(Value::as_object);
    let held = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(held) = held else { return };
    let room = VALUES_MAX.saturating_sub(held.len());
    let values = raw.split(',').take(room);
    held.extend(values.map(|one| entry.map_or_else(|| one.into(), |entry| read(one, entry))));
}

/// Reads a text as the JSON type that is asked for; one that cannot be read so
/// stays a text, and the check says what it should have been.
fn read(raw: &str, schema: &Map<String, Value>) -> Value {
    let is = |name| shape::has(schema, "type", name);
    let read = if is("integer") {
        raw.parse::<i64>().ok().map(Value::from)
    } else if is("number") {
        raw.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number)
    } else if is("boolean") {
        raw.parse::<bool>().ok().map(Value::from)
    } else {
        None
    };
    read.unwrap_or_else(|| raw.into())
}
