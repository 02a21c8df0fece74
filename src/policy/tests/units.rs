//! Amounts and their units.

use super::*;

fn amount(left: &str, operator: &str, right: Value, unit: &str) -> Value {
    let mut constraint = atom(left, operator, right);
    constraint["unit"] = json!(unit);
    set(json!([constraint]))
}

#[test]
fn every_left_operand_of_odrl_takes_the_units_that_its_values_can_have() {
    let (euro, dots) = ("http://dbpedia.org/resource/Euro", "http://dbpedia.org/resource/Dots_per_inch");
    for (left, unit, fits) in [
        ("payAmount", euro, true),
        ("payAmount", "EUR", true),
        ("payAmount", "http://example.org/currencies#ISK", true),
        ("payAmount", "euro", false),
        ("payAmount", dots, false),
        ("resolution", dots, true),
        ("resolution", "dpcm", true),
        ("resolution", euro, false),
        ("absoluteSize", "px", true),
        ("absoluteSize", "MB", true),
        ("absoluteSize", "cm", true),
        ("absoluteSize", "%", false),
        ("relativeSize", "%", true),
        ("relativeSize", "px", false),
        ("percentage", "percent", true),
        ("percentage", "EUR", false),
        ("absolutePosition", "px", true),
        ("absoluteSpatialPosition", "mm", true),
        ("absoluteSpatialPosition", "s", false),
        ("absoluteTemporalPosition", "s", true),
        ("relativePosition", "%", true),
        ("relativeSpatialPosition", "%", true),
        ("relativeTemporalPosition", "%", true),
        ("elapsedTime", "min", true),
        ("delayPeriod", "http://qudt.org/vocab/unit/HR", true),
        ("meteredTime", "h", true),
        ("timeInterval", "s", true),
        ("timeInterval", "px", false),
        ("count", "px", false),
        ("count", "EUR", false),
    ] {
        let policy = amount(left, "lteq", json!(5), unit);
        match Compiled::read(&policy, &Registry::built_in()) {
            Ok(_) => assert!(fits, "{left} {unit}"),
            Err(refused) => {
                assert!(!fits, "{left} {unit}: {refused:?}");
                assert_eq!((refused[0].code, &*refused[0].clause), ("constraint.unit", "/permission/0/constraint/0"));
                let reason = &refused[0].reason;
                assert!(reason.starts_with(&format!("{left} is not in {unit}: ")), "{reason}");
            }
        }
        // Of a unit that is none nothing is known, whatever the fact: what may not be published refuses all the same.
        let told = code(&policy, &exchange(json!({})), 1);
        assert!(fits || told.because[0].state == Truth::Unknown, "{told:?}");
    }
    for text in ["purpose", "recipient", "spatial", "language", "unitOfCount", "version", "product", "event"] {
        let refused = Compiled::read(&amount(text, "eq", json!("a"), "EUR"), &Registry::built_in()).unwrap_err();
        assert!(refused[0].reason.ends_with("it has no unit"), "{refused:?}");
    }
    let dated = amount("dateTime", "lteq", json!("2027-01-01T00:00:00Z"), "s");
    assert!(Compiled::read(&dated, &Registry::built_in()).is_err());
    let decided = code(&dated, &exchange(json!({})), 1);
    assert_eq!(decided.because[0].state, Truth::Unknown);
}

#[test]
fn a_fact_without_a_unit_is_compared_as_given() {
    let policy = amount("payAmount", "gteq", json!(5), "EUR");
    code(&policy, &exchange(json!({"payAmount": 5})), 0);
    code(&policy, &exchange(json!({"payAmount": "4.99"})), 1);
    let sized = amount("absoluteSize", "lteq", json!(2), "kB");
    code(&sized, &exchange(json!({"absoluteSize": 2})), 0);
    code(&sized, &exchange(json!({"absoluteSize": 3})), 1);
}

