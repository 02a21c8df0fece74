//! `[consent]`.

use super::*;

const SERVICE: &str = "[consent]\nservice = \"EE/GOV/70006317/consent/consent\"\n";

#[test]
fn a_consent_service_has_a_bound_of_a_minute_by_default() {
    let declaration =
        "[[consent.declaration]]\nid = \"SD\"\nassets = [\"*\"]\nsubject-path = \"/persons/{subject}/**\"\n";
    let config = Config::from_toml(&format!("{DOZEN}{SERVICE}{declaration}")).unwrap();
    assert!(config.registry().operand("xroad:consent").is_some());
    let consent = config.consent.unwrap();
    assert_eq!((consent.cache().as_secs(), consent.timeout().as_secs(), consent.reporting_service), (60, 3, None));
    let without = Config::from_toml(DOZEN).unwrap().registry();
    assert!(without.operand("xroad:consent").is_none(), "nobody could tell");
}

#[test]
fn nonsense_about_consent_is_told() {
    let declared = |more: &str| format!("{SERVICE}[[consent.declaration]]\nid = \"SD\"\nassets = [\"*\"]\n{more}\n");
    let whole = declared("subject-declared = true");
    for (more, field, part) in [
        (SERVICE.to_owned(), "consent: ", "at least one [[consent.declaration]]"),
        (declared(""), "consent.declaration[0]: ", "exactly one of subject-path"),
        (declared("subject-query = \"a\"\nsubject-declared = true"), "consent.declaration[0]: ", "exactly one of"),
        (declared("subject-path = \"/persons\""), "consent.declaration[0].subject-path: ", "{subject}"),
        (declared("subject-path = \"/**/{subject}\""), "consent.declaration[0].subject-path: ", "{subject}"),
        (declared("subject-path = \"/{subject}/a*\""), "consent.declaration[0].subject-path: ", "{subject}"),
        (declared("subject-pointer = \"a\""), "consent.declaration[0].subject-pointer: ", "a JSON Pointer"),
        (declared("subject-query = \"\""), "consent.declaration[0].subject-query: ", "a parameter"),
        (whole.replace("[[consent.d", "cache-seconds = 4000\n[[consent.d"), "consent.cache-seconds: ", "at most 3600"),
        (whole.replace("[[consent.d", "timeout-ms = 0\n[[consent.d"), "consent.timeout-ms: ", "1 or more"),
        (whole.replace("consent/consent\"", "consent/consent/v1\""), "consent.service: ", "SOAP"),
        (whole.replace("[\"*\"]", "[]"), "consent.declaration[0].assets: ", "at least one pattern"),
    ] {
        let said = said_with(&more);
        assert!(said.len() == 1 && said[0].contains(field) && said[0].contains(part), "{more}: {said:?}");
    }
}
