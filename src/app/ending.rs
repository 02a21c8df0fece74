//! When a process is told to end: by SIGINT, by SIGTERM, or by the end of its standard input.

use std::io;
use std::os::fd::AsFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for the word to end. Signals that came since it was made are not lost.
pub struct Ending {
    interrupt: Signal,
    terminate: Signal,
    input: Option<Receiver>,
}

impl Ending {
    /// Listens for SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the operating system does not let signals be caught.
    pub fn by_signal() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            input: None,
        })
    }

    /// Listens for the end of standard input too, which must be a pipe: whoever started the process holds its other end, and the
    /// process ends with them even when they are killed.
    ///
    /// # Errors
    /// When standard input is no pipe.
    pub fn or_by_input(mut self) -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        self.input = Some(Receiver::from_owned_fd(input)?);
        Ok(self)
    }

    /// Returns when the process is told to end.
    pub async fn told(&mut self) {
        let input = self.input.as_mut();
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = ended(input) => {}
        }
    }
}

/// Returns when the other end of the pipe is closed.
async fn ended(input: Option<&mut Receiver>) {
    let Some(input) = input else { return std::future::pending().await };
    let mut ignored = [0; 64];
    while input.read(&mut ignored).await.is_ok_and(|length| length > 0) {}
}
