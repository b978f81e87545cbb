//! Systems that are told what happened, and what is on its way to them. The signing secret is a column
//! of sealed bytes that no [`Webhook`] carries.

use std::collections::BTreeMap;

use iq_domain::{
    CodedError, Message, TenantId, Timestamp, WebhookDeliveryId, WebhookId, WebhookKind,
};
use rusqlite::{Connection, Row, params, types::Value};
use serde::{Deserialize, Serialize};

use crate::{StoreError, query, query::Where, row};

/// A system that is told what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// Owner.
    pub tenant_id: TenantId,
    /// What people call it.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// What it is told, and since when; what came to be known before is not sent.
    pub kinds: BTreeMap<WebhookKind, Timestamp>,
    /// Certificates in PEM form that are trusted instead of the machine's list.
    pub tls_ca: Option<String>,
    /// A person accepted that the way is not encrypted.
    pub accept_plain_http: bool,
    /// It is told.
    pub is_enabled: bool,
    /// Grows with every change of the secret; 0 while there is none.
    pub secret_version: u32,
    /// Written.
    pub created_at: Timestamp,
    /// Changed.
    pub updated_at: Timestamp,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Goes out at `next_at`.
    Queued,
    /// The other side took it.
    Sent,
    /// Given up.
    Failed,
}

/// One message to one target.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookDelivery {
    /// Id; the same in every attempt.
    pub id: WebhookDeliveryId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Whom it is for.
    pub webhook_id: WebhookId,
    /// What it tells.
    pub kind: WebhookKind,
    /// What happened, in one word of its own: a target is told once.
    pub cause: String,
    /// The work order or incident.
    pub object_id: String,
    /// Arguments of the sentence.
    pub params: serde_json::Value,
    /// Page of the object.
    pub link: String,
    /// When it happened.
    pub happened_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// The next attempt.
    pub next_at: Timestamp,
    /// The last attempt.
    pub tried_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<Message>,
    /// Written.
    pub created_at: Timestamp,
    /// Taken by the other side.
    pub sent_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT tenant_id, id, name, url, kinds, tls_ca, accept_plain_http, is_enabled, \
    secret_version, created_at, updated_at FROM webhooks";

const SELECT_DELIVERY: &str = "SELECT tenant_id, id, webhook_id, kind, cause, object_id, params, \
    link, happened_at, state, attempts, next_at, tried_at, error_code, error_params, created_at, \
    sent_at FROM webhook_deliveries";

fn read(r: &Row<'_>) -> rusqlite::Result<Webhook> {
    Ok(Webhook {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        name: r.get("name")?,
        url: r.get("url")?,
        kinds: row::json(r, "kinds")?,
        tls_ca: r.get("tls_ca")?,
        accept_plain_http: r.get("accept_plain_http")?,
        is_enabled: r.get("is_enabled")?,
        secret_version: r.get("secret_version")?,
        created_at: row::time(r, "created_at")?,
        updated_at: row::time(r, "updated_at")?,
    })
}

fn read_delivery(r: &Row<'_>) -> rusqlite::Result<WebhookDelivery> {
    let code: Option<String> = r.get("error_code")?;
    let params = row::json(r, "error_params")?;
    Ok(WebhookDelivery {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        webhook_id: row::id(r, "webhook_id")?,
        kind: row::word(r, "kind")?,
        cause: r.get("cause")?,
        object_id: r.get("object_id")?,
        params: row::json(r, "params")?,
        link: r.get("link")?,
        happened_at: row::time(r, "happened_at")?,
        state: row::word(r, "state")?,
        attempts: r.get("attempts")?,
        next_at: row::time(r, "next_at")?,
        tried_at: row::time_opt(r, "tried_at")?,
        error: code.map(|code| Message { code, params }),
        created_at: row::time(r, "created_at")?,
        sent_at: row::time_opt(r, "sent_at")?,
    })
}

/// Keeps a target: a new one, or the changed one of that id. Its secret is kept apart.
pub fn put_webhook(conn: &Connection, tenant: TenantId, hook: &Webhook) -> Result<(), StoreError> {
    row::same_tenant(tenant, hook.tenant_id)?;
    let sql = "INSERT INTO webhooks (tenant_id, id, name, url, kinds, tls_ca, accept_plain_http,
               is_enabled, created_at, updated_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
               ON CONFLICT (tenant_id, id) DO UPDATE SET name = ?3, url = ?4, kinds = ?5,
               tls_ca = ?6, accept_plain_http = ?7, is_enabled = ?8, updated_at = ?10";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            hook.id.to_string(),
            hook.name,
            hook.url,
            row::to_json(&hook.kinds)?,
            hook.tls_ca,
            hook.accept_plain_http,
            hook.is_enabled,
            hook.created_at.0,
            hook.updated_at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// Keeps the sealed secret; the version must grow, so that of two writers one is refused.
pub fn put_webhook_secret(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
    version: u32,
    sealed: &[u8],
) -> Result<(), StoreError> {
    let sql = "UPDATE webhooks SET secret = ?3, secret_version = ?4
               WHERE tenant_id = ?1 AND id = ?2 AND secret_version < ?4";
    let args = params![tenant.to_string(), id.to_string(), sealed, version];
    match query::change(conn, sql, args)? {
        0 => Err(CodedError::conflict("webhooks.changed_meanwhile").into()),
        _ => Ok(()),
    }
}

/// The sealed secret with its version, if one is set.
pub fn get_webhook_secret(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<Option<(u32, Vec<u8>)>, StoreError> {
    let sql = "SELECT secret_version, secret FROM webhooks
               WHERE tenant_id = ? AND id = ? AND secret IS NOT NULL";
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, sql, args, |r| {
        Ok((r.get("secret_version")?, r.get("secret")?))
    })
}

/// The target, if this tenant has it.
pub fn get_webhook(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// The targets of a tenant by name.
pub fn list_webhooks(conn: &Connection, tenant: TenantId) -> Result<Vec<Webhook>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "name, id", read)
}

