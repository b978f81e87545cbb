//! What the caller was told and wants to be told; mail for those who administer it. Notifications belong
//! to the account, so they are those of its own tenant also while a platform owner acts elsewhere.

use axum::{Json, extract::State};
use iq_api_types::{
    MailRow, MailStatus, MailTestReport, MailTestRequest, Notification, NotificationChoice,
    NotificationChoices, NotificationPage, ReadNotifications, UnreadCount,
};
use iq_domain::{self as domain, Message, NotificationKind, Permission};
use iq_locale::Language;
use iq_runtime::MailSecurity;
use iq_store::{
    mails::{self, Mail, MailState},
    notifications as rows, users,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, PageQuery, Query, Route, get,
        page::answer_page, post, put,
    },
    state::ApiState,
    texts,
};

/// Mails shown with the state of the mail server.
const NEWEST: u32 = 20;
/// Longest address.
const ADDRESS_CHARS: usize = 254;
/// Most ids in one request.
const MAX_IDS: usize = 500;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{MailManage, OwnProfile};
    vec![
        get("/api/notifications", OwnProfile, list_notifications)
            .query::<NotificationQuery>()
            .answer::<NotificationPage>()
            .says("What the caller was told, newest first"),
        post("/api/notifications/read", OwnProfile, read_notifications)
            .body::<ReadNotifications>()
            .answer::<UnreadCount>()
            .audits("notifications.read")
            .says("The caller has read notifications, or all of them"),
        get("/api/notifications/choices", OwnProfile, get_choices)
            .answer::<NotificationChoices>()
            .says("How the caller wants to be told"),
        put("/api/notifications/choices", OwnProfile, put_choices)
            .body::<NotificationChoices>()
            .answer::<NotificationChoices>()
            .audits("notifications.choose")
            .says("Change how the caller wants to be told"),
        get("/api/mail", MailManage, get_mail)
            .answer::<MailStatus>()
            .says("Whether mail is sent, what waits, and what went wrong"),
        post("/api/mail/test", MailManage, test_mail)
            .body::<MailTestRequest>()
            .answer::<MailTestReport>()
            .audits("mail.test")
            .says("Send a mail now, step by step"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct NotificationQuery {
    /// Only what was not read.
    #[serde(default)]
    unread: bool,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_notifications(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<NotificationQuery>,
) -> Answer<Json<NotificationPage>> {
    let (tenant, user) = (caller.home_tenant_id, caller.user_id);
    let page = PageQuery::page(query.limit, query.offset);
    let (found, unread) = state
        .runtime
        .store()
        .read(move |conn| {
            let found = rows::list_notifications(conn, tenant, user, query.unread, page)?;
            Ok((found, rows::count_unread(conn, tenant, user)?))
        })
        .await?;
    let page = answer_page(found, page, |row| dto(caller.language, row));
    Ok(Json(NotificationPage {
        items: page.items,
        total: page.total,
        next_offset: page.next_offset,
        unread,
    }))
}

pub(crate) fn dto(language: Language, row: domain::Notification) -> Notification {
    Notification {
        id: row.id,
        kind: row.kind,
        message: texts::of_json(language, &row.code, &row.params),
        code: row.code,
        link: row.link,
        at: row.at,
        read_at: row.read_at,
    }
}

async fn read_notifications(
    State(state): State<ApiState>,
    caller: Caller,
    Body(input): Body<ReadNotifications>,
) -> Answer<Json<UnreadCount>> {
    let is_fine = input.ids.as_ref().is_none_or(|ids| ids.len() <= MAX_IDS);
    Check::new()
        .require(is_fine, "ids", "notifications.too_many")
        .done()?;
    let (tenant, user, now) = (caller.home_tenant_id, caller.user_id, state.now());
    let unread = state
        .runtime
        .store()
        .write(move |tx| {
            rows::update_read(tx, tenant, user, input.ids.as_deref(), now)?;
            rows::count_unread(tx, tenant, user)
        })
        .await?;
    Ok(Json(UnreadCount { unread }))
}

async fn get_choices(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<NotificationChoices>> {
    let (tenant, user) = (caller.home_tenant_id, caller.user_id);
    let stored = state
        .runtime
        .store()
        .read(move |conn| rows::list_notification_choices(conn, tenant, user))
        .await?;
    let of_kind = |kind: NotificationKind| {
        let found = stored.iter().find(|c| c.kind == kind);
        NotificationChoice {
            kind,
            in_app: found.is_none_or(|c| c.in_app),
            by_mail: found.is_none_or(|c| c.by_mail),
        }
    };
    Ok(Json(NotificationChoices {
        choices: NotificationKind::ALL.into_iter().map(of_kind).collect(),
    }))
}

async fn put_choices(
    State(state): State<ApiState>,
    caller: Caller,
    Body(input): Body<NotificationChoices>,
) -> Answer<Json<NotificationChoices>> {
    let is_fine = input.choices.len() <= NotificationKind::ALL.len();
    Check::new()
        .require(is_fine, "choices", "notifications.too_many")
        .done()?;
    let (tenant, user) = (caller.home_tenant_id, caller.user_id);
    state
        .runtime
        .store()
        .write(move |tx| {
            for choice in &input.choices {
                let row = rows::NotificationChoice {
                    kind: choice.kind,
                    in_app: choice.in_app,
                    by_mail: choice.by_mail,
                };
                rows::put_notification_choice(tx, tenant, user, row)?;
            }
            Ok(())
        })
        .await?;
    get_choices(State(state), caller).await
}

async fn get_mail(State(state): State<ApiState>, caller: Caller) -> Answer<Json<MailStatus>> {
    let tenant = caller.tenant_id;
    let (counts, newest) = state
        .runtime
        .store()
        .read(move |conn| {
            let count = |state| mails::count_mails(conn, tenant, state);
            let counts = (
                count(MailState::Queued)?,
                count(MailState::Sent)?,
                count(MailState::Failed)?,
            );
            Ok((counts, mails::list_mails(conn, tenant, NEWEST)?))
        })
        .await?;
    let known = state.runtime.mail_status();
    let language = caller.language;
    Ok(Json(MailStatus {
        is_on: known.is_on,
        server: known.server,
        security: known.security.map(|security| {
            match security {
                MailSecurity::Tls => "tls",
                MailSecurity::StartTls => "start_tls",
                MailSecurity::Plain => "plain",
            }
            .to_owned()
        }),
        from: known.from,
        problem: known
            .problem
            .map(|error| texts::status(language, &Message::from(&error))),
        queued: counts.0,
        sent: counts.1,
        failed: counts.2,
        newest: newest.into_iter().map(|m| mail_dto(language, m)).collect(),
    }))
}

fn mail_dto(language: Language, mail: Mail) -> MailRow {
    MailRow {
        message: texts::of_json(language, &mail.code, &mail.params),
        address: mail.address,
        next_at: (mail.state == MailState::Queued).then_some(mail.next_at),
        state: match mail.state {
            MailState::Queued => "queued",
            MailState::Sent => "sent",
            MailState::Failed => "failed",
        }
        .to_owned(),
        attempts: mail.attempts,
        error: mail.error.map(|e| texts::status(language, &e)),
        created_at: mail.created_at,
        sent_at: mail.sent_at,
    }
}

async fn test_mail(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<MailTestRequest>,
) -> Answer<Json<MailTestReport>> {
    let (tenant, user) = (caller.home_tenant_id, caller.user_id);
    let given = input.address.filter(|a| !a.trim().is_empty());
    let address = match given {
        Some(address) => Some(address.trim().to_owned()),
        None => {
            let own = state
                .runtime
                .store()
                .read(move |conn| users::get_user(conn, tenant, user))
                .await?;
            own.and_then(|u| u.email)
        }
    };
    let Some(address) = address else {
        return Err(Failure::field("address", "mail.no_address"));
    };
    Check::new()
        .line("address", &address, ADDRESS_CHARS)
        .require(address.contains('@'), "address", "mail.address_wrong")
        .done()?;
    audit.detail("address", address.clone());
    let stages = state.runtime.test_mail(tenant, user, &address).await;
    let success = texts::is_sent(&stages);
    audit.detail("success", success);
    let stages = stages.into_iter();
    Ok(Json(MailTestReport {
        success,
        stages: stages.map(|s| texts::stage(caller.language, s)).collect(),
    }))
}
