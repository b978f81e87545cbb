//! What is written in any dialect is read back as it was.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::BTreeMap, ops::ControlFlow};

use iq_connector_file::{
    DateFormat, Encoding, FileFormat, FileKind, FileSource, ImportColumn, ImportLayout, Position,
    QualityFormat, ReadOptions, Role, Shape, Wanted, read_file,
};
use iq_domain::{Timestamp, Value};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_767_225_600_000);

#[derive(Clone, Debug)]
struct Dialect {
    encoding: Encoding,
    delimiter: char,
    quote: char,
    decimal: char,
    date_format: DateFormat,
    is_wide: bool,
    crlf: bool,
    quotes_all: bool,
}

fn dialect() -> impl Strategy<Value = Dialect> {
    let encodings = prop_oneof![
        Just(Encoding::Utf8),
        Just(Encoding::Utf16Le),
        Just(Encoding::Utf16Be),
        Just(Encoding::Windows1256),
    ];
    let dates = prop_oneof![
        Just(DateFormat::Iso),
        Just(DateFormat::DayFirst),
        Just(DateFormat::MonthFirst),
        Just(DateFormat::EpochMs),
        Just(DateFormat::ExcelSerial),
    ];
    let delimiters = prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')];
    (
        encodings,
        delimiters,
        prop_oneof![Just('"'), Just('\'')],
        prop_oneof![Just('.'), Just(',')],
        dates,
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(encoding, delimiter, quote, decimal, date_format, [is_wide, crlf, quotes_all])| {
                Dialect {
                    encoding,
                    delimiter,
                    quote,
                    decimal,
                    date_format,
                    is_wide,
                    crlf,
                    quotes_all,
                }
            },
        )
}

impl Dialect {
    fn cell(&self, text: &str) -> String {
        if self.quotes_all || text.contains([self.delimiter, self.quote, '\n']) {
            let doubled = text.replace(self.quote, &format!("{0}{0}", self.quote));
            format!("{0}{doubled}{0}", self.quote)
        } else {
            text.to_owned()
        }
    }

    fn time(&self, t: Timestamp) -> String {
        let iso = t.to_string();
        let (date, time) = (&iso[..10], &iso[11..23]);
        let (y, m, d) = (&date[..4], &date[5..7], &date[8..]);
        match self.date_format {
            DateFormat::Iso => format!("{date} {time}"),
            DateFormat::DayFirst => format!("{d}/{m}/{y} {time}"),
            DateFormat::MonthFirst => format!("{m}/{d}/{y} {time}"),
            DateFormat::EpochMs => t.0.to_string(),
            DateFormat::ExcelSerial => self.number(t.0 as f64 / 86_400_000.0 + 25_569.0),
            DateFormat::EpochS => unreachable!("whole milliseconds are written"),
        }
    }

    fn number(&self, n: f64) -> String {
        n.to_string().replace('.', &self.decimal.to_string())
    }

    fn layout(&self, tags: &[String]) -> ImportLayout {
        let column = |name: &str, role| ImportColumn {
            name: name.to_owned(),
            role,
            tag: None,
            unit: None,
        };
        let mut columns = vec![column("time", Role::Timestamp)];
        if self.is_wide {
            columns.extend(tags.iter().map(|t| ImportColumn {
                tag: Some(t.clone()),
                ..column(t, Role::Value)
            }));
        } else {
            columns.extend([column("tag", Role::Tag), column("value", Role::Value)]);
        }
        ImportLayout {
            encoding: self.encoding,
            delimiter: self.delimiter,
            quote: self.quote,
            decimal: self.decimal,
            thousands: None,
            date_format: self.date_format,
            time_zone: "UTC".to_owned(),
            kind: FileKind::Trend,
            shape: if self.is_wide {
                Shape::Wide
            } else {
                Shape::Long
            },
            quality: QualityFormat::Words,
            sheet: None,
            header_row: 1,
            first_row: 2,
            columns,
        }
    }

