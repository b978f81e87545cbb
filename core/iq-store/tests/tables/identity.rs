//! Users, sessions, failed sign-ins, settings, audit and jobs.

use iq_domain::*;
use iq_store::{
    Connection, Page, attempts, audit, jobs, sessions, settings,
    sync::{self, Question},
    table::jobs::JobState,
    users,
};
use serde_json::json;

use crate::support::{Fixture, T0};

#[test]
fn users_are_found_without_regard_to_case_in_any_script() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let user = User {
        id: UserId::new(),
        username: " Ünal@Plant ".into(),
        ..p.user.clone()
    };
    fixture
        .write(move |c| users::create_user(c, t, &user, Some("hash")))
        .unwrap();
    let found = fixture
        .read(|c| users::get_credentials(c, "üNAL@plant"))
        .unwrap();
    assert_eq!(found.user.username, "Ünal@Plant");
    assert_eq!(found.password_hash.as_deref(), Some("hash"));
    assert!(!format!("{found:?}").contains("\"hash\""));
    assert_eq!(fixture.read(|c| users::get_credentials(c, "nobody")), None);
    assert_eq!(
        fixture.read(|c| users::count_active_users(c, t, Role::TenantAdmin)),
        2
    );
    assert_eq!(
        fixture.read(|c| users::count_active_users(c, t, Role::Viewer)),
        0
    );
}

#[test]
fn a_session_ends_by_time_by_revocation_and_with_its_user() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, hash) = (p.id(), p.token_hash());
    let is_valid = |offset| {
        let at = T0.plus_ms(offset);
        fixture
            .read(|c| sessions::get_session_by_token_hash(c, &hash, at))
            .is_some()
    };
    let end_at = |offset| {
        let at = T0.plus_ms(offset);
        fixture.read(|c| sessions::get_end(c, &hash, at))
    };
    assert!(is_valid(3_599_999) && !is_valid(3_600_000));
    assert_eq!(
        (end_at(3_599_999), end_at(3_600_000)),
        (None, Some(sessions::End::Expired))
    );
    assert_eq!(
        fixture.read(|c| sessions::get_end(c, &[9; 32], T0)),
        None,
        "the end of a session nobody knows"
    );
    let id = p.session.id;
    let (seen, end) = (T0.plus_ms(60_000), T0.plus_ms(7_200_000));
    fixture
        .write(move |c| sessions::touch_session(c, t, id, seen, end))
        .unwrap();
    assert!(is_valid(3_600_000));
    let set_active = |is_active| {
        let user = User {
            is_active,
            ..p.user.clone()
        };
        fixture
            .write(move |c| users::update_user(c, t, &user))
            .unwrap();
    };
    set_active(false);
    assert!(!is_valid(0), "a disabled user kept the session");
    set_active(true);
    let user = p.user.id;
    let revoke = move |except| {
        move |c: &Connection| sessions::revoke_sessions_of_user(c, t, user, except, T0)
    };
    assert_eq!(fixture.write(revoke(Some(id))).unwrap(), 0);
    assert_eq!(fixture.write(revoke(None)).unwrap(), 1);
    assert!(!is_valid(0));
    // Also later than it would have ended by itself.
    for offset in [0, 7_200_000] {
        assert_eq!(end_at(offset), Some(sessions::End::Revoked));
    }
    fixture
        .write(move |c| sessions::revoke_session(c, t, id, end))
        .unwrap();
    let removed = fixture.write(move |c| sessions::delete_ended_sessions(c, T0.plus_ms(1)));
    assert_eq!(removed.unwrap(), 1);
}

#[test]
fn failed_sign_ins_are_counted_per_account_and_address_without_keeping_the_name() {
    use attempts::AttemptKey::{Account, Address};
    let fixture = Fixture::new();
    let fail = |key: attempts::AttemptKey<'static>, at| {
        fixture
            .write(move |c| attempts::record_failure(c, key, at))
            .unwrap()
            .failures
    };
    assert_eq!(fail(Account("Demo"), T0), 1);
    assert_eq!(fail(Account(" demo"), T0.plus_ms(5)), 2);
    assert_eq!(fail(Address("10.0.0.7"), T0), 1);
    let found = fixture.read(|c| attempts::get_attempts(c, Account("DEMO")));
    assert_eq!(
        (found.failures, found.last_failure_at),
        (2, Some(T0.plus_ms(5)))
    );
    let keys: String = fixture.read(|c| {
        Ok(
            c.query_row("SELECT group_concat(key) FROM sign_in_attempts", [], |r| {
                r.get(0)
            })?,
        )
    });
    assert!(!keys.contains("demo"), "{keys}");
    fixture
        .write(|c| attempts::clear_attempts(c, Account("demo")))
        .unwrap();
    assert_eq!(
        fixture
            .read(|c| attempts::get_attempts(c, Account("demo")))
            .failures,
        0
    );
    let removed = fixture.write(|c| attempts::delete_attempts_before(c, T0.plus_ms(1)));
    assert_eq!(removed.unwrap(), 1);
}

