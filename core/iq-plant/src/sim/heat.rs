//! U300, hot oil: circulation pumps, fired heater with its fan and fuel valve.

use crate::sim::{
    Env,
    board::Board,
    parts::Loop,
    pump::{Pump, PumpSpec, share_flow},
    relax,
};

const OIL_PUMP: PumpSpec = PumpSpec {
    pump: "P-303A",
    motor: "PM-303A",
    h0: 90.8,
    a: 2.05e-4,
    q_nominal: 277.0,
    density: 775.0,
    amps: 103.0,
    npsh_margin: 2.0,
    t_de: 62.0,
    duty: true,
};

/// The unit's state.
#[derive(Clone, Debug)]
pub(crate) struct Heat {
    pub(crate) pumps: [Pump; 2],
    pub(crate) fv304: Loop,
    pub(crate) fan: bool,
    fan_n: f64,
    fan_t: f64,
    /// Heater lit (fuel open).
    pub(crate) lit: bool,
    pub(crate) t_out: f64,
    t_in: f64,
    trim: f64,
    fuel: f64,
    skin: f64,
    stack: f64,
    /// Oil flow against design.
    pub(crate) flow: f64,
}

impl Heat {
    pub(crate) fn new() -> Self {
        let b = PumpSpec {
            pump: "P-303B",
            motor: "PM-303B",
            duty: false,
            ..OIL_PUMP
        };
        Self {
            pumps: [Pump::new(OIL_PUMP), Pump::new(b)],
            fv304: Loop::new("FV-304", 790.0, 55.0, 0.6, 10.0, 1_500.0, -1.0),
            fan: true,
            fan_n: 1.0,
            fan_t: 58.0,
            lit: true,
            t_out: 300.0,
            t_in: 240.0,
            trim: 0.0,
            fuel: 790.0,
            skin: 352.0,
            stack: 215.0,
            flow: 1.0,
        }
    }

    /// Advances the unit; `oil_back` is the temperature of the oil coming back from the reboiler.
    pub(crate) fn advance(&mut self, env: &mut Env, board: &mut Board, oil_back: f64) {
        let dt = env.dt;
        let coke = env.cond("H-301").fouling;
        let conds = [env.cond("P-303A"), env.cond("P-303B")];
        let curves: Vec<_> = self
            .pumps
            .iter_mut()
            .zip(&conds)
            .map(|(pump, cond)| {
                pump.turn(dt);
                pump.curve(cond)
            })
            .collect();
        let k = 45.07 * (1.0 + 0.12 * coke) / 277.0_f64.powi(2);
        let [a, b] = &mut self.pumps;
        let total = share_flow(&mut [a, b], &curves, 30.0, k, dt);
        self.flow = total / 277.0;
        for (i, pump) in self.pumps.iter_mut().enumerate() {
            let motor = env.cond(pump.spec.motor);
            pump.write(board, env.weather, env.rng, dt, 1.5, &conds[i], &motor);
        }
        self.fire(env, board, oil_back, coke);
        self.blow(env, board);
    }

    fn fire(&mut self, env: &mut Env, board: &mut Board, oil_back: f64, coke: f64) {
        let dt = env.dt;
        if self.lit {
            let error = (300.0 - self.t_out) / 100.0;
            self.trim = (self.trim + 1.2 * error * dt / 300.0).clamp(-0.4, 0.4);
            self.fv304.sp = (790.0 * (1.0 + self.trim + 1.2 * error)).clamp(120.0, 1_300.0);
            self.fv304.control(self.fuel, dt);
        } else {
            self.fv304.force(0.0, self.fuel);
            self.trim = 0.0;
        }
        self.fv304.stroke(&env.cond("FV-304"), dt);
        relax(
            &mut self.fuel,
            790.0 * self.fv304.opening().min(2.0),
            dt,
            1.0,
        );
        if !self.lit && self.fuel < 2.0 {
            self.fuel = 0.0;
        }
        let firing = if self.lit {
            self.fuel / 790.0 * (1.0 - 0.03 * coke) * env.weather.gas_mw
        } else {
            0.0
        };
        relax(&mut self.t_in, oil_back, dt, 60.0);
        let rise = 60.0 * firing / self.flow.max(0.15);
        relax(&mut self.t_out, self.t_in + rise.min(140.0), dt, 400.0);
        relax(
            &mut self.skin,
            self.t_out + (52.0 + 45.0 * coke) * firing / self.flow.clamp(0.3, 1.5),
            dt,
            120.0,
        );
        relax(
            &mut self.stack,
            env.weather.ambient + 177.0 * firing.powf(0.8) + 30.0 * coke,
            dt,
            200.0,
        );
        let air = self.fan_n * (0.15 + 0.85 * (self.fuel / 790.0)).max(0.15);
        let o2 = 21.0 - 18.0 * firing / air.max(0.05);
        let id = "H-301";
        board.put(id, "outlet_temperature", self.t_out);
        board.put(id, "inlet_temperature", self.t_in);
        board.put(id, "process_flow", 60.0 * self.flow);
        board.put(id, "fuel_gas_flow", self.fuel);
        board.put(
            id,
            "fuel_gas_pressure",
            1.2 * (0.25 + 0.75 * self.fuel / 790.0),
        );
        board.put(id, "flue_gas_o2", o2.clamp(0.0, 20.9));
        board.put(
            id,
            "draft",
            -0.25 - 0.05 * (firing - 1.0) + 0.02 * (1.0 - self.fan_n),
        );
        board.put(id, "tube_skin_temperature", self.skin);
        board.put(id, "stack_temperature", self.stack);
        board.put(id, "flame_status", if self.lit { 1.0 } else { 0.0 });
        self.fv304.write(board, 55.0);
    }

    fn blow(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        relax(
            &mut self.fan_n,
            if self.fan { 1.0 } else { 0.0 },
            dt,
            if self.fan { 2.0 } else { 6.0 },
        );
        let cond = env.cond("F-302");
        let n = self.fan_n;
        let warm = 58.0 + 0.4 * (env.weather.ambient - 38.0);
        relax(
            &mut self.fan_t,
            if n > 0.5 {
                warm
            } else {
                env.weather.ambient + 2.0
            },
            dt,
            1_200.0,
        );
        let id = "F-302";
        board.put(
            id,
            "discharge_pressure",
            25.0 * n * n * (1.0 - 0.002 * (env.weather.ambient - 38.0)),
        );
        let load = if self.fan {
            (0.4 + 0.6 * n) / env.weather.volt
        } else {
            0.0
        };
        board.put(id, "current", 38.0 * load);
        board.put(
            id,
            "vibration_de",
            0.05 + 2.15 * n * n * (1.0 + cond.velocity()),
        );
        board.put(id, "bearing_temperature_de", self.fan_t + cond.bearing_rise);
        board.put(
            id,
            "run_status",
            if self.fan && n > 0.9 { 1.0 } else { 0.0 },
        );
    }
}
