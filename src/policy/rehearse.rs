//! Rehearsal: recorded exchanges decided again under a draft, to see what it would change before it is published.
//!
//! Each exchange is decided on the facts that its evidence has, over what is known of its consumer otherwise. Counters are kept as
//! the draft would have kept them: an exchange that the draft refuses does not count, takes no step of a sequence and no time.
//! Exchanges come in the order in which they were taken down, so that a slow one shows only to those that were taken down after it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::compile::{Compiled, CompiledRule, DutyUse};
use super::fields::FIELDS;
use super::judge::Trace;
use super::recorded::{called, is_clause};
use super::sheet::{Place, Sheet};
use super::vocabulary::Registry;
use super::world::{DutyPerformed, Fact, Infringed, World};
use super::{Invalid, Policy};
use crate::model::exchange::{Effect, Exchange, ExchangeId, RecordKind};
use crate::model::odrl::PolicyKind;
use crate::model::time::Timestamp;

mod past;

use past::{Passage, Past};

const MINUTE: i64 = 60_000;
/// How long ago the call before a first one was, milliseconds: a hundred years.
const ENDLESS: i64 = 36_500 * 24 * 3600 * 1000;

/// An exchange as a rehearsal needs it, taken out of its evidence once and decided again as often as drafts are tried.
#[derive(Clone, Debug)]
pub struct Recorded {
    exchange: ExchangeId,
    at: Timestamp,
    permitted: bool,
    passage: Passage,
    call: Box<str>,
    facts: Arc<Facts>,
    under: Arc<Under>,
}

/// Left operands with what an exchange told of them.
type Facts = [(Box<str>, Fact)];

/// What is the same for every exchange under an agreement.
#[derive(Debug)]
struct Under {
    agreement: Box<str>,
    consumer: Box<str>,
    world: World,
}

/// Takes exchanges out of their evidence; what several have in common is kept once.
#[derive(Debug, Default)]
pub struct Recordings(HashMap<String, (Arc<Under>, Arc<Facts>)>);

impl Recordings {
    /// An exchange, as a rehearsal needs it, and when it was taken down. `known` is asked once for each agreement what is known of its
    /// consumer otherwise.
    pub fn take(&mut self, exchange: &Exchange<'_>, recorded: Timestamp, known: impl FnOnce() -> World) -> Recorded {
        let told = exchange.decision.facts.iter().flat_map(|facts| facts.values());
        let told = told
            .filter(|(operand, _)| !is_clause(operand))
            .filter_map(|(operand, value)| Some((operand.into_boxed_str(), Fact::from_json(&value)?)));
        let told: Vec<(Box<str>, Fact)> = told.collect();
        let (under, facts) = match self.0.get_mut(exchange.agreement.as_ref()) {
            Some((under, facts)) => {
                if **facts != *told {
                    *facts = told.into();
                }
                (Arc::clone(under), Arc::clone(facts))
            }
            None => {
                let new = (Arc::new(Under::of(exchange, known())), Arc::from(told));
                self.0.entry(exchange.agreement.to_string()).or_insert(new).clone()
            }
        };
        Recorded {
            exchange: exchange.exchange,
            at: exchange.times.received,
            permitted: exchange.decision.effect == Effect::Permit,
            passage: Passage::of(exchange, recorded),
            call: called(&exchange.request.method, &exchange.request.path).into(),
            facts,
            under,
        }
    }
}

impl Under {
    /// With the parties and the dataset that the exchange was about; what exchanges tell themselves is left to them.
    fn of(exchange: &Exchange<'_>, known: World) -> Self {
        let mut world = known.of_exchange(exchange);
        world.facts.remove("xroad:datapath");
        for (operand, _) in exchange.decision.facts.iter().flat_map(|facts| facts.values()) {
            world.facts.remove(&operand);
        }
        Self { agreement: exchange.agreement.as_ref().into(), consumer: exchange.counterparty.as_ref().into(), world }
    }
}

