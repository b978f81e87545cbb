//! Typesetting: the description becomes a file the template reads, the template pages, the pages a
//! PDF. What is described is data to the template and never part of it.

use std::sync::LazyLock;

use iq_domain::Timestamp;
use thiserror::Error;
use typst::{
    Library, LibraryExt, World, comemo,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::content::Report;

const TEMPLATE: &str = include_str!("report.typ");
const FONTS: [&[u8]; 5] = [
    include_bytes!("../fonts/IBMPlexSansArabic-Regular.ttf"),
    include_bytes!("../fonts/IBMPlexSansArabic-SemiBold.ttf"),
    include_bytes!("../fonts/IBMPlexSans-Regular.ttf"),
    include_bytes!("../fonts/IBMPlexSans-SemiBold.ttf"),
    include_bytes!("../fonts/IBMPlexMono-Regular.ttf"),
];

/// A document for a reader.
#[derive(Clone, Debug)]
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its pages.
    pub pages: usize,
}

/// A report that can't be set. The template is ours: this is a fault of the program.
#[derive(Debug, Error)]
#[error("the report can't be set: {0}")]
pub struct ReportError(String);

/// Sets a report. Takes seconds of computing for a long one.
///
/// # Errors
/// A drawing or a page that can't be made.
pub fn render(report: &Report) -> Result<Pdf, ReportError> {
    let document = pages_of(report)?;
    let options = PdfOptions {
        creator: Smart::Custom(Some(report.author.clone())),
        timestamp: moment(report.made_at).map(typst_pdf::Timestamp::new_utc),
        standards: PdfStandards::new(&[PdfStandard::A_2b])
            .map_err(|error| ReportError(error.message().to_string()))?,
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&document, &options).map_err(first);
    // What was worked out for one report is of no use to the next.
    comemo::evict(0);
    Ok(Pdf {
        bytes: bytes?,
        pages: document.pages().len(),
    })
}

pub(crate) fn pages_of(report: &Report) -> Result<PagedDocument, ReportError> {
    let data = serde_json::to_vec(report).map_err(|error| ReportError(error.to_string()))?;
    let press = Press {
        data: Bytes::new(data),
    };
    typst::compile(&press).output.map_err(first)
}

fn first(found: impl IntoIterator<Item = SourceDiagnostic>) -> ReportError {
    let first = found.into_iter().next();
    ReportError(first.map_or_else(String::new, |d| d.message.to_string()))
}

fn moment(at: Timestamp) -> Option<Datetime> {
    let text = at.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    Datetime::from_ymd_hms(
        text.get(0..4)?.parse().ok()?,
        part(5..7)?,
        part(8..10)?,
        part(11..13)?,
        part(14..16)?,
        part(17..19)?,
    )
}

/// What never changes between reports.
struct Room {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    data: FileId,
}

static ROOM: LazyLock<Room> = LazyLock::new(|| {
    let file = |name: &str| {
        let path = VirtualPath::new(name).expect("the two names are good ones");
        RootedPath::new(VirtualRoot::Project, path).intern()
    };
    let fonts: Vec<Font> = FONTS
        .iter()
        .filter_map(|bytes| Font::new(Bytes::new(*bytes), 0))
        .collect();
    Room {
        library: LazyHash::new(Library::default()),
        book: LazyHash::new(FontBook::from_infos(fonts.iter().map(|font| {
            let mut info = font.info().clone();
            // The heavier weights carry a family name of their own, for programs that know four styles.
            if let Some(family) = info.family.strip_suffix(" SmBld") {
                info.family = family.to_owned();
            }
            info
        }))),
        fonts,
        template: Source::new(file("report.typ"), TEMPLATE.to_owned()),
        data: file("report.json"),
    }
});

/// The room with one description on the desk: two files, no disk, no clock, no network.
struct Press {
    data: Bytes,
}

impl World for Press {
    fn library(&self) -> &LazyHash<Library> {
        &ROOM.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &ROOM.book
    }

