//! Evidence exported and verified as an auditor does it: by the program.

use std::path::PathBuf;
use std::process::Output;

use super::*;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");

struct Archive {
    directory: TempDir,
    signer: FileSigner,
}

impl Archive {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let signer = FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap();
        Self { directory, signer }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("evidence")
    }

    async fn append(&self, records: u64) {
        let evidence = Evidence::open(&self.log(), EvidenceSettings::default(), Clock::system()).await.unwrap();
        let record: sliproad::model::exchange::Exchange<'static> =
            serde_json::from_str(include_str!("record.json")).unwrap();
        for _ in 0..records {
            evidence.append(&record).await.unwrap();
        }
        evidence.close().await;
    }

    async fn export(&self, name: &str) -> String {
        self.export_signed(name, &self.signer).await
    }

    async fn export_signed(&self, name: &str, signer: &FileSigner) -> String {
        let out = self.directory.path().join(name);
        evidence::export(&self.log(), &out, signer, Timestamp::from_millis(0)).await.unwrap();
        out.to_str().unwrap().to_owned()
    }

    /// Keeps so many records of the log.
    fn cut(&self, records: usize) {
        let file = self.log().join("records-00000000000000000001.jsonl");
        let text = std::fs::read_to_string(&file).unwrap();
        let kept: String = text.split_inclusive('\n').take(records).collect();
        std::fs::write(file, kept).unwrap();
    }
}

fn verify(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, .. } =
        Command::new(PROGRAM).args(["evidence", "verify"]).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap())
}

fn verified(arguments: &[&str]) -> (Option<i32>, Value) {
    let (code, said) = verify(&[arguments, &["--json"]].concat());
    let said = serde_json::from_str(&said).unwrap();
    keeps_to("evidence-verification", &said);
    (code, said)
}

#[tokio::test]
async fn an_export_is_held_to_the_key_that_the_auditor_knows() {
    let archive = Archive::new();
    archive.append(3).await;
    let key = credentials::Signer::public_key(&archive.signer).thumbprint();
    let out = archive.export("export").await;
    let (code, said) = verify(&[&out, "--key", key]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 records") && said.contains("begins at record 1") && said.contains(key), "{said}");
    let thief = FileSigner::open_or_create(&archive.directory.path().join("other.pem")).unwrap();
    let forged = archive.export_signed("forged", &thief).await;
    assert_eq!(verify(&[&forged]).0, Some(0), "by itself it is whole");
    let (code, said) = verified(&[&forged, "--key", key]);
    assert_eq!((code, &said["broken"]["reason"]), (Some(1), &json!("key")), "{said}");
    assert!(said["broken"]["sentence"].as_str().unwrap().contains(key), "{said}");
}

#[tokio::test]
async fn an_end_that_was_cut_off_before_the_export_shows_beside_an_earlier_one() {
    let archive = Archive::new();
    archive.append(5).await;
    let earlier = archive.export("earlier").await;
    archive.append(2).await;
    let later = archive.export("later").await;
    let manifest = format!("{earlier}/manifest.json");
    for since in [&earlier, &manifest, &later] {
        assert_eq!(verified(&[&later, "--since", since]).0, Some(0), "{since}");
    }
    archive.cut(4);
    let cut = archive.export("cut").await;
    assert_eq!(verify(&[&cut]).0, Some(0), "by itself it is whole");
    archive.append(3).await;
    let anew = archive.export("anew").await;
    for (export, sentence) in [(&cut, "ends with record 4"), (&anew, "is another one here")] {
        let (code, said) = verified(&[export, "--since", &earlier]);
        let broken = &said["broken"];
        assert_eq!((code, &broken["reason"], &broken["sequence"]), (Some(1), &json!("earlier"), &json!(5)), "{said}");
        assert!(broken["sentence"].as_str().unwrap().contains(sentence), "{said}");
    }
}

#[tokio::test]
async fn an_export_says_with_which_record_it_begins() {
    let archive = Archive::new();
    archive.append(2).await;
    let before = archive.export("before").await;
    std::fs::rename(
        archive.log().join("records-00000000000000000001.jsonl"),
        archive.directory.path().join("moved-away"),
    )
    .unwrap();
    let moved = std::fs::read_to_string(archive.directory.path().join("moved-away")).unwrap();
    let (_, second) = moved.split_once('\n').unwrap();
    std::fs::write(archive.log().join("records-00000000000000000002.jsonl"), second).unwrap();
    let out = archive.export("export").await;
    let (code, said) = verified(&[&out]);
    assert_eq!((code, &said["first"], &said["records"]), (Some(0), &json!(2), &json!(1)), "{said}");
    assert!(verify(&[&out]).1.contains("begins at record 2"));
    assert_eq!(verify(&[&out, "--since", &before]).0, Some(0));
}

#[test]
fn what_is_no_export_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(verify(&[path]), (Some(64), String::new()));
    assert_eq!(verify(&[path, "--json"]), (Some(64), String::new()));
    assert_eq!(verify(&[&format!("{path}/none")]).0, Some(64));
}
