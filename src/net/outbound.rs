//! The one guarded client: every call to a place that a peer named goes through it (design rule 7).
//!
//! https only unless configured, no private addresses unless opened, no redirects, no proxy from the environment, and bounds on
//! time and size. Addresses are checked where the connection is made, after name resolution, so that a name cannot change its
//! meaning in between.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls_pki_types::CertificateDer;
use url::{Host, Url};

use super::reach::{Network, may_be_called};
use super::tls::{TlsError, client_config};

/// What may be called, and within which bounds.
#[derive(Clone, Debug)]
pub struct OutboundPolicy {
    /// Whether plain `http` is allowed, beside `https`.
    pub plain_http: bool,
    /// Networks that are not public and may be called all the same.
    pub opened: Vec<Network>,
    /// Certificate authorities trusted beside those of the operating system.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// For how long a connection may take to be made, TLS included.
    pub connect_time: Duration,
    /// For how long a call may take, from name resolution to the last byte of the answer.
    pub total_time: Duration,
    /// Bytes of an answer that are read at most.
    pub answer_size: usize,
}

impl Default for OutboundPolicy {
    fn default() -> Self {
        Self {
            plain_http: false,
            opened: Vec::new(),
            extra_roots: Vec::new(),
            connect_time: Duration::from_secs(5),
            total_time: Duration::from_secs(15),
            answer_size: 8 * 1024 * 1024,
        }
    }
}

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The policy does not allow it; nothing was sent.
    #[error("{0}")]
    Forbidden(String),
    /// No connection, or it broke.
    #[error("no answer from {host}: {reason}")]
    Unreachable {
        /// Who was called.
        host: String,
        /// What failed; never the request.
        reason: String,
    },
    /// No answer in time.
    #[error("{0} did not answer in time")]
    TimedOut(String),
    /// The answer is larger than allowed.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Who was called.
        host: String,
        /// Bytes.
        limit: usize,
    },
    /// The answer points elsewhere; redirects are not followed.
    #[error("{0} answered with a redirect, which is not followed; use the address it points to")]
    Redirected(String),
}

/// A call to be made.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// HTTP method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers; mark secret values as sensitive.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status; never a redirect.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body, within the limit.
    pub body: Bytes,
}

/// The guarded client. Cheap to clone; one for the process.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    policy: Arc<OutboundPolicy>,
}

impl Outbound {
    /// A client under a policy.
    ///
    /// # Errors
    /// When a certificate authority cannot be read.
    pub fn new(policy: OutboundPolicy) -> Result<Self, TlsError> {
        let policy = Arc::new(policy);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(client_config(&policy.extra_roots)?)
            .dns_resolver(GuardedResolver(Arc::clone(&policy)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("sliproad/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(policy.connect_time)
            .read_timeout(policy.total_time)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|e| TlsError::Client(e.to_string()))?;
        Ok(Self { client, policy })
    }

    /// Whether the policy lets this URL be called at all; names are resolved only when it is.
    ///
    /// # Errors
    /// `Forbidden` with the reason.
    pub fn check(&self, url: &str) -> Result<Url, OutboundError> {
        let forbidden = |why: String| Err(OutboundError::Forbidden(why));
        let Ok(parsed) = Url::parse(url) else { return forbidden("the address is not an absolute URL".to_owned()) };
        match parsed.scheme() {
            "https" => {}
            "http" if self.policy.plain_http => {}
            "http" => return forbidden(format!("{} is plain http, which is not allowed here", shown(&parsed))),
            other => return forbidden(format!("{other} addresses are not called")),
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return forbidden("an address with a user name in it is not called".to_owned());
        }
        let literal = match parsed.host() {
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
            Some(Host::Domain(_)) => None,
            None => return forbidden("the address names no host".to_owned()),
        };
        match literal {
            Some(ip) if !may_be_called(ip, &self.policy.opened) => forbidden(private(&shown(&parsed))),
            _ => Ok(parsed),
        }
    }

    /// Makes a call and reads the answer whole.
    ///
    /// # Errors
    /// [`OutboundError`]; a status of 4xx or 5xx is an answer, not an error.
    pub async fn call(&self, request: OutboundRequest) -> Result<Answer, OutboundError> {
        let url = self.check(&request.url)?;
        let host = shown(&url);
        let exchange = async {
            let sending = self.client.request(request.method, url).headers(request.headers).body(request.body).send();
            let response = sending.await.map_err(|e| failure(&host, &e))?;
            let response = not_redirected(&host, response)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read(response, &host, self.policy.answer_size).await?;
            Ok(Answer { status, headers, body })
        };
        match tokio::time::timeout(self.policy.total_time, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::TimedOut(host)),
        }
    }

    /// Makes a call whose bodies stream in both directions; only connecting and the wait for the answer's head are bounded in
    /// time, and each read after that.
    ///
    /// # Errors
    /// [`OutboundError`]; a status of 4xx or 5xx is an answer, not an error.
    pub async fn stream(
        &self,
        request: http::Request<reqwest::Body>,
    ) -> Result<http::Response<reqwest::Body>, OutboundError> {
        let url = self.check(&request.uri().to_string())?;
        let host = shown(&url);
        let request = reqwest::Request::try_from(request).map_err(|e| failure(&host, &e))?;
        match tokio::time::timeout(self.policy.total_time, self.client.execute(request)).await {
            Ok(Ok(response)) => not_redirected(&host, response).map(Into::into),
            Ok(Err(error)) => Err(failure(&host, &error)),
            Err(_) => Err(OutboundError::TimedOut(host)),
        }
    }
}

fn not_redirected(host: &str, response: reqwest::Response) -> Result<reqwest::Response, OutboundError> {
    if response.status().is_redirection() {
        return Err(OutboundError::Redirected(host.to_owned()));
    }
    Ok(response)
}

async fn read(mut response: reqwest::Response, host: &str, limit: usize) -> Result<Bytes, OutboundError> {
    let too_large = || OutboundError::TooLarge { host: host.to_owned(), limit };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|e| failure(host, &e))? {
        if body.len() + piece.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn shown(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

fn private(host: &str) -> String {
    format!("{host} is not a public address; open its network in the configuration if it is meant to be called")
}

fn failure(host: &str, error: &reqwest::Error) -> OutboundError {
    let mut reason = None;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<NotPublic>() {
            return OutboundError::Forbidden(refused.to_string());
        }
        // The outer layers repeat the URL; the innermost says what failed.
        reason = Some(inner.to_string());
        cause = inner.source();
    }
    if error.is_timeout() {
        return OutboundError::TimedOut(host.to_owned());
    }
    let reason = reason.unwrap_or_else(|| "the call failed".to_owned());
    OutboundError::Unreachable { host: host.to_owned(), reason }
}

/// A name leads only to addresses that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("{}", private(.0))]
struct NotPublic(String);

/// Resolves names through the operating system and drops addresses that may not be called.
struct GuardedResolver(Arc<OutboundPolicy>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let any = !found.is_empty();
            let open: Vec<_> = found.into_iter().filter(|a| may_be_called(a.ip(), &policy.opened)).collect();
            if any && open.is_empty() {
                return Err(NotPublic(name.as_str().to_owned()).into());
            }
            let addresses: Addrs = Box::new(open.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
