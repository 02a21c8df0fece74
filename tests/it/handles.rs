//! The fixed surface `demo --handles FILE`: everything in the file is there and works.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");
/// How long a look is worth waiting for until the next.
const MOMENT: Duration = Duration::from_millis(20);

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
    let mut demo = Command::new(PROGRAM)
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
        tokio::time::sleep(MOMENT).await;
    }
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds secrets");
    // It appears in one step: as soon as it is there it can be read as a whole.
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

/// A demonstration that tells its story here, with its files in a folder that it has to make.
fn begin(directory: &Path) -> Child {
    Command::new(PROGRAM)
        .args(["demo", "--keep", "--directory"])
        .arg(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Whether any process has one of the logs in this folder open, as each of the demonstration's processes has.
fn is_used(directory: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let open = processes.filter_map(|process| std::fs::read_dir(process.path().join("fd")).ok()).flatten().flatten();
    open.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|file| file.starts_with(directory))
}

async fn signal(demo: &Child, name: &str) {
    let pid = demo.id().unwrap().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().await.unwrap().success());
}

async fn nobody_is_left(directory: &Path) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while is_used(directory) {
        assert!(tokio::time::Instant::now() < deadline, "a process outlived the demonstration");
        tokio::time::sleep(MOMENT).await;
    }
}

#[tokio::test]
async fn sigterm_ends_all_processes_while_the_road_starts_and_while_the_story_is_told() {
    for within_the_story in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("made/by/the/demonstration");
        let mut demo = begin(&directory);
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
        if within_the_story {
            while !lines.next_line().await.unwrap().expect("the story began").starts_with("1. ") {}
        } else {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
            while !is_used(&directory) {
                assert!(tokio::time::Instant::now() < deadline, "nothing was started");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        signal(&demo, "-TERM").await;
        let status = tokio::time::timeout(Duration::from_secs(30), demo.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(1), "the story was not told to its end");
        nobody_is_left(&directory).await;
    }
}

#[tokio::test]
async fn the_processes_end_with_a_demonstration_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = begin(folder.path());
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("the story began").starts_with("1. ") {}
    assert!(is_used(folder.path()));
    signal(&demo, "-KILL").await;
    demo.wait().await.unwrap();
    nobody_is_left(folder.path()).await;
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("inside");
    let said = Command::new(PROGRAM).args(["demo", "--directory"]).arg(&inside).output().await.unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains(&inside.display().to_string()), "{said}");
}
