//! What an instructor may do to the plant: put faults on, take them off, start a scenario.

use serde::Serialize;

use crate::{
    catalogue::{TRIPPABLE, catalogue},
    faults::{ActiveFault, FaultKind},
    scenarios::{Action, RunningScenario, scenario},
    sim::{Plant, SoeKind, protection::MACHINES},
};

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such asset.
    #[error("no asset {0}")]
    UnknownAsset(String),
    /// No such fault.
    #[error("no fault {0}")]
    UnknownFault(String),
    /// The asset's family does not have this fault.
    #[error("{asset} can't have the fault {fault}")]
    DoesNotFit {
        /// Asset.
        asset: String,
        /// Fault.
        fault: &'static str,
    },
    /// The asset has no such measured point.
    #[error("{asset} has no point {metric}")]
    UnknownMetric {
        /// Asset.
        asset: String,
        /// Metric.
        metric: String,
    },
    /// No such scenario.
    #[error("no scenario {0}")]
    UnknownScenario(String),
    /// A number is out of its range.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
}

/// A fault at work, as the instructor sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultState {
    /// Asset.
    pub asset: String,
    /// Kind.
    pub fault: FaultKind,
    /// Metric of the instrument, for instrument faults.
    pub metric: Option<String>,
    /// Damage, 0 to 1.
    pub damage: f64,
    /// Plant seconds since it was put on.
    pub elapsed_s: f64,
    /// Plant seconds for the whole development.
    pub over_s: f64,
}

/// Machines that stand in normal operation.
const STANDBY: [&str; 5] = ["P-102B", "P-303B", "P-504B", "P-401C", "P-205B"];

impl Plant {
    /// Puts a fault on an asset. It develops from nothing to `severity` × the end state within
    /// `over_s` seconds of plant time; an instrument fault sits on `metric`, by default on the first
    /// point of the asset that has a limit. A second fault of the same kind replaces the first.
    ///
    /// # Errors
    /// [`CommandError`] when the asset, the metric or the pairing does not exist or a number is out of
    /// range.
    pub fn inject(
        &mut self,
        asset: &str,
        kind: FaultKind,
        over_s: f64,
        severity: f64,
        metric: Option<&str>,
    ) -> Result<(), CommandError> {
        let index = catalogue()
            .asset_of(asset)
            .ok_or_else(|| CommandError::UnknownAsset(asset.into()))?;
        let info = &catalogue().assets[index];
        if !kind.fits(&info.family) {
            return Err(CommandError::DoesNotFit {
                asset: asset.into(),
                fault: kind.as_str(),
            });
        }
        if !(0.1..=1e9).contains(&over_s) {
            return Err(CommandError::OutOfRange("over_s"));
        }
        if !(0.0..=1.0).contains(&severity) {
            return Err(CommandError::OutOfRange("severity"));
        }
        let tag = if kind.is_instrument() {
            Some(instrument(asset, metric)?)
        } else {
            None
        };
        self.faults
            .retain(|f| !(f.asset == index && f.kind == kind && f.tag == tag));
        self.faults
            .push(ActiveFault::new(index, kind, tag, over_s, severity));
        Ok(())
    }

    /// Takes faults off, resets latched trips and brings the machines back to normal running: of one
    /// asset, or of the whole plant (which also ends a scenario).
    ///
    /// # Errors
    /// [`CommandError::UnknownAsset`].
    pub fn reset(&mut self, asset: Option<&str>) -> Result<(), CommandError> {
        let Some(code) = asset else {
            self.faults.clear();
            self.scenario = None;
            self.weather.still = false;
            self.weather.sea_shift = 0.0;
            for machine in MACHINES {
                self.restore(machine);
            }
            return Ok(());
        };
        let index = catalogue()
            .asset_of(code)
            .ok_or_else(|| CommandError::UnknownAsset(code.into()))?;
        self.faults.retain(|f| f.asset != index);
        if let Some(machine) = TRIPPABLE.into_iter().find(|m| *m == code) {
            self.restore(machine);
        }
        Ok(())
    }

    /// Resets the latch and puts the machine into its normal state; the standby partner stops.
    fn restore(&mut self, machine: &'static str) {
        if self.protection.latched.remove(machine).is_some() {
            self.record(
                self.now,
                machine,
                SoeKind::Reset,
                "trip reset by the operator",
            );
        }
        let partner = match machine {
            "P-102A" => Some("P-102B"),
            "P-303A" => Some("P-303B"),
            "P-504A" => Some("P-504B"),
            "P-205A" => Some("P-205B"),
            "P-401A" | "P-401B" => Some("P-401C"),
            _ => None,
        };
        if let Some(partner) = partner {
            self.switch(machine, true);
            self.protection.handover.push((machine, partner));
        } else if machine == "H-301" {
            if !self.heat.lit && self.protection.purge.is_none() {
                self.protection.purge = Some(0.0);
                let text = "purge with 5 volumes of air";
                self.record(self.now, machine, SoeKind::Purge, text);
            }
        } else if !STANDBY.contains(&machine) {
            self.switch(machine, true);
        }
        if machine.starts_with("P-402") {
            self.switch("P-404A", true);
            // Membranes are started against an open concentrate valve.
            if self.water.pv403.op < 30.0 {
                self.water.pv403.op = 55.0;
            }
        }
    }

