//! Looks through what is stored for things that users have to be told and were not.

use std::collections::HashMap;

use iq_domain::{
    CodedError, IncidentStatus, NotificationKind, Permission, Role, Severity, TenantId, Timestamp,
    TrustState, User, UserId, WebhookKind,
};
use iq_store::{
    Connection, Page, StoreError, certificates,
    incidents::{self, IncidentFilter},
    jobs::{self, JobFilter, JobState},
    notifications,
    technicians::{self, TechnicianFilter, TechnicianRow},
    users::{self, UserFilter},
    webhooks, work_order_plans,
};
use serde_json::json;

use super::{Call, Notice, Told};
use crate::{Inner, backups::BackupNews};

const DAY_MS: i64 = 86_400_000;
/// What is older than this when the program starts is known already.
const NEWS_MS: i64 = DAY_MS;
/// Overdue work is told for so long after it was due.
const OVERDUE_MS: i64 = 60 * DAY_MS;
/// A certificate is renewed when it ends within so long; one that ended longer ago is told no more.
const ENDS_WITHIN_MS: i64 = 30 * DAY_MS;
/// How long notifications and mails are kept.
const KEEP_MS: i64 = 366 * DAY_MS;
/// Begin of the causes of what is told while there is no good backup.
const NO_BACKUP: &str = "backup:";
/// Most of one kind in one look.
const AT_ONCE: u32 = 500;

/// Tells what is due in a tenant. Reads first: mostly there is nothing, and nothing is written then.
pub(super) async fn look(
    inner: &Inner,
    tenant: TenantId,
    backups: &[BackupNews],
) -> Result<(), CodedError> {
    let now = inner.clock.now();
    let is_good = |news: &BackupNews| matches!(news, BackupNews::Good { .. });
    let is_good = backups.iter().any(is_good);
    let backups = backups.to_vec();
    let (news, calls, is_over) = inner
        .store
        .read(move |conn| {
            let (news, calls) = Look::new(conn, tenant, now)?.news(&backups)?;
            let is_over = is_good && notifications::has_unread_of(conn, tenant, NO_BACKUP)?;
            Ok((news, calls, is_over))
        })
        .await?;
    if news.is_empty() && calls.is_empty() && !is_over {
        return Ok(());
    }
    let mails = inner.mailer.is_on();
    let told = inner
        .store
        .write(move |tx| {
            let mut told = Told::new(mails);
            for (user, notice) in &news {
                told.tell(tx, tenant, *user, notice, now)?;
            }
            for call in &calls {
                told.call(tx, tenant, call, now)?;
            }
            if is_over {
                notifications::update_read_of(tx, tenant, NO_BACKUP, now)?;
            }
            let before = now.plus_ms(-KEEP_MS);
            notifications::delete_notifications_before(tx, tenant, before)?;
            iq_store::mails::delete_mails_before(tx, tenant, before)?;
            webhooks::delete_deliveries_before(tx, tenant, before)?;
            Ok(told)
        })
        .await?;
    told.publish(inner, tenant);
    Ok(())
}

struct Look<'a> {
    conn: &'a Connection,
    tenant: TenantId,
    now: Timestamp,
    users: Vec<User>,
    technicians: Vec<TechnicianRow>,
}

type News = Vec<(UserId, Notice)>;

impl<'a> Look<'a> {
    fn new(conn: &'a Connection, tenant: TenantId, now: Timestamp) -> Result<Self, StoreError> {
        let active = UserFilter {
            is_active: Some(true),
            ..UserFilter::default()
        };
        let users = users::list_users(conn, tenant, &active, Page::MAX)?.rows;
        let all = TechnicianFilter::default();
        let technicians = technicians::list_technicians(conn, tenant, &all, Page::MAX)?.rows;
        Ok(Self {
            conn,
            tenant,
            now,
            users,
            technicians,
        })
    }

    /// What users and other systems have to be told and were not.
    fn news(&self, backups: &[BackupNews]) -> Result<(News, Vec<Call>), StoreError> {
        let (mut news, mut calls) = self.overdue()?;
        for backups in backups {
            news.extend(self.backups(backups)?);
        }
        let (of_incidents, further) = self.incidents()?;
        news.extend(of_incidents);
        calls.extend(further);
        news.extend(self.jobs()?);
        news.extend(self.held_certificates());
        news.extend(self.server_certificates()?);
        let mut new = Vec::new();
        for (user, notice) in news {
            let cause = &notice.cause;
            if !notifications::has_notification(self.conn, self.tenant, user, cause)? {
                new.push((user, notice));
            }
        }
        Ok((new, self.untold(calls)?))
    }

