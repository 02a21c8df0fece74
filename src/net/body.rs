//! Reading a request's body whole, within bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;

/// How much of a body is taken, and for how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Bytes at most.
    pub size: usize,
    /// From the first to the last byte.
    pub time: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { size: 1024 * 1024, time: Duration::from_secs(20) }
    }
}

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefusal {
    /// More bytes than allowed; HTTP 413.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time; HTTP 408.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the framing is wrong; HTTP 400.
    #[error("the body did not arrive whole")]
    Broken,
}

/// Reads the whole body; a declared length over the limit is refused before a byte is read.
///
/// # Errors
/// [`BodyRefusal`].
pub async fn read(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Bytes, BodyRefusal> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limits.size) {
        return Err(BodyRefusal::TooLarge(limits.size));
    }
    match tokio::time::timeout(limits.time, collect(body, limits.size)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(BodyRefusal::TooSlow),
    }
}

async fn collect(mut body: Body, size: usize) -> Result<Bytes, BodyRefusal> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyRefusal::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > size {
            return Err(BodyRefusal::TooLarge(size));
        }
        // Most bodies arrive in one piece, which is then not copied.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Whether a `Content-Type` names JSON, whatever its parameters; an absent one is taken as JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(size: usize) -> BodyLimits {
        BodyLimits { size, time: Duration::from_secs(5) }
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit_and_not_beyond() {
        let pieces = || {
            Body::from_stream(futures_util::stream::iter(
                [&b"ab"[..], b"", b"cd"].map(|p| Ok::<_, std::io::Error>(Bytes::from_static(p))),
            ))
        };
        assert_eq!(read(&HeaderMap::new(), pieces(), limits(4)).await.unwrap(), "abcd");
        assert_eq!(read(&HeaderMap::new(), pieces(), limits(3)).await, Err(BodyRefusal::TooLarge(3)));
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let short = BodyLimits { size: 10, time: Duration::from_millis(5) };
        assert_eq!(read(&HeaderMap::new(), endless, short).await, Err(BodyRefusal::TooSlow));
    }

    #[test]
    fn json_is_recognised_by_its_essence() {
        let with = |value: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]);
        assert!(is_json(&with("application/json; charset=utf-8")));
        assert!(is_json(&with("Application/LD+JSON")));
        assert!(is_json(&HeaderMap::new()));
        assert!(!is_json(&with("text/json")));
        assert!(!is_json(&with("application/xml")));
        assert!(!is_json(&with("text/plain; a=application/json")));
    }
}
