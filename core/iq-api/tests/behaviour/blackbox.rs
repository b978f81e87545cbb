//! The Black Box as lists and files: what is found, counted and exported is what the store holds.

use std::io::Cursor;

use calamine::{Reader, Xlsx};
use iq_connector::Batch;
use iq_domain::{EventCategory, EventId, IndustrialEvent, Severity};
use iq_store::{Connection, Page, events};
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp};

const SECOND: i64 = 1_000;
/// More than two pages of an export.
const MANY: i64 = 2_345;

fn event(plant: &Plant, i: i64) -> IndustrialEvent {
    let at = NOW.plus_ms(-i * SECOND);
    let is_started = i % 3 == 0;
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: plant.tenant,
        asset_id: is_started.then_some(plant.asset),
        source_system: "journal".into(),
        source_type: "line".into(),
        source_id: format!("J-{i}"),
        event_time: at,
        // Every second one arrives an hour late.
        ingest_time: at.plus_ms(if i % 2 == 0 { 0 } else { 3_600 * SECOND }),
        recorded_at: NOW,
        time_offset_ms: 0,
        time_uncertainty_ms: 500,
        severity: if i % 5 == 0 {
            Severity::Warning
        } else {
            Severity::Info
        },
        event_category: EventCategory::System,
        summary: if is_started {
            "event.asset_started"
        } else {
            "event.connector_up"
        }
        .into(),
        payload: json!({ "params": { "asset": "P-1", "integration": "=HYPERLINK()" } }),
    }
}

