//! Bodies in both directions: streamed frame by frame, never gathered, with the progress that time limits are measured by.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// An error of a body that somebody else produces.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a call towards the security server.
pub enum RequestBody {
    /// None.
    Empty,
    /// One piece that is at hand.
    Whole(Bytes),
    /// Streamed as the security server takes it.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl RequestBody {
    /// A streamed body; one that has ended already becomes [`RequestBody::Empty`].
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() { Self::Empty } else { Self::Stream(body.map_err(Into::into).boxed_unsync()) }
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }
}

/// The caller's body could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request ended early")]
pub(super) struct RequestBodyEnded(#[source] BoxError);

/// When a request body last moved, in milliseconds since the call began.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    millis: AtomicU64,
}

impl Progress {
    fn note(&self) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// When it last moved.
    pub(super) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// A request body as the HTTP client sends it: notes its progress, sends no trailers.
pub(super) struct Outgoing {
    body: RequestBody,
    progress: Option<Arc<Progress>>,
}

impl Outgoing {
    /// The body, and how to see it move when it is streamed.
    pub(super) fn new(body: RequestBody) -> (Self, Option<Arc<Progress>>) {
        let streamed = matches!(body, RequestBody::Stream(_));
        let progress = streamed.then(|| Arc::new(Progress { began: Instant::now(), millis: AtomicU64::new(0) }));
        (Self { body, progress: progress.clone() }, progress)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = RequestBodyEnded;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match &mut this.body {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            RequestBody::Stream(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if let Some(progress) = &this.progress {
                    progress.note();
                }
                Poll::Ready(match frame {
                    Some(Ok(frame)) => frame.into_data().ok().map(|data| Ok(Frame::data(data))),
                    Some(Err(error)) => Some(Err(RequestBodyEnded(error))),
                    None => None,
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            RequestBody::Stream(body) => body.size_hint(),
        }
    }
}

/// Why the body of an answer ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ResponseBodyError {
    /// Nothing came for the idle time.
    #[error("the security server sent nothing for {} s", .0.as_secs_f32())]
    Idle(Duration),
    /// The connection broke.
    #[error("the connection to the security server broke in the middle of the answer")]
    Broken(#[source] hyper::Error),
}

/// The body of an answer, streamed as it is read; ends with an error when nothing comes for the idle time.
pub struct ResponseBody {
    incoming: Incoming,
    idle: Duration,
    /// Made when a frame has to be waited for, which a small answer never needs.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, idle: Duration) -> Self {
        Self { incoming, idle, timer: None, waiting: false }
    }

    /// Whether the idle time has passed since waiting began.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(Instant::now() + self.idle),
                None => self.timer = Some(Box::pin(tokio::time::sleep(self.idle))),
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.waiting = false;
                // Trailers end at this hop.
                Poll::Ready(match frame {
                    Some(Ok(frame)) => frame.into_data().ok().map(|data| Ok(Frame::data(data))),
                    Some(Err(error)) => Some(Err(ResponseBodyError::Broken(error))),
                    None => None,
                })
            }
            Poll::Pending => {
                ready!(this.poll_idle(cx));
                Poll::Ready(Some(Err(ResponseBodyError::Idle(this.idle))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
