//! Who may talk to the server at all, and what every answer carries.

use axum::http::{Method, header};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn answers_only_to_its_own_names() {
    let app = TestApp::empty().await;
    let mut client = app.client();
    for host in [
        "127.0.0.1:8642",
        "localhost:8642",
        "[::1]:8642",
        "pump-house",
        "PUMP-HOUSE:8642",
    ] {
        client.host = host.to_owned();
        client.origin = None;
        client.get("/health/live").await.expect_status(200);
    }
    for host in [
        "",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:8642.evil.example",
    ] {
        client.host = host.to_owned();
        client
            .get("/health/live")
            .await
            .expect_code(421, "request.host_wrong");
    }
}

#[tokio::test]
async fn refuses_writes_from_other_pages() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut client = app.signed_in(&plant.user("admin")).await;
    for origin in [
        None,
        Some("null"),
        Some("http://evil.example"),
        Some("http://localhost:8642"),
    ] {
        client.origin = origin.map(str::to_owned);
        let reply = client.post("/api/sites", json!({})).await;
        reply.expect_code(403, "request.origin_wrong");
    }
    client.origin = Some("http://evil.example".to_owned());
    client
        .get("/api/sites")
        .await
        .expect_code(403, "request.origin_wrong");
}

#[tokio::test]
async fn refuses_writes_without_the_sessions_own_csrf_token() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut client = app.signed_in(&plant.user("admin")).await;
    let other = app.signed_in(&plant.user("engineer")).await;
    for token in [
        None,
        Some(String::new()),
        Some("x".repeat(43)),
        other.csrf.clone(),
    ] {
        client.csrf = token;
        client
            .delete("/api/session")
            .await
            .expect_code(403, "session.csrf_wrong");
    }
    client.get("/api/session").await.expect_status(200);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::empty().await;
    let client = app.client();
    for path in [
        "/",
        "/api/nothing",
        "/health/live",
        "/api/openapi.json",
        "/static/none.js",
    ] {
        let reply = client.get(path).await;
        let header = |name: &str| {
            reply
                .headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let policy = header("content-security-policy");
        for part in [
            "default-src 'self'",
            "script-src 'self';",
            "worker-src 'self';",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert!(header("x-request-id").len() >= 12, "{path}");
        assert_eq!(header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn pages_get_the_interface_and_unknown_routes_an_error() {
    let app = TestApp::empty().await;
    let client = app.client();
    for path in [
        "/",
        "/assets",
        "/assets/1",
        "/blackbox/incidents/1",
        "/digital-twin?t=5",
    ] {
        let reply = client.get(path).await.expect_status(200);
        assert!(
            reply.text().to_lowercase().contains("<!doctype html>"),
            "{path}"
        );
    }
    for path in ["/api/none", "/internal/none", "/auth/none"] {
        client
            .get(path)
            .await
            .expect_code(404, "request.route_unknown");
    }
    for path in [
        "/static/none.js",
        "/robots.txt",
        "/../Cargo.toml",
        "/..%2f..%2fCargo.toml",
    ] {
        let reply = client.get(path).await;
        assert!(!reply.text().contains("[package]"), "{path}");
        assert_eq!(reply.status, 404, "{path}");
    }
    client
        .call(Method::PATCH, "/api/sites", None)
        .await
        .expect_code(405, "request.method_wrong");
    let docs = client.get("/api/docs").await.expect_status(200).text();
    assert!(docs.contains("/api/blackbox/incidents/{id}/timeline") && !docs.contains("<script"));
}

#[tokio::test]
async fn errors_speak_the_readers_language() {
    let app = TestApp::empty().await;
    let mut client = app.client();
    let text = |reply: crate::support::Reply| reply.json()["message"].as_str().unwrap().to_owned();
    let english = text(client.get("/api/sites").await);
    assert!(english.contains("Sign in"), "{english}");
    client.language = "fr";
    let arabic = text(client.get("/api/sites").await);
    assert!(arabic.contains("تسجيل الدخول"), "{arabic}");
    assert_eq!(text(client.get("/api/sites?lang=en").await), english);
    client.language = "en-GB,en;q=0.9";
    assert_eq!(text(client.get("/api/sites?lang=ar").await), arabic);
}

#[tokio::test]
async fn the_one_time_token_of_the_window_works_once() {
    let app = TestApp::empty().await;
    let client = app.client();
    let token = app.state.issue_handoff().unwrap();
    let wrong = format!("/auth/handoff?t={}", "x".repeat(43));
    client
        .get(&wrong)
        .await
        .expect_code(403, "session.handoff_wrong");
    let path = format!("/auth/handoff?t={token}");
    let reply = client.get(&path).await.expect_status(303);
    assert_eq!(reply.headers["location"], "/");
    assert!(
        !reply.headers.contains_key("set-cookie"),
        "it signs nobody in"
    );
    app.state.handoff_used().await;
    client
        .get(&path)
        .await
        .expect_code(403, "session.handoff_wrong");
}

#[tokio::test]
async fn a_server_proves_itself_to_windows_only_with_a_key() {
    let app = TestApp::empty().await;
    let client = app.client();
    let challenge = iq_api::WindowKey::challenge().unwrap();
    let path = format!("/auth/window?challenge={challenge}");
    assert_eq!(client.get(&path).await.status, 404, "it has no key");
    let key = iq_api::WindowKey::random().unwrap();
    app.state.prove_with(key.clone(), "http://127.0.0.1:1");
    let reply = client.get(&path).await.expect_status(200).json();
    let proof = reply["proof"].as_str().unwrap();
    assert!(key.is_answer("http://127.0.0.1:1", &challenge, proof));
    let other = client.get("/auth/window?challenge=x").await;
    assert_eq!(other.status, 404, "no challenge of ours");
    client
        .get("/auth/window")
        .await
        .expect_code(422, "request.query_wrong");
}

#[tokio::test]
async fn large_answers_travel_compressed() {
    use tower::ServiceExt;

    let app = TestApp::empty().await;
    let request = axum::http::Request::get("/api/openapi.json")
        .header("host", crate::support::HOST)
        .header("accept-encoding", "gzip")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    assert!(
        bytes.len() * 4 < iq_api::openapi_json().len(),
        "{}",
        bytes.len()
    );
}

#[tokio::test]
async fn the_served_document_names_the_cookie_of_this_port() {
    let app = TestApp::empty().await;
    let document = app.client().get("/api/openapi.json").await;
    let session = &document.json()["components"]["securitySchemes"]["session"];
    assert_eq!(session["name"], "optria_8642");
}

#[tokio::test]
async fn who_asks_too_fast_waits_and_keeps_nobody_else_waiting() {
    let set = [("OPTRIA_REQUESTS_PER_SECOND", "1")];
    let (app, plant, _) = TestApp::with_plants_set(tempfile::tempdir().unwrap(), &set).await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    for _ in 0..20 {
        engineer.get("/api/session").await.expect_status(200);
    }
    let refused = engineer.get("/api/session").await;
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    let refused = refused.expect_code(429, "request.too_many").json();
    assert_eq!(refused["params"]["wait_s"], "1");
    assert!(refused["message"].as_str().unwrap().contains("1 second"));
    // A write is refused as well, and nothing is done.
    let sent = engineer.delete("/api/session").await;
    sent.expect_code(429, "request.too_many");
    viewer.get("/api/session").await.expect_status(200);
    app.clock.advance_ms(1_000);
    engineer.get("/api/session").await.expect_status(200);
    engineer.get("/api/session").await.expect_status(429);
}
