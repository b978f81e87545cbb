//! Sends what was approved, searches for what may have arrived, and matches again what changed. Each
//! system has its own turn: a slow one delays no other.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use iq_connector::{PushError, PushPlan, Pushed};
use iq_domain::{
    CodedError, ErrorKind, Integration, IntegrationId, TenantId, WorkOrderStatus, is_clean_line,
};
use iq_store::{
    StoreError, Transaction,
    outbox::{self as rows, OutboxRow},
    work_order_plans,
    work_orders::{self, WorkOrder},
};
use tokio::{task::JoinSet, time::Instant};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::{
    events::{self, Origin, Step},
    incoming::NUMBER_CHARS,
    outbox::{self, Turn},
    push::{Opened, found},
    rematch,
};
use crate::{
    Inner, TenantIndex,
    alerts::{Changed, Work, publish},
};

/// How often the outbox is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Rows of one turn.
const ROWS_PER_TURN: u32 = 100;

/// Systems that are sent to at the same time.
const MAX_TURNS: usize = 16;

/// No row is begun after so long: others may wait for the place of a system that takes its time.
const TURN_LIMIT: Duration = Duration::from_secs(60);

/// After this long an answer no longer counts as one: longer than any connector waits by itself.
const PUSH_LIMIT: Duration = Duration::from_secs(120);
const SEARCH_LIMIT: Duration = Duration::from_secs(60);

type Busy = (TenantId, IntegrationId);

/// The task.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut busy: HashSet<Busy> = HashSet::new();
    let mut turns: JoinSet<Busy> = JoinSet::new();
    let mut served = Served::default();
    let mut matched = Matched::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = inner.maintenance.wake.notified() => {}
            Some(done) = turns.join_next() => match done {
                Ok(key) => { busy.remove(&key); }
                // A panic was reported already; which turn it was is not told, so all are free again.
                Err(_) => { turns.shutdown().await; busy.clear(); }
            },
            () = inner.cancel.cancelled() => break,
        }
        matched.keep_up(&inner).await;
        match due(&inner).await {
            Ok(all) => {
                let free = MAX_TURNS.saturating_sub(busy.len());
                for key in served.next(all, &busy, free) {
                    busy.insert(key);
                    let inner = Arc::clone(&inner);
                    turns.spawn(async move {
                        if let Err(error) = take_turn(&inner, key).await {
                            error!(%error, "The outbox could not be read.");
                            pause(&inner).await;
                        }
                        key
                    });
                }
            }
            Err(error) => error!(%error, "The outbox could not be read."),
        }
    }
    // A call that is under way ends with the cancellation; its row says `sending`.
    while turns.join_next().await.is_some() {}
}

/// Matching again rests this many times as long as it took, and at least this long: while thousands of
/// objects arrive, going through all of them after each batch would do nothing else.
const REST_FACTOR: u32 = 10;
const LEAST_REST: Duration = Duration::from_secs(2);

/// Which tenants are matched as they are now.
#[derive(Default)]
struct Matched {
    seen: HashMap<TenantId, (Arc<TenantIndex>, u64)>,
    /// Not before.
    rests: HashMap<TenantId, Instant>,
}

impl Matched {
    async fn keep_up(&mut self, inner: &Arc<Inner>) {
        let mut wanted: HashSet<TenantId> = inner.maintenance.take_dirty().into_iter().collect();
        let tenants: Vec<Arc<TenantIndex>> = inner.index.load().tenants.values().cloned().collect();
        for index in &tenants {
            let id = index.tenant.id;
            let known = self.seen.get(&id);
            if known.is_some_and(|(seen, _)| Arc::ptr_eq(seen, index)) {
                continue;
            }
            let print = rematch::fingerprint(index);
            if known.is_none_or(|(_, seen)| *seen != print) {
                wanted.insert(id);
            }
            self.seen.insert(id, (Arc::clone(index), print));
        }
        for index in tenants.iter().filter(|i| wanted.contains(&i.tenant.id)) {
            let id = index.tenant.id;
            let began = Instant::now();
            if self.rests.get(&id).is_some_and(|until| began < *until) {
                inner.maintenance.match_again(id);
                continue;
            }
            if let Err(error) = rematch::match_tenant(inner, index).await {
                error!(%error, "Technical objects could not be matched again; it is tried again.");
                inner.maintenance.match_again(id);
            }
            let rest = (began.elapsed() * REST_FACTOR).max(LEAST_REST);
            self.rests.insert(id, Instant::now() + rest);
        }
    }
}

