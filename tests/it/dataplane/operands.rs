//! Values that calls tell in headers and bodies, for operands of the operator's own.

use sliproad::policy::{Kind, Operand, Source};

use super::*;

fn registry() -> Registry {
    let mut registry = Registry::built_in();
    let told = |kind, source| Operand { exchange_only: true, single: true, source, ..Operand::of(kind) };
    registry.define("ex:area", told(Kind::Number, Source::Pointer("/query/area".to_owned())));
    registry.define("ex:place", told(Kind::Text, Source::Pointer("/query/place".to_owned())));
    registry
}

async fn post(road: &Road, granted: &Granted, kind: &str, body: &str) -> Answer {
    let headers = format!("authorization: Bearer {}\r\ncontent-type: {kind}\r\n", granted.token);
    road.raw("POST", &format!("{}/ask", granted.path), &headers, body).await
}

const JSON: &str = "application/json";

#[tokio::test]
async fn a_value_of_the_body_decides_and_the_body_passes_on_as_it_came() {
    let road = Road::with_words(registry()).await;
    let granted = road
        .grant(
            ECHO,
            json!([{"leftOperand": "ex:area", "operator": "lteq", "rightOperand": 100},
                   {"leftOperand": "ex:place", "operator": "eq", "rightOperand": "Tartu"}]),
        )
        .await;
    let body = "{ \"query\" :\n{\"area\": 99.5, \"place\":\"Tartu\"} , \"more\": [1,2] }";
    let answer = post(&road, &granted, JSON, body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["bodySha256"], hex::encode(sha2::Sha256::digest(body)));
    let record = road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
    assert_eq!(record.request.body.unwrap().size, body.len() as u64);

    let large = format!("{{\"query\": {{\"area\": 1, \"place\": \"Tartu\"}}, \"x\": \"{}\"}}", "x".repeat(300_000));
    for (kind, body) in [
        (JSON, r#"{"query": {"area": 100.5, "place": "Tartu"}}"#),
        (JSON, r#"{"query": {"area": 1, "place": "Riga"}}"#),
        (JSON, r#"{"query": {"area": 1, "place": ["Tartu"]}}"#),
        (JSON, r#"{"query": {"area": 1, "place": "Riga", "place": "Tartu"}}"#),
        (JSON, r#"{"query": {"area": "much", "place": "Tartu"}}"#),
        (JSON, r#"{"query": {"place": "Tartu"}}"#),
        (JSON, "area=1"),
        ("text/plain", r#"{"query": {"area": 1, "place": "Tartu"}}"#),
        (JSON, &large),
    ] {
        let answer = post(&road, &granted, kind, body).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("policy.refused")), "{body:.99}");
    }
    assert_eq!(road.get(&granted, "/ask").await.status, 403, "a call without a body tells nothing");
    assert_eq!(road.double.requests().len(), 1);
    road.close().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_to_look_into_still_passes_whole_when_the_policy_permits_without() {
    let road = Road::with_words(registry()).await;
    let atom = |left: &str, right: &str| json!({"leftOperand": left, "operator": "eq", "rightOperand": right});
    let granted = road.grant(ECHO, json!([{"or": [atom("ex:place", "Tartu"), atom("purpose", "urn:r")]}])).await;
    let body = format!("{{\"x\": \"{}\"}}", "x".repeat(700_000));
    let headers =
        format!("authorization: Bearer {}\r\ncontent-type: {JSON}\r\nsliproad-purpose: urn:r\r\n", granted.token);
    let answer = road.raw("POST", &format!("{}/ask", granted.path), &headers, &body).await;
    assert_eq!((answer.status, answer.json()["bodyLength"].as_u64()), (200, Some(body.len() as u64)));
    assert_eq!(answer.json()["bodySha256"], hex::encode(sha2::Sha256::digest(&body)));
    road.close().await;
}
