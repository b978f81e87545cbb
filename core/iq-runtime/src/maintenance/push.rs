//! Use cases of the outbox: what would be sent, asking for it, approving, correcting, and saying what
//! became of it. Nothing here talks to the other side; the sender does.

use std::{collections::BTreeMap, sync::Arc};

use iq_connector::{ConnectorContext, MaintenanceSystem, PushPlan, Pushed};
use iq_domain::{
    AssetId, CodedError, ErrorKind, Integration, IntegrationId, Message, ObjectKind, OutboxId,
    SignalId, TenantId, Timestamp, WorkOrderDraft, WorkOrderId, WorkOrderKind, WorkOrderPriority,
    WorkOrderStatus, is_clean_line,
};
use iq_store::{
    Connection, Page, StoreError, Transaction, alerts, incidents,
    outbox::{self as rows, OutboxFilter, OutboxRow, OutboxState},
    settings,
    technical_objects::{self, ObjectFilter},
    work_orders::{self, WorkOrder, WorkOrderFilter},
};
use serde_json::Value;

use super::{Actor, incoming::NUMBER_CHARS, local::own, outbox, sender::deliver};
use crate::{
    Inner, Runtime, TenantIndex,
    alerts::{Changed, publish},
    integrations::context_of,
};

const SETTING: &str = "work_order_push_needs_second_person";

/// Open work orders of the same asset that a preview lists.
const MAX_OPEN_THERE: u32 = 20;

/// Leaves of a payload that a difference lists.
const MAX_DIFFERENCES: usize = 500;

/// Where a work order is to go, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushTarget {
    /// The connection to the maintenance system.
    pub integration_id: IntegrationId,
    /// Notification or order.
    pub kind: WorkOrderKind,
}

/// A value of the payload that differs from what was sent before, or is new.
#[derive(Clone, Debug, PartialEq)]
pub struct PayloadDifference {
    /// Where in the payload ("/MaintenanceNotification/NotificationText").
    pub path: String,
    /// What is there: the value of the last attempt.
    pub before: Option<Value>,
    /// The value now.
    pub after: Option<Value>,
}

/// A work order of the same asset that is open over there.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenThere {
    /// Its row here.
    pub id: WorkOrderId,
    /// Its number there.
    pub number: String,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: WorkOrderStatus,
}

/// What would be sent.
#[derive(Clone, Debug)]
pub struct PushPreview {
    /// The request, exactly.
    pub plan: PushPlan,
    /// What differs from what is there.
    pub differences: Vec<PayloadDifference>,
    /// What is open there for the same asset: it may be the same work.
    pub open_there: Vec<OpenThere>,
    /// What a person should know before asking for it.
    pub warnings: Vec<Message>,
    /// Another person has to approve it.
    pub needs_second_person: bool,
}

/// A correction of what could not be sent.
#[derive(Clone, Debug)]
pub struct PushEdit {
    /// Short text.
    pub title: String,
    /// Long text.
    pub description: String,
    /// Urgency.
    pub priority: WorkOrderPriority,
    /// Type there.
    pub order_type: Option<String>,
    /// Equipment.
    pub equipment_number: Option<String>,
    /// Functional location.
    pub functional_location: Option<String>,
    /// Wanted start.
    pub planned_start: Option<Timestamp>,
    /// Wanted end.
    pub planned_end: Option<Timestamp>,
    /// When the malfunction began.
    pub malfunction_at: Option<Timestamp>,
    /// The object is down.
    pub is_down: bool,
}

/// The other side of a push, opened.
pub(super) struct Opened {
    pub(super) system: Arc<dyn MaintenanceSystem>,
    pub(super) context: ConnectorContext,
}

impl Inner {
    /// The maintenance system behind an integration, if work orders may be sent to it.
    pub(super) async fn open_system(
        self: &Arc<Self>,
        integration: &Integration,
    ) -> Result<Opened, CodedError> {
        if !self.config.external_db_enable {
            let code = "integrations.external_db_disabled";
            return Err(CodedError::new(ErrorKind::Locked, code));
        }
        let connector = self.allowed_connector(&integration.kind)?;
        let system = connector.maintenance().ok_or_else(|| {
            CodedError::conflict("work_orders.no_maintenance_system")
                .with("integration", &integration.name)
        })?;
        let context = context_of(self, connector.as_ref(), integration).await?;
        Ok(Opened { system, context })
    }
}

