//! The part of the bench that is the appliance: the whole product as `optria serve` starts it, in a
//! process of its own, with a line for orders.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use iq_appliance::ServeOptions;
use iq_domain::{Clock, IntegrationId, TenantId, TimeRange, Timestamp, WallClock};
use iq_runtime::{LiveEvent, Runtime};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    sync::broadcast::error::RecvError,
};

use super::{
    setup,
    wire::{ApplianceReady, Mapped, Order, Percentiles, Source, Stored, say},
};

/// How long all tags may take to deliver.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Its data folder.
    #[arg(long)]
    dir: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    super::start_log();
    super::runtime()?.block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let running = iq_appliance::start(ServeOptions {
        data_dir: Some(options.dir.clone()),
        port: Some(0),
        ..ServeOptions::default()
    })
    .await?;
    say(&ApplianceReady {
        url: running.url().to_owned(),
        start_ms: millis(begun),
    })?;
    let mut bench = Bench {
        runtime: running.runtime().clone(),
        delays: Delays::default(),
        plant: None,
    };
    let follower = tokio::spawn(follow(bench.runtime.clone(), bench.delays.clone()));
    let mut orders = BufReader::new(stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        let answer = bench
            .obey(serde_json::from_str(&order)?)
            .await
            .map_err(|error| format!("{error:#}"));
        say(&answer)?;
    }
    follower.abort();
    drop(bench);
    running.stop().await
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Delays from the arrival of a value to the moment it is durable.
#[derive(Clone, Default)]
struct Delays(Arc<Mutex<Vec<i64>>>);

impl Delays {
    fn take(&self) -> Vec<i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn extend(&self, more: impl Iterator<Item = i64>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(more);
    }
}

/// Listens on the live bus: what comes by has just been stored.
async fn follow(runtime: Runtime, delays: Delays) {
    let mut messages = runtime.live().subscribe();
    loop {
        match messages.recv().await {
            Ok(message) => {
                let LiveEvent::Values(values) = &message.event else {
                    continue;
                };
                let now = WallClock.now();
                delays.extend(
                    values
                        .iter()
                        .map(|v| now.since_ms(v.measurement.received_at)),
                );
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// A signal of the historian with its tag.
struct Tag {
    name: String,
    signal_no: u32,
}

struct Connected {
    tenant: TenantId,
    integration: IntegrationId,
    tags: u32,
    mapped: Vec<Tag>,
}

struct Bench {
    runtime: Runtime,
    delays: Delays,
    plant: Option<Connected>,
}

fn json(answer: impl Serialize) -> Result<Value> {
    Ok(serde_json::to_value(answer)?)
}

impl Bench {
    async fn obey(&mut self, order: Order) -> Result<Value> {
        match order {
            Order::Connect {
                endpoint_url,
                certificate,
                tags,
                sampling_ms,
            } => {
                let (tenant, sign_in) = setup::create_tenant(&self.runtime, tags).await?;
                let integration =
                    setup::connect(&self.runtime, tenant, &endpoint_url, sampling_ms).await?;
                setup::trust(&self.runtime, tenant, integration, &certificate).await?;
                self.plant = Some(Connected {
                    tenant,
                    integration,
                    tags,
                    mapped: Vec::new(),
                });
                json(sign_in)
            }
            Order::Map => json(self.map().await?),
            Order::Mark => {
                self.delays.take();
                json(())
            }
            Order::Durable => json(Percentiles::of(self.delays.take())),
            Order::Source => json(self.source().await?),
            Order::Stored { from, to } => json(self.stored(from, to).await?),
        }
    }

    fn connected(&self) -> Result<&Connected> {
        self.plant.as_ref().context("nothing is connected yet")
    }

    async fn map(&mut self) -> Result<Mapped> {
        let plant = self.plant.as_mut().context("nothing is connected yet")?;
        let begun = Instant::now();
        let mappings =
            setup::map(&self.runtime, plant.tenant, plant.integration, plant.tags).await?;
        let stored_ms = millis(begun);
        let begun = Instant::now();
        let index = self.runtime.tenant(plant.tenant)?;
        plant.mapped = mappings
            .into_iter()
            .map(|mapping| {
                let entry = index.signals.get(&mapping.signal_id);
                let signal = &entry.context("a mapping without its signal")?.signal;
                Ok(Tag {
                    name: mapping.external_tag.to_string(),
                    signal_no: signal.signal_no,
                })
            })
            .collect::<Result<_>>()?;
        let historian = self.runtime.historian();
        let mut silent: Vec<u32> = plant.mapped.iter().map(|tag| tag.signal_no).collect();
        loop {
            silent.retain(|signal| historian.last(*signal).is_none());
            if silent.is_empty() {
                return Ok(Mapped {
                    stored_ms,
                    delivering_ms: millis(begun),
                });
            }
            if begun.elapsed() > PATIENCE {
                bail!("{} of {} tags deliver nothing", silent.len(), plant.tags);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn source(&self) -> Result<Source> {
        let plant = self.connected()?;
        let view = self
            .runtime
            .view_integration(plant.tenant, plant.integration)
            .await?;
        let state = view.state.context("the connector does not run")?;
        Ok(Source {
            items: state.items,
            failed_items: state.failed_items,
            subscriptions: state.subscriptions,
            connects: state.connects,
            requests_per_s: state.load.requests_per_s,
            items_per_request: state.load.items_per_request,
            sessions: state.load.sessions,
        })
    }

    /// In round `n` every tag was set to `n`: each number must be among the stored values of each tag.
    async fn stored(&self, from: u64, to: u64) -> Result<Stored> {
        let plant = self.connected()?;
        let tags: Vec<(String, u32)> = plant
            .mapped
            .iter()
            .map(|tag| (tag.name.clone(), tag.signal_no))
            .collect();
        let historian = self.runtime.historian().clone();
        let always = TimeRange::new(Timestamp(0), WallClock.now().plus_ms(86_400_000))
            .context("the clock stands before 1970")?;
        tokio::task::spawn_blocking(move || {
            let rounds = (to + 1).saturating_sub(from);
            let mut result = Stored {
                expected: rounds * tags.len() as u64,
                missing: 0,
                repeated: 0,
                first_missing: None,
            };
            for (name, signal) in tags {
                let values: Vec<u64> = historian
                    .raw(signal, always, usize::MAX)?
                    .into_iter()
                    .filter_map(|point| point.value?.as_f64())
                    .map(|value| value as u64)
                    .filter(|round| (from..=to).contains(round))
                    .collect();
                let distinct = values.iter().collect::<HashSet<_>>().len() as u64;
                result.repeated += values.len() as u64 - distinct;
                result.missing += rounds - distinct;
                if distinct < rounds && result.first_missing.is_none() {
                    result.first_missing = Some(name);
                }
            }
            Ok(result)
        })
        .await?
    }
}
