//! Root cause of an incident: gathers raw samples, events and neighbours, lets the pure rules judge
//! them, and keeps the answer with the hash of what went in.

mod gather;
mod kept;
mod packs;
mod prepare;
mod slow;

pub use gather::{Gathered, gather, gather_with, read_incident};
pub use kept::{
    KeptAnalysis, KeptFinding, KeptHypothesis, KeptMover, KeptPack, KeptSample, KeptVerdict, judge,
};
pub use packs::{PACKS_FOLDER, RulePacks, keep_own_pack, own_pack_file, read_pack_file};
pub use prepare::prepare;

use std::sync::Arc;

use iq_domain::{CodedError, IncidentId, TenantId};
use iq_store::root_causes::{self, RootCauseRow};

use crate::Runtime;
use slow::slow_changes;

impl Runtime {
    /// The rule packs in force.
    #[must_use]
    pub fn rule_packs(&self) -> &RulePacks {
        &self.0.packs
    }

    /// The root cause of an incident as the data say now; `None` when the tenant has no such incident.
    /// A new version is kept when samples, events, neighbours or packs have changed.
    ///
    /// # Errors
    /// When the stores can't be read.
    pub async fn root_cause(
        &self,
        tenant: TenantId,
        incident: IncidentId,
    ) -> Result<Option<(RootCauseRow, KeptAnalysis)>, CodedError> {
        let packs = Arc::clone(&self.0.packs);
        let plant = self.tenant(tenant)?;
        let now = self.clock().now();
        let found = self
            .store()
            .read(move |conn| {
                let Some((row, events)) = read_incident(conn, tenant, incident)? else {
                    return Ok(None);
                };
                let last = root_causes::get_last_root_cause(conn, tenant, incident)?;
                Ok(Some((row, events, last)))
            })
            .await?;
        let Some((row, events, last)) = found else {
            return Ok(None);
        };
        let historian = self.historian().clone();
        let turn = Arc::clone(&self.0.gathering).acquire_owned().await;
        let judged = tokio::task::spawn_blocking(move || {
            // Kept here: whoever asked may have gone, the work goes on.
            let _turn = turn;
            let gathered = gather(&plant, &historian, &row, &events, now)?;
            let hash = gathered.hash(&packs.packs);
            let mut kept = judge(&gathered, &packs.packs);
            if kept.verdict != KeptVerdict::Named {
                kept.explanation
                    .extend(slow_changes(&plant, &historian, &gathered)?);
            }
            // As it comes back from the store: a number that is written and read may differ in its last digit.
            let result = serde_json::to_string(&kept).and_then(|text| serde_json::from_str(&text));
            let result: serde_json::Value = result.map_err(|error| {
                tracing::error!(%error, "A root cause could not be written down.");
                CodedError::new(iq_domain::ErrorKind::Internal, "internal.error")
            })?;
            // The same answer to the same inputs keeps its version. What is stored is never believed: whoever
            // edits it in the store changes no page and no evidence.
            if let Some(last) = last.filter(|l| l.inputs_hash == hash && l.result == result) {
                return Ok((last, kept, false));
            }
            let row = RootCauseRow {
                tenant_id: tenant,
                incident_id: incident,
                version: 0,
                inputs_hash: hash,
                computed_at: now,
                result,
            };
            Ok::<_, CodedError>((row, kept, true))
        })
        .await
        .map_err(|error| {
            tracing::error!(%error, "A root cause was not finished.");
            CodedError::new(iq_domain::ErrorKind::Internal, "internal.error")
        })??;
        let (row, kept, is_new) = judged;
        if !is_new {
            return Ok(Some((row, kept)));
        }
        let stored = self
            .store()
            .write(move |tx| root_causes::append_root_cause(tx, tenant, row))
            .await?;
        Ok(Some((stored, kept)))
    }
}
