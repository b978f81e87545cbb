//! Failures and availability over HTTP, against hours counted by hand.

use axum::http::Method;
use iq_domain::{
    StatusCode, Timestamp, Value as Measured, WorkOrderId, WorkOrderKind, WorkOrderStatus,
};
use iq_historian::Row;
use iq_mapping::MappingDraft;
use iq_runtime::NewMapping;
use iq_store::work_orders::{self, WorkOrder, WorkOrderOrigin};
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp, work_order};

const PATH: &str = "/api/reliability";
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// An order of a maintenance system.
fn order(plant: &Plant, number: &str) -> WorkOrder {
    WorkOrder {
        id: WorkOrderId::new(),
        reference: None,
        integration_id: Some(plant.integration),
        source_system: Some("desk".to_owned()),
        number: Some(number.to_owned()),
        origin: WorkOrderOrigin::Source,
        incident_id: None,
        created_by: None,
        status: WorkOrderStatus::Completed,
        opened_at: ago(100 * 24),
        ..work_order(plant)
    }
}

const fn ago(hours: i64) -> Timestamp {
    NOW.plus_ms(-hours * HOUR)
}

/// A malfunction report, `ago` hours back and over `long` hours later.
fn report(plant: &Plant, number: &str, since: i64, long: i64) -> WorkOrder {
    WorkOrder {
        order_type: Some("m2".to_owned()),
        actual_start: Some(ago(since)),
        actual_end: Some(ago(since - long)),
        ..order(plant, number)
    }
}

async fn keep(app: &TestApp, rows: Vec<WorkOrder>) {
    let kept = app.runtime.store().write(move |tx| {
        rows.iter()
            .try_for_each(|row| work_orders::create_work_order(tx, row.tenant_id, row))
    });
    kept.await.unwrap();
}

