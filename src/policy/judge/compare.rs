//! One comparison: a fact, an operator, a right operand.

use std::cmp::Ordering;

use super::{Eval, Looking};
use crate::model::time::Timestamp;
use crate::policy::compile::{Atom, Probe, Test, Told};
use crate::policy::facts::{Fact, Known, Values};
use crate::policy::truth::Mask;
use crate::policy::value::{Duration, Right, Seen, Typed};
use crate::policy::vocabulary::{Kind, Operator};
use crate::policy::world::Phase;

impl Eval<'_> {
    /// The truth of the comparison at this place.
    pub(in crate::policy) fn atom(&self, at: usize) -> Mask {
        self.terms.probes.get(at).map_or(Mask::UNKNOWN, |probe| self.probed(at, probe))
    }

    /// The same, looked up already.
    #[inline]
    pub(super) fn probed(&self, at: usize, probe: &Probe) -> Mask {
        match &probe.test {
            Test::Whole => return self.whole(at),
            Test::Now(orders, bound) => return Mask::of(orders.admit(self.now.cmp(&Timestamp::from_millis(*bound)))),
            _ if self.is_past(probe.slot as usize) => return Mask::UNKNOWN,
            _ => {}
        }
        let Some((all, fact)) = self.sheet.fact(probe.slot as usize) else { return Mask::UNKNOWN };
        match fact.known {
            Known::Among | Known::Values => tested(&probe.test, all, fact).unwrap_or_else(|| self.whole(at)),
            Known::Ambiguous | Known::AmongOthers => self.whole(at),
            open => self.open(open, probe.exchange_only),
        }
    }

    /// The same in full, value by value.
    #[inline(never)]
    fn whole(&self, at: usize) -> Mask {
        let Some(atom) = self.terms.atoms.get(at) else { return Mask::UNKNOWN };
        let (Some(slot), Some((all, fact))) = (self.terms.slots.get(atom.slot), self.sheet.fact(atom.slot)) else {
            return Mask::UNKNOWN;
        };
        if let Some(seen) = self.told_by_time(slot.from) {
            return values(atom, std::iter::once(seen));
        }
        if let Some(since) = self.since.filter(|_| self.is_delay(atom)) {
            return self.waited(atom, since);
        }
        if self.is_past(atom.slot) {
            return self.within(atom);
        }
        match fact.known {
            Known::Among => groups(atom, all.seen(fact)),
            Known::AmongOthers => among_others(atom, groups(atom, all.seen(fact))),
            Known::Values if matches!(atom.operator, Operator::IsA | Operator::IsPartOf | Operator::HasPart) => {
                self.by_taxonomy(at, atom, all.seen(fact))
            }
            Known::Values => values(atom, all.seen(fact)),
            Known::Ambiguous => ambiguous(atom, values(atom, all.seen(fact))),
            // As for duties, time runs from the agreement on: the one moment that both sides know.
            Known::Absent if slot.from == Told::Elapsed && self.agreed().is_some() => self.within(atom),
            open => self.open(open, slot.exchange_only),
        }
    }

    /// When the time began that comparisons with time elapsed count: with the agreement, for a remedy with the infringement.
    pub(super) fn agreed(&self) -> Option<Timestamp> {
        self.infringed.or(self.sheet.background().agreed)
    }

    /// The time since the agreement, where nothing else was told of time elapsed.
    pub(in crate::policy) fn elapsed(&self, from: Told) -> Option<Seen<'static>> {
        (from == Told::Elapsed).then(|| self.told_by_time(Told::Agreement)).flatten()
    }

    /// Whether what is known of an operand says nothing of the time looked at: of the past only the clock does, and of how an act was
    /// done then, what is known of it and is no measure that has gone on since.
    fn is_past(&self, slot: usize) -> bool {
        let goes_on =
            || self.policy.slots.get(slot).is_none_or(|slot| matches!(slot.kind, Kind::Duration | Kind::FieldPath));
        match self.looking {
            Looking::Now => false,
            Looking::Back => true,
            Looking::AtDeed => goes_on(),
        }
    }

    /// The truth of a comparison of which no values are known: open where an exchange will tell.
    #[inline(never)]
    fn open(&self, known: Known, exchange_only: bool) -> Mask {
        let to_come = known == Known::Deferred || (known == Known::Absent && exchange_only);
        if to_come && self.sheet.background().phase != Phase::Exchange { Mask::DEFERRED } else { Mask::UNKNOWN }
    }

    /// The value of an operand that the clock tells.
    pub(in crate::policy) fn told_by_time(&self, from: Told) -> Option<Seen<'static>> {
        let typed = match from {
            Told::Now => Typed::Instant(self.now),
            Told::Agreement => {
                let since = self.now.millis().saturating_sub(self.agreed()?.millis());
                Typed::Duration(Duration::of_millis(since))
            }
            Told::Fact | Told::Groups | Told::Elapsed => return None,
        };
        Some(Seen { text: "", typed })
    }

    /// Every value below one of the right operands, or none of them below any; otherwise it cannot be told. A set has a part when one
    /// of its values has it.
    fn by_taxonomy<'s>(&self, at: usize, atom: &Atom, seen: impl Iterator<Item = Seen<'s>>) -> Mask {
        let has_part = atom.operator == Operator::HasPart;
        if has_part && atom.right.len() != 1 {
            return Mask::UNKNOWN;
        }
        let mut all = seen.map(|value| self.placed(at, atom, &value));
        let Some(first) = all.next() else { return Mask::UNKNOWN };
        if has_part {
            return all.fold(first, Mask::or);
        }
        if all.all(|other| other == first) { first } else { Mask::UNKNOWN }
    }

    /// The same of one value.
    pub(in crate::policy) fn placed(&self, at: usize, atom: &Atom, value: &Seen<'_>) -> Mask {
        if atom.right.iter().any(|right| right.equals(value) == Some(true)) {
            return Mask::TRUE;
        }
        let kin = self.sheet.background().kin.get(at).and_then(Option::as_ref);
        Mask::known(kin.and_then(|kin| kin.holds(value.text)))
    }
}

