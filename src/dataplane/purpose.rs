//! The purpose that a consumer declares for a call. It is the consumer's word: policies have it as attested, evidence keeps it.

use http::{HeaderMap, HeaderName};

use super::refusal::Refusal;
use crate::policy::Fact;

/// Names the purposes of a call: IRIs or codes, separated by commas; it may come more than once.
pub(super) const PURPOSE: HeaderName = HeaderName::from_static("sliproad-purpose");
const LONGEST: usize = 2048;
const MOST: usize = 16;

/// The purposes declared for a call; `None` when it declares none.
///
/// # Errors
/// 400 when the header is not plain text, too long, empty, or names too many.
pub(super) fn declared(headers: &HeaderMap) -> Result<Option<Fact>, Refusal> {
    let mut purposes = Vec::new();
    let mut length = 0;
    for value in headers.get_all(&PURPOSE) {
        length += value.len();
        let text = value.to_str().map_err(|_| malformed("expected visible ASCII characters"))?;
        if length > LONGEST {
            return Err(malformed("it is longer than 2048 characters"));
        }
        for purpose in text.split(',').map(str::trim) {
            if purpose.is_empty() {
                return Err(malformed("a purpose in it is empty"));
            }
            if !purposes.iter().any(|known| known == purpose) {
                purposes.push(purpose.to_owned());
            }
        }
    }
    if purposes.len() > MOST {
        return Err(malformed("it names more than 16 purposes"));
    }
    Ok((!purposes.is_empty()).then(|| purposes.into()))
}

fn malformed(what: &str) -> Refusal {
    Refusal::bad_request("purpose.malformed", format!("the header {PURPOSE} cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<Vec<String>>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PURPOSE, http::HeaderValue::from_static(value));
        }
        declared(&headers).map(|fact| fact.map(|fact| fact.values().to_vec())).map_err(|_| ())
    }

    #[test]
    fn purposes_are_a_set_however_they_are_written() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["urn:a, urn:b", "urn:a"]), Ok(Some(vec!["urn:a".to_owned(), "urn:b".to_owned()])));
    }

    #[test]
    fn a_header_that_cannot_be_read_is_refused_and_not_taken_for_none() {
        assert_eq!(read(&[""]), Err(()));
        assert_eq!(read(&["urn:a,,urn:b"]), Err(()));
        assert_eq!(read(&["1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"]), Err(()));
    }
}
