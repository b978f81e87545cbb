//! Bad input: an error with a code, nothing half-written, never a failure of the program.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn refuses_bodies_that_do_not_fit() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    let post = |body: String| client.send(Method::POST, "/api/sites", "application/json", body);
    let site = json!({ "code": "X", "names": { "en": "x", "ar": "" }, "time_zone": "UTC" });
    let mut unknown = site.clone();
    unknown["tenant_id"] = json!(plant.tenant);
    post(unknown.to_string())
        .await
        .expect_field("tenant_id", "request.field_unknown");
    post("{\"code\": 7}".to_owned())
        .await
        .expect_field("code", "request.field_wrong_type");
    post("{\"code\": \"X\"}".to_owned())
        .await
        .expect_field("names", "request.field_missing");
    for broken in [
        "",
        "{",
        "[1,",
        "nul",
        "{\"code\":\"X\"} {}",
        &"[".repeat(10_000),
    ] {
        let reply = post(broken.to_owned()).await.expect_status(422);
        assert!(["request.json_malformed", "request.fields_wrong"].contains(&&*reply.code()));
    }
    post(format!("{{\"code\":\"{}\"}}", "x".repeat(1_000_000)))
        .await
        .expect_code(413, "request.too_large");
    let bytes = vec![b'"', 0xff, 0xfe, b'"'];
    client
        .send(Method::POST, "/api/sites", "application/json", bytes)
        .await
        .expect_code(422, "request.not_utf8");
    client
        .send(Method::POST, "/api/sites", "text/plain", site.to_string())
        .await
        .expect_code(422, "request.json_required");
    assert_eq!(
        client
            .get("/api/sites")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn refuses_texts_that_could_make_a_screen_lie() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    for (code, expected) in [
        ("", "request.text_empty"),
        ("   ", "request.text_empty"),
        ("A\u{202e}B", "request.text_hidden_characters"),
        ("A\u{0}B", "request.text_hidden_characters"),
        ("A\nB", "request.text_hidden_characters"),
        ("../../etc/passwd", "request.code_wrong"),
        (&"x".repeat(41), "request.text_too_long"),
    ] {
        let body = json!({ "code": code, "names": { "en": "x", "ar": "" }, "time_zone": "UTC" });
        client
            .post("/api/sites", body)
            .await
            .expect_field("code", expected);
    }
    let pair = json!({ "code": "P-1A/B", "names": { "en": "x", "ar": "" }, "time_zone": "UTC" });
    client.post("/api/sites", pair).await.expect_status(201);
    let body = json!({ "code": "X", "names": { "en": "", "ar": " " }, "time_zone": "Mars" });
    client
        .post("/api/sites", body)
        .await
        .expect_field("names", "request.name_missing")
        .expect_field("time_zone", "request.time_zone_wrong");
}

#[tokio::test]
async fn refuses_mappings_that_can_not_be_right() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    let mapping = |tag: &str, metric: &str, unit: &str| {
        json!({
            "integration_id": plant.integration, "asset_id": plant.asset, "external_tag": tag,
            "metric_name": metric, "unit": unit,
        })
    };
    let path = "/api/integrations/mappings";
    let wrong_unit = mapping("T2", "vibration_nde", "bar");
    client
        .post(path, wrong_unit.clone())
        .await
        .expect_field("unit", "mapping.unit_mismatch");
    let preview = client
        .post(&format!("{path}/validate"), wrong_unit)
        .await
        .expect_status(200);
    assert_eq!(
        preview.json()["problems"][0]["code"],
        "mapping.unit_mismatch"
    );
    client
        .post(path, mapping("T1", "vibration_nde", "mm/s"))
        .await
        .expect_status(409);
    client
        .post(path, mapping("A\u{202e}B", "vibration_nde", "mm/s"))
        .await
        .expect_field("external_tag", "mapping.bad_tag");
    let long = mapping(&"x".repeat(1_000_000), "vibration_nde", "mm/s");
    client
        .post(path, long)
        .await
        .expect_code(413, "request.too_large");
    let fine = mapping("T2", "vibration_nde", "in/s");
    let preview = client.post(&format!("{path}/validate"), fine).await.json();
    assert_eq!(preview["problems"], json!([]));
    assert!(
        (preview["value"].as_f64().unwrap() - 4.2 * 25.4).abs() < 1e-9,
        "{preview}"
    );
    let editing = format!("{path}/validate?mapping_id={}", plant.mapping);
    let same = client
        .post(&editing, mapping("T1", "vibration_de", "mm/s"))
        .await
        .json();
    assert_eq!(
        same["problems"],
        json!([]),
        "a mapping does not collide with itself"
    );
}

