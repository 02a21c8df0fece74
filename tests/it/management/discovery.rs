//! What is known of services over restarts, with the security server up and down.

use conformance::double::{Double, DoubleConfig};
use sliproad::demo::processes::free_port;

use super::*;

/// A service that no `[[asset]]` describes: all that is known of it was found at the security server.
const ECHO: &str = "DEV:GOV:2000:echo:echo";
const DESCRIBED: &str = "[[asset]]\nservice = \"DEV/GOV/2000/echo/echo\"\nkeywords = [\"echo\"]\n";

/// A configuration without described services, for a security server elsewhere.
fn undescribed(text: &str, there: &str, elsewhere: &str) -> String {
    let blocks = text.split("\n\n").filter(|block| !block.starts_with("[[asset]]"));
    blocks.collect::<Vec<_>>().join("\n\n").replace(there, elsewhere)
}

/// A security server of its own with those of the sample subsystems that are wanted.
async fn double_at(port: u16, wanted: impl Fn(&str) -> bool) -> Double {
    let mut config = DoubleConfig { http_listen: format!("127.0.0.1:{port}"), ..DoubleConfig::sample() };
    config.members.iter_mut().for_each(|member| member.subsystems.retain(|subsystem| wanted(&subsystem.code)));
    Double::start(config).await.unwrap()
}

impl Office {
    /// Ends the provider, changes its configuration and starts it again.
    async fn restart_with(&mut self, from: &str, to: &str) {
        self.reconfigure(|text| text.replace(from, to)).await;
        self.road.provider.start_again().await.unwrap();
    }

    async fn reconfigure(&mut self, change: impl FnOnce(&str) -> String) {
        self.road.provider.kill().await.unwrap();
        let before = std::fs::read_to_string(&self.road.provider.config).unwrap();
        let after = change(&before);
        assert_ne!(before, after);
        std::fs::write(&self.road.provider.config, after).unwrap();
    }

    async fn speak(&self, path: &str, message: &Value) -> (u16, Value, Option<String>) {
        let provider = &self.road.provider.settings;
        let client = sliproad::demo::client::local_http().unwrap();
        let said = client.post(format!("{}{path}", provider.dsp())).json(message);
        let answer = said.header("authorization", provider.consumer_authorization()).send().await.unwrap();
        let again = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), answer.json().await.unwrap(), again)
    }

    async fn echo_is_offered(&self) -> bool {
        let ask =
            json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"});
        let (status, catalogue, _) = self.speak("/catalog/request", &ask).await;
        assert_eq!(status, 200, "{catalogue}");
        catalogue["dataset"].as_array().is_some_and(|all| all.iter().any(|dataset| dataset["@id"] == ECHO))
    }

    async fn until_echo_is_listed(&self, listed: bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let path = format!("/api/v1/assets/{ECHO}");
        while self.road.provider.management.read(&path).await.unwrap()["listed"] != listed {
            assert!(tokio::time::Instant::now() < deadline, "it never became listed: {listed}");
            tokio::task::yield_now().await;
        }
    }

    /// Asks until the answer has this status; the connector goes on by itself.
    async fn until(&self, path: &str, status: u16) -> Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let client = sliproad::demo::client::local_http().unwrap();
        loop {
            let asked = client.get(format!("{}{path}", self.road.provider.settings.management)).send().await;
            if let Ok(answer) = asked
                && answer.status() == status
            {
                return answer.json().await.unwrap();
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} never answered with {status}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn services_stay_offered_over_a_restart_while_the_security_server_is_down() {
    let mut office = Office::open("").await;
    office.restart_with(DESCRIBED, "").await;
    let agreement = story::negotiate(&office.road, ECHO).await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);

    let there = office.road.double.url.clone();
    let nowhere = format!("http://127.0.0.1:{}", free_port().unwrap());
    office.restart_with(&there, &nowhere).await;
    assert!(office.echo_is_offered().await);
    let refused = story::call(&transfer, "/echo").await.unwrap();
    assert_eq!((refused.status, refused.body["code"].as_str()), (502, Some("xroad.server-unreachable")));
    let another = story::negotiate(&office.road, ECHO).await.unwrap();
    story::start_transfer(&office.road, &another).await.unwrap();

    office.restart_with(&nowhere, &there).await;
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200, "the transfer was not ended meanwhile");
    office.close().await;
}

