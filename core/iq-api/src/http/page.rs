//! Queries that many routes share: a page, a moment, a window of time.

use iq_domain::{TimeRange, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::failure::{Answer, Failure};

/// Largest page.
const MAX_LIMIT: u32 = 500;
/// Page size when none is asked for.
const DEFAULT_LIMIT: u32 = 50;
/// Longest window of a query: eleven years, so that "ten years" always fits.
const MAX_WINDOW_MS: i64 = 11 * 366 * 86_400_000;
/// Times before this program's world (1990) are a unit mistake: seconds sent as milliseconds.
const EARLIEST: Timestamp = Timestamp(631_152_000_000);

/// `?limit=&offset=`.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
pub(crate) struct PageQuery {
    /// Items per page, at most 500.
    pub(crate) limit: Option<u32>,
    /// Items to skip.
    pub(crate) offset: Option<u32>,
}

impl PageQuery {
    pub(crate) fn page(limit: Option<u32>, offset: Option<u32>) -> iq_store::Page {
        iq_store::Page {
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            offset: offset.unwrap_or(0),
        }
    }

    pub(crate) fn get(self) -> iq_store::Page {
        Self::page(self.limit, self.offset)
    }
}

/// `?t=&known_at=`: the answer as of that moment.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
pub(crate) struct AsOf {
    /// Moment in UTC milliseconds; now if absent.
    pub(crate) t: Option<i64>,
    /// With a past moment: alerts, scores and incidents only as far as they had been recorded by then,
    /// UTC milliseconds. Values count by their source time.
    pub(crate) known_at: Option<i64>,
}

/// A past moment, and up to when what was recorded counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Then {
    /// The moment; `None` is now.
    pub(crate) past: Option<Timestamp>,
    /// With a past moment: only what had been recorded by then.
    pub(crate) known_at: Option<Timestamp>,
}

impl AsOf {
    /// The moment asked for, with what was known.
    pub(crate) fn then(self, now: Timestamp) -> Answer<Then> {
        let past = Self::past(self.t, now)?;
        let known_at = match self.known_at.map(Timestamp) {
            Some(t) if t < EARLIEST => {
                return Err(Failure::field("known_at", "request.time_out_of_range"));
            }
            known => known.filter(|_| past.is_some()),
        };
        Ok(Then { past, known_at })
    }

    /// The moment asked for; `None` is now. A moment that is yet to come is now.
    pub(crate) fn past(t: Option<i64>, now: Timestamp) -> Answer<Option<Timestamp>> {
        match t.map(Timestamp) {
            Some(t) if t < EARLIEST => Err(Failure::field("t", "request.time_out_of_range")),
            Some(t) if t < now => Ok(Some(t)),
            _ => Ok(None),
        }
    }
}

/// `?from=&to=`.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Window {
    /// Start in UTC milliseconds.
    pub(crate) from: Option<i64>,
    /// End in UTC milliseconds.
    pub(crate) to: Option<i64>,
}

impl Window {
    /// The window; without an end it ends now, without a start it is `default_ms` long.
    pub(crate) fn range(
        from: Option<i64>,
        to: Option<i64>,
        now: Timestamp,
        default_ms: i64,
    ) -> Answer<TimeRange> {
        let to = to.map_or(now.plus_ms(1), Timestamp);
        let from = from.map_or(to.plus_ms(-default_ms), Timestamp);
        for (field, t) in [("from", from), ("to", to)] {
            if t < EARLIEST || t > now.plus_ms(MAX_WINDOW_MS) {
                return Err(Failure::field(field, "request.time_out_of_range"));
            }
        }
        match TimeRange::new(from, to) {
            None => Err(Failure::field("to", "request.window_empty")),
            Some(range) if range.length_ms() > MAX_WINDOW_MS => {
                Err(Failure::field("from", "request.window_too_long"))
            }
            Some(range) => Ok(range),
        }
    }
}

/// A number from a page of the store to an answer.
pub(crate) fn answer_page<T, U>(
    paged: iq_store::Paged<T>,
    page: iq_store::Page,
    map: impl FnMut(T) -> U,
) -> iq_api_types::Page<U> {
    let items = paged.rows.into_iter().map(map).collect();
    iq_api_types::Page::new(items, paged.total, u64::from(page.offset))
}
