//! What values are compared with, laid out close together: slotting a call looks each of its values up once.

use super::tree::{Atom, Slot, Told};
use crate::policy::datapath::{Call, Pattern};
use crate::policy::key::Key;
use crate::policy::value::{Right, Typed};
use crate::policy::vocabulary::Kind;

/// The right operands of each slot, each once; the n-th of a slot is its bit n.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Candidates {
    slots: Box<[OfSlot]>,
    texts: Box<[Text]>,
    paths: Box<[Path]>,
    /// What texts and plain paths spell, one after the other.
    spelled: Box<[u8]>,
    /// The patterns of the paths, in their order.
    patterns: Box<[Pattern]>,
}

/// Which texts, or else paths, are those of one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OfSlot {
    kind: Kind,
    first: u32,
    end: u32,
}

/// Where something is spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Spelling {
    start: u32,
    end: u32,
}

/// One spelling of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Text {
    key: Key,
    spelling: Spelling,
    bit: u64,
}

/// A pattern of paths; one that is plain, with a method that its key tells in whole, needs no look at the pattern itself.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Path {
    method: Option<Key>,
    spelling: Spelling,
    covers: Covers,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Covers {
    /// What is spelled.
    Itself,
    /// That, and all below it.
    Below,
    /// What the pattern says.
    More,
}

impl Candidates {
    /// Lays out what the slots are compared with: the kind of each, and its distinct right operands.
    pub(super) fn new<'a>(slots: impl Iterator<Item = (Kind, &'a [&'a Right])>) -> Self {
        let mut laid = Layout::default();
        slots.for_each(|(kind, compared)| laid.add(kind, compared));
        Self {
            slots: laid.slots.into(),
            texts: laid.texts.into(),
            paths: laid.paths.into(),
            spelled: laid.spelled.into_bytes().into(),
            patterns: laid.patterns.into(),
        }
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
        let is =
            |one: &&Text| one.key == key && (key.is_whole() || self.spelled(one.spelling) == Some(text.as_bytes()));
        of(&self.slots, slot, &self.texts).iter().filter(is).fold(0, |bits, one| bits | one.bit)
    }

    /// The bits of those that cover this call.
    pub(crate) fn of_call(&self, slot: usize, call: Call<'_>) -> u64 {
        let paths = of(&self.slots, slot, &self.paths).iter().zip(of(&self.slots, slot, &self.patterns));
        let covering = paths.map(|(path, pattern)| u64::from(self.covers(path, pattern, call)));
        covering.enumerate().fold(0, |bits, (at, covers)| bits | (covers << at))
    }

    fn covers(&self, path: &Path, pattern: &Pattern, call: Call<'_>) -> bool {
        if path.covers == Covers::More || call.encoded {
            return pattern.covers_call(call);
        }
        if path.method.is_some_and(|method| method != call.method_key) {
            return false;
        }
        let rest = self.spelled(path.spelling).and_then(|spelled| call.path.as_bytes().strip_prefix(spelled));
        match rest {
            Some([]) => true,
            Some([b'/', ..]) => path.covers == Covers::Below,
            _ => false,
        }
    }

    #[inline]
    fn spelled(&self, spelling: Spelling) -> Option<&[u8]> {
        self.spelled.get(spelling.start as usize..spelling.end as usize)
    }
}

#[inline]
fn of<'a, T>(slots: &[OfSlot], slot: usize, all: &'a [T]) -> &'a [T] {
    slots.get(slot).and_then(|of| all.get(of.first as usize..of.end as usize)).unwrap_or_default()
}

#[derive(Default)]
struct Layout {
    slots: Vec<OfSlot>,
    texts: Vec<Text>,
    paths: Vec<Path>,
    spelled: String,
    patterns: Vec<Pattern>,
}

