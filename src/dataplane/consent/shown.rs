//! What a consumer shows of a consent: the reference and the data subject, in headers.

use http::{HeaderMap, HeaderName};

use super::{ConsentReference, LONGEST};
use crate::dataplane::refusal::Refusal;

pub(super) const REFERENCE: HeaderName = HeaderName::from_static("sliproad-consent");
pub(super) const SUBJECT: HeaderName = HeaderName::from_static("sliproad-consent-subject");

/// What a call shows of a consent.
pub(in crate::dataplane) struct Shown {
    pub(super) reference: ConsentReference,
    pub(super) subject: Box<str>,
}

/// What a consumer's headers show; `None` when they show nothing.
///
/// # Errors
/// 400 when a header cannot be read or comes twice.
pub(in crate::dataplane) fn shown(headers: &HeaderMap) -> Result<Option<Shown>, Refusal> {
    let (Some(reference), Some(subject)) = (header(headers, &REFERENCE)?, header(headers, &SUBJECT)?) else {
        return Ok(None);
    };
    let reference = ConsentReference::parse(reference)
        .ok_or_else(|| malformed(&REFERENCE, "expected up to 128 letters, digits and - . _ ~"))?;
    if subject.len() > LONGEST || !subject.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed(&SUBJECT, "expected up to 128 visible ASCII characters"));
    }
    Ok(Some(Shown { reference, subject: subject.into() }))
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed(name, "it comes more than once"));
    }
    let text = value.to_str().map_err(|_| malformed(name, "expected visible ASCII characters"))?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()))
}

fn malformed(name: &HeaderName, what: &str) -> Refusal {
    Refusal::bad_request("consent.malformed", format!("the header {name} cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_refused_and_nothing_of_it_is_printed() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(HeaderName::from_static(name), http::HeaderValue::from_static(value));
            }
            shown(&headers).map(|shown| shown.is_some()).map_err(|refusal| refusal.code.to_string())
        };
        let (reference, subject) = (("sliproad-consent", "r-1"), ("sliproad-consent-subject", "60001019906"));
        assert_eq!(read(&[reference, subject]), Ok(true));
        assert_eq!(read(&[subject]), Ok(false));
        assert_eq!(read(&[]), Ok(false));
        let malformed = Err("consent.malformed".to_owned());
        assert_eq!(read(&[reference, reference, subject]), malformed);
        assert_eq!(read(&[("sliproad-consent", "a&b=c"), subject]), malformed);
        assert_eq!(read(&[reference, ("sliproad-consent-subject", "a b")]), malformed);
        assert!(!format!("{:?}", ConsentReference::parse("r-1").unwrap()).contains("r-1"));
    }
}
