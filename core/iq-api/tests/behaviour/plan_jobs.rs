//! A run of the optimiser as a job: stopped by hand, taken up after a restart; and what becomes of its
//! plan: a PDF, orders on their way to a maintenance system, chances that follow the own history.

use std::{io::Cursor, time::Instant};

use axum::http::Method;
use calamine::{Reader, Xlsx};
use iq_domain::AssetId;
use serde_json::{Value, json};

use super::{
    models::written_since,
    optimization::{COSTS, PATIENCE, costs, run, score},
};
use crate::support::{Client, NOW, Plant, TestApp};

const DAY_MS: i64 = 86_400_000;

async fn pump(admin: &Client, plant: &Plant, code: &str, since: Option<i64>) -> AssetId {
    let body = json!({
        "unit_id": plant.unit, "code": code, "names": { "en": "Pump", "ar": "مضخة" },
        "family": "centrifugal_pump", "criticality": "high", "in_service_since": since,
    });
    let made = admin.post("/api/assets", body).await.expect_status(201);
    made.json()["id"].as_str().unwrap().parse().unwrap()
}

/// A plant with that many worn pumps and a cost model.
pub(super) async fn worn(app: &TestApp, plant: &Plant, count: usize) -> Client {
    let admin = app.signed_in(&plant.user("admin")).await;
    for n in 0..count {
        let id = pump(&admin, plant, &format!("P-9{n:02}"), None).await;
        #[allow(clippy::cast_precision_loss, reason = "a few pumps")]
        score(app, plant, id, 15.0 + n as f64).await;
    }
    let model = costs(None, "centrifugal_pump");
    admin.put(COSTS, model).await.expect_status(200);
    app.signed_in(&plant.user("optimizer")).await
}

async fn started(planner: &Client, asked: Value) -> String {
    let reply = planner.post("/api/optimization/run", asked).await;
    let started = reply.expect_status(202).json();
    started["scenario_id"].as_str().unwrap().to_owned()
}

/// The run once the condition holds.
async fn until(planner: &Client, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let path = format!("/api/optimization/scenarios/{id}");
        let detail = planner.get(&path).await.expect_status(200).json();
        if holds(&detail) {
            return detail;
        }
        assert!(start.elapsed() < PATIENCE, "{}", detail["scenario"]);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// A run that is at work for long: many pumps, a long horizon, all iterations there are.
fn long() -> Value {
    json!({ "horizon_days": 60, "iterations": 200_000, "seed": 3, "crew_factor": 3.0,
            "models": ["prioritisation", "deferral-cost", "production-risk"] })
}

#[tokio::test]
async fn a_run_that_is_stopped_keeps_its_best_plan_so_far() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 40).await;
    let id = started(&planner, long()).await;
    let path = format!("/api/optimization/scenarios/{id}");
    planner
        .delete(&path)
        .await
        .expect_code(409, "optimization.still_running");
    until(&planner, &id, |d| {
        let stand = &d["job"]["optimization"];
        stand["model"] == "production-risk" && stand["incumbent"].is_number()
    })
    .await;
    let other = planner.post("/api/optimization/run", json!({ "horizon_days": 7 }));
    other.await.expect_code(409, "optimization.running");
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let stop = format!("{path}/cancel");
    viewer.post(&stop, json!({})).await.expect_status(403);
    planner.post(&stop, json!({})).await.expect_status(200);
    let ended = until(&planner, &id, |d| {
        d["scenario"]["state"] != "running" && d["job"].is_null()
    })
    .await;
    assert_eq!(ended["scenario"]["state"], "cancelled");
    let models = ended["models"].as_array().unwrap();
    let risk = models
        .iter()
        .find(|m| m["model"] == "production-risk")
        .unwrap();
    assert_eq!(
        (&risk["state"], &risk["is_checked"]),
        (&json!("plan"), &json!(true))
    );
    // Whoever stops a run waits for no proof.
    assert_eq!(risk["is_proven"], false, "{risk}");
    assert!(ended["scenario"]["summary"]["advised"].as_u64().unwrap() > 0);
    let admin = app.signed_in(&plant.user("admin")).await;
    let audit = admin.get("/api/audit?q=optimization.cancel").await.json();
    assert!(audit["total"].as_u64().unwrap() >= 1, "{audit}");
}

