//! Trips, standby starts, process alarms and the sequence-of-events recorder at work.

use std::collections::{BTreeMap, HashMap};

use iq_domain::Limits;

use crate::{
    catalogue::catalogue,
    sim::{
        Plant, SoeKind,
        trips::{Cause, PUMP_MOTORS, causes},
    },
};

/// State of the protection system.
#[derive(Clone, Debug)]
pub(crate) struct Protection {
    causes: Vec<Cause>,
    /// First cause by tripped machine.
    pub(crate) latched: BTreeMap<&'static str, String>,
    /// Seconds the start condition of a standby has held.
    standby: HashMap<&'static str, f64>,
    /// Machines whose "running" was reported.
    pub(crate) reported: HashMap<&'static str, bool>,
    /// Seconds since each machine was last switched.
    since: HashMap<&'static str, f64>,
    alarms: Vec<i8>,
    /// Duty machines started after a reset, with the standby that stops once they run.
    pub(crate) handover: Vec<(&'static str, &'static str)>,
    /// Seconds of air the furnace has been purged with, while it is.
    pub(crate) purge: Option<f64>,
}

/// Low trips are bypassed this long after a start.
const START_BYPASS_S: f64 = 15.0;
/// Low alarms of a stopped machine are shown this long, then suppressed by state.
const STOP_ALARM_S: f64 = 30.0;
/// How long steps stay fine after something moved.
const TRANSIENT_MS: i64 = 30_000;
/// A duty machine is back when it has run this long.
const HAND_OVER_S: f64 = 8.0;
/// Five volumes of the furnace at the fan's flow.
const PURGE_S: f64 = 90.0;
/// Delay of the automatic start of a standby.
const AUTO_START_S: f64 = 3.0;

impl Protection {
    pub(crate) fn new() -> Self {
        Self {
            causes: causes(),
            latched: BTreeMap::new(),
            standby: HashMap::new(),
            reported: HashMap::new(),
            since: HashMap::new(),
            alarms: vec![0; catalogue().tags.len()],
            handover: Vec::new(),
            purge: None,
        }
    }

    /// Seconds since a machine was last switched.
    pub(crate) fn since_switch(&self, machine: &str) -> f64 {
        self.since.get(machine).copied().unwrap_or(f64::MAX)
    }

    pub(crate) fn any_pending(&self) -> bool {
        self.causes.iter().any(Cause::pending)
    }
}

/// Every machine the protection can stop or start.
pub(crate) const MACHINES: [&str; 21] = crate::catalogue::TRIPPABLE;

impl Plant {
    /// Whether the machine's breaker is closed (heater: lit).
    pub(crate) fn is_on(&self, machine: &str) -> bool {
        match machine {
            "K-202" => self.gas.k202,
            "K-208" => self.gas.k208,
            "P-205A" => self.gas.lube_a,
            "P-205B" => self.gas.lube_b,
            "H-301" => self.heat.lit,
            "F-302" => self.heat.fan,
            "P-404A" => self.water.dosing,
            "BL-405" => self.water.blower,
            "GT-501" => self.power.gt,
            "ST-502" => self.power.st,
            _ => self
                .pumps()
                .find(|p| p.spec.pump == machine)
                .is_some_and(|p| p.on),
        }
    }

    /// Whether the asset's shaft turns: wear and starvation only work on a turning machine.
    pub(crate) fn is_turning(&self, asset: &str) -> bool {
        let machine = match asset {
            "KM-204" | "GB-203" => "K-202",
            "KM-209" => "K-208",
            _ => PUMP_MOTORS
                .iter()
                .find(|(_, m)| *m == asset)
                .map_or(asset, |(p, _)| p),
        };
        !MACHINES.contains(&machine) || self.is_on(machine)
    }

    fn pumps(&self) -> impl Iterator<Item = &super::pump::Pump> {
        let (inlet, heat) = (self.inlet.pumps.iter(), self.heat.pumps.iter());
        let (intake, membrane) = (self.water.intake.iter(), self.water.membrane.iter());
        inlet
            .chain(heat)
            .chain(intake)
            .chain(membrane)
            .chain(self.power.pumps.iter())
    }

