//! One run of the demo plant: what is done to it, and what is recorded.

use std::collections::BTreeMap;

use iq_domain::Timestamp;
use iq_plant::{FaultKind, Plant, SoeEvent, catalogue::catalogue};

/// How long a run is, in hours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    /// Quiet time before the window.
    pub(super) quiet_h: f64,
    /// Whole development of a fault, least and most.
    pub(super) over_h: (f64, f64),
}

impl Length {
    /// Of the bench.
    pub(super) const WHOLE: Self = Self {
        quiet_h: 3.0,
        over_h: (1.2, 2.2),
    };
}

/// Hours of the window when nothing is put on.
const WINDOW_H: f64 = 3.0;
/// Machines that stand in normal operation, and what belongs to them.
const STANDBY: [&str; 8] = [
    "P-102B", "P-303B", "P-504B", "P-401C", "PM-102B", "PM-303B", "PM-504B", "PM-401C",
];

/// A small generator: the bench draws its runs from one seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[(self.next() % of.len() as u64) as usize]
    }
}

/// What kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// One fault of a machine.
    Fault,
    /// The same with a sixth of the tags missing.
    MissingTags,
    /// Two faults on two assets.
    TwoFaults,
    /// A failed instrument.
    Instrument,
    /// An operator stops a machine.
    PlannedStop,
    /// Nothing happens.
    Nothing,
}

impl Kind {
    /// Shares in twentieths: 9, 3, 2, 3, 1.5, 1.5 of twenty.
    pub(super) fn of_run(n: u32) -> Self {
        match n % 40 {
            0..18 => Self::Fault,
            18..24 => Self::MissingTags,
            24..28 => Self::TwoFaults,
            28..34 => Self::Instrument,
            34..37 => Self::PlannedStop,
            _ => Self::Nothing,
        }
    }
}

/// A fault that was put on.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    pub(super) asset: String,
    pub(super) fault: FaultKind,
    pub(super) metric: Option<String>,
    /// The rule that names it.
    pub(super) mode: &'static str,
}

/// What was recorded.
pub(super) struct Record {
    pub(super) truths: Vec<Truth>,
    /// Samples by tag of the catalogue; empty where a tag is missing.
    pub(super) samples: Vec<Vec<(Timestamp, f64)>>,
    /// Lines of the recorder since the fault began.
    pub(super) events: Vec<SoeEvent>,
    /// Work that was reported: asset and time.
    pub(super) work: Vec<(String, Timestamp)>,
    pub(super) quiet: (Timestamp, Timestamp),
    pub(super) window: (Timestamp, Timestamp),
}

/// The rule that names a fault of a family.
pub(super) fn mode_of(family: &str, fault: FaultKind) -> Option<&'static str> {
    use FaultKind as F;
    Some(match (fault, family) {
        (F::BearingWear, "centrifugal_pump") => "CP-BRG",
        (F::BearingWear, "electric_motor") => "EM-BRG",
        (F::BearingWear, "centrifugal_compressor") => "CC-BRG",
        (F::BearingWear, "reciprocating_compressor") => "RC-KNK",
        (F::BearingWear, "gearbox") => "GB-TTH",
        (F::BearingWear, "fan_blower") => "FN-BRG",
        (F::BearingWear, "positive_displacement_pump") => "PD-BRG",
        (F::BearingWear, "gas_turbine") => "GT-BRG",
        (F::BearingWear, "steam_turbine") => "ST-BRG",
        (F::BearingWear, "hx_air_cooler") => "AC-BRG",
        (F::LubeStarvation, "centrifugal_pump") => "CP-LUB",
        (F::LubeStarvation, "electric_motor") => "EM-LUB",
        (F::LubeStarvation, "fan_blower") => "FN-LUB",
        (F::Cavitation, _) => "CP-CAV",
        (F::ImpellerWear, _) => "CP-WEAR",
        (F::SealLeak, "centrifugal_pump") => "CP-SEAL",
        (F::SealLeak, "centrifugal_compressor") => "CC-DGS",
        (F::Fouling, "hx_shell_tube") => "HX-FOUL",
        (F::Fouling, "hx_air_cooler") => "AC-FOUL",
        (F::Fouling, "centrifugal_compressor") => "CC-FOUL",
        (F::Fouling, "gas_turbine") => "GT-FOUL",
        (F::Fouling, "fired_heater") => "FH-COKE",
        (F::Surge, _) => "CC-SRG",
        (F::Stiction, _) => "CV-STK",
        (F::ElectricalUnbalance, _) => "EM-UNB",
        (F::LubeOilLoss, "centrifugal_compressor") => "CC-LUB",
        (F::LubeOilLoss, "reciprocating_compressor") => "RC-LUB",
        (F::LubeOilLoss, "gas_turbine") => "GT-LUB",
        (F::LubeOilLoss, "steam_turbine") => "ST-LUB",
        // The plant lets the strainer of the pump plug.
        (F::LubeOilLoss, "positive_displacement_pump") => "PD-SUC",
        (F::SensorDrift, _) => "IN-DRF",
        (F::SensorFreeze, _) => "IN-FRZ",
        (F::SensorSpike, _) => "IN-SPK",
        _ => return None,
    })
}

/// Every fault of a machine that fits an asset in service, by fault first, so that each kind is as
/// frequent as any other.
fn machine_faults() -> BTreeMap<FaultKind, Vec<&'static str>> {
    let mut all: BTreeMap<FaultKind, Vec<&'static str>> = BTreeMap::new();
    for fault in FaultKind::ALL.into_iter().filter(|f| !f.is_instrument()) {
        for asset in &catalogue().assets {
            if fault.fits(&asset.family)
                && !STANDBY.contains(&asset.code.as_str())
                && asset.code != "P-205B"
            {
                all.entry(fault).or_default().push(&asset.code);
            }
        }
    }
    all
}

