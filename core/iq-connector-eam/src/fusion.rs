//! Oracle Fusion Maintenance: its REST resources, what their rows mean, and what is sent to them.

use iq_connector::{ColumnKind, PushPlan, Pushed};
use iq_domain::{
    CodedError, ObjectKind, SourceObject, SourceRecord, SourceWorkOrder, Timestamp, WorkOrderDraft,
    WorkOrderKind, neutralise,
};
use serde_json::{Map, Value, json};

use crate::{
    config::{MappingMode, Settings},
    dialect::{Column, Place, Set, Start, checked_reference, suffix, with_suffix},
    odata::{Page, Said, query, quoted},
    values::{MAX_ROWS, Row, cut, flat, key, line, moment, text},
    words,
};

/// Where the resources lie. The version is the one Oracle keeps stable over its quarterly releases.
const RESOURCES: &str = "fscmRestApi/resources/11.13.18.05";
/// Longest description of a work order.
const DESCRIPTION: usize = 240;

fn resource(set: Set) -> &'static str {
    match set {
        Set::Locations | Set::Equipment => "installedBaseAssets",
        Set::Notifications | Set::Orders => "maintenanceWorkOrders",
    }
}

fn id(set: Set) -> &'static str {
    match set {
        Set::Locations | Set::Equipment => "AssetId",
        Set::Notifications | Set::Orders => "WorkOrderId",
    }
}

fn below_base(settings: &Settings, rest: &str) -> String {
    let base = settings.base_url.trim_end_matches('/');
    if base.ends_with(RESOURCES) {
        rest.to_owned()
    } else {
        format!("{RESOURCES}/{rest}")
    }
}

/// A collection with a query.
pub(crate) fn collection(settings: &Settings, set: Set, parts: &[(&str, &str)]) -> String {
    format!("{}{}", below_base(settings, resource(set)), query(parts))
}

/// Where a work order is created.
pub(crate) fn create_path(settings: &Settings) -> String {
    below_base(settings, resource(Set::Orders))
}

/// A moment as the query language takes it.
fn moment_literal(at: Timestamp) -> String {
    let whole = Timestamp(at.0.div_euclid(1_000) * 1_000).to_string();
    format!("'{}+00:00'", whole.trim_end_matches('Z'))
}

fn list(
    settings: &Settings,
    set: Set,
    filters: Vec<String>,
    order: &str,
    offset: usize,
    limit: usize,
) -> String {
    let mut filters = filters;
    if !settings.plant.is_empty() {
        let field = match set {
            Set::Locations | Set::Equipment => "OperatingOrganizationCode",
            Set::Notifications | Set::Orders => "OrganizationCode",
        };
        filters.push(format!("{field}={}", quoted(&settings.plant)));
    }
    let (filter, offset, limit) = (
        filters.join(" and "),
        offset.to_string(),
        limit.min(499).to_string(),
    );
    collection(
        settings,
        set,
        &[
            ("q", &filter),
            ("orderBy", order),
            ("onlyData", "true"),
            ("totalResults", "true"),
            ("limit", &limit),
            ("offset", &offset),
        ],
    )
}

/// Path and query of a page.
pub(crate) fn page(settings: &Settings, set: Set, from: &Start, limit: usize) -> String {
    let id = id(set);
    match from {
        Start::Key(after) => {
            let after = after.iter().map(|key| format!("{id} > {key}"));
            list(
                settings,
                set,
                after.collect(),
                &format!("{id}:asc"),
                0,
                limit,
            )
        }
        Start::Change(since, offset) => {
            let changed = format!("LastUpdateDate >= {}", moment_literal(*since));
            let order = format!("LastUpdateDate:asc,{id}:asc");
            list(settings, set, vec![changed], &order, *offset, limit)
        }
    }
}

/// Path and query of the newest rows.
pub(crate) fn newest(settings: &Settings, set: Set, limit: usize) -> String {
    list(settings, set, Vec::new(), "LastUpdateDate:desc", 0, limit)
}

/// The rows of an answer.
pub(crate) fn read_page(body: &Value) -> Option<Page> {
    let rows = body.get("items")?.as_array()?;
    let rows: Option<Vec<Row>> = rows
        .iter()
        .take(MAX_ROWS)
        .map(|row| row.as_object().map(flat))
        .collect();
    Some(Page {
        rows: rows?,
        total: body.get("totalResults").and_then(Value::as_u64),
        is_continued: body.get("hasMore").and_then(Value::as_bool) == Some(true),
    })
}

