//! Claims of those who work on processes: in memory where one system process has the store to itself, in the processes' rows where
//! several share it.

use crate::model::ids::Pid;
use crate::model::time::Timestamp;

mod memory;
mod rows;

pub(super) use memory::InMemory;
pub(super) use rows::InRows;

/// All claims on one store.
#[derive(Debug)]
pub(super) enum Leases {
    Memory(InMemory),
    Rows(InRows),
}

/// What somebody who looks for work found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// What is theirs to work on now.
    pub pids: Vec<Pid>,
    /// When there may be more, unless something is committed before; `None` when nothing else is due at any time.
    pub next: Option<Timestamp>,
}

/// The pause after so many failures in a row, milliseconds.
fn longer((first, longest): (i64, i64), failures: u32) -> i64 {
    first.saturating_mul(1_i64 << failures.min(20)).min(longest)
}
