//! Equality of texts, most of which are short, without a loop over them.

/// The first and the last sixteen bytes of a text, and its length: all there is of a short one, and what tells most others apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    first: u128,
    last: u128,
    len: usize,
}

impl Ends {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let len = bytes.len();
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            return Self { first: u128::from_le_bytes(*first), last: u128::from_le_bytes(*last), len };
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let [first, last] = [first, last].map(|chunk| u128::from(u64::from_le_bytes(*chunk)));
            return Self { first, last, len };
        }
        Self { first: bytes.iter().fold(0, |all, byte| (all << 8) ^ u128::from(*byte)), last: 0, len }
    }

    /// Whether they are the whole text.
    const fn are_all(self) -> bool {
        self.len <= 32
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
        fn a_text_is_a_marked_one_exactly_when_it_is_the_same(one in "[ab\\x00é]{0,40}", other in "[ab\\x00é]{0,40}") {
            let marked = Marked::new(&one);
            prop_assert!(marked.is(&one, Ends::of(&one)));
            prop_assert_eq!(marked.is(&other, Ends::of(&other)), one == other);
        }

        #[test]
        fn a_text_that_differs_in_one_place_is_another(text in "[ab]{1,60}", at in 0_usize..60) {
            let at = at % text.len();
            let other: String = text.char_indices().map(|(i, c)| if i == at { 'c' } else { c }).collect();
            prop_assert!(!Marked::new(&text).is(&other, Ends::of(&other)));
        }
    }
}
