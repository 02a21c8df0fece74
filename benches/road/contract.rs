//! From nothing to the first byte: two `sliproad serve` processes, driven through the consumer's management API; and what one of
//! them takes while it idles.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::watch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");
const CONTRACTS: usize = 50;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Contracts {
    /// Negotiation, transfer and first byte, in microseconds, median.
    pub(crate) first_byte: u64,
    /// Resident memory of a provider that has done nothing yet, in KiB.
    pub(crate) idle: u64,
    /// From the start of the process until it is ready, in milliseconds.
    pub(crate) start: u64,
    /// The program's size, in KiB.
    pub(crate) program: u64,
}

/// A process that is told to end when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Measures all of it.
pub(crate) fn measure(directory: &Path) -> Result<Contracts> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_demo, handles) = demo(directory).await?;
        let http = sliproad::demo::client::local_http()?;
        let mut times = Vec::new();
        let offer = offer(&http, &handles).await?;
        for _ in 0..CONTRACTS {
            times.push(contract(&http, &handles, &offer).await?);
        }
        times.sort_unstable();
        let (start, idle) = alone(directory, &http, &handles).await?;
        Ok(Contracts {
            first_byte: times.get(times.len() / 2).copied().unwrap_or_default(),
            idle,
            start,
            program: fs::metadata(PROGRAM)?.len() / 1024,
        })
    })
}

async fn demo(directory: &Path) -> Result<(Running, Value)> {
    let file = directory.join("handles.json");
    let demo = Command::new(PROGRAM).args(["demo", "--keep", "--handles"]).arg(&file).stdout(Stdio::null()).spawn()?;
    let demo = Running(demo);
    let limit = Instant::now() + Duration::from_secs(60);
    while !file.exists() {
        ensure!(Instant::now() < limit, "the demonstration did not get ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok((demo, serde_json::from_slice(&fs::read(&file)?)?))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("{pointer} is missing in {value}"))
}

async fn send(http: &reqwest::Client, handles: &Value, path: &str, body: Option<Value>) -> Result<Value> {
    let url = format!("{}{path}", text(handles, "/consumer/management")?);
    let request = body.map_or_else(|| http.get(&url), |body| http.post(&url).json(&body));
    let answer = request.header("x-api-key", text(handles, "/consumer/apiKey")?).send().await?;
    let status = answer.status();
    let answer = answer.text().await?;
    ensure!(status.is_success(), "{path} was answered with {status}: {answer}");
    Ok(serde_json::from_str(&answer)?)
}

/// The land register's offer, with its target.
async fn offer(http: &reqwest::Client, handles: &Value) -> Result<Value> {
    let body =
        json!({"counterparty": text(handles, "/provider/participantId")?, "address": text(handles, "/provider/dsp")?});
    let catalogue = send(http, handles, "/api/v1/catalog/request", Some(body)).await?;
    let wanted = text(handles, "/datasets/landRegister")?;
    let datasets = catalogue.get("dataset").and_then(Value::as_array).context("no datasets")?;
    let dataset = datasets.iter().find(|d| d.get("@id").is_some_and(|id| id == wanted)).context("no land register")?;
    let mut offer = dataset.pointer("/hasPolicy/0").context("no offer")?.clone();
    offer.as_object_mut().context("no offer")?.insert("target".to_owned(), json!(wanted));
    Ok(offer)
}

async fn contract(http: &reqwest::Client, handles: &Value, offer: &Value) -> Result<u64> {
    let began = Instant::now();
    let body = json!({
        "counterparty": text(handles, "/provider/participantId")?,
        "address": text(handles, "/provider/dsp")?,
        "offer": offer,
    });
    let negotiation = send(http, handles, "/api/v1/negotiations", Some(body)).await?;
    let negotiation = wait(http, handles, "negotiations", &negotiation, "FINALIZED").await?;
    let body = json!({"agreementId": text(&negotiation, "/agreementId")?, "format": "HttpData-PULL"});
    let transfer = send(http, handles, "/api/v1/transfers", Some(body)).await?;
    let transfer = wait(http, handles, "transfers", &transfer, "STARTED").await?;
    let endpoint =
        send(http, handles, &format!("/api/v1/transfers/{}/endpoint", text(&transfer, "/pid")?), None).await?;
    let url = format!("{}/parcels", text(&endpoint, "/endpoint")?);
    let mut answer = http.get(url).header("authorization", text(&endpoint, "/authorization")?).send().await?;
    ensure!(answer.status().is_success(), "the call was answered with {}", answer.status());
    ensure!(answer.chunk().await?.is_some(), "the answer is empty");
    Ok(u64::try_from(began.elapsed().as_micros())?)
}

async fn wait(http: &reqwest::Client, handles: &Value, noun: &str, process: &Value, state: &str) -> Result<Value> {
    let path = format!("/api/v1/{noun}/{}?waitState={state}&waitSeconds=20", text(process, "/pid")?);
    let process = send(http, handles, &path, None).await?;
    if text(&process, "/state")? == state { Ok(process) } else { bail!("not {state}: {process}") }
}

/// Starts a provider alone, on ports and a store of its own: how long until it is ready, and its memory then.
async fn alone(directory: &Path, http: &reqwest::Client, handles: &Value) -> Result<(u64, u64)> {
    let mut configuration = fs::read_to_string(text(handles, "/provider/config")?)?;
    let mut ready = String::new();
    for (part, url) in
        [("public", text(handles, "/provider/public")?), ("management", text(handles, "/provider/management")?)]
    {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let used = url.rsplit(':').next().context("no port")?;
        configuration = configuration.replace(used, &port);
        if part == "management" {
            ready = format!("http://127.0.0.1:{port}/ready");
        }
    }
    let store = configuration.lines().find_map(|l| l.strip_prefix("path = ")).context("no store")?.to_owned();
    configuration = configuration.replace(&store, &format!("{:?}", directory.join("alone")));
    let file = directory.join("alone.toml");
    fs::write(&file, configuration)?;
    let began = Instant::now();
    let mut serve = Command::new(PROGRAM);
    serve.args(["serve", "--config"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let child = Running(serve.spawn()?);
    while !http.get(&ready).send().await.is_ok_and(|a| a.status().is_success()) {
        ensure!(began.elapsed() < Duration::from_secs(30), "the provider did not get ready");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let start = u64::try_from(began.elapsed().as_millis())?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok((start, watch::resident(child.0.id())?))
}
