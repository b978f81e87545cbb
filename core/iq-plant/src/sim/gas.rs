//! U200, gas compression: scrubber, K-202 with gearbox and main motor, its lube-oil set and
//! anti-surge valve, the after-cooler, and the flash-gas compressor.

use crate::sim::{
    Env,
    board::Board,
    parts::{AirCooler, Loop},
    pump::{MotorState, write_motor},
    relax,
};

/// Suction flow of K-202 at design, m3/h.
const Q_DESIGN: f64 = 6_810.0;
/// Flow on the surge line at design head.
const Q_SURGE: f64 = 5_100.0;
/// Polytropic head at design and at closed discharge, kJ/kg.
const HEAD: (f64, f64) = (135.2, 165.0);
const SURGE_PERIOD_S: f64 = 1.2;

/// The unit's state.
#[derive(Clone, Debug)]
pub(crate) struct Gas {
    /// Main motor's breaker closed.
    pub(crate) k202: bool,
    pub(crate) k208: bool,
    pub(crate) lube_a: bool,
    pub(crate) lube_b: bool,
    /// Seconds since P-205B was started.
    lube_b_s: f64,
    pub(crate) n: f64,
    n208: f64,
    pub(crate) fv207: Loop,
    /// Anti-surge valve is held open by a trip.
    pub(crate) vent: bool,
    ac206: AirCooler,
    p1: f64,
    q: f64,
    t2: f64,
    pub(crate) oil: f64,
    t_brg: f64,
    t_motor: (f64, f64),
    t_motor208: (f64, f64),
    stuck_s: f64,
    surge_s: f64,
    /// Moments (seconds ago) of the last surge cycles.
    cycles: Vec<f64>,
    pub(crate) margin: f64,
    v201: f64,
    temp208: f64,
}

/// What the compressor does at a moment: suction temperature, discharge pressure, surge wave, mass flow.
#[derive(Clone, Copy)]
struct Process {
    t1: f64,
    p2: f64,
    cycle: f64,
    taken: f64,
}

impl Gas {
    pub(crate) fn new() -> Self {
        let mut fv207 = Loop::new("FV-207", 10.0, 0.0, 3.0, 6.0, 100.0, -1.0);
        fv207.stroke_s = 0.4;
        Self {
            k202: true,
            k208: true,
            lube_a: true,
            lube_b: false,
            lube_b_s: 0.0,
            n: 1.0,
            n208: 1.0,
            fv207,
            vent: false,
            ac206: AirCooler::new("AC-206", 0.191, (52.0, 51.0), 55.0),
            p1: 12.0,
            q: Q_DESIGN,
            t2: 127.0,
            oil: 1.8,
            t_brg: 0.0,
            t_motor: (65.0, 95.0),
            t_motor208: (65.0, 95.0),
            stuck_s: 0.0,
            surge_s: 0.0,
            cycles: Vec::new(),
            margin: 25.0,
            v201: 20.0,
            temp208: 1.0,
        }
    }

    /// Surge cycles within the last ten seconds.
    pub(crate) fn surge_cycles(&self) -> usize {
        self.cycles.len()
    }

    pub(crate) fn advance(&mut self, env: &mut Env, board: &mut Board) {
        self.lube(env, board);
        self.compressor(env, board);
        self.drive(env, board);
        self.flash(env, board);
    }

    fn lube(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        let plugged = env.cond("K-202").lube_loss;
        let (loss_a, loss_b) = (env.cond("P-205A").lube_loss, env.cond("P-205B").lube_loss);
        self.lube_b_s = if self.lube_b { self.lube_b_s + dt } else { 0.0 };
        let a = if self.lube_a { 1.0 - loss_a } else { 0.0 };
        // The standby needs 0.4 s to turn and 2 to 4 s to bring the header back.
        let b = if self.lube_b_s > 0.4 {
            1.0 - loss_b
        } else {
            0.0
        };
        let supply = (a + 0.22 * b).max(b) * (1.0 - 0.75 * plugged);
        relax(
            &mut self.oil,
            1.8 * supply.min(1.15),
            dt,
            if supply < 0.5 { 6.0 } else { 1.5 },
        );
        for (id, running, share) in [("P-205A", self.lube_a, a), ("P-205B", self.lube_b, b)] {
            let wear = env.cond(id);
            let on = if running { 1.0 } else { 0.0 };
            board.put(
                id,
                "discharge_pressure",
                0.1 + on * (7.9 * share.max(0.05) + 1.2 * plugged),
            );
            board.put(id, "flow", 12.0 * share);
            board.put(
                id,
                "vibration_de",
                0.05 + on * 2.15 * (1.0 + wear.velocity()),
            );
            board.put(
                id,
                "strainer_differential_pressure",
                on * (0.15 + 0.75 * wear.lube_loss),
            );
            board.put(id, "run_status", on);
        }
        let k = "K-202";
        board.put(k, "lube_oil_pressure", self.oil.max(0.0));
        board.put(
            k,
            "lube_oil_temperature",
            45.0 + 0.12 * (env.weather.ambient - 38.0),
        );
        board.put(
            k,
            "lube_oil_filter_dp",
            0.35 * (1.0 + 2.4 * plugged.powi(2)) * self.oil.max(0.05) / 1.8,
        );
    }

