//! Connections to source systems: create, change, switch, test, look into.

use std::{collections::BTreeMap, convert::Infallible, time::Instant};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use iq_api_types::{
    ActionLogRow, BackFill, ConnectorType, EffectiveValue, Integration, IntegrationInput, OtLoad,
    Page, StageStatus, StatusMessage, TagTrouble, TestReport, TestStage, ValueSource,
};
use iq_connector::{self as connector, SECRET_MASK};
use iq_domain::{
    ActionStatus, Connectivity, IntegrationId, IntegrationStatus, Message, Names, Permission,
    TrustState,
};
use iq_locale::{Language, pattern};
use iq_runtime::{IntegrationDraft, IntegrationError, IntegrationView, NewAction, TenantIndex};
use iq_store::{certificates, integration_actions};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};

use crate::{
    http::{
        Answer, Audit, Body, Caller, Failure, FieldFailure, Id, PageQuery, Query, Route, delete,
        get, page::answer_page, post, put,
    },
    state::ApiState,
    texts,
};

/// Certificates and keys are pasted into the form.
const CONFIG_CAP: usize = 256 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IntegrationsRead, IntegrationsTest, IntegrationsWrite};
    vec![
        get("/api/integrations/types", IntegrationsRead, list_types)
            .list::<ConnectorType>()
            .says("Kinds of connectors with the schema their form is drawn from"),
        get("/api/integrations/", IntegrationsRead, list_integrations)
            .list::<Integration>()
            .says("All connections, by name"),
        post("/api/integrations/", IntegrationsWrite, create_integration)
            .body::<IntegrationInput>()
            .cap(CONFIG_CAP)
            .answer::<Integration>()
            .status(201)
            .audits("integrations.create")
            .says("Create a connection"),
        post("/api/integrations/test", IntegrationsTest, test_draft)
            .body::<IntegrationInput>()
            .cap(CONFIG_CAP)
            .answer::<TestReport>()
            .or_as("text/event-stream")
            .also::<TestStage>()
            .audits("integrations.test")
            .says("Test values that are not saved; an event stream if asked for"),
        get("/api/integrations/{id}", IntegrationsRead, get_integration)
            .answer::<Integration>()
            .says("One connection"),
        put(
            "/api/integrations/{id}",
            IntegrationsWrite,
            update_integration,
        )
        .body::<IntegrationInput>()
        .cap(CONFIG_CAP)
        .answer::<Integration>()
        .audits("integrations.update")
        .says("Change a connection; it is started anew"),
        delete(
            "/api/integrations/{id}",
            IntegrationsWrite,
            delete_integration,
        )
        .status(204)
        .audits("integrations.delete")
        .says("Delete a connection with its mappings; history stays"),
        post(
            "/api/integrations/{id}/enable",
            IntegrationsWrite,
            enable_integration,
        )
        .answer::<Integration>()
        .audits("integrations.enable")
        .says("Switch a connection on"),
        post(
            "/api/integrations/{id}/disable",
            IntegrationsWrite,
            disable_integration,
        )
        .answer::<Integration>()
        .audits("integrations.disable")
        .says("Switch a connection off"),
        post(
            "/api/integrations/{id}/test",
            IntegrationsTest,
            test_integration,
        )
        .answer::<TestReport>()
        .or_as("text/event-stream")
        .audits("integrations.test")
        .says("Test a connection in stages; an event stream if asked for"),
        get("/api/integrations/{id}/log", IntegrationsRead, list_actions)
            .query::<PageQuery>()
            .page::<ActionLogRow>()
            .says("What was done to a connection, newest first"),
    ]
}

async fn list_types(State(state): State<ApiState>, _: Caller) -> Json<Vec<ConnectorType>> {
    let specs = state.runtime.connectors().specs();
    let has_external = state.runtime.config().external_db_enable;
    let offered = specs
        .into_iter()
        .filter(|spec| has_external || !spec.capabilities.external_db);
    Json(offered.map(type_dto).collect())
}

