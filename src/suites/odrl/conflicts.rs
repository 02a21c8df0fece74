//! The conflict benchmark of Mustafa and co-authors: can the constraints of two policies hold together?
//!
//! The two permissions are put into one policy, one of them as a prohibition, and the analysis that guards publication is asked
//! whether they may meet; for questions of subsumption, whether the first is contained in the second. Entries about the benchmark's
//! own theory, whose policies do not decide them, are out of scope, each with its reason.

use std::path::Path;

use serde_json::{Value, json};

use super::graph::{Graph, ODRL};
use super::{Outcome, Suite, Told, errata, json as read_json, read, refused};
use crate::policy::{Compiled, Kind, Operand, Policy, Registry, World};

pub(super) fn play(folder: &Path, suite: &mut Suite<'_>) -> Result<(), String> {
    let words = words();
    for entry in read_json(&folder.join("index.json"))?.as_array().into_iter().flatten() {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        suite.case(&format!("conflict-{}", text("id")), text("problem"), || {
            let question = match Question::of(entry) {
                Ok(question) => question,
                Err(why) => return Ok(Told::OutOfScope(why.to_owned())),
            };
            let graph = Graph::read(&read(&folder.join(text("policy")))?)?;
            question.put(&graph, text("verdict"), &words)
        });
    }
    Ok(())
}

/// What an entry asks of its policies.
enum Question {
    /// Can both hold?
    Meet,
    /// Does the first hold only where the second does?
    Contained,
    /// Can the only one hold at all?
    Realizable,
    /// Does an execution with these measures satisfy all of them?
    Run(&'static [(&'static str, &'static str)]),
}

impl Question {
    /// The question, or why it is not one about the policies.
    fn of(entry: &Value) -> Result<Self, &'static str> {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let id = text("id");
        if let Some((_, why)) = errata::CONFLICT_UNDECIDED.iter().find(|(known, _)| *known == id) {
            return Err(why);
        }
        if let Some((_, measures)) = errata::CONFLICT_EXECUTIONS.iter().find(|(known, _)| *known == id) {
            return Ok(Self::Run(measures));
        }
        match text("relation") {
            "realizability" => return Ok(Self::Realizable),
            "refinement" | "subsumption" => return Ok(Self::Contained),
            _ if text("problem").contains("containment") => return Ok(Self::Contained),
            _ => {}
        }
        // Set where a verdict follows from literal comparisons in the file.
        if entry["simpleIntervalSolverAgrees"].is_boolean() {
            return Ok(Self::Meet);
        }
        Err(errata::conflict_out_of_scope(text("family"), text("verdict")))
    }

    fn put(&self, graph: &Graph, verdict: &str, words: &Registry) -> Outcome {
        let compiled = merged(graph, words)?;
        let holds = match self {
            Self::Meet if compiled.1 < 2 => compiled.0.is_realizable(),
            Self::Meet => compiled.0.may_meet(),
            Self::Contained => compiled.0.is_contained(),
            Self::Realizable => compiled.0.is_realizable(),
            Self::Run(measures) => satisfied(graph, measures, words)?,
        };
        let expected = matches!(verdict, "Compatible" | "Refines" | "Realizable" | "Permit");
        if holds == expected { Ok(Told::Agrees) } else { Err(format!("{holds}, and the verdict is {verdict}")) }
    }
}

/// The permissions of the file's policies: the first as permission, the second as prohibition; and how many there are.
fn merged(graph: &Graph, words: &Registry) -> Result<(Compiled, usize), String> {
    let rules = rules(graph);
    let (first, second) = (rules.first(), rules.get(1));
    let first = first.ok_or("the file has no permission")?;
    let second: Vec<&Value> = second.into_iter().collect();
    let policy = json!({"@type": "Set", "permission": [first], "prohibition": second});
    let parsed = Policy::parse(&policy).map_err(|invalid| refused(&invalid))?;
    let compiled = Compiled::unreconciled(&parsed, words).map_err(|invalid| refused(&invalid))?;
    Ok((compiled, rules.len()))
}

fn rules(graph: &Graph) -> Vec<Value> {
    let mut policies: Vec<String> =
        graph.with(&format!("{ODRL}permission")).into_iter().map(|(policy, _)| policy).collect();
    policies.dedup();
    policies.iter().map(|policy| graph.json_ld(policy).get("permission").cloned().unwrap_or_default()).collect()
}

/// Whether every policy of the file permits an execution with these measures.
fn satisfied(graph: &Graph, measures: &[(&str, &str)], words: &Registry) -> Result<bool, String> {
    let facts: serde_json::Map<String, Value> =
        measures.iter().map(|(operand, value)| ((*operand).to_owned(), json!(value))).collect();
    let world =
        json!({"now": "2026-01-01T00:00:00Z", "phase": "exchange", "request": {"action": "use"}, "facts": facts});
    let world = World::read(&world)?;
    let mut all = true;
    for rule in rules(graph) {
        let policy = json!({"@type": "Set", "permission": [rule]});
        all &= Compiled::read(&policy, words).map_err(|invalid| refused(&invalid))?.decide(&world).permit;
    }
    Ok(all)
}

fn words() -> Registry {
    let mut words = Registry::built_in();
    for axis in ["absoluteSizeWidth", "absoluteSizeHeight", "absoluteSizeDepth", "spatialCoordinatesAltitude"] {
        words.define(&format!("http://w3id.org/odrl/spatial-axis#{axis}"), Operand::of(Kind::Number));
    }
    words
}
