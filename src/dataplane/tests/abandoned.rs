//! Calls whose consumer goes away: each leaves its record, once, whatever the moment.

use std::future::poll_fn;
use std::task::Poll;

use http_body::Frame;

use super::*;

/// What is recorded of a call that is dropped after so many polls; `None` when it had its answer by then.
async fn abandoned_after(polls: usize, path: &str) -> Option<Vec<Kept>> {
    let stage = Stage::set().await;
    let token = stage.start(json!([{"leftOperand": "count", "operator": "lteq", "rightOperand": 5}])).await;
    let source = stage.backend.stream();
    tokio::spawn(async move {
        for _ in 0..3 {
            let _ = source.send(Ok(Frame::data(Bytes::from(vec![7; 40_000])))).await;
        }
    });
    let mut call = Box::pin(stage.plane.provide(request(&token, path)));
    let mut left = polls;
    let answer = poll_fn(|cx| match call.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if left == 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    });
    if answer.await.is_some() {
        return None;
    }
    drop(call);
    // Recorded behind what the dropped call left.
    let after = stage.get(&token, "/../x").await.exchange();
    let records = async || {
        let mut all = stage.evidence.page(&crate::evidence::Query::default()).await.unwrap();
        all.retain(|kept| kept.exchange.exchange != after);
        all.reverse();
        all
    };
    let mut all = records().await;
    if all.iter().any(|kept| kept.exchange.kind == RecordKind::Opening) {
        recorded(&stage, 3).await;
        all = records().await;
    }
    let used = stage.plane.0.counters.counter("did:web:provider agreement-1").await.unwrap().used();
    let forwarded = all.first().is_some_and(|kept| kept.exchange.times.forwarded.is_some());
    assert_eq!(used, u64::from(forwarded), "a use is taken by a call that was forwarded, and by no other");
    Some(all)
}

/// What is first recorded of calls that are dropped after one poll, two polls, and so on until they are answered before.
async fn abandoned_at_each_poll(path: &str) -> Vec<(RecordKind, Outcome)> {
    let mut seen = Vec::new();
    for polls in 1..100 {
        let Some(records) = abandoned_after(polls, path).await else { break };
        let kinds: Vec<_> = records.iter().map(|kept| (kept.exchange.kind, kept.exchange.outcome)).collect();
        match kinds.as_slice() {
            [(RecordKind::Exchange, Outcome::Aborted | Outcome::Complete)] => {}
            [(RecordKind::Opening, Outcome::Open), (RecordKind::Completion, Outcome::Aborted)] => {
                assert_eq!(records[1].exchange.opening, Some(records[0].sequence));
            }
            other => panic!("{path} after {polls}: {other:?}"),
        }
        seen.push(kinds[0]);
    }
    assert!(seen.contains(&(RecordKind::Exchange, Outcome::Aborted)), "{seen:?}");
    seen
}

#[tokio::test]
async fn a_call_leaves_one_record_whenever_its_consumer_goes_away() {
    for (path, answered) in
        [("/a", (RecordKind::Exchange, Outcome::Complete)), ("/stream", (RecordKind::Opening, Outcome::Open))]
    {
        // The last wait is for the disk, which may be over before anybody looks.
        let mut rounds = 0;
        while abandoned_at_each_poll(path).await.last() != Some(&answered) {
            rounds += 1;
            assert!(rounds < 50, "{path}: no call was dropped while it waited for the disk");
        }
    }
}

#[tokio::test]
async fn a_refused_call_leaves_its_record_though_its_consumer_goes_away() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let mut calls = 1;
    // One that is answered at the first look did not go away.
    loop {
        let mut call = Box::pin(stage.plane.provide(request(&token, "/../x")));
        if futures_util::poll!(&mut call).is_pending() {
            break;
        }
        calls += 1;
        assert!(calls < 100, "every call was answered at the first look");
    }
    stage.get(&token, "/../y").await;
    let all = stage.evidence.page(&crate::evidence::Query::default()).await.unwrap();
    let codes: Vec<_> = all.iter().map(|kept| (&*kept.exchange.decision.code, kept.exchange.outcome)).collect();
    assert_eq!(codes, vec![("path.dot-segment", Outcome::Refused); calls + 1]);
}
