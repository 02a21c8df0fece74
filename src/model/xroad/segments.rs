//! Codes and how they are written between separators.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stands in a path segment as it is (RFC 3986 `pchar` without `:`, `;` and `@`, which other readers give a meaning to).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b'!')
    .remove(b'*');

/// The longest code in characters: what the security server's database holds.
const LONGEST: usize = 255;

/// Why a text is not an X-Road identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Too few or too many codes.
    #[error("{found} codes in {text:?}: expected {expected}")]
    Count {
        /// How many there are.
        found: usize,
        /// What was to be read.
        expected: &'static str,
        /// The text, shortened.
        text: String,
    },
    /// A code of no characters.
    #[error("code {position} is empty")]
    Empty {
        /// Which one, from 1.
        position: usize,
    },
    /// A code of more than 255 characters.
    #[error("code {position} is longer than {LONGEST} characters")]
    TooLong {
        /// Which one, from 1.
        position: usize,
    },
    /// A character that no code may have.
    #[error("code {position} has {character:?}, which no X-Road identifier may have")]
    Character {
        /// Which code, from 1.
        position: usize,
        /// The character.
        character: char,
    },
    /// `.` or `..`, or a space at an end.
    #[error("code {position} cannot be addressed: it is a dot segment or begins or ends with a space")]
    Unaddressable {
        /// Which one, from 1.
        position: usize,
    },
    /// Percent-encoding that is not UTF-8.
    #[error("code {position} is not percent-encoded UTF-8")]
    Encoding {
        /// Which one, from 1.
        position: usize,
    },
}

/// Reads the `/` form, or without any `/` the `:` form, into the encoded `/` form.
pub(super) fn read(
    text: &str,
    expected: &'static str,
    count: RangeInclusive<usize>,
) -> Result<Arc<str>, IdentifierError> {
    let separator = if text.contains('/') { '/' } else { ':' };
    let found = text.split(separator).count();
    if !count.contains(&found) {
        return Err(IdentifierError::Count { found, expected, text: text.chars().take(80).collect() });
    }
    let mut codes = Vec::with_capacity(found);
    for (at, part) in text.split(separator).enumerate() {
        let decoded = percent_decode_str(part);
        codes.push(decoded.decode_utf8().map_err(|_| IdentifierError::Encoding { position: at + 1 })?);
    }
    join(codes.iter().map(AsRef::as_ref))
}

/// Checks codes and writes them in the `/` form.
pub(super) fn join<'a>(codes: impl Iterator<Item = &'a str>) -> Result<Arc<str>, IdentifierError> {
    let mut out = String::new();
    for (at, code) in codes.enumerate() {
        check(code, at + 1)?;
        if at > 0 {
            out.push('/');
        }
        out.extend(utf8_percent_encode(code, ENCODED));
    }
    Ok(out.into())
}

/// One code of an encoded text, decoded.
pub(super) fn code(text: &str, at: usize) -> Option<Cow<'_, str>> {
    text.split('/').nth(at).map(|part| percent_decode_str(part).decode_utf8_lossy())
}

/// One code of an encoded text that is known to have it.
pub(super) fn code_at(text: &str, at: usize) -> Cow<'_, str> {
    code(text, at).unwrap_or_default()
}

/// The `:` form with decoded codes.
pub(super) fn colons(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split('/').enumerate() {
        if at > 0 {
            out.push(':');
        }
        out.push_str(&percent_decode_str(part).decode_utf8_lossy());
    }
    out
}

/// Whether every code has only the characters that the message protocol names.
pub(super) fn is_plain(text: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || "'()+,-.=?".contains(c);
    text.split('/').all(|part| percent_decode_str(part).decode_utf8_lossy().chars().all(named))
}

fn check(code: &str, position: usize) -> Result<(), IdentifierError> {
    if code.is_empty() {
        return Err(IdentifierError::Empty { position });
    }
    if code.chars().count() > LONGEST {
        return Err(IdentifierError::TooLong { position });
    }
    if let Some(character) = code.chars().find(|c| forbidden(*c)) {
        return Err(IdentifierError::Character { position, character });
    }
    if code.trim() != code || code.bytes().all(|b| b == b'.') {
        return Err(IdentifierError::Unaddressable { position });
    }
    Ok(())
}

/// Characters that the security server refuses in identifiers, or that its HTTP front refuses even when encoded.
/// An encoded slash is not among them: it is the protocol's way to write a slash inside a code.
fn forbidden(c: char) -> bool {
    c.is_control() || matches!(c, ':' | ';' | '%' | '\\' | '\u{200b}' | '\u{feff}')
}
