//! A second evaluator, written to be read and not to be fast: it walks the policy's JSON and knows nothing of the decision tree.
//! It covers what the generators of `properties` make.

use serde_json::Value;

use crate::model::time::Timestamp;

type Kleene = Option<bool>;

/// Whether the request is permitted.
pub(super) fn permits(policy: &Value, world: &Value) -> bool {
    let rules = |name: &str| policy.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let late = world["phase"] == "transfer" || world["phase"] == "exchange";
    if policy["@type"] == "Offer" && late {
        return false;
    }
    if rules("obligation").iter().enumerate().any(|(n, duty)| violated(duty, &format!("/obligation/{n}"), world)) {
        return false;
    }
    let mut world = world.clone();
    world["policy"] = policy.clone();
    let (permitting, barring) = (told(&world, "bars", false), told(&world, "bars", true));
    let permitted = rules("permission").iter().enumerate().any(|(n, rule)| {
        let clause = format!("/permission/{n}");
        outcomes(rule, &permitting).contains(&Some(true)) && duties_done(rule, &clause, &permitting)
    });
    let barred = rules("prohibition").iter().any(|rule| !outcomes(rule, &barring).contains(&Some(false)));
    permitted && (!barred || policy["conflict"] == "perm")
}

/// Every truth that a rule may have, for each choice of what only an exchange will tell.
fn outcomes(rule: &Value, world: &Value) -> Vec<Kleene> {
    let mut deferred = Vec::new();
    let actions = actions(rule);
    actions.iter().flat_map(|(_, refinements)| refinements).for_each(|c| open_atoms(c, world, &mut deferred));
    let constraints = rule.get("constraint").and_then(Value::as_array).cloned().unwrap_or_default();
    constraints.iter().for_each(|c| open_atoms(c, world, &mut deferred));
    let choices = 1_u32 << deferred.len();
    (0..choices)
        .map(|choice| {
            let mut next = 0;
            let mut choose = || {
                next += 1;
                choice >> (next - 1) & 1 == 1
            };
            let applies = about(rule, &actions, world, &mut choose);
            let parts: Vec<Kleene> = constraints.iter().map(|c| holds(c, world, &mut choose)).collect();
            all(&[vec![applies], parts].concat())
        })
        .collect()
}

fn open_atoms(constraint: &Value, world: &Value, open: &mut Vec<()>) {
    match parts(constraint) {
        Some((_, parts)) => parts.iter().for_each(|part| open_atoms(part, world, open)),
        None if is_deferred(constraint, world) => open.push(()),
        None => {}
    }
}

fn is_deferred(constraint: &Value, world: &Value) -> bool {
    let operand = constraint["leftOperand"].as_str().unwrap();
    operand == "count" && world["phase"] != "exchange" && world["facts"].get(operand).is_none()
}

fn parts(constraint: &Value) -> Option<(&'static str, &Vec<Value>)> {
    ["and", "or", "xone", "andSequence"].iter().find_map(|name| Some((*name, constraint.get(name)?.as_array()?)))
}

/// The actions of a rule, each with its refinements.
fn actions(rule: &Value) -> Vec<(String, Vec<Value>)> {
    let each = rule["action"].as_array().cloned().unwrap_or_else(|| vec![rule["action"].clone()]);
    let name = |action: &Value| action.as_str().or_else(|| action["rdf:value"]["@id"].as_str()).unwrap().to_owned();
    let refined = |action: &Value| action["refinement"].as_array().cloned().unwrap_or_default();
    each.iter().map(|action| (name(action), refined(action))).collect()
}

