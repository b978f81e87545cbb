//! Changes from above, applied in one transaction with the position they reach.

use iq_config::FailPoint;
use iq_domain::{
    AuthSource, CodedError, Names, Role, TenantId, Timestamp, User, UserId, neutralise,
};
use iq_store::{
    Connection, StoreError, sessions,
    sync::{self as rows, FromAbove, Question},
    tenants, users,
};
use iq_sync_proto::{
    changes::{Body, Change, Changes, User as Wanted},
    down::{self, Local, Ruling},
};
use serde_json::json;

use crate::{Inner, Sync, client::Failure};

/// Applies what the hub sent; `after` is where the asking began.
pub(crate) async fn apply(
    inner: &Inner,
    tenant: TenantId,
    after: u64,
    changes: Changes,
) -> Result<(), Failure> {
    FailPoint::ChangesHeard.pass();
    let now = inner.now();
    let is_applied = inner
        .parts
        .store
        .write(move |tx| apply_now(tx, tenant, &changes, now))
        .await
        .map_err(CodedError::from)?;
    FailPoint::ChangesKept.pass();
    if is_applied {
        Ok(())
    } else {
        tracing::warn!(%tenant, after, "Changes from the hub do not follow what is applied.");
        Err(Failure::refused("sync.changes_stale"))
    }
}

/// Applies them if they follow what is applied; says whether.
pub(crate) fn apply_now(
    conn: &Connection,
    tenant: TenantId,
    changes: &Changes,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(link) = rows::get_link(conn, tenant)? else {
        return Ok(false);
    };
    // A file may begin earlier than where this stands; it must not begin later, nor end earlier.
    if changes.after > link.changes_rev || changes.upto <= link.changes_rev {
        return Ok(false);
    }
    let new = |change: &&Change| change.rev > link.changes_rev;
    for change in changes.changes.iter().filter(new) {
        one(conn, tenant, change, now)?;
    }
    rows::update_changes_rev(conn, tenant, changes.upto)?;
    FailPoint::ChangesApplied.pass();
    Ok(true)
}

fn one(
    conn: &Connection,
    tenant: TenantId,
    change: &Change,
    now: Timestamp,
) -> Result<(), StoreError> {
    match &change.body {
        Body::Profile { name, name_ar } => {
            if let Some(mut row) = tenants::get_tenant(conn, tenant)? {
                row.names = Names {
                    en: clean(name),
                    ar: clean(name_ar),
                };
                tenants::update_tenant(conn, &row)?;
            }
            Ok(())
        }
        Body::Flag { key, is_on } => rows::put_flag(conn, tenant, (key, *is_on, change.rev)),
        Body::User(wanted) => user(conn, tenant, change.rev, wanted, now),
        Body::Unknown(_) => Ok(()),
    }
}

fn user(
    conn: &Connection,
    tenant: TenantId,
    rev: u64,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = UserId(uuid::Uuid::from_bytes(wanted.id));
    let here = users::get_user(conn, tenant, id)?;
    let above = rows::get_from_above(conn, tenant, id)?;
    let local = here.as_ref().map(|user| Local {
        role: user.role,
        is_active: user.is_active,
        rev: above.map_or(0, |above| above.rev),
        is_changed_here: above
            .is_some_and(|above| (above.role, above.is_active) != (user.role, user.is_active)),
    });
    let others = rows::count_other_admins(conn, tenant, id)?;
    let ask = |kind: &str| {
        Question {
        id: format!("{rev}-{id}"),
        kind: kind.to_owned(),
        user_id: id,
        username: clean(&wanted.username),
        rev,
        here: here.as_ref().map_or(serde_json::Value::Null, |user| {
            json!({ "role": user.role.as_str(), "is_active": user.is_active, "name": user.name })
        }),
        wanted: json!({
            "role": wanted.role.as_str(),
            "is_active": wanted.is_active && !wanted.is_removed,
            "name": clean(&wanted.name),
        }),
        at: now,
        decided_at: None,
        decided_by: None,
        decision: None,
    }
    };
    let ruling = down::rule(local, wanted, others);
    let (made, kind) = match ruling {
        Ruling::Refuse => return rows::create_question(conn, tenant, &ask("refused")),
        Ruling::Confirm(_) => return rows::create_question(conn, tenant, &ask("confirm")),
        Ruling::Apply(made) => (made, None),
        Ruling::Conflict(made) => (made, Some("conflict")),
    };
    let stands = match here.as_ref() {
        Some(user) => change_user(conn, tenant, user, wanted, made, now)?,
        None if made.is_active => create_user(conn, tenant, id, wanted, made.role, now)?,
        None => return Ok(()),
    };
    if !stands {
        return rows::create_question(conn, tenant, &ask("taken"));
    }
    let above = FromAbove {
        rev,
        role: made.role,
        is_active: made.is_active,
    };
    rows::put_from_above(conn, tenant, id, above)?;
    match kind {
        Some(kind) => rows::create_question(conn, tenant, &ask(kind)),
        None => Ok(()),
    }
}

