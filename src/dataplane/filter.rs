//! Step 8, where the agreement asks for it: of an answer only the fields that it releases. The answer is read whole, under a limit;
//! what cannot be read for certain is not released at all.

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use super::charset;
use super::refusal::Refusal;
use crate::policy::FieldPath;
use crate::xroad::body::{ResponseBody, ResponseBodyError};

mod astray;
mod json;
#[cfg(test)]
mod tests;
mod veil;
mod xml;

pub use veil::Veil;

/// Up to so many bytes an answer is looked through in no time, a millisecond at most.
const QUICK: usize = 32 * 1024;

/// Headers of an answer that tell of the whole body.
const OF_THE_WHOLE: [HeaderName; 9] = [
    header::ACCEPT_RANGES,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ETAG,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
    header::TRAILER,
];

/// Headers of a call that ask for less or other than the whole answer.
const OF_PARTS: [HeaderName; 5] =
    [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE, header::RANGE, header::ACCEPT_ENCODING];

/// What one permission releases of an answer: a field must be on every list (`xroad:fields`).
#[derive(Clone, Debug)]
pub struct Filter {
    lists: Box<[Box<[FieldPath]>]>,
    hidden: Option<Hidden>,
}

/// What is pseudonymised, and how.
#[derive(Clone, Debug)]
struct Hidden {
    paths: Box<[FieldPath]>,
    veil: Veil,
}

