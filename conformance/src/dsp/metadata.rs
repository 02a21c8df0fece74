//! The sequences without a process: version document and catalogue.

use serde_json::Value;

use super::check;
use super::ground::{CATALOGUED, SEGMENT};
use super::message::catalog_request;
use super::play::Stage;
use crate::http::{self, Answer};

/// Ids and titles of these cases.
pub(super) const CASES: [(&str, &str); 4] = [
    ("MET:01-01", "the version document names 2025-1"),
    ("CAT:01-01", "the catalogue has the dataset"),
    ("CAT:01-02", "the dataset by its id"),
    ("CAT:01-03", "an unknown dataset"),
];

/// Plays one of [`CASES`]; `public` is the root of the public listener.
pub(super) async fn play(stage: &Stage, public: &str, id: &str) -> Result<(), String> {
    match id {
        "MET:01-01" => versions(stage, public).await,
        "CAT:01-01" => catalog(stage).await,
        "CAT:01-02" => {
            let answer = dataset(stage, CATALOGUED).await?;
            if answer.status != 200 {
                return Err(format!("expected 200: {answer}"));
            }
            check::dataset(&answer.json()?, CATALOGUED)
        }
        _ => {
            let answer = dataset(stage, "no-such-dataset").await?;
            if answer.status != 404 {
                return Err(format!("expected 404: {answer}"));
            }
            check::catalog_error(&answer.json()?)
        }
    }
}

/// Asked without any authorization: the version document is open.
async fn versions(stage: &Stage, public: &str) -> Result<(), String> {
    let root = format!("{public}/{SEGMENT}");
    let request = stage.http.get(format!("{root}/.well-known/dspace-version"));
    let body = http::send(&stage.http, request).await?.granted()?;
    let versions = body.get("protocolVersions").and_then(Value::as_array).ok_or("no protocolVersions")?;
    let entry = versions.iter().find(|v| v.get("version").is_some_and(|v| v == "2025-1"));
    let entry = entry.ok_or_else(|| format!("2025-1 is not listed: {body}"))?;
    let text = |property| entry.get(property).and_then(Value::as_str).unwrap_or_default();
    if text("binding") != "HTTPS" {
        return Err(format!("binding is not HTTPS: {entry}"));
    }
    let base = format!("{root}{}", text("path"));
    if base == stage.dsp { Ok(()) } else { Err(format!("path leads to {base}, not to {}", stage.dsp)) }
}

async fn catalog(stage: &Stage) -> Result<(), String> {
    let request = stage
        .http
        .post(format!("{}/catalog/request", stage.dsp))
        .header("authorization", &stage.ground.says)
        .header("content-type", "application/json; charset=utf-8")
        .body(catalog_request().to_string());
    let body = http::send(&stage.http, request).await?.granted()?;
    let datasets = check::catalog(&body)?;
    if datasets.iter().any(|dataset| dataset.get("@id").is_some_and(|id| id == CATALOGUED)) {
        Ok(())
    } else {
        Err(format!("{CATALOGUED} is not on the first page, which has {} datasets", datasets.len()))
    }
}

async fn dataset(stage: &Stage, id: &str) -> Result<Answer, String> {
    let request = stage.http.get(format!("{}/catalog/datasets/{id}", stage.dsp));
    http::send(&stage.http, request.header("authorization", &stage.ground.says)).await
}
