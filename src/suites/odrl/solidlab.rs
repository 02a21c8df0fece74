//! SolidLab's ODRL Test Suite: 68 evaluations with their expected compliance reports.
//!
//! Compared at two levels: for each rule its activation, its attempt and what it answers; and the multiset of premises by type,
//! constraint and satisfaction, at any depth.

use std::path::Path;

use oxrdf::Term;
use oxrdf::vocab::rdf;
use serde_json::{Value, json};

use super::graph::{Graph, ODRL};
use super::{Outcome, Suite, Told, errata, files, read, refused, stem};
use crate::model::time::Timestamp;
use crate::policy::{Compiled, DutyReading, Registry, ReportOf, World};

const EX: &str = "http://example.org/";
const REPORT: &str = "https://w3id.org/force/compliance-report#";

pub(super) fn play(folder: &Path, suite: &mut Suite<'_>) -> Result<(), String> {
    let shelf = |name: &str| -> Result<Vec<Graph>, String> {
        files(&folder.join(name), ".ttl")?.iter().map(|file| Graph::read(&read(file)?)).collect()
    };
    let shelves = Shelves { policies: shelf("policies")?, requests: shelf("requests")?, worlds: shelf("sotw")? };
    for file in files(&folder.join("test_cases"), ".ttl")? {
        let case = Graph::read(&read(&file)?)?;
        let number: String = stem(&file).chars().filter(char::is_ascii_digit).take(3).collect();
        let node = case.of_class(&format!("{EX}TestCase")).next().unwrap_or_default().to_owned();
        let title = case.text(&node, "http://purl.org/dc/terms/title").unwrap_or_default();
        let id = format!("solidlab-{number}");
        suite.case(&id, &title, || shelves.play(&id, &case, &node));
    }
    Ok(())
}

struct Shelves {
    policies: Vec<Graph>,
    requests: Vec<Graph>,
    worlds: Vec<Graph>,
}

impl Shelves {
    fn play(&self, id: &str, case: &Graph, node: &str) -> Outcome {
        let part = |name: &str| case.name(node, &format!("{EX}{name}")).ok_or_else(|| format!("no {name}"));
        let (policy_id, request_id) = (part("policy")?, part("request")?);
        let policy = described(&self.policies, &policy_id)?;
        let request = described(&self.requests, &request_id)?;
        let (world_id, expected_id) = (part("sotw")?, part("expectedReport")?);
        let sotw = described(&self.worlds, &world_id)?;

        let (written, silent) = with_actions(policy.json_ld(&policy_id));
        let compiled = Compiled::read(&written, &eventual()).map_err(|invalid| refused(&invalid))?;
        let rule = request.name(&request_id, &format!("{ODRL}permission")).ok_or("the request has no permission")?;
        let world = world(request, &rule, sotw)?;
        let told = compiled.explain(&world);
        let of = ReportOf {
            report: "urn:sliproad:report",
            policy: &policy_id,
            request: &request_id,
            rule_request: &rule,
            created: world.now,
        };
        let ours = Graph::of(told.report(&of).triples());

        let (mut expected, mut found) = (rules(case, &expected_id), rules(&ours, "urn:sliproad:report"));
        if silent {
            // A rule without an action has no action that could be reported of.
            found.iter_mut().for_each(|rule| rule.premises.retain(|(class, ..)| !class.ends_with("#ActionReport")));
        }
        if errata::SOLIDLAB_WITHOUT_PREMISES.iter().any(|(case, _)| *case == id) {
            expected.iter_mut().chain(&mut found).for_each(|rule| rule.premises.clear());
        }
        if expected == found { Ok(Told::Agrees) } else { Err(format!("expected {expected:#?}\nfound    {found:#?}")) }
    }
}

fn described<'a>(shelf: &'a [Graph], id: &str) -> Result<&'a Graph, String> {
    let knows = |graph: &&Graph| graph.values(id, rdf::TYPE.as_str()).next().is_some();
    shelf.iter().find(knows).ok_or_else(|| format!("{id} is not described"))
}

