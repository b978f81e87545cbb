//! The signal mapping: which tag feeds which metric of which asset.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    Candidate, Mapping, MappingInput, MappingPreview, Page, SuggestRequest, TagSuggestion,
};
use iq_domain::{
    AssetId, IntegrationId, MappingId, Permission, Point, SignalId, SignalMapping, Value,
};
use iq_locale::Language;
use iq_mapping::{
    Conversion, Lessons, MappingDraft, SuggestAsset, Suggester, TagInfo, ValidMapping,
};
use iq_runtime::{MappingError, TenantIndex};
use iq_store::mappings::{self, MappingFilter};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Id, PageQuery, Query, Route,
        delete, get, page::answer_page, post, put,
    },
    integrations,
    sources::{TAG_CHARS, value_json},
    state::ApiState,
    texts,
};

/// Most tags of one question for suggestions.
const MAX_SUGGEST: usize = 500;
const SUGGEST_CAP: usize = 2 * 1024 * 1024;
/// How long a preview waits for the source: a form is being filled in.
const PREVIEW_WAIT: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{MappingsRead, MappingsWrite};
    vec![
        get("/api/integrations/mappings", MappingsRead, list_mappings)
            .query::<MappingQuery>()
            .page::<Mapping>()
            .says("Mapped tags with their last values"),
        post("/api/integrations/mappings", MappingsWrite, create_mapping)
            .body::<MappingInput>()
            .answer::<Mapping>()
            .status(201)
            .audits("mappings.create")
            .says("Map a tag"),
        post(
            "/api/integrations/mappings/validate",
            MappingsWrite,
            validate_mapping,
        )
        .query::<ValidateQuery>()
        .body::<MappingInput>()
        .answer::<MappingPreview>()
        .says("What a mapping would do, on a value read now"),
        post("/api/integrations/mappings/suggest", MappingsWrite, suggest)
            .body::<SuggestRequest>()
            .cap(SUGGEST_CAP)
            .list::<TagSuggestion>()
            .says("Where tags may belong, with reasons"),
        put(
            "/api/integrations/mappings/{id}",
            MappingsWrite,
            update_mapping,
        )
        .body::<MappingInput>()
        .answer::<Mapping>()
        .audits("mappings.update")
        .says("Change a mapping; stored history stays where it is"),
        delete(
            "/api/integrations/mappings/{id}",
            MappingsWrite,
            delete_mapping,
        )
        .status(204)
        .audits("mappings.delete")
        .says("Delete a mapping; history stays"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct MappingQuery {
    /// Only this source.
    integration_id: Option<IntegrationId>,
    /// Only this asset.
    asset_id: Option<AssetId>,
    /// Part of tag or metric.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_mappings(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<MappingQuery>,
) -> Answer<Json<Page<Mapping>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    if let Some(id) = query.integration_id {
        integrations::own(&state, &caller, id)?;
    }
    let filter = MappingFilter {
        integration_id: query.integration_id,
        asset_id: query.asset_id,
        text: query.q,
        ..MappingFilter::default()
    };
    let page = PageQuery::page(query.limit, query.offset);
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| mappings::list_mappings(conn, tenant, &filter, page))
        .await?;
    Ok(Json(answer_page(found, page, |mapping| {
        dto(&state, &plant, mapping)
    })))
}

async fn create_mapping(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<MappingInput>,
) -> Answer<(StatusCode, Json<Mapping>)> {
    let draft = draft(&state, &caller, input)?;
    let created = state
        .runtime
        .create_mapping_by(caller.tenant_id, draft, &caller.username)
        .await
        .map_err(failure)?;
    note(&audit, &created);
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok((StatusCode::CREATED, Json(dto(&state, &plant, created))))
}

async fn update_mapping(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<MappingId>,
    Body(input): Body<MappingInput>,
) -> Answer<Json<Mapping>> {
    let before = own(&state, &caller, id).await?;
    let draft = draft(&state, &caller, input)?;
    let changed = state
        .runtime
        .update_mapping_by(caller.tenant_id, before, draft, &caller.username)
        .await
        .map_err(failure)?;
    note(&audit, &changed);
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(dto(&state, &plant, changed)))
}

async fn delete_mapping(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<MappingId>,
) -> Answer<StatusCode> {
    let before = own(&state, &caller, id).await?;
    note(&audit, &before);
    state
        .runtime
        .delete_mapping_by(caller.tenant_id, before, &caller.username)
        .await
        .map_err(failure)?;
    Ok(StatusCode::NO_CONTENT)
}

fn note(audit: &Audit, mapping: &SignalMapping) {
    audit
        .object("mapping", mapping.id)
        .asset(mapping.asset_id)
        .called(iq_domain::neutralise(&mapping.external_tag, 200))
        .detail("tag", iq_domain::neutralise(&mapping.external_tag, 200))
        .detail("metric", mapping.metric_name.clone())
        .detail("unit", mapping.unit.clone());
}

