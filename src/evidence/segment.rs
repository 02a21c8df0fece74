//! The files of a log: `records-<first sequence>.jsonl`, each continuing the one before; only the last one grows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::line::{self, Link, NOTHING_BEFORE};
use super::{EvidenceError, Head};
use crate::model::exchange::{BodyDigest, Digest};

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

impl Segment {
    pub(super) fn new(directory: &Path, first: u64) -> Self {
        Self { first, path: directory.join(format!("records-{first:020}.jsonl")) }
    }
}

/// The segments in `directory`, oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let number = name.strip_prefix("records-").and_then(|n| n.strip_suffix(".jsonl"));
        if let Some(first) = number.and_then(|n| n.parse().ok()) {
            segments.push(Segment { first, path });
        }
    }
    segments.sort();
    Ok(segments)
}

/// Makes the file of a new segment, durably.
pub(super) fn create(directory: &Path, first: u64) -> io::Result<(Segment, File)> {
    let segment = Segment::new(directory, first);
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&segment.path)?;
    File::open(directory)?.sync_all()?;
    Ok((segment, file))
}

/// The lines of a file, each of limited length, with where it begins.
pub(super) struct Lines {
    reader: BufReader<File>,
    position: u64,
}

/// A line, without its line break, and where it begins in its file.
pub(super) struct Line {
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
    /// Whether a line break ends it.
    pub(super) whole: bool,
}

impl Lines {
    pub(super) fn open(path: &Path, position: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(position))?;
        Ok(Self { reader: BufReader::with_capacity(256 * 1024, file), position })
    }
}

impl Iterator for Lines {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::with_capacity(2048);
        let limit = line::LONGEST as u64 + 1;
        let read = match self.reader.by_ref().take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) => return None,
            Ok(read) => read,
            Err(e) => return Some(Err(e)),
        };
        let position = self.position;
        self.position += read as u64;
        let whole = bytes.last() == Some(&b'\n');
        if whole {
            bytes.pop();
        }
        Some(Ok(Line { position, bytes, whole }))
    }
}

/// Where a log ends, and what had to be set aside to say so.
pub(super) struct Recovered {
    pub(super) head: Head,
    pub(super) file: File,
    pub(super) set_aside: Option<BodyDigest>,
}

/// Finds the end of the log in `directory`, making a first segment when there is none. Bytes after the last whole and linked
/// record, left by a crash before they were acknowledged, are moved to a file of their own and never deleted.
pub(super) fn recover(directory: &Path) -> Result<Recovered, EvidenceError> {
    let failed = |e| EvidenceError::Directory(directory.to_owned(), e);
    let segments = list(directory).map_err(failed)?;
    let Some(last) = segments.last() else {
        let (segment, file) = create(directory, 1).map_err(failed)?;
        let head = Head { sequence: 0, hash: NOTHING_BEFORE, segment: segment.first, length: 0 };
        return Ok(Recovered { head, file, set_aside: None });
    };
    let mut head =
        Head { sequence: last.first.saturating_sub(1), hash: NOTHING_BEFORE, segment: last.first, length: 0 };
    let mut known = last.first == 1;
    if let Some(before) = segments.iter().rev().nth(1) {
        head.hash = last_hash(before, head.sequence)?;
        known = true;
    }
    for item in Lines::open(&last.path, 0).map_err(failed)? {
        let found = item.map_err(failed)?;
        match follows(&found, &head, known) {
            Some(link) => {
                head.sequence = link.sequence;
                head.hash = link.hash;
                head.length = found.position + found.bytes.len() as u64 + 1;
                known = true;
            }
            None => break,
        }
    }
    let file = OpenOptions::new().read(true).write(true).open(&last.path).map_err(failed)?;
    let set_aside = set_aside(directory, &file, head.length).map_err(failed)?;
    Ok(Recovered { head, file, set_aside })
}

fn follows(found: &Line, head: &Head, known: bool) -> Option<Link> {
    let link = found.whole.then(|| line::read(&found.bytes).ok()).flatten()?;
    (link.sequence == head.sequence + 1 && (!known || link.previous == head.hash)).then_some(link)
}

/// The hash of the last record of a segment that was closed; it has to be record `sequence`.
fn last_hash(segment: &Segment, sequence: u64) -> Result<Digest, EvidenceError> {
    let failed = |e| EvidenceError::Directory(segment.path.clone(), e);
    let mut hash = None;
    for item in Lines::open(&segment.path, 0).map_err(failed)? {
        let found = item.map_err(failed)?;
        let link = found.whole.then(|| line::read(&found.bytes).ok()).flatten();
        hash = link.filter(|link| link.sequence == sequence).map(|link| link.hash);
    }
    hash.ok_or_else(|| EvidenceError::Broken(segment.path.clone()))
}

/// Moves what stands behind `keep` to a file of its own and cuts it off; zeros laid out ahead are just cut off.
fn set_aside(directory: &Path, mut file: &File, keep: u64) -> io::Result<Option<BodyDigest>> {
    file.seek(SeekFrom::Start(keep))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let written = rest.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    rest.truncate(written);
    let mut found = None;
    if !rest.is_empty() {
        let free = |n: &u32| !directory.join(format!("set-aside-{keep}-{n}.bin")).exists();
        let number = (0..).find(free).unwrap_or_default();
        let path = directory.join(format!("set-aside-{keep}-{number}.bin"));
        let mut aside = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        aside.write_all(&rest)?;
        aside.sync_all()?;
        File::open(directory)?.sync_all()?;
        let size = rest.len() as u64;
        tracing::warn!(path = %path.display(), size, "the evidence log had unfinished bytes at its end; they were set aside");
        found = Some(BodyDigest { sha256: Digest(Sha256::digest(&rest).into()), size });
    }
    file.set_len(keep)?;
    file.sync_all()?;
    Ok(found)
}
