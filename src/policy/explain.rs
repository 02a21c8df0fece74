//! The decision with its reasons: clause by clause, what was required and what was seen.

use serde::Serialize;

use super::compile::{Alternative, Atom, Compiled, CompiledRule, Node, NodeId};
use super::judge::{Eval, Ground, Trace, Verdict};
use super::sheet::Sheet;
use super::truth::{Mask, Truth};
use super::vocabulary::Assurance;
use super::world::World;
use crate::model::odrl::Logic;

mod compared;
mod held;
mod obliged;
mod sentence;
mod source;
mod steps;
mod tree;

use compared::compared;
pub use held::HeldClause;
pub use obliged::stands;
pub use sentence::Language;
pub(crate) use sentence::{Message, Remedy};
pub use tree::{DutyState, Explanation, Part};

/// What an entry about an infringed prohibition has in place of a left operand.
const INFRINGED: &str = "prohibition";

/// Whether a request is permitted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is permitted.
    pub permit: bool,
    /// The clauses that decided: of a refusal those that refused, of a permit those that held.
    pub because: Vec<Because>,
}

/// One clause and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Because {
    /// JSON Pointer (RFC 6901) into the policy as received.
    pub clause: String,
    /// Whether it holds.
    pub state: Truth,
    /// The left operand, or `action`, `target`, `assignee`, `assigner`, `duty`, `prohibition` (infringed), `policy`.
    pub operand: String,
    /// The operator.
    pub operator: String,
    /// What is required.
    pub required: String,
    /// What was seen; `null` when nothing is known.
    pub observed: Option<String>,
    /// One sentence.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// How far the clause holds the consumer; `null` for what is no constraint.
    pub assurance: Option<Assurance>,
    /// Where the value seen comes from, such as `clock`, `counter` or `header NAME`; `null` where there is none.
    pub source: Option<String>,
}

/// Who reads a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Those who run this connector: everything.
    Operator,
    /// The other party of the agreement: its clauses, not what is known here.
    Counterparty,
    /// Anybody: which kind of clause, nothing of its content.
    Public,
}

impl Decision {
    /// The same decision as the counterparty may see it: which clause, operand and operator, not what is known here.
    #[must_use]
    pub fn redacted(&self) -> Self {
        self.for_audience(Audience::Counterparty)
    }

    /// The same decision with what these readers may see.
    #[must_use]
    pub fn for_audience(&self, audience: Audience) -> Self {
        let because = self.because.iter().map(|b| b.for_audience(audience, Language::default())).collect();
        Self { permit: self.permit, because }
    }
}

impl Because {
    fn for_audience(&self, audience: Audience, language: Language) -> Self {
        let withheld = Message::Withheld { clause: &self.clause, operand: &self.operand, state: self.state };
        match audience {
            Audience::Operator => self.clone(),
            // What is to be done stands in the agreement, which both parties have.
            Audience::Counterparty if self.operand == "duty" || self.operand == INFRINGED => self.clone(),
            Audience::Counterparty => Self {
                observed: None,
                reason: language.say(withheld),
                source: self.source.as_deref().map(|source| source::kind(source).to_owned()),
                ..self.clone()
            },
            Audience::Public => Self {
                observed: None,
                required: String::new(),
                reason: language.say(withheld),
                remedy: String::new(),
                source: None,
                ..self.clone()
            },
        }
    }
}

impl Compiled {
    /// Decides a request in a state of the world.
    #[must_use]
    pub fn decide(&self, world: &World) -> Decision {
        let (sheet, mut trace) = (self.sheet(world), Trace::default());
        let verdict = self.judge(&sheet, &mut trace);
        self.because(&sheet, verdict)
    }

    /// The reasons of a verdict on this sheet.
    #[must_use]
    pub fn because(&self, sheet: &Sheet<'_>, verdict: Verdict) -> Decision {
        self.because_in(Language::default(), sheet, verdict)
    }

    fn because_in(&self, language: Language, sheet: &Sheet<'_>, verdict: Verdict) -> Decision {
        let mut reasons = Reasons { eval: Eval::quiet(self, sheet), language, found: Vec::new() };
        match verdict.ground {
            Ground::Permission(at) => self.permissions.get(at).into_iter().for_each(|rule| reasons.permitted(rule)),
            Ground::Offer => reasons.offer(),
            Ground::Parent => reasons.parents(),
            Ground::Obligation => reasons.obligations(),
            Ground::Infringement => reasons.infringements(),
            Ground::Prohibition => reasons.prohibitions(),
            Ground::NoPermission => reasons.no_permission(),
        }
        Decision { permit: verdict.permit, because: reasons.found }
    }
}

struct Reasons<'a> {
    eval: Eval<'a>,
    language: Language,
    found: Vec<Because>,
}

