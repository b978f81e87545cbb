//! What differs between the maintenance systems, behind one face. Everything here is pure: the paths
//! to ask, and what the answers mean.

use iq_connector::{ColumnKind, PushPlan, Pushed};
use iq_domain::{CodedError, SourceRecord, Timestamp, WorkOrderDraft};
use serde_json::Value;

use crate::{
    config::Settings,
    fusion,
    odata::{Page, Said},
    sap,
    values::Row,
};

/// Rows asked for at once.
pub(crate) const PAGE_ROWS: usize = 200;

/// A kind of rows that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Places.
    Locations,
    /// Machines.
    Equipment,
    /// Requests and reports.
    Notifications,
    /// Orders.
    Orders,
}

impl Set {
    /// The name of its cursor.
    pub(crate) fn cursor(self) -> &'static str {
        match self {
            Self::Locations => "functional_locations",
            Self::Equipment => "equipment",
            Self::Notifications => "notifications",
            Self::Orders => "work_orders",
        }
    }

    /// Whether it is master data: all of it is read at first, however old.
    pub(crate) fn is_master(self) -> bool {
        matches!(self, Self::Locations | Self::Equipment)
    }
}

/// From where a page is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// All rows in the order of their keys, after this key.
    Key(Option<String>),
    /// Rows changed at or after this moment in the order of their change, the first `offset` left out.
    Change(Timestamp, usize),
}

/// What a row tells about itself for the reading of pages.
pub(crate) struct Place {
    /// Its key.
    pub(crate) key: String,
    /// Its last change.
    pub(crate) changed_at: Option<Timestamp>,
}

/// A column of a sample.
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: ColumnKind,
}

/// Which system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SAP S/4HANA Plant Maintenance over OData.
    Sap,
    /// Oracle Fusion Maintenance over REST.
    Fusion,
}

impl Dialect {
    /// What is read, in the order of reading: what others refer to comes first.
    pub(crate) fn sets(self) -> &'static [Set] {
        match self {
            Self::Sap => &[
                Set::Locations,
                Set::Equipment,
                Set::Notifications,
                Set::Orders,
            ],
            Self::Fusion => &[Set::Equipment, Set::Orders],
        }
    }

    /// Name of the protocol, for a person.
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Sap => "SAP OData V2",
            Self::Fusion => "Oracle Fusion REST",
        }
    }

    /// What is asked first without credentials, to see that the right thing answers.
    pub(crate) fn root(self, settings: &Settings) -> String {
        match self {
            Self::Sap => sap::service_root(settings, Set::Orders),
            Self::Fusion => fusion::collection(settings, Set::Orders, &[("limit", "1")]),
        }
    }

    /// Path and query of a page.
    pub(crate) fn page(self, settings: &Settings, set: Set, from: &Start, limit: usize) -> String {
        match self {
            Self::Sap => sap::page(settings, set, from, limit),
            Self::Fusion => fusion::page(settings, set, from, limit),
        }
    }

    /// Path and query of the newest rows.
    pub(crate) fn newest(self, settings: &Settings, set: Set, limit: usize) -> String {
        match self {
            Self::Sap => sap::newest(settings, set, limit),
            Self::Fusion => fusion::newest(settings, set, limit),
        }
    }

    /// The rows of an answer.
    pub(crate) fn read_page(self, body: &Value) -> Option<Page> {
        match self {
            Self::Sap => crate::odata::page(body),
            Self::Fusion => fusion::read_page(body),
        }
    }

    /// Key and last change of a row.
    pub(crate) fn place(self, set: Set, row: &Row) -> Option<Place> {
        match self {
            Self::Sap => sap::place(set, row),
            Self::Fusion => fusion::place(set, row),
        }
    }

    /// The record a row stands for; `None` where it lacks its key.
    pub(crate) fn record(self, settings: &Settings, set: Set, row: Row) -> Option<SourceRecord> {
        match self {
            Self::Sap => sap::record(settings, set, row),
            Self::Fusion => fusion::record(settings, set, row),
        }
    }

    /// The columns worth showing in a sample of a set.
    pub(crate) fn columns(self, set: Set) -> &'static [Column] {
        match self {
            Self::Sap => sap::columns(set),
            Self::Fusion => fusion::columns(set),
        }
    }

    /// What would be sent for a draft.
    pub(crate) fn plan(
        self,
        settings: &Settings,
        draft: &WorkOrderDraft,
    ) -> Result<PushPlan, CodedError> {
        match self {
            Self::Sap => sap::plan(settings, draft),
            Self::Fusion => fusion::plan(settings, draft),
        }
    }

    /// Whether a plan is one this connector makes: it may only create, and only here.
    pub(crate) fn is_own_plan(self, settings: &Settings, plan: &PushPlan) -> bool {
        plan.method == "POST"
            && match self {
                Self::Sap => [Set::Notifications, Set::Orders]
                    .iter()
                    .any(|set| plan.path == sap::create_path(settings, *set)),
                Self::Fusion => plan.path == fusion::create_path(settings),
            }
    }

    /// What a plan creates.
    pub(crate) fn set_of(self, plan: &PushPlan) -> Set {
        let is_notification = plan.path.contains("API_MAINTNOTIFICATION/");
        if self == Self::Sap && is_notification {
            Set::Notifications
        } else {
            Set::Orders
        }
    }

    /// Paths of the searches that together find everything that carries a reference.
    pub(crate) fn searches(self, settings: &Settings, reference: &str) -> Vec<(Set, String)> {
        match self {
            Self::Sap => sap::searches(settings, reference),
            Self::Fusion => fusion::searches(settings, reference),
        }
    }

    /// Whether the row carries the reference.
    pub(crate) fn carries(self, settings: &Settings, set: Set, row: &Row, reference: &str) -> bool {
        let field = match self {
            Self::Sap => sap::reference_field(settings, set).0,
            Self::Fusion => fusion::reference_field(settings).to_owned(),
        };
        let Some(written) = crate::values::text(row, &field) else {
            return false;
        };
        // A person may have written on behind the brackets, and some fields keep capitals only.
        let (written, reference) = (written.to_ascii_uppercase(), reference.to_ascii_uppercase());
        written == reference || written.contains(&format!("[{reference}]"))
    }

    /// What a creation answered.
    pub(crate) fn created(self, body: &Value) -> Option<Pushed> {
        match self {
            Self::Sap => sap::created(body),
            Self::Fusion => fusion::created(body),
        }
    }

    /// Number of a found row.
    pub(crate) fn number(self, set: Set, row: &Row) -> Option<String> {
        match self {
            Self::Sap => sap::place(set, row).map(|p| p.key),
            Self::Fusion => crate::values::key(row, "WorkOrderNumber"),
        }
    }

    /// What an error body says.
    pub(crate) fn said(self, body: &[u8]) -> Option<Said> {
        match self {
            Self::Sap => crate::odata::said(body),
            Self::Fusion => fusion::said(body),
        }
    }

    /// Headers that go with every request.
    pub(crate) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The older protocol that still answers with the JSON of that version.
            Self::Sap => &[
                ("Accept", "application/json"),
                ("DataServiceVersion", "2.0"),
            ],
            Self::Fusion => &[
                ("Accept", "application/json"),
                ("REST-Framework-Version", "4"),
            ],
        }
    }
}

