//! Faults that can be put on an asset, and how they grow. The equations are those of the plant's
//! papers; a fault's whole development (damage 0 → 1) is stretched or squeezed to the time asked for.

use serde::{Deserialize, Serialize};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Rolling or sliding bearing wears: acceleration, then velocity, then temperature.
    BearingWear,
    /// Oil runs out of a bearing: temperature leads, acceleration follows.
    LubeStarvation,
    /// Suction strainer plugs and the pump cavitates.
    Cavitation,
    /// Impeller and wear rings wear: head and efficiency fall.
    ImpellerWear,
    /// Shaft seal leaks: pot level falls, or the vent flow of a gas seal rises.
    SealLeak,
    /// A heat-exchange surface, a compressor or a gas turbine fouls.
    Fouling,
    /// A centrifugal compressor is driven over its surge line.
    Surge,
    /// The valve's stem sticks and slips.
    Stiction,
    /// An instrument drifts; the machine is well.
    SensorDrift,
    /// An instrument's reading stands still.
    SensorFreeze,
    /// An instrument spikes.
    SensorSpike,
    /// Phase currents drift apart and the winding warms.
    ElectricalUnbalance,
    /// Lubricating-oil pressure is lost.
    LubeOilLoss,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::BearingWear,
        Self::LubeStarvation,
        Self::Cavitation,
        Self::ImpellerWear,
        Self::SealLeak,
        Self::Fouling,
        Self::Surge,
        Self::Stiction,
        Self::SensorDrift,
        Self::SensorFreeze,
        Self::SensorSpike,
        Self::ElectricalUnbalance,
        Self::LubeOilLoss,
    ];

    /// Stable key ("bearing_wear").
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BearingWear => "bearing_wear",
            Self::LubeStarvation => "lube_starvation",
            Self::Cavitation => "cavitation",
            Self::ImpellerWear => "impeller_wear",
            Self::SealLeak => "seal_leak",
            Self::Fouling => "fouling",
            Self::Surge => "surge",
            Self::Stiction => "stiction",
            Self::SensorDrift => "sensor_drift",
            Self::SensorFreeze => "sensor_freeze",
            Self::SensorSpike => "sensor_spike",
            Self::ElectricalUnbalance => "electrical_unbalance",
            Self::LubeOilLoss => "lube_oil_loss",
        }
    }

    /// The kind with the given key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == key)
    }

    /// Whether the fault sits in one instrument and not in the machine.
    #[must_use]
    pub const fn is_instrument(self) -> bool {
        matches!(
            self,
            Self::SensorDrift | Self::SensorFreeze | Self::SensorSpike
        )
    }

    /// Families that can have it; empty means every family.
    #[must_use]
    pub const fn families(self) -> &'static [&'static str] {
        match self {
            Self::BearingWear => &[
                "centrifugal_pump",
                "electric_motor",
                "centrifugal_compressor",
                "reciprocating_compressor",
                "gearbox",
                "fan_blower",
                "positive_displacement_pump",
                "gas_turbine",
                "steam_turbine",
                "hx_air_cooler",
            ],
            Self::LubeStarvation => &["centrifugal_pump", "electric_motor", "fan_blower"],
            Self::Cavitation | Self::ImpellerWear => &["centrifugal_pump"],
            Self::SealLeak => &["centrifugal_pump", "centrifugal_compressor"],
            Self::Fouling => &[
                "hx_shell_tube",
                "hx_air_cooler",
                "centrifugal_compressor",
                "gas_turbine",
                "fired_heater",
            ],
            Self::Surge => &["centrifugal_compressor"],
            Self::Stiction => &["control_valve"],
            Self::ElectricalUnbalance => &["electric_motor"],
            Self::LubeOilLoss => &[
                "centrifugal_compressor",
                "reciprocating_compressor",
                "gas_turbine",
                "steam_turbine",
                "positive_displacement_pump",
            ],
            Self::SensorDrift | Self::SensorFreeze | Self::SensorSpike => &[],
        }
    }

    /// Whether an asset of the family can have it.
    #[must_use]
    pub fn fits(self, family: &str) -> bool {
        self.families().is_empty() || self.families().contains(&family)
    }

    /// How long the fault takes in a real plant, in seconds, from first damage to the end.
    #[must_use]
    pub const fn natural_s(self) -> f64 {
        match self {
            Self::BearingWear => 81.5 * 86_400.0,
            Self::LubeStarvation => LUBE_NATURAL_S,
            Self::Cavitation => 6.0 * 3_600.0,
            Self::ImpellerWear => 20_000.0 * 3_600.0,
            Self::SealLeak => 30.0 * 3_600.0,
            Self::Fouling => 45.0 * 86_400.0,
            Self::Surge => 60.0,
            Self::Stiction => 7.0 * 86_400.0,
            Self::SensorDrift => 10.0 * 86_400.0,
            Self::SensorFreeze | Self::SensorSpike => 1.0,
            Self::ElectricalUnbalance => 5.0 * 86_400.0,
            Self::LubeOilLoss => 200.0 * 3_600.0,
        }
    }
}

