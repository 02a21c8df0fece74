//! An explanation as others read it: the Compliance Report Model (Ghent University, `https://w3id.org/force/compliance-report#`), with
//! the states of the W3C draft "ODRL Formal Semantics" beside.
//!
//! The two differ in one word: an *active* rule of the Compliance Report Model is also about the request's action, parties and target;
//! in the W3C draft only its constraints and duties count. Both are told, each under its own vocabulary.

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{Literal, NamedNode, Triple};
use oxttl::TurtleSerializer;
use serde_json::Value;

use super::explain::{Because, DutyState, Explanation, Part};
use super::truth::Truth;
use super::vocabulary::Operator;
use crate::model::time::Timestamp;

mod json_ld;

/// The Compliance Report Model.
pub(crate) const CRM: &str = "https://w3id.org/force/compliance-report#";
/// The W3C draft's ontology.
pub(crate) const W3C: &str = "https://w3id.org/odrl-fs#";
const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
const CREATED: &str = "http://purl.org/dc/terms/created";

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct ReportOf<'a> {
    /// The IRI that names the report's own nodes.
    pub report: &'a str,
    /// The policy, by its IRI.
    pub policy: &'a str,
    /// The request, by its IRI.
    pub request: &'a str,
    /// The rule of the request, where the request is itself a policy; otherwise the request.
    pub rule_request: &'a str,
    /// When the decision was made.
    pub created: Timestamp,
}

/// A report as RDF.
#[derive(Clone, Debug, Default)]
pub struct Report {
    triples: Vec<Triple>,
}

impl Explanation {
    /// The report of this explanation. A rule or constraint without an absolute `uid` is named by the policy and its JSON Pointer.
    #[must_use]
    pub fn report(&self, of: &ReportOf<'_>) -> Report {
        let mut writer = Writer { of, triples: Vec::new() };
        let report = node(of.report);
        writer.class(&report, "PolicyReport");
        let created = Literal::new_typed_literal(of.created.to_string(), xsd::DATE_TIME);
        writer.triples.push(Triple::new(report.clone(), NamedNode::new_unchecked(CREATED), created));
        writer.link(&report, "policy", node(of.policy));
        writer.link(&report, "policyRequest", node(of.request));
        for rule in &self.rules {
            let told = writer.rule(rule);
            writer.link(&report, "ruleReport", told);
        }
        Report { triples: writer.triples }
    }
}

impl Report {
    /// Its statements.
    pub(crate) fn triples(&self) -> &[Triple] {
        &self.triples
    }

    /// In Turtle.
    #[must_use]
    pub fn turtle(&self) -> String {
        let prefixes = [("report", CRM), ("odrl-fs", W3C), ("odrl", ODRL), ("dct", "http://purl.org/dc/terms/")];
        let mut serializer = TurtleSerializer::new();
        for (prefix, iri) in prefixes {
            serializer = match serializer.clone().with_prefix(prefix, iri) {
                Ok(with) => with,
                Err(_) => serializer,
            };
        }
        let mut writer = serializer.for_writer(Vec::new());
        // Writing to memory does not fail.
        let written = self.triples.iter().try_for_each(|triple| writer.serialize_triple(triple));
        let bytes = written.and_then(|()| writer.finish()).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// In JSON-LD: a context and a flat `@graph`.
    #[must_use]
    pub fn json_ld(&self) -> Value {
        json_ld::write(&self.triples)
    }
}

struct Writer<'a> {
    of: &'a ReportOf<'a>,
    triples: Vec<Triple>,
}

