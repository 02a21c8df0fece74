//! Equality of texts, most of which one look tells apart.

/// The length of a text with its first and its last eight bytes, in one number: all there is of a text of less than eight bytes, and
/// what tells most others apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// The highest byte of the keys of longer texts; that of shorter ones is at most 7.
const LONGER: u64 = 0xff << 56;

impl Key {
    #[inline]
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let len = bytes.len() as u64;
        match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                let [first, last] = [first, last].map(|end| u64::from_le_bytes(*end));
                Self(first.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ last.rotate_left(29) ^ len | LONGER)
            }
            _ => Self(bytes.iter().fold(len, |all, byte| (all << 8) | u64::from(*byte))),
        }
    }

    /// Whether only one text has it.
    #[inline]
    pub(crate) const fn is_whole(self) -> bool {
        self.0 & LONGER != LONGER
    }
}

/// A text to compare others with, its key at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keyed {
    key: Key,
    text: Box<str>,
}

impl Keyed {
    pub(crate) fn new(text: &str) -> Self {
        Self { key: Key::of(text), text: text.into() }
    }

    /// Whether it is this text, which has this key.
    #[inline]
    pub(crate) fn is(&self, text: &str, key: Key) -> bool {
        self.key == key && (key.is_whole() || *self.text == *text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_a_keyed_one_exactly_when_it_is_the_same(one in "[ab\\x00\\x07é]{0,20}", other in "[ab\\x00\\x07é]{0,20}") {
            let keyed = Keyed::new(&one);
            prop_assert!(keyed.is(&one, Key::of(&one)));
            prop_assert_eq!(keyed.is(&other, Key::of(&other)), one == other);
        }

        #[test]
        fn short_texts_share_no_key(one in "[ab\\x00\\x07é]{0,4}", other in "[ab\\x00\\x07é]{0,9}") {
            prop_assert_eq!(Key::of(&one) == Key::of(&other), one == other);
        }

        #[test]
        fn a_text_that_differs_in_one_place_is_another(text in "[ab]{1,60}", at in 0_usize..60) {
            let at = at % text.len();
            let other: String = text.char_indices().map(|(i, c)| if i == at { 'c' } else { c }).collect();
            prop_assert!(!Keyed::new(&text).is(&other, Key::of(&other)));
        }
    }
}
