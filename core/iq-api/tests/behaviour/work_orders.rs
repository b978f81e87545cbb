//! Work orders over HTTP: written, shown as they would be sent, approved by another person, sent.

use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use axum::http::Method;
use calamine::{Data, Reader, Xlsx};
use iq_domain::{ObjectKind, SourceObject, SourceRecord, WorkOrderId};
use serde_json::{Value, json};

use crate::support::{Client, Mood, NOW, Plant, Reply, TestApp};

async fn created(client: &Client, plant: &Plant, title: &str) -> Value {
    let body = json!({ "kind": "notification", "title": title, "priority": "high",
                       "asset_id": plant.asset });
    let reply = client.post("/api/work-orders", body).await;
    reply.expect_status(201).json()
}

fn target(plant: &Plant) -> Value {
    json!({ "integration_id": plant.integration, "kind": "notification" })
}

async fn patch(client: &Client, path: &str, body: Value) -> Reply {
    client.call(Method::PATCH, path, Some(body)).await
}

/// Lets time pass until the entry stands so.
async fn until(app: &TestApp, client: &Client, entry: &str, state: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        app.clock.advance_ms(5_000);
        app.runtime.wake_outbox();
        let path = format!("/api/work-orders/outbox/{entry}");
        let now = client.get(&path).await.expect_status(200).json();
        if now["state"] == state {
            return now;
        }
        assert!(Instant::now() < end, "waited for {state}: {now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_work_order_of_an_alert_takes_asset_incident_and_time_from_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let body = json!({ "kind": "notification", "title": " Vibration \u{0641}", "priority": "very_high",
                       "alert_id": plant.alert, "is_down": true });
    let order = engineer.post("/api/work-orders", body).await;
    let order = order.expect_status(201).json();
    assert_eq!(order["origin"], "alert");
    assert_eq!(order["asset_code"], "P-1");
    assert_eq!(order["incident_id"], json!(plant.incident));
    assert_eq!(order["status"], "draft");
    assert_eq!(order["title"], "Vibration \u{0641}");
    assert!(order["malfunction_at"].is_i64());
    let reference = order["reference"].as_str().unwrap();
    assert!(reference.starts_with("OIQ-") && reference.len() == 12);
    let found = engineer
        .get(&format!("/api/work-orders?q={}", reference.to_lowercase()))
        .await
        .json();
    assert_eq!(found["total"], 1);
    for query in [
        format!("alert_id={}", plant.alert),
        format!("asset_id={}&status=draft&kind=notification", plant.asset),
        "origin=alert&match=settled".to_owned(),
    ] {
        let found = engineer.get(&format!("/api/work-orders?{query}")).await;
        let found = found.json();
        let ids: Vec<_> = found["items"].as_array().unwrap().iter().collect();
        assert!(ids.iter().any(|o| o["id"] == order["id"]), "{query}");
    }
    let id = order["id"].as_str().unwrap();
    let detail = engineer.get(&format!("/api/work-orders/{id}")).await.json();
    assert_eq!(detail["incident_number"], "INC-2026-0001");
    assert_eq!(detail["pushes"], json!([]));
    let events = engineer
        .get("/api/blackbox/events?category=MAINTENANCE")
        .await
        .json();
    let said = events["items"][0]["message"].as_str().unwrap();
    assert!(said.contains(reference), "{said}");
}

