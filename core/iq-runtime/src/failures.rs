//! Which work orders tell of a failure, and what they tell of it: one answer for the figures of
//! reliability, the chances of failure, the age since the last one and the back-test of a model.
//!
//! A failure is an order that is not cancelled and says when a malfunction began, has a failure code, or
//! is of a type that stands for a failure in its system. One that was written here because of an alert
//! or an advice counts only where somebody coded it or wrote that the machine stands: a warning is no
//! failure. A notification and its order are one failure.

use std::collections::{HashMap, HashSet};

use iq_analytics::reliability::{Down, Failure};
use iq_domain::{
    AssetId, CodedError, IntegrationId, TenantId, TimeRange, Timestamp, WorkOrderId, WorkOrderKind,
    WorkOrderStatus,
};
use iq_store::{
    all_rows, settings, work_order_plans,
    work_orders::{self, WorkOrder, WorkOrderFilter, WorkOrderOrigin},
};
use serde_json::Value;

use crate::{Inner, TenantIndex, made_up::is_order_made_up};

/// The setting of the types that a tenant named.
pub(crate) const SETTING: &str = "reliability.failure_types";
/// The malfunction report of SAP PM; other types differ from site to site and are the tenant's to name.
const USUAL_TYPES: [&str; 1] = ["M2"];

/// Order types that stand for a failure.
pub(crate) async fn types(inner: &Inner, tenant: TenantId) -> Result<Vec<String>, CodedError> {
    let kept = inner
        .store
        .read(move |conn| settings::get_tenant_setting(conn, tenant, SETTING))
        .await?;
    let named = kept.and_then(|value| serde_json::from_value(value).ok());
    Ok(named.unwrap_or_else(|| USUAL_TYPES.map(str::to_owned).to_vec()))
}

/// The orders of a tenant that count. A plant of one's own never counts what a demonstration made up.
pub(crate) async fn read(
    inner: &Inner,
    plant: &TenantIndex,
    filter: WorkOrderFilter,
) -> Result<Orders, CodedError> {
    let tenant = plant.tenant.id;
    let types = types(inner, tenant).await?;
    let (mut rows, coded) = inner
        .store
        .read(move |conn| {
            let rows = all_rows(|page| work_orders::list_work_orders(conn, tenant, &filter, page))?;
            Ok((rows, work_order_plans::list_coded_orders(conn, tenant)?))
        })
        .await?;
    rows.retain(|order| !is_order_made_up(plant, order));
    Ok(Orders {
        rows,
        coded: coded.into_iter().collect(),
        types,
    })
}

/// What the orders tell of one asset.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) failures: Vec<Failure>,
    pub(crate) planned: Vec<TimeRange>,
}

/// One failure with the order that tells it first.
pub(crate) struct Report<'a> {
    pub(crate) asset: AssetId,
    pub(crate) order: &'a WorkOrder,
    pub(crate) failure: Failure,
}

/// The orders of a tenant as they are counted.
pub(crate) struct Orders {
    pub(crate) rows: Vec<WorkOrder>,
    coded: HashSet<WorkOrderId>,
    pub(crate) types: Vec<String>,
}

impl Orders {
    fn is_failure(&self, order: &WorkOrder) -> bool {
        if order.status == WorkOrderStatus::Cancelled {
            return false;
        }
        let is_typed = order
            .order_type
            .as_deref()
            .is_some_and(|word| self.types.iter().any(|t| t.eq_ignore_ascii_case(word)));
        let is_coded = self.coded.contains(&order.id);
        let is_advised = matches!(
            order.origin,
            WorkOrderOrigin::Alert | WorkOrderOrigin::Recommendation
        );
        if is_advised {
            return is_coded || (order.is_down && order.malfunction_at.is_some());
        }
        is_typed || is_coded || order.malfunction_at.is_some()
    }

    /// Failures and planned work of each asset.
    pub(crate) fn told(&self, now: Timestamp) -> HashMap<AssetId, Told> {
        let mut told: HashMap<AssetId, Told> = HashMap::new();
        let (reports, counted) = self.grouped(now);
        for report in reports {
            let entry = told.entry(report.asset).or_default();
            entry.failures.push(report.failure);
        }
        for order in self.rows.iter().filter(|o| !counted.contains(&o.id)) {
            let planned = (stands(order) == Some(true)
                && order.status != WorkOrderStatus::Cancelled)
                .then(|| worked(order, now))
                .flatten();
            if let Some((asset, planned)) = order.asset_id.zip(planned) {
                told.entry(asset).or_default().planned.push(planned);
            }
        }
        told
    }

