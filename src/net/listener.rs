//! Our own accept loop: bounds on connections and on the time that a request's head may take, TLS, and an orderly end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::stall::Stalling;
use super::tls::ServerTls;

/// Bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections open at once; more wait in the operating system's queue.
    pub connections: usize,
    /// For how long a new connection may stay silent, and its TLS handshake take.
    pub first_byte: Duration,
    /// For how long the next request's head may take, counted from the end of the one before: slow heads and idle keep-alive
    /// connections end here.
    pub head: Duration,
    /// Bytes of a request's head.
    pub head_size: usize,
    /// Header fields of a request.
    pub head_fields: usize,
    /// For how long a client may leave an answer unread.
    pub unread: Duration,
    /// For how long requests may run on after the stop.
    pub drain: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(30),
            head_size: 64 * 1024,
            head_fields: 100,
            unread: Duration::from_secs(60),
            drain: Duration::from_secs(20),
        }
    }
}

/// The connection that a request came over; an extension of every request.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    peer: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
}

impl Connection {
    /// The other end's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The certificate that the client presented and that was verified, where the listener demands one.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.0.certificate.as_ref()
    }
}

/// For how long after the stop a connection that is there may begin another request: it may be on its way already.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `stop`; then takes the connections that wait already and no other one, and returns when every
/// request is answered or the drain time is over.
pub async fn serve(
    listener: TcpListener,
    tls: Option<ServerTls>,
    limits: ListenerLimits,
    router: Router,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    let begin = |stream: TcpStream, peer: SocketAddr, place| {
        // A token of its own spares the connections a lock that all of them share.
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.child_token());
        open.spawn(async move {
            let _place = place;
            handle(stream, peer, tls, limits, router, stop).await;
        });
    };
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => begin(stream, peer, place.ok()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file descriptors: let some connections end first.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    // Whoever has connected may have sent a request, and would see it reset.
    let mut waiting = listener.into_std().ok();
    while let (Some(listener), Ok(place)) = (&waiting, Arc::clone(&places).try_acquire_owned()) {
        match accept_waiting(listener) {
            Some((stream, peer)) => begin(stream, peer, Some(place)),
            None => waiting = None,
        }
    }
    drop(waiting);
    open.close();
    open.wait().await;
}

/// The next connection in the operating system's queue; `None` when there is none, or it cannot be taken.
fn accept_waiting(listener: &std::net::TcpListener) -> Option<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().ok()?;
    stream.set_nonblocking(true).ok()?;
    Some((TcpStream::from_std(stream).ok()?, peer))
}

/// Ends when a connection that says nothing by then is to be closed.
async fn last_word(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_WORD).await;
}

async fn handle(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<ServerTls>,
    limits: ListenerLimits,
    router: Router,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let spoke = async {
        let mut first = [0];
        tokio::time::timeout(limits.first_byte, stream.peek(&mut first)).await
    };
    let first = tokio::select! {
        first = spoke => first,
        () = last_word(&stop) => return,
    };
    if !matches!(first, Ok(Ok(1))) {
        return;
    }
    let Some(tls) = tls else {
        let connection = Connection(Arc::new(Ends { peer, certificate: None }));
        return converse(stream, connection, limits, router, stop).await;
    };
    let handshake = tokio_rustls::TlsAcceptor::from(tls.current()).accept(stream);
    match tokio::time::timeout(limits.first_byte, handshake).await {
        Ok(Ok(stream)) => {
            let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first()).cloned();
            let certificate = certificate.map(CertificateDer::into_owned);
            converse(stream, Connection(Arc::new(Ends { peer, certificate })), limits, router, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn converse<S>(stream: S, connection: Connection, limits: ListenerLimits, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let peer = connection.peer();
    let service = hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.clone().call(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(limits.head_size)
        .max_headers(limits.head_fields)
        .serve_connection(TokioIo::new(Stalling::new(stream, limits.unread)), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = last_word(&stop) => {
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.drain, serving).await {
                Ok(ended) => ended,
                Err(_) => {
                    tracing::warn!(%peer, "a request was cut off: it ran longer than the drain time");
                    return;
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
