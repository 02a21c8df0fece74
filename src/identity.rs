//! Who calls, and how we show who we are: one trait, independent of the protocol spoken.
//!
//! Two implementations: bearer tokens from the configuration, and the development identity that EDC's `iam-mock` uses. Verified
//! credentials (DCP) implement the same trait elsewhere.

use async_trait::async_trait;
use http::{HeaderMap, header};
use secrecy::SecretString;

use crate::model::ids::ParticipantId;
use crate::model::time::Timestamp;

mod development;
mod tokens;

pub use development::{DevelopmentCallers, DevelopmentOrTokens};
pub use tokens::{CounterpartyToken, TokenCallers, TokenError};

/// A caller whose identity is established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub participant_id: ParticipantId,
}

/// The caller did not show who it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unauthenticated {
    /// What was missing or wrong, fit for the caller to read; nothing of what it presented.
    pub reason: String,
}

impl Unauthenticated {
    /// With a reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Establishes who calls, and answers for who we are when we call.
#[async_trait]
pub trait Callers: Send + Sync {
    /// Who calls `participant`, one of ours.
    ///
    /// # Errors
    /// When the headers do not prove it (HTTP 401).
    async fn authenticate(
        &self,
        participant: &ParticipantId,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Caller, Unauthenticated>;

    /// The `Authorization` value with which `participant` calls `counterparty` at `audience`, the versioned base URL of the
    /// called side; `None` to call without one.
    async fn credentials_for(
        &self,
        participant: &ParticipantId,
        counterparty: &ParticipantId,
        audience: &str,
    ) -> Option<SecretString>;
}

/// The one `Authorization` value of a request.
fn authorization(headers: &HeaderMap) -> Result<&str, Unauthenticated> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value
            .to_str()
            .map(str::trim)
            .map_err(|_| Unauthenticated::new("the Authorization header is not readable text")),
        (None, _) => Err(Unauthenticated::new("the request has no Authorization header")),
        (Some(_), Some(_)) => Err(Unauthenticated::new("the request has more than one Authorization header")),
    }
}
