//! `optria rules`: reads a rule pack and tries it on past incidents before anybody relies on it.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use iq_blackbox::rca::{self, MAX_PACK_BYTES, Pack, PackError};
use iq_config::{Config, Overrides};
use iq_domain::{Clock, WallClock};
use iq_historian::{Historian, HistorianConfig};
use iq_locale::Language;
use iq_runtime::{
    TenantIndex,
    root_cause::{KeptAnalysis, gather, judge, read_incident},
};
use iq_store::{Page, Store, incidents};

use crate::lock::{self, Claim};

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Lists the packs of the program with their versions and rules.
    List,
    /// Reads a pack, names every mistake with its line, and shows what it says about the past
    /// incidents of a data folder beside what the program's own packs say. Changes nothing.
    Test {
        /// The pack file.
        pack: PathBuf,
        /// A data folder whose appliance is stopped; without it the pack is only read.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

#[allow(clippy::print_stdout)]
pub(super) fn run(command: RulesCommand, language: Language) -> Result<ExitCode> {
    let (pack, data_dir) = match command {
        RulesCommand::List => {
            for pack in rca::built_in() {
                let rules: Vec<&str> = pack.rules.iter().map(|r| r.text.id.as_str()).collect();
                println!("{} {}: {}", pack.id, pack.version, rules.join(" "));
            }
            return Ok(ExitCode::SUCCESS);
        }
        RulesCommand::Test { pack, data_dir } => (pack, data_dir),
    };
    let pack = match read(&pack)? {
        Ok(pack) => pack,
        Err(errors) => {
            for error in &errors {
                println!("{}", sentence(error, language));
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    println!("{} {}: {} rules", pack.id, pack.version, pack.rules.len());
    match data_dir {
        None => Ok(ExitCode::SUCCESS),
        Some(dir) => past_incidents(pack, &dir),
    }
}

/// Reads a pack with the families the program knows.
fn read(path: &PathBuf) -> Result<Result<Pack, Vec<PackError>>> {
    let size = std::fs::metadata(path)
        .with_context(|| format!("reading {}", path.display()))?
        .len();
    if size > MAX_PACK_BYTES as u64 {
        return Ok(Err(vec![PackError {
            code: "pack.too_large",
            line: 1,
            word: size.to_string(),
        }]));
    }
    let text = std::fs::read_to_string(path)?;
    Ok(rca::read_pack(&text, &|family, pattern| {
        let template = iq_mapping::catalogue().family(family);
        template.is_some_and(|t| {
            t.metrics
                .iter()
                .any(|m| rca::Signals::Metric(pattern.to_owned()).matches(&m.metric))
        })
    }))
}

fn sentence(error: &PackError, language: Language) -> String {
    let params = [
        ("line".to_owned(), error.line.to_string()),
        ("word".to_owned(), error.word.clone()),
    ]
    .into();
    let text = iq_locale::plain(language, "errors", error.code, &params);
    text.map_or_else(
        || error.code.to_owned(),
        |t| format!("{t} [{}]", error.code),
    )
}

#[allow(clippy::print_stdout)]
fn past_incidents(pack: Pack, dir: &std::path::Path) -> Result<ExitCode> {
    let overrides = Overrides::new().set("OPTRIA_DATA_DIR", Some(dir.display().to_string()));
    let config = Config::from_process(overrides)?;
    let Claim::Ours(_lock) = lock::claim(&config.data_dir)? else {
        bail!("the appliance runs on this data folder; stop it first");
    };
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let store = Store::open(config.data_dir.join("optria.db"), Arc::clone(&clock))?;
    let historian = Historian::open(
        &config.data_dir.join("historian.db"),
        HistorianConfig::default(),
    )?;
    // The new pack stands in the place of the one with its id.
    let mut packs: Vec<Pack> = rca::built_in()
        .iter()
        .filter(|p| p.id != pack.id)
        .cloned()
        .collect();
    packs.push(pack);
    let mut seen = 0;
    for plant in store.read_blocking(TenantIndex::read_all)? {
        let tenant = plant.tenant.id;
        let all = store.read_blocking(move |conn| {
            let found = incidents::list_incidents(conn, tenant, &Default::default(), Page::MAX)?;
            let read = found
                .rows
                .into_iter()
                .map(|i| read_incident(conn, tenant, i.id));
            read.collect::<Result<Vec<_>, iq_store::StoreError>>()
        })?;
        for (incident, events) in all.into_iter().flatten() {
            let case = gather(&plant, &historian, &incident, &events, clock.now())?;
            let (old, new) = (judge(&case, rca::built_in()), judge(&case, &packs));
            println!(
                "{}  now: {}  |  with the pack: {}",
                incident.number,
                first(&old, &plant),
                first(&new, &plant)
            );
            seen += 1;
        }
    }
    println!("{seen} incidents");
    Ok(ExitCode::SUCCESS)
}

/// The first hypothesis in a few words.
fn first(kept: &KeptAnalysis, plant: &TenantIndex) -> String {
    kept.hypotheses.first().map_or_else(
        || "-".to_owned(),
        |h| {
            let asset = plant.assets.get(&h.asset).map(|e| e.asset.code.as_str());
            format!(
                "{} {} {:.0} % ({})",
                asset.unwrap_or("?"),
                h.rule.id,
                h.confidence * 100.0,
                h.grade
            )
        },
    )
}
