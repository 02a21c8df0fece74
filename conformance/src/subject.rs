//! The connector under test: a real `sliproad serve` process with a configuration of ours, driven by its management API.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::http;

mod management;

pub(crate) use management::{Management, text};

/// How long the connector may take until it is ready.
const START: Duration = Duration::from_secs(20);

/// The addresses and secrets of one connector, chosen before it starts.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Port of the public listener.
    pub(crate) public_port: u16,
    /// Port of the management listener.
    pub(crate) management_port: u16,
    /// Key of the management API.
    pub(crate) key: String,
    /// Its store, a directory.
    pub(crate) store: PathBuf,
}

impl Place {
    /// Base URL of the public listener.
    pub(crate) fn public(&self) -> String {
        format!("http://127.0.0.1:{}", self.public_port)
    }

    /// The sections that say where the connector listens and keeps its state, and that peers are on loopback.
    pub(crate) fn toml(&self) -> String {
        let Self { public_port, management_port, key, store } = self;
        format!(
            r#"[public]
listen = "127.0.0.1:{public_port}"
base-url = "http://127.0.0.1:{public_port}"

[management]
listen = "127.0.0.1:{management_port}"
api-key = "{key}"

[store]
path = "{}"

[outbound]
allow-http = true
allow-private-addresses = true

[drain]
seconds = 1
"#,
            store.display()
        )
    }
}

/// A running connector. Dropping it ends the process.
pub(crate) struct Subject {
    child: Child,
    place: Place,
    management: Management,
    directory: TempDir,
}

impl Subject {
    /// Starts `program serve` with the configuration that `toml` writes for a place, and waits until it is ready.
    pub(crate) async fn start(program: &Path, toml: impl Fn(&Place) -> String) -> Result<Self, String> {
        let mut last = String::new();
        // A port may be taken by somebody else between choosing and listening.
        for _ in 0..3 {
            let mut subject = Self::launch(program, &toml)?;
            match subject.ready().await {
                Ok(()) => return Ok(subject),
                Err(reason) => last = format!("{reason}\n{}", subject.log_tail(20)),
            }
            if !last.contains("in use") {
                break;
            }
        }
        Err(last)
    }

    fn launch(program: &Path, toml: &impl Fn(&Place) -> String) -> Result<Self, String> {
        let failed = |what: &'static str| move |e: std::io::Error| format!("{what}: {e}");
        let directory =
            tempfile::Builder::new().prefix("sliproad-subject-").tempdir().map_err(failed("no directory"))?;
        let [public_port, management_port] = free_ports().map_err(failed("no free port"))?;
        let store = directory.path().join("store");
        let place = Place { public_port, management_port, key: secret(), store };
        let config = directory.path().join("sliproad.toml");
        std::fs::write(&config, toml(&place)).map_err(failed("the configuration cannot be written"))?;
        let log = std::fs::File::create(directory.path().join("log")).map_err(failed("the log cannot be written"))?;
        let child = Command::new(program)
            .args(["serve".as_ref(), "--config".as_ref(), config.as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let management = Management::new(&format!("http://127.0.0.1:{management_port}"), &place.key)?;
        Ok(Self { child, place, management, directory })
    }

    async fn ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().map_err(|e| e.to_string())? {
                return Err(format!("the connector ended at its start ({status})"));
            }
            if self.management.ready().await {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("the connector is not ready after {} s", START.as_secs()));
            }
            // Another process's listener cannot be awaited.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Where it listens.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Its configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("sliproad.toml")
    }

    /// Its management API.
    pub(crate) const fn management(&self) -> &Management {
        &self.management
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }

    /// Whether it still runs.
    pub(crate) fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the connector ended ({status}):\n{}", self.log_tail(20))),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Ends it and waits for the end.
    pub(crate) async fn stop(mut self) {
        // An error means that it is gone already.
        self.child.kill().await.ok();
    }
}

/// Ports that are free now; both are held until both are known, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// A secret for one run.
pub(crate) fn secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Text as a TOML basic string, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A client for everything the harness asks.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    http::client()
}