#[tokio::test]
async fn a_run_goes_on_after_a_restart_to_the_plan_it_would_have_made() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 20).await;
    // No work waits at the asset without a score: why it has none is not the same after a restart.
    let (tenant, order) = (plant.tenant, plant.work_order);
    let close = move |tx: &iq_store::Transaction<'_>| {
        let mut row = iq_store::work_orders::get_work_order(tx, tenant, order)?.unwrap();
        row.status = iq_domain::WorkOrderStatus::Closed;
        iq_store::work_orders::update_work_order(tx, tenant, &row).map(drop)
    };
    app.runtime.store().write(close).await.unwrap();
    let asked = json!({ "horizon_days": 30, "iterations": 20_000, "seed": 3, "crew_factor": 3.0,
                        "models": ["prioritisation", "deferral-cost", "production-risk"] });
    let id = started(&planner, asked.clone()).await;
    drop(planner);
    let app = app.restarted().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let first = until(&planner, &id, |d| {
        d["scenario"]["state"] != "running" && d["job"].is_null()
    })
    .await;
    assert_eq!(first["scenario"]["state"], "done");
    let again = run(&planner, asked).await;
    for key in ["run_key", "summary"] {
        assert_eq!(first["scenario"][key], again["scenario"][key], "{key}");
    }
    let starts = |detail: &Value| -> Vec<Value> {
        let all = detail["recommendations"].as_array().unwrap();
        all.iter().map(|r| r["planned_start_at"].clone()).collect()
    };
    assert_eq!(starts(&first), starts(&again));
    // It ended once: one event says so.
    let events = "/api/blackbox/events?category=OPTIMISATION";
    assert_eq!(planner.get(events).await.json()["total"], 2);
}

#[tokio::test]
async fn a_plan_becomes_a_pdf_in_both_languages_and_that_is_recorded() {
    let (app, plant, other) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 3).await;
    let asked = json!({ "name": "Autumn", "horizon_days": 7, "iterations": 50,
                        "without_technicians": [plant.technician] });
    let plan = run(&planner, asked).await;
    let id = plan["scenario"]["id"].as_str().unwrap();
    let path = format!("/api/optimization/scenarios/{id}/report.pdf");
    let mut pages = Vec::new();
    for lang in ["both", "ar", "en"] {
        let reply = planner
            .get(&format!("{path}?lang={lang}"))
            .await
            .expect_status(200);
        assert!(reply.bytes.starts_with(b"%PDF-"), "{:?}", reply.headers);
        let kept = reply.headers["content-disposition"].to_str().unwrap();
        let name = format!("plan-{}.pdf", plan["scenario"]["run_key"].as_str().unwrap());
        assert!(kept.contains(&name), "{kept}");
        let said = reply.headers["x-optria-pages"].to_str().unwrap();
        pages.push(said.parse::<u32>().unwrap());
    }
    assert_eq!(pages[0], pages[1] + pages[2], "each part whole");
    let wrong = planner.get(&format!("{path}?lang=fr")).await;
    wrong.expect_status(422);
    let stranger = app.signed_in(&other.user("optimizer")).await;
    stranger.get(&path).await.expect_status(404);
    let admin = app.signed_in(&plant.user("admin")).await;
    let audit = admin
        .get("/api/audit?q=optimization.make_report")
        .await
        .json();
    let rows = audit["items"].as_array().unwrap();
    let done = rows.iter().filter(|row| row["outcome"] == "success");
    assert_eq!(done.count(), 3, "{audit}");
}

