//! What is done with connections beside their life: back-fill, positions, runs, first steps, copies,
//! deletion, the demo stream, the switch for external databases, the doctor.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod support;

use std::time::Duration;

use iq_connector::{Batch, CursorMark, Purpose};
use iq_domain::{IntegrationId, TimeRange};
use iq_store::integrations;
use serde_json::{Value, json};
use support::{Client, NOW, Plant, TestApp, sample};

/// Asks until it holds, as a page that waits would.
async fn until<F>(mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let limit = tokio::time::Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(tokio::time::Instant::now() < limit, "it never came true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn cursor(app: &TestApp, plant: &Plant, id: IntegrationId) -> Option<String> {
    let tenant = plant.tenant;
    app.runtime
        .store()
        .read(move |conn| integrations::get_cursor(conn, tenant, id, "T1"))
        .await
        .unwrap()
}

fn mark(position: i64) -> Vec<CursorMark> {
    vec![CursorMark {
        name: "T1".to_owned(),
        position: json!(position),
    }]
}

#[tokio::test]
async fn the_past_is_stored_without_an_alert_of_today_and_its_position_is_handed_back() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let rule = json!({
        "signal_id": plant.signal, "on_delay_s": 0, "off_delay_s": 0, "deadband": 0.0,
        "is_enabled": true, "condition": { "kind": "limit", "limits": { "high": 5.0 } },
    });
    admin
        .post("/api/alert-rules", rule)
        .await
        .expect_status(201);
    let mut live = app.runtime.live().subscribe();
    let before = admin.get("/api/alerts").await.json()["total"].clone();
    let samples = (0..600)
        .map(|i| sample("T1", 50.0, NOW.plus_ms(-3_600_000 + i * 1_000)))
        .collect();
    app.desk
        .deliver_batch(Batch {
            samples,
            purpose: Purpose::BackFill,
            cursors: mark(600),
            ..Batch::default()
        })
        .await;
    until(async || cursor(&app, &plant, plant.integration).await == Some("600".to_owned())).await;
    // The position stands only after the values do.
    let number = app.runtime.tenant(plant.tenant).unwrap().signals[&plant.signal]
        .signal
        .signal_no;
    let range = TimeRange {
        from: NOW.plus_ms(-7_200_000),
        to: NOW,
    };
    let stored = app.runtime.historian().raw(number, range, 10_000).unwrap();
    assert_eq!(stored.len(), 600);
    // One live value, so that a late announcement of the past would have come before it.
    app.desk.push(vec![sample("T1", 1.0, NOW)]).await;
    loop {
        if let iq_runtime::LiveEvent::Values(values) = &live.recv().await.unwrap().event {
            assert!(values.iter().all(|v| v.measurement.observed_at == NOW));
            break;
        }
    }
    assert_eq!(admin.get("/api/alerts").await.json()["total"], before);
    let row = one(&admin, plant.integration).await;
    assert_eq!(row["samples_per_min"], 601, "{row}");
    drop((admin, live));
    let app = app.restarted().await;
    let seen = app.desk.cursors_seen();
    assert_eq!(seen.get("T1"), Some(&json!(600)), "{seen:?}");
}

#[tokio::test]
async fn a_value_of_the_past_makes_nothing_look_newer_than_it_is() {
    let (app, plant, _) = TestApp::with_plants().await;
    app.desk.push(vec![sample("T1", 1.0, NOW)]).await;
    until(async || app.runtime.recent().of(plant.signal).good_at == Some(NOW)).await;
    let mut late = sample("T1", 2.0, NOW.plus_ms(-60_000));
    late.received_at = NOW.plus_ms(5_000);
    app.desk
        .deliver_batch(Batch {
            samples: vec![late],
            purpose: Purpose::BackFill,
            cursors: mark(1),
            ..Batch::default()
        })
        .await;
    until(async || cursor(&app, &plant, plant.integration).await.is_some()).await;
    let arrival = app.runtime.recent().of(plant.signal);
    assert_eq!(arrival.good_at, Some(NOW));
    assert_eq!(arrival.good_observed_at, Some(NOW));
}

async fn one(client: &Client, id: IntegrationId) -> Value {
    client
        .get(&format!("/api/integrations/{id}"))
        .await
        .expect_status(200)
        .json()
}

