//! What the forecasts of failure would have been worth: at regular moments of the past the chance is stated
//! again as it would have been then, from the times at risk and the failures up to that moment alone, and set
//! beside what came within the horizon.
//!
//! The moments lie one horizon apart (a week at least), so that no failure is counted for two of them of one
//! item. They follow the calendar, not the failures, and stay where they are as time goes on.

use iq_domain::Timestamp;

use crate::{
    failure::{BadLife, Condition, Exposure, FamilyLife, LifeBelief},
    measure::{ReliabilityRow, brier, reliability_by_rank},
};

const HOUR_MS: i64 = 3_600_000;

/// The moments lie so far apart at least, and are so many at most: the newest.
const LEAST_STEP_MS: i64 = 7 * 24 * HOUR_MS;
const MOST_MOMENTS: i64 = 240;

/// Forecasts, and failures that came after one, below which nothing is drawn.
pub const MIN_FORECASTS: u32 = 30;
/// See [`MIN_FORECASTS`].
pub const MIN_FAILURES: u32 = 5;

/// Forecasts that make a group of their own, and groups at most.
const GROUP: usize = 15;
const MOST_GROUPS: usize = 8;

/// One item: since when it is in service, until when, and its failures in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemLife {
    /// In service since; without it it is known from its first failure on.
    pub since: Option<Timestamp>,
    /// Taken out of service, if it was.
    pub until: Option<Timestamp>,
    /// Since when its failures would be known; always, if absent.
    pub watched: Option<Timestamp>,
    /// Its failures, in order of time.
    pub failures: Vec<Timestamp>,
}

impl ItemLife {
    /// Failures of its own service up to a moment.
    fn failed(&self, at: Timestamp) -> impl Iterator<Item = Timestamp> {
        let (since, until) = (self.since, self.until);
        let own = move |t: &Timestamp| {
            *t <= at && since.is_none_or(|s| *t >= s) && until.is_none_or(|u| *t <= u)
        };
        self.failures.iter().copied().filter(own)
    }

    /// Its times at risk as they were known at a moment.
    #[must_use]
    pub fn exposures(&self, at: Timestamp) -> Vec<Exposure> {
        let end = self.until.map_or(at, |until| until.min(at));
        let mut since = self.since.filter(|since| *since <= at);
        let mut found = Vec::new();
        for failure in self.failed(at) {
            found.extend(since.and_then(|start| self.exposure(start, failure, true)));
            since = Some(failure);
        }
        found.extend(since.and_then(|start| self.exposure(start, end, false)));
        found
    }

    /// None where nobody watched it before its end.
    fn exposure(&self, from: Timestamp, to: Timestamp, failed: bool) -> Option<Exposure> {
        let watched = self.watched.map_or(from, |watched| watched.max(from));
        (watched < to).then(|| Exposure {
            from_hours: hours(from, watched),
            hours: hours(from, to),
            failed,
        })
    }

    /// Since when it was as good as new at a moment: its last failure, or its start.
    #[must_use]
    pub fn renewed_at(&self, at: Timestamp) -> Option<Timestamp> {
        let start = self.since.filter(|since| *since <= at);
        self.failed(at).last().max(start)
    }

    /// Whether it failed after `at` within so long; none where it was taken out of service before that can be
    /// said.
    fn outcome(&self, at: Timestamp, end: Timestamp) -> Option<bool> {
        let is_in = |t: Timestamp| self.until.is_none_or(|until| t <= until);
        if self.failed(end).any(|failure| failure > at) {
            return Some(true);
        }
        is_in(end).then_some(false)
    }
}

#[allow(clippy::cast_precision_loss, reason = "hours of a machine's life")]
fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.since_ms(from).max(0) as f64 / 3_600_000.0
}

/// A forecast as it would have been made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Place of the item.
    pub item: usize,
    /// When.
    pub at: Timestamp,
    /// The chance it would have stated.
    pub p: f64,
    /// Whether a condition of then was known; without one the item counts as in perfect condition.
    pub has_condition: bool,
    /// Whether the item failed within the horizon.
    pub failed: bool,
}

/// The moments at which forecasts of `horizon_ms` are looked back at, oldest first: those since `since` whose
/// horizon is over by `now`.
#[must_use]
pub fn moments(since: Timestamp, now: Timestamp, horizon_ms: i64) -> Vec<Timestamp> {
    let step = horizon_ms.max(LEAST_STEP_MS);
    let last = (now.0 - horizon_ms).div_euclid(step);
    let first = (since.0 + step - 1).div_euclid(step);
    (first.max(last - MOST_MOMENTS + 1)..=last)
        .map(|k| Timestamp(k * step))
        .collect()
}

