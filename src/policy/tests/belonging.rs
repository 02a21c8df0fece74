//! What belongs where, and what nobody tells of.

use super::*;

#[test]
fn of_a_collection_that_nobody_tells_of_it_is_not_known_who_belongs_to_it() {
    let party = json!({"@type": "PartyCollection", "uid": "urn:g"});
    let asset = json!({"@type": "AssetCollection", "uid": "urn:g"});
    let barred = |by: Value| json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [by]});
    let of_parties = barred(json!({"action": "use", "assignee": party}));
    let of_assets = barred(json!({"action": "use", "target": asset}));
    let late = atom("dateTime", "lteq", json!("2026-11-01"));
    let missed = json!({"permission": [{"action": "use"}],
        "obligation": [{"action": "delete", "assignee": party, "constraint": [late]}]});
    let granted = json!({"permission": [{"action": "use", "assignee": party}]});
    let told = |member: &str, collection: &str| {
        let mut world = exchange(json!({}));
        world["memberOf"] = json!([{"member": member, "collection": collection}]);
        world
    };
    for policy in [&of_parties, &of_assets, &missed, &granted] {
        for world in [exchange(json!({})), told("urn:x", "urn:y")] {
            let open = code(policy, &world, 1);
            assert!(open.because.iter().all(|why| why.state == Truth::Unknown), "{open:?}");
            let reason = &open.because.last().unwrap().reason;
            assert!(reason.contains(" belongs to urn:g is not known"), "{reason}");
        }
    }
    // Told of the member or of the collection, it is known.
    for world in [told("did:web:c", "urn:y"), told("urn:x", "urn:g")] {
        code(&of_parties, &world, 0);
        code(&missed, &world, 0);
        assert_eq!(code(&granted, &world, 1).because[0].state, Truth::False);
    }
    code(&of_parties, &told("did:web:c", "urn:g"), 1);
    code(&of_assets, &told("urn:t", "urn:y"), 0);
    code(&granted, &told("did:web:c", "urn:g"), 0);
    // What is no collection has no members that anybody would have to tell.
    code(&barred(json!({"action": "use", "assignee": "did:web:other"})), &exchange(json!({})), 0);
}

#[test]
fn groups_are_not_known_where_the_memberships_are_those_of_others() {
    let group = |operator: &str| atom("xroad:globalGroupMember", operator, json!("g"));
    let told = |member: &str, facts: Value| {
        let mut world = exchange(facts);
        world["memberOf"] = json!([{"member": member, "collection": "r"}]);
        world
    };
    let barred = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": [group("eq")]}]});
    code(&set(json!([group("neq")])), &told("q", json!({})), 1);
    code(&set(json!([group("neq")])), &told("did:web:c", json!({})), 0);
    code(&barred, &told("q", json!({})), 1);
    code(&barred, &told("did:web:c", json!({})), 0);
    // Those of the party are some, perhaps not all, of the groups of a client that is known by another name.
    let client = json!({"xroad:clientId": "EE/GOV/1/a"});
    let open = code(&barred, &told("did:web:c", client.clone()), 1);
    assert_eq!(
        open.because[0].reason,
        "a prohibition may apply: xroad:globalGroupMember is r, and perhaps more, so it cannot be told whether that is eq g"
    );
    code(&barred, &told("EE/GOV/1/a", client.clone()), 0);
    code(&set(json!([atom("xroad:globalGroupMember", "eq", json!("r"))])), &told("did:web:c", client.clone()), 0);
    code(&set(json!([atom("xroad:globalGroupMember", "isNoneOf", json!(["g"]))])), &told("did:web:c", client), 1);
}

#[test]
fn a_taxonomy_tells_nothing_of_words_that_it_does_not_have() {
    let barred = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": [atom("purpose", "isA", json!("med"))]}]});
    let with = |edges: Value, expected: u8| {
        let mut world = exchange(json!({"purpose": "a"}));
        world["broader"] = edges;
        code(&barred, &world, expected);
    };
    let (of_others, of_med) = (json!({"narrower": "x", "broader": "y"}), json!({"narrower": "b", "broader": "med"}));
    with(json!([of_others]), 1);
    with(json!([of_med]), 1);
    with(json!([{"narrower": "a", "broader": "y"}]), 1);
    with(json!([{"narrower": "a", "broader": "a"}, of_med]), 1);
    with(json!([{"narrower": "a", "broader": "y"}, of_med]), 0);
    with(json!([{"narrower": "a", "broader": "b"}, of_med]), 1);
    // Members of collections and words of a taxonomy are told of apart.
    let mut apart = exchange(json!({"purpose": "a"}));
    (apart["broader"], apart["memberOf"]) = (json!([of_med]), json!([{"member": "a", "collection": "y"}]));
    code(&barred, &apart, 1);
}

#[test]
fn that_a_term_belongs_to_itself_says_nothing_about_others() {
    let policy = set(json!([atom("purpose", "isA", json!("a"))]));
    for (member, state) in [("a", Truth::Unknown), ("c", Truth::False)] {
        let mut world = exchange(json!({"purpose": "b"}));
        world["memberOf"] = json!([{"member": member, "collection": "a"}, {"member": "b", "collection": "d"}]);
        assert_eq!(code(&policy, &world, 1).because[0].state, state, "{member}");
    }
}

#[test]
fn groups_that_are_facts_are_compared_as_given_and_those_of_memberships_by_belonging() {
    let barred = |operator: &str, right: &str| {
        json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [
            {"action": "use", "constraint": [atom("xroad:globalGroupMember", operator, json!(right))]}]})
    };
    let given = exchange(json!({"xroad:globalGroupMember": ["g", "h"]}));
    let mut told = exchange(json!({}));
    told["memberOf"] = json!([
        {"member": "did:web:c", "collection": "g"}, {"member": "did:web:c", "collection": "h"}]);
    for (operator, right, by_facts, by_memberships) in
        [("eq", "g", 1, 1), ("eq", "q", 1, 0), ("neq", "g", 1, 0), ("neq", "q", 1, 1), ("isAnyOf", "q", 0, 0)]
    {
        code(&barred(operator, right), &given, by_facts);
        code(&barred(operator, right), &told, by_memberships);
    }
}
