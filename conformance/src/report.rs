//! What a suite found: shared by all suites.
//!
//! For people: one line a case as it ends, failures with their reason, what was skipped with why, and as last line the counts. For
//! machines: one JSON document (`schemas/conformance-report.schema.json`) and JUnit's XML.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

mod junit;
#[cfg(test)]
mod tests;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Otherwise, and how.
    Failed(String),
    /// Not run, and why.
    Skipped(String),
}

impl Outcome {
    /// `passed`, `failed` or `skipped`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Why it failed or was skipped.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(reason) | Self::Skipped(reason) => Some(reason),
        }
    }
}

/// One case of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The suite's name for it, such as `CN:01-03`.
    pub id: String,
    /// What it shows, for people.
    pub title: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

impl Case {
    /// A case that ended with a result: an error is its failure.
    #[must_use]
    pub fn ended(id: &str, title: &str, result: Result<(), String>, took: Duration) -> Self {
        let outcome = result.map_or_else(Outcome::Failed, |()| Outcome::Passed);
        Self { id: id.to_owned(), title: title.to_owned(), outcome, took }
    }

    /// A case that was not run.
    #[must_use]
    pub fn skipped(id: &str, title: &str, why: &str) -> Self {
        let outcome = Outcome::Skipped(why.to_owned());
        Self { id: id.to_owned(), title: title.to_owned(), outcome, took: Duration::ZERO }
    }

    /// One line, and the reason below it.
    #[must_use]
    pub fn line(&self) -> String {
        let mark = match self.outcome {
            Outcome::Passed => "ok     ",
            Outcome::Failed(_) => "FAILED ",
            Outcome::Skipped(_) => "skipped",
        };
        let reason = self.outcome.reason().map(|r| format!("\n        {}", r.trim().replace('\n', "\n        ")));
        let millis = self.took.as_millis();
        format!("{mark} {:10} {} ({millis} ms){}", self.id, self.title, reason.unwrap_or_default())
    }
}

/// All cases of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The suite's name, such as `dsp`.
    pub suite: String,
    /// Its cases.
    pub cases: Vec<Case>,
    /// How long the whole run took.
    pub took: Duration,
}

impl Report {
    /// A report of one failed case: the suite could not be run.
    #[must_use]
    pub fn not_run(suite: &str, reason: String) -> Self {
        let case = Case::ended("setup", "the suite can be run", Err(reason), Duration::ZERO);
        Self { suite: suite.to_owned(), cases: vec![case], took: Duration::ZERO }
    }

    /// How many cases passed, failed and were skipped.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |name| self.cases.iter().filter(|case| case.outcome.as_str() == name).count();
        (count("passed"), count("failed"), count("skipped"))
    }

    /// Whether everything that ran passed. A report without any case did not.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        !self.cases.is_empty() && self.counts().1 == 0
    }

    /// The last line of the output: `N passed, N failed, N skipped`.
    #[must_use]
    pub fn summary(&self) -> String {
        let (passed, failed, skipped) = self.counts();
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    /// What follows the lines of the cases: failures and skips once more with their reasons, and [`Report::summary`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_closing(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out)?;
        for kind in ["failed", "skipped"] {
            let cases: Vec<_> = self.cases.iter().filter(|case| case.outcome.as_str() == kind).collect();
            if !cases.is_empty() {
                writeln!(out, "{kind}:")?;
            }
            for case in cases {
                let reason = case.outcome.reason().unwrap_or_default().trim().replace('\n', "\n      ");
                writeln!(out, "  {} {}\n      {reason}", case.id, case.title)?;
            }
        }
        writeln!(out, "{}: {} ms", self.suite, self.took.as_millis())?;
        writeln!(out, "{}", self.summary())
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let cases = self.cases.iter().map(|case| {
            json!({
                "id": case.id, "title": case.title, "outcome": case.outcome.as_str(), "reason": case.outcome.reason(),
                "milliseconds": millis(case.took),
            })
        });
        let (passed, failed, skipped) = self.counts();
        json!({
            "suite": self.suite, "passed": passed, "failed": failed, "skipped": skipped,
            "milliseconds": millis(self.took), "cases": cases.collect::<Vec<_>>(),
        })
    }

    /// The report as JUnit's XML.
    #[must_use]
    pub fn to_junit(&self) -> String {
        junit::document(self)
    }

    /// Writes [`Report::to_junit`] to a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_junit(&self, file: &Path) -> io::Result<()> {
        std::fs::write(file, self.to_junit())
    }
}

/// Told of each case as it ends, in the order of ending.
pub type Seen<'a> = &'a (dyn Fn(&Case) + Send + Sync);

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
