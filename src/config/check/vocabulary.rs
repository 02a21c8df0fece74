//! Whether the operator's own words make sense.

use http::HeaderName;

use super::is_iri;
use crate::config::Config;
use crate::config::problem::{Field, Findings, at};
use crate::config::vocabulary::{Operand, OperandPhase, OperandType};
use crate::policy::{Assurance, Fact, Kind, Registry};

/// Headers that belong to the connection, to its tracing or to credentials.
const NOT_FOR_POLICIES: [&str; 20] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
];

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let mut known = Registry::built_in();
    for (n, operand) in config.operand.iter().enumerate() {
        let place = at("operand").index(n);
        name(&operand.name, &place, known.operand(&operand.name).is_some(), findings);
        known.define(&operand.name, operand.operand());
        source(operand, &place, findings);
        sense(operand, &place, findings);
    }
    actions(config, &mut known, findings);
    for (n, profile) in config.profile.iter().enumerate() {
        let place = at("profile").index(n).key("iri");
        if !is_iri(&profile.iri) {
            findings.add(&place, "expected an IRI");
        } else if known.knows_profile(&profile.iri) {
            findings.add(&place, "it is known already");
        }
        known.add_profile(&profile.iri);
    }
}

fn name(name: &str, place: &Field, taken: bool, findings: &mut Findings<'_>) {
    let place = place.clone().key("name");
    if !is_iri(name) {
        findings.add(&place, "expected an IRI, or a name with a prefix such as ex:caseNumber; bare names are ODRL's");
    } else if taken {
        findings.add(&place, "it is known already, built in or from further up; choose a name of your own");
    }
}

fn source(operand: &Operand, place: &Field, findings: &mut Findings<'_>) {
    let sources = [&operand.header, &operand.pointer, &operand.claim];
    if sources.iter().filter(|source| source.is_some()).count() != 1 {
        findings.add(place, "expected exactly one of header, pointer and claim, to say where the value comes from");
    }
    if let Some(header) = &operand.header {
        let place = place.clone().key("header");
        match HeaderName::from_bytes(header.as_bytes()) {
            Err(_) => findings.add(&place, "expected the name of an HTTP header"),
            Ok(name) if is_reserved(name.as_str()) => findings.add(
                &place,
                format!("{name} is not for policies: it is X-Road's, ours, a credential or part of the connection"),
            ),
            Ok(_) => {}
        }
    }
    if operand.pointer.as_deref().is_some_and(|pointer| !is_pointer(pointer)) {
        findings.add(&place.clone().key("pointer"), "expected a JSON Pointer such as /query/municipality");
    }
    let path = operand.claim.as_deref();
    if path.is_some_and(|path| path.is_empty() || path.chars().any(|c| c.is_whitespace() || c.is_control())) {
        findings.add(&place.clone().key("claim"), "expected the name of a fact of [[counterparty]], such as sector");
    }
}

fn is_reserved(header: &str) -> bool {
    let ours = ["x-road-", "x-forwarded-", "sliproad-"].iter().any(|prefix| header.starts_with(prefix));
    ours || NOT_FOR_POLICIES.contains(&header)
}

/// RFC 6901 §3, and not the whole document.
pub(super) fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && text.len() <= 1024 && escapes
}

fn sense(operand: &Operand, place: &Field, findings: &mut Findings<'_>) {
    let from_call = operand.header.is_some() || operand.pointer.is_some();
    if from_call && operand.phase == Some(OperandPhase::Any) {
        findings.add(
            &place.clone().key("phase"),
            "only a call tells it, so nobody would ever see the offer; expected exchange",
        );
    }
    let assurance = place.clone().key("assurance");
    match operand.assurance {
        Some(Assurance::Enforced) if operand.header.is_some() => findings
            .add(&assurance, "the consumer writes its headers itself, so that this is its word: attested or audited"),
        Some(Assurance::Audited) if operand.header.is_none() => {
            findings.add(&assurance, "its value is seen before the call passes: expected enforced or attested");
        }
        _ => {}
    }
    if operand.unit.is_some() && operand.kind != OperandType::Number {
        findings.add(&place.clone().key("unit"), "only a number has a unit");
    }
    for (n, operator) in operand.operators.iter().enumerate() {
        let place = place.clone().key("operators").index(n);
        match Kind::from(operand.kind).is_compared_by(operator) {
            None => findings.add(&place, format!("{operator} is no operator of ODRL, such as eq, lteq or isAnyOf")),
            Some(false) => findings.add(&place, format!("{operator} says nothing about values of this type")),
            Some(true) => {}
        }
    }
}

fn actions(config: &Config, known: &mut Registry, findings: &mut Findings<'_>) {
    for (n, action) in config.action.iter().enumerate() {
        name(&action.name, &at("action").index(n), known.knows_action(&action.name), findings);
        known.add_action(&action.name, &action.included_in);
    }
    for (n, action) in config.action.iter().enumerate() {
        let place = at("action").index(n).key("included-in");
        if !known.knows_action(&action.included_in) {
            findings.add(&place, format!("there is no action {}; expected one such as use", action.included_in));
        } else if !["use", "transfer"].iter().any(|root| known.includes(root, &action.name)) {
            findings.add(&place, "this goes round in a circle and never comes to use or transfer");
        }
    }
}

/// What the operator vouches for: every fact must be one that a policy can ask for, by an operand's name or as a claim.
pub(super) fn counterparties(config: &Config, findings: &mut Findings<'_>) {
    let registry = config.registry();
    for (n, counterparty) in config.counterparty.iter().enumerate() {
        for (key, value) in &counterparty.facts {
            let place = at("counterparty").index(n).key("facts").key(key);
            let mut claims = claims_in(config, key).peekable();
            let of_claims = claims.peek().is_some();
            let wrong = "expected a text, number, true or false, or a list of those";
            match registry.operand(key) {
                None if of_claims => {
                    if claims.filter_map(|path| counterparty.claim(path)).any(|value| !is_fact(value)) {
                        findings.add(&place, wrong);
                    }
                }
                None => findings.add(&place, "no policy can ask for this; expected a left operand, such as spatial"),
                Some(known) if known.exchange_only => {
                    findings.add(&place, "this is seen at every call, so it cannot be vouched for beforehand");
                }
                Some(_) if !is_fact(value) => findings.add(&place, wrong),
                Some(_) => {}
            }
        }
    }
}

/// The claims that lead to a fact of that name, or into it.
fn claims_in<'c>(config: &'c Config, key: &str) -> impl Iterator<Item = &'c str> {
    let claims = config.operand.iter().filter_map(|operand| operand.claim.as_deref());
    claims.filter(move |path| path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

pub(super) fn is_fact(value: &serde_json::Value) -> bool {
    Fact::from_json(value).is_some_and(|fact| !fact.values().is_empty())
}
