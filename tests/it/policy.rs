//! The fixed surface `policy decide`: exit codes and shape, through the program.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

struct Files(tempfile::TempDir);

impl Files {
    fn command(&self, policy: &str, world: &str) -> Command {
        let [policy_file, world_file] = [("policy.json", policy), ("world.json", world)].map(|(name, text)| {
            let file = self.0.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_sliproad"));
        command.args(["policy", "decide", "--policy"]).arg(policy_file).arg("--world").arg(world_file);
        command
    }

    fn decide(&self, policy: &str, world: &str) -> (i32, Value) {
        let output = self.command(policy, world).arg("--json").output().unwrap();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }
}

fn schema(name: &str) -> jsonschema::Validator {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn decisions_have_their_exit_codes_and_keep_to_their_schema() {
    let files = Files(tempfile::tempdir().unwrap());
    let world = json!({
        "now": "2026-11-23T10:00:00Z", "phase": "exchange",
        "request": {"action": "use", "target": "urn:t", "assigner": "did:web:p", "assignee": "did:web:c"},
        "facts": {"spatial": "FI", "count": 3},
    });
    assert!(schema("policy-world.schema.json").is_valid(&world));
    let world = world.to_string();
    let policy = |left: &str, right: &str| {
        json!({"@type": "Set", "permission": [{"action": "use", "constraint": [
            {"leftOperand": left, "operator": "eq", "rightOperand": right}]}]})
        .to_string()
    };
    let decision = schema("policy-decision.schema.json");
    for (policy, expected) in [(policy("spatial", "FI"), 0), (policy("spatial", "EE"), 1), (policy("mood", "good"), 2)]
    {
        let (code, told) = files.decide(&policy, &world);
        assert_eq!(code, expected, "{told}");
        assert!(decision.is_valid(&told), "{told}");
        assert_eq!(told["decision"] == "permit", expected == 0);
    }
    assert_eq!(files.decide("{", &world).0, 64);
    assert_eq!(files.decide(&policy("spatial", "FI"), "{}").0, 64);
}

#[test]
fn what_people_read_holds_no_control_characters_of_facts_or_policies() {
    let files = Files(tempfile::tempdir().unwrap());
    let policy = json!({"@type": "Set", "permission": [{"action": "use", "constraint": [
        {"leftOperand": "purpose", "operator": "eq", "rightOperand": "x\u{1b}]0;title\u{7}"}]}]});
    let world = json!({"now": "2026-11-23T10:00:00Z", "phase": "exchange", "request": {"action": "use"},
                       "facts": {"purpose": "a\nb\u{1b}[31m\u{9b}2J"}});
    let output = files.command(&policy.to_string(), &world.to_string()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
    assert!(told.contains(r"a\nb\u{1b}[31m\u{9b}2J") && told.contains(r"x\u{1b}]0;title\u{7}"), "{told}");
    let world = r#"{"now": "\u001b[2Jsoon", "phase": "exchange"}"#;
    let output = files.command(&policy.to_string(), world).output().unwrap();
    assert!(!output.stderr.contains(&0x1b));
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn an_output_that_takes_nothing_is_told_in_a_sentence_and_one_that_nobody_reads_not_at_all() {
    let files = Files(tempfile::tempdir().unwrap());
    let policy = json!({"permission": [{"action": "use"}]}).to_string();
    let world = json!({"now": "2026-11-23T10:00:00Z", "phase": "exchange", "request": {"action": "use"}}).to_string();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = files.command(&policy, &world).stdout(full).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.starts_with("sliproad: standard output cannot be written: ") && told.lines().count() == 1, "{told}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = files.command(&policy, &world).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}
