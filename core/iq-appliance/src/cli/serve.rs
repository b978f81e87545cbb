//! `optria serve` and `optria demo`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;
use iq_locale::{Language, Params};

use crate::{DemoOptions, Running, ServeOptions, start, start_log};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The data folder.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Port of the pages; 0 takes a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Another host name the pages may be reached by; may be repeated.
    #[arg(long = "allow-host")]
    allow_hosts: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// Port of the demo plant's OPC UA server; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    plant_port: u16,
    /// Minutes of the plant's past to play at the first start.
    #[arg(long, default_value_t = 360)]
    history_min: u64,
    /// How many times faster than the clock that past is played.
    #[arg(long, default_value_t = 240.0)]
    catch_up: f64,
}

pub(super) fn serve(args: ServeArgs, language: Language) -> Result<ExitCode> {
    let options = ServeOptions {
        serves_windows: true,
        ..options(args)
    };
    run(options, language)
}

pub(super) fn demo(args: DemoArgs, language: Language) -> Result<ExitCode> {
    let demo = DemoOptions {
        plant_port: args.plant_port,
        history: Duration::from_secs(args.history_min * 60),
        catch_up: args.catch_up,
    };
    run(
        ServeOptions {
            demo: Some(demo),
            ..options(args.serve)
        },
        language,
    )
}

fn options(args: ServeArgs) -> ServeOptions {
    ServeOptions {
        data_dir: args.data_dir,
        port: args.port,
        allowed_hosts: args.allow_hosts,
        ..ServeOptions::default()
    }
}

fn run(options: ServeOptions, language: Language) -> Result<ExitCode> {
    let options = ServeOptions {
        log: start_log(options.data_dir.as_deref())?,
        ..options
    };
    super::block_on(async move {
        let running = start(options).await.inspect_err(|error| {
            tracing::error!("The appliance did not start: {error:#}");
        })?;
        let end = iq_listen::listen_for_the_end()?;
        announce(&running, language);
        end.await;
        running.stop().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// What the person at the terminal and the script that started us wait for. The last line is stable.
#[allow(clippy::print_stdout)]
fn announce(running: &Running, language: Language) {
    let say = |key: &'static str| iq_locale::pattern(language, "cli", key).unwrap_or(key);
    if !running.demo_users().is_empty() {
        println!("{}", say("demo_users"));
        for user in running.demo_users() {
            println!(
                "  {}  {}  ({})",
                user.username,
                user.password.expose(),
                user.role
            );
        }
    }
    if let Some(url) = running.plant_url() {
        println!("{} {url}", say("demo_plant"));
    }
    if let Some(address) = running.open_without_tls() {
        let params = Params::from([("address".to_owned(), address.to_string())]);
        for language in [Language::En, Language::Ar] {
            if let Some(text) = iq_locale::plain(language, "cli", "tls_open_plain", &params) {
                eprintln!("{text}");
            }
        }
    }
    if let Some(facts) = running.certificate() {
        println!("{}\n  {}", say("tls_fingerprint"), facts.fingerprint);
    }
    println!("ready {}", running.url());
}
