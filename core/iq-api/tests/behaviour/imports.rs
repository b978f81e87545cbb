//! Files over HTTP: uploaded, looked at, corrected, mapped, imported, recognised, deleted; and what is
//! no table, too much or somebody else's.

use std::time::{Duration, Instant};

use axum::http::Method;
use iq_domain::{TimeRange, Timestamp};
use iq_runtime::NewMapping;
use serde_json::{Value, json};

use crate::support::{Client, NOW, Plant, TestApp};

const PATIENCE: Duration = Duration::from_secs(60);

async fn upload(
    client: &Client,
    plant: &Plant,
    name: &str,
    body: impl Into<axum::body::Body>,
) -> crate::support::Reply {
    let path = format!("/api/imports?integration_id={}&name={name}", plant.files);
    client
        .send(Method::POST, &path, "application/octet-stream", body)
        .await
}

/// Waits until nobody works on a file.
async fn rested(client: &Client, id: &str) -> Value {
    let start = Instant::now();
    loop {
        let file = client
            .get(&format!("/api/imports/{id}"))
            .await
            .expect_status(200)
            .json();
        if !["scanning", "running"].contains(&file["state"].as_str().unwrap()) {
            return file;
        }
        assert!(start.elapsed() < PATIENCE, "{file}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn run(client: &Client, id: &str) -> Value {
    client
        .post(&format!("/api/imports/{id}/run"), json!({}))
        .await
        .expect_status(202);
    rested(client, id).await
}

/// Maps a tag of the file integration.
async fn map(app: &TestApp, plant: &Plant, tag: &str, metric: &str) -> u32 {
    let draft = iq_mapping::MappingDraft {
        integration_id: plant.files,
        external_tag: tag.to_owned(),
        asset_id: plant.asset,
        metric_name: metric.to_owned(),
        unit: "bar".to_owned(),
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
        .unwrap()
        .remove(0);
    let index = app.runtime.tenant(plant.tenant).unwrap();
    index.signals[&made.signal_id].signal.signal_no
}

fn stored(app: &TestApp, signal: u32) -> Vec<(i64, Option<f64>)> {
    let all = TimeRange::new(Timestamp(0), NOW.plus_ms(1)).unwrap();
    let points = app.runtime.historian().raw(signal, all, 1_000_000).unwrap();
    points
        .into_iter()
        .map(|p| (p.t.0, p.value.and_then(|v| v.as_f64())))
        .collect()
}

fn codes(warnings: &Value) -> Vec<&str> {
    warnings
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["code"].as_str().unwrap())
        .collect()
}

/// 1 February 2024, 10:00 in UTC, read with the month first.
const FEBRUARY_FIRST: i64 = 1_706_781_600_000;

const LONG: &str = "Time (UTC);Tag;Value;Quality\n\
    02/01/2024 10:00:00;FT-1;12,5;Good\n\
    02/01/2024 10:00:00;FT-2;7,5;Good\n\
    02/01/2024 10:01:00;FT-1;12,75;Good\n\
    02/01/2024 10:02:00;FT-1;12-75;Good\n\
    02/01/2024 10:03:00;FT-1;I/O Timeout;Bad\n";

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one file's way, step by step")]
async fn a_file_goes_from_upload_to_history_and_changes_nothing_the_second_time() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let file = upload(&client, &plant, "export%20feb.csv", LONG)
        .await
        .expect_status(201)
        .json();
    assert_eq!(
        (&file["name"], &file["format"]),
        (&json!("export feb.csv"), &json!("csv"))
    );
    assert_eq!(codes(&file["warnings"]), ["file.date_ambiguous"]);
    let sentence = file["warnings"][0]["message"].as_str().unwrap();
    assert!(sentence.contains("02/01/2024"), "{file}");
    assert_eq!(file["layout"]["decimal"], ",");
    let id = file["id"].as_str().unwrap().to_owned();
    let ready = rested(&client, &id).await;
    assert_eq!(
        (&ready["state"], &ready["tags"], &ready["mapped_tags"]),
        (&json!("ready"), &json!(2), &json!(0))
    );
    assert_eq!(
        (&ready["scan"]["rows"], &ready["scan"]["rejected"]),
        (&json!(5), &json!(1))
    );

    let mut layout = ready["layout"].clone();
    layout["date_format"] = json!("month_first");
    let path = format!("/api/imports/{id}/layout");
    let corrected = client
        .put(&path, layout.clone())
        .await
        .expect_status(200)
        .json();
    assert_eq!(corrected["readings"][0]["at"], json!(FEBRUARY_FIRST));
    assert_eq!(corrected["readings"][0]["value"], json!(12.5));
    rested(&client, &id).await;
    layout["time_zone"] = json!("Mars/Olympus");
    client
        .put(&path, layout)
        .await
        .expect_field("time_zone", "file.time_zone_unknown");

    let engineer = app.signed_in(&plant.user("admin")).await;
    let page = engineer
        .get(&format!("/api/integrations/{}/browse?q=ft", plant.files))
        .await
        .expect_status(200)
        .json();
    let tags: Vec<&str> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["id"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["FT-1", "FT-2"]);

    let first = map(&app, &plant, "FT-1", "discharge_pressure").await;
    let done = run(&client, &id).await;
    assert_eq!(
        (&done["state"], &done["already_imported"]),
        (&json!("done"), &json!(false)),
        "{done}"
    );
    let counts = &done["run"];
    assert_eq!(
        (
            &counts["rows"],
            &counts["samples"],
            &counts["unmapped"],
            &counts["rejected"]
        ),
        (&json!(5), &json!(3), &json!(1), &json!(1)),
        "{done}"
    );
    let minute = 60_000;
    let expected = vec![
        (FEBRUARY_FIRST, Some(12.5)),
        (FEBRUARY_FIRST + minute, Some(12.75)),
        (FEBRUARY_FIRST + 3 * minute, None),
    ];
    assert_eq!(stored(&app, first), expected);
    let alerts = client.get("/api/alerts").await.json();
    assert_eq!(alerts["total"], 1, "the past raises no alert: {alerts}");

    let again = run(&client, &id).await;
    assert_eq!(
        (&again["already_imported"], &again["run"]["samples"]),
        (&json!(true), &json!(0))
    );
    let twin = upload(&client, &plant, "copy.csv", LONG)
        .await
        .expect_status(201)
        .json();
    let twin_id = twin["id"].as_str().unwrap().to_owned();
    rested(&client, &twin_id).await;
    let mut layout = twin["layout"].clone();
    layout["date_format"] = json!("month_first");
    client
        .put(&format!("/api/imports/{twin_id}/layout"), layout)
        .await
        .expect_status(200);
    rested(&client, &twin_id).await;
    let known = run(&client, &twin_id).await;
    assert_eq!(
        known["already_imported"],
        json!(true),
        "the same content in another file"
    );

    let second = map(&app, &plant, "FT-2", "suction_pressure").await;
    let more = run(&client, &id).await;
    assert_eq!(
        (&more["run"]["samples"], &more["run"]["unmapped"]),
        (&json!(4), &json!(0))
    );
    assert_eq!(stored(&app, second), [(FEBRUARY_FIRST, Some(7.5))]);
    assert_eq!(stored(&app, first), expected, "read again, nothing changed");

    let csv = client
        .get(&format!("/api/imports/{id}/rejected.csv"))
        .await
        .expect_status(200)
        .text();
    assert!(
        csv.contains("5,Value,file.value_unreadable,") && csv.contains("12-75"),
        "{csv}"
    );
    let mut arabic = client.clone();
    arabic.language = "ar";
    let csv = arabic
        .get(&format!("/api/imports/{id}/rejected.csv"))
        .await
        .text();
    assert!(
        csv.contains("الصف") && csv.contains("القيمة ليست رقم"),
        "{csv}"
    );

    client
        .delete(&format!("/api/imports/{id}"))
        .await
        .expect_status(204);
    client
        .get(&format!("/api/imports/{id}"))
        .await
        .expect_status(404);
    assert_eq!(stored(&app, first), expected, "history stays");
    let folder = app
        .runtime
        .config()
        .data_dir
        .join("imports")
        .join(plant.tenant.to_string())
        .join(&id);
    assert!(!folder.exists(), "the file went");
    let audit = engineer.get("/api/audit?limit=200").await.json();
    let actions: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["action"].as_str().unwrap())
        .collect();
    for action in [
        "imports.create",
        "imports.layout",
        "imports.run",
        "imports.delete",
    ] {
        assert!(actions.contains(&action), "{action} in {actions:?}");
    }
}

