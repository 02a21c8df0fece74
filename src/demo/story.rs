//! The story itself: each step either happened as told, or the demonstration fails.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::client::{local_http, text};
use super::processes::Road;
use super::settings::PROVIDER;
use super::telling::tell;

/// The land register's dataset id.
pub const LAND_REGISTER: &str = "DEV:GOV:2000:landregister:land";
/// The population register's dataset id.
pub const POPULATION_REGISTER: &str = "DEV:GOV:2000:population:persons";
/// The large download's dataset id.
pub const DOWNLOAD: &str = "DEV:GOV:2000:download:file";
/// The echo service's dataset id.
pub const ECHO: &str = "DEV:GOV:2000:echo:echo";

/// A started transfer as its consumer sees it.
pub struct StartedTransfer {
    /// The consumer's pid.
    pub consumer_pid: String,
    /// The provider's pid.
    pub provider_pid: String,
    /// Where to call.
    pub endpoint: String,
    /// The token.
    token: String,
}

impl StartedTransfer {
    /// A transfer with the token that its last start gave.
    #[must_use]
    pub fn new(consumer_pid: &str, provider_pid: &str, endpoint: &str, token: &str) -> Self {
        Self {
            consumer_pid: consumer_pid.to_owned(),
            provider_pid: provider_pid.to_owned(),
            endpoint: endpoint.to_owned(),
            token: token.to_owned(),
        }
    }

    /// The `Authorization` header to call with.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// What the data plane answered.
pub struct Called {
    /// HTTP status.
    pub status: u16,
    /// The body, as JSON where it is JSON.
    pub body: Value,
}

/// Plays the story against the running road.
///
/// # Errors
/// The first step that did not happen as told, or could not be told.
pub async fn play(road: &Road, begun: Instant) -> Result<()> {
    let [double, provider, consumer] = road.ready_after;
    tell!("Sliproad demonstration (the security server and its services are SIMULATED; all else is real)\n")?;
    tell!("   simulated security server {}  ready after {} ms", road.double.url, double.as_millis())?;
    tell!("   provider {}  ready after {} ms", road.provider.settings.dsp(), provider.as_millis())?;
    tell!("   consumer {}  ready after {} ms", road.consumer.settings.dsp(), consumer.as_millis())?;

    look_at_catalogue(road).await?;
    let land = land_register(road).await?;
    count_used_up(road).await?;
    suspended(road, &land).await?;
    evidence(road).await?;
    tell!("\nAll of it happened, in {:.1} s.", begun.elapsed().as_secs_f32())
}

async fn look_at_catalogue(road: &Road) -> Result<()> {
    chapter(1, "The consumer asks the provider for its catalogue")?;
    let begun = Instant::now();
    let request = json!({"counterparty": PROVIDER, "address": road.provider.settings.dsp()});
    let catalogue = road.consumer.management.post("/api/v1/catalog/request", &request).await?;
    let datasets = list(&catalogue, "dataset");
    for dataset in &datasets {
        tell!(
            "   {}  {}",
            text(dataset, "@id")?,
            text(dataset, "title").or_else(|_| text(dataset, "dct:title")).unwrap_or_default()
        )?;
    }
    for wanted in [LAND_REGISTER, POPULATION_REGISTER, DOWNLOAD, ECHO] {
        ensure!(datasets.iter().any(|d| d["@id"] == wanted), "the catalogue lacks {wanted}: {catalogue}");
    }
    took(begun)?;
    Ok(())
}

async fn land_register(road: &Road) -> Result<StartedTransfer> {
    chapter(2, "It negotiates a contract for the land register")?;
    let begun = Instant::now();
    let agreement = negotiate(road, LAND_REGISTER).await?;
    tell!("   agreement {agreement}")?;
    took(begun)?;

    chapter(3, "It starts a transfer and calls the register")?;
    let begun = Instant::now();
    let transfer = start_transfer(road, &agreement).await?;
    tell!("   transfer {} -> {}", transfer.consumer_pid, transfer.endpoint)?;
    let answer = call(&transfer, "/parcels").await?;
    ensure!(answer.status == 200, "the permitted call was answered with {}: {}", answer.status, answer.body);
    took(begun)?;
    tell!("   GET /parcels -> 200  {}", shortened(&answer.body))?;

    chapter(4, "It tries a path that the agreement does not cover")?;
    let refused = call(&transfer, "/owners").await?;
    ensure!(refused.status == 403, "the wrong path was answered with {}", refused.status);
    tell_refusal("GET /owners", &refused)?;
    Ok(transfer)
}

async fn count_used_up(road: &Road) -> Result<()> {
    chapter(5, "The population register may be asked three times")?;
    let agreement = negotiate(road, POPULATION_REGISTER).await?;
    let transfer = start_transfer(road, &agreement).await?;
    for n in 1..=3 {
        let answer = call(&transfer, "/persons/50001010001").await?;
        ensure!(answer.status == 200, "look-up {n} was answered with {}: {}", answer.status, answer.body);
        tell!("   look-up {n} -> 200")?;
    }
    let refused = call(&transfer, "/persons/50001010001").await?;
    ensure!(refused.status == 403, "look-up 4 was answered with {}", refused.status);
    tell_refusal("look-up 4", &refused)?;
    Ok(())
}

async fn suspended(road: &Road, transfer: &StartedTransfer) -> Result<()> {
    chapter(6, "The provider suspends the land register's transfer")?;
    let action = json!({"action": "suspend", "code": "maintenance", "reason": "the register is being corrected"});
    let path = format!("/api/v1/transfers/{}/actions", transfer.provider_pid);
    road.provider.management.post(&path, &action).await?;
    let refused = call(transfer, "/parcels").await?;
    ensure!(matches!(refused.status, 401 | 403), "after suspension the call was answered with {}", refused.status);
    tell_refusal("the very next call", &refused)?;
    road.consumer.management.wait("transfers", &transfer.consumer_pid, "SUSPENDED").await?;
    tell!("   the consumer knows: SUSPENDED")?;
    Ok(())
}

async fn evidence(road: &Road) -> Result<()> {
    chapter(7, "The evidence of all this is exported and verified offline")?;
    let folder = road.provider.settings.directory.join("evidence");
    let config = road.provider.config.display().to_string();
    let out = folder.display().to_string();
    let (code, said) = sliproad(&["evidence", "export", "--config", &config, "--out", &out]).await?;
    ensure!(code == 0, "the export failed ({code}): {said}");
    let (code, said) = sliproad(&["evidence", "verify", &out]).await?;
    ensure!(code == 0, "the export does not verify ({code}): {said}");
    tell!("   {}", said.trim().replace('\n', "\n   "))?;

    chapter(8, "Somebody changes one digit in it")?;
    tamper(&folder)?;
    let (code, said) = sliproad(&["evidence", "verify", &out]).await?;
    ensure!(code == 1, "a changed export passed as whole ({code}): {said}");
    tell!("   rejected: {}", said.trim().replace('\n', "\n   "))?;
    Ok(())
}

/// Negotiates the first offer of a dataset to its end; the agreement's id.
pub async fn negotiate(road: &Road, dataset: &str) -> Result<String> {
    let address = road.provider.settings.dsp();
    let request = json!({"counterparty": PROVIDER, "address": address});
    let catalogue = road.consumer.management.post("/api/v1/catalog/request", &request).await?;
    let offer = list(&catalogue, "dataset")
        .into_iter()
        .find(|d| d["@id"] == dataset)
        .and_then(|d| list(&d, "hasPolicy").into_iter().next())
        .with_context(|| format!("{dataset} is not offered"))?;
    let mut offer = offer;
    if let Some(map) = offer.as_object_mut() {
        map.insert("target".to_owned(), json!(dataset));
    }
    let request = json!({"counterparty": PROVIDER, "address": address, "offer": offer});
    let begun = road.consumer.management.post("/api/v1/negotiations", &request).await?;
    let done = road.consumer.management.wait("negotiations", &text(&begun, "pid")?, "FINALIZED").await?;
    text(&done, "agreementId")
}

/// Starts a transfer under an agreement.
pub async fn start_transfer(road: &Road, agreement: &str) -> Result<StartedTransfer> {
    let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
    let begun = road.consumer.management.post("/api/v1/transfers", &request).await?;
    let consumer_pid = text(&begun, "pid")?;
    let started = road.consumer.management.wait("transfers", &consumer_pid, "STARTED").await?;
    let endpoint = road.consumer.management.read(&format!("/api/v1/transfers/{consumer_pid}/endpoint")).await?;
    Ok(StartedTransfer {
        provider_pid: text(&started, "peerPid")?,
        endpoint: text(&endpoint, "endpoint")?,
        token: text(&endpoint, "authorization")?,
        consumer_pid,
    })
}

/// Calls a path below the endpoint of a started transfer.
pub async fn call(transfer: &StartedTransfer, path: &str) -> Result<Called> {
    let answer = local_http()?
        .get(format!("{}{path}", transfer.endpoint))
        .header("authorization", transfer.authorization())
        .send()
        .await
        .context("the data plane does not answer")?;
    let status = answer.status().as_u16();
    let text = answer.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Called { status, body })
}

