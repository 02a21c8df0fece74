//! Objects of a policy: their properties by name, whatever the spelling.

use std::borrow::Cow;

use serde_json::Value;

use super::Reader;
use super::context::DECIDING;
use super::terms::Terms;

/// How many properties one object may have.
const MOST_PROPERTIES: usize = 256;

/// Keywords of JSON-LD that objects of a policy may have.
const KEYWORDS: [&str; 6] = ["@context", "@graph", "@id", "@index", "@type", "@value"];

/// What JSON-LD calls `@type`, written out: it would be passed over.
const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

/// A JSON object, with the names of its properties resolved.
pub(super) struct Object<'a> {
    /// Its JSON Pointer.
    pub(super) clause: String,
    fields: Vec<(Cow<'a, str>, &'a str, &'a Value)>,
}

impl<'a> Object<'a> {
    /// A property by its name, with its pointer; `null` is as good as absent.
    pub(super) fn field(&self, name: &str) -> Option<(String, &'a Value)> {
        let (_, key, value) = self.fields.iter().find(|(known, ..)| known == name)?;
        (!value.is_null()).then(|| (pointer(&self.clause, key), *value))
    }

    /// Whether it has the property with anything in it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some_and(|(at, value)| !many(value, &at).is_empty())
    }

    /// A property with one text as its value.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.field(name)?;
        match value {
            Value::Array(list) if list.len() == 1 => list.first().and_then(text),
            other => text(other),
        }
    }

    /// The types that it is said to have, by their registered names.
    pub(super) fn types(&self, terms: &Terms) -> Vec<String> {
        let types = self.field("@type").map(|(at, value)| many(value, &at)).unwrap_or_default();
        types.into_iter().filter_map(|(_, value)| terms.name_of(value)).collect()
    }

    /// Whether a property is written as that term of another vocabulary.
    pub(super) fn is_written(&self, terms: &Terms, name: &str, term: &str) -> bool {
        let key = self.fields.iter().find(|(known, ..)| known == name).map(|(_, key, _)| *key);
        key.is_some_and(|key| terms.name(key) == term)
    }

    /// `@id` or `uid`.
    pub(super) fn id(&self) -> Option<String> {
        self.text("@id")
    }

    /// The identifier of something described elsewhere, where it is no more than that.
    pub(super) fn reference(&self) -> Option<String> {
        self.id().filter(|_| self.fields.len() == 1)
    }
}

impl<'a> Reader<'a> {
    /// Opens an object; what a `@graph` describes elsewhere is opened there.
    pub(super) fn object(
        &mut self,
        clause: &str,
        value: &'a Value,
        code: &'static str,
        reason: &str,
    ) -> Option<Object<'a>> {
        if !self.count(clause) {
            return None;
        }
        if let Some((at, node)) = value.as_str().and_then(|id| self.graph.get(id).cloned()) {
            return self.object(&at, node, code, reason);
        }
        let Value::Object(map) = value else {
            self.refuse(clause, code, reason);
            return None;
        };
        if map.len() > MOST_PROPERTIES {
            self.refuse(clause, "policy.too-large", format!("an object has more than {MOST_PROPERTIES} properties"));
            return None;
        }
        let mut fields: Vec<(Cow<'a, str>, &'a str, &'a Value)> = Vec::with_capacity(map.len());
        for (key, value) in map {
            let name = self.terms.property(key);
            self.refuse_unknown(clause, key, &name, value);
            if name == "@context" && !clause.is_empty() && !is_named(value) {
                self.refuse(&pointer(clause, key), "context.nested", "a context belongs at the top of the document");
            }
            if let Some((_, other, earlier)) = fields.iter().find(|(known, ..)| *known == name) {
                if *earlier != value {
                    let reason = format!("{other} and {key} are the same property");
                    self.refuse(&pointer(clause, key), "property.repeated", reason);
                }
                continue;
            }
            fields.push((name, key, value));
        }
        let object = Object { clause: clause.to_owned(), fields };
        if let Some((at, id)) = object.field("@id").filter(|(_, id)| !is_identifier(id)) {
            self.refuse(&at, code, format!("an identifier is one text, not {id}"));
        }
        if object.reference().is_none() {
            return Some(object);
        }
        let known = object.field("@id").and_then(|(_, id)| self.graph.get(id.as_str()?).cloned());
        match known {
            Some((at, node)) if at != clause => self.object(&at, node, code, reason),
            _ => Some(object),
        }
    }
}

