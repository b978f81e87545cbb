//! Appliances and the codes they enrol by.

use iq_api_types::EnrolmentCodeRow;
use iq_domain::{ApplianceId, EnrolmentCodeId, TenantId, Timestamp};
use serde_json::Value;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{Stored, Tx, Uid, flag, get, id, json, number, text, time, time_or_none};

/// An appliance as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Appliance {
    pub(crate) tenant_id: TenantId,
    pub(crate) id: ApplianceId,
    pub(crate) name: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) record_tenant: Uuid,
    pub(crate) recipient: String,
    pub(crate) is_demo: bool,
    pub(crate) enrolled_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) last_contact_at: Option<Timestamp>,
    pub(crate) last_receipt_at: Option<Timestamp>,
    /// When records of it last came by a file.
    pub(crate) last_file_at: Option<Timestamp>,
    pub(crate) version: Option<String>,
    pub(crate) backlog: Option<i64>,
    pub(crate) oldest_unsent_at: Option<Timestamp>,
    pub(crate) clock_offset_ms: Option<i64>,
    pub(crate) disk_free_bytes: Option<i64>,
    pub(crate) status: Value,
    /// What its records take up here, and how many epochs its logs have.
    pub(crate) stored_bytes: i64,
    pub(crate) epochs: i32,
}

fn appliance_of(row: &PgRow) -> Stored<Appliance> {
    Ok(Appliance {
        tenant_id: TenantId(id(row, "tenant_id")?),
        id: ApplianceId(id(row, "appliance_id")?),
        name: text(row, "name")?,
        public_key: get(row, "public_key")?,
        record_tenant: id(row, "record_tenant")?,
        recipient: text(row, "recipient")?,
        is_demo: flag(row, "is_demo")?,
        enrolled_at: time(row, "enrolled_at_ms")?,
        revoked_at: time_or_none(row, "revoked_at_ms")?,
        last_contact_at: time_or_none(row, "last_contact_at_ms")?,
        last_receipt_at: time_or_none(row, "last_receipt_at_ms")?,
        last_file_at: time_or_none(row, "last_file_at_ms")?,
        version: get(row, "version")?,
        backlog: get(row, "backlog")?,
        oldest_unsent_at: time_or_none(row, "oldest_unsent_at_ms")?,
        clock_offset_ms: get(row, "clock_offset_ms")?,
        disk_free_bytes: get(row, "disk_free_bytes")?,
        status: json(row, "status_text")?,
        stored_bytes: number(row, "stored_bytes")?,
        epochs: get(row, "epochs")?,
    })
}

/// Appliances with the codes of their tenants: of all of them in a transaction of the platform, else of
/// its own.
pub(crate) async fn list_all(tx: &mut Tx) -> Stored<Vec<(Appliance, String)>> {
    let rows = sqlx::query(
        "SELECT a.*, a.status::text AS status_text, t.code AS tenant_code
         FROM appliances a JOIN tenants t USING (tenant_id)
         ORDER BY t.code, a.name, a.appliance_id LIMIT 5000",
    )
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| Ok((appliance_of(row)?, text(row, "tenant_code")?)))
        .collect()
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    appliance: ApplianceId,
    now: Timestamp,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE appliances SET revoked_at_ms = coalesce(revoked_at_ms, $3)
         WHERE tenant_id = $1 AND appliance_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(appliance.0))
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn code_of(row: &PgRow) -> Stored<EnrolmentCodeRow> {
    Ok(EnrolmentCodeRow {
        id: EnrolmentCodeId(id(row, "code_id")?),
        name: text(row, "name")?,
        created_by: text(row, "created_by")?,
        created_at: time(row, "created_at_ms")?,
        expires_at: time(row, "expires_at_ms")?,
        used_at: time_or_none(row, "used_at_ms")?,
        appliance_id: get::<Option<Uid>>(row, "appliance_id")?.map(|uid| ApplianceId(uid.0)),
    })
}

