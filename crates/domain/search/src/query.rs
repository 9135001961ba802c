//! Reads a question as people type it into a search box: words, `"phrases"`,
//! `-not`, `OR`, and `from: in: before: after: status:`.
//!
//! Whatever is typed means something: an open quotation mark closes at the
//! end, an `OR` with nothing beside it is nothing, an unknown `name:` is a
//! word. Only a date that is none, a status that is none, and too many terms
//! are refused.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sayso_kernel::Fault;
use sayso_tasks::status::Status;

use crate::error;

/// Terms in a question at the most.
pub const TERMS_MAX: usize = 16;

const OPERATORS: [&str; 5] = ["from", "in", "before", "after", "status"];

/// A question, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Of each group at least one term must be there.
    pub groups: Vec<Vec<String>>,
    /// None of these may be there.
    pub none: Vec<String>,
    /// By whom: `me`, an id, or what the name begins with.
    pub from: Option<String>,
    /// In which channel: an id, or what the name begins with.
    pub within: Option<String>,
    /// Before this moment.
    pub before: Option<Timestamp>,
    /// At this moment or later.
    pub after: Option<Timestamp>,
    /// Tasks in any of these states.
    pub status: Option<Vec<Status>>,
}

/// A piece of the question.
struct Token {
    is_negated: bool,
    operator: Option<&'static str>,
    is_quoted: bool,
    text: String,
}

/// Reads a question; a date in it is the beginning of that day in `zone`.
///
/// # Errors
/// 422 at the parameter `q`.
pub fn parse(text: &str, zone: &str) -> Result<Query, Fault> {
    let mut query = Query::default();
    let mut rest = text;
    // Whether the last token was a term, and whether `OR` follows it.
    let (mut is_after_term, mut is_or) = (false, false);
    while let Some(token) = next(&mut rest) {
        if let Some(operator) = token.operator {
            operate(&mut query, operator, &token.text, zone)?;
            (is_after_term, is_or) = (false, false);
        } else if !token.is_quoted && !token.is_negated && token.text == "OR" {
            is_or = is_after_term;
        } else if is_searchable(&token.text) {
            if token.is_negated {
                query.none.push(token.text);
            } else if let (true, Some(group)) = (is_or, query.groups.last_mut()) {
                group.push(token.text);
            } else {
                query.groups.push(vec![token.text]);
            }
            (is_after_term, is_or) = (!token.is_negated, false);
        }
        if query.terms() > TERMS_MAX {
            return Err(error::too_many_terms(TERMS_MAX));
        }
    }
    Ok(query)
}

impl Query {
    fn terms(&self) -> usize {
        self.groups.iter().map(Vec::len).sum::<usize>() + self.none.len()
    }

    /// Whether nothing at all is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Punctuation alone is found nowhere.
fn is_searchable(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_whitespace()))
}

/// Takes the next token off `rest`.
fn next(rest: &mut &str) -> Option<Token> {
    *rest = rest.trim_start();
    let is_negated =
        rest.len() > 1 && rest.starts_with('-') && !rest[1..].starts_with(char::is_whitespace);
    if is_negated {
        *rest = &rest[1..];
    }
    if rest.is_empty() {
        return None;
    }
    let operator = OPERATORS.into_iter().filter(|_| !is_negated).find(|name| {
        rest.split_once(':').is_some_and(|(word, value)| {
            word.eq_ignore_ascii_case(name)
                && !value.is_empty()
                && !value.starts_with(char::is_whitespace)
        })
    });
    if let Some(name) = operator {
        *rest = &rest[name.len() + 1..];
    }
    let is_quoted = rest.starts_with('"');
    let text = if is_quoted {
        let inside = &rest[1..];
        let (text, after) = inside.split_once('"').unwrap_or((inside, ""));
        *rest = after;
        text
    } else {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (text, after) = rest.split_at(end);
        *rest = after;
        text
    };
    Some(Token { is_negated, operator, is_quoted, text: text.trim().to_owned() })
}

fn operate(query: &mut Query, operator: &str, value: &str, zone: &str) -> Result<(), Fault> {
    let name = || Some(value.trim_start_matches(['@', '#']).to_owned()).filter(|it| !it.is_empty());
    match operator {
        "from" => query.from = name(),
        "in" => query.within = name(),
        "before" => query.before = Some(moment(value, zone)?),
        "after" => query.after = Some(moment(value, zone)?),
        _ => {
            let states = query.status.get_or_insert_default();
            for one in value.split(',').filter(|one| !one.is_empty()) {
                let known = Status::ALL.into_iter().find(|status| status.as_str() == one);
                states.push(known.ok_or_else(|| error::not_a_status(one))?);
            }
        }
    }
    Ok(())
}

