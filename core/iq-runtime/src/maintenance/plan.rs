//! What is planned about a work order and found out by doing it: kept beside the order, so that it is
//! ours also where another system owns the order. Every change is written down, and whoever is given
//! work is told.

use iq_domain::{
    CodedError, FieldChange, TechnicianId, TenantId, Timestamp, WorkOrderChangeId, WorkOrderId,
    WorkOrderPart, WorkOrderPlan, WorkOrderStatus,
};
use iq_store::{
    Connection, StoreError, Transaction, technicians, work_order_changes,
    work_order_changes::WorkOrderChangeRow,
    work_order_plans,
    work_orders::{self, WorkOrder},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Actor, WorkOrderChange, about,
    events::{self, Origin, Step},
    local,
};
use crate::{
    Runtime,
    alerts::{Changed, publish},
    notices::{Call, Notice, Told},
};

/// Sets a value, takes it away (`Some(None)`), or leaves it.
pub type Set<T> = Option<Option<T>>;

/// A change of a plan.
#[derive(Clone, Debug, Default)]
pub struct PlanChange {
    /// Who does it.
    pub technician_id: Set<TechnicianId>,
    /// Must have been done by.
    pub due_at: Set<Timestamp>,
    /// Hours it should take.
    pub estimated_hours: Set<f64>,
    /// Hours it took.
    pub actual_hours: Set<f64>,
    /// Failure mode.
    pub failure_mode: Set<String>,
    /// Failure cause.
    pub failure_cause: Set<String>,
    /// Parts and material.
    pub parts: Option<Vec<WorkOrderPart>>,
    /// Certificates everybody on it has to hold.
    pub certificates: Option<Vec<String>>,
    /// It can only be done in a planned outage.
    pub needs_outage: Option<bool>,
}

impl Runtime {
    /// Changes a work order: what its owner decides only where that is us, its plan in any case.
    pub async fn change_work_order(
        &self,
        tenant: TenantId,
        id: WorkOrderId,
        change: WorkOrderChange,
        actor: Actor,
    ) -> Result<WorkOrder, CodedError> {
        let work = self.work(tenant)?;
        let mails = self.0.mailer.is_on();
        let (order, changed, told) = self
            .0
            .store
            .write(move |tx| {
                let now = work.context.now;
                let mut order = work_orders::get_work_order(tx, tenant, id)?
                    .ok_or(CodedError::not_found("work_orders.not_found"))?;
                if change.touches_order() {
                    local::require_own(tx, tenant, &order)?;
                }
                let before = order.clone();
                local::apply(&mut order, &change, now)?;
                let old = work_order_plans::get_work_order_plan(tx, tenant, id)?
                    .unwrap_or(WorkOrderPlan::empty(id, now));
                let plan = planned(tx, tenant, &old, change.plan, now)?;
                let mut fields = order_differences(&before, &order);
                fields.extend(plan_differences(tx, tenant, &old, &plan)?);
                let (mut changed, mut told) = (Changed::default(), Told::new(mails));
                if fields.is_empty() {
                    return Ok((before, changed, told));
                }
                if order != before {
                    (order.changed_at, order.recorded_at) = (now, now);
                    work_orders::update_work_order(tx, tenant, &order)?;
                }
                if plan != old {
                    work_order_plans::put_work_order_plan(tx, tenant, &plan)?;
                }
                note(tx, tenant, id, &actor, fields.clone(), now)?;
                let names = event_fields(&fields);
                let step = if order.status == before.status {
                    Step::Changed(&names)
                } else {
                    Step::Status(order.status)
                };
                let name = Some(actor.username.as_str());
                let event =
                    events::work_order(&work.context, &Origin::own(), &order, step, now, name);
                work.append(tx, &event, &mut changed)?;
                if plan.technician_id != old.technician_id {
                    tell_assigned(tx, tenant, &order, &plan, now, &mut told)?;
                }
                Ok((order, changed, told))
            })
            .await?;
        publish(&self.0, tenant, changed);
        told.publish(&self.0, tenant);
        Ok(order)
    }
}

