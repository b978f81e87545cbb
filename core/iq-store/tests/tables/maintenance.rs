//! Work orders, technical objects and the outbox: what goes in comes out, keys hold, other tenants see
//! nothing.

use iq_domain::*;
use iq_store::{
    Connection, Page, StoreError, integrations,
    outbox::{self, OutboxFilter, OutboxRow},
    technical_objects::{self, ObjectFilter, TechnicalObject},
    work_orders::{self, WorkOrder, WorkOrderFilter},
};
use serde_json::json;

use crate::{
    code,
    support::{Fixture, Plant, T0},
};

fn order(p: &Plant, number: Option<&str>, reference: Option<&str>) -> WorkOrder {
    WorkOrder {
        id: WorkOrderId::new(),
        tenant_id: p.id(),
        reference: reference.map(str::to_owned),
        integration_id: number.map(|_| p.integration.id),
        source_system: Some("SAP PM".to_owned()),
        kind: WorkOrderKind::Order,
        number: number.map(str::to_owned),
        title: "استبدال مانع التسرب".to_owned(),
        description: "100 % of it".to_owned(),
        order_type: Some("PM01".to_owned()),
        priority: Some(WorkOrderPriority::VeryHigh),
        status: WorkOrderStatus::Released,
        source_status: "REL".to_owned(),
        asset_id: Some(p.asset.id),
        match_state: MatchState::Matched,
        equipment_number: Some("000010002345".to_owned()),
        functional_location: Some("RAS-U100-P102A".to_owned()),
        plant: Some("1000".to_owned()),
        work_center: Some("MECH".to_owned()),
        related_number: Some("10000001".to_owned()),
        planned_start: Some(T0),
        planned_end: Some(T0.plus_ms(1)),
        actual_start: Some(T0.plus_ms(2)),
        actual_end: Some(T0.plus_ms(3)),
        malfunction_at: Some(T0.plus_ms(-1)),
        is_down: true,
        origin: WorkOrderOrigin::Alert,
        alert_id: Some(p.alert.id),
        incident_id: Some(p.incident.id),
        recommendation_id: None,
        visit_of: None,
        version: Some("W/\"7\"".to_owned()),
        payload: json!({ "Text": "…" }),
        created_by: Some("demo".to_owned()),
        opened_at: T0,
        changed_at: T0.plus_ms(4),
        recorded_at: T0.plus_ms(5),
    }
}

fn object(p: &Plant, kind: ObjectKind, number: &str, location: Option<&str>) -> TechnicalObject {
    TechnicalObject {
        id: TechnicalObjectId::new(),
        tenant_id: p.id(),
        integration_id: p.integration.id,
        kind,
        number: number.to_owned(),
        number_key: number.trim_start_matches('0').to_owned(),
        name: "Feed pump".to_owned(),
        location: location.map(str::to_owned),
        location_key: location.map(str::to_uppercase),
        parent: Some("9".to_owned()),
        plant: None,
        is_active: true,
        changed_at: Some(T0),
        payload: json!([1]),
        asset_id: None,
        match_state: MatchState::Ambiguous,
        match_reason: None,
        candidates: vec![p.asset.id],
        settled_by: None,
        settled_at: None,
        recorded_at: T0,
    }
}

fn push(p: &Plant, order: &WorkOrder, state: OutboxState) -> OutboxRow {
    OutboxRow {
        id: OutboxId::new(),
        tenant_id: p.id(),
        work_order_id: order.id,
        integration_id: p.integration.id,
        state,
        draft: WorkOrderDraft {
            kind: order.kind,
            reference: "OIQ-00000001".to_owned(),
            title: order.title.clone(),
            description: String::new(),
            priority: WorkOrderPriority::Low,
            order_type: None,
            asset_id: order.asset_id,
            equipment_number: None,
            functional_location: None,
            planned_start: None,
            planned_end: Some(T0),
            malfunction_at: None,
            is_down: false,
        },
        plan: json!({ "method": "POST" }),
        author: "a".to_owned(),
        author_id: p.user.id,
        approver: Some("b".to_owned()),
        approver_id: Some(UserId::new()),
        approved_at: Some(T0),
        may_exist: true,
        sends: 2,
        failures: 3,
        absences: 1,
        next_at: Some(T0.plus_ms(50)),
        last_send_at: Some(T0),
        error_code: Some("connector.timeout".to_owned()),
        error_params: json!({ "n": "1" }),
        number: Some("1".to_owned()),
        version: Some("2".to_owned()),
        resolved_by: Some("c".to_owned()),
        created_at: T0,
        changed_at: T0,
        sent_at: Some(T0),
    }
}

