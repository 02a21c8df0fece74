//! What is known of the left operands of one policy: every fact in its slot, values and texts close together.

use super::compile::Candidates;
use super::datapath::Call;
use super::value::{Decimal, Seen, Typed};
use super::vocabulary::Kind;

/// Facts by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct FactTable {
    pub(super) facts: Vec<Fact>,
    pub(super) values: Values,
}

/// The values of facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    values: Vec<Value>,
    texts: String,
}

/// What is known of one operand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fact {
    pub(super) known: Known,
    /// Which of the slot's candidates are among the values.
    pub(super) bits: u64,
    first: usize,
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
    /// Paths of calls, some of which may mean two things.
    Ambiguous,
    /// All that there is of a set, such as the groups of the client: `eq` asks whether one is among them.
    Among,
    /// Some of such a set.
    AmongOthers,
}

/// A value, typed; its text stands with the others.
#[derive(Clone, Copy, Debug)]
struct Value {
    start: usize,
    len: usize,
    typed: Typed,
}

/// A state of a table to return to.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    facts: Vec<Fact>,
    values: usize,
    texts: usize,
}

impl Known {
    /// Whether anything is known.
    pub(super) const fn is_told(self) -> bool {
        !matches!(self, Self::Absent | Self::Deferred)
    }
}

impl FactTable {
    /// Makes room for so many slots.
    pub(super) fn reach(&mut self, slots: usize) {
        if self.facts.len() < slots {
            self.facts.resize(slots, Fact::default());
        }
    }

    /// Forgets everything, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.facts.clear();
        self.values.truncate(0, 0);
    }

    pub(super) fn mark(&self, mark: &mut Mark) {
        mark.facts.clone_from(&self.facts);
        (mark.values, mark.texts) = (self.values.values.len(), self.values.texts.len());
    }

    /// Forgets what was put in since.
    pub(super) fn rewind(&mut self, mark: &Mark) {
        self.facts.clone_from(&mark.facts);
        self.values.truncate(mark.values, mark.texts);
    }

    /// Begins a fact anew; its values are put in before those of another one.
    pub(super) fn begin(&mut self, at: usize, known: Known) {
        if let Some(fact) = self.facts.get_mut(at) {
            *fact = Fact { known, first: self.values.values.len(), ..Fact::default() };
        }
    }

    /// Says what kind of knowledge the values are.
    pub(super) fn declare(&mut self, at: usize, known: Known) {
        if let Some(fact) = self.facts.get_mut(at) {
            fact.known = known;
        }
    }

    /// A further value as text.
    #[inline]
    pub(super) fn push(&mut self, at: usize, candidates: &Candidates, text: &str) {
        let (Some(fact), Some(kind)) = (self.facts.get_mut(at), candidates.kind(at)) else { return };
        fact.len += 1;
        // Each kind stores for itself: values are large, and passing them on costs more than reading them.
        match kind {
            Kind::Text | Kind::FieldPath | Kind::Any => {
                fact.bits |= candidates.of_text(at, text);
                self.values.push(text, Typed::Text);
            }
            Kind::DataPath => {
                let covering = Call::parse(text).map(|call| candidates.of_call(at, call));
                fact.bits |= covering.unwrap_or_default();
                if covering.is_none() {
                    fact.known = Known::Ambiguous;
                }
                self.values.push(text, Typed::Call { plain: covering.is_some() });
            }
            Kind::Number => match Decimal::short(text) {
                Some(number) => self.values.push(text, Typed::Number(number)),
                None => self.push_read(at, kind, text),
            },
            kind => self.push_read(at, kind, text),
        }
    }

    /// A further value that was read elsewhere.
    pub(super) fn push_as(&mut self, at: usize, text: &str, typed: Typed) {
        if let Some(fact) = self.facts.get_mut(at) {
            fact.len += 1;
            self.values.push(text, typed);
        }
    }

    #[inline(never)]
    fn push_read(&mut self, at: usize, kind: Kind, text: &str) {
        let typed = Typed::read(text, kind);
        if let (None, Some(fact)) = (typed, self.facts.get_mut(at)) {
            fact.known = Known::Unreadable;
        }
        self.values.push(text, typed.unwrap_or(Typed::Text));
    }

    /// A further value without a text.
    pub(super) fn push_typed(&mut self, at: usize, typed: Typed) {
        if let Some(fact) = self.facts.get_mut(at) {
            fact.len += 1;
            self.values.values.push(Value { start: 0, len: 0, typed });
        }
    }
}

impl Values {
    #[inline]
    fn push(&mut self, text: &str, typed: Typed) {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.values.push(Value { start, len: text.len(), typed });
    }

    fn truncate(&mut self, values: usize, texts: usize) {
        self.values.truncate(values);
        self.texts.truncate(texts);
    }

    /// Those of a fact.
    pub(super) fn seen(&self, fact: &Fact) -> impl Iterator<Item = Seen<'_>> + Clone {
        let values = self.values.get(fact.first..).and_then(|from| from.get(..fact.len)).unwrap_or_default();
        values.iter().map(|value| {
            let text = self.texts.get(value.start..).and_then(|from| from.get(..value.len)).unwrap_or_default();
            Seen { text, typed: value.typed }
        })
    }

    /// The one value of a fact, where that is a number.
    #[inline]
    pub(super) fn number(&self, fact: &Fact) -> Option<&Decimal> {
        match self.values.get(fact.first) {
            Some(Value { typed: Typed::Number(number), .. }) if fact.len == 1 => Some(number),
            _ => None,
        }
    }
}
