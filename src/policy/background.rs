//! What is known under a policy whatever the call: a world laid out once, every name already resolved.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::compile::{Alternative, Atom, Compiled, CompiledRule, Slot, Terms, Told};
use super::facts::{Fact, FactTable, Known, Values};
use super::shown::by_credentials;
use super::truth::Mask;
use super::value::{Right, instant};
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
    /// For each comparison by taxonomy: how terms stand to it.
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

/// How terms stand to the right operands of a comparison by taxonomy.
#[derive(Clone, Debug, Default)]
pub(super) struct Kin {
    /// Those that stand to one of them as the operator wants.
    terms: HashSet<Box<str>>,
    /// Those that do not: each is told of together with every right operand, and stands elsewhere.
    others: HashSet<Box<str>>,
}

impl Kin {
    /// Whether a term stands to one of the right operands as the operator wants; of what is told nowhere that is not known.
    pub(super) fn holds(&self, term: &str) -> Option<bool> {
        self.terms.contains(term).then_some(true).or_else(|| self.others.contains(term).then_some(false))
    }
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
            if slot.kind == Kind::FieldPath || (slot.from == Told::Groups && world.groups_told) {
                facts.declare(at, Known::Among);
            }
        } else if let (Told::Groups, false, Some((known, groups))) = (slot.from, world.groups_told, groups(world)) {
            facts.begin(at, known);
            groups.iter().for_each(|group| facts.push(at, &self.candidates, group));
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

    /// Whether something is, or belongs to, what an alternative names, whichever of them is written with a prefix. Of a collection that
    /// is not known where the memberships tell neither of it nor of who or what may belong to it.
    fn is_one_of(&self, id: &str, alternative: &Alternative, world: &World) -> Mask {
        let named = self.named(alternative);
        let is = |one: &str| named.iter().any(|name| **name == *one || **name == *self.expand(one));
        let ids = [id, &self.expand(id)];
        let reached = ids.map(|id| reachable(&world.member_of, id, Way::Up));
        if reached.iter().flatten().any(|one| is(one)) {
            return Mask::TRUE;
        }
        let tells = |(member, collection): &(String, String)| ids.contains(&member.as_str()) || is(collection);
        Mask::known((!alternative.collection || world.member_of.iter().any(tells)).then_some(false))
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
                        Some(id) => self.is_one_of(id, alternative, world),
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

/// The groups and collections that the client, or else the assignee, belongs to: all of them where the memberships tell of the client,
/// and, of a client that they do not tell of, those of the assignee. `None` where they tell of neither.
fn groups(world: &World) -> Option<(Known, Vec<&str>)> {
    let clients = world.facts.get("xroad:clientId").into_iter().flat_map(world::Fact::values).map(String::as_str);
    let tells = |name: &str| world.member_of.iter().any(|(member, _)| member == name);
    let told: Vec<&str> = clients.clone().chain(world.assignee.as_deref()).filter(|one| tells(one)).collect();
    let known = if clients.into_iter().all(tells) { Known::Among } else { Known::AmongOthers };
    let mut groups: Vec<&str> =
        told.iter().flat_map(|member| reachable(&world.member_of, member, Way::Up).into_iter().skip(1)).collect();
    groups.sort_unstable();
    groups.dedup();
    (!told.is_empty()).then_some((known, groups))
}

/// How terms stand to the right operands of a comparison by taxonomy.
fn kin(world: &World, atom: &Atom) -> Option<Kin> {
    let way = match atom.operator {
        Operator::IsA | Operator::IsPartOf => Way::Down,
        Operator::HasPart => Way::Up,
        _ => return None,
    };
    let tables = [&world.broader, &world.member_of];
    let names = |right: &'_ Right| std::iter::once(right.text.clone()).chain(right.iri.clone());
    let (mut terms, mut others): (HashSet<Box<str>>, Option<HashSet<&str>>) = (HashSet::new(), None);
    for right in &atom.right {
        let mut told: HashSet<&str> = HashSet::new();
        for (name, edges) in names(right).flat_map(|name| tables.map(|edges| (name.clone(), edges))) {
            terms.extend(reachable(edges, &name, way).into_iter().map(Into::into));
            told.extend(told_with(edges, &name));
        }
        // What stands elsewhere must do so as to each of them.
        others = Some(others.map_or_else(|| told.clone(), |others| &others & &told));
    }
    let others = others.unwrap_or_default().into_iter().filter(|term| !terms.contains(*term)).map(Into::into).collect();
    Some(Kin { terms, others })
}

/// All that edges tell of, if they tell of this: there each has its place, and where it has none it does not belong. That something
/// stands under itself tells nothing.
fn told_with<'a>(edges: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let telling = edges.iter().filter(|(narrower, broader)| narrower != broader);
    let told: Vec<&str> = telling.flat_map(|(narrower, broader)| [narrower.as_str(), broader.as_str()]).collect();
    if told.contains(&name) { told } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_decision_reads_of_an_agreement_is_three_words() {
        assert_eq!(size_of::<Background>(), 3 * size_of::<u64>());
    }
}
