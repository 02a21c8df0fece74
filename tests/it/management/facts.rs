//! What the operator vouches for about consumers, changed while calls are made; a purpose that only calls can declare.

use super::*;

const OFFERS: &str = r#"
[[counterparty]]
id = "did:web:consumer*"
facts = { spatial = "EE" }

[[policy]]
id = "in-estonia"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "spatial", operator = "eq", rightOperand = "EE" },
] }] }

[[policy]]
id = "for-research"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "purpose", operator = "eq", rightOperand = "urn:purpose:research" },
] }] }

[[asset]]
id = "parcels-in-estonia"
service = "DEV/GOV/2000/landregister/land"

[[asset]]
id = "parcels-for-research"
service = "DEV/GOV/2000/landregister/land"

[[offer]]
id = "parcels-in-estonia"
assets = ["parcels-in-estonia"]
policy = "in-estonia"

[[offer]]
id = "parcels-for-research"
assets = ["parcels-for-research"]
policy = "for-research"
"#;

const WHOM: &str = "/api/v1/counterparties/did:web:consumer*";

#[tokio::test]
async fn a_revoked_claim_refuses_the_very_next_call_and_stays_revoked_over_a_restart() {
    let mut office = Office::open(OFFERS).await;
    let agreement = story::negotiate(&office.road, "parcels-in-estonia").await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    let provider = &office.road.provider;

    let put = send(provider, "PUT", WHOM, Some(&json!({"facts": {"spatial": "FI"}})), &[]).await;
    assert_eq!((put.status, put.body["facts"]["spatial"][0].as_str()), (200, Some("FI")), "{}", put.body);
    let refused = story::call(&transfer, "/parcels").await.unwrap();
    assert_eq!(refused.status, 403);
    // The monitor looks at what rests on the claim, and the consumer is told.
    let told = office.road.consumer.management.wait("transfers", &transfer.consumer_pid, "SUSPENDED").await.unwrap();
    assert!(told.to_string().contains("spatial"), "{told}");

    assert_eq!(send(provider, "DELETE", WHOM, None, &[]).await.status, 204);
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 403, "the file does not bring it back");
    let listed = send(&office.road.provider, "GET", "/api/v1/counterparties", None, &[]).await.body;
    let facts = listed["items"].as_array().unwrap().iter().find(|c| c["id"] == "did:web:consumer*").unwrap();
    assert_eq!(facts["facts"], json!({}));
    office.close().await;
}

#[tokio::test]
async fn what_is_attested_later_does_not_explain_an_earlier_refusal() {
    let office = Office::open(OFFERS).await;
    let agreement = story::negotiate(&office.road, "parcels-for-research").await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    let provider = &office.road.provider;
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 403);
    let facts = json!({"facts": {"purpose": "urn:purpose:research"}});
    assert_eq!(send(provider, "PUT", WHOM, Some(&facts), &[]).await.status, 200);
    let listed = send(provider, "GET", "/api/v1/exchanges?limit=1", None, &[]).await.body;
    let exchange = listed["items"][0]["exchange"].as_str().unwrap();
    let told = send(provider, "GET", &format!("/api/v1/decisions/{exchange}/explanation"), None, &[]).await.body;
    assert_eq!((&told["recorded"], &told["explanation"]["permit"]), (&json!("refuse"), &json!(false)), "{told}");
    let why = &told["explanation"]["because"][0];
    assert_eq!((&why["operand"], &why["observed"]), (&json!("purpose"), &Value::Null), "{told}");
    office.close().await;
}

#[tokio::test]
async fn a_purpose_is_agreed_on_first_and_declared_with_each_call() {
    let office = Office::open(OFFERS).await;
    let agreement = story::negotiate(&office.road, "parcels-for-research").await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 403, "no purpose is declared");
    let client = sliproad::demo::client::local_http().unwrap();
    for (purpose, status) in [("urn:purpose:research", 200), ("urn:purpose:trade", 403)] {
        let call = client.get(format!("{}/parcels", transfer.endpoint)).header("sliproad-purpose", purpose);
        let answer = call.header("authorization", transfer.authorization()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{purpose}");
    }
    office.close().await;
}
