//! Technicians over HTTP: kept, refused, imported, and who sees what about them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{NOW, Plant, TestApp};

fn input(plant: &Plant, code: &str) -> Value {
    json!({
        "code": code, "names": { "en": "Omar Saleh", "ar": "عمر صالح" }, "site_id": plant.site,
        "username": plant.user("engineer"), "skills": ["Mechanical", "seals", " mechanical "],
        "certificates": [
            { "name": "Hot Work", "valid_until": NOW.plus_ms(86_400_000) },
            { "name": "first_aid", "valid_until": NOW.plus_ms(-1) },
            { "name": "lifting", "valid_until": null },
        ],
        "shifts": [
            { "weekday": 1, "from_minute": 420, "to_minute": 930 },
            { "weekday": 7, "from_minute": 1140, "to_minute": 1860 },
        ],
        "absences": [
            { "from": NOW.plus_ms(-1_000), "to": NOW.plus_ms(1_000), "reason": "sick" },
            { "from": NOW.plus_ms(-9_000), "to": NOW.plus_ms(-8_000), "reason": "course" },
        ],
        "hourly_cost": 85.5, "note": "works fast",
    })
}

#[tokio::test]
async fn a_technician_is_kept_as_written_and_says_which_certificates_hold() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let made = planner
        .post("/api/technicians", input(&plant, "T-9"))
        .await
        .expect_status(201)
        .json();
    assert_eq!(made["skills"], json!(["mechanical", "seals"]));
    let states: Vec<_> = made["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), c["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("hot_work", "ends_soon"),
            ("first_aid", "expired"),
            ("lifting", "valid")
        ]
    );
    assert_eq!(made["is_away"], true);
    assert_eq!(made["absences"].as_array().unwrap().len(), 1, "{made}");
    assert_eq!(made["username"], plant.user("engineer"));
    assert_eq!(
        (&made["site_code"], &made["time_zone"]),
        (&json!("S1"), &json!("Asia/Riyadh"))
    );
    for query in ["skill=Seals", "q=عمر", "is_active=true&q=t-9"] {
        let found = planner.get(&format!("/api/technicians?{query}")).await;
        let found = found.expect_status(200).json();
        assert_eq!(found["total"], 1, "{query}: {found}");
    }
    let none = planner.get("/api/technicians?is_active=false").await.json();
    assert_eq!(none["total"], 0);
    let path = format!("/api/technicians/{}", made["id"].as_str().unwrap());
    planner.delete(&path).await.expect_status(204);
    planner.get(&path).await.expect_status(404);
}

