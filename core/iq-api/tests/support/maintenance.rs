//! A maintenance system on the test's desk, and one row of everything on the way to it.

use std::sync::{Arc, Mutex};

use iq_connector::{ConnectorContext, MaintenanceSystem, PushError, PushPlan, Pushed};
use iq_domain::{
    CodedError, ErrorKind, MatchState, ObjectKind, OutboxState, WorkOrderDraft, WorkOrderKind,
    WorkOrderOrigin, WorkOrderPriority, WorkOrderStatus,
};
use iq_store::{outbox::OutboxRow, technical_objects::TechnicalObject, work_orders::WorkOrder};
use serde_json::json;

use super::{NOW, Plant};

/// How the system answers the next request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    #[default]
    Fine,
    /// It refuses what it gets.
    Refuses,
    /// It takes what it gets, and its answer is lost; searches fail too.
    Silent,
}

/// The system. Clones share what it holds.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<(Vec<String>, Mood)>>);

impl Ledger {
    pub(crate) fn set(&self, mood: Mood) {
        self.0.lock().unwrap().1 = mood;
    }

    /// References of everything it holds.
    pub(crate) fn holds(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }
}

fn silence() -> CodedError {
    CodedError::new(ErrorKind::Upstream, "connector.timeout")
}

#[async_trait::async_trait]
impl MaintenanceSystem for Ledger {
    fn plan(&self, _: &ConnectorContext, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
        Ok(PushPlan {
            method: "POST".to_owned(),
            path: "/notifications".to_owned(),
            payload: json!({
                "Text": draft.title, "Reference": draft.reference,
                "Equipment": draft.equipment_number, "Priority": draft.priority,
            }),
            reference: draft.reference.clone(),
        })
    }

    async fn find_by_reference(
        &self,
        _: &ConnectorContext,
        reference: &str,
    ) -> Result<Vec<Pushed>, CodedError> {
        let held = self.0.lock().unwrap();
        if held.1 == Mood::Silent {
            return Err(silence());
        }
        let found = held.0.iter().enumerate().filter(|(_, r)| *r == reference);
        Ok(found.map(|(n, _)| pushed(n)).collect())
    }

    async fn push(&self, _: &ConnectorContext, plan: &PushPlan) -> Result<Pushed, PushError> {
        let mut held = self.0.lock().unwrap();
        if held.1 == Mood::Refuses {
            return Err(PushError::Refused(
                CodedError::invalid("work_orders.number_wrong").with("max", 8),
            ));
        }
        held.0.push(plan.reference.clone());
        if held.1 == Mood::Silent {
            return Err(PushError::Unknown(silence()));
        }
        Ok(pushed(held.0.len() - 1))
    }
}

fn pushed(n: usize) -> Pushed {
    Pushed {
        number: format!("{:08}", 10_000_000 + n),
        version: None,
    }
}

pub(crate) fn work_order(plant: &Plant) -> WorkOrder {
    WorkOrder {
        id: plant.work_order,
        tenant_id: plant.tenant,
        reference: Some("OIQ-TEST0001".to_owned()),
        integration_id: None,
        source_system: None,
        kind: WorkOrderKind::Notification,
        number: None,
        title: "Check the coupling".to_owned(),
        description: "افحص المحاذاة".to_owned(),
        order_type: None,
        priority: Some(WorkOrderPriority::High),
        status: WorkOrderStatus::Draft,
        source_status: String::new(),
        asset_id: Some(plant.asset),
        match_state: MatchState::Settled,
        equipment_number: Some("10002345".to_owned()),
        functional_location: None,
        plant: None,
        work_center: None,
        related_number: None,
        planned_start: None,
        planned_end: None,
        actual_start: None,
        actual_end: None,
        malfunction_at: None,
        is_down: false,
        origin: WorkOrderOrigin::Incident,
        alert_id: None,
        incident_id: Some(plant.incident),
        recommendation_id: None,
        visit_of: None,
        version: None,
        payload: serde_json::Value::Null,
        created_by: Some(plant.user("engineer")),
        opened_at: NOW,
        changed_at: NOW,
        recorded_at: NOW,
    }
}

pub(crate) fn object(plant: &Plant) -> TechnicalObject {
    TechnicalObject {
        id: plant.object,
        tenant_id: plant.tenant,
        integration_id: plant.integration,
        kind: ObjectKind::Equipment,
        number: "000000000010002345".to_owned(),
        number_key: "10002345".to_owned(),
        name: "Feed pump".to_owned(),
        location: None,
        location_key: None,
        parent: None,
        plant: Some("1000".to_owned()),
        is_active: true,
        changed_at: None,
        payload: json!({}),
        asset_id: None,
        match_state: MatchState::Unmatched,
        match_reason: None,
        candidates: Vec::new(),
        settled_by: None,
        settled_at: None,
        recorded_at: NOW,
    }
}

pub(crate) fn push(plant: &Plant) -> OutboxRow {
    let order = work_order(plant);
    OutboxRow {
        id: plant.outbox,
        tenant_id: plant.tenant,
        work_order_id: plant.work_order,
        integration_id: plant.integration,
        state: OutboxState::AwaitingApproval,
        draft: WorkOrderDraft {
            kind: order.kind,
            reference: order.reference.clone().unwrap(),
            title: order.title,
            description: order.description,
            priority: WorkOrderPriority::High,
            order_type: None,
            asset_id: order.asset_id,
            equipment_number: order.equipment_number,
            functional_location: None,
            planned_start: None,
            planned_end: None,
            malfunction_at: None,
            is_down: false,
        },
        plan: json!({
            "method": "POST", "path": "/notifications", "payload": { "Text": "Check" },
            "reference": order.reference,
        }),
        author: plant.user("colleague"),
        author_id: plant.colleague,
        approver: None,
        approver_id: None,
        approved_at: None,
        may_exist: false,
        sends: 0,
        failures: 0,
        absences: 0,
        next_at: None,
        last_send_at: None,
        error_code: None,
        error_params: json!({}),
        number: None,
        version: None,
        resolved_by: None,
        created_at: NOW,
        changed_at: NOW,
        sent_at: None,
    }
}
