//! What is called: the security server and peers; and the data plane between them.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

/// `[security-server]`: the organisation's security server, as its clients call it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecurityServer {
    /// Where it listens for clients, such as `https://security-server:8443`.
    #[serde(deserialize_with = "http_url")]
    #[schemars(with = "String", url)]
    pub url: Url,
    /// How the client subsystems are registered to connect; when absent, what the URL and the certificate settings say.
    #[serde(default)]
    pub mode: Option<SecurityServerMode>,
    /// The security server's own (usually self-signed) certificate or the authority that issued it, PEM; nothing else is trusted.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Our client certificate, PEM, registered in the client's information-system certificates.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// How long connecting may take, seconds.
    #[serde(default = "connect_timeout")]
    #[schemars(range(min = 1))]
    pub connect_timeout_seconds: u64,
    /// How long a service may take to begin its answer, seconds.
    #[serde(default = "response_timeout")]
    #[schemars(range(min = 1))]
    pub response_timeout_seconds: u64,
    /// How often its services are looked up, seconds.
    #[serde(default = "refresh")]
    #[schemars(range(min = 1))]
    pub refresh_seconds: u64,
}

const fn connect_timeout() -> u64 {
    5
}

const fn response_timeout() -> u64 {
    60
}

const fn refresh() -> u64 {
    300
}

/// A connection type of X-Road's client subsystems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityServerMode {
    /// Plain HTTP.
    Http,
    /// HTTPS without client authentication.
    Https,
    /// HTTPS with a client certificate.
    MutualTls,
}

impl SecurityServer {
    /// The connection type, as set or as URL and certificate settings say.
    #[must_use]
    pub fn connection(&self) -> SecurityServerMode {
        self.mode.unwrap_or(match (self.url.scheme(), &self.cert_file) {
            ("http", _) => SecurityServerMode::Http,
            (_, Some(_)) => SecurityServerMode::MutualTls,
            (_, None) => SecurityServerMode::Https,
        })
    }

    /// [`SecurityServer::connect_timeout_seconds`] as a duration.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }

    /// [`SecurityServer::response_timeout_seconds`] as a duration.
    #[must_use]
    pub const fn response_timeout(&self) -> Duration {
        Duration::from_secs(self.response_timeout_seconds)
    }

    /// [`SecurityServer::refresh_seconds`] as a duration.
    #[must_use]
    pub const fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh_seconds)
    }
}

/// `[outbound]`: calls to places that peers name (callbacks, catalogues, identity documents).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Outbound {
    /// Whether plain HTTP may be used; for trying out only.
    pub allow_http: bool,
    /// Whether loopback, link-local and private addresses may be called; for trying out, or within one network.
    pub allow_private_addresses: bool,
    /// Certificate authorities trusted beside the well-known ones, PEM.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take, seconds.
    #[schemars(range(min = 1))]
    pub connect_timeout_seconds: u64,
    /// How long a whole answer may take, seconds.
    #[schemars(range(min = 1))]
    pub timeout_seconds: u64,
    /// Largest answer, bytes.
    #[schemars(range(min = 1))]
    pub max_response_bytes: u64,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_private_addresses: false,
            ca_file: None,
            connect_timeout_seconds: 5,
            timeout_seconds: 20,
            max_response_bytes: 8 * 1024 * 1024,
        }
    }
}

impl Outbound {
    /// [`Outbound::connect_timeout_seconds`] as a duration.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }

    /// [`Outbound::timeout_seconds`] as a duration.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// `[data-plane]`: calls of consumers.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DataPlane {
    /// For how long an access token is good, seconds; suspension, termination and expiry of the agreement end it sooner.
    #[schemars(range(min = 1))]
    pub token_lifetime_seconds: u64,
    /// Calls under way at once, all transfers together; beyond it callers get 503.
    #[schemars(range(min = 1))]
    pub max_concurrent_calls: u32,
    /// Calls under way at once of one consumer, under all of its transfers together; beyond it the consumer gets 429.
    #[schemars(range(min = 1))]
    pub max_concurrent_calls_per_consumer: u32,
    /// Transfers of one consumer that have not ended; beyond it a request for another is refused.
    #[schemars(range(min = 1))]
    pub max_open_transfers_per_consumer: u32,
    /// Largest body of a call, bytes.
    #[schemars(range(min = 1))]
    pub max_request_bytes: u64,
    /// How long the body of a call may take in all, seconds; beyond it the consumer gets 408.
    #[schemars(range(min = 1))]
    pub max_request_seconds: u64,
    /// Up to how many bytes of a call's body are read for values that a policy asks for, bytes; in a larger one they are not known.
    #[schemars(range(min = 1))]
    pub max_inspected_bytes: u64,
    /// Largest answer of which an agreement releases only some fields, bytes; a larger one is not released.
    #[schemars(range(min = 1))]
    pub max_filtered_bytes: u64,
    /// How often calls may come under one agreement, whatever its policy says; beyond it the consumer gets 429. No bound when absent.
    pub rate: Option<CallRate>,
}

/// `[data-plane.rate]`: a token bucket.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CallRate {
    /// Calls per second in the long run.
    #[schemars(range(min = 1))]
    pub per_second: u32,
    /// How many may come at once.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

impl Default for DataPlane {
    fn default() -> Self {
        Self {
            token_lifetime_seconds: 3600,
            max_concurrent_calls: 1024,
            max_concurrent_calls_per_consumer: 256,
            max_open_transfers_per_consumer: 1000,
            max_request_bytes: 64 * 1024 * 1024,
            max_request_seconds: 600,
            max_inspected_bytes: 256 * 1024,
            max_filtered_bytes: 1024 * 1024,
            rate: None,
        }
    }
}

impl DataPlane {
    /// [`DataPlane::token_lifetime_seconds`] as a duration.
    #[must_use]
    pub const fn token_lifetime(&self) -> Duration {
        Duration::from_secs(self.token_lifetime_seconds)
    }

    /// [`DataPlane::max_request_seconds`] as a duration.
    #[must_use]
    pub const fn request_limit(&self) -> Duration {
        Duration::from_secs(self.max_request_seconds)
    }
}

/// An absolute `http` or `https` URL without query and fragment.
fn http_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none())
        .ok_or_else(|| D::Error::custom(format!("expected a URL such as https://host.example:8443, not {text:?}")))
}

pub(super) fn optional_http_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    http_url(deserializer).map(Some)
}
