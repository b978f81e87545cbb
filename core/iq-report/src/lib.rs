//! Reports on paper: a description of sections, tables and charts in one or two languages goes in, the
//! bytes of a PDF come out. Arabic is shaped and ordered by the typesetter; the fonts are in the
//! program. Every word is passed in: what a report says is decided by whoever asks for it, and the same
//! description always gives the same bytes.

mod chart;
mod content;
#[cfg(test)]
mod sample;
mod typeset;

pub use chart::{Chart, Limit, Mark, MarkKind};
pub use content::{Block, Column, Language, Part, Report, Row, Section, Words};
pub use typeset::{Pdf, ReportError, render};
