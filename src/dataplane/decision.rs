//! Steps 4 to 6: the facts of this call are slotted, the policy decides, and what the decision counted on is reserved. Whoever
//! comes second decides again.

use std::borrow::Cow;

use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::contract::{Contract, not_counted};
use super::counters::Reservation;
use super::refusal::Refusal;
use super::window::Seen;
use crate::model::exchange::Clauses;
use crate::model::time::Timestamp;
use crate::policy::{Because, Decision, Fact, Truth, World};
use crate::xroad::path::AssetPath;

/// A permit made for this very call, with what it took.
pub(super) struct Permit {
    pub(super) clauses: Clauses,
    pub(super) reservation: Option<Reservation>,
}

/// What a call tells of itself.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a AssetPath,
    /// The purposes that the consumer declares.
    pub(super) purpose: Option<&'a Fact>,
}

/// Decides a call, and reserves what the decision counted on.
///
/// # Errors
/// 403 when the policy refuses, 429 when calls come too often, 503 when a use could not be reserved durably.
pub(super) async fn decide(contract: &Contract, call: Call<'_>, now: Timestamp) -> Result<Permit, Refusal> {
    take_rate(contract, now)?;
    let decided = decide_counting(contract, call, now).await;
    if decided.is_err() {
        put_back_rate(contract);
    }
    decided
}

/// Gives back what a call took of the configured rate when it was not forwarded.
pub(super) fn put_back_rate(contract: &Contract) {
    if let Some(bucket) = &contract.bucket {
        bucket.put_back();
    }
}

fn take_rate(contract: &Contract, now: Timestamp) -> Result<(), Refusal> {
    let Some(Err(wait)) = contract.bucket.as_ref().map(|bucket| bucket.take(now)) else { return Ok(()) };
    let sentence = format!("calls under this agreement come too often; wait {wait} ms");
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate.exceeded", sentence);
    Err(refusal.retry_after(wait.div_ceil(1000)))
}

async fn decide_counting(contract: &Contract, call: Call<'_>, now: Timestamp) -> Result<Permit, Refusal> {
    loop {
        let used = contract.count.as_ref().map(|counter| counter.used());
        let seen = contract.window.as_ref().map(|window| window.look(now));
        let mut world = contract.world(now);
        slot(&mut world, call, used, seen);
        let decision = contract.policy.decide(&world);
        // What this call declares must not be known to the next.
        if call.purpose.is_none() {
            contract.hand_back(world);
        }
        if !decision.permit {
            return Err(refuse(&decision));
        }
        let clauses = Clauses::of(&decision.because.iter().map(Held::from).collect::<Vec<_>>());
        let Some(reservation) = reserve(contract, used, seen, now).await? else { continue };
        return Ok(Permit { clauses, reservation });
    }
}

/// Puts what only this call tells into the world.
fn slot(world: &mut World, call: Call<'_>, used: Option<u64>, seen: Option<Seen>) {
    world.know("xroad:datapath", format!("{} {}", call.method, call.path.decoded()));
    if let Some(purpose) = call.purpose {
        world.know("purpose", purpose.clone());
    }
    if let Some(used) = used {
        world.know("count", used.saturating_add(1));
    }
    if let Some(seen) = seen {
        world.know("xroad:callsPerMinute", seen.in_minute);
        // A first call comes after an endless time.
        let since = seen.since_last.map_or(Cow::Borrowed("P36500D"), |ms| format!("PT{}S", ms / 1000).into());
        world.know("timeInterval", since.into_owned());
    }
}

/// Reserves what the decision saw; `None` when another call came first.
async fn reserve(
    contract: &Contract,
    used: Option<u64>,
    seen: Option<Seen>,
    now: Timestamp,
) -> Result<Option<Option<Reservation>>, Refusal> {
    let counted = match (&contract.count, used) {
        (Some(counter), Some(used)) => match counter.reserve(used).await.map_err(|e| not_counted(&e))? {
            Some(reservation) => Some(reservation),
            None => return Ok(None),
        },
        _ => None,
    };
    match (&contract.window, seen) {
        (Some(window), Some(seen)) if !window.reserve(seen, now) => {
            if let Some(counted) = counted {
                counted.release();
            }
            Ok(None)
        }
        _ => Ok(Some(counted)),
    }
}

fn refuse(decision: &Decision) -> Refusal {
    let redacted = decision.redacted();
    let sentence = redacted.because.first().map_or_else(
        || "the agreement does not permit this call".to_owned(),
        |b| if b.remedy.is_empty() { b.reason.clone() } else { format!("{}; {}", b.reason, b.remedy) },
    );
    let shown: Vec<_> = redacted
        .because
        .iter()
        .map(|b| {
            json!({"clause": b.clause, "operand": b.operand, "operator": b.operator, "reason": b.reason,
                   "remedy": b.remedy})
        })
        .collect();
    Refusal::forbidden("policy.refused", sentence).with("because", shown).refused_by(Clauses::of(&decision.because))
}

/// A clause that held, as evidence keeps it.
#[derive(Serialize)]
struct Held<'a> {
    clause: &'a str,
    state: Truth,
    operand: &'a str,
    operator: &'a str,
    required: &'a str,
    observed: Option<&'a str>,
}

impl<'a> From<&'a Because> for Held<'a> {
    fn from(b: &'a Because) -> Self {
        Self {
            clause: &b.clause,
            state: b.state,
            operand: &b.operand,
            operator: &b.operator,
            required: &b.required,
            observed: b.observed.as_deref(),
        }
    }
}
