//! How likely an asset fails within a horizon, and how long it still lasts: the family's spread, corrected
//! by what the tenant's own items of that family did.

use std::collections::HashMap;

use iq_analytics::{
    Condition, Exposure, FailureChance, FamilyLife, ItemLife, LifeBelief, Standing, Withheld,
    failure::GAMMA,
};
use iq_domain::{
    Assessment, AssetId, CodedError, Message, TenantId, TimeRange, Timestamp, WorkOrderPriority,
};
use iq_store::{
    assessments,
    work_orders::{WorkOrder, WorkOrderFilter},
};

use super::{RemainingLife, broken, gather, say, withheld_message};
use crate::{
    Inner, Runtime, TenantIndex,
    failures::{self, Orders, is_over},
    optimisation::prior_of,
};

/// Reports of one breakdown come in within this time.
const SAME_FAILURE_MS: i64 = 24 * 3_600_000;

/// Nobody knows since when an asset is in service.
pub(crate) const NO_AGE: &str = "models.withheld.no_age";

/// The machine stands still.
const NOT_RUNNING: &str = "models.withheld.not_running";

/// What is believed of an asset's life.
#[derive(Clone, Debug)]
pub struct Life {
    /// The horizon, in hours.
    pub horizon_h: f64,
    /// Age since it was last as good as new, in hours, where that is known.
    pub age_h: Option<f64>,
    /// The health that was used; 100 where there is none.
    pub health: Option<f64>,
    /// The chance to fail within the horizon, or why there is none.
    pub chance: Result<LifeAnswer, Message>,
    /// The remaining life, or why there is none.
    pub remaining: Result<RemainingLife, Message>,
}

/// A chance and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub struct LifeAnswer {
    /// Probability with its interval and base rate.
    pub chance: FailureChance,
    /// Failures of the tenant's own items of the family.
    pub own_failures: u32,
    /// Their times at risk.
    pub own_exposures: u32,
    /// Characteristic life in hours: median and 90 % interval.
    pub scale_h: (f64, f64, f64),
}

/// What the tenant's orders tell of its assets.
pub(crate) struct Histories {
    /// The first that an order tells: failures before it would not be known. Without any, nobody writes them down.
    watched: Timestamp,
    failures: HashMap<AssetId, Vec<Timestamp>>,
    defects: HashMap<AssetId, (u32, u32)>,
    /// When the last failure was repaired.
    repaired: HashMap<AssetId, Timestamp>,
    /// Times of work; one that goes on has no end yet.
    pub(crate) worked: HashMap<AssetId, Vec<TimeRange>>,
}

impl Histories {
    pub(crate) async fn read(inner: &Inner, plant: &TenantIndex) -> Result<Self, CodedError> {
        let orders = failures::read(inner, plant, WorkOrderFilter::default()).await?;
        Ok(Self::of(&orders, inner.clock.now()))
    }

    /// What orders tell.
    fn of(orders: &Orders, now: Timestamp) -> Self {
        let mut failures: HashMap<AssetId, Vec<Timestamp>> = HashMap::new();
        let mut defects: HashMap<AssetId, (u32, u32)> = HashMap::new();
        let mut worked: HashMap<AssetId, Vec<TimeRange>> = HashMap::new();
        let mut repaired: HashMap<AssetId, Timestamp> = HashMap::new();
        for order in &orders.rows {
            let range = super::gather::worked(order, Timestamp(i64::MAX));
            if let Some((asset, range)) = order.asset_id.zip(range) {
                worked.entry(asset).or_default().push(range);
            }
        }
        for report in orders.reports(now) {
            let (asset, order) = (report.asset, report.order);
            failures.entry(asset).or_default().push(report.failure.at);
            if is_over(order) {
                let end = order.actual_end.unwrap_or(order.changed_at);
                let last = repaired.entry(asset).or_insert(end);
                *last = (*last).max(end);
            } else {
                let (open, urgent) = defects.entry(asset).or_default();
                *open += 1;
                let is_urgent =
                    order.is_down || order.priority == Some(WorkOrderPriority::VeryHigh);
                *urgent += u32::from(is_urgent);
            }
        }
        for times in failures.values_mut() {
            times.sort_unstable();
            times.dedup_by(|later, first| later.since_ms(*first) < SAME_FAILURE_MS);
        }
        let told = |o: &WorkOrder| {
            o.malfunction_at
                .map_or(o.opened_at, |at| at.min(o.opened_at))
        };
        let first = orders.rows.iter().map(told).min();
        Self {
            watched: first.unwrap_or(now),
            failures,
            defects,
            repaired,
            worked,
        }
    }

