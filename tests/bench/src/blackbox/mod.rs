//! The Black Box at size: events stored with and without their evidence log, filtered pages of a large
//! table, and the verification of a file of many records.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use iq_domain::{
    AssetId, Clock, EventCategory, EventId, IndustrialEvent, ManualClock, Names, Severity, Tenant,
    TenantId, Timestamp,
};
use iq_evidence::{
    Chain, Checkpoint, Draft, Field, Head, LogId, Origin, SigningKey, Tree, TrustStore,
    build::{Parts, assemble},
    manifest::{Incident, Manifest},
    sha256, verify,
};
use iq_runtime::{EvidenceParts, open_store};
use iq_secrets::MasterKey;
use iq_store::{
    Page, Store,
    events::{EventFilter, insert_ignore_duplicate, list_events},
    tenants,
};

const T0: Timestamp = Timestamp(1_790_000_000_000);
/// Events of one write, as an import makes them.
const GROUP: usize = 500;
const ASSETS: usize = 200;
const PAGES: usize = 200;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Events.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Records of the file that is verified.
    #[arg(long, default_value_t = 200_000)]
    records: usize,
    /// A small run that only shows that everything works.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (events, records) = if options.quick {
        (20_000, 5_000)
    } else {
        (options.events, options.records)
    };
    let plain = tempfile::tempdir()?;
    let sealed = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(T0));
    let tenant = TenantId::new();
    let bare = Store::open(plain.path().join("optria.db"), Arc::clone(&clock))?;
    let without = fill(&bare, tenant, events)?;
    bare.close();
    let (store, _evidence) = open_store(EvidenceParts {
        folder: sealed.path().to_owned(),
        appliance: [7; 16],
        machine: None,
        clock,
        master_key: Arc::new(MasterKey::load_or_create(
            &sealed.path().join("master.key"),
        )?),
    })?;
    let with = fill(&store, tenant, events)?;
    println!(
        "events stored           {events:>10}  {}",
        rate(events, without)
    );
    println!(
        "events stored + chained {events:>10}  {}",
        rate(events, with)
    );
    println!(
        "cost of the chain       {:.2} x",
        with.as_secs_f64() / without.as_secs_f64()
    );
    pages(&store, tenant)?;
    store.close();
    println!("store                   {}", size(sealed.path())?);
    verification(records)
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

fn fill(store: &Store, tenant: TenantId, events: usize) -> Result<Duration> {
    store.write_blocking(move |tx| {
        let row = Tenant {
            id: tenant,
            names: Names {
                en: "Plant".to_owned(),
                ar: "مصنع".to_owned(),
            },
            is_demo: false,
            created_at: T0,
        };
        tenants::create_tenant(tx, &row)
    })?;
    let assets: Vec<AssetId> = (0..ASSETS).map(|_| AssetId::new()).collect();
    let started = Instant::now();
    for first in (0..events).step_by(GROUP) {
        let last = (first + GROUP).min(events);
        let rows: Vec<_> = (first..last).map(|n| event(tenant, &assets, n)).collect();
        store.write_blocking(move |tx| {
            for row in &rows {
                insert_ignore_duplicate(tx, tenant, row)?;
            }
            Ok(())
        })?;
    }
    Ok(started.elapsed())
}

fn event(tenant: TenantId, assets: &[AssetId], n: usize) -> IndustrialEvent {
    let severities = [Severity::Info, Severity::Warning, Severity::Critical];
    let at = T0.plus_ms(i64::try_from(n).unwrap_or_default() * 250);
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
        severity: severities[n % 13 % 3],
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
            severities: vec![Severity::Critical],
            text: (n % 2 == 0).then(|| "DCS".to_owned()),
            ..EventFilter::default()
        };
        let started = Instant::now();
        store.read_blocking(|c| list_events(c, tenant, &filter, Page::first(100)))?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    let p = |share: usize| took[(PAGES - 1) * share / 100];
    println!(
        "filtered page of {total:>10}  p50 {:.1?}  p95 {:.1?}",
        p(50),
        p(95)
    );
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
