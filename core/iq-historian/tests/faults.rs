//! What must not go wrong: damaged chunks, newer and foreign files, a full disk, a second owner.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use iq_domain::{CodedError, ManualClock, StatusCode, TimeRange, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, HistorianError, HistorianState, Row};
use rusqlite::Connection;

const BASE: i64 = 1_700_000_000_000;

fn rows(signal_no: u32, from: i64, n: i64) -> Vec<Row> {
    (from..from + n)
        .map(|i| Row {
            signal_no,
            t: Timestamp(BASE + i * 1_000),
            value: Some(Value::Number(((i * 7_919) % 10_007) as f64 / 100.0)),
            status: StatusCode::GOOD,
        })
        .collect()
}

fn all() -> TimeRange {
    TimeRange {
        from: Timestamp(0),
        to: Timestamp(1 << 44),
    }
}

fn open(path: &Path) -> Result<Historian, HistorianError> {
    Historian::open(
        path,
        HistorianConfig {
            chunk_samples: 256,
            ..HistorianConfig::default()
        },
    )
}

fn code(error: Result<impl Sized, HistorianError>) -> &'static str {
    CodedError::from(error.err().expect("an error")).code
}

#[test]
fn a_damaged_chunk_is_reported_and_never_returned() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let h = open(&path).unwrap();
    h.append_blocking(rows(1, 0, 1_000)).unwrap();
    h.append_blocking(rows(2, 0, 100)).unwrap();
    h.checkpoint().unwrap();
    h.close().unwrap();
    drop(h);
    let sql = Connection::open(&path).unwrap();
    let (id, mut blob): (i64, Vec<u8>) = sql
        .query_row(
            "SELECT id, blob FROM chunk ORDER BY id LIMIT 1 OFFSET 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let middle = blob.len() / 2;
    blob[middle] ^= 4;
    sql.execute(
        "UPDATE chunk SET blob = ?1 WHERE id = ?2",
        rusqlite::params![blob, id],
    )
    .unwrap();
    drop(sql);

    let h = open(&path).unwrap();
    let error = h.raw(1, all(), usize::MAX).unwrap_err();
    let HistorianError::ChunkDamaged { signal_no: 1, t0 } = error else {
        panic!("{error} does not name the chunk");
    };
    let coded = CodedError::from(error);
    assert_eq!(coded.code, "historian.chunk_damaged");
    assert_eq!(coded.params["time"], t0.to_string());
    assert_eq!(code(h.buckets(1, all(), 45_000)), "historian.chunk_damaged");
    let before = TimeRange {
        from: Timestamp(0),
        to: t0,
    };
    assert!(
        !h.raw(1, before, usize::MAX).unwrap().is_empty(),
        "the rest can be read"
    );
    assert_eq!(
        h.raw(2, all(), usize::MAX).unwrap().len(),
        100,
        "other signals can be read"
    );
    // Late samples that belong into it are not merged away over it.
    let mut late = rows(1, 0, 900);
    late.iter_mut().for_each(|row| row.t = row.t.plus_ms(500));
    h.append_blocking(late).unwrap();
    h.checkpoint().unwrap();
    assert_eq!(h.compact().unwrap().damaged, 1);
    assert_eq!(code(h.raw(1, all(), usize::MAX)), "historian.chunk_damaged");
    // Retention takes it away once all of it is too old.
    h.retain(1, Timestamp(BASE + 10_000_000), &[]).unwrap();
    assert_eq!(h.raw(1, all(), usize::MAX).unwrap(), vec![]);
    assert_eq!(h.last(1), None);
}

#[test]
fn damaged_rollups_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let h = open(&path).unwrap();
    h.append_blocking(rows(1, 0, 1_000)).unwrap();
    h.checkpoint().unwrap();
    drop(h);
    let sql = Connection::open(&path).unwrap();
    sql.execute(
        "UPDATE chunk_minute SET blob = substr(blob, 1, 9) || x'00' || substr(blob, 11)",
        [],
    )
    .unwrap();
    drop(sql);
    let h = open(&path).unwrap();
    assert_eq!(code(h.buckets(1, all(), 60_000)), "historian.chunk_damaged");
    assert!(h.buckets(1, all(), 45_000).is_ok());
}

