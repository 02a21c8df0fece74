//! From syntax tree to decision tree: words checked, right operands typed, done once for each agreement.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::value::Right;
use super::vocabulary::{DutyReading, Kind, Operand, Operator, ReadBy, Registry, SINCE_AGREEMENT};
use super::{Invalid, conflict};
use crate::model::odrl::{Action, Atomic, Conflict, Constraint, Literal, Party, Policy, Reference, Rule, Shared};

mod candidates;
mod counters;
mod duties;
mod measured;
mod probe;
mod sequences;
mod terms;
mod tree;

pub(crate) use candidates::Candidates;
pub use counters::CounterUse;
pub use duties::DutyUse;
pub(crate) use probe::{Probe, Test};
pub(crate) use sequences::{DELAY, Sequence, Step, Taker};
pub use terms::Commons;
pub(crate) use terms::Terms;
pub(crate) use tree::{Alternative, Atom, CompiledRule, Index, Node, NodeId, Slot, Told};

use super::vocabulary::{Actions, Unit};
use measured::{Conversion, Measured};

/// A policy ready to be decided. Immutable; share it by reference.
#[derive(Clone, Debug)]
pub struct Compiled {
    terms: Arc<Terms>,
    /// What each alternative of actions, targets and parties names, by its number.
    pub(super) named: Box<[Box<[Box<str>]>]>,
    pub(super) actions: Arc<Actions>,
    pub(super) prefixes: Box<[(String, String)]>,
}

/// Compiles a policy, or says why it may not be published here.
///
/// # Errors
/// Every unknown profile, operand, operator and action, every right operand of a wrong type, and every pair of a permission and a
/// prohibition that may apply together without a conflict strategy (ODRL Information Model 2.2 §2.10).
pub fn compile(policy: &Policy, registry: &Registry) -> Result<Compiled, Vec<Invalid>> {
    reconciled(policy, compile_rules(policy, Compiler::new(registry))?)
}

fn reconciled(policy: &Policy, compiled: Compiled) -> Result<Compiled, Vec<Invalid>> {
    if policy.conflict == Conflict::Invalid {
        let overlaps = conflict::overlaps(&compiled);
        if !overlaps.is_empty() {
            return Err(overlaps);
        }
    }
    Ok(compiled)
}

impl Compiled {
    /// As [`compile`], without looking for rules that overlap: for judging what was done under a policy that others published.
    ///
    /// # Errors
    /// As [`compile`], save for overlaps.
    pub fn unreconciled(policy: &Policy, registry: &Registry) -> Result<Self, Vec<Invalid>> {
        compile_rules(policy, Compiler::new(registry))
    }

    /// As [`compile`], though a right operand or its unit be none that its left operand can have: nothing is known of such a comparison.
    pub(super) fn tolerant(policy: &Policy, registry: &Registry) -> Result<Self, Vec<Invalid>> {
        reconciled(policy, compile_rules(policy, Compiler { tolerant: true, ..Compiler::new(registry) })?)
    }
}

fn compile_rules(policy: &Policy, mut compiler: Compiler<'_>) -> Result<Compiled, Vec<Invalid>> {
    let registry = compiler.registry;
    compiler.duties = registry.duties(policy.profiles.iter().map(|profile| &*profile.id));
    for profile in policy.profiles.iter().filter(|p| !registry.knows_profile(&p.id)) {
        let reason = format!("the profile {} is not known here", profile.id);
        compiler.invalid.push(Invalid::new(&profile.clause, "profile.unknown", reason));
    }
    let permissions = compiler.rules(&policy.permissions);
    let mut counters = counters::of(&compiler, 0, true);
    let of_permissions = compiler.atoms.len();
    let prohibitions = compiler.rules(&policy.prohibitions);
    counters.extend(counters::of(&compiler, of_permissions, false));
    let obligations = compiler.rules(&policy.obligations);
    compiler.check_shared(&policy.shared);
    tree::mark_asked(&mut compiler.atoms, &compiler.nodes, &permissions);
    super::fields::refuse_misplaced(&mut compiler, &permissions);
    let (sequences, unkept) = sequences::of(&compiler, &permissions, &prohibitions, &obligations);
    if !compiler.invalid.is_empty() {
        // What a compact policy shares between rules is wrong once, not once for each rule.
        let mut told = BTreeSet::new();
        compiler.invalid.retain(|invalid| told.insert((invalid.clause.clone(), invalid.code)));
        return Err(compiler.invalid);
    }
    let (probes, candidates) = probe::lay_out(&compiler.atoms, &compiler.slots);
    let mut terms = Terms {
        kind: policy.kind,
        kind_clause: policy.kind_clause.as_str().into(),
        conflict: policy.conflict,
        is_measured: compiler.slots.iter().any(|slot| slot.unit.is_some()),
        slots: compiler.slots.into(),
        atoms: compiler.atoms.into(),
        probes,
        candidates,
        nodes: compiler.nodes.into(),
        permissions,
        prohibitions,
        obligations,
        rules: compiler.rules,
        parents: policy.parents.as_slice().into(),
        counters: counters.into(),
        sequences: sequences.into(),
        unkept: unkept.into(),
    };
    duties::find_kept(&mut terms, registry.actions());
    Ok(Compiled {
        terms: Arc::new(terms),
        named: compiler.named.into(),
        actions: Arc::clone(registry.actions()),
        prefixes: policy.prefixes.as_slice().into(),
    })
}

