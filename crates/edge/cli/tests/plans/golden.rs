//! `golden/plans`: a file for the statements of one room.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A statement: its plan, and for a read the pages it may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    pages: Option<u64>,
    plan: Vec<String>,
}

/// All statements by their name.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Entry>);

impl Files {
    /// Adds what was found for a statement.
    pub fn add(&mut self, name: &str, plan: Vec<String>, pages: Option<u64>) {
        self.0.insert(name.to_owned(), Entry { pages, plan });
    }
}

fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../golden/plans").into()
}

const HEAD: &str = "\
# The plan of each statement once it is prepared, in a company of 50,000 tasks and messages,
# and the pages of 8 KiB that a read may touch: a power of two, with room to spare.
";

/// Half as much again, up to a power of two: what differs a little from one
/// run to the next stays within.
fn room_for(pages: u64) -> u64 {
    (pages + pages / 2).max(4).next_power_of_two()
}

/// Whether what was room enough is, and not far too much.
fn holds(was: u64, now: u64) -> bool {
    now <= was && room_for(now) * 4 >= was
}

/// Writes all files anew. Pages that still hold stay as they are.
pub fn write(fresh: &Files) {
    let (folder, committed) = (folder(), committed());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for (name, entry) in &fresh.0 {
        let room = name.split('.').next().unwrap_or(name);
        let text = texts.entry(room).or_insert_with(|| HEAD.to_owned());
        let was = committed.0.get(name).and_then(|was| was.pages);
        let room = |now| was.filter(|was| holds(*was, now)).unwrap_or_else(|| room_for(now));
        let pages = entry.pages.map_or(String::new(), |n| format!(", at most {} pages", room(n)));
        let _ = writeln!(text, "\n## {name}{pages}\n{}", entry.plan.join("\n"));
    }
    for (room, text) in texts {
        std::fs::write(folder.join(format!("{room}.txt")), text).unwrap();
    }
}

/// What is committed.
pub fn committed() -> Files {
    let mut files = Files::default();
    let Ok(entries) = std::fs::read_dir(folder()) else { return files };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "txt") {
            files.read(&std::fs::read_to_string(path).unwrap());
        }
    }
    files
}

impl Files {
    fn read(&mut self, text: &str) {
        for section in text.split("\n## ").skip(1) {
            let (head, plan) = section.split_once('\n').unwrap_or((section, ""));
            let (name, pages) = head.split_once(", at most ").unwrap_or((head, ""));
            let pages = pages.strip_suffix(" pages").and_then(|count| count.parse().ok());
            let plan = plan.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
            self.0.insert(name.to_owned(), Entry { pages, plan });
        }
    }
}

/// In what the committed files are no longer true, a statement a paragraph.
pub fn drifts(committed: &Files, fresh: &Files) -> Vec<String> {
    let mut drifts = Vec::new();
    for (name, now) in &fresh.0 {
        let Some(was) = committed.0.get(name) else {
            drifts.push(format!("{name} is not there yet"));
            continue;
        };
        if was.plan != now.plan {
            drifts.push(format!(
                "{name} has another plan\n- {}\n+ {}",
                was.plan.join("\n- "),
                now.plan.join("\n+ ")
            ));
        }
        match (was.pages, now.pages) {
            (Some(was), Some(now)) if holds(was, now) => {}
            (None, None) => {}
            (was, now) => {
                drifts.push(format!("{name} may touch {was:?} pages and touches {now:?}"))
            }
        }
    }
    let gone = committed.0.keys().filter(|name| !fresh.0.contains_key(*name));
    drifts.extend(gone.map(|name| format!("{name} is gone")));
    drifts
}

#[test]
fn each_kind_of_drift_is_told() {
    let plan = |text: &str| vec![text.to_owned()];
    let mut was = Files::default();
    was.read(
        "# head\n\n## a.one, at most 8 pages\nIndex Scan\n\n## a.two\nResult\n\n## a.old\nX\n",
    );
    let mut now = Files::default();
    now.add("a.one", plan("Index Scan"), Some(8));
    now.add("a.two", plan("Result"), None);
    now.add("a.old", plan("X"), None);

    assert_eq!(drifts(&was, &now), [""; 0]);

    now.add("a.one", plan("Index Scan"), Some(9));
    now.add("a.two", plan("Seq Scan"), None);
    now.add("a.new", plan("Result"), None);
    now.0.remove("a.old");
    assert_eq!(drifts(&was, &now).len(), 4);
}
