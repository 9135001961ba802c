//! How each route and each event of a socket is called: in the code, in lines
//! right above its handler that begin with `// fixture: `.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// The code that it stands above.
    beside: String,
}

/// What a line begins with that is a fixture.
const MARK: &str = "// fixture: ";
/// Lines of code that name a route, at the most.
const ABOVE_MAX: usize = 4;

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
        let (method, path, beside) = (method.into(), path.into(), String::new());
        Some(Self { method, is_marked, path, body, note, beside })
    }

    /// The fixtures of a file, each with the code that it stands above.
    fn all(text: &str) -> Vec<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let stands = |(at, line): (usize, &&str)| {
            let mut fixture = Self::parse(line.strip_prefix(MARK)?)?;
            let code = lines[at..].iter().skip_while(|line| line.starts_with(MARK));
            fixture.beside = code.take(ABOVE_MAX).copied().collect();
            Some(fixture)
        };
        lines.iter().enumerate().filter_map(stands).collect()
    }

    /// Whether it stands above what answers there.
    fn is_beside(&self, path: &str) -> bool {
        self.beside.contains(&format!("\"{path}\""))
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
    let mut files = Vec::new();
    for room in folders(crates).iter().flat_map(|band| folders(band)) {
        sources(&room.join("src"), &mut files);
    }
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| Fixture::all(&text)).collect()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
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
                if !fixture.is_beside(&door.path) {
                    faults.push(format!("{} does not stand above its handler", fixture.name()));
                }
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
        format!("{method} {path} has no fixture: say above its handler how it is called")
    }));
    faults
}

fn folders(path: &Path) -> Vec<PathBuf> {
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
    let code = [
        "    // fixture: GET /api/tasks/{task}?a=b",
        "    // fixture: GET /api/gone",
        r#"    #[utoipa::path(get, path = "/api/tasks/{id}""#,
        "    // fixture: GET /docs",
        "    // fixture: POST /api/tasks/bulk {}",
        r#"    #[utoipa::path(delete, path = "/api/tasks/{id}""#,
    ];
    let fixtures = Fixture::all(&code.join("\n"));

    let faults = faults(&doors, &fixtures);

    assert_eq!((fixtures.len(), faults.len()), (4, 4), "{faults:?}");
    assert_eq!(faults[0], "GET /api/gone calls no route that there is");
    assert_eq!(faults[1], "POST /api/tasks/bulk does not stand above its handler");
    assert!(faults[2].starts_with("POST /api/tasks/{id} has no fixture"), "{faults:?}");
    assert!(faults[3].starts_with("EMIT task.create has no fixture"), "{faults:?}");
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