/// Key and last change of a row. The key is a number: it goes into a comparison.
pub(crate) fn place(set: Set, row: &Row) -> Option<Place> {
    let key = key(row, id(set)).filter(|k| k.bytes().all(|b| b.is_ascii_digit()))?;
    Some(Place {
        key,
        changed_at: moment(row, "LastUpdateDate"),
    })
}

/// The record a row stands for.
pub(crate) fn record(settings: &Settings, set: Set, row: Row) -> Option<SourceRecord> {
    Some(match set {
        Set::Locations | Set::Equipment => SourceRecord::TechnicalObject(asset(row)?),
        Set::Notifications | Set::Orders => SourceRecord::WorkOrder(order(settings, row)?),
    })
}

fn asset(row: Row) -> Option<SourceObject> {
    let number = key(&row, "AssetNumber")?;
    Some(SourceObject {
        kind: ObjectKind::Equipment,
        name: line(&row, "Description", 120)
            .or_else(|| line(&row, "AssetDescription", 120))
            .unwrap_or_else(|| number.clone()),
        number,
        location: key(&row, "AssetLocationNumber").or_else(|| key(&row, "CurrentLocationNumber")),
        parent: key(&row, "ParentAssetNumber"),
        plant: line(&row, "OperatingOrganizationCode", 20),
        is_active: moment(&row, "ActiveEndDate").is_none(),
        changed_at: moment(&row, "LastUpdateDate"),
        payload: Value::Object(row),
    })
}

fn order(settings: &Settings, row: Row) -> Option<SourceWorkOrder> {
    let status = line(&row, "WorkOrderSystemStatusCode", 60)
        .or_else(|| line(&row, "WorkOrderStatusCode", 60))
        .unwrap_or_default();
    let actual_start = moment(&row, "ActualStartDate");
    Some(SourceWorkOrder {
        kind: WorkOrderKind::Order,
        number: key(&row, "WorkOrderNumber")?,
        title: line(&row, "WorkOrderDescription", 200).unwrap_or_default(),
        order_type: line(&row, "WorkOrderType", 40),
        priority: text(&row, "WorkOrderPriority").and_then(|p| words::priority(&p)),
        status: words::fusion(&status, actual_start.is_some()),
        source_status: line(&row, "WorkOrderStatusCode", 60).unwrap_or(status),
        equipment_number: key(&row, "AssetNumber"),
        functional_location: key(&row, "AssetLocationNumber"),
        plant: line(&row, "OrganizationCode", 20),
        work_center: None,
        related_number: None,
        reference: reference(settings, &row),
        planned_start: moment(&row, "PlannedStartDate"),
        planned_end: moment(&row, "PlannedCompletionDate"),
        actual_start,
        actual_end: moment(&row, "ActualCompletionDate"),
        created_at: moment(&row, "CreationDate"),
        changed_at: moment(&row, "LastUpdateDate"),
        version: None,
        payload: Value::Object(row),
    })
}

pub(crate) fn reference_field(settings: &Settings) -> &str {
    match settings.reference_field.as_str() {
        "" => "WorkOrderDescription",
        name => name,
    }
}

/// Our reference in a row.
pub(crate) fn reference(settings: &Settings, row: &Row) -> Option<String> {
    let field = reference_field(settings);
    let written = text(row, field)?;
    let found = if field == "WorkOrderDescription" {
        suffix(&written)?
    } else {
        written
    };
    checked_reference(&found, 60).is_ok().then_some(found)
}

/// The search that finds everything that carries a reference.
pub(crate) fn searches(settings: &Settings, reference: &str) -> Vec<(Set, String)> {
    let field = reference_field(settings);
    let filter = if field == "WorkOrderDescription" {
        format!("{field} LIKE {}", quoted(&format!("%[{reference}]")))
    } else {
        format!("{field}={}", quoted(reference))
    };
    let parts = [
        ("q", filter.as_str()),
        ("onlyData", "true"),
        ("limit", "20"),
    ];
    vec![(Set::Orders, collection(settings, Set::Orders, &parts))]
}

