//! What is told to a hub at the third level: every asset with its state, the key figures of the running
//! day and hour and of those that have just ended, and the head of the newest published plan.

use iq_analytics::reliability::Figures as Failures;
use iq_domain::{
    AssetState, AssetStatus, CodedError, Connectivity, Criticality, IncidentStatus, Names,
    TenantId, TimeRange, Timestamp, WorkOrderStatus,
};
use iq_store::{
    Connection, Page, StoreError,
    incidents::{self, IncidentFilter},
    recommendations, scenarios,
    scenarios::ScenarioState,
    work_orders::{self, WorkOrderFilter},
};
use iq_sync_proto::figures::{AssetFigure, Figure, Kind, KpiFigure, PlanFigure, ReliabilityFigure};
use jiff::{ToSpan, Zoned, tz::TimeZone};

use crate::{AlarmQuery, AssetSnapshot, Runtime, TenantIndex, TwinQuery, reliability::Reliability};

/// A period is counted once more when it has just ended.
const JUST_ENDED_MS: i64 = 15 * 60_000;
/// Plans that are looked through for the newest published one.
const PLANS: u32 = 20;

const UNDONE: [WorkOrderStatus; 5] = [
    WorkOrderStatus::Draft,
    WorkOrderStatus::Open,
    WorkOrderStatus::Released,
    WorkOrderStatus::InProgress,
    WorkOrderStatus::OnHold,
];

/// Mean of the known scores weighted by criticality, and how many of the assets have one.
#[must_use]
pub fn mean_health(plant: &TenantIndex, snapshots: &[AssetSnapshot]) -> (Option<f64>, f64) {
    let (mut sum, mut weights, mut known) = (0.0, 0.0, 0_u32);
    for snapshot in snapshots {
        let Some(health) = snapshot.state.health else {
            continue;
        };
        let weight = plant
            .assets
            .get(&snapshot.state.asset_id)
            .map_or(1.0, |e| weight(e.asset.criticality));
        sum += weight * health;
        weights += weight;
        known += 1;
    }
    let all = u32::try_from(snapshots.len()).unwrap_or(u32::MAX).max(1);
    let mean = (weights > 0.0).then(|| sum / weights);
    (mean, f64::from(known) / f64::from(all))
}

const fn weight(criticality: Criticality) -> f64 {
    match criticality {
        Criticality::Low => 0.5,
        Criticality::Medium => 1.0,
        Criticality::High => 1.5,
        Criticality::Critical => 2.0,
    }
}

impl Runtime {
    /// Everything there is to tell of a tenant now; days are those of the time zone.
    pub async fn figures(
        &self,
        tenant: TenantId,
        time_zone: &str,
    ) -> Result<Vec<Figure>, CodedError> {
        let plant = self.tenant(tenant)?;
        let now = self.clock().now();
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let snapshots = self.twin_at(tenant, None).await?;
        let year = self.reliability_of_the_year(tenant).await?;
        let mut all: Vec<Figure> = snapshots
            .iter()
            .filter_map(|snapshot| asset(&plant, snapshot, &year, now))
            .collect();
        for period in periods(now, &zone) {
            all.push(self.key_figures(&plant, &period, &year, now).await?);
        }
        all.extend(self.newest_plan(tenant).await?);
        Ok(all)
    }

    async fn twin_at(
        &self,
        tenant_id: TenantId,
        at: Option<Timestamp>,
    ) -> Result<Vec<AssetSnapshot>, CodedError> {
        let query = TwinQuery {
            tenant_id,
            asset_id: None,
            at,
            known_at: None,
        };
        self.twin(query).await
    }

