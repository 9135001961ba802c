//! Cuts a file of SQL into its statements.
//!
//! Not a parser: it knows only what a `;` can hide in (strings, quoted names,
//! dollar quotes, comments, parentheses, the bodies of SQL functions). What it
//! would cut wrongly, PostgreSQL refuses as a whole.

/// Words at the beginning of a statement that are kept for a look at its kind.
const HEAD_MAX: usize = 8;

/// One statement of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Its text, without the `;` and without what stands before its first word.
    pub text: &'a str,
    /// The line it begins in, from 1.
    pub line: usize,
    /// Its first words and quoted names, as written.
    pub head: Vec<&'a str>,
}

impl Statement<'_> {
    /// Whether it begins with these words.
    pub fn begins(&self, words: &[&str]) -> bool {
        self.head.len() >= words.len()
            && self.head.iter().zip(words).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

/// What was begun and never ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} that begins in line {line} is never ended")]
pub struct Unended {
    what: &'static str,
    line: usize,
}

/// All statements of the text, in order.
pub(super) fn split(text: &str) -> Result<Vec<Statement<'_>>, Unended> {
    let mut splitter = Splitter {
        text,
        at: 0,
        start: None,
        head: Vec::new(),
        parens: 0,
        blocks: 0,
        found: Vec::new(),
    };
    splitter.run()?;
    Ok(splitter.found)
}

struct Splitter<'a> {
    text: &'a str,
    at: usize,
    /// Where the statement began, once it has.
    start: Option<usize>,
    head: Vec<&'a str>,
    parens: usize,
    /// `BEGIN ATOMIC` and `CASE` that are open in the body of a SQL function.
    blocks: usize,
    found: Vec<Statement<'a>>,
}

impl<'a> Splitter<'a> {
    fn run(&mut self) -> Result<(), Unended> {
        while let Some(next) = self.rest().chars().next() {
            let rest = self.rest();
            if next.is_whitespace() {
                self.at += next.len_utf8();
            } else if rest.starts_with("--") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.skip_comment()?;
            } else if next == ';' && self.parens == 0 && self.blocks == 0 {
                self.end_statement();
                self.at += 1;
            } else {
                self.start.get_or_insert(self.at);
                self.skip_token(next)?;
            }
        }
        if self.blocks > 0 || self.parens > 0 {
            return Err(self.unended("a block or parenthesis", self.start.unwrap_or(0)));
        }
        self.end_statement();
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn end_statement(&mut self) {
        let Some(start) = self.start.take() else { return };
        let text = self.text[start..self.at].trim_end();
        let head = std::mem::take(&mut self.head);
        self.found.push(Statement { text, line: self.line(start), head });
    }

    fn skip_token(&mut self, next: char) -> Result<(), Unended> {
        match next {
            '\'' => self.skip_quoted('\'', false),
            '"' => {
                let start = self.at;
                self.skip_quoted('"', false)?;
                self.note(&self.text[start..self.at]);
                Ok(())
            }
            '$' => self.skip_dollar(),
            '(' => {
                self.parens += 1;
                self.at += 1;
                Ok(())
            }
            ')' => {
                self.parens = self.parens.saturating_sub(1);
                self.at += 1;
                Ok(())
            }
            _ if is_word(next) => self.skip_word(),
            _ => {
                self.at += next.len_utf8();
                Ok(())
            }
        }
    }

    /// A word, or a number: neither lets a dollar quote begin in its middle.
    fn skip_word(&mut self) -> Result<(), Unended> {
        let rest = self.rest();
        let len = rest.find(|c| !is_word(c) && c != '$').unwrap_or(rest.len());
        let word = &rest[..len];
        self.at += len;
        if word.eq_ignore_ascii_case("e") && self.rest().starts_with('\'') {
            return self.skip_quoted('\'', true);
        }
        self.note(word);
        self.count_blocks(word);
        Ok(())
    }

    fn note(&mut self, word: &'a str) {
        if self.head.len() < HEAD_MAX {
            self.head.push(word);
        }
    }

    /// Follows the body of a SQL function, whose statements end in `;` without
    /// any quotes around them.
    fn count_blocks(&mut self, word: &str) {
        let is = |text: &str| word.eq_ignore_ascii_case(text);
        if self.parens > 0 || !self.makes_routine() {
            return;
        }
        if is("begin") || (is("case") && self.blocks > 0) {
            self.blocks += 1;
        } else if is("end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }

    fn makes_routine(&self) -> bool {
        let mut words = self.head.iter().filter(|word| {
            !word.eq_ignore_ascii_case("or") && !word.eq_ignore_ascii_case("replace")
        });
        let first = words.next().is_some_and(|word| word.eq_ignore_ascii_case("create"));
        let routine = |word: &&&str| {
            word.eq_ignore_ascii_case("function") || word.eq_ignore_ascii_case("procedure")
        };
        first && words.next().as_ref().is_some_and(routine)
    }

    /// A doubled quote stands for itself, and so does whatever follows a
    /// backslash in an `E'…'` string.
    fn skip_quoted(&mut self, quote: char, has_escapes: bool) -> Result<(), Unended> {
        let start = self.at;
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            if has_escapes && c == '\\' {
                chars.next();
            } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                self.at = start + offset + 1;
                return Ok(());
            }
        }
        Err(self.unended("a quote", start))
    }

