//! Patterns of calls: `METHOD /path`, `*` for one segment, `**` for any number of segments. Within a longer segment a star is a
//! character like others, though X-Road's own endpoints read it as anything: a policy says exactly what it permits.
//!
//! Dot segments and encoded slashes are matched by nothing: the security server matches a decoded path but forwards the raw one,
//! so such a path may mean two things.

use std::borrow::Cow;

use super::key::Key;

mod relation;

/// A pattern of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// `None` for any method.
    method: Option<Box<str>>,
    segments: Box<[Segment]>,
}

/// A pattern without stars, save for two at the end: what most patterns are. It tells of a path without taking that apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlainPattern {
    /// `None` for any method.
    pub(crate) method: Option<Box<str>>,
    pub(crate) path: String,
    /// Whether it covers all below the path too.
    pub(crate) below: bool,
}

/// A call `METHOD /path` that may be matched at all.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    method: &'a str,
    pub(crate) method_key: Key,
    pub(crate) path: &'a str,
    /// Whether anything in the path is percent-encoded.
    pub(crate) encoded: bool,
}

impl<'a> Call<'a> {
    /// Takes a call apart; `None` when its path may mean two things, or it is no call.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (method, path) = split(text.trim_ascii())?;
        let method_key = Key::of(method);
        if !has_odd(path.as_bytes()) {
            return Some(Self { method, method_key, path, encoded: false });
        }
        let path = without_query(path);
        path_is_plain(path).then(|| Self { method, method_key, path, encoded: path.contains('%') })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// Exactly this text.
    Plain(Box<str>),
    /// One segment that is not empty.
    One,
    /// Any number of segments.
    Any,
}

impl Pattern {
    /// Reads `METHOD /path`; `*` as method means any, a path parameter `{name}` means one segment.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (method, path) = split(text.trim())?;
        let segments = without_query(path).split('/').skip(1).map(|segment| match segment {
            "**" => Some(Segment::Any),
            "*" => Some(Segment::One),
            s if s.starts_with('{') && s.ends_with('}') => Some(Segment::One),
            s => Some(Segment::Plain(decoded(s)?.into())),
        });
        let segments: Box<[Segment]> = segments.collect::<Option<_>>()?;
        Some(Self { method: (method != "*").then(|| method.into()), segments })
    }

    /// Whether a star stands within a longer segment, where it is a character like others.
    pub(crate) fn has_partial_star(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::Plain(text) if text.contains('*')))
    }

    /// Whether a call `METHOD /path` is one of these.
    pub(crate) fn covers(&self, call: &str) -> bool {
        Call::parse(call).is_some_and(|call| self.covers_call(call))
    }

    /// The same for a call that was taken apart.
    pub(crate) fn covers_call(&self, call: Call<'_>) -> bool {
        if self.method.as_ref().is_some_and(|wanted| **wanted != *call.method) {
            return false;
        }
        // Most paths have nothing encoded; those need no copy.
        if !call.encoded {
            return self.matches(call.path);
        }
        let decoded: Option<Vec<Cow<'_, str>>> = call.path.split('/').map(decoded).collect();
        decoded.is_some_and(|segments| self.matches(&segments.join("/")))
    }

    /// The same pattern in plain, if it is a plain one.
    pub(crate) fn as_plain(&self) -> Option<PlainPattern> {
        let (above, below) = match &*self.segments {
            [above @ .., Segment::Any] => (above, true),
            all => (all, false),
        };
        let mut path = String::new();
        for segment in above {
            let Segment::Plain(text) = segment else { return None };
            path.push('/');
            path.push_str(text);
        }
        Some(PlainPattern { method: self.method.clone(), path, below })
    }

    /// Greedy with one point to fall back to, so that hostile patterns cost no more than length times length.
    fn matches(&self, path: &str) -> bool {
        // What is left of the path after its leading slash; `None` past the last segment.
        let mut rest = path.get(1..);
        let mut at = 0;
        let mut retry: Option<(usize, &str)> = None;
        while let Some(left) = rest {
            let (segment, after) = left.split_once('/').map_or((left, None), |(s, r)| (s, Some(r)));
            match self.segments.get(at) {
                Some(Segment::Any) => {
                    retry = Some((at, left));
                    at += 1;
                }
                Some(wanted) if wanted.matches(segment) => {
                    at += 1;
                    rest = after;
                }
                _ => {
                    let Some((star, from)) = retry else { return false };
                    rest = from.split_once('/').map(|(_, after)| after);
                    retry = rest.map(|from| (star, from));
                    at = star + 1;
                }
            }
        }
        self.segments.get(at..).is_some_and(|left| left.iter().all(|s| *s == Segment::Any))
    }
}

