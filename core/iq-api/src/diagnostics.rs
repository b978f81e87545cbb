//! What support needs to know, on a page and as a bundle: versions, sizes, states, counts, the last
//! lines of the log. No configuration value is in it; whatever the log may hold of a known secret is
//! taken out.

use std::io::{Cursor, Write};

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use iq_api_types::StatusMessage;
use iq_domain::{IntegrationId, Permission, Timestamp};
use iq_locale::Language;
use iq_runtime::ReserveState;
use iq_store::{
    HealthState, Page, alerts, events, incidents, integration_actions, jobs, schema_version, users,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    health::config_status,
    http::{Answer, Audit, Caller, Failure, Route, get},
    log_files::read_log_files,
    log_tail::log_lines,
    state::ApiState,
    texts,
};

/// Actions and jobs in the bundle.
const LAST_ROWS: u32 = 200;

/// Bytes of log files in the bundle.
const LOG_BYTES: u64 = 20_000_000;

/// Shorter texts are no secrets but words that occur anyway.
const MIN_SECRET_CHARS: usize = 4;

pub(crate) fn routes() -> Vec<Route> {
    let read = Permission::DiagnosticsRead;
    vec![
        get("/api/diagnostics", read, get_diagnostics)
            .answer::<Diagnostics>()
            .says("Versions, sizes, states and counts"),
        get("/api/diagnostics/bundle", read, get_bundle)
            .text_answer("application/zip")
            .audits("diagnostics.bundle")
            .says("The support bundle, without secrets"),
    ]
}

/// What support asks first.
#[derive(Debug, Serialize, ToSchema)]
struct Diagnostics {
    /// Moment of the answer.
    at: Timestamp,
    /// Program version.
    version: String,
    /// Short name of this appliance.
    appliance: String,
    /// Operating system and processor.
    platform: String,
    /// Last step of the store's schema.
    schema_version: u32,
    /// The store takes writes.
    store_ok: bool,
    /// Free bytes on the disk of the data folder.
    disk_free: Option<u64>,
    /// Size of that disk.
    disk_total: Option<u64>,
    /// Room kept back on it.
    disk_reserve: DiskReserve,
    /// Bytes of the store.
    store_bytes: u64,
    /// Bytes of the historian.
    historian_bytes: u64,
    /// Samples kept.
    samples: u64,
    /// Batches that were damaged at the last start and set aside.
    damaged_batches: u64,
    /// Objects of this tenant.
    counts: Counts,
    /// How the pages are served.
    serving: Serving,
    /// Connections of this tenant.
    integrations: Vec<IntegrationHealth>,
}

/// Room kept back on the disk of the data folder, for the people who come when it is full.
#[derive(Debug, Serialize, ToSchema)]
struct DiskReserve {
    /// `off`, `held`, `waiting` for room, or `released` because the disk is full.
    state: &'static str,
    /// Bytes it takes, or would take.
    bytes: u64,
    /// Since when it stands so.
    since: Option<Timestamp>,
    /// What is wrong, and what helps.
    trouble: Option<StatusMessage>,
}

impl DiskReserve {
    fn of(state: &ApiState, language: Language) -> Self {
        let wanted = state.runtime.config().disk_reserve_bytes;
        let status = state.runtime.reserve_status();
        let state = status.as_ref().map_or(ReserveState::Off, |s| s.state);
        Self {
            state: state.as_str(),
            bytes: wanted,
            since: status.as_ref().map(|s| s.since),
            trouble: status
                .and_then(|s| s.trouble)
                .map(|trouble| texts::status(language, &trouble)),
        }
    }
}

/// How the pages are served.
#[derive(Debug, Serialize, ToSchema)]
struct Serving {
    /// Address and port that are listened on.
    address: String,
    /// `off`, `self_signed` or `files`.
    tls: &'static str,
    /// Everyone on the network can read what crosses it.
    open_without_tls: bool,
    /// SHA-256 of the certificate in force.
    fingerprint: Option<String>,
    /// Names and addresses it stands for.
    names: Vec<String>,
    /// Last moment of its life.
    not_after: Option<Timestamp>,
    /// Code of what keeps newer files of it from being used.
    problem: Option<String>,
    /// Only some addresses may connect.
    allow_from: bool,
    /// Connections from other addresses, since the start.
    refused: u64,
    /// Connections beyond what one address or all may hold, since the start.
    crowded: u64,
    /// Connections that never came to speak TLS, since the start.
    failed_handshakes: u64,
}

