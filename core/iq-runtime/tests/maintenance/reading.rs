//! What is read from a maintenance system: rows, assets, events.

use std::sync::Arc;

use iq_domain::*;
use iq_runtime::maintenance::Settlement;
use iq_store::{assets, integrations};
use serde_json::json;

use crate::{
    rig::{Rig, T0, person, wait_for},
    rules::Desk,
};

async fn rig(folder: &std::path::Path) -> (Rig, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(T0));
    let rig = Rig::new(folder, clock.clone(), Arc::new(Desk::default())).await;
    (rig, clock)
}

pub fn order(number: &str, equipment: Option<&str>, location: Option<&str>) -> SourceWorkOrder {
    SourceWorkOrder {
        kind: WorkOrderKind::Order,
        number: number.to_owned(),
        title: "Replace the seal".to_owned(),
        order_type: Some("PM01".to_owned()),
        priority: Some(WorkOrderPriority::High),
        status: WorkOrderStatus::Open,
        source_status: "CRTD".to_owned(),
        equipment_number: equipment.map(str::to_owned),
        functional_location: location.map(str::to_owned),
        plant: Some("1000".to_owned()),
        work_center: None,
        related_number: None,
        reference: None,
        planned_start: None,
        planned_end: None,
        actual_start: None,
        actual_end: None,
        created_at: Some(T0.plus_ms(-86_400_000)),
        changed_at: Some(T0.plus_ms(-3_600_000)),
        version: Some("W/\"1\"".to_owned()),
        payload: json!({ "MaintenanceOrder": number }),
    }
}

fn object(kind: ObjectKind, number: &str, location: Option<&str>) -> SourceObject {
    SourceObject {
        kind,
        number: number.to_owned(),
        name: "An object".to_owned(),
        location: location.map(str::to_owned),
        parent: None,
        plant: None,
        is_active: true,
        changed_at: None,
        payload: json!({}),
    }
}

