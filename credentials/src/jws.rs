//! Compact JWS (RFC 7515 §3.1) under one strict profile: `ES256` only, an expected `typ`, a `kid` that the reader already knows,
//! and no other header member at all, so that nothing in a token can choose how it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use crate::keys::{KeyError, PublicKey, Signer};

/// The longest compact form that is looked at, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// Why a compact JWS is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts, too long, or its header is not a JSON object of the members allowed.
    #[error("it is not a compact JWS of the profile accepted here")]
    Malformed,
    /// `alg` is not `ES256`, or `typ` is not the one expected.
    #[error("its algorithm or type is not accepted here")]
    WrongKind,
    /// `kid` names no key that is trusted for this.
    #[error("it names a key that is not trusted here")]
    UnknownKey,
    /// The signature does not fit.
    #[error("its signature does not fit")]
    Forged,
}

/// Signs `payload`: the compact form with `alg`, `typ` and `kid`.
///
/// # Errors
/// When the signer does not sign.
pub async fn sign(signer: &dyn Signer, typ: &str, payload: &[u8]) -> Result<String, KeyError> {
    let header = json!({"alg": "ES256", "typ": typ, "kid": signer.public_key().thumbprint()}).to_string();
    let mut compact = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = signer.sign(compact.as_bytes()).await?;
    compact.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut compact);
    Ok(compact)
}

/// The payload of `compact`, once its signature by one of `keys` is checked.
///
/// # Errors
/// [`JwsError`]; nothing of the payload is looked at before the signature fits.
pub fn verify(compact: &str, typ: &str, keys: &[PublicKey]) -> Result<Vec<u8>, JwsError> {
    if compact.len() > LONGEST {
        return Err(JwsError::Malformed);
    }
    let (signed, signature) = compact.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed);
    let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| JwsError::Malformed)?;
    if header.alg != "ES256" || header.typ != typ {
        return Err(JwsError::WrongKind);
    }
    let key = keys.iter().find(|k| k.thumbprint() == header.kid).ok_or(JwsError::UnknownKey)?;
    if !key.verifies(signed.as_bytes(), &bytes(signature)?) {
        return Err(JwsError::Forged);
    }
    bytes(payload)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileSigner;
    use crate::testing::now;
    use proptest::prelude::*;

    fn signed() -> (FileSigner, String) {
        let directory = tempfile::tempdir().unwrap();
        let signer = FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap();
        let compact = now(sign(&signer, "test+jwt", b"{}")).unwrap();
        (signer, compact)
    }

    fn with_header(compact: &str, header: &str) -> String {
        let rest = compact.split_once('.').unwrap().1;
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn what_was_signed_reads_back_and_another_library_agrees() {
        let (signer, compact) = signed();
        let keys = [signer.public_key().clone()];
        assert_eq!(verify(&compact, "test+jwt", &keys).unwrap(), b"{}");
        let reference = josekit::jws::ES256
            .verifier_from_jwk(&josekit::jwk::Jwk::from_bytes(keys[0].to_jwk().to_string()).unwrap())
            .unwrap();
        assert!(josekit::jws::deserialize_compact(&compact, &reference).is_ok());
    }

    #[test]
    fn a_header_cannot_choose_how_it_is_checked() {
        let (signer, compact) = signed();
        let keys = [signer.public_key().clone()];
        let kid = keys[0].thumbprint();
        let cases = [
            (format!(r#"{{"alg":"none","typ":"test+jwt","kid":"{kid}"}}"#), JwsError::WrongKind),
            (format!(r#"{{"alg":"HS256","typ":"test+jwt","kid":"{kid}"}}"#), JwsError::WrongKind),
            (format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#), JwsError::WrongKind),
            (r#"{"alg":"ES256","typ":"test+jwt","kid":"other"}"#.to_owned(), JwsError::UnknownKey),
            (r#"{"alg":"ES256","typ":"test+jwt"}"#.to_owned(), JwsError::Malformed),
            (format!(r#"{{"alg":"ES256","typ":"test+jwt","kid":"{kid}","crit":["b64"]}}"#), JwsError::Malformed),
            (format!(r#"{{"alg":"ES256","typ":"test+jwt","kid":"{kid}","jwk":{{}}}}"#), JwsError::Malformed),
            (format!(r#"{{"alg":"ES256","alg":"ES256","typ":"test+jwt","kid":"{kid}"}}"#), JwsError::Malformed),
            (format!(r#"{{ "alg":"ES256","typ":"test+jwt","kid":"{kid}"}}"#), JwsError::Forged),
        ];
        for (header, expected) in cases {
            assert_eq!(verify(&with_header(&compact, &header), "test+jwt", &keys), Err(expected), "{header}");
        }
    }

    #[test]
    fn a_changed_payload_or_signature_is_forged() {
        let (signer, compact) = signed();
        let keys = [signer.public_key().clone()];
        let parts: Vec<&str> = compact.split('.').collect();
        let other = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("[]"), parts[2]);
        assert_eq!(verify(&other, "test+jwt", &keys), Err(JwsError::Forged));
        let empty = format!("{}.{}.", parts[0], parts[1]);
        assert_eq!(verify(&empty, "test+jwt", &keys), Err(JwsError::Forged));
        assert_eq!(verify(&"a".repeat(LONGEST + 1), "test+jwt", &keys), Err(JwsError::Malformed));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fall_over(text in "\\PC{0,200}") {
            prop_assert!(verify(&text, "test+jwt", &[]).is_err());
        }
    }
}