async fn own(state: &ApiState, caller: &Caller, id: MappingId) -> Answer<SignalMapping> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| mappings::get_mapping(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

/// The draft of an input, if source and asset are the tenant's own.
fn draft(state: &ApiState, caller: &Caller, input: MappingInput) -> Answer<MappingDraft> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, Some(input.asset_id))?;
    integrations::own(state, caller, input.integration_id)?;
    let metadata = if input.metadata_json.is_null() {
        "{}".to_owned()
    } else {
        input.metadata_json.to_string()
    };
    Ok(MappingDraft {
        integration_id: input.integration_id,
        external_tag: input.external_tag,
        asset_id: input.asset_id,
        metric_name: input.metric_name,
        unit: input.unit,
        scaling_factor: input.scaling_factor,
        offset_value: input.offset_value,
        metadata_json: metadata,
        is_active: input.is_active,
    })
}

fn failure(error: MappingError) -> Failure {
    match error {
        MappingError::Coded(error) => Failure::from(error),
        MappingError::Fields { errors, .. } => {
            Failure::fields(errors.into_iter().map(problem).collect())
        }
    }
}

fn problem(error: iq_mapping::FieldError) -> FieldFailure {
    let mut problem = FieldFailure::new(error.field, error.error.code);
    problem.params.extend(error.error.params);
    problem
}

/// A mapping as it is shown, with the last value of its signal.
pub(crate) fn dto(state: &ApiState, plant: &TenantIndex, mapping: SignalMapping) -> Mapping {
    let asset = plant.assets.get(&mapping.asset_id).map(|e| &e.asset);
    let signal = plant.signals.get(&mapping.signal_id).map(|s| &s.signal);
    let last = signal.and_then(|s| state.runtime.historian().last(s.signal_no));
    let (value, text) = value_of(last.as_ref());
    Mapping {
        id: mapping.id,
        integration_id: mapping.integration_id,
        integration_name: plant
            .integrations
            .get(&mapping.integration_id)
            .map_or_else(String::new, |i| i.name.clone()),
        external_tag: mapping.external_tag,
        asset_id: mapping.asset_id,
        asset_code: asset.map_or_else(String::new, |a| a.code.clone()),
        metric_names: texts::metric_names(
            asset.map_or("", |a| a.family.as_str()),
            &mapping.metric_name,
        ),
        metric_name: mapping.metric_name,
        signal_id: mapping.signal_id,
        unit: mapping.unit,
        signal_unit: signal.map_or_else(String::new, |s| s.unit.clone()),
        scaling_factor: mapping.scaling_factor,
        offset_value: mapping.offset_value,
        is_active: mapping.is_active,
        value,
        text,
        quality: last.as_ref().map(|p| p.status.quality()),
        observed_at: last.map(|p| p.t),
    }
}

