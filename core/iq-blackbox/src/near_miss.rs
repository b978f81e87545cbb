//! Near misses: a signal entered the band between its warning and its trip limit and came back without
//! a trip. Once close to the trip limit, or again and again within days, it is worth a look before it
//! trips. Pure: whoever calls it hands over what was stored minute by minute.
//!
//! The share of the band that was used is `(peak − warning) ÷ (trip − warning)`: 0 at the warning limit,
//! 1 at the trip limit, dimensionless, the same for the low side. What reached 1 was no near miss.

use iq_domain::{Bucket, Limits, Timestamp};

/// The record of a stop may come this much after the first value that followed it.
const STOP_LAG_MS: i64 = 120_000;

/// From which share and from how many times on it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearMissConfig {
    /// Share of the band that counts by itself.
    pub close: f64,
    /// So many entries…
    pub repeats: usize,
    /// …within so long count too.
    pub within_ms: i64,
    /// Without values for so long nobody knows whether it came back.
    pub gap_ms: i64,
}

impl Default for NearMissConfig {
    fn default() -> Self {
        Self {
            close: 0.7,
            repeats: 3,
            within_ms: 7 * 86_400_000,
            gap_ms: 15 * 60_000,
        }
    }
}

/// Which limit was approached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The high trip limit.
    High,
    /// The low trip limit.
    Low,
}

/// A stay between warning and trip limit that ended well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excursion {
    /// Which limit.
    pub side: Side,
    /// First minute in the band.
    pub from: Timestamp,
    /// First minute after it.
    pub to: Timestamp,
    /// The value nearest to the trip limit.
    pub peak: f64,
    /// Its minute.
    pub peak_at: Timestamp,
    /// Share of the band that was used, 0 to below 1.
    pub used: f64,
}

/// Why a signal is on the watch list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearMissKind {
    /// It came close to the trip limit.
    Close,
    /// It entered the band again and again.
    Repeated,
}

/// A signal on the watch list, by one of its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// Which limit.
    pub side: Side,
    /// Why.
    pub kind: NearMissKind,
    /// Its stays in the band, oldest first.
    pub excursions: Vec<Excursion>,
    /// The one nearest to the trip limit.
    pub closest: Excursion,
}

/// The band of one side: warning and trip limit, where both are set and in order.
fn band(limits: &Limits, side: Side) -> Option<(f64, f64)> {
    let (warning, trip) = match side {
        Side::High => (limits.high?, limits.high_high?),
        Side::Low => (limits.low?, limits.low_low?),
    };
    let is_ordered = match side {
        Side::High => warning < trip,
        Side::Low => warning > trip,
    };
    is_ordered.then_some((warning, trip))
}

/// Whether a signal with these limits can have near misses.
#[must_use]
pub fn has_band(limits: &Limits) -> bool {
    band(limits, Side::High).is_some() || band(limits, Side::Low).is_some()
}

/// The lowest and highest value that stay out of both bands; what stays between them needs no closer
/// look.
#[must_use]
pub fn calm(limits: &Limits) -> (f64, f64) {
    let low = band(limits, Side::Low).map_or(f64::NEG_INFINITY, |(warning, _)| warning);
    let high = band(limits, Side::High).map_or(f64::INFINITY, |(warning, _)| warning);
    (low, high)
}

/// The stays in the band of one side that ended without reaching the trip limit, oldest first.
/// `minutes` are in the order of time; a stay that is cut by missing values or by the end is left out.
#[must_use]
pub fn excursions(
    minutes: &[Bucket],
    limits: &Limits,
    side: Side,
    config: &NearMissConfig,
) -> Vec<Excursion> {
    let Some((warning, trip)) = band(limits, side) else {
        return Vec::new();
    };
    let used = |value: f64| (value - warning) / (trip - warning);
    let mut found = Vec::new();
    let mut open: Option<Excursion> = None;
    let mut last: Option<Timestamp> = None;
    for minute in minutes {
        if last.is_some_and(|t| minute.t.since_ms(t) > config.gap_ms) {
            open = None;
        }
        last = Some(minute.t);
        let peak = match side {
            Side::High => minute.max,
            Side::Low => minute.min,
        };
        let share = used(peak);
        if share < 0.0 {
            let ended = open.take().filter(|stay| stay.used < 1.0);
            found.extend(ended.map(|stay| Excursion {
                to: minute.t,
                ..stay
            }));
            continue;
        }
        let stay = open.get_or_insert(Excursion {
            side,
            from: minute.t,
            to: minute.t,
            peak,
            peak_at: minute.t,
            used: share,
        });
        if share > stay.used {
            (stay.peak, stay.peak_at, stay.used) = (peak, minute.t, share);
        }
    }
    found
}

/// The stays that the process itself ended: a machine that tripped or was stopped brings its signals back too,
/// and that is no good end. `stops` are the moments its machine stopped.
#[must_use]
pub fn without_stops(mut stays: Vec<Excursion>, stops: &[Timestamp]) -> Vec<Excursion> {
    stays.retain(|stay| {
        let until = stay.to.plus_ms(STOP_LAG_MS);
        stops.iter().all(|stop| *stop < stay.from || *stop > until)
    });
    stays
}

