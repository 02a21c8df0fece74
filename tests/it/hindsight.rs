//! What is told of exchanges afterwards: explained in full, reported in others' vocabularies, rehearsed under a draft.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::Road;
use sliproad::demo::story::{self, LAND_REGISTER};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");

async fn command(arguments: &[&str]) -> Output {
    tokio::process::Command::new(PROGRAM).args(arguments).kill_on_drop(true).output().await.unwrap()
}

/// What a command printed; it ended with this exit code.
#[track_caller]
fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn exchanges_are_explained_reported_and_rehearsed_from_their_evidence() {
    let directory = tempfile::tempdir().unwrap();
    let mut road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
    let agreement = story::negotiate(&road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&road, &agreement).await.unwrap();
    for (path, status) in [("/parcels", 200), ("/parcels?municipality=Tartu", 200), ("/owners", 403)] {
        assert_eq!(story::call(&transfer, path).await.unwrap().status, status);
    }
    let config = road.provider.config.to_str().unwrap().to_owned();
    let listed = printed(&command(&["show", "exchanges", "--config", &config, "--json"]).await, 0);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let refused = listed["items"][0]["exchange"].as_str().unwrap();
    assert_eq!(listed["items"][0]["decision"]["facts"]["xroad:datapath"], "GET /owners");

    explained(refused, &config).await;
    reported(refused, &config).await;
    rehearsed(&config, directory.path()).await;
    road.stop(Duration::from_secs(5)).await;
    // The evidence is enough: the connector need not run.
    rehearsed(&config, directory.path()).await;
}

async fn explained(exchange: &str, config: &str) {
    let explain = ["policy", "explain", exchange, "--config", config];
    let text = printed(&command(&explain).await, 0);
    assert!(text.starts_with("GET /owners\nrefuse (policy.refused)"), "{text}");
    assert!(text.contains("- permission /permission/0\n"), "{text}");
    assert!(text.contains(": xroad:datapath is GET /owners, which is not"), "{text}");
    assert!(text.contains("[enforced: request path]"), "{text}");
    let public = printed(&command(&[&explain[..], &["--audience", "public"]].concat()).await, 0);
    assert!(!public.contains("/owners") && !public.contains("/parcels"), "{public}");
    assert!(public.contains("on xroad:datapath is not met"), "{public}");
    let tree = printed(&command(&[&explain[..], &["--json"]].concat()).await, 0);
    let tree: Value = serde_json::from_str(&tree).unwrap();
    assert_eq!(tree["explanation"]["permit"], false);
    assert_eq!(tree["recorded"], "refuse");
    let estonian = printed(&command(&[&explain[..], &["--language", "et"]].concat()).await, 0);
    assert!(estonian.contains("\nkeeldutud\n  sest xroad:datapath on GET /owners, mis ei ole"), "{estonian}");
    let finnish = [&explain[..], &["--language", "fi", "--audience", "counterparty"]].concat();
    let finnish = printed(&command(&finnish).await, 0);
    assert!(finnish.contains("sopimuksen ehto /permission/0/constraint/"), "{finnish}");
    assert!(!finnish.contains("agreement's"), "{finnish}");
}

async fn reported(exchange: &str, config: &str) {
    let explain = ["policy", "explain", exchange, "--config", config, "--format"];
    let turtle = printed(&command(&[&explain[..], &["report"]].concat()).await, 0);
    let triples: Vec<_> = oxttl::TurtleParser::new().for_slice(&turtle).collect::<Result<_, _>>().unwrap();
    assert!(triples.len() > 10);
    for line in ["report:activationState report:Inactive", "odrl-fs:controlState odrl-fs:Deny", "report:ActionReport"] {
        assert!(turtle.contains(line), "{line}\n{turtle}");
    }
    let linked = printed(&command(&[&explain[..], &["report-json"]].concat()).await, 0);
    let linked: Value = serde_json::from_str(&linked).unwrap();
    assert_eq!(linked["@graph"][0]["@type"], "report:PolicyReport");
}

async fn rehearsed(config: &str, directory: &Path) {
    let draft = directory.join("draft.json");
    let rehearse = async |constraint: Value, more: &[&str]| {
        let policy = json!({"@type": "Offer", "permission": [{"action": "use", "constraint": [constraint]}]});
        std::fs::write(&draft, policy.to_string()).unwrap();
        let arguments = ["policy", "rehearse", draft.to_str().unwrap(), "--config", config, "--json"];
        let output = command(&[&arguments[..], more].concat()).await;
        serde_json::from_str::<Value>(&printed(&output, 0)).unwrap()
    };
    let atom = |left: &str, operator: &str, right: Value| json!({"leftOperand": left, "operator": operator, "rightOperand": right});
    let counts = |told: &Value| ["exchanges", "same", "refused", "permitted"].map(|name| told[name].as_u64().unwrap());

    let once = rehearse(atom("count", "lteq", json!("1")), &[]).await;
    // The second call would be refused; so is the third, as it was, by its path.
    assert_eq!(counts(&once), [3, 2, 1, 0], "{once}");
    assert_eq!(once["changes"][0]["clause"], "/permission/0/constraint/0");
    assert!(once["changes"][0]["reason"].as_str().unwrap().starts_with("count is 2"), "{once}");

    let owners = rehearse(atom("xroad:datapath", "isAnyOf", json!(["GET /owners"])), &[]).await;
    assert_eq!(counts(&owners), [3, 0, 2, 1], "{owners}");

    let purpose = rehearse(atom("purpose", "eq", json!("urn:purpose:tax")), &[]).await;
    assert_eq!(counts(&purpose), [3, 1, 2, 0], "what was not declared is not known: {purpose}");

    // Lists of fields are fulfilled by the data plane, so a draft with one refuses nobody.
    let fields = rehearse(atom("xroad:fields", "isAnyOf", json!(["/parcels"])), &[]).await;
    assert_eq!(counts(&fields), [3, 2, 0, 1], "{fields}");

    let elsewhere = rehearse(atom("count", "lteq", json!("1")), &["--dataset", "DEV:GOV:1:other:thing"]).await;
    assert_eq!(counts(&elsewhere), [0, 0, 0, 0]);
    let later = rehearse(atom("count", "lteq", json!("1")), &["--since", "2999-01-01T00:00:00Z"]).await;
    assert_eq!(counts(&later), [0, 0, 0, 0]);
}
