//! The path of a call inside an asset, checked before anything else looks at it.
//!
//! The security server matches access rights on a decoded path and forwards the raw one, so nothing may reach it that two readers
//! could read differently: what passes here has one reading, is sent as it came, and policies see it decoded.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

/// The longest path with query in bytes: the security server takes 8 KiB of request line and headers together.
pub const LONGEST: usize = 4_096;

/// The most segments a path may have.
const SEGMENTS: usize = 128;

/// A path and query inside an asset that has only one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetPath {
    raw: Box<str>,
    path: usize,
    decoded: Option<Box<str>>,
}

/// Why a path cannot be let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathRefusal {
    /// Not an origin-form target: it does not begin with a slash.
    #[error("the path does not begin with a slash: send the target in origin form, without scheme and host")]
    NotOriginForm,
    /// Longer than [`LONGEST`] or of too many segments.
    #[error("the path and query are longer than {LONGEST} bytes or {SEGMENTS} segments")]
    TooLong,
    /// A segment of dots only, raw or encoded.
    #[error("the path has a dot segment")]
    DotSegment,
    /// Two slashes in a row.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// A percent sign that does not begin an encoded byte, or bytes that are not UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    Encoding,
    /// A character that is encoded although it may not be in a path in any form: a slash, backslash, percent sign, question mark,
    /// number sign, semicolon or control character.
    #[error("the path has an encoded delimiter or control character")]
    EncodedDelimiter,
    /// A character that is not plain in a segment.
    #[error("the path has a character that is not plain in a segment")]
    NotPlain,
    /// A character that a query may not have.
    #[error("the query has a character that it may not have, or a stray percent sign")]
    Query,
}

impl PathRefusal {
    /// Stable code for problem bodies and evidence.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotOriginForm => "path.not-origin-form",
            Self::TooLong => "path.too-long",
            Self::DotSegment => "path.dot-segment",
            Self::EmptySegment => "path.empty-segment",
            Self::Encoding => "path.encoding",
            Self::EncodedDelimiter => "path.encoded-delimiter",
            Self::NotPlain => "path.not-plain",
            Self::Query => "path.query",
        }
    }
}

/// The path and query of a request target in origin form; other forms are refused.
///
/// # Errors
/// `NotOriginForm` for a target with scheme or authority, and for `*`.
pub fn origin_form(target: &http::Uri) -> Result<&str, PathRefusal> {
    match (target.scheme(), target.authority(), target.path_and_query()) {
        (None, None, Some(path)) if path.as_str().starts_with('/') => Ok(path.as_str()),
        _ => Err(PathRefusal::NotOriginForm),
    }
}

impl AssetPath {
    /// Checks what follows the asset's own place in a request target: empty, or a path beginning with a slash, with its query.
    ///
    /// # Errors
    /// The first reason not to let it through.
    pub fn parse(raw: &str) -> Result<Self, PathRefusal> {
        if raw.len() > LONGEST {
            return Err(PathRefusal::TooLong);
        }
        let (path, query) = raw.split_once('?').map_or((raw, ""), |(path, query)| (path, query));
        let decoded = check_path(path)?;
        check_query(query)?;
        Ok(Self { raw: raw.into(), path: path.len(), decoded: decoded.map(Into::into) })
    }

    /// Path and query as they came and as they are to be sent; empty when the asset itself is called.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The path as it came.
    #[must_use]
    pub fn path(&self) -> &str {
        self.raw.get(..self.path).unwrap_or_default()
    }

    /// The query as it came, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.raw.get(self.path + 1..)
    }

    /// The path decoded, as policies and endpoint lists are to see it; `/` when the asset itself is called.
    #[must_use]
    pub fn decoded(&self) -> &str {
        match &self.decoded {
            Some(decoded) => decoded,
            None if self.path == 0 => "/",
            None => self.path(),
        }
    }
}

impl fmt::Display for AssetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

/// Checks a path; its decoded form where that is another.
fn check_path(path: &str) -> Result<Option<String>, PathRefusal> {
    let Some(inside) = path.strip_prefix('/') else {
        return if path.is_empty() { Ok(None) } else { Err(PathRefusal::NotOriginForm) };
    };
    let mut encoded = false;
    let mut segments = inside.split('/').peekable();
    let mut count = 0;
    while let Some(segment) = segments.next() {
        count += 1;
        encoded |= check_segment(segment, segments.peek().is_none())?;
    }
    if count > SEGMENTS {
        return Err(PathRefusal::TooLong);
    }
    if !encoded {
        return Ok(None);
    }
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| PathRefusal::Encoding)?;
    if decoded.chars().any(ambiguous) {
        return Err(PathRefusal::NotPlain);
    }
    Ok(Some(decoded.into_owned()))
}

