//! The cost and risk model of the demo tenant: round figures for a fictional plant, stored as DEMO and
//! shown so. Orders of magnitude as a Gulf gas plant would know them, in SAR.

use std::collections::BTreeMap;

use iq_domain::{TenantId, Timestamp};
use iq_optimiser::{CostModel, FamilyCost};
use iq_store::{
    StoreError, Transaction,
    cost_models::{self, CostModelRow},
};

/// Family, planned job, repair after a failure.
const FAMILIES: [(&str, f64, f64); 15] = [
    ("centrifugal_pump", 22_500.0, 82_500.0),
    ("positive_displacement_pump", 26_000.0, 90_000.0),
    ("centrifugal_compressor", 190_000.0, 1_150_000.0),
    ("reciprocating_compressor", 95_000.0, 480_000.0),
    ("gas_turbine", 260_000.0, 1_700_000.0),
    ("steam_turbine", 170_000.0, 980_000.0),
    ("electric_motor", 18_000.0, 75_000.0),
    ("gearbox", 45_000.0, 210_000.0),
    ("fan_blower", 12_000.0, 48_000.0),
    ("hx_shell_tube", 60_000.0, 190_000.0),
    ("hx_air_cooler", 28_000.0, 85_000.0),
    ("fired_heater", 90_000.0, 420_000.0),
    ("control_valve", 9_000.0, 34_000.0),
    ("vessel", 55_000.0, 240_000.0),
    ("tank", 48_000.0, 160_000.0),
];

/// Writes the first version.
pub(crate) fn create(
    tx: &Transaction<'_>,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let costs = FAMILIES
        .map(|(family, planned, failure)| (family.to_owned(), FamilyCost { planned, failure }));
    let model = CostModel {
        currency: "SAR".to_owned(),
        default_downtime_cost_per_hour: 15_000.0,
        risk_appetite: 0.5,
        cost_per_asset_family: BTreeMap::from(costs),
        ..CostModel::default()
    };
    let row = CostModelRow {
        tenant_id: tenant,
        version: 0,
        model: serde_json::to_value(&model)
            .map_err(|error| StoreError::Internal(error.to_string()))?,
        comment: String::new(),
        is_demo: true,
        created_by: "demo".to_owned(),
        created_at: now,
    };
    cost_models::append_cost_model(tx, tenant, row).map(|_| ())
}
