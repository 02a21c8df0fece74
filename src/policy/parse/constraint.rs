//! Constraints, atomic and logical, and their values.

use serde_json::Value;

use super::object::{Object, id_of, many, pointer, text};
use super::{MOST_NESTED, Reader};
use crate::model::odrl::{Atomic, Constraint, Literal, Logic};

const LOGICAL: [Logic; 4] = [Logic::And, Logic::Or, Logic::Xone, Logic::AndSequence];

/// Whether a text can name something described elsewhere.
pub(super) fn is_identifier(text: &str) -> bool {
    text.contains(':') && !text.contains(char::is_whitespace)
}

impl<'a> Reader<'a> {
    pub(super) fn constraints(&mut self, object: &Object<'a>, name: &str, depth: usize) -> Vec<Constraint> {
        let Some((at, value)) = object.field(name) else { return Vec::new() };
        many(value, &at).into_iter().filter_map(|(clause, value)| self.constraint(&clause, value, depth)).collect()
    }

    /// `depth` logical constraints stand around this one.
    pub(super) fn constraint(&mut self, clause: &str, value: &'a Value, depth: usize) -> Option<Constraint> {
        if depth > MOST_NESTED {
            let reason = format!("constraints are nested deeper than {MOST_NESTED}");
            self.refuse(clause, "constraint.too-deep", reason);
            return None;
        }
        // A graph may name a constraint that it describes elsewhere.
        let described = value.as_str().and_then(|id| self.graph.get(id).cloned());
        let (clause, value) = described.as_ref().map_or((clause, value), |(at, node)| (at.as_str(), *node));
        if let Some(id) = value.as_str().filter(|text| is_identifier(text)) {
            return self.named_constraint(clause, id, depth);
        }
        let object = self.object(clause, value, "constraint.malformed", "a constraint is a JSON object")?;
        if let Some(id) = object.reference() {
            return self.named_constraint(clause, &id, depth);
        }
        self.refuse_where(
            &object,
            &["constraint", "refinement"],
            "constraint.misplaced",
            "has no meaning on a constraint",
        );
        let combined: Vec<Logic> = LOGICAL.into_iter().filter(|l| object.field(l.as_str()).is_some()).collect();
        let compares = ["leftOperand", "operator", "rightOperand", "rightOperandReference", "ovc:leftOperand"];
        match combined.as_slice() {
            [] => self.atomic(&object).map(|atomic| Constraint::Atomic(Box::new(atomic))),
            [operator] if !compares.iter().any(|name| object.field(name).is_some()) => {
                self.logical(&object, *operator, depth)
            }
            _ => {
                let reason = "a constraint is either a comparison or exactly one of and, or, xone, andSequence";
                self.refuse(&object.clause, "constraint.mixed", reason);
                None
            }
        }
    }

    /// A comparison of the time with the moment that a property names.
    pub(super) fn moment(&mut self, object: &Object<'a>, property: &str, operator: &str) -> Option<Constraint> {
        let named = object.field(property)?;
        let right = self.values(&named.0, &named, None)?;
        let (left, operator) = ("dateTime".to_owned(), operator.to_owned());
        let atomic = Atomic { clause: named.0, uid: None, left, operator, right, referenced: false, unit: None };
        Some(Constraint::Atomic(Box::new(atomic)))
    }

    fn logical(&mut self, object: &Object<'a>, operator: Logic, depth: usize) -> Option<Constraint> {
        let parts = self.constraints(object, operator.as_str(), depth + 1);
        if parts.is_empty() {
            if self.invalid.is_empty() {
                let at = pointer(&object.clause, operator.as_str());
                self.refuse(&at, "constraint.empty", format!("{} needs constraints", operator.as_str()));
            }
            return None;
        }
        Some(Constraint::Logical { clause: object.clause.clone(), uid: object.id(), operator, parts })
    }

    fn atomic(&mut self, object: &Object<'a>) -> Option<Atomic> {
        let (Some(left), Some(operator)) = (self.left(object), object.text("operator")) else {
            let reason = "a constraint needs one leftOperand and one operator";
            self.refuse(&object.clause, "constraint.malformed", reason);
            return None;
        };
        let (right, referenced) = match (object.field("rightOperand"), object.field("rightOperandReference")) {
            (Some(right), None) => (right, false),
            (None, Some(reference)) => (reference, true),
            _ => {
                let reason = "a constraint needs either a rightOperand or a rightOperandReference";
                self.refuse(&object.clause, "constraint.malformed", reason);
                return None;
            }
        };
        let datatype = object.text("dataType").or_else(|| object.text("datatype"));
        let right = self.values(&object.clause, &right, datatype.as_deref())?;
        let mut operator = self.terms.name(&operator);
        // FIWARE's credential constraints leave out the "is".
        if operator == "anyOf" && object.field("ovc:leftOperand").is_some() {
            "isAnyOf".clone_into(&mut operator);
        }
        let clause = object.clause.clone();
        let unit = object.text("unit").map(|unit| self.terms.expand(&unit));
        Some(Atomic { clause, uid: object.id(), left, operator, right, referenced, unit })
    }

    /// The left operand's registered name; of a Gaia-X credential constraint, the kind of credential and the path into it.
    fn left(&self, object: &Object<'a>) -> Option<String> {
        if let Some(path) = object.text("ovc:leftOperand") {
            let subject = object.text("ovc:credentialSubjectType").unwrap_or_default();
            return Some(format!("ovc:{subject}{path}"));
        }
        object.text("leftOperand").map(|name| self.terms.name(&name))
    }

    fn values(
        &mut self,
        clause: &str,
        (at, value): &(String, &'a Value),
        datatype: Option<&str>,
    ) -> Option<Vec<Literal>> {
        let all = many(value, at);
        let literals: Option<Vec<Literal>> =
            all.iter().map(|(at, value)| self.literal(value, datatype).filter(|_| self.count(at))).collect();
        let literals = literals.filter(|list| !list.is_empty());
        if literals.is_none() {
            let reason = "the right operand is a value, an identifier or a list of them";
            self.refuse(clause, "constraint.right-operand", reason);
        }
        literals
    }

    fn literal(&self, value: &Value, datatype: Option<&str>) -> Option<Literal> {
        let written = text(value).filter(|_| value.get("@value").is_none() || id_of(value).is_none())?;
        let named = |name: &str| {
            let name = self.terms.name(name);
            Some(name.strip_prefix("xsd:").unwrap_or(&name).to_owned()).filter(|name| name != "@id")
        };
        let of_value = match value {
            Value::Number(number) => Some(if number.is_i64() { "integer" } else { "decimal" }.to_owned()),
            Value::Bool(_) => Some("boolean".to_owned()),
            Value::Object(map) => map.get("@type").and_then(Value::as_str).and_then(named),
            _ => None,
        };
        let is_identifier =
            id_of(value).is_some() || (value.is_string() && self.terms.right_operands_are_identifiers());
        let iri = is_identifier.then(|| self.terms.iri(&written)).filter(|iri| *iri != written);
        let said = value.is_object() || datatype.is_some();
        let datatype = of_value.or_else(|| datatype.and_then(named));
        Some(Literal { text: written, typed: said && datatype.is_some(), datatype, iri })
    }
}
