//! Both sides of the boundary know the same words.

use super::*;
use iq_connector_file as file;
use serde_json::json;

/// Every word of a set: serde names them all when it meets one that is none of them.
fn words<T: DeserializeOwned>() -> Vec<String> {
    let told = serde_json::from_value::<T>(json!("?"))
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    let mut words: Vec<String> = told
        .split('`')
        .skip(3)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    words.sort();
    words
}

fn check<A, B>(known: &str)
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    let here = words::<A>();
    assert!(here.iter().any(|word| word == known), "{here:?}");
    assert_eq!(here, words::<B>());
    for word in here {
        let one: A = serde_json::from_value(json!(word)).unwrap_or_else(|e| panic!("{word}: {e}"));
        let other: B = translated(&one).unwrap_or_else(|_| panic!("{word} has no counterpart"));
        let back: A = translated(&other).unwrap_or_else(|_| panic!("{word} does not come back"));
        assert_eq!(json!(back), json!(word));
    }
}

#[test]
fn every_word_of_a_layout_has_its_counterpart() {
    use iq_api_types as api;
    check::<api::ImportEncoding, file::Encoding>("windows-1256");
    check::<api::ImportDateFormat, file::DateFormat>("day_first");
    check::<api::ImportKind, file::FileKind>("journal");
    check::<api::ImportShape, file::Shape>("wide");
    check::<api::ImportQuality, file::QualityFormat>("opc_da");
    check::<api::ImportRole, file::Role>("operator");
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
