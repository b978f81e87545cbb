//! Who may let a work order out, in which state, and what is written down about it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use iq_connector::{ConnectorContext, MaintenanceSystem, PushError, PushPlan, Pushed};
use iq_domain::*;
use iq_runtime::maintenance::{NewWorkOrder, PushEdit, WorkOrderChange};
use iq_store::{integrations, outbox::OutboxRow};
use serde_json::json;

use crate::{
    reading::order,
    rig::{Rig, Source, T0, open, person, wait_for},
};

/// How the desk answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Fine,
    Refuses,
    /// Takes it, answers nothing, and can't be searched.
    Silent,
}

/// A maintenance system that does as it is told.
#[derive(Default)]
pub struct Desk {
    pub mood: Mutex<Mood>,
    /// Whoever sends there waits for an answer that does not come.
    pub hangs: Mutex<Option<IntegrationId>>,
    pub taken: Mutex<Vec<PushPlan>>,
}

fn pushed(n: usize) -> Pushed {
    Pushed {
        number: format!("{}", 10_000_001 + n),
        version: Some("W/\"1\"".to_owned()),
    }
}

#[async_trait::async_trait]
impl MaintenanceSystem for Desk {
    fn plan(&self, _: &ConnectorContext, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
        Ok(PushPlan {
            method: "POST".to_owned(),
            path: "/notifications".to_owned(),
            payload: json!({
                "Text": draft.title, "Ref": draft.reference,
                "Object": { "Equipment": draft.equipment_number },
            }),
            reference: draft.reference.clone(),
        })
    }

    async fn find_by_reference(
        &self,
        _: &ConnectorContext,
        reference: &str,
    ) -> Result<Vec<Pushed>, CodedError> {
        if *self.mood.lock().unwrap() == Mood::Silent {
            return Err(CodedError::new(ErrorKind::Upstream, "connector.timeout"));
        }
        let taken = self.taken.lock().unwrap();
        let found = taken.iter().enumerate();
        let found = found.filter(|(_, p)| p.reference == reference);
        Ok(found.map(|(n, _)| pushed(n)).collect())
    }

    async fn push(&self, ctx: &ConnectorContext, plan: &PushPlan) -> Result<Pushed, PushError> {
        let hangs = *self.hangs.lock().unwrap();
        if hangs == Some(ctx.integration_id) {
            std::future::pending::<()>().await;
        }
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Refuses {
            return Err(PushError::Refused(
                CodedError::invalid("work_orders.number_wrong").with("max", 40),
            ));
        }
        let mut taken = self.taken.lock().unwrap();
        taken.push(plan.clone());
        if mood == Mood::Silent {
            let lost = CodedError::new(ErrorKind::Upstream, "connector.timeout");
            return Err(PushError::Unknown(lost));
        }
        Ok(pushed(taken.len() - 1))
    }
}

struct Case {
    rig: Rig,
    desk: Arc<Desk>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

async fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let (desk, clock) = (Arc::new(Desk::default()), Arc::new(ManualClock::at(T0)));
    let rig = Rig::new(folder.path(), clock.clone(), desk.clone()).await;
    Case {
        rig,
        desk,
        clock,
        _folder: folder,
    }
}

impl Case {
    /// Lets time pass until the row stands so.
    async fn until(&self, id: OutboxId, state: OutboxState) -> OutboxRow {
        let mut found = None;
        wait_for(&format!("{state:?}"), async || {
            self.clock.advance_ms(2_000);
            self.rig.runtime.wake_outbox();
            let rows = self.rig.outbox().await;
            found = rows.into_iter().find(|row| row.id == id);
            found.as_ref().is_some_and(|row| row.state == state)
        })
        .await;
        found.unwrap()
    }