/// The suite reads duties as due at any time; Sliproad's default is before the use.
fn eventual() -> Registry {
    let mut words = Registry::built_in();
    words.read_duties(DutyReading::Eventual);
    words
}

/// ODRL requires an action of each rule; the suite leaves it out to mean every action.
fn with_actions(mut policy: Value) -> (Value, bool) {
    let mut silent = false;
    for kind in ["permission", "prohibition"] {
        let rules = match policy.get_mut(kind) {
            Some(Value::Array(list)) => list.iter_mut().collect::<Vec<_>>(),
            Some(one) => vec![one],
            None => continue,
        };
        for rule in rules.into_iter().filter_map(Value::as_object_mut).filter(|rule| !rule.contains_key("action")) {
            rule.insert("action".to_owned(), json!(["use", "transfer"]));
            silent = true;
        }
    }
    (policy, silent)
}

fn world(request: &Graph, rule: &str, sotw: &Graph) -> Result<World, String> {
    let asked = |name: &str| request.name(rule, &format!("{ODRL}{name}"));
    let now = sotw.text("http://example.com/request/currentTime", "http://purl.org/dc/terms/issued");
    let now = now.and_then(|text| Timestamp::parse(&text).ok()).ok_or("the world has no time")?;
    let known = json!({
        "now": now, "phase": "exchange",
        "request": {"action": asked("action"), "target": asked("target"), "assignee": asked("assignee")},
    });
    let mut world = World::read(&known)?;
    for (member, collection) in sotw.with(&format!("{ODRL}partOf")) {
        if let Term::NamedNode(collection) = collection {
            world.member_of.push((member, collection.as_str().to_owned()));
        }
    }
    for report in sotw.of_class(&format!("{REPORT}DutyReport")) {
        let duty = sotw.name(report, &format!("{REPORT}rule")).unwrap_or_default();
        match sotw.name(report, &format!("{REPORT}deonticState")).unwrap_or_default().rsplit('#').next() {
            Some("Fulfilled") => {
                let at = now.plus_millis(-1);
                world.duties.push(crate::policy::DutyPerformed { id: duty, at });
            }
            Some("Violated") => world.violated.push(duty),
            _ => {}
        }
    }
    Ok(world)
}

/// What is compared of one rule report.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RuleSeen {
    class: Option<String>,
    rule: Option<String>,
    request: Option<String>,
    attempt: Option<String>,
    activation: Option<String>,
    /// Type, constraint, satisfaction.
    premises: Vec<(String, String, String)>,
}

fn rules(graph: &Graph, report: &str) -> Vec<RuleSeen> {
    let of = |node: &str, property: &str| graph.name(node, &format!("{REPORT}{property}"));
    let told = graph.names(report, "https://w3id.org/force/compliance-report#ruleReport");
    let mut all: Vec<RuleSeen> = told
        .map(|at| {
            let mut premises = Vec::new();
            collect(graph, &at, &mut premises);
            premises.sort();
            RuleSeen {
                class: graph.name(&at, rdf::TYPE.as_str()),
                rule: of(&at, "rule"),
                request: of(&at, "ruleRequest"),
                attempt: of(&at, "attemptState"),
                activation: of(&at, "activationState"),
                premises,
            }
        })
        .collect();
    all.sort();
    all
}

fn collect(graph: &Graph, at: &str, found: &mut Vec<(String, String, String)>) {
    for premise in graph.names(at, "https://w3id.org/force/compliance-report#premiseReport") {
        let of = |property: &str| graph.name(&premise, &format!("{REPORT}{property}")).unwrap_or_default();
        let class = graph.name(&premise, rdf::TYPE.as_str()).unwrap_or_default();
        found.push((class, of("constraint"), of("satisfactionState")));
        collect(graph, &premise, found);
    }
}
