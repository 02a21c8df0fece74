//! The decision: pure, three-valued, with the clauses that decided it.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::compile::{Atom, Compiled, CompiledRule, Node, Operator};
use super::datapath;
use super::value::Typed;
use super::vocabulary::{Kind, action_included};
use super::world::{DutyPerformed, Phase, World};
use crate::model::odrl::{Conflict, Logic, Party, PolicyKind};

/// Three-valued truth as it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// Known to hold.
    True,
    /// Known not to hold.
    False,
    /// Not known.
    Unknown,
}

/// Whether a request is permitted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is permitted.
    pub permit: bool,
    /// The clauses that decided: of a refusal those that refused, of a permit those that held.
    pub because: Vec<Because>,
}

/// One clause and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Because {
    /// JSON Pointer (RFC 6901) into the policy as received.
    pub clause: String,
    /// Whether it holds.
    pub state: Truth,
    /// The left operand, or `action`, `target`, `assignee`, `assigner`, `duty`, `policy`.
    pub operand: String,
    /// The operator.
    pub operator: String,
    /// What is required.
    pub required: String,
    /// What was seen; `null` when nothing is known.
    pub observed: Option<String>,
    /// One sentence.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Decision {
    /// The same decision as the counterparty may see it: which clause, operand and operator, not what is known here.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let because = self.because.iter().map(|b| Because {
            observed: None,
            reason: format!("the agreement's clause {} on {} is not met", b.clause, b.operand),
            ..b.clone()
        });
        Self { permit: self.permit, because: because.collect() }
    }
}

/// As [`Truth`], with unknown told apart: deferred is what only an exchange will know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    False,
    Unknown,
    Deferred,
    True,
}

impl State {
    const fn of(flag: bool) -> Self {
        if flag { Self::True } else { Self::False }
    }

    const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            other => other,
        }
    }

    const fn truth(self) -> Truth {
        match self {
            Self::True => Truth::True,
            Self::False => Truth::False,
            Self::Unknown | Self::Deferred => Truth::Unknown,
        }
    }

    /// Whether it lets a permission permit.
    const fn lets(self) -> bool {
        matches!(self, Self::True | Self::Deferred)
    }

    /// Whether it makes a prohibition refuse.
    const fn bars(self) -> bool {
        matches!(self, Self::True | Self::Unknown)
    }
}

impl Compiled {
    /// Decides a request in a state of the world.
    #[must_use]
    pub fn decide(&self, world: &World) -> Decision {
        if self.kind == PolicyKind::Offer && matches!(world.phase, Phase::Transfer | Phase::Exchange) {
            let why = because("", Truth::False, "policy", "isA", "Agreement", Some("Offer"));
            return refuse(vec![Because {
                reason: "an offer permits nothing; only an agreement does".to_owned(),
                remedy: "negotiate an agreement on this offer first".to_owned(),
                ..why
            }]);
        }
        let violated: Vec<&CompiledRule> = self.obligations.iter().filter(|duty| is_violated(duty, world)).collect();
        if !violated.is_empty() {
            return refuse(violated.into_iter().map(|duty| duty_reason(duty, Truth::False)).collect());
        }
        let permission = self.permissions.iter().find(|rule| permission_state(rule, world).lets());
        let barring: Vec<&CompiledRule> =
            self.prohibitions.iter().filter(|rule| rule_state(rule, world).bars()).collect();
        let overridden = self.conflict == Conflict::Permissions
            && self.permissions.iter().any(|rule| permission_state(rule, world) == State::True);
        if !barring.is_empty() && !overridden {
            return refuse(barring.into_iter().flat_map(|rule| why_barred(rule, world)).collect());
        }
        match permission {
            Some(rule) => {
                let mut held = Vec::new();
                rule.constraints.iter().for_each(|node| collect(node, world, &|_| true, &mut held));
                Decision { permit: true, because: held }
            }
            None => refuse(self.why_not_permitted(world)),
        }
    }

