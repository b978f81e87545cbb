//! Models of assets over HTTP: trained on stored history, set beside the one in force, brought into force
//! and back; and said in words where there is too little to learn from.

use std::time::{Duration, Instant};

use iq_domain::{AssetId, StatusCode, Timestamp, Value as Measured};
use iq_historian::Row;
use iq_runtime::IntegrationDraft;
use serde_json::{Value, json};

use crate::support::{Client, NOW, Plant, TestApp};

const PATIENCE: Duration = Duration::from_secs(120);
const MINUTE: i64 = 60_000;

fn path(asset: AssetId) -> String {
    format!("/api/assets/{asset}/model")
}

async fn page(client: &Client, asset: AssetId) -> Value {
    client.get(&path(asset)).await.expect_status(200).json()
}

/// Trains an asset and waits until that has ended.
async fn train(client: &Client, asset: AssetId) -> Value {
    let started = client
        .post(&format!("{}/train", path(asset)), json!({}))
        .await;
    assert_eq!(started.expect_status(202).json()["kind"], "train");
    let start = Instant::now();
    loop {
        let now = page(client, asset).await;
        if now["training"].is_null() {
            return now;
        }
        assert!(start.elapsed() < PATIENCE, "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Two days of history.
const TWO_DAYS: i64 = 2_880;

/// Minutes of two vibrations that move together, one value a minute up to now.
async fn fill(app: &TestApp, plant: &Plant, minutes: i64) {
    fill_hot(app, plant, minutes, 0).await;
}

/// The same; over the last minutes the first of them stands far beyond its limits.
async fn fill_hot(app: &TestApp, plant: &Plant, minutes: i64, hot: i64) {
    let (_, nde) = plant.new_mapping(app, "T2", "vibration_nde").await;
    let index = app.runtime.tenant(plant.tenant).unwrap();
    let number = |id| index.signals[&id].signal.signal_no;
    let (de, nde) = (number(plant.signal), number(nde));
    let begin = Timestamp((NOW.0 - minutes * MINUTE) / MINUTE * MINUTE);
    let last = |signal_no, value: f64| Row {
        signal_no,
        t: NOW.plus_ms(-2_000),
        value: Some(Measured::Number(value)),
        status: StatusCode::GOOD,
    };
    let newest = [last(de, if hot > 0 { 60.0 } else { 2.0 }), last(nde, 1.5)];
    let rows = (0..minutes).flat_map(|minute| {
        let swing = (minute as f64 / 37.0).sin() * 0.3;
        let noise = |k: i64| ((minute * 7_919 + k * 104_729) % 997) as f64 / 997.0 - 0.5;
        let row = |signal_no, value: f64| Row {
            signal_no,
            t: begin.plus_ms(minute * MINUTE + 1_000),
            value: Some(Measured::Number(value)),
            status: StatusCode::GOOD,
        };
        let beyond = if minute >= minutes - hot { 58.0 } else { 0.0 };
        [
            row(de, 2.0 + beyond + swing + 0.1 * noise(1)),
            row(nde, 1.5 + 0.8 * swing + 0.1 * noise(2)),
        ]
    });
    let rows = rows.chain(newest).collect();
    app.runtime.historian().append(rows).await.unwrap();
}

#[tokio::test]
async fn without_history_nothing_is_trained_and_the_reason_has_its_numbers() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("optimizer")).await;
    let before = page(&client, plant.asset).await;
    assert_eq!(
        (&before["in_force"], &before["withheld"]),
        (&Value::Null, &Value::Null)
    );
    let after = train(&client, plant.asset).await;
    assert_eq!(after["versions"], json!([]));
    let why = &after["withheld"];
    assert_eq!(why["code"], "models.withheld.not_enough_data");
    assert_eq!(
        (&why["params"]["have"], &why["params"]["need"]),
        (&json!("0"), &json!("240"))
    );
    assert!(
        !why["message"].as_str().unwrap().starts_with("models."),
        "{why}"
    );
    assert_eq!(
        after["life"]["remaining_withheld"]["code"],
        "models.withheld.short_history"
    );
    // A second try replaces the first: reasons don't pile up.
    let again = train(&client, plant.asset).await;
    assert_eq!(again["withheld"]["code"], "models.withheld.not_enough_data");
    let none = client.get(&format!("{}/backtest", path(plant.asset))).await;
    none.expect_status(409);
    let nothing = client
        .post(&format!("{}/rollback", path(plant.asset)), json!({}))
        .await;
    nothing.expect_code(409, "models.nothing_before");
}

#[tokio::test]
async fn a_plant_of_ones_own_learns_nothing_from_a_demonstration() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let made = IntegrationDraft {
        kind: "desk".to_owned(),
        name: "made up".to_owned(),
        config: json!({}),
        is_enabled: false,
    };
    let made_up = app.runtime.create_integration(plant.tenant, made, true);
    let asset = admin
        .post("/api/assets", in_service(&plant, "P-77"))
        .await
        .expect_status(201)
        .json();
    let demo = Plant {
        asset: asset["id"].as_str().unwrap().parse().unwrap(),
        integration: made_up.await.unwrap().id,
        ..plant.clone()
    };
    demo.new_mapping(&app, "D1", "vibration_de").await;
    let after = train(&admin, demo.asset).await;
    assert_eq!(after["withheld"]["code"], "models.withheld.demo_data");
    assert_eq!(after["in_force"], Value::Null);
    // Nor are the chances of a made-up machine looked back at.
    breakdowns(&admin, demo.asset, 9).await;
    let back = hindsight(&admin, demo.asset, 30).await;
    assert_eq!(
        (&back["forecasts"], &back["failures"]),
        (&json!(0), &json!(0))
    );
}

