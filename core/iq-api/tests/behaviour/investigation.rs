//! From exported files alone to an incident: nobody has described the machine before.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::{Value, json};

use super::detection::{detect, finished};
use crate::support::{Client, TestApp};

/// 31 January 2024, 00:00 in UTC.
const DAY: i64 = 1_706_659_200_000;
const HOUR: i64 = 3_600_000;

const JOURNAL: &str = "Time (UTC),Source,Message,State,Priority\n\
    2024-01-31 10:00:00,K-909.PT,Discharge pressure high high,ACT,1\n\
    2024-01-31 10:00:02,K-909.TRIP,K-909 TRIP,ACT,1\n";

fn trend() -> String {
    let mut text =
        String::from("Time (UTC);K-909.SUCTION_FLOW [m3/h];K-909.strange;Ambient [degC]\n");
    for minute in 0..720 {
        writeln!(
            text,
            "2024-01-31 {:02}:{:02}:00;{};{};21",
            minute / 60,
            minute % 60,
            4000 + minute % 7,
            minute % 3
        )
        .unwrap();
    }
    text
}

async fn upload(client: &Client, source: &Value, name: &str, text: &str) -> String {
    let source = source.as_str().unwrap();
    let path = format!("/api/imports?integration_id={source}&name={name}");
    let sent = client.send(
        Method::POST,
        &path,
        "application/octet-stream",
        text.to_owned(),
    );
    let file = sent.await.expect_status(201).json();
    let id = file["id"].as_str().unwrap().to_owned();
    finished(client, &id, "ready").await;
    id
}

fn plan_of(proposal: &Value) -> Value {
    let new = proposal["assets"].as_array().unwrap().iter();
    let assets: Vec<Value> = new
        .filter(|a| a["is_known"] == false)
        .map(|a| json!({ "code": a["code"], "family": a["family"] }))
        .collect();
    let signals: Vec<Value> = proposal["signals"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| !s["metric"].is_null())
        .map(|s| {
            json!({
                "tag": s["tag"], "asset_code": s["asset_code"],
                "metric": s["metric"], "unit": s["unit"],
            })
        })
        .collect();
    json!({
        "integration_id": proposal["integration_id"], "time_zone": "Asia/Riyadh",
        "assets": assets, "signals": signals,
    })
}

