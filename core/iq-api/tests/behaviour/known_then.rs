//! A past moment as it is known now, and as it was known then.

use iq_domain::{
    Alert, AlertId, AlertRecord, AlertState, Assessment, AssessmentId, Incident, IncidentId,
    IncidentStatus, IncidentType, RawSample, Severity, Timestamp,
};
use iq_store::{alerts, assessments, incidents};
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp, sample};

const MINUTE: i64 = 60_000;

/// The moment looked at, and when what had happened before it was written down.
const THEN: Timestamp = NOW.plus_ms(-30 * MINUTE);
const LATER: Timestamp = NOW.plus_ms(-10 * MINUTE);

fn alert(plant: &Plant) -> Alert {
    Alert {
        id: AlertId::new(),
        tenant_id: plant.tenant,
        asset_id: plant.asset,
        signal_id: Some(plant.signal),
        rule_id: None,
        severity: Severity::Critical,
        state: AlertState::ActiveUnacknowledged,
        code: "alert.limit_high_high".into(),
        params: json!({ "metric": "vibration_de", "value": 9.0, "unit": "mm/s", "limit": 7.1 }),
        activated_at: THEN.plus_ms(-10 * MINUTE),
        acknowledged_at: None,
        acknowledged_by: None,
        comment: None,
        cleared_at: None,
        incident_id: None,
        record: AlertRecord {
            raised_at: Some(LATER),
            ..AlertRecord::default()
        },
    }
}

fn score(plant: &Plant, at: Timestamp, health: f64) -> Assessment {
    Assessment {
        id: AssessmentId::new(),
        tenant_id: plant.tenant,
        asset_id: plant.asset,
        at,
        health: Some(health),
        anomaly: Some(1.0),
        coverage: 1.0,
        input_age_ms: Some(0),
        contributors: Vec::new(),
        model: "robust-z 1".into(),
        withheld_code: None,
        withheld_params: json!({}),
    }
}

fn incident(plant: &Plant) -> Incident {
    Incident {
        id: IncidentId::new(),
        tenant_id: plant.tenant,
        number: "INC-2026-0777".into(),
        asset_id: plant.asset,
        incident_type: IncidentType::CriticalAlert,
        severity: Severity::Critical,
        title_code: "incident.critical_alert".into(),
        title_params: json!({ "asset": "P-1", "metric": "vibration_de" }),
        status: IncidentStatus::Open,
        assignee: None,
        started_at: THEN.plus_ms(-10 * MINUTE),
        ended_at: None,
        created_at: LATER,
    }
}

/// Something went wrong 40 minutes ago, and the program learned of it 10 minutes ago.
async fn tell_late(app: &TestApp, plant: &Plant) {
    // A score counts while values come.
    deliver(app, vec![sample("T1", 5.0, THEN.plus_ms(-1_000))]).await;
    let tenant = plant.tenant;
    let (alert, incident) = (alert(plant), incident(plant));
    let known = score(plant, THEN.plus_ms(-20 * MINUTE), 90.0);
    let late = score(plant, THEN.plus_ms(-5 * MINUTE), 30.0);
    app.runtime
        .store()
        .write(move |tx| {
            alerts::create_alert(tx, tenant, &alert)?;
            incidents::create_incident(tx, tenant, &incident)?;
            assessments::put_assessment(tx, tenant, &known, known.at)?;
            assessments::put_assessment(tx, tenant, &late, LATER)
        })
        .await
        .unwrap();
}

/// Hands values over and waits until they are durable.
async fn deliver(app: &TestApp, values: Vec<RawSample>) {
    let mut receiver = app.runtime.live().subscribe();
    app.desk.push(values).await;
    while !matches!(
        &receiver.recv().await.unwrap().event,
        iq_runtime::LiveEvent::Values(_)
    ) {}
}