/// What bits and numbers tell; `None` where they do not. Of groups, `eq` means "belongs to", because X-Road writes it so.
#[inline]
fn tested(test: &Test, all: &Values, fact: &Fact) -> Option<Mask> {
    let (bits, one) = (fact.bits, fact.len == 1 || fact.known == Known::Among);
    Some(match test {
        Test::Any(wanted) => Mask::of(bits & *wanted != 0),
        Test::None(unwanted) => Mask::of(bits & *unwanted == 0),
        Test::All(wanted) => Mask::of(bits & *wanted == *wanted),
        Test::Same(wanted) if one => Mask::of(bits & *wanted != 0),
        Test::Other(unwanted) if one => Mask::of(bits & *unwanted == 0),
        Test::Number(orders, bound) => Mask::of(orders.admit(all.number(fact)?.compare_whole(*bound)?)),
        Test::Same(_) | Test::Other(_) | Test::Now(..) | Test::Whole => return None,
    })
}

/// The truth where some path may mean two things: no pattern covers that for certain, nor leaves it out.
fn ambiguous(atom: &Atom, plainly: Mask) -> Mask {
    let excludes = matches!(atom.operator, Operator::Neq | Operator::IsNoneOf);
    match plainly {
        Mask::FALSE if excludes => Mask::FALSE,
        Mask::FALSE if atom.asked => Mask::FALSE,
        Mask::TRUE if !excludes => Mask::TRUE,
        _ => Mask::UNKNOWN,
    }
}

/// The truth where there may be more than is known of: that one is there is certain, that none is there is not.
fn among_others(atom: &Atom, of_these: Mask) -> Mask {
    let excludes = matches!(atom.operator, Operator::Neq | Operator::IsNoneOf);
    match of_these {
        Mask::FALSE if excludes => Mask::FALSE,
        Mask::TRUE if !excludes => Mask::TRUE,
        _ => Mask::UNKNOWN,
    }
}

fn values<'s>(atom: &Atom, seen: impl Iterator<Item = Seen<'s>> + Clone) -> Mask {
    if atom.right.is_empty() {
        return Mask::UNKNOWN;
    }
    match atom.operator {
        Operator::IsAnyOf => Mask::known(any(atom, seen)),
        Operator::IsNoneOf => Mask::known(any(atom, seen)).not(),
        Operator::IsAllOf => every(&atom.right, |right| some(seen.clone(), |value| right.equals(&value))),
        operator => match (one_value(seen), &*atom.right) {
            (Some(value), [right]) => single(operator, value, right),
            _ => Mask::UNKNOWN,
        },
    }
}

/// The value of a set that has only one, however often it is named.
fn one_value<'s>(mut all: impl Iterator<Item = Seen<'s>>) -> Option<Seen<'s>> {
    let first = all.next()?;
    all.all(|other| first.is(&other)).then_some(first)
}

