//! Signing in through an identity provider. The tenant is the one of the provider's row, named by the
//! state that went out; the state is used once, by the browser that began. What waits while a person is
//! away lies in the database, so that any instance goes on where another began.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use iq_api_types::{ClaimPreview, HubSignInProvider, StatusMessage};
use iq_auth::TokenHash;
use iq_domain::{
    AuthSource, CodedError, ErrorKind, IdentityProvider, Message, Permission, Role, SessionId,
    TenantId, User, UserId, UserIdentity, neutralise,
};
use iq_locale::Language;
use iq_oidc::{
    AWAY_MS, Answered, Attempt, Claims, DOCUMENTS_MS, Documents, Person, Provider, RoleSource,
    Shown,
};
use iq_secrets::{SealContext, SecretString, random_bytes};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{
    identity_providers::{Key, opened, own},
    platform_people,
    session::{self, Caller, Opened, Origin},
};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Lookup, PLATFORM, StoreError, Tx, identity_providers as providers, sessions, sign_in_rules,
        sso::{self as attempts, Away, Purpose},
        tenants, user_identities, users,
    },
};

/// Attempts of one address that may be on their way to a tenant's providers.
const MOST_OF_ADDRESS: u64 = 200;
/// Longest argument of a reason that a browser keeps.
const PARAM_CHARS: usize = 200;

/// A person on the way, as the browser is told.
pub(crate) struct Beginning {
    pub(crate) url: String,
    /// What binds the attempt to the browser.
    pub(crate) browser: String,
}

/// What an answer came to.
pub(crate) enum Back {
    /// Somebody is signed in and goes on to a page.
    SignedIn(Box<Opened>, String),
    /// A test sign-in of this provider was shown.
    Shown(iq_domain::IdentityProviderId),
}

/// What the audit learns on the way: whose and by whom, and details.
pub(crate) trait Note: Sync {
    fn by(&self, tenant: TenantId, actor: &str);
    fn detail(&self, key: &str, value: serde_json::Value);
    fn failed(&self, code: &'static str);
}

/// The providers that people of a tenant may sign in through; none for a code that nobody has.
pub(crate) async fn list(hub: &Hub, code: &str) -> Answer<Vec<HubSignInProvider>> {
    let code = code.trim().to_lowercase();
    let code = if code.is_empty() { "platform" } else { &code };
    let tenant = tenants::get_visible(&mut hub.store.lookup(&Lookup::Tenant(code)).await?).await?;
    let Some(tenant) = tenant.filter(|tenant| !tenant.is_suspended) else {
        return Ok(Vec::new());
    };
    let mut tx = hub.store.tenant(tenant.id).await?;
    let found = providers::list_of(&mut tx, tenant.id).await?.into_iter();
    let sso_only = sign_in_rules::in_force(&mut tx, tenant.id).await?.sso_only;
    Ok(found
        .filter(|row| row.is_enabled)
        .map(|row| HubSignInProvider {
            tenant_id: tenant.id,
            id: row.id,
            provider_type: row.provider_type,
            display_name: row.display_name,
            sso_only,
        })
        .collect())
}

/// Sends a person to a provider that is enabled.
pub(crate) async fn start(hub: &Hub, key: Key, next: String, origin: &Origin) -> Answer<Beginning> {
    let mut tx = hub.store.tenant(key.0).await?;
    let kept = own(&mut tx, key).await?;
    tx.commit().await?;
    if !kept.row.is_enabled {
        return Err(Failure::not_found());
    }
    session::check_address(hub, origin).await?;
    begin(hub, &opened(hub, kept)?, Purpose::SignIn(next), origin).await
}

/// Sends an administrator to see what a provider sends, enabled or not.
pub(crate) async fn start_preview(
    hub: &Hub,
    key: Key,
    caller: &Caller,
    origin: &Origin,
) -> Answer<Beginning> {
    let mut tx = hub.store.tenant(key.0).await?;
    let kept = own(&mut tx, key).await?;
    tx.commit().await?;
    let purpose = Purpose::Preview(caller.session_id);
    begin(hub, &opened(hub, kept)?, purpose, origin).await
}

async fn begin(
    hub: &Hub,
    provider: &Provider,
    purpose: Purpose,
    origin: &Origin,
) -> Answer<Beginning> {
    let tenant = provider.row.tenant_id;
    let documents = documents(hub, provider).await?;
    let state = session::cookie_of(tenant, &random()?);
    let browser = random()?;
    let (url, attempt) = iq_oidc::begin(provider, &documents, &state)?;
    let hash = state_hash(hub, &state);
    let sealed = hub
        .seal
        .seal(&context(tenant, &hash_text(&hash)), &attempt.to_secret());
    let now = hub.now();
    let away = Away {
        provider: provider.row.id,
        browser: browser_hash(hub, &browser),
        secret_sealed: sealed.map_err(CodedError::from)?,
        purpose,
        address: origin.address.map(|address| address.to_string()),
        expires_at: now.plus_ms(AWAY_MS),
    };
    let mut tx = hub.store.tenant(tenant).await?;
    if let Some(address) = &away.address
        && attempts::count_of_address(&mut tx, tenant, address, now).await? >= MOST_OF_ADDRESS
    {
        let wait_s = u64::try_from(AWAY_MS / 1_000).unwrap_or(0);
        let many = CodedError::new(ErrorKind::TooMuch, "session.back_off").with("wait_s", wait_s);
        return Err(Failure::wait(many, wait_s));
    }
    attempts::begin(&mut tx, tenant, &hash, &away, now).await?;
    tx.commit().await?;
    Ok(Beginning { url, browser })
}

/// The documents of a provider as it is set up now, read within the hour.
async fn documents(hub: &Hub, provider: &Provider) -> Answer<Arc<Documents>> {
    let (key, now) = (documents_key(&provider.row), hub.now());
    if let Some(known) = hub.documents.get(&key, now) {
        return Ok(known);
    }
    let read = Arc::new(Documents::read(provider).await?);
    let ends = now.plus_ms(DOCUMENTS_MS);
    hub.documents.put(key, Arc::clone(&read), ends, now);
    Ok(read)
}

fn documents_key(row: &IdentityProvider) -> (TenantId, iq_domain::IdentityProviderId, i64) {
    (row.tenant_id, row.id, row.updated_at.0)
}

/// What a browser brings back.
pub(crate) struct Brought<'a> {
    pub(crate) state: Option<&'a str>,
    /// The cookie of the attempt, and the one of the session.
    pub(crate) browser: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    pub(crate) answered: Answered,
}

