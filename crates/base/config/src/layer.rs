//! The sources of settings, laid over each other, and taken apart key by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fault::{ConfigFault, Source};
use crate::section::variable;
use crate::value::{Raw, Setting};

/// Short or customary names of settings in the environment.
const ALIASES: [(&str, &str); 4] = [
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("SAYSO_DATA_DIR", "data_dir"),
    ("SAYSO_PG_BIN", "managed.pg_bin"),
];

/// The names besides `SAYSO_<SECTION>__<KEY>` under which `key` is read. That
/// of `data_dir` is its own name, since it stands in no section.
pub(crate) fn aliases_of(key: &str) -> impl Iterator<Item = &'static str> {
    let own = variable(key);
    ALIASES.iter().filter(move |(name, of)| *of == key && *name != own).map(|(name, _)| *name)
}

/// A value with the place where it was said.
#[derive(Clone, Debug)]
struct Said {
    raw: Raw,
    source: Source,
    layer: u8,
}

/// The value of a setting, and where it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldSetting {
    /// `section.key`.
    pub key: &'static str,
    /// The value; of a secret only that there is one.
    pub value: String,
    /// Who said it; `None` for a default.
    pub source: Option<Source>,
}

/// What is shown of a secret.
const HIDDEN: &str = "[secret]";

/// All that was said, the strongest source on top, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    said: BTreeMap<String, Said>,
    asked: Vec<&'static str>,
    told: Vec<ToldSetting>,
    faults: Vec<ConfigFault>,
    layer: u8,
}

impl Layers {
    /// Lays the settings file on top.
    pub(crate) fn add_file(&mut self, path: &Path) {
        self.layer += 1;
        let source = Source::File(path.to_path_buf());
        let table = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot be read: {error}"))
            .and_then(|text| {
                text.parse::<toml::Table>().map_err(|error| format!("is not TOML: {error}"))
            });
        match table {
            Ok(table) => self.add_table("", &table, &source),
            Err(reason) => {
                let key = path.display().to_string();
                self.faults.push(ConfigFault::new(&key, Source::Combination, reason));
            }
        }
    }

