//! The tags of a file: each text of a tag is looked at once, and counted.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use iq_domain::{Timestamp, Value, is_clean_line};
use iq_mapping::{convert, find_unit};

use crate::layout::MAX_TAG_CHARS;

/// Most tags of one file.
pub const MAX_TAGS: usize = 100_000;

/// Which tags are handed on.
#[derive(Clone, Debug, Default)]
pub enum Wanted {
    /// None: the file is only looked through.
    #[default]
    None,
    /// All.
    All,
    /// These.
    These(Arc<HashSet<Arc<str>>>),
}

impl Wanted {
    fn has(&self, tag: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::These(tags) => tags.contains(tag),
        }
    }
}

/// What is known of a tag.
#[derive(Clone, Debug, PartialEq)]
pub struct TagFound {
    /// The tag.
    pub tag: Arc<str>,
    /// Unit as the file names it: all its values are handed on in this one.
    pub unit: Option<String>,
    /// Values of it.
    pub values: u64,
    /// Time of the earliest.
    pub first_at: Option<Timestamp>,
    /// Time of the latest.
    pub last_at: Option<Timestamp>,
    /// The latest in the order of the file.
    pub last_value: Option<Value>,
    /// Whether its values are handed on.
    pub is_wanted: bool,
}

impl TagFound {
    /// Counts a value.
    pub(crate) fn note(&mut self, at: Timestamp, value: Option<&Value>) {
        self.values += 1;
        if self.first_at.is_none_or(|first| at < first) {
            self.first_at = Some(at);
        }
        if self.last_at.is_none_or(|last| at >= last) {
            self.last_at = Some(at);
            if let Some(value) = value {
                self.last_value = Some(value.clone());
            }
        }
    }
}

/// All tags of a file.
#[derive(Debug, Default)]
pub(crate) struct TagTable {
    found: Vec<TagFound>,
    index: HashMap<Box<[u8]>, u32>,
    last: Option<u32>,
    wanted: Wanted,
    units: HashMap<Arc<str>, String>,
}

impl TagTable {
    /// A table that marks the wanted tags, some of which are asked for in a unit.
    #[must_use]
    pub(crate) fn new(wanted: Wanted, units: HashMap<Arc<str>, String>) -> Self {
        Self {
            wanted,
            units,
            ..Self::default()
        }
    }

    /// Position of the tag a cell names, or the code of what is wrong with it.
    pub(crate) fn find(&mut self, cell: &[u8]) -> Result<usize, &'static str> {
        let cell = cell.trim_ascii();
        // Exports are often sorted by tag.
        if let Some(last) = self.last
            && self.found[last as usize].tag.as_bytes() == cell
        {
            return Ok(last as usize);
        }
        if let Some(at) = self.index.get(cell) {
            self.last = Some(*at);
            return Ok(*at as usize);
        }
        if cell.is_empty() {
            return Err("file.tag_missing");
        }
        let text = std::str::from_utf8(cell).map_err(|_| "file.text_undecodable")?;
        if !is_clean_line(text, MAX_TAG_CHARS) {
            return Err("file.tag_wrong");
        }
        if self.found.len() >= MAX_TAGS {
            return Err("file.too_many_tags");
        }
        let unit = self.units.get(text).cloned();
        Ok(self.add(text, unit))
    }

    /// Adds a tag.
    pub(crate) fn add(&mut self, tag: &str, unit: Option<String>) -> usize {
        let at = self.found.len();
        self.index
            .insert(tag.as_bytes().into(), u32::try_from(at).unwrap_or(u32::MAX));
        self.found.push(TagFound {
            tag: tag.into(),
            unit,
            values: 0,
            first_at: None,
            last_at: None,
            last_value: None,
            is_wanted: self.wanted.has(tag),
        });
        at
    }

    /// A number of a row that names its unit, in the unit of its tag: the one it is asked for in, else
    /// the first one a row of it names. The code of what is wrong where that can't be.
    pub(crate) fn in_unit_of(
        &mut self,
        at: usize,
        number: f64,
        cell: &[u8],
    ) -> Result<f64, &'static str> {
        let found = &mut self.found[at];
        let cell = cell.trim_ascii();
        // A row that names none goes by the rows that do.
        if cell.is_empty() || found.unit.as_ref().is_some_and(|u| u.as_bytes() == cell) {
            return Ok(number);
        }
        let text = std::str::from_utf8(cell).map_err(|_| "file.text_undecodable")?;
        let stated = find_unit(text).ok_or("file.unit_unknown")?;
        match &found.unit {
            Some(unit) => {
                convert(number, &stated.symbol, unit).map_err(|_| "file.unit_incompatible")
            }
            None => {
                found.unit = Some(text.trim().to_owned());
                Ok(number)
            }
        }
    }

    /// The units of tags, so far as they are known.
    #[must_use]
    pub(crate) fn units(&self) -> HashMap<Arc<str>, String> {
        let stated = |tag: &TagFound| Some((Arc::clone(&tag.tag), tag.unit.clone()?));
        self.found.iter().filter_map(stated).collect()
    }

    /// A tag.
    #[must_use]
    pub(crate) fn get(&mut self, at: usize) -> &mut TagFound {
        &mut self.found[at]
    }

    /// All of them.
    #[must_use]
    pub(crate) fn all(&self) -> &[TagFound] {
        &self.found
    }
}
