//! Step 7: the X-Road request. Of the caller's headers only those on a list pass; everything X-Road reads is ours.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use http_body::{Body, SizeHint};

use super::DataPlaneSettings;
use super::contract::Contract;
use super::refusal::Refusal;
use crate::model::exchange::BodyDigest;
use crate::net::trace::Traceparent;
use crate::xroad::body::{BoxError, RequestBody};
use crate::xroad::client::XRoadRequest;
use crate::xroad::failure::{CallError, XRoadFailure};
use crate::xroad::path::AssetPath;

mod digested;

use digested::Digested;

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

/// How much the security server reads of a request before its body; it answers 431 to more, without saying that it is X-Road.
const LARGEST_HEAD: usize = 8192;
/// How much of that is kept for headers of ours that are not counted one by one.
const OURS: usize = 512;

/// How slowly a consumer may send the body of its request.
#[derive(Clone, Copy, Debug)]
pub struct Slowest {
    /// For how long its next piece is waited for.
    pub pause: Duration,
    /// With how many bytes a second it has to come in the long run. Time in which nobody takes them does not count.
    pub per_second: u32,
    /// How long it may take in all, whoever is waited for.
    pub in_all: Duration,
}

impl Slowest {
    /// For how long so many bytes may be waited for in all.
    fn allows(self, size: u64) -> Duration {
        self.pause.saturating_add(Duration::from_secs(size / u64::from(self.per_second.max(1))))
    }
}

/// What became of a request's body.
#[derive(Clone, Default)]
pub(super) struct SentBody(Arc<Sent>);

#[derive(Default)]
struct Sent {
    ended: OnceLock<Ended>,
    /// The consumer is waited for.
    awaited: AtomicBool,
}

#[derive(Clone, Copy)]
enum Ended {
    Whole(BodyDigest),
    TooLarge,
    TooSlow,
    TooLong(Duration),
}

impl SentBody {
    /// Its digest, once it has been read to its end.
    pub(super) fn digest(&self) -> Option<BodyDigest> {
        match self.0.ended.get() {
            Some(Ended::Whole(digest)) => Some(*digest),
            _ => None,
        }
    }

    /// The refusal of a call that failed because the consumer did not send its body as it should.
    pub(super) fn objection(&self, error: &CallError, largest: u64) -> Option<Refusal> {
        let refusal = match (self.0.ended.get(), error) {
            (Some(Ended::TooLarge), _) => too_large(largest),
            (Some(Ended::TooSlow), _) => too_slow(),
            (Some(Ended::TooLong(limit)), _) => too_long(*limit),
            (_, CallError::Failure(XRoadFailure::NoAnswer)) if self.0.awaited.load(Ordering::Acquire) => too_slow(),
            (_, CallError::Failure(XRoadFailure::RequestBody(_))) => super::forward::failed(error),
            _ => return None,
        };
        Some(refusal.abandoning())
    }

    fn ended(&self, ended: Ended) {
        let _ = self.0.ended.set(ended);
    }

    fn awaited(&self, awaited: bool) {
        self.0.awaited.store(awaited, Ordering::Release);
    }
}

/// A request for the security server.
pub(super) fn build<B>(
    contract: &Contract,
    (method, path): (Method, AssetPath),
    headers: &HeaderMap,
    trace: Traceparent,
    (body, sent): (B, &SentBody),
    settings: &DataPlaneSettings,
) -> XRoadRequest
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let body = if body.is_end_stream() {
        sent.ended(Ended::Whole(BodyDigest::EMPTY));
        RequestBody::Empty
    } else {
        RequestBody::stream(Digested::new(body, settings.largest_request, settings.slowest_request, sent.clone()))
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

fn too_slow() -> Refusal {
    let sentence = "the body of the request did not come in time, or came too slowly; send it faster";
    Refusal::new(http::StatusCode::REQUEST_TIMEOUT, "request.too-slow", sentence)
}

fn too_long(limit: Duration) -> Refusal {
    let limit = limit.as_secs_f32();
    let sentence =
        format!("the body of the request took longer than {limit} s in all; send a smaller one, or send it faster");
    Refusal::new(http::StatusCode::REQUEST_TIMEOUT, "request.too-slow", sentence)
}

/// Refuses a call whose path and headers are more than the security server reads.
///
/// # Errors
/// 431.
pub(super) fn check_head(
    contract: &Contract,
    (method, path): (&Method, &AssetPath),
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let length = |name: &HeaderName| -> usize {
        headers.get_all(name).iter().map(|value| name.as_str().len() + value.len() + 4).sum()
    };
    let passing: usize = PASSING.iter().map(length).sum();
    let size = method.as_str().len() + contract.route.size(path) + contract.issue.len() + passing + OURS;
    if size <= LARGEST_HEAD {
        return Ok(());
    }
    let sentence = format!(
        "the path and the headers to be passed on come to {size} bytes, and the security server takes {LARGEST_HEAD}; send fewer or \
         shorter ones"
    );
    Err(Refusal::new(http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "request.head-too-large", sentence))
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
