//! Pseudonyms: the same value under the same agreement is always the same one, and nobody without the key can tell which value it is.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Makes the pseudonyms of one agreement. Those of different agreements cannot be linked.
#[derive(Clone)]
pub struct Veil {
    key: Arc<SecretString>,
    agreement: Arc<str>,
}

impl Veil {
    /// With this key, for this agreement.
    #[must_use]
    pub fn new(key: &Arc<SecretString>, agreement: &str) -> Self {
        Self { key: Arc::clone(key), agreement: agreement.into() }
    }

    /// The pseudonym of a value: 32 hexadecimal digits of an HMAC-SHA-256 (RFC 2104).
    #[must_use]
    pub fn of(&self, value: &str) -> String {
        // An HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()) else {
            return String::new();
        };
        mac.update(&(self.agreement.len() as u64).to_be_bytes());
        mac.update(self.agreement.as_bytes());
        mac.update(value.as_bytes());
        let mut digits = hex::encode(mac.finalize().into_bytes());
        digits.truncate(32);
        digits
    }
}

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Veil").field("agreement", &self.agreement).finish_non_exhaustive()
    }
}
