//! What the tests of the PI connector share: a context, and a stream that is collected.

// Each test file takes its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, OwnIdentity, Purpose, RunningConnector,
    StageKey, StageStatus, StreamState, TagSetSender, TestReport,
    conformance::{MemoryTrust, check_report},
    resolve_effective, split_config,
};
use iq_connector_pi::PiConnector;
use iq_domain::{IntegrationId, RawSample, SourceEvent, SourceRecord, TenantId, WallClock};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

/// A context for a configuration as a person writes it.
pub fn context(written: &Value, cursors: BTreeMap<String, Value>) -> Result<ConnectorContext> {
    let connector = PiConnector::new();
    let schema = connector.spec().schema;
    let (public, secrets) = split_config(&schema, written, &BTreeMap::new())
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    connector
        .validate(&public)
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let effective = resolve_effective(&schema, &public, &secrets, &|_| None);
    Ok(ConnectorContext {
        tenant_id: TenantId::new(),
        integration_id: IntegrationId::new(),
        name: "test".into(),
        config: effective.config,
        secrets: Arc::new(effective.secrets),
        cursors: Arc::new(cursors),
        trust: Arc::new(MemoryTrust::default()),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:test".into(),
            certificate_der: Vec::new(),
            certificate_path: "none".into(),
            private_key_path: "none".into(),
            scratch_dir: "none".into(),
        }),
        clock: Arc::new(WallClock),
        cancel: CancellationToken::new(),
    })
}

/// The staged test.
pub async fn test(written: &Value) -> Result<TestReport> {
    let ctx = context(written, BTreeMap::new())?;
    let report = PiConnector::new().test(&ctx, &|_| ()).await;
    check_report(&report);
    Ok(report)
}

/// The code and the stage a test fails with.
pub async fn failure(written: &Value) -> Result<(String, Option<StageKey>)> {
    let report = test(written).await?;
    ensure!(!report.success, "the test passes");
    let failed = report
        .stages
        .iter()
        .find(|s| s.status == StageStatus::Failed);
    Ok((report.message.code, failed.map(|s| s.key)))
}

/// What a stream delivered.
#[derive(Default)]
pub struct Collected {
    pub live: Vec<RawSample>,
    pub past: Vec<RawSample>,
    /// The last position of each tag.
    pub cursors: BTreeMap<String, Value>,
    pub gaps: usize,
    /// Events, in the order of arrival.
    pub events: Vec<SourceEvent>,
}

impl Collected {
    fn add(&mut self, batch: Batch) {
        self.gaps += usize::from(batch.gap.is_some());
        match batch.purpose {
            Purpose::Live => self.live.extend(batch.samples),
            Purpose::BackFill => self.past.extend(batch.samples),
        }
        for record in batch.records {
            if let SourceRecord::Event(event) = record {
                self.events.push(event);
            }
        }
        for mark in batch.cursors {
            self.cursors.insert(mark.name, mark.position);
        }
    }

    /// Times and values of a tag, in order of time, repetitions included.
    pub fn of(&self, tag: &str) -> Vec<(i64, String)> {
        let mut found: Vec<(i64, String)> = self
            .live
            .iter()
            .chain(&self.past)
            .filter(|s| &*s.external_tag == tag)
            .map(|s| {
                (
                    s.observed_at().millis(),
                    format!("{:?} {:?}", s.value, s.status),
                )
            })
            .collect();
        found.sort();
        found
    }
}

/// A running stream with the test on its other end.
pub struct Stream {
    pub state: watch::Receiver<StreamState>,
    pub tags: TagSetSender,
    batches: mpsc::Receiver<Batch>,
    running: RunningConnector,
}

impl Stream {
    pub fn start(
        written: &Value,
        tags: &[String],
        cursors: BTreeMap<String, Value>,
    ) -> Result<Self> {
        let ctx = context(written, cursors)?;
        let list: Vec<Arc<str>> = tags.iter().map(|t| Arc::from(t.as_str())).collect();
        let (tags, tag_set) = watch::channel(Arc::new(list));
        let (sink, batches) = mpsc::channel(8);
        let running = PiConnector::new().start(ctx, tag_set, sink);
        Ok(Self {
            state: running.state.clone(),
            tags,
            batches,
            running,
        })
    }

    /// Takes batches until state and harvest are as wanted.
    pub async fn until(
        &mut self,
        collected: &mut Collected,
        patience: Duration,
        mut is_done: impl FnMut(&StreamState, &Collected) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let state = self.state.borrow_and_update().clone();
            if is_done(&state, collected) {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let (live, past) = (collected.live.len(), collected.past.len());
                bail!("not within {patience:?}: {live} live, {past} past, state {state:?}");
            }
            tokio::select! {
                batch = self.batches.recv() => match batch {
                    Some(batch) => collected.add(batch),
                    None => bail!("the stream ended by itself in {state:?}"),
                },
                changed = self.state.changed() => changed?,
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// Stops it; what it had not handed over yet is gone, as in a crash.
    pub async fn stop(self) -> Result<()> {
        tokio::time::timeout(Duration::from_secs(10), self.running.stop()).await?;
        Ok(())
    }
}