/// A user from above has no password here: he signs in by SSO, or an admin here gives him one. Says
/// whether the user name was free.
fn create_user(
    conn: &Connection,
    tenant: TenantId,
    id: UserId,
    wanted: &Wanted,
    role: Role,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let user = User {
        id,
        tenant_id: tenant,
        username: clean(&wanted.username),
        email: wanted.email.as_deref().map(clean),
        name: clean(&wanted.name),
        role,
        is_active: true,
        auth_source: AuthSource::Local,
        must_change_password: true,
        last_sign_in_at: None,
        created_at: now,
    };
    is_free(users::create_user(conn, tenant, &user, None))
}

fn change_user(
    conn: &Connection,
    tenant: TenantId,
    here: &User,
    wanted: &Wanted,
    made: down::Wanted,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let user = User {
        username: clean(&wanted.username),
        email: wanted.email.as_deref().map(clean),
        name: clean(&wanted.name),
        role: made.role,
        is_active: made.is_active,
        ..here.clone()
    };
    let is_free = is_free(users::update_user(conn, tenant, &user))?;
    if is_free && (here.role, here.is_active) != (user.role, user.is_active) {
        sessions::revoke_sessions_of_user(conn, tenant, here.id, None, now)?;
    }
    Ok(is_free)
}

fn is_free(outcome: Result<(), StoreError>) -> Result<bool, StoreError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(StoreError::Coded(error)) if error.code == "users.username_taken" => Ok(false),
        Err(error) => Err(error),
    }
}

/// A text from above as a name here.
fn clean(text: &str) -> String {
    neutralise(text.trim(), 200)
}

impl Sync {
    /// A person decides on a question: `apply` does what the hub wanted, also where it takes the last
    /// admin away; otherwise it stays as it is here.
    ///
    /// # Errors
    /// When there is no such open question, or it can't be applied.
    pub async fn decide(
        &self,
        tenant: TenantId,
        question: String,
        (by, applies): (String, bool),
    ) -> Result<(), CodedError> {
        let now = self.0.now();
        self.0
            .parts
            .store
            .write(move |tx| {
                let open = rows::list_open_questions(tx, tenant)?;
                let found = open.into_iter().find(|q| q.id == question);
                let found = found.ok_or(CodedError::not_found("sync.question_gone"))?;
                if applies {
                    if found.kind != "confirm" {
                        return Err(CodedError::conflict("sync.question_seen_only").into());
                    }
                    confirm(tx, tenant, &found, now)?;
                }
                let decision = if applies { "applied" } else { "kept" };
                rows::close_question(tx, tenant, &found.id, (&by, now, decision))
            })
            .await?;
        Ok(())
    }
}

fn confirm(
    conn: &Connection,
    tenant: TenantId,
    question: &Question,
    now: Timestamp,
) -> Result<(), StoreError> {
    let gone = || CodedError::not_found("sync.question_gone");
    let here = users::get_user(conn, tenant, question.user_id)?.ok_or_else(gone)?;
    let word = question.wanted["role"].as_str().unwrap_or_default();
    let role: Role = word.parse().map_err(|()| gone())?;
    let user = User {
        role: role.min(here.role),
        is_active: here.is_active && question.wanted["is_active"] == json!(true),
        ..here.clone()
    };
    users::update_user(conn, tenant, &user)?;
    sessions::revoke_sessions_of_user(conn, tenant, here.id, None, now)?;
    let above = FromAbove {
        rev: question.rev,
        role: user.role,
        is_active: user.is_active,
    };
    rows::put_from_above(conn, tenant, user.id, above)
}