fn moment(value: &str, zone: &str) -> Result<Timestamp, Fault> {
    if let Ok(at) = value.parse::<Timestamp>() {
        return bounded(at).ok_or_else(|| error::not_a_date(value));
    }
    let day = || {
        let day: Date = (value.len() == 10).then(|| value.parse().ok())??;
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        bounded(day.to_zoned(zone).ok()?.timestamp())
    };
    day().ok_or_else(|| error::not_a_date(value))
}

/// A moment that the database can hold: it ends in 4714 BC and so do we.
fn bounded(at: Timestamp) -> Option<Timestamp> {
    (at.as_second() > -210_000_000_000).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Query {
        parse(text, "Europe/Berlin").expect("it can be read")
    }

    fn groups(text: &str) -> Vec<Vec<String>> {
        read(text).groups
    }

    #[test]
    fn words_phrases_exclusions_and_alternatives_are_told_apart() {
        let query = read(r#"budget "spring release" -draft coffee OR tea OR "hot milk" -"no go""#);

        assert_eq!(
            query.groups,
            [vec!["budget"], vec!["spring release"], vec!["coffee", "tea", "hot milk"]]
        );
        assert_eq!(query.none, ["draft", "no go"]);
    }

    #[test]
    fn operators_are_read_wherever_they_stand_and_may_be_quoted() {
        let query = read(r#"in:#general plan FROM:"Ann Lee" after:2026-03-01 status:todo,review"#);

        assert_eq!(query.groups, [["plan"]]);
        assert_eq!(query.within.as_deref(), Some("general"));
        assert_eq!(query.from.as_deref(), Some("Ann Lee"));
        assert_eq!(query.status, Some(vec![Status::Todo, Status::Review]));
        assert_eq!(query.after.map(|at| at.to_string()).as_deref(), Some("2026-02-28T23:00:00Z"));
    }

    #[test]
    fn what_is_half_typed_means_something() {
        assert_eq!(groups(r#"an "open phrase"#), [["an"], ["open phrase"]]);
        assert_eq!(groups("OR a OR"), [["a"]]);
        assert_eq!(groups("- -- --- ! \"\" \"?\""), [[""; 0]; 0]);
        assert_eq!(
            groups("http://example.com from: x"),
            [["http://example.com"], ["from:"], ["x"]]
        );
        assert_eq!(groups("\u{3000}项目\u{3000}预算"), [["项目"], ["预算"]]);
        assert_eq!(read("-from:ann").none, ["from:ann"]);
    }

    #[test]
    fn a_date_or_status_that_is_none_and_too_many_terms_are_refused() {
        for text in ["before:soon", "after:2026-13-01", "status:finished", "after:-009999-01-01"] {
            assert!(parse(text, "UTC").is_err(), "{text}");
        }
        assert!(parse(&"a ".repeat(TERMS_MAX), "UTC").is_ok());
        assert!(parse(&"a ".repeat(TERMS_MAX + 1), "UTC").is_err());
    }

    mod properties {
        use proptest::prelude::*;
        use proptest::test_runner::RngSeed;

        use super::super::*;
        use sayso_kernel::matcher::Matcher;

        fn typed() -> impl Strategy<Value = String> {
            prop_oneof![
                any::<String>(),
                "[\\PC]{0,60}",
                "([-\"a-z%_ # 项é]|OR |from:|in:|status:|before:|after:|todo){0,40}",
            ]
        }

        proptest! {
            #![proptest_config(ProptestConfig {
                cases: 2_000,
                rng_seed: RngSeed::Fixed(1),
                failure_persistence: None,
                ..ProptestConfig::default()
            })]

            #[test]
            fn whatever_is_typed_is_read_or_refused_and_stays_within_bounds(text in typed()) {
                let Ok(query) = parse(&text, "UTC") else { return Ok(()) };

                prop_assert!(query.terms() <= TERMS_MAX);
                let all = query.groups.iter().flatten().chain(&query.none);
                for term in all {
                    prop_assert!(is_searchable(term) && text.contains(term.as_str()), "{term:?}");
                }
                prop_assert!(query.groups.iter().all(|group| !group.is_empty()));
                // What is read can be looked for.
                let matcher = Matcher::of(&query.groups, &query.none);
                prop_assert_eq!(matcher.parts.len(), query.groups.iter().flatten().count());
            }

            #[test]
            fn plain_words_are_read_as_they_stand(
                words in prop::collection::vec("[a-z0-9]{1,12}", 1..TERMS_MAX),
            ) {
                let query = parse(&words.join("  "), "UTC").expect("words are words");

                let read: Vec<String> = query.groups.into_iter().flatten().collect();
                prop_assert_eq!(read, words);
            }

            #[test]
            fn a_phrase_in_quotation_marks_is_one_term(
                words in prop::collection::vec("[a-z]{1,8}", 1..6),
            ) {
                let phrase = words.join(" ");

                let query = parse(&format!("\"{phrase}\""), "UTC").expect("a phrase");

                prop_assert_eq!(query.groups, vec![vec![phrase]]);
            }
        }
    }
}
