//! How often calls may come, whatever happens between them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::dataplane::counters::Rate;
use crate::model::xroad::ClientId;

fn per_minute(limit: u32) -> Value {
    json!([{"leftOperand": "xroad:callsPerMinute", "operator": "lteq", "rightOperand": limit}])
}

fn counted(limit: u32) -> Value {
    json!([{"leftOperand": "count", "operator": "lteq", "rightOperand": limit}])
}

fn limited(per_second: u32, burst: u32) -> DataPlaneSettings {
    DataPlaneSettings { rate: Some(Rate { per_second, burst }), ..DataPlaneSettings::default() }
}

async fn status(plane: &DataPlane, request: Request<Full<Bytes>>) -> StatusCode {
    plane.provide(request).await.status()
}

/// Two replicas with one transfer, started on the first, and its token; without a shared database, one replica twice.
async fn replicas(
    backing: &Backing,
    settings: DataPlaneSettings,
    limits: Value,
) -> (Arc<Stage>, [DataPlane; 2], String) {
    let stage = Stage::on(backing, settings).await;
    let token = stage.start(limits).await;
    let other = match backing {
        Backing::Alone(_) => stage.plane.clone(),
        Backing::Shared(_) => stage.another(&stage.backend.address, backing.counters().await, stage.clock.clone()),
    };
    let planes = [stage.plane.clone(), other];
    (Arc::new(stage), planes, token)
}

