//! Centrifugal pumps with their motors: curve against system, rundown and start, bearings, seal,
//! cavitation, winding and phase currents.

use crate::{
    faults::Condition,
    rng::Rng,
    sim::{board::Board, relax, weather::Weather},
};

/// What a pump is by its data sheet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PumpSpec {
    pub(crate) pump: &'static str,
    pub(crate) motor: &'static str,
    /// Head at closed valve, m.
    pub(crate) h0: f64,
    /// Fall of the curve, m/(m3/h)².
    pub(crate) a: f64,
    pub(crate) q_nominal: f64,
    pub(crate) density: f64,
    /// Full-load share of the current at nominal duty, A.
    pub(crate) amps: f64,
    /// Margin of NPSH at nominal duty, m.
    pub(crate) npsh_margin: f64,
    /// Bearing temperature at the drive end at nominal duty.
    pub(crate) t_de: f64,
    /// Runs in normal operation.
    pub(crate) duty: bool,
}

/// A pump at work.
#[derive(Clone, Debug)]
pub(crate) struct Pump {
    pub(crate) spec: PumpSpec,
    /// Contactor closed.
    pub(crate) on: bool,
    /// Speed against rated.
    pub(crate) n: f64,
    /// Flow, m3/h.
    pub(crate) q: f64,
    /// Head, m.
    pub(crate) head: f64,
    /// Seconds since the contactor last moved.
    pub(crate) since_s: f64,
    p_s: f64,
    p_d: f64,
    t_de: f64,
    t_nde: f64,
    t_motor: f64,
    t_winding: f64,
    pot: f64,
}

/// Time constant of the hyperbolic rundown of a pump.
const RUNDOWN_S: f64 = 4.0;
/// Time a motor needs to full speed.
const START_S: f64 = 3.0;
const GRAVITY: f64 = 9.81;

impl Pump {
    pub(crate) fn new(spec: PumpSpec) -> Self {
        let on = spec.duty;
        let warm = if on { 1.0 } else { 0.0 };
        Self {
            spec,
            on,
            n: warm,
            q: if on { spec.q_nominal } else { 0.0 },
            head: 0.0,
            since_s: 1e6,
            p_s: f64::NAN,
            p_d: f64::NAN,
            t_de: if on { spec.t_de } else { 40.0 },
            t_nde: if on { 60.0 } else { 40.0 },
            t_motor: if on { 65.0 } else { 40.0 },
            t_winding: if on { 95.0 } else { 41.0 },
            pot: 70.0,
        }
    }

    pub(crate) fn switch(&mut self, on: bool) {
        if self.on != on {
            self.on = on;
            self.since_s = 0.0;
        }
    }

    /// Whether it turns near rated speed.
    pub(crate) fn runs(&self) -> bool {
        self.on && self.n > 0.9
    }

    pub(crate) fn turn(&mut self, dt: f64) {
        self.since_s += dt;
        if self.on {
            self.n = (self.n + dt / START_S).min(1.0);
        } else if self.n > 0.0 {
            // n0/(1 + t/τ) written as its own differential equation, so that a restart may cut in.
            self.n /= 1.0 + dt * self.n / RUNDOWN_S;
            if self.n < 0.03 {
                self.n = 0.0;
            }
        }
    }

    /// Coefficients of the curve at present speed and wear: closed head and fall.
    pub(crate) fn curve(&self, cond: &Condition) -> (f64, f64) {
        let cavitation = self.cavitation(cond);
        let loss = 1.0 - 0.03 * cavitation * (2.0 * cavitation).exp();
        let h0 = self.spec.h0 * self.n * self.n * (1.0 - 0.12 * cond.wear) * loss;
        (h0, self.spec.a * (1.0 + 0.6 * cond.wear))
    }

    /// Head lost in the suction strainer at nominal flow: fully plugged it eats the whole margin of
    /// NPSH and more.
    fn strainer_m(&self, cond: &Condition) -> f64 {
        (1.6 * self.spec.npsh_margin + 0.1) * cond.strainer
    }