#[test]
fn a_job_keeps_its_place_and_a_request_to_stop_is_not_overwritten() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, id) = (p.id(), p.job.id);
    assert!(
        fixture
            .write(move |c| jobs::request_job_cancel(c, t, id))
            .unwrap()
    );
    let mut job = p.job.clone();
    job.state = JobState::Cancelled;
    job.progress = 0.4;
    job.stage = "baselines".into();
    job.finished_at = Some(T0);
    fixture
        .write(move |c| jobs::update_job(c, t, &job))
        .unwrap();
    let found = fixture.read(|c| jobs::get_job(c, t, id)).unwrap();
    assert!(found.cancel_requested && found.progress == 0.4);
    assert!(
        !fixture
            .write(move |c| jobs::request_job_cancel(c, t, id))
            .unwrap()
    );
    let states = vec![JobState::Queued, JobState::Running];
    let filter = jobs::JobFilter {
        states,
        ..jobs::JobFilter::default()
    };
    assert_eq!(
        fixture
            .read(|c| jobs::list_jobs(c, t, &filter, Page::default()))
            .total,
        0
    );
    let removed = fixture.write(move |c| jobs::delete_jobs_before(c, t, T0.plus_ms(1)));
    assert_eq!(removed.unwrap(), 1);
}

#[test]
fn the_audit_log_is_filtered_by_area_actor_outcome_and_text() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let denied = AuditRecord {
        id: AuditId::new(),
        at: T0.plus_ms(1),
        actor: "viewer".into(),
        action: "integrations_x".into(),
        outcome: "access.denied".into(),
        ..p.audit.clone()
    };
    fixture
        .write(move |c| audit::append_audit(c, t, &denied))
        .unwrap();
    let actions = |filter: audit::AuditFilter| {
        let found = fixture.read(|c| audit::list_audit(c, t, &filter, Page::default()));
        found.rows.into_iter().map(|r| r.action).collect::<Vec<_>>()
    };
    let f = audit::AuditFilter::default;
    assert_eq!(actions(f()), ["integrations_x", "integrations.create"]);
    let area = Some("integrations.".to_owned());
    assert_eq!(
        actions(audit::AuditFilter {
            action: area,
            ..f()
        }),
        ["integrations.create"]
    );
    let action = Some("integrations_x".to_owned());
    assert_eq!(
        actions(audit::AuditFilter { action, ..f() }),
        ["integrations_x"]
    );
    let is_success = Some(false);
    assert_eq!(
        actions(audit::AuditFilter { is_success, ..f() }),
        ["integrations_x"]
    );
    let actor = Some("demo@aramco.com".to_owned());
    assert_eq!(
        actions(audit::AuditFilter { actor, ..f() }),
        ["integrations.create"]
    );
    let text = Some("line 1".to_owned());
    assert_eq!(actions(audit::AuditFilter { text, ..f() }).len(), 2);
    assert_eq!(
        actions(audit::AuditFilter {
            to: Some(T0),
            ..f()
        })
        .len(),
        0
    );
}

#[test]
fn settings_have_defaults_and_are_replaced() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, user) = (p.id(), p.user.id);
    let nobody = fixture.read(|c| settings::get_user_settings(c, t, UserId::new()));
    assert_eq!(
        (nobody.language.as_str(), nobody.digits.as_str()),
        ("ar", "latn")
    );
    let mine = settings::UserSettings {
        language: "en".into(),
        ..nobody
    };
    let kept = mine.clone();
    fixture
        .write(move |c| settings::put_user_settings(c, t, user, &kept))
        .unwrap();
    assert_eq!(
        fixture.read(|c| settings::get_user_settings(c, t, user)),
        mine
    );
    let put =
        move |c: &Connection| settings::put_tenant_setting(c, t, "retention_days", &json!(30));
    fixture.write(put).unwrap();
    let all = fixture.read(|c| settings::list_tenant_settings(c, t));
    assert_eq!(all, [("retention_days".to_owned(), json!(30))]);
}

#[test]
fn a_change_from_above_that_is_heard_again_is_asked_about_again() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, user) = (p.id(), p.user.id);
    let question = move |rev: u64, at| Question {
        id: format!("{rev}-{user}"),
        kind: "taken".into(),
        user_id: user,
        username: "noura".into(),
        rev,
        here: json!(null),
        wanted: json!({ "role": "viewer" }),
        at: T0.plus_ms(at),
        decided_at: None,
        decided_by: None,
        decision: None,
    };
    let ask = |rev, at| fixture.write(move |c| sync::create_question(c, t, &question(rev, at)));
    let open = || fixture.read(|c| sync::list_open_questions(c, t));
    ask(7, 0).unwrap();
    ask(7, 1).unwrap();
    assert_eq!(open(), [question(7, 1)]);
    let id = question(7, 1).id;
    fixture
        .write(move |c| sync::close_question(c, t, &id, ("sara", T0, "kept")))
        .unwrap();
    assert!(open().is_empty());
    ask(7, 2).unwrap();
    ask(8, 3).unwrap();
    assert_eq!(open(), [question(8, 3)]);
}
