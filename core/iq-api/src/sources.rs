//! Looking into a source before it is mapped: its endpoints, its tree, present values.

use axum::{Json, extract::State};
use iq_api_types::{
    BrowseItem, BrowsePage, Choice, ChoicesRequest, DraftRowsRequest, EndpointOffer,
    EndpointsRequest, PreviewRequest, PreviewValue, SampleColumn, SampleRows, SampleRowsRequest,
};
use iq_connector::{self as connector, BrowseRequest, MAX_BROWSE_PAGE, MAX_SAMPLE_ROWS};
use iq_domain::{IntegrationId, Permission, RawSample, Value};
use iq_locale::Language;
use iq_runtime::IntegrationDraft;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Id, Query, Route, get, post,
    },
    integrations::{Started, failure, own},
    state::ApiState,
};

/// Most tags of one preview.
const MAX_TAGS: usize = 100;
/// Longest tag, address or cursor.
pub(crate) const TAG_CHARS: usize = 1_024;
const PREVIEW_CAP: usize = 512 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    let test = Permission::IntegrationsTest;
    vec![
        post("/api/integrations/endpoints", test, list_endpoints)
            .body::<EndpointsRequest>()
            .list::<EndpointOffer>()
            .audits("integrations.list_endpoints")
            .says("Ask a server what it offers; nothing secret is sent"),
        get("/api/integrations/{id}/browse", test, browse)
            .query::<BrowseQuery>()
            .answer::<BrowsePage>()
            .says("A page of the source's tree"),
        post("/api/integrations/{id}/preview", test, preview)
            .body::<PreviewRequest>()
            .cap(PREVIEW_CAP)
            .list::<PreviewValue>()
            .says("Read some tags once"),
        post("/api/integrations/choices", test, list_choices)
            .body::<ChoicesRequest>()
            .cap(PREVIEW_CAP)
            .list::<Choice>()
            .audits("integrations.list_choices")
            .says("What the source offers for a field of the form"),
        post("/api/integrations/sample-rows", test, draft_sample_rows)
            .body::<DraftRowsRequest>()
            .cap(PREVIEW_CAP)
            .answer::<SampleRows>()
            .audits("integrations.sample_rows")
            .says("The first rows with values that are not saved"),
        post("/api/integrations/{id}/sample-rows", test, sample_rows)
            .body::<SampleRowsRequest>()
            .answer::<SampleRows>()
            .says("The first rows of the source, as they are"),
    ]
}

async fn list_endpoints(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<EndpointsRequest>,
) -> Answer<Json<Vec<EndpointOffer>>> {
    Check::new()
        .line("endpoint_url", &request.endpoint_url, TAG_CHARS)
        .done()?;
    audit.object("address", iq_domain::neutralise(&request.endpoint_url, 200));
    let offers = state
        .runtime
        .endpoints(caller.tenant_id, &request.kind, request.endpoint_url.trim())
        .await?;
    Ok(Json(offers.into_iter().map(offer_dto).collect()))
}

