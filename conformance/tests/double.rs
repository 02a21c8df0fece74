//! The double's own behaviour: connection modes with real TLS, spellings, recording, samples, large bodies.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sliproad_conformance::double::{ConnectionMode, Double, DoubleConfig, FaultSpelling, Trouble};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const CLIENT: &str = "DEV/COM/1000/gateway";
const PARCELS: &str = "/r1/DEV/GOV/2000/landregister/land/parcels";

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    String::from_utf8_lossy(&got).into_owned()
}

async fn plain(double: &Double, request: &str) -> String {
    let url = double.url();
    talk(TcpStream::connect(url.trim_start_matches("http://")).await.unwrap(), request).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\nConnection: close\r\n\r\n")
}

struct Shown {
    pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn certificate() -> Shown {
    let made = rcgen::generate_simple_self_signed(vec!["information-system".to_owned()]).unwrap();
    Shown {
        pem: made.cert.pem(),
        der: made.cert.der().clone(),
        key: PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap(),
    }
}

async fn secured(double: &Double, shown: Option<&Shown>, request: &str) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(double.certificate_pem().as_bytes()).unwrap()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        Some(shown) => builder.with_client_auth_cert(vec![shown.der.clone()], shown.key.clone_key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    let port = double.https_url().rsplit_once(':').unwrap().1.to_owned();
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    talk(connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap(), request).await
}

async fn with_mode(mode: ConnectionMode, certificates: Vec<String>) -> Double {
    let mut config = DoubleConfig::sample();
    config.members[0].subsystems[0].mode = mode;
    config.members[0].subsystems[0].certificates = certificates;
    Double::start(config).await.unwrap()
}

#[tokio::test]
async fn each_connection_mode_asks_for_what_it_should() {
    let (known, unknown) = (certificate(), certificate());
    let refused = "ssl_authentication_failed";

    let double = with_mode(ConnectionMode::Http, Vec::new()).await;
    assert!(plain(&double, &get(PARCELS)).await.starts_with("HTTP/1.1 200"));
    assert!(secured(&double, None, &get(PARCELS)).await.starts_with("HTTP/1.1 200"));

    let double = with_mode(ConnectionMode::HttpsNoAuth, Vec::new()).await;
    assert!(plain(&double, &get(PARCELS)).await.contains(refused));
    assert!(secured(&double, None, &get(PARCELS)).await.starts_with("HTTP/1.1 200"));

    let double = with_mode(ConnectionMode::Https, vec![known.pem.clone()]).await;
    assert!(plain(&double, &get(PARCELS)).await.contains(refused));
    assert!(secured(&double, None, &get(PARCELS)).await.contains(refused));
    assert!(secured(&double, Some(&unknown), &get(PARCELS)).await.contains(refused));
    assert!(secured(&double, Some(&known), &get(PARCELS)).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn faults_are_spelled_as_the_switch_says() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    let unknown = get("/r1/DEV/GOV/2000/landregister/nothing/x");
    assert!(plain(&double, &unknown).await.contains("X-Road-Error: server.serverproxy.unknown_service"));
    double.set_trouble(Trouble { spelling: Some(FaultSpelling::Before78), ..Trouble::default() });
    assert!(plain(&double, &unknown).await.contains("X-Road-Error: Server.ServerProxy.UnknownService"));
    double.set_trouble(Trouble { maintenance: Some("tonight".into()), ..Trouble::default() });
    assert!(plain(&double, &get(PARCELS)).await.contains("maintenance_mode"));
    double.set_trouble(Trouble { provider_down: true, ..Trouble::default() });
    assert!(plain(&double, &get(PARCELS)).await.contains("server.clientproxy.network_error"));
}

#[tokio::test]
async fn what_was_received_is_told_oldest_first() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    plain(&double, &get(PARCELS)).await;
    let body = "hello";
    let post = format!(
        "POST /r1/DEV/GOV/2000/echo/echo/a HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = plain(&double, &post).await;
    assert!(answer.contains("\"bodyLength\":5"), "{answer}");
    let told = double.requests();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["target"], PARCELS);
    assert_eq!(told[1]["method"], "POST");
    assert_eq!(told[1]["bodySha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(told[1]["headers"][1], serde_json::json!(["X-Road-Client", CLIENT]));
}

/// SHA-256 of "hello", and of nothing.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn requests_that_are_refused_are_told_too_with_the_digest_of_what_they_carried() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    let large = "x".repeat(9_000);
    let host = "Host: x\r\nConnection: close\r\n";
    let hello = "Content-Length: 5\r\n\r\nhello";
    let requests: [(String, &str, &str, &str, bool); 8] = [
        (format!("GET {PARCELS} HTTP/1.1\r\n{host}\r\n"), "500", PARCELS, NOTHING, false),
        (format!("POST {PARCELS} HTTP/1.1\r\n{host}{hello}"), "500", PARCELS, HELLO, false),
        (
            format!("POST /r1/DEV/GOV/2000/echo/none HTTP/1.1\r\nX-Road-Client: {CLIENT}\r\n{host}{hello}"),
            "500",
            "/r1/DEV/GOV/2000/echo/none",
            HELLO,
            false,
        ),
        (format!("POST /elsewhere HTTP/1.1\r\n{host}{hello}"), "", "/elsewhere", HELLO, false),
        (
            format!("POST {PARCELS}/%2e%2e/x HTTP/1.1\r\n{host}{hello}"),
            "",
            "/r1/DEV/GOV/2000/landregister/land/parcels/%2e%2e/x",
            HELLO,
            false,
        ),
        (format!("GET {PARCELS} HTTP/9.9\r\n{host}\r\nhello"), "400", PARCELS, HELLO, true),
        (
            format!("POST {PARCELS} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n{hello}"),
            "400",
            PARCELS,
            HELLO,
            true,
        ),
        (format!("GET /large HTTP/1.1\r\nX-Large: {large}\r\n{host}\r\n"), "431", "/large", NOTHING, true),
    ];
    for (request, status, target, digest, malformed) in &requests {
        let answer = plain(&double, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}\n{answer}");
        let told = double.requests().pop().unwrap();
        assert_eq!(told["target"], *target, "{told}");
        assert_eq!((&told["bodySha256"], &told["malformed"]), (&(*digest).into(), &(*malformed).into()), "{told}");
    }
    assert_eq!(double.requests().len(), requests.len());
}

#[tokio::test]
async fn a_download_streams_without_body_logging() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    let answer = plain(&double, &get("/r1/DEV/GOV/2000/download/file/file?bytes=20000000")).await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert!(answer.len() > 15_000_000);
}

#[tokio::test]
async fn two_lengths_are_refused_before_anything_is_forwarded() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    let smuggled = format!(
        "POST {PARCELS} HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    );
    assert!(plain(&double, &smuggled).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn open_api_documents_are_served_in_both_forms() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    let json = plain(&double, &get("/r1/DEV/GOV/2000/landregister/getOpenAPI?serviceCode=land")).await;
    assert!(json.contains("Land register (sample)"), "{json}");
    let yaml = plain(&double, &get("/r1/DEV/GOV/2000/population/getOpenAPI?serviceCode=persons")).await;
    assert!(yaml.contains("openapi: 3.1.0"), "{yaml}");
    let methods = plain(&double, &get("/r1/DEV/GOV/2000/population/listMethods")).await;
    assert!(methods.contains("\"service_code\":\"persons\""), "{methods}");
}
