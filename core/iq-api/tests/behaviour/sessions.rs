//! First start, signing in and out, the life of a session, users.

use axum::http::Method;
use futures::StreamExt;
use iq_domain::User;
use iq_store::{HealthState, users};
use serde_json::{Value, json};

use crate::support::{Client, NOW, PASSWORD, TestApp};

fn setup_body() -> Value {
    json!({
        "tenant": { "en": "Refinery", "ar": "مصفاة" }, "username": "sara", "name": "Sara",
        "password": "a quiet turbine hall",
    })
}

/// The name of the user who signs in as that.
fn name_of<'a>(users: &'a Value, username: &str) -> &'a str {
    let mut users = users.as_array().unwrap().iter();
    let found = users.find(|user| user["username"] == username).unwrap();
    found["name"].as_str().unwrap()
}

#[tokio::test]
async fn the_platform_owner_is_named_in_the_language_of_the_first_start() {
    let app = TestApp::empty().await;
    let mut client = app.client();
    let reply = client.post("/api/setup?lang=ar", setup_body()).await;
    client.adopt(&reply.expect_status(201));
    let users = client.get("/api/tenant-users").await.expect_status(200);
    assert_eq!(name_of(&users.json(), "platform"), "مالك المنصة");
}

#[tokio::test]
async fn the_first_start_makes_an_administrator_and_a_platform_owner_once() {
    let app = TestApp::empty().await;
    let mut client = app.client();
    assert_eq!(client.get("/api/setup").await.json()["needs_setup"], true);
    client.get("/api/sites").await.expect_status(401);
    let mut weak = setup_body();
    weak["password"] = json!("short");
    client
        .post("/api/setup", weak)
        .await
        .expect_field("password", "password.too_short");
    let reply = client
        .post("/api/setup?lang=en", setup_body())
        .await
        .expect_status(201);
    let body = reply.json();
    assert_eq!(
        (&body["role"], &body["username"]),
        (&json!("tenant_admin"), &json!("sara"))
    );
    client.adopt(&reply);
    let users = client.get("/api/tenant-users").await.expect_status(200);
    assert_eq!(name_of(&users.json(), "platform"), "Platform owner");
    client
        .post("/api/setup", setup_body())
        .await
        .expect_code(409, "setup.done_already");
    assert_eq!(client.get("/api/setup").await.json()["needs_setup"], false);

    let mut owner = app.client();
    let name = body["platform_owner_username"].as_str().unwrap();
    let password = body["platform_owner_password"].as_str().unwrap();
    let info = owner
        .sign_in(name, password)
        .await
        .expect_status(200)
        .json();
    assert_eq!(info["must_change_password"], true);
    owner
        .get("/internal/config/status")
        .await
        .expect_code(403, "session.password_change_required");
    let change = json!({ "current_password": password, "new_password": "grey heron over water" });
    let changed = owner
        .post("/api/session/password", change)
        .await
        .expect_status(200);
    owner.get("/api/session").await.expect_status(401);
    owner.adopt(&changed);
    let status = owner
        .get("/internal/config/status")
        .await
        .expect_status(200)
        .json();
    assert_eq!(status["subsystems"]["database"]["status"], "ok");
    assert_eq!(status["subsystems"]["demo_mode"]["flag"], false);
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_and_changes_at_sign_in() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut client = app.client();
    let name = plant.user("engineer");
    let first = client.sign_in(&name, PASSWORD).await.expect_status(200);
    let cookie = first.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("optria_8642="), "{cookie}");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let old = client.clone();
    client.sign_in(&name, PASSWORD).await.expect_status(200);
    assert_ne!(client.cookie, old.cookie);
    old.get("/api/session")
        .await
        .expect_code(401, "session.ended");
    client.get("/api/session").await.expect_status(200);
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_half_a_day_whatever_happens() {
    let (app, plant, _) = TestApp::with_plants().await;
    let idle = app.signed_in(&plant.user("viewer")).await;
    let busy = app.signed_in(&plant.user("engineer")).await;
    for _ in 0..29 {
        app.clock.advance_ms(25 * 60_000);
        if busy.get("/api/session").await.status != 200 {
            break;
        }
    }
    busy.get("/api/session")
        .await
        .expect_code(401, "session.expired");
    idle.get("/api/session")
        .await
        .expect_code(401, "session.expired");
    let lived = (app.runtime.clock().now().0 - crate::support::NOW.0) / 60_000;
    assert!(
        (11 * 60..=12 * 60 + 25).contains(&lived),
        "lived {lived} minutes"
    );
}

