//! Backups over HTTP, and the figures for a monitoring system.

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

async fn owner(app: &TestApp, plant: &crate::support::Plant) -> Client {
    app.signed_in(&plant.user("owner")).await
}

async fn when_done(client: &Client) -> Value {
    loop {
        let status = client.get("/api/backups").await.expect_status(200).json();
        if status["work"].is_null() {
            return status;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_proved_prepared_and_taken_back() {
    let (app, plant, _) = TestApp::with_plants().await;
    std::fs::write(app.folder().join("appliance.id"), "07".repeat(16)).unwrap();
    let client = owner(&app, &plant).await;
    let before = client.get("/api/backups").await.expect_status(200).json();
    assert_eq!(before["backups"], json!([]));
    assert_eq!(before["key_noted_at"], Value::Null);
    client
        .post("/api/backups", json!({}))
        .await
        .expect_status(202);
    let status = when_done(&client).await;
    assert_eq!(status["last_error"], Value::Null, "{status}");
    let backup = &status["backups"][0];
    assert_eq!(backup["is_ours"], true);
    assert!(backup["proof"]["rows"].as_u64().unwrap() > 50, "{backup}");
    let name = backup["name"].as_str().unwrap();

    let key = client
        .post("/api/backups/key", json!({}))
        .await
        .expect_status(200)
        .json();
    assert!(key["text"].as_str().unwrap().len() > 60);
    let noted = client
        .post("/api/backups/key/noted", json!({}))
        .await
        .expect_status(200);
    assert!(noted.json()["key_noted_at"].is_i64());

    let path = format!("/api/backups/{name}/restore");
    let pending = client
        .post(&path, json!({}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(pending["is_restore_pending"], true);
    let back = client
        .delete("/api/backups/restore")
        .await
        .expect_status(200)
        .json();
    assert_eq!(back["is_restore_pending"], false);
    client
        .post("/api/backups/master.key/restore", json!({}))
        .await
        .expect_code(404, "request.not_found");
    let admin = app.signed_in(&plant.user("admin")).await;
    admin.get("/api/backups").await.expect_status(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_backup_is_deleted_and_the_newest_good_one_is_not() {
    let (app, plant, _) = TestApp::with_plants().await;
    std::fs::write(app.folder().join("appliance.id"), "07".repeat(16)).unwrap();
    let client = owner(&app, &plant).await;
    for _ in 0..2 {
        let begun = client.post("/api/backups", json!({})).await;
        begun.expect_status(202);
        when_done(&client).await;
        app.clock.advance_ms(60_000);
    }
    let status = when_done(&client).await;
    let path = |at: usize| {
        let name = status["backups"][at]["name"].as_str().unwrap();
        format!("/api/backups/{name}")
    };
    let newest = client.delete(&path(0)).await;
    newest.expect_code(409, "backup.newest_good");
    let left = client.delete(&path(1)).await.expect_status(200).json();
    assert_eq!(left["backups"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["backups"][0]["name"], status["backups"][0]["name"]);
    let gone = client.delete(&path(1)).await;
    gone.expect_code(404, "request.not_found");
    let outside = client.delete("/api/backups/master.key").await;
    outside.expect_code(404, "request.not_found");
    let admin = app.signed_in(&plant.user("admin")).await;
    admin.delete(&path(0)).await.expect_status(403);
}

#[tokio::test]
async fn settings_that_can_not_be_are_refused() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = owner(&app, &plant).await;
    let with = |field: &str, value: Value| {
        let mut settings = json!({
            "is_enabled": true, "folder": null, "cadence": { "every": "day", "minute": 60 },
            "time_zone": "Asia/Riyadh", "keep_days": 7, "keep_months": 3,
        });
        settings[field] = value;
        settings
    };
    let path = "/api/backups/settings";
    client
        .put(path, with("folder", json!("../elsewhere")))
        .await
        .expect_field("folder", "backup.folder_wrong");
    client
        .put(path, with("time_zone", json!("Mars/Olympus")))
        .await
        .expect_field("time_zone", "request.time_zone_wrong");
    // Nobody's fault but the path's: no failure of the server.
    client
        .put(path, with("folder", json!("/dev/null/below")))
        .await
        .expect_code(422, "backup.file");
    let elsewhere = app.folder().join("away").display().to_string();
    let saved = client.put(path, with("folder", json!(elsewhere))).await;
    let saved = saved.expect_status(200).json();
    assert_eq!(saved["folder"], json!(elsewhere));
    assert_eq!(saved["settings"]["keep_months"], 3);
}

#[tokio::test]
async fn settings_that_were_damaged_are_told_as_lost_until_they_are_entered_again() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = owner(&app, &plant).await;
    let path = "/api/backups/settings";
    let settings = json!({
        "is_enabled": true, "folder": null, "cadence": { "every": "day", "minute": 60 },
        "time_zone": "Asia/Riyadh", "keep_days": 30, "keep_months": 3,
    });
    let saved = client.put(path, settings.clone()).await.expect_status(200);
    assert_eq!(saved.json()["settings_lost_at"], Value::Null);
    let status = async || client.get("/api/backups").await.expect_status(200).json();
    // The clock has been looked at with the new settings, and nothing more is written by itself.
    while status().await["next_at"].is_null() {
        tokio::task::yield_now().await;
    }
    std::fs::write(app.folder().join("backups.json"), "x").unwrap();
    let lost = status().await;
    assert!(lost["settings_lost_at"].is_i64(), "{lost}");
    assert_eq!(lost["settings"]["keep_days"], 7, "those of a first start");
    let aside = app.folder().join("backups.json.damaged");
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), "x");
    app.runtime.tell_what_is_due().await.unwrap();
    let told = client.get("/api/notifications").await.expect_status(200);
    assert!(
        told.text().contains("settings of the backups"),
        "{}",
        told.text()
    );

    let saved = client.put(path, settings).await.expect_status(200).json();
    assert_eq!(saved["settings_lost_at"], Value::Null);
    assert_eq!(saved["settings"]["keep_days"], 30);
    assert!(aside.exists());
}

#[tokio::test]
async fn figures_are_for_whoever_may_read_them() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    admin.get("/metrics").await.expect_status(403);
    let client = owner(&app, &plant).await;
    let page = client.get("/metrics").await.expect_status(200);
    let text = page.text();
    assert!(text.contains("\noptria_store_up 1\n"), "{text}");
    assert!(text.contains("optria_backup_last_good_timestamp_seconds 0\n"));
    assert!(
        !text.contains(&plant.name),
        "no name of a plant leaves by this way"
    );
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}
