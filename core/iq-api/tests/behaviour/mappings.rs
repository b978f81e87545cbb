//! Many mappings at once through the interface people use: a file of a thousand rows with three bad
//! ones, there and back again, and findings that are accepted.

use axum::http::Method;
use iq_domain::{AssetId, Timestamp};
use iq_store::assets;
use serde_json::{Value, json};

use crate::support::{Client, NOW, Plant, TestApp, pump, sample};

const PATH: &str = "/api/integrations/mappings";

async fn setup() -> (TestApp, Plant, Client) {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    (app, plant, client)
}

async fn import(client: &Client, query: &str, file: impl Into<axum::body::Body>) -> Value {
    let path = format!("{PATH}/import?{query}");
    client
        .send(Method::POST, &path, "text/csv", file)
        .await
        .expect_status(200)
        .json()
}

async fn all(client: &Client) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let path = format!("{PATH}?limit=500&offset={}", found.len());
        let page = client.get(&path).await.expect_status(200).json();
        found.extend(page["items"].as_array().unwrap().clone());
        if page["next_offset"].is_null() {
            return found;
        }
    }
}

/// A thousand rows on own metrics; three are wrong in three ways.
fn thousand_rows() -> String {
    let mut csv =
        String::from("\u{feff}المصدر,الوسم الخارجي,الأصل,المقياس,وحدة القياس,معامل التحويل\r\n");
    for n in 0..1_000 {
        let (asset, unit, scale) = match n {
            100 => ("P-404", "bar", "1"),
            500 => ("P-1", "furlong", "1"),
            999 => ("P-1", "bar", "zero"),
            _ => ("P-1", "bar", "0.5"),
        };
        csv.push_str(&format!("desk,=T-{n},{asset},own_{n},{unit},{scale}\r\n"));
    }
    csv
}

