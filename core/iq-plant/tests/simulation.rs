//! The simulation against the plant's papers: determinism, references, fault signatures, protection,
//! and the sequence of the 03:12 trip.
#![allow(clippy::unwrap_used)]

use iq_domain::Timestamp;
use iq_plant::{
    FaultKind, Plant, Scan, SoeEvent, SoeKind,
    catalogue::{TRIPPABLE, catalogue},
    scenarios::{Action, scenarios},
};

/// 19:40 UTC of some day: the moment at which the oiler of S1 is left shut.
const EVENING: Timestamp = Timestamp(1_790_019_600_000 / 86_400_000 * 86_400_000 + 70_800_000);
const MINUTE: i64 = 60_000;

fn plant() -> Plant {
    Plant::new(7, EVENING)
}

fn value(plant: &Plant, asset: &str, metric: &str) -> f64 {
    plant.true_value(asset, metric).unwrap()
}

/// Plant seconds until the condition holds, looked at every second.
fn seconds_until(
    plant: &mut Plant,
    limit_s: i64,
    mut holds: impl FnMut(&Plant) -> bool,
) -> Option<i64> {
    let start = plant.now();
    while plant.now().since_ms(start) < limit_s * 1_000 {
        if holds(plant) {
            return Some(plant.now().since_ms(start) / 1_000);
        }
        plant.step(1_000);
    }
    None
}

fn event_at(plant: &Plant, kind: SoeKind, asset: &str, text: &str) -> Timestamp {
    let found = plant
        .events_after(0)
        .find(|e| e.kind == kind && e.asset == asset && e.text.contains(text));
    found
        .unwrap_or_else(|| panic!("no {kind:?} of {asset} with {text}"))
        .time
}

/// Milliseconds after midnight that follows [`EVENING`].
fn clock(h: i64, m: i64, s: i64) -> Timestamp {
    let midnight = EVENING.millis() + (4 * 60 + 20) * MINUTE;
    let day = if h >= 12 { -24 } else { 0 };
    Timestamp(midnight + ((h + day) * 60 + m) * MINUTE + s * 1_000)
}

fn close(a: Timestamp, b: Timestamp, within_ms: i64) -> bool {
    a.since_ms(b).abs() <= within_ms
}

#[test]
fn the_catalogue_is_complete_and_every_reference_resolves() {
    let c = catalogue();
    assert_eq!(
        (c.sites.len(), c.units.len(), c.assets.len(), c.tags.len()),
        (2, 5, 54, 386)
    );
    let per_unit = |unit: &str| {
        c.tags
            .iter()
            .filter(|t| t.node.split('.').nth(1) == Some(unit))
            .count()
    };
    assert_eq!(
        ["U100", "U200", "U300", "U400", "U500"].map(per_unit),
        [80, 74, 54, 102, 76]
    );
    let mut nodes = std::collections::HashSet::new();
    for tag in &c.tags {
        assert!(c.asset_of(&tag.asset).is_some(), "{}", tag.tag);
        assert!(tag.scan_s > 0.0 && tag.resolution > 0.0, "{}", tag.tag);
        assert!(nodes.insert(&tag.node), "two tags at {}", tag.node);
    }
    for point in &c.extras {
        assert!(nodes.insert(&point.node), "two points at {}", point.node);
    }
    let vibration = &c.tags[c.tag_of("P-102A", "vibration_de").unwrap()];
    assert_eq!(vibration.node_id(), "ns=2;s=RAS.U100.P102A.VIB_DE");
    assert_eq!(
        (vibration.limits.high, vibration.limits.high_high),
        (Some(4.0), Some(6.6))
    );
    for asset in &c.assets {
        assert!(
            !asset.names.ar.is_empty() && !asset.names.en.is_empty(),
            "{}",
            asset.code
        );
        for other in asset.upstream.iter().chain(&asset.downstream) {
            assert!(c.asset_of(other).is_some(), "{} names {other}", asset.code);
        }
        assert!(
            c.tags.iter().any(|t| t.asset == asset.code),
            "{} has no tag",
            asset.code
        );
        assert!(
            c.units
                .iter()
                .any(|u| u.code == asset.unit && u.site == asset.site)
        );
    }
    assert!(TRIPPABLE.iter().all(|m| c.asset_of(m).is_some()));
    assert_eq!(c.asset("E-104").unwrap().upstream, ["FV-103", "AC-107"]);
}