    fn write(&self, tags: &[String], rows: &[(Timestamp, Vec<f64>)]) -> Vec<u8> {
        let end = if self.crlf { "\r\n" } else { "\n" };
        let join = |cells: Vec<String>| cells.join(&self.delimiter.to_string()) + end;
        let mut text = if self.is_wide {
            let titles =
                std::iter::once("time".to_owned()).chain(tags.iter().map(|t| self.cell(t)));
            join(titles.collect())
        } else {
            join(vec!["time".into(), "tag".into(), "value".into()])
        };
        for (t, values) in rows {
            let time = self.cell(&self.time(*t));
            if self.is_wide {
                let cells = values.iter().map(|v| self.cell(&self.number(*v)));
                text.push_str(&join(std::iter::once(time).chain(cells).collect()));
            } else {
                for (tag, value) in tags.iter().zip(values) {
                    text.push_str(&join(vec![
                        time.clone(),
                        self.cell(tag),
                        self.cell(&self.number(*value)),
                    ]));
                }
            }
        }
        match self.encoding {
            Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Encoding::Windows1256 => encoding_rs::WINDOWS_1256.encode(&text).0.into_owned(),
            _ => text.into_bytes(),
        }
    }
}

type Series = BTreeMap<String, Vec<(Timestamp, u64)>>;

/// Reads a file; with `stop` in two goes, the second from where the first chunk ended.
fn series(
    source: &FileSource,
    layout: &ImportLayout,
    from: Position,
    stop: bool,
) -> (Series, Position, usize) {
    let (mut all, mut end, mut rejects) = (Series::new(), from, 0);
    let options = ReadOptions {
        from,
        wanted: Wanted::All,
        units: std::collections::HashMap::new(),
        now: NOW,
    };
    read_file(source, FileFormat::Csv, layout, options, &mut |chunk| {
        for sample in chunk.samples {
            let Some(Value::Number(n)) = sample.value else {
                panic!("{sample:?}")
            };
            all.entry(sample.external_tag.to_string())
                .or_default()
                .push((sample.source_time.unwrap(), n.to_bits()));
        }
        end = chunk.position;
        rejects += chunk.rejects.len();
        if stop {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    (all, end, rejects)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_is_read_back(
        dialect in dialect(),
        tags in prop::collection::btree_set("[A-Z]{1,3}[-_.,;|\"' ][0-9]{1,3}|مضخة [0-9]", 1..5),
        times in prop::collection::btree_set(1_000_000_000_000_i64..1_767_000_000_000, 1..40),
        seeds in prop::collection::vec(-1e9..1e9_f64, 200),
    ) {
        let tags: Vec<String> = tags.into_iter().collect();
        let mut next = seeds.iter().cycle();
        let rows: Vec<(Timestamp, Vec<f64>)> = times
            .into_iter()
            .map(|t| (Timestamp(t), tags.iter().map(|_| *next.next().unwrap()).collect()))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, dialect.write(&tags, &rows)).unwrap();
        let source = FileSource::open(&path).unwrap();
        let (read, _, rejects) = series(&source, &dialect.layout(&tags), Position::default(), false);
        prop_assert_eq!(rejects, 0);
        for (i, tag) in tags.iter().enumerate() {
            let written: Vec<(Timestamp, u64)> = rows.iter().map(|(t, v)| (*t, v[i].to_bits())).collect();
            prop_assert_eq!(&read[tag], &written);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, bytes).unwrap();
        let source = FileSource::open(&path).unwrap();
        if let Ok(profile) = iq_connector_file::detect(&source, &iq_connector_file::Hints::default())
            && profile.layout.problems().is_empty()
        {
            iq_connector_file::preview(&source, profile.format, &profile.layout, NOW).unwrap();
        }
    }
}

#[test]
fn reading_in_two_goes_reads_the_same_in_every_encoding() {
    for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Windows1256] {
        let dialect = Dialect {
            encoding,
            delimiter: ';',
            quote: '"',
            decimal: ',',
            date_format: DateFormat::Iso,
            is_wide: false,
            crlf: true,
            quotes_all: false,
        };
        let tags = ["مضخة 1".to_owned(), "TI;101".to_owned()];
        let rows: Vec<_> = (0..9_000_i64)
            .map(|i| {
                (
                    Timestamp(1_700_000_000_000 + i * 1_000),
                    vec![i as f64, -(i as f64) / 3.0],
                )
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, dialect.write(&tags, &rows)).unwrap();
        let source = FileSource::open(&path).unwrap();
        let layout = dialect.layout(&tags);
        let (whole, ..) = series(&source, &layout, Position::default(), false);
        let (first, end, _) = series(&source, &layout, Position::default(), true);
        assert!(end.row > 1 && first != whole, "{encoding:?}");
        let (second, ..) = series(&source, &layout, end, false);
        let mut joined = first;
        for (tag, values) in second {
            joined.entry(tag).or_default().extend(values);
        }
        assert_eq!(joined, whole, "{encoding:?}");
    }
}
