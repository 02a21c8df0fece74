//! OVAL's monitoring cases: a policy and a log of events; is the log compliant?
//!
//! The policies are offers; they are read as what they offer. `count` is how often the same party did the same with the same asset up
//! to then, the event itself included. A log is compliant when every infringement was healed.

use std::path::Path;

use serde_json::{Value, json};

use super::graph::Graph;
use super::{Outcome, Suite, Told, json as read_json, read, refused, words};
use crate::policy::{Compiled, Kind, Operand, Policy, Registry, World};

const ODRL: &str = "http://www.w3.org/ns/odrl/2/";

pub(super) fn play(folder: &Path, suite: &mut Suite<'_>) -> Result<(), String> {
    for case in read_json(&folder.join("index.json"))?.as_array().into_iter().flatten() {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        suite.case(&format!("oval-{}", text("id")), text("note"), || {
            let policy = Graph::read(&read(&folder.join(text("policy")))?)?;
            let events = read_json(&folder.join(text("events")))?;
            compare(&policy, &events, case["expectedCompliant"].as_bool())
        });
    }
    Ok(())
}

fn compare(policy: &Graph, events: &Value, expected: Option<bool>) -> Outcome {
    let mut written = policy.json_ld(&policy.with(&format!("{ODRL}permission")).first().ok_or("no policy")?.0);
    written.as_object_mut().and_then(|policy| policy.insert("@type".to_owned(), json!("Set")));
    let parsed = Policy::parse(&written).map_err(|invalid| refused(&invalid))?;
    let compiled = Compiled::unreconciled(&parsed, &registry()).map_err(|invalid| refused(&invalid))?;
    let acts = acts(events)?;
    let open: Vec<_> = compiled.infringements(&acts).into_iter().filter(|found| !found.healed).collect();
    let compliant = open.is_empty();
    if Some(compliant) == expected { Ok(Told::Agrees) } else { Err(format!("compliant: {compliant}; {open:?}")) }
}

fn registry() -> Registry {
    let operands = [
        "http://www.w3.org/ns/odrl/2/adminLevel",
        "http://www.example.com/age",
        "http://example.com/Resolution",
        "http://example.com/Pages",
    ];
    let mut words = words(&operands, &["create", "download"], &["http://example.com/odrl:profile:10"]);
    words.define("http://example.com/publicationDate", Operand::of(Kind::Instant));
    words
}

fn acts(events: &Value) -> Result<Vec<World>, String> {
    let mut rows: Vec<&Value> = events.as_array().into_iter().flatten().collect();
    let column = |row: &Value, name: &str| row[format!("{ODRL}{name}")].as_str().unwrap_or_default().to_owned();
    rows.sort_by_key(|row| column(row, "dateTime"));
    let mut acts: Vec<World> = Vec::new();
    for row in rows {
        let (action, party, asset) = (column(row, "Action"), column(row, "Party"), column(row, "Asset"));
        let mut world = World::read(&json!({
            "now": column(row, "dateTime"), "phase": "exchange",
            "request": {"action": action, "target": asset, "assignee": party},
        }))?;
        let same =
            |act: &&World| act.action == world.action && act.target == world.target && act.assignee == world.assignee;
        let count = acts.iter().filter(same).count() as u64 + 1;
        world.know("count", count);
        for (name, value) in row.as_object().into_iter().flatten() {
            // `Action resolution`: the resolution, as the action's refinement.
            let operand = name.rsplit(' ').next().unwrap_or(name);
            let own = ["dateTime", "Action", "Party", "Asset"].iter().any(|own| operand == format!("{ODRL}{own}"));
            if let Some(value) = value.as_str().filter(|_| !own) {
                world.know(operand, value);
            }
        }
        acts.push(world);
    }
    Ok(acts)
}
