//! The X-Road side: the REST message protocol of an unmodified security server, its faults and its metadata services.

pub mod path;
