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

/// The rows that are decided by instruments alone.
pub(crate) fn causes() -> Vec<Cause> {
    use Side::{Away, High, Low};
    let mut t = Table(Vec::new());
    for (pump, motor) in PUMP_MOTORS {
        t.row(pump, 1, 2.0, &[(pump, "bearing_temperature_de", High)]);
        t.row(pump, 1, 2.0, &[(pump, "bearing_temperature_nde", High)]);
        t.row(pump, 1, 5.0, &[(pump, "vibration_de", High)]);
        t.row(pump, 1, 5.0, &[(pump, "vibration_nde", High)]);
        t.row(pump, 1, 5.0, &[(pump, "suction_pressure", Low)]);
        t.row(pump, 1, 2.0, &[(pump, "discharge_pressure", High)]);
        t.row(pump, 1, 2.0, &[(motor, "winding_temperature", High)]);
        t.row(pump, 1, 2.0, &[(motor, "bearing_temperature_de", High)]);
        t.row(pump, 1, 5.0, &[(motor, "vibration_de", High)]);
    }
    for pump in ["P-102A", "P-102B"] {
        t.row(pump, 1, 5.0, &[("V-110", "level", Low)]);
    }
    let k = "K-202";
    t.row(k, 1, 2.0, &[(k, "lube_oil_pressure", Low)]);
    t.row(k, 1, 1.0, &[(k, "axial_position", Away)]);
    for (x, y) in [
        ("shaft_vibration_de_x", "shaft_vibration_de_y"),
        ("shaft_vibration_nde_x", "shaft_vibration_nde_y"),
    ] {
        t.row(k, 2, 3.0, &[(k, x, High), (k, y, High)]);
    }
    for metric in [
        "bearing_temperature_de",
        "bearing_temperature_nde",
        "thrust_bearing_temperature",
    ] {
        t.row(k, 1, 2.0, &[(k, metric, High)]);
    }
    t.row(k, 1, 2.0, &[(k, "discharge_temperature", High)]);
    t.row(k, 1, 2.0, &[(k, "primary_seal_vent_flow", High)]);
    t.row(k, 1, 2.0, &[("V-201", "level", High)]);
    t.row(k, 1, 2.0, &[("KM-204", "winding_temperature", High)]);
    t.row(k, 1, 2.0, &[("KM-204", "bearing_temperature_de", High)]);
    t.row(k, 1, 5.0, &[("KM-204", "vibration_de", High)]);
    t.row(k, 1, 5.0, &[("GB-203", "vibration_hss_de", High)]);
    t.row(k, 1, 2.0, &[("GB-203", "bearing_temperature_hss", High)]);
    let r = "K-208";
    t.row(r, 1, 2.0, &[(r, "lube_oil_pressure", Low)]);
    t.row(r, 1, 2.0, &[(r, "discharge_temperature_s1", High)]);
    t.row(r, 1, 2.0, &[(r, "discharge_temperature_s2", High)]);
    t.row(r, 1, 5.0, &[(r, "frame_vibration", High)]);
    t.row(r, 1, 5.0, &[(r, "crosshead_acceleration", High)]);
    t.row(r, 1, 2.0, &[(r, "rod_drop", High)]);
    t.row(r, 1, 2.0, &[("KM-209", "winding_temperature", High)]);
    let h = "H-301";
    t.row(h, 1, 3.0, &[(h, "process_flow", Low)]);
    t.row(h, 1, 3.0, &[(h, "fuel_gas_pressure", Low)]);
    t.row(h, 1, 3.0, &[(h, "fuel_gas_pressure", High)]);
    t.row(h, 1, 3.0, &[(h, "tube_skin_temperature", High)]);
    t.row(h, 1, 3.0, &[(h, "outlet_temperature", High)]);
    t.row(h, 1, 3.0, &[(h, "draft", High)]);
    for fan in ["F-302", "BL-405"] {
        t.row(fan, 1, 5.0, &[(fan, "vibration_de", High)]);
        t.row(fan, 1, 2.0, &[(fan, "bearing_temperature_de", High)]);
    }
    for pump in ["P-205A", "P-205B", "P-404A"] {
        t.row(pump, 1, 5.0, &[(pump, "vibration_de", High)]);
        t.row(pump, 1, 2.0, &[(pump, "discharge_pressure", High)]);
    }
    let g = "GT-501";
    for (metric, side, delay) in [
        ("vibration_bearing_1", High, 3.0),
        ("vibration_bearing_2", High, 3.0),
        ("exhaust_temperature_average", High, 2.0),
        ("exhaust_temperature_spread", High, 5.0),
        ("speed", High, 0.1),
        ("bearing_temperature_1", High, 2.0),
        ("lube_oil_pressure", Low, 2.0),
    ] {
        t.row(g, 1, delay, &[(g, metric, side)]);
    }
    let s = "ST-502";
    for (metric, side, delay) in [
        ("exhaust_pressure", High, 2.0),
        ("speed", High, 0.1),
        ("axial_position", Away, 1.0),
        ("thrust_bearing_temperature", High, 2.0),
        ("lube_oil_pressure", Low, 2.0),
    ] {
        t.row(s, 1, delay, &[(s, metric, side)]);
    }
    t.row(
        s,
        2,
        3.0,
        &[
            (s, "shaft_vibration_de", High),
            (s, "shaft_vibration_nde", High),
        ],
    );
    t.row(s, 1, 5.0, &[("V-505", "level", High)]);
    t.0
}
