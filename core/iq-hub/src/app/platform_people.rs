//! Who may come in as platform owner through a provider of the platform: nobody, until a platform owner
//! names them, one by one.

use iq_api_types::{NamedBy, PlatformPerson, PlatformPersonInput};
use iq_domain::{CodedError, ErrorKind, IdentityProviderId, PlatformPersonId, Role};
use iq_oidc::{Claims, Person};

use super::{identity_providers::own, line};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{PLATFORM, StoreError, Tx, platform_people as rows, user_identities},
};

const MAX_PEOPLE: usize = 200;

pub(crate) async fn list(hub: &Hub, provider: IdentityProviderId) -> Answer<Vec<PlatformPerson>> {
    let mut tx = hub.store.tenant(PLATFORM).await?;
    own(&mut tx, (PLATFORM, provider)).await?;
    Ok(rows::list_of(&mut tx, provider).await?)
}

pub(crate) async fn create(
    hub: &Hub,
    provider: IdentityProviderId,
    input: PlatformPersonInput,
    added_by: &str,
) -> Answer<PlatformPerson> {
    let mut tx = hub.store.tenant(PLATFORM).await?;
    own(&mut tx, (PLATFORM, provider)).await?;
    let value = line("value", &input.value, 255)?;
    let value = match input.named_by {
        NamedBy::Subject => value,
        NamedBy::Email if !value.contains('@') => {
            return Err(Failure::field("value", "hub.sso_email_wrong"));
        }
        NamedBy::Email => value.to_lowercase(),
    };
    if rows::list_of(&mut tx, provider).await?.len() >= MAX_PEOPLE {
        let many = CodedError::conflict("hub.sso_too_many_people").with("max", MAX_PEOPLE);
        return Err(many.into());
    }
    let person = PlatformPerson {
        id: PlatformPersonId::new(),
        named_by: input.named_by,
        value,
        subject: None,
        added_by: added_by.to_owned(),
        added_at: hub.now(),
    };
    match rows::create(&mut tx, provider, &person).await {
        Err(StoreError::Taken(_)) => {
            return Err(Failure::field("value", "hub.sso_person_known"));
        }
        other => other?,
    }
    tx.commit().await?;
    Ok(person)
}

/// Takes somebody out; the sessions end.
pub(crate) async fn delete(
    hub: &Hub,
    provider: IdentityProviderId,
    person: PlatformPersonId,
) -> Answer<PlatformPerson> {
    let mut tx = hub.store.tenant(PLATFORM).await?;
    let gone = rows::delete(&mut tx, provider, person).await?;
    let gone = gone.ok_or_else(Failure::not_found)?;
    let subject = match gone.named_by {
        NamedBy::Subject => Some(gone.value.as_str()),
        NamedBy::Email => gone.subject.as_deref(),
    };
    if let Some(subject) = subject {
        let key = (PLATFORM, provider);
        user_identities::end_sessions(&mut tx, key, (Some(subject), None), hub.now()).await?;
    }
    tx.commit().await?;
    Ok(gone)
}

/// Whether a person may come in, and by which row; binds an address to who came with it first.
pub(crate) async fn admit(
    tx: &mut Tx,
    provider: IdentityProviderId,
    claims: &Claims,
    person: &Person,
) -> Answer<Role> {
    let people = rows::list_of(tx, provider).await?;
    let found = find(&people, claims, person)?;
    if found.named_by == NamedBy::Email && !rows::bind(tx, found.id, &person.subject).await? {
        return Err(unknown(person).into());
    }
    Ok(Role::PlatformOwner)
}

/// The same without binding anything: what a test sign-in shows.
pub(crate) async fn would_admit(
    tx: &mut Tx,
    provider: IdentityProviderId,
    claims: &Claims,
    person: &Person,
) -> Answer<Result<Role, CodedError>> {
    let people = rows::list_of(tx, provider).await?;
    Ok(find(&people, claims, person).map(|_| Role::PlatformOwner))
}

fn unknown(person: &Person) -> CodedError {
    CodedError::new(ErrorKind::Forbidden, "hub.sso_not_admitted")
        .with("subject", iq_domain::neutralise(&person.subject, 200))
}

fn find<'a>(
    people: &'a [PlatformPerson],
    claims: &Claims,
    person: &Person,
) -> Result<&'a PlatformPerson, CodedError> {
    let is_subject = |row: &&PlatformPerson| match row.named_by {
        NamedBy::Subject => row.value == person.subject,
        NamedBy::Email => row.subject.as_ref() == Some(&person.subject),
    };
    if let Some(found) = people.iter().find(is_subject) {
        return Ok(found);
    }
    let mut by_email = people
        .iter()
        .filter(|row| row.named_by == NamedBy::Email && row.subject.is_none())
        .peekable();
    if by_email.peek().is_none() {
        return Err(unknown(person));
    }
    let email = claims.verified_email()?.to_lowercase();
    by_email
        .find(|row| row.value == email)
        .ok_or_else(|| unknown(person))
}
