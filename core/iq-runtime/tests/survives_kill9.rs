//! Kills the flow with SIGKILL at random moments while it ingests: what it had announced as durable
//! must be there after the next start, once, and the next start needs no help. The position up to which
//! the source counts as read is never ahead of what is durable.
//!
//! The same test binary is the child: it is started again with a variable that names the data folder.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::unwrap_used
)]

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use iq_config::{Config, Inputs, Overrides};
use iq_connector::{
    Batch, BatchSink, BrowsePage, BrowseRequest, Capabilities, Connector, ConnectorContext,
    ConnectorRegistry, ConnectorSpec, CursorMark, OwnIdentity, Progress, RunningConnector,
    StreamPhase, StreamState, TagSet, TestReport,
};
use iq_domain::{
    Asset, AssetId, Clock, CodedError, Criticality, Integration, IntegrationId, IntegrationStatus,
    Limits, Names, RawSample, SignalKind, Site, SiteId, StatusCode, Tenant, TenantId, TimeRange,
    Timestamp, Unit, UnitId, Value, WallClock,
};
use iq_historian::{Historian, HistorianConfig};
use iq_mapping::MappingDraft;
use iq_runtime::{EvidenceParts, LiveEvent, NewMapping, Runtime, RuntimeParts, open_store};
use iq_secrets::MasterKey;
use iq_store::{
    Page, Store, alerts, assets, events, incidents, integrations, sites, tenants, units,
};
use tokio::sync::{mpsc as tokio_mpsc, watch};

const KILLS: u32 = 100;
const FOLDER: &str = "OPTRIA_TEST_KILL_FOLDER";
const FIRST: &str = "OPTRIA_TEST_KILL_FIRST";
/// Samples are a second apart on the source's clock, so that alert delays are crossed quickly.
const STEP_MS: i64 = 1_000;
/// The position the source is read up to: the last step.
const CURSOR: &str = "steps";
const METRICS: [&str; 3] = [
    "vibration_de",
    "bearing_temperature_de",
    "discharge_pressure",
];

/// The source's time of a step: long past, so that it never meets the present.
fn time_of(step: u64) -> Timestamp {
    Timestamp(1_700_000_000_000 + i64::try_from(step).unwrap() * STEP_MS)
}

/// Vibration runs beyond its critical limit for 40 of every 100 steps.
fn value_of(metric: usize, step: u64) -> f64 {
    let noise = f64::from(u32::try_from(step * 7_919 % 97).unwrap()) / 1_000.0;
    match metric {
        0 if step % 100 >= 60 => 9.0 + noise,
        0 => 2.0 + noise,
        1 => 60.0 + noise,
        _ => 7.0 + noise,
    }
}

/// Delivers a batch per step as fast as the flow takes them.
struct Script;

#[async_trait::async_trait]
impl Connector for Script {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: "script",
            name_key: "script",
            description_key: "script",
            schema: serde_json::json!({ "type": "object", "properties": {} }),
            capabilities: Capabilities::default(),
        }
    }

    async fn test(&self, _: &ConnectorContext, _: Progress<'_>) -> TestReport {
        unreachable!("not part of this test")
    }

    async fn browse(
        &self,
        _: &ConnectorContext,
        _: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        unreachable!("not part of this test")
    }

    async fn preview(
        &self,
        _: &ConnectorContext,
        _: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        unreachable!("not part of this test")
    }

    fn start(&self, ctx: ConnectorContext, _tags: TagSet, sink: BatchSink) -> RunningConnector {
        let now = ctx.clock.now();
        let streaming = StreamState {
            phase: StreamPhase::Streaming,
            ..StreamState::starting(now)
        };
        let (state, seen) = watch::channel(streaming);
        let cancel = ctx.cancel.clone();
        let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
        let task = tokio::spawn(async move {
            let _state = state;
            for step in first.. {
                if sink.send(batch(step)).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        RunningConnector::new(seen, cancel, task)
    }
}

fn batch(step: u64) -> Batch {
    let samples = METRICS
        .iter()
        .enumerate()
        .map(|(i, metric)| RawSample {
            state_no: None,
            external_tag: (*metric).into(),
            value: Some(Value::Number(value_of(i, step))),
            status: StatusCode::GOOD,
            source_time: Some(time_of(step)),
            server_time: None,
            received_at: time_of(step),
        })
        .collect();
    Batch {
        samples,
        cursors: vec![CursorMark {
            name: CURSOR.to_owned(),
            position: serde_json::json!(step),
        }],
        ..Batch::default()
    }
}

async fn open(folder: &Path) -> Runtime {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let master_key = Arc::new(MasterKey::load_or_create(&folder.join("master.key")).unwrap());
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
        machine: None,
        clock: Arc::clone(&clock),
        master_key: Arc::clone(&master_key),
    })
    .unwrap();
    // Small chunks and buffers, so that kills fall into sealing and trimming too.
    let small = HistorianConfig {
        chunk_samples: 256,
        ..HistorianConfig::default()
    };
    let config = Config::load(&Inputs {
        overrides: Overrides::new().set("OPTRIA_DISK_RESERVE_MB", Some("0".to_owned())),
        environment: &|_| None,
        default_data_dir: folder.to_owned(),
    });
    Runtime::start(RuntimeParts {
        store,
        evidence,
        historian: Historian::open(&folder.join("historian.db"), small).unwrap(),
        config: Arc::new(config.unwrap()),
        clock,
        master_key,
        connectors: ConnectorRegistry::new().with(Arc::new(Script)),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:test".to_owned(),
            certificate_der: Vec::new(),
            certificate_path: folder.join("own.der"),
            private_key_path: folder.join("own.pem"),
            scratch_dir: folder.to_owned(),
        }),
        plant: None,
    })
    .await
    .unwrap()
}

