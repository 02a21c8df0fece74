//! One record as one line: how it is sealed, and how a sealed line is read.
//!
//! A line is a JSON object without line breaks. Its first members are `sequence`, `previous` and `recorded`; its last member is
//! `hash`. The hash is SHA-256 over the line's own bytes from `{` up to, not including, the comma before `"hash"`. So a record's
//! canonical form is the line itself, and a verifier needs no canonicalisation of JSON.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::model::exchange::{Digest, ExchangeId, RecordKind};
use crate::model::time::Timestamp;

/// The longest line that is written or read, in bytes.
pub(super) const LONGEST: usize = 1024 * 1024;
/// What the first record names as its predecessor.
pub(super) const NOTHING_BEFORE: Digest = Digest([0; 32]);

const HASH: &[u8] = b",\"hash\":\"";
const END: &[u8] = b"\"}";

/// The members that every line has, or that verification looks at.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Link {
    pub(super) sequence: u64,
    pub(super) previous: Digest,
    pub(super) recorded: Timestamp,
    pub(super) kind: RecordKind,
    pub(super) exchange: Option<ExchangeId>,
    pub(super) opening: Option<u64>,
    pub(super) hash: Digest,
}

/// Appends the line for `body` (a JSON object) to `out`, line break included; its hash.
pub(super) fn seal(out: &mut Vec<u8>, sequence: u64, previous: Digest, recorded: Timestamp, body: &[u8]) -> Digest {
    use std::io::Write as _;
    let start = out.len();
    let _ = write!(out, "{{\"sequence\":{sequence},\"previous\":\"");
    out.extend_from_slice(&previous.to_hex());
    let _ = write!(out, "\",\"recorded\":\"{recorded}\",");
    out.extend_from_slice(body.strip_prefix(b"{").and_then(|b| b.strip_suffix(b"}")).unwrap_or_default());
    let hash = digest(out.get(start..).unwrap_or_default());
    out.extend_from_slice(HASH);
    out.extend_from_slice(&hash.to_hex());
    out.extend_from_slice(END);
    out.push(b'\n');
    hash
}

/// Reads a line (without its line break) and checks its own hash.
///
/// # Errors
/// A sentence saying what is wrong with it.
pub(super) fn read(line: &[u8]) -> Result<Link, &'static str> {
    let covered = line.len().checked_sub(HASH.len() + 64 + END.len()).ok_or("the line is too short")?;
    let (covered, tail) = line.split_at(covered);
    let hash = tail
        .strip_prefix(HASH)
        .and_then(|t| t.strip_suffix(END))
        .and_then(|t| std::str::from_utf8(t).ok())
        .and_then(Digest::parse)
        .ok_or("the line does not end with its hash")?;
    if digest(covered) != hash {
        return Err("the record was changed: its hash does not fit its bytes");
    }
    let link: Link = serde_json::from_slice(line).map_err(|_| "the line is not an evidence record")?;
    if link.hash == hash { Ok(link) } else { Err("the line is not an evidence record") }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_line_reads_back_and_any_changed_byte_shows() {
        let mut line = Vec::new();
        let body = br#"{"kind":"incident","note":"caf\u00e9"}"#;
        let hash = seal(&mut line, 7, NOTHING_BEFORE, Timestamp::from_millis(0), body);
        assert_eq!(line.pop(), Some(b'\n'));
        let link = read(&line).unwrap();
        assert_eq!((link.sequence, link.previous, link.hash), (7, NOTHING_BEFORE, hash));
        for at in 0..line.len() {
            let mut changed = line.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_second_hash_member_does_not_hide_the_first() {
        let mut line = Vec::new();
        let forged = format!(r#"{{"kind":"incident","hash":"{}"}}"#, Digest::OF_NOTHING);
        seal(&mut line, 1, NOTHING_BEFORE, Timestamp::from_millis(0), forged.as_bytes());
        line.pop();
        assert!(read(&line).is_err());
    }
}
