//! An OPC UA connector with a trust list in memory and an application certificate of its own.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, GapMark, OwnIdentity, RunningConnector,
    StreamPhase, StreamState, TagSetSender, TestReport, conformance::MemoryTrust,
    resolve_effective, split_config,
};
use iq_connector_opcua::{OpcUaConnector, ensure_identity};
use iq_domain::{Clock, IntegrationId, RawSample, SourceEvent, SourceRecord, TenantId, WallClock};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

/// The folder of the peers' scripts.
#[must_use]
pub fn peers_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// A user certificate and its key, both PEM.
pub fn user_certificate() -> Result<(String, String)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "operator");
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::DataEncipherment,
    ];
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// The connector and its surroundings.
pub struct Rig {
    /// The connector.
    pub connector: OpcUaConnector,
    /// Its trust list.
    pub trust: Arc<MemoryTrust>,
    /// Its own certificate.
    pub identity: Arc<OwnIdentity>,
    integration: IntegrationId,
    dir: TempDir,
}

impl Rig {
    /// A fresh one: nothing trusted, a new certificate.
    pub fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let identity = ensure_identity(
            &dir.path().join("pki"),
            &["localhost".into()],
            WallClock.now(),
        )?;
        Ok(Self {
            connector: OpcUaConnector::new(),
            trust: Arc::default(),
            identity: Arc::new(identity),
            integration: IntegrationId::new(),
            dir,
        })
    }

    /// A folder for the peer.
    #[must_use]
    pub fn dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A context for a configuration as a person writes it, secrets included.
    pub fn context(&self, written: &Value) -> Result<ConnectorContext> {
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
            cursors: Arc::default(),
            trust: self.trust.clone(),
            identity: self.identity.clone(),
            clock: Arc::new(WallClock),
            cancel: CancellationToken::new(),
        })
    }

    /// The staged test.
    pub async fn test(&self, written: &Value) -> Result<TestReport> {
        let ctx = self.context(written)?;
        let report = self.connector.test(&ctx, &|_| ()).await;
        iq_connector::conformance::check_report(&report);
        Ok(report)
    }

    /// Starts a stream of `tags`.
    pub fn stream(&self, written: &Value, tags: Vec<String>, capacity: usize) -> Result<Stream> {
        let ctx = self.context(written)?;
        let cancel = ctx.cancel.clone();
        let list: Vec<Arc<str>> = tags.into_iter().map(Arc::from).collect();
        let (tags, tag_set) = watch::channel(Arc::new(list));
        let (sink, batches) = mpsc::channel(capacity);
        let running = self.connector.start(ctx, tag_set, sink);
        Ok(Stream {
            state: running.state.clone(),
            running,
            tags,
            batches,
            cancel,
        })
    }
}

/// A running stream with the test on its other end.
pub struct Stream {
    /// Its state.
    pub state: watch::Receiver<StreamState>,
    /// The tags it delivers.
    pub tags: TagSetSender,
    /// What it delivers.
    pub batches: mpsc::Receiver<Batch>,
    running: RunningConnector,
    cancel: CancellationToken,
}

/// What a stream delivered.
#[derive(Default)]
pub struct Collected {
    /// Samples by tag, in the order of arrival.
    pub by_tag: HashMap<Arc<str>, Vec<RawSample>>,
    /// Gaps.
    pub gaps: Vec<GapMark>,
    /// Number of samples.
    pub count: usize,
    /// Events, in the order of arrival.
    pub events: Vec<SourceEvent>,
}

impl Collected {
    /// Adds a batch.
    pub fn add(&mut self, batch: Batch) {
        self.gaps.extend(batch.gap);
        self.count += batch.samples.len();
        self.events
            .extend(batch.records.into_iter().filter_map(|r| match r {
                SourceRecord::Event(event) => Some(event),
                _ => None,
            }));
        for sample in batch.samples {
            self.by_tag
                .entry(sample.external_tag.clone())
                .or_default()
                .push(sample);
        }
    }
}

impl Stream {
    /// Takes batches until `is_done` says so.
    pub async fn collect_until(
        &mut self,
        collected: &mut Collected,
        patience: Duration,
        mut is_done: impl FnMut(&Collected) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !is_done(collected) {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.batches.recv()).await {
                Ok(Some(batch)) => collected.add(batch),
                Ok(None) => bail!("the stream ended; state {:?}", self.state.borrow().phase),
                Err(_) => bail!(
                    "not within {patience:?}: {} samples so far, state {:?}",
                    collected.count,
                    *self.state.borrow()
                ),
            }
        }
        Ok(())
    }

    /// Waits for a sample with a value that arrived after now.
    pub async fn fresh_value(&mut self, patience: Duration) -> Result<RawSample> {
        while self.batches.try_recv().is_ok() {}
        let mut collected = Collected::default();
        self.collect_until(&mut collected, patience, |c| {
            c.by_tag.values().flatten().any(|s| s.value.is_some())
        })
        .await?;
        let found = collected
            .by_tag
            .into_values()
            .flatten()
            .find(|s| s.value.is_some());
        found.context("a value was just seen")
    }

    /// Waits for a state, taking batches meanwhile.
    pub async fn phase(
        &mut self,
        patience: Duration,
        is_wanted: impl Fn(&StreamPhase) -> bool,
    ) -> Result<StreamState> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let state = self.state.borrow_and_update().clone();
            if is_wanted(&state.phase) {
                return Ok(state);
            }
            tokio::select! {
                changed = self.state.changed() => changed.context("the stream is gone")?,
                Some(_) = self.batches.recv() => {}
                () = tokio::time::sleep_until(deadline) => bail!("state stays {state:?}"),
            }
        }
    }

    /// Stops it.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.running.stop().await;
    }
}
