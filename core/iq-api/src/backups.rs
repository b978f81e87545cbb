//! Backups: when and where, the list, the key for the safe, and a restore at the next start.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{Backup, BackupKeyText, BackupProof, BackupSettings, BackupStatus};
use iq_domain::{Permission, neutralise};
use iq_locale::Language;
use iq_runtime::{BackupFile, BackupWork};

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Id, Route, check::is_time_zone, delete, get, post, put,
    },
    state::ApiState,
    texts,
};

const MAX_PATH: usize = 1_000;
const MAX_DAYS: u32 = 366;
const MAX_MONTHS: u32 = 120;

pub(crate) fn routes() -> Vec<Route> {
    let manage = Permission::BackupsManage;
    vec![
        get("/api/backups", manage, get_backups)
            .answer::<BackupStatus>()
            .says("How the backups of the appliance stand"),
        post("/api/backups", manage, start_backup)
            .status(202)
            .answer::<BackupStatus>()
            .audits("backups.make")
            .says("Begin a backup; it is proved by restoring it into a folder of its own"),
        put("/api/backups/settings", manage, change_backup_settings)
            .body::<BackupSettings>()
            .answer::<BackupStatus>()
            .audits("backups.settings")
            .says("Change when and where backups are made"),
        post("/api/backups/key", manage, reveal_backup_key)
            .answer::<BackupKeyText>()
            .audits("backups.key")
            .says("The key that opens the backups, for a safe"),
        post("/api/backups/key/noted", manage, note_backup_key)
            .answer::<BackupStatus>()
            .audits("backups.key_noted")
            .says("Say that the key is in a safe"),
        post("/api/backups/{name}/proof", manage, prove_backup)
            .status(202)
            .answer::<BackupStatus>()
            .audits("backups.prove")
            .says("Begin to restore a backup into a folder of its own, to see whether it is good"),
        post("/api/backups/{name}/restore", manage, prepare_restore)
            .answer::<BackupStatus>()
            .audits("backups.restore")
            .says("Check a backup and put it in the place of all data at the next start"),
        delete("/api/backups/{name}", manage, delete_backup)
            .answer::<BackupStatus>()
            .audits("backups.delete")
            .says("Delete a backup; never the newest that was proved"),
        delete("/api/backups/restore", manage, withdraw_restore)
            .answer::<BackupStatus>()
            .audits("backups.withdraw")
            .says("Take back a restore that waits for the next start"),
    ]
}

async fn get_backups(State(state): State<ApiState>, caller: Caller) -> Answer<Json<BackupStatus>> {
    status(&state, caller.language).await
}

async fn start_backup(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<(StatusCode, Json<BackupStatus>)> {
    state.runtime.start_backup()?;
    Ok((StatusCode::ACCEPTED, status(&state, caller.language).await?))
}

async fn change_backup_settings(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<BackupSettings>,
) -> Answer<Json<BackupStatus>> {
    let folder = input
        .folder
        .as_deref()
        .map(str::trim)
        .filter(|f| !f.is_empty());
    let is_path = |folder: &str| {
        let is_absolute = std::path::Path::new(folder).is_absolute();
        is_absolute && folder.len() <= MAX_PATH && !folder.contains('\0')
    };
    Check::new()
        .require(folder.is_none_or(is_path), "folder", "backup.folder_wrong")
        .require(
            input.cadence.is_valid(),
            "cadence",
            "schedules.cadence_wrong",
        )
        .require(
            is_time_zone(&input.time_zone),
            "time_zone",
            "request.time_zone_wrong",
        )
        .number("keep_days", input.keep_days.into(), 1.0, MAX_DAYS.into())
        .number(
            "keep_months",
            input.keep_months.into(),
            0.0,
            MAX_MONTHS.into(),
        )
        .done()?;
    audit
        .detail("is_enabled", input.is_enabled)
        .detail("folder", neutralise(folder.unwrap_or_default(), 200))
        .detail("keep_days", input.keep_days)
        .detail("keep_months", input.keep_months);
    state
        .runtime
        .change_backup_settings(iq_runtime::BackupSettings {
            is_enabled: input.is_enabled,
            folder: folder.map(Into::into),
            cadence: input.cadence,
            time_zone: input.time_zone,
            retention: iq_runtime::Retention {
                days: input.keep_days,
                months: input.keep_months,
            },
        })
        .await?;
    status(&state, caller.language).await
}

async fn reveal_backup_key(State(state): State<ApiState>) -> Answer<Json<BackupKeyText>> {
    let text = state.runtime.backup_key_text().await?;
    Ok(Json(BackupKeyText {
        text: text.expose().to_owned(),
    }))
}

async fn note_backup_key(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<BackupStatus>> {
    state.runtime.note_backup_key().await?;
    status(&state, caller.language).await
}

async fn prove_backup(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(name): Id<String>,
) -> Answer<(StatusCode, Json<BackupStatus>)> {
    audit.detail("name", neutralise(&name, 120));
    state.runtime.start_backup_proof(&name).await?;
    Ok((StatusCode::ACCEPTED, status(&state, caller.language).await?))
}

async fn prepare_restore(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(name): Id<String>,
) -> Answer<Json<BackupStatus>> {
    audit.detail("name", neutralise(&name, 120));
    state.runtime.prepare_restore(&name).await?;
    status(&state, caller.language).await
}

async fn delete_backup(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(name): Id<String>,
) -> Answer<Json<BackupStatus>> {
    audit.detail("name", neutralise(&name, 120));
    state.runtime.delete_backup(&name).await?;
    status(&state, caller.language).await
}

async fn withdraw_restore(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<BackupStatus>> {
    state.runtime.withdraw_restore().await?;
    status(&state, caller.language).await
}

async fn status(state: &ApiState, language: Language) -> Answer<Json<BackupStatus>> {
    let found = state.runtime.backup_status().await?;
    let (work, work_on) = match found.work {
        None => (None, None),
        Some(BackupWork::Making) => (Some("making"), None),
        Some(BackupWork::Proving(name)) => (Some("proving"), Some(name)),
        Some(BackupWork::Preparing(name)) => (Some("preparing"), Some(name)),
    };
    let said = |message| texts::status(language, &message);
    let settings = found.settings;
    let (last_at, last_error) = found.last.map(|last| (last.at, last.error)).unzip();
    Ok(Json(BackupStatus {
        settings: BackupSettings {
            is_enabled: settings.is_enabled,
            folder: settings.folder.map(|f| f.display().to_string()),
            cadence: settings.cadence,
            time_zone: settings.time_zone,
            keep_days: settings.retention.days,
            keep_months: settings.retention.months,
        },
        settings_lost_at: found.settings_lost_at,
        folder: found.folder.display().to_string(),
        key: found.key,
        key_noted_at: found.key_noted_at,
        next_at: found.next_at,
        work: work.map(str::to_owned),
        work_on,
        last_at,
        last_error: last_error.flatten().map(said),
        trouble: found.trouble.map(said),
        backups: found
            .files
            .into_iter()
            .map(|file| dto(language, file))
            .collect(),
        is_restore_pending: found.is_restore_pending,
    }))
}

fn dto(language: Language, file: BackupFile) -> Backup {
    let proof = file.proof.map(|proof| BackupProof {
        at: proof.at,
        rows: proof.rows,
        samples: proof.samples,
        error: proof.error.map(|e| texts::status(language, &e)),
    });
    Backup {
        name: file.name,
        bytes: file.bytes,
        made_at: file.made_at,
        is_ours: file.is_ours,
        proof,
    }
}
