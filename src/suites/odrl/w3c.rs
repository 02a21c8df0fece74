//! The examples of the W3C draft "ODRL Formal Semantics": nine requests with hand-written reports.
//!
//! The reports hang together by made-up property names, so they are compared by type and by the id of rule, condition or constraint.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::graph::Graph;
use super::{Outcome, Suite, Told, errata, files, json, refused, stem, words};
use crate::model::time::Timestamp;
use crate::policy::{Compiled, ReportOf, World};

const REPORT: &str = "https://w3id.org/force/compliance-report#";
const W3C: &str = "https://w3id.org/odrl-fs#";

pub(super) fn play(folder: &Path, suite: &mut Suite<'_>) -> Result<(), String> {
    let all = files(&folder.join("examples"), ".json")?;
    for file in all.iter().filter(|file| stem(file).starts_with("evaluationrequest")) {
        let name = stem(file).replace("evaluationrequest", "");
        let beside = |start: &str| all.iter().find(|f| f.parent() == file.parent() && stem(f).starts_with(start));
        let above = file.parent().and_then(Path::parent);
        let policy = all.iter().find(|f| f.parent() == above && stem(f).starts_with("policy"));
        let (Some(policy), Some(report)) = (policy, beside("compliancereport")) else {
            suite.case(&format!("w3c-{name}"), "its files are there", || Err("policy or report is missing".to_owned()));
            continue;
        };
        let title = above.map(stem).unwrap_or_default().replace('_', " ");
        suite.case(&format!("w3c-{name}"), &title, || {
            let state = beside("state").map(|file| json(file)).transpose()?;
            compare(&json(policy)?, &json(file)?, state.as_ref(), &json(report)?)
        });
    }
    Ok(())
}

fn compare(policy: &Value, request: &Value, state: Option<&Value>, expected: &Value) -> Outcome {
    let compiled = Compiled::read(policy, &words(&["ex:dayOfWeek"], &[], &[])).map_err(|i| refused(&i))?;
    let world = world(policy, request, state)?;
    let of = ReportOf {
        report: "urn:sliproad:report",
        policy: policy["uid"].as_str().unwrap_or_default(),
        request: request["@id"].as_str().unwrap_or_default(),
        rule_request: request["@id"].as_str().unwrap_or_default(),
        created: world.now,
    };
    let ours = Graph::of(compiled.explain(&world).report(&of).triples());
    let mut wrong = Vec::new();
    for report in expected.as_object().into_iter().flatten().map(|(_, part)| part).filter(|part| part.is_object()) {
        wrong.extend(differences(&ours, report));
    }
    if wrong.is_empty() { Ok(Told::Agrees) } else { Err(wrong.join("\n")) }
}

fn differences(ours: &Graph, report: &Value) -> Vec<String> {
    let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
    let (about, pairs) = match text("@type").as_str() {
        "report:ruleReport" => (text("report:rule"), vec!["activationState", "controlState"]),
        "report:ConditionReport" => {
            // One of the reports calls its condition a constraint.
            let condition = Some(text("report:condition")).filter(|id| !id.is_empty());
            (condition.unwrap_or_else(|| text("report:constraint")), vec!["activationState", "deonticState"])
        }
        "report:ConstraintReport" => (text("report:constraint"), vec!["satisfactionState"]),
        "report:ActionReport" => return performance(ours, &text("report:performanceState")),
        _ => return Vec::new(),
    };
    let found = ["rule", "constraint"].iter().find_map(|property| {
        let all = ours.with(&format!("{REPORT}{property}"));
        all.into_iter().find(|(_, named)| named.to_string() == format!("<{about}>")).map(|(node, _)| node)
    });
    let Some(node) = found else { return vec![format!("nothing is reported of {about}")] };
    let differs = |state: &&str| {
        let mut wanted = text(&format!("report:{state}")).replace("report:", "");
        if wanted == "Satisfied" && **state == *"activationState" {
            wanted = errata::W3C_ACTIVATION.0.to_owned();
        }
        let namespace = if **state == *"satisfactionState" { REPORT } else { W3C };
        let told = ours.name(&node, &format!("{namespace}{state}")).unwrap_or_default().replace(namespace, "");
        let told = if told == "Unsatisfied" { "Not-Satisfied".to_owned() } else { told };
        (told != wanted).then(|| format!("{about}: {state} is {told}, expected {wanted}"))
    };
    pairs.iter().filter_map(differs).collect()
}

fn performance(ours: &Graph, wanted: &str) -> Vec<String> {
    let told = ours.with(&format!("{W3C}performanceState"));
    let wanted = wanted.replace("report:", "");
    let same = told.iter().any(|(_, state)| state.to_string() == format!("<{W3C}{wanted}>"));
    if same { Vec::new() } else { vec![format!("performance is {told:?}, expected {wanted}")] }
}

fn world(policy: &Value, request: &Value, state: Option<&Value>) -> Result<World, String> {
    let (written, meant) = errata::W3C_SAME_PARTY;
    let party = request["evaluatedParty"].as_str().map(|party| if party == written { meant } else { party });
    let parameter = &request["requestParameters"];
    let value =
        ["/value/@value", "/value/@id"].iter().find_map(|at| parameter.pointer(at)?.as_str()).unwrap_or_default();
    let feature = parameter["describesFeature"].as_str().unwrap_or_default();
    let at_time = feature.ends_with("CurrentXSDDateTime");
    let now = if at_time { format!("{value}Z") } else { "2025-01-01T00:00:00Z".to_owned() };
    let mut facts = Map::new();
    facts.extend(measured_in(policy, feature).map(|operand| (operand, json!(value))));
    facts.extend(day_of_week(&now).map(|day| ("ex:dayOfWeek".to_owned(), json!(day))));
    let mut duties = Vec::new();
    if let Some(paid) = state.map(|state| &state["context"]) {
        let at = paid.pointer("/pay:paymentDate/@value").and_then(Value::as_str).unwrap_or_default().replace(' ', "T");
        duties.push(json!({"id": paid["conditionId"], "performed": at}));
    }
    World::read(&json!({
        "now": now, "phase": "exchange", "facts": facts, "duties": duties,
        "request": {"action": request["evaluatedAction"], "target": request["evaluatedTarget"], "assignee": party,
                    "assigner": policy.pointer("/permission/0/assigner")},
    }))
}

/// The operand that the policy measures in this unit.
fn measured_in(policy: &Value, unit: &str) -> Option<String> {
    match policy {
        Value::Object(map) if map.get("unit").and_then(Value::as_str) == Some(unit) => {
            map.get("leftOperand").and_then(Value::as_str).map(str::to_owned)
        }
        Value::Object(map) => map.values().find_map(|inner| measured_in(inner, unit)),
        Value::Array(list) => list.iter().find_map(|inner| measured_in(inner, unit)),
        _ => None,
    }
}

fn day_of_week(now: &str) -> Option<String> {
    let millis = Timestamp::parse(now).ok()?.millis();
    let date = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(millis).ok()?);
    Some(format!("{:?}", date.weekday()))
}
