//! The Dataspace Protocol over HTTP on loopback: our routes, our client, a real engine and store on either side.

mod client;
mod messages;
mod world;

use serde_json::json;
use sliproad::engine::{Action, NegotiationRequest, TransferRequest};
use sliproad::model::message::Reasons;
use sliproad::model::transfer::TransferEvent;

use world::{CONSUMER, PROVIDER, World, offer};

#[tokio::test]
async fn two_connectors_agree_on_a_contract_and_open_a_transfer_over_http() {
    let world = World::new().await;
    let request = NegotiationRequest {
        participant: CONSUMER.into(),
        counterparty: PROVIDER.into(),
        // A trailing slash is what EDC users often configure.
        address: format!("{}/", world.provider.base),
        offer: offer("land"),
        trace: None,
    };
    let begun = world.consumer.engine.request_negotiation(request).await.unwrap();
    let done = world.consumer.settled(&begun.pid, "FINALIZED").await;
    let theirs = world.provider.settled(done.peer_pid.as_ref().unwrap(), "FINALIZED").await;
    assert_eq!(done.detail.agreement, theirs.detail.agreement);

    let agreement = done.agreement.unwrap();
    let request = TransferRequest { agreement, format: "HttpData-PULL".into(), address: None, trace: None };
    let begun = world.consumer.engine.request_transfer(request).await.unwrap();
    let started = world.consumer.settled(&begun.pid, "STARTED").await;
    let address = started.detail.data_address.unwrap();
    assert_eq!(address.authorization.as_deref(), Some("token-1"));
    assert_eq!(address.auth_type.as_deref(), Some("bearer"));

    let end = Action::Transfer { event: TransferEvent::Terminate, reasons: Reasons::new("done", "enough") };
    world.provider.engine.act(started.peer_pid.as_ref().unwrap(), end).await.unwrap();
    let ended = world.consumer.settled(&begun.pid, "TERMINATED").await;
    assert_eq!(ended.detail.reasons, Some(Reasons::new("done", "enough")));
}

#[tokio::test]
async fn a_catalogue_of_many_pages_is_read_whole_and_only_by_those_who_may() {
    let world = World::new().await;
    let (us, them, base) = (CONSUMER.into(), PROVIDER.into(), world.provider.base.as_str());
    let small = json!({"@type": "QuerySpec", "limit": 2});
    let catalog = world.consumer.client.catalog(&us, &them, base, Some(&small)).await.unwrap();
    let ids: Vec<&str> = catalog.datasets.iter().map(|d| d["@id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["d0", "d1", "d2", "d3", "d4", "land"]);
    assert!(catalog.complete);
    assert_eq!(catalog.participant.as_ref(), Some(&them));

    let one = json!([{"@type": "QuerySpec", "filterExpression": [{"@type": "Criterion", "operator": "=",
        "operandLeft": "https://w3id.org/edc/v0.0.1/ns/id", "operandRight": "land"}]}]);
    let found = world.consumer.client.catalog(&us, &them, base, Some(&one)).await.unwrap();
    assert_eq!(found.datasets.len(), 1);

    let dataset = world.consumer.client.dataset(&us, &them, base, &"land".into()).await.unwrap();
    assert_eq!(dataset["hasPolicy"][0]["@id"], "offer-land");
    assert_eq!(dataset["hasPolicy"][0].get("target"), None);
    assert_eq!(dataset["distribution"][0]["accessService"]["endpointURL"], base);

    let stranger = "stranger-token";
    let (status, body) = world.post(&world.provider, stranger, "catalog/request", &world::catalog_request()).await;
    assert_eq!((status, body.get("dataset")), (200, None), "a stranger sees an empty catalogue");
    let (status, body) = world.get(&world.provider, stranger, "catalog/datasets/land").await;
    assert_eq!((status, body["@type"].as_str()), (404, Some("CatalogError")));
}