    fn compressor(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        let cond = env.cond("K-202");
        if self.k202 {
            self.n = (self.n + dt / 25.0).min(1.0);
        } else {
            self.n = (self.n - dt / 60.0).max(0.0);
        }
        let t1 = 35.0 + 0.1 * (env.weather.ambient - 38.0);
        let p2 = 33.0
            - if self.n < 0.5 {
                13.0 * (1.0 - 2.0 * self.n)
            } else {
                0.0
            };
        let efficiency = 0.778 - 0.06 * cond.fouling;
        let mw = 20.0 * env.weather.gas_mw;
        let e = 0.27 / (1.27 * efficiency);
        let ratio = (p2 + 1.013) / (self.p1 + 1.013).max(0.5);
        let work = ratio.max(1.0).powf(e);
        let needed = 0.96 * 8.314 / mw * (t1 + 273.15) / e * (work - 1.0);
        // Map at speed n: H = H0·n² − b·Q²; fouling narrows the passage.
        let b = (HEAD.1 - HEAD.0) / (Q_DESIGN * Q_DESIGN);
        let q = (((HEAD.1 * self.n * self.n - needed) / b).max(0.0)).sqrt()
            * (1.0 - 0.05 * cond.fouling);
        relax(&mut self.q, if self.n > 0.05 { q } else { 0.0 }, dt, 2.0);
        let surge_line = Q_SURGE * (needed / HEAD.0).max(0.1).sqrt();
        let open = if self.n > 0.5 {
            0.35 * self.fv207.pos
        } else {
            0.0
        };
        let raw = 100.0 * (self.q - surge_line) / self.q.max(1.0);
        let natural = if self.n > 0.9 {
            raw - 70.0 * cond.surge + open
        } else {
            25.0
        };
        self.margin = natural.clamp(-60.0, 60.0);
        self.anti_surge(env);
        let cycle = self.surge(env);
        // Suction pressure floats where the machine takes what the plant feeds.
        let density = (self.p1 + 1.013) * 1e5 * mw / (0.96 * 8_314.0 * (t1 + 273.15));
        let taken = self.q * density / 3_600.0;
        let fed = if self.n > 0.5 {
            20.0 * env.weather.feed
        } else {
            taken
        };
        self.p1 = (self.p1 + 0.004 * (fed - taken) * dt).clamp(8.0, 13.6);
        let t2 = if self.n > 0.2 {
            (t1 + 273.15) * work - 273.15
        } else {
            60.0
        };
        relax(&mut self.t2, t2, dt, 45.0);
        self.write_process(
            env,
            board,
            Process {
                t1,
                p2,
                cycle,
                taken,
            },
        );
    }

    fn write_process(&mut self, env: &mut Env, board: &mut Board, p: Process) {
        let (dt, t1, cycle, taken) = (env.dt, p.t1, p.cycle, p.taken);
        let k = "K-202";
        board.put(k, "suction_pressure", self.p1);
        board.put(k, "discharge_pressure", p.p2 * (1.0 + 0.06 * cycle));
        board.put(
            k,
            "suction_temperature",
            t1 + 0.8 * self.cycles.len() as f64,
        );
        board.put(k, "discharge_temperature", self.t2);
        board.put(k, "suction_flow", self.q * (1.0 + 0.6 * cycle));
        board.put(k, "speed", 9_800.0 * self.n);
        self.write_rotor(env, board, cycle, taken);
        board.put("V-201", "level", self.v201);
        board.put("V-201", "pressure", self.p1 + 0.01);
        board.put("V-201", "temperature", t1);
        relax(
            &mut self.v201,
            20.0 + 60.0 * (env.weather.feed - 1.0),
            dt,
            600.0,
        );
        self.ac206.write(
            board,
            env.weather,
            &env.cond("AC-206"),
            self.t2,
            taken / 20.0,
            dt,
        );
    }

