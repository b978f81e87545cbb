//! A few hundred states at every run, ten thousand on request (docs/guides/power-cuts.md). The same
//! search over the same programs without their flushes must find what it is looking for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use iq_powercut::{Case, Event, Flushes, Recording, Scenario, historian, search, store};
use rusqlite::Connection;

fn case(states: usize, flushes: Flushes) -> Case {
    Case {
        states,
        seed: 0x5EED,
        flushes,
        threads: 2,
        keep: None,
    }
}

fn holds(scenario: &dyn Scenario, states: usize) {
    let report = search(scenario, &case(states, Flushes::Kept)).unwrap();
    assert_eq!(report.states, states);
    assert!(report.distinct > states * 3 / 4, "{report:?}");
    assert_eq!(report.violations, 0, "{:#?}", report.told);
}

fn is_found(scenario: &dyn Scenario, states: usize) {
    let report = search(scenario, &case(states, Flushes::Ignored)).unwrap();
    assert_eq!(report.flushes, 0);
    assert!(
        report.violations > states / 10,
        "a program that never flushes went through: {report:?}"
    );
}

/// Thousands of states, and the proof on the same work that the search sees.
#[allow(
    clippy::print_stderr,
    reason = "it takes minutes, and its numbers are the result"
)]
fn many(name: &str, scenario: &dyn Scenario) {
    let flushes = [(Flushes::Kept, 6_500), (Flushes::Ignored, 100)];
    for (flushes, states) in flushes {
        let case = Case {
            keep: Some(std::env::temp_dir().join("powercut-violations")),
            ..case(states, flushes)
        };
        let report = search(scenario, &case).unwrap();
        eprintln!(
            "{name}, flushes {flushes:?}: {} writes and {} flushes recorded; {} states, {} of them \
             different, {} violations",
            report.writes, report.flushes, report.states, report.distinct, report.violations
        );
        if flushes == Flushes::Ignored {
            assert!(report.violations > states / 10);
            continue;
        }
        assert_eq!(report.violations, 0, "{:#?}", report.told);
        assert!(report.distinct > states / 2, "{report:?}");
    }
}

#[test]
#[ignore = "takes minutes"]
fn thousands_of_states_of_the_store() {
    many("store", &store::Work::new(150));
}

#[test]
#[ignore = "takes minutes"]
fn thousands_of_states_of_the_historian() {
    many("historian", &historian::Work::new(1_200));
}

#[test]
fn the_store_keeps_what_it_acknowledged() {
    holds(&store::Work::new(60), 150);
}

#[test]
fn the_historian_keeps_what_it_acknowledged() {
    holds(&historian::Work::new(400), 150);
}

#[test]
fn a_store_that_does_not_flush_is_found_out() {
    is_found(&store::Work::new(40), 40);
}

#[test]
fn a_historian_that_does_not_flush_is_found_out() {
    is_found(&historian::Work::new(250), 40);
}

fn table(synchronous: &str) -> Vec<Event> {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(folder.path(), Flushes::Kept, &[]).unwrap();
    let conn = Connection::open(folder.path().join("a.db")).unwrap();
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
         CREATE TABLE fact (n INTEGER PRIMARY KEY, text TEXT);"
    ))
    .unwrap();
    for n in 0..50 {
        conn.execute("INSERT INTO fact VALUES (?, hex(randomblob(900)))", [n])
            .unwrap();
    }
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(conn);
    recording.finish()
}

#[test]
fn what_is_left_out_is_what_synchronous_off_leaves_out() {
    let flushes = |events: &[Event]| {
        let flushed = |e: &&Event| matches!(e, Event::Flushed(_) | Event::FolderFlushed);
        events.iter().filter(flushed).count()
    };
    assert!(flushes(&table("FULL")) > 50);
    // Entering the write-ahead mode stands before the pragma.
    let events = table("OFF");
    let last = events.iter().rposition(|e| matches!(e, Event::Flushed(_)));
    let wal = events
        .iter()
        .position(|e| matches!(e, Event::Created { name, .. } if name.ends_with("-wal")));
    assert!(last < wal, "{last:?} {wal:?}");
}

#[test]
fn the_record_makes_the_files_that_are_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(folder.path(), Flushes::Kept, &["checkpoints"]).unwrap();
    store::Work::new(30)
        .work(folder.path(), &recording)
        .unwrap();
    historian::Work::new(200)
        .work(folder.path(), &recording)
        .unwrap();
    let events = recording.finish();
    let mut disk = iq_powercut::Disk::new(&events);
    disk.advance(events.len());
    let files = disk.whole();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with("-shm") || name.ends_with(".lock") {
            continue;
        }
        let on_disk = std::fs::read(folder.path().join(&name)).unwrap();
        assert!(files.get(&name) == Some(&on_disk), "{name} differs");
        names.push(name);
    }
    assert_eq!(files.len(), names.len(), "{:?}", files.keys());
}