impl Serving {
    fn of(state: &ApiState) -> Self {
        let listening = &state.options.listening;
        let (certificate, counts) = (listening.certificate(), listening.counts());
        Self {
            address: listening.address().to_string(),
            tls: state.runtime.config().tls.as_str(),
            open_without_tls: listening.is_open_without_tls(),
            not_after: certificate.as_ref().map(|facts| facts.not_after),
            names: certificate
                .as_ref()
                .map(|facts| facts.names.clone())
                .unwrap_or_default(),
            fingerprint: certificate.map(|facts| facts.fingerprint),
            problem: listening.problem().map(|error| error.code.to_owned()),
            allow_from: listening.is_narrow(),
            refused: counts.refused,
            crowded: counts.crowded,
            failed_handshakes: counts.failed_handshakes,
        }
    }
}

/// Objects of a tenant.
#[derive(Debug, Serialize, ToSchema)]
struct Counts {
    /// Sites.
    sites: u64,
    /// Assets.
    assets: u64,
    /// Signals, derived ones included.
    signals: u64,
    /// Active mappings.
    mappings: u64,
    /// Alerts ever.
    alerts: u64,
    /// Events.
    events: u64,
    /// Incidents.
    incidents: u64,
    /// Users.
    users: u64,
}

/// State of a connection, without its configuration.
#[derive(Debug, Serialize, ToSchema)]
struct IntegrationHealth {
    /// Id.
    id: IntegrationId,
    /// Kind.
    kind: String,
    /// Name.
    name: String,
    /// State.
    status: iq_domain::IntegrationStatus,
    /// From receipts and data age.
    connectivity: iq_domain::Connectivity,
    /// Code of the failure.
    code: Option<String>,
    /// Last good value.
    last_value_at: Option<Timestamp>,
    /// Samples over the last minute.
    samples_per_min: u64,
    /// Batches not yet durable.
    backlog: u64,
    /// Active mappings.
    mapped_tags: u64,
}

