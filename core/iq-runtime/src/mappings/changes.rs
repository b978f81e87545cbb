//! Changes of many mappings at once: planned against what is stored, applied all or none, recorded so
//! that they can be taken back, and remembered by the tag matcher.

use std::collections::HashMap;

use iq_domain::{
    AssetId, CodedError, ErrorKind, MappingChangeId, MappingId, SignalMapping, TenantId, Timestamp,
};
use iq_mapping::{
    Change, ImportMode, Lesson, Lessons, ListedRow, MappingPlan, Stored, TagInfo, Wish, draft_of,
    lessons_of, plan_list, settle,
};
use iq_store::{
    Page, Paged, StoreError, Transaction, all_rows, mapping_changes,
    mapping_changes::{ChangeOrigin, MappingChange, MappingChangeRow},
    mapping_lessons,
    mapping_lessons::MappingLesson,
    mappings, signals,
};

use super::{MappingError, Plan, plant_of};
use crate::{Runtime, TenantIndex};

/// Sets of changes that are kept for undoing.
const CHANGES_KEPT: u32 = 200;
/// Lessons that are kept; the ones used longest ago go first.
const LESSONS_KEPT: u32 = 20_000;
/// Features of one set of changes that are remembered: a file of 20,000 rows repeats itself.
const LESSONS_PER_CHANGE: usize = 4_000;

/// A set of changes that was applied.
#[derive(Clone, Debug)]
pub struct AppliedMappings {
    /// The set.
    pub change: MappingChange,
    /// Its rows.
    pub rows: Vec<MappingChangeRow>,
}

/// Who changes and why.
#[derive(Clone, Debug)]
pub struct ChangeBy {
    /// User name.
    pub actor: String,
    /// What made the changes.
    pub origin: ChangeOrigin,
    /// The set this one takes back.
    pub undo_of: Option<MappingChangeId>,
}

impl ChangeBy {
    /// A change of a person.
    #[must_use]
    pub fn new(actor: &str, origin: ChangeOrigin) -> Self {
        Self {
            actor: actor.to_owned(),
            origin,
            undo_of: None,
        }
    }
}

impl Runtime {
    /// What is stored, for plans: assets, signals and all mappings, also those not in use.
    pub async fn stored_mappings(&self, tenant: TenantId) -> Result<Stored, CodedError> {
        let index = self.tenant(tenant)?;
        let mappings = self
            .store()
            .read(move |conn| {
                all_rows(|page| mappings::list_mappings(conn, tenant, &Default::default(), page))
            })
            .await?;
        Ok(Stored {
            plant: plant_of(&index),
            mappings,
        })
    }

    /// Plans a list of rows.
    pub async fn plan_mappings(
        &self,
        tenant: TenantId,
        mode: ImportMode,
        rows: Vec<ListedRow>,
    ) -> Result<MappingPlan, CodedError> {
        let stored = self.stored_mappings(tenant).await?;
        blocking(move || plan_list(mode, rows, &stored)).await
    }

    /// Plans wishes for single mappings.
    pub async fn settle_mappings(
        &self,
        tenant: TenantId,
        wishes: Vec<Wish>,
    ) -> Result<MappingPlan, CodedError> {
        let stored = self.stored_mappings(tenant).await?;
        blocking(move || settle(wishes, &stored)).await
    }

    /// Makes changes, all or none, and records them. Refuses when a mapping is no longer what the plan
    /// saw.
    pub async fn apply_mappings(
        &self,
        tenant: TenantId,
        changes: Vec<Change>,
        by: ChangeBy,
    ) -> Result<AppliedMappings, CodedError> {
        let index = self.tenant(tenant)?;
        let now = self.clock().now();
        let lessons = if by.undo_of.is_some() {
            Vec::new()
        } else {
            lessons_from(&index, &changes)
        };
        let steps: Vec<Step> = changes
            .into_iter()
            .map(|change| Step::new(tenant, &index, change))
            .collect();
        let applied = self
            .store()
            .write(move |tx| {
                let rows = make(tx, tenant, steps)?;
                let applied = record(tx, tenant, by, rows, now)?;
                remember(tx, tenant, &lessons, now)?;
                Ok(applied)
            })
            .await?;
        self.plant_changed(tenant).await?;
        self.rules_changed(tenant).await?;
        Ok(applied)
    }

