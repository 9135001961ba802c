//! Turns the terms of a question into what PostgreSQL matches: patterns,
//! regular expressions, and the way in, which is the index that is asked first.
//! The one search box and the filter of a list find by the same rules.
//!
//! Trigrams know Latin letters and digits. Whatever folds to something else
//! (Chinese, Greek, an arrow) is indexed by pairs of characters, so that two
//! of them are enough. A Latin term of one or two characters is what a word
//! begins with; from three on it is found inside words.

/// The index that is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Trigrams of parts of words.
    Parts,
    /// Trigrams of beginnings of words.
    Starts,
    /// Pairs of characters.
    Pairs,
    /// None: the newest entries are looked at one after the other.
    Newest,
}

/// A question as the statements take it. All terms are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The index that is asked first.
    pub way: Way,
    /// What it is asked: any of the patterns or expressions, or all of the
    /// pairs.
    pub key: Vec<String>,
    /// Patterns of a second group for the same index, any of which must fit. Of
    /// starts, the terms themselves: what is like one of them may hold it too.
    pub second: Vec<String>,
    /// Regular expressions, all of which must fit.
    pub must: Vec<String>,
    /// Regular expressions, none of which may fit.
    pub none: Vec<String>,
    /// For the score, each wanted term as a pattern
    pub parts: Vec<String>,
    /// and as a word of its own.
    pub words: Vec<String>,
    /// The first wanted term, around which a snippet is cut.
    pub first: String,
}

/// How a folded term can be looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Part,
    Start,
    Pairs,
}

/// Letters and digits in a row that trigrams need.
const PART_MIN: usize = 3;

impl Matcher {
    /// Of a question whose terms are folded: of each group at least one term
    /// must be there, and none of `none`.
    #[must_use]
    pub fn of(groups: &[Vec<String>], none: &[String]) -> Self {
        Self::with_ways(groups, none, groups.iter().map(|group| way(group)).collect())
    }

    /// The same question, looked for among the newest entries.
    #[must_use]
    pub fn among_newest(groups: &[Vec<String>], none: &[String]) -> Self {
        Self::with_ways(groups, none, vec![Way::Newest; groups.len()])
    }

    fn with_ways(groups: &[Vec<String>], none: &[String], ways: Vec<Way>) -> Self {
        let best = best(groups, &ways, None);
        let way = best.map_or(Way::Newest, |at| ways[at]);
        let second = match (way, best) {
            (Way::Parts, Some(_)) => {
                self::best(groups, &ways, best).filter(|at| ways[*at] == Way::Parts)
            }
            _ => None,
        };
        let key = best.map_or_else(Vec::new, |at| key(way, &groups[at]));
        // Pairs and starts say that a text may hold the term; whether it does is
        // asked of the text. Parts are exact.
        let is_settled = |at: usize| (way == Way::Parts && best == Some(at)) || second == Some(at);
        let open = (0..groups.len()).filter(|at| !is_settled(*at));
        let wanted = || groups.iter().flatten();
        Self {
            way,
            key,
            second: match (way, best, second) {
                (Way::Starts, Some(at), _) => groups[at].iter().map(|t| begun(t).into()).collect(),
                (_, _, Some(at)) => key_of_parts(&groups[at]),
                _ => vec!["%".into()],
            },
            must: open.map(|at| any_of(&groups[at])).collect(),
            none: none.iter().map(|term| expression(term)).collect(),
            parts: wanted().map(|term| pattern(term)).collect(),
            words: wanted().map(|term| word(term)).collect(),
            first: wanted().next().cloned().unwrap_or_default(),
        }
    }
}

/// The pieces of terms that an index knows, each with all its entries, and from
/// which it finds what holds a term: of parts their trigrams, of pairs those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// What to look for in a text to see whether it holds a piece.
    pub patterns: Vec<String>,
    /// How many of them are of the same term.
    counts: Vec<usize>,
}

impl Pieces {
    /// The entries that the index goes through, where `hits` texts hold each
    /// piece: of each term no more than its rarest piece has.
    ///
    /// # Panics
    /// When not every piece was counted.
    #[must_use]
    pub fn rarest(&self, hits: &[i64]) -> i64 {
        let mut rest = hits;
        let of_each = self.counts.iter().map(|count| {
            let (of_term, more) = rest.split_at(*count);
            rest = more;
            of_term.iter().copied().min().unwrap_or(0)
        });
        of_each.sum()
    }
}