    fn why_not_permitted(&self, world: &World) -> Vec<Because> {
        if self.permissions.is_empty() {
            let why = because("", Truth::False, "policy", "hasPart", "permission", None);
            let reason = "the policy has no permission, and what is not permitted is refused".to_owned();
            return vec![Because { reason, ..why }];
        }
        let applicable: Vec<&CompiledRule> =
            self.permissions.iter().filter(|rule| applicability(rule, world) != State::False).collect();
        if applicable.is_empty() {
            return self.permissions.iter().flat_map(|rule| why_not_applicable(rule, world)).collect();
        }
        let mut why = Vec::new();
        for rule in applicable {
            why.extend(why_not_applicable(rule, world));
            for node in rule.constraints.iter().filter(|node| !evaluate(node, world).lets()) {
                collect(node, world, &|state| !state.lets(), &mut why);
            }
            let open = rule.duties.iter().filter(|duty| !duty_state(duty, world).lets());
            why.extend(open.map(|duty| duty_reason(duty, Truth::False)));
        }
        why
    }
}

const fn refuse(because: Vec<Because>) -> Decision {
    Decision { permit: false, because }
}

fn permission_state(rule: &CompiledRule, world: &World) -> State {
    let duties = rule.duties.iter().map(|duty| duty_state(duty, world));
    duties.fold(rule_state(rule, world), std::cmp::min)
}

fn rule_state(rule: &CompiledRule, world: &World) -> State {
    let applies = applicability(rule, world);
    if applies == State::False {
        return applies;
    }
    rule.constraints.iter().map(|node| evaluate(node, world)).fold(applies, std::cmp::min)
}

fn applicability(rule: &CompiledRule, world: &World) -> State {
    let action = State::of(rule.actions.iter().any(|(_, name)| action_included(&world.action, name)));
    action.min(target_state(rule, world)).min(assigner_state(rule, world)).min(assignee_state(rule, world))
}

fn target_state(rule: &CompiledRule, world: &World) -> State {
    match &world.target {
        Some(target) if !rule.targets.is_empty() => State::of(rule.targets.iter().any(|t| is_party(target, t, world))),
        _ => State::True,
    }
}

fn assigner_state(rule: &CompiledRule, world: &World) -> State {
    match (&rule.assigner, &world.assigner) {
        (Some(party), Some(assigner)) => State::of(is_party(assigner, party, world)),
        _ => State::True,
    }
}

fn assignee_state(rule: &CompiledRule, world: &World) -> State {
    match (&rule.assignee, &world.assignee) {
        (Some(party), Some(assignee)) => State::of(is_party(assignee, party, world)),
        (Some(_), None) => State::Unknown,
        (None, _) => State::True,
    }
}

/// A collection without an identifier is everything that its refinement admits.
fn is_party(id: &str, party: &Party, world: &World) -> bool {
    party.id.is_empty() || world.belongs(id, &party.id)
}

fn evaluate(node: &Node, world: &World) -> State {
    match node {
        Node::Atom(atom) => compare(atom, world).0,
        Node::Logical(Logic::And, parts) => parts.iter().map(|part| evaluate(part, world)).min().unwrap_or(State::True),
        Node::Logical(Logic::Or, parts) => parts.iter().map(|part| evaluate(part, world)).max().unwrap_or(State::False),
        Node::Logical(Logic::Xone, parts) => exactly_one(parts.iter().map(|part| evaluate(part, world))),
        // The order of past events is not known here; what is false now is false in every order.
        Node::Logical(Logic::AndSequence, parts) => {
            let all = parts.iter().map(|part| evaluate(part, world)).min().unwrap_or(State::True);
            if all == State::False { State::False } else { State::Unknown }
        }
    }
}

fn exactly_one(parts: impl Iterator<Item = State>) -> State {
    let (mut holding, mut open) = (0, State::False);
    for state in parts {
        match state {
            State::True => holding += 1,
            State::False => {}
            // Hard unknown is worse than deferred.
            State::Unknown => open = State::Unknown,
            State::Deferred if open == State::False => open = State::Deferred,
            State::Deferred => {}
        }
    }
    match (holding, open) {
        (2.., _) => State::False,
        (1, State::False) => State::True,
        (0, State::False) => State::False,
        (_, open) => open,
    }
}

