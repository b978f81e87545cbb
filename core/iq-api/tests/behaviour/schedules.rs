//! Schedules over HTTP: shown with their next run, kept across a restart, run once when they were missed.

use serde_json::{Value, json};

use crate::support::{Client, NOW, Plant, TestApp};

async fn of_kind(client: &Client, kind: &str) -> Value {
    let all = client.get("/api/schedules").await.expect_status(200).json();
    let found = all.as_array().unwrap().iter().find(|s| s["kind"] == kind);
    found.unwrap().clone()
}

fn nightly() -> Value {
    json!({ "kind": "run", "is_enabled": true, "time_zone": "Asia/Riyadh",
            "cadence": { "every": "day", "minute": 120 } })
}

async fn set(app: &TestApp, plant: &Plant) -> (Client, Value) {
    let admin = app.signed_in(&plant.user("admin")).await;
    let set = admin
        .put("/api/schedules", nightly())
        .await
        .expect_status(200)
        .json();
    (admin, set)
}

#[tokio::test]
async fn a_schedule_says_when_it_runs_next_and_what_can_not_be_is_refused() {
    let (app, plant, _) = TestApp::with_plants().await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    app.runtime.run_what_is_due().await.unwrap();
    assert_eq!(
        of_kind(&viewer, "run").await["next_at"],
        Value::Null,
        "off until somebody says so"
    );
    let drift = of_kind(&viewer, "drift").await;
    assert!(drift["next_at"].as_i64().unwrap() > NOW.0);
    let (admin, made) = set(&app, &plant).await;
    let next = made["next_at"].as_i64().unwrap();
    assert!(next > NOW.0 && next <= NOW.0 + 86_400_000, "{made}");
    assert_eq!(
        next % 86_400_000,
        23 * 3_600_000,
        "02:00 in Riyadh is 23:00 UTC"
    );
    let other = app.signed_in("admin@south").await;
    assert_eq!(
        of_kind(&other, "run").await["is_enabled"],
        false,
        "another tenant's is its own"
    );
    for (field, value, code) in [
        (
            "cadence",
            json!({ "every": "hours", "hours": 0 }),
            "schedules.cadence_wrong",
        ),
        (
            "cadence",
            json!({ "every": "week", "weekday": 8, "minute": 0 }),
            "schedules.cadence_wrong",
        ),
        ("time_zone", json!("Mars/Phobos"), "request.time_zone_wrong"),
    ] {
        let mut body = nightly();
        body[field] = value;
        admin
            .put("/api/schedules", body)
            .await
            .expect_field(field, code);
    }
    let mut unknown = nightly();
    unknown["kind"] = json!("retraining");
    admin
        .put("/api/schedules", unknown)
        .await
        .expect_code(404, "request.not_found");
    viewer
        .put("/api/schedules", nightly())
        .await
        .expect_status(403);
}

#[tokio::test]
async fn who_plans_starts_and_stops_a_run_and_only_the_admin_changes_schedules() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    engineer
        .post("/api/jobs", json!({}))
        .await
        .expect_status(403);
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let one = format!("/api/integrations/{}/run", plant.integration);
    let started = planner
        .post(&one, json!({}))
        .await
        .expect_status(202)
        .json();
    assert_eq!(started["kind"], "run");
    let stop = format!("/api/jobs/{}/cancel", started["id"].as_str().unwrap());
    engineer.post(&stop, json!({})).await.expect_status(403);
    planner.post(&stop, json!({})).await.expect_status(200);
    planner
        .put("/api/schedules", nightly())
        .await
        .expect_status(403);
}

async fn runs_by_itself(client: &Client) -> usize {
    let jobs = client.get("/api/jobs").await.expect_status(200).json();
    let all = jobs.as_array().unwrap();
    let own = all
        .iter()
        .filter(|j| j["kind"] == "run" && j["created_by"] == "system");
    own.filter(|j| j["created_at"].as_i64() > Some(NOW.0))
        .count()
}

#[tokio::test]
async fn what_was_missed_while_the_program_was_off_runs_once() {
    let (app, plant, _) = TestApp::with_plants().await;
    let (_, made) = set(&app, &plant).await;
    let next = made["next_at"].as_i64().unwrap();
    // Off for five nights.
    app.clock.advance_ms(next - NOW.0 + 4 * 86_400_000 + 5_000);
    let app = app.restarted().await;
    app.runtime.run_what_is_due().await.unwrap();
    app.runtime.run_what_is_due().await.unwrap();
    let admin = app.signed_in(&plant.user("admin")).await;
    assert_eq!(runs_by_itself(&admin).await, 1);
    let now = of_kind(&admin, "run").await;
    assert_eq!(now["next_at"].as_i64().unwrap(), next + 5 * 86_400_000);
    assert!(now["job_id"].is_string(), "{now}");
    assert_eq!(
        now["cadence"],
        json!({ "every": "day", "minute": 120 }),
        "kept across the restart"
    );
}
