//! Consent from the configuration to the call: provider and consumer in front of a double that has a consent authority.

use conformance::double::{Double, DoubleConfig, SampleConsent};
use sliproad::demo::client::text;
use sliproad::demo::settings;

use super::*;

const MARI: &str = "60001019906";
const REFERENCE: &str = "226cd452-0459-404c-832d-4771bef14af3";

const CONSENTS: &str = r#"
[consent]
service = "DEV/GOV/3000/consent/consent"
reporting-service = "DEV/GOV/3000/consent/reporting"
cache-seconds = 0
timeout-ms = 20000

[[consent.declaration]]
id = "SD_PERSONS"
assets = ["persons-with-consent"]
subject-path = "/persons/{subject}"
"#;

const OFFER: &str = r#"
[[policy]]
id = "with-consent"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "xroad:consent", operator = "eq", rightOperand = "granted" },
] }] }

[[asset]]
id = "persons-with-consent"
service = "DEV/GOV/2000/population/persons"

[[offer]]
id = "persons-with-consent"
assets = ["persons-with-consent"]
policy = "with-consent"
"#;

/// Provider and consumer; where the consumer may call under the offer, and with which token.
async fn agreed(folder: &Path, double: &Double) -> ([Connector; 2], String, String) {
    let [provider, consumer] = settings::pair(folder, &double.url()).unwrap();
    let mut both = [
        Connector::spawn(Path::new(PROGRAM), provider, &format!("{CONSENTS}{OFFER}")).unwrap(),
        Connector::spawn(Path::new(PROGRAM), consumer, "").unwrap(),
    ];
    for connector in &mut both {
        connector.wait_ready().await.unwrap();
    }
    let (whom, address) = (both[0].settings.participant, both[0].settings.dsp());
    let api = &both[1].management;
    let whom = json!({"counterparty": whom, "address": address});
    let catalogue = api.post("/api/v1/catalog/request", &whom).await.unwrap();
    let datasets = catalogue["dataset"].as_array().unwrap();
    let dataset = datasets.iter().find(|d| d["@id"] == "persons-with-consent").unwrap();
    let (mut offer, mut request) = (dataset["hasPolicy"][0].clone(), whom.clone());
    offer["target"] = json!("persons-with-consent");
    request["offer"] = offer;
    let begun = api.post("/api/v1/negotiations", &request).await.unwrap();
    let done = api.wait("negotiations", &text(&begun, "pid").unwrap(), "FINALIZED").await.unwrap();
    let request = json!({"agreementId": text(&done, "agreementId").unwrap(), "format": "HttpData-PULL"});
    let pid = text(&api.post("/api/v1/transfers", &request).await.unwrap(), "pid").unwrap();
    api.wait("transfers", &pid, "STARTED").await.unwrap();
    let endpoint = api.read(&format!("/api/v1/transfers/{pid}/endpoint")).await.unwrap();
    let (url, token) = (text(&endpoint, "endpoint").unwrap(), text(&endpoint, "authorization").unwrap());
    (both, url, token)
}

async fn fetch([provider, consumer]: &[Connector; 2], more: &[&str]) -> Output {
    let (whom, address) = (provider.settings.participant, provider.settings.dsp());
    let peer = ["fetch", "--config", consumer.config.to_str().unwrap(), "--counterparty", whom, "--address", &address];
    let path = format!("/persons/{MARI}");
    command(&[&peer[..], &["--dataset", "persons-with-consent", &path], more].concat()).await
}

#[tokio::test]
async fn consent_is_asked_for_as_it_is_configured() {
    let double = Double::start(DoubleConfig::sample().with_consents()).await.unwrap();
    double.consents().put(
        REFERENCE,
        SampleConsent {
            provider: "DEV/GOV/2000/population".to_owned(),
            client: "DEV/COM/1000/gateway".to_owned(),
            subject: MARI.to_owned(),
            declaration: "SD_PERSONS".to_owned(),
            expires: "2999-12-31T23:59:59Z".to_owned(),
            approved: true,
        },
    );
    let folder = tempfile::tempdir().unwrap();
    let (connectors, endpoint, token) = agreed(folder.path(), &double).await;
    let client = sliproad::demo::client::local_http().unwrap();
    let call = async |person: &str| {
        let request = client.get(format!("{endpoint}/persons/{person}")).header("authorization", &token);
        let request = request.header("sliproad-consent", REFERENCE).header("sliproad-consent-subject", MARI);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(call(MARI).await.0, 200);
    assert_eq!(double.consents().reported(1).await[0]["consentReference"], REFERENCE);
    assert_eq!(call("39602235224").await.1["code"], "consent.mismatch");
    let fetched = fetch(&connectors, &[]).await;
    assert_eq!(fetched.status.code(), Some(1), "{}", said(&fetched));
    assert!(said(&fetched).contains("consent.missing"), "{}", said(&fetched));
    let headers = [format!("sliproad-consent: {REFERENCE}"), format!("sliproad-consent-subject: {MARI}")];
    let fetched = fetch(&connectors, &["--header", &headers[0], "--header", &headers[1]]).await;
    assert_eq!(fetched.status.code(), Some(0), "{}", said(&fetched));
    double.consents().withdraw(REFERENCE);
    let (status, problem) = call(MARI).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("consent.refused")), "{problem}");
    for file in ["provider.log", "consumer.log"] {
        let log = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(!log.contains(REFERENCE) && !log.contains(MARI), "{file}: {log}");
    }
    let theirs = connectors[0].config.to_str().unwrap();
    let listed = command(&["show", "exchanges", "--config", theirs, "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let exchange = listed["items"][0]["exchange"].as_str().unwrap();
    let explained = command(&["policy", "explain", exchange, "--config", theirs]).await;
    assert!(said(&explained).contains("xroad:consent"), "{}", said(&explained));
    drop(connectors);
    double.stop().await;
}

#[tokio::test]
async fn where_no_consent_service_is_configured_no_policy_may_ask_for_consent() {
    let folder = tempfile::tempdir().unwrap();
    let [provider, _] = settings::pair(folder.path(), "http://127.0.0.1:1").unwrap();
    let mut provider = Connector::spawn(Path::new(PROGRAM), provider, OFFER).unwrap();
    let why = format!("{:#}", provider.wait_ready().await.unwrap_err());
    assert!(why.contains("the left operand xroad:consent cannot be evaluated here"), "{why}");
}