/// The state of a comparison and the value seen.
fn compare(atom: &Atom, world: &World) -> (State, Option<String>) {
    let unknown = |seen| (State::Unknown, seen);
    let (values, seen) = match observe(atom, world) {
        Observed::Nothing if atom.exchange_only && world.phase != Phase::Exchange => return (State::Deferred, None),
        Observed::Nothing => return unknown(None),
        Observed::Unreadable(seen) => return unknown(Some(seen)),
        Observed::Groups(groups) => return (group_state(atom, &groups), Some(groups.join(", "))),
        Observed::Values(values, seen) => (values, Some(seen)),
    };
    if atom.referenced {
        return unknown(seen);
    }
    use Operator as O;
    let state = match atom.operator {
        O::IsAnyOf => State::of(values.iter().any(|v| atom.right.iter().any(|r| equals(atom, r, v)))),
        O::IsAllOf => State::of(atom.right.iter().all(|r| values.iter().any(|v| equals(atom, r, v)))),
        O::IsNoneOf if !plain(atom, &values) => State::Unknown,
        O::IsNoneOf => State::of(!values.iter().any(|v| atom.right.iter().any(|r| equals(atom, r, v)))),
        _ => match (values.as_slice(), atom.right.as_slice()) {
            ([value], [required]) => compare_single(atom, value, required, world),
            _ => State::Unknown,
        },
    };
    (state, seen)
}

fn compare_single(atom: &Atom, value: &Typed, required: &Typed, world: &World) -> State {
    use Operator as O;
    let ordered = |wanted: fn(Ordering) -> bool| match value.order(required) {
        Some(order) if atom.kind != Kind::DataPath => State::of(wanted(order)),
        _ => State::Unknown,
    };
    let below = |one: &Typed, other: &Typed| match (one, other) {
        (Typed::Text(one), Typed::Text(other)) if world.belongs(one, other) => State::True,
        (Typed::Text(one), Typed::Text(other)) => world.is_below(one, other).map_or(State::Unknown, State::of),
        _ => State::Unknown,
    };
    match atom.operator {
        O::Eq => State::of(equals(atom, required, value)),
        O::Neq if !plain(atom, std::slice::from_ref(value)) => State::Unknown,
        O::Neq => State::of(!equals(atom, required, value)),
        O::Lt => ordered(Ordering::is_lt),
        O::Lteq => ordered(Ordering::is_le),
        O::Gt => ordered(Ordering::is_gt),
        O::Gteq => ordered(Ordering::is_ge),
        O::IsA | O::IsPartOf => below(value, required),
        O::HasPart => below(required, value),
        O::IsAnyOf | O::IsAllOf | O::IsNoneOf => State::Unknown,
    }
}

enum Observed {
    Nothing,
    Unreadable(String),
    Values(Vec<Typed>, String),
    /// Groups that the client belongs to, when only membership is known.
    Groups(Vec<String>),
}

fn observe(atom: &Atom, world: &World) -> Observed {
    if matches!(atom.operand.as_str(), "dateTime" | "edc:inForceDate") {
        return Observed::Values(vec![Typed::Instant(world.now)], world.now.to_string());
    }
    let Some(fact) = world.fact(&atom.operand) else {
        return if atom.operand.ends_with("GroupMember") { groups(world) } else { Observed::Nothing };
    };
    let seen = fact.values().join(", ");
    let typed: Option<Vec<Typed>> =
        fact.values().iter().map(|text| Typed::read(&Value::String(text.clone()), atom.kind)).collect();
    match typed {
        Some(values) if !values.is_empty() => Observed::Values(values, seen),
        _ => Observed::Unreadable(seen),
    }
}

fn groups(world: &World) -> Observed {
    if world.member_of.is_empty() {
        return Observed::Nothing;
    }
    let client = world.fact("xroad:clientId").map(|fact| fact.values().to_vec()).unwrap_or_default();
    let members: Vec<&str> = client.iter().map(String::as_str).chain(world.assignee.as_deref()).collect();
    let mut groups: Vec<String> = world
        .member_of
        .iter()
        .map(|(_, group)| group)
        .filter(|group| members.iter().any(|member| world.belongs(member, group)))
        .cloned()
        .collect();
    groups.sort();
    groups.dedup();
    Observed::Groups(groups)
}

