//! `optria plant`: serves the demo plant by itself, and drives a running one.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use iq_plant::{
    PlantConfig, PlantServer, WebConfig,
    control::{Client, Command},
    kept_password,
    pi::PiConfig,
    sap::SapConfig,
};

#[derive(Debug, Subcommand)]
pub(super) enum PlantCommand {
    /// Serves the plant over OPC UA, PI Web API and SAP OData until it is stopped.
    Serve(PlantServeArgs),
    /// Lists the faults a plant can develop, and those at work.
    Faults(PlantFolder),
    /// Lets a fault develop.
    Inject(InjectArgs),
    /// Takes faults off and resets trips, of one asset or of all.
    Reset(ResetArgs),
    /// Lists the scripted scenarios, or starts one.
    Scenario(ScenarioArgs),
    /// Prints time, pace, trips and counts.
    Status(PlantFolder),
}

#[derive(Debug, Args)]
pub(super) struct PlantFolder {
    /// The plant's folder: what `serve --dir` was given; `plant` in the data folder of a demo.
    #[arg(long, default_value = "plant")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct PlantServeArgs {
    #[command(flatten)]
    folder: PlantFolder,
    /// OPC UA port; 0 takes a free one.
    #[arg(long, default_value_t = 48_400)]
    port: u16,
    /// Port of the PI-compatible endpoint; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pi_port: u16,
    /// Serves no PI-compatible endpoint.
    #[arg(long)]
    no_pi: bool,
    /// Port of the maintenance system; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    sap_port: u16,
    /// Serves no maintenance system.
    #[arg(long)]
    no_sap: bool,
    /// Serves both without TLS.
    #[arg(long)]
    plain_http: bool,
    /// Host name in endpoint addresses.
    #[arg(long)]
    host: Option<String>,
    /// User name of the OPC UA user.
    #[arg(long, default_value = "plant")]
    user: String,
    /// Its password; without one only anonymous sessions are possible.
    #[arg(long, env = "OPTRIA_PLANT_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Refuses anonymous sessions.
    #[arg(long)]
    no_anonymous: bool,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Begins this long before the present ("6h", "30m", "90s").
    #[arg(long, default_value = "0s", value_parser = duration)]
    start_ago: Duration,
    /// How many times faster than the clock until plant time meets it.
    #[arg(long, default_value_t = 120.0)]
    catch_up: f64,
    /// How many times faster than the clock afterwards.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Additional tags that change every second, for benchmarks.
    #[arg(long, default_value_t = 0)]
    extra_tags: u32,
    /// Operation limit of the server.
    #[arg(long, default_value_t = 1_000)]
    max_ops_per_call: usize,
}

#[derive(Debug, Args)]
pub(super) struct InjectArgs {
    /// Asset code.
    asset: String,
    /// Fault key.
    fault: String,
    /// Plant time for the whole development ("90s", "2h"); the fault's natural time when absent.
    #[arg(long, value_parser = duration)]
    over: Option<Duration>,
    /// Share of the end state it stops at.
    #[arg(long)]
    severity: Option<f64>,
    /// Metric of the instrument, for instrument faults.
    #[arg(long)]
    metric: Option<String>,
    #[command(flatten)]
    folder: PlantFolder,
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// Asset code; all when absent.
    asset: Option<String>,
    #[command(flatten)]
    folder: PlantFolder,
}

#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// Scenario; lists them when absent.
    id: Option<String>,
    /// 60 plays an hour in a minute.
    #[arg(long, default_value_t = 1.0)]
    time_scale: f64,
    #[command(flatten)]
    folder: PlantFolder,
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err("a number with s, m, h or d".to_owned()),
    };
    let number: f64 = digits
        .parse()
        .map_err(|_| "a number with s, m, h or d".to_owned())?;
    Duration::try_from_secs_f64(number * factor).map_err(|e| e.to_string())
}

pub(super) fn run(command: PlantCommand) -> Result<ExitCode> {
    super::block_on(async move {
        match command {
            PlantCommand::Serve(args) => return serve(args).await,
            PlantCommand::Faults(folder) => send(&folder, Command::List).await?,
            PlantCommand::Inject(args) => {
                let command = Command::Inject {
                    asset: args.asset,
                    fault: args.fault,
                    over_s: args.over.map(|d| d.as_secs_f64()),
                    severity: args.severity,
                    metric: args.metric,
                };
                send(&args.folder, command).await?;
            }
            PlantCommand::Reset(args) => {
                send(&args.folder, Command::Reset { asset: args.asset }).await?;
            }
            PlantCommand::Scenario(args) => {
                let command = match args.id {
                    None => Command::Scenarios,
                    Some(id) => Command::Scenario {
                        id,
                        time_scale: Some(args.time_scale),
                    },
                };
                send(&args.folder, command).await?;
            }
            PlantCommand::Status(folder) => send(&folder, Command::Status).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

#[allow(clippy::print_stdout)]
async fn send(folder: &PlantFolder, command: Command) -> Result<()> {
    let answer = Client::from_folder(&folder.dir)?.send(&command).await?;
    println!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(())
}

#[allow(clippy::print_stdout)]
async fn serve(args: PlantServeArgs) -> Result<ExitCode> {
    if args.no_anonymous && args.password.is_none() {
        bail!("without a password and without anonymous sessions nobody could connect");
    }
    let web_password = match &args.password {
        Some(password) => password.clone(),
        None => kept_password(&args.folder.dir)?,
    };
    let web = |port| WebConfig {
        port,
        tls: !args.plain_http,
    };
    let mut config = PlantConfig::new(args.folder.dir.clone());
    config.pi = (!args.no_pi).then(|| PiConfig {
        web: web(args.pi_port),
        user: args.user.clone(),
        password: Some(web_password.clone()),
        traps: true,
        ..PiConfig::default()
    });
    config.sap = (!args.no_sap).then(|| SapConfig {
        web: web(args.sap_port),
        user: args.user.clone(),
        password: Some(web_password),
        ..SapConfig::default()
    });
    config.port = args.port;
    config.control_port = 0;
    config.host = args.host;
    config.user = args.user;
    config.password = args.password;
    config.allow_anonymous = !args.no_anonymous;
    config.seed = args.seed;
    config.start_ago = args.start_ago;
    config.catch_up = args.catch_up;
    config.speed = args.speed;
    config.extra_tags = args.extra_tags;
    config.max_ops_per_call = args.max_ops_per_call;
    let plant = PlantServer::start(config).await?;
    if let Some(pi) = plant.pi() {
        println!("pi {}", pi.base_url);
    }
    if let Some(sap) = plant.sap() {
        println!("sap {}", sap.base_url);
    }
    println!("ready {}", plant.endpoint_url);
    tokio::select! {
        () = plant.stopped() => {}
        done = tokio::signal::ctrl_c() => done?,
    }
    plant.stop().await;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_with_their_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5_400)));
        assert!(duration("soon").is_err());
        assert!(duration("-1s").is_err());
    }
}
