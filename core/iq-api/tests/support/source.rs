//! A source on the test's desk: it delivers what the test pushes and answers what a server would.

use std::sync::{Arc, Mutex};

use iq_connector::{
    Batch, BatchSink, BrowseItem, BrowsePage, BrowseRequest, Capabilities, Connector,
    ConnectorContext, ConnectorSpec, MaintenanceSystem, Progress, RunningConnector, StageKey,
    StageStatus, StreamPhase, StreamState, TagSet, TestReport, TestStage,
};
use iq_domain::{CodedError, Message, RawSample, SourceRecord, StatusCode, Timestamp, Value};
use tokio::sync::watch;

use super::Ledger;

/// The source. Clones share the wire.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Vec<BatchSink>>>, Ledger);

/// A good value of a tag.
pub(crate) fn sample(tag: &str, value: f64, at: Timestamp) -> RawSample {
    RawSample {
        external_tag: tag.into(),
        value: Some(Value::Number(value)),
        status: StatusCode::GOOD,
        source_time: Some(at),
        server_time: None,
        received_at: at,
    }
}

impl Desk {
    /// The maintenance system behind it.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.1
    }

    /// Delivers work orders and objects through every running connection.
    pub(crate) async fn deliver(&self, records: Vec<SourceRecord>) {
        let sinks = self.0.lock().unwrap().clone();
        assert!(!sinks.is_empty(), "no connection runs");
        for sink in sinks {
            let batch = Batch {
                records: records.clone(),
                ..Batch::default()
            };
            drop(sink.send(batch).await);
        }
    }

    /// Sends samples through every running connection.
    pub(crate) async fn push(&self, samples: Vec<RawSample>) {
        let sinks = self.0.lock().unwrap().clone();
        assert!(!sinks.is_empty(), "no connection runs");
        for sink in sinks {
            // A connection that was stopped has a closed end.
            drop(
                sink.send(Batch {
                    samples: samples.clone(),
                    ..Batch::default()
                })
                .await,
            );
        }
    }
}

#[async_trait::async_trait]
impl Connector for Desk {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: "desk",
            name_key: "desk",
            description_key: "desk",
            schema: serde_json::json!({
                "type": "object",
                "properties": {
                    "endpoint_url": { "type": "string", "x-widget": "url" },
                    "password": { "type": "string", "x-secret": true },
                    "work_order_sync_mode": { "type": "string" },
                    "asset_mapping_mode": { "type": "string" },
                },
                "additionalProperties": false,
            }),
            capabilities: Capabilities {
                browse: true,
                stream: true,
                ..Capabilities::default()
            },
        }
    }

    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
        let stage = TestStage {
            key: StageKey::Read,
            status: StageStatus::Ok,
            ms: 1,
            message: Message::default(),
            remedy: None,
        };
        progress(&stage);
        TestReport {
            success: true,
            message: Message::default(),
            stages: vec![stage],
            sample: Some(sample("T1", 4.2, ctx.clock.now())),
        }
    }

    async fn browse(
        &self,
        _: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        let item = BrowseItem {
            id: "T1".to_owned(),
            display: "Vibration".to_owned(),
            path: request.parent.unwrap_or_default(),
            has_children: false,
            is_variable: true,
            data_type: None,
            unit: Some("mm/s".to_owned()),
            description: None,
        };
        Ok(BrowsePage {
            items: vec![item],
            next_cursor: None,
        })
    }

    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        Ok(tags
            .iter()
            .map(|tag| sample(tag, 4.2, ctx.clock.now()))
            .collect())
    }

    fn maintenance(&self) -> Option<Arc<dyn MaintenanceSystem>> {
        Some(Arc::new(self.1.clone()))
    }

    fn start(&self, ctx: ConnectorContext, _: TagSet, sink: BatchSink) -> RunningConnector {
        self.0.lock().unwrap().push(sink);
        let streaming = StreamState {
            phase: StreamPhase::Streaming,
            ..StreamState::starting(ctx.clock.now())
        };
        let (state, seen) = watch::channel(streaming);
        let cancel = ctx.cancel.clone();
        let wire = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            let _state = state;
            ctx.cancel.cancelled().await;
            wire.lock().unwrap().clear();
        });
        RunningConnector::new(seen, cancel, task)
    }
}
