//! U400, seawater reverse osmosis: intake pumps, high-pressure pumps, concentrate valve, dosing,
//! blower, product tank.

use crate::sim::{
    Env,
    board::Board,
    parts::Loop,
    pump::{Pump, PumpSpec, share_flow},
    relax,
};

const INTAKE: PumpSpec = PumpSpec {
    pump: "P-401A",
    motor: "PM-401A",
    h0: 36.3,
    a: 3.21e-6,
    q_nominal: 1_400.0,
    density: 951.0,
    amps: 248.0,
    npsh_margin: 3.0,
    t_de: 62.0,
    duty: true,
};
const MEMBRANE: PumpSpec = PumpSpec {
    pump: "P-402A",
    motor: "PM-402A",
    h0: 800.0,
    a: 9.07e-4,
    q_nominal: 420.0,
    density: 1_019.0,
    amps: 92.0,
    npsh_margin: 3.0,
    t_de: 68.0,
    duty: true,
};

/// The unit's state.
#[derive(Clone, Debug)]
pub(crate) struct Water {
    pub(crate) intake: [Pump; 3],
    pub(crate) membrane: [Pump; 2],
    pub(crate) pv403: Loop,
    pub(crate) dosing: bool,
    pub(crate) blower: bool,
    dose_n: f64,
    blow_n: f64,
    blow_t: f64,
    tank: f64,
    t_tank: f64,
    pressure: f64,
    /// Cooling water of the condenser against design.
    pub(crate) cooling: f64,
}

impl Water {
    pub(crate) fn new() -> Self {
        let intake = |pump, motor, duty| {
            Pump::new(PumpSpec {
                pump,
                motor,
                duty,
                ..INTAKE
            })
        };
        let mut pv403 = Loop::new("PV-403", 62.0, 55.0, 0.3, 15.0, 100.0, 1.0);
        pv403.stroke_s = 2.0;
        Self {
            intake: [
                Pump::new(INTAKE),
                intake("P-401B", "PM-401B", true),
                intake("P-401C", "PM-401C", false),
            ],
            membrane: [
                Pump::new(MEMBRANE),
                Pump::new(PumpSpec {
                    pump: "P-402B",
                    motor: "PM-402B",
                    ..MEMBRANE
                }),
            ],
            pv403,
            dosing: true,
            blower: true,
            dose_n: 1.0,
            blow_n: 1.0,
            blow_t: 58.0,
            tank: 6.0,
            t_tank: 29.0,
            pressure: 62.0,
            cooling: 1.0,
        }
    }

    pub(crate) fn advance(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        let conds: Vec<_> = self.intake.iter().map(|p| env.cond(p.spec.pump)).collect();
        let curves: Vec<_> = self
            .intake
            .iter_mut()
            .zip(&conds)
            .map(|(pump, cond)| {
                pump.turn(dt);
                pump.curve(cond)
            })
            .collect();
        let [a, b, c] = &mut self.intake;
        let total = share_flow(
            &mut [a, b, c],
            &curves,
            12.0,
            18.0 / 2_800.0_f64.powi(2),
            dt,
        );
        self.cooling = total / 2_800.0;
        for (i, pump) in self.intake.iter_mut().enumerate() {
            let motor = env.cond(pump.spec.motor);
            // Tide: a quarter of a metre, twice a day.
            let tide = 0.025 * (env.hours * std::f64::consts::TAU / 12.42).sin();
            pump.write(
                board,
                env.weather,
                env.rng,
                dt,
                0.3 + tide,
                &conds[i],
                &motor,
            );
        }
        self.high_pressure(env, board, total);
        self.small(env, board);
    }

