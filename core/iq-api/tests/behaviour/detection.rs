//! A journal of the past is imported, looked through for incidents, and looked through again.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Client, Plant, TestApp};

const PATIENCE: Duration = Duration::from_secs(60);
const PATH: &str = "/api/blackbox/incidents";

/// 31 January 2024, 00:00 in UTC.
const DAY: i64 = 1_706_659_200_000;

const JOURNAL: &str = "Time (UTC),Source,Message,State,Priority\n\
    2024-01-31 09:10:00,P-1,Vibration high,ACT,2\n\
    2024-01-31 10:00:00,P-1,Vibration high high,ACT,1\n\
    2024-01-31 10:00:02,P-1,P-1 TRIP,ACT,1\n\
    2024-01-31 10:20:00,P-1,Vibration high high,RTN,1\n\
    2024-01-31 18:00:00,P-1,Seal pressure low low,ACT,1\n\
    2024-01-31 18:00:00,NOBODY,Somewhere else,ACT,1\n";

async fn import(client: &Client, plant: &Plant) {
    let id = upload(client, plant, JOURNAL).await;
    run(client, &id).await;
}

async fn upload(client: &Client, plant: &Plant, journal: &'static str) -> String {
    let path = format!(
        "/api/imports?integration_id={}&name=alarms.csv",
        plant.files
    );
    let file = client
        .send(Method::POST, &path, "application/octet-stream", journal)
        .await
        .expect_status(201)
        .json();
    let id = file["id"].as_str().unwrap().to_owned();
    finished(client, &id, "ready").await;
    id
}

async fn run(client: &Client, id: &str) {
    let path = format!("/api/imports/{id}/run");
    client.post(&path, json!({})).await.expect_status(202);
    finished(client, id, "done").await;
}

