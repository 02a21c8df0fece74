//! Days, dates and the end of time.

use super::*;

fn permission(more: &Value) -> Value {
    let mut rule = json!({"action": "use"});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"@type": "Set", "uid": "urn:p", "permission": [rule]})
}

fn at(now: &str, facts: Value) -> Value {
    let mut world = exchange(facts);
    world["now"] = json!(now);
    world
}

fn with_duties(duties: Value, facts: Value) -> Value {
    let mut world = exchange(facts);
    world["duties"] = duties;
    world
}

#[test]
fn agreements_without_an_end_name_the_last_day_of_all() {
    for end in ["9999-12-31T23:59:59Z", "9999-12-31", "9999-12-31T23:59:59.999-14:00"] {
        code(&permission(&json!({"constraint": [atom("dateTime", "lteq", json!(end))]})), &exchange(json!({})), 0);
        code(&permission(&json!({"constraint": [atom("dateTime", "gt", json!(end))]})), &exchange(json!({})), 1);
    }
    let until = |end: &str| permission(&json!({"constraint": [atom("dateTime", "lteq", json!(end))]}));
    code(&until("9999-12-31T23:59:58Z"), &at("9999-12-31T23:59:59Z", json!({})), 1);
    code(&until("9999-12-31T23:59:59Z"), &at("9999-12-31T23:59:59Z", json!({})), 0);
    let refused = code(&until("2026-01-01T00:00:00Z"), &at("9999-12-31T23:59:59Z", json!({})), 1);
    assert_eq!(refused.because[0].observed.as_deref(), Some("9999-12-31T23:59:59.000Z"));
    let long = permission(&json!({"constraint": [atom("elapsedTime", "lteq", json!("P9999Y"))]}));
    code(&long, &exchange(json!({"elapsedTime": "P3D"})), 0);
    code(&long, &exchange(json!({"elapsedTime": "P10000Y"})), 1);
    let duty = permission(
        &json!({"duty": [{"action": "delete", "constraint": [atom("elapsedTime", "lteq", json!("P9999Y"))]}]}),
    );
    let duty = Compiled::read(&duty, &Registry::built_in()).unwrap();
    let mut world = World::read(&exchange(json!({}))).unwrap().knowing("edc:contractAgreement", "2026-01-01T00:00:00Z");
    world.phase = Phase::Transfer;
    let outlook = duty.outlook(&world);
    assert_eq!((outlook.duties[0].duty.deadline, outlook.next), (None, None), "no date can be written for it");
    assert_eq!(outlook.duties[0].standing, Standing::Open);
}

#[test]
fn a_world_with_a_bad_date_is_not_read() {
    for now in [
        "2026-11-23T10:00:00+25:00",
        "2026-11-23T10:00:00+14:30",
        "2026-11-23T10:00:00+02:00[Europe/Helsinki]",
        "2026-11-23 10:00:00Z",
        "2026-11-23",
        "soon",
    ] {
        let (policy, world) = (permission(&json!({})).to_string(), at(now, json!({})).to_string());
        assert!(decide_document(&policy, &world, &Registry::built_in()).is_err(), "{now}");
        let world = with_duties(json!([{"id": "urn:d", "performed": now}]), json!({})).to_string();
        assert_eq!(decide_document(&policy, &world, &Registry::built_in()).is_err(), now.len() != 10, "{now}");
    }
}

