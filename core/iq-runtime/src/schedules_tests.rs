//! When the next run is, and what a clock that jumps does to it.

use super::*;

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp(moment.as_millisecond())
}

fn next(cadence: Cadence, zone: &str, after: &str) -> Timestamp {
    next_after(cadence, &TimeZone::get(zone).unwrap(), at(after)).unwrap()
}

fn schedule(cadence: Cadence, next_at: Option<Timestamp>) -> Schedule {
    Schedule {
        kind: "run".to_owned(),
        is_enabled: true,
        cadence,
        time_zone: "Asia/Riyadh".to_owned(),
        next_at,
        last_at: None,
        job_id: None,
        error: None,
        changed_by: "admin".to_owned(),
        changed_at: Timestamp(0),
    }
}

const NIGHT: Cadence = Cadence::Day { minute: 120 };

#[test]
fn the_next_run_is_the_first_the_local_clock_shows() {
    assert_eq!(
        next(NIGHT, "Asia/Riyadh", "2026-11-20T22:00:00Z"),
        at("2026-11-20T23:00:00Z")
    );
    assert_eq!(
        next(NIGHT, "Asia/Riyadh", "2026-11-20T23:00:00Z"),
        at("2026-11-21T23:00:00Z")
    );
    let week = Cadence::Week {
        weekday: 7,
        minute: 0,
    };
    assert_eq!(
        next(week, "Asia/Riyadh", "2026-11-21T12:00:00Z"),
        at("2026-11-21T21:00:00Z")
    );
    assert_eq!(
        next(week, "Asia/Riyadh", "2026-11-21T21:00:00Z"),
        at("2026-11-28T21:00:00Z")
    );
    let six = Cadence::Hours { hours: 6 };
    assert_eq!(
        next(six, "Asia/Riyadh", "2026-11-20T05:59:59Z"),
        at("2026-11-20T06:00:00Z")
    );
    assert_eq!(
        next(six, "Asia/Riyadh", "2026-11-20T06:00:00Z"),
        at("2026-11-20T12:00:00Z")
    );
}

#[test]
fn where_the_clock_is_changed_each_day_has_one_run() {
    // 02:30 does not exist on 29 March and comes twice on 25 October.
    let half_past_two = Cadence::Day { minute: 150 };
    for (from, days) in [("2026-03-28T00:00:00Z", 3), ("2026-10-24T00:00:00Z", 3)] {
        let mut now = at(from);
        let end = now.plus_ms(days * 86_400_000);
        let mut runs = 0;
        while now < end {
            let coming = next_after(half_past_two, &TimeZone::get("Europe/Berlin").unwrap(), now);
            let coming = coming.unwrap();
            assert!(coming > now);
            now = coming;
            runs += i64::from(now < end);
        }
        assert_eq!(runs, days, "{from}");
    }
}

#[test]
fn what_was_missed_runs_once() {
    let due = at("2026-11-20T23:00:00Z");
    let back = due.plus_ms(9 * 86_400_000 + 1);
    let (runs, after) = tick(&schedule(NIGHT, Some(due)), back);
    assert!(runs);
    assert_eq!(after.last_at, Some(back));
    assert_eq!(after.next_at, Some(at("2026-11-30T23:00:00Z")));
    assert!(
        !tick(&after, back.plus_ms(1)).0,
        "nine days were missed, one run makes up for them"
    );
}

#[test]
fn a_clock_that_jumps_makes_no_storm_and_no_long_wait() {
    let due = at("2026-11-20T23:00:00Z");
    // A year ahead and back again.
    let (ran, ahead) = tick(&schedule(NIGHT, Some(due)), due.plus_ms(365 * 86_400_000));
    assert!(ran);
    let back = due.plus_ms(60_000);
    let (ran, settled) = tick(&ahead, back);
    assert!(!ran, "the run of a year ahead is not this one");
    assert_eq!(settled.next_at, Some(at("2026-11-21T23:00:00Z")));
    let mut runs = 0;
    let mut row = settled;
    for minute in 0..3 * 1_440 {
        let (ran, next) = tick(&row, back.plus_ms(minute * 60_000));
        runs += u32::from(ran);
        row = next;
    }
    assert_eq!(runs, 3, "one a day");
}

#[test]
fn what_is_off_has_no_next_run() {
    let mut off = schedule(NIGHT, Some(at("2026-11-20T23:00:00Z")));
    off.is_enabled = false;
    let (runs, after) = tick(&off, at("2027-01-01T00:00:00Z"));
    assert!(!runs);
    assert_eq!(after.next_at, None);
}
