//! The double against what a real X-Road 7.8.0 did: every recorded exchange is played, or left out with its reason.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use sliproad_conformance::double::{
    AccessRight, ClientConfig, ConnectionMode, Double, DoubleConfig, EndpointConfig, MemberConfig, ServiceConfig,
    ServiceKind, Trouble,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Cases that are not played: a prefix of the name, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("soap-", "the double does not speak SOAP messages"),
    ("asic-", "the double keeps no message log"),
    ("verificationconf", "the double has no signed global configuration"),
    ("wsdl", "the double serves no WSDL"),
    ("svc-root-get", "a WSDL page of the SOAP side"),
    ("cookie-", "backend cookies shared between callers: a defect not worth imitating; the data plane strips cookies"),
    ("resp-gzip", "the double does not decode gzip"),
    ("blackhole", "needs an address that never answers"),
    ("backend-tls", "backends of the double speak plain HTTP"),
    ("trouble-globalconf-expired-provide", "the double keeps one global configuration for both servers"),
    ("trouble-globalconf-expired-verific", "the double has no signed global configuration"),
    ("resp-hdr-nocolon-space", "white space around a backend's header value is not kept"),
    ("two-cl", "its two Content-Length headers were not recorded; played in its own test"),
    ("status-999", "outside the range that the scripted backend can write"),
];

#[tokio::test]
async fn the_double_does_what_the_recorded_server_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec/xroad/real-7.8.0");
    let Ok(transcripts) = std::fs::read_to_string(folder.join("transcripts.jsonl")) else {
        println!("skipped: no recorded exchanges at {}", folder.display());
        return;
    };
    let rig: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("rig.json")).unwrap()).unwrap();
    let backend = Backend::start().await;
    let double = Double::start(config(&rig, backend.port)).await.unwrap();

    let (mut agree, mut left_out, mut wrong) = (0, 0, Vec::new());
    for line in transcripts.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["case"].as_str().unwrap().to_owned();
        let reason = LEFT_OUT.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, reason)| *reason);
        let tls = (!case["tls"].is_null())
            .then_some("connection modes are tested with real certificates in connection_modes");
        let no_answer = case["response"]["status_line"].is_null().then_some("the recorded server gave no answer");
        if let Some(reason) = reason.or(tls).or(no_answer) {
            println!("left out: {name}: {reason}");
            left_out += 1;
            continue;
        }
        double.set_trouble(trouble(&name));
        backend.prepare(&case);
        let answer = play(&double, &case).await;
        let differences = compare(&case, &answer, &backend.saw());
        if differences.is_empty() {
            agree += 1;
        } else {
            wrong.push(format!("{name}: {}", differences.join("; ")));
        }
    }
    println!("{agree} agree, {left_out} left out, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(agree > 250, "too few cases were played: {agree}");
}

fn trouble(case: &str) -> Trouble {
    match case {
        "trouble-maintenance" | "trouble-maintenance-listMethods" => {
            Trouble { maintenance: Some("Upgrade tonight".into()), ..Trouble::default() }
        }
        c if c.starts_with("trouble-provider-ss-down") => Trouble { provider_down: true, ..Trouble::default() },
        c if c.starts_with("trouble-globalconf-expired") => {
            Trouble { global_configuration_expired: true, ..Trouble::default() }
        }
        _ => Trouble::default(),
    }
}

