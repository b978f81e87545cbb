//! Headings in both languages, cells a person gets wrong, and the round trip.

use iq_domain::{MappingId, SignalId, TenantId};
use proptest::prelude::*;

use super::*;
use crate::{ImportMode, Known, KnownAsset, Stored, plan_list};

fn directory() -> (Directory, IntegrationId, AssetId) {
    let (source, asset) = (IntegrationId::new(), AssetId::new());
    let directory = Directory::new(
        [(source, "مصنع الشمال DCS".to_owned())],
        [
            (asset, "P-102A".to_owned()),
            (AssetId::new(), "P-102B".to_owned()),
        ],
    );
    (directory, source, asset)
}

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

#[test]
fn understands_headings_in_english_and_arabic() {
    for column in Column::ALL {
        for heading in [column.id(), column.arabic()].iter().chain(column.others()) {
            let shouted = format!(" {} ", heading.to_uppercase());
            assert_eq!(Column::of_heading(&shouted), Some(column), "{heading}");
        }
    }
    assert_eq!(Column::of_heading("الاصل"), Some(Column::Asset));
    assert_eq!(Column::of_heading("External Tag"), Some(Column::Tag));
    assert_eq!(Column::of_heading("colour"), None);
}

#[test]
fn reads_an_arabic_sheet_with_arabic_digits() {
    let (directory, source, asset) = directory();
    let headings = texts(&["المصدر", "الوسم", "الأصل", "المقياس", "معامل الضرب", "مفعّل"]);
    let row = texts(&["مصنع الشمال dcs", "PT-1", "p-102a", "flow", "٠٫٥", "نعم"]);
    let rows = read_sheet(
        &headings,
        vec![(2, row)],
        &directory,
        SheetOptions::default(),
    )
    .unwrap();
    let (found, mapping) = rows[0].row.clone().unwrap();
    assert_eq!((found, mapping.asset_id), (source, Some(asset)));
    assert_eq!(
        (mapping.scaling_factor, mapping.is_active),
        (Some(0.5), Some(true))
    );
}

#[test]
fn names_the_cell_and_the_reason() {
    let (directory, source, _) = directory();
    let options = SheetOptions {
        source: Some(source),
        decimal_comma: false,
    };
    let headings = texts(&["tag", "asset", "metric", "scale", "active"]);
    let cases: [(&[&str], &str, &str); 5] = [
        (
            &["T", "P-9", "flow", "1", ""],
            "asset",
            "mapping.unknown_asset_code",
        ),
        (
            &["T", "P-102A", "flow", "1,5", ""],
            "scaling_factor",
            "mapping.cell_number",
        ),
        (
            &["T", "P-102A", "flow", "inf", ""],
            "scaling_factor",
            "mapping.cell_number",
        ),
        (
            &["T", "P-102A", "flow", "1", "maybe"],
            "is_active",
            "mapping.cell_truth",
        ),
        (
            &["", "P-102A", "flow", "1", "no"],
            "external_tag",
            "mapping.cell_missing",
        ),
    ];
    for (cells, field, code) in cases {
        let rows = read_sheet(&headings, vec![(7, texts(cells))], &directory, options).unwrap();
        let errors = rows[0].row.clone().unwrap_err();
        assert_eq!(
            (rows[0].line, errors[0].field, errors[0].error.code),
            (7, field, code)
        );
    }
    let comma = SheetOptions {
        decimal_comma: true,
        ..options
    };
    let row = vec![(2, texts(&["T", "P-102A", "flow", "1,5"]))];
    let rows = read_sheet(&headings, row, &directory, comma).unwrap();
    assert_eq!(rows[0].row.clone().unwrap().1.scaling_factor, Some(1.5));
}

