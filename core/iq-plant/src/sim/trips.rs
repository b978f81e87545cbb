//! Protection: the cause-and-effect table as data. A cause must be voted true for its delay while
//! the machine runs; the first one is latched until an operator resets it.

use crate::catalogue::catalogue;

/// Which side of a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Low,
    High,
    /// Either direction from zero (axial position).
    Away,
}

/// One instrument's vote.
#[derive(Clone, Debug)]
pub(crate) struct Vote {
    pub(crate) tag: usize,
    pub(crate) limit: f64,
    pub(crate) side: Side,
}

impl Vote {
    fn holds(&self, values: &[f64]) -> bool {
        let value = values[self.tag];
        match self.side {
            Side::Low => value < self.limit,
            Side::High => value > self.limit,
            Side::Away => value.abs() > self.limit,
        }
    }
}

/// One row of the cause-and-effect table.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// Machine that is tripped.
    pub(crate) machine: &'static str,
    /// What the first-out window says.
    pub(crate) text: String,
    votes: Vec<Vote>,
    need: usize,
    delay_s: f64,
    timer_s: f64,
    held: bool,
}

impl Cause {
    /// Advances the timer; true in the step in which the cause is due.
    pub(crate) fn advance(&mut self, values: &[f64], running: bool, dt: f64) -> bool {
        let count = self.votes.iter().filter(|vote| vote.holds(values)).count();
        if !running || count < self.need {
            self.timer_s = 0.0;
            self.held = false;
            return false;
        }
        if !self.held {
            // The delay starts at the step that saw the cause first.
            self.held = true;
            return false;
        }
        self.timer_s += dt;
        self.timer_s > self.delay_s - 1e-9
    }

    /// The votes hold but the delay has not run out.
    pub(crate) fn pending(&self) -> bool {
        self.held
    }
}

struct Table(Vec<Cause>);

impl Table {
    fn row(
        &mut self,
        machine: &'static str,
        need: usize,
        delay_s: f64,
        votes: &[(&str, &str, Side)],
    ) {
        let votes: Vec<Vote> = votes
            .iter()
            .filter_map(|(asset, metric, side)| {
                let tag = catalogue().tag_of(asset, metric)?;
                let limits = catalogue().tags[tag].limits;
                let limit = match side {
                    Side::Low => limits.low_low,
                    Side::High | Side::Away => limits.high_high,
                }?;
                Some(Vote {
                    tag,
                    limit,
                    side: *side,
                })
            })
            .collect();
        if votes.len() < need {
            return;
        }
        let tags: Vec<_> = votes
            .iter()
            .map(|v| catalogue().tags[v.tag].tag.as_str())
            .collect();
        let word = if votes[0].side == Side::Low {
            "LL"
        } else {
            "HH"
        };
        let text = format!("{} {word} {}", tags.join("+"), votes[0].limit);
        self.0.push(Cause {
            machine,
            text,
            votes,
            need,
            delay_s,
            timer_s: 0.0,
            held: false,
        });
    }
}

/// Pumps with their motors.
pub(crate) const PUMP_MOTORS: [(&str, &str); 11] = [
    ("P-102A", "PM-102A"),
    ("P-102B", "PM-102B"),
    ("P-303A", "PM-303A"),
    ("P-303B", "PM-303B"),
    ("P-401A", "PM-401A"),
    ("P-401B", "PM-401B"),
    ("P-401C", "PM-401C"),
    ("P-402A", "PM-402A"),
    ("P-402B", "PM-402B"),
    ("P-504A", "PM-504A"),
    ("P-504B", "PM-504B"),
];

/// A row: machine, votes needed, delay in seconds, instruments.
type Row = (
    &'static str,
    usize,
    f64,
    &'static [(&'static str, &'static str, Side)],
);

/// Rows of every pump: metric of the pump, delay.
const PUMP_ROWS: [(&str, f64, Side); 6] = [
    ("bearing_temperature_de", 2.0, Side::High),
    ("bearing_temperature_nde", 2.0, Side::High),
    ("vibration_de", 5.0, Side::High),
    ("vibration_nde", 5.0, Side::High),
    ("suction_pressure", 5.0, Side::Low),
    ("discharge_pressure", 2.0, Side::High),
];

/// Rows of every motor, which trip the machine it drives.
const MOTOR_ROWS: [(&str, f64); 3] = [
    ("winding_temperature", 2.0),
    ("bearing_temperature_de", 2.0),
    ("vibration_de", 5.0),
];

/// Motors outside [`PUMP_MOTORS`] with the machine they drive.
const OTHER_MOTORS: [(&str, &str); 2] = [("K-202", "KM-204"), ("K-208", "KM-209")];

