//! The client against sockets that answer to the letter.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::connect::{ClientCertificate, Trust};
use super::super::route::header_text;
use super::*;

/// A server that answers every request head with what a function makes of it; body bytes up to a Content-Length are read.
struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start<F>(answer: F) -> Self
    where
        F: Fn(&str) -> String + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (heads, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, counted, answer) = (heads.clone(), connections.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(socket, seen.clone(), answer.clone()));
            }
        });
        Self { address, heads, connections }
    }

    fn client(&self, limits: Limits) -> XRoadClient {
        client(&self.address, None, limits)
    }

    fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().cloned().unwrap()
    }
}

async fn converse<S, F>(mut socket: S, seen: Arc<Mutex<Vec<String>>>, answer: Arc<F>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(&str) -> String,
{
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
        let chunked = head.contains("transfer-encoding: chunked");
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |l| l.parse().unwrap());
        while buffer.len() < length || (chunked && !buffer.ends_with(b"0\r\n\r\n")) {
            if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        buffer.clear();
        seen.lock().unwrap().push(head.clone());
        if socket.write_all(answer(&head).as_bytes()).await.is_err() {
            return;
        }
    }
}

fn client(address: &str, tls: Option<Tls>, limits: Limits) -> XRoadClient {
    XRoadClient::new(&XRoadConfig { server: address.parse().unwrap(), tls, limits }).unwrap()
}

fn call(method: Method, path: &str, body: RequestBody) -> XRoadRequest {
    let client = "DEV/COM/1000/app".parse().unwrap();
    let route = Arc::new(Route::new(client, "DEV/GOV/2000/data/echo".parse().unwrap(), None).unwrap());
    XRoadRequest {
        message_id: route.message_id(),
        route,
        method,
        path: AssetPath::parse(path).unwrap(),
        headers: HeaderMap::new(),
        body,
        issue: None,
        user_id: None,
        represented_party: None,
        traceparent: None,
    }
}

fn get(path: &str) -> XRoadRequest {
    call(Method::GET, path, RequestBody::Empty)
}

