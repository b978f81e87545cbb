//! Many mappings at once: as a list, as a file, and back again.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{
    BulkRequest, BulkRow, DiffAction, ImportMode, MappingChange, MappingDiff, MappingDiffField,
    MappingDiffRow, MappingRowError, Page,
};
use iq_domain::{CodedError, IntegrationId, MappingChangeId, Permission, SignalMapping};
use iq_locale::Language;
use iq_mapping::{
    Change, Directory, ListedMapping, ListedRow, MAX_SHEET_ROWS, MappingDraft, MappingPlan,
    SheetOptions, cells_of, draft_of, read_sheet,
};
use iq_runtime::{AppliedMappings, ChangeBy, TenantIndex};
use iq_store::mapping_changes::{self, ChangeOrigin};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Failure, Id, PageQuery, Query, Route, XLSX, body::bytes_of,
        get, page::answer_page, post,
    },
    integrations, mappings_sheet,
    state::ApiState,
    texts,
};

/// Largest file of an import.
const FILE_CAP: usize = 20 * 1024 * 1024;
/// Largest list of an assignment.
const BULK_CAP: usize = 8 * 1024 * 1024;
/// Changes that are shown.
const MAX_DIFF_ROWS: usize = 1_000;
/// Reasons that are shown.
const MAX_ERRORS: usize = 500;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{MappingsRead, MappingsWrite};
    vec![
        get(
            "/api/integrations/mappings/export",
            MappingsRead,
            export_mappings,
        )
        .query::<ExportQuery>()
        .text_answer("text/csv")
        .or_as(XLSX)
        .says("The mapping as a CSV file or an XLSX workbook"),
        post(
            "/api/integrations/mappings/import",
            MappingsWrite,
            import_mappings,
        )
        .query::<ImportQuery>()
        .text_body("text/csv")
        .cap(FILE_CAP)
        .answer::<MappingDiff>()
        .audits("mappings.import")
        .says("Read a CSV file or an XLSX workbook; with a refused row nothing is written, unless asked for"),
        post(
            "/api/integrations/mappings/bulk",
            MappingsWrite,
            bulk_mappings,
        )
        .query::<BulkQuery>()
        .body::<BulkRequest>()
        .cap(BULK_CAP)
        .answer::<MappingDiff>()
        .audits("mappings.bulk")
        .says("Map a list of tags; with a refused row nothing is written, unless asked for"),
        get(
            "/api/integrations/mappings/changes",
            MappingsRead,
            list_mapping_changes,
        )
        .query::<PageQuery>()
        .page::<MappingChange>()
        .says("Changes that were made, newest first"),
        get(
            "/api/integrations/mappings/changes/{id}",
            MappingsRead,
            get_mapping_change,
        )
        .answer::<MappingDiff>()
        .says("What a change did"),
        post(
            "/api/integrations/mappings/changes/{id}/undo",
            MappingsWrite,
            undo_mapping_change,
        )
        .answer::<MappingDiff>()
        .audits("mappings.undo")
        .says("Take a change back, as a whole"),
    ]
}

/// Kind of an exported file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum FileFormat {
    #[default]
    Csv,
    Xlsx,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct ExportQuery {
    /// `csv` or `xlsx`.
    #[serde(default)]
    #[param(inline)]
    format: FileFormat,
    /// Only this source.
    integration_id: Option<IntegrationId>,
}