#[tokio::test]
async fn a_file_of_work_orders_holds_all_the_list_finds_and_nothing_else() {
    let (app, plant, other) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    // More than a page of the list.
    for number in 0..60 {
        created(&engineer, &plant, &format!("Flush {number}")).await;
    }
    created(&engineer, &plant, "=Overhaul").await;
    let first = engineer.get("/api/work-orders?q=Flush").await.json();
    let path = first["items"][0]["id"].as_str().unwrap();
    let body = json!({ "estimated_hours": 2.5, "parts": [{ "name": "Seal", "number": "S-1", "quantity": 2.0 }] });
    let changed = patch(&engineer, &format!("/api/work-orders/{path}"), body).await;
    changed.expect_status(200);

    let viewer = app.signed_in(&plant.user("viewer")).await;
    let file = |query: &str| format!("/api/work-orders/export?{query}");
    let reply = viewer.get(&file("q=Flush&format=csv")).await;
    let text = String::from_utf8(reply.expect_status(200).bytes.to_vec()).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let found: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(found.len(), 60);
    assert_eq!(found[0].get(20), Some("2.5"));
    assert_eq!(found[0].get(24), Some("2 × Seal (S-1)"));
    let formula = viewer.get(&file("q=Overhaul")).await.expect_status(200);
    assert!(formula.text().contains(",'=Overhaul,"), "no formula");

    let reply = viewer.get(&file("q=Flush&format=xlsx")).await;
    let bytes = reply.expect_status(200).bytes.to_vec();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.height(), 61);
    assert_eq!(sheet.get_value((1, 20)), Some(&Data::Float(2.5)));

    let all = viewer.get(&file("format=json")).await.expect_status(200);
    let all = all.json();
    let list = viewer.get("/api/work-orders").await.json();
    assert_eq!(all["rows"], list["total"]);
    assert_eq!(json!(all["items"].as_array().unwrap().len()), list["total"]);
    let stranger = app.signed_in(&other.user("viewer")).await;
    let theirs = stranger.get(&file("q=Flush&format=json")).await;
    assert_eq!(theirs.expect_status(200).json()["rows"], json!(0));
    let admin = app.signed_in(&plant.user("admin")).await;
    let audit = admin.get("/api/audit?q=work_orders.export").await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 4, "{audit}");
}

/// Which visit the page of the order says it is.
async fn visit_of(client: &Client, order: &Value) -> Value {
    let path = format!("/api/work-orders/{}", order["id"].as_str().unwrap());
    let detail = client.get(&path).await.expect_status(200).json();
    detail["work_order"]["visit"].clone()
}

#[tokio::test]
async fn a_visit_says_which_of_how_many_it_is_and_whose_job_it_goes_on_with() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let first = created(&engineer, &plant, "Overhaul").await;
    let late = created(&engineer, &plant, "Overhaul").await;
    let early = created(&engineer, &plant, "Overhaul").await;
    let alone = created(&engineer, &plant, "Check").await;
    let id_of = |order: &Value| -> WorkOrderId { order["id"].as_str().unwrap().parse().unwrap() };
    let (tenant, job) = (plant.tenant, id_of(&first));
    let times = [(job, 0), (id_of(&late), 2_000), (id_of(&early), 1_000)];
    let tie = move |tx: &iq_store::Transaction<'_>| {
        times.into_iter().try_for_each(|(id, after)| {
            let mut row = iq_store::work_orders::get_work_order(tx, tenant, id)?.unwrap();
            row.planned_start = Some(NOW.plus_ms(after));
            row.visit_of = (id != job).then_some(job);
            iq_store::work_orders::update_work_order(tx, tenant, &row)
        })
    };
    app.runtime.store().write(tie).await.unwrap();
    for (order, place) in [(&first, 1), (&early, 2), (&late, 3)] {
        let said = json!({ "of_id": first["id"], "of_called": first["reference"],
                           "place": place, "count": 3 });
        assert_eq!(visit_of(&engineer, order).await, said);
    }
    assert_eq!(visit_of(&engineer, &alone).await, Value::Null);
    // The list says the same, also of a visit whose job has no other one on the page.
    let page = engineer.get("/api/work-orders?q=Overhaul").await;
    let page = page.expect_status(200).json();
    let all = page["items"].as_array().unwrap();
    let place = |order: &Value| order["visit"]["place"].as_u64().unwrap();
    let mut places: Vec<u64> = all.iter().map(place).collect();
    places.sort_unstable();
    assert_eq!(places, [1, 2, 3], "{page}");
    let late = late["reference"].as_str().unwrap();
    let one = engineer.get(&format!("/api/work-orders?q={late}")).await;
    let one = one.expect_status(200).json();
    assert_eq!(one["items"][0]["visit"]["place"], 3, "{one}");
}

/// Approves what is shown at this moment.
async fn approve(client: &Client, entry: &str) -> Reply {
    let path = format!("/api/work-orders/outbox/{entry}");
    let shown = client.get(&path).await.expect_status(200).json();
    let seen = json!({ "changed_at": shown["changed_at"] });
    client.post(&format!("{path}/approve"), seen).await
}

