//! Steps 4 to 6: the facts of this call are slotted, the policy decides, and what the decision counted on is reserved. Whoever
//! comes second decides again.

use std::cell::RefCell;

use http::{Method, StatusCode};
use serde_json::json;

use super::consent::{Found, GRANTED, Shown, Used};
use super::contract::{Contract, not_counted};
use super::counters::Reservation;
use super::operands::Told;
use super::refusal::Refusal;
use super::window::{Seen, Slot};
use crate::env::Clock;
use crate::model::exchange::{Clauses, Facts};
use crate::model::time::Timestamp;
use crate::policy::{Decision, Fact, Sheet, Trace, Verdict};
use crate::xroad::path::AssetPath;

/// How long ago the call before a first one was, milliseconds: a hundred years.
const ENDLESS: i64 = 36_500 * 24 * 3600 * 1000;

/// A permit made for this very call, with what it took.
pub(super) struct Permit {
    pub(super) clauses: Clauses,
    pub(super) facts: Facts,
    pub(super) taken: Taken,
    /// The consent that it rests on.
    pub(super) consent: Option<Used>,
    /// The permission that permits, by its place.
    pub(super) permission: Option<usize>,
}

/// What a permitted call took of its agreement's limits. Dropped, it counts as used.
#[must_use]
pub(super) struct Taken {
    use_of_count: Option<Reservation>,
    slot: Option<Slot>,
}

impl Taken {
    /// Gives everything back: the call never reached the security server.
    pub(super) fn give_back(self, contract: &Contract) {
        if let Some(reservation) = self.use_of_count {
            reservation.release();
        }
        if let (Some(window), Some(slot)) = (contract.pace.window(), self.slot) {
            window.give_back(slot);
        }
        put_back_rate(contract);
    }
}

/// What a call tells of itself.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a AssetPath,
    /// The purposes that the consumer declares.
    pub(super) purpose: Option<&'a Fact>,
    /// What it tells for the operator's own operands.
    pub(super) told: &'a Told,
    /// What it shows of a consent.
    pub(super) consent: Option<&'a Shown>,
}

/// Decides a call, and reserves what the decision counted on.
///
/// # Errors
/// 403 when the policy refuses, 429 when calls come too often, 503 when a use could not be reserved durably or nobody can tell
/// whether the data subject consents.
pub(super) async fn decide(clock: &Clock, contract: &Contract, call: Call<'_>) -> Result<Permit, Refusal> {
    take_rate(contract, clock.now())?;
    let mut looked_up = false;
    let decided = decide_counting(clock, contract, call, &mut looked_up).await;
    // Asking about persons is bounded by the rate, whatever comes of it.
    if decided.is_err() && !looked_up {
        put_back_rate(contract);
    }
    decided
}

/// Gives back what a call took of the configured rate when it was not forwarded.
fn put_back_rate(contract: &Contract) {
    if let Some(bucket) = &contract.pace.bucket {
        bucket.put_back();
    }
}

fn take_rate(contract: &Contract, now: Timestamp) -> Result<(), Refusal> {
    let Some(Err(wait)) = contract.pace.bucket.as_ref().map(|bucket| bucket.take(now)) else { return Ok(()) };
    let sentence = format!("calls under this agreement come too often; wait {wait} ms");
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate.exceeded", sentence);
    Err(refusal.retry_after(wait.div_ceil(1000)))
}

async fn decide_counting(
    clock: &Clock,
    contract: &Contract,
    call: Call<'_>,
    looked_up: &mut bool,
) -> Result<Permit, Refusal> {
    let mut found = None;
    loop {
        let now = clock.now();
        let used = contract.count.as_ref().map(|counter| counter.used());
        let seen = contract.pace.window().map(|window| window.look(now));
        let made = judged(contract, call, &Counted { used, seen, now }, found.as_ref());
        if let (true, None, Some(clause)) = (made.verdict.permit && made.hoped, &found, &contract.consent) {
            *looked_up = true;
            found = Some(clause.look_up(call.consent, (call.path, call.told.subject.as_deref()), clock).await);
            continue;
        }
        let Judged { verdict, why, facts, .. } = made;
        let clauses = match why {
            Why::Held(clauses) => clauses,
            Why::Refused(decision) => return Err(refuse(&decision, facts, found)),
        };
        let Some(taken) = reserve(contract, used, seen, now).await? else { continue };
        let consent = match found {
            Some(Found::Granted(used)) => Some(used),
            _ => None,
        };
        return Ok(Permit { clauses, facts, taken, consent, permission: verdict.permission() });
    }
}

/// What was counted when the call was decided.
struct Counted {
    used: Option<u64>,
    seen: Option<Seen>,
    now: Timestamp,
}

