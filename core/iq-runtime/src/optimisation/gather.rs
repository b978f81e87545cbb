//! From what is stored at a moment to the frozen inputs of a run. What is missing is named and left out;
//! nothing is made up.

use std::collections::{BTreeMap, HashMap, HashSet};

use iq_analytics::LifeBelief;
use iq_domain::{
    Assessment, AssetId, Message, Outage, SiteId, SparePart, Technician, Timestamp, WorkOrderId,
    WorkOrderPlan, WorkOrderStatus,
};
use iq_optimiser::{CostModel, deferral::Spread};
use iq_store::{cost_models::CostModelRow, work_orders::WorkOrder};
use jiff::{ToSpan, civil::DateTime, tz::TimeZone};

use super::{
    inputs::{Crew, Inputs, OutageSpan, OwnLife, PlanRequest, Stock, Work},
    reliability::prior_of,
};
use crate::{
    AssetEntry, TenantIndex,
    models::{Histories, condition_of, is_stale},
};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// Names that one note lists.
const MAX_NAMES: usize = 12;

/// What the store holds at the moment of a run.
pub(super) struct Stored {
    pub(super) now: Vec<Assessment>,
    /// Three days before.
    pub(super) before: Vec<Assessment>,
    /// What became of the assets before.
    pub(super) histories: Histories,
    /// Orders that wait.
    pub(super) orders: Vec<WorkOrder>,
    /// What is planned about them.
    pub(super) plans: HashMap<WorkOrderId, WorkOrderPlan>,
    pub(super) technicians: Vec<Technician>,
    /// Outages that are not over.
    pub(super) outages: Vec<Outage>,
    pub(super) parts: Vec<SparePart>,
    pub(super) costs: Option<CostModelRow>,
}

/// The inputs of a run.
pub(super) fn build(
    plant: &TenantIndex,
    stored: Stored,
    request: PlanRequest,
    as_of: Timestamp,
) -> Inputs {
    let mut notes = Notes::default();
    let cost_model = stored.costs.as_ref().and_then(|row| {
        let model: CostModel = serde_json::from_value(row.model.clone()).ok()?;
        Some(with_what_if(model, &request))
    });
    if cost_model.is_none() {
        notes.say("optimization.note.no_cost_model");
    }
    let store = Store::of(plant, &stored.parts);
    let work = work(plant, &stored, &store, (&request, as_of), &mut notes);
    if let Some(model) = &cost_model {
        let bare = work
            .iter()
            .filter(|w| !model.cost_per_asset_family.contains_key(&w.family));
        let families: HashSet<&str> = bare.map(|w| w.family.as_str()).collect();
        for family in families {
            notes.add("optimization.note.no_family_cost", family);
        }
    }
    let zone = zone_of(plant, &request);
    let start = next_midnight(as_of, &zone);
    let crews = crews(plant, &stored.technicians, &request, start);
    let is_everybody_away =
        crews.is_empty() && present(plant, &stored.technicians).next().is_some();
    if is_everybody_away {
        notes.say("optimization.note.everybody_away");
    } else if crews.is_empty() {
        notes.say("optimization.note.no_technicians");
    } else if crews.iter().all(|c| c.hourly_cost.is_none()) {
        notes.say("optimization.note.no_hourly_cost");
    }
    let mut sites: Vec<String> = plant.sites.keys().map(ToString::to_string).collect();
    sites.sort();
    if sites.len() > 1 && !crews.is_empty() {
        notes.push(
            "optimization.note.travel",
            &[("minutes", request.travel_minutes.to_string())],
        );
    }
    Inputs {
        as_of,
        start,
        outages: outages(&stored.outages, &request, start),
        stock: store.taken(
            work.iter().flat_map(|w| w.parts.keys()),
            as_of,
            start,
            &mut notes,
        ),
        cost_model_version: stored.costs.map(|row| row.version),
        cost_model,
        work,
        crews,
        is_everybody_away,
        sites,
        notes: notes.done(),
        request,
    }
}

fn with_what_if(mut model: CostModel, request: &PlanRequest) -> CostModel {
    model.risk_appetite = request.risk_appetite.unwrap_or(model.risk_appetite);
    model.default_downtime_cost_per_hour *= request.production_factor;
    for value in model
        .production_value_per_site
        .values_mut()
        .chain(model.production_value_per_unit.values_mut())
    {
        *value *= request.production_factor;
    }
    model
}