#[tokio::test]
async fn a_plan_goes_to_the_maintenance_system_once_and_only_with_approval() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    // Nobody is entered: nothing is known of hours.
    let admin = app.signed_in(&plant.user("admin")).await;
    let technician = format!("/api/technicians/{}", plant.technician);
    admin.delete(&technician).await.expect_status(204);
    let plan = run(&planner, json!({ "horizon_days": 7, "iterations": 50 })).await;
    let first = &plan["recommendations"][0];
    assert_eq!(first["is_advised"], true, "{}", plan["models"]);
    let id = plan["scenario"]["id"].as_str().unwrap();
    let path = format!("/api/optimization/scenarios/{id}/publish");
    let body = json!({ "recommendation_ids": [first["id"]], "integration_id": plant.integration });
    let done = planner.post(&path, body.clone()).await.expect_status(200);
    let done = done.json();
    assert_eq!(done["handed_in"], done["written"], "{done}");
    let order = done["written"][0].as_str().unwrap();
    let detail = format!("/api/work-orders/{order}");
    let entry = planner.get(&detail).await.json()["pushes"][0].clone();
    assert_eq!(entry["state"], "awaiting_approval");
    assert!(
        app.desk.ledger().holds().is_empty(),
        "nothing leaves without approval"
    );
    let twice = planner.post(&path, body).await.expect_status(200).json();
    assert_eq!(twice["done_before"], done["written"]);
    assert_eq!(
        (&twice["written"], &twice["handed_in"]),
        (&json!([]), &json!([]))
    );

    let entry = format!("/api/work-orders/outbox/{}", entry["id"].as_str().unwrap());
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let approve = async |client: &Client| {
        let shown = client.get(&entry).await.expect_status(200).json();
        let seen = json!({ "changed_at": shown["changed_at"] });
        client.post(&format!("{entry}/approve"), seen).await
    };
    // Who published it can't let it out.
    approve(&planner)
        .await
        .expect_code(409, "work_orders.second_person_needed");
    let admin = app.signed_in(&plant.user("admin")).await;
    approve(&admin).await.expect_status(200);
    let start = Instant::now();
    while app.desk.ledger().holds().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        app.clock.advance_ms(5_000);
        app.runtime.wake_outbox();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let order = engineer.get(&detail).await.json();
    let reference = order["work_order"]["reference"].as_str().unwrap();
    assert_eq!(app.desk.ledger().holds(), [reference]);
    assert_eq!(
        order["work_order"]["planned_start_at"],
        first["planned_start_at"]
    );
}

