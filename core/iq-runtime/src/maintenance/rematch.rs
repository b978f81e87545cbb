//! Finds the assets again: after assets got other numbers, after objects arrived that others hang on,
//! and after a person settled what was ambiguous.

use std::sync::Arc;

use iq_domain::{AssetId, CodedError, IntegrationId, TechnicalObjectId, TenantId, WorkOrderId};
use iq_store::{
    StoreError,
    technical_objects::{self, TechnicalObject},
    work_orders::{self, MatchState, WorkOrder, WorkOrderOrigin},
};

use super::{
    Actor,
    events::{self, Origin, Step},
    incoming::{note, state_of},
    lookup::InMemory,
    matching::{AssetKeys, Matcher, Mode},
};
use crate::{
    Inner, Runtime, TenantIndex,
    alerts::{Changed, Work, publish},
};

/// Rows read or written at once.
const STEP: u32 = 500;

/// What a person says about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It belongs to this asset.
    Asset(AssetId),
    /// It belongs to none of ours.
    NoAsset,
    /// The program may find out by itself again.
    Automatic,
}

impl Runtime {
    /// Remembers what a person said about an object; it wins over what the program finds.
    pub async fn settle_object(
        &self,
        tenant: TenantId,
        id: TechnicalObjectId,
        settlement: Settlement,
        actor: Actor,
    ) -> Result<TechnicalObject, CodedError> {
        let inner = &self.0;
        let index = self.tenant(tenant)?;
        if let Settlement::Asset(asset) = settlement
            && !index.assets.contains_key(&asset)
        {
            return Err(CodedError::not_found("assets.not_found"));
        }
        let now = inner.clock.now();
        let integration = inner
            .store
            .write(move |tx| {
                let mut row = technical_objects::get_technical_object(tx, tenant, id)?
                    .ok_or(CodedError::not_found("work_orders.object_not_found"))?;
                (row.settled_by, row.settled_at) = match settlement {
                    Settlement::Automatic => (None, None),
                    _ => (Some(actor.username), Some(now)),
                };
                row.asset_id = match settlement {
                    Settlement::Asset(asset) => Some(asset),
                    _ => None,
                };
                row.match_state = match settlement {
                    Settlement::Automatic => MatchState::Unmatched,
                    _ => MatchState::Settled,
                };
                row.match_reason = row.settled_by.as_ref().map(|_| "person".to_owned());
                row.recorded_at = now;
                technical_objects::put_technical_object(tx, tenant, &row)?;
                Ok(row.integration_id)
            })
            .await?;
        match_integration(inner, &index, integration).await?;
        inner
            .store
            .read(move |conn| technical_objects::get_technical_object(conn, tenant, id))
            .await?
            .ok_or(CodedError::not_found("work_orders.object_not_found"))
    }
}

/// What matching depends on beside the objects; another value means: match again.
pub(super) fn fingerprint(index: &TenantIndex) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut assets: Vec<_> = index
        .assets
        .values()
        .map(|a| &a.asset)
        .map(|a| (a.id, &a.equipment_number, &a.functional_location))
        .collect();
    assets.sort_unstable_by_key(|a| a.0);
    let mut modes: Vec<_> = index
        .integrations
        .values()
        .map(|i| (i.id, Mode::of(&i.config).as_str()))
        .collect();
    modes.sort_unstable();
    let mut hasher = DefaultHasher::new();
    (assets, modes).hash(&mut hasher);
    hasher.finish()
}

/// Matches everything of a tenant again.
pub(super) async fn match_tenant(
    inner: &Arc<Inner>,
    index: &Arc<TenantIndex>,
) -> Result<(), CodedError> {
    for integration in index.integrations.keys() {
        match_integration(inner, index, *integration).await?;
    }
    Ok(())
}

