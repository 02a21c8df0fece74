//! A sheet for deciding: what is known whatever the call, and over it what this call tells, filled in without allocating.

use std::borrow::Cow;

use super::background::Background;
use super::compile::{Compiled, Slot, Terms, Told};
use super::facts::{Fact, FactTable, Known, Mark, Values};
use super::judge::Eval;
use super::sequence::Progress;
use super::value::{Decimal, Duration, Seen, Typed};
use super::vocabulary::{Kind, Source};
use super::world::World;
use crate::model::time::Timestamp;

/// The place of a fact in the sheets of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// What is known, as one policy looks at it. To be used again for other calls, also under other policies, to spare its memory.
#[derive(Clone, Debug)]
pub struct Sheet<'b> {
    /// The time of the decision.
    pub now: Timestamp,
    background: Cow<'b, Background>,
    /// What the call tells, in place of what the background has.
    told: FactTable,
    mark: Mark,
    /// How far sequences have come, where that is known.
    progress: Option<Box<Progress>>,
}

/// The memory of a sheet that was erased, for another one.
#[derive(Debug, Default)]
pub struct Blank {
    told: FactTable,
    mark: Mark,
}

impl Blank {
    /// A sheet on which no call has told anything yet.
    #[must_use]
    pub fn over(self, background: &Background, now: Timestamp) -> Sheet<'_> {
        self.laid_over(Cow::Borrowed(background), now)
    }

    fn laid_over(self, background: Cow<'_, Background>, now: Timestamp) -> Sheet<'_> {
        Sheet { now, background, told: self.told, mark: self.mark, progress: None }
    }
}

impl Compiled {
    /// Where this policy keeps a fact about a left operand; `None` when it never looks at it.
    #[must_use]
    pub fn place(&self, operand: &str) -> Option<Place> {
        let find = |name: &str| self.slots.iter().position(|slot| *slot.name == *name).map(Place);
        find(operand).or_else(|| find(&super::vocabulary::canonical(operand)))
    }

    /// What this policy looks at, each with where its value comes from.
    pub fn sources(&self) -> impl Iterator<Item = (Place, &Source)> {
        self.slots.iter().enumerate().map(|(at, slot)| (Place(at), &slot.source))
    }

    /// Lays out a world for this policy.
    #[must_use]
    pub fn sheet(&self, world: &World) -> Sheet<'static> {
        let mut sheet = Blank::default().laid_over(Cow::Owned(self.background(world)), world.now);
        if let (true, Some(history)) = (self.has_sequences(), &world.history) {
            sheet.recall(self.progress(world, history));
        }
        sheet
    }

    /// What is known of each left operand that the policy looks at, save for what the clock tells: what a decision rested on, for
    /// keeping with it.
    pub fn facts<'a>(&'a self, sheet: &'a Sheet<'_>) -> impl Iterator<Item = (&'a str, Vec<String>)> {
        let told = |(_, slot): &(usize, &Slot)| matches!(slot.from, Told::Fact | Told::Groups);
        // Slots of one operand in several units have the same values.
        let first = |(at, slot): &(usize, &Slot)| {
            slot.unit.is_none() || !self.slots.iter().take(*at).any(|other| other.name == slot.name)
        };
        self.slots.iter().enumerate().filter(told).filter(first).filter_map(|(at, slot)| {
            let (values, fact) = sheet.fact(at).filter(|(_, fact)| fact.known.is_told())?;
            Some((&*slot.name, values.seen(fact).map(|seen| seen.shown()).collect()))
        })
    }

    /// How far its sequences had come, each by its clause: when its steps were taken, in their order. For keeping with the facts.
    pub fn steps_before<'a>(&'a self, sheet: &'a Sheet<'_>) -> impl Iterator<Item = (&'a str, Vec<String>)> {
        let eval = Eval::quiet(self, sheet);
        self.sequences.iter().filter_map(move |sequence| {
            let stand = eval.stand(sequence.node)?;
            Some((&*sequence.clause, stand.before.iter().map(ToString::to_string).collect()))
        })
    }

    /// Fills in what one call tells, on a sheet of this policy.
    pub fn fill<'a>(&'a self, sheet: &'a mut Sheet<'_>) -> Filling<'a> {
        let terms = &*sheet.background.terms;
        sheet.told.reach(terms.candidates.slots());
        Filling { terms, told: &mut sheet.told }
    }
}

impl<'b> Sheet<'b> {
    /// A sheet on which no call has told anything yet.
    #[must_use]
    pub fn over(background: &'b Background, now: Timestamp) -> Self {
        Blank::default().over(background, now)
    }

