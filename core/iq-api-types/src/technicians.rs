//! Technicians: who can do what, and when.

use iq_domain::{
    Absence, Names, SiteId, TechnicianCertificate, TechnicianId, Timestamp, WeeklyShift,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::page::yes;

/// A technician.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Technician {
    /// Id.
    pub id: TechnicianId,
    /// Personnel number.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Home site.
    pub site_id: SiteId,
    /// Its code.
    pub site_code: String,
    /// IANA zone of the site: shifts are in its local time.
    pub time_zone: String,
    /// The person's user name; it is told about assignments.
    pub username: Option<String>,
    /// Skills, as crews ask for them.
    pub skills: Vec<String>,
    /// Certificates.
    pub certificates: Vec<HeldCertificate>,
    /// The week's shifts.
    pub shifts: Vec<WeeklyShift>,
    /// Times away that are not over; why only for those who may change them.
    pub absences: Vec<Absence>,
    /// Away now.
    pub is_away: bool,
    /// Cost of an hour; only for those who may change it.
    pub hourly_cost: Option<f64>,
    /// Work may be given to this person.
    pub is_active: bool,
    /// Remark; only for those who may change it.
    pub note: String,
    /// Last change.
    pub changed_at: Timestamp,
}

/// A certificate and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeldCertificate {
    /// Its name.
    pub name: String,
    /// Last moment it is valid; absent for no end.
    pub valid_until: Option<Timestamp>,
    /// Whether it holds.
    pub state: CertificateState,
}

/// Whether a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// It does.
    Valid,
    /// It ends within 30 days.
    EndsSoon,
    /// It has ended.
    Expired,
}

/// Create or change a technician.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TechnicianInput {
    /// Personnel number, unique.
    pub code: String,
    /// Names; one may be empty.
    pub names: Names,
    /// Home site.
    pub site_id: SiteId,
    /// User name of the person's account.
    #[serde(default)]
    pub username: Option<String>,
    /// Skills; kept in lower case.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Certificates; names kept in lower case.
    #[serde(default)]
    pub certificates: Vec<TechnicianCertificate>,
    /// The week's shifts, without overlap.
    #[serde(default)]
    pub shifts: Vec<WeeklyShift>,
    /// Times away.
    #[serde(default)]
    pub absences: Vec<Absence>,
    /// Cost of an hour in the tenant's currency.
    #[serde(default)]
    pub hourly_cost: Option<f64>,
    /// Work may be given to this person.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Remark.
    #[serde(default)]
    pub note: String,
}
