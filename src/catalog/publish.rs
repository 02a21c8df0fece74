//! Policies on their way into offers: refused when they cannot be evaluated or offered, written as DSP 2025-1 wants them.

use serde_json::{Map, Value, json};

use super::hopeless::hopeless;
use super::normal::normal;
use super::wire::Writer;
use crate::policy::{Compiled, Invalid, Policy, Registry, Truth, World, compile};

/// What an offer gives its own value to, so that a policy's does not count.
const FRAME: [&str; 10] =
    ["@context", "@type", "@id", "type", "id", "uid", "target", "assigner", "assignee", "timestamp"];

/// Whether an offer is one that peers may send us back: what breaks the protocol's schema, with pointers into the offer.
pub type OfferCheck = fn(&Value) -> Vec<Invalid>;

/// Whether a policy may be published with those words, without publishing it.
///
/// # Errors
/// As [`super::Catalog::check_policy`].
pub fn publishable(policy: &Value, registry: &Registry, check: OfferCheck) -> Result<(), Vec<Invalid>> {
    PublishedPolicy::publish(policy, registry, check).map(|_| ())
}

/// A policy that offers may name.
#[derive(Debug)]
pub(super) struct PublishedPolicy {
    /// As the operator wrote it.
    pub(super) source: Value,
    /// Its rules as they go over the wire, without a frame.
    rules: Map<String, Value>,
    /// Compiled from those rules.
    pub(super) compiled: Compiled,
    /// Whether a rule names a target, so that the decision differs between datasets.
    pub(super) targeted: bool,
}

impl PublishedPolicy {
    /// Reads, checks and compiles a policy of any type.
    pub(super) fn publish(policy: &Value, registry: &Registry, check: OfferCheck) -> Result<Self, Vec<Invalid>> {
        let mut source = policy.clone();
        if let Some(map) = source.as_object_mut() {
            // An agreement's parties and an offer's target come with the frame; only the rules are asked for here.
            map.retain(|key, _| matches!(key.as_str(), "@context") || !FRAME.contains(&key.as_str()));
            if Policy::has_ids_class(policy) {
                map.insert("@type".into(), json!("ids:ContractOffer"));
            }
        }
        let read = Policy::parse(&source)?;
        let compiled = compile(&read, registry)?;
        let mut invalid = hopeless(&read, &compiled, registry);
        if read.permissions.is_empty() && read.prohibitions.is_empty() {
            let reason = "an offer needs a permission; an obligation alone permits nothing";
            invalid.push(Invalid::new("", "policy.no-permission", reason));
        }
        let read = normal(&read, registry, &mut invalid);
        let rules = Writer::new(&source, registry).rules(&read);
        let offer = framed(&rules, "urn:uuid:00000000-0000-0000-0000-000000000000");
        if invalid.is_empty() {
            invalid = check(&offer);
        }
        if !invalid.is_empty() {
            return Err(invalid);
        }
        let again = Policy::parse(&offer)?;
        if meaning(&again, registry) != meaning(&read, registry) {
            let reason =
                "the protocol cannot carry this policy as it is meant; write its terms in full, without a context";
            return Err(vec![Invalid::new("", "policy.not-carried", reason)]);
        }
        let compiled = compile(&again, registry)?;
        let targeted = rules.values().any(names_target);
        Ok(Self { source: policy.clone(), rules, compiled, targeted })
    }

    /// Whether the policy refuses by what is known, so that nothing that is not known yet can change it.
    pub(super) fn certainly_refuses(&self, world: &World) -> bool {
        if self.compiled.decide(world).permit {
            return false;
        }
        let rules = self.compiled.explain(world).rules;
        let all = |kind: &'static str| rules.iter().filter(move |rule| rule.kind == kind);
        let permissions_win = self.rules.get("conflict").is_some_and(|strategy| strategy == "perm");
        let barred = !permissions_win && all("prohibition").any(|rule| rule.state == Truth::True);
        barred || all("permission").all(|rule| rule.state == Truth::False)
    }

