//! A full disk: nothing is released that was not recorded, nothing is acknowledged that was not kept, and once there is room again
//! work goes on where it stopped.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use sliproad::demo::processes::Road;
use sliproad::demo::story::{self, LAND_REGISTER};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");

/// Lets the process write files up to so many bytes; beyond it writes fail, as on a full disk.
fn limit(pid: u32, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_full_disk_refuses_and_postpones_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // The signal that comes with the limit has no counterpart on a full disk.
    let program = directory.path().join("sliproad");
    std::fs::write(&program, format!("#!/bin/sh\ntrap '' XFSZ\nexec '{PROGRAM}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut road = Road::start_with(directory.path(), &program, "", "").await.unwrap();
    let agreement = story::negotiate(&road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);

    limit(road.provider.id(), "1");
    for _ in 0..3 {
        let answer = story::call(&transfer, "/parcels").await.unwrap();
        assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("evidence.unavailable")));
        assert!(answer.body.get("parcels").is_none(), "{}", answer.body);
    }
    let provider = &road.provider.settings;
    let whom = json!({"counterparty": provider.participant, "address": provider.dsp()});
    let catalogue = road.consumer.management.post("/api/v1/catalog/request", &whom).await.unwrap();
    let dataset = catalogue["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == LAND_REGISTER).unwrap();
    let mut request = whom;
    request["offer"] = dataset["hasPolicy"][0].clone();
    request["offer"]["target"] = json!(LAND_REGISTER);
    let begun = road.consumer.management.post("/api/v1/negotiations", &request).await.unwrap();
    let pid = begun["pid"].as_str().unwrap();
    let path = format!("/api/v1/negotiations/{pid}").replace("urn:uuid:", "urn%3Auuid%3A");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while road.consumer.management.read(&path).await.unwrap()["deliveryFailure"].is_null() {
        assert!(tokio::time::Instant::now() < deadline, "the provider cannot have kept the request");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // What cannot be kept does not hold either.
    let client = sliproad::demo::client::local_http().unwrap();
    let policy = format!("{}/api/v1/policies/late", road.provider.settings.management);
    let put = client.put(&policy).header("x-api-key", &road.provider.settings.key);
    let put = put.json(&json!({"permission": [{"action": "use"}]})).send().await.unwrap();
    assert_eq!(put.status(), 503);
    let got = client.get(&policy).header("x-api-key", &road.provider.settings.key).send().await.unwrap();
    assert_eq!(got.status(), 404);

    limit(road.provider.id(), "unlimited");
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200, "there is room again");
    road.consumer.management.wait("negotiations", pid, "FINALIZED").await.unwrap();

    let out = directory.path().join("export");
    let config = road.provider.config.to_str().unwrap().to_owned();
    let exported = Command::new(PROGRAM).args(["evidence", "export", "--config", &config, "--out"]).arg(&out).output();
    assert!(exported.unwrap().status.success());
    let verified = Command::new(PROGRAM).args(["evidence", "verify"]).arg(&out).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    assert!(String::from_utf8_lossy(&verified.stdout).contains("2 records"), "the refused ones were not kept");
    let log = std::fs::read_to_string(directory.path().join("provider.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    road.stop(Duration::from_secs(5)).await;
}