/// Initial damage of the growth laws.
const DAMAGE_0: f64 = 0.02;
/// ∫ dD / (D(1 + D/2)) from [`DAMAGE_0`] to 1: how much "k·time" a full development needs.
const GROWTH: f64 = 3.516_3;
/// Rate of the starvation law, per hour.
const LUBE_K: f64 = 0.415;
/// Time the starvation law needs from a shut oiler to the end.
const LUBE_NATURAL_S: f64 = 7.894_1 * 3_600.0;
/// Thermal lag of a bearing housing.
const HOUSING_LAG_S: f64 = 480.0;

/// A fault at work.
#[derive(Clone, Debug)]
pub(crate) struct ActiveFault {
    pub(crate) asset: usize,
    pub(crate) kind: FaultKind,
    /// Tag an instrument fault sits on.
    pub(crate) tag: Option<usize>,
    /// Plant seconds for the whole development.
    pub(crate) over_s: f64,
    /// Damage it stops at.
    pub(crate) severity: f64,
    pub(crate) elapsed_s: f64,
    /// Damage, 0 to 1.
    pub(crate) damage: f64,
    /// Oil left in the housing, 1 to 0 (starvation only).
    pub(crate) oil: f64,
    /// Extra temperature of the housing, after its lag.
    pub(crate) rise_k: f64,
    /// Value at which a frozen instrument stands.
    pub(crate) held: Option<f64>,
}

impl ActiveFault {
    pub(crate) fn new(
        asset: usize,
        kind: FaultKind,
        tag: Option<usize>,
        over_s: f64,
        severity: f64,
    ) -> Self {
        let grows = matches!(kind, FaultKind::BearingWear | FaultKind::LubeStarvation);
        Self {
            asset,
            kind,
            tag,
            over_s: over_s.max(0.1),
            severity,
            elapsed_s: 0.0,
            damage: if grows { DAMAGE_0 } else { 0.0 },
            oil: 1.0,
            rise_k: 0.0,
            held: None,
        }
    }

    /// Lets the fault grow for `dt` seconds; a machine that stands does not wear.
    pub(crate) fn grow(&mut self, dt: f64, running: bool) {
        let wears = matches!(
            self.kind,
            FaultKind::BearingWear | FaultKind::LubeStarvation
        );
        if running || !wears {
            self.elapsed_s += dt;
            // A squeezed fault is integrated in small pieces so that the law keeps its shape.
            let pieces = (dt / self.over_s * 400.0).ceil().clamp(1.0, 400.0);
            for _ in 0..pieces as u32 {
                self.advance(dt / pieces);
            }
        }
        let lag = (HOUSING_LAG_S * self.over_s / LUBE_NATURAL_S).min(HOUSING_LAG_S);
        let target = if running { self.rise_target() } else { 0.0 };
        let lag = if running { lag } else { HOUSING_LAG_S };
        self.rise_k += (target - self.rise_k) * (1.0 - (-dt / lag).exp());
    }