const DAY_MS: i64 = 1_440 * MINUTE;

#[tokio::test]
async fn a_limit_that_is_passed_is_said_to_be_reached_since_then() {
    let (app, plant, _) = TestApp::with_plants().await;
    fill_hot(&app, &plant, 1_200, 20).await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let life = page(&client, plant.asset).await["life"].clone();
    let left = &life["remaining"];
    assert_eq!(left["metric"], "vibration_de", "{life}");
    assert_eq!(
        (&left["expected_h"], &left["is_high"]),
        (&json!(0.0), &json!(true))
    );
    let since = left["reached_since"].as_i64().unwrap();
    let ago = (NOW.0 - since) / MINUTE;
    assert!((19..=21).contains(&ago), "{ago} minutes ago");
    assert!(left["now"].as_f64() > left["limit"].as_f64(), "{left}");
    assert!(left["usual"].as_f64() < Some(3.0), "{left}");
}

/// A breakdown of an asset every fifth month, so many times.
async fn breakdowns(client: &Client, asset: AssetId, times: i64) {
    for n in 0..times {
        let order = json!({
            "kind": "notification", "title": "Seal failed", "priority": "high", "asset_id": asset,
            "malfunction_at": NOW.plus_ms(-(60 + n * 150) * DAY_MS),
        });
        let reply = client.post("/api/work-orders", order).await;
        reply.expect_status(201);
    }
}

/// Somebody has written down what broke for so many days: a motor did then.
pub(super) async fn written_since(admin: &Client, plant: &Plant, days: i64) {
    let motor = json!({
        "unit_id": plant.unit, "code": "M-1", "names": { "en": "Motor", "ar": "محرك" },
        "family": "electric_motor", "criticality": "low",
    });
    let motor = admin.post("/api/assets", motor).await.expect_status(201);
    let order = json!({
        "kind": "notification", "title": "Tripped", "priority": "low",
        "asset_id": motor.json()["id"], "malfunction_at": NOW.plus_ms(-days * DAY_MS),
    });
    let written = admin.post("/api/work-orders", order).await;
    written.expect_status(201);
}

fn in_service(plant: &Plant, code: &str) -> Value {
    json!({
        "unit_id": plant.unit, "code": code, "names": { "en": "Pump", "ar": "مضخة" },
        "family": "centrifugal_pump", "criticality": "high",
        "in_service_since": NOW.plus_ms(-1_830 * DAY_MS),
    })
}

async fn hindsight(client: &Client, asset: AssetId, days: u32) -> Value {
    let at = format!("{}/hindsight?horizon_days={days}", path(asset));
    client.get(&at).await.expect_status(200).json()
}

