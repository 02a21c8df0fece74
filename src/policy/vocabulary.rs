//! The words that can be evaluated here: profiles, actions, operators, left operands.

use std::collections::BTreeMap;

/// What the values of a left operand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A point in time, compared as such.
    Instant,
    /// A length of time (`xsd:duration`).
    Duration,
    /// A decimal number.
    Number,
    /// Text, compared case by case.
    Text,
    /// `METHOD /path` with `*` for one segment and `**` for any number (X-Road endpoint patterns).
    DataPath,
}

/// A left operand that can be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) kind: Kind,
    /// Only an exchange can supply it: before one, its absence refuses nothing.
    pub(crate) exchange_only: bool,
    /// Kept by a durable counter that an exchange reserves before and settles after.
    pub(crate) counted: bool,
}

/// Identifiers of the built-in profiles.
pub mod profile {
    /// ODRL Core Vocabulary.
    pub const CORE: &str = "http://www.w3.org/ns/odrl/2/core";
    /// ODRL Common Vocabulary.
    pub const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
    /// Dataspace Protocol 2025-1.
    pub const DSP: &str = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld";
    /// X-Road terms, as X-Road 8 writes them.
    pub const XROAD: &str = "https://w3id.org/xroad/ns";
    /// Catena-X policy vocabulary.
    pub const CATENA_X: &str = "https://w3id.org/catenax/policy/";
    /// Gaia-X ODRL-VC.
    pub const GAIA_X: &str = "https://w3id.org/gaia-x/ovc/1/";
}

/// The words that policies may use here.
#[derive(Clone, Debug)]
pub struct Registry {
    operands: BTreeMap<String, Operand>,
    profiles: Vec<String>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::built_in()
    }
}

const INSTANTS: [&str; 1] = ["dateTime"];
const DURATIONS: [&str; 4] = ["delayPeriod", "elapsedTime", "meteredTime", "timeInterval"];
const NUMBERS: [&str; 6] = ["absoluteSize", "count", "payAmount", "percentage", "relativeSize", "resolution"];
const TEXTS: [&str; 21] = [
    "absolutePosition",
    "absoluteSpatialPosition",
    "absoluteTemporalPosition",
    "deliveryChannel",
    "event",
    "fileFormat",
    "industry",
    "language",
    "media",
    "product",
    "purpose",
    "recipient",
    "relativePosition",
    "relativeSpatialPosition",
    "relativeTemporalPosition",
    "spatial",
    "spatialCoordinates",
    "systemDevice",
    "unitOfCount",
    "version",
    "virtualLocation",
];
const EXCHANGE_ONLY: [&str; 14] = [
    "absoluteSize",
    "absoluteTemporalPosition",
    "count",
    "delayPeriod",
    "elapsedTime",
    "event",
    "meteredTime",
    "percentage",
    "relativeSize",
    "relativeTemporalPosition",
    "timeInterval",
    "unitOfCount",
    "xroad:callsPerMinute",
    "xroad:datapath",
];
const COUNTED: [&str; 3] = ["count", "timeInterval", "xroad:callsPerMinute"];
const CATENA_X: [&str; 14] = [
    "AffiliatesBpnl",
    "AffiliatesRegion",
    "BusinessPartnerGroup",
    "BusinessPartnerNumber",
    "ConfidentialInformationMeasures",
    "ConfidentialInformationSharing",
    "ContractReference",
    "ContractTermination",
    "ExclusiveUsage",
    "FrameworkAgreement",
    "JurisdictionLocation",
    "Membership",
    "UsagePurpose",
    "VersionChanges",
];

/// Every operator of ODRL 2.2; `term-lteq` stands in the DSP schema beside them and means `lteq`.
pub(crate) const OPERATORS: [&str; 13] = [
    "eq",
    "gt",
    "gteq",
    "hasPart",
    "isA",
    "isAllOf",
    "isAnyOf",
    "isNoneOf",
    "isPartOf",
    "lt",
    "lteq",
    "neq",
    "term-lteq",
];

/// Actions and what they are included in (ODRL Vocabulary 2.2 §4); roots are included in themselves.
const ACTIONS: &[(&str, &str)] = &[
    ("use", "use"),
    ("transfer", "transfer"),
    ("acceptTracking", "use"),
    ("adHocShare", "share"),
    ("aggregate", "use"),
    ("annotate", "use"),
    ("anonymize", "use"),
    ("append", "modify"),
    ("appendTo", "modify"),
    ("archive", "use"),
    ("attachPolicy", "use"),
    ("attachSource", "use"),
    ("attribute", "use"),
    ("commercialize", "use"),
    ("compensate", "use"),
    ("concurrentUse", "use"),
    ("copy", "reproduce"),
    ("delete", "use"),
    ("derive", "use"),
    ("digitize", "use"),
    ("display", "play"),
    ("distribute", "use"),
    ("ensureExclusivity", "use"),
    ("execute", "use"),
    ("export", "transform"),
    ("extract", "reproduce"),
    ("extractChar", "reproduce"),
    ("extractPage", "reproduce"),
    ("extractWord", "reproduce"),
    ("give", "transfer"),
    ("grantUse", "use"),
    ("include", "use"),
    ("index", "use"),
    ("inform", "use"),
    ("install", "use"),
    ("lease", "transfer"),
    ("lend", "transfer"),
    ("license", "transfer"),
    ("modify", "use"),
    ("move", "use"),
    ("nextPolicy", "use"),
    ("obtainConsent", "use"),
    ("pay", "compensate"),
    ("play", "use"),
    ("present", "use"),
    ("preview", "use"),
    ("print", "use"),
    ("read", "use"),
    ("reproduce", "use"),
    ("reviewPolicy", "use"),
    ("secondaryUse", "use"),
    ("sell", "transfer"),
    ("share", "distribute"),
    ("shareAlike", "use"),
    ("stream", "use"),
    ("synchronize", "use"),
    ("textToSpeech", "use"),
    ("transform", "use"),
    ("translate", "use"),
    ("uninstall", "use"),
    ("watermark", "use"),
    ("write", "modify"),
    ("writeTo", "modify"),
    // What data spaces add, all forms of use.
    ("access", "use"),
    ("log", "use"),
    ("retain", "use"),
];

