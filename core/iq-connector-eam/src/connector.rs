//! The two connectors as the contract sees them.

use std::sync::Arc;

use async_trait::async_trait;
use iq_connector::{
    BatchSink, BrowsePage, BrowseRequest, Capabilities, Connector, ConnectorContext, ConnectorSpec,
    FieldError, MaintenanceSystem, Progress, RunningConnector, SampleRows, StreamState, TagSet,
    TestReport, check_config, schema_of,
};
use iq_domain::{CodedError, RawSample, StatusCode};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    config::{OracleConfig, SapConfig, check_consistency},
    dialect::Dialect,
    probe, push,
    stream::Streamer,
    token::Tokens,
};

/// A connector to a maintenance system.
pub struct EamConnector {
    dialect: Dialect,
    tokens: Tokens,
}

impl EamConnector {
    /// SAP Plant Maintenance (S/4HANA).
    #[must_use]
    pub fn sap_pm() -> Self {
        Self {
            dialect: Dialect::Sap,
            tokens: Tokens::default(),
        }
    }

    /// Oracle Fusion Maintenance.
    #[must_use]
    pub fn oracle_eam() -> Self {
        Self {
            dialect: Dialect::Fusion,
            tokens: Tokens::default(),
        }
    }
}

#[async_trait]
impl Connector for EamConnector {
    fn spec(&self) -> ConnectorSpec {
        let (kind, name_key, description_key, schema) = match self.dialect {
            Dialect::Sap => (
                "sap_pm",
                "connector.sap_pm.name",
                "connector.sap_pm.description",
                schema_of::<SapConfig>(),
            ),
            Dialect::Fusion => (
                "oracle_eam",
                "connector.oracle_eam.name",
                "connector.oracle_eam.description",
                schema_of::<OracleConfig>(),
            ),
        };
        ConnectorSpec {
            kind,
            name_key,
            description_key,
            schema,
            capabilities: Capabilities {
                poll: true,
                sample_rows: true,
                maintenance: true,
                external_db: true,
                ..Capabilities::default()
            },
        }
    }

    fn validate(&self, config: &Value) -> Result<(), Vec<FieldError>> {
        check_config(&self.spec().schema, config)?;
        let errors = check_consistency(config);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
        probe::test(ctx, self.dialect, &self.tokens, progress).await
    }

    /// There are no tags to list; orders and equipment come by themselves.
    async fn browse(
        &self,
        _ctx: &ConnectorContext,
        _request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        Err(CodedError::invalid("eam.no_tags"))
    }

    /// There are no tags, so none has a value.
    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        let received_at = ctx.clock.now();
        let bad = |tag: &String| RawSample {
            state_no: None,
            external_tag: Arc::from(tag.as_str()),
            value: None,
            status: StatusCode::BAD,
            source_time: None,
            server_time: None,
            received_at,
        };
        Ok(tags.iter().map(bad).collect())
    }

    async fn sample_rows(
        &self,
        ctx: &ConnectorContext,
        limit: usize,
    ) -> Result<SampleRows, CodedError> {
        probe::sample_rows(ctx, self.dialect, &self.tokens, limit).await
    }

    fn maintenance(&self) -> Option<Arc<dyn MaintenanceSystem>> {
        Some(push::system(self.dialect, &self.tokens))
    }

    fn start(&self, mut ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector {
        let cancel = ctx.cancel.child_token();
        ctx.cancel = cancel.clone();
        let (sender, state) = watch::channel(StreamState::starting(ctx.clock.now()));
        let streamer = Streamer::new(ctx, self.dialect, self.tokens.clone(), tags, sink, sender);
        RunningConnector::new(state, cancel, tokio::spawn(streamer.run()))
    }
}
