//! The hash of a policy, by which evidence names it.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of a policy's JSON in a form that does not depend on the order of its keys; lower-case hex.
#[must_use]
pub fn hash(policy: &Value) -> String {
    let mut digest = Sha256::new();
    feed(policy, &mut digest);
    hex::encode(digest.finalize())
}

/// Feeds JSON with sorted keys and no white space (as RFC 8785, but numbers as written).
fn feed(value: &Value, digest: &mut Sha256) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            digest.update(b"{");
            for (n, (key, inner)) in entries.into_iter().enumerate() {
                digest.update(if n > 0 { &b","[..] } else { b"" });
                digest.update(Value::from(key.as_str()).to_string());
                digest.update(b":");
                feed(inner, digest);
            }
            digest.update(b"}");
        }
        Value::Array(list) => {
            digest.update(b"[");
            for (n, inner) in list.iter().enumerate() {
                digest.update(if n > 0 { &b","[..] } else { b"" });
                feed(inner, digest);
            }
            digest.update(b"]");
        }
        other => digest.update(other.to_string()),
    }
}
