//! Security-server double, scripted peers and suites.

pub mod double;
pub mod dsp;
pub mod edc;
mod http;
mod kit;
pub mod report;
mod subject;