/// A draft being rehearsed.
pub struct Rehearsal {
    draft: Compiled,
    places: Places,
    agreements: HashMap<Box<str>, Standing>,
    /// By agreement: the actions of each duty that was done, and when.
    done: HashMap<String, Vec<(Vec<String>, Timestamp)>>,
    /// By agreement: what was infringed.
    infringed: HashMap<String, Vec<Infringement>>,
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
    metered: Option<Place>,
}

/// What was done against an agreement: what its clause prohibits or asks to be kept up, when it was done, and when made good.
#[derive(Clone, Debug)]
struct Infringement {
    actions: Vec<String>,
    at: Timestamp,
    healed: Option<Timestamp>,
}

/// What goes on under one agreement.
struct Standing {
    sheet: Sheet<'static>,
    trace: Trace,
    /// What the exchange before told.
    facts: Arc<Facts>,
    used: i64,
    minute: VecDeque<i64>,
    last: Option<i64>,
    past: Past,
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
            metered: draft.place("meteredTime"),
        };
        Ok(Self {
            draft,
            places,
            agreements: HashMap::new(),
            done: HashMap::new(),
            infringed: HashMap::new(),
            rehearsed: Rehearsed::default(),
            changes: BTreeMap::new(),
        })
    }

    /// Tells of a duty that was done under an agreement. Where it stood in the agreement's own policy does not matter: it fulfils the
    /// duty of the draft that asks for the same actions.
    pub fn performed(&mut self, agreement: &str, actions: &[String], at: Timestamp) {
        self.done.entry(agreement.to_owned()).or_default().push((actions.to_vec(), at));
    }

    /// Tells that an agreement was infringed, and when that was made good, if it was. It infringes whatever of the draft prohibits, or asks
    /// to be kept up, the same actions, as though it had been known at once.
    pub fn infringed(&mut self, agreement: &str, actions: &[String], at: Timestamp, healed: Option<Timestamp>) {
        let infringement = Infringement { actions: actions.to_vec(), at, healed };
        self.infringed.entry(agreement.to_owned()).or_default().push(infringement);
    }

    /// Decides one exchange again; exchanges come in the order of time. With `counts_only`, it moves the counters and is not
    /// compared.
    pub fn replay(&mut self, exchange: &Recorded, counts_only: bool) {
        if !self.agreements.contains_key(&exchange.under.agreement) {
            self.begin(&exchange.under, &exchange.facts);
        }
        let draft = &self.draft;
        let Some(standing) = self.agreements.get_mut(&exchange.under.agreement) else { return };
        if exchange.passage.kind == RecordKind::Completion {
            standing.past.ended(exchange);
            return;
        }
        standing.fill(draft, &self.places, exchange);
        let verdict = draft.judge(&standing.sheet, &mut standing.trace);
        if draft.has_sequences() || self.places.metered.is_some() {
            standing.past.left_by(exchange, draft.steps(&standing.sheet), verdict.permit);
        }
        if verdict.permit {
            standing.passed(exchange.at.millis());
        }
        if counts_only {
            return;
        }
        self.rehearsed.exchanges += 1;
        match (exchange.permitted, verdict.permit) {
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
        let consumer = exchange.under.consumer.to_string();
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

    fn begin(&mut self, under: &Under, facts: &Arc<Facts>) {
        let mut world = under.world.clone();
        world.release_under(&self.draft);
        let done = self.done.get(&*under.agreement).map(Vec::as_slice).unwrap_or_default();
        let duties = self.draft.duties(None).into_iter().chain(self.draft.obligations(None));
        duties.for_each(|duty| perform(duty, done, &mut world));
        let infringed = self.infringed.get(&*under.agreement).map(Vec::as_slice).unwrap_or_default();
        let duties = self.draft.permissions.iter().flat_map(|rule| &rule.duties).chain(&self.draft.obligations);
        let rules = self.draft.prohibitions.iter().chain(duties.filter(|duty| duty.keeps));
        rules.for_each(|rule| infringe(rule, infringed, done, &mut world));
        let standing = Standing::new(&self.draft, &world, facts);
        self.agreements.insert(under.agreement.clone(), standing);
    }

    /// What was found.
    #[must_use]
    pub fn outcome(self) -> Rehearsed {
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.exchanges));
        Rehearsed { changes, ..self.rehearsed }
    }
}

