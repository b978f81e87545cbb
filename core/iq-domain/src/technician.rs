//! People who do maintenance: what they can do, when they work, where they start from.

use serde::{Deserialize, Serialize};

use crate::{Names, SiteId, TechnicianId, TenantId, Timestamp};

/// A technician of the tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Technician {
    /// Id.
    pub id: TechnicianId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Home site: where each shift begins and ends. Shifts are in its local time.
    pub site_id: SiteId,
    /// Names.
    pub names: Names,
    /// Skills in lower case, as crews ask for them ("mechanical").
    pub skills: Vec<String>,
    /// Certificates.
    pub certificates: Vec<TechnicianCertificate>,
    /// The week's shifts, in order of day and time.
    pub shifts: Vec<WeeklyShift>,
    /// Times away.
    pub absences: Vec<Absence>,
    /// Cost of an hour in the tenant's currency, where it is known.
    pub hourly_cost: Option<f64>,
    /// Whether work may be given to this person.
    pub is_active: bool,
}

/// A certificate a job may ask for ("hot_work").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TechnicianCertificate {
    /// Its name in lower case, as jobs ask for it.
    pub name: String,
    /// Last moment it is valid; none for no end.
    pub valid_until: Option<Timestamp>,
}

/// A shift of the weekly pattern, in local time of the home site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WeeklyShift {
    /// Day it begins on: 1 Monday … 7 Sunday (ISO 8601).
    pub weekday: u8,
    /// Minutes from local midnight at which it begins, below 1,440.
    pub from_minute: u16,
    /// Minutes from the same midnight at which it ends; beyond 1,440 for a shift into the next day.
    pub to_minute: u16,
}

impl WeeklyShift {
    /// Longest shift, in minutes.
    pub const LONGEST: u16 = 16 * 60;

    /// Whether such a shift can be.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self.weekday, 1..=7)
            && self.from_minute < 1_440
            && self.to_minute > self.from_minute
            && self.to_minute - self.from_minute <= Self::LONGEST
    }
}

/// Time away: leave, course, illness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Absence {
    /// First moment away.
    pub from: Timestamp,
    /// First moment back.
    pub to: Timestamp,
    /// Why, in the planner's words; may be empty.
    #[serde(default)]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_lies_in_a_week_and_ends_after_it_begins() {
        let shift = |weekday, from_minute, to_minute| {
            let shift = WeeklyShift {
                weekday,
                from_minute,
                to_minute,
            };
            shift.is_valid()
        };
        assert!(shift(7, 420, 900));
        assert!(shift(1, 1_200, 1_680), "into the next day");
        assert!(!shift(0, 420, 900));
        assert!(!shift(8, 420, 900));
        assert!(!shift(2, 900, 900));
        assert!(!shift(2, 1_440, 1_500));
        assert!(!shift(2, 0, 961), "longer than anybody works");
    }
}
