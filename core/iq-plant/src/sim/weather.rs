//! What moves the whole plant at once: weather, sea, feed, gas quality, grid voltage. Shared
//! disturbances make the correlations between tags look like a plant's.

use iq_domain::Timestamp;

use crate::rng::Rng;

/// The common disturbances at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Ambient air, °C (38 by the design case).
    pub(crate) ambient: f64,
    /// Sea water, °C (28 by the design case).
    pub(crate) sea: f64,
    /// Feed of the plant against design.
    pub(crate) feed: f64,
    /// Molecular weight of the gas against design.
    pub(crate) gas_mw: f64,
    /// Bus voltage against rated.
    pub(crate) volt: f64,
    /// No day swing and no wandering: the night of a scenario that must repeat to the minute.
    pub(crate) still: bool,
    /// Shift of the sea temperature a scenario asks for.
    pub(crate) sea_shift: f64,
    /// Seconds a bus dip still lasts.
    pub(crate) dip_s: f64,
    feed_x: f64,
    mw_x: f64,
    volt_x: f64,
    sky_x: f64,
    rng: Rng,
}

/// Hour of the day (local, UTC+3) at which the air is warmest.
const WARMEST_H: f64 = 15.0;
const ZONE_H: f64 = 3.0;

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            ambient: 38.0,
            sea: 28.0,
            feed: 1.0,
            gas_mw: 1.0,
            volt: 1.0,
            still: false,
            sea_shift: 0.0,
            dip_s: 0.0,
            feed_x: 0.0,
            mw_x: 0.0,
            volt_x: 0.0,
            sky_x: 0.0,
            rng: Rng::named(seed, "weather"),
        }
    }

    pub(crate) fn advance(&mut self, now: Timestamp, dt: f64) {
        let mut wander = |x: &mut f64, tau_s: f64, sigma: f64| {
            let keep = (-dt / tau_s).exp();
            *x = *x * keep + sigma * (1.0 - keep * keep).sqrt() * self.rng.normal();
        };
        wander(&mut self.feed_x, 10_800.0, 0.013);
        wander(&mut self.mw_x, 14_400.0, 0.007);
        wander(&mut self.volt_x, 600.0, 0.004);
        wander(&mut self.sky_x, 7_200.0, 0.8);
        self.dip_s = (self.dip_s - dt).max(0.0);
        let swing = if self.still { 0.0 } else { 1.0 };
        let hour = (now.millis() as f64 / 3_600_000.0 + ZONE_H).rem_euclid(24.0);
        let day = ((hour - WARMEST_H) / 24.0 * std::f64::consts::TAU).cos();
        self.ambient = 38.0 + swing * (8.0 * day + self.sky_x);
        self.sea = 28.0 + self.sea_shift + swing * 1.2 * day;
        self.feed = 1.0 + swing * self.feed_x.clamp(-0.04, 0.04);
        self.gas_mw = 1.0 + swing * self.mw_x.clamp(-0.02, 0.02);
        self.volt = if self.dip_s > 0.0 {
            0.55
        } else {
            1.0 + swing * self.volt_x.clamp(-0.015, 0.015)
        };
    }
}
