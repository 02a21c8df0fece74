//! `[consent]`: where consents of data subjects are known.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::xroad::{ClientId, ServiceId};

/// `[consent]`: the consent service that is asked where a policy compares `xroad:consent`, called over X-Road as the Estonian Data
/// Consent Service is. Without it no policy may ask for consent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Consent {
    /// The X-Road service that validates consents.
    pub service: ServiceId,
    /// The X-Road service that is told of every release; nothing is told when absent.
    #[serde(default)]
    pub reporting_service: Option<ServiceId>,
    /// The X-Road client that asks; the subsystem that provides the service called when absent.
    #[serde(default)]
    pub client: Option<ClientId>,
    /// For how long a consent that was in force is believed to be so, seconds; 0 asks at every call. A withdrawn consent holds no
    /// longer than this.
    #[serde(default = "cache")]
    #[schemars(range(max = 3600))]
    pub cache_seconds: u64,
    /// How long an answer is waited for, milliseconds; after that the call is refused.
    #[serde(default = "timeout")]
    #[schemars(range(min = 1))]
    pub timeout_ms: u64,
    /// What consents are about, at least one.
    #[serde(default)]
    pub declaration: Vec<ConsentDeclaration>,
}

/// `[[consent.declaration]]`: a service declaration, with the assets whose calls it covers. Exactly one of `subject-path`,
/// `subject-query`, `subject-pointer` and `subject-declared` says where a call names the data subject.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConsentDeclaration {
    /// Its identifier at the consent service.
    pub id: String,
    /// Patterns of dataset ids; `*` stands for any text.
    pub assets: Vec<String>,
    /// The path of a call with `{subject}` as one segment, `*` for any other and `**` at the end for any number.
    #[serde(default)]
    pub subject_path: Option<String>,
    /// The parameter of the query.
    #[serde(default)]
    pub subject_query: Option<String>,
    /// JSON Pointer (RFC 6901) into the JSON body.
    #[serde(default)]
    pub subject_pointer: Option<String>,
    /// Only the consumer's header names the subject, and the service compares for itself.
    #[serde(default)]
    pub subject_declared: bool,
}

const fn cache() -> u64 {
    60
}

const fn timeout() -> u64 {
    3000
}

impl Consent {
    /// [`Consent::cache_seconds`] as a duration.
    #[must_use]
    pub const fn cache(&self) -> Duration {
        Duration::from_secs(self.cache_seconds)
    }

    /// [`Consent::timeout_ms`] as a duration.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}