#[tokio::test]
async fn what_another_person_approved_is_sent_as_it_was_shown() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let order = created(&engineer, &plant, "Check").await;
    let id = order["id"].as_str().unwrap();
    let push = format!("/api/work-orders/{id}/push");
    let shown = engineer
        .post(&format!("{push}?dry_run=true"), target(&plant))
        .await
        .expect_status(200)
        .json();
    let preview = &shown["preview"];
    assert_eq!(shown["entry"], Value::Null);
    assert_eq!(preview["needs_second_person"], true);
    assert_eq!(preview["request"]["payload"]["Text"], "Check");
    assert!(!preview["differences"].as_array().unwrap().is_empty());
    let entry = engineer
        .post(&push, target(&plant))
        .await
        .expect_status(200)
        .json()["entry"]
        .clone();
    assert_eq!(entry["state"], "awaiting_approval");
    assert_eq!(entry["request"], preview["request"]);
    assert_eq!(entry["awaits_another_person"], true);
    let entry = entry["id"].as_str().unwrap();
    engineer
        .post(&push, target(&plant))
        .await
        .expect_code(409, "work_orders.push_under_way");
    approve(&engineer, entry)
        .await
        .expect_code(403, "request.forbidden");
    assert!(app.desk.ledger().holds().is_empty());
    approve(&planner, entry).await.expect_status(200);
    let sent = until(&app, &planner, entry, "sent").await;
    assert_eq!(sent["number"], "10000000");
    assert_eq!(
        app.desk.ledger().holds(),
        [order["reference"].as_str().unwrap()]
    );
    let detail = planner.get(&format!("/api/work-orders/{id}")).await.json();
    assert_eq!(detail["work_order"]["number"], "10000000");
    assert_eq!(detail["work_order"]["source_system"], "desk");
    assert_eq!(detail["work_order"]["push_state"], "sent");
}

#[tokio::test]
async fn nobody_approves_their_own_unless_the_tenant_says_so() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let order = created(&planner, &plant, "Check").await;
    let push = format!("/api/work-orders/{}/push", order["id"].as_str().unwrap());
    let entry = planner.post(&push, target(&plant)).await.json()["entry"].clone();
    let entry = entry["id"].as_str().unwrap();
    approve(&planner, entry)
        .await
        .expect_code(409, "work_orders.second_person_needed");
    let alone = json!({ "push_needs_second_person": false });
    planner
        .put("/api/work-orders/settings", alone.clone())
        .await
        .expect_code(403, "request.forbidden");
    let admin = app.signed_in(&plant.user("admin")).await;
    admin
        .put("/api/work-orders/settings", alone.clone())
        .await
        .expect_status(200);
    let kept = planner.get("/api/work-orders/settings").await.json();
    assert_eq!(kept, alone);
    approve(&planner, entry).await.expect_status(200);
}

#[tokio::test]
async fn what_was_refused_says_why_and_is_corrected() {
    let (app, plant, _) = TestApp::with_plants().await;
    app.desk.ledger().set(Mood::Refuses);
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let order = created(&engineer, &plant, "Too long").await;
    let push = format!("/api/work-orders/{}/push", order["id"].as_str().unwrap());
    let entry = engineer.post(&push, target(&plant)).await.json()["entry"].clone();
    let entry = entry["id"].as_str().unwrap().to_owned();
    let path = format!("/api/work-orders/outbox/{entry}");
    approve(&planner, &entry).await.expect_status(200);
    let dead = until(&app, &planner, &entry, "dead_letter").await;
    assert_eq!(dead["error"]["code"], "work_orders.number_wrong");
    let said = dead["error"]["message"].as_str().unwrap();
    assert!(said.contains('8'), "{said}");
    app.desk.ledger().set(Mood::Fine);
    let wrong = json!({ "title": "", "priority": "low" });
    planner
        .put(&path, wrong)
        .await
        .expect_code(422, "request.fields_wrong");
    let better = json!({ "title": "Short", "priority": "low", "equipment_number": "4711" });
    let edited = planner.put(&path, better).await.expect_status(200).json();
    assert_eq!(edited["state"], "draft");
    assert_eq!(edited["request"]["payload"]["Equipment"], "4711");
    planner
        .post(&format!("{path}/retry"), json!({}))
        .await
        .expect_status(200);
    // Who corrected it can't approve it; an admin is another person.
    approve(&planner, &entry)
        .await
        .expect_code(409, "work_orders.second_person_needed");
    let admin = app.signed_in(&plant.user("admin")).await;
    approve(&admin, &entry).await.expect_status(200);
    until(&app, &planner, &entry, "sent").await;
    assert_eq!(app.desk.ledger().holds().len(), 1);
}

