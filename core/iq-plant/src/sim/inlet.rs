//! U100, inlet and stabilisation: separator, flash drum, feed pumps, feed/bottoms exchanger, column,
//! reboiler, air cooler, tank.

use crate::sim::{
    Env,
    board::Board,
    parts::{AirCooler, Loop, exchange},
    pump::{Pump, PumpSpec, share_flow},
    relax,
};

const FEED_PUMP: PumpSpec = PumpSpec {
    pump: "P-102A",
    motor: "PM-102A",
    h0: 145.0,
    a: 7.78e-4,
    q_nominal: 180.0,
    density: 680.0,
    amps: 94.8,
    npsh_margin: 1.2,
    t_de: 62.0,
    duty: true,
};
/// Static lift of the feed system, m.
const LIFT: f64 = 98.0;
/// Pipe friction and valve friction at 180 m3/h, m.
const FRICTION: (f64, f64) = (12.0, 10.0);

/// The interlock on the loss of both feed pumps keeps FV-103 shut until the operator resets it, which
/// takes this long.
const FEED_HOLD_S: f64 = 160.0;

/// The unit's state.
#[derive(Clone, Debug)]
pub(crate) struct Inlet {
    pub(crate) pumps: [Pump; 2],
    pub(crate) lv111: Loop,
    pub(crate) fv103: Loop,
    pub(crate) pv109: Loop,
    ac107: AirCooler,
    pub(crate) v101: f64,
    pub(crate) v110: f64,
    p101: f64,
    p110: f64,
    v105: f64,
    p105: f64,
    t105: f64,
    cold_out: f64,
    hot_out: f64,
    oil_out: f64,
    reboil: f64,
    tank: f64,
    t_tank: f64,
    /// Heat the column's reboiler takes, MW.
    pub(crate) duty: f64,
    /// Flow to the column, m3/h.
    pub(crate) feed_flow: f64,
    /// Seconds until the operator resets the interlock of FV-103.
    feed_hold: f64,
}

impl Inlet {
    pub(crate) fn new() -> Self {
        let b = PumpSpec {
            pump: "P-102B",
            motor: "PM-102B",
            duty: false,
            ..FEED_PUMP
        };
        Self {
            pumps: [Pump::new(FEED_PUMP), Pump::new(b)],
            lv111: Loop::new("LV-111", 50.0, 55.0, 1.5, 600.0, 100.0, 1.0),
            fv103: Loop::new("FV-103", 180.0, 55.0, 0.35, 8.0, 300.0, -1.0),
            pv109: Loop::new("PV-109", 12.5, 55.0, 2.0, 60.0, 20.0, 1.0),
            ac107: AirCooler::new("AC-107", 0.122, (28.0, 28.0), 48.0),
            v101: 50.0,
            v110: 50.0,
            p101: 12.5,
            p110: 1.2,
            v105: 50.0,
            p105: 7.2,
            t105: 190.0,
            cold_out: 101.0,
            hot_out: 120.0,
            oil_out: 240.0,
            reboil: 190.0,
            tank: 7.0,
            t_tank: 40.0,
            duty: 6.0,
            feed_flow: 180.0,
            feed_hold: 0.0,
        }
    }

