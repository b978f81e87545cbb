//! U500, power block: gas turbine, drum, steam turbine, condenser, boiler feed pumps.

use crate::sim::{
    Env,
    board::Board,
    parts::Loop,
    pump::{Pump, PumpSpec, share_flow},
    relax,
};

const FEED: PumpSpec = PumpSpec {
    pump: "P-504A",
    motor: "PM-504A",
    h0: 744.0,
    a: 0.121,
    q_nominal: 32.0,
    density: 929.0,
    amps: 132.0,
    npsh_margin: 2.0,
    t_de: 62.0,
    duty: true,
};

/// The unit's state.
#[derive(Clone, Debug)]
pub(crate) struct Power {
    pub(crate) pumps: [Pump; 2],
    pub(crate) lv506: Loop,
    pub(crate) gt: bool,
    pub(crate) st: bool,
    gt_n: f64,
    gt_heat: f64,
    st_n: f64,
    st_heat: f64,
    level: f64,
    p_drum: f64,
    steam: f64,
    t_cond: f64,
    feed: f64,
}

impl Power {
    pub(crate) fn new() -> Self {
        Self {
            pumps: [
                Pump::new(FEED),
                Pump::new(PumpSpec {
                    pump: "P-504B",
                    motor: "PM-504B",
                    duty: false,
                    ..FEED
                }),
            ],
            lv506: Loop::new("LV-506", 50.0, 55.0, 1.2, 250.0, 100.0, -1.0),
            gt: true,
            st: true,
            gt_n: 1.0,
            gt_heat: 1.0,
            st_n: 1.0,
            st_heat: 1.0,
            level: 50.0,
            p_drum: 45.0,
            steam: 8.5,
            t_cond: 46.0,
            feed: 32.0,
        }
    }

    /// Advances the unit; `cooling` is the condenser's sea water against design.
    pub(crate) fn advance(&mut self, env: &mut Env, board: &mut Board, cooling: f64) {
        self.gas_turbine(env, board);
        self.drum(env, board);
        self.condenser(env, board, cooling);
        self.steam_turbine(env, board);
    }

    fn gas_turbine(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        relax(
            &mut self.gt_n,
            if self.gt { 1.0 } else { 0.0 },
            dt,
            if self.gt { 120.0 } else { 60.0 },
        );
        relax(
            &mut self.gt_heat,
            if self.gt { 1.0 } else { 0.0 },
            dt,
            300.0,
        );
        let cond = env.cond("GT-501");
        let inlet = env.weather.ambient - 6.0;
        let n = self.gt_n;
        let lit = if self.gt { n } else { 0.0 };
        let air = 1.0 - 0.007 * (inlet - 32.0);
        let load = air * (1.0 - 0.06 * cond.fouling);
        let id = "GT-501";
        board.put(id, "active_power", 11.2 * load * lit);
        board.put(id, "speed", 11_000.0 * n);
        let exhaust = 508.0 + 0.5 * (inlet - 32.0) + 14.0 * cond.fouling;
        board.put(
            id,
            "exhaust_temperature_average",
            inlet + (exhaust - inlet) * self.gt_heat,
        );
        board.put(
            id,
            "exhaust_temperature_spread",
            18.0 * self.gt_heat + 30.0 * cond.fouling * lit,
        );
        board.put(
            id,
            "compressor_discharge_pressure",
            14.0 * air.powf(0.6) * n * n * (1.0 - 0.03 * cond.fouling),
        );
        board.put(
            id,
            "compressor_discharge_temperature",
            inlet + 358.0 * n * n * (1.0 + 0.03 * cond.fouling),
        );
        board.put(id, "compressor_inlet_temperature", inlet);
        board.put(
            id,
            "inlet_filter_dp",
            6.0 * n * n * (1.0 + 1.4 * cond.fouling),
        );
        board.put(
            id,
            "fuel_flow",
            0.76 * lit * (0.25 + 0.75 * load) * (1.0 + 0.02 * cond.fouling),
        );
        let dry = 0.65 * cond.lube_loss;
        board.put(
            id,
            "vibration_bearing_1",
            0.1 + 2.9 * n * n * (1.0 + cond.velocity()),
        );
        board.put(
            id,
            "vibration_bearing_2",
            0.1 + 2.5 * n * n * (1.0 + 0.35 * cond.velocity()),
        );
        let warm = 0.2 * (env.weather.ambient - 38.0) + cond.bearing_rise + 25.0 * dry * n;
        board.put(
            id,
            "bearing_temperature_1",
            45.0 + 43.0 * self.gt_heat + warm,
        );
        board.put(id, "lube_oil_pressure", 1.9 * (1.0 - dry));
        board.put(
            id,
            "wheelspace_temperature",
            60.0 + 280.0 * self.gt_heat + 0.5 * (inlet - 32.0),
        );
        board.put(id, "run_status", if self.gt && n > 0.9 { 1.0 } else { 0.0 });
    }