pub(super) fn is_open(order: &WorkOrder) -> bool {
    use WorkOrderStatus::{Cancelled, Closed, Completed, InProgress};
    !matches!(order.status, Completed | Closed | Cancelled | InProgress)
}

fn work(
    plant: &TenantIndex,
    stored: &Stored,
    store: &Store<'_>,
    (request, as_of): (&PlanRequest, Timestamp),
    notes: &mut Notes,
) -> Vec<Work> {
    let now: HashMap<AssetId, &Assessment> = stored.now.iter().map(|a| (a.asset_id, a)).collect();
    let before: HashMap<AssetId, &Assessment> =
        stored.before.iter().map(|a| (a.asset_id, a)).collect();
    let orders = next_orders(&stored.orders);
    let mut entries: Vec<&AssetEntry> = plant
        .assets
        .values()
        .filter(|e| request.site_id.is_none_or(|site| e.site_id == site))
        .filter(|e| e.asset.effective_to.is_none_or(|end| end > as_of))
        .collect();
    entries.sort_by(|a, b| a.asset.code.cmp(&b.asset.code));
    let histories = &stored.histories;
    let mut lives: HashMap<&str, Lives> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let asset = &entry.asset;
        let score = now.get(&asset.id).copied();
        let condition =
            score.and_then(|score| condition_of(score, before.get(&asset.id).copied(), as_of));
        let order = orders.get(&asset.id);
        let must_do = request.must_do.contains(&asset.id);
        let withheld = condition.is_none().then(|| why_no_health(score, as_of));
        if let Some(why) = &withheld {
            let is_old = why.code == OLD_HEALTH;
            // A machine that stands still has no health: the work that waits for it is planned all the same.
            let is_left_out = order.is_none() && !must_do;
            notes.add(health_note(is_left_out, is_old), &asset.code);
            if is_left_out {
                continue;
            }
        }
        if prior_of(&asset.family).is_none() {
            notes.add("optimization.note.no_prior", &asset.code);
            continue;
        }
        let since = histories.renewed_at(plant, asset.id);
        if since.is_none() {
            notes.add("optimization.note.no_age", &asset.code);
        }
        let life = lives
            .entry(asset.family.as_str())
            .or_insert_with(|| Lives::of(histories, plant, &asset.family, as_of));
        let plan = order.and_then(|order| stored.plans.get(&order.id));
        let hours_left = order.and_then(|order| hours_left(order, stored, &asset.family));
        if hours_left.is_some() {
            notes.add("optimization.note.part_done", &asset.code);
        }
        let called = order.map(|o| o.number.clone().or_else(|| o.reference.clone()));
        found.push(Work {
            key: asset.code.clone(),
            asset_id: asset.id,
            asset_code: asset.code.clone(),
            family: asset.family.clone(),
            unit_id: asset.unit_id.to_string(),
            site_id: entry.site_id.to_string(),
            criticality: asset.criticality,
            order_id: order.map(|o| o.id),
            order: called.flatten(),
            due_at: order.and_then(|o| o.planned_end),
            hours_left,
            health: condition.map_or(100.0, |c| c.health),
            health_at: score.map_or(as_of, |score| score.at),
            health_model: score.map_or_else(String::new, |score| score.model.clone()),
            health_fall_per_day: condition.map_or(0.0, |c| c.fall_per_day),
            health_withheld: withheld,
            age_hours: since.map(|since| hours(as_of.since_ms(since).max(0))),
            own_life: life.own,
            life: since.map_or(life.rate, |_| life.belief),
            certificates: plan.map_or_else(Vec::new, |plan| plan.certificates.clone()),
            needs_outage: plan.is_some_and(|plan| plan.needs_outage),
            parts: plan.map_or_else(BTreeMap::new, |plan| {
                store.needed(entry.site_id, plan, notes)
            }),
            must_do,
        });
    }
    found
}

/// What is said of an asset without a health to plan with.
const fn health_note(is_left_out: bool, is_old: bool) -> &'static str {
    match (is_left_out, is_old) {
        (true, true) => "optimization.note.old_health",
        (true, false) => "optimization.note.no_health",
        (false, _) => "optimization.note.without_health",
    }
}

