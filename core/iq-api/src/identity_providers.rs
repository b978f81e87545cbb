//! Identity providers of the tenant: what is set up, the test, and how people sign in.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{IdentityProvider as Dto, IdentityProviderInput, SignInRules, TestReport};
use iq_domain::{
    AuthSource, CodedError, IdentityProvider, IdentityProviderId, Permission, Role, SessionId,
    TenantId, Timestamp, User,
};
use iq_oidc::{MASK, Provider};
use iq_runtime::{ProviderKeeper, SecretChange};
use iq_secrets::SecretString;
use iq_store::{
    Connection, StoreError, Transaction, identity_providers,
    sessions::{self, Session},
    settings, user_identities, users,
};
use serde_json::json;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Id, Route, delete, get, post,
        put,
    },
    session::EMERGENCY_MS,
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
            .says("Change an identity provider; sessions end when it is off or vouches otherwise"),
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
    let secret = secret_change(&input);
    let row = checked(&state, tenant, input, None)?;
    recorded(&audit, &row);
    let (asking, now) = (caller.session_id, state.now());
    let keeper = state.runtime.provider_keeper();
    let (saved, ended) = state
        .runtime
        .store()
        .write(move |tx| {
            if identity_providers::list_providers(tx, tenant)?.len() >= MAX_PROVIDERS {
                let many = CodedError::conflict("sso.too_many_providers");
                return Err(many.with("max", MAX_PROVIDERS).into());
            }
            let saved = keeper.put(tx, &row, &secret)?;
            // The rules may have waited for it.
            Ok((saved, end_local(tx, tenant, asking, now)?))
        })
        .await?;
    ended.tell(&state, &audit);
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
    let (asking, now) = (caller.session_id, state.now());
    let keeper = state.runtime.provider_keeper();
    let (saved, ended) = state
        .runtime
        .store()
        .write(move |tx| change(tx, &keeper, (&old, &row), &secret, (asking, now)))
        .await?;
    state.sso.forget_documents(id);
    ended.tell(&state, &audit);
    Ok(Json(dto(&state, saved)))
}

/// Keeps a changed provider and ends what its change ends, in one: who comes in meanwhile is seen here, or finds
/// the new settings. Settings that are not those the change began from are somebody else's, and stay.
fn change(
    tx: &Transaction<'_>,
    keeper: &ProviderKeeper,
    (old, row): (&IdentityProvider, &IdentityProvider),
    secret: &SecretChange,
    (asking, now): (SessionId, Timestamp),
) -> Result<(IdentityProvider, Ended), StoreError> {
    let (tenant, id) = (row.tenant_id, row.id);
    let saved = keeper.replace(tx, old, row, secret)?;
    let mut ended = Ended::default();
    let is_off = old.is_enabled && !saved.is_enabled;
    if is_off || iq_oidc::vouches_otherwise(old, &saved) {
        ended = end_vouched(tx, (tenant, id), asking, now)?;
    }
    if !old.is_enabled && saved.is_enabled {
        ended.add(end_local(tx, tenant, asking, now)?);
    }
    Ok((saved, ended))
}

async fn delete_provider(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
) -> Answer<StatusCode> {
    let row = own(&state, &caller, id).await?;
    recorded(&audit, &row);
    let (tenant, asking, now) = (caller.tenant_id, caller.session_id, state.now());
    let ended = state
        .runtime
        .store()
        .write(move |tx| {
            let ended = end_vouched(tx, (tenant, id), asking, now)?;
            identity_providers::delete_provider(tx, tenant, id)?;
            Ok(ended)
        })
        .await?;
    state.sso.forget_documents(id);
    ended.tell(&state, &audit);
    Ok(StatusCode::NO_CONTENT)
}

/// What a change of the ways in ended.
#[derive(Default)]
struct Ended {
    sessions: Vec<SessionId>,
    /// The session that asked stays: nobody else could put right what was changed.
    own_kept: bool,
}

impl Ended {
    fn add(&mut self, other: Self) {
        self.sessions.extend(other.sessions);
        self.own_kept |= other.own_kept;
    }

