//! The data plane in a process of its own: listener, token, policy, evidence and counters as `sliproad serve` has them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use async_trait::async_trait;
use credentials::FileSigner;
use serde_json::json;
use sliproad::dataplane::{AssetError, Assets, Counters, DataPlane, DataPlaneSettings, Surroundings};
use sliproad::engine::Planes as _;
use sliproad::env::Clock;
use sliproad::evidence::{self, Evidence, EvidenceSettings};
use sliproad::model::agreement::Agreement;
use sliproad::model::ids::{AgreementId, ParticipantId, Pid};
use sliproad::model::negotiation::Role;
use sliproad::model::process::{Process, ProcessDetail, ProcessState};
use sliproad::model::time::Timestamp;
use sliproad::model::transfer::TransferState;
use sliproad::net::listener::{ListenerLimits, serve};
use sliproad::policy::{Registry, Reported, World};
use sliproad::xroad::client::{Limits, XRoadClient, XRoadConfig};
use sliproad::xroad::route::Route;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the service is at the backend.
pub(crate) const SERVICE_PATH: &str = "/r1/DEV/GOV/2000/landregister/land";
const DATASET: &str = "DEV:GOV:2000:landregister:land";

/// A running data plane, ended when dropped.
pub(crate) struct Plane {
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) token: String,
    child: Child,
}

impl Plane {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the process.
pub(crate) fn start(directory: &Path, backend: &str) -> Result<Plane> {
    let mut child = Command::new(super::own_path()?)
        .args(["--role-plane", "--backend", backend, "--directory"])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [address, path, token] = words[..] else { return Err(anyhow!("the data plane did not start: {line}")) };
    Ok(Plane { address: address.to_owned(), path: path.to_owned(), token: token.to_owned(), child })
}

/// How many records the run left, once they have been verified.
pub(crate) fn evidence(directory: &Path) -> Result<u64> {
    let out = directory.join("export");
    let signer = FileSigner::open_or_create(&directory.join("key.pem"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(evidence::export(&directory.join("evidence"), &out, &signer, Timestamp::from_millis(0)))?;
    let found = evidence::verify(&out)?;
    ensure!(found.broken.is_none(), "the evidence of the run is broken: {:?}", found.broken);
    Ok(found.records)
}

struct Shelf(String, Agreement);

#[async_trait]
impl Assets for Shelf {
    fn allows(&self, _: &sliproad::model::ids::DatasetId, _: &str, _: &str) -> bool {
        true
    }

    fn base(&self, _: &ParticipantId) -> Option<String> {
        Some(self.0.clone())
    }

    async fn transfer(&self, _: &Pid) -> Result<Option<Process>, AssetError> {
        Ok(None)
    }

    async fn agreement(&self, _: &ParticipantId, _: &AgreementId) -> Result<Option<Agreement>, AssetError> {
        Ok(Some(self.1.clone()))
    }

    async fn reported(&self, _: &Agreement) -> Result<Reported, AssetError> {
        Ok(Reported::default())
    }

    fn route(&self, agreement: &Agreement) -> Result<Route, AssetError> {
        let gone = || AssetError::Gone("the service's id is wrong".to_owned());
        let service = agreement.dataset.as_str().parse().map_err(|_| gone())?;
        let client = "DEV/COM/1000/gateway".parse().map_err(|_| gone())?;
        Route::new(client, service, None).map_err(|_| gone())
    }

    fn world(&self, _: &Agreement) -> World {
        World::default().knowing("purpose", "https://example.org/purpose/land-tax".to_owned())
    }
}

fn agreement() -> Agreement {
    let constraint = |left: &str, operator: &str, right: &str| json!({"leftOperand": left, "operator": operator, "rightOperand": right});
    let id = "urn:uuid:0193a000-0000-7000-8000-000000000001";
    Agreement {
        id: id.into(),
        role: Role::Provider,
        participant: "did:web:agency".into(),
        counterparty: "did:web:app".into(),
        dataset: DATASET.into(),
        policy: json!({
            "@type": "Agreement", "@id": id, "target": DATASET, "assigner": "did:web:agency", "assignee": "did:web:app",
            "permission": [{"action": "use", "constraint": [
                constraint("xroad:datapath", "eq", "GET /*"),
                constraint("dateTime", "gteq", "2020-01-01T00:00:00Z"),
                constraint("dateTime", "lt", "2100-01-01T00:00:00Z"),
                constraint("purpose", "eq", "https://example.org/purpose/land-tax"),
            ]}],
        }),
        negotiation: None,
        peer_address: None,
        signed: Timestamp::from_millis(0),
        live: true,
    }
}

/// The process: prints address, path and token, and serves until it is killed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let backend = super::value_of(arguments, "--backend").context("--backend is missing")?;
    let directory = Path::new(super::value_of(arguments, "--directory").context("--directory is missing")?).to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(provide(backend, &directory))
}

async fn provide(backend: &str, directory: &Path) -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let log = directory.join("evidence");
    let server = format!("http://{backend}").parse()?;
    let agreement = agreement();
    let surroundings = Surroundings {
        assets: Arc::new(Shelf(format!("http://{address}/agency"), agreement.clone())),
        standings: None,
        client: XRoadClient::new(&XRoadConfig { server, tls: None, limits: Limits::default() })?,
        evidence: Evidence::open(&log, EvidenceSettings::default(), Clock::system()).await?,
        counters: Counters::open(directory).await?,
        signer: Arc::new(FileSigner::open_or_create(&directory.join("key.pem"))?),
        former_keys: Vec::new(),
        registry: Registry::built_in(),
        consents: None,
        pseudonym_key: "a key of benches".into(),
        clock: Clock::system(),
    };
    let plane = DataPlane::new(DataPlaneSettings::default(), surroundings);
    let mut process = requested(&agreement);
    let granted = plane.open(&process, &agreement, 1).await.map_err(|r| anyhow!("{r:?}"))?;
    process.state = ProcessState::Transfer(TransferState::Started);
    process.detail.starts = 1;
    process.version = 1;
    plane.changed(&process);
    let path = granted.endpoint.split_once(&address.to_string()).context("no path")?.1.to_owned();
    println!("{address} {path} {}", granted.authorization.unwrap_or_default());
    serve(listener, None, ListenerLimits::default(), plane.router(), CancellationToken::new()).await;
    Ok(())
}

fn requested(agreement: &Agreement) -> Process {
    let now = Timestamp::from_millis(0);
    Process {
        pid: "urn:uuid:0193a000-0000-7000-8000-000000000002".into(),
        peer_pid: None,
        role: Role::Provider,
        participant: agreement.participant.clone(),
        counterparty: agreement.counterparty.clone(),
        peer_address: String::new(),
        state: ProcessState::Transfer(TransferState::Requested),
        dataset: agreement.dataset.clone(),
        agreement: Some(agreement.id.clone()),
        detail: ProcessDetail::default(),
        version: 0,
        created: now,
        updated: now,
        delivery_failure: None,
    }
}
