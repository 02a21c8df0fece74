//! End-to-end tests: one binary, one module for each subject.
#![allow(missing_docs, clippy::allow_attributes)]

mod layers;
