//! A journal broken off in the middle of a moment goes on with the ids and the counts it had.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::BTreeSet, ops::ControlFlow};

use iq_connector_file::{
    Again, FileSource, Hints, Position, ReadOptions, Wanted, detect, read_file,
};
use iq_domain::Timestamp;

/// Rows of one second: more than a chunk takes.
const ROWS: u64 = 1_500;

#[derive(Default)]
struct Read {
    rows: u64,
    repeats: u64,
    ids: Vec<String>,
    rejects: u64,
    position: Position,
    again: Again,
}

fn read(source: &FileSource, from: Position, stop: bool) -> Read {
    let profile = detect(source, &Hints::default()).unwrap();
    let mut all = Read::default();
    let options = ReadOptions {
        from,
        wanted: Wanted::All,
        units: std::collections::HashMap::new(),
        now: Timestamp(1_767_225_600_000),
    };
    read_file(
        source,
        profile.format,
        &profile.layout,
        options,
        &mut |chunk| {
            all.rows += chunk.rows;
            all.repeats += chunk.repeats;
            all.rejects += chunk.rejects.len() as u64;
            all.ids
                .extend(chunk.events.into_iter().map(|e| e.source_id));
            (all.position, all.again) = (chunk.position, chunk.again);
            if stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )
    .unwrap();
    all
}

#[test]
fn a_journal_goes_on_in_the_middle_of_a_moment() {
    let mut text = "Time,Source,Message,State,Priority,Remark\n\
        2024-01-31 09:59:00,LT-1,Level low,ACT,2,\n"
        .to_owned();
    for row in 0..ROWS {
        // Rows that differ in a cell that nothing is read from.
        let line = format!("2024-01-31 10:00:00,PAH-102,Pressure high,ACT,1,note {row}\n");
        text.push_str(&line);
        if row == 10 {
            text.push_str("never,PAH-102,Pressure high,ACT,1,\n");
            // The same row in every cell, in the chunk that is read again.
            text.push_str(&line);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.csv");
    std::fs::write(&path, text).unwrap();
    let source = FileSource::open(&path).unwrap();

    let whole = read(&source, Position::default(), false);
    assert_eq!((whole.rows, whole.rejects), (ROWS + 3, 1));
    assert_eq!(whole.repeats, 1);
    let ids: BTreeSet<&String> = whole.ids.iter().collect();
    assert_eq!(ids.len() as u64, ROWS + 1, "each row is an event");

    let first = read(&source, Position::default(), true);
    assert!(first.rows < whole.rows);
    let rest = read(&source, first.position, false);
    let both: BTreeSet<&String> = first.ids.iter().chain(&rest.ids).collect();
    assert_eq!(both, ids, "no event twice, none lost");
    assert_eq!(first.rows - first.again.rows + rest.rows, whole.rows);
    assert_eq!(first.repeats - first.again.repeats + rest.repeats, 1);
    assert_eq!(first.rejects - first.again.rejects + rest.rejects, 1);
    let counted = first.ids.len() as u64 - first.again.events + rest.ids.len() as u64;
    assert_eq!(counted, ROWS + 1);
}

#[test]
fn rows_that_are_the_same_in_every_cell_are_one_event_within_a_file_and_between_files() {
    let head = "Time,Source,Message,State,Priority,Remark\n";
    let high = "2024-01-31 10:00:00,PAH-102,Pressure high,ACT,1,a\n";
    let other = "2024-01-31 10:00:00,PAH-102,Pressure high,ACT,1,b\n";
    let low = "2024-01-31 10:00:05,LT-1,Level low,ACT,2,a\n";
    let ids = |name: &str, rows: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, [&[head], rows].concat().concat()).unwrap();
        let read = read(
            &FileSource::open(&path).unwrap(),
            Position::default(),
            false,
        );
        let distinct: BTreeSet<String> = read.ids.iter().cloned().collect();
        (read.ids.len(), read.repeats, distinct)
    };
    let (events, repeats, once) = ids("once.csv", &[high, other, low, low]);
    assert_eq!((events, repeats, once.len()), (3, 1, 3));
    // An export that was put behind another: the moments come again, with the ids they had.
    let (_, repeats, twice) = ids("twice.csv", &[high, other, high, low, high, other, low]);
    assert_eq!((repeats, &twice), (1, &once));
    let (_, _, overlapping) = ids("overlap.csv", &[other, low]);
    assert_eq!(overlapping.len(), 2);
    assert_eq!(overlapping.intersection(&once).count(), 2);
}