    fn drum(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        let raised = 8.5 * self.gt_heat * (1.0 + 0.004 * (env.weather.ambient - 38.0));
        relax(&mut self.steam, raised, dt, 120.0);
        self.lv506.control(self.level, dt);
        self.lv506.stroke(&env.cond("LV-506"), dt);
        let conds = [env.cond("P-504A"), env.cond("P-504B")];
        let curves: Vec<_> = self
            .pumps
            .iter_mut()
            .zip(&conds)
            .map(|(pump, cond)| {
                pump.turn(dt);
                pump.curve(cond)
            })
            .collect();
        let opening = self.lv506.opening();
        let k = (40.0 + 100.0 / (opening * opening)) / 32.0_f64.powi(2);
        let [a, b] = &mut self.pumps;
        let lift = 480.0 + 11.0 * (self.p_drum - 45.0);
        self.feed = share_flow(&mut [a, b], &curves, lift, k, dt);
        for (i, pump) in self.pumps.iter_mut().enumerate() {
            let motor = env.cond(pump.spec.motor);
            pump.write(board, env.weather, env.rng, dt, 1.0, &conds[i], &motor);
        }
        let drawn = self.steam * 32.0 / 8.5;
        self.level =
            (self.level + 100.0 * (self.feed - drawn) / 32.0 / 300.0 * dt).clamp(0.0, 100.0);
        relax(
            &mut self.p_drum,
            45.0 * (0.7 + 0.3 * self.steam / 8.5),
            dt,
            20.0,
        );
        board.put("V-505", "level", self.level);
        board.put("V-505", "pressure", self.p_drum);
        board.put("V-505", "temperature", 258.0 + 1.2 * (self.p_drum - 45.0));
        self.lv506.write(board, 55.0);
    }

    fn condenser(&mut self, env: &mut Env, board: &mut Board, cooling: f64) {
        let dt = env.dt;
        let foul = env.cond("E-503").fouling;
        let water = cooling.max(0.05);
        let duty = (self.steam / 8.5).max(0.01);
        let rise = 9.0 * duty / water;
        let ntu = 0.693 * (1.0 - 0.4 * foul) / water.powf(0.4);
        let hot = env.weather.sea + rise / (1.0 - (-ntu).exp());
        relax(&mut self.t_cond, hot, dt, 60.0);
        let id = "E-503";
        board.put(id, "hot_inlet_temperature", self.t_cond);
        board.put(id, "hot_outlet_temperature", self.t_cond - 0.5);
        board.put(id, "cold_inlet_temperature", env.weather.sea);
        board.put(id, "cold_outlet_temperature", env.weather.sea + rise);
        board.put(id, "hot_flow", self.steam);
        board.put(id, "cold_flow", 558.0 * cooling);
        board.put(
            id,
            "tube_side_dp",
            0.45 * (1.0 + 2.2 * foul) * cooling.powf(1.8),
        );
    }

    fn steam_turbine(&mut self, env: &mut Env, board: &mut Board) {
        let dt = env.dt;
        relax(
            &mut self.st_n,
            if self.st { 1.0 } else { 0.0 },
            dt,
            if self.st { 60.0 } else { 120.0 },
        );
        relax(
            &mut self.st_heat,
            if self.st { 1.0 } else { 0.0 },
            dt,
            900.0,
        );
        let cond = env.cond("ST-502");
        let n = self.st_n;
        let lit = if self.st { 1.0 } else { 0.0 };
        // Vapour pressure of water around 50 °C.
        let back = 0.101 * ((self.t_cond - 46.0) * 0.0497).exp();
        let share = self.steam / 8.5;
        let id = "ST-502";
        board.put(
            id,
            "active_power",
            5.9 * share * n * lit * (1.0 - 1.4 * (back - 0.1)),
        );
        board.put(id, "speed", 6_000.0 * n);
        board.put(id, "inlet_steam_pressure", self.p_drum - 3.0);
        board.put(
            id,
            "inlet_steam_temperature",
            420.0 * (0.75 + 0.25 * share) + 0.3 * (env.weather.ambient - 38.0),
        );
        board.put(id, "steam_flow", self.steam * lit);
        board.put(id, "exhaust_pressure", back);
        let spin = n * n;
        let dry = 0.65 * cond.lube_loss;
        board.put(
            id,
            "shaft_vibration_de",
            1.0 + spin * 24.0 * (1.0 + cond.velocity()),
        );
        board.put(
            id,
            "shaft_vibration_nde",
            1.0 + spin * 21.0 * (1.0 + 0.35 * cond.velocity()),
        );
        board.put(
            id,
            "axial_position",
            0.04 * share * spin + 0.25 * dry * spin,
        );
        board.put(
            id,
            "thrust_bearing_temperature",
            44.0 + 40.0 * self.st_heat
                + 0.15 * (env.weather.ambient - 38.0)
                + cond.bearing_rise
                + 25.0 * dry * n,
        );
        board.put(id, "lube_oil_pressure", 1.7 * (1.0 - dry));
        board.put(id, "run_status", if self.st && n > 0.9 { 1.0 } else { 0.0 });
    }
}