fn truth(asset: &str, fault: FaultKind, metric: Option<String>) -> Option<Truth> {
    let family = &catalogue().asset(asset)?.family;
    Some(Truth {
        asset: asset.to_owned(),
        fault,
        metric,
        mode: mode_of(family, fault)?,
    })
}

fn machine_fault(dice: &mut Dice) -> Option<Truth> {
    let all = machine_faults();
    let faults: Vec<FaultKind> = all.keys().copied().collect();
    let fault = *dice.pick(&faults);
    let asset = *dice.pick::<&'static str>(&all[&fault]);
    truth(asset, fault, None)
}

fn instrument_fault(dice: &mut Dice) -> Option<Truth> {
    let fault = *dice.pick(&[
        FaultKind::SensorDrift,
        FaultKind::SensorFreeze,
        FaultKind::SensorSpike,
    ]);
    let tags: Vec<_> = catalogue()
        .tags
        .iter()
        .filter(|t| t.noise_sigma > 0.0 && !STANDBY.contains(&t.asset.as_str()))
        .filter(|t| t.asset != "P-205B")
        .collect();
    let tag = dice.pick(&tags);
    truth(&tag.asset, fault, Some(tag.metric.clone()))
}

/// Makes run `n` of a master seed.
pub(super) fn record(master: u64, n: u32, kind: Kind, length: Length) -> anyhow::Result<Record> {
    let mut dice = Dice::new(master.wrapping_mul(1_000_003).wrapping_add(u64::from(n)));
    let hour = |h: f64| (h * 3_600_000.0) as i64;
    let start = Timestamp(1_767_225_600_000 + (dice.unit() * 3.15e10) as i64);
    let mut plant = Plant::new(dice.next(), start);
    plant.set_scan_floor_s(10.0);
    let from = start.plus_ms(hour(length.quiet_h));
    let begin = from.plus_ms(hour(dice.between(0.3, 1.0)));
    let truths: Vec<Truth> = match kind {
        Kind::Fault | Kind::MissingTags => machine_fault(&mut dice).into_iter().collect(),
        Kind::TwoFaults => {
            let first = machine_fault(&mut dice);
            let second = (0..50)
                .filter_map(|_| machine_fault(&mut dice))
                .find(|t| first.as_ref().is_some_and(|f| f.asset != t.asset));
            first.into_iter().chain(second).collect()
        }
        Kind::Instrument => instrument_fault(&mut dice).into_iter().collect(),
        Kind::PlannedStop | Kind::Nothing => Vec::new(),
    };
    let over_h = dice.between(length.over_h.0, length.over_h.1);
    let to = if truths.is_empty() {
        from.plus_ms(hour(WINDOW_H.min(1.4 * length.over_h.1)))
    } else {
        begin.plus_ms(hour(over_h * dice.between(0.9, 1.0)))
    };
    let mut samples: Vec<Vec<(Timestamp, f64)>> = vec![Vec::new(); catalogue().tags.len()];
    collect(&mut plant, begin, &mut samples);
    let seq = plant.events_after(0).map(|e| e.seq).max().unwrap_or(0);
    for truth in &truths {
        let severity = dice.between(0.9, 1.0);
        plant.inject(
            &truth.asset,
            truth.fault,
            over_h * 3_600.0,
            severity,
            truth.metric.as_deref(),
        )?;
    }
    if kind == Kind::PlannedStop {
        let at = begin.plus_ms(hour(over_h * dice.between(0.2, 0.6)));
        collect(&mut plant, at, &mut samples);
        let machine = *dice.pick(&["P-102A", "P-303A", "P-402A", "K-208", "BL-405", "P-401A"]);
        plant.stop_machine(machine)?;
    }
    collect(&mut plant, to, &mut samples);
    if kind == Kind::MissingTags {
        for tag in &mut samples {
            if dice.unit() < 1.0 / 6.0 {
                tag.clear();
            }
        }
    }
    Ok(Record {
        work: work(&mut dice, &truths, begin),
        events: plant.events_after(seq).cloned().collect(),
        truths,
        samples,
        quiet: (start, from),
        window: (from, to),
    })
}

/// Half of the starved bearings were worked on within the week; so were a few machines that have
/// nothing to do with it.
fn work(dice: &mut Dice, truths: &[Truth], begin: Timestamp) -> Vec<(String, Timestamp)> {
    let days_ago = |dice: &mut Dice, most: f64| {
        begin.plus_ms(-((dice.between(0.2, most) * 86_400_000.0) as i64))
    };
    let mut work = Vec::new();
    for truth in truths {
        if truth.fault == FaultKind::LubeStarvation && dice.unit() < 0.5 {
            work.push((truth.asset.clone(), days_ago(dice, 5.0)));
        }
    }
    for _ in 0..5 {
        let asset = dice.pick(&catalogue().assets).code.clone();
        work.push((asset, days_ago(dice, 30.0)));
    }
    work
}

fn collect(plant: &mut Plant, until: Timestamp, samples: &mut [Vec<(Timestamp, f64)>]) {
    while plant.now() < until {
        let left = until.since_ms(plant.now()).clamp(1, 60_000);
        for scan in plant.step(left) {
            for reading in scan.readings {
                if let Some(value) = reading.value.filter(|_| reading.status.is_good()) {
                    samples[reading.tag].push((reading.source_time, value));
                }
            }
        }
    }
}