#[derive(Debug, Deserialize, IntoParams)]
struct ImportQuery {
    /// `create`, `merge`, `overwrite` or `delete`.
    mode: ImportMode,
    /// Only show what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Write the good rows although others are refused.
    #[serde(default)]
    good_rows: bool,
    /// The source of rows that name none.
    integration_id: Option<IntegrationId>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct BulkQuery {
    /// Only show what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Write the good rows although others are refused.
    #[serde(default)]
    good_rows: bool,
}

const fn mode_of(mode: ImportMode) -> iq_mapping::ImportMode {
    match mode {
        ImportMode::Create => iq_mapping::ImportMode::Create,
        ImportMode::Merge => iq_mapping::ImportMode::Merge,
        ImportMode::Overwrite => iq_mapping::ImportMode::Overwrite,
        ImportMode::Delete => iq_mapping::ImportMode::Delete,
    }
}

fn directory(plant: &TenantIndex) -> Directory {
    Directory::new(
        plant.integrations.values().map(|i| (i.id, i.name.clone())),
        plant
            .assets
            .values()
            .map(|e| (e.asset.id, e.asset.code.clone())),
    )
}

async fn export_mappings(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if let Some(id) = query.integration_id {
        integrations::own(&state, &caller, id)?;
    }
    let stored = state.runtime.stored_mappings(caller.tenant_id).await?;
    let language = caller.language;
    let file = tokio::task::spawn_blocking(move || {
        let directory = directory(&plant);
        let rows: Vec<_> = stored
            .mappings
            .iter()
            .filter(|m| query.integration_id.is_none_or(|id| id == m.integration_id))
            .map(|m| cells_of(m, &directory, &metric_name(&plant, m, language)))
            .collect();
        match query.format {
            FileFormat::Csv => mappings_sheet::to_csv(&rows, language),
            FileFormat::Xlsx => mappings_sheet::to_xlsx(&rows, language),
        }
    })
    .await
    .map_err(|_| Failure::internal())??;
    let (kind, disposition) = match query.format {
        FileFormat::Csv => (
            "text/csv; charset=utf-8",
            "attachment; filename=\"signal-mapping.csv\"",
        ),
        FileFormat::Xlsx => (XLSX, "attachment; filename=\"signal-mapping.xlsx\""),
    };
    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static(disposition),
    );
    Ok(response)
}

fn metric_name(plant: &TenantIndex, mapping: &SignalMapping, language: Language) -> String {
    let family = plant
        .assets
        .get(&mapping.asset_id)
        .map_or("", |e| e.asset.family.as_str());
    let names = texts::metric_names(family, &mapping.metric_name);
    match language {
        Language::Ar => names.ar,
        Language::En => names.en,
    }
}

async fn import_mappings(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Answer<Json<MappingDiff>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if let Some(id) = query.integration_id {
        integrations::own(&state, &caller, id)?;
    }
    let bytes = bytes_of(request, &state).await?;
    let names = directory(&plant);
    let rows = tokio::task::spawn_blocking(move || {
        let sheet = mappings_sheet::read(&bytes)?;
        let options = SheetOptions {
            source: query.integration_id,
            decimal_comma: sheet.decimal_comma,
        };
        read_sheet(&sheet.headings, sheet.rows, &names, options)
    })
    .await
    .map_err(|_| Failure::internal())??;
    let order = Order {
        mode: query.mode,
        is_dry: query.dry_run,
        takes_good_rows: query.good_rows,
        origin: ChangeOrigin::Import,
    };
    carry_out(&state, &caller, &audit, rows, order).await
}

async fn bulk_mappings(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<BulkQuery>,
    Body(request): Body<BulkRequest>,
) -> Answer<Json<MappingDiff>> {
    integrations::own(&state, &caller, request.integration_id)?;
    if request.rows.len() > MAX_SHEET_ROWS {
        let error = CodedError::invalid("mapping.file_too_long").with("max", MAX_SHEET_ROWS);
        return Err(Failure::from(error));
    }
    let source = request.integration_id;
    let rows = (1..)
        .zip(request.rows)
        .map(|(line, row)| listed(line, source, row))
        .collect();
    let order = Order {
        mode: request.mode,
        is_dry: query.dry_run,
        takes_good_rows: query.good_rows,
        origin: ChangeOrigin::Bulk,
    };
    carry_out(&state, &caller, &audit, rows, order).await
}

fn listed(line: u64, source: IntegrationId, row: BulkRow) -> ListedRow {
    ListedRow {
        line,
        tag: row.tag.clone(),
        row: Ok((
            source,
            ListedMapping {
                external_tag: row.tag,
                asset_id: row.asset_id,
                metric_name: row.metric.filter(|m| !m.trim().is_empty()),
                unit: row.unit.filter(|u| !u.trim().is_empty()),
                scaling_factor: row.scaling_factor,
                offset_value: row.offset_value,
                is_active: row.is_active,
                metadata_json: None,
            },
        )),
    }
}

