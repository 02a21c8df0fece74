//! Calls that must not reach the security server.

use super::*;

async fn refused(stage: &Stage, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
    assert!(stage.backend.arrived().is_empty(), "{code} reached the security server");
    if status != 401 {
        let records = stage.records(answer.exchange()).await;
        let record = &records[0].exchange;
        assert_eq!((records.len(), record.outcome, record.decision.effect), (1, Outcome::Refused, Effect::Refuse));
        assert_eq!(record.decision.code, code);
    }
}

#[tokio::test]
async fn without_a_token_of_ours_nothing_is_said_but_401() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    let basic = format!("Basic {token}");
    for (sent, code) in [
        ("", "token.missing"),
        ("Bearer ", "token.missing"),
        (basic.as_str(), "token.missing"),
        ("garbage", "token.invalid"),
        (forged.as_str(), "token.invalid"),
    ] {
        let answer = stage.get(sent, "/a").await;
        refused(&stage, &answer, 401, code).await;
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let mut twice = request(&token, "/a");
    twice.headers_mut().append("authorization", token.parse().unwrap());
    refused(&stage, &stage.send(twice).await, 401, "token.missing").await;
    assert_eq!(stage.evidence.head().sequence, 0, "strangers must not fill the evidence log");
}

#[tokio::test]
async fn an_expired_token_opens_nothing_remembered_or_not() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    stage.clock.advance(3_600_000);
    let unknown_to = stage.afresh(&stage.backend.address);
    for plane in [&stage.plane, &stage.plane, &unknown_to] {
        let (head, body) = plane.provide(request(&token, "/a")).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer { status: head.status, headers: head.headers, body };
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "token.expired"));
        let records = stage.records(answer.exchange()).await;
        let record = &records[0].exchange;
        assert_eq!((records.len(), record.outcome, &*record.decision.code), (1, Outcome::Refused, "token.expired"));
        assert_eq!((&*record.counterparty, &*record.agreement), ("did:web:consumer", "agreement-1"));
    }
    assert_eq!(stage.backend.arrived().len(), 1);
}

#[tokio::test]
async fn a_token_opens_no_other_transfer() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    for target in
        ["/provider/data/0194/a", "/provider/data/01934", "/other/data/0193/a", "/provider/data/0193%2Fa", "/"]
    {
        let call = Request::builder().uri(target).header("authorization", &token).body(Full::default()).unwrap();
        refused(&stage, &stage.send(call).await, 403, "token.other-transfer").await;
    }
}

#[tokio::test]
async fn what_is_not_started_is_stopped_with_the_very_next_call() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    for (version, (state, code)) in [
        (TransferState::Suspended, "transfer.suspended"),
        (TransferState::Completed, "transfer.completed"),
        (TransferState::Terminated, "transfer.terminated"),
    ]
    .into_iter()
    .enumerate()
    {
        stage.change(state, 1, version as i64 + 2);
        refused(&stage, &stage.get(&token, "/a").await, 403, code).await;
    }
    stage.change(TransferState::Started, 1, 1);
    refused(&stage, &stage.get(&token, "/a").await, 403, "transfer.terminated").await;
}

#[tokio::test]
async fn a_token_of_an_earlier_start_is_void() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    stage.change(TransferState::Started, 2, 3);
    let answer = stage.get(&token, "/a").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "token.superseded"));
    assert!(stage.backend.arrived().is_empty());
    assert_eq!(stage.records(answer.exchange()).await.len(), 1, "its bearer is known, so it is recorded");
}

#[tokio::test]
async fn a_call_past_the_check_does_not_begin_after_a_suspension() {
    let stage = Stage::set().await;
    stage.start(json!([])).await;
    let live = stage.plane.0.live.get(&"urn:uuid:0193".into()).unwrap();
    assert!(live.check(1).is_ok());
    stage.change(TransferState::Suspended, 1, 2);
    let mut call = std::pin::pin!(async { panic!("the call began") });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(live.begin::<std::pin::Pin<&mut _>>(1, &mut call.as_mut(), &mut cx).is_err());
}

#[tokio::test]
async fn no_path_leads_out_of_the_asset() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    for (path, code) in [
        ("/../secret", "path.dot-segment"),
        ("/a/%2e%2e/b", "path.dot-segment"),
        ("/a/./b", "path.dot-segment"),
        ("/..%2Fsecret", "path.encoded-delimiter"),
        ("/a%5Cb", "path.encoded-delimiter"),
        ("/a%252e", "path.encoded-delimiter"),
        ("/a%00b", "path.encoded-delimiter"),
        ("//other", "path.empty-segment"),
        ("/a;b/c", "path.not-plain"),
        ("/%ff", "path.encoding"),
    ] {
        refused(&stage, &stage.get(&token, path).await, 400, code).await;
    }
    let absolute = format!("http://127.0.0.1{PATH}/a");
    let call = Request::builder().uri(absolute).header("authorization", &token).body(Full::default()).unwrap();
    refused(&stage, &stage.send(call).await, 400, "path.not-origin-form").await;
}

