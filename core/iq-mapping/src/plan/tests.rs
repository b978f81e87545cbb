//! Modes, final states, bad rows, and taking changes back.

use proptest::prelude::*;

use super::*;
use crate::KnownAsset;

const METRICS: [&str; 5] = [
    "vibration_de",
    "vibration_nde",
    "suction_pressure",
    "flow",
    "discharge_pressure",
];

struct Setup {
    source: IntegrationId,
    assets: Vec<AssetId>,
    stored: Stored,
}

fn setup(mapped: &[(&str, usize, &str)]) -> Setup {
    let source = IntegrationId::new();
    let assets: Vec<AssetId> = (0..4).map(|_| AssetId::new()).collect();
    let plant = Known::new(assets.iter().enumerate().map(|(n, id)| KnownAsset {
        id: *id,
        code: format!("P-10{n}"),
        family: "centrifugal_pump".into(),
    }));
    let mappings = mapped
        .iter()
        .map(|(tag, asset, metric)| SignalMapping {
            id: MappingId::new(),
            tenant_id: iq_domain::TenantId::new(),
            integration_id: source,
            external_tag: (*tag).into(),
            asset_id: assets[*asset],
            metric_name: (*metric).into(),
            signal_id: iq_domain::SignalId::new(),
            unit: unit_of(metric).into(),
            scaling_factor: 1.0,
            offset_value: 0.0,
            metadata_json: "{}".into(),
            is_active: true,
        })
        .collect();
    Setup {
        source,
        assets,
        stored: Stored { plant, mappings },
    }
}

fn unit_of(metric: &str) -> &'static str {
    match metric {
        "flow" => "m3/h",
        m if m.ends_with("pressure") => "bar",
        _ => "mm/s",
    }
}

impl Setup {
    fn row(&self, line: u64, tag: &str, asset: usize, metric: &str) -> ListedRow {
        ListedRow {
            line,
            tag: tag.into(),
            row: Ok((
                self.source,
                ListedMapping {
                    external_tag: tag.into(),
                    asset_id: Some(self.assets[asset]),
                    metric_name: Some(metric.into()),
                    ..ListedMapping::default()
                },
            )),
        }
    }
}

fn codes(plan: &MappingPlan) -> Vec<(u64, &'static str)> {
    plan.errors
        .iter()
        .map(|e| (e.line, e.error.error.code))
        .collect()
}

/// The mappings after a plan, by tag.
fn after(stored: &Stored, plan: &MappingPlan) -> Vec<SignalMapping> {
    let mut rows = stored.mappings.clone();
    for change in &plan.changes {
        if let Some(before) = &change.before {
            rows.retain(|m| m.id != before.id);
        }
        if let Some(valid) = &change.after {
            let d = valid.draft.clone();
            let first = stored.mappings.first();
            rows.push(SignalMapping {
                id: change.id,
                tenant_id: first.map_or_else(iq_domain::TenantId::new, |m| m.tenant_id),
                integration_id: d.integration_id,
                external_tag: d.external_tag,
                asset_id: d.asset_id,
                metric_name: d.metric_name,
                signal_id: change
                    .before
                    .as_ref()
                    .map_or_else(iq_domain::SignalId::new, |b| b.signal_id),
                unit: d.unit,
                scaling_factor: d.scaling_factor,
                offset_value: d.offset_value,
                metadata_json: d.metadata_json,
                is_active: d.is_active,
            });
        }
    }
    rows.sort_by(|a, b| a.external_tag.cmp(&b.external_tag));
    rows
}

#[test]
fn each_mode_does_what_its_name_says() {
    let s = setup(&[("T1", 0, "flow")]);
    let rows = || vec![s.row(2, "T1", 1, "flow"), s.row(3, "T2", 2, "flow")];
    let create = plan_list(ImportMode::Create, rows(), &s.stored);
    assert_eq!(codes(&create), [(2, "mapping.row_exists")]);
    assert_eq!(create.changes.len(), 1);
    let merge = plan_list(ImportMode::Merge, rows(), &s.stored);
    assert_eq!((merge.changes.len(), merge.errors.len()), (2, 0));
    let delete = plan_list(ImportMode::Delete, rows(), &s.stored);
    assert_eq!(codes(&delete), [(3, "mapping.row_unknown")]);
    assert!(delete.changes[0].after.is_none());
}

#[test]
fn merging_keeps_what_a_row_does_not_state_and_overwriting_does_not() {
    let mut s = setup(&[("T1", 0, "flow")]);
    s.stored.mappings[0].scaling_factor = 2.0;
    s.stored.mappings[0].unit = "L/min".into();
    let mut row = s.row(2, "T1", 0, "flow");
    row.row.as_mut().unwrap().1.offset_value = Some(5.0);
    let draft = |mode| {
        let plan = plan_list(mode, vec![row.clone()], &s.stored);
        plan.changes[0].after.clone().unwrap().draft
    };
    let merged = draft(ImportMode::Merge);
    assert_eq!(
        (merged.scaling_factor, merged.unit.as_str()),
        (2.0, "L/min")
    );
    let over = draft(ImportMode::Overwrite);
    assert_eq!((over.scaling_factor, over.unit.as_str()), (1.0, "m3/h"));
    assert_eq!((merged.offset_value, over.offset_value), (5.0, 5.0));
}

#[test]
fn two_tags_may_change_places_in_one_step() {
    let s = setup(&[("T1", 0, "vibration_de"), ("T2", 0, "vibration_nde")]);
    let rows = vec![
        s.row(2, "T1", 0, "vibration_nde"),
        s.row(3, "T2", 0, "vibration_de"),
    ];
    let plan = plan_list(ImportMode::Merge, rows, &s.stored);
    assert_eq!((plan.changes.len(), plan.errors.len()), (2, 0), "{plan:?}");
}

