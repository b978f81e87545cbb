//! Root cause over HTTP: it rests on stored raw samples, is made again only when they change, and shows
//! its evidence to those who work on incidents.

use iq_domain::{EventCategory, EventId, EventRelation, IndustrialEvent, RawSample, Severity};
use iq_store::{events, incidents};
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp, sample};

/// Nine minutes of a vibration that steps up in the middle, and what comes after `from_s`.
fn values(range: std::ops::Range<i64>) -> Vec<RawSample> {
    range
        .map(|second| {
            let noise = ((second * 7) % 11) as f64 / 100.0;
            let level = if second < 300 { 1.6 } else { 6.0 };
            sample("T1", level + noise, NOW.plus_ms((second - 600) * 1_000))
        })
        .collect()
}

async fn deliver(app: &TestApp, plant: &Plant, samples: Vec<RawSample>) {
    let mut receiver = app.runtime.live().subscribe();
    let wanted = samples.len();
    app.desk.push(samples).await;
    let mut durable = 0;
    while durable < wanted {
        let message = receiver.recv().await.unwrap();
        if let iq_runtime::LiveEvent::Values(values) = &message.event
            && message.tenant_id == plant.tenant
        {
            durable += values.len();
        }
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one cause, step by step")]
async fn a_root_cause_rests_on_samples_and_is_made_again_when_they_change() {
    let (app, plant, other) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = format!("/api/blackbox/incidents/{}/root-cause", plant.incident);
    let empty = engineer.get(&path).await.expect_status(200).json();
    assert_eq!(
        (&empty["verdict"], &empty["version"]),
        (&json!("not_enough_data"), &json!(1))
    );
    deliver(&app, &plant, values(0..450)).await;
    let found = engineer.get(&path).await.expect_status(200).json();
    assert_eq!(
        (&found["form"], &found["version"]),
        (&json!("full"), &json!(2))
    );
    let mover = &found["first_movers"][0];
    assert_eq!(
        (&mover["signal_id"], &mover["direction"]),
        (&json!(plant.signal), &json!("rise"))
    );
    let onset = mover["sample"]["t"].as_i64().unwrap() - NOW.plus_ms(-300_000).0;
    assert!(onset.abs() <= 10_000, "{onset}");
    // One signal of many: it can't be settled, and the answer says what is missing.
    let hypothesis = &found["hypotheses"][0];
    assert!(
        hypothesis["confidence"].as_f64().unwrap() < 0.6,
        "{hypothesis}"
    );
    let evidence = hypothesis["evidence"].as_array().unwrap();
    assert!(evidence.iter().any(|e| e["side"] == "missing"));
    let seen = evidence.iter().find(|e| e["side"] == "for").unwrap();
    assert_eq!(seen["samples"][0]["signal_id"], json!(plant.signal));
    assert!(
        found["explanation"][0]["text"]
            .as_str()
            .unwrap()
            .contains('6')
    );
    let again = engineer.get(&path).await.json();
    assert_eq!(
        (&again["version"], &again["inputs_hash"]),
        (&found["version"], &found["inputs_hash"])
    );
    // Who edits what was kept of it changes no page: it is judged anew, and told as another version.
    let edit = |tx: &iq_store::Transaction<'_>| {
        let kept: Vec<String> = tx
            .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'root_causes'")?
            .query_map([], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        for trigger in kept {
            tx.execute_batch(&format!("DROP TRIGGER {trigger}"))?;
        }
        tx.execute(
            "UPDATE root_causes SET result = json_set(result, '$.verdict', 'named')",
            [],
        )?;
        Ok::<_, iq_store::StoreError>(())
    };
    app.runtime.store().write(edit).await.unwrap();
    let judged = engineer.get(&path).await.json();
    assert_eq!(judged["verdict"], found["verdict"]);
    assert_eq!(judged["explanation"], found["explanation"]);
    assert_eq!(judged["version"], 3);
    deliver(&app, &plant, values(450..600)).await;
    let later = engineer.get(&path).await.json();
    assert_eq!(later["version"], 4);
    assert_ne!(later["inputs_hash"], found["inputs_hash"]);

    let viewer = app.signed_in(&plant.user("viewer")).await;
    let simple = viewer.get(&path).await.expect_status(200).json();
    assert_eq!(
        (&simple["form"], &simple["version"]),
        (&json!("simplified"), &json!(4))
    );
    assert_eq!(simple["first_movers"], Value::Null);
    // The timeline tells the two apart as well: what the cause rests on is for those who work on it.
    let timeline = format!("/api/blackbox/incidents/{}/timeline", plant.incident);
    let onset = |answer: &Value| {
        let trends = answer["trends"].as_array().unwrap();
        let of = trends
            .iter()
            .find(|t| t["signal_id"] == json!(plant.signal));
        of.map_or(Value::Null, |trend| trend["onset_at"].clone())
    };
    let whole = engineer.get(&timeline).await.expect_status(200).json();
    assert_eq!(onset(&whole), later["first_movers"][0]["onset_at"]);
    assert!(whole["more_trends"].is_array());
    let simple_timeline = viewer.get(&timeline).await.expect_status(200).json();
    assert_eq!(onset(&simple_timeline), Value::Null);
    assert_eq!(simple["hypotheses"][0]["evidence"], Value::Null);
    assert!(
        !simple["hypotheses"][0]["actions"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let stranger = app.signed_in(&other.user("engineer")).await;
    stranger.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn the_rule_packs_can_be_read() {
    let (app, plant, _) = TestApp::with_plants().await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let packs = viewer
        .get("/api/rule-packs")
        .await
        .expect_status(200)
        .json();
    let pump = packs
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["id"] == "centrifugal_pump")
        .unwrap();
    assert_eq!(pump["rules"][0]["id"], "CP-BRG");
    assert_eq!(pump["rules"][0]["conditions"][0]["weight"], 3);
}

/// An endpoint that answers as a language model does, and keeps what it was asked.
async fn model(
    answer: Value,
) -> (
    String,
    std::sync::Arc<std::sync::Mutex<Vec<(String, Value)>>>,
) {
    use axum::{Json, Router, http::HeaderMap, routing::post};
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let app = Router::new().route(
        "/v1/chat/completions",
        post(move |headers: HeaderMap, Json(body): Json<Value>| {
            let key = headers["authorization"]
                .to_str()
                .unwrap_or_default()
                .to_owned();
            seen.lock().unwrap().push((key, body));
            std::future::ready(Json(answer.clone()))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (base, asked)
}

/// Two events of the incident: what somebody did, and what an instrument said.
async fn acknowledged(app: &TestApp, plant: &Plant) {
    let (tenant, incident, asset) = (plant.tenant, plant.incident, plant.asset);
    let event = |summary: &str, params: Value| IndustrialEvent {
        id: EventId::new(),
        tenant_id: tenant,
        asset_id: Some(asset),
        source_system: "test".to_owned(),
        source_type: "test".to_owned(),
        source_id: summary.to_owned(),
        event_time: NOW,
        ingest_time: NOW,
        recorded_at: NOW,
        time_offset_ms: 0,
        time_uncertainty_ms: 0,
        severity: Severity::Info,
        event_category: EventCategory::Alert,
        summary: summary.to_owned(),
        payload: json!({ "params": params }),
    };
    let rows = [
        event(
            "event.alert_acknowledged.trip",
            json!({ "actor": "Fatima" }),
        ),
        event(
            "event.reported",
            json!({ "text": "Low pressure at the seal" }),
        ),
    ];
    app.runtime
        .store()
        .write(move |tx| {
            for row in &rows {
                events::insert_ignore_duplicate(tx, tenant, row)?;
                let relation = EventRelation::SameAsset;
                incidents::create_incident_event(tx, tenant, incident, row.id, relation)?;
            }
            Ok::<_, iq_store::StoreError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_summary_is_written_only_when_asked_for_and_only_where_a_model_is_set_up() {
    let (app, plant, other) = TestApp::with_plants().await;
    let path = |id: &str| format!("/api/blackbox/incidents/{id}/narrative");
    let own = plant.incident.to_string();
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let refused = engineer
        .post(&path(&own), json!({}))
        .await
        .expect_status(409)
        .json();
    assert_eq!(refused["code"], "narrative.not_configured");
    drop(engineer);

    let text = "The pump\u{202e} tripped.\nLook at its bearing.";
    let (base, asked) = model(json!({ "choices": [{ "message": { "content": text } }] })).await;
    let app = app
        .restarted_with(&[("OPENAI_API_KEY", "sk-canary"), ("OPENAI_BASE_URL", &base)])
        .await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    acknowledged(&app, &plant).await;
    let cause = engineer
        .get(&format!("/api/blackbox/incidents/{own}/root-cause"))
        .await
        .expect_status(200)
        .json();
    assert_eq!(cause["has_narrative"], true);
    assert!(
        asked.lock().unwrap().is_empty(),
        "nothing is sent by itself"
    );
    let found = engineer
        .post(&path(&own), json!({}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(found["text"], "The pump tripped.\nLook at its bearing.");
    let sent = asked.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, "Bearer sk-canary");
    let told = sent[0].1.to_string();
    assert!(
        !told.contains("sk-canary") && !told.contains("Fatima"),
        "{told}"
    );
    assert!(told.contains("Low pressure at the seal"), "{told}");
    let foreign = other.incident.to_string();
    engineer
        .post(&path(&foreign), json!({}))
        .await
        .expect_status(404);
    let viewer = app.signed_in(&plant.user("viewer")).await;
    viewer.post(&path(&own), json!({})).await.expect_status(403);
    assert_eq!(asked.lock().unwrap().len(), 1);
}
