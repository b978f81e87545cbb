//! Webhooks: other systems of the customer's are told what happened. Off until a tenant enters a target.
//! What has to be told waits in the store and is tried a bounded number of times, always under the same
//! id; nothing waits for a target, and a slow one keeps no other waiting.
//!
//! A target is talked to at its one address: no redirect is followed, of its answer only the status
//! counts, and no byte of a body is read.

mod payload;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use iq_domain::{
    CodedError, ErrorKind, Message, Tenant, TenantId, Timestamp, WebhookDeliveryId, WebhookId,
};
use iq_http::{HttpClient, HttpOptions, ProbeStep, Request, Response};
use iq_secrets::{MasterKey, SealContext, SecretString};
use iq_store::{
    StoreError, Transaction,
    webhooks::{self, DeliveryState, Webhook, WebhookDelivery},
};
use tokio::sync::Notify;
use tracing::{error, warn};

pub use self::payload::webhook_sentence;
use self::payload::{Payload, signature};
use crate::{
    Inner, Runtime,
    mail::{AGAIN_MIN, origin_of},
    stages::{Stage, Stages},
};

/// Targets per tenant.
pub const MAX_WEBHOOKS: usize = 10;

/// How often waiting deliveries are looked for.
const EVERY: Duration = Duration::from_secs(30);
/// How long a target may take for one delivery.
const WITHIN: Duration = Duration::from_secs(10);
/// After this long the rest of a target's deliveries waits for the next round.
const ROUND: Duration = Duration::from_secs(60);
/// Deliveries to one target in one round.
const AT_ONCE: u32 = 50;
/// Targets that are talked to at the same time.
const SIDE_BY_SIDE: usize = 8;

/// Rung when something may have to go out at once.
#[derive(Default)]
pub(crate) struct Webhooks(Notify);

impl Webhooks {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

fn owner(id: WebhookId) -> String {
    format!("webhook {id}")
}

fn context(owner: &str, tenant: TenantId, version: u32) -> SealContext<'_> {
    SealContext {
        tenant,
        owner,
        field: "secret",
        version,
    }
}

/// The version of a seal is known only inside the transaction that stores the rest.
fn store_secret(
    tx: &Transaction<'_>,
    key: &MasterKey,
    hook: &Webhook,
    secret: &SecretString,
) -> Result<(), StoreError> {
    let (tenant, id) = (hook.tenant_id, hook.id);
    let stored = webhooks::get_webhook(tx, tenant, id)?;
    let version = stored.map_or(0, |h| h.secret_version) + 1;
    let owner = owner(id);
    let sealed = key.seal(&context(&owner, tenant, version), secret);
    let sealed = sealed.map_err(CodedError::from)?;
    webhooks::put_webhook_secret(tx, tenant, id, version, &sealed)
}

/// A target that can be talked to.
struct Target {
    client: HttpClient,
    /// The whole address, without the slash that a client puts behind its base.
    url: String,
    secret: SecretString,
}

impl Target {
    async fn open(inner: &Inner, hook: &Webhook) -> Result<Self, CodedError> {
        let (tenant, id) = (hook.tenant_id, hook.id);
        let sealed = inner
            .store
            .read(move |conn| webhooks::get_webhook_secret(conn, tenant, id))
            .await?;
        let (version, sealed) = sealed.ok_or(CodedError::invalid("webhooks.secret_missing"))?;
        let owner = owner(id);
        let secret = inner
            .master_key
            .unseal(&context(&owner, tenant, version), &sealed)?;
        Ok(Self {
            client: client_of(hook)?,
            url: hook.url.clone(),
            secret,
        })
    }

    /// Hands a document over. Taken is what is answered with a status of success.
    async fn send(&self, payload: &Payload<'_>, now: Timestamp) -> Result<(), Refusal> {
        let (body, seconds) = (payload.to_bytes(), now.0.div_euclid(1_000));
        let signed = signature(&self.secret, seconds, &body);
        let request = Request::post(&self.url)
            .header("x-optria-id", payload.id().to_string())
            .header("x-optria-timestamp", seconds.to_string())
            .header("x-optria-signature", signed)
            .body("application/json", body)
            .status_only();
        let answer = self.client.send(request).await.map_err(Refusal::from)?;
        if answer.is_success() {
            return Ok(());
        }
        let host = self.client.origin().host();
        warn!(
            host,
            status = answer.status,
            "A webhook was not taken by its target."
        );
        Err(Refusal {
            error: refused(&answer, host),
            wait: answer.retry_after(),
        })
    }
}

/// Why a delivery was not taken, and how long the other side asks to wait.
struct Refusal {
    error: CodedError,
    wait: Option<Duration>,
}

