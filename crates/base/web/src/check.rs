//! Checks a value against a schema and names everything that is wrong, each
//! with its place.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::codes::field;
use crate::finding::{Finding, child};
use crate::shape::Shapes;

/// Errors of one value that are looked at, at the most. More than are ever
/// told, so that a small body is judged whole, and few enough that a large one
/// made of nothing but errors costs no more than a large valid one.
const LOOKED_AT_MAX: usize = 1000;

/// A schema, compiled once for a type.
pub(crate) struct Checker {
    validator: Validator,
    shapes: Shapes,
}

impl Checker {
    /// Compiles a schema. One that cannot be compiled is a bug in the type it
    /// was derived from, found by the first request of any test.
    pub(crate) fn of(document: &Value, name: &str) -> Self {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(document)
            .unwrap_or_else(|error| panic!("the schema of {name} does not compile: {error}"));
        Self { validator, shapes: Shapes::of(document) }
    }

    /// Puts the value right and answers everything that is wrong with it.
    pub(crate) fn check(&self, value: &mut Value) -> Vec<Finding> {
        self.shapes.put_right(value);
        let mut findings = Vec::new();
        for error in self.validator.iter_errors(value).take(LOOKED_AT_MAX) {
            self.collect(&error, &mut findings);
        }
        findings.sort();
        findings.dedup();
        findings
    }

    /// The value as the log may hold it.
    pub(crate) fn redacted(&self, value: &Value, is_valid: bool) -> Value {
        self.shapes.redacted(value, is_valid)
    }

    fn collect(&self, error: &ValidationError<'_>, findings: &mut Vec<Finding>) {
        let here = error.instance_path().as_str();
        let mut push = |pointer: String, code, detail: String| {
            findings.push(Finding { pointer, code, detail });
        };
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                push(child(here, name), field::REQUIRED, "is required".into());
            }
            Kind::AdditionalProperties { unexpected } => {
                for name in unexpected.iter().take(LOOKED_AT_MAX) {
                    push(child(here, name), field::UNKNOWN, "is not known".into());
                }
            }
            // A field that is wrong in itself is also not "evaluated"; that it
            // is wrong has been said already.
            Kind::UnevaluatedProperties { unexpected } => {
                let unknown = unexpected.iter().filter(|name| !self.shapes.knows(here, name));
                for name in unknown.take(LOOKED_AT_MAX) {
                    push(child(here, name), field::UNKNOWN, "is not known".into());
                }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                match likeliest(context, here) {
                    Some(errors) => errors.iter().for_each(|inner| self.collect(inner, findings)),
                    None => {
                        push(here.into(), field::INVALID, "has none of the allowed forms".into())
                    }
                }
            }
            kind => {
                let (code, detail) = describe(kind, error.instance());
                push(here.into(), code, detail);
            }
        }
    }
}

/// The alternative that was meant: the only one whose JSON type is right, or
/// among several the only one whose tag is.
fn likeliest<'a>(
    alternatives: &'a [Vec<ValidationError<'static>>],
    here: &str,
) -> Option<&'a [ValidationError<'static>]> {
    let of_type = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|error| {
            matches!(error.kind(), Kind::Type { .. }) && error.instance_path().as_str() == here
        })
    };
    let tagged = |errors: &&Vec<ValidationError<'static>>| {
        !errors
            .iter()
            .any(|error| matches!(error.kind(), Kind::Enum { .. } | Kind::Constant { .. }))
    };
    let candidates: Vec<_> = alternatives.iter().filter(of_type).collect();
    if let [only] = candidates[..] {
        return Some(only);
    }
    let candidates: Vec<_> = candidates.into_iter().filter(tagged).collect();
    match candidates[..] {
        [only] => Some(only),
        _ => None,
    }
}

fn describe(kind: &Kind, value: &Value) -> (&'static str, String) {
    match kind {
        Kind::Type { kind } => (field::TYPE, format!("must be of type {}", types(kind))),
        Kind::MinLength { .. } if value.as_str().is_some_and(str::is_empty) => {
            (field::BLANK, "must not be blank".into())
        }
        Kind::MinLength { limit } => {
            (field::TOO_SHORT, format!("must have at least {limit} characters"))
        }
        Kind::MaxLength { limit } => {
            (field::TOO_LONG, format!("must have at most {limit} characters"))
        }
        Kind::MinItems { limit } | Kind::MinProperties { limit } => {
            (field::TOO_FEW, format!("must have at least {limit} entries"))
        }
        Kind::MaxItems { limit } | Kind::MaxProperties { limit } => {
            (field::TOO_MANY, format!("must have at most {limit} entries"))
        }
        Kind::Minimum { limit } => (field::TOO_SMALL, format!("must be at least {limit}")),
        Kind::Maximum { limit } => (field::TOO_LARGE, format!("must be at most {limit}")),
        Kind::ExclusiveMinimum { limit } => (field::TOO_SMALL, format!("must be above {limit}")),
        Kind::ExclusiveMaximum { limit } => (field::TOO_LARGE, format!("must be below {limit}")),
        Kind::Enum { options } => (field::NOT_ALLOWED, format!("must be one of {options}")),
        Kind::Constant { expected_value } => {
            (field::NOT_ALLOWED, format!("must be {expected_value}"))
        }
        Kind::Format { format } => (field::FORMAT, format!("must be a valid {format}")),
        Kind::Pattern { pattern } => (field::FORMAT, format!("must match {pattern}")),
        Kind::UniqueItems => (field::REPEATED, "must not hold the same entry twice".into()),
        _ => (field::INVALID, "is not valid".into()),
    }
}

fn types(kind: &jsonschema::error::TypeKind) -> String {
    use jsonschema::error::TypeKind;
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => {
            many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// Makes the value out of what has been checked. What the schema could not
/// say (a number beyond its Rust type) is found here, one at a time.
pub(crate) fn into_type<T: DeserializeOwned>(value: Value) -> Result<T, Box<Finding>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), |pointer, segment| {
            use serde_path_to_error::Segment;
            match segment {
                Segment::Seq { index } => child(&pointer, &index.to_string()),
                Segment::Map { key } => child(&pointer, key),
                Segment::Enum { .. } | Segment::Unknown => pointer,
            }
        });
        let detail = error.into_inner().to_string();
        Box::new(Finding { pointer, code: field::INVALID, detail })
    })
}
