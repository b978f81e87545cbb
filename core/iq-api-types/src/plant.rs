//! The demo plant's controls.

use iq_domain::Names;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the demo plant does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlantStatus {
    /// It answers.
    pub running: bool,
    /// Its OPC UA address.
    pub endpoint_url: String,
    /// Its clock.
    pub plant_time: iq_domain::Timestamp,
    /// Faults it can develop.
    pub faults: Vec<PlantFault>,
    /// Faults that develop now.
    pub active: Vec<ActiveFault>,
    /// Scripted scenarios.
    pub scenarios: Vec<PlantScenario>,
    /// Tripped assets.
    pub tripped: Vec<String>,
}

/// A fault and the assets it fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlantFault {
    /// Key.
    pub fault: String,
    /// Names.
    pub names: Names,
    /// Asset codes.
    pub assets: Vec<String>,
}

/// A developing fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActiveFault {
    /// Asset code.
    pub asset: String,
    /// Key.
    pub fault: String,
    /// 0–1.
    pub severity: f64,
    /// Injected at.
    pub since: iq_domain::Timestamp,
}

/// A scripted scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlantScenario {
    /// S1 … S10.
    pub id: String,
    /// Title.
    pub names: Names,
}

/// Start a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectRequest {
    /// Asset code.
    pub asset: String,
    /// Key.
    pub fault: String,
    /// Seconds from start to full severity.
    pub over_s: f64,
}

/// Clear faults and trips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// One asset, or all.
    #[serde(default)]
    pub asset: Option<String>,
}

/// Start a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRequest {
    /// Scenario.
    pub id: String,
    /// 1 = as it happened, 60 = a minute per second.
    pub time_scale: f64,
}
