//! The cookie of a session: bound to the host and to TLS wherever people come over TLS.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use iq_domain::ManualClock;
use iq_hub::Hub;
use serde_json::json;
use tower::ServiceExt;

use crate::rig::{HERE, NOON, Rig};

/// A hub that people reach by this address.
async fn hub_at(rig: &Rig, public_url: Option<&str>) -> Result<Hub> {
    let clock = Arc::new(ManualClock::at(NOON));
    rig.hub(clock, public_url, HERE).await
}

/// What the browser is told when somebody signs in or out at an address.
async fn set_cookie(
    hub: &Hub,
    address: (&str, &str),
    request: (Method, Option<String>, &str),
) -> Result<(StatusCode, String)> {
    let (method, cookie, body) = request;
    let mut builder = Request::builder()
        .method(method)
        .uri("/api/session")
        .header(header::HOST, address.1)
        .header(header::ORIGIN, format!("{}://{}", address.0, address.1))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(cookie) = cookie {
        builder = builder.header(header::COOKIE, cookie);
    }
    let request = builder.body(Body::from(body.to_owned()))?;
    let answer = iq_hub::router(hub.clone()).oneshot(request).await?;
    let cookie = answer.headers().get(header::SET_COOKIE);
    let cookie = cookie.map_or(Ok(""), |value| value.to_str())?;
    Ok((answer.status(), cookie.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookie_is_secure_and_bound_to_the_host() -> Result<()> {
    let rig = Rig::new().await?;
    let plain = hub_at(&rig, None).await?;
    let password = iq_hub::bootstrap(&plain, "owner").await?;
    let body = json!({"username": "owner", "password": password.expose()}).to_string();
    for written in ["https://hub.example", "HTTPS://Hub.Example/"] {
        let hub = hub_at(&rig, Some(written)).await?;
        let at = ("https", "hub.example");
        let (status, cookie) = set_cookie(&hub, at, (Method::POST, None, &body)).await?;
        assert_eq!(status, StatusCode::OK, "{written}");
        let (name, _) = cookie.split_once('=').context("no cookie")?;
        let parts: Vec<&str> = cookie.split("; ").skip(1).collect();
        assert_eq!(name, "__Host-optria-hub", "{written}");
        // What the prefix asks for: Secure, the whole host, and no Domain.
        assert_eq!(parts, ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"]);
        // The name is what the hub reads back; under another one nobody is signed in.
        let pair = cookie.split(';').next().unwrap_or_default().to_owned();
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        let read = |cookie: String| set_cookie(&hub, at, (Method::GET, Some(cookie), ""));
        assert_eq!(read(pair.clone()).await?.0, StatusCode::OK);
        let renamed = format!("optria_hub_8091={value}");
        assert_eq!(read(renamed).await?.0, StatusCode::UNAUTHORIZED);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_the_cookie_can_still_be_kept_by_a_browser() -> Result<()> {
    let rig = Rig::new().await?;
    let local = hub_at(&rig, None).await?;
    let password = iq_hub::bootstrap(&local, "owner").await?;
    let body = json!({"username": "owner", "password": password.expose()}).to_string();
    // Every instance behind one name reads the cookie of the others, so that name says what it is called.
    for (public, host, port) in [
        (None, "127.0.0.1:8091", "8091"),
        (Some("http://hub.example:9000"), "hub.example:9000", "9000"),
        (Some("http://hub.example/"), "hub.example", "80"),
    ] {
        let hub = hub_at(&rig, public).await?;
        let (status, cookie) =
            set_cookie(&hub, ("http", host), (Method::POST, None, &body)).await?;
        assert_eq!(status, StatusCode::OK, "{host}");
        assert!(
            cookie.starts_with(&format!("optria_hub_{port}=")),
            "{cookie}"
        );
        assert!(
            cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
    }
    Ok(())
}