    /// Cavitation from 0 to 1 by the NPSH margin left.
    pub(crate) fn cavitation(&self, cond: &Condition) -> f64 {
        if self.n < 0.5 {
            return 0.0;
        }
        let share = self.q / self.spec.q_nominal;
        // Required NPSH grows with flow: 0.6 + 0.4 q² of the nominal 3.2 m.
        let required = 3.2 * (0.4 * (share * share - 1.0));
        let margin = self.spec.npsh_margin - required - self.strainer_m(cond);
        ((0.8 - margin) / 0.8).clamp(0.0, 1.0)
    }

    /// Writes every tag of the pump and its motor.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn write(
        &mut self,
        board: &mut Board,
        weather: &Weather,
        rng: &mut Rng,
        dt: f64,
        p_suction: f64,
        pump: &Condition,
        motor: &Condition,
    ) {
        let share = self.q / self.spec.q_nominal;
        let cavitation = self.cavitation(pump);
        // A plugged strainer costs suction pressure at the instrument behind it.
        let strainer_bar =
            self.strainer_m(pump) * share * share * self.spec.density * GRAVITY / 1e5;
        let p_s = p_suction - strainer_bar;
        let p_d = p_s + self.spec.density * GRAVITY * self.head.max(0.0) / 1e5;
        let shake = cavitation * rng.normal();
        relax(&mut self.p_s, p_s, dt, 0.4);
        relax(&mut self.p_d, p_d, dt, 1.2);
        let id = self.spec.pump;
        board.put(id, "suction_pressure", self.p_s);
        board.put(id, "discharge_pressure", self.p_d * (1.0 + 0.01 * shake));
        board.put(id, "flow", self.q * (1.0 + 0.03 * shake));
        board.put(id, "run_status", f64::from(u8::from(self.runs())));
        self.write_bearings(board, weather, dt, share, cavitation, pump);
        // The barrier fluid of the pot breathes with the day; a leak empties its twelve litres.
        let leak = 25.0 * pump.seal;
        relax(
            &mut self.pot,
            70.0 - 1.6 * leak + 0.12 * (weather.ambient - 38.0),
            dt,
            60.0,
        );
        board.put(id, "seal_pot_level", self.pot.clamp(0.0, 100.0));
        board.put(
            id,
            "seal_pot_pressure",
            1.2 + 1.1 * pump.seal + 0.004 * (weather.ambient - 38.0),
        );
        self.write_motor(board, weather, rng, dt, share, cavitation, motor);
    }

    fn write_bearings(
        &mut self,
        board: &mut Board,
        weather: &Weather,
        dt: f64,
        share: f64,
        cavitation: f64,
        cond: &Condition,
    ) {
        let id = self.spec.pump;
        let speed = self.n * self.n;
        let off_best = (share - 1.0).abs();
        let base = (1.0 + 0.5 * (off_best - 0.3).max(0.0)) * speed;
        let rise = cond.velocity();
        board.put(
            id,
            "vibration_de",
            0.04 + 1.56 * base * (1.0 + rise + 0.5 * cavitation),
        );
        board.put(
            id,
            "vibration_nde",
            0.04 + 1.36 * base * (1.0 + 0.35 * rise + 0.4 * cavitation),
        );
        board.put(
            id,
            "bearing_acceleration",
            0.02 + speed * (1.48 * cond.acceleration() + 2.5 * cavitation),
        );
        let air = 0.3 * (weather.ambient - 38.0);
        let still = weather.ambient + 2.0;
        let target = |running: f64| {
            if self.n > 0.5 {
                running + air + 4.0 * (share - 1.0).clamp(-0.5, 0.5)
            } else {
                still
            }
        };
        let (de, nde) = (target(self.spec.t_de), target(60.0));
        relax(&mut self.t_de, de, dt, 1_200.0);
        relax(&mut self.t_nde, nde, dt, 1_200.0);
        board.put(id, "bearing_temperature_de", self.t_de + cond.bearing_rise);
        board.put(
            id,
            "bearing_temperature_nde",
            self.t_nde + 0.25 * cond.bearing_rise,
        );
    }

    #[allow(clippy::too_many_arguments)]
    fn write_motor(
        &mut self,
        board: &mut Board,
        weather: &Weather,
        rng: &mut Rng,
        dt: f64,
        share: f64,
        cavitation: f64,
        cond: &Condition,
    ) {
        let power = (self.head * share
            / (self.spec.h0 - self.spec.a * self.spec.q_nominal.powi(2)))
        .clamp(0.0, 1.6);
        let load = if self.on {
            (0.38 + 0.62 * power) / weather.volt
        } else {
            0.0
        };
        let inrush = if self.on && self.n < 0.98 { 5.0 } else { 0.0 };
        let amps =
            self.spec.amps * (load + inrush) * (1.0 + 0.004 * 4.0 * cavitation * rng.normal());
        let state = MotorState {
            on: self.n > 0.5,
            load: load.min(2.0),
            amps,
        };
        write_motor(
            board,
            self.spec.motor,
            weather,
            dt,
            state,
            cond,
            &mut self.t_motor,
            &mut self.t_winding,
            self.n,
        );
    }
}

