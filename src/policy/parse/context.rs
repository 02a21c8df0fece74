//! Contexts of JSON-LD (JSON-LD 1.1 §4.1, §9.15): what a document defines in place.
//!
//! Whatever a definition could hide or turn into something else, and cannot be honoured here, is refused: two readers would see two
//! policies.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::object::{many, pointer};
use crate::policy::Invalid;
use crate::policy::vocabulary::{ODRL, odrl_name};

/// How many terms a document may define.
const MOST_TERMS: usize = 1_000;

/// How many definitions may stand on one another.
const DEEPEST: usize = 16;

/// Properties that decide something: a document may not change their meaning.
pub(super) const DECIDING: [&str; 23] = [
    "action",
    "and",
    "andSequence",
    "assignee",
    "assigner",
    "conflict",
    "consequence",
    "constraint",
    "duty",
    "inheritFrom",
    "leftOperand",
    "obligation",
    "operator",
    "or",
    "permission",
    "profile",
    "prohibition",
    "refinement",
    "remedy",
    "rightOperand",
    "rightOperandReference",
    "target",
    "xone",
];

/// Prefixes that stand for a vocabulary that is built in, whatever a document binds them to.
const BUILT_IN: [&str; 9] = ["xroad", "cx-policy", "edc", "ovc", "ids", "idsc", "cc", "xsd", "dspace"];

/// Keywords of contexts that change nothing of what is read here.
const HARMLESS: [&str; 4] = ["@version", "@protected", "@language", "@direction"];

/// Members of a term's definition, and what they may say.
const OF_TERMS: [&str; 7] = ["@id", "@type", "@container", "@language", "@direction", "@protected", "@prefix"];

/// The terms and prefixes that a document defines in place; contexts named by URL are those built in.
#[derive(Default)]
pub(super) struct Context {
    terms: HashMap<String, String>,
    /// Whether names without a prefix are ODRL's, also those that ODRL does not define.
    pub(super) is_odrl_by_default: bool,
    /// Whether texts as right operands are identifiers.
    pub(super) right_operands_are_identifiers: bool,
}

impl Context {
    pub(super) fn read(context: Option<&Value>, invalid: &mut Vec<Invalid>) -> Self {
        let mut reading = Reading { context: Self::default(), invalid };
        for (number, (at, part)) in context.map(|c| many(c, "/@context")).unwrap_or_default().into_iter().enumerate() {
            match part {
                Value::String(_) => {}
                // There is nothing to forget yet.
                Value::Null if number == 0 => {}
                Value::Object(map) if reading.context.terms.len() + map.len() <= MOST_TERMS => reading.take(&at, map),
                Value::Object(_) => reading.refuse(&at, "context.too-large", "the document defines too many terms"),
                Value::Null => {
                    let reason = "a context that forgets those before it cannot be honoured here";
                    reading.refuse(&at, "context.unsupported", reason);
                }
                _ => reading.refuse(&at, "context.malformed", "a context is a URL or a JSON object"),
            }
        }
        reading.context
    }

    /// What the document says that a name means, if it says anything.
    pub(super) fn meaning(&self, name: &str) -> Option<&str> {
        self.terms.get(name).map(String::as_str)
    }

    /// What its prefixes stand for.
    pub(super) fn prefixes(&self) -> Vec<(String, String)> {
        let all = self.terms.iter().filter(|(_, iri)| iri.ends_with(['/', '#', ':']));
        let mut prefixes: Vec<(String, String)> = all.map(|(name, iri)| (name.clone(), iri.clone())).collect();
        prefixes.sort();
        prefixes
    }
}

struct Reading<'i> {
    context: Context,
    invalid: &'i mut Vec<Invalid>,
}

