//! Two replicas of a provider as processes over one PostgreSQL database, a consumer, and what stands before the replicas.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sliproad::demo::processes::{Connector, Road};
use sliproad::demo::settings::Settings;
use sliproad::demo::story::StartedTransfer;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::postgres::Cluster;

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");

/// The server of all tests here that do not stop theirs.
pub(super) static SERVER: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);

/// What peers see in place of the replicas: sends all to one of them.
pub(super) struct Balancer {
    url: String,
    target: Arc<Mutex<(String, CancellationToken)>>,
}

impl Balancer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new((String::new(), CancellationToken::new())));
        let known = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (to, until) = known.lock().unwrap().clone();
                tokio::spawn(async move {
                    let Ok(mut to) = TcpStream::connect(to.trim_start_matches("http://")).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        () = until.cancelled() => {}
                    }
                });
            }
        });
        Self { url, target }
    }

    /// Sends everything there from now on.
    pub(super) fn send_to(&self, replica: &Connector) {
        let next = (replica.settings.listens_at(), CancellationToken::new());
        let (_, until) = std::mem::replace(&mut *self.target.lock().unwrap(), next);
        until.cancel();
    }
}

/// The road, with another replica of the provider.
pub(super) struct Ministry {
    /// The provider in it is the replica `a`.
    pub(super) road: Road,
    pub(super) b: Connector,
    pub(super) balancer: Balancer,
    pub(super) directory: TempDir,
}

impl Ministry {
    /// Both replicas with these lines of configuration more; `None` where there is no PostgreSQL.
    pub(super) async fn open(more: &str) -> Option<Self> {
        Self::open_before(more, "").await
    }

    /// With more in the consumer's configuration, too.
    pub(super) async fn open_before(more: &str, for_consumer: &str) -> Option<Self> {
        let server = SERVER.as_ref()?;
        Some(Self::open_with(server.database().await, more, for_consumer).await)
    }

    pub(super) async fn open_on(database: SecretString, more: &str) -> Self {
        Self::open_with(database, more, "").await
    }

    async fn open_with(database: SecretString, more: &str, for_consumer: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), more, for_consumer).await.unwrap();
        road.provider.kill().await.unwrap();
        let balancer = Balancer::start().await;
        let url = directory.path().join("postgres-url");
        std::fs::write(&url, database.expose_secret()).unwrap();
        let (at_a, at_b) = (folder(&directory, "a"), folder(&directory, "b"));
        let mut settings = road.provider.settings.clone();
        settings.public.clone_from(&balancer.url);
        settings.store = format!(
            "postgres-url-file = \"{}\"\nkeys-path = \"{}\"",
            url.display(),
            directory.path().join("keys").display()
        );
        road.provider = start(settings.replica(&at_a).unwrap(), more).await;
        let b = start(settings.replica(&at_b).unwrap(), more).await;
        balancer.send_to(&road.provider);
        Self { road, b, balancer, directory }
    }

    pub(super) fn a(&self) -> &Connector {
        &self.road.provider
    }

    pub(super) async fn close(mut self) {
        let patience = std::time::Duration::from_secs(5);
        self.b.stop(patience).await;
        self.road.stop(patience).await;
    }
}

async fn start(settings: Settings, more: &str) -> Connector {
    let mut replica = Connector::spawn(Path::new(PROGRAM), settings, more).unwrap();
    replica.wait_ready().await.unwrap();
    replica
}

fn folder(directory: &TempDir, name: &str) -> std::path::PathBuf {
    let folder = directory.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a replica answers to a call under a transfer, whatever peers are told of where to call: status and code.
pub(super) async fn call(replica: &Connector, transfer: &StartedTransfer, path: &str) -> (u16, String) {
    let below = transfer.endpoint.strip_prefix(&replica.settings.public).unwrap();
    let client = sliproad::demo::client::local_http().unwrap();
    let request = client.get(format!("{}{below}{path}", replica.settings.listens_at()));
    let answer = request.header("authorization", transfer.authorization()).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// Removes something by the management API of a replica.
pub(super) async fn remove(replica: &Connector, path: &str) {
    let client = sliproad::demo::client::local_http().unwrap();
    let request = client.delete(format!("{}{path}", replica.settings.management));
    let answer = request.header("x-api-key", &replica.settings.key).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

/// Puts something by the management API of a replica.
pub(super) async fn put(replica: &Connector, path: &str, body: &Value) {
    let client = sliproad::demo::client::local_http().unwrap();
    let request = client.put(format!("{}{path}", replica.settings.management));
    let answer = request.header("x-api-key", &replica.settings.key).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

pub(super) async fn act(replica: &Connector, noun: &str, pid: &str, action: &str) {
    let path = format!("/api/v1/{noun}/{pid}/actions");
    replica.management.post(&path, &json!({"action": action})).await.unwrap();
}
