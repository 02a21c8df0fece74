//! The syntax tree of an ODRL 2.2 policy, as read from JSON-LD in any of the compact forms met in practice.
//!
//! Terms are local names where they belong to ODRL (`use`, `lteq`, `dateTime`), `prefix:name` where they belong to a vocabulary
//! that is known here (`xroad:datapath`), and as written or as IRIs otherwise. A *clause* is always a JSON Pointer (RFC 6901) into
//! the policy as received.

use serde::{Deserialize, Serialize};

/// A policy (ODRL Information Model 2.2 §2.1), compact forms spread over its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Set, Offer or Agreement.
    pub kind: PolicyKind,
    /// Where the type stands; empty when nothing is said.
    pub kind_clause: String,
    /// `uid`, if any.
    pub uid: Option<String>,
    /// Profiles that it claims to follow.
    pub profiles: Vec<Reference>,
    /// How permissions and prohibitions that both apply are reconciled.
    pub conflict: Conflict,
    /// Whether the strategy was said, rather than left to the default.
    pub conflict_said: bool,
    /// Policies that it inherits from and that have not been merged in.
    pub parents: Vec<Reference>,
    /// What is allowed.
    pub permissions: Vec<Rule>,
    /// What is not allowed.
    pub prohibitions: Vec<Rule>,
    /// What must be done.
    pub obligations: Vec<Rule>,
    /// What stands on the policy itself and holds for its rules.
    pub shared: Shared,
    /// Prefixes of the policy's own `@context`, with what they stand for.
    pub prefixes: Vec<(String, String)>,
}

/// What a compact policy says once for all of its rules (ODRL Information Model 2.2 §2.7.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Actions of rules that have none of their own.
    pub actions: Vec<Action>,
    /// Targets of such rules.
    pub targets: Vec<Party>,
    /// Assigners of such rules.
    pub assigners: Vec<Party>,
    /// Assignees of such rules.
    pub assignees: Vec<Party>,
    /// Constraints of every rule.
    pub constraints: Vec<Constraint>,
}

/// Something named by an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it stands.
    pub clause: String,
    /// Its identifier.
    pub id: String,
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

impl PolicyKind {
    /// The class's local name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "Set",
            Self::Offer => "Offer",
            Self::Agreement => "Agreement",
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub clause: String,
    /// `uid`, if any.
    pub uid: Option<String>,
    /// Its actions; any of them, in a duty all of them (compact form, §2.7.1).
    pub actions: Vec<Action>,
    /// What it is about; any of them; empty means anything.
    pub targets: Vec<Party>,
    /// Who grants; any of them; empty means anybody.
    pub assigners: Vec<Party>,
    /// For whom; any of them; empty means anybody.
    pub assignees: Vec<Party>,
    /// Parties with a function, such as `informedParty`, and what its action makes; they do not decide.
    pub relations: Vec<Party>,
    /// Constraints, all of which must hold.
    pub constraints: Vec<Constraint>,
    /// Duties of a permission.
    pub duties: Vec<Rule>,
    /// Duties that follow an unfulfilled duty.
    pub consequences: Vec<Rule>,
    /// Duties that heal an infringed prohibition.
    pub remedies: Vec<Rule>,
    /// Whether it is a duty that is only named, by its `uid`, and described nowhere in the policy.
    pub elsewhere: bool,
    /// When the duty is due, where the vocabulary says so (IDS `preDuty`, `postDuty`).
    pub timing: Option<DutyTiming>,
}

/// When a duty of a permission is to be done, seen from the use that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DutyTiming {
    /// Before the use: consent, payment.
    Before,
    /// With each use: log, inform, pseudonymise.
    With,
    /// After the use: delete, retain.
    After,
}

impl DutyTiming {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::With => "with",
            Self::After => "after",
        }
    }

    /// The timing of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Before, Self::With, Self::After].into_iter().find(|timing| timing.as_str() == text)
    }
}

/// An action with its refinements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Where it stands.
    pub clause: String,
    /// Its name.
    pub name: String,
    /// Constraints on how it is done.
    pub refinements: Vec<Constraint>,
}

/// An asset or a party, alone or as a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Where it stands.
    pub clause: String,
    /// Its identifiers: `uid`, and `source` of a collection; none for everything that the refinements admit.
    pub ids: Vec<String>,
    /// Whether it is said to stand for its members.
    pub collection: bool,
    /// Which members.
    pub refinements: Vec<Constraint>,
}

/// A constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// A comparison.
    Atomic(Box<Atomic>),
    /// A combination.
    Logical {
        /// Where it stands.
        clause: String,
        /// Its `uid`, if any.
        uid: Option<String>,
        /// How its parts are combined.
        operator: Logic,
        /// Its parts, at least one.
        parts: Vec<Constraint>,
    },
    /// One that is only named, and described nowhere in the policy.
    Elsewhere(Reference),
}

/// A comparison of a left operand with a right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atomic {
    /// Where it stands.
    pub clause: String,
    /// Its `uid`, if any.
    pub uid: Option<String>,
    /// The left operand's name.
    pub left: String,
    /// The operator's name.
    pub operator: String,
    /// The values compared with; several make a set. Never empty.
    pub right: Vec<Literal>,
    /// Whether the right operand is only referred to (`rightOperandReference`).
    pub referenced: bool,
    /// `unit`, if any; facts are given in that unit.
    pub unit: Option<String>,
}

/// A right operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// As written.
    pub text: String,
    /// Written as a number, a truth value or a typed value: the local name of its XML Schema type.
    pub datatype: Option<String>,
    /// Whether the type was said, rather than seen from how the value is written.
    pub typed: bool,
    /// The IRI that a compact identifier stands for, when that differs from the text.
    pub iri: Option<String>,
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

impl Logic {
    /// The operand's local name in ODRL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Xone => "xone",
            Self::AndSequence => "andSequence",
        }
    }
}
