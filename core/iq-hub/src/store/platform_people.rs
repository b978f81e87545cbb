//! Who may come in as platform owner through a provider of the platform.

use iq_api_types::{NamedBy, PlatformPerson};
use iq_domain::{IdentityProviderId, PlatformPersonId};
use sqlx::postgres::PgRow;

use super::{PLATFORM, Stored, Tx, Uid, get, id, text, time};

fn word(named_by: NamedBy) -> &'static str {
    match named_by {
        NamedBy::Subject => "subject",
        NamedBy::Email => "email",
    }
}

fn person_of(row: &PgRow) -> Stored<PlatformPerson> {
    let by_email = text(row, "named_by")? == "email";
    Ok(PlatformPerson {
        id: PlatformPersonId(id(row, "person_id")?),
        named_by: if by_email {
            NamedBy::Email
        } else {
            NamedBy::Subject
        },
        value: text(row, "value")?,
        subject: get(row, "subject")?,
        added_by: text(row, "added_by")?,
        added_at: time(row, "added_at_ms")?,
    })
}

pub(crate) async fn list_of(
    tx: &mut Tx,
    provider: IdentityProviderId,
) -> Stored<Vec<PlatformPerson>> {
    let rows = sqlx::query(
        "SELECT * FROM platform_people WHERE tenant_id = $1 AND provider_id = $2
         ORDER BY added_at_ms, person_id",
    )
    .bind(Uid(PLATFORM.0))
    .bind(Uid(provider.0))
    .fetch_all(tx.on())
    .await?;
    rows.iter().map(person_of).collect()
}

pub(crate) async fn create(
    tx: &mut Tx,
    provider: IdentityProviderId,
    person: &PlatformPerson,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO platform_people (tenant_id, person_id, provider_id, named_by, value, subject,
           added_by, added_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(Uid(PLATFORM.0))
    .bind(Uid(person.id.0))
    .bind(Uid(provider.0))
    .bind(word(person.named_by))
    .bind(&person.value)
    .bind(&person.subject)
    .bind(&person.added_by)
    .bind(person.added_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Binds an address to the subject that came with it; false where another one was faster.
pub(crate) async fn bind(tx: &mut Tx, person: PlatformPersonId, subject: &str) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE platform_people SET subject = $3
         WHERE tenant_id = $1 AND person_id = $2 AND (subject IS NULL OR subject = $3)",
    )
    .bind(Uid(PLATFORM.0))
    .bind(Uid(person.0))
    .bind(subject)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a person out; says who it was.
pub(crate) async fn delete(
    tx: &mut Tx,
    provider: IdentityProviderId,
    person: PlatformPersonId,
) -> Stored<Option<PlatformPerson>> {
    let row = sqlx::query(
        "DELETE FROM platform_people
         WHERE tenant_id = $1 AND provider_id = $2 AND person_id = $3 RETURNING *",
    )
    .bind(Uid(PLATFORM.0))
    .bind(Uid(provider.0))
    .bind(Uid(person.0))
    .fetch_optional(tx.on())
    .await?;
    row.as_ref().map(person_of).transpose()
}
