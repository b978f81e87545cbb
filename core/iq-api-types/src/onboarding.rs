//! First steps of a tenant.

use iq_domain::{AssetId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::StatusMessage;

/// How far a tenant has come; computed from its data at each asking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OnboardingProgress {
    /// The six steps in their order.
    pub steps: Vec<OnboardingStep>,
    /// Steps that are done.
    pub done: u32,
    /// Steps this version can do.
    pub available: u32,
    /// Share done of those, 0–100.
    pub percent: u32,
    /// The first step that is not done.
    pub next: Option<String>,
    /// Who called the profile complete.
    pub profile_marked_by: Option<String>,
    /// When.
    pub profile_marked_at: Option<Timestamp>,
    /// Assets with a score.
    pub scored_assets: u64,
    /// One of them, to look at.
    pub first_scored_asset: Option<AssetId>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OnboardingStep {
    /// profile, integrations, connection_tests, signal_mapping, cost_model, first_run.
    pub key: String,
    /// This version can do it; where not, `missing` says why.
    pub is_available: bool,
    /// Done.
    pub is_done: bool,
    /// What is missing, the first twenty.
    pub missing: Vec<OnboardingMissing>,
    /// How many things are missing in all.
    pub missing_total: u32,
    /// Its page.
    pub link: String,
}

/// Something that is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OnboardingMissing {
    /// What.
    pub message: StatusMessage,
    /// Where it is done.
    pub link: String,
}

/// A person's word that the profile is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileDone {
    /// Complete.
    pub done: bool,
}
