//! Other systems that are told what happened: which, of what, how it goes, and a test. The signing
//! secret goes in and never comes out.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    Webhook as Dto, WebhookDelivery as DeliveryDto, WebhookInput, WebhookTestReport,
};
use iq_domain::{Permission, TenantId, WebhookId, WebhookKind};
use iq_locale::Language;
use iq_runtime::{check_webhook_url, webhook_sentence};
use iq_secrets::SecretString;
use iq_store::{
    Connection, StoreError,
    webhooks::{self as rows, DeliveryState, Webhook, WebhookDelivery},
};
use serde_json::json;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Id, Route, check::NAME_CHARS,
        delete, get, post, put,
    },
    state::ApiState,
    texts,
};

/// Stands for a secret that is kept.
const MASK: &str = "***";
/// Shorter secrets can be guessed from one delivery.
const SECRET_MIN: usize = 16;
const SECRET_CHARS: usize = 200;
const URL_CHARS: usize = 500;
/// Largest list of certificates.
const DOCUMENT_CHARS: usize = 64 * 1024;
const BODY_CAP: usize = 128 * 1024;
/// Deliveries shown with each target.
const NEWEST: u32 = 10;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::WebhooksManage as Manage;
    let one = "/api/webhooks/{id}";
    vec![
        get("/api/webhooks", Manage, list_webhooks)
            .list::<Dto>()
            .says("Systems that are told what happened, without secrets, and how it goes"),
        post("/api/webhooks", Manage, create_webhook)
            .body::<WebhookInput>()
            .cap(BODY_CAP)
            .answer::<Dto>()
            .status(201)
            .audits("webhooks.create")
            .says("Enter a system that is told what happened"),
        get(one, Manage, get_webhook)
            .answer::<Dto>()
            .says("One system that is told what happened"),
        put(one, Manage, update_webhook)
            .body::<WebhookInput>()
            .cap(BODY_CAP)
            .answer::<Dto>()
            .audits("webhooks.update")
            .says("Change a system that is told; nothing goes there while it is switched off"),
        delete(one, Manage, delete_webhook)
            .status(204)
            .audits("webhooks.delete")
            .says("Remove a system that is told, with what was on its way to it"),
        post("/api/webhooks/{id}/test", Manage, test_webhook)
            .answer::<WebhookTestReport>()
            .audits("webhooks.test")
            .says("Send a test now, step by step"),
        post("/api/webhooks/{id}/retry", Manage, retry_webhook)
            .answer::<Dto>()
            .audits("webhooks.retry")
            .says("Try again what was given up"),
    ]
}

async fn list_webhooks(State(state): State<ApiState>, caller: Caller) -> Answer<Json<Vec<Dto>>> {
    let (tenant, language) = (caller.tenant_id, caller.language);
    let all = state
        .runtime
        .store()
        .read(move |conn| {
            let all = rows::list_webhooks(conn, tenant)?.into_iter();
            all.map(|row| dto(conn, language, row)).collect()
        })
        .await?;
    Ok(Json(all))
}

async fn get_webhook(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<WebhookId>,
) -> Answer<Json<Dto>> {
    let (tenant, language) = (caller.tenant_id, caller.language);
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let row = rows::get_webhook(conn, tenant, id)?;
            row.map(|row| dto(conn, language, row)).transpose()
        })
        .await?;
    found.map(Json).ok_or_else(Failure::not_found)
}

async fn create_webhook(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<WebhookInput>,
) -> Answer<(StatusCode, Json<Dto>)> {
    let (row, secret) = checked(&state, caller.tenant_id, input, None)?;
    recorded(&audit, &row);
    let saved = state.runtime.save_webhook(&row, secret).await?;
    let answer = get_webhook(State(state), caller, Id(saved.id)).await?;
    Ok((StatusCode::CREATED, answer))
}

async fn update_webhook(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<WebhookId>,
    Body(input): Body<WebhookInput>,
) -> Answer<Json<Dto>> {
    let old = own(&state, &caller, id).await?;
    let (row, secret) = checked(&state, caller.tenant_id, input, Some(&old))?;
    recorded(&audit, &row);
    audit.detail("secret_changed", secret.is_some());
    state.runtime.save_webhook(&row, secret).await?;
    get_webhook(State(state), caller, Id(id)).await
}

