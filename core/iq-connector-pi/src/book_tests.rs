//! What the book keeps straight: every value once, positions that never promise too much.

use serde_json::json;

use super::*;
use crate::wire::PiValue;

const NOW: i64 = 1_800_000_000 * SECOND;

fn tag(name: &str) -> Arc<str> {
    Arc::from(format!(r"\\SRV\{name}"))
}

fn value(n: f64) -> TimedValue {
    TimedValue {
        value: PiValue::Number(n),
        good: Some(true),
        ..TimedValue::default()
    }
}

fn page(name: &str, times: &[i64], is_full: bool) -> Page {
    Page {
        untimed: 0,
        tag: tag(name),
        values: times.iter().map(|t| (Ticks(*t), value(1.0))).collect(),
        is_full,
        failure: None,
    }
}

fn failing(name: &str, status: u16) -> Page {
    Page {
        failure: Some(Failure {
            status,
            detail: "-".into(),
            error: CodedError::new(ErrorKind::Upstream, "pi.refused"),
        }),
        ..page(name, &[], false)
    }
}

fn book(cursors: &[(&str, Value)], mode: SyncMode) -> Book {
    let cursors = cursors
        .iter()
        .map(|(name, c)| (tag(name).to_string(), c.clone()));
    let mut book = Book::new(&cursors.collect());
    book.admit(tag("A"), "IA".into(), mode, Ticks(NOW));
    book
}

fn at(time: Timestamp) -> i64 {
    time.millis() * 10_000
}

#[test]
fn a_new_tag_reads_its_past_in_pages_and_its_position_is_the_one_of_the_past_until_that_ends() {
    let mut book = book(&[], SyncMode::Last24h);
    let day = NOW - 86_400 * SECOND;
    let want = &book.fill_wants()[0];
    let seam = NOW - OVERLAP;
    assert_eq!((want.from, want.to), (Ticks(day), Ticks(seam)));
    assert_eq!(
        book.live_wants(Ticks(NOW), None)[0].from,
        Ticks(seam),
        "what is new begins where the past ends"
    );
    let taken = book.take_live(
        vec![page("A", &[NOW + 5], false)],
        Ticks(NOW + 9),
        Timestamp(0),
    );
    assert_eq!(taken.out.live.len(), 1);
    assert!(taken.out.cursors.is_empty(), "the past is not read yet");

    let taken = book.take_fill(vec![page("A", &[day + 10, day + 20], true)], Timestamp(0));
    assert_eq!((taken.out.late.len(), taken.out.live.len()), (2, 0));
    assert_eq!(
        taken.out.cursors[0].position,
        json!({"t": Ticks(day + 20).to_string(), "n": 1, "past": true})
    );
    let progress = book.progress().unwrap();
    assert_eq!((at(progress.from), at(progress.to)), (day, seam));
    assert_eq!(at(progress.reached), (day + 20) / 10_000 * 10_000);
    assert_eq!(progress.samples, 2);

    let taken = book.take_fill(vec![page("A", &[day + 20, day + 30], false)], Timestamp(0));
    assert_eq!(taken.out.late.len(), 1);
    // From here on the position is the one of the present.
    assert_eq!(
        taken.out.cursors[0].position,
        json!({"t": Ticks(NOW + 5).to_string(), "n": 1})
    );
    assert!(book.fill_wants().is_empty());
    assert_eq!(book.progress(), None);
}

#[test]
fn a_restart_goes_on_where_it_stood() {
    let ago = |seconds: i64| Ticks(NOW - seconds * SECOND);
    let cursor = |time: Ticks| json!({"t": time.to_string(), "n": 1});
    let long = book(&[("A", cursor(ago(3_600)))], SyncMode::Full);
    // The overlap before it is read again: something may have reached the archive late meanwhile.
    assert_eq!(long.fill_wants()[0].from, ago(3_720));
    let short = book(&[("A", cursor(ago(30)))], SyncMode::Full);
    assert!(short.fill_wants().is_empty());
    assert_eq!(short.live_wants(Ticks(NOW), None)[0].from, ago(150));
    // A cursor from the future is no position: the wanted past is read.
    let odd = book(&[("A", cursor(Ticks(NOW + 2 * FUTURE)))], SyncMode::Full);
    assert_eq!(odd.fill_wants()[0].from, Ticks(0));
    let broken = book(&[("A", json!("x"))], SyncMode::Last7d);
    assert_eq!(broken.fill_wants()[0].from, ago(7 * 86_400));
}

#[test]
fn a_tag_taken_away_and_put_back_goes_on_where_it_stood() {
    let mut book = book(&[], SyncMode::Last24h);
    book.take_fill(vec![page("A", &[NOW - 700 * SECOND], true)], Timestamp(0));
    assert!(book.keep(&[]).is_empty());
    assert_eq!(book.len(), 0);
    assert_eq!(book.keep(&[tag("A")]), [tag("A")]);
    book.admit(tag("A"), "IA".into(), SyncMode::Last24h, Ticks(NOW));
    assert_eq!(
        book.fill_wants()[0].from,
        Ticks(NOW - 700 * SECOND),
        "in the middle of the past nothing is read twice"
    );
}

