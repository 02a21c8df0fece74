//! The REST message: client and service out of a request, the request hash, what passes on.

use base64::Engine as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha512};

use super::fault::Fault;
use super::http1::{Header, RequestHead, last, last_text};
use super::target::{Target, decode};

/// A request understood as an X-Road REST message.
#[derive(Clone, Debug)]
pub(super) struct RestMessage {
    /// Decoded client segments, three or four.
    pub(super) client: Vec<String>,
    /// The client header as received.
    pub(super) client_text: String,
    /// Decoded: instance, class, member, subsystem, service.
    pub(super) service: [String; 5],
    /// The service as it is written in headers.
    pub(super) service_text: String,
    /// The raw rest of the path, with its leading slash; empty when there is none.
    pub(super) path: String,
    /// The message id, as the caller gave it or as generated here.
    pub(super) id: Vec<u8>,
    /// Generated for this exchange.
    pub(super) request_id: String,
    /// Headers that pass to the provider, in order, generated ones last.
    pub(super) headers: Vec<Header>,
    /// A wished security server: instance, class, member, code.
    pub(super) security_server: Option<Vec<String>>,
}

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
const DROPPED: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-road-request-id",
];

/// Reads the message; the first thing wrong is the fault.
pub(super) fn read(instance: &str, head: &RequestHead, target: &Target) -> Result<RestMessage, Fault> {
    let wrong = |message: &str| Fault::new("server.clientproxy.internal_error", message);
    let client_text = last(&head.headers, "X-Road-Client").ok_or_else(|| {
        Fault::new("server.clientproxy.invalid_client_identifier", "The client identifier is missing")
    })?;
    let client_text = String::from_utf8_lossy(client_text).into_owned();
    if !METHODS.contains(&head.method.as_str()) {
        let sentence = format!("No enum constant ee.ria.xroad.common.message.RestRequest.Verb.{}", head.method);
        return Err(wrong(&sentence));
    }
    let client = client(&client_text).map_err(wrong)?;
    let (service, service_text, path) = service(&target.path).ok_or_else(|| wrong("Invalid request URI"))?;
    if let Some(party) = last_text(&head.headers, "X-Road-Represented-Party") {
        segments(party).filter(|s| matches!(s.len(), 1 | 2)).ok_or_else(|| wrong("Invalid RepresentedParty Id"))?;
    }
    let security_server = match last_text(&head.headers, "X-Road-Security-Server") {
        Some(text) => Some(segments(text).filter(|s| s.len() == 4).ok_or_else(|| wrong("Invalid SecurityServer Id"))?),
        None => None,
    };
    let given = last(&head.headers, "X-Road-Id").map(<[u8]>::to_vec);
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut headers: Vec<Header> = head
        .headers
        .iter()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !DROPPED.contains(&name.as_str()) && name != "x-road-request-hash"
        })
        .cloned()
        .collect();
    headers.push(("x-road-request-id".to_owned(), request_id.clone().into_bytes()));
    let id = given.unwrap_or_else(|| {
        let generated = format!("{instance}-{}", uuid::Uuid::new_v4()).into_bytes();
        headers.push(("x-road-id".to_owned(), generated.clone()));
        generated
    });
    Ok(RestMessage { client, client_text, service, service_text, path, id, request_id, headers, security_server })
}

impl RestMessage {
    /// The hash over request line and headers, to be joined with the body's.
    pub(super) fn head_digest(&self, method: &str, target: &Target) -> [u8; 64] {
        let mut digest = Sha512::new();
        digest.update(method.as_bytes());
        digest.update(b"\r\n");
        digest.update(target.path_and_query());
        digest.update(b"\r\n");
        for (name, value) in &self.headers {
            digest.update(name.as_bytes());
            digest.update(b":");
            digest.update(value.trim_ascii());
            digest.update(b"\r\n");
        }
        digest.finalize().into()
    }

    /// The client as faults name it.
    pub(super) fn client_name(&self) -> String {
        let kind = if self.client.len() == 4 { "SUBSYSTEM" } else { "MEMBER" };
        format!("{kind}:{}", self.client.join("/"))
    }

    /// The service as faults name it.
    pub(super) fn service_name(&self) -> String {
        format!("SERVICE:{}", self.service.join("/"))
    }

    /// Client id as `CLASS/CODE[/SUB]`.
    pub(super) fn client_key(&self) -> String {
        self.client.get(1..).unwrap_or_default().join("/")
    }
}

/// The value of `x-road-request-hash`.
pub(super) fn request_hash(head: [u8; 64], body: Option<[u8; 64]>) -> String {
    let digest: [u8; 64] = match body {
        None => head,
        Some(body) => Sha512::new().chain_update(head).chain_update(body).finalize().into(),
    };
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// The segments of a client id, or what is said of a text that is none.
fn client(text: &str) -> Result<Vec<String>, &'static str> {
    if !matches!(text.split('/').count(), 3 | 4) {
        return Err("Invalid Client Id");
    }
    if text.chars().any(|c| c == ' ' || c.is_control()) {
        return Err("Invalid character in path segment");
    }
    match text.split('/').position(str::is_empty) {
        Some(0) => Err("'xRoadInstance' must not be blank"),
        Some(1) => Err("'memberClass' must not be blank"),
        Some(2) => Err("'memberCode' must not be blank"),
        Some(_) => Err("'subsystemCode' must not be blank"),
        None => segments(text).ok_or("Invalid Client Id"),
    }
}

/// Segments of an identifier, each decoded; `None` when one is empty or not plainly written.
fn segments(text: &str) -> Option<Vec<String>> {
    text.split('/')
        .map(|s| decode(s).filter(|_| !s.is_empty() && !s.contains(|c: char| c == ' ' || c.is_control())))
        .collect()
}

fn service(path: &str) -> Option<([String; 5], String, String)> {
    let rest = path.strip_prefix("/r1/")?;
    let mut ends = rest.match_indices('/').map(|(at, _)| at).skip(4);
    let end = ends.next().unwrap_or(rest.len());
    let (id, path) = rest.split_at(end);
    let decoded: [String; 5] = id.split('/').map(decode).collect::<Option<Vec<_>>>()?.try_into().ok()?;
    if decoded.iter().any(String::is_empty) {
        return None;
    }
    let written: Vec<String> = decoded.iter().map(|s| utf8_percent_encode(s, SEGMENT).to_string()).collect();
    Some((decoded, written.join("/"), path.to_owned()))
}