    pub(crate) fn switch(&mut self, machine: &'static str, on: bool) {
        if self.is_on(machine) == on {
            return;
        }
        self.protection.since.insert(machine, 0.0);
        self.fine_until = self.now.plus_ms(TRANSIENT_MS);
        match machine {
            "K-202" => self.gas.k202 = on,
            "K-208" => self.gas.k208 = on,
            "P-205A" => self.gas.lube_a = on,
            "P-205B" => self.gas.lube_b = on,
            "H-301" => self.heat.lit = on,
            "F-302" => self.heat.fan = on,
            "P-404A" => self.water.dosing = on,
            "BL-405" => self.water.blower = on,
            "GT-501" => self.power.gt = on,
            "ST-502" => self.power.st = on,
            _ => {
                let (inlet, heat) = (self.inlet.pumps.iter_mut(), self.heat.pumps.iter_mut());
                let (intake, membrane) =
                    (self.water.intake.iter_mut(), self.water.membrane.iter_mut());
                let all = inlet
                    .chain(heat)
                    .chain(intake)
                    .chain(membrane)
                    .chain(self.power.pumps.iter_mut());
                for pump in all.filter(|p| p.spec.pump == machine) {
                    pump.switch(on);
                }
            }
        }
    }

    /// One pass of the protection system.
    pub(crate) fn protect(&mut self, dt: f64) {
        for machine in MACHINES {
            *self.protection.since.entry(machine).or_insert(1e6) += dt;
        }
        self.alarms();
        let due = self.due_causes(dt);
        for (machine, text) in due {
            self.trip(machine, &text);
        }
        self.consequences();
        self.standby(dt);
        self.hand_over();
        self.purge(dt);
        self.report_running();
    }

    /// Stops a standby five seconds after its duty machine is back, so that the flow never dips.
    fn hand_over(&mut self) {
        let pending = std::mem::take(&mut self.protection.handover);
        for (duty, partner) in pending {
            let back = self.board.get(duty, "run_status") > 0.5
                && self
                    .protection
                    .since
                    .get(duty)
                    .is_none_or(|s| *s > HAND_OVER_S);
            if back {
                self.switch(partner, false);
            } else if self.is_on(duty) {
                self.protection.handover.push((duty, partner));
            }
        }
    }

    /// Lights the furnace when its fan has blown five volumes through it; a stopped fan starts it over.
    fn purge(&mut self, dt: f64) {
        let Some(blown) = self.protection.purge else {
            return;
        };
        let latched = self.protection.latched.contains_key("H-301");
        if latched || self.heat.lit {
            self.protection.purge = None;
        } else if !self.heat.fan {
            self.protection.purge = Some(0.0);
        } else if blown + dt >= PURGE_S {
            self.protection.purge = None;
            self.switch("H-301", true);
        } else {
            self.protection.purge = Some(blown + dt);
        }
    }

    fn due_causes(&mut self, dt: f64) -> Vec<(&'static str, String)> {
        let mut due = Vec::new();
        let mut causes = std::mem::take(&mut self.protection.causes);
        for cause in &mut causes {
            let settled = self
                .protection
                .since
                .get(cause.machine)
                .is_none_or(|s| *s > START_BYPASS_S);
            let armed = self.is_on(cause.machine) && settled;
            if cause.advance(&self.observed, armed, dt) {
                due.push((cause.machine, cause.text.clone()));
            }
        }
        self.protection.causes = causes;
        if self.gas.k202 && self.gas.surge_cycles() >= 3 {
            due.push(("K-202", "surge: 3 cycles in 10 s".to_owned()));
        }
        if self.heat.lit && !self.heat.fan {
            due.push(("H-301", "F-302 stopped".to_owned()));
        }
        if self.power.st && !self.power.gt {
            due.push(("ST-502", "GT-501 stopped".to_owned()));
        }
        due
    }

    /// Trips a machine: latches the first cause, opens the breaker 60 ms later.
    pub(crate) fn trip(&mut self, machine: &'static str, cause: &str) {
        if !self.is_on(machine) || self.protection.latched.contains_key(machine) {
            return;
        }
        self.protection.latched.insert(machine, cause.to_owned());
        self.record(self.now, machine, SoeKind::Trip, cause);
        self.switch(machine, false);
        let breaker = PUMP_MOTORS
            .iter()
            .find(|(p, _)| *p == machine)
            .map_or(machine, |(_, m)| m);
        let breaker = match breaker {
            "K-202" => "KM-204",
            "K-208" => "KM-209",
            other => other,
        };
        self.record(self.now.plus_ms(60), breaker, SoeKind::BreakerOpen, machine);
    }

    /// Effects beyond the tripped machine itself.
    fn consequences(&mut self) {
        self.gas.vent = !self.gas.k202;
        let membranes = self.water.membrane.iter().any(|p| p.on);
        if !membranes && self.water.dosing {
            self.switch("P-404A", false);
        }
    }

