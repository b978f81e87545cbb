//! The order of events that were stamped by different clocks: each lies somewhere in an interval of
//! UTC, and two intervals that overlap can't be told apart by time alone.

use std::{borrow::Borrow, collections::HashMap};

use iq_domain::{IndustrialEvent, OrderConfidence};

/// An event in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Index in the slice that was given.
    pub index: usize,
    /// How sure it is that it follows its predecessor; the first is certain.
    pub confidence: OrderConfidence,
    /// Events with the same number are a chain of ties: each can't be told apart from another of them.
    pub group: usize,
    /// First and last place in the whole order it can have, from 0; the same for one whose place is certain.
    pub places: (usize, usize),
}

/// Share of the shorter interval up to which an overlap still leaves an order "probable".
const PROBABLE_OVERLAP: f64 = 0.2;

/// How sure it is that an event in interval `a` came before one in interval `b`.
#[must_use]
pub fn confidence(a: (i64, i64), b: (i64, i64)) -> OrderConfidence {
    if a.1 < b.0 {
        return OrderConfidence::Certain;
    }
    let overlap = a.1.min(b.1).saturating_sub(a.0.max(b.0));
    let shorter = (a.1.saturating_sub(a.0)).min(b.1.saturating_sub(b.0));
    // An interval inside the other says nothing about the order, however short it is.
    let is_inside = (a.0 >= b.0 && a.1 <= b.1) || (b.0 >= a.0 && b.1 <= a.1);
    #[allow(clippy::cast_precision_loss)]
    if !is_inside && overlap >= 0 && (overlap as f64) < PROBABLE_OVERLAP * shorter as f64 {
        OrderConfidence::Probable
    } else {
        OrderConfidence::Ambiguous
    }
}

/// Puts events in order. Events of one source keep the order that source gave them, since one clock is
/// consistent with itself; the middle of the interval decides between sources.
#[must_use]
pub fn order<E: Borrow<IndustrialEvent>>(events: &[E]) -> Vec<Ordered> {
    let event_of = |index: usize| -> &IndustrialEvent { events[index].borrow() };
    let mut places: Vec<usize> = (0..events.len()).collect();
    places.sort_by(|&a, &b| {
        let (a, b) = (event_of(a), event_of(b));
        middle(a)
            .cmp(&middle(b))
            .then(a.time_uncertainty_ms.cmp(&b.time_uncertainty_ms))
            .then_with(|| a.source_system.cmp(&b.source_system))
            .then_with(|| a.source_id.cmp(&b.source_id))
    });
    let sorted: Vec<&IndustrialEvent> = places.iter().map(|&index| event_of(index)).collect();
    let mut ordered: Vec<Ordered> = Vec::with_capacity(places.len());
    let groups = groups(&sorted);
    for (position, (&index, group)) in places.iter().zip(groups).enumerate() {
        let confidence = match position.checked_sub(1) {
            None => OrderConfidence::Certain,
            Some(before) => pair(sorted[before], sorted[position]),
        };
        ordered.push(Ordered {
            index,
            confidence,
            group,
            places: (position, position),
        });
    }
    let mut begin = 0;
    for chain in ordered.chunk_by_mut(|a, b| a.group == b.group) {
        let end = begin + chain.len();
        for (one, (first, last)) in chain.iter_mut().zip(spans(&sorted[begin..end])) {
            one.places = (begin + first, begin + last);
        }
        begin = end;
    }
    ordered
}

/// Middle of the interval an event lies in.
fn middle(event: &IndustrialEvent) -> i64 {
    event.event_time.0.saturating_sub(event.time_offset_ms)
}

/// Which chain of ties each of some events in order belongs to. A chain ends where every event that follows can be told
/// from every one before: a coarse clock is tied to all that a fine one stamped within its reach, not to the last.
fn groups(sorted: &[&IndustrialEvent]) -> Vec<usize> {
    let middles: Vec<i64> = sorted.iter().map(|e| middle(e)).collect();
    let widest = sorted.iter().map(|e| e.time_uncertainty_ms.max(0)).max();
    let earliest_tie = |position: usize| {
        let event = sorted[position];
        let reach = event.interval().0.saturating_sub(widest.unwrap_or(0));
        let from = middles.partition_point(|m| *m < reach).min(position);
        let mut near = sorted[from..position].iter();
        let tied = near.position(|m| pair(m, event) == OrderConfidence::Ambiguous);
        tied.map_or(position, |n| from + n)
    };
    let mut begins = vec![false; sorted.len()];
    let mut earliest = usize::MAX;
    for position in (0..sorted.len()).rev() {
        earliest = earliest.min(earliest_tie(position));
        begins[position] = earliest == position;
    }
    let mut begun = 0;
    let number = |is_begin: bool| {
        begun += usize::from(is_begin);
        begun - 1
    };
    begins.into_iter().map(number).collect()
}

