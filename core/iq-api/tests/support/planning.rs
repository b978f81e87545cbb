//! A run of the optimiser as the store keeps it.

use iq_domain::{JobId, ScenarioId};
use iq_store::{
    recommendations::RecommendationRow,
    scenarios::{ScenarioRow, ScenarioState},
};
use serde_json::{Value, json};

use super::{NOW, Plant};

pub(crate) fn scenario(plant: &Plant, id: ScenarioId) -> ScenarioRow {
    ScenarioRow {
        id,
        tenant_id: plant.tenant,
        job_id: if id == plant.scenario {
            plant.job
        } else {
            JobId::new()
        },
        run_key: "00000000beef".to_owned(),
        name: String::new(),
        state: ScenarioState::Done,
        as_of: NOW,
        seed: 1,
        iterations: 5,
        program: "0.0.0".to_owned(),
        cost_model_version: None,
        is_demo: false,
        request: Value::Null,
        input: Value::Null,
        outcome: Value::Null,
        created_by: plant.user("engineer"),
        created_at: NOW,
        finished_at: Some(NOW),
    }
}

pub(crate) fn advice(plant: &Plant) -> RecommendationRow {
    RecommendationRow {
        id: plant.recommendation,
        tenant_id: plant.tenant,
        scenario_id: plant.scenario,
        rank: 1,
        asset_id: plant.asset,
        order_id: None,
        advice: json!({
            "key": "P-1", "order": null, "score": 40.0, "class": "medium", "rank_by_cost": null,
            "health": 60.0, "failure_probability": 0.01, "expected_cost_avoided": null,
            "planned_cost": null, "net_benefit": null, "is_advised": false, "day": null,
            "planned_start": null, "planned_end": null, "technicians": [], "cheapest_day": null,
            "reasons": [],
        }),
        work_order_id: None,
        published_by: None,
        published_at: None,
    }
}
