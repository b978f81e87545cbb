//! The plan of a work order: who does it, by when, with what, what was found; and what of it is ours
//! where another system owns the order.

use axum::http::Method;
use iq_domain::{
    SourceRecord, SourceWorkOrder, TechnicianId, WorkOrderKind, WorkOrderPriority, WorkOrderStatus,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::support::{Client, NOW, Plant, TestApp};

const DAY_MS: i64 = 86_400_000;

async fn created(client: &Client, plant: &Plant, body: Value) -> Value {
    let mut all = json!({ "kind": "order", "title": "Replace the seal", "priority": "high",
                          "asset_id": plant.asset });
    for (key, value) in body.as_object().unwrap() {
        all[key] = value.clone();
    }
    let reply = client.post("/api/work-orders", all).await;
    reply.expect_status(201).json()
}

async fn patch(client: &Client, order: &Value, body: Value) -> crate::support::Reply {
    let path = format!("/api/work-orders/{}", order["id"].as_str().unwrap());
    client.call(Method::PATCH, &path, Some(body)).await
}

#[tokio::test]
async fn a_work_order_carries_its_plan_and_every_change_of_it_is_written_down() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let order = created(
        &engineer,
        &plant,
        json!({
            "incident_id": plant.incident, "recommendation": "Replace the bearing",
            "failure_mode": "VIB", "failure_cause": "CP-BRG", "estimated_hours": 10.5,
            "parts": [{ "name": "Bearing 6309", "number": "4711", "quantity": 2.0 }],
        }),
    )
    .await;
    assert_eq!(
        order["due_at"],
        json!(NOW.plus_ms(7 * DAY_MS)),
        "high: within 7 days"
    );
    assert_eq!(order["recommendation"], "Replace the bearing");
    assert_eq!(
        (&order["failure_mode"], &order["failure_cause"]),
        (&json!("VIB"), &json!("CP-BRG"))
    );
    assert_eq!(order["parts"][0]["number"], "4711");
    assert_eq!(order["next"], json!(["open", "released", "cancelled"]));
    let planned = json!({
        "status": "released", "technician_id": plant.technician,
        "planned_start_at": NOW.plus_ms(DAY_MS), "planned_end_at": NOW.plus_ms(DAY_MS + 3_600_000),
    });
    let order = patch(&engineer, &order, planned)
        .await
        .expect_status(200)
        .json();
    assert_eq!(order["technician_code"], "T-1");
    assert_eq!(order["estimated_hours"], 10.5, "what is absent stays");
    // What another person left out is not taken away; null is.
    let order = patch(&engineer, &order, json!({ "technician_id": null })).await;
    let order = order.expect_status(200).json();
    assert_eq!(
        (&order["technician_id"], &order["status"]),
        (&Value::Null, &json!("released"))
    );
    // Nothing changed: nothing is written down.
    patch(&engineer, &order, json!({ "technician_id": null }))
        .await
        .expect_status(200);
    let path = format!("/api/work-orders/{}", order["id"].as_str().unwrap());
    let detail = engineer.get(&path).await.expect_status(200).json();
    let changes = detail["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(
        changes[0]["fields"],
        json!([{ "field": "technician_id", "before": "T-1", "after": null }])
    );
    let fields: Vec<_> = changes[1]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["field"])
        .collect();
    assert_eq!(
        fields,
        [
            "status",
            "planned_start_at",
            "planned_end_at",
            "technician_id"
        ]
    );
    assert_eq!(changes[1]["actor"], plant.user("engineer"));
}

#[tokio::test]
async fn what_can_not_be_planned_is_refused() {
    let (app, plant, other) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let order = created(&engineer, &plant, json!({})).await;
    for (body, field, code) in [
        (
            json!({ "failure_mode": "XYZ" }),
            "failure_mode",
            "work_orders.mode_unknown",
        ),
        // A cause of another family than that of the asset.
        (
            json!({ "failure_cause": "GT-HOT" }),
            "failure_cause",
            "work_orders.cause_unknown",
        ),
        (
            json!({ "estimated_hours": -1 }),
            "estimated_hours",
            "request.number_out_of_range",
        ),
        (
            json!({ "parts": [{ "name": "", "quantity": 1.0 }] }),
            "parts",
            "request.text_empty",
        ),
    ] {
        patch(&engineer, &order, body)
            .await
            .expect_field(field, code);
    }
    for foreign in [json!(other.technician), json!(TechnicianId::new())] {
        patch(&engineer, &order, json!({ "technician_id": foreign }))
            .await
            .expect_code(404, "request.not_found");
    }
    patch(&engineer, &order, json!({ "status": "completed" }))
        .await
        .expect_code(409, "work_orders.step_wrong");
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let off = json!({ "code": "T-1", "names": { "en": "Sara", "ar": "" }, "site_id": plant.site,
                      "is_active": false });
    let path = format!("/api/technicians/{}", plant.technician);
    planner.put(&path, off).await.expect_status(200);
    patch(
        &engineer,
        &order,
        json!({ "technician_id": plant.technician }),
    )
    .await
    .expect_code(409, "technicians.inactive");
    let viewer = app.signed_in(&plant.user("viewer")).await;
    patch(&viewer, &order, json!({ "estimated_hours": 1 }))
        .await
        .expect_status(403);
}