    async fn key_figures(
        &self,
        plant: &TenantIndex,
        period: &Period,
        year: &Reliability,
        now: Timestamp,
    ) -> Result<Figure, CodedError> {
        let tenant = plant.tenant.id;
        let to = period.range.to.min(now);
        let snapshots = self.twin_at(tenant, (to < now).then_some(to)).await?;
        let sum = iq_twin::summarise(snapshots.iter().map(|s| &s.state));
        let (health, health_coverage) = mean_health(plant, &snapshots);
        let counted = TimeRange {
            from: period.range.from,
            to,
        };
        let query = AlarmQuery {
            tenant_id: tenant,
            period: counted,
            source: None,
            asset_ids: Vec::new(),
        };
        let report = self.alarm_performance(query).await?.report;
        let counts = self
            .store()
            .read(move |conn| Counts::of(conn, tenant, counted))
            .await?;
        let said = KpiFigure {
            period: period.word.to_owned(),
            from: period.range.from.0,
            to: to.0,
            alarms: report.activations as u64,
            alarms_per_hour: rounded(report.load.per_hour, 100.0),
            flood_share: rounded(report.load.share_in_flood, 1_000.0),
            standing: report.standing as u64,
            incidents: counts.incidents,
            open_incidents: counts.open_incidents,
            health: health.map(|health| rounded(health, 10.0)),
            health_coverage: rounded(health_coverage, 100.0),
            critical: sum.critical as u64,
            warning: sum.warning as u64,
            normal: sum.normal as u64,
            unknown: sum.unknown as u64,
            orders_open: counts.orders_open,
            orders_overdue: counts.orders_overdue,
            // A year stands beside the day that runs; one that has ended keeps what it was told with.
            reliability: (period.word == "day")
                .then(|| told(year, &year.total))
                .flatten(),
        };
        // Up to when it was counted passes by itself, and with it the mean per hour.
        let gist = KpiFigure {
            to: if to < now { to.0 } else { 0 },
            alarms_per_hour: 0.0,
            flood_share: 0.0,
            reliability: said.reliability.as_ref().map(gist_of),
            ..said.clone()
        };
        let key = format!("{} {}", period.word, period.range.from.0);
        let figure = Figure::new(Kind::Kpi, key, to.0, &said);
        Ok(Figure {
            gist: format!("{gist:?}"),
            ..figure
        })
    }

    async fn newest_plan(&self, tenant: TenantId) -> Result<Option<Figure>, CodedError> {
        let found = self.store().read(move |conn| {
            let page = Page::first(PLANS);
            for row in scenarios::list_scenarios(conn, tenant, page)?.rows {
                if row.state != ScenarioState::Done {
                    continue;
                }
                let advice = recommendations::list_recommendations(conn, tenant, row.id)?;
                let published = advice.iter().filter_map(|one| one.published_at);
                let (count, newest) = (published.clone().count(), published.max());
                if let Some(newest) = newest {
                    return Ok(Some((row, count, newest)));
                }
            }
            Ok(None)
        });
        let Some((row, count, published_at)) = found.await? else {
            return Ok(None);
        };
        let summary = &row.outcome["summary"];
        let amount = |key: &str| summary[key].as_f64();
        let said = PlanFigure {
            id: row.id.to_string(),
            name: row.name,
            as_of: row.as_of.0,
            made_at: row.finished_at.unwrap_or(row.created_at).0,
            published_at: published_at.0,
            work: summary["work"].as_u64().unwrap_or_default(),
            advised: summary["advised"].as_u64().unwrap_or_default(),
            published: count as u64,
            currency: row.input["cost_model"]["currency"]
                .as_str()
                .map(str::to_owned),
            cost: amount("planned_cost"),
            risk_before: amount("current_risk"),
            risk_after: amount("optimized_risk"),
        };
        let figure = Figure::new(Kind::Plan, "newest".to_owned(), published_at.0, &said);
        Ok(Some(figure))
    }
}

/// Incidents and work orders of a period.
struct Counts {
    incidents: u64,
    open_incidents: u64,
    orders_open: u64,
    orders_overdue: u64,
}

impl Counts {
    fn of(conn: &Connection, tenant: TenantId, period: TimeRange) -> Result<Self, StoreError> {
        let began = IncidentFilter {
            from: Some(period.from),
            to: Some(period.to),
            ..IncidentFilter::default()
        };
        let open = IncidentFilter {
            statuses: vec![
                IncidentStatus::Open,
                IncidentStatus::Investigating,
                IncidentStatus::Resolved,
            ],
            to: Some(period.to),
            ..IncidentFilter::default()
        };
        let undone = WorkOrderFilter {
            statuses: UNDONE.to_vec(),
            ..WorkOrderFilter::default()
        };
        let overdue = WorkOrderFilter {
            overdue_at: Some(period.to),
            ..WorkOrderFilter::default()
        };
        Ok(Self {
            incidents: incidents::count_incidents(conn, tenant, &began)?,
            open_incidents: incidents::count_incidents(conn, tenant, &open)?,
            orders_open: work_orders::count_work_orders(conn, tenant, &undone)?,
            orders_overdue: work_orders::count_work_orders(conn, tenant, &overdue)?,
        })
    }
}

