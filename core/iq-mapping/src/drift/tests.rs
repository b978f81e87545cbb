//! Plants that drift, and plants that only live.

use iq_domain::{Bucket, Timestamp};
use proptest::prelude::*;

use super::*;

/// Ten-minute stretches around a level, with noise that repeats.
fn buckets(count: usize, level: f64, noise: f64) -> Vec<Bucket> {
    (0..count)
        .map(|n| {
            // A fixed walk in -1..1 that is no straight line.
            let wobble = ((n * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
            let mean = level + noise * wobble;
            Bucket {
                t: Timestamp(n as i64 * 600_000),
                count: 60,
                min: mean - noise,
                max: mean + noise,
                sum: mean * 60.0,
                first: mean,
                last: mean,
            }
        })
        .collect()
}

fn level(value: f64, noise: f64) -> Option<Level> {
    Level::of(&buckets(300, value, noise), 12)
}

fn recent(value: f64, noise: f64) -> Option<Level> {
    Level::of(&buckets(6, value, noise), 3)
}

fn signal(metric: &str, unit: &str, value: f64, noise: f64) -> SignalSummary {
    SignalSummary {
        mapping: MappingId::new(),
        integration: IntegrationId(iq_domain::AssetId::new().0),
        tag: "ns=2;s=100-PT-10201A".into(),
        asset: AssetId::new(),
        metric: metric.into(),
        unit: unit.into(),
        signal_unit: unit.into(),
        is_state: false,
        scale: None,
        before: level(value, noise),
        now: recent(value, noise),
        always: recent(value, noise),
        is_running: None,
        family: "centrifugal_pump".into(),
        offset: 0.0,
        silent_ms: Some(5_000),
        usual_gap_ms: Some(1_000),
        quiet_ms: None,
        last_value: None,
        is_source_live: true,
        read: None,
        is_listed: Some(true),
        stated_unit: None,
    }
}

fn kinds(found: &[Drift]) -> Vec<DriftKind> {
    found.iter().map(|d| d.kind).collect()
}

#[test]
fn a_pressure_that_comes_in_psi_is_told_from_a_pressure_that_rose() {
    let mut s = signal("discharge_pressure", "bar", 9.4, 0.03);
    s.scale = Some((0.0, 100.0));
    s.now = recent(9.4 * 14.503_773_8, 0.03 * 14.5);
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(kinds(&found), [DriftKind::UnitChanged]);
    assert_eq!(found[0].proposal, Proposal::Unit { unit: "psi".into() });
    assert_eq!(found[0].evidence.len(), 2);
    s.now = recent(14.0, 0.03);
    assert!(detect(&[s], &[]).is_empty());
}

#[test]
fn a_temperature_in_fahrenheit_is_found_with_its_offset() {
    let mut s = signal("bearing_temperature_de", "degC", 62.0, 0.2);
    s.scale = Some((0.0, 150.0));
    s.now = recent(62.0 * 1.8 + 32.0, 0.36);
    let found = detect(&[s], &[]);
    assert_eq!(
        found[0].proposal,
        Proposal::Unit {
            unit: "degF".into()
        }
    );
}

#[test]
fn a_unit_wrong_from_the_first_day_shows_by_impossible_values() {
    let mut s = signal("discharge_pressure", "bar", 700.0, 2.0);
    s.scale = Some((0.0, 100.0));
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(kinds(&found), [DriftKind::UnitChanged]);
    assert_eq!(found[0].evidence[0].code, "drift.outside_scale");
    // A machine three times the size of its family's is no mistake.
    (s.before, s.now) = (level(300.0, 2.0), recent(300.0, 2.0));
    assert!(detect(&[s], &[]).is_empty());
}

#[test]
fn what_the_source_states_itself_counts_most() {
    let mut s = signal("discharge_pressure", "bar", 9.4, 0.03);
    s.stated_unit = Some("psig".into());
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(found[0].proposal, Proposal::Unit { unit: "psi".into() });
    s.stated_unit = Some("degC".into());
    assert_eq!(
        kinds(&detect(std::slice::from_ref(&s), &[])),
        [DriftKind::Reused]
    );
    for same in ["barg", "", "counts", "1"] {
        s.stated_unit = Some(same.into());
        assert!(detect(std::slice::from_ref(&s), &[]).is_empty(), "{same}");
    }
}

#[test]
fn crossed_vibrations_are_one_finding_with_a_stable_name() {
    let mut a = signal("vibration_de", "mm/s", 2.6, 0.05);
    let mut b = signal("vibration_nde", "mm/s", 1.4, 0.05);
    (b.asset, b.integration) = (a.asset, a.integration);
    a.now = recent(1.42, 0.05);
    b.now = recent(2.58, 0.05);
    let found = detect(&[a.clone(), b.clone()], &[]);
    assert_eq!(kinds(&found), [DriftKind::Swapped]);
    let again = detect(&[b.clone(), a.clone()], &[]);
    assert_eq!(found[0].fingerprint(), again[0].fingerprint());
    // Only one of them moved: no swap.
    b.now = recent(1.4, 0.05);
    assert!(detect(&[a, b], &[]).is_empty());
}

#[test]
fn a_change_of_duty_is_no_swap() {
    let (p, q) = (AssetId::new(), AssetId::new());
    let source = signal("x", "bar", 1.0, 0.1).integration;
    let mut all = Vec::new();
    for (n, (running, standing)) in [(2.6, 0.2), (62.0, 31.0), (95.0, 3.0)]
        .into_iter()
        .enumerate()
    {
        for (asset, before, now) in [(p, running, standing), (q, standing, running)] {
            let mut s = signal(&format!("m{n}"), "mm/s", before, 0.05);
            (s.asset, s.integration) = (asset, source);
            s.now = recent(now, 0.05);
            all.push(s);
        }
    }
    assert!(
        detect(&all, &[])
            .iter()
            .all(|d| d.kind != DriftKind::Swapped)
    );
}

#[test]
fn cables_crossed_before_the_first_value_show_by_what_stands_and_runs() {
    let mut a = signal("vibration_de", "mm/s", 0.1, 0.01);
    let mut b = signal("vibration_de", "mm/s", 2.2, 0.05);
    (a.is_running, b.is_running, b.integration) = (Some(true), Some(false), a.integration);
    let found = detect(&[a.clone(), b.clone()], &[]);
    assert_eq!(kinds(&found), [DriftKind::Swapped]);
    assert_eq!(found[0].evidence[0].code, "drift.runs_still");
    (a.is_running, b.is_running) = (Some(false), Some(true));
    assert!(detect(&[a, b], &[]).is_empty());
}

#[test]
fn one_atmosphere_more_is_absolute_pressure() {
    let mut s = signal("discharge_pressure", "bar", 12.5, 0.005);
    s.now = recent(12.5 + 1.013, 0.005);
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(found[0].proposal, Proposal::Offset { offset: -1.01325 });
    s.now = recent(12.5 + 1.2, 0.005);
    assert!(detect(&[s], &[]).is_empty());
}

#[test]
fn standing_still_is_a_finding_only_for_what_used_to_move() {
    let mut s = signal("flow", "m3/h", 180.0, 1.0);
    s.now = recent(180.4, 0.0);
    assert_eq!(
        kinds(&detect(std::slice::from_ref(&s), &[])),
        [DriftKind::FlatLined]
    );
    let still = SignalSummary {
        is_state: true,
        ..s.clone()
    };
    assert!(detect(&[still], &[]).is_empty());
    // Never alive: found too, unless it rests at an end of its scale.
    s.before = level(180.4, 0.0);
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(found[0].evidence[0].code, "drift.dead");
    s.scale = Some((0.0, 180.4));
    assert!(detect(&[s], &[]).is_empty());
}

#[test]
fn a_source_that_reports_changes_only_is_asked_before_it_is_called_flat() {
    let mut s = signal("flow", "m3/h", 180.0, 1.0);
    s.now = None;
    s.silent_ms = Some(3_600_000);
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty());
    s.read = Some(Reading::Value(180.4));
    assert_eq!(
        kinds(&detect(std::slice::from_ref(&s), &[])),
        [DriftKind::FlatLined]
    );
    s.read = Some(Reading::Value(f64::NAN));
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty(), "a word");
    (s.read, s.is_source_live) = (Some(Reading::Value(180.4)), false);
    assert!(detect(&[s], &[]).is_empty());
}