#[tokio::test]
async fn a_technician_with_work_is_switched_off_and_not_deleted() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    created(
        &planner,
        &plant,
        json!({ "technician_id": plant.technician }),
    )
    .await;
    let path = format!("/api/technicians/{}", plant.technician);
    planner
        .delete(&path)
        .await
        .expect_code(409, "technicians.in_use");
}

#[tokio::test]
async fn lists_find_work_by_person_by_time_and_what_is_overdue() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let at = |days: i64| json!(NOW.plus_ms(days * DAY_MS));
    let planned = json!({ "title": "planned", "planned_start_at": at(2), "planned_end_at": at(4),
                          "technician_id": plant.technician });
    created(&engineer, &plant, planned).await;
    created(
        &engineer,
        &plant,
        json!({ "title": "due", "due_at": at(3) }),
    )
    .await;
    let late = created(
        &engineer,
        &plant,
        json!({ "title": "late", "due_at": at(-1) }),
    )
    .await;
    assert_eq!(late["is_overdue"], true);
    let titles = async |query: String| -> Vec<String> {
        let found = engineer.get(&format!("/api/work-orders?{query}")).await;
        let found = found.expect_status(200).json();
        let items = found["items"].as_array().unwrap().clone();
        let mut all: Vec<String> = items
            .iter()
            .map(|o| o["title"].as_str().unwrap().to_owned())
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        titles(format!("technician_id={}", plant.technician)).await,
        ["planned"]
    );
    assert_eq!(titles("overdue=true".to_owned()).await, ["late"]);
    let window = |from: i64, to: i64| {
        format!(
            "planned_from={}&planned_to={}",
            NOW.0 + from * DAY_MS,
            NOW.0 + to * DAY_MS
        )
    };
    assert_eq!(titles(window(3, 4)).await, ["due", "planned"]);
    assert_eq!(titles(window(-2, 0)).await, ["late"]);
    assert_eq!(titles(window(5, 6)).await, [""; 0]);
    for wrong in [window(4, 3), "planned_from=1".to_owned(), window(0, 999)] {
        let reply = engineer.get(&format!("/api/work-orders?{wrong}")).await;
        reply.expect_field("planned_to", "request.window_empty");
    }
    let done = json!({ "status": "cancelled" });
    patch(&engineer, &late, done).await.expect_status(200);
    assert_eq!(
        titles("overdue=true".to_owned()).await,
        [""; 0],
        "what is over is not overdue"
    );
}

fn pulled(number: &str) -> SourceWorkOrder {
    SourceWorkOrder {
        kind: WorkOrderKind::Order,
        number: number.to_owned(),
        title: "Overhaul".to_owned(),
        order_type: Some("PM01".to_owned()),
        priority: Some(WorkOrderPriority::High),
        status: WorkOrderStatus::Released,
        source_status: "REL".to_owned(),
        equipment_number: None,
        functional_location: None,
        plant: None,
        work_center: None,
        related_number: None,
        reference: None,
        planned_start: Some(NOW),
        planned_end: Some(NOW.plus_ms(DAY_MS)),
        actual_start: None,
        actual_end: None,
        created_at: Some(NOW),
        changed_at: Some(NOW),
        version: None,
        payload: json!({}),
    }
}

#[tokio::test]
async fn an_order_of_another_system_is_planned_here_and_changed_there() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    app.desk
        .deliver(vec![SourceRecord::WorkOrder(pulled("4000123"))])
        .await;
    let end = Instant::now() + Duration::from_secs(30);
    let order = loop {
        let found = engineer.get("/api/work-orders?origin=source").await.json();
        if found["total"] == 1 {
            break found["items"][0].clone();
        }
        assert!(Instant::now() < end, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(order["next"], json!([]));
    for theirs in [
        json!({ "status": "in_progress" }),
        json!({ "title": "Else" }),
        json!({ "planned_end_at": null }),
    ] {
        patch(&engineer, &order, theirs)
            .await
            .expect_code(409, "work_orders.owned_by_source");
    }
    let ours =
        json!({ "technician_id": plant.technician, "actual_hours": 6.0, "failure_mode": "ELP" });
    patch(&engineer, &order, ours).await.expect_status(200);
    // Read again from its system, it keeps what is ours.
    let mut again = pulled("4000123");
    again.title = "Overhaul, part 2".to_owned();
    again.changed_at = Some(NOW.plus_ms(1_000));
    app.desk.deliver(vec![SourceRecord::WorkOrder(again)]).await;
    let path = format!("/api/work-orders/{}", order["id"].as_str().unwrap());
    loop {
        let now = engineer.get(&path).await.expect_status(200).json()["work_order"].clone();
        if now["title"] == "Overhaul, part 2" {
            assert_eq!(now["technician_code"], "T-1");
            assert_eq!(
                (&now["actual_hours"], &now["failure_mode"]),
                (&json!(6.0), &json!("ELP"))
            );
            break;
        }
        assert!(Instant::now() < end, "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
