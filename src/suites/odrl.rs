//! The suite `odrl`: the policy core against the case sets of others.
//!
//! SolidLab's evaluator suite, the examples of the W3C draft "ODRL Formal Semantics", OVAL's monitoring and validation cases and the
//! conflict benchmark of Mustafa and co-authors. The sets are read from a directory and are no part of Sliproad. Every policy goes
//! the way that a peer's policy goes: JSON-LD, parser, compiler, decision; Turtle is written out as JSON-LD first. What a set has
//! wrong, or leaves out of its files, stands in [`errata`] with its reason.

use std::path::{Path, PathBuf};
use std::time::Instant;

use conformance::report::{Case, Report, Seen};

use crate::policy::Registry;

mod conflicts;
mod errata;
mod graph;
mod monitoring;
mod solidlab;
mod validation;
mod w3c;

/// How the suite is run.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The directory with one folder for each case set.
    pub(super) cases: PathBuf,
}

/// What became of a case.
enum Told {
    Agrees,
    /// Not run, and why.
    OutOfScope(String),
}

type Outcome = Result<Told, String>;

/// Plays the cases of one set.
type Play = fn(&Path, &mut Suite<'_>) -> Result<(), String>;

/// Plays every case of every set; a set that is not there is one skipped case.
pub(super) fn run(options: &Options, seen: Seen<'_>) -> Report {
    let begun = Instant::now();
    let mut suite = Suite { seen, cases: Vec::new() };
    let sets: [(&str, &str, Play); 5] = [
        ("solidlab", "solidlab-test-suite", solidlab::play),
        ("w3c", "w3c-formal-semantics", w3c::play),
        ("oval-monitoring", "oval-monitoring", monitoring::play),
        ("oval-validation", "oval-validation", validation::play),
        ("conflict", "conflict-benchmark", conflicts::play),
    ];
    for (name, folder, play) in sets {
        let folder = options.cases.join(folder);
        if !folder.is_dir() {
            suite.skip(name, "the case set", &format!("{} is not there", folder.display()));
        } else if let Err(reason) = play(&folder, &mut suite) {
            suite.case(name, "the case set can be read", || Err(reason));
        }
    }
    Report { suite: "odrl".to_owned(), cases: suite.cases, took: begun.elapsed() }
}

struct Suite<'a> {
    seen: Seen<'a>,
    cases: Vec<Case>,
}

impl Suite<'_> {
    fn case(&mut self, id: &str, title: &str, play: impl FnOnce() -> Outcome) {
        let begun = Instant::now();
        let case = match play() {
            Ok(Told::Agrees) => Case::ended(id, title, Ok(()), begun.elapsed()),
            Ok(Told::OutOfScope(why)) => Case::skipped(id, title, &why),
            Err(reason) => Case::ended(id, title, Err(reason), begun.elapsed()),
        };
        (self.seen)(&case);
        self.cases.push(case);
    }

    fn skip(&mut self, id: &str, title: &str, why: &str) {
        self.case(id, title, || Ok(Told::OutOfScope(why.to_owned())));
    }
}

/// The words that the sets use beyond those built in.
fn words(operands: &[&str], actions: &[&str], profiles: &[&str]) -> Registry {
    let mut words = Registry::built_in();
    for operand in operands {
        words.define(operand, crate::policy::Operand::of(crate::policy::Kind::Any));
    }
    actions.iter().for_each(|action| words.add_action(action, "use"));
    profiles.iter().for_each(|profile| words.add_profile(profile));
    words
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))
}

fn json(file: &Path) -> Result<serde_json::Value, String> {
    serde_json::from_str(&read(file)?).map_err(|e| format!("{} is not JSON: {e}", file.display()))
}

/// The files below a folder whose names end so, in order.
fn files(folder: &Path, end: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's name without its ending.
fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn refused(invalid: &[crate::policy::Invalid]) -> String {
    invalid.iter().map(|i| format!("{}: {} ({})", i.clause, i.reason, i.code)).collect::<Vec<_>>().join("\n")
}
