//! How long to wait after failed sign-ins. Waiting grows and is bounded; nobody is locked out for
//! good, so that nobody can lock out somebody else for good.

use iq_domain::Timestamp;

/// How waiting grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// Failures that cost nothing.
    pub free: u32,
    /// Waiting after the first failure that costs; doubles with each further one.
    pub first_ms: i64,
    /// Longest waiting.
    pub cap_ms: i64,
    /// Failures this long past count no more.
    pub forget_ms: i64,
}

impl BackOff {
    /// For one account.
    pub const ACCOUNT: Self = Self {
        free: 4,
        first_ms: 1_000,
        cap_ms: 15 * 60_000,
        forget_ms: 24 * 3_600_000,
    };

    /// For one remote address; a control room may share one.
    pub const ADDRESS: Self = Self {
        free: 19,
        first_ms: 1_000,
        cap_ms: 15 * 60_000,
        forget_ms: 24 * 3_600_000,
    };

    /// Milliseconds until the next attempt is allowed; 0 means now.
    #[must_use]
    pub fn wait_ms(self, failures: u32, last_failure_at: Option<Timestamp>, now: Timestamp) -> i64 {
        let Some(last) = last_failure_at else {
            return 0;
        };
        let costly = failures.saturating_sub(self.free);
        let since = now.since_ms(last);
        if costly == 0 || since >= self.forget_ms {
            return 0;
        }
        let delay = self
            .first_ms
            .saturating_mul(1 << (costly - 1).min(40))
            .min(self.cap_ms);
        // A clock that was set back must not make the waiting longer than it was.
        (delay - since.max(0)).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn the_first_failures_cost_nothing_then_waiting_doubles_up_to_a_quarter_hour() {
        let wait = |failures| BackOff::ACCOUNT.wait_ms(failures, Some(T), T);
        assert_eq!((0..=4).map(wait).sum::<i64>(), 0);
        assert_eq!([wait(5), wait(6), wait(7)], [1_000, 2_000, 4_000]);
        assert_eq!(wait(14), 512_000);
        assert_eq!(wait(15), 900_000);
        assert_eq!(wait(u32::MAX), 900_000);
    }

    #[test]
    fn waiting_runs_down_with_time_and_is_forgotten_after_a_day() {
        let wait = |later| BackOff::ACCOUNT.wait_ms(15, Some(T), T.plus_ms(later));
        assert_eq!(wait(100_000), 800_000);
        assert_eq!(wait(900_000), 0);
        assert_eq!(wait(24 * 3_600_000), 0);
        assert_eq!(BackOff::ACCOUNT.wait_ms(0, None, T), 0);
    }

    #[test]
    fn a_clock_set_back_does_not_lengthen_the_waiting() {
        assert_eq!(
            BackOff::ACCOUNT.wait_ms(15, Some(T), T.plus_ms(-86_400_000)),
            900_000
        );
    }

    #[test]
    fn an_address_may_fail_more_often_than_an_account() {
        assert_eq!(BackOff::ADDRESS.wait_ms(19, Some(T), T), 0);
        assert_eq!(BackOff::ADDRESS.wait_ms(20, Some(T), T), 1_000);
    }
}
