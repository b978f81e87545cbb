//! Signing in: one-time password, second factor, guessing, suspension, the request's own guards.

use anyhow::Result;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use iq_domain::Clock;
use iq_hub::totp_code;
use serde_json::json;

use crate::rig::{OWNER_PASSWORD, Rig, from_base32, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_owner_does_nothing_without_own_password_and_second_factor() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    for (name, code) in [
        (" ", "request.text_empty"),
        ("x", "users.username_wrong"),
        ("the owner", "users.username_wrong"),
        ("مالك", "users.username_wrong"),
    ] {
        let refused = iq_hub::bootstrap(&hub.hub, name).await;
        assert_eq!(refused.map_err(|e| e.code), Err(code), "{name}");
    }
    let password = iq_hub::bootstrap(&hub.hub, "owner").await?;
    let again = iq_hub::bootstrap(&hub.hub, "other").await;
    assert_eq!(again.map_err(|e| e.code), Err("hub.already_bootstrapped"));
    let (reply, person) = hub
        .sign_in(json!({"username": "OWNER", "password": password.expose()}))
        .await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let tenants = hub.get(&person, "/api/admin/tenants").await?;
    assert_eq!(tenants.code(), "session.password_change_required");
    let person = hub
        .change_password(&person, password.expose(), OWNER_PASSWORD)
        .await?;
    let tenants = hub.get(&person, "/api/admin/tenants").await?;
    assert_eq!(tenants.code(), "hub.totp_setup_required");
    let setup = hub.post(&person, "/api/session/totp", json!({})).await?;
    let secret = from_base32(&text(&setup.body["secret"])?);
    assert_eq!(secret.len(), 20);
    let confirm =
        |code: String| hub.post(&person, "/api/session/totp/confirm", json!({"code": code}));
    assert_eq!(confirm("000000".into()).await?.field(), "hub.totp_wrong");
    let code = totp_code(&secret, hub.clock.now());
    assert_eq!(confirm(code.clone()).await?.status, StatusCode::OK);
    assert_eq!(
        hub.get(&person, "/api/admin/tenants").await?.status,
        StatusCode::OK
    );
    // From now on the password alone is not enough, and a code counts once.
    let sign_in = |code: Option<String>| {
        hub.sign_in(json!({"username": "owner", "password": OWNER_PASSWORD, "code": code}))
    };
    assert_eq!(sign_in(None).await?.0.code(), "hub.totp_required");
    assert_eq!(sign_in(Some(code)).await?.0.code(), "hub.totp_wrong");
    hub.clock.advance_ms(30_000);
    let code = totp_code(&secret, hub.clock.now());
    assert_eq!(sign_in(Some(code)).await?.0.status, StatusCode::OK);
    let begun = hub.post(&person, "/api/session/totp", json!({})).await?;
    assert_eq!(begun.code(), "hub.totp_already");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_the_second_factor_is_sealed_where_it_lies() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let password = iq_hub::bootstrap(&hub.hub, "owner").await?;
    let (_, person) = hub
        .sign_in(json!({"username": "owner", "password": password.expose()}))
        .await?;
    let setup = hub.post(&person, "/api/session/totp", json!({})).await?;
    let secret = text(&setup.body["secret"])?;
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut tx = owner.begin().await?;
    sqlx::query("SELECT set_config('app.tenant', '00000000-0000-7000-8000-000000000001', true)")
        .execute(&mut *tx)
        .await?;
    let kept: String = sqlx::query_scalar(
        "SELECT string_agg(c::text || encode(c.totp_sealed, 'escape') || k::text
           || encode(k.sealed_key, 'escape') || s::text, '')
         FROM user_credentials c, signing_keys k, sessions s",
    )
    .fetch_one(&mut *tx)
    .await?;
    assert!(kept.len() > 200 && !kept.contains(&secret), "{kept}");
    assert!(!kept.contains(password.expose()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_gets_slower_says_nothing_and_survives_a_restart() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(2).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let guess = |at: &'static str, name: &'static str| {
        hub.sign_in(json!({"tenant": at, "username": name, "password": "a wrong password"}))
    };
    let (known, _) = guess("jubail", "viewer-jubail").await?;
    for (at, name) in [("jubail", "nobody"), ("nowhere", "viewer-jubail")] {
        let (unknown, _) = guess(at, name).await?;
        assert_eq!(unknown.status, known.status);
        assert_eq!(unknown.body["message"], known.body["message"]);
        assert_eq!(unknown.code(), "session.bad_credentials");
    }
    for _ in 0..4 {
        guess("jubail", "viewer-jubail").await?;
    }
    let other = rig.instance(1).await?;
    let (reply, _) = other
        .sign_in(
            json!({"tenant": "jubail", "username": "viewer-jubail", "password": OWNER_PASSWORD}),
        )
        .await?;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.code(), "session.back_off");
    other.clock.advance_ms(20 * 60_000);
    let (reply, _) = other
        .sign_in(
            json!({"tenant": "jubail", "username": "viewer-jubail", "password": OWNER_PASSWORD}),
        )
        .await?;
    assert_eq!(reply.status, StatusCode::OK);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_anew_leaves_no_session_behind_in_that_browser() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(2).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let (first, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    let body = json!({
        "tenant": "jubail", "username": "viewer-jubail", "password": OWNER_PASSWORD,
    });
    // Elsewhere: both stay.
    let (_, elsewhere) = hub.sign_in(body.clone()).await?;
    for person in [&first, &elsewhere] {
        let reply = hub.get(person, "/api/session").await?;
        assert_eq!(reply.status, StatusCode::OK);
    }
    // A wrong password ends nothing; the right one ends what this browser had.
    let wrong = json!({"tenant": "jubail", "username": "viewer-jubail", "password": "wrong"});
    hub.post(&first, "/api/session", wrong).await?;
    let still = hub.get(&first, "/api/session").await?;
    assert_eq!(still.status, StatusCode::OK);
    let again = hub.post(&first, "/api/session", body).await?;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    let gone = hub.get(&first, "/api/session").await?;
    assert_eq!(gone.code(), "session.ended");
    let other = hub.get(&elsewhere, "/api/session").await?;
    assert_eq!(other.status, StatusCode::OK);
    Ok(())
}

/// Attempts that are kept under the platform.
async fn attempts(rig: &Rig) -> Result<i64> {
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut tx = owner.begin().await?;
    sqlx::query("SELECT set_config('app.tenant', '00000000-0000-7000-8000-000000000001', true)")
        .execute(&mut *tx)
        .await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sign_in_attempts")
        .fetch_one(&mut *tx)
        .await?;
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_made_up_leave_nothing_after_a_day() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    hub.owner().await?;
    let before = attempts(&rig).await?;
    let guess = |name: &'static str| {
        hub.sign_in(json!({"tenant": "nowhere", "username": name, "password": "a wrong one"}))
    };
    for name in ["one", "two", "three"] {
        assert_eq!(guess(name).await?.0.code(), "session.bad_credentials");
    }
    assert_eq!(attempts(&rig).await?, before + 3);
    hub.clock.advance_ms(23 * 3_600_000);
    guess("four").await?;
    assert_eq!(attempts(&rig).await?, before + 4);
    hub.clock.advance_ms(2 * 3_600_000);
    guess("five").await?;
    assert_eq!(attempts(&rig).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_that_no_text_holds_breaks_no_route() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let (viewer, _) = hub.user(&owner, (&tenant, "jubail"), "viewer").await?;
    for (tenant, name) in [("jubail", "a\u{0}b"), ("jub\u{0}ail", "viewer-jubail")] {
        let body = json!({"tenant": tenant, "username": name, "password": OWNER_PASSWORD});
        let (reply, _) = hub.sign_in(body).await?;
        assert!(reply.status.is_client_error(), "{name:?} {reply:?}");
    }
    for path in [
        "/api/session/providers?tenant=%00",
        "/api/assets?status=%00",
        "/api/assets?id=%00",
        "/api/events?severity=%00",
        "/api/incidents?status=%00",
    ] {
        let reply = hub.get(&viewer, path).await?;
        assert!(!reply.status.is_server_error(), "{path} {reply:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_out_at_once_and_back_when_the_suspension_ends() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let tenant = hub.tenant(&owner, "jubail").await?;
    let (person, _) = hub
        .user(&owner, (&tenant, "jubail"), "tenant_admin")
        .await?;
    assert_eq!(
        hub.get(&person, "/api/tenant-users").await?.status,
        StatusCode::OK
    );
    let path = format!("/api/admin/tenants/{tenant}");
    let suspended = hub
        .post(&owner, &format!("{path}/suspend"), json!({}))
        .await?;
    assert_eq!(suspended.body["is_suspended"], true);
    assert_eq!(
        hub.get(&person, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );
    let name = "tenant_admin-jubail";
    let sign_in = json!({"tenant": "jubail", "username": name, "password": OWNER_PASSWORD});
    let (reply, _) = hub.sign_in(sign_in.clone()).await?;
    assert_eq!(reply.code(), "hub.tenant_suspended");
    hub.post(&owner, &format!("{path}/resume"), json!({}))
        .await?;
    assert_eq!(hub.sign_in(sign_in).await?.0.status, StatusCode::OK);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_other_names_and_missing_tokens_are_refused() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let request = |host: &str, origin: &str| {
        Request::builder()
            .method(Method::POST)
            .uri("/api/session")
            .header("host", host)
            .header("origin", origin)
            .header("content-type", "application/json")
            .body(Body::from("{}"))
    };
    let reply = hub
        .raw(request("evil.example", "http://evil.example")?)
        .await?;
    assert_eq!(reply.status, StatusCode::MISDIRECTED_REQUEST);
    // A proxy asks an instance by its own address, or by none.
    for path in ["/health/live", "/health/ready"] {
        let ask = Request::builder().uri(path).header("host", "10.0.0.5:8091");
        let reply = hub.raw(ask.body(Body::empty())?).await?;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
    }
    let reply = hub
        .raw(request("127.0.0.1:8091", "http://evil.example")?)
        .await?;
    assert_eq!(reply.code(), "request.origin_wrong");
    let without_token = owner.without_csrf();
    let reply = hub
        .post(&without_token, "/api/admin/tenants/demo", json!({}))
        .await?;
    assert_eq!(reply.code(), "session.csrf_wrong");
    // A cookie that names another tenant finds no session there.
    let elsewhere = owner.claiming("0197a000000070008000000000000001");
    assert_eq!(
        hub.get(&elsewhere, "/api/session").await?.status,
        StatusCode::UNAUTHORIZED
    );
    // Half an hour without a request ends it.
    hub.clock.advance_ms(31 * 60_000);
    assert_eq!(
        hub.get(&owner, "/api/session").await?.code(),
        "session.expired"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_back_lengthens_no_session() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(2).await?;
    let owner = hub.owner().await?;
    let status = async || Ok::<_, anyhow::Error>(hub.get(&owner, "/api/session").await?.status);
    // Clocks of two instances differ a little.
    hub.clock.jump_ms(-4 * 60_000);
    assert_eq!(status().await?, StatusCode::OK);
    // Twenty-nine minutes unused, and one more that the clock does not show.
    hub.clock.advance_ms(4 * 60_000);
    assert_eq!(status().await?, StatusCode::OK);
    hub.clock.advance_ms(29 * 60_000);
    hub.clock.jump_ms(-365 * 86_400_000);
    assert_eq!(status().await?, StatusCode::UNAUTHORIZED);
    hub.clock.advance_ms(60_000);
    assert_eq!(status().await?, StatusCode::UNAUTHORIZED);
    Ok(())
}
