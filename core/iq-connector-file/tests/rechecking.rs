//! What stays said of a file when a person corrects how it is read, and which zone it is read in.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::HashMap, ops::ControlFlow};

use iq_connector_file::{
    FileProfile, FileSource, Hints, Position, ReadOptions, Unknown, Wanted, detect, preview,
    read_file, recheck, recut,
};
use iq_domain::Timestamp;

const NOW: Timestamp = Timestamp(1_767_225_600_000);

fn with_file(text: &str, test: impl FnOnce(&FileSource, FileProfile)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, text).unwrap();
    let source = FileSource::open(&path).unwrap();
    let profile = detect(&source, &Hints::default()).unwrap();
    test(&source, profile);
}

fn codes(profile: &FileProfile) -> Vec<&str> {
    profile.warnings.iter().map(|w| w.code.as_str()).collect()
}

fn in_riyadh(source: &FileSource, profile: FileProfile) -> FileProfile {
    let mut layout = profile.layout.clone();
    layout.time_zone = "Asia/Riyadh".to_owned();
    recheck(source, profile, layout).unwrap()
}

fn first_time(source: &FileSource, profile: &FileProfile) -> String {
    let readings = preview(source, profile.format, &profile.layout, NOW).unwrap();
    readings[0].at.unwrap().to_string()
}

#[test]
fn a_zone_is_for_times_that_name_none() {
    let titled = "Time (UTC),TI-101\n2024-01-31 10:00:00,80.5\n2024-01-31 10:01:00,80.6\n";
    with_file(titled, |source, profile| {
        assert!(profile.names_zone);
        let kept = in_riyadh(source, profile);
        assert_eq!(kept.layout.time_zone, "UTC");
        assert_eq!(codes(&kept), ["file.zone_kept"]);
        assert_eq!(first_time(source, &kept), "2024-01-31T10:00:00.000Z");
        // Said once: the next correction is about something else.
        let layout = kept.layout.clone();
        assert!(codes(&recheck(source, kept, layout).unwrap()).is_empty());
    });
    let offsets = "Time,TI-101\n2024-01-31T10:00:00+04:00,80.5\n2024-01-31T10:01:00+04:00,80.6\n";
    with_file(offsets, |source, profile| {
        assert!(profile.names_zone);
        let kept = in_riyadh(source, profile);
        assert_eq!(first_time(source, &kept), "2024-01-31T06:00:00.000Z");
    });
    with_file(&titled.replace(" (UTC)", ""), |source, profile| {
        assert!(!profile.names_zone);
        assert_eq!(codes(&profile), ["file.zone_assumed"]);
        let moved = in_riyadh(source, profile);
        assert_eq!(first_time(source, &moved), "2024-01-31T07:00:00.000Z");
        assert!(codes(&moved).is_empty(), "a person has said it");
    });
    with_file(&titled.replace("UTC", "GMT+3"), |source, profile| {
        assert_eq!(profile.layout.time_zone, "+03:00");
        assert_eq!(first_time(source, &profile), "2024-01-31T07:00:00.000Z");
    });
}

const DOUBTFUL: &str = "Time;Tag;Value;Quality\n\
    01/02/2024 10:00:00;TI-101;80,5;Gut\n\
    03/02/2024 10:01:00;TI-101;80,6;Gut\n";

#[test]
fn another_zone_answers_no_other_question() {
    with_file(DOUBTFUL, |source, profile| {
        let all = [
            "file.date_ambiguous",
            "file.zone_assumed",
            "file.quality_unknown",
        ];
        assert_eq!(codes(&profile), all);
        let moved = in_riyadh(source, profile);
        assert_eq!(
            codes(&moved),
            ["file.date_ambiguous", "file.quality_unknown"]
        );
        let mut layout = moved.layout.clone();
        layout.date_format = iq_connector_file::DateFormat::MonthFirst;
        let dated = recheck(source, moved, layout).unwrap();
        assert_eq!(codes(&dated), ["file.quality_unknown"]);
        let mut layout = dated.layout.clone();
        layout.columns[3].role = iq_connector_file::Role::Ignore;
        let ignored = recheck(source, dated, layout).unwrap();
        assert!(codes(&ignored).is_empty());
    });
}

#[test]
fn a_guessed_encoding_stays_a_guess_when_the_table_is_cut_anew() {
    let western =
        b"Zeit;K\xFChlwasser;Druck\n31.01.2024 10:00;12,5;3,2\n31.01.2024 10:01;12,6;3,3\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, western).unwrap();
    let source = FileSource::open(&path).unwrap();
    let old = detect(&source, &Hints::default()).unwrap();
    assert!(codes(&old).contains(&"file.encoding_guessed"), "{old:#?}");
    let hints = Hints {
        encoding: Some(old.layout.encoding),
        delimiter: Some(old.layout.delimiter),
        header_row: Some(0),
        ..Hints::default()
    };
    let again = recut(&source, &hints, &old).unwrap();
    assert!(codes(&again).contains(&"file.encoding_guessed"));
}

fn unknown_of(text: &str) -> Unknown {
    let mut all = Unknown::default();
    with_file(text, |source, profile| {
        let options = ReadOptions {
            from: Position::default(),
            wanted: Wanted::None,
            units: HashMap::new(),
            now: NOW,
        };
        read_file(
            source,
            profile.format,
            &profile.layout,
            options,
            &mut |chunk| {
                all.add(&chunk.unknown);
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    });
    all
}

#[test]
fn words_far_behind_the_first_rows_are_counted_too() {
    let mut text = "time,tag,value,quality\n".to_owned();
    for i in 0..3_000 {
        let word = if i < 2_000 { "Good" } else { "Gut" };
        text.push_str(&format!("{},TI-101,{i},{word}\n", 1_706_745_598 + i));
    }
    let found = unknown_of(&text);
    assert_eq!((found.qualities.rows, found.states.rows), (1_000, 0));
    assert_eq!(found.qualities.words, ["Gut"]);
    let journal = "Time,Source,Message,State\n\
        2024-01-31 10:00:00,PAH-1,Discharge pressure high,نشط\n\
        2024-01-31 10:00:00,PAH-1,Discharge pressure high,غريب\n\
        2024-01-31 10:05:00,PAH-1,Discharge pressure high,عاد\n";
    let found = unknown_of(journal);
    assert_eq!(
        (found.states.rows, found.states.words),
        (1, vec!["غريب".to_owned()])
    );
}