    fn advance(&mut self, dt: f64) {
        let progress = (self.elapsed_s / self.over_s).min(1.0);
        self.damage = match self.kind {
            FaultKind::BearingWear => {
                let rate = GROWTH / self.over_s;
                self.damage + rate * self.damage * (1.0 + 0.5 * self.damage) * dt
            }
            FaultKind::LubeStarvation => {
                let hours = dt * LUBE_NATURAL_S / self.over_s / 3_600.0;
                self.oil -= self.oil * hours;
                self.damage
                    + LUBE_K * self.damage * (1.0 + 0.5 * self.damage) * (1.2 - self.oil) * hours
            }
            FaultKind::Fouling => (1.0 - (-3.0 * progress).exp()) / (1.0 - (-3.0_f64).exp()),
            FaultKind::SealLeak => ((progress * 5.0).exp() - 1.0) / (5.0_f64.exp() - 1.0),
            FaultKind::SensorFreeze | FaultKind::SensorSpike => 1.0,
            _ => progress,
        }
        .min(self.severity);
    }

    fn rise_target(&self) -> f64 {
        let wear = 8.0 * self.damage + 45.0 * self.damage.powi(4);
        match self.kind {
            FaultKind::BearingWear => wear,
            FaultKind::LubeStarvation => wear + 14.0 * (1.0 - self.oil),
            _ => 0.0,
        }
    }
}

/// What the faults of one asset do to it, as the models read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Condition {
    /// Bearing damage, 0 to 1.
    pub(crate) bearing: f64,
    /// Extra bearing temperature, K.
    pub(crate) bearing_rise: f64,
    /// How far the suction strainer is plugged.
    pub(crate) strainer: f64,
    /// Impeller wear.
    pub(crate) wear: f64,
    /// Seal leak.
    pub(crate) seal: f64,
    /// Fouling.
    pub(crate) fouling: f64,
    /// How far the operating point is pushed towards surge.
    pub(crate) surge: f64,
    /// Stiction.
    pub(crate) stiction: f64,
    /// Electrical unbalance.
    pub(crate) unbalance: f64,
    /// Loss of lubricating oil.
    pub(crate) lube_loss: f64,
}

impl Condition {
    pub(crate) fn add(&mut self, fault: &ActiveFault) {
        let level = fault.damage;
        match fault.kind {
            FaultKind::BearingWear | FaultKind::LubeStarvation => {
                self.bearing = self.bearing.max(level);
                self.bearing_rise += fault.rise_k;
            }
            FaultKind::Cavitation => self.strainer = level,
            FaultKind::ImpellerWear => self.wear = level,
            FaultKind::SealLeak => self.seal = level,
            FaultKind::Fouling => self.fouling = level,
            FaultKind::Surge => self.surge = level,
            FaultKind::Stiction => self.stiction = level,
            FaultKind::ElectricalUnbalance => self.unbalance = level,
            FaultKind::LubeOilLoss => self.lube_loss = level,
            FaultKind::SensorDrift | FaultKind::SensorFreeze | FaultKind::SensorSpike => {}
        }
    }

    /// Factor on bearing acceleration.
    pub(crate) fn acceleration(&self) -> f64 {
        1.0 + 9.0 * self.bearing.powf(0.8) * step_in(self.bearing)
    }

    /// Increment factor of velocity at the failing end; the other end sees 35 % of it.
    pub(crate) fn velocity(&self) -> f64 {
        3.5 * self.bearing.powf(1.5) + 6.0 * (self.bearing - 0.6).max(0.0).powi(2)
    }
}

/// The damage a fault starts with is there before anyone could measure it: fade it in.
fn step_in(damage: f64) -> f64 {
    ((damage - DAMAGE_0) / DAMAGE_0).clamp(0.0, 1.0)
}
