//! One report in both languages: Arabic, tags, negative numbers, ranges, a long table, charts.

use crate::{
    Block, Chart, Column, Language, Limit, Mark, MarkKind, Part, Report, Row, Section, Words,
};
use iq_domain::Timestamp;

pub(crate) const MADE_AT: Timestamp = Timestamp(1_763_700_000_000);
const START: i64 = 1_763_690_000_000;

fn prose(text: &str) -> Words {
    Words::Prose(text.to_owned())
}

fn code(text: &str) -> Words {
    Words::Code(text.to_owned())
}

pub(crate) fn chart() -> Chart {
    let value = |i: i64| {
        let wave = (i % 17) as f64 * 0.02;
        let rise = if i > 120 {
            (i - 120) as f64 * 0.06
        } else {
            0.0
        };
        (!(60..=66).contains(&i) && i < 235).then_some(2.1 + wave + rise)
    };
    Chart {
        from: Timestamp(START),
        to: Timestamp(START + 240 * 5_000),
        zone_offset_ms: 3 * 3_600_000,
        points: (0..240)
            .map(|i| (Timestamp(START + i * 5_000), value(i)))
            .collect(),
        band: Some((1.9, 2.6)),
        limits: vec![
            Limit {
                value: 4.5,
                is_critical: false,
            },
            Limit {
                value: 7.1,
                is_critical: true,
            },
        ],
        marks: vec![
            Mark {
                at: Timestamp(START + 121 * 5_000),
                kind: MarkKind::Onset,
            },
            Mark {
                at: Timestamp(START + 180 * 5_000),
                kind: MarkKind::Critical,
            },
        ],
    }
}

#[expect(clippy::too_many_lines, reason = "one part of a report, written out")]
fn part(language: Language, rows: usize) -> Part {
    let ar = language == Language::Ar;
    let pick = |arabic: &str, english: &str| if ar { arabic } else { english }.to_owned();
    let words = |arabic: &str, english: &str| Words::Prose(pick(arabic, english));
    let column = |title: String, share: u8| Column { title, share };
    let row = |i: usize| Row {
        cells: vec![
            Words::Number(format!("{}", i + 1)),
            code(&format!("2025-11-21 03:12:{:02}.{:03}", i % 60, i % 1_000)),
            words(
                "اهتزاز طرف القيادة فوق الحد: \u{2068}−7.4 mm/s\u{2069}، والحد \u{2068}10–20 mm/s\u{2069}",
                "Drive-end vibration is above its limit: \u{2068}−7.4 mm/s\u{2069}, limit \u{2068}10–20 mm/s\u{2069}",
            ),
            code("K-201"),
            code("ns=2;s=Ras.U200.K201.VIB_DE_ACCELERATION"),
        ],
        is_strong: i == 3,
    };
    Part {
        language,
        kind: pick("تقرير حادثة", "Incident report"),
        title: words(
            "فصل وقائي للضاغط \u{2068}K-201\u{2069}",
            "Trip of compressor \u{2068}K-201\u{2069}",
        ),
        number: code("INC-2025-0007"),
        mark: Some("DEMO".to_owned()),
        foot: pick("أُعدّ من السجل دون اتصال", "Made from the log, offline"),
        sections: vec![
            Section {
                title: pick("الملخص", "Summary"),
                blocks: vec![
                    Block::Facts {
                        rows: vec![
                            (pick("الشدة", "Severity"), words("حرج", "Critical")),
                            (
                                pick("الأصل الرئيسي", "Root asset"),
                                Words::Line(vec![
                                    code("K-201"),
                                    Words::Free("ضاغط غاز التغذية".to_owned()),
                                ]),
                            ),
                            (
                                pick("البداية", "Start"),
                                code("2025-11-21 03:12:09.120 (UTC+03:00)"),
                            ),
                            (
                                pick("بصمة الملف", "Digest of the file"),
                                code(
                                    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                                ),
                            ),
                        ],
                    },
                    Block::Paragraph {
                        words: words(
                            "ارتفاع «سرعة الاهتزاز» في \u{2068}K-201\u{2069} من \u{2068}2.1 mm/s\u{2069} إلى \u{2068}9.3 mm/s\u{2069} خلال 41 ثانية.",
                            "Vibration velocity on \u{2068}K-201\u{2069} rose from 2.1 mm/s to 9.3 mm/s within 41 s.",
                        ),
                    },
                    Block::List {
                        items: vec![
                            words(
                                "فحص صمام منع الاندفاع الارتدادي (Surge).",
                                "Inspect the anti-surge valve.",
                            ),
                            Words::Free("He said: لم يُسمع صوت غير عادي.\nثم عاد.".to_owned()),
                            prose("#strong[not markup] $x$ *a* _b_ @c"),
                        ],
                    },
                ],
            },
            Section {
                title: pick("الخط الزمني", "Timeline"),
                blocks: vec![
                    Block::Table {
                        columns: vec![
                            column(pick("الترتيب", "Order"), 0),
                            column(pick("وقت المصدر", "Source time"), 0),
                            column(pick("ما حدث", "What happened"), 5),
                            column(pick("الأصل", "Asset"), 0),
                            column(pick("الوسم", "Tag"), 3),
                        ],
                        rows: (0..rows).map(row).collect(),
                    },
                    Block::Small {
                        words: words("لم تُدرج 3 أحداث أخرى.", "3 more events are left out."),
                    },
                ],
            },
            Section {
                title: pick("المنحنيات", "Trends"),
                blocks: vec![
                    Block::Heading {
                        words: words("الإشارات", "Signals"),
                    },
                    Block::Chart {
                        title: words(
                            "سرعة الاهتزاز (RMS) · \u{2066}mm/s\u{2069}",
                            "Vibration velocity RMS · mm/s",
                        ),
                        caption: words("الشريط: المدى المعتاد.", "Band: the usual range."),
                        chart: chart(),
                    },
                ],
            },
        ],
    }
}

pub(crate) fn report(rows: usize) -> Report {
    Report {
        title: "INC-2025-0007".to_owned(),
        author: "OPTRIA IQ".to_owned(),
        made_at: MADE_AT,
        parts: vec![part(Language::Ar, rows), part(Language::En, rows)],
    }
}
