//! The body of a request, read piece by piece, and its digest.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};

use super::http1::{BodyReader, Connection, Framing};
use super::records::Number;
use super::state::State;

/// The body of a request; what was read of it goes into its record at its end.
pub(super) struct Body<'a> {
    pub(super) reader: BodyReader,
    digest: Sha256,
    number: Number,
    state: &'a State,
}

impl<'a> Body<'a> {
    pub(super) fn new(framing: Framing, number: Number, state: &'a State) -> Self {
        let body = Self { reader: BodyReader::new(framing), digest: Sha256::new(), number, state };
        if body.reader.is_done() {
            body.record();
        }
        body
    }

    /// The next piece, `None` at the end.
    pub(super) async fn chunk<S>(&mut self, connection: &mut Connection<S>) -> std::io::Result<Option<Bytes>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let piece = connection.body_chunk(&mut self.reader).await?;
        if let Some(piece) = &piece {
            self.digest.update(piece);
        }
        if self.reader.is_done() {
            self.record();
        }
        Ok(piece)
    }

    fn record(&self) {
        self.state.records.body(self.number, self.digest.clone().finalize().into());
    }

    /// Reads what is left of a refused request, within reason: the refusal is to reach the caller, and the record to be whole by then.
    pub(super) async fn drain<S: AsyncRead + AsyncWrite + Unpin>(&mut self, connection: &mut Connection<S>) {
        let draining = async {
            for _ in 0..4_096 {
                if !matches!(self.chunk(connection).await, Ok(Some(_))) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), draining).await;
    }
}
