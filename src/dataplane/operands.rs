//! Values of the operator's own left operands that come with a call: in a header, or in its JSON body.
//!
//! Only what the policy of this agreement looks at is read. A body is gathered up to a limit and passes on as it came; in one that is
//! larger, not JSON, or ambiguous, nothing is known.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use super::refusal::Refusal;
use super::{DataPlaneSettings, charset};
use crate::policy::{Compiled, Fact, Place, Source, read_json};
use crate::xroad::body::BoxError;

const LONGEST: usize = 2048;

/// What a policy asks of a call beside what every call tells.
pub(super) struct Asked {
    headers: Box<[(Place, HeaderName)]>,
    pointers: Box<[(Place, Box<str>)]>,
    /// Where the body names the data subject whose consent is needed.
    subject: Option<Box<str>>,
}

/// What a call told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) values: Vec<Value>,
    pub(super) subject: Option<String>,
}

/// A value that a call told.
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) text: String,
}

impl Asked {
    /// By this policy, and to find the data subject in the body.
    pub(super) fn by(policy: &Compiled, subject: Option<&str>) -> Self {
        let header = |(place, source): (Place, &Source)| match source {
            Source::Header(name) => Some((place, HeaderName::try_from(name).ok()?)),
            _ => None,
        };
        let pointer = |(place, source): (Place, &Source)| match source {
            Source::Pointer(pointer) => Some((place, pointer.as_str().into())),
            _ => None,
        };
        Self {
            headers: policy.sources().filter_map(header).collect(),
            pointers: policy.sources().filter_map(pointer).collect(),
            subject: subject.map(Into::into),
        }
    }
}

/// Reads what the policy asks for; with the body as it is to be passed on.
///
/// # Errors
/// 400 for a header that cannot be read or comes twice and for a body that breaks off, 408 for one that comes too slowly.
pub(super) async fn read<B>(
    asked: &Asked,
    head: &Parts,
    body: B,
    settings: &DataPlaneSettings,
) -> Result<(Told, Gathered<B>), Refusal>
where
    B: Body<Data = Bytes> + Send + Unpin,
    B::Error: Into<BoxError>,
{
    let mut told = Told::default();
    for (place, name) in &asked.headers {
        if let Some(text) = header(&head.headers, name)? {
            told.values.push(Value { place: *place, text });
        }
    }
    let mut body = Gathered { first: VecDeque::new(), rest: Some(body) };
    let nothing = asked.pointers.is_empty() && asked.subject.is_none();
    if nothing || body.is_end_stream() || !is_json(&head.headers) {
        return Ok((told, body));
    }
    let gathering = body.gather(settings.largest_inspected);
    let whole = tokio::time::timeout(settings.inspection, gathering).await.map_err(|_| too_slow())??;
    let Some(document) = whole.as_deref().and_then(document) else { return Ok((told, body)) };
    let value = |pointer: &str| document.pointer(pointer).and_then(scalar);
    for (place, pointer) in &asked.pointers {
        if let Some(text) = value(pointer) {
            told.values.push(Value { place: *place, text });
        }
    }
    told.subject = asked.subject.as_deref().and_then(value);
    Ok((told, body))
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let malformed =
        |what: &str| Refusal::bad_request("operand.malformed", format!("the header {name} cannot be read: {what}"));
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("it comes more than once"));
    }
    if value.len() > LONGEST {
        return Err(malformed("it is longer than 2048 characters"));
    }
    let text = value.to_str().map_err(|_| malformed("expected visible ASCII characters"))?;
    Ok(Some(text.trim().to_owned()))
}

/// Whether the service will read the body as JSON in UTF-8, as it stands on the wire.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(media)), None) = (types.next().map(|value| value.to_str()), types.next()) else { return false };
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && charset::is_utf8(media) && !headers.contains_key(CONTENT_ENCODING)
}

/// JSON in which no key is repeated: the service might read the other one.
fn document(bytes: &[u8]) -> Option<serde_json::Value> {
    read_json("the body", std::str::from_utf8(bytes).ok()?).ok()
}

/// A list has no one value, and of one that is too long for a record of evidence nothing is known.
fn scalar(value: &serde_json::Value) -> Option<String> {
    let fact = if value.is_array() { None } else { Fact::from_json(value) };
    fact?.values().first().filter(|value| value.len() <= LONGEST).cloned()
}

