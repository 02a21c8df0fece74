//! Headers that never pass, in either direction, whatever a caller or a backend says.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub(super) const CLIENT: HeaderName = HeaderName::from_static("x-road-client");
pub(super) const ID: HeaderName = HeaderName::from_static("x-road-id");
pub(super) const ISSUE: HeaderName = HeaderName::from_static("x-road-issue");
pub(super) const USER_ID: HeaderName = HeaderName::from_static("x-road-userid");
pub(super) const REPRESENTED_PARTY: HeaderName = HeaderName::from_static("x-road-represented-party");
pub(super) const SECURITY_SERVER: HeaderName = HeaderName::from_static("x-road-security-server");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-road-request-id");
pub(super) const REQUEST_HASH: HeaderName = HeaderName::from_static("x-road-request-hash");
pub(super) const ERROR: HeaderName = HeaderName::from_static("x-road-error");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What most answers have and none may keep; taken out first, so that looking through the rest finds nothing.
const USUAL: [HeaderName; 8] = [
    HeaderName::from_static("x-road-service"),
    CLIENT,
    ID,
    REQUEST_ID,
    REQUEST_HASH,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::CONNECTION,
];

/// Removes from a caller's request what only we may say, what ends at this hop, and cookies: the provider's security server keeps
/// them and shows them to other callers.
pub(super) fn clean_request(headers: &mut HeaderMap) {
    remove_named_by_connection(headers);
    clean(headers, |name| {
        *name == header::HOST
            || *name == header::AUTHORIZATION
            || *name == header::COOKIE
            || *name == header::EXPECT
            || *name == TRACEPARENT
    });
}

/// Removes from an answer what ends at this hop, cookies, and every `X-Road-*` header: the genuine ones are handed on as fields,
/// a backend's own would be believed by those who read them.
pub(super) fn clean_response(headers: &mut HeaderMap) {
    remove_named_by_connection(headers);
    for name in &USUAL {
        headers.remove(name);
    }
    clean(headers, |name| *name == header::SET_COOKIE || name.as_str() == "set-cookie2");
}

/// The last value of a header: the security server's own stands after a backend's.
pub(super) fn last(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    headers.get_all(name).iter().next_back().cloned()
}

fn clean(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) {
    // Collecting names allocates nothing when there is nothing to remove, as in most calls.
    let unwanted: Vec<HeaderName> = headers.keys().filter(|n| hop_by_hop(n) || ours(n) || also(n)).cloned().collect();
    for name in unwanted {
        headers.remove(name);
    }
}

fn ours(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-road-")
}

/// RFC 9110 §7.6.1, and the length, which follows from the body that is sent.
fn hop_by_hop(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::CONTENT_LENGTH
        || *name == header::TRANSFER_ENCODING
        || *name == header::TE
        || *name == header::TRAILER
        || *name == header::UPGRADE
        || *name == header::PROXY_AUTHENTICATE
        || *name == header::PROXY_AUTHORIZATION
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
}

/// Headers that `Connection` names end at this hop too; the security server would let them pass.
fn remove_named_by_connection(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONNECTION) {
        return;
    }
    let values: Vec<HeaderValue> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    for text in values.iter().filter_map(|value| value.to_str().ok()) {
        for name in text.split(',').filter_map(|name| name.trim().parse::<HeaderName>().ok()) {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn nothing_that_only_we_may_say_passes_towards_the_security_server() {
        let mut map = headers(&[
            ("accept", "application/json"),
            ("x-road-client", "DEV/EVIL/1/x"),
            ("x-road-anything", "1"),
            ("authorization", "Bearer t"),
            ("cookie", "a=b"),
            ("connection", "close, X-Named"),
            ("x-named", "1"),
            ("x-other", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("host", "other"),
            ("expect", "100-continue"),
            ("proxy-authorization", "x"),
            ("keep-alive", "x"),
            ("upgrade", "h2c"),
        ]);
        clean_request(&mut map);
        assert_eq!(names(&map), ["accept", "x-other"]);
    }

    #[test]
    fn neither_cookies_nor_a_backends_x_road_headers_come_back() {
        let mut map = headers(&[
            ("content-type", "text/plain"),
            ("set-cookie", "sid=1"),
            ("x-road-error", "server.serverproxy.access_denied"),
            ("x-road-service", "DEV/EVIL/1/S/svc"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("etag", "\"1\""),
        ]);
        clean_response(&mut map);
        assert_eq!(names(&map), ["content-type", "etag"]);
    }
}
