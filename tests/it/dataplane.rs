//! The data plane over real sockets: its own listener in front, the security-server double behind.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use conformance::double::{Double, DoubleConfig, Trouble};
use credentials::FileSigner;
use serde_json::{Value, json};
use sha2::Digest as _;
use sliproad::dataplane::{AssetError, Assets, Consents, Counters, DataPlane, DataPlaneSettings, Surroundings};
use sliproad::engine::Planes;
use sliproad::env::Clock;
use sliproad::evidence::{self, Evidence, EvidenceSettings, Reason};
use sliproad::model::agreement::Agreement;
use sliproad::model::exchange::ExchangeId;
use sliproad::model::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use sliproad::model::message::Reasons;
use sliproad::model::negotiation::Role;
use sliproad::model::process::{Process, ProcessDetail, ProcessState};
use sliproad::model::time::Timestamp;
use sliproad::model::transfer::TransferState;
use sliproad::model::xroad::Endpoint;
use sliproad::net::listener::{ListenerLimits, serve};
use sliproad::policy::{Registry, Reported, World};
use sliproad::xroad::client::{Limits, XRoadClient, XRoadConfig};
use sliproad::xroad::route::Route;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

mod consent;
mod fields;
mod operands;
mod proof;
mod refusals;
mod trouble;

#[derive(Default)]
struct Shelf {
    base: String,
    agreements: Mutex<HashMap<AgreementId, Agreement>>,
    endpoints: Mutex<Vec<Endpoint>>,
    known: Mutex<World>,
    reported: Mutex<Reported>,
}

#[async_trait]
impl Assets for Shelf {
    fn base(&self, _: &ParticipantId) -> Option<String> {
        Some(self.base.clone())
    }

    async fn transfer(&self, _: &Pid) -> Result<Option<Process>, AssetError> {
        Ok(None)
    }

    async fn agreement(&self, _: &ParticipantId, id: &AgreementId) -> Result<Option<Agreement>, AssetError> {
        Ok(self.agreements.lock().unwrap().get(id).cloned())
    }

    async fn reported(&self, _: &Agreement) -> Result<Reported, AssetError> {
        Ok(self.reported.lock().unwrap().clone())
    }

    fn route(&self, agreement: &Agreement) -> Result<Route, AssetError> {
        let service = agreement.dataset.as_str().parse().unwrap();
        Ok(Route::new("DEV/COM/1000/gateway".parse().unwrap(), service, None).unwrap())
    }

    fn allows(&self, _: &DatasetId, method: &str, path: &str) -> bool {
        let endpoints = self.endpoints.lock().unwrap();
        endpoints.is_empty() || endpoints.iter().any(|endpoint| endpoint.allows(method, path))
    }

    fn world(&self, _: &Agreement) -> World {
        self.known.lock().unwrap().clone()
    }
}

/// A provider's data plane on a listener of its own, in front of the double.
struct Road {
    double: Double,
    shelf: Arc<Shelf>,
    plane: DataPlane,
    evidence: Evidence,
    signer: Arc<FileSigner>,
    address: String,
    directory: TempDir,
    stop: CancellationToken,
}

/// A started transfer, as the consumer sees it.
#[derive(Clone, Debug)]
struct Granted {
    path: String,
    token: String,
    process: Process,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    fn exchange(&self) -> ExchangeId {
        let line = self.head.lines().find_map(|l| l.strip_prefix("sliproad-exchange: ")).expect("names its exchange");
        ExchangeId::parse(line).unwrap()
    }
}

impl Road {
    async fn open() -> Self {
        Self::with_words(Registry::built_in()).await
    }

    async fn with_words(registry: Registry) -> Self {
        Self::with(DataPlaneSettings::default(), registry, None).await
    }

