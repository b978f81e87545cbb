//! Signing in and out, the own password, the second factor.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use iq_api_types::{ChangePasswordRequest, HubSession, HubSignInRequest, TotpConfirm, TotpSetup};
use iq_domain::Permission;

use super::{
    body::Body,
    guard::{Audit, RequestInfo, cookie},
    route::{Access, Route, delete, get, post},
};
use crate::{
    app::session::{self, Caller, Opened},
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let own = Access::May(Permission::OwnProfile);
    vec![
        post("/api/session", Access::Public, sign_in)
            .body::<HubSignInRequest>()
            .answer::<HubSession>()
            .audits("session.create")
            .says("Signs in"),
        get("/api/session", own, get_session)
            .before_ready()
            .answer::<HubSession>()
            .says("Who is signed in"),
        delete("/api/session", own, sign_out)
            .before_ready()
            .status(StatusCode::NO_CONTENT)
            .audits("session.delete")
            .says("Signs out"),
        post("/api/session/password", own, change_password)
            .before_ready()
            .body::<ChangePasswordRequest>()
            .answer::<HubSession>()
            .audits("session.change_password")
            .says("Changes the own password; all other sessions end"),
        post("/api/session/totp", own, begin_totp)
            .before_ready()
            .answer::<TotpSetup>()
            .audits("session.begin_totp")
            .says("Makes a second factor, which counts once a code of it is confirmed"),
        post("/api/session/totp/confirm", own, confirm_totp)
            .before_ready()
            .body::<TotpConfirm>()
            .answer::<HubSession>()
            .audits("session.confirm_totp")
            .says("Confirms the second factor"),
    ]
}

/// The header that hands a session to the browser. It has no lifetime of its own: closing the browser
/// ends it, the server ends it anyway.
pub(super) fn cookie_header(hub: &Hub, value: &str, rest: &str) -> HeaderMap {
    named_cookie(hub, &hub.cookie_name(), value, rest)
}

/// The same under another name.
pub(super) fn named_cookie(hub: &Hub, name: &str, value: &str, rest: &str) -> HeaderMap {
    let secure = if hub.is_secure() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{rest}");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(header::SET_COOKIE, value);
    }
    headers
}

fn handed(hub: &Hub, opened: Opened) -> (HeaderMap, Json<HubSession>) {
    (cookie_header(hub, &opened.cookie, ""), Json(opened.session))
}

async fn sign_in(
    State(hub): State<Hub>,
    info: RequestInfo,
    audit: Audit,
    headers: HeaderMap,
    Body(request): Body<HubSignInRequest>,
) -> Answer<(HeaderMap, Json<HubSession>)> {
    let opened = session::sign_in(&hub, request, &info.origin, &audit).await?;
    session::end_replaced(&hub, cookie(&headers, &hub.cookie_name()).as_deref()).await?;
    Ok(handed(&hub, opened))
}

async fn get_session(State(hub): State<Hub>, caller: Caller) -> Json<HubSession> {
    Json(session::describe(&hub, &caller))
}

async fn sign_out(State(hub): State<Hub>, caller: Caller) -> Answer<(StatusCode, HeaderMap)> {
    session::sign_out(&hub, &caller).await?;
    Ok((
        StatusCode::NO_CONTENT,
        cookie_header(&hub, "", "; Max-Age=0"),
    ))
}

async fn change_password(
    State(hub): State<Hub>,
    caller: Caller,
    info: RequestInfo,
    Body(request): Body<ChangePasswordRequest>,
) -> Answer<(HeaderMap, Json<HubSession>)> {
    let passwords = (request.current_password.into(), request.new_password.into());
    let opened = session::change_password(&hub, &caller, passwords, &info.origin).await?;
    Ok(handed(&hub, opened))
}

async fn begin_totp(State(hub): State<Hub>, caller: Caller) -> Answer<Json<TotpSetup>> {
    Ok(Json(session::begin_totp(&hub, &caller).await?))
}

async fn confirm_totp(
    State(hub): State<Hub>,
    caller: Caller,
    info: RequestInfo,
    Body(request): Body<TotpConfirm>,
) -> Answer<Json<HubSession>> {
    let session = session::confirm_totp(&hub, &caller, &request.code, &info.origin).await?;
    Ok(Json(session))
}