pub(super) struct Compiler<'a> {
    pub(super) registry: &'a Registry,
    pub(super) invalid: Vec<Invalid>,
    /// Whether a right operand that its left operand can never have is taken, as one that nothing compares with.
    tolerant: bool,
    slots: Vec<Slot>,
    pub(super) by_name: BTreeMap<String, usize>,
    pub(super) atoms: Vec<Atom>,
    pub(super) nodes: Vec<Node>,
    /// What each alternative names, by its number.
    named: Vec<Box<[Box<str>]>>,
    rules: usize,
    /// How duties are read whose timing the policy does not say.
    duties: (DutyReading, ReadBy),
}

impl<'a> Compiler<'a> {
    const fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            duties: (DutyReading::PreCondition, ReadBy::Setting),
            invalid: Vec::new(),
            tolerant: false,
            slots: Vec::new(),
            by_name: BTreeMap::new(),
            atoms: Vec::new(),
            nodes: Vec::new(),
            named: Vec::new(),
            rules: 0,
        }
    }

    fn rules(&mut self, rules: &[Rule]) -> Box<[CompiledRule]> {
        rules.iter().map(|rule| self.rule(rule)).collect()
    }

    fn rule(&mut self, rule: &Rule) -> CompiledRule {
        let index = self.rules;
        self.rules += 1;
        self.check_aside(&rule.relations);
        let mut compiled = CompiledRule {
            index,
            clause: rule.clause.as_str().into(),
            uid: rule.uid.as_deref().map(Into::into),
            does: rule.actions.iter().map(|action| action.name.as_str().into()).collect(),
            actions: rule.actions.iter().map(|action| self.action(action)).collect(),
            targets: rule.targets.iter().map(|party| self.party(party)).collect(),
            assigners: rule.assigners.iter().map(|party| self.party(party)).collect(),
            assignees: rule.assignees.iter().map(|party| self.party(party)).collect(),
            comparisons: 0..0,
            constraints: self.nodes(&rule.constraints),
            duties: self.rules(&rule.duties),
            consequences: self.rules(&rule.consequences),
            remedies: self.rules(&rule.remedies),
            timing: duties::timing(self, rule),
            read_by: if rule.timing.is_some() { ReadBy::Policy } else { self.duties.1 },
            keeps: false,
            by_itself: false,
            elsewhere: rule.elsewhere,
        };
        compiled.comparisons = self.comparisons(&compiled.constraints).unwrap_or_default();
        compiled.by_itself = duties::is_done_by_exchanges(self, &compiled);
        compiled
    }

    /// The places of these where each of them is a comparison; they were compiled one after the other.
    fn comparisons(&self, constraints: &[NodeId]) -> Option<Range<usize>> {
        let place = |id: &NodeId| match self.nodes.get(id.0) {
            Some(Node::Atom(at)) => Some(*at),
            _ => None,
        };
        let first = constraints.first().and_then(place)?;
        constraints.iter().all(|id| place(id).is_some()).then(|| first..first + constraints.len())
    }

    /// Checks the words of parties that nothing is decided by.
    fn check_aside(&mut self, parties: &[Party]) {
        let mut aside = self.aside();
        parties.iter().for_each(|party| drop(aside.party(party)));
        self.invalid.append(&mut aside.invalid);
    }

    /// Checks the words of what stands on the policy, also where every rule has its own instead.
    fn check_shared(&mut self, shared: &Shared) {
        let mut aside = self.aside();
        shared.actions.iter().for_each(|action| drop(aside.action(action)));
        let parties = shared.targets.iter().chain(&shared.assigners).chain(&shared.assignees);
        parties.for_each(|party| drop(aside.party(party)));
        aside.nodes(&shared.constraints);
        self.invalid.append(&mut aside.invalid);
    }

    /// A compiler of words whose outcome nobody uses.
    fn aside(&self) -> Self {
        Self { tolerant: self.tolerant, ..Self::new(self.registry) }
    }

    fn action(&mut self, action: &Action) -> Alternative {
        if !self.registry.actions().knows(&action.name) {
            let reason = format!("the action {} cannot be evaluated here", action.name);
            self.invalid.push(Invalid::new(&action.clause, "action.unknown", reason));
        }
        self.alternative(&action.clause, std::slice::from_ref(&action.name), &action.refinements)
    }

    fn party(&mut self, party: &Party) -> Alternative {
        let meant = self.alternative(&party.clause, &party.ids, &party.refinements);
        Alternative { collection: party.collection, ..meant }
    }

    fn alternative(&mut self, clause: &str, ids: &[String], refinements: &[Constraint]) -> Alternative {
        let index = self.named.len();
        self.named.push(ids.iter().map(|id| id.as_str().into()).collect());
        Alternative { index, clause: clause.into(), collection: false, refinements: self.nodes(refinements) }
    }

    fn nodes(&mut self, constraints: &[Constraint]) -> Box<[NodeId]> {
        constraints.iter().filter_map(|constraint| self.node(constraint)).collect()
    }

    fn node(&mut self, constraint: &Constraint) -> Option<NodeId> {
        let node = match constraint {
            Constraint::Atomic(atomic) => {
                let atom = self.atom(atomic)?;
                self.atoms.push(atom);
                Node::Atom(self.atoms.len() - 1)
            }
            Constraint::Logical { clause, operator, parts, uid } => Node::Logical {
                clause: clause.as_str().into(),
                uid: uid.as_deref().map(Into::into),
                logic: *operator,
                parts: self.nodes(parts),
            },
            Constraint::Elsewhere(Reference { clause, id }) => {
                Node::Elsewhere { clause: clause.as_str().into(), id: id.as_str().into() }
            }
        };
        self.nodes.push(node);
        Some(NodeId(self.nodes.len() - 1))
    }

    fn atom(&mut self, atomic: &Atomic) -> Option<Atom> {
        let operand = self.registry.operand(&atomic.left).cloned();
        let operator = Operator::parse(&atomic.operator);
        if operand.is_none() {
            let reason = format!("the left operand {} cannot be evaluated here", atomic.left);
            self.invalid.push(Invalid::new(&atomic.clause, "operand.unknown", reason));
        }
        if operator.is_none() {
            let names: Vec<&str> = Operator::ALL.iter().map(|operator| operator.as_str()).collect();
            let reason = format!("{} is not an operator; there are {}", atomic.operator, names.join(", "));
            self.invalid.push(Invalid::new(&atomic.clause, "operator.unknown", reason));
        }
        let (operand, operator) = (operand?, operator?);
        if !operand.operators.is_empty() && !operand.operators.iter().any(|name| name == operator.as_str()) {
            let reason = format!("{} is compared by {} only", atomic.left, operand.operators.join(", "));
            self.invalid.push(Invalid::new(&atomic.clause, "operator.not-allowed", reason));
        }
        let required = atomic.right.iter().map(|r| r.text.as_str()).collect::<Vec<_>>().join(", ");
        let Measured { operand, unit, conversion } = match measured::of(atomic, operand.clone()) {
            Ok(measured) => measured,
            Err(_) if self.tolerant => Measured::never(operand),
            Err(reason) => {
                self.invalid.push(Invalid::new(&atomic.clause, "constraint.unit", reason));
                return None;
            }
        };
        let of_operand = operand.unit.clone();
        let (name, operand, right) = self.right(atomic, operand, conversion.as_ref(), &required)?;
        Some(Atom {
            slot: self.slot(&name, &operand, unit),
            operand: atomic.left.as_str().into(),
            clause: atomic.clause.as_str().into(),
            uid: atomic.uid.as_deref().map(Into::into),
            operator,
            index: Index::of(&right, operator),
            right,
            required: required.into(),
            unit: atomic.unit.as_deref().or(of_operand.as_deref()).map(Into::into),
            asked: false,
        })
    }

    /// The right operand by type; with the operand that it is compared with, which a relative date changes.
    fn right(
        &mut self,
        atomic: &Atomic,
        operand: Operand,
        conversion: Option<&Conversion>,
        required: &str,
    ) -> Option<(String, Operand, Box<[Right]>)> {
        if atomic.referenced {
            return Some((atomic.left.clone(), operand, Box::default()));
        }
        if operand.kind == Kind::Instant
            && let [literal] = atomic.right.as_slice()
            && let Some(length) = since_agreement(&literal.text)
            && let Some(since) = self.registry.operand(SINCE_AGREEMENT)
        {
            let literal = Literal { text: length, datatype: None, typed: false, iri: None };
            let right = Right::read(&literal, Kind::Duration)?;
            return Some((SINCE_AGREEMENT.to_owned(), since.clone(), Box::new([right])));
        }
        let written = listed(&atomic.right, operand.kind);
        // What the data plane is to release must be readable.
        let tolerant = self.tolerant && operand.kind != Kind::FieldPath;
        let read = |value: &Literal| {
            let read = match conversion {
                Some(conversion) => conversion.read(value),
                None => Right::read(value, operand.kind),
            };
            read.or_else(|| tolerant.then(|| Right::unreadable(value)))
        };
        let right: Option<Box<[Right]>> = written.iter().map(read).collect();
        if right.is_none() {
            let reason = format!("{required} is not a value that {} can have", atomic.left);
            self.invalid.push(Invalid::new(&atomic.clause, "constraint.right-operand", reason));
        }
        right.map(|right| (atomic.left.clone(), operand, right))
    }

    fn slot(&mut self, name: &str, operand: &Operand, unit: Option<Unit>) -> usize {
        let known = match &unit {
            None => self.by_name.get(name).copied(),
            some => self.slots.iter().position(|slot| *slot.name == *name && slot.unit == *some),
        };
        if let Some(known) = known {
            return known;
        }
        if unit.is_none() {
            self.by_name.insert(name.to_owned(), self.slots.len());
        }
        self.slots.push(Slot::new(name, operand, unit));
        self.slots.len() - 1
    }
}