/// The rig's members, services and rights.
fn config(rig: &Value, port: u16) -> DoubleConfig {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut members: Vec<MemberConfig> = rig["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| MemberConfig {
            class: text(&m["class"]),
            code: text(&m["code"]),
            name: text(&m["name"]),
            client: m["class"] == "COM",
            subsystems: m["subsystems"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| ClientConfig {
                    code: text(&s["code"]),
                    name: s["name"].as_str().map(str::to_owned),
                    ..ClientConfig::default()
                })
                .collect(),
        })
        .collect();
    let mut rights = Vec::new();
    for (server, is_consumer) in [(&rig["servers"][0], true), (&rig["servers"][1], false)] {
        for client in server["clients"].as_array().unwrap() {
            let id = text(&client["id"]);
            let Some(subsystem) = find(&mut members, &id) else { continue };
            subsystem.client = is_consumer && client["status"] != "saved";
            subsystem.provider = !is_consumer;
            subsystem.mode = match client["isAuth"].as_str() {
                Some("SSLNOAUTH") => ConnectionMode::HttpsNoAuth,
                Some("SSLAUTH") => ConnectionMode::Https,
                _ => ConnectionMode::Http,
            };
            for description in client["descriptions"].as_array().into_iter().flatten() {
                for service in description["services"].as_array().unwrap() {
                    subsystem.services.push(service_of(description, service, port));
                }
            }
            for right in client["acl"].as_array().into_iter().flatten() {
                let endpoint = right["method"]
                    .as_str()
                    .map(|method| EndpointConfig { method: method.to_owned(), path: text(&right["path"]) });
                rights.push(AccessRight {
                    subject: text(&right["subject"]),
                    service: format!("{id}/{}", text(&right["service"])),
                    endpoint,
                });
            }
        }
    }
    let groups = rig["globalGroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (text(&g["code"]), g["members"].as_array().unwrap().iter().map(text).collect()));
    DoubleConfig {
        groups: groups.collect(),
        members,
        rights,
        largest_body: Some(10 * 1024 * 1024),
        ..DoubleConfig::default()
    }
}

fn find<'a>(members: &'a mut [MemberConfig], id: &str) -> Option<&'a mut ClientConfig> {
    let parts: Vec<&str> = id.split('/').collect();
    let [class, code, subsystem] = parts.as_slice() else { return None };
    members
        .iter_mut()
        .find(|m| m.class == *class && m.code == *code)?
        .subsystems
        .iter_mut()
        .find(|s| s.code == *subsystem)
}

fn service_of(description: &Value, service: &Value, port: u16) -> ServiceConfig {
    let here = |url: &str| url.replace("19000", &port.to_string());
    let url = service["url"].as_str().or_else(|| description["url"].as_str()).unwrap();
    let kind = match description["type"].as_str() {
        Some("OPENAPI3") => ServiceKind::OpenApi3,
        Some("WSDL") => ServiceKind::Wsdl,
        _ => ServiceKind::Rest,
    };
    ServiceConfig {
        code: service["code"].as_str().unwrap().to_owned(),
        version: service["version"].as_str().map(str::to_owned),
        kind,
        url: here(url),
        description: (kind == ServiceKind::OpenApi3).then(|| here(description["url"].as_str().unwrap())),
        endpoints: service["endpoints"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|e| EndpointConfig {
                method: e["method"].as_str().unwrap().to_owned(),
                path: e["path"].as_str().unwrap().to_owned(),
            })
            .collect(),
        timeout_millis: if service["timeout"].is_null() { 60_000 } else { 200 },
        disabled: (description["disabled"] == true).then(|| "disabled".to_owned()),
    }
}

/// Text of a transcript back to the bytes it was: one character a byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
}

async fn play(double: &Double, case: &Value) -> Answer {
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
    let address = double.url();
    let stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move {
        let _ = writing.write_all(&out).await;
        writing
    });
    let mut got = Vec::new();
    // The head is enough; what follows may be long or never end.
    while !got.windows(4).any(|w| w == b"\r\n\r\n") || got.starts_with(b"HTTP/1.1 100") {
        if let Some(rest) = got.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n") {
            got = rest.to_vec();
            continue;
        }
        let mut piece = [0; 4096];
        match tokio::time::timeout(Duration::from_secs(10), reading.read(&mut piece)).await {
            Ok(Ok(n)) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => break,
        }
    }
    drop(sending.await);
    parse(&got)
}

fn parse(got: &[u8]) -> Answer {
    let head: String = got.iter().map(|b| char::from(*b)).collect();
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default().split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    Answer { status, headers }
}

