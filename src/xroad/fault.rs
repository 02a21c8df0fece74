//! Faults: answers that X-Road made and not the service, told apart by header and never by status.

use serde::Deserialize;

/// What went wrong inside X-Road, as far as its code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The client has no access right to the service or endpoint.
    AccessDenied,
    /// The provider has no such service.
    UnknownService,
    /// No such provider in the instance.
    UnknownProvider,
    /// The security server does not know the client that we speak for, or not in this connection mode.
    ClientNotAccepted,
    /// The service is switched off, with a notice.
    ServiceDisabled,
    /// A security server is in maintenance.
    Maintenance,
    /// A security server cannot work now: outdated global configuration, time-stamping or its database.
    NotReady,
    /// The provider or its security server cannot be reached.
    Unreachable,
    /// The provider did not answer in time.
    Timeout,
    /// The provider's answer broke off or was not HTTP.
    BrokenAnswer,
    /// A body is larger than a security server logs.
    TooLarge,
    /// The service is wrongly set up at the provider: no address, certificate not trusted, not a REST service.
    ProviderSetup,
    /// Anything else.
    Internal,
}

impl FaultKind {
    /// The HTTP status to answer a data-space consumer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::AccessDenied => 403,
            Self::UnknownService | Self::UnknownProvider => 404,
            Self::ServiceDisabled | Self::Maintenance | Self::NotReady => 503,
            Self::Timeout => 504,
            Self::ClientNotAccepted
            | Self::Unreachable
            | Self::BrokenAnswer
            | Self::TooLarge
            | Self::ProviderSetup
            | Self::Internal => 502,
        }
    }

    /// Stable code for problem bodies and evidence.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "xroad.access-denied",
            Self::UnknownService => "xroad.unknown-service",
            Self::UnknownProvider => "xroad.unknown-provider",
            Self::ClientNotAccepted => "xroad.client-not-accepted",
            Self::ServiceDisabled => "xroad.service-disabled",
            Self::Maintenance => "xroad.maintenance",
            Self::NotReady => "xroad.not-ready",
            Self::Unreachable => "xroad.provider-unreachable",
            Self::Timeout => "xroad.provider-timeout",
            Self::BrokenAnswer => "xroad.broken-answer",
            Self::TooLarge => "xroad.body-too-large",
            Self::ProviderSetup => "xroad.provider-setup",
            Self::Internal => "xroad.internal",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::AccessDenied => {
                "X-Road refused the call: grant the connector's client access to the service (it takes up to a minute)"
            }
            Self::UnknownService => "the provider has no such service in X-Road",
            Self::UnknownProvider => "X-Road does not know the provider of this service",
            Self::ClientNotAccepted => {
                "the security server does not accept the connector's client: check its registration and connection type"
            }
            Self::ServiceDisabled => "the provider has switched the service off; try again later",
            Self::Maintenance => "a security server is in maintenance; try again later",
            Self::NotReady => "a security server cannot work at present; try again later",
            Self::Unreachable => "the service, or the security server in front of it, cannot be reached",
            Self::Timeout => "the service did not answer in time",
            Self::BrokenAnswer => "the service broke off its answer",
            Self::TooLarge => "a body is larger than the security servers accept",
            Self::ProviderSetup => "the service is not set up correctly at the provider's security server",
            Self::Internal => "X-Road could not carry the call",
        }
    }

    /// Classifies a fault code of X-Road 7.7 (`Server.ServerProxy.AccessDenied`) or 7.8 (`server.serverproxy.access_denied`).
    /// The message is looked at only where one code covers different things.
    #[must_use]
    pub fn classify(code: &str, message: &str) -> Self {
        let folded = fold(code);
        let leaf = folded.rsplit('.').next().unwrap_or_default();
        match leaf {
            "accessdenied" => Self::AccessDenied,
            "unknownservice" => Self::UnknownService,
            "unknownmember" if message.starts_with("Client ") => Self::ClientNotAccepted,
            "unknownmember" => Self::UnknownProvider,
            "servicedisabled" => Self::ServiceDisabled,
            "maintenancemode" => Self::Maintenance,
            "globalconfoutdated" | "outdatedglobalconf" | "timestampingfailed" | "databaseerror" => Self::NotReady,
            "networkerror" | "unknownhost" => Self::Unreachable,
            "ioerror" | "loggingfailed" => by_message(leaf, message),
            "invalidclientidentifier" | "invalidsecurityserver" => Self::ClientNotAccepted,
            "sslauthenticationfailed" if folded.contains("clientproxy") => Self::ClientNotAccepted,
            "sslauthenticationfailed" | "servicetype" | "servicemissingurl" | "servicemalformedurl" => {
                Self::ProviderSetup
            }
            _ => Self::Internal,
        }
    }
}

