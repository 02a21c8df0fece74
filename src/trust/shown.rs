//! What the credentials of a counterparty show, as facts for policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use credentials::Credential;
use serde_json::Value;

use super::Accepted;

/// What a counterparty's credentials show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Values by left operand, and what credentials say of their subject by type of credential: lists, as several may say it.
    pub facts: BTreeMap<String, Vec<Value>>,
    /// The credentials that hold.
    pub credentials: Vec<Arc<Credential>>,
    /// What would be shown by credentials that could not be looked up of late: left operands and types of credentials.
    pub in_doubt: BTreeSet<String>,
}

impl Shown {
    /// Adds what a credential shows, or only that it might.
    pub(super) fn take(&mut self, accepted: &Accepted, credential: &Arc<Credential>, holds: bool) {
        if !holds {
            let operands = accepted.facts.keys().chain(accepted.claims.keys()).chain([&accepted.kind]);
            self.in_doubt.extend(operands.cloned());
            return;
        }
        if !self.credentials.contains(credential) {
            self.credentials.push(Arc::clone(credential));
        }
        for subject in subjects(&credential.document) {
            self.add(&accepted.kind, subject);
            for (operand, path) in &accepted.claims {
                if let Some(value) = path.split('.').try_fold(subject, |inner, name| inner.get(name)) {
                    self.add(operand, value);
                }
            }
        }
        accepted.facts.iter().for_each(|(operand, value)| self.add(operand, value));
    }

    fn add(&mut self, name: &str, value: &Value) {
        let known = self.facts.entry(name.to_owned()).or_default();
        let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            if !known.contains(value) {
                known.push(value.clone());
            }
        }
    }
}

/// What a credential says of each of its subjects.
fn subjects(document: &Value) -> &[Value] {
    match document.get("credentialSubject") {
        Some(Value::Array(all)) => all,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use credentials::Did;
    use serde_json::json;

    fn credential(subject: Value) -> Arc<Credential> {
        Arc::new(Credential {
            id: None,
            issuer: Did::parse("did:web:authority.example").unwrap(),
            types: vec!["Membership".to_owned()],
            subjects: vec!["did:web:consumer.example".to_owned()],
            document: json!({"credentialSubject": subject}),
            valid_from: None,
            valid_until: None,
            status: Vec::new(),
        })
    }

    fn accepted() -> Accepted {
        Accepted {
            kind: "Membership".to_owned(),
            issuers: Vec::new(),
            max_age: std::time::Duration::from_secs(60),
            facts: BTreeMap::from([("cx-policy:Membership".to_owned(), json!("active"))]),
            claims: BTreeMap::from([("spatial".to_owned(), "address.country".to_owned())]),
        }
    }

    #[test]
    fn what_several_credentials_say_is_a_set() {
        let mut shown = Shown::default();
        shown.take(&accepted(), &credential(json!({"address": {"country": "EE"}})), true);
        shown.take(&accepted(), &credential(json!([{"address": {"country": ["FI", "EE"]}}, {}])), true);
        assert_eq!(shown.facts.get("spatial"), Some(&vec![json!("EE"), json!("FI")]));
        assert_eq!(shown.facts.get("cx-policy:Membership"), Some(&vec![json!("active")]));
        assert_eq!(shown.credentials.len(), 2);
    }

    #[test]
    fn what_is_in_doubt_is_named_and_not_shown() {
        let mut shown = Shown::default();
        shown.take(&accepted(), &credential(json!({"address": {"country": "EE"}})), false);
        assert!(shown.facts.is_empty() && shown.credentials.is_empty());
        let named: Vec<&str> = shown.in_doubt.iter().map(String::as_str).collect();
        assert_eq!(named, ["Membership", "cx-policy:Membership", "spatial"]);
    }
}
