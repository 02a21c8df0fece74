//! JSON from strangers: its depth is bounded before it is parsed, and no object may repeat a key.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::harmless::on_one_line;

/// How deep protocol messages may nest; policies are the deepest and stay far below.
pub const DEPTH: usize = 64;

/// How many characters of a repeated key are told.
const KEY_TOLD: usize = 64;

/// Why a text was not taken as JSON. What it says of the text is no more than a key.
#[derive(Debug, thiserror::Error)]
pub enum JsonRefusal {
    /// Objects and lists nest deeper than allowed.
    #[error("the JSON nests deeper than {0} levels")]
    TooDeep(usize),
    /// It is not JSON, and where.
    #[error("this is not JSON: {0}")]
    Syntax(serde_json::Error),
    /// Two readers of a repeated key see two messages; which key, and where.
    #[error("{0}")]
    Repeated(serde_json::Error),
}

/// Parses JSON that nests at most `depth` levels.
///
/// # Errors
/// [`JsonRefusal`].
pub fn parse(text: &[u8], depth: usize) -> Result<Value, JsonRefusal> {
    if deepest(text) > depth {
        return Err(JsonRefusal::TooDeep(depth));
    }
    read::<Once>(text)
        .and_then(|_| read(text))
        .map_err(|e| if e.is_data() { JsonRefusal::Repeated(e) } else { JsonRefusal::Syntax(e) })
}

fn read<'de, T: Deserialize<'de>>(text: &'de [u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// JSON in which every key of an object stands once.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if let Some(repeated) = seen.replace(key) {
                let told: String = repeated.chars().take(KEY_TOLD).collect();
                return Err(A::Error::custom(format!("the key {} is repeated", on_one_line(&told))));
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

/// The deepest nesting of brackets outside strings.
fn deepest(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(inner) = bytes.next() {
                    match inner {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert_eq!(parse(br#"{"a":"[[[[\"[[","b":[1]}"#, 2).unwrap(), json!({"a": "[[[[\"[[", "b": [1]}));
        assert!(matches!(parse(b"[[[]]]", 2), Err(JsonRefusal::TooDeep(2))));
    }

    #[test]
    fn a_million_brackets_are_refused_without_being_parsed() {
        assert!(matches!(parse(&vec![b'['; 1_000_000], DEPTH), Err(JsonRefusal::TooDeep(DEPTH))));
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_depth_with_its_place() {
        let repeated = parse(br#"{"a": [{"b": 1, "b": 2}]}"#, DEPTH);
        assert_eq!(repeated.unwrap_err().to_string(), "the key b is repeated at line 1 column 23");
        assert!(parse(br#"{"a": {"b": 1.5}, "b": [{"a": null}, {"a": -1e3}, true]}"#, DEPTH).is_ok());
    }

    #[test]
    fn a_syntax_error_names_the_place() {
        assert_eq!(
            parse(b"{\n \"a\" 1}", DEPTH).unwrap_err().to_string(),
            "this is not JSON: expected `:` at line 2 column 6"
        );
        for text in ["", "{", "{} {}", "nul"] {
            assert!(matches!(parse(text.as_bytes(), DEPTH), Err(JsonRefusal::Syntax(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(value) = parse(&bytes, DEPTH) {
                prop_assert_eq!(parse(value.to_string().as_bytes(), DEPTH).unwrap(), value);
            }
        }
    }
}
