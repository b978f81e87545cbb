//! Reading a stretch of time in pages that stay small however many rows it has, without losing or
//! repeating a row at the seam.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use iq_domain::CodedError;
use jiff::tz::TimeZone;

use crate::{
    error::upstream,
    session::{Caps, Link, Rows},
    source::Source,
    time::{moment, written},
};

/// Cells in one page: rows times value columns.
const PAGE_CELLS: usize = 20_000;

/// Fewest rows of a page, however many columns.
const LEAST_ROWS: usize = 100;

/// Most rows with one and the same time.
const MOST_AT_ONCE: usize = 200_000;

/// What identifies a row: everything that was read of it.
pub(crate) fn fingerprint(row: &[Option<String>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

/// Where a reading of a stretch stands.
pub(crate) struct Pager {
    /// Tags in groups that fit one condition; a single empty one for a wide table.
    groups: Vec<Vec<Arc<str>>>,
    group: usize,
    start: String,
    from: String,
    to: Option<String>,
    usual: usize,
    limit: usize,
    /// Rows at the seam that were handed out.
    seam: HashSet<u64>,
}

/// One page.
pub(crate) struct Page {
    pub(crate) rows: Rows,
    /// Tags asked for.
    pub(crate) asked: usize,
    /// Whether the stretch is read to its end.
    pub(crate) is_last: bool,
}

impl Pager {
    pub(crate) fn new(
        source: &Source,
        tags: impl IntoIterator<Item = Arc<str>>,
        from: String,
        to: Option<String>,
    ) -> Self {
        let tags: Vec<Arc<str>> = tags.into_iter().collect();
        let groups = match &source.tag {
            Some(_) => tags
                .chunks(source.dialect.max_tags())
                .map(<[Arc<str>]>::to_vec)
                .collect(),
            None => vec![Vec::new()],
        };
        let usual = (PAGE_CELLS / source.values.len().max(1)).max(LEAST_ROWS);
        Self {
            groups,
            group: 0,
            start: from.clone(),
            from,
            to,
            usual,
            limit: usual,
            seam: HashSet::new(),
        }
    }

    /// Whether one group holds all tags, so that a page's end is a position of the whole.
    pub(crate) fn is_single(&self) -> bool {
        self.groups.len() <= 1
    }

    /// Reads the next page.
    pub(crate) async fn next(
        &mut self,
        link: &mut Link,
        source: &Source,
        zone: &TimeZone,
    ) -> Result<Page, CodedError> {
        let Some(group) = self.groups.get(self.group) else {
            return Ok(Page {
                rows: Rows::new(),
                asked: 0,
                is_last: true,
            });
        };
        let tags: Vec<&str> = group.iter().map(|t| &**t).collect();
        let asked = tags.len().max(source.values.len());
        let statement = source.stretch(&self.from, self.to.as_deref(), &tags, self.limit);
        let rows = match statement {
            Some(statement) => link.rows(&statement, Caps::rows(self.limit)).await?,
            None => Rows::new(),
        };
        let rows = self.advance(rows, |row| {
            let time = row.first().and_then(Option::as_deref);
            moment(time, source.time.class, zone)
                .ok()
                .map(|m| written(m.written))
        })?;
        Ok(Page {
            rows,
            asked,
            is_last: self.group >= self.groups.len(),
        })
    }

    /// Moves on past a page; returns its rows without those handed out before.
    fn advance(
        &mut self,
        rows: Rows,
        time_of: impl Fn(&[Option<String>]) -> Option<String>,
    ) -> Result<Rows, CodedError> {
        let is_full = rows.len() >= self.limit;
        // Rows without a readable time come last; nothing readable follows them.
        let last = rows.iter().rev().find_map(|row| time_of(row));
        let fresh = |seam: &HashSet<u64>, rows: Rows| -> Rows {
            rows.into_iter()
                .filter(|row| !seam.contains(&fingerprint(row)))
                .collect()
        };
        let (true, Some(last)) = (is_full, last) else {
            let rows = fresh(&self.seam, rows);
            self.group += 1;
            self.from = self.start.clone();
            self.limit = self.usual;
            self.seam.clear();
            return Ok(rows);
        };
        let at_seam: HashSet<u64> = rows
            .iter()
            .filter(|row| time_of(row).as_ref() == Some(&last))
            .map(|row| fingerprint(row))
            .collect();
        let rows = fresh(&self.seam, rows);
        if last == self.from {
            // A whole page of one time: only a larger page leads past it.
            if self.limit >= MOST_AT_ONCE {
                return Err(upstream("sql.too_many_at_once").with("time", last));
            }
            self.limit = (self.limit * 4).min(MOST_AT_ONCE);
            self.seam.extend(at_seam);
        } else {
            self.from = last;
            self.limit = self.usual;
            self.seam = at_seam;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time: u32, text: &str) -> Vec<Option<String>> {
        vec![Some(format!("{time:04}")), Some(text.to_owned())]
    }

    /// A table of rows sorted by time, read through a pager with small pages.
    fn read(table: &[Vec<Option<String>>], limit: usize) -> Result<Rows, CodedError> {
        let mut pager = Pager {
            groups: vec![Vec::new()],
            group: 0,
            start: "0000".into(),
            from: "0000".into(),
            to: None,
            usual: limit,
            limit,
            seam: HashSet::new(),
        };
        let mut all = Rows::new();
        while pager.group == 0 {
            let page: Rows = table
                .iter()
                .filter(|row| row[0] >= Some(pager.from.clone()))
                .take(pager.limit)
                .cloned()
                .collect();
            all.extend(pager.advance(page, |row| row[0].clone())?);
        }
        Ok(all)
    }

    #[test]
    fn every_row_comes_once_whatever_the_page_size() {
        let mut table = Rows::new();
        for time in [1, 2, 2, 2, 2, 3, 4, 4, 5, 5, 5, 5, 5, 5, 5, 9] {
            let text = format!("r{}", table.len());
            table.push(row(time, &text));
        }
        for limit in [2, 3, 4, 5, 7, 16, 17, 100] {
            assert_eq!(read(&table, limit).unwrap(), table, "pages of {limit}");
        }
    }

    #[test]
    fn more_rows_of_one_time_than_can_be_held_are_an_error_not_a_loss() {
        let table: Rows = (0..MOST_AT_ONCE + 1)
            .map(|n| row(1, &n.to_string()))
            .collect();
        assert_eq!(
            read(&table, 1_000).unwrap_err().code,
            "sql.too_many_at_once"
        );
    }
}
