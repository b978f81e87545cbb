//! A volume that is really full: a small one in memory, where the system lets us mount it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use iq_domain::{StatusCode, TimeRange, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, HistorianState, Row};

/// A mounted volume; gone with its owner.
struct Volume<'a>(&'a Path);

impl<'a> Volume<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(at)
            .output()
            .ok()?;
        mount.status.success().then_some(Self(at))
    }
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

fn batch(from: i64) -> Vec<Row> {
    (from..from + 500)
        .map(|i| Row {
            signal_no: (i % 5) as u32,
            t: Timestamp(1_700_000_000_000 + i * 1_000),
            value: Some(Value::Number((i as f64).sqrt().sin())),
            status: StatusCode::GOOD,
        })
        .collect()
}

#[test]
fn a_full_volume_refuses_whole_batches_and_recovers_when_space_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::mount(dir.path()) else {
        // Straight to the stream: the harness hides what the macros print in a test that passes.
        writeln!(
            std::io::stderr(),
            "SKIPPED, NOT TESTED: this account may not mount a volume of limited size"
        )
        .unwrap();
        return;
    };
    let path = dir.path().join("h.db");
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![0_u8; 4 << 20]).unwrap();
    let config = HistorianConfig {
        chunk_samples: 1_024,
        ..HistorianConfig::default()
    };
    let h = Historian::open(&path, config.clone()).unwrap();
    let mut sent = 0;
    let error = loop {
        match h.append_blocking(batch(sent)) {
            Ok(_) => sent += 500,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "store.disk_full");
    assert!(matches!(
        h.stats().unwrap().state,
        HistorianState::DiskFull { .. }
    ));
    let count = |h: &Historian| -> i64 {
        let range = TimeRange {
            from: Timestamp(0),
            to: Timestamp(1 << 44),
        };
        (0..5)
            .map(|s| h.raw(s, range, usize::MAX).unwrap().len() as i64)
            .sum()
    };
    assert_eq!(
        count(&h),
        sent,
        "what was acknowledged can be read, the refused batch is not there"
    );
    std::fs::remove_file(&ballast).unwrap();
    h.append_blocking(batch(sent)).unwrap();
    assert_eq!(h.stats().unwrap().state, HistorianState::Ok);
    drop(h);
    let h = Historian::open(&path, config).unwrap();
    assert_eq!(count(&h), sent + 500);
    drop(h);
    drop(volume);
}