    fn anti_surge(&mut self, env: &mut Env) {
        let dt = env.dt;
        let stuck = env.cond("FV-207");
        self.fv207.sp = 10.0;
        if self.vent {
            self.fv207.force(100.0, self.margin);
        } else if self.margin < 10.0 {
            // Open step: the controller does not wait for its integral.
            self.fv207.force(100.0, self.margin);
        } else {
            let op = (self.fv207.op - 2.0 * dt).max(0.0);
            self.fv207.force(op, self.margin);
        }
        // A sticking anti-surge valve answers late, then jumps.
        self.stuck_s = if (self.fv207.op - self.fv207.pos).abs() > 5.0 {
            self.stuck_s + dt
        } else {
            0.0
        };
        if self.stuck_s >= 3.2 * stuck.stiction {
            let op = self.fv207.op;
            relax(&mut self.fv207.pos, op, dt, self.fv207.stroke_s);
        }
    }

    /// Surge cycle as a signed square wave (+1 forward, −1/3 back); 0 when there is none.
    fn surge(&mut self, env: &mut Env) -> f64 {
        let dt = env.dt;
        for age in &mut self.cycles {
            *age += dt;
        }
        self.cycles.retain(|age| *age < 10.0);
        if self.margin >= 0.0 || self.n < 0.9 {
            self.surge_s = 0.0;
            return 0.0;
        }
        self.surge_s += dt;
        while self.surge_s >= SURGE_PERIOD_S {
            self.surge_s -= SURGE_PERIOD_S;
            self.cycles.push(0.0);
        }
        if self.surge_s < 0.5 * SURGE_PERIOD_S {
            1.0
        } else {
            -1.0 / 3.0
        }
    }

    fn write_rotor(&mut self, env: &mut Env, board: &mut Board, cycle: f64, taken: f64) {
        let k = "K-202";
        let cond = env.cond(k);
        let spin = self.n * self.n;
        let shake = if cycle == 0.0 { 1.0 } else { 3.0 };
        let wear = 1.0 + 0.8 * cond.velocity();
        let dry = (1.5 - self.oil).max(0.0);
        for (metric, base, gain) in [
            ("shaft_vibration_de_x", 18.0, wear),
            ("shaft_vibration_de_y", 16.0, wear),
            ("shaft_vibration_nde_x", 15.0, 1.0 + 0.35 * (wear - 1.0)),
            ("shaft_vibration_nde_y", 14.0, 1.0 + 0.35 * (wear - 1.0)),
        ] {
            board.put(
                k,
                metric,
                0.5 + spin * (base - 0.5) * gain * shake * (1.0 + 0.4 * dry),
            );
        }
        let load = taken / 20.0;
        board.put(
            k,
            "axial_position",
            0.05 * load * spin + 0.15 * cycle + 0.2 * dry * spin,
        );
        relax(
            &mut self.t_brg,
            if self.n > 0.2 { 0.0 } else { -34.0 },
            env.dt,
            900.0,
        );
        let air = 0.12 * (env.weather.ambient - 38.0) + self.t_brg;
        board.put(
            k,
            "bearing_temperature_de",
            82.0 + air + cond.bearing_rise + 16.0 * dry * spin,
        );
        board.put(
            k,
            "bearing_temperature_nde",
            80.0 + air + 0.25 * cond.bearing_rise + 16.0 * dry * spin,
        );
        board.put(
            k,
            "thrust_bearing_temperature",
            85.0 + air + 4.0 * (load - 1.0) + 20.0 * dry * spin,
        );
        board.put(
            k,
            "seal_gas_differential_pressure",
            0.3 * (0.4 + 0.6 * spin) * (1.0 - 0.3 * cond.seal),
        );
        board.put(
            k,
            "primary_seal_vent_flow",
            4.0 * (0.2 + 0.8 * spin) * (1.0 + 5.0 * cond.seal),
        );
        board.put(
            k,
            "run_status",
            if self.k202 && self.n > 0.9 { 1.0 } else { 0.0 },
        );
        board.put(
            k,
            "shaft_vibration_keyphasor_phase",
            120.0 + 25.0 * cond.bearing + 3.0 * (load - 1.0),
        );
        self.fv207.write(board, 0.0);
    }

