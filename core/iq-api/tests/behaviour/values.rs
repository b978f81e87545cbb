//! Values on their way to the pages: trends, the twin as of T, the dashboard, events as they happen.

use axum::http::Method;
use futures::StreamExt;
use iq_domain::{StatusCode, Timestamp};
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp, sample};

const MINUTE: i64 = 60_000;

/// Ten minutes of values, one a second, the last of them now.
async fn fill(app: &TestApp, plant: &Plant) {
    let mut receiver = app.runtime.live().subscribe();
    let samples = (0..600)
        .map(|i| {
            sample(
                "T1",
                f64::from(i) / 1_000.0,
                NOW.plus_ms(-i64::from(599 - i) * 1_000),
            )
        })
        .collect();
    app.desk.push(samples).await;
    // Announced means durable.
    let mut durable = 0;
    while durable < 600 {
        let message = receiver.recv().await.unwrap();
        if let iq_runtime::LiveEvent::Values(values) = &message.event
            && message.tenant_id == plant.tenant
        {
            durable += values.len();
        }
    }
}

#[tokio::test]
async fn a_trend_is_reduced_to_the_width_and_says_so() {
    let (app, plant, _) = TestApp::with_plants().await;
    fill(&app, &plant).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let from = NOW.0 - 10 * MINUTE;
    let path = format!(
        "/api/signals/{}/series?from={from}&to={}&width=20",
        plant.signal,
        NOW.0 + 1
    );
    let series = client.get(&path).await.expect_status(200).json();
    let (t, v) = (
        series["t"].as_array().unwrap(),
        series["v"].as_array().unwrap(),
    );
    assert_eq!(t.len(), v.len());
    assert!((20..=100).contains(&t.len()), "{}", t.len());
    assert!(t.is_sorted_by_key(|t| t.as_i64()));
    assert_eq!(series["unit"], "mm/s");
    assert_eq!(v.last().unwrap().as_f64(), Some(0.599));
    let csv = format!("/api/signals/{}/series.csv?from={from}", plant.signal);
    let reply = client.get(&csv).await.expect_status(200);
    assert!(reply.bytes.starts_with(b"\xef\xbb\xbftime_utc,"));
    assert_eq!(reply.text().matches("\r\n").count(), 601);
}

#[tokio::test]
async fn a_bad_value_is_a_gap_that_can_be_seen() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut receiver = app.runtime.live().subscribe();
    let mut bad = sample("T1", f64::NAN, NOW.plus_ms(-1_000));
    bad.status = StatusCode::BAD;
    app.desk
        .push(vec![
            sample("T1", 1.0, NOW.plus_ms(-2_000)),
            bad,
            sample("T1", 2.0, NOW),
        ])
        .await;
    while !matches!(
        &receiver.recv().await.unwrap().event,
        iq_runtime::LiveEvent::Values(_)
    ) {}
    let client = app.signed_in(&plant.user("viewer")).await;
    let path = format!(
        "/api/signals/{}/series?from={}&width=900",
        plant.signal,
        NOW.0 - MINUTE
    );
    let series = client.get(&path).await.expect_status(200).json();
    assert_eq!(series["v"], json!([1.0, null, 2.0]), "{series}");
    assert_eq!(series["bad"], json!([1]));
}