fn asset(
    plant: &TenantIndex,
    snapshot: &AssetSnapshot,
    year: &Reliability,
    now: Timestamp,
) -> Option<Figure> {
    let state: &AssetState = &snapshot.state;
    let asset = &plant.assets.get(&state.asset_id)?.asset;
    let unit = plant.units.get(&asset.unit_id)?;
    let site = plant.sites.get(&unit.site_id)?;
    let parent = asset.parent_id.and_then(|id| plant.assets.get(&id));
    let Names { en, ar } = asset.names.clone();
    let said = AssetFigure {
        code: asset.code.clone(),
        name: en,
        name_ar: ar,
        family: asset.family.clone(),
        criticality: criticality(asset.criticality).to_owned(),
        site: site.code.clone(),
        unit: unit.code.clone(),
        parent: parent.map(|entry| entry.asset.code.clone()),
        equipment_number: asset.equipment_number.clone(),
        status: status(state.status).to_owned(),
        connectivity: connectivity(state.connectivity).to_owned(),
        is_running: state.is_running,
        health: state.health.map(|health| rounded(health, 10.0)),
        anomaly: state.anomaly.map(|anomaly| rounded(anomaly, 10.0)),
        coverage: snapshot
            .assessment
            .as_ref()
            .map(|a| rounded(a.coverage, 100.0)),
        scored_at: snapshot.assessment.as_ref().map(|a| a.at.0),
        data_at: state.data_age_ms.map(|age| now.0.saturating_sub(age)),
        alerts: u32::try_from(snapshot.alerts.len()).unwrap_or(u32::MAX),
        reliability: year
            .assets
            .iter()
            .find(|(id, _)| *id == asset.id)
            .and_then(|(_, failures)| told(year, failures)),
    };
    // A score that moves by less than a point, and times that pass, are no news.
    let gist = AssetFigure {
        health: said.health.map(f64::round),
        anomaly: None,
        coverage: said.coverage.map(|share| rounded(share, 10.0)),
        scored_at: None,
        data_at: None,
        reliability: said.reliability.as_ref().map(gist_of),
        ..said.clone()
    };
    let figure = Figure::new(Kind::Asset, asset.id.to_string(), now.0, &said);
    Some(Figure {
        gist: format!("{gist:?}"),
        ..figure
    })
}

/// What failures are told as; nothing where none would be known.
fn told(year: &Reliability, of: &Failures) -> Option<ReliabilityFigure> {
    year.known_since?;
    of.basis?;
    let hours = |hours: f64| rounded(hours, 10.0);
    let share = |share: f64| rounded(share, 10_000.0);
    Some(ReliabilityFigure {
        from: year.period.from.0,
        to: year.period.to.0,
        failures: u64::from(of.tally.failures),
        operating_h: hours(of.tally.operating_h),
        mtbf_h: of.mtbf.ok().map(|mtbf| hours(mtbf.hours)),
        mtbf_low_h: of.mtbf_at_least.map(hours),
        mtbf_high_h: of.mtbf.ok().map(|mtbf| hours(mtbf.high)),
        mttr_h: of.mttr.ok().map(|mean| hours(mean.hours)),
        mdt_h: of.mdt.ok().map(|mean| hours(mean.hours)),
        inherent: of.inherent.ok().map(share),
        operational: of.operational.ok().map(share),
    })
}

/// Hours that pass are no news; a failure, and what is known of it, is.
fn gist_of(of: &ReliabilityFigure) -> ReliabilityFigure {
    ReliabilityFigure {
        failures: of.failures,
        mttr_h: of.mttr_h,
        mdt_h: of.mdt_h,
        operational: of.operational.map(|share| rounded(share, 100.0)),
        ..ReliabilityFigure::default()
    }
}

