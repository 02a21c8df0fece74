//! Steps 4 to 6: the facts of this call are slotted, the policy decides, and what the decision counted on is reserved. Whoever
//! comes second decides again.

use std::cell::RefCell;

use http::Method;
use serde_json::json;
use smallvec::SmallVec;

use super::account::{Claim, Taken};
use super::consent::{Found, GRANTED, Shown, Used};
use super::contract::{Contract, not_counted};
use super::counters::CounterError;
use super::history::Steps;
use super::operands::Told;
use super::refusal::Refusal;
use super::window::Lately;
use crate::env::Clock;
use crate::model::exchange::{Clauses, Facts};
use crate::model::time::Timestamp;
use crate::policy::{Blank, Decision, Fact, SequenceStep, Sheet, Trace, Verdict};
use crate::xroad::path::AssetPath;

/// How long ago the call before a first one was, milliseconds: a hundred years.
const ENDLESS: i64 = 36_500 * 24 * 3600 * 1000;

/// How many bytes of a record of evidence the reasons and facts of a decision may take.
const MOST_RECORDED: usize = 512 * 1024;
const TOO_LARGE: &str = "what the decision rests on is too much for one record of evidence; tell shorter values";

/// A permit made for this very call, with what it took.
pub(super) struct Permit {
    pub(super) clauses: Clauses,
    pub(super) facts: Facts,
    pub(super) taken: Taken,
    /// The consent that it rests on.
    pub(super) consent: Option<Used>,
    /// The permission that permits, by its place.
    pub(super) permission: Option<usize>,
    /// Steps of sequences that it takes once it is done.
    pub(super) acts: SmallVec<[SequenceStep; 2]>,
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
    let mut claim = contract.account.claim(clock.now())?;
    let mut looked_up = false;
    let decided = decide_counting(clock, contract, call, &mut claim, &mut looked_up).await;
    // Asking about persons is bounded by the rate, whatever comes of it.
    if decided.is_err() && !looked_up {
        contract.account.drop_claim();
    }
    decided
}

async fn decide_counting(
    clock: &Clock,
    contract: &Contract,
    call: Call<'_>,
    claim: &mut Claim,
    looked_up: &mut bool,
) -> Result<Permit, Refusal> {
    let (mut found, mut afresh) = (None, false);
    loop {
        let now = clock.now();
        look_back(contract).await?;
        let metered = contract.metered.as_ref().map(|metered| metered.spent());
        let steps_taken = contract.steps.as_ref().map(Steps::taken);
        let seen = contract.account.look(claim, afresh, now).await?;
        let counted = Counted { used: seen.used, lately: seen.lately, metered, now };
        let mut made = judged(contract, call, &counted, found.as_ref());
        let hopes = made.verdict.permit && made.hoped;
        if (hopes || !made.verdict.permit) && !seen.is_fresh {
            afresh = true;
            continue;
        }
        if let (true, None, Some(clause)) = (hopes, &found, &contract.consent) {
            if contract.account.pay(claim, &seen).await? {
                *looked_up = true;
                found = Some(clause.look_up(call.consent, (call.path, call.told.subject.as_deref()), clock).await);
                claim.renew();
            }
            continue;
        }
        let steps = std::mem::take(&mut made.steps);
        let Judged { verdict, why, facts, .. } = made;
        let clauses = match why {
            Why::Held(clauses) => clauses,
            Why::Refused(decision) => {
                take_observed(contract, &steps, now).await;
                return Err(refuse(&decision, facts, found));
            }
        };
        if clauses.as_json().len() + facts.size() > MOST_RECORDED {
            return Err(Refusal::forbidden("evidence.too-large", TOO_LARGE));
        }
        let Some(taken) = contract.account.reserve(claim, &seen, now).await? else { continue };
        let (acts, at_once) = steps.into_iter().partition::<SmallVec<[SequenceStep; 2]>, _>(|s| s.by_act && !s.bars);
        // Who comes after a call that began a prohibited sequence has to know of it: nothing is waited for between look and step.
        if contract.steps.as_ref().map(Steps::taken) != steps_taken {
            contract.account.undo(taken);
            continue;
        }
        if let Err(error) = take(contract, &at_once, now).await {
            contract.account.undo(taken);
            return Err(not_counted(&error));
        }
        let consent = match found {
            Some(Found::Granted(used)) => Some(used),
            _ => None,
        };
        return Ok(Permit { clauses, facts, taken, consent, permission: verdict.permission(), acts });
    }
}