impl Opened {
    /// Refused unless the integration is set to send.
    pub(super) fn may_push(&self) -> Result<(), CodedError> {
        if self.context.config["work_order_sync_mode"].as_str() == Some("push_and_sync") {
            return Ok(());
        }
        Err(CodedError::conflict("work_orders.pull_only").with("integration", &self.context.name))
    }
}

/// What a preview and a push both need.
struct Prepared {
    draft: WorkOrderDraft,
    plan: PushPlan,
    earlier: Vec<OutboxRow>,
}

impl Runtime {
    /// Looks at the outbox at once instead of at its next turn.
    pub fn wake_outbox(&self) {
        self.0.maintenance.wake();
    }

    /// Whether another person has to approve what is sent.
    pub async fn push_needs_second_person(&self, tenant: TenantId) -> Result<bool, CodedError> {
        Ok(self
            .0
            .store
            .read(move |conn| settings::get_tenant_setting(conn, tenant, SETTING))
            .await?
            .and_then(|v| v.as_bool())
            .unwrap_or(true))
    }

    /// Sets whether another person has to approve what is sent.
    pub async fn set_push_needs_second_person(
        &self,
        tenant: TenantId,
        is_needed: bool,
    ) -> Result<(), CodedError> {
        let value = Value::Bool(is_needed);
        self.0
            .store
            .write(move |tx| settings::put_tenant_setting(tx, tenant, SETTING, &value))
            .await?;
        Ok(())
    }

    /// What would be sent, and how it differs from what is there. The network is not touched.
    pub async fn preview_push(
        &self,
        tenant: TenantId,
        id: WorkOrderId,
        target: PushTarget,
    ) -> Result<PushPreview, CodedError> {
        let prepared = self.prepare(tenant, id, target).await?;
        let needs_second_person = self.push_needs_second_person(tenant).await?;
        let asset = prepared.draft.asset_id;
        let open = self
            .0
            .store
            .read(move |conn| {
                let filter = WorkOrderFilter {
                    asset_ids: asset.into_iter().collect(),
                    integration_id: Some(target.integration_id),
                    statuses: vec![
                        WorkOrderStatus::Open,
                        WorkOrderStatus::Released,
                        WorkOrderStatus::InProgress,
                        WorkOrderStatus::OnHold,
                    ],
                    ..WorkOrderFilter::default()
                };
                if asset.is_none() {
                    return Ok(Vec::new());
                }
                let page = Page::first(MAX_OPEN_THERE);
                Ok(work_orders::list_work_orders(conn, tenant, &filter, page)?.rows)
            })
            .await?;
        let mut warnings = Vec::new();
        if prepared.draft.equipment_number.is_none() && prepared.draft.functional_location.is_none()
        {
            warnings.push(Message {
                code: "work_orders.no_object".to_owned(),
                params: BTreeMap::new(),
            });
        }
        if prepared.earlier.iter().any(|row| row.may_exist) {
            warnings.push(Message {
                code: "work_orders.may_exist".to_owned(),
                params: BTreeMap::from([(
                    "reference".to_owned(),
                    prepared.draft.reference.clone(),
                )]),
            });
        }
        let before = prepared.earlier.first().map(|row| &row.plan["payload"]);
        Ok(PushPreview {
            differences: differences(before, &prepared.plan.payload),
            plan: prepared.plan,
            open_there: open.into_iter().filter_map(open_there).collect(),
            warnings,
            needs_second_person,
        })
    }

