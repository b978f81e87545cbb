//! The Black Box at size: events stored with and without their evidence log and grouped into incidents,
//! filtered pages of a large table, the twin of a large plant at past moments, and the verification of a
//! file of many records.

mod plant;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use iq_domain::{
    AssetId, Clock, EventCategory, EventId, IndustrialEvent, ManualClock, Severity, TenantId,
    Timestamp,
};
use iq_evidence::{
    Chain, Checkpoint, Draft, Field, Head, LogId, Origin, SigningKey, Tree, TrustStore,
    build::{Parts, assemble},
    manifest::{Incident, Manifest},
    sha256, verify,
};
use iq_historian::{Historian, HistorianConfig};
use iq_runtime::{EvidenceParts, TwinQuery, open_store};
use iq_secrets::MasterKey;
use iq_store::{
    Page, Store,
    events::{EventFilter, insert_ignore_duplicate, list_events},
};

const T0: Timestamp = Timestamp(1_790_000_000_000);
/// Events of one write, as an import makes them.
const GROUP: usize = 500;
const ASSETS: usize = 200;
const PAGES: usize = 200;
/// One event in so many is critical on its own asset: the start of an incident, once in a quarter of an
/// hour of a plant in trouble.
const TRIGGERS: usize = 3_997;
/// Time between two events.
const APART_MS: i64 = 250;
/// Past moments the twin is asked for.
const MOMENTS: usize = 60;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Events.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Records of the file that is verified.
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// Assets of the twin.
    #[arg(long, default_value_t = 10_000)]
    assets: usize,
    /// A small run that only shows that everything works.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (events, records, assets) = if options.quick {
        (20_000, 5_000, 200)
    } else {
        (options.events, options.records, options.assets)
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let plain = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(T0));
    let bare = Store::open(plain.path().join("optria.db"), Arc::clone(&clock))?;
    let (tenant, pumps) = plant::build(&bare, ASSETS)?;
    let without = fill(&bare, tenant, &pumps, events)?;
    bare.close();
    println!(
        "events stored           {events:>10}  {}",
        rate(events, without)
    );
    let folder = tempfile::tempdir()?;
    runtime.block_on(grouped(folder.path(), clock, events, without))?;
    println!("store                   {}", size(folder.path())?);
    runtime.block_on(twin(assets))?;
    verification(records)
}

/// Stores events under their evidence log and groups them, as an imported journal is.
async fn grouped(
    folder: &Path,
    clock: Arc<dyn Clock>,
    events: usize,
    without: Duration,
) -> Result<()> {
    let store = sealed(folder, Arc::clone(&clock))?;
    let (tenant, pumps) = plant::build(&store, ASSETS)?;
    let chained = fill(&store, tenant, &pumps, events)?;
    println!(
        "events stored + chained {events:>10}  {}",
        rate(events, chained)
    );
    println!(
        "cost of the chain       {:.2} x",
        chained.as_secs_f64() / without.as_secs_f64()
    );
    store.close();
    let runtime = plant::start(folder, clock).await?;
    let started = Instant::now();
    let found = plant::detect(&runtime, tenant, time_of(events)).await?;
    let grouping = started.elapsed();
    println!(
        "events grouped          {:>10}  {}  in {} incidents, {} events of them",
        found.events,
        rate(events, grouping),
        found.opened,
        found.linked
    );
    ensure!(!found.is_cut, "more incidents than one run opens");
    println!(
        "stored, chained, grouped{events:>10}  {}",
        rate(events, chained + grouping)
    );
    pages(runtime.store(), tenant)?;
    runtime.stop().await;
    Ok(())
}

fn sealed(folder: &Path, clock: Arc<dyn Clock>) -> Result<Store> {
    let (store, _evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
        machine: None,
        clock,
        master_key: Arc::new(MasterKey::load_or_create(&folder.join("master.key"))?),
    })?;
    Ok(store)
}

/// The state of every asset of a large plant at past moments, in no order.
async fn twin(assets: usize) -> Result<()> {
    let span = Duration::from_secs(6 * 3_600);
    let folder = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(T0.plus_ms(6 * 3_600_000)));
    let store = sealed(folder.path(), Arc::clone(&clock))?;
    let (tenant, pumps) = plant::build(&store, assets)?;
    let historian = Historian::open(
        &folder.path().join("historian.db"),
        HistorianConfig::default(),
    )?;
    plant::instrument(&store, &historian, tenant, &pumps, span)?;
    historian.close()?;
    drop(historian);
    store.close();
    let runtime = plant::start(folder.path(), clock).await?;
    let mut took = Vec::with_capacity(MOMENTS);
    for n in 0..MOMENTS {
        let minute = i64::try_from(n * 151 % 350)? + 5;
        let at = T0.plus_ms(minute * 60_000 + 1);
        let query = TwinQuery {
            tenant_id: tenant,
            asset_id: None,
            at: Some(at),
            known_at: None,
        };
        let started = Instant::now();
        let seen = runtime.twin(query).await?;
        took.push(started.elapsed());
        let whole = seen.iter().filter(|s| {
            s.assessment.is_some() && s.state.signals.iter().all(|v| v.observed_at.is_some())
        });
        ensure!(whole.count() == assets, "the twin lacks values");
    }
    println!("twin of {assets:>7} assets, past moments  {}", shares(took));
    runtime.stop().await;
    Ok(())
}

fn shares(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let p = |share: usize| took[(took.len() - 1) * share / 100];
    format!("p50 {:.1?}  p95 {:.1?}", p(50), p(95))
}

fn rate(number: usize, took: Duration) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a figure to read")]
    let per_second = number as f64 / took.as_secs_f64();
    format!(
        "{took:>9.2?}  {per_second:>9.0} /s  {:.1} s per million",
        1e6 / per_second
    )
}

