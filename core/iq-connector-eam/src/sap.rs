//! SAP Plant Maintenance: the services of S/4HANA, what their rows mean, and what is sent to them.

use iq_connector::{ColumnKind, PushPlan, Pushed};
use iq_domain::{
    CodedError, ObjectKind, SourceObject, SourceRecord, SourceWorkOrder, WorkOrderDraft,
    WorkOrderKind,
};
use serde_json::{Map, Value, json};

use crate::{
    config::{MappingMode, Settings},
    dialect::{Column, Place, Set, Start, checked_reference, suffix, with_suffix},
    odata::{entity, json_day, json_moment, json_time, moment_literal, query, quoted},
    values::{Row, cut, flag, key, line, local_moment, moment, text, to_local},
    words,
};

/// Where S/4HANA keeps its services of version 2.
const SERVICES: &str = "sap/opu/odata/sap";
/// Longest short text of orders and notifications.
const SHORT_TEXT: usize = 40;
/// Longest text of the field that takes a notification's long text.
const LONG_TEXT: usize = 1_333;

/// Service and entity set (they share their name with the key).
fn names(set: Set) -> (&'static str, &'static str) {
    match set {
        Set::Locations => ("API_FUNCTIONALLOCATION", "FunctionalLocation"),
        Set::Equipment => ("API_EQUIPMENT", "Equipment"),
        Set::Notifications => ("API_MAINTNOTIFICATION", "MaintenanceNotification"),
        Set::Orders => ("API_MAINTENANCEORDER", "MaintenanceOrder"),
    }
}

/// The path of the services below the configured address, which may hold it already.
fn below_base(settings: &Settings, rest: &str) -> String {
    let base = settings.base_url.trim_end_matches('/');
    if base.ends_with(SERVICES) {
        rest.to_owned()
    } else {
        format!("{SERVICES}/{rest}")
    }
}

/// Texts are asked for in English, so that the words of status are known ones.
fn common(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut parts = vec![("sap-language", "EN".to_owned())];
    if !settings.sap_client.is_empty() {
        parts.push(("sap-client", settings.sap_client.clone()));
    }
    parts
}