    /// Asks for a work order to be sent; it waits for approval.
    pub async fn push_work_order(
        &self,
        tenant: TenantId,
        id: WorkOrderId,
        target: PushTarget,
        actor: Actor,
    ) -> Result<OutboxRow, CodedError> {
        let prepared = self.prepare(tenant, id, target).await?;
        let now = self.0.clock.now();
        let plan = plan_json(&prepared.plan)?;
        Ok(self
            .0
            .store
            .write(move |tx| {
                refuse_closed(&own(tx, tenant, id)?)?;
                let earlier = earlier(tx, tenant, id, target.integration_id)?;
                let row = OutboxRow {
                    id: OutboxId::new(),
                    tenant_id: tenant,
                    work_order_id: id,
                    integration_id: target.integration_id,
                    state: OutboxState::AwaitingApproval,
                    draft: prepared.draft,
                    plan,
                    author: actor.username,
                    author_id: actor.user_id,
                    approver: None,
                    approver_id: None,
                    approved_at: None,
                    may_exist: earlier.iter().any(|row| row.may_exist),
                    sends: 0,
                    failures: 0,
                    absences: 0,
                    next_at: None,
                    last_send_at: None,
                    error_code: None,
                    error_params: serde_json::json!({}),
                    number: None,
                    version: None,
                    resolved_by: None,
                    created_at: now,
                    changed_at: now,
                    sent_at: None,
                };
                rows::create_outbox_row(tx, tenant, &row)?;
                Ok(row)
            })
            .await?)
    }

    /// Says yes to what was seen: it goes out at the next opportunity. `seen` is its `changed_at` then.
    ///
    /// # Errors
    /// `work_orders.push_changed` when it has been corrected since.
    pub async fn approve_push(
        &self,
        tenant: TenantId,
        id: OutboxId,
        seen: Timestamp,
        actor: Actor,
    ) -> Result<OutboxRow, CodedError> {
        let needs_second_person = self.push_needs_second_person(tenant).await?;
        self.refuse_push_to(tenant, id).await?;
        let now = self.0.clock.now();
        let row = self
            .step(tenant, id, move |row| {
                if row.state != OutboxState::AwaitingApproval {
                    return Err(outbox::wrong_state(row));
                }
                if row.changed_at != seen {
                    return Err(CodedError::conflict("work_orders.push_changed")
                        .with("author", &row.author));
                }
                if needs_second_person && row.author_id == actor.user_id {
                    return Err(CodedError::conflict("work_orders.second_person_needed")
                        .with("author", &row.author));
                }
                outbox::queue(row, now);
                row.approver = Some(actor.username);
                row.approver_id = Some(actor.user_id);
                row.approved_at = Some(now);
                Ok(())
            })
            .await?;
        self.0.maintenance.wake();
        Ok(row)
    }

    /// Says no.
    pub async fn reject_push(
        &self,
        tenant: TenantId,
        id: OutboxId,
        actor: Actor,
    ) -> Result<OutboxRow, CodedError> {
        let now = self.0.clock.now();
        self.step(tenant, id, move |row| {
            if !outbox::may_reject(row) {
                return Err(outbox::wrong_state(row));
            }
            row.state = OutboxState::Rejected;
            row.approver = Some(actor.username);
            row.approver_id = Some(actor.user_id);
            row.approved_at = None;
            row.next_at = None;
            row.changed_at = now;
            Ok(())
        })
        .await
    }

    /// Tries again: at once what waits, once more what was refused, for approval what was corrected.
    pub async fn retry_push(
        &self,
        tenant: TenantId,
        id: OutboxId,
    ) -> Result<OutboxRow, CodedError> {
        self.refuse_push_to(tenant, id).await?;
        let now = self.0.clock.now();
        let row = self
            .step(tenant, id, move |row| outbox::retry(row, now))
            .await?;
        self.0.maintenance.wake();
        Ok(row)
    }

