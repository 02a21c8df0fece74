//! The configuration: one TOML file, an environment overlay, secrets by file reference.
//!
//! Every mistake is reported with file, line, field and what was expected; a file with several mistakes reports several. What the
//! file may hold is `schemas/config.schema.json`, generated from the types here.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

mod automation;
mod check;
mod consent;
mod counterparty;
mod credential;
mod enforcement;
mod listen;
mod load;
mod offering;
mod outside;
mod overlay;
mod participant;
mod problem;
mod schema;
mod secret;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use automation::{AutomationAction, AutomationRule, AutomationStep};
pub use consent::{Consent, ConsentDeclaration};
pub use counterparty::Counterparty;
pub use credential::Credential;
pub use enforcement::{DutyReading, Enforcement, ViolationAction};
pub use listen::{Drain, Limits, Log, LogFormat, Management, Public, StoreSettings, Tls};
pub use offering::{Asset, ImportedAgreement, Offer, Policy};
pub use outside::{DataPlane, Outbound, SecurityServer, SecurityServerMode};
pub use participant::{ClientFor, Identity, IdentityKind, Participant, Peer};
pub use problem::{ConfigError, Problem};
pub use schema::schema;
pub use vocabulary::{Action, Operand, OperandPhase, OperandType, Profile};

/// All settings of one Sliproad process.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "Sliproad configuration")]
pub struct Config {
    /// The listener that other connectors and consumers call.
    #[serde(default)]
    pub public: Public,
    /// The listener of the operator: management API, metrics, health.
    #[serde(default)]
    pub management: Management,
    /// Where state is kept.
    #[serde(default)]
    pub store: StoreSettings,
    /// The organisation's X-Road security server; absent for a participant that only consumes.
    #[serde(default)]
    pub security_server: Option<SecurityServer>,
    /// Calls to places that peers name.
    #[serde(default)]
    pub outbound: Outbound,
    /// The data plane towards consumers.
    #[serde(default)]
    pub data_plane: DataPlane,
    /// The participants served here, at least one.
    #[serde(default)]
    pub participant: Vec<Participant>,
    /// How callers prove who they are, and what is said to them.
    #[serde(default)]
    pub identity: Identity,
    /// What the operator vouches for about other parties.
    #[serde(default)]
    pub counterparty: Vec<Counterparty>,
    /// Which credentials of other parties are believed.
    #[serde(default)]
    pub credential: Vec<Credential>,
    /// Where consents of data subjects are known; absent, no policy may ask for consent.
    #[serde(default)]
    pub consent: Option<Consent>,
    /// Left operands that policies may use beside those built in.
    #[serde(default)]
    pub operand: Vec<Operand>,
    /// Actions that policies may use beside those built in.
    #[serde(default)]
    pub action: Vec<Action>,
    /// ODRL profiles that policies may claim beside those built in.
    #[serde(default)]
    pub profile: Vec<Profile>,
    /// ODRL policies that offers name.
    #[serde(default)]
    pub policy: Vec<Policy>,
    /// What is known of services beside what the security server tells.
    #[serde(default)]
    pub asset: Vec<Asset>,
    /// Which assets are offered to whom, under which policy.
    #[serde(default)]
    pub offer: Vec<Offer>,
    /// What to do when a negotiation or transfer enters a state; the first rule that fits decides, and without one the connector
    /// continues.
    #[serde(default)]
    pub automation: Vec<AutomationRule>,
    /// Agreements made elsewhere, in force from the start.
    #[serde(default)]
    pub agreement: Vec<ImportedAgreement>,
    /// How duties are read, and what a violation leads to.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// How the process ends.
    #[serde(default)]
    pub drain: Drain,
    /// What is logged, and how.
    #[serde(default)]
    pub log: Log,
}

impl Config {
    /// Reads `file`, lays the process's environment over it, reads the secrets and policies that it names, and checks the whole.
    /// Relative paths in it start at the file's own directory.
    ///
    /// # Errors
    /// [`ConfigError`] with all problems found.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        load::load(file, std::env::vars_os())
    }

    /// As [`Config::load`], from text, without environment; relative paths start at the current directory.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        load::from_text(text, Path::new("config.toml"), Path::new(""), Vec::new())
    }

    /// What can be used but should be known of.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let listen = self.management.listen;
        if !listen.ip().is_loopback() {
            warnings.push(format!(
                "management.listen: {listen} is not loopback, and the management API speaks plain http: its key and tokens can be \
                 read on the way; put a proxy that ends TLS before it, or listen on 127.0.0.1"
            ));
        }
        warnings.extend(check::store_warning(self));
        warnings
    }

    /// The participant of that name (path segment).
    #[must_use]
    pub fn participant_named(&self, name: &str) -> Option<&Participant> {
        self.participant.iter().find(|p| p.name == name)
    }
}
