//! Who signs in through a provider is a user here: found by issuer and subject, else made. An e-mail
//! address or a user name never leads to an existing account.

use iq_domain::{
    AuthSource, CodedError, ErrorKind, IdentityProvider, Role, Timestamp, User, UserId,
    UserIdentity,
};
use iq_oidc::Person;
use iq_store::{StoreError, Transaction, sessions, user_identities, users};

/// What became of a sign-in.
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) is_new: bool,
    /// The role before, where the provider gave another one; the sessions of the old role ended.
    pub(crate) role_before: Option<Role>,
}

/// Finds or makes the user of a person, inside the write that opens the session.
///
/// # Errors
/// `sso.user_disabled`; `sso.account_is_local` where somebody made the account a local one.
pub(crate) fn sign_in(
    tx: &Transaction<'_>,
    provider: &IdentityProvider,
    person: &Person,
    role: Role,
    now: Timestamp,
) -> Result<SignedIn, StoreError> {
    let tenant = provider.tenant_id;
    let known = user_identities::get_identity(tx, tenant, &person.issuer, &person.subject)?;
    let Some(known) = known else {
        return create(tx, provider, person, role, now);
    };
    let found = users::get_user(tx, tenant, known.user_id)?;
    let mut user = found.ok_or_else(|| CodedError::not_found("users.not_found"))?;
    if !user.is_active {
        return Err(CodedError::new(ErrorKind::Forbidden, "sso.user_disabled").into());
    }
    if user.auth_source != AuthSource::Sso {
        return Err(CodedError::new(ErrorKind::Forbidden, "sso.account_is_local").into());
    }
    let before = user.role;
    user.name.clone_from(&person.name);
    user.email.clone_from(&person.email);
    // Where the provider says nothing of roles, the one given here stays.
    if provider.owns_role() {
        user.role = role;
    }
    user.last_sign_in_at = Some(now);
    users::update_user(tx, tenant, &user)?;
    users::update_last_sign_in(tx, tenant, user.id, now)?;
    if known.provider_id != provider.id {
        let moved = UserIdentity {
            provider_id: provider.id,
            ..known
        };
        user_identities::update_provider(tx, tenant, &moved)?;
    }
    let role_before = (before != user.role).then_some(before);
    if role_before.is_some() {
        sessions::revoke_sessions_of_user(tx, tenant, user.id, None, now)?;
    }
    Ok(SignedIn {
        user,
        is_new: false,
        role_before,
    })
}

fn create(
    tx: &Transaction<'_>,
    provider: &IdentityProvider,
    person: &Person,
    role: Role,
    now: Timestamp,
) -> Result<SignedIn, StoreError> {
    let tenant = provider.tenant_id;
    let user = User {
        id: UserId::new(),
        tenant_id: tenant,
        username: free_username(tx, person)?,
        email: person.email.clone(),
        name: person.name.clone(),
        role,
        is_active: true,
        auth_source: AuthSource::Sso,
        must_change_password: false,
        last_sign_in_at: Some(now),
        created_at: now,
    };
    users::create_user(tx, tenant, &user, None)?;
    let identity = UserIdentity {
        issuer: person.issuer.clone(),
        subject: person.subject.clone(),
        user_id: user.id,
        provider_id: provider.id,
        created_at: now,
    };
    user_identities::create_identity(tx, tenant, &identity)?;
    Ok(SignedIn {
        user,
        is_new: true,
        role_before: None,
    })
}

/// The name, made different where another account has it.
fn free_username(tx: &Transaction<'_>, person: &Person) -> Result<String, StoreError> {
    let name = person.username();
    if users::get_credentials(tx, &name)?.is_none() {
        return Ok(name);
    }
    Ok(person.other_username())
}