#[tokio::test]
async fn refuses_rules_without_sense() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    let rule = |condition: serde_json::Value, deadband: f64| {
        json!({
            "signal_id": plant.signal, "condition": condition, "on_delay_s": 1,
            "off_delay_s": 1, "deadband": deadband,
        })
    };
    let limits = |limits: serde_json::Value| json!({ "kind": "limit", "limits": limits });
    let path = "/api/alert-rules";
    for (body, field, code) in [
        (
            rule(limits(json!({})), 0.0),
            "condition.limits",
            "rule.limits_missing",
        ),
        (
            rule(limits(json!({ "high": 9, "high_high": 7 })), 0.0),
            "condition.limits",
            "rule.limits_disordered",
        ),
        (
            rule(limits(json!({ "high": 9 })), -1.0),
            "deadband",
            "request.number_out_of_range",
        ),
        (
            rule(
                json!({ "kind": "stale", "for_s": 0, "severity": "warning" }),
                0.0,
            ),
            "condition.for_s",
            "rule.duration_wrong",
        ),
    ] {
        client.post(path, body).await.expect_field(field, code);
    }
    let unknown = rule(json!({ "kind": "magic" }), 0.0);
    client.post(path, unknown).await.expect_status(422);
}

#[tokio::test]
async fn refuses_queries_and_ids_that_mean_nothing() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("owner")).await;
    let signal = plant.signal;
    for (path, status) in [
        ("/api/assets?limit=-1".to_owned(), 422),
        ("/api/assets?site_id=1".to_owned(), 422),
        ("/api/twin?t=12".to_owned(), 422),
        ("/api/twin?t=abc".to_owned(), 422),
        (format!("/api/signals/{signal}/series?from=9&to=1"), 422),
        (format!("/api/signals/{signal}/series?from=0"), 422),
        (
            format!("/api/signals/{signal}/series?from=9223372036854775807"),
            422,
        ),
        ("/api/blackbox/histogram?bins=99999999999".to_owned(), 422),
        ("/api/alerts?severity=loud".to_owned(), 422),
        ("/api/assets/not-an-id".to_owned(), 404),
        ("/api/assets/%ff".to_owned(), 404),
        ("/api/assets/..%2f..%2fetc%2fpasswd".to_owned(), 404),
        (
            "/api/assets/00000000-0000-0000-0000-000000000000".to_owned(),
            404,
        ),
    ] {
        let reply = client.get(&path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn an_enrolment_takes_the_name_that_earlier_clients_sent_and_nothing_else_unknown() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("admin")).await;
    let enrol = |field: &str, value: serde_json::Value| {
        // A code that is none: nothing is to go out from here.
        let mut body = json!({ "hub_url": "https://hub.example", "code": "none" });
        body[field] = value;
        let path = "/api/sync/enrol";
        client.send(Method::POST, path, "application/json", body.to_string())
    };
    for name in [json!("Train 1"), json!(""), json!(null)] {
        enrol("name", name)
            .await
            .expect_code(422, "sync.code_wrong");
    }
    enrol("label", json!("Train 1"))
        .await
        .expect_field("label", "request.field_unknown");
}

#[tokio::test]
async fn an_import_writes_everything_or_nothing() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("optimizer")).await;
    let import = |query: &'static str, csv: &'static str| {
        let client = client.clone();
        async move {
            let path = format!("/api/assets/import{query}");
            client.send(Method::POST, &path, "text/csv", csv).await
        }
    };
    let wrong = "code,unit,family,name_en\nQ-1,U1,tank,Tank\nQ-2,U9,tank,Tank\n";
    let report = import("", wrong).await.expect_status(200).json();
    assert_eq!(report["errors"][0]["row"], 3);
    assert_eq!(report["errors"][0]["code"], "import.unit_unknown");
    let total = || async {
        client.get("/api/assets").await.json()["total"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(total().await, 1);
    let right = "الرمز;الوحدة;الفئة;الاسم;parent\nQ-2;U1;tank;خزان;Q-1\nQ-1;U1;tank;خزان;\n";
    let report = import("?dry_run=true", right)
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&report["created"], total().await),
        (&json!(2), 1),
        "{report}"
    );
    import("", right).await.expect_status(200);
    assert_eq!(total().await, 3);
    let found = client
        .get("/api/assets?q=%D8%AE%D8%B2%D8%A7%D9%86")
        .await
        .json();
    assert_eq!(found["total"], 2);
}
