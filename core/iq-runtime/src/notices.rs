//! What users are told: work given to them, work that is overdue, critical incidents, jobs that failed,
//! certificates that end. A person is told once about each cause, also across restarts, so looking again
//! changes nothing; so is a webhook, whoever else is told. Nothing here stands in the way of values: it looks by itself, beside the flow.

mod sweep;

use std::{sync::Arc, time::Duration};

use iq_domain::{
    CodedError, MailId, Notification, NotificationId, NotificationKind, TenantId, Timestamp,
    UserId, WebhookDeliveryId, WebhookKind, WorkOrderId,
};
use iq_store::{
    StoreError, Transaction, mails,
    mails::{Mail, MailState},
    notifications, users,
    webhooks::{self, DeliveryState, Webhook, WebhookDelivery},
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::error;

use crate::{Inner, LiveEvent, Runtime};

/// How often it looks by itself.
const EVERY: Duration = Duration::from_secs(30);
/// What happens together is told together.
const GATHER: Duration = Duration::from_millis(500);

/// Rung when something may have to be told at once.
#[derive(Default)]
pub(crate) struct Notices(Notify);

impl Notices {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    kind: NotificationKind,
    cause: String,
    code: &'static str,
    params: Value,
    link: String,
}

impl Notice {
    /// A work order was given to somebody; `params` say which, and where and when it is. Given back and
    /// again, it is told again.
    pub(crate) fn assignment(order: WorkOrderId, params: Value, now: Timestamp) -> Self {
        Self {
            kind: NotificationKind::Assignment,
            cause: format!("assignment:{order}:{}", now.0),
            code: "notification.assignment",
            params,
            link: format!("/work-orders?order={order}"),
        }
    }

    /// A plan gave the work order of somebody another time.
    pub(crate) fn rescheduled(order: WorkOrderId, params: Value, now: Timestamp) -> Self {
        Self {
            cause: format!("rescheduled:{order}:{}", now.0),
            code: "notification.rescheduled",
            ..Self::assignment(order, params, now)
        }
    }
}

/// Something to tell other systems.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    kind: WebhookKind,
    cause: String,
    object_id: String,
    params: Value,
    link: String,
    /// When it happened.
    at: Timestamp,
    /// When it came to be known here; what was known before a target was switched on is not told.
    known_at: Timestamp,
}

impl Call {
    /// What a notice says, about an object.
    fn new(kind: WebhookKind, notice: &Notice, object_id: String, at: Timestamp) -> Self {
        Self {
            kind,
            cause: notice.cause.clone(),
            object_id,
            params: notice.params.clone(),
            link: notice.link.clone(),
            at,
            known_at: at,
        }
    }

    /// A work order was given to somebody. What other systems read of it is agreed: order and title.
    pub(crate) fn assignment(notice: &Notice, order: WorkOrderId, now: Timestamp) -> Self {
        let (called, title) = (&notice.params["order"], &notice.params["title"]);
        Self {
            params: json!({ "order": called, "title": title }),
            ..Self::new(WebhookKind::Assignment, notice, order.to_string(), now)
        }
    }

    /// Whether a target wants to hear of it.
    fn is_for(&self, hook: &Webhook) -> bool {
        let since = hook.kinds.get(&self.kind);
        hook.is_enabled && since.is_some_and(|since| self.known_at >= *since)
    }
}

/// Users that are told inside one transaction, and who has to hear of it afterwards.
pub(crate) struct Told {
    mails: bool,
    calls: bool,
    new: Vec<Notification>,
}

impl Told {
    /// `mails`: whether mails can be sent.
    pub(crate) const fn new(mails: bool) -> Self {
        Self {
            mails,
            calls: false,
            new: Vec::new(),
        }
    }

    /// Tells a user, in the ways they want to be told.
    pub(crate) fn tell(
        &mut self,
        tx: &Transaction<'_>,
        tenant: TenantId,
        user_id: UserId,
        notice: &Notice,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(user) = users::get_user(tx, tenant, user_id)?.filter(|u| u.is_active) else {
            return Ok(());
        };
        let chosen = notifications::list_notification_choices(tx, tenant, user_id)?;
        let choice = chosen.iter().find(|c| c.kind == notice.kind);
        let (in_app, by_mail) = choice.map_or((true, true), |c| (c.in_app, c.by_mail));
        let row = Notification {
            id: NotificationId::new(),
            tenant_id: tenant,
            user_id,
            kind: notice.kind,
            cause: notice.cause.clone(),
            code: notice.code.to_owned(),
            params: notice.params.clone(),
            link: notice.link.clone(),
            in_app,
            at,
            read_at: None,
        };
        if !notifications::create_notification(tx, tenant, &row)? {
            return Ok(());
        }
        if let Some(address) = user.email.filter(|_| by_mail && self.mails) {
            let mail = Mail {
                id: MailId::new(),
                tenant_id: tenant,
                user_id,
                address,
                code: row.code.clone(),
                params: row.params.clone(),
                link: row.link.clone(),
                state: MailState::Queued,
                attempts: 0,
                next_at: at,
                error: None,
                created_at: at,
                sent_at: None,
            };
            mails::put_mail(tx, tenant, &mail)?;
        }
        self.new.push(row);
        Ok(())
    }

    /// Tells the targets of the tenant that want to hear of it and were not told.
    pub(crate) fn call(
        &mut self,
        tx: &Transaction<'_>,
        tenant: TenantId,
        call: &Call,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for hook in webhooks::list_webhooks(tx, tenant)? {
            if !call.is_for(&hook) {
                continue;
            }
            let delivery = WebhookDelivery {
                id: WebhookDeliveryId::new(),
                tenant_id: tenant,
                webhook_id: hook.id,
                kind: call.kind,
                cause: call.cause.clone(),
                object_id: call.object_id.clone(),
                params: call.params.clone(),
                link: call.link.clone(),
                happened_at: call.at,
                state: DeliveryState::Queued,
                attempts: 0,
                next_at: now,
                tried_at: None,
                error: None,
                created_at: now,
                sent_at: None,
            };
            self.calls |= webhooks::create_delivery(tx, tenant, &delivery)?;
        }
        Ok(())
    }

    /// Tells open pages, and the senders of mails and webhooks.
    pub(crate) fn publish(self, inner: &Inner, tenant: TenantId) {
        if self.calls {
            inner.webhooks.wake();
        }
        if self.mails && !self.new.is_empty() {
            inner.mailer.wake();
        }
        for row in self.new.into_iter().filter(|n| n.in_app) {
            inner.bus.publish(tenant, LiveEvent::Notification(row));
        }
    }
}

/// The task that looks for what has to be told.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.notices.0.notified() => tokio::time::sleep(GATHER).await,
            () = inner.cancel.cancelled() => return,
        }
        if let Err(error) = Runtime(Arc::clone(&inner)).tell_what_is_due().await {
            error!(%error, "Users could not be told; it is tried again in half a minute.");
        }
    }
}

impl Runtime {
    /// Looks now for what has to be told, instead of at the next look.
    pub async fn tell_what_is_due(&self) -> Result<(), CodedError> {
        let inner = Arc::clone(&self.0);
        let backups = tokio::task::spawn_blocking(move || inner.backup_news()).await;
        let backups = match backups {
            Ok(Ok(news)) => news,
            // The rest has to be told all the same.
            Ok(Err(error)) => {
                error!(%error, "It can't be read how the backups stand.");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let tenants: Vec<TenantId> = self.index().tenants.keys().copied().collect();
        for tenant in tenants {
            sweep::look(&self.0, tenant, &backups).await?;
        }
        Ok(())
    }
}