/// The parts in store by site, with the names under which a plan knows them.
struct Store<'a> {
    parts: Vec<(String, &'a SparePart)>,
}

impl<'a> Store<'a> {
    fn of(plant: &TenantIndex, parts: &'a [SparePart]) -> Self {
        let mut stores: HashMap<&str, u32> = HashMap::new();
        for part in parts {
            *stores.entry(part.code.as_str()).or_default() += 1;
        }
        let name = |part: &SparePart| match plant.sites.get(&part.site_id) {
            Some(site) if stores.get(part.code.as_str()) > Some(&1) => {
                format!("{} ({})", part.code, site.code)
            }
            _ => part.code.clone(),
        };
        Self {
            parts: parts.iter().map(|part| (name(part), part)).collect(),
        }
    }

    /// The parts of a plan the site's store knows; the others are named, and limit nothing.
    fn needed(
        &self,
        site: SiteId,
        plan: &WorkOrderPlan,
        notes: &mut Notes,
    ) -> BTreeMap<String, f64> {
        let mut needed: BTreeMap<String, f64> = BTreeMap::new();
        for part in plan.parts.iter().filter(|part| part.quantity > 0.0) {
            let Some(number) = part.number.as_deref().map(str::trim) else {
                continue;
            };
            let mine = || self.parts.iter().filter(|(_, kept)| kept.site_id == site);
            let exact = mine().find(|(_, kept)| kept.code == number);
            let found =
                exact.or_else(|| mine().find(|(_, kept)| kept.code.eq_ignore_ascii_case(number)));
            match found {
                Some((name, _)) => *needed.entry(name.clone()).or_default() += part.quantity,
                None => notes.add("optimization.note.no_stock", number),
            }
        }
        needed
    }

    /// What some work takes, as it stands at the start.
    fn taken<'n>(
        &self,
        names: impl Iterator<Item = &'n String>,
        as_of: Timestamp,
        start: Timestamp,
        notes: &mut Notes,
    ) -> Vec<Stock> {
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names.dedup();
        let kept = names
            .into_iter()
            .filter_map(|name| self.parts.iter().find(|(known, _)| known == name));
        kept.map(|(name, part)| {
            let overdue = part.expected.filter(|arrival| arrival.at <= as_of);
            if overdue.is_some() {
                notes.add("optimization.note.arrival_overdue", name);
            }
            let coming = part.expected.filter(|arrival| arrival.at > as_of);
            // What comes inside a minute is there after it.
            let minute = |at: Timestamp| minutes(at.since_ms(start).saturating_add(MINUTE_MS - 1));
            Stock {
                part: name.clone(),
                on_hand: part.on_hand,
                arrival: coming.map(|arrival| (minute(arrival.at), arrival.quantity)),
                is_overdue: overdue.is_some(),
                lead_time_days: part.lead_time_days,
            }
        })
        .collect()
    }
}

/// The outages that reach into the days planned.
fn outages(all: &[Outage], request: &PlanRequest, start: Timestamp) -> Vec<OutageSpan> {
    let end = request.horizon_days * 1_440;
    let spans = all.iter().map(|outage| OutageSpan {
        title: outage.title.clone(),
        site_id: outage.site_id.to_string(),
        unit_id: outage.unit_id.map(|id| id.to_string()),
        asset_id: outage.asset_id,
        from: minutes(outage.from.since_ms(start).saturating_add(MINUTE_MS - 1)),
        to: minutes(outage.to.since_ms(start)).min(end),
    });
    spans
        .filter(|span| span.from < span.to)
        .filter(|span| {
            request
                .site_id
                .is_none_or(|site| span.site_id == site.to_string())
        })
        .collect()
}

/// One order per asset is planned: the one that is due first, then the oldest.
fn next_orders(all: &[WorkOrder]) -> HashMap<AssetId, &WorkOrder> {
    let mut waiting: Vec<&WorkOrder> = all.iter().filter(|o| is_open(o)).collect();
    waiting.sort_by_key(|o| {
        (
            o.planned_end.unwrap_or(Timestamp(i64::MAX)),
            o.opened_at,
            o.id,
        )
    });
    let mut orders = HashMap::new();
    for order in waiting {
        if let Some(asset) = order.asset_id {
            orders.entry(asset).or_insert(order);
        }
    }
    orders
}

