//! `optria rules`: reads a rule pack, tries it on past incidents, and puts it in force or takes it back.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use iq_blackbox::rca::{Pack, PackError};
use iq_config::{Config, Overrides};
use iq_domain::{AuditId, AuditRecord, Clock, CodedError, WallClock};
use iq_historian::{Historian, HistorianConfig};
use iq_locale::{Language, Params};
use iq_runtime::{
    TenantIndex,
    root_cause::{
        KeptAnalysis, PACKS_FOLDER, RulePacks, gather, judge, keep_own_pack, own_pack_file,
        read_incident, read_pack_file,
    },
};
use iq_store::{Page, Store, audit, incidents, tenants};
use serde_json::json;

use crate::{
    folder,
    lock::{self, Claim},
};

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Lists the packs in force with their versions and rules.
    List {
        /// The data folder.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Reads a pack, names every mistake with its line, and shows what it says about the past
    /// incidents of a data folder beside what the packs in force say. Changes nothing.
    Test {
        /// The pack file.
        pack: PathBuf,
        /// A data folder whose appliance is stopped; without it the pack is only read.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Puts a pack in force, in the place of the one with its id. The appliance must be stopped; it is used
    /// from its next start on.
    Enable {
        /// The pack file.
        pack: PathBuf,
        /// The data folder.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Takes a pack of the plant's own back; the program's with its id is in force again. The appliance must
    /// be stopped.
    Disable {
        /// Id of the pack.
        id: String,
        /// The data folder.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

pub(super) fn run(command: RulesCommand, language: Language) -> Result<ExitCode> {
    match command {
        RulesCommand::List { data_dir } => list(&existing(data_dir)?, language),
        RulesCommand::Test { pack, data_dir } => {
            let Some(pack) = read(&pack, language)? else {
                return Ok(ExitCode::FAILURE);
            };
            match data_dir {
                None => Ok(ExitCode::SUCCESS),
                Some(dir) => past_incidents(pack, &existing(Some(dir))?, language),
            }
        }
        RulesCommand::Enable { pack, data_dir } => enable(&pack, &existing(data_dir)?, language),
        RulesCommand::Disable { id, data_dir } => disable(&id, &existing(data_dir)?, language),
    }
}

/// The configuration of a data folder that is there: a name typed wrong must not make a new one.
fn existing(data_dir: Option<PathBuf>) -> Result<Config> {
    let dir = data_dir.map(|d| d.display().to_string());
    let config = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", dir))?;
    if !folder::has_store(&config.data_dir).unwrap_or(false) {
        let path = config.data_dir.display();
        return Err(CodedError::not_found("rules.no_data")
            .with("path", path)
            .into());
    }
    Ok(config)
}

/// Takes the data folder for as long as the answer lives.
fn claimed(config: &Config) -> Result<lock::DataLock> {
    match lock::claim(&config.data_dir)? {
        Claim::Ours(lock) => Ok(lock),
        Claim::Taken(_) => Err(CodedError::conflict("rules.runs").into()),
    }
}

#[allow(clippy::print_stdout)]
fn list(config: &Config, language: Language) -> Result<ExitCode> {
    let known = RulePacks::read(&config.data_dir);
    for pack in &known.packs {
        let rules: Vec<&str> = pack.rules.iter().map(|r| r.text.id.as_str()).collect();
        let mark = if known.own.contains(&pack.id) {
            "*"
        } else {
            ""
        };
        println!("{} {}{mark}: {}", pack.id, pack.version, rules.join(" "));
    }
    if !known.own.is_empty() {
        println!("{}", word(language, "rules_own", &Params::new()));
    }
    for (path, errors) in &known.refused {
        println!("{}", path.display());
        tell_all(errors, language);
    }
    Ok(if known.refused.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reads a pack and says what it holds, or what is wrong with it.
#[allow(clippy::print_stdout)]
fn read(path: &Path, language: Language) -> Result<Option<Pack>> {
    let found = read_pack_file(path).with_context(|| format!("reading {}", path.display()))?;
    match found {
        Ok(pack) => {
            let params = [
                ("pack".to_owned(), pack.id.clone()),
                ("version".to_owned(), pack.version.to_string()),
                ("count".to_owned(), pack.rules.len().to_string()),
            ];
            println!("{}", word(language, "rules_read", &params.into()));
            Ok(Some(pack))
        }
        Err(errors) => {
            tell_all(&errors, language);
            Ok(None)
        }
    }
}

#[allow(clippy::print_stdout)]
fn tell_all(errors: &[PackError], language: Language) {
    for error in errors {
        println!("{}", sentence(error, language));
    }
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

fn word(language: Language, key: &str, params: &Params) -> String {
    iq_locale::plain(language, "cli", key, params).unwrap_or_else(|| key.to_owned())
}

#[allow(clippy::print_stdout)]
fn enable(path: &Path, config: &Config, language: Language) -> Result<ExitCode> {
    let Some(pack) = read(path, language)? else {
        return Ok(ExitCode::FAILURE);
    };
    let target = own_pack_file(&config.data_dir, &pack.id)
        .ok_or_else(|| CodedError::invalid("rules.id").with("id", &pack.id))?;
    let _lock = claimed(config)?;
    RulePacks::read(&config.data_dir).admits(&pack)?;
    let bytes = fs::read(path)?;
    record(
        config,
        "rules.enable",
        &pack.id,
        &json!({ "version": pack.version }),
    )?;
    keep_own_pack(&target, &bytes)?;
    let params = [
        ("pack".to_owned(), pack.id),
        ("version".to_owned(), pack.version.to_string()),
    ];
    println!("{}", word(language, "rules_enabled", &params.into()));
    Ok(ExitCode::SUCCESS)
}

#[allow(clippy::print_stdout)]
fn disable(id: &str, config: &Config, language: Language) -> Result<ExitCode> {
    let target = own_pack_file(&config.data_dir, id).filter(|path| path.is_file());
    let target = target.ok_or_else(|| CodedError::not_found("rules.not_own").with("id", id))?;
    let _lock = claimed(config)?;
    record(config, "rules.disable", id, &json!({}))?;
    fs::remove_file(&target)?;
    let params = [("pack".to_owned(), id.to_owned())];
    println!("{}", word(language, "rules_disabled", &params.into()));
    Ok(ExitCode::SUCCESS)
}

/// What judges every incident is on record with every tenant of the folder.
fn record(config: &Config, action: &str, id: &str, details: &serde_json::Value) -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let store = Store::open(config.data_dir.join("optria.db"), Arc::clone(&clock))?;
    let (action, object) = (action.to_owned(), format!("{PACKS_FOLDER} {id}"));
    let (details, now) = (details.clone(), clock.now());
    store.write_blocking(move |tx| {
        for tenant in tenants::list_tenants(tx)? {
            let row = AuditRecord {
                id: AuditId::new(),
                tenant_id: tenant.id,
                at: now,
                actor: "system".to_owned(),
                action: action.clone(),
                object: object.clone(),
                outcome: "success".to_owned(),
                details: details.clone(),
                address: None,
            };
            audit::append_audit(tx, tenant.id, &row)?;
        }
        Ok::<_, iq_store::StoreError>(())
    })?;
    store.close();
    Ok(())
}

#[allow(clippy::print_stdout)]
fn past_incidents(pack: Pack, config: &Config, language: Language) -> Result<ExitCode> {
    let _lock = claimed(config)?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let store = Store::open(config.data_dir.join("optria.db"), Arc::clone(&clock))?;
    let historian = Historian::open(
        &config.data_dir.join("historian.db"),
        HistorianConfig::default(),
    )?;
    let now = RulePacks::read(&config.data_dir);
    let mut then = now.clone();
    then.put(pack);
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
            let (old, new) = (judge(&case, &now.packs), judge(&case, &then.packs));
            let params = [
                ("incident".to_owned(), incident.number.clone()),
                ("now".to_owned(), first(&old, &plant, language)),
                ("then".to_owned(), first(&new, &plant, language)),
            ];
            println!("{}", word(language, "rules_judged", &params.into()));
            seen += 1;
        }
    }
    let params = [("count".to_owned(), seen.to_string())];
    println!("{}", word(language, "rules_seen", &params.into()));
    Ok(ExitCode::SUCCESS)
}

/// The first hypothesis in a few words.
fn first(kept: &KeptAnalysis, plant: &TenantIndex, language: Language) -> String {
    kept.hypotheses.first().map_or_else(
        || "-".to_owned(),
        |h| {
            let asset = plant.assets.get(&h.asset).map(|e| e.asset.code.as_str());
            format!(
                "{} {} {:.0} % ({})",
                asset.unwrap_or("?"),
                h.rule.id,
                h.confidence * 100.0,
                word(
                    language,
                    &format!("rules_grade_{}", h.grade),
                    &Params::new()
                )
            )
        },
    )
}
