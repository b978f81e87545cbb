//! The parts of a report: what happened, in which order, and what the trends show.

use iq_api_types::TimelineEvent;
use iq_domain::{EventRelation, Severity, Timestamp};
use iq_locale::Language;
use iq_report::{Block, Chart, Part, Row, Section, Words};

use super::{
    Told, cause, record,
    trends::{Drawn, MAX_CHARTS},
};
use crate::{
    paper::{
        column,
        voice::{Voice, count, utc},
    },
    texts,
};

/// Rows of the timeline; the rest is counted.
pub(crate) const MAX_EVENTS: usize = 400;

/// The report in one language.
pub(crate) fn part(language: Language, told: &Told) -> Part {
    let voice = Voice::new(language, &told.zone);
    let incident = &told.detail.incident;
    let mut sections = vec![summary(&voice, told), cause::section(&voice, &told.cause)];
    sections.extend(cause::recommendations(&voice, &told.cause));
    sections.push(timeline(&voice, told));
    sections.push(trends(&voice, told));
    sections.extend(record::sections(&voice, told));
    Part {
        language: crate::paper::language(language),
        kind: voice.label("report.kind"),
        title: Words::Prose(incident.title.clone()),
        number: Words::Code(incident.number.clone()),
        mark: told.is_demo.then(|| voice.label("report.demo_mark")),
        foot: voice.say(
            "report.foot",
            &[
                ("tenant", voice.name(&told.tenant).to_owned()),
                ("by", told.made_by.clone()),
            ],
        ),
        sections,
    }
}

fn both_clocks(voice: &Voice, at: Timestamp) -> Words {
    Words::Line(vec![
        voice.moment(at),
        Words::Prose("·".to_owned()),
        Words::Code("UTC".to_owned()),
        utc(at),
    ])
}

fn summary(voice: &Voice, told: &Told) -> Section {
    let incident = &told.detail.incident;
    let prose = |text: String| Words::Prose(text);
    let mut rows = vec![
        (
            voice.label("report.number"),
            Words::Code(incident.number.clone()),
        ),
        (
            voice.label("field.severity"),
            prose(voice.severity(incident.severity)),
        ),
        (
            voice.label("report.root_asset"),
            Words::Line(vec![
                Words::Code(incident.asset_code.clone()),
                Words::Free(voice.name(&incident.asset_names).to_owned()),
            ]),
        ),
        (
            voice.label("incident.type"),
            prose(voice.word("incident_type", &incident.incident_type)),
        ),
        (
            voice.label("incident.started"),
            both_clocks(voice, incident.started_at),
        ),
        (
            voice.label("incident.ended"),
            incident.ended_at.map_or_else(
                || prose(voice.label("incident.ongoing")),
                |at| both_clocks(voice, at),
            ),
        ),
    ];
    if let Some(end) = incident.ended_at {
        let length = voice.span(end.since_ms(incident.started_at));
        rows.push((voice.label("incident.duration"), prose(length)));
    }
    rows.push((
        voice.label("field.state"),
        prose(voice.word("incident_status", &incident.status)),
    ));
    rows.push((
        voice.label("incident.assignee"),
        incident
            .assignee
            .clone()
            .map_or_else(|| prose(voice.label("incident.nobody")), Words::Free),
    ));
    rows.push((
        voice.label("incident.event_count"),
        Words::Number(count(incident.event_count)),
    ));
    if !told.detail.related_assets.is_empty() {
        let related = told.detail.related_assets.iter().take(12);
        let codes = related.map(|a| Words::Code(a.code.clone())).collect();
        rows.push((voice.label("incident.related"), Words::Line(codes)));
    }
    rows.push((voice.label("report.made"), both_clocks(voice, told.made_at)));
    rows.push((
        voice.label("report.clock"),
        Words::Line(vec![
            Words::Code(told.zone.clone()),
            Words::Code(format!("({})", voice.zone(incident.started_at))),
        ]),
    ));
    let mut blocks = vec![Block::Facts { rows }];
    if told.is_demo {
        blocks.insert(
            0,
            Block::Paragraph {
                words: voice.prose("report.demo", &[]),
            },
        );
    }
    Section {
        title: voice.label("incident.summary"),
        blocks,
    }
}

