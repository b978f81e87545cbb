//! A process that acknowledges batches is killed at a hundred random moments, each time on top of what
//! the kills before left behind: nothing acknowledged is lost, nothing is there twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use iq_domain::{TimeRange, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig};

const BASE: i64 = 1_700_000_000_000;
const KILLS: u64 = 100;

/// Checks everything up to the last acknowledged batch and returns the next one to send.
fn check(path: &Path, acknowledged: i64) -> i64 {
    let h = Historian::open(
        path,
        HistorianConfig {
            chunk_samples: 256,
            ..Default::default()
        },
    )
    .unwrap();
    let range = TimeRange {
        from: Timestamp(0),
        to: Timestamp(1 << 44),
    };
    let mut ends = Vec::new();
    for signal in 0..8_u32 {
        let points = h.raw(signal, range, usize::MAX).unwrap();
        assert!(
            points.len() as i64 > acknowledged,
            "signal {signal} lost acknowledged samples"
        );
        for (k, point) in (0_i64..).zip(&points) {
            assert_eq!(
                point.t.0,
                BASE + k * 1_000,
                "signal {signal}: a hole or a double"
            );
            let Some(Value::Number(value)) = point.value else {
                panic!("no number at {k}")
            };
            let corrected_by = k + 700;
            let right = if corrected_by % 8 == i64::from(signal) && corrected_by <= acknowledged {
                value == -1.0
            } else {
                value == -1.0 || value == k as f64 + f64::from(signal) / 10.0
            };
            assert!(right, "signal {signal} at {k} is {value}");
        }
        let count: u64 = h
            .buckets(signal, range, 60_000)
            .unwrap()
            .iter()
            .map(|b| b.count)
            .sum();
        assert_eq!(count, points.len() as u64, "rollups count what is there");
        ends.push(points.len());
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "a batch is stored whole or not at all");
    // At most the batch whose acknowledgement the kill cut off.
    assert!(
        ends[0] as i64 <= acknowledged + 2,
        "more is stored than was ever sent"
    );
    ends[0] as i64
}

#[test]
fn no_acknowledged_batch_is_lost_or_doubled_by_a_hundred_kills() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let (mut random, mut next) = (0x5eed_u64, 0_i64);
    for kill in 0..KILLS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_historian-kill-target"))
            .arg(&path)
            // Every third start sends the last batches again, as a sender without an answer would.
            .arg(if kill % 3 == 2 { next - 1 } else { next }.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let wanted = 1 + (random >> 33) % 60;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = next - 1;
        for _ in 0..wanted {
            acknowledged = lines
                .next()
                .expect("it ingests until it is killed")
                .unwrap()
                .parse()
                .unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if let Some(last) = lines.map_while(Result::ok).last() {
            acknowledged = last.parse().unwrap();
        }
        next = check(&path, acknowledged);
    }
    assert!(
        next > 1_000,
        "the kills must have met seals and corrections, {next} batches did not"
    );
}
