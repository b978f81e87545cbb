//! Setting a source up: what it offers for a field, its first rows, copies, what a deletion takes
//! along, global defaults, the demo stream.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    Choice, ChoicesRequest, DeletionPreview, DraftRowsRequest, GlobalDefaultField, GlobalDefaults,
    Integration, SampleColumn, SampleRows, SampleRowsRequest,
};
use iq_config::GlobalDefault;
use iq_connector::{self as connector, MAX_SAMPLE_ROWS, SECRET_MASK, ext, properties};
use iq_domain::{CodedError, ErrorKind, IntegrationId, Permission};
use iq_locale::Language;
use iq_runtime::{DoneAction, IntegrationDraft};
use serde_json::{Value, json};

use crate::{
    http::{Answer, Audit, Body, Caller, Failure, FieldFailure, Id, Route, get, post},
    integrations::{CONFIG_CAP, answer, failure, own},
    state::ApiState,
};

/// Longest name of a field.
const FIELD_CHARS: usize = 80;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IntegrationsRead, IntegrationsTest, IntegrationsWrite};
    vec![
        get(
            "/api/integrations/defaults",
            IntegrationsRead,
            list_defaults,
        )
        .list::<GlobalDefaults>()
        .says("Values that hold where a tenant writes none, from the environment"),
        post("/api/integrations/choices", IntegrationsTest, list_choices)
            .body::<ChoicesRequest>()
            .cap(CONFIG_CAP)
            .list::<Choice>()
            .audits("integrations.choices")
            .says("What a source offers for a field: its tables, its columns"),
        post(
            "/api/integrations/sample-rows",
            IntegrationsTest,
            sample_draft,
        )
        .body::<DraftRowsRequest>()
        .cap(CONFIG_CAP)
        .answer::<SampleRows>()
        .audits("integrations.sample_rows")
        .says("The first rows of a source whose values are not saved"),
        post(
            "/api/integrations/{id}/sample-rows",
            IntegrationsTest,
            sample_stored,
        )
        .body::<SampleRowsRequest>()
        .answer::<SampleRows>()
        .audits("integrations.sample_rows")
        .says("The first rows of a connection's source"),
        post(
            "/api/integrations/{id}/duplicate",
            IntegrationsWrite,
            duplicate,
        )
        .answer::<Integration>()
        .status(201)
        .audits("integrations.duplicate")
        .says("A copy with the same values and secrets, switched off, without mappings"),
        get(
            "/api/integrations/{id}/deletion",
            IntegrationsWrite,
            preview_deletion,
        )
        .answer::<DeletionPreview>()
        .says("What deleting a connection would take along"),
        post(
            "/api/integrations/{id}/demo-stream/{action}",
            IntegrationsWrite,
            demo_stream,
        )
        .answer::<Integration>()
        .audits("integrations.demo_stream")
        .says("Start or stop the stream of a connection to the demo plant; DEMO_MODE only"),
    ]
}

async fn list_defaults(State(state): State<ApiState>, _: Caller) -> Json<Vec<GlobalDefaults>> {
    let config = state.runtime.config();
    let of = |spec: connector::ConnectorSpec| {
        let fields = properties(&spec.schema).filter_map(|(field, property)| {
            let variable = property.get(ext::ENV)?.as_str()?;
            let value = config.global_default(variable).map(|value| match value {
                GlobalDefault::Public(text) => text,
                GlobalDefault::Secret(_) => SECRET_MASK.to_owned(),
            });
            Some(GlobalDefaultField {
                field: field.to_owned(),
                variable: variable.to_owned(),
                value,
            })
        });
        GlobalDefaults {
            kind: spec.kind.to_owned(),
            fields: fields.collect(),
        }
    };
    let specs = state.runtime.allowed_specs();
    Json(
        specs
            .into_iter()
            .map(of)
            .filter(|d| !d.fields.is_empty())
            .collect(),
    )
}

fn draft(kind: String, config: Value) -> IntegrationDraft {
    IntegrationDraft {
        kind,
        // A look needs no name; the check of drafts wants one.
        name: "-".to_owned(),
        config,
        is_enabled: false,
    }
}

async fn list_choices(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<ChoicesRequest>,
) -> Answer<Json<Vec<Choice>>> {
    let field = iq_domain::neutralise(&request.field, FIELD_CHARS);
    audit
        .detail("kind", iq_domain::neutralise(&request.kind, 40))
        .detail("field", field.clone());
    if let Some(id) = request.integration_id {
        own(&state, &caller, id)?;
    }
    let found = state
        .runtime
        .choices(
            caller.tenant_id,
            draft(request.kind, request.config),
            request.integration_id,
            &field,
        )
        .await
        .map_err(failure)?;
    let dto = |c: connector::Choice| Choice {
        value: c.value,
        label: c.label,
        detail: c.detail,
    };
    Ok(Json(found.into_iter().map(dto).collect()))
}

