//! Why it happened, as far as the data tell, and what is recommended.

use iq_api_types::{
    EvidenceItem, EvidenceSide, Hypothesis, RootCause, RootCauseForm, RootCauseVerdict,
};
use iq_report::{Block, Row, Section, Words};

use crate::paper::{
    column,
    voice::{Voice, count, number, quantity},
};

/// Hypotheses with their evidence; the others are named.
const MAX_WHOLE: usize = 3;
/// Hypotheses that are named.
const MAX_NAMED: usize = 8;
/// Signals that moved first.
const MAX_MOVERS: usize = 10;
const SIDES: [EvidenceSide; 4] = [
    EvidenceSide::For,
    EvidenceSide::Against,
    EvidenceSide::NotSeen,
    EvidenceSide::Missing,
];

/// Without data to compare with, none is shown.
fn shown(cause: &RootCause) -> &[Hypothesis] {
    if cause.verdict == RootCauseVerdict::NotEnoughData {
        &[]
    } else {
        &cause.hypotheses
    }
}

pub(crate) fn section(voice: &Voice, cause: &RootCause) -> Section {
    let mut blocks = vec![Block::Paragraph {
        words: Words::Prose(voice.word("root_cause_verdict", &cause.verdict)),
    }];
    blocks.extend(cause.explanation.iter().map(|sentence| Block::Paragraph {
        words: Words::Prose(sentence.text.clone()),
    }));
    let hypotheses = shown(cause);
    for hypothesis in hypotheses.iter().take(MAX_WHOLE) {
        blocks.extend(whole(voice, hypothesis));
    }
    let others = hypotheses
        .iter()
        .skip(MAX_WHOLE)
        .take(MAX_NAMED - MAX_WHOLE);
    let others: Vec<Words> = others.map(|h| head(voice, h)).collect();
    if !others.is_empty() {
        blocks.push(Block::Heading {
            words: voice.prose("report.other_causes", &[]),
        });
        blocks.push(Block::List { items: others });
    }
    if cause.form == RootCauseForm::Simplified {
        blocks.push(Block::Small {
            words: voice.prose("report.simplified", &[]),
        });
    }
    blocks.extend(movers(voice, cause));
    let packs: Vec<String> = cause
        .packs
        .iter()
        .map(|p| format!("{} {}", p.id, p.version))
        .collect();
    blocks.push(Block::Small {
        words: Words::Prose(voice.say(
            "report.made_of",
            &[
                ("packs", packs.join(", ")),
                ("samples", count(cause.samples_read)),
                ("version", cause.version.to_string()),
            ],
        )),
    });
    Section {
        title: voice.label("root_cause.title"),
        blocks,
    }
}

fn head(voice: &Voice, h: &Hypothesis) -> Words {
    let mut words = vec![
        Words::Prose(voice.name(&h.names).to_owned()),
        Words::Prose("·".to_owned()),
        Words::Prose(voice.word("hypothesis_grade", &h.grade)),
        Words::Number(format!("{}%", number(h.confidence * 100.0, 0))),
        Words::Prose("·".to_owned()),
        Words::Code(h.asset_code.clone()),
    ];
    if let Some(signal) = &h.signal {
        words.push(Words::Prose(voice.name(&signal.names).to_owned()));
        words.extend(signal.tag.clone().map(Words::Code));
    }
    Words::Line(words)
}

fn whole(voice: &Voice, h: &Hypothesis) -> Vec<Block> {
    let mut blocks = vec![
        Block::Heading {
            words: head(voice, h),
        },
        Block::Small {
            words: Words::Line(vec![
                // It says how much of its evidence could be looked at.
                Words::Prose(h.reason.text.clone()),
                voice.prose(
                    "report.mode",
                    &[("mode", h.mode.clone()), ("rule", h.id.clone())],
                ),
            ]),
        },
    ];
    let items = h.evidence.as_deref().unwrap_or_default();
    if !items.is_empty() {
        let rows = SIDES.into_iter().flat_map(|side| {
            let found = items.iter().filter(move |item| item.side == side);
            found.map(|item| evidence(voice, item))
        });
        blocks.push(Block::Table {
            columns: vec![
                column(voice.label("report.side"), 0),
                column(voice.label("report.finding"), 6),
                column(voice.label("report.samples"), 4),
            ],
            rows: rows.collect(),
        });
    }
    let factors = h.contributing_factors.as_deref().unwrap_or_default();
    if !factors.is_empty() {
        blocks.push(Block::Paragraph {
            words: voice.prose("root_cause.factors", &[]),
        });
        blocks.push(Block::List {
            items: factors
                .iter()
                .map(|f| Words::Prose(f.text.clone()))
                .collect(),
        });
    }
    blocks
}

