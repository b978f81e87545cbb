//! The performance of the alarm system over a period.

use axum::{Json, extract::State};
use iq_api_types::{
    AlarmBin, AlarmChatter, AlarmFlood, AlarmKpi, AlarmLine, AlarmName, AlarmPriority, AlarmReport,
    AlarmResponse, AlarmSource, AlarmStale, AlarmStanding,
};
use iq_blackbox::{
    alarms::{AlarmConfig, Flood, Kpi, Measure, Response, Standing, kpis},
    events::OWN_SYSTEM,
};
use iq_domain::{AssetId, Permission, Severity, TimeRange, Timestamp};
use iq_locale::Language;
use iq_runtime::{AlarmPerformance, AlarmQuery, TenantIndex};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Caller, Check, Failure, Query, Route, Window, get},
    state::ApiState,
    texts,
};

const WEEK_MS: i64 = 7 * 86_400_000;
/// Below this, means say little (ISA-18.2).
const REPRESENTATIVE_MS: i64 = 30 * 86_400_000;
/// Longest period of one report.
const MAX_PERIOD_MS: i64 = 92 * 86_400_000;
/// Slices of the strip.
const MAX_BINS: usize = 400;
const BIN_MS: i64 = 600_000;
const MAX_SOURCE_CHARS: usize = 200;
const PRIORITIES: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Info];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/alerts/performance",
            Permission::AlertsRead,
            get_performance,
        )
        .query::<PerformanceQuery>()
        .answer::<AlarmReport>()
        .says("How the alarm system behaved in a period, after ISA-18.2"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct PerformanceQuery {
    /// Start in UTC milliseconds; a week before the end if absent.
    from: Option<i64>,
    /// End in UTC milliseconds; now if absent.
    to: Option<i64>,
    /// The system that reported the alarms; the program's own alerts if absent.
    source: Option<String>,
    /// Only this asset.
    asset_id: Option<AssetId>,
}

async fn get_performance(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PerformanceQuery>,
) -> Answer<Json<AlarmReport>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    let period = Window::range(query.from, query.to, state.now(), WEEK_MS)?;
    if period.length_ms() > MAX_PERIOD_MS {
        return Err(Failure::field("from", "alerts.report_period_too_long"));
    }
    let source = query.source.filter(|s| !s.trim().is_empty());
    Check::new()
        .text(
            "source",
            source.as_deref().unwrap_or(OWN_SYSTEM),
            MAX_SOURCE_CHARS,
        )
        .done()?;
    let found = state
        .runtime
        .alarm_performance(AlarmQuery {
            tenant_id: caller.tenant_id,
            period,
            source: source.clone(),
            asset_ids: query.asset_id.into_iter().collect(),
        })
        .await
        // A system is looked for in one's own plant alone: that none is known tells nothing of others.
        .map_err(Failure::new)?;
    let names = Naming {
        language: caller.language,
        plant: &plant,
        found: &found,
    };
    Ok(Json(dto(&names, source.as_deref().unwrap_or(OWN_SYSTEM))))
}

/// What is needed to call an alarm by its name.
struct Naming<'a> {
    language: Language,
    plant: &'a TenantIndex,
    found: &'a AlarmPerformance,
}

impl Naming<'_> {
    fn name(&self, key: &str, asset_id: Option<AssetId>) -> AlarmName {
        let alert = self.found.alerts.get(key);
        let asset_id = asset_id.or(alert.map(|a| a.asset_id));
        let asset = asset_id.and_then(|id| self.plant.assets.get(&id));
        let signal = alert
            .and_then(|a| a.signal_id)
            .and_then(|id| self.plant.signals.get(&id));
        AlarmName {
            key: key.to_owned(),
            asset_id,
            asset_code: asset.map(|e| e.asset.code.clone()),
            metric: signal.map(|s| s.signal.metric.clone()),
            text: alert.map_or_else(
                || key.to_owned(),
                |a| texts::of_json(self.language, &a.code, &a.params),
            ),
        }
    }

    fn line(&self, key: &str, asset_id: Option<AssetId>, count: usize, all: usize) -> AlarmLine {
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let share = if all == 0 {
            0.0
        } else {
            count as f64 / all as f64
        };
        AlarmLine {
            alarm: self.name(key, asset_id),
            count: count as u64,
            share,
        }
    }

    fn flood(&self, flood: &Flood) -> AlarmFlood {
        AlarmFlood {
            from: flood.from,
            to: flood.to,
            is_open: flood.is_open,
            count: flood.count as u64,
            peak: flood.peak as u64,
            first_out: flood
                .first_out
                .iter()
                .map(|key| self.name(key, None))
                .collect(),
            top: flood
                .top
                .iter()
                .map(|(key, count)| self.line(key, None, *count, flood.count))
                .collect(),
        }
    }
}

