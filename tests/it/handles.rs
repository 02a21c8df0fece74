//! The fixed surface `demo --handles FILE`: everything in the file is there and works.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

async fn call(method: &str, url: &str, authorization: Option<&str>, body: Option<Value>) -> (u16, Value) {
    let client = sliproad::demo::client::local_http().unwrap();
    let mut request = client.request(method.parse().unwrap(), url);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_judge_can_drive_the_road_by_its_handles_and_ends_it_with_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handles.json");
    let mut demo = tokio::process::Command::new(Path::new(env!("CARGO_BIN_EXE_sliproad")))
        .args(["demo", "--keep", "--handles"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !file.exists() {
        assert!(demo.try_wait().unwrap().is_none(), "the demonstration ended before its handles were written");
        assert!(tokio::time::Instant::now() < deadline, "no handles were written");
        tokio::task::yield_now().await;
    }
    let handles: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/demo-handles.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&handles).unwrap();
    let text = |pointer: &str| handles.pointer(pointer).unwrap().as_str().unwrap().to_owned();

    let transfer = (text("/transfer/endpoint"), text("/transfer/authorization"));
    assert!(transfer.1.starts_with("Bearer "));
    let requests = text("/securityServer/requests");
    assert_eq!(call("DELETE", &requests, None, None).await.0, 204);
    assert_eq!(call("GET", &format!("{}/parcels", transfer.0), Some(&transfer.1), None).await.0, 200);
    assert_eq!(call("GET", &format!("{}/owners", transfer.0), Some(&transfer.1), None).await.0, 403);
    let (_, told) = call("GET", &requests, None, None).await;
    assert_eq!(told.as_array().unwrap().len(), 1, "only the permitted call reached the security server: {told}");
    assert_eq!(told[0]["method"], "GET");
    assert!(told[0]["bodySha256"].is_string());

    assert_eq!(call("GET", &text("/provider/versionDocument"), None, None).await.0, 200);
    let ask = json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"});
    let url = format!("{}/catalog/request", text("/provider/dsp"));
    let (status, seen) = call("POST", &url, Some(&text("/identity/consumerAuthorization")), Some(ask.clone())).await;
    assert_eq!((status, seen["dataset"].as_array().unwrap().len()), (200, 4));
    let (status, seen) = call("POST", &url, Some(&text("/identity/strangerAuthorization")), Some(ask)).await;
    assert_eq!((status, seen.get("dataset")), (200, None), "a stranger sees nothing");

    let pid = demo.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    let status = tokio::time::timeout(Duration::from_secs(30), demo.wait()).await.unwrap().unwrap();
    assert!(status.success());
    let gone = handles.pointer("/provider/management").unwrap().as_str().unwrap().replace("http://", "");
    assert!(tokio::net::TcpStream::connect(gone).await.is_err(), "its processes ended with it");
}
