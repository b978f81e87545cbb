//! The drift sentinel at work: gathers what every mapped signal did and does, asks sources for their
//! tag lists, and keeps what the detectors find until a person decides. It changes nothing by itself.

mod levels;
mod sources;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use iq_domain::{
    CodedError, DriftFindingId, ErrorKind, IntegrationId, MappingChangeId, MappingId,
    SignalMapping, TenantId, Timestamp,
};
use iq_mapping::{
    Wish, draft_of,
    drift::{Drift, Level, Proposal, SignalSummary, detect},
};
use iq_store::{
    drift::{self as table, DriftRow, DriftState},
    mapping_changes::{self, ChangeOrigin},
    mappings,
};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{ChangeBy, Runtime};
use levels::Gathered;
use sources::Answers;
pub use sources::{ListedTag, TagList};

/// How long decided and passed findings are kept.
const KEPT_MS: i64 = 180 * 86_400_000;

/// What a look came to.
#[derive(Clone, Debug)]
pub struct DriftReport {
    /// When.
    pub at: Timestamp,
    /// Mappings that were compared.
    pub checked: u64,
    /// Mappings with too little history.
    pub too_new: u64,
    /// Findings that are open now.
    pub open: u64,
    /// Sources whose tags could not be listed, and why.
    pub unread: Vec<(IntegrationId, CodedError)>,
}

/// What accepting a finding did.
#[derive(Clone, Debug)]
pub struct DriftOutcome {
    /// The finding as it stands.
    pub row: DriftRow,
    /// The set of changes, if it made any.
    pub change_id: Option<MappingChangeId>,
}

/// What is stored of a finding: the mapping as it was seen, so that an old finding is not applied to
/// a mapping somebody has changed.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredDrift {
    /// The finding.
    pub drift: Drift,
    /// The mappings it is about.
    pub seen: Vec<SignalMapping>,
}

impl Runtime {
    /// Looks for drift now.
    ///
    /// # Errors
    /// `mapping.drift_running` while another look is under way.
    pub async fn look_for_drift(&self, tenant: TenantId) -> Result<DriftReport, CodedError> {
        self.look(tenant, true).await
    }

    /// Looks because it is time to. Listing a whole source is work for the source: only when something
    /// is silent.
    pub(crate) async fn look_by_itself(&self, tenant: TenantId) -> Result<(), CodedError> {
        let open = self.look(tenant, false).await?.open;
        if open > 0 {
            info!(
                open,
                "Mapped tags have drifted; findings wait for a decision."
            );
        }
        Ok(())
    }