#[test]
fn a_tag_that_is_gone_is_followed_to_its_new_name_or_reported() {
    let mut s = signal("suction_pressure", "bar", 2.0, 0.01);
    s.now = None;
    s.silent_ms = Some(7_200_000);
    s.is_listed = Some(false);
    s.read = Some(Reading::Nothing);
    let free = |tag: &str, value: Option<f64>, unit: &str| FreeTag {
        integration: s.integration,
        tag: format!("ns=2;s={tag}"),
        name: tag.into(),
        unit: Some(unit.into()),
        value,
    };
    let candidates = [
        free("100-PIT-10201A", Some(2.01), "bar"),
        free("100-TT-10201A", Some(2.0), "degC"),
        free("300-PT-30201", Some(2.0), "bar"),
    ];
    let found = detect(std::slice::from_ref(&s), &candidates);
    assert_eq!(kinds(&found), [DriftKind::Renamed]);
    assert_eq!(
        found[0].proposal,
        Proposal::Retag {
            tag: "ns=2;s=100-PIT-10201A".into()
        }
    );
    assert!(
        found[0]
            .evidence
            .iter()
            .any(|e| e.code == "drift.similar_value")
    );
    assert_eq!(
        kinds(&detect(std::slice::from_ref(&s), &[])),
        [DriftKind::Vanished]
    );
    // Two equal candidates: nobody guesses.
    let twins = [
        free("100-PIT-10201A", None, "bar"),
        free("100-PIX-10201A", None, "bar"),
    ];
    assert_eq!(
        kinds(&detect(std::slice::from_ref(&s), &twins)),
        [DriftKind::Vanished]
    );
    // A source whose list is not known and that was not asked proves nothing.
    (s.is_listed, s.read) = (None, None);
    assert!(detect(&[s], &candidates).is_empty());
}