#[test]
fn what_comes_late_is_the_past() {
    let mut book = book(
        &[("A", json!({"t": Ticks(NOW - SECOND).to_string(), "n": 0}))],
        SyncMode::Full,
    );
    let later = NOW + 3_600 * SECOND;
    let taken = book.take_live(
        vec![page("A", &[NOW + 1, later], false)],
        Ticks(later),
        Timestamp(0),
    );
    assert_eq!((taken.out.late.len(), taken.out.live.len()), (1, 1));
    assert_eq!(taken.out.cursors.len(), 1);
}

#[test]
fn pushed_values_move_no_position_and_the_archive_fills_what_the_channel_lost() {
    let mut book = book(
        &[("A", json!({"t": Ticks(NOW).to_string(), "n": 0}))],
        SyncMode::Full,
    );
    let text = |t: i64| json!({"WebId": "IA", "Items": [{"Timestamp": Ticks(t).to_string(), "Value": 1, "Good": true}]});
    let pushed = |t: i64| vec![serde_json::from_value(text(t)).unwrap()];
    let mut push = |t: i64| {
        book.take_pushed(pushed(t), Ticks(NOW + 90), Timestamp(0))
            .live
            .len()
    };
    assert_eq!((push(NOW + 10), push(NOW + 10), push(NOW + 30)), (1, 0, 1));
    assert_eq!(push(NOW + 2 * FUTURE), 0, "no clock is that wrong");
    let taken = book.take_live(
        vec![page("A", &[NOW + 10, NOW + 20, NOW + 30], false)],
        Ticks(NOW + 90),
        Timestamp(0),
    );
    assert_eq!(taken.out.live.len(), 1);
    assert_eq!(
        taken.out.cursors[0].position["t"],
        Ticks(NOW + 30).to_string()
    );
}

#[test]
fn a_moment_with_more_values_than_a_page_is_stretched_and_then_left_with_a_mark() {
    let mut book = book(&[], SyncMode::Full);
    let same = [1_000; 10];
    let mut taken = book.take_fill(vec![page("A", &same, true)], Timestamp(0));
    assert_eq!(taken.out.late.len(), 10);
    let mut stretches = Vec::new();
    for _ in 0..4 {
        taken = book.take_fill(vec![page("A", &same, true)], Timestamp(0));
        assert!(taken.out.late.is_empty());
        stretches.push(book.fill_wants()[0].stretch);
    }
    assert_eq!(stretches, [4, 16, 64, 1]);
    assert_eq!(taken.out.gaps.len(), 1);
    assert_eq!(book.fill_wants()[0].from, Ticks(1_001));
}

#[test]
fn moments_left_behind_in_one_round_each_leave_their_mark() {
    let mut book = book(&[], SyncMode::Full);
    book.admit(tag("B"), "IB".into(), SyncMode::Full, Ticks(NOW));
    let dense = |name: &str, t: i64| page(name, &[t; 10], true);
    let mut taken = Taken::default();
    for _ in 0..5 {
        let pages = vec![dense("A", 10_000), dense("B", 50_000)];
        taken = book.take_fill(pages, Timestamp(0));
    }
    let marks: Vec<_> = taken.out.gaps.iter().map(|g| (g.from, g.to)).collect();
    assert_eq!(
        marks,
        [
            (Some(Timestamp(1)), Timestamp(2)),
            (Some(Timestamp(5)), Timestamp(6))
        ]
    );
}

#[test]
fn a_value_that_reaches_the_archive_after_a_newer_one_is_found_once() {
    let mut book = book(
        &[("A", json!({"t": Ticks(NOW).to_string(), "n": 1}))],
        SyncMode::Full,
    );
    let newer = NOW + 90 * SECOND;
    let mut read = |times: &[i64]| {
        let want = &book.live_wants(Ticks(newer), None)[0];
        let asked: Vec<i64> = times
            .iter()
            .copied()
            .filter(|t| *t >= want.from.0)
            .collect();
        let taken = book.take_live(vec![page("A", &asked, false)], Ticks(newer), Timestamp(0));
        taken.out.live.len()
    };
    assert_eq!(read(&[newer]), 1);
    let late = NOW + 40 * SECOND;
    assert_eq!((read(&[late, newer]), read(&[late, newer])), (1, 0));
}