impl Matcher {
    /// The pieces of what the index is asked first. None of starts, which are as
    /// rare as their only piece.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        let of_each: Vec<Vec<String>> = match self.way {
            Way::Parts => self.key.iter().map(|pattern| trigrams(pattern)).collect(),
            Way::Pairs => vec![self.key.iter().map(|pair| pattern(pair)).collect()],
            Way::Starts | Way::Newest => Vec::new(),
        };
        let counts = of_each.iter().map(Vec::len).collect();
        Pieces { patterns: of_each.concat(), counts }
    }
}

/// Patterns for the trigrams of a pattern.
fn trigrams(pattern: &str) -> Vec<String> {
    let runs = pattern.split(|c: char| !c.is_ascii_alphanumeric());
    runs.flat_map(|run| run.as_bytes().windows(3))
        .map(|gram| format!("%{}%", String::from_utf8_lossy(gram)))
        .collect()
}

/// The group whose shortest term is the longest, among those an index knows.
fn best(groups: &[Vec<String>], ways: &[Way], but: Option<usize>) -> Option<usize> {
    let known = (0..groups.len()).filter(|at| ways[*at] != Way::Newest && Some(*at) != but);
    known.max_by_key(|at| {
        let shortest = groups[*at].iter().map(|term| term.chars().count()).min();
        (ways[*at] != Way::Starts, shortest)
    })
}

fn way(group: &[String]) -> Way {
    let shapes: Vec<Shape> = group.iter().map(|term| shape(term)).collect();
    let all = |wanted| shapes.iter().all(|shape| *shape == wanted);
    match shapes.as_slice() {
        [Shape::Pairs] => Way::Pairs,
        _ if all(Shape::Part) => Way::Parts,
        _ if all(Shape::Start) => Way::Starts,
        _ => Way::Newest,
    }
}

fn shape(term: &str) -> Shape {
    if !term.is_ascii() {
        return Shape::Pairs;
    }
    let runs = term.split(|c: char| !c.is_ascii_alphanumeric());
    if runs.map(str::len).max().unwrap_or(0) >= PART_MIN { Shape::Part } else { Shape::Start }
}

fn key(way: Way, group: &[String]) -> Vec<String> {
    match way {
        Way::Parts => key_of_parts(group),
        Way::Starts => group.iter().map(|term| start(term)).collect(),
        Way::Pairs => group.iter().flat_map(|term| pairs(term)).collect(),
        Way::Newest => Vec::new(),
    }
}

fn key_of_parts(group: &[String]) -> Vec<String> {
    group.iter().map(|term| pattern(term)).collect()
}

/// What a word may follow, beside the beginning of the text. Trigrams see where
/// a word begins only if each of these characters is named, and none that takes
/// more than two bytes. A word that follows another (a Chinese letter, a
/// quotation mark) is found by its likeness.
const BEFORE: &str = "[ -/:-@[-^`{-~\t\n\r\u{a0}«»·]";

/// A regular expression for a word that begins with the term, such that two
/// letters, and even one, are enough for trigrams. `\m` would mean the same, but
/// they know nothing of it, and would have the whole table read.
fn start(term: &str) -> String {
    format!("(?:^|{BEFORE}){}", escaped(begun(term)))
}

/// The term from its first letter or digit on.
fn begun(term: &str) -> &str {
    &term[term.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(0)..]
}

/// The pairs by which a text with this term is indexed: each character that
/// trigrams do not know, with the one after it.
fn pairs(term: &str) -> Vec<String> {
    let chars: Vec<char> = term.chars().collect();
    let mut pairs: Vec<String> = chars
        .windows(2)
        .filter(|pair| !pair[0].is_ascii())
        .map(|pair| pair.iter().collect())
        .collect();
    if pairs.is_empty() {
        // The only such character is the last, and what follows is not known.
        pairs.extend(chars.iter().filter(|c| !c.is_ascii()).map(char::to_string));
    }
    pairs.sort();
    pairs.dedup();
    pairs
}

