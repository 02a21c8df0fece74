//! How often calls may come, whatever happens between them.

use super::*;
use crate::dataplane::counters::Rate;

fn per_minute(limit: u32) -> Value {
    json!([{"leftOperand": "xroad:callsPerMinute", "operator": "lteq", "rightOperand": limit}])
}

#[tokio::test]
async fn calls_that_come_too_often_wait() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let stage = Stage::with(DataPlaneSettings { rate, ..DataPlaneSettings::default() }).await;
    let token = stage.start(json!([])).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    let answer = stage.get(&token, "/a").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate.exceeded"));
    assert_eq!(answer.headers["retry-after"], "1");
    stage.clock.advance(1000);
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn calls_per_minute_are_remembered_over_a_restart() {
    let mut stage = Stage::set().await;
    let limit = json!([{"leftOperand": "xroad:callsPerMinute", "operator": "lteq", "rightOperand": 2}]);
    let token = stage.start(limit).await;
    for _ in 0..2 {
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    }
    assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    stage.restart();
    assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    stage.clock.advance(60_000);
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn transfers_under_one_agreement_share_its_limit_of_calls() {
    let stage = Stage::set().await;
    let token = stage.start(per_minute(2)).await;
    let other = stage.start_another().await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    assert_eq!(stage.send(other_request(&other, "/a")).await.status, StatusCode::CREATED);
    assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    assert_eq!(stage.send(other_request(&other, "/a")).await.code(), "policy.refused");
    assert_eq!(stage.backend.arrived().len(), 2);
}

#[tokio::test]
async fn transfers_under_one_agreement_share_its_configured_rate() {
    let rate = Some(Rate { per_second: 1, burst: 1 });
    let stage = Stage::with(DataPlaneSettings { rate, ..DataPlaneSettings::default() }).await;
    let token = stage.start(json!([])).await;
    let other = stage.start_another().await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    assert_eq!(stage.send(other_request(&other, "/a")).await.code(), "rate.exceeded");
}

#[tokio::test]
async fn a_call_that_never_reached_the_security_server_is_not_counted() {
    let once = [
        json!([{"leftOperand": "count", "operator": "lteq", "rightOperand": 1}]),
        per_minute(1),
        json!([{"leftOperand": "timeInterval", "operator": "gteq", "rightOperand": "PT1H"}]),
    ];
    for limit in once {
        let mut stage = Stage::set().await;
        stage.plane = stage.afresh("http://127.0.0.1:1");
        let token = stage.start(limit.clone()).await;
        for _ in 0..3 {
            let answer = stage.get(&token, "/a").await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_GATEWAY, "xroad.server-unreachable"));
            let record = stage.records(answer.exchange()).await.remove(0).exchange;
            assert_eq!((record.outcome, record.decision.effect), (Outcome::Failed, Effect::Permit));
            assert_eq!((record.times.forwarded, record.request.xroad_id), (None, None));
        }
        // Nor is it recalled as a call after a restart.
        stage.restart();
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED, "{limit}");
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused", "{limit}");
    }
}

#[tokio::test]
async fn more_than_a_thousand_records_of_a_minute_are_recalled() {
    let mut stage = Stage::set().await;
    let token = stage.start(per_minute(2)).await;
    for _ in 0..2 {
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    }
    let kept = stage.evidence.page(&crate::evidence::Query::default()).await.unwrap().remove(0).exchange;
    for _ in 0..1100 {
        let mut later = kept.clone();
        (later.outcome, later.times.forwarded) = (Outcome::Failed, None);
        stage.evidence.append_later(&later);
    }
    stage.restart();
    assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    stage.clock.advance(60_000);
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
}