fn by_message(leaf: &str, message: &str) -> FaultKind {
    if message.contains("maximum loggable size") {
        FaultKind::TooLarge
    } else if leaf == "loggingfailed" || message.contains("logging_failed") || message.contains("LoggingFailed") {
        FaultKind::NotReady
    } else if message.contains("timed out") {
        FaultKind::Timeout
    } else {
        FaultKind::BrokenAnswer
    }
}

/// One spelling for both: lower case, no underscores.
fn fold(code: &str) -> String {
    code.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// An answer that X-Road made: `X-Road-Error` without `X-Road-Request-Hash`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XRoadFault {
    /// What it means.
    pub kind: FaultKind,
    /// The code as X-Road gave it, at most 200 characters.
    pub code: String,
    /// X-Road's message, for the operator only: it names addresses and clients. At most 1,000 characters.
    pub message: Option<String>,
    /// X-Road's id of the fault, by which its logs are searched.
    pub detail: Option<String>,
    /// The HTTP status that it came with, which means little.
    pub status: u16,
}

impl XRoadFault {
    /// Reads a fault from the code in `X-Road-Error` and the body, JSON or XML.
    #[must_use]
    pub fn read(code: &str, body: &[u8], status: u16) -> Self {
        let said = FaultBody::read(body);
        let message = said.message.map(|text| shorten(&text, 1_000));
        let kind = FaultKind::classify(code, message.as_deref().unwrap_or_default());
        Self { kind, code: shorten(code, 200), message, detail: said.detail.map(|text| shorten(&text, 100)), status }
    }

    /// Reads a SOAP fault, which metadata requests outside of `/r1/` are answered with (status 200).
    #[must_use]
    pub fn read_soap(body: &[u8], status: u16) -> Option<Self> {
        let document = roxmltree::Document::parse(std::str::from_utf8(body).ok()?).ok()?;
        let fault = document.descendants().find(|node| node.tag_name().name() == "Fault")?;
        let text =
            |name: &str| fault.descendants().find(|node| node.tag_name().name() == name).and_then(|node| node.text());
        let code = text("faultcode").unwrap_or_default();
        let message = text("faultstring").map(|text| shorten(text, 1_000));
        let kind = FaultKind::classify(code, message.as_deref().unwrap_or_default());
        let detail = text("faultDetail").map(|text| shorten(text, 100));
        Some(Self { kind, code: shorten(code, 200), message, detail, status })
    }
}

#[derive(Default, Deserialize)]
struct FaultBody {
    message: Option<String>,
    detail: Option<String>,
}