#[tokio::test]
async fn methods_and_bodies_that_x_road_does_not_carry_are_refused() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    for (method, body, status, code) in [
        ("TRACE", "", 405, "request.method"),
        ("PROPFIND", "", 405, "request.method"),
        ("GET", "body", 400, "request.body-not-delivered"),
        ("DELETE", "body", 400, "request.body-not-delivered"),
    ] {
        let call = Request::builder().method(method).uri(format!("{PATH}/a")).header("authorization", &token);
        let answer = stage.send(call.body(Full::from(body)).unwrap()).await;
        refused(&stage, &answer, status, code).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let stage = Stage::with(DataPlaneSettings { largest_request: 4, ..DataPlaneSettings::default() }).await;
    let token = stage.start(json!([])).await;
    let call = Request::builder().method("POST").uri(format!("{PATH}/a")).header("authorization", &token);
    let answer = stage.send(call.body(Full::from("12345")).unwrap()).await;
    refused(&stage, &answer, 413, "request.too-large").await;
    let pieces =
        futures_util::stream::iter(["123", "45"].map(|p| Ok::<_, std::io::Error>(http_body::Frame::data(p.into()))));
    let call = Request::builder().method("POST").uri(format!("{PATH}/a")).header("authorization", &token);
    let call = call.body(http_body_util::StreamBody::new(pieces)).unwrap();
    assert_eq!(stage.plane.provide(call).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_the_consumers_failure() {
    let slowest_request = Slowest { pause: Duration::from_millis(50), ..DataPlaneSettings::default().slowest_request };
    let stage = Stage::with(DataPlaneSettings { slowest_request, ..DataPlaneSettings::default() }).await;
    let token = stage.start(json!([])).await;
    let first = Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from("1")));
    let pieces = futures_util::StreamExt::chain(futures_util::stream::iter([first]), futures_util::stream::pending());
    let call = Request::builder().method("POST").uri(format!("{PATH}/a")).header("authorization", &token);
    let answer = stage.plane.provide(call.body(http_body_util::StreamBody::new(pieces)).unwrap()).await;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let answer = Answer { status: head.status, headers: head.headers, body };
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (408, "request.too-slow"));
    let record = stage.records(answer.exchange()).await.remove(0).exchange;
    assert_eq!((record.outcome, record.request.body), (Outcome::Aborted, None));
}

#[tokio::test]
async fn headers_that_the_security_server_would_not_read_are_refused_first() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let sized = |size: usize| {
        let mut call = request(&token, "/a");
        call.headers_mut().insert("accept", "x".repeat(size).parse().unwrap());
        call
    };
    let answer = stage.send(sized(8000)).await;
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("takes 8192"), "{problem}");
    refused(&stage, &answer, 431, "request.head-too-large").await;
    let mut both = sized(5000);
    *both.uri_mut() = format!("{PATH}/a?q={}", "x".repeat(3000)).parse().unwrap();
    refused(&stage, &stage.send(both).await, 431, "request.head-too-large").await;
    let mut call = sized(7000);
    call.headers_mut().insert("x-not-passed-on", "x".repeat(8000).parse().unwrap());
    assert_eq!(stage.send(call).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_refusal_by_policy_names_its_clause_and_keeps_the_rest_for_the_operator() {
    let stage = Stage::set().await;
    let pattern = json!([{"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /parcels/*"}]);
    let token = stage.start(pattern).await;
    let answer = stage.get(&token, "/owners/1").await;
    refused(&stage, &answer, 403, "policy.refused").await;
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["because"][0]["clause"], "/permission/0/constraint/0");
    assert_eq!(problem["because"][0]["operand"], "xroad:datapath");
    assert!(problem["detail"].as_str().unwrap().contains("/permission/0/constraint/0"), "{problem}");
    assert!(!problem.to_string().contains("/owners/1"), "what was seen is not repeated: {problem}");
    assert!(problem["traceId"].is_string());
    let records = stage.records(answer.exchange()).await;
    let clauses: Value = serde_json::from_str(records[0].exchange.decision.clauses.as_json()).unwrap();
    assert_eq!(clauses[0]["observed"], "GET /owners/1");
    assert!(records[0].exchange.policy.is_some());
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_lets_no_transfer_open() {
    let stage = Stage::set().await;
    stage.start(json!([])).await;
    let unknown = json!([{"leftOperand": "moonPhase", "operator": "eq", "rightOperand": "full"}]);
    let mut agreement = stage.shelf.agreements.lock().unwrap().values().next().unwrap().clone();
    agreement.policy = constrained(unknown);
    let other = transfer("urn:uuid:0194", TransferState::Requested, 0, 0);
    let reasons = stage.plane.open(&other, &agreement, 1).await.unwrap_err();
    assert_eq!(reasons.code.as_deref(), Some("policy.not-evaluable"));
}

#[tokio::test]
async fn an_agreement_that_is_not_in_force_lets_nothing_pass() {
    let mut stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    stage.shelf.agreements.lock().unwrap().values_mut().for_each(|a| a.live = false);
    stage.restart();
    refused(&stage, &stage.get(&token, "/a").await, 403, "agreement.not-in-force").await;
    stage.shelf.agreements.lock().unwrap().clear();
    refused(&stage, &stage.get(&token, "/a").await, 403, "agreement.not-in-force").await;
}

#[tokio::test]
async fn an_agreement_that_ends_stops_the_very_next_call_for_good() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    let set = |live| stage.shelf.agreements.lock().unwrap().values_mut().for_each(|a| a.live = live);
    let key = stage.shelf.agreements.lock().unwrap().values().next().unwrap().key();
    set(false);
    stage.plane.reported(&key);
    for _ in 0..2 {
        let answer = stage.get(&token, "/a").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "agreement.not-in-force"));
        assert_eq!(stage.records(answer.exchange()).await[0].exchange.outcome, Outcome::Refused);
    }
    set(true);
    assert_eq!(stage.get(&token, "/a").await.code(), "agreement.not-in-force");
    assert_eq!(stage.backend.arrived().len(), 1);
}

