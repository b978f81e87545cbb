//! The simulated plant: coupled models stepped with a fixed pace, no wall clock, no threads. The same
//! seed, start and commands give the same readings to the last bit.

mod board;
mod commands;
mod gas;
mod heat;
mod inlet;
mod measure;
mod operator;
mod parts;
mod power;
mod protection;
mod pump;
mod trips;
mod water;
mod weather;

use std::collections::{BTreeMap, VecDeque};

use iq_domain::{StatusCode, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::catalogue,
    faults::{ActiveFault, Condition},
    rng::Rng,
    scenarios::RunningScenario,
};
use board::Board;
pub use commands::CommandError;
use gas::Gas;
use heat::Heat;
use inlet::Inlet;
use measure::Instruments;
use operator::Operator;
use power::Power;
use protection::Protection;
use water::Water;
use weather::Weather;

/// Moves a state towards its target with a first-order lag; a state that was never set jumps there.
pub(crate) fn relax(state: &mut f64, target: f64, dt: f64, tau: f64) {
    if state.is_nan() {
        *state = target;
    } else {
        *state += (target - *state) * (1.0 - (-dt / tau).exp());
    }
}

/// What a model sees of the rest of the plant.
pub(crate) struct Env<'a> {
    pub(crate) dt: f64,
    /// Plant time in hours, for slow cycles.
    pub(crate) hours: f64,
    pub(crate) weather: &'a Weather,
    pub(crate) rng: &'a mut Rng,
    conditions: &'a [Condition],
}

impl Env<'_> {
    pub(crate) fn cond(&self, asset: &str) -> Condition {
        catalogue()
            .asset_of(asset)
            .map(|i| self.conditions[i])
            .unwrap_or_default()
    }
}

/// One instrument reading as the control system publishes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Position of the tag in the catalogue.
    pub tag: usize,
    /// The value; `None` where the instrument delivers none.
    pub value: Option<f64>,
    /// Quality.
    pub status: StatusCode,
    /// Time by the source's own, slightly wrong clock.
    pub source_time: Timestamp,
}

/// Everything published at one moment of plant time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// Plant time.
    pub time: Timestamp,
    /// Readings, at most one per tag.
    pub readings: Vec<Reading>,
}

/// What a line of the sequence-of-events recorder says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoeKind {
    /// A process alarm came.
    Alarm,
    /// A process alarm went.
    AlarmReturn,
    /// A machine was tripped.
    Trip,
    /// A breaker or contactor opened.
    BreakerOpen,
    /// A machine was commanded to start by the automation.
    StartCommand,
    /// A machine reached its speed.
    Running,
    /// A machine stopped without a trip (loss of voltage).
    Dropped,
    /// An operator reset a latched trip.
    Reset,
    /// An operator moved a set-point.
    SetPoint,
    /// A furnace is purged with air before it may be lit.
    Purge,
}

/// A line of the sequence-of-events recorder, in exact plant time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoeEvent {
    /// Dense number from 1.
    pub seq: u64,
    /// Exact plant time.
    pub time: Timestamp,
    /// Asset.
    pub asset: String,
    /// Kind.
    pub kind: SoeKind,
    /// Tag and limit, or the cause.
    pub text: String,
}

/// How many lines the recorder keeps.
const SOE_KEPT: usize = 10_000;
/// Step of quiet operation and of transients.
const STEP_MS: (i64, i64) = (1_000, 100);

/// The plant.
#[derive(Clone, Debug)]
pub struct Plant {
    now: Timestamp,
    weather: Weather,
    rng: Rng,
    board: Board,
    inlet: Inlet,
    gas: Gas,
    heat: Heat,
    water: Water,
    power: Power,
    faults: Vec<ActiveFault>,
    conditions: Vec<Condition>,
    protection: Protection,
    instruments: Instruments,
    soe: VecDeque<SoeEvent>,
    soe_seq: u64,
    scenario: Option<RunningScenario>,
    operator: Operator,
    /// Values as the protection's instruments see them: true values with instrument faults.
    observed: Vec<f64>,
    /// Transients are stepped finely until then.
    fine_until: Timestamp,
}