impl Reasons<'_> {
    fn permitted(&mut self, rule: &CompiledRule) {
        for (_, alternatives) in rule.aspects() {
            let held: Vec<&Alternative> =
                alternatives.iter().filter(|one| self.eval.aspect(std::slice::from_ref(one)).lets()).collect();
            held.first().into_iter().for_each(|one| self.collect_all(&one.refinements, Mask::lets));
        }
        self.collect_all(&rule.constraints, Mask::lets);
        if self.found.is_empty() {
            let asked = self.eval.sheet.background().asked.first().cloned().flatten();
            let entry =
                entry(self.language, &rule.clause, Truth::True, "action", "isA", &rule.doing(), asked.as_deref());
            let message = Message::PermittedAction { action: asked.as_deref().unwrap_or("this") };
            self.found.push(said(self.language, entry, message, Message::Remedy(Remedy::of("action"))));
        }
    }

    fn offer(&mut self) {
        let entry = entry(
            self.language,
            &self.eval.policy.kind_clause,
            Truth::False,
            "policy",
            "isA",
            "Agreement",
            Some("Offer"),
        );
        self.found.push(said(self.language, entry, Message::Offer, Message::Negotiate));
    }

    fn parents(&mut self) {
        for parent in &self.eval.policy.parents {
            let entry = entry(self.language, &parent.clause, Truth::Unknown, "inheritFrom", "eq", &parent.id, None);
            self.found.push(said(
                self.language,
                entry,
                Message::Parent { id: &parent.id },
                Message::Remedy(Remedy::of("policy")),
            ));
        }
    }

    fn obligations(&mut self) {
        for duty in &self.eval.policy.obligations {
            if self.eval.violates(duty) {
                self.missed(duty);
            }
        }
    }

    fn infringements(&mut self) {
        for rule in &self.eval.policy.prohibitions {
            if !self.eval.stands_infringed(rule) {
                continue;
            }
            let all = self.eval.infringements(rule).iter();
            let open: Vec<String> =
                all.filter(|at| !self.eval.is_remedied(rule, **at)).map(ToString::to_string).collect();
            let (action, at) = (rule.doing(), open.join(", "));
            let then = rule.remedies.iter().map(CompiledRule::doing).collect::<Vec<_>>().join(", ");
            let entry =
                entry(self.language, &rule.clause, Truth::True, INFRINGED, "isNoneOf", &action, Some(at.as_str()));
            let message = Message::Infringed { action: &action, at: &at };
            self.found.push(said(self.language, entry, message, Message::Amend { then: &then }));
        }
    }

    /// A duty that was not fulfilled in time, with the conditions that leave open whether it had to be.
    fn missed(&mut self, duty: &CompiledRule) {
        if duty.elsewhere {
            let id = duty.uid.as_deref().unwrap_or_default();
            self.found.push(elsewhere(self.language, &duty.clause, "duty", id));
            return;
        }
        let seen = self.eval.performances(duty);
        let entry = missed(self.language, duty, seen.as_deref());
        let open = self.eval.unknown_calling(duty);
        if open.is_empty() {
            self.found.push(entry);
            return;
        }
        let action = duty.doing();
        let reason = self.language.say(Message::MayBeViolated { action: &action });
        self.found.push(Because { state: Truth::Unknown, reason, ..entry });
        let before = self.found.len();
        self.collect_all(&open, |mask| mask != Mask::TRUE && !mask.fails());
        for entry in self.found.iter_mut().skip(before) {
            entry.reason = self.language.say(Message::Calling { action: &action, comparison: &entry.reason });
        }
    }

    fn prohibitions(&mut self) {
        for rule in &self.eval.policy.prohibitions {
            let mask = self.eval.rule(rule);
            if !mask.bars() {
                continue;
            }
            let before = self.found.len();
            let mut nodes: Vec<NodeId> = Vec::new();
            for (_, alternatives) in rule.aspects() {
                self.concerning(alternatives).into_iter().for_each(|one| nodes.extend_from_slice(&one.refinements));
            }
            nodes.extend_from_slice(&rule.constraints);
            self.collect_all(&nodes, Mask::bars);
            self.unknown_aspects(rule);
            for entry in self.found.iter_mut().skip(before) {
                let comparison = &entry.reason;
                entry.reason = self.language.say(match mask {
                    Mask::TRUE => Message::Prohibited { comparison },
                    _ => Message::MayBeProhibited { comparison },
                });
            }
            if self.found.len() == before {
                let asked = self.eval.sheet.background().asked.first().cloned().flatten();
                let entry =
                    entry(self.language, &rule.clause, Truth::True, "action", "isA", &rule.doing(), asked.as_deref());
                let action = asked.as_deref().unwrap_or("this");
                let message = Message::ProhibitedAction { action };
                self.found.push(said(self.language, entry, message, Message::Remedy(Remedy::of("action"))));
            }
        }
    }

    /// Of alternatives, those through which a rule is about the request: the first that surely is, or else all that may be.
    fn concerning<'c>(&mut self, alternatives: &'c [Alternative]) -> Vec<&'c Alternative> {
        let each = alternatives.iter().map(|one| (one, self.eval.aspect(std::slice::from_ref(one))));
        let mut barring: Vec<(&Alternative, Mask)> = each.filter(|(_, mask)| mask.bars()).collect();
        if let Some(surely) = barring.iter().position(|(_, mask)| *mask == Mask::TRUE) {
            barring = vec![barring.swap_remove(surely)];
        }
        barring.into_iter().map(|(one, _)| one).collect()
    }

    /// Parts of the request that would have to be known to say that the rule is not about it.
    fn unknown_aspects(&mut self, rule: &CompiledRule) {
        for ((name, alternatives), asked) in rule.aspects().into_iter().zip(&self.eval.sheet.background().asked) {
            if asked.is_none() && self.eval.aspect(alternatives).truth() == Truth::Unknown {
                let entry = entry(
                    self.language,
                    &rule.clause,
                    Truth::Unknown,
                    name,
                    "eq",
                    &names(self.eval.policy, alternatives),
                    None,
                );
                self.found.push(entry);
            }
        }
    }

    fn no_permission(&mut self) {
        let policy = self.eval.policy;
        if policy.permissions.is_empty() {
            let entry = entry(self.language, "", Truth::False, "policy", "hasPart", "permission", None);
            self.found.push(said(self.language, entry, Message::NoPermission, Message::Remedy(Remedy::of("policy"))));
            return;
        }
        let about: Vec<bool> = policy.permissions.iter().map(|rule| !self.eval.names(rule).fails()).collect();
        let any = about.contains(&true);
        for (rule, about) in policy.permissions.iter().zip(about) {
            if about || !any {
                self.not_permitted(rule);
            }
        }
    }

    fn not_permitted(&mut self, rule: &CompiledRule) {
        for ((name, alternatives), asked) in rule.aspects().into_iter().zip(&self.eval.sheet.background().asked) {
            if self.eval.aspect(alternatives).lets() {
                continue;
            }
            let named: Vec<&Alternative> = alternatives.iter().filter(|one| !self.eval.named(one).fails()).collect();
            if named.iter().any(|one| self.eval.named(one).lets()) {
                // It is named, but its refinements do not hold.
                named.iter().for_each(|one| self.collect_all(&one.refinements, |mask| !mask.lets()));
            } else {
                let state = if named.is_empty() { Truth::False } else { Truth::Unknown };
                let operator = if name == "action" { "isA" } else { "eq" };
                let required = names(self.eval.policy, alternatives);
                self.found.push(entry(self.language, &rule.clause, state, name, operator, &required, asked.as_deref()));
            }
        }
        if self.eval.names(rule).fails() {
            return;
        }
        let failing: Vec<NodeId> =
            rule.constraints.iter().copied().filter(|node| !self.eval.node(*node).lets()).collect();
        self.collect_all(&failing, |mask| !mask.lets());
        for duty in &rule.duties {
            let state = self.eval.duty(duty);
            let seen = self.eval.performances(duty);
            if !state.lets() && (duty.elsewhere || self.eval.is_violated(duty)) {
                self.missed(duty);
            } else if !state.lets() {
                let action = duty.doing();
                let entry = entry(self.language, &duty.clause, state.truth(), "duty", "eq", &action, seen.as_deref());
                let from = self.eval.first_moment(duty).filter(|_| self.eval.is_early(duty)).map(|at| at.to_string());
                let message = match &from {
                    Some(from) => Message::Early { action: &action, from },
                    None => Message::Unfulfilled { action: &action },
                };
                self.found.push(said(self.language, entry, message, Message::Fulfil { action: &action }));
            }
        }
    }

    fn collect_all(&mut self, nodes: &[NodeId], wanted: fn(Mask) -> bool) {
        nodes.iter().for_each(|node| self.collect(*node, wanted));
    }

    /// The atomic constraints below a node whose truth is wanted.
    fn collect(&mut self, id: NodeId, wanted: fn(Mask) -> bool) {
        let policy = self.eval.policy;
        if let Some(stand) = self.eval.stand(id) {
            if wanted(self.eval.node(id)) {
                self.steps(&stand, wanted);
            }
            return;
        }
        match policy.nodes.get(id.0) {
            Some(Node::Atom(at)) => {
                let mask = self.eval.node(id);
                if wanted(mask) {
                    self.found
                        .extend(policy.atoms.get(*at).map(|atom| compared(self.language, &self.eval, *at, atom, mask)));
                }
            }
            Some(Node::Logical { logic, parts, .. }) => {
                if !wanted(self.eval.node(id)) {
                    return;
                }
                let mut holding = parts.to_vec();
                holding.retain(|part| self.eval.node(*part) == Mask::TRUE);
                // Two that hold are one too many, whatever the others are.
                if *logic == Logic::Xone && holding.len() > 1 {
                    self.collect_all(&holding, |mask| mask == Mask::TRUE);
                    return;
                }
                let before = self.found.len();
                self.collect_all(parts, wanted);
                // More than one part of a xone holds, or a sequence is open though each part holds: all of them decided.
                if self.found.len() == before {
                    self.collect_all(parts, |_| true);
                    if *logic == Logic::AndSequence {
                        for entry in self.found.iter_mut().skip(before) {
                            entry.reason = format!("{}; {}", entry.reason, self.language.say(Message::Sequence));
                        }
                    }
                }
            }
            Some(Node::Elsewhere { clause, id }) if wanted(Mask::UNKNOWN) => {
                self.found.push(elsewhere(self.language, clause, "constraint", id));
            }
            Some(Node::Elsewhere { .. }) | None => {}
        }
    }
}

