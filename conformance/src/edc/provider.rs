//! EDC as provider, we as consumer.

use serde_json::{Value, json};
use tokio::process::Command;

use super::connector::{ASSET, EDC};
use super::{Stage, entry, offer};
use crate::subject::text;

pub(super) async fn fetch(stage: &Stage) -> Result<(), String> {
    let output = Command::new(&stage.program)
        .args(["fetch", "--config"])
        .arg(stage.subject.config())
        .args(["--counterparty", EDC, "--address", &stage.edc.dsp, "--dataset", ASSET, "/parcels?municipality=Tartu"])
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| format!("the command does not run: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(&said)
        .map_err(|_| format!("no answer: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    match (output.status.success(), answer.get("asked").and_then(Value::as_str)) {
        (true, Some(asked)) if asked.ends_with("/parcels?municipality=Tartu") => Ok(()),
        _ => Err(format!("this is not the data source's answer: {answer}")),
    }
}

pub(super) async fn contract(stage: &Stage) -> Result<(), String> {
    let offer = terms(stage, &[]).await?;
    let pid = stage.subject.management().negotiate(EDC, &stage.edc.dsp, &offer).await?;
    let done = stage.subject.management().reaches("negotiations", &pid, "FINALIZED").await?;
    let theirs = text(&done, "peerPid")?;
    stage.edc.reaches("contractnegotiations", &theirs, "FINALIZED").await?;
    let agreement = stage.edc.agreement(&theirs).await?;
    if agreement == text(&done, "agreementId")? {
        return Ok(());
    }
    Err(format!("the agreements differ: {agreement} at EDC, here {done}"))
}

/// We ask for other terms than EDC offers.
pub(super) async fn refused(stage: &Stage) -> Result<(), String> {
    let other = json!([{"action": "use", "constraint": [
        {"leftOperand": "purpose", "operator": "eq", "rightOperand": "anything-we-like"}]}]);
    let offer = terms(stage, &[("permission", other)]).await?;
    let pid = stage.subject.management().negotiate(EDC, &stage.edc.dsp, &offer).await?;
    let ended = stage.subject.management().reaches("negotiations", &pid, "TERMINATED").await?;
    stage.edc.reaches("contractnegotiations", &text(&ended, "peerPid")?, "TERMINATED").await.map(drop)
}

/// EDC's offer on its asset, as its catalogue tells it, with other properties.
async fn terms(stage: &Stage, others: &[(&str, Value)]) -> Result<Value, String> {
    let whom = json!({"counterparty": EDC, "address": stage.edc.dsp});
    let catalogue = stage.subject.management().post("/api/v1/catalog/request", &whom).await?;
    let found = entry(&catalogue, "dataset", "@id", ASSET).ok_or_else(|| format!("no {ASSET} in {catalogue}"))?;
    offer(&found, &[&[("target", json!(ASSET))], others].concat())
}