#[test]
fn a_point_made_anew_is_reported_with_the_source_s_own_word() {
    let mut s = signal("flow", "m3/h", 180.0, 1.0);
    (s.now, s.before, s.silent_ms) = (None, None, None);
    s.read = Some(Reading::NotFed("Pt Created".into()));
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(kinds(&found), [DriftKind::Vanished]);
    assert_eq!(found[0].proposal, Proposal::Deactivate);
    let said = found[0].evidence.iter().find(|e| e.code == "drift.not_fed");
    assert_eq!(said.unwrap().params["state"], "Pt Created");
    // It had values under this name before somebody made the point again.
    s.silent_ms = Some(3_600_000);
    assert_eq!(
        kinds(&detect(std::slice::from_ref(&s), &[])),
        [DriftKind::Vanished]
    );
    // The values go on under a name like it.
    let new = FreeTag {
        integration: s.integration,
        tag: r"\\PI\100PIT10201A".into(),
        name: "100PIT10201A".into(),
        unit: Some("m3/h".into()),
        value: None,
    };
    assert_eq!(kinds(&detect(&[s], &[new])), [DriftKind::Renamed]);
}

#[test]
fn an_instrument_in_trouble_is_still_the_same_tag() {
    let mut s = signal("flow", "m3/h", 180.0, 1.0);
    (s.now, s.silent_ms) = (None, Some(7_200_000));
    s.read = Some(Reading::Trouble);
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty());
    // Not on the list any more: whatever the server still answers, the tag goes.
    s.is_listed = Some(false);
    assert_eq!(kinds(&detect(&[s], &[])), [DriftKind::Vanished]);
}

#[test]
fn an_archive_that_compresses_is_quiet_without_standing_still() {
    let mut s = signal("flow", "m3/h", 180.0, 1.0);
    (s.now, s.silent_ms) = (None, Some(3_600_000));
    s.read = Some(Reading::Value(180.4));
    assert_eq!(detect(std::slice::from_ref(&s), &[]).len(), 1);
    // It was quiet for two hours before, more than once.
    s.quiet_ms = Some(7_200_000);
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty(), "a habit");
    // What it reads moved within the deviation the archive leaves out.
    (s.quiet_ms, s.last_value) = (None, Some(180.2));
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty(), "it lives");
    s.last_value = Some(180.4);
    assert_eq!(kinds(&detect(&[s], &[])), [DriftKind::FlatLined]);
}