/// Removes a target with all that was on its way to it.
pub fn delete_webhook(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM webhooks WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}

/// Writes a delivery, unless the target was told of its cause before. Answers whether it is new.
pub fn create_delivery(
    conn: &Connection,
    tenant: TenantId,
    new: &WebhookDelivery,
) -> Result<bool, StoreError> {
    row::same_tenant(tenant, new.tenant_id)?;
    let sql = "INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, kind, cause, object_id,
               params, link, happened_at, state, attempts, next_at, tried_at, error_code,
               error_params, created_at, sent_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
               ON CONFLICT (tenant_id, webhook_id, cause) DO NOTHING";
    let error = new.error.as_ref();
    let changed = query::change(
        conn,
        sql,
        params![
            tenant.to_string(),
            new.id.to_string(),
            new.webhook_id.to_string(),
            row::to_word(&new.kind)?,
            new.cause,
            new.object_id,
            row::to_json(&new.params)?,
            new.link,
            new.happened_at.0,
            row::to_word(&new.state)?,
            new.attempts,
            new.next_at.0,
            new.tried_at.map(|t| t.0),
            error.map(|e| &e.code),
            row::to_json(&error.map(|e| e.params.clone()).unwrap_or_default())?,
            new.created_at.0,
            new.sent_at.map(|t| t.0)
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("webhooks.not_found")))?;
    Ok(changed > 0)
}

/// Writes down how an attempt went. A delivery whose target was removed meanwhile is gone: no error.
pub fn update_delivery(
    conn: &Connection,
    tenant: TenantId,
    delivery: &WebhookDelivery,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, delivery.tenant_id)?;
    let sql = "UPDATE webhook_deliveries SET state = ?3, attempts = ?4, next_at = ?5,
               tried_at = ?6, error_code = ?7, error_params = ?8, sent_at = ?9
               WHERE tenant_id = ?1 AND id = ?2";
    let error = delivery.error.as_ref();
    query::change(
        conn,
        sql,
        params![
            tenant.to_string(),
            delivery.id.to_string(),
            row::to_word(&delivery.state)?,
            delivery.attempts,
            delivery.next_at.0,
            delivery.tried_at.map(|t| t.0),
            error.map(|e| &e.code),
            row::to_json(&error.map(|e| e.params.clone()).unwrap_or_default())?,
            delivery.sent_at.map(|t| t.0)
        ],
    )
    .map(drop)
}

/// Whether a target was told of a cause.
pub fn has_delivery(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
    cause: &str,
) -> Result<bool, StoreError> {
    let found = of(tenant, id)
        .and("cause = ?", [Value::Text(cause.to_owned())])
        .count(conn, "webhook_deliveries")?;
    Ok(found > 0)
}

/// What goes to a target by `now`, what waited longest first.
pub fn list_due_deliveries(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<WebhookDelivery>, StoreError> {
    of(tenant, id)
        .and("state = 'queued' AND next_at <= ?", [Value::Integer(now.0)])
        .first(conn, (SELECT_DELIVERY, "next_at, id"), limit, read_delivery)
}

/// The newest deliveries to a target.
pub fn list_deliveries(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
    limit: u32,
) -> Result<Vec<WebhookDelivery>, StoreError> {
    let newest = (SELECT_DELIVERY, "created_at DESC, id DESC");
    of(tenant, id).first(conn, newest, limit, read_delivery)
}

/// The delivery that was tried last.
pub fn get_last_tried_delivery(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<Option<WebhookDelivery>, StoreError> {
    let last = (SELECT_DELIVERY, "tried_at DESC, id DESC");
    let found =
        of(tenant, id)
            .and("tried_at IS NOT NULL", [])
            .first(conn, last, 1, read_delivery)?;
    Ok(found.into_iter().next())
}

/// How many deliveries to a target stand so.
pub fn count_deliveries(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
    state: DeliveryState,
) -> Result<u64, StoreError> {
    of(tenant, id)
        .any("state", vec![row::to_word(&state)?])
        .count(conn, "webhook_deliveries")
}

/// What was given up is tried again, from the first attempt on. Answers how many they are.
pub fn update_failed_deliveries(
    conn: &Connection,
    tenant: TenantId,
    id: WebhookId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "UPDATE webhook_deliveries SET state = 'queued', attempts = 0, next_at = ?3
               WHERE tenant_id = ?1 AND webhook_id = ?2 AND state = 'failed'";
    query::change(
        conn,
        sql,
        params![tenant.to_string(), id.to_string(), now.0],
    )
}

/// Forgets deliveries that are over and were written before a moment.
pub fn delete_deliveries_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM webhook_deliveries
               WHERE tenant_id = ? AND state <> 'queued' AND created_at < ?";
    query::change(conn, sql, params![tenant.to_string(), before.0])
}

fn of(tenant: TenantId, id: WebhookId) -> Where {
    let mut found = Where::tenant(tenant);
    found.and("webhook_id = ?", [Value::Text(id.to_string())]);
    found
}
