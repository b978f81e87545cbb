//! Users, roles, and the one table of permissions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{TenantId, Timestamp, UserId};

/// A tenant of this appliance.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Id.
    pub id: TenantId,
    /// Names.
    pub names: crate::Names,
    /// Whether everything in it is demonstration.
    pub is_demo: bool,
    /// Creation time.
    pub created_at: Timestamp,
}

/// The five roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything of the tenant but users, secrets, audit.
    Viewer,
    /// + acknowledges, comments, incidents, work orders.
    Engineer,
    /// + assets and families, models, optimisation.
    OptimizationEngineer,
    /// + users, integrations, mapping, audit of the own tenant.
    TenantAdmin,
    /// + tenants, users of any tenant, diagnostics.
    PlatformOwner,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Engineer,
        Self::OptimizationEngineer,
        Self::TenantAdmin,
        Self::PlatformOwner,
    ];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Engineer => "engineer",
            Self::OptimizationEngineer => "optimization_engineer",
            Self::TenantAdmin => "tenant_admin",
            Self::PlatformOwner => "platform_owner",
        }
    }

    /// Whether the role holds the permission.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|r| r.as_str() == text).ok_or(())
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $role:ident;)+) => {
        /// A permission, named `area.verb_object`; the area is the word of the route.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[$doc])* $name,)+
        }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The least role that holds it; roles are ordered, each holds what the lesser ones hold.
            #[must_use]
            pub const fn least_role(self) -> Role {
                match self { $(Self::$name => Role::$role,)+ }
            }
        }
    };
}

permissions! {
    /// Read sites, units, assets, signals, families, trends.
    AssetsRead = "assets.read", Viewer;
    /// Create, edit and import sites, units and assets.
    AssetsWrite = "assets.write", OptimizationEngineer;
    /// Read the digital twin.
    TwinRead = "twin.read", Viewer;
    /// Read alerts and rules.
    AlertsRead = "alerts.read", Viewer;
    /// Acknowledge and comment alerts.
    AlertsAcknowledge = "alerts.acknowledge", Engineer;
    /// Edit alert rules.
    AlertsConfigure = "alerts.configure", OptimizationEngineer;
    /// Read incidents and events.
    BlackboxRead = "blackbox.read", Viewer;
    /// Change status and assignee, add notes.
    BlackboxWrite = "blackbox.write", Engineer;
    /// Put a new key into force that signs the evidence log.
    EvidenceManage = "evidence.manage", TenantAdmin;
    /// See integrations, without secrets.
    IntegrationsRead = "integrations.read", Viewer;
    /// Create, edit, delete, enable integrations.
    IntegrationsWrite = "integrations.write", TenantAdmin;
    /// Test, browse and preview.
    IntegrationsTest = "integrations.test", TenantAdmin;
    /// Trust or reject a server certificate.
    IntegrationsTrust = "integrations.trust", TenantAdmin;
    /// See mappings.
    MappingsRead = "mappings.read", Viewer;
    /// Create, edit, delete mappings.
    MappingsWrite = "mappings.write", TenantAdmin;
    /// Hand in files of trends and journals, and see what became of them.
    ImportsWrite = "imports.write", Engineer;
    /// Investigate from files: propose and create the assets and mappings they need.
    InvestigationsWrite = "investigations.write", Engineer;
    /// See work orders and technical objects.
    WorkOrdersRead = "work_orders.read", Viewer;
    /// Create work orders and ask for them to be sent to the maintenance system.
    WorkOrdersWrite = "work_orders.write", Engineer;
    /// Approve what is sent to the maintenance system, correct and resend what failed.
    WorkOrdersApprove = "work_orders.approve", OptimizationEngineer;
    /// See plans, their reasons and what they cost.
    OptimizationRead = "optimization.read", Viewer;
    /// Make plans and delete them.
    OptimizationRun = "optimization.run", OptimizationEngineer;
    /// Turn recommendations into work orders.
    OptimizationPublish = "optimization.publish", OptimizationEngineer;
    /// See the cost and risk model.
    CostModelsRead = "cost_models.read", Viewer;
    /// Change the cost and risk model.
    CostModelsWrite = "cost_models.write", TenantAdmin;
    /// Create, edit and import technicians, planned outages and spare parts; see what people cost and why
    /// they are away.
    TechniciansWrite = "technicians.write", OptimizationEngineer;
    /// See how mail goes, and send a test mail.
    MailManage = "mail.manage", TenantAdmin;
    /// Choose which other systems are told what happened, see how that goes, and try it.
    WebhooksManage = "webhooks.manage", TenantAdmin;
    /// See the models of assets, their figures and back-tests.
    ModelsRead = "models.read", Viewer;
    /// Train models, set their budget of alarms, bring a version into force.
    ModelsWrite = "models.write", OptimizationEngineer;
    /// Start and stop jobs: reading, scoring, the plan that follows.
    JobsRun = "jobs.run", OptimizationEngineer;
    /// Change when jobs run by themselves.
    SchedulesWrite = "schedules.write", TenantAdmin;
    /// List users.
    UsersRead = "users.read", TenantAdmin;
    /// Create and change users.
    UsersWrite = "users.write", TenantAdmin;
    /// See how sync with a hub stands, and what may leave.
    SyncRead = "sync.read", TenantAdmin;
    /// Enrol with a hub, choose what may leave, carry files.
    SyncWrite = "sync.write", TenantAdmin;
    /// See identity providers, without secrets.
    IdentityProvidersRead = "identity_providers.read", TenantAdmin;
    /// Create, change, test and remove identity providers; decide how people sign in.
    IdentityProvidersWrite = "identity_providers.write", TenantAdmin;
    /// Read the audit log.
    AuditRead = "audit.read", TenantAdmin;
    /// Drive the demo plant (DEMO_MODE only).
    PlantControl = "plant.control", TenantAdmin;
    /// See, create, edit and suspend the tenants of a hub, and their users.
    TenantsManage = "tenants.manage", PlatformOwner;
    /// See the appliances of a hub, issue enrolment codes, revoke keys.
    AppliancesManage = "appliances.manage", PlatformOwner;
    /// Make, prove and restore backups of the appliance, and see their key.
    BackupsManage = "backups.manage", PlatformOwner;
    /// Read the figures of the whole appliance, as a monitoring system does.
    MetricsRead = "metrics.read", PlatformOwner;
    /// Read diagnostics.
    DiagnosticsRead = "diagnostics.read", PlatformOwner;
    /// Read and change the own profile, settings and password.
    OwnProfile = "profile.own", Viewer;
}

