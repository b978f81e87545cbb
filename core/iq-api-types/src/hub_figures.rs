//! Headquarters: what the plants of a tenant told at the third level. Words come as the appliance wrote
//! them; `at` is the moment all of it stands for, so that its age can be shown.

use iq_domain::{ApplianceId, Names, SignalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Series;

/// An asset of a plant with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubAsset {
    /// Appliance of the plant.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub appliance: String,
    /// Id, as at the plant.
    pub id: String,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Family key.
    pub family: String,
    /// `low`, `medium`, `high`, `critical`.
    pub criticality: String,
    /// Code of its site.
    pub site: String,
    /// Code of its unit.
    pub unit: String,
    /// Code of the asset it is part of.
    pub parent: Option<String>,
    /// Number in the maintenance system.
    pub equipment_number: Option<String>,
    /// `unknown`, `normal`, `warning`, `critical`.
    pub status: String,
    /// `live`, `stale`, `disconnected`, `demo`, `imported`, `none`.
    pub connectivity: String,
    /// Whether it runs; absent where nothing tells.
    pub is_running: Option<bool>,
    /// Health 0–100; absent where there is not enough data.
    pub health: Option<f64>,
    /// Anomaly 0–100.
    pub anomaly: Option<f64>,
    /// Share of the expected inputs behind the score, 0–1.
    pub coverage: Option<f64>,
    /// What the score stands for.
    pub scored_at: Option<Timestamp>,
    /// Time of the newest good value.
    pub data_at: Option<Timestamp>,
    /// Active alerts.
    pub alerts: u32,
    /// How often it failed; absent where no failure would be known.
    pub reliability: Option<HubReliability>,
    /// When the plant told it.
    pub at: Timestamp,
    /// A demonstration.
    pub is_demo: bool,
}

/// How often something failed in the year before, and how long it was away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubReliability {
    /// Begin of the year.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Failures.
    pub failures: u64,
    /// Operating hours.
    pub operating_h: f64,
    /// Mean time between failures in hours; absent without a failure or with few hours.
    pub mtbf_h: Option<f64>,
    /// Lower end of its 90 % interval, also without a failure.
    pub mtbf_low_h: Option<f64>,
    /// Upper end.
    pub mtbf_high_h: Option<f64>,
    /// Mean active repair (MTTR) in hours.
    pub mttr_h: Option<f64>,
    /// Mean down time of a failure in hours.
    pub mdt_h: Option<f64>,
    /// Inherent availability, 0–1.
    pub inherent: Option<f64>,
    /// Operational availability, 0–1.
    pub operational: Option<f64>,
}

/// Key figures of a day or an hour of a plant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubKpi {
    /// Appliance of the plant.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub appliance: String,
    /// `day`, `hour`.
    pub period: String,
    /// Its begin.
    pub from: Timestamp,
    /// Up to when it was counted.
    pub to: Timestamp,
    /// Alarms activated.
    pub alarms: u64,
    /// Mean per hour.
    pub alarms_per_hour: f64,
    /// Share of the time in a flood, 0–1.
    pub flood_share: f64,
    /// Alarms active at the end.
    pub standing: u64,
    /// Incidents that began.
    pub incidents: u64,
    /// Incidents not closed.
    pub open_incidents: u64,
    /// Mean health weighted by criticality; absent where nothing has a score.
    pub health: Option<f64>,
    /// Share of the assets with a score, 0–1.
    pub health_coverage: f64,
    /// Assets that need action.
    pub critical: u64,
    /// Assets that need attention.
    pub warning: u64,
    /// Assets with nothing abnormal.
    pub normal: u64,
    /// Assets of which nothing is known.
    pub unknown: u64,
    /// Work orders not done.
    pub orders_open: u64,
    /// Those of them past their due time.
    pub orders_overdue: u64,
    /// How often the assets failed in the year before; of days.
    pub reliability: Option<HubReliability>,
    /// When the plant told it.
    pub at: Timestamp,
    /// A demonstration.
    pub is_demo: bool,
}

/// The newest published plan of a plant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubPlan {
    /// Appliance of the plant.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub appliance: String,
    /// Id, as at the plant.
    pub id: String,
    /// What a person calls it; may be empty.
    pub name: String,
    /// The moment its inputs stand for.
    pub as_of: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
    /// When the newest of it was published.
    pub published_at: Timestamp,
    /// Pieces of work it looked at.
    pub work: u64,
    /// Pieces it advises.
    pub advised: u64,
    /// Pieces that were published.
    pub published: u64,
    /// Currency of its amounts.
    pub currency: Option<String>,
    /// What the work costs.
    pub cost: Option<f64>,
    /// Risk without it.
    pub risk_before: Option<f64>,
    /// Risk with it.
    pub risk_after: Option<f64>,
    /// When the plant told it.
    pub at: Timestamp,
    /// A demonstration.
    pub is_demo: bool,
}

/// A signal of an asset of which a plant sent series, at the fourth level; once for each unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubSignal {
    /// Id, as at the plant.
    pub id: SignalId,
    /// Metric.
    pub metric: String,
    /// Its names; empty where no template knows it.
    pub names: Names,
    /// Unit symbol.
    pub unit: String,
    /// Time of the first value.
    pub from: Timestamp,
    /// Time of the newest value: what is newer is not sealed at the plant yet, or waits there.
    pub to: Timestamp,
    /// Pieces.
    pub pieces: u64,
    /// A demonstration.
    pub is_demo: bool,
}

/// A trend of such a signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubTrend {
    /// The points.
    pub series: Series,
    /// Metric.
    pub metric: String,
    /// Samples in the stretch of time.
    pub samples: u64,
    /// Pieces that can't be read; they are kept.
    pub damaged: u64,
    /// Values older than this many days are not kept; absent where all are.
    pub kept_days: Option<u32>,
    /// A demonstration.
    pub is_demo: bool,
}