#[tokio::test]
async fn what_nobody_knows_the_end_of_is_settled_by_a_person() {
    let (app, plant, _) = TestApp::with_plants().await;
    app.desk.ledger().set(Mood::Silent);
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let order = created(&engineer, &plant, "Lost").await;
    let push = format!("/api/work-orders/{}/push", order["id"].as_str().unwrap());
    let entry = engineer.post(&push, target(&plant)).await.json()["entry"].clone();
    let entry = entry["id"].as_str().unwrap().to_owned();
    let path = format!("/api/work-orders/outbox/{entry}");
    approve(&planner, &entry).await.expect_status(200);
    let unknown = until(&app, &planner, &entry, "unknown").await;
    assert_eq!(unknown["sends"], 1);
    assert_eq!(unknown["may_exist"], true);
    let there = json!({ "number": " 00010000000 " });
    let sent = planner.post(&format!("{path}/resolve"), there).await;
    let sent = sent.expect_status(200).json();
    assert_eq!(
        (&sent["state"], &sent["number"]),
        (&json!("sent"), &json!("00010000000"))
    );
    assert_eq!(app.desk.ledger().holds().len(), 1, "not sent again");
}

#[tokio::test]
async fn objects_of_another_tenant_named_in_a_body_look_as_if_they_never_existed() {
    let (app, own, other) = TestApp::with_plants().await;
    let owner = app.signed_in(&own.user("owner")).await;
    for (field, id) in [
        ("asset_id", other.asset.to_string()),
        ("alert_id", other.alert.to_string()),
        ("incident_id", other.incident.to_string()),
    ] {
        let mut body = json!({ "kind": "order", "title": "x", "priority": "low" });
        body[field] = json!(id);
        owner
            .post("/api/work-orders", body)
            .await
            .expect_code(404, "request.not_found");
    }
    let push = format!("/api/work-orders/{}/push", own.work_order);
    for path in [push.clone(), format!("{push}?dry_run=true")] {
        owner
            .post(&path, target(&other))
            .await
            .expect_code(404, "request.not_found");
    }
    let asset = json!({ "asset_id": other.asset });
    owner
        .put(
            &format!("/api/work-orders/objects/{}/asset", own.object),
            asset,
        )
        .await
        .expect_code(404, "request.not_found");
}

