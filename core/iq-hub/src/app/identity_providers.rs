//! Identity providers of the own tenant; for a platform owner, those of the platform.

use iq_api_types::{IdentityProvider as Dto, IdentityProviderInput, TestReport};
use iq_domain::{CodedError, IdentityProvider, IdentityProviderId, TenantId};
use iq_locale::Language;
use iq_oidc::{MASK, Provider};
use iq_secrets::{SealContext, SecretString};

use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        PLATFORM, Tx,
        identity_providers::{self as rows, Kept},
        user_identities,
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
    tenant: TenantId,
    input: IdentityProviderInput,
) -> Answer<Dto> {
    let secret = secret_change(&input);
    let row = checked(hub, tenant, input, None)?;
    let mut tx = hub.store.tenant(tenant).await?;
    if rows::list_of(&mut tx, tenant).await?.len() >= MAX_PROVIDERS {
        let many = CodedError::conflict("sso.too_many_providers").with("max", MAX_PROVIDERS);
        return Err(many.into());
    }
    save(hub, tx, row, secret).await
}

pub(crate) async fn update(hub: &Hub, key: Key, input: IdentityProviderInput) -> Answer<Dto> {
    let mut tx = hub.store.tenant(key.0).await?;
    rows::lock(&mut tx, key).await?;
    let old = own(&mut tx, key).await?.row;
    let secret = secret_change(&input);
    let row = checked(hub, key.0, input, Some(&old))?;
    let is_kept = matches!(secret, SecretChange::Keep);
    if iq_oidc::has_moved(&old, &row) && old.has_secret && is_kept {
        return Err(Failure::field("client_secret", "sso.secret_again"));
    }
    if old.is_enabled && !row.is_enabled {
        user_identities::end_sessions(&mut tx, key, None, hub.now()).await?;
    }
    save(hub, tx, row, secret).await
}

/// The version of a seal is known only inside the transaction that stores the rest.
async fn save(hub: &Hub, mut tx: Tx, row: IdentityProvider, secret: SecretChange) -> Answer<Dto> {
    let key = (row.tenant_id, row.id);
    rows::put(&mut tx, &row).await?;
    let version = rows::lock(&mut tx, key).await?.unwrap_or(0) + 1;
    match secret {
        SecretChange::Keep => {}
        SecretChange::Remove if version == 1 => {}
        SecretChange::Remove => rows::put_secret(&mut tx, key, version, None).await?,
        SecretChange::Replace(secret) => {
            let owner = owner(key.1);
            let sealed = hub.seal.seal(&context(&owner, key.0, version), &secret);
            let sealed = sealed.map_err(CodedError::from)?;
            rows::put_secret(&mut tx, key, version, Some(&sealed)).await?;
        }
    }
    let saved = own(&mut tx, key).await?.row;
    tx.commit().await?;
    Ok(shown(hub, saved))
}

/// Its users stay and can't sign in; their sessions end.
pub(crate) async fn delete(hub: &Hub, key: Key) -> Answer<String> {
    let mut tx = hub.store.tenant(key.0).await?;
    let row = own(&mut tx, key).await?.row;
    user_identities::end_sessions(&mut tx, key, None, hub.now()).await?;
    rows::delete(&mut tx, key).await?;
    tx.commit().await?;
    Ok(row.display_name)
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
