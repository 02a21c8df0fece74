//! The environment over the file: `SLIPROAD__PUBLIC__BASE_URL` is `base-url` in `[public]`, `SLIPROAD__PARTICIPANT__0__ID` the id of
//! the first participant. Text is read as what the setting is; lists and tables are written as in TOML.

use std::ffi::OsString;

use serde_json::Value as Schema;
use toml::{Table, Value};

use super::problem::{Field, Findings, Step};

const PREFIX: &str = "SLIPROAD__";

/// The variables of an environment that are settings, in the order of their names.
pub(super) fn settings<I>(environment: I) -> Vec<(String, String)>
where
    I: IntoIterator<Item = (OsString, OsString)>,
{
    let mut found: Vec<_> = environment
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|n| n.starts_with(PREFIX))?;
            Some((name, value.to_string_lossy().into_owned()))
        })
        .collect();
    found.sort();
    found
}

/// Lays the variables over the table.
pub(super) fn apply(table: &mut Table, variables: Vec<(String, String)>, findings: &mut Findings<'_>) {
    if variables.is_empty() {
        return;
    }
    let schema = super::schema::schema();
    for (name, text) in variables {
        let field = field(&name);
        findings.overlaid(field.clone(), name);
        let outcome = match kind(&schema, &field) {
            Some(kind) => read(kind, &text).and_then(|value| put(table, field.steps(), value)),
            None => Err("there is no such setting".to_owned()),
        };
        if let Err(message) = outcome {
            findings.add(&field, message);
        }
    }
}

fn field(name: &str) -> Field {
    let parts = name.strip_prefix(PREFIX).unwrap_or(name).split("__");
    let steps = parts.map(|part| match part.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Key(part.to_ascii_lowercase().replace('_', "-")),
    });
    Field::new(steps.collect())
}

/// What a setting is, by the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Boolean,
    Other,
}

fn kind(root: &Schema, field: &Field) -> Option<Kind> {
    let mut here = root;
    for step in field.steps() {
        let inner = match step {
            Step::Key(key) => narrowed(root, here, |s| s.get("properties")?.get(key)),
            Step::Index(_) => narrowed(root, here, |s| s.get("items")),
        };
        here = inner?;
    }
    let named = narrowed(root, here, |s| s.get("type").or_else(|| s.get("oneOf")).or_else(|| s.get("enum")));
    Some(match named {
        Some(Schema::String(name)) => kind_of(name),
        Some(Schema::Array(names)) if names.iter().all(Schema::is_string) => {
            names.iter().filter_map(Schema::as_str).find(|n| *n != "null").map_or(Kind::Text, kind_of)
        }
        Some(_) => Kind::Text,
        None => Kind::Other,
    })
}

fn kind_of(name: &str) -> Kind {
    match name {
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "object" | "array" => Kind::Other,
        _ => Kind::Text,
    }
}

/// Looks for something in a schema, in what it refers to, and in its alternatives.
fn narrowed<'s>(
    root: &'s Schema,
    here: &'s Schema,
    look: impl Fn(&'s Schema) -> Option<&'s Schema> + Copy,
) -> Option<&'s Schema> {
    if let Some(found) = look(here) {
        return Some(found);
    }
    if let Some(reference) = here.get("$ref").and_then(Schema::as_str) {
        return narrowed(root, root.pointer(reference.strip_prefix('#')?)?, look);
    }
    ["anyOf", "allOf"]
        .into_iter()
        .filter_map(|list| here.get(list)?.as_array())
        .flatten()
        .filter(|s| s.get("type").and_then(Schema::as_str) != Some("null"))
        .find_map(|inner| narrowed(root, inner, look))
}

fn read(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Integer => text.parse().map(Value::Integer).map_err(|_| "expected a whole number".to_owned()),
        Kind::Boolean => text.parse().map(Value::Boolean).map_err(|_| "expected true or false".to_owned()),
        Kind::Other => toml::from_str::<Table>(&format!("value = {text}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .ok_or_else(|| "expected a list or table as TOML writes it".to_owned()),
    }
}

fn put(table: &mut Table, steps: &[Step], value: Value) -> Result<(), String> {
    let Some((Step::Key(first), rest)) = steps.split_first() else { return Err("expected a section".to_owned()) };
    let mut place = table.entry(first.clone()).or_insert_with(|| empty(rest.first()));
    for (n, step) in rest.iter().enumerate() {
        place = match (step, place) {
            (Step::Key(key), Value::Table(inner)) => inner.entry(key.clone()).or_insert_with(|| empty(rest.get(n + 1))),
            (Step::Index(index), Value::Array(list)) => {
                if *index == list.len() {
                    list.push(empty(rest.get(n + 1)));
                }
                let count = list.len();
                list.get_mut(*index).ok_or_else(|| format!("there are only {count} entries before it"))?
            }
            _ => return Err("the file has something else in its place".to_owned()),
        };
    }
    *place = value;
    Ok(())
}

/// What must be there for the next step.
fn empty(next: Option<&Step>) -> Value {
    match next {
        Some(Step::Index(_)) => Value::Array(Vec::new()),
        _ => Value::Table(Table::new()),
    }
}
