//! Reading a whole log, or an export of one, from its beginning.

use std::path::Path;

use super::EvidenceError;
use super::segment::{self, Lines};
use crate::model::exchange::{Exchange, RecordKind};
use crate::model::time::Timestamp;

/// Tells of every exchange whose policy was looked at, in the order of the log, and when that was taken down: of one whose body streamed,
/// its opening and its completion.
/// The log may be in use. Links and hashes are not checked; verification does that. Blocks: it may read for long.
///
/// # Errors
/// When the directory cannot be read, or a record in it is none.
pub fn history(directory: &Path, mut tell: impl FnMut(&Exchange<'static>, Timestamp)) -> Result<(), EvidenceError> {
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
            if kind.kind == RecordKind::Incident {
                continue;
            }
            let exchange: Exchange<'static> =
                serde_json::from_slice(&line.bytes).map_err(|_| EvidenceError::Broken(segment.path.clone()))?;
            if exchange.decision.code.starts_with("policy.") && exchange.policy.is_some() {
                tell(&exchange, kind.recorded);
            }
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Kind {
    kind: RecordKind,
    recorded: Timestamp,
}
