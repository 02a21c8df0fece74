//! JSON-LD as peers may write it: what is the same document is decided the same, and what could hide a rule is refused.

use super::*;

const ODRL: &str = "http://www.w3.org/ns/odrl/2/";

/// Permits `use` and prohibits it for this target, with further members.
fn barred(more: Value) -> Value {
    let mut policy = json!({
        "@type": "Agreement", "uid": "urn:p", "assigner": "did:web:p", "assignee": "did:web:c", "target": "urn:t",
        "conflict": "prohibit", "permission": [{"action": "use"}],
    });
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy
}

#[track_caller]
fn refused_with(policy: &Value, wanted: &str) {
    let decided = code(policy, &exchange(json!({})), 2);
    assert!(decided.invalid.iter().any(|invalid| invalid.code == wanted), "{wanted}: {decided:?}");
}

#[test]
fn definitions_of_a_context_have_no_order() {
    let rule = json!([{"action": "use"}]);
    for context in [
        json!({"b": "o:prohibition", "o": ODRL}),
        json!({"o": ODRL, "b": "o:prohibition"}),
        json!({"b": "c", "c": {"@id": "o:prohibition"}, "o": ODRL}),
        json!([{"o": ODRL}, {"b": "o:prohibition"}, {"o": "http://elsewhere.example/"}]),
        json!([{"b": "http://elsewhere.example/x"}, {"b": "o:prohibition", "o": ODRL}]),
    ] {
        code(&barred(json!({"@context": context, "b": rule})), &exchange(json!({})), 1);
    }
    let circle = json!({"a": "b:x", "b": "a:y"});
    refused_with(&barred(json!({"@context": circle})), "context.circle");
}

#[test]
fn what_a_context_could_hide_or_change_is_refused() {
    for (context, wanted) in [
        (json!({"hidden": "@nest"}), "context.unsupported"),
        (json!({"action": {"@id": "odrl:action", "@context": {}}}), "context.unsupported"),
        (json!({"by": {"@reverse": "odrl:target"}}), "context.unsupported"),
        (json!({"prohibition": null}), "context.unsupported"),
        (json!(["http://www.w3.org/ns/odrl.jsonld", null]), "context.unsupported"),
        (json!({"@base": "http://x.example/"}), "context.unsupported"),
        (json!({"@import": "http://x.example/"}), "context.unsupported"),
        (json!({"val": "@value"}), "context.unsupported"),
        (json!({"rightOperand": {"@id": "odrl:rightOperand", "@type": "xsd:date"}}), "context.unsupported"),
        (json!({"constraint": {"@id": "odrl:constraint", "@container": "@index"}}), "context.unsupported"),
        (json!({"@vocab": "http://www.w3.org/ns/odrl/2/pro"}), "context.redefines"),
        (json!({"odrl:prohibition": "http://x.example/y"}), "context.redefines"),
        (json!({"action": ODRL}), "context.redefines"),
        (json!([1]), "context.malformed"),
        (json!([{}, null]), "context.unsupported"),
    ] {
        refused_with(&barred(json!({"@context": context})), wanted);
    }
    let many: serde_json::Map<String, Value> = (0..2000).map(|n| (format!("k{n}"), json!("urn:x"))).collect();
    refused_with(&barred(json!({"@context": many})), "context.too-large");
}

#[test]
fn what_contexts_usually_say_is_taken() {
    for context in [
        json!(["http://www.w3.org/ns/odrl.jsonld", {"id": "@id", "type": "@type", "@version": 1.1, "@protected": true}]),
        json!({"@vocab": "https://w3id.org/edc/v0.0.1/ns/", "odrl": ODRL, "edc": "https://w3id.org/edc/v0.0.1/ns/"}),
        json!({"@vocab": ODRL}),
        json!([null, "http://www.w3.org/ns/odrl.jsonld"]),
        json!({"permission": {"@id": "odrl:permission", "@container": "@set"}, "dct": "http://purl.org/dc/terms/"}),
    ] {
        code(&barred(json!({"@context": context})), &exchange(json!({})), 0);
    }
    let coerced = json!({"rightOperand": {"@id": "odrl:rightOperand", "@type": "@id"}, "ex": "http://ex.example/"});
    let policy = json!({"@context": coerced, "permission": {"action": "use", "constraint":
        {"leftOperand": "purpose", "operator": "neq", "rightOperand": "ex:x"}}});
    code(&policy, &exchange(json!({"purpose": "http://ex.example/x"})), 1);
}