    /// Sets of changes, newest first.
    pub async fn mapping_changes(
        &self,
        tenant: TenantId,
        page: Page,
    ) -> Result<Paged<MappingChange>, CodedError> {
        let list = self
            .store()
            .read(move |conn| mapping_changes::list_mapping_changes(conn, tenant, page))
            .await?;
        Ok(list)
    }

    /// Takes a set of changes back, all or nothing.
    ///
    /// # Errors
    /// `mapping.undo_changed_since` when one of its mappings was changed later, `mapping.undo_blocked`
    /// when what was there no longer fits.
    pub async fn undo_mapping_change(
        &self,
        tenant: TenantId,
        id: MappingChangeId,
        actor: &str,
    ) -> Result<AppliedMappings, CodedError> {
        let found = self
            .store()
            .read(move |conn| {
                let change = mapping_changes::get_mapping_change(conn, tenant, id)?;
                let rows = mapping_changes::list_mapping_change_rows(conn, tenant, id)?;
                Ok(change.map(|change| (change, rows)))
            })
            .await?;
        let (change, rows) = found.ok_or(CodedError::not_found("mappings.change_not_found"))?;
        if change.undone_by.is_some() {
            return Err(CodedError::conflict("mapping.change_undone"));
        }
        let stored = self.stored_mappings(tenant).await?;
        let wishes = backwards(&rows, &stored)?;
        let plan = blocking(move || settle(wishes, &stored)).await?;
        if let Some(refused) = plan.errors.first() {
            return Err(CodedError::conflict("mapping.undo_blocked")
                .with("tag", &refused.tag)
                .with("reason", refused.error.error.code));
        }
        let by = ChangeBy {
            actor: actor.to_owned(),
            origin: ChangeOrigin::Undo,
            undo_of: Some(id),
        };
        self.apply_mappings(tenant, plan.changes, by).await
    }

    /// What people taught the tag matcher.
    pub async fn mapping_lessons(&self, tenant: TenantId) -> Result<Lessons, CodedError> {
        let stored = self
            .store()
            .read(move |conn| mapping_lessons::list_mapping_lessons(conn, tenant))
            .await?;
        Ok(Lessons::new(stored.into_iter().map(|l| Lesson {
            feature: l.feature,
            target: l.target,
            confirmed: l.confirmed,
            rejected: l.rejected,
        })))
    }

    /// Remembers that a suggestion was wrong (or right, where nothing is stored for it).
    pub async fn teach_mapping(
        &self,
        tenant: TenantId,
        tag: &TagInfo,
        (asset, metric): (AssetId, &str),
        is_confirmed: bool,
    ) -> Result<(), CodedError> {
        let index = self.tenant(tenant)?;
        let family = index
            .assets
            .get(&asset)
            .map(|entry| entry.asset.family.clone())
            .ok_or(CodedError::not_found("assets.not_found"))?;
        let lessons = lessons_of(tag, asset, &family, metric, is_confirmed);
        let now = self.clock().now();
        self.store()
            .write(move |tx| remember(tx, tenant, &lessons, now))
            .await?;
        Ok(())
    }
}

/// Planning 20,000 rows takes long enough to hold up other requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CodedError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))
}

/// The wishes that lead back to before a set of changes.
fn backwards(rows: &[MappingChangeRow], stored: &Stored) -> Result<Vec<Wish>, CodedError> {
    let current: HashMap<MappingId, &SignalMapping> =
        stored.mappings.iter().map(|m| (m.id, m)).collect();
    let changed: Vec<&MappingChangeRow> = rows
        .iter()
        .filter(|row| current.get(&row.mapping_id).copied() != row.after.as_ref())
        .collect();
    if let Some(first) = changed.first() {
        let side = first.after.as_ref().or(first.before.as_ref());
        let tag = side.map_or("", |m| m.external_tag.as_str());
        return Err(CodedError::conflict("mapping.undo_changed_since")
            .with("count", changed.len())
            .with("tag", tag));
    }
    Ok((1..)
        .zip(rows)
        .map(|(line, row)| Wish {
            line,
            before: row.after.clone(),
            after: row.before.as_ref().map(draft_of),
            id: row.mapping_id,
        })
        .collect())
}

