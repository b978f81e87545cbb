//! The probability that an item fails within a horizon: what its family usually does, corrected by what
//! the tenant's own items did. Usually fewer than ten failures are known, so the family's spread with
//! its interval is the normal case.
//!
//! *Life*: Weibull with known shape β. With λ = η^(−β) the likelihood of r failures and of all times at
//! risk is λ^r · exp(−λ Σ tᵢ^β), so a gamma prior stays a gamma: Gamma(a + r, b + Σ tᵢ^β) (Soland, 1969;
//! Meeker and Escobar, "Statistical methods for reliability data", 14). *Condition*: the hazard is
//! multiplied by exp(γ·(1 − H/100)) with health H, γ about 4.1; health that falls is assessed once a day.
//! *Probability* from age t over d with x = Σ factor·((t + d)^β − t^β) over the days:
//! 1 − (b/(b + x))^a, the mean over λ; its interval by the quantiles of λ. Whoever states a chance of
//! failure states this one.

use serde::{Deserialize, Serialize};

use crate::num::{gamma_quantile, median};

/// Effect of condition on the hazard when nothing better is known.
pub const GAMMA: f64 = 4.1;

/// What a family usually does: shape and characteristic life of the Weibull distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FamilyLife {
    /// β.
    pub shape: f64,
    /// η that one family in twenty stays below, in hours.
    pub low_h: f64,
    /// Usual η, in hours.
    pub typical_h: f64,
    /// η that one family in twenty exceeds, in hours.
    pub high_h: f64,
}

/// One item's time at risk, from when it was as good as new.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Its (virtual) age when somebody began to write failures down, in hours: before that it is not known
    /// to have survived.
    #[serde(default)]
    pub from_hours: f64,
    /// Its (virtual) age at the end, in hours.
    pub hours: f64,
    /// Whether it ended by a failure; otherwise the item still runs or was changed in time.
    pub failed: bool,
}

/// What is believed about the life of an item of a family.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifeBelief {
    shape: f64,
    /// Gamma distribution of λ: number of failures it is worth …
    a: f64,
    /// … and their exposure in hours^β.
    b: f64,
    /// Own failures it has seen.
    pub failures: u32,
    /// Own exposures it has seen.
    pub exposures: u32,
}

/// A probability with its 90 % interval, never 0 and never 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureChance {
    /// Probability.
    pub p: f64,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// The same for an item in perfect condition: the base rate beside it.
    pub base: f64,
}

/// Health 0–100 and what it loses per day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Now.
    pub health: f64,
    /// Lost per day; a day keeps the health of its beginning.
    pub fall_per_day: f64,
}

impl Condition {
    /// A health that stays.
    #[must_use]
    pub const fn steady(health: f64) -> Self {
        Self {
            health,
            fall_per_day: 0.0,
        }
    }
}

/// Why there is no probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLife;

/// Effect of health 0–100 on the hazard.
#[must_use]
pub fn condition_factor(health: f64, gamma: f64) -> f64 {
    (gamma * (1.0 - health.clamp(0.0, 100.0) / 100.0)).exp()
}

/// Probability of failing between age `age_h` and `age_h + horizon_h` of an item whose life is known:
/// 1 − exp(−factor·(((t + d)/η)^β − (t/η)^β)).
#[must_use]
pub fn known_life(shape: f64, scale_h: f64, age_h: f64, horizon_h: f64, factor: f64) -> f64 {
    let hazard = |t: f64| (t / scale_h).powf(shape);
    -(-factor * (hazard(age_h + horizon_h) - hazard(age_h))).exp_m1()
}

/// Never 0 and never 1.
const fn shown(p: f64) -> f64 {
    p.clamp(1e-6, 1.0 - 1e-6)
}

impl LifeBelief {
    /// The family's spread as a prior.
    ///
    /// # Errors
    /// When its numbers are not positive and in order.
    pub fn of_family(family: &FamilyLife) -> Result<Self, BadLife> {
        let FamilyLife {
            shape,
            low_h,
            typical_h,
            high_h,
        } = *family;
        let is_in_order =
            low_h > 0.0 && low_h < typical_h && typical_h < high_h && high_h.is_finite();
        if !(shape > 0.0 && shape.is_finite() && is_in_order) {
            return Err(BadLife);
        }
        // λ between its 5 % and 95 % quantile spans (high/low)^β; the wider, the fewer failures it is worth.
        let wanted = shape * (high_h / low_h).ln();
        let spans = |a: f64| (gamma_quantile(a, 0.95) / gamma_quantile(a, 0.05).max(1e-300)).ln();
        let (mut narrow, mut wide) = (200.0_f64, 0.15_f64);
        for _ in 0..80 {
            let middle = (narrow * wide).sqrt();
            if spans(middle) > wanted {
                wide = middle;
            } else {
                narrow = middle;
            }
        }
        let a = (narrow * wide).sqrt();
        // The median of λ belongs to the usual life.
        let b = gamma_quantile(a, 0.5) * typical_h.powf(shape);
        Ok(Self {
            shape,
            a,
            b,
            failures: 0,
            exposures: 0,
        })
    }

