//! Incidents that people merge, split and take back, and what they attach.

use axum::http::Method;
use iq_domain::{
    AssetId, EventCategory, EventId, EventRelation, Incident, IncidentId, IncidentStatus,
    IncidentType, IndustrialEvent, Severity, Timestamp,
};
use iq_store::{assets, events, incident_changes, incidents};
use serde_json::{Value, json};

use crate::support::{Client, NOW, Plant, TestApp};

const PATH: &str = "/api/blackbox/incidents";

fn event(plant: &Plant, n: i64) -> IndustrialEvent {
    let at = Timestamp(NOW.0 + n * 60_000);
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: plant.tenant,
        asset_id: Some(plant.asset),
        source_system: "test".to_owned(),
        source_type: "test".to_owned(),
        source_id: format!("care-{n}"),
        event_time: at,
        ingest_time: at,
        recorded_at: at,
        time_offset_ms: 0,
        time_uncertainty_ms: 0,
        severity: Severity::Warning,
        event_category: EventCategory::Alert,
        summary: "event.test".to_owned(),
        payload: json!({}),
    }
}

/// An incident with events at these minutes; the first opened it.
async fn incident(
    app: &TestApp,
    plant: &Plant,
    number: &str,
    minutes: &[i64],
) -> (IncidentId, Vec<EventId>) {
    let id = IncidentId::new();
    let rows: Vec<IndustrialEvent> = minutes.iter().map(|n| event(plant, *n)).collect();
    let ids = rows.iter().map(|e| e.id).collect();
    let row = Incident {
        id,
        tenant_id: plant.tenant,
        number: number.to_owned(),
        asset_id: plant.asset,
        incident_type: IncidentType::CriticalAlert,
        severity: Severity::Warning,
        title_code: "incident.critical_alert".to_owned(),
        title_params: json!({ "asset": "P-1" }),
        status: IncidentStatus::Open,
        assignee: None,
        started_at: rows[0].event_time,
        ended_at: rows.last().map(|e| e.event_time),
        created_at: NOW,
    };
    let tenant = plant.tenant;
    app.runtime
        .store()
        .write(move |tx| {
            // Numbers of the year below this one are taken by hand.
            drop(incidents::next_incident_number(tx, tenant, 2026)?);
            incidents::create_incident(tx, tenant, &row)?;
            for (n, event) in rows.iter().enumerate() {
                events::insert_ignore_duplicate(tx, tenant, event)?;
                let relation = if n == 0 {
                    EventRelation::Trigger
                } else {
                    EventRelation::SameAsset
                };
                incidents::create_incident_event(tx, tenant, id, event.id, relation)?;
            }
            Ok::<_, iq_store::StoreError>(())
        })
        .await
        .unwrap();
    (id, ids)
}

/// Another pump of the same unit.
async fn second_pump(app: &TestApp, plant: &Plant) -> AssetId {
    let (tenant, like, id) = (plant.tenant, plant.asset, AssetId::new());
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = assets::get_asset(tx, tenant, like)?.unwrap();
            (row.id, row.code) = (id, "P-2".to_owned());
            assets::create_asset(tx, tenant, &row)
        })
        .await
        .unwrap();
    app.runtime.plant_changed(tenant).await.unwrap();
    id
}

