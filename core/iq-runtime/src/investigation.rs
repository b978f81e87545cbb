//! Investigation from files alone: what their tags speak of is proposed, and after a person has agreed,
//! the assets and mappings that are missing are created. Nothing that exists is changed: new assets
//! stand in a site of their own until somebody moves them.

use std::collections::{BTreeMap, HashMap};

use iq_connector_file::KIND;
use iq_domain::{
    Asset, AssetId, CodedError, Criticality, ErrorKind, ImportId, IntegrationId, Names, Site,
    SiteId, TenantId, Unit, UnitId,
};
use iq_mapping::{
    FileTag, ImportMode, ListedMapping, ListedRow, Proposal, RowError, SuggestAsset, catalogue,
    propose,
};
use iq_store::{
    Page, StoreError, Transaction, assets, imports, mapping_changes::ChangeOrigin, sites, units,
};

use crate::{ChangeBy, IntegrationDraft, IntegrationError, Runtime, TenantIndex};

/// Files of one investigation.
pub const MAX_FILES: usize = 50;
/// Tags a person can look over.
const MAX_TAGS: usize = 2_000;
/// Where assets stand that nobody has placed yet.
const SITE: &str = "INV";
const UNIT: &str = "FILES";

/// The unit of assets nobody has placed yet, if there is one: it is no place, and what stands in it need not
/// have to do with each other.
pub(crate) fn unplaced<'a>(
    sites: &[Site],
    mut units: impl Iterator<Item = &'a Unit>,
) -> Option<UnitId> {
    let site = sites.iter().find(|s| s.code == SITE)?.id;
    let unit = units.find(|u| u.site_id == site && u.code == UNIT)?;
    Some(unit.id)
}

/// What the files of an investigation speak of.
#[derive(Clone, Debug)]
pub struct ProposedInvestigation {
    /// The integration the files belong to.
    pub integration_id: IntegrationId,
    /// Assets and signals that are missing.
    pub proposal: Proposal,
    /// Tags that have a mapping already.
    pub mapped: u64,
    /// There are more tags than are proposed at once.
    pub is_cut: bool,
}

/// What a person agreed to.
#[derive(Clone, Debug)]
pub struct InvestigationPlan {
    /// The integration the files belong to.
    pub integration_id: IntegrationId,
    /// IANA time zone of a site that is created.
    pub time_zone: String,
    /// Code and family; those that exist stay as they are.
    pub assets: Vec<(String, String)>,
    /// Signals.
    pub signals: Vec<PlannedSignal>,
}

/// A signal a person agreed to.
#[derive(Clone, Debug)]
pub struct PlannedSignal {
    /// The tag.
    pub tag: String,
    /// Code of its asset.
    pub asset_code: String,
    /// Metric.
    pub metric: String,
    /// Unit of the file; empty for the metric's own.
    pub unit: String,
}

/// What was created.
#[derive(Clone, Debug, Default)]
pub struct PreparedInvestigation {
    /// Assets.
    pub assets: u64,
    /// Mappings.
    pub mappings: u64,
    /// Tags whose mapping was refused, with the reason.
    pub refused: Vec<RowError>,
}

