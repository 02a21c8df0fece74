//! The Dataspace Protocol 2025-1 over HTTPS: what peers call here, and how we call them.
//!
//! Plain JSON with the protocol's fixed context; every body taken in is bounded, then checked by our own JSON Schema, then
//! handed to the engine as a message of the model. `wire` is the JSON, `routes` the endpoints of both roles, `client` the calls
//! to peers, `catalog` what is asked of the catalogue.

pub mod catalog;
pub mod client;
pub mod participants;
pub mod routes;
pub mod wire;

pub use catalog::{CatalogSource, CatalogUnavailable, DatasetPage, DatasetQuery, OfferedDataset};
pub use client::{ClientError, DspClient, PeerCatalog};
pub use participants::{Participant, Participants};
pub use routes::{DspState, routes};
