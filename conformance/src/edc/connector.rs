//! A running EDC, driven by its management API (version 3).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::http;
use crate::kit::java;
use crate::subject::{free_ports, text};

/// Participant id of EDC: a plain one, as its users choose them.
pub(super) const EDC: &str = "BPNL00000000EDC1";
/// The dataset that EDC offers.
pub(super) const ASSET: &str = "asset-1";
/// DSP 2025-1 over HTTP, as EDC calls it.
pub(super) const PROTOCOL: &str = "dataspace-protocol-http:2025-1";
const VOCABULARY: &str = "https://w3id.org/edc/v0.0.1/ns/";
const RESOLVING: Duration = Duration::from_secs(600);
const START: Duration = Duration::from_secs(90);
/// Between two looks at a process of EDC's: its states cannot be awaited.
const LOOK: Duration = Duration::from_millis(25);
const PATIENCE: Duration = Duration::from_secs(25);

/// One release, as Maven knows it.
#[derive(Clone, Copy)]
pub(super) struct Release {
    pub(super) version: &'static str,
    pom: &'static str,
}

impl Release {
    /// With a data plane in the same process.
    pub(super) const WHOLE: Self = Self { version: "0.14.1", pom: include_str!("../../edc/0.14.1/pom.xml") };
    /// The control plane.
    pub(super) const CONTROL: Self = Self { version: "0.15.1", pom: include_str!("../../edc/0.15.1/pom.xml") };

    /// Fetches its jars; the class path.
    async fn class_path(self, directory: &Path) -> Result<String, String> {
        let (pom, out) = (directory.join("pom.xml"), directory.join("class-path"));
        std::fs::write(&pom, self.pom).map_err(|e| format!("the pom cannot be written: {e}"))?;
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "-f"]).arg(&pom);
        maven.arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath");
        maven.arg(format!("-Dmdep.outputFile={}", out.display()));
        let run = maven.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(RESOLVING, run).await.map_err(|_| "Maven takes too long".to_owned())?;
        let output = output.map_err(|e| format!("Maven (`mvn`) does not run: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout);
            let said: Vec<&str> = said.lines().filter(|l| l.contains("ERROR")).take(5).collect();
            return Err(format!("Maven cannot fetch EDC {}: {}", self.version, said.join("\n")));
        }
        std::fs::read_to_string(&out).map_err(|e| format!("Maven wrote no class path: {e}"))
    }
}

/// A running EDC. Dropping it ends the process.
pub(super) struct Connector {
    child: Child,
    /// Base URL of the management API.
    management: String,
    /// Versioned base URL of its protocol endpoints.
    pub(super) dsp: String,
    directory: TempDir,
    http: reqwest::Client,
}

impl Connector {
    /// Fetches and starts it.
    pub(super) async fn start(release: Release) -> Result<Self, String> {
        let directory = tempfile::Builder::new().prefix("sliproad-edc-").tempdir().map_err(|e| e.to_string())?;
        let class_path = release.class_path(directory.path()).await?;
        let ports = free_ports::<6>().map_err(|e| format!("no free port: {e}"))?;
        let config = directory.path().join("edc.properties");
        std::fs::write(&config, properties(&ports, directory.path())?).map_err(|e| e.to_string())?;
        let [_, management, protocol, ..] = ports;
        let child = launch(&class_path, &config, directory.path())?;
        let mut started = Self {
            child,
            management: format!("http://127.0.0.1:{management}/management"),
            dsp: format!("http://127.0.0.1:{protocol}/protocol/2025-1"),
            directory,
            http: http::client()?,
        };
        match started.ready().await {
            Ok(()) => Ok(started),
            Err(reason) => Err(format!("{reason}\n{}", started.log_tail(20))),
        }
    }

    /// Its readiness check says yes before its management API is there, so that is asked instead.
    async fn ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().map_err(|e| e.to_string())? {
                return Err(format!("EDC ended at its start ({status})"));
            }
            if self.post("assets/request", json!({"@type": "QuerySpec"})).await.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("EDC is not ready after {} s", START.as_secs()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Offers [`ASSET`], fed from a URL, to everybody.
    pub(super) async fn offers(&self, source: &str) -> Result<(), String> {
        let data = json!({"type": "HttpData", "baseUrl": source, "proxyPath": "true", "proxyQueryParams": "true"});
        self.post("assets", json!({"@id": ASSET, "properties": {"name": "asset"}, "dataAddress": data})).await?;
        let policy =
            json!({"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Set", "permission": [{"action": "use"}]});
        self.post("policydefinitions", json!({"@id": "open", "policy": policy})).await?;
        let offer =
            json!({"@id": "everything", "accessPolicyId": "open", "contractPolicyId": "open", "assetsSelector": []});
        self.post("contractdefinitions", offer).await.map(drop)
    }

    /// Posts to a collection of its management API; what it answers.
    pub(super) async fn post(&self, path: &str, mut body: Value) -> Result<Value, String> {
        if let Some(map) = body.as_object_mut() {
            map.insert("@context".to_owned(), json!({"@vocab": VOCABULARY, "odrl": "http://www.w3.org/ns/odrl/2/"}));
        }
        let asked = self.http.post(format!("{}/v3/{path}", self.management)).json(&body);
        http::send(&self.http, asked).await?.granted()
    }

    /// What is at a path of its management API.
    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        let asked = self.http.get(format!("{}/v3/{path}", self.management));
        http::send(&self.http, asked).await?.granted()
    }