impl Runtime {
    /// The integration files are given to; created where there is none. Says whether it is new.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn file_source(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<(IntegrationId, bool), CodedError> {
        let index = self.tenant(tenant)?;
        let mut found: Vec<_> = index
            .integrations
            .values()
            .filter(|i| i.kind == KIND)
            .collect();
        found.sort_by_key(|i| i.id);
        if let Some(first) = found.first() {
            return Ok((first.id, false));
        }
        let draft = IntegrationDraft {
            kind: KIND.to_owned(),
            name: name.to_owned(),
            config: serde_json::json!({}),
            is_enabled: false,
        };
        let created = self.create_integration(tenant, draft, false).await;
        created.map(|i| (i.id, true)).map_err(|error| match error {
            IntegrationError::Coded(error) => error,
            // The form of this kind is complete when it is empty.
            IntegrationError::Fields(fields) => {
                tracing::error!(?fields, "The source of files could not be created.");
                CodedError::new(ErrorKind::Internal, "internal.error")
            }
        })
    }

    /// What the tags of files speak of, as far as nobody has mapped them.
    ///
    /// # Errors
    /// `imports.not_found`, or `investigation.several_sources` for files of different integrations.
    pub async fn propose_investigation(
        &self,
        tenant: TenantId,
        files: Vec<ImportId>,
    ) -> Result<ProposedInvestigation, CodedError> {
        let lessons = self.mapping_lessons(tenant).await?;
        let (source, tags) = self
            .store()
            .read(move |conn| {
                let (mut source, mut tags) = (None, BTreeMap::<String, FileTag>::new());
                for id in files {
                    let Some(file) = imports::get_import(conn, tenant, id)? else {
                        return Ok(Err(CodedError::not_found("imports.not_found")));
                    };
                    if *source.get_or_insert(file.integration_id) != file.integration_id {
                        return Ok(Err(CodedError::invalid("investigation.several_sources")));
                    }
                    for found in imports::list_tags_of_import(conn, tenant, id, Page::MAX)?.rows {
                        let has_values = !found.last_value.is_null();
                        let tag = tags.entry(found.tag.clone()).or_insert(FileTag {
                            tag: found.tag,
                            ..FileTag::default()
                        });
                        tag.has_values |= has_values;
                        tag.unit = tag.unit.take().or(found.unit);
                    }
                }
                Ok::<_, StoreError>(Ok((source, tags)))
            })
            .await??;
        let source = source.ok_or(CodedError::not_found("imports.not_found"))?;
        let index = self.tenant(tenant)?;
        let routes = index.routes.get(&source);
        let is_mapped = |tag: &str| routes.is_some_and(|r| r.contains_key(tag));
        let (known, missing): (Vec<FileTag>, Vec<FileTag>) =
            tags.into_values().partition(|t| is_mapped(&t.tag));
        let is_cut = missing.len() > MAX_TAGS;
        let proposal = tokio::task::spawn_blocking(move || {
            let asked = &missing[..missing.len().min(MAX_TAGS)];
            propose(asked, &suggest_assets(&index), &lessons)
        })
        .await
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))?;
        Ok(ProposedInvestigation {
            integration_id: source,
            proposal,
            mapped: known.len() as u64,
            is_cut,
        })
    }

    /// Creates the assets and mappings that are missing. Done again, it changes nothing.
    ///
    /// # Errors
    /// When something can't be stored; tags that are refused are told in the answer.
    pub async fn prepare_investigation(
        &self,
        tenant: TenantId,
        plan: InvestigationPlan,
        actor: &str,
    ) -> Result<PreparedInvestigation, CodedError> {
        let index = self.tenant(tenant)?;
        let source = index.integrations.get(&plan.integration_id);
        if source.is_none_or(|i| i.kind != KIND) {
            return Err(CodedError::not_found("integrations.not_found"));
        }
        let mut prepared = PreparedInvestigation::default();
        let new: BTreeMap<&str, &str> = plan
            .assets
            .iter()
            .filter(|(code, _)| !index.asset_by_code.contains_key(code))
            .map(|(code, family)| (code.as_str(), family.as_str()))
            .collect();
        if !new.is_empty() {
            let place = Place::of(&index, &plan.time_zone);
            let new: Vec<Asset> = new
                .iter()
                .map(|(code, family)| new_asset(tenant, place.unit.id, code, family))
                .collect();
            prepared.assets = new.len() as u64;
            self.store()
                .write(move |tx| place.store(tx, tenant, &new))
                .await?;
            self.plant_changed(tenant).await?;
        }
        let index = self.tenant(tenant)?;
        let rows = listed(&index, &plan);
        if rows.is_empty() {
            return Ok(prepared);
        }
        let planned = self.plan_mappings(tenant, ImportMode::Create, rows).await?;
        prepared.mappings = planned.changes.len() as u64;
        prepared.refused = planned.errors;
        if !planned.changes.is_empty() {
            let by = ChangeBy::new(actor, ChangeOrigin::Import);
            self.apply_mappings(tenant, planned.changes, by).await?;
        }
        Ok(prepared)
    }
}