impl FaultBody {
    fn read(body: &[u8]) -> Self {
        match body.iter().find(|b| !b.is_ascii_whitespace()) {
            Some(b'{') => serde_json::from_slice(body).unwrap_or_default(),
            Some(b'<') => Self::read_xml(body).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn read_xml(body: &[u8]) -> Option<Self> {
        let document = roxmltree::Document::parse(std::str::from_utf8(body).ok()?).ok()?;
        let text = |name: &str| {
            let node = document.root_element().children().find(|node| node.tag_name().name() == name);
            node.and_then(|node| node.text()).map(str::to_owned)
        };
        Some(Self { message: text("message"), detail: text("detail") })
    }
}

fn shorten(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_code_mean_the_same() {
        for (old, new, kind) in [
            ("Server.ServerProxy.AccessDenied", "server.serverproxy.access_denied", FaultKind::AccessDenied),
            ("Server.ServerProxy.UnknownService", "server.serverproxy.unknown_service", FaultKind::UnknownService),
            ("Server.ClientProxy.UnknownMember", "server.clientproxy.unknown_member", FaultKind::UnknownProvider),
            ("Server.ServerProxy.ServiceDisabled", "server.serverproxy.service_disabled", FaultKind::ServiceDisabled),
            ("Server.ClientProxy.NetworkError", "server.clientproxy.network_error", FaultKind::Unreachable),
            (
                "Server.ClientProxy.SslAuthenticationFailed",
                "server.clientproxy.ssl_authentication_failed",
                FaultKind::ClientNotAccepted,
            ),
            (
                "Server.ServerProxy.SslAuthenticationFailed",
                "server.serverproxy.ssl_authentication_failed",
                FaultKind::ProviderSetup,
            ),
            ("Server.ClientProxy.OutdatedGlobalConf", "server.clientproxy.global_conf_outdated", FaultKind::NotReady),
            ("Server.Something.New", "server.something.new", FaultKind::Internal),
        ] {
            assert_eq!(FaultKind::classify(old, ""), kind, "{old}");
            assert_eq!(FaultKind::classify(new, ""), kind, "{new}");
        }
    }

    #[test]
    fn a_code_for_several_things_is_told_apart_by_its_message() {
        let kind = |code: &str, message: &str| FaultKind::classify(code, message);
        assert_eq!(kind("server.serverproxy.io_error", "Read timed out"), FaultKind::Timeout);
        assert_eq!(kind("server.serverproxy.io_error", "The target server failed to respond"), FaultKind::BrokenAnswer);
        let large = "[e4] [SYSTEM] logging_failed: Message size exceeds maximum loggable size";
        assert_eq!(kind("server.clientproxy.io_error", large), FaultKind::TooLarge);
        assert_eq!(kind("server.serverproxy.logging_failed", large), FaultKind::TooLarge);
        let client = "Client 'SUBSYSTEM:DEV/COM/1000/ghost' not found";
        assert_eq!(kind("server.clientproxy.unknown_member", client), FaultKind::ClientNotAccepted);
    }

    #[test]
    fn a_fault_is_read_from_json_and_from_xml() {
        let json = br#"{"type":"server.serverproxy.access_denied","message":"no\u0000","detail":"d1","more":[1.5]}"#;
        let fault = XRoadFault::read("server.serverproxy.access_denied", json, 500);
        assert_eq!((fault.kind, fault.message.as_deref()), (FaultKind::AccessDenied, Some("no ")));
        let xml = br#"<?xml version="1.0"?><error><type>t</type><message>no</message><detail>d1</detail></error>"#;
        let fault = XRoadFault::read("server.serverproxy.access_denied", xml, 500);
        assert_eq!(fault.detail.as_deref(), Some("d1"));
        let fault = XRoadFault::read("server.serverproxy.access_denied", b"<html", 500);
        assert_eq!((fault.kind, fault.message), (FaultKind::AccessDenied, None));
    }

    #[test]
    fn a_soap_fault_of_a_metadata_request_is_read() {
        let soap = br#"<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault>
            <faultcode>server.clientproxy.maintenance_mode</faultcode><faultstring>later</faultstring>
            <detail><faultDetail xmlns="">d2</faultDetail></detail></S:Fault></S:Body></S:Envelope>"#;
        let fault = XRoadFault::read_soap(soap, 200).unwrap();
        assert_eq!((fault.kind, fault.detail.as_deref()), (FaultKind::Maintenance, Some("d2")));
        assert_eq!(XRoadFault::read_soap(b"<a/>", 200), None);
    }

    #[test]
    fn every_fault_has_one_of_the_five_outward_statuses() {
        let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/spec/xroad/real-7.8.0/transcripts.jsonl");
        let Ok(text) = std::fs::read_to_string(recorded) else {
            eprintln!("skipped: no recorded exchanges at {recorded}");
            return;
        };
        let mut seen = 0;
        for line in text.lines() {
            let exchange: serde_json::Value = serde_json::from_str(line).unwrap();
            let headers = exchange["response"]["headers"].as_array().cloned().unwrap_or_default();
            let value = |name: &str| {
                let found = headers.iter().find(|h| h[0].as_str().unwrap().eq_ignore_ascii_case(name));
                found.map(|h| h[1].as_str().unwrap().to_owned())
            };
            let (Some(code), None) = (value("x-road-error"), value("x-road-request-hash")) else { continue };
            let body = exchange["response"]["body"].as_str().unwrap_or_default();
            let fault = XRoadFault::read(&code, body.as_bytes(), 500);
            assert!([502, 503, 403, 404, 504].contains(&fault.kind.status()));
            assert!(body.is_empty() || fault.message.is_some(), "{line}");
            let expected = match exchange["case"].as_str().unwrap() {
                case if case.starts_with("denied") => FaultKind::AccessDenied,
                "timeout" => FaultKind::Timeout,
                "drop" | "half" | "garbage" => FaultKind::BrokenAnswer,
                "down" | "nohost" | "trouble-provider-ss-down" => FaultKind::Unreachable,
                "disabled" => FaultKind::ServiceDisabled,
                "trouble-maintenance" => FaultKind::Maintenance,
                "post-11M" | "get-11M" => FaultKind::TooLarge,
                "svc-unknown-service" => FaultKind::UnknownService,
                "svc-unknown-member" => FaultKind::UnknownProvider,
                "client-unknown-sub" | "no-client" => FaultKind::ClientNotAccepted,
                _ => fault.kind,
            };
            assert_eq!(fault.kind, expected, "{line}");
            seen += 1;
        }
        assert!(seen > 60, "only {seen} recorded faults were found");
    }
}