fn about(rule: &Value, actions: &[(String, Vec<Value>)], world: &Value, choose: &mut dyn FnMut() -> bool) -> Kleene {
    let request = &world["request"];
    let asked = request["action"].as_str().unwrap();
    let mut each = actions.iter().map(|(wanted, refinements)| {
        let named = match (wanted.as_str(), asked) {
            ("use", "use" | "read" | "display" | "play") | ("play", "display") => Some(true),
            (wanted, asked) => Some(wanted == asked),
        };
        let refined: Vec<Kleene> = refinements.iter().map(|c| holds(c, world, choose)).collect();
        all(&[vec![named], refined].concat())
    });
    let none = all(&each.by_ref().map(|one| one.map(|it| !it)).collect::<Vec<_>>());
    let action = none.map(|it| !it);
    let party = |name: &str| {
        let named = rule.get(name).and_then(|named| named.as_str().or_else(|| named["uid"].as_str()));
        let (Some(wanted), Some(asked)) = (named, request.get(name).and_then(Value::as_str)) else {
            return named.is_none().then_some(true);
        };
        let belongs = climbs(asked, wanted, &world["memberOf"], "member", "collection");
        let mut edges = world["memberOf"].as_array().into_iter().flatten();
        let told = edges.any(|edge| edge["member"] == *asked || edge["collection"] == *wanted);
        let known = belongs || told || rule[name].is_string();
        known.then_some(belongs)
    };
    all(&[action, party("target"), party("assignee")])
}

/// Whether one can come from `from` to `to` along the edges.
fn climbs(from: &str, to: &str, edges: &Value, below: &str, above: &str) -> bool {
    let mut reached = vec![from.to_owned()];
    for _ in 0..20 {
        for edge in edges.as_array().into_iter().flatten() {
            let (low, high) = (edge[below].as_str().unwrap(), edge[above].as_str().unwrap());
            if reached.iter().any(|r| r == low) {
                reached.push(high.to_owned());
                reached.sort();
                reached.dedup();
            }
        }
    }
    reached.iter().any(|r| r == to)
}

fn holds(constraint: &Value, world: &Value, choose: &mut dyn FnMut() -> bool) -> Kleene {
    let Some((logic, parts)) = parts(constraint) else {
        return if is_deferred(constraint, world) { Some(choose()) } else { compares(constraint, world) };
    };
    if logic == "andSequence" && parts.len() > 1 && world["unkept"] == true {
        return None;
    }
    if logic == "andSequence" && parts.len() > 1 && world["history"].is_array() {
        return sequence(parts, world);
    }
    // The order of sequences within a choice of exactly one, and within a sequence, is not kept.
    let unkept = logic == "xone" || (logic == "andSequence" && parts.len() > 1);
    let world = &if unkept { told(world, "unkept", true) } else { world.clone() };
    let parts: Vec<Kleene> = parts.iter().map(|part| holds(part, world, choose)).collect();
    let count = |state: Kleene| parts.iter().filter(|p| **p == state).count();
    match logic {
        "and" => all(&parts),
        "or" if count(Some(true)) > 0 => Some(true),
        "or" if count(None) > 0 => None,
        "or" => Some(false),
        "xone" if count(Some(true)) > 1 => Some(false),
        "xone" if count(None) > 0 => None,
        "xone" => Some(count(Some(true)) == 1),
        "andSequence" if parts.len() == 1 => parts[0],
        _ if count(Some(false)) > 0 => Some(false),
        _ => None,
    }
}

/// The world with something else in it.
fn told(world: &Value, name: &str, value: impl serde::Serialize) -> Value {
    let mut world = world.clone();
    world[name] = serde_json::to_value(value).unwrap();
    world
}

/// When a step was taken: by the time, or by a call.
#[derive(Clone, Copy)]
enum Moment {
    Time(i64),
    Call(i64),
}

/// Every way of taking the steps one after the other is tried, over all moments that there are.
fn sequence(steps: &[Value], world: &Value) -> Kleene {
    let now = millis(&world["now"]);
    let mut calls: Vec<Value> = world["history"].as_array().unwrap().clone();
    // To a prohibition, what is of the same moment may have come before.
    calls.retain(|call| millis(&call["at"]) < now + i64::from(world["bars"] == true));
    calls.sort_by_key(|call| millis(&call["at"]));
    let (last, earlier) = steps.split_last().unwrap();
    let then = told(world, "unkept", true);
    if taken(earlier, None, &[], &calls, world) { holds(last, &then, &mut || unreachable!()) } else { Some(false) }
}