    /// Learns from the tenant's own items; exposures without a positive time are left out.
    #[must_use]
    pub fn updated(mut self, own: &[Exposure]) -> Self {
        for exposure in own.iter().filter(|e| e.hours > 0.0 && e.hours.is_finite()) {
            let from = exposure.from_hours.clamp(0.0, exposure.hours);
            self.b += exposure.hours.powf(self.shape) - from.powf(self.shape);
            self.exposures += 1;
            if exposure.failed {
                self.a += 1.0;
                self.failures += 1;
            }
        }
        self
    }

    /// Shape β, and the gamma distribution of λ: the failures it is worth, and their exposure in hours^β.
    #[must_use]
    pub const fn gamma_of_rate(&self) -> (f64, f64, f64) {
        (self.shape, self.a, self.b)
    }

    /// Exposure x in hours^β, by its condition: from age `age_h` over `horizon_h`.
    fn exposure(&self, age_h: f64, horizon_h: f64, condition: Condition, gamma: f64) -> f64 {
        let at = |hours: f64| (age_h + hours).powf(self.shape);
        if condition.fall_per_day == 0.0 {
            return condition_factor(condition.health, gamma) * (at(horizon_h) - at(0.0));
        }
        let (mut sum, mut from, mut day) = (0.0, 0.0, 0.0);
        while from < horizon_h {
            let to = horizon_h.min(from + 24.0);
            let health = condition.health - condition.fall_per_day * day;
            if health <= 0.0 {
                // Worse it does not get.
                return sum + condition_factor(0.0, gamma) * (at(horizon_h) - at(from));
            }
            sum += condition_factor(health, gamma) * (at(to) - at(from));
            (from, day) = (to, day + 1.0);
        }
        sum
    }

    /// The exposure of a question that can be asked.
    fn asked(
        &self,
        age_h: f64,
        horizon_h: f64,
        condition: Condition,
        gamma: f64,
    ) -> Result<f64, BadLife> {
        let asked = [
            age_h,
            horizon_h,
            condition.health,
            condition.fall_per_day,
            gamma,
        ];
        if !asked.iter().all(|v| v.is_finite() && *v >= 0.0) {
            return Err(BadLife);
        }
        Ok(self.exposure(age_h, horizon_h, condition, gamma))
    }

    /// The probability of [`Self::chance`] alone.
    ///
    /// # Errors
    /// Those of [`Self::chance`].
    pub fn probability(
        &self,
        age_h: f64,
        horizon_h: f64,
        condition: Condition,
        gamma: f64,
    ) -> Result<f64, BadLife> {
        let worn = self.asked(age_h, horizon_h, condition, gamma)?;
        Ok(shown(self.within(worn)))
    }

    /// The chance to fail within `horizon_h` at age `age_h` and in that condition.
    ///
    /// # Errors
    /// When an age, horizon, health or its fall is negative or no number.
    pub fn chance(
        &self,
        age_h: f64,
        horizon_h: f64,
        condition: Condition,
        gamma: f64,
    ) -> Result<FailureChance, BadLife> {
        let worn = self.asked(age_h, horizon_h, condition, gamma)?;
        let as_new = self.exposure(age_h, horizon_h, Condition::steady(100.0), gamma);
        Ok(FailureChance {
            p: shown(self.within(worn)),
            low: shown(self.within_at(worn, 0.05)),
            high: shown(self.within_at(worn, 0.95)),
            base: shown(self.within(as_new)),
        })
    }

    /// 1 − (b/(b + x))^a.
    fn within(&self, x: f64) -> f64 {
        -(-self.a * (x / self.b).ln_1p()).exp_m1()
    }

    /// The chance where λ stands at that share of what is believed of it.
    fn within_at(&self, x: f64, share: f64) -> f64 {
        -(-x * gamma_quantile(self.a, share) / self.b).exp_m1()
    }

    /// The chance by day, from day 0, as [`Self::chance`] states it; nothing where that states nothing.
    #[must_use]
    pub fn by_day(&self, age_h: f64, days: u32, condition: Condition, gamma: f64) -> Vec<f64> {
        self.exposures_by_day(age_h, days, condition, gamma)
            .into_iter()
            .map(|x| self.within(x))
            .collect()
    }

