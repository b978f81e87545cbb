//! Figures for a monitoring system, in the text form of Prometheus. Names and meanings are in
//! `docs/guides/monitoring.md`; a test compares the two. Labels hold ids and kinds, never names: what a
//! plant is called stays in the plant.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use iq_domain::{Connectivity, Permission, Timestamp};
use iq_runtime::ReserveState;
use iq_store::{HealthState, schema_version};

use crate::{
    diagnostics::size_of,
    http::{Answer, Failure, Route, get},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/metrics", Permission::MetricsRead, get_metrics)
            .text_answer("text/plain")
            .says("Figures of the whole appliance for Prometheus"),
    ]
}

/// Whether a figure can go down.
#[derive(Clone, Copy)]
enum Kind {
    Gauge,
    Counter,
}

/// Name, kind, and what it is.
struct Metric(&'static str, Kind, &'static str);

const INFO: Metric = Metric(
    "optria_info",
    Kind::Gauge,
    "Always 1; version and schema are its labels.",
);
const STORE_UP: Metric = Metric(
    "optria_store_up",
    Kind::Gauge,
    "1 while the store takes writes.",
);
const STORE_COMMITS: Metric = Metric(
    "optria_store_commits_total",
    Kind::Counter,
    "Commits since start.",
);
const STORE_WRITES: Metric = Metric(
    "optria_store_writes_total",
    Kind::Counter,
    "Writes acknowledged since start.",
);
const STORE_BYTES: Metric = Metric("optria_store_bytes", Kind::Gauge, "Size of the store.");
const HISTORIAN_UP: Metric = Metric(
    "optria_historian_up",
    Kind::Gauge,
    "1 while the historian takes samples.",
);
const HISTORIAN_BYTES: Metric = Metric(
    "optria_historian_bytes",
    Kind::Gauge,
    "Size of the historian.",
);
const HISTORIAN_SAMPLES: Metric = Metric("optria_historian_samples", Kind::Gauge, "Samples kept.");
const HISTORIAN_DAMAGED: Metric = Metric(
    "optria_historian_damaged_batches",
    Kind::Gauge,
    "Batches found damaged at the last start.",
);
const DISK_FREE: Metric = Metric(
    "optria_disk_free_bytes",
    Kind::Gauge,
    "Free room on the disk of the data folder.",
);
const DISK_TOTAL: Metric = Metric("optria_disk_total_bytes", Kind::Gauge, "Size of that disk.");
const DISK_RESERVE: Metric = Metric(
    "optria_disk_reserve_held",
    Kind::Gauge,
    "1 while the reserve for a full disk is kept back, or none is wanted.",
);
const SOURCE_UP: Metric = Metric(
    "optria_integration_up",
    Kind::Gauge,
    "1 while a connection that is switched on delivers values.",
);
const SOURCE_LAST: Metric = Metric(
    "optria_integration_last_value_timestamp_seconds",
    Kind::Gauge,
    "When its last good value was measured.",
);
const SOURCE_RATE: Metric = Metric(
    "optria_integration_samples_per_minute",
    Kind::Gauge,
    "Samples over the last minute.",
);
const SOURCE_BACKLOG: Metric = Metric(
    "optria_integration_backlog",
    Kind::Gauge,
    "Batches received and not yet durable.",
);
const EVIDENCE_RECORDS: Metric = Metric(
    "optria_evidence_records",
    Kind::Gauge,
    "Records of a tenant's evidence log.",
);
const EVIDENCE_PROTECTED: Metric = Metric(
    "optria_evidence_protected_records",
    Kind::Gauge,
    "Of them under a signed checkpoint.",
);
const EVIDENCE_TROUBLES: Metric = Metric(
    "optria_evidence_troubles",
    Kind::Gauge,
    "What was found wrong with the log since start.",
);
const BACKUP_AGE: Metric = Metric(
    "optria_backup_last_good_timestamp_seconds",
    Kind::Gauge,
    "When the newest proved backup was made; 0 without one.",
);
const BACKUP_OK: Metric = Metric(
    "optria_backup_last_ok",
    Kind::Gauge,
    "1 unless the last attempt gave no proved backup.",
);
const MEMORY: Metric = Metric(
    "process_resident_memory_bytes",
    Kind::Gauge,
    "Memory of the process.",
);
const CPU: Metric = Metric(
    "process_cpu_seconds_total",
    Kind::Counter,
    "Processor time of the process.",
);

