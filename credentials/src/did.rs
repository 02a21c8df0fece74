//! Decentralised identifiers: `did:web` names, the document a participant publishes, the keys read from another's.
//!
//! The only user of ssi's DID model. Nothing is fetched here: whoever fetches does so through the guarded client.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use ssi::dids::document::DIDVerificationMethod;
use ssi::dids::ssi_json_ld::iref::UriBuf;
use ssi::dids::{DIDBuf, DIDURLBuf, Document};

use crate::keys::PublicKey;

const LONGEST: usize = 1024;

/// Why a DID or a DID document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DidError {
    /// Not a DID, or not a `did:web` that names a place.
    #[error("{0:?} is not a did:web that names a host and a path")]
    Name(String),
    /// The document is not a DID document, or is about somebody else.
    #[error("the DID document is not one of {0}")]
    Document(String),
    /// The document lists no such key for making assertions.
    #[error("the DID document lists no key {0} as assertionMethod")]
    NoKey(String),
}

/// A `did:web` (W3C CCG did:web method).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Did {
    text: String,
}

impl Did {
    /// Reads a `did:web`: a host name in lower case, optionally `%3A` and a port, then path segments after colons.
    ///
    /// # Errors
    /// `Name` for anything else, dot segments, empty segments and other percent-encodings included.
    pub fn parse(text: &str) -> Result<Self, DidError> {
        let refuse = || DidError::Name(text.chars().take(200).collect());
        if text.len() > LONGEST || DIDBuf::from_string(text.to_owned()).is_err() {
            return Err(refuse());
        }
        let mut parts = text.strip_prefix("did:web:").ok_or_else(refuse)?.split(':');
        let authority = parts.next().unwrap_or_default();
        if is_authority(authority) && parts.all(is_segment) {
            Ok(Self { text: text.to_owned() })
        } else {
            Err(refuse())
        }
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where its document is, under `scheme` (`https`, or `http` where the operator allows it).
    #[must_use]
    pub fn document_url(&self, scheme: &str) -> String {
        let name = self.text.strip_prefix("did:web:").unwrap_or_default();
        let (authority, path) = name.split_once(':').unwrap_or((name, ".well-known"));
        format!("{scheme}://{}/{}/did.json", authority.replace("%3A", ":"), path.replace(':', "/"))
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A service in a DID document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Fragment of its id.
    pub fragment: String,
    /// `type`.
    pub kind: String,
    /// `serviceEndpoint`.
    pub endpoint: String,
}

/// The DID document of a participant (DID Core 1.0): each key as `JsonWebKey2020`, for assertions and authentication.
///
/// # Errors
/// When a service's endpoint is not a URI.
pub fn document(did: &Did, keys: &[PublicKey], services: &[Service]) -> Result<Value, DidError> {
    let broken = || DidError::Document(did.to_string());
    let id = DIDBuf::from_string(did.text.clone()).map_err(|_| broken())?;
    let mut document = Document::new(id.clone());
    for key in keys {
        let name = format!("{did}#{}", key.thumbprint());
        let name = DIDURLBuf::from_string(name).map_err(|_| broken())?;
        let properties = BTreeMap::from([("publicKeyJwk".to_owned(), key.to_jwk())]);
        let method = DIDVerificationMethod::new(name.clone(), "JsonWebKey2020".to_owned(), id.clone(), properties);
        document.verification_method.push(method);
        document.verification_relationships.assertion_method.push(name.clone().into());
        document.verification_relationships.authentication.push(name.into());
    }
    let mut value = serde_json::to_value(document).map_err(|_| broken())?;
    let services: Vec<Value> = services
        .iter()
        .map(|s| {
            UriBuf::new(s.endpoint.clone().into_bytes()).map_err(|_| broken())?;
            Ok(json!({"id": format!("{did}#{}", s.fragment), "type": s.kind, "serviceEndpoint": s.endpoint}))
        })
        .collect::<Result<_, DidError>>()?;
    if let Some(members) = value.as_object_mut() {
        members.insert(
            "@context".to_owned(),
            json!(["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"]),
        );
        if !services.is_empty() {
            members.insert("service".to_owned(), Value::Array(services));
        }
    }
    Ok(value)
}

/// The public JWK of the key `key_id` (a DID URL, absolute or `#fragment`) with which `document` makes assertions in the name of
/// `did`. A document that says nothing of assertions, as those of some identity services, makes them with any of its keys.
///
/// # Errors
/// When the document is not about `did`, lists no such key, or the key belongs to another controller.
pub fn assertion_jwk(document: &[u8], did: &Did, key_id: &str) -> Result<Value, DidError> {
    let not_theirs = || DidError::Document(did.to_string());
    let no_key = || DidError::NoKey(key_id.chars().take(200).collect());
    let document: Value = serde_json::from_slice(document).map_err(|_| not_theirs())?;
    let declared = document.get("assertionMethod").is_some();
    let document: Document = serde_json::from_value(document).map_err(|_| not_theirs())?;
    if document.id.as_str() != did.as_str() {
        return Err(not_theirs());
    }
    let wanted = if key_id.starts_with('#') { format!("{did}{key_id}") } else { key_id.to_owned() };
    let wanted = DIDURLBuf::from_string(wanted).map_err(|_| no_key())?;
    let asserting = &document.verification_relationships.assertion_method;
    let listed = asserting.iter().find(|entry| *entry.id().resolve(&document.id) == *wanted);
    if listed.is_none() && declared {
        return Err(no_key());
    }
    let embedded = listed.and_then(|entry| entry.as_value());
    let method = embedded
        .or_else(|| document.verification_method.iter().find(|method| method.id == wanted))
        .filter(|method| method.controller == document.id)
        .ok_or_else(no_key)?;
    method.properties.get("publicKeyJwk").cloned().ok_or_else(no_key)
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = authority.split_once("%3A").map_or((authority, None), |(h, p)| (h, Some(p)));
    let named = host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
    named && port.is_none_or(|p| !p.starts_with('0') && p.parse::<u16>().is_ok_and(|n| n > 0))
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileSigner, Signer};

    fn key() -> PublicKey {
        let directory = tempfile::tempdir().unwrap();
        FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap().public_key().clone()
    }

    fn read(document: &[u8], did: &Did, key_id: &str) -> Result<PublicKey, DidError> {
        assertion_jwk(document, did, key_id).map(|jwk| PublicKey::from_jwk(&jwk).unwrap())
    }

    #[test]
    fn a_did_web_names_the_place_of_its_document() {
        let cases = [
            ("did:web:example.org", "https://example.org/.well-known/did.json"),
            ("did:web:example.org:agency", "https://example.org/agency/did.json"),
            ("did:web:localhost%3A8080:a:b", "https://localhost:8080/a/b/did.json"),
            ("did:web:127.0.0.1%3A80:a", "https://127.0.0.1:80/a/did.json"),
        ];
        for (did, url) in cases {
            assert_eq!(Did::parse(did).unwrap().document_url("https"), url);
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for text in [
            "did:key:z6Mk",
            "did:web:",
            "did:web:example.org:",
            "did:web:example.org::a",
            "did:web:example.org:..:a",
            "did:web:example.org:%2e%2e",
            "did:web:example.org:a%2Fb",
            "did:web:user@example.org",
            "did:web:example.org%3A99999",
            "did:web:example.org%3A0",
            "did:web:example.org%3A80%3A81",
            "did:web:Example.org",
            "did:web:example.org#key",
            "did:web:example.org?x=y",
            "did:web:[::1]",
        ] {
            assert!(Did::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_published_document_gives_its_keys_back() {
        let (did, key) = (Did::parse("did:web:example.org:agency").unwrap(), key());
        let services = [Service {
            fragment: "dsp".into(),
            kind: "DataService".into(),
            endpoint: "https://example.org/agency/.well-known/dspace-version".into(),
        }];
        let published = document(&did, std::slice::from_ref(&key), &services).unwrap();
        assert_eq!(published["service"][0]["id"], "did:web:example.org:agency#dsp");
        let bytes = published.to_string().into_bytes();
        let fragment = format!("#{}", key.thumbprint());
        assert_eq!(read(&bytes, &did, &fragment).unwrap(), key);
        assert_eq!(read(&bytes, &did, &format!("{did}{fragment}")).unwrap(), key);
        assert!(matches!(read(&bytes, &did, "#other"), Err(DidError::NoKey(_))));
        let other = Did::parse("did:web:example.org:other").unwrap();
        assert!(matches!(read(&bytes, &other, &fragment), Err(DidError::Document(_))));
    }

    #[test]
    fn a_key_listed_for_something_else_makes_no_assertions() {
        let (did, key) = (Did::parse("did:web:example.org").unwrap(), key());
        let mut published = document(&did, std::slice::from_ref(&key), &[]).unwrap();
        published["assertionMethod"] = json!([]);
        let found = read(published.to_string().as_bytes(), &did, &format!("#{}", key.thumbprint()));
        assert!(matches!(found, Err(DidError::NoKey(_))));
    }

    #[test]
    fn a_document_that_says_nothing_of_assertions_makes_them_with_any_of_its_keys() {
        let (did, key) = (Did::parse("did:web:example.org").unwrap(), key());
        let mut published = document(&did, std::slice::from_ref(&key), &[]).unwrap();
        published.as_object_mut().unwrap().remove("assertionMethod");
        let fragment = format!("#{}", key.thumbprint());
        assert_eq!(read(published.to_string().as_bytes(), &did, &fragment).unwrap(), key);
    }

    #[test]
    fn a_key_of_another_controller_is_not_ours() {
        let (did, key) = (Did::parse("did:web:example.org").unwrap(), key());
        let mut published = document(&did, std::slice::from_ref(&key), &[]).unwrap();
        published["verificationMethod"][0]["controller"] = json!("did:web:evil.example");
        let found = read(published.to_string().as_bytes(), &did, &format!("#{}", key.thumbprint()));
        assert!(matches!(found, Err(DidError::NoKey(_))));
    }
}