fn dto(names: &Naming<'_>, source: &str) -> AlarmReport {
    let report = &names.found.report;
    let lines = |all: &[(&str, Option<AssetId>, usize)]| {
        all.iter()
            .map(|(key, asset, count)| names.line(key, *asset, *count, report.activations))
            .collect::<Vec<_>>()
    };
    let actors: Vec<_> = report
        .bad_actors
        .iter()
        .map(|a| (a.alarm.as_str(), a.asset_id, a.count))
        .collect();
    let fleeting: Vec<_> = report
        .fleeting
        .iter()
        .map(|f| (f.alarm.as_str(), f.asset_id, f.count))
        .collect();
    AlarmReport {
        from: report.period.from,
        to: report.period.to,
        source: source.to_owned(),
        sources: sources(&names.found.sources),
        activations: report.activations as u64,
        standing: report.standing as u64,
        is_representative: report.period.length_ms() >= REPRESENTATIVE_MS,
        kpis: kpis(report).into_iter().map(kpi).collect(),
        bins: bins(report.period, &report.load.bins),
        priorities: PRIORITIES
            .into_iter()
            .zip(report.load.priorities)
            .map(|(severity, share)| AlarmPriority { severity, share })
            .collect(),
        floods: report.floods.iter().map(|f| names.flood(f)).collect(),
        bad_actors: lines(&actors),
        chattering: report
            .chattering
            .iter()
            .map(|c| AlarmChatter {
                alarm: names.name(&c.alarm, c.asset_id),
                count: c.count as u64,
                worst_minute: c.worst_minute as u64,
                worst_at: c.worst_at,
                index: c.index,
            })
            .collect(),
        fleeting: lines(&fleeting),
        stale: report
            .stale
            .iter()
            .map(|s| AlarmStale {
                alarm: names.name(&s.alarm, s.asset_id),
                since: s.since,
                until: s.until,
            })
            .collect(),
        responses: responses(&report.responses),
    }
}

/// The program itself, then whoever else reported alarms.
fn sources(others: &[iq_store::events::AlarmSource]) -> Vec<AlarmSource> {
    let own = AlarmSource {
        system: OWN_SYSTEM.to_owned(),
        events: None,
    };
    let others = others.iter().map(|s| AlarmSource {
        system: s.system.clone(),
        events: Some(s.events),
    });
    std::iter::once(own).chain(others).collect()
}

fn kpi(kpi: Kpi) -> AlarmKpi {
    AlarmKpi {
        measure: measure(kpi.measure).to_owned(),
        value: kpi.value,
        target: kpi.target,
        act: kpi.act,
        standing: match kpi.standing {
            Standing::Good => AlarmStanding::Good,
            Standing::Watch => AlarmStanding::Watch,
            Standing::Act => AlarmStanding::Act,
        },
    }
}

fn responses(of_priorities: &[Response; 3]) -> Vec<AlarmResponse> {
    PRIORITIES
        .into_iter()
        .zip(of_priorities)
        .zip(AlarmConfig::default().answer_within_ms)
        .map(|((severity, response), within_ms)| AlarmResponse {
            severity,
            count: response.count as u64,
            acknowledged: response.acknowledged as u64,
            in_time: response.in_time as u64,
            pending: response.pending as u64,
            within_ms,
            median_ms: response.median_ms,
            p95_ms: response.p95_ms,
        })
        .collect()
}

/// Ten-minute periods put together to as many slices as a strip can show.
fn bins(period: TimeRange, counts: &[u32]) -> Vec<AlarmBin> {
    let per_slice = counts.len().div_ceil(MAX_BINS).max(1);
    counts
        .chunks(per_slice)
        .zip(0i64..)
        .map(|(slice, i)| AlarmBin {
            t: Timestamp(period.from.0 + i * per_slice as i64 * BIN_MS),
            count: slice.iter().map(|c| u64::from(*c)).sum(),
            worst: slice.iter().copied().max().unwrap_or(0),
        })
        .collect()
}

fn measure(measure: Measure) -> &'static str {
    match measure {
        Measure::PerDay => "per_day",
        Measure::PerHour => "per_hour",
        Measure::PerTenMinutes => "per_ten_minutes",
        Measure::Worst => "worst",
        Measure::ShareOver => "share_over",
        Measure::ShareHoursOver => "share_hours_over",
        Measure::ShareInFlood => "share_in_flood",
        Measure::TopShare => "top_share",
        Measure::Nuisance => "nuisance",
        Measure::Stale => "stale",
        Measure::AnsweredInTime => "answered_in_time",
    }
}