fn single(operator: Operator, value: Seen<'_>, right: &Right) -> Mask {
    let ordered = |wanted: fn(Ordering) -> bool| Mask::known(right.order(&value).map(wanted));
    match operator {
        Operator::Eq => Mask::known(right.equals(&value)),
        Operator::Neq => Mask::known(right.equals(&value)).not(),
        Operator::Lt => ordered(Ordering::is_lt),
        Operator::Lteq => ordered(Ordering::is_le),
        Operator::Gt => ordered(Ordering::is_gt),
        Operator::Gteq => ordered(Ordering::is_ge),
        _ => Mask::UNKNOWN,
    }
}

/// Whether any value is any of the right operands.
fn any<'s>(atom: &Atom, mut seen: impl Iterator<Item = Seen<'s>>) -> Option<bool> {
    match &atom.index {
        Some(index) => Some(seen.any(|value| index.holds(value.text))),
        None => some(seen, |value| some(&atom.right, |right| right.equals(&value))),
    }
}

/// Whether one of them does; unknown when none surely does and one may.
fn some<T>(all: impl IntoIterator<Item = T>, test: impl Fn(T) -> Option<bool>) -> Option<bool> {
    let mut answer = Some(false);
    for one in all {
        match test(one) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

fn every(all: &[Right], test: impl Fn(&Right) -> Option<bool>) -> Mask {
    Mask::known(some(all, |right| test(right).map(|holds| !holds)).map(|missing| !missing))
}

/// Membership: `eq` means "belongs to", because X-Road writes it so.
fn groups<'s>(atom: &Atom, groups: impl Iterator<Item = Seen<'s>> + Clone) -> Mask {
    let holds = |right: &Right| some(groups.clone(), |group| right.equals(&group));
    match (atom.operator, &*atom.right) {
        (_, []) => Mask::UNKNOWN,
        (Operator::Eq, [right]) => Mask::known(holds(right)),
        (Operator::IsA | Operator::IsPartOf, all) => Mask::known(some(all, holds)),
        (Operator::Neq, [right]) => Mask::known(holds(right)).not(),
        (Operator::IsAnyOf, all) => Mask::known(some(all, holds)),
        (Operator::IsNoneOf, all) => Mask::known(some(all, holds)).not(),
        (Operator::IsAllOf, all) => every(all, holds),
        _ => Mask::UNKNOWN,
    }
}

impl Eval<'_> {
    /// Whether the comparison sets an upper bound to the time, and the bound has passed.
    pub(super) fn has_passed(&self, at: usize) -> bool {
        let Some((atom, slot)) = self.policy.atoms.get(at).and_then(|a| Some((a, self.policy.slots.get(a.slot)?)))
        else {
            return false;
        };
        if !matches!(atom.operator, Operator::Lt | Operator::Lteq | Operator::Eq) || atom.right.is_empty() {
            return false;
        }
        let passed = |seen: Seen<'_>| {
            atom.right.iter().all(|bound| match bound.order(&seen) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => atom.operator == Operator::Lt,
                _ => false,
            })
        };
        match self.told_by_time(slot.from) {
            Some(seen) => passed(seen),
            // Time that only adds up: elapsed, metered, delayed.
            None if slot.kind == Kind::Duration => {
                let mut values = self.sheet.seen(atom.slot).peekable();
                if values.peek().is_some() { values.all(passed) } else { self.within(atom).fails() }
            }
            None => false,
        }
    }

    /// Whether the time looked at is within what a duty leaves from the agreement on; unknown when the world tells otherwise how
    /// much has elapsed, or nothing.
    fn within(&self, atom: &Atom) -> Mask {
        let told = self.sheet.fact(atom.slot).is_some_and(|(_, fact)| fact.known.is_told());
        let [right] = &*atom.right else { return Mask::UNKNOWN };
        let Some(limit) = self.policy.moment(atom, right, self.agreed()).filter(|_| !told) else {
            return Mask::UNKNOWN;
        };
        match atom.operator {
            Operator::Lt => Mask::of(self.now < limit),
            // "After 30 days" leaves 30 days.
            Operator::Lteq | Operator::Eq => Mask::of(self.now <= limit),
            Operator::Gt => Mask::of(self.now > limit),
            Operator::Gteq => Mask::of(self.now >= limit),
            _ => Mask::UNKNOWN,
        }
    }
}