#[tokio::test]
async fn what_was_recorded_later_is_absent_when_only_what_was_known_then_counts() {
    let (app, plant, _) = TestApp::with_plants().await;
    tell_late(&app, &plant).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let ask = async |path: &str, known: bool| {
        let known = if known {
            format!("&known_at={}", THEN.0)
        } else {
            String::new()
        };
        let path = format!("{path}?t={}{known}", THEN.0);
        client.get(&path).await.expect_status(200).json()
    };
    let all = |page: &Value| page["total"].as_u64().unwrap();

    assert_eq!(all(&ask("/api/alerts", false).await), 1);
    assert_eq!(all(&ask("/api/alerts", true).await), 0);
    assert_eq!(all(&ask("/api/blackbox/incidents", false).await), 1);
    assert_eq!(all(&ask("/api/blackbox/incidents", true).await), 0);

    let path = format!("/api/twin/{}", plant.asset);
    let (now, then) = (ask(&path, false).await, ask(&path, true).await);
    assert_eq!(
        (&now["health"], &now["active_alerts"], &now["status"]),
        (&json!(30.0), &json!(1), &json!("critical"))
    );
    assert_eq!(
        (&then["health"], &then["active_alerts"]),
        (&json!(90.0), &json!(0))
    );
    assert_ne!(then["status"], "critical");
    assert!(now["open_incident_id"].is_string() && then["open_incident_id"].is_null());

    let (now, then) = (
        ask("/api/overview", false).await,
        ask("/api/overview", true).await,
    );
    assert_eq!(
        (
            &now["health_mean"],
            &now["open_incidents"],
            &now["alerts_per_hour"]
        ),
        (&json!(30.0), &json!(1), &json!(1.0))
    );
    assert_eq!(
        (
            &then["health_mean"],
            &then["open_incidents"],
            &then["alerts_per_hour"]
        ),
        (&json!(90.0), &json!(0), &json!(0.0))
    );
    // Known from the moment it was recorded on.
    let since = format!("/api/alerts?t={}&known_at={}", THEN.0, LATER.0);
    assert_eq!(all(&client.get(&since).await.json()), 1);
    let wrong = format!("/api/twin?t={}&known_at=-5", THEN.0);
    client.get(&wrong).await.expect_status(422);
}

#[tokio::test]
async fn a_value_stands_at_its_own_time_and_says_that_it_arrived_later() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut late = sample("T1", 4.5, THEN.plus_ms(-MINUTE));
    late.received_at = LATER;
    deliver(&app, vec![late, sample("T1", 5.0, NOW)]).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let value = async |t: Timestamp, more: &str| {
        let path = format!("/api/twin/{}?t={}{more}", plant.asset, t.0);
        let asset = client.get(&path).await.expect_status(200).json();
        let signal = asset["signals"][0].clone();
        (signal["value"].clone(), signal["arrived_late_at"].clone())
    };
    let known = format!("&known_at={}", THEN.0);
    let marked = (json!(4.5), json!(LATER.0));
    assert_eq!(value(THEN, "").await, marked);
    assert_eq!(value(THEN, &known).await, marked, "by source time always");
    // Once it had arrived it is a value like any other.
    assert_eq!(value(LATER, "").await, (json!(4.5), Value::Null));
}

#[tokio::test]
async fn an_incident_that_goes_on_is_not_lost_behind_hundreds_that_began_later_and_ended() {
    let (app, plant, _) = TestApp::with_plants().await;
    let tenant = plant.tenant;
    let running = Incident {
        started_at: THEN.plus_ms(-60 * MINUTE),
        ..incident(&plant)
    };
    let id = running.id;
    let ended = (0..600).map(|n| Incident {
        number: format!("INC-2026-{}", 1_000 + n),
        started_at: THEN.plus_ms(-50 * MINUTE + n),
        ended_at: Some(THEN.plus_ms(-40 * MINUTE)),
        ..incident(&plant)
    });
    let rows: Vec<Incident> = std::iter::once(running).chain(ended).collect();
    app.runtime
        .store()
        .write(move |tx| {
            rows.iter()
                .try_for_each(|row| incidents::create_incident(tx, tenant, row))
        })
        .await
        .unwrap();
    let client = app.signed_in(&plant.user("viewer")).await;
    let path = format!("/api/twin/{}?t={}", plant.asset, THEN.0);
    let asset = client.get(&path).await.expect_status(200).json();
    assert_eq!(asset["open_incident_id"], json!(id));
}

#[tokio::test]
async fn the_alerts_of_a_past_moment_are_counted_to_the_last() {
    let (app, plant, _) = TestApp::with_plants().await;
    let (tenant, many) = (plant.tenant, 10_001);
    let rows: Vec<Alert> = (0..many)
        .map(|n| Alert {
            activated_at: THEN.plus_ms(-10 * MINUTE - n),
            ..alert(&plant)
        })
        .collect();
    app.runtime
        .store()
        .write(move |tx| {
            rows.iter()
                .try_for_each(|row| alerts::create_alert(tx, tenant, row))
        })
        .await
        .unwrap();
    let client = app.signed_in(&plant.user("viewer")).await;
    for query in [format!("t={}", THEN.0), format!("t={}&q=P-1", THEN.0)] {
        let path = format!("/api/alerts?{query}&limit=1&offset={}", many - 1);
        let page = client.get(&path).await.expect_status(200).json();
        assert_eq!(page["total"], many, "{query}");
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{query}");
    }
}
