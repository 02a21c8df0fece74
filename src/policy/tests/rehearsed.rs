//! Recorded exchanges decided again under a draft.

use std::borrow::Cow;

use uuid::Uuid;

use super::*;
use crate::model::exchange::{
    Asked, Clauses, Digest, Effect, Exchange, ExchangeId, Facts, Outcome, RecordKind, Times, Verdict,
};
use crate::model::time::Timestamp;

/// A permitted exchange under `urn:a`, made at that second.
fn exchange(second: i64) -> Exchange<'static> {
    let at = Timestamp::from_millis(second * 1000);
    Exchange {
        kind: RecordKind::Exchange,
        exchange: ExchangeId::new(Uuid::now_v7()),
        opening: None,
        participant: "did:web:p".into(),
        counterparty: "did:web:c".into(),
        agreement: "urn:a".into(),
        transfer: "urn:transfer".into(),
        dataset: "urn:t".into(),
        policy: Some(Digest::OF_NOTHING),
        decision: Verdict {
            effect: Effect::Permit,
            code: "policy.permitted".into(),
            clauses: Cow::Owned(Clauses::of::<()>(&[])),
            facts: Some(Cow::Owned(Facts::of(std::iter::empty()))),
        },
        request: Asked { method: "GET".into(), path: "/a".into(), xroad_id: None, client: None, body: None },
        response: None,
        outcome: Outcome::Complete,
        times: Times { received: at, forwarded: Some(at), answered: Some(at), released: None },
        trace: None,
    }
}

/// How many of the exchanges made at these seconds the draft refuses, after what is told of the agreement.
fn refused(draft: &Value, seconds: &[i64], tell: impl FnOnce(&mut Rehearsal)) -> u64 {
    let draft = Policy::parse(draft).unwrap();
    let mut rehearsal = Rehearsal::new(&draft, &Registry::built_in()).unwrap();
    tell(&mut rehearsal);
    let mut recordings = Recordings::default();
    for second in seconds {
        let exchange = exchange(*second);
        let world = World { phase: Phase::Exchange, action: "use".into(), ..World::default() };
        rehearsal.replay(&recordings.take(&exchange, exchange.times.received, || world), false);
    }
    rehearsal.outcome().refused
}

#[test]
fn what_was_infringed_refuses_under_a_draft_that_prohibits_it_from_then_until_it_was_made_good() {
    let draft = json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [
        {"action": "sell", "remedy": [{"action": "compensate"}]}]});
    let at = |second: i64| Timestamp::from_millis(second * 1000);
    let sell = ["sell".to_owned()];
    let seconds = [10, 30, 50];
    assert_eq!(refused(&draft, &seconds, |_| {}), 0);
    assert_eq!(refused(&draft, &seconds, |told| told.infringed("urn:a", &sell, at(20), None)), 2);
    assert_eq!(refused(&draft, &seconds, |told| told.infringed("urn:a", &sell, at(20), Some(at(40)))), 1);
    let remedied = |told: &mut Rehearsal| {
        told.infringed("urn:a", &sell, at(20), None);
        told.performed("urn:a", &["compensate".to_owned()], at(40));
    };
    assert_eq!(refused(&draft, &seconds, remedied), 1);
    assert_eq!(refused(&draft, &seconds, |told| told.infringed("urn:other", &sell, at(20), None)), 0);
    let other = ["print".to_owned()];
    assert_eq!(refused(&draft, &seconds, |told| told.infringed("urn:a", &other, at(20), None)), 0);
}
