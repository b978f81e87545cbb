//! How the people of a tenant sign in, or the owners of the platform. With providers alone, one account with a password is left for the day the provider is away: with a reason,
//! for an hour, told in the audit.

use iq_api_types::HubSignInRules;
use iq_domain::{AuthSource, CodedError, Role, TenantId, User};

use super::{line, session::Caller};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        PLATFORM, Tx, sessions,
        sign_in_rules::{self as rows, Rules},
        user_identities, users,
    },
};

/// How long a session of an emergency lasts, used or not.
pub(super) const EMERGENCY_MS: i64 = 60 * 60_000;
const REASON_CHARS: usize = 500;

fn shown(rules: Rules) -> HubSignInRules {
    HubSignInRules {
        sso_only: rules.sso_only,
        emergency_user_id: rules.emergency_user,
    }
}

pub(crate) async fn get(hub: &Hub, tenant: TenantId) -> Answer<HubSignInRules> {
    let mut tx = hub.store.tenant(tenant).await?;
    Ok(shown(rows::get_rules(&mut tx, tenant).await?))
}

/// What a change of the ways in ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) sessions: u64,
    /// The session that asked stays: nobody else could put right what was changed.
    pub(crate) own_kept: bool,
}

/// With providers alone from now on, what was opened with a password ends at once.
pub(crate) async fn put(
    hub: &Hub,
    caller: &Caller,
    tenant: TenantId,
    input: HubSignInRules,
) -> Answer<(HubSignInRules, Ended)> {
    let mut tx = hub.store.tenant(tenant).await?;
    let rules = if input.sso_only {
        checked(&mut tx, tenant, input).await?
    } else {
        Rules::default()
    };
    rows::put_rules(&mut tx, tenant, rules, hub.now()).await?;
    let ended = end_local(hub, &mut tx, tenant, caller).await?;
    tx.commit().await?;
    Ok((shown(rules), ended))
}

/// Who changes how people of a tenant come in.
pub(super) fn admin_role(tenant: TenantId) -> Role {
    if tenant == PLATFORM {
        Role::PlatformOwner
    } else {
        Role::TenantAdmin
    }
}

/// Ends what was opened with a password, where the rules in force allow providers alone. The session that
/// asks is such a one too; while no provider vouches for an administrator it is kept, as in an emergency
/// for an hour: a provider that lets nobody in could not be put right otherwise.
pub(super) async fn end_local(
    hub: &Hub,
    tx: &mut Tx,
    tenant: TenantId,
    caller: &Caller,
) -> Answer<Ended> {
    let rules = rows::in_force(tx, tenant).await?;
    if !rules.sso_only {
        return Ok(Ended::default());
    }
    let user = &caller.user;
    let is_own = user.tenant_id == tenant && user.auth_source == AuthSource::Local;
    let is_alone =
        is_own && !user_identities::vouches_for_role(tx, tenant, admin_role(tenant)).await?;
    let keep = is_alone.then_some(caller.session_id);
    let now = hub.now();
    let sessions = sessions::revoke_local(tx, tenant, (rules.emergency_user, keep), now).await?;
    if let Some(own) = keep {
        sessions::bound(tx, (tenant, own), now.plus_ms(EMERGENCY_MS)).await?;
    }
    Ok(Ended {
        sessions,
        own_kept: keep.is_some(),
    })
}

/// Providers alone: one must be enabled, and the account for emergencies must be one that can act.
async fn checked(tx: &mut Tx, tenant: TenantId, input: HubSignInRules) -> Answer<Rules> {
    if !rows::has_provider(tx, tenant).await? {
        return Err(CodedError::conflict("sso.no_provider_enabled").into());
    }
    let wrong = || Failure::field("emergency_user_id", "hub.emergency_account_wrong");
    let id = input.emergency_user_id.ok_or_else(wrong)?;
    // Locked: nobody switches it off meanwhile.
    let able = users::lock_active_of_role(tx, tenant, admin_role(tenant)).await?;
    let user = users::get_user(tx, tenant, id).await?;
    let is_local = user.is_some_and(|user| user.auth_source == AuthSource::Local);
    if !(is_local && able.contains(&id)) {
        return Err(wrong());
    }
    Ok(Rules {
        sso_only: true,
        emergency_user: Some(id),
    })
}

/// The reason of an emergency sign-in; `None` where passwords are an ordinary way in. Asked only of who
/// knows the password, so that nobody learns of accounts from the answer.
pub(super) async fn emergency_of(
    hub: &Hub,
    user: &User,
    reason: Option<&str>,
) -> Answer<Option<String>> {
    let mut tx = hub.store.tenant(user.tenant_id).await?;
    let asked = emergency_in(&mut tx, user, reason).await?;
    tx.commit().await?;
    Ok(asked)
}

/// The same inside a transaction that opens the session.
pub(super) async fn emergency_in(
    tx: &mut Tx,
    user: &User,
    reason: Option<&str>,
) -> Answer<Option<String>> {
    let rules = rows::in_force(tx, user.tenant_id).await?;
    if !rules.sso_only {
        return Ok(None);
    }
    if rules.emergency_user != Some(user.id) {
        return Err(Failure::forbidden("session.sso_only"));
    }
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        return Err(Failure::forbidden("session.emergency_reason_missing"));
    };
    line("emergency_reason", reason, REASON_CHARS).map(Some)
}

/// Refuses to take from the account for emergencies what it needs.
pub(super) async fn refuse_for_emergencies(tx: &mut Tx, found: &User, user: &User) -> Answer<()> {
    if user.is_active && user.role == found.role {
        return Ok(());
    }
    let rules = rows::get_rules(tx, found.tenant_id).await?;
    if rules.emergency_user == Some(found.id) {
        return Err(Failure::conflict("hub.emergency_account_kept"));
    }
    Ok(())
}