fn with_query(settings: &Settings, path: &str, parts: Vec<(&'static str, String)>) -> String {
    let all: Vec<(&str, String)> = parts.into_iter().chain(common(settings)).collect();
    let borrowed: Vec<(&str, &str)> = all.iter().map(|(k, v)| (*k, v.as_str())).collect();
    format!("{}{}", below_base(settings, path), query(&borrowed))
}

/// The document of a service, which also gives the token for changing requests.
pub(crate) fn service_root(settings: &Settings, set: Set) -> String {
    with_query(
        settings,
        &format!("{}/", names(set).0),
        vec![("$format", "json".into())],
    )
}

/// The description of a service.
pub(crate) fn metadata(settings: &Settings, set: Set) -> String {
    with_query(settings, &format!("{}/$metadata", names(set).0), Vec::new())
}

/// Whether the description of a service says that nothing can be created in the set.
pub(crate) fn says_not_creatable(metadata: &str, set: Set) -> bool {
    let wanted = format!("Name=\"{}\"", names(set).1);
    metadata
        .split("<EntitySet ")
        .skip(1)
        .filter_map(|part| part.split('>').next())
        .filter(|attributes| attributes.contains(&wanted))
        .any(|attributes| attributes.contains("sap:creatable=\"false\""))
}

/// Where something is created.
pub(crate) fn create_path(settings: &Settings, set: Set) -> String {
    let (service, entity_set) = names(set);
    with_query(settings, &format!("{service}/{entity_set}"), Vec::new())
}

fn list(
    settings: &Settings,
    set: Set,
    filters: Vec<String>,
    order: &str,
    skip: usize,
    limit: usize,
) -> String {
    let (service, entity_set) = names(set);
    let mut filters = filters;
    if set == Set::Equipment {
        // One row per period of use; this is the present one.
        filters.push("ValidityEndDate eq datetime'9999-12-31T00:00:00'".to_owned());
    }
    if !settings.plant.is_empty() {
        filters.push(format!("MaintenancePlant eq {}", quoted(&settings.plant)));
    }
    if !settings.company.is_empty() {
        filters.push(format!("CompanyCode eq {}", quoted(&settings.company)));
    }
    let mut parts = vec![
        ("$format", "json".to_owned()),
        ("$filter", filters.join(" and ")),
        ("$orderby", order.to_owned()),
        ("$top", limit.to_string()),
        ("$inlinecount", "allpages".to_owned()),
    ];
    if skip > 0 {
        parts.push(("$skip", skip.to_string()));
    }
    with_query(settings, &format!("{service}/{entity_set}"), parts)
}

/// Path and query of a page.
pub(crate) fn page(settings: &Settings, set: Set, from: &Start, limit: usize) -> String {
    let id = names(set).1;
    match from {
        Start::Key(after) => {
            let after = after.iter().map(|key| format!("{id} gt {}", quoted(key)));
            list(settings, set, after.collect(), id, 0, limit)
        }
        Start::Change(since, offset) => {
            let changed = format!("LastChangeDateTime ge {}", moment_literal(*since));
            let order = format!("LastChangeDateTime,{id}");
            list(settings, set, vec![changed], &order, *offset, limit)
        }
    }
}

/// Path and query of the newest rows.
pub(crate) fn newest(settings: &Settings, set: Set, limit: usize) -> String {
    list(
        settings,
        set,
        Vec::new(),
        "LastChangeDateTime desc",
        0,
        limit,
    )
}

/// Key and last change of a row.
pub(crate) fn place(set: Set, row: &Row) -> Option<Place> {
    Some(Place {
        key: key(row, names(set).1)?,
        changed_at: moment(row, "LastChangeDateTime"),
    })
}

/// The record a row stands for.
pub(crate) fn record(settings: &Settings, set: Set, row: Row) -> Option<SourceRecord> {
    Some(match set {
        Set::Locations => SourceRecord::TechnicalObject(location(row)?),
        Set::Equipment => SourceRecord::TechnicalObject(equipment(row)?),
        Set::Notifications => SourceRecord::WorkOrder(notification(settings, row)?),
        Set::Orders => SourceRecord::WorkOrder(order(settings, row)?),
    })
}

fn location(row: Row) -> Option<SourceObject> {
    let number = key(&row, "FunctionalLocation")?;
    let is_gone = [
        "FuncnlLocIsDeleted",
        "FuncnlLocIsDeactivated",
        "FuncnlLocIsMarkedForDeletion",
    ]
    .iter()
    .any(|name| flag(&row, name) == Some(true));
    Some(SourceObject {
        kind: ObjectKind::FunctionalLocation,
        name: line(&row, "FunctionalLocationName", 120)
            .or_else(|| line(&row, "FunctionalLocationLabelName", 120))
            .unwrap_or_else(|| number.clone()),
        number,
        location: key(&row, "SuperiorFunctionalLocation"),
        parent: None,
        plant: line(&row, "MaintenancePlant", 20),
        is_active: !is_gone,
        changed_at: moment(&row, "LastChangeDateTime"),
        payload: Value::Object(row),
    })
}

fn equipment(row: Row) -> Option<SourceObject> {
    let number = key(&row, "Equipment")?;
    let is_gone = ["EquipmentIsInactive", "EquipmentIsMarkedForDeletion"]
        .iter()
        .any(|name| flag(&row, name) == Some(true));
    Some(SourceObject {
        kind: ObjectKind::Equipment,
        name: line(&row, "EquipmentName", 120).unwrap_or_else(|| number.clone()),
        number,
        location: key(&row, "FunctionalLocation"),
        parent: key(&row, "SuperordinateEquipment"),
        plant: line(&row, "MaintenancePlant", 20),
        is_active: !is_gone,
        changed_at: moment(&row, "LastChangeDateTime"),
        payload: Value::Object(row),
    })
}

/// The technical object a row is about, as equipment or as location.
fn technical_object(row: &Row) -> (Option<String>, Option<String>) {
    let object = key(row, "TechnicalObject");
    match text(row, "TechObjIsEquipOrFuncnlLoc").as_deref() {
        Some("EAMS_EQUI") => (object, None),
        Some("EAMS_FL") => (None, object),
        _ => (None, None),
    }
}

fn notification(settings: &Settings, row: Row) -> Option<SourceWorkOrder> {
    let status_text = line(&row, "ConcatenatedActiveSystStsName", 200).unwrap_or_default();
    let phase = text(&row, "NotifProcessingPhase").unwrap_or_default();
    let (by_object, place) = technical_object(&row);
    let zone = &settings.zone;
    let at = |date: &str, time: &str| local_moment(&row, date, time, zone);
    Some(SourceWorkOrder {
        kind: WorkOrderKind::Notification,
        number: key(&row, "MaintenanceNotification")?,
        title: line(&row, "NotificationText", 200).unwrap_or_default(),
        order_type: line(&row, "NotificationType", 20),
        priority: text(&row, "MaintPriority").and_then(|p| words::priority(&p)),
        status: words::sap_notification(&status_text, &phase),
        source_status: Some(status_text.clone())
            .filter(|t| !t.is_empty())
            .or_else(|| line(&row, "NotifProcessingPhaseDesc", 100))
            .unwrap_or(phase),
        equipment_number: by_object,
        functional_location: place.or_else(|| key(&row, "FunctionalLocation")),
        plant: line(&row, "MaintenancePlant", 20),
        work_center: line(&row, "MainWorkCenter", 40),
        related_number: key(&row, "MaintenanceOrder"),
        reference: reference(settings, Set::Notifications, &row),
        planned_start: at("RequiredStartDate", "RequiredStartTime"),
        planned_end: at("RequiredEndDate", "RequiredEndTime"),
        actual_start: at("MalfunctionStartDate", "MalfunctionStartTime"),
        // The machine is back when the malfunction ended; the paper is often completed days later.
        actual_end: at("MalfunctionEndDate", "MalfunctionEndTime")
            .or_else(|| at("NotificationCompletionDate", "CompletionTime")),
        created_at: at("CreationDate", "CreationTime"),
        changed_at: moment(&row, "LastChangeDateTime"),
        version: None,
        payload: Value::Object(row),
    })
}

fn order(settings: &Settings, row: Row) -> Option<SourceWorkOrder> {
    let status_text = line(&row, "SystemStatusText", 100).unwrap_or_default();
    let phase = text(&row, "MaintOrdProcessPhaseCode").unwrap_or_default();
    let (by_object, place) = technical_object(&row);
    let zone = &settings.zone;
    let planned = |stamp: &str, date: &str, time: &str| {
        moment(&row, stamp).or_else(|| local_moment(&row, date, time, zone))
    };
    Some(SourceWorkOrder {
        kind: WorkOrderKind::Order,
        number: key(&row, "MaintenanceOrder")?,
        title: line(&row, "MaintenanceOrderDesc", 200).unwrap_or_default(),
        order_type: line(&row, "MaintenanceOrderType", 20),
        priority: text(&row, "MaintPriority").and_then(|p| words::priority(&p)),
        status: words::sap_order(&status_text, &phase),
        source_status: if status_text.is_empty() {
            phase
        } else {
            status_text
        },
        equipment_number: key(&row, "Equipment").or(by_object),
        functional_location: key(&row, "FunctionalLocation").or(place),
        plant: line(&row, "MaintenancePlant", 20)
            .or_else(|| line(&row, "MaintenancePlanningPlant", 20)),
        work_center: line(&row, "MainWorkCenter", 40),
        related_number: key(&row, "MaintenanceNotification"),
        reference: reference(settings, Set::Orders, &row),
        planned_start: planned(
            "MaintOrdBasicStartDateTime",
            "MaintOrdBasicStartDate",
            "MaintOrdBasicStartTime",
        ),
        planned_end: planned(
            "MaintOrdBasicEndDateTime",
            "MaintOrdBasicEndDate",
            "MaintOrdBasicEndTime",
        ),
        // The header of an order carries no times of the work; the confirmations do.
        actual_start: None,
        actual_end: None,
        created_at: None,
        changed_at: moment(&row, "LastChangeDateTime"),
        version: None,
        payload: Value::Object(row),
    })
}

/// The field that carries our reference, and how much it takes. The short text takes it in brackets.
pub(crate) fn reference_field(settings: &Settings, set: Set) -> (String, usize) {
    let (configured, standard) = match set {
        Set::Notifications => (
            &settings.notification_reference_field,
            "MaintNotifExtReferenceNumber",
        ),
        _ => (&settings.reference_field, "AdditionalDeviceData"),
    };
    let name = if configured.is_empty() {
        standard
    } else {
        configured
    };
    let max = match name {
        "MaintNotifExtReferenceNumber" => 20,
        "NotificationText" | "MaintenanceOrderDesc" => 22,
        "MaintObjectFreeDefinedAttrib" => 30,
        _ => 40,
    };
    (name.to_owned(), max)
}

fn is_short_text(field: &str) -> bool {
    matches!(field, "NotificationText" | "MaintenanceOrderDesc")
}

/// Our reference in a row.
pub(crate) fn reference(settings: &Settings, set: Set, row: &Row) -> Option<String> {
    let (field, _) = reference_field(settings, set);
    let written = text(row, &field)?;
    let found = if is_short_text(&field) {
        suffix(&written)?
    } else {
        written
    };
    // Other people use these fields too; what can't be a reference is none.
    checked_reference(&found, 60).is_ok().then_some(found)
}

/// The searches that find everything that carries a reference.
pub(crate) fn searches(settings: &Settings, reference: &str) -> Vec<(Set, String)> {
    [Set::Notifications, Set::Orders]
        .into_iter()
        .map(|set| {
            let (field, _) = reference_field(settings, set);
            let filter = if is_short_text(&field) {
                format!("substringof({},{field})", quoted(&format!("[{reference}]")))
            } else {
                format!("{field} eq {}", quoted(reference))
            };
            let (service, entity_set) = names(set);
            let parts = vec![
                ("$format", "json".to_owned()),
                ("$filter", filter),
                ("$top", "20".to_owned()),
            ];
            (
                set,
                with_query(settings, &format!("{service}/{entity_set}"), parts),
            )
        })
        .collect()
}

/// What would be sent for a draft.
pub(crate) fn plan(settings: &Settings, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
    let set = match draft.kind {
        WorkOrderKind::Notification => Set::Notifications,
        WorkOrderKind::Order => Set::Orders,
    };
    let (field, max) = reference_field(settings, set);
    let reference = checked_reference(&draft.reference, max)?;
    if draft.title.trim().is_empty() {
        return Err(CodedError::invalid("eam.draft_no_title"));
    }
    let title = if is_short_text(&field) {
        with_suffix(&draft.title, reference, SHORT_TEXT)
    } else {
        cut(&draft.title, SHORT_TEXT)
    };
    let mut payload = match set {
        Set::Notifications => notification_payload(settings, draft, &title)?,
        _ => order_payload(settings, draft, &title)?,
    };
    if !is_short_text(&field) {
        payload.insert(field, json!(reference));
    }
    Ok(PushPlan {
        method: "POST".to_owned(),
        path: create_path(settings, set),
        payload: Value::Object(payload),
        reference: reference.to_owned(),
    })
}

/// The object the draft is about: by the mapping mode first, by the other where that is unknown.
fn object_of<'a>(
    settings: &Settings,
    draft: &'a WorkOrderDraft,
) -> Result<(bool, &'a str), CodedError> {
    fn given(value: &Option<String>) -> Option<&str> {
        value.as_deref().map(str::trim).filter(|v| !v.is_empty())
    }
    let equipment = given(&draft.equipment_number).map(|number| (true, number));
    let location = given(&draft.functional_location).map(|number| (false, number));
    match settings.mapping {
        MappingMode::ByEquipmentNumber => equipment.or(location),
        MappingMode::ByFunctionalLocation => location.or(equipment),
    }
    .ok_or_else(|| CodedError::invalid("eam.draft_no_object"))
}