#[tokio::test]
async fn what_a_person_costs_and_why_they_are_away_is_for_planners() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let made = planner.post("/api/technicians", input(&plant, "T-9")).await;
    let made = made.expect_status(201).json();
    let path = format!("/api/technicians/{}", made["id"].as_str().unwrap());
    assert_eq!(
        (&made["hourly_cost"], &made["note"]),
        (&json!(85.5), &json!("works fast"))
    );
    assert_eq!(made["absences"][0]["reason"], "sick");
    for start in ["viewer", "engineer"] {
        let reader = app.signed_in(&plant.user(start)).await;
        let shown = reader.get(&path).await.expect_status(200).json();
        assert_eq!(shown["hourly_cost"], Value::Null);
        assert_eq!(
            (&shown["note"], &shown["absences"][0]["reason"]),
            (&json!(""), &json!(""))
        );
        assert_eq!(shown["absences"].as_array().unwrap().len(), 1);
        reader
            .post("/api/technicians", input(&plant, "T-10"))
            .await
            .expect_status(403);
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one row per wrong field")]
async fn what_can_not_be_is_refused_by_field() {
    let (app, plant, other) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let with = |field: &str, value: Value| {
        let mut body = input(&plant, "T-9");
        body[field] = value;
        body
    };
    let shift = |weekday: u8, from: u16, to: u16| json!({ "weekday": weekday, "from_minute": from, "to_minute": to });
    let two = |a: Value, b: Value| json!([a, b]);
    for (field, value, code) in [
        ("code", json!(""), "request.text_empty"),
        (
            "names",
            json!({ "en": "", "ar": " " }),
            "request.name_missing",
        ),
        (
            "shifts",
            json!([shift(8, 420, 930)]),
            "technicians.shift_wrong",
        ),
        (
            "shifts",
            json!([shift(1, 420, 1400)]),
            "technicians.shift_wrong",
        ),
        (
            "shifts",
            two(shift(7, 1140, 1860), shift(1, 400, 900)),
            "technicians.shifts_overlap",
        ),
        (
            "absences",
            json!([{ "from": 100_000_000_000_000_000_i64, "to": 100_000_000_000_001_000_i64 }]),
            "request.date_out_of_range",
        ),
        (
            "certificates",
            json!([{ "name": "hot_work", "valid_until": 1_000_000_000_000_000_000_i64 }]),
            "request.date_out_of_range",
        ),
        (
            "absences",
            json!([{ "from": 2_000, "to": 1_000 }]),
            "technicians.absence_wrong",
        ),
        (
            "certificates",
            two(
                json!({ "name": "a b", "valid_until": null }),
                json!({ "name": "A_B", "valid_until": null }),
            ),
            "technicians.certificate_twice",
        ),
        ("hourly_cost", json!(-1), "request.number_out_of_range"),
        (
            "username",
            json!("nobody@north"),
            "technicians.user_unknown",
        ),
        // A user of another tenant looks like one that does not exist.
        (
            "username",
            json!(other.user("engineer")),
            "technicians.user_unknown",
        ),
    ] {
        let reply = planner.post("/api/technicians", with(field, value)).await;
        reply.expect_field(field, code);
    }
    planner
        .post("/api/technicians", input(&plant, "T-9"))
        .await
        .expect_status(201);
    let again = planner
        .post("/api/technicians", input(&plant, "T-10"))
        .await;
    again.expect_field("username", "technicians.user_taken");
    planner
        .post("/api/technicians", with("username", Value::Null))
        .await
        .expect_code(409, "technicians.code_taken");
    let arabic = {
        let mut client = app.signed_in(&plant.user("optimizer")).await;
        client.language = "ar";
        client
    };
    let said = arabic
        .post("/api/technicians", with("shifts", json!([shift(8, 1, 2)])))
        .await
        .json();
    let message = said["fields"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("تنتهي الوردية"), "{message}");
}

#[tokio::test]
async fn a_file_is_tried_first_and_written_whole_or_not_at_all() {
    let (app, plant, _) = TestApp::with_plants().await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let send = async |query: &str, csv: &str| {
        let path = format!("/api/technicians/import{query}");
        planner
            .send(Method::POST, &path, "text/csv", csv.to_owned())
            .await
    };
    let good = "الرقم الوظيفي,الاسم,الموقع,المهارات,المناوبات\n\
                T-20,نورة,S1,seals،rotating,sun-thu 07:00-15:00\nT-21,فهد,S1,,\n";
    let tried = send("?dry_run=true", good).await.expect_status(200).json();
    assert_eq!(
        (&tried["created"], &tried["errors"]),
        (&json!(2), &json!([]))
    );
    let total = async || planner.get("/api/technicians").await.json()["total"].clone();
    assert_eq!(total().await, 1, "a trial writes nothing");
    let half = "code,name_en,site\nT-30,A,S1\nT-31,B,nowhere\n";
    let refused = send("", half).await.expect_status(200).json();
    assert_eq!(
        (&refused["created"], &refused["errors"][0]["row"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(total().await, 1, "with one wrong row nothing is written");
    send("", good).await.expect_status(200);
    assert_eq!(total().await, 3);
    let again = send("", good).await.expect_status(200).json();
    assert_eq!(
        (&again["created"], &again["unchanged"]),
        (&json!(0), &json!(2))
    );
    let found = planner.get("/api/technicians?skill=rotating").await.json();
    assert_eq!(found["items"][0]["shifts"].as_array().unwrap().len(), 5);
}