/// The texts in a sheet of a workbook: 1 is the advice, 3 the schedule.
fn cells_of(bytes: Vec<u8>, sheet: usize) -> Vec<String> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range_at(sheet).unwrap().unwrap();
    let cells = range.used_cells().map(|(_, _, cell)| cell.to_string());
    cells.collect()
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one history, step by step")]
async fn the_chance_of_failure_follows_the_own_history_and_says_so() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let later = json!({
        "unit_id": plant.unit, "code": "P-8", "names": { "en": "Pump", "ar": "" },
        "family": "centrifugal_pump", "criticality": "high",
        "in_service_since": NOW.plus_ms(DAY_MS),
    });
    let refused = admin.post("/api/assets", later).await;
    refused.expect_field("in_service_since", "asset.in_service_wrong");
    let asset = pump(&admin, &plant, "P-9", None).await;
    score(&app, &plant, asset, 40.0).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let asked = json!({ "horizon_days": 30, "iterations": 50, "models": ["prioritisation"] });
    let of = |plan: &Value| -> (f64, Value, Value) {
        let all = plan["recommendations"].as_array().unwrap();
        let own = all.iter().find(|r| r["asset_code"] == "P-9").unwrap();
        let reasons = own["reasons"].as_array().unwrap();
        let (p, chance) = (own["failure_probability"].as_f64().unwrap(), &own["chance"]);
        let (low, high) = (
            chance["low"].as_f64().unwrap(),
            chance["high"].as_f64().unwrap(),
        );
        assert!(0.0 < low && low < p && p < high && high < 1.0, "{own}");
        (p, reasons.last().unwrap().clone(), chance.clone())
    };
    let lab_of = async || -> Value {
        let path = format!("/api/assets/{asset}/model?horizon_days=30");
        planner.get(&path).await.json()["life"].clone()
    };
    // Nobody knows its age: the lab gives no chance, and the plan says that it has none of this asset.
    let (usual, source, chance) = of(&run(&planner, asked.clone()).await);
    assert_eq!(chance["basis"], "family_rate");
    let lab = lab_of().await;
    assert_eq!(lab["chance"], Value::Null, "{lab}");
    assert_eq!(chance["lab_withheld"], lab["chance_withheld"]);
    assert_eq!(source["code"], "optimization.chance.rate");
    let said = source["message"].as_str().unwrap();
    assert!(said.contains("not measured"), "{source}");

    // Two years in service and a breakdown every month.
    let body = json!({
        "unit_id": plant.unit, "code": "P-9", "names": { "en": "Pump", "ar": "مضخة" },
        "family": "centrifugal_pump", "criticality": "high",
        "in_service_since": NOW.plus_ms(-730 * DAY_MS),
    });
    let path = format!("/api/assets/{asset}");
    let mut young = body.clone();
    young["in_service_since"] = json!(NOW.plus_ms(-365 * DAY_MS));
    admin.put(&path, young).await.expect_status(200);
    // Nobody wrote down what failed: that nothing is known to have failed tells nothing.
    let (_, _, chance) = of(&run(&planner, asked.clone()).await);
    assert_eq!(
        (&chance["basis"], &chance["own_lives"]),
        (&json!("family_prior"), &json!(0))
    );
    written_since(&admin, &plant, 800).await;
    // Its age is known and nothing has failed: the family and this one life, named as such.
    let (young_p, source, chance) = of(&run(&planner, asked.clone()).await);
    assert_eq!(
        (
            &chance["basis"],
            &chance["own_failures"],
            &chance["lab_withheld"]
        ),
        (&json!("family_lives"), &json!(0), &Value::Null)
    );
    assert_eq!(chance["own_lives"], 1);
    assert_eq!(source["code"], "optimization.chance.family_lives");
    // One number everywhere: the page of the asset states the chance of the plan, interval and all.
    let lab = lab_of().await["chance"].clone();
    let near = |a: &Value, b: f64| (a.as_f64().unwrap() / b - 1.0).abs() < 1e-6;
    assert!(near(&lab["p"], young_p), "{lab} {young_p}");
    for end in ["low", "high"] {
        assert!(
            near(&lab[end], chance[end].as_f64().unwrap()),
            "{lab} {chance}"
        );
    }
    let kept = admin.put(&path, body).await.expect_status(200).json();
    assert_eq!(kept["in_service_since"], json!(NOW.plus_ms(-730 * DAY_MS)));
    let engineer = app.signed_in(&plant.user("engineer")).await;
    for month in 1..=6 {
        let order = json!({
            "kind": "notification", "title": "Seal failed", "priority": "high", "asset_id": asset,
            "malfunction_at": NOW.plus_ms(-month * 30 * DAY_MS),
        });
        let reply = engineer.post("/api/work-orders", order).await;
        reply.expect_status(201);
    }
    let plan = run(&planner, asked).await;
    let (own, source, chance) = of(&plan);
    assert_eq!(source["code"], "optimization.chance.own");
    assert_eq!(
        (&chance["basis"], &chance["own_failures"]),
        (&json!("own_history"), &json!(6))
    );
    let id = plan["scenario"]["id"].as_str().unwrap();
    let file = |format: &str| format!("/api/optimization/scenarios/{id}/export?format={format}");
    let written = planner.get(&file("json")).await.expect_status(200).json();
    assert_eq!(
        written["recommendations"][0]["chance"]["basis"],
        plan["recommendations"][0]["chance"]["basis"]
    );
    let book = planner.get(&file("xlsx")).await.expect_status(200);
    let cells = cells_of(book.bytes.to_vec(), 1);
    for wanted in ["Source of the chance", "Chance, 5 %", "own history"] {
        assert!(
            cells.iter().any(|c| c == wanted),
            "{wanted} not in {cells:?}"
        );
    }
    assert_eq!(source["params"]["failures"], "6");
    assert!(own > 2.0 * usual, "{own} after {usual}");
    let lab = planner
        .get(&format!("/api/assets/{asset}/model"))
        .await
        .json();
    let chance = &lab["life"]["chance"];
    assert_eq!(chance["own_failures"], 6, "{}", lab["life"]);
    // Failures alone make no remaining life: no signal tells how the machine is.
    for (lang, words) in [
        ("en", "No signal that tells"),
        ("ar", "لا توجد إشارة مربوطة"),
    ] {
        let lab = planner
            .get(&format!("/api/assets/{asset}/model?lang={lang}"))
            .await
            .json();
        let withheld = &lab["life"]["remaining_withheld"];
        assert_eq!(withheld["code"], "models.withheld.no_inputs");
        let said = withheld["message"].as_str().unwrap();
        assert!(said.starts_with(words), "{said}");
    }
}