/// The hours of the visits to an order's job that still wait, where others are begun or over; none where the
/// whole job waits. Never more than the usual job takes.
fn hours_left(order: &WorkOrder, stored: &Stored, family: &str) -> Option<f64> {
    let whole = prior_of(family)?.job_hours;
    let first = order.visit_of.unwrap_or(order.id);
    let is_visit = |o: &&WorkOrder| o.id == first || o.visit_of == Some(first);
    let visits: Vec<&WorkOrder> = stored.orders.iter().filter(is_visit).collect();
    if visits.iter().all(|visit| is_open(visit)) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "visits to a job")]
    let usual = whole / visits.len() as f64;
    let waiting = visits.iter().filter(|visit| is_open(visit));
    let left: f64 = waiting
        .map(|visit| {
            let plan = stored.plans.get(&visit.id);
            let said = plan.and_then(|plan| plan.estimated_hours);
            said.filter(|hours| *hours > 0.0).unwrap_or(usual)
        })
        .sum();
    Some(left.min(whole))
}

/// The sentence for a score that is too old to plan with.
const OLD_HEALTH: &str = "optimization.health_old";

/// Why there is no health to plan with.
fn why_no_health(score: Option<&Assessment>, as_of: Timestamp) -> Message {
    let Some(score) = score else {
        return Message {
            code: "optimization.health_none".to_owned(),
            ..Message::default()
        };
    };
    match &score.withheld_code {
        Some(code) if !is_stale(score, as_of) => Message {
            code: code.clone(),
            params: params_of(&score.withheld_params),
        },
        _ => Message {
            code: OLD_HEALTH.to_owned(),
            ..Message::default()
        },
    }
}

fn params_of(stored: &serde_json::Value) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| {
        let known = value.as_str().map(str::to_owned);
        known.unwrap_or_else(|| value.to_string())
    };
    let all = stored.as_object().into_iter().flatten();
    all.map(|(key, value)| (key.clone(), text(value))).collect()
}

/// What is believed of the life of a family.
#[derive(Clone, Copy, Default)]
struct Lives {
    belief: Option<LifeBelief>,
    /// For items whose age nobody knows.
    rate: Option<LifeBelief>,
    /// What the tenant's own items said.
    own: Option<OwnLife>,
}

impl Lives {
    fn of(histories: &Histories, plant: &TenantIndex, family: &str, as_of: Timestamp) -> Self {
        let Some(belief) = histories.belief(plant, family, as_of) else {
            return Self::default();
        };
        let (typical, low, high) = belief.scale_h();
        Self {
            belief: Some(belief),
            rate: Histories::rate(&belief),
            own: (belief.exposures > 0).then_some(OwnLife {
                eta_hours: Spread { low, typical, high },
                failures: belief.failures,
                lives: belief.exposures,
            }),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "hours of a machine's life")]
fn hours(ms: i64) -> f64 {
    ms as f64 / HOUR_MS as f64
}

fn zone_of(plant: &TenantIndex, request: &PlanRequest) -> TimeZone {
    let mut sites: Vec<_> = plant.sites.values().collect();
    sites.sort_by(|a, b| a.code.cmp(&b.code));
    let wanted = request.site_id.and_then(|id| plant.sites.get(&id));
    let name = wanted
        .or(sites.first().copied())
        .map(|s| s.time_zone.as_str());
    name.and_then(|n| TimeZone::get(n).ok())
        .unwrap_or(TimeZone::UTC)
}

/// The local midnight after a moment: what is left of today is not planned any more.
fn next_midnight(at: Timestamp, zone: &TimeZone) -> Timestamp {
    let whole = Timestamp(at.0.div_euclid(86_400_000).saturating_add(1) * 86_400_000);
    let Ok(moment) = jiff::Timestamp::from_millisecond(at.0) else {
        return whole;
    };
    moment
        .to_zoned(zone.clone())
        .tomorrow()
        .and_then(|t| t.start_of_day())
        .map_or(whole, |t| Timestamp(t.timestamp().as_millisecond()))
}

/// Technicians who are there when nobody is left out.
fn present<'a>(
    plant: &'a TenantIndex,
    technicians: &'a [Technician],
) -> impl Iterator<Item = &'a Technician> {
    technicians
        .iter()
        .filter(|t| t.is_active && plant.sites.contains_key(&t.site_id))
}