#[test]
fn a_dead_point_is_found_by_the_few_values_compression_leaves() {
    // Every eight hours the archive writes what stands, for three days.
    let kept = |value: f64, step: f64| -> Vec<Bucket> {
        (0..9)
            .map(|n| {
                let v = value + step * f64::from(n);
                Bucket {
                    t: Timestamp(i64::from(n) * 8 * 3_600_000),
                    count: 1,
                    min: v,
                    max: v,
                    sum: v,
                    first: v,
                    last: v,
                }
            })
            .collect()
    };
    let mut s = signal("seal_pot_level", "%", 63.2, 0.0);
    (s.now, s.silent_ms) = (None, Some(5 * 3_600_000));
    s.usual_gap_ms = Some(600_000);
    s.before = Level::standing(&kept(63.2, 0.0), 6);
    assert!(s.before.is_some());
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty(), "unasked");
    s.read = Some(Reading::Value(63.2));
    let found = detect(std::slice::from_ref(&s), &[]);
    assert_eq!(kinds(&found), [DriftKind::FlatLined]);
    assert_eq!(found[0].evidence[0].code, "drift.dead");
    s.read = Some(Reading::Value(63.3));
    assert!(detect(std::slice::from_ref(&s), &[]).is_empty(), "it moved");
    // A calm level that drifts in its last digits is measured.
    assert!(Level::standing(&kept(63.2, 0.001), 6).is_none());
    assert!(Level::standing(&kept(63.2, 0.0)[..5], 6).is_none());
}

#[test]
fn a_tag_given_to_another_instrument_is_called_reused() {
    let mut s = signal("seal_pot_level", "%", 70.0, 0.3);
    s.scale = Some((0.0, 100.0));
    s.now = recent(1_480.0, 12.0);
    assert_eq!(kinds(&detect(&[s], &[])), [DriftKind::Reused]);
}

#[test]
fn a_stretch_that_straddles_the_change_does_not_hide_it() {
    let mut s = signal("vibration_de", "mm/s", 3.0, 0.05);
    let mut last = buckets(7, 3.0 / 25.4, 0.002);
    (last[0].sum, last[0].max) = (1.08 * 60.0, 3.05);
    s.now = Level::of(&last, 3);
    let found = detect(&[s], &[]);
    let unit = "in/s".into();
    assert_eq!(found[0].proposal, Proposal::Unit { unit });
}

#[test]
fn a_level_needs_enough_stretches() {
    assert!(Level::of(&buckets(2, 1.0, 0.1), 3).is_none());
    assert!(Level::of(&[], 0).is_none());
    let calm = Level::of(&buckets(10, 5.0, 0.0), 3).unwrap();
    assert_eq!((calm.flat_share, calm.spread, calm.median), (1.0, 0.0, 5.0));
}

#[test]
fn every_sentence_exists_in_both_languages() {
    for language in ["en", "ar"] {
        let path = format!(
            "{}/../../locales/parts/mapping.{language}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let part: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for code in [
            "silent",
            "never",
            "atmosphere",
            "dead",
            "runs_still",
            "stands_moving",
            "still_reads",
            "not_listed",
            "not_fed",
            "read_fails",
            "similar_name",
            "similar_value",
            "stated_unit",
            "outside_scale",
            "fits_unit",
            "level_moved",
            "no_unit_fits",
            "flat",
            "moved_before",
            "took_level",
        ] {
            let key = format!("drift.{code}");
            assert!(part["sentence"][&key].is_string(), "{language}: {key}");
        }
    }
}

proptest! {
    /// Load, noise and slow wear give no finding: what goes on within a tenth of the level is life.
    #[test]
    fn ordinary_life_gives_no_finding(
        signals in proptest::collection::vec((1.0..500.0_f64, 0.001..0.02_f64, -0.04..0.04_f64), 1..12),
    ) {
        let source = IntegrationId::new();
        let all: Vec<SignalSummary> = signals
            .iter()
            .map(|(value, noise, change)| {
                let mut s = signal("flow", "m3/h", *value, value * noise);
                (s.integration, s.scale) = (source, Some((0.0, value * 3.0)));
                s.now = recent(value * (1.0 + change), value * noise);
                s
            })
            .collect();
        let found = detect(&all, &[]);
        // Two signals of different machines may by chance stand where the other stood.
        prop_assert!(found.iter().all(|d| d.kind == DriftKind::Swapped), "{found:?}");
    }

    /// Numbers of any size never make it panic.
    #[test]
    fn survives_any_numbers(value in any::<f64>(), now in any::<f64>(), noise in any::<f64>()) {
        let mut s = signal("flow", "m3/h", value, noise);
        s.scale = Some((0.0, 500.0));
        s.now = recent(now, noise);
        s.silent_ms = Some(i64::MAX);
        s.usual_gap_ms = Some(i64::MAX);
        drop(detect(&[s], &[]));
    }
}