#[test]
fn the_same_seed_gives_the_same_hour_and_another_seed_another_one() {
    let hour = |seed: u64| -> Vec<Scan> {
        let mut plant = Plant::new(seed, EVENING);
        plant
            .inject("P-102A", FaultKind::BearingWear, 3_000.0, 1.0, None)
            .unwrap();
        (0..3_600).flat_map(|_| plant.step(1_000)).collect()
    };
    let first = hour(42);
    assert!(first.len() >= 3_600);
    // Debug text carries every digit of every value, and NaN would differ from itself.
    assert_eq!(format!("{first:?}"), format!("{:?}", hour(42)));
    assert_ne!(format!("{first:?}"), format!("{:?}", hour(43)));
}

#[test]
fn stepping_in_other_pieces_does_not_change_what_is_published() {
    let run = |piece: i64| -> Vec<Scan> {
        let mut plant = plant();
        (0..600_000 / piece)
            .flat_map(|_| plant.step(piece))
            .collect()
    };
    assert_eq!(run(1_000), run(60_000));
}

#[test]
fn a_healthy_day_keeps_running_machines_near_their_data_sheets_without_a_trip() {
    let mut plant = plant();
    let standby = [
        "P-102B", "PM-102B", "P-205B", "P-303B", "PM-303B", "P-401C", "PM-401C", "P-504B",
        "PM-504B",
    ];
    for hour in 0..24 {
        for _ in 0..3_600 {
            plant.step(1_000);
        }
        for (i, tag) in catalogue().tags.iter().enumerate() {
            let v = plant.true_values()[i];
            assert!(v.is_finite(), "{} is {v} in hour {hour}", tag.tag);
            if standby.contains(&tag.asset.as_str()) {
                continue;
            }
            // Weather moves temperatures by degrees, loops move valves: a quarter of the nominal, and
            // for small numbers an absolute bound.
            let room = (0.25 * tag.nominal.abs()).max(if tag.eu == "degC" { 11.0 } else { 0.1 });
            let room = if tag.eu == "%" { 20.0 } else { room };
            assert!(
                (v - tag.nominal).abs() <= room,
                "{} {} is {v}, nominal {}",
                tag.asset,
                tag.metric,
                tag.nominal
            );
        }
    }
    assert!(plant.tripped().is_empty());
    let unasked = |e: &&SoeEvent| e.kind != SoeKind::SetPoint;
    let events: Vec<_> = plant.events_after(0).filter(unasked).collect();
    assert!(events.is_empty(), "a healthy plant is quiet: {events:?}");
}

