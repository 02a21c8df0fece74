use super::*;

fn report() -> Report {
    let took = Duration::from_millis(1234);
    Report {
        suite: "dsp".to_owned(),
        cases: vec![
            Case::ended("CN:01-01", "an offer", Ok(()), took),
            Case::ended("CN:01-02", "a <counter> & \"offer\"", Err("expected 200\nsaw 500\u{1}".to_owned()), took),
            Case::skipped("kit", "the official kit", "no Java"),
        ],
        took,
    }
}

fn closing(report: &Report) -> String {
    let mut out = Vec::new();
    report.write_closing(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_last_line_is_the_counts_and_skips_say_why() {
    let text = closing(&report());
    assert_eq!(text.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
    assert!(text.contains("skipped:\n  kit the official kit\n      no Java\n"), "{text}");
}

#[test]
fn a_report_succeeds_when_nothing_failed_and_something_was_there() {
    let mut report = report();
    assert!(!report.succeeded());
    report.cases.retain(|case| !matches!(case.outcome, Outcome::Failed(_)));
    assert!(report.succeeded());
    report.cases.clear();
    assert!(!report.succeeded());
    assert!(!Report::not_run("edc", "no network".to_owned()).succeeded());
}

#[test]
fn json_and_junit_agree_with_the_counts() {
    let report = report();
    let json = report.to_json();
    assert_eq!((&json["passed"], &json["failed"], &json["skipped"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(json["cases"][1]["milliseconds"], 1234);
    let xml = report.to_junit();
    assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.234\""), "{xml}");
}

#[test]
fn text_from_outside_cannot_break_the_xml() {
    let xml = report().to_junit();
    assert!(xml.contains("name=\"CN:01-02 a &lt;counter&gt; &amp; &quot;offer&quot;\""), "{xml}");
    assert!(xml.contains("expected 200&#10;saw 500<"), "{xml}");
}