impl Reader<'_> {
    /// Refuses a property that means something to whoever wrote it and nothing here; one that says nothing is passed over, as are
    /// annotations of other vocabularies.
    fn refuse_unknown(&mut self, clause: &str, key: &str, name: &str, value: &Value) {
        let at = pointer(clause, key);
        if many(value, &at).is_empty() {
            return;
        }
        if name.starts_with('@') && !KEYWORDS.contains(&name) {
            self.refuse(&at, "property.unknown", format!("{key} cannot be honoured here"));
        }
        if name == "rdf:type" || name == TYPE {
            self.refuse(&at, "property.misspelt", format!("types are written as @type, not {key}"));
        }
        if let Some(right) = self.terms.is_undefined(key).then(|| nearly(name)).flatten() {
            self.refuse(&at, "property.misspelt", format!("ODRL writes {right}, not {key}"));
        }
        if self.terms.is_foreign(key, name) {
            self.refuse(&at, "property.unknown", format!("{key} is a property that cannot be evaluated here"));
        }
    }

    /// Refuses properties that would be passed over in silence where they stand.
    pub(super) fn refuse_where(&mut self, object: &Object<'_>, properties: &[&str], code: &'static str, reason: &str) {
        for property in properties.iter().filter(|property| object.has(property)) {
            if let Some((at, _)) = object.field(property) {
                self.refuse(&at, code, format!("{property} {reason}"));
            }
        }
    }
}

/// The deciding property that a name is but for its case, its number or one letter: it would be passed over as an annotation.
fn nearly(name: &str) -> Option<&'static str> {
    if is_deciding(name) {
        return None;
    }
    let written = name.to_ascii_lowercase();
    DECIDING.into_iter().find(|property| {
        let right = property.to_ascii_lowercase();
        let plural = right.strip_suffix('y').map(|stem| format!("{stem}ies"));
        let near = right.len() >= 6 && written.len() <= right.len() + 1 && strsim::osa_distance(&written, &right) < 2;
        written == right || plural.as_deref() == Some(&*written) || near
    })
}

/// Whether a property decides something.
pub(super) fn is_deciding(name: &str) -> bool {
    DECIDING.contains(&name)
}

/// Whether contexts are named by URL only.
fn is_named(context: &Value) -> bool {
    match context {
        Value::Array(parts) => parts.iter().all(Value::is_string),
        one => one.is_string(),
    }
}

/// Whether a value can be that of `@id`: one text, however it is wrapped.
fn is_identifier(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(list) => matches!(list.as_slice(), [one] if is_identifier(one)),
        Value::Object(_) => text(value).is_some(),
        _ => false,
    }
}

/// Whether a node of a graph is a policy.
pub(super) fn is_policy(terms: &Terms, node: &Value) -> bool {
    let Value::Object(map) = node else { return false };
    map.keys().any(|key| matches!(&*terms.property(key), "permission" | "prohibition" | "obligation"))
}

/// What a node inherits from.
pub(super) fn parents(terms: &Terms, node: &Value) -> Vec<String> {
    let Value::Object(map) = node else { return Vec::new() };
    let named = map.iter().filter(|(key, _)| terms.property(key) == "inheritFrom");
    named.flat_map(|(_, value)| many(value, "")).filter_map(|(_, value)| text(value)).collect()
}

/// The text of a scalar, or of a JSON-LD value or reference object.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(map) => match map.get("@value").or_else(|| id_of(value))? {
            Value::Object(_) => None,
            inner => text(inner),
        },
        _ => None,
    }
}

/// The identifier of a reference object, in ODRL's spelling or in that of JSON-LD.
pub(super) fn id_of(value: &Value) -> Option<&Value> {
    let spellings = ["@id", "uid", "id", "odrl:uid", "http://www.w3.org/ns/odrl/2/uid"];
    spellings.iter().find_map(|key| value.get(*key))
}

/// The elements of a list with their pointers, or the single value itself. JSON-LD lists and sets may be written out as objects.
pub(super) fn many<'a>(value: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(list) => {
            let each = list.iter().enumerate().map(|(n, v)| (format!("{at}/{n}"), v));
            each.flat_map(|(at, value)| written_out(value, &at)).collect()
        }
        Value::Null => Vec::new(),
        one => written_out(one, at),
    }
}

fn written_out<'a>(value: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    // A set within a set is part of it.
    if value.is_array() {
        return many(value, at);
    }
    let only = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
    match only {
        Some((key, inner @ Value::Array(_))) if matches!(key.as_str(), "@list" | "@set") => {
            many(inner, &pointer(at, key))
        }
        _ => vec![(at.to_owned(), value)],
    }
}

/// RFC 6901: the pointer of a key below a pointer.
pub(super) fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}
