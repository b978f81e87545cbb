//! Alarm performance: what counts as a flood, as chattering, as stale; and how a journal is paired.

use iq_domain::{AlarmPhase, Severity, TimeRange, Timestamp};

use super::{
    Activation, AlarmConfig, AlarmReport, JournalRow, Measure, Standing, activations,
    analyse_alarms, kpis,
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn activation(alarm: &str, at: i64) -> Activation {
    Activation {
        alarm: alarm.to_owned(),
        asset_id: None,
        severity: Severity::Warning,
        activated_at: Timestamp(at),
        uncertainty_ms: 0,
        acknowledged_at: None,
        cleared_at: Some(Timestamp(at + MINUTE)),
    }
}

fn report(activations: &[Activation], to: i64) -> AlarmReport {
    let period = TimeRange::new(Timestamp(0), Timestamp(to)).expect("a period");
    analyse_alarms(activations, period, &AlarmConfig::default())
}

#[test]
fn nothing_happened() {
    let quiet = report(&[], DAY);
    assert_eq!(quiet.activations, 0);
    assert_eq!(quiet.load.bins.len(), 144);
    assert_eq!(quiet.load.per_day, 0.0);
    assert_eq!(quiet.load.priorities, [0.0; 3]);
    assert!(quiet.floods.is_empty() && quiet.bad_actors.is_empty());
    assert_eq!(quiet.responses[0].median_ms, None);
}

#[test]
fn ten_in_ten_minutes_are_no_flood_and_eleven_are() {
    let calm: Vec<_> = (0..10)
        .map(|i| activation(&format!("a{i}"), HOUR + i * 50_000))
        .collect();
    assert!(report(&calm, DAY).floods.is_empty());
    let mut flooded = calm;
    flooded.push(activation("a10", HOUR + 599_999));
    let found = report(&flooded, DAY).floods;
    assert_eq!(found.len(), 1);
    let flood = &found[0];
    assert_eq!(
        (flood.from, flood.count, flood.peak),
        (Timestamp(HOUR), 11, 11)
    );
    // Fewer than five are left when the seventh leaves the window.
    assert_eq!(flood.to, Timestamp(HOUR + 6 * 50_000 + 600_000));
    assert!(!flood.is_open);
    assert_eq!(flood.first_out, ["a0"]);
}

#[test]
fn a_window_of_exactly_ten_minutes_holds_its_start_and_not_its_end() {
    let mut edge: Vec<_> = (0..10).map(|i| activation("a", i * 1_000)).collect();
    edge.push(activation("b", 600_000));
    assert!(report(&edge, DAY).floods.is_empty());
}

#[test]
fn two_upsets_are_two_floods_that_share_no_activation() {
    let mut all = Vec::new();
    for start in [HOUR, 3 * HOUR] {
        all.extend((0..30).map(|i| activation(&format!("a{}", i % 3), start + i * 10_000)));
    }
    let found = report(&all, DAY).floods;
    assert_eq!(found.iter().map(|f| f.count).collect::<Vec<_>>(), [30, 30]);
    assert_eq!(found[0].top[0], ("a0".to_owned(), 10));
    let seconds: i64 = found.iter().map(|f| f.to.since_ms(f.from) / 1_000).sum();
    let share = report(&all, DAY).load.share_in_flood;
    assert!((share - seconds as f64 / 86_400.0).abs() < 1e-9);
}

#[test]
fn a_flood_that_outlives_the_period_is_open() {
    let all: Vec<_> = (0..30)
        .map(|i| activation("a", DAY - 30_000 + i * 1_000))
        .collect();
    let found = report(&all, DAY).floods;
    assert!(found[0].is_open);
    assert_eq!(found[0].to, Timestamp(DAY));
}

#[test]
fn a_first_out_whose_clock_is_unsure_is_a_tie() {
    let mut all: Vec<_> = (0..12)
        .map(|i| activation(&format!("a{i}"), HOUR + i * 20))
        .collect();
    all[1].uncertainty_ms = 50;
    let first = &report(&all, DAY).floods[0].first_out;
    assert_eq!(first, &["a0", "a1"]);
}

#[test]
fn chattering_needs_three_within_a_minute() {
    let slow: Vec<_> = (0..5).map(|i| activation("slow", i * 31_000)).collect();
    assert!(report(&slow, DAY).chattering.is_empty());
    let quick: Vec<_> = (0..4).map(|i| activation("quick", i * 20_000)).collect();
    let found = report(&quick, DAY).chattering;
    assert_eq!((found[0].count, found[0].worst_minute), (4, 3));
    // Each run is 20 s: Ψ = 1/20.
    assert!((found[0].index - 0.05).abs() < 1e-12);
}

#[test]
fn fleeting_alarms_are_short_and_unanswered() {
    let mut all: Vec<_> = (0..6).map(|i| activation("flash", i * HOUR)).collect();
    for a in &mut all {
        a.cleared_at = Some(a.activated_at.plus_ms(9_999));
    }
    assert_eq!(report(&all, DAY).fleeting[0].worst_day, 6);
    all[0].acknowledged_at = Some(Timestamp(1));
    all[1].cleared_at = Some(all[1].activated_at.plus_ms(10_000));
    assert!(report(&all, DAY).fleeting.is_empty());
    // Acknowledged after its end, it was as short.
    all[0].acknowledged_at = all[0].cleared_at;
    assert_eq!(report(&all, DAY).fleeting[0].count, 5);
}

#[test]
fn the_days_of_fleeting_alarms_are_those_of_the_period_not_of_utc() {
    // A day that begins at 21:00 UTC: midnight in Riyadh.
    let from = Timestamp(21 * HOUR);
    let period = TimeRange::new(from, from.plus_ms(2 * DAY)).expect("a period");
    let all: Vec<_> = (0..6)
        .map(|i| {
            let mut flash = activation("flash", from.0 + i * HOUR);
            flash.cleared_at = Some(flash.activated_at.plus_ms(1_000));
            flash
        })
        .collect();
    let found = analyse_alarms(&all, period, &AlarmConfig::default());
    assert_eq!(found.fleeting.len(), 1);
    assert_eq!(
        (found.fleeting[0].count, found.fleeting[0].worst_day),
        (6, 6)
    );
}

#[test]
fn stale_alarms_may_have_begun_before_the_period() {
    let mut old = activation("old", -2 * DAY);
    old.cleared_at = None;
    let mut ended = activation("ended", -2 * DAY);
    ended.cleared_at = Some(Timestamp(-1));
    let mut short = activation("short", 0);
    short.cleared_at = Some(Timestamp(DAY));
    let found = report(&[old, ended, short], 2 * DAY);
    assert_eq!(found.stale.len(), 1);
    assert_eq!(
        (found.stale[0].alarm.as_str(), found.stale[0].until),
        ("old", None)
    );
    // It counts as standing, and its activation lies outside the period.
    assert_eq!((found.standing, found.activations), (1, 1));
}

#[test]
fn answers_are_counted_per_priority() {
    let mut all: Vec<_> = (0..4).map(|i| activation("a", i * HOUR)).collect();
    for (a, after) in all.iter_mut().zip([60_000, 180_000, 180_001]) {
        a.severity = Severity::Critical;
        a.acknowledged_at = Some(a.activated_at.plus_ms(after));
    }
    all[3].severity = Severity::Critical;
    all[3].activated_at = Timestamp(DAY - 1_000);
    let answer = &report(&all, DAY).responses[0];
    assert_eq!(
        (
            answer.count,
            answer.acknowledged,
            answer.in_time,
            answer.pending
        ),
        (4, 3, 2, 1)
    );
    assert_eq!(
        (answer.median_ms, answer.p95_ms),
        (Some(180_000), Some(180_001))
    );
}

#[test]
fn the_load_is_counted_whole() {
    let all: Vec<_> = (0..40)
        .map(|i| activation(&format!("a{}", i % 20), HOUR + i * 30_000))
        .collect();
    let load = report(&all, DAY).load;
    assert_eq!(load.bins.iter().sum::<u32>(), 40);
    assert_eq!(load.worst, 20);
    assert!((load.share_over - 2.0 / 144.0).abs() < 1e-12);
    assert!((load.share_hours_over - 1.0 / 24.0).abs() < 1e-12);
    assert!((load.per_day - 40.0).abs() < 1e-9);
    assert!((load.top_share - 0.5).abs() < 1e-9);
}

fn row(tag: &str, text: &str, phase: AlarmPhase, at: i64) -> JournalRow {
    JournalRow {
        tag: tag.to_owned(),
        text: text.to_owned(),
        asset_id: None,
        phase,
        severity: Severity::Warning,
        at: Timestamp(at),
        uncertainty_ms: 0,
    }
}

#[test]
fn the_rows_of_a_journal_find_each_other() {
    use AlarmPhase::{Acknowledged, Activated, Cleared};
    let found = activations(&[
        row("TI-1", "HI", Activated, 1),
        row("TI-1", "HIHI", Activated, 2),
        row("TI-1", "HI", Cleared, 3),
        // Worded otherwise: it belongs to the one of the tag that still waits.
        row("TI-1", "operator confirmed", Acknowledged, 4),
        row("TI-1", "HIHI", Cleared, 5),
        row("TI-2", "HI", Cleared, 6),
        row("", "fire pump started", Activated, 7),
    ]);
    let times: Vec<_> = found
        .iter()
        .map(|a| (a.alarm.as_str(), a.acknowledged_at, a.cleared_at))
        .collect();
    assert_eq!(
        times,
        [
            ("TI-1 · HI", None, Some(Timestamp(3))),
            ("TI-1 · HIHI", Some(Timestamp(4)), Some(Timestamp(5))),
            ("fire pump started", None, None),
        ]
    );
}

#[test]
fn an_acknowledgement_after_the_return_belongs_to_what_has_returned() {
    use AlarmPhase::{Acknowledged, Activated, Cleared};
    let found = activations(&[
        row("TI-1", "HI", Activated, 1),
        row("TI-1", "HI", Cleared, 2),
        row("TI-1", "HIHI", Activated, 3),
        row("TI-1", "HI", Acknowledged, 4),
        row("TI-1", "HI", Activated, 5),
        row("TI-1", "HI", Cleared, 6),
        row("TI-1", "HI", Activated, 7),
        row("TI-1", "HI", Acknowledged, 8),
        row("TI-1", "HI", Cleared, 9),
    ]);
    let times: Vec<_> = found
        .iter()
        .map(|a| (a.acknowledged_at, a.cleared_at))
        .collect();
    let at = |t| Some(Timestamp(t));
    assert_eq!(
        times,
        [(at(4), at(2)), (None, None), (None, at(6)), (at(8), at(9)),]
    );
}

#[test]
fn a_return_that_was_lost_came_before_the_next_activation() {
    use AlarmPhase::{Activated, Cleared};
    let found = activations(&[
        row("TI-1", "HI", Activated, 1),
        row("TI-1", "HI", Activated, 10),
        row("TI-1", "HI", Cleared, 11),
    ]);
    assert_eq!(found[0].cleared_at, Some(Timestamp(10)));
    assert_eq!(found[1].cleared_at, Some(Timestamp(11)));
}

#[test]
fn measures_know_their_marks() {
    let all: Vec<_> = (0..200).map(|i| activation("a", i * 400_000)).collect();
    let found = kpis(&report(&all, DAY));
    let of = |measure| {
        found
            .iter()
            .find(|k| k.measure == measure)
            .map(|k| k.standing)
    };
    assert_eq!(of(Measure::PerDay), Some(Standing::Watch));
    assert_eq!(of(Measure::TopShare), Some(Standing::Act));
    assert_eq!(of(Measure::ShareInFlood), Some(Standing::Good));
    // No critical alarm: nothing can be said about answers.
    assert_eq!(of(Measure::AnsweredInTime), None);
    assert!(
        kpis(&report(&[], DAY))
            .iter()
            .all(|k| k.standing == Standing::Good)
    );
}