    async fn look(&self, tenant: TenantId, is_asked: bool) -> Result<DriftReport, CodedError> {
        let inner = &self.0;
        let _turn = Turn::take(&inner.drifting, tenant)?;
        let index = self.tenant(tenant)?;
        let at = inner.clock.now();
        let (kept, changed) = self.known_before(tenant, at).await?;
        let (historian, plant, recent) = (
            inner.historian.clone(),
            Arc::clone(&index),
            Arc::clone(&inner.recent),
        );
        let mut gathered = tokio::task::spawn_blocking(move || {
            levels::gather(&historian, &plant, &recent, &changed, &kept, at)
        })
        .await
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))??;
        let Answers { free, unread, mute } = self
            .ask_sources(tenant, &index, &mut gathered, is_asked)
            .await;
        let checked = gathered
            .iter()
            .filter(|g| g.summary.before.is_some())
            .count() as u64;
        let too_new = gathered.len() as u64 - checked;
        let summaries: Vec<SignalSummary> = gathered.iter().map(|g| g.summary.clone()).collect();
        let found = tokio::task::spawn_blocking(move || detect(&summaries, &free))
            .await
            .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))?;
        // A source that is silent or does not answer shows nothing, not even that all is well.
        let is_answered =
            |g: &Gathered| g.summary.is_source_live && !mute.contains(&g.summary.integration);
        let unclear = gathered.iter().filter(|g| !is_answered(g));
        let unclear = unclear.map(|g| g.mapping.id).collect();
        let open = self.keep(tenant, &gathered, found, unclear, at).await?;
        Ok(DriftReport {
            at,
            checked,
            too_new,
            open,
            unread,
        })
    }

    /// Levels that open findings were judged by, and when mappings were last changed.
    async fn known_before(
        &self,
        tenant: TenantId,
        at: Timestamp,
    ) -> Result<
        (
            HashMap<MappingId, (Level, Timestamp)>,
            HashMap<MappingId, Timestamp>,
        ),
        CodedError,
    > {
        let since = at.plus_ms(-levels::BEFORE_MS - levels::NOW_MS);
        let (rows, changed) = self
            .store()
            .read(move |conn| {
                let rows = table::list_drift(conn, tenant, Some(DriftState::Open))?;
                let changed = mapping_changes::list_mapping_change_times(conn, tenant, since)?;
                Ok((rows, changed))
            })
            .await?;
        let kept = rows
            .into_iter()
            .filter_map(|row| {
                let stored: StoredDrift = serde_json::from_value(row.finding).ok()?;
                Some((row.mapping_id, (stored.drift.before?, row.first_seen_at)))
            })
            .collect();
        Ok((kept, changed.into_iter().collect()))
    }

    async fn keep(
        &self,
        tenant: TenantId,
        gathered: &[Gathered],
        found: Vec<Drift>,
        unclear: HashSet<MappingId>,
        at: Timestamp,
    ) -> Result<u64, CodedError> {
        let by_id: HashMap<MappingId, &SignalMapping> = gathered
            .iter()
            .map(|g| (g.mapping.id, &g.mapping))
            .collect();
        let rows: Vec<DriftRow> = found
            .into_iter()
            .filter_map(|drift| {
                let mut ids = vec![drift.mapping];
                if let Proposal::Swap { other } = &drift.proposal {
                    ids.push(*other);
                }
                let seen = ids
                    .iter()
                    .map(|id| by_id.get(id).map(|m| (*m).clone()))
                    .collect::<Option<Vec<_>>>()?;
                Some(DriftRow {
                    id: DriftFindingId::new(),
                    tenant_id: tenant,
                    fingerprint: drift.fingerprint(),
                    kind: drift.kind.word().to_owned(),
                    mapping_id: drift.mapping,
                    state: DriftState::Open,
                    finding: serde_json::to_value(StoredDrift { drift, seen }).ok()?,
                    first_seen_at: at,
                    last_seen_at: at,
                    decided_by: None,
                    decided_at: None,
                    change_id: None,
                })
            })
            .collect();
        let open = self
            .store()
            .write(move |tx| {
                for row in &rows {
                    table::record_drift(tx, tenant, row)?;
                }
                for row in table::list_drift(tx, tenant, Some(DriftState::Open))? {
                    if row.last_seen_at < at && !is_about(&row, &unclear) {
                        table::close_drift(tx, tenant, row.id)?;
                    }
                }
                table::delete_drift_before(tx, tenant, at.plus_ms(-KEPT_MS))?;
                Ok(table::list_drift(tx, tenant, Some(DriftState::Open))?.len() as u64)
            })
            .await?;
        Ok(open)
    }

    /// Findings, newest first.
    pub async fn drift_findings(
        &self,
        tenant: TenantId,
        state: Option<DriftState>,
    ) -> Result<Vec<DriftRow>, CodedError> {
        let rows = self
            .store()
            .read(move |conn| table::list_drift(conn, tenant, state))
            .await?;
        Ok(rows)
    }

    /// Applies what a finding proposes.
    ///
    /// # Errors
    /// `mapping.drift_decided`, `mapping.drift_outdated`, or why the mapping can't be what is proposed.
    pub async fn accept_drift(
        &self,
        tenant: TenantId,
        id: DriftFindingId,
        actor: &str,
    ) -> Result<DriftOutcome, CodedError> {
        let row = self.open_finding(tenant, id).await?;
        let outdated = || CodedError::conflict("mapping.drift_outdated");
        let stored: StoredDrift =
            serde_json::from_value(row.finding.clone()).map_err(|_| outdated())?;
        let seen = stored.seen.clone();
        let current = self
            .store()
            .read(move |conn| {
                seen.iter()
                    .map(|m| mappings::get_mapping(conn, tenant, m.id))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let is_as_seen = stored
            .seen
            .iter()
            .zip(&current)
            .all(|(seen, now)| now.as_ref() == Some(seen));
        if !is_as_seen {
            return Err(outdated());
        }
        let wishes = wishes_of(&stored).ok_or_else(outdated)?;
        let plan = self.settle_mappings(tenant, wishes).await?;
        if let Some(refused) = plan.errors.into_iter().next() {
            return Err(refused.error.error);
        }
        let by = ChangeBy::new(actor, ChangeOrigin::Drift);
        let applied = self.apply_mappings(tenant, plan.changes, by).await?;
        let change_id = Some(applied.change.id);
        let row = self
            .decide(tenant, id, DriftState::Accepted, actor, change_id)
            .await?;
        Ok(DriftOutcome { row, change_id })
    }

    /// Remembers that a finding is none.
    pub async fn dismiss_drift(
        &self,
        tenant: TenantId,
        id: DriftFindingId,
        actor: &str,
    ) -> Result<DriftRow, CodedError> {
        self.open_finding(tenant, id).await?;
        self.decide(tenant, id, DriftState::Dismissed, actor, None)
            .await
    }

    async fn open_finding(
        &self,
        tenant: TenantId,
        id: DriftFindingId,
    ) -> Result<DriftRow, CodedError> {
        let row = self
            .store()
            .read(move |conn| table::get_drift(conn, tenant, id))
            .await?
            .ok_or(CodedError::not_found("mappings.drift_not_found"))?;
        if row.state == DriftState::Open {
            Ok(row)
        } else {
            Err(CodedError::conflict("mapping.drift_decided"))
        }
    }

    async fn decide(
        &self,
        tenant: TenantId,
        id: DriftFindingId,
        state: DriftState,
        actor: &str,
        change: Option<MappingChangeId>,
    ) -> Result<DriftRow, CodedError> {
        let (actor, now) = (actor.to_owned(), self.clock().now());
        self.store()
            .write(move |tx| {
                table::update_drift_state(
                    tx,
                    tenant,
                    id,
                    DriftState::Open,
                    (state, &actor, now, change),
                )?;
                table::get_drift(tx, tenant, id)
            })
            .await?
            .ok_or(CodedError::not_found("mappings.drift_not_found"))
    }
}

/// Whether a finding is about one of these mappings.
fn is_about(row: &DriftRow, mappings: &HashSet<MappingId>) -> bool {
    let stored: Option<StoredDrift> = serde_json::from_value(row.finding.clone()).ok();
    let seen = stored.into_iter().flat_map(|s| s.seen);
    mappings.contains(&row.mapping_id) || seen.into_iter().any(|m| mappings.contains(&m.id))
}

/// Tenants whose mappings are looked at.
pub(crate) type Looking = parking_lot::Mutex<HashSet<TenantId>>;

/// The right to look at a tenant's mappings: one look at a time.
#[derive(Debug)]
struct Turn<'a> {
    looking: &'a Looking,
    tenant: TenantId,
}