/// A tenant with one pump and a source that is switched off.
async fn prepare(folder: &Path) {
    let runtime = open(folder).await;
    let tenant = TenantId::new();
    let (site, unit, asset) = (SiteId::new(), UnitId::new(), AssetId::new());
    let names = |text: &str| Names {
        en: text.to_owned(),
        ar: String::new(),
    };
    let integration = IntegrationId::new();
    runtime
        .store()
        .write(move |tx| {
            let row = Tenant {
                id: tenant,
                names: names("T"),
                is_demo: false,
                created_at: Timestamp(0),
            };
            tenants::create_tenant(tx, &row)?;
            sites::create_site(
                tx,
                tenant,
                &Site {
                    id: site,
                    tenant_id: tenant,
                    code: "S".into(),
                    names: names("S"),
                    time_zone: "UTC".into(),
                },
            )?;
            units::create_unit(
                tx,
                tenant,
                &Unit {
                    id: unit,
                    tenant_id: tenant,
                    site_id: site,
                    code: "U".into(),
                    names: names("U"),
                },
            )?;
            assets::create_asset(tx, tenant, &pump(tenant, unit, asset))?;
            integrations::create_integration(
                tx,
                tenant,
                &Integration {
                    id: integration,
                    tenant_id: tenant,
                    kind: "script".into(),
                    name: "script".into(),
                    config: serde_json::json!({}),
                    is_enabled: false,
                    is_demo_origin: false,
                    status: IntegrationStatus::Inactive,
                    status_code: None,
                    status_params: serde_json::json!({}),
                    status_at: None,
                    last_value_at: None,
                    created_at: Timestamp(0),
                },
            )
        })
        .await
        .unwrap();
    runtime.plant_changed(tenant).await.unwrap();
    let limits = Limits {
        high: Some(4.0),
        high_high: Some(6.6),
        ..Limits::default()
    };
    let drafts = METRICS.map(|metric| NewMapping {
        draft: MappingDraft {
            integration_id: integration,
            external_tag: metric.to_owned(),
            asset_id: asset,
            metric_name: metric.to_owned(),
            unit: String::new(),
            scaling_factor: 1.0,
            offset_value: 0.0,
            metadata_json: "{}".to_owned(),
            is_active: true,
        },
        limits: Some(if metric == METRICS[0] {
            (limits, "test".to_owned())
        } else {
            (Limits::default(), "test".to_owned())
        }),
    });
    runtime
        .create_mappings(tenant, drafts.to_vec())
        .await
        .unwrap();
    runtime.stop().await;
    // Switched on in the store only: the script runs in the children, not here.
    let store = runtime.store().clone();
    store
        .write(move |tx| {
            let mut row = integrations::get_integration(tx, tenant, integration)?.unwrap();
            row.is_enabled = true;
            integrations::update_integration(tx, tenant, &row)
        })
        .await
        .unwrap();
}

fn pump(tenant: TenantId, unit: UnitId, id: AssetId) -> Asset {
    Asset {
        id,
        tenant_id: tenant,
        unit_id: unit,
        code: "P-1".into(),
        names: Names {
            en: "Pump".into(),
            ar: String::new(),
        },
        family: "centrifugal_pump".into(),
        criticality: Criticality::High,
        equipment_number: None,
        functional_location: None,
        parent_id: None,
        upstream: Vec::new(),
        downstream: Vec::new(),
        note: String::new(),
        effective_from: None,
        effective_to: None,
    }
}

