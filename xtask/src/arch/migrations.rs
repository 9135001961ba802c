//! Migrations come in pairs: forward, and back in an emergency.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Breach;
use super::tree::files;

const LAW: &str = "A migration is a pair, NNNN_name.sql and NNNN_name.down.sql, and its number is \
                   its own.";

/// Every file of `migrations/` without its twin, with a malformed name, or
/// with a number that another one has.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let all = files(root)?;
    let mut breaches = Vec::new();
    let mut numbers: BTreeMap<String, String> = BTreeMap::new();
    for file in all.iter().filter(|path| path.starts_with("migrations")) {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "README.md" {
            continue;
        }
        let mut breach = |found: String| {
            breaches.push(Breach { law: LAW, file: file.clone(), line: 1, found });
        };
        let Some((number, title, twin)) = parse(name) else {
            breach("the name has another form".to_owned());
            continue;
        };
        if !all.contains(&PathBuf::from(format!("migrations/{twin}"))) {
            breach(format!("its twin {twin} is missing"));
        }
        match numbers.get(number) {
            Some(other) if other != title => breach(format!("{number} is also `{other}`")),
            Some(_) => {}
            None => drop(numbers.insert(number.to_owned(), title.to_owned())),
        }
    }
    Ok(breaches)
}

/// The number and title of a migration's file, and the name of its twin.
fn parse(name: &str) -> Option<(&str, &str, String)> {
    let stem = name.strip_suffix(".sql")?;
    let (stem, twin) = match stem.strip_suffix(".down") {
        Some(stem) => (stem, format!("{stem}.sql")),
        None => (stem, format!("{stem}.down.sql")),
    };
    let (number, title) = stem.split_once('_')?;
    let numbered = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let titled = !title.is_empty()
        && title.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    (numbered && titled).then_some((number, title, twin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn a_lonely_a_malformed_and_a_doubled_migration_are_found() {
        let found = breaches(
            check,
            &[
                ("migrations/0001_users.sql", ""),
                ("migrations/0001_users.down.sql", ""),
                ("migrations/0002_tasks.sql", ""),
                ("migrations/0003_lost.down.sql", ""),
                ("migrations/4_short.sql", ""),
                ("migrations/0001_again.sql", ""),
                ("migrations/0001_again.down.sql", ""),
                ("migrations/README.md", ""),
            ],
        );

        assert_eq!(
            found,
            [
                "migrations/0001_users.down.sql:1",
                "migrations/0001_users.sql:1",
                "migrations/0002_tasks.sql:1",
                "migrations/0003_lost.down.sql:1",
                "migrations/4_short.sql:1",
            ]
        );
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