/// The rows of single machines.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("P-102A", 1, 5.0, &[("V-110", "level", Side::Low)]),
    ("P-102B", 1, 5.0, &[("V-110", "level", Side::Low)]),
    ("K-202", 1, 2.0, &[("K-202", "lube_oil_pressure", Side::Low)]),
    ("K-202", 1, 1.0, &[("K-202", "axial_position", Side::Away)]),
    ("K-202", 2, 3.0, &[("K-202", "shaft_vibration_de_x", Side::High), ("K-202", "shaft_vibration_de_y", Side::High)]),
    ("K-202", 2, 3.0, &[("K-202", "shaft_vibration_nde_x", Side::High), ("K-202", "shaft_vibration_nde_y", Side::High)]),
    ("K-202", 1, 2.0, &[("K-202", "bearing_temperature_de", Side::High)]),
    ("K-202", 1, 2.0, &[("K-202", "bearing_temperature_nde", Side::High)]),
    ("K-202", 1, 2.0, &[("K-202", "thrust_bearing_temperature", Side::High)]),
    ("K-202", 1, 2.0, &[("K-202", "discharge_temperature", Side::High)]),
    ("K-202", 1, 2.0, &[("K-202", "primary_seal_vent_flow", Side::High)]),
    ("K-202", 1, 2.0, &[("V-201", "level", Side::High)]),
    ("K-202", 1, 5.0, &[("GB-203", "vibration_hss_de", Side::High)]),
    ("K-202", 1, 2.0, &[("GB-203", "bearing_temperature_hss", Side::High)]),
    ("K-208", 1, 2.0, &[("K-208", "lube_oil_pressure", Side::Low)]),
    ("K-208", 1, 2.0, &[("K-208", "discharge_temperature_s1", Side::High)]),
    ("K-208", 1, 2.0, &[("K-208", "discharge_temperature_s2", Side::High)]),
    ("K-208", 1, 5.0, &[("K-208", "frame_vibration", Side::High)]),
    ("K-208", 1, 5.0, &[("K-208", "crosshead_acceleration", Side::High)]),
    ("K-208", 1, 2.0, &[("K-208", "rod_drop", Side::High)]),
    ("H-301", 1, 3.0, &[("H-301", "process_flow", Side::Low)]),
    ("H-301", 1, 3.0, &[("H-301", "fuel_gas_pressure", Side::Low)]),
    ("H-301", 1, 3.0, &[("H-301", "fuel_gas_pressure", Side::High)]),
    ("H-301", 1, 3.0, &[("H-301", "tube_skin_temperature", Side::High)]),
    ("H-301", 1, 3.0, &[("H-301", "outlet_temperature", Side::High)]),
    ("H-301", 1, 3.0, &[("H-301", "draft", Side::High)]),
    ("F-302", 1, 5.0, &[("F-302", "vibration_de", Side::High)]),
    ("F-302", 1, 2.0, &[("F-302", "bearing_temperature_de", Side::High)]),
    ("BL-405", 1, 5.0, &[("BL-405", "vibration_de", Side::High)]),
    ("BL-405", 1, 2.0, &[("BL-405", "bearing_temperature_de", Side::High)]),
    ("P-205A", 1, 5.0, &[("P-205A", "vibration_de", Side::High)]),
    ("P-205B", 1, 5.0, &[("P-205B", "vibration_de", Side::High)]),
    ("P-404A", 1, 5.0, &[("P-404A", "vibration_de", Side::High)]),
    ("P-404A", 1, 2.0, &[("P-404A", "discharge_pressure", Side::High)]),
    ("GT-501", 1, 3.0, &[("GT-501", "vibration_bearing_1", Side::High)]),
    ("GT-501", 1, 3.0, &[("GT-501", "vibration_bearing_2", Side::High)]),
    ("GT-501", 1, 2.0, &[("GT-501", "exhaust_temperature_average", Side::High)]),
    ("GT-501", 1, 5.0, &[("GT-501", "exhaust_temperature_spread", Side::High)]),
    ("GT-501", 1, 0.1, &[("GT-501", "speed", Side::High)]),
    ("GT-501", 1, 2.0, &[("GT-501", "bearing_temperature_1", Side::High)]),
    ("GT-501", 1, 2.0, &[("GT-501", "lube_oil_pressure", Side::Low)]),
    ("ST-502", 1, 2.0, &[("ST-502", "exhaust_pressure", Side::High)]),
    ("ST-502", 1, 0.1, &[("ST-502", "speed", Side::High)]),
    ("ST-502", 1, 1.0, &[("ST-502", "axial_position", Side::Away)]),
    ("ST-502", 1, 2.0, &[("ST-502", "thrust_bearing_temperature", Side::High)]),
    ("ST-502", 1, 2.0, &[("ST-502", "lube_oil_pressure", Side::Low)]),
    ("ST-502", 2, 3.0, &[("ST-502", "shaft_vibration_de", Side::High), ("ST-502", "shaft_vibration_nde", Side::High)]),
    ("ST-502", 1, 5.0, &[("V-505", "level", Side::High)]),
];

/// The rows that are decided by instruments alone. A pump without a limit of a kind has no such row.
pub(crate) fn causes() -> Vec<Cause> {
    let mut table = Table(Vec::new());
    for (pump, _) in PUMP_MOTORS {
        for (metric, delay_s, side) in PUMP_ROWS {
            table.row(pump, 1, delay_s, &[(pump, metric, side)]);
        }
    }
    for (machine, motor) in PUMP_MOTORS.into_iter().chain(OTHER_MOTORS) {
        for (metric, delay_s) in MOTOR_ROWS {
            table.row(machine, 1, delay_s, &[(motor, metric, Side::High)]);
        }
    }
    for (machine, need, delay_s, votes) in ROWS {
        table.row(machine, *need, *delay_s, votes);
    }
    table.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_single_machine_finds_its_instruments_and_limits() {
        for (machine, need, _, votes) in ROWS {
            let mut table = Table(Vec::new());
            table.row(machine, *need, 0.0, votes);
            assert_eq!(table.0.len(), 1, "{machine} {votes:?}");
            assert_eq!(table.0[0].votes.len(), votes.len(), "{machine} {votes:?}");
        }
    }
}
