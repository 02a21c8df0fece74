//! What is known under a policy whatever the call: a world laid out once, every name already resolved.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::compile::{Alternative, Atom, Compiled, CompiledRule, Slot, Terms, Told};
use super::facts::{Fact, FactTable, Known, Values};
use super::shown::by_credentials;
use super::truth::Mask;
use super::value::instant;
use super::vocabulary::{Kind, Operator, canonical};
use super::world::{self, Phase, Way, World, reachable};
use crate::model::time::Timestamp;

/// What is known under one policy whatever the call. Immutable; share it by reference.
///
/// It is what every decision reads of an agreement, and small, so that ten thousand agreements do not push each other out of the
/// nearest caches.
#[derive(Clone, Debug)]
pub struct Background {
    /// Those of the policy, so that a decision need not look for them elsewhere.
    pub(super) terms: Arc<Terms>,
    /// Of each of the first rules: whether the request is about it, in all of its aspects together; `NONE` where refinements have a say.
    ruled: [Mask; RULES_AT_HAND],
    rest: Box<Rest>,
}

/// As many as fit a word.
const RULES_AT_HAND: usize = 8;

/// What some decisions read.
#[derive(Clone, Debug)]
pub struct Rest {
    pub(super) phase: Phase,
    pub(super) facts: Box<[Fact]>,
    /// The values of the facts.
    pub(super) values: Values,
    /// Of each alternative of each rule: whether the request is about it.
    pub(super) about: Box<[Mask]>,
    /// Of each rule: what is reported of it.
    pub(super) done: Box<[Done]>,
    /// When the agreement was made, for dates relative to it.
    pub(super) agreed: Option<Timestamp>,
    /// For each comparison by taxonomy: the terms that satisfy it; `None` where no taxonomy is known.
    pub(super) kin: Box<[Option<Kin>]>,
    /// What was asked: action, target, assigner, assignee.
    pub(super) asked: [Option<String>; 4],
}

impl Background {
    /// Whether the request is about a rule; `None` where its alternatives are to be looked at.
    #[inline]
    pub(super) fn ruled(&self, rule: usize) -> Option<Mask> {
        self.ruled.get(rule).copied().filter(|mask| *mask != Mask::NONE)
    }
}

impl Deref for Background {
    type Target = Rest;

    fn deref(&self) -> &Rest {
        &self.rest
    }
}

impl DerefMut for Background {
    fn deref_mut(&mut self) -> &mut Rest {
        &mut self.rest
    }
}

/// The terms that stand to right operands as an operator wants.
#[derive(Clone, Debug)]
pub(super) struct Kin {
    pub(super) terms: HashSet<Box<str>>,
    /// Whether a taxonomy tells of every one of the right operands, so that there are no other terms.
    pub(super) of_all: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// When it was performed.
    pub(super) at: Vec<Timestamp>,
    pub(super) violated: bool,
    /// When it was infringed.
    pub(super) infringed: Vec<Timestamp>,
}

impl Compiled {
    /// Lays out what a world knows for this policy.
    #[must_use]
    pub fn background(&self, world: &World) -> Background {
        let FactTable { facts, values } = self.laid_out(world);
        let mut laid = Background {
            terms: self.terms(),
            ruled: [Mask::NONE; RULES_AT_HAND],
            rest: Box::new(Rest {
                phase: world.phase,
                facts: facts.into(),
                values,
                about: vec![Mask::NONE; self.named.len()].into(),
                done: vec![Done::default(); self.rules].into(),
                agreed: None,
                kin: self.atoms.iter().map(|atom| kin(world, atom)).collect(),
                asked: [
                    Some(world.action.clone()),
                    world.target.clone(),
                    world.assigner.clone(),
                    world.assignee.clone(),
                ],
            }),
        };
        laid.agreed = world.facts.get("edc:contractAgreement").and_then(|fact| instant(fact.values().first()?));
        for rule in self.permissions.iter().chain(&self.prohibitions).chain(&self.obligations) {
            self.resolve(rule, world, &mut laid);
        }
        laid
    }

    fn laid_out(&self, world: &World) -> FactTable {
        let mut facts = FactTable::default();
        facts.reach(self.slots.len());
        self.slots.iter().enumerate().for_each(|(at, slot)| self.lay_out(at, slot, world, &mut facts));
        facts
    }

    fn lay_out(&self, at: usize, slot: &Slot, world: &World, facts: &mut FactTable) {
        // The policy may name an operand by a prefix of its own and the world by an IRI, or the other way round.
        let spelled =
            || world.facts.iter().find(|(name, _)| canonical(&self.expand(name)) == *slot.name).map(|(_, f)| f);
        if let Some(fact) = world.facts.get(&*slot.name).or_else(spelled) {
            facts.begin(at, Known::Values);
            fact.values().iter().for_each(|text| match slot.amount(text) {
                Some(amount) => facts.push_as(at, text, amount),
                None => facts.push(at, &self.candidates, text),
            });
            if slot.kind == Kind::FieldPath || (slot.from == Told::Groups && world.recorded) {
                facts.declare(at, Known::Among);
            }
        } else if slot.from == Told::Groups && !world.recorded && !world.member_of.is_empty() {
            facts.begin(at, Known::Among);
            groups(world).iter().for_each(|group| facts.push(at, &self.candidates, group));
        } else if let Some(values) = by_credentials(world, &slot.name) {
            facts.begin(at, Known::Values);
            values.iter().for_each(|text| facts.push(at, &self.candidates, text));
        } else if world.told_later.iter().any(|name| tells(name, &slot.name)) {
            facts.begin(at, Known::Deferred);
        }
    }

