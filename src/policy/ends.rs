//! Equality of texts, most of which are short, without a loop over them.

/// The first and the last eight bytes of a text, and its length: all there is of a short one, and what tells most others apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    first: u64,
    last: u64,
    len: usize,
}

impl Ends {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (bytes.iter().fold(0, |all, byte| (all << 8) ^ u64::from(*byte)), 0),
        };
        Self { first, last, len: bytes.len() }
    }

    /// Whether they are the whole text.
    const fn are_all(self) -> bool {
        self.len <= 16
    }
}

/// A text to compare others with, its ends at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    ends: Ends,
    text: Box<str>,
}

impl Marked {
    pub(crate) fn new(text: &str) -> Self {
        Self { ends: Ends::of(text), text: text.into() }
    }

    /// Whether it is this text, which has these ends.
    pub(crate) fn is(&self, text: &str, ends: Ends) -> bool {
        self.ends == ends && (ends.are_all() || *self.text == *text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_a_marked_one_exactly_when_it_is_the_same(one in "[ab\\x00é]{0,20}", other in "[ab\\x00é]{0,20}") {
            let marked = Marked::new(&one);
            prop_assert!(marked.is(&one, Ends::of(&one)));
            prop_assert_eq!(marked.is(&other, Ends::of(&other)), one == other);
        }
    }
}
