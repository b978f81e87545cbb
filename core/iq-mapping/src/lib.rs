//! Pure rules of the signal mapping: which units exist, what a family of assets is expected to
//! measure, whether a mapping is valid, and how a raw sample becomes a measurement.
//!
//! Data lives in `units.json` and `families/*.json`; nothing here reads a file or a clock at run time.

mod apply;
mod catalogue;
pub mod drift;
mod fold;
mod lessons;
mod pattern;
mod plan;
mod propose;
mod rules;
mod sheet;
mod suggest;
mod units;
mod validate;
mod words;

pub use apply::{Conversion, apply};
pub use catalogue::{Catalogue, catalogue};
pub use fold::folded;
pub use lessons::{Lesson, Lessons, lessons_of};
pub use pattern::{Syntax, TagParts, TagPattern};
pub use plan::{
    Change, ImportMode, ListedMapping, ListedRow, MappingPlan, RowError, Stored, Wish, draft_of,
    plan_list, settle,
};
pub use propose::{FileTag, Proposal, ProposedAsset, ProposedSignal, equipment_code, propose};
pub use rules::{RuleDraft, default_rules, span_of};
pub use sheet::{
    Cell, Column, Directory, MAX_SHEET_ROWS, SheetOptions, cells_of, csv_text, of_csv_text,
    read_sheet,
};
pub use suggest::{SuggestAsset, Suggester, Suggestion, TagInfo, suggest};
pub use units::{Unit, convert, find_unit, units};
pub use validate::{FieldError, Known, KnownAsset, MappingDraft, ValidMapping, validate};