/// Who had a turn when, so that many slow systems can't keep one that works from its own.
#[derive(Default)]
struct Served {
    turns: u64,
    last: HashMap<Busy, u64>,
}

impl Served {
    /// Whose turn it is of those with something to do, at most `free`: longest waiting first.
    fn next(&mut self, due: Vec<Busy>, busy: &HashSet<Busy>, free: usize) -> Vec<Busy> {
        let mut waiting: Vec<Busy> = due.into_iter().filter(|key| !busy.contains(key)).collect();
        waiting.sort_by_key(|key| self.last.get(key).copied().unwrap_or(0));
        waiting.truncate(free);
        for key in &waiting {
            self.turns += 1;
            self.last.insert(*key, self.turns);
        }
        waiting
    }
}

/// The systems something is due for.
async fn due(inner: &Arc<Inner>) -> Result<Vec<Busy>, CodedError> {
    let now = inner.clock.now();
    let mut all = Vec::new();
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        let found = inner
            .store
            .read(move |conn| rows::list_due_integrations(conn, tenant, now))
            .await?;
        all.extend(found.into_iter().map(|integration| (tenant, integration)));
    }
    Ok(all)
}

async fn take_turn(inner: &Arc<Inner>, (tenant, integration): Busy) -> Result<(), CodedError> {
    let (begun, now) = (Instant::now(), inner.clock.now());
    let due = inner
        .store
        .read(move |conn| rows::list_due_outbox_rows(conn, tenant, integration, now, ROWS_PER_TURN))
        .await?;
    for row in due {
        if begun.elapsed() > TURN_LIMIT {
            break;
        }
        let id = row.id;
        tokio::select! {
            result = handle(inner, row) => if let Err(error) = result {
                warn!(%error, outbox = %id, "A work order in the outbox could not be moved on.");
                pause(inner).await;
            },
            // What was under way stands as `sending` and is searched at the next start.
            () = inner.cancel.cancelled() => break,
        }
    }
    Ok(())
}

/// What could not be written down (a full disk) is due still: without a pause the other side would be
/// asked again as fast as it answers.
async fn pause(inner: &Inner) {
    tokio::select! {
        () = tokio::time::sleep(TICK) => {}
        () = inner.cancel.cancelled() => {}
    }
}

/// A number from 0 to 1, for pauses only.
fn jitter() -> f64 {
    let random = Uuid::now_v7().as_u128() as u32;
    f64::from(random) / f64::from(u32::MAX)
}

fn integration_of(inner: &Inner, row: &OutboxRow) -> Result<Integration, CodedError> {
    let tenant = inner.index.load().tenant(row.tenant_id);
    let integration = tenant.and_then(|t| t.integrations.get(&row.integration_id).cloned());
    let integration = integration.ok_or(CodedError::conflict("work_orders.integration_gone"))?;
    if integration.is_enabled {
        Ok(integration)
    } else {
        Err(CodedError::conflict("work_orders.integration_disabled")
            .with("integration", integration.name))
    }
}

async fn open(inner: &Arc<Inner>, row: &OutboxRow) -> Result<Opened, CodedError> {
    let integration = integration_of(inner, row)?;
    let opened = inner.open_system(&integration).await?;
    // Looking for what may be there is allowed in any mode; sending is not.
    if outbox::turn(row) == Some(Turn::Send) {
        opened.may_push()?;
    }
    Ok(opened)
}

async fn handle(inner: &Arc<Inner>, row: OutboxRow) -> Result<(), CodedError> {
    let Some(turn) = outbox::turn(&row) else {
        return Ok(());
    };
    match (open(inner, &row).await, turn) {
        (Ok(opened), Turn::Search) => search(inner, &opened, row).await,
        (Ok(opened), Turn::Send) => send(inner, &opened, row).await,
        (Err(error), Turn::Search) => {
            let jitter = jitter();
            change(inner, row, move |_, _, row, now| {
                outbox::search_failed(row, &error, now, jitter);
                Ok(())
            })
            .await
        }
        (Err(error), Turn::Send) => {
            let jitter = jitter();
            let is_for_good = matches!(
                error.code,
                "work_orders.integration_gone"
                    | "work_orders.no_maintenance_system"
                    | "work_orders.pull_only"
            );
            change(inner, row, move |_, _, row, now| {
                if is_for_good {
                    outbox::refused(row, &error, now);
                } else {
                    outbox::not_sent(row, &error, row.may_exist, now, jitter);
                }
                Ok(())
            })
            .await
        }
    }
}

