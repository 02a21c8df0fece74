use std::collections::HashMap;
use std::sync::Mutex;

use credentials::FileSigner;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::evidence::{EvidenceSettings, Kept};
use crate::model::exchange::{BodyDigest, Digest, Effect, ExchangeId, Outcome, RecordKind};
use crate::model::ids::{AgreementId, DatasetId, ParticipantId};
use crate::model::negotiation::Role;
use crate::model::process::{ProcessDetail, ProcessState};
use crate::model::time::Timestamp;
use crate::model::transfer::TransferState;
use crate::policy::{Operand, Registry, Reported, Source, World};
use crate::xroad::client::{Limits, XRoadConfig};
use crate::xroad::route::Route;

mod abandoned;
mod backend;
pub(in crate::dataplane) mod backing;
mod cluster;
mod history;
mod limits;
mod outages;
mod refused;
mod standing;
mod streamed;
mod told;

use backend::Backend;
use backing::Backing;

const AT: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const PATH: &str = "/provider/data/0193";

/// Everything that the data plane asks for, on one shelf.
struct Shelf {
    agreements: Mutex<HashMap<AgreementId, Agreement>>,
    transfers: Mutex<HashMap<Pid, Process>>,
}

#[async_trait]
impl Assets for Shelf {
    fn base(&self, participant: &ParticipantId) -> Option<String> {
        (participant.as_str() == "did:web:provider").then(|| "http://127.0.0.1/provider".to_owned())
    }

    async fn transfer(&self, pid: &Pid) -> Result<Option<Process>, AssetError> {
        Ok(self.transfers.lock().unwrap().get(pid).cloned())
    }

    async fn agreement(&self, _: &ParticipantId, id: &AgreementId) -> Result<Option<Agreement>, AssetError> {
        Ok(self.agreements.lock().unwrap().get(id).cloned())
    }

    async fn reported(&self, _: &Agreement) -> Result<Reported, AssetError> {
        Ok(Reported::default())
    }

    fn route(&self, agreement: &Agreement) -> Result<Route, AssetError> {
        let service = agreement.dataset.as_str().parse().map_err(|_| AssetError::Gone("no such service".into()))?;
        Ok(Route::new("DEV/GOV/1/gateway".parse().unwrap(), service, None).unwrap())
    }

    fn allows(&self, _: &DatasetId, _: &str, _: &str) -> bool {
        true
    }

    fn world(&self, agreement: &Agreement) -> World {
        World {
            target: Some(agreement.dataset.to_string()),
            assigner: Some(agreement.participant.to_string()),
            assignee: Some(agreement.counterparty.to_string()),
            ..World::default()
        }
        .knowing("xroad:clientId", "DEV/GOV/1/gateway")
    }
}

struct Stage {
    plane: DataPlane,
    shelf: Arc<Shelf>,
    evidence: Evidence,
    backend: Backend,
    clock: Clock,
    _directory: TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        problem["code"].as_str().unwrap().to_owned()
    }

    fn exchange(&self) -> ExchangeId {
        ExchangeId::parse(self.headers["sliproad-exchange"].to_str().unwrap()).unwrap()
    }
}

fn constrained(constraints: Value) -> Value {
    json!({"@type": "Agreement", "@id": "agreement-1", "target": "DEV:GOV:1:sub:land", "assigner": "did:web:provider",
           "assignee": "did:web:consumer", "permission": [{"action": "use", "constraint": constraints}]})
}

impl Stage {
    async fn set() -> Self {
        Self::with(DataPlaneSettings::default()).await
    }

    async fn with(settings: DataPlaneSettings) -> Self {
        Self::on(&Backing::Alone(tempfile::tempdir().unwrap()), settings).await
    }

    async fn on(backing: &Backing, settings: DataPlaneSettings) -> Self {
        Self::asking(backing, settings, None).await
    }

    /// One that asks about consents.
    async fn asking(backing: &Backing, settings: DataPlaneSettings, consents: Option<Consents>) -> Self {
        let backend = Backend::start().await;
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::standing(AT);
        let log = directory.path().join("evidence");
        let evidence = Evidence::open(&log, EvidenceSettings::default(), clock.clone()).await.unwrap();
        let shelf = Arc::new(Shelf { agreements: Mutex::default(), transfers: Mutex::default() });
        let server = backend.address.parse().unwrap();
        let client = XRoadClient::new(&XRoadConfig { server, tls: None, limits: Limits::default() }).unwrap();
        let surroundings = Surroundings {
            assets: Arc::clone(&shelf) as Arc<dyn Assets>,
            standings: None,
            client,
            evidence: evidence.clone(),
            counters: backing.counters().await,
            signer: Arc::new(FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap()),
            former_keys: Vec::new(),
            registry: registry(),
            consents,
            pseudonym_key: "a key of tests".into(),
            clock: clock.clone(),
        };
        Self { plane: DataPlane::new(settings, surroundings), shelf, evidence, backend, clock, _directory: directory }
    }

