//! What is checked of a message before anything is forwarded, and of an answer before anything is given back.

use super::config::{ConnectionMode, ServiceConfig, ServiceKind};
use super::exchange::Caller;
use super::fault::Fault;
use super::http1::{ResponseHead, last_text};
use super::message::RestMessage;
use super::state::State;
use super::target;

pub(super) fn check_client(state: &State, message: &RestMessage, caller: &Caller) -> Result<(), Fault> {
    let key = message.client_key();
    let ours = message.client.first().is_some_and(|i| *i == state.config.instance);
    let client = state.directory.client(&key).filter(|_| ours).ok_or_else(|| {
        Fault::new("server.clientproxy.unknown_member", format!("Client '{}' not found", message.client_text))
    })?;
    let allowed = match (client.mode, caller) {
        (ConnectionMode::Http, _) | (ConnectionMode::HttpsNoAuth, Caller::Tls(_)) => true,
        (ConnectionMode::Https, Caller::Tls(Some(shown))) => client.certificates.contains(shown),
        _ => false,
    };
    if allowed {
        Ok(())
    } else {
        let reason = format!("Client '{}' is not authenticated as its connection type demands", message.client_text);
        Err(Fault::new("server.clientproxy.ssl_authentication_failed", reason))
    }
}

pub(super) fn check_provider(state: &State, message: &RestMessage) -> Result<(), Fault> {
    let trouble = state.trouble();
    if trouble.global_configuration_expired {
        return Err(Fault::new("server.clientproxy.global_conf_outdated", "Global configuration is expired"));
    }
    let [instance, class, member, subsystem, _] = &message.service;
    if *instance != state.config.instance {
        let reason = format!("Shared params for instance identifier {instance} not found");
        return Err(Fault::new("server.clientproxy.internal_error", reason));
    }
    // Any hosted subsystem, consumers' own included, has a server to go to.
    let key = format!("{class}/{member}/{subsystem}");
    if !state.directory.is_provider(&key) && state.directory.client(&key).is_none() {
        let reason = format!("Could not find addresses for service provider \"SERVICE:{}\"", message.service.join("/"));
        return Err(Fault::new("server.clientproxy.unknown_member", reason));
    }
    if let Some(server) = &message.security_server {
        let known = [&state.config.instance, "GOV", "2000", "ss2"].iter().zip(server).all(|(a, b)| a == b);
        if !known {
            return Err(Fault::new("server.clientproxy.invalid_security_server", "Invalid security server identifier"));
        }
    }
    if let Some(text) = &trouble.maintenance {
        let reason = format!("Security server is in maintenance mode. Message from administrator: {text}");
        return Err(Fault::new("server.clientproxy.maintenance_mode", reason));
    }
    if trouble.provider_down {
        return Err(Fault::new("server.clientproxy.network_error", "Could not connect to any target host"));
    }
    Ok(())
}

pub(super) fn find_service<'a>(
    state: &'a State,
    message: &RestMessage,
    subsystem: &str,
    method: &str,
) -> Result<&'a ServiceConfig, Fault> {
    let code = &message.service[4];
    let key = format!("{subsystem}/{code}");
    let name = format!("SERVICE:{}", message.service.join("/"));
    let service = state
        .directory
        .service(&key)
        .filter(|s| s.version.is_none())
        .ok_or_else(|| Fault::new("server.serverproxy.unknown_service", format!("Unknown service: {name}")))?;
    if service.kind == ServiceKind::Wsdl {
        return Err(Fault::new("server.serverproxy.service_type", "Service is a SOAP service"));
    }
    let decoded = target::decode(&message.path).unwrap_or_default();
    if !target::is_java_uri(&decoded) {
        return Err(Fault::new("server.serverproxy.internal_error", "Illegal character in path"));
    }
    let path = if message.path.is_empty() { Some("/".to_owned()) } else { target::for_rights(&message.path) };
    if !state.directory.may_call(&message.client_key(), &key, method, path.as_deref()) {
        return Err(Fault::new("server.serverproxy.access_denied", format!("Request is not allowed: {name}")));
    }
    if let Some(notice) = &service.disabled {
        let reason = format!("Service {name} is disabled: {notice}");
        return Err(Fault::new("server.serverproxy.service_disabled", reason));
    }
    Ok(service)
}

/// Queries that Java's URI class refuses fail late.
pub(super) fn check_query(query: &[u8]) -> Result<(), Fault> {
    if query.iter().any(|b| b"|^\"\\<>`{}".contains(b)) {
        return Err(Fault::new("server.serverproxy.service_failed.internal_error", "Illegal character in query"));
    }
    let broken = query
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .any(|(at, _)| !query.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    if broken {
        return Err(Fault::new("server.serverproxy.internal_error", "Malformed escape pair"));
    }
    Ok(())
}

/// A backend's own `X-Road-Service` is parsed; what cannot be parsed fails, as does an empty message id.
pub(super) fn check_forged(answered: &ResponseHead, message: &RestMessage) -> Result<(), Fault> {
    let malformed = last_text(&answered.headers, "X-Road-Service").is_some_and(|s| s.split('/').count() < 5);
    if malformed || message.id.is_empty() {
        return Err(Fault::new("server.clientproxy.service_failed.internal_error", "Invalid response headers"));
    }
    Ok(())
}
