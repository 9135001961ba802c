//! Rate limits.

use crate::section::section;

section! {
    /// Rate limits.
    Limits in "limits" {
        /// Whether callers are limited. Off only for measurements.
        enabled: bool = true, "true or false";
    }
}