/// A decision, and what it rests on.
struct Judged {
    verdict: Verdict,
    /// Whether it takes for granted a consent that nobody was asked about yet.
    hoped: bool,
    why: Why,
    facts: Facts,
}

/// The reasons of a decision: of a refusal in sentences, for people; of a permit as evidence keeps them.
enum Why {
    Held(Clauses),
    Refused(Decision),
}

thread_local! {
    /// Memory for deciding; a decision begins by clearing it, so that no call knows what another one told.
    static DESK: RefCell<Option<(Sheet, Trace)>> = const { RefCell::new(None) };
}

fn judged(contract: &Contract, call: Call<'_>, counted: &Counted, found: Option<&Found>) -> Judged {
    let background = contract.background();
    let (mut sheet, mut trace) =
        DESK.with(RefCell::take).unwrap_or_else(|| (Sheet::over(&background, counted.now), Trace::default()));
    sheet.begin(&background, counted.now);
    slot(contract, &mut sheet, call, counted);
    let policy = &contract.policy;
    let mut verdict = policy.judge(&sheet, &mut trace);
    let mut hoped = false;
    if let (false, Some(clause)) = (verdict.permit, &contract.consent) {
        // Nobody is asked about a person unless that alone is missing.
        hoped = found.is_none();
        if let Some(value) = found.map_or(Some(GRANTED), Found::value) {
            policy.fill(&mut sheet).text(Some(clause.place), value);
        }
        verdict = policy.judge(&sheet, &mut trace);
    }
    let why = match verdict.permit {
        true => Why::Held(Clauses::of(&policy.held(&sheet, verdict))),
        false => Why::Refused(policy.because(&sheet, verdict)),
    };
    if let (true, Some(clause)) = (hoped, &contract.consent) {
        // Hoped for at most, so not to be told as a fact.
        sheet.forget(clause.place);
    }
    let facts = rested_on(contract, &sheet, call);
    DESK.with(|desk| desk.replace(Some((sheet, trace))));
    Judged { verdict, hoped, why, facts }
}

/// What the policy looked at, and what the call declared whether or not it was looked at: a draft of another policy may.
fn rested_on(contract: &Contract, sheet: &Sheet, call: Call<'_>) -> Facts {
    let declared = call.purpose.filter(|_| contract.places.purpose.is_none());
    let declared = declared.map(|purpose| ("purpose", purpose.values().to_vec()));
    Facts::of(contract.policy.facts(sheet).chain(declared))
}

/// Puts what only this call tells onto the sheet.
fn slot(contract: &Contract, sheet: &mut Sheet, call: Call<'_>, counted: &Counted) {
    let places = &contract.places;
    let mut filling = contract.policy.fill(sheet);
    if places.datapath.is_some() {
        filling.text(places.datapath, &format!("{} {}", call.method, call.path.decoded()));
    }
    if let Some(purpose) = call.purpose {
        filling.texts(places.purpose, purpose.values().iter().map(String::as_str));
    }
    if places.fields.is_some() {
        // The data plane fulfils this itself before anything is released.
        filling.among(places.fields, contract.released.iter().map(String::as_str));
    }
    for value in &call.told.values {
        filling.text(Some(value.place), &value.text);
    }
    if let Some(used) = counted.used {
        filling.number(places.count, whole(used.saturating_add(1)));
    }
    if let Some(seen) = counted.seen {
        filling.number(places.in_minute, whole(seen.in_minute));
        filling.millis(places.since_last, seen.since_last.unwrap_or(ENDLESS));
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reserves what the decision saw; `None` when another call came first.
async fn reserve(
    contract: &Contract,
    used: Option<u64>,
    seen: Option<Seen>,
    now: Timestamp,
) -> Result<Option<Taken>, Refusal> {
    let use_of_count = match (&contract.count, used) {
        (Some(counter), Some(used)) => match counter.reserve(used).await.map_err(|e| not_counted(&e))? {
            Some(reservation) => Some(reservation),
            None => return Ok(None),
        },
        _ => None,
    };
    let (Some(window), Some(seen)) = (contract.pace.window(), seen) else {
        return Ok(Some(Taken { use_of_count, slot: None }));
    };
    let slot = window.reserve(seen, now);
    if slot.is_none() {
        if let Some(reservation) = use_of_count {
            reservation.release();
        }
        return Ok(None);
    }
    Ok(Some(Taken { use_of_count, slot }))
}

/// The refusal of a decision; where it is for want of a consent, in the words of that.
fn refuse(decision: &Decision, facts: Facts, found: Option<Found>) -> Refusal {
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
    let refusal = match found {
        Some(Found::Refused(refusal) | Found::Unknown(refusal)) => refusal,
        Some(Found::Granted(_)) | None => Refusal::forbidden("policy.refused", sentence),
    };
    refusal.with("because", shown).refused_by(Clauses::of(&decision.because), facts)
}
