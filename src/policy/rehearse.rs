//! Rehearsal: recorded exchanges decided again under a draft, to see what it would change before it is published.
//!
//! Each exchange is decided on the facts that its evidence has, over what is known of its consumer otherwise. Counters are kept as
//! the draft would have kept them: an exchange that the draft refuses does not count.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use super::compile::Compiled;
use super::judge::Trace;
use super::recorded::called;
use super::sheet::{Place, Sheet};
use super::vocabulary::Registry;
use super::world::{Fact, World};
use super::{Invalid, Policy};
use crate::model::exchange::{Effect, Exchange};
use crate::model::odrl::PolicyKind;

const MINUTE: i64 = 60_000;
/// How long ago the call before a first one was, milliseconds: a hundred years.
const ENDLESS: i64 = 36_500 * 24 * 3600 * 1000;

/// A draft being rehearsed.
pub struct Rehearsal {
    draft: Compiled,
    places: Places,
    agreements: HashMap<String, Standing>,
    rehearsed: Rehearsed,
    changes: BTreeMap<(String, bool, String), Change>,
}

/// What a rehearsal found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsed {
    /// How many exchanges were decided again.
    pub exchanges: u64,
    /// How many of them the draft decides as they were decided.
    pub same: u64,
    /// How many were permitted, and the draft refuses.
    pub refused: u64,
    /// How many were refused, and the draft permits.
    pub permitted: u64,
    /// What changes, by consumer and clause, most frequent first.
    pub changes: Vec<Change>,
}

/// One kind of change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The consumer.
    pub consumer: String,
    /// `refuse` or `permit`: what the draft decides.
    pub now: &'static str,
    /// The clause that decides it: JSON Pointer (RFC 6901) into the draft.
    pub clause: String,
    /// How many exchanges.
    pub exchanges: u64,
    /// One of them, by its id.
    pub example: String,
    /// Why the draft decides so on that one.
    pub reason: String,
}

struct Places {
    datapath: Option<Place>,
    count: Option<Place>,
    in_minute: Option<Place>,
    since_last: Option<Place>,
}

/// What goes on under one agreement.
struct Standing {
    base: Sheet,
    sheet: Sheet,
    trace: Trace,
    /// Places that the exchange before filled.
    filled: Vec<Place>,
    used: i64,
    minute: VecDeque<i64>,
    last: Option<i64>,
}

impl Rehearsal {
    /// Prepares a draft. An offer is read as the agreement that it would become.
    ///
    /// # Errors
    /// Why the draft could not be published.
    pub fn new(draft: &Policy, registry: &Registry) -> Result<Self, Vec<Invalid>> {
        let draft = Policy { kind: PolicyKind::Set, ..draft.clone() };
        let draft = super::compile::compile(&draft, registry)?;
        let places = Places {
            datapath: draft.place("xroad:datapath"),
            count: draft.place("count"),
            in_minute: draft.place("xroad:callsPerMinute"),
            since_last: draft.place("timeInterval"),
        };
        let (agreements, changes) = (HashMap::new(), BTreeMap::new());
        Ok(Self { draft, places, agreements, rehearsed: Rehearsed::default(), changes })
    }

    /// Decides one exchange again; exchanges come in the order of time. `known` tells what is known of its consumer beside the
    /// evidence and is asked once for each agreement. With `counts_only`, the exchange moves the counters and is not compared.
    pub fn replay(&mut self, exchange: &Exchange<'_>, known: impl FnOnce() -> World, counts_only: bool) {
        let (now, draft) = (exchange.times.received, &self.draft);
        if !self.agreements.contains_key(&*exchange.agreement) {
            let world = World { target: None, ..known() }.of_exchange(exchange);
            let fresh = Standing::new(draft.sheet(&World { facts: known_before(&world, exchange), ..world }));
            self.agreements.insert(exchange.agreement.clone().into_owned(), fresh);
        }
        let Some(standing) = self.agreements.get_mut(&*exchange.agreement) else { return };
        standing.sheet.now = now;
        standing.fill(draft, &self.places, exchange);
        let verdict = draft.judge(&standing.sheet, &mut standing.trace);
        if verdict.permit {
            standing.passed(now.millis());
        }
        if counts_only {
            return;
        }
        self.rehearsed.exchanges += 1;
        let was = exchange.decision.effect == Effect::Permit;
        match (was, verdict.permit) {
            (true, false) => self.rehearsed.refused += 1,
            (false, true) => self.rehearsed.permitted += 1,
            _ => {
                self.rehearsed.same += 1;
                return;
            }
        }
        let decision = draft.because(&standing.sheet, verdict);
        let first = decision.because.into_iter().next();
        let (clause, reason) = first.map(|because| (because.clause, because.reason)).unwrap_or_default();
        let consumer = exchange.counterparty.clone().into_owned();
        let kind = self.changes.entry((consumer.clone(), verdict.permit, clause.clone())).or_insert_with(|| Change {
            consumer,
            now: if verdict.permit { "permit" } else { "refuse" },
            clause,
            exchanges: 0,
            example: exchange.exchange.to_string(),
            reason,
        });
        kind.exchanges += 1;
    }

    /// What was found.
    #[must_use]
    pub fn outcome(self) -> Rehearsed {
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.exchanges));
        Rehearsed { changes, ..self.rehearsed }
    }
}

/// The facts that do not come from the exchange itself.
fn known_before(world: &World, exchange: &Exchange<'_>) -> BTreeMap<String, Fact> {
    let mut facts = world.facts.clone();
    facts.remove("xroad:datapath");
    for (operand, _) in exchange.decision.facts.iter().flat_map(|facts| facts.values()) {
        facts.remove(&operand);
    }
    facts
}

impl Standing {
    fn new(base: Sheet) -> Self {
        let sheet = base.clone();
        let (trace, minute) = (Trace::default(), VecDeque::new());
        Self { base, sheet, trace, filled: Vec::new(), used: 0, minute, last: None }
    }

    fn fill(&mut self, draft: &Compiled, places: &Places, exchange: &Exchange<'_>) {
        for place in self.filled.drain(..) {
            self.sheet.restore(place, &self.base);
        }
        let recorded = exchange.decision.facts.as_ref().map(|facts| facts.values()).unwrap_or_default();
        let mut filling = draft.fill(&mut self.sheet);
        for (operand, value) in &recorded {
            let (Some(place), Some(fact)) = (draft.place(operand), Fact::from_json(value)) else { continue };
            filling.texts(Some(place), fact.values().iter().map(String::as_str));
            self.filled.push(place);
        }
        if places.datapath.is_some() {
            filling.text(places.datapath, &called(&exchange.request.method, &exchange.request.path));
        }
        let now = exchange.times.received.millis();
        while self.minute.front().is_some_and(|at| *at <= now - MINUTE) {
            self.minute.pop_front();
        }
        let in_minute = i64::try_from(self.minute.len()).unwrap_or(i64::MAX).saturating_add(1);
        filling.number(places.count, self.used.saturating_add(1));
        filling.number(places.in_minute, in_minute);
        filling.millis(places.since_last, self.last.map_or(ENDLESS, |last| now.saturating_sub(last).max(0)));
    }

    fn passed(&mut self, now: i64) {
        self.used = self.used.saturating_add(1);
        self.minute.push_back(now);
        self.last = Some(now);
    }
}
