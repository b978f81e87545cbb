//! Sync: records into the hub beside `COPY` of the same rows into the same table, and a backlog that
//! drains over a long, thin, lossy line.

mod line;
mod plant;
mod site;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use iq_domain::{
    EventCategory, EventId, IndustrialEvent, Names, Severity, Tenant, TenantId, Timestamp,
};
use iq_runtime::{EvidenceParts, open_store};
use iq_secrets::MasterKey;
use iq_store::{Store, events, tenants};
use iq_sync::{Choice, EnrolInput, Sync, SyncParts, Way};

use line::{Line, Quality};
use site::Site;

/// Events of one write.
const GROUP: usize = 500;
/// The line of the goal.
const LONG_AND_THIN: Quality = Quality {
    bits_per_second: 10_000_000.0,
    round_trip: Duration::from_millis(200),
    loss: 0.02,
};
const GOAL_EVENTS: f64 = 10_000_000.0;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Records into the hub, and rows of `COPY`.
    #[arg(long, default_value_t = 500_000)]
    records: usize,
    /// Events of the backlog that drains over the line.
    #[arg(long, default_value_t = 100_000)]
    backlog: usize,
    /// Seed of what the line loses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A small run that only shows that everything works.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (records, backlog) = if options.quick {
        (20_000, 5_000)
    } else {
        (options.records, options.backlog)
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let port = iq_testkit::free_port()?;
            let line = Line::to(port, LONG_AND_THIN, options.seed).await?;
            let site = Site::start(port, line.port).await?;
            into_the_hub(&site, records).await?;
            over_the_line(&site, &line, (backlog, options.seed)).await?;
            site.stop().await
        })
}

/// Batches of a made log through HTTP into the hub, one after the other as an appliance sends them.
async fn into_the_hub(site: &Site, count: usize) -> Result<()> {
    let mut plant = plant::Plant::new();
    site.enrol(&mut plant).await?;
    let batches = plant.batches(count)?;
    let bytes: usize = batches.iter().map(Vec::len).sum();
    let mut ours = Vec::new();
    let mut copies = Vec::new();
    for round in 0..3 {
        // Each round is a log of its own under the same key.
        let (sent, log) = if round == 0 {
            (batches.clone(), plant.line)
        } else {
            plant.next_epoch();
            (plant.batches(count)?, plant.line)
        };
        let started = Instant::now();
        for batch in sent {
            site.post(batch).await?;
        }
        ours.push(started.elapsed());
        ensure!(
            site.count(log).await? == count as i64,
            "the hub holds another number"
        );
        copies.push(site.copy(log).await?);
    }
    let (ours, copy) = (median(&mut ours), median(&mut copies));
    println!("into the hub   {count:>9} records  {}", rate(count, ours));
    println!("COPY, binary   {count:>9} rows     {}", rate(count, copy));
    println!(
        "ratio          {:.2} of COPY (goal 0.50)",
        copy.as_secs_f64() / ours.as_secs_f64()
    );
    println!(
        "on the line    {:.1} bytes per record",
        bytes as f64 / count as f64
    );
    Ok(())
}