/// A `LIKE` pattern: the term, anywhere.
fn pattern(term: &str) -> String {
    let mut pattern = String::from("%");
    for c in term.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// A regular expression that fits any term of the group.
fn any_of(group: &[String]) -> String {
    group.iter().map(|term| expression(term)).collect::<Vec<_>>().join("|")
}

/// A regular expression for a term as it is looked for.
fn expression(term: &str) -> String {
    match shape(term) {
        Shape::Start => format!("\\m{}", escaped(begun(term))),
        Shape::Part | Shape::Pairs => escaped(term),
    }
}

/// A regular expression for a term as a word of its own. Where words are not
/// set apart by spaces, it is the term.
fn word(term: &str) -> String {
    if !term.is_ascii() {
        return escaped(term);
    }
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let begin = if term.starts_with(is_letter) { "\\m" } else { "" };
    let end = if term.ends_with(is_letter) { "\\M" } else { "" };
    format!("{begin}{}{end}", escaped(term))
}

/// The term with nothing in it that means anything in an expression.
fn escaped(term: &str) -> String {
    let mut text = String::with_capacity(term.len() + 8);
    for c in term.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of words, of which those with a minus must not be there, and `|` parts
    /// alternatives.
    fn of(text: &str) -> Matcher {
        let (none, words): (Vec<&str>, Vec<&str>) =
            text.split(' ').partition(|word| word.starts_with('-'));
        let group = |word: &str| word.split('|').map(str::to_owned).collect::<Vec<_>>();
        let groups: Vec<_> = words.into_iter().map(group).collect();
        let none: Vec<_> = none.into_iter().map(|word| word[1..].to_owned()).collect();
        Matcher::of(&groups, &none)
    }

    #[test]
    fn the_longest_latin_term_is_asked_first_and_the_next_beside_it() {
        let matcher = of("qa budget release -draft");

        assert_eq!((matcher.way, matcher.key), (Way::Parts, vec!["%release%".to_owned()]));
        assert_eq!(matcher.second, ["%budget%"]);
        assert_eq!(matcher.must, ["\\mqa"]);
        assert_eq!(matcher.none, ["draft"]);
        assert_eq!(matcher.parts, ["%qa%", "%budget%", "%release%"]);
    }

    #[test]
    fn short_latin_terms_begin_words_and_others_are_asked_by_pairs() {
        let matcher = of("qa");
        assert_eq!((matcher.way, &matcher.must[..]), (Way::Starts, &["\\mqa".to_owned()][..]));
        assert_eq!((matcher.key, matcher.second), (vec![start("qa")], vec!["qa".to_owned()]));
        assert!(start("c++").ends_with(")c\\+\\+"), "{}", start("c++"));
        assert_eq!((of("#1").second, of("#1").must), (vec!["1".into()], vec!["\\m1".to_owned()]));
        assert_eq!(
            (of("预算案").way, of("预算案").key),
            (Way::Pairs, vec!["算案".into(), "预算".into()])
        );
        assert_eq!(of("预").key, ["预"]);
        assert_eq!(of("a预").key, ["预"]);
        assert_eq!(of("预算案").must, ["预算案"]);
    }

    #[test]
    fn what_no_index_knows_is_looked_for_among_the_newest() {
        assert_eq!(of("-draft").way, Way::Newest);
        assert_eq!(of("预算|budget").way, Way::Newest);
        assert_eq!(of("预算|budget").must, ["预算|budget"]);
    }

    #[test]
    fn a_term_is_as_rare_as_the_rarest_of_its_pieces_and_terms_add_up() {
        let pieces = of("test|a-plan").pieces();
        assert_eq!(pieces.patterns, ["%tes%", "%est%", "%pla%", "%lan%"]);
        assert_eq!(pieces.rarest(&[300, 20, 5, 7]), 25);

        assert_eq!(of("预算案").pieces().patterns, ["%算案%", "%预算%"]);
        assert_eq!(of("预算案").pieces().rarest(&[4, 9]), 4);
        for short in ["qa", "-draft"] {
            assert_eq!((of(short).pieces().patterns.len(), of(short).pieces().rarest(&[])), (0, 0));
        }
    }

    #[test]
    fn nothing_typed_is_taken_for_a_pattern() {
        assert_eq!(of(r"50%_off\now").key, [r"%50\%\_off\\now%"]);
        assert_eq!(of("*** (?i) a.b").must.last().map(String::as_str), Some("\\ma\\.b"));
    }
}
