//! More than one plan of the same work: what the next one does with the orders of the one before.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    optimization::run,
    plan_jobs::{crew, worn},
};
use crate::support::TestApp;

#[tokio::test]
async fn of_two_plans_of_the_same_moment_the_second_writes_no_order_again() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    crew(&admin, &plant).await;
    let asked = |seed: u32| json!({ "horizon_days": 14, "iterations": 100, "seed": seed });
    let (first, second) = (
        run(&planner, asked(1)).await,
        run(&planner, asked(2)).await,
    );
    let third = run(&planner, asked(3)).await;
    let publish = async |plan: &Value| {
        let advice = &plan["recommendations"][0];
        assert_eq!(advice["order_id"], Value::Null, "{advice}");
        let id = plan["scenario"]["id"].as_str().unwrap();
        let path = format!("/api/optimization/scenarios/{id}/publish");
        let body = json!({ "recommendation_ids": [advice["id"]], "integration_id": null });
        planner.post(&path, body).await.expect_status(200).json()
    };
    let done = publish(&first).await;
    assert_eq!(done["written"].as_array().unwrap().len(), 2, "{done}");
    let moved = publish(&second).await;
    assert_eq!(moved["written"], json!([]), "{moved}");
    assert_eq!(moved["moved"], done["written"], "{moved}");
    // Its work is begun by now: a third plan leaves it alone.
    let path = format!("/api/work-orders/{}", done["written"][0].as_str().unwrap());
    for status in ["released", "in_progress"] {
        let body = Some(json!({ "status": status }));
        let reply = planner.call(Method::PATCH, &path, body).await;
        reply.expect_status(200);
    }
    let left = publish(&third).await;
    assert_eq!(left["written"], json!([]), "{left}");
    assert_eq!(left["left"][0]["code"], "optimization.order_ended", "{left}");
}
