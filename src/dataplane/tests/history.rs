//! What calls leave behind: steps of sequences, and metered time.

use http_body::Frame;

use super::*;
use crate::dataplane::history::Metered;

fn path(call: &str) -> Value {
    json!({"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": call})
}

/// Whoever read `first` may read the rest.
fn first(first: &str) -> Value {
    let steps = json!({"andSequence": [path(first), path("GET /data")]});
    json!({"@type": "Agreement", "@id": "agreement-1", "target": "DEV:GOV:1:sub:land", "assigner": "did:web:provider",
           "assignee": "did:web:consumer", "permission": [
               {"action": "use", "constraint": [path(first)]}, {"action": "use", "constraint": [steps]}]})
}

fn at_most(length: &str) -> Value {
    json!([{"leftOperand": "meteredTime", "operator": "lt", "rightOperand": length}])
}

fn operand(answer: &Answer) -> Value {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    problem["because"][0]["operand"].clone()
}

#[tokio::test]
async fn a_step_is_taken_by_an_answered_call_and_known_after_a_restart() {
    let mut stage = Stage::set().await;
    let token = stage.start_under(first("GET /terms")).await;
    let refused = stage.get(&token, "/data").await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "policy.refused"));
    assert_eq!(stage.get(&token, "/terms").await.status, StatusCode::CREATED);
    let permitted = stage.get(&token, "/data").await;
    assert_eq!(permitted.status, StatusCode::CREATED);
    let record = stage.records(permitted.exchange()).await.remove(0).exchange;
    let facts = record.decision.facts.unwrap().values();
    assert_eq!(facts["/permission/1/constraint/0"], AT.to_string(), "{facts:?}");
    stage.restart();
    assert_eq!(stage.get(&token, "/data").await.status, StatusCode::CREATED);
    assert_eq!(stage.start_another().await.len(), token.len());
    let other = stage.start_another().await;
    assert_eq!(
        stage.send(other_request(&other, "/data")).await.status,
        StatusCode::CREATED,
        "the agreement has one history"
    );
}

