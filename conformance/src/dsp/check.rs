//! Whether what the connector under test says is well formed: the required properties of every body, looked at by hand and
//! independently of the schemas that the connector itself uses.

use serde_json::Value;

use super::message::{CONTEXT, Topic};
use super::sequence::Message;

/// Checks a message of the connector under test.
pub(super) fn message(body: &Value, message: Message, negotiates: bool, topic: &Topic) -> Result<(), String> {
    framed(body, message.kind(negotiates))?;
    pids(body, topic)?;
    match message {
        Message::Request | Message::Offer => {
            one_of(body, "callbackAddress", if message == Message::Request { "providerPid" } else { "consumerPid" })?;
            policy(member(body, "offer")?, "Offer", topic)
        }
        Message::Agreement => agreement(member(body, "agreement")?, topic),
        Message::Accepted | Message::Finalized => equal(body, "eventType", message.leads_to()),
        Message::TransferRequest => {
            equal(body, "agreementId", &topic.agreement)?;
            equal(body, "format", "HttpData-PULL")?;
            text(body, "callbackAddress").map(drop)
        }
        Message::Start if topic.subject_provides => data_address(member(body, "dataAddress")?),
        Message::Termination | Message::Suspension if body.get("reason").is_some() => list(body, "reason").map(drop),
        _ => Ok(()),
    }
}

/// Checks a ContractNegotiation or TransferProcess, and that it is in `state`.
pub(super) fn process(body: &Value, negotiates: bool, topic: &Topic, state: &str) -> Result<(), String> {
    framed(body, if negotiates { "ContractNegotiation" } else { "TransferProcess" })?;
    pids(body, topic)?;
    equal(body, "state", state)
}

/// Checks a ContractNegotiationError or TransferError.
pub(super) fn process_error(body: &Value, negotiates: bool, topic: &Topic) -> Result<(), String> {
    framed(body, if negotiates { "ContractNegotiationError" } else { "TransferError" })?;
    pids(body, topic)?;
    reasoned(body)
}

/// Checks a CatalogError.
pub(super) fn catalog_error(body: &Value) -> Result<(), String> {
    framed(body, "CatalogError")?;
    reasoned(body)
}

/// Checks a root Catalog with everything in it; its datasets.
pub(super) fn catalog(body: &Value) -> Result<&[Value], String> {
    framed(body, "Catalog")?;
    text(body, "@id")?;
    text(body, "participantId")?;
    for service in body.get("service").map_or(Ok(&[][..]), |_| list(body, "service"))? {
        data_service(service)?;
    }
    let datasets = list(body, "dataset")?;
    for dataset in datasets {
        typed(dataset, "Dataset")?;
        dataset_parts(dataset)?;
    }
    Ok(datasets)
}

/// Checks a Dataset that stands alone.
pub(super) fn dataset(body: &Value, id: &str) -> Result<(), String> {
    framed(body, "Dataset")?;
    equal(body, "@id", id)?;
    dataset_parts(body)
}

fn dataset_parts(dataset: &Value) -> Result<(), String> {
    text(dataset, "@id")?;
    for offer in list(dataset, "hasPolicy")? {
        typed(offer, "Offer")?;
        text(offer, "@id")?;
        rules(offer)?;
        if offer.get("target").is_some() {
            return Err(format!("an offer within a dataset has a target: {offer}"));
        }
    }
    for distribution in list(dataset, "distribution")? {
        text(distribution, "format")?;
        match member(distribution, "accessService")? {
            Value::String(_) => {}
            service => data_service(service)?,
        }
    }
    Ok(())
}

fn data_service(service: &Value) -> Result<(), String> {
    typed(service, "DataService")?;
    text(service, "@id")?;
    text(service, "endpointURL").map(drop)
}

