//! Files made to hurt: bombs, lies, endless lines; and the memory a large file takes.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use iq_connector_file::{
    Chunk, Encoding, FileSource, Hints, ImportLayout, Position, ReadOptions, Reject, TagFound,
    Wanted, detect, read_file,
};
use iq_domain::{Timestamp, Value};
use zip::write::SimpleFileOptions;

const NOW: Timestamp = Timestamp(1_767_225_600_000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

#[derive(Default)]
struct Read {
    samples: usize,
    rejects: Vec<Reject>,
    tags: Vec<TagFound>,
    values: Vec<Option<Value>>,
}

fn read(path: &Path) -> Result<(ImportLayout, Read), &'static str> {
    read_with(path, &Hints::default())
}

fn read_with(path: &Path, hints: &Hints) -> Result<(ImportLayout, Read), &'static str> {
    let source = FileSource::open(path).map_err(|e| e.code)?;
    let profile = detect(&source, hints).map_err(|e| e.code)?;
    let mut all = Read::default();
    let options = ReadOptions {
        from: Position::default(),
        wanted: Wanted::All,
        units: std::collections::HashMap::new(),
        now: NOW,
    };
    all.tags = read_file(
        &source,
        profile.format,
        &profile.layout,
        options,
        &mut |chunk: Chunk| {
            all.samples += chunk.samples.len();
            all.rejects.extend(chunk.rejects);
            all.values
                .extend(chunk.samples.into_iter().map(|s| s.value));
            ControlFlow::Continue(())
        },
    )
    .map_err(|e| e.code)?;
    Ok((profile.layout, all))
}

const CONTENT_TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>"#;
const RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Trend" sheetId="1" r:id="r1"/></sheets></workbook>"#;
const WORKBOOK_RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const STYLES: &str = r#"<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#;

/// A spreadsheet whose sheet is written by `sheet`.
fn spreadsheet(path: &Path, sheet: impl FnOnce(&mut dyn Write)) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = SimpleFileOptions::default();
    for (name, text) in [
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", RELS),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", WORKBOOK_RELS),
        ("xl/styles.xml", STYLES),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive
        .start_file("xl/worksheets/sheet1.xml", options.large_file(true))
        .unwrap();
    sheet(&mut archive);
    archive.finish().unwrap();
}

fn rows(text: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{text}</sheetData></worksheet>"#
    )
}