/// One mapping about to change.
struct Step {
    before: Option<SignalMapping>,
    after: Option<Plan>,
}

impl Step {
    fn new(tenant: TenantId, index: &TenantIndex, change: Change) -> Self {
        let id = change.id;
        let after = change
            .after
            .map(|valid| Plan::new(tenant, index, id, valid, None));
        Self {
            before: change.before,
            after,
        }
    }
}

/// Makes the changes. What changes is taken out first: on the way two mappings may want one place.
fn make(
    tx: &Transaction<'_>,
    tenant: TenantId,
    steps: Vec<Step>,
) -> Result<Vec<MappingChangeRow>, StoreError> {
    for before in steps.iter().filter_map(|step| step.before.as_ref()) {
        let current = mappings::get_mapping(tx, tenant, before.id)?;
        if current.as_ref() != Some(before) {
            let error = CodedError::conflict("mapping.changed_meanwhile");
            return Err(error.with("tag", &before.external_tag).into());
        }
        mappings::delete_mapping(tx, tenant, before.id)?;
    }
    let mut rows = Vec::with_capacity(steps.len());
    for Step { before, after } in steps {
        let after = match after {
            Some(mut plan) => {
                adopt_signal(tx, tenant, &mut plan)?;
                Some(plan.store(tx)?)
            }
            None => None,
        };
        let side = after.as_ref().or(before.as_ref());
        let Some(mapping_id) = side.map(|m| m.id) else {
            continue;
        };
        rows.push(MappingChangeRow {
            mapping_id,
            before,
            after,
        });
    }
    Ok(rows)
}

/// Two rows may be for one new metric, one of them not in use: the second finds the signal of the first.
fn adopt_signal(tx: &Transaction<'_>, tenant: TenantId, plan: &mut Plan) -> Result<(), StoreError> {
    if plan.signal_unit.is_none() {
        return Ok(());
    }
    let m = &mut plan.mapping;
    if let Some(signal) = signals::get_signal_by_metric(tx, tenant, m.asset_id, &m.metric_name)? {
        m.signal_id = signal.id;
        plan.signal_unit = None;
        plan.rules.clear();
    }
    Ok(())
}

fn record(
    tx: &Transaction<'_>,
    tenant: TenantId,
    by: ChangeBy,
    rows: Vec<MappingChangeRow>,
    at: Timestamp,
) -> Result<AppliedMappings, StoreError> {
    let count =
        |test: fn(&MappingChangeRow) -> bool| rows.iter().filter(|row| test(row)).count() as u64;
    let change = MappingChange {
        id: MappingChangeId::new(),
        tenant_id: tenant,
        at,
        actor: by.actor,
        origin: by.origin,
        added: count(|row| row.before.is_none()),
        changed: count(|row| row.before.is_some() && row.after.is_some()),
        removed: count(|row| row.after.is_none()),
        undo_of: by.undo_of,
        undone_by: None,
    };
    mapping_changes::create_mapping_change(tx, tenant, &change, &rows)?;
    note_undone(tx, tenant, change.id, by.undo_of)?;
    mapping_changes::delete_old_mapping_changes(tx, tenant, CHANGES_KEPT)?;
    Ok(AppliedMappings { change, rows })
}