fn limit(wanted: Option<u32>) -> usize {
    wanted.map_or(20, |n| (n as usize).clamp(1, MAX_SAMPLE_ROWS))
}

async fn sample_draft(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<DraftRowsRequest>,
) -> Answer<Json<SampleRows>> {
    audit.detail("kind", iq_domain::neutralise(&request.kind, 40));
    if let Some(id) = request.integration_id {
        own(&state, &caller, id)?;
    }
    let rows = state
        .runtime
        .sample_rows_of_draft(
            caller.tenant_id,
            draft(request.kind, request.config),
            request.integration_id,
            limit(request.limit),
        )
        .await
        .map_err(failure)?;
    Ok(Json(rows_dto(caller.language, rows)))
}

async fn sample_stored(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
    Body(request): Body<SampleRowsRequest>,
) -> Answer<Json<SampleRows>> {
    own(&state, &caller, id)?;
    let started_at = state.now();
    let result = state
        .runtime
        .sample_rows(caller.tenant_id, id, limit(request.limit))
        .await;
    let rows = result.as_ref().map_or(0, |r| r.rows.len());
    log(
        &state,
        &caller,
        id,
        "sample_rows",
        started_at,
        result.as_ref().err(),
        json!({ "rows": rows }),
    )
    .await?;
    Ok(Json(rows_dto(caller.language, result?)))
}

fn rows_dto(language: Language, rows: connector::SampleRows) -> SampleRows {
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let columns = rows.columns.into_iter().map(|c| SampleColumn {
        kind: word(json!(c.kind)),
        role: word(json!(c.role)),
        name: c.name,
        source_type: c.source_type,
    });
    let problems = rows.problems.into_iter();
    SampleRows {
        columns: columns.collect(),
        rows: rows.rows,
        has_more: rows.has_more,
        tags: rows.tags,
        problems: problems
            .map(|p| FieldFailure::from(p).problem(language))
            .collect(),
    }
}

/// Writes into the connection's action log who did what.
pub(crate) async fn log(
    state: &ApiState,
    caller: &Caller,
    id: IntegrationId,
    action_type: &'static str,
    started_at: iq_domain::Timestamp,
    failure: Option<&CodedError>,
    details: Value,
) -> Answer<()> {
    let done = DoneAction {
        action_type,
        actor: caller.username.clone(),
        started_at,
        failure: failure.cloned(),
        details,
    };
    state
        .runtime
        .log_integration_action(caller.tenant_id, id, done)
        .await?;
    Ok(())
}

async fn duplicate(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
) -> Answer<(StatusCode, Json<Integration>)> {
    own(&state, &caller, id)?;
    let started_at = state.now();
    let copy = state
        .runtime
        .duplicate_integration(caller.tenant_id, id)
        .await?;
    audit.detail("copy", copy.id.to_string());
    log(
        &state,
        &caller,
        copy.id,
        "duplicate",
        started_at,
        None,
        json!({ "of": id }),
    )
    .await?;
    let body = answer(&state, &caller, copy.id).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

async fn preview_deletion(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<DeletionPreview>> {
    own(&state, &caller, id)?;
    let preview = state.runtime.preview_deletion(caller.tenant_id, id).await?;
    Ok(Json(DeletionPreview {
        mappings: preview.mappings,
        signals: preview.signals,
        actions: preview.actions,
    }))
}

async fn demo_stream(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    axum::extract::Path((id, action)): axum::extract::Path<(String, String)>,
) -> Answer<Json<Integration>> {
    let id: IntegrationId = id.parse().map_err(|_| Failure::not_found())?;
    own(&state, &caller, id)?;
    state.runtime.plant()?;
    let starts = match action.as_str() {
        "start" => true,
        "stop" => false,
        _ => return Err(Failure::not_found()),
    };
    audit.detail("action", action);
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if !plant
        .integrations
        .get(&id)
        .is_some_and(|i| i.is_demo_origin)
    {
        return Err(CodedError::new(ErrorKind::Conflict, "integrations.no_demo_source").into());
    }
    let started_at = state.now();
    let result = state
        .runtime
        .set_integration_enabled(caller.tenant_id, id, starts)
        .await;
    let action = if starts {
        "demo_stream_start"
    } else {
        "demo_stream_stop"
    };
    log(
        &state,
        &caller,
        id,
        action,
        started_at,
        result.as_ref().err(),
        json!({}),
    )
    .await?;
    result?;
    Ok(Json(answer(&state, &caller, id).await?))
}
