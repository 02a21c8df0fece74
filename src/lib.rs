//! Sliproad: the data-space connector for X-Road.
//!
//! The rooms and the direction of their dependencies are described in `ARCHITECTURE.md`; `tests/it/layers.rs` guards them.

pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod dataplane;
pub mod demo;
pub mod dsp;
pub mod engine;
pub mod env;
pub mod evidence;
pub mod identity;
pub mod management;
pub mod model;
pub mod net;
pub mod policy;
pub mod schemas;
pub mod store;
pub mod suites;
pub mod telemetry;
pub mod trust;
pub mod xroad;