    async fn with(
        settings: DataPlaneSettings,
        registry: Registry,
        consents: Option<fn(&XRoadClient) -> Consents>,
    ) -> Self {
        let double = Double::start(DoubleConfig::sample().with_consents()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("evidence");
        let evidence = Evidence::open(&log, EvidenceSettings::default(), Clock::system()).await.unwrap();
        let shelf = Arc::new(Shelf { base: format!("http://{address}/agency"), ..Shelf::default() });
        let signer = Arc::new(FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap());
        let server = double.url().parse().unwrap();
        let client = XRoadClient::new(&XRoadConfig { server, tls: None, limits: Limits::default() }).unwrap();
        let consents = consents.map(|make| make(&client));
        let surroundings = Surroundings {
            assets: Arc::clone(&shelf) as Arc<dyn Assets>,
            standings: None,
            client,
            evidence: evidence.clone(),
            counters: Counters::open(directory.path()).await.unwrap(),
            signer: Arc::clone(&signer) as Arc<dyn credentials::Signer>,
            former_keys: Vec::new(),
            registry,
            consents,
            pseudonym_key: "a key of tests".into(),
            clock: Clock::system(),
        };
        let plane = DataPlane::new(settings, surroundings);
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, None, ListenerLimits::default(), plane.router(), stop.clone()));
        Self { double, shelf, plane, evidence, signer, address, directory, stop }
    }

    /// An agreement on a dataset and a started transfer under it.
    async fn grant(&self, dataset: &str, constraints: Value) -> Granted {
        self.grant_under(dataset, json!({"permission": [{"action": "use", "constraint": constraints}]})).await
    }

    /// As [`Road::grant`], with all rules of the agreement.
    async fn grant_under(&self, dataset: &str, rules: Value) -> Granted {
        self.opened_under(dataset, rules).await.unwrap()
    }

    async fn opened_under(&self, dataset: &str, rules: Value) -> Result<Granted, Reasons> {
        let id = format!("urn:uuid:{}", uuid::Uuid::now_v7());
        let now = Timestamp::from_millis(0);
        let (participant, counterparty) = (ParticipantId::from("did:web:agency"), ParticipantId::from("did:web:app"));
        let mut policy = json!({"@type": "Agreement", "@id": id, "target": dataset, "assigner": "did:web:agency",
                                "assignee": "did:web:app"});
        policy.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        let agreement = Agreement {
            id: id.as_str().into(),
            role: Role::Provider,
            participant: participant.clone(),
            counterparty: counterparty.clone(),
            dataset: dataset.into(),
            policy,
            negotiation: None,
            peer_address: None,
            signed: now,
            live: true,
        };
        self.shelf.agreements.lock().unwrap().insert(agreement.id.clone(), agreement.clone());
        let mut process = Process {
            pid: format!("urn:uuid:{}", uuid::Uuid::now_v7()).into(),
            peer_pid: None,
            role: Role::Provider,
            participant,
            counterparty,
            peer_address: String::new(),
            state: ProcessState::Transfer(TransferState::Requested),
            dataset: dataset.into(),
            agreement: Some(agreement.id.clone()),
            detail: ProcessDetail::default(),
            version: 0,
            created: now,
            updated: now,
            delivery_failure: None,
        };
        let address = self.plane.open(&process, &agreement, 1).await?;
        process.detail.starts = 1;
        let token = address.authorization.unwrap();
        let path = address.endpoint.split_once(&self.address).unwrap().1.to_owned();
        let granted = Granted { path, token, process };
        self.change(&granted, TransferState::Started, 1);
        Ok(granted)
    }

    fn change(&self, granted: &Granted, state: TransferState, version: i64) {
        let state = ProcessState::Transfer(state);
        self.plane.changed(&Process { state, version, ..granted.process.clone() });
    }

    /// Sends a request whose target is taken as it is; the answer, read until the connection ends.
    async fn raw(&self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let request =
            format!("{method} {target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{length}{headers}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("an HTTP head") + 4;
        let head = String::from_utf8(answer[..at].to_vec()).unwrap().to_lowercase();
        Answer { status: head[9..12].parse().unwrap(), head, body: answer[at..].to_vec() }
    }

    async fn get(&self, granted: &Granted, below: &str) -> Answer {
        let target = format!("{}{below}", granted.path);
        self.raw("GET", &target, &format!("authorization: Bearer {}\r\n", granted.token), "").await
    }

    async fn close(self) -> TempDir {
        self.stop.cancel();
        self.evidence.close().await;
        self.double.stop().await;
        self.directory
    }
}

