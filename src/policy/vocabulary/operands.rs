//! The left operands that are built in: the 32 of ODRL 2.2 (Vocabulary §4.5), X-Road's, Catena-X's and EDC's.

use std::collections::BTreeMap;

use super::{Assurance, Kind, Operand, Source, terms};
use Assurance::{Attested, Audited, Enforced};
use Kind::{Any, DataPath, Duration, FieldPath, Instant, Number, Text, Version};

/// Whether only an exchange can tell.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Always,
    AtExchange,
}
use Told::{Always, AtExchange};

const ODRL: [(&str, Kind, Told, Assurance); 32] = [
    ("absolutePosition", Any, Always, Audited),
    ("absoluteSize", Number, AtExchange, Audited),
    ("absoluteSpatialPosition", Any, Always, Audited),
    ("absoluteTemporalPosition", Any, AtExchange, Audited),
    ("count", Number, AtExchange, Enforced),
    ("dateTime", Instant, Always, Enforced),
    ("delayPeriod", Duration, AtExchange, Enforced),
    ("deliveryChannel", Text, Always, Attested),
    ("elapsedTime", Duration, AtExchange, Enforced),
    ("event", Any, AtExchange, Audited),
    ("fileFormat", Text, Always, Audited),
    ("industry", Text, Always, Attested),
    ("language", Text, Always, Attested),
    ("media", Text, Always, Attested),
    ("meteredTime", Duration, AtExchange, Enforced),
    ("payAmount", Number, Always, Attested),
    ("percentage", Number, AtExchange, Audited),
    ("product", Text, Always, Attested),
    ("purpose", Text, Always, Attested),
    ("recipient", Text, Always, Enforced),
    ("relativePosition", Any, Always, Audited),
    ("relativeSize", Number, AtExchange, Audited),
    ("relativeSpatialPosition", Any, Always, Audited),
    ("relativeTemporalPosition", Any, AtExchange, Audited),
    ("resolution", Number, Always, Attested),
    ("spatial", Text, Always, Attested),
    ("spatialCoordinates", Any, Always, Attested),
    ("systemDevice", Text, Always, Attested),
    ("timeInterval", Duration, AtExchange, Enforced),
    ("unitOfCount", Text, AtExchange, Audited),
    ("version", Version, Always, Audited),
    ("virtualLocation", Text, Always, Attested),
];

/// X-Road 8's words, and three that ODRL has no operand for: the rate of calls, the fields of the answer that are released, and
/// whether the data subject consents (`granted`).
const XROAD: [(&str, Kind, Told); 7] = [
    ("xroad:callsPerMinute", Number, AtExchange),
    ("xroad:clientId", Text, Always),
    ("xroad:consent", Text, AtExchange),
    ("xroad:fields", FieldPath, AtExchange),
    ("xroad:datapath", DataPath, AtExchange),
    ("xroad:globalGroupMember", Text, Always),
    ("xroad:localGroupMember", Text, Always),
];

const COUNTED: [&str; 4] = ["count", "meteredTime", "timeInterval", "xroad:callsPerMinute"];

/// Left operands whose values are more than one at a time only by mistake.
const SINGLE: [&str; 4] = ["recipient", "version", "xroad:clientId", "xroad:consent"];

/// The operand that relative dates of EDC are compared with.
pub(crate) const SINCE_AGREEMENT: &str = "edc:sinceAgreement";

pub(super) fn built_in() -> BTreeMap<String, Operand> {
    let mut all = BTreeMap::new();
    for (name, kind, told, assurance) in ODRL {
        all.insert(name.to_owned(), operand(name, kind, told, assurance));
    }
    for (name, kind, told) in XROAD {
        let operators = if kind == FieldPath { vec!["eq".to_owned(), "isAnyOf".to_owned()] } else { Vec::new() };
        let source = if COUNTED.contains(&name) { Source::Counter } else { Source::Call };
        all.insert(name.to_owned(), Operand { source, operators, ..operand(name, kind, told, Enforced) });
    }
    for name in terms::catena_x() {
        let kind = if name.ends_with("EndDate") {
            Instant
        } else if name.ends_with("Days") || name.ends_with("Months") {
            Number
        } else {
            Text
        };
        all.insert(name, Operand::of(kind));
    }
    let claim = Operand { source: Source::Claim(String::new()), assurance: Enforced, ..Operand::text() };
    all.insert("ovc:".to_owned(), claim);
    // Time since the agreement, which EDC writes as `inForceDate lteq contractAgreement+30d`.
    all.insert(SINCE_AGREEMENT.to_owned(), operand(SINCE_AGREEMENT, Duration, AtExchange, Enforced));
    all.insert("edc:inForceDate".to_owned(), operand("edc:inForceDate", Instant, Always, Enforced));
    all
}

fn operand(name: &str, kind: Kind, told: Told, assurance: Assurance) -> Operand {
    let source = match name {
        "dateTime" | "edc:inForceDate" | "elapsedTime" | "delayPeriod" | SINCE_AGREEMENT => Source::Clock,
        name if COUNTED.contains(&name) => Source::Counter,
        _ => match assurance {
            Enforced => Source::Call,
            Attested => Source::Declaration,
            Audited => Source::Nowhere,
        },
    };
    let single = SINGLE.contains(&name) || !matches!(kind, Text | FieldPath | Any);
    Operand { exchange_only: told == AtExchange, assurance, source, single, ..Operand::of(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_thirty_two_left_operands_of_odrl_are_built_in_in_order() {
        let names: Vec<&str> = ODRL.iter().map(|(name, ..)| *name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
        assert_eq!(names.len(), 32);
    }

    #[test]
    fn what_is_enforced_is_supplied_by_something() {
        let all = built_in();
        let supplied = |name: &str| all.get(name).map(|operand| operand.source != Source::Nowhere);
        assert!(all.values().all(|operand| operand.assurance != Enforced || operand.source != Source::Nowhere));
        for name in ["absoluteSize", "fileFormat", "unitOfCount", "version", "event"] {
            assert_eq!(supplied(name), Some(false), "{name}");
        }
        for name in ["elapsedTime", "delayPeriod", "meteredTime", "count", "purpose", "recipient", "xroad:datapath"] {
            assert_eq!(supplied(name), Some(true), "{name}");
        }
    }

    #[test]
    fn counters_are_told_by_an_exchange_only() {
        let all = built_in();
        assert!(COUNTED.iter().all(|name| all.get(*name).is_some_and(|o| o.exchange_only && o.is_counted())));
    }
}
