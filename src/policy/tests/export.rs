//! Policies written for EDC.

use serde_json::{Value, json};

use super::{atom, exchange, set};
use crate::policy::{Compiled, Export, Policy, Registry, World, for_edc};

fn exported(policy: &Value) -> Export {
    for_edc(&Policy::parse(policy).unwrap())
}

fn codes(export: &Export) -> Vec<&str> {
    export.lost.iter().map(|lost| lost.code).collect()
}

#[test]
fn constraints_stand_in_one_and_without_prefixes_or_lists() {
    let export = exported(&set(json!([
        atom("edc:inForceDate", "lteq", json!("contractAgreement+30d")),
        atom("xroad:clientId", "isAnyOf", json!(["EE/GOV/1/a", "EE/GOV/2/b"])),
        atom("count", "lteq", json!(5)),
    ])));
    let (client, eq) = ("https://x-road.eu/v0.1/ns/clientId", "eq");
    assert_eq!(
        export.policy["permission"],
        json!([{"action": "use", "constraint": [{"and": [
            {"leftOperand": "https://w3id.org/edc/v0.0.1/ns/inForceDate", "operator": "lteq",
             "rightOperand": "contractAgreement+30d"},
            {"or": [{"leftOperand": client, "operator": eq, "rightOperand": "EE/GOV/1/a"},
                    {"leftOperand": client, "operator": eq, "rightOperand": "EE/GOV/2/b"}]},
            {"leftOperand": "count", "operator": "lteq",
             "rightOperand": {"@value": "5", "@type": "http://www.w3.org/2001/XMLSchema#integer"}},
        ]}]}])
    );
    assert_eq!(codes(&export), ["operand.unregistered", "operand.unregistered"]);
}

#[test]
fn permissions_become_one_and_prohibitions_its_constraints() {
    let export = exported(&json!({
        "conflict": "prohibit",
        "permission": [
            {"action": "use", "constraint": [atom("spatial", "eq", json!("EE"))]},
            {"action": "use", "constraint": [atom("spatial", "eq", json!("FI")), atom("count", "lt", json!("3"))]}],
        "prohibition": [{"action": "use", "constraint": [
            atom("purpose", "eq", json!("trade")), atom("count", "gt", json!("1"))]}],
    }));
    let constraint = &export.policy["permission"][0]["constraint"][0]["and"];
    assert_eq!(constraint[0]["or"][1]["and"][1]["operator"], "lt");
    assert_eq!(constraint[1]["or"][0]["operator"], "neq");
    assert_eq!(constraint[1]["or"][1]["operator"], "lteq");
    assert!(export.policy.get("prohibition").is_none());
}

#[test]
fn what_edc_passes_over_is_told() {
    let export = exported(&json!({
        "conflict": "prohibit",
        "profile": "http://www.w3.org/ns/odrl/2/core",
        "permission": [
            {"action": "use", "target": "urn:a", "duty": [{"action": "compensate"}],
             "constraint": [{"andSequence": [atom("edc:inForceDate", "gteq", json!("2026-01-01T00:00:00Z"))]}]},
            {"action": "read", "target": "urn:a"}],
        "prohibition": [{"action": "sell"}],
        "obligation": [{"action": "delete"}],
    }));
    let told = codes(&export);
    for code in [
        "duty.not-awaited",
        "sequence.unordered",
        "permission.left-out",
        "prohibition.bare",
        "obligation.not-tracked",
        "profile.unread",
    ] {
        assert!(told.contains(&code), "{code} {told:?}");
    }
    assert!(
        export
            .lost
            .iter()
            .all(|lost| lost.permits_more != (lost.code == "permission.left-out") || lost.code == "profile.unread")
    );
}

#[test]
fn an_export_can_be_read_again_and_decides_the_same_here() {
    let policy = json!({
        "conflict": "prohibit",
        "permission": [{"action": "use", "constraint": [atom("spatial", "isAnyOf", json!(["EE", "FI"]))]}],
        "prohibition": [{"action": "use", "constraint": [atom("purpose", "eq", json!("trade"))]}],
    });
    let read = |policy: &Value| Compiled::read(policy, &Registry::built_in()).unwrap();
    let (original, export) = (read(&policy), read(&exported(&policy).policy));
    for spatial in ["EE", "FI", "SE"] {
        for purpose in ["trade", "care"] {
            let world = World::read(&exchange(json!({"spatial": spatial, "purpose": purpose}))).unwrap();
            assert_eq!(original.decide(&world).permit, export.decide(&world).permit, "{spatial} {purpose}");
        }
    }
}
