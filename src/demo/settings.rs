//! The two configuration files of the demonstration.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::processes::free_ports;

/// Who the provider is.
pub const PROVIDER: &str = "did:web:provider.example";
/// Who the consumer is.
pub const CONSUMER: &str = "did:web:consumer.example";
/// A valid participant without any offer, agreement or right.
pub const STRANGER: &str = "did:web:stranger.example";

/// What one connector of the demonstration is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `provider` or `consumer`.
    pub name: &'static str,
    /// Its participant id.
    pub participant: &'static str,
    /// Base URL of its public listener.
    pub public: String,
    /// Base URL of its management listener.
    pub management: String,
    /// Key of its management API.
    pub key: String,
    /// Where its configuration and log are; its store is a folder in it.
    pub directory: PathBuf,
    /// More lines of `[store]`.
    pub store: String,
    public_port: u16,
    management_port: u16,
    security_server: String,
    tokens: Tokens,
}

/// What parties say to each other to be recognised.
#[derive(Clone, Debug)]
struct Tokens {
    consumer: String,
    provider: String,
    stranger: String,
}

impl Settings {
    /// The versioned base that DSP paths hang off.
    #[must_use]
    pub fn dsp(&self) -> String {
        format!("{}/{}/dsp/2025-1", self.public, self.name)
    }

    /// The version document.
    #[must_use]
    pub fn version_document(&self) -> String {
        format!("{}/{}/.well-known/dspace-version", self.public, self.name)
    }

    /// The header with which the consumer speaks to the provider.
    #[must_use]
    pub fn consumer_authorization(&self) -> String {
        format!("Bearer {}", self.tokens.consumer)
    }

    /// The header with which the stranger speaks to the provider.
    #[must_use]
    pub fn stranger_authorization(&self) -> String {
        format!("Bearer {}", self.tokens.stranger)
    }

    /// Where it listens itself, which peers need not know.
    #[must_use]
    pub fn listens_at(&self) -> String {
        format!("http://127.0.0.1:{}", self.public_port)
    }

    /// The same connector as one more process: in a directory and at ports of its own, reached by peers as this one is.
    ///
    /// # Errors
    /// When no port is free.
    pub fn replica(&self, directory: &Path) -> Result<Self> {
        let [public_port, management_port] = free_ports()?;
        let management = format!("http://127.0.0.1:{management_port}");
        Ok(Self { management, directory: directory.to_owned(), public_port, management_port, ..self.clone() })
    }

    /// The configuration file's text.
    #[must_use]
    pub fn toml(&self) -> String {
        let common = format!(
            r#"# Written by `sliproad demo`: a simulated security server, plain http and loopback addresses are for trying out only.
[public]
listen = "127.0.0.1:{public_port}"
base-url = "{public}"

[management]
listen = "127.0.0.1:{management_port}"
api-key = "{key}"

[store]
path = "{store}"
{more_of_store}

[security-server]
url = "{security_server}"

[outbound]
allow-http = true
allow-private-addresses = true
"#,
            public_port = self.public_port,
            public = self.public,
            management_port = self.management_port,
            key = self.key,
            store = self.directory.join(self.name).display(),
            more_of_store = self.store,
            security_server = self.security_server,
        );
        let peers = match self.name {
            "provider" => vec![
                (CONSUMER, &self.tokens.consumer, &self.tokens.provider),
                (STRANGER, &self.tokens.stranger, &self.tokens.provider),
            ],
            _ => vec![(PROVIDER, &self.tokens.provider, &self.tokens.consumer)],
        };
        let peers: String = peers
            .into_iter()
            .map(|(id, token, send)| {
                format!("\n[[identity.peer]]\nid = \"{id}\"\ntoken = \"{token}\"\nsend = \"{send}\"\n")
            })
            .collect();
        let participant = format!(
            "\n[[participant]]\nname = \"{}\"\nid = \"{}\"\nclient = \"DEV/COM/1000/gateway\"\n{}\n[identity]\nkind = \"token\"\n",
            self.name,
            self.participant,
            if self.name == "provider" { "services = [\"DEV/GOV/2000/*\"]\n" } else { "" },
        );
        format!("{common}{participant}{peers}{}", if self.name == "provider" { OFFERS } else { "" })
    }
}

/// The provider's services, policies and offers: what the story relies on.
const OFFERS: &str = r#"
[[asset]]
service = "DEV/GOV/2000/landregister/land"
keywords = ["land", "parcel", "cadastre"]
license = "https://creativecommons.org/licenses/by/4.0/"

[[asset]]
service = "DEV/GOV/2000/population/persons"
keywords = ["population", "person"]

[[asset]]
service = "DEV/GOV/2000/download/file"
keywords = ["download"]

[[asset]]
service = "DEV/GOV/2000/echo/echo"
keywords = ["echo"]

[[policy]]
id = "known-consumer"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "recipient", operator = "eq", rightOperand = "did:web:consumer.example" },
] }] }

[[policy]]
id = "parcels-only"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "xroad:datapath", operator = "isAnyOf", rightOperand = ["GET /parcels", "GET /parcels/**"] },
] }] }

[[policy]]
id = "three-look-ups"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "xroad:datapath", operator = "eq", rightOperand = "GET /persons/*" },
    { leftOperand = "count", operator = "lteq", rightOperand = "3" },
] }] }

[[policy]]
id = "open"
policy = { permission = [{ action = "use" }] }

[[offer]]
id = "land-register"
assets = ["DEV:GOV:2000:landregister:land"]
access-policy = "known-consumer"
policy = "parcels-only"

[[offer]]
id = "population-register"
assets = ["DEV:GOV:2000:population:persons"]
access-policy = "known-consumer"
policy = "three-look-ups"

[[offer]]
id = "download"
assets = ["DEV:GOV:2000:download:file"]
access-policy = "known-consumer"
policy = "open"

[[offer]]
id = "echo"
assets = ["DEV:GOV:2000:echo:echo"]
access-policy = "known-consumer"
policy = "open"
"#;

/// Settings for provider and consumer on free ports, with secrets of their own.
///
/// # Errors
/// When no port is free.
pub fn pair(directory: &Path, security_server: &str) -> Result<[Settings; 2]> {
    let tokens = Tokens { consumer: secret(), provider: secret(), stranger: secret() };
    let ports: [u16; 4] = free_ports()?;
    let [provider_public, provider_management, consumer_public, consumer_management] = ports;
    let one = |name, participant, public_port, management_port| Settings {
        name,
        participant,
        public: format!("http://127.0.0.1:{public_port}"),
        management: format!("http://127.0.0.1:{management_port}"),
        key: secret(),
        directory: directory.to_owned(),
        store: String::new(),
        public_port,
        management_port,
        security_server: security_server.to_owned(),
        tokens: tokens.clone(),
    };
    let provider = one("provider", PROVIDER, provider_public, provider_management);
    Ok([provider, one("consumer", CONSUMER, consumer_public, consumer_management)])
}

fn secret() -> String {
    let bytes: [u8; 24] = rand::random();
    hex::encode(bytes)
}
