//! Transactions are opened and closed by base/db alone, so none is forgotten.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::tree::{Band, place, sources};

const LAW: &str = "One transaction, no forgotten commit: only base/db and base/events open and \
                   close transactions.";

/// Statements that begin or end one.
const STATEMENTS: [&str; 3] = ["BEGIN", "COMMIT", "ROLLBACK"];

/// Every commit, rollback or such statement in domain and edge, tests excepted.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for source in sources(root)? {
        if !matches!(place(&source.path).band, Band::Domain | Band::Edge) {
            continue;
        }
        let calls = source.shipped_words().filter(|(at, word)| {
            matches!(*word, "commit" | "rollback") && source.code[..*at].ends_with('.')
        });
        let calls = calls.map(|(at, word)| (at, format!("`.{word}`")));
        let literals = source.literals.iter().filter(|one| !source.is_test(one.at));
        let statements = literals.filter_map(|one| {
            let first = one.text.split([' ', ';', '\n']).find(|word| !word.is_empty())?;
            STATEMENTS.contains(&first).then(|| (one.at, format!("the statement {first}")))
        });
        breaches.extend(calls.chain(statements).map(|(at, found)| Breach {
            law: LAW,
            file: source.path.clone(),
            line: source.line(at),
            found,
        }));
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn a_hand_made_transaction_is_found_in_domain_and_edge_only() {
        let text = "fn a() {\n    tx.commit();\n    client.run(\"BEGIN; x\");\n}\nfn commit() {}\n";

        let found = breaches(
            check,
            &[("crates/domain/tasks/src/repo.rs", text), ("crates/base/db/src/tx.rs", text)],
        );

        let file = "crates/domain/tasks/src/repo.rs";
        assert_eq!(found, [format!("{file}:2"), format!("{file}:3")]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
