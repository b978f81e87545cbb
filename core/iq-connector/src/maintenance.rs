//! The side of a maintenance system that takes work orders. This is the only way out of the program:
//! everything sent here has been shown to a person as it will be sent, and approved.

use async_trait::async_trait;
use iq_domain::{CodedError, WorkOrderDraft};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ConnectorContext;

/// Exactly what would be sent. Made without touching the network, so that a person can read it first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushPlan {
    /// HTTP method.
    pub method: String,
    /// Path and query below the configured address.
    pub path: String,
    /// The body.
    pub payload: Value,
    /// Our own reference inside it: what is searched for after a lost reply.
    pub reference: String,
}

/// What the other side made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Its number there.
    pub number: String,
    /// Its version there (ETag), where it gives one.
    pub version: Option<String>,
}

/// How sending failed; it decides whether sending again is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushError {
    /// Nothing was sent: trying again is safe.
    NotSent(CodedError),
    /// The other side refused it: a person has to change something.
    Refused(CodedError),
    /// It was sent and the answer was lost: only a search for the reference can tell.
    Unknown(CodedError),
}

/// A maintenance system that takes work orders.
#[async_trait]
pub trait MaintenanceSystem: Send + Sync {
    /// What would be sent for this draft. Pure.
    fn plan(&self, ctx: &ConnectorContext, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError>;

    /// What carries our reference there already.
    async fn find_by_reference(
        &self,
        ctx: &ConnectorContext,
        reference: &str,
    ) -> Result<Vec<Pushed>, CodedError>;

    /// Sends it, once.
    async fn push(&self, ctx: &ConnectorContext, plan: &PushPlan) -> Result<Pushed, PushError>;
}
