//! ODRL policies: read, checked, compiled once, decided many times, explained.
//!
//! Three-valued throughout: what cannot be known is *unknown*; an unknown permission does not permit, an unknown prohibition
//! refuses. Nothing here does I/O: time, facts and taxonomies come in as a [`World`].
//!
//! The way of a policy: [`Policy::parse`] reads JSON-LD, [`compile()`] checks every word against a [`Registry`] and builds a decision
//! tree whose places are clauses of the policy. [`Compiled::decide`] answers for a world at once. Where the same policy is decided
//! for every call, [`Compiled::sheet`] lays out once what does not change, [`Compiled::fill`] puts in what the call tells, and
//! [`Compiled::judge`] decides without allocating.

use serde::Serialize;

pub use crate::model::odrl::Policy;

mod background;
mod compile;
mod conflict;
mod datapath;
mod document;
mod explain;
mod export;
mod facts;
mod fields;
mod hash;
mod history;
mod judge;
mod key;
mod outlook;
mod parse;
mod recorded;
mod rehearse;
mod report;
mod residual;
mod review;
mod sequence;
mod sheet;
mod shown;
#[cfg(test)]
mod tests;
mod tracking;
mod truth;
mod value;
mod vocabulary;
mod world;

pub use background::Background;
pub use compile::{Commons, Compiled, CounterUse, DutyUse, compile};
pub use document::{DocumentDecision, decide_document, read_json};
pub use explain::{Audience, Because, Decision, DutyState, Explanation, HeldClause, Language, Part, stands};
pub use export::{Export, Lost, for_edc};
pub use fields::{FIELDS, FieldPath, Pseudonymised};
pub use hash::hash;
pub use history::Infringement;
pub use judge::{Trace, Verdict};
pub use outlook::{DutyOutlook, Infringible, Outlook, Standing};
pub use parse::MOST_NESTED;
pub use rehearse::{Change, Recorded, Recordings, Rehearsal, Rehearsed};
pub use report::{Report, ReportOf};
pub use residual::Residual;
pub use review::{Held, ReadDuty, Review, Warning};
pub use sequence::{Progress, SequenceStep};
pub use sheet::{Blank, Filling, Place, Sheet};
pub use tracking::ObligationChange;
pub use truth::Truth;
pub use vocabulary::{Assurance, Dimension, DutyReading, Kind, Operand, ReadBy, Registry, Source, Units, profile};
pub use world::{DutyPerformed, Fact, History, Infringed, PastCall, Phase, Reported, World};

/// A part of a policy that cannot be evaluated here, so that the policy may not be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// JSON Pointer (RFC 6901) into the policy as received.
    pub clause: String,
    /// Stable code, such as `operand.unknown`.
    pub code: &'static str,
    /// One sentence.
    pub reason: String,
}

impl Invalid {
    pub(crate) fn new(clause: &str, code: &'static str, reason: impl Into<String>) -> Self {
        Self { clause: clause.to_owned(), code, reason: reason.into() }
    }
}
