//! The X-Road client against the security-server double, which is checked against a real server.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use conformance::double::{
    ClientConfig, ConnectionMode, Double, DoubleConfig, FaultSpelling, MemberConfig, ServiceConfig, Trouble,
};
use futures_util::stream;
use http::{HeaderMap, Method};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sha2::{Digest, Sha256};
use sliproad::catalog::{Catalog, OfferDefinition, Publisher};
use sliproad::env::Clock;
use sliproad::model::ids::ParticipantId;
use sliproad::model::xroad::{ClientId, ServiceKind};
use sliproad::policy::Registry;
use sliproad::xroad::body::{RequestBody, ResponseBody};
use sliproad::xroad::client::{Limits, XRoadClient, XRoadConfig, XRoadRequest, XRoadResponse};
use sliproad::xroad::connect::{ClientCertificate, Tls, Trust};
use sliproad::xroad::failure::CallError;
use sliproad::xroad::metadata::{Selection, discover};
use sliproad::xroad::path::AssetPath;
use sliproad::xroad::route::{Route, header_text};

const GATEWAY: &str = "DEV/COM/1000/gateway";

/// The sample servers with clients of every connection mode, and services that fail in their own ways.
fn config() -> DoubleConfig {
    let mut config = DoubleConfig::sample();
    let client = |code: &str, mode| ClientConfig { code: code.into(), client: true, mode, ..ClientConfig::default() };
    config.members[0].subsystems.push(client("stranger", ConnectionMode::Http));
    config.members[0].subsystems.push(client("noauth", ConnectionMode::HttpsNoAuth));
    let service = |code: &str, url: &str, disabled: Option<&str>| ServiceConfig {
        code: code.into(),
        url: url.into(),
        disabled: disabled.map(str::to_owned),
        ..ServiceConfig::default()
    };
    let services = vec![
        service("off", "http://127.0.0.1:9", Some("until noon")),
        service("nohost", "http://no-such-host.invalid", None),
        service("nourl", "", None),
    ];
    config.members.push(MemberConfig {
        class: "GOV".into(),
        code: "3000".into(),
        name: "Troubled Agency".into(),
        client: false,
        subsystems: vec![ClientConfig { code: "trouble".into(), provider: true, services, ..ClientConfig::default() }],
    });
    for service in ["off", "nohost", "nourl"] {
        let right = config.rights[0].clone();
        config
            .rights
            .push(conformance::double::AccessRight { service: format!("GOV/3000/trouble/{service}"), ..right });
    }
    config
}

fn client(url: &str, tls: Option<Tls>) -> XRoadClient {
    XRoadClient::new(&XRoadConfig { server: url.parse().unwrap(), tls, limits: Limits::default() }).unwrap()
}

fn request(from: &str, service: &str, method: Method, path: &str, body: RequestBody) -> XRoadRequest {
    let route = Arc::new(Route::new(from.parse().unwrap(), service.parse().unwrap(), None).unwrap());
    XRoadRequest {
        message_id: route.message_id(),
        route,
        method,
        path: AssetPath::parse(path).unwrap(),
        headers: HeaderMap::new(),
        body,
        issue: Some(header_text("urn:uuid:agreement")),
        user_id: None,
        represented_party: None,
        traceparent: None,
    }
}

async fn get(xroad: &XRoadClient, from: &str, service: &str, path: &str) -> Result<XRoadResponse, CallError> {
    xroad.call(request(from, service, Method::GET, path, RequestBody::Empty)).await
}

async fn json(body: ResponseBody) -> serde_json::Value {
    serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap()
}

async fn refused(xroad: &XRoadClient, from: &str, service: &str, path: &str) -> (u16, &'static str) {
    match get(xroad, from, service, path).await {
        Ok(response) => panic!("{service} answered with {}", response.status),
        Err(error) => (error.status(), error.code()),
    }
}