    /// The ODRL offer as it stands in a catalogue: no target, no assigner.
    pub(super) fn offer(&self, id: &str) -> Value {
        framed(&self.rules, id)
    }
}

fn framed(rules: &Map<String, Value>, id: &str) -> Value {
    let mut offer = Map::with_capacity(rules.len() + 2);
    offer.insert("@id".into(), json!(id));
    offer.insert("@type".into(), json!("Offer"));
    offer.extend(rules.iter().map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(offer)
}

fn names_target(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| key == "target" || names_target(inner)),
        Value::Array(list) => list.iter().any(names_target),
        _ => false,
    }
}

/// The rules alone, each term by its registered name: the same for policies that mean the same.
fn meaning(policy: &Policy, registry: &Registry) -> Map<String, Value> {
    Writer::new(&Value::Null, registry).rules(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer_of(policy: &Value) -> Value {
        PublishedPolicy::publish(policy, &Registry::built_in(), |_| Vec::new()).unwrap().offer("o1")
    }

    fn refused(policy: &Value) -> Vec<&'static str> {
        let invalid = PublishedPolicy::publish(policy, &Registry::built_in(), |_| Vec::new()).err().unwrap_or_default();
        invalid.into_iter().map(|invalid| invalid.code).collect()
    }

    #[test]
    fn a_policy_is_written_as_dsp_wants_it() {
        let policy = json!({
            "@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "odrl:Agreement", "uid": "u", "target": "x",
            "odrl:permission": {"odrl:action": {"@id": "odrl:use"}, "constraint": {
                "leftOperand": {"@id": "odrl:count"}, "operator": {"@id": "odrl:lteq"}, "rightOperand": 3}},
            "prohibition": [],
        });
        let expected = json!({"@id": "o1", "@type": "Offer", "permission": [{"action": "use", "constraint": [
            {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}]}]});
        assert_eq!(offer_of(&policy), expected);
        assert_eq!(offer_of(&expected), expected);
    }

    #[test]
    fn a_policy_that_cannot_be_evaluated_is_refused_with_the_place() {
        let policy = json!({"permission": [{"action": "use", "constraint": [
            {"leftOperand": "moonPhase", "operator": "eq", "rightOperand": "full"}]}]});
        let invalid = PublishedPolicy::publish(&policy, &Registry::built_in(), |_| Vec::new()).unwrap_err();
        assert!(invalid[0].clause.starts_with("/permission/0/constraint/0"), "{invalid:?}");
        assert_eq!(refused(&json!([])), ["policy.malformed"]);
        assert_eq!(refused(&json!({})), ["policy.empty"]);
    }

    #[test]
    fn a_rule_with_a_target_makes_the_policy_a_targeted_one() {
        let targeted =
            |policy: &Value| PublishedPolicy::publish(policy, &Registry::built_in(), |_| Vec::new()).unwrap().targeted;
        assert!(!targeted(&json!({"target": "a", "permission": [{"action": "use"}]})));
        assert!(targeted(&json!({"permission": [{"action": "use", "target": "a"}]})));
    }

    #[test]
    fn compact_policies_and_foreign_spellings_become_the_terms_of_the_protocol() {
        let count = json!({"leftOperand": "count", "operator": "lteq", "rightOperand": "3"});
        let one = json!({"@id": "o1", "@type": "Offer", "permission": [{"action": "use", "constraint": [count]}]});
        let odrl = |name: &str| format!("http://www.w3.org/ns/odrl/2/{name}");
        let in_full = json!({odrl("permission"): [{odrl("action"): {"@id": odrl("use")}, odrl("constraint"): {
            odrl("leftOperand"): {"@id": odrl("count")}, odrl("operator"): {"@id": odrl("lteq")}, odrl("rightOperand"): 3}}]});
        let of_ids = json!({"ids:permission": [{"ids:action": ["idsc:USE"], "ids:constraint": [{
            "ids:leftOperand": "idsc:COUNT", "ids:operator": "idsc:LTEQ", "ids:rightOperand": "3"}]}]});
        let compact = json!({"action": "use", "constraint": count, "permission": [{}]});
        let narrowed = json!({"permission": [{"action": {"rdf:value": "use", "refinement": [count]}}]});
        for policy in [in_full, of_ids, compact, narrowed] {
            assert_eq!(offer_of(&policy), one, "{policy}");
        }
        let both = json!({"permission": [{"uid": "p", "action": ["read", "use"], "dct:title": "either"}]});
        let each = |action: &str| json!({"action": action, "dct:title": "either"});
        assert_eq!(offer_of(&both)["permission"], json!([each("read"), each("use")]));
    }

    #[test]
    fn terms_of_a_context_of_their_own_are_written_in_full_and_others_as_they_are() {
        let mut registry = Registry::built_in();
        registry.add_text_operand("https://agency.example/ns/case", true);
        let constraint =
            |left: &str, right: Value| json!({"leftOperand": left, "operator": "eq", "rightOperand": right});
        let policy = json!({"@context": [{"my": "https://agency.example/ns/"}], "permission": [{"action": "use", "constraint": [
            constraint("my:case", json!({"@id": "my:one"})),
            constraint("https://w3id.org/catenax/policy/Membership", json!("active")),
            constraint("dateTime", json!({"@value": "2030-01-01T00:00:00Z", "@type": "xsd:dateTime"})),
            constraint("product", json!({"@value": "1.0", "@type": "xsd:decimal"})),
            constraint("product", json!(1)),
            {"leftOperand": "xroad:datapath", "operator": "isAnyOf", "rightOperand": ["GET /a"]},
        ]}]});
        registry.define("https://agency.example/ns/case", crate::policy::Operand::text());
        let offer = PublishedPolicy::publish(&policy, &registry, |_| Vec::new()).unwrap().offer("o1");
        let written = json!([
            constraint("https://agency.example/ns/case", json!({"@id": "https://agency.example/ns/one"})),
            constraint("https://w3id.org/catenax/policy/Membership", json!("active")),
            constraint("dateTime", json!({"@value": "2030-01-01T00:00:00Z", "@type": "xsd:dateTime"})),
            constraint("product", json!({"@value": "1.0", "@type": "xsd:decimal"})),
            constraint("product", json!("1")),
            {"leftOperand": "xroad:datapath", "operator": "isAnyOf", "rightOperand": ["GET /a"]},
        ]);
        assert_eq!(offer["permission"][0]["constraint"], written);
    }

    #[test]
    fn what_ids_classes_say_of_duties_goes_over_the_wire_as_their_profile() {
        let ids =
            json!({"@type": "ids:ContractOffer", "permission": [{"action": "use", "duty": [{"action": "delete"}]}]});
        let published = PublishedPolicy::publish(&ids, &Registry::built_in(), |_| Vec::new()).unwrap();
        assert_eq!(published.compiled.duties(None)[0].timing, Some(crate::model::odrl::DutyTiming::After));
        let offer = published.offer("o1");
        assert_eq!(offer["profile"], "https://w3id.org/idsa/core/");
        assert_eq!((&offer["@type"], offer_of(&offer)), (&json!("Offer"), offer.clone()));
        let plain = json!({"permission": [{"action": "use", "duty": [{"action": "delete"}]}]});
        assert_eq!(offer_of(&plain).get("profile"), None);
    }

    #[test]
    fn what_is_named_and_described_nowhere_is_not_published() {
        for policy in [
            json!({"permission": [{"action": "use", "constraint": [{"@id": "urn:nowhere"}]}]}),
            json!({"permission": [{"action": "use", "duty": [{"@id": "urn:nowhere"}]}]}),
        ] {
            assert_eq!(refused(&policy), ["reference.unknown"]);
        }
        let described = json!({"uid": "urn:d", "action": "compensate"});
        let shared = json!({"permission": [
            {"action": "read", "duty": [described]}, {"action": "use", "duty": [{"@id": "urn:d"}]}]});
        let offer = PublishedPolicy::publish(&shared, &Registry::built_in(), |_| Vec::new()).unwrap().offer("o1");
        let written = json!([{"@id": "urn:d", "action": "compensate"}]);
        assert_eq!((&offer["permission"][0]["duty"], &offer["permission"][1]["duty"]), (&written, &written));
    }

    #[test]
    fn the_fields_that_a_duty_pseudonymises_are_a_constraint_on_the_wire() {
        let fields = json!({"leftOperand": "xroad:fields", "operator": "isAnyOf", "rightOperand": ["/personalCode"]});
        let hide = json!({"rdf:value": "pseudonymise", "refinement": [fields]});
        let policy = json!({"permission": [{"action": "use", "duty": [{"action": hide}]}]});
        let published = PublishedPolicy::publish(&policy, &Registry::built_in(), |_| Vec::new()).unwrap();
        let duty = json!([{"action": "pseudonymise", "constraint": [fields]}]);
        assert_eq!(published.offer("o1")["permission"][0]["duty"], duty);
        let source = Compiled::read(&policy, &Registry::built_in()).unwrap();
        assert_eq!(published.compiled.pseudonymised(), source.pseudonymised());
        let paid = json!({"rdf:value": "compensate", "refinement": [
            {"leftOperand": "payAmount", "operator": "eq", "rightOperand": "5"}]});
        assert_eq!(
            refused(&json!({"permission": [{"action": "use", "duty": [{"action": paid}]}]})),
            ["duty.refinement"]
        );
    }

    #[test]
    fn what_no_call_can_ever_fulfil_is_refused_with_what_to_do() {
        let with = |constraint: Value| json!({"permission": [{"action": "use", "constraint": [constraint]}]});
        let atom = |left: &str, operator: &str, right: &str| json!({"leftOperand": left, "operator": operator, "rightOperand": right});
        for (policy, code) in [
            (json!({"obligation": [{"action": "inform"}]}), "policy.no-permission"),
            (json!({"permission": [{"action": "read"}]}), "policy.no-use"),
            (json!({"inheritFrom": "urn:other", "permission": [{"action": "use"}]}), "policy.parent-missing"),
            (
                with(json!({"andSequence": [atom("count", "lt", "3"), atom("purpose", "eq", "urn:x")]})),
                "constraint.sequence-stuck",
            ),
            (
                with(json!({"leftOperand": "spatial", "operator": "eq", "rightOperandReference": "urn:x"})),
                "constraint.reference",
            ),
            (with(atom("spatial", "lt", "FI")), "operator.never-true"),
            (with(atom("spatial", "eq", "UK")), "spatial.unknown-code"),
            (
                with(json!({"leftOperand": "spatial", "operator": "isAnyOf", "rightOperand": ["FI", "EST", "FN"]})),
                "spatial.unknown-code",
            ),
            (with(atom("xroad:datapath", "gt", "GET /a")), "operator.never-true"),
            (with(atom("absoluteSize", "lt", "5")), "operand.never-told"),
            (with(atom("unitOfCount", "eq", "call")), "operand.never-told"),
        ] {
            assert_eq!(refused(&policy), [code], "{policy}");
        }
        for constraint in [
            atom("count", "lt", "5"),
            atom("elapsedTime", "lteq", "P30D"),
            atom("meteredTime", "lteq", "PT5M"),
            json!({"andSequence": [atom("count", "lt", "5")]}),
            atom("purpose", "eq", "urn:x"),
            json!({"leftOperand": "spatial", "operator": "isAnyOf", "rightOperand": ["FI", "EST", "EU", "urn:place"]}),
            atom("industry", "isPartOf", "urn:x"),
            atom("recipient", "isNoneOf", "did:web:x"),
            atom("edc:inForceDate", "lteq", "contractAgreement+30d"),
            atom("xroad:consent", "eq", "granted"),
            atom("cx-policy:DataUsageEndDurationDays", "lteq", "5"),
        ] {
            assert_eq!(refused(&with(constraint.clone())), [""; 0], "{constraint}");
        }
        // A duty may be due some time after the agreement.
        let delete = json!({"action": "delete", "constraint": [atom("elapsedTime", "lteq", "P30D")]});
        assert_eq!(refused(&json!({"permission": [{"action": "use"}], "obligation": [delete]})), [""; 0]);
    }
}
