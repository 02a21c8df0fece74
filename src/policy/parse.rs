//! JSON to syntax tree: prefixed or not, one or many, wrapped or plain; what ODRL forbids is refused with its pointer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Invalid;
use super::vocabulary::profile;
use crate::model::odrl::{Conflict, Constraint, Policy, PolicyKind, Reference, Shared};

mod constraint;
mod context;
mod inherit;
mod named;
mod object;
mod rule;
mod terms;

use named::Named;
pub(crate) use object::text;
use object::{Object, id_of, many, pointer};
use terms::Terms;

/// How deep logical constraints may be nested.
pub const MOST_NESTED: usize = 64;

/// What belongs to a rule or a constraint, and would be passed over on a policy.
const NOT_ON_POLICIES: &[&str] =
    &["duty", "ids:preDuty", "ids:postDuty", "remedy", "consequence", "refinement", "leftOperand", "rightOperand"];

/// How a policy says that another one replaces it, which makes it void (ODRL Information Model 2.2 §2.8).
const REPLACED: &[&str] = &[
    "http://purl.org/dc/terms/isReplacedBy",
    "dct:isReplacedBy",
    "dcterms:isReplacedBy",
    "dc:isReplacedBy",
    "isReplacedBy",
];

/// How many policies, or descriptions of what is only named, may lead from one to another: reading one takes memory of the stack.
const MOST_FOLLOWED: usize = 32;

/// How many mistakes of a policy are told.
const MOST_TOLD: usize = 200;

/// How many rules, constraints, parties and values one policy may have.
const MOST_PARTS: usize = 10_000;

impl Policy {
    /// Reads a policy, or the one policy of a `@graph`.
    ///
    /// # Errors
    /// Everything that ODRL 2.2 forbids, each with the JSON Pointer of its place.
    pub fn parse(policy: &Value) -> Result<Self, Vec<Invalid>> {
        let mut reader = Reader::default();
        let read = reader.document(policy);
        match read {
            Some(policy) if reader.invalid.is_empty() => Ok(policy),
            _ => Err(reader.invalid),
        }
    }

    /// Whether a document is a policy of the IDS information model by its class, such as `ids:ContractOffer`.
    #[must_use]
    pub fn has_ids_class(document: &Value) -> bool {
        let terms = Terms::read(document.get("@context"), &mut Vec::new());
        let types = ["@type", "type"].into_iter().filter_map(|key| document.get(key));
        types.flat_map(|value| many(value, "")).any(|(_, name)| terms.name_of(name).is_some_and(|n| is_ids(&n)))
    }
}

/// Whether a registered name belongs to the IDS information model.
fn is_ids(name: &str) -> bool {
    name.starts_with("ids:")
}

/// The subclass of policies that a type names; sets aside, which are as good as any policy.
fn subclass(name: &str) -> Option<&str> {
    Some(match name {
        "ids:ContractAgreement" => "Agreement",
        "ids:ContractOffer" => "Offer",
        "ids:ContractRequest" => "Request",
        "Agreement" | "Assertion" | "Offer" | "Privacy" | "Request" | "Ticket" => name,
        _ => return None,
    })
}

#[derive(Default)]
struct Reader<'a> {
    invalid: Vec<Invalid>,
    parts: usize,
    terms: Terms,
    /// Nodes of a `@graph` by their identifiers, with their pointers.
    graph: BTreeMap<&'a str, (String, &'a Value)>,
    /// The whole document, and what it describes under identifiers.
    document: Option<&'a Value>,
    named: Option<Named<'a>>,
    /// Identifiers whose descriptions are being read, outermost first.
    followed: Vec<String>,
    /// Identifiers of the policies being read, outermost first: a policy may not inherit from itself.
    open: Vec<String>,
    /// Whether the policy being read has classes or rules of the IDS information model.
    ids: bool,
}

impl<'a> Reader<'a> {
    fn refuse(&mut self, clause: &str, code: &'static str, reason: impl Into<String>) {
        // One part too many is said once.
        if self.invalid.len() < MOST_TOLD && !self.invalid.iter().any(|i| i.clause == clause && i.code == code) {
            self.invalid.push(Invalid::new(clause, code, reason));
        }
    }

