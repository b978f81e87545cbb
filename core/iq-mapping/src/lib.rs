//! Pure rules of the signal mapping: which units exist, what a family of assets is expected to
//! measure, whether a mapping is valid, and how a raw sample becomes a measurement.
//!
//! Data lives in `units.json` and `families/*.json`; nothing here reads a file or a clock at run time.

mod apply;
mod catalogue;
mod rules;
mod suggest;
mod units;
mod validate;

pub use apply::{Conversion, apply};
pub use catalogue::{Catalogue, catalogue};
pub use rules::{RuleDraft, default_rules, span_of};
pub use suggest::{SuggestAsset, Suggestion, TagInfo, suggest};
pub use units::{Unit, convert, find_unit, units};
pub use validate::{FieldError, Known, KnownAsset, MappingDraft, ValidMapping, validate};