pub(super) fn person(plant: &Plant, code: &str) -> Value {
    let everyday: Vec<Value> = (1..=7)
        .map(|day| json!({ "weekday": day, "from_minute": 420, "to_minute": 960 }))
        .collect();
    json!({
        "code": code, "names": { "en": format!("Name {code}"), "ar": "" }, "site_id": plant.site,
        "skills": ["mechanical", "rotating"], "shifts": everyday, "is_active": true,
    })
}

/// Two who can do the work of a pump, and nobody else.
pub(super) async fn crew(admin: &Client, plant: &Plant) -> Vec<Value> {
    let at = format!("/api/technicians/{}", plant.technician);
    admin.delete(&at).await.expect_status(204);
    let mut made = Vec::new();
    for code in ["T-8", "T-9"] {
        let reply = admin.post("/api/technicians", person(plant, code)).await;
        made.push(reply.expect_status(201).json());
    }
    made
}

#[tokio::test]
async fn what_must_be_done_is_planned_without_a_health_too_and_what_can_not_be_is_refused() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    crew(&admin, &plant).await;
    let silent = pump(&admin, &plant, "P-777", None).await;
    let waiting = pump(&admin, &plant, "P-778", None).await;
    let bare = pump(&admin, &plant, "P-779", None).await;
    let order =
        json!({ "kind": "order", "title": "Bearing", "priority": "high", "asset_id": waiting });
    planner
        .post("/api/work-orders", order)
        .await
        .expect_status(201);
    let asked = json!({ "horizon_days": 7, "iterations": 50, "must_do": [silent] });
    let plan = run(&planner, asked).await;
    let all = plan["recommendations"].as_array().unwrap();
    let of = |id: AssetId| all.iter().find(|r| r["asset_id"] == json!(id));
    let must = of(silent).expect("the work that must be done");
    assert_eq!(
        (&must["health"], &must["is_advised"]),
        (&Value::Null, &json!(true))
    );
    let codes: Vec<&str> = must["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"optimization.health_withheld"), "{codes:?}");
    assert!(!codes.contains(&"optimiser.reason.health"), "{codes:?}");
    assert!(must["failure_probability"].as_f64().unwrap() > 0.0);
    assert!(of(waiting).is_some(), "an order waits: it is in the list");
    assert!(of(bare).is_none(), "nothing asks for it");
    let notes = plan["notes"].as_array().unwrap();
    let said = |code: &str, name: &str| {
        notes.iter().any(|n| {
            n["code"] == code && n["params"]["names"].as_str().unwrap_or("").contains(name)
        })
    };
    assert!(
        said("optimization.note.without_health", "P-777"),
        "{notes:?}"
    );
    assert!(said("optimization.note.no_health", "P-779"), "{notes:?}");
    let stranger =
        json!({ "horizon_days": 7, "without_technicians": [iq_domain::TechnicianId::new()] });
    let refused = planner.post("/api/optimization/run", stranger).await;
    refused.expect_field("without_technicians", "optimization.technician_unknown");
    let status = planner.get("/api/optimization/status").await.json();
    let offered = status["assets"].as_array().unwrap();
    assert!(offered.iter().any(|a| a["code"] == "P-777"), "{offered:?}");
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one plan, step by step")]
async fn publishing_writes_a_visit_each_and_leaves_what_has_changed() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 2).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let made = crew(&admin, &plant).await;
    let asked = json!({ "horizon_days": 14, "iterations": 100 });
    let plan = run(&planner, asked).await;
    let id = plan["scenario"]["id"].as_str().unwrap().to_owned();
    let all = plan["recommendations"].as_array().unwrap().clone();
    let crewed: Vec<&Value> = all
        .iter()
        .filter(|r| {
            r["asset_code"]
                .as_str()
                .is_some_and(|code| code.starts_with("P-9"))
        })
        .filter(|r| r["technicians"].as_array().is_some_and(|t| t.len() == 2))
        .collect();
    assert_eq!(crewed.len(), 2, "{all:?}");
    // The workbook says who does which part of it, and what was asked.
    let file = format!("/api/optimization/scenarios/{id}/export?format=xlsx");
    let book = planner.get(&file).await.expect_status(200).bytes.to_vec();
    let schedule = cells_of(book.clone(), 3);
    for wanted in ["P-900 1/2", "P-900 2/2"] {
        let is_there = schedule.iter().any(|cell| cell == wanted);
        assert!(is_there, "{wanted} not in {schedule:?}");
    }
    let is_crew = |cell: &String| cell.contains("Name T-8") && cell.contains("Name T-9");
    assert!(schedule.iter().any(is_crew), "{schedule:?}");
    let summary = cells_of(book, 0);
    for wanted in ["Horizon", "14 days", "Must be done", "State", "Plan ready"] {
        let is_there = summary.iter().any(|cell| cell == wanted);
        assert!(is_there, "{wanted} not in {summary:?}");
    }
    let path = format!("/api/optimization/scenarios/{id}/publish");
    let publish =
        |one: &Value| json!({ "recommendation_ids": [one["id"]], "integration_id": null });
    let done = planner
        .post(&path, publish(crewed[0]))
        .await
        .expect_status(200)
        .json();
    // Ten hours of a pump are two visits.
    let written = done["written"].as_array().unwrap();
    assert_eq!(written.len(), 2, "{done}");
    let mut before = String::new();
    for order in written {
        let at = format!("/api/work-orders/{}", order.as_str().unwrap());
        let order = planner.get(&at).await.json()["work_order"].clone();
        assert_eq!(order["estimated_hours"], 5.0, "{order}");
        assert_eq!(order["visit"]["of_id"], written[0], "{order}");
        assert_eq!(order["visit"]["count"], 2, "{order}");
        let text = order["description"].as_str().unwrap();
        assert!(
            text.contains("Name T-8") && text.contains("Name T-9"),
            "{text}"
        );
        let start = order["planned_start_at"].to_string();
        assert_ne!(start, before);
        before = start;
    }
    // Another plan of the same job moves both orders and writes none.
    let asked = json!({ "horizon_days": 14, "iterations": 100, "seed": 2 });
    let again = run(&planner, asked).await;
    let mut anew = again["recommendations"].as_array().unwrap().iter();
    let same = anew.find(|r| r["asset_id"] == crewed[0]["asset_id"]);
    let at = again["scenario"]["id"].as_str().unwrap();
    let at = format!("/api/optimization/scenarios/{at}/publish");
    let moved = planner
        .post(&at, publish(same.unwrap()))
        .await
        .expect_status(200)
        .json();
    assert_eq!(moved["written"], json!([]), "{moved}");
    assert_eq!(moved["moved"], done["written"], "{moved}");
    // One of them is away by now: the other work stays where it is, and says whom it misses.
    let mut away = person(&plant, "T-8");
    away["absences"] = json!([{ "from": NOW, "to": NOW.plus_ms(40 * DAY_MS), "reason": "" }]);
    let at = format!("/api/technicians/{}", made[0]["id"].as_str().unwrap());
    admin.put(&at, away.clone()).await.expect_status(200);
    let left = planner
        .post(&path, publish(crewed[1]))
        .await
        .expect_status(200)
        .json();
    assert_eq!(left["written"], json!([]), "{left}");
    assert_eq!(left["left"][0]["code"], "optimization.technician_away");
    let said = left["left"][0]["message"].as_str().unwrap();
    assert!(said.starts_with("P-9"), "{said}");
    away["absences"] = json!([]);
    away["is_active"] = json!(false);
    admin.put(&at, away).await.expect_status(200);
    let left = planner
        .post(&path, publish(crewed[1]))
        .await
        .expect_status(200)
        .json();
    assert_eq!(left["left"][0]["code"], "optimization.technician_inactive");
}