fn too_slow() -> Refusal {
    let sentence = "the policy asks for a value in the body, and the body did not come in time; send it faster";
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "request.too-slow", sentence)
}

/// A body of which the first pieces have been read already.
pub(super) struct Gathered<B> {
    first: VecDeque<Bytes>,
    /// Until its end was seen.
    rest: Option<B>,
}

impl<B> Gathered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Reads to the end, and keeps what was read; `None` when there is more than `limit` bytes.
    async fn gather(&mut self, limit: usize) -> Result<Option<Bytes>, Refusal> {
        let mut size = 0;
        while let Some(rest) = &mut self.rest {
            if rest.size_hint().lower() > limit.saturating_sub(size) as u64 {
                return Ok(None);
            }
            let Some(frame) = rest.frame().await else {
                self.rest = None;
                break;
            };
            let frame =
                frame.map_err(|_| Refusal::bad_request("request.broken", "the body of the request broke off"))?;
            let Ok(piece) = frame.into_data() else { continue };
            size += piece.len();
            self.first.push_back(piece);
            if size > limit {
                return Ok(None);
            }
        }
        let mut whole = BytesMut::with_capacity(size);
        self.first.iter().for_each(|piece| whole.extend_from_slice(piece));
        Ok(Some(whole.freeze()))
    }
}

impl<B> Body for Gathered<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        if let Some(piece) = this.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        this.rest.as_mut().map_or(Poll::Ready(None), |rest| Pin::new(rest).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let gathered: u64 = self.first.iter().map(|piece| piece.len() as u64).sum();
        let mut hint = self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        // Upper first: it may not be below the lower one.
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + gathered);
        }
        hint.set_lower(hint.lower() + gathered);
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    fn pieces(count: usize) -> impl Body<Data = Bytes, Error = std::io::Error> + Send + Unpin {
        let frames = (0..count).map(|_| Ok(Frame::data(Bytes::from_static(b"0123456789"))));
        StreamBody::new(futures_util::stream::iter(frames))
    }

    #[tokio::test]
    async fn what_was_gathered_passes_on_as_it_came_whether_it_fit_or_not() {
        for (count, fits) in [(0, true), (3, true), (4, true), (5, false), (9, false)] {
            let mut body = Gathered { first: VecDeque::new(), rest: Some(pieces(count)) };
            assert_eq!(body.gather(40).await.unwrap().map(|b| b.len()), fits.then_some(count * 10));
            assert_eq!(body.collect().await.unwrap().to_bytes(), "0123456789".repeat(count), "{count}");
        }
    }

    #[test]
    fn only_a_body_that_has_one_reading_is_read() {
        assert!(document(br#"{"a": 1}"#).is_some());
        for ambiguous in [&br#"{"a": 1, "a": 2}"#[..], br#"{"a": 1} {"a": 2}"#, b"\xff", b"a=1"] {
            assert!(document(ambiguous).is_none());
        }
    }

    #[test]
    fn a_value_is_a_text_number_or_boolean() {
        let body = document(br#"{"t": "x", "n": 1.50, "b": true, "l": ["x"], "o": {}, "z": null}"#).unwrap();
        let value = |name: &str| scalar(&body[name]);
        assert_eq!(["t", "n", "b"].map(value), ["x", "1.50", "true"].map(|text| Some(text.to_owned())));
        assert_eq!(["l", "o", "z"].map(value), [None, None, None]);
    }

    #[test]
    fn a_body_is_json_when_the_service_will_take_it_for_json() {
        let is = |name: &'static str, value: &'static str, more: Option<HeaderName>| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), http::HeaderValue::from_static(value));
            if let Some(name) = more {
                headers.append(name, http::HeaderValue::from_static("gzip"));
            }
            is_json(&headers)
        };
        assert!(is("content-type", "application/json; charset=utf-8", None));
        assert!(is("content-type", "application/vnd.x+json", None));
        assert!(!is("content-type", "text/xml", None) && !is("accept", "application/json", None));
        assert!(!is("content-type", "application/json", Some(CONTENT_ENCODING)));
        assert!(!is("content-type", "application/json", Some(CONTENT_TYPE)));
        assert!(
            !is("content-type", "application/json; charset=utf-7", None),
            "it may read other characters than we do"
        );
    }
}