/// Runs a command of this program; its exit code and what it said.
async fn sliproad(arguments: &[&str]) -> Result<(i32, String)> {
    let output = tokio::process::Command::new(super::processes::this_program()?).args(arguments).output().await?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.trim().is_empty() {
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    Ok((output.status.code().unwrap_or(-1), said))
}

/// Changes one digit of the status of a recorded exchange.
fn tamper(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        if let Some(changed) = ["\"status\":200", "\"status\": 200"]
            .iter()
            .find(|s| text.contains(**s))
            .map(|s| text.replacen(s, &s.replace("200", "201"), 1))
        {
            tell!("   in {}: a status 200 becomes 201", path.display())?;
            return std::fs::write(&path, changed).context("the export cannot be changed");
        }
    }
    anyhow::bail!("the export holds no exchange with status 200")
}

fn list(value: &Value, property: &str) -> Vec<Value> {
    match value.get(property) {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn tell_refusal(what: &str, refused: &Called) -> Result<()> {
    let detail = refused.body.get("detail").and_then(Value::as_str).unwrap_or_default();
    let code = refused.body.get("code").and_then(Value::as_str).unwrap_or_default();
    tell!("   {what} -> {} {code}\n      {detail}", refused.status)
}

fn shortened(body: &Value) -> String {
    let text = body.to_string();
    let short: String = text.chars().take(160).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

fn chapter(number: u32, title: &str) -> Result<()> {
    tell!("\n{number}. {title}")
}

fn took(begun: Instant) -> Result<()> {
    tell!("   ({} ms)", begun.elapsed().as_millis())
}