fn text_cell(at: &str, text: &str) -> String {
    format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

#[test]
fn a_spreadsheet_is_read_with_its_dates_formulas_and_errors() {
    let folder = Folder::new();
    // A lying name: the content decides.
    let path = folder.0.path().join("trend.csv");
    let titles = [("A1", "Time"), ("B1", "TI-101 [°C]"), ("C1", "PI-102")]
        .map(|(at, t)| text_cell(at, t))
        .concat();
    let body = format!(
        r#"<row r="1">{titles}</row>
        <row r="2"><c r="A2" s="1"><v>45322.5</v></c><c r="B2"><f>40+40.5</f><v>80.5</v></c><c r="C2"><v>3.2</v></c></row>
        <row r="4"><c r="A4" s="1"><v>45322.75</v></c><c r="B4" t="e"><v>#DIV/0!</v></c><c r="C4"><f>1/0</f></c></row>"#
    );
    spreadsheet(&path, |w| w.write_all(rows(&body).as_bytes()).unwrap());
    let (layout, all) = read(&path).unwrap();
    assert_eq!(layout.sheet.as_deref(), Some("Trend"));
    assert_eq!(layout.columns[1].tag.as_deref(), Some("TI-101"));
    assert_eq!(layout.columns[1].unit.as_deref(), Some("°C"));
    assert_eq!(all.rejects, []);
    assert_eq!(
        all.values,
        [Some(Value::Number(80.5)), Some(Value::Number(3.2)), None]
    );
    let first = all.tags[0].first_at.unwrap();
    assert_eq!(first.to_string(), "2024-01-31T12:00:00.000Z");
    assert_eq!(
        all.tags[0].last_at.unwrap().to_string(),
        "2024-01-31T18:00:00.000Z"
    );
}

#[test]
fn a_spreadsheet_that_unpacks_to_gigabytes_is_refused() {
    let folder = Folder::new();
    let path = folder.0.path().join("bomb.xlsx");
    spreadsheet(&path, |w| {
        let blank = vec![b' '; 1024 * 1024];
        w.write_all(rows("").as_bytes()).unwrap();
        for _ in 0..64 {
            w.write_all(&blank).unwrap();
        }
    });
    // 64 MB of one piece between two tags, from some 70 kB.
    assert!(std::fs::metadata(&path).unwrap().len() < 200_000);
    assert_eq!(read(&path).err(), Some("file.sheet_too_large"));
}

#[test]
fn an_archive_that_is_no_spreadsheet_is_refused() {
    let folder = Folder::new();
    let path = folder.0.path().join("a.xlsx");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    archive
        .start_file("a.csv", SimpleFileOptions::default())
        .unwrap();
    archive.write_all(b"time,tag,value\n").unwrap();
    archive.finish().unwrap();
    assert_eq!(read(&path).err(), Some("file.archive_no_sheet"));
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for i in 0..3_000 {
        archive
            .start_file(format!("{i}.xml"), SimpleFileOptions::default())
            .unwrap();
    }
    archive.finish().unwrap();
    assert_eq!(read(&path).err(), Some("file.sheet_too_large"));
    let cut = std::fs::read(&path).unwrap();
    std::fs::write(&path, &cut[..cut.len() / 2]).unwrap();
    assert_eq!(read(&path).err(), Some("file.sheet_damaged"));
}

#[test]
fn bad_rows_cost_themselves_and_nothing_else() {
    let folder = Folder::new();
    let mut text = b"time,tag,value\n2024-01-31 10:00:00,TI-101,80.5\n".to_vec();
    text.extend(b"2024-01-31 10:00:01,TI-\x00101,1\n");
    text.extend(b"2024-01-31 10:00:02,\"TI-101,1\n");
    text.extend(b"2024-01-31 10:00:03,TI-\xff\xfe,1\n");
    text.extend("2024-01-31 10:00:04,TI-\u{202e}101,1\n".as_bytes());
    text.extend(
        b"2024-01-31 10:00:05,,1\n2024-01-31 10:00:06,TI-101\n2099-01-01 10:00:00,TI-101,1\n",
    );
    text.extend(b"2024-01-31 10:00:07,TI-101,1.2.3\nnonsense,TI-101,1\n");
    text.extend(std::iter::repeat_n(b',', 2_000_000));
    text.extend(b"\n2024-01-31 10:00:08,TI-101,81\n");
    let hints = Hints {
        encoding: Some(Encoding::Utf8),
        ..Hints::default()
    };
    let (_, all) = read_with(&folder.put("a.csv", &text), &hints).unwrap();
    assert_eq!(all.samples, 2);
    let codes: Vec<(u64, &str)> = all.rejects.iter().map(|r| (r.row, r.code)).collect();
    assert_eq!(
        codes,
        [
            (3, "file.row_has_nul"),
            (4, "file.quote_open"),
            (5, "file.text_undecodable"),
            (6, "file.tag_wrong"),
            (7, "file.tag_missing"),
            (8, "file.cell_missing"),
            (9, "file.time_in_future"),
            (10, "file.value_unreadable"),
            (11, "file.time_unreadable"),
            (12, "file.row_too_long"),
        ]
    );
    assert!(all.rejects.iter().all(|r| r.text.chars().count() <= 300));
}

#[test]
fn pipes_and_folders_are_not_opened() {
    let folder = Folder::new();
    assert_eq!(read(folder.0.path()).err(), Some("file.not_regular"));
    assert_eq!(read(&folder.0.path().join("none")).err(), Some("file.gone"));
}

/// Resident memory of this process at its highest.
#[cfg(target_os = "linux")]
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb * 1024
}

/// A long table of about `megabytes`: the same hours over and over.
fn long_table(path: &Path, megabytes: usize) -> u64 {
    let mut block = String::new();
    for row in 0..200_000_u64 {
        let t = Timestamp(1_700_000_000_000 + i64::try_from(row / 20).unwrap() * 1_000);
        let (tag, whole, part) = (row % 20, row % 997, row % 100);
        block.push_str(&format!("{t},AREA-1.TI-{tag:03},{whole}.{part:02},Good\n"));
    }
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(file, "time,tag,value,quality").unwrap();
    let blocks = megabytes * 1024 * 1024 / block.len();
    for _ in 0..blocks {
        file.write_all(block.as_bytes()).unwrap();
    }
    file.flush().unwrap();
    blocks as u64 * 200_000
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_300_megabytes_takes_no_more_memory_than_a_small_one() {
    let folder = Folder::new();
    let path = folder.0.path().join("big.csv");
    let rows = long_table(&path, 300);
    let source = FileSource::open(&path).unwrap();
    let profile = detect(&source, &Hints::default()).unwrap();
    let before = peak_bytes();
    let options = ReadOptions {
        from: Position::default(),
        wanted: Wanted::All,
        units: std::collections::HashMap::new(),
        now: NOW,
    };
    let (mut samples, mut rejects) = (0, 0);
    let start = std::time::Instant::now();
    let tags = read_file(
        &source,
        profile.format,
        &profile.layout,
        options,
        &mut |chunk| {
            samples += chunk.samples.len() as u64;
            rejects += chunk.rejects.len();
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let grown = peak_bytes().saturating_sub(before);
    assert_eq!((samples, rejects, tags.len()), (rows, 0, 20));
    assert!(
        grown <= 64 * 1024 * 1024,
        "{} MiB more",
        grown / 1024 / 1024
    );
    if !cfg!(debug_assertions) {
        let rate = rows as f64 / seconds;
        assert!(rate >= 1_000_000.0, "{rate:.0} rows/s");
    }
    assert_eq!(Arc::strong_count(&tags[0].tag), 1, "no sample is held");
}