    fn drive(&mut self, env: &mut Env, board: &mut Board) {
        let spin = self.n * self.n;
        let gear = env.cond("GB-203");
        let g = "GB-203";
        let air = 0.2 * (env.weather.ambient - 38.0) + 0.9 * self.t_brg;
        board.put(
            g,
            "vibration_hss_de",
            0.05 + spin * 1.95 * (1.0 + gear.velocity()),
        );
        board.put(
            g,
            "casing_acceleration",
            0.05 + spin * 2.95 * gear.acceleration().min(5.0),
        );
        board.put(g, "bearing_temperature_hss", 84.0 + air + gear.bearing_rise);
        board.put(
            g,
            "bearing_temperature_lss",
            74.0 + air + 0.25 * gear.bearing_rise,
        );
        board.put(g, "oil_temperature", 58.0 + 0.6 * air);
        let power = self.q / Q_DESIGN * (self.p1 + 1.013) / 13.013;
        let load = if self.k202 {
            (0.3 + 0.7 * power) / env.weather.volt
        } else {
            0.0
        };
        let inrush = if self.k202 && self.n < 0.95 { 4.0 } else { 0.0 };
        let state = MotorState {
            on: self.n > 0.3,
            load,
            amps: 366.0 * (load + inrush),
        };
        let cond = env.cond("KM-204");
        let (t_b, t_w) = &mut self.t_motor;
        write_motor(
            board,
            "KM-204",
            env.weather,
            env.dt,
            state,
            &cond,
            t_b,
            t_w,
            self.n,
        );
    }

    fn flash(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        let speed = if self.k208 { 1.0 } else { 0.0 };
        relax(&mut self.n208, speed, dt, 3.0);
        relax(&mut self.temp208, speed, dt, 900.0);
        let cond = env.cond("K-208");
        let (n, warm) = (self.n208, self.temp208);
        let air = env.weather.ambient - 38.0;
        let load = env.weather.feed;
        let id = "K-208";
        board.put(
            id,
            "suction_pressure",
            1.0 + 0.4 * (load - 1.0) + 0.5 * (1.0 - n),
        );
        board.put(id, "interstage_pressure", 1.5 + 2.6 * n * load);
        board.put(
            id,
            "discharge_pressure",
            2.0 + 10.2 * n + 0.9 * (self.p1 - 12.0) * n,
        );
        board.put(
            id,
            "discharge_temperature_s1",
            45.0 + (53.0 + 0.5 * air) * warm + 8.0 * (load - 1.0),
        );
        board.put(
            id,
            "discharge_temperature_s2",
            45.0 + (55.0 + 0.5 * air) * warm + 8.0 * (load - 1.0),
        );
        board.put(id, "rod_drop", 0.2 + 0.9 * cond.bearing);
        board.put(
            id,
            "crosshead_acceleration",
            0.05 + n * n * 1.15 * cond.acceleration().min(6.0),
        );
        board.put(
            id,
            "frame_vibration",
            0.1 + n * n * 4.9 * (1.0 + 0.4 * cond.velocity()),
        );
        board.put(
            id,
            "lube_oil_pressure",
            0.05 + 3.15 * n * (1.0 - 0.7 * cond.lube_loss),
        );
        board.put(id, "lube_oil_temperature", 42.0 + 13.0 * warm + 0.2 * air);
        board.put(
            id,
            "packing_temperature",
            42.0 + 38.0 * warm + 0.3 * air + cond.bearing_rise,
        );
        board.put(
            id,
            "run_status",
            if self.k208 && n > 0.9 { 1.0 } else { 0.0 },
        );
        let share = if self.k208 {
            (0.4 + 0.6 * load) / env.weather.volt
        } else {
            0.0
        };
        let state = MotorState {
            on: n > 0.5,
            load: share,
            amps: 512.0 * share,
        };
        let motor = env.cond("KM-209");
        let (t_b, t_w) = &mut self.t_motor208;
        write_motor(board, "KM-209", env.weather, dt, state, &motor, t_b, t_w, n);
    }
}
