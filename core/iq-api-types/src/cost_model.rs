//! The cost and risk model of a tenant.

use std::collections::BTreeMap;

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::StatusMessage;

/// What a job costs in a family, in the currency of the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FamilyCost {
    /// Planned job: labour and material.
    pub planned: f64,
    /// Repair after a failure, lost production apart.
    pub failure: f64,
}

/// One number per criticality or class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CriticalityWeights {
    /// Critical assets.
    pub critical: f64,
    /// High.
    pub high: f64,
    /// Medium.
    pub medium: f64,
    /// Low.
    pub low: f64,
}

/// Score from which a piece of work belongs to a class, 0–100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CriticalityThresholds {
    /// From here: critical.
    pub critical: f64,
    /// From here: high.
    pub high: f64,
    /// From here: medium; below: low.
    pub medium: f64,
}

/// What waiting and failing cost. Money is in `currency`, values of production are per hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CostModel {
    /// ISO 4217 code ("SAR").
    pub currency: String,
    /// Lost per hour of downtime where neither unit nor site says more.
    pub default_downtime_cost_per_hour: f64,
    /// 1: only the mean counts; 0: only the bad cases count.
    pub risk_appetite: f64,
    /// Cost of jobs, by key of the asset family.
    #[serde(default)]
    pub cost_per_asset_family: BTreeMap<String, FamilyCost>,
    /// Value of production per hour, by id of the site.
    #[serde(default)]
    pub production_value_per_site: BTreeMap<String, f64>,
    /// Value of production per hour, by id of the unit; goes before the site's.
    #[serde(default)]
    pub production_value_per_unit: BTreeMap<String, f64>,
    /// Classes of the documented score.
    pub criticality_thresholds: CriticalityThresholds,
    /// Weights of the documented score.
    pub criticality_weights: CriticalityWeights,
}

/// A changed cost and risk model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CostModelInput {
    /// The model.
    pub model: CostModel,
    /// Why it changes; may be empty.
    #[serde(default)]
    pub comment: String,
    /// The version the change is based on; none for the first.
    pub base_version: Option<u32>,
}

/// One version of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CostModelVersion {
    /// From 1.
    pub version: u32,
    /// The model.
    pub model: CostModel,
    /// Why it was changed.
    pub comment: String,
    /// Made up for a demonstration.
    pub is_demo: bool,
    /// Fields that differ from the version before.
    pub changed: Vec<String>,
    /// Who.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// The model in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActiveCostModel {
    /// The version in force; none where nobody has set one.
    pub active: Option<CostModelVersion>,
    /// What is withheld without one.
    pub missing: Option<StatusMessage>,
    /// Currencies that can be chosen.
    pub currencies: Vec<String>,
}