    /// Erases everything, and keeps the memory.
    #[must_use]
    pub fn erase(mut self) -> Blank {
        self.told.clear();
        Blank { told: self.told, mark: self.mark }
    }

    /// Begins another decision: forgets what was told, and takes another background. That is borrowed, not counted: calls under one
    /// agreement on several processors, and under many agreements in turn, do not wait for each other's counts.
    pub fn begin(&mut self, background: &'b Background, now: Timestamp) {
        self.background = Cow::Borrowed(background);
        self.begin_again(now);
    }

    /// The same over the background that it has.
    pub fn begin_again(&mut self, now: Timestamp) {
        self.told.clear();
        self.now = now;
        self.progress = None;
    }

    /// Takes over how far the sequences of the policy have come.
    pub fn recall(&mut self, progress: Progress) {
        self.progress = Some(Box::new(progress));
    }

    pub(super) fn progress(&self) -> Option<&Progress> {
        self.progress.as_deref()
    }

    /// What is known whatever the call.
    #[must_use]
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// Takes back what the call told of this.
    pub fn forget(&mut self, place: Place) {
        self.told.begin(place.0, Known::Absent);
    }

    /// The background, to put more into it.
    pub(super) fn amend(&mut self) -> &mut Background {
        self.background.to_mut()
    }

    /// Keeps what was told up to now for the decisions that follow.
    pub(super) fn keep(&mut self) {
        self.told.mark(&mut self.mark);
    }

    /// Forgets what was told since it was kept.
    pub(super) fn rewind(&mut self) {
        self.told.rewind(&self.mark);
    }

    /// What is known for a slot, with the table that has its values.
    #[inline]
    pub(super) fn fact(&self, slot: usize) -> Option<(&Values, &Fact)> {
        match self.told.facts.get(slot) {
            Some(fact) if fact.known != Known::Absent => Some((&self.told.values, fact)),
            _ => self.background.facts.get(slot).map(|fact| (&self.background.values, fact)),
        }
    }

    /// The values known for a slot.
    pub(super) fn seen(&self, slot: usize) -> impl Iterator<Item = Seen<'_>> + Clone {
        self.fact(slot).into_iter().flat_map(|(values, fact)| values.seen(fact))
    }
}

/// Writes facts of one call; made by [`Compiled::fill`].
pub struct Filling<'a> {
    terms: &'a Terms,
    told: &'a mut FactTable,
}

impl Filling<'_> {
    /// One value as text, whatever its type; nothing happens where the policy has no place for it.
    pub fn text(&mut self, place: Option<Place>, text: &str) -> &mut Self {
        self.texts(place, std::iter::once(text))
    }

    /// Several values as text.
    pub fn texts<'t>(&mut self, place: Option<Place>, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        self.put(place, Known::Values, texts)
    }

    /// All of a set that `eq` asks membership of.
    pub fn among<'t>(&mut self, place: Option<Place>, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        self.put(place, Known::Among, texts)
    }

    /// A whole number, such as a count.
    pub fn number(&mut self, place: Option<Place>, number: i64) -> &mut Self {
        match place.and_then(|at| self.terms.candidates.kind(at.0)) {
            Some(Kind::Number) => self.typed(place, Typed::Number(Decimal::whole(number))),
            Some(_) => self.text(place, &number.to_string()),
            None => self,
        }
    }

    /// A length of time in milliseconds.
    pub fn millis(&mut self, place: Option<Place>, millis: i64) -> &mut Self {
        let length = Duration::of_millis(millis);
        match place.and_then(|at| self.terms.candidates.kind(at.0)) {
            Some(Kind::Duration) => self.typed(place, Typed::Duration(length)),
            Some(_) => self.text(place, &length.to_string()),
            None => self,
        }
    }

    fn put<'t>(&mut self, place: Option<Place>, known: Known, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        if let Some(Place(at)) = place {
            self.told.begin(at, known);
            let measured = self.terms.slots.get(at).filter(|_| self.terms.is_measured);
            texts.into_iter().for_each(|text| match measured.and_then(|slot| slot.amount(text)) {
                Some(amount) => self.told.push_as(at, text, amount),
                None => self.told.push(at, &self.terms.candidates, text),
            });
        }
        self
    }

    fn typed(&mut self, place: Option<Place>, typed: Typed) -> &mut Self {
        if let Some(place) = place {
            self.told.begin(place.0, Known::Values);
            self.told.push_typed(place.0, typed);
        }
        self
    }
}