#[tokio::test]
async fn a_call_that_fails_or_is_not_read_to_its_end_takes_no_step() {
    let stage = Stage::set().await;
    let token = stage.start_under(first("GET /denied")).await;
    assert_eq!(stage.get(&token, "/denied").await.status, StatusCode::FORBIDDEN);
    assert_eq!(stage.backend.arrived().len(), 1, "X-Road refused it, not the policy");
    assert_eq!(stage.get(&token, "/data").await.code(), "policy.refused");

    let stage = Stage::set().await;
    let token = stage.start_under(first("GET /stream")).await;
    let source = stage.backend.stream();
    let feed = tokio::spawn(async move {
        for _ in 0..3 {
            let _ = source.send(Ok(Frame::data(Bytes::from(vec![7; 40_000])))).await;
        }
        source
    });
    let (_, mut body) = stage.plane.provide(request(&token, "/stream")).await.into_parts();
    body.frame().await.unwrap().unwrap();
    assert_eq!(stage.get(&token, "/data").await.code(), "policy.refused", "the terms are not read yet");
    drop((body, feed));
    recorded(&stage, 3).await;
    assert_eq!(stage.get(&token, "/data").await.code(), "policy.refused");
    let source = stage.backend.stream();
    tokio::spawn(async move {
        for _ in 0..3 {
            let _ = source.send(Ok(Frame::data(Bytes::from(vec![7; 40_000])))).await;
        }
    });
    assert_eq!(stage.get(&token, "/stream").await.status, StatusCode::OK);
    assert_eq!(stage.get(&token, "/data").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn what_a_refused_call_finds_of_the_world_is_known_to_the_next_one() {
    let mut stage = Stage::set().await;
    let client = json!({"leftOperand": "xroad:clientId", "operator": "eq", "rightOperand": "DEV/GOV/1/gateway"});
    let token = stage.start(json!([{"andSequence": [client, path("GET /data")]}])).await;
    assert_eq!(stage.get(&token, "/data").await.code(), "policy.refused");
    stage.restart();
    assert_eq!(stage.get(&token, "/data").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_prohibited_sequence_begins_with_the_decision_not_with_the_answer() {
    let mut stage = Stage::set().await;
    let steps = json!({"andSequence": [path("GET /stream"), path("GET /data")]});
    let mut policy = constrained(json!([]));
    policy["conflict"] = json!("prohibit");
    policy["prohibition"] = json!([{"action": "use", "constraint": [steps]}]);
    let token = stage.start_under(policy).await;
    assert_eq!(stage.get(&token, "/data").await.status, StatusCode::CREATED);
    let source = stage.backend.stream();
    let begun = stage.plane.provide(request(&token, "/stream"));
    let (begun, sent) = tokio::join!(begun, source.send(Ok(Frame::data(Bytes::from(vec![7; 70_000])))));
    assert!(begun.status() == StatusCode::OK && sent.is_ok());
    assert_eq!(stage.get(&token, "/data").await.code(), "policy.refused");
    stage.restart();
    assert_eq!(stage.get(&token, "/data").await.code(), "policy.refused");
    assert_eq!(stage.get(&token, "/other").await.status, StatusCode::CREATED);
}

/// Calls until one is refused: how many were not.
async fn until_refused(stage: &Stage, token: &str) -> (usize, Answer) {
    let begun = tokio::time::Instant::now();
    for permitted in 0.. {
        let answer = stage.get(token, "/a").await;
        if answer.status != StatusCode::CREATED {
            return (permitted, answer);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the time is never used up");
    }
    unreachable!()
}

#[tokio::test]
async fn calls_under_way_use_up_the_time_as_they_run_and_end_as_they_would() {
    let backing = Backing::Alone(tempfile::tempdir().unwrap());
    let stage = Stage::on(&backing, DataPlaneSettings::default()).await;
    let token = stage.start(at_most("PT0.2S")).await;
    let source = stage.backend.stream();
    let feed = tokio::spawn(async move {
        for _ in 0..3 {
            source.send(Ok(Frame::data(Bytes::from(vec![7; 40_000])))).await.unwrap();
        }
        source
    });
    let begun = tokio::time::Instant::now();
    let (head, body) = stage.plane.provide(request(&token, "/stream")).await.into_parts();
    assert_eq!(head.status, StatusCode::OK);
    let (_, refused) = until_refused(&stage, &token).await;
    // The stream ran all the while, and the calls beside it added to it.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!((refused.code().as_str(), operand(&refused)), ("policy.refused", json!("meteredTime")));
    let arrived = stage.backend.arrived().len();
    let reading = tokio::spawn(body.collect());
    drop(feed.await.unwrap());
    assert_eq!(reading.await.unwrap().unwrap().to_bytes().len(), 120_000, "an answer that was begun is not cut off");
    assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    assert_eq!(stage.backend.arrived().len(), arrived);
    // As after kill -9: what recorded exchanges took is in the database.
    let agreement = stage.shelf.agreements.lock().unwrap().values().next().unwrap().clone();
    let kept = backing.counters().await;
    assert!(Metered::of(&kept, &agreement).await.unwrap().spent() >= 200);
    let fresh = stage.afresh(&stage.backend.address);
    let (head, _) = fresh.provide(request(&token, "/a")).await.into_parts();
    assert_eq!(head.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_call_that_never_arrived_took_no_time() {
    let stage = Stage::set().await;
    let token = stage.start(at_most("PT10S")).await;
    let nobody = stage.afresh("http://127.0.0.1:1");
    let (head, _) = nobody.provide(request(&token, "/a")).await.into_parts();
    assert!(head.status.is_server_error());
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn where_time_cannot_be_kept_nothing_is_released() {
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("counters.db");
    let backing = Backing::Alone(kept);
    let stage = Stage::on(&backing, DataPlaneSettings::default()).await;
    let token = stage.start(at_most("PT10S")).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    let database = format!("sqlite://{}", file.display());
    let database = sqlx::SqlitePool::connect(&database).await.unwrap();
    sqlx::query("DROP TABLE counter").execute(&database).await.unwrap();
    let answer = stage.get(&token, "/a").await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "counter.unavailable"));
}
