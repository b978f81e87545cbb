//! A source on the test's desk: it delivers what the test pushes and answers what a server would.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use iq_connector::{
    BackFillProgress, Batch, BatchSink, BrowseItem, BrowsePage, BrowseRequest, Capabilities,
    Connector, ConnectorContext, ConnectorSpec, MaintenanceSystem, Progress, RunningConnector,
    StageKey, StageStatus, StreamPhase, StreamState, TagSet, TestReport, TestStage,
};
use iq_domain::{
    CodedError, ErrorKind, Message, RawSample, SourceRecord, StatusCode, Timestamp, Value,
};
use tokio::sync::watch;

use super::Ledger;

/// The source. Clones share the wire.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Vec<BatchSink>>>, Ledger, Arc<Mutex<Mood>>);

/// How the source behaves, and what it was given.
#[derive(Default)]
struct Mood {
    fails: Option<&'static str>,
    holds_back: bool,
    cursors: BTreeMap<String, serde_json::Value>,
    saw_password: bool,
}

/// A good value of a tag.
pub(crate) fn sample(tag: &str, value: f64, at: Timestamp) -> RawSample {
    RawSample {
        state_no: None,
        external_tag: tag.into(),
        value: Some(Value::Number(value)),
        status: StatusCode::GOOD,
        source_time: Some(at),
        server_time: None,
        received_at: at,
    }
}

impl Desk {
    /// A source of the same mood after a restart of the program.
    pub(crate) fn after_restart(&self) -> Self {
        Self(Arc::default(), Ledger::default(), Arc::clone(&self.2))
    }

    /// Every look at the source fails with this code from now on.
    pub(crate) fn fail(&self, code: &'static str) {
        self.2.lock().unwrap().fails = Some(code);
    }

    /// Connections started from now on say that they still read the past.
    pub(crate) fn hold_back(&self, is_on: bool) {
        self.2.lock().unwrap().holds_back = is_on;
    }

    /// Positions handed to the connection that started last.
    pub(crate) fn cursors_seen(&self) -> BTreeMap<String, serde_json::Value> {
        self.2.lock().unwrap().cursors.clone()
    }

    /// Whether the last test was given a password.
    pub(crate) fn saw_password(&self) -> bool {
        self.2.lock().unwrap().saw_password
    }

    /// Sends a batch as it is through every running connection.
    pub(crate) async fn deliver_batch(&self, batch: Batch) {
        let sinks = self.0.lock().unwrap().clone();
        assert!(!sinks.is_empty(), "no connection runs");
        for sink in sinks {
            drop(sink.send(batch.clone()).await);
        }
    }

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
        let fails = {
            let mut mood = self.2.lock().unwrap();
            mood.saw_password = ctx.secrets.contains_key("password");
            mood.fails
        };
        if let Some(code) = fails {
            return failed(code, progress);
        }
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
            description: Some("P-7 vibration".to_owned()),
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
        if let Some(code) = self.2.lock().unwrap().fails {
            return Err(CodedError::new(ErrorKind::Upstream, code));
        }
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
        let now = ctx.clock.now();
        let back_fill = {
            let mut mood = self.2.lock().unwrap();
            mood.cursors = (*ctx.cursors).clone();
            mood.holds_back.then(|| BackFillProgress {
                from: now.plus_ms(-1_000),
                to: now,
                reached: now.plus_ms(-500),
                samples: 1,
            })
        };
        let streaming = StreamState {
            phase: StreamPhase::Streaming,
            back_fill,
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

fn failed(code: &'static str, progress: Progress<'_>) -> TestReport {
    let message = Message {
        code: code.to_owned(),
        ..Message::default()
    };
    let stage = TestStage {
        key: StageKey::Security,
        status: StageStatus::Failed,
        ms: 1,
        message: message.clone(),
        remedy: None,
    };
    progress(&stage);
    TestReport {
        success: false,
        message,
        stages: vec![stage],
        sample: None,
    }
}

/// A source that counts as an external database; otherwise as the desk.
pub(crate) struct Vault(pub(crate) Desk);

#[async_trait::async_trait]
impl Connector for Vault {
    fn spec(&self) -> ConnectorSpec {
        let desk = self.0.spec();
        ConnectorSpec {
            kind: "vault",
            capabilities: Capabilities {
                external_db: true,
                ..desk.capabilities
            },
            ..desk
        }
    }

    async fn test(&self, ctx: &ConnectorContext, progress: Progress<'_>) -> TestReport {
        self.0.test(ctx, progress).await
    }

    async fn browse(
        &self,
        ctx: &ConnectorContext,
        request: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        self.0.browse(ctx, request).await
    }

    async fn preview(
        &self,
        ctx: &ConnectorContext,
        tags: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        self.0.preview(ctx, tags).await
    }

    fn start(&self, ctx: ConnectorContext, tags: TagSet, sink: BatchSink) -> RunningConnector {
        self.0.start(ctx, tags, sink)
    }
}
