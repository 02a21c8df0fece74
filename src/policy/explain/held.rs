//! The clauses that held where a request was permitted, without the sentences about them: what evidence keeps of every call.

use std::borrow::Cow;

use serde::Serialize;

use super::super::compile::{Alternative, Atom, Compiled, Node, NodeId};
use super::super::judge::{Eval, Ground, Verdict};
use super::super::sheet::Sheet;
use super::super::truth::{Mask, Truth};

/// A clause that held, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldClause<'a> {
    /// JSON Pointer (RFC 6901) into the policy as received.
    pub clause: &'a str,
    /// Whether it holds.
    pub state: Truth,
    /// The left operand, or `action`.
    pub operand: &'a str,
    /// The operator.
    pub operator: &'a str,
    /// What is required.
    pub required: Cow<'a, str>,
    /// What was seen; `null` when nothing is known.
    pub observed: Option<Cow<'a, str>>,
}

impl Compiled {
    /// The clauses that held where this verdict permits, the same as [`Compiled::because`] tells; none where it refuses.
    #[must_use]
    pub fn held<'a>(&'a self, sheet: &'a Sheet<'_>, verdict: Verdict) -> Vec<HeldClause<'a>> {
        let rule = match verdict.ground {
            Ground::Permission(at) if verdict.permit => self.permissions.get(at),
            _ => None,
        };
        let Some(rule) = rule else { return Vec::new() };
        let mut holding = Holding { eval: Eval::quiet(self, sheet), policy: self, found: Vec::with_capacity(8) };
        for (_, alternatives) in rule.aspects() {
            let held = |one: &&Alternative| holding.eval.aspect(std::slice::from_ref(*one)).lets();
            let first = alternatives.iter().find(held);
            first.into_iter().for_each(|one| holding.collect_all(&one.refinements, Mask::lets));
        }
        holding.collect_all(&rule.constraints, Mask::lets);
        if holding.found.is_empty() {
            holding.found.push(HeldClause {
                clause: &rule.clause,
                state: Truth::True,
                operand: "action",
                operator: "isA",
                required: rule.doing().into(),
                observed: sheet.background().asked.first().and_then(Option::as_deref).map(Cow::Borrowed),
            });
        }
        holding.found
    }
}

struct Holding<'a> {
    eval: Eval<'a>,
    policy: &'a Compiled,
    found: Vec<HeldClause<'a>>,
}

impl<'a> Holding<'a> {
    fn collect_all(&mut self, nodes: &[NodeId], wanted: fn(Mask) -> bool) {
        nodes.iter().for_each(|node| self.collect(*node, wanted));
    }

    fn collect(&mut self, id: NodeId, wanted: fn(Mask) -> bool) {
        let policy = self.policy;
        let mask = self.eval.node(id);
        if !wanted(mask) {
            return;
        }
        match policy.nodes.get(id.0) {
            Some(Node::Atom(at)) => {
                let held = policy.atoms.get(*at).map(|atom| self.compared(atom, mask));
                self.found.extend(held);
            }
            Some(Node::Logical { .. }) if let Some(stand) = self.eval.stand(id) => {
                // What was before is kept with the facts.
                let outer = self.eval.since_step(stand.last());
                self.collect(stand.sequence.last(), wanted);
                self.eval.since = outer;
            }
            Some(Node::Logical { parts, .. }) => {
                let before = self.found.len();
                self.collect_all(parts, wanted);
                if self.found.len() == before {
                    self.collect_all(parts, |_| true);
                }
            }
            Some(Node::Elsewhere { .. }) | None => {}
        }
    }

    fn compared(&self, atom: &'a Atom, mask: Mask) -> HeldClause<'a> {
        HeldClause {
            clause: &atom.clause,
            state: mask.truth(),
            operand: &atom.operand,
            operator: atom.operator.as_str(),
            required: Cow::Borrowed(&*atom.required),
            observed: self.eval.observed(atom).map(Cow::Owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::judge::Trace;
    use super::super::super::{Policy, Registry, World, compile};
    use super::*;

    fn of(constraints: Value) -> Compiled {
        let policy = json!({"@type": "Agreement", "@id": "urn:a", "target": "urn:t", "assigner": "did:web:a",
                            "assignee": "did:web:b", "permission": [{"action": "use", "constraint": constraints}]});
        compile(&Policy::parse(&policy).unwrap(), &Registry::built_in()).unwrap()
    }

    #[test]
    fn what_held_is_what_is_told_of_a_permit() {
        let spatial = json!({"leftOperand": "spatial", "operator": "eq", "rightOperand": "EE"});
        let purpose = json!({"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": ["urn:r", "urn:s"]});
        let other = json!({"leftOperand": "spatial", "operator": "eq", "rightOperand": "FI"});
        let world = World {
            target: Some("urn:t".into()),
            assigner: Some("did:web:a".into()),
            assignee: Some("did:web:b".into()),
            action: "use".into(),
            ..World::default()
        };
        let world = World { phase: crate::policy::Phase::Exchange, ..world };
        let world = world.knowing("spatial", "EE").knowing("purpose", "urn:r");
        for constraints in [
            json!([]),
            json!([spatial]),
            json!([spatial, purpose]),
            json!([{"or": [other, spatial]}, purpose]),
            json!([{"xone": [other, purpose]}]),
            json!([{"and": [spatial, {"or": [purpose, other]}]}]),
        ] {
            let policy = of(constraints.clone());
            let (sheet, mut trace) = (policy.sheet(&world), Trace::default());
            let verdict = policy.judge(&sheet, &mut trace);
            assert!(verdict.permit, "{constraints}");
            let told = policy.because(&sheet, verdict).because.into_iter().map(|b| {
                json!({"clause": b.clause, "state": b.state, "operand": b.operand, "operator": b.operator,
                       "required": b.required, "observed": b.observed})
            });
            assert_eq!(json!(policy.held(&sheet, verdict)), Value::Array(told.collect()), "{constraints}");
        }
        let refused = of(json!([other]));
        let sheet = refused.sheet(&world);
        let verdict = refused.judge(&sheet, &mut Trace::default());
        assert!(!verdict.permit && refused.held(&sheet, verdict).is_empty());
    }
}
