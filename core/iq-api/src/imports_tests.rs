//! Both sides of the boundary know the same words.

use super::*;
use iq_connector_file as file;
use serde_json::json;

fn check<A, B>(words: &[&str])
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    for word in words {
        let here: A = serde_json::from_value(json!(word)).unwrap_or_else(|e| panic!("{word}: {e}"));
        let there: B = translated(&here).unwrap_or_else(|_| panic!("{word} has no counterpart"));
        let back: A = translated(&there).unwrap_or_else(|_| panic!("{word} does not come back"));
        assert_eq!(json!(back), json!(word));
    }
}

#[test]
fn every_word_of_a_layout_has_its_counterpart() {
    use iq_api_types as api;
    check::<api::ImportEncoding, file::Encoding>(&[
        "utf-8",
        "utf-16le",
        "utf-16be",
        "windows-1256",
        "windows-1252",
    ]);
    check::<api::ImportDateFormat, file::DateFormat>(&[
        "iso",
        "day_first",
        "month_first",
        "excel_serial",
        "epoch_s",
        "epoch_ms",
    ]);
    check::<api::ImportKind, file::FileKind>(&["trend", "journal"]);
    check::<api::ImportShape, file::Shape>(&["long", "wide"]);
    check::<api::ImportQuality, file::QualityFormat>(&["words", "opc_da", "opc_ua", "flag"]);
    check::<api::ImportRole, file::Role>(&[
        "timestamp",
        "date",
        "time_of_day",
        "tag",
        "value",
        "quality",
        "unit",
        "message",
        "state",
        "priority",
        "ignore",
    ]);
}

#[test]
fn a_rejected_cell_can_not_become_a_formula() {
    let reject = RejectLine {
        row: 7,
        column: Some("TI-101".into()),
        code: "file.value_unreadable".into(),
        text: "=1+\"1\"".into(),
    };
    let csv = rejected_csv(Language::En, &[reject]);
    assert!(
        csv.starts_with('\u{feff}') && csv.ends_with(",\"'=1+\"\"1\"\"\"\r\n"),
        "{csv}"
    );
}