    /// A started transfer under these constraints; its token.
    async fn start(&self, constraints: Value) -> String {
        self.start_under(constrained(constraints)).await
    }

    /// The same under a whole policy.
    async fn start_under(&self, policy: Value) -> String {
        let agreement = Agreement {
            id: "agreement-1".into(),
            role: Role::Provider,
            participant: "did:web:provider".into(),
            counterparty: "did:web:consumer".into(),
            dataset: "DEV:GOV:1:sub:land".into(),
            policy,
            negotiation: Some("urn:uuid:negotiation".into()),
            peer_address: None,
            signed: AT,
            live: true,
        };
        self.shelf.agreements.lock().unwrap().insert(agreement.id.clone(), agreement.clone());
        let requested = transfer("urn:uuid:0193", TransferState::Requested, 0, 0);
        let address = self.plane.open(&requested, &agreement, 1).await.unwrap();
        assert_eq!(address.endpoint, format!("http://127.0.0.1{PATH}"));
        self.change(TransferState::Started, 1, 1);
        address.authorization.unwrap()
    }

    /// A second started transfer under the same agreement; its token.
    async fn start_another(&self) -> String {
        let agreement = self.shelf.agreements.lock().unwrap().values().next().unwrap().clone();
        let requested = transfer("urn:uuid:0194", TransferState::Requested, 0, 0);
        let address = self.plane.open(&requested, &agreement, 1).await.unwrap();
        let started = transfer("urn:uuid:0194", TransferState::Started, 1, 1);
        self.shelf.transfers.lock().unwrap().insert(started.pid.clone(), started.clone());
        self.plane.changed(&started);
        address.authorization.unwrap()
    }

    /// A started transfer of another consumer; its token.
    async fn start_for(&self, consumer: &str) -> String {
        let mut agreement = self.shelf.agreements.lock().unwrap().values().next().unwrap().clone();
        agreement.id = format!("agreement of {consumer}").as_str().into();
        agreement.counterparty = consumer.into();
        agreement.policy["assignee"] = json!(consumer);
        self.shelf.agreements.lock().unwrap().insert(agreement.id.clone(), agreement.clone());
        let of_it = |state, starts, version| Process {
            counterparty: consumer.into(),
            agreement: Some(agreement.id.clone()),
            ..transfer("urn:uuid:0195", state, starts, version)
        };
        let address = self.plane.open(&of_it(TransferState::Requested, 0, 0), &agreement, 1).await.unwrap();
        let started = of_it(TransferState::Started, 1, 1);
        self.shelf.transfers.lock().unwrap().insert(started.pid.clone(), started.clone());
        self.plane.changed(&started);
        address.authorization.unwrap()
    }

    fn change(&self, state: TransferState, starts: u32, version: i64) {
        let process = transfer("urn:uuid:0193", state, starts, version);
        self.shelf.transfers.lock().unwrap().insert(process.pid.clone(), process.clone());
        self.plane.changed(&process);
    }

    /// A data plane that remembers nothing, in front of `server`.
    fn afresh(&self, server: &str) -> DataPlane {
        self.another(server, self.plane.0.counters.clone(), self.clock.clone())
    }

    /// A data plane as this one with counters and a clock of its own: another replica.
    fn another(&self, server: &str, counters: Counters, clock: Clock) -> DataPlane {
        let server = server.parse().unwrap();
        let surroundings = Surroundings {
            assets: Arc::clone(&self.shelf) as Arc<dyn Assets>,
            standings: None,
            client: XRoadClient::new(&XRoadConfig { server, tls: None, limits: Limits::default() }).unwrap(),
            evidence: self.evidence.clone(),
            counters,
            signer: Arc::clone(&self.plane.0.signer),
            former_keys: Vec::new(),
            registry: registry(),
            consents: None,
            pseudonym_key: "a key of tests".into(),
            clock,
        };
        DataPlane::new(self.plane.0.settings.clone(), surroundings)
    }

    fn restart(&mut self) {
        self.plane = self.afresh(&self.backend.address);
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(request(token, path)).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (head, body) = self.plane.provide(request).await.into_parts();
        Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    async fn records(&self, exchange: ExchangeId) -> Vec<Kept> {
        self.evidence.record(exchange).await.unwrap()
    }
}

/// With an operand of the operator's own: what a body says of its case.
fn registry() -> Registry {
    let mut registry = Registry::built_in();
    let source = Source::Pointer("/case".to_owned());
    registry.define("ex:case", Operand { source, exchange_only: true, ..Operand::text() });
    registry
}

/// Waits until the log has so many records.
async fn recorded(stage: &Stage, number: u64) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(5);
    while stage.evidence.head().sequence < number {
        assert!(tokio::time::Instant::now() < limit, "the record did not come");
        tokio::task::yield_now().await;
    }
}

