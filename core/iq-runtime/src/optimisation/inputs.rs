//! What a run is asked, and the problem it is given: frozen when it begins, so that it can be made again.

use std::collections::BTreeMap;

use iq_analytics::LifeBelief;
use iq_domain::{AssetId, Criticality, Message, SiteId, TechnicianId, Timestamp, WorkOrderId};
use iq_optimiser::{CostModel, deferral::Spread};
use serde::{Deserialize, Serialize};

/// What a run is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// What a person calls it.
    pub name: String,
    /// Keys of the models; empty for all four.
    pub models: Vec<String>,
    /// Days planned.
    pub horizon_days: u32,
    /// Seed of searches and samples.
    pub seed: u32,
    /// Iterations of each search.
    pub iterations: u32,
    /// Only this site.
    pub site_id: Option<SiteId>,
    /// Money that may be spent.
    pub budget: Option<f64>,
    /// In place of the cost model's.
    pub risk_appetite: Option<f64>,
    /// What production is worth, as a multiple of the cost model's figures.
    pub production_factor: f64,
    /// Person-hours per day, as a share of the shifts.
    pub crew_factor: f64,
    /// Technicians who are not there.
    pub without_technicians: Vec<TechnicianId>,
    /// Minutes a shift may run over.
    pub overtime_minutes: u32,
    /// Minutes from one site to another.
    pub travel_minutes: u32,
    /// Assets whose work has to be done.
    pub must_do: Vec<AssetId>,
}

impl Default for PlanRequest {
    fn default() -> Self {
        Self {
            name: String::new(),
            models: Vec::new(),
            horizon_days: 14,
            seed: 1,
            iterations: 2_000,
            site_id: None,
            budget: None,
            risk_appetite: None,
            production_factor: 1.0,
            crew_factor: 1.0,
            without_technicians: Vec::new(),
            overtime_minutes: 120,
            travel_minutes: 75,
            must_do: Vec::new(),
        }
    }
}

/// A piece of work that may be done: an order that waits, or what an asset's condition asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Key in the problems: the asset's code, and the order's where there is one.
    pub key: String,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its family.
    pub family: String,
    /// Its unit.
    pub unit_id: String,
    /// Its site.
    pub site_id: String,
    /// Its criticality.
    pub criticality: Criticality,
    /// The order it is about.
    pub order_id: Option<WorkOrderId>,
    /// What that order is called.
    pub order: Option<String>,
    /// It should have ended by then.
    pub due_at: Option<Timestamp>,
    /// Hours of its job that are left, where some visits to it are begun or over; none where the whole job
    /// waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_left: Option<f64>,
    /// Health 0–100, and when it was assessed; 100 where there is no score.
    pub health: f64,
    /// Why there is no score of its health; the work is planned all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_withheld: Option<Message>,
    /// When.
    pub health_at: Timestamp,
    /// The assessment's method.
    pub health_model: String,
    /// Health lost per day, from the assessments of the last days.
    pub health_fall_per_day: f64,
    /// Age in hours since it was last as good as new; none where nobody said since when it is in service
    /// and no failure is known.
    pub age_hours: Option<f64>,
    /// What the tenant's own items say about the life of the family; none where none has a known life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_life: Option<OwnLife>,
    /// What is believed of how its family fails: its usual spread, corrected by the tenant's own items;
    /// without an age the average rate. None in runs of before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeBelief>,
    /// Certificates everybody on it has to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// It can only be done while its asset stands in a planned outage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_outage: bool,
    /// Parts it takes of which the store is known, with the pieces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, f64>,
    /// Whether it has to be done.
    pub must_do: bool,
}

/// The life of a family, corrected by the tenant's own items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnLife {
    /// Characteristic life in hours: 5 %, median, 95 %.
    pub eta_hours: Spread,
    /// Failures behind it.
    pub failures: u32,
    /// Times at risk behind it.
    pub lives: u32,
}

/// A shift of a technician inside the horizon, in minutes from the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crew {
    /// Technician.
    pub id: TechnicianId,
    /// Home site.
    pub site_id: String,
    /// Cost of an hour, where it is known.
    pub hourly_cost: Option<f64>,
    /// Skills.
    pub skills: Vec<String>,
    /// Certificates with the minute they end.
    pub certificates: BTreeMap<String, Option<u32>>,
    /// Shifts.
    pub shifts: Vec<(u32, u32)>,
    /// Times away.
    pub absences: Vec<(u32, u32)>,
}

/// A planned outage inside the days planned, in minutes from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageSpan {
    /// What it is called.
    pub title: String,
    /// Site.
    pub site_id: String,
    /// Only this unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_id: Option<String>,
    /// Only this asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<AssetId>,
    /// First minute.
    pub from: u32,
    /// First minute after.
    pub to: u32,
}

/// A part in store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stock {
    /// Material number, and whose store where several keep it.
    pub part: String,
    /// Pieces at the start.
    pub on_hand: f64,
    /// The minute from which what was ordered can be taken, and how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<(u32, f64)>,
    /// It should have arrived and is not booked in: it is not counted on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_overdue: bool,
    /// Days from an order to its arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_time_days: Option<u32>,
}

/// The problem of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// What was asked.
    pub request: PlanRequest,
    /// The moment everything stands for.
    pub as_of: Timestamp,
    /// Local midnight of day 1.
    pub start: Timestamp,
    /// Version of the cost model.
    pub cost_model_version: Option<u32>,
    /// The model with the what-if values in it; none where nobody has set one.
    pub cost_model: Option<CostModel>,
    /// Work.
    pub work: Vec<Work>,
    /// Technicians.
    pub crews: Vec<Crew>,
    /// Technicians are entered, and this run leaves every one of them out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_everybody_away: bool,
    /// Sites.
    pub sites: Vec<String>,
    /// Planned outages inside the days planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<OutageSpan>,
    /// Parts that some work takes and of which the store is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock: Vec<Stock>,
    /// What is missing or taken from general knowledge.
    pub notes: Vec<Message>,
}

impl Inputs {
    /// Whether the hours of people limit the plan. Where nobody is entered nothing is known of them; where
    /// everybody is left out there are none.
    #[must_use]
    pub fn limits_hours(&self) -> bool {
        self.is_everybody_away || !self.crews.is_empty()
    }
}
