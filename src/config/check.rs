//! What fields must agree on, beyond the shape of each.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::problem::{Field, Findings, at};
use super::{Config, SecurityServer, SecurityServerMode, secret};
use crate::model::pattern::glob;
use crate::model::process::{ProcessKind, ProcessState};

mod consent;
mod credentials;
mod files;
mod policies;
mod store;
mod vocabulary;

pub(super) use store::warning as store_warning;

/// The shortest key or token that is taken, in characters: shorter ones are too easily guessed.
pub(super) const SHORTEST_SECRET: usize = 8;

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    listeners(config, findings);
    positive(config, findings);
    if let Some(server) = &config.security_server {
        security_server(server, findings);
    }
    files::check(config, findings);
    store::check(config, findings);
    management_key(config, findings);
    participants(config, findings);
    peers(config, findings);
    consent::check(config, findings);
    vocabulary::check(config, findings);
    vocabulary::counterparties(config, findings);
    credentials::check(config, findings);
    unique(config.policy.iter().map(|p| p.id.as_str()), "policy", "id", findings);
    policies::check(config, findings);
    assets_and_offers(config, findings);
    automation(config, findings);
    agreements(config, findings);
}

fn listeners(config: &Config, findings: &mut Findings<'_>) {
    let (public, management) = (config.public.listen, config.management.listen);
    if public.port() != 0 && public.port() == management.port() && public.ip() == management.ip() {
        findings.add(&at("management.listen"), format!("{management} is taken by [public]"));
    }
    if tracing_subscriber::EnvFilter::try_new(&config.log.level).is_err() {
        findings.add(
            &at("log.level"),
            "expected error, warn, info, debug or trace, or directives such as \"info,sliproad::dsp=debug\"",
        );
    }
}

fn positive(config: &Config, findings: &mut Findings<'_>) {
    let (limits, outbound, plane) = (&config.public.limits, &config.outbound, &config.data_plane);
    let mut values = vec![
        ("public.limits.max-body-bytes", limits.max_body_bytes),
        ("public.limits.max-connections", limits.max_connections.into()),
        ("public.limits.header-timeout-seconds", limits.header_timeout_seconds),
        ("public.limits.body-timeout-seconds", limits.body_timeout_seconds),
        ("outbound.connect-timeout-seconds", outbound.connect_timeout_seconds),
        ("outbound.timeout-seconds", outbound.timeout_seconds),
        ("outbound.max-response-bytes", outbound.max_response_bytes),
        ("data-plane.token-lifetime-seconds", plane.token_lifetime_seconds),
        ("data-plane.max-concurrent-calls", plane.max_concurrent_calls.into()),
        ("data-plane.max-concurrent-calls-per-consumer", plane.max_concurrent_calls_per_consumer.into()),
        ("data-plane.max-open-transfers-per-consumer", plane.max_open_transfers_per_consumer.into()),
        ("data-plane.max-request-bytes", plane.max_request_bytes),
        ("data-plane.max-request-seconds", plane.max_request_seconds),
        ("data-plane.max-inspected-bytes", plane.max_inspected_bytes),
        ("data-plane.max-filtered-bytes", plane.max_filtered_bytes),
    ];
    if let Some(rate) = plane.rate {
        values.push(("data-plane.rate.per-second", rate.per_second.into()));
        values.push(("data-plane.rate.burst", rate.burst.into()));
    }
    if let Some(server) = &config.security_server {
        values.push(("security-server.connect-timeout-seconds", server.connect_timeout_seconds));
        values.push(("security-server.response-timeout-seconds", server.response_timeout_seconds));
        values.push(("security-server.refresh-seconds", server.refresh_seconds));
    }
    for (path, _) in values.into_iter().filter(|(_, value)| *value == 0) {
        findings.add(&at(path), "expected 1 or more");
    }
}

fn security_server(server: &SecurityServer, findings: &mut Findings<'_>) {
    use SecurityServerMode::{Http, Https, MutualTls};
    match (server.connection(), server.url.scheme()) {
        (Http, "http") | (Https | MutualTls, "https") => {}
        (Http, _) => findings.add(&at("security-server.url"), "expected an http:// URL, as the mode says"),
        (_, _) => findings.add(&at("security-server.url"), "expected an https:// URL, as the mode says"),
    }
    if server.cert_file.is_some() != server.key_file.is_some() {
        findings
            .add(&at("security-server.cert-file"), "cert-file and key-file belong together; one of them is missing");
    } else if server.mode == Some(MutualTls) && server.cert_file.is_none() {
        findings.add(&at("security-server.mode"), "mutual-tls needs cert-file and key-file");
    }
}

