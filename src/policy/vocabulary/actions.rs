//! Actions and what they are included in (ODRL Vocabulary 2.2 §4.2, §4.3).

use std::collections::BTreeMap;

use crate::model::odrl::DutyTiming;

/// Actions that data spaces add or ODRL 2.1 left behind, and those of ODRL, each with the action that it is part of or the same as. Those
/// that ODRL 2.2 gives neither are part of nothing: whoever may use something may not lend it for that.
const ACTIONS: [(&str, &str); 72] = [
    ("acceptTracking", "use"),
    ("access", "use"),
    ("adHocShare", ""),
    ("aggregate", "use"),
    ("annotate", "use"),
    ("anonymize", "use"),
    ("archive", "use"),
    ("attachPolicy", "cc:Notice"),
    ("attachSource", "cc:SourceCode"),
    ("attribute", "use"),
    ("cc:Attribution", "use"),
    ("cc:CommercialUse", "use"),
    ("cc:DerivativeWorks", "use"),
    ("cc:Distribution", "use"),
    ("cc:Notice", "use"),
    ("cc:Reproduction", "use"),
    ("cc:ShareAlike", "use"),
    ("cc:Sharing", "use"),
    ("cc:SourceCode", "use"),
    ("commercialize", "cc:CommercialUse"),
    ("compensate", "use"),
    ("concurrentUse", "use"),
    ("cx-policy:access", "use"),
    ("delete", "use"),
    ("derive", "use"),
    ("digitize", "use"),
    ("display", "play"),
    ("distribute", "use"),
    ("ensureExclusivity", "use"),
    ("execute", "use"),
    ("extract", "reproduce"),
    ("extractChar", ""),
    ("extractPage", ""),
    ("extractWord", ""),
    ("give", "transfer"),
    ("grantUse", "use"),
    ("include", "use"),
    ("index", "use"),
    ("inform", "use"),
    ("install", "use"),
    ("lease", ""),
    ("lend", ""),
    ("log", "use"),
    ("modify", "use"),
    ("move", "use"),
    ("nextPolicy", "use"),
    ("obtainConsent", "use"),
    ("play", "use"),
    ("present", "use"),
    ("preview", ""),
    ("print", "use"),
    ("pseudonymise", "use"),
    ("read", "use"),
    ("reproduce", "use"),
    ("retain", "use"),
    ("reviewPolicy", "use"),
    ("secondaryUse", ""),
    ("sell", "transfer"),
    ("share", "cc:Sharing"),
    ("shareAlike", "cc:ShareAlike"),
    ("stream", "use"),
    ("synchronize", "use"),
    ("textToSpeech", "use"),
    ("transfer", ""),
    ("transform", "use"),
    ("translate", "use"),
    ("uninstall", "use"),
    ("use", ""),
    ("watermark", "use"),
    ("xroad:log", "log"),
    ("xroad:pseudonymise", "pseudonymise"),
    ("xroad:retain", "retain"),
];

/// Duties that come with each use.
const WITH: [&str; 9] = [
    "anonymize",
    "attribute",
    "attachPolicy",
    "ensureExclusivity",
    "include",
    "inform",
    "log",
    "pseudonymise",
    "watermark",
];
/// Duties that come after a use.
const AFTER: [&str; 6] = ["delete", "nextPolicy", "retain", "reviewPolicy", "uninstall", "archive"];

/// What is kept up for a time rather than done once.
const KEPT_UP: [&str; 2] = ["archive", "retain"];

/// The hierarchy of actions.
#[derive(Clone, Debug)]
pub(crate) struct Actions(BTreeMap<String, String>);

impl Actions {
    pub(super) fn built_in() -> Self {
        Self(ACTIONS.iter().map(|(name, parent)| ((*name).to_owned(), (*parent).to_owned())).collect())
    }

    pub(super) fn add(&mut self, name: &str, part_of: &str) {
        self.0.insert(name.to_owned(), part_of.to_owned());
    }

    /// Whether the action can be evaluated here.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether doing `action` is doing `wider` (`includedIn`, reflexive and transitive).
    pub(crate) fn included(&self, action: &str, wider: &str) -> bool {
        // An operator's own actions may be defined in a circle.
        let mut current = action;
        for _ in 0..=self.0.len() {
            if current == wider {
                return true;
            }
            match self.0.get(current) {
                Some(parent) if !parent.is_empty() => current = parent,
                _ => return false,
            }
        }
        false
    }

    /// Whether this is kept up for a time, rather than done once.
    pub(crate) fn is_kept_up(&self, action: &str) -> bool {
        KEPT_UP.iter().any(|name| self.included(action, name))
    }

    /// When a duty to do this is due, by its nature.
    pub(crate) fn timing(&self, action: &str) -> DutyTiming {
        let is = |names: &[&str]| names.iter().any(|name| self.included(action, name));
        if is(&AFTER) {
            DutyTiming::After
        } else if is(&WITH) {
            DutyTiming::With
        } else {
            DutyTiming::Before
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inclusion_is_reflexive_and_transitive() {
        let actions = Actions::built_in();
        assert!(actions.included("use", "use"));
        assert!(actions.included("extract", "use"));
        assert!(actions.included("sell", "transfer"));
        assert!(!actions.included("use", "read"));
        assert!(!actions.included("sell", "use"));
    }

    #[test]
    fn what_odrl_puts_under_nothing_is_part_of_nothing() {
        let actions = Actions::built_in();
        let apart =
            ["adHocShare", "extractChar", "extractPage", "extractWord", "lease", "lend", "preview", "secondaryUse"];
        for (name, parent) in ACTIONS {
            let is_root = ["use", "transfer"].contains(&name) || apart.contains(&name);
            assert_eq!(parent.is_empty(), is_root, "{name}");
        }
        assert!(!actions.included("lend", "use"));
        assert!(actions.included("commercialize", "cc:CommercialUse") && actions.included("share", "use"));
    }

    #[test]
    fn every_parent_action_is_known() {
        let actions = Actions::built_in();
        assert!(ACTIONS.iter().all(|(_, parent)| parent.is_empty() || actions.knows(parent)));
    }

    #[test]
    fn a_circle_of_actions_ends() {
        let mut actions = Actions::built_in();
        actions.add("a", "b");
        actions.add("b", "a");
        assert!(actions.included("a", "b"));
        assert!(!actions.included("a", "use"));
    }

    #[test]
    fn duties_are_due_by_their_nature() {
        let actions = Actions::built_in();
        assert_eq!(actions.timing("obtainConsent"), DutyTiming::Before);
        assert_eq!(actions.timing("inform"), DutyTiming::With);
        assert_eq!(actions.timing("delete"), DutyTiming::After);
        assert_eq!(actions.timing("xroad:log"), DutyTiming::With);
    }
}
