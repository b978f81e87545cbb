//! What leaves at the third level: assets with their state, key figures, the head of the newest
//! published plan. They stand in a log of their own, so that the evidence holds none of it; a later
//! record about the same thing stands in the place of the earlier one.

use serde::{Deserialize, Serialize};

/// The stream of their log.
pub const STREAM: u8 = 3;
/// The level from which on they are written and sent.
pub const LEVEL: u8 = 3;

/// What a record is about: entry 1 of its body is the name of the thing among its kind, entry 2 what is
/// said of it, as JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An asset with its state; named by its id.
    Asset,
    /// Key figures of a day or an hour; named by the period and its begin.
    Kpi,
    /// The newest published plan; there is one at a time.
    Plan,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Asset, Self::Kpi, Self::Plan];

    /// The kind of the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Kpi => "kpi",
            Self::Plan => "plan",
        }
    }

    /// The kind a record says it is.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What a text says, if it says what this kind says. What a newer program added is left out.
    #[must_use]
    pub fn read(self, text: &str) -> Option<serde_json::Value> {
        match self {
            Self::Asset => known::<AssetFigure>(text),
            Self::Kpi => known::<KpiFigure>(text),
            Self::Plan => known::<PlanFigure>(text),
        }
    }
}

fn known<T: Serialize + for<'de> Deserialize<'de>>(text: &str) -> Option<serde_json::Value> {
    let said: T = serde_json::from_str(text).ok()?;
    serde_json::to_value(said).ok()
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is about.
    pub kind: Kind,
    /// Its name among its kind.
    pub key: String,
    /// The moment it stands for, Unix milliseconds.
    pub at_ms: i64,
    /// What it says apart from times that pass by themselves: only a change of this is told again.
    pub gist: String,
    /// What is said, as JSON text.
    pub body: String,
}

impl Figure {
    /// Something about a thing; its whole body is what it says.
    #[must_use]
    pub fn new(kind: Kind, key: String, at_ms: i64, said: &impl Serialize) -> Self {
        let body = serde_json::to_string(said).unwrap_or_default();
        Self {
            kind,
            key,
            at_ms,
            gist: body.clone(),
            body,
        }
    }
}

/// An asset: what it is, where it stands, and how it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssetFigure {
    /// Code, unique in the tenant.
    pub code: String,
    /// Names.
    pub name: String,
    /// The Arabic one.
    pub name_ar: String,
    /// Family key.
    pub family: String,
    /// `low`, `medium`, `high`, `critical`.
    pub criticality: String,
    /// Code of its site.
    pub site: String,
    /// Code of its unit.
    pub unit: String,
    /// Code of the asset it is part of.
    #[serde(default)]
    pub parent: Option<String>,
    /// Number in the maintenance system.
    #[serde(default)]
    pub equipment_number: Option<String>,
    /// `unknown`, `normal`, `warning`, `critical`.
    pub status: String,
    /// `live`, `stale`, `disconnected`, `demo`, `imported`, `none`.
    pub connectivity: String,
    /// Whether it runs.
    #[serde(default)]
    pub is_running: Option<bool>,
    /// Health 0–100; absent where there is not enough data.
    #[serde(default)]
    pub health: Option<f64>,
    /// Anomaly 0–100.
    #[serde(default)]
    pub anomaly: Option<f64>,
    /// Share of the expected inputs behind the score, 0–1.
    #[serde(default)]
    pub coverage: Option<f64>,
    /// What the score stands for, Unix milliseconds.
    #[serde(default)]
    pub scored_at: Option<i64>,
    /// Time of the newest good value.
    #[serde(default)]
    pub data_at: Option<i64>,
    /// Active alerts.
    #[serde(default)]
    pub alerts: u32,
    /// How often it failed; absent where no failure would be known.
    #[serde(default)]
    pub reliability: Option<ReliabilityFigure>,
}

/// How often something failed in the year before, and how long it was away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityFigure {
    /// Begin of the year, Unix milliseconds.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// Failures.
    pub failures: u64,
    /// Operating hours.
    pub operating_h: f64,
    /// Mean time between failures; absent without a failure or with few hours.
    #[serde(default)]
    pub mtbf_h: Option<f64>,
    /// Lower end of its 90 % interval, also without a failure.
    #[serde(default)]
    pub mtbf_low_h: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub mtbf_high_h: Option<f64>,
    /// Mean active repair.
    #[serde(default)]
    pub mttr_h: Option<f64>,
    /// Mean down time of a failure.
    #[serde(default)]
    pub mdt_h: Option<f64>,
    /// Inherent availability, 0–1.
    #[serde(default)]
    pub inherent: Option<f64>,
    /// Operational availability, 0–1.
    #[serde(default)]
    pub operational: Option<f64>,
}

/// Key figures of a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KpiFigure {
    /// `day`, `hour`.
    pub period: String,
    /// Its begin.
    pub from: i64,
    /// Up to when it was counted: its end, or before.
    pub to: i64,
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
    #[serde(default)]
    pub health: Option<f64>,
    /// Share of the assets with a score, 0–1.
    pub health_coverage: f64,
    /// Assets by status.
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
    /// How often its assets failed in the year before; of days.
    #[serde(default)]
    pub reliability: Option<ReliabilityFigure>,
}

/// The head of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanFigure {
    /// Id, as at the plant.
    pub id: String,
    /// What a person calls it; may be empty.
    pub name: String,
    /// The moment its inputs stand for.
    pub as_of: i64,
    /// When it was made.
    pub made_at: i64,
    /// When the newest of it was published.
    pub published_at: i64,
    /// Pieces of work it looked at.
    pub work: u64,
    /// Pieces it advises.
    pub advised: u64,
    /// Pieces that were published.
    pub published: u64,
    /// Currency of its amounts.
    #[serde(default)]
    pub currency: Option<String>,
    /// What the work costs.
    #[serde(default)]
    pub cost: Option<f64>,
    /// Risk without it.
    #[serde(default)]
    pub risk_before: Option<f64>,
    /// Risk with it.
    #[serde(default)]
    pub risk_after: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_body_is_read_and_one_of_another_kind_is_not() {
        let plan = serde_json::to_value(PlanFigure::default()).unwrap_or_default();
        assert_eq!(Kind::Plan.read(&plan.to_string()), Some(plan.clone()));
        let mut newer = plan.clone();
        newer["added_later"] = serde_json::Value::from(7);
        assert_eq!(Kind::Plan.read(&newer.to_string()), Some(plan.clone()));
        assert_eq!(Kind::Asset.read(&plan.to_string()), None);
        assert_eq!(Kind::Kpi.read("no JSON"), None);
    }

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::of("event"), None);
    }
}
