//! Whose credentials about other parties are believed, and what they show.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::counterparty::facts;

/// `[[credential]]`: a type of verifiable credential that is believed of consumers when one of these issuers signed it, and what
/// policies may take from it. A claim of an `[[operand]]` may begin with the type, such as `MembershipCredential.memberOf`; Gaia-X's
/// `ovc:leftOperand` reads from all credentials that are believed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Credential {
    /// The type, as credentials name it beside `VerifiableCredential`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who is trusted to issue it: `did:web` identifiers.
    pub issuers: Vec<String>,
    /// For how long a look-up of the issuer's key and of the status counts, so how long a revoked credential may still show
    /// something; it is looked up again after half of that.
    #[serde(default = "max_age")]
    pub max_age_seconds: u32,
    /// What is known of whoever has such a credential: left operands with a value or a list of values.
    #[serde(default, deserialize_with = "facts")]
    #[schemars(with = "Map<String, Value>")]
    pub facts: BTreeMap<String, Value>,
    /// Left operands with the place of their values in `credentialSubject`; dots lead into objects.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

const fn max_age() -> u32 {
    300
}

impl Credential {
    /// For how long a look-up counts.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds.into())
    }
}
