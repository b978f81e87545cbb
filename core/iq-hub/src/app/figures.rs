//! Headquarters: assets with their state, key figures and plans, as the plants told them last.

use iq_api_types::{HubAsset, HubKpi, HubPlan, HubReliability, Page};
use iq_domain::{ApplianceId, Names, TenantId, Timestamp};
use iq_sync_proto::figures::{AssetFigure, Kind, KpiFigure, PlanFigure, ReliabilityFigure};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::figures::{self, Told, Wanted},
};

/// `?limit=&offset=&appliance=&status=`
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct AssetFilter {
    /// Items per page, at most 200.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
    /// Of this plant only.
    appliance: Option<ApplianceId>,
    /// In this condition only: `unknown`, `normal`, `warning`, `critical`.
    #[serde(default)]
    status: String,
    /// This asset only, by its id at the plant.
    #[serde(default)]
    id: String,
}

/// `?limit=&offset=&appliance=&period=`
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct KpiFilter {
    /// Items per page, at most 200.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
    /// Of this plant only.
    appliance: Option<ApplianceId>,
    /// `day` or `hour` only.
    #[serde(default)]
    period: String,
}

/// `?limit=&offset=&appliance=`
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct PlanFilter {
    /// Items per page, at most 200.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
    /// Of this plant only.
    appliance: Option<ApplianceId>,
}

async fn page<T>(
    hub: &Hub,
    tenant: TenantId,
    wanted: Wanted<'_>,
    (limit, offset): (Option<u32>, Option<u32>),
    show: impl Fn(&Told) -> Answer<T>,
) -> Answer<Page<T>> {
    let page = (limit.unwrap_or(50).clamp(1, 200), offset.unwrap_or(0));
    let mut tx = hub.store.tenant(tenant).await?;
    let (rows, total) = figures::list(&mut tx, tenant, &wanted, page).await?;
    let items: Answer<Vec<T>> = rows.iter().map(show).collect();
    Ok(Page::new(items?, total, u64::from(page.1)))
}

/// What was projected was read before; anything else is our fault.
fn said<T: DeserializeOwned>(told: &Told) -> Answer<T> {
    serde_json::from_value(told.body.clone()).map_err(|_| Failure::internal())
}

pub(crate) async fn list_assets(
    hub: &Hub,
    tenant: TenantId,
    filter: &AssetFilter,
) -> Answer<Page<HubAsset>> {
    let wanted = Wanted {
        kind: Kind::Asset,
        appliance: filter.appliance,
        word: &filter.status,
        key: &filter.id,
    };
    page(hub, tenant, wanted, (filter.limit, filter.offset), asset).await
}

fn asset(told: &Told) -> Answer<HubAsset> {
    let said: AssetFigure = said(told)?;
    Ok(HubAsset {
        appliance_id: told.appliance,
        appliance: told.appliance_name.clone(),
        id: told.key.clone(),
        code: said.code,
        names: Names {
            en: said.name,
            ar: said.name_ar,
        },
        family: said.family,
        criticality: said.criticality,
        site: said.site,
        unit: said.unit,
        parent: said.parent,
        equipment_number: said.equipment_number,
        status: said.status,
        connectivity: said.connectivity,
        is_running: said.is_running,
        health: said.health,
        anomaly: said.anomaly,
        coverage: said.coverage,
        scored_at: said.scored_at.map(Timestamp),
        data_at: said.data_at.map(Timestamp),
        alerts: said.alerts,
        reliability: said.reliability.map(reliability),
        at: told.at,
        is_demo: told.is_demo,
    })
}

fn reliability(said: ReliabilityFigure) -> HubReliability {
    HubReliability {
        from: Timestamp(said.from),
        to: Timestamp(said.to),
        failures: said.failures,
        operating_h: said.operating_h,
        mtbf_h: said.mtbf_h,
        mtbf_low_h: said.mtbf_low_h,
        mtbf_high_h: said.mtbf_high_h,
        mttr_h: said.mttr_h,
        mdt_h: said.mdt_h,
        inherent: said.inherent,
        operational: said.operational,
    }
}

pub(crate) async fn list_kpis(
    hub: &Hub,
    tenant: TenantId,
    filter: &KpiFilter,
) -> Answer<Page<HubKpi>> {
    let wanted = Wanted {
        kind: Kind::Kpi,
        appliance: filter.appliance,
        word: &filter.period,
        key: "",
    };
    page(hub, tenant, wanted, (filter.limit, filter.offset), kpi).await
}

fn kpi(told: &Told) -> Answer<HubKpi> {
    let said: KpiFigure = said(told)?;
    Ok(HubKpi {
        appliance_id: told.appliance,
        appliance: told.appliance_name.clone(),
        period: said.period,
        from: Timestamp(said.from),
        to: Timestamp(said.to),
        alarms: said.alarms,
        alarms_per_hour: said.alarms_per_hour,
        flood_share: said.flood_share,
        standing: said.standing,
        incidents: said.incidents,
        open_incidents: said.open_incidents,
        health: said.health,
        health_coverage: said.health_coverage,
        critical: said.critical,
        warning: said.warning,
        normal: said.normal,
        unknown: said.unknown,
        orders_open: said.orders_open,
        orders_overdue: said.orders_overdue,
        reliability: said.reliability.map(reliability),
        at: told.at,
        is_demo: told.is_demo,
    })
}

pub(crate) async fn list_plans(
    hub: &Hub,
    tenant: TenantId,
    filter: &PlanFilter,
) -> Answer<Page<HubPlan>> {
    let wanted = Wanted {
        kind: Kind::Plan,
        appliance: filter.appliance,
        word: "",
        key: "",
    };
    page(hub, tenant, wanted, (filter.limit, filter.offset), plan).await
}

fn plan(told: &Told) -> Answer<HubPlan> {
    let said: PlanFigure = said(told)?;
    Ok(HubPlan {
        appliance_id: told.appliance,
        appliance: told.appliance_name.clone(),
        id: said.id,
        name: said.name,
        as_of: Timestamp(said.as_of),
        made_at: Timestamp(said.made_at),
        published_at: Timestamp(said.published_at),
        work: said.work,
        advised: said.advised,
        published: said.published,
        currency: said.currency,
        cost: said.cost,
        risk_before: said.risk_before,
        risk_after: said.risk_after,
        at: told.at,
        is_demo: told.is_demo,
    })
}