/// Takes an answer.
pub(crate) async fn come_back(
    hub: &Hub,
    brought: Brought<'_>,
    origin: &Origin,
    note: &dyn Note,
) -> Answer<Back> {
    session::check_address(hub, origin).await?;
    let done = async {
        let (tenant, attempt, away) = find(hub, &brought).await?;
        let key = (tenant, away.provider);
        match away.purpose {
            Purpose::SignIn(next) => {
                let opened = sign_in(hub, key, &attempt, brought.answered, origin, note).await?;
                Ok(Back::SignedIn(Box::new(opened), next))
            }
            Purpose::Preview(asked) => {
                let caller = asking(hub, key, asked, brought.session).await?;
                note.by(tenant, &caller.user.username);
                note.detail("purpose", "preview".into());
                preview(hub, key, asked, &attempt, brought.answered, note).await?;
                Ok(Back::Shown(away.provider))
            }
        }
    };
    let outcome: Answer<Back> = done.await;
    if let Err(failure) = &outcome {
        note.failed(failure.error.code);
        if is_forged(failure.error.code) {
            session::record_failure_of_address(hub, origin).await?;
        }
    }
    outcome
}

/// What no honest provider and browser bring: who brings it again and again has to wait.
fn is_forged(code: &str) -> bool {
    matches!(
        code,
        "sso.state_unknown"
            | "sso.other_browser"
            | "sso.code_refused"
            | "sso.answer_issuer_wrong"
            | "sso.nonce_wrong"
            | "sso.signature_wrong"
            | "sso.algorithm_refused"
            | "sso.token_issuer_wrong"
            | "sso.audience_wrong"
            | "sso.token_belongs_elsewhere"
            | "sso.userinfo_other_person"
            | "hub.sso_not_admitted"
    )
}