#[tokio::test]
async fn an_import_goes_on_after_a_restart_where_it_stood() {
    const ROWS: i64 = 150_000;
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let mut text = "time,tag,value\n".to_owned();
    for i in 0..ROWS {
        text.push_str(&format!("{},FT-1,{i}\n", FEBRUARY_FIRST / 1_000 + i));
        if i == 10 {
            text.push_str("never,FT-1,1\n");
        }
    }
    let file = upload(&client, &plant, "big.csv", text)
        .await
        .expect_status(201)
        .json();
    let id = file["id"].as_str().unwrap().to_owned();
    rested(&client, &id).await;
    let signal = map(&app, &plant, "FT-1", "discharge_pressure").await;
    client
        .post(&format!("/api/imports/{id}/run"), json!({}))
        .await
        .expect_status(202);
    let start = Instant::now();
    loop {
        let file = client.get(&format!("/api/imports/{id}")).await.json();
        if file["run"]["samples"].as_u64().unwrap() > 0 {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{file}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    let app = app.restarted().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let done = rested(&client, &id).await;
    assert_eq!(done["state"], json!("done"), "{done}");
    assert_eq!(
        (&done["run"]["samples"], &done["run"]["rejected"]),
        (&json!(ROWS), &json!(1)),
        "each row once"
    );
    let points = stored(&app, signal);
    assert_eq!(points.len() as i64, ROWS);
    assert_eq!(points.last().unwrap().1, Some((ROWS - 1) as f64));
    let csv = client
        .get(&format!("/api/imports/{id}/rejected.csv"))
        .await
        .text();
    assert_eq!(csv.lines().count(), 2, "{csv}");
}

#[tokio::test]
async fn an_import_that_would_be_read_otherwise_begins_anew_after_a_restart() {
    const ROWS: i64 = 500;
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let mut text = "time,tag,value\n".to_owned();
    for i in 0..ROWS {
        text.push_str(&format!("{},FT-1,{i}\n", FEBRUARY_FIRST / 1_000 + i));
    }
    let file = upload(&client, &plant, "half.csv", text)
        .await
        .expect_status(201)
        .json();
    let id = file["id"].as_str().unwrap().to_owned();
    rested(&client, &id).await;
    let signal = map(&app, &plant, "FT-1", "discharge_pressure").await;
    // As a program leaves it that was stopped half way, before somebody changed what the tags mean.
    let (tenant, integration, import) = (plant.tenant, plant.files, id.parse().unwrap());
    let half = json!({
        "run_id": "earlier", "key": "of other mappings",
        "position": { "row": 250, "offset": 4_000 },
        "counts": { "rows": 250, "samples": 250 },
    });
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = iq_store::imports::get_import(tx, tenant, import)?.unwrap();
            row.state = iq_store::imports::ImportState::Running;
            row.run_id = Some("earlier".to_owned());
            iq_store::imports::update_import(tx, tenant, &row)?;
            let (name, place) = (format!("import:{import}"), half.to_string());
            iq_store::integrations::put_cursor(tx, tenant, integration, &name, &place, NOW)
        })
        .await
        .unwrap();
    drop(client);
    let app = app.restarted().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let done = rested(&client, &id).await;
    assert_eq!(
        (&done["state"], &done["run"]["samples"]),
        (&json!("done"), &json!(ROWS)),
        "{done}"
    );
    assert_eq!(
        stored(&app, signal).len() as i64,
        ROWS,
        "from its first row on"
    );
}

