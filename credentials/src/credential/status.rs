//! Whether a credential was revoked or suspended: Bitstring Status List 1.0 and its forerunner, Status List 2021.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::{Credential, CredentialError};
use crate::did::Did;

/// Bytes of a list that are unpacked at most: 16 million credentials.
const LARGEST: u64 = 2 * 1024 * 1024;
/// Entries of one credential that are looked up at most.
const MOST_ENTRIES: usize = 8;

/// What a bit that is set means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusPurpose {
    /// The credential is void for good.
    Revocation,
    /// The credential is void for the time being.
    Suspension,
}

/// Where one status of a credential is told (`BitstringStatusListEntry`, `StatusList2021Entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    /// What it would mean.
    pub purpose: StatusPurpose,
    /// Which bit.
    pub index: usize,
    /// The URL of the list, which is a credential itself.
    pub list: String,
}

/// Why a status cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// The credential fetched is no status list.
    #[error("what was fetched is no status list")]
    NoList,
    /// It is a list of somebody else, or for another purpose.
    #[error("the status list is of another issuer or for another purpose")]
    Foreign,
    /// Its own time is over, or has not come.
    #[error("the status list is out of date")]
    OutOfDate,
    /// It has no such bit.
    #[error("the status list has no entry of that number")]
    Outside,
}

/// An unpacked list.
#[derive(Clone, Debug)]
pub struct StatusList {
    bits: Vec<u8>,
}

impl StatusEntry {
    /// The entries that say whether a credential is void; others, such as messages, say nothing of that.
    ///
    /// # Errors
    /// `Model` for entries of another kind: what they say cannot be looked up.
    pub(super) fn all(value: Option<&Value>) -> Result<Vec<Self>, CredentialError> {
        let all = match value {
            None => &[][..],
            Some(Value::Array(list)) => list,
            Some(one) => std::slice::from_ref(one),
        };
        if all.len() > MOST_ENTRIES {
            return Err(CredentialError::Model("it has more statuses than are looked up"));
        }
        all.iter().filter_map(|entry| Self::read(entry).transpose()).collect()
    }

    fn read(entry: &Value) -> Result<Option<Self>, CredentialError> {
        let unreadable = CredentialError::Model("it has a status that cannot be looked up here");
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        if !matches!(text("type"), Some("BitstringStatusListEntry" | "StatusList2021Entry")) {
            return Err(unreadable);
        }
        let purpose = match text("statusPurpose") {
            Some("revocation") => StatusPurpose::Revocation,
            Some("suspension") => StatusPurpose::Suspension,
            Some(_) => return Ok(None),
            None => return Err(unreadable),
        };
        let one_bit = entry.get("statusSize").is_none_or(|size| size.as_u64() == Some(1));
        let index = entry.get("statusListIndex");
        let index =
            index.and_then(|i| i.as_str().map_or_else(|| i.as_u64().map(|n| n.to_string()), |s| Some(s.into())));
        match (index.and_then(|i| i.parse().ok()), text("statusListCredential")) {
            (Some(index), Some(list)) if one_bit => Ok(Some(Self { purpose, index, list: list.to_owned() })),
            _ => Err(unreadable),
        }
    }

    /// Whether the bit is set in `list`.
    ///
    /// # Errors
    /// `Outside` when the list has no such bit: then nothing is known.
    pub fn is_set(&self, list: &StatusList) -> Result<bool, StatusError> {
        // The first entry is the left-most bit (Bitstring Status List 1.0 §3.2).
        let byte = list.bits.get(self.index / 8).ok_or(StatusError::Outside)?;
        Ok(byte >> (7 - self.index % 8) & 1 == 1)
    }
}

impl StatusList {
    /// Unpacks the list that a credential is, for an entry of a credential issued by `issuer`, at `now` (seconds since 1970).
    ///
    /// # Errors
    /// When it is none, out of date, of another issuer, or for another purpose.
    pub fn of(list: &Credential, entry: &StatusEntry, issuer: &Did, now: i64) -> Result<Self, StatusError> {
        let kinds = ["BitstringStatusListCredential", "StatusList2021Credential"];
        if !list.types.iter().any(|kind| kinds.contains(&kind.as_str())) {
            return Err(StatusError::NoList);
        }
        if !list.is_in_time(now) {
            return Err(StatusError::OutOfDate);
        }
        if list.issuer != *issuer || list.id.as_ref().is_some_and(|id| *id != entry.list) {
            return Err(StatusError::Foreign);
        }
        let subject = match list.document.get("credentialSubject") {
            Some(Value::Array(all)) => all.first(),
            one => one,
        };
        let subject = subject.ok_or(StatusError::NoList)?;
        let wanted = match entry.purpose {
            StatusPurpose::Revocation => "revocation",
            StatusPurpose::Suspension => "suspension",
        };
        let fits = match subject.get("statusPurpose") {
            Some(Value::Array(all)) => all.iter().any(|one| one == wanted),
            Some(one) => one == wanted,
            None => false,
        };
        if !fits {
            return Err(StatusError::Foreign);
        }
        let packed = subject.get("encodedList").and_then(Value::as_str).ok_or(StatusError::NoList)?;
        Ok(Self { bits: unpacked(packed).ok_or(StatusError::NoList)? })
    }
}

/// GZIP in base64url, with or without the multibase letter; early lists are in plain base64.
fn unpacked(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix('u').unwrap_or(text).trim_end_matches('=');
    let packed = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()?;
    let mut bits = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST + 1).read_to_end(&mut bits).ok()?;
    (bits.len() as u64 <= LARGEST).then_some(bits)
}
