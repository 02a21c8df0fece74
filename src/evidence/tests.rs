use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use credentials::FileSigner;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::disk::Medium;
use super::*;
use crate::model::exchange::*;

const AT: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn exchange(kind: RecordKind, opening: Option<u64>, id: ExchangeId) -> Exchange<'static> {
    Exchange {
        kind,
        exchange: id,
        opening,
        participant: "did:web:provider".into(),
        counterparty: "did:web:consumer".into(),
        agreement: "urn:uuid:agreement".into(),
        transfer: "urn:uuid:transfer".into(),
        dataset: "DEV:GOV:1:sub:land".into(),
        policy: Some(Digest::OF_NOTHING),
        decision: Verdict {
            effect: Effect::Permit,
            code: "policy.permitted".into(),
            clauses: Cow::Owned(Clauses::of(&[json!({"clause": "/permission/0"})])),
            facts: Some(Cow::Owned(Facts::of([("count", vec!["1".to_owned()])].into_iter()))),
        },
        request: Asked {
            method: "GET".into(),
            path: "/parcels/1?x=\"y\"".into(),
            xroad_id: Some("DEV-1".into()),
            client: Some("DEV/GOV/1/gateway".into()),
            body: Some(BodyDigest::EMPTY),
        },
        response: Some(Answered {
            status: 200,
            xroad_request_id: Some("r".into()),
            xroad_request_hash: Some("h==".into()),
            fault: None,
            body: Some(BodyDigest { sha256: Digest::OF_NOTHING, size: 0 }),
        }),
        outcome: if kind == RecordKind::Opening { Outcome::Open } else { Outcome::Complete },
        times: Times { received: AT, forwarded: Some(AT), answered: Some(AT), released: None },
        trace: None,
    }
}

fn whole() -> Exchange<'static> {
    exchange(RecordKind::Exchange, None, new_id())
}

fn new_id() -> ExchangeId {
    ExchangeId::new(uuid::Uuid::now_v7())
}

struct Place {
    _directory: TempDir,
    log: PathBuf,
    out: PathBuf,
    signer: FileSigner,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (log, out) = (directory.path().join("evidence"), directory.path().join("export"));
        let signer = FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap();
        Self { _directory: directory, log, out, signer }
    }

    async fn open(&self) -> Evidence {
        let settings = EvidenceSettings { segment_size: 4000, ..EvidenceSettings::default() };
        Evidence::open(&self.log, settings, Clock::standing(AT)).await.unwrap()
    }

    async fn exported(&self) -> Verification {
        export(&self.log, &self.out, &self.signer, AT).await.unwrap();
        verify(&self.out).unwrap()
    }

    /// An export of ten records in several files.
    async fn of_ten(&self) -> Vec<PathBuf> {
        let evidence = self.open().await;
        for _ in 0..10 {
            evidence.append(&whole()).await.unwrap();
        }
        evidence.close().await;
        let found = self.exported().await;
        assert_eq!((found.records, found.broken), (10, None));
        let files: Vec<PathBuf> = segment::list(&self.out).unwrap().into_iter().map(|s| s.path).collect();
        assert!(files.len() > 1, "the test wants several files");
        files
    }
}

