//! What values are compared with, laid out close together: slotting a call looks each of its values up once.

use super::tree::{Atom, Slot, Told};
use crate::policy::datapath::{Call, Pattern};
use crate::policy::key::Key;
use crate::policy::value::Right;
use crate::policy::vocabulary::Kind;

/// The right operands of each slot, each once; the n-th of a slot is its bit n.
#[derive(Debug, PartialEq)]
pub(crate) struct Candidates {
    slots: Box<[OfSlot]>,
    texts: Box<[Candidate]>,
    /// The texts one after the other.
    spelled: Box<str>,
    paths: Box<[Pattern]>,
}

/// Which texts, or else paths, are those of one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OfSlot {
    kind: Kind,
    first: u32,
    end: u32,
}

/// One spelling of a right operand.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    key: Key,
    start: u32,
    end: u32,
    bit: u64,
}

impl Candidates {
    /// Lays out what the slots are compared with; a slot has none where that is `None`.
    pub(super) fn new(slots: &[Slot], compared: &[Option<Vec<&Right>>]) -> Self {
        let (mut of_slots, mut texts, mut paths) = (Vec::with_capacity(slots.len()), Vec::new(), Vec::new());
        let mut spelled = String::new();
        for (slot, compared) in slots.iter().zip(compared) {
            let compared = compared.as_deref().unwrap_or_default();
            let is_path = slot.kind == Kind::DataPath;
            let first = if is_path { paths.len() } else { texts.len() };
            if is_path {
                paths.extend(compared.iter().filter_map(|right| right.pattern.clone()));
            } else {
                for (at, right) in compared.iter().enumerate() {
                    for text in std::iter::once(&right.text).chain(&right.iri) {
                        let start = spelled.len();
                        spelled.push_str(text);
                        texts.push(Candidate {
                            key: Key::of(text),
                            start: narrow(start),
                            end: narrow(spelled.len()),
                            bit: 1 << at,
                        });
                    }
                }
            }
            let end = if is_path { paths.len() } else { texts.len() };
            of_slots.push(OfSlot { kind: slot.kind, first: narrow(first), end: narrow(end) });
        }
        Self { slots: of_slots.into(), texts: texts.into(), spelled: spelled.into(), paths: paths.into() }
    }

    /// How many slots there are.
    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    /// What the values of a slot are.
    #[inline]
    pub(crate) fn kind(&self, slot: usize) -> Option<Kind> {
        self.slots.get(slot).map(|of| of.kind)
    }

    /// The bits of those that are this text.
    #[inline]
    pub(crate) fn of_text(&self, slot: usize, text: &str) -> u64 {
        let key = Key::of(text);
        let is = |one: &&Candidate| one.key == key && (key.is_whole() || self.spelled(one) == Some(text));
        of(&self.slots, slot, &self.texts).iter().filter(is).fold(0, |bits, one| bits | one.bit)
    }

    /// The bits of those that cover this call.
    #[inline(never)]
    pub(crate) fn of_call(&self, slot: usize, call: Call<'_>) -> u64 {
        let covering = of(&self.slots, slot, &self.paths).iter().map(|pattern| u64::from(pattern.covers_call(call)));
        covering.enumerate().fold(0, |bits, (at, covers)| bits | (covers << at))
    }

    fn spelled(&self, one: &Candidate) -> Option<&str> {
        self.spelled.get(one.start as usize..one.end as usize)
    }
}

#[inline]
fn of<'a, T>(slots: &[OfSlot], slot: usize, all: &'a [T]) -> &'a [T] {
    slots.get(slot).and_then(|of| all.get(of.first as usize..of.end as usize)).unwrap_or_default()
}

/// What is out of reach is compared with nothing; no policy is as long as that.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The distinct right operands of a slot, in order; `None` when there are more than bits, or others than texts.
pub(super) fn distinct<'a>(slot: &Slot, atoms: impl Iterator<Item = &'a Atom>) -> Option<Vec<&'a Right>> {
    if !matches!(slot.kind, Kind::Text | Kind::FieldPath | Kind::DataPath)
        || !matches!(slot.from, Told::Fact | Told::Groups)
    {
        return None;
    }
    let mut found: Vec<&Right> = Vec::new();
    for right in atoms.flat_map(|atom| &atom.right) {
        if !found.iter().any(|known| same(known, right)) {
            found.push(right);
        }
    }
    let patterns = slot.kind != Kind::DataPath || found.iter().all(|right| right.pattern.is_some());
    (found.len() <= u64::BITS as usize && patterns).then_some(found)
}

/// Whether they are the same candidate.
pub(super) fn same(one: &Right, other: &Right) -> bool {
    one.text == other.text && one.iri == other.iri
}
