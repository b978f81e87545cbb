//! Paging and small defaults.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// Items of this page.
    pub items: Vec<T>,
    /// Items in all.
    pub total: u64,
    /// Offset of the next page, if there is one.
    pub next_offset: Option<u64>,
}

impl<T> Page<T> {
    /// A page cut at `offset` out of `total` items.
    #[must_use]
    pub fn new(items: Vec<T>, total: u64, offset: u64) -> Self {
        let end = offset + items.len() as u64;
        let next_offset = (end < total && !items.is_empty()).then_some(end);
        Self {
            items,
            total,
            next_offset,
        }
    }
}

pub(crate) const fn yes() -> bool {
    true
}

pub(crate) const fn one() -> f64 {
    1.0
}
