//! What the tests of the maintenance connectors share: a context, a stream that is collected, and a
//! network in between that can lose an answer.

#![allow(dead_code, unreachable_pub)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, OwnIdentity, RunningConnector,
    StreamState, conformance::MemoryTrust, resolve_effective, split_config,
};
use iq_domain::{
    IntegrationId, SourceRecord, TenantId, WallClock, WorkOrderDraft, WorkOrderKind,
    WorkOrderPriority,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

/// A context for a configuration as a person writes it.
pub fn context(
    connector: &dyn Connector,
    written: &Value,
    cursors: BTreeMap<String, Value>,
) -> Result<ConnectorContext> {
    let schema = connector.spec().schema;
    let (public, secrets) = split_config(&schema, written, &BTreeMap::new())
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    connector
        .validate(&public)
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let effective = resolve_effective(&schema, &public, &secrets, &|_| None);
    let missing = iq_connector::missing_fields(&schema, &effective);
    anyhow::ensure!(missing.is_empty(), "{missing:?}");
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

/// A draft the test systems take.
pub fn draft(kind: WorkOrderKind, reference: &str) -> WorkOrderDraft {
    WorkOrderDraft {
        kind,
        reference: reference.to_owned(),
        title: "Seal of P-101A leaks; مانع التسرب".to_owned(),
        description: "Vibration 7.1 mm/s.\nIt's the drive end.".to_owned(),
        priority: WorkOrderPriority::High,
        order_type: None,
        asset_id: None,
        equipment_number: Some("000000000010000001".to_owned()),
        functional_location: Some("RAS-U101".to_owned()),
        planned_start: Some(iq_domain::Timestamp(1_767_254_400_000)),
        planned_end: Some(iq_domain::Timestamp(1_767_268_800_000)),
        malfunction_at: Some(iq_domain::Timestamp(1_767_250_805_000)),
        is_down: true,
    }
}

/// A running connector and what it has delivered.
pub struct Reading {
    pub state: watch::Receiver<StreamState>,
    pub records: Vec<SourceRecord>,
    pub cursors: BTreeMap<String, Value>,
    batches: mpsc::Receiver<Batch>,
    running: RunningConnector,
    _tags: iq_connector::TagSetSender,
}

impl Reading {
    pub fn start(connector: &dyn Connector, ctx: ConnectorContext) -> Self {
        let (tags, tag_set) = watch::channel(Arc::new(Vec::new()));
        let (sink, batches) = mpsc::channel(1);
        let running = connector.start(ctx, tag_set, sink);
        Self {
            state: running.state.clone(),
            records: Vec::new(),
            cursors: BTreeMap::new(),
            batches,
            running,
            _tags: tags,
        }
    }

    /// Takes batches until `is_done`.
    pub async fn until(
        &mut self,
        patience: Duration,
        is_done: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !is_done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.batches.recv()).await {
                Ok(Some(batch)) => self.take(batch),
                Ok(None) => bail!("it ended: {:?}", self.state.borrow().phase),
                Err(_) => bail!(
                    "not within {patience:?}: {} records, {:?}, {:?}",
                    self.records.len(),
                    self.cursors,
                    *self.state.borrow()
                ),
            }
        }
        Ok(())
    }

    fn take(&mut self, batch: Batch) {
        self.records.extend(batch.records);
        for mark in batch.cursors {
            self.cursors.insert(mark.name, mark.position);
        }
    }

    /// Whether a set has been read to its end.
    pub fn is_complete(&self, set: &str) -> bool {
        let position = self.cursors.get(set);
        position.is_some_and(|p| p.get("since").is_some() && p["first_until"].is_null())
    }

    /// Waits for a state, taking batches meanwhile.
    pub async fn phase(
        &mut self,
        patience: Duration,
        is_wanted: impl Fn(&StreamState) -> bool,
    ) -> Result<StreamState> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let state = self.state.borrow_and_update().clone();
            if is_wanted(&state) {
                return Ok(state);
            }
            tokio::select! {
                changed = self.state.changed() => changed.context("it is gone")?,
                Some(batch) = self.batches.recv() => self.take(batch),
                () = tokio::time::sleep_until(deadline) => bail!("state stays {state:?}"),
            }
        }
    }

    /// Stops it; tells how long that took.
    pub async fn stop(self) -> Duration {
        let started = Instant::now();
        self.running.stop().await;
        started.elapsed()
    }

    /// Numbers of the orders or notifications that came, in order.
    pub fn numbers(&self, kind: WorkOrderKind) -> Vec<&str> {
        let mut found = Vec::new();
        for record in &self.records {
            if let SourceRecord::WorkOrder(order) = record
                && order.kind == kind
            {
                found.push(order.number.as_str());
            }
        }
        found
    }

    /// Numbers of the objects that came, in order.
    pub fn objects(&self, kind: iq_domain::ObjectKind) -> Vec<&str> {
        let mut found = Vec::new();
        for record in &self.records {
            if let SourceRecord::TechnicalObject(object) = record
                && object.kind == kind
            {
                found.push(object.number.as_str());
            }
        }
        found
    }
}

/// A network between connector and system that passes everything on, and can lose answers: the
/// system has done what was asked, and nobody hears of it.
pub struct Lossy {
    pub port: u16,
    loses_creations: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Lossy {
    pub async fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (loses_creations, lost) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (flag, count) = (loses_creations.clone(), lost.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (flag, count) = (flag.clone(), count.clone());
                tokio::spawn(async move {
                    // A connection that breaks is what this is about.
                    drop(pass(client, upstream, &flag, &count).await);
                });
            }
        });
        Ok(Self {
            port,
            loses_creations,
            lost,
            task,
        })
    }

    pub fn lose_creations(&self, is_on: bool) {
        self.loses_creations.store(is_on, Ordering::SeqCst);
    }

    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    upstream: u16,
    loses: &AtomicBool,
    lost: &AtomicUsize,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_creation = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                is_creation = is_creation || asked[..read].starts_with(b"POST /");
                server.write_all(&asked[..read]).await?;
            }
            read = server.read(&mut answered) => {
                let read = read?;
                if is_creation && loses.load(Ordering::SeqCst) {
                    // The answer has begun: the system is done with it.
                    lost.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                if read == 0 {
                    return Ok(());
                }
                client.write_all(&answered[..read]).await?;
            }
        }
    }
}

/// Settings for a system on the loopback interface.
pub fn loopback(port: u16) -> Value {
    json!({
        "base_url": format!("http://127.0.0.1:{port}"),
        "allow_plain_http": true,
        "plain_http_reason": "a test on the loopback interface",
        "sync_interval_s": 10,
    })
}

/// `base` with more fields.
pub fn with(mut base: Value, more: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (base.as_object_mut(), more) {
        all.extend(more);
    }
    base
}
