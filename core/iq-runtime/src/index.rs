//! The plant in memory: assets, signals, mappings and rules of all tenants, as the data path needs
//! them. It is rebuilt from the store after every change and swapped in whole, so that a reader never
//! sees half of a change.

use std::{collections::HashMap, sync::Arc};

use iq_domain::{
    AlertRule, Asset, AssetId, FamilyTemplate, Integration, IntegrationId, Limits, MetricTemplate,
    RuleCondition, Signal, SignalId, SignalKind, SignalMapping, Site, SiteId, Tenant, TenantId,
    Unit, UnitId,
};

/// A tenant's plant.
#[derive(Debug)]
pub struct TenantIndex {
    /// The tenant.
    pub tenant: Tenant,
    /// Sites.
    pub sites: HashMap<SiteId, Site>,
    /// Units.
    pub units: HashMap<UnitId, Unit>,
    /// Assets.
    pub assets: HashMap<AssetId, AssetEntry>,
    /// Asset ids by code.
    pub asset_by_code: HashMap<String, AssetId>,
    /// Signals.
    pub signals: HashMap<SignalId, SignalEntry>,
    /// Integrations.
    pub integrations: HashMap<IntegrationId, Integration>,
    /// Mappings by source and tag; the data path's table.
    pub routes: Routes,
    /// Rules by signal.
    pub rules: HashMap<SignalId, Vec<Arc<AlertRule>>>,
    /// Who stands next to whom.
    pub topology: iq_blackbox::Topology,
}

/// An asset with what belongs to it.
#[derive(Debug)]
pub struct AssetEntry {
    /// The asset.
    pub asset: Asset,
    /// Its site.
    pub site_id: SiteId,
    /// Its family's template, if the family is known.
    pub template: Option<&'static FamilyTemplate>,
    /// Its signals.
    pub signals: Vec<SignalId>,
    /// The signal that tells whether it runs.
    pub running: Option<RunningSource>,
    /// Assets up- and downstream of it, and the other assets of its unit.
    pub neighbours: Vec<AssetId>,
}

/// A signal with its mapping and limits.
#[derive(Debug)]
pub struct SignalEntry {
    /// The signal.
    pub signal: Signal,
    /// The active mapping that feeds it.
    pub mapping: Option<Arc<Route>>,
    /// Template of its metric.
    pub metric: Option<&'static MetricTemplate>,
    /// Limits in force: of its enabled limit rule, else none.
    pub limits: Limits,
    /// An engineer confirmed the limits.
    pub limits_confirmed: bool,
    /// Where the limits come from.
    pub limits_source: String,
}

/// What tells whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunningSource {
    /// The signal.
    pub signal_id: SignalId,
    /// It runs where the value is at least this.
    pub runs_at: f64,
    /// A state signal, not a current that stands in for one.
    pub is_state: bool,
}

/// A mapping ready for the data path.
#[derive(Debug)]
pub struct Route {
    /// The mapping.
    pub mapping: SignalMapping,
    /// Number of its signal in the historian.
    pub signal_no: u32,
    /// Scale, offset and unit conversion, prepared.
    pub conversion: iq_mapping::Conversion,
}

/// What the store knows of one tenant.
pub(crate) struct TenantRows {
    pub(crate) tenant: Tenant,
    pub(crate) sites: Vec<Site>,
    pub(crate) units: Vec<Unit>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) integrations: Vec<Integration>,
    pub(crate) mappings: Vec<SignalMapping>,
    pub(crate) rules: Vec<AlertRule>,
}

impl AssetEntry {
    /// Time after a start before limits and scores apply.
    #[must_use]
    pub fn settle_ms(&self) -> i64 {
        self.template.map_or(0, |t| i64::from(t.settle_s) * 1_000)
    }
}

impl TenantIndex {
    /// Builds the index of a tenant from its rows.
    pub(crate) fn build(rows: TenantRows) -> Self {
        let TenantRows {
            tenant,
            sites,
            units,
            assets,
            signals,
            integrations,
            mappings,
            rules,
        } = rows;
        let units: HashMap<UnitId, Unit> = units.into_iter().map(|u| (u.id, u)).collect();
        let rules = rules_by_signal(rules);
        let asset_by_code: HashMap<String, AssetId> =
            assets.iter().map(|a| (a.code.clone(), a.id)).collect();
        let unplaced = crate::investigation::unplaced(&sites, units.values());
        let topology = topology(&assets, &asset_by_code, unplaced);
        let (routes, feeding) = routes(&signals, mappings);
        let mut entries = asset_entries(assets, &units, &asset_by_code);
        let by_id = signal_entries(signals, &mut entries, feeding, &rules);
        order_signals(&mut entries, &by_id);
        Self {
            tenant,
            sites: sites.into_iter().map(|s| (s.id, s)).collect(),
            units,
            assets: entries,
            asset_by_code,
            signals: by_id,
            topology,
            integrations: integrations.into_iter().map(|i| (i.id, i)).collect(),
            routes,
            rules,
        }
    }

