//! What was recorded around an incident, how it is protected, and what the report leaves out.

use iq_domain::{Alert, Timestamp};
use iq_report::{Block, Row, Section, Words};

use super::Told;
use crate::{
    paper::{
        column,
        voice::{Voice, count},
    },
    texts,
};

/// What a reader types; a command has no language.
const VERIFY: &str = "optria-verify INC.oqe --trust keys.txt";

pub(crate) fn sections(voice: &Voice, told: &Told) -> Vec<Section> {
    vec![
        alarms(voice, told),
        notes(voice, told),
        attachments(voice, told),
        evidence(voice, told),
        left_out(voice, told),
    ]
}

fn or_dash(voice: &Voice, at: Option<Timestamp>) -> Words {
    at.map_or_else(
        || Words::Prose("\u{2014}".to_owned()),
        |at| voice.moment(at),
    )
}

fn alarms(voice: &Voice, told: &Told) -> Section {
    let (alerts, total) = &told.alerts;
    let mut blocks = Vec::new();
    if alerts.is_empty() {
        blocks.push(Block::Paragraph {
            words: voice.prose("report.no_alarms", &[]),
        });
    } else {
        blocks.push(Block::Table {
            columns: vec![
                column(voice.label("report.raised"), 0),
                column(voice.label("field.severity"), 0),
                column(voice.label("event.what"), 5),
                column(voice.label("report.acknowledged"), 3),
                column(voice.label("report.cleared"), 0),
            ],
            rows: alerts.iter().map(|alert| alarm(voice, alert)).collect(),
        });
    }
    let left = total.saturating_sub(alerts.len() as u64);
    if left > 0 {
        blocks.push(Block::Small {
            words: voice.prose("report.alarms_cut", &[("n", left.to_string())]),
        });
    }
    Section {
        title: voice.label("report.alarms"),
        blocks,
    }
}

fn alarm(voice: &Voice, alert: &Alert) -> Row {
    let acknowledged = match (alert.acknowledged_at, &alert.acknowledged_by) {
        (Some(at), by) => {
            let mut words = vec![voice.moment(at)];
            words.extend(by.clone().map(Words::Free));
            words.extend(alert.comment.clone().map(Words::Free));
            Words::Line(words)
        }
        (None, _) => voice.prose("report.not_acknowledged", &[]),
    };
    Row {
        cells: vec![
            voice.moment(alert.activated_at),
            Words::Prose(voice.severity(alert.severity)),
            Words::Prose(texts::of_json(voice.language, &alert.code, &alert.params)),
            acknowledged,
            or_dash(voice, alert.cleared_at),
        ],
        is_strong: false,
    }
}

fn notes(voice: &Voice, told: &Told) -> Section {
    let notes = &told.detail.notes;
    let mut blocks: Vec<Block> = Vec::new();
    if notes.is_empty() {
        blocks.push(Block::Paragraph {
            words: voice.prose("incident.no_notes", &[]),
        });
    }
    for note in notes {
        blocks.push(Block::Small {
            words: Words::Line(vec![
                Words::Free(note.author.clone()),
                voice.moment(note.at),
            ]),
        });
        blocks.push(Block::Paragraph {
            words: Words::Free(note.text.clone()),
        });
    }
    Section {
        title: voice.label("incident.notes"),
        blocks,
    }
}

