//! The first start: one tenant, its administrator, and this appliance's platform owner.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use iq_api_types::{SetupRequest, SetupResult, SetupStatus};
use iq_auth::temporary_password;
use iq_domain::{AuthSource, CodedError, Role, Tenant, TenantId, User, UserId};
use iq_locale::Language;
use iq_secrets::SecretString;
use iq_store::{tenants, users};

use crate::{
    auth::{self, Opening},
    http::{
        Answer, Audit, Body, Check, Failure, RequestInfo, Route, check::NAME_CHARS, get, post,
        route::Access,
    },
    session,
    state::ApiState,
    users::{check_email, check_username},
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/setup", Access::Public, get_setup)
            .answer::<SetupStatus>()
            .says("Whether the first administrator is still missing"),
        post("/api/setup", Access::Public, create_setup)
            .body::<SetupRequest>()
            .answer::<SetupResult>()
            .status(201)
            .audits("setup.create")
            .says("Create the organisation and its first administrator; once"),
    ]
}

async fn has_users(state: &ApiState) -> Answer<bool> {
    Ok(state.runtime.store().read(users::has_any_user).await?)
}

async fn get_setup(State(state): State<ApiState>) -> Answer<Json<SetupStatus>> {
    Ok(Json(SetupStatus {
        needs_setup: !has_users(&state).await?,
        version: state.options.version.clone(),
        appliance: state.appliance(),
    }))
}

async fn create_setup(
    State(state): State<ApiState>,
    info: RequestInfo,
    audit: Audit,
    Body(request): Body<SetupRequest>,
) -> Answer<(StatusCode, HeaderMap, Json<SetupResult>)> {
    let done = || Failure::conflict("setup.done_already");
    if has_users(&state).await? {
        return Err(done());
    }
    let username = request.username.trim().to_owned();
    let mut check = Check::new();
    check
        .names("tenant", &request.tenant)
        .line("name", &request.name, NAME_CHARS);
    check_username(&mut check, &username);
    check_email(&mut check, request.email.as_deref());
    check.done()?;
    let password = SecretString::new(request.password);
    session::refuse_weak("password", &password, &username)?;
    let owner_password = temporary_password().map_err(CodedError::from)?;
    let admin_hash = auth::hash_password(&state, password).await?;
    let owner_hash = auth::hash_password(&state, owner_password.clone()).await?;
    let now = state.now();
    let tenant = Tenant {
        id: TenantId::new(),
        names: request.tenant,
        is_demo: false,
        created_at: now,
    };
    let user = |username: String, name: String, role: Role| User {
        id: UserId::new(),
        tenant_id: tenant.id,
        username,
        email: None,
        name,
        role,
        is_active: true,
        auth_source: AuthSource::Local,
        must_change_password: false,
        last_sign_in_at: None,
        created_at: now,
    };
    let mut admin = user(username, request.name, Role::TenantAdmin);
    admin.email = request.email.filter(|e| !e.is_empty());
    admin.last_sign_in_at = Some(now);
    let mut owner = user(
        owner_username(&admin.username),
        owner_name(info.language),
        Role::PlatformOwner,
    );
    owner.must_change_password = true;
    let opening = Opening::new(&state, (tenant.id, admin.id), &info)?;
    let (session, token_hash) = (opening.session.clone(), opening.new.token_hash);
    let rows = (tenant.clone(), admin.clone(), owner.clone());
    state
        .runtime
        .store()
        .write(move |tx| {
            // Inside the write: of two set-ups at once only one may win.
            if users::has_any_user(tx)? {
                return Err(CodedError::conflict("setup.done_already").into());
            }
            let (tenant, admin, owner) = rows;
            tenants::create_tenant(tx, &tenant)?;
            users::create_user(tx, tenant.id, &admin, Some(&admin_hash))?;
            users::create_user(tx, tenant.id, &owner, Some(&owner_hash))?;
            auth::store_session(tx, &session, &token_hash)
        })
        .await?;
    state.runtime.plant_changed(tenant.id).await?;
    audit
        .by(tenant.id, &admin.username)
        .object("tenant", tenant.id);
    let csrf = state.keys.csrf_token(&opening.new.token_hash);
    let body = SetupResult {
        session: session::info_of(&state, &admin, tenant.id, csrf).await?,
        platform_owner_username: owner.username,
        platform_owner_password: owner_password.expose().to_owned(),
    };
    let cookie = auth::cookie_header(&state, &info, opening.new.token.expose());
    Ok((StatusCode::CREATED, cookie, Json(body)))
}

/// Nobody was asked for it: the name of the role, in the language in which the first start was done.
fn owner_name(language: Language) -> String {
    let name = iq_locale::pattern(language, "ui", "enum.role.platform_owner");
    name.unwrap_or("Platform owner").to_owned()
}

/// "platform", unless the administrator took that name.
fn owner_username(admin: &str) -> String {
    let name = "platform";
    if users::username_key(admin) == users::username_key(name) {
        format!("{name}-owner")
    } else {
        name.to_owned()
    }
}