    /// Counts one more part of the policy; false when there are too many.
    fn count(&mut self, clause: &str) -> bool {
        self.parts += 1;
        if self.parts > MOST_PARTS && !self.invalid.iter().any(|i| i.code == "policy.too-large") {
            self.refuse(clause, "policy.too-large", format!("the policy has more than {MOST_PARTS} parts"));
        }
        self.parts <= MOST_PARTS
    }

    fn document(&mut self, document: &'a Value) -> Option<Policy> {
        self.terms = Terms::read(document.get("@context"), &mut self.invalid);
        self.document = Some(document);
        let Some(graph) = document.get("@graph") else {
            return self.policy("", document);
        };
        self.refuse_beside_graph(document);
        let nodes = many(graph, "/@graph");
        if nodes.len() > MOST_PARTS {
            self.refuse("/@graph", "policy.too-large", format!("the graph has more than {MOST_PARTS} nodes"));
            return None;
        }
        for (at, node) in &nodes {
            if let Some(id) = id_of(node).and_then(Value::as_str)
                && self.graph.insert(id, (at.clone(), node)).is_some()
            {
                self.refuse(at, "graph.repeated", format!("the node {id} is there twice"));
            }
        }
        let policies: Vec<&(String, &Value)> =
            nodes.iter().filter(|(_, node)| object::is_policy(&self.terms, node)).collect();
        let inherited: BTreeSet<String> =
            policies.iter().flat_map(|(_, node)| object::parents(&self.terms, node)).collect();
        let own = |node: &Value| text(id_of(node).unwrap_or(&Value::Null));
        let mut heads = policies.iter().filter(|(_, node)| own(node).is_none_or(|id| !inherited.contains(&id)));
        match (heads.next(), heads.next()) {
            (Some((at, node)), None) => self.policy(at, node),
            _ => {
                self.refuse(
                    "/@graph",
                    "graph.policies",
                    "a graph needs exactly one policy that no other inherits from",
                );
                None
            }
        }
    }

    /// Refuses what a document says beside its graph as though it were a policy itself: nobody would read it.
    fn refuse_beside_graph(&mut self, document: &Value) {
        for key in document.as_object().into_iter().flat_map(|map| map.keys()) {
            if object::is_deciding(&self.terms.property(key)) {
                let reason = format!("{key} stands beside a graph; it belongs to the policy in the graph");
                self.refuse(&pointer("", key), "graph.beside", reason);
            }
        }
    }

    fn policy(&mut self, at: &str, value: &'a Value) -> Option<Policy> {
        let object = self.object(at, value, "policy.malformed", "a policy is a JSON object")?;
        let (kind, kind_clause) = self.kind(&object);
        let around = std::mem::replace(&mut self.ids, object.types(&self.terms).iter().any(|name| is_ids(name)));
        let conflict = self.conflict(&object);
        self.refuse_where(&object, NOT_ON_POLICIES, "policy.misplaced", "has no meaning on a policy");
        self.refuse_where(
            &object,
            REPLACED,
            "policy.replaced",
            "names the policy that holds instead; this one is void",
        );
        let shared = self.shared(&object);
        let mut policy = Policy {
            kind,
            kind_clause,
            uid: object.id(),
            profiles: self.references(&object, "profile"),
            conflict: conflict.unwrap_or(Conflict::Invalid),
            conflict_said: conflict.is_some(),
            parents: Vec::new(),
            permissions: self.rules(&object, "permission", rule::Role::Permission),
            prohibitions: self.rules(&object, "prohibition", rule::Role::Prohibition),
            obligations: self.rules(&object, "obligation", rule::Role::Obligation),
            shared,
            prefixes: self.terms.prefixes(),
        };
        // What its classes say of its duties goes with it by the profile.
        if std::mem::replace(&mut self.ids, around) && policy.leaves_timing_open() {
            policy.claim(profile::IDS);
        }
        policy.constrain();
        let period = self.period(&object);
        policy.narrow(&period);
        let is_parent = !self.open.is_empty();
        self.open.extend(object.id());
        self.inherit(&mut policy, &object);
        policy.share();
        // What a parent lacks its child may have.
        if !is_parent {
            self.complete(&policy);
        }
        if policy.permissions.is_empty()
            && policy.prohibitions.is_empty()
            && policy.obligations.is_empty()
            && policy.parents.is_empty()
            && self.invalid.is_empty()
        {
            self.refuse(at, "policy.empty", "a policy needs at least one permission, prohibition or obligation");
        }
        Some(policy)
    }