const fn status(status: AssetStatus) -> &'static str {
    match status {
        AssetStatus::Unknown => "unknown",
        AssetStatus::Normal => "normal",
        AssetStatus::Warning => "warning",
        AssetStatus::Critical => "critical",
    }
}

const fn criticality(criticality: Criticality) -> &'static str {
    match criticality {
        Criticality::Low => "low",
        Criticality::Medium => "medium",
        Criticality::High => "high",
        Criticality::Critical => "critical",
    }
}

const fn connectivity(connectivity: Connectivity) -> &'static str {
    match connectivity {
        Connectivity::Live => "live",
        Connectivity::Stale => "stale",
        Connectivity::Disconnected => "disconnected",
        Connectivity::Demo => "demo",
        Connectivity::Imported => "imported",
        Connectivity::None => "none",
    }
}

/// A period that has just begun has no rate yet.
fn rounded(number: f64, steps: f64) -> f64 {
    if !number.is_finite() {
        return 0.0;
    }
    (number * steps).round() / steps
}

/// A day or an hour.
#[derive(Debug, PartialEq, Eq)]
struct Period {
    word: &'static str,
    range: TimeRange,
}

/// The day and the hour that run, and those that have just ended.
fn periods(now: Timestamp, zone: &TimeZone) -> Vec<Period> {
    let mut found = Vec::new();
    for word in ["day", "hour"] {
        let running = period(word, now, zone);
        let Some(running) = running else { continue };
        if now.0.saturating_sub(running.range.from.0) < JUST_ENDED_MS {
            found.extend(period(word, running.range.from.plus_ms(-1), zone));
        }
        found.push(running);
    }
    found
}

fn period(word: &'static str, at: Timestamp, zone: &TimeZone) -> Option<Period> {
    let moment = jiff::Timestamp::from_millisecond(at.0).ok()?;
    let local = moment.to_zoned(zone.clone());
    let (from, to) = if word == "day" {
        let from = local.start_of_day().ok()?;
        let to = from.checked_add(1.day()).ok()?;
        (from, to)
    } else {
        // An hour by the clock that all plants share, also where the zone is half an hour off.
        let begin = at.0 - at.0.rem_euclid(3_600_000);
        let from = jiff::Timestamp::from_millisecond(begin).ok()?;
        let from = from.to_zoned(zone.clone());
        let to = from.checked_add(1.hour()).ok()?;
        (from, to)
    };
    let ms = |moment: &Zoned| Timestamp(moment.timestamp().as_millisecond());
    Some(Period {
        word,
        range: TimeRange::new(ms(&from), ms(&to))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp(moment.as_millisecond())
    }

    fn told(now: &str, zone: &str) -> Vec<(&'static str, Timestamp, Timestamp)> {
        let zone = TimeZone::get(zone).unwrap();
        let found = periods(at(now), &zone).into_iter();
        found.map(|p| (p.word, p.range.from, p.range.to)).collect()
    }

    #[test]
    fn days_are_those_of_the_zone_and_what_has_just_ended_is_told_once_more() {
        let day = (
            "day",
            at("2026-03-01T21:00:00Z"),
            at("2026-03-02T21:00:00Z"),
        );
        let before = (
            "day",
            at("2026-02-28T21:00:00Z"),
            at("2026-03-01T21:00:00Z"),
        );
        let hour = |from: &str, to: &str| ("hour", at(from), at(to));
        assert_eq!(
            told("2026-03-01T21:05:00Z", "Asia/Riyadh"),
            [
                before,
                day,
                hour("2026-03-01T20:00:00Z", "2026-03-01T21:00:00Z"),
                hour("2026-03-01T21:00:00Z", "2026-03-01T22:00:00Z"),
            ]
        );
        assert_eq!(
            told("2026-03-02T09:30:00Z", "Asia/Riyadh"),
            [day, hour("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z")]
        );
    }

    #[test]
    fn a_day_of_the_clock_change_has_its_own_length() {
        let day = told("2026-03-29T12:30:00Z", "Europe/Berlin")[0];
        assert_eq!(day.2.0 - day.1.0, 23 * 3_600_000);
    }
}
