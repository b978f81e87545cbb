//! Claims about Oracle's rows, requests and payloads.

use iq_domain::{WorkOrderPriority, WorkOrderStatus};

use super::*;
use crate::testing::{draft, settings};

fn fusion_settings() -> Settings {
    let mut settings = settings();
    settings.base_url = "https://example.fa.em2.oraclecloud.com".into();
    settings.plant = "M1".into();
    settings.order_type = "CORRECTIVE".into();
    settings.sap_client = String::new();
    settings
}

fn sample() -> Value {
    json!({
        "items": [{
            "WorkOrderId": 300_100_071_234_567_i64, "WorkOrderNumber": "WO-1001",
            "WorkOrderDescription": "Replace seal [OPQ-7]", "OrganizationCode": "M1",
            "WorkOrderType": "CORRECTIVE", "AssetNumber": "P-101A", "WorkOrderPriority": 2,
            "WorkOrderStatusCode": "ORA_RELEASED", "WorkOrderSystemStatusCode": "ORA_RELEASED",
            "PlannedStartDate": "2026-01-01T08:00:00+00:00", "ActualStartDate": null,
            "LastUpdateDate": "2026-01-01T12:00:00.512+00:00",
            "links": [{"rel": "self", "href": "https://elsewhere"}],
        }],
        "count": 1, "hasMore": true, "limit": 1, "offset": 0, "totalResults": 40,
        "links": [{"rel": "self", "href": "https://elsewhere"}],
    })
}

#[test]
fn a_list_is_read_with_its_continuation() {
    let page = read_page(&sample()).unwrap();
    assert!(page.has_more(0, 1));
    assert_eq!(page.total, Some(40));
    let place = place(Set::Orders, &page.rows[0]).unwrap();
    assert_eq!(place.key, "300100071234567");
    for bad in [
        json!({}),
        json!({"items": {}}),
        json!({"items": [1]}),
        json!([]),
    ] {
        assert_eq!(read_page(&bad), None, "{bad}");
    }
}

#[test]
fn an_order_is_read() {
    let page = read_page(&sample()).unwrap();
    let Some(SourceRecord::WorkOrder(found)) =
        record(&fusion_settings(), Set::Orders, page.rows[0].clone())
    else {
        panic!("no order")
    };
    assert_eq!(found.number, "WO-1001");
    assert_eq!(found.status, WorkOrderStatus::Released);
    assert_eq!(found.priority, Some(WorkOrderPriority::High));
    assert_eq!(found.equipment_number.as_deref(), Some("P-101A"));
    assert_eq!(found.reference.as_deref(), Some("OPQ-7"));
    assert!(found.payload.get("links").is_none());
}

#[test]
fn a_key_that_is_no_number_does_not_reach_a_query() {
    let row = flat(json!({"AssetId": "1 or 1=1"}).as_object().unwrap());
    assert!(place(Set::Equipment, &row).is_none());
}

#[test]
fn requests_select_by_organization_and_change() {
    let path = page(
        &fusion_settings(),
        Set::Orders,
        &Start::Change(Timestamp(1_767_254_400_000), 0),
        200,
    );
    assert!(path.starts_with("fscmRestApi/resources/11.13.18.05/maintenanceWorkOrders?q="));
    for part in [
        "LastUpdateDate%20%3E%3D%20%272026-01-01T08%3A00%3A00.000%2B00%3A00%27",
        "OrganizationCode%3D%27M1%27",
        "limit=200",
        "onlyData=true",
        "totalResults=true",
    ] {
        assert!(path.contains(part), "{part} in {path}");
    }
}

#[test]
fn a_work_order_is_planned_with_its_reference_at_the_end_of_the_description() {
    let found = plan(&fusion_settings(), &draft(WorkOrderKind::Notification)).unwrap();
    assert_eq!(
        found.path,
        "fscmRestApi/resources/11.13.18.05/maintenanceWorkOrders"
    );
    let text = found.payload["WorkOrderDescription"].as_str().unwrap();
    assert!(text.ends_with(" [OPQ-01J9ZK]") && text.chars().count() <= 240);
    assert_eq!(found.payload["OrganizationCode"], json!("M1"));
    assert_eq!(found.payload["WorkOrderPriority"], json!(2));
    assert_eq!(
        found.payload["PlannedStartDate"],
        json!("2026-01-01T08:00:00.000+00:00")
    );
    let mut own = fusion_settings();
    own.reference_field = "WorkOrderNumber".into();
    let found = plan(&own, &draft(WorkOrderKind::Order)).unwrap();
    assert_eq!(found.payload["WorkOrderNumber"], json!("OPQ-01J9ZK"));
    own.plant = String::new();
    assert_eq!(
        plan(&own, &draft(WorkOrderKind::Order)).unwrap_err().code,
        "connector.field_required"
    );
}

#[test]
fn errors_speak_in_either_notation() {
    let newer = json!({"title": "Bad Request", "status": "400", "o:errorDetails": [
        {"detail": "The asset number P-1 is invalid", "o:errorCode": "WIE-2901244"},
        {"detail": "Enter an organization"}]});
    let found = said(newer.to_string().as_bytes()).unwrap();
    assert_eq!(
        found.words,
        "The asset number P-1 is invalid; Enter an organization"
    );
    assert_eq!(found.code, "WIE-2901244");
    assert_eq!(
        said(b"JBO-26041: Failed to post data").unwrap().words,
        "JBO-26041: Failed to post data"
    );
    assert_eq!(said(b"<html>Sign in</html>"), None);
    assert_eq!(said(b""), None);
}

#[test]
fn what_was_created_is_told_with_its_version() {
    let answer = json!({"WorkOrderNumber": "WO-1002", "links": [
        {"rel": "self", "href": "x", "properties": {"changeIndicator": "0AC1"}}]});
    let found = created(&answer).unwrap();
    assert_eq!(
        (found.number.as_str(), found.version.as_deref()),
        ("WO-1002", Some("0AC1"))
    );
    assert_eq!(created(&json!({"WorkOrderId": 1})), None);
}
