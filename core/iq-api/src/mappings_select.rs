//! Choosing tags by a pattern, refusing a suggestion, and what is mapped of what is expected.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    MappingCoverage, MissingMetric, PatternSyntax, RejectSuggestion, SelectRequest, SelectedTag,
    SelectedTags,
};
use iq_domain::{AssetId, CodedError, MappingId, Permission, SignalKind, SiteId, Timestamp};
use iq_mapping::{Suggester, Syntax, TagInfo, TagParts, TagPattern, folded};
use iq_runtime::{AssetEntry, ListedTag, TagList, TenantIndex};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Query, Route, get, post},
    integrations,
    mappings::suggester,
    sources::TAG_CHARS,
    state::ApiState,
};

/// Most tags a person may paste.
const MAX_PASTED: usize = 20_000;
const PASTE_CAP: usize = 8 * 1024 * 1024;
/// Most tags that are handed back.
const MAX_SELECTED: usize = 5_000;
/// Most nodes of a source that are looked at.
const MAX_NODES: usize = 20_000;
/// A mapped metric without a good value for this long is called silent.
const SILENT_MS: i64 = 24 * 3_600_000;
/// Guesses closer than this are as good as each other.
const TIE: f64 = 0.02;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{MappingsRead, MappingsWrite};
    vec![
        post(
            "/api/integrations/mappings/select",
            MappingsWrite,
            select_tags,
        )
        .body::<SelectRequest>()
        .cap(PASTE_CAP)
        .answer::<SelectedTags>()
        .says("Choose tags of a source, or of a list, by a pattern"),
        post(
            "/api/integrations/mappings/suggest/reject",
            MappingsWrite,
            reject_suggestion,
        )
        .body::<RejectSuggestion>()
        .status(204)
        .audits("mappings.reject_suggestion")
        .says("Remember that a suggestion was wrong"),
        get(
            "/api/integrations/mappings/coverage",
            MappingsRead,
            mapping_coverage,
        )
        .query::<CoverageQuery>()
        .list::<MappingCoverage>()
        .says("What is mapped of what each asset's family expects"),
    ]
}

async fn select_tags(
    State(state): State<ApiState>,
    caller: Caller,
    Body(request): Body<SelectRequest>,
) -> Answer<Json<SelectedTags>> {
    integrations::own(&state, &caller, request.integration_id)?;
    let syntax = match request.syntax {
        PatternSyntax::Glob => Syntax::Glob,
        PatternSyntax::Regex => Syntax::Regex,
    };
    let pattern = match request.pattern.trim() {
        "" => None,
        text => Some(TagPattern::new(syntax, text)?),
    };
    let source = request.integration_id;
    let list = if request.tags.is_empty() {
        state
            .runtime
            .list_tags(caller.tenant_id, source, MAX_NODES)
            .await?
    } else {
        pasted(request.tags)?
    };
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, request.asset_id)?;
    let stored = state.runtime.stored_mappings(caller.tenant_id).await?;
    let lessons = state.runtime.mapping_lessons(caller.tenant_id).await?;
    let selected = tokio::task::spawn_blocking(move || {
        let mapped: HashMap<&str, MappingId> = stored
            .mappings
            .iter()
            .filter(|m| m.integration_id == source)
            .map(|m| (m.external_tag.as_str(), m.id))
            .collect();
        let matcher = request.asset_id.map(|asset| Matcher {
            suggester: suggester(&plant, lessons),
            asset,
        });
        choose(&plant, &mapped, &list, pattern.as_ref(), matcher.as_ref())
    })
    .await
    .map_err(|_| Failure::internal())?;
    Ok(Json(selected))
}

