//! What the tests of this crate share.

use iq_connector::SecretString;
use iq_domain::{Timestamp, WorkOrderDraft, WorkOrderKind, WorkOrderPriority};

use crate::config::{Credentials, MappingMode, Settings};

/// Settings with everything switched on.
pub(crate) fn settings() -> Settings {
    Settings {
        base_url: "https://sap.plant.local:44300".into(),
        tls_ca: None,
        allow_plain_http: false,
        credentials: Credentials::Basic {
            user: "OPTRIA".into(),
            password: SecretString::from("classified"),
        },
        sap_client: "100".into(),
        plant: "1010".into(),
        company: String::new(),
        mapping: MappingMode::ByEquipmentNumber,
        zone: jiff::tz::TimeZone::get("Asia/Riyadh").expect("a known zone"),
        interval_s: 300,
        history_days: 365,
        may_push: true,
        notification_type: "M2".into(),
        order_type: "PM01".into(),
        planning_plant: "1010".into(),
        work_center: "MECH-R1".into(),
        notification_reference_field: "MaintNotifExtReferenceNumber".into(),
        reference_field: String::new(),
    }
}

/// A draft about a leaking seal.
pub(crate) fn draft(kind: WorkOrderKind) -> WorkOrderDraft {
    WorkOrderDraft {
        kind,
        reference: "OPQ-01J9ZK".into(),
        title: "Seal of P-101A leaks at the drive end, oil on the floor".into(),
        description: "Vibration 7.1 mm/s since 08:00.\nEvidence 12345.".into(),
        priority: WorkOrderPriority::High,
        order_type: None,
        asset_id: None,
        equipment_number: Some("000000000010000042".into()),
        functional_location: Some("RAS-U100-P101A".into()),
        planned_start: Some(Timestamp(1_767_254_400_000)),
        planned_end: Some(Timestamp(1_767_268_800_000)),
        malfunction_at: Some(Timestamp(1_767_250_805_000)),
        is_down: true,
    }
}