impl Writer<'_> {
    fn rule(&mut self, rule: &Part) -> NamedNode {
        let at = self.report_of(rule);
        let class = match rule.kind {
            "permission" => "PermissionReport",
            "prohibition" => "ProhibitionReport",
            _ => "DutyReport",
        };
        self.class(&at, class);
        self.link(&at, "attemptState", crm("Attempted"));
        self.link(&at, "rule", self.named(rule));
        if rule.duty.is_none() {
            self.link(&at, "ruleRequest", node(self.of.rule_request));
        }
        self.states(&at, rule);
        for part in &rule.parts {
            match part.kind {
                "duty" | "consequence" | "remedy" => {
                    let told = self.rule(part);
                    self.link(&at, "conditionReport", told);
                }
                "action" | "target" | "assignee" | "assigner" => self.aspect(&at, part),
                _ => self.premise(&at, part),
            }
        }
        at
    }

    fn states(&mut self, at: &NamedNode, rule: &Part) {
        if let Some(duty) = rule.duty {
            let (performed, deontic, w3c) = match duty {
                DutyState::NotSet => ("Unknown", "NonSet", "Not-set"),
                DutyState::Fulfilled => ("Performed", "Fulfilled", "Fulfilled"),
                DutyState::Violated => ("Unperformed", "Violated", "Violated"),
            };
            let done = duty == DutyState::Fulfilled;
            self.w3c(at, "performanceState", if done { "Performed" } else { "Unperformed" });
            self.link(at, "performanceState", crm(performed));
            self.link(at, "deonticState", crm(deontic));
            self.w3c(at, "deonticState", w3c);
            self.w3c(at, "activationState", if constraints_hold(rule) { "Active" } else { "Inactive" });
            return;
        }
        // A prohibition that may apply does.
        let applies = match rule.kind {
            "prohibition" => rule.state != Truth::False,
            _ => rule.state == Truth::True,
        };
        self.link(at, "activationState", crm(if applies { "Active" } else { "Inactive" }));
        self.w3c(at, "activationState", if constraints_hold(rule) { "Active" } else { "Inactive" });
        match rule.kind {
            "permission" => self.w3c(at, "controlState", if applies { "Permit" } else { "Deny" }),
            _ => self.w3c(at, "deonticState", if applies || rule.stands.is_some() { "Violated" } else { "Not-set" }),
        }
    }

    fn aspect(&mut self, rule: &NamedNode, aspect: &Part) {
        let class = match aspect.kind {
            "action" => "ActionReport",
            "target" => "TargetReport",
            _ => "PartyReport",
        };
        let at = node(&format!("{}/{}", rule.as_str(), aspect.kind));
        self.class(&at, class);
        self.satisfaction(&at, aspect.state);
        for refinement in &aspect.parts {
            self.premise(&at, refinement);
        }
        self.link(rule, "premiseReport", at);
    }

    fn premise(&mut self, of: &NamedNode, part: &Part) {
        let at = self.report_of(part);
        self.class(&at, "ConstraintReport");
        self.link(&at, "constraint", self.named(part));
        self.satisfaction(&at, part.state);
        match &part.compared {
            Some(compared) => self.comparison(&at, compared),
            None => self.link(&at, "constraintLogicalOperand", node(&format!("{ODRL}{}", part.kind))),
        }
        for inner in &part.parts {
            self.premise(&at, inner);
        }
        self.link(of, "premiseReport", at);
    }

    fn comparison(&mut self, at: &NamedNode, compared: &Because) {
        if let Some(observed) = &compared.observed {
            self.triples.push(Triple::new(at.clone(), crm("constraintLeftOperand"), value(compared, observed)));
        }
        if Operator::parse(&compared.operator).is_some() {
            self.link(at, "constraintOperator", node(&format!("{ODRL}{}", compared.operator)));
        }
        self.triples.push(Triple::new(at.clone(), crm("constraintRightOperand"), value(compared, &compared.required)));
    }

    /// What cannot be known is neither satisfied nor not: nothing is said then.
    fn satisfaction(&mut self, at: &NamedNode, state: Truth) {
        match state {
            Truth::True => self.link(at, "satisfactionState", crm("Satisfied")),
            Truth::False => self.link(at, "satisfactionState", crm("Unsatisfied")),
            Truth::Unknown => {}
        }
    }

    fn named(&self, part: &Part) -> NamedNode {
        let uid = part.uid.as_deref().and_then(|uid| NamedNode::new(uid).ok());
        uid.unwrap_or_else(|| node(&format!("{}#{}", self.of.policy, part.clause)))
    }

    fn report_of(&self, part: &Part) -> NamedNode {
        node(&format!("{}#{}", self.of.report, part.clause))
    }

    fn class(&mut self, at: &NamedNode, class: &str) {
        self.triples.push(Triple::new(at.clone(), rdf::TYPE, crm(class)));
    }

    fn link(&mut self, at: &NamedNode, property: &str, to: NamedNode) {
        self.triples.push(Triple::new(at.clone(), crm(property), to));
    }

    fn w3c(&mut self, at: &NamedNode, property: &str, state: &str) {
        let name = |local: &str| NamedNode::new_unchecked(format!("{W3C}{local}"));
        self.triples.push(Triple::new(at.clone(), name(property), name(state)));
    }
}

/// Whether a rule is active as the W3C draft has it: all constraints hold, and every duty is fulfilled or not called for.
fn constraints_hold(rule: &Part) -> bool {
    let other = ["action", "target", "assignee", "assigner", "consequence", "remedy"];
    rule.parts.iter().filter(|part| !other.contains(&part.kind)).all(|part| part.state == Truth::True)
}

fn value(compared: &Because, text: &str) -> Literal {
    let time = ["dateTime", "edc:inForceDate"].contains(&compared.operand.as_str());
    match Timestamp::parse(text) {
        Ok(_) if time => Literal::new_typed_literal(text, xsd::DATE_TIME),
        _ => Literal::new_simple_literal(text),
    }
}

fn crm(local: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{CRM}{local}"))
}

/// An IRI; what is none stands under `urn:` so that the report stays readable RDF.
fn node(iri: &str) -> NamedNode {
    NamedNode::new(iri).unwrap_or_else(|_| {
        let safe: String = iri.bytes().map(|b| if b.is_ascii_alphanumeric() { b as char } else { '-' }).collect();
        NamedNode::new_unchecked(format!("urn:sliproad:{safe}"))
    })
}
