//! Telling what happens, on standard output; where nobody listens any more, the demonstration ends, and all of its processes with it.

use std::fmt;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result};

/// As `println!`, with an error where standard output takes no more.
macro_rules! tell {
    ($($text:tt)*) => { $crate::demo::telling::line(format_args!($($text)*)) };
}
pub(super) use tell;

/// Writes a line.
pub(super) fn line(text: fmt::Arguments<'_>) -> Result<()> {
    writeln!(io::stdout().lock(), "{text}").context("standard output cannot be written")
}
