//! Cost model, run, plan, comparison, publication: the way of a planner through the API.

use std::time::{Duration, Instant};

use iq_domain::{Assessment, AssessmentId, AssetId};
use iq_store::assessments;
use serde_json::{Value, json};

use crate::support::{Client, NOW, Plant, TestApp};

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const COSTS: &str = "/api/integrations/cost-models/active";

pub(crate) fn costs(base: Option<u32>, family: &str) -> Value {
    json!({
        "base_version": base, "comment": "قائمة الأسعار",
        "model": {
            "currency": "SAR", "default_downtime_cost_per_hour": 50_000.0, "risk_appetite": 0.5,
            "cost_per_asset_family": { family: { "planned": 100.0, "failure": 90_000.0 } },
            "criticality_thresholds": { "critical": 70.0, "high": 50.0, "medium": 30.0 },
            "criticality_weights": { "critical": 2.0, "high": 1.5, "medium": 1.0, "low": 0.5 },
        },
    })
}

pub(crate) async fn score(app: &TestApp, plant: &Plant, asset_id: AssetId, health: f64) {
    let tenant_id = plant.tenant;
    let row = Assessment {
        id: AssessmentId::new(),
        tenant_id,
        asset_id,
        at: NOW,
        health: Some(health),
        anomaly: None,
        coverage: 1.0,
        input_age_ms: Some(0),
        contributors: Vec::new(),
        model: "test 1".to_owned(),
        withheld_code: None,
        withheld_params: json!({}),
    };
    let store = app.runtime.store();
    store
        .write(move |tx| assessments::put_assessment(tx, tenant_id, &row, NOW))
        .await
        .unwrap();
}

