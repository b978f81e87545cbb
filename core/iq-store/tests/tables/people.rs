//! Technicians, notifications, mails and schedules: what goes in comes out, and another tenant neither
//! sees nor changes it.

use iq_domain::*;
use iq_store::{
    Connection, Page, StoreError,
    mails::{self, Mail, MailState},
    notifications::{self, NotificationChoice},
    schedules::{self, Schedule},
    technicians::{self, TechnicianFilter, TechnicianRow},
};
use serde_json::json;

use crate::{
    code,
    support::{Fixture, Plant, T0},
};

fn technician(p: &Plant, code: &str) -> TechnicianRow {
    TechnicianRow {
        technician: Technician {
            id: TechnicianId::new(),
            tenant_id: p.id(),
            site_id: p.site.id,
            names: Names {
                en: "Sara".to_owned(),
                ar: "سارة".to_owned(),
            },
            skills: vec!["seals".to_owned()],
            certificates: vec![TechnicianCertificate {
                name: "hot_work".to_owned(),
                valid_until: Some(T0),
            }],
            shifts: vec![WeeklyShift {
                weekday: 7,
                from_minute: 420,
                to_minute: 930,
            }],
            absences: vec![Absence {
                from: T0,
                to: T0.plus_ms(1),
                reason: "إجازة".to_owned(),
            }],
            hourly_cost: Some(85.5),
            is_active: true,
        },
        code: code.to_owned(),
        user_id: Some(p.user.id),
        note: "ملاحظة".to_owned(),
        changed_at: T0,
    }
}

fn notification(p: &Plant, cause: &str) -> Notification {
    Notification {
        id: NotificationId::new(),
        tenant_id: p.id(),
        user_id: p.user.id,
        kind: NotificationKind::Overdue,
        cause: cause.to_owned(),
        code: "notification.overdue".to_owned(),
        params: json!({ "order": "OIQ-1" }),
        link: "/work-orders".to_owned(),
        in_app: true,
        at: T0,
        read_at: None,
    }
}

fn mail(p: &Plant) -> Mail {
    Mail {
        id: MailId::new(),
        tenant_id: p.id(),
        user_id: p.user.id,
        address: "sara@plant.example".to_owned(),
        code: "notification.overdue".to_owned(),
        params: json!({ "order": "OIQ-1" }),
        link: "/work-orders".to_owned(),
        state: MailState::Queued,
        attempts: 0,
        next_at: T0,
        error: None,
        created_at: T0,
        sent_at: None,
    }
}

fn schedule() -> Schedule {
    Schedule {
        kind: "run".to_owned(),
        is_enabled: true,
        cadence: Cadence::Week {
            weekday: 7,
            minute: 120,
        },
        time_zone: "Asia/Riyadh".to_owned(),
        next_at: Some(T0),
        last_at: None,
        job_id: Some(JobId::new()),
        error: Some(Message::from(&CodedError::conflict("jobs.no_source"))),
        changed_by: "admin".to_owned(),
        changed_at: T0,
    }
}

type Change = fn(&Connection, TenantId, &TechnicianRow) -> Result<(), StoreError>;

#[test]
fn people_and_what_they_are_told_come_out_as_they_went_in() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let tenant = plant.id();
    let (person, said, waits, runs) = (
        technician(&plant, "T-1"),
        notification(&plant, "a"),
        mail(&plant),
        schedule(),
    );
    let rows = (person.clone(), said.clone(), waits.clone(), runs.clone());
    fixture
        .write(move |c| {
            technicians::create_technician(c, tenant, &rows.0)?;
            assert!(notifications::create_notification(c, tenant, &rows.1)?);
            assert!(!notifications::create_notification(c, tenant, &rows.1)?);
            mails::put_mail(c, tenant, &rows.2)?;
            schedules::put_schedule(c, tenant, &rows.3)
        })
        .unwrap();
    fixture.read(|c| {
        let id = person.technician.id;
        assert_eq!(technicians::get_technician(c, tenant, id)?, Some(person));
        let user = plant.user.id;
        let told = notifications::list_notifications(c, tenant, user, true, Page::default())?;
        assert_eq!(told.rows, [said]);
        assert_eq!(mails::list_due_mails(c, tenant, T0, 10)?, [waits]);
        assert_eq!(mails::list_due_mails(c, tenant, T0.plus_ms(-1), 10)?, []);
        assert_eq!(schedules::list_schedules(c, tenant)?, [runs]);
        Ok(())
    });
}