impl Segment {
    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Plain(text) => **text == *segment,
            Self::One => !segment.is_empty(),
            Self::Any => true,
        }
    }
}

/// Whether this is a method and a path, whatever the path may mean.
pub(crate) fn is_call(text: &str) -> bool {
    split(text.trim_ascii()).is_some()
}

/// Whether the path of a call can be matched at all.
#[cfg(test)]
fn is_plain(call: &str) -> bool {
    Call::parse(call).is_some()
}

/// Method and path.
fn split(text: &str) -> Option<(&str, &str)> {
    let space = text.bytes().position(|byte| byte == b' ')?;
    let (method, path) = (text.get(..space)?, text.get(space + 1..)?.trim_ascii_start());
    (!method.is_empty() && path.starts_with('/')).then_some((method, path))
}

/// Whether a path has any of the bytes that may give it another meaning; most have none. A dot is suspicious at the beginning of a
/// segment only, but rare enough.
fn has_odd(path: &[u8]) -> bool {
    const ODD: [u8; 5] = *b"?#%\\.";
    match path.last_chunk() {
        // Eight bytes are looked at as one word; the last of them may be looked at twice.
        Some(last) => {
            let chunks = path.as_chunks().0.iter().chain([last]);
            chunks.fold(0, |any, chunk| any | ODD.iter().fold(0, |any, odd| any | places(*chunk, *odd))) != 0
        }
        None => path.iter().any(|byte| ODD.contains(byte)),
    }
}

/// Zero when none of eight bytes is this one.
const fn places(bytes: [u8; 8], byte: u8) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Where it is the byte, a difference is zero, and zero alone borrows without having had the highest bit.
    let different = u64::from_le_bytes(bytes) ^ (EACH * byte as u64);
    different.wrapping_sub(EACH) & !different & (EACH << 7)
}

/// Without query and fragment.
fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

fn path_is_plain(path: &str) -> bool {
    // Some servers take what follows a semicolon off a segment before they look for dots.
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    !path.contains('\\') && path.split('/').skip(1).all(|s| decoded(s).is_some_and(|s| !is_dots(&s)))
}