impl Eval<'_> {
    /// Whether the request is about what is named, refinements left aside.
    pub(super) fn named(&self, alternative: &Alternative) -> Mask {
        self.sheet.background().about.get(alternative.index).copied().unwrap_or(Mask::UNKNOWN)
    }

    /// The same for all aspects of a rule.
    pub(super) fn names(&self, rule: &CompiledRule) -> Mask {
        let any = |all: &[Alternative]| all.iter().map(|one| self.named(one)).reduce(Mask::or).unwrap_or(Mask::TRUE);
        rule.aspects().into_iter().map(|(_, all)| any(all)).fold(Mask::TRUE, Mask::and)
    }

    /// What was seen of a comparison, as people read it.
    pub(super) fn observed(&self, atom: &Atom) -> Option<String> {
        let slot = self.policy.slots.get(atom.slot)?;
        let mut shown = String::new();
        if let Some(seen) = self.told_by_time(slot.from).or_else(|| self.delay(atom)) {
            seen.show(&mut shown);
            return Some(shown);
        }
        let Some((values, fact)) = self.sheet.fact(atom.slot).filter(|(_, fact)| fact.known.is_told()) else {
            return self.elapsed(slot.from).map(|since| since.shown());
        };
        for (n, value) in values.seen(fact).enumerate() {
            shown.push_str(if n > 0 { ", " } else { "" });
            value.show(&mut shown);
        }
        Some(shown)
    }
}