/// First and last place within a chain of ties that each of its events can have. The first is tied to the second
/// and the second to the third, but the third may have come after the first for certain.
fn spans(chain: &[&IndustrialEvent]) -> Vec<(usize, usize)> {
    let mut starts: Vec<i64> = chain.iter().map(|e| e.interval().0).collect();
    let mut ends: Vec<i64> = chain.iter().map(|e| e.interval().1).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    // A chain is in the order of the middles, so the stamps of one clock ascend.
    let mut clocks: HashMap<(&str, i64, i64), Vec<i64>> = HashMap::new();
    for event in chain {
        let stamps = clocks.entry(clock_of(event)).or_default();
        stamps.push(event.event_time.0);
    }
    let span = |event: &&IndustrialEvent| {
        let ((start, end), at) = (event.interval(), event.event_time.0);
        let own = &clocks[&clock_of(event)];
        // Those of its own clock that the intervals tell apart as well are counted once.
        let width = end.saturating_sub(start).max(0);
        let before = own.partition_point(|t| *t < at)
            - own.partition_point(|t| t.saturating_add(width) < at);
        let after = own.partition_point(|t| t.saturating_sub(width) <= at)
            - own.partition_point(|t| *t <= at);
        let first = ends.partition_point(|t| *t < start) + before;
        let last = starts.partition_point(|t| *t <= end) - after;
        (first, last.saturating_sub(1).max(first))
    };
    chain.iter().map(span).collect()
}

/// What tells one clock from another.
fn clock_of(event: &IndustrialEvent) -> (&str, i64, i64) {
    let system = event.source_system.as_str();
    (system, event.time_offset_ms, event.time_uncertainty_ms)
}

/// One clock is consistent with itself: different stamps of the same source are in certain order.
fn pair(a: &IndustrialEvent, b: &IndustrialEvent) -> OrderConfidence {
    if clock_of(a) == clock_of(b) && a.event_time < b.event_time {
        return OrderConfidence::Certain;
    }
    confidence(a.interval(), b.interval())
}