/// A segment without percent-encoding; `None` when that is malformed or hides what a server may read in two ways.
fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
        let byte = u8::try_from(high * 16 + low).ok()?;
        if byte.is_ascii_control() || b"/\\%?#".contains(&byte) {
            return None;
        }
        out.push(byte);
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(pattern: &str, call: &str) -> bool {
        Pattern::parse(pattern).unwrap().covers(call)
    }

    #[test]
    fn a_star_is_one_segment_and_two_are_any_number() {
        for (pattern, call, covered) in [
            ("GET /parcels/*", "GET /parcels/1", true),
            ("GET /parcels/*", "GET /parcels/1/2", false),
            ("GET /parcels/*", "GET /parcels", false),
            ("GET /parcels/*", "GET /parcels/", false),
            ("GET /parcels/*", "POST /parcels/1", false),
            ("GET /parcels/*", "get /parcels/1", false),
            ("* /parcels/*", "POST /parcels/1", true),
            ("GET /parcels/**", "GET /parcels/1/2/3", true),
            ("GET /parcels/**", "GET /parcels", true),
            ("GET /parcels/**", "GET /parcelsandmore", false),
            ("GET /**/owners", "GET /a/b/owners", true),
            ("GET /**/owners", "GET /owners", true),
            ("GET /**/owners", "GET /owners/x", false),
            ("GET /**/a/**/b", "GET /x/a/y/a/b", true),
            ("GET /**/a/**/b", "GET /x/b/a", false),
            ("GET /**", "GET /", true),
            ("GET /", "GET /", true),
            ("GET /", "GET /a", false),
            ("GET /parcels", "GET /parcels?x=/../y", true),
            ("GET /parcels/{id}/owner", "GET /parcels/7/owner", true),
            ("GET /reports/*.csv", "GET /reports/2026.csv", false),
            ("GET /reports/*.csv", "GET /reports/*.csv", true),
            ("GET /pers*", "GET /persons", false),
        ] {
            assert_eq!(covers(pattern, call), covered, "{pattern} {call}");
        }
    }

    #[test]
    fn dot_segments_and_encoded_slashes_are_covered_by_nothing() {
        for call in [
            "GET /a/../b",
            "GET /a/%2e%2E/b",
            "GET /a/.%2e",
            "GET /a/.",
            "GET /a/..;/b",
            "GET /a/.;x=1/b",
            "GET /a/..%3b/b",
            "GET /a%2Fb",
            "GET /a%2fb",
            "GET /a%5cb",
            "GET /a\\b",
            "GET /a%252Fb",
            "GET /a%00",
            "GET /a%zz",
            "GET /a%",
            "GET a",
            "GET",
            "/a",
            "",
        ] {
            assert!(!covers("GET /**", call), "{call}");
            assert!(!is_plain(call), "{call}");
        }
        assert!(covers("GET /**", "GET /.well-known/x..y"));
    }

    #[test]
    fn encoding_hides_nothing_from_a_pattern() {
        assert!(covers("GET /admin/*", "GET /%61dmin/x"));
        assert!(covers("GET /a b/*", "GET /a%20b/x"));
        assert!(covers("GET /a%20b", "GET /a b"));
    }

    #[test]
    fn what_is_no_pattern_is_not_read() {
        for text in ["", "GET", "/a", "GET a", "GET /a%2Fb", " /a"] {
            assert!(Pattern::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn patterns_meet_where_a_call_may_be_covered_by_both() {
        for (one, other, meet) in [
            ("GET /a/*", "GET /b/*", false),
            ("GET /a/*", "GET /a/b", true),
            ("GET /a/*", "POST /a/b", false),
            ("* /a/**", "GET /a", true),
            ("GET /a/*/c", "GET /a/b/**", true),
            ("GET /a/*/c", "GET /a/b", false),
            ("GET /**/x", "GET /a/**", true),
            ("GET /**/x", "GET /a/b/y", false),
        ] {
            let meets = |a: &str, b: &str| Pattern::parse(a).unwrap().meets(&Pattern::parse(b).unwrap());
            assert_eq!((meets(one, other), meets(other, one)), (meet, meet), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn patterns_that_cover_one_call_meet(
            one in "(/(a|b|\\*|\\*\\*)){0,5}", other in "(/(a|b|\\*|\\*\\*)){0,5}", path in "(/(a|b|c)){1,6}",
        ) {
            let (one, other) = (format!("GET {one}/**"), format!("GET {other}/*"));
            let call = format!("GET {path}");
            if covers(&one, &call) && covers(&other, &call) {
                prop_assert!(Pattern::parse(&one).unwrap().meets(&Pattern::parse(&other).unwrap()));
            }
        }

        #[test]
        fn any_text_is_taken_without_panic(pattern in ".{0,30}", call in ".{0,30}") {
            if let Some(pattern) = Pattern::parse(&pattern) {
                let _ = pattern.covers(&call);
            }
        }
    }
}