impl Reading<'_> {
    fn refuse(&mut self, at: &str, code: &'static str, reason: impl Into<String>) {
        self.invalid.push(Invalid::new(at, code, reason));
    }

    /// Takes one context over those before it. Its members have no order: each may be written by means of any other.
    fn take(&mut self, at: &str, map: &Map<String, Value>) {
        let mut written: HashMap<&str, &str> = HashMap::new();
        for (name, meaning) in map {
            let place = pointer(at, name);
            if name.starts_with('@') {
                self.keyword(&place, name, meaning);
            } else if let Some(iri) = self.definition(&place, name, meaning) {
                written.insert(name, iri);
            }
        }
        let mut resolved = Vec::new();
        for name in written.keys() {
            match self.resolved(name, &written, DEEPEST) {
                Some(iri) => resolved.push(((*name).to_owned(), iri)),
                None => {
                    let reason = format!("the context defines {name} by itself, or by too many others");
                    self.refuse(&pointer(at, name), "context.circle", reason);
                }
            }
        }
        for (name, iri) in resolved {
            self.define(at, name, iri);
        }
    }

    fn keyword(&mut self, place: &str, name: &str, meaning: &Value) {
        match (name, meaning) {
            ("@vocab", Value::Null) => self.context.is_odrl_by_default = false,
            ("@vocab", Value::String(vocabulary)) => {
                self.context.is_odrl_by_default = vocabulary == ODRL;
                // Whoever writes half of ODRL's namespace here writes the other half as a property.
                if !self.context.is_odrl_by_default
                    && (vocabulary.starts_with(ODRL) || ODRL.starts_with(vocabulary.as_str()))
                {
                    self.refuse(place, "context.redefines", "@vocab stands for a part of ODRL's names");
                }
            }
            _ if HARMLESS.contains(&name) => {}
            _ => self.refuse(place, "context.unsupported", format!("{name} cannot be honoured here")),
        }
    }

    /// What a member says that its name means; nothing when it says other things of the name only.
    fn definition<'m>(&mut self, place: &str, name: &str, meaning: &'m Value) -> Option<&'m str> {
        let iri = match meaning {
            Value::String(iri) => Some(iri.as_str()),
            Value::Object(definition) => self.expanded(place, name, definition)?,
            Value::Null => {
                self.refuse(place, "context.unsupported", format!("the context takes the meaning of {name} away"));
                None
            }
            _ => {
                self.refuse(place, "context.malformed", format!("{name} is defined by a text or a JSON object"));
                None
            }
        }?;
        let is_usual = matches!((name, iri), ("id" | "uid", "@id") | ("type", "@type"));
        if iri.starts_with('@') && !is_usual {
            let reason = format!("the context gives {iri} another name, which cannot be honoured here");
            self.refuse(place, "context.unsupported", reason);
            return None;
        }
        Some(iri)
    }

    fn expanded<'m>(&mut self, place: &str, name: &str, definition: &'m Map<String, Value>) -> Option<Option<&'m str>> {
        let lists =
            |value: &Value| many(value, "").iter().all(|(_, one)| matches!(one.as_str(), Some("@list" | "@set")));
        for (member, value) in definition {
            let is_understood = match member.as_str() {
                "@id" => value.is_string(),
                "@container" => lists(value),
                member => OF_TERMS.contains(&member),
            };
            if !is_understood {
                let reason = format!("{member} in the definition of {name} cannot be honoured here");
                self.refuse(&pointer(place, member), "context.unsupported", reason);
                return None;
            }
        }
        let iri = definition.get("@id").and_then(Value::as_str);
        let named = iri.unwrap_or(name);
        if odrl_name(named).unwrap_or(named) == "rightOperand" {
            match definition.get("@type").map(Value::as_str) {
                None => {}
                Some(Some("@id" | "@vocab")) => self.context.right_operands_are_identifiers = true,
                Some(_) => {
                    let reason = "types of right operands are to be written with their values";
                    self.refuse(&pointer(place, "@type"), "context.unsupported", reason);
                }
            }
        }
        Some(iri)
    }

    /// A name or a compact identifier written out, by what stands beside it and what stood before; `None` when that has no end.
    fn resolved(&self, name: &str, written: &HashMap<&str, &str>, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let Some(iri) = written.get(name).copied() else { return Some(self.known(name)) };
        if iri.starts_with('@') {
            return Some(iri.to_owned());
        }
        if iri != name && written.contains_key(iri) {
            return self.resolved(iri, written, depth);
        }
        match iri.split_once(':') {
            Some((prefix, rest)) if prefix != name && !rest.starts_with("//") && written.contains_key(prefix) => {
                Some(format!("{}{rest}", self.resolved(prefix, written, depth)?))
            }
            _ => Some(self.known(iri)),
        }
    }

    fn known(&self, name: &str) -> String {
        expand(&self.context, name)
    }

    fn define(&mut self, at: &str, name: String, iri: String) {
        let meant = odrl_name(&name).unwrap_or(&name);
        let own = match meant {
            "odrl" => Some(""),
            deciding => DECIDING.contains(&deciding).then_some(deciding),
        };
        if own.is_some() && odrl_name(&iri) != own {
            let reason = format!("the context gives {name} another meaning than ODRL's");
            self.refuse(at, "context.redefines", reason);
        } else if !BUILT_IN.contains(&name.as_str()) {
            self.context.terms.insert(name, iri);
        }
    }
}

/// A compact identifier written out, where the document says what its prefix stands for.
pub(super) fn expand(context: &Context, term: &str) -> String {
    if let Some(iri) = context.meaning(term) {
        return iri.to_owned();
    }
    let known = term.split_once(':').and_then(|(prefix, rest)| Some(format!("{}{rest}", context.meaning(prefix)?)));
    known.unwrap_or_else(|| term.to_owned())
}
