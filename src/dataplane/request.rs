//! Step 7: the X-Road request. Of the caller's headers only those on a list pass; everything X-Road reads is ours.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};

use super::contract::Contract;
use super::refusal::Refusal;
use crate::model::exchange::{BodyDigest, Digest};
use crate::net::trace::Traceparent;
use crate::xroad::body::{BoxError, RequestBody};
use crate::xroad::client::XRoadRequest;
use crate::xroad::path::AssetPath;

/// Headers of a caller that pass to the service.
const PASSING: [HeaderName; 15] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    HeaderName::from_static("prefer"),
];

/// What became of a request's body.
#[derive(Clone, Default)]
pub(super) struct SentBody(Arc<OnceLock<Option<BodyDigest>>>);

impl SentBody {
    /// Its digest, once it has been read to its end.
    pub(super) fn digest(&self) -> Option<BodyDigest> {
        self.0.get().copied().flatten()
    }

    /// Whether it was cut off at the limit.
    pub(super) fn grew_too_large(&self) -> bool {
        self.0.get() == Some(&None)
    }

    fn ended(&self, digest: Option<BodyDigest>) {
        let _ = self.0.set(digest);
    }
}

/// A request for the security server.
pub(super) fn build<B>(
    contract: &Contract,
    (method, path): (Method, AssetPath),
    headers: &HeaderMap,
    trace: Traceparent,
    (body, sent): (B, &SentBody),
    largest: u64,
) -> XRoadRequest
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let body = if body.is_end_stream() {
        sent.ended(Some(BodyDigest::EMPTY));
        RequestBody::Empty
    } else {
        RequestBody::stream(Digested { body, sha256: Sha256::new(), size: 0, largest, sent: sent.clone() })
    };
    XRoadRequest {
        message_id: contract.route.message_id(),
        route: Arc::clone(&contract.route),
        method,
        path,
        headers: passing(headers),
        body,
        issue: Some(contract.issue.clone()),
        user_id: None,
        represented_party: None,
        traceparent: HeaderValue::from_str(&trace.child().to_string()).ok(),
    }
}

/// Refuses a body that says itself that it is too large.
///
/// # Errors
/// 413.
pub(super) fn check_length(hint: &SizeHint, largest: u64) -> Result<(), Refusal> {
    if hint.lower() <= largest { Ok(()) } else { Err(too_large(largest)) }
}

pub(super) fn too_large(largest: u64) -> Refusal {
    let sentence = format!("the body of the request is larger than {largest} bytes; send a smaller one");
    Refusal::new(http::StatusCode::PAYLOAD_TOO_LARGE, "request.too-large", sentence)
}

fn passing(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(16);
    for name in PASSING {
        for value in headers.get_all(&name) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

/// A body on its way that is digested as it passes.
struct Digested<B> {
    body: B,
    sha256: Sha256,
    size: u64,
    largest: u64,
    sent: SentBody,
}

/// A body grew larger than the limit.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request is larger than {0} bytes")]
struct TooLarge(u64);

impl<B> Digested<B> {
    fn ended(&mut self) {
        let sha256 = Digest(std::mem::take(&mut self.sha256).finalize().into());
        self.sent.ended(Some(BodyDigest { sha256, size: self.size }));
    }
}

impl<B> Body for Digested<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
            this.ended();
            return Poll::Ready(None);
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        };
        if let Some(data) = frame.data_ref() {
            this.sha256.update(data);
            this.size += data.len() as u64;
            if this.size > this.largest {
                this.sent.ended(None);
                return Poll::Ready(Some(Err(TooLarge(this.largest).into())));
            }
            if this.body.is_end_stream() {
                this.ended();
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