    /// Since when an asset is as good as new: its last failure, or its start.
    pub(crate) fn renewed_at(&self, plant: &TenantIndex, asset: AssetId) -> Option<Timestamp> {
        let last = self.failures.get(&asset).and_then(|all| all.last());
        let start = plant.assets.get(&asset)?.asset.effective_from;
        last.copied().max(start)
    }

    /// The lives of all assets of a family, by their codes.
    pub(super) fn lives(&self, plant: &TenantIndex, family: &str) -> Vec<(AssetId, ItemLife)> {
        let mut own: Vec<_> = plant
            .assets
            .values()
            .filter(|e| e.asset.family == family)
            .collect();
        own.sort_by(|a, b| a.asset.code.cmp(&b.asset.code));
        own.into_iter()
            .map(|entry| {
                let asset = &entry.asset;
                let life = ItemLife {
                    since: asset.effective_from,
                    until: asset.effective_to,
                    watched: Some(self.watched),
                    failures: self.failures.get(&asset.id).cloned().unwrap_or_default(),
                };
                (asset.id, life)
            })
            .collect()
    }

    /// Times at risk of all assets of a family.
    fn exposures(&self, plant: &TenantIndex, family: &str, now: Timestamp) -> Vec<Exposure> {
        let lives = self.lives(plant, family);
        lives.iter().flat_map(|(_, l)| l.exposures(now)).collect()
    }

    /// What is believed of a family's life: its usual spread, corrected by the tenant's own items.
    pub(crate) fn belief(
        &self,
        plant: &TenantIndex,
        family: &str,
        now: Timestamp,
    ) -> Option<LifeBelief> {
        let belief = LifeBelief::of_family(&usual_life(family)?).ok()?;
        Some(belief.updated(&self.exposures(plant, family, now)))
    }

    /// The average rate of a family, for items whose age nobody knows: the same spread of lives, at shape 1.
    pub(crate) fn rate(belief: &LifeBelief) -> Option<LifeBelief> {
        let (typical_h, low_h, high_h) = belief.scale_h();
        let life = FamilyLife {
            shape: 1.0,
            low_h,
            typical_h,
            high_h,
        };
        LifeBelief::of_family(&life).ok()
    }

    /// Age and defects of every asset, for its health.
    pub(crate) fn standings(
        &self,
        plant: &TenantIndex,
        now: Timestamp,
    ) -> HashMap<AssetId, Standing> {
        let mut usual: HashMap<&str, Option<f64>> = HashMap::new();
        plant
            .assets
            .values()
            .map(|entry| {
                let family = entry.asset.family.as_str();
                let scale = *usual
                    .entry(family)
                    .or_insert_with(|| self.belief(plant, family, now).map(|b| b.scale_h().0));
                let age = self
                    .renewed_at(plant, entry.asset.id)
                    .map(|since| hours(since, now));
                let (open, urgent) = self
                    .defects
                    .get(&entry.asset.id)
                    .copied()
                    .unwrap_or_default();
                let standing = Standing {
                    life_used: age.zip(scale).map(|(age, scale)| age / scale),
                    open_defects: open,
                    urgent_defects: urgent,
                };
                (entry.asset.id, standing)
            })
            .collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "hours of a machine's life")]
fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.since_ms(from).max(0) as f64 / 3_600_000.0
}

/// What a family usually does.
pub(super) fn usual_life(family: &str) -> Option<FamilyLife> {
    let prior = prior_of(family)?;
    Some(FamilyLife {
        shape: prior.beta.typical,
        low_h: prior.eta_hours.low,
        typical_h: prior.eta_hours.typical,
        high_h: prior.eta_hours.high,
    })
}

/// A score older than this says nothing about the days to come.
const STALE_MS: i64 = 48 * 3_600_000;

/// The trend of health is taken over so long.
pub(crate) const TREND_MS: i64 = 3 * 24 * 3_600_000;

/// The last score of an asset: what was stored, or what came since and was too like it to be stored.
pub(crate) fn newest(
    inner: &Inner,
    stored: Option<Assessment>,
    asset: AssetId,
) -> Option<Assessment> {
    let last = inner.scores.latest(asset);
    match (stored, last) {
        (Some(stored), Some(last)) => Some(if last.at >= stored.at { last } else { stored }),
        (stored, last) => stored.or(last),
    }
}

/// Whether a score says nothing any more.
pub(crate) fn is_stale(score: &Assessment, now: Timestamp) -> bool {
    now.since_ms(score.at) > STALE_MS
}

