//! Turtle as JSON-LD: a policy of a graph written out as the tree that peers send.

use std::collections::BTreeMap;

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{Literal, NamedOrBlankNode, Term, Triple};
use oxttl::TurtleParser;
use serde_json::{Map, Value, json};

pub(super) const ODRL: &str = "http://www.w3.org/ns/odrl/2/";

/// How deep nodes are written into each other.
const DEEPEST: usize = 200;

/// The statements of one or more documents, by subject.
#[derive(Default)]
pub(super) struct Graph(BTreeMap<String, Vec<(String, Term)>>);

impl Graph {
    pub(super) fn read(turtle: &str) -> Result<Self, String> {
        let mut graph = Self::default();
        graph.add(turtle)?;
        Ok(graph)
    }

    /// Adds a document. Blank nodes of different documents must not meet, so one graph takes one document with blank nodes.
    pub(super) fn add(&mut self, turtle: &str) -> Result<(), String> {
        for triple in TurtleParser::new().for_slice(turtle) {
            let triple = triple.map_err(|e| format!("not Turtle: {e}"))?;
            self.insert(&triple);
        }
        Ok(())
    }

    pub(super) fn of(triples: &[Triple]) -> Self {
        let mut graph = Self::default();
        triples.iter().for_each(|triple| graph.insert(triple));
        graph
    }

    fn insert(&mut self, triple: &Triple) {
        let subject = match &triple.subject {
            NamedOrBlankNode::NamedNode(iri) => iri.as_str().to_owned(),
            NamedOrBlankNode::BlankNode(blank) => blank.to_string(),
        };
        let known = self.0.entry(subject).or_default();
        known.push((triple.predicate.as_str().to_owned(), triple.object.clone()));
    }

    /// The nodes of a class, in order of their names.
    pub(super) fn of_class<'a>(&'a self, class: &'a str) -> impl Iterator<Item = &'a str> {
        let is = move |node: &&String| self.names(node, rdf::TYPE.as_str()).any(|c| c == class);
        self.0.keys().filter(is).map(String::as_str)
    }

    /// The values of a property.
    pub(super) fn values<'a>(&'a self, node: &str, property: &'a str) -> impl Iterator<Item = &'a Term> {
        self.0.get(node).into_iter().flatten().filter(move |(p, _)| p == property).map(|(_, term)| term)
    }

    /// The nodes that a property leads to.
    pub(super) fn names<'a>(&'a self, node: &str, property: &'a str) -> impl Iterator<Item = String> {
        self.values(node, property).filter_map(name)
    }

    pub(super) fn name(&self, node: &str, property: &str) -> Option<String> {
        self.names(node, property).next()
    }

    pub(super) fn text(&self, node: &str, property: &str) -> Option<String> {
        self.values(node, property).next().map(|term| match term {
            Term::Literal(literal) => literal.value().to_owned(),
            other => name(other).unwrap_or_default(),
        })
    }

    /// Every statement with this property: subject and value.
    pub(super) fn with(&self, property: &str) -> Vec<(String, Term)> {
        let all = self.0.iter().flat_map(|(s, list)| list.iter().map(move |(p, o)| (s, p, o)));
        all.filter(|(_, p, _)| *p == property).map(|(s, _, o)| (s.clone(), o.clone())).collect()
    }

    /// A node with all that hangs below it, as compact JSON-LD.
    pub(super) fn json_ld(&self, node: &str) -> Value {
        self.tree(node, 0)
    }

    fn tree(&self, node: &str, depth: usize) -> Value {
        let mut object = Map::new();
        if !node.starts_with("_:") {
            object.insert("@id".to_owned(), json!(node));
        }
        for (property, term) in self.0.get(node).into_iter().flatten() {
            if property == &format!("{ODRL}uid") {
                continue;
            }
            let key = key(property);
            let value = match term {
                Term::NamedNode(class) if key == "@type" => json!(class.as_str()),
                term => self.value(&key, term, depth),
            };
            match object.get_mut(&key) {
                None => {
                    object.insert(key, value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(one) => *one = json!([one.take(), value]),
            }
        }
        Value::Object(object)
    }

    fn value(&self, key: &str, term: &Term, depth: usize) -> Value {
        match term {
            Term::Literal(value) => literal(value),
            other => {
                let node = name(other).unwrap_or_default();
                if self.values(&node, rdf::FIRST.as_str()).next().is_some() {
                    return json!({ "@list": self.list(key, &node, depth) });
                }
                let leaf = ["leftOperand", "operator", "unit", "partOf"].contains(&key) || depth > DEEPEST;
                if leaf || !self.0.contains_key(&node) { json!({ "@id": node }) } else { self.tree(&node, depth + 1) }
            }
        }
    }

    fn list(&self, key: &str, head: &str, depth: usize) -> Vec<Value> {
        let (mut list, mut node) = (Vec::new(), head.to_owned());
        loop {
            list.extend(self.values(&node, rdf::FIRST.as_str()).next().map(|first| self.value(key, first, depth)));
            match self.name(&node, rdf::REST.as_str()) {
                Some(rest) if rest != rdf::NIL.as_str() && list.len() < DEEPEST => node = rest,
                _ => break,
            }
        }
        list
    }
}

fn key(property: &str) -> String {
    if property == rdf::TYPE.as_str() {
        return "@type".to_owned();
    }
    if property == "http://www.w3.org/1999/02/22-rdf-syntax-ns#value" {
        return "rdf:value".to_owned();
    }
    property.strip_prefix(ODRL).unwrap_or(property).to_owned()
}

fn literal(literal: &Literal) -> Value {
    if literal.datatype() == xsd::STRING {
        return json!(literal.value());
    }
    json!({ "@value": literal.value(), "@type": literal.datatype().as_str() })
}

fn name(term: &Term) -> Option<String> {
    match term {
        Term::NamedNode(iri) => Some(iri.as_str().to_owned()),
        Term::BlankNode(blank) => Some(blank.to_string()),
        Term::Literal(_) => None,
    }
}