#[test]
fn a_damaged_journal_row_is_set_aside_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let h = open(&path).unwrap();
    for part in 0..3 {
        h.append_blocking(rows(1, part * 10, 10)).unwrap();
    }
    drop(h);
    let sql = Connection::open(&path).unwrap();
    sql.execute(
        "UPDATE journal SET blob = substr(blob, 1, 20) || x'ff' WHERE id = 2",
        [],
    )
    .unwrap();
    drop(sql);
    for _ in 0..2 {
        let h = open(&path).unwrap();
        assert_eq!(h.stats().unwrap().damaged_journal_rows, 1);
        assert_eq!(h.raw(1, all(), usize::MAX).unwrap().len(), 20);
    }
}

#[test]
fn a_newer_file_is_refused_and_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let h = open(&path).unwrap();
    h.append_blocking(rows(1, 0, 10)).unwrap();
    h.close().unwrap();
    drop(h);
    let sql = Connection::open(&path).unwrap();
    sql.execute_batch("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    drop(sql);
    let before = std::fs::read(&path).unwrap();
    let error = CodedError::from(open(&path).err().unwrap());
    assert_eq!(error.code, "historian.newer");
    assert_eq!(
        (
            error.params["found"].as_str(),
            error.params["supported"].as_str()
        ),
        ("2", "1")
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn files_that_are_none_of_ours_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    std::fs::write(
        &text,
        "not a database, but long enough to look at ".repeat(99),
    )
    .unwrap();
    assert_eq!(code(open(&text)), "historian.foreign");
    let other = dir.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a);")
        .unwrap();
    assert_eq!(code(open(&other)), "historian.foreign");
}

#[test]
fn a_second_owner_is_refused_until_the_first_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let first = open(&path).unwrap();
    assert_eq!(code(open(&path)), "historian.in_use");
    let second_handle = first.clone();
    drop(first);
    assert_eq!(
        code(open(&path)),
        "historian.in_use",
        "a clone still owns it"
    );
    drop(second_handle);
    assert!(open(&path).is_ok());
}

#[test]
fn a_full_disk_refuses_whole_batches_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let config = |max| HistorianConfig {
        // Nothing is sealed, so nothing makes room while the test looks.
        chunk_samples: 1 << 20,
        max_file_bytes: max,
        clock: Arc::new(ManualClock::at(Timestamp(77))),
        ..HistorianConfig::default()
    };
    let h = Historian::open(&path, config(Some(400_000))).unwrap();
    let mut stored = 0;
    let refused = loop {
        match h.append_blocking(rows(1, stored, 500)) {
            Ok(report) => {
                assert_eq!(report.added, 500);
                stored += 500;
            }
            Err(error) => break error,
        }
        assert!(stored < 1_000_000, "the limit was never reached");
    };
    assert_eq!(refused.code(), "store.disk_full");
    let full = HistorianState::DiskFull {
        since: Timestamp(77),
    };
    assert_eq!(h.stats().unwrap().state, full);
    let readable = h.raw(1, all(), usize::MAX).unwrap();
    assert_eq!(
        readable.len() as i64,
        stored,
        "nothing of the refused batch is there"
    );
    assert_eq!(
        h.append_blocking(rows(1, stored, 500)).unwrap_err().code(),
        "store.disk_full"
    );
    drop(h);

    // More room: what was stored is complete, and the refused batch goes in.
    let h = Historian::open(&path, config(None)).unwrap();
    assert_eq!(h.raw(1, all(), usize::MAX).unwrap(), readable);
    h.append_blocking(rows(1, stored, 500)).unwrap();
    assert_eq!(h.stats().unwrap().state, HistorianState::Ok);
    assert_eq!(
        h.raw(1, all(), usize::MAX).unwrap().len() as i64,
        stored + 500
    );
}

#[test]
fn retention_makes_room_on_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let config = HistorianConfig {
        chunk_samples: 256,
        max_file_bytes: Some(600_000),
        ..HistorianConfig::default()
    };
    let h = Historian::open(&path, config).unwrap();
    let mut stored = 0;
    while h.append_blocking(rows(1, stored, 200)).is_ok() {
        stored += 200;
    }
    assert!(stored > 0);
    let removed = h
        .retain(1, Timestamp(BASE + stored / 2 * 1_000), &[])
        .unwrap();
    assert!(removed > 0);
    h.append_blocking(rows(1, stored, 200)).unwrap();
    assert_eq!(h.stats().unwrap().state, HistorianState::Ok);
}