/// A pasted list: one tag a line, once each.
fn pasted(tags: Vec<String>) -> Answer<TagList> {
    if tags.len() > MAX_PASTED {
        let error = CodedError::invalid("mapping.file_too_long").with("max", MAX_PASTED);
        return Err(Failure::from(error));
    }
    let mut check = Check::new();
    let mut seen = std::collections::HashSet::new();
    let mut list = Vec::new();
    for tag in tags {
        let tag = tag.trim();
        if tag.is_empty() || !seen.insert(tag.to_owned()) {
            continue;
        }
        check.line("tags", tag, TAG_CHARS);
        list.push(ListedTag {
            tag: tag.to_owned(),
            name: TagInfo::of_tag(tag).name,
            unit: None,
            description: None,
        });
    }
    check.done()?;
    Ok(TagList {
        looked_at: list.len() as u64,
        tags: list,
        is_complete: true,
    })
}

/// Finds the tags of an asset by what the source says of them, not by their names alone: instruments
/// are numbered by their loops, and only the description names the machine.
struct Matcher {
    suggester: Suggester,
    asset: AssetId,
}

impl Matcher {
    fn is_of_asset(&self, tag: &ListedTag) -> bool {
        let info = TagInfo {
            name: tag.name.clone(),
            path: tag.tag.clone(),
            description: tag.description.clone().unwrap_or_default(),
            unit: tag.unit.clone().unwrap_or_default(),
        };
        let found = self.suggester.suggest(&info);
        let best = found.first().map_or(0.0, |s| s.score);
        // A guess as good as the best counts: which of two it is, a person decides in the review.
        found
            .iter()
            .any(|s| s.asset == self.asset && best - s.score < TIE)
    }
}

fn choose(
    plant: &TenantIndex,
    mapped: &HashMap<&str, MappingId>,
    list: &TagList,
    pattern: Option<&TagPattern>,
    matcher: Option<&Matcher>,
) -> SelectedTags {
    let codes: HashMap<String, AssetId> = plant
        .assets
        .values()
        .map(|e| (plain(&e.asset.code), e.asset.id))
        .collect();
    let (mut tags, mut is_complete) = (Vec::new(), list.is_complete);
    for listed in &list.tags {
        let parts = match pattern {
            None => TagParts::default(),
            Some(pattern) => {
                let described = listed.description.as_deref();
                let parts = pattern
                    .parts(&listed.tag)
                    .or_else(|| pattern.parts(&listed.name))
                    .or_else(|| described.and_then(|text| pattern.parts(text)));
                match parts {
                    Some(parts) => parts,
                    None => continue,
                }
            }
        };
        if matcher.is_some_and(|m| !m.is_of_asset(listed)) {
            continue;
        }
        if tags.len() >= MAX_SELECTED {
            is_complete = false;
            break;
        }
        let asset_id = parts
            .asset
            .and_then(|code| codes.get(&plain(&code)).copied())
            .or(matcher.map(|m| m.asset));
        let metric_name = parts
            .metric
            .and_then(|metric| metric_key(plant, asset_id, &metric));
        tags.push(SelectedTag {
            tag: listed.tag.clone(),
            name: listed.name.clone(),
            unit: listed.unit.clone(),
            description: listed.description.clone(),
            mapping_id: mapped.get(listed.tag.as_str()).copied(),
            asset_id,
            metric_name,
        });
    }
    SelectedTags {
        tags,
        looked_at: list.looked_at,
        is_complete,
    }
}

