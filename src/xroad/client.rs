//! Calls through the security server: one request of the REST message protocol out, one answer or fault back.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::{Outgoing, Progress, RequestBody, ResponseBody};
use super::connect::{Connector, Tls, TlsSetupError};
use super::failure::{CallError, XRoadFailure};
use super::fault::XRoadFault;
use super::headers;
use super::path::AssetPath;
use super::route::{MessageId, Route};

/// Where the security server is and how to speak with it.
#[derive(Debug)]
pub struct XRoadConfig {
    /// `http://host:port` or `https://host:port` of the security server's client side, without a path.
    pub server: Uri,
    /// TLS, for an `https` server.
    pub tls: Option<Tls>,
    /// Limits of time and size.
    pub limits: Limits,
}

/// Limits of time and size. The security server itself has none for a whole exchange, so these are the only ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// From the end of the request, or the last sign of its moving, to the head of the answer.
    pub answer: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
    /// For how long an unused connection is kept; less than the security server's own 30 s.
    pub keep: Duration,
    /// How many unused connections are kept.
    pub kept: usize,
    /// The largest body of a fault that is read, in bytes; a larger one is not.
    pub fault: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(65),
            idle: Duration::from_secs(60),
            keep: Duration::from_secs(20),
            kept: 512,
            fault: 64 * 1024,
        }
    }
}

/// Why there is no client for this configuration.
#[derive(Debug, thiserror::Error)]
pub enum XRoadSetupError {
    /// The server's address is not what it must be.
    #[error("the security server's address {0} must be http:// or https:// with a host, and have no path")]
    Address(Uri),
    /// `https` without saying which certificate to trust.
    #[error("the security server's address {0} is https: say which certificate to trust, or that none is checked")]
    NoTrust(Uri),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
}

/// One call.
pub struct XRoadRequest {
    /// From which client to which service.
    pub route: Arc<Route>,
    /// One of the eight methods of the protocol.
    pub method: Method,
    /// Path and query inside the service.
    pub path: AssetPath,
    /// The caller's headers, allow-listed already; what must never pass is removed here all the same.
    pub headers: HeaderMap,
    /// The body; must be empty for methods whose bodies X-Road does not deliver.
    pub body: RequestBody,
    /// `X-Road-Id`, our own.
    pub message_id: MessageId,
    /// `X-Road-Issue`: the agreement. See [`header_text`](super::route::header_text).
    pub issue: Option<HeaderValue>,
    /// `X-Road-UserId`.
    pub user_id: Option<HeaderValue>,
    /// `X-Road-Represented-Party`, `[class/]code`.
    pub represented_party: Option<HeaderValue>,
    /// `traceparent` (W3C Trace Context) of this call.
    pub traceparent: Option<HeaderValue>,
}

/// Whether a call has a connection to leave by: before that nothing of it can have left, however often its future was polled.
#[derive(Debug, Default)]
pub struct Departure(OnceLock<CaptureConnection>);

impl Departure {
    /// Whether anything of the call may have left.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.get().is_some_and(|captured| captured.connection_metadata().is_some())
    }
}

/// The service's answer: everything in it came from the provider.
pub struct XRoadResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, without hop-by-hop headers, length, cookies and `X-Road-*`.
    pub headers: HeaderMap,
    /// Its body.
    pub body: ResponseBody,
    /// `X-Road-Id` of the exchange.
    pub message_id: MessageId,
    /// `X-Road-Request-Id`, made by the security server for this exchange.
    pub request_id: Option<HeaderValue>,
    /// `X-Road-Request-Hash`, base64 of a SHA-512: what binds the answer to the request.
    pub request_hash: HeaderValue,
}

/// A client of one security server; cheap to clone, connections are shared.
#[derive(Clone)]
pub struct XRoadClient {
    http: Client<Connector, Outgoing>,
    scheme: Scheme,
    authority: Authority,
    limits: Limits,
}

