//! How patterns stand to each other: whether they share a call, whether one covers all calls of another.

use super::{Pattern, Segment};

impl Pattern {
    /// Whether any call may be covered by both patterns; true where that is not easily told.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let methods = match (&self.method, &other.method) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        methods && segments_meet(&self.segments, &other.segments)
    }

    /// Whether this pattern covers every call that the other one covers; false where that is not easily told.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        let methods = self.method.is_none() || self.method == other.method;
        methods && segments_contain(&self.segments, &other.segments)
    }
}

impl Segment {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(text), other) | (other, Self::Plain(text)) => other.matches(text),
            _ => true,
        }
    }

    /// Whether every text that the other stands for is one that this stands for.
    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Plain(text)) => self.matches(text),
            (Self::One, Self::One) => true,
            (Self::Plain(_), _) | (_, Self::Any) => false,
        }
    }
}

/// Row by row over all pairs of positions: does the rest of `wide` cover every path of the rest of `narrow`?
fn segments_contain(wide: &[Segment], narrow: &[Segment]) -> bool {
    let width = narrow.len() + 1;
    let mut below = vec![false; width];
    for row in (0..=wide.len()).rev() {
        let mut current = vec![false; width];
        for column in (0..width).rev() {
            let next = current.get(column + 1).copied().unwrap_or(false);
            let under = below.get(column).copied().unwrap_or(false);
            let across = below.get(column + 1).copied().unwrap_or(false);
            let contains = match (wide.get(row), narrow.get(column)) {
                (None, None) => true,
                (Some(Segment::Any), None) => under,
                (Some(Segment::Any), Some(_)) => under || next,
                (Some(one), Some(other)) => one.contains(other) && across,
                _ => false,
            };
            if let Some(cell) = current.get_mut(column) {
                *cell = contains;
            }
        }
        below = current;
    }
    below.first().copied().unwrap_or(false)
}

/// Row by row over all pairs of positions: can the rests still be covered by one path?
fn segments_meet(a: &[Segment], b: &[Segment]) -> bool {
    let width = b.len() + 1;
    let mut below = vec![false; width];
    for row in (0..=a.len()).rev() {
        let mut current = vec![false; width];
        for column in (0..width).rev() {
            let next = current.get(column + 1).copied().unwrap_or(false);
            let under = below.get(column).copied().unwrap_or(false);
            let across = below.get(column + 1).copied().unwrap_or(false);
            let meets = match (a.get(row), b.get(column)) {
                (None, None) => true,
                (Some(Segment::Any), Some(Segment::Any)) => under || next || across,
                (Some(Segment::Any), _) => under || (column < b.len() && next),
                (_, Some(Segment::Any)) => next || under,
                (Some(one), Some(other)) => one.meets(other) && across,
                _ => false,
            };
            if let Some(cell) = current.get_mut(column) {
                *cell = meets;
            }
        }
        below = current;
    }
    below.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_wider_pattern_covers_all_of_a_narrower_one() {
        for (wide, narrow, contains) in [
            ("GET /a/**", "GET /a/*", true),
            ("GET /a/**", "GET /a", true),
            ("* /**", "GET /a/*/b", true),
            ("GET /a/*", "GET /a/x", true),
            ("GET /a/*", "GET /a/", false),
            ("GET /a/*", "GET /a/**", false),
            ("GET /a/*", "* /a/x", false),
            ("GET /**/b", "GET /a/**/b", true),
            ("GET /x*", "GET /x*", true),
            ("GET /x*", "GET /xy", false),
            ("GET /*", "GET /x*", true),
        ] {
            assert_eq!(pattern(wide).contains(&pattern(narrow)), contains, "{wide} {narrow}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_contained_is_covered(
            wide in "/(a|b|\\*|\\*\\*|a\\*)(/(a|b|\\*|\\*\\*|\\*b)){0,3}",
            narrow in "/(a|b|\\*|\\*\\*|a\\*)(/(a|b|\\*|\\*\\*|\\*b)){0,3}",
            call in "/(a|b|ab|a\\*|)(/(a|b|ab|c|\\*b)){0,3}",
        ) {
            let [wide, narrow, call] = [wide, narrow, call].map(|path| format!("GET {path}"));
            let (wide, narrow) = (pattern(&wide), pattern(&narrow));
            prop_assert!(!wide.contains(&narrow) || !narrow.covers(&call) || wide.covers(&call));
        }
    }
}
