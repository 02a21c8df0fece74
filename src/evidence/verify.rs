//! Checking an export with nothing but the export: every record's own hash, every link, the signed end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use credentials::{PublicKey, jws};
use serde::Serialize;

use super::EvidenceError;
use super::export::{FORMAT, MANIFEST, Manifest, STATEMENT_TYPE, Statement};
use super::line::{self, Link, NOTHING_BEFORE};
use super::segment::{self, Lines, Segment};
use crate::model::exchange::{Digest, ExchangeId, RecordKind};
use crate::model::time::Timestamp;

mod earlier;

use earlier::Earlier;

const LARGEST_MANIFEST: u64 = 64 * 1024;
const MOST_UNFINISHED: usize = 1000;

/// What is wrong with a record or an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The record's bytes do not fit its own hash, or are no record.
    Changed,
    /// The record is not there.
    Missing,
    /// The record stands in another place.
    Reordered,
    /// The record is there twice.
    Duplicated,
    /// The record does not carry the hash of the one before it: one of the two was replaced.
    Unlinked,
    /// The export ends before the signed end.
    Truncated,
    /// The record stands behind the signed end.
    Surplus,
    /// The statement of the export's end is not signed by the key it names, or does not agree with the records.
    Statement,
    /// The statement is signed by another key than the expected one.
    Key,
    /// The export does not go on where an earlier one ended: records were cut off or rewritten since.
    Earlier,
}

/// What a verifier knows besides the export.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// RFC 7638 thumbprint of the key that has to have signed.
    pub key: Option<&'a str>,
    /// An earlier export of the same log, or its manifest, from the verifier's own keeping.
    pub since: Option<&'a Path>,
}

/// The first broken record of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// The record's number in the log.
    pub sequence: u64,
    /// The exchange it tells of, where that can still be read.
    pub exchange: Option<ExchangeId>,
    /// The file it is, or should be, in.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: Reason,
    /// The same in one sentence.
    pub sentence: String,
}

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The number of the record that the export begins with; what came before a number above 1 is not in it.
    pub first: u64,
    /// How many records were found whole, up to the first broken one.
    pub records: u64,
    /// The hash of the last whole record.
    pub head: Digest,
    /// When the export was made, as signed.
    pub created: Option<Timestamp>,
    /// RFC 7638 thumbprint of the key that signed the end; to be compared with the provider's DID document.
    pub key: Option<String>,
    /// How many exchanges were opened and have no completion: the program was stopped meanwhile, or they were still going on.
    pub unfinished: u64,
    /// The first thousand of them.
    pub unfinished_exchanges: Vec<ExchangeId>,
    /// How often the log was opened after a crash that had left unacknowledged bytes.
    pub incidents: u64,
    /// The first broken record; absent when all is well.
    pub broken: Option<Broken>,
}

/// Checks the export in `directory`; reads nothing else. Blocks: it may read for long.
///
/// # Errors
/// When there is no export to be read. Whatever is wrong with the records is in the result.
pub fn verify(directory: &Path) -> Result<Verification, EvidenceError> {
    verify_expecting(directory, Expected::default())
}