impl From<CodedError> for Refusal {
    fn from(error: CodedError) -> Self {
        Self { error, wait: None }
    }
}

/// The client of a target's one address.
fn client_of(hook: &Webhook) -> Result<HttpClient, CodedError> {
    let mut options = HttpOptions::new(&hook.url);
    options.allow_plain_http = hook.accept_plain_http;
    options.tls_ca.clone_from(&hook.tls_ca);
    options.total_timeout = WITHIN;
    HttpClient::new(options)
}

/// What a person can do about a status that is no success.
fn refused(answer: &Response, host: &str) -> CodedError {
    let code = match answer.status {
        401 | 403 | 407 => "webhooks.not_admitted",
        404 | 405 | 410 => "webhooks.not_found_there",
        408 | 425 | 429 | 500..=599 => "webhooks.later",
        _ => "webhooks.refused",
    };
    CodedError::new(ErrorKind::Upstream, code)
        .with("host", host)
        .with("status", answer.status)
}

/// Where a delivery stands after an attempt.
fn stand(delivery: &mut WebhookDelivery, result: Result<(), Refusal>, now: Timestamp) {
    delivery.attempts += 1;
    delivery.tried_at = Some(now);
    match result {
        Ok(()) => {
            delivery.state = DeliveryState::Sent;
            delivery.sent_at = Some(now);
            delivery.error = None;
        }
        Err(refusal) => {
            let tried = usize::try_from(delivery.attempts - 1).unwrap_or(usize::MAX);
            match AGAIN_MIN.get(tried) {
                Some(minutes) => {
                    let asked = refusal.wait.unwrap_or_default().as_millis();
                    let asked = i64::try_from(asked).unwrap_or(0);
                    delivery.next_at = now.plus_ms(asked.max(minutes * 60_000));
                }
                None => delivery.state = DeliveryState::Failed,
            }
            delivery.error = Some(Message::from(&refusal.error));
        }
    }
}

/// The task that sends what waits.
pub(crate) async fn run(inner: Arc<Inner>) {
    // What was on its way when the program stopped goes first.
    inner.webhooks.wake();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.webhooks.0.notified() => {}
            () = inner.cancel.cancelled() => return,
        }
        tokio::select! {
            () = send_due(&inner) => {}
            // What is on its way when the program closes is sent again, under the same id.
            () = inner.cancel.cancelled() => return,
        }
    }
}

/// Sends what waits, to each target in its order and to several at a time.
async fn send_due(inner: &Arc<Inner>) {
    let index = inner.index.load();
    let mut targets = Vec::new();
    for (id, tenant) in &index.tenants {
        let id = *id;
        let found = inner
            .store
            .read(move |conn| webhooks::list_webhooks(conn, id));
        match found.await {
            Ok(all) => {
                let enabled = all.into_iter().filter(|hook| hook.is_enabled);
                targets.extend(enabled.map(|hook| (tenant.tenant.clone(), hook)));
            }
            Err(error) => log(&error.into()),
        }
    }
    futures::stream::iter(targets)
        .for_each_concurrent(SIDE_BY_SIDE, |(tenant, hook)| async move {
            if let Err(error) = send_to(inner, &tenant, &hook).await {
                log(&error);
            }
        })
        .await;
}

fn log(error: &CodedError) {
    error!(%error, "Webhooks could not be looked for; it is tried again in half a minute.");
}

/// Sends what waits for a target. What it does not take ends the round: the rest would fare no better.
async fn send_to(inner: &Inner, tenant: &Tenant, hook: &Webhook) -> Result<(), CodedError> {
    let (id, hook_id, now) = (tenant.id, hook.id, inner.clock.now());
    let due = inner
        .store
        .read(move |conn| webhooks::list_due_deliveries(conn, id, hook_id, now, AT_ONCE))
        .await?;
    if due.is_empty() {
        return Ok(());
    }
    let target = Target::open(inner, hook).await;
    let (begun, address) = (
        Instant::now(),
        origin_of(inner.config.public_url.as_deref()),
    );
    for mut delivery in due {
        // It may have been switched off or changed since the round began.
        let current = inner
            .store
            .read(move |conn| webhooks::get_webhook(conn, id, hook_id))
            .await?;
        if current.as_ref() != Some(hook) || begun.elapsed() > ROUND {
            return Ok(());
        }
        let now = inner.clock.now();
        let result = match &target {
            Ok(target) => {
                let payload = Payload::of(&delivery, tenant, address.as_deref());
                target.send(&payload, now).await
            }
            Err(error) => Err(error.clone().into()),
        };
        let is_taken = result.is_ok();
        stand(&mut delivery, result, now);
        inner
            .store
            .write(move |tx| webhooks::update_delivery(tx, id, &delivery))
            .await?;
        if !is_taken {
            return Ok(());
        }
    }
    // There may be more than one round takes.
    inner.webhooks.wake();
    Ok(())
}