/// What would be sent for a draft. Oracle knows no notifications: both kinds become a work order.
pub(crate) fn plan(settings: &Settings, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
    let field = reference_field(settings);
    let reference = checked_reference(&draft.reference, 40)?;
    if draft.title.trim().is_empty() {
        return Err(CodedError::invalid("eam.draft_no_title"));
    }
    if settings.plant.is_empty() {
        return Err(CodedError::invalid("connector.field_required").with("field", "plant_code"));
    }
    let kind = draft.order_type.as_deref().unwrap_or(&settings.order_type);
    if kind.trim().is_empty() {
        return Err(CodedError::invalid("eam.draft_no_type"));
    }
    let given = |value: &Option<String>| {
        value
            .as_deref()
            .map(str::trim)
            .filter(|v| !v.is_empty())
            .map(str::to_owned)
    };
    let asset = match settings.mapping {
        MappingMode::ByEquipmentNumber => given(&draft.equipment_number),
        MappingMode::ByFunctionalLocation => {
            given(&draft.functional_location).or_else(|| given(&draft.equipment_number))
        }
    };
    let asset = asset.ok_or_else(|| CodedError::invalid("eam.draft_no_object"))?;
    let whole = match draft.description.trim() {
        "" => draft.title.trim().to_owned(),
        more => format!("{}: {more}", draft.title.trim()),
    };
    let one_line = whole.replace(['\n', '\t'], " ");
    let mut body = Map::new();
    let description = if field == "WorkOrderDescription" {
        with_suffix(&one_line, reference, DESCRIPTION)
    } else {
        body.insert(field.to_owned(), json!(reference));
        cut(&one_line, DESCRIPTION)
    };
    body.insert("OrganizationCode".into(), json!(settings.plant));
    body.insert("WorkOrderType".into(), json!(kind));
    body.insert("WorkOrderDescription".into(), json!(description));
    body.insert(
        "WorkOrderPriority".into(),
        json!(words::priority_number(draft.priority)),
    );
    body.insert("AssetNumber".into(), json!(asset));
    for (at, name) in [
        (draft.planned_start, "PlannedStartDate"),
        (draft.planned_end, "PlannedCompletionDate"),
    ] {
        if let Some(at) = at {
            body.insert(name.into(), json!(at.to_string().replace('Z', "+00:00")));
        }
    }
    Ok(PushPlan {
        method: "POST".to_owned(),
        path: create_path(settings),
        payload: Value::Object(body),
        reference: reference.to_owned(),
    })
}

/// What a creation answered.
pub(crate) fn created(body: &Value) -> Option<Pushed> {
    let object = body.as_object()?;
    // The version stands with the link to the row itself.
    let version = object
        .get("links")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|link| link["rel"] == "self")
        .and_then(|link| link.pointer("/properties/changeIndicator")?.as_str())
        .filter(|v| v.len() <= 200 && v.bytes().all(|b| (0x20..0x7f).contains(&b)))
        .map(str::to_owned);
    Some(Pushed {
        number: key(&flat(object), "WorkOrderNumber")?,
        version,
    })
}

/// What an error body says: the document of the newer framework, or plain text.
pub(crate) fn said(body: &[u8]) -> Option<Said> {
    let written = std::str::from_utf8(body).ok()?.trim();
    if let Ok(json) = serde_json::from_str::<Value>(written) {
        let title = json.get("title").and_then(Value::as_str).map(str::to_owned);
        let details = json.get("o:errorDetails").and_then(Value::as_array);
        let mut code = json
            .get("o:errorCode")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut said: Vec<String> = Vec::new();
        for detail in details.into_iter().flatten().take(5) {
            if let Some(words) = detail.get("detail").and_then(Value::as_str) {
                said.push(words.trim().to_owned());
            }
            if code.is_empty() {
                code = detail
                    .get("o:errorCode")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
            }
        }
        if said.is_empty() {
            said.extend(
                json.get("detail")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .or(title),
            );
        }
        return (!said.is_empty()).then(|| Said {
            code: neutralise(code, 60),
            words: neutralise(&said.join("; "), 400),
        });
    }
    let is_sentence = !written.is_empty() && !written.starts_with('<') && written.len() <= 2_000;
    is_sentence.then(|| Said {
        code: String::new(),
        words: neutralise(written, 400),
    })
}

/// The columns worth showing in a sample.
pub(crate) fn columns(set: Set) -> &'static [Column] {
    const fn text(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Text,
        }
    }
    const fn time(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Time,
        }
    }
    match set {
        Set::Locations | Set::Equipment => {
            const {
                &[
                    text("AssetNumber"),
                    text("Description"),
                    text("ParentAssetNumber"),
                    text("OperatingOrganizationCode"),
                    time("LastUpdateDate"),
                ]
            }
        }
        Set::Notifications | Set::Orders => {
            const {
                &[
                    text("WorkOrderNumber"),
                    text("WorkOrderDescription"),
                    text("WorkOrderType"),
                    text("WorkOrderStatusCode"),
                    text("AssetNumber"),
                    time("PlannedStartDate"),
                    time("PlannedCompletionDate"),
                    time("LastUpdateDate"),
                ]
            }
        }
    }
}

#[cfg(test)]
#[path = "fusion_tests.rs"]
mod tests;