impl<'a> Turn<'a> {
    fn take(looking: &'a Looking, tenant: TenantId) -> Result<Self, CodedError> {
        if looking.lock().insert(tenant) {
            Ok(Self { looking, tenant })
        } else {
            Err(CodedError::conflict("mapping.drift_running"))
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.looking.lock().remove(&self.tenant);
    }
}

/// What a proposal asks for.
fn wishes_of(stored: &StoredDrift) -> Option<Vec<Wish>> {
    let first = stored.seen.first()?;
    let wish =
        |line: u64, mapping: &SignalMapping, change: &dyn Fn(&mut iq_mapping::MappingDraft)| {
            let mut after = draft_of(mapping);
            change(&mut after);
            Wish {
                line,
                id: mapping.id,
                before: Some(mapping.clone()),
                after: Some(after),
            }
        };
    Some(match &stored.drift.proposal {
        Proposal::Retag { tag } => vec![wish(1, first, &|d| d.external_tag.clone_from(tag))],
        Proposal::Unit { unit } => vec![wish(1, first, &|d| d.unit.clone_from(unit))],
        Proposal::Offset { offset } => vec![wish(1, first, &|d| d.offset_value = *offset)],
        Proposal::Deactivate => vec![wish(1, first, &|d| d.is_active = false)],
        Proposal::Swap { .. } => {
            let second = stored.seen.get(1)?;
            // Unit and scaling belong to the instrument, so they go with the tag.
            let take = |from: &SignalMapping| {
                let from = from.clone();
                move |d: &mut iq_mapping::MappingDraft| {
                    d.external_tag.clone_from(&from.external_tag);
                    d.unit.clone_from(&from.unit);
                    d.scaling_factor = from.scaling_factor;
                    d.offset_value = from.offset_value;
                }
            };
            vec![wish(1, first, &take(second)), wish(2, second, &take(first))]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_is_looked_at_once_at_a_time() {
        let (looking, tenant) = (Looking::default(), TenantId::new());
        let turn = Turn::take(&looking, tenant).unwrap();
        let second = Turn::take(&looking, tenant).unwrap_err();
        assert_eq!(second.code, "mapping.drift_running");
        assert!(Turn::take(&looking, TenantId::new()).is_ok());
        drop(turn);
        assert!(Turn::take(&looking, tenant).is_ok());
    }
}