/// A short text with our reference in brackets at its end, within `max` characters.
pub(crate) fn with_suffix(title: &str, reference: &str, max: usize) -> String {
    let room = max.saturating_sub(reference.chars().count() + 3);
    format!("{} [{reference}]", crate::values::cut(title, room))
}

/// The reference in brackets at the end of a short text.
pub(crate) fn suffix(written: &str) -> Option<String> {
    let inner = written.trim_end().strip_suffix(']')?;
    let (_, reference) = inner.rsplit_once('[')?;
    Some(reference.to_owned()).filter(|r| !r.is_empty())
}

/// The reference as it may stand in a field of `max` characters.
pub(crate) fn checked_reference(reference: &str, max: usize) -> Result<&str, CodedError> {
    let is_plain = !reference.is_empty()
        && reference
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
    if !is_plain {
        return Err(CodedError::invalid("eam.reference_invalid").with("reference", reference));
    }
    if reference.len() > max {
        return Err(CodedError::invalid("eam.reference_too_long")
            .with("reference", reference)
            .with("max", max));
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_in_brackets_is_found_again() {
        let written = with_suffix(
            "Seal of P-101A leaks at the drive end, oil on the floor",
            "OPQ-17",
            40,
        );
        assert_eq!(written.chars().count(), 40);
        assert_eq!(suffix(&written).as_deref(), Some("OPQ-17"));
        assert_eq!(suffix("no brackets"), None);
        assert_eq!(suffix("empty []"), None);
        assert_eq!(suffix("[a] middle"), None);
    }

    #[test]
    fn a_reference_can_neither_break_a_filter_nor_a_field() {
        assert!(checked_reference("OPQ-01J9ZK", 20).is_ok());
        assert_eq!(
            checked_reference("a' or 1 eq 1", 20).unwrap_err().code,
            "eam.reference_invalid"
        );
        assert_eq!(
            checked_reference("100%", 20).unwrap_err().code,
            "eam.reference_invalid"
        );
        assert_eq!(
            checked_reference(&"A".repeat(21), 20).unwrap_err().code,
            "eam.reference_too_long"
        );
    }
}