async fn get_diagnostics(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Diagnostics>> {
    Ok(Json(collect(&state, &caller).await?))
}

async fn collect(state: &ApiState, caller: &Caller) -> Answer<Diagnostics> {
    let runtime = &state.runtime;
    let tenant = caller.tenant_id;
    let plant = runtime.tenant(tenant)?;
    let (schema, counted) = runtime
        .store()
        .read(move |conn| {
            let first = Page::first(1);
            let counted = [
                alerts::list_alerts(conn, tenant, &Default::default(), first)?.total,
                events::list_events(conn, tenant, &Default::default(), first)?.total,
                incidents::list_incidents(conn, tenant, &Default::default(), first)?.total,
                users::list_users(conn, tenant, &Default::default(), first)?.total,
            ];
            Ok((schema_version(conn)?, counted))
        })
        .await?;
    let [alerts, events, incidents, users] = counted;
    let historian = runtime.historian().clone();
    let stats = tokio::task::spawn_blocking(move || historian.stats())
        .await
        .map_err(|_| Failure::internal())?
        .map_err(iq_domain::CodedError::from)?;
    let mut rows: Vec<_> = plant.integrations.values().collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let mut integrations = Vec::with_capacity(rows.len());
    for row in rows {
        let throughput = runtime.throughput(row.id);
        integrations.push(IntegrationHealth {
            id: row.id,
            kind: row.kind.clone(),
            name: row.name.clone(),
            status: row.status,
            connectivity: runtime.connectivity_of(tenant, row.id).await,
            code: row.status_code.clone(),
            last_value_at: row.last_value_at,
            samples_per_min: throughput.samples_per_min,
            backlog: throughput.backlog,
            mapped_tags: plant.routes.get(&row.id).map_or(0, |t| t.len() as u64),
        });
    }
    let folder = &runtime.config().data_dir;
    Ok(Diagnostics {
        at: state.now(),
        version: state.options.version.clone(),
        appliance: state.appliance(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        schema_version: schema,
        store_ok: runtime.store().health().state == HealthState::Ok,
        disk_free: fs4::available_space(folder).ok(),
        disk_total: fs4::total_space(folder).ok(),
        disk_reserve: DiskReserve::of(state, caller.language),
        store_bytes: size_of(runtime.store().path()),
        historian_bytes: stats.bytes,
        samples: stats.samples,
        damaged_batches: stats.damaged_journal_rows,
        counts: Counts {
            sites: plant.sites.len() as u64,
            assets: plant.assets.len() as u64,
            signals: plant.signals.len() as u64,
            mappings: plant.routes.values().map(|r| r.len() as u64).sum(),
            alerts,
            events,
            incidents,
            users,
        },
        serving: Serving::of(state),
        integrations,
    })
}

/// Bytes of a store with its write-ahead log.
pub(crate) fn size_of(path: &std::path::Path) -> u64 {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |m| m.len());
    size(path) + size(std::path::Path::new(&wal))
}

async fn get_bundle(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
) -> Answer<Response> {
    let about = collect(&state, &caller).await?;
    let tenant = caller.tenant_id;
    let (actions, recent_jobs) = state
        .runtime
        .store()
        .read(move |conn| {
            let page = Page::first(LAST_ROWS);
            let actions =
                integration_actions::list_integration_actions(conn, tenant, None, page)?.rows;
            let jobs = jobs::list_jobs(conn, tenant, &Default::default(), page)?.rows;
            Ok((actions, jobs))
        })
        .await?;
    let actions: Vec<Value> = actions
        .iter()
        .map(|a| {
            json!({
                "at": a.at, "integration_id": a.integration_id, "action": a.action_type,
                "status": a.status, "code": a.message_code, "ms": a.ms,
            })
        })
        .collect();
    let recent_jobs: Vec<Value> = recent_jobs
        .iter()
        .map(|j| {
            json!({
                "id": j.id, "kind": j.kind, "state": j.state, "progress": j.progress,
                "stage": j.stage, "code": j.error_code, "created_at": j.created_at,
                "started_at": j.started_at, "finished_at": j.finished_at,
            })
        })
        .collect();
    let secrets = state.runtime.known_secrets().await?;
    let mut log = log_lines().join("\n");
    log.push('\n');
    let files = [
        ("README.txt", README.to_owned()),
        ("about.json", pretty(&about)),
        ("config.json", pretty(&config_status(&state))),
        ("actions.json", pretty(&actions)),
        ("jobs.json", pretty(&recent_jobs)),
        ("log.txt", log),
    ];
    let name = format!("optria-support-{}-{}.zip", state.appliance(), about.at.0);
    audit.detail("file", name.clone());
    let folder = state.runtime.config().data_dir.clone();
    let bytes = tokio::task::spawn_blocking(move || {
        let clean = files.map(|(name, text)| (name.to_owned(), without(text, &secrets)));
        let mut clean = Vec::from(clean);
        clean.extend(read_log_files(&folder, LOG_BYTES, &secrets));
        zipped(&clean)
    })
    .await
    .map_err(|_| Failure::internal())?
    .map_err(|_| Failure::internal())?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// What stands in the bundle, for whoever opens it.
const README: &str = "OPTRIA IQ support bundle\n\
    \n\
    about.json    versions, sizes, states of the connections, counts of objects\n\
    config.json   which settings are made, never their values\n\
    actions.json  what was done to connections, with codes and durations\n\
    jobs.json     background jobs\n\
    log.txt       the last lines of the log, since the start\n\
    logs/         its files, the newest first, up to 20 MB\n\
    \n\
    There are no passwords, keys, tokens or measured values in it.\n\
    لا تحتوي هذه الحزمة على كلمات مرور أو مفاتيح أو رموز أو قيم مقاسة.\n";

/// The text without any of the secrets this installation knows. No line should hold one; this is the
/// second lock on the same door.
pub(crate) fn without(mut text: String, secrets: &[iq_secrets::SecretString]) -> String {
    for secret in secrets {
        let plain = secret.expose();
        if plain.chars().count() < MIN_SECRET_CHARS {
            continue;
        }
        if text.contains(plain) {
            text = text.replace(plain, iq_connector::SECRET_MASK);
        }
        // In a line of JSON, quotes and line breaks of a key stand escaped.
        let escaped = serde_json::to_string(plain).unwrap_or_default();
        let escaped = escaped.trim_matches('"');
        if escaped != plain && text.contains(escaped) {
            text = text.replace(escaped, iq_connector::SECRET_MASK);
        }
    }
    text
}

fn zipped(files: &[(String, String)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(name.as_str(), SimpleFileOptions::default())?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}

fn pretty(value: &impl Serialize) -> String {
    // Nothing in these types can fail to be written as JSON.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_is_taken_out_also_where_json_escapes_it() {
        let key = "-----BEGIN KEY-----\nab\"c\n";
        let secrets = [
            iq_secrets::SecretString::new("hunter22"),
            iq_secrets::SecretString::new(key),
            iq_secrets::SecretString::new("abc"),
        ];
        let line = format!(
            "login hunter22 failed; abc {}",
            serde_json::to_string(key).expect("a text")
        );
        let clean = without(line, &secrets);
        assert_eq!(clean, "login *** failed; abc \"***\"");
    }
}
