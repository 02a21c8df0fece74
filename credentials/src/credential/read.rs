//! The payload of a JWT as a credential (VC Data Model 1.1 §6.3.1, VC Data Model 2.0 with VC-JOSE-COSE §3.1).

use serde_json::{Map, Value, json};

use super::status::StatusEntry;
use super::{Credential, CredentialError};
use crate::did::Did;

const V1: &str = "https://www.w3.org/2018/credentials/v1";
const V2: &str = "https://www.w3.org/ns/credentials/v2";

type Members = Map<String, Value>;

/// What the payload says.
///
/// # Errors
/// `Model` with what is missing or contradicts itself.
pub(super) fn credential(payload: Value) -> Result<Credential, CredentialError> {
    let Value::Object(mut claims) = payload else { return Err(CredentialError::Malformed) };
    let (mut document, claims) = match claims.remove("vc") {
        Some(Value::Object(_)) if claims.contains_key("@context") => {
            return Err(CredentialError::Model("it has both a vc claim and a context of its own"));
        }
        Some(Value::Object(document)) => (document, claims),
        Some(_) => return Err(CredentialError::Model("its vc claim is not an object")),
        None => (claims.clone(), claims),
    };
    let contexts = texts(document.get("@context"));
    if !contexts.iter().any(|context| context == V1 || context == V2) {
        return Err(CredentialError::Model("it has none of the contexts of verifiable credentials"));
    }
    let mut types = texts(document.get("type"));
    if !types.iter().any(|kind| kind == "VerifiableCredential") {
        return Err(CredentialError::Model("its type is not VerifiableCredential"));
    }
    types.retain(|kind| kind != "VerifiableCredential");
    let issuer = issuer(&document, &claims)?;
    let subjects = subjects(&mut document, &claims)?;
    let id = same([text(document.get("id")), text(claims.get("jti"))], "its id and its jti claim differ")?;
    let (valid_from, valid_until) = validity(&document, &claims)?;
    let status = StatusEntry::all(document.get("credentialStatus"))?;
    let document = Value::Object(document);
    Ok(Credential { id, issuer, types, subjects, document, valid_from, valid_until, status })
}

fn issuer(document: &Members, claims: &Members) -> Result<Did, CredentialError> {
    let named = document.get("issuer").map(|issuer| issuer.get("id").unwrap_or(issuer));
    let issuer = same([text(claims.get("iss")), text(named)], "its issuer and its iss claim differ")?;
    Ok(Did::parse(&issuer.ok_or(CredentialError::Model("it names no issuer"))?)?)
}

/// The ids of all subjects; a subject without one is the `sub` of the JWT.
fn subjects(document: &mut Members, claims: &Members) -> Result<Vec<String>, CredentialError> {
    let nobody = || CredentialError::Model("it does not say whom it is about");
    let sub = text(claims.get("sub"));
    let all = match document.get_mut("credentialSubject").ok_or_else(nobody)? {
        Value::Array(list) => list.iter_mut().collect(),
        one => vec![one],
    };
    let mut ids = Vec::new();
    for subject in all {
        let subject = subject.as_object_mut().ok_or_else(nobody)?;
        let id = text(subject.get("id")).or_else(|| sub.clone()).ok_or_else(nobody)?;
        subject.insert("id".to_owned(), json!(id));
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    match sub {
        Some(sub) if ids.iter().any(|id| *id != sub) => {
            Err(CredentialError::Model("its subject and its sub claim differ"))
        }
        _ if ids.is_empty() => Err(nobody()),
        _ => Ok(ids),
    }
}

/// The narrowest of all that is said of its validity; `iat` in the future counts too.
fn validity(document: &Members, claims: &Members) -> Result<(Option<i64>, Option<i64>), CredentialError> {
    let from =
        [date(document, "issuanceDate")?, date(document, "validFrom")?, time(claims, "nbf")?, time(claims, "iat")?];
    let until = [date(document, "expirationDate")?, date(document, "validUntil")?, time(claims, "exp")?];
    Ok((from.into_iter().flatten().max(), until.into_iter().flatten().min()))
}

/// `xsd:dateTime` with its offset, in whole seconds.
fn date(document: &Members, name: &str) -> Result<Option<i64>, CredentialError> {
    let Some(value) = document.get(name) else { return Ok(None) };
    let date = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    date.map(|date| Some(date.as_second())).ok_or(CredentialError::Model("one of its dates cannot be read"))
}

/// `NumericDate`, which may have a fraction (RFC 7519 §2).
fn time(claims: &Members, name: &str) -> Result<Option<i64>, CredentialError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let number = value.as_number().map(ToString::to_string).unwrap_or_default();
    let seconds = number.split('.').next().and_then(|seconds| seconds.parse().ok());
    seconds.map(Some).ok_or(CredentialError::Model("one of its times cannot be read"))
}

/// The one thing that several places say.
fn same(said: [Option<String>; 2], otherwise: &'static str) -> Result<Option<String>, CredentialError> {
    match said {
        [Some(one), Some(other)] if one != other => Err(CredentialError::Model(otherwise)),
        [one, other] => Ok(one.or(other)),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

/// The texts among one value or a list of values.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(|one| text(Some(one))).collect(),
        one => text(one).into_iter().collect(),
    }
}