/// The oldest moment at which anything is known of the items.
#[must_use]
pub fn known_since(items: &[ItemLife]) -> Option<Timestamp> {
    let starts = items.iter().map(|item| {
        item.since
            .max(item.watched.filter(|_| item.since.is_some()))
    });
    let failures = items.iter().map(|item| item.failures.first().copied());
    starts.chain(failures).flatten().min()
}

/// The forecasts of then for the items of a family, with what came of them. `condition` is asked for what was
/// known of an item's condition at a moment. An item that was taken out of service within a horizon without a
/// failure says nothing of that one.
///
/// # Errors
/// When the family's numbers or the horizon are not usable.
pub fn forecasts(
    family: &FamilyLife,
    items: &[ItemLife],
    at: &[Timestamp],
    horizon_ms: i64,
    gamma: f64,
    condition: impl Fn(usize, Timestamp) -> Option<Condition>,
) -> Result<Vec<Forecast>, BadLife> {
    let prior = LifeBelief::of_family(family)?;
    let horizon_h = hours(Timestamp(0), Timestamp(horizon_ms));
    let mut found = Vec::new();
    for at in at.iter().copied() {
        let own: Vec<Exposure> = items.iter().flat_map(|i| i.exposures(at)).collect();
        let belief = prior.updated(&own);
        for (place, item) in items.iter().enumerate() {
            // What came of it, nobody would know.
            if item.until.is_some_and(|until| until <= at) || item.watched.is_some_and(|w| w > at) {
                continue;
            }
            let outcome = item.outcome(at, at.plus_ms(horizon_ms));
            let Some((since, failed)) = item.renewed_at(at).zip(outcome) else {
                continue;
            };
            let known = condition(place, at);
            let now = known.unwrap_or(Condition::steady(100.0));
            found.push(Forecast {
                item: place,
                at,
                p: belief.probability(hours(since, at), horizon_h, now, gamma)?,
                has_condition: known.is_some(),
                failed,
            });
        }
    }
    Ok(found)
}

/// Forecasts and the failures that came, where they are too few to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    /// Forecasts there are.
    pub forecasts: u32,
    /// Those of them a failure followed.
    pub failures: u32,
}