fn management_key(config: &Config, findings: &mut Findings<'_>) {
    let management = &config.management;
    let field = if management.api_key_file.is_some() { "management.api-key-file" } else { "management.api-key" };
    match &management.api_key {
        Some(key) if key.expose_secret().chars().count() < SHORTEST_SECRET => {
            findings.add(&at(field), format!("expected {SHORTEST_SECRET} characters or more"));
        }
        Some(_) => {}
        None => {
            if let Err(error) = secret::kept_management_key(config.store.keys()) {
                findings.add(&at(field), error.to_string());
            }
        }
    }
}

fn participants(config: &Config, findings: &mut Findings<'_>) {
    if config.participant.is_empty() {
        findings.add(&at("participant"), "expected at least one [[participant]] with a name");
    }
    unique(config.participant.iter().map(|p| p.name.as_str()), "participant", "name", findings);
    unique(config.participant.iter().map(|p| p.id.as_str()), "participant", "id", findings);
    for (n, participant) in config.participant.iter().enumerate() {
        let place = at("participant").index(n);
        let name = participant.name.as_bytes();
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if name.len() > 63 || !name.iter().all(plain) || !name.first().is_some_and(u8::is_ascii_alphanumeric) {
            findings.add(
                &place.clone().key("name"),
                "expected up to 63 lower-case letters, digits, - and _, since it is part of every public path",
            );
        }
        if participant.id.as_str().is_empty() {
            findings
                .add(&place.clone().key("id"), "needed, since neither a base-url nor a fixed port gives it a did:web");
        } else if !is_iri(participant.id.as_str()) {
            findings.add(&place.clone().key("id"), "expected an IRI such as did:web:example.org");
        }
        for (m, pattern) in participant.services.iter().enumerate() {
            if pattern.contains(':') || (!pattern.contains('/') && pattern != "*") {
                findings.add(&place.clone().key("services").index(m), "expected a pattern such as DEV/GOV/2000/*");
            }
        }
        if participant.services.is_empty() {
            continue;
        }
        if participant.client.is_none() {
            findings.add(&place.clone().key("client"), "needed to call the services published");
        }
        if config.security_server.is_none() {
            findings.add(&place.clone().key("services"), "publishing services needs a [security-server]");
        }
    }
}

fn peers(config: &Config, findings: &mut Findings<'_>) {
    let peers = &config.identity.peer;
    unique_in(&at("identity.peer"), peers.iter().map(|p| p.id.as_str()), "id", findings);
    for (n, peer) in peers.iter().enumerate() {
        let place = at("identity.peer").index(n);
        if peer.token.is_none() && peer.send.is_none() {
            findings.add(&place, "expected token (what it shows us), send (what we show it), or both");
        }
        let Some(token) = peer.token.as_ref().map(bare) else { continue };
        let field = place.key(if peer.token_file.is_some() { "token-file" } else { "token" });
        if token.len() < SHORTEST_SECRET {
            findings.add(&field, format!("expected {SHORTEST_SECRET} characters or more"));
        } else if peers.iter().take(n).filter_map(|p| p.token.as_ref()).any(|other| bare(other) == token) {
            findings.add(&field, "another peer has the same token; callers could not be told apart");
        }
    }
}

/// The token without a `Bearer` scheme before it.
fn bare(token: &SecretString) -> &str {
    let text = token.expose_secret();
    match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start(),
        _ => text,
    }
}

