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

/// How much of a refused body is still taken, and for how long: a caller that is cut off while it sends may never see the answer.
const LINGER: BodyLimits = BodyLimits { size: 4 * 1024 * 1024, time: Duration::from_secs(1) };

/// Reads the whole body; one over the limit is refused, when its length is declared before a byte is kept.
///
/// # Errors
/// [`BodyRefusal`].
pub async fn read(headers: &HeaderMap, mut body: Body, limits: BodyLimits) -> Result<Bytes, BodyRefusal> {
    let outcome = if declared(headers).is_some_and(|length| length > limits.size) {
        Err(BodyRefusal::TooLarge(limits.size))
    } else {
        let reading = tokio::time::timeout(limits.time, collect(&mut body, limits.size));
        reading.await.unwrap_or(Err(BodyRefusal::TooSlow))
    };
    if matches!(outcome, Err(BodyRefusal::TooLarge(_))) {
        discard(headers, body).await;
    }
    outcome
}

/// Takes in the body of a refused request, within bounds, and forgets it. A caller that waits for `100 Continue` is not told to go
/// on, and a body that is far too large is cut off.
pub async fn discard(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) || declared(headers).is_some_and(|length| length > LINGER.size) {
        return;
    }
    let taking = async {
        let mut taken = 0;
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > LINGER.size {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER.time, taking).await;
}

fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(body: &mut Body, size: usize) -> Result<Bytes, BodyRefusal> {
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