#[tokio::test]
async fn the_coverage_says_what_is_tied_and_a_person_ties_the_rest() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let coverage = planner.get("/api/work-orders/coverage").await.json();
    let mine = &coverage[0];
    assert_eq!(mine["integration_name"], "desk");
    assert_eq!(mine["takes_work_orders"], true);
    assert_eq!(mine["mode"], "by_equipment_number");
    assert_eq!(mine["assets_without_object_total"], 1);
    assert_eq!(mine["assets_without_object"][0]["code"], "P-1");
    let path = format!("/api/work-orders/objects/{}/asset", plant.object);
    let tied = planner
        .put(&path, json!({ "asset_id": plant.asset }))
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&tied["match_state"], &tied["asset_code"]),
        (&json!("settled"), &json!("P-1"))
    );
    let coverage = planner.get("/api/work-orders/coverage").await.json();
    assert_eq!(coverage[0]["objects"]["settled"], 1);
    assert_eq!(coverage[0]["assets_without_object_total"], 0);
    let both = json!({ "asset_id": plant.asset, "is_automatic": true });
    planner
        .put(&path, both)
        .await
        .expect_code(422, "request.fields_wrong");
    let nothing = planner.put(&path, json!({ "asset_id": null })).await.json();
    assert_eq!(
        (&nothing["match_state"], &nothing["asset_id"]),
        (&json!("settled"), &Value::Null)
    );
    let object = SourceObject {
        kind: ObjectKind::FunctionalLocation,
        number: "RAS".to_owned(),
        name: "Ras Tanura".to_owned(),
        location: None,
        parent: None,
        plant: None,
        is_active: true,
        changed_at: None,
        payload: json!({}),
    };
    app.desk
        .deliver(vec![SourceRecord::TechnicalObject(object)])
        .await;
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let found = planner
            .get("/api/work-orders/objects?kind=functional_location&match=unmatched&q=ras")
            .await
            .json();
        if found["total"] == 1 {
            break;
        }
        assert!(Instant::now() < end, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_work_order_that_is_only_here_is_changed_here() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let order = created(&engineer, &plant, "Check").await;
    let path = format!("/api/work-orders/{}", order["id"].as_str().unwrap());
    patch(&engineer, &path, json!({ "status": "in_progress" }))
        .await
        .expect_code(409, "work_orders.step_wrong");
    patch(&engineer, &path, json!({ "status": "released" }))
        .await
        .expect_status(200);
    let body = json!({ "status": "in_progress", "description": "started" });
    let changed = patch(&engineer, &path, body)
        .await
        .expect_status(200)
        .json();
    assert_eq!(changed["status"], "in_progress");
    assert!(changed["actual_start_at"].is_i64());
    patch(&engineer, &path, json!({ "status": "nearly" }))
        .await
        .expect_status(422);
    // The one of the fixture waits in the outbox: what was shown there must not change behind it.
    let waiting = format!("/api/work-orders/{}", plant.work_order);
    patch(&engineer, &waiting, json!({ "title": "Else" }))
        .await
        .expect_code(409, "work_orders.push_under_way");
    let late = json!({ "kind": "order", "title": "x", "priority": "low",
                       "planned_start_at": 1_790_000_000_000_i64,
                       "planned_end_at": 1_780_000_000_000_i64 });
    let refused = engineer.post("/api/work-orders", late).await;
    let refused = refused.expect_code(422, "request.fields_wrong").json();
    assert_eq!(
        refused["fields"][0]["code"],
        "work_orders.ends_before_start"
    );
}

#[tokio::test]
async fn a_date_no_calendar_can_show_is_refused_by_field() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let order = created(&engineer, &plant, "Check").await;
    let path = format!("/api/work-orders/{}", order["id"].as_str().unwrap());
    let fields = [
        "due_at",
        "planned_start_at",
        "planned_end_at",
        "malfunction_at",
    ];
    for at in [1_000_000_000_000_000_000_i64, -1] {
        for field in fields {
            let mut body = json!({ "kind": "order", "title": "x", "priority": "low" });
            body[field] = json!(at);
            let refused = engineer.post("/api/work-orders", body).await;
            refused.expect_field(field, "request.date_out_of_range");
        }
        for field in &fields[..3] {
            let refused = patch(&engineer, &path, json!({ *field: at })).await;
            refused.expect_field(field, "request.date_out_of_range");
        }
    }
    let shown = engineer.get(&path).await.expect_status(200).json();
    let same = &shown["work_order"];
    assert_eq!(
        (&same["due_at"], &same["planned_start_at"]),
        (&order["due_at"], &order["planned_start_at"])
    );
}

#[tokio::test]
async fn a_yes_counts_for_what_was_seen() {
    let (app, plant, _) = TestApp::with_plants().await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let order = created(&engineer, &plant, "Check the seal").await;
    let push = format!("/api/work-orders/{}/push", order["id"].as_str().unwrap());
    let seen = engineer.post(&push, target(&plant)).await.json()["entry"].clone();
    let path = format!("/api/work-orders/outbox/{}", seen["id"].as_str().unwrap());
    let other = json!({ "title": "Replace the pump", "priority": "very_high" });
    admin.put(&path, other).await.expect_status(200);
    let approve = format!("{path}/approve");
    planner.post(&approve, json!({})).await.expect_status(422);
    planner
        .post(&approve, json!({ "changed_at": seen["changed_at"] }))
        .await
        .expect_code(409, "work_orders.push_changed");
    assert!(app.desk.ledger().holds().is_empty());
    let now = planner.get(&path).await.json();
    assert_eq!(now["state"], "awaiting_approval");
    planner
        .post(&approve, json!({ "changed_at": now["changed_at"] }))
        .await
        .expect_status(200);
}