    /// The calls that a target wants and did not get.
    fn untold(&self, calls: Vec<Call>) -> Result<Vec<Call>, StoreError> {
        let (conn, tenant) = (self.conn, self.tenant);
        let hooks = webhooks::list_webhooks(conn, tenant)?;
        let mut new = Vec::new();
        for call in calls {
            for hook in hooks.iter().filter(|hook| call.is_for(hook)) {
                if !webhooks::has_delivery(conn, tenant, hook.id, &call.cause)? {
                    new.push(call);
                    break;
                }
            }
        }
        Ok(new)
    }

    /// Users of the tenant that may do something.
    fn who_may(&self, permission: Permission) -> Vec<UserId> {
        let may = self.users.iter().filter(|u| u.role.may(permission));
        may.map(|u| u.id).collect()
    }

    fn user_named(&self, username: &str) -> Option<UserId> {
        let key = users::username_key(username);
        let found = self
            .users
            .iter()
            .find(|u| users::username_key(&u.username) == key);
        found.map(|u| u.id)
    }

    /// Overdue work is told to who does it, else to who wrote it.
    fn overdue(&self) -> Result<(News, Vec<Call>), StoreError> {
        let window = (self.now.plus_ms(-OVERDUE_MS), self.now);
        let found = work_order_plans::list_overdue_orders(self.conn, self.tenant, window, AT_ONCE)?;
        let accounts: HashMap<_, _> = self
            .technicians
            .iter()
            .map(|t| (t.technician.id, t.user_id))
            .collect();
        let (mut news, mut calls) = (News::new(), Vec::new());
        for order in found {
            let notice = Notice {
                kind: NotificationKind::Overdue,
                cause: format!("overdue:{}:{}", order.id, order.due_at.0),
                code: "notification.overdue",
                params: json!({ "order": order.called, "title": order.title }),
                link: format!("/work-orders?order={}", order.id),
            };
            let (kind, id) = (WebhookKind::Overdue, order.id.to_string());
            calls.push(Call::new(kind, &notice, id, order.due_at));
            let person = order
                .technician_id
                .and_then(|id| accounts.get(&id).copied().flatten());
            let author = order.created_by.as_deref();
            let user = person.or_else(|| self.user_named(author?));
            news.extend(user.map(|user| (user, notice)));
        }
        Ok((news, calls))
    }

    /// A critical incident is told to everybody who can work on it.
    fn incidents(&self) -> Result<(News, Vec<Call>), StoreError> {
        let filter = IncidentFilter {
            statuses: vec![IncidentStatus::Open, IncidentStatus::Investigating],
            severities: vec![Severity::Critical],
            from: Some(self.now.plus_ms(-NEWS_MS)),
            ..IncidentFilter::default()
        };
        let page = Page::first(AT_ONCE);
        let found = incidents::list_incidents(self.conn, self.tenant, &filter, page)?.rows;
        let users = self.who_may(Permission::BlackboxWrite);
        let (mut news, mut calls) = (News::new(), Vec::new());
        for incident in found {
            let asset = incident.title_params["asset"].as_str().unwrap_or_default();
            let notice = Notice {
                kind: NotificationKind::CriticalIncident,
                cause: format!("incident:{}", incident.id),
                code: "notification.critical_incident",
                params: json!({ "number": incident.number, "asset": asset }),
                link: format!("/blackbox/incidents/{}", incident.id),
            };
            let (kind, id) = (WebhookKind::CriticalIncident, incident.id.to_string());
            calls.push(Call {
                known_at: incident.created_at,
                ..Call::new(kind, &notice, id, incident.started_at)
            });
            news.extend(users.iter().map(|user| (*user, notice.clone())));
        }
        Ok((news, calls))
    }