/// The child: ingests and prints what is durable until it is killed.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(async {
        let (lines, mut printed) = tokio_mpsc::unbounded_channel::<String>();
        let runtime = open(Path::new(&folder)).await;
        let mut live = runtime.live().subscribe();
        tokio::spawn(async move {
            while let Ok(message) = live.recv().await {
                match &message.event {
                    LiveEvent::Values(values) => {
                        for value in values {
                            let t = value.measurement.observed_at.millis();
                            lines
                                .send(format!("v {} {t}", value.measurement.signal))
                                .unwrap();
                        }
                    }
                    LiveEvent::Alert(alert) => lines.send(format!("a {}", alert.id)).unwrap(),
                    LiveEvent::Incident(incident) => {
                        lines.send(format!("i {}", incident.id)).unwrap();
                    }
                    _ => {}
                }
            }
        });
        while let Some(line) = printed.recv().await {
            use std::io::Write as _;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{line}").unwrap();
            out.flush().unwrap();
        }
    });
}

fn spawn_child(folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the child announced.
#[derive(Default)]
struct Announced {
    values: BTreeMap<(String, i64), u32>,
    alerts: Vec<String>,
    incidents: Vec<String>,
}

impl Announced {
    fn take(&mut self, line: &str) {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["v", signal, t] => {
                *self
                    .values
                    .entry((signal.to_owned(), t.parse().unwrap()))
                    .or_default() += 1;
            }
            ["a", id] => self.alerts.push(id.to_owned()),
            ["i", id] => self.incidents.push(id.to_owned()),
            _ => {}
        }
    }
}

/// Lets the child ingest for a while after its first value, then kills it.
fn run_until_killed(folder: &Path, first: u64, after: Duration, announced: &mut Announced) {
    let mut child = spawn_child(folder, first);
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut deadline: Option<Instant> = None;
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let wait = deadline
            .unwrap_or(limit)
            .saturating_duration_since(Instant::now());
        match receiver.recv_timeout(wait) {
            Ok(line) => {
                if deadline.is_none() && line.starts_with("v ") {
                    deadline = Some(Instant::now() + after);
                }
                announced.take(&line);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => break,
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the child ended by itself"),
        }
    }
    assert!(deadline.is_some(), "the child delivered nothing");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    for line in receiver.try_iter() {
        announced.take(&line);
    }
}

#[test]
fn nothing_announced_is_lost_or_doubled_by_a_hundred_kills() {
    if std::env::var(FOLDER).is_ok() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(prepare(dir.path()));
    let mut announced = Announced::default();
    let mut reached = Vec::new();
    let mut seed: u64 = 0x5EED;
    let mut first = 0;
    for _ in 0..KILLS {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_millis(20 + (seed >> 33) % 230);
        run_until_killed(dir.path(), first, after, &mut announced);
        reached.push(tokio.block_on(position(dir.path())));
        let newest = announced.values.keys().map(|(_, t)| *t).max().unwrap();
        // The source delivers again what it doesn't know to have arrived.
        first = u64::try_from((newest - time_of(0).millis()) / STEP_MS)
            .unwrap()
            .saturating_sub(5);
    }
    assert!(
        reached.last() > reached.first(),
        "the position never moved: {reached:?}"
    );
    tokio.block_on(verify(dir.path(), &announced));
}

/// The position that was written down, after a look that all samples up to it are there.
async fn position(folder: &Path) -> u64 {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let store = Store::open(folder.join("optria.db"), clock).unwrap();
    let (signals, position) = store
        .read(|conn| {
            let tenant = tenants::list_tenants(conn)?[0].id;
            let source = integrations::list_integrations(conn, tenant)?[0].id;
            let cursor = integrations::get_cursor(conn, tenant, source, CURSOR)?;
            Ok((iq_store::signals::list_signals(conn, tenant, None)?, cursor))
        })
        .await
        .unwrap();
    let Some(step) = position.map(|text| text.parse::<u64>().unwrap()) else {
        return 0;
    };
    let historian =
        Historian::open(&folder.join("historian.db"), HistorianConfig::default()).unwrap();
    for signal in signals.iter().filter(|s| s.kind == SignalKind::Measured) {
        let last = historian.last(signal.signal_no).map(|p| p.t);
        assert!(
            last >= Some(time_of(step)),
            "the position {step} is ahead of {} at {last:?}",
            signal.metric
        );
    }
    historian.close().unwrap();
    step
}