/// The whole title, where it had to be cut, before the description.
fn long_text(draft: &WorkOrderDraft, title: &str, max: usize) -> String {
    let (full, description) = (draft.title.trim(), draft.description.trim());
    let whole = match (title.starts_with(full), description.is_empty()) {
        (true, _) => description.to_owned(),
        (false, true) => full.to_owned(),
        (false, false) => format!("{full}\n{description}"),
    };
    cut(&whole, max)
}

fn notification_payload(
    settings: &Settings,
    draft: &WorkOrderDraft,
    title: &str,
) -> Result<Map<String, Value>, CodedError> {
    let (is_equipment, object) = object_of(settings, draft)?;
    let mut body = Map::new();
    let kind = draft
        .order_type
        .as_deref()
        .unwrap_or(&settings.notification_type);
    body.insert("NotificationType".into(), json!(kind));
    body.insert("NotificationText".into(), json!(title));
    body.insert(
        "MaintPriority".into(),
        json!(words::priority_number(draft.priority).to_string()),
    );
    body.insert("TechnicalObject".into(), json!(object));
    let what = if is_equipment { "EAMS_EQUI" } else { "EAMS_FL" };
    body.insert("TechObjIsEquipOrFuncnlLoc".into(), json!(what));
    body.insert("MaintenanceObjectIsDown".into(), json!(draft.is_down));
    let long = long_text(draft, title, LONG_TEXT);
    for (name, value) in [
        ("MaintNotifLongTextForEdit", &long),
        ("MaintenancePlanningPlant", &settings.planning_plant),
        ("MainWorkCenter", &settings.work_center),
    ] {
        if !value.is_empty() {
            body.insert(name.into(), json!(value));
        }
    }
    for (at, date, time) in [
        (
            draft.malfunction_at,
            "MalfunctionStartDate",
            "MalfunctionStartTime",
        ),
        (
            draft.planned_start,
            "RequiredStartDate",
            "RequiredStartTime",
        ),
        (draft.planned_end, "RequiredEndDate", "RequiredEndTime"),
    ] {
        if let Some((day, seconds)) = at.and_then(|at| to_local(at, &settings.zone)) {
            body.insert(date.into(), json!(json_day(day)));
            body.insert(time.into(), json!(json_time(seconds)));
        }
    }
    Ok(body)
}