    /// Advances the unit. `oil_t` is the hot oil's temperature, `oil_flow` its share of design,
    /// `flash_runs` whether the flash-gas compressor takes the drum's gas.
    pub(crate) fn advance(
        &mut self,
        env: &mut Env,
        board: &mut Board,
        oil_t: f64,
        oil_flow: f64,
        flash_runs: bool,
    ) {
        let dt = env.dt;
        let liquid = self.drums(env, flash_runs);
        let any = self.pumps.iter().any(|p| p.on);
        self.feed_hold = if any {
            (self.feed_hold - dt).max(0.0)
        } else {
            FEED_HOLD_S
        };
        if any && self.feed_hold == 0.0 {
            // The drum's level trims the flow's set-point around what comes in.
            let want =
                (180.0 * env.weather.feed * (1.0 + 0.012 * (self.v110 - 50.0))).clamp(0.0, 260.0);
            relax(&mut self.fv103.sp, want, dt, 30.0);
            self.fv103.control(self.feed_flow, dt);
        } else {
            self.fv103.force(0.0, self.feed_flow);
            // The operator opens it from nothing.
            self.fv103.sp = 0.0;
        }
        self.fv103.stroke(&env.cond("FV-103"), dt);
        let conds = [env.cond("P-102A"), env.cond("P-102B")];
        let curves: Vec<_> = self
            .pumps
            .iter_mut()
            .zip(&conds)
            .map(|(pump, cond)| {
                pump.turn(dt);
                pump.curve(cond)
            })
            .collect();
        let k = (FRICTION.0 + FRICTION.1 / self.fv103.opening().powi(2)) / 180.0_f64.powi(2);
        let lift = LIFT + (self.p105 - 7.2) * 15.0;
        let [a, b] = &mut self.pumps;
        let total = share_flow(&mut [a, b], &curves, lift, k, dt);
        relax(&mut self.feed_flow, total, dt, 1.0);
        self.v110 += 100.0 * (liquid - total / 180.0) / 600.0 * dt;
        self.v110 = self.v110.clamp(0.0, 100.0);
        for (i, pump) in self.pumps.iter_mut().enumerate() {
            let share = pump.q / 180.0;
            let suction =
                self.p110 + 0.333 * (0.7 + 0.3 * self.v110 / 50.0) - 0.133 * share * share;
            let motor = env.cond(pump.spec.motor);
            pump.write(board, env.weather, env.rng, dt, suction, &conds[i], &motor);
        }
        self.column(env, board, oil_t, oil_flow);
        self.write_drums(env, board);
    }

    /// Separator and flash drum; returns the liquid that reaches the drum, as a share of design.
    fn drums(&mut self, env: &mut Env, flash_runs: bool) -> f64 {
        let dt = env.dt;
        self.lv111.control(self.v101, dt);
        self.lv111.stroke(&env.cond("LV-111"), dt);
        let liquid = (self.lv111.opening() * (self.p101 / 12.5).max(0.0).sqrt()).min(2.5);
        self.v101 =
            (self.v101 + 100.0 * (env.weather.feed - liquid) / 960.0 * dt).clamp(0.0, 100.0);
        self.pv109.control(self.p101, dt);
        self.pv109.stroke(&env.cond("PV-109"), dt);
        let gas = self.pv109.opening() * self.p101 / 12.5;
        self.p101 = (self.p101 + 0.02 * (env.weather.feed - gas) * dt).clamp(0.0, 16.0);
        let flash = if flash_runs {
            1.2 + 0.4 * (liquid - 1.0)
        } else {
            1.7
        };
        relax(&mut self.p110, flash.clamp(0.5, 2.4), dt, 120.0);
        liquid
    }

