use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Carries something out, or stops after so many steps and answers nothing.
pub async fn cut_off<T>(work: impl Future<Output = T>, steps: u32) -> Option<T> {
    let mut work = pin!(work);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}