#[tokio::test]
async fn a_register_answers_through_the_security_server() {
    let double = Double::start(config()).await.unwrap();
    let xroad = client(&double.url(), None);
    let mut asked = request(
        GATEWAY,
        "DEV/GOV/2000/landregister/land",
        Method::GET,
        "/parcels?municipality=Tartu",
        RequestBody::Empty,
    );
    asked.headers.insert("accept", "application/json".parse().unwrap());
    asked.headers.insert("cookie", "sid=1".parse().unwrap());
    asked.headers.insert("x-road-security-server", "DEV/EVIL/1/ss".parse().unwrap());
    let id = asked.message_id.to_string();
    let response = xroad.call(asked).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.request_hash.len(), 88, "base64 of a SHA-512");
    assert!(response.request_id.is_some());
    assert!(response.headers.keys().all(|name| !name.as_str().starts_with("x-road-")));
    assert_eq!(json(response.body).await["parcels"][0]["id"], "79501:027:0012");
    let seen = double.requests();
    assert_eq!(seen[0]["target"], "/r1/DEV/GOV/2000/landregister/land/parcels?municipality=Tartu");
    let mut names: Vec<String> = Vec::new();
    for header in seen[0]["headers"].as_array().unwrap() {
        let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        names.push(name.to_ascii_lowercase());
        match names.last().unwrap().as_str() {
            "x-road-client" => assert_eq!(value, GATEWAY),
            "x-road-id" => assert_eq!(value, id),
            "x-road-issue" => assert_eq!(value, "urn:uuid:agreement"),
            _ => {}
        }
    }
    names.sort();
    assert_eq!(names, ["accept", "host", "x-road-client", "x-road-id", "x-road-issue"]);
}

#[tokio::test]
async fn bodies_stream_through_whole_in_both_directions() {
    let double = Double::start(config()).await.unwrap();
    let xroad = client(&double.url(), None);
    let pieces = stream::iter((0..64_u8).map(|n| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![n; 10_000])))));
    let body = RequestBody::stream(StreamBody::new(pieces));
    let sent = request(GATEWAY, "DEV/GOV/2000/echo/echo", Method::POST, "/up", body);
    let echoed = json(xroad.call(sent).await.unwrap().body).await;
    let whole: Vec<u8> = (0..64_u8).flat_map(|n| vec![n; 10_000]).collect();
    assert_eq!(echoed["bodySha256"], hex::encode(Sha256::digest(&whole)));
    let response = get(&xroad, GATEWAY, "DEV/GOV/2000/download/file", "/file?bytes=20000001").await.unwrap();
    let mut body = response.body;
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(received, 20_000_001);
}

#[tokio::test]
async fn what_x_road_answers_itself_is_a_fault_in_both_spellings() {
    let double = Double::start(config()).await.unwrap();
    let xroad = client(&double.url(), None);
    let land = "DEV/GOV/2000/landregister/land";
    for spelling in [FaultSpelling::Since78, FaultSpelling::Before78] {
        let trouble = Trouble { spelling: Some(spelling), ..Trouble::default() };
        double.set_trouble(trouble.clone());
        let cases = [
            ("DEV/COM/1000/stranger", land, (403, "xroad.access-denied")),
            (GATEWAY, "DEV/GOV/2000/landregister/nosuch", (404, "xroad.unknown-service")),
            (GATEWAY, "DEV/GOV/9999/data/echo", (404, "xroad.unknown-provider")),
            ("DEV/COM/1000/ghost", land, (502, "xroad.client-not-accepted")),
            ("DEV/COM/1000/noauth", land, (502, "xroad.client-not-accepted")),
            (GATEWAY, "DEV/GOV/3000/trouble/off", (503, "xroad.service-disabled")),
            (GATEWAY, "DEV/GOV/3000/trouble/nohost", (502, "xroad.provider-unreachable")),
            (GATEWAY, "DEV/GOV/3000/trouble/nourl", (502, "xroad.provider-setup")),
        ];
        for (from, service, expected) in cases {
            assert_eq!(
                refused(&xroad, from, service, "/parcels").await,
                expected,
                "{service} for {from} ({spelling:?})"
            );
        }
        double.set_trouble(Trouble { maintenance: Some("Upgrade tonight".into()), ..trouble.clone() });
        assert_eq!(refused(&xroad, GATEWAY, land, "/parcels").await, (503, "xroad.maintenance"));
        double.set_trouble(Trouble { global_configuration_expired: true, ..trouble.clone() });
        assert_eq!(refused(&xroad, GATEWAY, land, "/parcels").await, (503, "xroad.not-ready"));
        double.set_trouble(Trouble { provider_down: true, ..trouble });
        assert_eq!(refused(&xroad, GATEWAY, land, "/parcels").await, (502, "xroad.provider-unreachable"));
    }
}

