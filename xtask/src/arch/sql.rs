//! SQL has one home a crate.
//!
//! Looks at the first word of each string literal, so it knows a statement
//! wherever it is written, and does not mistake prose that begins like one.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::tree::{Band, Place, place, sources};

const LAW: &str = "In a domain crate, and in the command line, SQL lives in repo.rs; besides only in \
                   base/db, base/events, base/cache and the testkit.";

/// Rooms of base whose work is the database itself.
const STORES: [&str; 4] = ["db", "events", "cache", "testkit"];

/// What a statement begins with, which word must follow (`DELETE` alone is also
/// a method of HTTP), and what a lower-case one must hold to be told from a
/// sentence.
const VERBS: [(&str, Option<&str>, &str); 6] = [
    ("SELECT", None, " from "),
    ("INSERT", Some("INTO"), "insert into "),
    ("UPDATE", None, " set "),
    ("DELETE", Some("FROM"), "delete from "),
    ("WITH", None, " as ("),
    ("TRUNCATE", None, "truncate table "),
];

/// Every statement outside the homes of SQL, tests excepted: they look at rows.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for source in sources(root)? {
        if may_hold_sql(&place(&source.path)) {
            continue;
        }
        for literal in source.literals.iter().filter(|one| !source.is_test(one.at)) {
            if let Some(found) = statement(&literal.text) {
                let (file, line) = (source.path.clone(), source.line(literal.at));
                breaches.push(Breach { law: LAW, file, line, found });
            }
        }
    }
    Ok(breaches)
}

fn may_hold_sql(place: &Place<'_>) -> bool {
    match place.band {
        Band::Base => STORES.contains(&place.room),
        Band::Domain => place.is_module("repo"),
        // Companies are laid in whole, across the domains.
        Band::Edge => place.room == "cli" && place.is_module("repo"),
        Band::Outside => true,
    }
}

/// What makes the literal a statement, if it is one.
fn statement(literal: &str) -> Option<String> {
    if literal.ends_with(".sql") {
        return Some(format!("a file of SQL is named, `{literal}`"));
    }
    // A statement may open with comments that say why, or in parentheses.
    let uncommented = literal.lines().skip_while(|line| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with("--")
    });
    let text = uncommented.collect::<Vec<_>>().join(" ");
    let text = text.trim_start().trim_start_matches('(').trim_start();
    let mut words = text.split_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    let (verb, ..) = VERBS.iter().find(|(verb, follows, telltale)| {
        (first == *verb && follows.is_none_or(|word| word == second))
            || (first == verb.to_lowercase() && text.contains(telltale))
    })?;
    Some(format!("a literal that begins with {verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn a_statement_in_a_service_is_found_with_its_line() {
        let text = "//! S.\n\nconst A: &str = \"SELECT 1\";\nconst B: &str = r#\"\n  -- why\n  \
                    INSERT INTO tasks\"#;\n";

        let found = breaches(check, &[("crates/domain/tasks/src/service.rs", text)]);

        let file = "crates/domain/tasks/src/service.rs";
        assert_eq!(found, [format!("{file}:3"), format!("{file}:4")]);
    }

    #[test]
    fn every_verb_is_known_in_capitals_and_small() {
        for sql in [
            "SELECT 1",
            "(SELECT 1)",
            "INSERT INTO t",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "WITH a AS (SELECT 1)",
            "select a from t",
            "update t set a = 1",
            "delete from t",
            "insert into t values (1)",
            "with a as (select 1)",
            "queries/list.sql",
        ] {
            assert!(statement(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn a_sentence_is_no_statement() {
        for prose in [
            "Select one",
            "with a smile",
            "update",
            "UPDATED",
            "selection",
            "delete it",
            "DELETE",
            "DELETE /api/tasks",
            "",
        ] {
            assert_eq!(statement(prose), None, "{prose}");
        }
    }

    #[test]
    fn repositories_stores_tests_and_comments_may_hold_sql() {
        let sql = "const A: &str = \"SELECT 1\";";
        let in_tests = "// \"SELECT 1\"\n#[cfg(test)]\nmod tests { const A: &str = \"SELECT 1\"; }";

        let found = breaches(
            check,
            &[
                ("crates/domain/tasks/src/repo.rs", sql),
                ("crates/domain/tasks/src/repo/list.rs", sql),
                ("crates/domain/tasks/tests/repo.rs", sql),
                ("crates/domain/tasks/src/policy.rs", in_tests),
                ("crates/base/db/src/tx.rs", sql),
                ("crates/base/events/src/sequencer.rs", sql),
            ],
        );

        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn neither_the_edge_nor_the_rest_of_base_holds_sql() {
        let sql = "const A: &str = \"SELECT 1\";";

        let found = breaches(
            check,
            &[("crates/base/web/src/a.rs", sql), ("crates/edge/api/src/repo.rs", sql)],
        );

        assert_eq!(found, ["crates/base/web/src/a.rs:1", "crates/edge/api/src/repo.rs:1"]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
