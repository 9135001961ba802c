//! `params.txt`, read: with what each statement is asked.

use std::collections::BTreeMap;

use sayso_db::Sql;

/// Read when the test runs: a new line needs no build.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans/params.txt");

/// The words of all statements, and the pools that some words draw from.
pub struct Params {
    /// The query of each pool.
    pub pools: BTreeMap<String, String>,
    lines: Vec<(String, Vec<(usize, String)>)>,
}

impl Params {
    /// Reads the file.
    pub fn read() -> Self {
        let mut params = Self { pools: BTreeMap::new(), lines: Vec::new() };
        let mut pool: Option<String> = None;
        let text = std::fs::read_to_string(PATH).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            if line.starts_with(' ') {
                let name = pool.as_ref().expect("a continued line follows a pool");
                params.pools.get_mut(name).unwrap().push_str(line);
            } else if let Some(line) = line.strip_prefix('@') {
                let (name, query) = line.split_once(' ').expect("a pool has a query");
                params.pools.insert(name.to_owned(), query.to_owned());
                pool = Some(name.to_owned());
            } else {
                let mut words = line.split_whitespace().map(str::to_owned);
                let glob = words.next().expect("a line has a word");
                params.lines.push((glob, words.enumerate().map(placed).collect()));
            }
        }
        params
    }

    /// The words of a statement, one a parameter; a later line overrides those
    /// before it.
    pub fn of(&self, name: &str) -> Vec<String> {
        let mut words = BTreeMap::new();
        for (_, own) in self.lines.iter().filter(|(glob, _)| fits(glob, name)) {
            words.extend(own.iter().cloned());
        }
        let count = words.keys().max().map_or(0, |last| last + 1);
        (0..count).map(|at| words.get(&at).cloned().unwrap_or_else(|| "?".to_owned())).collect()
    }

    /// What is wrong, a statement a line.
    pub fn missing(&self, statements: &[&Sql]) -> Vec<String> {
        let wrong = |sql: &&Sql| {
            let (words, wanted) = (self.of(sql.name), count(sql.text));
            let is_named = self.lines.iter().any(|(glob, _)| fits(glob, sql.name));
            let is_whole = words.len() == wanted && !words.iter().any(|word| word == "?");
            (!is_named || !is_whole)
                .then(|| format!("  {} takes {wanted}, and is given {words:?}", sql.name))
        };
        statements.iter().filter_map(wrong).collect()
    }
}

/// `7:word` stands at the seventh place, a word without a number at its own.
fn placed((at, word): (usize, String)) -> (usize, String) {
    match word.split_once(':') {
        Some((place, rest)) if place.parse::<usize>().is_ok_and(|place| place > 0) => {
            (place.parse::<usize>().unwrap() - 1, rest.to_owned())
        }
        _ => (at, word),
    }
}

/// The largest `$n` of a statement.
fn count(sql: &str) -> usize {
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    sql.split('$').skip(1).map(number).max().unwrap_or(0)
}

/// Whether a name fits a pattern in which `*` is anything.
fn fits(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|end| {
            (0..=end.len()).any(|at| end.get(at..).is_some_and(|end| fits(rest, end)))
        }),
    }
}

#[test]
fn a_pattern_fits_names_and_later_lines_override() {
    assert!(fits("tasks.list*_by_due", "tasks.list_of_tags_by_due"));
    assert!(fits("tasks.list*_by_due", "tasks.list_by_due"));
    assert!(!fits("tasks.list*_by_due", "tasks.list_by_due_desc"));
    assert_eq!(placed((0, "7:channel".to_owned())), (6, "channel".to_owned()));
    assert_eq!(placed((0, "int:1:9".to_owned())), (0, "int:1:9".to_owned()));
    assert_eq!(count("SELECT $1, $12::text, $2"), 12);
}