/// Membership: `eq` means "belongs to", because X-Road writes it so.
fn group_state(atom: &Atom, groups: &[String]) -> State {
    use Operator as O;
    let holds = |required: &Typed| matches!(required, Typed::Text(group) if groups.contains(group));
    match atom.operator {
        O::Eq if atom.right.len() == 1 => State::of(atom.right.iter().all(holds)),
        O::IsA | O::IsPartOf | O::IsAllOf => State::of(atom.right.iter().all(holds)),
        O::IsAnyOf => State::of(atom.right.iter().any(holds)),
        O::Neq | O::IsNoneOf => State::of(atom.right.iter().any(holds)).not(),
        _ => State::Unknown,
    }
}

fn equals(atom: &Atom, required: &Typed, value: &Typed) -> bool {
    match (atom.kind, required, value) {
        (Kind::DataPath, Typed::Text(pattern), Typed::Text(call)) => datapath::covers(pattern, call),
        _ => required.same(value),
    }
}

/// A path that no pattern can match says nothing about not matching either.
fn plain(atom: &Atom, values: &[Typed]) -> bool {
    atom.kind != Kind::DataPath || values.iter().all(|v| matches!(v, Typed::Text(call) if datapath::is_plain(call)))
}

/// Whether a duty is fulfilled or not called for (a condition of a permission).
fn duty_state(duty: &CompiledRule, world: &World) -> State {
    if is_fulfilled(duty, world) || is_compensated(duty, world) {
        return State::True;
    }
    let asked = rule_constraints(duty, world);
    if asked == State::False && !is_overdue(duty, world) { State::True } else { State::False }
}

/// Whether an obligation can no longer be fulfilled.
fn is_violated(duty: &CompiledRule, world: &World) -> bool {
    let concerns = assignee_state(duty, world).min(assigner_state(duty, world));
    concerns != State::False && is_overdue(duty, world) && !is_fulfilled(duty, world) && !is_compensated(duty, world)
}

fn is_compensated(duty: &CompiledRule, world: &World) -> bool {
    !duty.consequences.is_empty() && duty.consequences.iter().all(|c| is_fulfilled(c, world))
}

/// Done before now, and at a time and in a way that its constraints admit.
fn is_fulfilled(duty: &CompiledRule, world: &World) -> bool {
    let of_this = |done: &&DutyPerformed| duty.uid.as_ref() == Some(&done.id) || duty.clause == done.id;
    world.duties.iter().filter(of_this).filter(|done| done.at < world.now).any(|done| {
        let then = World { now: done.at, ..world.clone() };
        rule_constraints(duty, &then) != State::False
    })
}

fn rule_constraints(rule: &CompiledRule, world: &World) -> State {
    rule.constraints.iter().map(|node| evaluate(node, world)).min().unwrap_or(State::True)
}

/// Whether a deadline among its constraints has passed.
fn is_overdue(duty: &CompiledRule, world: &World) -> bool {
    fn passed(node: &Node, world: &World) -> bool {
        match node {
            Node::Atom(atom) => {
                atom.kind == Kind::Instant
                    && matches!(atom.operator, Operator::Lt | Operator::Lteq | Operator::Eq)
                    && atom.right.iter().all(|deadline| {
                        let order = Typed::Instant(world.now).order(deadline);
                        order.is_some_and(|o| o.is_gt() || (o.is_eq() && atom.operator == Operator::Lt))
                    })
            }
            Node::Logical(Logic::And | Logic::AndSequence, parts) => parts.iter().any(|p| passed(p, world)),
            Node::Logical(Logic::Or | Logic::Xone, parts) => parts.iter().all(|p| passed(p, world)),
        }
    }
    duty.constraints.iter().any(|node| passed(node, world))
}

fn why_barred(rule: &CompiledRule, world: &World) -> Vec<Because> {
    let mut why = Vec::new();
    rule.constraints.iter().for_each(|node| collect(node, world, &|state| state.bars(), &mut why));
    for entry in &mut why {
        entry.reason = match entry.state {
            Truth::Unknown => format!("a prohibition may apply: {} is not known", entry.operand),
            _ => format!("a prohibition applies: {}", entry.reason),
        };
    }
    if why.is_empty() {
        let action = rule.actions.first().map(|(_, name)| name.clone()).unwrap_or_default();
        let prohibited = because(&rule.clause, Truth::True, "action", "isA", &action, Some(&world.action));
        why.push(Because { reason: format!("{} is prohibited", world.action), ..prohibited });
    }
    why
}

