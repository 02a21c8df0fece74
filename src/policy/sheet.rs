//! A world laid out for one policy: every fact in its slot, every name already resolved.
//!
//! Laying out costs once what never changes between exchanges; a call then fills in what only it tells, without allocating.

use std::collections::HashSet;

use compact_str::CompactString;
use smallvec::SmallVec;

use super::compile::{Alternative, Compiled, CompiledRule, Slot, Told};
use super::datapath::Call;
use super::truth::Mask;
use super::value::{Decimal, Duration, Seen, Typed, instant};
use super::vocabulary::{Kind, Operator, Source, canonical};
use super::world::{Fact, Phase, Way, World, reachable};
use crate::model::time::Timestamp;

/// Up to so many bytes a text stands in place.
const SHORT: usize = 24;

/// The place of a fact in a [`Sheet`] of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// What is known, as one policy looks at it.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The time of the decision.
    pub now: Timestamp,
    pub(super) phase: Phase,
    pub(super) facts: Vec<Filled>,
    /// Of each alternative of each rule: whether the request is about it.
    pub(super) about: Vec<Mask>,
    /// Of each rule: the same for all of its aspects together; `NONE` where refinements have a say.
    pub(super) ruled: Vec<Mask>,
    /// Of each rule: when it was performed, and whether it is reported violated.
    pub(super) done: Vec<Done>,
    /// When the agreement was made, for dates relative to it.
    pub(super) agreed: Option<Timestamp>,
    /// For each comparison by taxonomy: the terms that satisfy it; `None` where no taxonomy is known.
    pub(super) terms: Vec<Option<HashSet<Box<str>>>>,
    /// What was asked: action, target, assigner, assignee.
    pub(super) asked: [Option<String>; 4],
}

#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    pub(super) at: Vec<Timestamp>,
    pub(super) violated: bool,
}

/// What is known of one operand.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    pub(super) known: Known,
    /// A path among the values may mean two things.
    pub(super) ambiguous: bool,
    /// Which of the slot's candidates are among the values.
    pub(super) bits: u64,
    /// The first `len` are in force; the others keep their memory for the next call.
    values: SmallVec<[Seen; 1]>,
    pub(super) len: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    #[default]
    Absent,
    /// Nothing yet: each call will tell.
    Deferred,
    /// Something that is not of the operand's type.
    Unreadable,
    /// These values.
    Values,
    /// All that there is of a set, such as the groups of the client: `eq` asks whether one is among them.
    Among,
}

impl Filled {
    pub(super) fn values(&self) -> &[Seen] {
        self.values.get(..self.len).unwrap_or_default()
    }

    /// Whether anything is known.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self.known, Known::Absent | Known::Deferred)
    }

    fn clear(&mut self) {
        (self.known, self.len, self.bits, self.ambiguous) = (Known::Absent, 0, 0, false);
    }

    fn push(&mut self, slot: &Slot, text: &str) {
        let typed = if slot.kind == Kind::DataPath { self.path(slot, text) } else { self.value(slot, text) };
        self.known = match (self.known, typed) {
            (Known::Unreadable, _) | (_, None) => Known::Unreadable,
            (Known::Among, _) => Known::Among,
            _ => Known::Values,
        };
        self.store(text, typed.unwrap_or(Typed::Text));
    }

    fn value(&mut self, slot: &Slot, text: &str) -> Option<Typed> {
        self.bits |= slot.candidates.of_text(text);
        Typed::read(text, slot.kind)
    }

    fn path(&mut self, slot: &Slot, text: &str) -> Option<Typed> {
        let call = Call::parse(text);
        self.bits |= call.map_or(0, |call| slot.candidates.of_call(call));
        self.ambiguous |= call.is_none();
        Some(Typed::Call { plain: call.is_some() })
    }

    fn store(&mut self, text: &str, typed: Typed) {
        match self.values.get_mut(self.len) {
            Some(value) => {
                if text.len() <= SHORT && !value.text.is_heap_allocated() {
                    value.text = CompactString::new(text);
                } else {
                    value.text.clear();
                    value.text.push_str(text);
                }
                value.typed = typed;
            }
            None => self.values.push(Seen { text: text.into(), typed }),
        }
        self.len += 1;
    }
}