#[tokio::test]
async fn external_databases_disappear_and_are_refused_while_they_are_switched_off() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let kinds = |types: Value| -> Vec<String> {
        let all = types.as_array().unwrap().iter();
        all.map(|t| t["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let types = admin.get("/api/integrations/types").await.json();
    assert!(kinds(types).contains(&"vault".to_owned()));
    let body = json!({ "kind": "vault", "name": "V", "config": {}, "is_enabled": true });
    let made = admin.post("/api/integrations/", body.clone()).await;
    let id = made.expect_status(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(admin);
    let app = app.restarted_with(&[("EXTERNAL_DB_ENABLE", "false")]).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let types = admin.get("/api/integrations/types").await.json();
    assert!(!kinds(types).contains(&"vault".to_owned()));
    let code = "integrations.external_db_disabled";
    admin
        .post("/api/integrations/", body.clone())
        .await
        .expect_code(423, code);
    admin
        .post("/api/integrations/test", body)
        .await
        .expect_code(423, code);
    for path in ["test", "enable", "doctor", "duplicate"] {
        let path = format!("/api/integrations/{id}/{path}");
        admin.post(&path, json!({})).await.expect_code(423, code);
    }
    let stored = admin.get(&format!("/api/integrations/{id}")).await.json();
    assert_eq!(stored["status"], "error");
    assert_eq!(stored["message"]["code"], code);
    // It can still be taken away.
    let path = format!("/api/integrations/{id}/disable");
    admin.post(&path, json!({})).await.expect_status(200);
    admin
        .delete(&format!("/api/integrations/{id}"))
        .await
        .expect_status(204);
    drop(admin);
    let app = app.restarted_with(&[]).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let types = admin.get("/api/integrations/types").await.json();
    assert!(kinds(types).contains(&"vault".to_owned()));
}

/// The job once it has ended.
async fn ended(client: &Client, id: &str) -> Value {
    let path = format!("/api/jobs/{id}");
    until(async || !client.get(&path).await.json()["finished_at"].is_null()).await;
    client.get(&path).await.json()
}

#[tokio::test]
async fn a_run_reads_catches_up_learns_and_scores_and_stands_in_the_log() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    app.desk.push(vec![sample("T1", 1.0, NOW)]).await;
    let mut live = app.runtime.live().subscribe();
    let path = format!("/api/integrations/{}/run", plant.integration);
    let started = admin.post(&path, json!({})).await.expect_status(202).json();
    let again = admin.post(&path, json!({})).await.expect_status(202).json();
    assert_eq!(started["id"], again["id"], "two presses make one job");
    let job = ended(&admin, started["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["progress"], 1.0);
    let steps: Vec<(&str, &str)> = job["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["key"].as_str().unwrap(), s["state"].as_str().unwrap()))
        .collect();
    let done = "done";
    let all = [
        ("reading", done),
        ("catch_up", done),
        ("baselines", done),
        ("scoring", done),
        ("optimisation", done),
    ];
    assert_eq!(steps, all);
    assert!(
        job["summary"]["message"]
            .as_str()
            .unwrap()
            .starts_with("Done")
    );
    let mut told = 0;
    while let Ok(message) = live.try_recv() {
        told += usize::from(matches!(message.event, iq_runtime::LiveEvent::Job(_)));
    }
    assert!(told >= 4, "open pages heard of it {told} times");
    let log = admin
        .get(&format!("/api/integrations/{}/log", plant.integration))
        .await
        .json();
    let row = &log["items"][0];
    assert_eq!(row["action_type"], "run_optimization", "{log}");
    assert_eq!(row["actor"], plant.user("admin"));
    assert!(row["ms"].as_u64().is_some());
}

#[tokio::test]
async fn a_run_can_be_stopped_and_a_stopped_one_does_not_come_back() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    // A source whose past never ends: the run waits for it.
    app.desk.hold_back(true);
    for action in ["disable", "enable"] {
        let path = format!("/api/integrations/{}/{action}", plant.integration);
        admin.post(&path, json!({})).await.expect_status(200);
    }
    app.desk.push(vec![sample("T1", 1.0, NOW)]).await;
    let job = admin
        .post("/api/jobs", json!({}))
        .await
        .expect_status(202)
        .json();
    let id = job["id"].as_str().unwrap().to_owned();
    let path = format!("/api/jobs/{id}");
    until(async || admin.get(&path).await.json()["stage"] == "catch_up").await;
    // The program stops in the middle and goes on with the same step.
    drop(admin);
    let app = app.restarted().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let resumed = admin.get(&path).await.json();
    assert_eq!(resumed["state"], "running", "{resumed}");
    assert_eq!(resumed["steps"][0]["state"], "done");
    admin
        .post(&format!("{path}/cancel"), json!({}))
        .await
        .expect_status(200);
    let job = ended(&admin, &id).await;
    assert_eq!(job["state"], "cancelled", "{job}");
    drop(admin);
    let app = app.restarted().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    assert_eq!(admin.get(&path).await.json()["state"], "cancelled");
}

#[tokio::test]
async fn a_run_whose_only_source_is_silent_fails_and_names_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    app.desk.fail("opcua.timeout");
    let job = admin
        .post("/api/jobs", json!({}))
        .await
        .expect_status(202)
        .json();
    let job = ended(&admin, job["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "failed");
    assert_eq!(job["summary"]["code"], "jobs.no_source_answers");
    assert_eq!(job["silent_sources"][0]["name"], "desk");
    assert_eq!(job["silent_sources"][0]["message"]["code"], "opcua.timeout");
}

#[tokio::test]
async fn a_copy_has_the_secrets_and_no_mapping_and_is_switched_off() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let path = format!("/api/integrations/{}/duplicate", plant.integration);
    let copy = admin.post(&path, json!({})).await.expect_status(201).json();
    assert_eq!(copy["name"], "desk (2)");
    assert_eq!(copy["is_enabled"], false);
    assert_eq!(copy["config"]["password"], "***");
    assert_eq!(copy["mapped_tags"], 0);
    let second = admin.post(&path, json!({})).await.expect_status(201).json();
    assert_eq!(second["name"], "desk (3)");
}

#[tokio::test]
async fn a_deletion_says_before_what_it_takes_along() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let path = format!("/api/integrations/{}", plant.integration);
    let preview = admin
        .get(&format!("{path}/deletion"))
        .await
        .expect_status(200)
        .json();
    assert_eq!(preview["mappings"], 1);
    assert_eq!(preview["secrets"], 1);
    assert_eq!(preview["certificates"], 1);
    assert_eq!(preview["signals"], 1);
    assert_eq!(preview["assets_left_alone"], json!(["P-1"]));
    app.desk.push(vec![sample("T1", 4.5, NOW)]).await;
    until(async || app.runtime.recent().of(plant.signal).good_at.is_some()).await;
    admin.delete(&path).await.expect_status(204);
    let number = app.runtime.tenant(plant.tenant).unwrap().signals[&plant.signal]
        .signal
        .signal_no;
    assert!(
        app.runtime.historian().last(number).is_some(),
        "history stays"
    );
}

#[tokio::test]
async fn the_demo_stream_is_there_in_demo_mode_and_for_demo_sources_only() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let path = format!("/api/integrations/{}/demo-stream/start", plant.integration);
    let refused = admin.post(&path, json!({})).await;
    refused.expect_code(423, "integrations.demo_mode_off");
    drop(admin);
    let app = app.restarted_with(&[("DEMO_MODE", "true")]).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let refused = admin.post(&path, json!({})).await;
    refused.expect_code(409, "integrations.not_demo");
    let (tenant, id) = (plant.tenant, plant.integration);
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = integrations::get_integration(tx, tenant, id)?.unwrap();
            row.is_demo_origin = true;
            integrations::update_integration(tx, tenant, &row)
        })
        .await
        .unwrap();
    app.runtime.plant_changed(tenant).await.unwrap();
    let stop = format!("/api/integrations/{id}/demo-stream/stop");
    let stopped = admin.post(&stop, json!({})).await.expect_status(200).json();
    assert_eq!(stopped["is_enabled"], false);
    let started = admin.post(&path, json!({})).await.expect_status(200).json();
    assert_eq!(started["is_enabled"], true);
    let wrong = format!("/api/integrations/{id}/demo-stream/pause");
    admin.post(&wrong, json!({})).await.expect_status(404);
}

