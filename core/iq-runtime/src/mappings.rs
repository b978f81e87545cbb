//! Use cases around the signal mapping: validate, create with signal and default rules, change, delete.

mod changes;

use std::collections::HashMap;

use iq_domain::{
    AlertRule, AssetId, CodedError, Limits, MappingId, RuleId, SignalId, SignalKind, SignalMapping,
    TenantId,
};
use iq_mapping::{FieldError, Known, KnownAsset, MappingDraft, ValidMapping, default_rules};
use iq_store::{StoreError, Transaction, alert_rules, mappings, signals, signals::NewSignal};

use crate::{Runtime, TenantIndex};
pub use changes::{AppliedMappings, ChangeBy};

/// Why mappings can't be saved.
#[derive(Clone, Debug)]
pub enum MappingError {
    /// Fields of the draft at this place are wrong.
    Fields {
        /// Place in the list of drafts.
        row: usize,
        /// What is wrong.
        errors: Vec<FieldError>,
    },
    /// Anything else.
    Coded(CodedError),
}

impl<E: Into<CodedError>> From<E> for MappingError {
    fn from(error: E) -> Self {
        Self::Coded(error.into())
    }
}

/// A mapping to create, with limits that replace the family's defaults where the source states its own.
#[derive(Clone, Debug)]
pub struct NewMapping {
    /// The draft.
    pub draft: MappingDraft,
    /// Limits the source system has for the tag; `None` takes the family's defaults.
    pub limits: Option<(Limits, String)>,
}

impl Runtime {
    /// Checks a draft against what is stored.
    pub fn validate_mapping(
        &self,
        tenant: TenantId,
        draft: MappingDraft,
        editing: Option<MappingId>,
    ) -> Result<ValidMapping, MappingError> {
        let index = self.tenant(tenant)?;
        check_source(&index, &draft)?;
        iq_mapping::validate(draft, &known(&index), editing)
            .map_err(|errors| MappingError::Fields { row: 0, errors })
    }

    /// Creates mappings, all or none, with their signals and the default rules of new signals.
    pub async fn create_mappings(
        &self,
        tenant: TenantId,
        new: Vec<NewMapping>,
    ) -> Result<Vec<SignalMapping>, MappingError> {
        let index = self.tenant(tenant)?;
        let mut known = known(&index);
        let mut plans = Vec::with_capacity(new.len());
        for (row, NewMapping { draft, limits }) in new.into_iter().enumerate() {
            check_source(&index, &draft)?;
            let valid = iq_mapping::validate(draft, &known, None)
                .map_err(|errors| MappingError::Fields { row, errors })?;
            let id = MappingId::new();
            let d = &valid.draft;
            known.add_mapping(
                id,
                d.integration_id,
                &d.external_tag,
                d.asset_id,
                &d.metric_name,
            );
            plans.push(Plan::new(tenant, &index, id, valid, limits));
        }
        let created = self
            .store()
            .write(move |tx| plans.into_iter().map(|plan| plan.store(tx)).collect())
            .await?;
        self.plant_changed(tenant).await?;
        self.rules_changed(tenant).await?;
        Ok(created)
    }
}

/// The source must be the tenant's own; a foreign id looks like an unknown one.
fn check_source(index: &TenantIndex, draft: &MappingDraft) -> Result<(), CodedError> {
    if index.integrations.contains_key(&draft.integration_id) {
        Ok(())
    } else {
        Err(CodedError::not_found("integrations.not_found"))
    }
}

/// Assets, and signals whose unit is fixed; without mappings.
fn plant_of(index: &TenantIndex) -> Known {
    let mut known = Known::new(index.assets.values().map(|entry| KnownAsset {
        id: entry.asset.id,
        code: entry.asset.code.clone(),
        family: entry.asset.family.clone(),
    }));
    for entry in index.signals.values() {
        let signal = &entry.signal;
        known.add_signal(signal.asset_id, &signal.metric, &signal.unit);
    }
    known
}

fn known(index: &TenantIndex) -> Known {
    let mut known = plant_of(index);
    for entry in index.signals.values() {
        if let Some(route) = &entry.mapping {
            let m = &route.mapping;
            known.add_mapping(
                m.id,
                m.integration_id,
                &m.external_tag,
                m.asset_id,
                &m.metric_name,
            );
        }
    }
    known
}