#[test]
fn a_bound_that_names_a_day_means_the_whole_day() {
    let cases = [
        // Operator, and whether it holds: before the day, at its beginning, within, in its last moment, at its end.
        ("lt", [true, false, false, false, false]),
        ("lteq", [true, true, true, true, false]),
        ("eq", [false, true, true, true, false]),
        ("neq", [true, false, false, false, true]),
        ("gteq", [false, true, true, true, true]),
        ("gt", [false, false, false, false, true]),
        ("isAnyOf", [false, true, true, true, false]),
        ("isNoneOf", [true, false, false, false, true]),
    ];
    let moments = [
        "2026-11-22T23:59:59.999Z",
        "2026-11-23T00:00:00Z",
        "2026-11-23T10:00:00Z",
        "2026-11-23T23:59:59.999Z",
        "2026-11-24T00:00:00Z",
    ];
    for (operator, expected) in cases {
        for day in [json!("2026-11-23"), json!({"@value": "2026-11-23", "@type": "xsd:date"}), json!("2026-11-23Z")] {
            let policy = permission(&json!({"constraint": [atom("dateTime", operator, day)]}));
            for (now, holds) in moments.iter().zip(expected) {
                code(&policy, &at(now, json!({})), u8::from(!holds));
            }
        }
    }
    // The day of the zone that it carries.
    let zoned = permission(&json!({"constraint": [atom("dateTime", "lteq", json!("2026-11-23+02:00"))]}));
    code(&zoned, &at("2026-11-23T21:59:59Z", json!({})), 0);
    code(&zoned, &at("2026-11-23T22:00:00Z", json!({})), 1);
    // Other operands with dates, and days as facts.
    let end = permission(&json!({"constraint": [atom("DataUsageEndDate", "lteq", json!("2026-11-23"))]}));
    code(&end, &exchange(json!({"DataUsageEndDate": "2026-11-23"})), 0);
    code(&end, &exchange(json!({"DataUsageEndDate": "2026-11-23T12:00:00Z"})), 0);
    code(&end, &exchange(json!({"DataUsageEndDate": "2026-11-24"})), 1);
}

#[test]
fn days_overlap_where_their_hours_do() {
    let both = |one: Value, other: Value| json!({"permission": [{"action": "use", "constraint": [one]}], "prohibition": [{"action": "use", "constraint": [other]}]});
    let time = |operator: &str, right: &str| atom("dateTime", operator, json!(right));
    for (one, other, overlap) in [
        (time("lteq", "2026-11-23"), time("gt", "2026-11-23"), false),
        (time("lteq", "2026-11-23"), time("gteq", "2026-11-24"), false),
        (time("lteq", "2026-11-23"), time("gteq", "2026-11-23T12:00:00Z"), true),
        (time("lteq", "2026-11-23"), time("gteq", "2026-11-24T00:00:00Z"), false),
        (time("lt", "2026-11-23"), time("gteq", "2026-11-23"), false),
        (time("eq", "2026-11-23"), time("eq", "2026-11-23T12:00:00Z"), true),
        (time("eq", "2026-11-23"), time("neq", "2026-11-23"), false),
        (time("eq", "2026-11-23"), time("eq", "2026-11-24"), false),
        (time("isAnyOf", "2026-11-23"), time("gt", "2026-11-23T23:00:00Z"), true),
        (time("isNoneOf", "2026-11-23"), time("eq", "2026-11-23T12:00:00Z"), false),
    ] {
        let policy = both(one, other);
        let overlaps = Compiled::read(&policy, &Registry::built_in()).is_err();
        assert_eq!(overlaps, overlap, "{policy}");
    }
}

#[test]
fn the_deadline_of_a_day_is_its_end() {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [
        {"uid": "urn:d", "action": "delete", "constraint": [atom("dateTime", "lteq", json!("2026-11-23"))]}]});
    code(&policy, &at("2026-11-23T23:59:59Z", json!({})), 0);
    code(&policy, &at("2026-11-24T00:00:00Z", json!({})), 1);
    let done = |when: &str| {
        let mut world = at("2026-11-25T00:00:00Z", json!({}));
        world["duties"] = json!([{"id": "urn:d", "performed": when}]);
        world
    };
    code(&policy, &done("2026-11-23T20:00:00Z"), 0);
    code(&policy, &done("2026-11-24T00:00:00Z"), 1);
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    assert_eq!(compiled.obligations(None)[0].deadline.unwrap().to_string(), "2026-11-24T00:00:00.000Z");
    let until = Compiled::read(
        &permission(&json!({"constraint": [atom("dateTime", "lteq", json!("2026-11-23"))]})),
        &Registry::built_in(),
    )
    .unwrap();
    let outlook = until.outlook(&World::read(&at("2026-11-23T10:00:00Z", json!({}))).unwrap());
    assert_eq!(outlook.next.unwrap().to_string(), "2026-11-24T00:00:00.000Z");
    assert!(outlook.refusal.is_none());
    let on_the_day = Compiled::read(
        &permission(&json!({"constraint": [atom("dateTime", "eq", json!("2026-11-23"))]})),
        &Registry::built_in(),
    )
    .unwrap();
    let before = on_the_day.outlook(&World::read(&at("2026-11-22T10:00:00Z", json!({}))).unwrap());
    assert!(before.refusal.is_none(), "it will permit on that day");
    assert_eq!(before.next.unwrap().to_string(), "2026-11-23T00:00:00.000Z");
}
