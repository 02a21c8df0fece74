//! Reading JSON for people: what is wrong with it, in a sentence.

use serde_json::Value;

use crate::model::json::{JsonRefusal, parse};

/// How deep JSON may be nested: twice over what 64 nested constraints take.
const DEEPEST: usize = 300;

/// Reads JSON in which no object repeats a key: two readers of a repeated key may see two policies.
///
/// # Errors
/// A sentence beginning with `what`: no JSON, a repeated key, or nesting deeper than any policy needs.
pub fn read_json(what: &str, text: &str) -> Result<Value, String> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    parse(text.as_bytes(), DEEPEST).map_err(|refusal| match refusal {
        JsonRefusal::TooDeep(depth) => format!("{what} cannot be read: it is nested deeper than {depth}"),
        JsonRefusal::Syntax(error) | JsonRefusal::Repeated(error) => format!("{what} cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_refused_at_any_depth() {
        assert!(read_json("it", r#"{"a": [{"b": 1, "b": 1}]}"#).unwrap_err().contains("the key b is repeated"));
        assert!(read_json("it", r#"{"a": 1, "b": {"a": 1.5e3}, "c": [null, true, "\"{[", -1]}"#).is_ok());
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read_json("it", &nested(DEEPEST)).is_ok());
        assert!(read_json("it", &nested(DEEPEST + 1)).is_err());
        assert!(read_json("it", &nested(2_000_000)).is_err());
    }

    #[test]
    fn what_is_no_json_is_told() {
        for text in ["", "{", "{} {}", "nul"] {
            assert!(read_json("it", text).unwrap_err().starts_with("it cannot be read"), "{text}");
        }
    }
}
