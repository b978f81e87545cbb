//! How far a set was read, and the rows that were handed on lately. Pure.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use iq_domain::Timestamp;
use serde_json::{Value, json};

use crate::dialect::{Place, Start};

/// Changes are read again this far back: rows are stamped before they can be seen.
const OVERLAP_MS: i64 = 300_000;
/// Most rows remembered per set.
const MAX_RECENT: usize = 50_000;

/// The position in a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Everything is being read in the order of the keys.
    Full {
        /// Last key handed on.
        after: Option<String>,
        /// When the reading began.
        started: Timestamp,
        /// Newest change seen.
        newest: Option<Timestamp>,
    },
    /// Changes are read.
    Changes {
        /// Everything up to here is handed on.
        since: Timestamp,
        /// While the first reading lasts: where it ends.
        first_until: Option<Timestamp>,
    },
}

impl Position {
    /// Where a set without a position begins.
    pub(crate) fn first(is_master: bool, now: Timestamp, history_days: u32) -> Self {
        if is_master {
            Self::Full {
                after: None,
                started: now,
                newest: None,
            }
        } else {
            Self::Changes {
                since: now.plus_ms(-i64::from(history_days) * 86_400_000),
                first_until: Some(now),
            }
        }
    }

    /// The position as it is written down.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Full {
                after,
                started,
                newest,
            } => json!({"after": after, "started": started, "newest": newest}),
            Self::Changes { since, first_until } => {
                json!({"since": since, "first_until": first_until})
            }
        }
    }

    /// A position that was written down; `None` when it is not one of ours.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let moment = |name: &str| value.get(name).and_then(Value::as_i64).map(Timestamp);
        if let Some(since) = moment("since") {
            return Some(Self::Changes {
                since,
                first_until: moment("first_until"),
            });
        }
        let after = match value.get("after")? {
            Value::Null => None,
            Value::String(key) => Some(key.clone()),
            _ => return None,
        };
        Some(Self::Full {
            after,
            started: moment("started")?,
            newest: moment("newest"),
        })
    }

    /// Whether the past is being read.
    pub(crate) fn is_back_fill(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Changes { first_until, .. } => first_until.is_some(),
        }
    }

    /// Where the reading of a round begins.
    pub(crate) fn start(&self) -> Start {
        match self {
            Self::Full { after, .. } => Start::Key(after.clone()),
            Self::Changes { since, first_until } => {
                let overlap = if first_until.is_some() { 0 } else { OVERLAP_MS };
                Start::Change(since.plus_ms(-overlap), 0)
            }
        }
    }

    /// The position after a page of a round that began at `began` (by the earlier of both clocks). A
    /// round may be broken off after any page: a row stamped by a clock that runs ahead must not carry
    /// the position beyond rows that are yet to be written.
    pub(crate) fn after_page(&mut self, places: &[Place], began: Timestamp) {
        let seen = places.iter().filter_map(|p| p.changed_at).max();
        match self {
            Self::Full { after, newest, .. } => {
                if let Some(last) = places.last() {
                    *after = Some(last.key.clone());
                }
                *newest = (*newest).max(seen);
            }
            Self::Changes { since, .. } => {
                let latest = began.plus_ms(-OVERLAP_MS);
                *since = (*since).max(seen.map_or(*since, |seen| seen.min(latest)));
            }
        }
    }

    /// The position after a round that began at `began` (by the earlier of both clocks). A row
    /// stamped in the future must not hide the rows that come before it.
    pub(crate) fn after_round(&mut self, began: Timestamp) {
        let since = match self {
            Self::Full {
                started, newest, ..
            } => newest.unwrap_or(*started).min(*started).min(began),
            Self::Changes { since, .. } => (*since).min(began),
        };
        *self = Self::Changes {
            since,
            first_until: None,
        };
    }
}

/// From where the next page of a round is read; `None` when the source does not get on.
pub(crate) fn next_from(from: &Start, places: &[Place]) -> Option<Start> {
    let last = places.last()?;
    match from {
        Start::Key(after) => (after.as_deref() != Some(last.key.as_str()))
            .then(|| Start::Key(Some(last.key.clone()))),
        Start::Change(since, offset) => {
            let whole = |t: Timestamp| t.0.div_euclid(1_000);
            let reached = last.changed_at?;
            Some(if whole(reached) > whole(*since) {
                Start::Change(Timestamp(whole(reached) * 1_000), 0)
            } else {
                Start::Change(*since, offset + places.len())
            })
        }
    }
}

/// Whether the page came in the order it was asked for.
pub(crate) fn is_in_order(from: &Start, places: &[Place]) -> bool {
    match from {
        // The order of keys is the source's own; a page that does not get on is found elsewhere.
        Start::Key(_) => true,
        Start::Change(since, _) => {
            let times: Option<Vec<Timestamp>> = places.iter().map(|p| p.changed_at).collect();
            times.is_some_and(|t| {
                t.is_sorted()
                    && t.first()
                        .is_none_or(|f| f.0 >= since.0.div_euclid(1_000) * 1_000)
            })
        }
    }
}

