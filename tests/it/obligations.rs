//! What agreements ask to be done, and the monitor that watches over them: provider, consumer and simulated security server as
//! processes of their own.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::{Connector, Road};
use sliproad::demo::story::{self, ECHO, StartedTransfer};
use sliproad::model::time::Timestamp;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");
/// Long enough for a contract, a transfer and a call on a busy machine.
const SHORTLY: i64 = 5;

struct Office {
    road: Road,
    directory: TempDir,
}

impl Office {
    async fn open(for_provider: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let road = Road::start_with(directory.path(), Path::new(PROGRAM), for_provider, "").await.unwrap();
        Self { road, directory }
    }

    async fn close(mut self) {
        self.road.stop(Duration::from_secs(5)).await;
    }

    /// An agreement on the echo service under these rules, negotiated.
    async fn agree(&self, rules: Value) -> String {
        let (provider, consumer) = (&self.road.provider, &self.road.consumer);
        put(provider, "/api/v1/policies/special", &rules).await;
        let offer = json!({"id": "special", "assets": [ECHO], "policy": "special"});
        put(provider, "/api/v1/offers/special", &offer).await;
        let whom = json!({"counterparty": provider.settings.participant, "address": provider.settings.dsp()});
        let catalogue = consumer.management.post("/api/v1/catalog/request", &whom).await.unwrap();
        let dataset = catalogue["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == ECHO).unwrap();
        let offers = dataset["hasPolicy"].as_array().unwrap();
        let mut offer = offers.iter().find(|o| o["@id"].as_str().unwrap().contains("special")).unwrap().clone();
        offer["target"] = json!(ECHO);
        let mut request = whom;
        request["offer"] = offer;
        let begun = consumer.management.post("/api/v1/negotiations", &request).await.unwrap();
        let pid = begun["pid"].as_str().unwrap();
        let done = consumer.management.wait("negotiations", pid, "FINALIZED").await.unwrap();
        done["agreementId"].as_str().unwrap().to_owned()
    }

    async fn obligations(&self, of: &Connector, query: &str) -> Vec<Value> {
        let page = of.management.read(&format!("/api/v1/obligations?{query}")).await.unwrap();
        page["items"].as_array().unwrap().clone()
    }

    async fn confirm(&self, obligation: &Value) -> Value {
        let path = format!("/api/v1/obligations/{}/confirm", obligation["id"].as_str().unwrap());
        self.road.provider.management.post(&path, &json!({})).await.unwrap()
    }

    /// The consumer's transfer once it is in that state, with the reasons that it was given.
    async fn ended(&self, transfer: &StartedTransfer, state: &str) -> String {
        let seen = self.road.consumer.management.wait("transfers", &transfer.consumer_pid, state).await.unwrap();
        seen["reasons"].to_string()
    }
}

async fn put(to: &Connector, path: &str, body: &Value) {
    let client = sliproad::demo::client::local_http().unwrap();
    let request = client.put(format!("{}{path}", to.settings.management)).header("x-api-key", &to.settings.key);
    let answer = request.json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

async fn command(arguments: &[&str]) -> (i32, String) {
    let output = tokio::process::Command::new(PROGRAM).args(arguments).kill_on_drop(true).output().await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), said)
}

