//! Reading a whole log, or an export of one, from its beginning.

use std::path::Path;

use super::EvidenceError;
use super::segment::{self, Lines};
use crate::model::exchange::{Exchange, RecordKind};

/// Tells of every exchange whose policy was looked at, in the order of the log, once each: of one whose body streamed, its opening.
/// The log may be in use. Links and hashes are not checked; verification does that. Blocks: it may read for long.
///
/// # Errors
/// When the directory cannot be read, or a record in it is none.
pub fn history(directory: &Path, mut tell: impl FnMut(&Exchange<'static>)) -> Result<(), EvidenceError> {
    let failed = |e| EvidenceError::Directory(directory.to_owned(), e);
    for segment in segment::list(directory).map_err(failed)? {
        for line in Lines::open(&segment.path, 0).map_err(failed)? {
            let line = line.map_err(failed)?;
            // The end may be half written, or laid out as zeros.
            if !line.whole {
                break;
            }
            let kind: Kind =
                serde_json::from_slice(&line.bytes).map_err(|_| EvidenceError::Broken(segment.path.clone()))?;
            if !matches!(kind.kind, RecordKind::Exchange | RecordKind::Opening) {
                continue;
            }
            let exchange: Exchange<'static> =
                serde_json::from_slice(&line.bytes).map_err(|_| EvidenceError::Broken(segment.path.clone()))?;
            if exchange.decision.code.starts_with("policy.") && exchange.policy.is_some() {
                tell(&exchange);
            }
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Kind {
    kind: RecordKind,
}