#[test]
fn absurd_times_are_counted_and_do_not_block_the_batch() {
    let dir = tempfile::tempdir().unwrap();
    let h = open(&dir.path().join("h.db")).unwrap();
    let mut batch = rows(1, 0, 3);
    batch[0].t = Timestamp(-11_644_473_600_000);
    batch[1].t = Timestamp(i64::MAX);
    let report = h.append_blocking(batch).unwrap();
    assert_eq!((report.added, report.refused), (1, 2));
    assert_eq!(
        code(h.append_blocking(rows(1 << 19, 0, 1))),
        "historian.signal_number"
    );
}

#[test]
fn a_closed_historian_refuses_batches() {
    let dir = tempfile::tempdir().unwrap();
    let h = open(&dir.path().join("h.db")).unwrap();
    h.append_blocking(rows(1, 0, 1_000)).unwrap();
    h.close().unwrap();
    assert_eq!(code(h.append_blocking(rows(1, 0, 1))), "historian.closed");
}

#[test]
fn many_tasks_share_commits_and_each_gets_its_own_answer() {
    let dir = tempfile::tempdir().unwrap();
    let h = open(&dir.path().join("h.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..50_u32)
            .map(|signal| {
                let h = h.clone();
                tokio::spawn(async move {
                    for part in 0..4 {
                        let n = i64::from(signal % 5) + 1;
                        let report = h.append(rows(signal, part * 10, n)).await.unwrap();
                        assert_eq!(report.added, n as u64);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    for signal in 0..50 {
        let expected = 4 * (signal as usize % 5 + 1);
        assert_eq!(h.raw(signal, all(), usize::MAX).unwrap().len(), expected);
    }
}

#[test]
fn slow_signals_do_not_hold_the_journal_nor_make_tiny_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let config = HistorianConfig {
        chunk_samples: 1_024,
        journal_budget_bytes: 20_000,
        ..HistorianConfig::default()
    };
    let h = Historian::open(&path, config.clone()).unwrap();
    for signal in 1..40 {
        h.append_blocking(rows(signal, 0, 2)).unwrap();
    }
    for part in 0..300 {
        h.append_blocking(rows(0, part * 100, 100)).unwrap();
    }
    let stats = h.stats().unwrap();
    assert!(
        stats.journal_bytes < 60_000,
        "{} bytes in the journal",
        stats.journal_bytes
    );
    drop(h);
    let sql = Connection::open(&path).unwrap();
    let tiny: i64 = sql
        .query_row("SELECT count(*) FROM chunk_hour WHERE n < 100", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(tiny, 0);
    drop(sql);
    let h = Historian::open(&path, config).unwrap();
    for signal in 1..40 {
        assert_eq!(h.raw(signal, all(), usize::MAX).unwrap().len(), 2);
    }
    assert_eq!(h.raw(0, all(), usize::MAX).unwrap().len(), 30_000);
}

#[test]
fn long_trends_come_from_rollups_and_keep_extremes_and_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let h = Historian::open(&dir.path().join("h.db"), HistorianConfig::default()).unwrap();
    let n = 600_000_i64;
    let mut samples = rows(5, 0, n);
    samples[300_123].value = Some(Value::Number(-999.5));
    for row in &mut samples[400_000..400_300] {
        row.status = StatusCode::BAD;
        row.value = None;
    }
    for part in samples.chunks(50_000) {
        h.append_blocking(part.to_vec()).unwrap();
    }
    h.checkpoint().unwrap();
    let window = TimeRange {
        from: Timestamp(BASE),
        to: Timestamp(BASE + n * 1_000),
    };
    let chart = h.decimate(5, window, 1_000).unwrap();
    assert_eq!(chart.provenance, iq_domain::Provenance::RolledUp);
    assert!(chart.points.len() <= 5_000);
    assert!(chart.points.windows(2).all(|p| p[0].t <= p[1].t));
    let spike = |p: &&iq_domain::Point| p.value == Some(Value::Number(-999.5));
    assert!(chart.points.iter().any(|p| spike(&p)), "the spike is kept");
    let gap = BASE + 400_000_000..BASE + 400_300_000;
    assert!(
        chart
            .points
            .iter()
            .any(|p| p.value.is_none() && gap.contains(&(p.t.0 + 59_999))),
        "the gap is kept"
    );
    let raw = TimeRange {
        from: Timestamp(BASE),
        to: Timestamp(BASE + 86_400_000),
    };
    assert_eq!(
        h.decimate(5, raw, 1_000).unwrap().provenance,
        iq_domain::Provenance::Raw
    );
}