    /// `$tag$ … $tag$`; a `$` that begins none is an ordinary character.
    fn skip_dollar(&mut self) -> Result<(), Unended> {
        let (start, rest) = (self.at, self.rest());
        let tag_len =
            rest[1..].find(|c| !is_word(c)).filter(|len| rest[1 + len..].starts_with('$'));
        let Some(len) = tag_len.filter(|_| !rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        else {
            self.at += 1;
            return Ok(());
        };
        let (tag, body) = rest.split_at(len + 2);
        let end = body.find(tag).ok_or_else(|| self.unended("a dollar quote", start))?;
        self.at = start + tag.len() + end + tag.len();
        Ok(())
    }

    /// Comments of this form nest.
    fn skip_comment(&mut self) -> Result<(), Unended> {
        let (start, mut depth) = (self.at, 0_usize);
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
            } else {
                let next = rest.chars().next();
                self.at += next.ok_or_else(|| self.unended("a comment", start))?.len_utf8();
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn unended(&self, what: &'static str, start: usize) -> Unended {
        Unended { what, line: self.line(start) }
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

/// What a word or a number is made of. Like PostgreSQL, every letter beyond
/// ASCII counts.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        split(sql).expect("it can be split").iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn statements_end_at_semicolons_and_the_last_one_needs_none() {
        assert_eq!(
            texts("SELECT 1;\n SELECT 2 ;;\n\nSELECT 3\n"),
            ["SELECT 1", "SELECT 2", "SELECT 3"]
        );
        assert_eq!(texts(" ;; -- nothing\n/* at all; */ "), [""; 0]);
    }

    #[test]
    fn semicolons_in_strings_names_and_dollar_quotes_end_nothing() {
        for sql in [
            "SELECT 'a;b'",
            "SELECT 'it''s; fine'",
            "SELECT 'back\\', ';'",
            "SELECT E'it\\'s; fine'",
            "SELECT e'\\\\', ';'",
            "SELECT \"a;b\"\"c;\"",
            "SELECT $$a;'b$$",
            "SELECT $fn$ a; $$ ; $other$ ; $fn$",
            "SELECT $größe$;$größe$",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
        ] {
            assert_eq!(texts(&format!("{sql}; SELECT 2")), [sql, "SELECT 2"], "{sql}");
        }
    }

    #[test]
    fn a_dollar_that_begins_no_quote_hides_nothing() {
        assert_eq!(
            texts("SELECT $1; SELECT a$b$c; SELECT 2"),
            ["SELECT $1", "SELECT a$b$c", "SELECT 2"]
        );
        assert_eq!(texts("SELECT $1$2; SELECT 3"), ["SELECT $1$2", "SELECT 3"]);
    }

    #[test]
    fn comments_hide_semicolons_and_quotes_and_may_nest() {
        assert_eq!(
            texts("SELECT 1 -- it's; not\n, 2; SELECT 3"),
            ["SELECT 1 -- it's; not\n, 2", "SELECT 3"]
        );
        assert_eq!(texts("/* a; /* b'; */ c; */ SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts("SELECT '--', '/*'; SELECT 2"), ["SELECT '--', '/*'", "SELECT 2"]);
    }

    #[test]
    fn the_body_of_a_sql_function_is_one_with_it() {
        let function = "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql\nBEGIN ATOMIC\n \
                        SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END;\n SELECT 3;\nEND";

        assert_eq!(texts(&format!("{function};\nSELECT 1;")), [function, "SELECT 1"]);
        assert_eq!(texts("BEGIN; SELECT 1; END"), ["BEGIN", "SELECT 1", "END"]);
    }

    #[test]
    fn a_statement_knows_its_line_and_how_it_begins() {
        let sql = "-- why\n\nCREATE /* x */ UNIQUE\nINDEX \"My one\" ON t (a);\nSELECT 1";

        let found = split(sql).expect("it can be split");

        assert_eq!((found[0].line, found[1].line), (3, 5));
        assert_eq!(&found[0].head[..4], ["CREATE", "UNIQUE", "INDEX", "\"My one\""]);
        assert!(found[0].begins(&["create", "unique"]) && !found[1].begins(&["select", "1", "a"]));
    }

    #[test]
    fn what_is_never_ended_is_named_with_its_line() {
        for (sql, said) in [
            ("SELECT 1;\nSELECT 'a;", "a quote that begins in line 2 is never ended"),
            ("SELECT E'a\\'", "a quote that begins in line 1 is never ended"),
            ("\nSELECT \"a", "a quote that begins in line 2 is never ended"),
            ("SELECT $a$ $b$", "a dollar quote that begins in line 1 is never ended"),
            ("/* /* */ SELECT 1", "a comment that begins in line 1 is never ended"),
            ("SELECT (1;", "a block or parenthesis that begins in line 1 is never ended"),
        ] {
            let refused = split(sql).expect_err(sql);
            assert_eq!(refused.to_string(), said);
        }
    }
}
