//! What the people in the control room do by themselves: a few small set-point steps per shift, each on
//! the record. While a story is told in still weather their hands are off the desk.

use iq_domain::Timestamp;

use crate::{
    rng::Rng,
    sim::{Plant, SoeKind},
};

/// A set-point the operators trim: valve, usual value, largest step away from it, decimals.
const TRIMMED: [(&str, f64, f64, usize); 2] = [("PV-109", 12.5, 0.2, 2), ("LV-111", 50.0, 2.0, 1)];
/// Between two steps pass this many seconds, at least and at most: two to six in a shift.
const BETWEEN_S: (f64, f64) = (4_800.0, 14_400.0);

/// The operators of the gas plant.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    rng: Rng,
    next: Timestamp,
}

impl Operator {
    pub(crate) fn new(seed: u64, start: Timestamp) -> Self {
        let mut operator = Self {
            rng: Rng::named(seed, "operator"),
            next: start,
        };
        operator.rest(start);
        operator
    }

    fn rest(&mut self, now: Timestamp) {
        let seconds = BETWEEN_S.0 + (BETWEEN_S.1 - BETWEEN_S.0) * self.rng.unit();
        self.next = now.plus_ms((seconds * 1_000.0) as i64);
    }

    /// The step that is due: valve and new set-point.
    fn due(&mut self, now: Timestamp) -> Option<(&'static str, f64, usize)> {
        if now < self.next {
            return None;
        }
        self.rest(now);
        let at = (self.rng.unit() * TRIMMED.len() as f64) as usize;
        let (valve, usual, most, decimals) = TRIMMED[at];
        let scale = 10_f64.powi(decimals as i32);
        let wanted = usual + most * (2.0 * self.rng.unit() - 1.0);
        Some((valve, (wanted * scale).round() / scale, decimals))
    }
}

impl Plant {
    /// Lets the operators do what is due.
    pub(crate) fn operate(&mut self) {
        if self.weather.still {
            return;
        }
        let Some((valve, wanted, decimals)) = self.operator.due(self.now) else {
            return;
        };
        let controller = match valve {
            "PV-109" => &mut self.inlet.pv109,
            _ => &mut self.inlet.lv111,
        };
        let before = std::mem::replace(&mut controller.sp, wanted);
        if (before - wanted).abs() > 1e-9 {
            let text = format!("{valve}.SP {before:.decimals$} -> {wanted:.decimals$}");
            self.record(self.now, valve, SoeKind::SetPoint, text);
        }
    }
}