/// What is to be done with a list.
struct Order {
    mode: ImportMode,
    is_dry: bool,
    takes_good_rows: bool,
    origin: ChangeOrigin,
}

async fn carry_out(
    state: &ApiState,
    caller: &Caller,
    audit: &Audit,
    rows: Vec<ListedRow>,
    order: Order,
) -> Answer<Json<MappingDiff>> {
    let tenant = caller.tenant_id;
    let plan = state
        .runtime
        .plan_mappings(tenant, mode_of(order.mode), rows)
        .await?;
    let plant = state.runtime.tenant(tenant)?;
    let mut diff = diff_of(&plant, caller.language, &plan);
    let is_wanted = !order.is_dry && (plan.errors.is_empty() || order.takes_good_rows);
    if is_wanted && !plan.changes.is_empty() {
        let by = ChangeBy::new(&caller.username, order.origin);
        let applied = state
            .runtime
            .apply_mappings(tenant, plan.changes, by)
            .await?;
        diff.change_id = Some(applied.change.id);
    }
    diff.is_applied = is_wanted;
    audit
        .detail("dry_run", order.is_dry)
        .detail("applied", diff.is_applied)
        .detail("added", diff.added)
        .detail("changed", diff.changed)
        .detail("removed", diff.removed)
        .detail("refused", diff.refused);
    if let Some(id) = diff.change_id {
        audit.object("mapping_change", id);
    }
    Ok(Json(diff))
}

fn diff_of(plant: &TenantIndex, language: Language, plan: &MappingPlan) -> MappingDiff {
    let sides = plan.changes.iter().map(|c: &Change| {
        (
            c.line,
            c.before.as_ref().map(draft_of),
            c.after.as_ref().map(|v| v.draft.clone()),
        )
    });
    let mut diff = diff(plant, sides);
    diff.unchanged = plan.unchanged;
    let refused: std::collections::HashSet<u64> = plan.errors.iter().map(|e| e.line).collect();
    diff.refused = refused.len() as u64;
    diff.errors = plan
        .errors
        .iter()
        .take(MAX_ERRORS)
        .map(|e| MappingRowError {
            row: e.line,
            tag: iq_domain::neutralise(&e.tag, 200),
            column: e.error.field.to_owned(),
            code: e.error.error.code.to_owned(),
            message: iq_locale::error(language, e.error.error.code, &e.error.error.params),
        })
        .collect();
    diff
}

/// Counts and shows changes.
fn diff(
    plant: &TenantIndex,
    sides: impl Iterator<Item = (u64, Option<MappingDraft>, Option<MappingDraft>)>,
) -> MappingDiff {
    let mut diff = MappingDiff {
        is_applied: false,
        change_id: None,
        added: 0,
        changed: 0,
        removed: 0,
        unchanged: 0,
        refused: 0,
        rows: Vec::new(),
        errors: Vec::new(),
    };
    for (line, before, after) in sides {
        let (action, shown) = match (&before, &after) {
            (None, Some(after)) => (DiffAction::Add, after),
            (Some(_), Some(after)) => (DiffAction::Change, after),
            (Some(before), None) => (DiffAction::Remove, before),
            (None, None) => continue,
        };
        match action {
            DiffAction::Add => diff.added += 1,
            DiffAction::Change => diff.changed += 1,
            DiffAction::Remove => diff.removed += 1,
        }
        if diff.rows.len() >= MAX_DIFF_ROWS {
            continue;
        }
        let fields = match (&before, &after) {
            (Some(before), Some(after)) => fields(plant, before, after),
            _ => Vec::new(),
        };
        diff.rows.push(MappingDiffRow {
            row: line,
            action,
            integration_name: source_name(plant, shown.integration_id),
            external_tag: shown.external_tag.clone(),
            asset_code: asset_code(plant, shown),
            metric_name: shown.metric_name.clone(),
            fields,
        });
    }
    diff
}

