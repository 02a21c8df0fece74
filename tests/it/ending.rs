//! How a connector ends when it is told to, and what a second one over the same store is told.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use sliproad::demo::processes::{Road, free_ports};
use sliproad::demo::story::{self, DOWNLOAD, ECHO};
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");
/// More than fits into the buffers on the way, so that it is still under way when the end is told.
const LARGE: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn a_demonstration_that_nobody_can_read_ends_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut demo = Command::new(PROGRAM);
    let demo = demo.arg("demo").arg("--directory").arg(directory.path()).stdout(full).stderr(Stdio::piped());
    let ended = demo.spawn().unwrap().wait_with_output();
    let output = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("standard output cannot be written") && !told.contains("panicked"), "{told}");
}

#[tokio::test]
async fn calls_and_streams_under_way_are_finished_before_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
    let client = sliproad::demo::client::local_http().unwrap();
    let agreement = story::negotiate(&road, DOWNLOAD).await.unwrap();
    let download = story::start_transfer(&road, &agreement).await.unwrap();
    let agreement = story::negotiate(&road, ECHO).await.unwrap();
    let echo = story::start_transfer(&road, &agreement).await.unwrap();

    let url = format!("{}/file?bytes={LARGE}", download.endpoint);
    let request = client.get(url).header("authorization", download.authorization());
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut received = stream.next().await.unwrap().unwrap().len();
    let (half, halves) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body = futures_util::stream::unfold(halves, async |mut halves| {
        halves.recv().await.map(|half| (Ok::<_, std::io::Error>(half), halves))
    });
    let request = client.post(format!("{}/slowly", echo.endpoint)).header("authorization", echo.authorization());
    let slow = tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send());
    half.send("half ".into()).await.unwrap();
    // The second is taken once the first went out: the call is under way by then.
    half.send("a body".into()).await.unwrap();

    let provider = road.provider.id().to_string();
    assert!(Command::new("kill").arg(&provider).status().await.unwrap().success());
    let ready = format!("{}/ready", road.provider.settings.management);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let answer = client.get(&ready).send().await.unwrap();
        let (status, said) = (answer.status().as_u16(), answer.text().await.unwrap());
        if (status, said.contains("draining")) == (503, true) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "it does not drain: {said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(half);
    let answer = slow.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("\"bodyLength\":11"));
    while let Some(piece) = stream.next().await {
        received += piece.unwrap().len();
    }
    assert_eq!(received, LARGE);
    let status = tokio::time::timeout(Duration::from_secs(40), road.provider.ended()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");

    let out = directory.path().join("export");
    let mut export = Command::new(PROGRAM);
    let export = export.args(["evidence", "export", "--out"]).arg(&out).arg("--config").arg(&road.provider.config);
    assert!(export.status().await.unwrap().success());
    let verified = Command::new(PROGRAM).args(["evidence", "verify"]).arg(&out).output().await.unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{said}");
    road.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_second_process_over_the_same_store_is_told_so_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
    let [public, management] = free_ports().unwrap();
    let settings = &road.provider.settings;
    let text = std::fs::read_to_string(&road.provider.config).unwrap();
    let elsewhere = |text: &str, url: &str, port: u16| {
        let old = url.rsplit_once(':').unwrap().1;
        text.replace(&format!(":{old}"), &format!(":{port}"))
    };
    let text = elsewhere(&elsewhere(&text, &settings.public, public), &settings.management, management);
    let config = directory.path().join("second.toml");
    std::fs::write(&config, text).unwrap();
    let mut second = Command::new(PROGRAM);
    let second = second.args(["serve", "--config"]).arg(&config).kill_on_drop(true).output();
    let second = tokio::time::timeout(Duration::from_secs(20), second).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another process uses the store"), "{said}");
    assert!(road.provider.management.read("/ready").await.is_ok(), "the first is not disturbed");
    road.stop(Duration::from_secs(5)).await;
}
