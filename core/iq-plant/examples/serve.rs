//! Serves a plant until it is interrupted: `cargo run -p iq-plant --example serve -- FOLDER PASSWORD`.
#![allow(clippy::print_stdout)]

use iq_plant::{PlantConfig, PlantServer};

#[tokio::main]
async fn main() -> Result<(), iq_domain::CodedError> {
    let mut arguments = std::env::args().skip(1);
    let mut config = PlantConfig::new(arguments.next().unwrap_or_else(|| "demo-plant".to_owned()));
    config.password = arguments.next();
    let plant = PlantServer::start(config).await?;
    println!("{} (faults: {})", plant.endpoint_url, plant.control_addr);
    if tokio::signal::ctrl_c().await.is_ok() {
        plant.stop().await;
    }
    Ok(())
}