async fn numbers(client: &Client) -> Vec<String> {
    let list = client.get(&format!("{PATH}?limit=100")).await.json();
    let mut all: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| format!("{} {}", i["number"].as_str().unwrap(), i["event_count"]))
        .filter(|n| n.starts_with('X'))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_merge_shows_the_survivor_and_can_be_taken_back() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (a, _) = incident(&app, &plant, "X-1", &[0, 1]).await;
    let (b, _) = incident(&app, &plant, "X-2", &[5, 6, 7]).await;
    client
        .post(
            &format!("{PATH}/{b}/notes"),
            json!({ "text": "Of the second" }),
        )
        .await
        .expect_status(201);
    let before = numbers(&client).await;
    let asked = json!({ "incident_id": b, "reason": "One upset" });
    let change = client
        .post(&format!("{PATH}/{a}/merge"), asked.clone())
        .await
        .expect_status(201)
        .json();
    assert_eq!(numbers(&client).await, ["X-1 5"], "{before:?}");
    let detail = client.get(&format!("{PATH}/{a}")).await.json();
    assert_eq!(detail["incident"]["ended_at"], NOW.0 + 7 * 60_000);
    assert_eq!(detail["notes"][0]["text"], "Of the second");
    let old = client
        .get(&format!("{PATH}/{b}"))
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        old["merged_into"]["number"], "X-1",
        "an old address leads on"
    );
    client
        .post(&format!("{PATH}/{a}/merge"), asked)
        .await
        .expect_code(409, "incidents.merged_already");
    let itself = json!({ "incident_id": a, "reason": "?" });
    client
        .post(&format!("{PATH}/{a}/merge"), itself)
        .await
        .expect_code(422, "incidents.merge_itself");

    let undo = json!({ "change_id": change["id"], "reason": "Two after all" });
    let path = format!("{PATH}/{a}/changes/undo");
    client.post(&path, undo.clone()).await.expect_status(201);
    assert_eq!(numbers(&client).await, before);
    client
        .post(&path, undo)
        .await
        .expect_code(422, "incidents.undo_unknown");
    let changes = client.get(&format!("{PATH}/{a}/changes")).await.json();
    let told: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (&c["kind"], &c["is_undone"], &c["reason"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("merge"), &json!(true), &json!("One upset")),
            (&json!("undo"), &json!(false), &json!("Two after all")),
        ]
    );
    // Merged once more, the same events are there once more.
    let again = json!({ "incident_id": b, "reason": "One upset" });
    client
        .post(&format!("{PATH}/{a}/merge"), again)
        .await
        .expect_status(201);
    assert_eq!(numbers(&client).await, ["X-1 5"]);

    let viewer = app.signed_in(&plant.user("viewer")).await;
    viewer
        .get(&format!("{PATH}/{a}/changes"))
        .await
        .expect_status(200);
    let foreign = json!({ "incident_id": other.incident, "reason": "x" });
    client
        .post(&format!("{PATH}/{a}/merge"), foreign)
        .await
        .expect_status(404);
}

#[tokio::test]
async fn a_split_makes_an_incident_of_its_own_and_can_be_taken_back() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (a, ids) = incident(&app, &plant, "X-1", &[0, 1, 40, 41]).await;
    let split = |events: Vec<EventId>| json!({ "event_ids": events, "reason": "Another story" });
    let path = format!("{PATH}/{a}/split");
    client
        .post(&path, split(vec![ids[0]]))
        .await
        .expect_code(422, "incidents.split_trigger");
    client
        .post(&path, split(vec![EventId::new()]))
        .await
        .expect_code(422, "incidents.split_foreign");
    let change = client
        .post(&path, split(vec![ids[3], ids[2]]))
        .await
        .expect_status(201)
        .json();
    let part = change["other"]["id"].as_str().unwrap().to_owned();
    let detail = client.get(&format!("{PATH}/{part}")).await.json();
    assert_eq!(detail["incident"]["started_at"], NOW.0 + 40 * 60_000);
    assert_eq!(detail["incident"]["event_count"], 2);
    let whole = client.get(&format!("{PATH}/{a}")).await.json();
    assert_eq!(whole["incident"]["event_count"], 2);
    let undo = json!({ "change_id": change["id"], "reason": "It was one" });
    client
        .post(&format!("{PATH}/{a}/changes/undo"), undo)
        .await
        .expect_status(201);
    let whole = client.get(&format!("{PATH}/{a}")).await.json();
    assert_eq!(whole["incident"]["event_count"], 4);
    let part = client.get(&format!("{PATH}/{part}")).await.json();
    assert_eq!(part["merged_into"]["number"], "X-1");
    // It never stood for itself: its asset brings nothing more to the whole.
    let tenant = plant.tenant;
    let read = move |conn: &iq_store::Connection| incident_changes::list_merged(conn, tenant);
    let parts = app.runtime.store().read(read).await.unwrap();
    assert!(parts.iter().all(|part| part.is_folded), "{parts:?}");
    assert_eq!(parts.len(), 1);
}