fn type_dto(spec: connector::ConnectorSpec) -> ConnectorType {
    let names = |key: &str| {
        let text = |language| pattern(language, "ui", key).unwrap_or(key).to_owned();
        Names {
            en: text(Language::En),
            ar: text(Language::Ar),
        }
    };
    ConnectorType {
        kind: spec.kind.to_owned(),
        names: names(spec.name_key),
        descriptions: names(spec.description_key),
        schema: spec.schema,
        can_browse: spec.capabilities.browse,
        has_trust: spec.capabilities.trust,
        has_endpoints: spec.capabilities.endpoints,
        has_back_fill: spec.capabilities.back_fill,
        has_sample_rows: spec.capabilities.sample_rows,
        has_maintenance: spec.capabilities.maintenance,
        has_files: spec.capabilities.files,
        is_external_db: spec.capabilities.external_db,
    }
}

async fn list_integrations(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Vec<Integration>>> {
    Ok(Json(all_integrations(&state, &caller).await?))
}

/// All connections of the caller's tenant, by name.
pub(crate) async fn all_integrations(
    state: &ApiState,
    caller: &Caller,
) -> Answer<Vec<Integration>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let mut ids: Vec<(&str, IntegrationId)> = plant
        .integrations
        .values()
        .map(|i| (i.name.as_str(), i.id))
        .collect();
    ids.sort_unstable();
    let mut all = Vec::with_capacity(ids.len());
    for (_, id) in ids {
        all.push(answer(state, caller, id).await?);
    }
    Ok(all)
}