#[test]
fn instruments_show_noise_resolution_and_bad_values_and_their_clocks_are_off() {
    let mut plant = plant();
    let mut bad = 0;
    let mut uncertain = 0;
    let mut flows = Vec::new();
    let mut skews = std::collections::BTreeMap::new();
    let flow = catalogue().tag_of("P-102A", "flow").unwrap();
    for _ in 0..7_200 {
        for scan in plant.step(1_000) {
            for r in &scan.readings {
                match r.status.0 >> 30 {
                    0 => {}
                    1 => uncertain += 1,
                    _ => {
                        bad += 1;
                        assert_eq!(r.value, None);
                    }
                }
                let tag = &catalogue().tags[r.tag];
                let unit = tag.node.split('.').nth(1).unwrap();
                skews
                    .entry(unit)
                    .or_insert_with(Vec::new)
                    .push(r.source_time.since_ms(scan.time));
                if let (true, Some(v)) = (r.tag == flow, r.value) {
                    flows.push(v);
                }
                if let Some(v) = r.value {
                    let steps = v / tag.resolution;
                    assert!((steps - steps.round()).abs() < 1e-3, "{} {v}", tag.tag);
                }
            }
        }
    }
    assert!(bad > 0 && uncertain > 0, "bad {bad}, uncertain {uncertain}");
    let mean = flows.iter().sum::<f64>() / flows.len() as f64;
    let sigma = (flows.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / flows.len() as f64).sqrt();
    assert!(
        (0.5..6.0).contains(&sigma),
        "deviation of the flow is {sigma}"
    );
    for (unit, skew) in &skews {
        assert!(
            skew.iter().all(|s| s == &skew[0]),
            "the clock of {unit} wanders"
        );
    }
    assert!((skews["U100"][0] + 400).abs() <= 21 && (skews["U400"][0] - 700).abs() <= 21);
}

#[test]
fn bearing_wear_shows_in_acceleration_before_velocity_before_temperature() {
    let mut plant = plant();
    plant
        .inject("P-102A", FaultKind::BearingWear, 9_000.0, 1.0, None)
        .unwrap();
    let (acc0, v0) = (
        value(&plant, "P-102A", "bearing_acceleration"),
        value(&plant, "P-102A", "vibration_de"),
    );
    let nde0 = value(&plant, "P-102A", "vibration_nde");
    let acc = seconds_until(&mut plant, 9_000, |p| {
        value(p, "P-102A", "bearing_acceleration") > 2.0 * acc0
    })
    .unwrap();
    let vel = seconds_until(&mut plant, 9_000, |p| {
        value(p, "P-102A", "vibration_de") > 4.0
    })
    .unwrap();
    let hot = seconds_until(&mut plant, 9_000, |p| {
        value(p, "P-102A", "bearing_temperature_de") > 75.0
    })
    .unwrap();
    assert!(acc > 600 && vel > 600 && hot > 0, "{acc} {vel} {hot}");
    let (de, nde) = (
        value(&plant, "P-102A", "vibration_de") - v0,
        value(&plant, "P-102A", "vibration_nde") - nde0,
    );
    assert!(
        (0.2..0.45).contains(&(nde / de)),
        "the far end sees {nde} of {de}"
    );
    let end = seconds_until(&mut plant, 9_000, |p| !p.tripped().is_empty()).unwrap();
    assert!(
        end > 0 && plant.first_out("P-102A").contains("HH 6.6"),
        "{}",
        plant.first_out("P-102A")
    );
}

#[test]
fn a_fault_develops_within_the_time_asked_for() {
    let mut plant = plant();
    plant
        .inject("GB-203", FaultKind::BearingWear, 90.0, 1.0, None)
        .unwrap();
    plant.step(80_000);
    assert!(plant.faults()[0].damage < 0.95);
    plant.step(11_000);
    assert!(plant.faults()[0].damage > 0.99, "{:?}", plant.faults());
    let mut half = Plant::new(7, EVENING);
    half.inject("GB-203", FaultKind::BearingWear, 90.0, 0.5, None)
        .unwrap();
    half.step(300_000);
    assert!((half.faults()[0].damage - 0.5).abs() < 1e-9);
}