impl Plant {
    /// A plant in long undisturbed service at `start`.
    #[must_use]
    pub fn new(seed: u64, start: Timestamp) -> Self {
        let mut plant = Self {
            now: start,
            weather: Weather::new(seed),
            rng: Rng::named(seed, "process"),
            board: Board::new(),
            inlet: Inlet::new(),
            gas: Gas::new(),
            heat: Heat::new(),
            water: Water::new(),
            power: Power::new(),
            faults: Vec::new(),
            conditions: vec![Condition::default(); catalogue().assets.len()],
            protection: Protection::new(),
            instruments: Instruments::new(seed, start),
            soe: VecDeque::new(),
            soe_seq: 0,
            scenario: None,
            operator: Operator::new(seed, start),
            observed: Vec::new(),
            fine_until: start,
        };
        plant.settle();
        plant
    }

    /// Runs the models a while without protection, noise or plant time, so that the first reading is
    /// that of a plant in balance.
    fn settle(&mut self) {
        for _ in 0..900 {
            self.physics(1.0);
        }
        self.observe();
    }

    /// Plant time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// True values by tag, without noise and without instrument faults.
    #[must_use]
    pub fn true_values(&self) -> &[f64] {
        &self.board.values
    }

    /// True value of a point; `None` when the catalogue has no such tag.
    #[must_use]
    pub fn true_value(&self, asset: &str, metric: &str) -> Option<f64> {
        catalogue()
            .tag_of(asset, metric)
            .map(|tag| self.board.values[tag])
    }

    /// Switches the instruments' imperfections (bad and missing values, clock skew) on or off.
    pub fn set_imperfections(&mut self, on: bool) {
        self.instruments.imperfect = on;
    }

    /// Whether the instruments' imperfections are on.
    #[must_use]
    pub fn imperfections(&self) -> bool {
        self.instruments.imperfect
    }

    /// Publishes no tag more often than this; used while plant time runs fast. 0 means as scanned.
    pub fn set_scan_floor_s(&mut self, seconds: f64) {
        self.instruments.floor_s = seconds;
    }

    /// Lines of the sequence-of-events recorder after `seq`, oldest first.
    pub fn events_after(&self, seq: u64) -> impl Iterator<Item = &SoeEvent> {
        self.soe.iter().filter(move |event| event.seq > seq)
    }

