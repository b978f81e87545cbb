//! Work orders written here: for an alert, for an incident, or by hand. Until one is sent it is ours
//! to change; from then on its system decides.

use iq_domain::{
    AlertId, AssetId, CodedError, IncidentId, RecommendationId, TenantId, Timestamp, WorkOrderId,
    WorkOrderKind, WorkOrderPriority, WorkOrderStatus,
};
use iq_store::{
    Connection, StoreError, Transaction, alerts, incidents,
    outbox::{self as rows, OutboxFilter, OutboxState},
    work_orders::{self, MatchState, WorkOrder, WorkOrderOrigin},
};
use uuid::Uuid;

use super::{
    Actor,
    events::{self, Origin, Step},
    plan::{self, PlanChange, Set},
};
use crate::{
    Runtime,
    alerts::{Changed, Work, publish},
    notices::Told,
};

/// Digits of a reference: without the letters that are read as another.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How often a taken reference is replaced before something must be wrong.
const ATTEMPTS: usize = 8;

/// A work order as a person writes it.
#[derive(Clone, Debug)]
pub struct NewWorkOrder {
    /// The asset; that of the alert or the incident where absent.
    pub asset_id: Option<AssetId>,
    /// Notification or order.
    pub kind: WorkOrderKind,
    /// Short text.
    pub title: String,
    /// Long text.
    pub description: String,
    /// Urgency.
    pub priority: WorkOrderPriority,
    /// Type in the maintenance system.
    pub order_type: Option<String>,
    /// Wanted start.
    pub planned_start: Option<Timestamp>,
    /// Wanted end.
    pub planned_end: Option<Timestamp>,
    /// When the malfunction began; that of the alert or the incident where absent.
    pub malfunction_at: Option<Timestamp>,
    /// The object is down.
    pub is_down: bool,
    /// The alert it is for.
    pub alert_id: Option<AlertId>,
    /// The incident it is for.
    pub incident_id: Option<IncidentId>,
    /// The recommendation it is published from.
    pub recommendation_id: Option<RecommendationId>,
    /// The first order of the job, where it is written for a later visit to it.
    pub visit_of: Option<WorkOrderId>,
    /// The recommendation it is written for, as it was worded.
    pub recommendation: Option<String>,
    /// Who does it, by when, with what.
    pub plan: PlanChange,
}

/// A change of a work order: what belongs to the order only where it is only here, its plan in any case.
#[derive(Clone, Debug, Default)]
pub struct WorkOrderChange {
    /// Where it stands.
    pub status: Option<WorkOrderStatus>,
    /// Short text.
    pub title: Option<String>,
    /// Long text.
    pub description: Option<String>,
    /// Urgency.
    pub priority: Option<WorkOrderPriority>,
    /// Planned start.
    pub planned_start: Set<Timestamp>,
    /// Planned end.
    pub planned_end: Set<Timestamp>,
    /// Its plan.
    pub plan: PlanChange,
}

impl WorkOrderChange {
    /// Whether it changes what the owner of the order decides.
    pub(super) const fn touches_order(&self) -> bool {
        self.status.is_some()
            || self.title.is_some()
            || self.description.is_some()
            || self.priority.is_some()
            || self.planned_start.is_some()
            || self.planned_end.is_some()
    }
}

impl Runtime {
    /// Writes a work order.
    pub async fn create_work_order(
        &self,
        tenant: TenantId,
        new: NewWorkOrder,
        actor: Actor,
    ) -> Result<WorkOrder, CodedError> {
        let work = self.work(tenant)?;
        let mails = self.0.mailer.is_on();
        let (order, changed, told) = self
            .0
            .store
            .write(move |tx| {
                let (mut changed, mut told) = (Changed::default(), Told::new(mails));
                let order = write(tx, &work, new, &actor, (&mut changed, &mut told))?;
                Ok((order, changed, told))
            })
            .await?;
        publish(&self.0, tenant, changed);
        told.publish(&self.0, tenant);
        Ok(order)
    }
}

/// Writes a work order and its event inside a transaction.
pub(crate) fn write(
    tx: &Transaction<'_>,
    work: &Work,
    new: NewWorkOrder,
    actor: &Actor,
    (changed, told): (&mut Changed, &mut Told),
) -> Result<WorkOrder, StoreError> {
    let (planned, wording) = (new.plan.clone(), new.recommendation.clone());
    let order = create(tx, work, new, actor)?;
    plan::create(tx, work.tenant.tenant.id, &order, planned, wording, told)?;
    let at = order.opened_at;
    let name = Some(actor.username.as_str());
    let event = events::work_order(
        &work.context,
        &Origin::own(),
        &order,
        Step::Created,
        at,
        name,
    );
    work.append(tx, &event, changed)?;
    Ok(order)
}