fn evidence(voice: &Voice, item: &EvidenceItem) -> Row {
    // A line for each, or a reader pairs one value with the other's time.
    let samples = item.samples.iter().take(2).enumerate().flat_map(|(n, s)| {
        let start = (n > 0).then(Words::new_line);
        start.into_iter().chain([
            Words::Number(quantity(s.value, &s.unit)),
            Words::Prose("·".to_owned()),
            voice.moment(s.t),
        ])
    });
    let mut finding = vec![Words::Prose(item.finding.text.clone())];
    if item.weight == 3 {
        finding.push(Words::Prose(format!(
            "({})",
            voice.label("root_cause.decisive")
        )));
    }
    Row {
        cells: vec![
            Words::Prose(voice.word("evidence_side", &item.side)),
            Words::Line(finding),
            Words::Line(samples.collect()),
        ],
        is_strong: false,
    }
}

fn movers(voice: &Voice, cause: &RootCause) -> Vec<Block> {
    let movers = cause.first_movers.as_deref().unwrap_or_default();
    if movers.is_empty() {
        return Vec::new();
    }
    let rows = movers.iter().take(MAX_MOVERS).map(|m| Row {
        cells: vec![
            Words::Number(m.rank.to_string()),
            Words::Line(vec![
                Words::Code(m.asset_code.clone()),
                Words::Prose(voice.name(&m.names).to_owned()),
            ]),
            voice.moment(m.onset_at),
            Words::Prose(voice.word("move_direction", &m.direction)),
            Words::Number(format!(
                "{} \u{2192} {}",
                quantity(m.usual, &m.unit),
                quantity(m.sample.value, &m.unit)
            )),
        ],
        is_strong: false,
    });
    vec![
        Block::Heading {
            words: voice.prose("root_cause.first", &[]),
        },
        Block::Table {
            columns: vec![
                column("#".to_owned(), 0),
                column(voice.label("field.signal"), 5),
                column(voice.label("report.plant_time"), 0),
                column(voice.label("report.direction"), 0),
                column(voice.label("report.usual_then"), 3),
            ],
            rows: rows.collect(),
        },
    ]
}

/// What the first hypotheses recommend, each act once.
pub(crate) fn recommendations(voice: &Voice, cause: &RootCause) -> Option<Section> {
    let mut items: Vec<Words> = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    for action in shown(cause).iter().take(MAX_WHOLE).flat_map(|h| &h.actions) {
        let what = voice.name(&action.names);
        if known.contains(&what) {
            continue;
        }
        known.push(what);
        let mut words = vec![Words::Prose(what.to_owned())];
        if let (Some(from), Some(to)) = (action.hours_from, action.hours_to) {
            words.push(Words::Number(format!(
                "{}–{} h",
                number(from, 1),
                number(to, 1)
            )));
        }
        for extra in [&action.skill, &action.spares].into_iter().flatten() {
            words.push(Words::Prose("·".to_owned()));
            words.push(Words::Prose(voice.name(extra).to_owned()));
        }
        items.push(Words::Line(words));
    }
    (!items.is_empty()).then(|| Section {
        title: voice.label("root_cause.actions"),
        blocks: vec![Block::List { items }],
    })
}

#[cfg(test)]
mod tests {
    use iq_api_types::{HypothesisGrade, HypothesisKind, Sentence};
    use iq_domain::{AssetId, Names};
    use iq_locale::{Language, Params};

    use super::*;
    use crate::texts;

    fn held_down(language: Language, reason: &str) -> Hypothesis {
        let numbers = [("for", "3"), ("against", "0"), ("not_seen", "5")];
        let others = [("short", "0"), ("coverage", "43")];
        let params: Params = numbers
            .into_iter()
            .chain(others)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let code = format!("rca.reason.{reason}");
        Hypothesis {
            rank: 1,
            id: "CP-LUB".to_owned(),
            mode: "OHE".to_owned(),
            mechanism: None,
            kind: HypothesisKind::Machine,
            names: Names {
                en: "Loss of lubrication".to_owned(),
                ar: "قصور التزييت".to_owned(),
            },
            asset_id: AssetId::new(),
            asset_code: "P-101".to_owned(),
            signal: None,
            confidence: 0.59,
            grade: HypothesisGrade::Possible,
            reason: Sentence {
                text: texts::of(language, &code, &params),
                code,
                params,
            },
            coverage: 0.43,
            evidence: None,
            contributing_factors: None,
            actions: Vec::new(),
            confusers: None,
        }
    }

    #[test]
    fn how_much_could_be_looked_at_is_said_once_whatever_the_reason() {
        let reasons = [
            "weighed",
            "coverage",
            "nothing_decisive",
            "faint",
            "alone",
            "contradicted",
            "refuted",
        ];
        for language in [Language::En, Language::Ar] {
            let voice = Voice::new(language, "UTC");
            for reason in reasons {
                let told = format!("{:?}", whole(&voice, &held_down(language, reason)));
                assert_eq!(told.matches("43").count(), 1, "{reason}: {told}");
            }
        }
    }
}