impl Registry {
    /// The built-in profiles: ODRL core and common vocabulary, DSP, X-Road, Catena-X, Gaia-X.
    #[must_use]
    pub fn built_in() -> Self {
        let mut operands = BTreeMap::new();
        let mut add = |names: &[&str], kind: Kind, prefix: &str| {
            for name in names {
                let name = format!("{prefix}{name}");
                let exchange_only = EXCHANGE_ONLY.contains(&name.as_str());
                let counted = COUNTED.contains(&name.as_str());
                operands.insert(name, Operand { kind, exchange_only, counted });
            }
        };
        add(&INSTANTS, Kind::Instant, "");
        add(&DURATIONS, Kind::Duration, "");
        add(&NUMBERS, Kind::Number, "");
        add(&TEXTS, Kind::Text, "");
        add(&["clientId", "globalGroupMember", "localGroupMember"], Kind::Text, "xroad:");
        add(&["datapath"], Kind::DataPath, "xroad:");
        add(&["callsPerMinute"], Kind::Number, "xroad:");
        add(&CATENA_X, Kind::Text, "cx-policy:");
        add(&["inForceDate"], Kind::Instant, "edc:");
        let profiles = [profile::CORE, profile::ODRL, profile::DSP, profile::XROAD, profile::CATENA_X, profile::GAIA_X];
        Self { operands, profiles: profiles.iter().map(ToString::to_string).collect() }
    }

    /// Lets policies use one more left operand, whose values are text.
    pub fn add_text_operand(&mut self, name: &str, exchange_only: bool) {
        let operand = Operand { kind: Kind::Text, exchange_only, counted: false };
        self.operands.insert(canonical_operand(name), operand);
    }

    pub(crate) fn operand(&self, name: &str) -> Option<&Operand> {
        self.operands.get(name)
    }

    pub(crate) fn knows_profile(&self, iri: &str) -> bool {
        let plain = |text: &str| text.trim_end_matches(['/', '#']).to_owned();
        self.profiles.iter().any(|p| plain(p) == plain(iri))
            || iri.starts_with(profile::CATENA_X)
            || iri.starts_with("cx-policy:")
            || matches!(iri, "odrl:core" | "odrl-core")
    }
}

/// Whether the action can be evaluated here.
pub(crate) fn knows_action(name: &str) -> bool {
    ACTIONS.iter().any(|(action, _)| *action == name)
}

/// Whether doing `action` is doing `wider` (`includedIn`, reflexive and transitive).
pub(crate) fn action_included(action: &str, wider: &str) -> bool {
    let mut current = action;
    loop {
        if current == wider {
            return true;
        }
        match ACTIONS.iter().find(|(name, _)| *name == current) {
            Some((name, parent)) if name != parent => current = parent,
            _ => return false,
        }
    }
}

/// The local name of an ODRL term however it is written; other terms as they are.
pub(crate) fn local(term: &str) -> &str {
    for prefix in ["odrl:", "http://www.w3.org/ns/odrl/2/"] {
        if let Some(rest) = term.strip_prefix(prefix) {
            return rest;
        }
    }
    term
}

/// The name under which a left operand is registered, however it is written.
pub(crate) fn canonical_operand(term: &str) -> String {
    let term = local(term);
    for (iri, prefix) in [
        ("https://w3id.org/xroad/ns#", "xroad:"),
        ("https://w3id.org/xroad/ns/", "xroad:"),
        ("https://x-road.global/ns/", "xroad:"),
        ("https://w3id.org/catenax/policy/", "cx-policy:"),
        ("https://w3id.org/catenax/2025/9/policy/", "cx-policy:"),
        ("https://w3id.org/edc/v0.0.1/ns/", "edc:"),
    ] {
        if let Some(rest) = term.strip_prefix(iri) {
            return canonical_operand(&format!("{prefix}{rest}"));
        }
    }
    match term {
        "inForceDate" | "edc:inForceDate" => "edc:inForceDate".to_owned(),
        bare if CATENA_X.contains(&bare) => format!("cx-policy:{bare}"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inclusion_is_reflexive_and_transitive() {
        assert!(action_included("use", "use"));
        assert!(action_included("extract", "use"));
        assert!(action_included("write", "use"));
        assert!(!action_included("use", "read"));
        assert!(!action_included("sell", "use"));
    }

    #[test]
    fn every_parent_action_is_known() {
        assert!(ACTIONS.iter().all(|(_, parent)| knows_action(parent)));
    }

    #[test]
    fn an_operand_is_the_same_however_it_is_written() {
        for written in ["count", "odrl:count", "http://www.w3.org/ns/odrl/2/count"] {
            assert_eq!(canonical_operand(written), "count");
        }
        assert_eq!(canonical_operand("https://w3id.org/catenax/policy/Membership"), "cx-policy:Membership");
    }
}