impl Runtime {
    /// Keeps a target, new or changed, with its secret where another one is given.
    ///
    /// # Errors
    /// When the store takes no writes, there are too many, or somebody else changed the secret meanwhile.
    pub async fn save_webhook(
        &self,
        hook: &Webhook,
        secret: Option<SecretString>,
    ) -> Result<Webhook, CodedError> {
        let (row, key) = (hook.clone(), Arc::clone(&self.0.master_key));
        let tenant = row.tenant_id;
        let saved = self
            .store()
            .write(move |tx| {
                let all = webhooks::list_webhooks(tx, tenant)?;
                if all.len() >= MAX_WEBHOOKS && !all.iter().any(|h| h.id == row.id) {
                    let many = CodedError::conflict("webhooks.too_many");
                    return Err(many.with("max", MAX_WEBHOOKS).into());
                }
                webhooks::put_webhook(tx, tenant, &row)?;
                if let Some(secret) = &secret {
                    store_secret(tx, &key, &row, secret)?;
                }
                Ok(webhooks::get_webhook(tx, tenant, row.id)?.unwrap_or(row))
            })
            .await?;
        // What waited while it was off, or for another address, need not wait any longer.
        self.0.webhooks.wake();
        Ok(saved)
    }

    /// The secrets of a tenant's targets, for taking them out of a text. A seal that does not open holds
    /// nothing that anybody here could have written down.
    pub(crate) async fn webhook_secrets(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<SecretString>, CodedError> {
        let sealed = self
            .store()
            .read(move |conn| {
                let mut found = Vec::new();
                for hook in webhooks::list_webhooks(conn, tenant)? {
                    let sealed = webhooks::get_webhook_secret(conn, tenant, hook.id)?;
                    found.extend(sealed.map(|(version, sealed)| (hook.id, version, sealed)));
                }
                Ok(found)
            })
            .await?;
        let opened = sealed.into_iter().filter_map(|(id, version, sealed)| {
            let owner = owner(id);
            let context = context(&owner, tenant, version);
            self.0.master_key.unseal(&context, &sealed).ok()
        });
        Ok(opened.collect())
    }

    /// Tries again what was given up. Answers how many they are.
    pub async fn retry_webhook(&self, tenant: TenantId, id: WebhookId) -> Result<u64, CodedError> {
        let now = self.0.clock.now();
        let tried = self
            .store()
            .write(move |tx| webhooks::update_failed_deliveries(tx, tenant, id, now))
            .await?;
        self.0.webhooks.wake();
        Ok(tried)
    }

    /// Sends a test to a target now, step by step ("settings", "dns", "tcp", "tls", "send"); it stops at
    /// the first step that fails.
    pub async fn test_webhook(&self, hook: &Webhook) -> Result<Vec<Stage>, CodedError> {
        let tenant = self.tenant(hook.tenant_id)?;
        let mut stages = Stages::default();
        self.go_to(&mut stages, &tenant.tenant, hook).await;
        Ok(stages.done())
    }

    async fn go_to(&self, stages: &mut Stages, tenant: &Tenant, hook: &Webhook) {
        let begun = Instant::now();
        let target = match Target::open(&self.0, hook).await {
            Ok(target) => target,
            Err(error) => {
                stages.step("settings", begun.elapsed(), Err(error));
                return;
            }
        };
        stages.step("settings", begun.elapsed(), Ok(()));
        for probe in target.client.probe().await {
            let key = match probe.step {
                ProbeStep::Dns => "dns",
                ProbeStep::Tcp => "tcp",
                ProbeStep::Tls => "tls",
            };
            if !stages.step(key, probe.took, probe.outcome.map(drop)) {
                return;
            }
        }
        let (begun, now) = (Instant::now(), self.0.clock.now());
        let address = origin_of(self.0.config.public_url.as_deref());
        let id = WebhookDeliveryId::new();
        let payload = Payload::of_test(id, tenant, now, address.as_deref());
        let sent = target.send(&payload, now).await;
        let sent = sent.map_err(|refusal| refusal.error);
        stages.step("send", begun.elapsed(), sent);
    }
}

/// Whether an address can be one of a target.
///
/// # Errors
/// `http.url_invalid`, `http.plain_refused` or `http.address_refused`.
pub fn check_webhook_url(hook: &Webhook) -> Result<(), CodedError> {
    client_of(hook).map(drop)
}