    fn column(&mut self, env: &mut Env, board: &mut Board, oil_t: f64, oil_flow: f64) {
        let dt = env.dt;
        let share = self.feed_flow / 180.0;
        let cold_flow = 34.0 * share;
        let bottoms = 25.0 * (0.15 + 0.85 * share) * (self.v105 / 50.0).clamp(0.0, 1.4).powf(0.3);
        let fouled = env.cond("E-104");
        let ua = 51_400.0 * share.max(0.02).powf(0.5) / (1.0 + 408.0 * 8e-4 * 1.5 * fouled.fouling);
        let (hot, cold) = exchange(
            2_400.0 * bottoms,
            2_206.0 * cold_flow,
            ua,
            self.t105,
            self.inlet_t(env),
        );
        relax(&mut self.hot_out, hot, dt, 120.0);
        relax(&mut self.cold_out, cold, dt, 120.0);
        board.put("E-104", "hot_inlet_temperature", self.t105);
        board.put("E-104", "hot_outlet_temperature", self.hot_out);
        board.put("E-104", "cold_inlet_temperature", self.inlet_t(env));
        board.put("E-104", "cold_outlet_temperature", self.cold_out);
        board.put("E-104", "hot_flow", bottoms);
        board.put("E-104", "cold_flow", cold_flow);
        board.put(
            "E-104",
            "tube_side_dp",
            0.45 * (1.0 + 2.2 * fouled.fouling) * share.max(0.0).powf(1.8),
        );
        // Kettle reboiler: the boiling side holds its temperature, so ε = 1 − e^(−NTU).
        let dirty = env.cond("E-106");
        let oil = oil_flow.max(0.01);
        let effect = 1.0 - (-0.654 / oil.powf(0.4) / (1.0 + 0.5 * dirty.fouling)).exp();
        let bottom_in = self.t105 - 15.0;
        let drop = effect * (oil_t - bottom_in).max(0.0);
        relax(&mut self.oil_out, oil_t - drop, dt, 120.0);
        self.duty = 0.1 * oil * drop;
        // Colder feed or less oil heat leaves the column's bottom colder.
        let bottom =
            190.0 + 6.0 * (self.duty - 6.0) - 24.0 * (share - 1.0) + 0.35 * (self.cold_out - 101.0);
        relax(&mut self.t105, bottom.clamp(60.0, 215.0), dt, 900.0);
        relax(
            &mut self.reboil,
            bottom_in + 15.0 * (self.duty / 6.0),
            dt,
            120.0,
        );
        board.put("E-106", "hot_inlet_temperature", oil_t);
        board.put("E-106", "hot_outlet_temperature", self.oil_out);
        board.put("E-106", "cold_inlet_temperature", bottom_in);
        board.put("E-106", "cold_outlet_temperature", self.reboil);
        board.put("E-106", "hot_flow", 40.0 * oil_flow);
        board.put("E-106", "cold_flow", 30.0 * (0.4 + 0.6 * share));
        board.put(
            "E-106",
            "tube_side_dp",
            0.45 * (1.0 + 2.2 * dirty.fouling) * oil_flow.powf(1.8),
        );
        self.v105 = (self.v105 + (share - bottoms / 25.0) * 0.05 * dt).clamp(0.0, 100.0);
        relax(
            &mut self.p105,
            7.2 + 0.25 * (self.duty - 6.0) + 0.6 * (share - 1.0),
            dt,
            300.0,
        );
        board.put("V-105", "level", self.v105);
        board.put("V-105", "pressure", self.p105);
        board.put("V-105", "temperature", self.t105);
        self.ac107.write(
            board,
            env.weather,
            &env.cond("AC-107"),
            self.hot_out,
            bottoms / 25.0,
            dt,
        );
        self.tank += (bottoms / 25.0 - 1.0 - (self.tank - 7.0) * 0.02) * 2e-5 * dt;
        relax(
            &mut self.t_tank,
            40.0 + 0.25 * (self.ac107.out - 48.0),
            dt,
            7_200.0,
        );
        board.put("TK-108", "level", self.tank.clamp(0.0, 12.0));
        board.put("TK-108", "temperature", self.t_tank);
    }

    fn inlet_t(&self, env: &Env) -> f64 {
        45.0 + 0.2 * (env.weather.ambient - 38.0)
    }

    fn write_drums(&mut self, env: &Env, board: &mut Board) {
        let t = self.inlet_t(env);
        board.put("V-101", "level", self.v101);
        board.put("V-101", "pressure", self.p101);
        board.put("V-101", "temperature", t);
        board.put("V-110", "level", self.v110);
        board.put("V-110", "pressure", self.p110);
        board.put("V-110", "temperature", t);
        self.lv111.write(board, 55.0);
        self.fv103.write(board, 55.0);
        self.pv109.write(board, 55.0);
    }
}
