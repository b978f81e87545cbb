//! Why there is no plan: the smallest set of constraints that contradict each other, found by leaving
//! constraints out while the rest still contradicts (deletion filter).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reason with a stable code; its sentence is `optimiser.<code>` in the locales.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable code.
    pub code: String,
    /// Arguments.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl Reason {
    pub(crate) fn new(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            params: BTreeMap::new(),
        }
    }

    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.params.insert(key.to_owned(), value.to_string());
        self
    }
}

/// A set that was not proven to contradict says something as long as it is small.
pub(crate) const MAX_UNPROVEN: usize = 4;

/// A figure of a sentence, to the hundredth.
pub(crate) fn figure(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}

/// Names that one sentence lists.
const MAX_NAMES: usize = 12;

/// Names in a row; of very many the first.
pub(crate) fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let is_cut = all.len() > MAX_NAMES;
    let mut list = all.take(MAX_NAMES).collect::<Vec<_>>().join(", ");
    if is_cut {
        list.push_str(", …");
    }
    list
}

/// No plan, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Infeasible {
    /// Whether it is proven that no plan exists; else none was found and the reasons say what is missing.
    pub is_proven: bool,
    /// Whether every reason is needed: without any one of them the others no longer contradict.
    pub is_minimal: bool,
    /// Constraints that contradict each other.
    pub conflicts: Vec<Reason>,
}

/// Leaves out constraint after constraint, in halving blocks first. `contradicts` says whether the kept
/// ones still contradict each other, `None` where that could not be settled. Returns the kept ones and
/// whether each is needed; `None` where all together are not known to contradict.
pub(crate) fn smallest(
    count: usize,
    mut contradicts: impl FnMut(&[bool]) -> Option<bool>,
) -> Option<(Vec<bool>, bool)> {
    let mut kept = vec![true; count];
    if contradicts(&kept) != Some(true) {
        return None;
    }
    let mut is_minimal = true;
    let mut block = count.next_power_of_two() / 2;
    while block >= 1 {
        for first in (0..count).step_by(block) {
            let range = first..(first + block).min(count);
            if !kept[range.clone()].contains(&true) {
                continue;
            }
            let mut fewer = kept.clone();
            fewer[range].fill(false);
            match contradicts(&fewer) {
                Some(true) => kept = fewer,
                Some(false) => {}
                None => is_minimal &= block > 1,
            }
        }
        block /= 2;
    }
    Some((kept, is_minimal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_just_what_contradicts() {
        let needed = [3_usize, 17, 18];
        let (kept, is_minimal) =
            smallest(40, |kept| Some(needed.iter().all(|at| kept[*at]))).unwrap();
        let left: Vec<usize> = (0..40).filter(|at| kept[*at]).collect();
        assert_eq!(left, needed);
        assert!(is_minimal);
    }

    #[test]
    fn finds_nothing_where_nothing_contradicts() {
        assert_eq!(smallest(4, |_| Some(false)), None);
    }

    #[test]
    fn says_so_when_a_step_could_not_be_settled() {
        let mut calls = 0;
        let found = smallest(2, |_| {
            calls += 1;
            (calls == 1).then_some(true)
        });
        assert_eq!(found, Some((vec![true, true], false)));
    }
}