#[test]
fn a_row_that_needs_a_refused_row_is_refused_with_it() {
    let s = setup(&[("T1", 0, "vibration_de"), ("T2", 0, "vibration_nde")]);
    let mut bad = s.row(3, "T2", 0, "vibration_de");
    bad.row.as_mut().unwrap().1.scaling_factor = Some(0.0);
    let rows = vec![s.row(2, "T1", 0, "vibration_nde"), bad];
    let plan = plan_list(ImportMode::Merge, rows, &s.stored);
    assert_eq!(
        codes(&plan),
        [(2, "mapping.metric_taken"), (3, "mapping.bad_scale")]
    );
    assert!(plan.changes.is_empty());
}

#[test]
fn a_tag_that_stands_twice_is_refused_the_second_time() {
    let s = setup(&[]);
    let rows = vec![s.row(2, "T1", 0, "flow"), s.row(3, " T1 ", 1, "flow")];
    let plan = plan_list(ImportMode::Create, rows, &s.stored);
    assert_eq!(codes(&plan), [(3, "mapping.row_twice")]);
    assert_eq!(plan.errors[0].error.error.params["row"], "2");
}

#[test]
fn a_thousand_rows_with_three_bad_ones_give_three_errors() {
    let s = setup(&[]);
    let mut rows: Vec<ListedRow> = (0..1_000)
        .map(|n| s.row(n + 2, &format!("T{n}"), 0, &format!("own_{n}")))
        .collect();
    for row in &mut rows {
        row.row.as_mut().unwrap().1.unit = Some("bar".into());
    }
    rows[10].row.as_mut().unwrap().1.unit = Some("furlong".into());
    rows[500].row.as_mut().unwrap().1.metric_name = Some("own_499".into());
    rows[999].row.as_mut().unwrap().1.asset_id = Some(AssetId::new());
    let plan = plan_list(ImportMode::Create, rows, &s.stored);
    assert_eq!(
        codes(&plan),
        [
            (12, "mapping.unknown_unit"),
            (502, "mapping.metric_taken"),
            (1_001, "mapping.unknown_asset")
        ]
    );
    assert_eq!(plan.changes.len(), 997);
}

#[test]
fn a_chain_too_long_to_untangle_is_refused_as_a_whole() {
    let tags: Vec<String> = (0..200).map(|n| format!("T{n:03}")).collect();
    let metrics: Vec<String> = (0..200).map(|n| format!("own_{n}")).collect();
    let mapped: Vec<(&str, usize, &str)> = tags
        .iter()
        .zip(&metrics)
        .map(|(t, m)| (t.as_str(), 0, m.as_str()))
        .collect();
    let s = setup(&mapped);
    // Everybody moves one place on; the last one can't, so nobody can.
    let mut rows: Vec<ListedRow> = (0..200)
        .map(|n| s.row(n as u64 + 2, &tags[n], 0, &metrics[(n + 1) % 200]))
        .collect();
    rows[0].row.as_mut().unwrap().1.scaling_factor = Some(f64::NAN);
    let plan = plan_list(ImportMode::Merge, rows, &s.stored);
    assert!(plan.changes.is_empty());
    assert_eq!(plan.errors.len(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A plan made by random moves, taken back, leaves what was there.
    #[test]
    fn taking_a_plan_back_restores_every_mapping(
        moves in proptest::collection::vec((0..12_usize, 0..4_usize, 0..5_usize, any::<bool>()), 1..20),
        mode in prop_oneof![
            Just(ImportMode::Create), Just(ImportMode::Merge),
            Just(ImportMode::Overwrite), Just(ImportMode::Delete)
        ],
    ) {
        let s = setup(&[
            ("T0", 0, METRICS[0]), ("T1", 0, METRICS[1]), ("T2", 1, METRICS[0]),
            ("T3", 2, METRICS[3]), ("T4", 3, METRICS[4]),
        ]);
        let rows = moves
            .iter()
            .enumerate()
            .map(|(n, (tag, asset, metric, active))| {
                let mut row = s.row(n as u64 + 2, &format!("T{tag}"), *asset, METRICS[*metric]);
                row.row.as_mut().unwrap().1.is_active = Some(*active);
                row
            })
            .collect();
        let plan = plan_list(mode, rows, &s.stored);
        let then = Stored { plant: s.stored.plant.clone(), mappings: after(&s.stored, &plan) };
        // No two mappings in use feed one metric.
        let mut fed = HashSet::new();
        for m in then.mappings.iter().filter(|m| m.is_active) {
            prop_assert!(fed.insert((m.asset_id, m.metric_name.clone())), "{m:?}");
        }
        let back: Vec<Wish> = plan
            .changes
            .iter()
            .map(|change| {
                let tag = change.after.as_ref().map(|v| v.draft.external_tag.clone());
                Wish {
                    line: change.line,
                    id: change.id,
                    before: tag.and_then(|tag| {
                        then.mappings.iter().find(|m| m.external_tag == tag).cloned()
                    }),
                    after: change.before.as_ref().map(draft_of),
                }
            })
            .collect();
        let undone = settle(back, &then);
        prop_assert!(undone.errors.is_empty(), "{:?}", undone.errors);
        let all_ids = |rows: &[SignalMapping]| rows.iter().map(|m| m.id).collect::<HashSet<_>>();
        prop_assert_eq!(all_ids(&after(&then, &undone)), all_ids(&s.stored.mappings));
        let ids = |rows: Vec<SignalMapping>| -> Vec<MappingDraft> { rows.iter().map(draft_of).collect() };
        prop_assert_eq!(ids(after(&then, &undone)), ids(after(&s.stored, &MappingPlan::default())));
    }
}