    /// Automatic starts: low discharge or a lost duty machine starts the standby.
    fn standby(&mut self, dt: f64) {
        let low = |plant: &Self, asset: &str, metric: &str| {
            let tag = catalogue().tag_of(asset, metric);
            let limit = tag.and_then(|t| catalogue().tags[t].limits.low);
            tag.zip(limit)
                .is_some_and(|(t, limit)| plant.observed[t] < limit)
        };
        // A duty machine that was just started may still be running up.
        let runs_up = |plant: &Self, duty: &str| {
            plant.is_on(duty)
                && plant
                    .protection
                    .since
                    .get(duty)
                    .is_some_and(|s| *s < START_BYPASS_S)
        };
        let pair = |plant: &Self, duty: &str| {
            low(plant, duty, "discharge_pressure") && !runs_up(plant, duty)
        };
        let drum_has_liquid = self.inlet.v110 > 15.0;
        let intake_short = self.water.intake.iter().filter(|p| p.on).count() < 2;
        let rows = [
            (
                "P-102B",
                pair(self, "P-102A") && drum_has_liquid,
                AUTO_START_S,
            ),
            ("P-303B", pair(self, "P-303A"), AUTO_START_S),
            ("P-504B", pair(self, "P-504A"), AUTO_START_S),
            ("P-401C", intake_short, AUTO_START_S),
            ("P-205B", low(self, "K-202", "lube_oil_pressure"), 0.4),
        ];
        for (machine, wanted, delay) in rows {
            let latched = self.protection.latched.contains_key(machine);
            let held = self.protection.standby.entry(machine).or_insert(0.0);
            if !wanted || latched {
                *held = 0.0;
                continue;
            }
            *held += dt;
            if *held > delay && !self.is_on(machine) {
                self.record(
                    self.now,
                    machine,
                    SoeKind::StartCommand,
                    "automatic start of the standby",
                );
                self.switch(machine, true);
            }
        }
    }

    fn report_running(&mut self) {
        for machine in MACHINES {
            let run = self.board.get(machine, "run_status");
            let turning = if run.is_nan() {
                self.is_on(machine)
            } else {
                run > 0.5
            };
            let before = self.protection.reported.insert(machine, turning);
            if before == Some(false) && turning {
                self.record(self.now, machine, SoeKind::Running, "running");
            }
        }
    }

    /// Process alarms after the catalogue's limits, with a return band.
    fn alarms(&mut self) {
        let mut changes = Vec::new();
        for (i, tag) in catalogue().tags.iter().enumerate() {
            if tag.limits.is_empty() {
                continue;
            }
            let before = self.protection.alarms[i];
            let stopped = MACHINES.iter().find(|m| **m == tag.asset).is_some_and(|m| {
                !self.is_on(m)
                    && self
                        .protection
                        .since
                        .get(m)
                        .is_none_or(|s| *s > STOP_ALARM_S)
            });
            let now = alarm_state(&tag.limits, self.observed[i], before, stopped);
            if now != before {
                self.protection.alarms[i] = now;
                changes.push((i, before, now));
            }
        }
        for (i, before, now) in changes {
            // Stepping down from HH to H is neither a new alarm nor its end.
            if now != 0 && now.signum() == before.signum() && now.abs() < before.abs() {
                continue;
            }
            let tag = &catalogue().tags[i];
            let (kind, state) = if now == 0 {
                (SoeKind::AlarmReturn, before)
            } else {
                (SoeKind::Alarm, now)
            };
            let word = match state {
                -2 => "LL",
                -1 => "L",
                1 => "H",
                _ => "HH",
            };
            self.record(self.now, &tag.asset, kind, format!("{} {word}", tag.tag));
        }
    }
}

fn alarm_state(limits: &Limits, value: f64, before: i8, stopped: bool) -> i8 {
    let span = limits
        .high_high
        .or(limits.high)
        .or(limits.low)
        .or(limits.low_low)
        .unwrap_or(1.0)
        .abs();
    let band = 0.01 * span;
    let above = |limit: Option<f64>, held: bool| {
        limit.is_some_and(|l| value > if held { l - band } else { l })
    };
    let below = |limit: Option<f64>, held: bool| {
        !stopped && limit.is_some_and(|l| value < if held { l + band } else { l })
    };
    if above(limits.high_high, before == 2) {
        2
    } else if above(limits.high, before >= 1) {
        1
    } else if below(limits.low_low, before == -2) {
        -2
    } else if below(limits.low, before <= -1) {
        -1
    } else {
        0
    }
}