fn order_payload(
    settings: &Settings,
    draft: &WorkOrderDraft,
    title: &str,
) -> Result<Map<String, Value>, CodedError> {
    let (is_equipment, object) = object_of(settings, draft)?;
    let kind = draft.order_type.as_deref().unwrap_or(&settings.order_type);
    if kind.trim().is_empty() {
        return Err(CodedError::invalid("eam.draft_no_type"));
    }
    if settings.planning_plant.is_empty() {
        return Err(CodedError::invalid("connector.field_required").with("field", "planning_plant"));
    }
    let mut body = Map::new();
    body.insert("MaintenanceOrderType".into(), json!(kind));
    body.insert("MaintenanceOrderDesc".into(), json!(title));
    body.insert(
        "MaintPriority".into(),
        json!(words::priority_number(draft.priority).to_string()),
    );
    body.insert(
        "MaintenancePlanningPlant".into(),
        json!(settings.planning_plant),
    );
    let name = if is_equipment {
        "Equipment"
    } else {
        "FunctionalLocation"
    };
    body.insert(name.into(), json!(object));
    if !settings.work_center.is_empty() {
        body.insert("MainWorkCenter".into(), json!(settings.work_center));
        body.insert("MainWorkCenterPlant".into(), json!(settings.planning_plant));
    }
    for (at, name) in [
        (draft.planned_start, "MaintOrdBasicStartDateTime"),
        (draft.planned_end, "MaintOrdBasicEndDateTime"),
    ] {
        if let Some(at) = at {
            body.insert(name.into(), json!(json_moment(at)));
        }
    }
    let long = long_text(draft, title, 10_000);
    if !long.is_empty() {
        // KOPF is the text of an order's header.
        let entry =
            json!({"TextObjectType": "KOPF", "Language": "EN", "MaintenanceOrderLongText": long});
        body.insert("to_MaintenanceOrderLongText".into(), json!([entry]));
    }
    Ok(body)
}