    /// The chance by day where λ stands at each of those shares of what is believed of it: one row a share.
    #[must_use]
    pub fn by_day_at(
        &self,
        age_h: f64,
        days: u32,
        condition: Condition,
        gamma: f64,
        shares: &[f64],
    ) -> Vec<Vec<f64>> {
        let exposures = self.exposures_by_day(age_h, days, condition, gamma);
        let row = |share: &f64| {
            let rate = gamma_quantile(self.a, *share) / self.b;
            exposures
                .iter()
                .map(|x| -(-x * rate).exp_m1())
                .collect::<Vec<_>>()
        };
        shares.iter().map(row).collect()
    }

    fn exposures_by_day(
        &self,
        age_h: f64,
        days: u32,
        condition: Condition,
        gamma: f64,
    ) -> Vec<f64> {
        (0..=days)
            .map(|day| self.exposure(age_h, 24.0 * f64::from(day), condition, gamma))
            .collect()
    }

    /// The characteristic life η in hours: median and 90 % interval.
    #[must_use]
    pub fn scale_h(&self) -> (f64, f64, f64) {
        let at = |share: f64| (self.b / gamma_quantile(self.a, share)).powf(1.0 / self.shape);
        (at(0.5), at(0.95), at(0.05))
    }
}

/// The usual age at which items ended, for a reader; NaN of nothing.
#[must_use]
pub fn usual_age_h(own: &[Exposure]) -> f64 {
    median(
        &own.iter()
            .filter(|e| e.failed)
            .map(|e| e.hours)
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::{calibration_error, reliability},
        num::Random,
    };

    /// Ball bearing.
    const BEARING: FamilyLife = FamilyLife {
        shape: 1.3,
        low_h: 14_000.0,
        typical_h: 40_000.0,
        high_h: 250_000.0,
    };

    fn near(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "{have} instead of {want}");
    }

    #[test]
    fn agrees_with_the_published_vectors() {
        // β 1.3, η 40,000 h, age 20,000 h, 30 days.
        for (factor, want) in [(1.0, 0.0189), (5.0, 0.0911), (20.0, 0.3176), (60.0, 0.6823)] {
            near(
                known_life(1.3, 40_000.0, 20_000.0, 720.0, factor),
                want,
                1e-4,
            );
        }
        for (health, want) in [
            (100.0, 1.0),
            (85.0, 1.9),
            (70.0, 3.4),
            (50.0, 7.8),
            (30.0, 17.6),
            (10.0, 40.0),
        ] {
            near(condition_factor(health, GAMMA), want, 0.06);
        }
    }

    #[test]
    fn a_family_keeps_its_spread_and_the_own_history_narrows_it() {
        let prior = LifeBelief::of_family(&BEARING).unwrap();
        let (middle, low, high) = prior.scale_h();
        near(middle, 40_000.0, 1.0);
        near((high / low).ln(), (250_000.0_f64 / 14_000.0).ln(), 0.01);
        let own = [
            Exposure {
                from_hours: 0.0,
                hours: 9_000.0,
                failed: true,
            },
            Exposure {
                from_hours: 0.0,
                hours: 11_000.0,
                failed: true,
            },
            Exposure {
                from_hours: 0.0,
                hours: 8_000.0,
                failed: true,
            },
            Exposure {
                from_hours: 0.0,
                hours: 6_000.0,
                failed: false,
            },
            Exposure {
                from_hours: 0.0,
                hours: -1.0,
                failed: true,
            },
        ];
        let known = prior.updated(&own);
        assert_eq!((known.failures, known.exposures), (3, 4));
        // Years that nobody watched are not survived: a machine watched from 8,000 h on tells less of a long
        // life than one watched from its start.
        let watched = |from_hours| {
            let quiet = Exposure {
                from_hours,
                hours: 9_000.0,
                failed: false,
            };
            prior.updated(&[quiet]).scale_h().0
        };
        assert!(watched(8_000.0) > middle && watched(8_000.0) < watched(0.0));
        let (after, low_after, high_after) = known.scale_h();
        assert!(
            after < 20_000.0 && high_after / low_after < high / low,
            "{after} {low_after} {high_after}"
        );
        let chance = |belief: &LifeBelief, health| {
            let condition = Condition::steady(health);
            belief.chance(8_000.0, 720.0, condition, GAMMA).unwrap()
        };
        assert!(chance(&known, 100.0).p > 2.0 * chance(&prior, 100.0).p);
        let worn = chance(&known, 40.0);
        assert!(
            worn.low < worn.p && worn.p < worn.high && worn.base < worn.p,
            "{worn:?}"
        );
        near(usual_age_h(&own[..3]), 9_000.0, 0.0);
    }

    #[test]
    fn never_certain_and_nonsense_is_refused() {
        let belief = LifeBelief::of_family(&BEARING).unwrap();
        let sure = belief
            .chance(900_000.0, 9e9, Condition::steady(0.0), GAMMA)
            .unwrap();
        let never = belief
            .chance(0.0, 0.0, Condition::steady(100.0), GAMMA)
            .unwrap();
        assert!(sure.p < 1.0 && sure.high < 1.0 && never.p > 0.0 && never.low > 0.0);
        assert_eq!(
            belief.chance(-1.0, 1.0, Condition::steady(50.0), GAMMA),
            Err(BadLife)
        );
        assert_eq!(
            belief.chance(1.0, f64::NAN, Condition::steady(50.0), GAMMA),
            Err(BadLife)
        );
        assert!(
            LifeBelief::of_family(&FamilyLife {
                low_h: 50_000.0,
                ..BEARING
            })
            .is_err()
        );
        assert!(
            LifeBelief::of_family(&FamilyLife {
                shape: 0.0,
                ..BEARING
            })
            .is_err()
        );
    }

    #[test]
    fn the_chance_is_the_mean_over_what_is_believed_of_the_rate() {
        let (age, days, condition) = (
            20_000.0,
            14_u32,
            Condition {
                health: 60.0,
                fall_per_day: 1.0,
            },
        );
        let belief = LifeBelief::of_family(&BEARING).unwrap();
        let (shape, a, b) = belief.gamma_of_rate();
        let x: f64 = (0..days)
            .map(|day| {
                let (from, to) = (24.0 * f64::from(day), 24.0 * f64::from(day + 1));
                let grown = (age + to).powf(shape) - (age + from).powf(shape);
                condition_factor(60.0 - f64::from(day), GAMMA) * grown
            })
            .sum();
        let chance = belief.chance(age, 336.0, condition, GAMMA).unwrap();
        near(chance.p, 1.0 - (b / (b + x)).powf(a), 1e-12);
        let by_day = belief.by_day(age, days, condition, GAMMA);
        assert_eq!((by_day[0], by_day.len()), (0.0, 15));
        near(by_day[14], chance.p, 1e-12);
        // The median of the rate is another number, and a smaller one.
        let median = -(-x * gamma_quantile(a, 0.5) / b).exp_m1();
        assert!(median < 0.9 * chance.p, "{median} {}", chance.p);
        let shares: Vec<f64> = (0..400).map(|n| (f64::from(n) + 0.5) / 400.0).collect();
        let rows = belief.by_day_at(age, days, condition, GAMMA, &shares);
        let mean = rows.iter().map(|row| row[14]).sum::<f64>() / 400.0;
        near(mean, chance.p, 0.01 * chance.p);
        // What is worn out wears no further, and parts of days count.
        let gone = Condition {
            health: 2.0,
            fall_per_day: 1.0,
        };
        let within = |hours: f64| belief.chance(age, hours, gone, GAMMA).unwrap().p;
        assert!(within(30.0) < within(60.0) && within(60.0) < within(2_000.0));
    }

    #[test]
    fn what_it_says_comes_true_as_often_as_it_says() {
        // Plants whose bearings live 12,000 h learn from six items each and forecast a seventh.
        let mut random = Random::new(21);
        let mut life = |scale: f64| scale * (-(1.0 - random.unit()).ln()).powf(1.0 / 1.3);
        let prior = LifeBelief::of_family(&BEARING).unwrap();
        let mut scored = Vec::new();
        for plant in 0..2_000 {
            let scale = 20_000.0 + 20.0 * f64::from(plant);
            let own: Vec<Exposure> = (0..6)
                .map(|_| {
                    let hours = life(scale);
                    Exposure {
                        from_hours: 0.0,
                        hours: hours.min(30_000.0),
                        failed: hours < 30_000.0,
                    }
                })
                .collect();
            let belief = prior.updated(&own);
            let horizon = 2_000.0 + 10.0 * f64::from(plant);
            let chance = belief
                .chance(0.0, horizon, Condition::steady(100.0), GAMMA)
                .unwrap();
            scored.push((chance.p, life(scale) < horizon));
        }
        assert!(
            calibration_error(&scored, 10) < 0.05,
            "{:?}",
            reliability(&scored, 10)
        );
    }
}