fn all(
    c: &Connection,
    t: TenantId,
    filter: &WorkOrderFilter,
) -> Result<Vec<WorkOrder>, StoreError> {
    Ok(work_orders::list_work_orders(c, t, filter, Page::MAX)?.rows)
}

#[test]
fn a_work_order_comes_back_as_it_was_and_by_each_of_its_names() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, row) = (p.id(), order(&p, Some("4000001"), Some("OIQ-AAAAAAAA")));
    let mut changed = WorkOrder {
        status: WorkOrderStatus::Closed,
        priority: None,
        is_down: false,
        payload: json!(null),
        ..row.clone()
    };
    changed.changed_at = T0.plus_ms(9);
    let (first, second) = (row.clone(), changed.clone());
    fixture
        .write(move |c| {
            work_orders::create_work_order(c, t, &first)?;
            assert_eq!(work_orders::get_work_order(c, t, first.id)?, Some(first));
            work_orders::update_work_order(c, t, &second)
        })
        .unwrap();
    fixture.read(|c| {
        let integration = p.integration.id;
        let by_number =
            |kind, number| work_orders::get_work_order_by_number(c, t, integration, kind, number);
        assert_eq!(
            by_number(WorkOrderKind::Order, "4000001")?,
            Some(changed.clone())
        );
        assert_eq!(by_number(WorkOrderKind::Notification, "4000001")?, None);
        assert_eq!(by_number(WorkOrderKind::Order, "04000001")?, None);
        let by_reference = work_orders::get_work_order_by_reference(c, t, "OIQ-AAAAAAAA")?;
        assert_eq!(by_reference, Some(changed.clone()));
        Ok(())
    });
}

#[test]
fn the_version_of_the_orders_changes_with_what_they_tell_and_not_without() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let version = || {
        let mut found = None;
        fixture.read(|c| {
            found = Some(work_orders::orders_version(c, t)?);
            Ok(())
        });
        found
    };
    let none = version();
    let row = order(&p, Some("4000001"), None);
    let changed = WorkOrder {
        status: WorkOrderStatus::Closed,
        ..row.clone()
    };
    fixture
        .write(move |c| work_orders::create_work_order(c, t, &row))
        .unwrap();
    let first = version();
    assert_ne!(first, none);
    assert_eq!(first, version());
    fixture
        .write(move |c| work_orders::update_work_order(c, t, &changed))
        .unwrap();
    assert_ne!(version(), first);
}

#[test]
fn a_number_is_taken_once_per_system_and_kind_and_a_reference_once() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let (row, same) = (order(&p, Some("1"), None), order(&p, Some("1"), None));
    let notification = WorkOrder {
        kind: WorkOrderKind::Notification,
        ..order(&p, Some("1"), None)
    };
    let (ours, double) = (order(&p, None, Some("R")), order(&p, None, Some("R")));
    let nameless = [order(&p, None, None), order(&p, None, None)];
    fixture
        .write(move |c| {
            work_orders::create_work_order(c, t, &row)?;
            work_orders::create_work_order(c, t, &notification)?;
            work_orders::create_work_order(c, t, &ours)?;
            for one in &nameless {
                work_orders::create_work_order(c, t, one)?;
            }
            Ok(())
        })
        .unwrap();
    for taken in [same, double] {
        let result = fixture.write(move |c| work_orders::create_work_order(c, t, &taken));
        assert_eq!(code(result), "work_orders.exists");
    }
}

