//! A test sign-in of an administrator: "this is what the provider sends; this is the role it gives".
//! It signs nobody in, works while the provider is not yet enabled, and is shown to the session that
//! asked alone.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use iq_api_types::{LastPreview, SsoStart};
use iq_domain::{CodedError, IdentityProviderId, Permission};

use crate::{
    http::{Answer, Caller, Id, RequestInfo, Route, get, post},
    identity_providers::{opened, own},
    sso::{self, Beginning},
    sso_waiting::Purpose,
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    use Permission::IdentityProvidersWrite as Write;
    let path = "/api/integrations/identity-providers/{id}/preview";
    vec![
        post(path, Write, start_preview)
            .answer::<SsoStart>()
            .audits("identity_providers.preview")
            .says("Begin a test sign-in that shows what the provider sends"),
        get(path, Write, get_preview)
            .answer::<LastPreview>()
            .says("What the last test sign-in of this session showed"),
    ]
}

async fn start_preview(
    State(state): State<ApiState>,
    caller: Caller,
    info: RequestInfo,
    headers: HeaderMap,
    Id(id): Id<IdentityProviderId>,
) -> Answer<(StatusCode, HeaderMap, Json<SsoStart>)> {
    let row = own(&state, &caller, id).await?;
    // The way back leads to the configured address: elsewhere the browser has none of its cookies.
    if !sso::is_public_host(&state, &headers) {
        let elsewhere =
            CodedError::conflict("sso.other_address").with("address", state.public_url());
        return Err(elsewhere.into());
    }
    let provider = opened(&state, row).await?;
    let purpose = Purpose::Preview {
        session: caller.session_id,
    };
    let Beginning { url, cookie } = sso::begin(&state, &info, &provider, purpose).await?;
    Ok((StatusCode::OK, cookie, Json(SsoStart { url })))
}

async fn get_preview(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IdentityProviderId>,
) -> Answer<Json<LastPreview>> {
    own(&state, &caller, id).await?;
    let shown = state.sso.shown(&(caller.session_id, id), state.now());
    let preview = shown.map(|shown| shown.told(caller.language));
    Ok(Json(LastPreview { preview }))
}