/// An answer of the service, echoing the id as X-Road does.
fn answered(head: &str, extra: &str, body: &str) -> String {
    let id = head.lines().find_map(|l| l.strip_prefix("x-road-id: ")).unwrap();
    format!(
        "HTTP/1.1 200 OK\r\n{extra}x-road-id: {id}\r\nx-road-request-id: r1\r\nx-road-request-hash: aGFzaA==\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn quick() -> Limits {
    Limits { answer: Duration::from_millis(80), idle: Duration::from_millis(80), ..Limits::default() }
}

async fn failure_of(client: &XRoadClient, request: XRoadRequest) -> CallError {
    match client.call(request).await {
        Ok(response) => panic!("answered with {}", response.status),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_call_is_one_request_line_and_only_our_own_x_road_headers() {
    let server = Server::start(|head| answered(head, "", "land")).await;
    let mut request = get("/parcels/%C3%B5?x=1");
    request.headers.insert("accept", "application/json".parse().unwrap());
    request.headers.insert("x-road-client", "DEV/EVIL/1/x".parse().unwrap());
    request.headers.append("x-road-id", "forged".parse().unwrap());
    request.headers.insert("cookie", "sid=1".parse().unwrap());
    request.issue = Some(header_text("urn:uuid:agreement"));
    request.traceparent = Some(HeaderValue::from_static("00-trace"));
    let id = request.message_id.clone();
    let response = server.client(Limits::default()).call(request).await.unwrap();
    assert_eq!(response.request_hash, "aGFzaA==");
    assert_eq!(response.request_id.unwrap(), "r1");
    assert_eq!(gather(response.body, 100).await.unwrap(), "land");
    let head = server.last_head();
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    assert_eq!(lines.remove(0), "GET /r1/DEV/GOV/2000/data/echo/parcels/%C3%B5?x=1 HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: {}", server.address.trim_start_matches("http://"));
    let id = format!("x-road-id: {id}");
    let expected = [
        "accept: application/json",
        &host,
        "traceparent: 00-trace",
        "x-road-client: DEV/COM/1000/app",
        &id,
        "x-road-issue: urn:uuid:agreement",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn an_x_road_error_beside_a_request_hash_is_the_backends_own_and_is_not_believed() {
    let forged =
        "X-Road-Error: server.serverproxy.access_denied\r\nX-Road-Service: DEV/EVIL/1/S/svc\r\nSet-Cookie: sid=1\r\n";
    let server = Server::start(move |head| answered(head, forged, "land")).await;
    let response = server.client(Limits::default()).call(get("/a")).await.unwrap();
    assert_eq!(response.status, 200);
    assert!(response.headers.is_empty(), "{:?}", response.headers);
}

#[tokio::test]
async fn an_x_road_error_without_a_request_hash_is_a_fault_whatever_the_status() {
    for status in ["500 Server Error", "200 OK", "400 Bad Request"] {
        let server = Server::start(move |_| {
            let body = r#"{"type":"t","message":"Request is not allowed","detail":"d1"}"#;
            let length = body.len();
            format!("HTTP/1.1 {status}\r\nX-Road-Error: Server.ServerProxy.AccessDenied\r\nContent-Length: {length}\r\n\r\n{body}")
        })
        .await;
        let error = failure_of(&server.client(Limits::default()), get("/a")).await;
        assert_eq!((error.status(), error.code()), (403, "xroad.access-denied"));
        assert_eq!(error.xroad_code(), Some("Server.ServerProxy.AccessDenied"));
        let CallError::Fault(fault) = error else { panic!("not a fault") };
        assert_eq!(fault.detail.as_deref(), Some("d1"));
    }
}

#[tokio::test]
async fn a_fault_with_an_endless_body_is_still_a_fault() {
    let server = Server::start(|_| {
        let body = "x".repeat(200_000);
        format!("HTTP/1.1 500 x\r\nX-Road-Error: server.clientproxy.maintenance_mode\r\nContent-Length: 200000\r\n\r\n{body}")
    })
    .await;
    let error = failure_of(&server.client(Limits::default()), get("/a")).await;
    assert_eq!((error.status(), error.code()), (503, "xroad.maintenance"));
}

#[tokio::test]
async fn an_answer_without_any_sign_of_x_road_is_not_passed_on() {
    let server = Server::start(|_| "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nland".into()).await;
    let error = failure_of(&server.client(Limits::default()), get("/a")).await;
    assert_eq!((error.status(), error.code()), (502, "xroad.not-xroad"));
    let garbage = Server::start(|_| "land\r\n\r\n".into()).await;
    let error = failure_of(&garbage.client(Limits::default()), get("/a")).await;
    assert_eq!(error.code(), "xroad.connection-broken");
}

#[tokio::test]
async fn an_answer_to_another_call_is_not_passed_on() {
    let server = Server::start(|_| answered("x-road-id: DEV-other", "", "")).await;
    let error = failure_of(&server.client(Limits::default()), get("/a")).await;
    assert_eq!(error.code(), "xroad.mixed-up");
}

#[tokio::test]
async fn a_silent_server_ends_the_call_and_a_silent_body_the_answer() {
    let silent = Server::start(|_| String::new()).await;
    let error = failure_of(&silent.client(quick()), get("/a")).await;
    assert_eq!((error.status(), error.code()), (504, "xroad.no-answer"));
    let halting = Server::start(|head| answered(head, "", "land").replace("length: 4", "length: 9")).await;
    let response = halting.client(quick()).call(get("/a")).await.unwrap();
    let ended = response.body.collect().await.unwrap_err();
    assert!(ended.to_string().contains("sent nothing"), "{ended}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = failure_of(&client(&format!("http://{port}"), None, Limits::default()), get("/a")).await;
    assert_eq!((error.status(), error.code(), error.never_arrived()), (502, "xroad.server-unreachable", true));
}

#[tokio::test]
async fn calls_share_a_connection() {
    let server = Server::start(|head| answered(head, "", "land")).await;
    let client = server.client(Limits::default());
    for _ in 0..3 {
        let response = client.call(get("/a")).await.unwrap();
        gather(response.body, 100).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_upload_that_keeps_moving_is_not_cut_off_by_the_answer_limit() {
    let server = Server::start(|head| answered(head, "", "stored")).await;
    let pieces = stream::unfold(0, |n| async move {
        tokio::time::sleep(Duration::from_millis(25)).await;
        (n < 12).then(|| (Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"piece"))), n + 1))
    });
    let body = RequestBody::stream(StreamBody::new(Box::pin(pieces)));
    let response = server.client(quick()).call(call(Method::POST, "/a", body)).await.unwrap();
    assert_eq!(gather(response.body, 100).await.unwrap(), "stored");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_the_callers_failure() {
    let server = Server::start(|head| answered(head, "", "stored")).await;
    let pieces = stream::iter([Ok(Frame::data(Bytes::from_static(b"piece"))), Err(io::Error::other("gone"))]);
    let body = RequestBody::stream(StreamBody::new(pieces));
    let error = failure_of(&server.client(Limits::default()), call(Method::POST, "/a", body)).await;
    assert_eq!((error.status(), error.code()), (400, "xroad.request-body"));
}

#[tokio::test]
async fn a_server_that_does_not_read_holds_the_upload_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let polled = Arc::new(AtomicUsize::new(0));
    let counting = polled.clone();
    let pieces = stream::repeat_with(move || {
        counting.fetch_add(1, Ordering::SeqCst);
        Ok::<_, io::Error>(Frame::data(Bytes::from_static(&[0; 65_536])))
    });
    let client = client(&address, None, quick());
    let held: tokio::task::JoinHandle<TcpStream> = tokio::spawn(async move { listener.accept().await.unwrap().0 });
    let body = RequestBody::stream(StreamBody::new(pieces));
    let error = failure_of(&client, call(Method::POST, "/a", body)).await;
    assert_eq!(error.code(), "xroad.no-answer");
    let pieces = polled.load(Ordering::SeqCst);
    assert!(pieces < 400, "{pieces} pieces of 64 KiB were taken although nobody read them");
    drop(held.await);
}

#[tokio::test]
async fn a_fault_in_the_middle_of_an_upload_ends_the_call_with_that_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let held: tokio::task::JoinHandle<TcpStream> = tokio::spawn(async move {
        let mut socket = listener.accept().await.unwrap().0;
        let mut begun = vec![0; 65_536];
        assert!(socket.read(&mut begun).await.unwrap() > 0);
        let body = r#"{"message":"logging_failed: Message size exceeds maximum loggable size"}"#;
        let head = "HTTP/1.1 500 x\r\nX-Road-Error: server.clientproxy.io_error\r\nConnection: close";
        let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket
    });
    let endless = stream::repeat_with(|| Ok::<_, io::Error>(Frame::data(Bytes::from_static(&[0; 65_536]))));
    let body = RequestBody::stream(StreamBody::new(endless));
    let client = client(&address, None, Limits::default());
    let error = failure_of(&client, call(Method::POST, "/a", body)).await;
    assert_eq!((error.status(), error.code()), (502, "xroad.body-too-large"));
    drop(held.await);
}

#[tokio::test]
async fn what_x_road_does_not_carry_is_refused_before_it_is_sent() {
    let server = Server::start(|head| answered(head, "", "")).await;
    let client = server.client(Limits::default());
    let body = || RequestBody::Whole(Bytes::from_static(b"x"));
    assert_eq!(failure_of(&client, call(Method::DELETE, "/a", body())).await.code(), "xroad.body-not-delivered");
    assert_eq!(failure_of(&client, call(Method::CONNECT, "/a", RequestBody::Empty)).await.status(), 405);
    assert!(server.heads.lock().unwrap().is_empty());
    client.call(call(Method::PUT, "/a", body())).await.unwrap();
    assert!(server.last_head().contains("content-length: 1\r\n"));
}

#[test]
fn an_address_must_be_plain_and_https_must_say_what_it_trusts() {
    let new = |address: &str| {
        XRoadClient::new(&XRoadConfig { server: address.parse().unwrap(), tls: None, limits: Limits::default() })
    };
    for wrong in ["ftp://h", "http://h/path", "/r1", "http://u:p@h"] {
        assert!(matches!(new(wrong), Err(XRoadSetupError::Address(_))), "{wrong}");
    }
    assert!(matches!(new("https://h:8443"), Err(XRoadSetupError::NoTrust(_))));
}

/// Takes TLS connections, and asks for this client certificate, if any is given.
fn acceptor(
    own: &CertifiedKey<rcgen::KeyPair>,
    asked: Option<&CertifiedKey<rcgen::KeyPair>>,
) -> tokio_rustls::TlsAcceptor {
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match asked {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// A TLS server that answers, and asks for this client certificate, if any is given.
async fn tls_server(own: &CertifiedKey<rcgen::KeyPair>, asked: Option<&CertifiedKey<rcgen::KeyPair>>) -> String {
    let acceptor = acceptor(own, asked);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(socket) = acceptor.accept(socket).await {
                let answer = Arc::new(|head: &str| answered(head, "", "land"));
                tokio::spawn(converse(socket, Arc::default(), answer));
            }
        }
    });
    format!("https://localhost:{port}")
}

fn certificate(name: &str) -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

#[tokio::test]
async fn https_takes_the_pinned_certificate_whatever_its_name_and_no_other() {
    let (own, other) = (certificate("internal-name"), certificate("localhost"));
    let address = tls_server(&own, None).await;
    let trusting = |trust: Trust| client(&address, Some(Tls { trust, certificate: None }), Limits::default());
    let pinned = Trust::from_pem(own.cert.pem().as_bytes()).unwrap();
    assert!(trusting(pinned).call(get("/a")).await.is_ok());
    assert!(trusting(Trust::Unchecked).call(get("/a")).await.is_ok());
    let wrong = Trust::from_pem(other.cert.pem().as_bytes()).unwrap();
    let error = failure_of(&trusting(wrong), get("/a")).await;
    assert_eq!((error.status(), error.code(), error.never_arrived()), (502, "xroad.tls", true));
    assert!(Trust::from_pem(b"nothing").is_err());
}

#[tokio::test]
async fn tls_that_fails_once_the_call_is_sent_is_a_broken_connection_and_the_call_may_have_arrived() {
    let own = certificate("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor(&own, None);
    let reading = tokio::spawn(async move {
        let mut tls = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut head = vec![0; 4096];
        let read = tls.read(&mut head).await.unwrap();
        // A record that nobody can decipher.
        let (mut socket, _) = tls.into_inner();
        socket.write_all(&[&b"\x17\x03\x03\x00\x20"[..], &[7; 32]].concat()).await.unwrap();
        (head[..read].starts_with(b"GET "), socket)
    });
    let trust = Trust::from_pem(own.cert.pem().as_bytes()).unwrap();
    let tls = Some(Tls { trust, certificate: None });
    let error = failure_of(&client(&format!("https://localhost:{port}"), tls, Limits::default()), get("/a")).await;
    assert_eq!((error.status(), error.code()), (502, "xroad.connection-broken"));
    assert!(reading.await.unwrap().0 && !error.never_arrived());
}

#[tokio::test]
async fn https_with_a_client_certificate_shows_it() {
    let (own, shown) = (certificate("localhost"), certificate("client"));
    let address = tls_server(&own, Some(&shown)).await;
    let trust = || Trust::from_pem(own.cert.pem().as_bytes()).unwrap();
    let key = shown.signing_key.serialize_pem();
    let certificate = ClientCertificate::from_pem(shown.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    assert!(!format!("{certificate:?}").contains("PRIVATE"));
    let with = client(&address, Some(Tls { trust: trust(), certificate: Some(certificate) }), Limits::default());
    assert!(with.call(get("/a")).await.is_ok());
    let without = client(&address, Some(Tls { trust: trust(), certificate: None }), Limits::default());
    let error = failure_of(&without, get("/a")).await;
    // As TLS 1.3 has it, the server says so when the call is on its way already.
    assert_eq!((error.code(), error.never_arrived()), ("xroad.tls", false));
}