impl Compiled {
    /// Where this policy keeps a fact about a left operand; `None` when it never looks at it.
    #[must_use]
    pub fn place(&self, operand: &str) -> Option<Place> {
        let find = |name: &str| self.slots.iter().position(|slot| *slot.name == *name).map(Place);
        find(operand).or_else(|| find(&canonical(operand)))
    }

    /// What this policy looks at, each with where its value comes from.
    pub fn sources(&self) -> impl Iterator<Item = (Place, &Source)> {
        self.slots.iter().enumerate().map(|(at, slot)| (Place(at), &slot.source))
    }

    /// Lays out a world for this policy.
    #[must_use]
    pub fn sheet(&self, world: &World) -> Sheet {
        let mut sheet = Sheet {
            now: world.now,
            phase: world.phase,
            facts: self.slots.iter().map(|slot| self.filled(slot, world)).collect(),
            about: vec![Mask::NONE; self.alternatives],
            ruled: vec![Mask::NONE; self.rules],
            done: vec![Done::default(); self.rules],
            agreed: None,
            terms: self.atoms.iter().map(|_| None).collect(),
            asked: [Some(world.action.clone()), world.target.clone(), world.assigner.clone(), world.assignee.clone()],
        };
        sheet.agreed = world.facts.get("edc:contractAgreement").and_then(|fact| instant(fact.values().first()?));
        for (atom, terms) in self.atoms.iter().zip(&mut sheet.terms) {
            if let [right] = &*atom.right {
                *terms = satisfying(world, atom.operator, &right.text, right.iri.as_deref());
            }
        }
        for rule in self.permissions.iter().chain(&self.prohibitions).chain(&self.obligations) {
            self.resolve(rule, world, &mut sheet);
        }
        sheet
    }

    fn filled(&self, slot: &Slot, world: &World) -> Filled {
        let mut filled = Filled::default();
        // The policy may name an operand by a prefix of its own and the world by an IRI, or the other way round.
        let spelled =
            || world.facts.iter().find(|(name, _)| canonical(&self.expand(name)) == *slot.name).map(|(_, f)| f);
        if let Some(fact) = world.facts.get(&*slot.name).or_else(spelled) {
            filled.known = Known::Values;
            fact.values().iter().for_each(|text| filled.push(slot, text));
            if slot.kind == Kind::FieldPath {
                filled.known = Known::Among;
            }
        } else if slot.from == Told::Groups && !world.member_of.is_empty() {
            filled.known = Known::Among;
            groups(world).iter().for_each(|group| filled.push(slot, group));
        } else if world.told_by_calls.iter().any(|name| *slot.name == **name) {
            filled.known = Known::Deferred;
        }
        filled
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

    fn resolve(&self, rule: &CompiledRule, world: &World, sheet: &mut Sheet) {
        let asked = canonical(&self.expand(&world.action));
        let mut about = |alternative: &Alternative, mask| {
            if let Some(cell) = sheet.about.get_mut(alternative.index) {
                *cell = mask;
            }
        };
        for action in &rule.actions {
            about(action, Mask::of(action.ids.iter().any(|name| self.actions.included(&asked, name))));
        }
        for (alternatives, asked) in
            [(&rule.targets, &world.target), (&rule.assigners, &world.assigner), (&rule.assignees, &world.assignee)]
        {
            for alternative in alternatives {
                about(
                    alternative,
                    match asked {
                        _ if alternative.ids.is_empty() => Mask::TRUE,
                        Some(id) => Mask::of(self.is_one_of(id, &alternative.ids, world)),
                        None => Mask::UNKNOWN,
                    },
                );
            }
        }
        let plain = rule.aspects().into_iter().flat_map(|(_, all)| all).all(|one| one.refinements.is_empty());
        if plain && let Some(cell) = sheet.ruled.get_mut(rule.index) {
            let of = |one: &Alternative| sheet.about.get(one.index).copied().unwrap_or(Mask::UNKNOWN);
            let any = |all: &[Alternative]| all.iter().map(of).reduce(Mask::or).unwrap_or(Mask::TRUE);
            *cell = rule.aspects().into_iter().map(|(_, all)| any(all)).fold(Mask::TRUE, Mask::and);
        }
        let is_it = |id: &str| {
            *rule.clause == *id
                || rule.uid.as_deref().is_some_and(|uid| uid == id || self.expand(uid) == self.expand(id))
        };
        if let Some(done) = sheet.done.get_mut(rule.index) {
            done.at = world.duties.iter().filter(|duty| is_it(&duty.id)).map(|duty| duty.at).collect();
            done.violated = world.violated.iter().any(|id| is_it(id));
        }
        let inner = rule.duties.iter().chain(&rule.consequences).chain(&rule.remedies);
        inner.for_each(|duty| self.resolve(duty, world, sheet));
    }
}

/// The groups and collections that the client, or else the assignee, belongs to.
fn groups(world: &World) -> Vec<&str> {
    let clients = world.facts.get("xroad:clientId").into_iter().flat_map(Fact::values);
    let members = clients.map(String::as_str).chain(world.assignee.as_deref());
    let mut groups: Vec<&str> =
        members.flat_map(|member| reachable(&world.member_of, member, Way::Up).into_iter().skip(1)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
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

impl Compiled {
    /// What is known of each left operand that the policy looks at, save for what the clock tells: what a decision rested on, for
    /// keeping with it.
    pub fn facts<'a>(&'a self, sheet: &'a Sheet) -> impl Iterator<Item = (&'a str, Vec<String>)> {
        let told = |slot: &&Slot| matches!(slot.from, Told::Fact | Told::Groups);
        let known = |filled: &&Filled| filled.is_told();
        let all = self.slots.iter().zip(&sheet.facts).filter(move |(slot, filled)| told(slot) && known(filled));
        all.map(|(slot, filled)| (&*slot.name, filled.values().iter().map(Seen::shown).collect()))
    }
}

impl Sheet {
    /// Takes a fact over from another sheet of the same policy.
    pub fn restore(&mut self, place: Place, from: &Self) {
        if let (Some(filled), Some(known)) = (self.facts.get_mut(place.0), from.facts.get(place.0)) {
            filled.clear();
            (filled.known, filled.bits, filled.ambiguous) = (known.known, known.bits, known.ambiguous);
            known.values().iter().for_each(|value| filled.store(&value.text, value.typed));
        }
    }

    /// Forgets a fact.
    pub fn forget(&mut self, place: Place) {
        if let Some(filled) = self.facts.get_mut(place.0) {
            filled.clear();
        }
    }
}

/// Writes facts of one call; made by [`Compiled::fill`].
pub struct Filling<'a> {
    policy: &'a Compiled,
    sheet: &'a mut Sheet,
}

impl Compiled {
    /// Fills in what one call tells.
    pub fn fill<'a>(&'a self, sheet: &'a mut Sheet) -> Filling<'a> {
        Filling { policy: self, sheet }
    }
}

impl Filling<'_> {
    /// One value as text, whatever its type; nothing happens where the policy has no place for it.
    pub fn text(&mut self, place: Option<Place>, text: &str) -> &mut Self {
        if let Some((slot, filled)) = self.at(place) {
            filled.clear();
            filled.push(slot, text);
        }
        self
    }