fn compare(case: &Value, answer: &Answer, saw: &[Seen]) -> Vec<String> {
    let mut differences = Vec::new();
    let recorded = &case["response"];
    let status: u16 = recorded["status_line"].as_str().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    if answer.status != status {
        differences.push(format!("status {} instead of {status}", answer.status));
    }
    let xroad = |headers: Vec<(String, String)>| -> Vec<(String, String)> {
        headers
            .into_iter()
            .filter(|(n, _)| n.to_ascii_lowercase().starts_with("x-road-"))
            .map(|(n, v)| {
                let varies = ["x-road-id", "x-road-request-id", "x-road-request-hash"].contains(&n.as_str());
                let generated = varies && (v.len() > 30);
                (n, if generated { "generated".to_owned() } else { v })
            })
            .collect()
    };
    let wanted = xroad(pairs(&recorded["headers"]));
    let got = xroad(answer.headers.clone());
    if wanted != got {
        differences.push(format!("X-Road headers {got:?} instead of {wanted:?}"));
    }
    compare_seen(case, saw, &mut differences);
    if differences.is_empty() {
        check_hash(case, answer, saw, &mut differences);
    }
    differences
}

fn compare_seen(case: &Value, saw: &[Seen], differences: &mut Vec<String>) {
    let recorded = case["provider_saw"].as_array().cloned().unwrap_or_default();
    if recorded.len() != saw.len() {
        differences.push(format!("the provider saw {} requests instead of {}", saw.len(), recorded.len()));
        return;
    }
    let comparable = |headers: Vec<(String, String)>| -> Vec<(String, String)> {
        headers
            .into_iter()
            .filter(|(n, _)| !["Host", "User-Agent", "Connection", "Accept-Encoding"].contains(&n.as_str()))
            .map(
                |(n, v)| {
                    if n == "x-road-id" || n == "x-road-request-id" { (n, "generated".to_owned()) } else { (n, v) }
                },
            )
            .collect()
    };
    for (wanted, got) in recorded.iter().zip(saw) {
        if wanted["request_line"] != *got.line {
            differences.push(format!("the provider saw {} instead of {}", got.line, wanted["request_line"]));
        }
        if got.line.contains("/openapi") || got.line.contains("/status/404 ") && case["case"] == "getOpenAPI-404" {
            continue;
        }
        let (want, have) = (comparable(pairs(&wanted["headers"])), comparable(got.headers.clone()));
        if want != have {
            differences.push(format!("the provider saw headers {have:?} instead of {want:?}"));
        }
        if wanted["body_len"].as_u64() != Some(got.body_length) {
            differences.push(format!("the provider saw {} bytes instead of {}", got.body_length, wanted["body_len"]));
        }
    }
}

/// The hash once more, by the rule of the protocol, from what the provider saw.
fn check_hash(case: &Value, answer: &Answer, saw: &[Seen], differences: &mut Vec<String>) {
    use base64::Engine as _;
    use sha2::{Digest, Sha512};
    let told = answer.headers.iter().rev().find(|(n, _)| n == "x-road-request-hash").map(|(_, v)| v.clone());
    let (Some(told), [seen]) = (told, saw) else { return };
    let line = case["request"]["line"].as_str().unwrap();
    let parts: Vec<&str> = line.split(' ').collect();
    if case["request"]["body_len"].as_u64().unwrap_or(0) > 0 || parts[1].contains('#') || !parts[1].starts_with('/') {
        return;
    }
    if seen.line.contains("/openapi") {
        return;
    }
    let mut digest = Sha512::new();
    digest.update(bytes(&format!("{}\r\n{}\r\n", parts[0], parts[1])));
    for (name, value) in seen.headers.iter().take_while(|(n, _)| n != "Host").filter(|(n, _)| n != "Content-Length") {
        digest.update(bytes(&format!("{name}:{value}\r\n")));
    }
    let expected = base64::engine::general_purpose::STANDARD.encode(digest.finalize());
    if told != expected {
        differences.push("the request hash is not that of the request".to_owned());
    }
}

