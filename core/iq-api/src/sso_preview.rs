//! A test sign-in of an administrator: "this is what the provider sends; this is the role it gives".
//! It signs nobody in, works while the provider is not yet enabled, and is shown to the session that
//! asked alone.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use iq_api_types::{ClaimPreview, LastPreview, PreviewClaim, SsoStart};
use iq_domain::{CodedError, IdentityProviderId, Permission, Role, Timestamp, neutralise};
use iq_oidc::{Claims, Person, Provider, RoleSource};
use serde_json::Value;

use crate::{
    http::{Answer, Caller, Id, RequestInfo, Route, get, post},
    identity_providers::{opened, own, problem},
    sso::{self, Beginning},
    sso_people::username_of,
    sso_waiting::Purpose,
    state::ApiState,
};

/// Longest value that is shown.
const VALUE_CHARS: usize = 400;
/// Claims that are shown.
const MAX_CLAIMS: usize = 100;

/// What a test sign-in came to.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    at: Timestamp,
    claims: Vec<PreviewClaim>,
    person: Option<Person>,
    role: Option<(Role, RoleSource)>,
    error: Option<CodedError>,
}

impl Shown {
    /// Before any claim could be read.
    pub(crate) fn failed(at: Timestamp, error: CodedError) -> Self {
        Self {
            at,
            claims: Vec::new(),
            person: None,
            role: None,
            error: Some(error),
        }
    }

    /// What verified claims make of a person.
    pub(crate) fn of(at: Timestamp, provider: &Provider, claims: &Claims) -> Self {
        let (person, role) = (claims.person(&provider.row), claims.role(&provider.row));
        let error = person.as_ref().err().or(role.as_ref().err()).cloned();
        let shown = claims.iter().take(MAX_CLAIMS);
        Self {
            at,
            claims: shown
                .map(|(name, value, from_user_info)| PreviewClaim {
                    name: neutralise(name, 100),
                    value: neutralise(&text_of(value), VALUE_CHARS),
                    from_user_info,
                })
                .collect(),
            person: person.ok(),
            role: role.ok(),
            error,
        }
    }

    pub(crate) fn error(&self) -> Option<&CodedError> {
        self.error.as_ref()
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

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
    let preview = shown.map(|shown| dto(&caller, shown));
    Ok(Json(LastPreview { preview }))
}

fn dto(caller: &Caller, shown: Shown) -> ClaimPreview {
    let group = match &shown.role {
        Some((_, RoleSource::Group(group))) => Some(group.clone()),
        _ => None,
    };
    ClaimPreview {
        at: shown.at,
        claims: shown.claims,
        issuer: shown.person.as_ref().map(|p| p.issuer.clone()),
        subject: shown.person.as_ref().map(|p| p.subject.clone()),
        username: shown.person.as_ref().map(username_of),
        name: shown.person.as_ref().map(|p| p.name.clone()),
        email: shown.person.as_ref().and_then(|p| p.email.clone()),
        role: shown.role.as_ref().map(|(role, _)| *role),
        role_group: group,
        problem: shown.error.map(|error| problem(caller.language, &error)),
    }
}