    /// Several values as text.
    pub fn texts<'t>(&mut self, place: Option<Place>, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        if let Some((slot, filled)) = self.at(place) {
            filled.clear();
            filled.known = Known::Values;
            texts.into_iter().for_each(|text| filled.push(slot, text));
        }
        self
    }

    /// All of a set that `eq` asks membership of.
    pub fn among<'t>(&mut self, place: Option<Place>, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        self.texts(place, texts);
        if let Some((_, filled)) = self.at(place) {
            filled.known = Known::Among;
        }
        self
    }

    /// A whole number, such as a count.
    pub fn number(&mut self, place: Option<Place>, number: i64) -> &mut Self {
        match self.at(place) {
            Some((slot, filled)) if slot.kind == Kind::Number => {
                filled.clear();
                filled.known = Known::Values;
                filled.store("", Typed::Number(Decimal::whole(number)));
                self
            }
            Some(_) => self.text(place, &number.to_string()),
            None => self,
        }
    }

    /// A length of time in milliseconds.
    pub fn millis(&mut self, place: Option<Place>, millis: i64) -> &mut Self {
        let length = Duration::of_millis(millis);
        match self.at(place) {
            Some((slot, filled)) if slot.kind == Kind::Duration => {
                filled.clear();
                filled.known = Known::Values;
                filled.store("", Typed::Duration(length));
                self
            }
            Some(_) => self.text(place, &length.to_string()),
            None => self,
        }
    }

    fn at(&mut self, place: Option<Place>) -> Option<(&Slot, &mut Filled)> {
        let at = place?.0;
        Some((self.policy.slots.get(at)?, self.sheet.facts.get_mut(at)?))
    }
}