#[tokio::test]
async fn after_a_visit_only_the_rest_of_the_job_is_planned_and_its_order_moved() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    crew(&admin, &plant).await;
    let publish = async |plan: &Value| {
        let advice = &plan["recommendations"][0];
        let id = plan["scenario"]["id"].as_str().unwrap();
        let path = format!("/api/optimization/scenarios/{id}/publish");
        let body = json!({ "recommendation_ids": [advice["id"]], "integration_id": null });
        planner.post(&path, body).await.expect_status(200).json()
    };
    let asked = |seed: u32| json!({ "horizon_days": 14, "iterations": 100, "seed": seed });
    let done = publish(&run(&planner, asked(1)).await).await;
    let written = done["written"].as_array().unwrap().clone();
    assert_eq!(written.len(), 2, "{done}");
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let path = |order: &Value| format!("/api/work-orders/{}", order.as_str().unwrap());
    for order in &written {
        let order = engineer.get(&path(order)).await.json()["work_order"].clone();
        assert_eq!(order["origin"], "recommendation", "{order}");
    }
    for status in ["released", "in_progress", "completed"] {
        let body = Some(json!({ "status": status }));
        let reply = engineer.call(Method::PATCH, &path(&written[0]), body).await;
        reply.expect_status(200);
    }
    let rest = run(&planner, asked(2)).await;
    let advice = &rest["recommendations"][0];
    assert_eq!(advice["order_id"], written[1], "{advice}");
    let notes = rest["notes"].as_array().unwrap();
    let is_said = |note: &Value| note["code"] == "optimization.note.part_done";
    assert!(notes.iter().any(is_said), "{notes:?}");
    let moved = publish(&rest).await;
    assert_eq!(moved["written"], json!([]), "{moved}");
    assert_eq!(moved["moved"], json!([written[1]]), "{moved}");
    let order = engineer.get(&path(&written[1])).await.json()["work_order"].clone();
    assert_eq!(order["estimated_hours"], 5.0, "{order}");
}