#[test]
fn another_tenant_sees_nothing_and_changes_nothing() {
    let fixture = Fixture::new();
    let (plant, other) = (fixture.filled(), fixture.filled());
    let (tenant, foreign) = (plant.id(), other.id());
    let (person, said, waits) = (
        technician(&plant, "T-1"),
        notification(&plant, "a"),
        mail(&plant),
    );
    let (id, user) = (person.technician.id, plant.user.id);
    let rows = (person.clone(), said.clone(), waits.clone());
    fixture
        .write(move |c| {
            technicians::create_technician(c, tenant, &rows.0)?;
            notifications::create_notification(c, tenant, &rows.1)?;
            mails::put_mail(c, tenant, &rows.2)?;
            schedules::put_schedule(c, tenant, &schedule())
        })
        .unwrap();
    fixture.read(|c| {
        let all = TechnicianFilter::default();
        assert_eq!(technicians::get_technician(c, foreign, id)?, None);
        assert_eq!(technicians::get_technician_by_user(c, foreign, user)?, None);
        assert_eq!(
            technicians::list_technicians(c, foreign, &all, Page::default())?.total,
            0
        );
        assert_eq!(notifications::count_unread(c, foreign, user)?, 0);
        assert!(!notifications::has_notification(c, foreign, user, "a")?);
        assert_eq!(mails::list_mails(c, foreign, 10)?, []);
        assert_eq!(mails::count_mails(c, foreign, MailState::Queued)?, 0);
        assert_eq!(schedules::list_schedules(c, foreign)?, []);
        Ok(())
    });
    let try_all: [Change; 3] = [
        technicians::create_technician,
        technicians::update_technician,
        |c, t, row| technicians::delete_technician(c, t, row.technician.id),
    ];
    for change in try_all {
        let row = person.clone();
        assert!(fixture.write(move |c| change(c, foreign, &row)).is_err());
    }
    assert!(
        fixture
            .write(move |c| notifications::create_notification(c, foreign, &said))
            .is_err()
    );
    assert!(
        fixture
            .write(move |c| mails::put_mail(c, foreign, &waits))
            .is_err()
    );
    let read = fixture.write(move |c| notifications::update_read(c, foreign, user, None, T0));
    assert_eq!(read.unwrap(), 0);
    assert_eq!(
        fixture.read(|c| notifications::count_unread(c, tenant, user)),
        1
    );
}

#[test]
fn a_personnel_number_is_one_persons_and_a_site_with_people_stays() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let tenant = plant.id();
    let (one, mut two) = (technician(&plant, "T-1"), technician(&plant, "T-1"));
    two.user_id = None;
    fixture
        .write(move |c| technicians::create_technician(c, tenant, &one))
        .unwrap();
    let taken = fixture.write(move |c| technicians::create_technician(c, tenant, &two));
    assert_eq!(code(taken), "technicians.code_taken");
    let site = plant.site.id;
    let kept = fixture.write(move |c| iq_store::sites::delete_site(c, tenant, site));
    assert_eq!(code(kept), "sites.in_use");
}

#[test]
fn a_choice_replaces_the_one_before() {
    let fixture = Fixture::new();
    let plant = fixture.filled();
    let (tenant, user) = (plant.id(), plant.user.id);
    let choice = |in_app, by_mail| NotificationChoice {
        kind: NotificationKind::Overdue,
        in_app,
        by_mail,
    };
    fixture
        .write(move |c| {
            notifications::put_notification_choice(c, tenant, user, choice(true, true))?;
            notifications::put_notification_choice(c, tenant, user, choice(false, true))
        })
        .unwrap();
    let kept = fixture.read(|c| notifications::list_notification_choices(c, tenant, user));
    assert_eq!(kept, [choice(false, true)]);
}
