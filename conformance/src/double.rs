//! The security-server double: a SIMULATED pair of X-Road 7.8 security servers for development, tests and the demonstration.
//!
//! One process stands for the consumer's and the provider's server. It follows the REST message protocol as a real 7.8.0 was
//! observed to: identifiers and access rights are checked, `X-Road-*` headers dropped and generated, the request hash computed over
//! the exact bytes, faults worded and spelled as the real one's. Bodies stream.
//!
//! What it leaves out: SOAP messages, `/asic`, `/verificationconf`, `/wsdl`, signatures and message logs, decoding of gzip, the
//! rewriting of OpenAPI documents (the real server cuts `servers` to paths), and the sharing of backend cookies between callers. The
//! replay test lists each recorded case that is left out, and each body that differs, with its reason.
//!
//! HTTP/1.1 is read and written here by hand: the real server's behaviour depends on raw targets, on the order, case and repetition
//! of headers, which HTTP libraries hide.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod backend;
mod body;
mod checks;
mod config;
mod consents;
mod directory;
mod exchange;
mod fault;
mod http1;
mod listener;
mod message;
mod metadata;
mod records;
pub mod samples;
mod state;
mod target;

pub use config::{
    AccessRight, ClientConfig, ConnectionMode, DoubleConfig, EndpointConfig, FaultSpelling, MemberConfig,
    ServiceConfig, ServiceKind,
};
pub use consents::{Consents, SampleConsent};
pub use state::Trouble;

/// Why the double did not start.
#[derive(Debug, thiserror::Error)]
pub enum DoubleError {
    /// An address could not be bound.
    #[error("the double cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// Certificates could not be made or used.
    #[error("the double cannot use TLS: {0}")]
    Tls(String),
    /// The configuration contradicts itself.
    #[error("the double's configuration is wrong: {0}")]
    Config(String),
}

/// A running double. Dropping it stops it.
pub struct Double {
    http: SocketAddr,
    https: SocketAddr,
    control: SocketAddr,
    state: Arc<state::State>,
    consents: Consents,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Double {
    /// Starts listeners on loopback, on ports that the operating system chooses.
    ///
    /// # Errors
    /// [`DoubleError`].
    pub async fn start(config: DoubleConfig) -> Result<Self, DoubleError> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut config = config;
        let consents = Consents::default();
        if config.samples {
            let addresses = samples::start(&stop, &tasks, consents.clone()).await?;
            config.point_samples_at(&addresses);
        }
        let state = Arc::new(state::State::new(config)?);
        let [http, https, control] = [
            TcpListener::bind(state.config.http_listen.as_str()).await?,
            TcpListener::bind("127.0.0.1:0").await?,
            TcpListener::bind(state.config.control_listen.as_str()).await?,
        ];
        let addresses = [http.local_addr()?, https.local_addr()?, control.local_addr()?];
        let acceptor = listener::acceptor(&state)?;
        tasks.spawn(listener::serve(http, None, Arc::clone(&state), stop.clone()));
        tasks.spawn(listener::serve(https, Some(acceptor), Arc::clone(&state), stop.clone()));
        tasks.spawn(records::serve(control, Arc::clone(&state), stop.clone()));
        let [http, https, control] = addresses;
        tracing::info!(%http, %https, %control, "SIMULATED security server started");
        Ok(Self { http, https, control, state, consents, stop, tasks })
    }

    /// Where clients in HTTP mode call: `http://127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where clients in the HTTPS modes call.
    #[must_use]
    pub fn https_url(&self) -> String {
        format!("https://localhost:{}", self.https.port())
    }

    /// The HTTPS certificate, PEM, to be pinned by clients.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.state.certificate.certificate_pem
    }

    /// The control listener: `/requests`, `/trouble`, `/`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// Where the requests received are told.
    #[must_use]
    pub fn requests_url(&self) -> String {
        format!("{}/requests", self.control_url())
    }

    /// Puts the server into trouble, or out of it.
    pub fn set_trouble(&self, trouble: Trouble) {
        self.state.set_trouble(trouble);
    }

    /// What the sample consent service knows ([`DoubleConfig::with_consents`]).
    #[must_use]
    pub const fn consents(&self) -> &Consents {
        &self.consents
    }

    /// The requests received so far, as the control listener tells them.
    #[must_use]
    pub fn requests(&self) -> Vec<serde_json::Value> {
        self.state.records.to_json()
    }

    /// Stops listening and ends all connections.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
