//! What can be wrong with a question.

use sayso_kernel::{Code, Fault};

/// The codes declared here: a question that cannot be read is a plain 422 at
/// its parameter.
pub const CODES: &[&Code] = &[];

/// More terms than a question may have.
pub fn too_many_terms(max: usize) -> Fault {
    let detail = format!("has more than {max} terms");
    Fault::at_parameter("q", "search.too_many_terms", detail)
}

/// `before:` or `after:` without a date.
pub fn not_a_date(text: &str) -> Fault {
    let detail = format!("`{text}` is neither a date nor a date-time with offset");
    Fault::at_parameter("q", "search.not_a_date", detail)
}

/// `status:` with something that no task can be.
pub fn not_a_status(text: &str) -> Fault {
    let detail = format!("`{text}` is none of todo, in_progress, review, done, cancelled");
    Fault::at_parameter("q", "search.not_a_status", detail)
}