/// As [`verify`], against what the verifier knows besides.
///
/// # Errors
/// As [`verify`]; and when there is no earlier export to be read where one is named.
pub fn verify_expecting(directory: &Path, expected: Expected<'_>) -> Result<Verification, EvidenceError> {
    let unreadable = |e: std::io::Error| EvidenceError::Unreadable(directory.to_owned(), e.to_string());
    let earlier = expected.since.map(Earlier::read).transpose()?;
    let text = manifest_in(directory).map_err(unreadable)?;
    let files = segment::list(directory).map_err(unreadable)?;
    let (stated, objection) = match read_manifest(&text) {
        Ok((statement, key)) => (Some((statement, key)), None),
        Err(sentence) => (None, Some(sentence)),
    };
    let mut walk = Walk::begin(stated.as_ref().map(|(s, _)| s), &files);
    walk.watched = earlier.as_ref().map(|earlier| (earlier.sequence, None));
    let ended = walk.all(&files).map_err(unreadable)?;
    let broken = match (ended, objection) {
        (Err(broken), _) => Some(broken),
        (Ok(()), Some(sentence)) => Some(walk.at_statement(Reason::Statement, sentence.to_owned())),
        (Ok(()), None) => stated.as_ref().and_then(|(statement, key)| {
            let other = || expected.key.and_then(|expected| walk.signed_by_other(key, expected));
            let cut = || earlier.as_ref().and_then(|earlier| walk.since(earlier, statement));
            walk.against(statement).or_else(other).or_else(cut)
        }),
    };
    Ok(Verification {
        first: walk.first,
        records: walk.records,
        head: walk.previous,
        created: stated.as_ref().map(|(s, _)| s.created),
        key: stated.map(|(_, key)| key),
        unfinished: walk.open.len() as u64,
        unfinished_exchanges: walk.open.values().copied().take(MOST_UNFINISHED).collect(),
        incidents: walk.incidents,
        broken,
    })
}

fn manifest_in(directory: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(directory.join(MANIFEST))?.take(LARGEST_MANIFEST).read_to_end(&mut text)?;
    Ok(text)
}

/// The statement that the manifest's own key signed, and that key's thumbprint.
fn read_manifest(text: &[u8]) -> Result<(Statement, String), &'static str> {
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|_| "manifest.json is not the manifest of an evidence export")?;
    let key = PublicKey::from_jwk(&manifest.key).map_err(|_| "the key in manifest.json is not a P-256 key")?;
    let thumbprint = key.thumbprint().to_owned();
    let payload = jws::verify(&manifest.signed, STATEMENT_TYPE, &[key])
        .map_err(|_| "the signature over the end of the log does not fit")?;
    let statement: Statement =
        serde_json::from_slice(&payload).map_err(|_| "what was signed is not a statement about evidence")?;
    if statement.format != FORMAT {
        return Err("the export has another format; verify it with the program that made it");
    }
    if statement != manifest.statement {
        return Err("the statement in manifest.json is not the one that was signed");
    }
    Ok((statement, thumbprint))
}

/// One pass over all records.
struct Walk {
    first: u64,
    expected: u64,
    previous: Digest,
    records: u64,
    /// How many records the signed statement covers.
    stated: Option<u64>,
    open: BTreeMap<u64, ExchangeId>,
    incidents: u64,
    /// A record that an earlier export ended with, and its hash here.
    watched: Option<(u64, Option<Digest>)>,
    file: String,
    line: u64,
}

impl Walk {
    fn begin(statement: Option<&Statement>, files: &[Segment]) -> Self {
        let first = statement.map_or_else(|| files.first().map_or(1, |f| f.first), |s| s.first);
        Self {
            first,
            expected: first,
            previous: statement.map_or(NOTHING_BEFORE, |s| s.previous),
            records: 0,
            stated: statement.map(|s| s.records),
            open: BTreeMap::new(),
            incidents: 0,
            watched: None,
            file: String::new(),
            line: 0,
        }
    }

    fn all(&mut self, files: &[Segment]) -> std::io::Result<Result<(), Broken>> {
        for (number, file) in files.iter().enumerate() {
            self.file = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.line = 0;
            for item in Lines::open(&file.path, 0)? {
                let found = item?;
                self.line += 1;
                if let Err(mut broken) = self.one(&found.bytes, found.whole) {
                    let rest = files.get(number..).unwrap_or_default();
                    if broken.reason == Reason::Missing && stands_in(rest, broken.sequence)? {
                        broken.reason = Reason::Reordered;
                        broken.sentence = format!("record {} does not stand in its place", broken.sequence);
                    }
                    return Ok(Err(broken));
                }
            }
        }
        Ok(Ok(()))
    }