fn pairs(headers: &Value) -> Vec<(String, String)> {
    headers
        .as_array()
        .into_iter()
        .flatten()
        .map(|h| (h[0].as_str().unwrap().to_owned(), h[1].as_str().unwrap().trim().to_owned()))
        .collect()
}

#[derive(Clone, Debug)]
struct Seen {
    line: String,
    headers: Vec<(String, String)>,
    body_length: u64,
}

/// A provider service that answers as the recorded one did.
struct Backend {
    port: u16,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    case: Value,
    saw: Vec<Seen>,
}

impl Backend {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_one(stream, Arc::clone(&shared)));
            }
        });
        Self { port, script }
    }

    fn prepare(&self, case: &Value) {
        *self.script.lock().unwrap() = Script { case: case.clone(), saw: Vec::new() };
    }

    fn saw(&self) -> Vec<Seen> {
        self.script.lock().unwrap().saw.clone()
    }
}

async fn answer_one(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut got = Vec::new();
    let mut piece = vec![0; 65536];
    let end = loop {
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => return,
        }
        if let Some(at) = got.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head: String = got[..end].iter().map(|b| char::from(*b)).collect();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    let length: usize =
        headers.iter().find(|(n, _)| n == "Content-Length").and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    while got.len() < end + length {
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => return,
        }
    }
    let case = {
        let mut script = script.lock().unwrap();
        script.saw.push(Seen { line: line.clone(), headers, body_length: length as u64 });
        script.case.clone()
    };
    let Some(answer) = scripted(&case, &line) else {
        if line.contains("/sleep") {
            let _ = stream.read(&mut piece).await;
        }
        return;
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

/// The backend's answer, rebuilt from what came out at the other end. `None`: hang or hang up.
fn scripted(case: &Value, line: &str) -> Option<Vec<u8>> {
    let target = line.split(' ').nth(1).unwrap();
    if target.contains("/sleep") || target.ends_with("/drop") {
        return None;
    }
    if target.ends_with("/half") {
        return Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf body".to_vec());
    }
    if target.ends_with("/garbage") {
        return Some(b"this is not HTTP at all\r\n\r\n".to_vec());
    }
    if case["case"] == "getOpenAPI-404" {
        return Some(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
    }
    if let Some((_, asked)) = target.split_once("/large?bytes=") {
        let length: usize = asked.parse().unwrap();
        let mut out = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        out.resize(out.len() + length, b'x');
        return Some(out);
    }
    let recorded = &case["response"];
    let status = recorded["status_line"].as_str().unwrap().trim_start_matches("HTTP/1.1 ");
    let status = if status.starts_with("500 Server Error") && target.contains("/hdr") { "200 OK" } else { status };
    let mut out = format!("HTTP/1.1 {status}\r\n").into_bytes();
    let forged: Vec<(String, String)> = target
        .split_once("/hdr?")
        .map(|(_, query)| {
            url::form_urlencoded::parse(query.as_bytes()).map(|(_, v)| v.into_owned()).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .filter_map(|h| h.split_once(':').map(|(n, v)| (n.to_owned(), v.to_owned())))
        .filter(|(n, _)| n.to_ascii_lowercase().starts_with("x-road-"))
        .collect();
    let plain = pairs(&recorded["headers"]).into_iter().filter(|(n, _)| {
        let name = n.to_ascii_lowercase();
        !name.starts_with("x-road-") && !["connection", "transfer-encoding", "content-length"].contains(&name.as_str())
    });
    for (name, value) in plain.chain(forged) {
        out.extend(bytes(&format!("{name}: {value}\r\n")));
    }
    let body = recorded["body"].as_str().unwrap_or_default().as_bytes().to_vec();
    if !status.starts_with("204") && !status.starts_with("304") {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    if !line.starts_with("HEAD") {
        out.extend(body);
    }
    Some(out)
}
