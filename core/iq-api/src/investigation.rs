//! Investigation from exported files: where to put them, what they speak of, and what is created for it.
//! Reading the files and looking for incidents are the routes of imports and detection.

use std::collections::HashSet;

use axum::{Json, extract::State};
use iq_api_types::{
    InvestigationAsset, InvestigationFiles, InvestigationPlan, InvestigationPrepared,
    InvestigationProposal, InvestigationSignal, InvestigationSource, MappingRowError,
};
use iq_domain::Permission;
use iq_locale::pattern;
use iq_runtime::investigation::{self, MAX_FILES, ProposedInvestigation};

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Route, check, post},
    state::ApiState,
    texts,
};

/// Assets of one plan.
const MAX_ASSETS: usize = 500;
/// Signals of one plan.
const MAX_SIGNALS: usize = 2_000;
/// A plan of so many rows.
const PLAN_CAP: usize = 2 * 1024 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::InvestigationsWrite;
    vec![
        post(
            "/api/investigations/source",
            InvestigationsWrite,
            open_investigation_source,
        )
        .answer::<InvestigationSource>()
        .audits("investigations.source")
        .says("Where files of an investigation are uploaded to; created where there is none"),
        post(
            "/api/investigations/proposal",
            InvestigationsWrite,
            propose_investigation,
        )
        .body::<InvestigationFiles>()
        .answer::<InvestigationProposal>()
        .says("The assets and signals the tags of files speak of, for a person to agree to"),
        post(
            "/api/investigations/prepare",
            InvestigationsWrite,
            prepare_investigation,
        )
        .body::<InvestigationPlan>()
        .cap(PLAN_CAP)
        .answer::<InvestigationPrepared>()
        .audits("investigations.prepare")
        .says("Create the assets and mappings that are missing; nothing that exists is changed"),
    ]
}

async fn open_investigation_source(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
) -> Answer<Json<InvestigationSource>> {
    let name = pattern(caller.language, "ui", "imports.source_name").unwrap_or("Files");
    let (integration_id, is_new) = state.runtime.file_source(caller.tenant_id, name).await?;
    audit
        .object("integration", integration_id)
        .detail("created", is_new);
    Ok(Json(InvestigationSource { integration_id }))
}

async fn propose_investigation(
    State(state): State<ApiState>,
    caller: Caller,
    Body(files): Body<InvestigationFiles>,
) -> Answer<Json<InvestigationProposal>> {
    let count = files.imports.len();
    Check::new()
        .require(
            (1..=MAX_FILES).contains(&count),
            "imports",
            "investigation.files_count",
        )
        .done()?;
    let found = state
        .runtime
        .propose_investigation(caller.tenant_id, files.imports)
        .await?;
    let ProposedInvestigation {
        integration_id,
        proposal,
        mapped,
        is_cut,
    } = found;
    let assets = proposal.assets.into_iter().map(|a| InvestigationAsset {
        code: a.code,
        family: a.family,
        is_known: a.is_known,
        is_sure: a.is_sure,
        tags: a.tags,
    });
    let language = caller.language;
    let signals = proposal.signals.into_iter().map(|s| InvestigationSignal {
        tag: s.tag,
        asset_code: s.asset_code,
        metric: s.metric,
        unit: s.unit,
        score: s.score,
        reasons: s
            .reasons
            .iter()
            .map(|reason| texts::of_message(language, reason))
            .collect(),
    });
    Ok(Json(InvestigationProposal {
        integration_id,
        assets: assets.collect(),
        signals: signals.collect(),
        mapped,
        is_cut,
    }))
}

async fn prepare_investigation(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(plan): Body<InvestigationPlan>,
) -> Answer<Json<InvestigationPrepared>> {
    checked(&plan)?;
    let language = caller.language;
    let plan = investigation::InvestigationPlan {
        integration_id: plan.integration_id,
        time_zone: plan.time_zone,
        assets: plan
            .assets
            .into_iter()
            .map(|a| (a.code, a.family))
            .collect(),
        signals: plan
            .signals
            .into_iter()
            .map(|s| investigation::PlannedSignal {
                tag: s.tag,
                asset_code: s.asset_code,
                metric: s.metric,
                unit: s.unit,
            })
            .collect(),
    };
    let prepared = state
        .runtime
        .prepare_investigation(caller.tenant_id, plan, &caller.username)
        .await?;
    audit
        .detail("assets", prepared.assets)
        .detail("mappings", prepared.mappings)
        .detail("refused", prepared.refused.len());
    let refused = prepared.refused.into_iter().map(|refused| {
        let error = refused.error.error;
        MappingRowError {
            row: refused.line,
            tag: refused.tag,
            column: refused.error.field.to_owned(),
            code: error.code.to_owned(),
            message: iq_locale::error(language, error.code, &error.params),
        }
    });
    Ok(Json(InvestigationPrepared {
        assets: prepared.assets,
        mappings: prepared.mappings,
        refused: refused.collect(),
    }))
}

fn checked(plan: &InvestigationPlan) -> Answer<()> {
    let mut check = Check::new();
    check
        .require(
            check::is_time_zone(&plan.time_zone),
            "time_zone",
            "request.time_zone_wrong",
        )
        .require(
            plan.assets.len() <= MAX_ASSETS,
            "assets",
            "investigation.too_many",
        )
        .require(
            plan.signals.len() <= MAX_SIGNALS,
            "signals",
            "investigation.too_many",
        );
    let mut codes = HashSet::new();
    for asset in plan.assets.iter().take(MAX_ASSETS) {
        check
            .code("assets", &asset.code)
            .require(codes.insert(&asset.code), "assets", "import.code_twice")
            .require(
                iq_mapping::catalogue().family(&asset.family).is_some(),
                "assets",
                "asset.family_unknown",
            );
    }
    check.done()
}
