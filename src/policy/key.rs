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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_that_only_one_text_has_is_no_other_text_s(one in "[ab\\x00\\x07é]{0,4}", other in "[ab\\x00\\x07é]{0,9}") {
            let key = Key::of(&one);
            prop_assert_eq!(key.is_whole(), one.len() < 8);
            prop_assert!(!key.is_whole() || (key == Key::of(&other)) == (one == other));
        }
    }
}
