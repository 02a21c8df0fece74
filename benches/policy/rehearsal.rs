//! Recorded exchanges decided again under a draft.

use std::borrow::Cow;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use serde_json::json;
use sliproad::env::Clock;
use sliproad::evidence::{Evidence, EvidenceSettings, history};
use sliproad::model::exchange::{
    Asked, Clauses, Digest, Effect, Exchange, ExchangeId, Facts, Outcome, RecordKind, Times, Verdict,
};
use sliproad::model::time::Timestamp;
use sliproad::policy::{Policy, Recorded, Recordings, Registry, Rehearsal};
use uuid::Uuid;

use super::agreement::{NOW, TWENTY};

const KEPT: usize = 20_000;
const ROUNDS: usize = 50;
const AGREEMENTS: usize = 100;

/// Exchanges decided, and exchanges read from a log, in a second.
pub(crate) fn rates() -> Result<(u64, u64)> {
    let directory = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let log = Evidence::open(directory.path(), EvidenceSettings::default(), Clock::system()).await?;
        for batch in (0..KEPT).collect::<Vec<_>>().chunks(500) {
            futures_util::future::try_join_all(batch.iter().map(|number| log.append(&exchange(*number)))).await?;
        }
        log.close().await;
        Ok::<_, anyhow::Error>(())
    })?;
    let mut kept: Vec<Recorded> = Vec::with_capacity(KEPT);
    let mut recordings = Recordings::default();
    let begun = Instant::now();
    history(directory.path(), |exchange, at| kept.push(recordings.take(exchange, at, || TWENTY.world())))?;
    let reading = begun.elapsed();
    ensure!(kept.len() == KEPT, "the log has {} exchanges", kept.len());

    let draft = Policy::parse(&TWENTY.policy()).map_err(|e| anyhow!("{e:?}"))?;
    let mut rehearsal = Rehearsal::new(&draft, &Registry::default()).map_err(|e| anyhow!("{e:?}"))?;
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        for exchange in &kept {
            rehearsal.replay(exchange, false);
        }
    }
    let deciding = begun.elapsed();
    let outcome = rehearsal.outcome();
    ensure!(outcome.exchanges as usize == KEPT * ROUNDS, "not all were decided");
    ensure!(outcome.same > 0, "{outcome:?}");
    Ok((rate(KEPT * ROUNDS, deciding.as_secs_f64()), rate(KEPT, reading.as_secs_f64())))
}

fn rate(count: usize, seconds: f64) -> u64 {
    (count as f64 / seconds) as u64
}

fn exchange(number: usize) -> Exchange<'static> {
    let facts = TWENTY.told().filter(|(operand, _)| *operand != "xroad:datapath");
    let at = Timestamp::from_millis(NOW + number as i64);
    Exchange {
        kind: RecordKind::Exchange,
        exchange: ExchangeId::new(Uuid::now_v7()),
        opening: None,
        participant: "did:web:agency".into(),
        counterparty: "did:web:consumer.example".into(),
        agreement: format!("urn:agreement:{}", number % AGREEMENTS).into(),
        transfer: "urn:transfer".into(),
        dataset: "DEV:GOV:1:s:land".into(),
        policy: Some(Digest::OF_NOTHING),
        decision: Verdict {
            effect: Effect::Permit,
            code: "policy.permitted".into(),
            clauses: Cow::Owned(Clauses::of(&[json!({"clause": "/permission/0"})])),
            facts: Some(Cow::Owned(Facts::of(facts.map(|(operand, value)| (operand, vec![value.to_owned()]))))),
        },
        request: Asked {
            method: "GET".into(),
            path: format!("/parcels/78401:101:{number:04}").into(),
            xroad_id: None,
            client: None,
            body: None,
        },
        response: None,
        outcome: Outcome::Complete,
        times: Times { received: at, forwarded: Some(at), answered: Some(at), released: None },
        trace: None,
    }
}
