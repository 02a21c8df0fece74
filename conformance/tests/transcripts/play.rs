//! A recorded request, sent to the double.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use sliproad_conformance::double::Double;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bytes;

/// What the double answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// The information systems of the recording: what each shows.
pub(crate) struct Systems {
    a: Shown,
    b: Shown,
}

struct Shown {
    pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Systems {
    pub(crate) fn new() -> Self {
        let [a, b] = ["is-a", "is-b"].map(|name| {
            let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            Shown {
                pem: made.cert.pem(),
                der: made.cert.der().clone(),
                key: PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap(),
            }
        });
        Self { a, b }
    }

    /// The certificate that is registered.
    pub(crate) fn registered(&self) -> &str {
        &self.a.pem
    }

    async fn connect(&self, double: &Double, shown: &str) -> impl AsyncRead + AsyncWrite + use<> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(double.certificate_pem().as_bytes()).unwrap()).unwrap();
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match shown {
            "none" => builder.with_no_client_auth(),
            "is-a" => builder.with_client_auth_cert(vec![self.a.der.clone()], self.a.key.clone_key()).unwrap(),
            "is-b" => builder.with_client_auth_cert(vec![self.b.der.clone()], self.b.key.clone_key()).unwrap(),
            other => panic!("no information system {other}"),
        };
        let port = double.https_url().rsplit_once(':').unwrap().1.to_owned();
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }
}

/// Plays a case over the kind of connection that it was recorded on.
pub(crate) async fn play(double: &Double, case: &Value, systems: &Systems) -> Answer {
    match case["tls"].as_str() {
        Some(shown) => send(systems.connect(double, shown).await, case).await,
        None => {
            let address = double.url();
            send(TcpStream::connect(address.trim_start_matches("http://")).await.unwrap(), case).await
        }
    }
}

async fn send<S: AsyncRead + AsyncWrite>(stream: S, case: &Value) -> Answer {
    let out = request(case);
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sending = async move {
        let _ = writing.write_all(&out).await;
        writing
    };
    let (got, _writing) = tokio::join!(receive(&mut reading), sending);
    parse(&got)
}

/// The request as it was on the wire.
fn request(case: &Value) -> Vec<u8> {
    let request = &case["request"];
    let mut out = bytes(request["line"].as_str().unwrap());
    out.extend_from_slice(b"\r\n");
    for header in request["headers"].as_array().unwrap() {
        out.extend(bytes(header[0].as_str().unwrap()));
        out.extend_from_slice(b": ");
        out.extend(bytes(header[1].as_str().unwrap()));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if let Some(length) = request["body_len"].as_u64() {
        let mut body = bytes(request["body"].as_str().unwrap_or_default());
        body.resize(usize::try_from(length).unwrap(), b'x');
        if request["chunked"] == true {
            out.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
            out.extend(&body);
            out.extend_from_slice(b"\r\n0\r\n\r\n");
        } else {
            out.extend(&body);
        }
    }
    out
}

/// How much of an answer is looked at: what follows may be long.
const ENOUGH: usize = 64 * 1024;

async fn receive(reading: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut got: Vec<u8> = Vec::new();
    while got.len() < ENOUGH {
        if let Some(rest) = got.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n") {
            got = rest.to_vec();
            continue;
        }
        // Only what ends with the connection is read to its end: the rest may never end.
        let head: String = got.iter().map(|b| char::from(*b)).collect::<String>().to_ascii_lowercase();
        if head.split_once("\r\n\r\n").is_some_and(|(head, _)| !head.contains("\r\nconnection: close")) {
            break;
        }
        let mut piece = [0; 4096];
        match tokio::time::timeout(Duration::from_secs(10), reading.read(&mut piece)).await {
            Ok(Ok(n)) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => break,
        }
    }
    got
}

fn parse(got: &[u8]) -> Answer {
    let text: String = got.iter().map(|b| char::from(*b)).collect();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default().split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