    /// A person looked: it is there under a number, or it is not and may be sent again.
    pub async fn resolve_push(
        &self,
        tenant: TenantId,
        id: OutboxId,
        number: Option<String>,
        actor: Actor,
    ) -> Result<OutboxRow, CodedError> {
        if let Some(number) = &number
            && !is_clean_line(number, NUMBER_CHARS)
        {
            return Err(CodedError::invalid("work_orders.number_wrong").with("max", NUMBER_CHARS));
        }
        let work = self.work(tenant)?;
        let (row, changed) = self
            .0
            .store
            .write(move |tx| {
                let mut row = found(tx, tenant, id)?;
                if row.state != OutboxState::Unknown {
                    return Err(outbox::wrong_state(&row).into());
                }
                let mut changed = Changed::default();
                row.resolved_by = Some(actor.username);
                match number {
                    Some(number) => {
                        let there = Pushed {
                            number: number.trim().to_owned(),
                            version: None,
                        };
                        deliver(tx, &work, &mut row, &there, &mut changed)?;
                    }
                    None => outbox::queue(&mut row, work.context.now),
                }
                rows::update_outbox_row(tx, tenant, &row)?;
                Ok((row, changed))
            })
            .await?;
        publish(&self.0, tenant, changed);
        self.0.maintenance.wake();
        Ok(row)
    }

    /// Corrects what was refused or waits for approval. Who corrects becomes its author.
    pub async fn edit_push(
        &self,
        tenant: TenantId,
        id: OutboxId,
        edit: PushEdit,
        actor: Actor,
    ) -> Result<OutboxRow, CodedError> {
        let row = self
            .0
            .store
            .read(move |conn| rows::get_outbox_row(conn, tenant, id))
            .await?
            .ok_or(CodedError::not_found("work_orders.push_not_found"))?;
        if !outbox::may_edit(&row) {
            return Err(outbox::wrong_state(&row));
        }
        let draft = edited(row.draft.clone(), &edit);
        let opened = self.opened_for_push(tenant, row.integration_id).await?;
        let plan = plan_json(&opened.system.plan(&opened.context, &draft)?)?;
        let now = self.0.clock.now();
        let seen = row.changed_at;
        self.0
            .store
            .write(move |tx| {
                let mut row = found(tx, tenant, id)?;
                if !outbox::may_edit(&row) || row.changed_at != seen {
                    return Err(outbox::wrong_state(&row).into());
                }
                let mut order = own(tx, tenant, row.work_order_id)?;
                order.title.clone_from(&draft.title);
                order.description.clone_from(&draft.description);
                order.priority = Some(draft.priority);
                order.order_type.clone_from(&draft.order_type);
                order.equipment_number.clone_from(&draft.equipment_number);
                order
                    .functional_location
                    .clone_from(&draft.functional_location);
                order.planned_start = draft.planned_start;
                order.planned_end = draft.planned_end;
                order.malfunction_at = draft.malfunction_at;
                order.is_down = draft.is_down;
                (order.changed_at, order.recorded_at) = (now, now);
                work_orders::update_work_order(tx, tenant, &order)?;
                if row.state == OutboxState::DeadLetter {
                    row.state = OutboxState::Draft;
                }
                (row.draft, row.plan) = (draft, plan);
                (row.author, row.author_id) = (actor.username, actor.user_id);
                (row.approver, row.approver_id, row.approved_at) = (None, None, None);
                // Never the time it had: an approval names the one it is for.
                row.changed_at = now.max(seen.plus_ms(1));
                rows::update_outbox_row(tx, tenant, &row)?;
                Ok(row)
            })
            .await
            .map_err(CodedError::from)
    }

    /// Changes a row by one step.
    async fn step(
        &self,
        tenant: TenantId,
        id: OutboxId,
        step: impl FnOnce(&mut OutboxRow) -> Result<(), CodedError> + Send + 'static,
    ) -> Result<OutboxRow, CodedError> {
        let row = self
            .0
            .store
            .write(move |tx| {
                let mut row = found(tx, tenant, id)?;
                step(&mut row)?;
                rows::update_outbox_row(tx, tenant, &row)?;
                Ok(row)
            })
            .await?;
        Ok(row)
    }

    /// Refuses a step towards sending where the integration no longer takes work orders.
    async fn refuse_push_to(&self, tenant: TenantId, id: OutboxId) -> Result<(), CodedError> {
        let row = self
            .0
            .store
            .read(move |conn| rows::get_outbox_row(conn, tenant, id))
            .await?
            .ok_or(CodedError::not_found("work_orders.push_not_found"))?;
        self.opened_for_push(tenant, row.integration_id)
            .await
            .map(drop)
    }

