//! Connections to provider services: pooled, one request at a time each.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::net::TcpStream;

use super::fault::Fault;
use super::http1::{Connection, Framing, ResponseHead, last_text, lists};

/// Idle connections by address.
#[derive(Default)]
pub(super) struct Backends(Mutex<HashMap<String, Vec<Connection<TcpStream>>>>);

const MOST_IDLE: usize = 64;

/// Where a service's backend is.
pub(super) struct BackendUrl {
    /// `host:port`, as it goes into the Host header.
    pub(super) authority: String,
    /// `host:port` with the port always present.
    address: String,
    /// Path of the base URL.
    pub(super) base: String,
}

impl BackendUrl {
    pub(super) fn parse(url: &str) -> Result<Self, Fault> {
        let malformed = || Fault::new("server.serverproxy.service_malformed_url", "Malformed service address");
        let rest = url.strip_prefix("http://").ok_or_else(malformed)?;
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, base) = rest.split_at(at);
        let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority: authority.to_owned(), address, base: base.to_owned() })
    }
}

impl Backends {
    /// An idle connection, or a new one.
    pub(super) async fn connect(&self, url: &BackendUrl) -> Result<(Connection<TcpStream>, bool), Fault> {
        if let Some(idle) = self.0.lock().ok().and_then(|mut all| all.get_mut(&url.address).and_then(Vec::pop)) {
            return Ok((idle, true));
        }
        let connecting = TcpStream::connect(url.address.clone());
        match tokio::time::timeout(Duration::from_secs(30), connecting).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                Ok((Connection::new(stream), false))
            }
            Ok(Err(error)) if is_unknown_host(&error) => Err(Fault::new(
                "server.serverproxy.unknown_host",
                format!("{}: Name or service not known", url.authority),
            )),
            Ok(Err(error)) => {
                let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                let why = if refused { "Connection refused".to_owned() } else { error.to_string() };
                let host = url.address.rsplit_once(':').map_or(url.address.as_str(), |(host, _)| host);
                let reason = format!("Connect to {} [/{host}] failed: {why}", url.address);
                Err(Fault::new("server.serverproxy.network_error", reason))
            }
            Err(_) => Err(Fault::new("server.serverproxy.network_error", "Connect timed out")),
        }
    }

    /// Takes a connection back for the next request.
    pub(super) fn keep(&self, url: &BackendUrl, connection: Connection<TcpStream>) {
        if let Ok(mut all) = self.0.lock() {
            let idle = all.entry(url.address.clone()).or_default();
            if idle.len() < MOST_IDLE {
                idle.push(connection);
            }
        }
    }
}

/// How the body of a response is framed.
pub(super) fn response_framing(head: &ResponseHead, method: &str) -> Option<Framing> {
    if method == "HEAD" || matches!(head.status, 100..=199 | 204 | 304) {
        return Some(Framing::Length(0));
    }
    if lists(&head.headers, "Transfer-Encoding", "chunked") {
        return Some(Framing::Chunked);
    }
    match last_text(&head.headers, "Content-Length") {
        Some(length) => length.parse().ok().map(Framing::Length),
        None => Some(Framing::UntilClose),
    }
}

fn is_unknown_host(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.to_string().contains("lookup")
}
