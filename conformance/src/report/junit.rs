//! JUnit's XML, as build servers read it.

use std::fmt::Write;
use std::time::Duration;

use super::{Case, Outcome, Report};

pub(super) fn document(report: &Report) -> String {
    let (passed, failed, skipped) = report.counts();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    let _ = writeln!(
        xml,
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{}\">",
        escaped(&report.suite),
        passed + failed + skipped,
        seconds(report.took),
    );
    for case in &report.cases {
        write_case(&mut xml, &report.suite, case);
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn write_case(xml: &mut String, suite: &str, case: &Case) {
    let name = escaped(&format!("{} {}", case.id, case.title));
    let _ =
        write!(xml, "  <testcase classname=\"{}\" name=\"{name}\" time=\"{}\">", escaped(suite), seconds(case.took));
    let _ = match &case.outcome {
        Outcome::Passed => Ok(()),
        Outcome::Failed(reason) => write!(xml, "<failure message=\"{0}\">{0}</failure>", escaped(reason)),
        Outcome::Skipped(reason) => write!(xml, "<skipped message=\"{}\"/>", escaped(reason)),
    };
    xml.push_str("</testcase>\n");
}

fn seconds(took: Duration) -> String {
    format!("{}.{:03}", took.as_secs(), took.subsec_millis())
}

/// Text for XML: its special characters as references, and characters that XML 1.0 cannot hold left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