async fn search(inner: &Arc<Inner>, opened: &Opened, row: OutboxRow) -> Result<(), CodedError> {
    let reference = row.draft.reference.clone();
    let call = opened.system.find_by_reference(&opened.context, &reference);
    let answer = tokio::time::timeout(SEARCH_LIMIT, call)
        .await
        .unwrap_or_else(|_| Err(no_answer()));
    let jitter = jitter();
    change(inner, row, move |tx, work, row, now| {
        let mut changed = Changed::default();
        match answer {
            Ok(found) => match &found[..] {
                [] => outbox::absent(row, now),
                [one] => deliver(tx, work, row, one, &mut changed)?,
                several => {
                    let numbers: Vec<&str> =
                        several.iter().take(5).map(|f| f.number.as_str()).collect();
                    let error = CodedError::conflict("work_orders.reference_ambiguous")
                        .with("numbers", numbers.join(", "));
                    outbox::unclear(row, &error, now);
                }
            },
            Err(error) => outbox::search_failed(row, &error, now, jitter),
        }
        Ok(changed)
    })
    .await
}

async fn send(inner: &Arc<Inner>, opened: &Opened, row: OutboxRow) -> Result<(), CodedError> {
    let plan: PushPlan = serde_json::from_value(row.plan.clone())
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))?;
    let (tenant, id, now) = (row.tenant_id, row.id, inner.clock.now());
    let (may_exist, seen) = (row.may_exist, row.changed_at);
    // Durable before the call: whatever happens from here on, the row says that it may have arrived.
    let begun = inner
        .store
        .write(move |tx| {
            let mut row = found(tx, tenant, id)?;
            if outbox::turn(&row) != Some(Turn::Send) || row.changed_at != seen {
                return Ok(None);
            }
            outbox::begin(&mut row, now);
            rows::update_outbox_row(tx, tenant, &row)?;
            Ok(Some(row))
        })
        .await?;
    let Some(row) = begun else { return Ok(()) };
    info!(outbox = %id, reference = row.draft.reference, sends = row.sends, "A work order is sent.");
    let call = opened.system.push(&opened.context, &plan);
    let answer = tokio::time::timeout(PUSH_LIMIT, call)
        .await
        .unwrap_or_else(|_| Err(PushError::Unknown(no_answer())));
    let jitter = jitter();
    change(inner, row, move |tx, work, row, now| {
        let mut changed = Changed::default();
        match answer {
            Ok(there) => deliver(tx, work, row, &there, &mut changed)?,
            Err(PushError::NotSent(error)) => {
                outbox::not_sent(row, &error, may_exist, now, jitter);
            }
            Err(PushError::Refused(error)) => outbox::refused(row, &error, now),
            Err(PushError::Unknown(error)) => outbox::lost(row, &error, now),
        }
        Ok(changed)
    })
    .await
}

fn no_answer() -> CodedError {
    CodedError::new(ErrorKind::Upstream, "work_orders.no_answer")
}

/// Applies what a turn found to the row, unless somebody moved it on in the meantime: a person who
/// settled it, or a reading that brought its number.
async fn change<T: Into<Outcome> + Send + 'static>(
    inner: &Arc<Inner>,
    row: OutboxRow,
    apply: impl FnOnce(
        &Transaction<'_>,
        &Work,
        &mut OutboxRow,
        iq_domain::Timestamp,
    ) -> Result<T, StoreError>
    + Send
    + 'static,
) -> Result<(), CodedError> {
    let tenant = row.tenant_id;
    let Some(index) = inner.index.load().tenant(tenant) else {
        return Ok(());
    };
    let work = Work::own_clock(inner, &index);
    let changed = inner
        .store
        .write(move |tx| {
            let mut fresh = found(tx, tenant, row.id)?;
            if fresh.state != row.state || fresh.changed_at != row.changed_at {
                return Ok(Outcome::default());
            }
            let now = work.context.now;
            let changed = apply(tx, &work, &mut fresh, now)?;
            rows::update_outbox_row(tx, tenant, &fresh)?;
            Ok(changed.into())
        })
        .await?;
    publish(inner, tenant, changed.0);
    Ok(())
}