    /// A failed job is told to who started it; one that ran by itself, to who may start it.
    fn jobs(&self) -> Result<News, StoreError> {
        let filter = JobFilter {
            states: vec![JobState::Failed],
            ..JobFilter::default()
        };
        let found = jobs::list_jobs(self.conn, self.tenant, &filter, Page::first(50))?.rows;
        let since = self.now.plus_ms(-NEWS_MS);
        let mut news = News::new();
        for job in found {
            if job.finished_at.is_none_or(|at| at < since) {
                continue;
            }
            let code = job.error_code.as_deref().unwrap_or("internal.error");
            let notice = Notice {
                kind: NotificationKind::JobFailed,
                cause: format!("job:{}", job.id),
                code: "notification.job_failed",
                params: json!({ "reason": code, "reason_params": job.error_params }),
                link: match job.integration_id {
                    Some(id) => format!("/integrations/{id}"),
                    None => "/integrations".to_owned(),
                },
            };
            let users = match self.user_named(&job.created_by) {
                Some(user) => vec![user],
                None => self.who_may(Permission::JobsRun),
            };
            news.extend(users.into_iter().map(|user| (user, notice.clone())));
        }
        Ok(news)
    }

    /// That there is no good backup is told to who looks after the tenant, once a day for as long as it
    /// lasts; that there is one again, to those who were told before. That their settings are lost is told
    /// once.
    fn backups(&self, backups: &BackupNews) -> Result<News, StoreError> {
        let first = |since: Timestamp| format!("{NO_BACKUP}{}:0", since.0);
        let mut news = News::new();
        for user in self.users.iter().filter(|u| u.role >= Role::TenantAdmin) {
            let (cause, code, params) = match backups {
                BackupNews::Failing { since, at, error } => (
                    format!("{NO_BACKUP}{}:{}", since.0, at.since_ms(*since) / DAY_MS),
                    "notification.backup_failed",
                    json!({ "reason": error.code, "reason_params": error.params }),
                ),
                BackupNews::Good { since } => {
                    let (conn, tenant) = (self.conn, self.tenant);
                    if !notifications::has_notification(conn, tenant, user.id, &first(*since))? {
                        continue;
                    }
                    let cause = format!("backup_good:{}", since.0);
                    (cause, "notification.backup_good", json!({}))
                }
                BackupNews::Lost { since } => (
                    format!("backup_lost:{}", since.0),
                    "notification.backup_settings_lost",
                    json!({}),
                ),
            };
            let is_their_page = user.role.may(Permission::BackupsManage);
            let notice = Notice {
                kind: NotificationKind::BackupFailed,
                cause,
                code,
                params,
                link: if is_their_page { "/backups" } else { "/" }.to_owned(),
            };
            news.push((user.id, notice));
        }
        Ok(news)
    }

    fn ends_soon(&self, end: Timestamp) -> bool {
        let (from, to) = (
            self.now.plus_ms(-ENDS_WITHIN_MS),
            self.now.plus_ms(ENDS_WITHIN_MS),
        );
        from <= end && end < to
    }

    /// A person's certificate is told to the person and to who plans.
    fn held_certificates(&self) -> News {
        let planners = self.who_may(Permission::TechniciansWrite);
        let mut news = News::new();
        for row in self.technicians.iter().filter(|t| t.technician.is_active) {
            for held in &row.technician.certificates {
                let Some(end) = held.valid_until.filter(|end| self.ends_soon(*end)) else {
                    continue;
                };
                let notice = Notice {
                    kind: NotificationKind::CertificateExpiring,
                    cause: format!("held:{}:{}:{}", row.technician.id, held.name, end.0),
                    code: if end < self.now {
                        "notification.certificate_ended"
                    } else {
                        "notification.certificate_ends"
                    },
                    params: json!({ "person": row.code, "certificate": held.name }),
                    link: format!("/technicians?q={}", row.code),
                };
                let mut users = planners.clone();
                users.extend(row.user_id.filter(|id| !planners.contains(id)));
                news.extend(users.into_iter().map(|user| (user, notice.clone())));
            }
        }
        news
    }

    /// The certificate of a server we trust is told to who may trust the next one.
    fn server_certificates(&self) -> Result<News, StoreError> {
        let trusted = Some(TrustState::Trusted);
        let found = certificates::list_certificates(self.conn, self.tenant, None, trusted)?;
        let users = self.who_may(Permission::IntegrationsTrust);
        let mut news = News::new();
        for certificate in found.into_iter().filter(|c| self.ends_soon(c.not_after)) {
            let notice = Notice {
                kind: NotificationKind::CertificateExpiring,
                cause: format!("server:{}", certificate.id),
                code: "notification.server_certificate",
                params: json!({ "subject": certificate.subject }),
                link: format!("/integrations/{}", certificate.integration_id),
            };
            news.extend(users.iter().map(|user| (*user, notice.clone())));
        }
        Ok(news)
    }
}