fn timeline(voice: &Voice, told: &Told) -> Section {
    let events = &told.timeline.events;
    let columns = vec![
        column(voice.label("report.order"), 0),
        column(voice.label("report.plant_time"), 0),
        column(voice.label("report.utc"), 0),
        column(voice.label("field.severity"), 0),
        column(voice.label("event.what"), 5),
        column(voice.label("field.asset"), 0),
    ];
    let shown = events.iter().take(MAX_EVENTS);
    let rows = shown.map(|item| event_row(voice, item)).collect();
    let mut blocks = vec![
        Block::Small {
            words: voice.prose("report.order_help", &[]),
        },
        Block::Table { columns, rows },
    ];
    let total = usize::try_from(told.detail.incident.event_count).unwrap_or(events.len());
    if total > MAX_EVENTS {
        let left = total - MAX_EVENTS;
        blocks.push(Block::Small {
            words: voice.prose(
                "report.events_cut",
                &[("shown", count(MAX_EVENTS)), ("n", left.to_string())],
            ),
        });
    }
    Section {
        title: voice.label("incident.sequence"),
        blocks,
    }
}

/// A place, or the first and the last of those it can have.
fn place(item: &TimelineEvent) -> String {
    if item.first_place == item.last_place {
        item.first_place.to_string()
    } else {
        format!("{}\u{2248}{}", item.first_place, item.last_place)
    }
}

fn event_row(voice: &Voice, item: &TimelineEvent) -> Row {
    let event = &item.event;
    let at = event.event_time.plus_ms(-event.time_offset_ms);
    let clock = |words: Words| match words {
        Words::Code(text) => Words::Code(text.get(11..).unwrap_or(&text).to_owned()),
        other => other,
    };
    let mut what = vec![Words::Prose(event.message.clone())];
    if item.relation == EventRelation::Neighbour {
        what.push(Words::Prose(format!(
            "({})",
            voice.word("relation", &item.relation)
        )));
    }
    if let Some(tag) = &event.tag {
        what.push(Words::new_line());
        what.push(Words::Code(tag.clone()));
    }
    if event.time_uncertainty_ms > 0 {
        let wide = format!("± {} ms", count(event.time_uncertainty_ms.unsigned_abs()));
        what.push(Words::Number(wide));
    }
    Row {
        cells: vec![
            Words::Number(place(item)),
            voice.moment(at),
            clock(utc(at)),
            Words::Prose(voice.severity(event.severity)),
            Words::Line(what),
            Words::Code(event.asset_code.clone().unwrap_or_default()),
        ],
        is_strong: event.severity == Severity::Critical && item.relation == EventRelation::Trigger,
    }
}

fn trends(voice: &Voice, told: &Told) -> Section {
    let mut blocks = Vec::new();
    if told.charts.is_empty() {
        blocks.push(Block::Paragraph {
            words: voice.prose("report.no_trends", &[]),
        });
    } else {
        blocks.push(Block::Small {
            words: voice.prose("report.trends_help", &[]),
        });
    }
    blocks.extend(told.charts.iter().map(|drawn| chart(voice, told, drawn)));
    if told.timeline.trends.len() > MAX_CHARTS {
        let left = told.timeline.trends.len() - MAX_CHARTS;
        blocks.push(Block::Small {
            words: voice.prose("report.trends_cut", &[("n", left.to_string())]),
        });
    }
    Section {
        title: voice.label("report.trends"),
        blocks,
    }
}

fn chart(voice: &Voice, told: &Told, drawn: &Drawn) -> Block {
    let trend = &drawn.trend;
    let mut title = vec![
        Words::Code(trend.asset_code.clone()),
        Words::Prose(voice.name(&trend.names).to_owned()),
    ];
    let unit = texts::unit_label(&trend.unit);
    if !unit.trim_matches('\0').is_empty() {
        title.push(Words::Number(format!("({unit})")));
    }
    if let Some(tag) = &trend.tag {
        title.push(Words::Code(tag.clone()));
    }
    let measured = drawn.points.iter().filter(|(_, v)| v.is_some()).count();
    let mut caption = vec![voice.prose(
        if measured == 0 {
            "report.chart_empty"
        } else if drawn.is_raw {
            "report.chart_raw"
        } else {
            "report.chart_rolled_up"
        },
        &[],
    )];
    if let Some(at) = trend.onset_at {
        caption.push(voice.prose("report.chart_onset", &[]));
        caption.push(voice.moment(at.plus_ms(-trend.time_offset_ms)));
    }
    Block::Chart {
        title: Words::Line(title),
        caption: Words::Line(caption),
        chart: Chart {
            from: told.timeline.from,
            to: told.timeline.to,
            zone_offset_ms: voice.offset_ms(told.timeline.from),
            points: drawn.points.clone(),
            band: drawn.band,
            limits: drawn.limits.clone(),
            marks: drawn.marks.clone(),
        },
    }
}