fn records(orders: Vec<SourceWorkOrder>) -> Vec<SourceRecord> {
    orders.into_iter().map(SourceRecord::WorkOrder).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_order_read_twice_is_one_row_and_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    let first = order("4000001", Some("000000000010002345"), None);
    for _ in 0..3 {
        rig.deliver(records(vec![first.clone()])).await;
    }
    let row = rig.numbered("4000001").await;
    assert_eq!(row.asset_id, Some(rig.ids.pumps[0]));
    assert_eq!(row.match_state, MatchState::Matched);
    assert_eq!(row.source_system.as_deref(), Some("SAP PM"));
    assert_eq!(row.opened_at, first.created_at.unwrap());
    let events = rig.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].summary, "event.work_order_created.order");
    assert_eq!(events[0].asset_id, Some(rig.ids.pumps[0]));
    assert_eq!(events[0].event_time, first.created_at.unwrap());
    assert_eq!(events[0].source_system, "SAP PM");
    assert_eq!(events[0].payload["record"]["MaintenanceOrder"], "4000001");
    assert!(
        events[0].time_uncertainty_ms > 0,
        "a foreign clock is not sure"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_become_events_and_an_older_version_undoes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    let first = order("4000001", Some("10002345"), None);
    let started = SourceWorkOrder {
        status: WorkOrderStatus::InProgress,
        actual_start: Some(T0.plus_ms(-1_000_000)),
        changed_at: Some(T0.plus_ms(-900_000)),
        ..first.clone()
    };
    let moved = SourceWorkOrder {
        planned_end: Some(T0.plus_ms(86_400_000)),
        changed_at: Some(T0.plus_ms(-800_000)),
        ..started.clone()
    };
    for version in [&first, &started, &moved, &started, &first, &moved] {
        rig.deliver(records(vec![version.clone()])).await;
    }
    let row = rig.numbered("4000001").await;
    assert_eq!(row.status, WorkOrderStatus::InProgress);
    assert_eq!(row.planned_end, moved.planned_end);
    let told: Vec<_> = rig
        .events()
        .await
        .into_iter()
        .map(|e| (e.summary, e.event_time))
        .collect();
    assert_eq!(
        told,
        [
            (
                "event.work_order_created.order".to_owned(),
                first.created_at.unwrap()
            ),
            (
                "event.work_order_status.in_progress".to_owned(),
                started.actual_start.unwrap()
            ),
            (
                "event.work_order_changed".to_owned(),
                moved.changed_at.unwrap()
            ),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_record_is_left_out_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    let huge = SourceWorkOrder {
        title: "x".repeat(100_000),
        payload: json!({ "text": "y".repeat(1_000_000) }),
        ..order("4000003", None, None)
    };
    rig.deliver(records(vec![
        order("", None, None),
        order("40\u{202e}01", None, None),
        order(&"9".repeat(500), None, None),
        order("4000002", Some("10002345"), None),
        huge,
    ]))
    .await;
    let rows = rig.work_orders().await;
    assert_eq!(rows.len(), 2);
    let huge = rig.numbered("4000003").await;
    assert!(huge.title.chars().count() <= 300);
    assert!(huge.payload.to_string().len() < 100, "{}", huge.payload);
    let (tenant, integration) = (rig.ids.tenant, rig.ids.integration);
    let log = rig
        .runtime
        .store()
        .read(move |c| {
            let page = iq_store::Page::default();
            iq_store::integration_actions::list_integration_actions(
                c,
                tenant,
                Some(integration),
                page,
            )
        })
        .await
        .unwrap();
    let told = log
        .rows
        .iter()
        .find(|a| a.action_type == "records_left_out")
        .unwrap();
    assert_eq!(told.details["params"]["count"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_settles_is_kept_and_moves_the_work_orders() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    let equipment = SourceRecord::TechnicalObject(object(ObjectKind::Equipment, "0020", None));
    let mut all = records(vec![order("4000001", Some("20"), None)]);
    all.push(equipment.clone());
    rig.deliver(all.clone()).await;
    let row = rig.numbered("4000001").await;
    assert_eq!(
        (row.asset_id, row.match_state),
        (None, MatchState::Ambiguous)
    );
    let objects = rig.objects().await;
    let found = objects.iter().find(|o| o.number == "0020").unwrap();
    assert_eq!(found.match_state, MatchState::Ambiguous);
    assert_eq!(found.candidates.len(), 2);
    let settled = rig
        .runtime
        .settle_object(
            rig.ids.tenant,
            found.id,
            Settlement::Asset(rig.ids.pumps[2]),
            person("planner"),
        )
        .await
        .unwrap();
    assert_eq!(settled.match_state, MatchState::Settled);
    assert_eq!(settled.settled_by.as_deref(), Some("planner"));
    let row = rig.numbered("4000001").await;
    assert_eq!(row.asset_id, Some(rig.ids.pumps[2]));
    let linked = rig.events().await;
    let linked = linked
        .iter()
        .find(|e| e.summary == "event.work_order_linked")
        .unwrap();
    assert_eq!(linked.asset_id, Some(rig.ids.pumps[2]));
    // Read again, nothing of it is forgotten.
    rig.deliver(all).await;
    let objects = rig.objects().await;
    let again = objects.iter().find(|o| o.number == "0020").unwrap();
    assert_eq!(again.asset_id, Some(rig.ids.pumps[2]));
    assert_eq!(again.name, "An object");
    assert_eq!(
        rig.numbered("4000001").await.asset_id,
        Some(rig.ids.pumps[2])
    );
    // Taken back, the program is as unsure as before.
    let back = rig
        .runtime
        .settle_object(
            rig.ids.tenant,
            found.id,
            Settlement::Automatic,
            person("planner"),
        )
        .await
        .unwrap();
    assert_eq!(back.match_state, MatchState::Ambiguous);
    assert_eq!(back.candidates.len(), 2);
    assert_eq!(rig.numbered("4000001").await.asset_id, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_asset_and_a_changed_mode_are_matched_again() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    rig.deliver(records(vec![order(
        "4000001",
        Some("777"),
        Some("RAS-U100-P2-SEAL"),
    )]))
    .await;
    assert_eq!(rig.numbered("4000001").await.asset_id, None);
    let (tenant, pump) = (rig.ids.tenant, rig.ids.pumps[1]);
    rig.runtime
        .store()
        .write(move |tx| {
            let mut asset = assets::get_asset(tx, tenant, pump)?.unwrap();
            asset.equipment_number = Some("00777".to_owned());
            assets::update_asset(tx, tenant, &asset)
        })
        .await
        .unwrap();
    rig.runtime.plant_changed(tenant).await.unwrap();
    wait_for("the number of the asset counts", async || {
        rig.numbered("4000001").await.asset_id == Some(pump)
    })
    .await;
    let other = rig.ids.pumps[2];
    rig.runtime
        .store()
        .write(move |tx| {
            let mut asset = assets::get_asset(tx, tenant, pump)?.unwrap();
            asset.functional_location = None;
            assets::update_asset(tx, tenant, &asset)?;
            let mut asset = assets::get_asset(tx, tenant, other)?.unwrap();
            asset.functional_location = Some("ras-u100-p2".to_owned());
            assets::update_asset(tx, tenant, &asset)?;
            let id = rig.ids.integration;
            let mut row = iq_store::integrations::get_integration(tx, tenant, id)?.unwrap();
            row.config["asset_mapping_mode"] = json!("by_functional_location");
            iq_store::integrations::update_integration(tx, tenant, &row)
        })
        .await
        .unwrap();
    rig.runtime.plant_changed(tenant).await.unwrap();
    wait_for("the location above counts", async || {
        rig.numbered("4000001").await.asset_id == Some(other)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_comes_later_leads_to_its_asset() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    rig.deliver(records(vec![order("4000001", None, Some("HALL-3"))]))
        .await;
    assert_eq!(
        rig.numbered("4000001").await.match_state,
        MatchState::Unmatched
    );
    let motor = object(ObjectKind::Equipment, "10002345", Some("hall-3"));
    rig.deliver(vec![SourceRecord::TechnicalObject(motor)])
        .await;
    wait_for("the equipment that stands there counts", async || {
        rig.numbered("4000001").await.asset_id == Some(rig.ids.pumps[0])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_journal_finds_its_asset_and_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    let event = |id: &str, subject: Option<&str>| {
        SourceRecord::Event(SourceEvent {
            source_id: id.to_owned(),
            source_type: "alarm".to_owned(),
            at: T0.plus_ms(-5_000),
            category: EventCategory::Maintenance,
            severity: Severity::Warning,
            subject: subject.map(str::to_owned),
            also: Vec::new(),
            phase: None,
            summary: "PAH-102 high".to_owned(),
            payload: json!({ "row": 7 }),
        })
    };
    let all = vec![
        event("a", Some("P-2")),
        event("b", Some("0010002345")),
        event("c", Some("nobody")),
        event(" ", None),
    ];
    rig.deliver(all.clone()).await;
    rig.deliver(all).await;
    let mut found: Vec<_> = rig
        .events()
        .await
        .into_iter()
        .map(|e| (e.source_id, e.asset_id))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("a".to_owned(), Some(rig.ids.pumps[1])),
            ("b".to_owned(), Some(rig.ids.pumps[0])),
            ("c".to_owned(), None),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_of_a_source_doubles_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    let all = || {
        let mut all = records(vec![order("4000001", Some("10002345"), None)]);
        all.push(SourceRecord::Event(SourceEvent {
            source_id: "a".to_owned(),
            source_type: "alarm".to_owned(),
            at: T0.plus_ms(-5_000),
            category: EventCategory::Maintenance,
            severity: Severity::Warning,
            subject: None,
            also: Vec::new(),
            phase: None,
            summary: "PAH-102 high".to_owned(),
            payload: json!({}),
        }));
        all
    };
    rig.deliver(all()).await;
    let before = rig.events().await;
    let (tenant, id) = (rig.ids.tenant, rig.ids.integration);
    rig.runtime
        .store()
        .write(move |tx| {
            let mut row = integrations::get_integration(tx, tenant, id)?.unwrap();
            row.name = "SAP PM, plant 2".to_owned();
            integrations::update_integration(tx, tenant, &row)
        })
        .await
        .unwrap();
    rig.runtime.plant_changed(tenant).await.unwrap();
    rig.deliver(all()).await;
    assert_eq!(
        rig.events().await,
        before,
        "what was read keeps the name it was read under"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_order_outlives_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path()).await;
    rig.deliver(records(vec![order("4000001", Some("10002345"), None)]))
        .await;
    let (tenant, integration) = (rig.ids.tenant, rig.ids.integration);
    rig.runtime
        .delete_integration(tenant, integration)
        .await
        .unwrap();
    let row = rig.numbered("4000001").await;
    assert_eq!(row.source_system.as_deref(), Some("SAP PM"));
    assert!(
        rig.objects().await.is_empty(),
        "what only served matching goes"
    );
}