fn assets_and_offers(config: &Config, findings: &mut Findings<'_>) {
    let datasets: Vec<String> = config.asset.iter().map(|a| String::from(a.dataset())).collect();
    unique(datasets.iter().map(String::as_str), "asset", "id", findings);
    unique(config.offer.iter().map(|o| o.id.as_str()), "offer", "id", findings);
    let published: Vec<String> =
        config.participant.iter().flat_map(|p| &p.services).map(|pattern| pattern.replace('/', ":")).collect();
    for (n, offer) in config.offer.iter().enumerate() {
        let place = at("offer").index(n);
        if offer.assets.is_empty() {
            findings.add(&place.clone().key("assets"), "expected at least one pattern of dataset ids");
        }
        for (m, pattern) in offer.assets.iter().enumerate().filter(|(_, p)| !p.contains('*')) {
            if !datasets.contains(pattern) && !published.iter().any(|p| glob(p, pattern)) {
                findings.add(
                    &place.clone().key("assets").index(m),
                    format!("no [[asset]] has the id {pattern}, and no participant publishes it"),
                );
            }
        }
        named_policy(config, Some(&offer.policy), &place.clone().key("policy"), findings);
        named_policy(config, offer.access_policy.as_ref(), &place.clone().key("access-policy"), findings);
        named_participant(config, offer.participant.as_ref(), &place.key("participant"), findings);
    }
}

fn automation(config: &Config, findings: &mut Findings<'_>) {
    for (n, rule) in config.automation.iter().enumerate() {
        let place = at("automation").index(n);
        let Some(state) = ProcessState::parse(rule.process, &rule.state) else {
            findings.add(&place.key("state"), format!("expected one of {}", states(rule.process)));
            continue;
        };
        if rule.steps().is_empty() {
            let who = rule.role.map_or_else(|| "nobody can".to_owned(), |role| format!("a {role} cannot"));
            findings.add(
                &place.clone().key("action"),
                format!("{who} {} in a {} in state {state}", rule.action.as_str(), rule.process.as_str()),
            );
        }
        if rule.visit == Some(0) {
            findings.add(&place.key("visit"), "expected 1 for the first visit, 2 for the second, …");
        }
    }
}

fn states(kind: ProcessKind) -> String {
    use crate::model::negotiation::NegotiationState;
    use crate::model::transfer::TransferState;
    match kind {
        ProcessKind::Negotiation => NegotiationState::ALL.map(NegotiationState::as_str).join(", "),
        ProcessKind::Transfer => TransferState::ALL.map(TransferState::as_str).join(", "),
    }
}

fn agreements(config: &Config, findings: &mut Findings<'_>) {
    for (n, agreement) in config.agreement.iter().enumerate() {
        let place = at("agreement").index(n);
        let twin = |other: &super::ImportedAgreement| {
            other.id == agreement.id && other.role == agreement.role && other.participant == agreement.participant
        };
        if config.agreement.iter().take(n).any(twin) {
            findings.add(&place.clone().key("id"), format!("{} is here twice in the same role", agreement.id));
        }
        if agreement.participant.is_none() && config.participant.len() > 1 {
            findings.add(&place, "expected participant, since there are several");
        }
        named_participant(config, agreement.participant.as_ref(), &place.clone().key("participant"), findings);
        named_policy(config, agreement.policy.as_ref(), &place.clone().key("policy"), findings);
        let address = agreement.address.as_deref().map(url::Url::parse);
        if address.is_some_and(|url| !url.is_ok_and(|u| matches!(u.scheme(), "http" | "https"))) {
            findings.add(&place.key("address"), "expected an http or https URL");
        }
    }
}

fn named_policy(config: &Config, name: Option<&String>, field: &Field, findings: &mut Findings<'_>) {
    if let Some(name) = name.filter(|name| !config.policy.iter().any(|p| p.id == **name)) {
        findings.add(field, format!("there is no [[policy]] with id {name:?}"));
    }
}

fn named_participant(config: &Config, name: Option<&String>, field: &Field, findings: &mut Findings<'_>) {
    if let Some(name) = name.filter(|name| config.participant_named(name).is_none()) {
        findings.add(field, format!("there is no [[participant]] with name {name:?}"));
    }
}

fn unique<'a>(values: impl Iterator<Item = &'a str>, section: &str, key: &str, findings: &mut Findings<'_>) {
    unique_in(&at(section), values, key, findings);
}

fn unique_in<'a>(section: &Field, values: impl Iterator<Item = &'a str>, key: &str, findings: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    for (n, value) in values.enumerate().filter(|(_, v)| !v.is_empty()) {
        if let Some(first) = seen.insert(value, n) {
            findings.add(&section.clone().index(n).key(key), format!("{value:?} is taken by {section}[{first}]"));
        }
    }
}

fn is_iri(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, rest)| (scheme.as_bytes(), rest));
    let well_formed = |scheme: &[u8]| {
        scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
    };
    scheme.is_some_and(|(scheme, rest)| well_formed(scheme) && !rest.is_empty())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