/// The text of an answer.
#[derive(Default)]
struct Page(String);

impl Page {
    fn begin(&mut self, metric: &Metric) {
        let Metric(name, kind, help) = metric;
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
            .expect("writing to a String");
    }

    fn line(&mut self, metric: &Metric, labels: &[(&str, &str)], value: f64) {
        let shown: Vec<String> = labels
            .iter()
            .map(|(key, text)| {
                let text = text
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n");
                format!("{key}=\"{text}\"")
            })
            .collect();
        let braces = if shown.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", shown.join(","))
        };
        writeln!(self.0, "{}{braces} {value}", metric.0).expect("writing to a String");
    }

    fn one(&mut self, metric: &Metric, value: f64) {
        self.begin(metric);
        self.line(metric, &[], value);
    }
}

fn yes(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.0 as f64 / 1_000.0)
}

async fn get_metrics(State(state): State<ApiState>) -> Answer<Response> {
    let mut page = Page::default();
    stores(&state, &mut page).await?;
    sources(&state, &mut page).await;
    evidence(&state, &mut page).await?;
    backups(&state, &mut page).await?;
    process(&mut page);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], page.0).into_response())
}

async fn stores(state: &ApiState, page: &mut Page) -> Answer<()> {
    let runtime = &state.runtime;
    let schema = runtime.store().read(schema_version).await?;
    page.begin(&INFO);
    let schema = schema.to_string();
    let labels = [
        ("version", state.options.version.as_str()),
        ("schema", &schema),
    ];
    page.line(&INFO, &labels, 1.0);
    let health = runtime.store().health();
    page.one(&STORE_UP, yes(health.state == HealthState::Ok));
    page.one(&STORE_COMMITS, health.commits as f64);
    page.one(&STORE_WRITES, health.writes as f64);
    page.one(&STORE_BYTES, size_of(runtime.store().path()) as f64);
    let historian = runtime.historian().clone();
    let stats = tokio::task::spawn_blocking(move || historian.stats())
        .await
        .map_err(|_| Failure::internal())?
        .map_err(iq_domain::CodedError::from)?;
    let takes_samples = stats.state == iq_historian::HistorianState::Ok;
    page.one(&HISTORIAN_UP, yes(takes_samples));
    page.one(&HISTORIAN_BYTES, stats.bytes as f64);
    page.one(&HISTORIAN_SAMPLES, stats.samples as f64);
    page.one(&HISTORIAN_DAMAGED, stats.damaged_journal_rows as f64);
    let folder = &runtime.config().data_dir;
    for (metric, bytes) in [
        (&DISK_FREE, fs4::available_space(folder)),
        (&DISK_TOTAL, fs4::total_space(folder)),
    ] {
        if let Ok(bytes) = bytes {
            page.one(metric, bytes as f64);
        }
    }
    let reserve = runtime.reserve_status().map(|reserve| reserve.state);
    let is_held = matches!(reserve, Some(ReserveState::Held | ReserveState::Off));
    page.one(&DISK_RESERVE, yes(is_held));
    Ok(())
}

