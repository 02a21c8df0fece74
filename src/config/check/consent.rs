//! Whether `[consent]` makes sense.

use super::vocabulary::is_pointer;
use crate::config::Config;
use crate::config::consent::ConsentDeclaration;
use crate::config::problem::{Field, Findings, at};

const LONGEST_CACHE: u64 = 3600;

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let Some(consent) = &config.consent else { return };
    if config.security_server.is_none() {
        findings.add(&at("consent"), "the consent service is called through a [security-server], and there is none");
    }
    if consent.cache_seconds > LONGEST_CACHE {
        findings.add(
            &at("consent.cache-seconds"),
            format!("a withdrawn consent would hold for so long; expected at most {LONGEST_CACHE}"),
        );
    }
    if consent.timeout_ms == 0 {
        findings.add(&at("consent.timeout-ms"), "expected 1 or more");
    }
    for (service, name) in
        [(Some(&consent.service), "service"), (consent.reporting_service.as_ref(), "reporting-service")]
    {
        if service.is_some_and(|service| service.version().is_some()) {
            findings
                .add(&at("consent").key(name), "this is a SOAP service; expected INST/CLASS/CODE/SUBSYSTEM/SERVICE");
        }
    }
    if consent.declaration.is_empty() {
        findings.add(&at("consent"), "expected at least one [[consent.declaration]] with the assets that it covers");
    }
    for (n, declaration) in consent.declaration.iter().enumerate() {
        check_declaration(declaration, &at("consent.declaration").index(n), findings);
    }
}

fn check_declaration(declaration: &ConsentDeclaration, place: &Field, findings: &mut Findings<'_>) {
    if declaration.id.trim().is_empty() {
        findings.add(&place.clone().key("id"), "expected its identifier at the consent service");
    }
    if declaration.assets.is_empty() {
        findings.add(&place.clone().key("assets"), "expected at least one pattern of dataset ids");
    }
    let (path, query, pointer) = (&declaration.subject_path, &declaration.subject_query, &declaration.subject_pointer);
    let said = [path.is_some(), query.is_some(), pointer.is_some(), declaration.subject_declared];
    if said.iter().filter(|said| **said).count() != 1 {
        findings.add(
            place,
            "expected exactly one of subject-path, subject-query, subject-pointer and subject-declared = true: otherwise a consent of one \
             person would open the data of another",
        );
    }
    if path.as_deref().is_some_and(|path| !names_subject(path)) {
        findings.add(
            &place.clone().key("subject-path"),
            "expected a path with one segment {subject}, such as /persons/{subject}/**",
        );
    }
    if pointer.as_deref().is_some_and(|pointer| !is_pointer(pointer)) {
        findings.add(&place.clone().key("subject-pointer"), "expected a JSON Pointer such as /personalCode");
    }
    if query.as_deref().is_some_and(str::is_empty) {
        findings.add(&place.clone().key("subject-query"), "expected the name of a parameter");
    }
}

fn names_subject(path: &str) -> bool {
    let Some(inside) = path.strip_prefix('/') else { return false };
    let segments: Vec<&str> = inside.split('/').collect();
    let open = segments.iter().position(|segment| *segment == "**");
    segments.iter().filter(|segment| **segment == "{subject}").count() == 1
        && open.is_none_or(|at| at + 1 == segments.len())
        && segments.iter().all(|s| matches!(*s, "{subject}" | "*" | "**") || !s.contains(['{', '}', '*', '?', '%']))
}