#[tokio::test]
async fn a_slow_service_and_an_over_limit_body_have_their_own_codes() {
    let mut config = config();
    config.largest_body = Some(1_000);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = &mut config.members[2].subsystems[0].services[1];
    (slow.url, slow.timeout_millis) = (format!("http://{}", silent.local_addr().unwrap()), 100);
    let double = Double::start(config).await.unwrap();
    let xroad = client(&double.url(), None);
    let slow = refused(&xroad, GATEWAY, "DEV/GOV/3000/trouble/nohost", "/").await;
    assert_eq!(slow, (504, "xroad.provider-timeout"));
    let body = RequestBody::Whole(Bytes::from(vec![0; 5_000]));
    let error = xroad.call(request(GATEWAY, "DEV/GOV/2000/echo/echo", Method::POST, "/up", body)).await.err().unwrap();
    assert_eq!((error.status(), error.code()), (502, "xroad.body-too-large"));
    let file = "DEV/GOV/2000/download/file";
    assert_eq!(refused(&xroad, GATEWAY, file, "/file?bytes=5000").await, (502, "xroad.body-too-large"));
}

#[tokio::test]
async fn the_https_modes_work_with_the_certificates_they_need() {
    let own = rcgen::generate_simple_self_signed(["connector".to_owned()]).unwrap();
    let mut config = config();
    config.members[0].subsystems.push(ClientConfig {
        code: "mtls".into(),
        client: true,
        mode: ConnectionMode::Https,
        certificates: vec![own.cert.pem()],
        ..ClientConfig::default()
    });
    for client in ["noauth", "mtls"] {
        let right = config.rights[0].clone();
        config.rights.push(conformance::double::AccessRight { subject: format!("COM/1000/{client}"), ..right });
    }
    let double = Double::start(config).await.unwrap();
    let trust = || Trust::from_pem(double.certificate_pem().as_bytes()).unwrap();
    let certificate =
        ClientCertificate::from_pem(own.cert.pem().as_bytes(), own.signing_key.serialize_pem().as_bytes()).unwrap();
    let bare = client(&double.https_url(), Some(Tls { trust: trust(), certificate: None }));
    let shown = client(&double.https_url(), Some(Tls { trust: trust(), certificate: Some(certificate) }));
    let land = "DEV/GOV/2000/landregister/land";
    assert!(get(&bare, "DEV/COM/1000/noauth", land, "/parcels").await.is_ok());
    assert!(get(&shown, "DEV/COM/1000/mtls", land, "/parcels").await.is_ok());
    let code = refused(&bare, "DEV/COM/1000/mtls", land, "/parcels").await;
    assert_eq!(code, (502, "xroad.client-not-accepted"));
}

