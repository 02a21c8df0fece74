//! Three-valued truth, and what may still become of it.

use serde::Serialize;

/// Three-valued truth as it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// Known to hold.
    True,
    /// Known not to hold.
    False,
    /// Not known.
    Unknown,
}

/// The truths that a constraint can have. One of them on an exchange; before it, a fact that only an exchange can supply may still
/// make it true or false, and both are kept (strong Kleene logic, for each choice).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask(u8);

impl Mask {
    pub(crate) const FALSE: Self = Self(1);
    pub(crate) const UNKNOWN: Self = Self(2);
    pub(crate) const TRUE: Self = Self(4);
    /// An exchange will tell.
    pub(crate) const DEFERRED: Self = Self(1 | 4);
    /// Not evaluated.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn of(flag: bool) -> Self {
        if flag { Self::TRUE } else { Self::FALSE }
    }

    /// `None` is unknown.
    pub(crate) fn known(flag: Option<bool>) -> Self {
        flag.map_or(Self::UNKNOWN, Self::of)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        let unknown = ((a & (b | (b >> 1))) | (b & (a | (a >> 1)))) & 2;
        Self(((a | b) & 1) | unknown | (a & b & 4))
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    pub(crate) const fn not(self) -> Self {
        Self((self.0 & 2) | (self.0 >> 2) | ((self.0 & 1) << 2))
    }

    /// Whether it lets a permission permit: it is true, or may become so.
    pub(crate) const fn lets(self) -> bool {
        self.0 & 4 != 0
    }

    /// Whether it makes a prohibition refuse: it is not false, and cannot become so.
    pub(crate) const fn bars(self) -> bool {
        self.0 & 1 == 0
    }

    /// Whether it is false, whatever an exchange brings.
    pub(crate) const fn fails(self) -> bool {
        self.0 == Self::FALSE.0
    }

    pub(crate) const fn truth(self) -> Truth {
        match self {
            Self::TRUE => Truth::True,
            Self::FALSE => Truth::False,
            _ => Truth::Unknown,
        }
    }
}

/// Exactly one of several.
#[derive(Clone, Copy)]
pub(crate) struct Xone {
    /// Which of the six situations are possible: true ones seen so far (none, one, more) with and without unknown ones.
    possible: u8,
}

impl Xone {
    pub(crate) const fn new() -> Self {
        Self { possible: 1 }
    }

    pub(crate) const fn add(&mut self, part: Mask) {
        let now = self.possible;
        let mut next = 0;
        if part.0 & Mask::FALSE.0 != 0 {
            next |= now;
        }
        if part.0 & Mask::TRUE.0 != 0 {
            // Without unknown ones: bits 0, 1, 2; with: bits 3, 4, 5. The last of each stays.
            next |= ((now & 0b01_1011) << 1) | (now & 0b10_0100);
        }
        if part.0 & Mask::UNKNOWN.0 != 0 {
            next |= ((now & 0b00_0111) << 3) | (now & 0b11_1000);
        }
        self.possible = next;
    }

    pub(crate) const fn truth(self) -> Mask {
        let mut mask = 0;
        // None of them, or more than one whatever the unknown ones are.
        if self.possible & 0b10_0101 != 0 {
            mask |= Mask::FALSE.0;
        }
        if self.possible & 0b00_0010 != 0 {
            mask |= Mask::TRUE.0;
        }
        if self.possible & 0b01_1000 != 0 {
            mask |= Mask::UNKNOWN.0;
        }
        Mask(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Mask; 3] = [Mask::FALSE, Mask::UNKNOWN, Mask::TRUE];

    /// Kleene's tables over 0, 1, 2 for false, unknown, true.
    fn rank(mask: Mask) -> usize {
        ALL.iter().position(|m| *m == mask).unwrap()
    }

    /// The union, over each choice of single truths, of what a table says.
    fn each(a: u8, b: u8, table: impl Fn(usize, usize) -> usize) -> Mask {
        let mut mask = 0;
        for (i, one) in ALL.iter().enumerate().filter(|(_, m)| m.0 & a != 0) {
            let _ = one;
            for (j, _) in ALL.iter().enumerate().filter(|(_, m)| m.0 & b != 0) {
                mask |= ALL[table(i, j)].0;
            }
        }
        Mask(mask)
    }

    #[test]
    fn and_or_and_not_are_strong_kleene_for_every_choice() {
        for a in 1..8 {
            assert_eq!(Mask(a).not().not(), Mask(a));
            for b in 1..8 {
                assert_eq!(Mask(a).and(Mask(b)), each(a, b, Ord::min), "{a} and {b}");
                assert_eq!(Mask(a).or(Mask(b)), each(a, b, Ord::max), "{a} or {b}");
            }
        }
        assert_eq!(rank(Mask::TRUE), 2);
    }

    #[test]
    fn xone_is_true_for_exactly_one() {
        let xone = |parts: &[Mask]| {
            let mut out = Xone::new();
            parts.iter().for_each(|part| out.add(*part));
            out.truth()
        };
        let (f, u, t) = (Mask::FALSE, Mask::UNKNOWN, Mask::TRUE);
        for (parts, expected) in [
            (&[f, f][..], f),
            (&[t, f], t),
            (&[t, t], f),
            (&[t, t, u], f),
            (&[t, u], u),
            (&[f, u], u),
            (&[t, f, t, f], f),
            (&[Mask::DEFERRED, t], Mask::DEFERRED),
            (&[Mask::DEFERRED, f], Mask::DEFERRED),
            (&[Mask::DEFERRED, t, t], f),
        ] {
            assert_eq!(xone(parts), expected, "{parts:?}");
        }
    }
}
