//! Tags in the notations plants use, and what is suggested for them.

use super::*;

fn assets() -> Vec<SuggestAsset> {
    [
        ("P-102A", "centrifugal_pump", "Stabiliser feed pump A"),
        ("P-102B", "centrifugal_pump", "Stabiliser feed pump B"),
        ("PM-102A", "electric_motor", "Feed pump A motor"),
        ("K-202", "centrifugal_compressor", "Sales gas compressor"),
        ("FV-103", "control_valve", "Stabiliser feed flow valve"),
        ("TK-108", "tank", "Stabilised condensate tank"),
    ]
    .map(|(code, family, name)| SuggestAsset {
        id: AssetId::new(),
        code: code.into(),
        family: family.into(),
        names: Names {
            en: name.into(),
            ar: String::new(),
        },
    })
    .into()
}

#[test]
fn finds_asset_and_metric_in_common_notations() {
    let assets = assets();
    for (name, description, unit, code, metric) in [
        ("P102A/VIB_DE", "", "mm/s", "P-102A", "vibration_de"),
        (
            "P-102B.BrgTempNDE",
            "",
            "degC",
            "P-102B",
            "bearing_temperature_nde",
        ),
        (
            "100-PT-10201A",
            "suction pressure",
            "bar",
            "P-102A",
            "suction_pressure",
        ),
        (
            "100-PT-10202B",
            "disch press",
            "kPa",
            "P-102B",
            "discharge_pressure",
        ),
        ("100-FT-10203A", "", "m³/h", "P-102A", "flow"),
        (
            "100-TT-10254A",
            "winding",
            "°C",
            "PM-102A",
            "winding_temperature",
        ),
        ("PM102A.CurrentA", "", "A", "PM-102A", "current_a"),
        (
            "200-ZT-20211",
            "axial position",
            "mm",
            "K-202",
            "axial_position",
        ),
        ("K202_SPEED", "", "rpm", "K-202", "speed"),
        ("100-FIC-10302.SP", "", "m3/h", "FV-103", "setpoint"),
        ("100-LT-10801", "", "m", "TK-108", "level"),
        ("100-XI-10211A", "", "", "P-102A", "run_status"),
        ("P-102A.PSUC", "", "bar", "P-102A", "suction_pressure"),
        ("P102B_PDIS", "", "", "P-102B", "discharge_pressure"),
        ("K202.TDIS", "", "degC", "K-202", "discharge_temperature"),
        ("K202/PLO", "", "bar", "K-202", "lube_oil_pressure"),
        ("P102A.VNDE", "", "", "P-102A", "vibration_nde"),
    ] {
        let tag = TagInfo {
            name: name.into(),
            description: description.into(),
            unit: unit.into(),
            ..TagInfo::default()
        };
        let got = suggest(&tag, &assets);
        let best = got.first().unwrap_or_else(|| panic!("nothing for {name}"));
        let asset = assets.iter().find(|a| a.id == best.asset).unwrap();
        assert_eq!(
            (asset.code.as_str(), best.metric.as_str()),
            (code, metric),
            "{name} {got:?}"
        );
        assert!(
            !best.reasons.is_empty() && (0.0..=1.0).contains(&best.score),
            "{name}"
        );
    }
}

#[test]
fn a_full_code_beats_a_loop_number_and_a_wrong_unit_excludes() {
    let assets = assets();
    let sure = suggest(
        &TagInfo {
            name: "P102A.VIB.DE".into(),
            ..TagInfo::default()
        },
        &assets,
    );
    let hint = suggest(
        &TagInfo {
            name: "100-VT-10204A".into(),
            ..TagInfo::default()
        },
        &assets,
    );
    assert!(sure[0].score > hint[0].score);
    let wrong = TagInfo {
        name: "P102A.VIB.DE".into(),
        unit: "degC".into(),
        ..TagInfo::default()
    };
    assert!(
        suggest(&wrong, &assets)
            .iter()
            .all(|s| !s.metric.contains("vibration"))
    );
}

#[test]
fn says_nothing_when_nothing_matches() {
    for name in [
        "",
        "Server.ServerStatus.CurrentTime",
        "\u{202E}@@@@",
        &"x".repeat(1_000_000),
    ] {
        let tag = TagInfo {
            name: name.into(),
            ..TagInfo::default()
        };
        assert!(suggest(&tag, &assets()).is_empty(), "{name:.20}");
    }
}

#[test]
fn finds_most_tags_of_the_demo_plant() {
    let assets: Vec<SuggestAsset> = include_str!("../../../iq-plant/data/assets.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            SuggestAsset {
                id: AssetId::new(),
                code: cells[0].into(),
                family: cells[1].into(),
                names: Names {
                    en: cells[5].into(),
                    ar: String::new(),
                },
            }
        })
        .collect();
    let (mut first, mut among, mut total) = (0, 0, 0);
    for line in include_str!("../../../iq-plant/data/tags.csv")
        .lines()
        .skip(1)
    {
        let cells: Vec<&str> = line.split(',').collect();
        let tag = TagInfo {
            name: cells[0].into(),
            description: cells[4].replace('_', " "),
            unit: cells[5].into(),
            ..TagInfo::default()
        };
        let is_right = |s: &Suggestion| {
            s.metric == cells[4] && assets.iter().any(|a| a.id == s.asset && a.code == cells[1])
        };
        let got = suggest(&tag, &assets);
        first += usize::from(got.first().is_some_and(is_right));
        among += usize::from(got.iter().any(is_right));
        total += 1;
    }
    // Tag, description and unit; pump and motor share their loop numbers.
    assert!(
        first * 10 >= total * 8,
        "first {first}, among {among} of {total}"
    );
    assert!(
        among * 100 >= total * 97,
        "first {first}, among {among} of {total}"
    );
}

#[test]
fn a_description_that_names_another_machine_is_no_sure_place() {
    // The pump is known and its motor is not: the loop number alone would put the winding on the pump.
    let pump: Vec<SuggestAsset> = assets().into_iter().take(1).collect();
    let tag = |description: &str| TagInfo {
        name: "RAS:100TT10254A.PV".into(),
        description: description.into(),
        unit: "degC".into(),
        ..TagInfo::default()
    };
    for other in ["PM-102A winding temperature", "PM102A winding temperature"] {
        let found = suggest(&tag(other), &pump);
        assert!(found.iter().all(|s| s.score < 0.75), "{other}: {found:?}");
    }
    let own = suggest(&tag("P-102A bearing temperature de"), &pump);
    assert_eq!(own[0].metric, "bearing_temperature_de");
    assert!(own[0].score > 0.95, "{own:?}");
    let unnamed = suggest(&tag("process temperature"), &pump);
    assert!(unnamed[0].score >= 0.8, "{unnamed:?}");
}

#[test]
fn a_path_that_repeats_the_name_of_a_transmitter_says_no_more_than_the_name() {
    let tag = TagInfo {
        name: "RAS:100TT10207A.PV".into(),
        path: r"\\WAHA-PI\RAS:100TT10207A.PV".into(),
        description: "P-102A bearing temperature de".into(),
        unit: "degC".into(),
    };
    let found = suggest(&tag, &assets());
    assert_eq!(found[0].metric, "bearing_temperature_de");
    assert!(found[0].score > 0.95, "{found:?}");
    let first_out = TagInfo {
        name: "RAS:P102A.FIRSTOUT".into(),
        description: "P-102A first out".into(),
        ..TagInfo::default()
    };
    let found = suggest(&first_out, &assets());
    assert_eq!(found[0].metric, "first_out", "{found:?}");
    assert!(found[0].score > 0.8, "{found:?}");
}