/// When work is planned to begin and to end.
type Planned = (Option<Timestamp>, Option<Timestamp>);

/// Gives a work order that is only here its time; answers it, and what its time was before.
///
/// # Errors
/// `work_orders.owned_by_source` where its system keeps it, `work_orders.push_under_way` while it is on its
/// way there.
pub(crate) fn reschedule(
    tx: &Transaction<'_>,
    work: &Work,
    id: WorkOrderId,
    (start, end): Planned,
    actor: &Actor,
    changed: &mut Changed,
) -> Result<(WorkOrder, Planned), StoreError> {
    let (tenant, now) = (work.tenant.tenant.id, work.context.now);
    let mut order = own(tx, tenant, id)?;
    if is_under_way(tx, tenant, id)? {
        return Err(CodedError::conflict("work_orders.push_under_way").into());
    }
    let before = (order.planned_start, order.planned_end);
    (order.planned_start, order.planned_end) = (start, end);
    (order.changed_at, order.recorded_at) = (now, now);
    work_orders::update_work_order(tx, tenant, &order)?;
    let step = Step::Changed(&["planned_start", "planned_end"]);
    let name = Some(actor.username.as_str());
    let event = events::work_order(&work.context, &Origin::own(), &order, step, now, name);
    work.append(tx, &event, changed)?;
    Ok((order, before))
}

/// Changes what belongs to the order; its times of change are set by who writes it.
pub(super) fn apply(
    order: &mut WorkOrder,
    change: &WorkOrderChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(title) = &change.title {
        title.trim().clone_into(&mut order.title);
    }
    if let Some(description) = &change.description {
        description.clone_into(&mut order.description);
    }
    order.priority = change.priority.or(order.priority);
    order.planned_start = change.planned_start.unwrap_or(order.planned_start);
    order.planned_end = change.planned_end.unwrap_or(order.planned_end);
    let period = order.planned_start.zip(order.planned_end);
    if period.is_some_and(|(start, end)| start > end) {
        return Err(CodedError::invalid("work_orders.ends_before_start").into());
    }
    if let Some(status) = change.status {
        plan::require_step(order.status, status)?;
        order.status = status;
        match status {
            WorkOrderStatus::InProgress => order.actual_start = order.actual_start.or(Some(now)),
            WorkOrderStatus::Completed => order.actual_end = order.actual_end.or(Some(now)),
            // Taken up again: it is not done.
            WorkOrderStatus::Released => order.actual_end = None,
            _ => {}
        }
    }
    Ok(())
}

/// Refuses what its system decides, and what is on its way there.
pub(super) fn require_own(
    tx: &Transaction<'_>,
    tenant: TenantId,
    order: &WorkOrder,
) -> Result<(), StoreError> {
    ours(order)?;
    if is_under_way(tx, tenant, order.id)? {
        return Err(CodedError::conflict("work_orders.push_under_way").into());
    }
    Ok(())
}

fn ours(order: &WorkOrder) -> Result<(), StoreError> {
    if order.number.is_none() {
        return Ok(());
    }
    let system = order.source_system.clone().unwrap_or_default();
    Err(CodedError::conflict("work_orders.owned_by_source")
        .with("system", system)
        .into())
}

/// A work order of ours that its system does not have yet.
pub(super) fn own(
    conn: &Connection,
    tenant: TenantId,
    id: WorkOrderId,
) -> Result<WorkOrder, StoreError> {
    let order = work_orders::get_work_order(conn, tenant, id)?
        .ok_or(CodedError::not_found("work_orders.not_found"))?;
    ours(&order)?;
    Ok(order)
}

fn is_under_way(
    tx: &Transaction<'_>,
    tenant: TenantId,
    id: WorkOrderId,
) -> Result<bool, StoreError> {
    let filter = OutboxFilter {
        work_order_id: Some(id),
        ..OutboxFilter::default()
    };
    let all = rows::list_outbox_rows(tx, tenant, &filter, 100)?;
    let is_over = |state| matches!(state, OutboxState::Sent | OutboxState::Rejected);
    Ok(all.iter().any(|row| !is_over(row.state)))
}

