//! What the tests of this package share.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The result of work that waits for nothing, such as signing with a key in a file.
pub(crate) fn now<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("signing with a file waits for nothing"),
    }
}
