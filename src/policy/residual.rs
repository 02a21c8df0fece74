//! What is left to be met: "would permit if purpose were ...".

use serde::Serialize;

use super::compile::{Alternative, Atom, Compiled, CompiledRule, Node, NodeId};
use super::judge::{Eval, Ground, Stand, Trace};
use super::vocabulary::Operator;
use super::world::World;
use crate::model::odrl::Logic;

/// What one permission of a refusing policy still asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Residual {
    /// JSON Pointer (RFC 6901) of the permission.
    pub clause: String,
    /// One sentence.
    pub reason: String,
}

impl Compiled {
    /// For every permission that is about the request but does not permit it: what would have to be different. Empty when the
    /// request is permitted, or when it is not for want of a permission that it is refused.
    #[must_use]
    pub fn residuals(&self, world: &World) -> Vec<Residual> {
        let sheet = self.sheet(world);
        if self.judge(&sheet, &mut Trace::default()).ground != Ground::NoPermission {
            return Vec::new();
        }
        let mut eval = Eval::quiet(self, &sheet);
        let open = self.permissions.iter().filter(|rule| eval.names(rule).lets()).collect::<Vec<_>>();
        open.into_iter()
            .map(|rule| Residual { clause: rule.clause.to_string(), reason: wanted(&mut eval, rule) })
            .collect()
    }
}

fn wanted(eval: &mut Eval<'_>, rule: &CompiledRule) -> String {
    let mut conditions = Vec::new();
    for (_, alternatives) in rule.aspects() {
        if !eval.aspect(alternatives).lets() {
            let named: Vec<&Alternative> = alternatives.iter().filter(|one| eval.named(one).lets()).collect();
            let each = named.iter().map(|one| joined(unmet(eval, &one.refinements), " and ")).collect();
            conditions.push(joined(each, " or "));
        }
    }
    conditions.extend(unmet(eval, &rule.constraints));
    for duty in &rule.duties {
        if !eval.duty(duty).lets() {
            conditions.push(format!("the duty to {} were fulfilled", duty.doing()));
        }
    }
    format!("would permit if {}", conditions.join(" and "))
}

/// A condition for each of the nodes that does not hold.
fn unmet(eval: &mut Eval<'_>, nodes: &[NodeId]) -> Vec<String> {
    nodes
        .iter()
        .filter(|node| !eval.node(**node).lets())
        .copied()
        .collect::<Vec<_>>()
        .into_iter()
        .map(|node| condition(eval, node))
        .collect()
}

fn condition(eval: &mut Eval<'_>, id: NodeId) -> String {
    let policy = eval.policy;
    if let Some(stand) = eval.stand(id) {
        return next_step(eval, &stand);
    }
    match policy.nodes.get(id.0) {
        Some(Node::Atom(at)) => policy.atoms.get(*at).map(|atom| comparison(policy, atom)).unwrap_or_default(),
        Some(Node::Logical { logic: Logic::And, parts, .. }) => joined(unmet(eval, parts), " and "),
        Some(Node::Logical { logic, parts, .. }) => {
            let all = parts.iter().map(|part| condition_whole(policy, *part)).collect();
            match logic {
                Logic::Xone => format!("exactly one were so: {}", joined(all, " or ")),
                Logic::AndSequence => format!("one after the other came to be: {}", joined(all, ", ")),
                _ => joined(all, " or "),
            }
        }
        Some(Node::Elsewhere { id, .. }) => format!("what {id} says were known"),
        None => String::new(),
    }
}

/// The step that is missing, or else what the last one asks of this call.
fn next_step(eval: &mut Eval<'_>, stand: &Stand<'_>) -> String {
    let (at, of) = (stand.before.len(), stand.sequence.steps.len());
    let Some(step) = stand.sequence.steps.get(at) else { return String::new() };
    if stand.is_at_last_step() {
        let outer = eval.since_step(stand.last());
        let condition = condition(eval, step.node);
        eval.since = outer;
        return condition;
    }
    let condition = condition_whole(eval.policy, step.node);
    format!("step {} of {of} had come before: {condition}", at + 1)
}

/// A condition with all of its parts, whether they hold or not: the choice may fall on any.
fn condition_whole(policy: &Compiled, id: NodeId) -> String {
    match policy.nodes.get(id.0) {
        Some(Node::Atom(at)) => policy.atoms.get(*at).map(|atom| comparison(policy, atom)).unwrap_or_default(),
        Some(Node::Logical { logic, parts, .. }) => {
            let all = parts.iter().map(|part| condition_whole(policy, *part)).collect();
            match logic {
                Logic::Or => joined(all, " or "),
                Logic::Xone => format!("exactly one were so: {}", joined(all, " or ")),
                _ => joined(all, " and "),
            }
        }
        Some(Node::Elsewhere { id, .. }) => format!("what {id} says were known"),
        None => String::new(),
    }
}

fn joined(parts: Vec<String>, by: &str) -> String {
    match parts.len() {
        0 | 1 => parts.concat(),
        _ => format!("({})", parts.join(by)),
    }
}

fn comparison(policy: &Compiled, atom: &Atom) -> String {
    let operand = policy.slots.get(atom.slot).map_or("", |slot| &*slot.name);
    let unit = atom.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    format!("{operand} {} {}{unit}", were(atom.operator), atom.required)
}

const fn were(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "were",
        Operator::Neq => "were not",
        Operator::Lt => "were less than",
        Operator::Lteq => "were at most",
        Operator::Gt => "were more than",
        Operator::Gteq => "were at least",
        Operator::IsAnyOf => "were one of",
        Operator::IsAllOf => "were all of",
        Operator::IsNoneOf => "were none of",
        Operator::IsA => "were a",
        Operator::IsPartOf => "were part of",
        Operator::HasPart => "had as part",
    }
}
