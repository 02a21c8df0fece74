//! Request targets: what Jetty refuses, and what the access rights are matched against.

/// Why Jetty answers a bare 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous(pub(super) &'static str);

/// A target in origin form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The raw path.
    pub(super) path: String,
    /// The raw query, byte for byte, with its question mark.
    pub(super) query: Vec<u8>,
}

impl Target {
    /// Path and query as they stand in the request hash and go to the backend.
    pub(super) fn path_and_query(&self) -> Vec<u8> {
        let mut out = self.path.clone().into_bytes();
        out.extend_from_slice(&self.query);
        out
    }
}

/// Reads a target as Jetty 12 does with its default URI compliance.
pub(super) fn read(raw: &[u8]) -> Result<Target, Ambiguous> {
    let raw = strip_origin(raw);
    let raw = raw.split(|b| *b == b'#').next().unwrap_or_default();
    let at = raw.iter().position(|b| *b == b'?').unwrap_or(raw.len());
    let (path, query) = raw.split_at(at);
    let path = std::str::from_utf8(path).map_err(|_| Ambiguous("Bad Request"))?;
    if !path.starts_with('/') {
        return Err(Ambiguous("Bad Request"));
    }
    if path.bytes().any(|b| !b.is_ascii_graphic() || b"\"<>[\\]^`{|}".contains(&b)) {
        return Err(Ambiguous("Illegal Path Character"));
    }
    let decoded = decode(path).ok_or(Ambiguous("Bad Request"))?;
    let upper = path.to_ascii_uppercase();
    if upper.contains("%25") {
        return Err(Ambiguous("Ambiguous URI path encoding"));
    }
    if path.contains("//") {
        return Err(Ambiguous("Ambiguous URI empty segment"));
    }
    if decoded.chars().any(char::is_control) || decoded.contains('\\') {
        return Err(Ambiguous("Illegal Path Character"));
    }
    if path
        .split('/')
        .any(|s| s.contains('%') && matches!(s.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
    {
        return Err(Ambiguous("Ambiguous URI path segment"));
    }
    Ok(Target { path: path.to_owned(), query: query.to_vec() })
}

/// Decodes percent-encoding; `None` when it is broken or not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let hex = text.get(at + 1..at + 3)?;
            out.push(u8::from_str_radix(hex, 16).ok().filter(|_| hex.bytes().all(|b| b.is_ascii_hexdigit()))?);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

/// The path that access rights are matched against: decoded, cut at what then looks like a query, dot segments resolved. `None` when it
/// leaves the service.
pub(super) fn for_rights(raw: &str) -> Option<String> {
    let decoded = decode(raw)?;
    let decoded = decoded.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                segments.pop()?;
            }
            // As observed: three dots alone are refused too.
            "..." => return None,
            other => segments.push(other),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

/// Whether an endpoint pattern covers a path: `*` is one segment, `**` any number of at least one.
pub(super) fn covers(pattern: &str, path: &str) -> bool {
    fn walk(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern.first(), path.first()) {
            (None, None) => true,
            (Some(&"**"), Some(_)) => {
                pattern.len() == 1
                    || (1..=path.len())
                        .any(|n| walk(pattern.get(1..).unwrap_or_default(), path.get(n..).unwrap_or_default()))
            }
            (Some(p), Some(s)) if *p == "*" || p == s => {
                walk(pattern.get(1..).unwrap_or_default(), path.get(1..).unwrap_or_default())
            }
            _ => false,
        }
    }
    let pattern: Vec<&str> = pattern.split('/').skip(1).collect();
    let path: Vec<&str> = path.split('/').skip(1).collect();
    walk(&pattern, &path)
}

/// Whether Java's URI class takes the decoded path once more: what it refuses fails on the provider's side.
pub(super) fn is_in_java_uri(c: char) -> bool {
    c != ' ' && !"\"<>[\\]^`{|}".contains(c)
}

fn strip_origin(raw: &[u8]) -> &[u8] {
    for scheme in [&b"http://"[..], b"https://"] {
        if let Some(rest) = raw.strip_prefix(scheme) {
            let at = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
            return rest.get(at..).unwrap_or_default();
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_as_the_recorded_server_did() {
        for (pattern, path, covered) in [
            ("/open/**", "/open/a/b", true),
            ("/open/**", "/open", false),
            ("/in/*", "/in/a", true),
            ("/in/*", "/in/a/b", false),
            ("/**", "/x", true),
        ] {
            assert_eq!(covers(pattern, path), covered, "{pattern} {path}");
        }
    }

    #[test]
    fn what_jetty_refuses_is_refused() {
        for raw in ["/a/%2e/b", "/a//b", "/a%25", "/a%00", "/a%zz", "/a|b", "/a%5Cb", "/a%FF", "a"] {
            assert!(read(raw.as_bytes()).is_err(), "{raw}");
        }
        for raw in ["/a/../b", "/a%2Fb", "/a;v=1", "/~a", "/a:b@c", "/*"] {
            assert!(read(raw.as_bytes()).is_ok(), "{raw}");
        }
    }

    #[test]
    fn absolute_form_and_fragments_are_taken_off() {
        assert_eq!(read(b"http://h:1/a?b#c").unwrap().path_and_query(), b"/a?b");
    }
}