const LAND: &str = "DEV:GOV:2000:landregister:land";
const ECHO: &str = "DEV:GOV:2000:echo:echo";

#[tokio::test]
async fn a_call_goes_through_the_security_server_and_comes_back() {
    let road = Road::open().await;
    let granted = road.grant(LAND, json!([])).await;
    let answer = road.get(&granted, "/parcels").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.json().is_object() || answer.json().is_array());
    assert!(!answer.head.contains("x-road-"), "{}", answer.head);
    let received = road.double.requests();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["target"], "/r1/DEV/GOV/2000/landregister/land/parcels");
    let record = road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
    let body = record.response.unwrap().body.unwrap();
    let digest: [u8; 32] = sha2::Sha256::digest(&answer.body).into();
    assert_eq!((body.sha256.0, body.size), (digest, answer.body.len() as u64));
    road.close().await;
}

#[tokio::test]
async fn nothing_forged_and_no_other_path_reaches_the_security_server() {
    let road = Road::open().await;
    let granted = road.grant(ECHO, json!([])).await;
    let base = &granted.path;
    let authorization = format!("authorization: {}\r\n", granted.token);
    for target in [
        format!("{base}/../../population/persons"),
        format!("{base}/..%2f..%2fpopulation"),
        format!("{base}/%2e%2e/%2e%2e/population"),
        format!("{base}/a%5c..%5cb"),
        format!("{base}//a"),
        format!("http://{}{base}/a", road.address),
        format!("{base}/../{}/a", base.rsplit('/').next().unwrap()),
        format!("/agency/../agency/data/{}/a", base.rsplit('/').next().unwrap()),
    ] {
        let answer = road.raw("GET", &target, &authorization, "").await;
        assert!((400..405).contains(&answer.status), "{target} gave {}", answer.status);
    }
    assert_eq!(road.double.requests(), Vec::<Value>::new());
    let forged = format!(
        "{authorization}x-road-client: DEV/GOV/2000/echo\r\nX-ROAD-ID: mine\r\nx-road-security-server: DEV/GOV/2000/x\r\n\
         cookie: session=1\r\nx-road-userid: root\r\nconnection: x-road-issue, accept\r\naccept: application/json\r\n"
    );
    let answer = road.raw("POST", &format!("{base}/hello"), &forged, "body").await;
    assert_eq!(answer.status, 200);
    let headers = road.double.requests()[0]["headers"].to_string().to_lowercase();
    assert!(headers.contains("dev/com/1000/gateway"), "{headers}");
    for forged in ["dev/gov/2000/echo", "mine", "session=1", "root", "authorization", &granted.token.to_lowercase()] {
        assert!(!headers.contains(forged), "{forged} passed: {headers}");
    }
    road.close().await;
}

#[tokio::test]
async fn the_call_after_a_suspension_is_refused_and_a_new_start_needs_its_own_token() {
    let road = Road::open().await;
    let granted = road.grant(LAND, json!([])).await;
    assert_eq!(road.get(&granted, "/parcels").await.status, 200);
    road.change(&granted, TransferState::Suspended, 2);
    let answer = road.get(&granted, "/parcels").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("transfer.suspended")));
    let agreement = road.shelf.agreements.lock().unwrap().values().next().unwrap().clone();
    let address = road.plane.open(&granted.process, &agreement, 2).await.unwrap();
    let mut again = granted.clone();
    again.process.detail.starts = 2;
    again.token = address.authorization.unwrap();
    road.change(&again, TransferState::Started, 3);
    assert_eq!(road.get(&granted, "/parcels").await.json()["code"], "token.superseded");
    assert_eq!(road.get(&again, "/parcels").await.status, 200);
    assert_eq!(road.double.requests().len(), 2);
    road.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_at_once_use_up_a_count_of_ten_exactly() {
    let road = Arc::new(Road::open().await);
    let count =
        json!([{"leftOperand": "count", "operator": "lteq", "rightOperand": {"@value": "10", "@type": "xsd:integer"}}]);
    let granted = road.grant(LAND, count).await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (road, granted) = (Arc::clone(&road), granted.clone());
            tokio::spawn(async move { road.get(&granted, "/parcels").await })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        let answer = call.await.unwrap();
        if answer.status == 200 {
            passed += 1;
        } else {
            assert_eq!((answer.status, answer.json()["because"][0]["operand"].as_str()), (403, Some("count")));
        }
    }
    assert_eq!((passed, road.double.requests().len()), (10, 10));
}