async fn fill(app: &TestApp, plant: &Plant) {
    let all: Vec<_> = (1..=MANY).map(|i| event(plant, i)).collect();
    let tenant = plant.tenant;
    app.runtime
        .store()
        .write(move |tx| {
            for event in &all {
                events::insert_ignore_duplicate(tx, tenant, event)?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn words_are_found_in_sentences_of_the_readers_language() {
    let (app, plant, _) = TestApp::with_plants().await;
    fill(&app, &plant).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let window = format!("from={}&to={}", NOW.0 - MANY * SECOND, NOW.0);
    let count = async |query: &str| {
        let path = format!("/api/blackbox/events?{window}&limit=1&{query}");
        client.get(&path).await.expect_status(200).json()["total"]
            .as_i64()
            .unwrap()
    };
    let started = MANY / 3;
    assert_eq!(count("lang=en&q=started%20J-").await, started);
    let arabic = iq_locale::pattern(iq_locale::Language::Ar, "sentence", "event.asset_started");
    let word = arabic
        .unwrap()
        .split_whitespace()
        .find(|w| !w.contains('{'))
        .unwrap();
    let encoded: String = word.bytes().map(|b| format!("%{b:02X}")).collect();
    assert_eq!(count(&format!("lang=ar&q={encoded}")).await, started);
    assert_eq!(count("q=J-2345").await, 1);
    assert_eq!(count("q=J-2345%20nothing-like-it").await, 0);
    // Half of them had not arrived yet.
    let known = format!("known_at={}&q=journal", NOW.0);
    assert_eq!(count(&known).await, MANY / 2);
}

#[tokio::test]
async fn slices_add_up_to_the_list_under_the_same_filter() {
    let (app, plant, _) = TestApp::with_plants().await;
    fill(&app, &plant).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    for filter in ["", "&severity=warning", "&q=J-1", "&category=MAINTENANCE"] {
        let window = format!("from={}&to={}{filter}", NOW.0 - 2_000 * SECOND, NOW.0);
        let list = client
            .get(&format!("/api/blackbox/events?{window}&limit=1"))
            .await
            .json();
        let bins = client
            .get(&format!("/api/blackbox/histogram?{window}&bins=7"))
            .await
            .json();
        let bins = bins.as_array().unwrap();
        let sum: u64 = bins.iter().map(|b| b["total"].as_u64().unwrap()).sum();
        assert_eq!((bins.len(), json!(sum)), (7, list["total"].clone()));
    }
}

#[tokio::test]
async fn an_export_has_as_many_rows_as_the_store_and_leaves_a_record() {
    let (app, plant, other) = TestApp::with_plants().await;
    fill(&app, &plant).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let window = format!("from={}&to={}&q=journal", NOW.0 - 86_400_000, NOW.0);
    let path = |format: &str| format!("/api/blackbox/events/export?{window}&format={format}");
    let rows = usize::try_from(MANY).unwrap();

    let reply = client.get(&path("csv")).await.expect_status(200);
    let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let found: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(found.len(), rows);
    assert!(found.is_sorted_by_key(|r| r[0].to_owned()), "oldest first");

    let is_marked = |text: &str| text.contains(['\u{2068}', '\u{2069}']);
    let path_of_one = format!("/api/blackbox/events?{window}&limit=1");
    let listed = client.get(&path_of_one).await.expect_status(200);
    assert!(is_marked(&listed.text()), "for a screen");
    let whole = client.get(&path("json")).await.expect_status(200);
    assert!(!is_marked(&whole.text()), "for a machine");
    let whole = whole.json();
    assert_eq!(whole["rows"], json!(rows));
    let items = whole["items"].as_array().unwrap();
    let mut ids: Vec<&str> = items
        .iter()
        .filter_map(|i| i["source_id"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows, "each once");

    let reply = client.get(&path("xlsx")).await.expect_status(200);
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(reply.bytes.to_vec())).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.height(), rows + 1);

    let incidents = client
        .get("/api/blackbox/incidents/export?format=json")
        .await
        .expect_status(200);
    assert!(!is_marked(&incidents.text()), "{}", incidents.text());
    let incidents = incidents.json();
    let list = client.get("/api/blackbox/incidents").await.json();
    assert_eq!(incidents["rows"], list["total"]);

    let admin = app.signed_in(&plant.user("admin")).await;
    let audit = admin.get("/api/audit?q=blackbox.export").await.json();
    let records = audit["items"].as_array().unwrap();
    assert_eq!(records.len(), 4, "{audit}");
    let stranger = app.signed_in(&other.user("viewer")).await;
    let theirs = stranger.get(&path("json")).await.expect_status(200).json();
    assert_eq!(theirs["rows"], json!(0));
    assert_eq!(theirs["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn an_asset_stays_where_it_was_put_until_it_is_let_go() {
    let (app, plant, other) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let place = |asset| json!({ "asset_id": asset, "x": 12.5, "y": -40.0 });
    let put = json!({ "places": [place(plant.asset)] });
    admin.put("/api/twin/layout", put).await.expect_status(200);
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let layout = viewer.get("/api/twin/layout").await.json();
    assert_eq!(layout["places"], json!([place(plant.asset)]));
    let foreign = json!({ "places": [place(other.asset)] });
    admin
        .put("/api/twin/layout", foreign)
        .await
        .expect_status(404);
    let far = json!({ "places": [{ "asset_id": plant.asset, "x": 1e9, "y": 0.0 }] });
    admin
        .put("/api/twin/layout", far)
        .await
        .expect_field("places", "twin.layout_too_far");
    let clear = json!({ "cleared": [plant.asset] });
    let layout = admin.put("/api/twin/layout", clear).await.json();
    assert_eq!(layout["places"], json!([]));
}

#[tokio::test]
async fn lost_events_are_told_although_none_comes_after_them() {
    let (app, plant, _) = TestApp::with_plants().await;
    let tenant = plant.tenant;
    let lost = Batch {
        lost_events: 3,
        ..Batch::default()
    };
    app.desk.deliver_batch(lost).await;
    for _ in 0..400 {
        let filter = events::EventFilter {
            source_type: Some("connector".to_owned()),
            ..events::EventFilter::default()
        };
        let read = move |conn: &Connection| events::list_events(conn, tenant, &filter, Page::MAX);
        let found = app.runtime.store().read(read).await.unwrap().rows;
        if let Some(told) = found.iter().find(|e| e.summary == "event.events_lost") {
            assert_eq!(told.payload["params"]["count"], 3);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the loss was not told");
}
