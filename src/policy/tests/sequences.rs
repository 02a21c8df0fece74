//! Sequences: what was before, and the call now.

use super::*;

fn path(call: &str) -> Value {
    atom("xroad:datapath", "eq", json!(call))
}

fn rule(constraint: &Value) -> Value {
    json!({"action": "use", "constraint": [constraint]})
}

/// Terms may be read by anybody; data only after them.
fn terms_before_data() -> Value {
    let steps = json!({"andSequence": [path("GET /terms"), path("GET /data")]});
    json!({"@type": "Set", "permission": [rule(&path("GET /terms")), rule(&steps)]})
}

fn call(at: &str, path: &str) -> Value {
    json!({"at": at, "facts": {"xroad:datapath": path}})
}

fn after(history: Value, facts: Value) -> Value {
    let mut world = exchange(facts);
    world["history"] = history;
    world
}

fn data() -> Value {
    json!({"xroad:datapath": "GET /data"})
}

#[test]
fn data_are_permitted_after_the_terms_and_not_before() {
    let policy = terms_before_data();
    let (early, late) = ("2026-11-22T08:00:00Z", "2026-11-22T09:00:00Z");
    code(&policy, &after(json!([]), data()), 1);
    code(&policy, &after(json!([call(early, "GET /terms")]), data()), 0);
    code(&policy, &after(json!([call(late, "GET /other"), call(early, "GET /terms")]), data()), 0);
    code(&policy, &after(json!([call("2026-11-24T00:00:00Z", "GET /terms")]), data()), 1);
    code(&policy, &after(json!([call(early, "GET /data")]), data()), 1);
    let terms = json!({"xroad:datapath": "GET /terms"});
    let decided = code(&policy, &after(json!([call(early, "GET /terms")]), terms), 0);
    assert_eq!(decided.because[0].clause, "/permission/0/constraint/0", "the last step is the call itself");
}

#[test]
fn without_a_history_a_sequence_is_what_it_was() {
    let policy = terms_before_data();
    let decided = code(&policy, &exchange(data()), 1);
    assert!(decided.residual[1].reason.contains("one after the other"), "{decided:?}");
    code(&policy, &world("catalog", json!({})), 0);
    let alone = set(json!([{"andSequence": [path("GET /terms"), path("GET /data")]}]));
    code(&alone, &world("catalog", json!({})), 1);
}

#[test]
fn a_call_that_was_refused_takes_no_step_by_an_act() {
    let steps = json!({"andSequence": [path("GET /terms"), path("GET /data")]});
    let refused = json!({"permission": [rule(&path("GET /other")), rule(&steps)]});
    code(&refused, &after(json!([call("2026-11-22T08:00:00Z", "GET /terms")]), data()), 1);
    let mut sold = call("2026-11-22T08:00:00Z", "GET /terms");
    sold["request"] = json!({"action": "sell"});
    code(&terms_before_data(), &after(json!([sold]), data()), 1);
}

#[test]
fn what_is_so_of_the_world_is_found_by_refused_calls_too() {
    let steps = json!({"andSequence": [atom("xroad:clientId", "eq", json!("a")), path("GET /data")]});
    let policy = set(json!([steps]));
    let found = |client: &str| json!([{"at": "2026-11-22T08:00:00Z", "facts": {"xroad:clientId": client}}]);
    code(&policy, &after(found("a"), data()), 0);
    code(&policy, &after(found("b"), data()), 1);
}

#[test]
fn time_takes_its_steps_whether_or_not_anybody_calls() {
    let steps = |day: &str| set(json!([{"andSequence": [atom("dateTime", "gteq", json!(day)), path("GET /data")]}]));
    let agreed = json!({"xroad:datapath": "GET /data", "edc:contractAgreement": "2026-11-01T00:00:00Z"});
    code(&steps("2026-11-23T00:00:00Z"), &after(json!([]), agreed.clone()), 0);
    let early = code(&steps("2026-11-24T00:00:00Z"), &after(json!([]), agreed.clone()), 1);
    assert!(early.because[0].remedy.starts_with("wait until the time of step 1 of 2"), "{early:?}");
    let before = set(json!([{"andSequence": [atom("dateTime", "lt", json!("2026-10-01")), path("GET /data")]}]));
    code(&before, &after(json!([]), agreed), 1);
}

