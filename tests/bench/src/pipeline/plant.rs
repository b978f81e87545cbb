//! The part of the bench that is the plant: the demo plant's OPC UA server with load tags, in a process
//! of its own.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use iq_plant::{PlantConfig, PlantServer};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use super::wire::{PlantOrder, PlantReady, say};

/// Nodes per call the server allows, as many real ones do.
pub(crate) const PER_CALL: usize = 1_000;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Its folder.
    #[arg(long)]
    dir: PathBuf,
    /// Load tags.
    #[arg(long)]
    tags: u32,
    /// How often each of them changes.
    #[arg(long)]
    period_ms: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    super::start_log();
    super::runtime()?.block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let mut config = PlantConfig::new(&options.dir).on_free_ports();
    config.extra_tags = options.tags;
    config.extra_tags_period = Duration::from_millis(options.period_ms);
    config.max_ops_per_call = PER_CALL;
    let plant = PlantServer::start(config).await?;
    say(&PlantReady {
        endpoint_url: plant.endpoint_url.clone(),
        certificate: plant.certificate_path.clone(),
    })?;
    let mut orders = BufReader::new(stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        let answer = serde_json::from_str(&order)
            .map(|PlantOrder::Rounds| plant.send_log().load_rounds())
            .map_err(|error| error.to_string());
        say(&answer)?;
    }
    plant.stop().await;
    Ok(())
}
