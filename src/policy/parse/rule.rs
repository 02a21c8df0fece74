//! Rules with their actions, parties and duties.

use serde_json::Value;

use super::constraint::is_identifier;
use super::object::{Object, many};
use super::terms::RELATIONS;
use super::{Reader, is_ids};
use crate::model::odrl::{Action, DutyTiming, Party, Rule};

/// The roles of a rule, which differ in what it may hold (ODRL Information Model 2.2 §2.6).
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    Permission,
    Prohibition,
    Obligation,
    Duty(Option<DutyTiming>),
    Consequence,
    Remedy,
}

impl Role {
    fn may_have(self, property: &str) -> bool {
        match property {
            "duty" | "ids:preDuty" | "ids:postDuty" => self == Self::Permission,
            "remedy" => self == Self::Prohibition,
            "consequence" => matches!(self, Self::Obligation | Self::Duty(_)),
            _ => false,
        }
    }

    /// The class of ODRL that such a rule is of.
    const fn class(self) -> &'static str {
        match self {
            Self::Permission => "Permission",
            Self::Prohibition => "Prohibition",
            Self::Obligation | Self::Duty(_) | Self::Consequence | Self::Remedy => "Duty",
        }
    }
}

/// What belongs to a constraint, an agreement or a policy, and would be passed over on a rule.
const NOT_ON_RULES: &[&str] = &[
    "leftOperand",
    "operator",
    "rightOperand",
    "rightOperandReference",
    "and",
    "or",
    "xone",
    "andSequence",
    "permission",
    "prohibition",
    "obligation",
    "ids:contractStart",
    "ids:contractEnd",
];

impl<'a> Reader<'a> {
    pub(super) fn rules(&mut self, object: &Object<'a>, name: &str, role: Role) -> Vec<Rule> {
        let Some((at, value)) = object.field(name) else { return Vec::new() };
        // A duty that names its time (`ids:preDuty`) says so by itself, and nothing of the others.
        self.ids |= object.is_written(&self.terms, name, &format!("ids:{name}"));
        many(value, &at).into_iter().filter_map(|(clause, value)| self.rule(&clause, value, role)).collect()
    }

    pub(super) fn rule(&mut self, clause: &str, value: &'a Value, role: Role) -> Option<Rule> {
        let named = value.as_str().filter(|id| is_identifier(id) && !self.graph.contains_key(id));
        if let Some(id) = named.filter(|_| role.class() == "Duty") {
            return self.named_duty(clause, id, role);
        }
        let object = self.object(clause, value, "rule.malformed", "a rule is a JSON object")?;
        if let Some(id) = object.reference().filter(|_| role.class() == "Duty") {
            return self.named_duty(clause, &id, role);
        }
        for property in ["duty", "ids:preDuty", "ids:postDuty", "remedy", "consequence"] {
            if let Some((at, _)) = object.field(property).filter(|_| object.has(property) && !role.may_have(property)) {
                self.refuse(&at, "rule.misplaced", format!("{property} has no meaning on this rule"));
                return None;
            }
        }
        self.refuse_where(&object, NOT_ON_RULES, "rule.misplaced", "has no meaning on a rule");
        let classes = ["Permission", "Prohibition", "Duty"];
        let types = object.types(&self.terms);
        self.ids |= types.iter().any(|name| is_ids(name));
        if let Some(other) = types.iter().find(|name| classes.contains(&name.as_str()) && *name != role.class()) {
            self.refuse(&object.clause, "rule.type", format!("a {other} cannot stand where a {} does", role.class()));
        }
        self.refuse_misplaced(
            &object,
            "refinement",
            "a rule has constraints; refinements belong to action and parties",
        );
        let actions = self.actions(&object);
        let shares = matches!(role, Role::Permission | Role::Prohibition | Role::Obligation);
        if actions.is_empty() && !shares {
            self.refuse(&object.clause, "rule.action-missing", "a duty needs an action");
        }
        let mut duties = self.rules(&object, "duty", Role::Duty(None));
        duties.extend(self.rules(&object, "ids:preDuty", Role::Duty(Some(DutyTiming::Before))));
        duties.extend(self.rules(&object, "ids:postDuty", Role::Duty(Some(DutyTiming::After))));
        let mut constraints = self.constraints(&object, "constraint", 0);
        constraints.extend(self.constraints(&object, "ovc:constraint", 0));
        let assignees = self.parties(&object, "assignee");
        Some(Rule {
            uid: object.id(),
            actions,
            targets: self.parties(&object, "target"),
            assigners: self.parties(&object, "assigner"),
            assignees,
            relations: RELATIONS.iter().flat_map(|name| self.parties(&object, name)).collect(),
            constraints,
            duties,
            consequences: self.rules(&object, "consequence", Role::Consequence),
            remedies: self.rules(&object, "remedy", Role::Remedy),
            timing: if let Role::Duty(timing) = role { timing } else { None },
            elsewhere: false,
            clause: object.clause,
        })
    }

