//! The samples that data spaces publish, where they are at hand: beside the case sets of `conformance odrl`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sliproad::policy::{Invalid, Policy, Registry, compile, read_json};

/// The folder of a set of samples; told and skipped where it is not there.
fn folder(name: &str) -> Option<PathBuf> {
    let cases = std::env::var("ODRL_CASES").unwrap_or_else(|_| "../shared/spec/odrl".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(cases).join(name);
    if !folder.is_dir() {
        println!("skipped: {} is not there; ODRL_CASES names the directory of the case sets", folder.display());
        return None;
    }
    Some(folder)
}

/// The policies among the samples, by file name.
fn policies(folder: &Path) -> Vec<(String, Value)> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<(String, Value)> = files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // One sample is not UTF-8, and so not JSON.
            let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?;
            Some((name.clone(), read_json(&name, &text).unwrap()))
        })
        .filter(|(_, sample)| sample.to_string().contains("ermission\":"))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(!found.is_empty());
    found
}

fn read(policy: &Value) -> Result<(), Vec<Invalid>> {
    Policy::parse(policy).and_then(|parsed| compile(&parsed, &Registry::built_in())).map(drop)
}

#[test]
fn every_word_of_a_catena_x_policy_can_be_evaluated() {
    let Some(folder) = folder("catena-x-profile/samples") else { return };
    for (name, policy) in policies(&folder).iter().filter(|(name, _)| name.contains("policy")) {
        // Some have rules that overlap and name no strategy.
        let invalid = read(policy).err().unwrap_or_default();
        assert!(invalid.iter().all(|i| i.code == "policy.overlap"), "{name}: {invalid:?}");
        assert!(invalid.is_empty() || !name.contains("comprehensive"), "{name}: {invalid:?}");
    }
}

#[test]
fn every_other_sample_is_read_or_refused_at_a_place_in_it() {
    for (set, most_refused) in [("ids-policy-classes", 29), ("fiware-odrl-pap", 5)] {
        let Some(folder) = folder(set) else { continue };
        let samples = policies(&folder);
        let mut refused = Vec::new();
        for (name, policy) in &samples {
            for invalid in read(policy).err().unwrap_or_default() {
                assert!(policy.pointer(&invalid.clause).is_some(), "{name}: {invalid:?}");
                refused.push(format!("{name}: {} {}", invalid.clause, invalid.reason));
            }
        }
        refused.iter().for_each(|line| println!("{line}"));
        let names: std::collections::BTreeSet<_> = refused.iter().filter_map(|line| line.split(':').next()).collect();
        println!("{set}: {} of {} refused", names.len(), samples.len());
        assert!(names.len() <= most_refused);
    }
}
