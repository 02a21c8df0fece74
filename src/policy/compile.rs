//! From syntax tree to decision tree: words checked, right operands typed, done once for each agreement.

use super::value::{Typed, plain_text};
use super::vocabulary::{Kind, OPERATORS, Registry, knows_action};
use super::{Invalid, conflict};
use crate::model::odrl::{Atomic, Conflict, Constraint, Logic, Party, Policy, PolicyKind, Rule};

/// A policy ready to be decided. Immutable; share it by reference.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) kind: PolicyKind,
    pub(super) conflict: Conflict,
    pub(super) permissions: Vec<CompiledRule>,
    pub(super) prohibitions: Vec<CompiledRule>,
    pub(super) obligations: Vec<CompiledRule>,
    counters: Vec<CounterUse>,
}

/// A durable counter that an exchange reserves before the call and settles after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterUse {
    /// The constraint that compares it.
    pub clause: String,
    /// The left operand: `count` (exchanges under the agreement, this one included), `timeInterval` (time since the last one) or
    /// `xroad:callsPerMinute` (exchanges within the last minute, this one included).
    pub operand: String,
    /// The highest permitted whole value, where the constraint sets one.
    pub limit: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct CompiledRule {
    pub(super) clause: String,
    pub(super) uid: Option<String>,
    pub(super) actions: Vec<(String, String)>,
    pub(super) targets: Vec<Party>,
    pub(super) assigner: Option<Party>,
    pub(super) assignee: Option<Party>,
    /// All of them must hold: constraints, and refinements of action, target and parties.
    pub(super) constraints: Vec<Node>,
    pub(super) duties: Vec<CompiledRule>,
    pub(super) consequences: Vec<CompiledRule>,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Atom(Box<Atom>),
    Logical(Logic, Vec<Node>),
}

#[derive(Clone, Debug)]
pub(super) struct Atom {
    pub(super) clause: String,
    pub(super) operand: String,
    pub(super) kind: Kind,
    pub(super) exchange_only: bool,
    pub(super) operator: Operator,
    pub(super) right: Vec<Typed>,
    /// The right operand as people read it.
    pub(super) required: String,
    pub(super) referenced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Neq,
    Lt,
    Lteq,
    Gt,
    Gteq,
    IsAnyOf,
    IsAllOf,
    IsNoneOf,
    IsA,
    IsPartOf,
    HasPart,
}

impl Operator {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Lt => "lt",
            Self::Lteq => "lteq",
            Self::Gt => "gt",
            Self::Gteq => "gteq",
            Self::IsAnyOf => "isAnyOf",
            Self::IsAllOf => "isAllOf",
            Self::IsNoneOf => "isNoneOf",
            Self::IsA => "isA",
            Self::IsPartOf => "isPartOf",
            Self::HasPart => "hasPart",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Eq,
            "neq" => Self::Neq,
            "lt" => Self::Lt,
            "lteq" | "term-lteq" => Self::Lteq,
            "gt" => Self::Gt,
            "gteq" => Self::Gteq,
            "isAnyOf" => Self::IsAnyOf,
            "isAllOf" => Self::IsAllOf,
            "isNoneOf" => Self::IsNoneOf,
            "isA" => Self::IsA,
            "isPartOf" => Self::IsPartOf,
            "hasPart" => Self::HasPart,
            _ => return None,
        })
    }
}

/// Compiles a policy, or says why it may not be published here.
///
/// # Errors
/// Every unknown profile, operand, operator and action, every right operand of a wrong type, and every pair of a permission and a
/// prohibition that may apply together without a conflict strategy (ODRL Information Model 2.2 §2.10).
pub fn compile(policy: &Policy, registry: &Registry) -> Result<Compiled, Vec<Invalid>> {
    let mut compiler = Compiler { registry, invalid: Vec::new(), counters: Vec::new() };
    for profile in policy.profiles.iter().filter(|p| !registry.knows_profile(p)) {
        let reason = format!("the profile {profile} is not known here");
        compiler.invalid.push(Invalid::new("/profile", "profile.unknown", reason));
    }
    let permissions = compiler.rules(&policy.permissions);
    let counters = std::mem::take(&mut compiler.counters);
    let compiled = Compiled {
        kind: policy.kind,
        conflict: policy.conflict,
        permissions,
        prohibitions: compiler.rules(&policy.prohibitions),
        obligations: compiler.rules(&policy.obligations),
        counters,
    };
    let mut invalid = compiler.invalid;
    if invalid.is_empty() && policy.conflict == Conflict::Invalid {
        invalid = conflict::overlaps(&compiled.permissions, &compiled.prohibitions);
    }
    if invalid.is_empty() { Ok(compiled) } else { Err(invalid) }
}