async fn match_integration(
    inner: &Arc<Inner>,
    index: &Arc<TenantIndex>,
    integration: IntegrationId,
) -> Result<(), CodedError> {
    let tenant = index.tenant.id;
    let Some(row) = index.integrations.get(&integration) else {
        return Ok(());
    };
    let mode = Mode::of(&row.config);
    let system = row.name.clone();
    let assets = AssetKeys::new(index.assets.values().map(|a| &a.asset));
    let (known, objects) = inner
        .store
        .read(move |conn| {
            let mut known = InMemory::default();
            let mut all = Vec::new();
            let mut after = None;
            loop {
                let step = technical_objects::list_technical_objects_after(
                    conn,
                    tenant,
                    integration,
                    after,
                    STEP,
                )?;
                let Some(last) = step.last() else {
                    return Ok((known, all));
                };
                after = Some(last.id);
                step.iter().for_each(|object| known.add(object));
                all.extend(step.into_iter().map(|mut object| {
                    // The row as it came is not looked at here, and all of them can be many.
                    object.payload = serde_json::Value::Null;
                    object
                }));
            }
        })
        .await?;
    let matcher = Matcher {
        mode,
        assets: &assets,
        objects: &known,
    };
    let mut moved = Vec::new();
    for mut object in objects {
        let found = matcher.object(object.kind, &object.number)?;
        if note(&mut object, &found) {
            moved.push(object);
        }
    }
    let now = inner.clock.now();
    for step in moved.chunks(STEP as usize) {
        let step = step.to_vec();
        inner
            .store
            .write(move |tx| {
                step.iter().try_for_each(|fresh| {
                    // It may have changed since it was read: only the finding is written.
                    let Some(mut row) =
                        technical_objects::get_technical_object(tx, tenant, fresh.id)?
                    else {
                        return Ok(());
                    };
                    if row.settled_by.is_some() {
                        return Ok(());
                    }
                    row.asset_id = fresh.asset_id;
                    row.match_state = fresh.match_state;
                    row.match_reason.clone_from(&fresh.match_reason);
                    row.candidates.clone_from(&fresh.candidates);
                    row.recorded_at = now;
                    technical_objects::put_technical_object(tx, tenant, &row)
                })
            })
            .await?;
    }
    match_work_orders(inner, index, (integration, &system), &matcher).await
}

/// Gives every work order of a system the asset of what it names.
async fn match_work_orders(
    inner: &Arc<Inner>,
    index: &Arc<TenantIndex>,
    (integration, system): (IntegrationId, &str),
    matcher: &Matcher<'_, InMemory>,
) -> Result<(), CodedError> {
    let tenant = index.tenant.id;
    let mut after: Option<WorkOrderId> = None;
    loop {
        let step = inner
            .store
            .read(move |conn| {
                work_orders::list_work_orders_after(conn, tenant, integration, after, STEP)
            })
            .await?;
        let Some(last) = step.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let mut moved: Vec<(WorkOrderId, Option<AssetId>, MatchState)> = Vec::new();
        for order in step.iter().filter(|o| o.origin == WorkOrderOrigin::Source) {
            let found = matcher.work_order(
                order.equipment_number.as_deref(),
                order.functional_location.as_deref(),
            )?;
            let now = (found.asset(), state_of(&found));
            if now != (order.asset_id, order.match_state) {
                moved.push((order.id, now.0, now.1));
            }
        }
        if moved.is_empty() {
            continue;
        }
        let (work, origin) = (
            Work::of_source(inner, index, integration),
            Origin::of(integration, system),
        );
        let changed = inner
            .store
            .write(move |tx| {
                let mut changed = Changed::default();
                for (id, asset, state) in moved {
                    let Some(order) = work_orders::get_work_order(tx, tenant, id)? else {
                        continue;
                    };
                    let order = moved_to(order, asset, state, work.context.now);
                    work_orders::update_work_order(tx, tenant, &order)?;
                    let Some(asset) = asset else { continue };
                    let (step, at) = (Step::Linked(asset), order.opened_at);
                    let event = events::work_order(&work.context, &origin, &order, step, at, None);
                    work.append(tx, &event, &mut changed)?;
                }
                Ok::<_, StoreError>(changed)
            })
            .await?;
        publish(inner, tenant, changed);
    }
}

fn moved_to(
    mut order: WorkOrder,
    asset: Option<AssetId>,
    state: MatchState,
    now: iq_domain::Timestamp,
) -> WorkOrder {
    order.asset_id = asset;
    order.match_state = state;
    order.recorded_at = now;
    order
}
