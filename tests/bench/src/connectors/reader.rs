//! A process that reads one source as the appliance does, so that its peak memory is that of the
//! connector. It is told what to read in one line of JSON and answers with one.

use std::{
    collections::BTreeMap,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use async_trait::async_trait;
use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, OwnIdentity, PresentedCertificate,
    StreamPhase, TrustStore, resolve_effective, split_config,
};
use iq_connector_file::{FileSource, Hints, Position, ReadOptions, Wanted, detect, read_file};
use iq_connector_pi::PiConnector;
use iq_connector_sql::SqlConnector;
use iq_domain::{Clock, CodedError, IntegrationId, TenantId, TrustState, WallClock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::tally::Tally;
use crate::historian::proc::{peak_memory, resident_memory};

/// How long a reading may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What to read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The past of some tags through a connector, as far as it lies before a moment.
    Past {
        kind: String,
        config: Value,
        tags: Vec<String>,
        before_ms: i64,
    },
    /// A file, all of it.
    File(PathBuf),
}

/// What was read.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) tally: Tally,
    pub(crate) seconds: f64,
    /// Peak of the memory above what the process had before.
    pub(crate) growth_bytes: u64,
}

impl Order {
    /// Has a process of its own carry it out.
    pub(crate) fn carry_out(&self) -> Result<Reading> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("connectors-reader")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().context("no standard input")?;
        input.write_all(&serde_json::to_vec(self)?)?;
        drop(input);
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "the reader ended with {}",
            output.status
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// The process itself.
pub(crate) fn run() -> Result<()> {
    let order = serde_json::from_reader(std::io::stdin().lock())?;
    let reading = match order {
        Order::Past {
            kind,
            config,
            tags,
            before_ms,
        } => {
            let connector: Box<dyn Connector> = match kind.as_str() {
                "sql" => Box::new(SqlConnector::new()),
                "pi" => Box::new(PiConnector::new()),
                _ => bail!("no connector {kind}"),
            };
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(past(&*connector, &config, &tags, before_ms))?
        }
        Order::File(path) => file(&path)?,
    };
    Ok(serde_json::to_writer(std::io::stdout().lock(), &reading)?)
}

async fn past(
    connector: &dyn Connector,
    config: &Value,
    tags: &[String],
    before_ms: i64,
) -> Result<Reading> {
    let ctx = context(connector, config)?;
    let list: Vec<Arc<str>> = tags.iter().map(|t| Arc::from(t.as_str())).collect();
    let (_tags, tag_set) = watch::channel(Arc::new(list));
    let (sink, mut batches) = mpsc::channel(8);
    let memory = resident_memory();
    let started = Instant::now();
    let running = connector.start(ctx, tag_set, sink);
    let mut state = running.state.clone();
    let mut past = Past {
        before_ms,
        missing: tags.iter().cloned().collect(),
        ..Past::default()
    };
    let mut end = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(started.elapsed());
        let step = async {
            tokio::select! {
                // What was handed on comes before what is said about it.
                biased;
                batch = batches.recv() => batch.map(Some).context("the connector ended by itself"),
                changed = state.changed() => changed.map(|()| None).map_err(Into::into),
            }
        };
        let step = tokio::time::timeout(left, step).await;
        match step.context("the past does not end")?? {
            Some(batch) => {
                if past.add(&batch) {
                    end = Instant::now();
                }
            }
            None => {
                if let StreamPhase::Error(error) = &state.borrow_and_update().phase {
                    bail!("{error}");
                }
            }
        }
        let is_read = state.borrow().back_fill.is_none() && past.missing.is_empty();
        if is_read && batches.is_empty() {
            break;
        }
    }
    let growth_bytes = peak_memory().saturating_sub(memory);
    running.stop().await;
    Ok(Reading {
        tally: past.tally,
        seconds: (end - started).as_secs_f64(),
        growth_bytes,
    })
}

/// What came so far.
#[derive(Default)]
struct Past {
    before_ms: i64,
    /// Tags of which no position came yet.
    missing: std::collections::BTreeSet<String>,
    tally: Tally,
}

impl Past {
    /// Takes a batch; tells whether something of the past was in it.
    fn add(&mut self, batch: &Batch) -> bool {
        for cursor in &batch.cursors {
            let name = cursor.name.as_str();
            self.missing
                .remove(name.strip_prefix("tag/").unwrap_or(name));
        }
        let before = self.tally.count;
        let samples = batch.samples.iter();
        samples
            .filter(|s| s.observed_at().millis() < self.before_ms)
            .for_each(|s| self.tally.add_sample(s));
        self.tally.count > before || !batch.cursors.is_empty()
    }
}

/// The way an import takes: find out how it is written, read it chunk by chunk.
fn file(path: &Path) -> Result<Reading> {
    let memory = resident_memory();
    let started = Instant::now();
    let source = FileSource::open(path)?;
    let profile = detect(&source, &Hints::default())?;
    let problems = profile.layout.problems();
    ensure!(problems.is_empty(), "the layout has {problems:?}");
    let mut tally = Tally::default();
    let mut rejects = 0;
    let options = ReadOptions {
        units: std::collections::HashMap::new(),
        from: Position::default(),
        wanted: Wanted::All,
        now: WallClock.now(),
    };
    read_file(
        &source,
        profile.format,
        &profile.layout,
        options,
        &mut |chunk| {
            rejects += chunk.rejects.len();
            chunk.samples.iter().for_each(|s| tally.add_sample(s));
            ControlFlow::Continue(())
        },
    )?;
    ensure!(rejects == 0, "{rejects} cells can't be read");
    Ok(Reading {
        tally,
        seconds: started.elapsed().as_secs_f64(),
        growth_bytes: peak_memory().saturating_sub(memory),
    })
}

fn context(connector: &dyn Connector, written: &Value) -> Result<ConnectorContext> {
    let schema = connector.spec().schema;
    let (public, secrets) =
        split_config(&schema, written, &BTreeMap::new()).map_err(|e| anyhow!("{e:?}"))?;
    connector.validate(&public).map_err(|e| anyhow!("{e:?}"))?;
    let effective = resolve_effective(&schema, &public, &secrets, &|_| None);
    Ok(ConnectorContext {
        tenant_id: TenantId::new(),
        integration_id: IntegrationId::new(),
        name: "bench".into(),
        config: effective.config,
        secrets: Arc::new(effective.secrets),
        cursors: Arc::default(),
        trust: Arc::new(NoTrust),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:bench".into(),
            certificate_der: Vec::new(),
            certificate_path: "none".into(),
            private_key_path: "none".into(),
            scratch_dir: "none".into(),
        }),
        clock: Arc::new(WallClock),
        cancel: CancellationToken::new(),
    })
}

/// Nothing is trusted: the sources here are verified with an authority, or not at all.
struct NoTrust;

#[async_trait]
impl TrustStore for NoTrust {
    async fn decision(&self, _der: &[u8]) -> Result<Option<TrustState>, CodedError> {
        Ok(None)
    }

    async fn report(&self, _certificate: PresentedCertificate) -> Result<TrustState, CodedError> {
        Ok(TrustState::Pending)
    }
}