#[tokio::test]
async fn a_fault_of_x_road_is_told_with_its_code_and_recorded_as_failed() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let answer = stage.get(&token, "/denied").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "xroad.access-denied"));
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["xroadCode"], "server.serverproxy.access_denied");
    let records = stage.records(answer.exchange()).await;
    let record = &records[0].exchange;
    assert_eq!((record.outcome, record.decision.effect), (Outcome::Failed, Effect::Permit));
    assert_eq!(record.response.as_ref().unwrap().fault.as_deref(), Some("server.serverproxy.access_denied"));
}

#[tokio::test]
async fn nothing_is_released_when_evidence_cannot_be_kept() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    stage.evidence.close().await;
    let answer = stage.get(&token, "/a").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "evidence.unavailable"));
    assert!(!answer.headers.contains_key("etag"));
    let refusal = stage.get(&token, "/a/../b").await;
    assert_eq!((refusal.status.as_u16(), refusal.code().as_str()), (503, "evidence.unavailable"));
}

#[tokio::test]
async fn calls_beyond_the_places_are_sent_away_until_one_is_free() {
    for (settings, status, code) in [
        (DataPlaneSettings { most_calls_of_consumer: 1, ..DataPlaneSettings::default() }, 429, "consumer.busy"),
        (DataPlaneSettings { most_calls: 1, ..DataPlaneSettings::default() }, 503, "plane.busy"),
    ] {
        let stage = Stage::with(settings).await;
        let token = stage.start(json!([])).await;
        let source = stage.backend.stream();
        source.send(Ok(http_body::Frame::data(Bytes::from(vec![b'x'; 100_000])))).await.unwrap();
        let streaming = stage.plane.provide(request(&token, "/stream")).await;
        assert_eq!(streaming.status(), StatusCode::OK);

        let answer = stage.get(&token, "/a").await;
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(stage.records(answer.exchange()).await[0].exchange.outcome, Outcome::Refused);
        assert_eq!(stage.backend.arrived().len(), 1, "only the stream was forwarded");

        drop(source);
        assert_eq!(streaming.into_body().collect().await.unwrap().to_bytes().len(), 100_000);
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED, "the place is free again");
    }
}

#[tokio::test]
async fn a_consumer_has_so_many_places_whatever_its_transfers_and_leaves_the_rest_to_others() {
    let stage = Stage::with(DataPlaneSettings { most_calls_of_consumer: 1, ..DataPlaneSettings::default() }).await;
    let token = stage.start(json!([])).await;
    let second = stage.start_another().await;
    let stranger = stage.start_for("did:web:another-consumer").await;
    let source = stage.backend.stream();
    source.send(Ok(http_body::Frame::data(Bytes::from(vec![b'x'; 100_000])))).await.unwrap();
    let streaming = stage.plane.provide(request(&token, "/stream")).await;

    let answer = stage.send(other_request(&second, "/a")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "consumer.busy"));
    let call = Request::builder().uri("/provider/data/0195/a").header(header::AUTHORIZATION, &stranger);
    assert_eq!(stage.send(call.body(Full::default()).unwrap()).await.status, StatusCode::CREATED);

    drop((source, streaming));
    assert_eq!(stage.send(other_request(&second, "/a")).await.status, StatusCode::CREATED, "the place is free again");
}

#[tokio::test]
async fn a_transfer_that_has_ended_keeps_its_refusal_and_lets_go_of_the_rest() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    let loaded = || stage.plane.0.live.get(&"urn:uuid:0193".into()).unwrap().contract.get().is_some();
    assert!(loaded());
    stage.change(TransferState::Suspended, 1, 2);
    assert!(loaded(), "it may be started again");
    stage.change(TransferState::Completed, 1, 3);
    assert!(!loaded());
    assert_eq!(stage.get(&token, "/a").await.code(), "transfer.completed");
    stage.change(TransferState::Started, 1, 1);
    assert_eq!(stage.get(&token, "/a").await.code(), "transfer.completed", "late news brings nothing back");
    assert!(!loaded());
}