#[tokio::test]
async fn a_duty_before_the_use_refuses_until_the_operator_confirms_it() {
    let office = Office::open("").await;
    let agreement = office.agree(json!({"permission": [{"action": "use", "duty": [{"action": "compensate"}]}]})).await;
    let (provider, consumer) = (&office.road.provider, &office.road.consumer);
    let known = office.obligations(provider, &format!("agreement={agreement}")).await;
    assert_eq!((known.len(), &known[0]["state"], &known[0]["timing"]), (1, &json!("open"), &json!("before")));
    assert_eq!(
        office.obligations(consumer, "").await[0]["clause"],
        known[0]["clause"],
        "the consumer sees what it owes"
    );
    let document = provider.management.read("/openapi.json").await.unwrap();
    let schema = json!({"components": document["components"], "$ref": "#/components/schemas/Obligation"});
    assert!(jsonschema::is_valid(&schema, &known[0]), "{}", known[0]);

    let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
    let begun = consumer.management.post("/api/v1/transfers", &request).await.unwrap();
    let pid = begun["pid"].as_str().unwrap();
    let refused = consumer.management.wait("transfers", pid, "TERMINATED").await.unwrap();
    assert!(refused["reasons"].to_string().contains("the duty to compensate is not fulfilled"), "{refused}");

    let (config, id) = (provider.config.to_str().unwrap(), known[0]["id"].as_str().unwrap());
    let confirm = ["obligations", "confirm", id, "--config", config, "--note", "invoice 7 is paid"];
    assert_eq!(command(&confirm).await, (0, format!("{id} is fulfilled\n")));
    assert_eq!(command(&confirm).await.0, 0, "said twice is said once");
    let (code, said) = command(&[&confirm[..], &["--performed", "2026-01-01T00:00:00Z"]].concat()).await;
    assert!(code == 1 && said.contains("fulfilled already"), "{said}");
    let (code, said) = command(&["obligations", "list", "--config", config, "--state", "fulfilled"]).await;
    assert!(code == 0 && said.contains(id) && said.contains("compensate"), "{said}");
    let known = office.obligations(provider, "state=fulfilled").await;
    assert_eq!(known[0]["note"], "invoice 7 is paid");
    assert!(known[0]["performed"].is_string());
    assert!(office.obligations(provider, "state=open").await.is_empty());
    let one = provider.management.read(&format!("/api/v1/obligations/{id}")).await.unwrap();
    let events: Vec<_> = one["history"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["begun", "confirmed", "fulfilled"]);

    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);
    let exchanges = provider.management.read("/api/v1/exchanges").await.unwrap();
    let exchange = exchanges["items"][0]["exchange"].as_str().unwrap();
    let told = provider.management.read(&format!("/api/v1/decisions/{exchange}/explanation")).await.unwrap();
    assert_eq!((&told["recorded"], &told["explanation"]["permit"]), (&json!("permit"), &json!(true)), "{told}");
    office.close().await;
}

#[tokio::test]
async fn a_running_transfer_knows_of_a_confirmation_at_the_very_next_call() {
    let office = Office::open("").await;
    let second = json!({"leftOperand": "count", "operator": "gteq", "rightOperand": "2"});
    let rules = json!({"permission": [{"action": "use", "duty": [{"action": "compensate", "constraint": [second]}]}]});
    let agreement = office.agree(rules).await;
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200, "the first call is free");
    let refused = story::call(&transfer, "/echo").await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("policy.refused")));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("the duty to compensate is not fulfilled; fulfil the duty"), "{detail}");
    let known = office.obligations(&office.road.provider, "").await;
    assert_eq!(office.confirm(&known[0]).await["state"], "fulfilled");
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);

    // A draft that asks for the duty from the first call on, at another place: the third call came after it was done.
    let many = json!({"leftOperand": "count", "operator": "gteq", "rightOperand": "100"});
    let draft = json!({"@type": "Offer", "permission": [
        {"action": "use", "constraint": [many]}, {"action": "use", "duty": [{"action": "compensate"}]}]});
    let file = office.directory.path().join("draft.json");
    std::fs::write(&file, draft.to_string()).unwrap();
    let config = office.road.provider.config.to_str().unwrap();
    let (code, said) =
        command(&["policy", "rehearse", file.to_str().unwrap(), "--config", config, "--agreement", &agreement]).await;
    let expected = "3 exchanges: 2 as they were, 1 permitted that would be refused, 0 refused that would be permitted";
    assert!(code == 0 && said.starts_with(expected), "{said}");
    office.close().await;
}

