//! The left operands that are built in: the 32 of ODRL 2.2 (Vocabulary §4.5), X-Road's, Catena-X's and EDC's.

use std::collections::BTreeMap;

use super::{Assurance, Dimension, Kind, Operand, Source, Units, terms};
use Assurance::{Attested, Audited, Enforced};
use Dimension::{Currency, Data, Length, Percentage, Pixels, Resolution, Time};
use Kind::{Any, DataPath, Duration, FieldPath, Instant, Number, Text, Version};
use Units::Of;

/// Whether only an exchange can tell.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Always,
    AtExchange,
}
use Told::{Always, AtExchange};

/// Units of what has a place on a canvas, or in time.
const PLACED: Units = Of(&[Pixels, Length, Time]);
/// Units of what has a place on a canvas.
const DRAWN: Units = Of(&[Pixels, Length]);
/// Units of what has measures, or is so much data.
const SIZED: Units = Of(&[Pixels, Length, Data]);
const TIMED: Units = Of(&[Time]);
/// What is told as a part of the whole.
const PART: Units = Of(&[Percentage]);

/// Each with what its values are, who tells them, how far a constraint holds, and the units that it may have.
const ODRL: [(&str, Kind, Told, Assurance, Units); 32] = [
    ("absolutePosition", Any, Always, Audited, PLACED),
    ("absoluteSize", Number, AtExchange, Audited, SIZED),
    ("absoluteSpatialPosition", Any, Always, Audited, DRAWN),
    ("absoluteTemporalPosition", Any, AtExchange, Audited, TIMED),
    ("count", Number, AtExchange, Enforced, Units::None),
    ("dateTime", Instant, Always, Enforced, Units::None),
    ("delayPeriod", Duration, AtExchange, Enforced, TIMED),
    ("deliveryChannel", Text, Always, Attested, Units::None),
    ("elapsedTime", Duration, AtExchange, Enforced, TIMED),
    ("event", Any, AtExchange, Audited, Units::None),
    ("fileFormat", Text, Always, Audited, Units::None),
    ("industry", Text, Always, Attested, Units::None),
    ("language", Text, Always, Attested, Units::None),
    ("media", Text, Always, Attested, Units::None),
    ("meteredTime", Duration, AtExchange, Enforced, TIMED),
    ("payAmount", Number, Always, Attested, Of(&[Currency])),
    ("percentage", Number, AtExchange, Audited, PART),
    ("product", Text, Always, Attested, Units::None),
    ("purpose", Text, Always, Attested, Units::None),
    ("recipient", Text, Always, Enforced, Units::None),
    ("relativePosition", Any, Always, Audited, PART),
    ("relativeSize", Number, AtExchange, Audited, PART),
    ("relativeSpatialPosition", Any, Always, Audited, PART),
    ("relativeTemporalPosition", Any, AtExchange, Audited, PART),
    ("resolution", Number, Always, Attested, Of(&[Resolution])),
    ("spatial", Text, Always, Attested, Units::None),
    ("spatialCoordinates", Any, Always, Attested, Units::None),
    ("systemDevice", Text, Always, Attested, Units::None),
    ("timeInterval", Duration, AtExchange, Enforced, TIMED),
    ("unitOfCount", Text, AtExchange, Audited, Units::None),
    ("version", Version, Always, Audited, Units::None),
    ("virtualLocation", Text, Always, Attested, Units::None),
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

/// Left operands whose values are more than one at a time only by mistake: a use is by one party, in one region.
const SINGLE: [&str; 8] = [
    "cx-policy:AffiliatesBpnl",
    "cx-policy:AffiliatesRegion",
    "cx-policy:BusinessPartnerNumber",
    "cx-policy:ManagedLegalEntityBpnl",
    "recipient",
    "version",
    "xroad:clientId",
    "xroad:consent",
];

/// The operand that relative dates of EDC are compared with.
pub(crate) const SINCE_AGREEMENT: &str = "edc:sinceAgreement";

pub(super) fn built_in() -> BTreeMap<String, Operand> {
    let mut all = BTreeMap::new();
    for (name, kind, told, assurance, units) in ODRL {
        all.insert(name.to_owned(), Operand { units, ..operand(name, kind, told, assurance) });
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
        let single = SINGLE.contains(&name.as_str()) || Operand::of(kind).single;
        all.insert(name, Operand { units: Units::None, single, ..Operand::of(kind) });
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
    let units = Units::None;
    Operand { exchange_only: told == AtExchange, assurance, source, single, units, ..Operand::of(kind) }
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
    fn amounts_have_units_and_nothing_else_has() {
        for (name, kind, _, _, units) in ODRL {
            let measured = matches!(kind, Number | Duration) && name != "count";
            assert!(units != Units::Any, "{name}");
            assert!(!measured || units != Units::None, "{name}");
            assert!(matches!(kind, Number | Duration | Any) || units == Units::None, "{name}");
        }
    }

    #[test]
    fn what_is_single_is_an_operand() {
        let all = built_in();
        assert!(SINGLE.iter().all(|name| all.get(*name).is_some_and(|operand| operand.single)));
        assert!(["purpose", "spatial", "language", "cx-policy:UsagePurpose"].iter().all(|name| !all[*name].single));
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