/// A technician of every day, with a certificate of hot work until then.
fn welder(plant: &Plant, code: &str, until: Option<i64>) -> Value {
    let everyday: Vec<Value> = (1..=7)
        .map(|day| json!({ "weekday": day, "from_minute": 420, "to_minute": 960 }))
        .collect();
    let held = until.map(|at| json!({ "name": "hot_work", "valid_until": at }));
    json!({
        "code": code, "names": { "en": code, "ar": "" }, "site_id": plant.site,
        "skills": ["mechanical", "rotating"], "shifts": everyday, "is_active": true,
        "certificates": held.into_iter().collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn a_job_that_needs_a_certificate_goes_to_nobody_without_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let at = format!("/api/technicians/{}", plant.technician);
    admin.delete(&at).await.expect_status(204);
    let person = |code: &str, until: Option<i64>| welder(&plant, code, until);
    let mut made = Vec::new();
    for (code, days) in [("T-1", None), ("T-2", Some(400)), ("T-3", Some(400))] {
        let until = days.map(|days| NOW.plus_ms(days * DAY_MS).0);
        let reply = admin.post("/api/technicians", person(code, until)).await;
        made.push(reply.expect_status(201).json());
    }
    let first = run(&planner, json!({ "horizon_days": 7, "iterations": 50 })).await;
    let pump = first["recommendations"][0]["asset_id"].clone();
    let order = json!({
        "kind": "order", "title": "Weld", "priority": "high", "asset_id": pump,
        "certificates": ["Hot work", "hot_work"],
    });
    let order = planner
        .post("/api/work-orders", order)
        .await
        .expect_status(201)
        .json();
    assert_eq!(
        order["certificates"],
        json!(["hot_work"]),
        "as technicians carry it"
    );
    let asked = json!({ "horizon_days": 7, "iterations": 50, "seed": 2 });
    let plan = run(&planner, asked).await;
    let chosen = &plan["recommendations"][0];
    let who: Vec<&str> = chosen["technicians"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["names"]["en"].as_str().unwrap())
        .collect();
    assert_eq!(who, ["T-2", "T-3"], "{chosen}");
    // One of the two has lost it since: the order stays as it is, and the reason is told.
    let at = format!("/api/technicians/{}", made[1]["id"].as_str().unwrap());
    admin.put(&at, person("T-2", None)).await.expect_status(200);
    let id = plan["scenario"]["id"].as_str().unwrap();
    let path = format!("/api/optimization/scenarios/{id}/publish");
    let body = json!({ "recommendation_ids": [chosen["id"]], "integration_id": null });
    let left = planner.post(&path, body).await.expect_status(200).json();
    assert_eq!(left["moved"], json!([]), "{left}");
    assert_eq!(
        left["left"][0]["code"],
        "optimization.technician_certificate"
    );
    // With it again, the order is for the first visit; that of the second asks for the same.
    let until = Some(NOW.plus_ms(400 * DAY_MS).0);
    admin
        .put(&at, person("T-2", until))
        .await
        .expect_status(200);
    let body = json!({ "recommendation_ids": [chosen["id"]], "integration_id": null });
    let done = planner.post(&path, body).await.expect_status(200).json();
    assert_eq!(done["moved"], json!([order["id"]]), "{done}");
    let written = done["written"][0].as_str().expect("a second visit");
    let second = format!("/api/work-orders/{written}");
    let second = planner.get(&second).await.json()["work_order"].clone();
    assert_eq!(second["certificates"], json!(["hot_work"]), "{second}");
    admin.put(&at, person("T-2", None)).await.expect_status(200);
    // Nobody with it, and it must be done: the plan says whom it misses.
    let at = format!("/api/technicians/{}", made[2]["id"].as_str().unwrap());
    admin.put(&at, person("T-3", None)).await.expect_status(200);
    let asked = json!({ "horizon_days": 7, "iterations": 50, "must_do": [pump] });
    let none = run(&planner, asked).await;
    assert_eq!(none["scenario"]["state"], "infeasible");
    let models = none["models"].as_array().unwrap();
    let reasons = models.iter().flat_map(|m| m["reasons"].as_array().unwrap());
    let codes: Vec<&Value> = reasons.map(|r| &r["code"]).collect();
    assert!(
        codes.contains(&&json!("optimiser.conflict.nobody_able")),
        "{codes:?}"
    );
}

#[tokio::test]
async fn who_has_an_order_is_told_that_a_plan_moved_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = worn(&app, &plant, 1).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let at = format!("/api/technicians/{}", plant.technician);
    admin.delete(&at).await.expect_status(204);
    let mut only = person(&plant, "T-8");
    only["skills"] = json!(["instrumentation"]);
    only["username"] = json!(plant.user("engineer"));
    let only = admin.post("/api/technicians", only).await;
    let only = only.expect_status(201).json();
    let valve = json!({
        "unit_id": plant.unit, "code": "FV-1", "names": { "en": "Valve", "ar": "" },
        "family": "control_valve", "criticality": "high",
    });
    let valve = admin.post("/api/assets", valve).await;
    let valve = valve.expect_status(201).json()["id"].clone();
    let order = json!({
        "kind": "order", "title": "Renew packing", "priority": "high", "asset_id": valve,
        "technician_id": only["id"],
    });
    let order = planner.post("/api/work-orders", order).await;
    let order = order.expect_status(201).json();
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let moved = async || {
        let page = engineer.get("/api/notifications").await.json();
        let all = page["items"].as_array().cloned().unwrap_or_default();
        let said = all.iter().filter_map(|n| n["message"].as_str());
        said.filter(|m| m.contains("new time") && m.contains("Renew packing"))
            .count()
    };
    assert_eq!(moved().await, 0);
    let asked = json!({ "horizon_days": 7, "iterations": 50, "must_do": [valve] });
    let plan = run(&planner, asked).await;
    let all = plan["recommendations"].as_array().unwrap();
    let chosen = all.iter().find(|r| r["asset_id"] == valve).unwrap();
    assert_eq!(chosen["technicians"][0]["id"], only["id"], "{chosen}");
    let id = plan["scenario"]["id"].as_str().unwrap();
    let path = format!("/api/optimization/scenarios/{id}/publish");
    let body = json!({ "recommendation_ids": [chosen["id"]], "integration_id": null });
    let done = planner.post(&path, body.clone()).await;
    assert_eq!(
        done.expect_status(200).json()["moved"],
        json!([order["id"]])
    );
    assert_eq!(moved().await, 1);
    planner.post(&path, body).await.expect_status(200);
    assert_eq!(moved().await, 1, "told once");
}