    async fn opened_for_push(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
    ) -> Result<Opened, CodedError> {
        let plant = self.tenant(tenant)?;
        let row = plant
            .integrations
            .get(&integration)
            .ok_or(CodedError::not_found("integrations.not_found"))?;
        if row.is_demo_origin && !plant.tenant.is_demo {
            return Err(CodedError::conflict("work_orders.demo_origin"));
        }
        let opened = self.0.open_system(row).await?;
        opened.may_push()?;
        Ok(opened)
    }

    async fn prepare(
        &self,
        tenant: TenantId,
        id: WorkOrderId,
        target: PushTarget,
    ) -> Result<Prepared, CodedError> {
        let opened = self.opened_for_push(tenant, target.integration_id).await?;
        let (order, equipment, location, earlier, cause) = self
            .0
            .store
            .read(move |conn| {
                let order = own(conn, tenant, id)?;
                let number = |kind| number_of(conn, tenant, target.integration_id, &order, kind);
                let equipment = number(ObjectKind::Equipment)?;
                let location = number(ObjectKind::FunctionalLocation)?;
                let earlier = earlier(conn, tenant, id, target.integration_id)?;
                let cause = Cause::of(conn, tenant, &order)?;
                Ok((order, equipment, location, earlier, cause))
            })
            .await?;
        refuse_closed(&order)?;
        let plant = self.tenant(tenant)?;
        // What a demonstration measured must not send anybody to a real machine.
        if !plant.tenant.is_demo && cause.is_of_a_demonstration(&plant) {
            return Err(CodedError::conflict("work_orders.demo_origin"));
        }
        let draft = WorkOrderDraft {
            kind: target.kind,
            reference: order.reference.unwrap_or_default(),
            title: order.title,
            description: order.description,
            priority: order.priority.unwrap_or(WorkOrderPriority::Medium),
            order_type: order.order_type,
            asset_id: order.asset_id,
            equipment_number: equipment,
            functional_location: location,
            planned_start: order.planned_start,
            planned_end: order.planned_end,
            malfunction_at: order.malfunction_at,
            is_down: order.is_down,
        };
        let plan = opened.system.plan(&opened.context, &draft)?;
        Ok(Prepared {
            draft,
            plan,
            earlier,
        })
    }
}

/// What a work order was written for.
struct Cause {
    /// The signal of its alert.
    signal: Option<SignalId>,
    /// The asset of its incident, whose alerts may be of any of its signals.
    asset: Option<AssetId>,
}

impl Cause {
    fn of(conn: &Connection, tenant: TenantId, order: &WorkOrder) -> Result<Self, StoreError> {
        let alert = match order.alert_id {
            Some(id) => alerts::get_alert(conn, tenant, id)?,
            None => None,
        };
        let incident = match order.incident_id {
            Some(id) => incidents::get_incident(conn, tenant, id)?,
            None => None,
        };
        Ok(Self {
            signal: alert.and_then(|a| a.signal_id),
            asset: incident.map(|i| i.asset_id),
        })
    }

    fn is_of_a_demonstration(&self, plant: &TenantIndex) -> bool {
        let asset = self.asset.and_then(|id| plant.assets.get(&id));
        let of_asset = asset.into_iter().flat_map(|a| &a.signals);
        self.signal
            .iter()
            .chain(of_asset)
            .filter_map(|id| plant.signals.get(id)?.mapping.as_ref())
            .filter_map(|route| plant.integrations.get(&route.mapping.integration_id))
            .any(|source| source.is_demo_origin)
    }
}

/// Nobody is sent to work that is over.
fn refuse_closed(order: &WorkOrder) -> Result<(), CodedError> {
    let is_over = matches!(
        order.status,
        WorkOrderStatus::Completed | WorkOrderStatus::Closed | WorkOrderStatus::Cancelled
    );
    if is_over {
        return Err(CodedError::conflict("work_orders.is_closed"));
    }
    Ok(())
}