/// X-Road 8 writes several paths as a JSON list in one string.
fn listed(written: &[Literal], kind: Kind) -> Vec<Literal> {
    if let ([literal], Kind::DataPath) = (written, kind)
        && let Ok(paths) = serde_json::from_str::<Vec<String>>(&literal.text)
    {
        return paths.into_iter().map(|text| Literal { text, datatype: None, typed: false, iri: None }).collect();
    }
    written.to_vec()
}

/// EDC's dates relative to the agreement, `contractAgreement+30d`, as an `xsd:duration`.
fn since_agreement(text: &str) -> Option<String> {
    let compact: String = text.split_whitespace().collect();
    let rest = compact.strip_prefix("contractAgreement").or_else(|| compact.strip_prefix("contractagreement"))?;
    let number = rest.strip_prefix('+')?;
    let unit = number.chars().next_back()?;
    let number = number.strip_suffix(unit)?;
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match unit {
        'd' => Some(format!("{sign}P{digits}D")),
        'h' | 'm' | 's' => Some(format!("{sign}PT{digits}{}", unit.to_ascii_uppercase())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_dates_of_edc_are_durations() {
        for (text, length) in [
            ("contractAgreement+30d", Some("P30D")),
            ("contractAgreement + 50s", Some("PT50S")),
            ("contractagreement+-2h", Some("-PT2H")),
            ("contractAgreement+d", None),
            ("contractAgreement", None),
            ("2026-01-01T00:00:00Z", None),
        ] {
            assert_eq!(since_agreement(text).as_deref(), length, "{text}");
        }
    }
}
