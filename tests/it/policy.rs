//! The fixed surface `policy decide`: exit codes and shape, through the program.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

struct Files(tempfile::TempDir);

impl Files {
    fn decide(&self, policy: &str, world: &str) -> (i32, Value) {
        let [policy_file, world_file] = [("policy.json", policy), ("world.json", world)].map(|(name, text)| {
            let file = self.0.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        });
        let output = Command::new(env!("CARGO_BIN_EXE_sliproad"))
            .args(["policy", "decide", "--json", "--policy"])
            .arg(policy_file)
            .arg("--world")
            .arg(world_file)
            .output()
            .unwrap();
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