/// The number under which that system knows the asset: as it writes it, where one object is the
/// asset's own; else as it stands on the work order.
fn number_of(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    order: &WorkOrder,
    kind: ObjectKind,
) -> Result<Option<String>, StoreError> {
    let written = match kind {
        ObjectKind::Equipment => &order.equipment_number,
        ObjectKind::FunctionalLocation => &order.functional_location,
    };
    let Some(asset) = order.asset_id else {
        return Ok(written.clone());
    };
    let filter = ObjectFilter {
        integration_id: Some(integration),
        kind: Some(kind),
        asset_ids: vec![asset],
        ..ObjectFilter::default()
    };
    let found =
        technical_objects::list_technical_objects(conn, tenant, &filter, Page::first(100))?.rows;
    let is_own = |reason: Option<&str>| {
        matches!(reason, Some("number" | "location" | "person" | "stands_in"))
    };
    let mut own = found
        .into_iter()
        .filter(|o| o.is_active && is_own(o.match_reason.as_deref()));
    match (own.next(), own.next()) {
        (Some(one), None) => Ok(Some(one.number)),
        _ => Ok(written.clone()),
    }
}

fn edited(draft: WorkOrderDraft, edit: &PushEdit) -> WorkOrderDraft {
    let filled = |text: &Option<String>| {
        text.as_deref()
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    WorkOrderDraft {
        title: edit.title.trim().to_owned(),
        description: edit.description.clone(),
        priority: edit.priority,
        order_type: filled(&edit.order_type),
        equipment_number: filled(&edit.equipment_number),
        functional_location: filled(&edit.functional_location),
        planned_start: edit.planned_start,
        planned_end: edit.planned_end,
        malfunction_at: edit.malfunction_at,
        is_down: edit.is_down,
        ..draft
    }
}

fn plan_json(plan: &PushPlan) -> Result<Value, CodedError> {
    serde_json::to_value(plan).map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))
}

pub(super) fn found(
    tx: &Transaction<'_>,
    tenant: TenantId,
    id: OutboxId,
) -> Result<OutboxRow, StoreError> {
    rows::get_outbox_row(tx, tenant, id)?
        .ok_or_else(|| CodedError::not_found("work_orders.push_not_found").into())
}

/// Earlier attempts to send a work order to a system, newest first.
fn earlier(
    conn: &Connection,
    tenant: TenantId,
    id: WorkOrderId,
    integration: IntegrationId,
) -> Result<Vec<OutboxRow>, StoreError> {
    let filter = OutboxFilter {
        work_order_id: Some(id),
        integration_id: Some(integration),
        ..OutboxFilter::default()
    };
    rows::list_outbox_rows(conn, tenant, &filter, 100)
}

fn open_there(order: WorkOrder) -> Option<OpenThere> {
    Some(OpenThere {
        id: order.id,
        number: order.number?,
        title: order.title,
        status: order.status,
    })
}

/// What differs between two payloads, leaf by leaf.
fn differences(before: Option<&Value>, after: &Value) -> Vec<PayloadDifference> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    if let Some(before) = before {
        leaves("", before, &mut old);
    }
    leaves("", after, &mut new);
    let paths: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .take(MAX_DIFFERENCES)
        .map(|path| PayloadDifference {
            path: path.clone(),
            before: old.get(path).cloned(),
            after: new.get(path).cloned(),
        })
        .collect()
}

fn leaves(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                leaves(&format!("{path}/{name}"), value, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (n, value) in items.iter().enumerate() {
                leaves(&format!("{path}/{n}"), value, found);
            }
        }
        leaf => {
            found.insert(path.to_owned(), leaf.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_what_was_added_changed_and_taken_away() {
        let before = json!({ "a": 1, "b": { "c": "x", "d": "gone" }, "same": [1, 2] });
        let after = json!({ "a": 2, "b": { "c": "x" }, "same": [1, 2], "new": null });
        let found = differences(Some(&before), &after);
        let told: Vec<_> = found
            .iter()
            .map(|d| (d.path.as_str(), d.before.clone(), d.after.clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("/a", Some(json!(1)), Some(json!(2))),
                ("/b/d", Some(json!("gone")), None),
                ("/new", None, Some(json!(null))),
            ]
        );
        assert_eq!(differences(None, &json!({ "x": 1 })).len(), 1);
    }
}
