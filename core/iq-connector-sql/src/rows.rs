//! Rows as samples.

use std::{collections::HashSet, sync::Arc};

use iq_domain::{CodedError, RawSample, StatusCode, Timestamp, is_clean_line};
use jiff::tz::TimeZone;

use crate::{
    error::upstream,
    source::Source,
    time::{Doubt, Moment, TimeFault, moment},
    value::{OUT_OF_RANGE, quality, value, worse},
};

/// Longest name of a tag.
pub(crate) const MAX_TAG_CHARS: usize = 400;

/// One row, taken apart.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) moment: Result<Moment, TimeFault>,
    tag: Option<&'a str>,
    values: &'a [Option<String>],
    quality: Option<&'a str>,
}

impl Source {
    /// Takes a row apart that one of the source's SELECTs brought.
    pub(crate) fn decode<'a>(&self, cells: &'a [Option<String>], zone: &TimeZone) -> Row<'a> {
        let cell = |n: usize| cells.get(n).and_then(Option::as_deref);
        let values_at = 1 + usize::from(self.tag.is_some());
        let values_end = values_at + self.values.len();
        Row {
            moment: moment(cell(0), self.time.class, zone),
            tag: self.tag.as_ref().and_then(|_| cell(1)),
            values: cells.get(values_at..values_end).unwrap_or_default(),
            quality: self.quality.as_ref().and_then(|_| cell(values_end)),
        }
    }
}

/// What was wrong with rows, each kind once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<CodedError>);

impl Faults {
    pub(crate) fn add(&mut self, error: CodedError) {
        if !self.0.iter().any(|known| known.code == error.code) {
            self.0.push(error);
        }
    }

    pub(crate) fn into_list(self) -> Vec<CodedError> {
        self.0
    }
}

/// Which of the two moments an hour that came twice means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twice {
    /// The first: nothing more is known.
    First,
    /// The row is new now: the second, once it has been.
    NewAt(Timestamp),
}

/// Reads samples of wanted tags out of a row.
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a Source,
    pub(crate) wanted: &'a HashSet<Arc<str>>,
    pub(crate) now: Timestamp,
    pub(crate) twice: Twice,
}

impl Reader<'_> {
    /// Appends the samples of a row; says what can't be used.
    pub(crate) fn read(&self, row: &Row<'_>, into: &mut Vec<RawSample>, faults: &mut Faults) {
        let moment = match row.moment {
            Ok(moment) => moment,
            Err(fault) => {
                faults.add(upstream(fault.code()).with("column", &self.source.time.name));
                return;
            }
        };
        let (at, mut status) = match moment.doubt {
            Doubt::None => (moment.at, StatusCode::GOOD),
            Doubt::Gap => {
                faults.add(upstream("sql.time_in_gap").with("time", moment.written));
                (moment.at, StatusCode::UNCERTAIN)
            }
            Doubt::Fold { later } => {
                faults.add(upstream("sql.time_twice").with("time", moment.written));
                let at = match self.twice {
                    Twice::NewAt(now) if later <= now => later,
                    _ => moment.at,
                };
                (at, StatusCode::UNCERTAIN)
            }
        };
        if let Some(column) = &self.source.quality {
            status = worse(status, quality(row.quality, column.class));
        }
        for (column, cell) in self.source.values.iter().zip(row.values) {
            let name = match &self.source.tag {
                Some(_) => row.tag.map(str::trim_end),
                None => Some(column.name.as_str()),
            };
            let Some(name) = name else {
                faults.add(upstream("sql.tag_missing"));
                continue;
            };
            if !is_clean_line(name, MAX_TAG_CHARS) {
                faults.add(upstream("sql.tag_unreadable").with("tag", name));
                continue;
            }
            let Some(tag) = self.wanted.get(name) else {
                continue;
            };
            // A column that was not written in a row of many says nothing about its tag.
            if cell.is_none() && self.source.tag.is_none() {
                continue;
            }
            let (value, own) = value(cell.as_deref(), column.class);
            if own == OUT_OF_RANGE {
                faults.add(upstream("sql.number_too_large").with("tag", name));
            }
            into.push(RawSample {
                state_no: None,
                external_tag: tag.clone(),
                value,
                status: worse(status, own),
                source_time: Some(at),
                server_time: None,
                received_at: self.now,
            });
        }
    }
}
