//! Text of others as it may be printed: nothing in it moves a terminal or hides what stands beside it.

use std::borrow::Cow;

/// Text on one line: control characters, and marks that turn the direction of writing, as escapes.
#[must_use]
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same for text of several lines.
#[must_use]
pub fn on_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

fn escaped(text: &str, kept: fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| !kept(c) && (c.is_control() || turns(c));
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Marks that change the direction of writing (Unicode Standard Annex 9), and line separators.
const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_a_terminal_is_escaped_and_the_rest_is_not() {
        assert_eq!(on_one_line("a\nb\u{1b}[31m\u{9b}\u{7f}"), "a\\nb\\u{1b}[31m\\u{9b}\\u{7f}");
        assert_eq!(on_one_line("x\u{202e}y"), "x\\u{202e}y");
        assert!(matches!(on_one_line("kinnistu õÄ 界 \\ \"q\""), Cow::Borrowed(_)));
        assert_eq!(on_lines("one\ntwo\r"), "one\ntwo\\r");
    }
}