#[cfg(test)]
mod tests {
    use iq_domain::{EventCategory, EventId, Severity, TenantId, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn event(source: &str, t: i64, offset: i64, uncertainty: i64) -> IndustrialEvent {
        IndustrialEvent {
            id: EventId::new(),
            tenant_id: TenantId::new(),
            asset_id: None,
            source_system: source.into(),
            source_type: "alert".into(),
            source_id: format!("{source}{t}"),
            event_time: Timestamp(t),
            ingest_time: Timestamp(t),
            recorded_at: Timestamp(t),
            time_offset_ms: offset,
            time_uncertainty_ms: uncertainty,
            severity: Severity::Info,
            event_category: EventCategory::System,
            summary: "event.trip".into(),
            payload: serde_json::Value::Null,
        }
    }

    #[test]
    fn overlap_decides_between_certain_probable_and_ambiguous() {
        use OrderConfidence::{Ambiguous, Certain, Probable};
        for (a, b, expected) in [
            ((0, 10), (11, 20), Certain),
            ((0, 10), (10, 20), Probable),
            ((0, 10), (9, 19), Probable),
            ((0, 10), (8, 18), Ambiguous),
            ((0, 100), (40, 45), Ambiguous),
            ((5, 5), (5, 5), Ambiguous),
            ((5, 5), (6, 6), Certain),
            ((12_209, 12_211), (12_050, 12_550), Ambiguous),
        ] {
            assert_eq!(confidence(a, b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn corrects_known_offsets_before_comparing() {
        // A sequence-of-events recorder, a control system 0.4 s behind, a historian 1.9 s ahead.
        let events = [
            event("historian", 14_000, 1_900, 600),
            event("soe", 12_210, 0, 1),
            event("dcs", 11_900, -400, 250),
            event("dcs", 19_000, -400, 250),
        ];
        let got = order(&events);
        let indices: Vec<_> = got.iter().map(|o| o.index).collect();
        assert_eq!(indices, [0, 1, 2, 3]);
        assert_eq!(got[1].confidence, OrderConfidence::Ambiguous);
        assert_eq!(got[2].confidence, OrderConfidence::Ambiguous);
        assert_eq!(got[3].confidence, OrderConfidence::Certain);
        let groups: Vec<_> = got.iter().map(|o| o.group).collect();
        assert_eq!(groups, [0, 0, 0, 1]);
    }

    #[test]
    fn one_clock_is_consistent_with_itself() {
        let events = [event("dcs", 1_000, 0, 500), event("dcs", 1_100, 0, 500)];
        let got = order(&events);
        assert_eq!(got[1].confidence, OrderConfidence::Certain);
        assert_ne!(got[0].group, got[1].group);
        let same = [event("dcs", 1_000, 0, 500), event("dcs", 1_000, 0, 500)];
        assert_eq!(order(&same)[1].confidence, OrderConfidence::Ambiguous);
    }

    #[test]
    fn a_chain_of_ties_does_not_hide_what_is_certain_in_it() {
        // The first two are tied and the last two, but the third came after the first for certain.
        let chain = [
            event("a", 1_000, 0, 80),
            event("b", 1_100, 0, 80),
            event("c", 1_200, 0, 80),
        ];
        let got = order(&chain);
        assert!(got.iter().all(|o| o.group == 0));
        let places: Vec<_> = got.iter().map(|o| o.places).collect();
        assert_eq!(places, [(0, 1), (0, 2), (1, 2)]);
        // One clock is sure of its own stamps, however unsure it is of the time of others.
        let mixed = [
            event("dcs", 1_000, 0, 500),
            event("soe", 1_050, 0, 1),
            event("dcs", 1_100, 0, 500),
            event("dcs", 9_000, 0, 500),
        ];
        let places: Vec<_> = order(&mixed).iter().map(|o| o.places).collect();
        assert_eq!(places, [(0, 1), (0, 2), (1, 2), (3, 3)]);
    }

    #[test]
    fn a_coarse_clock_is_tied_to_all_that_a_fine_one_stamped_within_its_reach() {
        let events = [
            event("soe", 100, 0, 1),
            event("soe", 200, 0, 1),
            event("historian", 250, 0, 600),
            event("soe", 300, 0, 1),
            event("soe", 900, 0, 1),
        ];
        let got = order(&events);
        let groups: Vec<_> = got.iter().map(|o| o.group).collect();
        assert_eq!(groups, [0, 0, 0, 0, 1]);
        let places: Vec<_> = got.iter().map(|o| o.places).collect();
        assert_eq!(places, [(0, 1), (1, 2), (0, 3), (2, 3), (4, 4)]);
    }

    proptest! {
        #[test]
        fn places_are_those_that_what_is_certain_leaves(
            raw in prop::collection::vec((0u8..3, 0i64..600, 0i64..2, 0i64..120), 0..40)
        ) {
            let events: Vec<_> =
                raw.iter().map(|(s, t, o, u)| event(["a", "b", "c"][usize::from(*s)], *t, *o, *u)).collect();
            let got = order(&events);
            let is_certain = |a: &Ordered, b: &Ordered| {
                pair(&events[a.index], &events[b.index]) == OrderConfidence::Certain
            };
            for one in &got {
                let chain: Vec<&Ordered> = got.iter().filter(|o| o.group == one.group).collect();
                let begin = got.iter().filter(|o| o.group < one.group).count();
                let before = chain.iter().filter(|o| is_certain(o, one)).count();
                let after = chain.iter().filter(|o| is_certain(one, o)).count();
                let last = begin + chain.len() - 1 - after;
                prop_assert_eq!(one.places, (begin + before, last));
                let is_tie = one.places.0 < one.places.1;
                prop_assert_eq!(is_tie, chain.len() > 1);
            }
        }

        #[test]
        fn certain_never_holds_both_ways(a in -1000i64..1000, la in 0i64..200, b in -1000i64..1000, lb in 0i64..200) {
            let (x, y) = ((a, a + la), (b, b + lb));
            let both = (confidence(x, y), confidence(y, x));
            prop_assert_ne!(both, (OrderConfidence::Certain, OrderConfidence::Certain));
        }

        #[test]
        fn every_event_appears_once_and_middles_ascend(
            raw in prop::collection::vec((0u8..3, 0i64..10_000, -500i64..500, 0i64..400), 0..40)
        ) {
            let events: Vec<_> =
                raw.iter().map(|(s, t, o, u)| event(["a", "b", "c"][usize::from(*s)], *t, *o, *u)).collect();
            let got = order(&events);
            let mut seen: Vec<_> = got.iter().map(|o| o.index).collect();
            let middles: Vec<_> =
                seen.iter().map(|&i| events[i].event_time.0 - events[i].time_offset_ms).collect();
            prop_assert!(middles.is_sorted());
            prop_assert!(got.windows(2).all(|w| w[1].group == w[0].group || w[1].group == w[0].group + 1));
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..events.len()));
        }

        #[test]
        fn the_order_does_not_depend_on_the_order_of_arrival(
            raw in prop::collection::vec((0i64..1_000, 0i64..200), 1..20), turn in 0usize..20
        ) {
            let events: Vec<_> =
                raw.iter().enumerate().map(|(i, (t, u))| event(&format!("s{i}"), *t, 0, *u)).collect();
            let mut turned = events.clone();
            turned.rotate_left(turn % events.len());
            let ids = |list: &[IndustrialEvent]| -> Vec<_> {
                order(list).iter().map(|o| (list[o.index].id, o.confidence, o.group)).collect()
            };
            prop_assert_eq!(ids(&events), ids(&turned));
        }
    }
}