fn lines(files: &[PathBuf]) -> Vec<String> {
    files.iter().flat_map(|f| fs::read_to_string(f).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Puts these lines in place of all records, in one file.
fn replace(files: &[PathBuf], lines: &[String]) {
    for file in &files[1..] {
        fs::remove_file(file).unwrap();
    }
    fs::write(&files[0], lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
}

fn resealed(line: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    change(&mut value);
    let members = value.as_object_mut().unwrap();
    let (sequence, previous) =
        (members["sequence"].as_u64().unwrap(), members["previous"].as_str().unwrap().to_owned());
    for name in ["sequence", "previous", "recorded", "hash"] {
        members.remove(name);
    }
    let mut out = Vec::new();
    line::seal(&mut out, sequence, Digest::parse(&previous).unwrap(), AT, value.to_string().as_bytes());
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn what_was_appended_is_found_again_after_a_restart() {
    let place = Place::new();
    let evidence = place.open().await;
    let one = whole();
    let receipt = evidence.append(&one).await.unwrap();
    evidence.append(&whole()).await.unwrap();
    evidence.close().await;
    drop(evidence);
    let evidence = place.open().await;
    assert_eq!(evidence.head().sequence, 2);
    let found = evidence.record(one.exchange).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].sequence, found[0].hash, &found[0].exchange), (receipt.sequence, receipt.hash, &one));
    assert_eq!(evidence.append(&whole()).await.unwrap().sequence, 3);
}

#[tokio::test]
async fn pages_run_from_the_newest_record_to_the_oldest() {
    let place = Place::new();
    let evidence = place.open().await;
    for number in 0..25 {
        let mut record = whole();
        record.transfer = format!("t{}", number % 2).into();
        if number % 5 == 0 {
            record.decision.effect = Effect::Refuse;
        }
        evidence.append(&record).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut query = Query { limit: Some(10), ..Query::default() };
    loop {
        let page = evidence.page(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.sequence);
        seen.extend(page.iter().map(|k| k.sequence));
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    let query = Query { transfer: Some("t1".into()), effect: Some(Effect::Refuse), ..Query::default() };
    let numbers: Vec<u64> = evidence.page(&query).await.unwrap().iter().map(|k| k.sequence).collect();
    assert_eq!(numbers, [16, 6]);
    let query = Query { agreement: Some("nobody's".into()), ..Query::default() };
    assert!(evidence.page(&query).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_at_once_are_one_chain() {
    let place = Place::new();
    let evidence = place.open().await;
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let evidence = evidence.clone();
            tokio::spawn(async move { evidence.append(&whole()).await.unwrap().sequence })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    evidence.close().await;
    let found = place.exported().await;
    assert_eq!((found.records, found.broken), (200, None));
}

#[tokio::test]
async fn a_record_is_written_though_nobody_waits_for_it_and_the_queue_is_full() {
    let place = Place::new();
    let settings = EvidenceSettings { queue: 1, ..EvidenceSettings::default() };
    let evidence = Evidence::open(&place.log, settings, Clock::standing(AT)).await.unwrap();
    for _ in 0..50 {
        drop(evidence.append(&whole()));
    }
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    while evidence.head().sequence < 50 {
        assert!(tokio::time::Instant::now() < limit, "only {:?} were kept", evidence.head());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_second_process_cannot_open_the_log() {
    let place = Place::new();
    let _open = place.open().await;
    let again = Evidence::open(&place.log, EvidenceSettings::default(), Clock::system()).await;
    assert!(matches!(again, Err(EvidenceError::InUse(_))));
}

#[tokio::test]
async fn a_torn_end_is_set_aside_recorded_and_the_chain_goes_on() {
    let place = Place::new();
    let evidence = place.open().await;
    for _ in 0..3 {
        evidence.append(&whole()).await.unwrap();
    }
    evidence.close().await;
    drop(evidence);
    let file = segment::list(&place.log).unwrap().pop().unwrap().path;
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend_from_slice(b"{\"sequence\":4,\"prev");
    fs::write(&file, bytes).unwrap();
    let evidence = place.open().await;
    assert_eq!(evidence.head().sequence, 4, "the incident is the fourth record");
    evidence.append(&whole()).await.unwrap();
    evidence.close().await;
    let found = place.exported().await;
    assert_eq!((found.records, found.incidents, found.broken), (5, 1, None));
    let aside = fs::read_dir(&place.log).unwrap().filter_map(|e| e.ok()?.file_name().into_string().ok());
    assert_eq!(aside.filter(|n| n.starts_with("set-aside-")).count(), 1);
}

#[tokio::test]
async fn zeros_laid_out_ahead_are_not_records_and_no_incident() {
    let place = Place::new();
    let settings = EvidenceSettings { segment_size: 1_000_000, ..EvidenceSettings::default() };
    let open = async || Evidence::open(&place.log, settings.clone(), Clock::standing(AT)).await.unwrap();
    let evidence = open().await;
    let laid_out = || {
        let last = segment::list(&place.log).unwrap().pop().unwrap().path;
        let bytes = fs::read(&last).unwrap();
        bytes.ends_with(&[0; 1000]).then_some((last, bytes))
    };
    let (records, file, bytes) = loop {
        let records = evidence.append(&whole()).await.unwrap().sequence;
        if let Some((file, bytes)) = laid_out() {
            break (records, file, bytes);
        }
        assert!(records < 100_000, "no segment was laid out ahead");
    };
    let found = place.exported().await;
    assert_eq!((found.records, found.broken), (records, None));
    evidence.close().await;
    assert!(laid_out().is_none(), "closed, a segment ends with its last record");
    drop(evidence);
    // As after kill -9.
    fs::write(&file, bytes).unwrap();
    let evidence = open().await;
    assert_eq!(evidence.head().sequence, records);
    assert_eq!(evidence.append(&whole()).await.unwrap().sequence, records + 1);
}

#[tokio::test]
async fn an_export_is_whole_while_the_log_is_in_use() {
    let place = Place::new();
    let evidence = place.open().await;
    evidence.append(&whole()).await.unwrap();
    let found = place.exported().await;
    assert_eq!((found.records, found.broken), (1, None));
    assert_eq!(found.key.as_deref(), Some(credentials::Signer::public_key(&place.signer).thumbprint()));
}

#[tokio::test]
async fn an_empty_log_is_whole() {
    let place = Place::new();
    place.open().await.close().await;
    let found = place.exported().await;
    assert_eq!((found.records, found.broken), (0, None));
}

#[tokio::test]
async fn an_opening_without_completion_is_unfinished_and_not_broken() {
    let place = Place::new();
    let evidence = place.open().await;
    let (done, cut) = (new_id(), new_id());
    let opening = evidence.append(&exchange(RecordKind::Opening, None, done)).await.unwrap();
    evidence.append(&exchange(RecordKind::Opening, None, cut)).await.unwrap();
    evidence.append(&exchange(RecordKind::Completion, Some(opening.sequence), done)).await.unwrap();
    assert_eq!(evidence.record(done).await.unwrap().len(), 2);
    evidence.close().await;
    let found = place.exported().await;
    assert_eq!((found.records, found.unfinished, found.broken), (3, 1, None));
    assert_eq!(found.unfinished_exchanges, [cut]);
}

#[tokio::test]
async fn a_completion_of_nothing_is_broken() {
    let place = Place::new();
    let evidence = place.open().await;
    evidence.append(&exchange(RecordKind::Completion, Some(1), new_id())).await.unwrap();
    evidence.close().await;
    assert_eq!(place.exported().await.broken.unwrap().reason, Reason::Unlinked);
}

#[tokio::test]
async fn every_way_to_tamper_is_found_and_the_first_broken_record_named() {
    type Tamper = fn(&mut Vec<String>);
    let cases: [(&str, Tamper, u64, Reason); 10] = [
        ("a changed status", |l| l[3] = l[3].replace("\"status\":200", "\"status\":201"), 4, Reason::Changed),
        (
            "a changed record with its hash made anew",
            |l| l[3] = resealed(&l[3], |v| v["kind"] = json!("opening")),
            5,
            Reason::Unlinked,
        ),
        ("a missing record", |l| drop(l.remove(4)), 5, Reason::Missing),
        ("a missing first record", |l| drop(l.remove(0)), 1, Reason::Missing),
        ("two records swapped", |l| l.swap(5, 6), 6, Reason::Reordered),
        ("a record twice", |l| l.insert(3, l[2].clone()), 3, Reason::Duplicated),
        ("the last record gone", |l| drop(l.pop()), 10, Reason::Truncated),
        ("all records gone", |l| l.clear(), 1, Reason::Truncated),
        (
            "a last record of one's own",
            |l| l[9] = resealed(&l[9], |v| v["outcome"] = json!("aborted")),
            10,
            Reason::Statement,
        ),
        ("a line of something else", |l| l[7] = "{}".into(), 8, Reason::Changed),
    ];
    for (what, tamper, sequence, reason) in cases {
        let place = Place::new();
        let files = place.of_ten().await;
        let mut records = lines(&files);
        tamper(&mut records);
        replace(&files, &records);
        let broken = verify(&place.out).unwrap().broken.expect(what);
        assert_eq!((broken.sequence, broken.reason), (sequence, reason), "{what}: {broken:?}");
    }
}

#[tokio::test]
async fn a_record_behind_the_signed_end_is_surplus() {
    let place = Place::new();
    let files = place.of_ten().await;
    let mut records = lines(&files);
    let last = line::read(records[9].as_bytes()).unwrap();
    let mut more = Vec::new();
    line::seal(&mut more, 11, last.hash, AT, br#"{"kind":"incident"}"#);
    records.push(String::from_utf8(more).unwrap().trim_end().to_owned());
    replace(&files, &records);
    let broken = verify(&place.out).unwrap().broken.unwrap();
    assert_eq!((broken.sequence, broken.reason), (11, Reason::Surplus));
}

#[tokio::test]
async fn a_missing_file_is_missing_records() {
    let place = Place::new();
    let files = place.of_ten().await;
    fs::remove_file(&files[1]).unwrap();
    assert_eq!(verify(&place.out).unwrap().broken.unwrap().reason, Reason::Missing);
}

#[tokio::test]
async fn a_statement_that_was_not_signed_is_refused() {
    let place = Place::new();
    place.of_ten().await;
    let path = place.out.join("manifest.json");
    let genuine = fs::read_to_string(&path).unwrap();
    let mut manifest: Value = serde_json::from_str(&genuine).unwrap();
    manifest["statement"]["records"] = json!(9);
    let other = FileSigner::open_or_create(&place.out.join("other.pem")).unwrap();
    let mut stranger: Value = serde_json::from_str(&genuine).unwrap();
    stranger["key"] = credentials::Signer::public_key(&other).to_jwk();
    for text in [manifest.to_string(), stranger.to_string(), "{}".to_owned(), String::new()] {
        fs::write(&path, text).unwrap();
        assert_eq!(verify(&place.out).unwrap().broken.unwrap().reason, Reason::Statement);
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(verify(&place.out), Err(EvidenceError::Unreadable(..))));
}

#[tokio::test]
async fn an_export_overwrites_nothing() {
    let place = Place::new();
    place.of_ten().await;
    assert!(export(&place.log, &place.out, &place.signer, AT).await.is_err());
}

/// A disk that takes no more than so many bytes until it is emptied.
struct Filling {
    disk: Disk,
    room: Arc<AtomicU64>,
}

impl Medium for Filling {
    fn is_over(&mut self, length: u64) -> bool {
        self.disk.is_over(length)
    }
    fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        let fits = usize::try_from(self.room.load(Ordering::SeqCst).saturating_sub(position)).unwrap();
        let part = bytes.get(..fits).unwrap_or(bytes);
        self.disk.write_at(part, position)?;
        if part.len() < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.cut(length)
    }
    fn next_segment(&mut self, first: u64, length: u64) -> io::Result<()> {
        self.disk.next_segment(first, length)
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_record_and_the_writer_recovers() {
    let place = Place::new();
    fs::create_dir_all(&place.log).unwrap();
    let recovered = segment::recover(&place.log).unwrap();
    let room = Arc::new(AtomicU64::new(2500));
    let published = Arc::new(Mutex::new(recovered.head));
    let writer = Writer {
        medium: Filling { disk: Disk::new(place.log.clone(), recovered.file, 1_000_000), room: Arc::clone(&room) },
        head: recovered.head,
        published: Arc::clone(&published),
        clock: Clock::standing(AT),
        littered: false,
        meters: super::writer::Meters::new(),
    };
    let (jobs, queue) = mpsc::channel(10);
    std::thread::spawn(move || writer.run(queue));
    let append = async |record: &Exchange<'_>| {
        let (done, receipt) = oneshot::channel();
        jobs.send(Job::Append { body: body(record).unwrap(), done: Some(done) }).await.unwrap();
        receipt.await.unwrap()
    };
    let mut kept = 0;
    while append(&whole()).await.is_ok() {
        kept += 1;
    }
    assert!(kept > 0);
    assert!(matches!(append(&whole()).await, Err(EvidenceError::NotDurable(_))));
    assert_eq!(published.lock().unwrap().sequence, kept);
    room.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(append(&whole()).await.unwrap().sequence, kept + 1);
    let found = place.exported().await;
    assert_eq!((found.records, found.broken), (kept + 1, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_changed_byte_of_an_export_is_found(at in 0.0f64..1.0, flip in 1u8..=255) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let files = place.of_ten().await;
            let file = &files[((files.len() as f64) * at) as usize];
            let mut bytes = fs::read(file).unwrap();
            let index = ((bytes.len() as f64) * at) as usize;
            bytes[index] ^= flip;
            fs::write(file, bytes).unwrap();
            assert!(verify(&place.out).unwrap().broken.is_some());
        });
    }
}