fn offer_dto(offer: connector::EndpointOffer) -> EndpointOffer {
    EndpointOffer {
        url: offer.url,
        security_mode: offer.security_mode,
        security_policy: offer.security_policy,
        security_level: offer.security_level,
        user_tokens: offer.user_tokens,
        certificate_sha256: offer.certificate_sha256,
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct BrowseQuery {
    /// Tag to look below; the root if absent.
    parent: Option<String>,
    /// Search below it.
    q: Option<String>,
    /// Continue a listing.
    cursor: Option<String>,
    /// Items per page, at most 500.
    limit: Option<usize>,
}

async fn browse(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
    Query(query): Query<BrowseQuery>,
) -> Answer<Json<BrowsePage>> {
    own(&state, &caller, id)?;
    let filled = |text: Option<String>| text.filter(|t| !t.is_empty());
    let request = BrowseRequest {
        parent: filled(query.parent),
        search: filled(query.q),
        cursor: filled(query.cursor),
        limit: query.limit.unwrap_or(100).clamp(1, MAX_BROWSE_PAGE),
    };
    let mut check = Check::new();
    for (field, text) in [
        ("parent", &request.parent),
        ("q", &request.search),
        ("cursor", &request.cursor),
    ] {
        check.maybe_line(field, text.as_deref(), TAG_CHARS * 4);
    }
    check.done()?;
    let page = state.runtime.browse(caller.tenant_id, id, request).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let mapped = plant.routes.get(&id);
    let mapped_to = |tag: &str| {
        let route = mapped?.get(tag)?.first()?;
        let asset = &plant.assets.get(&route.mapping.asset_id)?.asset;
        Some(format!("{} · {}", asset.code, route.mapping.metric_name))
    };
    let items = page.items.into_iter().map(|item| BrowseItem {
        mapped_to: mapped_to(&item.id),
        id: item.id,
        display: item.display,
        path: item.path,
        has_children: item.has_children,
        is_variable: item.is_variable,
        data_type: item.data_type,
        unit: item.unit,
        description: item.description,
    });
    Ok(Json(BrowsePage {
        items: items.collect(),
        next_cursor: page.next_cursor,
    }))
}

async fn preview(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
    Body(request): Body<PreviewRequest>,
) -> Answer<Json<Vec<PreviewValue>>> {
    own(&state, &caller, id)?;
    let mut check = Check::new();
    check.require(
        request.tags.len() <= MAX_TAGS,
        "tags",
        "preview.too_many_tags",
    );
    for tag in request.tags.iter().take(MAX_TAGS) {
        check.line("tags", tag, TAG_CHARS);
    }
    check.done()?;
    let begun = Started::now("preview");
    let result = state
        .runtime
        .preview(caller.tenant_id, id, &request.tags)
        .await
        .map_err(Failure::from);
    begun.log(&state, &caller, id, &result).await;
    let samples = result?;
    Ok(Json(samples.iter().map(value_dto).collect()))
}

async fn list_choices(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<ChoicesRequest>,
) -> Answer<Json<Vec<Choice>>> {
    note_look(&audit, &request.kind, request.integration_id);
    audit.detail("field", iq_domain::neutralise(&request.field, 80));
    if let Some(id) = request.integration_id {
        own(&state, &caller, id)?;
    }
    let draft = looked_at(request.kind, request.config);
    let choices = state
        .runtime
        .choices(
            caller.tenant_id,
            draft,
            request.integration_id,
            &request.field,
        )
        .await
        .map_err(failure)?;
    let dto = |choice: connector::Choice| Choice {
        value: choice.value,
        label: choice.label,
        detail: choice.detail,
    };
    Ok(Json(choices.into_iter().map(dto).collect()))
}

async fn draft_sample_rows(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<DraftRowsRequest>,
) -> Answer<Json<SampleRows>> {
    note_look(&audit, &request.kind, request.integration_id);
    let lender = request.integration_id;
    if let Some(id) = lender {
        own(&state, &caller, id)?;
    }
    let draft = looked_at(request.kind, request.config);
    let rows = state
        .runtime
        .draft_sample_rows(caller.tenant_id, draft, lender, limit(request.limit))
        .await
        .map_err(failure)?;
    Ok(Json(rows_dto(caller.language, rows)))
}

/// What the record says about a look with values that are not saved: it goes out to a source.
fn note_look(audit: &Audit, kind: &str, lender: Option<IntegrationId>) {
    audit.detail("kind", iq_domain::neutralise(kind, 40));
    if let Some(id) = lender {
        audit.object("integration", id);
    }
}

/// Values that are only looked at. A look needs no name; the check of drafts wants one.
fn looked_at(kind: String, config: serde_json::Value) -> IntegrationDraft {
    IntegrationDraft {
        kind,
        name: "-".to_owned(),
        config,
        is_enabled: false,
    }
}

fn limit(wanted: Option<u32>) -> usize {
    wanted
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(20)
        .clamp(1, MAX_SAMPLE_ROWS)
}

async fn sample_rows(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
    Body(request): Body<SampleRowsRequest>,
) -> Answer<Json<SampleRows>> {
    own(&state, &caller, id)?;
    let begun = Started::now("sample_rows");
    let result = state
        .runtime
        .sample_rows(caller.tenant_id, id, limit(request.limit))
        .await
        .map_err(Failure::from);
    begun.log(&state, &caller, id, &result).await;
    Ok(Json(rows_dto(caller.language, result?)))
}

fn rows_dto(language: Language, rows: connector::SampleRows) -> SampleRows {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let columns = rows.columns.into_iter().map(|column| SampleColumn {
        kind: word(serde_json::json!(column.kind)),
        role: word(serde_json::json!(column.role)),
        name: column.name,
        source_type: column.source_type,
    });
    let problems = rows.problems.into_iter();
    SampleRows {
        columns: columns.collect(),
        rows: rows.rows,
        has_more: rows.has_more,
        tags: rows.tags,
        problems: problems
            .map(|problem| FieldFailure::from(problem).problem(language))
            .collect(),
    }
}

fn value_dto(sample: &RawSample) -> PreviewValue {
    PreviewValue {
        tag: sample.external_tag.to_string(),
        value: value_json(sample.value.as_ref()),
        quality: sample.status.quality(),
        status_code: sample.status.0,
        source_time: sample.source_time,
        server_time: sample.server_time,
    }
}

/// A value as JSON. What JSON has no number for is told by its name.
pub(crate) fn value_json(value: Option<&Value>) -> serde_json::Value {
    match value {
        None => serde_json::Value::Null,
        Some(Value::Bool(b)) => (*b).into(),
        Some(Value::Number(n)) => serde_json::Number::from_f64(*n)
            .map_or_else(|| n.to_string().into(), serde_json::Value::Number),
        Some(Value::Text(text)) => iq_domain::neutralise(text, TAG_CHARS).into(),
    }
}