fn suggest_assets(index: &TenantIndex) -> Vec<SuggestAsset> {
    let of = |entry: &crate::AssetEntry| SuggestAsset {
        id: entry.asset.id,
        code: entry.asset.code.clone(),
        family: entry.asset.family.clone(),
        names: entry.asset.names.clone(),
    };
    let mut all: Vec<SuggestAsset> = index.assets.values().map(of).collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all
}

/// The rows of tags that have no mapping yet.
fn listed(index: &TenantIndex, plan: &InvestigationPlan) -> Vec<ListedRow> {
    let routes = index.routes.get(&plan.integration_id);
    let mut seen = HashMap::new();
    (1..)
        .zip(&plan.signals)
        .filter(|(_, s)| routes.is_none_or(|r| !r.contains_key(s.tag.as_str())))
        .filter(|(_, s)| seen.insert(s.tag.clone(), ()).is_none())
        .map(|(line, s)| ListedRow {
            line,
            tag: s.tag.clone(),
            row: Ok((
                plan.integration_id,
                ListedMapping {
                    external_tag: s.tag.clone(),
                    asset_id: index.asset_by_code.get(&s.asset_code).copied(),
                    metric_name: Some(s.metric.clone()),
                    unit: Some(s.unit.clone()).filter(|u| !u.trim().is_empty()),
                    is_active: Some(true),
                    ..ListedMapping::default()
                },
            )),
        })
        .collect()
}

/// The unit of assets nobody has placed, with its site; the new ones of them.
struct Place {
    site: Option<Site>,
    is_new_unit: bool,
    unit: Unit,
}

impl Place {
    fn of(index: &TenantIndex, time_zone: &str) -> Self {
        let tenant_id = index.tenant.id;
        let found = index.sites.values().find(|s| s.code == SITE);
        let site = Site {
            id: found.map_or_else(SiteId::new, |s| s.id),
            tenant_id,
            code: SITE.to_owned(),
            names: Names {
                en: "Investigations from files".to_owned(),
                ar: "تحقيقات من الملفات".to_owned(),
            },
            time_zone: time_zone.to_owned(),
        };
        let mut in_site = index.units.values().filter(|u| u.site_id == site.id);
        let unit = in_site.find(|u| u.code == UNIT).cloned();
        Self {
            is_new_unit: unit.is_none(),
            unit: unit.unwrap_or_else(|| Unit {
                id: UnitId::new(),
                tenant_id,
                site_id: site.id,
                code: UNIT.to_owned(),
                names: Names {
                    en: "Not placed yet".to_owned(),
                    ar: "لم تُوضع بعد".to_owned(),
                },
            }),
            site: found.is_none().then_some(site),
        }
    }

    fn store(
        &self,
        tx: &Transaction<'_>,
        tenant: TenantId,
        new: &[Asset],
    ) -> Result<(), StoreError> {
        if let Some(site) = &self.site {
            sites::create_site(tx, tenant, site)?;
        }
        if self.is_new_unit {
            units::create_unit(tx, tenant, &self.unit)?;
        }
        new.iter()
            .try_for_each(|asset| assets::create_asset(tx, tenant, asset))
    }
}

fn new_asset(tenant_id: TenantId, unit_id: UnitId, code: &str, family: &str) -> Asset {
    let names = catalogue()
        .family(family)
        .map(|f| f.names.clone())
        .unwrap_or_default();
    Asset {
        id: AssetId::new(),
        tenant_id,
        unit_id,
        code: code.to_owned(),
        names: Names {
            en: format!("{} {code}", names.en).trim().to_owned(),
            ar: format!("{} {code}", names.ar).trim().to_owned(),
        },
        family: family.to_owned(),
        criticality: Criticality::Medium,
        equipment_number: None,
        functional_location: None,
        parent_id: None,
        upstream: Vec::new(),
        downstream: Vec::new(),
        note: String::new(),
        effective_from: None,
        effective_to: None,
    }
}
