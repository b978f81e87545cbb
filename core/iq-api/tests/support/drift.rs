//! A change of the mapping that was made, and a drift finding that waits for a decision.

use iq_domain::{DriftFindingId, MappingChangeId};
use iq_mapping::{
    ImportMode, ListedMapping, ListedRow,
    drift::{Drift, DriftKind, Proposal},
};
use iq_runtime::{ChangeBy, StoredDrift};
use iq_store::{
    drift::{self, DriftRow, DriftState},
    mapping_changes::ChangeOrigin,
};

use super::{NOW, Plant, TestApp};

/// A change that is there to be undone: it took an unused mapping away again.
pub(crate) async fn change(plant: &Plant, app: &TestApp) -> MappingChangeId {
    let row = ListedMapping {
        external_tag: "SPARE".to_owned(),
        asset_id: Some(plant.asset),
        metric_name: Some("vibration_de".to_owned()),
        is_active: Some(false),
        ..ListedMapping::default()
    };
    let rows = vec![ListedRow {
        line: 2,
        tag: "SPARE".to_owned(),
        row: Ok((plant.integration, row)),
    }];
    let (runtime, tenant) = (&app.runtime, plant.tenant);
    let plan = runtime
        .plan_mappings(tenant, ImportMode::Create, rows)
        .await
        .unwrap();
    let by = ChangeBy::new("admin", ChangeOrigin::Bulk);
    let made = runtime
        .apply_mappings(tenant, plan.changes, by)
        .await
        .unwrap();
    let undone = runtime
        .undo_mapping_change(tenant, made.change.id, "admin")
        .await
        .unwrap();
    undone.change.id
}

/// A finding about the plant's mapping.
pub(crate) async fn finding(plant: &Plant, app: &TestApp) -> DriftFindingId {
    let (tenant, id) = (plant.tenant, DriftFindingId::new());
    let seen = app.runtime.stored_mappings(tenant).await.unwrap().mappings;
    let mapping = seen.into_iter().find(|m| m.id == plant.mapping).unwrap();
    let drift = Drift {
        kind: DriftKind::UnitChanged,
        mapping: mapping.id,
        evidence: Vec::new(),
        proposal: Proposal::Unit {
            unit: "in/s".to_owned(),
        },
        confidence: 0.8,
        before: None,
    };
    let row = DriftRow {
        id,
        tenant_id: tenant,
        fingerprint: drift.fingerprint(),
        kind: drift.kind.word().to_owned(),
        mapping_id: mapping.id,
        state: DriftState::Open,
        finding: serde_json::to_value(StoredDrift {
            drift,
            seen: vec![mapping],
        })
        .unwrap(),
        first_seen_at: NOW,
        last_seen_at: NOW,
        decided_by: None,
        decided_at: None,
        change_id: None,
    };
    app.runtime
        .store()
        .write(move |tx| drift::record_drift(tx, tenant, &row))
        .await
        .unwrap();
    id
}