#[tokio::test]
async fn two_people_who_import_a_file_at_once_import_it_once() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let other = app.signed_in(&plant.user("admin")).await;
    let file = upload(&client, &plant, "feb.csv", LONG)
        .await
        .expect_status(201)
        .json();
    let id = file["id"].as_str().unwrap().to_owned();
    rested(&client, &id).await;
    map(&app, &plant, "FT-1", "discharge_pressure").await;
    let path = format!("/api/imports/{id}/run");
    let (one, two) = tokio::join!(client.post(&path, json!({})), other.post(&path, json!({})));
    let mut began = 0;
    for reply in [one, two] {
        // Late enough, the second finds it done; else it is told that somebody is at it.
        if reply.status == 409 {
            assert_eq!(reply.json()["code"], "imports.busy");
        } else {
            let file = reply.expect_status(202).json();
            began += u32::from(file["already_imported"] == json!(false));
        }
    }
    assert_eq!(began, 1);
    assert_eq!(rested(&client, &id).await["state"], "done");
}

#[tokio::test]
async fn a_tenant_keeps_so_many_files_and_so_many_bytes_and_lists_them_in_pages() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let (tenant, import) = (plant.tenant, plant.import);
    let (files, gb) = (
        app.runtime.config().import_max_files,
        app.runtime.config().import_max_bytes,
    );
    // The plant has one file; as many as may be kept are there in the end.
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = iq_store::imports::get_import(tx, tenant, import)?.unwrap();
            for _ in 1..files {
                row.id = iq_domain::ImportId::new();
                iq_store::imports::create_import(tx, tenant, &row)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let list = client.get("/api/imports?limit=3&offset=2").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    assert_eq!(list["total"], json!(files));
    upload(&client, &plant, "more.csv", LONG)
        .await
        .expect_code(413, "imports.too_many");
    let first = list["items"][0]["id"].as_str().unwrap().to_owned();
    client
        .delete(&format!("/api/imports/{first}"))
        .await
        .expect_status(204);
    let file = upload(&client, &plant, "more.csv", LONG)
        .await
        .expect_status(201)
        .json();
    rested(&client, file["id"].as_str().unwrap()).await;
    let stranger = app.signed_in(&other.user("engineer")).await;
    upload(&stranger, &other, "theirs.csv", LONG)
        .await
        .expect_status(201);
    // Few files may be large ones.
    let foreign = (other.tenant, other.import);
    app.runtime
        .store()
        .write(move |tx| {
            let mut row = iq_store::imports::get_import(tx, foreign.0, foreign.1)?.unwrap();
            (row.id, row.size_bytes) = (iq_domain::ImportId::new(), gb);
            iq_store::imports::create_import(tx, foreign.0, &row)
        })
        .await
        .unwrap();
    let kept = || {
        std::fs::read_dir(
            app.runtime
                .config()
                .data_dir
                .join("imports")
                .join(foreign.0.to_string()),
        )
    };
    let before = kept().unwrap().count();
    upload(&stranger, &other, "more.csv", LONG)
        .await
        .expect_code(413, "imports.quota_reached");
    assert_eq!(kept().unwrap().count(), before, "nothing is left of it");
}