/// Why an answer is not released.
#[derive(Debug, PartialEq, Eq)]
enum Withheld {
    MediaType(String),
    Unparsable(&'static str, String),
    /// Something that is to stand under a pseudonym may stand in the clear.
    Astray(&'static str),
}

/// Why a document is not filtered.
enum Unfit {
    Unreadable(String),
    Astray,
}

impl From<String> for Unfit {
    fn from(why: String) -> Self {
        Self::Unreadable(why)
    }
}

impl Unfit {
    fn of(self, form: &'static str) -> Withheld {
        match self {
            Self::Unreadable(why) => Withheld::Unparsable(form, why),
            Self::Astray => Withheld::Astray(form),
        }
    }
}

impl Filter {
    /// From allow-lists as the policy has them ([`crate::policy::Compiled::fields`]); `None` without any.
    #[must_use]
    pub fn of(lists: &[Vec<&str>]) -> Option<Self> {
        let read = |list: &Vec<&str>| list.iter().filter_map(|path| FieldPath::parse(path)).collect();
        (!lists.is_empty()).then(|| Self { lists: lists.iter().map(read).collect(), hidden: None })
    }

    /// The same with fields under pseudonyms: every value at and below these paths. Without any other filter, all else is released.
    #[must_use]
    pub fn hiding(filter: Option<Self>, paths: &[&str], veil: Veil) -> Option<Self> {
        let paths: Box<[FieldPath]> = paths.iter().filter_map(|path| FieldPath::parse(path)).collect();
        if paths.is_empty() {
            return filter;
        }
        let lists = filter.map(|filter| filter.lists).unwrap_or_default();
        Some(Self { lists, hidden: Some(Hidden { paths, veil }) })
    }

    /// The released fields of a JSON document; `None` when it cannot be read for certain, or has fields to hide in other places.
    #[must_use]
    pub fn json(&self, text: &str) -> Option<Vec<u8>> {
        json::filter(text, &self.lists, self.hidden.as_ref()).ok()
    }

    /// Takes out of a call what would make its answer one of parts.
    pub(super) fn ask_for_the_whole(headers: &mut HeaderMap) {
        for name in OF_PARTS {
            headers.remove(name);
        }
    }

    /// The released fields of an answer; its headers are set right for them.
    ///
    /// # Errors
    /// 502 when the answer is larger than `largest`, of a media type that cannot be filtered, cannot be read, or has what is to stand
    /// under a pseudonym in other places.
    pub(super) async fn apply(
        &self,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: ResponseBody,
        largest: usize,
    ) -> Result<Bytes, Refusal> {
        let whole = gather(body, largest).await?;
        let released = if whole.len() <= QUICK {
            self.released(status, headers, &whole)
        } else {
            // Long enough to keep other calls waiting.
            let (filter, headers) = (self.clone(), headers.clone());
            let looking = tokio::task::spawn_blocking(move || filter.released(status, &headers, &whole));
            looking
                .await
                .unwrap_or_else(|_| Err(Withheld::Unparsable("text", "it could not be looked through".to_owned())))
        };
        let released = released.map_err(refused)?;
        for name in OF_THE_WHOLE {
            headers.remove(name);
        }
        Ok(released)
    }

    fn released(&self, status: StatusCode, headers: &HeaderMap, whole: &[u8]) -> Result<Bytes, Withheld> {
        if whole.is_empty() {
            return Ok(Bytes::new());
        }
        let form = form(headers);
        if status.is_client_error() || status.is_server_error() {
            // An error is told by its status, whatever its body is.
            return Ok(form.and_then(|form| self.filtered(form, whole)).unwrap_or_default());
        }
        if status == StatusCode::PARTIAL_CONTENT {
            return Err(Withheld::MediaType("a part of the answer".to_owned()));
        }
        self.filtered(form?, whole)
    }

    fn filtered(&self, form: Form, whole: &[u8]) -> Result<Bytes, Withheld> {
        let text = std::str::from_utf8(whole);
        let text = text.map_err(|_| Withheld::Unparsable("text", "it is not UTF-8".to_owned()))?;
        let hidden = self.hidden.as_ref();
        let filtered = match form {
            Form::Json => json::filter(text, &self.lists, hidden).map_err(|unfit| unfit.of("JSON")),
            Form::Xml => xml::filter(text, &self.lists, hidden).map_err(|unfit| unfit.of("XML")),
        };
        filtered.map(Bytes::from)
    }
}

#[derive(Clone, Copy)]
enum Form {
    Json,
    Xml,
}

/// What the body is, by its headers.
fn form(headers: &HeaderMap) -> Result<Form, Withheld> {
    let text = |name: HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(coding) = text(header::CONTENT_ENCODING).filter(|coding| coding != "identity") {
        return Err(Withheld::MediaType(format!("a body encoded as {coding}")));
    }
    let several = headers.get_all(header::CONTENT_TYPE).iter().count() != 1;
    let told = text(header::CONTENT_TYPE).unwrap_or_else(|| "no media type".to_owned());
    let essence = told.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        _ if several || !charset::is_utf8(&told) => Err(Withheld::MediaType(told)),
        "application/json" | "text/json" => Ok(Form::Json),
        "application/xml" | "text/xml" => Ok(Form::Xml),
        other if other.ends_with("+json") => Ok(Form::Json),
        other if other.ends_with("+xml") => Ok(Form::Xml),
        _ => Err(Withheld::MediaType(told)),
    }
}

async fn gather(mut body: ResponseBody, largest: usize) -> Result<BytesMut, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len().saturating_add(data.len()) > largest {
            let sentence = format!(
                "the agreement releases only some fields, and the service's answer is larger than the {largest} bytes that can be \
                 looked through; ask for less at a time"
            );
            return Err(withheld("filter.oversized", sentence));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}

fn refused(why: Withheld) -> Refusal {
    match why {
        Withheld::MediaType(told) => withheld(
            "filter.media-type",
            format!("the agreement releases only some fields, and they cannot be told in {told}; ask for JSON or XML"),
        ),
        Withheld::Astray(form) => withheld(
            "filter.pseudonyms",
            format!(
                "the agreement puts fields under pseudonyms, and this answer in {form} has them in other places than its paths name, or \
                 may have; ask for the form and the resource that the paths are made for"
            ),
        ),
        Withheld::Unparsable(form, why) => {
            withheld(
                "filter.unparsable",
                format!(
                    "the agreement releases only some fields, and the service's answer is not {form} that can be read safely"
                ),
            )
            .caused_by(why)
        }
    }
}

fn withheld(code: &'static str, sentence: String) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, code, sentence).withholding()
}

fn broken(error: &ResponseBodyError) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "xroad.answer-broken", "the service's answer broke off; try again")
        .caused_by(error)
}
