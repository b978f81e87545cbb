//! The maintenance system's memory: rows by entity set, numbers it hands out, the file that keeps it all
//! over a restart.

use std::{collections::BTreeMap, path::Path};

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sap::{
    schema::{NOTIFICATION, OPERATION, ORDER, Set},
    seed,
    value::{Row, Val, ms_of, text, text_of},
};

/// Digits of an order's or notification's number.
const DIGITS: usize = 12;
const FIRST_ORDER: u64 = 4_000_101;
const FIRST_NOTIFICATION: u64 = 10_000_201;

/// Everything the system knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    sets: BTreeMap<String, Vec<Row>>,
    next_order: u64,
    next_notification: u64,
    #[serde(skip)]
    drafts: u64,
    #[serde(skip)]
    last_change: i64,
}

impl Book {
    /// The book kept in `path`; a first one, written by the seed, when there is none.
    pub(crate) fn open(path: &Path, seed: u64, now: Timestamp) -> Self {
        let kept = std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.unwrap_or_else(|| {
            let mut book = Self {
                next_order: FIRST_ORDER,
                next_notification: FIRST_NOTIFICATION,
                ..Self::default()
            };
            seed::fill(&mut book, seed, now);
            book
        })
    }

    /// Writes the book; it is whole or as before, never half.
    pub(crate) fn save(&self, path: &Path) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(self)?;
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, bytes)?;
        std::fs::rename(fresh, path)
    }

    pub(crate) fn rows(&self, set: &str) -> &[Row] {
        self.sets.get(set).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add(&mut self, set: &str, row: Row) {
        self.sets.entry(set.to_owned()).or_default().push(row);
    }

    /// The row with these keys.
    pub(crate) fn find(&self, set: &Set, keys: &Row) -> Option<&Row> {
        let same = |row: &&Row| {
            keys.iter()
                .all(|(name, value)| row.get(name) == Some(value))
        };
        self.rows(set.name).iter().find(same)
    }

    pub(crate) fn find_mut(&mut self, set: &Set, keys: &Row) -> Option<&mut Row> {
        let same = |row: &&mut Row| {
            keys.iter()
                .all(|(name, value)| row.get(name) == Some(value))
        };
        self.sets.get_mut(set.name)?.iter_mut().find(same)
    }

    /// A moment for a change, later than every one before, so that versions differ.
    pub(crate) fn moment(&mut self, now: Timestamp) -> Val {
        self.last_change = now.millis().max(self.last_change + 1);
        Val::Ms(self.last_change)
    }

    pub(crate) fn new_number(&mut self, set: &str) -> String {
        let next = if set == ORDER {
            &mut self.next_order
        } else {
            &mut self.next_notification
        };
        let number = format!("{next:0DIGITS$}");
        *next += 1;
        number
    }

    /// A name for a row that has no number yet.
    pub(crate) fn next_draft(&mut self) -> String {
        self.drafts += 1;
        format!("draft-{}", self.drafts)
    }

    /// Numbers what the seed wrote, the oldest first.
    pub(crate) fn number_by_age(&mut self) {
        for (set, by, others) in [
            (
                ORDER,
                "MaintOrderReferenceDateTime",
                [OPERATION, NOTIFICATION],
            ),
            (NOTIFICATION, "CreationDate", [ORDER, ORDER]),
        ] {
            let mut rows = self.sets.remove(set).unwrap_or_default();
            rows.sort_by_key(|row| ms_of(row, by).unwrap_or(0));
            let mut numbers = BTreeMap::new();
            for row in &mut rows {
                let number = self.new_number(set);
                numbers.insert(text_of(row, set).to_owned(), number.clone());
                row.insert(set.to_owned(), text(number));
            }
            self.sets.insert(set.to_owned(), rows);
            for other in others {
                for row in self.sets.get_mut(other).into_iter().flatten() {
                    if let Some(number) = numbers.get(text_of(row, set)) {
                        row.insert(set.to_owned(), text(number));
                    }
                }
            }
        }
    }
}

/// A row of an order's operation.
pub(crate) fn operation(order: &str, number: &str, title: &str) -> Row {
    Row::from([
        ("MaintenanceOrder".to_owned(), text(order)),
        ("MaintenanceOrderOperation".to_owned(), text(number)),
        ("MaintenanceOrderSubOperation".to_owned(), text("")),
        ("OperationControlKey".to_owned(), text("PM01")),
        ("OperationDescription".to_owned(), text(title)),
        ("MaintOrdOperationWorkDuration".to_owned(), text("0.0")),
        ("MaintOrdOpWorkDurationUnit".to_owned(), text("H")),
        ("ActualWorkQuantity".to_owned(), text("0.0")),
    ])
}

/// Version of a row.
pub(crate) fn etag(row: &Row) -> String {
    let changed = ms_of(row, "LastChangeDateTime").unwrap_or(0);
    format!("W/\"datetimeoffset'{}'\"", Timestamp(changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::catalogue,
        sap::schema::{EQUIPMENT, LOCATION},
    };

    const NOW: Timestamp = Timestamp(1_795_182_000_000);

    fn book() -> Book {
        Book::open(Path::new("there/is/none"), 2026, NOW)
    }

    #[test]
    fn writes_the_same_book_for_the_same_seed() {
        let (a, b) = (book(), book());
        assert_eq!(a.sets, b.sets);
        let other = Book::open(Path::new("there/is/none"), 7, NOW);
        assert_ne!(a.sets[ORDER], other.sets[ORDER]);
    }

    #[test]
    fn knows_every_asset_and_links_orders_to_them() {
        let book = book();
        assert_eq!(book.rows(LOCATION).len(), catalogue().assets.len() + 7);
        assert_eq!(book.rows(EQUIPMENT).len(), catalogue().assets.len() + 3);
        let places: Vec<&str> = book
            .rows(LOCATION)
            .iter()
            .map(|r| text_of(r, "FunctionalLocation"))
            .collect();
        let orders = book.rows(ORDER);
        assert!(orders.len() > 100, "{}", orders.len());
        for order in orders {
            assert!(places.contains(&text_of(order, "FunctionalLocation")));
            assert_eq!(text_of(order, ORDER).len(), 12);
            let operations = book.rows(OPERATION).iter();
            let own = operations.filter(|o| o[ORDER] == order[ORDER]).count();
            assert_eq!(own, 1);
        }
        for row in book.rows(NOTIFICATION) {
            let order = text_of(row, ORDER);
            let found = orders.iter().find(|o| text_of(o, ORDER) == order).unwrap();
            assert_eq!(text_of(found, NOTIFICATION), text_of(row, NOTIFICATION));
        }
        assert!(orders.iter().any(|o| text_of(o, "Equipment").is_empty()));
        let statuses: std::collections::BTreeSet<&str> = orders
            .iter()
            .map(|o| &text_of(o, "SystemStatusText")[..4])
            .collect();
        assert!(statuses.len() >= 3, "{statuses:?}");
    }

    #[test]
    fn keeps_what_was_added_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sap.json");
        let mut first = Book::open(&path, 1, NOW);
        let number = first.new_number(ORDER);
        first.add(ORDER, Row::from([(ORDER.to_owned(), text(&number))]));
        first.save(&path).unwrap();
        let mut second = Book::open(&path, 1, NOW);
        assert!(
            second
                .rows(ORDER)
                .iter()
                .any(|r| text_of(r, ORDER) == number)
        );
        assert_ne!(second.new_number(ORDER), number);
    }
}