async fn verify(folder: &Path, announced: &Announced) {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let store = Store::open(folder.join("optria.db"), clock).unwrap();
    let historian =
        Historian::open(&folder.join("historian.db"), HistorianConfig::default()).unwrap();
    let tenant = store.read(tenants::list_tenants).await.unwrap()[0].id;
    check_evidence(&store).await;
    let signals = store
        .read(move |c| iq_store::signals::list_signals(c, tenant, None))
        .await
        .unwrap();
    let range = TimeRange {
        from: Timestamp(0),
        to: Timestamp(i64::MAX / 4),
    };
    let mut stored: HashMap<String, BTreeMap<i64, f64>> = HashMap::new();
    for signal in signals.iter().filter(|s| s.kind == SignalKind::Measured) {
        let points = historian.raw(signal.signal_no, range, usize::MAX).unwrap();
        let count = points.len();
        let by_time: BTreeMap<i64, f64> = points
            .into_iter()
            .filter_map(|p| Some((p.t.millis(), p.value?.as_f64()?)))
            .collect();
        assert_eq!(
            by_time.len(),
            count,
            "a time stands twice in {}",
            signal.metric
        );
        stored.insert(signal.id.to_string(), by_time);
    }
    assert!(
        announced.values.len() > 1_000,
        "only {} values",
        announced.values.len()
    );
    for (signal, t) in announced.values.keys() {
        let metric = &signals
            .iter()
            .find(|s| s.id.to_string() == *signal)
            .unwrap()
            .metric;
        let place = METRICS.iter().position(|m| m == metric).unwrap();
        let step = u64::try_from((t - time_of(0).millis()) / STEP_MS).unwrap();
        let found = stored[signal].get(t).copied();
        assert_eq!(
            found,
            Some(value_of(place, step)),
            "{metric} at step {step}"
        );
    }
    check_alerts(&store, tenant, announced).await;
}

/// Every event is sealed once, and no kill looked like a log that was cut.
async fn check_evidence(store: &Store) {
    let sql = "SELECT (SELECT COUNT(*) FROM evidence_log WHERE source = 1),
               (SELECT COUNT(*) FROM industrial_events), (SELECT COUNT(*) FROM evidence_epochs)";
    let (sealed, events, epochs): (i64, i64, i64) = store
        .read(move |c| Ok(c.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?))
        .await
        .unwrap();
    assert!(events > 0);
    assert_eq!((sealed, epochs), (events, 1));
}

async fn check_alerts(store: &Store, tenant: TenantId, announced: &Announced) {
    let filter = alerts::AlertFilter::default();
    let rows = store
        .read(move |c| alerts::list_alerts(c, tenant, &filter, Page::MAX))
        .await
        .unwrap()
        .rows;
    assert!(rows.len() > 20, "only {} alerts", rows.len());
    for id in &announced.alerts {
        assert!(
            rows.iter().any(|a| a.id.to_string() == *id),
            "alert {id} is lost"
        );
    }
    let mut by_rule: HashMap<_, Vec<(i64, i64)>> = HashMap::new();
    for alert in &rows {
        let end = alert.cleared_at.map_or(i64::MAX, Timestamp::millis);
        by_rule
            .entry(alert.rule_id)
            .or_default()
            .push((alert.activated_at.millis(), end));
    }
    for windows in by_rule.values_mut() {
        windows.sort_unstable();
        for pair in windows.windows(2) {
            assert!(
                pair[0].1 <= pair[1].0,
                "two alerts of one rule overlap: {pair:?}"
            );
        }
    }
    let filter = events::EventFilter {
        source_type: Some("alert".to_owned()),
        ..events::EventFilter::default()
    };
    let appended = store
        .read(move |c| events::list_events(c, tenant, &filter, Page::MAX))
        .await
        .unwrap()
        .rows;
    for alert in &rows {
        let raised = appended
            .iter()
            .filter(|e| {
                e.payload["detail"]["rule_id"] == serde_json::json!(alert.rule_id)
                    && e.event_time == alert.activated_at
                    && e.payload["detail"]["phase"] == "activated"
            })
            .count();
        assert_eq!(
            raised, 1,
            "alert at {} has {raised} activation events",
            alert.activated_at
        );
    }
    let filter = incidents::IncidentFilter::default();
    let opened = store
        .read(move |c| incidents::list_incidents(c, tenant, &filter, Page::MAX))
        .await
        .unwrap()
        .rows;
    assert!(!opened.is_empty());
    for id in &announced.incidents {
        assert!(
            opened.iter().any(|i| i.id.to_string() == *id),
            "incident {id} is lost"
        );
    }
}