#[test]
fn a_delay_runs_from_the_step_before() {
    let wait = atom("delayPeriod", "gteq", json!("PT1H"));
    let asked = |steps: Value| json!({"permission": [rule(&path("GET /terms")), rule(&json!({"andSequence": steps}))]});
    let within = asked(json!([path("GET /terms"), {"and": [wait, path("GET /data")]}]));
    let between = asked(json!([path("GET /terms"), wait, path("GET /data")]));
    for policy in [within, between] {
        let read = |at: &str| after(json!([call(at, "GET /terms")]), data());
        code(&policy, &read("2026-11-23T08:59:59Z"), 0);
        code(&policy, &read("2026-11-23T09:00:01Z"), 1);
        // Read again, it is the first time that counts.
        let twice = json!([call("2026-11-23T08:00:00Z", "GET /terms"), call("2026-11-23T09:50:00Z", "GET /terms")]);
        code(&policy, &after(twice, data()), 0);
    }
}

#[test]
fn each_step_is_a_call_of_its_own() {
    let either = json!({"or": [path("GET /a"), path("GET /b")]});
    let steps = json!({"andSequence": [either, either, path("GET /data")]});
    let policy = json!({"permission": [rule(&path("GET /a")), rule(&path("GET /b")), rule(&steps)]});
    let one = json!([call("2026-11-22T08:00:00Z", "GET /a")]);
    let two = json!([call("2026-11-22T08:00:00Z", "GET /a"), call("2026-11-22T08:00:01Z", "GET /b")]);
    let decided = code(&policy, &after(one, data()), 1);
    let missing: Vec<_> = decided.because.iter().filter(|b| b.reason.starts_with("step 2 of 3")).collect();
    assert_eq!(missing.len(), 2, "{decided:?}");
    assert_eq!(missing[0].clause, "/permission/2/constraint/0/andSequence/1/or/0");
    assert_eq!(missing[0].remedy, "take step 2 of 3 of the sequence by a call of its own first, then call again");
    code(&policy, &after(two, data()), 0);
}

#[test]
fn of_the_calls_of_one_moment_none_comes_after_another_and_to_a_prohibition_each_may() {
    let steps = json!({"andSequence": [path("GET /a"), path("GET /c"), path("GET /b")]});
    let free = json!({"or": [path("GET /a"), path("GET /c")]});
    let permitting = json!({"permission": [rule(&free), rule(&steps)]});
    let barring = json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [rule(&steps)]});
    let (first, second) = ("2026-11-22T01:00:00Z", "2026-11-22T01:00:01Z");
    let b = json!({"xroad:datapath": "GET /b"});
    for calls in [[call(first, "GET /a"), call(first, "GET /c")], [call(first, "GET /c"), call(first, "GET /a")]] {
        code(&permitting, &after(json!(calls), b.clone()), 1);
        code(&barring, &after(json!(calls), b.clone()), 1);
    }
    let in_order = json!([call(second, "GET /c"), call(first, "GET /a")]);
    code(&permitting, &after(in_order.clone(), b.clone()), 0);
    code(&barring, &after(in_order, b.clone()), 1);
    // One call is one step, whatever else it could be.
    let twice = json!({"andSequence": [free, path("GET /a"), path("GET /b")]});
    let barring_twice =
        json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [rule(&twice)]});
    code(&barring_twice, &after(json!([call(first, "GET /a")]), b.clone()), 0);
    for other in ["GET /a", "GET /c"] {
        code(&barring_twice, &after(json!([call(first, "GET /a"), call(first, other)]), b.clone()), 1);
    }
    code(&barring_twice, &after(json!([call(first, "GET /c"), call(first, "GET /c")]), b.clone()), 0);
    // The call that can be either step leaves the first one to the call that can only be that.
    let either = json!({"andSequence": [path("GET /a"), {"or": [path("GET /a"), path("GET /c")]}, path("GET /b")]});
    let barring_either =
        json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [rule(&either)]});
    for calls in [["GET /a", "GET /c"], ["GET /c", "GET /a"]] {
        code(&barring_either, &after(json!(calls.map(|path| call(first, path))), b.clone()), 1);
    }
    // What is of this very moment is not earlier than it.
    let now = json!([call("2026-11-23T10:00:00Z", "GET /terms")]);
    code(&terms_before_data(), &after(now, data()), 1);
}

#[test]
fn a_call_that_another_of_its_moment_may_have_barred_was_not_surely_done() {
    let bars = rule(&json!({"andSequence": [path("GET /x"), path("GET /terms")]}));
    let mut policy = terms_before_data();
    policy["conflict"] = json!("prohibit");
    policy["prohibition"] = json!([bars]);
    policy["permission"].as_array_mut().unwrap().push(rule(&path("GET /x")));
    let at = "2026-11-22T01:00:00Z";
    code(&policy, &after(json!([call(at, "GET /terms")]), data()), 0);
    code(&policy, &after(json!([call(at, "GET /terms"), call(at, "GET /x")]), data()), 1);
    code(&policy, &after(json!([call(at, "GET /terms"), call("2026-11-22T02:00:00Z", "GET /x")]), data()), 0);
}

