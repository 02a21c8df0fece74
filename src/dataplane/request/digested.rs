//! A consumer's body on its way: digested as it passes, cut off where it grows too large or comes too slowly.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, Sleep};

use super::{Ended, SentBody, Slowest};
use crate::model::exchange::{BodyDigest, Digest};
use crate::xroad::body::BoxError;

/// The body.
pub(super) struct Digested<B> {
    body: B,
    sha256: Sha256,
    size: u64,
    largest: u64,
    sent: SentBody,
    slowest: Slowest,
    /// When the first of it was asked for, or soon will be.
    begun: Instant,
    /// For how long the consumer was waited for in all.
    waited: Duration,
    /// Since when it is waited for now.
    since: Option<Instant>,
    /// Made when it has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a body was cut off.
#[derive(Debug, thiserror::Error)]
enum CutOff {
    #[error("the body of the request is larger than {0} bytes")]
    Large(u64),
    #[error("the body of the request came too slowly")]
    Slow,
    #[error("the body of the request took longer than {} s", .0.as_secs_f32())]
    Long(Duration),
}

impl<B> Digested<B> {
    pub(super) fn new(body: B, largest: u64, slowest: Slowest, sent: SentBody) -> Self {
        let (begun, waited, since, timer) = (Instant::now(), Duration::ZERO, None, None);
        Self { body, sha256: Sha256::new(), size: 0, largest, sent, slowest, begun, waited, since, timer }
    }

    fn ended(&mut self) {
        let sha256 = Digest(std::mem::take(&mut self.sha256).finalize().into());
        self.sent.ended(Ended::Whole(BodyDigest { sha256, size: self.size }));
    }

    fn cut_off(&self, why: CutOff) -> BoxError {
        self.sent.ended(match why {
            CutOff::Large(_) => Ended::TooLarge,
            CutOff::Slow => Ended::TooSlow,
            CutOff::Long(limit) => Ended::TooLong(limit),
        });
        why.into()
    }

    /// Why it is cut off, if its time is over.
    fn too_long(&self) -> Option<CutOff> {
        let limit = self.slowest.in_all;
        (self.begun.elapsed() >= limit).then_some(CutOff::Long(limit))
    }

    /// Whether the consumer has been waited for long enough.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.sent.awaited(true);
            let left = self.slowest.allows(self.size).saturating_sub(self.waited);
            let left_in_all = self.slowest.in_all.saturating_sub(self.begun.elapsed());
            let until = Instant::now() + left.min(self.slowest.pause).min(left_in_all);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(until))),
            }
        }
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }

    /// The consumer is not waited for any more.
    fn came(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
            self.sent.awaited(false);
        }
    }
}

impl<B> Body for Digested<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(polled) = Pin::new(&mut this.body).poll_frame(cx) else {
            ready!(this.poll_late(cx));
            let why = this.too_long().unwrap_or(CutOff::Slow);
            return Poll::Ready(Some(Err(this.cut_off(why))));
        };
        this.came();
        let frame = match polled {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => {
                this.ended();
                return Poll::Ready(None);
            }
        };
        if let Some(data) = frame.data_ref() {
            this.sha256.update(data);
            this.size += data.len() as u64;
            if this.size > this.largest {
                return Poll::Ready(Some(Err(this.cut_off(CutOff::Large(this.largest)))));
            }
            if this.body.is_end_stream() {
                this.ended();
            } else if let Some(why) = this.too_long() {
                return Poll::Ready(Some(Err(this.cut_off(why))));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    const SLOWEST: Slowest =
        Slowest { pause: Duration::from_millis(100), per_second: 1000, in_all: Duration::from_secs(600) };

    /// Pieces of such a size, one every so many milliseconds.
    fn every(
        millis: u64,
        count: u32,
        size: usize,
    ) -> (Digested<impl Body<Data = Bytes, Error = std::io::Error> + Unpin>, SentBody) {
        let period = Duration::from_millis(millis);
        let clock = tokio::time::interval_at(Instant::now() + period, period);
        let pieces = futures_util::stream::unfold((clock, count), move |(mut clock, left)| async move {
            let left = left.checked_sub(1)?;
            clock.tick().await;
            Some((Ok(Frame::data(Bytes::from(vec![0; size]))), (clock, left)))
        });
        let sent = SentBody::default();
        (Digested::new(Box::pin(StreamBody::new(pieces)), u64::MAX, SLOWEST, sent.clone()), sent)
    }

    #[tokio::test]
    async fn a_body_that_takes_too_long_in_all_is_cut_off_however_fast_it_comes() {
        let in_all = Duration::from_millis(100);
        for (millis, count) in [(5, 2000), (u64::from(u32::MAX), 1)] {
            let (mut body, sent) = every(millis, count, 10_000);
            body.slowest = Slowest { in_all, pause: Duration::from_secs(60), ..SLOWEST };
            let error = body.collect().await.unwrap_err();
            assert_eq!(error.to_string(), "the body of the request took longer than 0.1 s");
            assert!(matches!(sent.0.ended.get(), Some(Ended::TooLong(limit)) if *limit == in_all));
        }
        let (mut body, sent) = every(1, 3, 1);
        body.slowest.in_all = Duration::MAX;
        assert!(body.collect().await.is_ok() && sent.digest().is_some());
    }

    #[tokio::test]
    async fn a_body_that_comes_drop_by_drop_is_cut_off() {
        for (millis, size) in [(u64::from(u32::MAX), 1_000_000), (20, 1)] {
            let (body, sent) = every(millis, 10_000, size);
            assert!(body.collect().await.is_err(), "{size} bytes every {millis} ms");
            assert!(matches!(sent.0.ended.get(), Some(Ended::TooSlow)) && sent.digest().is_none());
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_fast_enough_may_take_its_time() {
        let (body, sent) = every(5, 50, 1000);
        assert!(body.collect().await.is_ok());
        assert_eq!(sent.digest().map(|digest| digest.size), Some(50_000));
    }

    #[tokio::test]
    async fn time_in_which_nobody_takes_the_body_is_not_the_consumers() {
        let (mut body, sent) = every(1, 4, 1);
        let mut clock = tokio::time::interval(Duration::from_millis(60));
        while let Some(frame) = body.frame().await {
            assert!(frame.is_ok());
            clock.tick().await;
        }
        assert_eq!(sent.digest().map(|digest| digest.size), Some(4));
    }
}
