//! Who signs in through a provider is a user here: found by issuer and subject, else made. An e-mail
//! address or a user name never leads to an existing account.

use iq_domain::{
    AuthSource, CodedError, ErrorKind, IdentityProvider, Role, Timestamp, User, UserId,
    UserIdentity,
};
use iq_oidc::Person;
use iq_store::{StoreError, Transaction, sessions, user_identities, users};
use sha2::{Digest, Sha256};

/// Longest user name.
const USERNAME_CHARS: usize = 64;

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

/// The user name a new person would get: the provider's, in the letters of user names.
pub(crate) fn username_of(person: &Person) -> String {
    let wanted = person.username.as_deref().unwrap_or_default();
    let is_letter = |c: &char| c.is_ascii_alphanumeric() || ".-_@+".contains(*c);
    let name: String = wanted
        .chars()
        .filter(is_letter)
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(USERNAME_CHARS)
        .collect();
    if name.len() >= 2 {
        name
    } else {
        format!("sso-{}", tail(person))
    }
}

/// Eight characters that stand for the person.
fn tail(person: &Person) -> String {
    let digest = Sha256::new()
        .chain_update(person.issuer.as_bytes())
        .chain_update([0])
        .chain_update(person.subject.as_bytes())
        .finalize();
    digest[..4].iter().map(|b| format!("{b:02x}")).collect()
}

/// The name, made different where another account has it.
fn free_username(tx: &Transaction<'_>, person: &Person) -> Result<String, StoreError> {
    let name = username_of(person);
    if users::get_credentials(tx, &name)?.is_none() {
        return Ok(name);
    }
    let short: String = name.chars().take(USERNAME_CHARS - 9).collect();
    Ok(format!("{short}-{}", tail(person)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(username: Option<&str>, expected: &str) {
        let person = Person {
            issuer: "https://id.example".to_owned(),
            subject: "1".to_owned(),
            username: username.map(str::to_owned),
            name: "x".to_owned(),
            email: None,
        };
        assert_eq!(username_of(&person), expected);
    }

    #[test]
    fn a_user_name_has_the_letters_of_user_names() {
        check(Some("sara@refinery.example"), "sara@refinery.example");
        check(Some("..sara o'neil"), "saraoneil");
        check(Some("سارة"), "sso-989b8372");
        check(None, "sso-989b8372");
        check(Some(&"a".repeat(90)), &"a".repeat(64));
    }
}
