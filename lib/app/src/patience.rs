//! Asking again: what a provider cannot do now it may do in a moment, until the request's deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tenantry_domain::{Entropy, ProviderName};
use tokio::time::Instant;

use crate::ProviderError;

/// Asks a provider again while it is busy, with pauses that grow, until a deadline.
#[derive(Clone)]
pub struct Patience {
    provider: ProviderName,
    until: Instant,
    entropy: Arc<dyn Entropy>,
}

/// How one call to a provider went.
#[derive(Debug)]
pub enum Tried<T> {
    /// It was answered.
    Done(T),
    /// Not now: too many requests, an error of its own, or no answer. Its own text for the log, and when it wants to be asked again.
    Later(String, Option<Duration>),
    /// No.
    Never(String),
}

/// The longest pause before the second try; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// No pause of ours is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

impl Patience {
    /// For calls to this provider that may take so long together, pauses included.
    pub fn new(provider: ProviderName, patience: Duration, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            provider,
            until: Instant::now() + patience,
            entropy,
        }
    }

    /// Tries until it is answered, refused, or too late.
    pub async fn call<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Tried<T>>,
    {
        let mut pause = FIRST_PAUSE;
        let (mut detail, mut wanted) = ("no answer in time".to_owned(), None);
        loop {
            match tokio::time::timeout_at(self.until, call()).await {
                Ok(Tried::Done(answer)) => return Ok(answer),
                Ok(Tried::Never(detail)) => {
                    let provider = self.provider;
                    return Err(ProviderError::Refused { provider, detail });
                }
                Ok(Tried::Later(said, after)) => (detail, wanted) = (said, after),
                Err(_) => {}
            }
            let left = self.until.saturating_duration_since(Instant::now());
            // What it asks for itself counts, if there is time for it.
            let wait = wanted.unwrap_or_else(|| self.jittered(pause));
            if wait >= left {
                return Err(ProviderError::Unavailable {
                    provider: self.provider,
                    detail,
                    retry_after_s: wanted.map(seconds),
                });
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Between half of the pause and all of it.
    fn jittered(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        pause / 2 + pause.mul_f64(f64::from(byte[0]) / 512.0)
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::pending;

    use super::*;

    /// Chance that always comes out the same.
    struct Always(u8);

    impl Entropy for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    /// What came of it, and after how many milliseconds which calls were made.
    struct Course {
        result: Result<&'static str, ProviderError>,
        calls_ms: Vec<u128>,
        ended_ms: u128,
    }

    fn busy() -> Tried<&'static str> {
        Tried::Later("429".to_owned(), None)
    }

    fn busy_for(ms: u64) -> Tried<&'static str> {
        Tried::Later("429".to_owned(), Some(Duration::from_millis(ms)))
    }

    /// Calls somebody who gives these answers, one after the other and the last one for ever.
    async fn run(patience_ms: u64, chance: u8, answers: Vec<fn() -> Tried<&'static str>>) -> Course {
        let start = Instant::now();
        let patience = Patience::new(
            ProviderName::Auth0,
            Duration::from_millis(patience_ms),
            Arc::new(Always(chance)),
        );
        let (calls, made) = (RefCell::new(Vec::new()), Cell::new(0));
        let result = patience
            .call(|| {
                let place = made.replace(made.get() + 1).min(answers.len() - 1);
                calls.borrow_mut().push(start.elapsed().as_millis());
                std::future::ready(answers[place]())
            })
            .await;
        Course {
            result,
            calls_ms: calls.into_inner(),
            ended_ms: start.elapsed().as_millis(),
        }
    }

    fn unavailable(result: Result<&'static str, ProviderError>) -> (String, Option<u32>) {
        match result {
            Err(ProviderError::Unavailable {
                provider: ProviderName::Auth0,
                detail,
                retry_after_s,
            }) => (detail, retry_after_s),
            other => panic!("it is not unavailable: {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_busy_is_asked_again_after_pauses_that_grow() {
        let busy: fn() -> Tried<&'static str> = busy;
        let answers = vec![busy, busy, busy, busy, busy, busy, busy, || Tried::Done("done")];

        let course = run(60_000, 0, answers).await;

        assert_eq!(course.result.ok(), Some("done"));
        // Half of 200, 400, 800, 1600, 3200, and then of four seconds.
        assert_eq!(course.calls_ms, [0, 100, 300, 700, 1_500, 3_100, 5_100, 7_100]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_between_half_and_all_of_what_it_may_be() {
        for (chance, expected_ms) in [(0, 100..=101), (128, 150..=151), (255, 199..=200)] {
            let answers: Vec<fn() -> Tried<&'static str>> = vec![busy, || Tried::Done("done")];

            let course = run(60_000, chance, answers).await;

            assert!(
                expected_ms.contains(&course.calls_ms[1]),
                "{chance}: {:?}",
                course.calls_ms
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_wanted_is_made_and_the_next_one_is_ours_again() {
        let answers: Vec<fn() -> Tried<&'static str>> =
            vec![|| busy_for(7_000), || busy_for(30), busy, || Tried::Done("done")];

        let course = run(60_000, 0, answers).await;

        assert_eq!(course.result.ok(), Some("done"));
        assert_eq!(course.calls_ms, [0, 7_000, 7_030, 7_430]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_a_longer_pause_than_there_is_time_is_not_waited_for() {
        // To the last millisecond: at the deadline nothing would be left for the call.
        for (wanted, retry_after_s) in [
            ((|| busy_for(1_000)) as fn() -> Tried<&'static str>, 1),
            (|| busy_for(1_001), 2),
            (|| busy_for(90_000), 90),
            (|| Tried::Later("429".to_owned(), Some(Duration::MAX)), u32::MAX),
        ] {
            let course = run(1_000, 0, vec![wanted]).await;

            assert_eq!(
                unavailable(course.result),
                ("429".to_owned(), Some(retry_after_s))
            );
            assert_eq!((course.calls_ms, course.ended_ms), (vec![0], 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_stays_busy_is_given_up_before_the_deadline_with_what_was_said_last() {
        let course = run(
            1_000,
            0,
            vec![|| busy_for(300), || Tried::Later("502".to_owned(), None)],
        )
        .await;

        assert_eq!(unavailable(course.result), ("502".to_owned(), None));
        assert_eq!(course.calls_ms, [0, 300, 500, 900]);
        assert_eq!(course.ended_ms, 900);
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_is_a_no_at_once() {
        let course = run(
            60_000,
            0,
            vec![busy, || Tried::Never("403".to_owned()), || Tried::Done("done")],
        )
        .await;

        let detail = match course.result {
            Err(ProviderError::Refused {
                provider: ProviderName::Auth0,
                detail,
            }) => detail,
            other => panic!("it is not refused: {other:?}"),
        };
        assert_eq!((detail.as_str(), course.calls_ms), ("403", vec![0, 100]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_cut_off_at_the_deadline() {
        let (start, entropy) = (Instant::now(), Arc::new(Always(0)));
        let patience = Patience::new(ProviderName::Auth0, Duration::from_secs(5), entropy);

        let result = patience.call(pending).await;

        assert_eq!(unavailable(result), ("no answer in time".to_owned(), None));
        assert_eq!(start.elapsed().as_millis(), 5_000);
    }

    #[tokio::test(start_paused = true)]
    async fn all_calls_of_one_operation_have_one_deadline() {
        let entropy = Arc::new(Always(0));
        let patience = Patience::new(ProviderName::Auth0, Duration::from_secs(1), entropy);
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Tried::Done("done")
        };

        assert_eq!(patience.call(slow).await.ok(), Some("done"));
        let late = patience.call(slow).await;

        assert_eq!(unavailable(late), ("no answer in time".to_owned(), None));
        let after = patience.call(|| std::future::ready(Tried::Done("at once"))).await;
        assert_eq!(after.ok(), Some("at once"));
    }
}