#[test]
fn values_without_a_readable_time_are_counted_and_named() {
    let mut book = book(&[], SyncMode::Full);
    let broken = || Page {
        untimed: 3,
        ..page("A", &[NOW + 1], false)
    };
    book.take_live(vec![broken()], Ticks(NOW + 5), Timestamp(0));
    book.take_live(
        vec![page("A", &[NOW + 1], false)],
        Ticks(NOW + 5),
        Timestamp(0),
    );
    let text = json!({"WebId": "IA", "Items": [{"Timestamp": "soon", "Value": 1}]});
    let pushed = vec![serde_json::from_value(text).unwrap()];
    book.take_pushed(pushed, Ticks(NOW + 9), Timestamp(0));
    let problems: Vec<_> = book.problems().collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let (named, error) = problems[0];
    assert_eq!((named, error.code), (&tag("A"), "pi.time_unreadable"));
    assert_eq!(error.params["count"], "3");
    assert_eq!(book.failed(), 0, "the others of its values are read");
    book.keep(&[]);
    assert_eq!(book.problems().count(), 0);
}

#[test]
fn a_failing_tag_is_named_and_does_not_stop_the_others() {
    let mut book = book(&[], SyncMode::Full);
    book.admit(tag("B"), "IB".into(), SyncMode::Full, Ticks(NOW));
    let pages = vec![failing("A", 404), page("B", &[NOW + 1], false)];
    let taken = book.take_live(pages, Ticks(NOW + 5), Timestamp(0));
    assert_eq!(taken.forgotten, [tag("A")]);
    assert!(taken.all_failed.is_none());
    assert_eq!(book.refused[&tag("A")].code, "pi.tag_unknown");
    assert_eq!(book.len(), 1);
    let taken = book.take_live(vec![failing("B", 500)], Ticks(NOW + 5), Timestamp(0));
    assert_eq!(taken.all_failed.unwrap().code, "pi.refused");
    assert_eq!(book.problems().count(), 2);
    book.take_live(vec![page("B", &[], false)], Ticks(NOW + 5), Timestamp(0));
    assert_eq!(book.problems().count(), 1);
}

#[test]
fn an_attribute_without_a_past_is_asked_for_its_present_value() {
    let name: Arc<str> = Arc::from(r"\\AF\DB\E|A");
    let mut book = Book::new(&BTreeMap::new());
    book.admit(Arc::clone(&name), "IX".into(), SyncMode::Full, Ticks(NOW));
    let mut refused = failing("x", 501);
    refused.tag = Arc::clone(&name);
    let taken = book.take_live(vec![refused], Ticks(NOW), Timestamp(0));
    assert!(taken.all_failed.is_none());
    assert!(book.live_wants(Ticks(NOW), None).is_empty() && book.fill_wants().is_empty());
    assert_eq!(book.present_only().len(), 1);
    let mut taken = Taken::default();
    let present = || TimedValue {
        timestamp: Some("2026-01-01T00:00:00Z".into()),
        ..value(2.0)
    };
    book.take_present(&name, Ok(present()), Timestamp(0), &mut taken);
    book.take_present(&name, Ok(present()), Timestamp(0), &mut taken);
    assert_eq!(taken.out.live.len(), 1, "the same value twice is one value");
    assert_eq!(
        book.problems().count(),
        0,
        "that is how such attributes are"
    );
}

#[test]
fn an_archive_in_trouble_is_tried_again_and_then_goes_on_where_it_stood() {
    let name: Arc<str> = Arc::from(r"\\AF\DB\E|A");
    let mut book = Book::new(&BTreeMap::new());
    book.admit(
        Arc::clone(&name),
        "IX".into(),
        SyncMode::Last24h,
        Ticks(NOW),
    );
    let own = |page: Page| Page {
        tag: Arc::clone(&name),
        ..page
    };
    let mut now = NOW;
    for (pause, status) in [(60, 500), (120, 409), (240, 500)] {
        let wants = book.live_wants(Ticks(now), None);
        assert_eq!(wants.len(), 1, "it is tried again");
        let taken = book.take_live(vec![own(failing("x", status))], Ticks(now), Timestamp(0));
        assert!(taken.all_failed.is_none());
        assert!(book.fill_wants().is_empty() && book.progress().is_none());
        assert_eq!(book.present_only().len(), 1);
        let (_, error) = book.problems().next().unwrap();
        assert_eq!(error.code, "pi.archive_failing");
        assert_eq!(book.failed(), 0, "its present value is read");
        assert!(
            book.live_wants(Ticks(now + pause * SECOND - 1), None)
                .is_empty()
        );
        now += pause * SECOND;
    }
    let missed = NOW + 30 * SECOND;
    let taken = book.take_live(
        vec![own(page("x", &[missed], false))],
        Ticks(now),
        Timestamp(0),
    );
    assert_eq!(taken.out.live.len(), 1, "nothing of the trouble is missing");
    assert_eq!(book.problems().count(), 0);
    assert!(book.present_only().is_empty());
    assert_eq!(book.fill_wants().len(), 1, "the past is read too");
    assert!(book.progress().is_some());
}
