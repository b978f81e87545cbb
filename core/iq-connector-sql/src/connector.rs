//! The connector as the contract sees it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use iq_connector::{
    BatchSink, BrowsePage, BrowseRequest, Capabilities, Choice, Connector, ConnectorContext,
    ConnectorSpec, FieldError, Progress, RunningConnector, SampleRows, SecretString, StreamState,
    TagSet, TestReport, check_config, check_secrets, schema_of,
};
use iq_domain::{CodedError, RawSample};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    config::{Settings, SqlConfig, Target, check_consistency},
    hub::Hub,
    look, probe,
    stream::Streamer,
};

/// The connector for SQL databases.
#[derive(Default)]
pub struct SqlConnector {
    hub: Arc<Hub>,
}

impl SqlConnector {
    /// A connector without any connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

fn read(ctx: &ConnectorContext) -> Result<SqlConfig, CodedError> {
    serde_json::from_value(ctx.config.clone())
        .map_err(|e| CodedError::invalid("connector.config_unreadable").with("detail", e))
}

#[async_trait]
impl Connector for SqlConnector {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: "sql",
            name_key: "connector.sql.name",
            description_key: "connector.sql.description",
            schema: schema_of::<SqlConfig>(),
            capabilities: Capabilities {
                browse: true,
                poll: true,
                back_fill: true,
                sample_rows: true,
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

    fn validate_secrets(
        &self,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<(), Vec<FieldError>> {
        check_secrets(&self.spec().schema, secrets)
    }

    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
        probe::test(&self.hub, ctx, progress).await
    }

    async fn browse(
        &self,
        ctx: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let mut visit = self.hub.visit(ctx, &settings.target).await?;
        let outcome = look::browse(&mut visit, &settings, &request).await;
        visit.end(false, outcome).await
    }

    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let mut visit = self.hub.visit(ctx, &settings.target).await?;
        let outcome = look::preview(ctx, &mut visit, &settings, tags).await;
        visit.end(false, outcome).await
    }

    async fn choices(
        &self,
        ctx: &ConnectorContext,
        field: &str,
    ) -> Result<Vec<Choice>, CodedError> {
        let target = Target::from_context(ctx)?;
        let config = read(ctx)?;
        let mut visit = self.hub.visit(ctx, &target).await?;
        let outcome = look::choices(&mut visit, &target, &config, field).await;
        visit.end(false, outcome).await
    }

    async fn sample_rows(
        &self,
        ctx: &ConnectorContext,
        limit: usize,
    ) -> Result<SampleRows, CodedError> {
        let target = Target::from_context(ctx)?;
        let config = read(ctx)?;
        let mut visit = self.hub.visit(ctx, &target).await?;
        let outcome = look::sample_rows(ctx, &mut visit, &target, &config, limit).await;
        visit.end(false, outcome).await
    }

    fn start(&self, mut ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector {
        let cancel = ctx.cancel.child_token();
        ctx.cancel = cancel.clone();
        let (sender, state) = watch::channel(StreamState::starting(ctx.clock.now()));
        let streamer = Streamer::new(ctx, tags, sink, sender, self.hub.clone());
        RunningConnector::new(state, cancel, tokio::spawn(streamer.run()))
    }
}