/// What is said of a duty or a constraint that is only named.
pub(super) fn elsewhere(language: Language, clause: &str, part: &str, id: &str) -> Because {
    let entry = entry(language, clause, Truth::Unknown, part, "eq", id, None);
    said(language, entry, Message::Elsewhere { id }, Message::Remedy(Remedy::Meet))
}

/// What is said of a duty that was not fulfilled in time.
fn missed(language: Language, duty: &CompiledRule, seen: Option<&str>) -> Because {
    let action = duty.doing();
    let then = duty.consequences.iter().map(CompiledRule::doing).collect::<Vec<_>>().join(", ");
    let entry = entry(language, &duty.clause, Truth::False, "duty", "eq", &action, seen);
    if duty.keeps {
        return said(language, entry, Message::NotKept { action: &action }, Message::Amend { then: &then });
    }
    said(language, entry, Message::Violated { action: &action }, Message::Heal { action: &action, then: &then })
}

fn names(policy: &Compiled, alternatives: &[Alternative]) -> String {
    alternatives.iter().flat_map(|one| policy.named(one).iter().map(AsRef::as_ref)).collect::<Vec<&str>>().join(", ")
}

fn said(language: Language, entry: Because, reason: Message<'_>, remedy: Message<'_>) -> Because {
    Because { reason: language.say(reason), remedy: language.say(remedy), ..entry }
}

fn entry(
    language: Language,
    clause: &str,
    state: Truth,
    operand: &str,
    operator: &str,
    required: &str,
    observed: Option<&str>,
) -> Because {
    Because {
        clause: clause.to_owned(),
        state,
        operand: operand.to_owned(),
        operator: operator.to_owned(),
        required: required.to_owned(),
        observed: observed.map(str::to_owned),
        reason: language.say(Message::Compared { operand, operator, required, observed, state }),
        remedy: language.say(Message::Remedy(Remedy::of(operand))),
        assurance: None,
        source: source::of_part(operand).map(str::to_owned),
    }
}
