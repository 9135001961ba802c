//! A file of a migration, cut into statements and checked.

use super::error::MigrateError;
use super::split::{Statement, split};

/// Opens a file that runs outside a transaction.
const ALONE: &str = "-- no-transaction";

/// Statements that would end or split the transaction of a file, or claim one
/// where there is none.
const CONTROL: [&str; 9] =
    ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"];

/// What a file holds, and how it is to be run.
#[derive(Debug)]
pub(super) struct Script {
    /// The file's name, for messages.
    pub name: &'static str,
    /// All of it at once or not at all; else statement by statement.
    pub is_whole: bool,
    /// In order.
    pub statements: Vec<Statement<'static>>,
}

impl Script {
    /// Reads a file, and refuses what could not be run safely.
    pub fn parse(name: &'static str, text: &'static str) -> Result<Self, MigrateError> {
        let refused = |why: String| MigrateError::Malformed { name, why: why.into() };
        let is_whole = text.lines().next().is_none_or(|line| line.trim_end() != ALONE);
        let statements = split(text).map_err(|unended| refused(unended.to_string()))?;
        for statement in &statements {
            if let Some(why) = objection(statement, is_whole) {
                return Err(refused(format!("line {}: {why}", statement.line)));
            }
        }
        Ok(Self { name, is_whole, statements })
    }
}

/// What is wrong with a statement, if anything is.
fn objection(statement: &Statement<'_>, is_whole: bool) -> Option<&'static str> {
    if CONTROL.iter().any(|word| statement.begins(&[word])) {
        return Some("a migration does not begin or end transactions by itself");
    }
    if is_whole && is_concurrent(statement) {
        return Some("CONCURRENTLY needs a file that opens with `-- no-transaction`");
    }
    let makes_index =
        statement.begins(&["CREATE", "INDEX"]) || statement.begins(&["CREATE", "UNIQUE", "INDEX"]);
    if !is_whole && makes_index && concurrent_index(statement).is_none() {
        return Some(
            "in a `-- no-transaction` file an index is made by CREATE [UNIQUE] INDEX CONCURRENTLY \
             IF NOT EXISTS <name>, so that it can be made again after a kill",
        );
    }
    None
}

/// Whether it is one that waits for others without blocking them.
pub(super) fn is_concurrent(statement: &Statement<'_>) -> bool {
    statement.head.iter().take(4).any(|word| word.eq_ignore_ascii_case("CONCURRENTLY"))
}

/// The name of the index that the statement builds beside running writes.
pub(super) fn concurrent_index(statement: &Statement<'_>) -> Option<String> {
    const WORDS: [&str; 6] = ["CREATE", "INDEX", "CONCURRENTLY", "IF", "NOT", "EXISTS"];
    let mut words = statement.head.clone();
    if statement.begins(&["CREATE", "UNIQUE"]) {
        words.remove(1);
    }
    let name = words.get(WORDS.len())?;
    let matches = words.iter().zip(WORDS).all(|(word, known)| word.eq_ignore_ascii_case(known));
    matches.then(|| identifier(name))
}

/// A name as PostgreSQL stores it.
fn identifier(written: &str) -> String {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => written.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_whether_a_file_runs_as_a_whole() {
        for (text, is_whole) in [
            ("CREATE TABLE a ()", true),
            ("", true),
            ("-- no-transaction\nVACUUM", false),
            ("-- no-transaction  \r\nVACUUM", false),
            ("\n-- no-transaction\nVACUUM", true),
            ("-- no-transaction, please\nVACUUM", true),
        ] {
            assert_eq!(Script::parse("0001_a", text).expect(text).is_whole, is_whole, "{text:?}");
        }
    }

    #[test]
    fn what_could_not_be_run_safely_is_refused_with_its_line() {
        for (text, told) in [
            ("CREATE TABLE a ();\nCOMMIT", "line 2: a migration does not begin or end"),
            ("begin; SELECT 1", "line 1: a migration does not begin or end"),
            ("CREATE INDEX CONCURRENTLY a ON b (c)", "needs a file that opens with"),
            ("DROP INDEX CONCURRENTLY a", "needs a file that opens with"),
            ("-- no-transaction\n\nCREATE INDEX CONCURRENTLY a ON b (c)", "line 3: in a"),
            ("-- no-transaction\nCREATE INDEX IF NOT EXISTS a ON b (c)", "line 2: in a"),
            ("-- no-transaction\nCREATE INDEX CONCURRENTLY ON b (c)", "line 2: in a"),
            ("SELECT 'a", "a quote that begins in line 1 is never ended"),
        ] {
            let refused = Script::parse("0001_a", text).expect_err(text).to_string();
            assert!(refused.contains(told), "{text:?}: {refused}");
        }
    }

    #[test]
    fn the_index_a_statement_builds_beside_writes_is_known_by_its_stored_name() {
        for (text, name) in [
            ("CREATE INDEX CONCURRENTLY IF NOT EXISTS A_idx ON a (b)", Some("a_idx")),
            ("create unique index concurrently if not exists a_key on a (b)", Some("a_key")),
            ("CREATE INDEX CONCURRENTLY IF NOT EXISTS \"A \"\"b\" ON a (b)", Some("A \"b")),
            ("CREATE INDEX CONCURRENTLY a_idx ON a (b)", None),
            ("CREATE TABLE IF NOT EXISTS a ()", None),
            ("DROP INDEX CONCURRENTLY IF EXISTS a_idx", None),
        ] {
            let statements = split(text).expect(text);
            assert_eq!(concurrent_index(&statements[0]).as_deref(), name, "{text}");
        }
    }
}