#[tokio::test]
async fn a_missed_deletion_suspends_the_transfer_and_escalates_until_both_are_made_good() {
    let office = Office::open("").await;
    let in_time = json!({"leftOperand": "elapsedTime", "operator": "lteq", "rightOperand": format!("PT{SHORTLY}S")});
    let rules = json!({"permission": [{"action": "use"}], "obligation": [
        {"action": "delete", "constraint": [in_time], "consequence": [{"action": "compensate"}]}]});
    let agreement = office.agree(rules).await;
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);
    let reasons = office.ended(&transfer, "SUSPENDED").await;
    assert!(reasons.contains("the obligation to delete was not fulfilled in time"), "{reasons}");
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 403);

    let provider = &office.road.provider;
    let known = office.obligations(provider, "").await;
    assert_eq!(known.len(), 2, "{known:?}");
    assert_eq!((&known[0]["state"], &known[0]["actions"]), (&json!("escalated"), &json!(["delete"])));
    assert_eq!((&known[1]["state"], &known[1]["actions"]), (&json!("open"), &json!(["compensate"])));
    assert_eq!(known[1]["follows"], known[0]["clause"]);
    assert_eq!(office.confirm(&known[0]).await["state"], "escalated", "done late is not done in time");
    assert_eq!(office.confirm(&known[1]).await["state"], "fulfilled");
    assert_eq!(office.obligations(provider, "state=fulfilled").await.len(), 2);

    let path = format!("/api/v1/transfers/{}/actions", transfer.provider_pid);
    provider.management.post(&path, &json!({"action": "start"})).await.unwrap();
    office.road.consumer.management.wait("transfers", &transfer.consumer_pid, "STARTED").await.unwrap();
    office.close().await;
}

#[tokio::test]
async fn the_end_of_the_agreed_time_ends_the_transfer_also_after_a_restart() {
    let mut office = Office::open("[enforcement]\non-violation = \"terminate\"").await;
    let end = Timestamp::parse(&jiff::Timestamp::now().to_string()).unwrap().plus_millis(SHORTLY * 1000).to_string();
    let window = json!({"leftOperand": "dateTime", "operator": "lteq", "rightOperand": end});
    let agreement = office.agree(json!({"permission": [{"action": "use", "constraint": [window]}]})).await;
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    let reasons = office.ended(&transfer, "TERMINATED").await;
    assert!(reasons.contains("agreement.not-permitting") && reasons.contains("dateTime"), "{reasons}");
    office.close().await;
}