#[tokio::test]
async fn before_the_first_look_the_answer_is_not_yet() {
    let mut office = Office::open("").await;
    let (there, port) = (office.road.double.url.clone(), free_port().unwrap());
    office.reconfigure(|text| undescribed(text, &there, &format!("http://127.0.0.1:{port}"))).await;
    std::fs::remove_dir_all(office.road.provider.settings.directory.join("provider")).unwrap();
    office.road.provider.start_unready().unwrap();
    assert_eq!(office.until("/health", 200).await["status"], "up");
    assert_eq!(office.until("/ready", 503).await["status"], "starting");
    let context = json!(["https://w3id.org/dspace/2025/1/context.jsonld"]);
    let ask = json!({"@context": context, "@type": "CatalogRequestMessage"});
    let offer = json!({"@id": "echo", "@type": "Offer", "target": ECHO, "permission": [{"action": "use"}]});
    let negotiate = json!({"@context": context, "@type": "ContractRequestMessage", "consumerPid": "urn:uuid:1",
        "callbackAddress": "http://127.0.0.1:1", "offer": offer});
    for (path, message, code) in
        [("/catalog/request", ask, "catalog.unavailable"), ("/negotiations/request", negotiate, "catalog.not-ready")]
    {
        let (status, body, again) = office.speak(path, &message).await;
        assert_eq!((status, body["code"].as_str(), again.as_deref()), (503, Some(code), Some("1")), "{body}");
    }
    let double = double_at(port, |_| true).await;
    office.until("/ready", 200).await;
    assert!(office.echo_is_offered().await);
    story::negotiate(&office.road, ECHO).await.unwrap();
    office.close().await;
    double.stop().await;
}

#[tokio::test]
async fn a_withdrawn_service_leaves_the_catalogue_by_itself_and_what_runs_on_it_goes_on_with_it() {
    let mut office = Office::open("").await;
    let (there, port) = (office.road.double.url.clone(), free_port().unwrap());
    let double = double_at(port, |_| true).await;
    let quickly = format!("http://127.0.0.1:{port}\"\nrefresh-seconds = 1");
    office.reconfigure(|text| undescribed(text, &format!("{there}\""), &quickly)).await;
    office.road.provider.start_again().await.unwrap();
    let agreement = story::negotiate(&office.road, ECHO).await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200);

    double.stop().await;
    let without = double_at(port, |subsystem| subsystem != "echo").await;
    office.until_echo_is_listed(false).await;
    assert!(!office.echo_is_offered().await);
    let refused = story::call(&transfer, "/echo").await.unwrap();
    let code = refused.body["code"].as_str().unwrap_or_default();
    assert!(refused.status == 404 && code.starts_with("xroad."), "X-Road is asked all the same: {}", refused.body);
    let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
    let another = office.road.consumer.management.post("/api/v1/transfers", &request).await.unwrap();
    let another = another["pid"].as_str().unwrap();
    let ended = office.road.consumer.management.wait("transfers", another, "TERMINATED").await.unwrap();
    assert!(ended.to_string().contains("dataset.withdrawn"), "{ended}");

    without.stop().await;
    let double = double_at(port, |_| true).await;
    office.until_echo_is_listed(true).await;
    assert_eq!(story::call(&transfer, "/echo").await.unwrap().status, 200, "it is there again");
    let log = std::fs::read_to_string(office.road.provider.settings.directory.join("provider.log")).unwrap();
    for change in ["service added", "service withdrawn"] {
        assert!(log.contains(change), "{log}");
    }
    office.close().await;
    double.stop().await;
}
