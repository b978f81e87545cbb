//! Planned outages and spare parts over HTTP: kept, found, refused by field, imported, and by whom.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp};

const HOUR: i64 = 3_600_000;

fn outage(plant: &Plant) -> Value {
    json!({
        "title": "Spring shutdown", "site_id": plant.site, "asset_id": plant.asset,
        "from": NOW.plus_ms(30 * HOUR), "to": NOW.plus_ms(60 * HOUR), "note": "with the boiler",
    })
}

fn part(plant: &Plant) -> Value {
    json!({
        "code": "SEAL-45", "title": "Mechanical seal", "site_id": plant.site, "on_hand": 0,
        "expected_quantity": 2, "expected_at": NOW.plus_ms(HOUR), "lead_time_days": 30,
    })
}

#[tokio::test]
async fn an_outage_is_kept_found_changed_and_deleted() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let made = planner.post("/api/outages", outage(&plant)).await;
    let made = made.expect_status(201).json();
    assert_eq!(
        (&made["site_code"], &made["asset_code"], &made["unit_code"]),
        (&json!("S1"), &json!("P-1"), &Value::Null)
    );
    assert_eq!(made["time_zone"], "Asia/Riyadh");
    let reader = app.signed_in(&plant.user("viewer")).await;
    // The plant has one that begins now.
    for (query, total) in [
        (String::new(), 2),
        (format!("from={}", NOW.plus_ms(25 * HOUR).0), 1),
        (format!("to={}", NOW.plus_ms(HOUR).0), 1),
        (format!("site_id={}&q=SPRING", plant.site), 1),
        ("q=nothing".to_owned(), 0),
    ] {
        let found = reader.get(&format!("/api/outages?{query}")).await;
        assert_eq!(found.expect_status(200).json()["total"], total, "{query}");
    }
    let path = format!("/api/outages/{}", made["id"].as_str().unwrap());
    let mut changed = outage(&plant);
    changed["title"] = json!("Moved");
    let changed = planner.put(&path, changed).await.expect_status(200).json();
    assert_eq!(changed["title"], "Moved");
    planner.delete(&path).await.expect_status(204);
    planner.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn who_reads_does_not_write() {
    let (app, plant, _) = TestApp::with_plants().await;
    for start in ["viewer", "engineer"] {
        let reader = app.signed_in(&plant.user(start)).await;
        for (path, body) in [
            ("/api/outages", outage(&plant)),
            ("/api/spare-parts", part(&plant)),
        ] {
            reader.get(path).await.expect_status(200);
            reader.post(path, body).await.expect_status(403);
        }
    }
}

#[tokio::test]
async fn an_outage_that_can_not_be_is_refused_by_field() {
    let (app, plant, other) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    for (field, value, code) in [
        ("title", json!(" "), "request.text_empty"),
        ("to", json!(NOW.plus_ms(30 * HOUR)), "outages.time_wrong"),
        (
            "to",
            json!(NOW.plus_ms(24 * HOUR * 800)),
            "outages.time_wrong",
        ),
        (
            "from",
            json!(100_000_000_000_000_000_i64),
            "request.date_out_of_range",
        ),
        ("unit_id", json!(plant.unit), "outages.two_places"),
    ] {
        let mut body = outage(&plant);
        body[field] = value;
        let reply = planner.post("/api/outages", body).await;
        reply.expect_field(field, code);
    }
    for (field, value) in [
        ("site_id", json!(other.site)),
        ("unit_id", json!(other.unit)),
        ("asset_id", json!(other.asset)),
    ] {
        let mut body = outage(&plant);
        body[field] = value;
        planner.post("/api/outages", body).await.expect_status(404);
    }
}