#[tokio::test]
async fn only_the_side_of_a_split_that_holds_the_trip_is_a_trip() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (a, ids) = incident(&app, &plant, "X-1", &[0, 1, 40]).await;
    let trip = IndustrialEvent {
        source_type: "alert".to_owned(),
        severity: Severity::Critical,
        summary: "event.alert_activated.trip".to_owned(),
        ..event(&plant, 30)
    };
    let (tenant, tripped) = (plant.tenant, trip.id);
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = incidents::get_incident(tx, tenant, a)?.unwrap();
            row.incident_type = IncidentType::Trip;
            row.title_code = "incident.trip".to_owned();
            incidents::update_incident(tx, tenant, &row)?;
            events::insert_ignore_duplicate(tx, tenant, &trip)?;
            let relation = EventRelation::SameAsset;
            incidents::create_incident_event(tx, tenant, a, trip.id, relation).map(drop)
        })
        .await
        .unwrap();
    let (of_whole, path) = (a.to_string(), format!("{PATH}/{a}/split"));
    let kind_of = async |id: &str| {
        let detail = client.get(&format!("{PATH}/{id}")).await.json();
        detail["incident"]["incident_type"].clone()
    };
    let split = async |event: EventId| {
        let asked = json!({ "event_ids": [event], "reason": "Another story" });
        client.post(&path, asked).await.expect_status(201).json()
    };
    let quiet = split(ids[2]).await;
    let quiet = quiet["other"]["id"].as_str().unwrap();
    assert_eq!(kind_of(quiet).await, "critical_alert");
    assert_eq!(kind_of(&of_whole).await, "trip");
    let moved = split(tripped).await;
    let part = moved["other"]["id"].as_str().unwrap();
    assert_eq!(kind_of(part).await, "trip");
    assert_eq!(kind_of(&of_whole).await, "critical_alert");
    let undo = json!({ "change_id": moved["id"], "reason": "It was one" });
    client
        .post(&format!("{PATH}/{a}/changes/undo"), undo)
        .await
        .expect_status(201);
    assert_eq!(kind_of(&of_whole).await, "trip");
}

#[tokio::test]
async fn a_merge_that_brings_the_trip_of_its_asset_makes_a_trip_until_it_is_taken_back() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (a, _) = incident(&app, &plant, "X-1", &[0, 1]).await;
    let (b, _) = incident(&app, &plant, "X-2", &[5, 6]).await;
    let trip = IndustrialEvent {
        source_type: "alert".to_owned(),
        severity: Severity::Critical,
        summary: "event.alert_activated.trip".to_owned(),
        ..event(&plant, 7)
    };
    let tenant = plant.tenant;
    app.runtime
        .store()
        .write(move |tx| {
            events::insert_ignore_duplicate(tx, tenant, &trip)?;
            let relation = EventRelation::SameAsset;
            incidents::create_incident_event(tx, tenant, b, trip.id, relation).map(drop)
        })
        .await
        .unwrap();
    let shown = async || {
        let detail = client.get(&format!("{PATH}/{a}")).await.json();
        let of = &detail["incident"];
        (of["incident_type"].clone(), of["title"].clone())
    };
    let before = shown().await;
    assert_eq!(before.0, "critical_alert");
    let asked = json!({ "incident_id": b, "reason": "One upset" });
    let change = client
        .post(&format!("{PATH}/{a}/merge"), asked)
        .await
        .expect_status(201)
        .json();
    let merged = shown().await;
    assert_eq!(merged.0, "trip");
    assert_ne!(merged.1, before.1, "its title says so too");
    let undo = json!({ "change_id": change["id"], "reason": "Two after all" });
    client
        .post(&format!("{PATH}/{a}/changes/undo"), undo)
        .await
        .expect_status(201);
    assert_eq!(shown().await, before);
}

#[tokio::test]
async fn what_came_because_of_a_merge_leaves_with_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (a, _) = incident(&app, &plant, "X-1", &[0, 1]).await;
    let (b, _) = incident(&app, &plant, "X-2", &[5, 6]).await;
    let elsewhere = second_pump(&app, &plant).await;
    let tenant = plant.tenant;
    // A neighbour's warning that was there before anything was merged.
    let early = IndustrialEvent {
        asset_id: Some(elsewhere),
        ..event(&plant, 2)
    };
    let neighbour = early.id;
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = incidents::get_incident(tx, tenant, b)?.unwrap();
            row.asset_id = elsewhere;
            incidents::update_incident(tx, tenant, &row)?;
            events::insert_ignore_duplicate(tx, tenant, &early)?;
            let relation = EventRelation::Neighbour;
            incidents::create_incident_event(tx, tenant, a, early.id, relation)
        })
        .await
        .unwrap();
    let asked = json!({ "incident_id": b, "reason": "One upset" });
    let change = client
        .post(&format!("{PATH}/{a}/merge"), asked)
        .await
        .expect_status(201)
        .json();
    let late = IndustrialEvent {
        asset_id: Some(elsewhere),
        ..event(&plant, 9)
    };
    let id = late.id;
    app.runtime
        .store()
        .write(move |tx| {
            events::insert_ignore_duplicate(tx, tenant, &late)?;
            let relation = EventRelation::SameAsset;
            incidents::create_incident_event(tx, tenant, a, id, relation).map(drop)
        })
        .await
        .unwrap();
    let undo = json!({ "change_id": change["id"], "reason": "Two after all" });
    client
        .post(&format!("{PATH}/{a}/changes/undo"), undo)
        .await
        .expect_status(201);
    assert_eq!(numbers(&client).await, ["X-1 3", "X-2 3"]);
    let read = move |conn: &iq_store::Connection| incidents::list_incident_events(conn, tenant, a);
    let left = app.runtime.store().read(read).await.unwrap();
    assert!(
        left.iter().any(|(e, _)| e.id == neighbour),
        "it was there before"
    );
    assert!(left.iter().all(|(e, _)| e.id != id));
}

