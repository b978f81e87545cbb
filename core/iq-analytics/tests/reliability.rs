//! Failures, their intervals and availability, against values computed by hand and printed tables.

#![allow(clippy::unwrap_used, reason = "a test")]

use iq_analytics::{
    num::Random,
    reliability::{Basis, Down, Failure, History, Mean, Tally, Unsupported, put_together},
};
use iq_domain::{TimeRange, Timestamp};

fn near(have: f64, want: f64, tolerance: f64) {
    assert!((have - want).abs() <= tolerance, "{have} instead of {want}");
}

const fn h(hours: i64) -> Timestamp {
    Timestamp(hours * 3_600_000)
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange::new(h(from), h(to)).unwrap()
}

fn failure(at: i64, until: i64) -> Failure {
    Failure {
        at: h(at),
        down: Down::Until(h(until)),
        repairs: Vec::new(),
    }
}

fn history(to: i64, failures: Vec<Failure>) -> History {
    History {
        watched: range(0, to),
        ran: None,
        failures,
        planned: Vec::new(),
    }
}

#[test]
fn by_hand_three_failures_in_a_year() {
    // 8,760 h in service; stood 10, 20 and 30 h; worked on 4 and 8 h of the first two.
    let mut first = failure(1_000, 1_010);
    first.repairs = vec![range(1_002, 1_006)];
    let mut second = failure(3_000, 3_020);
    second.repairs = vec![range(3_001, 3_006), range(3_004, 3_009)];
    let found = Tally::of(&history(8_760, vec![failure(7_000, 7_030), first, second])).figures();
    assert_eq!(
        (found.tally.failures, found.basis),
        (3, Some(Basis::Calendar))
    );
    near(found.tally.operating_h, 8_700.0, 1e-9);
    let mtbf = found.mtbf.unwrap();
    near(mtbf.hours, 2_900.0, 1e-9);
    // χ²(0.95; 8) = 15.507, χ²(0.05; 6) = 1.6354 of the printed tables.
    near(mtbf.low, 2.0 * 8_700.0 / 15.507, 0.1);
    near(mtbf.high, 2.0 * 8_700.0 / 1.635_4, 1.0);
    assert!(!mtbf.is_few);
    assert_eq!(found.mtbf_at_least, Some(mtbf.low));
    assert_eq!(found.mttr, Ok(Mean { hours: 6.0, of: 2 }));
    assert_eq!(found.mdt, Ok(Mean { hours: 20.0, of: 3 }));
    near(found.inherent.unwrap(), 2_900.0 / 2_906.0, 1e-12);
    near(found.operational.unwrap(), 8_700.0 / 8_760.0, 1e-12);
}

#[test]
fn without_a_failure_there_is_a_lower_bound_only() {
    let found = Tally::of(&history(8_760, Vec::new())).figures();
    assert_eq!(found.mtbf, Err(Unsupported::NoFailure));
    // χ²(0.95; 2) = 5.9915.
    near(found.mtbf_at_least.unwrap(), 2.0 * 8_760.0 / 5.991_5, 0.1);
    assert_eq!(found.mttr, Err(Unsupported::NoRepair));
    assert_eq!(found.mdt, Err(Unsupported::NoStop));
    assert_eq!(found.inherent, Err(Unsupported::NoFailure));
    assert_eq!(found.operational, Ok(1.0));
}

#[test]
fn below_a_week_nothing_is_said() {
    let found = Tally::of(&history(100, vec![failure(10, 12)])).figures();
    assert_eq!(found.mtbf, Err(Unsupported::FewHours));
    assert_eq!(found.mtbf_at_least, None);
    assert_eq!(found.operational, Err(Unsupported::FewHours));
    assert_eq!(found.mdt, Ok(Mean { hours: 2.0, of: 1 }));
    let nothing = Tally::default().figures();
    assert_eq!(
        (nothing.basis, nothing.mtbf),
        (None, Err(Unsupported::FewHours))
    );
}

#[test]
fn running_hours_count_where_enough_of_them_is_known() {
    let mut item = history(1_000, vec![failure(500, 510)]);
    item.ran = Some((400.0, 0.95));
    let seen = Tally::of(&item).figures();
    assert_eq!(seen.basis, Some(Basis::Running));
    near(seen.mtbf.unwrap().hours, 400.0, 1e-9);
    assert!(seen.mtbf.unwrap().is_few);
    item.ran = Some((400.0, 0.79));
    let unseen = Tally::of(&item);
    assert_eq!(unseen.figures().basis, Some(Basis::Calendar));
    near(unseen.operating_h, 990.0, 1e-9);
    let both = seen.tally.plus(&unseen).figures();
    assert_eq!((both.tally.items, both.basis), (2, Some(Basis::Mixed)));
    near(both.mtbf.unwrap().hours, 1_390.0 / 2.0, 1e-9);
}

#[test]
fn reports_of_one_breakdown_are_one_failure() {
    let mut kept_on = failure(120, 0);
    kept_on.down = Down::Not;
    let reports = vec![
        failure(100, 103),
        kept_on,
        failure(125, 150),
        failure(149, 160),
    ];
    let found = put_together(reports);
    let told: Vec<_> = found.iter().map(|f| (f.at, f.down)).collect();
    assert_eq!(
        told,
        [(h(100), Down::Until(h(103))), (h(125), Down::Until(h(160))),]
    );
}

#[test]
fn each_hour_counts_once_and_one_that_stands_since_before_only_where_it_began() {
    let mut item = history(1_000, vec![failure(-50, 20), failure(500, 520)]);
    // Planned work over the breakdown, and beyond the period.
    item.planned = vec![range(510, 530), range(990, 1_100)];
    let tally = Tally::of(&item);
    assert_eq!((tally.failures, tally.stops), (1, 1));
    near(tally.down_h, 40.0, 1e-9);
    near(tally.planned_h, 20.0, 1e-9);
    near(tally.figures().operational.unwrap(), 0.94, 1e-12);
}

#[test]
fn a_stop_without_an_end_withholds_the_availability_and_nothing_else() {
    let mut open = failure(300, 0);
    open.down = Down::Unknown;
    let found = Tally::of(&history(1_000, vec![failure(100, 110), open])).figures();
    assert_eq!(found.tally.failures, 2);
    assert_eq!(found.operational, Err(Unsupported::OpenEnded));
    assert_eq!(found.mdt, Ok(Mean { hours: 10.0, of: 1 }));
    near(found.mtbf.unwrap().hours, 495.0, 1e-9);
}

#[test]
fn the_interval_holds_the_truth_as_often_as_it_says() {
    // Counts of a constant rate over a fixed time.
    let mut random = Random::new(7);
    let (truth, time, mut held, mut plants) = (800.0_f64, 4_000.0, 0_u32, 0_u32);
    for _ in 0..4_000 {
        let (mut t, mut failures) = (0.0, 0_u32);
        loop {
            t += -truth * (1.0 - random.unit()).ln();
            if t > time {
                break;
            }
            failures += 1;
        }
        if failures > 0 {
            let tally = Tally {
                items: 1,
                failures,
                operating_h: time,
                ..Tally::default()
            };
            let found = tally.figures().mtbf.unwrap();
            plants += 1;
            held += u32::from(found.low <= truth && truth <= found.high);
        }
    }
    let share = f64::from(held) / f64::from(plants);
    // The interval of a count covers at least what it says.
    assert!((0.89..0.97).contains(&share), "{share}");
}
