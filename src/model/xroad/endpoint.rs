//! A method and a path pattern of a service, as access rights and operators write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A method and a path of a REST service. `*` as method means any; in the path `*` is anything within one segment and `**`
/// anything at all (X-Road's endpoint patterns); `{name}` of an OpenAPI path is read as `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Endpoint {
    method: Box<str>,
    path: Box<str>,
}

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an endpoint: expected a method and a path beginning with a slash, such as `GET /parcels/*`")]
pub struct EndpointError(String);

impl Endpoint {
    /// An endpoint; the method is kept in upper case, an empty path means `/**`.
    ///
    /// # Errors
    /// When the method is not letters or `*`, or the path does not begin with a slash, has a control character or is longer than
    /// 2,000 bytes.
    pub fn new(method: &str, path: &str) -> Result<Self, EndpointError> {
        let path = if path.is_empty() { "/**" } else { path };
        let method_fits = method == "*" || (!method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic()));
        let path_fits = path.starts_with('/') && path.len() <= 2_000 && !path.chars().any(char::is_control);
        if !method_fits || !path_fits {
            return Err(EndpointError(format!("{method} {path}").chars().take(120).collect()));
        }
        Ok(Self { method: method.to_ascii_uppercase().into(), path: path.into() })
    }

    /// The method in upper case, or `*`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path as written, with `{name}`, `*` and `**`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether a call is one of these. `path` is decoded and free of dot segments; an empty one counts as `/`.
    #[must_use]
    pub fn allows(&self, method: &str, path: &str) -> bool {
        let path = if path.is_empty() { "/" } else { path };
        (&*self.method == "*" || *self.method == *method) && matches(self.path.as_bytes(), path.as_bytes())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (method, path) = text.split_once(' ').ok_or_else(|| EndpointError(text.chars().take(120).collect()))?;
        Self::new(method, path.trim())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// One element of a pattern and what follows it.
enum Element {
    Literal(u8),
    Within,
    Anything,
}

fn next(pattern: &[u8]) -> Option<(Element, &[u8])> {
    match pattern {
        [] => None,
        [b'*', b'*', rest @ ..] => Some((Element::Anything, rest)),
        [b'*', rest @ ..] => Some((Element::Within, rest)),
        [b'{', rest @ ..] => {
            let end = rest.iter().position(|b| *b == b'}').map_or(rest.len(), |at| at + 1);
            Some((Element::Within, rest.get(end..).unwrap_or_default()))
        }
        [byte, rest @ ..] => Some((Element::Literal(*byte), rest)),
    }
}

/// Wildcard matching with one point to return to for each kind of star, so that the work is at most quadratic.
fn matches(mut pattern: &[u8], mut path: &[u8]) -> bool {
    let mut within: Option<(&[u8], &[u8])> = None;
    let mut anything: Option<(&[u8], &[u8])> = None;
    loop {
        match (next(pattern), path) {
            (Some((Element::Anything, rest)), _) => {
                (pattern, anything, within) = (rest, Some((rest, path)), None);
                continue;
            }
            (Some((Element::Within, rest)), _) => {
                (pattern, within) = (rest, Some((rest, path)));
                continue;
            }
            (Some((Element::Literal(byte), rest)), [first, tail @ ..]) if byte == *first => {
                (pattern, path) = (rest, tail);
                continue;
            }
            (None, []) => return true,
            _ => {}
        }
        match (within, anything) {
            (Some((rest, [first, tail @ ..])), _) if *first != b'/' => {
                (pattern, path, within) = (rest, tail, Some((rest, tail)));
            }
            (_, Some((rest, [_, tail @ ..]))) => {
                (pattern, path, anything, within) = (rest, tail, Some((rest, tail)), None);
            }
            _ => return false,
        }
    }
}