    fn one(&mut self, bytes: &[u8], whole: bool) -> Result<(), Broken> {
        let link = if whole { line::read(bytes) } else { Err("the line has no end") };
        let link = link.map_err(|why| {
            let said: Option<Said> = serde_json::from_slice(bytes).ok();
            self.broken(Reason::Changed, self.expected, said.and_then(|s| s.exchange), why.to_owned())
        })?;
        let (sequence, expected) = (link.sequence, self.expected);
        if self.stated.is_some_and(|records| sequence >= self.first.saturating_add(records)) {
            let sentence = format!("record {sequence} stands behind the signed end of the log");
            return Err(self.broken(Reason::Surplus, sequence, link.exchange, sentence));
        }
        if sequence > expected {
            let sentence = format!("record {expected} is missing: record {sequence} stands in its place");
            return Err(self.broken(Reason::Missing, expected, None, sentence));
        }
        if sequence < expected {
            let sentence = format!("record {sequence} is there again, in the place of record {expected}");
            return Err(self.broken(Reason::Duplicated, sequence, link.exchange, sentence));
        }
        let anchored = self.records > 0 || self.stated.is_some() || self.first == 1;
        if anchored && link.previous != self.previous {
            let sentence =
                format!("record {sequence} does not continue the record before it: one of them was replaced");
            return Err(self.broken(Reason::Unlinked, sequence, link.exchange, sentence));
        }
        self.note(&link)?;
        if let Some((watched, hash)) = &mut self.watched
            && *watched == sequence
        {
            *hash = Some(link.hash);
        }
        self.previous = link.hash;
        self.expected += 1;
        self.records += 1;
        Ok(())
    }

    /// Follows openings to their completions.
    fn note(&mut self, link: &Link) -> Result<(), Broken> {
        match (link.kind, link.exchange, link.opening) {
            (RecordKind::Opening, Some(exchange), _) => {
                self.open.insert(link.sequence, exchange);
            }
            (RecordKind::Completion, exchange, Some(opening))
                if opening >= self.first && (exchange.is_none() || self.open.remove(&opening) != exchange) =>
            {
                let sentence = format!("record {} completes an exchange that was not open", link.sequence);
                return Err(self.broken(Reason::Unlinked, link.sequence, exchange, sentence));
            }
            (RecordKind::Incident, ..) => self.incidents += 1,
            _ => {}
        }
        Ok(())
    }

    fn broken(&self, reason: Reason, sequence: u64, exchange: Option<ExchangeId>, sentence: String) -> Broken {
        Broken { sequence, exchange, file: self.file.clone(), line: self.line, reason, sentence }
    }

    fn signed_by_other(&self, key: &str, expected: &str) -> Option<Broken> {
        let sentence = || format!("the end of the log is signed by the key {key}, and not by {expected}");
        (key != expected).then(|| self.at_statement(Reason::Key, sentence()))
    }

    fn at_statement(&self, reason: Reason, sentence: String) -> Broken {
        Broken {
            sequence: self.expected.saturating_sub(1),
            exchange: None,
            file: MANIFEST.to_owned(),
            line: 1,
            reason,
            sentence,
        }
    }

    /// Whether the records end where the statement says.
    fn against(&self, statement: &Statement) -> Option<Broken> {
        if self.records < statement.records {
            let sentence = format!(
                "the export ends after {} records, but {} were signed: record {} is missing",
                self.records, statement.records, self.expected
            );
            return Some(Broken {
                line: self.line + 1,
                ..self.broken(Reason::Truncated, self.expected, None, sentence)
            });
        }
        let last = if self.records == 0 { statement.previous } else { self.previous };
        let sentence = || "the last record is not the one that was signed".to_owned();
        (last != statement.head).then(|| self.at_statement(Reason::Statement, sentence()))
    }
}

#[derive(serde::Deserialize)]
struct Said {
    exchange: Option<ExchangeId>,
}

/// Whether a record stands anywhere in these files.
fn stands_in(files: &[Segment], sequence: u64) -> std::io::Result<bool> {
    for file in files {
        for item in Lines::open(&file.path, 0)? {
            if line::read(&item?.bytes).is_ok_and(|link| link.sequence == sequence) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
