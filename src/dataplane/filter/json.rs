//! Fields of JSON: what a list names is kept whole, what leads to it is kept around it, everything else is dropped.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serde_json_path::PathElement;

use super::{Hidden, Unfit, Veil, astray};
use crate::policy::{FieldPath, read_json};

/// The released fields of a document. Array elements that hold nothing are dropped, so places may change.
pub(super) fn filter(text: &str, lists: &[Box<[FieldPath]>], hidden: Option<&Hidden>) -> Result<Vec<u8>, Unfit> {
    let mut whole = read_json("the answer", text)?;
    let named: Vec<Named> = lists.iter().map(|list| Named::by(list, &whole)).collect();
    if let Some(hidden) = hidden {
        let named = Named::by(&hidden.paths, &whole);
        if astray::in_json(&hidden.paths, &named, &whole) {
            return Err(Unfit::Astray);
        }
        hide(&mut whole, &named, &hidden.veil);
    }
    let empty = match &whole {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Null,
    };
    let kept = keep(whole, &named.iter().collect::<Vec<_>>()).unwrap_or(empty);
    serde_json::to_vec(&kept).map_err(|e| Unfit::Unreadable(e.to_string()))
}

/// What a list names at and below one place.
#[derive(Default)]
pub(super) struct Named {
    pub(super) all: bool,
    below: BTreeMap<String, Named>,
}

impl Named {
    fn by(list: &[FieldPath], whole: &Value) -> Self {
        let mut named = Self::default();
        for path in list {
            match path {
                FieldPath::Names(names) => named.add(names.iter().map(String::as_str)),
                FieldPath::Query(query) => {
                    for found in query.query_located(whole).locations() {
                        let names: Vec<String> = found.iter().map(name).collect();
                        named.add(names.iter().map(String::as_str));
                    }
                }
            }
        }
        named
    }

    /// Whether it names nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.below.is_empty()
    }

    /// What is named of a member or element; `None` for nothing.
    pub(super) fn below(&self, name: &str) -> Option<&Self> {
        if self.all { Some(self) } else { self.below.get(name) }
    }

    fn add<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut at = self;
        for name in names {
            at = at.below.entry(name.to_owned()).or_default();
        }
        at.all = true;
    }
}

/// Puts pseudonyms in place of the values that are named, and of all below those.
fn hide(value: &mut Value, named: &Named, veil: &Veil) {
    match value {
        Value::Object(map) => {
            map.iter_mut()
                .filter_map(|(name, value)| Some((named.below(name)?, value)))
                .for_each(|(n, v)| hide(v, n, veil));
        }
        Value::Array(list) => {
            let each =
                list.iter_mut().enumerate().filter_map(|(at, value)| Some((named.below(&at.to_string())?, value)));
            each.for_each(|(n, v)| hide(v, n, veil));
        }
        Value::String(text) if named.all => *text = veil.of(text),
        Value::Null => {}
        other if named.all => *other = Value::String(veil.of(&other.to_string())),
        _ => {}
    }
}

fn name(element: &PathElement<'_>) -> String {
    match element {
        PathElement::Name(name) => (*name).to_owned(),
        PathElement::Index(at) => at.to_string(),
    }
}

/// What every list names of a value; `None` when that is nothing.
fn keep(value: Value, lists: &[&Named]) -> Option<Value> {
    let open: Vec<&Named> = lists.iter().copied().filter(|list| !list.all).collect();
    if open.is_empty() {
        return Some(value);
    }
    let below = |name: &str| open.iter().map(|list| list.below.get(name)).collect::<Option<Vec<_>>>();
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(name, value)| {
                let lists = below(&name)?;
                Some((name, keep(value, &lists)?))
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(list) => {
            let kept = list.into_iter().enumerate();
            let kept: Vec<Value> = kept.filter_map(|(at, value)| keep(value, &below(&at.to_string())?)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}