    fn high_pressure(&mut self, env: &mut Env, board: &mut Board, intake: f64) {
        let dt = env.dt;
        let any = self.membrane.iter().any(|p| p.on);
        if any {
            self.pv403.control(self.pressure, dt);
        } else {
            // Twenty-second closing ramp, so that the membranes are not hammered.
            let op = (self.pv403.op - 5.0 * dt).max(0.0);
            self.pv403.force(op, self.pressure);
        }
        self.pv403.stroke(&env.cond("PV-403"), dt);
        let conds = [env.cond("P-402A"), env.cond("P-402B")];
        let curves: Vec<_> = self
            .membrane
            .iter_mut()
            .zip(&conds)
            .map(|(pump, cond)| {
                pump.turn(dt);
                pump.curve(cond)
            })
            .collect();
        let opening = self.pv403.opening().max(0.05);
        // Cold water is thicker: the membranes ask for more head.
        let cold = 1.0 + 0.012 * (28.0 - env.weather.sea);
        let k = (190.0 * cold + 200.0 / (opening * opening)) / 840.0_f64.powi(2);
        let [a, b] = &mut self.membrane;
        let total = share_flow(&mut [a, b], &curves, 250.0, k, dt);
        let header = 3.1 * (intake / 2_800.0).clamp(0.0, 1.3) - 1.1;
        for (i, pump) in self.membrane.iter_mut().enumerate() {
            let motor = env.cond(pump.spec.motor);
            let drop = 0.25 * (pump.q / 420.0 - 1.0);
            pump.write(
                board,
                env.weather,
                env.rng,
                dt,
                (header - drop).max(0.0),
                &conds[i],
                &motor,
            );
        }
        let live = self.membrane.iter().map(|p| p.head).fold(0.0, f64::max);
        relax(&mut self.pressure, (live * 0.0999 - 1.95).max(0.0), dt, 1.5);
        self.pv403.write(board, 55.0);
        let product = 0.42 * total;
        self.tank += ((product - 353.0) / 353.0 - 0.05 * (self.tank - 6.0)) * 1.0e-5 * dt;
        relax(&mut self.t_tank, env.weather.sea + 1.0, dt, 36_000.0);
        board.put("TK-406", "level", self.tank.clamp(0.0, 10.0));
        board.put("TK-406", "temperature", self.t_tank);
    }

    fn small(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        let on = |state: bool| if state { 1.0 } else { 0.0 };
        relax(&mut self.dose_n, on(self.dosing), dt, 1.0);
        let dose = env.cond("P-404A");
        let n = self.dose_n;
        let id = "P-404A";
        board.put(
            id,
            "discharge_pressure",
            0.1 + 5.9 * n * (1.0 - 0.5 * dose.lube_loss),
        );
        board.put(id, "flow", 0.045 * n * (1.0 - 0.3 * dose.lube_loss));
        board.put(
            id,
            "vibration_de",
            0.05 + 2.15 * n * (1.0 + dose.velocity()),
        );
        board.put(
            id,
            "strainer_differential_pressure",
            0.15 * n * (1.0 + 4.0 * dose.lube_loss),
        );
        board.put(id, "run_status", on(self.dosing && n > 0.9));
        relax(&mut self.blow_n, on(self.blower), dt, 2.0);
        let cond = env.cond("BL-405");
        let n = self.blow_n;
        let warm = 58.0 + 0.4 * (env.weather.ambient - 38.0);
        relax(
            &mut self.blow_t,
            if n > 0.5 {
                warm
            } else {
                env.weather.ambient + 2.0
            },
            dt,
            1_200.0,
        );
        let id = "BL-405";
        // Air scour breathes with the filter cycle of twenty minutes.
        let scour = (env.hours * 3.0 * std::f64::consts::TAU).sin();
        board.put(
            id,
            "discharge_pressure",
            500.0 * n * n * (1.0 + 0.02 * scour),
        );
        let load = if self.blower {
            (0.4 + 0.6 * n) * (1.0 + 0.02 * scour) / env.weather.volt
        } else {
            0.0
        };
        board.put(id, "current", 88.0 * load);
        board.put(
            id,
            "vibration_de",
            0.05 + 2.15 * n * n * (1.0 + cond.velocity()),
        );
        board.put(
            id,
            "bearing_temperature_de",
            self.blow_t + cond.bearing_rise,
        );
        board.put(id, "run_status", on(self.blower && n > 0.9));
    }
}