#[tokio::test]
async fn a_reported_infringement_refuses_the_next_call_until_its_remedies_are_confirmed() {
    let office = Office::open("").await;
    let rules = json!({"permission": [{"action": "use"}], "conflict": "perm",
        "prohibition": [{"action": "distribute", "remedy": [{"action": "compensate"}, {"action": "inform"}]}]});
    let agreement = office.agree(rules).await;
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);
    let provider = &office.road.provider;
    assert!(office.obligations(provider, "").await.is_empty(), "nothing is to be made good");

    let config = provider.config.to_str().unwrap();
    let (code, said) = command(&["infringements", "report", &agreement, "/permission/0", "--config", config]).await;
    assert!(code == 1 && said.contains("/prohibition/0 (distribute)"), "{said}");
    let report =
        ["infringements", "report", &agreement, "/prohibition/0", "--config", config, "--note", "found on a web site"];
    let (code, said) = command(&report).await;
    assert!(code == 0 && said.ends_with(" is open\n"), "{said}");
    let refused = story::call(&transfer, "/echo").await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.body);
    let reasons = office.ended(&transfer, "SUSPENDED").await;
    assert!(reasons.contains("the prohibition on distribute was infringed on"), "{reasons}");

    let listed =
        provider.management.read(&format!("/api/v1/infringements?agreement={agreement}&state=open")).await.unwrap();
    let one = &listed["items"][0];
    assert_eq!((&one["clause"], &one["note"]), (&json!("/prohibition/0"), &json!("found on a web site")));
    let id = one["id"].as_str().unwrap();
    let document = provider.management.read("/openapi.json").await.unwrap();
    let schema =
        |name: &str| json!({"components": document["components"], "$ref": format!("#/components/schemas/{name}")});
    assert!(jsonschema::is_valid(&schema("Infringement"), one), "{one}");
    let remedies = office.obligations(provider, "state=open").await;
    assert_eq!(remedies.len(), 2);
    assert!(jsonschema::is_valid(&schema("Obligation"), &remedies[0]), "{}", remedies[0]);
    assert_eq!(remedies[0]["follows"], "/prohibition/0");
    for remedy in &remedies {
        let kept = provider.management.read(&format!("/api/v1/infringements/{id}")).await.unwrap();
        assert_eq!(kept["state"], "open");
        assert_eq!(office.confirm(remedy).await["state"], "fulfilled");
    }
    let (code, said) = command(&["infringements", "list", "--config", config, "--state", "healed"]).await;
    assert!(code == 0 && said.contains(id), "{said}");
    let (code, said) = command(&["infringements", "withdraw", id, "--config", config]).await;
    assert!(code == 1 && said.contains("made good already"), "{said}");

    let path = format!("/api/v1/transfers/{}/actions", transfer.provider_pid);
    provider.management.post(&path, &json!({"action": "start"})).await.unwrap();
    office.road.consumer.management.wait("transfers", &transfer.consumer_pid, "STARTED").await.unwrap();
    office.close().await;
}

#[tokio::test]
async fn what_is_to_be_retained_and_what_is_not_to_be_deleted_yet_are_followed_with_their_times_and_told_in_words() {
    let office = Office::open("").await;
    let after = |operator: &str, seconds: i64| json!({"leftOperand": "elapsedTime", "operator": operator, "rightOperand": format!("PT{seconds}S")});
    let rules = json!({"permission": [{"action": "use", "ids:postDuty": [
        {"action": "retain", "constraint": [after("gteq", SHORTLY)]},
        {"action": "delete", "constraint": [after("gteq", 3600), after("lteq", 7200)]}]}]});
    let agreement = office.agree(rules).await;
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);
    let provider = &office.road.provider;
    let known = office.obligations(provider, "").await;
    let of = |action: &str| known.iter().find(|o| o["actions"] == json!([action])).unwrap().clone();
    let (retain, delete) = (of("retain"), of("delete"));
    assert_eq!((&delete["state"], retain["notBefore"].is_string()), (&json!("waiting"), true));
    assert!(delete["notBefore"].as_str() < delete["deadline"].as_str(), "{delete}");

    let (config, id) = (provider.config.to_str().unwrap(), delete["id"].as_str().unwrap());
    let (code, said) = command(&["obligations", "confirm", id, "--config", config, "--note", "too eager"]).await;
    assert!(
        code == 0 && said.starts_with(&format!("{id} is waiting\n")) && said.contains("which does not count"),
        "{said}"
    );
    let client = sliproad::demo::client::local_http().unwrap();
    let request = client.get(format!("{}/api/v1/obligations/{id}", provider.settings.management));
    let request = request.header("x-api-key", &provider.settings.key).header("accept-language", "et");
    let told: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(told["stands"].as_str().unwrap().ends_with("ja see ei lähe arvesse"), "{told}");

    // The monitor wakes when the time has come, and nobody has to say anything.
    let fulfilled = async {
        loop {
            let found = office.obligations(provider, "state=fulfilled").await;
            if let Some(one) = found.first() {
                return one.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_secs(60), fulfilled).await.unwrap();
    assert_eq!((&kept["id"], &kept["performed"]), (&retain["id"], &Value::Null));
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);
    office.close().await;
}