#[allow(clippy::too_many_lines, reason = "one investigation, step by step")]
#[tokio::test]
async fn exported_files_alone_lead_to_an_incident_and_a_second_time_to_nothing() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let source = client.post("/api/investigations/source", json!({})).await;
    let source = source.expect_status(200).json()["integration_id"].clone();
    assert_eq!(source, json!(plant.files), "the one that is there is used");
    let trends = upload(&client, &source, "trends.csv", &trend()).await;
    let alarms = upload(&client, &source, "alarms.csv", JOURNAL).await;
    let asked = json!({ "imports": [trends, alarms] });
    let proposal = client
        .post("/api/investigations/proposal", asked.clone())
        .await;
    let proposal = proposal.expect_status(200).json();
    assert_eq!(
        proposal["assets"],
        json!([{ "code": "K-909", "family": "centrifugal_compressor", "is_known": false,
                 "is_sure": true, "tags": 4 }]),
        "{proposal}"
    );
    let of = |tag: &str| {
        let all = proposal["signals"].as_array().unwrap();
        all.iter().find(|s| s["tag"] == tag).cloned().unwrap()
    };
    let flow = of("K-909.SUCTION_FLOW");
    assert_eq!(
        (&flow["metric"], &flow["unit"]),
        (&json!("suction_flow"), &json!("m3/h"))
    );
    assert_eq!(of("K-909.strange")["metric"], "strange");
    assert!(of("Ambient")["asset_code"].is_null());
    assert!(
        of("K-909.TRIP")["metric"].is_null(),
        "alarms alone need no signal"
    );

    let plan = plan_of(&proposal);
    let prepared = client
        .post("/api/investigations/prepare", plan.clone())
        .await;
    assert_eq!(
        prepared.expect_status(200).json(),
        json!({ "assets": 1, "mappings": 2, "refused": [] })
    );
    for id in [&trends, &alarms] {
        let run = client
            .post(&format!("/api/imports/{id}/run"), json!({}))
            .await;
        run.expect_status(202);
        let file = finished(&client, id, "done").await;
        assert_eq!(file["run"]["rejected"], 0, "{file}");
    }
    let window = json!({ "from": DAY, "to": DAY + 24 * HOUR });
    detect(&client, window.clone()).await;
    let path = format!("/api/blackbox/incidents?from={DAY}&to={}", DAY + 24 * HOUR);
    let list = client.get(&path).await.json();
    assert_eq!(list["total"], 1, "{list}");
    let incident = &list["items"][0];
    assert_eq!(
        (
            &incident["asset_code"],
            &incident["incident_type"],
            &incident["event_count"]
        ),
        (&json!("K-909"), &json!("trip"), &json!(2))
    );
    let id = incident["id"].as_str().unwrap();
    let cause = client
        .get(&format!("/api/blackbox/incidents/{id}/root-cause"))
        .await;
    assert!(
        cause.expect_status(200).json()["samples_read"]
            .as_u64()
            .unwrap()
            > 0
    );

    // Once more: nothing is proposed, nothing is created, nothing is read.
    let again = client
        .post("/api/investigations/proposal", asked)
        .await
        .json();
    assert_eq!(again["mapped"], 2);
    let prepared = client
        .post("/api/investigations/prepare", plan)
        .await
        .json();
    assert_eq!(
        prepared,
        json!({ "assets": 0, "mappings": 0, "refused": [] })
    );
    client
        .post(&format!("/api/imports/{trends}/run"), json!({}))
        .await
        .expect_status(202);
    assert_eq!(
        finished(&client, &trends, "done").await["already_imported"],
        true
    );
    detect(&client, window).await;
    assert_eq!(client.get(&path).await.json(), list);

    let stranger = app.signed_in(&other.user("engineer")).await;
    let foreign = json!({ "imports": [trends] });
    let reply = stranger.post("/api/investigations/proposal", foreign).await;
    reply.expect_status(404);
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_and_nothing_that_exists_is_changed() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let plan = |assets: Value, signals: Value| {
        json!({
            "integration_id": plant.files, "time_zone": "UTC",
            "assets": assets, "signals": signals,
        })
    };
    for assets in [
        json!([{ "code": "K-1", "family": "spaceship" }]),
        json!([{ "code": "=K-1", "family": "tank" }]),
        json!([{ "code": "K-1", "family": "tank" }, { "code": "K-1", "family": "tank" }]),
    ] {
        let reply = client
            .post("/api/investigations/prepare", plan(assets, json!([])))
            .await;
        reply.expect_status(422);
    }
    // P-1 exists as a pump: it stays one, and a unit that can't be is told with its tag.
    let assets = json!([{ "code": "P-1", "family": "tank" }]);
    let signals = json!([{ "tag": "X", "asset_code": "P-1", "metric": "flow", "unit": "furlong" }]);
    let reply = client
        .post("/api/investigations/prepare", plan(assets, signals))
        .await;
    let prepared = reply.expect_status(200).json();
    assert_eq!(
        (&prepared["assets"], &prepared["mappings"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        prepared["refused"][0]["code"], "mapping.unknown_unit",
        "{prepared}"
    );
    let asset = client
        .get(&format!("/api/assets/{}", plant.asset))
        .await
        .json();
    assert_eq!(asset["family"], "centrifugal_pump");
    let mut foreign = plan(json!([]), json!([]));
    foreign["integration_id"] = json!(other.files);
    let reply = client.post("/api/investigations/prepare", foreign).await;
    reply.expect_status(404);
}