/// Only who holds the token of a session learns that there was one.
#[tokio::test]
async fn how_a_session_ended_is_told_to_who_brings_its_token() {
    let (app, plant, _) = TestApp::with_plants().await;
    let name = plant.user("viewer");
    let gone = app.signed_in(&name).await;
    let mut guess = gone.clone();
    // One letter of the token is another one.
    let cookie = gone.cookie.clone().unwrap();
    let (key, token) = cookie.split_once('=').unwrap();
    let first = if token.starts_with('A') { 'B' } else { 'A' };
    guess.cookie = Some(format!("{key}={first}{}", &token[1..]));
    let admin = app.signed_in(&plant.user("admin")).await;
    let viewer = find(&admin, &name).await;
    let id = viewer["id"].as_str().unwrap();
    let path = format!("/api/tenant-users/{id}/sessions");
    admin.delete(&path).await.expect_status(204);
    gone.get("/api/session")
        .await
        .expect_code(401, "session.ended");
    guess
        .get("/api/session")
        .await
        .expect_code(401, "session.required");
}

#[tokio::test]
async fn the_configuration_says_how_long_a_session_lasts() {
    let (app, plant, _) = TestApp::with_plants().await;
    let policy = [("OPTRIA_SESSION_IDLE", "5m"), ("OPTRIA_SESSION_MAX", "12m")];
    let app = app.restarted_with(&policy).await;
    let name = plant.user("viewer");
    let (idle, busy) = (app.signed_in(&name).await, app.signed_in(&name).await);
    for _ in 0..2 {
        app.clock.advance_ms(4 * 60_000);
        busy.get("/api/session").await.expect_status(200);
    }
    idle.get("/api/session")
        .await
        .expect_code(401, "session.expired");
    app.clock.advance_ms(3 * 60_000 + 59_000);
    busy.get("/api/session").await.expect_status(200);
    app.clock.advance_ms(2_000);
    busy.get("/api/session")
        .await
        .expect_code(401, "session.expired");
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_it_and_elsewhere_it_is_not() {
    let (app, plant, _) = TestApp::with_plants().await;
    let app = app
        .restarted_with(&[("OPTRIA_PUBLIC_URL", "https://optria.plant")])
        .await;
    let name = plant.user("engineer");
    let mut proxied = app.client();
    proxied.host = "optria.plant".to_owned();
    proxied.origin = Some("https://optria.plant".to_owned());
    let reply = proxied.sign_in(&name, PASSWORD).await.expect_status(200);
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-optria_8642="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    assert_eq!(
        reply.headers["strict-transport-security"],
        "max-age=31536000"
    );
    proxied.get("/api/session").await.expect_status(200);

    let mut local = app.client();
    let reply = local.sign_in(&name, PASSWORD).await.expect_status(200);
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("optria_8642=") && !cookie.contains("Secure"),
        "{cookie}"
    );
    assert!(!reply.headers.contains_key("strict-transport-security"));
    // Neither counts where the other one does.
    std::mem::swap(&mut proxied.cookie, &mut local.cookie);
    for client in [&proxied, &local] {
        client
            .get("/api/session")
            .await
            .expect_code(401, "session.required");
    }
    std::mem::swap(&mut proxied.cookie, &mut local.cookie);
    let gone = proxied.delete("/api/session").await.expect_status(204);
    let cookie = gone.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-optria_8642=;") && cookie.contains("Secure; Max-Age=0"));
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let (app, plant, _) = TestApp::with_plants().await;
    let mut client = app.client();
    let known = client.sign_in(&plant.user("viewer"), "wrong").await;
    let unknown = client.sign_in("nobody@nowhere", "wrong").await;
    assert_eq!((known.status, unknown.status), (401, 401));
    let strip = |reply: crate::support::Reply| {
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(strip(known), strip(unknown));
}

