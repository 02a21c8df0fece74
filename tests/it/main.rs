//! End-to-end tests: one binary, one module for each subject.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod bad_input;
mod conformance;
mod crash;
mod dataplane;
mod dsp;
mod ending;
mod full_disk;
mod handles;
mod hindsight;
mod history;
mod layers;
mod management;
mod obligations;
mod policy;
mod postgres;
mod readme;
mod replicas;
mod samples;
mod xroad;
