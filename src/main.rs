//! The `sliproad` program.
fn main() {}
