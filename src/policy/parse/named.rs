//! Duties and constraints that a policy names by their identifiers, and describes elsewhere in it (ODRL Information Model 2.2 §2.5.2,
//! §2.6.6).

use std::collections::HashMap;

use serde_json::Value;

use super::object::pointer;
use super::rule::Role;
use super::terms::Terms;
use super::{MOST_FOLLOWED, Reader};
use crate::model::odrl::{Constraint, Reference, Rule};

/// What is described anywhere in a document, by identifier, with its pointer.
#[derive(Default)]
pub(super) struct Named<'a> {
    duties: HashMap<String, (String, &'a Value)>,
    constraints: HashMap<String, (String, &'a Value)>,
}

/// What a property holds that is looked for.
#[derive(Clone, Copy)]
enum Holds {
    Duties,
    Constraints,
}

impl Holds {
    fn of(property: &str) -> Option<Self> {
        match property {
            "duty" | "ids:preDuty" | "ids:postDuty" | "obligation" | "consequence" | "remedy" => Some(Self::Duties),
            "constraint" | "ovc:constraint" | "refinement" | "and" | "or" | "xone" | "andSequence" => {
                Some(Self::Constraints)
            }
            _ => None,
        }
    }
}

impl<'a> Named<'a> {
    fn gather(&mut self, terms: &Terms, at: &str, value: &'a Value, held: Option<Holds>) {
        let map = match value {
            Value::Array(list) => {
                let each = list.iter().enumerate();
                return each.for_each(|(n, one)| self.gather(terms, &format!("{at}/{n}"), one, held));
            }
            Value::Object(map) => map,
            _ => return,
        };
        let mut id = None;
        for (key, inner) in map {
            let name = terms.property(key);
            match &*name {
                "@id" => id = inner.as_str(),
                "@context" => {}
                "@list" | "@set" => self.gather(terms, &pointer(at, key), inner, held),
                property => self.gather(terms, &pointer(at, key), inner, Holds::of(property)),
            }
        }
        if let (Some(id), Some(held)) = (id.filter(|_| map.len() > 1), held) {
            let of_kind = match held {
                Holds::Duties => &mut self.duties,
                Holds::Constraints => &mut self.constraints,
            };
            of_kind.entry(terms.expand(id)).or_insert_with(|| (at.to_owned(), value));
        }
    }
}

impl<'a> Reader<'a> {
    /// What is described in the document; looked through once, when something is first named.
    fn named(&mut self) -> &Named<'a> {
        let (terms, document) = (&self.terms, self.document);
        self.named.get_or_insert_with(|| {
            let mut named = Named::default();
            document.into_iter().for_each(|document| named.gather(terms, "", document, None));
            named
        })
    }

    /// The duty that is only named here.
    pub(super) fn named_duty(&mut self, clause: &str, id: &str, role: Role) -> Option<Rule> {
        let id = self.terms.expand(id);
        let described = self.named().duties.get(&id).cloned();
        match described {
            Some((at, value)) if at != clause => self.following(&id, |reader| reader.rule(&at, value, role)),
            _ => Some(Rule::elsewhere(clause, id)),
        }
    }

    /// The constraint that is only named here.
    pub(super) fn named_constraint(&mut self, clause: &str, id: &str, depth: usize) -> Option<Constraint> {
        let id = self.terms.expand(id);
        let described = self.named().constraints.get(&id).cloned();
        match described {
            Some((at, value)) if at != clause => self.following(&id, |reader| reader.constraint(&at, value, depth)),
            _ => Some(Constraint::Elsewhere(Reference { clause: clause.to_owned(), id })),
        }
    }

    /// Reads what an identifier stands for, unless that is being read already.
    fn following<T>(&mut self, id: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.followed.len() >= MOST_FOLLOWED {
            let reason = format!("what is named leads through more than {MOST_FOLLOWED} descriptions");
            self.refuse("", "policy.too-deep", reason);
            return None;
        }
        if self.followed.iter().any(|open| open == id) {
            self.refuse("", "reference.circle", format!("{id} is described by itself"));
            return None;
        }
        self.followed.push(id.to_owned());
        let read = read(self);
        self.followed.pop();
        read
    }
}

impl Rule {
    /// A duty of which nothing but its identifier is known.
    fn elsewhere(clause: &str, id: String) -> Self {
        Self {
            clause: clause.to_owned(),
            uid: Some(id),
            actions: Vec::new(),
            targets: Vec::new(),
            assigners: Vec::new(),
            assignees: Vec::new(),
            relations: Vec::new(),
            constraints: Vec::new(),
            duties: Vec::new(),
            consequences: Vec::new(),
            remedies: Vec::new(),
            timing: None,
            elsewhere: true,
        }
    }
}