async fn get_integration(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<Integration>> {
    Ok(Json(answer(&state, &caller, id).await?))
}

async fn create_integration(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<IntegrationInput>,
) -> Answer<(StatusCode, Json<Integration>)> {
    let is_demo = is_demo_source(&state, &caller, &input).await?;
    audit
        .detail("name", iq_domain::neutralise(&input.name, 120))
        .detail("kind", kind(&input));
    let created = state
        .runtime
        .create_integration(caller.tenant_id, draft(input), is_demo)
        .await
        .map_err(failure)?;
    audit.object("integration", created.id);
    let begun = Started::now("create");
    begun.log(&state, &caller, created.id, &Ok(())).await;
    let body = answer(&state, &caller, created.id).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

async fn update_integration(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
    Body(input): Body<IntegrationInput>,
) -> Answer<Json<Integration>> {
    audit
        .detail("name", iq_domain::neutralise(&input.name, 120))
        .detail("kind", kind(&input));
    let begun = Started::now("edit");
    let result = state
        .runtime
        .update_integration(caller.tenant_id, id, draft(input))
        .await
        .map_err(failure);
    begun.log(&state, &caller, id, &result).await;
    result?;
    Ok(Json(answer(&state, &caller, id).await?))
}

async fn delete_integration(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
) -> Answer<StatusCode> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if let Some(integration) = plant.integrations.get(&id) {
        audit.detail("name", integration.name.clone());
    }
    state
        .runtime
        .delete_integration(caller.tenant_id, id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn enable_integration(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<Integration>> {
    let begun = Started::now("enable");
    let result = state
        .runtime
        .set_integration_enabled(caller.tenant_id, id, true)
        .await
        .map_err(Failure::from);
    begun.log(&state, &caller, id, &result).await;
    result?;
    Ok(Json(answer(&state, &caller, id).await?))
}

async fn disable_integration(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<Integration>> {
    let begun = Started::now("disable");
    let result = state
        .runtime
        .set_integration_enabled(caller.tenant_id, id, false)
        .await
        .map_err(Failure::from);
    begun.log(&state, &caller, id, &result).await;
    result?;
    Ok(Json(answer(&state, &caller, id).await?))
}

fn kind(input: &IntegrationInput) -> String {
    iq_domain::neutralise(&input.kind, 40)
}

/// Something that goes into the action log of an integration with its result and how long it took.
pub(crate) struct Started {
    action_type: &'static str,
    at: Instant,
}

impl Started {
    pub(crate) fn now(action_type: &'static str) -> Self {
        Self {
            action_type,
            at: Instant::now(),
        }
    }

    /// Writes the row. An integration that is not the tenant's own has no log to write to.
    pub(crate) async fn log<T>(
        self,
        state: &ApiState,
        caller: &Caller,
        id: IntegrationId,
        result: &Answer<T>,
    ) {
        if own(state, caller, id).is_err() {
            return;
        }
        let (status, code, params) = match result {
            Ok(_) => (ActionStatus::Success, "", json!({})),
            Err(failure) => (
                ActionStatus::Failure,
                failure.error.code,
                json!(failure.error.params),
            ),
        };
        let action = NewAction {
            action_type: self.action_type,
            status,
            message_code: code.to_owned(),
            details: json!({ "params": params }),
            actor: caller.username.clone(),
            ms: u64::try_from(self.at.elapsed().as_millis()).ok(),
        };
        state.runtime.log_action(caller.tenant_id, id, action).await;
    }
}

pub(crate) fn draft(input: IntegrationInput) -> IntegrationDraft {
    IntegrationDraft {
        kind: input.kind,
        name: input.name,
        config: input.config,
        is_enabled: input.is_enabled,
    }
}

pub(crate) fn failure(error: IntegrationError) -> Failure {
    match error {
        IntegrationError::Coded(error) => Failure::from(error),
        IntegrationError::Fields(fields) => {
            Failure::fields(fields.into_iter().map(FieldFailure::from).collect())
        }
    }
}

/// Whether the values will be those of the demo plant: everything in a demo tenant is, and a source
/// that points at the plant this program serves.
async fn is_demo_source(
    state: &ApiState,
    caller: &Caller,
    input: &IntegrationInput,
) -> Answer<bool> {
    if state.runtime.tenant(caller.tenant_id)?.tenant.is_demo {
        return Ok(true);
    }
    let Ok(demo) = state.runtime.plant() else {
        return Ok(false);
    };
    let plant_url = demo.status().await?.endpoint_url;
    let own = input
        .config
        .get("endpoint_url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let address = if own.trim().is_empty() {
        state
            .runtime
            .config()
            .opcua_endpoint_url
            .clone()
            .unwrap_or_default()
    } else {
        own.to_owned()
    };
    Ok(address.trim().trim_end_matches('/') == plant_url.trim_end_matches('/'))
}

pub(crate) async fn answer(
    state: &ApiState,
    caller: &Caller,
    id: IntegrationId,
) -> Answer<Integration> {
    let tenant = caller.tenant_id;
    let view = state.runtime.view_integration(tenant, id).await?;
    let pending = state
        .runtime
        .store()
        .read(move |conn| {
            certificates::list_certificates(conn, tenant, Some(id), Some(TrustState::Pending))
        })
        .await?
        .iter()
        // What an authority vouches for waits for nobody.
        .filter(|certificate| certificate.authority.is_none())
        .count() as u64;
    let plant = state.runtime.tenant(tenant)?;
    let connectivity = state.runtime.connectivity_of(tenant, id).await;
    Ok(dto(caller.language, &plant, view, connectivity, pending))
}

fn dto(
    language: Language,
    plant: &TenantIndex,
    view: IntegrationView,
    connectivity: Connectivity,
    pending_certificates: u64,
) -> Integration {
    let row = view.integration;
    let load = view.state.as_ref().map(|s| s.load).unwrap_or_default();
    let throughput = view.throughput.unwrap_or_default();
    let stream = view.state.as_ref();
    let problems = stream.map_or(&[][..], |s| s.problems.as_slice());
    let effective = view.effective.sources.iter().filter_map(|(field, source)| {
        let source = match source {
            connector::ValueSource::Tenant => ValueSource::Tenant,
            connector::ValueSource::Environment => ValueSource::Environment,
            connector::ValueSource::Default => ValueSource::Default,
            connector::ValueSource::None => return None,
        };
        let value = if view.effective.secrets.contains_key(field) {
            Value::String(SECRET_MASK.to_owned())
        } else {
            view.effective
                .config
                .get(field)
                .cloned()
                .unwrap_or(Value::Null)
        };
        Some((field.clone(), EffectiveValue { value, source }))
    });
    let message = row.status_code.as_ref().map(|code| {
        let message = Message {
            code: code.clone(),
            params: iq_locale::params_of(&row.status_params),
        };
        texts::status(language, &message)
    });
    Integration {
        id: row.id,
        system_type: row.kind.clone(),
        config: view.shown_config,
        effective: effective.collect::<BTreeMap<_, _>>(),
        is_enabled: row.is_enabled,
        is_demo_origin: row.is_demo_origin,
        connectivity,
        message,
        status_at: row.status_at,
        last_value_at: view
            .state
            .as_ref()
            .and_then(|s| s.last_receipt_at())
            .max(row.last_value_at),
        clock_offset_ms: view.state.as_ref().and_then(|s| s.clock_offset_ms),
        mapped_tags: plant
            .routes
            .get(&row.id)
            .map_or(0, |tags| tags.len() as u64),
        pending_certificates,
        load: OtLoad {
            requests_per_s: load.requests_per_s,
            items_per_request: load.items_per_request,
            monitored_items: load.monitored_items,
            sessions: load.sessions,
        },
        samples_per_min: throughput.samples_per_min,
        backlog: throughput.backlog,
        events_read: throughput.events,
        last_event_at: throughput.last_event_at,
        items: stream.map_or(0, |s| u64::from(s.items)),
        failed_items: stream.map_or(0, |s| u64::from(s.failed_items)),
        problems: problems
            .iter()
            .map(|p| TagTrouble {
                tag: iq_domain::neutralise(&p.tag, 200),
                problem: texts::status(language, &Message::from(&p.error)),
            })
            .collect(),
        back_fill: stream.and_then(|s| s.back_fill).map(back_fill_dto),
        demo_stream_active: row.is_demo_origin && row.status == IntegrationStatus::Streaming,
        created_at: row.created_at,
        kind: row.kind,
        name: row.name,
        status: row.status,
    }
}

fn back_fill_dto(fill: connector::BackFillProgress) -> BackFill {
    let whole = fill.to.since_ms(fill.from).max(1);
    let have = fill.reached.since_ms(fill.from).clamp(0, whole);
    #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
    let progress = have as f64 / whole as f64;
    BackFill {
        from: fill.from,
        to: fill.to,
        reached: fill.reached,
        samples: fill.samples,
        progress,
    }
}

async fn test_integration(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Id(id): Id<IntegrationId>,
) -> Answer<Response> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if !plant.integrations.contains_key(&id) {
        return Err(Failure::not_found());
    }
    let (runtime, tenant) = (state.runtime.clone(), caller.tenant_id);
    let actor = caller.username.clone();
    run_test(&headers, caller.language, move |progress| async move {
        let report = |stage: &connector::TestStage| progress(stage);
        Ok(runtime
            .test_integration(tenant, id, &actor, &report)
            .await?)
    })
    .await
}

async fn test_draft(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    headers: HeaderMap,
    Body(input): Body<IntegrationInput>,
) -> Answer<Response> {
    audit.detail("kind", kind(&input));
    let lender = input.integration_id;
    if let Some(id) = lender {
        own(&state, &caller, id)?;
    }
    let (runtime, tenant) = (state.runtime.clone(), caller.tenant_id);
    run_test(&headers, caller.language, move |progress| async move {
        let report = |stage: &connector::TestStage| progress(stage);
        runtime
            .test_draft(tenant, draft(input), lender, &report)
            .await
            .map_err(failure)
    })
    .await
}

type Tell = Box<dyn Fn(&connector::TestStage) + Send + Sync>;

/// Runs a test and answers with its report, or stage by stage where the client reads event streams.
async fn run_test<F, Fut>(headers: &HeaderMap, language: Language, test: F) -> Answer<Response>
where
    F: FnOnce(Tell) -> Fut + Send + 'static,
    Fut: Future<Output = Answer<connector::TestReport>> + Send + 'static,
{
    let wants_stream = headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if !wants_stream {
        let report = test(Box::new(|_| {})).await?;
        return Ok(Json(report_dto(language, &report)).into_response());
    }
    let (sender, receiver) = mpsc::unbounded_channel::<Event>();
    let stages = sender.clone();
    let tell: Tell = Box::new(move |stage| {
        // An error only says that the page was closed; the test ends by itself.
        drop(stages.send(event("stage", &stage_dto(language, stage))));
    });
    tokio::spawn(async move {
        let last = match test(tell).await {
            Ok(report) => report_dto(language, &report),
            Err(failure) => failed_report(language, &failure),
        };
        drop(sender.send(event("done", &last)));
    });
    let stream = UnboundedReceiverStream::new(receiver).map(Ok::<_, Infallible>);
    Ok(Sse::new(stream).into_response())
}

fn event(name: &str, body: &impl serde::Serialize) -> Event {
    let data = serde_json::to_string(body).unwrap_or_else(|_| json!(null).to_string());
    Event::default().event(name).data(data)
}

pub(crate) fn stage_dto(language: Language, stage: &connector::TestStage) -> TestStage {
    TestStage {
        key: stage_key(stage.key),
        status: match stage.status {
            connector::StageStatus::Ok => StageStatus::Ok,
            connector::StageStatus::Warning => StageStatus::Warning,
            connector::StageStatus::Failed => StageStatus::Failed,
            connector::StageStatus::Skipped => StageStatus::Skipped,
        },
        ms: stage.ms,
        message: (!stage.message.code.is_empty()).then(|| texts::status(language, &stage.message)),
    }
}

pub(crate) fn stage_key(key: connector::StageKey) -> String {
    serde_json::to_value(key)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

pub(crate) fn report_dto(language: Language, report: &connector::TestReport) -> TestReport {
    TestReport {
        success: report.success,
        message: texts::of_message(language, &report.message),
        code: report.message.code.clone(),
        stages: report
            .stages
            .iter()
            .map(|s| stage_dto(language, s))
            .collect(),
    }
}

/// A test that could not even begin, for a stream that has begun already.
fn failed_report(language: Language, failure: &Failure) -> TestReport {
    let message = StatusMessage {
        code: failure.error.code.to_owned(),
        message: iq_locale::error(language, failure.error.code, &failure.error.params),
        params: failure.error.params.clone(),
    };
    TestReport {
        success: false,
        message: message.message.clone(),
        code: message.code.clone(),
        stages: vec![TestStage {
            key: "config".to_owned(),
            status: StageStatus::Failed,
            ms: 0,
            message: Some(message),
        }],
    }
}

async fn list_actions(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
    Query(query): Query<PageQuery>,
) -> Answer<Json<Page<ActionLogRow>>> {
    own(&state, &caller, id)?;
    let (tenant, page) = (caller.tenant_id, query.get());
    let rows = state
        .runtime
        .store()
        .read(move |conn| {
            integration_actions::list_integration_actions(conn, tenant, Some(id), page)
        })
        .await?;
    Ok(Json(answer_page(rows, page, |row| ActionLogRow {
        at: row.at,
        action_type: row.action_type,
        status: row.status,
        message: if row.message_code.is_empty() {
            String::new()
        } else {
            let params = row.details.get("params").unwrap_or(&row.details);
            texts::of_json(caller.language, &row.message_code, params)
        },
        details: row.details,
        actor: (row.actor != "system").then_some(row.actor),
        ms: row.ms,
    })))
}

/// Refuses an integration that is not the tenant's own.
pub(crate) fn own(state: &ApiState, caller: &Caller, id: IntegrationId) -> Answer<()> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if plant.integrations.contains_key(&id) {
        Ok(())
    } else {
        Err(Failure::not_found())
    }
}
