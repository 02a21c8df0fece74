//! Where the values come from that a decision saw: stable words, the same in every language.

use crate::policy::compile::{Slot, Told};
use crate::policy::vocabulary::Source;

/// The source of a left operand's value.
pub(super) fn of(slot: &Slot) -> String {
    match (slot.from, &slot.source) {
        (Told::Now, _) => "clock".to_owned(),
        (Told::Agreement | Told::Elapsed, _) => "agreement".to_owned(),
        (_, Source::Header(name)) => format!("header {name}"),
        (_, Source::Pointer(pointer)) => format!("body {pointer}"),
        // Gaia-X names the place in its credential by the operand itself.
        (_, Source::Claim(path)) if path.is_empty() => format!("claim {}", slot.name.trim_start_matches("ovc:")),
        (_, Source::Claim(path)) => format!("claim {path}"),
        (Told::Groups, _) => "memberships".to_owned(),
        (_, Source::Counter) => "counter".to_owned(),
        (_, Source::Clock) => "clock".to_owned(),
        (_, Source::Declaration) => "declared by consumer".to_owned(),
        (_, Source::Nowhere) => "vouched for by operator".to_owned(),
        (_, Source::Call) => told_by_call(&slot.name).to_owned(),
    }
}

fn told_by_call(operand: &str) -> &'static str {
    match operand {
        "xroad:datapath" => "request path",
        "xroad:clientId" | "recipient" => "authenticated caller",
        "xroad:consent" => "consent service",
        "xroad:fields" => "answer",
        _ => "call",
    }
}

/// The source of what is no left operand.
pub(super) fn of_part(part: &str) -> Option<&'static str> {
    match part {
        "action" | "target" | "assigner" | "assignee" => Some("request"),
        "duty" | "prohibition" => Some("reports"),
        _ => None,
    }
}

/// A source without the name of the header, or the place in a credential or a body, which are how things are set up here.
pub(super) fn kind(source: &str) -> &str {
    match source.split_once(' ') {
        Some((kind @ ("header" | "body" | "claim"), _)) => kind,
        _ => source,
    }
}