/// How a user signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthSource {
    /// Password kept here as an Argon2id hash.
    Local,
    /// Identity provider.
    Sso,
}

/// Whether a sign-in name is one: plain ASCII, so that two names that look the same in some other script
/// are never two accounts.
#[must_use]
pub fn is_username(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    (2..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
}

/// Whether an e-mail address has the form of one; whether it arrives anywhere is another matter.
#[must_use]
pub fn is_email_address(text: &str) -> bool {
    let is_whole = text
        .split_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
    is_whole && !text.contains(char::is_whitespace)
}

/// A user; the password hash lives apart.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Sign-in name, unique on the appliance, compared case-insensitively.
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
    /// The password is temporary.
    pub must_change_password: bool,
    /// Last sign-in.
    pub last_sign_in_at: Option<Timestamp>,
    /// Creation.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_holds_what_the_lesser_roles_hold() {
        for permission in Permission::ALL {
            let holders: Vec<bool> = Role::ALL.iter().map(|r| r.may(*permission)).collect();
            assert!(holders.is_sorted(), "{permission:?}");
            assert!(Role::PlatformOwner.may(*permission), "{permission:?}");
        }
    }

    #[test]
    fn names_and_addresses_are_plain() {
        for fine in ["demo@aramco.com", "tenant_admin-yanbu", "a1", "A.b+c"] {
            assert!(is_username(fine), "{fine}");
        }
        for wrong in ["", "a", "-a", "a b", "نورة", "a'b", &"x".repeat(65)] {
            assert!(!is_username(wrong), "{wrong}");
        }
        assert!(is_email_address("noura@plant.example"));
        for wrong in ["", "nowhere", "@x", "x@", "a@b@c", "a b@c"] {
            assert!(!is_email_address(wrong), "{wrong}");
        }
    }
}