#[tokio::test]
async fn what_is_attached_comes_back_as_it_was_and_a_removal_is_a_record() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let path = format!("{PATH}/{}/attachments", plant.incident);
    let send = |name: &str, content: Vec<u8>| {
        let path = format!("{path}?name={name}");
        let client = &client;
        async move {
            client
                .send(Method::POST, &path, "application/octet-stream", content)
                .await
        }
    };
    let html = b"<html><script>alert(1)</script>".to_vec();
    send("photo.jpg", html)
        .await
        .expect_code(422, "attachments.type_unknown");
    let mut large = b"%PDF-1.7".to_vec();
    large.resize(10 * 1024 * 1024 + 1, 0);
    send("large.pdf", large).await.expect_status(413);
    let photo = b"\x89PNG\r\n\x1a\n and the rest".to_vec();
    for nameless in ["", "%20%0A", "folder%2F"] {
        send(nameless, photo.clone())
            .await
            .expect_code(422, "attachments.name_missing");
    }
    let made = send("..%2F..%2Fpump.png", photo.clone())
        .await
        .expect_status(201)
        .json();
    assert_eq!(
        (&made["name"], &made["media_type"]),
        (&json!("pump.png"), &json!("image/png"))
    );
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let got = viewer.get(&one).await;
    assert_eq!((got.status, &got.bytes[..]), (200, &photo[..]));
    assert_eq!(got.headers["x-content-type-options"], "nosniff");
    assert!(
        got.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment;")
    );

    let removal = json!({ "reason": "Wrong pump" });
    viewer
        .post(&format!("{one}/remove"), removal.clone())
        .await
        .expect_status(403);
    client
        .post(&format!("{one}/remove"), removal.clone())
        .await
        .expect_status(200);
    client
        .post(&format!("{one}/remove"), removal)
        .await
        .expect_code(409, "attachments.removed_already");
    viewer.get(&one).await.expect_status(404);
    client.get(&one).await.expect_status(200);
    let list = viewer.get(&path).await.json();
    let row = list
        .as_array()
        .unwrap()
        .iter()
        .find(|a: &&Value| a["id"] == made["id"])
        .unwrap();
    assert_eq!(row["removal"]["reason"], "Wrong pump");

    let statement = json!({ "said_by": "Operator of the night", "text": "It was loud." });
    let said = client
        .post(&format!("{PATH}/{}/statements", plant.incident), statement)
        .await;
    let said = said.expect_status(201).json();
    let text = viewer
        .get(&format!("{path}/{}", said["id"].as_str().unwrap()))
        .await
        .text();
    assert_eq!(text, "It was loud.");
}

#[tokio::test]
async fn of_two_people_at_one_incident_the_later_one_is_told() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (id, _) = incident(&app, &plant, "X-7", &[0, 1]).await;
    let path = format!("{PATH}/{id}");
    let patch = |change: Value| client.call(Method::PATCH, &path, Some(change));
    let seen = json!({ "status": "open", "assignee": null });
    let first = json!({ "status": "investigating", "base": seen });
    patch(first).await.expect_status(200);
    let late = json!({ "status": "closed", "base": seen });
    let told = patch(late)
        .await
        .expect_code(409, "incidents.changed_meanwhile")
        .json();
    assert_eq!(told["params"]["number"], "X-7");
    let now = client.get(&path).await.json()["incident"].clone();
    assert_eq!(now["status"], "investigating", "nothing of it was saved");
    // Who looks again goes on; who says nothing of it changes what there is.
    let seen = json!({ "status": now["status"], "assignee": now["assignee"] });
    let again = json!({ "status": "resolved", "base": seen });
    patch(again).await.expect_status(200);
    patch(json!({ "status": "closed" }))
        .await
        .expect_status(200);
}