#[test]
fn in_what_order_the_conditions_of_a_duty_came_to_hold_is_not_known() {
    let steps = json!({"andSequence": [path("GET /a"), path("GET /b")]});
    let late = atom("dateTime", "lteq", json!("2026-11-20"));
    let condition = json!({"permission": [{"action": "use", "duty": [{"action": "inform", "constraint": [steps]}]}]});
    let obligation = json!({"permission": [{"action": "use"}],
        "obligation": [{"action": "inform", "constraint": [steps, late]}]});
    let before = json!([call("2026-11-22T01:00:00Z", "GET /a")]);
    for (policy, clause) in [(condition, "/permission/0/duty/0"), (obligation, "/obligation/0")] {
        for now in ["GET /b", "GET /c"] {
            let refused = code(&policy, &after(before.clone(), json!({"xroad:datapath": now})), 1);
            assert_eq!((&*refused.because[0].clause, refused.because[0].state), (clause, Truth::Unknown));
        }
        let mut done = after(before.clone(), json!({"xroad:datapath": "GET /b"}));
        done["duties"] = json!([{"id": clause, "performed": "2026-11-19T01:00:00Z"}]);
        code(&policy, &done, 0);
    }
}

#[test]
fn a_prohibited_sequence_bars_the_call_that_would_complete_it() {
    let steps = json!({"andSequence": [path("GET /a"), path("GET /b")]});
    let policy = json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [rule(&steps)]});
    let then = |before: Value, now: &str| after(before, json!({"xroad:datapath": now}));
    let a = json!([call("2026-11-22T08:00:00Z", "GET /a")]);
    code(&policy, &then(json!([]), "GET /b"), 0);
    code(&policy, &then(a.clone(), "GET /a"), 0);
    let barred = code(&policy, &then(a, "GET /b"), 1);
    assert_eq!(barred.because[0].clause, "/prohibition/0/constraint/0/andSequence/1");
    // What may have been done counts as done.
    code(&policy, &then(json!([{"at": "2026-11-22T08:00:00Z", "facts": {}}]), "GET /b"), 1);
    // Where nobody knows of any call, what is false now counts as false.
    code(&policy, &exchange(json!({"xroad:datapath": "GET /b"})), 0);
}

