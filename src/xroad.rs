//! The X-Road side: the REST message protocol of an unmodified security server, its faults and its metadata services.

pub mod body;
pub mod client;
pub mod connect;
pub mod failure;
pub mod fault;
pub mod metadata;
pub mod path;
pub mod route;

mod headers;
