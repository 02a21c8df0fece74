//! `sliproad conformance SUITE`, as a judge calls it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn conformance(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sliproad")).arg("conformance").args(arguments).output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

#[test]
fn our_peer_plays_all_sequences_and_the_last_line_counts_them() {
    let output = conformance(&["dsp"]);
    let lines = lines(&output.stdout);
    assert_eq!(lines.last().map(String::as_str), Some("65 passed, 0 failed, 0 skipped"), "{lines:#?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_report_comes_as_json_of_our_schema_and_as_junit() {
    let directory = tempfile::tempdir().unwrap();
    let junit = directory.path().join("dsp.xml");
    let output = conformance(&["dsp", "--json", "--junit", junit.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/conformance-report.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    jsonschema::validate(&schema, &report).unwrap();
    assert_eq!((report["passed"].as_u64(), report["failed"].as_u64()), (Some(65), Some(0)), "{report:#}");
    assert_eq!(lines(&output.stderr).last().map(String::as_str), Some("65 passed, 0 failed, 0 skipped"));
    assert!(std::fs::read_to_string(junit).unwrap().contains("tests=\"65\" failures=\"0\""));
}

#[test]
fn a_kit_that_is_not_there_fails_the_suite_with_the_reason() {
    let output = conformance(&["dsp", "--kit", "/no/such/directory"]);
    let lines = lines(&output.stdout);
    assert_eq!(lines.last().map(String::as_str), Some("0 passed, 1 failed, 0 skipped"));
    assert!(lines.iter().any(|line| line.contains("/no/such/directory cannot be read")), "{lines:#?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn without_java_every_flow_with_edc_is_skipped_with_the_reason() {
    let nothing = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sliproad"))
        .args(["conformance", "edc"])
        .env("PATH", nothing.path())
        .env_remove("JAVA_HOME")
        .output()
        .unwrap();
    let lines = lines(&output.stdout);
    assert_eq!(lines.last().map(String::as_str), Some("0 passed, 0 failed, 13 skipped"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("Java is missing")), "{lines:#?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_policy_core_agrees_with_the_case_sets_of_others() {
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/spec/odrl");
    if !cases.is_dir() {
        println!("left out: {} is not there", cases.display());
        return;
    }
    let output = conformance(&["odrl", "--cases", cases.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    let ended = |set: &str, outcome: &str| {
        cases.iter().filter(|c| c["id"].as_str().unwrap().starts_with(set) && c["outcome"] == outcome).count()
    };
    assert_eq!(["solidlab", "w3c", "oval"].map(|set| ended(set, "passed")), [68, 9, 82]);
    assert!(ended("conflict", "passed") >= 208, "{}", ended("conflict", "passed"));
    assert_eq!(report["failed"], 0);
    assert!(cases.iter().all(|c| c["outcome"] != "skipped" || c["reason"].as_str().is_some_and(|r| r.len() > 20)));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn case_sets_that_are_not_there_are_skipped_with_the_reason() {
    let output = conformance(&["odrl", "--cases", "/no/such/directory"]);
    let lines = lines(&output.stdout);
    assert_eq!(lines.last().map(String::as_str), Some("0 passed, 0 failed, 5 skipped"));
    assert!(
        lines.iter().any(|line| line.contains("/no/such/directory/solidlab-test-suite is not there")),
        "{lines:#?}"
    );
}
