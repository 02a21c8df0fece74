//! What peers may get wrong: each gets the protocol's own error object and a stable code, is logged exactly once with its trace id, and
//! changes nothing.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::Road;
use sliproad::demo::story::{self, LAND_REGISTER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");

/// One wrong request to the provider.
struct Wrong {
    name: &'static str,
    method: &'static str,
    /// Below the Dataspace Protocol's base.
    path: String,
    authorization: Option<String>,
    body: String,
    status: u16,
    kind: &'static str,
}

impl Wrong {
    fn post(name: &'static str, path: &str, body: impl ToString, (status, kind): (u16, &'static str)) -> Self {
        let (path, body) = (path.to_owned(), body.to_string());
        Self { name, method: "POST", path, authorization: Some("consumer".to_owned()), body, status, kind }
    }

    fn get(name: &'static str, path: &str, (status, kind): (u16, &'static str)) -> Self {
        Self { method: "GET", ..Self::post(name, path, "", (status, kind)) }
    }

    fn by(self, authorization: Option<&str>) -> Self {
        Self { authorization: authorization.map(str::to_owned), ..self }
    }
}

const NEGOTIATION: &str = "ContractNegotiationError";
const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";

fn message(kind: &str, more: &Value) -> Value {
    let mut body = json!({"@context": [CONTEXT], "@type": kind});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Everything that can be wrong, given a finished negotiation by the provider's pid.
fn wrongs(finished: &str, consumer_pid: &str) -> Vec<Wrong> {
    let request = "/negotiations/request";
    let event = |provider: &str, consumer: &str| {
        let more = json!({"providerPid": provider, "consumerPid": consumer, "eventType": "ACCEPTED"});
        message("ContractNegotiationEventMessage", &more)
    };
    let unknown = "urn:uuid:11111111-1111-4111-8111-111111111111";
    let deep = format!("{{\"@context\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    vec![
        Wrong::post("malformed", request, "{", (400, NEGOTIATION)),
        Wrong::post("no message", request, "[]", (400, NEGOTIATION)),
        Wrong::post("another message", request, message("CatalogRequestMessage", &json!({})), (400, NEGOTIATION)),
        Wrong::post("deeply nested", request, deep, (400, NEGOTIATION)),
        Wrong::post("oversized", request, format!("\"{}\"", "x".repeat(1_100_000)), (413, NEGOTIATION)),
        Wrong::get("an unknown negotiation", &format!("/negotiations/{unknown}"), (404, NEGOTIATION)),
        Wrong::post(
            "a message to an unknown negotiation",
            &format!("/negotiations/{unknown}/events"),
            event(unknown, consumer_pid),
            (404, NEGOTIATION),
        ),
        Wrong::post(
            "a message in a wrong state",
            &format!("/negotiations/{finished}/events"),
            event(finished, consumer_pid),
            (400, NEGOTIATION),
        ),
        Wrong::get("somebody else's negotiation", &format!("/negotiations/{finished}"), (404, NEGOTIATION))
            .by(Some("stranger")),
        Wrong::get("no token", &format!("/negotiations/{finished}"), (401, NEGOTIATION)).by(None),
        Wrong::get("a forged token", &format!("/negotiations/{finished}"), (401, NEGOTIATION))
            .by(Some("Bearer forged")),
        Wrong::get("an unknown dataset", "/catalog/datasets/urn:nothing", (404, "CatalogError")),
        Wrong::get("an unknown transfer", &format!("/transfers/{unknown}"), (404, "TransferError")),
        Wrong::post("a transfer without an agreement", "/transfers/request", "{}", (400, "TransferError")),
    ]
}

#[tokio::test]
async fn what_peers_get_wrong_is_answered_in_the_protocols_words_and_logged_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
    story::negotiate(&road, LAND_REGISTER).await.unwrap();
    let before = road.provider.management.read("/api/v1/negotiations").await.unwrap();
    let finished = &before["items"][0];
    let (pid, peer) = (finished["pid"].as_str().unwrap(), finished["peerPid"].as_str().unwrap());
    let settings = &road.provider.settings;
    let client = sliproad::demo::client::local_http().unwrap();
    for (number, wrong) in wrongs(pid, peer).into_iter().enumerate() {
        let trace = format!("{:032x}", 0xbad_0000 + number);
        let url = format!("{}{}", settings.dsp(), wrong.path);
        let mut request = client.request(wrong.method.parse().unwrap(), url);
        let token = match wrong.authorization.as_deref() {
            Some("consumer") => Some(settings.consumer_authorization()),
            Some("stranger") => Some(settings.stranger_authorization()),
            other => other.map(str::to_owned),
        };
        request = token.into_iter().fold(request, |request, token| request.header("authorization", token));
        request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
        let answer = request.header("content-type", "application/json").body(wrong.body).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        assert_eq!((status, body["@type"].as_str()), (wrong.status, Some(wrong.kind)), "{}: {body}", wrong.name);
        assert!(body["code"].as_str().is_some_and(|code| code.len() > 3), "{}: {body}", wrong.name);
        assert!(body["reason"].to_string().len() > 15, "{}: {body}", wrong.name);
        let log = std::fs::read_to_string(directory.path().join("provider.log")).unwrap();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&trace)).collect();
        assert_eq!(lines.len(), 1, "{}: {lines:#?}", wrong.name);
    }
    let after = road.provider.management.read("/api/v1/negotiations").await.unwrap();
    assert_eq!(after, before, "nothing was changed, nothing begun");
    road.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_request_that_leads_nowhere_is_answered_with_a_problem_and_logged_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
    let settings = &road.provider.settings;
    let client = sliproad::demo::client::local_http().unwrap();
    let (public, management, dsp) = (&settings.public, &settings.management, settings.dsp());
    for (number, (method, url, status, code)) in [
        ("GET", format!("{public}/nobody/dsp/2025-1/catalog/request"), 404, "participant.unknown"),
        ("GET", format!("{public}/nobody/.well-known/dspace-version"), 404, "participant.unknown"),
        ("GET", format!("{dsp}/nothing"), 404, "endpoint.unknown"),
        ("DELETE", format!("{dsp}/catalog/request"), 405, "endpoint.method"),
        ("GET", format!("{public}/"), 404, "path.unknown"),
        ("GET", format!("{public}/what/ever"), 404, "path.unknown"),
        ("POST", format!("{public}/.well-known/dspace-version"), 405, "method.unknown"),
        ("GET", format!("{management}/api/v1/nothing"), 404, "path.unknown"),
        ("GET", format!("{management}/api/v1/offers"), 401, "key.missing"),
    ]
    .into_iter()
    .enumerate()
    {
        let trace = format!("{:032x}", 0xbad_1000 + number);
        let request = client.request(method.parse().unwrap(), &url);
        let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
        let answer = request.send().await.unwrap();
        let told = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((told, body["code"].as_str()), (status, Some(code)), "{url}: {body}");
        assert_eq!(body["traceId"], trace, "{url}");
        let log = std::fs::read_to_string(directory.path().join("provider.log")).unwrap();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&trace)).collect();
        assert_eq!(lines.len(), 1, "{url}: {lines:#?}");
    }
    road.stop(Duration::from_secs(5)).await;
}

