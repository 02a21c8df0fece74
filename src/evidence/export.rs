//! Taking the log out: the files as they are, and a signed statement of where they end.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use credentials::{Signer, jws};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::line::{self, NOTHING_BEFORE};
use super::segment::{self, Lines, Segment};
use super::{EvidenceError, blocking};
use crate::model::exchange::Digest;
use crate::model::time::Timestamp;

/// `format` of a statement and an export.
pub(super) const FORMAT: &str = "sliproad-evidence/1";
/// `typ` of the signed statement.
pub(super) const STATEMENT_TYPE: &str = "sliproad-evidence-head+jwt";
/// The file that holds the statement.
pub(super) const MANIFEST: &str = "manifest.json";

/// What an export says of itself; signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Statement {
    pub(super) format: String,
    pub(super) records: u64,
    /// Number of the first record.
    pub(super) first: u64,
    /// Hash of the record before the first; zeros when there is none.
    pub(super) previous: Digest,
    /// Hash of the last record; that of `previous` when there are no records.
    pub(super) head: Digest,
    pub(super) created: Timestamp,
}

/// `manifest.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    /// For people; what counts is the payload of `signed`.
    pub(super) statement: Statement,
    /// The statement as compact JWS.
    pub(super) signed: String,
    /// The public key as JWK.
    pub(super) key: Value,
}

/// Copies the log in `log` to `out`, byte for byte, and signs its head. The log may be in use by another process: records that
/// are written meanwhile may or may not be in the export. Returns how many records were copied.
///
/// # Errors
/// When `out` is not empty, either cannot be used, or the head cannot be signed. A broken log is exported as it is; verification
/// tells.
pub async fn export(log: &Path, out: &Path, signer: &dyn Signer, now: Timestamp) -> Result<u64, EvidenceError> {
    let (from, to) = (log.to_owned(), out.to_owned());
    let statement = blocking(move || copy(&from, &to, now)).await?;
    let payload =
        serde_json::to_vec(&statement).map_err(|e| EvidenceError::Unreadable(out.to_owned(), e.to_string()))?;
    let records = statement.records;
    let manifest = Manifest {
        statement,
        signed: jws::sign(signer, STATEMENT_TYPE, &payload).await?,
        key: signer.public_key().to_jwk(),
    };
    let path = out.join(MANIFEST);
    let text = format!("{:#}\n", json!(manifest));
    blocking(move || fs::write(&path, text).map_err(|e| EvidenceError::Directory(path, e))).await?;
    Ok(records)
}

fn copy(log: &Path, out: &Path, now: Timestamp) -> Result<Statement, EvidenceError> {
    let from = |e| EvidenceError::Directory(log.to_owned(), e);
    let to = |e| EvidenceError::Directory(out.to_owned(), e);
    let segments = segment::list(log).map_err(from)?;
    fs::create_dir_all(out).map_err(to)?;
    if fs::read_dir(out).map_err(to)?.next().is_some() {
        return Err(to(io::Error::new(io::ErrorKind::AlreadyExists, "the directory is not empty; name a new one")));
    }
    let mut statement = Statement {
        format: FORMAT.to_owned(),
        records: 0,
        first: segments.first().map_or(1, |s| s.first),
        previous: NOTHING_BEFORE,
        head: NOTHING_BEFORE,
        created: now,
    };
    for segment in &segments {
        copy_segment(segment, out, &mut statement)?;
    }
    Ok(statement)
}

fn copy_segment(segment: &Segment, out: &Path, statement: &mut Statement) -> Result<(), EvidenceError> {
    let from = |e| EvidenceError::Directory(segment.path.clone(), e);
    let path: PathBuf = out.join(segment.path.file_name().unwrap_or_default());
    let to = |e| EvidenceError::Directory(path.clone(), e);
    let mut copy = BufWriter::new(File::create_new(&path).map_err(to)?);
    for item in Lines::open(&segment.path, 0).map_err(from)? {
        let found = item.map_err(from)?;
        // The end may be half written, or laid out as zeros.
        if !found.whole && (found.bytes.len() <= line::LONGEST || found.bytes.iter().all(|b| *b == 0)) {
            break;
        }
        copy.write_all(&found.bytes).and_then(|()| copy.write_all(b"\n")).map_err(to)?;
        if let Ok(link) = line::read(&found.bytes) {
            if statement.records == 0 {
                statement.previous = link.previous;
            }
            statement.head = link.hash;
        }
        statement.records += 1;
    }
    copy.into_inner().map_err(|e| to(e.into_error()))?.sync_all().map_err(to)
}
