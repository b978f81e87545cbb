//! `optria bundle`: courier files without the pages, for a machine that nobody signs in to.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Subcommand;
use iq_domain::{AuditId, AuditRecord, Clock, CodedError, TenantId, WallClock};
use iq_store::{Store, audit};
use iq_sync::{ExportFrom, Sync};
use serde_json::json;

use crate::{
    lock::{self, Claim},
    serve,
};

#[derive(Debug, Subcommand)]
pub(super) enum BundleCommand {
    /// Writes the next file for the hub, sealed to it; prints its name, its records, and how many are
    /// left for the next.
    Export {
        #[command(flatten)]
        whose: Whose,
        /// The folder it is written to.
        #[arg(long, default_value = ".")]
        out: PathBuf,
        /// Goes on after the last file instead of the last receipt.
        #[arg(long)]
        next: bool,
        /// Writes what a gap code names.
        #[arg(long)]
        gap: Option<String>,
        /// Mebibytes at most.
        #[arg(long, default_value_t = 64)]
        mib: usize,
    },
    /// Reads receipts (.oqr) or a configuration (.oqc) of the hub; prints what they did.
    Import {
        #[command(flatten)]
        whose: Whose,
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Whose {
    /// The data folder.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The tenant, where several have a hub.
    #[arg(long)]
    tenant: Option<TenantId>,
}

pub(super) fn run(command: BundleCommand) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(carry(command))?;
    Ok(ExitCode::SUCCESS)
}

#[allow(clippy::print_stdout)]
async fn carry(command: BundleCommand) -> Result<()> {
    let (BundleCommand::Export { whose, .. } | BundleCommand::Import { whose, .. }) = &command;
    let folder = super::existing_data(whose.data_dir.as_deref())?;
    let Claim::Ours(_lock) = lock::claim(&folder)? else {
        return Err(CodedError::conflict("sync.appliance_runs")
            .with("folder", folder.display())
            .into());
    };
    let (store, sync) = tokio::task::spawn_blocking(move || serve::open_by_hand(&folder)).await??;
    let tenant = tenant_of(&sync, whose.tenant).await?;
    let (action, object) = match command {
        BundleCommand::Export {
            out,
            next,
            gap,
            mib,
            ..
        } => {
            let from = match gap {
                Some(code) => ExportFrom::Gap(code),
                None if next => ExportFrom::Next,
                None => ExportFrom::Due,
            };
            let file = sync.export(tenant, from, mib.min(512) << 20).await?;
            let path = out.join(file.file_name(&sync.appliance()));
            write(&path, &file.bytes)?;
            println!("{} {} {}", path.display(), file.records, file.left);
            ("sync.export", format!("courier_file {}", file.number))
        }
        BundleCommand::Import { file, .. } => {
            let bytes = std::fs::read(&file)
                .with_context(|| format!("{} can't be read", file.display()))?;
            let (kind, count) = sync.import(tenant, bytes).await?;
            println!("{kind} {count}");
            ("sync.import", kind.to_owned())
        }
    };
    record(&store, tenant, action, object).await?;
    store.close();
    Ok(())
}

async fn tenant_of(sync: &Sync, given: Option<TenantId>) -> Result<TenantId, CodedError> {
    let known = sync.tenants().await?;
    match (given, known.as_slice()) {
        (Some(given), known) if known.contains(&given) => Ok(given),
        (None, [one]) => Ok(*one),
        (_, []) => Err(CodedError::not_found("sync.no_tenant_enrolled")),
        (Some(_), _) => Err(CodedError::not_found("sync.not_enrolled")),
        (None, _) => Err(CodedError::invalid("sync.which_tenant")),
    }
}

/// A file is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let told = || format!("{} can't be written", path.display());
    std::fs::write(&part, bytes).with_context(told)?;
    std::fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .with_context(told)?;
    std::fs::rename(&part, path).with_context(told)
}

async fn record(
    store: &Store,
    tenant: TenantId,
    action: &'static str,
    object: String,
) -> Result<()> {
    let record = AuditRecord {
        id: AuditId::new(),
        tenant_id: tenant,
        at: WallClock.now(),
        actor: "system".to_owned(),
        action: action.to_owned(),
        object,
        outcome: "success".to_owned(),
        details: json!({ "by": "command line" }),
        address: None,
    };
    Ok(store
        .write(move |tx| audit::append_audit(tx, tenant, &record))
        .await?)
}