#[tokio::test]
async fn the_twin_and_the_dashboard_answer_as_of_t() {
    let (app, plant, _) = TestApp::with_plants().await;
    fill(&app, &plant).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let value_at = |t: Option<Timestamp>| {
        let client = client.clone();
        let query = t.map_or_else(String::new, |t| format!("?t={}", t.0));
        async move {
            let path = format!("/api/twin/{}{query}", plant.asset);
            let asset = client.get(&path).await.expect_status(200).json();
            assert_eq!(asset["code"], "P-1");
            asset["signals"][0]["value"].as_f64()
        }
    };
    assert_eq!(value_at(None).await, Some(0.599));
    assert_eq!(value_at(Some(NOW.plus_ms(-299_000))).await, Some(0.3));
    assert_eq!(value_at(Some(NOW.plus_ms(-60 * MINUTE))).await, None);

    let now = client.get("/api/twin").await.expect_status(200).json();
    assert_eq!(
        (&now["is_past"], now["assets"].as_array().unwrap().len()),
        (&json!(false), 1)
    );
    assert_eq!(now["assets"][0]["status"], "critical", "an alert is active");
    assert!(
        now["assets"][0]["status_reason"]
            .as_str()
            .unwrap()
            .contains("9.123"),
        "{now}"
    );
    let before = NOW.plus_ms(-5 * MINUTE);
    let past = client
        .get(&format!("/api/twin?t={}", before.0))
        .await
        .json();
    assert_eq!(past["is_past"], true);
    assert_ne!(
        past["assets"][0]["status"], "critical",
        "no alert was active then"
    );

    let overview = client.get("/api/overview").await.expect_status(200).json();
    assert_eq!(overview["counts"]["critical"], 1);
    assert_eq!(
        (&overview["open_incidents"], &overview["alerts_per_hour"]),
        (&json!(1), &json!(1.0))
    );
    assert_eq!(overview["attention"][0]["asset_code"], "P-1");
    assert_eq!(overview["alerts_by_hour"].as_array().unwrap().len(), 24);
    let strip = overview["sources"][0]["strip"].as_array().unwrap();
    assert_eq!(
        (strip.len(), strip.last().unwrap()),
        (48, &json!(2)),
        "{overview}"
    );
    let then = client
        .get(&format!("/api/overview?t={}", before.0))
        .await
        .json();
    assert_eq!(
        (&then["open_incidents"], &then["counts"]["critical"]),
        (&json!(0), &json!(0))
    );
    let alerts = client
        .get(&format!("/api/alerts?t={}", before.0))
        .await
        .json();
    assert_eq!(alerts["total"], 0);
}

#[tokio::test]
async fn an_acknowledgement_is_seen_now_and_not_in_the_past() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/alerts/{}/acknowledge", plant.alert);
    let body = json!({ "comment": "Oil sampled." });
    let alert = engineer
        .post(&path, body.clone())
        .await
        .expect_status(200)
        .json();
    assert_eq!(alert["state"], "active_acknowledged");
    assert_eq!(alert["acknowledged_by"], plant.user("engineer"));
    engineer
        .post(&path, body)
        .await
        .expect_code(409, "alerts.already_acknowledged");
    let before = NOW.plus_ms(-1_000).0;
    let then = engineer
        .get(&format!("/api/alerts?t={before}"))
        .await
        .json();
    assert_eq!(then["items"][0]["state"], "active_unacknowledged");
    assert_eq!(then["items"][0]["comment"], Value::Null);
    let open = engineer
        .get("/api/alerts?state=active_unacknowledged")
        .await
        .json();
    assert_eq!(open["total"], 0);
}

#[tokio::test]
async fn an_incident_shows_its_events_in_order_and_keeps_notes() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/blackbox/incidents/{}", plant.incident);
    let note = json!({ "text": "Bearing is hot.\nStopped by hand." });
    engineer
        .post(&format!("{path}/notes"), note)
        .await
        .expect_status(201);
    let patch = |body: Value| engineer.call(Method::PATCH, &path, Some(body));
    patch(json!({ "assignee": "nobody" }))
        .await
        .expect_field("assignee", "incident.assignee_unknown");
    patch(json!({ "assignee": plant.user("viewer") }))
        .await
        .expect_status(422);
    let body = json!({ "status": "investigating", "assignee": plant.user("engineer") });
    let detail = patch(body).await.expect_status(200).json();
    assert_eq!(detail["incident"]["status"], "investigating");
    assert_eq!(
        detail["notes"][0]["text"],
        "Bearing is hot.\nStopped by hand."
    );
    let timeline = engineer
        .get(&format!("{path}/timeline"))
        .await
        .expect_status(200)
        .json();
    let events = timeline["events"].as_array().unwrap();
    let first = &events[0];
    assert_eq!(
        (&first["relation"], &first["order"]),
        (&json!("trigger"), &json!(1))
    );
    assert_eq!(first["event"]["id"], json!(plant.event));
    assert!(
        first["event"]["message"]
            .as_str()
            .unwrap()
            .contains("9.123")
    );
    assert_eq!(timeline["trends"][0]["tag"], "T1");
    let list = engineer
        .get("/api/blackbox/incidents?q=INC-2026")
        .await
        .json();
    assert_eq!(
        (&list["total"], &list["items"][0]["event_count"]),
        (&json!(1), &json!(events.len()))
    );
    let bins = engineer.get("/api/blackbox/histogram?bins=4").await.json();
    let sum: u64 = bins
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["critical"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 1);
}

