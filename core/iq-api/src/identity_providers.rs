//! Identity providers of the tenant: what is set up, the test, and how people sign in.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{IdentityProvider as Dto, IdentityProviderInput, SignInRules, TestReport};
use iq_domain::{
    AuthSource, CodedError, IdentityProvider, IdentityProviderId, Permission, Role, TenantId,
};
use iq_oidc::{MASK, Provider};
use iq_runtime::SecretChange;
use iq_secrets::SecretString;
use iq_store::{Connection, StoreError, identity_providers, sessions, settings, users};
use serde_json::json;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Id, Route, delete, get, post,
        put,
    },
    state::ApiState,
};

const MAX_PROVIDERS: usize = 20;
const BODY_CAP: usize = 512 * 1024;
const SSO_ONLY: &str = "sso_only";

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IdentityProvidersRead as Read, IdentityProvidersWrite as Write};
    let all = "/api/integrations/identity-providers";
    let one = "/api/integrations/identity-providers/{id}";
    let rules = "/api/integrations/identity-providers/rules";
    vec![
        get(all, Read, list_providers)
            .list::<Dto>()
            .says("Identity providers, without secrets"),
        post(all, Write, create_provider)
            .body::<IdentityProviderInput>()
            .cap(BODY_CAP)
            .answer::<Dto>()
            .status(201)
            .audits("identity_providers.create")
            .says("Set up an identity provider"),
        get(rules, Read, get_rules)
            .answer::<SignInRules>()
            .says("How people of the tenant sign in"),
        put(rules, Write, put_rules)
            .body::<SignInRules>()
            .answer::<SignInRules>()
            .audits("identity_providers.put_rules")
            .says("Keep passwords for emergencies, or allow them"),
        get(one, Read, get_provider)
            .answer::<Dto>()
            .says("One identity provider"),
        put(one, Write, update_provider)
            .body::<IdentityProviderInput>()
            .cap(BODY_CAP)
            .answer::<Dto>()
            .audits("identity_providers.update")
            .says("Change an identity provider; its sessions end when it is switched off"),
        delete(one, Write, delete_provider)
            .status(204)
            .audits("identity_providers.delete")
            .says("Remove an identity provider; its users stay and can't sign in"),
        post(
            "/api/integrations/identity-providers/{id}/test",
            Write,
            test_provider,
        )
        .answer::<TestReport>()
        .audits("identity_providers.test")
        .says("Test an identity provider step by step, without a person"),
    ]
}

async fn list_providers(State(state): State<ApiState>, caller: Caller) -> Answer<Json<Vec<Dto>>> {
    let tenant = caller.tenant_id;
    let rows = state
        .runtime
        .store()
        .read(move |conn| identity_providers::list_providers(conn, tenant))
        .await?;
    Ok(Json(rows.into_iter().map(|row| dto(&state, row)).collect()))
}

async fn get_provider(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IdentityProviderId>,
) -> Answer<Json<Dto>> {
    let row = own(&state, &caller, id).await?;
    Ok(Json(dto(&state, row)))
}

async fn create_provider(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<IdentityProviderInput>,
) -> Answer<(StatusCode, Json<Dto>)> {
    let tenant = caller.tenant_id;
    let count = state
        .runtime
        .store()
        .read(move |conn| Ok(identity_providers::list_providers(conn, tenant)?.len()))
        .await?;
    if count >= MAX_PROVIDERS {
        let many = CodedError::conflict("sso.too_many_providers").with("max", MAX_PROVIDERS);
        return Err(many.into());
    }
    let secret = secret_change(&input);
    let row = checked(&state, tenant, input, None)?;
    recorded(&audit, &row);
    let saved = state.runtime.save_identity_provider(&row, secret).await?;
    Ok((StatusCode::CREATED, Json(dto(&state, saved))))
}

async fn update_provider(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
    Body(input): Body<IdentityProviderInput>,
) -> Answer<Json<Dto>> {
    let old = own(&state, &caller, id).await?;
    let secret = secret_change(&input);
    let row = checked(&state, caller.tenant_id, input, Some(&old))?;
    if iq_oidc::has_moved(&old, &row) && old.has_secret && matches!(secret, SecretChange::Keep) {
        return Err(Failure::field("client_secret", "sso.secret_again"));
    }
    recorded(&audit, &row);
    audit.detail("secret_changed", !matches!(secret, SecretChange::Keep));
    let saved = state.runtime.save_identity_provider(&row, secret).await?;
    state.sso.forget_documents(id);
    if old.is_enabled && !saved.is_enabled {
        end_sessions(&state, caller.tenant_id, id).await?;
    }
    Ok(Json(dto(&state, saved)))
}

async fn delete_provider(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
) -> Answer<StatusCode> {
    let row = own(&state, &caller, id).await?;
    recorded(&audit, &row);
    end_sessions(&state, caller.tenant_id, id).await?;
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| identity_providers::delete_provider(tx, tenant, id))
        .await?;
    state.sso.forget_documents(id);
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the sessions of everybody the provider vouches for, and their event streams.
async fn end_sessions(state: &ApiState, tenant: TenantId, id: IdentityProviderId) -> Answer<()> {
    let now = state.now();
    let ended = state
        .runtime
        .store()
        .write(move |tx| {
            let open = sessions::list_sessions_of_provider(tx, tenant, id, now)?;
            for session in &open {
                sessions::revoke_session(tx, tenant, session.id, now)?;
            }
            Ok(open)
        })
        .await?;
    for session in ended {
        state.session_ended(session.id);
    }
    Ok(())
}