#[tokio::test]
async fn guessing_has_to_wait_also_after_a_restart() {
    let (app, plant, _) = TestApp::with_plants().await;
    let name = plant.user("viewer");
    let mut client = app.client();
    let mut waits = Vec::new();
    for _ in 0..12 {
        let reply = client.sign_in(&name, "wrong").await;
        if reply.status == 429 {
            assert_eq!(reply.code(), "session.back_off");
            let wait: i64 = reply.headers["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            waits.push(wait);
            app.clock.advance_ms(wait * 1_000);
        }
    }
    assert!(waits.len() >= 3 && waits.is_sorted(), "{waits:?}");
    client.sign_in(&name, "wrong").await;
    // Not even the right password gets in before its time, and not after a restart either.
    client.sign_in(&name, PASSWORD).await.expect_status(429);
    drop(client);
    let app = app.restarted().await;
    let mut client = app.client();
    client.sign_in(&name, PASSWORD).await.expect_status(429);
    app.clock.advance_ms(16 * 60_000);
    client.sign_in(&name, PASSWORD).await.expect_status(200);
    assert_eq!(app.runtime.store().health().state, HealthState::Ok);
}

#[tokio::test]
async fn sessions_and_settings_survive_a_restart() {
    let (app, plant, _) = TestApp::with_plants().await;
    let client = app.signed_in(&plant.user("viewer")).await;
    let settings = json!({
        "language": "en", "theme": "dark", "digits": "arab", "calendar": "islamic-umalqura",
        "time_zone": "Asia/Riyadh",
    });
    client
        .put("/api/settings", settings.clone())
        .await
        .expect_status(200);
    let (cookie, csrf) = (client.cookie.clone(), client.csrf.clone());
    drop(client);
    let app = app.restarted().await;
    let mut client = app.client();
    (client.cookie, client.csrf) = (cookie, csrf);
    assert_eq!(
        client.get("/api/settings").await.expect_status(200).json(),
        settings
    );
}

async fn find(admin: &Client, username: &str) -> Value {
    let all = admin.get("/api/tenant-users").await.json();
    all.as_array()
        .unwrap()
        .iter()
        .find(|u| u["username"] == username)
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_new_user_gets_a_temporary_password_and_must_change_it() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let body = json!({ "username": "nadia", "name": "نادية", "role": "engineer" });
    let made = admin
        .post("/api/tenant-users", body.clone())
        .await
        .expect_status(201)
        .json();
    admin
        .post("/api/tenant-users", body)
        .await
        .expect_code(409, "users.username_taken");
    let password = made["temporary_password"].as_str().unwrap();
    let mut nadia = app.client();
    nadia.sign_in("NADIA", password).await.expect_status(200);
    nadia
        .get("/api/sites")
        .await
        .expect_code(403, "session.password_change_required");
    let same = json!({ "current_password": password, "new_password": password });
    nadia
        .post("/api/session/password", same)
        .await
        .expect_field("new_password", "session.password_same");
    let weak = json!({ "current_password": password, "new_password": "nadia" });
    nadia
        .post("/api/session/password", weak)
        .await
        .expect_status(422);
    let good = json!({ "current_password": password, "new_password": "seven wet camels walk" });
    let reply = nadia
        .post("/api/session/password", good)
        .await
        .expect_status(200);
    nadia.adopt(&reply);
    nadia.get("/api/sites").await.expect_status(200);
}

#[tokio::test]
async fn nobody_rises_above_the_own_role_or_locks_the_own_account() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let above = json!({ "username": "eve", "name": "Eve", "role": "platform_owner" });
    admin
        .post("/api/tenant-users", above)
        .await
        .expect_code(403, "users.role_above_own");
    let change = |user: &Value, role: &str, is_active: bool| json!({ "username": user["username"], "name": "x", "role": role, "is_active": is_active });
    let path = |user: &Value| format!("/api/tenant-users/{}", user["id"].as_str().unwrap());
    let owner = find(&admin, &plant.user("owner")).await;
    let body = change(&owner, "viewer", true);
    admin
        .put(&path(&owner), body)
        .await
        .expect_code(403, "users.role_above_own");
    let reset = format!("{}/reset-password", path(&owner));
    admin
        .post(&reset, json!({}))
        .await
        .expect_code(403, "users.role_above_own");
    let own = find(&admin, &plant.user("admin")).await;
    let body = change(&own, "viewer", true);
    admin
        .put(&path(&own), body)
        .await
        .expect_code(409, "users.own_account");
    let leaver = find(&admin, &plant.user("leaver")).await;
    let body = change(&leaver, "viewer", true);
    admin.put(&path(&leaver), body).await.expect_status(200);
    let owner = app.signed_in(&plant.user("owner")).await;
    let body = change(&own, "tenant_admin", false);
    owner
        .put(&path(&own), body)
        .await
        .expect_code(409, "users.last_admin");
}

/// A hub of an older version let in what this appliance would refuse.
#[tokio::test]
async fn a_name_that_came_down_wrong_keeps_nobody_active() {
    let (app, plant, _) = TestApp::with_plants().await;
    let (tenant, id) = (plant.tenant, plant.colleague);
    app.runtime
        .store()
        .write(move |tx| {
            let user = users::get_user(tx, tenant, id)?;
            user.map_or(Ok(()), |user| {
                let (username, email) = ("نورة".to_owned(), Some("nowhere".to_owned()));
                let user = User {
                    username,
                    email,
                    ..user
                };
                users::update_user(tx, tenant, &user)
            })
        })
        .await
        .unwrap();
    let admin = app.signed_in(&plant.user("admin")).await;
    let path = format!("/api/tenant-users/{id}");
    let before = admin.get(&path).await.expect_status(200).json();
    assert_eq!(before["email"], "nowhere");
    let change = |email: &str| {
        json!({ "username": "نورة", "name": before["name"], "role": "viewer",
            "email": email, "is_active": false })
    };
    admin
        .put(&path, change("elsewhere"))
        .await
        .expect_field("email", "users.email_wrong");
    admin.put(&path, change("nowhere")).await.expect_status(200);
    let after = admin.get(&path).await.json();
    assert_eq!(after["is_active"], false);
}

