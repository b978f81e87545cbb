//! Entity sets of the maintenance system: services, keys, fields with their types and rights. Names and
//! types are those of the published V2 services.

/// Type of a field on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// `/Date(ms)/`, no zone.
    DateTime,
    /// `/Date(ms+0000)/`.
    Offset,
    /// `PT08H00M00S`.
    Time,
    /// A number as text.
    Decimal,
    /// true or false.
    Flag,
}

/// Who may set a field, and whether it can be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// At creation and later.
    Free,
    /// At creation only.
    Once,
    /// Only the system.
    System,
    /// Only the system, and neither `$filter` nor `$orderby` know it.
    Shown,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) right: Right,
}

/// An entity set.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
    pub(crate) fields: &'static [Field],
    /// Navigation and the set it leads to; the keys of this set's rows are a part of theirs.
    pub(crate) links: &'static [(&'static str, &'static str)],
    pub(crate) can_create: bool,
}

impl Set {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }
}

const fn text(name: &'static str, length: usize, right: Right) -> Field {
    field(name, Kind::Text(length), right)
}

const fn field(name: &'static str, kind: Kind, right: Right) -> Field {
    Field { name, kind, right }
}

use Kind::{DateTime, Decimal, Flag, Offset, Time};
use Right::{Free, Once, Shown, System};

pub(crate) const ORDER: &str = "MaintenanceOrder";
pub(crate) const OPERATION: &str = "MaintenanceOrderOperation";
pub(crate) const LONG_TEXT: &str = "MaintenanceOrderLongText";
pub(crate) const NOTIFICATION: &str = "MaintenanceNotification";
pub(crate) const EQUIPMENT: &str = "Equipment";
pub(crate) const LOCATION: &str = "FunctionalLocation";