pub(crate) async fn run(client: &Client, asked: Value) -> Value {
    let reply = client.post("/api/optimization/run", asked).await;
    let started = reply.expect_status(202).json();
    assert_eq!(started["job"]["kind"], "optimise");
    let id = started["scenario_id"].as_str().unwrap().to_owned();
    let start = Instant::now();
    loop {
        let path = format!("/api/optimization/scenarios/{id}");
        let detail = client.get(&path).await.expect_status(200).json();
        let is_idle = client.get("/api/optimization/status").await.json()["job"].is_null();
        if detail["scenario"]["state"] != "running" && is_idle {
            return detail;
        }
        assert!(start.elapsed() < PATIENCE, "{}", detail["scenario"]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cost_model_is_checked_field_by_field_and_versioned() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let unset = admin.get(COSTS).await.expect_status(200).json();
    assert_eq!(unset["active"], Value::Null);
    assert_eq!(unset["missing"]["code"], "cost_models.not_set");

    let mut wrong = costs(None, "teapot");
    wrong["model"]["currency"] = json!("XXX");
    wrong["model"]["risk_appetite"] = json!(1.5);
    wrong["model"]["criticality_thresholds"]["high"] = json!(80.0);
    wrong["model"]["production_value_per_site"] = json!({ "nowhere": 1.0 });
    let reply = admin.put(COSTS, wrong).await.expect_status(422).json();
    let fields: Vec<&str> = reply["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["field"].as_str().unwrap())
        .collect();
    for field in [
        "currency",
        "risk_appetite",
        "cost_per_asset_family.teapot",
        "production_value_per_site.nowhere",
        "criticality_thresholds.high",
    ] {
        assert!(fields.contains(&field), "{field} not in {fields:?}");
    }

    let family = "centrifugal_pump";
    let first = admin.put(COSTS, costs(None, family)).await;
    assert_eq!(first.expect_status(200).json()["active"]["version"], 1);
    let stale = admin.put(COSTS, costs(None, family)).await;
    stale.expect_code(409, "cost_models.changed_meanwhile");
    let mut dearer = costs(Some(1), family);
    dearer["model"]["default_downtime_cost_per_hour"] = json!(60_000.0);
    let second = admin.put(COSTS, dearer).await.expect_status(200).json();
    assert_eq!(second["active"]["version"], 2);
    assert_eq!(
        second["active"]["changed"],
        json!(["default_downtime_cost_per_hour"])
    );
    let all = admin
        .get("/api/integrations/cost-models?limit=1")
        .await
        .json();
    assert_eq!(
        (all["total"].as_u64(), all["next_offset"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(all["items"][0]["changed"], second["active"]["changed"]);
}

#[tokio::test]
async fn without_a_cost_model_work_is_ranked_and_nothing_is_stated_in_money() {
    let (app, plant, _) = TestApp::with_plants().await;
    score(&app, &plant, plant.asset, 35.0).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let detail = run(&planner, json!({ "horizon_days": 7, "iterations": 50 })).await;
    assert_eq!(detail["scenario"]["state"], "done");
    assert_eq!(detail["scenario"]["currency"], Value::Null);
    let notes = detail["notes"].as_array().unwrap();
    let says = |code: &str| notes.iter().any(|n| n["code"] == code);
    assert!(says("optimization.note.no_cost_model"), "{notes:?}");
    let first = &detail["recommendations"][0];
    assert!(first["score"].as_f64().unwrap() > 26.0, "{first}");
    assert_eq!(first["expected_cost_avoided"], Value::Null);
    assert_eq!(first["is_advised"], false);
    for model in detail["models"].as_array().unwrap() {
        let expected = if model["model"] == "prioritisation" {
            "plan"
        } else {
            "withheld"
        };
        assert_eq!(model["state"], expected, "{model}");
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one plan's way, step by step")]
async fn a_plan_is_made_again_compared_exported_and_published_once() {
    let (app, plant, other) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let pump = json!({
        "unit_id": plant.unit, "code": "P-9", "names": { "en": "Pump", "ar": "مضخة" },
        "family": "centrifugal_pump", "criticality": "high",
    });
    let pump = admin
        .post("/api/assets", pump)
        .await
        .expect_status(201)
        .json();
    let pump: AssetId = pump["id"].as_str().unwrap().parse().unwrap();
    score(&app, &plant, pump, 20.0).await;
    let model = costs(None, "centrifugal_pump");
    admin.put(COSTS, model).await.expect_status(200);
    let planner = app.signed_in(&plant.user("optimizer")).await;
    // Everybody left out means no hours: what must be done is in conflict with that.
    let away = json!({ "horizon_days": 7, "iterations": 50, "without_technicians": [plant.technician], "must_do": [pump] });
    let away = run(&planner, away).await;
    assert_eq!(away["scenario"]["state"], "infeasible");
    // By its code and site, as people know it.
    let must = &away["must_do"][0];
    assert_eq!(must["asset_id"], json!(pump));
    assert_eq!(
        (&must["code"], &must["site_code"], &must["is_left_out"]),
        (&json!("P-9"), &json!("S1"), &json!(false))
    );
    let hours = away["models"].as_array().unwrap().iter();
    let hours = hours.flat_map(|m| m["reasons"].as_array().unwrap());
    let hours: Vec<&Value> = hours
        .filter(|r| r["params"]["resource"].is_string())
        .collect();
    assert_eq!(
        hours[0]["code"], "optimiser.conflict.resource_alone",
        "{away}"
    );
    assert_eq!(hours[0]["params"]["available"], "0");
    let notes = away["notes"].as_array().unwrap();
    let says = |code: &str| notes.iter().any(|n| n["code"] == code);
    assert!(says("optimization.note.everybody_away"), "{notes:?}");
    assert_eq!(away["scenario"]["summary"]["advised"], 0);
    let reasons = away["recommendations"][0]["reasons"].as_array().unwrap();
    assert_eq!(
        reasons[0]["code"], "optimiser.reason.must_do",
        "{reasons:?}"
    );
    let chosen =
        json!({ "recommendation_ids": [away["recommendations"][0]["id"]], "integration_id": null });
    let path = format!(
        "/api/optimization/scenarios/{}/publish",
        away["scenario"]["id"].as_str().unwrap()
    );
    let refused = planner.post(&path, chosen).await;
    refused.expect_code(409, "optimization.no_plan");

    // Nobody entered is another matter: nothing is known of hours.
    let path = format!("/api/technicians/{}", plant.technician);
    admin.delete(&path).await.expect_status(204);
    let asked = json!({ "horizon_days": 7, "iterations": 200, "seed": 7 });
    let a = run(&planner, asked.clone()).await;
    let again = run(&planner, asked).await;
    assert_eq!(a["scenario"]["run_key"], again["scenario"]["run_key"]);
    assert_eq!(a["scenario"]["summary"], again["scenario"]["summary"]);
    assert_eq!(a["curves"], again["curves"]);
    assert_eq!(a["scenario"]["cost_model_version"], 1);
    let first = a["recommendations"][0].clone();
    assert_eq!(first["is_advised"], true, "{}", a["models"]);
    assert!(first["net_benefit"].as_f64().unwrap() > 0.0, "{first}");
    assert!(
        a["models"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["state"] == "plan")
            .all(|m| m["is_checked"] == true)
    );
    assert_eq!(a["curves"][0]["days"].as_array().unwrap().len(), 8);

    // No money: the same work has no room.
    let b = run(
        &planner,
        json!({ "horizon_days": 7, "iterations": 200, "budget": 1.0 }),
    )
    .await;
    assert_eq!(b["recommendations"][0]["is_advised"], false);
    let (a_id, b_id) = (
        a["scenario"]["id"].as_str().unwrap(),
        b["scenario"]["id"].as_str().unwrap(),
    );
    let path = format!("/api/optimization/compare?a={a_id}&b={b_id}");
    let both = planner.get(&path).await.expect_status(200).json();
    assert_eq!(both["differences"][0]["b_start_at"], Value::Null);
    assert!(
        both["changed"]
            .as_array()
            .unwrap()
            .contains(&json!("budget"))
    );

    // What must be done and may not cost anything contradicts itself.
    let stuck = run(
        &planner,
        json!({ "horizon_days": 7, "iterations": 50, "budget": 1.0, "must_do": [pump] }),
    )
    .await;
    assert_eq!(stuck["scenario"]["state"], "infeasible");
    let reasons: Vec<&str> = stuck["models"][0]["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["code"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["optimiser.conflict.budget_sum"]);
    assert_eq!(stuck["models"][0]["is_proven"], true);

    for format in ["xlsx", "json"] {
        let path = format!("/api/optimization/scenarios/{a_id}/export?format={format}");
        planner.get(&path).await.expect_status(200);
    }
    let stranger = app.signed_in(&other.user("owner")).await;
    stranger.get(&path).await.expect_status(404);

    let body = json!({ "recommendation_ids": [first["id"]], "integration_id": null });
    let path = format!("/api/optimization/scenarios/{a_id}/publish");
    let done = planner
        .post(&path, body.clone())
        .await
        .expect_status(200)
        .json();
    assert_eq!(done["written"].as_array().unwrap().len(), 1, "{done}");
    let path_of_order = format!("/api/work-orders/{}", done["written"][0].as_str().unwrap());
    let order = planner.get(&path_of_order).await.expect_status(200).json();
    assert_eq!(order["work_order"]["origin"], "recommendation");
    assert_eq!(
        order["work_order"]["planned_start_at"],
        first["planned_start_at"]
    );
    let listed = planner
        .get("/api/work-orders?origin=recommendation")
        .await
        .json();
    assert_eq!(listed["total"], 1);
    let twice = planner.post(&path, body).await.expect_status(200).json();
    assert_eq!(twice["done_before"].as_array().unwrap().len(), 1, "{twice}");
    assert_eq!(twice["written"], json!([]));
    let left =
        json!({ "recommendation_ids": [b["recommendations"][0]["id"]], "integration_id": null });
    let path = format!("/api/optimization/scenarios/{b_id}/publish");
    let refused = planner.post(&path, left).await.expect_status(200).json();
    assert_eq!(refused["left"][0]["code"], "optimization.not_in_plan");
    let events = planner
        .get("/api/blackbox/events?category=OPTIMISATION")
        .await
        .json();
    assert!(events["total"].as_u64().unwrap() >= 4, "{events}");

    let path = format!("/api/optimization/scenarios/{a_id}");
    planner.delete(&path).await.expect_status(204);
    planner.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn site_overtime_and_travel_are_asked_for_and_checked() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let site =
        json!({ "code": "WAD", "names": { "en": "Wadi", "ar": "وادي" }, "time_zone": "UTC" });
    let other = admin
        .post("/api/sites", site)
        .await
        .expect_status(201)
        .json();
    score(&app, &plant, plant.asset, 35.0).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let ask = |change: Value| {
        let mut body = json!({ "horizon_days": 7, "iterations": 50 });
        let fields = body.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        body
    };
    for (field, change, code) in [
        (
            "overtime_minutes",
            json!({ "overtime_minutes": 481 }),
            "request.number_out_of_range",
        ),
        (
            "travel_minutes",
            json!({ "travel_minutes": 1_441 }),
            "request.number_out_of_range",
        ),
        (
            "site_id",
            json!({ "site_id": plant.asset }),
            "cost_models.site_unknown",
        ),
        (
            "must_do",
            json!({ "site_id": other["id"], "must_do": [plant.asset] }),
            "optimization.asset_elsewhere",
        ),
    ] {
        let reply = planner.post("/api/optimization/run", ask(change)).await;
        reply.expect_field(field, code);
    }
    let asked = json!({ "site_id": plant.site, "overtime_minutes": 0, "travel_minutes": 30 });
    let here = run(&planner, ask(asked)).await;
    let request = &here["scenario"]["request"];
    assert_eq!(
        (
            &request["site_id"],
            &request["overtime_minutes"],
            &request["travel_minutes"]
        ),
        (&json!(plant.site), &json!(0), &json!(30))
    );
    assert_eq!(here["recommendations"].as_array().unwrap().len(), 1);
    let there = run(&planner, ask(json!({ "site_id": other["id"] }))).await;
    assert_eq!(there["recommendations"], json!([]));
}

#[tokio::test]
async fn switched_off_it_says_so_and_still_shows_what_is_there() {
    let (app, plant, _) = TestApp::with_plants().await;
    let app = app
        .restarted_with(&[("OPTIMIZATION_ENGINE_ENABLED", "false")])
        .await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let status = planner.get("/api/optimization/status").await.json();
    assert_eq!(status["is_enabled"], false);
    assert_eq!(status["message"]["code"], "optimization.disabled");
    let asked = json!({ "horizon_days": 7 });
    planner
        .post("/api/optimization/run", asked)
        .await
        .expect_code(423, "optimization.disabled");
    planner
        .get("/api/optimization/scenarios")
        .await
        .expect_status(200);
}
