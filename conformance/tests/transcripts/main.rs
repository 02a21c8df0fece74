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

use serde_json::Value;
use sliproad_conformance::double::{Double, Trouble};

mod backend;
mod compare;
mod play;
mod rig;

use backend::Backend;
use compare::compare;
use play::{Systems, play};

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
    let systems = Systems::new();
    let double = Double::start(rig::config(&rig, backend.port, systems.registered())).await.unwrap();

    let (mut agree, mut left_out, mut wrong) = (0, 0, Vec::new());
    for line in transcripts.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["case"].as_str().unwrap().to_owned();
        let reason = LEFT_OUT.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, reason)| *reason);
        let no_answer = case["response"]["status_line"].is_null().then_some("the recorded server gave no answer");
        if let Some(reason) = reason.or(no_answer) {
            println!("left out: {name}: {reason}");
            left_out += 1;
            continue;
        }
        double.set_trouble(trouble(&name));
        backend.prepare(&case);
        let answer = play(&double, &case, &systems).await;
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

/// Text of a transcript back to the bytes it was: one character a byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

fn pairs(headers: &Value) -> Vec<(String, String)> {
    headers
        .as_array()
        .into_iter()
        .flatten()
        .map(|h| (h[0].as_str().unwrap().to_owned(), h[1].as_str().unwrap().trim().to_owned()))
        .collect()
}