#[test]
fn keywords_and_names_that_would_be_passed_over_are_refused() {
    let rule = json!({"action": "use"});
    for (member, wanted) in [
        (json!({"@nest": {"prohibition": rule}}), "property.unknown"),
        (json!({"@included": [{"@id": "urn:p", "prohibition": rule}]}), "property.unknown"),
        (json!({"@reverse": {"target": "urn:x"}}), "property.unknown"),
        (json!({"rdf:type": {"@id": "odrl:Offer"}}), "property.misspelt"),
        (json!({"prohibiton": rule}), "property.misspelt"),
        (json!({"Prohibition": rule}), "property.misspelt"),
        (json!({"prohibitions": rule}), "property.misspelt"),
        (json!({"obligation": [], "Duties": rule}), "property.misspelt"),
        (json!({"@context": {"@vocab": ODRL}, "failure": rule}), "property.unknown"),
        (json!({"uid": ["urn:p", "urn:q"]}), "policy.malformed"),
        (json!({"uid": 5}), "policy.malformed"),
        (json!({"target": 5}), "party.malformed"),
        (json!({"target": ""}), "party.malformed"),
        (json!({"assignee": true}), "party.malformed"),
        (json!({"inheritFrom": 4}), "policy.malformed"),
    ] {
        refused_with(&barred(member), wanted);
    }
    let narrowed = |more: Value| {
        let mut target = json!({"@type": "AssetCollection", "refinement": atom("spatial", "eq", json!("FI"))});
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        barred(json!({ "target": target }))
    };
    refused_with(&narrowed(json!({"uid": "urn:col"})), "party.malformed");
    refused_with(&narrowed(json!({"uid": "urn:one", "source": "urn:col"})), "party.malformed");
    code(&narrowed(json!({"source": "urn:t"})), &exchange(json!({"spatial": "FI"})), 0);
    let both = json!({"@value": 5, "@id": "urn:x"});
    refused_with(&set(atom("count", "lteq", both)), "constraint.right-operand");
}

#[test]
fn what_a_graph_describes_is_read_wherever_it_is_named_and_cited_where_it_stands() {
    let node = json!({"@id": "_:t", "@type": "AssetCollection", "source": "urn:t"});
    for named in [json!("_:t"), json!({"@id": "_:t"}), json!(["_:t"])] {
        let policy = barred(json!({"prohibition": {"action": "use", "target": named}}));
        code(&json!({"@graph": [policy, node]}), &exchange(json!({})), 1);
    }
    let constraint = json!({"@id": "urn:c", "leftOperand": "spatial", "operator": "eq", "rightOperand": "FI"});
    for named in [json!("urn:c"), json!({"@id": "urn:c"})] {
        let policy = barred(json!({"permission": {"action": "use", "constraint": named}}));
        let decided = code(&json!({"@graph": [policy, constraint]}), &exchange(json!({"spatial": "SE"})), 1);
        assert_eq!(decided.because[0].clause, "/@graph/1");
    }
    let (rule, duty) =
        (json!({"@id": "urn:r", "action": "use", "duty": "urn:d"}), json!({"@id": "urn:d", "action": "pay"}));
    let policy = barred(json!({"permission": ["urn:r"]}));
    let mut world = exchange(json!({}));
    let graph = json!({"@graph": [policy, rule, duty]});
    code(&graph, &world, 1);
    world["duties"] = json!([{"id": "urn:d", "performed": "2026-11-22T08:00:00Z"}]);
    code(&graph, &world, 0);
    code(&json!({"@graph": barred(json!({}))}), &exchange(json!({})), 0);
    let beside = json!({"@graph": [barred(json!({}))], "@id": "urn:p", "prohibition": [{"action": "use"}]});
    refused_with(&beside, "graph.beside");
}

#[test]
fn empty_and_nested_sets_are_what_they_hold() {
    code(&barred(json!({"conflict": [], "@type": [], "profile": []})), &exchange(json!({})), 0);
    code(&barred(json!({"permission": [[{"action": "use"}], [[]]]})), &exchange(json!({})), 0);
}

#[test]
fn names_that_lead_from_one_to_another_without_end_are_refused_before_they_take_the_stack() {
    let chain = |property: &str, last: Value| {
        let mut nodes: Vec<Value> = (0..4_900)
            .map(|n| json!({"@id": format!("urn:{n}"), "permission": {"action": "use"}, property: format!("urn:{}", n + 1)}))
            .collect();
        nodes.push(last);
        json!({ "@graph": nodes })
    };
    let last = json!({"@id": "urn:4900", "permission": {"action": "use"}});
    refused_with(&chain("inheritFrom", last), "policy.too-deep");
    let constraints: Vec<Value> =
        (0..4_900).map(|n| json!({"@id": format!("urn:{n}"), "and": [{"@id": format!("urn:{}", n + 1)}]})).collect();
    let policy = json!({"permission": {"action": "use", "constraint": {"@id": "urn:0"}}});
    let graph: Vec<Value> = std::iter::once(policy).chain(constraints).collect();
    refused_with(&json!({ "@graph": graph }), "constraint.too-deep");
}

#[test]
fn a_document_of_a_megabyte_is_refused_without_comparing_all_of_it_with_all_of_it() {
    let keys = |prefix: &str| -> Value { (0..80_000).map(|n| (format!("{prefix}{n:x}"), json!(1))).collect() };
    for policy in [barred(keys("k")), barred(keys("odrl:")), barred(json!({"@context": keys("k")}))] {
        refused_with(&policy, if policy.get("@context").is_some() { "context.too-large" } else { "policy.too-large" });
    }
    let broken: Vec<Value> = (0..5_000).map(|_| json!({"failure": 1, "odrl:foo": 1})).collect();
    let decided = code(&barred(json!({ "permission": broken })), &exchange(json!({})), 2);
    assert!(decided.invalid.len() <= 200);
}
