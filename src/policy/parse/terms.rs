//! What the terms of one document mean: its own `@context` over the vocabularies that are built in.

use std::borrow::Cow;

use serde_json::Value;

use super::object::{many, text};
use crate::policy::Invalid;
use crate::policy::vocabulary::{canonical, iri, odrl_name};

/// Properties and keywords whose meaning a document may not change: two readers would see two policies.
const FIXED: [&str; 24] = [
    "action",
    "and",
    "andSequence",
    "assignee",
    "assigner",
    "conflict",
    "consequence",
    "constraint",
    "duty",
    "inheritFrom",
    "leftOperand",
    "obligation",
    "odrl",
    "operator",
    "or",
    "permission",
    "profile",
    "prohibition",
    "refinement",
    "remedy",
    "rightOperand",
    "rightOperandReference",
    "target",
    "xone",
];

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

/// Prefixes that stand for a vocabulary that is built in, whatever a document binds them to.
const BUILT_IN: [&str; 9] = ["xroad", "cx-policy", "edc", "ovc", "ids", "idsc", "cc", "xsd", "dspace"];

/// The terms and prefixes that a document defines in place; contexts named by URL are those built in.
#[derive(Default)]
pub(super) struct Terms(Vec<(String, String)>);

impl Terms {
    pub(super) fn read(context: Option<&Value>, invalid: &mut Vec<Invalid>) -> Self {
        let mut terms = Self::default();
        for (at, part) in context.map(|c| many(c, "/@context")).unwrap_or_default() {
            for (name, meaning) in part.as_object().into_iter().flatten() {
                let Some(iri) = text(meaning).filter(|_| !name.starts_with('@')) else { continue };
                let iri = terms.expand(&iri);
                if FIXED.contains(&name.as_str()) && odrl_name(&iri).is_none_or(|n| !n.is_empty() && n != name) {
                    let reason = format!("the context gives {name} another meaning than ODRL's");
                    invalid.push(Invalid::new(&at, "context.redefines", reason));
                } else if !BUILT_IN.contains(&name.as_str()) {
                    terms.0.push((name.clone(), iri));
                }
            }
        }
        terms
    }

    /// A compact identifier written out, where the document says what its prefix stands for.
    pub(super) fn expand(&self, term: &str) -> String {
        let meaning = |name: &str| self.0.iter().find(|(n, _)| n == name).map(|(_, iri)| iri.as_str());
        if let Some(iri) = meaning(term) {
            return iri.to_owned();
        }
        let known = term.split_once(':').and_then(|(prefix, rest)| Some(format!("{}{rest}", meaning(prefix)?)));
        known.unwrap_or_else(|| term.to_owned())
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
        let plain = !key.contains(':') && !self.0.iter().any(|(name, _)| name == key);
        let name = if plain { Cow::Borrowed(key) } else { Cow::Owned(self.spelled(key)) };
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
        let of_odrl = odrl_name(&self.expand(key)).is_some();
        (of_odrl && !ODRL.contains(&name) && !RELATIONS.contains(&name))
            || (name.starts_with("ids:") && !IDS_READ.contains(&name))
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
        self.0.iter().filter(|(_, iri)| iri.ends_with(['/', '#', ':'])).cloned().collect()
    }
}