#[test]
fn the_visits_to_a_job_are_found_from_its_first_in_the_order_of_their_times() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled().id());
    let t = p.id();
    let first = order(&p, None, Some("OIQ-AAAAAAAA"));
    let visit = |reference: &str, after: i64| WorkOrder {
        planned_start: Some(T0.plus_ms(after)),
        origin: WorkOrderOrigin::Recommendation,
        visit_of: Some(first.id),
        ..order(&p, None, Some(reference))
    };
    let (late, early) = (visit("OIQ-BBBBBBBB", 20), visit("OIQ-CCCCCCCC", 10));
    let alone = order(&p, None, Some("OIQ-DDDDDDDD"));
    let all = [late.clone(), alone.clone(), early.clone(), first.clone()];
    fixture
        .write(move |c| {
            all.iter()
                .try_for_each(|order| work_orders::create_work_order(c, t, order))
        })
        .unwrap();
    let id = first.id;
    let of = |tenant| fixture.read(move |c| work_orders::list_visits(c, tenant, id));
    // Such a visit comes from the plan, and says which job it goes on with.
    assert_eq!(of(t), [first.clone(), early.clone(), late.clone()]);
    assert!(of(other).is_empty());
    // The same of many jobs at once; who has no further visit stands alone.
    let firsts = vec![id, alone.id];
    let told = |tenant| {
        let firsts = firsts.clone();
        fixture.read(move |c| work_orders::list_visits_of(c, tenant, &firsts))
    };
    let (mut visits, mut single) = (Vec::new(), Vec::new());
    for visit in told(t) {
        let job = if visit.first == id {
            &mut visits
        } else {
            &mut single
        };
        job.push((visit.id, visit.called.unwrap()));
    }
    let as_visit = |order: &WorkOrder| (order.id, order.reference.clone().unwrap());
    assert_eq!(visits, [&first, &early, &late].map(as_visit));
    assert_eq!(single, [as_visit(&alone)]);
    assert!(told(other).is_empty());
    let none = fixture.read(move |c| work_orders::list_visits_of(c, t, &[]));
    assert!(none.is_empty());
    let again = WorkOrder {
        visit_of: None,
        origin: WorkOrderOrigin::Manual,
        ..early
    };
    let row = again.clone();
    fixture
        .write(move |c| work_orders::update_work_order(c, t, &row))
        .unwrap();
    let advised = WorkOrderFilter {
        origins: vec![WorkOrderOrigin::Recommendation],
        ..WorkOrderFilter::default()
    };
    let found = fixture.read(move |c| work_orders::count_work_orders(c, t, &advised));
    assert_eq!((found, of(t).len()), (1, 2));
    let kept = fixture.read(move |c| work_orders::get_work_order(c, t, again.id));
    assert_eq!(kept.map(|o| o.origin), Some(WorkOrderOrigin::Manual));
}

#[test]
#[allow(clippy::too_many_lines, reason = "a list of all filters")]
fn lists_take_every_filter() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let t = p.id();
    let wanted = order(&p, Some("4000001"), None);
    let other = WorkOrder {
        asset_id: None,
        integration_id: None,
        kind: WorkOrderKind::Notification,
        title: "Other".to_owned(),
        description: String::new(),
        status: WorkOrderStatus::Draft,
        match_state: MatchState::Unmatched,
        origin: WorkOrderOrigin::Manual,
        alert_id: None,
        incident_id: None,
        equipment_number: None,
        functional_location: None,
        opened_at: T0.plus_ms(1_000),
        ..order(&p, None, Some("OIQ-BBBBBBBB"))
    };
    let (a, b) = (wanted.clone(), other.clone());
    fixture
        .write(move |c| {
            work_orders::create_work_order(c, t, &a)?;
            work_orders::create_work_order(c, t, &b)
        })
        .unwrap();
    let only = WorkOrderFilter::default;
    let filters = [
        WorkOrderFilter {
            asset_ids: vec![p.asset.id],
            ..only()
        },
        WorkOrderFilter {
            integration_id: Some(p.integration.id),
            ..only()
        },
        WorkOrderFilter {
            statuses: vec![WorkOrderStatus::Released, WorkOrderStatus::Closed],
            ..only()
        },
        WorkOrderFilter {
            kinds: vec![WorkOrderKind::Order],
            ..only()
        },
        WorkOrderFilter {
            origins: vec![WorkOrderOrigin::Alert],
            ..only()
        },
        WorkOrderFilter {
            match_states: vec![MatchState::Matched],
            ..only()
        },
        WorkOrderFilter {
            alert_id: Some(p.alert.id),
            ..only()
        },
        WorkOrderFilter {
            incident_id: Some(p.incident.id),
            ..only()
        },
        WorkOrderFilter {
            opened_before: Some(T0.plus_ms(1_000)),
            ..only()
        },
        WorkOrderFilter {
            text: Some("p102a".to_owned()),
            ..only()
        },
        WorkOrderFilter {
            text: Some("100 %".to_owned()),
            ..only()
        },
    ];
    fixture.read(|c| {
        for filter in &filters {
            assert_eq!(all(c, t, filter)?, [wanted.clone()], "{filter:?}");
            assert_eq!(work_orders::count_work_orders(c, t, filter)?, 1);
        }
        assert_eq!(all(c, t, &only())?, [other.clone(), wanted.clone()]);
        Ok(())
    });
}

