//! Dimensions of the unit catalogue; the catalogue itself is data in `iq-mapping`.

use serde::{Deserialize, Serialize};

/// A physical dimension. Gauge and absolute pressure are kept apart on purpose: confusing them is
/// the commonest mapping error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Dimension {
    Acceleration,
    Angle,
    Current,
    Dimensionless,
    Energy,
    Frequency,
    Length,
    MassFlow,
    PressureAbsolute,
    PressureDifference,
    PressureGauge,
    Power,
    Resistance,
    SpecificEnergy,
    Temperature,
    TemperatureDifference,
    Text,
    Time,
    Velocity,
    Voltage,
    VolumeFlow,
    VolumeFlowNormal,
    RotationalSpeed,
    Concentration,
    Conductivity,
    Density,
}
