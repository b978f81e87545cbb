//! How the alarm system behaved in a period (ISA-18.2).

use iq_domain::{AssetId, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The report of a period. Shares are 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmReport {
    /// Start of the period.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// Whose alarms these are: "optria", or the system that reported them.
    pub source: String,
    /// Whose alarms there are in the period, the program's own first.
    pub sources: Vec<AlarmSource>,
    /// Activations in the period.
    pub activations: u64,
    /// Alarms active at its end.
    pub standing: u64,
    /// Whether the period is long enough (30 days) for its means to be judged.
    pub is_representative: bool,
    /// The measures beside what they should be.
    pub kpis: Vec<AlarmKpi>,
    /// Activations per slice.
    pub bins: Vec<AlarmBin>,
    /// Share of each priority.
    pub priorities: Vec<AlarmPriority>,
    /// Floods by time.
    pub floods: Vec<AlarmFlood>,
    /// Most frequent alarms.
    pub bad_actors: Vec<AlarmLine>,
    /// Alarms that come and go, worst first.
    pub chattering: Vec<AlarmChatter>,
    /// Alarms over before anybody can look.
    pub fleeting: Vec<AlarmLine>,
    /// Alarms active longer than a day.
    pub stale: Vec<AlarmStale>,
    /// How alarms were answered, per priority.
    pub responses: Vec<AlarmResponse>,
}

/// A system that reports alarms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmSource {
    /// Its name.
    pub system: String,
    /// Alarm events of it in the period; absent for the program's own.
    pub events: Option<u64>,
}

/// What an alarm is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmName {
    /// The same for every activation.
    pub key: String,
    /// Its asset.
    pub asset_id: Option<AssetId>,
    /// The asset's code.
    pub asset_code: Option<String>,
    /// Metric key of its signal.
    pub metric: Option<String>,
    /// What it says; of an alarm of the program, what it said last.
    pub text: String,
}

/// How a measure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmStanding {
    /// As it should be.
    Good,
    /// Over the target, below the mark to act.
    Watch,
    /// Something has to be done.
    Act,
}

/// A measure beside its marks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmKpi {
    /// `per_day`, `per_hour`, `per_ten_minutes`, `worst`, `share_over`, `share_hours_over`,
    /// `share_in_flood`, `top_share`, `nuisance`, `stale`, `answered_in_time`.
    pub measure: String,
    /// As it is.
    pub value: f64,
    /// As it should be: at most this (`answered_in_time`: at least).
    pub target: f64,
    /// From here on something has to be done.
    pub act: f64,
    /// How it stands.
    pub standing: AlarmStanding,
}

/// A slice of the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmBin {
    /// Its start.
    pub t: Timestamp,
    /// Activations in it.
    pub count: u64,
    /// Most activations in one of its ten-minute periods.
    pub worst: u32,
}

/// Share of a priority.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmPriority {
    /// Which.
    pub severity: Severity,
    /// Its share.
    pub share: f64,
}

/// A flood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmFlood {
    /// First activation.
    pub from: Timestamp,
    /// When it ended, or the end of the period.
    pub to: Timestamp,
    /// Whether it was not over at the end of the period.
    pub is_open: bool,
    /// Activations.
    pub count: u64,
    /// Most activations in ten minutes.
    pub peak: u64,
    /// The alarm that came first; several when their clocks can't tell.
    pub first_out: Vec<AlarmName>,
    /// What made most of it.
    pub top: Vec<AlarmLine>,
}

/// An alarm with a count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmLine {
    /// Which.
    pub alarm: AlarmName,
    /// How often.
    pub count: u64,
    /// Share of all.
    pub share: f64,
}

/// An alarm that chatters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmChatter {
    /// Which.
    pub alarm: AlarmName,
    /// Activations in the period.
    pub count: u64,
    /// Most within a minute.
    pub worst_minute: u64,
    /// When that was.
    pub worst_at: Timestamp,
    /// Chattering index: 1 is once a second, 0.05 three a minute.
    pub index: f64,
}

/// An alarm that stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmStale {
    /// Which.
    pub alarm: AlarmName,
    /// Active since.
    pub since: Timestamp,
    /// Until; absent while it is active.
    pub until: Option<Timestamp>,
}

/// How alarms of a priority were answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmResponse {
    /// Priority.
    pub severity: Severity,
    /// Activations.
    pub count: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Acknowledged within the time for the priority.
    pub in_time: u64,
    /// Not acknowledged and not yet late.
    pub pending: u64,
    /// That time.
    pub within_ms: i64,
    /// Median of the times to acknowledge.
    pub median_ms: Option<i64>,
    /// 95th percentile of them.
    pub p95_ms: Option<i64>,
}