#[tokio::test]
async fn a_role_change_ends_the_sessions_and_the_event_stream() {
    let (app, plant, _) = TestApp::with_plants().await;
    let viewer = app.signed_in(&plant.user("colleague")).await;
    let mut stream = viewer
        .open(Method::GET, "/api/live", "", Vec::new())
        .await
        .into_body()
        .into_data_stream();
    assert!(stream.next().await.is_some(), "the stream opens");
    let admin = app.signed_in(&plant.user("admin")).await;
    let body = json!({ "username": plant.user("colleague"), "name": "x", "role": "engineer" });
    let path = format!("/api/tenant-users/{}", plant.colleague);
    admin.put(&path, body).await.expect_status(200);
    viewer.get("/api/session").await.expect_status(401);
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn signing_out_elsewhere_keeps_the_own_session() {
    let (app, plant, _) = TestApp::with_plants().await;
    let (here, there) = (
        app.signed_in(&plant.user("viewer")).await,
        app.signed_in(&plant.user("viewer")).await,
    );
    let rows = here.get("/api/session/all").await.json();
    let current: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["is_current"] == true)
        .collect();
    assert_eq!((rows.as_array().unwrap().len(), current.len()), (2, 1));
    here.delete("/api/session/all").await.expect_status(204);
    there.get("/api/session").await.expect_status(401);
    here.delete("/api/session").await.expect_status(204);
    here.get("/api/session").await.expect_status(401);
}

#[tokio::test]
async fn event_streams_end_when_the_host_closes() {
    let (app, plant, _) = TestApp::with_plants().await;
    let viewer = app.signed_in(&plant.user("viewer")).await;
    let open = || viewer.open(Method::GET, "/api/live", "", Vec::new());
    let mut stream = open().await.into_body().into_data_stream();
    assert!(stream.next().await.is_some(), "the stream opens");
    app.state.close_streams();
    while stream.next().await.is_some() {}
    let mut late = open().await.into_body().into_data_stream();
    while late.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_is_written_down_and_lets_no_session_live_longer() {
    const TEN_YEARS: i64 = 10 * 365 * 86_400_000;
    const HALF_AN_HOUR: i64 = 30 * 60_000;
    let (app, plant, _) = TestApp::with_plants().await;
    let told = async |client: &Client, what: &str| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let events = client.get("/api/blackbox/events?category=SYSTEM").await;
            let events = events.expect_status(200).json();
            let all = events["items"].as_array().unwrap();
            if all.iter().any(|e| e["summary"] == what) {
                return;
            }
            assert!(std::time::Instant::now() < end, "no {what} in {events}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let admin = app.signed_in(&plant.user("admin")).await;
    app.clock.jump_ms(-TEN_YEARS);
    told(&admin, "event.clock_jumped_back").await;
    // It lives as long as it would have, and no longer.
    app.clock.advance_ms(HALF_AN_HOUR - 60_000);
    admin.get("/api/sites").await.expect_status(200);
    app.clock.advance_ms(HALF_AN_HOUR);
    admin.get("/api/sites").await.expect_status(401);
    let again = app.signed_in(&plant.user("admin")).await;
    app.clock.jump_ms(TEN_YEARS);
    again.get("/api/sites").await.expect_status(401);
    let third = app.signed_in(&plant.user("admin")).await;
    told(&third, "event.clock_jumped_ahead").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_put_back_while_nothing_ran_ends_the_sessions_of_before() {
    const A_YEAR: i64 = 365 * 86_400_000;
    let (app, plant, _) = TestApp::with_plants().await;
    // The client goes before the appliance does: it holds its store.
    let cookie = app.signed_in(&plant.user("admin")).await.cookie.clone();
    let then = NOW.plus_ms(-A_YEAR);
    let app = app.restarted_at(then, &[]).await;
    let mut client = app.client();
    client.cookie = cookie;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while client.get("/api/sites").await.status != 401 {
        assert!(std::time::Instant::now() < end, "the session goes on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // Also once the clock is right again; who signs in now is let in.
    let again = app.signed_in(&plant.user("admin")).await;
    again.get("/api/sites").await.expect_status(200);
    app.clock.jump_ms(A_YEAR);
    client.get("/api/sites").await.expect_status(401);
}