/// Checks one segment; whether it has anything encoded. Only the last may be empty: a trailing slash.
fn check_segment(segment: &str, last: bool) -> Result<bool, PathRefusal> {
    if segment.is_empty() {
        return if last { Ok(false) } else { Err(PathRefusal::EmptySegment) };
    }
    let mut encoded = false;
    let mut only_dots = true;
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let meant = if byte == b'%' {
            encoded = true;
            encoded_byte(bytes.next(), bytes.next())?
        } else if plain(byte) {
            byte
        } else {
            return Err(PathRefusal::NotPlain);
        };
        only_dots &= meant == b'.';
        // Refused only now, so that a dot segment is named as one however it is written.
        if byte == b'%' && !only_dots {
            check_encoded(meant)?;
        }
    }
    if only_dots { Err(PathRefusal::DotSegment) } else { Ok(encoded) }
}

fn encoded_byte(high: Option<u8>, low: Option<u8>) -> Result<u8, PathRefusal> {
    let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => u8::try_from(high * 16 + low).map_err(|_| PathRefusal::Encoding),
        _ => Err(PathRefusal::Encoding),
    }
}

/// What may stand encoded: bytes of other scripts, and delimiters that careful clients encode.
fn check_encoded(byte: u8) -> Result<(), PathRefusal> {
    match byte {
        0x80.. | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b'~' => Ok(()),
        b'/' | b'\\' | b'%' | b'?' | b'#' | b';' | 0..=0x1f | 0x7f => Err(PathRefusal::EncodedDelimiter),
        _ => Err(PathRefusal::NotPlain),
    }
}

/// `pchar` of RFC 3986 without `;`: some readers cut a segment there, so that `..;` becomes a dot segment.
fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
}

/// Characters that are invisible, or that a reader which folds compatibility forms takes for a delimiter or a dot.
fn ambiguous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2024}'..='\u{2026}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{2044}' | '\u{2215}' | '\u{3002}' | '\u{fe52}' | '\u{fe68}' | '\u{fe6a}' | '\u{feff}')
        || matches!(c, '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3c}' | '\u{ff61}' | '\u{fff0}'..='\u{ffff}')
}

/// What the security server forwards from a query: RFC 3986 `query` and square brackets; anything may be encoded.
fn check_query(query: &str) -> Result<(), PathRefusal> {
    let mut bytes = query.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => encoded_byte(bytes.next(), bytes.next()).map(drop).map_err(|_| PathRefusal::Query)?,
            b'/' | b'?' | b';' | b'[' | b']' => {}
            byte if plain(byte) => {}
            _ => return Err(PathRefusal::Query),
        }
    }
    Ok(())
}