pub(crate) async fn create_code(
    tx: &mut Tx,
    tenant: TenantId,
    code: &EnrolmentCodeRow,
    code_hash: &[u8; 32],
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO enrolment_codes
           (tenant_id, code_id, code_hash, name, created_by, created_at_ms, expires_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(code.id.0))
    .bind(code_hash.as_slice())
    .bind(&code.name)
    .bind(&code.created_by)
    .bind(code.created_at.0)
    .bind(code.expires_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// The newest codes of a tenant.
pub(crate) async fn list_codes(tx: &mut Tx, tenant: TenantId) -> Stored<Vec<EnrolmentCodeRow>> {
    let rows = sqlx::query(
        "SELECT * FROM enrolment_codes WHERE tenant_id = $1 ORDER BY created_at_ms DESC LIMIT 100",
    )
    .bind(Uid(tenant.0))
    .fetch_all(tx.on())
    .await?;
    rows.iter().map(code_of).collect()
}

/// Uses a code up, once; `None` when it is unknown, used or late. Two that come with one code at the
/// same moment, even at two instances, meet at the row's lock.
pub(crate) async fn use_code(
    tx: &mut Tx,
    tenant: TenantId,
    code_hash: &[u8; 32],
    appliance: ApplianceId,
    now: Timestamp,
) -> Stored<Option<EnrolmentCodeRow>> {
    let row = sqlx::query(
        "UPDATE enrolment_codes SET used_at_ms = $3, appliance_id = $4
         WHERE tenant_id = $1 AND code_hash = $2 AND used_at_ms IS NULL AND expires_at_ms > $3
         RETURNING *",
    )
    .bind(Uid(tenant.0))
    .bind(code_hash.as_slice())
    .bind(now.0)
    .bind(Uid(appliance.0))
    .fetch_optional(tx.on())
    .await?;
    row.as_ref().map(code_of).transpose()
}

/// The appliance of the transaction's lookup.
pub(crate) async fn get_visible(tx: &mut Tx) -> Stored<Option<Appliance>> {
    let row = sqlx::query("SELECT *, status::text AS status_text FROM appliances")
        .fetch_optional(tx.on())
        .await?;
    row.as_ref().map(appliance_of).transpose()
}

/// The tenant of the enrolment code of the transaction's lookup.
pub(crate) async fn get_tenant_of_code(tx: &mut Tx) -> Stored<Option<TenantId>> {
    let row = sqlx::query("SELECT tenant_id FROM enrolment_codes")
        .fetch_optional(tx.on())
        .await?;
    row.map(|row| Ok(TenantId(id(&row, "tenant_id")?)))
        .transpose()
}

/// The same appliance once more: its answer was lost, or its old key was revoked. With a new key nothing
/// that a copy of it holds is heard any more, so that it is no fork until the next one is seen.
pub(crate) async fn enrol_again(tx: &mut Tx, appliance: &Appliance) -> Stored<()> {
    sqlx::query(
        "UPDATE appliances SET name = $3, public_key = $4, record_tenant = $5, recipient = $6,
           version = $7, enrolled_at_ms = $8, last_contact_at_ms = $8, revoked_at_ms = NULL,
           hello_said_ms = CASE WHEN public_key = $4 THEN hello_said_ms END,
           status = CASE WHEN public_key = $4 THEN status ELSE status - 'fork' END
         WHERE tenant_id = $1 AND appliance_id = $2",
    )
    .bind(Uid(appliance.tenant_id.0))
    .bind(Uid(appliance.id.0))
    .bind(&appliance.name)
    .bind(&appliance.public_key)
    .bind(Uid(appliance.record_tenant))
    .bind(&appliance.recipient)
    .bind(&appliance.version)
    .bind(appliance.enrolled_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn create(tx: &mut Tx, appliance: &Appliance) -> Stored<()> {
    sqlx::query(
        "INSERT INTO appliances (tenant_id, appliance_id, name, public_key, record_tenant, recipient,
           is_demo, enrolled_at_ms, last_contact_at_ms, version, status)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10::text::jsonb)",
    )
    .bind(Uid(appliance.tenant_id.0))
    .bind(Uid(appliance.id.0))
    .bind(&appliance.name)
    .bind(&appliance.public_key)
    .bind(Uid(appliance.record_tenant))
    .bind(&appliance.recipient)
    .bind(appliance.is_demo)
    .bind(appliance.enrolled_at.0)
    .bind(&appliance.version)
    .bind(appliance.status.to_string())
    .execute(tx.on())
    .await?;
    Ok(())
}