    fn refuse_misplaced(&mut self, object: &Object<'a>, property: &str, reason: &str) {
        if let Some((at, _)) = object.field(property).filter(|_| object.has(property)) {
            self.refuse(&at, "constraint.misplaced", reason);
        }
    }

    pub(super) fn actions(&mut self, object: &Object<'a>) -> Vec<Action> {
        let Some((at, value)) = object.field("action") else { return Vec::new() };
        many(value, &at).into_iter().filter_map(|(clause, value)| self.action(clause, value)).collect()
    }

    fn action(&mut self, clause: String, value: &'a Value) -> Option<Action> {
        if let Value::String(name) = value {
            return Some(Action { clause, name: self.terms.name(name), refinements: Vec::new() });
        }
        let malformed = "an action is a term, or an object with rdf:value";
        let object = self.object(&clause, value, "action.malformed", malformed)?;
        self.refuse_misplaced(&object, "constraint", "an action is narrowed by refinements, not constraints");
        let value = ["rdf:value", "http://www.w3.org/1999/02/22-rdf-syntax-ns#value", "value", "@value"];
        let name = value.iter().find_map(|key| object.text(key)).or_else(|| object.id());
        let typed = || object.text("@type").filter(|name| self.terms.name(name) != "Action");
        let Some(name) = name.or_else(typed) else {
            self.refuse(&clause, "action.malformed", malformed);
            return None;
        };
        let refinements = self.constraints(&object, "refinement", 0);
        Some(Action { clause, name: self.terms.name(&name), refinements })
    }

    pub(super) fn parties(&mut self, object: &Object<'a>, name: &str) -> Vec<Party> {
        let Some((at, value)) = object.field(name) else { return Vec::new() };
        many(value, &at).into_iter().filter_map(|(clause, value)| self.party(clause, value, name)).collect()
    }

    fn party(&mut self, clause: String, value: &'a Value, name: &str) -> Option<Party> {
        let malformed = format!("the {name} is an identifier, or an object with uid or source");
        if let Some(id) = value.as_str().filter(|id| !id.is_empty() && !self.graph.contains_key(id)) {
            let alone = Party { clause, ids: vec![self.terms.expand(id)], collection: false, refinements: Vec::new() };
            return self.count(&alone.clause).then_some(alone);
        }
        let object = self.object(&clause, value, "party.malformed", &malformed)?;
        self.refuse_misplaced(&object, "constraint", "parties and assets are narrowed by refinements, not constraints");
        let collection =
            object.has("source") || object.types(&self.terms).iter().any(|name| name.ends_with("Collection"));
        let ids: Vec<String> =
            object.id().into_iter().chain(object.text("source")).map(|id| self.terms.expand(&id)).collect();
        // A value object is an identifier that somebody wrapped.
        let ids = if ids.is_empty() { object.text("@value").into_iter().collect() } else { ids };
        let mut refinements = self.constraints(&object, "refinement", 0);
        // A collection that is narrowed has no identifier of its own (ODRL Information Model 2.2 §2.5.5, §2.5.6).
        if let (false, Some((at, _))) = (refinements.is_empty(), object.field("@id")) {
            self.refuse(&at, "party.malformed", "a collection with refinements is named by its source");
        }
        refinements.extend(self.constraints(&object, "ovc:constraint", 0));
        if ids.is_empty() && refinements.is_empty() {
            self.refuse(&clause, "party.malformed", malformed);
            return None;
        }
        Some(Party { clause, ids, collection, refinements })
    }
}