#[tokio::test]
async fn live_values_reach_the_own_tenant_only() {
    let (app, north, south) = TestApp::with_plants().await;
    let client = app.signed_in(&north.user("viewer")).await;
    let mut stream = client
        .open(Method::GET, "/api/live", "", Vec::new())
        .await
        .into_body()
        .into_data_stream();
    let opening = stream.next().await.unwrap().unwrap();
    assert!(opening.starts_with(b":"), "a comment opens the stream");
    fill(&app, &north).await;
    let mut latest = None;
    while latest != Some(0.599) {
        let chunk = stream.next().await.unwrap().unwrap();
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        assert!(!text.contains(&south.signal.to_string()), "{text}");
        let Some(data) = text.strip_prefix("event: values\ndata: ") else {
            continue;
        };
        let values: Value = serde_json::from_str(data.trim()).unwrap();
        let values = values.as_array().unwrap();
        assert_eq!(values.len(), 1, "coalesced to the latest per signal");
        assert_eq!(values[0]["signal_id"], json!(north.signal));
        latest = values[0]["value"].as_f64();
    }
}

#[tokio::test]
async fn a_test_reports_its_stages_or_only_the_result() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    let path = format!("/api/integrations/{}/test", plant.integration);
    let report = client
        .post(&path, json!({}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&report["success"], &report["stages"][0]["key"]),
        (&json!(true), &json!("read"))
    );
    let log = client
        .get(&format!("/api/integrations/{}/log", plant.integration))
        .await
        .json();
    assert_eq!(log["items"][0]["action_type"], "test_connection");
    let input = json!({ "kind": "desk", "name": "x", "config": { "colour": "red" } });
    client
        .post("/api/integrations/test", input)
        .await
        .expect_field("colour", "connector.field_unknown");
}

#[tokio::test]
async fn a_certificate_is_trusted_only_by_its_own_fingerprint() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    let base = format!("/api/integrations/{}/certificates", plant.integration);
    let all = client.get(&base).await.expect_status(200).json();
    assert_eq!(all[0]["state"], "pending");
    let trust = format!("{base}/{}/trust", plant.certificate);
    for wrong in ["", "c0ffee1", "deadbeef", "0c0ffee12"] {
        client
            .post(&trust, json!({ "fingerprint_tail": wrong }))
            .await
            .expect_field("fingerprint_tail", "certificates.fingerprint_differs");
    }
    let typed = json!({ "fingerprint_tail": "C0:FF:EE:12" });
    let trusted = client.post(&trust, typed).await.expect_status(200).json();
    assert_eq!(
        (&trusted["state"], &trusted["decided_by"]),
        (&json!("trusted"), &json!(plant.user("admin")))
    );
    let own = client
        .get("/api/integrations/own-certificate")
        .await
        .expect_status(200)
        .json();
    assert_eq!(own["sha256"].as_str().unwrap().len(), 64);
    let der = client
        .get("/api/integrations/own-certificate.der")
        .await
        .expect_status(200);
    assert_eq!(der.bytes, app.runtime.identity().certificate_der);
}
