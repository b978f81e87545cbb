//! More than one plan of the same work: what the next one does with the orders of the one before; and a plan
//! whose job did not get to its end.

use std::time::{Duration, Instant};

use axum::http::Method;
use iq_store::{
    Connection, Page,
    jobs::{self, JobFilter, JobState},
};
use serde_json::{Value, json};

use super::{
    optimization::{PATIENCE, run},
    plan_jobs::{crew, person, worn},
};
use crate::support::{NOW, TestApp};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn of_two_plans_of_the_same_moment_the_second_writes_no_order_again() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    crew(&admin, &plant).await;
    let asked = |seed: u32| json!({ "horizon_days": 14, "iterations": 100, "seed": seed });
    let (first, second) = (run(&planner, asked(1)).await, run(&planner, asked(2)).await);
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
    assert_eq!(
        left["left"][0]["code"], "optimization.order_ended",
        "{left}"
    );
}

#[tokio::test]
async fn a_deadline_that_a_plan_gave_moves_with_the_next_and_one_by_hand_stays() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let people = crew(&admin, &plant).await;
    let publish = async |seed: u32| {
        let asked = json!({ "horizon_days": 21, "iterations": 100, "seed": seed });
        let plan = run(&planner, asked).await;
        let id = plan["scenario"]["id"].as_str().unwrap();
        let path = format!("/api/optimization/scenarios/{id}/publish");
        let ids = json!([plan["recommendations"][0]["id"]]);
        let body = json!({ "recommendation_ids": ids, "integration_id": null });
        planner.post(&path, body).await.expect_status(200).json()
    };
    let path = |order: &Value| format!("/api/work-orders/{}", order.as_str().unwrap());
    let times = async |order: &Value| -> (i64, i64) {
        let order = planner.get(&path(order)).await.json()["work_order"].clone();
        let at = |key: &str| order[key].as_i64().unwrap();
        (at("planned_end_at"), at("due_at"))
    };
    let done = publish(1).await;
    let [first, second] = done["written"].as_array().unwrap().as_slice() else {
        panic!("{done}");
    };
    let (before, due) = times(first).await;
    assert_eq!(before, due);
    let by_hand = NOW.plus_ms(60 * DAY_MS).0;
    let body = Some(json!({ "due_at": by_hand }));
    let reply = planner.call(Method::PATCH, &path(second), body).await;
    reply.expect_status(200);
    // Nobody is there until after the time of the first visit.
    let back = before + 2 * DAY_MS;
    for (code, made) in ["T-8", "T-9"].into_iter().zip(&people) {
        let mut away = person(&plant, code);
        away["absences"] = json!([{ "from": NOW, "to": back, "reason": "" }]);
        let at = format!("/api/technicians/{}", made["id"].as_str().unwrap());
        admin.put(&at, away).await.expect_status(200);
    }
    let moved = publish(2).await;
    assert_eq!(moved["moved"], done["written"], "{moved}");
    let (after, due) = times(first).await;
    assert!(after > back, "{after}");
    assert_eq!(after, due, "the plan gave it");
    assert_eq!(times(second).await.1, by_hand, "a person gave it");
}

#[tokio::test]
async fn a_job_that_was_stopped_after_its_plan_was_stored_says_how_much_is_in_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    crew(&admin, &plant).await;
    let plan = run(&planner, json!({ "horizon_days": 14, "iterations": 100 })).await;
    let advised = plan["scenario"]["summary"]["advised"].clone();
    assert!(advised.as_u64().unwrap() > 0, "{plan}");
    let tenant = plant.tenant;
    let newest = move |conn: &Connection| {
        let filter = JobFilter {
            kind: Some("optimise".to_owned()),
            ..JobFilter::default()
        };
        jobs::list_jobs(conn, tenant, &filter, Page::first(1))
    };
    let found = app.runtime.store().read(newest).await.unwrap();
    let mut job = found.rows[0].clone();
    job.state = JobState::Running;
    job.finished_at = None;
    job.result["advised"] = Value::Null;
    let stop = move |tx: &iq_store::Transaction<'_>| jobs::update_job(tx, tenant, &job);
    app.runtime.store().write(stop).await.unwrap();
    drop((planner, admin));
    let app = app.restarted().await;
    let start = Instant::now();
    let ended = loop {
        let found = app.runtime.store().read(newest).await.unwrap();
        if found.rows[0].state != JobState::Running {
            break found.rows[0].clone();
        }
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(ended.state, JobState::Done);
    assert_eq!(ended.result["advised"], advised);
}
