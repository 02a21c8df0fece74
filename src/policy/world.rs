//! What is known when a decision is made.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::parse::text;
use super::vocabulary::canonical;
use crate::model::time::Timestamp;

/// When a decision is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// May this consumer see the offer?
    Catalog,
    /// May this consumer have an agreement?
    Negotiation,
    /// May a transfer begin?
    Transfer,
    /// May this very call pass?
    #[default]
    Exchange,
}

impl Phase {
    /// The phase of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "catalog" => Some(Self::Catalog),
            "negotiation" => Some(Self::Negotiation),
            "transfer" => Some(Self::Transfer),
            "exchange" => Some(Self::Exchange),
            _ => None,
        }
    }
}

/// The values known for one left operand; more than one make a set, and none is known to be none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact(Vec<String>);

impl Fact {
    /// From JSON: a string, number, boolean, or an array of them; `None` for anything else.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(list) => list.iter().map(scalar).collect::<Option<Vec<_>>>().map(Self),
            one => scalar(one).map(|text| Self(vec![text])),
        }
    }

    /// The values as text.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.0
    }
}

fn scalar(value: &Value) -> Option<String> {
    text(value).filter(|_| !value.is_object())
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self(vec![text])
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Self {
        Self(vec![number.to_string()])
    }
}

impl From<Vec<String>> for Fact {
    fn from(values: Vec<String>) -> Self {
        Self(values)
    }
}

/// What is reported of a duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyPerformed {
    /// The duty's `uid`, or its JSON Pointer in the policy.
    pub id: String,
    /// When.
    pub at: Timestamp,
}

/// An infringement that is not made good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infringed {
    /// The `uid` of the prohibition or of the duty to keep something up, or its JSON Pointer in the policy.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
}

/// What is reported of all duties of an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Duties that were done.
    pub performed: Vec<DutyPerformed>,
    /// Duties that were not done in time, by `uid` or JSON Pointer.
    pub violated: Vec<String>,
    /// What was infringed.
    pub infringed: Vec<Infringed>,
}

/// What came before a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// The calls, each with what was known of it. What the policy permits of them was done.
    Calls(Vec<PastCall>),
    /// By the clause of each sequence: when its steps were taken, in their order.
    Steps(BTreeMap<String, Vec<Timestamp>>),
}

impl History {
    /// That nothing has happened yet.
    #[must_use]
    pub const fn nothing_yet() -> Self {
        Self::Calls(Vec::new())
    }
}

/// A call that was made before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastCall {
    /// When.
    pub at: Timestamp,
    /// What was asked, where that was something else than is asked now.
    pub action: Option<String>,
    /// For what, likewise.
    pub target: Option<String>,
    /// Of whom, likewise.
    pub assigner: Option<String>,
    /// By whom, likewise.
    pub assignee: Option<String>,
    /// All that was known then, by left operand.
    pub facts: BTreeMap<String, Fact>,
}

/// The state of the world and the request to be decided.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The time; stands for `dateTime`.
    pub now: Timestamp,
    /// When the decision is made.
    pub phase: Phase,
    /// What is to be done, such as `use`.
    pub action: String,
    /// With what, if known; unknown where a rule names a target and this does not.
    pub target: Option<String>,
    /// Who grants, if known.
    pub assigner: Option<String>,
    /// Who asks, if known.
    pub assignee: Option<String>,
    /// What is known, by left operand under its registered name ([`World::know`] finds it); what is absent is unknown.
    pub facts: BTreeMap<String, Fact>,
    /// The credentials of the assignee that hold, each a JSON object of the VC Data Model: places in them are left operands too.
    pub credentials: Vec<Arc<Value>>,
    /// Left operands, by their registered names, that will be told later, by each call or once a credential can be looked up again:
    /// before an exchange, their absence refuses nothing. `ovc:` stands for all places in credentials.
    pub told_later: Vec<Cow<'static, str>>,
    /// Duties that were done.
    pub duties: Vec<DutyPerformed>,
    /// Duties that are known not to be done any more, by `uid` or JSON Pointer.
    pub violated: Vec<String>,
    /// What was infringed, and may be made good.
    pub infringed: Vec<Infringed>,
    /// Members of collections and groups: (member, collection).
    pub member_of: Vec<(String, String)>,
    /// Taxonomy: (narrower, broader).
    pub broader: Vec<(String, String)>,
    /// What came before, for sequences; `None` where nobody knows.
    pub history: Option<History>,
    /// Whether its facts tell all groups of the client, as the operator's word does and the record of a decision: none are looked for
    /// among the memberships, and `eq` asks whether a group is among them.
    pub groups_told: bool,
}

impl World {
    /// Adds a fact about a left operand, however its name is written.
    pub fn know(&mut self, operand: &str, fact: impl Into<Fact>) {
        self.facts.insert(canonical(operand), fact.into());
    }

    /// Adds further values for a left operand to those known already; together they are a set.
    pub fn know_also(&mut self, operand: &str, fact: &Fact) {
        let known = self.facts.entry(canonical(operand)).or_default();
        for value in &fact.0 {
            if !known.0.contains(value) {
                known.0.push(value.clone());
            }
        }
    }

    /// Takes a left operand as one that will be told later, however its name is written.
    pub fn expect_later(&mut self, operand: &str) {
        self.told_later.push(canonical(operand).into());
    }

    /// Takes over what is reported of duties.
    pub fn hear(&mut self, reported: Reported) {
        self.duties.extend(reported.performed);
        self.violated.extend(reported.violated);
        self.infringed.extend(reported.infringed);
    }

    /// As [`World::know`], in a chain.
    #[must_use]
    pub fn knowing(mut self, operand: &str, fact: impl Into<Fact>) -> Self {
        self.know(operand, fact);
        self
    }
}

/// Which way to go along edges from narrower to broader.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// What can be reached from `from`, itself first, each once; circles end.
pub(crate) fn reachable<'a>(edges: &'a [(String, String)], from: &'a str, way: Way) -> Vec<&'a str> {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(current) = seen.get(next).copied() {
        next += 1;
        for (narrower, broader) in edges {
            let (here, there) = if way == Way::Up { (narrower, broader) } else { (broader, narrower) };
            if here == current && !seen.contains(&there.as_str()) {
                seen.push(there);
            }
        }
    }
    seen
}