    fn shared(&mut self, object: &Object<'a>) -> Shared {
        Shared {
            actions: self.actions(object),
            targets: self.parties(object, "target"),
            assigners: self.parties(object, "assigner"),
            assignees: self.parties(object, "assignee"),
            constraints: self.constraints(object, "constraint", 0),
        }
    }

    /// The time of an IDS contract: nothing is permitted before it or after it.
    fn period(&mut self, object: &Object<'a>) -> Vec<Constraint> {
        let ends = [("ids:contractStart", "gteq"), ("ids:contractEnd", "lteq")];
        ends.into_iter().filter_map(|(name, operator)| self.moment(object, name, operator)).collect()
    }

    /// Refuses rules that lack something though nothing is shared or inherited any more.
    fn complete(&mut self, policy: &Policy) {
        let rules = policy.permissions.iter().chain(&policy.prohibitions).chain(&policy.obligations);
        for rule in rules.filter(|rule| rule.actions.is_empty() && !rule.elsewhere) {
            self.refuse(&rule.clause, "rule.action-missing", "a rule needs an action");
        }
        // A parent that is not at hand may bring the parties.
        if policy.parents.is_empty() {
            for lacking in policy.lacking() {
                self.refuse(&lacking.clause, lacking.code, lacking.reason);
            }
        }
    }

    fn kind(&mut self, object: &Object<'a>) -> (PolicyKind, String) {
        let Some((clause, _)) = object.field("@type") else { return (PolicyKind::Set, String::new()) };
        let names = object.types(&self.terms);
        if names.is_empty() && !object.has("@type") {
            return (PolicyKind::Set, String::new());
        }
        // ODRL's subclasses of policies are disjoint; a set is read as what it is besides.
        let mut subclasses: Vec<&str> = names.iter().filter_map(|name| subclass(name)).collect();
        subclasses.sort_unstable();
        subclasses.dedup();
        if subclasses.len() > 1 {
            self.refuse(&clause, "policy.type", format!("a policy cannot be {} at once", subclasses.join(" and ")));
        }
        let kinds = [
            ("Agreement", PolicyKind::Agreement),
            ("ids:ContractAgreement", PolicyKind::Agreement),
            ("Offer", PolicyKind::Offer),
            ("ids:ContractOffer", PolicyKind::Offer),
            ("Set", PolicyKind::Set),
            ("Policy", PolicyKind::Set),
        ];
        if let Some((_, kind)) = kinds.iter().find(|(name, _)| names.iter().any(|n| n == name)) {
            return (*kind, clause);
        }
        let reason = format!("{} is not a Set, an Offer or an Agreement", names.join(", "));
        self.refuse(&clause, "policy.type", reason);
        (PolicyKind::Set, clause)
    }

    fn conflict(&mut self, object: &Object<'a>) -> Option<Conflict> {
        let (clause, value) = object.field("conflict").filter(|_| object.has("conflict"))?;
        let names: Vec<String> = many(value, &clause).iter().filter_map(|(_, v)| self.terms.name_of(v)).collect();
        match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["perm"] => Some(Conflict::Permissions),
            ["prohibit"] => Some(Conflict::Prohibitions),
            ["invalid"] => Some(Conflict::Invalid),
            _ => {
                self.refuse(&clause, "policy.conflict", "conflict is one of perm, prohibit and invalid");
                None
            }
        }
    }

    /// Things named by their identifiers.
    fn references(&mut self, object: &Object<'a>, name: &str) -> Vec<Reference> {
        let Some((clause, value)) = object.field(name) else { return Vec::new() };
        let mut found = Vec::new();
        for (clause, value) in many(value, &clause) {
            match text(value).filter(|_| value.is_string() || value.is_object()) {
                Some(id) => found.push(Reference { clause, id: self.terms.expand(&id) }),
                None => self.refuse(&clause, "policy.malformed", format!("{name} is an identifier")),
            }
        }
        found
    }
}