#[test]
fn an_object_is_one_row_per_number_and_found_by_key_and_place() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let pump = object(&p, ObjectKind::Equipment, "0077", Some("hall-1"));
    let hall = object(&p, ObjectKind::FunctionalLocation, "77", None);
    let renamed = TechnicalObject {
        id: TechnicalObjectId::new(),
        name: "Renamed".to_owned(),
        asset_id: Some(p.asset.id),
        match_state: MatchState::Settled,
        match_reason: Some("person".to_owned()),
        settled_by: Some("demo".to_owned()),
        settled_at: Some(T0),
        ..pump.clone()
    };
    let rows = [pump.clone(), hall, renamed.clone()];
    fixture
        .write(move |c| {
            rows.iter()
                .try_for_each(|row| technical_objects::put_technical_object(c, t, row))
        })
        .unwrap();
    fixture.read(|c| {
        let kept = TechnicalObject {
            id: pump.id,
            ..renamed.clone()
        };
        let all = ObjectFilter::default();
        assert_eq!(technical_objects::count_technical_objects(c, t, &all)?, 2);
        let kind = ObjectKind::Equipment;
        let by_key =
            technical_objects::list_technical_objects_by_key(c, t, integration, kind, "77")?;
        assert_eq!(by_key, [kept.clone()]);
        let there = technical_objects::list_equipment_at(c, t, integration, "HALL-1")?;
        assert_eq!(there, [kept.clone()]);
        assert!(technical_objects::list_equipment_at(c, t, integration, "HALL-2")?.is_empty());
        let with = technical_objects::list_assets_with_objects(c, t, integration)?;
        assert_eq!(with, [p.asset.id]);
        for filter in [
            ObjectFilter {
                match_states: vec![MatchState::Settled],
                ..ObjectFilter::default()
            },
            ObjectFilter {
                kind: Some(ObjectKind::Equipment),
                ..ObjectFilter::default()
            },
            ObjectFilter {
                asset_ids: vec![p.asset.id],
                ..ObjectFilter::default()
            },
            ObjectFilter {
                text: Some("renamed".to_owned()),
                ..ObjectFilter::default()
            },
        ] {
            let found = technical_objects::list_technical_objects(c, t, &filter, Page::MAX)?;
            assert_eq!(found.rows, [kept.clone()], "{filter:?}");
        }
        Ok(())
    });
}

#[test]
fn a_work_order_is_on_its_way_once_and_again_when_that_is_over() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, one) = (p.id(), order(&p, None, Some("OIQ-00000001")));
    let rows = [
        push(&p, &one, OutboxState::Rejected),
        push(&p, &one, OutboxState::Sent),
        push(&p, &one, OutboxState::Queued),
    ];
    let (kept, stored) = (rows.clone(), one.clone());
    fixture
        .write(move |c| {
            work_orders::create_work_order(c, t, &stored)?;
            rows.iter()
                .try_for_each(|row| outbox::create_outbox_row(c, t, row))
        })
        .unwrap();
    for state in [
        OutboxState::Draft,
        OutboxState::AwaitingApproval,
        OutboxState::Sending,
        OutboxState::Unknown,
        OutboxState::DeadLetter,
    ] {
        let second = push(&p, &one, state);
        let result = fixture.write(move |c| outbox::create_outbox_row(c, t, &second));
        assert_eq!(code(result), "work_orders.push_under_way", "{state:?}");
    }
    let stray = push(&p, &order(&p, None, None), OutboxState::Queued);
    let result = fixture.write(move |c| outbox::create_outbox_row(c, t, &stray));
    assert_eq!(code(result), "work_orders.not_found");
    let queued = kept[2].clone();
    fixture.read(|c| {
        assert_eq!(
            outbox::get_outbox_row(c, t, queued.id)?,
            Some(queued.clone())
        );
        let of = p.integration.id;
        let due = |ms| outbox::list_due_outbox_rows(c, t, of, T0.plus_ms(ms), 10);
        assert!(due(49)?.is_empty());
        let systems = |ms| outbox::list_due_integrations(c, t, T0.plus_ms(ms));
        assert_eq!((systems(49)?, systems(50)?), (vec![], vec![of]));
        let other = IntegrationId::new();
        assert!(outbox::list_due_outbox_rows(c, t, other, T0.plus_ms(50), 10)?.is_empty());
        assert_eq!(due(50)?, [queued.clone()]);
        let of = OutboxFilter {
            states: vec![OutboxState::Sent, OutboxState::Rejected],
            work_order_id: Some(one.id),
            integration_id: Some(p.integration.id),
        };
        assert_eq!(outbox::list_outbox_rows(c, t, &of, 10)?.len(), 2);
        assert_eq!(outbox::list_outbox_rows(c, t, &of, 1)?.len(), 1);
        Ok(())
    });
    let mut sending = queued.clone();
    sending.state = OutboxState::Sending;
    let changed = sending.clone();
    fixture
        .write(move |c| outbox::update_outbox_row(c, t, &changed))
        .unwrap();
    fixture.read(|c| {
        let due = outbox::list_due_outbox_rows(c, t, p.integration.id, T0.plus_ms(50), 10)?;
        assert_eq!(due, [sending.clone()]);
        Ok(())
    });
}