    async fn configure(&self, change: impl FnOnce(&mut Integration) + Send + 'static) {
        let (tenant, id) = (self.rig.ids.tenant, self.rig.ids.integration);
        self.rig
            .runtime
            .store()
            .write(move |tx| {
                let mut row = integrations::get_integration(tx, tenant, id)?.unwrap();
                change(&mut row);
                integrations::update_integration(tx, tenant, &row)?;
                Ok(())
            })
            .await
            .unwrap();
        self.rig.runtime.plant_changed(tenant).await.unwrap();
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, CodedError>) -> &'static str {
    result.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_is_sent_as_shown_and_its_number_written_back() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    let written = rig.write("Check the coupling").await;
    let preview = rig
        .runtime
        .preview_push(tenant, written.id, rig.target())
        .await
        .unwrap();
    assert!(case.desk.taken.lock().unwrap().is_empty(), "a dry run");
    assert!(rig.outbox().await.is_empty(), "a dry run leaves nothing");
    assert!(preview.needs_second_person);
    assert_eq!(preview.differences.len(), 3, "nothing of it is there");
    let row = rig
        .runtime
        .push_work_order(tenant, written.id, rig.target(), person("author"))
        .await
        .unwrap();
    assert_eq!(row.state, OutboxState::AwaitingApproval);
    case.clock.advance_ms(3_600_000);
    rig.runtime.wake_outbox();
    let twice = rig
        .runtime
        .push_work_order(tenant, written.id, rig.target(), person("author"));
    assert_eq!(code(twice.await), "work_orders.push_under_way");
    let own = rig
        .runtime
        .approve_push(tenant, row.id, row.changed_at, person("author"))
        .await;
    assert_eq!(code(own), "work_orders.second_person_needed");
    assert!(case.desk.taken.lock().unwrap().is_empty());
    rig.runtime
        .approve_push(tenant, row.id, row.changed_at, person("approver"))
        .await
        .unwrap();
    let sent = case.until(row.id, OutboxState::Sent).await;
    assert_eq!(case.desk.taken.lock().unwrap()[..], [preview.plan]);
    let order = rig.numbered(sent.number.as_deref().unwrap()).await;
    assert_eq!(order.id, written.id);
    assert_eq!(order.status, WorkOrderStatus::Open);
    assert_eq!(order.source_system.as_deref(), Some("SAP PM"));
    let told: Vec<_> = rig.events().await.into_iter().map(|e| e.summary).collect();
    assert_eq!(
        told,
        [
            "event.work_order_created.notification",
            "event.work_order_sent.notification"
        ]
    );
    let again = rig
        .runtime
        .push_work_order(tenant, written.id, rig.target(), person("author"));
    assert_eq!(code(again.await), "work_orders.owned_by_source");
    let change = WorkOrderChange {
        status: Some(WorkOrderStatus::Cancelled),
        ..WorkOrderChange::default()
    };
    let changed = rig
        .runtime
        .change_work_order(tenant, written.id, change, person("author"));
    assert_eq!(code(changed.await), "work_orders.owned_by_source");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_tenant_says_so_one_person_is_enough() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    let order = rig.write("Check").await;
    let row = rig
        .runtime
        .push_work_order(tenant, order.id, rig.target(), person("one"))
        .await
        .unwrap();
    rig.runtime
        .set_push_needs_second_person(tenant, false)
        .await
        .unwrap();
    rig.runtime
        .approve_push(tenant, row.id, row.changed_at, person("one"))
        .await
        .unwrap();
    case.until(row.id, OutboxState::Sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_corrected_approved_again_and_sent() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    *case.desk.mood.lock().unwrap() = Mood::Refuses;
    let (order, row) = rig.approved("Too long for that system").await;
    let dead = case.until(row.id, OutboxState::DeadLetter).await;
    assert_eq!(dead.error_code.as_deref(), Some("work_orders.number_wrong"));
    *case.desk.mood.lock().unwrap() = Mood::Fine;
    let edit = PushEdit {
        title: "Short".to_owned(),
        description: String::new(),
        priority: WorkOrderPriority::Low,
        order_type: None,
        equipment_number: Some("4711".to_owned()),
        functional_location: None,
        planned_start: None,
        planned_end: None,
        malfunction_at: None,
        is_down: false,
    };
    let edited = rig
        .runtime
        .edit_push(tenant, row.id, edit, person("approver"))
        .await
        .unwrap();
    assert_eq!(edited.state, OutboxState::Draft);
    assert_eq!(edited.plan["payload"]["Text"], "Short");
    let again = rig.runtime.retry_push(tenant, row.id).await.unwrap();
    assert_eq!(again.state, OutboxState::AwaitingApproval);
    let own = rig
        .runtime
        .approve_push(tenant, row.id, again.changed_at, person("approver"))
        .await;
    assert_eq!(
        code(own),
        "work_orders.second_person_needed",
        "who corrects it is its author now"
    );
    rig.runtime
        .approve_push(tenant, row.id, again.changed_at, person("author"))
        .await
        .unwrap();
    let sent = case.until(row.id, OutboxState::Sent).await;
    let taken = case.desk.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].payload["Object"]["Equipment"], "4711");
    let order_now = rig.numbered(&sent.number.unwrap()).await;
    assert_eq!(
        (order_now.id, order_now.title.as_str()),
        (order.id, "Short")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answers_for_is_asked_of_a_person() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    *case.desk.mood.lock().unwrap() = Mood::Silent;
    let (order, row) = rig.approved("Lost").await;
    let unknown = case.until(row.id, OutboxState::Unknown).await;
    assert_eq!(unknown.sends, 1, "not sent again without certainty");
    assert_eq!(unknown.error_code.as_deref(), Some("connector.timeout"));
    let rejected = rig
        .runtime
        .reject_push(tenant, row.id, person("approver"))
        .await;
    assert_eq!(code(rejected), "work_orders.state_wrong");
    let number = "40\u{202e}711".to_owned();
    let wrong = rig
        .runtime
        .resolve_push(tenant, row.id, Some(number), person("looks"))
        .await;
    assert_eq!(code(wrong), "work_orders.number_wrong");
    let there = Some("00040711".to_owned());
    let sent = rig
        .runtime
        .resolve_push(tenant, row.id, there, person("looks"))
        .await
        .unwrap();
    assert_eq!(sent.state, OutboxState::Sent);
    assert_eq!(sent.resolved_by.as_deref(), Some("looks"));
    assert_eq!(rig.numbered("00040711").await.id, order.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_says_it_is_not_there_has_it_searched_once_more_before_it_is_sent() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    *case.desk.mood.lock().unwrap() = Mood::Silent;
    let (_, row) = rig.approved("Lost").await;
    case.until(row.id, OutboxState::Unknown).await;
    *case.desk.mood.lock().unwrap() = Mood::Fine;
    rig.runtime
        .resolve_push(tenant, row.id, None, person("is mistaken"))
        .await
        .unwrap();
    let sent = case.until(row.id, OutboxState::Sent).await;
    assert_eq!(sent.sends, 1);
    assert_eq!(case.desk.taken.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_it_back_settles_what_was_lost() {
    let case = case().await;
    let rig = &case.rig;
    *case.desk.mood.lock().unwrap() = Mood::Silent;
    let (written, row) = rig.approved("Lost").await;
    case.until(row.id, OutboxState::Unknown).await;
    let read = SourceWorkOrder {
        kind: WorkOrderKind::Notification,
        reference: written.reference.clone(),
        status: WorkOrderStatus::Released,
        ..order("00010000001", Some("10002345"), None)
    };
    rig.deliver(vec![SourceRecord::WorkOrder(read)]).await;
    let rows = rig.outbox().await;
    assert_eq!(rows[0].state, OutboxState::Sent);
    assert_eq!(rows[0].number.as_deref(), Some("00010000001"));
    let order = rig.numbered("00010000001").await;
    assert_eq!(
        (order.id, order.status),
        (written.id, WorkOrderStatus::Released)
    );
    assert_eq!(rig.work_orders().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_somebody_copied_takes_nothing_over() {
    let case = case().await;
    let rig = &case.rig;
    let written = rig.write("Never sent").await;
    let copied = SourceWorkOrder {
        kind: WorkOrderKind::Notification,
        reference: written.reference.clone(),
        ..order("10000007", None, None)
    };
    rig.deliver(vec![SourceRecord::WorkOrder(copied)]).await;
    let all = rig.work_orders().await;
    assert_eq!(all.len(), 2);
    let ours = all.iter().find(|o| o.id == written.id).unwrap();
    assert_eq!(ours.number, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_gives_one_number_to_two_of_ours_loses_neither() {
    let case = case().await;
    let rig = &case.rig;
    let (first, row) = rig.approved("First").await;
    case.until(row.id, OutboxState::Sent).await;
    *case.desk.mood.lock().unwrap() = Mood::Silent;
    let (second, row) = rig.approved("Second").await;
    case.until(row.id, OutboxState::Unknown).await;
    let lie = SourceWorkOrder {
        kind: WorkOrderKind::Notification,
        reference: second.reference.clone(),
        ..order("10000001", None, None)
    };
    rig.deliver(vec![SourceRecord::WorkOrder(lie)]).await;
    assert_eq!(rig.numbered("10000001").await.id, first.id);
    let rows = rig.outbox().await;
    let left = rows.iter().find(|r| r.work_order_id == second.id).unwrap();
    assert_eq!(left.state, OutboxState::Unknown);
    assert_eq!(rig.work_orders().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_read_before_its_answer_came_is_one_row() {
    let case = case().await;
    let rig = &case.rig;
    // The system gives the next work order the number 10000001, and tells its list first.
    let read = SourceWorkOrder {
        kind: WorkOrderKind::Notification,
        ..order("10000001", Some("10002345"), None)
    };
    rig.deliver(vec![SourceRecord::WorkOrder(read)]).await;
    let (written, row) = rig.approved("Ours").await;
    case.until(row.id, OutboxState::Sent).await;
    let order = rig.numbered("10000001").await;
    assert_eq!(order.id, written.id);
    assert_eq!(order.source_status, "CRTD");
    assert_eq!(rig.work_orders().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_where_sending_is_not_wanted() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    let order = rig.write("Check").await;
    let push = || {
        rig.runtime
            .push_work_order(tenant, order.id, rig.target(), person("author"))
    };
    case.configure(|i| i.config = json!({ "work_order_sync_mode": "pull_only" }))
        .await;
    assert_eq!(code(push().await), "work_orders.pull_only");
    case.configure(|i| i.config = json!({})).await;
    assert_eq!(code(push().await), "work_orders.pull_only");
    case.configure(|i| {
        i.config = json!({ "work_order_sync_mode": "push_and_sync" });
        i.is_demo_origin = true;
    })
    .await;
    assert_eq!(code(push().await), "work_orders.demo_origin");
    case.configure(|i| i.is_demo_origin = false).await;
    let row = push().await.unwrap();
    // Set to reading only after it was handed in: it can't be approved, and what was approved stays.
    case.configure(|i| i.config = json!({ "work_order_sync_mode": "pull_only" }))
        .await;
    let late = rig
        .runtime
        .approve_push(tenant, row.id, row.changed_at, person("approver"))
        .await;
    assert_eq!(code(late), "work_orders.pull_only");
    let rejected = rig
        .runtime
        .reject_push(tenant, row.id, person("approver"))
        .await
        .unwrap();
    assert_eq!(rejected.state, OutboxState::Rejected);
    assert!(case.desk.taken.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_over_here_is_not_sent() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    use WorkOrderStatus::{Cancelled, Closed, Completed, InProgress, Released};
    let ways: [&[WorkOrderStatus]; 3] = [
        &[Released, InProgress, Completed],
        &[Released, InProgress, Completed, Closed],
        &[Cancelled],
    ];
    for way in ways {
        let order = rig.write("Check").await;
        for status in way {
            let change = WorkOrderChange {
                status: Some(*status),
                ..WorkOrderChange::default()
            };
            rig.runtime
                .change_work_order(tenant, order.id, change, person("author"))
                .await
                .unwrap();
        }
        let preview = rig.runtime.preview_push(tenant, order.id, rig.target());
        assert_eq!(code(preview.await), "work_orders.is_closed");
        let (target, author) = (rig.target(), person("author"));
        let push = rig
            .runtime
            .push_work_order(tenant, order.id, target, author);
        assert_eq!(code(push.await), "work_orders.is_closed");
    }
    assert!(rig.outbox().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_of_a_demonstration_sends_nobody_to_a_real_machine() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    let demo = rig
        .second_connection("Demo", |row| row.is_demo_origin = true)
        .await;
    rig.runtime
        .create_mappings(
            tenant,
            vec![iq_runtime::NewMapping {
                draft: iq_mapping::MappingDraft {
                    integration_id: demo,
                    external_tag: "PT-1".to_owned(),
                    asset_id: rig.ids.pumps[0],
                    metric_name: "discharge_pressure".to_owned(),
                    unit: "bar".to_owned(),
                    scaling_factor: 1.0,
                    offset_value: 0.0,
                    metadata_json: "{}".to_owned(),
                    is_active: true,
                },
                limits: None,
            }],
        )
        .await
        .unwrap();
    let order = |incident: Option<IncidentId>| NewWorkOrder {
        asset_id: Some(rig.ids.pumps[0]),
        kind: WorkOrderKind::Notification,
        title: "Look at the pump".to_owned(),
        description: String::new(),
        priority: WorkOrderPriority::High,
        order_type: None,
        planned_start: None,
        planned_end: None,
        malfunction_at: None,
        is_down: false,
        alert_id: None,
        incident_id: incident,
        recommendation_id: None,
        visit_of: None,
        recommendation: None,
        plan: iq_runtime::maintenance::PlanChange::default(),
    };
    let incident = rig.incident(rig.ids.pumps[0]).await;
    for (incident, refused) in [(Some(incident), true), (None, false)] {
        let order = rig
            .runtime
            .create_work_order(tenant, order(incident), person("author"))
            .await
            .unwrap();
        let preview = rig.runtime.preview_push(tenant, order.id, rig.target());
        let refusal = preview.await.err().map(|e| e.code);
        assert_eq!(refusal, refused.then_some("work_orders.demo_origin"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_hangs_holds_up_no_other() {
    let case = case().await;
    let rig = &case.rig;
    *case.desk.hangs.lock().unwrap() = Some(rig.ids.integration);
    // More than are taken in one turn wait for the one that hangs, and they came first.
    for n in 0..101 {
        rig.approved(&format!("Waits {n}")).await;
    }
    let other = rig.second_connection("Other", |_| {}).await;
    let ids = crate::rig::Ids {
        integration: other,
        ..rig.ids
    };
    let (_, row) = crate::rig::approved(&rig.runtime, &ids, "Goes").await;
    let sent = case.until(row.id, OutboxState::Sent).await;
    assert_eq!(sent.draft.title, "Goes");
}

async fn reopened(folder: &Path, rig: Rig, external_db: bool) -> Rig {
    rig.runtime.stop().await;
    rig.runtime.historian().close().unwrap();
    rig.runtime.store().close();
    let (ids, system) = (rig.ids, Arc::clone(&rig.source.system));
    drop(rig);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(T0.plus_ms(60_000)));
    let source = Source::new(system);
    let runtime = open(folder, clock, &source, external_db).await;
    Rig {
        runtime,
        source,
        ids,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_external_databases_switched_off_nothing_is_handed_in_or_sent() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Arc::new(Desk::default());
    let clock = Arc::new(ManualClock::at(T0));
    let rig = Rig::new(folder.path(), clock, desk.clone()).await;
    let tenant = rig.ids.tenant;
    let order = rig.write("Check").await;
    let target = rig.target();
    rig.runtime
        .set_integration_enabled(tenant, rig.ids.integration, false)
        .await
        .unwrap();
    let (_, waiting) = rig.approved("Waits").await;
    let rig = reopened(folder.path(), rig, false).await;
    let refused = rig
        .runtime
        .push_work_order(tenant, order.id, target, person("author"))
        .await;
    assert_eq!(code(refused), "integrations.external_db_disabled");
    wait_for("its turn came", async || {
        rig.runtime.wake_outbox();
        let rows = rig.outbox().await;
        let row = rows.iter().find(|row| row.id == waiting.id).unwrap();
        row.failures > 0 && row.state == OutboxState::Queued
    })
    .await;
    assert!(desk.taken.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_connection_is_waited_for() {
    let case = case().await;
    let (rig, tenant) = (&case.rig, case.rig.ids.tenant);
    let integration = rig.ids.integration;
    rig.runtime
        .set_integration_enabled(tenant, integration, false)
        .await
        .unwrap();
    let (_, row) = rig.approved("Waits").await;
    wait_for("it says what it waits for", async || {
        rig.runtime.wake_outbox();
        let rows = rig.outbox().await;
        rows[0].error_code.as_deref() == Some("work_orders.integration_disabled")
    })
    .await;
    rig.runtime
        .set_integration_enabled(tenant, integration, true)
        .await
        .unwrap();
    case.until(row.id, OutboxState::Sent).await;
    assert_eq!(case.desk.taken.lock().unwrap().len(), 1);
}
