//! Standard output as commands write it: one that takes nothing more is told in a sentence, not in a panic.
#![expect(clippy::print_stderr, reason = "commands speak to who called them")]

use std::fmt;
use std::io::{self, Write as _};

pub(super) use crate::model::harmless::{on_lines as shown_lines, on_one_line as shown};

/// As `println!`, without a panic where standard output is full or gone.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::out::line(format_args!($($text)*)) };
}
pub(super) use say;

/// Writes a line to standard output; ends the process with exit code 1 when that takes no more, without a word when nobody reads it.
pub(super) fn line(text: fmt::Arguments<'_>) {
    written(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes lines that end with a line feed already, as [`line()`] does.
pub(super) fn lines(text: &str) {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn written(outcome: io::Result<()>) {
    let Err(error) = outcome else { return };
    if error.kind() != io::ErrorKind::BrokenPipe {
        eprintln!("sliproad: standard output cannot be written: {error}");
    }
    std::process::exit(1);
}