impl Compiled {
    /// The durable counters that its permissions compare.
    #[must_use]
    pub fn counters(&self) -> &[CounterUse] {
        &self.counters
    }
}

struct Compiler<'a> {
    registry: &'a Registry,
    invalid: Vec<Invalid>,
    counters: Vec<CounterUse>,
}

impl Compiler<'_> {
    fn rules(&mut self, rules: &[Rule]) -> Vec<CompiledRule> {
        rules.iter().map(|rule| self.rule(rule)).collect()
    }

    fn rule(&mut self, rule: &Rule) -> CompiledRule {
        let mut constraints = self.nodes(&rule.constraints);
        for action in &rule.actions {
            if !knows_action(&action.name) {
                let reason = format!("the action {} cannot be evaluated here", action.name);
                self.invalid.push(Invalid::new(&action.clause, "action.unknown", reason));
            }
            constraints.extend(self.nodes(&action.refinements));
        }
        for party in rule.targets.iter().chain(&rule.assigner).chain(&rule.assignee) {
            constraints.extend(self.nodes(&party.refinements));
        }
        // Remedies are checked like other duties; what they heal is for a monitor to say.
        let _ = self.rules(&rule.remedies);
        CompiledRule {
            clause: rule.clause.clone(),
            uid: rule.uid.clone(),
            actions: rule.actions.iter().map(|a| (a.clause.clone(), a.name.clone())).collect(),
            targets: rule.targets.clone(),
            assigner: rule.assigner.clone(),
            assignee: rule.assignee.clone(),
            constraints,
            duties: self.rules(&rule.duties),
            consequences: self.rules(&rule.consequences),
        }
    }

    fn nodes(&mut self, constraints: &[Constraint]) -> Vec<Node> {
        constraints.iter().filter_map(|c| self.node(c)).collect()
    }

    fn node(&mut self, constraint: &Constraint) -> Option<Node> {
        match constraint {
            Constraint::Atomic(atomic) => self.atom(atomic).map(|atom| Node::Atom(Box::new(atom))),
            Constraint::Logical { operator, parts, .. } => Some(Node::Logical(*operator, self.nodes(parts))),
        }
    }

    fn atom(&mut self, atomic: &Atomic) -> Option<Atom> {
        let operand = self.registry.operand(&atomic.left);
        let operator = Operator::parse(&atomic.operator);
        if operand.is_none() {
            let reason = format!("the left operand {} cannot be evaluated here", atomic.left);
            self.invalid.push(Invalid::new(&atomic.clause, "operand.unknown", reason));
        }
        if operator.is_none() {
            let reason = format!("{} is not an operator; there are {}", atomic.operator, OPERATORS.join(", "));
            self.invalid.push(Invalid::new(&atomic.clause, "operator.unknown", reason));
        }
        let (operand, operator) = (operand?, operator?);
        let kind = operand.kind;
        let required: Vec<String> = atomic.right.iter().filter_map(plain_text).collect();
        let right: Vec<Typed> = if atomic.referenced {
            Vec::new()
        } else {
            atomic.right.iter().filter_map(|value| Typed::read(value, kind)).collect()
        };
        if !atomic.referenced && right.len() != atomic.right.len() {
            let reason = format!("{} is not a value that {} can have", required.join(", "), atomic.left);
            self.invalid.push(Invalid::new(&atomic.clause, "constraint.right-operand", reason));
            return None;
        }
        if operand.counted {
            let limit = match (operator, right.as_slice()) {
                (Operator::Lteq | Operator::Eq, [Typed::Number(n)]) => n.floor(),
                (Operator::Lt, [Typed::Number(n)]) => n.floor().map(|whole| {
                    let exact =
                        Typed::Number(*n).same(&Typed::read(&whole.into(), Kind::Number).unwrap_or(Typed::Number(*n)));
                    if exact { whole - 1 } else { whole }
                }),
                _ => None,
            };
            let (clause, operand) = (atomic.clause.clone(), atomic.left.clone());
            self.counters.push(CounterUse { clause, operand, limit });
        }
        Some(Atom {
            clause: atomic.clause.clone(),
            operand: atomic.left.clone(),
            kind,
            exchange_only: operand.exchange_only,
            operator,
            right,
            required: required.join(", "),
            referenced: atomic.referenced,
        })
    }
}
