//! `optria-hub bundle`: courier files without the console, for files of any size and for machines that
//! nobody signs in to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use iq_domain::{ApplianceId, AuditId, AuditRecord, CodedError, TenantId};
use iq_locale::Language;
use serde_json::json;

use crate::{
    app::courier::{self, Taken},
    cli::say,
    state::Hub,
    store::audit,
};

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Reads a file of an appliance (.oqb), any number of times, and writes the receipts to carry back.
    Import {
        /// The file.
        file: PathBuf,
        /// Where the receipts go; beside the file, ending in .oqr, when absent.
        #[arg(long)]
        receipts: Option<PathBuf>,
    },
    /// Writes people and flags for an appliance (.oqc), sealed to it.
    Config {
        /// Id of its tenant.
        tenant: TenantId,
        /// Its id.
        appliance: ApplianceId,
        /// Where to.
        #[arg(long, default_value = "optria.oqc")]
        out: PathBuf,
        /// Only what came after this change; the appliance's page shows the last one it applied.
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

pub(crate) async fn run(command: BundleCommand, language: Language, hub: &Hub) -> Result<()> {
    match command {
        BundleCommand::Import { file, receipts } => {
            let bytes = std::fs::read(&file).map_err(|_| {
                CodedError::invalid("hub.file_unreadable").with("path", shown(&file))
            })?;
            let mut taken = courier::import(hub, bytes)
                .await
                .map_err(|failure| failure.error)?;
            let report = &taken.report;
            let done = Done {
                action: "courier.import",
                object: format!("courier_file {}", report.number),
                details: json!({ "by": "command line", "stored": report.stored }),
            };
            record(hub, report.tenant_id, done).await?;
            for projection in taken.projections.drain(..) {
                projection.await.context("the records could not be read")?;
            }
            let out = receipts.unwrap_or_else(|| file.with_extension("oqr"));
            write(&out, &taken.receipts)?;
            tell(language, &taken, &out)
        }
        BundleCommand::Config {
            tenant,
            appliance,
            out,
            after,
        } => {
            let bytes = courier::export_changes(hub, (tenant, appliance), after)
                .await
                .map_err(|failure| failure.error)?;
            let done = Done {
                action: "courier.export",
                object: format!("appliance {appliance}"),
                details: json!({ "by": "command line" }),
            };
            record(hub, tenant, done).await?;
            write(&out, &bytes)?;
            say(language, "hub_written", &[("path", &shown(&out))])
        }
    }
}

fn tell(language: Language, taken: &Taken, out: &Path) -> Result<()> {
    let report = &taken.report;
    let (number, stored) = (report.number.to_string(), report.stored.to_string());
    let params = [
        ("number", number.as_str()),
        ("name", report.name.as_str()),
        ("stored", stored.as_str()),
    ];
    say(language, "hub_courier", &params)?;
    for code in &report.gaps {
        say(language, "hub_gap", &[("code", code)])?;
    }
    if report.forks > 0 {
        say(language, "hub_forked", &[])?;
    }
    say(language, "hub_written", &[("path", &shown(out))])
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes)
        .map_err(|_| CodedError::invalid("hub.file_unwritable").with("path", shown(path)))?;
    Ok(())
}

/// What the audit log says of a command.
struct Done {
    action: &'static str,
    object: String,
    details: serde_json::Value,
}

async fn record(hub: &Hub, tenant: TenantId, done: Done) -> Result<()> {
    let record = AuditRecord {
        id: AuditId::new(),
        tenant_id: tenant,
        at: hub.now(),
        actor: "system".to_owned(),
        action: done.action.to_owned(),
        object: done.object,
        outcome: "success".to_owned(),
        details: done.details,
        address: None,
    };
    let mut tx = hub.store.tenant(tenant).await?;
    audit::append(&mut tx, &record).await?;
    Ok(tx.commit().await?)
}
