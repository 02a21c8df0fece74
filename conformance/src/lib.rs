//! Security-server double, scripted peers and suites.

pub mod double;
