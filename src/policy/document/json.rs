//! Reading JSON strictly: no repeated keys, no bottomless nesting.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// How deep JSON may be nested: twice over what 64 nested constraints take.
const DEEPEST: usize = 300;

/// Reads JSON in which no object repeats a key: two readers of a repeated key may see two policies.
///
/// # Errors
/// A sentence beginning with `what`: no JSON, a repeated key, or nesting deeper than any policy needs.
pub fn read_json(what: &str, text: &str) -> Result<Value, String> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if depth(text) > DEEPEST {
        return Err(format!("{what} cannot be read: it is nested deeper than {DEEPEST}"));
    }
    parse::<NoRepeats>(text).and_then(|_| parse(text)).map_err(|e| format!("{what} cannot be read: {e}"))
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The depth of brackets outside strings; of text that is no JSON some number.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut inside, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b'{' | b'[' if !inside => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !inside => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct NoRepeats;

impl<'de> Deserialize<'de> for NoRepeats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoRepeats)
    }
}

impl<'de> Visitor<'de> for NoRepeats {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if let Some(repeated) = seen.replace(key) {
                return Err(serde::de::Error::custom(format!("the key {repeated} is repeated")));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
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