#[test]
fn refuses_a_table_nobody_can_read() {
    let (directory, ..) = directory();
    let one = vec![(2, texts(&["a", "b"]))];
    let read = |headings: &[&str], rows| {
        read_sheet(&texts(headings), rows, &directory, SheetOptions::default())
            .unwrap_err()
            .code
    };
    assert_eq!(
        read(&["tag", "colour"], one.clone()),
        "mapping.column_unknown"
    );
    assert_eq!(read(&["tag", "الوسم"], one.clone()), "mapping.column_twice");
    assert_eq!(read(&["tag", "asset"], one), "mapping.column_missing");
    assert_eq!(read(&["source", "tag"], vec![]), "mapping.file_empty");
    let many = (0..=MAX_SHEET_ROWS as u64).map(|n| (n, vec![])).collect();
    assert_eq!(read(&["source", "tag"], many), "mapping.file_too_long");
}

proptest! {
    /// What a spreadsheet could run becomes text, and comes back as it was.
    #[test]
    fn escaped_cells_start_no_formula_and_come_back(text in "[=+@'\\-\ta-z0-9]{0,12}") {
        let cell = csv_text(&text);
        prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        prop_assert_eq!(of_csv_text(&cell), text.as_str());
    }

    /// Exported and imported again in any mode that writes, nothing changes.
    #[test]
    fn an_export_read_again_changes_nothing(
        rows in proptest::collection::vec(
            ("[a-zA-Z=@+.;,\"'/ ء-ي-]{0,20}[a-z0-9]", 0..6_usize, any::<bool>(),
             prop_oneof![Just(1.0), Just(-0.5), -1e9..1e9_f64, Just(1e-300)], -1e6..1e6_f64),
            1..30),
        overwrite in any::<bool>(),
    ) {
        let (directory, source, asset) = directory();
        let metrics = ["flow", "vibration_de", "suction_pressure", "seal_pot_level", "density", "trip"];
        let units = ["m3/h", "in/s", "psi", "%", "kg/m3", "1"];
        let mut stored = Stored {
            plant: Known::new([KnownAsset {
                id: asset,
                code: "P-102A".into(),
                family: "centrifugal_pump".into(),
            }]),
            mappings: Vec::new(),
        };
        for (n, (tag, metric, is_active, scale, offset)) in rows.into_iter().enumerate() {
            let tag = format!("{}{n}", tag.trim());
            let is_active = is_active
                && !stored.mappings.iter().any(|m| m.is_active && m.metric_name == metrics[metric]);
            stored.mappings.push(SignalMapping {
                id: MappingId::new(),
                tenant_id: TenantId::new(),
                integration_id: source,
                external_tag: tag,
                asset_id: asset,
                metric_name: metrics[metric].into(),
                signal_id: SignalId::new(),
                unit: units[metric].into(),
                scaling_factor: if scale == 0.0 { 1.0 } else { scale },
                offset_value: offset,
                metadata_json: if n % 2 == 0 { "{}".into() } else { r#"{"eu":"bar"}"#.into() },
                is_active,
            });
        }
        let table: Vec<(u64, Vec<String>)> = stored
            .mappings
            .iter()
            .enumerate()
            .map(|(n, m)| {
                let cells = cells_of(m, &directory, "Flow").into_iter().map(|cell| match cell {
                    Cell::Text(text) => of_csv_text(&csv_text(&text)).to_owned(),
                    Cell::Number(n) => n.to_string(),
                });
                (n as u64 + 2, cells.collect())
            })
            .collect();
        let headings: Vec<String> = Column::ALL.iter().map(|c| c.arabic().to_owned()).collect();
        let listed = read_sheet(&headings, table, &directory, SheetOptions::default()).unwrap();
        let mode = if overwrite { ImportMode::Overwrite } else { ImportMode::Merge };
        let count = listed.len() as u64;
        let plan = plan_list(mode, listed, &stored);
        prop_assert!(plan.changes.is_empty() && plan.errors.is_empty(), "{plan:?}");
        prop_assert_eq!(plan.unchanged, count);
    }
}
