//! The kit's console, line by line: what was started, how it ended, and what the closing summary says of failures.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::report::{Case, Outcome};

/// What the console has told so far.
#[derive(Debug, Default)]
pub(super) struct Console {
    cases: Vec<Case>,
    running: Option<(String, String)>,
    /// Reasons of the closing summary, by the case's id.
    reasons: BTreeMap<String, String>,
    /// The case whose reason the closing summary is telling.
    telling: Option<String>,
    closing: bool,
}

impl Console {
    /// Takes a line in; the case that ended with it, if any. `took` is the time since the last case.
    pub(super) fn line(&mut self, line: &str, took: Duration) -> Option<Case> {
        let line = without_time(line);
        if self.closing {
            self.summary(line);
            return None;
        }
        if line == "Failures:" {
            self.closing = true;
        } else if let Some(name) = line.strip_prefix("Started: ") {
            let (id, title) = split(name);
            self.running = Some((id.to_owned(), title.to_owned()));
        } else if let Some((status, name)) = line.split_once(": ")
            && matches!(status, "SUCCESSFUL" | "FAILED" | "ABORTED")
        {
            let (id, _) = split(name);
            let title = self.running.take().filter(|(running, _)| running == id).map(|(_, title)| title);
            let result = if status == "SUCCESSFUL" { Ok(()) } else { Err(status.to_lowercase()) };
            let case = Case::ended(id, &title.unwrap_or_default(), result, took);
            self.cases.push(case.clone());
            return Some(case);
        }
        None
    }

    /// Whether no case is running.
    pub(super) const fn between(&self) -> bool {
        self.running.is_none()
    }

    /// All cases that ended, failures with the reasons told at the end.
    pub(super) fn into_cases(mut self) -> Vec<Case> {
        for case in &mut self.cases {
            if let Outcome::Failed(reason) = &mut case.outcome
                && let Some(told) = self.reasons.get(&case.id)
            {
                *reason = told.trim().to_owned();
            }
        }
        self.cases
    }

    fn summary(&mut self, line: &str) {
        let line = line.trim();
        let name = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(split);
        if let Some((id, title)) = name
            && !title.is_empty()
        {
            self.telling = Some(id.to_owned());
        } else if line.starts_with('■') || line == "Test run complete" {
            self.telling = None;
        } else if let Some(id) = &self.telling {
            let reason = self.reasons.entry(id.clone()).or_default();
            reason.push_str(line);
            reason.push('\n');
        }
    }
}

/// `[2026-11-24T04:31:10.4152596] text` without the time.
fn without_time(line: &str) -> &str {
    let timed = line.strip_prefix('[').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    timed.and_then(|rest| rest.split_once("] ")).map_or(line, |(_, text)| text).trim_end()
}

/// `CN:03-02: Verify …` as id and title.
fn split(name: &str) -> (&str, &str) {
    let end = name.match_indices(':').nth(1).map(|(at, _)| at);
    match end {
        Some(at) => (name.get(..at).unwrap_or(name), name.get(at + 1..).unwrap_or_default().trim()),
        None => (name.trim(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
[2026-11-24T04:31:10.189682211] Started: CN:03-02: Verify contract request, invalid
[2026-11-24T04:31:10.4152596] SUCCESSFUL: CN:03-02


[2026-11-24T04:31:10.785352641] Started: CAT:01-02: Verify dataset request
[2026-11-24T04:31:10.787950232] FAILED: CAT:01-02

[2026-11-24T04:31:10.804054674] Passed tests: 1
[2026-11-24T04:31:10.807528905] Failed tests: 1
[2026-11-24T04:31:10.807528905] Failures:
[2026-11-24T04:31:10.807528905] 
   ■ org.example.Catalog01Test.cat_01_02

[2026-11-24T04:31:10.807528905]      [CAT:01-02: Verify dataset request]
[2026-11-24T04:31:10.807528905]      expected: \"CAT0101\"
 but was: null

[2026-11-24T04:31:10.80790344] Test run complete
";

    #[test]
    fn the_cases_are_read_with_titles_and_reasons() {
        let mut console = Console::default();
        let ended = OUTPUT.lines().filter_map(|line| console.line(line, Duration::ZERO)).count();
        let cases = console.into_cases();
        assert_eq!((ended, cases.len()), (2, 2));
        assert_eq!((cases[0].id.as_str(), cases[0].title.as_str()), ("CN:03-02", "Verify contract request, invalid"));
        assert_eq!(cases[0].outcome, Outcome::Passed);
        assert_eq!(cases[1].id, "CAT:01-02");
        assert_eq!(cases[1].outcome.reason(), Some("expected: \"CAT0101\"\nbut was: null"));
    }

    #[test]
    fn a_kit_that_says_nothing_of_its_cases_has_none() {
        let mut console = Console::default();
        assert_eq!(console.line("Exception in thread \"main\" java.lang.NoClassDefFoundError", Duration::ZERO), None);
        assert!(console.into_cases().is_empty());
    }
}
