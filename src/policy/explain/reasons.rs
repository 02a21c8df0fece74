//! Which clauses decided, and in which order they are told.

use super::{Because, INFRINGED, Language, Message, Remedy, compared, elsewhere, entry, said};
use crate::model::odrl::Logic;
use crate::policy::compile::{Alternative, Compiled, CompiledRule, Node, NodeId};
use crate::policy::judge::{Eval, Ground};
use crate::policy::truth::{Mask, Truth};

/// The reasons of a decision, as they are found.
pub(super) struct Reasons<'a> {
    pub(super) eval: Eval<'a>,
    pub(super) language: Language,
    pub(super) found: Vec<Because>,
}

impl<'a> Reasons<'a> {
    /// What is told of a decision on this ground.
    pub(super) fn of(ground: Ground, eval: Eval<'a>, language: Language) -> Vec<Because> {
        let mut reasons = Self { eval, language, found: Vec::new() };
        match ground {
            Ground::Permission(at) => {
                reasons.eval.policy.permissions.get(at).into_iter().for_each(|rule| reasons.permitted(rule));
            }
            Ground::Offer => reasons.offer(),
            Ground::Parent => reasons.parents(),
            Ground::Obligation => reasons.obligations(),
            Ground::Infringement => reasons.infringements(),
            Ground::Prohibition => reasons.prohibitions(),
            Ground::NoPermission => reasons.no_permission(),
        }
        reasons.found
    }

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
            if !self.eval.violates(duty) {
                continue;
            }
            let before = self.found.len();
            let action = duty.doing();
            self.missed(duty, Message::Violated { action: &action });
            if self.eval.concerns(duty) != Mask::TRUE && !duty.elsewhere {
                if let Some(entry) = self.found.get_mut(before) {
                    let reason = self.language.say(Message::MayBeViolated { action: &action });
                    (entry.state, entry.reason) = (Truth::Unknown, reason);
                }
                self.unknown_aspects(duty);
            }
        }
    }

    fn infringements(&mut self) {
        for rule in &self.eval.policy.prohibitions {
            if !self.eval.stands_infringed(rule) {
                continue;
            }
            let open: Vec<String> = self.eval.open_infringements(rule).iter().map(ToString::to_string).collect();
            let (action, at) = (rule.doing(), open.join(", "));
            let then = rule.remedies.iter().map(CompiledRule::doing).collect::<Vec<_>>().join(", ");
            let entry =
                entry(self.language, &rule.clause, Truth::True, INFRINGED, "isNoneOf", &action, Some(at.as_str()));
            let message = Message::Infringed { action: &action, at: &at };
            self.found.push(said(self.language, entry, message, Message::Amend { then: &then }));
        }
    }

    /// A duty that was not fulfilled in time, with the conditions that leave open whether it had to be.
    fn missed(&mut self, duty: &CompiledRule, late: Message<'_>) {
        if duty.elsewhere {
            let id = duty.uid.as_deref().unwrap_or_default();
            self.found.push(elsewhere(self.language, &duty.clause, "duty", id));
            return;
        }
        let seen = self.eval.performances(duty);
        let entry = missed(self.language, duty, late, seen.as_deref());
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

    /// What would have to be known of the request, or of who and what it is about, to say that the rule is not about it.
    fn unknown_aspects(&mut self, rule: &CompiledRule) {
        for ((name, alternatives), asked) in rule.aspects().into_iter().zip(&self.eval.sheet.background().asked) {
            let open: Vec<&Alternative> =
                alternatives.iter().filter(|one| self.eval.named(one) == Mask::UNKNOWN).collect();
            if !open.is_empty() && self.eval.aspect(alternatives).truth() == Truth::Unknown {
                self.unknown_aspect(rule, name, &open, asked.as_deref());
            }
        }
    }

    /// That it is not known whether the request is about any of these.
    fn unknown_aspect(&mut self, rule: &CompiledRule, name: &str, open: &[&Alternative], asked: Option<&str>) {
        let required = names(self.eval.policy, open.iter().copied());
        let operator = if asked.is_some() { "isPartOf" } else { "eq" };
        let entry = entry(self.language, &rule.clause, Truth::Unknown, name, operator, &required, asked);
        self.found.push(match asked {
            Some(member) => {
                let message = Message::Membership { member, collection: &required };
                said(self.language, entry, message, Message::Remedy(Remedy::of(name)))
            }
            None => entry,
        });
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
            if named.is_empty() {
                let operator = if name == "action" { "isA" } else { "eq" };
                let required = names(self.eval.policy, alternatives.iter());
                let entry =
                    entry(self.language, &rule.clause, Truth::False, name, operator, &required, asked.as_deref());
                self.found.push(entry);
                continue;
            }
            let (sure, open): (Vec<&Alternative>, Vec<&Alternative>) =
                named.into_iter().partition(|one| self.eval.named(one).lets());
            // It is named, but its refinements do not hold.
            sure.iter().for_each(|one| self.collect_all(&one.refinements, |mask| !mask.lets()));
            if !open.is_empty() {
                self.unknown_aspect(rule, name, &open, asked.as_deref());
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
                self.missed(duty, Message::Late { action: &duty.doing() });
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
    pub(super) fn collect(&mut self, id: NodeId, wanted: fn(Mask) -> bool) {
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

/// What is said of a duty that was not fulfilled in time.
fn missed(language: Language, duty: &CompiledRule, late: Message<'_>, seen: Option<&str>) -> Because {
    let action = duty.doing();
    let then = duty.consequences.iter().map(CompiledRule::doing).collect::<Vec<_>>().join(", ");
    let entry = entry(language, &duty.clause, Truth::False, "duty", "eq", &action, seen);
    if duty.keeps {
        return said(language, entry, Message::NotKept { action: &action }, Message::Amend { then: &then });
    }
    said(language, entry, late, Message::Heal { action: &action, then: &then })
}

fn names<'c>(policy: &Compiled, alternatives: impl Iterator<Item = &'c Alternative>) -> String {
    alternatives.flat_map(|one| policy.named(one).iter().map(AsRef::as_ref)).collect::<Vec<&str>>().join(", ")
}