#[test]
fn deleting_a_connection_takes_its_objects_and_leaves_its_work_orders() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let row = order(&p, Some("1"), Some("OIQ-00000001"));
    let pump = object(&p, ObjectKind::Equipment, "77", None);
    let sent = push(&p, &row, OutboxState::Sent);
    fixture
        .write(move |c| {
            work_orders::create_work_order(c, t, &row)?;
            technical_objects::put_technical_object(c, t, &pump)?;
            outbox::create_outbox_row(c, t, &sent)?;
            integrations::delete_integration(c, t, integration)
        })
        .unwrap();
    fixture.read(|c| {
        let objects = technical_objects::count_technical_objects(c, t, &ObjectFilter::default())?;
        assert_eq!(objects, 0);
        assert_eq!(all(c, t, &WorkOrderFilter::default())?.len(), 1);
        let rows = outbox::list_outbox_rows(c, t, &OutboxFilter::default(), 10)?;
        assert_eq!(rows.len(), 1);
        Ok(())
    });
}

#[test]
fn another_tenant_sees_and_changes_none_of_it() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled());
    let (t, o, integration) = (p.id(), other.id(), p.integration.id);
    let row = order(&p, Some("1"), Some("OIQ-00000001"));
    let pump = object(&p, ObjectKind::Equipment, "77", Some("X"));
    let queued = push(&p, &row, OutboxState::Queued);
    fixture
        .write(move |c| {
            work_orders::create_work_order(c, t, &row)?;
            technical_objects::put_technical_object(c, t, &pump)?;
            outbox::create_outbox_row(c, t, &queued)?;
            let kind = ObjectKind::Equipment;
            let none = [
                work_orders::get_work_order(c, o, row.id)?.is_none(),
                work_orders::get_work_order_by_reference(c, o, "OIQ-00000001")?.is_none(),
                work_orders::get_work_order_by_number(c, o, integration, row.kind, "1")?.is_none(),
                work_orders::list_work_orders_after(c, o, integration, None, 9)?.is_empty(),
                all(c, o, &WorkOrderFilter::default())?.is_empty(),
                technical_objects::get_technical_object(c, o, pump.id)?.is_none(),
                technical_objects::get_technical_object_by_number(c, o, integration, kind, "77")?
                    .is_none(),
                technical_objects::list_technical_objects_by_key(c, o, integration, kind, "77")?
                    .is_empty(),
                technical_objects::list_equipment_at(c, o, integration, "X")?.is_empty(),
                technical_objects::list_technical_objects_after(c, o, integration, None, 9)?
                    .is_empty(),
                technical_objects::list_assets_with_objects(c, o, integration)?.is_empty(),
                technical_objects::count_technical_objects(c, o, &ObjectFilter::default())? == 0,
                outbox::get_outbox_row(c, o, queued.id)?.is_none(),
                outbox::list_outbox_rows(c, o, &OutboxFilter::default(), 9)?.is_empty(),
                outbox::list_due_outbox_rows(c, o, integration, T0.plus_ms(99), 9)?.is_empty(),
                outbox::list_due_integrations(c, o, T0.plus_ms(99))?.is_empty(),
            ];
            for (n, is_hidden) in none.into_iter().enumerate() {
                assert!(is_hidden, "reading {n}");
            }
            let refused = [
                work_orders::update_work_order(c, o, &row),
                work_orders::create_work_order(c, o, &row),
                work_orders::delete_work_order(c, o, row.id),
                technical_objects::put_technical_object(c, o, &pump),
                outbox::create_outbox_row(c, o, &queued),
                outbox::update_outbox_row(c, o, &queued),
            ];
            for (n, result) in refused.into_iter().enumerate() {
                let error = CodedError::from(result.expect_err(&format!("change {n}")));
                assert_eq!(error.kind, ErrorKind::NotFound, "change {n}: {error}");
            }
            // A row of one's own may not hang on another tenant's either.
            let foreign = TechnicalObject {
                id: TechnicalObjectId::new(),
                tenant_id: o,
                ..pump.clone()
            };
            assert!(technical_objects::put_technical_object(c, o, &foreign).is_err());
            let foreign = OutboxRow {
                id: OutboxId::new(),
                tenant_id: o,
                ..queued.clone()
            };
            assert!(outbox::create_outbox_row(c, o, &foreign).is_err());
            Ok(())
        })
        .unwrap();
}
