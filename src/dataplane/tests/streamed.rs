//! Answers that come piece by piece.

use std::time::Duration;

use http_body::Frame;

use super::*;

fn piece(byte: u8) -> Bytes {
    Bytes::from(vec![byte; 40_000])
}

#[tokio::test]
async fn a_large_answer_is_opened_before_its_first_byte_and_completed_before_its_last() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let source = stage.backend.stream();
    let feed = tokio::spawn(async move {
        for byte in 0..5 {
            source.send(Ok(Frame::data(piece(byte)))).await.unwrap();
        }
        source
    });
    let (head, mut body) = stage.plane.provide(request(&token, "/stream")).await.into_parts();
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(stage.evidence.head().sequence, 1, "the opening is durable before the head is released");
    let source = feed.await.unwrap();
    let all: Vec<u8> = (0..5).flat_map(|b| piece(b).to_vec()).collect();
    let mut got = Vec::new();
    // All but the last piece come while the source is open.
    while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(200), body.frame()).await {
        got.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert!(got.len() < all.len());
    assert_eq!(stage.evidence.head().sequence, 1);
    drop(source);
    let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(stage.evidence.head().sequence, 2, "the completion is durable before the last piece is released");
    got.extend_from_slice(&last);
    assert!(body.frame().await.is_none());
    assert_eq!(got, all);
    let exchange = ExchangeId::parse(head.headers["sliproad-exchange"].to_str().unwrap()).unwrap();
    let records = stage.records(exchange).await;
    let kinds: Vec<_> = records.iter().map(|r| (r.exchange.kind, r.exchange.outcome)).collect();
    assert_eq!(kinds, [(RecordKind::Opening, Outcome::Open), (RecordKind::Completion, Outcome::Complete)]);
    assert_eq!(records[0].exchange.response.as_ref().unwrap().body, None);
    assert_eq!(records[1].exchange.response.as_ref().unwrap().body, Some(digest(&all)));
    assert_eq!(records[1].exchange.opening, Some(records[0].sequence));
}

#[tokio::test]
async fn the_last_piece_is_kept_back_when_its_completion_cannot_be_recorded() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let source = stage.backend.stream();
    let feed = tokio::spawn(async move {
        for byte in 0..3 {
            source.send(Ok(Frame::data(piece(byte)))).await.unwrap();
        }
        source
    });
    let mut body = stage.plane.provide(request(&token, "/stream")).await.into_body();
    let source = feed.await.unwrap();
    stage.evidence.close().await;
    drop(source);
    let mut got = 0;
    let error = loop {
        match body.frame().await.expect("the body must not end well") {
            Ok(frame) => got += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReleaseError::NotRecorded(_)) && got < 120_000);
}

#[tokio::test]
async fn a_consumer_that_goes_away_leaves_an_aborted_exchange() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let source = stage.backend.stream();
    let feed = tokio::spawn(async move {
        for byte in 0..3 {
            let _ = source.send(Ok(Frame::data(piece(byte)))).await;
        }
        source
    });
    let (head, mut body) = stage.plane.provide(request(&token, "/stream")).await.into_parts();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    drop(body);
    recorded(&stage, 2).await;
    let exchange = ExchangeId::parse(head.headers["sliproad-exchange"].to_str().unwrap()).unwrap();
    let records = stage.records(exchange).await;
    assert_eq!(records[1].exchange.outcome, Outcome::Aborted);
    let told = records[1].exchange.response.as_ref().unwrap().body.unwrap();
    assert!(told.size >= first.len() as u64 && told.size < 120_000);
    drop(feed);
}

#[tokio::test]
async fn a_consumer_that_goes_away_before_the_answer_leaves_an_aborted_exchange() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let _source = stage.backend.stream();
    let plane = DataPlane::clone(&stage.plane);
    let call = tokio::spawn(async move { plane.provide(request(&token, "/stream")).await.status() });
    while stage.backend.arrived().is_empty() {
        tokio::task::yield_now().await;
    }
    call.abort();
    let ended = call.await;
    recorded(&stage, 1).await;
    let record = stage.evidence.page(&crate::evidence::Query::default()).await.unwrap().remove(0);
    // The head may have come first; then the exchange was opened.
    if ended.is_err() {
        assert_eq!((record.exchange.kind, record.exchange.outcome), (RecordKind::Exchange, Outcome::Aborted));
        assert!(record.exchange.times.forwarded.is_some());
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_off_and_recorded_as_failed() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let source = stage.backend.stream();
    let feed = tokio::spawn(async move {
        for byte in 0..3 {
            source.send(Ok(Frame::data(piece(byte)))).await.unwrap();
        }
        source.send(Err(std::io::Error::other("gone"))).await.unwrap();
    });
    let mut body = stage.plane.provide(request(&token, "/stream")).await.into_body();
    let error = loop {
        match body.frame().await.expect("the body must not end well") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReleaseError::Broken(_)));
    feed.await.unwrap();
    recorded(&stage, 2).await;
    let record = stage.evidence.page(&crate::evidence::Query::default()).await.unwrap().remove(0);
    assert_eq!((record.exchange.kind, record.exchange.outcome), (RecordKind::Completion, Outcome::Failed));
}

#[tokio::test]
async fn a_slow_consumer_slows_the_service_down() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let source = stage.backend.stream();
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counting = Arc::clone(&sent);
    let feed = tokio::spawn(async move {
        for _ in 0..1000 {
            if source.send(Ok(Frame::data(piece(7)))).await.is_err() {
                return;
            }
            counting.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let mut body = stage.plane.provide(request(&token, "/stream")).await.into_body();
    let mut size = body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    let mut before = usize::MAX;
    // Nothing moves any more once all buffers between service and consumer are full.
    loop {
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
        tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.unwrap_err();
        let now = sent.load(std::sync::atomic::Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < 500, "{before} pieces of 40 kB were taken though the consumer read one");
    while let Some(frame) = body.frame().await {
        size += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(size, 1000 * 40_000);
    feed.await.unwrap();
}