#[test]
fn the_explanation_tells_which_steps_were_taken_and_when() {
    let compiled = Compiled::read(&terms_before_data(), &Registry::built_in()).unwrap();
    let told = |history: Value| compiled.explain(&World::read(&after(history, data())).unwrap()).to_string();
    let text = told(json!([call("2026-11-22T08:00:00Z", "GET /terms")]));
    for line in [
        "permitted\n",
        "  because xroad:datapath is GET /data, which is eq GET /data (/permission/1/constraint/0/andSequence/1)",
        "    + constraint /permission/1/constraint/0/andSequence/0: step 1 of 2 was taken at 2026-11-22T08:00:00.000Z [",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let text = told(json!([]));
    for line in [
        "  because step 1 of 2 was not yet taken: xroad:datapath eq GET /terms (/permission/1/constraint/0/andSequence/0)",
        "    take step 1 of 2 of the sequence by a call of its own first, then call again",
        "    - constraint /permission/1/constraint/0/andSequence/1: step 2 of 2 was not yet taken",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let decided = code(&terms_before_data(), &after(json!([]), data()), 1);
    assert_eq!(
        decided.residual[1].reason,
        "would permit if step 1 of 2 had come before: xroad:datapath were GET /terms"
    );
}

#[test]
fn what_is_kept_of_a_decision_is_enough_to_explain_it() {
    let compiled = Compiled::read(&terms_before_data(), &Registry::built_in()).unwrap();
    let world = World::read(&after(json!([call("2026-11-22T08:00:00Z", "GET /terms")]), data())).unwrap();
    let sheet = compiled.sheet(&world);
    let kept: Vec<_> = compiled.steps_before(&sheet).map(|(clause, times)| (clause.to_owned(), times)).collect();
    assert_eq!(kept, [("/permission/1/constraint/0".to_owned(), vec!["2026-11-22T08:00:00.000Z".to_owned()])]);
    let times = kept.into_iter().map(|(clause, times)| {
        let times = times.iter().map(|at| crate::model::time::Timestamp::parse(at).unwrap()).collect();
        (clause, times)
    });
    let recorded = World { history: Some(History::Steps(times.collect())), ..world.clone() };
    assert_eq!(compiled.explain(&recorded), compiled.explain(&world));
}

#[test]
fn before_an_exchange_a_sequence_refuses_only_where_a_step_is_hopeless() {
    let decided = |phase: &str, steps: Value, facts: Value, history: bool| {
        let mut world = world(phase, facts);
        if history {
            world["history"] = json!([]);
        }
        decide(&set(json!([{"andSequence": steps}])), &world).exit_code()
    };
    let (past, future) = (atom("dateTime", "lt", json!("2026-11-01")), atom("dateTime", "gteq", json!("2027-01-01")));
    for phase in ["catalog", "negotiation", "transfer"] {
        let to_come = json!([path("GET /terms"), path("GET /data")]);
        assert_eq!(decided(phase, to_come.clone(), json!({}), true), 0);
        assert_eq!(decided(phase, to_come, json!({}), false), 1, "nobody says that calls will be known");
        assert_eq!(decided(phase, json!([future, path("GET /data")]), json!({}), true), 0);
        assert_eq!(decided(phase, json!([future, past]), json!({}), true), 1, "the order is hopeless");
        assert_eq!(decided(phase, json!([past, path("GET /data")]), json!({}), true), 1);
        let begun = json!({"edc:contractAgreement": "2026-10-01T00:00:00Z"});
        assert_eq!(decided(phase, json!([past, path("GET /data")]), begun, true), 0);
        let client = atom("xroad:clientId", "eq", json!("a"));
        assert_eq!(decided(phase, json!([client, path("GET /data")]), json!({"xroad:clientId": "b"}), true), 1);
        assert_eq!(decided(phase, json!([client, path("GET /data")]), json!({}), true), 1, "unknown permits nothing");
    }
}

#[test]
fn sequences_that_nobody_can_keep_are_told_with_their_place() {
    let steps = json!({"andSequence": [path("GET /terms"), path("GET /data")]});
    let free = rule(&path("GET /**"));
    let with = |constraint: Value| json!({"permission": [free, rule(&constraint)]});
    let consent = atom("xroad:consent", "eq", json!("granted"));
    let at_most = atom("delayPeriod", "lteq", json!("PT1H"));
    let place = "/permission/1/constraint/0";
    for (policy, clause) in [
        (with(json!({"xone": [steps, path("GET /x")]})), format!("{place}/xone/0")),
        (with(json!({"andSequence": [path("GET /terms"), steps]})), format!("{place}/andSequence/1")),
        (with(json!({"andSequence": [consent, path("GET /data")]})), format!("{place}/andSequence/0")),
        (
            with(json!({"andSequence": [path("GET /terms"), {"and": [at_most, path("GET /data")]}]})),
            format!("{place}/andSequence/1/and/0"),
        ),
        (
            json!({"permission": [{"action": "use", "duty": [{"action": "inform", "constraint": [steps]}]}]}),
            "/permission/0/duty/0/constraint/0".to_owned(),
        ),
        (
            json!({"permission": [{"action": "use", "assignee": {"@type": "PartyCollection", "source": "urn:all",
                "refinement": [steps]}}]}),
            "/permission/0/assignee/refinement/0".to_owned(),
        ),
        (set(json!([steps])), "/permission/0/constraint/0".to_owned()),
    ] {
        let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
        let unkept: Vec<_> = compiled.unkept_sequences().into_iter().map(|unkept| unkept.clause).collect();
        assert_eq!(unkept, [clause], "{policy}");
        assert!(compiled.unenforceable().iter().any(|warning| warning.clause == unkept[0]));
    }
    for kept in [
        steps.clone(),
        json!({"or": [steps, path("GET /x")]}),
        json!({"and": [steps, consent]}),
        json!({"andSequence": [path("GET /terms"), {"and": [consent, path("GET /data")]}]}),
    ] {
        let compiled = Compiled::read(&with(kept.clone()), &Registry::built_in()).unwrap();
        assert_eq!(compiled.unkept_sequences(), [], "{kept}");
    }
}

#[test]
fn rules_about_other_last_steps_do_not_overlap() {
    let mut policy = terms_before_data();
    policy["prohibition"] = json!([rule(&path("GET /secret"))]);
    assert!(Compiled::read(&policy, &Registry::built_in()).is_ok());
    policy["prohibition"] = json!([rule(&path("GET /data"))]);
    assert!(Compiled::read(&policy, &Registry::built_in()).is_err());
}

#[test]
fn a_history_that_cannot_be_read_is_told() {
    let policy = terms_before_data().to_string();
    for history in [
        json!({}),
        json!([{}]),
        json!(["x"]),
        json!([{"at": "soon"}]),
        json!([{"at": "2026-11-22T08:00:00Z", "facts": []}]),
        json!([{"at": "2026-11-22T08:00:00Z", "request": {"action": 1}}]),
    ] {
        let world = after(history, data());
        assert!(decide_document(&policy, &world.to_string(), &Registry::built_in()).is_err(), "{world}");
    }
}
