//! Verifiable credentials secured as compact JWTs, by the two profiles of the Decentralized Claims Protocol 1.0:
//! `vc11-sl2021/jwt` (Data Model 1.1, the `vc` claim) and `vc20-bssl/jwt` (Data Model 2.0, the payload itself).
//!
//! Nothing is fetched here. Whoever reads a credential learns who claims to have issued it, fetches that issuer's DID document
//! through the guarded client, and has the signature checked against it. A signature counts only under a key of the very issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::did::{Did, DidError, assertion_jwk};
use crate::keys::{KeyError, VerificationKey};

mod read;
mod status;

pub use status::{StatusEntry, StatusError, StatusList, StatusPurpose};

/// The longest compact form that is looked at, in bytes.
pub const LONGEST_CREDENTIAL: usize = 512 * 1024;

/// `typ` of credentials as met in practice; some issuers write none.
const TYPES: [&str; 5] = ["JWT", "vc+jwt", "vc-ld+jwt", "vc+ld+jwt", "vc+ld+json+jwt"];

/// Why something is not accepted as a credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Not three base64url parts of a signed JSON payload, or too long.
    #[error("it is not a credential in the form of a signed JWT (compact JWS)")]
    Malformed,
    /// The header asks for what is not accepted here.
    #[error("its header has an algorithm, type or critical extension that is not accepted here")]
    Header,
    /// The payload is no credential of the data models 1.1 and 2.0.
    #[error("{0}")]
    Model(&'static str),
    /// The key that it names is not one of its issuer's.
    #[error("it is signed with a key of somebody else than its issuer")]
    ForeignKey,
    /// The issuer, or its DID document, cannot be used.
    #[error(transparent)]
    Did(#[from] DidError),
    /// The issuer's key is of a kind not used here.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The signature does not fit.
    #[error("its signature does not fit")]
    Forged,
}

/// A credential as received: what it says is not to be believed before [`SignedCredential::verify`].
#[derive(Clone, Debug)]
pub struct SignedCredential {
    algorithm: String,
    key_id: String,
    signed: String,
    signature: Vec<u8>,
    credential: Credential,
}

/// What a genuine credential says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Who issued it.
    pub issuer: Did,
    /// Its types, without `VerifiableCredential`.
    pub types: Vec<String>,
    /// Whom it is about: the ids of all of its subjects, each once.
    pub subjects: Vec<String>,
    /// The credential as a JSON object of its data model, each subject with its id.
    pub document: Value,
    /// The first second in which it holds, since 1970.
    pub valid_from: Option<i64>,
    /// The first second in which it is void, since 1970.
    pub valid_until: Option<i64>,
    /// Where it is told whether it was revoked or suspended.
    pub status: Vec<StatusEntry>,
}

impl SignedCredential {
    /// Reads the compact form.
    ///
    /// # Errors
    /// When it is no credential of one of the two profiles; statuses that cannot be looked up are refused here too, as they could
    /// never be shown not to be set.
    pub fn read(compact: &str) -> Result<Self, CredentialError> {
        if compact.len() > LONGEST_CREDENTIAL {
            return Err(CredentialError::Malformed);
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or(CredentialError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(CredentialError::Malformed)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| CredentialError::Malformed);
        let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| CredentialError::Malformed)?;
        if header.crit.is_some() || header.typ.as_deref().is_some_and(|typ| !TYPES.contains(&typ)) {
            return Err(CredentialError::Header);
        }
        let payload: Value = serde_json::from_slice(&bytes(payload)?).map_err(|_| CredentialError::Malformed)?;
        let credential = read::credential(payload)?;
        let key_id = header.kid.ok_or(CredentialError::ForeignKey)?;
        let owner = key_id.split_once('#').map_or(key_id.as_str(), |(owner, _)| owner);
        if !owner.is_empty() && owner != credential.issuer.as_str() {
            return Err(CredentialError::ForeignKey);
        }
        let (algorithm, signature) = (header.alg, bytes(signature)?);
        Ok(Self { algorithm, key_id, signed: signed.to_owned(), signature, credential })
    }

    /// Who claims to have issued it: whose DID document is needed.
    #[must_use]
    pub const fn issuer(&self) -> &Did {
        &self.credential.issuer
    }

    /// What it claims to say; to be believed by nobody who did not check it before.
    #[must_use]
    pub const fn claimed(&self) -> &Credential {
        &self.credential
    }

    /// What it says, once its signature is checked against the DID document of its issuer. Validity in time, revocation, and
    /// whether the issuer is trusted are for the caller to look at.
    ///
    /// # Errors
    /// When the document lists no fitting key for assertions, or the signature does not fit.
    pub fn verify(self, issuer_document: &[u8]) -> Result<Credential, CredentialError> {
        let jwk = assertion_jwk(issuer_document, &self.credential.issuer, &self.key_id)?;
        let key = VerificationKey::from_jwk(&jwk, &self.algorithm)?;
        match key.verifies(self.signed.as_bytes(), &self.signature) {
            true => Ok(self.credential),
            false => Err(CredentialError::Forged),
        }
    }
}

impl Credential {
    /// Whether its time has come and is not over, at `now` (seconds since 1970).
    #[must_use]
    pub fn is_in_time(&self, now: i64) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && self.valid_until.is_none_or(|until| now < until)
    }

    /// Whether all that it says is about `holder`.
    #[must_use]
    pub fn is_about(&self, holder: &str) -> bool {
        matches!(self.subjects.as_slice(), [one] if one == holder)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

#[cfg(test)]
mod tests;
