//! The history of calls under an agreement: sequences and metered time, with provider, consumer and simulated security server as
//! processes of their own.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::{Connector, Road};
use sliproad::demo::story::{self, Called, LAND_REGISTER, StartedTransfer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");

struct Office {
    road: Road,
    directory: tempfile::TempDir,
}

impl Office {
    /// A transfer of the land register under an agreement with these rules.
    async fn open(rules: &Value) -> (Self, StartedTransfer) {
        let directory = tempfile::tempdir().unwrap();
        let road = Road::start_with(directory.path(), Path::new(PROGRAM), "", "").await.unwrap();
        put(&road.provider, "/api/v1/policies/parcels-only", rules).await;
        let agreement = story::negotiate(&road, LAND_REGISTER).await.unwrap();
        let transfer = story::start_transfer(&road, &agreement).await.unwrap();
        (Self { road, directory }, transfer)
    }

    async fn explained(&self, answer: &Called, language: &str) -> String {
        let (config, exchange) =
            (self.road.provider.config.to_str().unwrap(), answer.body["exchange"].as_str().unwrap());
        command(&["policy", "explain", exchange, "--config", config, "--language", language]).await
    }

    async fn rehearsed(&self, rules: &Value) -> Value {
        let draft = self.directory.path().join("draft.json");
        std::fs::write(&draft, rules.to_string()).unwrap();
        let config = self.road.provider.config.to_str().unwrap();
        let told = command(&["policy", "rehearse", draft.to_str().unwrap(), "--config", config, "--json"]).await;
        serde_json::from_str(&told).unwrap()
    }

    async fn close(mut self) {
        self.road.stop(Duration::from_secs(5)).await;
    }
}

async fn put(to: &Connector, path: &str, body: &Value) {
    let client = sliproad::demo::client::local_http().unwrap();
    let request = client.put(format!("{}{path}", to.settings.management)).header("x-api-key", &to.settings.key);
    let answer = request.json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

async fn command(arguments: &[&str]) -> String {
    let output = tokio::process::Command::new(PROGRAM).args(arguments).kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn path(call: &str) -> Value {
    json!({"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": call})
}

fn after(first: &str, then: &str) -> Value {
    json!({"permission": [
        {"action": "use", "constraint": [path(first)]},
        {"action": "use", "constraint": [{"andSequence": [path(first), path(then)]}]}]})
}

#[tokio::test]
async fn the_terms_are_read_before_the_data_also_across_a_crash() {
    let (mut office, transfer) = Office::open(&after("GET /owners", "GET /parcels")).await;
    let refused = story::call(&transfer, "/parcels").await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("policy.refused")));
    let step = refused.body["because"]
        .as_array()
        .unwrap()
        .iter()
        .find(|b| b["clause"].as_str().unwrap().contains("andSequence"));
    let step = step.unwrap();
    assert_eq!(step["clause"], "/permission/1/constraint/0/andSequence/0");
    assert_eq!(step["remedy"], "take step 1 of 2 of the sequence by a call of its own first, then call again");
    let told = office.explained(&refused, "en").await;
    assert!(told.contains("because step 1 of 2 was not yet taken: xroad:datapath eq GET /owners"), "{told}");
    let told = office.explained(&refused, "uk").await;
    assert!(told.contains("крок 1 із 2 ще не виконано"), "{told}");

    assert_eq!(story::call(&transfer, "/owners").await.unwrap().status, 200);
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    assert_eq!(
        story::call(&transfer, "/parcels/78401:101:0001").await.unwrap().status,
        403,
        "the last step is each call itself"
    );

    let rehearsed = office.rehearsed(&after("GET /owners", "GET /parcels")).await;
    assert_eq!((&rehearsed["exchanges"], &rehearsed["same"]), (&json!(4), &json!(4)), "{rehearsed}");
    let otherwise = office.rehearsed(&after("GET /parcels/*", "GET /parcels")).await;
    let [refused, permitted] = ["refused", "permitted"].map(|kind| otherwise[kind].as_u64().unwrap());
    // The one look at a parcel would be permitted, and come after the call that it would unlock.
    assert_eq!((refused, permitted), (2, 1), "{otherwise}");
    office.close().await;
}

#[tokio::test]
async fn metered_time_that_is_used_up_stays_used_up_after_a_crash() {
    let rules = json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "meteredTime", "operator": "lteq", "rightOperand": "PT0.05S"}]}]});
    let (mut office, transfer) = Office::open(&rules).await;
    let mut permitted = 0;
    let refused = loop {
        let answer = story::call(&transfer, "/parcels").await.unwrap();
        if answer.status != 200 {
            break answer;
        }
        permitted += 1;
        assert!(permitted < 5000, "the time is never used up");
    };
    assert!(permitted > 0);
    assert_eq!(refused.body["because"][0]["operand"], "meteredTime", "{}", refused.body);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("the agreed time of use is used up"), "{detail}");
    let told = office.explained(&refused, "en").await;
    assert!(told.contains("which is not lteq PT0.05S [enforced: counter]"), "{told}");
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 403);
    let rehearsed = office
        .rehearsed(&json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "meteredTime", "operator": "lt", "rightOperand": "PT0S"}]}]}))
        .await;
    assert_eq!(rehearsed["refused"], permitted, "{rehearsed}");
    office.close().await;
}