    /// External tags to read from an integration.
    #[must_use]
    pub fn tags_of(&self, integration: IntegrationId) -> Vec<Arc<str>> {
        let mut tags: Vec<Arc<str>> = self
            .routes
            .get(&integration)
            .into_iter()
            .flat_map(HashMap::keys)
            .cloned()
            .collect();
        tags.sort_unstable();
        tags
    }

    /// The unit each external tag of an integration is mapped from, where it is one of numbers.
    #[must_use]
    pub fn units_of(&self, integration: IntegrationId) -> HashMap<Arc<str>, String> {
        let is_of_numbers = |unit: &str| {
            iq_mapping::find_unit(unit).is_some_and(|u| u.dimension != iq_domain::Dimension::Text)
        };
        let tags = self.routes.get(&integration).into_iter().flatten();
        tags.filter_map(|(tag, routes)| {
            let unit = &routes.first()?.mapping.unit;
            let is_stated = !unit.trim().is_empty() && is_of_numbers(unit);
            is_stated.then(|| (Arc::clone(tag), unit.clone()))
        })
        .collect()
    }

    /// The asset's derived signal of a metric ("health", "anomaly"), if it exists yet.
    #[must_use]
    pub fn derived(&self, asset: AssetId, metric: &str) -> Option<&SignalEntry> {
        self.assets
            .get(&asset)?
            .signals
            .iter()
            .filter_map(|id| self.signals.get(id))
            .find(|s| s.signal.kind == SignalKind::Derived && s.signal.metric == metric)
    }
}

/// Mappings by source and tag.
pub type Routes = HashMap<IntegrationId, HashMap<Arc<str>, Vec<Arc<Route>>>>;

/// The data path's table, and which mapping feeds which signal.
fn routes(
    signals: &[Signal],
    mappings: Vec<SignalMapping>,
) -> (Routes, HashMap<SignalId, Arc<Route>>) {
    let numbers: HashMap<SignalId, (u32, String)> = signals
        .iter()
        .map(|s| (s.id, (s.signal_no, s.unit.clone())))
        .collect();
    let mut routes = Routes::new();
    let mut feeding: HashMap<SignalId, Arc<Route>> = HashMap::new();
    for mapping in mappings.into_iter().filter(|m| m.is_active) {
        let Some((signal_no, signal_unit)) = numbers.get(&mapping.signal_id).cloned() else {
            continue;
        };
        // A mapping is validated before it is stored; a catalogue that lost a unit stops it here.
        let Ok(conversion) = iq_mapping::Conversion::new(&mapping, &signal_unit) else {
            tracing::error!(mapping = %mapping.id, "The unit of a stored mapping is unknown.");
            continue;
        };
        let tag: Arc<str> = mapping.external_tag.as_str().into();
        let (integration, signal) = (mapping.integration_id, mapping.signal_id);
        let route = Arc::new(Route {
            mapping,
            signal_no,
            conversion,
        });
        feeding.insert(signal, Arc::clone(&route));
        routes
            .entry(integration)
            .or_default()
            .entry(tag)
            .or_default()
            .push(route);
    }
    (routes, feeding)
}

fn asset_entries(
    assets: Vec<Asset>,
    units: &HashMap<UnitId, Unit>,
    by_code: &HashMap<String, AssetId>,
) -> HashMap<AssetId, AssetEntry> {
    let catalogue = iq_mapping::catalogue();
    let neighbours = neighbours(&assets, by_code);
    assets
        .into_iter()
        .filter_map(|asset| {
            let site_id = units.get(&asset.unit_id)?.site_id;
            let template = catalogue.family(&asset.family);
            let id = asset.id;
            let neighbours = neighbours.get(&id).cloned().unwrap_or_default();
            Some((
                id,
                AssetEntry {
                    asset,
                    site_id,
                    template,
                    signals: Vec::new(),
                    running: None,
                    neighbours,
                },
            ))
        })
        .collect()
}

fn signal_entries(
    signals: Vec<Signal>,
    entries: &mut HashMap<AssetId, AssetEntry>,
    mut feeding: HashMap<SignalId, Arc<Route>>,
    rules: &HashMap<SignalId, Vec<Arc<AlertRule>>>,
) -> HashMap<SignalId, SignalEntry> {
    let mut by_id = HashMap::with_capacity(signals.len());
    for signal in signals {
        let Some(entry) = entries.get_mut(&signal.asset_id) else {
            continue;
        };
        entry.signals.push(signal.id);
        let metric = entry
            .template
            .and_then(|t| t.metrics.iter().find(|m| m.metric == signal.metric));
        let mapping = feeding.remove(&signal.id);
        let (limits, limits_confirmed, limits_source) =
            limits_in_force(rules.get(&signal.id).map_or(&[][..], Vec::as_slice));
        if mapping.is_some()
            && let Some(source) = metric.and_then(|m| running_source(signal.id, m, &limits))
            && entry.running.is_none_or(|known| !known.is_state)
        {
            entry.running = Some(source);
        }
        by_id.insert(
            signal.id,
            SignalEntry {
                signal,
                mapping,
                metric,
                limits,
                limits_confirmed,
                limits_source,
            },
        );
    }
    by_id
}

