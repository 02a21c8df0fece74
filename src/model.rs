//! The words of the field as types: identifiers, states, messages, agreements.
//!
//! Nothing here does I/O or knows a protocol binding; every other room may use it.

pub mod agreement;
pub mod exchange;
pub mod harmless;
pub mod ids;
pub mod infringement;
pub mod json;
pub mod message;
pub mod negotiation;
pub mod obligation;
pub mod odrl;
pub mod pattern;
pub mod process;
pub mod terms;
pub mod time;
pub mod transfer;
pub mod xroad;
