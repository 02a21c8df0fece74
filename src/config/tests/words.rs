//! Words of the operator's own.

use super::*;
use crate::policy::{Assurance, Source};

fn about(table: &str) -> Vec<String> {
    let said = said_with(table);
    said.into_iter().map(|line| line.split_once(": ").map_or(line.clone(), |(_, rest)| rest.to_owned())).collect()
}

#[test]
fn an_operand_has_its_phase_and_assurance_from_its_source() {
    let operand = |more: &str| format!("[[operand]]\nname = \"ex:{}\"\n{more}\n", more.len());
    let (header, pointer, claim) = (
        operand("type = \"text\"\nheader = \"Case-Number\""),
        operand("type = \"number\"\nunit = \"urn:km\"\npointer = \"/query/0/radius\""),
        operand("type = \"text\"\nclaim = \"company.sector\"\noperators = [\"eq\"]"),
    );
    let facts = "[[counterparty]]\nid = \"*\"\nfacts = { company = { sector = \"energy\" } }\n";
    let config = Config::from_toml(&format!("{DOZEN}{header}{pointer}{claim}{facts}")).unwrap();
    let [header, pointer, claim] = [0, 1, 2].map(|n| config.operand[n].operand());
    assert_eq!((header.source, header.assurance), (Source::Header("case-number".into()), Assurance::Attested));
    assert_eq!((pointer.assurance, pointer.unit.as_deref()), (Assurance::Enforced, Some("urn:km")));
    assert_eq!([header.exchange_only, pointer.exchange_only, claim.exchange_only], [true, true, false]);
    assert_eq!(config.counterparty[0].claim("company.sector").unwrap(), "energy");
    assert!(config.registry().operand(&config.operand[0].name).is_some());
}

#[test]
fn nonsense_about_operands_is_told() {
    let operand = |more: &str| about(&format!("[[operand]]\nname = \"ex:a\"\n{more}\n"));
    let once = "operand[0]: expected exactly one of header, pointer and claim, to say where the value comes from";
    assert_eq!(operand("type = \"text\""), [once]);
    assert_eq!(operand("type = \"text\"\nheader = \"a\"\nclaim = \"b\""), [once]);
    for reserved in ["X-Road-UserId", "authorization", "Cookie", "sliproad-purpose", "host"] {
        let said = operand(&format!("type = \"text\"\nheader = \"{reserved}\""));
        assert!(said[0].starts_with("operand[0].header: ") && said[0].contains("is not for policies"), "{said:?}");
    }
    for (more, field, part) in [
        ("header = \"a b\"", "header", "the name of an HTTP header"),
        ("pointer = \"a/b\"", "pointer", "a JSON Pointer"),
        ("pointer = \"/a~2\"", "pointer", "a JSON Pointer"),
        ("claim = \"\"", "claim", "the name of a fact"),
        ("header = \"a\"\nphase = \"any\"", "phase", "only a call tells it"),
        ("header = \"a\"\nassurance = \"enforced\"", "assurance", "its word"),
        ("claim = \"a\"\nassurance = \"audited\"", "assurance", "enforced or attested"),
        ("claim = \"a\"\nunit = \"m\"", "unit", "only a number"),
        ("claim = \"a\"\noperators = [\"equals\"]", "operators[0]", "no operator of ODRL"),
        ("claim = \"a\"\noperators = [\"eq\", \"lt\"]", "operators[1]", "says nothing"),
    ] {
        let said = operand(&format!("type = \"text\"\n{more}"));
        assert!(said.len() == 1 && said[0].starts_with(&format!("operand[0].{field}: ")), "{more}: {said:?}");
        assert!(said[0].contains(part), "{said:?}");
    }
    for taken in ["count", "odrl:count", "ovc:$.x", "a b"] {
        let said = about(&format!("[[operand]]\nname = \"{taken}\"\ntype = \"text\"\nclaim = \"a\"\n"));
        assert!(said[0].starts_with("operand[0].name: "), "{said:?}");
    }
}

