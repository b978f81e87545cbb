//! `optria user`: the way back in for the person who has the machine but no password.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::Subcommand;
use iq_auth::{HashCost, PasswordHasher, temporary_password};
use iq_domain::{AuditId, AuditRecord, Clock, CodedError, WallClock};
use iq_store::{Store, audit, sessions, users};
use serde_json::json;

use crate::lock::{self, Claim};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Gives a local user a temporary password and ends the user's sessions. The appliance must be
    /// stopped; who may do this is decided by who may read the data folder.
    ResetPassword {
        /// Sign-in name.
        username: String,
        /// The data folder.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

#[allow(clippy::print_stdout)]
pub(super) fn run(command: UserCommand) -> Result<ExitCode> {
    let UserCommand::ResetPassword { username, data_dir } = command;
    let data = super::existing_data(data_dir.as_deref())?;
    let Claim::Ours(_lock) = lock::claim(&data)? else {
        let running = CodedError::conflict("users.appliance_runs");
        return Err(running.with("folder", data.display()).into());
    };
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let store = Store::open(data.join("optria.db"), Arc::clone(&clock))?;
    let password = temporary_password()?;
    let hash = PasswordHasher::new(HashCost::default())?.hash(&password)?;
    let now = clock.now();
    store.write_blocking(move |tx| {
        let found = users::get_credentials(tx, &username)?.ok_or_else(|| {
            CodedError::not_found("users.unknown_name").with("username", &username)
        })?;
        let mut user = found.user;
        user.is_active = true;
        user.must_change_password = true;
        users::update_user(tx, user.tenant_id, &user)?;
        users::update_password_hash(tx, user.tenant_id, user.id, &hash, true)?;
        sessions::revoke_sessions_of_user(tx, user.tenant_id, user.id, None, now)?;
        let record = AuditRecord {
            id: AuditId::new(),
            tenant_id: user.tenant_id,
            at: now,
            actor: "system".to_owned(),
            action: "users.reset_password".to_owned(),
            object: format!("user {}", user.id),
            outcome: "success".to_owned(),
            details: json!({ "by": "command line" }),
            address: None,
        };
        audit::append_audit(tx, user.tenant_id, &record)
    })?;
    println!("{}", password.expose());
    Ok(ExitCode::SUCCESS)
}
