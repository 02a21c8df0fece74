//! Whether the policies may be published here.

use serde_json::Value;

use crate::config::problem::{Field, Findings, at};
use crate::config::{Config, Policy};
use crate::policy::{Compiled, Registry};

/// What an offer or agreement puts around the rules: only the rules are asked for here.
const FRAME: [&str; 9] = ["@type", "@id", "type", "id", "uid", "target", "assigner", "assignee", "timestamp"];

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let registry = config.registry();
    for (n, policy) in config.policy.iter().enumerate() {
        let place = at("policy").index(n);
        match (&policy.policy, &policy.file) {
            (Value::Null, None) => findings.add(&place, "expected policy = { … } or file = \"….json\""),
            (Value::Null, Some(_)) => {}
            _ => publishable(policy, &place, &registry, findings),
        }
    }
}

fn publishable(policy: &Policy, place: &Field, registry: &Registry, findings: &mut Findings<'_>) {
    let mut rules = policy.policy.clone();
    if let Some(map) = rules.as_object_mut() {
        map.retain(|key, _| !FRAME.contains(&key.as_str()));
    }
    let Err(invalid) = Compiled::read(&rules, registry) else { return };
    for part in invalid {
        match &policy.file {
            Some(file) => {
                let message = format!("{}: {}: {} ({})", file.display(), part.clause, part.reason, part.code);
                findings.add(&place.clone().key("file"), message);
            }
            None => {
                let field = place.clone().key("policy").pointer(&part.clause);
                findings.add(&field, format!("{} ({})", part.reason, part.code));
            }
        }
    }
}