fn agreement(agreement: &Value, topic: &Topic) -> Result<(), String> {
    policy(agreement, "Agreement", topic)?;
    let (assigner, assignee) =
        if topic.subject_provides { (&topic.subject, &topic.peer) } else { (&topic.peer, &topic.subject) };
    equal(agreement, "assigner", assigner)?;
    equal(agreement, "assignee", assignee)?;
    let time = text(agreement, "timestamp")?;
    time.parse::<jiff::Timestamp>().map(drop).map_err(|e| format!("timestamp {time} is no dateTime: {e}"))
}

fn policy(policy: &Value, kind: &str, topic: &Topic) -> Result<(), String> {
    typed(policy, kind)?;
    text(policy, "@id")?;
    equal(policy, "target", &topic.dataset)?;
    rules(policy)
}

fn rules(policy: &Value) -> Result<(), String> {
    let mut any = false;
    for property in ["permission", "prohibition", "obligation"] {
        if policy.get(property).is_none() {
            continue;
        }
        any |= property != "obligation";
        for rule in list(policy, property)? {
            text(rule, "action")?;
            if rule.get("target").is_some() {
                return Err(format!("a rule has a target of its own: {rule}"));
            }
        }
    }
    if any { Ok(()) } else { Err(format!("neither permission nor prohibition in {policy}")) }
}

fn data_address(address: &Value) -> Result<(), String> {
    typed(address, "DataAddress")?;
    equal(address, "endpointType", "https://w3id.org/idsa/v4.1/HTTP")?;
    let mut names = Vec::new();
    for property in list(address, "endpointProperties")? {
        typed(property, "EndpointProperty")?;
        names.push(text(property, "name")?);
        text(property, "value")?;
    }
    match ["authorization", "authType"].into_iter().find(|needed| !names.contains(needed)) {
        Some(missing) => Err(format!("no endpoint property {missing} in {address}")),
        None => Ok(()),
    }
}

fn reasoned(error: &Value) -> Result<(), String> {
    text(error, "code")?;
    list(error, "reason").map(drop)
}

/// The context list with the protocol's context, and the type.
fn framed(body: &Value, kind: &str) -> Result<(), String> {
    if !list(body, "@context")?.iter().any(|context| context == CONTEXT) {
        return Err(format!("@context has no {CONTEXT}: {body}"));
    }
    typed(body, kind)
}

fn typed(body: &Value, kind: &str) -> Result<(), String> {
    equal(body, "@type", kind)
}

fn pids(body: &Value, topic: &Topic) -> Result<(), String> {
    for (property, expected) in [("consumerPid", &topic.consumer), ("providerPid", &topic.provider)] {
        // The first request has one pid only; whichever is not known yet is learned elsewhere.
        if !expected.is_empty() {
            equal(body, property, expected)?;
        }
    }
    Ok(())
}

fn one_of(body: &Value, one: &str, other: &str) -> Result<(), String> {
    match (body.get(one), body.get(other)) {
        (Some(_), None) => text(body, one).map(drop),
        (None, Some(_)) => text(body, other).map(drop),
        (both, _) => Err(format!("{} {one} and {other} in {body}", if both.is_some() { "both" } else { "neither" })),
    }
}

fn equal(body: &Value, property: &str, expected: &str) -> Result<(), String> {
    let found = text(body, property)?;
    if found == expected { Ok(()) } else { Err(format!("{property} is {found:?}, expected {expected:?}, in {body}")) }
}

fn text<'a>(body: &'a Value, property: &str) -> Result<&'a str, String> {
    let found = member(body, property)?.as_str().filter(|text| !text.is_empty());
    found.ok_or_else(|| format!("{property} is not a text in {body}"))
}

fn list<'a>(body: &'a Value, property: &str) -> Result<&'a [Value], String> {
    let found = member(body, property)?.as_array().filter(|list| !list.is_empty());
    found.map(Vec::as_slice).ok_or_else(|| format!("{property} is not a non-empty array in {body}"))
}

fn member<'a>(body: &'a Value, property: &str) -> Result<&'a Value, String> {
    body.get(property).ok_or_else(|| format!("no {property} in {body}"))
}