/// Rows handed on lately, so that the overlap does not hand them on again.
#[derive(Default)]
pub(crate) struct Recent(HashMap<String, (Timestamp, u64)>);

impl Recent {
    /// Whether the row is new or has changed; it is remembered.
    pub(crate) fn is_news(&mut self, place: &Place, row: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        let now = (place.changed_at.unwrap_or_default(), hasher.finish());
        if self.0.len() >= MAX_RECENT {
            self.0.clear();
        }
        self.0.insert(place.key.clone(), now) != Some(now)
    }

    /// Forgets what no overlap reaches any more.
    pub(crate) fn forget_before(&mut self, since: Timestamp) {
        let oldest = since.plus_ms(-2 * OVERLAP_MS);
        self.0.retain(|_, (changed_at, _)| *changed_at >= oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(of: &[(&str, i64)]) -> Vec<Place> {
        of.iter()
            .map(|(key, at)| Place {
                key: (*key).to_owned(),
                changed_at: Some(Timestamp(*at)),
            })
            .collect()
    }

    #[test]
    fn a_position_survives_being_written_down() {
        let now = Timestamp(1_767_254_400_000);
        for position in [
            Position::first(true, now, 365),
            Position::first(false, now, 30),
            Position::Full {
                after: Some("0001".into()),
                started: now,
                newest: Some(now),
            },
            Position::Changes {
                since: now,
                first_until: None,
            },
        ] {
            assert_eq!(Position::from_json(&position.to_json()), Some(position));
        }
        for bad in [
            json!({}),
            json!({"after": 1}),
            json!("x"),
            json!({"since": "x"}),
        ] {
            assert_eq!(Position::from_json(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_round_ends_no_later_than_it_began_by_either_clock() {
        let mut position = Position::first(true, Timestamp(1_000_000), 1);
        let began = Timestamp(1_000_000);
        position.after_page(&places(&[("a", 5_000), ("b", 253_000_000_000_000)]), began);
        position.after_round(Timestamp(900_000));
        assert_eq!(
            position,
            Position::Changes {
                since: Timestamp(900_000),
                first_until: None
            }
        );
        let mut position = Position::Changes {
            since: Timestamp(10),
            first_until: None,
        };
        position.after_page(&places(&[("a", 20), ("b", 30)]), began);
        position.after_round(Timestamp(1_000));
        assert_eq!(
            position,
            Position::Changes {
                since: Timestamp(30),
                first_until: None
            }
        );
    }

    #[test]
    fn a_round_broken_off_after_a_row_of_the_future_hides_nothing() {
        let began = Timestamp(1_000_000_000);
        for first_until in [None, Some(began)] {
            let since = Timestamp(1_000);
            let mut position = Position::Changes { since, first_until };
            position.after_page(&places(&[("a", 5_000), ("b", 253_000_000_000_000)]), began);
            let reached = Position::Changes {
                since: began.plus_ms(-OVERLAP_MS),
                first_until,
            };
            assert_eq!(position, reached);
            position.after_page(&places(&[("c", 6_000)]), began);
            assert_eq!(position, reached, "never back");
        }
    }

    #[test]
    fn pages_get_on_by_time_and_within_a_second_by_number() {
        let from = Start::Change(Timestamp(1_000), 0);
        let next = next_from(&from, &places(&[("a", 1_200), ("b", 3_700)])).unwrap();
        assert_eq!(next, Start::Change(Timestamp(3_000), 0));
        let next = next_from(&next, &places(&[("b", 3_700), ("c", 3_900)])).unwrap();
        assert_eq!(
            next,
            Start::Change(Timestamp(3_000), 2),
            "a whole page within one second"
        );
        let next = next_from(&next, &places(&[("d", 3_950), ("e", 9_000)])).unwrap();
        assert_eq!(next, Start::Change(Timestamp(9_000), 0));
    }

    #[test]
    fn a_page_of_keys_that_repeats_itself_is_noticed() {
        let from = Start::Key(Some("b".into()));
        assert_eq!(next_from(&from, &places(&[("a", 1), ("b", 1)])), None);
        assert_eq!(next_from(&from, &[]), None);
    }

    #[test]
    fn a_source_that_ignores_the_order_is_noticed() {
        let from = Start::Change(Timestamp(5_500), 0);
        assert!(is_in_order(
            &from,
            &places(&[("a", 5_100), ("b", 5_100), ("c", 9_000)])
        ));
        assert!(!is_in_order(&from, &places(&[("a", 9_000), ("b", 6_000)])));
        assert!(
            !is_in_order(&from, &places(&[("a", 1_000)])),
            "the filter was ignored"
        );
        assert!(is_in_order(&from, &[]));
    }

    #[test]
    fn rows_of_the_overlap_are_handed_on_once() {
        let mut recent = Recent::default();
        let place = &places(&[("a", 1_000)])[0];
        assert!(recent.is_news(place, &"row"));
        assert!(!recent.is_news(place, &"row"));
        assert!(recent.is_news(place, &"changed row"));
        recent.forget_before(Timestamp(10_000_000));
        assert!(recent.is_news(place, &"changed row"));
    }
}
