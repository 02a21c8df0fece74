//! ODRL policies: read, checked, compiled once, decided many times, explained.
//!
//! Three-valued throughout: what cannot be known is *unknown*; an unknown permission does not permit, an unknown prohibition
//! refuses. Nothing here does I/O: time, facts and taxonomies come in as a [`World`].

use serde::Serialize;

pub use crate::model::odrl::Policy;

mod compile;
mod conflict;
mod datapath;
mod decide;
mod document;
mod parse;
#[cfg(test)]
mod tests;
mod value;
mod vocabulary;
mod world;

pub use compile::{Compiled, CounterUse, compile};
pub use decide::{Because, Decision, Truth};
pub use document::{DocumentDecision, decide_document};
pub use parse::MOST_NESTED;
pub use vocabulary::{Registry, profile};
pub use world::{DutyPerformed, Fact, Phase, World};

/// A part of a policy that cannot be evaluated here, so that the policy may not be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// JSON Pointer (RFC 6901) into the policy as received.
    pub clause: String,
    /// Stable code, such as `operand.unknown`.
    pub code: &'static str,
    /// One sentence.
    pub reason: String,
}

impl Invalid {
    pub(crate) fn new(clause: &str, code: &'static str, reason: impl Into<String>) -> Self {
        Self { clause: clause.to_owned(), code, reason: reason.into() }
    }
}

/// SHA-256 of a policy's JSON in a form that does not depend on the order of its keys; lower-case hex.
#[must_use]
pub fn hash(policy: &serde_json::Value) -> String {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    feed(policy, &mut |bytes| digest.update(bytes));
    hex::encode(digest.finalize())
}

/// Feeds JSON to `sink` with sorted keys and no white space (as RFC 8785, but numbers as written).
fn feed(value: &serde_json::Value, sink: &mut impl FnMut(&[u8])) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            sink(b"{");
            for (n, key) in keys.into_iter().enumerate() {
                if n > 0 {
                    sink(b",");
                }
                sink(Value::from(key.as_str()).to_string().as_bytes());
                sink(b":");
                if let Some(inner) = map.get(key) {
                    feed(inner, sink);
                }
            }
            sink(b"}");
        }
        Value::Array(list) => {
            sink(b"[");
            for (n, inner) in list.iter().enumerate() {
                if n > 0 {
                    sink(b",");
                }
                feed(inner, sink);
            }
            sink(b"]");
        }
        other => sink(other.to_string().as_bytes()),
    }
}
