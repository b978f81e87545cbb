//! The connector as the contract sees it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use iq_connector::{
    BatchSink, BrowsePage, BrowseRequest, Capabilities, Connector, ConnectorContext, ConnectorSpec,
    EndpointOffer, FieldError, Progress, RunningConnector, SecretString, StreamState, TagSet,
    TestReport, check_config, check_secrets, schema_of,
};
use iq_domain::{CodedError, RawSample};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    browse::Walks,
    config::{OpcUaConfig, Settings, check_consistency, check_secret_content},
    endpoint::{discover, offers},
    hub::Hub,
    preview, probe,
    stream::Streamer,
};

/// The OPC UA connector.
#[derive(Default)]
pub struct OpcUaConnector {
    hub: Arc<Hub>,
    walks: Walks,
}

impl OpcUaConnector {
    /// A connector without any connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Connector for OpcUaConnector {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: "opcua",
            name_key: "connector.opcua.name",
            description_key: "connector.opcua.description",
            schema: schema_of::<OpcUaConfig>(),
            capabilities: Capabilities {
                browse: true,
                stream: true,
                poll: true,
                trust: true,
                endpoints: true,
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
        check_secrets(&self.spec().schema, secrets)?;
        let errors = check_secret_content(secrets);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
        probe::test(ctx, progress).await
    }

    async fn browse(
        &self,
        ctx: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let core = self.hub.core(ctx, &settings).await?;
        self.walks
            .page(ctx.integration_id, &core, &settings, request)
            .await
    }

    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let core = self.hub.core(ctx, &settings).await?;
        preview::preview(ctx, &core, &settings, tags).await
    }

    async fn endpoints(
        &self,
        ctx: &ConnectorContext,
        url: &str,
    ) -> Result<Vec<EndpointOffer>, CodedError> {
        Ok(offers(&discover(ctx, url).await?))
    }

    fn start(&self, mut ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector {
        let cancel = ctx.cancel.child_token();
        ctx.cancel = cancel.clone();
        let (sender, state) = watch::channel(StreamState::starting(ctx.clock.now()));
        let streamer = Streamer::new(ctx, tags, sink, sender, self.hub.clone());
        RunningConnector::new(state, cancel, tokio::spawn(streamer.run()))
    }
}
