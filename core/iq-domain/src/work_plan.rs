//! What is planned about a work order and found out by doing it: where it may go next, parts, hours,
//! failure codes.

use serde::{Deserialize, Serialize};

use crate::{TechnicianId, Timestamp, WorkOrderId, WorkOrderPriority, WorkOrderStatus};

const DAY_MS: i64 = 86_400_000;

impl WorkOrderStatus {
    /// All states, in the order work goes through them.
    pub const ALL: [Self; 8] = [
        Self::Draft,
        Self::Open,
        Self::Released,
        Self::InProgress,
        Self::OnHold,
        Self::Completed,
        Self::Closed,
        Self::Cancelled,
    ];

    /// Where a work order of ours may go from here. What is completed or closed can be taken up again
    /// (TECO ↔ REL, CLSD → TECO); what was cancelled stays so.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Open, Self::Released, Self::Cancelled],
            Self::Open => &[Self::Released, Self::OnHold, Self::Cancelled],
            Self::Released => &[Self::InProgress, Self::OnHold, Self::Open, Self::Cancelled],
            Self::InProgress => &[Self::OnHold, Self::Completed],
            Self::OnHold => &[
                Self::Open,
                Self::Released,
                Self::InProgress,
                Self::Cancelled,
            ],
            Self::Completed => &[Self::Closed, Self::Released],
            Self::Closed => &[Self::Completed],
            Self::Cancelled => &[],
        }
    }

    /// Whether a work order of ours may go there.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self == next || self.next().contains(&next)
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Closed | Self::Cancelled)
    }
}

impl WorkOrderPriority {
    /// How long work of this priority may wait, as planners use it: emergency 24 hours, urgent 7 days,
    /// normal 30 days, low until the next outage (no limit).
    #[must_use]
    pub const fn within_ms(self) -> Option<i64> {
        match self {
            Self::VeryHigh => Some(DAY_MS),
            Self::High => Some(7 * DAY_MS),
            Self::Medium => Some(30 * DAY_MS),
            Self::Low => None,
        }
    }
}

/// A spare part or material of a work order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkOrderPart {
    /// What it is.
    pub name: String,
    /// Material number, where it has one.
    #[serde(default)]
    pub number: Option<String>,
    /// How many.
    pub quantity: f64,
}

/// The plan of a work order. It is ours also where another system owns the order.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkOrderPlan {
    /// The work order.
    pub work_order_id: WorkOrderId,
    /// Who does it.
    pub technician_id: Option<TechnicianId>,
    /// Must have been done by.
    pub due_at: Option<Timestamp>,
    /// Hours of work it should take.
    pub estimated_hours: Option<f64>,
    /// Hours of work it took.
    pub actual_hours: Option<f64>,
    /// How the failure was seen: code of ISO 14224 ("VIB").
    pub failure_mode: Option<String>,
    /// Why: rule of the asset family's pack ("CP-BRG").
    pub failure_cause: Option<String>,
    /// The recommendation it was written for, as it was worded.
    pub recommendation: Option<String>,
    /// Parts and material.
    pub parts: Vec<WorkOrderPart>,
    /// Certificates everybody on it has to hold, in lower case ("hot_work").
    pub certificates: Vec<String>,
    /// It can only be done while its asset stands in a planned outage.
    pub needs_outage: bool,
    /// Last change.
    pub changed_at: Timestamp,
}

impl WorkOrderPlan {
    /// Nothing is planned yet.
    #[must_use]
    pub const fn empty(work_order_id: WorkOrderId, at: Timestamp) -> Self {
        Self {
            work_order_id,
            technician_id: None,
            due_at: None,
            estimated_hours: None,
            actual_hours: None,
            failure_mode: None,
            failure_cause: None,
            recommendation: None,
            parts: Vec::new(),
            certificates: Vec::new(),
            needs_outage: false,
            changed_at: at,
        }
    }
}

/// Failure modes of ISO 14224: how a failure is seen.
pub const FAILURE_MODES: [&str; 32] = [
    "AIR", "BRD", "DOP", "ELF", "ELP", "ELU", "ERO", "FTC", "FTF", "FTI", "FTO", "FTR", "FTS",
    "HIO", "IHT", "INL", "LBP", "LCP", "LOO", "NOI", "NOO", "OHE", "OTH", "PDE", "PLU", "SER",
    "SPO", "STD", "STP", "UNK", "UST", "VIB",
];

/// What of a work order changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// The field, as the API calls it.
    pub field: String,
    /// What it said.
    pub before: serde_json::Value,
    /// What it says.
    pub after: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_reached_and_only_the_cancelled_one_has_no_way_on() {
        let mut reached = vec![WorkOrderStatus::Draft];
        for _ in WorkOrderStatus::ALL {
            let next: Vec<_> = reached.iter().flat_map(|s| s.next()).copied().collect();
            reached.extend(next);
            reached.sort_by_key(|s| *s as u8);
            reached.dedup();
        }
        assert_eq!(reached.len(), WorkOrderStatus::ALL.len());
        for state in WorkOrderStatus::ALL {
            let is_end = state == WorkOrderStatus::Cancelled;
            assert_eq!(state.next().is_empty(), is_end, "{state:?}");
            assert!(!state.next().contains(&state), "{state:?}");
            assert!(state.may_become(state));
        }
        assert!(!WorkOrderStatus::Draft.may_become(WorkOrderStatus::Completed));
        assert!(!WorkOrderStatus::Completed.may_become(WorkOrderStatus::Cancelled));
    }

    #[test]
    fn what_is_more_urgent_is_due_sooner() {
        let waits: Vec<i64> = [
            WorkOrderPriority::VeryHigh,
            WorkOrderPriority::High,
            WorkOrderPriority::Medium,
        ]
        .into_iter()
        .filter_map(WorkOrderPriority::within_ms)
        .collect();
        assert!(waits.is_sorted() && waits.len() == 3);
        assert_eq!(WorkOrderPriority::Low.within_ms(), None);
    }
}
