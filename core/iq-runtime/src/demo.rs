//! The door to the demo plant, open in DEMO_MODE only. The host supplies it; nothing here knows how
//! the plant works, and no value of it comes through this door: values come by the connectors.

use async_trait::async_trait;
use iq_api_types::{InjectRequest, PlantStatus, ScenarioRequest};
use iq_domain::CodedError;

/// Controls of the demo plant.
#[async_trait]
pub trait DemoPlant: Send + Sync {
    /// What it does now and what it can do.
    async fn status(&self) -> Result<PlantStatus, CodedError>;

    /// Lets a fault develop.
    async fn inject(&self, request: InjectRequest) -> Result<(), CodedError>;

    /// Clears faults and trips of one asset, or of all.
    async fn reset(&self, asset: Option<String>) -> Result<(), CodedError>;

    /// Starts a scripted scenario.
    async fn scenario(&self, request: ScenarioRequest) -> Result<(), CodedError>;
}