/// The attempt an answer belongs to, with its tenant. Whatever is wrong with the answer, its state is
/// used up.
async fn find(hub: &Hub, brought: &Brought<'_>) -> Answer<(TenantId, Attempt, Away)> {
    let unknown = || Failure::invalid("sso.state_unknown");
    let state = brought.state.ok_or_else(unknown)?;
    let (tenant, _) = session::parts_of(state).ok_or_else(unknown)?;
    let hash = state_hash(hub, state);
    let mut tx = hub.store.tenant(tenant).await?;
    let away = attempts::take(&mut tx, tenant, &hash, hub.now()).await?;
    tx.commit().await?;
    let away = away.ok_or_else(unknown)?;
    let is_same = brought
        .browser
        .map(|value| browser_hash(hub, value))
        .is_some_and(|hash| bool::from(hash.ct_eq(&away.browser)));
    if !is_same {
        return Err(Failure::invalid("sso.other_browser"));
    }
    let context_of = hash_text(&hash);
    let opened = hub
        .seal
        .unseal(&context(tenant, &context_of), &away.secret_sealed);
    let attempt = Attempt::from_secret(&opened.map_err(CodedError::from)?);
    Ok((tenant, attempt.ok_or_else(unknown)?, away))
}

/// The verified claims of an answer. No transaction is open meanwhile: a provider may take its time.
async fn claims_of(
    hub: &Hub,
    provider: &Provider,
    attempt: &Attempt,
    answered: Answered,
) -> Answer<Claims> {
    let documents = documents(hub, provider).await?;
    let now = hub.now();
    let (claims, newer) = iq_oidc::answer(provider, &documents, attempt, answered, now).await?;
    if let Some(newer) = newer {
        let ends = now.plus_ms(DOCUMENTS_MS);
        hub.documents
            .put(documents_key(&provider.row), newer, ends, now);
    }
    Ok(claims)
}

async fn sign_in(
    hub: &Hub,
    key: Key,
    attempt: &Attempt,
    answered: Answered,
    origin: &Origin,
    note: &dyn Note,
) -> Answer<Opened> {
    note.by(key.0, "?");
    let mut tx = hub.store.tenant(key.0).await?;
    let kept = enabled(&mut tx, key).await?;
    tx.commit().await?;
    note.detail("provider", kept.row.display_name.clone().into());
    let provider = opened(hub, kept)?;
    let claims = claims_of(hub, &provider, attempt, answered).await?;
    let person = claims.person(&provider.row)?;
    note.detail("subject", person.subject.clone().into());
    // Two first sign-ins of a person at once, or two people of one name: one is repeated.
    let mut tries = 0;
    loop {
        tries += 1;
        let done = enter(hub, &provider.row, (&claims, &person), origin, note).await;
        match done {
            Err(Entered::Taken) if tries < 3 => {}
            Err(Entered::Taken) => return Err(Failure::conflict("hub.taken")),
            Err(Entered::Failed(failure)) => return Err(*failure),
            Ok(opened) => return Ok(opened),
        }
    }
}

/// Why nobody came in.
enum Entered {
    Taken,
    Failed(Box<Failure>),
}

impl From<StoreError> for Entered {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(_) => Self::Taken,
            other => Self::Failed(Box::new(other.into())),
        }
    }
}

