//! Findings of the drift sentinel, and what people decide on them.

use axum::{Json, extract::State};
use iq_api_types::{DriftFinding, DriftProposal, DriftRun};
use iq_domain::{DriftFindingId, MappingId, Permission};
use iq_mapping::drift::Proposal;
use iq_runtime::{StoredDrift, TenantIndex};
use iq_store::{
    drift::{DriftRow, DriftState},
    mappings,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Audit, Caller, Failure, Id, Query, Route, get, post},
    mappings::dto,
    state::ApiState,
    texts,
};

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{MappingsRead, MappingsWrite};
    vec![
        get("/api/integrations/mappings/drift", MappingsRead, list_drift)
            .query::<DriftQuery>()
            .list::<DriftFinding>()
            .says("Mapped tags that are no longer what they were"),
        post(
            "/api/integrations/mappings/drift/run",
            MappingsWrite,
            run_drift,
        )
        .answer::<DriftRun>()
        .audits("mappings.look_for_drift")
        .says("Look for drift now; nothing is changed"),
        post(
            "/api/integrations/mappings/drift/{id}/accept",
            MappingsWrite,
            accept_drift,
        )
        .answer::<DriftFinding>()
        .audits("mappings.accept_drift")
        .says("Apply what a finding proposes, as a change that can be undone"),
        post(
            "/api/integrations/mappings/drift/{id}/dismiss",
            MappingsWrite,
            dismiss_drift,
        )
        .answer::<DriftFinding>()
        .audits("mappings.dismiss_drift")
        .says("Remember that a finding is none"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct DriftQuery {
    /// `open` (if absent), `accepted`, `dismissed`, `gone` or `all`.
    state: Option<String>,
}

async fn list_drift(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<DriftQuery>,
) -> Answer<Json<Vec<DriftFinding>>> {
    let wanted = match query.state.as_deref() {
        None | Some("open") => Some(DriftState::Open),
        Some("accepted") => Some(DriftState::Accepted),
        Some("dismissed") => Some(DriftState::Dismissed),
        Some("gone") => Some(DriftState::Gone),
        Some("all") => None,
        Some(_) => return Err(Failure::invalid("request.query_wrong")),
    };
    let rows = state
        .runtime
        .drift_findings(caller.tenant_id, wanted)
        .await?;
    let mut findings = Vec::with_capacity(rows.len());
    for row in rows {
        findings.push(finding(&state, &caller, row).await?);
    }
    Ok(Json(findings))
}

async fn run_drift(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
) -> Answer<Json<DriftRun>> {
    let report = state.runtime.look_for_drift(caller.tenant_id).await?;
    audit
        .detail("checked", report.checked)
        .detail("open", report.open);
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let unread = report
        .unread
        .iter()
        .map(|(source, error)| {
            let name = plant.integrations.get(source).map_or("", |i| &i.name);
            let why = iq_locale::error(caller.language, error.code, &error.params);
            format!("{name}: {why}")
        })
        .collect();
    Ok(Json(DriftRun {
        at: report.at,
        checked: report.checked,
        too_new: report.too_new,
        open: report.open,
        unread,
    }))
}

async fn accept_drift(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<DriftFindingId>,
) -> Answer<Json<DriftFinding>> {
    audit.object("drift_finding", id);
    let outcome = state
        .runtime
        .accept_drift(caller.tenant_id, id, &caller.username)
        .await?;
    audit.detail("kind", outcome.row.kind.clone());
    Ok(Json(finding(&state, &caller, outcome.row).await?))
}

async fn dismiss_drift(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<DriftFindingId>,
) -> Answer<Json<DriftFinding>> {
    audit.object("drift_finding", id);
    let row = state
        .runtime
        .dismiss_drift(caller.tenant_id, id, &caller.username)
        .await?;
    audit.detail("kind", row.kind.clone());
    Ok(Json(finding(&state, &caller, row).await?))
}

/// A finding as it is shown, in the reader's language.
async fn finding(state: &ApiState, caller: &Caller, row: DriftRow) -> Answer<DriftFinding> {
    let stored: StoredDrift =
        serde_json::from_value(row.finding.clone()).map_err(|_| Failure::internal())?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let other = match &stored.drift.proposal {
        Proposal::Swap { other } => shown(state, caller, &plant, *other).await?,
        _ => None,
    };
    let state_word = match row.state {
        DriftState::Open => "open",
        DriftState::Accepted => "accepted",
        DriftState::Dismissed => "dismissed",
        DriftState::Gone => "gone",
    };
    Ok(DriftFinding {
        id: row.id,
        kind: row.kind,
        state: state_word.to_owned(),
        mapping: shown(state, caller, &plant, row.mapping_id).await?,
        other,
        evidence: stored
            .drift
            .evidence
            .iter()
            .map(|message| texts::of_message(caller.language, message))
            .collect(),
        proposal: proposal(&stored.drift.proposal),
        confidence: stored.drift.confidence,
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        change_id: row.change_id,
    })
}

async fn shown(
    state: &ApiState,
    caller: &Caller,
    plant: &TenantIndex,
    id: MappingId,
) -> Answer<Option<iq_api_types::Mapping>> {
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| mappings::get_mapping(conn, tenant, id))
        .await?;
    Ok(found.map(|mapping| dto(state, plant, mapping)))
}

fn proposal(proposal: &Proposal) -> DriftProposal {
    let (action, value) = match proposal {
        Proposal::Retag { tag } => ("retag", Some(tag.clone())),
        Proposal::Swap { .. } => ("swap", None),
        Proposal::Unit { unit } => ("unit", Some(unit.clone())),
        Proposal::Offset { offset } => ("offset", Some(offset.to_string())),
        Proposal::Deactivate => ("deactivate", None),
    };
    DriftProposal {
        action: action.to_owned(),
        value,
    }
}
