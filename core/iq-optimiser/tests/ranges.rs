//! A value outside its range is refused by its place, its entry's name and what would be allowed.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod common;

use common::run;
use iq_domain::CodedError;
use iq_locale::Language;
use iq_optimiser::{CostModel, Model};
use serde_json::{Value, json};

fn refused(model: Model, problem: &Value) -> CodedError {
    let error = iq_optimiser::solve(model, &problem.to_string(), &run(1, 1, 1, 0)).unwrap_err();
    assert_eq!(error.code, "optimiser.value_out_of_range");
    error
}

fn said(error: &CodedError) -> [&str; 3] {
    ["field", "value", "range"].map(|key| error.params[key].as_str())
}

fn items() -> Value {
    let item = |id: &str| {
        json!({
            "id": id, "criticality": "high", "health": 50.0, "failure_probability": 0.1,
            "downtime_hours": 4.0,
        })
    };
    json!({ "horizon_days": 30.0, "items": [item("P-1"), item("P-2")] })
}

#[test]
fn an_item_of_the_ranking_is_named_in_both_languages() {
    let mut problem = items();
    problem["items"][1]["health"] = json!(150.0);
    let error = refused(Model::Prioritisation, &problem);
    assert_eq!(
        said(&error),
        ["items[1] (P-2): health", "150", "≥ 0, ≤ 100"]
    );
    for language in [Language::Ar, Language::En] {
        let key = "optimiser.value_out_of_range";
        let text = iq_locale::plain(language, "errors", key, &error.params).unwrap();
        for part in ["items[1] (P-2): health", "150", "≥ 0, ≤ 100"] {
            assert!(text.contains(part), "{part} not in {text}");
        }
    }
    problem["items"][1]["health"] = json!(50.0);
    problem["items"][0]["hours"] = json!(-2.0);
    let error = refused(Model::Prioritisation, &problem);
    assert_eq!(said(&error), ["items[0] (P-1): hours", "-2", "≥ 0, ≤ 1e15"]);
}

#[test]
fn a_figure_of_the_cost_model_is_named() {
    let mut problem = items();
    problem["cost_model"] = json!(CostModel::default());
    problem["cost_model"]["cost_per_asset_family"] =
        json!({ "centrifugal_pump": { "planned": -1.0, "failure": 1.0 } });
    let error = refused(Model::Prioritisation, &problem);
    assert_eq!(
        error.params["field"],
        "cost_model.cost_per_asset_family[centrifugal_pump].planned"
    );
}

#[test]
fn a_start_of_a_task_is_named() {
    let mut problem = json!({
        "periods": 3, "scenarios": [1], "quantile": 0.5,
        "tasks": [{ "id": "K-1", "options": [{ "start": 1, "duration": 1 }] }],
    });
    problem["tasks"][0]["options"][0]["budget_use"] = json!(-1.0);
    let error = refused(Model::ProductionRisk, &problem);
    let field = "tasks[0] (K-1): options[0].budget_use";
    assert_eq!(said(&error), [field, "-1", "≥ 0, ≤ 1e15"]);
    problem["tasks"][0]["options"][0]["budget_use"] = json!(1.0);
    problem["tasks"][0]["options"][0]["risk"] = json!([{ "period": 7, "loss": [1.0] }]);
    let error = refused(Model::ProductionRisk, &problem);
    let field = "tasks[0] (K-1): options[0].risk[0].period";
    assert_eq!(said(&error), [field, "7", "≥ 1, ≤ 3"]);
}

#[test]
fn a_job_of_the_dispatch_and_a_spread_of_the_deferral_are_named() {
    let problem = json!({
        "start": 0, "sites": ["S"], "travel_minutes": [[0]], "technicians": [],
        "tasks": [{ "id": "J-1", "site": "S", "minutes": 60, "weight": -3.0,
                    "crew": [{ "skill": "mechanical", "count": 1 }] }],
    });
    let error = refused(Model::WorkforceDispatch, &problem);
    assert_eq!(
        said(&error),
        ["tasks[0] (J-1): weight", "-3", "≥ 0, ≤ 1e15"]
    );
    let spread = |low: f64| json!({ "low": low, "typical": 2.0, "high": 3.0 });
    let problem = json!({
        "horizon_days": 10, "ranking_days": 5,
        "items": [{
            "id": "P-1", "beta": spread(2.5), "eta_hours": spread(1.0), "gamma": spread(1.0),
            "age_hours": 1.0, "health": 50.0, "health_fall_per_day": 1.0, "failure_cost": 1.0,
            "downtime_hours": spread(1.0), "planned_cost": 1.0,
        }],
    });
    let error = refused(Model::DeferralCost, &problem);
    let range = "low ≤ typical ≤ high";
    assert_eq!(said(&error), ["items[0] (P-1): beta", "2.5, 2, 3", range]);
}

#[test]
fn what_is_no_problem_is_told_by_its_place_and_not_in_the_parsers_words() {
    let refused = |text: &str| {
        iq_optimiser::solve(Model::Prioritisation, text, &run(1, 1, 1, 0)).unwrap_err()
    };
    let mut incomplete = items();
    incomplete["items"][1]
        .as_object_mut()
        .unwrap()
        .remove("health");
    let mut wordy = items();
    wordy["items"][0]["health"] = json!("good");
    for (text, code, field) in [
        ("[]".to_owned(), "optimiser.problem_unreadable", None),
        ("{\"items\":".to_owned(), "optimiser.problem_not_json", None),
        (
            "{} and more".to_owned(),
            "optimiser.problem_field_missing",
            Some("horizon_days"),
        ),
        (
            format!("{} and more", items()),
            "optimiser.problem_not_json",
            None,
        ),
        (
            incomplete.to_string(),
            "optimiser.problem_field_missing",
            Some("items[1].health"),
        ),
        (
            wordy.to_string(),
            "optimiser.problem_field_wrong",
            Some("items[0].health"),
        ),
    ] {
        let error = refused(&text);
        assert_eq!(error.code, code, "{text}");
        assert_eq!(
            error.params.get("field").map(String::as_str),
            field,
            "{text}"
        );
        for language in [Language::Ar, Language::En] {
            let said = iq_locale::plain(language, "errors", code, &error.params).unwrap();
            assert!(!said.contains("expected"), "{said}");
        }
    }
}

#[test]
fn a_small_chance_is_not_told_as_none() {
    let mut problem = items();
    problem["items"][0]["failure_probability"] = json!(0.000_047);
    let outcome = iq_optimiser::solve(
        Model::Prioritisation,
        &problem.to_string(),
        &run(1, 1, 1, 0),
    )
    .unwrap();
    let iq_optimiser::Outcome::Plan(plan) = outcome else {
        panic!("a plan");
    };
    assert!(
        plan.to_string().contains("\"percent\":\"0.0047\""),
        "{plan}"
    );
}
