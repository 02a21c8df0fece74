//! Who we are and who the others are.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::model::ids::ParticipantId;
use crate::model::pattern::glob;
use crate::model::xroad::ClientId;

/// `[[participant]]`: a member served here, as the data space sees it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Participant {
    /// Its segment in every public path: lower-case letters, digits, `-` and `_`.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,62}$"))]
    pub name: String,
    /// Its id; `did:web:` of the public base URL and its name when absent.
    #[serde(default = "unnamed")]
    pub id: ParticipantId,
    /// The X-Road client that calls services on behalf of consumers: a gateway subsystem with the access rights needed. Needed for
    /// whoever provides.
    #[serde(default)]
    pub client: Option<ClientId>,
    /// Other clients for certain consumers; the first pattern that fits decides.
    #[serde(default)]
    pub client_for: Vec<ClientFor>,
    /// Patterns of services to publish, such as `DEV/GOV/2000/*`; `*` stands for any text.
    #[serde(default)]
    pub services: Vec<String>,
}

impl Participant {
    /// The X-Road client to call as for this consumer.
    #[must_use]
    pub fn client_for(&self, consumer: &ParticipantId) -> Option<&ClientId> {
        self.client_for
            .iter()
            .find(|c| glob(&c.counterparty, consumer.as_str()))
            .map(|c| &c.client)
            .or(self.client.as_ref())
    }
}

/// `[[participant.client-for]]`: an X-Road client for certain consumers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClientFor {
    /// Pattern of the consumer's participant id; `*` stands for any text.
    pub counterparty: String,
    /// The client to call as.
    pub client: ClientId,
}

/// Filled in before anybody sees it.
fn unnamed() -> ParticipantId {
    ParticipantId::from("")
}

/// `[identity]`: how callers prove who they are, and what is said to them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Identity {
    /// The way.
    pub kind: IdentityKind,
    /// The parties known, for `token`.
    pub peer: Vec<Peer>,
}

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// A configured bearer token for each peer.
    #[default]
    Token,
    /// The raw JSON identity of EDC's `iam-mock`: anybody is who they say. For development only.
    Development,
}

/// `[[identity.peer]]`: another participant and the tokens between us.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Peer {
    /// Its participant id.
    pub id: ParticipantId,
    /// The token it shows us.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub token: Option<SecretString>,
    /// A file with that token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The token we show it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub send: Option<SecretString>,
    /// A file with that token.
    #[serde(default)]
    pub send_file: Option<PathBuf>,
}
