//! Which drafts are refused, where and why.

use super::*;

fn setup() -> (Known, MappingDraft, MappingId) {
    let asset = KnownAsset {
        id: AssetId::new(),
        code: "P-102A".into(),
        family: "centrifugal_pump".into(),
    };
    let draft = MappingDraft {
        integration_id: IntegrationId::new(),
        external_tag: "ns=2;s=100-VT-10204A".into(),
        asset_id: asset.id,
        metric_name: "vibration_de".into(),
        unit: "mm/s".into(),
        scaling_factor: 1.0,
        offset_value: 0.0,
        metadata_json: "{}".into(),
        is_active: true,
    };
    let mut known = Known::new([asset]);
    let id = MappingId::new();
    known.add_mapping(
        id,
        draft.integration_id,
        "PT-1",
        draft.asset_id,
        "suction_pressure",
    );
    (known, draft, id)
}

fn codes(result: Result<ValidMapping, Vec<FieldError>>) -> Vec<(&'static str, &'static str)> {
    result
        .unwrap_err()
        .into_iter()
        .map(|e| (e.field, e.error.code))
        .collect()
}

#[test]
fn accepts_a_good_draft_and_names_the_units() {
    let (known, draft, _) = setup();
    let ok = validate(
        MappingDraft {
            unit: " ips ".into(),
            ..draft.clone()
        },
        &known,
        None,
    );
    let ok = ok.unwrap();
    assert_eq!(
        (ok.draft.unit.as_str(), ok.signal_unit.as_str()),
        ("in/s", "mm/s")
    );
    assert!(!ok.is_custom);
    let default_unit = validate(
        MappingDraft {
            unit: String::new(),
            ..draft
        },
        &known,
        None,
    );
    assert_eq!(default_unit.unwrap().draft.unit, "mm/s");
}

#[test]
#[allow(clippy::type_complexity)]
fn names_the_field_and_the_reason() {
    let cases: [(&str, fn(&mut MappingDraft), (&str, &str)); 13] = [
        (
            "empty tag",
            |d| d.external_tag = "  ".into(),
            ("external_tag", "mapping.bad_tag"),
        ),
        (
            "long tag",
            |d| d.external_tag = "x".repeat(1025),
            ("external_tag", "mapping.bad_tag"),
        ),
        (
            "hidden",
            |d| d.external_tag = "a\u{202E}b".into(),
            ("external_tag", "mapping.bad_tag"),
        ),
        (
            "control",
            |d| d.external_tag = "a\u{7}b".into(),
            ("external_tag", "mapping.bad_tag"),
        ),
        (
            "metric",
            |d| d.metric_name = "Vib DE".into(),
            ("metric_name", "mapping.bad_metric"),
        ),
        (
            "asset",
            |d| d.asset_id = AssetId::new(),
            ("asset_id", "mapping.unknown_asset"),
        ),
        (
            "unit",
            |d| d.unit = "furlong".into(),
            ("unit", "mapping.unknown_unit"),
        ),
        (
            "dimension",
            |d| d.unit = "degC".into(),
            ("unit", "mapping.unit_mismatch"),
        ),
        (
            "zero",
            |d| d.scaling_factor = 0.0,
            ("scaling_factor", "mapping.bad_scale"),
        ),
        (
            "nan",
            |d| d.scaling_factor = f64::NAN,
            ("scaling_factor", "mapping.bad_scale"),
        ),
        (
            "inf",
            |d| d.offset_value = f64::INFINITY,
            ("offset_value", "mapping.bad_offset"),
        ),
        (
            "json",
            |d| d.metadata_json = "[1]".into(),
            ("metadata_json", "mapping.bad_metadata"),
        ),
        (
            "custom without unit",
            |d| {
                d.metric_name = "oil_debris".into();
                d.unit = String::new();
            },
            ("unit", "mapping.unit_required"),
        ),
    ];
    for (name, spoil, expected) in cases {
        let (known, mut draft, _) = setup();
        spoil(&mut draft);
        assert_eq!(codes(validate(draft, &known, None)), [expected], "{name}");
    }
}

#[test]
fn tells_a_repeated_mapping_from_a_second_tag_on_the_metric() {
    let (known, draft, id) = setup();
    let second = MappingDraft {
        metric_name: "suction_pressure".into(),
        unit: "kPa".into(),
        external_tag: "PT-2".into(),
        ..draft
    };
    assert_eq!(
        codes(validate(second.clone(), &known, None)),
        [("metric_name", "mapping.metric_taken")]
    );
    let same = MappingDraft {
        external_tag: "PT-1".into(),
        ..second.clone()
    };
    assert_eq!(
        codes(validate(same, &known, None)),
        [("external_tag", "mapping.duplicate")]
    );
    assert!(
        validate(second, &known, Some(id)).is_ok(),
        "editing its own row"
    );
}

#[test]
fn a_custom_metric_keeps_the_unit_its_history_has() {
    let (mut known, draft, _) = setup();
    let custom = MappingDraft {
        metric_name: "casing_pressure".into(),
        unit: "kPa".into(),
        ..draft
    };
    let first = validate(custom.clone(), &known, None).unwrap();
    assert!(first.is_custom);
    assert_eq!(first.signal_unit, "kPa");
    known.add_signal(custom.asset_id, "casing_pressure", "bar");
    assert_eq!(
        validate(custom.clone(), &known, None).unwrap().signal_unit,
        "bar"
    );
    let other = MappingDraft {
        unit: "bara".into(),
        ..custom
    };
    assert_eq!(
        codes(validate(other, &known, None)),
        [("unit", "mapping.unit_mismatch")]
    );
}

#[test]
fn reports_every_wrong_field_at_once() {
    let (known, draft, _) = setup();
    let bad = MappingDraft {
        external_tag: String::new(),
        unit: "degC".into(),
        scaling_factor: 0.0,
        ..draft
    };
    assert_eq!(codes(validate(bad, &known, None)).len(), 3);
}

#[test]
fn every_reason_has_a_sentence_in_both_languages() {
    let sources = [
        include_str!("../validate.rs"),
        include_str!("../suggest.rs"),
    ];
    let codes: Vec<&str> = sources
        .iter()
        .flat_map(|text| text.split('"'))
        .filter(|t| t.starts_with("mapping.") || t.starts_with("suggest."))
        .filter(|t| t.len() > 8 && !t.ends_with(".rs"))
        .collect();
    assert!(codes.len() > 15, "{codes:?}");
    for text in [
        include_str!("../../../../locales/parts/mapping.en.json"),
        include_str!("../../../../locales/parts/mapping.ar.json"),
    ] {
        let parts: serde_json::Value = serde_json::from_str(text).unwrap();
        for code in &codes {
            let section = if code.starts_with("mapping.") {
                "errors"
            } else {
                "sentence"
            };
            assert!(parts[section][code].is_string(), "{code}");
        }
    }
}
