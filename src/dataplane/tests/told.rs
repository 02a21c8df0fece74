//! What calls tell in their bodies, and what becomes of a call while its body comes.

use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc;

use super::*;

fn post(token: &str, case: &str) -> Request<Full<Bytes>> {
    let request = Request::post(format!("{PATH}/a")).header(header::AUTHORIZATION, token);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Full::from(json!({ "case": case }).to_string())).unwrap()
}

fn compared(operator: &str, number: usize) -> Value {
    (0..number)
        .map(|n| json!({"leftOperand": "ex:case", "operator": operator, "rightOperand": format!("v{n}")}))
        .collect()
}

#[tokio::test]
async fn a_value_that_no_record_could_hold_is_not_known_and_the_call_is_refused_and_recorded() {
    let stage = Stage::set().await;
    let token = stage.start(compared("neq", 4)).await;
    assert_eq!(stage.send(post(&token, "short")).await.status, 201);
    let answer = stage.send(post(&token, &"x".repeat(50_000))).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (403, "policy.refused".to_owned()));
    assert_eq!(stage.records(answer.exchange()).await.len(), 1);
    assert_eq!(stage.backend.arrived().len(), 1);
}

#[tokio::test]
async fn a_decision_that_rests_on_more_than_a_record_holds_is_refused_before_the_service_has_the_call() {
    let stage = Stage::set().await;
    let token = stage.start(compared("neq", 600)).await;
    let answer = stage.send(post(&token, &"x".repeat(2_000))).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (403, "evidence.too-large".to_owned()));
    assert_eq!(stage.records(answer.exchange()).await.len(), 1);
    assert!(stage.backend.arrived().is_empty());
}

#[tokio::test]
async fn of_a_refusal_with_more_reasons_than_a_record_holds_the_first_are_recorded() {
    let stage = Stage::set().await;
    let token = stage.start(compared("eq", 600)).await;
    let answer = stage.send(post(&token, &"x".repeat(2_000))).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (403, "policy.refused".to_owned()));
    let records = stage.records(answer.exchange()).await;
    assert!(records[0].exchange.decision.clauses.as_json().contains("/permission/0/constraint/0"));
}

#[tokio::test]
async fn what_is_reported_while_a_body_comes_holds_for_its_call() {
    let stage = Stage::set().await;
    let token = stage.start(compared("neq", 1)).await;
    let (pieces, body) = mpsc::channel::<Bytes>(1);
    let (asked, mut is_asked) = mpsc::channel::<()>(1);
    let body = futures_util::stream::unfold(body, move |mut body| {
        let asked = asked.clone();
        async move {
            let _ = asked.try_send(());
            body.recv().await.map(|piece| (Ok::<_, std::io::Error>(Frame::data(piece)), body))
        }
    });
    let (head, _) = post(&token, "").into_parts();
    let call = Request::from_parts(head, StreamBody::new(body.boxed()));
    let plane = stage.plane.clone();
    let call = tokio::spawn(async move { plane.provide(call).await.status() });
    is_asked.recv().await.unwrap();
    stage.shelf.agreements.lock().unwrap().values_mut().for_each(|agreement| agreement.live = false);
    let key = stage.shelf.agreements.lock().unwrap().values().next().unwrap().key();
    stage.plane.reported(&key);
    pieces.send(Bytes::from_static(br#"{"case": "b"}"#)).await.unwrap();
    drop(pieces);
    assert_eq!(call.await.unwrap(), StatusCode::FORBIDDEN);
    assert!(stage.backend.arrived().is_empty());
}