/// What a creation answered.
pub(crate) fn created(body: &Value) -> Option<Pushed> {
    let (row, version) = entity(body)?;
    // A notification may name its order; an order never lacks its own number.
    let is_notification = row.contains_key("NotificationType");
    let set = if is_notification {
        Set::Notifications
    } else {
        Set::Orders
    };
    Some(Pushed {
        number: key(&row, names(set).1)?,
        version,
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
    const CHANGED: Column = time("LastChangeDateTime");
    match set {
        Set::Locations => {
            const {
                &[
                    text("FunctionalLocation"),
                    text("FunctionalLocationName"),
                    text("SuperiorFunctionalLocation"),
                    text("MaintenancePlant"),
                    CHANGED,
                ]
            }
        }
        Set::Equipment => {
            const {
                &[
                    text("Equipment"),
                    text("EquipmentName"),
                    text("FunctionalLocation"),
                    text("SuperordinateEquipment"),
                    text("MaintenancePlant"),
                    text("ABCIndicator"),
                    CHANGED,
                ]
            }
        }
        Set::Notifications => {
            const {
                &[
                    text("MaintenanceNotification"),
                    text("NotificationText"),
                    text("NotificationType"),
                    text("MaintPriority"),
                    text("TechnicalObject"),
                    text("MaintenanceOrder"),
                    CHANGED,
                ]
            }
        }
        Set::Orders => {
            const {
                &[
                    text("MaintenanceOrder"),
                    text("MaintenanceOrderDesc"),
                    text("MaintenanceOrderType"),
                    text("MaintPriority"),
                    text("SystemStatusText"),
                    text("Equipment"),
                    text("FunctionalLocation"),
                    text("MainWorkCenter"),
                    time("MaintOrdBasicStartDateTime"),
                    time("MaintOrdBasicEndDateTime"),
                    CHANGED,
                ]
            }
        }
    }
}

#[cfg(test)]
#[path = "sap_tests.rs"]
mod tests;
