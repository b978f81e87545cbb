//! The hub: sign-in with a second factor, tenants, people of any tenant, the fleet of appliances,
//! enrolment codes.

use iq_domain::{
    ApplianceId, AuthSource, EnrolmentCodeId, IdentityProviderId, Names, PlatformPersonId,
    ProviderType, Role, TenantId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Sign-in at the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HubSignInRequest {
    /// Code of the tenant; empty for the platform itself.
    #[serde(default)]
    pub tenant: String,
    /// Sign-in name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Code of the second factor, six digits; required once it is set up.
    #[serde(default)]
    pub code: Option<String>,
    /// Why a password is used where passwords are for emergencies alone.
    #[serde(default)]
    pub emergency_reason: Option<String>,
}

/// How people of a tenant sign in, or the owners of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HubSignInRules {
    /// Passwords are for emergencies alone: for one account, with a reason, for an hour. In force while a
    /// provider is enabled.
    pub sso_only: bool,
    /// That account: active, with a password and an administrator's role. Required with `sso_only`.
    #[serde(default)]
    pub emergency_user_id: Option<UserId>,
}

/// A provider on the hub's page of signing in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubSignInProvider {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Id.
    pub id: IdentityProviderId,
    /// Type.
    pub provider_type: ProviderType,
    /// What its button says.
    pub display_name: String,
    /// Passwords are for emergencies alone there.
    pub sso_only: bool,
}

/// What somebody who may come in as platform owner is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// The stable id at the provider.
    Subject,
    /// A verified e-mail address, until somebody came with it; from then on the stable id.
    Email,
}

/// Somebody who may come in as platform owner through a provider of the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlatformPerson {
    /// Id.
    pub id: PlatformPersonId,
    /// What the value is.
    pub named_by: NamedBy,
    /// The stable id, or the address.
    pub value: String,
    /// Who came with the address first; nobody else comes in by it.
    pub subject: Option<String>,
    /// The platform owner who named them.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
}

/// Let somebody in as platform owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformPersonInput {
    /// What the value is.
    pub named_by: NamedBy,
    /// The stable id as a test sign-in shows it, or an e-mail address.
    pub value: String,
}

/// Who is signed in at the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubSession {
    /// User.
    pub user_id: UserId,
    /// Sign-in name.
    pub username: String,
    /// Shown name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Permission names the role holds.
    pub permissions: Vec<String>,
    /// Tenant of the account.
    pub tenant_id: TenantId,
    /// Its names.
    pub tenant: Names,
    /// Only the password change is allowed until done.
    pub must_change_password: bool,
    /// Only setting up the second factor is allowed until done.
    pub must_set_up_totp: bool,
    /// Send as X-CSRF-Token on every write.
    pub csrf_token: String,
    /// Server clock.
    pub server_time: Timestamp,
    /// Program version.
    pub version: String,
}

/// A second factor being set up; counts only after a code of it was confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TotpSetup {
    /// The secret in Base32, to be typed into an authenticator.
    pub secret: String,
    /// The same as an `otpauth://` address.
    pub address: String,
}

/// A code of the second factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirm {
    /// Six digits.
    pub code: String,
}

/// A tenant as the platform owner sees it: who it is and how it fares, never what it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubTenant {
    /// Id.
    pub id: TenantId,
    /// What people sign in with and enrolment codes begin with.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Everything in it is demonstration.
    pub is_demo: bool,
    /// Nobody signs in and no appliance syncs.
    pub is_suspended: bool,
    /// Active users.
    pub users: u64,
    /// Appliances whose key counts.
    pub appliances: u64,
    /// Records of one of them were last acknowledged.
    pub last_receipt_at: Option<Timestamp>,
    /// Creation.
    pub created_at: Timestamp,
}

/// Create or edit a tenant. `code` can't change later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HubTenantInput {
    /// 2 to 32 small Latin letters, digits and hyphens.
    pub code: String,
    /// Names; one of the two may be empty.
    pub names: Names,
}

/// A demo tenant just made, with the one-time password of its administrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubDemoTenant {
    /// The tenant.
    pub tenant: HubTenant,
    /// Its administrator.
    pub username: String,
    /// Shown once; to be changed at the first sign-in.
    pub temporary_password: String,
}

/// A user of any tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubUser {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Code of the tenant.
    pub tenant_code: String,
    /// Id.
    pub id: UserId,
    /// Sign-in name.
    pub username: String,
    /// E-mail.
    pub email: Option<String>,
    /// Shown name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// Local or SSO.
    pub auth_source: AuthSource,
    /// Temporary password not yet changed.
    pub must_change_password: bool,
    /// Last sign-in.
    pub last_sign_in_at: Option<Timestamp>,
    /// Creation.
    pub created_at: Timestamp,
}

