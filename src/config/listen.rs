//! Listeners, store, end and log of the process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// `[public]`: protocol endpoints, identity documents, data plane.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Public {
    /// Address and port to listen on; port 0 lets the operating system choose.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The URL under which others reach this listener; `http://` (or `https://` with TLS) and the listening address when absent.
    #[serde(deserialize_with = "super::outside::optional_http_url")]
    #[schemars(with = "Option<String>", url)]
    pub base_url: Option<Url>,
    /// Certificate and key; without them the listener speaks plain HTTP, for loopback or behind a proxy that ends TLS.
    pub tls: Option<Tls>,
    /// What a caller may use up.
    pub limits: Limits,
}

impl Default for Public {
    fn default() -> Self {
        Self { listen: loopback(7080), base_url: None, tls: None, limits: Limits::default() }
    }
}

impl Public {
    /// The base of all public URLs, without a trailing slash; `bound` is the address really listened on.
    #[must_use]
    pub fn base(&self, bound: SocketAddr) -> String {
        match &self.base_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None if self.tls.is_some() => format!("https://{bound}"),
            None => format!("http://{bound}"),
        }
    }
}

/// Certificate and private key of a listener, PEM.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// `[public.limits]`: bounds before anything is parsed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Largest protocol message, bytes. Bodies through the data plane are streamed and not bounded by it.
    #[schemars(range(min = 1))]
    pub max_body_bytes: u64,
    /// Connections open at once.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// How long a caller may take to send the head of a request, seconds, counted on a kept connection from the answer before: idle
    /// connections end with it too.
    #[schemars(range(min = 1))]
    pub header_timeout_seconds: u64,
    /// How long a caller may take to send a protocol message, seconds.
    #[schemars(range(min = 1))]
    pub body_timeout_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            max_connections: 4096,
            header_timeout_seconds: 30,
            body_timeout_seconds: 30,
        }
    }
}

impl Limits {
    /// [`Limits::header_timeout_seconds`] as a duration.
    #[must_use]
    pub const fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_timeout_seconds)
    }

    /// [`Limits::body_timeout_seconds`] as a duration.
    #[must_use]
    pub const fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }
}

/// `[management]`: the operator's listener.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Management {
    /// Address and port to listen on; loopback unless set otherwise.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The key that callers show in `X-Api-Key` or as a Bearer token. Without it one is made at the first start and kept beside the
    /// store, readable by its owner only.
    #[schemars(with = "Option<String>")]
    pub api_key: Option<SecretString>,
    /// A file with the key.
    pub api_key_file: Option<PathBuf>,
}

impl Default for Management {
    fn default() -> Self {
        Self { listen: loopback(7081), api_key: None, api_key_file: None }
    }
}

/// `[store]`: where state is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StoreSettings {
    /// A directory for this process alone; made when it is not there. With PostgreSQL it holds the evidence log of this replica.
    pub path: PathBuf,
    /// The directory of the keys that all replicas have in common: `signing-key.pem`, `pseudonym-key` and, unless it is set otherwise,
    /// `management-api-key`. `path` when absent.
    pub keys_path: Option<PathBuf>,
    /// A file with the URL of a PostgreSQL database, such as `postgres://user:password@host/database`, that several replicas share in
    /// place of an embedded one of each.
    pub postgres_url_file: Option<PathBuf>,
    /// What that file holds.
    #[serde(skip)]
    pub postgres_url: Option<SecretString>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { path: PathBuf::from("sliproad-store"), keys_path: None, postgres_url_file: None, postgres_url: None }
    }
}

impl StoreSettings {
    /// The directory of the keys.
    #[must_use]
    pub fn keys(&self) -> &Path {
        self.keys_path.as_deref().unwrap_or(&self.path)
    }
}

/// `[drain]`: what happens between SIGTERM and the end.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Drain {
    /// How long calls under way may take to end, seconds.
    pub seconds: u64,
}

impl Default for Drain {
    fn default() -> Self {
        Self { seconds: 30 }
    }
}

impl Drain {
    /// [`Drain::seconds`] as a duration.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// `[log]`: what is logged to standard error, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as `info,sliproad::dsp=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One readable line an event.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