fn transfer(pid: &str, state: TransferState, starts: u32, version: i64) -> Process {
    Process {
        pid: pid.into(),
        peer_pid: None,
        role: Role::Provider,
        participant: "did:web:provider".into(),
        counterparty: "did:web:consumer".into(),
        peer_address: "http://127.0.0.1".into(),
        state: ProcessState::Transfer(state),
        dataset: "DEV:GOV:1:sub:land".into(),
        agreement: Some("agreement-1".into()),
        detail: ProcessDetail { starts, ..ProcessDetail::default() },
        version,
        created: AT,
        updated: AT,
        delivery_failure: None,
    }
}

fn request(token: &str, path: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().uri(format!("{PATH}{path}")).header(header::AUTHORIZATION, token);
    request.body(Full::default()).unwrap()
}

/// A call under the second transfer.
fn other_request(token: &str, path: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().uri(format!("/provider/data/0194{path}")).header(header::AUTHORIZATION, token);
    request.body(Full::default()).unwrap()
}

fn digest(bytes: &[u8]) -> BodyDigest {
    use sha2::Digest as _;
    BodyDigest { sha256: Digest(sha2::Sha256::digest(bytes).into()), size: bytes.len() as u64 }
}

#[tokio::test]
async fn a_permitted_call_reaches_the_service_and_leaves_one_record() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let mut call = request(&format!("Bearer {token}"), "/parcels/%C3%B5?x=[1]");
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    call.headers_mut().insert("traceparent", traceparent.parse().unwrap());
    let answer = stage.send(call).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::CREATED, &b"the register's answer"[..]));
    assert_eq!(answer.headers["etag"], "\"1\"");
    let arrived = &stage.backend.arrived()[0];
    assert_eq!(arrived.method, "GET");
    assert_eq!(arrived.target, "/r1/DEV/GOV/1/sub/land/parcels/%C3%B5?x=[1]");
    assert_eq!(arrived.headers["x-road-client"], "DEV/GOV/1/gateway");
    assert_eq!(arrived.headers["x-road-issue"], "agreement-1");
    assert!(arrived.headers["traceparent"].to_str().unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    let records = stage.records(answer.exchange()).await;
    assert_eq!(records.len(), 1);
    let record = &records[0].exchange;
    assert_eq!((record.kind, record.outcome), (RecordKind::Exchange, Outcome::Complete));
    assert_eq!((record.decision.effect, &*record.request.path), (Effect::Permit, "/parcels/%C3%B5?x=[1]"));
    assert_eq!(record.request.xroad_id.as_deref(), arrived.headers["x-road-id"].to_str().ok());
    assert_eq!(record.request.body, Some(BodyDigest::EMPTY));
    let response = record.response.as_ref().unwrap();
    assert_eq!((response.status, response.body), (201, Some(digest(b"the register's answer"))));
    assert_eq!(response.xroad_request_hash.as_deref(), Some("aGFzaA=="));
    assert_eq!(record.trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
}

#[tokio::test]
async fn a_callers_headers_pass_only_when_they_are_on_the_list() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let mut call = request(&token, "/");
    for (name, value) in [
        ("accept", "application/json"),
        ("x-road-client", "DEV/GOV/2/evil"),
        ("x-road-id", "mine"),
        ("x-road-security-server", "DEV/GOV/2/s"),
        ("x-road-anything", "x"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
        ("connection", "accept"),
        ("user-agent", "me"),
        ("proxy-authorization", "x"),
    ] {
        call.headers_mut().append(name, value.parse().unwrap());
    }
    let answer = stage.send(call).await;
    assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("x-road-service"));
    let arrived = &stage.backend.arrived()[0].headers;
    let mut names: Vec<&str> = arrived.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "host", "traceparent", "x-road-client", "x-road-id", "x-road-issue"]);
    assert_eq!(arrived["x-road-client"], "DEV/GOV/1/gateway");
    assert_ne!(arrived["x-road-id"], "mine");
}

#[tokio::test]
async fn a_request_body_is_passed_on_and_digested() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let call = Request::builder().method("POST").uri(format!("{PATH}/parcels")).header("authorization", &token);
    let answer = stage.send(call.body(Full::new(Bytes::from_static(b"a new parcel"))).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(&stage.backend.arrived()[0].body[..], b"a new parcel");
    let records = stage.records(answer.exchange()).await;
    assert_eq!(records[0].exchange.request.body, Some(digest(b"a new parcel")));
}

#[tokio::test]
async fn a_transfer_is_found_in_the_store_after_a_restart() {
    let mut stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    stage.restart();
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    stage.change(TransferState::Terminated, 1, 2);
    assert_eq!(stage.get(&token, "/a").await.code(), "transfer.terminated");
}
