//! Words of the operator's own, from the configuration to a call: one registry for catalogue, transfer, data plane and commands.

use super::*;

const CASES: &str = r#"
[[operand]]
name = "https://example.org/ns/case"
type = "text"
header = "case-number"
operators = ["eq", "isAnyOf"]

[[operand]]
name = "https://example.org/ns/sector"
type = "text"
claim = "company.sector"

[[action]]
name = "https://example.org/ns/investigate"

[[profile]]
iri = "https://example.org/ns/profile"

[[counterparty]]
id = "did:web:consumer.example"
facts = { company = { sector = "energy" } }

[[policy]]
id = "of-a-case"
policy = { profile = "https://example.org/ns/profile", permission = [{ action = "use", constraint = [
    { leftOperand = "https://example.org/ns/sector", operator = "eq", rightOperand = "energy" },
    { leftOperand = "https://example.org/ns/case", operator = "isAnyOf", rightOperand = ["2026-1", "2026-2"] },
] }] }

[[asset]]
id = "cases"
service = "DEV/GOV/2000/landregister/land"

[[offer]]
id = "cases"
assets = ["cases"]
access-policy = "of-a-case"
policy = "of-a-case"
"#;

#[tokio::test]
async fn an_operators_own_words_hold_from_publication_to_the_call() {
    let office = Office::open(CASES).await;
    let agreement = story::negotiate(&office.road, "cases").await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    let client = sliproad::demo::client::local_http().unwrap();
    let call = async |cases: &[&str]| {
        let mut request = client.get(format!("{}/parcels", transfer.endpoint));
        request = request.header("authorization", transfer.authorization());
        for case in cases {
            request = request.header("case-number", *case);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    assert_eq!(call(&["2026-2"]).await.0, 200);
    for cases in [&[][..], &["2026-3"]] {
        let (status, problem) = call(cases).await;
        let operand = problem["because"][0]["operand"].as_str();
        assert_eq!((status, operand), (403, Some("https://example.org/ns/case")), "{problem}");
    }
    let (status, problem) = call(&["2026-1", "2026-2"]).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("operand.malformed")), "{problem}");
    office.close().await;
}

#[tokio::test]
async fn policies_are_checked_and_decided_in_the_words_of_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let participant = "[[participant]]\nname = \"p\"\nclient = \"DEV/GOV/2000/x\"\nservices = [\"DEV/GOV/2000/*\"]\n";
    let server = "[security-server]\nurl = \"http://127.0.0.1:1\"\n";
    let config = write("sliproad.toml", &format!("{server}{participant}{CASES}"));
    let policy = json!({"@context": {"ex": "https://example.org/ns/"}, "profile": "ex:profile", "permission": [
        {"action": ["use", "ex:investigate"], "constraint": [{"leftOperand": "ex:case", "operator": "eq", "rightOperand": "1"}]}]});
    let policy = write("policy.json", &policy.to_string());
    let world = |case: &str| {
        json!({"now": "2026-11-24T10:00:00Z", "phase": "exchange",
               "request": {"action": "https://example.org/ns/investigate"},
               "facts": {"https://example.org/ns/case": case}})
    };
    let (this, other) = (write("1.json", &world("1").to_string()), write("2.json", &world("2").to_string()));
    for (arguments, code) in [
        (vec!["policy", "check", &policy], 2),
        (vec!["policy", "check", "--config", &config, &policy], 0),
        (vec!["policy", "decide", "--config", &config, "--policy", &policy, "--world", &this], 0),
        (vec!["policy", "decide", "--config", &config, "--policy", &policy, "--world", &other], 1),
        (vec!["policy", "decide", "--policy", &policy, "--world", &this], 2),
        (vec!["policy", "decide", "--config", "/nowhere", "--policy", &policy, "--world", &this], 64),
    ] {
        let output = command(&arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
    let output = command(&["policy", "check", "--config", &config, &policy]).await;
    assert!(said(&output).contains(" is attested"), "{}", said(&output));
}
