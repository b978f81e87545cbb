//! Files of both kinds, written by us, by spreadsheets and by strangers.

use std::io::Write;

use proptest::prelude::*;

use super::*;

fn row(tag: &str, scale: f64) -> Vec<Cell> {
    let text = |t: &str| Cell::Text(t.to_owned());
    vec![
        text("مصنع الشمال"),
        text(tag),
        text("P-102A"),
        text("flow"),
        text("m3/h"),
        Cell::Number(scale),
        Cell::Number(0.0),
        text("yes"),
        text(""),
        text("Flow"),
    ]
}

#[test]
fn a_csv_begins_with_the_mark_excel_needs_and_no_cell_runs() {
    let bytes = to_csv(&[row("=cmd|'/c calc'!A1", -0.5)], Language::Ar).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("\u{feff}المصدر,الوسم الخارجي,"), "{text}");
    assert!(text.contains(",'=cmd|'/c calc'!A1,"), "{text}");
    assert!(text.contains(",-0.5,"), "{text}");
}

#[test]
fn a_workbook_holds_the_same_as_text_without_formulas() {
    let bytes = to_xlsx(&[row("=1+1", 0.5), row("@x", 2.0)], Language::En).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.as_slice())).unwrap();
    let name = book.sheet_names()[0].clone();
    assert!(book.worksheet_formula(&name).unwrap().is_empty());
    let sheet = read(&bytes).unwrap();
    assert_eq!(sheet.headings[1], "external_tag");
    assert_eq!(sheet.rows[0].1[1], "=1+1");
    assert_eq!(sheet.rows[1], (3, sheet.rows[1].1.clone()));
    assert_eq!(sheet.rows[1].1[5], "2");
}

#[test]
fn separators_of_other_countries_and_empty_lines_are_understood() {
    let sheet = read("tag;asset;scale\n\nT1;P-1;0,5\n;;\nT2;P-2;1\n".as_bytes()).unwrap();
    assert!(sheet.decimal_comma);
    let lines: Vec<u64> = sheet.rows.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 5]);
    let tabs = read("tag\tasset\nT,1\tP-1\n".as_bytes()).unwrap();
    assert_eq!(tabs.rows[0].1, ["T,1", "P-1"]);
}

#[test]
fn a_row_is_called_by_the_line_a_person_counts() {
    for end in ["\n", "\r\n"] {
        let text = ["tag", "A", "\"B", "more\"", "", "C", ""].join(end);
        let lines = |sheet: Sheet| sheet.rows.iter().map(|(n, _)| *n).collect::<Vec<_>>();
        assert_eq!(lines(read(text.as_bytes()).unwrap()), [2, 3, 6], "{end:?}");
    }
}

#[test]
fn what_is_neither_of_the_two_is_refused_with_a_reason() {
    let code = |bytes: &[u8]| read(bytes).err().map(|e| e.code);
    assert_eq!(code(&[0xff, 0xfe, 0x41]), Some("mapping.file_unreadable"));
    assert_eq!(code(b"a\0b"), Some("mapping.file_unreadable"));
    assert_eq!(code(b"PK\x03\x04 no archive"), Some("mapping.file_sheet"));
    let many = format!("tag\n{}", "T\n".repeat(MAX_SHEET_ROWS + 2));
    assert_eq!(code(many.as_bytes()), Some("mapping.file_too_long"));
    let wide = format!("{}\n", vec!["c"; 65].join(","));
    assert_eq!(code(wide.as_bytes()), Some("mapping.file_unreadable"));
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in parts {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_workbook_that_unpacks_without_end_is_refused() {
    let bytes = archive(&[("xl/workbook.xml", &vec![b' '; 70 << 20])]);
    assert!(bytes.len() < 200_000);
    assert_eq!(
        read(&bytes).err().map(|e| e.code),
        Some("mapping.file_too_large")
    );
}

#[test]
fn a_cell_at_the_far_end_of_a_sheet_costs_no_memory() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "tag").unwrap();
    sheet.write_string(1_048_575, 16_383, "x").unwrap();
    sheet.write_string(1_048_575, 0, "T9").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let sheet = read(&bytes).unwrap();
    assert_eq!(sheet.rows, [(1_048_576, vec!["T9".to_owned()])]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Both kinds give back the cells that were written.
    #[test]
    fn cells_survive_both_files(tags in proptest::collection::vec("[=+@'\"a-z,;0-9ء-ي-]{1,12}", 1..8), scale in -1e9..1e9_f64) {
        let rows: Vec<Vec<Cell>> = tags.iter().map(|t| row(t, scale)).collect();
        for bytes in [to_csv(&rows, Language::Ar).unwrap(), to_xlsx(&rows, Language::En).unwrap()] {
            let sheet = read(&bytes).unwrap();
            let found: Vec<&String> = sheet.rows.iter().map(|(_, cells)| &cells[1]).collect();
            prop_assert_eq!(found, tags.iter().collect::<Vec<_>>());
            for (_, cells) in &sheet.rows {
                prop_assert_eq!(cells[5].parse::<f64>().unwrap(), scale);
            }
        }
    }

    /// A stranger's bytes never make it panic.
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), is_zip in any::<bool>()) {
        if is_zip {
            bytes.splice(0..0, *b"PK\x03\x04");
        }
        drop(read(&bytes));
    }
}