#[test]
fn a_fact_with_a_unit_is_compared_with_amounts_that_it_can_be_brought_to_exactly() {
    for (left, operator, right, unit, fact, expected) in [
        ("payAmount", "gteq", 5, "EUR", "5 EUR", Truth::True),
        ("payAmount", "gteq", 5, "http://dbpedia.org/resource/Euro", "4.50 EUR", Truth::False),
        ("payAmount", "gteq", 5, "EUR", "500 USD", Truth::Unknown),
        ("absoluteSize", "lteq", 2, "kB", "2000 B", Truth::True),
        ("absoluteSize", "lteq", 2, "kB", "2 KiB", Truth::False),
        ("absoluteSize", "lteq", 2, "kB", "2 px", Truth::Unknown),
        ("absoluteSize", "eq", 1, "in", "25.4 mm", Truth::True),
        ("resolution", "lteq", 300, "dpi", "1000 dpcm", Truth::False),
        ("resolution", "lteq", 300, "dpi", "300 ppi", Truth::Unknown),
        ("absoluteTemporalPosition", "lteq", 3, "min", "90 s", Truth::True),
        ("absoluteTemporalPosition", "lteq", 3, "min", "100 s", Truth::Unknown),
        ("percentage", "lteq", 50, "%", "33 %", Truth::True),
    ] {
        let policy = Compiled::read(&amount(left, operator, json!(right), unit), &Registry::built_in()).unwrap();
        let told = policy.explain(&World::read(&exchange(json!({left: fact}))).unwrap());
        let part = told.rules[0].parts.last().unwrap();
        assert_eq!(part.state, expected, "{left} {operator} {right} {unit}: {fact}");
        assert_eq!(part.compared.as_ref().unwrap().observed.as_deref(), Some(fact), "as it was told");
    }
    let percentage = |fact: &str| truth(atom("percentage", "lteq", json!(50)), json!({"percentage": fact}));
    assert_eq!(
        (percentage("33%"), percentage("51 %"), percentage("50 EUR")),
        (Truth::True, Truth::False, Truth::Unknown)
    );
    // Without a unit in the policy nothing says what an amount of something would be compared with.
    assert_eq!(truth(atom("payAmount", "gteq", json!(5)), json!({"payAmount": "5 EUR"})), Truth::Unknown);
}

#[test]
fn amounts_in_several_units_are_compared_each_in_its_own() {
    let either = json!({"or": [
        {"leftOperand": "payAmount", "operator": "gteq", "rightOperand": 5, "unit": "EUR"},
        {"leftOperand": "payAmount", "operator": "gteq", "rightOperand": 50, "unit": "SEK"}]});
    let policy = set(json!([either]));
    for (fact, expected) in [("5 EUR", 0), ("40 SEK", 1), ("60 SEK", 0), ("6 USD", 1)] {
        code(&policy, &exchange(json!({"payAmount": fact})), expected);
    }
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let sheet = compiled.sheet(&World::read(&exchange(json!({"payAmount": "5 EUR"}))).unwrap());
    let facts: Vec<_> = compiled.facts(&sheet).collect();
    assert_eq!(facts, [("payAmount", vec!["5 EUR".to_owned()])], "evidence tells a fact once, as it was");
}

#[test]
fn a_number_with_a_unit_of_time_is_a_duration() {
    let compiled = |constraint: Value| Compiled::read(&set(json!([constraint])), &Registry::built_in());
    let mut constraint = atom("elapsedTime", "lteq", json!("90"));
    constraint["unit"] = json!("min");
    let policy = compiled(constraint.clone()).unwrap();
    let holds = |elapsed: &str| policy.decide(&World::read(&exchange(json!({"elapsedTime": elapsed}))).unwrap()).permit;
    assert!(holds("PT1H30M") && !holds("PT91M"));
    constraint["rightOperand"] = json!("PT90M");
    assert_eq!(compiled(constraint).unwrap_err()[0].code, "constraint.unit");
}

#[test]
fn an_operand_of_ones_own_has_its_unit_and_those_that_are_exact_amounts_of_it() {
    let mut registry = Registry::built_in();
    registry.define("urn:radius", Operand { unit: Some("km".into()), ..Operand::of(Kind::Number) });
    registry.define("urn:case", Operand::text());
    let read = |left: &str, right: Value, unit: &str| Compiled::read(&amount(left, "lteq", right, unit), &registry);
    let within = |policy: &Compiled, radius: &str| {
        let world = World { action: "use".into(), ..World::default() };
        policy.decide(&world.knowing("urn:radius", radius)).permit
    };
    for (right, unit) in [(json!(5), "km"), (json!("5000"), "m"), (json!(5), "http://qudt.org/vocab/unit/KiloM")] {
        let policy = read("urn:radius", right, unit).unwrap();
        assert!(within(&policy, "5") && !within(&policy, "5.001"), "{unit}");
    }
    for unit in ["s", "urn:league"] {
        let refused = read("urn:radius", json!(5), unit).unwrap_err();
        assert_eq!(
            (refused[0].code, refused[0].reason.contains("known here in km")),
            ("constraint.unit", true),
            "{unit}"
        );
    }
    assert!(read("urn:case", json!("a"), "km").is_err(), "text has no unit");
}

#[test]
fn amounts_of_one_unit_are_weighed_against_each_other_whatever_it_is_called() {
    let rule = |action: &str, operator: &str, unit: &str| {
        json!({"action": action, "constraint": [
            {"leftOperand": "payAmount", "operator": operator, "rightOperand": 5, "unit": unit}]})
    };
    let policy =
        |unit: &str| json!({"permission": [rule("use", "lteq", "EUR")], "prohibition": [rule("use", "gt", unit)]});
    code(&policy("http://dbpedia.org/resource/Euro"), &exchange(json!({"payAmount": 5})), 0);
    let overlap = code(&policy("USD"), &exchange(json!({"payAmount": 5})), 2);
    assert_eq!(overlap.invalid[0].code, "policy.overlap");
}
