//! The cost and risk model of a tenant: every model of this crate turns condition into money with it.

use std::{collections::BTreeMap, fmt};

use iq_domain::{CodedError, Criticality};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a job costs in a family when it is planned and when the machine has failed, in the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FamilyCost {
    /// Planned job: labour and material.
    pub planned: f64,
    /// Repair after a failure, lost production apart.
    pub failure: f64,
}

/// Scores from which an item belongs to a class (0–100).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CriticalityThresholds {
    /// From here: critical.
    pub critical: f64,
    /// From here: high.
    pub high: f64,
    /// From here: medium; below: low.
    pub medium: f64,
}

impl Default for CriticalityThresholds {
    fn default() -> Self {
        Self {
            critical: 70.0,
            high: 50.0,
            medium: 30.0,
        }
    }
}

/// Weights of the criticality in the documented score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl Default for CriticalityWeights {
    fn default() -> Self {
        Self {
            critical: 2.0,
            high: 1.5,
            medium: 1.0,
            low: 0.5,
        }
    }
}

/// Cost and risk model. Money is in `currency`, values of production are per hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostModel {
    /// ISO 4217 code ("SAR").
    pub currency: String,
    /// Lost per hour of downtime where neither unit nor site says more.
    pub default_downtime_cost_per_hour: f64,
    /// 1: only the mean counts; 0: only the bad cases count.
    pub risk_appetite: f64,
    /// Cost of jobs by asset family.
    #[serde(default)]
    pub cost_per_asset_family: BTreeMap<String, FamilyCost>,
    /// Value of production per hour, by site.
    #[serde(default)]
    pub production_value_per_site: BTreeMap<String, f64>,
    /// Value of production per hour, by unit; goes before the site's.
    #[serde(default)]
    pub production_value_per_unit: BTreeMap<String, f64>,
    /// Classes of the documented score.
    #[serde(default)]
    pub criticality_thresholds: CriticalityThresholds,
    /// Weights of the documented score.
    #[serde(default)]
    pub criticality_weights: CriticalityWeights,
}

impl Default for CostModel {
    fn default() -> Self {
        Self {
            currency: "SAR".to_owned(),
            default_downtime_cost_per_hour: 10_000.0,
            risk_appetite: 0.5,
            cost_per_asset_family: BTreeMap::new(),
            production_value_per_site: BTreeMap::new(),
            production_value_per_unit: BTreeMap::new(),
            criticality_thresholds: CriticalityThresholds::default(),
            criticality_weights: CriticalityWeights::default(),
        }
    }
}

impl CostModel {
    /// Lost per hour while an asset of this unit and site stands.
    #[must_use]
    pub fn downtime_cost_per_hour(&self, unit: Option<&str>, site: Option<&str>) -> f64 {
        let unit = unit.and_then(|u| self.production_value_per_unit.get(u));
        let site = site.and_then(|s| self.production_value_per_site.get(s));
        *unit
            .or(site)
            .unwrap_or(&self.default_downtime_cost_per_hour)
    }

    /// Weight of a criticality in the documented score.
    #[must_use]
    pub const fn weight(&self, criticality: Criticality) -> f64 {
        match criticality {
            Criticality::Critical => self.criticality_weights.critical,
            Criticality::High => self.criticality_weights.high,
            Criticality::Medium => self.criticality_weights.medium,
            Criticality::Low => self.criticality_weights.low,
        }
    }

    /// Refuses amounts no cost can have.
    pub fn check(&self) -> Result<(), CodedError> {
        let is_code =
            self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        if !is_code {
            return Err(
                CodedError::invalid("optimiser.currency_unknown").with("currency", &self.currency)
            );
        }
        let weights = self.criticality_weights;
        let limits = self.criticality_thresholds;
        let amount = |field: &str, value: f64| amount_of(&format!("cost_model.{field}"), value);
        for (field, value) in [
            (
                "default_downtime_cost_per_hour",
                self.default_downtime_cost_per_hour,
            ),
            ("criticality_weights.critical", weights.critical),
            ("criticality_weights.high", weights.high),
            ("criticality_weights.medium", weights.medium),
            ("criticality_weights.low", weights.low),
            ("criticality_thresholds.critical", limits.critical),
            ("criticality_thresholds.high", limits.high),
            ("criticality_thresholds.medium", limits.medium),
        ] {
            amount(field, value)?;
        }
        for (id, value) in &self.production_value_per_site {
            amount(&format!("production_value_per_site[{id}]"), *value)?;
        }
        for (id, value) in &self.production_value_per_unit {
            amount(&format!("production_value_per_unit[{id}]"), *value)?;
        }
        for (family, cost) in &self.cost_per_asset_family {
            let of = format!("cost_per_asset_family[{family}]");
            amount(&format!("{of}.planned"), cost.planned)?;
            amount(&format!("{of}.failure"), cost.failure)?;
        }
        if !(0.0..=1.0).contains(&self.risk_appetite) {
            let value = self.risk_appetite;
            return Err(out_of_range("cost_model.risk_appetite", value, "≥ 0, ≤ 1"));
        }
        Ok(())
    }
}

/// Refuses what is negative, infinite or no number.
pub(crate) fn amount_of(field: &str, value: f64) -> Result<(), CodedError> {
    if value.is_finite() && (0.0..=1e15).contains(&value) {
        Ok(())
    } else {
        Err(out_of_range(field, value, "≥ 0, ≤ 1e15"))
    }
}

/// A value outside its range, which is written as comparisons: they read alike in every language.
pub(crate) fn out_of_range(field: &str, value: impl fmt::Display, range: &str) -> CodedError {
    CodedError::invalid("optimiser.value_out_of_range")
        .with("field", field)
        .with("value", value)
        .with("range", range)
}

/// Names the entry of a list that an error is about.
pub(crate) fn of_entry(list: &str, place: usize, id: &str, error: CodedError) -> CodedError {
    let Some(field) = error.params.get("field") else {
        return error;
    };
    let field = format!("{list}[{place}] ({id}): {field}");
    error.with("field", field)
}

/// Names the part of an entry that an error is about; parts have no name of their own.
pub(crate) fn of_part(list: &str, place: usize, error: CodedError) -> CodedError {
    let Some(field) = error.params.get("field") else {
        return error;
    };
    let field = format!("{list}[{place}].{field}");
    error.with("field", field)
}

/// The words of [`Criticality`], for schemas.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum CriticalityWord {
    Low,
    Medium,
    High,
    Critical,
}