/// Puts in when a duty of the draft, or what follows from its delay, was done.
fn perform(duty: DutyUse, done: &[(Vec<String>, Timestamp)], world: &mut World) {
    let same = done.iter().filter(|(actions, _)| *actions == duty.actions);
    world.duties.extend(same.map(|(_, at)| DutyPerformed { id: duty.clause.clone(), at: *at }));
    duty.consequences.into_iter().for_each(|next| perform(next, done, world));
}

/// Puts in when a prohibition of the draft, or a duty to keep something up, was infringed, and when what makes that good was done.
fn infringe(rule: &CompiledRule, infringed: &[Infringement], done: &[(Vec<String>, Timestamp)], world: &mut World) {
    let is = |rule: &CompiledRule, actions: &[String]| rule.does.iter().map(|name| &**name).eq(actions);
    for infringement in infringed.iter().filter(|infringement| is(rule, &infringement.actions)) {
        world.infringed.push(Infringed { id: rule.clause.to_string(), at: infringement.at });
        for amends in rule.amends() {
            let done = done.iter().filter(|(actions, _)| is(amends, actions)).map(|(_, at)| *at);
            let at = done.chain(infringement.healed);
            world.duties.extend(at.map(|at| DutyPerformed { id: amends.clause.to_string(), at }));
        }
    }
}

impl Standing {
    fn new(draft: &Compiled, world: &World, facts: &Arc<Facts>) -> Self {
        let (sheet, facts) = (draft.sheet(world), Arc::clone(facts));
        let (trace, minute, past) = (Trace::default(), VecDeque::new(), Past::none(draft));
        let mut standing = Self { sheet, trace, facts, used: 0, minute, last: None, past };
        standing.tell(draft);
        standing
    }

    fn fill(&mut self, draft: &Compiled, places: &Places, exchange: &Recorded) {
        self.sheet.now = exchange.at;
        // Exchanges under one agreement mostly tell the same.
        if Arc::ptr_eq(&self.facts, &exchange.facts) {
            self.sheet.rewind();
        } else {
            self.facts = Arc::clone(&exchange.facts);
            self.tell(draft);
        }
        if draft.has_sequences() {
            self.sheet.recall(self.past.progress_at(exchange.at));
        }
        let mut filling = draft.fill(&mut self.sheet);
        if places.metered.is_some() {
            filling.millis(places.metered, self.past.metered_at(exchange.at));
        }
        filling.text(places.datapath, &exchange.call);
        let now = exchange.at.millis();
        while self.minute.front().is_some_and(|at| *at <= now - MINUTE) {
            self.minute.pop_front();
        }
        let in_minute = i64::try_from(self.minute.len()).unwrap_or(i64::MAX).saturating_add(1);
        filling.number(places.count, self.used.saturating_add(1));
        filling.number(places.in_minute, in_minute);
        filling.millis(places.since_last, self.last.map_or(ENDLESS, |last| now.saturating_sub(last).max(0)));
    }

    fn tell(&mut self, draft: &Compiled) {
        self.sheet.begin_again(self.sheet.now);
        let mut filling = draft.fill(&mut self.sheet);
        // What was released then is no fact about the draft; the data plane would fulfil the draft's own lists of fields.
        for (operand, fact) in self.facts.iter().filter(|(operand, _)| **operand != *FIELDS) {
            filling.texts(draft.place(operand), fact.values().iter().map(String::as_str));
        }
        filling.among(draft.place(FIELDS), draft.fields().concat().concat());
        self.sheet.keep();
    }

    fn passed(&mut self, now: i64) {
        self.used = self.used.saturating_add(1);
        self.minute.push_back(now);
        self.last = Some(now);
    }
}
