//! Identity providers of the own tenant; for a platform owner, those of the platform.

use iq_api_types::{IdentityProvider as Dto, IdentityProviderInput, TestReport};
use iq_domain::{CodedError, IdentityProvider, IdentityProviderId, SessionId, TenantId};
use iq_locale::Language;
use iq_oidc::{MASK, Provider};
use iq_secrets::{SealContext, SecretString};

use super::{
    session::Caller,
    sign_in_rules::{Ended, admin_role, end_local},
};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        PLATFORM, Tx,
        identity_providers::{self as rows, Kept},
        sign_in_rules, user_identities, users,
    },
};

const MAX_PROVIDERS: usize = 20;

/// Whose provider, and which.
pub(crate) type Key = (TenantId, IdentityProviderId);

/// What becomes of the client's secret.
enum SecretChange {
    Keep,
    Remove,
    Replace(SecretString),
}

fn shown(hub: &Hub, row: IdentityProvider) -> Dto {
    Dto {
        id: row.id,
        provider_type: row.provider_type,
        display_name: row.display_name,
        client_id: row.client_id,
        client_secret: row.has_secret.then(|| MASK.to_owned()),
        tenant_id: row.directory_id,
        issuer_url: row.issuer_url,
        hosted_domain: row.hosted_domain,
        redirect_uri: redirect_uri(hub),
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

fn redirect_uri(hub: &Hub) -> String {
    format!("{}/auth/sso/callback", hub.public_url())
}

pub(crate) async fn list(hub: &Hub, tenant: TenantId) -> Answer<Vec<Dto>> {
    let mut tx = hub.store.tenant(tenant).await?;
    let found = rows::list_of(&mut tx, tenant).await?;
    Ok(found.into_iter().map(|row| shown(hub, row)).collect())
}

/// A provider of the own tenant. Another tenant's is not there.
pub(crate) async fn own(tx: &mut Tx, key: Key) -> Answer<Kept> {
    let found = rows::get_provider(tx, key).await?;
    found.ok_or_else(Failure::not_found)
}

pub(crate) async fn get(hub: &Hub, key: Key) -> Answer<Dto> {
    let mut tx = hub.store.tenant(key.0).await?;
    Ok(shown(hub, own(&mut tx, key).await?.row))
}

pub(crate) async fn create(
    hub: &Hub,
    caller: &Caller,
    input: IdentityProviderInput,
) -> Answer<(Dto, Ended)> {
    let tenant = caller.user.tenant_id;
    let secret = secret_change(&input);
    let row = checked(hub, tenant, input, None)?;
    let mut tx = hub.store.tenant(tenant).await?;
    if rows::list_of(&mut tx, tenant).await?.len() >= MAX_PROVIDERS {
        let many = CodedError::conflict("sso.too_many_providers").with("max", MAX_PROVIDERS);
        return Err(many.into());
    }
    let was_only = sign_in_rules::in_force(&mut tx, tenant).await?.sso_only;
    let saved = save(hub, &mut tx, row, secret).await?;
    let ended = match was_only {
        true => Ended::default(),
        // The rules may have waited for it.
        false => end_local(hub, &mut tx, tenant, caller).await?,
    };
    tx.commit().await?;
    Ok((shown(hub, saved), ended))
}

/// The session that asks, where nobody else could put right what it changes: it came through this provider,
/// and no administrator with a password is left.
async fn own_to_keep(tx: &mut Tx, caller: &Caller, key: Key) -> Answer<Option<SessionId>> {
    let user = &caller.user;
    let is_own = user.tenant_id == key.0
        && user_identities::provider_of(tx, key.0, user.id).await? == Some(key.1);
    let is_alone = is_own && !users::has_local(tx, key.0, admin_role(key.0)).await?;
    Ok(is_alone.then_some(caller.session_id))
}

/// Ends the sessions of everybody a provider vouches for.
async fn end_vouched(hub: &Hub, tx: &mut Tx, caller: &Caller, key: Key) -> Answer<Ended> {
    let keep = own_to_keep(tx, caller, key).await?;
    let sessions = user_identities::end_sessions(tx, key, (None, keep), hub.now()).await?;
    Ok(Ended {
        sessions,
        own_kept: keep.is_some(),
    })
}

/// Whom it vouched for under other settings, or vouches for no more, is out at once.
pub(crate) async fn update(
    hub: &Hub,
    caller: &Caller,
    id: IdentityProviderId,
    input: IdentityProviderInput,
) -> Answer<(Dto, Ended)> {
    let key = (caller.user.tenant_id, id);
    let mut tx = hub.store.tenant(key.0).await?;
    rows::lock(&mut tx, key).await?;
    let old = own(&mut tx, key).await?.row;
    let secret = secret_change(&input);
    let row = checked(hub, key.0, input, Some(&old))?;
    let is_kept = matches!(secret, SecretChange::Keep);
    if iq_oidc::has_moved(&old, &row) && old.has_secret && is_kept {
        return Err(Failure::field("client_secret", "sso.secret_again"));
    }
    let was_only = sign_in_rules::in_force(&mut tx, key.0).await?.sso_only;
    let is_off = old.is_enabled && !row.is_enabled;
    let mut ended = Ended::default();
    if is_off || iq_oidc::vouches_otherwise(&old, &row) {
        ended = end_vouched(hub, &mut tx, caller, key).await?;
    }
    let saved = save(hub, &mut tx, row, secret).await?;
    if !was_only {
        // The rules may have waited for it.
        let local = end_local(hub, &mut tx, key.0, caller).await?;
        ended.sessions += local.sessions;
        ended.own_kept |= local.own_kept;
    }
    tx.commit().await?;
    Ok((shown(hub, saved), ended))
}

/// The version of a seal is known only inside the transaction that stores the rest.
async fn save(
    hub: &Hub,
    tx: &mut Tx,
    row: IdentityProvider,
    secret: SecretChange,
) -> Answer<IdentityProvider> {
    let key = (row.tenant_id, row.id);
    rows::put(tx, &row).await?;
    let version = rows::lock(tx, key).await?.unwrap_or(0) + 1;
    match secret {
        SecretChange::Keep => {}
        SecretChange::Remove if version == 1 => {}
        SecretChange::Remove => rows::put_secret(tx, key, version, None).await?,
        SecretChange::Replace(secret) => {
            let owner = owner(key.1);
            let sealed = hub.seal.seal(&context(&owner, key.0, version), &secret);
            let sealed = sealed.map_err(CodedError::from)?;
            rows::put_secret(tx, key, version, Some(&sealed)).await?;
        }
    }
    Ok(own(tx, key).await?.row)
}

/// Its users stay and can't sign in; their sessions end.
pub(crate) async fn delete(
    hub: &Hub,
    caller: &Caller,
    id: IdentityProviderId,
) -> Answer<(String, Ended)> {
    let key = (caller.user.tenant_id, id);
    let mut tx = hub.store.tenant(key.0).await?;
    // Whoever comes in by it now is either out below, or comes too late.
    rows::lock(&mut tx, key).await?;
    let row = own(&mut tx, key).await?.row;
    let ended = end_vouched(hub, &mut tx, caller, key).await?;
    rows::delete(&mut tx, key).await?;
    tx.commit().await?;
    Ok((row.display_name, ended))
}

/// As far as it goes without a person. Says the code of the outcome too.
pub(crate) async fn test(
    hub: &Hub,
    key: Key,
    language: Language,
) -> Answer<(TestReport, &'static str)> {
    let mut tx = hub.store.tenant(key.0).await?;
    let kept = own(&mut tx, key).await?;
    tx.commit().await?;
    let provider = opened(hub, kept)?;
    let steps = iq_oidc::check(&provider, || hub.now()).await;
    Ok(iq_oidc::report(language, &steps))
}

fn context(owner: &str, tenant: TenantId, version: u32) -> SealContext<'_> {
    SealContext {
        tenant,
        owner,
        field: "client_secret",
        version,
    }
}

fn owner(id: IdentityProviderId) -> String {
    format!("identity provider {id}")
}

/// The provider with its secret, ready to be talked to.
pub(crate) fn opened(hub: &Hub, kept: Kept) -> Answer<Provider> {
    let row = kept.row;
    let owner = owner(row.id);
    let secret = match kept.secret_sealed {
        None => None,
        Some(sealed) => {
            let context = context(&owner, row.tenant_id, row.secret_version);
            let secret = hub.seal.unseal(&context, &sealed);
            Some(secret.map_err(CodedError::from)?)
        }
    };
    Ok(Provider {
        row,
        secret,
        redirect_uri: redirect_uri(hub),
        reach: hub.provider_reach(),
    })
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
    hub: &Hub,
    tenant: TenantId,
    input: IdentityProviderInput,
    old: Option<&IdentityProvider>,
) -> Answer<IdentityProvider> {
    let secret = input.client_secret.clone().unwrap_or_default();
    let row = iq_oidc::row_of(tenant, input, old, hub.now());
    let mut problems = iq_oidc::problems(&row, &secret, old.is_none());
    let gives_roles = row.default_role.is_some() || row.owns_role();
    if tenant == PLATFORM && gives_roles {
        // No rule makes a platform owner: who may come in is named one by one.
        problems.push(("default_role", CodedError::invalid("hub.sso_no_roles")));
    }
    if tenant != PLATFORM && !gives_roles {
        problems.push(("default_role", CodedError::invalid("sso.no_role_rule")));
    }
    if problems.is_empty() {
        Ok(row)
    } else {
        Err(Failure::of_fields(problems))
    }
}
