//! What the disk itself takes: every call waits for its evidence to be synchronised, so nothing can be faster than this.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;

/// As much as a group of a few evidence records.
const PIECE: usize = 8 * 1024;
const PIECES: u64 = 2000;
/// Between two pieces, so that the disk is as idle as at half load.
const PAUSE: Duration = Duration::from_micros(500);

/// Writing a piece over a file of zeros and synchronising it, microseconds: median and 99 of 100.
pub(crate) fn synchronising(directory: &Path) -> Result<(u64, u64)> {
    let file = File::options().write(true).create(true).truncate(true).open(directory.join("disk"))?;
    let length = PIECES * PIECE as u64;
    for at in (0..length).step_by(PIECE) {
        file.write_all_at(&[0; PIECE], at)?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    for at in (0..length).step_by(PIECE) {
        let begun = Instant::now();
        file.write_all_at(&[1; PIECE], at)?;
        file.sync_data()?;
        times.push(u64::try_from(begun.elapsed().as_micros())?);
        std::thread::park_timeout(PAUSE);
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}

/// A directory in memory, where there is one: the same road without waiting for a disk.
pub(crate) fn in_memory() -> Option<tempfile::TempDir> {
    let memory = PathBuf::from("/dev/shm");
    memory.is_dir().then(|| tempfile::tempdir_in(memory).ok()).flatten()
}
