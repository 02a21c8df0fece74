//! The network's edge: the listeners we serve on, the one guarded client we call out with, and what both agree on.
//!
//! Nothing here knows a protocol of ours; every limit on time, size and number of connections is set here, before anything is
//! parsed.

pub mod body;
pub mod listener;
pub mod outbound;
pub mod problem;
pub mod reach;
mod stall;
pub mod tls;
pub mod trace;
