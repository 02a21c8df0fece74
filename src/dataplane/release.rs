//! The last steps: the answer comes in, its evidence becomes durable, and only then is it released.
//!
//! A small answer whose last byte is there already leaves one record and is released whole. Any other answer is opened by one
//! record before its first byte is released and completed by a second before its last piece is: that piece is held back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use sha2::{Digest as _, Sha256};

use super::DataPlaneSettings;
use super::counters::CounterError;
use super::exchange::{EXCHANGE, Ongoing, Settling};
use super::filter::Filter;
use super::refusal::Refusal;
use crate::evidence::{EvidenceError, Receipt};
use crate::model::exchange::{BodyDigest, Digest, Outcome, RecordKind};
use crate::xroad::body::{ResponseBody, ResponseBodyError};
use crate::xroad::client::XRoadResponse;

/// Headers of a service that would act on our own host's name.
const KEPT_BACK: [HeaderName; 5] = [
    header::ALT_SVC,
    header::STRICT_TRANSPORT_SECURITY,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("sliproad-exchange"),
];

/// Releases an answer.
pub(super) async fn release(mut exchange: Ongoing, answer: XRoadResponse) -> Response<Released> {
    exchange.answered(&answer);
    if let Some(filter) = exchange.filter().cloned() {
        return release_filtered(exchange, answer, &filter).await;
    }
    let gathered = match gather(answer.body, &exchange.plane.0.settings).await {
        Ok(gathered) => gathered,
        Err(error) => return exchange.refuse(broken(&error)).await,
    };
    let (status, headers) = (answer.status, head(answer.headers, &exchange));
    let recorded = match &gathered {
        Gathered::Whole(bytes) => exchange.record(RecordKind::Exchange, Some(digest(bytes))).await,
        Gathered::More(..) => exchange.record(RecordKind::Opening, None).await,
    };
    if let Err(error) = recorded {
        return exchange.withhold(&error);
    }
    exchange.released();
    let body = match gathered {
        Gathered::Whole(bytes) => Released::whole(bytes),
        Gathered::More(first, source) => Released::streaming(exchange, first, source),
    };
    let mut response = Response::new(body);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

fn digest(bytes: &[u8]) -> BodyDigest {
    BodyDigest { sha256: Digest(Sha256::digest(bytes).into()), size: bytes.len() as u64 }
}

/// Releases the fields of an answer that the agreement releases.
async fn release_filtered(mut exchange: Ongoing, answer: XRoadResponse, filter: &Filter) -> Response<Released> {
    let (status, mut headers) = (answer.status, head(answer.headers, &exchange));
    let largest = exchange.plane.0.settings.largest_filtered;
    let bytes = match filter.apply(status, &mut headers, answer.body, largest).await {
        Ok(bytes) => bytes,
        Err(refusal) => return exchange.refuse(refusal).await,
    };
    if let Err(error) = exchange.record(RecordKind::Exchange, Some(digest(&bytes))).await {
        return exchange.withhold(&error);
    }
    exchange.released();
    let mut response = Response::new(Released::whole(bytes));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

enum Gathered {
    Whole(Bytes),
    More(VecDeque<Bytes>, ResponseBody),
}

/// Reads until the end, for as long as the answer stays small and its pieces are there.
async fn gather(mut source: ResponseBody, settings: &DataPlaneSettings) -> Result<Gathered, ResponseBodyError> {
    let mut pieces: VecDeque<Bytes> = VecDeque::new();
    let mut size = 0;
    let read = async {
        while let Some(frame) = source.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            size += data.len();
            pieces.push_back(data);
            if size > settings.small_answer {
                return Ok(false);
            }
        }
        Ok::<bool, ResponseBodyError>(true)
    };
    let ended = tokio::time::timeout(settings.patience, read).await.unwrap_or(Ok(false))?;
    if !ended {
        return Ok(Gathered::More(pieces, source));
    }
    if pieces.len() <= 1 {
        return Ok(Gathered::Whole(pieces.pop_front().unwrap_or_default()));
    }
    let mut whole = BytesMut::with_capacity(size);
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    Ok(Gathered::Whole(whole.freeze()))
}

fn head(mut headers: HeaderMap, exchange: &Ongoing) -> HeaderMap {
    for name in KEPT_BACK {
        headers.remove(name);
    }
    let mut id = uuid::Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(exchange.id.uuid().hyphenated().encode_lower(&mut id)) {
        headers.insert(EXCHANGE, value);
    }
    headers
}

fn broken(error: &ResponseBodyError) -> Refusal {
    Refusal::new(http::StatusCode::BAD_GATEWAY, "xroad.answer-broken", "the service's answer broke off; try again")
        .caused_by(error)
}

/// The body of an answer that may be released.
pub struct Released(Content);

enum Content {
    Whole(Bytes),
    Streaming(Box<Streaming>),
}

/// An answer's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The service, or X-Road, broke off.
    #[error("the answer of the service broke off")]
    Broken(#[source] ResponseBodyError),
    /// Its completion could not be recorded, so that the last piece was not released.
    #[error("the answer was cut off because its evidence was not kept")]
    NotRecorded(#[source] EvidenceError),
    /// What it leaves for the calls after it could not be kept, so that the last piece was not released.
    #[error("the answer was cut off because it could not be counted")]
    NotCounted(#[source] CounterError),
}

/// A record on its way to the disk.
pub(super) type Recording = Pin<Box<dyn Future<Output = Result<Receipt, EvidenceError>> + Send>>;

struct Streaming {
    exchange: Ongoing,
    first: VecDeque<Bytes>,
    source: ResponseBody,
    held: Option<Bytes>,
    sha256: Sha256,
    size: u64,
    ending: Ending,
}

enum Ending {
    NotYet,
    Settling(Settling),
    Recording(Recording),
    Over,
}

impl Released {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Content::Whole(bytes))
    }

    fn streaming(exchange: Ongoing, first: VecDeque<Bytes>, source: ResponseBody) -> Self {
        let (held, sha256, ending) = (None, Sha256::new(), Ending::NotYet);
        Self(Content::Streaming(Box::new(Streaming { exchange, first, source, held, sha256, size: 0, ending })))
    }
}

impl Streaming {
    fn digest_held(&mut self) {
        if let Some(held) = &self.held {
            self.sha256.update(held);
            self.size += held.len() as u64;
        }
    }

    fn digest(&self) -> BodyDigest {
        BodyDigest { sha256: Digest(self.sha256.clone().finalize().into()), size: self.size }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReleaseError>>> {
        loop {
            match &mut self.ending {
                Ending::Over => return Poll::Ready(None),
                Ending::Settling(settling) => match ready!(settling.as_mut().poll(cx)) {
                    Ok(()) => self.ending = Ending::Recording(Box::pin(self.exchange.complete(self.digest()))),
                    Err(error) => {
                        self.ending = Ending::Over;
                        self.exchange.broke_off(Outcome::Failed, self.digest());
                        return Poll::Ready(Some(Err(ReleaseError::NotCounted(error))));
                    }
                },
                Ending::Recording(recording) => {
                    let recorded = ready!(recording.as_mut().poll(cx));
                    self.ending = Ending::Over;
                    return Poll::Ready(match recorded {
                        Ok(_) => self.held.take().map(Ok),
                        Err(error) => Some(Err(ReleaseError::NotRecorded(error))),
                    });
                }
                Ending::NotYet => {}
            }
            let next = match self.first.pop_front() {
                Some(piece) => Some(Ok(piece)),
                None => match ready!(Pin::new(&mut self.source).poll_frame(cx)) {
                    Some(Ok(frame)) => frame.into_data().ok().map(Ok),
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                },
            };
            match next {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.digest_held();
                    if let Some(released) = self.held.replace(piece) {
                        return Poll::Ready(Some(Ok(released)));
                    }
                }
                Some(Err(error)) => {
                    self.ending = Ending::Over;
                    self.exchange.broke_off(Outcome::Failed, self.digest());
                    return Poll::Ready(Some(Err(ReleaseError::Broken(error))));
                }
                None => {
                    self.digest_held();
                    self.ending = match self.exchange.settling() {
                        Some(settling) => Ending::Settling(settling),
                        None => Ending::Recording(Box::pin(self.exchange.complete(self.digest()))),
                    };
                }
            }
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if matches!(self.ending, Ending::NotYet | Ending::Settling(_)) {
            self.exchange.broke_off(Outcome::Aborted, self.digest());
        }
    }
}

impl Body for Released {
    type Data = Bytes;
    type Error = ReleaseError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReleaseError>>> {
        match &mut self.get_mut().0 {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Streaming(streaming) => streaming.poll_data(cx).map(|data| data.map(|d| d.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streaming(_) => SizeHint::default(),
        }
    }
}