fn crews(
    plant: &TenantIndex,
    technicians: &[Technician],
    request: &PlanRequest,
    start: Timestamp,
) -> Vec<Crew> {
    let mut all: Vec<&Technician> = present(plant, technicians)
        .filter(|t| !request.without_technicians.contains(&t.id))
        .collect();
    all.sort_by_key(|t| t.id);
    all.into_iter()
        .map(|person| {
            let zone = plant
                .sites
                .get(&person.site_id)
                .map(|s| s.time_zone.as_str());
            let zone = zone.and_then(|z| TimeZone::get(z).ok());
            let minute = |at: Timestamp| minutes(at.since_ms(start));
            Crew {
                id: person.id,
                site_id: person.site_id.to_string(),
                hourly_cost: person.hourly_cost,
                skills: person.skills.clone(),
                certificates: person
                    .certificates
                    .iter()
                    .map(|c| (c.name.clone(), c.valid_until.map(minute)))
                    .collect::<BTreeMap<_, _>>(),
                shifts: shifts(person, &zone.unwrap_or(TimeZone::UTC), request, start),
                absences: person
                    .absences
                    .iter()
                    .map(|a| (minute(a.from), minute(a.to)))
                    .filter(|(from, to)| from < to)
                    .collect(),
            }
        })
        .collect()
}

/// Whole minutes after the start; what lies before it is at the start.
fn minutes(ms: i64) -> u32 {
    u32::try_from(ms.div_euclid(MINUTE_MS).clamp(0, 50_000_000)).unwrap_or(0)
}

/// The weekly pattern laid over the days of the horizon, in the local time of the home site; shifts that
/// touch become one.
fn shifts(
    person: &Technician,
    zone: &TimeZone,
    request: &PlanRequest,
    start: Timestamp,
) -> Vec<(u32, u32)> {
    let Ok(first) = jiff::Timestamp::from_millisecond(start.0) else {
        return Vec::new();
    };
    let first = first.to_zoned(zone.clone()).date();
    let end = request.horizon_days * 1_440;
    let at = |midnight: DateTime, minute: u16| -> Option<u32> {
        let local = midnight.checked_add(i64::from(minute).minutes()).ok()?;
        let moment = local.to_zoned(zone.clone()).ok()?.timestamp();
        Some(minutes(moment.as_millisecond().saturating_sub(start.0)))
    };
    let mut found: Vec<(u32, u32)> = Vec::new();
    for day in 0..=i64::from(request.horizon_days) {
        let Ok(date) = first.checked_add((day - 1).days()) else {
            continue;
        };
        let weekday = date.weekday().to_monday_one_offset();
        for shift in &person.shifts {
            if i64::from(shift.weekday) != i64::from(weekday) || !shift.is_valid() {
                continue;
            }
            let midnight = date.to_datetime(jiff::civil::Time::midnight());
            let span = at(midnight, shift.from_minute).zip(at(midnight, shift.to_minute));
            found.extend(span.map(|(a, b)| (a, b.min(end))).filter(|(a, b)| a < b));
        }
    }
    found.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (from, to) in found {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Sentences about what is missing, those of one kind together.
#[derive(Default)]
struct Notes {
    all: Vec<Message>,
    names: BTreeMap<&'static str, Vec<String>>,
}

impl Notes {
    fn say(&mut self, code: &str) {
        self.push(code, &[]);
    }

    fn push(&mut self, code: &str, params: &[(&str, String)]) {
        self.all.push(Message {
            code: code.to_owned(),
            params: params
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect(),
        });
    }

    fn add(&mut self, code: &'static str, name: &str) {
        self.names.entry(code).or_default().push(name.to_owned());
    }

    fn done(mut self) -> Vec<Message> {
        for (code, mut names) in std::mem::take(&mut self.names) {
            names.sort();
            let count = names.len();
            names.truncate(MAX_NAMES);
            let mut list = names.join(", ");
            if count > MAX_NAMES {
                list.push_str(", …");
            }
            self.push(code, &[("count", count.to_string()), ("names", list)]);
        }
        self.all
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
