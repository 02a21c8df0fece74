//! The accept loop against slow, silent, many and departing clients, over real sockets.

use axum::extract::Extension;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::net::tls::{ServerPem, certificates, client_config};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    async fn new(router: Router, limits: ListenerLimits, tls: Option<ServerTls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, tls, limits, router, stop.clone()));
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn short() -> ListenerLimits {
    let little = Duration::from_millis(40);
    ListenerLimits { first_byte: little, head: little, drain: Duration::from_millis(100), ..ListenerLimits::default() }
}

/// Everything that the server sends until it closes; fails when it never does.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await;
    let _ = reading.expect("the server keeps the connection open");
    String::from_utf8(text).unwrap()
}

/// Reads one answer whose body is known to end with `end`.
async fn until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.ends_with(end) {
        let n = stream.read(&mut piece).await.unwrap();
        assert!(n > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
    text
}

#[tokio::test]
async fn silent_clients_slow_heads_and_idle_connections_are_closed() {
    let served = Served::new(hello(), short(), None).await;
    let mut silent = served.connect().await;
    assert_eq!(until_closed(&mut silent).await, "");

    let mut slow = served.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    assert!(!until_closed(&mut slow).await.contains("hello"));

    let mut idle = served.connect().await;
    idle.write_all(GET).await.unwrap();
    assert!(until_closed(&mut idle).await.ends_with("hello"));
}

#[tokio::test]
async fn requests_that_wait_for_an_ending_listener_are_answered_and_later_ones_find_it_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(GET).await.unwrap();
        waiting.push(stream);
    }
    let silent = TcpStream::connect(address).await.unwrap();
    stop.cancel();
    let serving = tokio::spawn(serve(listener, None, ListenerLimits::default(), hello(), stop));
    for mut stream in waiting {
        assert!(until_closed(&mut stream).await.ends_with("hello"));
    }
    tokio::time::timeout(Duration::from_secs(20), serving)
        .await
        .expect("a silent client keeps it from ending")
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(silent);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let limits = ListenerLimits { head_size: 2_000, head_fields: 10, ..ListenerLimits::default() };
    let served = Served::new(hello(), limits, None).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(4_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(20));
    for head in [long, many] {
        let mut stream = served.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_the_body_let_go() {
    let gone = Arc::new(Notify::new());
    let noticed = Arc::clone(&gone);
    let endless = move || {
        let gone = OnDrop(Arc::clone(&gone));
        let pieces = futures_util::stream::repeat_with(move || {
            let _held = &gone;
            Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 64 * 1024]))
        });
        async move { Body::from_stream(pieces) }
    };
    let limits = ListenerLimits { unread: Duration::from_millis(40), ..ListenerLimits::default() };
    let served = Served::new(Router::new().route("/", get(endless)), limits, None).await;
    let mut stream = served.connect().await;
    stream.write_all(GET).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), noticed.notified()).await.expect("the body is still held");
}

/// Tells when it is dropped.
struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_for_a_place() {
    let limits = ListenerLimits { connections: 1, ..ListenerLimits::default() };
    let served = Served::new(hello(), limits, None).await;
    let mut first = served.connect().await;
    first.write_all(GET).await.unwrap();
    until(&mut first, "hello").await;

    let mut second = served.connect().await;
    second.write_all(GET).await.unwrap();
    let mut byte = [0];
    let waiting = tokio::time::timeout(Duration::from_millis(50), second.read(&mut byte)).await;
    assert!(waiting.is_err(), "the second connection was served beside the first");
    drop(first);
    until(&mut second, "hello").await;
}