async fn delete_webhook(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<WebhookId>,
) -> Answer<StatusCode> {
    let row = own(&state, &caller, id).await?;
    recorded(&audit, &row);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| rows::delete_webhook(tx, tenant, id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn test_webhook(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<WebhookId>,
) -> Answer<Json<WebhookTestReport>> {
    let row = own(&state, &caller, id).await?;
    audit
        .object("webhook", row.id)
        .detail("name", row.name.clone());
    let stages = state.runtime.test_webhook(&row).await?;
    let success = texts::is_sent(&stages);
    audit.detail("success", success);
    let stages = stages.into_iter();
    Ok(Json(WebhookTestReport {
        success,
        stages: stages.map(|s| texts::stage(caller.language, s)).collect(),
    }))
}

async fn retry_webhook(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<WebhookId>,
) -> Answer<Json<Dto>> {
    let row = own(&state, &caller, id).await?;
    audit
        .object("webhook", row.id)
        .detail("name", row.name.clone());
    let tried = state.runtime.retry_webhook(caller.tenant_id, id).await?;
    audit.detail("deliveries", tried);
    get_webhook(State(state), caller, Id(id)).await
}

async fn own(state: &ApiState, caller: &Caller, id: WebhookId) -> Answer<Webhook> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| rows::get_webhook(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

fn recorded(audit: &Audit, row: &Webhook) {
    let kinds: Vec<_> = row.kinds.keys().collect();
    audit
        .object("webhook", row.id)
        .detail("name", row.name.clone())
        .detail("url", row.url.clone())
        .detail("kinds", json!(kinds))
        .detail("accept_plain_http", row.accept_plain_http)
        .detail("is_enabled", row.is_enabled);
}

/// A row of what was typed and the secret where it is another one, or all that is wrong with it.
fn checked(
    state: &ApiState,
    tenant: TenantId,
    input: WebhookInput,
    old: Option<&Webhook>,
) -> Answer<(Webhook, Option<SecretString>)> {
    let now = state.now();
    let secret = input.secret.filter(|s| !s.is_empty() && s != MASK);
    let was_told = old.filter(|old| old.is_enabled);
    // What is new is told from now on; what was told before goes on without a gap.
    let since = |kind: &WebhookKind| {
        let before = was_told.and_then(|old| old.kinds.get(kind));
        (*kind, before.copied().unwrap_or(now))
    };
    let tls_ca = input.tls_ca.map(|text| text.trim().to_owned());
    let row = Webhook {
        id: old.map_or_else(WebhookId::new, |h| h.id),
        tenant_id: tenant,
        name: input.name.trim().to_owned(),
        url: input.url.trim().to_owned(),
        kinds: input.kinds.iter().map(since).collect::<BTreeMap<_, _>>(),
        tls_ca: tls_ca.filter(|text| !text.is_empty()),
        accept_plain_http: input.accept_plain_http,
        is_enabled: input.is_enabled,
        secret_version: old.map_or(0, |h| h.secret_version),
        created_at: old.map_or(now, |h| h.created_at),
        updated_at: now,
    };
    let mut check = Check::new();
    check
        .line("name", &row.name, NAME_CHARS)
        .line("url", &row.url, URL_CHARS)
        .require(!row.kinds.is_empty(), "kinds", "webhooks.kinds_missing");
    if let Some(secret) = &secret {
        check.line("secret", secret, SECRET_CHARS).require(
            secret.chars().count() >= SECRET_MIN,
            "secret",
            "webhooks.secret_short",
        );
    } else if row.secret_version == 0 {
        check.require(false, "secret", "webhooks.secret_missing");
    }
    let is_short = row
        .tls_ca
        .as_ref()
        .is_none_or(|t| t.len() <= DOCUMENT_CHARS);
    check.require(is_short, "tls_ca", "http.ca_unreadable");
    if let Err(error) = check_webhook_url(&row) {
        let (field, code) = match error.code {
            "http.ca_unreadable" => ("tls_ca", error.code),
            // There is a box to accept it with, and no reason to give.
            "http.plain_refused" => ("url", "webhooks.plain_refused"),
            code => ("url", code),
        };
        let mut problem = FieldFailure::new(field, code);
        problem.params.extend(error.params);
        check.problem(problem);
    }
    check.done()?;
    Ok((row, secret.map(SecretString::from)))
}

fn dto(conn: &Connection, language: Language, row: Webhook) -> Result<Dto, StoreError> {
    let (tenant, id) = (row.tenant_id, row.id);
    let count = |state| rows::count_deliveries(conn, tenant, id, state);
    let last = rows::get_last_tried_delivery(conn, tenant, id)?;
    let state = match last.as_ref().map(|d| d.state) {
        _ if !row.is_enabled => "off",
        None => "idle",
        Some(DeliveryState::Sent) => "ok",
        Some(DeliveryState::Queued) => "waiting",
        Some(DeliveryState::Failed) => "failed",
    };
    let newest = rows::list_deliveries(conn, tenant, id, NEWEST)?.into_iter();
    Ok(Dto {
        id,
        name: row.name,
        url: row.url,
        kinds: row.kinds.into_keys().collect(),
        secret: (row.secret_version > 0).then(|| MASK.to_owned()),
        tls_ca: row.tls_ca,
        accept_plain_http: row.accept_plain_http,
        is_enabled: row.is_enabled,
        state: state.to_owned(),
        queued: count(DeliveryState::Queued)?,
        sent: count(DeliveryState::Sent)?,
        failed: count(DeliveryState::Failed)?,
        last: last.map(|d| delivery_dto(language, d)),
        newest: newest.map(|d| delivery_dto(language, d)).collect(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn delivery_dto(language: Language, delivery: WebhookDelivery) -> DeliveryDto {
    let waits = delivery.state == DeliveryState::Queued;
    DeliveryDto {
        id: delivery.id,
        kind: delivery.kind,
        message: texts::of_json(language, webhook_sentence(delivery.kind), &delivery.params),
        state: match delivery.state {
            DeliveryState::Queued => "queued",
            DeliveryState::Sent => "sent",
            DeliveryState::Failed => "failed",
        }
        .to_owned(),
        attempts: delivery.attempts,
        next_at: waits.then_some(delivery.next_at),
        tried_at: delivery.tried_at,
        error: delivery.error.map(|e| texts::status(language, &e)),
        created_at: delivery.created_at,
        sent_at: delivery.sent_at,
    }
}
