//! Sliproad: the data-space connector for X-Road.