/// What a motor does at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MotorState {
    pub(crate) on: bool,
    /// Current against nominal.
    pub(crate) load: f64,
    pub(crate) amps: f64,
}

/// Writes the six tags of a motor.
#[allow(clippy::too_many_arguments)]
pub(crate) fn write_motor(
    board: &mut Board,
    id: &str,
    weather: &Weather,
    dt: f64,
    state: MotorState,
    cond: &Condition,
    t_bearing: &mut f64,
    t_winding: &mut f64,
    n: f64,
) {
    // 3 % of voltage gives about 24 % of current and 18 % more rise.
    let spread = 0.24 * cond.unbalance;
    board.put(id, "current_a", state.amps * (1.0 + spread));
    board.put(id, "current_b", state.amps * (1.0 - 0.6 * spread));
    board.put(id, "current_c", state.amps * (1.0 - 0.4 * spread));
    let rise = 57.0 * state.load * state.load * (1.0 + 0.55 * cond.unbalance);
    let (winding, bearing) = if state.on {
        (
            weather.ambient + rise,
            65.0 + 0.5 * (weather.ambient - 38.0),
        )
    } else {
        (weather.ambient + 2.0, weather.ambient + 1.0)
    };
    relax(t_winding, winding, dt, 1_500.0);
    relax(t_bearing, bearing, dt, 1_800.0);
    board.put(id, "winding_temperature", *t_winding);
    board.put(id, "bearing_temperature_de", *t_bearing + cond.bearing_rise);
    let vibration = 1.06 * n * n * (1.0 + cond.velocity() + 0.6 * cond.unbalance);
    board.put(id, "vibration_de", 0.04 + vibration);
}

/// Shares the flow of pumps in parallel against a system `static + k·Q²`; returns the total.
pub(crate) fn share_flow(
    pumps: &mut [&mut Pump],
    curves: &[(f64, f64)],
    lift: f64,
    k: f64,
    dt: f64,
) -> f64 {
    let flow_at = |head: f64| -> f64 {
        curves
            .iter()
            .map(|(h0, a)| ((h0 - head).max(0.0) / a).sqrt())
            .sum()
    };
    let top = curves.iter().map(|c| c.0).fold(0.0, f64::max);
    // Below the lift no check valve opens: every pump turns against its own closed head.
    let head = if top <= lift {
        f64::INFINITY
    } else {
        let (mut low, mut high) = (lift, top);
        for _ in 0..40 {
            let mid = 0.5 * (low + high);
            if lift + k * flow_at(mid).powi(2) > mid {
                low = mid
            } else {
                high = mid
            }
        }
        0.5 * (low + high)
    };
    let mut total = 0.0;
    for (pump, (h0, a)) in pumps.iter_mut().zip(curves) {
        let target = if head.is_finite() {
            ((h0 - head).max(0.0) / a).sqrt()
        } else {
            0.0
        };
        relax(&mut pump.q, target, dt, 0.8);
        if pump.q < 0.001 {
            pump.q = 0.0;
        }
        pump.head = (h0 - a * pump.q * pump.q).max(0.0);
        total += pump.q;
    }
    total
}