async fn test_provider(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
) -> Answer<Json<TestReport>> {
    let row = own(&state, &caller, id).await?;
    let provider = opened(&state, row).await?;
    let steps = iq_oidc::check(&provider, || state.now()).await;
    let (report, code) = iq_oidc::report(caller.language, &steps);
    audit.detail("result", code);
    Ok(Json(report))
}

async fn get_rules(State(state): State<ApiState>, caller: Caller) -> Answer<Json<SignInRules>> {
    let tenant = caller.tenant_id;
    let sso_only = state
        .runtime
        .store()
        .read(move |conn| is_wished(conn, tenant))
        .await?;
    Ok(Json(SignInRules { sso_only }))
}

/// Somebody who can still sign in with a password must be left, for the day the provider is away.
async fn put_rules(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(rules): Body<SignInRules>,
) -> Answer<Json<SignInRules>> {
    audit.detail("sso_only", rules.sso_only);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| {
            if rules.sso_only {
                let providers = identity_providers::list_providers(tx, tenant)?;
                if !providers.iter().any(|p| p.is_enabled) {
                    return Err(CodedError::conflict("sso.no_provider_enabled").into());
                }
                let filter = users::UserFilter {
                    is_active: Some(true),
                    ..users::UserFilter::default()
                };
                let all = users::list_users(tx, tenant, &filter, iq_store::Page::MAX)?;
                let may_break_glass = |user: &iq_domain::User| {
                    user.auth_source == AuthSource::Local && user.role >= Role::TenantAdmin
                };
                if !all.rows.iter().any(may_break_glass) {
                    return Err(CodedError::conflict("sso.nobody_for_emergencies").into());
                }
            }
            settings::put_tenant_setting(tx, tenant, SSO_ONLY, &json!(rules.sso_only))
        })
        .await?;
    Ok(Json(rules))
}

fn is_wished(conn: &Connection, tenant: TenantId) -> Result<bool, StoreError> {
    let found = settings::get_tenant_setting(conn, tenant, SSO_ONLY)?;
    Ok(found.and_then(|value| value.as_bool()).unwrap_or(false))
}

/// Whether passwords are for emergencies alone now: only while there is another way in.
pub(crate) fn is_sso_only(conn: &Connection, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(is_wished(conn, tenant)?
        && identity_providers::list_providers(conn, tenant)?
            .iter()
            .any(|p| p.is_enabled))
}

/// The provider with its secret, ready to be talked to.
pub(crate) async fn opened(state: &ApiState, row: IdentityProvider) -> Answer<Provider> {
    let secret = state.runtime.identity_provider_secret(&row).await?;
    Ok(Provider {
        row,
        secret,
        redirect_uri: state.sso_redirect_uri(),
        // Whoever runs this plant named it.
        reach: iq_oidc::Reach::Anywhere,
    })
}

pub(crate) async fn own(
    state: &ApiState,
    caller: &Caller,
    id: IdentityProviderId,
) -> Answer<IdentityProvider> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| identity_providers::get_provider(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

fn recorded(audit: &Audit, row: &IdentityProvider) {
    audit
        .object("identity_provider", row.id)
        .detail("display_name", row.display_name.clone())
        .detail("is_enabled", row.is_enabled)
        .detail("accept_plain_http", row.accept_plain_http)
        .detail("issuer_url", row.issuer_url.clone())
        .detail("client_id", row.client_id.clone())
        .detail("default_role", row.default_role.map(Role::as_str))
        .detail("group_roles", json!(row.group_roles));
}

fn secret_change(input: &IdentityProviderInput) -> SecretChange {
    match input.client_secret.as_deref() {
        Some(MASK) => SecretChange::Keep,
        None | Some("") => SecretChange::Remove,
        Some(secret) => SecretChange::Replace(SecretString::from(secret)),
    }
}

/// A row of what was typed, or all that is wrong with it.
fn checked(
    state: &ApiState,
    tenant: TenantId,
    input: IdentityProviderInput,
    old: Option<&IdentityProvider>,
) -> Answer<IdentityProvider> {
    let secret = input.client_secret.clone().unwrap_or_default();
    let row = iq_oidc::row_of(tenant, input, old, state.now());
    let mut check = Check::new();
    for (field, error) in iq_oidc::problems(&row, &secret, old.is_none()) {
        let mut problem = FieldFailure::new(field, error.code);
        problem.params.extend(error.params);
        check.problem(problem);
    }
    check.require(
        row.default_role.is_some() || row.owns_role(),
        "default_role",
        "sso.no_role_rule",
    );
    check.done()?;
    Ok(row)
}

fn dto(state: &ApiState, row: IdentityProvider) -> Dto {
    Dto {
        id: row.id,
        provider_type: row.provider_type,
        display_name: row.display_name,
        client_id: row.client_id,
        client_secret: row.has_secret.then(|| MASK.to_owned()),
        tenant_id: row.directory_id,
        issuer_url: row.issuer_url,
        hosted_domain: row.hosted_domain,
        redirect_uri: state.sso_redirect_uri(),
        scopes: row.scopes,
        group_claim: row.group_claim,
        group_roles: row.group_roles,
        default_role: row.default_role,
        tls_ca: row.tls_ca,
        accept_plain_http: row.accept_plain_http,
        pinned_metadata: row.pinned_metadata,
        pinned_keys: row.pinned_keys,
        is_enabled: row.is_enabled,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