/// So many calls at once, by turns over the replicas; how many passed. The others were refused by the policy or for their rate.
async fn at_once(number: usize, planes: &[DataPlane; 2], token: &str) -> usize {
    let calls: Vec<_> = (0..number)
        .map(|n| {
            let (plane, request) = (planes[n % 2].clone(), request(token, "/a"));
            tokio::spawn(async move { status(&plane, request).await })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        match call.await.unwrap() {
            StatusCode::CREATED => passed += 1,
            status => assert!(matches!(status.as_u16(), 403 | 429), "{status}"),
        }
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_at_once_never_pass_more_often_than_counted() {
    for backing in Backing::each() {
        let (stage, planes, token) = replicas(&backing, DataPlaneSettings::default(), counted(37)).await;
        assert_eq!(at_once(100, &planes, &token).await, 37);
        assert_eq!(stage.backend.arrived().len(), 37);
        let after = backing.counters().await.counter("did:web:provider agreement-1").await.unwrap();
        assert_eq!(after.used(), 37);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_at_once_never_pass_more_often_than_in_a_minute() {
    for backing in Backing::each() {
        let (stage, planes, token) = replicas(&backing, DataPlaneSettings::default(), per_minute(23)).await;
        assert_eq!(at_once(100, &planes, &token).await, 23);
        backing.pass(&stage.clock, 59_000).await;
        assert_eq!(at_once(10, &planes, &token).await, 0);
        backing.pass(&stage.clock, 60_000).await;
        assert_eq!(at_once(30, &planes, &token).await, 23);
        assert_eq!(stage.backend.arrived().len(), 46);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_calls_at_once_as_many_pass_as_the_bucket_holds() {
    for backing in Backing::each() {
        let (stage, planes, token) = replicas(&backing, limited(1, 5), json!([])).await;
        backing.pass(&stage.clock, 5_000).await;
        let began = std::time::Instant::now();
        let passed = at_once(100, &planes, &token).await;
        // One more for each second that it took.
        assert!((5..=5 + began.elapsed().as_secs_f64().ceil() as usize).contains(&passed), "{passed}");
    }
}

#[tokio::test]
async fn calls_that_come_too_often_wait() {
    for backing in Backing::each() {
        let stage = Stage::on(&backing, limited(1, 1)).await;
        let token = stage.start(json!([])).await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        let answer = stage.get(&token, "/a").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate.exceeded"));
        assert_eq!(answer.headers["retry-after"], "1");
        backing.pass(&stage.clock, 1000).await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    }
}

/// Says of nobody that he consents, and counts how often it is asked.
#[derive(Default)]
struct Declining(AtomicUsize);

#[async_trait]
impl ConsentValidator for Declining {
    async fn validate(&self, _: &ClientId, _: &ConsentReference) -> Result<Option<Consent>, ConsentUnavailable> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(None)
    }

    async fn report(&self, _: &ClientId, _: &ConsentReference, _: Timestamp) -> Result<(), ConsentUnavailable> {
        Ok(())
    }
}

#[tokio::test]
async fn nobody_is_asked_about_persons_more_often_than_the_rate_lets_calls_pass() {
    for backing in Backing::each() {
        let validator = Arc::new(Declining::default());
        let subject = SubjectPlace::Declared;
        let declaration = ConsentDeclaration { id: "SD".to_owned(), assets: vec!["*".to_owned()], subject };
        let settings = ConsentSettings { bound: Duration::ZERO, client: None, declarations: vec![declaration] };
        let consents = Consents::new(Arc::clone(&validator) as Arc<dyn ConsentValidator>, settings);
        let stage = Stage::asking(&backing, limited(1, 1), Some(consents)).await;
        let asking = json!([{"leftOperand": "xroad:consent", "operator": "eq", "rightOperand": "granted"}]);
        let token = stage.start(asking).await;
        let call = |path| {
            let mut call = request(&token, path);
            call.headers_mut().insert("sliproad-consent", "c-1".parse().unwrap());
            call.headers_mut().insert("sliproad-consent-subject", "60001019906".parse().unwrap());
            call
        };
        assert_eq!(stage.send(call("/../a")).await.code(), "path.dot-segment");
        assert_eq!(stage.send(call("/a")).await.code(), "consent.refused");
        assert_eq!(stage.send(call("/a")).await.code(), "rate.exceeded");
        assert_eq!(validator.0.load(Ordering::SeqCst), 1);
        backing.pass(&stage.clock, 1000).await;
        assert_eq!(stage.send(call("/a")).await.code(), "consent.refused");
        assert_eq!(validator.0.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn calls_per_minute_are_remembered_over_a_restart() {
    for backing in Backing::each() {
        let mut stage = Stage::on(&backing, DataPlaneSettings::default()).await;
        let token = stage.start(per_minute(2)).await;
        for _ in 0..2 {
            assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        }
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
        stage.plane = stage.another(&stage.backend.address, backing.counters().await, stage.clock.clone());
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
        backing.pass(&stage.clock, 60_000).await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn the_time_since_the_last_call_is_known_after_its_minute_and_over_a_restart() {
    let hourly = json!([{"leftOperand": "timeInterval", "operator": "gteq", "rightOperand": "PT30M"}]);
    for backing in Backing::each() {
        let mut stage = Stage::on(&backing, DataPlaneSettings::default()).await;
        let token = stage.start(hourly.clone()).await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        backing.pass(&stage.clock, 1_500_000).await;
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
        stage.plane = stage.another(&stage.backend.address, backing.counters().await, stage.clock.clone());
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
        backing.pass(&stage.clock, 300_000).await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    }
}

#[tokio::test]
async fn transfers_under_one_agreement_share_its_limit_of_calls() {
    for backing in Backing::each() {
        let stage = Stage::on(&backing, DataPlaneSettings::default()).await;
        let token = stage.start(per_minute(2)).await;
        let other = stage.start_another().await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        assert_eq!(stage.send(other_request(&other, "/a")).await.status, StatusCode::CREATED);
        assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
        assert_eq!(stage.send(other_request(&other, "/a")).await.code(), "policy.refused");
        assert_eq!(stage.backend.arrived().len(), 2);
    }
}

#[tokio::test]
async fn transfers_under_one_agreement_share_its_configured_rate() {
    for backing in Backing::each() {
        let stage = Stage::on(&backing, limited(1, 1)).await;
        let token = stage.start(json!([])).await;
        let other = stage.start_another().await;
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        assert_eq!(stage.send(other_request(&other, "/a")).await.code(), "rate.exceeded");
    }
}

#[tokio::test]
async fn a_call_that_never_reached_the_security_server_is_not_counted() {
    let once = [
        counted(1),
        per_minute(1),
        json!([{"leftOperand": "timeInterval", "operator": "gteq", "rightOperand": "PT1H"}]),
    ];
    for backing in Backing::each() {
        for limit in &once {
            let mut stage = Stage::on(&backing, DataPlaneSettings::default()).await;
            stage.plane = stage.afresh("http://127.0.0.1:1");
            let token = stage.start(limit.clone()).await;
            for _ in 0..3 {
                let answer = stage.get(&token, "/a").await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (StatusCode::BAD_GATEWAY, "xroad.server-unreachable")
                );
                let record = stage.records(answer.exchange()).await.remove(0).exchange;
                assert_eq!((record.outcome, record.decision.effect), (Outcome::Failed, Effect::Permit));
                assert_eq!((record.times.forwarded, record.request.xroad_id), (None, None));
            }
            // Nor is it recalled as a call after a restart.
            stage.restart();
            assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED, "{limit}");
            assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused", "{limit}");
            // For the next limit: long ago, and not used yet.
            backing.forget().await;
        }
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
