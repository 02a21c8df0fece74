//! What the terms of one document mean: its own `@context` over the vocabularies that are built in.

use std::borrow::Cow;

use serde_json::Value;

use super::context::{self, Context};
use super::object::text;
use crate::policy::Invalid;
use crate::policy::vocabulary::{canonical, iri, odrl_name};

/// Properties of the IDS information model and what they are in ODRL.
const IDS: [(&str, &str); 17] = [
    ("ids:action", "action"),
    ("ids:assignee", "assignee"),
    ("ids:assigner", "assigner"),
    ("ids:constraint", "constraint"),
    ("ids:consumer", "assignee"),
    ("ids:duty", "duty"),
    ("ids:leftOperand", "leftOperand"),
    ("ids:obligation", "obligation"),
    ("ids:operator", "operator"),
    ("ids:permission", "permission"),
    ("ids:prohibition", "prohibition"),
    ("ids:provider", "assigner"),
    ("ids:refinement", "refinement"),
    ("ids:rightOperand", "rightOperand"),
    ("ids:rightOperandReference", "rightOperandReference"),
    ("ids:target", "target"),
    ("ids:unit", "unit"),
];

/// Properties of the IDS information model that have a reader of their own, or say nothing of what is allowed.
const IDS_READ: [&str; 14] = [
    "ids:comment",
    "ids:contractAnnex",
    "ids:contractDate",
    "ids:contractDocument",
    "ids:contractEnd",
    "ids:contractStart",
    "ids:description",
    "ids:endpointURI",
    "ids:interfaceDescription",
    "ids:pipEndpoint",
    "ids:postDuty",
    "ids:preDuty",
    "ids:pxpEndpoint",
    "ids:title",
];

/// Parties with a function in a duty, and what an action makes (ODRL Vocabulary 2.2 §4.4, §4.5); they decide nothing here.
pub(super) const RELATIONS: [&str; 13] = [
    "attributedParty",
    "attributingParty",
    "compensatedParty",
    "compensatingParty",
    "consentedParty",
    "consentingParty",
    "contractedParty",
    "contractingParty",
    "informedParty",
    "informingParty",
    "output",
    "trackedParty",
    "trackingParty",
];

/// The other properties of ODRL 2.2. What is in its namespace and not among them nobody has defined.
const ODRL: [&str; 36] = [
    "action",
    "and",
    "andSequence",
    "assigneeOf",
    "assignee",
    "assigner",
    "assignerOf",
    "conflict",
    "consequence",
    "constraint",
    "dataType",
    "datatype",
    "duty",
    "function",
    "hasPolicy",
    "implies",
    "includedIn",
    "inheritFrom",
    "leftOperand",
    "obligation",
    "operator",
    "or",
    "partOf",
    "permission",
    "profile",
    "prohibition",
    "refinement",
    "relation",
    "remedy",
    "rightOperand",
    "rightOperandReference",
    "source",
    "status",
    "target",
    "unit",
    "xone",
];

/// What the terms of one document mean.
#[derive(Default)]
pub(super) struct Terms(Context);

impl Terms {
    pub(super) fn read(context: Option<&Value>, invalid: &mut Vec<Invalid>) -> Self {
        Self(Context::read(context, invalid))
    }

    /// A compact identifier written out, where the document says what its prefix stands for.
    pub(super) fn expand(&self, term: &str) -> String {
        context::expand(&self.0, term)
    }

    /// Whether a text as right operand is an identifier.
    pub(super) const fn right_operands_are_identifiers(&self) -> bool {
        self.0.right_operands_are_identifiers
    }

    /// The same, where ODRL's own prefix stands for what it always does.
    pub(super) fn iri(&self, term: &str) -> String {
        let expanded = self.expand(term);
        odrl_name(&expanded).map(iri).unwrap_or(expanded)
    }

    /// The name under which a term is registered.
    pub(super) fn name(&self, term: &str) -> String {
        canonical(&self.expand(term))
    }

    /// The same for a term that may be wrapped in an object.
    pub(super) fn name_of(&self, value: &Value) -> Option<String> {
        text(value).map(|term| self.name(&term))
    }

    /// The name of a property: ODRL's local name, a JSON-LD keyword, or a registered name.
    pub(super) fn property<'k>(&self, key: &'k str) -> Cow<'k, str> {
        if key.starts_with('@') {
            return Cow::Borrowed(key);
        }
        let name = if self.is_undefined(key) { Cow::Borrowed(key) } else { Cow::Owned(self.spelled(key)) };
        match &*name {
            "uid" | "id" => Cow::Borrowed("@id"),
            "type" => Cow::Borrowed("@type"),
            other => match IDS.iter().find(|(ids, _)| *ids == other) {
                Some((_, odrl)) => Cow::Borrowed(odrl),
                None => name,
            },
        }
    }

    /// Whether a property of that name, written so, belongs to a vocabulary that is read here and is not read.
    pub(super) fn is_foreign(&self, key: &str, name: &str) -> bool {
        if name.starts_with('@') {
            return false;
        }
        let by_default = self.0.is_odrl_by_default && self.is_undefined(key);
        let of_odrl = by_default || odrl_name(&self.expand(key)).is_some();
        (of_odrl && !ODRL.contains(&name) && !RELATIONS.contains(&name))
            || (name.starts_with("ids:") && !IDS_READ.contains(&name))
    }

    /// Whether a name has no prefix, and the document does not say what it means.
    pub(super) fn is_undefined(&self, key: &str) -> bool {
        !key.contains(':') && self.0.meaning(key).is_none()
    }

    fn spelled(&self, key: &str) -> String {
        let iri = self.expand(key);
        match odrl_name(&iri) {
            Some(name) => name.to_owned(),
            None => canonical(&iri),
        }
    }

    /// What the document's own prefixes stand for.
    pub(super) fn prefixes(&self) -> Vec<(String, String)> {
        self.0.prefixes()
    }
}
