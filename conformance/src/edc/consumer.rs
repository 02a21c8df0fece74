//! EDC as consumer of our land register.

use serde_json::{Value, json};

use super::connector::PROTOCOL;
use super::ground::{self, LAND, SUBJECT, WITHHELD};
use super::{Stage, entry, offer};
use crate::http;
use crate::subject::text;

/// Where a started transfer is called, and with what.
struct Opened {
    /// EDC's id of the transfer.
    id: String,
    /// Ours.
    pid: String,
    endpoint: String,
    token: String,
}

pub(super) async fn catalogue(stage: &Stage) -> Result<(), String> {
    let found = dataset(stage, LAND).await?;
    let policy = found.get("hasPolicy").ok_or_else(|| format!("it has no offer: {found}"))?;
    if policy.to_string().contains("xroad:datapath") && found.to_string().contains("HttpData-PULL") {
        return Ok(());
    }
    Err(format!("the constraint or the format was lost: {found}"))
}

/// A finalised contract on a dataset; EDC's id of the agreement.
pub(super) async fn contract(stage: &Stage, id: &str) -> Result<String, String> {
    let begun = negotiate(stage, id).await?;
    let done = match stage.edc.reaches("contractnegotiations", &begun, "FINALIZED").await {
        Ok(done) => done,
        Err(reason) => {
            let ours = stage.subject.management().get("/api/v1/negotiations?limit=500").await?;
            let ours = entry(&ours, "items", "peerPid", &begun).unwrap_or_default();
            return Err(format!("{reason}\nhere: {ours}"));
        }
    };
    let agreement = stage.edc.agreement(&begun).await?;
    let ours = stage.subject.management().reaches("negotiations", &text(&done, "correlationId")?, "FINALIZED").await?;
    if text(&ours, "agreementId")? == agreement {
        text(&done, "contractAgreementId")
    } else {
        Err(format!("the agreements differ: {agreement} at EDC, here {ours}"))
    }
}

pub(super) async fn call(stage: &Stage) -> Result<(), String> {
    let opened = open(stage).await?;
    for authorization in [opened.token.clone(), format!("Bearer {}", opened.token)] {
        let answer = ask(stage, &opened, "/parcels", &authorization).await?.granted()?;
        if !answer.get("parcels").is_some_and(Value::is_array) {
            return Err(format!("this is not the register's answer: {answer}"));
        }
    }
    refused_with(&ask(stage, &opened, "/owners", &opened.token).await?, "policy.refused")
}

pub(super) async fn suspension(stage: &Stage) -> Result<(), String> {
    let opened = open(stage).await?;
    let path = format!("/api/v1/transfers/{}/actions", http::segment(&opened.pid));
    stage.subject.management().post(&path, &json!({"action": "suspend", "reason": "audit"})).await?;
    refused_with(&ask(stage, &opened, "/parcels", &opened.token).await?, "transfer.suspended")?;
    stage.edc.reaches("transferprocesses", &opened.id, "SUSPENDED").await.map(drop)
}

pub(super) async fn termination(stage: &Stage) -> Result<(), String> {
    let opened = open(stage).await?;
    ask(stage, &opened, "/parcels", &opened.token).await?.granted()?;
    let why = json!({"@type": "TerminateTransfer", "reason": "no longer needed"});
    stage.edc.post(&format!("transferprocesses/{}/terminate", http::segment(&opened.id)), why).await?;
    stage.subject.management().reaches("transfers", &opened.pid, "TERMINATED").await?;
    refused_with(&ask(stage, &opened, "/parcels", &opened.token).await?, "transfer.terminated")?;
    stage.edc.reaches("transferprocesses", &opened.id, "TERMINATED").await.map(drop)
}

pub(super) async fn refused(stage: &Stage) -> Result<(), String> {
    let begun = negotiate(stage, WITHHELD).await?;
    let ended = stage.edc.reaches("contractnegotiations", &begun, "TERMINATED").await?;
    let ours = text(&ended, "correlationId")?;
    stage.subject.management().reaches("negotiations", &ours, "TERMINATED").await.map(drop)
}

/// One dataset of our catalogue, as EDC tells it.
async fn dataset(stage: &Stage, id: &str) -> Result<Value, String> {
    let request = json!({
        "@type": "CatalogRequest", "counterPartyAddress": ground::dsp(stage.subject.place()),
        "counterPartyId": SUBJECT, "protocol": PROTOCOL,
    });
    let catalogue = stage.edc.post("catalog/request", request).await?;
    let found = entry(&catalogue, "dataset", "@id", id);
    found.ok_or_else(|| format!("{id} is not in the catalogue as EDC tells it: {catalogue}"))
}

async fn negotiate(stage: &Stage, id: &str) -> Result<String, String> {
    let found = dataset(stage, id).await?;
    let context = json!("http://www.w3.org/ns/odrl.jsonld");
    let frame = [("@context", context), ("assigner", json!(SUBJECT)), ("target", json!(id))];
    let policy = offer(&found, &frame)?;
    let request = json!({
        "@type": "ContractRequest", "counterPartyAddress": ground::dsp(stage.subject.place()),
        "protocol": PROTOCOL, "policy": policy,
    });
    text(&stage.edc.post("contractnegotiations", request).await?, "@id")
}

/// A fresh contract with a started transfer.
async fn open(stage: &Stage) -> Result<Opened, String> {
    let agreement = contract(stage, LAND).await?;
    let request = json!({
        "@type": "TransferRequest", "counterPartyAddress": ground::dsp(stage.subject.place()), "protocol": PROTOCOL,
        "contractId": agreement, "transferType": "HttpData-PULL",
    });
    let id = text(&stage.edc.post("transferprocesses", request).await?, "@id")?;
    let started = stage.edc.reaches("transferprocesses", &id, "STARTED").await?;
    let pid = text(&started, "correlationId")?;
    let address = stage.edc.get(&format!("edrs/{}/dataaddress", http::segment(&id))).await?;
    let (endpoint, token) = (text(&address, "endpoint")?, text(&address, "authorization")?);
    Ok(Opened { id, pid, endpoint, token })
}

async fn ask(stage: &Stage, opened: &Opened, below: &str, authorization: &str) -> Result<http::Answer, String> {
    let url = format!("{}{below}", opened.endpoint);
    http::send(&stage.http, stage.http.get(url).header("authorization", authorization)).await
}

fn refused_with(answer: &http::Answer, code: &str) -> Result<(), String> {
    if answer.status == 403 && text(&answer.json()?, "code")? == code {
        return Ok(());
    }
    Err(format!("expected 403 {code}: {answer}"))
}