    /// Every failure once.
    pub(crate) fn reports(&self, now: Timestamp) -> Vec<Report<'_>> {
        self.grouped(now).0
    }

    /// Every failure once, and the orders that are part of one.
    fn grouped(&self, now: Timestamp) -> (Vec<Report<'_>>, HashSet<WorkOrderId>) {
        let links = Links::of(&self.rows);
        let mut counted: HashSet<WorkOrderId> = HashSet::new();
        // A report says when it began, its order when it was worked on.
        let mut failures: Vec<&WorkOrder> =
            self.rows.iter().filter(|o| self.is_failure(o)).collect();
        failures.sort_by_key(|o| (!is_report(o), o.opened_at, o.id));
        let mut reports = Vec::new();
        for order in failures {
            if !counted.insert(order.id) {
                continue;
            }
            let partners = links.partners(order);
            counted.extend(partners.iter().map(|o| o.id));
            let asset = std::iter::once(order)
                .chain(partners.iter().copied())
                .find_map(|o| o.asset_id);
            let Some(asset) = asset else { continue };
            let failure = failure(order, &partners, now);
            reports.push(Report {
                asset,
                order,
                failure,
            });
        }
        (reports, counted)
    }
}

/// Which order belongs to which notification, by the numbers of their system.
#[derive(Default)]
struct Links<'a> {
    by_number: HashMap<(IntegrationId, &'a str), Vec<&'a WorkOrder>>,
    by_related: HashMap<(IntegrationId, &'a str), Vec<&'a WorkOrder>>,
}

impl<'a> Links<'a> {
    fn of(rows: &'a [WorkOrder]) -> Self {
        let mut links = Self::default();
        for row in rows {
            let Some(system) = row.integration_id else {
                continue;
            };
            if let Some(number) = &row.number {
                links
                    .by_number
                    .entry((system, number))
                    .or_default()
                    .push(row);
            }
            if let Some(number) = &row.related_number {
                links
                    .by_related
                    .entry((system, number))
                    .or_default()
                    .push(row);
            }
        }
        links
    }

    /// The notification of an order, or the orders of a notification.
    fn partners(&self, order: &WorkOrder) -> Vec<&'a WorkOrder> {
        let Some(system) = order.integration_id else {
            return Vec::new();
        };
        let named = order.related_number.as_deref();
        let named = named.and_then(|number| self.by_number.get(&(system, number)));
        let naming = order.number.as_deref();
        let naming = naming.and_then(|number| self.by_related.get(&(system, number)));
        named
            .into_iter()
            .chain(naming)
            .flatten()
            .filter(|other| other.kind != order.kind)
            .copied()
            .collect()
    }
}

/// Whether its start is when the malfunction began: a notification of another system. That of an order
/// is when the work began.
fn is_report(order: &WorkOrder) -> bool {
    order.kind == WorkOrderKind::Notification && order.integration_id.is_some()
}

pub(crate) fn is_over(order: &WorkOrder) -> bool {
    matches!(
        order.status,
        WorkOrderStatus::Completed | WorkOrderStatus::Closed
    )
}

/// Whether an order says that the machine stands; `None` where it says nothing.
fn stands(order: &WorkOrder) -> Option<bool> {
    if order.origin != WorkOrderOrigin::Source {
        return Some(order.is_down);
    }
    match &order.payload["MaintenanceObjectIsDown"] {
        Value::Bool(stands) => Some(*stands),
        Value::String(word) => Some(matches!(word.as_str(), "X" | "x" | "true")),
        _ => None,
    }
}

/// When it was worked on.
fn worked(order: &WorkOrder, now: Timestamp) -> Option<TimeRange> {
    if is_report(order) {
        return None;
    }
    let end = match order.actual_end {
        Some(end) => end,
        None if is_over(order) => return None,
        None => now,
    };
    TimeRange::new(order.actual_start?, end)
}

fn failure(order: &WorkOrder, partners: &[&WorkOrder], now: Timestamp) -> Failure {
    let of_all = || std::iter::once(order).chain(partners.iter().copied());
    let began = of_all()
        .find_map(|o| o.malfunction_at)
        .or_else(|| {
            of_all()
                .filter(|o| is_report(o))
                .find_map(|o| o.actual_start)
        })
        .or(order.actual_start);
    let at = began.unwrap_or(order.opened_at);
    // A failure is a loss of function: where nobody says otherwise, it stood.
    let stood = of_all().find_map(stands).unwrap_or(true);
    // A report tells when the malfunction ended, which may be long before its papers are done.
    let told = of_all()
        .filter(|o| is_report(o))
        .filter_map(|o| o.actual_end)
        .max();
    let end = told.or_else(|| of_all().filter_map(|o| o.actual_end).max());
    let has_ended = told.is_some() || is_over(order);
    let down = match end {
        _ if !stood => Down::Not,
        Some(end) if has_ended && end > at => Down::Until(end),
        _ if has_ended => Down::Unknown,
        _ => Down::Until(now.max(at)),
    };
    // What goes on has not told yet how long it takes.
    let done = |o: &&WorkOrder| o.actual_end.is_some();
    Failure {
        at,
        down,
        repairs: of_all()
            .filter(done)
            .filter_map(|o| worked(o, now))
            .collect(),
    }
}