impl Layout {
    fn add(&mut self, kind: Kind, compared: &[&Right]) {
        let first = if kind == Kind::DataPath { self.paths.len() } else { self.texts.len() };
        for (at, right) in compared.iter().enumerate() {
            match &right.pattern {
                Some(pattern) => self.path(pattern),
                None => std::iter::once(&right.text).chain(&right.iri).for_each(|text| self.text(text, 1 << at)),
            }
        }
        let end = if kind == Kind::DataPath { self.paths.len() } else { self.texts.len() };
        self.slots.push(OfSlot { kind, first: narrow(first), end: narrow(end) });
    }

    fn text(&mut self, text: &str, bit: u64) {
        let spelling = self.spell(text);
        self.texts.push(Text { key: Key::of(text), spelling, bit });
    }

    fn path(&mut self, pattern: &Pattern) {
        let plain = pattern.as_plain().and_then(|plain| {
            let method = plain.method.as_deref().map(Key::of);
            let covers = if plain.below { Covers::Below } else { Covers::Itself };
            method.is_none_or(Key::is_whole).then(|| Path { method, spelling: self.spell(&plain.path), covers })
        });
        let more = Path { method: None, spelling: Spelling::default(), covers: Covers::More };
        self.paths.push(plain.unwrap_or(more));
        self.patterns.push(pattern.clone());
    }

    fn spell(&mut self, text: &str) -> Spelling {
        let start = self.spelled.len();
        self.spelled.push_str(text);
        Spelling { start: narrow(start), end: narrow(self.spelled.len()) }
    }
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
        // A number among texts, or what cannot be read, is no text to look for.
        if !matches!(right.typed, Typed::Text | Typed::Call { .. }) {
            return None;
        }
        if !found.iter().any(|known| same(known, right)) {
            found.push(right);
        }
    }
    let readable = found.iter().all(|right| right.pattern.is_some() == (slot.kind == Kind::DataPath));
    (found.len() <= u64::BITS as usize && readable).then_some(found)
}

/// Whether they are the same candidate.
pub(super) fn same(one: &Right, other: &Right) -> bool {
    one.text == other.text && one.iri == other.iri
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::odrl::Literal;

    fn candidates(kind: Kind, texts: &[&str]) -> Candidates {
        let literal = |text: &&str| Literal { text: (*text).into(), datatype: None, typed: false, iri: None };
        let right: Vec<Right> = texts.iter().map(|text| Right::read(&literal(text), kind).unwrap()).collect();
        Candidates::new([(Kind::Text, &[][..]), (kind, &right.iter().collect::<Vec<_>>())].into_iter())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_is_a_candidate_exactly_when_it_is_the_same(
            one in "[ab\\x00\\x07é]{0,20}", other in "[ab\\x00\\x07é]{0,20}", prefix in "(urn:example:)?",
        ) {
            let [one, other] = [one, other].map(|text| format!("{prefix}{text}"));
            let found = candidates(Kind::Text, &["x", &one]).of_text(1, &other);
            prop_assert_eq!(found, u64::from(one == other) << 1);
        }

        #[test]
        fn a_text_that_differs_in_one_place_is_another(text in "[ab]{1,60}", at in 0_usize..60) {
            let at = at % text.len();
            let other: String = text.char_indices().map(|(i, c)| if i == at { 'c' } else { c }).collect();
            prop_assert_eq!(candidates(Kind::Text, &[&text]).of_text(1, &other), 0);
        }

        #[test]
        fn a_path_is_covered_exactly_when_the_pattern_covers_it(
            method in "(GET|\\*|PROPFIND)", pattern in "/(a|b|\\*|\\*\\*|a%20b|)(/(a|b|\\*|\\*\\*|)){0,2}",
            called in "(GET|PUT|PROPFIND|PROPFINE)", path in "/(a|b|ab|a%20b|a b|%61|)(/(a|b|ab|)){0,2}",
        ) {
            let (pattern, call) = (format!("{method} {pattern}"), format!("{called} {path}"));
            let found = candidates(Kind::DataPath, &[&pattern]).of_call(1, Call::parse(&call).unwrap());
            prop_assert_eq!(found, u64::from(Pattern::parse(&pattern).unwrap().covers(&call)));
        }
    }
}