/// What a peer does with the first message; what comes after waits for ever, so that it is tried once.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Redirects,
    Garbles,
    HangsUp,
    AnswersWithoutEnd,
    Refuses,
}

/// A peer at an address of its own.
async fn badly_behaved(peer: Peer) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 65_536];
        let mut read = 0;
        while !String::from_utf8_lossy(&request[..read]).contains("callbackAddress") {
            read += stream.read(&mut request[read..]).await.unwrap();
        }
        let head =
            |status: &str, more: &str| format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}\r\n");
        let answer = match peer {
            Peer::Redirects => head("307 Temporary Redirect", "location: http://127.0.0.1:9/\r\ncontent-length: 0\r\n"),
            Peer::Garbles => head("200 OK", "content-length: 7\r\n") + "<html/>",
            Peer::HangsUp => String::new(),
            Peer::AnswersWithoutEnd => {
                head("200 OK", "transfer-encoding: chunked\r\n") + &format!("200000\r\n{}\r\n", " ".repeat(0x20_0000))
            }
            Peer::Refuses => head("400 Bad Request", "content-length: 2\r\n") + "{}",
        };
        // Who has read enough hangs up.
        let _ = stream.write_all(answer.as_bytes()).await;
        drop(stream);
        let (_kept, _) = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
    });
    format!("http://{address}")
}

#[tokio::test]
async fn what_a_peer_answers_badly_is_logged_once_and_the_message_is_kept_or_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
    let offer =
        json!({"@type": "Offer", "@id": "urn:offer", "target": LAND_REGISTER, "permission": [{"action": "use"}]});
    let management = &road.consumer.management;
    for (peer, ends) in [
        (Peer::Redirects, false),
        (Peer::Garbles, false),
        (Peer::HangsUp, false),
        (Peer::AnswersWithoutEnd, false),
        (Peer::Refuses, true),
    ] {
        let request = json!({"counterparty": road.provider.settings.participant, "address": badly_behaved(peer).await,
                             "offer": offer});
        let begun = management.post("/api/v1/negotiations", &request).await.unwrap();
        let (pid, trace) = (begun["pid"].as_str().unwrap(), begun["traceId"].as_str().unwrap());
        let path = format!("/api/v1/negotiations/{pid}").replace("urn:uuid:", "urn%3Auuid%3A");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let process = loop {
            let process = management.read(&path).await.unwrap();
            if process["state"] == "TERMINATED" || !process["deliveryFailure"].is_null() {
                break process;
            }
            assert!(tokio::time::Instant::now() < deadline, "{peer:?}: {process}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(process["state"] == "TERMINATED", ends, "{peer:?}: {process}");
        let log = std::fs::read_to_string(directory.path().join("consumer.log")).unwrap();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(trace)).collect();
        assert_eq!(lines.len(), 1, "{peer:?}: {lines:#?}");
    }
    road.stop(Duration::from_secs(5)).await;
}