/// How forecasts stood up to what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Hindsight {
    /// Groups of like forecasts, from the lowest chance to the highest.
    pub groups: Vec<ReliabilityRow>,
    /// Forecasts.
    pub forecasts: u32,
    /// Those of them a failure followed.
    pub failures: u32,
    /// Their mean chance.
    pub predicted: f64,
    /// Share of them a failure followed: the base rate.
    pub observed: f64,
    /// Mean squared distance of the chances from what came (Brier, 1950).
    pub brier: f64,
    /// The same for who had stated the base rate every time, which only hindsight knows.
    pub brier_base: f64,
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Sets forecasts beside what came of them.
///
/// # Errors
/// When they are too few to draw.
pub fn judge(forecasts: &[Forecast]) -> Result<Hindsight, TooFew> {
    let scored: Vec<(f64, bool)> = forecasts.iter().map(|f| (f.p, f.failed)).collect();
    let (all, failures) = (
        count(scored.len()),
        count(scored.iter().filter(|(_, failed)| *failed).count()),
    );
    if all < MIN_FORECASTS || failures < MIN_FAILURES {
        return Err(TooFew {
            forecasts: all,
            failures,
        });
    }
    let observed = f64::from(failures) / f64::from(all);
    let base: Vec<(f64, bool)> = scored.iter().map(|(_, came)| (observed, *came)).collect();
    let groups = (scored.len() / GROUP).clamp(2, MOST_GROUPS);
    Ok(Hindsight {
        groups: reliability_by_rank(&scored, groups),
        forecasts: all,
        failures,
        predicted: scored.iter().map(|(p, _)| p).sum::<f64>() / f64::from(all),
        observed,
        brier: brier(&scored),
        brier_base: brier(&base),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::GAMMA, num::Random};

    const DAY_MS: i64 = 24 * HOUR_MS;
    const MONTH_MS: i64 = 30 * DAY_MS;
    const NOW: Timestamp = Timestamp(700 * MONTH_MS + 11 * DAY_MS);

    /// A pump that lives a year or two.
    const PUMP: FamilyLife = FamilyLife {
        shape: 1.6,
        low_h: 6_000.0,
        typical_h: 12_000.0,
        high_h: 24_000.0,
    };

    /// Items that fail as Weibull lives of that scale do, each renewed by its failure, for eight years.
    fn fleet(n: usize, scale_h: f64, seed: u64) -> Vec<ItemLife> {
        let mut random = Random::new(seed);
        (0..n)
            .map(|k| {
                let start = NOW.plus_ms(-96 * MONTH_MS - k as i64 * DAY_MS);
                let (mut at, mut failures) = (start, Vec::new());
                loop {
                    let life = scale_h * (-random.unit().max(1e-12).ln()).powf(1.0 / PUMP.shape);
                    at = at.plus_ms((life * HOUR_MS as f64) as i64);
                    if at > NOW {
                        break;
                    }
                    failures.push(at);
                }
                ItemLife {
                    since: Some(start),
                    until: None,
                    watched: None,
                    failures,
                }
            })
            .collect()
    }

    fn look_back(items: &[ItemLife], horizon_ms: i64) -> Vec<Forecast> {
        let at = moments(known_since(items).unwrap(), NOW, horizon_ms);
        forecasts(&PUMP, items, &at, horizon_ms, GAMMA, |_, _| None).unwrap()
    }

    #[test]
    fn moments_lie_a_horizon_apart_and_only_those_that_are_over_count() {
        let at = moments(NOW.plus_ms(-12 * MONTH_MS), NOW, MONTH_MS);
        assert_eq!(at.len(), 11);
        assert!(at.windows(2).all(|w| w[1].since_ms(w[0]) == MONTH_MS));
        assert!(at[0] >= NOW.plus_ms(-12 * MONTH_MS));
        assert!(at.last().unwrap().plus_ms(MONTH_MS) <= NOW);
        // A day later they are the same.
        assert_eq!(
            moments(NOW.plus_ms(-12 * MONTH_MS), NOW.plus_ms(DAY_MS), MONTH_MS),
            at
        );
        // A day's forecast is looked at once a week, and not for ever.
        let days = moments(Timestamp(0), NOW, DAY_MS);
        assert_eq!(days.len(), 240);
        assert_eq!(days[1].since_ms(days[0]), 7 * DAY_MS);
        assert!(moments(NOW, NOW, MONTH_MS).is_empty());
    }

    #[test]
    fn what_came_later_changes_no_forecast() {
        let items = fleet(12, 12_000.0, 7);
        let said = look_back(&items, MONTH_MS);
        assert!(said.len() > 800, "{}", said.len());
        for at in [20, 50, 80].map(|k| NOW.plus_ms(-k * MONTH_MS)) {
            // The future hidden, and another future in its place.
            let hidden: Vec<ItemLife> = items
                .iter()
                .map(|item| ItemLife {
                    failures: item.failures.iter().copied().filter(|f| *f <= at).collect(),
                    ..item.clone()
                })
                .collect();
            let mut other = hidden.clone();
            for (k, item) in other.iter_mut().enumerate() {
                let step = 3 + k as i64;
                item.failures
                    .extend((1..9).map(|n| at.plus_ms(n * step * 5 * DAY_MS)));
                item.until = (k % 3 == 0).then(|| at.plus_ms(40 * MONTH_MS));
            }
            let of = |found: &[Forecast]| -> Vec<(usize, Timestamp, u64)> {
                found
                    .iter()
                    .filter(|f| f.at <= at)
                    .map(|f| (f.item, f.at, f.p.to_bits()))
                    .collect()
            };
            assert_eq!(of(&said), of(&look_back(&hidden, MONTH_MS)));
            assert_eq!(of(&said), of(&look_back(&other, MONTH_MS)));
        }
    }

    #[test]
    fn the_forecast_is_the_one_the_program_states() {
        let items = fleet(4, 12_000.0, 3);
        let found = look_back(&items, MONTH_MS);
        for forecast in &found[found.len() - 4..] {
            let own: Vec<Exposure> = items
                .iter()
                .flat_map(|item| item.exposures(forecast.at))
                .collect();
            let since = items[forecast.item].renewed_at(forecast.at).unwrap();
            let stated = LifeBelief::of_family(&PUMP)
                .unwrap()
                .updated(&own)
                .chance(
                    hours(since, forecast.at),
                    720.0,
                    Condition::steady(100.0),
                    GAMMA,
                )
                .unwrap();
            assert_eq!(stated.p.to_bits(), forecast.p.to_bits());
        }
    }

    #[test]
    fn a_fleet_that_lives_as_believed_is_told_rightly_and_one_that_does_not_shows() {
        let good = judge(&look_back(&fleet(40, 12_000.0, 1), MONTH_MS)).unwrap();
        assert_eq!(good.groups.len(), 8);
        let counted: u64 = good.groups.iter().map(|g| g.count).sum();
        assert_eq!(counted, u64::from(good.forecasts));
        let holds = |found: &Hindsight| {
            let is_in =
                |g: &&ReliabilityRow| (g.observed_low..=g.observed_high).contains(&g.predicted);
            found.groups.iter().filter(is_in).count()
        };
        assert!(holds(&good) >= 6, "{good:?}");
        assert!(good.brier < good.brier_base, "{good:?}");
        // A condition that is always called bad makes boastful forecasts.
        let items = fleet(40, 12_000.0, 1);
        let at = moments(known_since(&items).unwrap(), NOW, MONTH_MS);
        let worn = |_: usize, _: Timestamp| Some(Condition::steady(20.0));
        let boast = forecasts(&PUMP, &items, &at, MONTH_MS, GAMMA, worn).unwrap();
        assert!(boast.iter().all(|f| f.has_condition));
        let boast = judge(&boast).unwrap();
        assert!(holds(&boast) <= 1, "{boast:?}");
        assert!(boast.brier > boast.brier_base);
    }

    #[test]
    fn shuffled_failures_leave_no_skill() {
        let mut found = look_back(&fleet(40, 12_000.0, 1), MONTH_MS);
        let mut came: Vec<bool> = found.iter().map(|f| f.failed).collect();
        Random::new(5).shuffle(&mut came);
        for (forecast, came) in found.iter_mut().zip(came) {
            forecast.failed = came;
        }
        let judged = judge(&found).unwrap();
        assert!(judged.brier >= judged.brier_base, "{judged:?}");
    }

    #[test]
    fn too_few_are_counted_and_not_drawn() {
        assert_eq!(
            judge(&[]),
            Err(TooFew {
                forecasts: 0,
                failures: 0
            })
        );
        let quiet = vec![ItemLife {
            since: Some(NOW.plus_ms(-60 * MONTH_MS)),
            ..ItemLife::default()
        }];
        let found = look_back(&quiet, MONTH_MS);
        let too_few = judge(&found).unwrap_err();
        assert!(too_few.forecasts >= MIN_FORECASTS && too_few.failures == 0);
    }

    #[test]
    fn an_item_counts_only_while_it_is_in_service() {
        let since = NOW.plus_ms(-24 * MONTH_MS);
        let until = NOW.plus_ms(-12 * MONTH_MS);
        let item = ItemLife {
            since: Some(since),
            until: Some(until),
            watched: None,
            // One of the machine before it, and one after it was taken out.
            failures: vec![since.plus_ms(-DAY_MS), until.plus_ms(DAY_MS)],
        };
        let of = |e: &Exposure| (e.hours, e.failed);
        let whole = item.exposures(NOW);
        assert_eq!(whole.iter().map(of).collect::<Vec<_>>(), [(8_640.0, false)]);
        assert_eq!(item.renewed_at(NOW), Some(since));
        let found = look_back(std::slice::from_ref(&item), MONTH_MS);
        // The horizon in which it was taken out says nothing.
        assert!(found.iter().all(|f| f.at >= since && !f.failed));
        assert!(found.iter().all(|f| f.at.plus_ms(MONTH_MS) <= until));
        // Watched for its last three months in service, it is not known to have survived the others.
        let watched = ItemLife {
            watched: Some(until.plus_ms(-3 * MONTH_MS)),
            ..item.clone()
        };
        let late = watched.exposures(NOW);
        assert_eq!(
            (late.len(), late[0].from_hours, late[0].hours),
            (1, 6_480.0, 8_640.0)
        );
        assert!(watched.exposures(since.plus_ms(MONTH_MS)).is_empty());
        let seen = look_back(std::slice::from_ref(&watched), MONTH_MS);
        assert!(!seen.is_empty() && seen.iter().all(|f| Some(f.at) >= watched.watched));
        // Without a date of its start it is known from its first failure on.
        let unknown = ItemLife {
            failures: vec![since],
            ..ItemLife::default()
        };
        assert!(unknown.exposures(since.plus_ms(-1)).is_empty());
        assert_eq!(unknown.exposures(since.plus_ms(HOUR_MS))[0].hours, 1.0);
        assert!(
            look_back(&[unknown], MONTH_MS)
                .iter()
                .all(|f| f.at >= since)
        );
    }
}