fn attachments(voice: &Voice, told: &Told) -> Section {
    let mut blocks: Vec<Block> = Vec::new();
    if told.attachments.is_empty() {
        blocks.push(Block::Paragraph {
            words: voice.prose("attach.none", &[]),
        });
    }
    for attachment in &told.attachments {
        let mut head = vec![
            Words::Free(attachment.name.clone()),
            Words::Number(format!("{} B", count(attachment.size_bytes))),
            Words::Free(attachment.author.clone()),
            voice.moment(attachment.at),
        ];
        if let Some(removal) = &attachment.removal {
            head.push(voice.prose("report.removed", &[]));
            head.push(Words::Free(removal.reason.clone()));
        }
        blocks.push(Block::Paragraph {
            words: Words::Line(head),
        });
        blocks.push(Block::Small {
            words: Words::Line(vec![
                Words::Code("SHA-256".to_owned()),
                Words::Code(attachment.sha256.clone()),
            ]),
        });
        if let Some(said) = attachment.statement.clone().filter(|s| !s.is_empty()) {
            blocks.push(Block::Paragraph {
                words: Words::Free(said),
            });
        }
    }
    Section {
        title: voice.label("attach.title"),
        blocks,
    }
}

fn evidence(voice: &Voice, told: &Told) -> Section {
    let status = &told.evidence;
    let mut rows = vec![
        (
            voice.label("evidence.protected"),
            status.protected_at.map_or_else(
                || voice.prose("evidence.protected_none", &[]),
                |at| voice.moment(at),
            ),
        ),
        (
            voice.label("evidence.records"),
            Words::Number(count(status.protected_records)),
        ),
        (
            voice.label("report.newer"),
            voice.prose("evidence.newer", &[("n", status.newer_records.to_string())]),
        ),
    ];
    if let Some(root) = &told.root {
        rows.push((voice.label("report.checkpoint"), Words::Code(root.clone())));
    }
    if let Some(key) = &status.key_fingerprint {
        rows.push((voice.label("report.key"), Words::Code(key.clone())));
    }
    let mut blocks = vec![Block::Paragraph {
        words: voice.prose("report.derived", &[]),
    }];
    for finding in &status.findings {
        let mut words = vec![
            voice.prose("evidence.broken", &[]),
            Words::Prose(voice.word("evidence_reason", &finding.reason)),
            voice.moment(finding.found_at),
        ];
        words.extend(finding.row.clone().map(Words::Code));
        blocks.push(Block::Paragraph {
            words: Words::Line(words),
        });
    }
    rows.extend(file_rows(voice, told));
    blocks.push(Block::Facts { rows });
    blocks.push(Block::Heading {
        words: voice.prose("evidence.verify_title", &[]),
    });
    let mut steps = vec![voice.prose("report.verify_1", &[])];
    if let Some(line) = &told.trust {
        steps.push(Words::Line(vec![
            voice.prose("report.verify_2", &[]),
            Words::new_line(),
            Words::Code(line.clone()),
        ]));
    }
    steps.push(Words::Line(vec![
        voice.prose("report.verify_3", &[]),
        Words::new_line(),
        Words::Code(VERIFY.to_owned()),
    ]));
    blocks.push(Block::List { items: steps });
    let key = if told.is_demo {
        "evidence.demo"
    } else {
        "evidence.signer_only"
    };
    blocks.push(Block::Small {
        words: voice.prose(key, &[]),
    });
    Section {
        title: voice.label("evidence.title"),
        blocks,
    }
}

/// The evidence file made last, and what it hashes to.
fn file_rows(voice: &Voice, told: &Told) -> Vec<(String, Words)> {
    let Some(file) = &told.file else {
        let none = voice.prose("report.no_file", &[]);
        return vec![(voice.label("report.file_made"), none)];
    };
    let mut rows = vec![(voice.label("report.file_made"), voice.moment(file.at))];
    if let Some(digest) = file.details["sha256"].as_str() {
        let code = Words::Code(digest.to_owned());
        rows.push((voice.label("report.file_digest"), code));
    }
    rows
}

fn left_out(voice: &Voice, told: &Told) -> Section {
    let mut items = vec![
        voice.prose("report.left_payloads", &[]),
        voice.prose("report.left_samples", &[]),
        voice.prose("report.left_attachments", &[]),
    ];
    if told.timeline.truncated {
        items.push(voice.prose("incident.truncated", &[]));
    }
    Section {
        title: voice.label("report.left_out"),
        blocks: vec![Block::List { items }],
    }
}
