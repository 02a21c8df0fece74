//! Who and what the double knows: members, clients, services, rights.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The double's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct DoubleConfig {
    /// The X-Road instance.
    pub instance: String,
    /// Address of the client side, HTTP.
    pub http_listen: String,
    /// Address of the control listener.
    pub control_listen: String,
    /// Members with their subsystems and services.
    pub members: Vec<MemberConfig>,
    /// Who may call what.
    pub rights: Vec<AccessRight>,
    /// Global groups: code and members (`CLASS/CODE[/SUB]`).
    pub groups: Vec<(String, Vec<String>)>,
    /// How fault codes are spelled.
    pub spelling: FaultSpelling,
    /// Bodies over this many bytes fail as with body logging on; `None` as with body logging off.
    pub largest_body: Option<u64>,
    /// Whether to start the sample services and point their services at them.
    pub samples: bool,
}

/// The two spellings of fault codes in the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultSpelling {
    /// `Server.ServerProxy.AccessDenied`, up to 7.7.
    #[serde(rename = "7.7")]
    Before78,
    /// `server.serverproxy.access_denied`, from 7.8.
    #[default]
    #[serde(rename = "7.8")]
    Since78,
}

/// A member.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MemberConfig {
    /// Member class.
    pub class: String,
    /// Member code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Whether the member itself is a registered client of the consumer's server.
    #[serde(default)]
    pub client: bool,
    /// Its subsystems.
    #[serde(default)]
    pub subsystems: Vec<ClientConfig>,
}

/// A subsystem, as a client, as a provider, or both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClientConfig {
    /// Subsystem code.
    pub code: String,
    /// Its name, if any.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it is a registered client of the consumer's server.
    #[serde(default)]
    pub client: bool,
    /// Whether it is hosted by the provider's server.
    #[serde(default)]
    pub provider: bool,
    /// How its information system connects.
    #[serde(default)]
    pub mode: ConnectionMode,
    /// PEM certificates of its information system, for mutual TLS.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Its services.
    #[serde(default)]
    pub services: Vec<ServiceConfig>,
}

/// How a client's information system connects to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionMode {
    /// HTTP, or HTTPS without any check.
    #[default]
    Http,
    /// HTTPS without a client certificate.
    HttpsNoAuth,
    /// HTTPS with a client certificate of those registered.
    Https,
}

/// What kind of service it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServiceKind {
    /// REST with a base URL only.
    #[default]
    Rest,
    /// REST with an OpenAPI 3 document.
    OpenApi3,
    /// SOAP, not callable by REST.
    Wsdl,
}

/// A service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceConfig {
    /// Service code.
    pub code: String,
    /// Service version, SOAP only.
    #[serde(default)]
    pub version: Option<String>,
    /// REST, OPENAPI3 or WSDL.
    #[serde(default)]
    pub kind: ServiceKind,
    /// Base URL of the backend.
    pub url: String,
    /// URL of the OpenAPI document.
    #[serde(default)]
    pub description: Option<String>,
    /// Endpoints listed for it.
    #[serde(default)]
    pub endpoints: Vec<EndpointConfig>,
    /// Backend timeout in milliseconds.
    #[serde(default = "one_minute")]
    pub timeout_millis: u64,
    /// Disabled, with a notice.
    #[serde(default)]
    pub disabled: Option<String>,
}

const fn one_minute() -> u64 {
    60_000
}

/// An endpoint of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// HTTP method, or `*`.
    pub method: String,
    /// Path with `*` for one segment and `**` for any number.
    pub path: String,
}

/// A right: of a client or group to a service, or to one of its endpoints.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRight {
    /// `CLASS/CODE[/SUB]`, or `group:CODE`.
    pub subject: String,
    /// `CLASS/CODE/SUB/service`.
    pub service: String,
    /// The endpoint, if the right is to one only.
    #[serde(default)]
    pub endpoint: Option<EndpointConfig>,
}

impl Default for DoubleConfig {
    fn default() -> Self {
        Self {
            instance: "DEV".to_owned(),
            http_listen: "127.0.0.1:0".to_owned(),
            control_listen: "127.0.0.1:0".to_owned(),
            members: Vec::new(),
            rights: Vec::new(),
            groups: Vec::new(),
            spelling: FaultSpelling::default(),
            largest_body: None,
            samples: false,
        }
    }
}

impl DoubleConfig {
    /// A consumer's gateway and an agency with the four sample services.
    #[must_use]
    pub fn sample() -> Self {
        let subsystem = |code: &str, service: &str, kind: ServiceKind| ClientConfig {
            code: code.to_owned(),
            provider: true,
            services: vec![ServiceConfig {
                code: service.to_owned(),
                kind,
                timeout_millis: one_minute(),
                ..ServiceConfig::default()
            }],
            ..ClientConfig::default()
        };
        let services = [("landregister", "land"), ("population", "persons"), ("download", "file"), ("echo", "echo")];
        let gateway = ClientConfig {
            code: "gateway".to_owned(),
            name: Some("Data-space gateway".to_owned()),
            client: true,
            ..ClientConfig::default()
        };
        Self {
            members: vec![
                MemberConfig {
                    class: "COM".into(),
                    code: "1000".into(),
                    name: "Gateway Operator".into(),
                    client: true,
                    subsystems: vec![gateway],
                },
                MemberConfig {
                    class: "GOV".into(),
                    code: "2000".into(),
                    name: "Registers Agency".into(),
                    client: false,
                    subsystems: services.iter().map(|(sub, s)| subsystem(sub, s, ServiceKind::OpenApi3)).collect(),
                },
            ],
            rights: services
                .iter()
                .map(|(sub, service)| AccessRight {
                    subject: "COM/1000/gateway".into(),
                    service: format!("GOV/2000/{sub}/{service}"),
                    endpoint: None,
                })
                .collect(),
            samples: true,
            ..Self::default()
        }
    }

    /// With a consent authority whose sample services `consent` and `reporting` the providers may call, each as itself.
    #[must_use]
    pub fn with_consents(mut self) -> Self {
        let service = |code: &str| ServiceConfig {
            code: code.to_owned(),
            timeout_millis: one_minute(),
            ..ServiceConfig::default()
        };
        for member in &mut self.members {
            for subsystem in member.subsystems.iter_mut().filter(|subsystem| subsystem.provider) {
                subsystem.client = true;
                self.rights.extend(["consent", "reporting"].map(|called| AccessRight {
                    subject: format!("{}/{}/{}", member.class, member.code, subsystem.code),
                    service: format!("GOV/3000/consent/{called}"),
                    endpoint: None,
                }));
            }
        }
        self.members.push(MemberConfig {
            class: "GOV".into(),
            code: "3000".into(),
            name: "Consent Authority".into(),
            client: false,
            subsystems: vec![ClientConfig {
                code: "consent".to_owned(),
                provider: true,
                services: ["consent", "reporting"].map(service).into(),
                ..ClientConfig::default()
            }],
        });
        self
    }

    /// Points services of the sample subsystems at the running sample backends.
    pub(super) fn point_samples_at(&mut self, address: &SocketAddr) {
        for service in self.members.iter_mut().flat_map(|m| &mut m.subsystems).flat_map(|s| &mut s.services) {
            if service.url.is_empty() && super::samples::NAMES.contains(&service.code.as_str()) {
                service.url = format!("http://{address}/{}", service.code);
                service.description = Some(format!("http://{address}/{}/openapi", service.code));
                service.endpoints = super::samples::endpoints(&service.code);
            }
        }
    }
}