/// What open pages are told.
#[derive(Default)]
struct Outcome(Changed);

impl From<Changed> for Outcome {
    fn from(changed: Changed) -> Self {
        Self(changed)
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::default()
    }
}

/// The other side has it: its number is written back, and the Black Box is told.
pub(super) fn deliver(
    tx: &Transaction<'_>,
    work: &Work,
    row: &mut OutboxRow,
    there: &Pushed,
    changed: &mut Changed,
) -> Result<(), StoreError> {
    let (tenant, now) = (row.tenant_id, work.context.now);
    let number = there.number.trim().to_owned();
    if !is_clean_line(&number, NUMBER_CHARS) {
        let error = CodedError::conflict("work_orders.number_unusable")
            .with("reference", &row.draft.reference);
        outbox::unclear(row, &error, now);
        return Ok(());
    }
    let Some(mut order) = work_orders::get_work_order(tx, tenant, row.work_order_id)? else {
        return Err(StoreError::NotFound);
    };
    let (integration, kind) = (row.integration_id, row.draft.kind);
    let double = work_orders::get_work_order_by_number(tx, tenant, integration, kind, &number)?;
    if let Some(double) = double.filter(|d| d.id != order.id) {
        if double.reference.is_some() {
            // Two of ours can't be the same record over there.
            let error = CodedError::conflict("work_orders.number_taken").with("number", &number);
            outbox::unclear(row, &error, now);
            return Ok(());
        }
        // It was read before its answer came: the same record, so one row.
        take_over(&mut order, &double);
        work_order_plans::move_work_order_plan(tx, tenant, double.id, order.id)?;
        work_orders::delete_work_order(tx, tenant, double.id)?;
    }
    let system = work
        .tenant
        .integrations
        .get(&integration)
        .map(|i| i.name.clone());
    order.integration_id = Some(integration);
    order.source_system = system.or(order.source_system);
    order.kind = kind;
    order.number = Some(number);
    order.version = there.version.clone().or(order.version);
    if order.status == WorkOrderStatus::Draft {
        order.status = WorkOrderStatus::Open;
    }
    (order.changed_at, order.recorded_at) = (now, now);
    work_orders::update_work_order(tx, tenant, &order)?;
    outbox::arrived(row, there, now);
    let actor = row.approver.as_deref();
    let event = events::work_order(
        &work.context,
        &Origin::own(),
        &order,
        Step::Sent,
        now,
        actor,
    );
    work.append(tx, &event, changed)?;
    Ok(())
}

/// What its system said about it before we knew that it is ours.
fn take_over(order: &mut WorkOrder, read: &WorkOrder) {
    order.status = read.status;
    order.source_status.clone_from(&read.source_status);
    order.payload = read.payload.clone();
    order.plant.clone_from(&read.plant);
    order.work_center.clone_from(&read.work_center);
    order.related_number.clone_from(&read.related_number);
    order.planned_start = read.planned_start.or(order.planned_start);
    order.planned_end = read.planned_end.or(order.planned_end);
    order.actual_start = read.actual_start;
    order.actual_end = read.actual_end;
    order.version.clone_from(&read.version);
}

impl Work {
    /// Work stamped by our own clock.
    pub(super) fn own_clock(inner: &Inner, tenant: &Arc<TenantIndex>) -> Self {
        Self {
            tenant: Arc::clone(tenant),
            context: iq_blackbox::EventContext {
                tenant_id: tenant.tenant.id,
                now: inner.clock.now(),
                clock: iq_blackbox::ClockInfo::default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slow_systems_leave_a_turn_to_every_other() {
        let tenant = TenantId::new();
        let all: Vec<Busy> = (0..40).map(|_| (tenant, IntegrationId::new())).collect();
        let (mut served, mut busy) = (Served::default(), HashSet::new());
        let mut had = HashSet::new();
        for _ in 0..3 {
            let turns = served.next(all.clone(), &busy, MAX_TURNS);
            assert!(turns.len() <= MAX_TURNS);
            had.extend(turns);
        }
        assert_eq!(had.len(), all.len(), "three rounds are enough for forty");
        busy.extend(all[1..].iter().copied());
        assert_eq!(served.next(all.clone(), &busy, 5), all[..1]);
        assert!(served.next(all.clone(), &HashSet::new(), 0).is_empty());
    }
}