    /// An operator stops a machine; it stays off until [`Plant::reset`].
    ///
    /// # Errors
    /// [`CommandError::UnknownAsset`] when it is no machine with a protection group of its own.
    pub fn stop_machine(&mut self, code: &str) -> Result<(), CommandError> {
        let machine = TRIPPABLE
            .into_iter()
            .find(|m| *m == code)
            .ok_or_else(|| CommandError::UnknownAsset(code.into()))?;
        self.record(
            self.now,
            machine,
            SoeKind::SetPoint,
            "stopped by the operator",
        );
        self.switch(machine, false);
        Ok(())
    }

    /// Faults at work.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultState> {
        self.faults
            .iter()
            .map(|f| FaultState {
                asset: catalogue().assets[f.asset].code.clone(),
                fault: f.kind,
                metric: f.tag.map(|t| catalogue().tags[t].metric.clone()),
                damage: f.damage,
                elapsed_s: f.elapsed_s,
                over_s: f.over_s,
            })
            .collect()
    }

    /// Starts a scripted scenario; `time_scale` 60 plays an hour in a minute of plant time.
    ///
    /// # Errors
    /// [`CommandError`] when there is no such scenario or the scale is not above 0.
    pub fn start_scenario(&mut self, id: &str, time_scale: f64) -> Result<(), CommandError> {
        let script = scenario(id).ok_or_else(|| CommandError::UnknownScenario(id.into()))?;
        if !(1e-3..=1e6).contains(&time_scale) {
            return Err(CommandError::OutOfRange("time_scale"));
        }
        self.reset(None)?;
        self.weather.still = script.still_weather;
        self.scenario = Some(RunningScenario::new(script, self.now, time_scale));
        self.run_scenario();
        Ok(())
    }

    /// Id of the scenario that runs, with its start.
    #[must_use]
    pub fn scenario(&self) -> Option<(&str, iq_domain::Timestamp)> {
        self.scenario
            .as_ref()
            .map(|s| (s.script.id.as_str(), s.started))
    }

    pub(crate) fn run_scenario(&mut self) {
        let Some(running) = &mut self.scenario else {
            return;
        };
        let scale = running.time_scale;
        for action in running.due(self.now) {
            match action {
                Action::Inject {
                    asset,
                    fault,
                    over_s,
                    severity,
                    metric,
                } => {
                    let over = (over_s / scale).max(0.1);
                    // A script that names an impossible fault is caught by a test of the table.
                    if let Err(error) =
                        self.inject(&asset, fault, over, severity, metric.as_deref())
                    {
                        tracing::error!(%error, "a scenario's step was refused");
                    }
                }
                Action::WarmSea { kelvin } => self.weather.sea_shift = kelvin,
                Action::BusDip { seconds } => self.bus_dip(seconds),
            }
        }
    }

    /// A dip of the low-voltage buses: contactors of the running machines on them drop.
    fn bus_dip(&mut self, seconds: f64) {
        self.weather.dip_s = seconds;
        let on_the_bus = [
            "P-102A", "P-303A", "F-302", "K-208", "P-401A", "P-401B", "P-404A", "BL-405", "P-504A",
        ];
        for machine in on_the_bus {
            if self.is_on(machine) {
                self.record(
                    self.now,
                    machine,
                    SoeKind::Dropped,
                    "contactor dropped: bus voltage",
                );
                self.switch(machine, false);
            }
        }
    }
}

fn instrument(asset: &str, metric: Option<&str>) -> Result<usize, CommandError> {
    let tags = &catalogue().tags;
    if let Some(metric) = metric {
        return catalogue()
            .tag_of(asset, metric)
            .ok_or_else(|| CommandError::UnknownMetric {
                asset: asset.into(),
                metric: metric.into(),
            });
    }
    let mut own = tags.iter().enumerate().filter(|(_, t)| t.asset == asset);
    let limited = own
        .clone()
        .find(|(_, t)| !t.limits.is_empty())
        .map(|(i, _)| i);
    limited
        .or_else(|| own.next().map(|(i, _)| i))
        .ok_or_else(|| CommandError::UnknownMetric {
            asset: asset.into(),
            metric: String::new(),
        })
}
