//! Parameters at random, the same ones each time.

use std::collections::{BTreeMap, HashMap};

use bytes::BytesMut;
use jiff::{SignedDuration, Timestamp};
use sayso_kernel::Random;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::params::Params;

/// How often an item of a list is drawn that is in it already.
const DRAWS_MAX: usize = 8;
/// Rows of a pool at the most.
const POOL_MAX: usize = 20_000;

/// A parameter as text, which PostgreSQL reads as whatever it is to be.
#[derive(Clone, Debug)]
pub struct Text(pub Option<String>);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

impl Text {
    /// As it stands in a statement.
    pub fn literal(&self) -> String {
        match &self.0 {
            None => "NULL".to_owned(),
            Some(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

type Rows = Vec<Vec<Option<String>>>;

/// The rows that words draw from.
pub struct Pools {
    rows: BTreeMap<String, Rows>,
    now: Timestamp,
}

impl Pools {
    /// Asks for the rows of each pool.
    pub async fn of(params: &Params, client: &Client) -> Self {
        let mut rows = BTreeMap::new();
        for (name, query) in &params.pools {
            rows.insert(name.clone(), pool(client, query).await);
        }
        let now = client.query_one("SELECT now()", &[]).await.unwrap().get(0);
        Self { rows, now }
    }

    /// One set of parameters.
    pub fn draw(&self, words: &[String], random: &Random) -> Vec<Text> {
        let mut one = Draw { pools: self, random, places: HashMap::new(), given: HashMap::new() };
        words.iter().map(|word| Text(one.value(word))).collect()
    }
}

async fn pool(client: &Client, query: &str) -> Rows {
    let messages = client.simple_query(query).await;
    let messages = messages.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
        }
        _ => None,
    });
    rows.take(POOL_MAX).collect()
}

/// An item of an array, as PostgreSQL reads it.
fn quoted(item: &str) -> String {
    format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The parameters of one call. Words of one pool are of one row of it.
struct Draw<'a> {
    pools: &'a Pools,
    random: &'a Random,
    places: HashMap<String, usize>,
    given: HashMap<String, bool>,
}

impl Draw<'_> {
    fn value(&mut self, word: &str) -> Option<String> {
        // `a|b`: one of them.
        let ways: Vec<&str> = word.split('|').collect();
        let way = ways[self.below(ways.len())];
        // `word?30`: in thirty of a hundred calls, for all words of one pool.
        let (way, chance) = way.rsplit_once('?').unwrap_or((way, "100"));
        let hit = self.random.below(100) < chance.parse().expect("a chance is a number");
        let of = way.split('.').next().unwrap_or(way).to_owned();
        if chance != "100" && !*self.given.entry(of).or_insert(hit) {
            return None;
        }
        // `{word}`: it alone, of the row that the call is of.
        if let Some(inner) = way.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return self.plain(inner).map(|item| format!("{{{}}}", quoted(&item)));
        }
        // `[word]`: up to five, `[word*9]`: nine.
        match way.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => Some(self.array(inner)),
            None => self.plain(way),
        }
    }

    fn array(&mut self, inner: &str) -> String {
        let (word, count) = match inner.split_once('*') {
            Some((word, count)) => (word, count.parse().expect("a count is a number")),
            None => (inner, 1 + self.below(5)),
        };
        let mut items = Vec::new();
        for _ in 0..count {
            let mut item = self.item(word);
            // Nobody stands in a list twice, unless the word is but one text.
            for _ in 0..DRAWS_MAX {
                if !items.contains(&item) || word.starts_with('=') {
                    break;
                }
                item = self.item(word);
            }
            items.push(item);
        }
        format!("{{{}}}", items.join(","))
    }

    fn item(&mut self, word: &str) -> String {
        self.places.clear();
        quoted(&self.plain(word).unwrap_or_default())
    }

    fn plain(&mut self, word: &str) -> Option<String> {
        if let Some(text) = word.strip_prefix('=') {
            return Some(text.replace('␣', " "));
        }
        let parts: Vec<&str> = word.split(':').collect();
        let number = |at: usize| parts[at].parse::<u32>().expect("a number");
        match parts[0] {
            "-" => None,
            "now" => Some(self.pools.now.to_string()),
            "past" => Some(self.moment(-i64::from(number(1)))),
            "future" => Some(self.moment(i64::from(number(1)))),
            "int" => Some((number(1) + self.random.below(number(2) - number(1) + 1)).to_string()),
            "uuid" => Some(self.random.uuid(self.pools.now).to_string()),
            "hex" => {
                let bytes = (0..number(1)).map(|_| format!("{:02x}", self.random.below(256)));
                Some(format!("\\x{}", bytes.collect::<String>()))
            }
            _ => self.of_pool(word),
        }
    }

    /// A moment within so many days.
    fn moment(&self, days: i64) -> String {
        let share = i64::from(self.random.below(1_000_000));
        let away = SignedDuration::from_secs(days * 86_400 * share / 1_000_000);
        (self.pools.now + away).to_string()
    }

    fn of_pool(&mut self, word: &str) -> Option<String> {
        let (pool, column) = word.split_once('.').unwrap_or((word, "1"));
        let rows = self.pools.rows.get(pool);
        let rows = rows.unwrap_or_else(|| panic!("params.txt knows no word or pool {word}"));
        if rows.is_empty() {
            return None;
        }
        let fresh = self.below(rows.len());
        let place = *self.places.entry(pool.to_owned()).or_insert(fresh);
        rows[place][column.parse::<usize>().expect("a column is a number") - 1].clone()
    }

    fn below(&self, bound: usize) -> usize {
        self.random.below(u32::try_from(bound).unwrap()) as usize
    }
}