fn taken(steps: &[Value], after: Option<Moment>, used: &[usize], calls: &[Value], world: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    let bars = world["bars"] == true;
    let admits = |truth: Kleene| if bars { truth != Some(false) } else { truth == Some(true) };
    let operands = operands(step);
    let now = millis(&world["now"]);
    if operands.iter().all(|name| name == "dateTime") {
        let begin = calls.first().map(|call| millis(&call["at"])).or(bars.then_some(-62_000_000_000_000));
        let first = match after {
            Some(Moment::Time(at) | Moment::Call(at)) => Some(at + 1),
            None => begin,
        };
        let Some(first) = first else { return false };
        let mut moments = vec![first];
        named_times(step, &mut moments);
        let later: Vec<i64> = moments.iter().map(|at| at + 1).collect();
        moments.extend(later);
        let fitting = moments.into_iter().filter(|at| *at >= first && *at < now);
        return fitting.into_iter().any(|at| {
            let then = told(&told(world, "unkept", true), "now", Timestamp::from_millis(at).to_string());
            admits(holds(step, &then, &mut || unreachable!())) && taken(rest, Some(Moment::Time(at)), &[], calls, world)
        });
    }
    let by_state = operands.iter().all(|name| name == "dateTime" || name == "xroad:clientId");
    calls.iter().enumerate().any(|(number, call)| {
        let at = millis(&call["at"]);
        let is_later = match after {
            None => true,
            Some(Moment::Time(time)) => at > time,
            Some(Moment::Call(before)) => at > before || (bars && at == before && !used.contains(&number)),
        };
        let mut then = told(&told(world, "now", &call["at"]), "facts", &call["facts"]);
        for (name, value) in call["request"].as_object().into_iter().flatten() {
            then["request"][name] = value.clone();
        }
        // What may have been done takes the steps of a prohibition, what was done in whatever order those of a permission.
        let before: Vec<&Value> = calls
            .iter()
            .enumerate()
            .filter(|(other, call)| *other != number && millis(&call["at"]) < at + i64::from(!bars))
            .map(|(_, call)| call)
            .collect();
        let done = || permits(&world["policy"], &told(&then, "history", &before));
        is_later
            && admits(holds(step, &told(&then, "unkept", true), &mut || unreachable!()))
            && (by_state || done())
            && taken(rest, Some(Moment::Call(at)), &[used, &[number]].concat(), calls, world)
    })
}

fn millis(time: &Value) -> i64 {
    Timestamp::parse(time.as_str().unwrap()).unwrap().millis()
}

fn operands(constraint: &Value) -> Vec<String> {
    match parts(constraint) {
        Some((_, parts)) => parts.iter().flat_map(operands).collect(),
        None => vec![constraint["leftOperand"].as_str().unwrap().to_owned()],
    }
}

fn named_times(constraint: &Value, found: &mut Vec<i64>) {
    match parts(constraint) {
        Some((_, parts)) => parts.iter().for_each(|part| named_times(part, found)),
        None => {
            let right = &constraint["rightOperand"];
            let each = right.as_array().cloned().unwrap_or_else(|| vec![right.clone()]);
            found.extend(each.iter().map(millis));
        }
    }
}

