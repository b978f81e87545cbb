//! The SQL connector with what it needs around it, for the tests against real servers.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, OwnIdentity, Purpose, RunningConnector,
    StageStatus, StreamState, TagSetSender, TestReport, conformance::MemoryTrust,
    resolve_effective, split_config,
};
use iq_connector_sql::SqlConnector;
use iq_domain::{Clock, IntegrationId, ManualClock, RawSample, TenantId, Timestamp, WallClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

/// The connector and its surroundings.
pub(crate) struct Rig {
    pub(crate) connector: SqlConnector,
    pub(crate) cursors: BTreeMap<String, Value>,
    pub(crate) clock: Arc<dyn Clock>,
    identity: Arc<OwnIdentity>,
    integration: IntegrationId,
    _dir: TempDir,
}

/// A configuration with some fields replaced; null removes one.
pub(crate) fn with(base: &Value, changes: Value) -> Value {
    let mut changed = base.as_object().cloned().unwrap_or_default();
    for (key, value) in changes.as_object().cloned().unwrap_or_default() {
        match value {
            Value::Null => drop(changed.remove(&key)),
            value => drop(changed.insert(key, value)),
        }
    }
    Value::Object(changed)
}

impl Rig {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let identity = OwnIdentity {
            application_uri: "urn:test".into(),
            certificate_der: Vec::new(),
            certificate_path: dir.path().join("none.der"),
            private_key_path: dir.path().join("none.pem"),
            scratch_dir: dir.path().to_owned(),
        };
        Ok(Self {
            connector: SqlConnector::new(),
            cursors: BTreeMap::new(),
            clock: Arc::new(WallClock),
            identity: Arc::new(identity),
            integration: IntegrationId::new(),
            _dir: dir,
        })
    }

    /// The clock stands still at this moment.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        self.clock = Arc::new(ManualClock::at(now));
        self
    }

    pub(crate) fn context(&self, written: &Value) -> Result<ConnectorContext> {
        let schema = self.connector.spec().schema;
        let (public, secrets) = split_config(&schema, written, &BTreeMap::new())
            .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let effective = resolve_effective(&schema, &public, &secrets, &|_| None);
        Ok(ConnectorContext {
            tenant_id: TenantId::new(),
            integration_id: self.integration,
            name: "test".into(),
            config: effective.config,
            secrets: Arc::new(effective.secrets),
            cursors: Arc::new(self.cursors.clone()),
            trust: Arc::new(MemoryTrust::default()),
            identity: self.identity.clone(),
            clock: self.clock.clone(),
            cancel: CancellationToken::new(),
        })
    }

    pub(crate) async fn test(&self, written: &Value) -> Result<TestReport> {
        let ctx = self.context(written)?;
        let report = self.connector.test(&ctx, &|_| ()).await;
        iq_connector::conformance::check_report(&report);
        Ok(report)
    }

    /// The code of a test that must fail, with the stage it failed in.
    pub(crate) async fn failure(&self, written: &Value) -> Result<(String, String)> {
        let report = self.test(written).await?;
        let failed = report
            .stages
            .iter()
            .find(|s| s.status == StageStatus::Failed);
        let Some(stage) = failed else {
            bail!("the test passes: {:?}", report.message)
        };
        let key = serde_json::to_value(stage.key)?;
        Ok((
            report.message.code,
            key.as_str().unwrap_or_default().to_owned(),
        ))
    }

    pub(crate) fn stream(&self, written: &Value, tags: &[&str]) -> Result<Stream> {
        let ctx = self.context(written)?;
        let list: Vec<Arc<str>> = tags.iter().map(|t| Arc::from(*t)).collect();
        let (tags, tag_set) = watch::channel(Arc::new(list));
        let (sink, batches) = mpsc::channel(4);
        let running = self.connector.start(ctx, tag_set, sink);
        Ok(Stream {
            state: running.state.clone(),
            tags,
            batches,
            running,
            got: Got::default(),
        })
    }
}

/// What a stream delivered.
#[derive(Default)]
pub(crate) struct Got {
    pub(crate) live: Vec<RawSample>,
    pub(crate) past: Vec<RawSample>,
    pub(crate) cursors: BTreeMap<String, Value>,
}

impl Got {
    fn add(&mut self, batch: Batch) {
        for mark in batch.cursors {
            self.cursors.insert(mark.name, mark.position);
        }
        match batch.purpose {
            Purpose::Live => self.live.extend(batch.samples),
            Purpose::BackFill => self.past.extend(batch.samples),
        }
    }

    /// Times and values of a tag, live and past.
    pub(crate) fn values(&self, tag: &str) -> Vec<(String, String)> {
        let all = self.past.iter().chain(&self.live);
        let mut found: Vec<(String, String)> = all
            .filter(|s| &*s.external_tag == tag)
            .map(|s| {
                let time = s.source_time.map(|t| t.to_string()).unwrap_or_default();
                (time, format!("{:?}", s.value))
            })
            .collect();
        found.sort();
        found
    }
}

/// A running stream with the test on its other end.
pub(crate) struct Stream {
    pub(crate) state: watch::Receiver<StreamState>,
    pub(crate) tags: TagSetSender,
    pub(crate) got: Got,
    batches: mpsc::Receiver<Batch>,
    running: RunningConnector,
}

impl Stream {
    /// Takes batches until `is_done` says so.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut is_done: impl FnMut(&Got) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_done(&self.got) {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.batches.recv()).await {
                Ok(Some(batch)) => self.got.add(batch),
                Ok(None) => bail!("{what}: the stream ended; {:?}", *self.state.borrow()),
                Err(_) => bail!(
                    "{what}: not in time; {} live, {} past, {:?}",
                    self.got.live.len(),
                    self.got.past.len(),
                    *self.state.borrow()
                ),
            }
        }
        Ok(())
    }

    /// Waits for a state, taking batches meanwhile.
    pub(crate) async fn until_state(
        &mut self,
        what: &str,
        is_done: impl Fn(&StreamState) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if is_done(&self.state.borrow_and_update()) {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::select! {
                changed = self.state.changed() => changed?,
                batch = self.batches.recv() => match batch {
                    Some(batch) => self.got.add(batch),
                    None => bail!("{what}: the stream ended"),
                },
                () = tokio::time::sleep(left) => bail!("{what}: not in time; {:?}", *self.state.borrow()),
            }
        }
    }

    /// Stops it, which must take less than five seconds; returns everything delivered.
    pub(crate) async fn stop(mut self) -> Result<Got> {
        let started = Instant::now();
        self.running.stop().await;
        let took = started.elapsed();
        anyhow::ensure!(took < Duration::from_secs(5), "stopping took {took:?}");
        while let Ok(batch) = self.batches.try_recv() {
            self.got.add(batch);
        }
        Ok(self.got)
    }
}

/// What both servers are asked for.
pub(crate) fn base(db_type: &str, port: u16, ca: &str) -> Value {
    json!({
        "db_type": db_type, "host": "127.0.0.1", "port": port, "database_name": "plant",
        "username": "reader", "password": "read-only-7", "ssl_mode": "verify_full", "tls_ca": ca,
        "data_mode": "raw_table", "table_name": "history", "timestamp_column": "ts",
        "tag_column": "tag", "value_column": "value", "polling_interval_ms": 500,
    })
}
