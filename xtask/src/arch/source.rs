//! A Rust file as the checks read it: its code with comments and literals
//! blanked out, its string literals apart, and where its test code lies.
//!
//! Not a parser: a lexer that knows comments, strings, characters and braces.
//! That is enough to tell code from prose, which a search for text is not.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A string literal.
pub struct Literal {
    /// Where its first quote stands in the file, in bytes.
    pub at: usize,
    /// What it says, the common escapes resolved.
    pub text: String,
}

/// A Rust file, taken apart.
pub struct Source {
    /// The file, from the root of the tree.
    pub path: PathBuf,
    /// The code: as long as the file, but blank where comments and the insides
    /// of literals were.
    pub code: String,
    /// The string literals, in order.
    pub literals: Vec<Literal>,
    tests: Vec<Range<usize>>,
    mutants: Vec<Range<usize>>,
}

impl Source {
    /// Takes the text of the file at `path` apart.
    pub fn new(path: &Path, text: &str) -> Self {
        let mut lexer = Lexer { text, at: 0, code: String::new(), literals: Vec::new() };
        while lexer.step() {}
        let (code, literals) = (lexer.code, lexer.literals);
        let tests = items(&code, &code, &["#[cfg(test)]", "#[cfg(all(test,"]);
        // The feature's name is a literal, which the code has blank.
        let mutants = items(text, &code, &["#[cfg(feature = \"mutants\")]"]);
        Self { path: path.to_owned(), code, literals, tests, mutants }
    }

    /// The line, from 1, of the byte at `at`.
    pub fn line(&self, at: usize) -> usize {
        self.code.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Whether the byte at `at` belongs to test code: under `#[cfg(test)]`, or
    /// in a file that only tests include.
    pub fn is_test(&self, at: usize) -> bool {
        is_test_file(&self.path) || self.tests.iter().any(|item| item.contains(&at))
    }

    /// Whether the byte at `at` is broken on purpose: under the feature
    /// `mutants`, which no release has.
    pub fn is_mutant(&self, at: usize) -> bool {
        self.mutants.iter().any(|item| item.contains(&at))
    }

    /// The identifiers and keywords of the code, with their places.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        words(&self.code)
    }

    /// The identifiers and keywords of what is not test code.
    pub fn shipped_words(&self) -> impl Iterator<Item = (usize, &str)> {
        self.words().filter(|(at, _)| !self.is_test(*at))
    }

    /// The code with its test items blanked out as well.
    pub fn shipped_code(&self) -> String {
        let mut code = self.code.clone();
        for item in &self.tests {
            code.replace_range(item.clone(), &" ".repeat(item.len()));
        }
        code
    }
}

/// A file of a `tests` folder, or one that `mod tests;` includes.
fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests")
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// The identifiers and keywords of `code`, with their places.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    code.split(|c: char| !is_word(c)).filter_map(move |word| {
        let start = at;
        at += word.len();
        // The separator that ended the word may be longer than a byte.
        at += code[at..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

/// Whether `c` can be part of an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The items of `code` under one of the attributes `marks`, which are looked
/// for in `text`: the same file, or the code itself.
fn items(text: &str, code: &str, marks: &[&str]) -> Vec<Range<usize>> {
    let starts = marks.iter().flat_map(|mark| text.match_indices(mark).map(|(start, _)| start));
    starts.map(|start| start..item_end(code, start)).collect()
}

/// Where the item ends that begins at `start`: after its `;`, or after the
/// brace that closes its body.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Reads a file from front to back, one token of interest at a time.
struct Lexer<'a> {
    text: &'a str,
    at: usize,
    code: String,
    literals: Vec<Literal>,
}

impl Lexer<'_> {
    /// Takes the next token over into the code; false at the end.
    fn step(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return false };
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if first == '"' {
            self.string(0, quoted(rest, '"'), false);
        } else if let Some(hashes) = raw_string(rest, self.code.chars().next_back()) {
            let open = 2 + hashes;
            let close = format!("\"{}", "#".repeat(hashes));
            let inside = rest[open..].find(&close).unwrap_or(rest.len() - open);
            self.string(open - 1, (open + inside + close.len()).min(rest.len()), true);
        } else if first == '\'' && is_character(rest) {
            self.blank(quoted(rest, '\''));
        } else {
            self.code.push(first);
            self.at += first.len_utf8();
        }
        true
    }

    /// Goes over `length` bytes, of which only the line ends are kept.
    fn blank(&mut self, length: usize) {
        for byte in self.text[self.at..self.at + length].bytes() {
            self.code.push(if byte == b'\n' { '\n' } else { ' ' });
        }
        self.at += length;
    }

    /// Goes over a string literal of `length` bytes; its quote is `open` bytes
    /// from here.
    fn string(&mut self, open: usize, length: usize, raw: bool) {
        let literal = &self.text[self.at..self.at + length];
        let inside = literal[open..].trim_matches('#');
        let inside = inside.strip_prefix('"').unwrap_or(inside);
        let inside = inside.strip_suffix('"').unwrap_or(inside);
        let text = if raw { inside.to_owned() } else { unescape(inside) };
        self.literals.push(Literal { at: self.at, text });
        self.blank(length);
    }
}

/// The length of the block comment that `rest` starts with; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the literal that `rest` starts with, up to its closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The number of hashes when `rest` starts a raw string. `before` is the last
/// character of the code so far: the `r` of `for"` starts none.
fn raw_string(rest: &str, before: Option<char>) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    if before.is_some_and(|c| is_word(c) && c != 'b' && c != 'c') {
        return None;
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// Whether the quote that `rest` starts with opens a character, not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut inside = rest.chars().skip(1);
    match inside.next() {
        Some('\\') => true,
        Some(_) => inside.next() == Some('\''),
        None => false,
    }
}

/// Resolves the escapes that can stand before the first word of a text.
fn unescape(literal: &str) -> String {
    literal.replace("\\\n", "\n").replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("crates/domain/tasks/src/service.rs"), text)
    }

    fn words_of(text: &str) -> Vec<String> {
        source(text).words().map(|(_, word)| word.to_owned()).collect()
    }

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        let text = r##"a // b "c"
            /* d /* e */ f */ g "h \" i" j r#"k " l"# 'm' '\'' n 'o: p"##;

        assert_eq!(words_of(text), ["a", "g", "j", "n", "o", "p"]);
    }

    #[test]
    fn literals_are_kept_with_their_line_and_their_escapes_resolved() {
        let source = source("x\n\"\\n one\" b\"two\" br##\"th\"#ree\"##");
        let texts: Vec<_> = source.literals.iter().map(|one| one.text.as_str()).collect();

        assert_eq!(texts, ["\n one", "two", "th\"#ree"]);
        assert_eq!(source.line(source.literals[0].at), 2);
    }

    #[test]
    fn blanking_moves_nothing_even_behind_letters_of_several_bytes() {
        let text = "// ä → ß\nfn x() { \"日本\"; y }";
        let source = source(text);

        assert_eq!(source.code.len(), text.len());
        assert!(source.words().any(|(at, word)| word == "y" && text[at..].starts_with('y')));
    }

    #[test]
    fn the_body_under_cfg_test_is_test_code_and_what_follows_is_not() {
        let source = source("fn a() {}\n#[cfg(test)]\nmod t { fn b() { [1; 2]; } }\nfn c() {}");
        let shipped: Vec<_> = source.shipped_words().map(|(_, word)| word).collect();

        assert_eq!(shipped, ["fn", "a", "fn", "c"]);
    }
}