/// A route that says when it has begun and ends when told to.
fn held(begun: &Arc<Notify>, end: &Arc<Notify>) -> Router {
    let (begun, end) = (Arc::clone(begun), Arc::clone(end));
    Router::new().route(
        "/",
        get(move || {
            let (begun, end) = (Arc::clone(&begun), Arc::clone(&end));
            async move {
                begun.notify_one();
                end.notified().await;
                "finished"
            }
        }),
    )
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_the_stop_and_no_new_one_is_taken() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let served = Served::new(held(&begun, &end), ListenerLimits::default(), None).await;
    let (mut busy, mut unused) = (served.connect().await, served.connect().await);
    busy.write_all(GET).await.unwrap();
    begun.notified().await;

    served.stop.cancel();
    assert_eq!(until_closed(&mut unused).await, "", "an idle connection is closed at once");
    end.notify_one();
    let answer = until_closed(&mut busy).await;
    assert!(answer.ends_with("finished") && answer.contains("connection: close"), "{answer}");
    served.task.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_request_that_runs_beyond_the_drain_time_is_cut_off() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let served = Served::new(held(&begun, &end), short(), None).await;
    let mut busy = served.connect().await;
    busy.write_all(GET).await.unwrap();
    begun.notified().await;
    served.stop.cancel();
    served.task.await.unwrap();
    assert_eq!(until_closed(&mut busy).await, "");
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

type Tls = tokio_rustls::client::TlsStream<TcpStream>;

async fn tls_connect(served: &Served, authority: &Authority, client: Option<(String, String)>) -> std::io::Result<Tls> {
    let roots = certificates(authority.0.pem().as_bytes(), "root").unwrap();
    let mut config = client_config(&roots).unwrap();
    if let Some((certificate, key)) = client {
        let mut roots_only = rustls::RootCertStore::empty();
        roots_only.add(roots[0].clone()).unwrap();
        config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots_only)
            .with_client_auth_cert(
                certificates(certificate.as_bytes(), "client").unwrap(),
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
    }
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), served.connect().await).await
}

#[tokio::test]
async fn a_client_certificate_is_demanded_verified_and_shown_to_the_handler() {
    let who = async |Extension(connection): Extension<Connection>| {
        format!("{} bytes end", connection.certificate().map_or(0, |c| c.len()))
    };
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (chain, key) = ours.issue("localhost");
    let authorities = theirs.0.pem();
    let tls = ServerTls::new(ServerPem {
        chain: chain.as_bytes(),
        key: key.as_bytes(),
        client_authorities: Some(authorities.as_bytes()),
    });
    let served = Served::new(Router::new().route("/", get(who)), ListenerLimits::default(), Some(tls.unwrap())).await;

    let good = theirs.issue("security-server");
    let length = certificates(good.0.as_bytes(), "client").unwrap()[0].len();
    let mut stream = tls_connect(&served, &ours, Some(good)).await.unwrap();
    stream.write_all(GET).await.unwrap();
    assert!(until(&mut stream, "end").await.contains(&format!("{length} bytes")));

    for stranger in [None, Some(ours.issue("security-server"))] {
        // With TLS 1.3 the refusal comes after the client's own handshake.
        let refused = match tls_connect(&served, &ours, stranger).await {
            Err(_) => true,
            Ok(mut stream) => {
                let _ = stream.write_all(GET).await;
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await.is_err() || answer.is_empty()
            }
        };
        assert!(refused, "a stranger was let in");
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_presented_to_new_connections() {
    let (before, after) = (Authority::new(), Authority::new());
    let (first, second) = (before.issue("localhost"), after.issue("localhost"));
    let pem = |pair: &'static (String, String)| ServerPem {
        chain: pair.0.as_bytes(),
        key: pair.1.as_bytes(),
        client_authorities: None,
    };
    let tls = ServerTls::new(pem(Box::leak(Box::new(first)))).unwrap();
    let served = Served::new(hello(), ListenerLimits::default(), Some(tls.clone())).await;
    assert!(tls_connect(&served, &before, None).await.is_ok());

    tls.replace(pem(Box::leak(Box::new(second)))).unwrap();
    assert!(tls_connect(&served, &before, None).await.is_err());
    let mut stream = tls_connect(&served, &after, None).await.unwrap();
    stream.write_all(GET).await.unwrap();
    until(&mut stream, "hello").await;
    assert!(tls.replace(ServerPem { chain: b"", key: b"", client_authorities: None }).is_err());
    assert!(tls_connect(&served, &after, None).await.is_ok(), "a bad replacement changes nothing");
}