/// Metrics that must move by the time a fault is developed: asset, metric, factor against before.
fn signature(kind: FaultKind) -> Vec<(&'static str, &'static str, &'static str, f64)> {
    match kind {
        FaultKind::BearingWear => vec![("KM-209", "KM-209", "vibration_de", 2.0)],
        FaultKind::LubeStarvation => vec![("P-303A", "P-303A", "bearing_temperature_de", 1.2)],
        FaultKind::Cavitation => vec![
            ("P-402A", "P-402A", "bearing_acceleration", 1.8),
            ("P-402A", "P-402A", "suction_pressure", 0.95),
        ],
        FaultKind::ImpellerWear => vec![
            ("P-102A", "P-102A", "discharge_pressure", 0.98),
            ("P-102A", "FV-103", "controller_output", 1.05),
        ],
        FaultKind::SealLeak => vec![
            ("P-402B", "P-402B", "seal_pot_level", 0.6),
            ("K-202", "K-202", "primary_seal_vent_flow", 3.0),
        ],
        FaultKind::Fouling => vec![
            ("E-104", "E-104", "tube_side_dp", 1.5),
            ("E-104", "E-104", "cold_outlet_temperature", 0.97),
            ("E-503", "ST-502", "exhaust_pressure", 1.2),
            ("AC-107", "AC-107", "hot_outlet_temperature", 1.05),
            ("GT-501", "GT-501", "active_power", 0.96),
            ("H-301", "H-301", "tube_skin_temperature", 1.08),
        ],
        FaultKind::Surge => vec![("K-202", "FV-207", "valve_position", 50.0)],
        FaultKind::ElectricalUnbalance => vec![
            ("PM-401A", "PM-401A", "current_a", 1.15),
            ("PM-401A", "PM-401A", "current_b", 0.9),
            ("PM-401A", "PM-401A", "winding_temperature", 1.1),
        ],
        FaultKind::LubeOilLoss => vec![("GT-501", "GT-501", "lube_oil_pressure", 0.8)],
        FaultKind::Stiction
        | FaultKind::SensorDrift
        | FaultKind::SensorFreeze
        | FaultKind::SensorSpike => Vec::new(),
    }
}