#[tokio::test]
async fn services_are_found_with_what_their_documents_say() {
    let double = Double::start(config()).await.unwrap();
    let xroad = client(&double.url(), None);
    let clients = xroad.list_clients(None).await.unwrap();
    assert!(clients.iter().any(|c| c.id.as_str() == "DEV/GOV/2000/landregister"));
    let selection = |patterns: &[&str]| Selection {
        client: GATEWAY.parse().unwrap(),
        services: patterns.iter().map(ToString::to_string).collect(),
        allowed_only: true,
        known: BTreeSet::new(),
    };
    let found = discover(&xroad, &selection(&["DEV/GOV/2000/*"])).await;
    assert!(found.failed.is_empty(), "{:?}", found.failed);
    let service = |code: &str| found.services.iter().find(|s| s.service.service() == code).unwrap();
    assert_eq!(found.services.len(), 4);
    assert_eq!(service("land").title.as_deref(), Some("Land register (sample)"));
    assert_eq!(service("land").kind, ServiceKind::OpenApi);
    let endpoints: Vec<String> = service("persons").operations.iter().map(|o| o.endpoint.to_string()).collect();
    assert_eq!(endpoints, ["GET /persons/{personalCode}", "GET /persons/{personalCode}/residence"]);
    let one = discover(&xroad, &selection(&["DEV/GOV/2000/landregister/land"])).await;
    assert_eq!((one.services.len(), one.read.len()), (1, 1));
    let elsewhere = discover(&xroad, &selection(&["OTHER/*"])).await;
    assert_eq!((elsewhere.services.len(), elsewhere.read.len(), elsewhere.failed.len()), (0, 0, 1));
}

#[tokio::test]
async fn a_subsystem_that_x_road_does_not_know_any_more_has_no_services() {
    let double = Double::start(config()).await.unwrap();
    let xroad = client(&double.url(), None);
    let known: BTreeSet<ClientId> = ["DEV/GOV/9999/ghost", "OTHER/GOV/1/far", "DEV/GOV/2000/landregister"]
        .into_iter()
        .map(|id| id.parse().unwrap())
        .collect();
    let selection = |pattern: &str| Selection {
        client: GATEWAY.parse().unwrap(),
        services: vec![pattern.to_owned()],
        allowed_only: true,
        known: known.clone(),
    };
    // By name X-Road says that it does not know it; from the list of all it is missing.
    for pattern in ["DEV/GOV/9999/ghost/*", "DEV/GOV/9*"] {
        let found = discover(&xroad, &selection(pattern)).await;
        assert_eq!(found.read, ["DEV/GOV/9999/ghost".parse().unwrap()], "{pattern}: {:?}", found.failed);
        assert!(found.services.is_empty() && found.failed.is_empty());
    }
    let all = discover(&xroad, &selection("*")).await;
    let read = |id: &str| all.read.iter().filter(|read| read.as_str() == id).count();
    assert_eq!((read("DEV/GOV/9999/ghost"), read("DEV/GOV/2000/landregister")), (1, 1));
    assert_eq!(read("OTHER/GOV/1/far"), 0, "a list of one instance says nothing of another");
}

#[tokio::test]
async fn a_security_server_that_is_down_withdraws_nothing() {
    let double = Double::start(config()).await.unwrap();
    let xroad = client(&double.url(), None);
    let selection = Selection {
        client: GATEWAY.parse().unwrap(),
        services: vec!["DEV/GOV/2000/landregister/*".into()],
        allowed_only: true,
        known: BTreeSet::new(),
    };
    let provider: ParticipantId = "did:web:provider".into();
    let publisher = Publisher {
        participant: provider.clone(),
        services: selection.services.clone(),
        client: Some(selection.client.clone()),
        client_for: Vec::new(),
    };
    let catalog = Catalog::new(vec![publisher], Registry::built_in(), |_| Vec::new(), Clock::system());
    catalog.put_policy("open", &serde_json::json!({"permission": [{"action": "use"}]})).unwrap();
    let offer = OfferDefinition {
        id: "o".into(),
        participant: None,
        assets: vec!["*".into()],
        policy: "open".into(),
        access_policy: None,
    };
    catalog.put_offer(offer).unwrap();
    let found = discover(&xroad, &selection).await;
    assert_eq!(catalog.refresh(&provider, &found.read, found.services).added.len(), 1);
    double.stop().await;
    let nothing = discover(&xroad, &selection).await;
    assert_eq!(nothing.failed.len(), 1);
    assert!(catalog.refresh(&provider, &nothing.read, nothing.services).is_empty());
    assert_eq!(catalog.sight(&provider, &"did:web:consumer".into()).datasets().count(), 1);
}
