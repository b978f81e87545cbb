//! The trait itself.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use iq_domain::{CodedError, ErrorKind, RawSample};
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    BatchSink, BrowsePage, BrowseRequest, Choice, ConnectorContext, ConnectorSpec, EndpointOffer,
    FieldError, MaintenanceSystem, RunningConnector, SampleRows, TagSet, TestReport, TestStage,
    check_config, check_secrets,
};

/// Called after each stage of a test.
pub type Progress<'a> = &'a (dyn Fn(&TestStage) + Send + Sync);

/// A connector kind. It holds no connection of its own: everything lives in the context and in what
/// [`Connector::start`] returns.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The self-description.
    fn spec(&self) -> ConnectorSpec;

    /// Checks a public configuration as a person wrote it: unknown fields are refused, types, bounds
    /// and options checked. Absent and empty fields are fine here, the environment may supply them;
    /// [`crate::missing_fields`] tells what the effective configuration still lacks.
    fn validate(&self, config: &Value) -> Result<(), Vec<FieldError>> {
        check_config(&self.spec().schema, config)
    }

    /// Checks secrets as a person wrote them.
    fn validate_secrets(
        &self,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<(), Vec<FieldError>> {
        check_secrets(&self.spec().schema, secrets)
    }

    /// Tests the connection in stages; passed only after a value was read.
    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport;

    /// Lists a bounded page of the source's tree.
    async fn browse(
        &self,
        ctx: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError>;

    /// Reads the present values of some tags; the answer has one sample per tag, in order.
    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError>;

    /// The endpoints a server offers at `url`. Nothing secret is sent.
    async fn endpoints(
        &self,
        _ctx: &ConnectorContext,
        _url: &str,
    ) -> Result<Vec<EndpointOffer>, CodedError> {
        Err(CodedError::new(
            ErrorKind::Invalid,
            "connector.endpoints_unsupported",
        ))
    }

    /// What the source offers for a field marked with [`crate::ext::CHOICES`] (its tables, its
    /// columns), given the values chosen so far.
    async fn choices(
        &self,
        _ctx: &ConnectorContext,
        _field: &str,
    ) -> Result<Vec<Choice>, CodedError> {
        Err(CodedError::new(
            ErrorKind::Invalid,
            "connector.choices_unsupported",
        ))
    }

    /// The first rows of the source as they are, with the type each column seems to have and the
    /// tags they would deliver.
    async fn sample_rows(
        &self,
        _ctx: &ConnectorContext,
        _limit: usize,
    ) -> Result<SampleRows, CodedError> {
        Err(CodedError::new(
            ErrorKind::Invalid,
            "connector.sample_rows_unsupported",
        ))
    }

    /// The side of a maintenance system that takes work orders; `None` where the source has none.
    fn maintenance(&self) -> Option<Arc<dyn MaintenanceSystem>> {
        None
    }

    /// Starts delivering `tags` into `sink` until stopped. Must be called within a tokio runtime.
    fn start(&self, ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector;
}