    fn expand(&self, name: &str) -> String {
        let own = name.split_once(':').and_then(|(prefix, rest)| {
            self.prefixes.iter().find(|(known, _)| known == prefix).map(|(_, iri)| format!("{iri}{rest}"))
        });
        own.unwrap_or_else(|| name.to_owned())
    }

    /// Whether something is, or belongs to, one of those named, whichever of them is written with a prefix.
    fn is_one_of(&self, id: &str, named: &[Box<str>], world: &World) -> bool {
        let is = |one: &str| named.iter().any(|name| **name == *one || **name == *self.expand(one));
        let full = self.expand(id);
        let reached = [id, full.as_str()].map(|id| reachable(&world.member_of, id, Way::Up));
        reached.iter().flatten().any(|one| is(one))
    }

    fn resolve(&self, rule: &CompiledRule, world: &World, laid: &mut Background) {
        let asked = canonical(&self.expand(&world.action));
        let mut about = |alternative: &Alternative, mask| {
            if let Some(cell) = laid.about.get_mut(alternative.index) {
                *cell = mask;
            }
        };
        for action in &rule.actions {
            about(action, Mask::of(self.named(action).iter().any(|name| self.actions.included(&asked, name))));
        }
        for (alternatives, asked) in
            [(&rule.targets, &world.target), (&rule.assigners, &world.assigner), (&rule.assignees, &world.assignee)]
        {
            for alternative in alternatives {
                about(
                    alternative,
                    match asked {
                        _ if self.named(alternative).is_empty() => Mask::TRUE,
                        Some(id) => Mask::of(self.is_one_of(id, self.named(alternative), world)),
                        None => Mask::UNKNOWN,
                    },
                );
            }
        }
        let plain = rule.aspects().into_iter().flat_map(|(_, all)| all).all(|one| one.refinements.is_empty());
        if plain && let Some(cell) = laid.ruled.get_mut(rule.index) {
            let of = |one: &Alternative| laid.rest.about.get(one.index).copied().unwrap_or(Mask::UNKNOWN);
            let any = |all: &[Alternative]| all.iter().map(of).reduce(Mask::or).unwrap_or(Mask::TRUE);
            *cell = rule.aspects().into_iter().map(|(_, all)| any(all)).fold(Mask::TRUE, Mask::and);
        }
        let is_it = |id: &str| {
            *rule.clause == *id
                || rule.uid.as_deref().is_some_and(|uid| uid == id || self.expand(uid) == self.expand(id))
        };
        if let Some(done) = laid.done.get_mut(rule.index) {
            done.at = world.duties.iter().filter(|duty| is_it(&duty.id)).map(|duty| duty.at).collect();
            done.violated = world.violated.iter().any(|id| is_it(id));
            done.infringed =
                world.infringed.iter().filter(|report| is_it(&report.id)).map(|report| report.at).collect();
        }
        let inner = rule.duties.iter().chain(&rule.consequences).chain(&rule.remedies);
        inner.for_each(|duty| self.resolve(duty, world, laid));
    }
}

/// Whether what is told later is this operand.
fn tells(later: &str, operand: &str) -> bool {
    operand == later || (later == "ovc:" && operand.starts_with(later))
}

/// The groups and collections that the client, or else the assignee, belongs to.
fn groups(world: &World) -> Vec<&str> {
    let clients = world.facts.get("xroad:clientId").into_iter().flat_map(world::Fact::values);
    let members = clients.map(String::as_str).chain(world.assignee.as_deref());
    let mut groups: Vec<&str> =
        members.flat_map(|member| reachable(&world.member_of, member, Way::Up).into_iter().skip(1)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The terms that stand to one of the right operands as the operator wants; `None` where no taxonomy tells of any.
fn kin(world: &World, atom: &Atom) -> Option<Kin> {
    if !matches!(atom.operator, Operator::IsA | Operator::IsPartOf | Operator::HasPart) {
        return None;
    }
    let each = atom.right.iter().map(|right| satisfying(world, atom.operator, &right.text, right.iri.as_deref()));
    let known: Vec<HashSet<Box<str>>> = each.flatten().collect();
    let of_all = known.len() == atom.right.len();
    (!known.is_empty()).then(|| Kin { terms: known.into_iter().flatten().collect(), of_all })
}

/// The terms that stand to `required` as the operator wants; none are known without a taxonomy.
fn satisfying(world: &World, operator: Operator, required: &str, iri: Option<&str>) -> Option<HashSet<Box<str>>> {
    let way = match operator {
        Operator::IsA | Operator::IsPartOf => Way::Down,
        Operator::HasPart => Way::Up,
        _ => return None,
    };
    let names = || std::iter::once(required).chain(iri);
    let members: HashSet<&str> = names().flat_map(|name| reachable(&world.member_of, name, way)).collect();
    if world.broader.is_empty() && members.len() == names().count() {
        return None;
    }
    let terms = names().flat_map(|name| reachable(&world.broader, name, way));
    Some(members.into_iter().chain(terms).map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_decision_reads_of_an_agreement_is_three_words() {
        assert_eq!(size_of::<Background>(), 3 * size_of::<u64>());
    }
}