    /// First cause of the latched trip of each tripped machine.
    #[must_use]
    pub fn tripped(&self) -> &BTreeMap<&'static str, String> {
        &self.protection.latched
    }

    /// Cause of the machine's last trip, kept after a reset of the machine until the next trip.
    #[must_use]
    pub fn first_out(&self, machine: &str) -> &str {
        self.protection
            .latched
            .get(machine)
            .map_or("", String::as_str)
    }

    /// Advances plant time by `dt_ms` and returns what was published on the way, in order of time.
    pub fn step(&mut self, dt_ms: i64) -> Vec<Scan> {
        let end = self.now.plus_ms(dt_ms);
        let mut scans = Vec::new();
        while self.now < end {
            let pace = self.pace_ms();
            // Stay on the grid of whole seconds (or tenths), whatever the caller asks for.
            let to_grid = pace - self.now.millis().rem_euclid(pace);
            let h = to_grid.min(end.since_ms(self.now));
            self.now = self.now.plus_ms(h);
            let dt = h as f64 / 1_000.0;
            self.run_scenario();
            self.operate();
            self.physics(dt);
            self.observe();
            self.protect(dt);
            let scan = self.instruments.scan(self.now, dt, &self.observed);
            if !scan.readings.is_empty() {
                scans.push(scan);
            }
        }
        scans
    }

    /// Length of the step the plant needs now: a second, or a tenth of it around a transient.
    #[must_use]
    pub fn pace_ms(&self) -> i64 {
        let near_surge = self.gas.margin < 10.0;
        let fine = self.now < self.fine_until || near_surge || self.protection.any_pending();
        if fine { STEP_MS.1 } else { STEP_MS.0 }
    }

    fn physics(&mut self, dt: f64) {
        self.weather.advance(self.now, dt);
        self.conditions.fill(Condition::default());
        for i in 0..self.faults.len() {
            let asset = self.faults[i].asset;
            let running = self.is_turning(&catalogue().assets[asset].code);
            self.faults[i].grow(dt, running);
            self.conditions[asset].add(&self.faults[i]);
        }
        let mut env = Env {
            dt,
            hours: self.now.millis() as f64 / 3_600_000.0,
            weather: &self.weather,
            rng: &mut self.rng,
            conditions: &self.conditions,
        };
        let oil_back = self.board.get("E-106", "hot_outlet_temperature");
        let oil_back = if oil_back.is_nan() { 240.0 } else { oil_back };
        let (oil_t, oil_flow) = (self.heat.t_out, self.heat.flow);
        self.inlet
            .advance(&mut env, &mut self.board, oil_t, oil_flow, self.gas.k208);
        self.gas.advance(&mut env, &mut self.board);
        self.heat.advance(&mut env, &mut self.board, oil_back);
        self.water.advance(&mut env, &mut self.board);
        self.power
            .advance(&mut env, &mut self.board, self.water.cooling);
    }

    /// Applies instrument faults to the true values.
    fn observe(&mut self) {
        self.observed.clear();
        self.observed.extend_from_slice(&self.board.values);
        for fault in &mut self.faults {
            let Some(tag) = fault.tag else { continue };
            let true_value = self.board.values[tag];
            let tag_info = &catalogue().tags[tag];
            let span =
                (1.6 * tag_info.nominal.abs()).max(tag_info.limits.high_high.unwrap_or(1.0).abs());
            match fault.kind {
                crate::FaultKind::SensorDrift => {
                    self.observed[tag] = true_value + 0.25 * span * fault.damage
                }
                crate::FaultKind::SensorFreeze => {
                    self.observed[tag] = *fault.held.get_or_insert(true_value);
                }
                crate::FaultKind::SensorSpike if self.rng.chance(0.02) => {
                    self.observed[tag] = true_value + span * (0.05 + 0.45 * self.rng.unit());
                }
                _ => {}
            }
        }
        self.flutter();
        self.instruments.frozen.clear();
        let frozen = self
            .faults
            .iter()
            .filter(|f| f.kind == crate::FaultKind::SensorFreeze);
        self.instruments.frozen.extend(frozen.filter_map(|f| f.tag));
    }

    /// The worn check valve of P-102A does not shut at once when the pump stops: what flows to and fro
    /// through it makes the flow reading swing about its low limit.
    fn flutter(&mut self) {
        const SWING_S: f64 = 2.8;
        const LASTS_S: f64 = 7.5 * SWING_S;
        let since = self.protection.since_switch("P-102A");
        if self.is_on("P-102A") || since > LASTS_S {
            return;
        }
        let tag = catalogue().tag_of("P-102A", "flow");
        let limit = tag.and_then(|t| catalogue().tags[t].limits.low);
        if let (Some(tag), Some(limit)) = (tag, limit) {
            let swing = (std::f64::consts::TAU * since / SWING_S).cos();
            let reading = limit * (1.0 - 0.1 * swing);
            self.observed[tag] = self.observed[tag].max(reading);
        }
    }

    fn record(&mut self, time: Timestamp, asset: &str, kind: SoeKind, text: impl Into<String>) {
        self.soe_seq += 1;
        if self.soe.len() == SOE_KEPT {
            self.soe.pop_front();
        }
        let event = SoeEvent {
            seq: self.soe_seq,
            time,
            asset: asset.to_owned(),
            kind,
            text: text.into(),
        };
        self.soe.push_back(event);
    }
}
