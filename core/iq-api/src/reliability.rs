//! How often assets fail and how long they are away, and what counts as a failure.

use axum::{Json, extract::State};
use iq_analytics::reliability::{Basis, CONFIDENCE, Figures, MIN_HOURS, Mean, Mtbf, Unsupported};
use iq_api_types::{
    AssetReliability, ReliabilityBasis, ReliabilityFigures, ReliabilityGroup, ReliabilityGrouping,
    ReliabilityMean, ReliabilityMtbf, ReliabilityReason, ReliabilityReasons, ReliabilityReport,
    ReliabilitySettings,
};
use iq_domain::{AssetId, Permission, TimeRange};
use iq_runtime::{
    TenantIndex,
    reliability::{MAX_FAILURE_TYPES, Reliability, ReliabilityBy},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    assets::refuse_foreign,
    http::{Answer, Audit, Body, Caller, Check, Query, Route, Window, get, put},
    state::ApiState,
};

const DAY_MS: i64 = 86_400_000;
/// Counted when no start is given.
const DEFAULT_MS: i64 = 365 * DAY_MS;
const MAX_PERIOD_MS: i64 = 5 * 366 * DAY_MS;
const TYPE_CHARS: usize = 40;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/reliability", Permission::WorkOrdersRead, get_reliability)
            .query::<ReliabilityQuery>()
            .answer::<ReliabilityReport>()
            .says("Failures, MTBF, repair and availability of a period, in all and per site, family, criticality and asset"),
        get(
            "/api/reliability/settings",
            Permission::WorkOrdersRead,
            get_reliability_settings,
        )
        .answer::<ReliabilitySettings>()
        .says("Which orders count as failures"),
        put(
            "/api/reliability/settings",
            Permission::IntegrationsWrite,
            put_reliability_settings,
        )
        .body::<ReliabilitySettings>()
        .answer::<ReliabilitySettings>()
        .audits("reliability.settings")
        .says("Say which orders count as failures"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct ReliabilityQuery {
    /// Start in UTC milliseconds; 365 days before the end if absent.
    from: Option<i64>,
    /// End in UTC milliseconds; now if absent, and at the latest.
    to: Option<i64>,
    /// Only this asset.
    asset_id: Option<AssetId>,
}

async fn get_reliability(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ReliabilityQuery>,
) -> Answer<Json<ReliabilityReport>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    refuse_foreign(&plant, query.asset_id)?;
    let now = state.now();
    let asked = Window::range(query.from, query.to, now, DEFAULT_MS)?;
    Check::new()
        .require(
            asked.length_ms() <= MAX_PERIOD_MS,
            "from",
            "reliability.period_too_long",
        )
        .require(asked.from < now, "from", "reliability.period_ahead")
        .done()?;
    let period = TimeRange {
        from: asked.from,
        to: asked.to.min(now),
    };
    let found = state
        .runtime
        .reliability_asked(caller.tenant_id, period, query.asset_id)
        .await?;
    Ok(Json(dto(&plant, found)))
}

async fn get_reliability_settings(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<ReliabilitySettings>> {
    Ok(Json(ReliabilitySettings {
        failure_types: state.runtime.failure_types(caller.tenant_id).await?,
    }))
}

async fn put_reliability_settings(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<ReliabilitySettings>,
) -> Answer<Json<ReliabilitySettings>> {
    let mut types: Vec<String> = Vec::new();
    let mut check = Check::new();
    for word in &input.failure_types {
        let word = word.trim();
        check.line("failure_types", word, TYPE_CHARS);
        if !types.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            types.push(word.to_owned());
        }
    }
    check
        .require(
            types.len() <= MAX_FAILURE_TYPES,
            "failure_types",
            "reliability.too_many_types",
        )
        .done()?;
    audit.detail("failure_types", types.join(", "));
    state
        .runtime
        .set_failure_types(caller.tenant_id, &types)
        .await?;
    Ok(Json(ReliabilitySettings {
        failure_types: types,
    }))
}

fn dto(plant: &TenantIndex, found: Reliability) -> ReliabilityReport {
    let asset = |(id, of): &(AssetId, Figures)| {
        let entry = plant.assets.get(id)?;
        let site = plant.sites.get(&entry.site_id)?;
        Some(AssetReliability {
            asset_id: *id,
            asset_code: entry.asset.code.clone(),
            asset_names: entry.asset.names.clone(),
            family: entry.asset.family.clone(),
            site_code: site.code.clone(),
            figures: figures(of),
        })
    };
    ReliabilityReport {
        from: found.period.from,
        to: found.period.to,
        known_since: found.known_since,
        confidence: CONFIDENCE,
        min_hours: MIN_HOURS,
        made_up: found.made_up,
        total: figures(&found.total),
        groups: found
            .groups
            .iter()
            .map(|group| ReliabilityGroup {
                by: match group.by {
                    ReliabilityBy::Site => ReliabilityGrouping::Site,
                    ReliabilityBy::Family => ReliabilityGrouping::Family,
                    ReliabilityBy::Criticality => ReliabilityGrouping::Criticality,
                },
                key: group.key.clone(),
                figures: figures(&group.figures),
            })
            .collect(),
        assets: found.assets.iter().filter_map(asset).collect(),
        failure_types: found.failure_types,
    }
}

fn figures(of: &Figures) -> ReliabilityFigures {
    let mean = |of: Mean| ReliabilityMean {
        hours: of.hours,
        of: of.of,
    };
    ReliabilityFigures {
        assets: of.tally.items,
        failures: of.tally.failures,
        operating_h: of.tally.operating_h,
        basis: of.basis.map(|basis| match basis {
            Basis::Running => ReliabilityBasis::Running,
            Basis::Calendar => ReliabilityBasis::Calendar,
            Basis::Mixed => ReliabilityBasis::Mixed,
        }),
        service_h: of.tally.service_h,
        down_h: of.tally.down_h,
        planned_h: of.tally.planned_h,
        mtbf: of.mtbf.ok().map(|mtbf: Mtbf| ReliabilityMtbf {
            hours: mtbf.hours,
            low: mtbf.low,
            high: mtbf.high,
            is_few: mtbf.is_few,
        }),
        mtbf_at_least_h: of.mtbf_at_least,
        mttr: of.mttr.ok().map(mean),
        mdt: of.mdt.ok().map(mean),
        inherent: of.inherent.ok(),
        operational: of.operational.ok(),
        withheld: ReliabilityReasons {
            mtbf: of.mtbf.err().map(reason),
            mttr: of.mttr.err().map(reason),
            mdt: of.mdt.err().map(reason),
            inherent: of.inherent.err().map(reason),
            operational: of.operational.err().map(reason),
        },
    }
}

const fn reason(why: Unsupported) -> ReliabilityReason {
    match why {
        Unsupported::NoFailure => ReliabilityReason::NoFailure,
        Unsupported::FewHours => ReliabilityReason::FewHours,
        Unsupported::NoRepair => ReliabilityReason::NoRepair,
        Unsupported::NoStop => ReliabilityReason::NoStop,
        Unsupported::OpenEnded => ReliabilityReason::OpenEnded,
    }
}