#[tokio::test]
async fn chances_of_the_past_stand_beside_what_came() {
    let (app, plant, other) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    // Nobody knows since when it is in service: no forecast.
    let none = hindsight(&viewer, plant.asset, 30).await;
    assert_eq!(
        (&none["forecasts"], &none["groups"], &none["brier"]),
        (&json!(0), &json!([]), &Value::Null)
    );
    assert_eq!(
        none["withheld"]["code"],
        "models.withheld.too_few_forecasts"
    );
    let said = none["withheld"]["message"].as_str().unwrap();
    assert!(said.contains("30") && said.contains('5'), "{said}");

    // Five years in service; four breakdowns are too few to draw.
    written_since(&admin, &plant, 1_830).await;
    let asset = format!("/api/assets/{}", plant.asset);
    let body = in_service(&plant, "P-9");
    admin.put(&asset, body).await.expect_status(200);
    breakdowns(&admin, plant.asset, 4).await;
    let few = hindsight(&viewer, plant.asset, 30).await;
    assert_eq!((&few["failures"], &few["groups"]), (&json!(4), &json!([])));
    assert_eq!(few["withheld"]["params"]["failures"], "4");
    breakdowns(&admin, plant.asset, 9).await;
    let found = hindsight(&viewer, plant.asset, 30).await;
    assert_eq!(found["withheld"], Value::Null, "{found}");
    assert_eq!(
        (&found["failures"], &found["assets"]),
        (&json!(9), &json!(1))
    );
    let all = found["forecasts"].as_u64().unwrap();
    assert!((58..=61).contains(&all), "{found}");
    let groups = found["groups"].as_array().unwrap();
    let counted: u64 = groups.iter().map(|g| g["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, all);
    for group in groups {
        let of = |key: &str| group[key].as_f64().unwrap();
        assert!(of("observed_low") <= of("observed") && of("observed") <= of("observed_high"));
        assert!(of("from") <= of("predicted") && of("predicted") <= of("to"));
    }
    let rate = 9.0 / all as f64;
    let base = found["brier_base"].as_f64().unwrap();
    assert!((base - rate * (1.0 - rate)).abs() < 1e-9, "{found}");
    assert!(found["brier"].as_f64() > Some(0.0));
    assert_eq!(found["is_demo"], false);
    // A longer horizon: fewer forecasts, and none whose end has not come.
    let long = hindsight(&viewer, plant.asset, 365).await;
    assert!(long["forecasts"].as_u64() < Some(6), "{long}");
    assert!(long["to"].as_i64() <= Some(NOW.plus_ms(-365 * DAY_MS).0));

    for days in ["0", "366"] {
        let at = format!("{}/hindsight?horizon_days={days}", path(plant.asset));
        let refused = viewer.get(&at).await;
        refused.expect_field("horizon_days", "request.number_out_of_range");
    }
    let foreign = format!("{}/hindsight", path(other.asset));
    viewer.get(&foreign).await.expect_status(404);
}

#[tokio::test]
async fn a_model_of_some_hours_waits_for_a_person() {
    let (app, plant, _) = TestApp::with_plants().await;
    fill(&app, &plant, 1_200).await;
    let client = app.signed_in(&plant.user("optimizer")).await;
    let after = train(&client, plant.asset).await;
    assert_eq!(after["in_force"], Value::Null, "{after}");
    let version = &after["versions"][0];
    assert_eq!(version["state"], "candidate");
    assert_eq!(version["comparison"]["worse"], json!(["thin"]));
    // Who looked at it may still bring it into force.
    let promote = format!("{}/promote", path(plant.asset));
    let promoted = client.post(&promote, json!({ "version": 1 })).await;
    assert_eq!(promoted.expect_status(200).json()["in_force"], 1);
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one life, step by step")]
async fn a_model_is_trained_compared_brought_into_force_and_back() {
    let (app, plant, other) = TestApp::with_plants().await;
    fill(&app, &plant, TWO_DAYS).await;
    let client = app.signed_in(&plant.user("optimizer")).await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let lab = path(plant.asset);
    let first = train(&client, plant.asset).await;
    assert_eq!(first["in_force"], 1, "{first}");
    let version = &first["versions"][0];
    assert_eq!(
        (&version["seed"], &version["state"]),
        (&json!(1), &json!("promoted"))
    );
    let inputs = version["inputs"].as_array().unwrap();
    assert!(
        inputs.len() == 2 && inputs.iter().all(|i| i["is_used"] == true),
        "{version}"
    );
    assert_eq!(version["comparison"]["current"], Value::Null);
    assert!(
        version["comparison"]["candidate"]["judged"].as_f64() > Some(0.9),
        "{version}"
    );
    // Seven hours say nothing about alarms per week.
    let judged = &version["comparison"]["candidate"];
    assert_eq!(judged["false_per_week"], Value::Null, "{judged}");
    assert!(judged["judged_weeks"].as_f64() > Some(0.0), "{judged}");
    let learned = |v: &Value, key: &str| v[key].as_i64().unwrap();
    assert!(learned(version, "learned_to") < learned(version, "window_to"));

    // The same history again: not worse, so it follows by itself.
    let second = train(&client, plant.asset).await;
    assert_eq!(second["in_force"], 2, "{second}");
    let newest = &second["versions"][0];
    assert!(newest["comparison"]["current"].is_object());
    assert_eq!(newest["comparison"]["worse"], json!([]));

    let walked = viewer
        .get(&format!("{lab}/backtest"))
        .await
        .expect_status(200)
        .json();
    assert_eq!(walked["version"], 2);
    assert_eq!(walked["false_per_week"], Value::Null, "two days");
    assert!(walked["points"].as_array().unwrap().len() > 100, "{walked}");

    viewer
        .post(&format!("{lab}/train"), json!({}))
        .await
        .expect_status(403);
    viewer
        .post(&format!("{lab}/rollback"), json!({}))
        .await
        .expect_status(403);
    let foreign = path(other.asset);
    client.get(&foreign).await.expect_status(404);
    client
        .get(&format!("{foreign}/backtest"))
        .await
        .expect_status(404);
    client
        .post(&format!("{foreign}/train"), json!({}))
        .await
        .expect_status(404);

    let back = client.post(&format!("{lab}/rollback"), json!({})).await;
    assert_eq!(back.expect_status(200).json()["in_force"], 1);
    let (promoting, budgeting) = (format!("{lab}/promote"), format!("{lab}/budget"));
    let promote = |version: u32| client.post(&promoting, json!({ "version": version }));
    assert_eq!(promote(2).await.expect_status(200).json()["in_force"], 2);
    promote(2).await.expect_code(409, "models.in_force");
    promote(99).await.expect_code(409, "models.not_found");

    let budget = |n: f64| client.put(&budgeting, json!({ "alarms_per_week": n }));
    let limit = |page: &Value| page["versions"][0]["alarm_limit"].as_f64().unwrap();
    let none = budget(0.0).await.expect_status(200).json();
    let many = budget(50.0).await.expect_status(200).json();
    assert!(
        limit(&many) <= limit(&none),
        "{} {}",
        limit(&many),
        limit(&none)
    );
    assert_eq!(many["versions"][0]["alarms_per_week"], 50.0);
    budget(51.0).await.expect_status(422);
    budget(-1.0).await.expect_status(422);

    // The score of the asset is made by the model, and says so.
    let admin = app.signed_in(&plant.user("admin")).await;
    let start = Instant::now();
    let scored = loop {
        let twin = viewer.get(&format!("/api/twin/{}", plant.asset)).await;
        let twin = twin.expect_status(200).json();
        let model = twin["assessment"]["model"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if model.starts_with("multivariate/1 v2") {
            break twin;
        }
        assert!(start.elapsed() < PATIENCE, "{twin}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(scored["assessment"]["anomaly"].is_number(), "{scored}");

    let log = admin
        .get("/api/audit?limit=100")
        .await
        .expect_status(200)
        .text();
    for action in [
        "models.train",
        "models.promote",
        "models.rollback",
        "models.budget",
    ] {
        assert!(log.contains(action), "{action}");
    }
    // Who still holds the program keeps its files open.
    drop((client, viewer, admin));
    let app = app.restarted().await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    assert_eq!(page(&viewer, plant.asset).await["in_force"], 2);
}

#[tokio::test]
async fn models_are_trained_every_night_and_plans_only_when_asked_for() {
    let (app, plant, _) = TestApp::with_plants().await;
    app.runtime.run_what_is_due().await.unwrap();
    let client = app.signed_in(&plant.user("viewer")).await;
    let all = client.get("/api/schedules").await.expect_status(200).json();
    let of = |kind: &str| {
        all.as_array()
            .unwrap()
            .iter()
            .find(|s| s["kind"] == kind)
            .cloned()
    };
    let nightly = of("train").unwrap();
    let next = nightly["next_at"].as_i64().unwrap();
    assert!(next > NOW.0, "{nightly}");
    assert_eq!(of("optimise").unwrap()["is_enabled"], false);
    assert_eq!(page(&client, plant.asset).await["next_training_at"], next);
    app.clock.advance_ms(next - NOW.0 + 1_000);
    app.runtime.run_what_is_due().await.unwrap();
    // The session of before has ended by then.
    let client = app.signed_in(&plant.user("viewer")).await;
    let jobs = client.get("/api/jobs").await.expect_status(200).json();
    let own = jobs
        .as_array()
        .unwrap()
        .iter()
        .find(|j| j["kind"] == "train");
    assert_eq!(own.unwrap()["created_by"], "system");
}
