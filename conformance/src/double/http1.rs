//! HTTP/1.1 by hand: heads as they are on the wire, bodies as a stream of chunks.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The largest head, as Jetty has it.
pub(super) const LARGEST_HEAD: usize = 8 * 1024;

const MOST_HEADERS: usize = 200;

/// A header as written.
pub(super) type Header = (String, Vec<u8>);

/// The head of a request.
#[derive(Clone, Debug)]
pub(super) struct RequestHead {
    pub(super) method: String,
    /// The target as received, byte for byte.
    pub(super) target: Vec<u8>,
    pub(super) minor_version: u8,
    pub(super) headers: Vec<Header>,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Vec<Header>,
}

/// Why a head could not be read.
#[derive(Debug)]
pub(super) enum HeadError {
    /// The peer closed before a head began.
    Closed,
    TooLarge,
    Malformed,
    Broken,
}

impl HeadError {
    /// What the real server says when a backend's answer begins so.
    pub(super) const fn of_backend(&self) -> &'static str {
        match self {
            Self::Closed => "The target server failed to respond",
            Self::TooLarge => "Maximum header size exceeded",
            Self::Malformed => "null",
            Self::Broken => "Connection reset",
        }
    }
}

impl From<io::Error> for HeadError {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// A connection with what was read ahead.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    buffer: BytesMut,
}

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A body being read.
pub(super) struct BodyReader {
    framing: Framing,
    /// Left of the length, or of the current chunk.
    left: u64,
    done: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(4096) }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }

    /// What was received and not read yet; after a head that could not be read, that head and what followed it.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads a request head; one that cannot be read stays unread.
    pub(super) async fn request_head(&mut self) -> Result<RequestHead, HeadError> {
        loop {
            if let Some(end) = head_end(&self.buffer) {
                if end > LARGEST_HEAD {
                    return Err(HeadError::TooLarge);
                }
                let head = self.buffer.get(..end).and_then(parse_request).ok_or(HeadError::Malformed)?;
                self.buffer.advance(end);
                return Ok(head);
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(HeadError::TooLarge);
            }
            if self.fill().await? == 0 {
                return Err(if self.buffer.is_empty() { HeadError::Closed } else { HeadError::Malformed });
            }
        }
    }

    /// Reads a response head.
    pub(super) async fn response_head(&mut self) -> Result<ResponseHead, HeadError> {
        loop {
            if let Some(end) = head_end(&self.buffer) {
                let head = self.buffer.split_to(end);
                return parse_response(&head).ok_or(HeadError::Malformed);
            }
            if self.buffer.len() > 8 * LARGEST_HEAD {
                return Err(HeadError::TooLarge);
            }
            if self.fill().await? == 0 {
                return Err(if self.buffer.is_empty() { HeadError::Closed } else { HeadError::Malformed });
            }
        }
    }

    /// The next piece of a body, `None` at its end.
    pub(super) async fn body_chunk(&mut self, body: &mut BodyReader) -> io::Result<Option<Bytes>> {
        if body.done {
            return Ok(None);
        }
        if body.framing == Framing::Chunked && body.left == 0 {
            body.left = self.chunk_size().await?;
            if body.left == 0 {
                self.trailer().await?;
                body.done = true;
                return Ok(None);
            }
        }
        if self.buffer.is_empty() && self.fill().await? == 0 {
            body.done = true;
            return match body.framing {
                Framing::UntilClose => Ok(None),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let take = match body.framing {
            Framing::UntilClose => self.buffer.len(),
            _ => usize::try_from(body.left).unwrap_or(usize::MAX).min(self.buffer.len()),
        };
        let piece = self.buffer.split_to(take).freeze();
        if body.framing != Framing::UntilClose {
            body.left -= piece.len() as u64;
            if body.left == 0 {
                match body.framing {
                    Framing::Chunked => self.expect_crlf().await?,
                    _ => body.done = true,
                }
            }
        }
        Ok(Some(piece))
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line = self.buffer.split_to(at).to_vec();
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.buffer.len() > LARGEST_HEAD || self.fill().await? == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }

    async fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line().await?;
        let text = std::str::from_utf8(&line).unwrap_or_default();
        let size = text.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    async fn expect_crlf(&mut self) -> io::Result<()> {
        if self.line().await?.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    async fn trailer(&mut self) -> io::Result<()> {
        while !self.line().await?.is_empty() {}
        Ok(())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Writes one chunk of a chunked body; an empty one ends it.
    pub(super) async fn write_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut framed = Vec::with_capacity(bytes.len() + 16);
        framed.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.stream.write_all(&framed).await
    }
}

impl BodyReader {
    pub(super) const fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self { framing, left, done: matches!(framing, Framing::Length(0)) }
    }

    /// Whether all of it was read.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }
}

/// The value of the last header of that name, without surrounding white space.
pub(super) fn last<'a>(headers: &'a [Header], name: &str) -> Option<&'a [u8]> {
    headers.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim_ascii())
}