#[tokio::test]
async fn a_thousand_rows_with_three_bad_ones_are_refused_as_a_whole_unless_a_person_says_so() {
    let (app, _, client) = setup().await;
    let before = all(&client).await;
    let dry = import(&client, "mode=create&dry_run=true", thousand_rows()).await;
    assert_eq!((&dry["added"], &dry["refused"]), (&json!(997), &json!(3)));
    let errors = dry["errors"].as_array().unwrap();
    let told: Vec<(u64, &str, &str)> = errors
        .iter()
        .map(|e| {
            let text = |key: &str| e[key].as_str().unwrap();
            (e["row"].as_u64().unwrap(), text("column"), text("code"))
        })
        .collect();
    assert_eq!(
        told,
        [
            (102, "asset", "mapping.unknown_asset_code"),
            (502, "unit", "mapping.unknown_unit"),
            (1_001, "scaling_factor", "mapping.cell_number"),
        ]
    );
    assert!(
        errors
            .iter()
            .all(|e| e["message"].as_str().unwrap().len() > 20)
    );
    let whole = import(&client, "mode=create", thousand_rows()).await;
    assert_eq!(whole["is_applied"], false);
    assert_eq!(all(&client).await, before, "all or nothing");
    let good = import(&client, "mode=create&good_rows=true", thousand_rows()).await;
    assert_eq!(
        (&good["is_applied"], &good["added"]),
        (&json!(true), &json!(997))
    );
    assert_eq!(all(&client).await.len(), before.len() + 997);
    let path = format!(
        "{PATH}/changes/{}/undo",
        good["change_id"].as_str().unwrap()
    );
    let undone = client
        .post(&path, json!({}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(undone["removed"], 997);
    assert_eq!(all(&client).await, before);
    client
        .post(&path, json!({}))
        .await
        .expect_code(409, "mapping.change_undone");
    drop(app);
}

#[tokio::test]
async fn an_export_imported_again_changes_nothing_in_both_formats_and_languages() {
    let (_app, _, mut client) = setup().await;
    import(&client, "mode=create&good_rows=true", thousand_rows()).await;
    let before = all(&client).await;
    for format in ["csv", "xlsx"] {
        for language in ["ar", "en"] {
            client.language = language;
            let path = format!("{PATH}/export?format={format}");
            let file = client.get(&path).await.expect_status(200);
            if format == "csv" {
                assert!(file.bytes.starts_with("\u{feff}".as_bytes()));
                assert!(file.text().contains(",'=T-0,"), "no cell is a formula");
            }
            for mode in ["merge", "overwrite"] {
                let query = format!("mode={mode}");
                let diff = import(&client, &query, file.bytes.clone()).await;
                assert_eq!(diff["unchanged"], before.len(), "{format} {mode} {diff}");
                assert_eq!(diff["refused"], 0, "{diff}");
            }
        }
    }
    client.language = "en";
    assert_eq!(all(&client).await, before);
}

#[tokio::test]
async fn undo_refuses_what_was_changed_later_and_says_which() {
    let (_app, plant, client) = setup().await;
    let bulk = |rows: Value| json!({ "integration_id": plant.integration, "rows": rows });
    let row =
        |tag: &str, metric: &str| json!({ "tag": tag, "asset_id": plant.asset, "metric": metric });
    let path = format!("{PATH}/bulk");
    let dry = format!("{path}?dry_run=true");
    let rows = json!([row("F", "discharge_pressure"), row("S", "suction_pressure")]);
    let shown = client.post(&dry, bulk(rows.clone())).await.json();
    assert_eq!(
        (&shown["is_applied"], &shown["added"]),
        (&json!(false), &json!(2))
    );
    let made = client.post(&path, bulk(rows)).await.json();
    let first = made["change_id"].as_str().unwrap().to_owned();
    // The two change places: only the state in the end counts.
    let swapped = json!([row("F", "suction_pressure"), row("S", "discharge_pressure")]);
    let swap = client.post(&path, bulk(swapped)).await.json();
    assert_eq!(swap["changed"], 2, "{swap}");
    assert_eq!(swap["rows"][0]["fields"][0]["field"], "metric_name");
    let undo = |id: &str| format!("{PATH}/changes/{id}/undo");
    let refused = client.post(&undo(&first), json!({})).await;
    let refused = refused
        .expect_code(409, "mapping.undo_changed_since")
        .json();
    assert_eq!(refused["params"]["count"], "2");
    let second = swap["change_id"].as_str().unwrap();
    client
        .post(&undo(second), json!({}))
        .await
        .expect_status(200);
    // A change that was taken back is no longer in the way.
    client
        .post(&undo(&first), json!({}))
        .await
        .expect_status(200);
    let list = client.get(&format!("{PATH}/changes")).await.json();
    assert_eq!(list["items"][0]["origin"], "undo");
    assert!(list["items"][3]["undone_by"].is_string(), "{list}");
}

#[tokio::test]
async fn an_undo_that_is_taken_back_leaves_the_change_in_force() {
    let (_app, plant, client) = setup().await;
    let rows = json!([{ "tag": "F", "asset_id": plant.asset, "metric": "discharge_pressure" }]);
    let body = json!({ "integration_id": plant.integration, "rows": rows });
    let earlier = client.get(&format!("{PATH}/changes")).await.json();
    let earlier = earlier["items"].as_array().unwrap().len();
    let made = client.post(&format!("{PATH}/bulk"), body).await.json();
    let undo = async |id: &str| {
        let path = format!("{PATH}/changes/{id}/undo");
        let reply = client.post(&path, json!({})).await;
        let answer = reply.expect_status(200).json();
        answer["change_id"].as_str().unwrap().to_owned()
    };
    // Oldest first, each with whether something has taken it back; without what was there before.
    let undone = async || -> Vec<bool> {
        let list = client.get(&format!("{PATH}/changes")).await.json();
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .rev()
            .skip(earlier)
            .map(|i| i["undone_by"].is_string())
            .collect()
    };
    let first = undo(made["change_id"].as_str().unwrap()).await;
    assert_eq!(undone().await, [true, false]);
    let second = undo(&first).await;
    assert_eq!(undone().await, [false, true, false]);
    undo(&second).await;
    assert_eq!(undone().await, [true, false, true, false]);
}

#[tokio::test]
async fn a_pattern_chooses_tags_and_names_their_places() {
    let (app, plant, client) = setup().await;
    let (tenant, unit) = (plant.tenant, plant.unit);
    app.runtime
        .store()
        .write(move |tx| {
            let asset = pump(tenant, AssetId::new(), unit, "P-102A");
            assets::create_asset(tx, tenant, &asset)
        })
        .await
        .unwrap();
    app.runtime.plant_changed(tenant).await.unwrap();
    let ask = |pattern: &str, syntax: &str| {
        json!({
            "integration_id": plant.integration, "pattern": pattern, "syntax": syntax,
            "tags": ["P102A/vibration_de", "P102A/flow", "P102A/flow", "ZZ/flow", "T1", " "],
        })
    };
    let path = format!("{PATH}/select");
    let found = client
        .post(&path, ask("{asset}/{metric}", "glob"))
        .await
        .json();
    assert_eq!(found["looked_at"], 4);
    let tags = found["tags"].as_array().unwrap();
    assert_eq!(tags.len(), 3, "{found}");
    assert_eq!(tags[0]["metric_name"], "vibration_de");
    assert!(tags[0]["asset_id"].is_string() && tags[2]["asset_id"].is_null());
    let mapped = client.post(&path, ask("^t1$", "regex")).await.json();
    assert_eq!(mapped["tags"][0]["mapping_id"], json!(plant.mapping));
    // The place of an asset's tags is found by what they say, without any pattern.
    let pump = tags[0]["asset_id"].clone();
    let mut of_pump = ask("", "glob");
    of_pump["asset_id"] = pump;
    let found = client.post(&path, of_pump).await.expect_status(200).json();
    let names: Vec<&Value> = found["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["tag"])
        .collect();
    assert_eq!(names, ["P102A/vibration_de", "P102A/flow"]);
    let mut of_nobody = ask("", "glob");
    of_nobody["asset_id"] = json!(AssetId::new());
    client.post(&path, of_nobody).await.expect_status(404);
    client
        .post(&path, ask("(", "regex"))
        .await
        .expect_code(422, "mapping.pattern_bad");
    // Without a list the source itself is looked through.
    let whole = json!({ "integration_id": plant.integration, "syntax": "glob", "pattern": "T*" });
    let found = client.post(&path, whole).await.json();
    assert_eq!(
        (&found["tags"][0]["tag"], &found["is_complete"]),
        (&json!("T1"), &json!(true))
    );
    // A name made of loop numbers says no machine; what the source says about the tag does.
    let described =
        json!({ "integration_id": plant.integration, "syntax": "glob", "pattern": "P-7*" });
    let found = client.post(&path, described).await.json();
    assert_eq!(found["tags"][0]["description"], "P-7 vibration");
}

#[tokio::test]
async fn a_refused_suggestion_does_not_come_again_and_a_confirmed_one_teaches() {
    let (_app, plant, client) = setup().await;
    let ask = |tag: &str| json!({ "integration_id": plant.integration, "tags": [{ "tag": tag, "name": tag }] });
    let path = format!("{PATH}/suggest");
    let first = client.post(&path, ask("P-1 flow")).await.json();
    let best = &first[0]["candidates"][0];
    assert_eq!(best["metric_name"], "flow");
    let refused = json!({
        "integration_id": plant.integration, "tag": "P-1 flow", "name": "P-1 flow",
        "asset_id": best["asset_id"], "metric_name": "flow",
    });
    client
        .post(&format!("{path}/reject"), refused)
        .await
        .expect_status(204);
    let second = client.post(&path, ask("P-1 flow")).await.json();
    let metrics: Vec<&Value> = second[0]["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["metric_name"])
        .collect();
    assert!(!metrics.contains(&&json!("flow")), "{second}");
    // A word nobody knows, taught by mapping one tag of it.
    let strange = client.post(&path, ask("P-1.zork")).await.json();
    assert!(
        strange[0]["candidates"].as_array().unwrap().is_empty(),
        "{strange}"
    );
    let row = json!({ "tag": "P-1.zork", "asset_id": plant.asset, "metric": "flow" });
    let bulk = json!({ "integration_id": plant.integration, "rows": [row] });
    client
        .post(&format!("{PATH}/bulk"), bulk)
        .await
        .expect_status(200);
    let taught = client.post(&path, ask("P-1/a.zork")).await.json();
    assert_eq!(
        taught[0]["candidates"][0]["metric_name"], "flow",
        "{taught}"
    );
}

#[tokio::test]
async fn coverage_names_what_is_missing_with_the_most_important_first() {
    let (_app, plant, client) = setup().await;
    let path = format!("{PATH}/coverage?asset_id={}", plant.asset);
    let rows = client.get(&path).await.expect_status(200).json();
    let row = &rows[0];
    assert_eq!(row["mapped"], 1);
    assert_eq!(row["silent"], json!(["vibration_de"]));
    let missing = row["missing"].as_array().unwrap();
    assert_eq!(missing.len() as u64 + 1, row["expected"].as_u64().unwrap());
    let weights: Vec<f64> = missing
        .iter()
        .map(|m| m["health_weight"].as_f64().unwrap())
        .collect();
    assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
    assert!(row["health_share"].as_f64().unwrap() < 0.5);
}

/// Values every ten seconds for a while, with noise that repeats.
async fn feed(app: &TestApp, tag: &str, level: f64, noise: f64, (from, minutes): (Timestamp, i64)) {
    for chunk in 0..minutes {
        let samples = (0..6)
            .map(|n| {
                let step = chunk * 6 + n;
                let wobble = ((step * 7_919 + 13) % 101) as f64 / 50.0 - 1.0;
                sample(tag, level + noise * wobble, from.plus_ms(step * 10_000))
            })
            .collect();
        app.desk.push(samples).await;
    }
}

/// A tag that delivered mm/s for ten hours and inches per second for one; all of it is stored.
async fn drifted() -> (TestApp, Plant, Client) {
    let (app, plant, _) = setup().await;
    let from = NOW.plus_ms(3_600_000);
    feed(&app, "T1", 3.0, 0.05, (from, 600)).await;
    let changed = from.plus_ms(600 * 60_000);
    feed(&app, "T1", 3.0 / 25.4, 0.002, (changed, 65)).await;
    let end = changed.plus_ms(65 * 60_000);
    app.clock.set(end);
    // The first session is over by then.
    let client = app.signed_in(&plant.user("admin")).await;
    // The values are stored when they arrive, not when they are pushed.
    for _ in 0..10_000 {
        let mapping = t1(&client).await;
        if mapping["observed_at"].as_i64() == Some(end.0 - 10_000) {
            return (app, plant, client);
        }
        tokio::task::yield_now().await;
    }
    panic!("the values never arrived");
}

async fn t1(client: &Client) -> Value {
    let found = all(client).await;
    found
        .into_iter()
        .find(|m| m["external_tag"] == "T1")
        .unwrap()
}

#[tokio::test]
async fn a_changed_unit_is_found_accepted_and_can_be_undone() {
    let (_app, _, client) = drifted().await;
    let run = format!("{PATH}/drift/run");
    let report = client.post(&run, json!({})).await.expect_status(200).json();
    assert_eq!(
        (&report["checked"], &report["open"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    let found = client.get(&format!("{PATH}/drift")).await.json();
    let finding = &found[0];
    assert_eq!(finding["kind"], "unit_changed", "{found}");
    assert_eq!(
        finding["proposal"],
        json!({ "action": "unit", "value": "in/s" })
    );
    assert!(
        finding["evidence"][0].as_str().unwrap().contains("mm/s"),
        "{finding}"
    );
    assert_eq!(
        t1(&client).await["unit"],
        "mm/s",
        "nothing is applied by itself"
    );
    let id = finding["id"].as_str().unwrap();
    let accept = format!("{PATH}/drift/{id}/accept");
    let accepted = client
        .post(&accept, json!({}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&accepted["state"], &accepted["mapping"]["unit"]),
        (&json!("accepted"), &json!("in/s"))
    );
    client
        .post(&accept, json!({}))
        .await
        .expect_code(409, "mapping.drift_decided");
    let change = accepted["change_id"].as_str().unwrap();
    client
        .post(&format!("{PATH}/changes/{change}/undo"), json!({}))
        .await
        .expect_status(200);
    assert_eq!(t1(&client).await["unit"], "mm/s");
}

#[tokio::test]
async fn a_source_that_went_silent_closes_no_finding() {
    let (app, plant, client) = drifted().await;
    let run = format!("{PATH}/drift/run");
    let report = client.post(&run, json!({})).await.expect_status(200).json();
    assert_eq!(report["open"], json!(1), "{report}");
    app.clock.advance_ms(3 * 3_600_000);
    let client = app.signed_in(&plant.user("admin")).await;
    let report = client.post(&run, json!({})).await.expect_status(200).json();
    assert_eq!(report["open"], json!(1), "{report}");
}

#[tokio::test]
async fn one_tenant_s_look_for_drift_is_no_other_s() {
    let (app, plant, other) = TestApp::with_plants().await;
    let one = app.signed_in(&plant.user("admin")).await;
    let two = app.signed_in(&other.user("admin")).await;
    let run = format!("{PATH}/drift/run");
    let (mine, theirs) = tokio::join!(one.post(&run, json!({})), two.post(&run, json!({})));
    mine.expect_status(200);
    theirs.expect_status(200);
}

#[tokio::test]
async fn a_dismissed_finding_does_not_come_back() {
    let (_app, plant, client) = drifted().await;
    let dismiss = format!("{PATH}/drift/{}/dismiss", plant.finding);
    client.post(&dismiss, json!({})).await.expect_status(200);
    let report = client
        .post(&format!("{PATH}/drift/run"), json!({}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&report["checked"], &report["open"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    let all = client
        .get(&format!("{PATH}/drift?state=dismissed"))
        .await
        .json();
    assert_eq!(all[0]["id"], json!(plant.finding));
    assert!(
        !all[0]["evidence"].as_array().unwrap().is_empty(),
        "seen again: {all}"
    );
}