/// What was counted when the call was decided.
struct Counted {
    used: Option<u64>,
    lately: Option<Lately>,
    metered: Option<u64>,
    now: Timestamp,
}

/// A decision, and what it rests on.
struct Judged {
    verdict: Verdict,
    /// Whether it takes for granted a consent that nobody was asked about yet.
    hoped: bool,
    why: Why,
    facts: Facts,
    /// Steps of sequences that it takes, if it may.
    steps: SmallVec<[SequenceStep; 2]>,
}

/// The reasons of a decision: of a refusal in sentences, for people; of a permit as evidence keeps them.
enum Why {
    Held(Clauses),
    Refused(Decision),
}

thread_local! {
    /// Memory for deciding; a decision ends by erasing what its call told, so that no other one knows.
    static DESK: RefCell<(Blank, Trace)> = RefCell::default();
}

fn judged(contract: &Contract, call: Call<'_>, counted: &Counted, found: Option<&Found>) -> Judged {
    let background = contract.background();
    let (blank, mut trace) = DESK.with(RefCell::take);
    let mut sheet = blank.over(&background, counted.now);
    slot(contract, &mut sheet, call, counted);
    if let Some(steps) = &contract.steps {
        sheet.recall(steps.progress(&contract.policy));
    }
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
    let steps = policy.steps(&sheet);
    DESK.with(|desk| desk.replace((sheet.erase(), trace)));
    Judged { verdict, hoped, why, facts, steps }
}

/// What the policy looked at, and what the call declared whether or not it was looked at: a draft of another policy may.
fn rested_on(contract: &Contract, sheet: &Sheet<'_>, call: Call<'_>) -> Facts {
    let declared = call.purpose.filter(|_| contract.places.purpose.is_none());
    let declared = declared.map(|purpose| ("purpose", purpose.values().to_vec()));
    Facts::of(contract.policy.facts(sheet).chain(declared).chain(contract.policy.steps_before(sheet)))
}

/// Puts what only this call tells onto the sheet.
fn slot(contract: &Contract, sheet: &mut Sheet<'_>, call: Call<'_>, counted: &Counted) {
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
    if let Some(lately) = counted.lately {
        filling.number(places.in_minute, whole(lately.in_minute));
        filling.millis(places.since_last, lately.since_last.unwrap_or(ENDLESS));
    }
    if let Some(metered) = counted.metered {
        filling.millis(places.metered, whole(metered));
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Looks what other replicas left, where they share the history.
async fn look_back(contract: &Contract) -> Result<(), Refusal> {
    if let Some(steps) = &contract.steps {
        steps.look().await.map_err(|error| not_counted(&error))?;
    }
    if let Some(metered) = &contract.metered {
        metered.look().await.map_err(|error| not_counted(&error))?;
    }
    Ok(())
}

/// Takes steps of sequences before the call goes on.
async fn take(contract: &Contract, steps: &[SequenceStep], now: Timestamp) -> Result<(), CounterError> {
    match &contract.steps {
        Some(of) if !steps.is_empty() => of.take(steps.iter(), now).await,
        _ => Ok(()),
    }
}

/// Takes the steps that the state of the world takes, though the call is refused.
async fn take_observed(contract: &Contract, steps: &[SequenceStep], now: Timestamp) {
    let observed: SmallVec<[SequenceStep; 2]> = steps.iter().copied().filter(|step| !step.by_act).collect();
    if let Err(error) = take(contract, &observed, now).await {
        tracing::warn!(%error, "what a refused call found could not be kept; the next one looks again");
    }
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
    let facts = if facts.size() > MOST_RECORDED / 2 { Facts::of(std::iter::empty()) } else { facts };
    refusal.with("because", shown).refused_by(Clauses::of_first(&decision.because, MOST_RECORDED / 2), facts)
}
