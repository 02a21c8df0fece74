//! The files under the writer.
//!
//! Appending to a file changes its length, and making that durable waits for the file system's journal. So while calls come, a
//! helper lays out the next segment ahead as a file of zeros; overwriting these changes no length. The zeros left at the end of a
//! segment are cut off when it is closed, and by recovery after a crash.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::segment::{self, Segment};

/// After how many groups a segment is laid out ahead: not for a handful of calls.
const PATIENCE: u32 = 64;

/// What the writer does with files; a trait so that tests can let the disk fill up.
pub(super) trait Medium: Send + 'static {
    /// Whether the next group belongs into a new segment, this one being at `length`.
    fn is_over(&mut self, length: u64) -> bool;
    /// Goes on in a new segment; the old one ends at `length`.
    fn next_segment(&mut self, first: u64, length: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `position`.
    fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Makes what was written survive power loss.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the segment.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// Segments on disk.
pub(super) struct Disk {
    directory: PathBuf,
    segment_size: u64,
    file: File,
    laid_out: bool,
    spare: Option<JoinHandle<io::Result<File>>>,
    groups: u32,
}

impl Disk {
    pub(super) fn new(directory: PathBuf, file: File, segment_size: u64) -> Self {
        let _ = fs::remove_file(spare_path(&directory));
        Self { directory, segment_size, file, laid_out: false, spare: None, groups: 0 }
    }

    fn prepare(&mut self) {
        let (path, size) = (spare_path(&self.directory), self.segment_size);
        let helper = std::thread::Builder::new().name("evidence-spare".to_owned());
        self.spare = helper.spawn(move || lay_out(&path, size)).ok();
    }

    /// The file laid out ahead, under its own name; `None` when there is none yet.
    fn take_spare(&mut self, first: u64) -> io::Result<Option<File>> {
        let Some(ready) = self.spare.take_if(|spare| spare.is_finished()) else { return Ok(None) };
        let Ok(Ok(file)) = ready.join() else { return Ok(None) };
        fs::rename(spare_path(&self.directory), Segment::new(&self.directory, first).path)?;
        File::open(&self.directory)?.sync_all()?;
        Ok(Some(file))
    }
}

impl Medium for Disk {
    fn is_over(&mut self, length: u64) -> bool {
        self.groups = self.groups.saturating_add(1);
        let soon = !self.laid_out || length > self.segment_size / 2;
        if self.spare.is_none() && soon && self.groups > PATIENCE {
            self.groups = 0;
            self.prepare();
        }
        let better = !self.laid_out && self.spare.as_ref().is_some_and(JoinHandle::is_finished);
        length > 0 && (better || length >= self.segment_size)
    }

    fn next_segment(&mut self, first: u64, length: u64) -> io::Result<()> {
        self.cut(length)?;
        let spare = self.take_spare(first)?;
        self.laid_out = spare.is_some();
        self.file = match spare {
            Some(file) => file,
            None => segment::create(&self.directory, first)?.1,
        };
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.laid_out = false;
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(helper) = self.spare.take() {
            let _ = helper.join();
            let _ = fs::remove_file(spare_path(&self.directory));
        }
    }
}

fn spare_path(directory: &Path) -> PathBuf {
    directory.join("spare")
}

fn lay_out(path: &Path, size: u64) -> io::Result<File> {
    static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut at = 0;
    while at < size {
        file.write_all_at(&ZEROS, at)?;
        at += ZEROS.len() as u64;
    }
    file.sync_all()?;
    Ok(file)
}