/// A mapping about to be stored.
struct Plan {
    mapping: SignalMapping,
    /// The signal to create, where the asset has none of that metric yet.
    signal_unit: Option<String>,
    rules: Vec<AlertRule>,
}

impl Plan {
    fn new(
        tenant_id: TenantId,
        index: &TenantIndex,
        id: MappingId,
        valid: ValidMapping,
        limits: Option<(Limits, String)>,
    ) -> Self {
        let ValidMapping {
            draft, signal_unit, ..
        } = valid;
        let existing = find_signal(index, draft.asset_id, &draft.metric_name);
        let signal_id = existing.unwrap_or_else(SignalId::new);
        let rules = if existing.is_some() {
            Vec::new()
        } else {
            new_rules(tenant_id, index, &draft, signal_id, limits)
        };
        Self {
            mapping: SignalMapping {
                id,
                tenant_id,
                integration_id: draft.integration_id,
                external_tag: draft.external_tag,
                asset_id: draft.asset_id,
                metric_name: draft.metric_name,
                signal_id,
                unit: draft.unit,
                scaling_factor: draft.scaling_factor,
                offset_value: draft.offset_value,
                metadata_json: draft.metadata_json,
                is_active: draft.is_active,
            },
            signal_unit: existing.is_none().then_some(signal_unit),
            rules,
        }
    }

    fn prepare(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let m = &self.mapping;
        if let Some(unit) = &self.signal_unit {
            let signal = NewSignal {
                id: m.signal_id,
                asset_id: m.asset_id,
                metric: m.metric_name.clone(),
                unit: unit.clone(),
                kind: SignalKind::Measured,
            };
            signals::create_signal(tx, m.tenant_id, &signal)?;
        }
        self.rules
            .iter()
            .try_for_each(|rule| alert_rules::create_alert_rule(tx, m.tenant_id, rule))
    }

    fn store(self, tx: &Transaction<'_>) -> Result<SignalMapping, StoreError> {
        self.prepare(tx)?;
        mappings::create_mapping(tx, self.mapping.tenant_id, &self.mapping)?;
        Ok(self.mapping)
    }
}

fn find_signal(index: &TenantIndex, asset: AssetId, metric: &str) -> Option<SignalId> {
    let entry = index.assets.get(&asset)?;
    entry.signals.iter().copied().find(|id| {
        index
            .signals
            .get(id)
            .is_some_and(|s| s.signal.metric == metric)
    })
}

fn new_rules(
    tenant_id: TenantId,
    index: &TenantIndex,
    draft: &MappingDraft,
    signal_id: SignalId,
    limits: Option<(Limits, String)>,
) -> Vec<AlertRule> {
    let template = index
        .assets
        .get(&draft.asset_id)
        .and_then(|entry| entry.template)
        .and_then(|t| t.metrics.iter().find(|m| m.metric == draft.metric_name));
    let Some(template) = template else {
        return Vec::new();
    };
    let mut template = template.clone();
    let (limits, source) = match limits {
        Some((limits, source)) => {
            // The dead-band is a share of the span: of this machine's, not of the family's.
            template.scale_low = None;
            template.scale_high = None;
            (limits, Some(source))
        }
        None => (template.limits, None),
    };
    default_rules(&template, &limits)
        .into_iter()
        .map(|rule| AlertRule {
            id: RuleId::new(),
            tenant_id,
            asset_id: draft.asset_id,
            signal_id,
            metric: draft.metric_name.clone(),
            condition: rule.condition,
            on_delay_s: rule.on_delay_s,
            off_delay_s: rule.off_delay_s,
            deadband: rule.deadband,
            is_enabled: true,
            is_confirmed: rule.is_confirmed,
            source: source.clone().unwrap_or(rule.source),
        })
        .collect()
}

/// Number of active mappings per asset.
#[must_use]
pub fn mapped_per_asset(index: &TenantIndex) -> HashMap<AssetId, u64> {
    let mut counts = HashMap::new();
    for signal in index.signals.values().filter(|s| s.mapping.is_some()) {
        *counts.entry(signal.signal.asset_id).or_insert(0) += 1;
    }
    counts
}
