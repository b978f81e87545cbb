//! The order of events that were stamped by different clocks: each lies somewhere in an interval of
//! UTC, and two intervals that overlap can't be told apart by time alone.

use std::borrow::Borrow;

use iq_domain::{IndustrialEvent, OrderConfidence};

/// An event in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Index in the slice that was given.
    pub index: usize,
    /// How sure it is that it follows its predecessor; the first is certain.
    pub confidence: OrderConfidence,
    /// Events with the same number can't be told apart by their clocks.
    pub group: usize,
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
    let middle = |e: &IndustrialEvent| e.event_time.0.saturating_sub(e.time_offset_ms);
    places.sort_by(|&a, &b| {
        let (a, b) = (event_of(a), event_of(b));
        middle(a)
            .cmp(&middle(b))
            .then(a.time_uncertainty_ms.cmp(&b.time_uncertainty_ms))
            .then_with(|| a.source_system.cmp(&b.source_system))
            .then_with(|| a.source_id.cmp(&b.source_id))
    });
    let mut ordered: Vec<Ordered> = Vec::with_capacity(places.len());
    let mut group = 0;
    // Where the current group began, and how far its intervals reach.
    let (mut members, mut reach) = (0, i64::MIN);
    for (position, &index) in places.iter().enumerate() {
        let event = event_of(index);
        let confidence = match position.checked_sub(1).and_then(|p| places.get(p)) {
            None => OrderConfidence::Certain,
            Some(&before) => pair(event_of(before), event),
        };
        let is_tied = position > 0
            && event.interval().0 <= reach
            && places[members..position]
                .iter()
                .any(|&m| pair(event_of(m), event) == OrderConfidence::Ambiguous);
        if !is_tied && position > 0 {
            group += 1;
            members = position;
            reach = i64::MIN;
        }
        reach = reach.max(event.interval().1);
        ordered.push(Ordered {
            index,
            confidence,
            group,
        });
    }
    ordered
}

/// One clock is consistent with itself: different stamps of the same source are in certain order.
fn pair(a: &IndustrialEvent, b: &IndustrialEvent) -> OrderConfidence {
    let is_one_clock = a.source_system == b.source_system
        && a.time_offset_ms == b.time_offset_ms
        && a.time_uncertainty_ms == b.time_uncertainty_ms;
    if is_one_clock && a.event_time < b.event_time {
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

    proptest! {
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