#[tokio::test]
async fn what_only_files_feed_has_no_live_source_and_lost_none() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let pump = json!({
        "unit_id": plant.unit, "code": "P-8", "names": { "en": "Pump", "ar": "مضخة" },
        "family": "centrifugal_pump", "criticality": "high",
    });
    let made = admin.post("/api/assets", pump).await.expect_status(201);
    let asset = made.json()["id"].as_str().unwrap().parse().unwrap();
    let own = Plant { asset, ..plant };
    map(&app, &own, "FT-1", "discharge_pressure").await;
    let twin = admin.get(&format!("/api/twin/{asset}")).await;
    let twin = twin.expect_status(200).json();
    assert_eq!(
        (&twin["connectivity"], &twin["status"]),
        (&json!("imported"), &json!("unknown")),
        "{twin}"
    );
    let reason = twin["status_reason"].as_str().unwrap();
    assert!(reason.contains("no live source"), "{reason}");
    let source = admin.get(&format!("/api/integrations/{}", own.files)).await;
    assert_eq!(source.expect_status(200).json()["connectivity"], "imported");
}

#[tokio::test]
async fn a_journal_becomes_events_once() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let journal = "Time,Source,Message,State,Priority\n\
        2024-01-31 10:00:00,PAH-102,Discharge pressure high,ACT/UNACK,1\n\
        2024-01-31 10:00:09,PAH-102,Discharge pressure high,RTN,1\n";
    let events = || async {
        let path = format!(
            "/api/blackbox/events?from=1706600000000&to={}&limit=100",
            1_706_800_000_000_i64
        );
        client.get(&path).await.expect_status(200).json()["total"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(events().await, 0);
    for (name, text) in [
        ("a.csv", journal.to_owned()),
        ("b.csv", journal.replace(',', ";")),
    ] {
        let file = upload(&client, &plant, name, text)
            .await
            .expect_status(201)
            .json();
        assert_eq!(file["layout"]["kind"], "journal", "{file}");
        let id = file["id"].as_str().unwrap().to_owned();
        rested(&client, &id).await;
        let done = run(&client, &id).await;
        assert_eq!(
            (&done["state"], &done["run"]["events"]),
            (&json!("done"), &json!(2)),
            "{done}"
        );
        assert_eq!(events().await, 2, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_table_is_refused_and_leaves_nothing() {
    let (app, plant, other) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let folder = app
        .runtime
        .config()
        .data_dir
        .join("imports")
        .join(plant.tenant.to_string());
    let files = || std::fs::read_dir(&folder).unwrap().count();
    let before = files();
    for (body, code) in [
        (&b""[..], "file.empty"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "file.compressed"),
        (b"PK\x03\x04 no archive at all", "file.sheet_damaged"),
        (b"%PDF-1.7 report", "file.not_a_table"),
        (b"PAR1....PAR1", "file.parquet"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "file.old_spreadsheet"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08\x0b", "file.not_a_table"),
    ] {
        // Whatever the name claims.
        upload(&client, &plant, "trend.csv", body.to_vec())
            .await
            .expect_code(422, code);
    }
    assert_eq!(files(), before);
    let path = format!(
        "/api/imports?integration_id={}&name=a.csv",
        plant.integration
    );
    client
        .send(Method::POST, &path, "text/csv", LONG)
        .await
        .expect_code(422, "imports.not_a_file_integration");
    let path = format!("/api/imports?integration_id={}&name=a.csv", other.files);
    client
        .send(Method::POST, &path, "text/csv", LONG)
        .await
        .expect_status(404);
    let viewer = app.signed_in(&plant.user("viewer")).await;
    upload(&viewer, &plant, "a.csv", LONG)
        .await
        .expect_status(403);
    assert_eq!(files(), before);
}

#[tokio::test]
async fn a_table_without_times_waits_for_a_person() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let file = upload(&client, &plant, "a.csv", "a,b\n1,2\n3,4\n")
        .await
        .expect_status(201)
        .json();
    assert_eq!(file["state"], "needs_layout");
    assert!(codes(&file["warnings"]).contains(&"file.no_time_column"));
    let id = file["id"].as_str().unwrap();
    client
        .post(&format!("/api/imports/{id}/run"), json!({}))
        .await
        .expect_code(422, "file.time_column_wrong");
}

#[tokio::test]
async fn one_text_without_a_title_becomes_alarms_only_when_a_person_says_so() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let bare = "2024-01-31 10:00:00,the pump was heard to knock\n\
        2024-01-31 10:05:00,the pump was stopped by hand\n";
    let file = upload(&client, &plant, "a.csv", bare)
        .await
        .expect_status(201)
        .json();
    assert_eq!(file["state"], "needs_layout", "{file}");
    assert!(codes(&file["warnings"]).contains(&"file.journal_bare"));
    let id = file["id"].as_str().unwrap();
    client
        .post(&format!("/api/imports/{id}/run"), json!({}))
        .await
        .expect_code(422, "file.journal_bare");
    // Confirmed as it is.
    client
        .put(&format!("/api/imports/{id}/layout"), file["layout"].clone())
        .await
        .expect_status(200);
    assert_eq!(rested(&client, id).await["state"], "ready");
    assert_eq!(run(&client, id).await["run"]["events"], json!(2));
}

#[tokio::test]
async fn another_zone_moves_no_file_that_names_its_own_and_wipes_no_warning() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let file = upload(&client, &plant, "utc.csv", LONG)
        .await
        .expect_status(201)
        .json();
    assert_eq!(file["names_zone"], json!(true));
    let id = file["id"].as_str().unwrap().to_owned();
    rested(&client, &id).await;
    let mut layout = file["layout"].clone();
    layout["time_zone"] = json!("Asia/Riyadh");
    let kept = client
        .put(&format!("/api/imports/{id}/layout"), layout)
        .await
        .expect_status(200)
        .json();
    assert_eq!(kept["layout"]["time_zone"], "UTC");
    assert_eq!(
        codes(&kept["warnings"]),
        ["file.date_ambiguous", "file.zone_kept"]
    );
    // The day is taken first: 2 January 2024, 10:00 in UTC.
    assert_eq!(kept["readings"][0]["at"], json!(1_704_189_600_000_i64));
}

#[tokio::test]
async fn rows_with_words_that_are_not_known_are_counted_and_told_of() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("engineer")).await;
    let mut text = "time,tag,value,quality\n".to_owned();
    for i in 0..2_000 {
        let word = if i < 1_000 { "Good" } else { "Gut" };
        text.push_str(&format!("{},FT-1,{i},{word}\n", FEBRUARY_FIRST / 1_000 + i));
    }
    let file = upload(&client, &plant, "late.csv", text)
        .await
        .expect_status(201)
        .json();
    let id = file["id"].as_str().unwrap().to_owned();
    let ready = rested(&client, &id).await;
    assert_eq!(codes(&ready["warnings"]), ["file.quality_words"]);
    assert_eq!(ready["warnings"][0]["params"]["count"], "1000");
    map(&app, &plant, "FT-1", "discharge_pressure").await;
    let done = run(&client, &id).await;
    assert_eq!(codes(&done["warnings"]), ["file.quality_words"]);
    let mut arabic = client.clone();
    arabic.language = "ar";
    let told = arabic.get(&format!("/api/imports/{id}")).await.json();
    let sentence = told["warnings"][0]["message"].as_str().unwrap();
    assert!(
        sentence.contains("Gut") && sentence.contains("صف"),
        "{sentence}"
    );
}
