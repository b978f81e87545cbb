//! A long table whose rows name their units: the numbers of a tag leave in one unit, and a row whose
//! unit means nothing is told of.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use iq_connector_file::{
    FileSource, Hints, Position, ReadOptions, Reject, Role, TagFound, Wanted, detect, read_file,
};
use iq_domain::{Quality, Timestamp, Value};

type Units<'a> = &'a [(&'a str, &'a str)];

#[derive(Default)]
struct Read {
    roles: Vec<Role>,
    values: Vec<(String, Option<Value>, Quality)>,
    rejects: Vec<Reject>,
    tags: Vec<TagFound>,
    position: Position,
}

fn source(folder: &tempfile::TempDir, text: &str) -> FileSource {
    let path = folder.path().join("upload");
    std::fs::write(&path, text).unwrap();
    FileSource::open(&path).unwrap()
}

fn read_from(source: &FileSource, from: Position, units: Units<'_>, stop: bool) -> Read {
    let profile = detect(source, &Hints::default()).unwrap();
    let mut all = Read {
        roles: profile.layout.columns.iter().map(|c| c.role).collect(),
        ..Read::default()
    };
    let asked = units
        .iter()
        .map(|(tag, unit)| (Arc::<str>::from(*tag), (*unit).to_owned()));
    let options = ReadOptions {
        from,
        wanted: Wanted::All,
        units: asked.collect::<HashMap<_, _>>(),
        now: Timestamp(1_767_225_600_000),
    };
    let (layout, format) = (&profile.layout, profile.format);
    let tags = read_file(source, format, layout, options, &mut |chunk| {
        all.rejects.extend(chunk.rejects);
        all.values.extend(chunk.samples.into_iter().map(|s| {
            let quality = s.status.quality();
            (s.external_tag.to_string(), s.value, quality)
        }));
        all.position = chunk.position;
        if stop {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    all.tags = tags.unwrap();
    all
}

fn read(text: &str, units: Units<'_>) -> Read {
    let folder = tempfile::tempdir().unwrap();
    read_from(&source(&folder, text), Position::default(), units, false)
}

fn numbers(read: &Read) -> Vec<f64> {
    let number = |value: &Option<Value>| match value {
        Some(Value::Number(n)) => (n * 100.0).round() / 100.0,
        other => panic!("{other:?}"),
    };
    read.values.iter().map(|(_, v, _)| number(v)).collect()
}

const PSI: &str = "TagName;DateTime;Value;Unit;Quality\n\
    PT-1;2024-01-31 10:00:00;900,5;psi;Good\n\
    PT-1;2024-01-31 10:01:00;901,5;psi;Good\n\
    PT-1;2024-01-31 10:02:00;902,5;psi;Good\n\
    PT-1;2024-01-31 10:03:00;903,5;psi;Good\n";

#[test]
fn the_unit_of_the_rows_is_the_unit_of_the_tag() {
    let all = read(PSI, &[]);
    assert_eq!(
        all.roles,
        [
            Role::Tag,
            Role::Timestamp,
            Role::Value,
            Role::Unit,
            Role::Quality
        ]
    );
    assert_eq!(all.tags[0].unit.as_deref(), Some("psi"));
    assert_eq!(numbers(&all), [900.5, 901.5, 902.5, 903.5]);
    assert!(all.values.iter().all(|(_, _, q)| *q == Quality::Good));
}

#[test]
fn a_unit_as_the_last_column_is_no_quality() {
    let text = "TagName;DateTime;Value;Unit\n\
        PT-1;2024-01-31 10:00:00;900,5;psi\n\
        PT-1;2024-01-31 10:01:00;901,5;psi\n\
        PT-1;2024-01-31 10:02:00;902,5;psi\n\
        PT-1;2024-01-31 10:03:00;903,5;psi\n";
    let all = read(text, &[]);
    assert_eq!(all.roles.last(), Some(&Role::Unit));
    assert!(all.values.iter().all(|(_, _, q)| *q == Quality::Good));
    let arabic = text.replace("Value;Unit", "القيمة;الوحدة");
    assert_eq!(read(&arabic, &[]).roles.last(), Some(&Role::Unit));
}

#[test]
fn rows_of_other_units_are_converted_to_the_one_of_their_tag() {
    let text = "tag,time,value,uom\n\
        PT-1,2024-01-31 10:00:00,10,bar\n\
        PT-1,2024-01-31 10:01:00,145.0377,psig\n\
        PT-1,2024-01-31 10:02:00,1000,kPa\n\
        PT-1,2024-01-31 10:03:00,10,\n\
        TT-1,2024-01-31 10:00:00,212,degF\n\
        TT-1,2024-01-31 10:01:00,100,°C\n";
    let all = read(text, &[]);
    assert_eq!(all.rejects, []);
    assert_eq!(numbers(&all), [10.0, 10.0, 10.0, 10.0, 212.0, 212.0]);
}

#[test]
fn a_tag_that_is_mapped_leaves_in_the_unit_of_its_mapping() {
    let all = read(PSI, &[("PT-1", "bar")]);
    assert_eq!(numbers(&all), [62.09, 62.16, 62.23, 62.29]);
}

#[test]
fn a_unit_that_means_nothing_costs_its_row_and_no_other() {
    let text = "tag,time,value,unit\n\
        PT-1,2024-01-31 10:00:00,10,bar\n\
        PT-1,2024-01-31 10:01:00,11,furlong\n\
        PT-1,2024-01-31 10:02:00,12,degC\n\
        PT-1,2024-01-31 10:03:00,13,bar\n\
        XI-1,2024-01-31 10:03:00,TRIPPED,furlong\n\
        PT-2,2024-01-31 10:03:00,14,furlong\n";
    let all = read(text, &[]);
    let rejects: Vec<_> = all
        .rejects
        .iter()
        .map(|r| (r.row, r.column.as_deref(), r.code, r.text.as_str()))
        .collect();
    assert_eq!(
        rejects,
        [
            (3, Some("unit"), "file.unit_unknown", "furlong"),
            (4, Some("unit"), "file.unit_incompatible", "degC"),
            (7, Some("unit"), "file.unit_unknown", "furlong"),
        ]
    );
    assert_eq!(all.values.len(), 3, "{:?}", all.values);
}

#[test]
fn reading_that_goes_on_keeps_the_units_of_the_beginning() {
    let mut text = "tag,time,value,unit\n".to_owned();
    for row in 0..20_000_u32 {
        let (value, unit) = if row < 5 {
            ("10", "bar")
        } else {
            ("1000", "kPa")
        };
        let (hour, minute, second) = (row / 3_600, row / 60 % 60, row % 60);
        text.push_str(&format!(
            "PT-1,2024-01-31 {hour:02}:{minute:02}:{second:02},{value},{unit}\n"
        ));
    }
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder, &text);
    let first = read_from(&source, Position::default(), &[], true);
    assert!(first.values.len() < 20_000);
    let rest = read_from(&source, first.position, &[], false);
    assert_eq!(first.values.len() + rest.values.len(), 20_000);
    let mut all = numbers(&first).into_iter().chain(numbers(&rest));
    assert!(all.all(|n| (n - 10.0).abs() < 1e-9));
}