    fn main(&self) -> FileId {
        ROOM.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == ROOM.template.id() {
            return Ok(ROOM.template.clone());
        }
        Err(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == ROOM.data {
            return Ok(self.data.clone());
        }
        Err(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        ROOM.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

#[cfg(test)]
mod tests {
    use typst::layout::{Frame, FrameItem};

    use super::*;
    use crate::{Chart, Language, sample};

    /// Isolates, and the place where a tag may break.
    const INVISIBLE: [char; 5] = ['\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{200b}'];

    /// The texts of each page in the order they are set, without spaces: a line may end at each.
    fn texts(report: &Report) -> Vec<String> {
        fn collect(frame: &Frame, to: &mut String) {
            for (_, item) in frame.items() {
                match item {
                    FrameItem::Group(group) => collect(&group.frame, to),
                    FrameItem::Text(text) => to.push_str(&text.text),
                    _ => {}
                }
            }
        }
        let document = pages_of(report).unwrap();
        let page = |frame: &Frame| {
            let mut text = String::new();
            collect(frame, &mut text);
            text.retain(|c| !c.is_whitespace() && !INVISIBLE.contains(&c));
            text
        };
        document.pages().iter().map(|p| page(&p.frame)).collect()
    }

    #[test]
    fn the_same_report_is_the_same_bytes_and_another_time_is_not() {
        let report = sample::report(2);
        let first = render(&report).unwrap();
        assert!(first.bytes.starts_with(b"%PDF-1.7"));
        assert_eq!(first.bytes, render(&report).unwrap().bytes);
        let later = Report {
            made_at: sample::MADE_AT.plus_ms(1_000),
            ..report
        };
        assert_ne!(first.bytes, render(&later).unwrap().bytes);
    }

    #[test]
    fn arabic_comes_first_and_both_parts_say_the_same() {
        let report = sample::report(2);
        let pages = texts(&report);
        assert_eq!(pages.len(), render(&report).unwrap().pages);
        assert!(
            pages[0].contains("الملخص") && !pages[0].contains("Summary"),
            "{}",
            pages[0]
        );
        let english = pages.iter().position(|p| p.contains("Summary")).unwrap();
        assert!(english > 0, "a part begins on a page of its own");
        for same in [
            "INC-2025-0007",
            "\u{2212}7.4mm/s",
            "10–20mm/s",
            "2025-11-2103:12:00.000",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert!(pages[0].contains(same), "{same} in {}", pages[0]);
            assert!(
                pages[english].contains(same),
                "{same} in {}",
                pages[english]
            );
        }
    }

    #[test]
    fn what_a_source_wrote_is_no_markup() {
        let pages = texts(&sample::report(1)).concat();
        assert!(pages.contains("#strong[notmarkup]$x$*a*_b_@c"), "{pages}");
    }

    #[test]
    fn a_demo_is_marked_on_every_page_and_a_plant_on_none() {
        let mut report = sample::report(40);
        let pages = texts(&report);
        assert!(pages.len() > 3, "{}", pages.len());
        assert!(pages.iter().all(|page| page.contains("DEMO")));
        for part in &mut report.parts {
            part.mark = None;
        }
        assert!(!texts(&report).concat().contains("DEMO"));
    }

    #[test]
    fn a_long_table_goes_on_over_the_page_with_its_head() {
        let mut report = sample::report(60);
        report.parts.retain(|part| part.language == Language::En);
        let pages = texts(&report);
        let heads = pages.iter().filter(|p| p.contains("Sourcetime")).count();
        assert!(heads > 1, "{heads} of {}", pages.len());
        assert!(pages.concat().contains("2025-11-2103:12:59.059"));
    }

    #[test]
    fn every_letter_and_sign_a_report_uses_has_a_glyph() {
        for c in "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهويى،؛؟«»≈→−–±·…°²³µΩ%≥≤×Δη".chars()
        {
            let is_drawn = |font: &Font| font.info().coverage.contains(c.into());
            assert!(
                ROOM.fonts.iter().any(is_drawn),
                "{c} U+{:04X}",
                u32::from(c)
            );
        }
    }

    #[test]
    fn a_chart_without_an_end_is_still_a_page() {
        let mut report = sample::report(1);
        for block in report
            .parts
            .iter_mut()
            .flat_map(|p| &mut p.sections)
            .flat_map(|s| &mut s.blocks)
        {
            if let crate::Block::Chart { chart, .. } = block {
                *chart = Chart {
                    to: chart.from,
                    points: Vec::new(),
                    ..sample::chart()
                };
            }
        }
        assert!(render(&report).unwrap().pages > 1);
    }
}
