//! The syntax tree of an ODRL 2.2 policy, as read from JSON-LD in any of the compact forms met in practice.
//!
//! Terms are local names where they belong to ODRL (`use`, `lteq`, `dateTime`) and as written otherwise (`xroad:datapath`, IRIs).

use serde_json::Value;

/// A policy (ODRL Information Model 2.2 §2.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Set, Offer or Agreement.
    pub kind: PolicyKind,
    /// `uid`, if any.
    pub uid: Option<String>,
    /// Profiles that it claims to follow.
    pub profiles: Vec<String>,
    /// How permissions and prohibitions that both apply are reconciled.
    pub conflict: Conflict,
    /// Policy-level target, copied to rules without one.
    pub target: Vec<Party>,
    /// Who grants.
    pub assigner: Option<Party>,
    /// Who receives.
    pub assignee: Option<Party>,
    /// What is allowed.
    pub permissions: Vec<Rule>,
    /// What is not allowed.
    pub prohibitions: Vec<Rule>,
    /// What must be done.
    pub obligations: Vec<Rule>,
}

/// The subclasses of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Rules for nobody in particular.
    Set,
    /// Rules proposed by an assigner.
    Offer,
    /// Rules granted by an assigner to an assignee.
    Agreement,
}

/// The conflict strategy (ODRL Information Model 2.2 §2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Permissions win.
    Permissions,
    /// Prohibitions win.
    Prohibitions,
    /// A conflict voids the policy; also when nothing is said.
    Invalid,
}

/// A permission, prohibition or duty.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// JSON Pointer of the rule in the policy as received.
    pub clause: String,
    /// `uid`, if any.
    pub uid: Option<String>,
    /// Its actions; compact policies with several are read as several.
    pub actions: Vec<Action>,
    /// What it is about; empty means anything.
    pub targets: Vec<Party>,
    /// Who grants, if said on the rule.
    pub assigner: Option<Party>,
    /// For whom, if said on the rule.
    pub assignee: Option<Party>,
    /// Constraints, all of which must hold.
    pub constraints: Vec<Constraint>,
    /// Duties to be fulfilled before a permission is active.
    pub duties: Vec<Rule>,
    /// Duties that follow an unfulfilled duty.
    pub consequences: Vec<Rule>,
    /// Duties that heal an infringed prohibition.
    pub remedies: Vec<Rule>,
}

/// An action with its refinements.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// JSON Pointer of the action.
    pub clause: String,
    /// Its name.
    pub name: String,
    /// Constraints on how it is done.
    pub refinements: Vec<Constraint>,
}

/// An asset or a party, alone or as a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Party {
    /// JSON Pointer.
    pub clause: String,
    /// Its identifier.
    pub id: String,
    /// Whether it stands for its members.
    pub collection: bool,
    /// Which members.
    pub refinements: Vec<Constraint>,
}

/// A constraint.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// A comparison.
    Atomic(Atomic),
    /// A combination.
    Logical {
        /// JSON Pointer of the combination.
        clause: String,
        /// How its parts are combined.
        operator: Logic,
        /// Its parts.
        parts: Vec<Constraint>,
    },
}

/// A comparison of a left operand with a right one.
#[derive(Clone, Debug, PartialEq)]
pub struct Atomic {
    /// JSON Pointer of the comparison.
    pub clause: String,
    /// The left operand's name.
    pub left: String,
    /// The operator's name.
    pub operator: String,
    /// The values compared with; several make a set.
    pub right: Vec<Value>,
    /// Whether the right operand is only referred to (`rightOperandReference`).
    pub referenced: bool,
    /// `unit`, if any.
    pub unit: Option<String>,
}

/// How the parts of a logical constraint are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// All.
    And,
    /// At least one.
    Or,
    /// Exactly one.
    Xone,
    /// All, in that order in time.
    AndSequence,
}
