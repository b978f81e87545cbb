//! The historian under test.

use std::time::{Duration, Instant};

use iq_domain::{TimeRange, Timestamp, Value};
use iq_historian::Historian;

use super::data::{START, TAGS};
use super::{Answers, Queries};

/// A window of time.
pub(crate) const fn window(from: i64, to: i64) -> TimeRange {
    TimeRange {
        from: Timestamp(from),
        to: Timestamp(to),
    }
}

fn number(value: Option<&Value>) -> f64 {
    value.and_then(Value::as_f64).unwrap_or(f64::NAN)
}

pub(crate) fn queries(h: &Historian, seconds: usize, rounds: usize) -> anyhow::Result<Queries> {
    let day = window(START, START + seconds as i64 * 1_000);
    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut answers = Answers::default();
    for _ in 0..rounds {
        answers = Answers::default();
        let clock = Instant::now();
        for tag in 0..TAGS {
            answers.a += h
                .last(tag)
                .map_or(f64::NAN, |point| number(point.value.as_ref()));
        }
        times[0].push(clock.elapsed());
        let clock = Instant::now();
        for bucket in h.buckets(7, day, 60_000)? {
            answers.b += bucket.min + bucket.max + bucket.mean().unwrap_or(f64::NAN);
        }
        times[1].push(clock.elapsed());
        let clock = Instant::now();
        let (from, to) = super::raw_window(seconds);
        for tag in super::RAW_TAGS {
            for point in h.raw(tag, window(from, to), usize::MAX)? {
                answers.c += number(point.value.as_ref());
                answers.c_count += 1;
            }
        }
        times[2].push(clock.elapsed());
        let clock = Instant::now();
        (answers.d, answers.d_count) = hourly(h, 0..TAGS, seconds, 3_600_000)?;
        times[3].push(clock.elapsed());
    }
    Ok(Queries::new(times, answers))
}

fn hourly(
    h: &Historian,
    tags: std::ops::Range<u32>,
    seconds: usize,
    bucket_ms: i64,
) -> anyhow::Result<(f64, u64)> {
    let (mut sum, mut count) = (0.0, 0);
    let day = window(START, START + seconds as i64 * 1_000);
    for tag in tags {
        for bucket in h.buckets(tag, day, bucket_ms)? {
            sum += bucket.mean().unwrap_or(f64::NAN);
            count += 1;
        }
    }
    Ok((sum, count))
}

/// All samples aggregated on two threads without rollups: a bucket just short of an hour fits none.
pub(crate) fn full_scan(h: &Historian, seconds: usize) -> anyhow::Result<Duration> {
    let clock = Instant::now();
    std::thread::scope(|scope| {
        let half = scope.spawn(|| hourly(h, 0..TAGS / 2, seconds, 3_599_999));
        hourly(h, TAGS / 2..TAGS, seconds, 3_599_999)?;
        half.join()
            .map_err(|_| anyhow::anyhow!("the other half failed"))?
    })?;
    Ok(clock.elapsed())
}
