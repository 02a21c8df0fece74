//! Which fields of an answer an agreement releases: allow-lists under the left operand `xroad:fields`.
//!
//! `isAnyOf` (or `eq` for one) lists paths: JSON Pointers (RFC 6901), JSONPath queries (RFC 9535, from `$`), or element paths of XML by
//! local names, written like a pointer (`/Envelope/Body/person/name`). What a path names is released with all that is in it. Such a
//! constraint is a condition on the answer that the data plane fulfils itself, so it must stand on the permission, alone or under `and`:
//! under a choice, a prohibition or a duty it would not say which fields are meant. A field must be on every list of the permission.

use serde_json_path::JsonPath;

use super::Invalid;
use super::compile::{Compiled, CompiledRule, Compiler, Node, NodeId};
use super::vocabulary::Actions;
use super::world::{DutyPerformed, World};
use crate::model::odrl::Logic;

/// The left operand.
pub const FIELDS: &str = "xroad:fields";

const LONGEST: usize = 512;

/// The path of fields.
#[derive(Clone, Debug)]
pub enum FieldPath {
    /// Names from the root: a JSON Pointer's reference tokens, or XML elements' local names.
    Names(Vec<String>),
    /// A JSONPath query; it names nothing in XML.
    Query(Box<JsonPath>),
}

impl FieldPath {
    /// Reads a path; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        if text.starts_with('$') {
            return JsonPath::parse(text).ok().map(|path| Self::Query(Box::new(path)));
        }
        let names = text.strip_prefix('/')?.split('/').map(unescaped);
        names.collect::<Option<_>>().map(Self::Names)
    }
}

pub(super) fn is_field_path(text: &str) -> bool {
    FieldPath::parse(text).is_some()
}