    fn add_table(&mut self, prefix: &str, table: &toml::Table, source: &Source) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(inner) => self.add_table(&key, inner, source),
                toml::Value::Array(list) => {
                    self.put(key, Raw::Many(list.iter().map(plain).collect()), source.clone());
                }
                one => self.put(key, Raw::One(plain(one)), source.clone()),
            }
        }
    }

    /// Lays the environment on top. An empty variable is one that is not set,
    /// as container tools pass it. A name that starts with `SAYSO_` and has no
    /// double underscore is left alone, since an orchestrator invents such
    /// names (`SAYSO_PORT`), unless it is a setting with one underscore lost.
    pub(crate) fn add_environment(&mut self, env: impl Iterator<Item = (String, String)>) {
        self.layer += 1;
        let mut named = Vec::new();
        for (name, value) in env.filter(|(_, value)| !value.is_empty()) {
            if let Some(key) = alias(&name) {
                self.put(key, Raw::One(value), Source::Environment(name));
            } else if let Some(path) = name.strip_prefix("SAYSO_") {
                named.push((path.to_lowercase().replace("__", "."), name, value));
            }
        }
        // The full name is stronger than a customary one.
        for (key, name, value) in named {
            if key.contains('.') {
                self.remove(&key);
                self.put(key, Raw::One(value), Source::Environment(name));
            } else {
                self.suspect(&name);
            }
        }
    }

    /// Refuses a variable that lacks one of two underscores.
    fn suspect(&mut self, name: &str) {
        let meant = crate::settings::reference()
            .into_iter()
            .find(|doc| doc.key.contains('.') && doc.env.replacen("__", "_", 1) == name);
        if let Some(doc) = meant {
            let reason = format!("no such setting; {} is one", doc.env);
            self.faults.push(ConfigFault::new(name, Source::Combination, reason));
        }
    }

    /// Lays the caller's own values on top.
    pub(crate) fn add_overrides(&mut self, given: impl IntoIterator<Item = (String, String)>) {
        self.layer += 1;
        for (key, value) in given {
            self.put(key, Raw::One(value), Source::Flag);
        }
    }

    /// Forgets what weaker names of the same source said of `key`.
    fn remove(&mut self, key: &str) {
        self.said.remove(key);
        self.said.remove(&format!("{key}_file"));
    }

    /// A value hides the file that a weaker source named for it, and the other
    /// way round.
    fn put(&mut self, key: String, raw: Raw, source: Source) {
        let twin = key.strip_suffix("_file").map_or(format!("{key}_file"), str::to_owned);
        if self.said.get(&twin).is_some_and(|said| said.layer < self.layer) {
            self.said.remove(&twin);
        }
        self.said.insert(key, Said { raw, source, layer: self.layer });
    }

    /// Takes one setting; a fault is kept, and the default stands in for it.
    pub(crate) fn take<T: Setting>(
        &mut self,
        key: &'static str,
        default: T,
        bounds: Option<(u64, u64)>,
    ) -> T {
        self.asked.push(key);
        let said = self.said.remove(key);
        let said = if T::SECRET { self.take_secret_file(key, said) } else { said };
        let source = said.as_ref().map(|said| said.source.clone());
        let value = match said {
            Some(said) => self.read(key, said, bounds).unwrap_or(default),
            None => default,
        };
        let shown = match &source {
            Some(_) if T::SECRET => HIDDEN.to_owned(),
            _ => value.show(),
        };
        self.told.push(ToldSetting { key, value: shown, source });
        value
    }

    /// The value, unless it is a fault.
    fn read<T: Setting>(&mut self, key: &str, said: Said, bounds: Option<(u64, u64)>) -> Option<T> {
        let fault = match T::read(&said.raw) {
            Ok(value) => match (bounds, value.magnitude()) {
                (Some((least, greatest)), Some(n)) if n < least || n > greatest => {
                    format!("must be from {least} to {greatest}")
                }
                _ => return Some(value),
            },
            Err(form) => format!("must be {form}"),
        };
        let shown = match &said.raw {
            Raw::One(text) if !T::SECRET => format!(", not {text:?}"),
            _ => String::new(),
        };
        self.faults.push(ConfigFault::new(key, said.source, format!("{fault}{shown}")));
        None
    }

    /// A secret may stand in a file of its own, named by `<key>_file`.
    fn take_secret_file(&mut self, key: &str, said: Option<Said>) -> Option<Said> {
        let Some(file) = self.said.remove(&format!("{key}_file")) else { return said };
        let named = format!("{key}_file");
        let Raw::One(path) = &file.raw else {
            self.faults.push(ConfigFault::new(&named, file.source, "must be one path"));
            return said;
        };
        if said.is_some() {
            let reason = format!("give {key} or {named}, not both");
            self.faults.push(ConfigFault::new(&named, file.source, reason));
            return said;
        }
        match std::fs::read_to_string(PathBuf::from(path)) {
            Ok(text) => Some(Said { raw: Raw::One(text.trim().to_owned()), ..file }),
            Err(error) => {
                let reason = format!("{path} cannot be read: {error}");
                self.faults.push(ConfigFault::new(&named, file.source, reason));
                None
            }
        }
    }

    /// What was taken, and all faults; what was said and never asked for is
    /// one each.
    pub(crate) fn finish(mut self) -> (Vec<ToldSetting>, Vec<ConfigFault>) {
        for (key, said) in std::mem::take(&mut self.said) {
            let near = self.asked.iter().copied().find(|known| is_near(known, &key));
            let reason = near.map_or("no such setting".to_owned(), |known| {
                format!("no such setting; {known} is one")
            });
            self.faults.push(ConfigFault::new(&key, said.source, reason));
        }
        (self.told, self.faults)
    }
}

/// The setting that a customary name stands for.
fn alias(name: &str) -> Option<String> {
    let (base, tail) = name.strip_suffix("_FILE").map_or((name, ""), |base| (base, "_file"));
    let (_, key) = ALIASES.iter().find(|(alias, _)| *alias == base)?;
    Some(format!("{key}{tail}"))
}

/// A value of the file as text, without the quotes of a string.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Datetime(time) => time.to_string(),
        toml::Value::Array(_) => "a list".to_owned(),
        toml::Value::Table(_) => "a table".to_owned(),
    }
}

/// Whether somebody who wrote `key` may have meant `known`: the same letters
/// but for case, dashes, underscores and the section.
fn is_near(known: &str, key: &str) -> bool {
    let bare = |text: &str| -> String {
        let tail = text.rsplit('.').next().unwrap_or(text);
        tail.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    bare(known) == bare(key)
}