/// Share of a current's high limit above which the machine runs.
const RUNNING_SHARE_OF_LIMIT: f64 = 0.2;

/// The same where nobody has set a limit: a share of the drawn scale, above the zero noise of a
/// current transformer and below the no-load current of any motor.
const RUNNING_SHARE_OF_SCALE: f64 = 0.02;

fn running_source(
    signal_id: SignalId,
    metric: &MetricTemplate,
    limits: &Limits,
) -> Option<RunningSource> {
    if metric.is_running_state {
        return Some(RunningSource {
            signal_id,
            runs_at: iq_analytics::STATE_THRESHOLD,
            is_state: true,
        });
    }
    if !metric.is_running_proxy {
        return None;
    }
    let of_limit = limits
        .high
        .or(limits.high_high)
        .map(|limit| limit * RUNNING_SHARE_OF_LIMIT);
    let runs_at = of_limit.or_else(|| metric.scale_high.map(|top| top * RUNNING_SHARE_OF_SCALE))?;
    Some(RunningSource {
        signal_id,
        runs_at,
        is_state: false,
    })
}

/// Template order: the metric a card shows first comes first; custom metrics follow by name.
fn order_signals(
    entries: &mut HashMap<AssetId, AssetEntry>,
    signals: &HashMap<SignalId, SignalEntry>,
) {
    for entry in entries.values_mut() {
        let template = entry.template;
        let place = |id: &SignalId| {
            let metric = signals.get(id).map_or("", |s| s.signal.metric.as_str());
            let rank = template
                .and_then(|t| t.metrics.iter().position(|m| m.metric == metric))
                .unwrap_or(usize::MAX);
            (rank, metric.to_owned())
        };
        entry.signals.sort_by_cached_key(place);
    }
}

fn rules_by_signal(rules: Vec<AlertRule>) -> HashMap<SignalId, Vec<Arc<AlertRule>>> {
    let mut by_signal: HashMap<SignalId, Vec<Arc<AlertRule>>> = HashMap::new();
    for rule in rules {
        by_signal
            .entry(rule.signal_id)
            .or_default()
            .push(Arc::new(rule));
    }
    by_signal
}

fn limits_in_force(rules: &[Arc<AlertRule>]) -> (Limits, bool, String) {
    rules
        .iter()
        .filter(|r| r.is_enabled)
        .find_map(|rule| match rule.condition {
            RuleCondition::Limit { limits } => {
                Some((limits, rule.is_confirmed, rule.source.clone()))
            }
            _ => None,
        })
        .unwrap_or_default()
}

fn topology(
    assets: &[Asset],
    by_code: &HashMap<String, AssetId>,
    unplaced: Option<UnitId>,
) -> iq_blackbox::Topology {
    let mut topology = iq_blackbox::Topology::default();
    for asset in assets {
        if Some(asset.unit_id) == unplaced {
            topology.add_unplaced(asset.id);
        } else {
            topology.add_asset(asset.id, asset.unit_id);
        }
        let linked = asset
            .upstream
            .iter()
            .chain(&asset.downstream)
            .filter_map(|c| by_code.get(c));
        linked
            .chain(&asset.parent_id)
            .for_each(|other| topology.connect(asset.id, *other));
    }
    topology
}

fn neighbours(
    assets: &[Asset],
    by_code: &HashMap<String, AssetId>,
) -> HashMap<AssetId, Vec<AssetId>> {
    let mut of_unit: HashMap<UnitId, Vec<AssetId>> = HashMap::new();
    for asset in assets {
        of_unit.entry(asset.unit_id).or_default().push(asset.id);
    }
    assets
        .iter()
        .map(|asset| {
            let linked = asset
                .upstream
                .iter()
                .chain(&asset.downstream)
                .filter_map(|c| by_code.get(c));
            let mut ids: Vec<AssetId> = linked
                .chain(of_unit.get(&asset.unit_id).into_iter().flatten())
                .copied()
                .filter(|id| *id != asset.id)
                .collect();
            ids.sort_unstable();
            ids.dedup();
            (asset.id, ids)
        })
        .collect()
}

/// All tenants.
#[derive(Debug, Default)]
pub struct PlantIndex {
    /// By id.
    pub tenants: HashMap<TenantId, Arc<TenantIndex>>,
}

impl PlantIndex {
    /// A tenant's index.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<Arc<TenantIndex>> {
        self.tenants.get(&id).cloned()
    }
}