/// Writes down what a set of changes takes back. Taking back an undo puts what that had taken back in
/// force again, and so on along a row of undoes.
fn note_undone(
    tx: &Transaction<'_>,
    tenant: TenantId,
    by: MappingChangeId,
    undone: Option<MappingChangeId>,
) -> Result<(), StoreError> {
    let (mut by, mut next) = (Some(by), undone);
    while let Some(id) = next {
        // The oldest sets are forgotten; a row of undoes may begin before them.
        let Some(set) = mapping_changes::get_mapping_change(tx, tenant, id)? else {
            break;
        };
        mapping_changes::update_mapping_change_undone(tx, tenant, id, by)?;
        by = by.is_none().then_some(id);
        next = set.undo_of;
    }
    Ok(())
}

/// What the changes teach: every tag that got a target it did not have.
fn lessons_from(index: &TenantIndex, changes: &[Change]) -> Vec<Lesson> {
    let mut counts: HashMap<(String, String), u32> = HashMap::new();
    for change in changes {
        let Some(valid) = &change.after else { continue };
        let d = &valid.draft;
        let is_known = change
            .before
            .as_ref()
            .is_some_and(|b| b.asset_id == d.asset_id && b.metric_name == d.metric_name);
        let Some(entry) = index.assets.get(&d.asset_id).filter(|_| !is_known) else {
            continue;
        };
        let tag = TagInfo::of_tag(&d.external_tag);
        for lesson in lessons_of(&tag, d.asset_id, &entry.asset.family, &d.metric_name, true) {
            if counts.len() >= LESSONS_PER_CHANGE {
                break;
            }
            *counts.entry((lesson.feature, lesson.target)).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|((feature, target), confirmed)| Lesson {
            feature,
            target,
            confirmed,
            rejected: 0,
        })
        .collect()
}

fn remember(
    tx: &Transaction<'_>,
    tenant: TenantId,
    lessons: &[Lesson],
    at: Timestamp,
) -> Result<(), StoreError> {
    for lesson in lessons {
        let row = MappingLesson {
            feature: lesson.feature.clone(),
            target: lesson.target.clone(),
            confirmed: lesson.confirmed,
            rejected: lesson.rejected,
        };
        mapping_lessons::add_mapping_lesson(tx, tenant, &row, at)?;
    }
    mapping_lessons::delete_old_mapping_lessons(tx, tenant, LESSONS_KEPT).map(drop)
}

impl Runtime {
    /// Creates one mapping as a person asked for it.
    pub async fn create_mapping_by(
        &self,
        tenant: TenantId,
        draft: iq_mapping::MappingDraft,
        actor: &str,
    ) -> Result<SignalMapping, MappingError> {
        let valid = self.validate_mapping(tenant, draft, None)?;
        self.one(tenant, None, Some(valid), actor).await
    }

    /// Changes one mapping. Its asset and metric may change: values from now on go to the other signal,
    /// what is stored stays where it is.
    pub async fn update_mapping_by(
        &self,
        tenant: TenantId,
        before: SignalMapping,
        draft: iq_mapping::MappingDraft,
        actor: &str,
    ) -> Result<SignalMapping, MappingError> {
        let valid = self.validate_mapping(tenant, draft, Some(before.id))?;
        self.one(tenant, Some(before), Some(valid), actor).await
    }

    /// Deletes one mapping; the history stays with its signal.
    pub async fn delete_mapping_by(
        &self,
        tenant: TenantId,
        before: SignalMapping,
        actor: &str,
    ) -> Result<(), MappingError> {
        self.one(tenant, Some(before), None, actor).await.map(drop)
    }

    async fn one(
        &self,
        tenant: TenantId,
        before: Option<SignalMapping>,
        after: Option<iq_mapping::ValidMapping>,
        actor: &str,
    ) -> Result<SignalMapping, MappingError> {
        let change = Change {
            line: 1,
            id: before.as_ref().map_or_else(MappingId::new, |b| b.id),
            before,
            after,
        };
        let by = ChangeBy::new(actor, ChangeOrigin::Form);
        let applied = self.apply_mappings(tenant, vec![change], by).await?;
        let row = applied.rows.into_iter().next();
        row.and_then(|row| row.after.or(row.before))
            .ok_or_else(|| CodedError::new(ErrorKind::Internal, "internal.error").into())
    }
}
