//! `sayso config …`: what is set, what could be, and what is wrong with it.

use anyhow::{Result, anyhow};
use clap::Subcommand;
use sayso_config::{ConfigFault, Kind, SettingDoc, Settings, ToldSetting};
use serde_json::{Map, Value, json};

use super::say;

/// The commands of `sayso config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read the settings and tell everything that is wrong with them at once.
    ///
    /// Ends with 1 if anything is. Asks neither the database nor Redis: `sayso doctor` does.
    Check,
    /// Show every setting that is in force, and who said it. Secrets are not shown.
    Print,
    /// Print the JSON Schema of the settings file, for editors.
    Schema,
}

/// Settings as they are in force.
pub(super) type Loaded = Result<(Settings, Vec<ToldSetting>), Vec<ConfigFault>>;

pub(super) fn run(loaded: Loaded, command: &ConfigCommand) -> Result<()> {
    if matches!(command, ConfigCommand::Schema) {
        say(&schema_text()?);
        return Ok(());
    }
    let (_, told) = loaded.map_err(|faults| refused(&faults))?;
    match command {
        ConfigCommand::Print => say(&printed(&told)),
        _ => {
            let said = told.iter().filter(|one| one.source.is_some()).count();
            say(&format!("the settings can be used: {said} of {} are not defaults", told.len()));
        }
    }
    Ok(())
}

/// All faults, a line each.
pub(super) fn refused(faults: &[ConfigFault]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    anyhow!("the settings cannot be used:{}", lines.concat())
}

fn printed(told: &[ToldSetting]) -> String {
    let width = told.iter().map(|one| one.key.len()).max().unwrap_or(0);
    let lines = told.iter().map(|one| {
        let value = if one.value.is_empty() { "-" } else { &one.value };
        let source = one.source.as_ref().map_or(" (default)".to_owned(), ToString::to_string);
        format!("{:width$}  {value}{source}", one.key)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The settings that differ and that a running server cannot take up.
pub(super) fn needing_a_restart(old: &[ToldSetting], new: &[ToldSetting]) -> Vec<&'static str> {
    let changed = old.iter().zip(new).filter(|(old, new)| old.value != new.value);
    changed.map(|(old, _)| old.key).filter(|key| *key != RELOADED).collect()
}

/// What a running server takes up at SIGHUP.
pub(super) const RELOADED: &str = "log.filter";

/// `golden/config.schema.json`.
pub(super) fn schema_text() -> Result<String> {
    let mut sections: Map<String, Value> = Map::new();
    for doc in sayso_config::reference() {
        let Some((section, name)) = doc.key.split_once('.') else {
            sections.insert(doc.key.clone(), shape(&doc));
            continue;
        };
        let table = sections.entry(section).or_insert_with(
            || json!({ "type": "object", "additionalProperties": false, "properties": {} }),
        );
        table["properties"][name] = shape(&doc);
        if doc.is_secret {
            let about = format!("A file that holds `{}`.", doc.key);
            table["properties"][format!("{name}_file")] =
                json!({ "type": "string", "description": about });
        }
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of Sayso",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    });
    Ok(serde_json::to_string_pretty(&schema)?)
}

fn shape(doc: &SettingDoc) -> Value {
    let about = format!("{} Unit: {}.", doc.doc, doc.unit);
    let mut shape = match doc.kind {
        Kind::Number => json!({ "type": "integer" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Text => json!({ "type": ["string", "integer"] }),
        Kind::Ratio => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
    };
    shape["description"] = about.into();
    if let Some((least, greatest)) = doc.bounds {
        shape["minimum"] = least.into();
        shape["maximum"] = greatest.into();
    }
    shape
}

/// The pair of `--set`, or what is wrong with it.
pub(super) fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("it takes section.key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_setting_and_the_file_of_every_secret() {
        let schema: Value = serde_json::from_str(&schema_text().expect("a schema")).expect("JSON");

        let sections = &schema["properties"];
        for doc in sayso_config::reference() {
            let Some((section, name)) = doc.key.split_once('.') else { continue };
            let found = &sections[section]["properties"];
            assert!(found[name]["description"].is_string(), "{} is missing", doc.key);
            assert_eq!(found[format!("{name}_file")].is_object(), doc.is_secret, "{}", doc.key);
        }
        assert_eq!(sections["http"]["properties"]["drain_ms"]["maximum"], 60_000);
        assert_eq!(sections["limits"]["properties"]["enabled"]["type"], "boolean");
    }

    #[test]
    fn what_changed_and_is_not_taken_up_is_named() {
        let told = |filter: &str, listen: &str| {
            let one = |key, value: &str| ToldSetting { key, value: value.to_owned(), source: None };
            vec![one("log.filter", filter), one("http.listen", listen)]
        };

        let changed = needing_a_restart(&told("info", "a"), &told("debug", "b"));

        assert_eq!(changed, ["http.listen"]);
    }
}
