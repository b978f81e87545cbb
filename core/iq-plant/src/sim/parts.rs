//! Parts several units share: valves with their controllers, exchangers, air coolers.

use crate::{
    faults::Condition,
    sim::{board::Board, relax, weather::Weather},
};

/// A control valve with a PI controller.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub(crate) id: &'static str,
    pub(crate) sp: f64,
    pub(crate) pv: f64,
    /// Output, %.
    pub(crate) op: f64,
    /// Stem position, %.
    pub(crate) pos: f64,
    gain: f64,
    reset_s: f64,
    span: f64,
    /// 1 opens on high PV, -1 closes on high PV.
    direction: f64,
    stem: f64,
    last_error: Option<f64>,
    /// Seconds the stem needs for most of a step.
    pub(crate) stroke_s: f64,
}

impl Loop {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        id: &'static str,
        sp: f64,
        op: f64,
        gain: f64,
        reset_s: f64,
        span: f64,
        direction: f64,
    ) -> Self {
        Self {
            id,
            sp,
            pv: sp,
            op,
            pos: op,
            gain,
            reset_s,
            span,
            direction,
            stem: op,
            last_error: None,
            stroke_s: 1.5,
        }
    }

    /// One controller step on a new measurement (velocity form, so it never winds up).
    pub(crate) fn control(&mut self, pv: f64, dt: f64) {
        self.pv = pv;
        let error = (pv - self.sp) / self.span * 100.0 * self.direction;
        let last = self.last_error.unwrap_or(error);
        self.op =
            (self.op + self.gain * (error - last + error * dt / self.reset_s)).clamp(0.0, 100.0);
        self.last_error = Some(error);
    }

    /// Drives the output to a fixed value (interlock).
    pub(crate) fn force(&mut self, op: f64, pv: f64) {
        self.op = op;
        self.pv = pv;
        self.last_error = None;
    }

    /// Moves the stem: it sticks until the output has moved by (S + J)/2, then slips to within
    /// (S − J)/2 of it.
    pub(crate) fn stroke(&mut self, cond: &Condition, dt: f64) {
        let (band, jump) = (6.0 * cond.stiction, 4.0 * cond.stiction);
        let gap = self.op - self.stem;
        if gap.abs() > 0.5 * (band + jump) || band == 0.0 {
            self.stem = self.op - gap.signum() * 0.5 * (band - jump);
        }
        relax(&mut self.pos, self.stem, dt, self.stroke_s);
    }

    /// Flow coefficient against the one at 55 % (equal percentage, rangeability 50).
    pub(crate) fn opening(&self) -> f64 {
        let cv = |x: f64| 50.0_f64.powf(x / 100.0 - 1.0);
        if self.pos < 0.5 {
            1e-4
        } else {
            cv(self.pos) / cv(55.0)
        }
    }

    pub(crate) fn write(&self, board: &mut Board, rest: f64) {
        board.put(self.id, "valve_position", self.pos.clamp(0.0, 100.0));
        board.put(self.id, "controller_output", self.op);
        board.put(self.id, "setpoint", self.sp);
        board.put(self.id, "process_value", self.pv);
        // Air to open: the stem needs 0.2 to 1.0 bar above its rest over the stroke.
        board.put(self.id, "actuator_pressure", 2.1 + 0.012 * (self.op - rest));
    }
}

/// Outlet temperatures (hot, cold) of a counter-current exchanger by ε-NTU; `ch`, `cc` in W/K.
pub(crate) fn exchange(ch: f64, cc: f64, ua: f64, hot_in: f64, cold_in: f64) -> (f64, f64) {
    let (low, high) = (ch.min(cc).max(1.0), ch.max(cc).max(1.0));
    let ratio = low / high;
    let ntu = ua / low;
    let effect = if (1.0 - ratio).abs() < 1e-6 {
        ntu / (1.0 + ntu)
    } else {
        let e = (-ntu * (1.0 - ratio)).exp();
        (1.0 - e) / (1.0 - ratio * e)
    };
    let heat = effect * low * (hot_in - cold_in);
    (hot_in - heat / ch.max(1.0), cold_in + heat / cc.max(1.0))
}

/// An air cooler with two fans.
#[derive(Clone, Debug)]
pub(crate) struct AirCooler {
    pub(crate) id: &'static str,
    /// Share of the inlet's distance to the air that is left at the outlet when clean.
    left: f64,
    amps: (f64, f64),
    pub(crate) out: f64,
}

impl AirCooler {
    pub(crate) fn new(id: &'static str, left: f64, amps: (f64, f64), out: f64) -> Self {
        Self {
            id,
            left,
            amps,
            out,
        }
    }

    pub(crate) fn write(
        &mut self,
        board: &mut Board,
        weather: &Weather,
        cond: &Condition,
        hot_in: f64,
        flow: f64,
        dt: f64,
    ) {
        // Blades are pitched steeper on a hot day; dirt and flow work against them.
        let pitch = (1.0 - 0.03 * (weather.ambient - 38.0)).clamp(0.6, 1.4);
        let dirt = 1.0 + 1.2 * cond.fouling;
        let left = (self.left * pitch * dirt * flow.max(0.1).powf(0.6)).min(1.0);
        relax(
            &mut self.out,
            weather.ambient + left * (hot_in - weather.ambient),
            dt,
            90.0,
        );
        board.put(self.id, "hot_inlet_temperature", hot_in);
        board.put(self.id, "hot_outlet_temperature", self.out);
        board.put(self.id, "ambient_temperature", weather.ambient);
        let air =
            (1.0 + 0.004 * (weather.ambient - 38.0)) * (1.0 + 0.06 * cond.fouling) / weather.volt;
        board.put(self.id, "fan_1_current", self.amps.0 * air);
        board.put(self.id, "fan_2_current", self.amps.1 * air);
        board.put(
            self.id,
            "fan_vibration",
            3.2 * (1.0 + cond.velocity() + 0.3 * cond.fouling),
        );
    }
}