/// Waits until a file stands where it should, and answers with it.
pub(super) async fn finished(client: &Client, id: &str, state: &str) -> Value {
    let start = Instant::now();
    loop {
        let file = client.get(&format!("/api/imports/{id}")).await.json();
        if file["state"] == state {
            return file;
        }
        assert!(start.elapsed() < PATIENCE, "{state}: {file}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Looks through a past and waits for the end.
pub(super) async fn detect(client: &Client, asked: Value) -> Value {
    let reply = client.post(&format!("{PATH}/detect"), asked).await;
    let job = reply.expect_status(202).json();
    assert_eq!(job["kind"], "detect");
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    let start = Instant::now();
    loop {
        let job = client.get(&path).await.expect_status(200).json();
        if !job["finished_at"].is_null() {
            assert_eq!(
                (&job["state"], &job["progress"]),
                (&json!("done"), &json!(1.0))
            );
            return job;
        }
        assert!(start.elapsed() < PATIENCE, "{job}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Incidents of the day, oldest first, each with what belongs to it.
async fn of_the_day(client: &Client) -> Vec<Value> {
    let list = client.get(&format!("{PATH}?limit=500")).await.json();
    let mut all: Vec<Value> = list["items"].as_array().unwrap().clone();
    all.retain(|i| i["started_at"].as_i64().unwrap() < DAY + 86_400_000);
    all.sort_by_key(|i| i["started_at"].as_i64());
    all
}

#[tokio::test]
async fn an_imported_journal_is_looked_through_for_incidents_once() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    import(&client, &plant).await;
    assert!(
        of_the_day(&client).await.is_empty(),
        "an import opens none by itself"
    );
    let window = json!({ "from": DAY, "to": DAY + 86_400_000, "asset_id": plant.asset });
    let job = detect(&client, window.clone()).await;
    let said = job["summary"]["message"].as_str().unwrap();
    assert!(said.contains("2 incidents"), "{said}");
    let found = of_the_day(&client).await;
    let shown: Vec<_> = found
        .iter()
        .map(|i| {
            (
                i["started_at"].as_i64().unwrap() - DAY,
                &i["incident_type"],
                &i["event_count"],
            )
        })
        .collect();
    let hour = 3_600_000;
    assert_eq!(
        shown,
        [
            (10 * hour, &json!("trip"), &json!(4)),
            (18 * hour, &json!("critical_alert"), &json!(1)),
        ]
    );
    assert_eq!(
        found[0]["ended_at"].as_i64(),
        Some(DAY + 11 * hour + 20 * 60_000)
    );
    let job = detect(&client, window).await;
    let said = job["summary"]["message"].as_str().unwrap();
    assert!(said.contains("no new incident"), "{said}");
    assert_eq!(of_the_day(&client).await, found);
    // A wider past, without an asset, finds the same ones.
    detect(
        &client,
        json!({ "from": DAY - 86_400_000, "to": DAY + 2 * 86_400_000 }),
    )
    .await;
    assert_eq!(of_the_day(&client).await, found);
    let stranger = app.signed_in(&other.user("engineer")).await;
    assert!(of_the_day(&stranger).await.is_empty());
    let admin = app.signed_in(&plant.user("admin")).await;
    let records = admin.get("/api/audit?limit=200").await.json();
    let actions = records["items"].as_array().unwrap().iter();
    assert_eq!(
        actions
            .filter(|r| r["action"] == "incidents.detect")
            .count(),
        3
    );
}

/// Events of the day with their severity, oldest first.
async fn severities(client: &Client) -> Vec<String> {
    let path = format!(
        "/api/blackbox/events?from={DAY}&to={}&limit=100&order=asc",
        DAY + 86_400_000
    );
    let list = client.get(&path).await.expect_status(200).json();
    let items = list["items"].as_array().unwrap().iter();
    let mut told: Vec<String> = items
        .map(|e| {
            format!(
                "{} {}",
                e["event_time"].as_i64().unwrap() - DAY,
                e["severity"].as_str().unwrap()
            )
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn a_journal_whose_columns_are_corrected_corrects_its_events() {
    const KLASSE: &str = "Time (UTC),Source,Message,Klasse\n\
        2024-01-31 10:00:00,P-1,Vibration high high,1\n\
        2024-01-31 10:00:02,P-1,Seal pressure low,3\n";
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let id = upload(&client, &plant, KLASSE).await;
    run(&client, &id).await;
    let first = severities(&client).await;
    assert_eq!(first, ["36000000 warning", "36002000 warning"]);
    let window = json!({ "from": DAY, "to": DAY + 86_400_000 });
    detect(&client, window.clone()).await;
    assert!(of_the_day(&client).await.is_empty());

    let file = client.get(&format!("/api/imports/{id}")).await.json();
    let mut layout = file["layout"].clone();
    layout["columns"][3]["role"] = json!("priority");
    let path = format!("/api/imports/{id}/layout");
    client.put(&path, layout).await.expect_status(200);
    finished(&client, &id, "ready").await;
    run(&client, &id).await;
    let corrected = ["36000000 critical", "36002000 warning"];
    assert_eq!(severities(&client).await, corrected);
    detect(&client, window).await;
    assert_eq!(of_the_day(&client).await.len(), 1);
    // Read once more, nothing is new; and what was stored first is still there for whoever asks for it by name.
    run(&client, &id).await;
    assert_eq!(severities(&client).await, corrected);
    let tenant = plant.tenant;
    let read = move |conn: &iq_store::Connection| {
        let mut all = conn.prepare(
            "SELECT count(*) FROM industrial_events WHERE tenant_id = ? AND source_type = 'alarm_journal'",
        )?;
        Ok::<i64, iq_store::StoreError>(all.query_row([tenant.to_string()], |r| r.get(0))?)
    };
    assert_eq!(app.runtime.store().read(read).await.unwrap(), 3);
}

#[tokio::test]
async fn only_the_coming_of_a_trip_is_critical_and_its_incident_stays_so() {
    const TRIP: &str = "Time (UTC),Source,Message,State,Priority\n\
        2024-01-31 10:00:00,P-1,Pump tripped,ACT,1\n\
        2024-01-31 10:01:00,P-1,Pump tripped,ACK,1\n\
        2024-01-31 10:05:00,P-1,Pump tripped,RTN,1\n";
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let id = upload(&client, &plant, TRIP).await;
    run(&client, &id).await;
    assert_eq!(
        severities(&client).await,
        ["36000000 critical", "36060000 info", "36300000 info"]
    );
    let window = json!({ "from": DAY, "to": DAY + 86_400_000 });
    detect(&client, window).await;
    let found = of_the_day(&client).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["incident_type"], "trip");
    assert_eq!(found[0]["severity"], "critical", "how grave it was");
    assert!(found[0]["ended_at"].is_i64(), "it is over");
}

#[tokio::test]
async fn a_trip_opens_an_incident_whatever_priority_its_journal_gave_it() {
    const ARABIC: &str = "\u{feff}الوقت (UTC);الوسم;الرسالة;الحالة;الأولوية\n\
        2024-01-31 10:00:00;P-1;اهتزاز عالٍ جدًّا;نشط;٢\n\
        2024-01-31 10:00:02;P-1;P-1 فصل وقائي: اهتزاز;نشط;٢\n";
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let id = upload(&client, &plant, ARABIC).await;
    run(&client, &id).await;
    detect(&client, json!({ "from": DAY, "to": DAY + 86_400_000 })).await;
    let found = of_the_day(&client).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["incident_type"], "trip");
    assert_eq!(found[0]["severity"], "critical");
}