/// A connection's labels and its four figures.
type Source = ([(&'static str, String); 3], [f64; 4]);

async fn sources(state: &ApiState, page: &mut Page) {
    let index = state.runtime.index();
    let mut all: Vec<Source> = Vec::new();
    for (tenant, plant) in &index.tenants {
        for row in plant.integrations.values().filter(|row| row.is_enabled) {
            let throughput = state.runtime.throughput(row.id);
            let connectivity = state.runtime.connectivity_of(*tenant, row.id).await;
            all.push((
                [
                    ("tenant", tenant.to_string()),
                    ("integration", row.id.to_string()),
                    ("kind", row.kind.clone()),
                ],
                [
                    yes(matches!(
                        connectivity,
                        Connectivity::Live | Connectivity::Demo
                    )),
                    seconds(row.last_value_at),
                    throughput.samples_per_min as f64,
                    throughput.backlog as f64,
                ],
            ));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let metrics = [&SOURCE_UP, &SOURCE_LAST, &SOURCE_RATE, &SOURCE_BACKLOG];
    for (at, metric) in metrics.into_iter().enumerate() {
        page.begin(metric);
        for (labels, values) in &all {
            let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
            page.line(metric, &labels, values[at]);
        }
    }
}

async fn evidence(state: &ApiState, page: &mut Page) -> Answer<()> {
    let mut tenants: Vec<_> = state.runtime.index().tenants.keys().copied().collect();
    tenants.sort();
    let mut all = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let status = state.runtime.evidence_status(tenant).await?;
        let figures = [
            status.records,
            status.protected,
            status.troubles.len() as u64,
        ];
        all.push((tenant.to_string(), figures));
    }
    let metrics = [&EVIDENCE_RECORDS, &EVIDENCE_PROTECTED, &EVIDENCE_TROUBLES];
    for (at, metric) in metrics.into_iter().enumerate() {
        page.begin(metric);
        for (tenant, figures) in &all {
            page.line(metric, &[("tenant", tenant)], figures[at] as f64);
        }
    }
    Ok(())
}

async fn backups(state: &ApiState, page: &mut Page) -> Answer<()> {
    let status = state.runtime.backup_status().await?;
    let is_good = |file: &&iq_runtime::BackupFile| {
        file.proof
            .as_ref()
            .is_some_and(|proof| proof.error.is_none())
    };
    let newest = status
        .files
        .iter()
        .filter(is_good)
        .filter_map(|file| file.made_at)
        .max();
    page.one(&BACKUP_AGE, seconds(newest));
    // Where none was tried yet, none has failed.
    let is_ok = status.last.as_ref().is_none_or(|last| last.error.is_none());
    page.one(&BACKUP_OK, yes(is_ok));
    Ok(())
}

/// From the system's own figures, where it has them.
fn process(page: &mut Page) {
    /// Clock ticks of a second, which Linux gives to every program as 100.
    const TICKS: f64 = 100.0;
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    let resident = read("status").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    });
    if let Some(kibibytes) = resident {
        page.one(&MEMORY, kibibytes * 1_024.0);
    }
    let ticks = read("stat").and_then(|text| {
        // The name in parentheses may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some(user + system)
    });
    if let Some(ticks) = ticks {
        page.one(&CPU, ticks / TICKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_figures_follow_their_help() {
        let mut page = Page::default();
        page.begin(&SOURCE_UP);
        page.line(&SOURCE_UP, &[("kind", "a\"b\\c\nd")], 1.0);
        let lines: Vec<&str> = page.0.lines().collect();
        assert!(lines[0].starts_with("# HELP optria_integration_up "));
        assert_eq!(lines[1], "# TYPE optria_integration_up gauge");
        assert_eq!(
            lines[2],
            "optria_integration_up{kind=\"a\\\"b\\\\c\\nd\"} 1"
        );
    }

    #[test]
    fn the_guide_and_the_alerts_name_what_there_is() {
        let guides = [
            include_str!("../../../docs/guides/monitoring.md"),
            include_str!("../../../docs/guides/monitoring.ar.md"),
        ];
        let alerts = include_str!("../../../docs/guides/optria-alerts.yml");
        let own = include_str!("metrics.rs");
        // A definition may stand on one line or on several.
        let names: Vec<&str> = own
            .split(": Metric = Metric(")
            .skip(1)
            .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
            .filter(|name| name.starts_with("optria_") || name.starts_with("process_"))
            .collect();
        assert!(names.len() > 20, "{names:?}");
        for name in &names {
            assert!(
                guides
                    .iter()
                    .all(|guide| guide.contains(&format!("| `{name}` |"))),
                "{name} is not in both guides"
            );
        }
        let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("optria_") || word.starts_with("process_"))
        {
            assert!(names.contains(&word), "an alert asks for {word}");
        }
    }
}