/// The plan as it is after a change.
fn planned(
    tx: &Transaction<'_>,
    tenant: TenantId,
    old: &WorkOrderPlan,
    change: PlanChange,
    now: Timestamp,
) -> Result<WorkOrderPlan, StoreError> {
    let mut plan = old.clone();
    if let Some(technician) = change.technician_id {
        require_free(tx, tenant, technician, old.technician_id)?;
        plan.technician_id = technician;
    }
    set(&mut plan.due_at, change.due_at);
    set(&mut plan.estimated_hours, change.estimated_hours);
    set(&mut plan.actual_hours, change.actual_hours);
    set(&mut plan.failure_mode, change.failure_mode);
    set(&mut plan.failure_cause, change.failure_cause);
    if let Some(parts) = change.parts {
        plan.parts = parts;
    }
    if let Some(certificates) = change.certificates {
        plan.certificates = certificates;
    }
    plan.needs_outage = change.needs_outage.unwrap_or(plan.needs_outage);
    if plan != *old {
        plan.changed_at = now;
    }
    Ok(plan)
}

fn set<T>(value: &mut Option<T>, change: Set<T>) {
    if let Some(change) = change {
        *value = change;
    }
}

/// Work is given to a technician of this tenant that is active; who has it already may keep it.
pub(super) fn require_free(
    conn: &Connection,
    tenant: TenantId,
    technician: Option<TechnicianId>,
    holder: Option<TechnicianId>,
) -> Result<(), StoreError> {
    let Some(id) = technician else { return Ok(()) };
    let row = technicians::get_technician(conn, tenant, id)?
        .ok_or(CodedError::not_found("technicians.not_found"))?;
    if row.technician.is_active || holder == technician {
        Ok(())
    } else {
        Err(CodedError::conflict("technicians.inactive")
            .with("code", row.code)
            .into())
    }
}

/// The plan of a new work order.
pub(super) fn create(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: &WorkOrder,
    change: PlanChange,
    recommendation: Option<String>,
    told: &mut Told,
) -> Result<WorkOrderPlan, StoreError> {
    let now = order.opened_at;
    let mut plan = planned(
        tx,
        tenant,
        &WorkOrderPlan::empty(order.id, now),
        change,
        now,
    )?;
    plan.recommendation = recommendation;
    if plan.due_at.is_none() {
        let within = order
            .priority
            .and_then(iq_domain::WorkOrderPriority::within_ms);
        plan.due_at = within.map(|ms| now.plus_ms(ms));
    }
    work_order_plans::put_work_order_plan(tx, tenant, &plan)?;
    tell_assigned(tx, tenant, order, &plan, now, told)?;
    Ok(plan)
}

/// Changes the plan of an order that is there; whoever is given it is told. Answers who had it and keeps it.
pub(crate) fn assign(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: &WorkOrder,
    change: PlanChange,
    actor: &Actor,
    now: Timestamp,
    told: &mut Told,
) -> Result<Option<TechnicianId>, StoreError> {
    let old = work_order_plans::get_work_order_plan(tx, tenant, order.id)?
        .unwrap_or(WorkOrderPlan::empty(order.id, now));
    let plan = planned(tx, tenant, &old, change, now)?;
    let fields = plan_differences(tx, tenant, &old, &plan)?;
    if !fields.is_empty() {
        work_order_plans::put_work_order_plan(tx, tenant, &plan)?;
        note(tx, tenant, order.id, actor, fields, now)?;
    }
    if plan.technician_id == old.technician_id {
        return Ok(plan.technician_id);
    }
    tell_assigned(tx, tenant, order, &plan, now, told)?;
    Ok(None)
}

/// Tells who has the work that it has another time, where they have an account.
pub(crate) fn tell_moved(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: &WorkOrder,
    lead: TechnicianId,
    now: Timestamp,
    told: &mut Told,
) -> Result<(), StoreError> {
    let row = technicians::get_technician(tx, tenant, lead)?;
    match row.and_then(|t| t.user_id) {
        Some(user) => {
            let params = about::params_of(tx, tenant, order, None)?;
            let notice = Notice::rescheduled(order.id, params, now);
            told.tell(tx, tenant, user, &notice, now)
        }
        None => Ok(()),
    }
}

/// Tells those who do the work beside the one it is given to, where they have accounts.
pub(crate) fn tell_crew(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: &WorkOrder,
    crew: &[TechnicianId],
    now: Timestamp,
    told: &mut Told,
) -> Result<(), StoreError> {
    for technician in crew {
        let row = technicians::get_technician(tx, tenant, *technician)?;
        if let Some(user) = row.and_then(|t| t.user_id) {
            let params = about::params_of(tx, tenant, order, None)?;
            let notice = Notice::assignment(order.id, params, now);
            told.tell(tx, tenant, user, &notice, now)?;
        }
    }
    Ok(())
}