/// As [`last`], as text.
pub(super) fn last_text<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    last(headers, name).and_then(|v| std::str::from_utf8(v).ok())
}

/// Whether a header lists a token.
pub(super) fn lists(headers: &[Header], name: &str, token: &str) -> bool {
    headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .any(|(_, value)| String::from_utf8_lossy(value).split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
}

fn head_end(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

/// What can be told of a head that could not be read, and what followed it.
pub(super) fn salvage(unread: &[u8]) -> (RequestHead, &[u8]) {
    let end = head_end(unread).unwrap_or(unread.len());
    let (head, after) = unread.split_at(end);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut lines = head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let mut parts = line.splitn(2, |b| *b == b' ');
    let method = text(parts.next().unwrap_or_default());
    let rest = parts.next().unwrap_or_default();
    let target = rest.iter().rposition(|b| *b == b' ').and_then(|at| rest.get(..at)).unwrap_or(rest);
    let headers = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut parts = line.splitn(2, |b| *b == b':');
            let name = text(parts.next().unwrap_or_default());
            (name, parts.next().unwrap_or_default().trim_ascii().to_vec())
        })
        .collect();
    (RequestHead { method, target: target.to_vec(), minor_version: 1, headers }, after)
}

/// The request line is split by hand: its target may hold bytes that parsers refuse.
fn parse_request(head: &[u8]) -> Option<RequestHead> {
    let line_end = head.windows(2).position(|w| w == b"\r\n")?;
    let line = head.get(..line_end)?;
    let mut parts = line.splitn(2, |b| *b == b' ');
    let method = parts.next()?;
    let rest = parts.next()?;
    let version_at = rest.iter().rposition(|b| *b == b' ')?;
    let target = rest.get(..version_at)?;
    let minor_version = match rest.get(version_at + 1..)? {
        b"HTTP/1.1" => 1,
        b"HTTP/1.0" => 0,
        _ => return None,
    };
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    if method.is_empty() || !method.iter().all(token) || target.is_empty() || target.contains(&b' ') {
        return None;
    }
    Some(RequestHead {
        method: String::from_utf8(method.to_vec()).ok()?,
        target: target.to_vec(),
        minor_version,
        headers: parse_headers(head.get(line_end + 2..)?)?,
    })
}

fn parse_response(head: &[u8]) -> Option<ResponseHead> {
    let line_end = head.windows(2).position(|w| w == b"\r\n")?;
    let line = String::from_utf8_lossy(head.get(..line_end)?).into_owned();
    let mut parts = line.splitn(3, ' ');
    if !parts.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = parts.next()?.parse().ok()?;
    let reason = parts.next().unwrap_or_default().to_owned();
    Some(ResponseHead { status, reason, headers: parse_headers(head.get(line_end + 2..)?)? })
}

fn parse_headers(block: &[u8]) -> Option<Vec<Header>> {
    let mut slots = [httparse::EMPTY_HEADER; MOST_HEADERS];
    match httparse::parse_headers(block, &mut slots) {
        Ok(httparse::Status::Complete((_, headers))) => {
            Some(headers.iter().map(|h| (h.name.to_owned(), h.value.to_vec())).collect())
        }
        _ => None,
    }
}
