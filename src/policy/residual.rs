//! What is left to be met: "would permit if purpose were ...".

use serde::Serialize;

use super::compile::{Alternative, Atom, Compiled, CompiledRule, Node, NodeId};
use super::conflict::{conditions, joint};
use super::judge::{Eval, Ground, Stand, Trace};
use super::value::{Right, Typed};
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
    /// request is permitted, or when it is not for want of a permission that it is refused; nothing of one that can permit no more.
    #[must_use]
    pub fn residuals(&self, world: &World) -> Vec<Residual> {
        let sheet = self.sheet(world);
        if self.judge(&sheet, &mut Trace::default()).ground != Ground::NoPermission {
            return Vec::new();
        }
        let mut eval = Eval::quiet(self, &sheet);
        let open = self.permissions.iter().filter(|rule| eval.names(rule).lets()).collect::<Vec<_>>();
        let told =
            |rule: &CompiledRule| Some(Residual { clause: rule.clause.to_string(), reason: wanted(&mut eval, rule)? });
        open.into_iter().filter_map(told).collect()
    }
}

/// What would have to be different; `None` where nothing would help: its constraints never hold together, one of them holds of no
/// value at all, or the time for a duty is over.
fn wanted(eval: &mut Eval<'_>, rule: &CompiledRule) -> Option<String> {
    if !joint::may_hold(eval.policy, &[&conditions(rule)]) {
        return None;
    }
    let mut found = Vec::new();
    for (_, alternatives) in rule.aspects() {
        if !eval.aspect(alternatives).lets() {
            let named: Vec<&Alternative> = alternatives.iter().filter(|one| eval.named(one).lets()).collect();
            let each = named.iter().filter_map(|one| Some(joined(unmet(eval, &one.refinements)?, " and "))).collect();
            found.push(one_of(each)?);
        }
    }
    found.extend(unmet(eval, &rule.constraints)?);
    for duty in &rule.duties {
        if !eval.duty(duty).lets() {
            found.push(fulfilment(eval, duty)?);
        }
    }
    Some(format!("would permit if {}", found.join(" and ")))
}

/// That a duty were fulfilled, or made good; `None` where it cannot be any more.
fn fulfilment(eval: &mut Eval<'_>, duty: &CompiledRule) -> Option<String> {
    if duty.elsewhere {
        return Some(elsewhere(duty.uid.as_deref().unwrap_or(&duty.clause)));
    }
    let action = duty.doing();
    if !eval.is_violated(duty) {
        return Some(format!("the duty to {action} were fulfilled"));
    }
    let mut after = eval.after_delay(duty);
    let over = duty.consequences.iter().any(|next| !after.fulfilled(next) && after.is_violated(next));
    if over || duty.consequences.is_empty() {
        return None;
    }
    let then = duty.consequences.iter().map(CompiledRule::doing).collect::<Vec<_>>().join(", ");
    Some(match duty.keeps {
        true => format!("what was not kept up were made good by the duty to {then}"),
        false => format!("the duty to {action} and what follows from its delay, {then}, were fulfilled"),
    })
}

/// A condition for each of the nodes that does not hold; `None` where one never does.
fn unmet(eval: &mut Eval<'_>, nodes: &[NodeId]) -> Option<Vec<String>> {
    let open: Vec<NodeId> = nodes.iter().copied().filter(|node| !eval.node(*node).lets()).collect();
    open.into_iter().map(|node| condition(eval, node)).collect()
}

fn condition(eval: &mut Eval<'_>, id: NodeId) -> Option<String> {
    if let Some(stand) = eval.stand(id) {
        return next_step(eval, &stand);
    }
    match eval.policy.nodes.get(id.0)? {
        Node::Logical { logic: Logic::And, parts, .. } => Some(joined(unmet(eval, parts)?, " and ")),
        Node::Logical { logic: Logic::AndSequence, parts, .. } => {
            let all: Option<Vec<String>> = parts.iter().map(|part| condition_whole(eval.policy, *part)).collect();
            Some(format!("one after the other came to be: {}", joined(all?, ", ")))
        }
        Node::Atom(_) | Node::Logical { .. } | Node::Elsewhere { .. } => condition_whole(eval.policy, id),
    }
}

/// The step that is missing, or else what the last one asks of this call.
fn next_step(eval: &mut Eval<'_>, stand: &Stand<'_>) -> Option<String> {
    let (at, of) = (stand.before.len(), stand.sequence.steps.len());
    let step = stand.sequence.steps.get(at)?;
    if stand.is_at_last_step() {
        let outer = eval.since_step(stand.last());
        let condition = condition(eval, step.node);
        eval.since = outer;
        return condition;
    }
    let condition = condition_whole(eval.policy, step.node)?;
    Some(format!("step {} of {of} had come before: {condition}", at + 1))
}

/// A condition with all of its parts, whether they hold or not: the choice may fall on any that ever holds.
fn condition_whole(policy: &Compiled, id: NodeId) -> Option<String> {
    match policy.nodes.get(id.0)? {
        Node::Atom(at) => comparison(policy.atoms.get(*at)?),
        Node::Logical { logic, parts, .. } => {
            let mut all = parts.iter().map(|part| condition_whole(policy, *part));
            match logic {
                Logic::Or => one_of(all.flatten().collect()),
                Logic::Xone => Some(format!("exactly one were so: {}", one_of(all.flatten().collect())?)),
                _ => Some(joined(all.by_ref().collect::<Option<_>>()?, " and ")),
            }
        }
        Node::Elsewhere { id, .. } => Some(elsewhere(id)),
    }
}

fn elsewhere(id: &str) -> String {
    format!("what {id} says were known")
}

/// `None` where there is nothing to choose from.
fn one_of(parts: Vec<String>) -> Option<String> {
    (!parts.is_empty()).then(|| joined(parts, " or "))
}

fn joined(parts: Vec<String>, by: &str) -> String {
    match parts.len() {
        0 | 1 => parts.concat(),
        _ => format!("({})", parts.join(by)),
    }
}

/// `None` where nothing compares with any of the right operands.
fn comparison(atom: &Atom) -> Option<String> {
    let unreadable = |right: &Right| right.typed == Typed::Unreadable;
    if !atom.right.is_empty() && atom.right.iter().all(unreadable) {
        return None;
    }
    let unit = atom.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    Some(format!("{} {} {}{unit}", atom.operand, were(atom.operator), atom.required))
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