fn size(folder: &Path) -> Result<String> {
    let bytes = std::fs::metadata(folder.join("optria.db"))?.len();
    Ok(format!("{} MiB", bytes >> 20))
}

fn fill(store: &Store, tenant: TenantId, assets: &[AssetId], events: usize) -> Result<Duration> {
    let started = Instant::now();
    for first in (0..events).step_by(GROUP) {
        let last = (first + GROUP).min(events);
        let rows: Vec<_> = (first..last).map(|n| event(tenant, assets, n)).collect();
        store.write_blocking(move |tx| {
            for row in &rows {
                insert_ignore_duplicate(tx, tenant, row)?;
            }
            Ok(())
        })?;
    }
    Ok(started.elapsed())
}

fn time_of(n: usize) -> Timestamp {
    T0.plus_ms(i64::try_from(n).unwrap_or_default() * APART_MS)
}

fn event(tenant: TenantId, assets: &[AssetId], n: usize) -> IndustrialEvent {
    let severity = match n {
        n if n % TRIGGERS == TRIGGERS - 1 => Severity::Critical,
        n if n % 13 % 3 == 1 => Severity::Warning,
        _ => Severity::Info,
    };
    let at = time_of(n);
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: tenant,
        asset_id: Some(assets[n * 7 % assets.len()]),
        source_system: "DCS-1".to_owned(),
        source_type: "alarm_journal".to_owned(),
        source_id: n.to_string(),
        event_time: at,
        ingest_time: at,
        recorded_at: at,
        time_offset_ms: 0,
        time_uncertainty_ms: 40,
        severity,
        event_category: EventCategory::Alert,
        summary: "event.alert_activated.limit_high".to_owned(),
        payload: serde_json::json!({ "params": { "value": "7.1", "limit": "4.5", "unit": "mm/s" } }),
    }
}

/// Pages as a person asks for them: severity, an hour, a word.
fn pages(store: &Store, tenant: TenantId) -> Result<()> {
    let newest = EventFilter::default();
    let newest = store.read_blocking(|c| list_events(c, tenant, &newest, Page::first(1)))?;
    let (total, end) = (
        newest.total,
        newest.rows.first().context("no event")?.event_time,
    );
    let mut took = Vec::with_capacity(PAGES);
    for n in 0..PAGES {
        let back = i64::try_from(n).unwrap_or_default() * 600_000;
        let filter = EventFilter {
            from: Some(end.plus_ms(-back - 3_600_000)),
            to: Some(end.plus_ms(-back)),
            severities: vec![Severity::Warning],
            text: (n % 2 == 0).then(|| "DCS".to_owned()),
            ..EventFilter::default()
        };
        let started = Instant::now();
        store.read_blocking(|c| list_events(c, tenant, &filter, Page::first(100)))?;
        took.push(started.elapsed());
    }
    println!("filtered page of {total:>10}  {}", shares(took));
    Ok(())
}

fn manifest_of(id: LogId, records: usize) -> Vec<u8> {
    Manifest {
        log: id,
        incident: Incident {
            id: [6; 16],
            number: "INC",
            from_ms: 0,
            to_ms: 1,
        },
        is_demo: false,
        created_ms: 0,
        producer: "bench",
        records: (1..=records as u64).collect(),
        windows: Vec::new(),
        versions: Vec::new(),
        omissions: Vec::new(),
        documents: Vec::new(),
        personal: Vec::new(),
        keys: Vec::new(),
    }
    .encode()
}

/// A file of many records, and how long its verdict takes.
fn verification(records: usize) -> Result<()> {
    let id = LogId {
        tenant: [1; 16],
        appliance: [2; 16],
        epoch: [3; 16],
        stream: 1,
    };
    let (key, mut tree) = (SigningKey::from_seed(&[9; 32]), Tree::default());
    let mut chain = Chain {
        log: id,
        boot: [4; 16],
        origin: Origin::Live,
        head: Head::EMPTY,
    };
    let tenant = TenantId::new();
    let mut stored = Vec::with_capacity(records + 1);
    for n in 0..records {
        let happened = event(tenant, &[AssetId::new()], n);
        let payload = happened.payload.to_string();
        let link = chain.append(&Draft::event(&happened, &payload), 0, &[5; 16]);
        tree.push(link.leaf);
        stored.push(link.bytes);
    }
    let manifest = manifest_of(id, records);
    let export = Draft {
        kind: "export",
        schema_version: 1,
        event_ms: 0,
        received_ms: 0,
        source: "bench",
        quality: 0,
        actor: None,
        body: vec![(1, Field::Hash(sha256(&manifest)))],
    };
    let link = chain.append(&export, 0, &[5; 16]);
    tree.push(link.leaf);
    stored.push(link.bytes);
    let checkpoint = Checkpoint {
        origin: id.origin(),
        size: tree.size(),
        root: tree.root(tree.size()).context("an empty tree")?,
        prev: [0; 32],
        at_ms: 1,
        boot: [4; 16],
    };
    let file = assemble(&Parts {
        manifest: &manifest,
        records: stored.iter().map(Vec::as_slice).collect(),
        tree: &tree,
        checkpoint: &checkpoint.sign(&key),
        cosigned: None,
        windows: Vec::new(),
        personal: Vec::new(),
        documents: Vec::new(),
    })
    .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let started = Instant::now();
    let verdict = verify(&file, &TrustStore::default());
    let took = started.elapsed();
    ensure!(verdict.outcome().exit_code() == 5, "{verdict:?}");
    println!(
        "records verified        {records:>10}  {}",
        rate(records, took)
    );
    Ok(())
}