fn why_not_applicable(rule: &CompiledRule, world: &World) -> Vec<Because> {
    let names = |parties: &[Party]| parties.iter().map(|p| p.id.as_str()).collect::<Vec<_>>().join(", ");
    let mut why = Vec::new();
    if !rule.actions.iter().any(|(_, name)| action_included(&world.action, name)) {
        let actions = rule.actions.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
        why.push(because(&rule.clause, Truth::False, "action", "isA", &actions, Some(&world.action)));
    }
    for (state, operand, required, observed) in [
        (target_state(rule, world), "target", names(&rule.targets), &world.target),
        (assigner_state(rule, world), "assigner", names(rule.assigner.as_slice()), &world.assigner),
        (assignee_state(rule, world), "assignee", names(rule.assignee.as_slice()), &world.assignee),
    ] {
        if !state.lets() {
            why.push(because(&rule.clause, state.truth(), operand, "eq", &required, observed.as_deref()));
        }
    }
    why
}

/// The atomic constraints below a node whose state is wanted.
fn collect(node: &Node, world: &World, wanted: &dyn Fn(State) -> bool, out: &mut Vec<Because>) {
    match node {
        Node::Atom(atom) => {
            let (state, seen) = compare(atom, world);
            if wanted(state) {
                let (operand, operator) = (atom.operand.as_str(), atom.operator.as_str());
                out.push(because(&atom.clause, state.truth(), operand, operator, &atom.required, seen.as_deref()));
            }
        }
        Node::Logical(logic, parts) => {
            let before = out.len();
            parts.iter().for_each(|part| collect(part, world, wanted, out));
            // More than one part of a xone holds, or a sequence is open though each part holds: all of them decided.
            if out.len() == before && matches!(logic, Logic::Xone | Logic::AndSequence) {
                parts.iter().for_each(|part| collect(part, world, &|_| true, out));
            }
        }
    }
}

fn duty_reason(duty: &CompiledRule, state: Truth) -> Because {
    let action = duty.actions.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    let entry = because(&duty.clause, state, "duty", "eq", &action, None);
    Because {
        reason: format!("the duty to {action} is not fulfilled"),
        remedy: format!("fulfil the duty to {action} and report it, then call again"),
        ..entry
    }
}

fn because(
    clause: &str,
    state: Truth,
    operand: &str,
    operator: &str,
    required: &str,
    observed: Option<&str>,
) -> Because {
    let reason = match (state, observed) {
        (Truth::Unknown, None) => format!("{operand} is not known, so it cannot be shown to be {operator} {required}"),
        (Truth::Unknown, Some(seen)) => {
            format!("{operand} is {seen}, which cannot be compared by {operator} with {required}")
        }
        (Truth::True, Some(seen)) => format!("{operand} is {seen}, which is {operator} {required}"),
        (Truth::False, Some(seen)) => format!("{operand} is {seen}, which is not {operator} {required}"),
        (_, None) => format!("{operand} is not {operator} {required}"),
    };
    Because {
        clause: clause.to_owned(),
        state,
        operand: operand.to_owned(),
        operator: operator.to_owned(),
        required: required.to_owned(),
        observed: observed.map(str::to_owned),
        reason,
        remedy: remedy(operand),
    }
}

fn remedy(operand: &str) -> String {
    match operand {
        "count" => "the agreed number of calls is used up; negotiate a new agreement",
        "timeInterval" | "xroad:callsPerMinute" => "call more slowly",
        "dateTime" | "edc:inForceDate" => "call within the agreed time, or negotiate a new agreement",
        "xroad:datapath" => "call only the methods and paths that the agreement covers",
        "purpose" => "declare a purpose that the agreement covers",
        "action" | "target" | "assignee" | "assigner" => "use an agreement that covers this",
        _ => "meet the clause, or negotiate an agreement without it",
    }
    .to_owned()
}