#[tokio::test]
async fn a_part_is_kept_and_says_when_it_is_overdue() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let made = planner.post("/api/spare-parts", part(&plant)).await;
    let made = made.expect_status(201).json();
    assert_eq!(
        (&made["expected_quantity"], &made["is_overdue"]),
        (&json!(2.0), &json!(false))
    );
    planner
        .post("/api/spare-parts", part(&plant))
        .await
        .expect_code(409, "spare_parts.code_taken");
    let path = format!("/api/spare-parts/{}", made["id"].as_str().unwrap());
    let mut late = part(&plant);
    late["expected_at"] = json!(NOW.plus_ms(-HOUR));
    let late = planner.put(&path, late).await.expect_status(200).json();
    assert_eq!(late["is_overdue"], true);
    for (query, total) in [("is_out=true", 1), ("is_out=false", 1), ("q=seal-45", 1)] {
        let found = planner.get(&format!("/api/spare-parts?{query}")).await;
        assert_eq!(found.expect_status(200).json()["total"], total, "{query}");
    }
    for (field, value, code) in [
        ("code", json!("a;b"), "request.code_wrong"),
        ("title", json!(""), "request.text_empty"),
        ("on_hand", json!(-1), "request.number_out_of_range"),
        (
            "lead_time_days",
            json!(9_999),
            "request.number_out_of_range",
        ),
        ("expected_quantity", json!(0), "request.number_out_of_range"),
    ] {
        let mut body = part(&plant);
        body[field] = value;
        let reply = planner.put(&path, body).await;
        reply.expect_field(field, code);
    }
    let mut half = part(&plant);
    half["expected_quantity"] = Value::Null;
    let reply = planner.put(&path, half).await;
    reply.expect_field("expected_at", "spare_parts.arrival_half");
    planner.delete(&path).await.expect_status(204);
    planner.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn a_file_of_parts_is_tried_first_and_written_whole_or_not_at_all() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let send =
        |path: &'static str, csv: &'static str| planner.send(Method::POST, path, "text/csv", csv);
    let good = "code,title,on_hand\nM-1,Seal,7\nM-2,Bearing,1\n";
    let tried = send("/api/spare-parts/import?dry_run=true", good).await;
    let tried = tried.expect_status(200).json();
    assert_eq!(
        (&tried["created"], &tried["updated"]),
        (&json!(1), &json!(1))
    );
    let total = || async {
        let all = planner.get("/api/spare-parts").await.json();
        all["total"].as_u64().unwrap()
    };
    assert_eq!(total().await, 1);
    let wrong = "code,title,on_hand\nM-1,Seal,7\nM-2,Bearing,some\n";
    let refused = send("/api/spare-parts/import", wrong).await;
    let refused = refused.expect_status(200).json();
    assert_eq!(
        refused["errors"][0]["code"],
        "spare_parts.number_unreadable"
    );
    assert_eq!((total().await, &refused["updated"]), (1, &json!(0)));
    send("/api/spare-parts/import", good)
        .await
        .expect_status(200);
    assert_eq!(total().await, 2);
}

#[tokio::test]
async fn a_file_of_outages_is_tried_first_and_written_whole_or_not_at_all() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let send =
        |path: &'static str, csv: &'static str| planner.send(Method::POST, path, "text/csv", csv);
    let good = "title,site,asset,from,to\nTurnaround,S1,P-1,2027-05-31 06:00,2027-06-02\n";
    let tried = send("/api/outages/import?dry_run=true", good).await;
    assert_eq!(tried.expect_status(200).json()["created"], 1);
    let shown = || async {
        let all = planner.get("/api/outages?q=Turnaround").await.json();
        all["items"].as_array().cloned().unwrap_or_default()
    };
    assert!(shown().await.is_empty());
    let wrong = "title,from,to\nTurnaround,2027-05-31,2027-06-02\nOther,soon,2027-06-02\n";
    let refused = send("/api/outages/import", wrong).await;
    let refused = refused.expect_status(200).json();
    assert_eq!(
        (&refused["errors"][0]["code"], &refused["created"]),
        (&json!("outages.moment_unreadable"), &json!(0))
    );
    assert!(shown().await.is_empty());
    send("/api/outages/import", good).await.expect_status(200);
    let made = shown().await;
    // 06:00 at the site, which is three hours ahead of UTC.
    let from: Vec<_> = made.iter().map(|outage| outage["from"].as_i64()).collect();
    assert_eq!(from, [Some(1_811_732_400_000)]);
    let again = send("/api/outages/import", good).await;
    assert_eq!(again.expect_status(200).json()["unchanged"], 1);
    let reader = app.signed_in(&plant.user("engineer")).await;
    let tried = reader.send(Method::POST, "/api/outages/import", "text/csv", good);
    tried.await.expect_status(403);
}

#[tokio::test]
async fn an_order_says_that_it_needs_an_outage() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let body = json!({
        "asset_id": plant.asset, "kind": "order", "title": "Overhaul", "priority": "low",
        "needs_outage": true,
    });
    let made = engineer.post("/api/work-orders", body).await;
    let made = made.expect_status(201).json();
    assert_eq!(made["needs_outage"], true);
    let path = format!("/api/work-orders/{}", made["id"].as_str().unwrap());
    let patch = |body| engineer.call(Method::PATCH, &path, Some(body));
    let kept = patch(json!({ "title": "Overhaul of the seal" })).await;
    assert_eq!(kept.expect_status(200).json()["needs_outage"], true);
    let freed = patch(json!({ "needs_outage": false })).await;
    assert_eq!(freed.expect_status(200).json()["needs_outage"], false);
    let shown = engineer.get(&path).await.json();
    let fields = &shown["changes"][0]["fields"];
    assert_eq!(fields[0]["field"], "needs_outage", "{shown}");
}