fn all(parts: &[Kleene]) -> Kleene {
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn compares(constraint: &Value, world: &Value) -> Kleene {
    let operand = constraint["leftOperand"].as_str().unwrap();
    let operator = constraint["operator"].as_str().unwrap();
    let list = |value: &Value| -> Vec<String> {
        let one = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        value.as_array().map_or_else(|| vec![one(value)], |list| list.iter().map(one).collect())
    };
    let right = list(&constraint["rightOperand"]);
    let mut seen = match operand {
        "dateTime" => vec![world["now"].as_str().unwrap().to_owned()],
        _ => list(world["facts"].get(operand)?),
    };
    let number = |text: &str| match operand {
        "dateTime" => Timestamp::parse(text).unwrap().millis(),
        _ => text.parse::<i64>().unwrap(),
    };
    let same = |a: &str, b: &str| if matches!(operand, "count" | "dateTime") { number(a) == number(b) } else { a == b };
    // A set names each of its values once, whatever the writer did.
    let named = seen.clone();
    let mut at = 0;
    seen.retain(|value| {
        at += 1;
        !named.iter().take(at - 1).any(|earlier| same(earlier, value))
    });
    let any = seen.iter().any(|s| right.iter().any(|r| same(s, r)));
    match (operator, seen.as_slice(), right.as_slice()) {
        ("isAnyOf", ..) => Some(any),
        ("isNoneOf", ..) => Some(!any),
        ("isAllOf", ..) => Some(right.iter().all(|r| seen.iter().any(|s| same(s, r)))),
        ("isA" | "isPartOf" | "hasPart", values, [wanted]) if !values.is_empty() => {
            if operand == "dateTime" {
                return None;
            }
            let each: Vec<Kleene> =
                values.iter().map(|v| taxonomy(operator, v, wanted, world, same(v, wanted))).collect();
            if operator == "hasPart" {
                return each.iter().copied().max_by_key(|one| one.map_or(1, |it| if it { 2 } else { 0 })).flatten();
            }
            each.iter().all(|e| *e == each[0]).then_some(each[0]).flatten()
        }
        ("eq", [value], [wanted]) => Some(same(value, wanted)),
        ("neq", [value], [wanted]) => Some(!same(value, wanted)),
        ("lt" | "lteq" | "gt" | "gteq", [value], [wanted]) if matches!(operand, "count" | "dateTime") => {
            let (value, wanted) = (number(value), number(wanted));
            Some(match operator {
                "lt" => value < wanted,
                "lteq" => value <= wanted,
                "gt" => value > wanted,
                _ => value >= wanted,
            })
        }
        ("lteq" | "gteq", [value], [wanted]) if value == wanted => Some(true),
        ("lt" | "gt", [value], [wanted]) if value == wanted => Some(false),
        _ => None,
    }
}

fn taxonomy(operator: &str, value: &str, wanted: &str, world: &Value, same: bool) -> Kleene {
    if same {
        return Some(true);
    }
    let (from, to) = if operator == "hasPart" { (wanted, value) } else { (value, wanted) };
    let broader = climbs(from, to, &world["broader"], "narrower", "broader");
    let member = climbs(from, to, &world["memberOf"], "member", "collection");
    // That something stands under itself says nothing about others.
    let tells = |edges: &Value, low: &str, high: &str, name: &str| {
        let mut edges = edges.as_array().into_iter().flatten().filter(|edge| edge[low] != edge[high]);
        edges.any(|edge| edge[low] == *name || edge[high] == *name)
    };
    let of_both = [("broader", "narrower", "broader"), ("memberOf", "member", "collection")]
        .iter()
        .any(|(edges, low, high)| [value, wanted].iter().all(|name| tells(&world[*edges], low, high, name)));
    if broader || member { Some(true) } else { of_both.then_some(false) }
}

fn performed(clause: &str, uid: Option<&str>, world: &Value) -> Vec<i64> {
    let now = Timestamp::parse(world["now"].as_str().unwrap()).unwrap();
    let duties = world["duties"].as_array().into_iter().flatten();
    duties
        .filter(|duty| duty["id"] == *clause || uid.is_some_and(|uid| duty["id"] == *uid))
        .map(|duty| Timestamp::parse(duty["performed"].as_str().unwrap()).unwrap().millis())
        .filter(|at| *at < now.millis())
        .collect()
}

/// Duties here have at most a deadline.
fn deadline(duty: &Value) -> Option<i64> {
    let text = duty["constraint"].as_array()?.first()?["rightOperand"].as_str()?;
    Some(Timestamp::parse(text).unwrap().millis())
}

fn in_time(duty: &Value, clause: &str, world: &Value) -> bool {
    let times = performed(clause, duty["uid"].as_str(), world);
    times.iter().any(|at| deadline(duty).is_none_or(|deadline| *at <= deadline))
}

fn duties_done(rule: &Value, clause: &str, world: &Value) -> bool {
    let duties = rule["duty"].as_array().cloned().unwrap_or_default();
    duties.iter().enumerate().all(|(n, duty)| in_time(duty, &format!("{clause}/duty/{n}"), world))
}

fn violated(duty: &Value, clause: &str, world: &Value) -> bool {
    let now = Timestamp::parse(world["now"].as_str().unwrap()).unwrap().millis();
    deadline(duty).is_some_and(|deadline| now > deadline) && !in_time(duty, clause, world)
}