/// Whether the stays of one side put a signal on the watch list.
#[must_use]
pub fn near_miss(stays: Vec<Excursion>, config: &NearMissConfig) -> Option<NearMiss> {
    let closest = stays
        .iter()
        .copied()
        .max_by(|a, b| a.used.total_cmp(&b.used))?;
    let is_repeated = stays.windows(config.repeats.max(1)).any(|some| {
        let ends = some.first().zip(some.last());
        ends.is_some_and(|(first, last)| last.from.since_ms(first.from) <= config.within_ms)
    });
    let kind = if closest.used >= config.close {
        NearMissKind::Close
    } else if is_repeated {
        NearMissKind::Repeated
    } else {
        return None;
    };
    Some(NearMiss {
        side: closest.side,
        kind,
        excursions: stays,
        closest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        low_low: Some(0.0),
        low: Some(10.0),
        high: Some(50.0),
        high_high: Some(60.0),
    };
    const DAY: i64 = 24 * 60;

    fn minutes(values: &[(i64, f64)]) -> Vec<Bucket> {
        values
            .iter()
            .map(|(minute, value)| Bucket {
                t: Timestamp(minute * 60_000),
                count: 1,
                min: *value,
                max: *value,
                sum: *value,
                first: *value,
                last: *value,
            })
            .collect()
    }

    fn high(values: &[(i64, f64)]) -> Vec<Excursion> {
        excursions(
            &minutes(values),
            &LIMITS,
            Side::High,
            &NearMissConfig::default(),
        )
    }

    #[test]
    fn what_a_trip_brought_back_did_not_come_back() {
        let stays = || high(&[(0, 40.0), (1, 52.0), (2, 58.0), (3, 20.0)]);
        let left = |minute: i64| without_stops(stays(), &[Timestamp(minute * 60_000)]).len();
        assert_eq!(left(2), 0, "it stopped in the band");
        assert_eq!(left(4), 0, "its record came a little later");
        assert_eq!(left(0), 1, "a stop before it");
        assert_eq!(left(30), 1, "a stop long after it");
        assert_eq!(without_stops(stays(), &[]).len(), 1);
    }

    #[test]
    fn one_visit_close_to_the_trip_limit_is_a_near_miss() {
        let stays = high(&[(0, 40.0), (1, 52.0), (2, 58.0), (3, 55.0), (4, 45.0)]);
        let found = near_miss(stays, &NearMissConfig::default()).unwrap();
        assert_eq!(found.kind, NearMissKind::Close);
        let stay = found.closest;
        assert_eq!(
            (stay.from, stay.to),
            (Timestamp(60_000), Timestamp(240_000))
        );
        assert_eq!((stay.peak, stay.peak_at), (58.0, Timestamp(120_000)));
        assert!((stay.used - 0.8).abs() < 1e-9);
    }

    #[test]
    fn the_low_side_is_measured_towards_its_own_limit() {
        let found = minutes(&[(0, 20.0), (1, 2.0), (2, 20.0)]);
        let stays = excursions(&found, &LIMITS, Side::Low, &NearMissConfig::default());
        assert!((stays[0].used - 0.8).abs() < 1e-9, "{stays:?}");
        assert!(high(&[(0, 20.0), (1, 2.0), (2, 20.0)]).is_empty());
    }

    #[test]
    fn a_trip_a_gap_and_an_open_end_are_none() {
        for values in [
            &[(0, 40.0), (1, 55.0), (2, 60.0), (3, 40.0)][..],
            &[(0, 40.0), (1, 55.0), (40, 40.0)],
            &[(0, 40.0), (1, 55.0)],
            &[(0, 40.0), (1, 49.9)],
        ] {
            assert_eq!(high(values), [], "{values:?}");
        }
    }

    #[test]
    fn small_visits_count_when_they_come_again_within_days() {
        let visits = |days: [i64; 3]| {
            let mut values = Vec::new();
            for day in days {
                let at = day * DAY;
                values.extend([(at, 40.0), (at + 1, 51.0), (at + 2, 40.0)]);
            }
            near_miss(high(&values), &NearMissConfig::default())
        };
        let found = visits([0, 2, 5]).unwrap();
        assert_eq!(
            (found.kind, found.excursions.len()),
            (NearMissKind::Repeated, 3)
        );
        assert_eq!(visits([0, 5, 10]), None);
    }

    #[test]
    fn limits_that_make_no_band_are_left_alone() {
        let one_sided = Limits {
            high: Some(60.0),
            high_high: Some(50.0),
            ..Limits::default()
        };
        assert!(!has_band(&one_sided) && has_band(&LIMITS));
        assert_eq!(calm(&LIMITS), (10.0, 50.0));
        assert_eq!(calm(&one_sided), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