/// RFC 6901 §4.
fn unescaped(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(one) = rest.next() {
        out.push(match one {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

impl Compiled {
    /// The allow-lists of each permission, in the policy's order, as written; none for a permission that releases everything.
    #[must_use]
    pub fn fields(&self) -> Vec<Vec<Vec<&str>>> {
        let slot = self.slots.iter().position(|slot| *slot.name == *FIELDS);
        let lists = |rule: &CompiledRule| -> Vec<Vec<&str>> {
            let mut atoms = Vec::new();
            plain(&self.nodes, &rule.constraints, &mut atoms);
            let all = atoms.into_iter().filter_map(|at| self.atoms.get(at)).filter(|atom| Some(atom.slot) == slot);
            all.map(|atom| atom.right.iter().map(|right| &*right.text).collect()).collect()
        };
        self.permissions.iter().map(lists).collect()
    }
}

/// A duty to pseudonymise fields of every answer, which the data plane does itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pseudonymised<'a> {
    /// The duty's JSON Pointer.
    pub clause: &'a str,
    /// The paths of the fields.
    pub paths: Vec<&'a str>,
}

impl Compiled {
    /// The duties of each permission, in the policy's order, to pseudonymise named fields.
    #[must_use]
    pub fn pseudonymised(&self) -> Vec<Vec<Pseudonymised<'_>>> {
        let slot = self.slots.iter().position(|slot| *slot.name == *FIELDS);
        let named = |duty: &CompiledRule| -> Vec<&str> {
            let mut atoms = Vec::new();
            refinements(&self.nodes, &self.actions, duty, &mut atoms);
            let all = atoms.into_iter().filter_map(|at| self.atoms.get(at)).filter(|atom| Some(atom.slot) == slot);
            all.flat_map(|atom| atom.right.iter().map(|right| &*right.text)).collect()
        };
        let mut all: Vec<Vec<Pseudonymised<'_>>> = vec![Vec::new(); self.permissions.len()];
        for (rule, told) in self.permissions.iter().zip(&mut all) {
            let duties = rule.duties.iter().map(|duty| Pseudonymised { clause: &duty.clause, paths: named(duty) });
            told.extend(duties.filter(|duty| !duty.paths.is_empty()));
        }
        all
    }
}

impl World {
    /// Takes as done what the data plane does with every answer under a policy: duties to pseudonymise named fields.
    pub fn release_under(&mut self, policy: &Compiled) {
        let all = policy.pseudonymised().into_iter().flatten();
        let at = self.now.plus_millis(-1);
        self.duties.extend(all.map(|duty| DutyPerformed { id: duty.clause.to_owned(), at }));
    }
}

/// Refuses constraints on fields that stand anywhere but on a permission, or on its duty to pseudonymise.
pub(super) fn refuse_misplaced(compiler: &mut Compiler<'_>, permissions: &[CompiledRule]) {
    let Some(slot) = compiler.by_name.get(FIELDS).copied() else { return };
    let mut allowed = Vec::new();
    for rule in permissions {
        plain(&compiler.nodes, &rule.constraints, &mut allowed);
        let actions = compiler.registry.actions();
        rule.duties.iter().for_each(|duty| refinements(&compiler.nodes, actions, duty, &mut allowed));
    }
    let misplaced = compiler.atoms.iter().enumerate().filter(|(at, atom)| atom.slot == slot && !allowed.contains(at));
    let reason =
        "which fields are released is said on a permission, by itself or under `and`; here it would not be clear";
    let invalid: Vec<Invalid> =
        misplaced.map(|(_, atom)| Invalid::new(&atom.clause, "fields.misplaced", reason)).collect();
    compiler.invalid.extend(invalid);
}

/// Whether a duty to pseudonymise names fields, so that the data plane can do it.
pub(super) fn names_pseudonymised(compiler: &Compiler<'_>, duty: &CompiledRule) -> bool {
    let slot = compiler.by_name.get(FIELDS);
    let mut atoms = Vec::new();
    refinements(&compiler.nodes, compiler.registry.actions(), duty, &mut atoms);
    atoms.into_iter().filter_map(|at| compiler.atoms.get(at)).any(|atom| Some(&atom.slot) == slot)
}

/// The comparisons that say what a duty to pseudonymise is to hide, as refinements of its action or, as the Dataspace Protocol has no
/// such, as constraints of the duty; none where the duty is to do anything else besides.
fn refinements(nodes: &[Node], actions: &Actions, duty: &CompiledRule, found: &mut Vec<usize>) {
    if duty.does.iter().all(|name| actions.included(name, "pseudonymise")) {
        duty.actions.iter().for_each(|action| plain(nodes, &action.refinements, found));
        plain(nodes, &duty.constraints, found);
    }
}

/// The comparisons that must all hold.
fn plain(nodes: &[Node], of: &[NodeId], found: &mut Vec<usize>) {
    for id in of {
        match nodes.get(id.0) {
            Some(Node::Atom(at)) => found.push(*at),
            Some(Node::Logical { logic: Logic::And, parts, .. }) => plain(nodes, parts, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::tests::{atom, code, exchange, set};
    use crate::policy::{Compiled, Registry};

    fn invalid(policy: &Value) -> Vec<&'static str> {
        let read = Compiled::read(policy, &Registry::built_in());
        read.err().unwrap_or_default().into_iter().map(|invalid| invalid.code).collect()
    }

    #[test]
    fn pointers_queries_and_element_paths_are_read_and_other_texts_refused() {
        for path in ["/a", "/a/b~1c", "/", "$.items[*].id", "$..name", "/Envelope/Body/person"] {
            assert!(is_field_path(path), "{path}");
        }
        for path in ["", "a", "/a~2", "/a~", "$.[", "$a b", "a.b"] {
            assert_eq!(
                invalid(&set(json!([atom(FIELDS, "isAnyOf", json!([path]))]))),
                ["constraint.right-operand"],
                "{path}"
            );
        }
        assert_eq!(invalid(&set(json!([atom(FIELDS, "isNoneOf", json!(["/a"]))]))), ["operator.not-allowed"]);
    }

    #[test]
    fn fields_are_named_on_permissions_only() {
        let fields = atom(FIELDS, "isAnyOf", json!(["/a"]));
        let other = atom("count", "lt", json!(5));
        assert_eq!(invalid(&set(json!([{"and": [fields, other]}]))), [""; 0]);
        for logic in ["or", "xone", "andSequence"] {
            assert_eq!(invalid(&set(json!([{ logic: [fields, other] }]))), ["fields.misplaced"], "{logic}");
        }
        let prohibited = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
                                "prohibition": [{"action": "use", "constraint": [fields]}]});
        assert_eq!(invalid(&prohibited), ["fields.misplaced"]);
        let duty = json!({"permission": [{"action": "use", "duty": [{"action": "inform", "constraint": [fields]}]}]});
        assert_eq!(invalid(&duty), ["fields.misplaced"]);
        let hide = json!({"rdf:value": "xroad:pseudonymise", "refinement": [fields]});
        let more = json!({"permission": [{"action": "use", "duty": [{"action": [hide, "compensate"]}]}]});
        assert_eq!(invalid(&more), ["fields.misplaced"], "the data plane does not do all of that duty");
        // The protocol has no refinements on the action of a duty.
        for duty in [json!({"action": hide}), json!({"action": "pseudonymise", "constraint": [fields]})] {
            let policy = json!({"permission": [{"action": "use", "duty": [duty]}]});
            assert_eq!(invalid(&policy), [""; 0]);
            let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
            let named = Pseudonymised { clause: "/permission/0/duty/0", paths: vec!["/a"] };
            assert_eq!(compiled.pseudonymised(), [vec![named]]);
        }
    }

    #[test]
    fn each_permission_has_its_own_lists() {
        let policy = json!({"permission": [
            {"action": "use", "constraint": [atom("count", "lt", json!(5))]},
            {"action": "use", "constraint": [
                atom(FIELDS, "isAnyOf", json!(["/a", "/b"])), {"and": [atom(FIELDS, "eq", json!("/a/c"))]}]}]});
        let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
        assert_eq!(compiled.fields(), [vec![], vec![vec!["/a", "/b"], vec!["/a/c"]]]);
    }

    #[test]
    fn without_a_fact_the_fields_are_not_known_and_the_decision_is_a_refusal() {
        let policy = set(json!([atom(FIELDS, "isAnyOf", json!(["/a"]))]));
        code(&policy, &exchange(json!({})), 1);
        code(&policy, &exchange(json!({"xroad:fields": "/a"})), 0);
        code(&policy, &exchange(json!({"xroad:fields": "/b"})), 1);
    }
}