/// Tells the person who was given the work, where they have an account.
fn tell_assigned(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: &WorkOrder,
    plan: &WorkOrderPlan,
    now: Timestamp,
    told: &mut Told,
) -> Result<(), StoreError> {
    let Some(technician) = plan.technician_id else {
        return Ok(());
    };
    let params = about::params_of(tx, tenant, order, plan.due_at)?;
    let notice = Notice::assignment(order.id, params, now);
    told.call(tx, tenant, &Call::assignment(&notice, order.id, now), now)?;
    let row = technicians::get_technician(tx, tenant, technician)?;
    match row.and_then(|t| t.user_id) {
        Some(user) => told.tell(tx, tenant, user, &notice, now),
        None => Ok(()),
    }
}

/// Writes a change down.
pub(super) fn note(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: WorkOrderId,
    actor: &Actor,
    fields: Vec<FieldChange>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let row = WorkOrderChangeRow {
        id: WorkOrderChangeId::new(),
        work_order_id: order,
        at,
        actor: actor.username.clone(),
        fields,
    };
    work_order_changes::create_work_order_change(tx, tenant, &row)
}

fn difference<T: Serialize + PartialEq>(
    field: &'static str,
    before: &T,
    after: &T,
) -> Option<FieldChange> {
    (before != after).then(|| FieldChange {
        field: field.to_owned(),
        before: json!(before),
        after: json!(after),
    })
}

fn order_differences(before: &WorkOrder, after: &WorkOrder) -> Vec<FieldChange> {
    [
        difference("status", &before.status, &after.status),
        difference("title", &before.title, &after.title),
        difference("description", &before.description, &after.description),
        difference("priority", &before.priority, &after.priority),
        difference(
            "planned_start_at",
            &before.planned_start,
            &after.planned_start,
        ),
        difference("planned_end_at", &before.planned_end, &after.planned_end),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// People are named by their personnel number: a history must be readable when they are gone.
fn plan_differences(
    conn: &Connection,
    tenant: TenantId,
    before: &WorkOrderPlan,
    after: &WorkOrderPlan,
) -> Result<Vec<FieldChange>, StoreError> {
    let code = |id: Option<TechnicianId>| -> Result<Value, StoreError> {
        let row = match id {
            Some(id) => technicians::get_technician(conn, tenant, id)?,
            None => None,
        };
        Ok(json!(row.map(|t| t.code)))
    };
    let mut fields = Vec::new();
    if before.technician_id != after.technician_id {
        fields.push(FieldChange {
            field: "technician_id".to_owned(),
            before: code(before.technician_id)?,
            after: code(after.technician_id)?,
        });
    }
    fields.extend(
        [
            difference("due_at", &before.due_at, &after.due_at),
            difference(
                "estimated_hours",
                &before.estimated_hours,
                &after.estimated_hours,
            ),
            difference("actual_hours", &before.actual_hours, &after.actual_hours),
            difference("failure_mode", &before.failure_mode, &after.failure_mode),
            difference("failure_cause", &before.failure_cause, &after.failure_cause),
            difference("parts", &before.parts, &after.parts),
            difference("certificates", &before.certificates, &after.certificates),
            difference("needs_outage", &before.needs_outage, &after.needs_outage),
        ]
        .into_iter()
        .flatten(),
    );
    Ok(fields)
}

/// The names of fields as events carry them.
fn event_fields(fields: &[FieldChange]) -> Vec<&'static str> {
    const NAMES: [&str; 15] = [
        "status",
        "title",
        "description",
        "priority",
        "planned_start_at",
        "planned_end_at",
        "technician_id",
        "due_at",
        "estimated_hours",
        "actual_hours",
        "failure_mode",
        "failure_cause",
        "parts",
        "certificates",
        "needs_outage",
    ];
    NAMES
        .into_iter()
        .filter(|name| fields.iter().any(|f| f.field == *name))
        .collect()
}

/// Refuses a step that work can't take.
pub(super) fn require_step(from: WorkOrderStatus, to: WorkOrderStatus) -> Result<(), StoreError> {
    if from.may_become(to) {
        return Ok(());
    }
    let (from, to) = (events::word(&from), events::word(&to));
    Err(CodedError::conflict("work_orders.step_wrong")
        .with("from", from)
        .with("to", to)
        .into())
}