fn source_name(plant: &TenantIndex, id: IntegrationId) -> String {
    plant
        .integrations
        .get(&id)
        .map_or_else(String::new, |i| i.name.clone())
}

fn asset_code(plant: &TenantIndex, draft: &MappingDraft) -> String {
    plant
        .assets
        .get(&draft.asset_id)
        .map_or_else(String::new, |e| e.asset.code.clone())
}

fn fields(
    plant: &TenantIndex,
    before: &MappingDraft,
    after: &MappingDraft,
) -> Vec<MappingDiffField> {
    let pairs = [
        (
            "external_tag",
            before.external_tag.clone(),
            after.external_tag.clone(),
        ),
        ("asset", asset_code(plant, before), asset_code(plant, after)),
        (
            "metric_name",
            before.metric_name.clone(),
            after.metric_name.clone(),
        ),
        ("unit", before.unit.clone(), after.unit.clone()),
        (
            "scaling_factor",
            before.scaling_factor.to_string(),
            after.scaling_factor.to_string(),
        ),
        (
            "offset_value",
            before.offset_value.to_string(),
            after.offset_value.to_string(),
        ),
        (
            "is_active",
            before.is_active.to_string(),
            after.is_active.to_string(),
        ),
        (
            "metadata_json",
            before.metadata_json.clone(),
            after.metadata_json.clone(),
        ),
    ];
    pairs
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(field, before, after)| MappingDiffField {
            field: field.to_owned(),
            before,
            after,
        })
        .collect()
}

async fn list_mapping_changes(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Answer<Json<Page<MappingChange>>> {
    let page = query.get();
    let rows = state
        .runtime
        .mapping_changes(caller.tenant_id, page)
        .await?;
    Ok(Json(answer_page(rows, page, change_dto)))
}

fn change_dto(change: mapping_changes::MappingChange) -> MappingChange {
    MappingChange {
        id: change.id,
        at: change.at,
        actor: change.actor,
        origin: match change.origin {
            ChangeOrigin::Form => "form",
            ChangeOrigin::Bulk => "bulk",
            ChangeOrigin::Import => "import",
            ChangeOrigin::Drift => "drift",
            ChangeOrigin::Undo => "undo",
        }
        .to_owned(),
        added: change.added,
        changed: change.changed,
        removed: change.removed,
        undo_of: change.undo_of,
        undone_by: change.undone_by,
    }
}

async fn get_mapping_change(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<MappingChangeId>,
) -> Answer<Json<MappingDiff>> {
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let change = mapping_changes::get_mapping_change(conn, tenant, id)?;
            let rows = mapping_changes::list_mapping_change_rows(conn, tenant, id)?;
            Ok(change.map(|change| AppliedMappings { change, rows }))
        })
        .await?
        .ok_or_else(Failure::not_found)?;
    let plant = state.runtime.tenant(tenant)?;
    Ok(Json(applied_dto(&plant, &found)))
}

fn applied_dto(plant: &TenantIndex, applied: &AppliedMappings) -> MappingDiff {
    let sides = (1..).zip(&applied.rows).map(|(line, row)| {
        (
            line,
            row.before.as_ref().map(draft_of),
            row.after.as_ref().map(draft_of),
        )
    });
    let mut diff = diff(plant, sides);
    diff.is_applied = true;
    diff.change_id = Some(applied.change.id);
    diff
}

async fn undo_mapping_change(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<MappingChangeId>,
) -> Answer<Json<MappingDiff>> {
    let tenant = caller.tenant_id;
    audit.object("mapping_change", id);
    let applied = state
        .runtime
        .undo_mapping_change(tenant, id, &caller.username)
        .await
        .map_err(|mut error| {
            // The reason is a code of its own; the reader wants its sentence.
            if let Some(reason) = error.params.get_mut("reason") {
                *reason = iq_locale::error(caller.language, reason, &iq_locale::Params::new());
            }
            Failure::from(error)
        })?;
    let plant = state.runtime.tenant(tenant)?;
    let diff = applied_dto(&plant, &applied);
    audit
        .detail("added", diff.added)
        .detail("changed", diff.changed)
        .detail("removed", diff.removed);
    Ok(Json(diff))
}