/// An appliance with a backlog at the end of the line; nothing is written while it drains.
async fn over_the_line(site: &Site, line: &Line, (count, seed): (usize, u64)) -> Result<()> {
    let echo = line::calibrate(LONG_AND_THIN, seed).await?;
    println!(
        "the line alone {:.2} Mbit/s one way, {:.0} ms there and back",
        echo.bits_per_second / 1e6,
        echo.round_trip.as_secs_f64() * 1e3
    );
    let folder = tempfile::tempdir()?;
    let tenant = TenantId::new();
    let key = std::sync::Arc::new(MasterKey::load_or_create(
        &folder.path().join("master.key"),
    )?);
    let clock: std::sync::Arc<dyn iq_domain::Clock> = std::sync::Arc::new(iq_domain::WallClock);
    let (store, _evidence) = open_store(EvidenceParts {
        folder: folder.path().to_owned(),
        appliance: [9; 16],
        machine: None,
        clock: clock.clone(),
        master_key: key.clone(),
    })?;
    fill(&store, tenant, count).await?;
    let sync = Sync::start(SyncParts {
        store: store.clone(),
        clock,
        master_key: key,
        appliance: [9; 16],
        version: env!("CARGO_PKG_VERSION").to_owned(),
        folder: folder.path().to_owned(),
        figures: None,
        historian: None,
    })
    .await?;
    let input = EnrolInput {
        hub_url: format!("http://127.0.0.1:{}", line.port),
        code: site.code().await?,
        allow_plain_http: true,
        tls_ca: None,
        by: "bench".to_owned(),
        time_zone: "UTC".to_owned(),
    };
    sync.enrol(tenant, input).await?;
    line.pull();
    let choice = Choice {
        way: Way::Line,
        level: 2,
        includes_audit: false,
        cap_kbit: None,
        hours_from: 0,
        hours_to: 0,
        time_zone: "UTC".to_owned(),
        is_paused: false,
    };
    sync.change(tenant, choice).await?;
    drain(&sync, tenant, line, count).await?;
    sync.stop().await;
    store.close();
    Ok(())
}

/// From the moment the line is back until nothing is left.
async fn drain(sync: &Sync, tenant: TenantId, line: &Line, count: usize) -> Result<()> {
    while sync.status(tenant).await?.error.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    line.plug();
    let started = Instant::now();
    let carried = line.carried();
    let mut first = None;
    loop {
        let status = sync.status(tenant).await?;
        if status.confirmed > 0 && first.is_none() {
            first = Some(started.elapsed());
        }
        if status.backlog == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let drained = started.elapsed();
    let records = sync.status(tenant).await?.confirmed;
    let bytes = line.carried() - carried;
    let all = GOAL_EVENTS * drained.as_secs_f64() / count as f64 / 60.0;
    println!(
        "first batch    {:.1} s after the line is back (goal 10)",
        first.context("none")?.as_secs_f64()
    );
    println!(
        "drained        {records:>9} records  {} in {:.0} s",
        rate(count, drained),
        drained.as_secs_f64()
    );
    println!(
        "on the line    {:.1} bytes per event",
        bytes as f64 / count as f64
    );
    println!("10 M events    {all:.0} min at this rate, extrapolated (goal 30)");
    Ok(())
}

async fn fill(store: &Store, tenant: TenantId, count: usize) -> Result<()> {
    let row = Tenant {
        id: tenant,
        names: Names {
            en: "Bench".to_owned(),
            ar: "قياس".to_owned(),
        },
        is_demo: false,
        created_at: Timestamp(1),
    };
    store
        .write(move |tx| tenants::create_tenant(tx, &row))
        .await?;
    for at in (0..count).step_by(GROUP) {
        let rows: Vec<_> = (at..count.min(at + GROUP))
            .map(|n| event(tenant, n))
            .collect();
        store
            .write(move |tx| {
                for row in &rows {
                    events::insert_ignore_duplicate(tx, tenant, row)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}

fn event(tenant: TenantId, number: usize) -> IndustrialEvent {
    let at = Timestamp(1_790_000_000_000 + number as i64 * 37);
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: tenant,
        asset_id: None,
        source_system: "DCS-1".to_owned(),
        source_type: "alarm".to_owned(),
        source_id: format!("{number:08}"),
        event_time: at,
        ingest_time: at,
        recorded_at: at,
        time_offset_ms: 0,
        time_uncertainty_ms: 40,
        severity: Severity::Critical,
        event_category: EventCategory::Alert,
        summary: format!("PT-{:04}.HI", number % 4_000),
        payload: serde_json::json!({}),
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn rate(count: usize, time: Duration) -> String {
    format!("{:>9.0} per second", count as f64 / time.as_secs_f64())
}
