//! Identifiers: one newtype per kind over a UUIDv7, so that a site can never be passed for an asset.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new, time-ordered id.
            #[must_use]
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A customer organisation; every row and query carries one.
    TenantId,
    /// A site of a tenant (ISA-95).
    SiteId,
    /// A production unit of a site (ISA-95 area).
    UnitId,
    /// An asset: a machine, valve, exchanger or vessel.
    AssetId,
    /// A measured or derived series of an asset.
    SignalId,
    /// A connection to a source system.
    IntegrationId,
    /// A row of the signal mapping.
    MappingId,
    /// A set of changes of the signal mapping that was made in one step.
    MappingChangeId,
    /// A finding of the drift sentinel.
    DriftFindingId,
    /// A certificate in the trust list.
    CertificateId,
    /// An alert rule.
    RuleId,
    /// An alert: one activation of a rule until it is cleared.
    AlertId,
    /// A canonical industrial event.
    EventId,
    /// An incident of the Black Box.
    IncidentId,
    /// A note on an incident.
    NoteId,
    /// A merge or split of incidents, or its taking back.
    IncidentChangeId,
    /// A statement, photo or document of an incident.
    AttachmentId,
    /// A user.
    UserId,
    /// A server-side session.
    SessionId,
    /// A token of a program.
    ApiTokenId,
    /// An identity provider of a tenant.
    IdentityProviderId,
    /// Somebody who may come in as platform owner of a hub.
    PlatformPersonId,
    /// A row of the audit log.
    AuditId,
    /// A stored assessment of an asset.
    AssessmentId,
    /// A background job.
    JobId,
    /// An uploaded file.
    ImportId,
    /// A work order or notification, ours or of a maintenance system.
    WorkOrderId,
    /// An equipment or functional location of a maintenance system.
    TechnicalObjectId,
    /// A work order on its way to a maintenance system.
    OutboxId,
    /// A technician.
    TechnicianId,
    /// A planned outage.
    OutageId,
    /// A spare part in the store of a site.
    SparePartId,
    /// A version of the tenant's cost and risk model.
    CostModelId,
    /// A run of the optimiser with its inputs and its plan.
    ScenarioId,
    /// One piece of advice of a scenario.
    RecommendationId,
    /// What a person changed about a work order.
    WorkOrderChangeId,
    /// Something a user is told.
    NotificationId,
    /// A mail on its way out.
    MailId,
    /// A system of the customer's that is told what happened.
    WebhookId,
    /// One message on its way to such a system; the same in every attempt.
    WebhookDeliveryId,
    /// An appliance enrolled at a hub.
    ApplianceId,
    /// A one-time code by which an appliance enrols at a hub.
    EnrolmentCodeId,
}
