//! A problem that leaves the costs out is planned, and the plan says what was taken in their place.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod common;

use common::run;
use iq_optimiser::{CostModel, Model, Outcome, priority::PriorityPlan, risk::RiskPlan};
use serde_json::{Value, json};

fn plan(model: Model, problem: &Value) -> Value {
    match iq_optimiser::solve(model, &problem.to_string(), &run(1, 10, 1, 0)).unwrap() {
        Outcome::Plan(plan) => plan,
        Outcome::Infeasible(why) => panic!("{why:?}"),
    }
}

#[test]
fn without_a_cost_model_the_price_of_downtime_is_said() {
    let mut problem = json!({
        "horizon_days": 30.0,
        "items": [{ "id": "P-1", "criticality": "high", "health": 50.0,
                    "failure_probability": 0.1, "downtime_hours": 4.0 }],
    });
    let assumed = plan(Model::Prioritisation, &problem);
    assert_eq!(
        assumed["assumptions"],
        json!([{ "code": "assumption.downtime_cost",
                 "params": { "amount": "10000", "currency": "SAR" } }])
    );
    // 0.1 · 4 h · 10,000.
    let read: PriorityPlan = serde_json::from_value(assumed).unwrap();
    assert!((read.expected_cost_avoided - 4_000.0).abs() < 1e-6);
    assert_eq!(read.assumptions.len(), 1);
    problem["cost_model"] = json!(CostModel::default());
    let told = plan(Model::Prioritisation, &problem);
    assert_eq!(told.get("assumptions"), None);
}

#[test]
fn the_weight_of_the_bad_cases_is_said_where_nothing_gives_it() {
    let mut problem = json!({
        "periods": 2, "scenarios": [1], "quantile": 0.5,
        "tasks": [{ "id": "K-1", "options": [{ "start": 1, "duration": 1 }] }],
    });
    let assumed: RiskPlan = serde_json::from_value(plan(Model::ProductionRisk, &problem)).unwrap();
    assert_eq!(assumed.assumptions[0].code, "assumption.risk_appetite");
    assert_eq!(assumed.assumptions[0].params["value"], "0.5");
    problem["alpha"] = json!(0.5);
    let told = plan(Model::ProductionRisk, &problem);
    assert_eq!(told.get("assumptions"), None);
}