/// Create a user in a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HubUserInput {
    /// Tenant; a platform_owner belongs to the platform's own.
    pub tenant_id: TenantId,
    /// Sign-in name, unique in the tenant.
    pub username: String,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Shown name.
    pub name: String,
    /// Role.
    pub role: Role,
}

/// Change a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HubUserChange {
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Shown name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// May sign in; his sessions end at once where not.
    pub is_active: bool,
}

/// The user with the temporary password, shown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubCreatedUser {
    /// The user.
    pub user: HubUser,
    /// Must be changed at first sign-in.
    pub temporary_password: String,
}

/// How sync with an appliance stands; from receipts, never from an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FleetState {
    /// Enrolled, nothing received yet.
    Registered,
    /// It was heard within the last ten minutes, and a receipt was given for all it has.
    Synced,
    /// Receipts are given, but records wait at the appliance.
    Behind,
    /// Nothing was heard for ten minutes.
    Silent,
    /// Its records come by files that are carried; the last one within eight days.
    Courier,
    /// They do, and the last file came more than eight days ago.
    CourierLate,
    /// Two histories claim the same numbers; a person must look.
    Fork,
    /// Its key no longer counts.
    Revoked,
}

/// An appliance of the fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetAppliance {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Code of the tenant.
    pub tenant_code: String,
    /// Id.
    pub id: ApplianceId,
    /// Name given at enrolment.
    pub name: String,
    /// Begin of the fingerprint of its key.
    pub fingerprint: String,
    /// How it stands.
    pub state: FleetState,
    /// A demonstration.
    pub is_demo: bool,
    /// Program version it reports.
    pub version: Option<String>,
    /// Enrolment.
    pub enrolled_at: Timestamp,
    /// Revocation of its key.
    pub revoked_at: Option<Timestamp>,
    /// It last spoke.
    pub last_contact_at: Option<Timestamp>,
    /// The hub last acknowledged records of it that it had not held before; a greeting alone is not one.
    pub last_receipt_at: Option<Timestamp>,
    /// Records of it last came by a file.
    pub last_file_at: Option<Timestamp>,
    /// Records waiting there, as it reports.
    pub backlog: Option<i64>,
    /// The oldest of them.
    pub oldest_unsent_at: Option<Timestamp>,
    /// Its clock minus the hub's, milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Free space on its disk, bytes.
    pub disk_free_bytes: Option<i64>,
    /// Integrations by their state, as it reports; absent until it did.
    pub integrations: Option<FleetIntegrations>,
    /// Records kept that could not be projected.
    pub quarantined: u64,
    /// What its records take up at this hub, bytes.
    pub stored_bytes: u64,
    /// What they may take up; 0 for any amount.
    pub max_bytes: u64,
    /// Epochs of its logs that this hub holds.
    pub epochs: u64,
    /// How many it may have; 0 for any number.
    pub max_epochs: u64,
}

/// Integrations of an appliance by their state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetIntegrations {
    /// Those that deliver.
    #[serde(default)]
    pub active: u64,
    /// Those that fail.
    #[serde(default)]
    pub error: u64,
}

/// What became of a courier file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CourierReport {
    /// Tenant of the appliance.
    pub tenant_id: TenantId,
    /// The appliance that wrote it.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub name: String,
    /// Number of the file; each export goes on counting.
    pub number: u64,
    /// Records that were not held before.
    pub stored: u64,
    /// What is missing before records of this file, as codes that can be read out and typed in at the
    /// appliance; this file has to be read again after what they bring.
    pub gaps: Vec<String>,
    /// Logs of which the hub holds another history; nothing was overwritten.
    pub forks: u32,
}

/// The answer to a courier file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CourierAnswer {
    /// What became of it.
    pub report: CourierReport,
    /// The receipts to carry back: a `.oqr` file, Base64.
    pub receipts: String,
    /// The same as texts, each short enough for a QR code.
    pub texts: Vec<String>,
}

/// Ask for an enrolment code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentCodeRequest {
    /// Tenant of the appliance.
    pub tenant_id: TenantId,
    /// Name of the appliance.
    pub name: String,
}

/// A new code, shown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewEnrolmentCode {
    /// What is typed in at the appliance.
    pub code: String,
    /// Its row.
    pub row: EnrolmentCodeRow,
}

/// A code without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentCodeRow {
    /// Id.
    pub id: EnrolmentCodeId,
    /// Name the appliance will have.
    pub name: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// It ends then, used or not.
    pub expires_at: Timestamp,
    /// Used.
    pub used_at: Option<Timestamp>,
    /// By which appliance.
    pub appliance_id: Option<ApplianceId>,
}

/// A row of the audit of a hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubAuditRow {
    /// Tenant it concerns.
    pub tenant_id: TenantId,
    /// The record.
    #[serde(flatten)]
    pub row: super::AuditRow,
}