/// Letters and digits only: "P102A" names P-102A.
fn plain(code: &str) -> String {
    folded(code)
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// The metric of the asset's family a text names by its key or by one of its names.
fn metric_key(plant: &TenantIndex, asset: Option<AssetId>, text: &str) -> Option<String> {
    let wanted = plain(text);
    let template = plant.assets.get(&asset?)?.template?;
    template
        .metrics
        .iter()
        .find(|m| {
            [&m.metric, &m.names.en, &m.names.ar]
                .iter()
                .any(|n| plain(n) == wanted)
        })
        .map(|m| m.metric.clone())
}

async fn reject_suggestion(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<RejectSuggestion>,
) -> Answer<StatusCode> {
    integrations::own(&state, &caller, request.integration_id)?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, Some(request.asset_id))?;
    Check::new()
        .line("tag", &request.tag, TAG_CHARS)
        .optional_line("name", &request.name, TAG_CHARS)
        .line("metric_name", &request.metric_name, 64)
        .done()?;
    let tag = if request.name.is_empty() {
        TagInfo::of_tag(&request.tag)
    } else {
        TagInfo {
            name: request.name,
            path: request.tag.clone(),
            ..TagInfo::default()
        }
    };
    let target = (request.asset_id, request.metric_name.as_str());
    state
        .runtime
        .teach_mapping(caller.tenant_id, &tag, target, false)
        .await?;
    audit
        .asset(request.asset_id)
        .called(iq_domain::neutralise(&request.tag, 200))
        .detail("tag", iq_domain::neutralise(&request.tag, 200))
        .detail("metric", request.metric_name.clone());
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct CoverageQuery {
    /// Only this site.
    site_id: Option<SiteId>,
    /// Only this asset.
    asset_id: Option<AssetId>,
}

async fn mapping_coverage(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<CoverageQuery>,
) -> Answer<Json<Vec<MappingCoverage>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    if query
        .site_id
        .is_some_and(|id| !plant.sites.contains_key(&id))
    {
        return Err(Failure::not_found());
    }
    let now = state.now();
    let mut rows: Vec<MappingCoverage> = plant
        .assets
        .values()
        .filter(|e| query.site_id.is_none_or(|id| id == e.site_id))
        .filter(|e| query.asset_id.is_none_or(|id| id == e.asset.id))
        .map(|entry| coverage(&state, &plant, entry, now))
        .collect();
    rows.sort_by(|a, b| a.asset_code.cmp(&b.asset_code));
    Ok(Json(rows))
}

fn coverage(
    state: &ApiState,
    plant: &TenantIndex,
    entry: &AssetEntry,
    now: Timestamp,
) -> MappingCoverage {
    let mapped: HashMap<&str, u32> = entry
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .filter(|s| s.signal.kind == SignalKind::Measured && s.mapping.is_some())
        .map(|s| (s.signal.metric.as_str(), s.signal.signal_no))
        .collect();
    let metrics = entry.template.map_or(&[][..], |t| t.metrics.as_slice());
    let mut missing: Vec<MissingMetric> = metrics
        .iter()
        .filter(|m| !mapped.contains_key(m.metric.as_str()))
        .map(|m| MissingMetric {
            metric: m.metric.clone(),
            names: m.names.clone(),
            unit: m.unit.clone(),
            health_weight: m.health_weight,
        })
        .collect();
    // A stable sort keeps the template's order among equals.
    missing.sort_by(|a, b| b.health_weight.total_cmp(&a.health_weight));
    let all: f64 = metrics.iter().map(|m| m.health_weight).sum();
    let lost: f64 = missing.iter().map(|m| m.health_weight).sum();
    let is_known = |metric: &str| metrics.iter().any(|m| m.metric == metric);
    let is_silent = |number: u32| {
        let last = state.runtime.historian().last_good(number);
        last.is_none_or(|point| now.since_ms(point.t) > SILENT_MS)
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    MappingCoverage {
        asset_id: entry.asset.id,
        asset_code: entry.asset.code.clone(),
        asset_names: entry.asset.names.clone(),
        site_id: entry.site_id,
        family: entry.asset.family.clone(),
        expected: metrics.len() as u64,
        mapped: (metrics.len() - missing.len()) as u64,
        health_share: if all > 0.0 { 1.0 - lost / all } else { 1.0 },
        missing,
        custom: sorted(
            mapped
                .keys()
                .filter(|metric| !is_known(metric))
                .map(|metric| (*metric).to_owned())
                .collect(),
        ),
        silent: sorted(
            mapped
                .iter()
                .filter(|(_, number)| is_silent(**number))
                .map(|(metric, _)| (*metric).to_owned())
                .collect(),
        ),
    }
}