    /// Ends the event streams too, and tells the audit.
    fn tell(self, state: &ApiState, audit: &Audit) {
        audit.detail("sessions_ended", self.sessions.len());
        if self.own_kept {
            audit.detail("own_session_kept", true);
        }
        for session in self.sessions {
            state.session_ended(session);
        }
    }
}

fn end(
    tx: &Transaction<'_>,
    open: Vec<Session>,
    keep: Option<SessionId>,
    now: Timestamp,
) -> Result<Ended, StoreError> {
    let mut ended = Ended::default();
    for session in open {
        if keep == Some(session.id) {
            ended.own_kept = true;
            continue;
        }
        sessions::revoke_session(tx, session.tenant_id, session.id, now)?;
        ended.sessions.push(session.id);
    }
    Ok(ended)
}

/// Ends the sessions of everybody the provider vouches for; the one that asks is spared where no
/// administrator with a password could put the change right.
fn end_vouched(
    tx: &Transaction<'_>,
    (tenant, provider): (TenantId, IdentityProviderId),
    asking: SessionId,
    now: Timestamp,
) -> Result<Ended, StoreError> {
    let open = sessions::list_sessions_of_provider(tx, tenant, provider, now)?;
    let is_own = open.iter().any(|session| session.id == asking);
    let keep = is_own && !has_local_admin(tx, tenant)?;
    end(tx, open, keep.then_some(asking), now)
}

/// Ends what was opened with a password, but for emergencies, where the rules in force allow providers
/// alone. The session that asks stays while no provider vouches for an administrator, as in an emergency for
/// an hour: a provider that lets nobody in is put right with it.
fn end_local(
    tx: &Transaction<'_>,
    tenant: TenantId,
    asking: SessionId,
    now: Timestamp,
) -> Result<Ended, StoreError> {
    if !is_sso_only(tx, tenant)? {
        return Ok(Ended::default());
    }
    let mut open = sessions::list_sessions_of_local_users(tx, tenant, now)?;
    open.retain(|session| session.ends_by.is_none());
    let is_own = open.iter().any(|session| session.id == asking);
    let keep = is_own && !has_vouched_admin(tx, tenant)?;
    if keep {
        sessions::bound_session(tx, tenant, asking, now.plus_ms(EMERGENCY_MS))?;
    }
    end(tx, open, keep.then_some(asking), now)
}

/// The active administrators of a tenant who come in one way.
fn admins(
    conn: &Connection,
    tenant: TenantId,
    source: AuthSource,
) -> Result<Vec<User>, StoreError> {
    let filter = users::UserFilter {
        is_active: Some(true),
        ..users::UserFilter::default()
    };
    let mut found = users::list_users(conn, tenant, &filter, iq_store::Page::MAX)?.rows;
    found.retain(|user| user.auth_source == source && user.role >= Role::TenantAdmin);
    Ok(found)
}

fn has_local_admin(conn: &Connection, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(!admins(conn, tenant, AuthSource::Local)?.is_empty())
}

/// Whether a provider that is enabled vouches for an administrator.
fn has_vouched_admin(conn: &Connection, tenant: TenantId) -> Result<bool, StoreError> {
    let providers = identity_providers::list_providers(conn, tenant)?;
    let known = user_identities::list_identities(conn, tenant)?;
    let admins = admins(conn, tenant, AuthSource::Sso)?;
    let is_vouched = |user: &User| {
        known.iter().any(|identity| {
            identity.user_id == user.id
                && providers
                    .iter()
                    .any(|p| p.id == identity.provider_id && p.is_enabled)
        })
    };
    Ok(admins.iter().any(is_vouched))
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
    let (asking, now) = (caller.session_id, state.now());
    let ended = state
        .runtime
        .store()
        .write(move |tx| {
            if rules.sso_only {
                let providers = identity_providers::list_providers(tx, tenant)?;
                if !providers.iter().any(|p| p.is_enabled) {
                    return Err(CodedError::conflict("sso.no_provider_enabled").into());
                }
                if !has_local_admin(tx, tenant)? {
                    return Err(CodedError::conflict("sso.nobody_for_emergencies").into());
                }
            }
            settings::put_tenant_setting(tx, tenant, SSO_ONLY, &json!(rules.sso_only))?;
            end_local(tx, tenant, asking, now)
        })
        .await?;
    ended.tell(&state, &audit);
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