    /// Waits until a process (`contractnegotiations`, `transferprocesses`) is in a state; the process.
    pub(super) async fn reaches(&self, noun: &str, id: &str, state: &str) -> Result<Value, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let process = self.get(&format!("{noun}/{}", http::segment(id))).await?;
            if text(&process, "state")? == state {
                return Ok(process);
            }
            if Instant::now() > deadline || text(&process, "state")? == "TERMINATED" {
                return Err(format!("at EDC it does not reach {state}: {process}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The id that an agreement of a negotiation has on the wire; EDC's own may be another.
    pub(super) async fn agreement(&self, negotiation: &str) -> Result<String, String> {
        let agreement = self.get(&format!("contractnegotiations/{}/agreement", http::segment(negotiation))).await?;
        text(&agreement, "agreementId").or_else(|_| text(&agreement, "@id"))
    }

    /// The last lines of its log that tell of trouble.
    pub(super) fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let telling = |line: &&str| ["SEVERE", "Exception", "Caused by"].iter().any(|word| line.contains(word));
        let all: Vec<String> = text.lines().filter(telling).map(|l| l.chars().take(300).collect()).collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }

    /// Ends it and waits for the end.
    pub(super) async fn stop(mut self) {
        // An error means that it is gone already.
        self.child.kill().await.ok();
    }
}

fn launch(class_path: &str, config: &Path, directory: &Path) -> Result<Child, String> {
    let log = std::fs::File::create(directory.join("log")).map_err(|e| e.to_string())?;
    let errors = log.try_clone().map_err(|e| e.to_string())?;
    let arguments: PathBuf = directory.join("arguments");
    // The class path is longer than some systems let an argument be.
    std::fs::write(&arguments, format!("-cp \"{}\"\n", class_path.trim())).map_err(|e| e.to_string())?;
    Command::new(java())
        .args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-Dedc.fs.config={}", config.display()))
        .arg(format!("@{}", arguments.display()))
        .arg("org.eclipse.edc.boot.system.runtime.BaseRuntime")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("Java does not start: {e}"))
}

/// The settings: free ports, state machines that look often (as EDC's own end-to-end tests have them), a key for its tokens.
fn properties(ports: &[u16; 6], directory: &Path) -> Result<String, String> {
    let [default, management, protocol, control, public, version] = ports;
    let key = rcgen::KeyPair::generate().map_err(|e| format!("no key: {e}"))?;
    let public_key = directory.join("public.pem");
    std::fs::write(&public_key, key.public_key_pem()).map_err(|e| e.to_string())?;
    let mut lines = vec![
        format!("edc.participant.id={EDC}"),
        "edc.hostname=127.0.0.1".to_owned(),
        format!("edc.dsp.callback.address=http://127.0.0.1:{protocol}/protocol"),
        format!("edc.dataplane.api.public.baseurl=http://127.0.0.1:{public}/public"),
        "edc.transfer.proxy.token.signer.privatekey.alias=signing-key".to_owned(),
        "edc.transfer.proxy.token.verifier.publickey.alias=verifying-key".to_owned(),
        format!("signing-key={}", key.serialize_pem().replace("\r", "").replace('\n', "\\n")),
        "edc.iam.publickeys.dataplane.id=verifying-key".to_owned(),
        format!("edc.iam.publickeys.dataplane.path={}", public_key.display()),
    ];
    lines.push(format!("web.http.port={default}\nweb.http.path=/api"));
    for (context, port) in [
        ("management", management),
        ("protocol", protocol),
        ("control", control),
        ("public", public),
        ("version", version),
    ] {
        lines.push(format!("web.http.{context}.port={port}\nweb.http.{context}.path=/{context}"));
    }
    for machine in ["negotiation.consumer", "negotiation.provider", "transfer", "dataplane", "data.plane.selector"] {
        lines.push(format!("edc.{machine}.state-machine.iteration-wait-millis=50"));
    }
    Ok(lines.join("\n") + "\n")
}
