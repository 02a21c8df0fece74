//! Whether it makes sense what is believed of credentials.

use credentials::Did;

use super::vocabulary::is_fact;
use crate::config::problem::{Field, Findings, at};
use crate::config::{Config, Credential};

/// What this program sees of a consumer itself.
const SEEN_HERE: [&str; 2] = ["recipient", "xroad:clientId"];

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let registry = config.registry();
    for (n, credential) in config.credential.iter().enumerate() {
        let place = at("credential").index(n);
        if credential.kind.trim().is_empty() || credential.kind == "VerifiableCredential" {
            findings.add(&place.clone().key("type"), "expected a type of credential, such as MembershipCredential");
        }
        issuers(credential, &place, findings);
        if credential.max_age_seconds == 0 {
            findings.add(&place.clone().key("max-age-seconds"), "expected 1 or more");
        }
        let claims = credential.claims.keys().map(|operand| (operand, place.clone().key("claims").key(operand)));
        let facts = credential.facts.keys().map(|operand| (operand, place.clone().key("facts").key(operand)));
        for (operand, place) in claims.chain(facts) {
            match registry.operand(operand) {
                None => findings.add(&place, "no policy can ask for this; expected a left operand, such as spatial"),
                Some(known) if known.exchange_only || SEEN_HERE.contains(&operand.as_str()) => {
                    findings.add(&place, "this is seen here, so that no credential shows it");
                }
                Some(_) => {}
            }
        }
        for (operand, path) in &credential.claims {
            if path.split('.').any(|name| name.trim().is_empty()) {
                findings.add(&place.clone().key("claims").key(operand), "expected a place such as address.country");
            }
        }
        for (operand, value) in &credential.facts {
            if !is_fact(value) {
                let place = place.clone().key("facts").key(operand);
                findings.add(&place, "expected a text, number, true or false, or a list of those");
            }
        }
    }
}

fn issuers(credential: &Credential, place: &Field, findings: &mut Findings<'_>) {
    let place = place.clone().key("issuers");
    if credential.issuers.is_empty() {
        findings.add(&place, "expected at least one issuer: nobody's credentials are believed otherwise");
    }
    for (n, issuer) in credential.issuers.iter().enumerate() {
        if Did::parse(issuer).is_err() {
            findings.add(&place.clone().index(n), "expected a did:web identifier, such as did:web:authority.example");
        }
    }
}
