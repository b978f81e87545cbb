//! Tokens of programs: what they may, what they may not, and how they end.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use iq_store::api_tokens;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Client, HOST, TestApp};

/// A program: no cookie, no origin, no CSRF token.
async fn call(app: &TestApp, token: &str, method: Method, path: &str, body: Option<Value>) -> u16 {
    with_cookie(app, token, None, method, path, body).await
}

async fn with_cookie(
    app: &TestApp,
    token: &str,
    cookie: Option<&str>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> u16 {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, HOST)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    let body = body.map(|b| b.to_string()).unwrap_or_default();
    let request = request.body(Body::from(body)).unwrap();
    let answer = app.router.clone().oneshot(request).await.unwrap();
    answer.status().as_u16()
}

async fn made(client: &Client, permissions: &[&str], days: u32) -> (String, String) {
    let body = json!({ "name": "report", "permissions": permissions, "days": days });
    let made = client
        .post("/api/session/tokens", body)
        .await
        .expect_status(201)
        .json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["token"]), text(&made["row"]["id"]))
}

#[tokio::test]
async fn a_token_may_what_it_names_and_its_owner_may_and_nothing_else() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let (token, _) = made(&admin, &["assets.read", "assets.write"], 30).await;
    assert_eq!(
        call(&app, &token, Method::GET, "/api/sites", None).await,
        200
    );
    let site = json!({ "code": "S9", "names": { "en": "a", "ar": "" }, "time_zone": "UTC" });
    let path = "/api/sites";
    assert_eq!(
        call(&app, &token, Method::POST, path, Some(site)).await,
        201
    );
    for (method, path) in [
        (Method::GET, "/api/tenant-users"),
        (Method::GET, "/api/audit"),
        (Method::GET, "/api/session"),
        (Method::DELETE, "/api/session"),
        (Method::GET, "/api/session/tokens"),
    ] {
        assert_eq!(call(&app, &token, method, path, None).await, 403, "{path}");
    }
    // Who signs in, and as whom, is never a program's business.
    for permission in ["users.write", "identity_providers.write", "profile.own"] {
        let body = json!({ "name": "x", "permissions": [permission], "days": 1 });
        admin
            .post("/api/session/tokens", body)
            .await
            .expect_field("permissions", "tokens.permission_refused");
    }
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let body = json!({ "name": "x", "permissions": ["assets.write"], "days": 1 });
    viewer
        .post("/api/session/tokens", body)
        .await
        .expect_field("permissions", "tokens.permission_refused");
    // The record says which program it was.
    let audit = admin.get("/api/audit?limit=500").await.text();
    assert!(audit.contains("\"api_token\":\"report\""), "{audit}");
    assert!(!audit.contains(&token));
}

#[tokio::test]
async fn a_token_does_not_mix_with_a_session() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let (token, _) = made(&admin, &["assets.read"], 1).await;
    let cookie = admin.cookie.clone().unwrap();
    let both = with_cookie(&app, &token, Some(&cookie), Method::GET, "/api/sites", None);
    assert_eq!(both.await, 401);
    // The session is no token and the token no session.
    let value = cookie.split_once('=').unwrap().1;
    for wrong in [value, "", "oiq_", &token[..46], &format!("{token}x")] {
        assert_eq!(
            call(&app, wrong, Method::GET, "/api/sites", None).await,
            401
        );
    }
    let mut thief = app.client();
    thief.cookie = Some(format!("optria_8642={}", &token[4..]));
    thief.get("/api/sites").await.expect_status(401);
    // A page of another site gets nowhere with a header of this kind either.
    let mut page = app.client();
    page.origin = Some("http://evil.example".to_owned());
    page.get("/api/sites").await.expect_status(403);
}

#[tokio::test]
async fn a_token_ends_by_its_owner_by_an_administrator_and_by_time() {
    let (app, plant, other) = TestApp::with_plants().await;
    let owner = app.signed_in(&plant.user("colleague")).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let alive = async |token: &str| call(&app, token, Method::GET, "/api/sites", None).await == 200;
    let (one, id) = made(&owner, &["assets.read"], 1).await;
    assert!(alive(&one).await);
    let rows = owner.get("/api/session/tokens").await.json();
    assert!(rows.to_string().contains(&id) && !rows.to_string().contains(&one));
    let path = format!("/api/session/tokens/{id}");
    let stranger = app.signed_in(&other.user("colleague")).await;
    stranger.delete(&path).await.expect_status(404);
    admin.delete(&path).await.expect_status(404);
    owner.delete(&path).await.expect_status(204);
    assert!(!alive(&one).await);

    let (two, id) = made(&owner, &["assets.read"], 1).await;
    let of_user = format!("/api/tenant-users/{}/tokens", plant.colleague);
    let seen = admin.get(&of_user).await.text();
    assert!(seen.contains(&id) && !seen.contains(&two));
    admin
        .delete(&format!("{of_user}/{id}"))
        .await
        .expect_status(204);
    assert!(!alive(&two).await);

    let (three, _) = made(&owner, &["assets.read"], 1).await;
    drop((owner, admin, stranger));
    let app = app.restarted().await;
    assert_eq!(
        call(&app, &three, Method::GET, "/api/sites", None).await,
        200
    );
    app.clock.advance_ms(86_400_000);
    assert_eq!(
        call(&app, &three, Method::GET, "/api/sites", None).await,
        401
    );
}

#[tokio::test]
async fn the_tokens_of_a_user_end_with_a_new_password_and_with_the_account() {
    let (app, plant, _) = TestApp::with_plants().await;
    let colleague = app.signed_in(&plant.user("colleague")).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let (token, _) = made(&colleague, &["assets.read"], 30).await;
    let path = format!("/api/tenant-users/{}", plant.colleague);
    let sessions = admin.get(&format!("{path}/sessions")).await.json();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    admin
        .delete(&format!("{path}/sessions"))
        .await
        .expect_status(204);
    colleague.get("/api/session").await.expect_status(401);
    assert_eq!(
        call(&app, &token, Method::GET, "/api/sites", None).await,
        200
    );
    admin
        .post(&format!("{path}/reset-password"), json!({}))
        .await
        .expect_status(200);
    assert_eq!(
        call(&app, &token, Method::GET, "/api/sites", None).await,
        401
    );
    let tenant = plant.tenant;
    let left = app
        .runtime
        .store()
        .read(move |conn| api_tokens::list_tokens_of_user(conn, tenant, plant.colleague))
        .await
        .unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn the_own_profile_is_changed_by_its_owner() {
    let (app, plant, _) = TestApp::with_plants().await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let body = json!({ "name": "نورة", "email": "noura@plant.example" });
    let info = viewer
        .put("/api/session/profile", body)
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&info["name"], &info["email"]),
        (&json!("نورة"), &json!("noura@plant.example"))
    );
    assert_eq!(info["role"], "viewer");
    let body = json!({ "name": "x", "email": "nowhere" });
    viewer
        .put("/api/session/profile", body)
        .await
        .expect_field("email", "users.email_wrong");
    let body = json!({ "name": "x", "role": "platform_owner" });
    viewer
        .put("/api/session/profile", body)
        .await
        .expect_status(422);
}
