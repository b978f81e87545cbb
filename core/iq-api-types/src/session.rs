//! Sign-in, sessions, first start, and a person's own settings.

use iq_domain::{AuthSource, Names, Role, TenantId, Timestamp, UserId};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether this appliance still needs its first administrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetupStatus {
    /// No user exists yet.
    pub needs_setup: bool,
    /// Program version.
    pub version: String,
    /// Short name of this appliance (first 8 hex digits of its id).
    pub appliance: String,
}

/// Creates the tenant, its first tenant_admin and this appliance's platform_owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// Name of the organisation; `en` or `ar` may be empty, not both.
    pub tenant: Names,
    /// Sign-in name of the administrator.
    pub username: String,
    /// Shown name.
    pub name: String,
    /// Password.
    pub password: String,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
}

/// What the first start made. The fields of the session stand at the top level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetupResult {
    /// The administrator is signed in.
    #[serde(flatten)]
    pub session: SessionInfo,
    /// Sign-in name of this appliance's platform_owner.
    pub platform_owner_username: String,
    /// Its temporary password; shown once, to be changed at first sign-in.
    pub platform_owner_password: String,
}

/// What a service answers to the challenge of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WindowProof {
    /// Keyed hash of the challenge and this service's own address.
    pub proof: String,
}

/// Local sign-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// Sign-in name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Why a password is used where they are for emergencies alone.
    #[serde(default)]
    pub emergency_reason: Option<String>,
}

/// Who is signed in and what the page needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// User.
    pub user_id: UserId,
    /// Sign-in name.
    pub username: String,
    /// Shown name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Local or SSO.
    pub auth_source: AuthSource,
    /// Role.
    pub role: Role,
    /// Permission names the role holds.
    pub permissions: Vec<String>,
    /// Only the password change is allowed until done.
    pub must_change_password: bool,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Its names.
    pub tenant: Names,
    /// Everything in this tenant is demonstration.
    pub is_demo: bool,
    /// DEMO_MODE is on: the demo plant can be driven.
    pub demo_mode: bool,
    /// Send as X-CSRF-Token on every write.
    pub csrf_token: String,
    /// The person's settings.
    pub settings: UserSettings,
    /// Server clock.
    pub server_time: Timestamp,
    /// Program version.
    pub version: String,
    /// Short name of this appliance.
    pub appliance: String,
}

/// Own password change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    /// Present password.
    pub current_password: String,
    /// New password.
    pub new_password: String,
}

/// One of the own sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionRow {
    /// Sign-in time.
    pub created_at: Timestamp,
    /// Last request.
    pub last_seen_at: Timestamp,
    /// Remote address.
    pub address: Option<String>,
    /// Browser.
    pub user_agent: Option<String>,
    /// The session of this request.
    pub is_current: bool,
}

/// How a person wants to see the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    /// `ar` or `en`.
    pub language: String,
    /// `light`, `dark` or `auto`.
    pub theme: String,
    /// `latn` or `arab`.
    pub digits: String,
    /// `gregory` or `islamic-umalqura`.
    pub calendar: String,
    /// IANA zone, or `site`.
    pub time_zone: String,
}
