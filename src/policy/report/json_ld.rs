//! Flattened JSON-LD of statements whose subjects and predicates are IRIs.

use std::collections::BTreeMap;

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{Term, Triple};
use serde_json::{Map, Value, json};

use super::{CRM, ODRL, W3C};

const CONTEXT: [(&str, &str); 5] = [
    ("report", CRM),
    ("odrl-fs", W3C),
    ("odrl", ODRL),
    ("dct", "http://purl.org/dc/terms/"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

pub(super) fn write(triples: &[Triple]) -> Value {
    let mut order: Vec<String> = Vec::new();
    let mut nodes: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for triple in triples {
        let subject = triple.subject.to_string();
        let subject = subject.trim_matches(['<', '>']).to_owned();
        let node = nodes.entry(subject.clone()).or_insert_with(|| {
            order.push(subject.clone());
            Map::from_iter([("@id".to_owned(), json!(subject))])
        });
        let (key, value) = if triple.predicate == rdf::TYPE {
            ("@type".to_owned(), class(&triple.object))
        } else {
            (compact(triple.predicate.as_str()), object(&triple.object))
        };
        add(node, key, value);
    }
    let context: Map<String, Value> = CONTEXT.iter().map(|(prefix, iri)| ((*prefix).to_owned(), json!(iri))).collect();
    let graph: Vec<Value> = order.iter().filter_map(|id| nodes.remove(id)).map(Value::Object).collect();
    json!({ "@context": context, "@graph": graph })
}

fn add(node: &mut Map<String, Value>, key: String, value: Value) {
    match node.get_mut(&key) {
        None => {
            node.insert(key, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(one) => *one = json!([one.take(), value]),
    }
}

fn class(term: &Term) -> Value {
    match term {
        Term::NamedNode(iri) => json!(compact(iri.as_str())),
        other => json!(other.to_string()),
    }
}

fn object(term: &Term) -> Value {
    match term {
        Term::NamedNode(iri) => json!({ "@id": compact(iri.as_str()) }),
        Term::Literal(literal) if literal.datatype() == xsd::STRING => json!(literal.value()),
        Term::Literal(literal) => json!({ "@value": literal.value(), "@type": compact(literal.datatype().as_str()) }),
        other => json!({ "@id": other.to_string() }),
    }
}

fn compact(iri: &str) -> String {
    let found = CONTEXT.iter().find_map(|(prefix, base)| Some((*prefix, iri.strip_prefix(base)?)));
    found.map_or_else(|| iri.to_owned(), |(prefix, local)| format!("{prefix}:{local}"))
}