/// Every entity set.
pub(crate) const SETS: [Set; 6] = [
    Set {
        service: "API_MAINTENANCEORDER",
        name: ORDER,
        keys: &["MaintenanceOrder"],
        can_create: true,
        links: &[
            ("to_MaintenanceOrderOperation", OPERATION),
            ("to_MaintenanceOrderLongText", LONG_TEXT),
        ],
        fields: &[
            text("MaintenanceOrder", 12, System),
            text("MaintenanceOrderType", 4, Once),
            text("MaintenanceOrderDesc", 40, Free),
            field("MaintOrdBasicStartDateTime", Offset, Free),
            field("MaintOrdBasicEndDateTime", Offset, Free),
            field("MaintOrdBasicStartDate", DateTime, Free),
            field("MaintOrdBasicStartTime", Time, Free),
            field("MaintOrdBasicEndDate", DateTime, Free),
            field("MaintOrdBasicEndTime", Time, Free),
            field("ScheduledBasicStartDate", DateTime, System),
            field("ScheduledBasicEndDate", DateTime, System),
            field("MaintOrderReferenceDateTime", Offset, System),
            text("MaintenanceNotification", 12, Once),
            text("MainWorkCenter", 8, Free),
            text("MainWorkCenterPlant", 4, Free),
            text("MaintenancePlanningPlant", 4, Once),
            text("MaintenancePlant", 4, System),
            text("MaintOrdProcessPhaseCode", 2, System),
            text("MaintOrdProcessSubPhaseCode", 4, System),
            text("CompanyCode", 4, System),
            text("CostCenter", 10, Free),
            text("AdditionalDeviceData", 40, Free),
            text("Equipment", 18, Free),
            text("EquipmentName", 40, System),
            text("FunctionalLocation", 40, Free),
            text("MaintenancePlannerGroup", 3, Free),
            text("MaintenanceActivityType", 3, Free),
            text("MaintPriority", 1, Free),
            text("MaintPriorityType", 2, System),
            text("ABCIndicator", 1, System),
            text("MaintObjectFreeDefinedAttrib", 30, Free),
            field("LatestAcceptableCompletionDate", DateTime, Free),
            field("LastChangeDateTime", Offset, System),
            text("CreatedByUser", 12, System),
            text("SystemStatusText", 40, Shown),
            text("UserStatusText", 40, Shown),
            text("TechnicalObject", 40, System),
            text("TechnicalObjectLabel", 40, System),
            text("TechObjIsEquipOrFuncnlLoc", 10, System),
        ],
    },
    Set {
        service: "API_MAINTENANCEORDER",
        name: OPERATION,
        keys: &[
            "MaintenanceOrder",
            "MaintenanceOrderOperation",
            "MaintenanceOrderSubOperation",
        ],
        can_create: false,
        links: &[],
        fields: &[
            text("MaintenanceOrder", 12, System),
            text("MaintenanceOrderOperation", 4, Once),
            text("MaintenanceOrderSubOperation", 4, Once),
            text("OperationControlKey", 4, Free),
            text("OperationDescription", 40, Free),
            text("WorkCenter", 8, Free),
            text("Plant", 4, Free),
            field("MaintOrdOperationWorkDuration", Decimal, Free),
            text("MaintOrdOpWorkDurationUnit", 3, Free),
            field("ForecastWorkQuantity", Decimal, System),
            field("ActualWorkQuantity", Decimal, System),
            field("OpErlstSchedldExecStrtDte", DateTime, System),
            field("OpErlstSchedldExecStrtTme", Time, System),
            field("OpErlstSchedldExecEndDte", DateTime, System),
            field("OpErlstSchedldExecEndTme", Time, System),
            field("OpActualExecutionStartDate", DateTime, System),
            field("OpActualExecutionEndDate", DateTime, System),
            text("MaintOrdOpProcessPhaseCode", 2, System),
            text("SystemStatusText", 40, Shown),
        ],
    },
    Set {
        service: "API_MAINTENANCEORDER",
        name: LONG_TEXT,
        keys: &["MaintenanceOrder", "TextObjectType", "Language"],
        can_create: false,
        links: &[],
        fields: &[
            text("MaintenanceOrder", 12, System),
            text("TextObjectType", 4, Once),
            text("Language", 2, Once),
            text("MaintenanceOrderLongText", 10_000, Free),
        ],
    },
    Set {
        service: "API_MAINTNOTIFICATION",
        name: NOTIFICATION,
        keys: &["MaintenanceNotification"],
        can_create: true,
        links: &[],
        fields: &[
            text("MaintenanceNotification", 12, System),
            text("NotificationText", 40, Free),
            text("NotificationType", 2, Once),
            text("MaintPriority", 1, Free),
            text("NotifProcessingPhase", 1, System),
            text("NotifProcessingPhaseDesc", 60, System),
            field("CreationDate", DateTime, System),
            field("CreationTime", Time, System),
            field("LastChangeDateTime", Offset, System),
            text("ReportedByUser", 12, Free),
            text("MalfunctionEffect", 1, Free),
            field("MalfunctionStartDate", DateTime, Free),
            field("MalfunctionStartTime", Time, Free),
            field("MalfunctionEndDate", DateTime, Free),
            field("MalfunctionEndTime", Time, Free),
            field("RequiredStartDate", DateTime, Free),
            field("RequiredStartTime", Time, Free),
            field("RequiredEndDate", DateTime, Free),
            field("RequiredEndTime", Time, Free),
            field("MaintenanceObjectIsDown", Flag, Free),
            text("MaintNotifLongTextForEdit", 10_000, Free),
            text("TechnicalObject", 40, Free),
            text("TechObjIsEquipOrFuncnlLoc", 10, Free),
            text("TechnicalObjectLabel", 40, System),
            text("FunctionalLocation", 40, System),
            text("MaintenancePlanningPlant", 4, Once),
            text("MaintenancePlant", 4, System),
            text("MaintenancePlannerGroup", 3, Free),
            text("MainWorkCenter", 8, Free),
            text("MainWorkCenterPlant", 4, Free),
            text("ABCIndicator", 1, System),
            text("CompanyCode", 4, System),
            text("MaintenanceOrder", 12, System),
            text("MaintNotifExtReferenceNumber", 20, Free),
            text("ConcatenatedActiveSystStsName", 40, Shown),
            field("NotificationCompletionDate", DateTime, System),
            field("CompletionTime", Time, System),
        ],
    },
    Set {
        service: "API_EQUIPMENT",
        name: EQUIPMENT,
        keys: &["Equipment", "ValidityEndDate"],
        can_create: false,
        links: &[],
        fields: &[
            text("Equipment", 18, System),
            field("ValidityEndDate", DateTime, System),
            field("ValidityStartDate", DateTime, System),
            text("EquipmentName", 40, Free),
            text("EquipmentCategory", 1, System),
            text("TechnicalObjectType", 10, Free),
            text("MaintenancePlant", 4, System),
            text("MaintenancePlanningPlant", 4, System),
            text("CompanyCode", 4, System),
            text("AssetLocation", 10, Free),
            text("WorkCenter", 8, Free),
            text("ABCIndicator", 1, Free),
            text("FunctionalLocation", 40, System),
            text("FunctionalLocationName", 40, System),
            text("SuperordinateEquipment", 18, System),
            text("AssetManufacturerName", 30, Free),
            text("ManufacturerSerialNumber", 30, Free),
            field("OperationStartDate", DateTime, Free),
            field("AcquisitionValue", Decimal, Free),
            text("Currency", 5, Free),
            field("EquipmentIsInactive", Flag, System),
            field("EquipmentIsMarkedForDeletion", Flag, System),
            field("LastChangeDateTime", Offset, System),
        ],
    },
    Set {
        service: "API_FUNCTIONALLOCATION",
        name: LOCATION,
        keys: &["FunctionalLocation"],
        can_create: false,
        links: &[],
        fields: &[
            text("FunctionalLocation", 40, System),
            text("FunctionalLocationLabelName", 40, System),
            text("FunctionalLocationName", 40, Free),
            text("SuperiorFunctionalLocation", 40, System),
            text("FunctionalLocationCategory", 1, System),
            text("MaintenancePlant", 4, System),
            text("CompanyCode", 4, System),
            text("ABCIndicator", 1, Free),
            field("FuncnlLocIsMarkedForDeletion", Flag, System),
            field("FuncnlLocIsDeactivated", Flag, System),
            field("LastChangeDateTime", Offset, System),
        ],
    },
];

/// The set with a name in a service.
pub(crate) fn set_of(service: &str, name: &str) -> Option<&'static Set> {
    SETS.iter().find(|s| s.service == service && s.name == name)
}

/// The set with a name; names are unique over all services.
pub(crate) fn set(name: &str) -> &'static Set {
    SETS.iter()
        .find(|s| s.name == name)
        .expect("asked for by the constants above only")
}
