//! How each route and each event of a socket is called: one line beside its
//! handler, in the `fixtures.txt` of its crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// One call that the matrix makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// `GET`, … or `EMIT` for an event of a socket.
    pub method: String,
    /// Each caller gets a company of their own: the call changes who they are.
    pub is_marked: bool,
    /// The path, or the event's name.
    pub path: String,
    /// The body, or the event's argument.
    pub body: Option<String>,
    /// What sets it apart from another call of the same route.
    pub note: Option<String>,
}

impl Fixture {
    /// Reads a line: `METHOD[!] PATH [BODY] [-- NOTE]`.
    pub fn parse(line: &str) -> Option<Self> {
        let (call, note) = match line.split_once(" -- ") {
            Some((call, note)) => (call, Some(note.trim().to_owned())),
            None => (line, None),
        };
        let mut parts = call.trim().splitn(3, ' ');
        let (method, path) = (parts.next()?, parts.next()?);
        let body = parts.next().map(|body| body.trim().to_owned());
        let (method, is_marked) = match method.strip_suffix('!') {
            Some(method) => (method, true),
            None => (method, false),
        };
        Some(Self { method: method.into(), is_marked, path: path.into(), body, note })
    }

    /// As the matrix calls it.
    pub fn name(&self) -> String {
        let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        format!("{} {}{note}", self.method, self.path)
    }

    /// The names in braces, each once.
    pub fn names(&self) -> BTreeSet<String> {
        let text = format!("{} {}", self.path, self.body.as_deref().unwrap_or_default());
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        };
        let after = text.split('{').skip(1);
        let inside = after.filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
        inside.filter(|name| is_name(name)).map(str::to_owned).collect()
    }

    /// How many parts of a route's path this call has literally; `None` when it
    /// is no call of it.
    fn fits(&self, door: &Door) -> Option<usize> {
        let path = self.path.split('?').next().unwrap_or_default();
        let (own, asked): (Vec<_>, Vec<_>) =
            (path.split('/').collect(), door.path.split('/').collect());
        if self.method != door.method || own.len() != asked.len() {
            return None;
        }
        let fits = |(own, asked): (&&str, &&str)| own == asked || asked.starts_with('{');
        own.iter()
            .zip(&asked)
            .all(fits)
            .then(|| own.iter().zip(&asked).filter(|(own, asked)| own == asked).count())
    }
}

/// A route of the server, or an event that it takes from sockets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Door {
    pub method: String,
    pub path: String,
}

/// The fixtures of all crates, in the order of their files and lines.
pub fn declared(crates: &Path) -> Vec<Fixture> {
    let mut files: Vec<_> = folders(crates)
        .iter()
        .flat_map(|band| folders(band))
        .map(|room| room.join("src/fixtures.txt"))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        all.extend(lines.map(|line| {
            Fixture::parse(line).unwrap_or_else(|| panic!("{}: {line}", file.display()))
        }));
    }
    all
}

/// The doors that the server's own document names.
pub fn documented(document: &Value) -> Vec<Door> {
    let methods = ["get", "put", "post", "patch", "delete"];
    let mut doors = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let of = |method: &&str| item.get(*method).map(|_| method.to_uppercase());
        let found = methods.iter().filter_map(of);
        doors.extend(found.map(|method| Door { method, path: path.clone() }));
    }
    doors
}

/// The events that the server takes from sockets, as its code registers them.
pub fn emitted(crates: &Path) -> Vec<Door> {
    let files = ["edge/realtime/src/own.rs", "edge/cli/src/doors.rs"];
    let texts = files.map(|file| fs::read_to_string(crates.join(file)).unwrap());
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
    let registers = |line: &&str| line.contains("\" => Self::") || line.contains("\", door(");
    let names = lines.filter(registers).filter_map(|line| line.split('"').nth(1));
    names.map(|name| Door { method: "EMIT".into(), path: name.into() }).collect()
}

/// What is wrong with the fixtures, in sentences.
pub fn faults(doors: &[Door], fixtures: &[Fixture]) -> Vec<String> {
    let mut called = BTreeSet::new();
    let mut faults = Vec::new();
    for fixture in fixtures {
        let fitting = doors.iter().filter_map(|door| fixture.fits(door).map(|n| (n, door)));
        match fitting.max_by_key(|(literal, _)| *literal) {
            Some((_, door)) => {
                called.insert(door);
            }
            None if fixture.path.starts_with("/api/") || fixture.method == "EMIT" => {
                faults.push(format!("{} calls no route that there is", fixture.name()));
            }
            // A page, which no document lists.
            None => {}
        }
        let same = fixtures.iter().filter(|other| other.name() == fixture.name());
        if same.count() > 1 {
            faults.push(format!("{} stands there twice: add a note", fixture.name()));
        }
    }
    let lacking = doors.iter().filter(|door| !called.contains(door));
    faults.extend(lacking.map(|Door { method, path }| {
        format!(
            "{method} {path} has no fixture: say in the fixtures.txt of its crate how it is called"
        )
    }));
    faults
}

fn folders(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn a_route_without_a_fixture_and_a_fixture_without_a_route_are_told_in_sentences() {
    let door = |method: &str, path: &str| Door { method: method.into(), path: path.into() };
    let doors = [
        door("GET", "/api/tasks/{id}"),
        door("POST", "/api/tasks/bulk"),
        door("POST", "/api/tasks/{id}"),
        door("EMIT", "task.create"),
    ];
    let lines =
        ["GET /api/tasks/{task}?a=b", "POST /api/tasks/bulk {}", "GET /api/gone", "GET /docs"];
    let fixtures: Vec<_> = lines.iter().filter_map(|line| Fixture::parse(line)).collect();

    let faults = faults(&doors, &fixtures);

    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!(faults[0], "GET /api/gone calls no route that there is");
    assert!(faults[1].starts_with("POST /api/tasks/{id} has no fixture"), "{faults:?}");
    assert!(faults[2].starts_with("EMIT task.create has no fixture"), "{faults:?}");
}

#[test]
fn a_line_is_a_call_with_names_in_braces() {
    let line =
        "PATCH! /api/users/{me} {\"role\": \"ceo\", \"x\": [\"{ann}\", {}]} -- one's own role";

    let fixture = Fixture::parse(line).expect("a fixture");

    assert!(fixture.is_marked);
    assert_eq!(fixture.name(), "PATCH /api/users/{me} (one's own role)");
    assert_eq!(fixture.names().into_iter().collect::<Vec<_>>(), ["ann", "me"]);
    assert_eq!(Fixture::parse("GET"), None);
}