#[tokio::test]
async fn trouble_behind_the_security_server_is_told_with_x_roads_code() {
    let road = Road::open().await;
    let granted = road.grant(LAND, json!([])).await;
    let denied = road.grant("DEV:GOV:2000:landregister:unknown", json!([])).await;
    let answer = road.get(&denied, "/parcels").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("xroad.unknown-service")));
    assert!(answer.json()["xroadCode"].as_str().unwrap().contains("unknown_service"));
    road.double.set_trouble(Trouble { provider_down: true, ..Trouble::default() });
    let answer = road.get(&granted, "/parcels").await;
    assert_eq!(answer.status, 502, "{}", answer.json());
    road.double.set_trouble(Trouble { maintenance: Some("until noon".into()), ..Trouble::default() });
    assert_eq!(road.get(&granted, "/parcels").await.status, 503);
    road.double.stop().await;
    let answer = road.get(&granted, "/parcels").await;
    assert_eq!(answer.status, 502, "{}", answer.json());
}

#[tokio::test]
async fn a_large_download_arrives_whole_and_is_proven_by_its_digest() {
    let road = Road::open().await;
    let granted = road.grant("DEV:GOV:2000:download:file", json!([])).await;
    let mut stream = TcpStream::connect(&road.address).await.unwrap();
    let request = format!(
        "GET {}/file?bytes=30000000 HTTP/1.0\r\nhost: h\r\nauthorization: {}\r\n\r\n",
        granted.path, granted.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let at = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let body = &answer[at..];
    assert_eq!(body.len(), 30_000_000);
    let query = evidence::Query::default();
    let completion = road.evidence.page(&query).await.unwrap().remove(0).exchange;
    let digest: [u8; 32] = sha2::Sha256::digest(body).into();
    assert_eq!(completion.response.unwrap().body.unwrap().sha256.0, digest);
    road.close().await;
}

#[tokio::test]
async fn the_evidence_of_calls_verifies_and_a_tampered_export_does_not() {
    let road = Road::open().await;
    let granted = road.grant(LAND, json!([])).await;
    for below in ["/parcels", "/../x", "/parcels", "/owners", "/parcels"] {
        road.get(&granted, below).await;
    }
    let (signer, now) = (Arc::clone(&road.signer), Timestamp::from_millis(0));
    let directory = road.close().await;
    let log = directory.path().join("evidence");
    let export = async |name: &str| {
        let out = directory.path().join(name);
        evidence::export(&log, &out, signer.as_ref(), now).await.unwrap();
        let file = std::fs::read_dir(&out)
            .unwrap()
            .map(|e| e.unwrap().path())
            .find(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .unwrap();
        (out, file)
    };
    let (out, _) = export("whole").await;
    let found = evidence::verify(&out).unwrap();
    assert_eq!((found.records, found.broken), (5, None));
    type Tamper = fn(&mut Vec<String>);
    let tampers: [(&str, Tamper, Reason); 3] = [
        ("changed", |l| l[1] = l[1].replace("refused", "permitted"), Reason::Changed),
        ("missing", |l| drop(l.remove(2)), Reason::Missing),
        ("reordered", |l| l.swap(2, 3), Reason::Reordered),
    ];
    for (name, tamper, reason) in tampers {
        let (out, file) = export(name).await;
        let mut lines: Vec<String> = std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
        tamper(&mut lines);
        std::fs::write(&file, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
        assert_eq!(evidence::verify(&out).unwrap().broken.unwrap().reason, reason, "{name}");
    }
}

#[tokio::test]
async fn evidence_documents_keep_to_their_schemas() {
    let road = Road::open().await;
    let granted = road.grant(LAND, json!([])).await;
    let large = road.grant("DEV:GOV:2000:download:file", json!([])).await;
    road.get(&granted, "/parcels").await;
    road.get(&granted, "/a/../b").await;
    road.get(&large, "/file?bytes=200000").await;
    let signer = Arc::clone(&road.signer);
    let directory = road.close().await;
    let log = directory.path().join("evidence");
    let lines = std::fs::read_to_string(log.join("records-00000000000000000001.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 4);
    for line in lines.lines() {
        keeps_to("evidence-record", &serde_json::from_str(line).unwrap());
    }
    let out = directory.path().join("export");
    evidence::export(&log, &out, signer.as_ref(), Timestamp::from_millis(0)).await.unwrap();
    let manifest = std::fs::read(out.join("manifest.json")).unwrap();
    keeps_to("evidence-manifest", &serde_json::from_slice(&manifest).unwrap());
    keeps_to("evidence-verification", &json!(evidence::verify(&out).unwrap()));
    std::fs::write(out.join("records-00000000000000000001.jsonl"), "{}\n").unwrap();
    keeps_to("evidence-verification", &json!(evidence::verify(&out).unwrap()));
}

fn keeps_to(schema: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{schema}.schema.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
}

/// Runs in a process of its own, which the test after it kills.
#[tokio::test]
#[ignore = "started by what_was_acknowledged_survives_kill_9"]
async fn child_that_reserves_and_records_until_it_is_killed() {
    let directory = std::env::var("SLIPROAD_TEST_DIRECTORY").unwrap();
    let directory = Path::new(&directory);
    let counter = Counters::open(directory).await.unwrap().counter("calls").await.unwrap();
    let log = directory.join("evidence");
    let evidence = Evidence::open(&log, EvidenceSettings::default(), Clock::system()).await.unwrap();
    let text = include_str!("dataplane/record.json");
    let record: sliproad::model::exchange::Exchange<'static> = serde_json::from_str(text).unwrap();
    for seen in 0..1_000_000 {
        let reservation = counter.reserve(seen).await.unwrap().unwrap();
        let receipt = evidence.append(&record).await.unwrap();
        println!("acknowledged {} {}", seen + 1, receipt.sequence);
        drop(reservation);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dataplane::child_that_reserves_and_records_until_it_is_killed", "--ignored", "--nocapture"])
        .env("SLIPROAD_TEST_DIRECTORY", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = (0, 0);
    for line in output.lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["acknowledged", used, sequence] = words[..] {
            acknowledged = (used.parse().unwrap(), sequence.parse().unwrap());
            if acknowledged.0 == 50 {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.0 >= 50, "the child ended early");
    let counter = Counters::open(directory.path()).await.unwrap().counter("calls").await.unwrap();
    assert!(counter.used() >= acknowledged.0, "{} < {}", counter.used(), acknowledged.0);
    let log = directory.path().join("evidence");
    let evidence = Evidence::open(&log, EvidenceSettings::default(), Clock::system()).await.unwrap();
    assert!(evidence.head().sequence >= acknowledged.1);
    evidence.close().await;
    let signer = FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap();
    let out = directory.path().join("export");
    evidence::export(&log, &out, &signer, Timestamp::from_millis(0)).await.unwrap();
    assert_eq!(evidence::verify(&out).unwrap().broken, None);
}

#[tokio::test]
async fn a_slow_answer_is_released_piece_by_piece_to_a_consumer_that_reads() {
    let road = Road::open().await;
    let granted = road.grant("DEV:GOV:2000:download:file", json!([])).await;
    let mut stream = TcpStream::connect(&road.address).await.unwrap();
    let request = format!(
        "GET {}/file?bytes=500000000 HTTP/1.1\r\nhost: h\r\nauthorization: {}\r\n\r\n",
        granted.path, granted.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = vec![0; 100_000];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut first)).await.unwrap().unwrap();
    assert_eq!(road.evidence.head().sequence, 1);
    drop(stream);
    let ended = async {
        while road.evidence.head().sequence < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the aborted exchange is completed");
    let last = road.evidence.page(&evidence::Query::default()).await.unwrap().remove(0).exchange;
    assert_eq!(last.outcome, sliproad::model::exchange::Outcome::Aborted);
    road.close().await;
}
