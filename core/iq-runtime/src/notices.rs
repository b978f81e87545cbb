//! What users are told: work given to them, work that is overdue, critical incidents, jobs that failed,
//! certificates that end. A person is told once about each cause, also across restarts, so looking again
//! changes nothing. Nothing here stands in the way of values: it looks by itself, beside the flow.

mod sweep;

use std::{sync::Arc, time::Duration};

use iq_domain::{
    CodedError, MailId, Notification, NotificationId, NotificationKind, TenantId, Timestamp,
    UserId, WorkOrderId,
};
use iq_store::{
    StoreError, Transaction, mails,
    mails::{Mail, MailState},
    notifications, users,
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
    /// A work order was given to somebody. Given back and again, it is told again.
    pub(crate) fn assignment(
        order: WorkOrderId,
        called: &str,
        title: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            kind: NotificationKind::Assignment,
            cause: format!("assignment:{order}:{}", now.0),
            code: "notification.assignment",
            params: json!({ "order": called, "title": title }),
            link: format!("/work-orders?order={order}"),
        }
    }
}

/// Users that are told inside one transaction, and who has to hear of it afterwards.
pub(crate) struct Told {
    mails: bool,
    new: Vec<Notification>,
}

impl Told {
    /// `mails`: whether mails can be sent.
    pub(crate) const fn new(mails: bool) -> Self {
        Self {
            mails,
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

    /// Tells open pages, and the sender of mails.
    pub(crate) fn publish(self, inner: &Inner, tenant: TenantId) {
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
                None
            }
            Err(_) => None,
        };
        let tenants: Vec<TenantId> = self.index().tenants.keys().copied().collect();
        for tenant in tenants {
            sweep::look(&self.0, tenant, backups.as_ref()).await?;
        }
        Ok(())
    }
}