#[tokio::test]
async fn the_first_steps_follow_the_data_and_only_the_profile_is_a_persons_word() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let progress = async |client: &Client| {
        client
            .get("/api/integrations/onboarding/progress")
            .await
            .expect_status(200)
            .json()
    };
    let first = progress(&admin).await;
    let keys: Vec<&str> = first["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["key"].as_str().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "profile",
            "integrations",
            "connection_tests",
            "signal_mapping",
            "cost_model",
            "first_run"
        ]
    );
    assert_eq!(first["next"], "profile");
    let codes = |step: &Value| -> Vec<String> {
        let all = step["missing"].as_array().unwrap().iter();
        all.map(|m| m["message"]["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(codes(&first["steps"][0]), ["onboarding.profile_not_marked"]);
    assert_eq!(codes(&first["steps"][2]), ["onboarding.not_tested"]);
    assert_eq!(codes(&first["steps"][4]), ["onboarding.no_costs"]);
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let body = json!({ "done": true });
    let path = "/api/integrations/onboarding/profile";
    viewer.put(path, body.clone()).await.expect_status(403);
    let marked = admin.put(path, body).await.expect_status(200).json();
    assert_eq!(marked["steps"][0]["is_done"], true);
    assert_eq!(marked["profile_marked_by"], plant.user("admin"));
    let test = format!("/api/integrations/{}/test", plant.integration);
    admin.post(&test, json!({})).await.expect_status(200);
    drop((admin, viewer));
    let app = app.restarted().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let later = progress(&admin).await;
    assert_eq!(later["steps"][2]["is_done"], true, "{later}");
    assert_eq!(later["next"], "cost_model", "{later}");
    assert_eq!(later["percent"], 83);
    // What is taken away is missing again.
    admin
        .delete(&format!("/api/integrations/{}", plant.integration))
        .await
        .expect_status(204);
    let after = progress(&admin).await;
    assert_eq!(after["next"], "integrations");
}

#[tokio::test]
async fn the_doctor_says_what_to_do_and_who_can_do_it_in_the_readers_language() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut admin = app.signed_in(&plant.user("admin")).await;
    let path = format!("/api/integrations/{}/doctor", plant.integration);
    let well = admin.post(&path, json!({})).await.expect_status(200).json();
    assert_eq!(well["findings"], json!([]));
    app.desk.fail("opcua.certificate_expired");
    let ill = admin.post(&path, json!({})).await.expect_status(200).json();
    let finding = &ill["findings"][0];
    assert_eq!(finding["topic"], "tls", "{ill}");
    assert_eq!(finding["fixer"], "source_owner");
    assert_eq!(finding["is_blocking"], true);
    let english = finding["send"].as_str().unwrap().to_owned();
    assert!(english.contains("opcua.certificate_expired"), "{english}");
    admin.language = "ar";
    let arabic = admin.post(&path, json!({})).await.json();
    let text = arabic["findings"][0]["next_step"].as_str().unwrap();
    assert!(
        text.chars().any(|c| ('\u{0621}'..='\u{064A}').contains(&c)),
        "{text}"
    );
    let log = admin
        .get(&format!("/api/integrations/{}/log", plant.integration))
        .await
        .json();
    assert_eq!(log["items"][0]["status"], "failure");
}

#[tokio::test]
async fn a_stored_password_is_not_sent_to_an_address_it_was_not_entered_for() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let trial = |url: &str| {
        json!({
            "kind": "desk", "name": "x", "integration_id": plant.integration,
            "config": { "endpoint_url": url, "password": "***" },
        })
    };
    let same = json!({
        "kind": "desk", "name": "x", "integration_id": plant.integration,
        "config": { "password": "***" },
    });
    admin
        .post("/api/integrations/test", same)
        .await
        .expect_status(200);
    assert!(
        app.desk.saw_password(),
        "lent while the address is the stored one"
    );
    admin
        .post("/api/integrations/test", trial("opc.tcp://elsewhere:4840"))
        .await
        .expect_field("password", "integrations.secret_for_new_address");
    let path = format!("/api/integrations/{}", plant.integration);
    let mut moved = trial("opc.tcp://elsewhere:4840");
    admin
        .put(&path, moved.clone())
        .await
        .expect_field("password", "integrations.secret_for_new_address");
    moved["config"]["password"] = json!("typed again");
    admin.put(&path, moved).await.expect_status(200);
}