fn create(
    tx: &Transaction<'_>,
    work: &Work,
    new: NewWorkOrder,
    actor: &Actor,
) -> Result<WorkOrder, StoreError> {
    let (tenant, now) = (work.tenant.tenant.id, work.context.now);
    let cause = cause_of(tx, tenant, &new)?;
    let asset_id = new.asset_id.or(cause.asset_id);
    let asset = match asset_id {
        Some(id) => {
            let entry = work.tenant.assets.get(&id);
            Some(
                &entry
                    .ok_or(CodedError::not_found("assets.not_found"))?
                    .asset,
            )
        }
        None => None,
    };
    let order = WorkOrder {
        id: WorkOrderId::new(),
        tenant_id: tenant,
        reference: Some(free_reference(tx, tenant)?),
        integration_id: None,
        source_system: None,
        kind: new.kind,
        number: None,
        title: new.title.trim().to_owned(),
        description: new.description,
        order_type: new.order_type,
        priority: Some(new.priority),
        status: WorkOrderStatus::Draft,
        source_status: String::new(),
        asset_id,
        match_state: MatchState::Settled,
        equipment_number: asset.and_then(|a| a.equipment_number.clone()),
        functional_location: asset.and_then(|a| a.functional_location.clone()),
        plant: None,
        work_center: None,
        related_number: None,
        planned_start: new.planned_start,
        planned_end: new.planned_end,
        actual_start: None,
        actual_end: None,
        malfunction_at: new.malfunction_at.or(cause.began_at),
        is_down: new.is_down,
        origin: cause.origin,
        alert_id: new.alert_id,
        incident_id: new.incident_id.or(cause.incident_id),
        recommendation_id: new.recommendation_id,
        visit_of: new.visit_of,
        version: None,
        payload: serde_json::Value::Null,
        created_by: Some(actor.username.clone()),
        opened_at: now,
        changed_at: now,
        recorded_at: now,
    };
    work_orders::create_work_order(tx, tenant, &order)?;
    Ok(order)
}

/// What a work order is written for.
struct Cause {
    origin: WorkOrderOrigin,
    asset_id: Option<AssetId>,
    incident_id: Option<IncidentId>,
    began_at: Option<Timestamp>,
}

fn cause_of(
    tx: &Transaction<'_>,
    tenant: TenantId,
    new: &NewWorkOrder,
) -> Result<Cause, StoreError> {
    let incident = match new.incident_id {
        Some(id) => Some(
            incidents::get_incident(tx, tenant, id)?
                .ok_or(CodedError::not_found("incidents.not_found"))?,
        ),
        None => None,
    };
    if let Some(id) = new.alert_id {
        let alert =
            alerts::get_alert(tx, tenant, id)?.ok_or(CodedError::not_found("alerts.not_found"))?;
        return Ok(Cause {
            origin: WorkOrderOrigin::Alert,
            asset_id: Some(alert.asset_id),
            incident_id: alert.incident_id,
            began_at: Some(alert.activated_at),
        });
    }
    Ok(match incident {
        Some(incident) => Cause {
            origin: WorkOrderOrigin::Incident,
            asset_id: Some(incident.asset_id),
            incident_id: Some(incident.id),
            began_at: Some(incident.started_at),
        },
        None => Cause {
            origin: if new.recommendation_id.is_some() || new.visit_of.is_some() {
                WorkOrderOrigin::Recommendation
            } else {
                WorkOrderOrigin::Manual
            },
            asset_id: None,
            incident_id: None,
            began_at: None,
        },
    })
}

/// A reference nobody has: short enough for the external-reference field of every system we know, and
/// unlike anything a person would type.
fn free_reference(tx: &Transaction<'_>, tenant: TenantId) -> Result<String, StoreError> {
    for _ in 0..ATTEMPTS {
        let reference = reference_of(Uuid::now_v7());
        if work_orders::get_work_order_by_reference(tx, tenant, &reference)?.is_none() {
            return Ok(reference);
        }
    }
    Err(StoreError::Internal("no reference is free".to_owned()))
}

/// Eight digits from the random end of an id: 40 bits.
fn reference_of(id: Uuid) -> String {
    let mut bits = id.as_u128();
    let mut reference = String::from("OIQ-");
    for _ in 0..8 {
        reference.push(char::from(DIGITS[(bits & 31) as usize]));
        bits >>= 5;
    }
    reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_short_and_differ() {
        let all: std::collections::HashSet<String> =
            (0..10_000).map(|_| reference_of(Uuid::now_v7())).collect();
        assert_eq!(all.len(), 10_000);
        for reference in all {
            assert_eq!(reference.len(), 12);
            assert!(reference.starts_with("OIQ-"));
            assert!(
                !reference[4..].contains(['I', 'L', 'O', 'U']),
                "{reference}"
            );
        }
    }
}