impl XRoadClient {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// When the address or the TLS material cannot be used.
    pub fn new(config: &XRoadConfig) -> Result<Self, XRoadSetupError> {
        let address = || XRoadSetupError::Address(config.server.clone());
        let scheme = config.server.scheme().ok_or_else(address)?.clone();
        let authority = config.server.authority().ok_or_else(address)?.clone();
        let plain = matches!(config.server.path_and_query().map(PathAndQuery::as_str), None | Some("/" | ""));
        if !plain || authority.as_str().contains('@') || (scheme != Scheme::HTTP && scheme != Scheme::HTTPS) {
            return Err(address());
        }
        if scheme == Scheme::HTTPS && config.tls.is_none() {
            return Err(XRoadSetupError::NoTrust(config.server.clone()));
        }
        let connector = Connector::new(config.tls.as_ref(), config.limits.connect)?;
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.limits.keep)
            .pool_max_idle_per_host(config.limits.kept)
            .build(connector);
        Ok(Self { http, scheme, authority, limits: config.limits })
    }

    /// Makes one call; never retried once it may have reached the service. Dropping the future ends the exchange.
    ///
    /// # Errors
    /// A fault when X-Road answered instead of the service, a failure when nobody did.
    pub async fn call(&self, call: XRoadRequest) -> Result<XRoadResponse, CallError> {
        self.call_observed(call, &Departure::default()).await
    }

    /// The same, for who has to know whether the call has left.
    ///
    /// # Errors
    /// As [`XRoadClient::call`].
    pub async fn call_observed(&self, call: XRoadRequest, departure: &Departure) -> Result<XRoadResponse, CallError> {
        check_method(&call.method, &call.body)?;
        let target = call.route.target(&call.path).map_err(|e| XRoadFailure::Request(e.into()))?;
        let message_id = call.message_id.clone();
        let mut sent = call.headers;
        headers::clean_request(&mut sent);
        sent.insert(headers::CLIENT, call.route.client_header.clone());
        sent.insert(headers::ID, call.message_id.0);
        let optional = [
            (headers::SECURITY_SERVER, call.route.server_header.clone()),
            (headers::ISSUE, call.issue),
            (headers::USER_ID, call.user_id),
            (headers::REPRESENTED_PARTY, call.represented_party),
            (headers::TRACEPARENT, call.traceparent),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                sent.insert(name, value);
            }
        }
        let response = self.send(call.method, target, sent, call.body, departure).await?;
        self.classify(response, message_id).await
    }

    /// An answer of the service has a request hash; what has none and an `X-Road-Error` is a fault. A backend may set the latter
    /// itself, so it proves nothing beside a hash.
    async fn classify(&self, response: Response<Incoming>, sent: MessageId) -> Result<XRoadResponse, CallError> {
        let (parts, body) = response.into_parts();
        let Some(request_hash) = headers::last(&parts.headers, &headers::REQUEST_HASH) else {
            let Some(code) = headers::last(&parts.headers, &headers::ERROR) else {
                return Err(XRoadFailure::NotXRoad(parts.status).into());
            };
            let body = self.collect(body, self.limits.fault).await.unwrap_or_default();
            let fault = XRoadFault::read(&String::from_utf8_lossy(code.as_bytes()), &body, parts.status.as_u16());
            return Err(CallError::Fault(Box::new(fault)));
        };
        if headers::last(&parts.headers, &headers::ID).is_some_and(|id| id != sent.0) {
            return Err(XRoadFailure::MixedUp.into());
        }
        let request_id = headers::last(&parts.headers, &headers::REQUEST_ID);
        let mut received = parts.headers;
        headers::clean_response(&mut received);
        Ok(XRoadResponse {
            status: parts.status,
            headers: received,
            body: ResponseBody::new(body, self.limits.idle),
            message_id: sent,
            request_id,
            request_hash,
        })
    }

    /// A request outside of the message protocol (listClients), with its whole answer.
    pub(super) async fn fetch(
        &self,
        target: PathAndQuery,
        accept: &'static str,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let sent = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        let response = self.send(Method::GET, target, sent, RequestBody::Empty, &Departure::default()).await?;
        let (parts, body) = response.into_parts();
        Ok((parts.status, self.collect(body, limit).await?))
    }

    /// Gathers a body of at most `limit` bytes.
    pub(super) async fn collect(&self, body: Incoming, limit: usize) -> Result<Bytes, XRoadFailure> {
        gather(ResponseBody::new(body, self.limits.idle), limit).await
    }

    async fn send(
        &self,
        method: Method,
        target: PathAndQuery,
        sent: HeaderMap,
        body: RequestBody,
        departure: &Departure,
    ) -> Result<Response<Incoming>, XRoadFailure> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target);
        let (body, progress) = Outgoing::new(body);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_parts(parts).map_err(|e| XRoadFailure::Request(e.into()))?;
        *request.headers_mut() = sent;
        let _ = departure.0.set(capture_connection(&mut request));
        self.head(request, progress).await
    }

    /// Waits for the head of the answer, for as long as the request's body keeps moving and the answer limit after that.
    async fn head(
        &self,
        request: Request<Outgoing>,
        progress: Option<Arc<Progress>>,
    ) -> Result<Response<Incoming>, XRoadFailure> {
        let mut answer = std::pin::pin!(self.http.request(request));
        let mut limit = std::pin::pin!(tokio::time::sleep(self.limits.answer));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.map_err(XRoadFailure::from_http),
                () = &mut limit => {
                    let moved = progress.as_ref().map(|progress| progress.last() + self.limits.answer);
                    match moved.filter(|until| *until > tokio::time::Instant::now()) {
                        Some(until) => limit.as_mut().reset(until),
                        None => return Err(XRoadFailure::NoAnswer),
                    }
                }
            }
        }
    }
}

/// Gathers a body of at most `limit` bytes.
pub(super) async fn gather(body: ResponseBody, limit: usize) -> Result<Bytes, XRoadFailure> {
    let gathered = Limited::new(body, limit).collect().await;
    gathered.map(http_body_util::Collected::to_bytes).map_err(|e| XRoadFailure::Metadata(e.to_string()))
}

/// The eight methods of the protocol; the provider's security server delivers a body only with three of them.
fn check_method(method: &Method, body: &RequestBody) -> Result<(), XRoadFailure> {
    match *method {
        Method::POST | Method::PUT | Method::PATCH => Ok(()),
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS | Method::TRACE if body.is_empty() => Ok(()),
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS | Method::TRACE => {
            Err(XRoadFailure::BodyNotDelivered(method.clone()))
        }
        _ => Err(XRoadFailure::Method(method.clone())),
    }
}

#[cfg(test)]
mod tests;