/// Whether the machine does not run: what was left of its life by the hour says nothing then.
fn stands_still(score: &Assessment, now: Timestamp) -> bool {
    !is_stale(score, now) && score.withheld_code.as_deref() == Some("score.not_running")
}

/// Health and what it loses per day; none where there is no health, or an old one.
pub(crate) fn condition_of(
    score: &Assessment,
    before: Option<&Assessment>,
    now: Timestamp,
) -> Option<Condition> {
    let health = score.health.filter(|_| !is_stale(score, now))?;
    Some(Condition {
        health,
        fall_per_day: fall(before, score, health),
    })
}

/// Health lost per day between two assessments, at least twelve hours apart; what rises is not falling.
fn fall(before: Option<&Assessment>, now: &Assessment, health: f64) -> f64 {
    let Some((then, was)) = before.and_then(|b| Some((b.at, b.health?))) else {
        return 0.0;
    };
    let days = hours(then, now.at) / 24.0;
    if days < 0.5 {
        return 0.0;
    }
    let per_day = (was - health) / days;
    (per_day.clamp(0.0, 5.0) * 1_000.0).round() / 1_000.0
}

impl Runtime {
    /// What is believed of an asset's life over a horizon.
    ///
    /// # Errors
    /// When there is no such asset.
    pub async fn asset_life(
        &self,
        tenant: TenantId,
        asset: AssetId,
        horizon_h: f64,
    ) -> Result<Life, CodedError> {
        let plant = self.asset_of(tenant, asset)?;
        let now = self.0.clock.now();
        let histories = Histories::read(&self.0, &plant).await?;
        let entry = plant
            .assets
            .get(&asset)
            .ok_or(CodedError::not_found("assets.not_found"))?;
        let family = entry.asset.family.as_str();
        let age_h = histories
            .renewed_at(&plant, asset)
            .map(|since| hours(since, now));
        let (score, before) = self
            .0
            .store
            .read(move |conn| {
                Ok((
                    assessments::get_assessment_at(conn, tenant, asset, now)?,
                    assessments::get_assessment_at(conn, tenant, asset, now.plus_ms(-TREND_MS))?,
                ))
            })
            .await?;
        let score = newest(&self.0, score, asset);
        let condition = score
            .as_ref()
            .and_then(|score| condition_of(score, before.as_ref(), now));
        let health = condition.map(|condition| condition.health);
        let belief = histories.belief(&plant, family, now);
        let chance = match (belief, age_h) {
            (None, _) => Err(say("models.withheld.no_prior")),
            (_, None) => Err(say(NO_AGE)),
            (Some(belief), Some(age)) => belief
                .chance(
                    age,
                    horizon_h,
                    condition.unwrap_or(Condition::steady(100.0)),
                    GAMMA,
                )
                .map(|chance| LifeAnswer {
                    chance,
                    own_failures: belief.failures,
                    own_exposures: belief.exposures,
                    scale_h: belief.scale_h(),
                })
                .map_err(|_| withheld_message(&Withheld::BadInput)),
        };
        let plan = gather::plan(&self.0, &plant, entry).await?;
        let historian = self.0.historian.clone();
        let repaired = histories.repaired.get(&asset).copied();
        let remaining = if score.as_ref().is_some_and(|score| stands_still(score, now)) {
            Err(say(NOT_RUNNING))
        } else {
            tokio::task::spawn_blocking(move || plan.remaining(&historian, now, repaired))
                .await
                .map_err(|_| broken())??
        };
        Ok(Life {
            horizon_h,
            age_h,
            health,
            chance,
            remaining,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still_has_no_hours_left_to_count_until_the_score_is_stale() {
        let now = Timestamp(1_790_000_000_000);
        let of = |code: Option<&str>, ago_ms: i64| Assessment {
            id: iq_domain::AssessmentId::new(),
            tenant_id: TenantId::new(),
            asset_id: AssetId::new(),
            at: now.plus_ms(-ago_ms),
            health: None,
            anomaly: None,
            coverage: 1.0,
            input_age_ms: None,
            contributors: Vec::new(),
            model: String::new(),
            withheld_code: code.map(str::to_owned),
            withheld_params: serde_json::Value::Null,
        };
        assert!(stands_still(&of(Some("score.not_running"), 60_000), now));
        let old = of(Some("score.not_running"), STALE_MS + 1);
        assert!(!stands_still(&old, now));
        assert!(!stands_still(&of(Some("score.settling"), 0), now));
        assert!(!stands_still(&of(None, 0), now));
    }
}