#[test]
fn every_machine_fault_moves_the_metrics_of_its_signature() {
    let mut checked = 0;
    for kind in FaultKind::ALL {
        for (asset, shows, metric, factor) in signature(kind) {
            let mut healthy = plant();
            let mut faulty = plant();
            // Far enough to show, not so far that the protection ends it.
            let severity = if kind == FaultKind::Surge { 0.4 } else { 0.75 };
            faulty.inject(asset, kind, 1_500.0, severity, None).unwrap();
            let mut best = value(&faulty, shows, metric);
            for _ in 0..3_000 {
                healthy.step(1_000);
                faulty.step(1_000);
                let now = value(&faulty, shows, metric);
                best = if factor > 1.0 {
                    best.max(now)
                } else {
                    best.min(now)
                };
            }
            let before = value(&healthy, shows, metric);
            let moved = if factor >= 50.0 {
                best - before >= factor
            } else if factor > 1.0 {
                best >= before * factor
            } else {
                best <= before * factor
            };
            assert!(
                moved,
                "{kind:?} on {asset}: {shows} {metric} went from {before} to {best}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 19);
}

#[test]
fn a_sticking_valve_makes_its_loop_swing() {
    let swing = |stick: bool| {
        let mut plant = plant();
        if stick {
            plant
                .inject("FV-103", FaultKind::Stiction, 60.0, 1.0, None)
                .unwrap();
        }
        plant.step(1_800_000);
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for _ in 0..1_200 {
            plant.step(1_000);
            let op = value(&plant, "FV-103", "controller_output");
            low = low.min(op);
            high = high.max(op);
        }
        high - low
    };
    let (free, stuck) = (swing(false), swing(true));
    assert!(free < 1.5 && stuck > 3.0, "free {free}, sticking {stuck}");
}

#[test]
fn instrument_faults_touch_one_reading_and_leave_the_machine_alone() {
    let tag = catalogue()
        .tag_of("K-202", "thrust_bearing_temperature")
        .unwrap();
    let sister = catalogue()
        .tag_of("K-202", "bearing_temperature_de")
        .unwrap();
    for kind in [
        FaultKind::SensorDrift,
        FaultKind::SensorFreeze,
        FaultKind::SensorSpike,
    ] {
        let mut plant = plant();
        plant.set_imperfections(false);
        plant
            .inject(
                "K-202",
                kind,
                600.0,
                0.5,
                Some("thrust_bearing_temperature"),
            )
            .unwrap();
        let mut seen = Vec::new();
        for _ in 0..900 {
            for scan in plant.step(1_000) {
                for r in &scan.readings {
                    if r.tag == tag {
                        seen.push(r.value.unwrap() - plant.true_values()[tag]);
                    }
                    if r.tag == sister {
                        assert!((r.value.unwrap() - plant.true_values()[sister]).abs() < 2.0);
                    }
                }
            }
        }
        let (first, last) = (seen[0], *seen.last().unwrap());
        let top = seen.iter().copied().fold(0.0_f64, f64::max);
        match kind {
            FaultKind::SensorDrift => assert!(first.abs() < 2.0 && last > 10.0, "{first} {last}"),
            FaultKind::SensorSpike => assert!(top > 5.0 && last.abs() < 2.0, "{top} {last}"),
            // The reading stands: it is repeated by the heartbeat alone.
            _ => assert!(seen.len() <= 16, "{} readings", seen.len()),
        }
        assert!(plant.tripped().is_empty(), "{kind:?}");
    }
}

#[test]
fn a_trip_stays_latched_until_it_is_reset_and_starts_the_standby() {
    let mut plant = plant();
    plant
        .inject("P-102A", FaultKind::BearingWear, 60.0, 1.0, None)
        .unwrap();
    plant.step(120_000);
    assert!(plant.tripped().contains_key("P-102A"));
    assert!(value(&plant, "P-102A", "flow") < 1.0 && value(&plant, "PM-102A", "current_a") < 1.0);
    assert!(value(&plant, "P-102B", "run_status") > 0.5);
    // The drum that filled while the feed valve was held shut is worked off first.
    plant.step(1_800_000);
    assert!(
        (value(&plant, "P-102B", "flow") - 180.0).abs() < 20.0,
        "the standby carries the feed"
    );
    let first = plant.first_out("P-102A").to_owned();
    plant.step(3_600_000);
    assert_eq!(
        plant.first_out("P-102A"),
        first,
        "time alone does not clear a trip"
    );
    plant.reset(Some("P-102A")).unwrap();
    plant.step(600_000);
    assert!(plant.tripped().is_empty() && plant.faults().is_empty());
    assert!(value(&plant, "P-102A", "run_status") > 0.5);
    assert!(value(&plant, "P-102B", "run_status") < 0.5);
    assert!((value(&plant, "P-102A", "vibration_de") - 1.6).abs() < 0.2);
}

#[test]
fn both_feed_pumps_lost_close_the_feed_valve_and_fill_the_drum() {
    let mut plant = plant();
    let before = value(&plant, "V-110", "level");
    for pump in ["P-102A", "P-102B"] {
        plant
            .inject(pump, FaultKind::BearingWear, 60.0, 1.0, None)
            .unwrap();
    }
    plant.step(300_000);
    assert_eq!(plant.tripped().len(), 2);
    plant.step(60_000);
    assert!(value(&plant, "FV-103", "valve_position") < 1.0);
    assert!(value(&plant, "V-110", "level") > before + 5.0);
}

#[test]
fn lube_oil_loss_starts_the_standby_pump_before_it_trips_the_compressor() {
    let mut plant = plant();
    plant
        .inject("K-202", FaultKind::LubeOilLoss, 1_200.0, 1.0, None)
        .unwrap();
    plant.step(1_500_000);
    let start = event_at(&plant, SoeKind::StartCommand, "P-205B", "");
    let trip = event_at(&plant, SoeKind::Trip, "K-202", "LL 1");
    assert!(start < trip);
    assert!(
        value(&plant, "FV-207", "valve_position") > 95.0,
        "the anti-surge valve stands open"
    );
    assert!(value(&plant, "KM-204", "current_a") < 1.0);
}

#[test]
fn three_surge_cycles_trip_the_compressor() {
    let mut plant = plant();
    plant
        .inject("K-202", FaultKind::Surge, 300.0, 1.0, None)
        .unwrap();
    plant.step(400_000);
    assert!(
        plant.first_out("K-202").contains("surge"),
        "{:?}",
        plant.tripped()
    );
}

#[test]
fn a_sticking_anti_surge_valve_lets_two_cycles_through_before_it_opens() {
    let mut plant = plant();
    plant.start_scenario("S5", 1.0).unwrap();
    let (mut backward, mut forward) = (0, false);
    for _ in 0..12_000 {
        plant.step(100);
        // A cycle is one reversal of the flow at the suction of the machine.
        let flow = value(&plant, "K-202", "suction_flow");
        if flow > 7_500.0 {
            forward = true;
        } else if forward && flow < 6_000.0 {
            forward = false;
            backward += 1;
        }
    }
    assert!((2..=3).contains(&backward), "{backward} cycles");
    assert!(plant.tripped().is_empty(), "{:?}", plant.tripped());
    assert!(value(&plant, "FV-207", "valve_position") > 5.0);
}

#[test]
fn losing_the_gas_turbine_or_the_fan_takes_what_hangs_on_it() {
    let mut plant = plant();
    plant
        .inject("GT-501", FaultKind::LubeOilLoss, 60.0, 1.0, None)
        .unwrap();
    plant
        .inject("F-302", FaultKind::BearingWear, 60.0, 1.0, None)
        .unwrap();
    plant.step(300_000);
    assert!(plant.first_out("GT-501").contains("500-PT-50113"));
    assert_eq!(plant.first_out("ST-502"), "GT-501 stopped");
    assert_eq!(plant.first_out("H-301"), "F-302 stopped");
    assert!(
        value(&plant, "FV-304", "valve_position") < 1.0
            && value(&plant, "H-301", "flame_status") < 0.5
    );
    plant.reset(None).unwrap();
    plant.step(1_800_000);
    assert!(plant.tripped().is_empty(), "{:?}", plant.tripped());
}

#[test]
fn a_lost_intake_pump_is_replaced_by_the_third() {
    let mut plant = plant();
    plant
        .inject("P-401A", FaultKind::BearingWear, 60.0, 1.0, None)
        .unwrap();
    plant.step(300_000);
    assert!(plant.tripped().contains_key("P-401A"));
    assert!(value(&plant, "P-401C", "run_status") > 0.5);
    assert!((value(&plant, "E-503", "cold_flow") - 558.0).abs() < 20.0);
}

/// The check valve flutters, and the drum fills while the feed valve is held shut.
fn after_the_0312_trip(plant: &mut Plant) {
    let low_flow = plant
        .events_after(0)
        .filter(|e| e.kind == SoeKind::Alarm && e.text == "100-FT-10203A L")
        .count();
    assert_eq!(low_flow, 7);
    let full = event_at(plant, SoeKind::Alarm, "V-110", "100-LT-11001 H");
    assert!(close(full, clock(3, 15, 0), MINUTE), "LAH {full}");
    while plant.now() < clock(3, 40, 0) {
        plant.step(1_000);
    }
    assert!(
        value(plant, "V-110", "level") < 75.0 && value(plant, "P-102B", "flow") > 150.0,
        "the operators have the plant back: level {}, flow {}",
        value(plant, "V-110", "level"),
        value(plant, "P-102B", "flow"),
    );
}

#[test]
fn the_0312_trip_happens_as_it_is_told() {
    let mut plant = plant();
    plant.start_scenario("S1", 1.0).unwrap();
    let acc0 = value(&plant, "P-102A", "bearing_acceleration");
    let start = plant.now();
    let at = |plant: &mut Plant, metric: &str, limit: f64| {
        seconds_until(plant, 30_000, |p| value(p, "P-102A", metric) >= limit).unwrap();
        plant.now()
    };
    assert_eq!(start, clock(19, 40, 0));
    // The first signs, then the alarms, each within a few minutes of the story.
    assert!(close(
        at(&mut plant, "bearing_temperature_de", 75.0),
        clock(22, 7, 0),
        20 * MINUTE
    ));
    assert!(close(
        at(&mut plant, "bearing_acceleration", 2.0 * acc0),
        clock(22, 46, 0),
        20 * MINUTE
    ));
    assert!(close(
        at(&mut plant, "bearing_acceleration", 3.0 * acc0),
        clock(0, 27, 0),
        10 * MINUTE
    ));
    while plant.now() < clock(3, 20, 0) {
        plant.step(1_000);
    }
    let tah = event_at(&plant, SoeKind::Alarm, "P-102A", "100-TT-10207A H");
    let vah = event_at(&plant, SoeKind::Alarm, "P-102A", "100-VT-10204A H");
    assert!(close(tah, clock(2, 34, 0), 3 * MINUTE), "TAH {tah}");
    assert!(close(vah, clock(2, 46, 0), 3 * MINUTE), "VAH {vah}");
    let tahh = event_at(&plant, SoeKind::Alarm, "P-102A", "100-TT-10207A HH");
    let trip = event_at(&plant, SoeKind::Trip, "P-102A", "100-TT-10207A HH 93");
    let breaker = event_at(&plant, SoeKind::BreakerOpen, "PM-102A", "");
    let low = event_at(&plant, SoeKind::Alarm, "P-102A", "100-PT-10202A L");
    let command = event_at(&plant, SoeKind::StartCommand, "P-102B", "");
    let running = event_at(&plant, SoeKind::Running, "P-102B", "");
    assert!(close(tahh, clock(3, 12, 7), MINUTE), "TAHH {tahh}");
    assert!(
        (1_900..=2_200).contains(&trip.since_ms(tahh)),
        "trip after {} ms",
        trip.since_ms(tahh)
    );
    assert_eq!(breaker.since_ms(trip), 60);
    assert!(
        (1_000..=2_500).contains(&low.since_ms(breaker)),
        "low after {} ms",
        low.since_ms(breaker)
    );
    assert!(
        (2_800..=3_300).contains(&command.since_ms(low)),
        "start after {} ms",
        command.since_ms(low)
    );
    assert!(
        (2_200..=3_200).contains(&running.since_ms(command)),
        "running after {} ms",
        running.since_ms(command)
    );
    after_the_0312_trip(&mut plant);
    let vibration_trip = plant
        .events_after(0)
        .any(|e| e.text.contains("100-VT-10204A HH"));
    assert!(
        !vibration_trip,
        "the vibration stays below its trip in this story"
    );
}

#[test]
fn the_furnace_is_purged_before_it_is_lit_again() {
    let mut plant = plant();
    plant
        .inject("F-302", FaultKind::BearingWear, 60.0, 1.0, None)
        .unwrap();
    plant.step(300_000);
    assert_eq!(plant.first_out("H-301"), "F-302 stopped");
    plant.reset(None).unwrap();
    plant.step(60_000);
    assert!(value(&plant, "H-301", "flame_status") < 0.5, "still purged");
    plant.step(60_000);
    assert!(value(&plant, "H-301", "flame_status") > 0.5);
    let purge = event_at(&plant, SoeKind::Purge, "H-301", "");
    let running = event_at(&plant, SoeKind::Running, "H-301", "");
    assert!((85_000..=100_000).contains(&running.since_ms(purge)));
}

#[test]
fn operators_move_a_few_set_points_in_a_shift_and_none_in_a_story() {
    let steps = |plant: &Plant| {
        let all = plant.events_after(0);
        all.filter(|e| e.kind == SoeKind::SetPoint).count()
    };
    let mut quiet = plant();
    quiet.step(24 * 3_600_000);
    assert!((6..=18).contains(&steps(&quiet)), "{}", steps(&quiet));
    let mut story = plant();
    story.start_scenario("S1", 1.0).unwrap();
    story.step(7 * 3_600_000);
    assert_eq!(steps(&story), 0);
}

#[test]
fn a_scenario_can_be_played_sixty_times_faster() {
    let mut plant = plant();
    plant.start_scenario("s1", 60.0).unwrap();
    let trip = seconds_until(&mut plant, 1_000, |p| !p.tripped().is_empty()).unwrap();
    assert!((430..=475).contains(&trip), "tripped after {trip} s");
    assert_eq!(plant.scenario().unwrap().0, "S1");
}

#[test]
fn every_scenario_plays_and_its_truth_names_real_points() {
    let ids: Vec<&str> = scenarios().iter().map(|s| s.id.as_str()).collect();
    let told = [
        "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S4B",
    ];
    assert_eq!(ids, told);
    for script in scenarios() {
        assert!(!script.title.en.is_empty() && !script.title.ar.is_empty());
        let truth = &script.truth;
        assert!(catalogue().asset_of(&truth.asset).is_some());
        for text in truth.expected_order.iter().chain([&truth.first_mover]) {
            if let Some((asset, metric)) = text.split_once('.') {
                assert!(
                    catalogue().tag_of(asset, metric).is_some(),
                    "{}: {text}",
                    script.id
                );
            }
        }
        for step in &script.steps {
            if let Action::Inject { asset, fault, .. } = &step.action {
                assert!(
                    fault.fits(&catalogue().asset(asset).unwrap().family),
                    "{}",
                    script.id
                );
            }
        }
        let mut plant = plant();
        // An hour of plant time for every story, whatever it takes in a real plant.
        plant
            .start_scenario(&script.id, script.duration_s / 3_600.0)
            .unwrap();
        plant.step(3_600_000);
        let has_fault = script
            .steps
            .iter()
            .any(|s| matches!(s.action, Action::Inject { .. }));
        assert_eq!(plant.faults().is_empty(), !has_fault, "{}", script.id);
        if script.id != "S1" && script.id != "S7" {
            assert!(
                plant.tripped().is_empty(),
                "{}: {:?}",
                script.id,
                plant.tripped()
            );
        }
    }
}

#[test]
fn a_bus_dip_drops_nine_motors_and_floods_the_alarm_list() {
    let mut plant = plant();
    plant.start_scenario("S7", 1.0).unwrap();
    plant.step(660_000);
    let dropped = plant
        .events_after(0)
        .filter(|e| e.kind == SoeKind::Dropped)
        .count();
    assert_eq!(dropped, 9);
    let alarms = plant
        .events_after(0)
        .filter(|e| e.kind == SoeKind::Alarm)
        .count();
    assert!(alarms >= 20, "{alarms} alarms");
    assert_eq!(plant.first_out("H-301"), "F-302 stopped");
    plant.reset(None).unwrap();
    plant.step(7_200_000);
    assert!(plant.tripped().is_empty(), "{:?}", plant.tripped());
    assert!((value(&plant, "H-301", "outlet_temperature") - 300.0).abs() < 15.0);
}

#[test]
fn commands_with_wrong_names_or_numbers_change_nothing() {
    let mut plant = plant();
    let wear = FaultKind::BearingWear;
    assert!(plant.inject("P-999", wear, 60.0, 1.0, None).is_err());
    assert!(plant.inject("TK-108", wear, 60.0, 1.0, None).is_err());
    assert!(plant.inject("P-102A", wear, f64::NAN, 1.0, None).is_err());
    assert!(plant.inject("P-102A", wear, 0.0, 1.0, None).is_err());
    assert!(plant.inject("P-102A", wear, 60.0, 1.5, None).is_err());
    assert!(
        plant
            .inject("P-102A", FaultKind::SensorDrift, 60.0, 1.0, Some("colour"))
            .is_err()
    );
    assert!(plant.start_scenario("S1", f64::INFINITY).is_err());
    assert!(plant.faults().is_empty() && plant.scenario().is_none());
}