fn near(have: &Value, want: f64, tolerance: f64) {
    let have = have.as_f64().unwrap_or(f64::NAN);
    assert!((have - want).abs() <= tolerance, "{have} instead of {want}");
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one history, step by step")]
async fn failures_repair_and_availability_are_those_of_the_orders() {
    let (app, plant, other) = TestApp::with_plants().await;
    let before = [
        // The first that is known of: 100 days back, and no failure.
        WorkOrder {
            order_type: Some("PM03".to_owned()),
            ..order(&plant, "1")
        },
        report(&plant, "2", 2_000, 10),
        // Its order was worked on for six hours, and is not a failure of its own.
        WorkOrder {
            kind: WorkOrderKind::Order,
            order_type: Some("PM01".to_owned()),
            related_number: Some("2".to_owned()),
            actual_start: Some(ago(1_998)),
            actual_end: Some(ago(1_992)),
            ..order(&plant, "800")
        },
        // Told again two hours later.
        report(&plant, "3", 1_998, 8),
        report(&plant, "4", 1_000, 30),
        // It could go on.
        WorkOrder {
            payload: json!({ "MaintenanceObjectIsDown": false }),
            ..report(&plant, "5", 500, 40)
        },
        WorkOrder {
            status: WorkOrderStatus::Cancelled,
            ..report(&plant, "6", 300, 5)
        },
        // Work for which it stood.
        WorkOrder {
            kind: WorkOrderKind::Order,
            order_type: Some("PM03".to_owned()),
            payload: json!({ "MaintenanceObjectIsDown": "X" }),
            actual_start: Some(ago(200)),
            actual_end: Some(ago(190)),
            ..order(&plant, "801")
        },
        // A warning is no failure.
        WorkOrder {
            malfunction_at: Some(ago(100)),
            origin: WorkOrderOrigin::Alert,
            ..order(&plant, "7")
        },
    ];
    keep(&app, before.to_vec()).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let all = client.get(PATH).await.expect_status(200).json();
    assert_eq!(all["known_since"], ago(2_400).0, "{all}");
    assert_eq!(all["failure_types"], json!(["M2"]));
    let found = &all["total"];
    assert_eq!(
        (&found["failures"], &found["basis"]),
        (&json!(3), &json!("calendar"))
    );
    // In service since the first order, 2,400 h; it stood 40 h for failures and 10 h for work.
    near(&found["service_h"], 2_400.0, 0.01);
    near(&found["down_h"], 40.0, 1e-6);
    near(&found["planned_h"], 10.0, 1e-6);
    near(&found["operating_h"], 2_350.0, 0.01);
    near(&found["mtbf"]["hours"], 2_350.0 / 3.0, 0.01);
    near(&found["mtbf"]["low"], 2.0 * 2_350.0 / 15.507, 0.1);
    near(&found["mtbf"]["high"], 2.0 * 2_350.0 / 1.635_4, 0.5);
    assert_eq!(found["mtbf"]["is_few"], false);
    assert_eq!(found["mttr"], json!({ "hours": 6.0, "of": 1 }));
    assert_eq!(found["mdt"], json!({ "hours": 20.0, "of": 2 }));
    near(&found["operational"], 2_350.0 / 2_400.0, 1e-5);
    let own = &all["assets"].as_array().unwrap()[0];
    assert_eq!(
        (&own["asset_code"], &own["figures"]),
        (&json!("P-1"), found)
    );
    for by in ["site", "family", "criticality"] {
        let groups = all["groups"].as_array().unwrap();
        assert_eq!(groups.iter().filter(|g| g["by"] == by).count(), 1, "{by}");
    }
    // Asked for the last 20 days: one failure, and its end is known.
    let path = format!("{PATH}?from={}&asset_id={}", ago(25 * 24).0, plant.asset);
    let late = client.get(&path).await.expect_status(200).json();
    assert_eq!(late["total"]["failures"], 1);
    assert_eq!(late["total"]["mtbf"]["is_few"], true);
    // Of five days nothing is said.
    let path = format!("{PATH}?from={}", ago(5 * 24).0);
    let short = client.get(&path).await.json();
    assert_eq!(short["total"]["mtbf"], Value::Null);
    assert_eq!(short["total"]["withheld"]["mtbf"], "few_hours");
    assert_eq!(short["total"]["withheld"]["operational"], "few_hours");
    // The neighbour has one work order, which is no failure: a lower bound only.
    let stranger = app.signed_in(&other.user("viewer")).await;
    let theirs = stranger.get(PATH).await.json();
    assert_eq!(theirs["total"]["failures"], 0);
    let path = format!("{PATH}?asset_id={}", plant.asset);
    stranger.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn a_machine_that_tells_when_it_runs_is_counted_by_that() {
    let (app, plant, _) = TestApp::with_plants().await;
    let draft = MappingDraft {
        integration_id: plant.integration,
        external_tag: "P-1.RUN".to_owned(),
        asset_id: plant.asset,
        metric_name: "run_status".to_owned(),
        unit: "1".to_owned(),
        scaling_factor: 1.0,
        offset_value: 0.0,
        metadata_json: "{}".to_owned(),
        is_active: true,
    };
    let new = vec![NewMapping {
        draft,
        limits: None,
    }];
    let made = app
        .runtime
        .create_mappings(plant.tenant, new)
        .await
        .unwrap();
    let index = app.runtime.tenant(plant.tenant).unwrap();
    let signal_no = index.signals[&made[0].signal_id].signal.signal_no;
    // Sent when it changes: it ran for the first 1,000 of 2,400 hours, and for a quarter of one later.
    let row = |t: Timestamp, runs: f64| Row {
        signal_no,
        t,
        value: Some(Measured::Number(runs)),
        status: StatusCode::GOOD,
    };
    let rows = vec![
        row(ago(2_500), 1.0),
        row(ago(1_400), 0.0),
        row(ago(700), 1.0),
        row(ago(700).plus_ms(HOUR / 4), 0.0),
    ];
    app.runtime.historian().append(rows).await.unwrap();
    keep(&app, vec![report(&plant, "2", 1_400, 10)]).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let found = client.get(PATH).await.expect_status(200).json();
    let found = &found["total"];
    assert_eq!(found["basis"], "running");
    near(&found["operating_h"], 1_000.25, 0.01);
    near(&found["mtbf"]["hours"], 1_000.25, 0.01);
}

#[tokio::test]
async fn what_counts_as_a_failure_is_the_tenants_to_say() {
    let (app, plant, _) = TestApp::with_plants().await;
    let breakdown = WorkOrder {
        kind: WorkOrderKind::Order,
        order_type: Some("PM02".to_owned()),
        actual_start: Some(ago(50)),
        actual_end: Some(ago(40)),
        ..order(&plant, "900")
    };
    keep(&app, vec![breakdown]).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let failures = async || admin.get(PATH).await.json()["total"]["failures"].clone();
    assert_eq!(failures().await, 0);
    let path = format!("{PATH}/settings");
    let types = json!({ "failure_types": [" PM02 ", "pm02", "M2"] });
    let kept = admin.call(Method::PUT, &path, Some(types)).await;
    assert_eq!(
        kept.expect_status(200).json(),
        json!({ "failure_types": ["PM02", "M2"] })
    );
    assert_eq!(failures().await, 1);
    let none = json!({ "failure_types": [""] });
    admin
        .call(Method::PUT, &path, Some(none))
        .await
        .expect_status(422);
    let many: Vec<String> = (0..21).map(|n| format!("T{n}")).collect();
    admin
        .call(Method::PUT, &path, Some(json!({ "failure_types": many })))
        .await
        .expect_field("failure_types", "reliability.too_many_types");
    let viewer = app.signed_in(&plant.user("viewer")).await;
    viewer
        .call(Method::PUT, &path, Some(json!({ "failure_types": [] })))
        .await
        .expect_status(403);
    let long = format!("{PATH}?from={}", NOW.0 - 2_000 * DAY);
    viewer
        .get(&long)
        .await
        .expect_field("from", "reliability.period_too_long");
}

#[tokio::test]
async fn an_answer_about_years_stands_only_until_an_order_changes() {
    let (app, plant, _) = TestApp::with_plants().await;
    keep(&app, vec![report(&plant, "2", 1_400, 10)]).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let path = format!("{PATH}?from={}", NOW.0 - 1_500 * DAY);
    let failures = async || {
        let found = client.get(&path).await.expect_status(200).json();
        found["total"]["failures"].as_u64().unwrap_or_default()
    };
    let before = failures().await;
    assert_eq!(failures().await, before);
    keep(&app, vec![report(&plant, "3", 1_000, 10)]).await;
    assert_eq!(failures().await, before + 1);
}