impl From<Failure> for Entered {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<CodedError> for Entered {
    fn from(error: CodedError) -> Self {
        Failure::from(error).into()
    }
}

/// As it is now: it may have been switched off while the person was away.
async fn enabled(tx: &mut Tx, key: Key) -> Answer<providers::Kept> {
    let kept = providers::get_provider(tx, key).await?;
    kept.filter(|kept| kept.row.is_enabled)
        .ok_or_else(|| Failure::conflict("sso.provider_off"))
}

/// Finds or makes the user of a person and opens the session, in one transaction. What was read under the
/// provider's settings of before counts only while they stand.
async fn enter(
    hub: &Hub,
    asked: &IdentityProvider,
    (claims, person): (&Claims, &Person),
    origin: &Origin,
    note: &dyn Note,
) -> Result<Opened, Entered> {
    let (now, key) = (hub.now(), (asked.tenant_id, asked.id));
    let mut tx = hub.store.tenant(key.0).await?;
    providers::hold(&mut tx, key).await?;
    let row = enabled(&mut tx, key).await?.row;
    if iq_oidc::vouches_otherwise(asked, &row) {
        return Err(Failure::conflict("sso.provider_changed").into());
    }
    let tenant = tenants::get_visible(&mut tx).await?;
    let tenant = tenant.ok_or_else(Failure::not_found)?;
    if tenant.is_suspended {
        return Err(Failure::forbidden("hub.tenant_suspended").into());
    }
    let role = match key.0 {
        PLATFORM => platform_people::admit(&mut tx, row.id, claims, person).await?,
        _ => claims.role(&row)?.0,
    };
    let (user, role_before) = user_of(hub, &mut tx, &row, person, role).await?;
    users::note_sign_in(&mut tx, (key.0, user.id), now).await?;
    let opened = session::open(hub, &mut tx, &user, &tenant, (true, None), origin).await?;
    tx.commit().await?;
    note.by(key.0, &user.username);
    note.detail("role", user.role.as_str().into());
    if let Some(before) = role_before {
        note.detail("role_before", before.as_str().into());
    }
    Ok(opened)
}

/// Who signs in through a provider is a user here: found by issuer and subject, else made. An e-mail
/// address or a user name never leads to an existing account.
async fn user_of(
    hub: &Hub,
    tx: &mut Tx,
    row: &IdentityProvider,
    person: &Person,
    role: Role,
) -> Result<(User, Option<Role>), Entered> {
    let (tenant, now) = (row.tenant_id, hub.now());
    let named = (person.issuer.as_str(), person.subject.as_str());
    let Some(known) = user_identities::get_identity(tx, tenant, named).await? else {
        return Ok((create(hub, tx, row, person, role).await?, None));
    };
    let found = users::get_user(tx, tenant, known.user_id).await?;
    let before = found.ok_or_else(Failure::not_found)?;
    if !before.is_active {
        return Err(Failure::forbidden("sso.user_disabled").into());
    }
    if before.auth_source != AuthSource::Sso {
        return Err(Failure::forbidden("sso.account_is_local").into());
    }
    let user = User {
        name: person.name.clone(),
        email: person.email.clone(),
        // Where the provider says nothing of roles, the one given here stays.
        role: if row.owns_role() { role } else { before.role },
        ..before.clone()
    };
    users::update(tx, &user).await?;
    if known.provider_id != row.id {
        user_identities::move_to(tx, tenant, &known, row.id).await?;
    }
    let role_before = (before.role != user.role).then_some(before.role);
    if role_before.is_some() {
        sessions::revoke_all(tx, tenant, Some(user.id), now).await?;
    }
    Ok((user, role_before))
}

async fn create(
    hub: &Hub,
    tx: &mut Tx,
    row: &IdentityProvider,
    person: &Person,
    role: Role,
) -> Result<User, Entered> {
    let (tenant, now) = (row.tenant_id, hub.now());
    let name = person.username();
    let is_free = users::get_by_name(tx, tenant, &name).await?.is_none();
    let user = User {
        id: UserId::new(),
        tenant_id: tenant,
        username: if is_free {
            name
        } else {
            person.other_username()
        },
        email: person.email.clone(),
        name: person.name.clone(),
        role,
        is_active: true,
        auth_source: AuthSource::Sso,
        must_change_password: false,
        last_sign_in_at: Some(now),
        created_at: now,
    };
    users::create_alone(tx, &user).await?;
    let identity = UserIdentity {
        issuer: person.issuer.clone(),
        subject: person.subject.clone(),
        user_id: user.id,
        provider_id: row.id,
        created_at: now,
    };
    user_identities::create(tx, tenant, &identity).await?;
    Ok(user)
}

/// The administrator who asked for a test sign-in: still signed in, in this browser, and still one.
async fn asking(hub: &Hub, key: Key, asked: SessionId, cookie: Option<&str>) -> Answer<Caller> {
    let unknown = || Failure::invalid("sso.state_unknown");
    let caller = session::identify(hub, cookie.ok_or_else(unknown)?).await;
    let caller = caller.map_err(|_| unknown())?;
    let is_asker = caller.session_id == asked && caller.user.tenant_id == key.0;
    if is_asker && caller.user.role.may(Permission::IdentityProvidersWrite) {
        Ok(caller)
    } else {
        Err(unknown())
    }
}

/// A test sign-in shows and signs nobody in.
async fn preview(
    hub: &Hub,
    key: Key,
    asked: SessionId,
    attempt: &Attempt,
    answered: Answered,
    note: &dyn Note,
) -> Answer<()> {
    let mut tx = hub.store.tenant(key.0).await?;
    let kept = own(&mut tx, key).await?;
    tx.commit().await?;
    let provider = opened(hub, kept)?;
    let claims = claims_of(hub, &provider, attempt, answered).await;
    let now = hub.now();
    let mut tx = hub.store.tenant(key.0).await?;
    let shown = match claims {
        Err(failure) => {
            note.failed(failure.error.code);
            Shown::failed(now, &failure.error)
        }
        Ok(claims) => {
            let person = claims.person(&provider.row);
            let role = match (&person, key.0) {
                (Ok(person), PLATFORM) => {
                    let would =
                        platform_people::would_admit(&mut tx, key.1, &claims, person).await?;
                    would.map(|role| (role, RoleSource::Default))
                }
                (Err(error), PLATFORM) => Err(error.clone()),
                _ => claims.role(&provider.row),
            };
            if let Some(error) = person.as_ref().err().or(role.as_ref().err()) {
                note.failed(error.code);
            }
            Shown::of(now, &claims, person, role)
        }
    };
    let value = serde_json::to_value(&shown).map_err(|_| Failure::internal())?;
    let times = (now, now.plus_ms(AWAY_MS));
    attempts::show(&mut tx, (key.0, asked, key.1), &value, times).await?;
    Ok(tx.commit().await?)
}

/// What the last test sign-in of a session showed.
pub(crate) async fn last_preview(
    hub: &Hub,
    key: Key,
    caller: &Caller,
    language: Language,
) -> Answer<Option<ClaimPreview>> {
    let mut tx = hub.store.tenant(key.0).await?;
    own(&mut tx, key).await?;
    let found = attempts::shown(&mut tx, (key.0, caller.session_id, key.1), hub.now()).await?;
    let Some(found) = found else { return Ok(None) };
    let shown: Shown = serde_json::from_value(found).map_err(|_| Failure::internal())?;
    Ok(Some(shown.told(language)))
}

/// Why an attempt failed, as a browser keeps it for the page of signing in.
#[derive(Serialize, Deserialize)]
struct Reason {
    said: Message,
    until_ms: i64,
}

/// The reason as a cookie's value. It is sealed: the words on the page are the hub's own.
pub(crate) fn reason_cookie(hub: &Hub, error: &CodedError) -> Answer<String> {
    let mut said = Message::from(error);
    for value in said.params.values_mut() {
        *value = neutralise(value, PARAM_CHARS);
    }
    let until_ms = hub.now().plus_ms(AWAY_MS).0;
    let text = serde_json::to_string(&Reason { said, until_ms });
    let text = SecretString::new(text.map_err(|_| Failure::internal())?);
    let sealed = hub.seal.seal(&reason_context(), &text);
    Ok(URL_SAFE_NO_PAD.encode(sealed.map_err(CodedError::from)?))
}

/// What such a cookie says; nothing when it is not ours or too old.
pub(crate) fn reason_of(hub: &Hub, cookie: &str, language: Language) -> Option<StatusMessage> {
    let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
    let text = hub.seal.unseal(&reason_context(), &sealed).ok()?;
    let reason: Reason = serde_json::from_str(text.expose()).ok()?;
    let said = (hub.now().0 < reason.until_ms).then_some(reason.said)?;
    Some(StatusMessage {
        message: iq_locale::error(language, &said.code, &said.params),
        code: said.code,
        params: said.params,
    })
}

fn reason_context() -> SealContext<'static> {
    SealContext {
        tenant: PLATFORM,
        owner: "browser",
        field: "sso_reason",
        version: 1,
    }
}

fn context(tenant: TenantId, state: &str) -> SealContext<'_> {
    SealContext {
        tenant,
        owner: state,
        field: "sso_attempt",
        version: 1,
    }
}

fn hash_text(hash: &TokenHash) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}

/// 43 characters nobody guesses.
fn random() -> Answer<String> {
    let bytes = random_bytes::<32>().map_err(CodedError::from)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn state_hash(hub: &Hub, value: &str) -> TokenHash {
    hub.keys.binding_hash("sso state", value)
}

fn browser_hash(hub: &Hub, value: &str) -> TokenHash {
    hub.keys.binding_hash("sso browser", value)
}