fn value_of(point: Option<&Point>) -> (Option<f64>, Option<String>) {
    match point.and_then(|p| p.value.as_ref()) {
        Some(Value::Text(text)) => (None, Some(text.to_string())),
        Some(value) => (value.as_f64().filter(|v| v.is_finite()), None),
        None => (None, None),
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct ValidateQuery {
    /// The mapping that is being edited, so that it does not collide with itself.
    mapping_id: Option<MappingId>,
}

async fn validate_mapping(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ValidateQuery>,
    Body(input): Body<MappingInput>,
) -> Answer<Json<MappingPreview>> {
    let draft = draft(&state, &caller, input)?;
    if let Some(id) = query.mapping_id {
        own(&state, &caller, id).await?;
    }
    let mut preview = MappingPreview {
        problems: Vec::new(),
        signal_unit: None,
        raw_value: serde_json::Value::Null,
        raw_quality: None,
        value: None,
        read_error: None,
    };
    let checked = state
        .runtime
        .validate_mapping(caller.tenant_id, draft.clone(), query.mapping_id);
    let valid = match checked {
        Ok(valid) => Some(valid),
        Err(MappingError::Coded(error)) => return Err(Failure::from(error)),
        Err(MappingError::Fields { errors, .. }) => {
            preview.problems = errors
                .into_iter()
                .map(|e| problem(e).problem(caller.language))
                .collect();
            None
        }
    };
    preview.signal_unit = valid.as_ref().map(|v| v.signal_unit.clone());
    // A tag that may not be stored may not be asked for either.
    if Check::new()
        .line("external_tag", &draft.external_tag, TAG_CHARS)
        .done()
        .is_ok()
    {
        read_now(&state, &caller, &draft, valid.as_ref(), &mut preview).await;
    }
    Ok(Json(preview))
}

/// Reads the tag once and converts the value as the mapping would.
async fn read_now(
    state: &ApiState,
    caller: &Caller,
    draft: &MappingDraft,
    valid: Option<&ValidMapping>,
    preview: &mut MappingPreview,
) {
    let tags = [draft.external_tag.trim().to_owned()];
    let reading = state
        .runtime
        .preview(caller.tenant_id, draft.integration_id, &tags);
    let sample = match tokio::time::timeout(PREVIEW_WAIT, reading).await {
        Err(_) => {
            preview.read_error = Some(sentence(caller.language, "preview.no_answer"));
            return;
        }
        Ok(Err(error)) => {
            preview.read_error = Some(iq_locale::error(caller.language, error.code, &error.params));
            return;
        }
        Ok(Ok(mut samples)) => samples.pop(),
    };
    let Some(sample) = sample else {
        preview.read_error = Some(sentence(caller.language, "preview.no_answer"));
        return;
    };
    preview.raw_quality = Some(sample.status.quality());
    preview.raw_value = value_json(sample.value.as_ref());
    let raw = sample
        .value
        .as_ref()
        .and_then(Value::as_f64)
        .filter(|v| v.is_finite());
    if let (Some(raw), Some(valid)) = (raw, valid) {
        let mapping = mapping_of(valid, caller);
        preview.value = Conversion::new(&mapping, &valid.signal_unit)
            .ok()
            .map(|conversion| conversion.number(raw))
            .filter(|v| v.is_finite());
    }
}

fn sentence(language: Language, code: &str) -> String {
    iq_locale::error(language, code, &iq_locale::Params::new())
}

/// The mapping a draft would become; its ids matter to nobody.
fn mapping_of(valid: &ValidMapping, caller: &Caller) -> SignalMapping {
    let draft = &valid.draft;
    SignalMapping {
        id: MappingId::new(),
        tenant_id: caller.tenant_id,
        integration_id: draft.integration_id,
        external_tag: draft.external_tag.clone(),
        asset_id: draft.asset_id,
        metric_name: draft.metric_name.clone(),
        signal_id: SignalId::new(),
        unit: draft.unit.clone(),
        scaling_factor: draft.scaling_factor,
        offset_value: draft.offset_value,
        metadata_json: draft.metadata_json.clone(),
        is_active: draft.is_active,
    }
}

async fn suggest(
    State(state): State<ApiState>,
    caller: Caller,
    Body(request): Body<SuggestRequest>,
) -> Answer<Json<Vec<TagSuggestion>>> {
    integrations::own(&state, &caller, request.integration_id)?;
    let mut check = Check::new();
    check.require(
        request.tags.len() <= MAX_SUGGEST,
        "tags",
        "mapping.too_many_tags",
    );
    for tag in request.tags.iter().take(MAX_SUGGEST) {
        check.line("tags.tag", &tag.tag, TAG_CHARS).maybe_line(
            "tags.description",
            tag.description.as_deref(),
            TAG_CHARS,
        );
    }
    check.done()?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let lessons = state.runtime.mapping_lessons(caller.tenant_id).await?;
    let language = caller.language;
    tokio::task::spawn_blocking(move || suggestions(&plant, &request, lessons, language))
        .await
        .map(Json)
        .map_err(|_| Failure::internal())
}

/// A matcher over the tenant's assets.
pub(crate) fn suggester(plant: &TenantIndex, lessons: Lessons) -> Suggester {
    let assets: Vec<SuggestAsset> = plant
        .assets
        .values()
        .map(|entry| SuggestAsset {
            id: entry.asset.id,
            code: entry.asset.code.clone(),
            family: entry.asset.family.clone(),
            names: entry.asset.names.clone(),
        })
        .collect();
    Suggester::new(&assets, lessons)
}

fn suggestions(
    plant: &Arc<TenantIndex>,
    request: &SuggestRequest,
    lessons: Lessons,
    language: Language,
) -> Vec<TagSuggestion> {
    let code = |id: AssetId| {
        plant
            .assets
            .get(&id)
            .map_or("", |e| e.asset.code.as_str())
            .to_owned()
    };
    let suggester = suggester(plant, lessons);
    request
        .tags
        .iter()
        .map(|tag| {
            let plain = TagInfo::of_tag(&tag.tag);
            let info = TagInfo {
                name: if tag.name.trim().is_empty() {
                    plain.name
                } else {
                    tag.name.clone()
                },
                path: tag.tag.clone(),
                description: tag.description.clone().unwrap_or_default(),
                unit: tag.unit.clone().unwrap_or_default(),
            };
            let candidates = suggester
                .suggest(&info)
                .into_iter()
                .map(|found| Candidate {
                    asset_id: found.asset,
                    asset_code: code(found.asset),
                    metric_name: found.metric,
                    score: found.score,
                    reasons: found
                        .reasons
                        .iter()
                        .map(|reason| texts::of_message(language, reason))
                        .collect(),
                })
                .collect();
            TagSuggestion {
                tag: tag.tag.clone(),
                candidates,
            }
        })
        .collect()
}
