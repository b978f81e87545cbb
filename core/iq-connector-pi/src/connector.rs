//! The connector as the contract sees it.

use std::sync::Arc;

use async_trait::async_trait;
use iq_connector::{
    BatchSink, BrowsePage, BrowseRequest, Capabilities, Connector, ConnectorContext, ConnectorSpec,
    FieldError, Progress, RunningConnector, StreamState, TagSet, TestReport, check_config,
    schema_of,
};
use iq_domain::{CodedError, RawSample};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    api::Api,
    browse,
    config::{PiConfig, Settings, check_consistency},
    preview, probe,
    resolve::WebIds,
    stream::Streamer,
};

/// The PI connector.
#[derive(Default)]
pub struct PiConnector {
    ids: Arc<WebIds>,
}

impl PiConnector {
    /// A connector without any connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Connector for PiConnector {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: "pi",
            name_key: "connector.pi.name",
            description_key: "connector.pi.description",
            schema: schema_of::<PiConfig>(),
            capabilities: Capabilities {
                browse: true,
                stream: true,
                poll: true,
                back_fill: true,
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
        probe::test(ctx, progress).await
    }

    async fn browse(
        &self,
        ctx: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let api = Api::new(ctx, &settings, false)?;
        browse::browse(&api, &settings, request).await
    }

    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let api = Api::new(ctx, &settings, false)?;
        preview::preview(ctx, &api, &settings, &self.ids, tags).await
    }

    fn start(&self, mut ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector {
        let cancel = ctx.cancel.child_token();
        ctx.cancel = cancel.clone();
        let (sender, state) = watch::channel(StreamState::starting(ctx.clock.now()));
        let streamer = Streamer::new(ctx, tags, sink, sender, Arc::clone(&self.ids));
        RunningConnector::new(state, cancel, tokio::spawn(streamer.run()))
    }
}
