//! Claims about SAP's rows, requests and payloads.

use iq_domain::{Timestamp, WorkOrderPriority, WorkOrderStatus};

use super::*;
use crate::{
    testing::{draft, settings},
    values::flat,
};

fn row(value: Value) -> Row {
    flat(value.as_object().expect("an object"))
}

fn order_of(value: Value) -> SourceWorkOrder {
    match record(&settings(), Set::Orders, row(value)) {
        Some(SourceRecord::WorkOrder(order)) => order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_read_with_its_numbers_as_they_are() {
    let found = order_of(json!({
        "__metadata": {"uri": "https://sap/x"}, "MaintenanceOrder": "000004000123",
        "MaintenanceOrderDesc": "Replace seal", "MaintenanceOrderType": "PM01", "MaintPriority": "1",
        "SystemStatusText": "REL  PCNF MANC", "MaintOrdProcessPhaseCode": "60",
        "Equipment": "000000000010000042", "FunctionalLocation": "RAS-U100-P101A",
        "MaintenancePlant": "1010", "MainWorkCenter": "MECH-R1", "MaintenanceNotification": "000010000007",
        "MaintOrdBasicStartDateTime": "/Date(1767254400000+0000)/",
        "LastChangeDateTime": "/Date(1767268800000+0000)/", "AdditionalDeviceData": "OPQ-01J9ZK",
        "to_MaintenanceOrderOperation": {"__deferred": {"uri": "x"}},
    }));
    assert_eq!(found.number, "000004000123");
    assert_eq!(found.status, WorkOrderStatus::InProgress);
    assert_eq!(found.priority, Some(WorkOrderPriority::VeryHigh));
    assert_eq!(found.source_status, "REL  PCNF MANC");
    assert_eq!(
        found.equipment_number.as_deref(),
        Some("000000000010000042")
    );
    assert_eq!(found.related_number.as_deref(), Some("000010000007"));
    assert_eq!(found.reference.as_deref(), Some("OPQ-01J9ZK"));
    assert_eq!(found.planned_start, Some(Timestamp(1_767_254_400_000)));
    assert_eq!(found.changed_at, Some(Timestamp(1_767_268_800_000)));
    assert_eq!(found.payload["MaintenanceOrderDesc"], json!("Replace seal"));
    assert!(found.payload.get("__metadata").is_none());
}

#[test]
fn an_order_of_dates_without_zone_is_read_in_the_zone_of_the_plant() {
    let found = order_of(json!({
        "MaintenanceOrder": "1", "MaintOrdBasicStartDate": "/Date(1767225600000)/",
        "MaintOrdBasicStartTime": "PT11H00M00S",
    }));
    assert_eq!(found.planned_start, Some(Timestamp(1_767_254_400_000)));
    assert_eq!(found.status, WorkOrderStatus::Open);
}

#[test]
fn a_notification_names_its_object_by_kind() {
    let read = |kind: &str| {
        let value = json!({
            "MaintenanceNotification": "000010000007", "NotificationText": "Seal leaks",
            "NotificationType": "M2", "NotifProcessingPhase": "3", "TechnicalObject": "X-1",
            "TechObjIsEquipOrFuncnlLoc": kind, "MaintNotifExtReferenceNumber": "OPQ-2",
            "MalfunctionStartDate": "/Date(1767225600000)/", "MalfunctionStartTime": "PT10H00M05S",
        });
        match record(&settings(), Set::Notifications, row(value)) {
            Some(SourceRecord::WorkOrder(found)) => found,
            other => panic!("{other:?}"),
        }
    };
    let found = read("EAMS_EQUI");
    assert_eq!(found.kind, WorkOrderKind::Notification);
    assert_eq!(found.equipment_number.as_deref(), Some("X-1"));
    assert_eq!(found.functional_location, None);
    assert_eq!(found.status, WorkOrderStatus::InProgress);
    assert_eq!(found.reference.as_deref(), Some("OPQ-2"));
    assert_eq!(found.actual_start, Some(Timestamp(1_767_250_805_000)));
    assert_eq!(read("EAMS_FL").functional_location.as_deref(), Some("X-1"));
}

#[test]
fn a_malfunction_ends_before_its_papers() {
    let read = |more: Value| {
        let mut value = json!({
            "MaintenanceNotification": "000010000008", "NotificationType": "M2",
            "NotificationCompletionDate": "/Date(1767484800000)/", "CompletionTime": "PT08H00M00S",
        });
        if let (Some(all), Some(more)) = (value.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        match record(&settings(), Set::Notifications, row(value)) {
            Some(SourceRecord::WorkOrder(found)) => found.actual_end,
            other => panic!("{other:?}"),
        }
    };
    let completed = read(json!({}));
    let ended = read(json!({
        "MalfunctionEndDate": "/Date(1767225600000)/", "MalfunctionEndTime": "PT16H30M00S",
    }));
    assert_eq!(ended, Some(Timestamp(1_767_274_200_000)));
    assert!(completed > ended);
}

#[test]
fn objects_say_where_they_stand_and_whether_they_are_in_use() {
    let value = json!({
        "Equipment": "000000000010000042", "EquipmentName": "Feed pump A", "EquipmentIsInactive": true,
        "FunctionalLocation": "RAS-U100-P101A", "SuperordinateEquipment": "000000000010000001",
    });
    let Some(SourceRecord::TechnicalObject(found)) =
        record(&settings(), Set::Equipment, row(value))
    else {
        panic!("no object")
    };
    assert_eq!(found.location.as_deref(), Some("RAS-U100-P101A"));
    assert_eq!(found.parent.as_deref(), Some("000000000010000001"));
    assert!(!found.is_active);
    let value = json!({"FunctionalLocation": "RAS-U100", "SuperiorFunctionalLocation": "RAS"});
    let Some(SourceRecord::TechnicalObject(found)) =
        record(&settings(), Set::Locations, row(value))
    else {
        panic!("no object")
    };
    assert_eq!(
        (found.name.as_str(), found.location.as_deref()),
        ("RAS-U100", Some("RAS"))
    );
    assert!(found.is_active);
}

#[test]
fn a_row_without_a_key_is_no_record() {
    for bad in [
        json!({}),
        json!({"MaintenanceOrder": ""}),
        json!({"MaintenanceOrder": "a\u{202E}b"}),
    ] {
        assert!(record(&settings(), Set::Orders, row(bad)).is_none());
    }
}

#[test]
fn requests_select_by_plant_client_and_change() {
    let path = page(
        &settings(),
        Set::Equipment,
        &Start::Change(Timestamp(1_767_254_400_999), 50),
        200,
    );
    let (path, query) = path.split_once('?').unwrap();
    assert_eq!(path, "sap/opu/odata/sap/API_EQUIPMENT/Equipment");
    for part in [
        "$filter=LastChangeDateTime%20ge%20datetimeoffset%272026-01-01T08%3A00%3A00Z%27%20and%20ValidityEndDate%20eq",
        "MaintenancePlant%20eq%20%271010%27",
        "$orderby=LastChangeDateTime%2CEquipment",
        "$top=200",
        "$skip=50",
        "$inlinecount=allpages",
        "sap-client=100",
        "sap-language=EN",
    ] {
        assert!(query.contains(part), "{part} in {query}");
    }
    let mut hostile = settings();
    hostile.plant = "1' or '1' eq '1".into();
    let path = page(&hostile, Set::Orders, &Start::Change(Timestamp(0), 0), 1);
    assert!(
        path.contains("%271%27%27%20or%20%27%271%27%27%20eq%20%27%271%27"),
        "{path}"
    );
}

#[test]
fn the_services_are_found_below_any_address() {
    let mut settings = settings();
    settings.base_url = "https://gw/proxy/sap/opu/odata/sap/".into();
    assert!(service_root(&settings, Set::Orders).starts_with("API_MAINTENANCEORDER/?"));
}

#[test]
fn a_notification_is_planned_as_it_will_be_sent() {
    let found = plan(&settings(), &draft(WorkOrderKind::Notification)).unwrap();
    assert_eq!(found.method, "POST");
    assert_eq!(
        found.path,
        "sap/opu/odata/sap/API_MAINTNOTIFICATION/MaintenanceNotification?sap-language=EN&sap-client=100"
    );
    let body = &found.payload;
    let title = body["NotificationText"].as_str().unwrap();
    assert!(
        title.chars().count() <= 40 && title.ends_with('…'),
        "{title}"
    );
    assert_eq!(body["NotificationType"], json!("M2"));
    assert_eq!(body["MaintPriority"], json!("2"));
    assert_eq!(body["TechnicalObject"], json!("000000000010000042"));
    assert_eq!(body["TechObjIsEquipOrFuncnlLoc"], json!("EAMS_EQUI"));
    assert_eq!(body["MaintNotifExtReferenceNumber"], json!("OPQ-01J9ZK"));
    assert_eq!(body["MaintenanceObjectIsDown"], json!(true));
    assert_eq!(
        body["MalfunctionStartDate"],
        json!("/Date(1767225600000)/"),
        "the local day"
    );
    assert_eq!(
        body["MalfunctionStartTime"],
        json!("PT10H00M05S"),
        "the local time"
    );
    let long = body["MaintNotifLongTextForEdit"].as_str().unwrap();
    assert!(long.starts_with("Seal of P-101A leaks at the drive end, oil on the floor\nVibration"));
}

#[test]
fn an_order_is_planned_as_it_will_be_sent() {
    let mut by_location = settings();
    by_location.mapping = MappingMode::ByFunctionalLocation;
    let found = plan(&by_location, &draft(WorkOrderKind::Order)).unwrap();
    let body = &found.payload;
    assert_eq!(body["FunctionalLocation"], json!("RAS-U100-P101A"));
    assert!(body.get("Equipment").is_none());
    assert_eq!(body["MaintenanceOrderType"], json!("PM01"));
    assert_eq!(body["AdditionalDeviceData"], json!("OPQ-01J9ZK"));
    assert_eq!(
        body["MaintOrdBasicStartDateTime"],
        json!("/Date(1767254400000+0000)/")
    );
    for never in [
        "MaintenanceOrder",
        "LastChangeDateTime",
        "SystemStatusText",
        "MaintOrdProcessPhaseCode",
    ] {
        assert!(body.get(never).is_none(), "{never} is not ours to write");
    }
}

#[test]
fn a_reference_in_the_short_text_is_searched_and_found_there() {
    let mut settings = settings();
    settings.reference_field = "MaintenanceOrderDesc".into();
    let found = plan(&settings, &draft(WorkOrderKind::Order)).unwrap();
    let text = found.payload["MaintenanceOrderDesc"].as_str().unwrap();
    assert!(
        text.ends_with(" [OPQ-01J9ZK]") && text.chars().count() <= 40,
        "{text}"
    );
    let back = row(json!({"MaintenanceOrder": "1", "MaintenanceOrderDesc": text}));
    assert_eq!(
        reference(&settings, Set::Orders, &back).as_deref(),
        Some("OPQ-01J9ZK")
    );
    let searches = searches(&settings, "OPQ-01J9ZK");
    assert!(
        searches[1]
            .1
            .contains("substringof%28%27%5BOPQ-01J9ZK%5D%27%2CMaintenanceOrderDesc%29")
    );
    assert!(
        searches[0]
            .1
            .contains("MaintNotifExtReferenceNumber%20eq%20%27OPQ-01J9ZK%27")
    );
}

#[test]
fn a_draft_that_could_not_be_found_again_or_names_nothing_is_refused() {
    let code = |change: &dyn Fn(&mut WorkOrderDraft)| {
        let mut draft = draft(WorkOrderKind::Notification);
        change(&mut draft);
        plan(&settings(), &draft).map_or_else(|e| e.code, |_| "ok")
    };
    assert_eq!(
        code(&|d| d.reference = "x".repeat(21)),
        "eam.reference_too_long"
    );
    assert_eq!(
        code(&|d| d.reference = "a'b".into()),
        "eam.reference_invalid"
    );
    assert_eq!(code(&|d| d.title = "  ".into()), "eam.draft_no_title");
    assert_eq!(code(&|d| d.equipment_number = None), "ok");
    assert_eq!(
        code(&|d| {
            d.equipment_number = None;
            d.functional_location = Some(" ".into());
        }),
        "eam.draft_no_object"
    );
}

#[test]
fn a_service_that_can_not_create_says_so() {
    let described = "<EntitySet Name=\"MaintenanceOrder\" sap:creatable=\"false\" sap:x=\"y\"/>\
        <EntitySet Name=\"MaintenanceNotification\" sap:updatable=\"false\"/>";
    assert!(says_not_creatable(described, Set::Orders));
    assert!(!says_not_creatable(described, Set::Notifications));
    assert!(!says_not_creatable("", Set::Orders));
}

#[test]
fn the_number_of_what_was_created_is_read_whatever_it_is() {
    let answer = json!({"d": {"__metadata": {"etag": "W/\"1\""}, "MaintenanceNotification": "10000042",
        "NotificationType": "M2", "MaintenanceOrder": ""}});
    let found = created(&answer).unwrap();
    assert_eq!(
        (found.number.as_str(), found.version.as_deref()),
        ("10000042", Some("W/\"1\""))
    );
    let answer =
        json!({"d": {"MaintenanceOrder": "4000123", "MaintenanceNotification": "10000042"}});
    assert_eq!(created(&answer).unwrap().number, "4000123");
    assert_eq!(created(&json!({"d": {}})), None);
}