#[test]
fn actions_and_profiles_must_be_new_and_lead_somewhere() {
    let action = |name: &str, part_of: &str| format!("[[action]]\nname = \"{name}\"\nincluded-in = \"{part_of}\"\n");
    assert!(Config::from_toml(&format!("{DOZEN}{}{}", action("ex:a", "ex:b"), action("ex:b", "read"))).is_ok());
    let circle = "this goes round in a circle and never comes to use or transfer";
    assert_eq!(
        about(&format!("{}{}", action("ex:a", "ex:b"), action("ex:b", "ex:a"))),
        [0, 1].map(|n| format!("action[{n}].included-in: {circle}"))
    );
    assert!(
        about(&action("ex:a", "ex:nothing"))[0].starts_with("action[0].included-in: there is no action ex:nothing")
    );
    assert!(about(&action("odrl:read", "use"))[0].starts_with("action[0].name: it is known already"));
    assert_eq!(about("[[profile]]\niri = \"xroad\"\n"), ["profile[0].iri: expected an IRI"]);
    assert_eq!(about("[[profile]]\niri = \"https://x-road.eu/v0.1/ns/\"\n"), ["profile[0].iri: it is known already"]);
}

#[test]
fn a_fact_that_no_policy_can_ask_for_is_told() {
    let claim = "[[operand]]\nname = \"ex:a\"\ntype = \"text\"\nclaim = \"company.sector\"\n";
    let vouched = |facts: &str| about(&format!("{claim}[[counterparty]]\nid = \"*\"\nfacts = {{ {facts} }}\n"));
    let place = "counterparty[0].facts.company: ";
    assert!(vouched("company = { sector = { a = 1 } }")[0].starts_with(&format!("{place}expected a text")));
    assert!(vouched("compan = \"x\"")[0].contains("no policy can ask for this"));
    let header = "[[operand]]\nname = \"ex:h\"\ntype = \"text\"\nheader = \"h\"\n";
    let said = about(&format!("{header}[[counterparty]]\nid = \"*\"\nfacts = {{ \"ex:h\" = \"x\" }}\n"));
    assert!(said[0].contains("seen at every call"), "{said:?}");
}

const MEMBERSHIP: &str = "[[credential]]\ntype = \"Membership\"\nissuers = [\"did:web:a.example\"]\n";

#[test]
fn what_a_credential_shows_is_enforced_and_no_longer_declared() {
    let claims = "claims = { spatial = \"address.country\" }\nfacts = { industry = \"energy\" }\n";
    let registry = Config::from_toml(&format!("{DOZEN}{MEMBERSHIP}{claims}")).unwrap().registry();
    for (operand, place) in [("spatial", "Membership.address.country"), ("industry", "Membership")] {
        let known = registry.operand(operand).unwrap();
        assert_eq!((known.assurance, &known.source), (Assurance::Enforced, &Source::Claim(place.into())));
    }
}

#[test]
fn nonsense_about_credentials_is_told() {
    for (more, place) in [
        ("max-age-seconds = 0", "max-age-seconds"),
        ("claims = { nothing = \"a\" }", "claims.nothing"),
        ("claims = { count = \"a\" }", "claims.count"),
        ("claims = { recipient = \"a\" }", "claims.recipient"),
        ("claims = { spatial = \"a..b\" }", "claims.spatial"),
        ("facts = { spatial = { a = 1 } }", "facts.spatial"),
    ] {
        let said = about(&format!("{MEMBERSHIP}{more}\n"));
        assert!(said.len() == 1 && said[0].starts_with(&format!("credential[0].{place}: ")), "{more}: {said:?}");
    }
    let said = about("[[credential]]\ntype = \"VerifiableCredential\"\nissuers = [\"https://a.example\"]\n");
    assert!(
        said[0].starts_with("credential[0].type: ") && said[1].starts_with("credential[0].issuers[0]: "),
        "{said:?}"
    );
    let said = about("[[credential]]\ntype = \"Membership\"\nissuers = []\n");
    assert!(said[0].starts_with("credential[0].issuers: "), "{said:?}");
}
