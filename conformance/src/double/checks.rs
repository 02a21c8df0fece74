//! What is checked of a message before anything is forwarded, and of an answer before anything is given back.

use super::config::{ConnectionMode, ServiceConfig, ServiceKind};
use super::exchange::Caller;
use super::fault::Fault;
use super::http1::{ResponseHead, last_text};
use super::message::RestMessage;
use super::state::State;
use super::target::{self, Target};

/// The two servers that the double stands for: class, member and server code; and where the provider's is.
const CONSUMER: [&str; 3] = ["COM", "1000", "ss1"];
const PROVIDER: [&str; 3] = ["GOV", "2000", "ss2"];
const ADDRESS: &str = "127.0.0.2";

pub(super) fn check_client(state: &State, message: &RestMessage, caller: &Caller) -> Result<(), Fault> {
    let key = message.client_key();
    let ours = message.client.first().is_some_and(|i| *i == state.config.instance);
    let client = state.directory.client(&key).filter(|_| ours).ok_or_else(|| {
        Fault::new("server.clientproxy.unknown_member", format!("Client '{}' not found", message.client_name()))
    })?;
    let lacks = match (client.mode, caller) {
        (ConnectionMode::Http, _) | (ConnectionMode::HttpsNoAuth, Caller::Tls(_)) => return Ok(()),
        (ConnectionMode::HttpsNoAuth, Caller::Plain) => "specifies HTTPS NO AUTH but client made plaintext connection",
        (ConnectionMode::Https, Caller::Tls(Some(shown))) if client.certificates.contains(shown) => return Ok(()),
        (ConnectionMode::Https, Caller::Tls(Some(_))) => "TLS certificate does not match any IS certificates",
        (ConnectionMode::Https, _) => "specifies HTTPS but did not supply TLS certificate",
    };
    let reason = format!("Client ({}) {lacks}", message.client_name());
    Err(Fault::new("server.clientproxy.ssl_authentication_failed", reason))
}

pub(super) fn check_provider(state: &State, message: &RestMessage) -> Result<(), Fault> {
    let trouble = state.trouble();
    if trouble.global_configuration_expired {
        return Err(Fault::new("server.clientproxy.global_conf_outdated", "Global configuration is expired"));
    }
    let [instance, class, member, subsystem, _] = &message.service;
    if *instance != state.config.instance {
        let reason = nested(&format!("internal_error: Shared params for instance identifier {instance} not found"));
        return Err(Fault::new("server.clientproxy.internal_error", reason));
    }
    // Any hosted subsystem, consumers' own included, has a server to go to.
    let key = format!("{class}/{member}/{subsystem}");
    if !state.directory.is_provider(&key) && state.directory.client(&key).is_none() {
        let reason = format!("Could not find addresses for service provider \"{}\"", message.service_name());
        return Err(Fault::new("server.clientproxy.unknown_member", reason));
    }
    if let Some(server) = &message.security_server {
        let is = |rest: [&str; 3]| server.join("/") == format!("{}/{}", state.config.instance, rest.join("/"));
        if !is(PROVIDER) {
            let what = if is(CONSUMER) { "Invalid" } else { "Could not find" };
            let reason = format!("{what} security server \"SERVER:{}\"", server.join("/"));
            return Err(Fault::new("server.clientproxy.invalid_security_server", reason));
        }
    }
    if let Some(text) = &trouble.maintenance {
        let reason = format!(
            "Security server with address \"{ADDRESS}\" is in maintenance mode. Message from \"{ADDRESS}\" administrator: {text}"
        );
        return Err(Fault::new("server.clientproxy.maintenance_mode", reason));
    }
    if trouble.provider_down {
        let reason = format!("Could not connect to any target host ([https://{ADDRESS}:5500/])");
        return Err(Fault::new("server.clientproxy.network_error", reason));
    }
    Ok(())
}

/// What one part of the real server says of a failure in another: under an id of its own.
pub(super) fn nested(reason: &str) -> String {
    format!("[{}] [SYSTEM] {reason}", uuid::Uuid::new_v4())
}

pub(super) fn find_service<'a>(
    state: &'a State,
    message: &RestMessage,
    subsystem: &str,
    method: &str,
) -> Result<&'a ServiceConfig, Fault> {
    let code = &message.service[4];
    let key = format!("{subsystem}/{code}");
    let name = message.service_name();
    let service = state
        .directory
        .service(&key)
        .filter(|s| s.version.is_none())
        .ok_or_else(|| Fault::new("server.serverproxy.unknown_service", format!("Unknown service: {name}")))?;
    if service.kind == ServiceKind::Wsdl {
        let reason = "Service is a SOAP service and cannot be called using REST interface";
        return Err(Fault::new("server.serverproxy.service_type", reason));
    }
    let decoded = target::decode(&message.path).unwrap_or_default();
    if let Some(at) = decoded.chars().position(|c| !target::is_in_java_uri(c)) {
        let reason = format!("Illegal character in path at index {at}: {decoded}");
        return Err(Fault::new("server.serverproxy.internal_error", reason));
    }
    let path = if message.path.is_empty() { Some("/".to_owned()) } else { target::for_rights(&message.path) };
    if !state.directory.may_call(&message.client_key(), &key, method, path.as_deref()) {
        return Err(Fault::new("server.serverproxy.access_denied", format!("Request is not allowed: {name}")));
    }
    if let Some(notice) = &service.disabled {
        let usual = format!("Service '{name}' is disabled");
        let notice = if notice.is_empty() { &usual } else { notice };
        let reason = format!("Service {name} is disabled: {notice}");
        return Err(Fault::new("server.serverproxy.service_disabled", reason));
    }
    if service.url.is_empty() {
        let reason = format!("Service address not specified for '{name}'");
        return Err(Fault::new("server.serverproxy.service_missing_url", reason));
    }
    Ok(service)
}

/// Queries that Java's URI class refuses fail late.
pub(super) fn check_query(target: &Target) -> Result<(), Fault> {
    let query = &target.query;
    if let Some(at) = query.iter().position(|b| b"|^\"\\<>`{}".contains(b)) {
        let (at, whole) = (target.path.len() + at, target.path_and_query());
        let reason = format!("Illegal character in query at index {at}: {}", String::from_utf8_lossy(&whole));
        return Err(Fault::new("server.serverproxy.service_failed.internal_error", reason));
    }
    let broken = |at: &usize| !query.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    let mut escapes = query.iter().enumerate().filter(|(_, b)| **b == b'%').map(|(at, _)| at);
    match escapes.find(broken) {
        Some(at) => {
            // The real server takes the query for a format of Java's.
            let after = query.get(at + 1).copied().map_or('%', char::from);
            Err(Fault::new("server.serverproxy.internal_error", format!("Conversion = '{after}'")))
        }
        None => Ok(()),
    }
}

/// A backend's own `X-Road-Service` is parsed; what cannot be parsed fails, as does an empty message id.
pub(super) fn check_forged(answered: &ResponseHead, message: &RestMessage) -> Result<(), Fault> {
    let malformed = last_text(&answered.headers, "X-Road-Service").is_some_and(|s| s.split('/').count() < 5);
    let reason = match (malformed, message.id.is_empty()) {
        (true, _) => "Invalid Service Id",
        (_, true) => "Invalid REST Response message",
        _ => return Ok(()),
    };
    Err(Fault::new("server.clientproxy.service_failed.internal_error", reason))
}
