//! What is known of the left operands of one policy: every fact in its slot, values and texts close together.

use super::compile::Slot;
use super::datapath::Call;
use super::value::{Decimal, Seen, Typed};
use super::vocabulary::Kind;

/// Facts by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct FactTable {
    facts: Vec<Fact>,
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
    /// All that there is of a set, such as the groups of the client: `eq` asks whether one is among them.
    Among,
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
        self.values.clear();
        self.texts.clear();
    }

    pub(super) fn mark(&self, mark: &mut Mark) {
        mark.facts.clone_from(&self.facts);
        (mark.values, mark.texts) = (self.values.len(), self.texts.len());
    }

    /// Forgets what was put in since.
    pub(super) fn rewind(&mut self, mark: &Mark) {
        self.facts.clone_from(&mark.facts);
        self.values.truncate(mark.values);
        self.texts.truncate(mark.texts);
    }

    pub(super) fn get(&self, slot: usize) -> Option<&Fact> {
        self.facts.get(slot)
    }

    /// Begins a fact anew; its values are put in before those of another one.
    pub(super) fn begin(&mut self, at: usize, known: Known) {
        if let Some(fact) = self.facts.get_mut(at) {
            *fact = Fact { known, first: self.values.len(), ..Fact::default() };
        }
    }

    /// Says what kind of knowledge the values are.
    pub(super) fn declare(&mut self, at: usize, known: Known) {
        if let Some(fact) = self.facts.get_mut(at) {
            fact.known = known;
        }
    }

    /// A further value as text.
    pub(super) fn push(&mut self, at: usize, slot: &Slot, text: &str) {
        let Some(fact) = self.facts.get_mut(at) else { return };
        // Each kind stores for itself: values are large, and passing them on costs more than reading them.
        match slot.kind {
            Kind::DataPath => {
                let plain = fact.path(slot, text);
                fact.admit();
                self.store(text, Typed::Call { plain });
            }
            Kind::Text | Kind::FieldPath | Kind::Any => {
                fact.bits |= slot.candidates.of_text(text);
                fact.admit();
                self.store(text, Typed::Text);
            }
            kind => self.push_read(at, kind, text),
        }
    }

    fn push_read(&mut self, at: usize, kind: Kind, text: &str) {
        let Some(fact) = self.facts.get_mut(at) else { return };
        if let (Kind::Number, Some(number)) = (kind, Decimal::small(text)) {
            fact.admit();
            self.store(text, Typed::Number(Decimal::whole(number)));
            return;
        }
        let typed = Typed::read(text, kind);
        fact.admit();
        if typed.is_none() {
            fact.known = Known::Unreadable;
        }
        self.store(text, typed.unwrap_or(Typed::Text));
    }

    fn store(&mut self, text: &str, typed: Typed) {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.values.push(Value { start, len: text.len(), typed });
    }

    /// A further value without a text.
    pub(super) fn push_typed(&mut self, at: usize, typed: Typed) {
        if let Some(fact) = self.facts.get_mut(at) {
            fact.len += 1;
            self.values.push(Value { start: 0, len: 0, typed });
        }
    }

    /// The values of a fact of this table.
    pub(super) fn seen(&self, fact: &Fact) -> impl Iterator<Item = Seen<'_>> + Clone {
        let values = self.values.get(fact.first..).and_then(|from| from.get(..fact.len)).unwrap_or_default();
        values.iter().map(|value| {
            let text = self.texts.get(value.start..).and_then(|from| from.get(..value.len)).unwrap_or_default();
            Seen { text, typed: value.typed }
        })
    }

    /// The one value of a fact, where that is a number.
    pub(super) fn number(&self, fact: &Fact) -> Option<&Decimal> {
        match self.values.get(fact.first) {
            Some(Value { typed: Typed::Number(number), .. }) if fact.len == 1 => Some(number),
            _ => None,
        }
    }
}

impl Fact {
    /// Takes note of a value that can be read.
    const fn admit(&mut self) {
        self.len += 1;
        if !matches!(self.known, Known::Unreadable | Known::Among) {
            self.known = Known::Values;
        }
    }

    /// Looks which patterns cover a call; whether any can.
    fn path(&mut self, slot: &Slot, text: &str) -> bool {
        let call = Call::parse(text);
        self.bits |= call.map_or(0, |call| slot.candidates.of_call(call));
        call.is_some()
    }
}
