//! Whether an export goes on where an earlier one ended. Only that shows that a log was cut off, or rewritten, by who holds its key.

use std::path::Path;

use super::{Broken, Reason, Walk, manifest_in, read_manifest};
use crate::evidence::EvidenceError;
use crate::evidence::export::{MANIFEST, Statement};
use crate::model::exchange::Digest;

/// Where an earlier export ended.
pub(super) struct Earlier {
    pub(super) sequence: u64,
    head: Digest,
}

impl Earlier {
    /// Reads the manifest of an export, named by itself or by its directory.
    pub(super) fn read(path: &Path) -> Result<Self, EvidenceError> {
        let unreadable = |why: String| EvidenceError::Unreadable(path.to_owned(), why);
        let named = path.file_name().is_some_and(|name| name == MANIFEST);
        let directory = path.parent().filter(|_| named).unwrap_or(path);
        let text = manifest_in(directory).map_err(|e| unreadable(e.to_string()))?;
        let (statement, _) = read_manifest(&text).map_err(|why| unreadable(why.to_owned()))?;
        let sequence = statement.first.saturating_add(statement.records).saturating_sub(1);
        Ok(Self { sequence, head: statement.head })
    }
}

impl Walk {
    /// What is wrong with an export, whole by itself, beside an earlier one.
    pub(super) fn since(&self, earlier: &Earlier, statement: &Statement) -> Option<Broken> {
        let (Earlier { sequence, head }, last) = (earlier, self.expected.saturating_sub(1));
        let here = match self.watched {
            Some((_, Some(hash))) => Some(hash),
            _ if sequence.saturating_add(1) == self.first => Some(statement.previous),
            _ => None,
        };
        let sentence = match here {
            Some(here) if here == *head => return None,
            Some(_) => format!("record {sequence}, with which the earlier export ended, is another one here"),
            None if *sequence > last => {
                format!("the earlier export ended with record {sequence}, and this one ends with record {last}")
            }
            None => {
                format!("the earlier export ended with record {sequence}, and this one begins at record {}", self.first)
            }
        };
        Some(Broken { sequence: *sequence, ..self.at_statement(Reason::Earlier, sentence) })
    }
}
