//! Only boundaries serialise: a model has no shape on the wire.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::tree::{Band, place, sources};

const LAW: &str = "Only boundaries serialise (view.rs, protocol.rs, events.rs); model.rs does not.";

/// Names that give a type a shape on the wire.
const SHAPES: [&str; 3] = ["Serialize", "Deserialize", "ToSchema"];

/// Every such name in the model of a domain crate.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for source in sources(root)? {
        let place = place(&source.path);
        if place.band != Band::Domain || !place.is_module("model") {
            continue;
        }
        for (at, word) in source.shipped_words().filter(|(_, word)| SHAPES.contains(word)) {
            let (file, line) = (source.path.clone(), source.line(at));
            breaches.push(Breach { law: LAW, file, line, found: format!("`{word}` is named") });
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn a_model_that_serialises_is_found_and_a_view_is_not() {
        let derived = "#[derive(Debug, serde::Serialize)]\npub struct Task;\nimpl<'de> \
                       Deserialize<'de> for Task {}\n";

        let found = breaches(
            check,
            &[
                ("crates/domain/tasks/src/model.rs", derived),
                ("crates/domain/tasks/src/view.rs", derived),
            ],
        );

        let file = "crates/domain/tasks/src/model.rs";
        assert_eq!(found, [format!("{file}:1"), format!("{file}:3")]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
