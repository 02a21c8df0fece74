//! Who knows consents, and what is known of one.

use std::fmt;

use async_trait::async_trait;

use super::LONGEST;
use crate::model::time::Timestamp;
use crate::model::xroad::ClientId;

/// The unique code of a consent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConsentReference(Box<str>);

impl ConsentReference {
    /// Up to 128 letters, digits, `-`, `.`, `_` and `~`, which need no encoding anywhere; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConsentReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentReference(withheld)")
    }
}

/// A consent in force, as its validator tells it.
#[derive(Clone)]
pub struct Consent {
    /// The X-Road subsystem that may ask, as written in the answer.
    pub client: String,
    /// The data subject's personal code.
    pub subject: String,
    /// The service declaration that the consent is about.
    pub declaration: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// The validator could not be asked, or its answer not be understood. The sentence is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConsentUnavailable(pub String);

/// Knows consents. `provider` is the X-Road subsystem whose data is asked for, as which the validator is called.
#[async_trait]
pub trait ConsentValidator: Send + Sync {
    /// The consent under this reference; `None` when there is none in force for data of this provider.
    ///
    /// # Errors
    /// When it cannot be known now.
    async fn validate(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
    ) -> Result<Option<Consent>, ConsentUnavailable>;

    /// Tells that personal data was released under a consent.
    ///
    /// # Errors
    /// When it could not be told.
    async fn report(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
        released: Timestamp,
    ) -> Result<(), ConsentUnavailable>;
}