/// Decodes a path that was let through, for those who hold only its text.
#[must_use]
pub fn decode(path: &str) -> Cow<'_, str> {
    percent_decode_str(path).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_path_is_sent_as_it_came_and_seen_decoded() {
        let path = AssetPath::parse("/parcels/%C3%B5/a:b?x=1&y[]=%2F..").unwrap();
        assert_eq!(path.as_str(), "/parcels/%C3%B5/a:b?x=1&y[]=%2F..");
        assert_eq!(path.path(), "/parcels/%C3%B5/a:b");
        assert_eq!(path.decoded(), "/parcels/õ/a:b");
        assert_eq!(path.query(), Some("x=1&y[]=%2F.."));
        for plain in ["", "/", "/a/", "/a.b/..c/d..", "/*", "/2026-01-01T00%3A00%3A00Z", "/a?", "?x", "/a?b?c/d"] {
            assert!(AssetPath::parse(plain).is_ok(), "{plain}");
        }
        assert_eq!(AssetPath::parse("").unwrap().decoded(), "/");
        assert_eq!(AssetPath::parse("/a").unwrap().query(), None);
        assert_eq!(AssetPath::parse("/a?").unwrap().query(), Some(""));
    }

    #[test]
    fn every_way_out_of_the_assets_path_is_refused_by_its_name() {
        use PathRefusal::*;
        let cases = [
            (DotSegment, "/a/../b /a/./b /.. /. /a/.. /%2e%2e/b /a/.%2E/b /%2e /a/%2e%2e /..."),
            (EmptySegment, "// //a /a//b /a// /a/b//c"),
            (
                EncodedDelimiter,
                "/a%2Fb /a%2fb /..%2Fb /a%5Cb /a%5c /a%25b /%252e%252e /a%3Fb /a%23b /a%00b /a%0d%0ab /a%7F /a%3B",
            ),
            (
                NotPlain,
                "/a%20b /a%22b /a%5Bb /%6Fpen /a%2Db /a\\b /a|b /a;v=1 /..;/b /a#b /a<b /a^b /õ /a%7Cb /%C2%85 /%EF%BC%8F",
            ),
            (NotPlain, "/%E2%80%8B /a%E2%80%A5 /%EF%BC%8E%EF%BC%8E/b"),
            (Encoding, "/a%zz /a% /a%2 /%FF /a%C3 /%C0%AE%C0%AE/ /%C0%AF"),
            (NotOriginForm, "a http://h/a * %2e%2e/a ../a h:80"),
            (Query, "/a?x=%zz /a?x=a|b /a?\" /a?x=\\ /a?x=% /a?x=^ /a?x#y /a?õ /a?{x}"),
        ];
        for (reason, paths) in cases {
            for path in paths.split(' ') {
                assert_eq!(AssetPath::parse(path), Err(reason), "{path}");
            }
        }
        assert_eq!(AssetPath::parse("/a b"), Err(NotPlain));
        assert_eq!(AssetPath::parse("/a\r\nX: y"), Err(NotPlain));
        assert_eq!(AssetPath::parse(&format!("/{}", "a".repeat(LONGEST))), Err(TooLong));
        assert_eq!(AssetPath::parse(&"/a".repeat(SEGMENTS + 1)), Err(TooLong));
    }

    #[test]
    fn only_a_target_in_origin_form_has_a_path() {
        assert_eq!(origin_form(&"/a?b".parse().unwrap()), Ok("/a?b"));
        for target in ["http://h/a", "*", "h:80"] {
            assert_eq!(origin_form(&target.parse().unwrap()), Err(PathRefusal::NotOriginForm), "{target}");
        }
    }

    /// What a real security server let through is not always let through here; what it refused as malformed never is.
    #[test]
    fn nothing_passes_that_a_real_server_refused_as_malformed() {
        let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/spec/xroad/real-7.8.0/transcripts.jsonl");
        let Ok(text) = std::fs::read_to_string(recorded) else {
            eprintln!("skipped: no recorded exchanges at {recorded}");
            return;
        };
        let (mut passed, mut refused) = (Vec::new(), 0);
        for line in text.lines() {
            let exchange: serde_json::Value = serde_json::from_str(line).unwrap();
            let case = exchange["case"].as_str().unwrap();
            let about_path = ["path-", "query-", "get-double-slash", "acl-"].iter().any(|kind| case.starts_with(kind));
            let target =
                exchange["request"]["line"].as_str().and_then(|l| l.split_once(' ')?.1.strip_suffix(" HTTP/1.1"));
            let inside = target.and_then(|t| t.strip_prefix("/r1/DEV/GOV/2000/data/"));
            let Some((service, _)) = inside.filter(|_| about_path).and_then(|t| t.split_once('/')) else { continue };
            let raw = &inside.unwrap()[service.len()..];
            let status = exchange["response"]["status_line"].as_str().unwrap_or_default();
            let malformed = status.contains(" 400 ")
                || exchange["response"]["body"].as_str().is_some_and(|body| body.contains("Illegal"));
            match AssetPath::parse(raw) {
                Ok(_) if malformed => panic!("{case}: {raw} was refused by the real server"),
                Ok(_) => passed.push(case.to_owned()),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 30, "only {refused} recorded paths were refused");
        for plain in ["path-utf8", "path-plus", "path-comma-eq", "path-trail-dot", "acl-star-one", "query-brackets"] {
            assert!(passed.iter().any(|case| case == plain), "{plain} was refused");
        }
    }

    proptest! {
        #[test]
        fn what_passes_has_one_reading(raw in "[/.%a-f0-9;\\\\?#:@~é25eEfFcC ]{0,40}") {
            let raw = format!("/{raw}");
            if let Ok(path) = AssetPath::parse(&raw) {
                prop_assert_eq!(path.as_str(), raw.as_str());
                let decoded = path.decoded();
                prop_assert_eq!(&decode(path.path()), decoded);
                prop_assert_eq!(&decode(decoded), decoded, "decoding again must change nothing");
                prop_assert_eq!(decoded.matches('/').count(), path.path().matches('/').count());
                prop_assert!(decoded.split('/').all(|s| s.is_empty() || s.bytes().any(|b| b != b'.')));
                prop_assert!(!decoded.contains("//") && !decoded.contains(['\\', '%', '?', '#', ';', ' ']));
                let base = url::Url::parse("http://h/r1/I/C/M/S/svc").unwrap();
                let full = format!("{}{}", base, path.as_str());
                prop_assert!(url::Url::parse(&full).unwrap().path().starts_with("/r1/I/C/M/S/svc/"));
                prop_assert!(full.parse::<http::Uri>().is_ok());
            }
        }

        #[test]
        fn plain_segments_always_pass(segments in proptest::collection::vec("[a-z0-9_~]{1,8}", 0..9)) {
            let raw = format!("/{}", segments.join("/"));
            let path = AssetPath::parse(&raw).unwrap();
            prop_assert_eq!(path.decoded(), raw.as_str());
        }
    }
}
