//! A plan on paper: what is done when and by whom, why, what waiting costs, and what it was made of. As a
//! PDF in Arabic, in English or in both, for whoever walks the plant without a screen.

use axum::{extract::State, response::Response};
use iq_api_types::{
    DeferralCurve, PlanBar, PlanTechnician, Recommendation, ScenarioDetail, ScenarioModel,
};
use iq_domain::{ScenarioId, Timestamp};
use iq_locale::Language;
use iq_optimiser::priority::chance_decimals;
use iq_report::{Block, Part, Report, Row, Section, Words};

use crate::{
    http::{Answer, Audit, Caller, Id, Query},
    optimization::find,
    optimization_view as view,
    paper::{
        self, ReportQuery, column,
        voice::{Voice, count, number},
    },
    state::ApiState,
};

/// Advice of one report; the rest is counted.
const MAX_ADVICE: usize = 100;
/// Jobs of its schedule.
const MAX_BARS: usize = 300;
/// A gap that is none.
const PROVEN: f64 = 1e-6;
/// Curves of its cost of waiting.
const MAX_CURVES: usize = 40;

pub(crate) async fn make_plan_report(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<ScenarioId>,
    Query(query): Query<ReportQuery>,
) -> Answer<Response> {
    let now = state.now();
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let mut sites: Vec<_> = plant.sites.values().collect();
    sites.sort_by(|a, b| a.code.cmp(&b.code));
    let mut parts = Vec::new();
    let (mut name, mut is_demo) = (String::new(), false);
    for language in query.lang.languages() {
        let found = find(&state, &caller, id).await?;
        let detail = view::detail(*language, &plant, found, now);
        let run = &detail.scenario;
        let site = run.request.site_id.and_then(|id| plant.sites.get(&id));
        let zone = site
            .or(sites.first().copied())
            .map_or("UTC", |site| site.time_zone.as_str());
        name = format!("plan-{}", run.run_key);
        is_demo = run.is_demo;
        let voice = Voice::new(*language, zone);
        let foot = voice.say(
            "plan_report.foot",
            &[
                ("tenant", voice.name(&plant.tenant.names).to_owned()),
                ("by", caller.username.clone()),
            ],
        );
        parts.push(part(*language, &voice, &detail, foot, now));
    }
    let report = Report {
        title: name.clone(),
        author: paper::AUTHOR.to_owned(),
        made_at: now,
        parts,
    };
    let pdf = paper::set(report).await?;
    audit
        .object("optimization_scenario", id)
        .detail("pages", pdf.pages)
        .detail("language", serde_json::json!(query.lang));
    let mark = if is_demo { "DEMO-" } else { "" };
    Ok(paper::answer(pdf, &format!("{mark}{name}.pdf")))
}

fn part(
    language: Language,
    voice: &Voice,
    detail: &ScenarioDetail,
    foot: String,
    now: Timestamp,
) -> Part {
    let run = &detail.scenario;
    let title = if run.name.is_empty() {
        voice.prose("optimization.unnamed", &[])
    } else {
        Words::Free(run.name.clone())
    };
    Part {
        language: paper::language(language),
        kind: voice.label("plan_report.kind"),
        title,
        number: Words::Code(run.run_key.clone()),
        mark: run.is_demo.then(|| voice.label("report.demo_mark")),
        foot,
        sections: vec![
            summary(voice, detail, now),
            advice(voice, detail),
            schedule(voice, detail),
            waiting(voice, detail),
            checks(voice, detail),
        ],
    }
}

fn dash() -> Words {
    Words::Prose("\u{2014}".to_owned())
}

fn money(value: Option<f64>, currency: Option<&str>) -> Words {
    value.map_or_else(dash, |value| {
        let decimals = if value.abs() < 100.0 { 2 } else { 0 };
        let text = number(value, decimals);
        Words::Number(match currency {
            Some(currency) => format!("{text} {currency}"),
            None => text,
        })
    })
}

fn share(value: f64, decimals: usize) -> Words {
    Words::Number(format!("{} %", number(value * 100.0, decimals)))
}

fn at(voice: &Voice, moment: Option<Timestamp>) -> Words {
    // Seconds of a plan would only be noise.
    moment.map_or_else(dash, |moment| match voice.moment(moment) {
        Words::Code(text) => Words::Code(text.get(..16).unwrap_or(&text).to_owned()),
        other => other,
    })
}

fn left_out(voice: &Voice, shown: usize, total: usize) -> Option<Block> {
    let left = total.checked_sub(shown).filter(|left| *left > 0)?;
    Some(Block::Small {
        words: voice.prose("plan_report.cut", &[("n", left.to_string())]),
    })
}

fn paragraph(voice: &Voice, key: &str) -> Block {
    Block::Paragraph {
        words: voice.prose(key, &[]),
    }
}

fn summary(voice: &Voice, detail: &ScenarioDetail, now: Timestamp) -> Section {
    let mut blocks = vec![Block::Facts {
        rows: figures(voice, detail, now),
    }];
    if detail.scenario.is_demo {
        blocks.insert(0, paragraph(voice, "plan_report.demo"));
    }
    for (is_proven, key) in [
        (true, "optimization.infeasible"),
        (false, "optimization.not_found"),
    ] {
        let of = |m: &&ScenarioModel| m.state == "infeasible" && m.is_proven == is_proven;
        let conflicts: Vec<Words> = detail
            .models
            .iter()
            .filter(of)
            .flat_map(|m| &m.reasons)
            .map(|r| Words::Prose(r.message.clone()))
            .collect();
        if !conflicts.is_empty() {
            blocks.push(paragraph(voice, key));
            blocks.push(Block::List { items: conflicts });
        }
    }
    Section {
        title: voice.label("incident.summary"),
        blocks,
    }
}

fn figures(voice: &Voice, detail: &ScenarioDetail, now: Timestamp) -> Vec<(String, Words)> {
    let (run, figures) = (&detail.scenario, &detail.scenario.summary);
    let coin = run.currency.as_deref();
    let of_work = [("n", count(figures.work))];
    let mut rows: Vec<(String, Words)> = vec![
        (
            voice.label("field.state"),
            Words::Prose(voice.word("plan_state", &run.state)),
        ),
        (
            voice.label("optimization.horizon"),
            voice.prose(
                "optimization.days",
                &[("n", run.request.horizon_days.to_string())],
            ),
        ),
        (
            voice.label("plan_report.first_day"),
            at(voice, Some(detail.start_at)),
        ),
        (
            voice.label("optimization.in_plan"),
            Words::Line(vec![
                Words::Number(count(figures.advised)),
                voice.prose("optimization.of_work", &of_work),
            ]),
        ),
        (
            voice.label("optimization.current_risk"),
            money(figures.current_risk, coin),
        ),
        (
            voice.label("optimization.optimized_risk"),
            money(figures.optimized_risk, coin),
        ),
        (
            voice.label("optimization.risk_reduction"),
            money(figures.risk_reduction, coin),
        ),
        (
            voice.label("optimization.planned_cost"),
            money(figures.planned_cost, coin),
        ),
    ];
    if let Some(words) = gaps(voice, detail) {
        rows.push((voice.label("optimization.gap"), words));
    }
    let hours = |value: Option<f64>| value.map_or_else(dash, |h| Words::Number(number(h, 1)));
    rows.extend([
        (
            voice.label("optimization.travel"),
            hours(figures.travel_hours),
        ),
        (
            voice.label("optimization.overtime"),
            hours(figures.overtime_hours),
        ),
        (
            voice.label("optimization.not_placed"),
            Words::Number(count(figures.not_placed)),
        ),
        (voice.label("report.made"), at(voice, Some(now))),
        (
            voice.label("report.clock"),
            Words::Code(voice.zone(detail.start_at)),
        ),
    ]);
    rows
}

/// How far each model may be from its best plan: none of them stands for another, and only all of them
/// together are proven.
fn gaps(voice: &Voice, detail: &ScenarioDetail) -> Option<Words> {
    let gaps: Vec<(&ScenarioModel, f64)> = detail
        .models
        .iter()
        .filter(|model| model.state == "plan")
        .filter_map(|model| Some((model, model.gap?)))
        .collect();
    if gaps.is_empty() {
        return None;
    }
    let mut words = Vec::new();
    for (n, (model, gap)) in gaps.iter().enumerate() {
        if n > 0 {
            words.push(Words::new_line());
        }
        let name = voice.word("plan_model", &model.model);
        words.push(Words::Prose(format!("{name}:")));
        words.push(distance(voice, *gap));
    }
    if gaps.iter().all(|(_, gap)| *gap <= PROVEN) {
        words.push(Words::new_line());
        words.push(voice.prose("optimization.optimal", &[]));
    }
    Some(Words::Line(words))
}

fn people(voice: &Voice, all: &[PlanTechnician]) -> Words {
    let names = all
        .iter()
        .map(|t| Words::Free(voice.name(&t.names).to_owned()));
    let names: Vec<Words> = names.collect();
    if names.is_empty() {
        dash()
    } else {
        Words::Line(names)
    }
}

fn advice(voice: &Voice, detail: &ScenarioDetail) -> Section {
    let all = &detail.recommendations;
    let coin = detail.scenario.currency.as_deref();
    let mut blocks = Vec::new();
    if all.is_empty() {
        blocks.push(paragraph(voice, "optimization.empty_plan"));
    } else {
        // Shares of the width, so that no long cell takes another one's place.
        let columns = vec![
            column(voice.label("optimization.rank"), 2),
            column(voice.label("field.asset"), 7),
            column(voice.label("optimization.score"), 4),
            column(voice.label("optimization.probability"), 8),
            column(voice.label("optimization.avoided"), 5),
            column(voice.label("optimization.cost"), 5),
            column(voice.label("optimization.when"), 5),
            column(voice.label("optimization.who"), 6),
        ];
        let shown = || all.iter().take(MAX_ADVICE);
        let rows = shown().map(|one| advised(voice, one, coin)).collect();
        blocks.push(Block::Table { columns, rows });
        blocks.extend(left_out(voice, MAX_ADVICE, all.len()));
        blocks.push(Block::Heading {
            words: voice.prose("optimization.why", &[]),
        });
        blocks.push(Block::List {
            items: shown().filter_map(why).collect(),
        });
    }
    Section {
        title: voice.label("optimization.tab.list"),
        blocks,
    }
}

fn advised(voice: &Voice, one: &Recommendation, currency: Option<&str>) -> Row {
    let mut asset = vec![
        Words::Code(one.asset_code.clone()),
        Words::Free(voice.name(&one.asset_names).to_owned()),
    ];
    asset.extend(one.order.clone().map(Words::Code));
    let when = if one.is_advised {
        at(voice, one.planned_start_at)
    } else {
        voice.prose("optimization.not_planned", &[])
    };
    Row {
        cells: vec![
            Words::Number(count(one.rank)),
            Words::Line(asset),
            Words::Line(vec![
                Words::Number(number(one.score, 1)),
                Words::Prose(voice.word("plan_class", &one.class)),
            ]),
            chance(voice, one),
            money(one.expected_cost_avoided, currency),
            money(one.planned_cost, currency),
            when,
            people(voice, &one.technicians),
        ],
        is_strong: one.is_advised,
    }
}

/// Why a piece of work stands where it stands; what its chance rests on stands in the table.
fn why(one: &Recommendation) -> Option<Words> {
    let is_told = |code: &str| {
        one.is_advised
            || !(code.starts_with("optimization.chance.") || code == "optimization.health_by")
    };
    let told = one.reasons.iter().filter(|reason| is_told(&reason.code));
    let mut words: Vec<Words> = told
        .map(|reason| Words::Prose(reason.message.clone()))
        .collect();
    if words.is_empty() {
        return None;
    }
    words.insert(0, Words::Code(one.asset_code.clone()));
    Some(Words::Line(words))
}

/// The chance of failure with its interval and what it rests on.
fn chance(voice: &Voice, one: &Recommendation) -> Words {
    let decimals = chance_decimals;
    let value = share(one.failure_probability, decimals(one.failure_probability));
    let Some(chance) = &one.chance else {
        return value;
    };
    let percent = |share: f64| number(share * 100.0, decimals(share));
    Words::Line(vec![
        value,
        Words::Number(format!(
            "({}\u{2013}{})",
            percent(chance.low),
            percent(chance.high)
        )),
        Words::Prose(voice.word("plan_chance", &view::word(&chance.basis))),
    ])
}

fn schedule(voice: &Voice, detail: &ScenarioDetail) -> Section {
    let mut blocks = Vec::new();
    if detail.bars.is_empty() {
        blocks.push(paragraph(voice, "optimization.no_schedule"));
    } else {
        let columns = vec![
            column(voice.label("optimization.start"), 5),
            column(voice.label("optimization.end"), 5),
            column(voice.label("optimization.job"), 6),
            column(voice.label("optimization.who"), 9),
        ];
        let shown = detail.bars.iter().take(MAX_BARS);
        let rows = shown.map(|bar| job(voice, detail, bar)).collect();
        blocks.push(Block::Table { columns, rows });
        blocks.extend(left_out(voice, MAX_BARS, detail.bars.len()));
    }
    Section {
        title: voice.label("optimization.tab.schedule"),
        blocks,
    }
}

fn job(voice: &Voice, detail: &ScenarioDetail, bar: &PlanBar) -> Row {
    let who: Vec<PlanTechnician> = bar
        .technicians
        .iter()
        .filter_map(|id| detail.technicians.iter().find(|t| t.id == *id).cloned())
        .collect();
    Row {
        cells: vec![
            at(voice, Some(bar.start_at)),
            at(voice, Some(bar.end_at)),
            Words::Code(bar.key.clone()),
            if who.is_empty() {
                voice.prose("optimization.nobody", &[])
            } else {
                people(voice, &who)
            },
        ],
        is_strong: false,
    }
}

fn waiting(voice: &Voice, detail: &ScenarioDetail) -> Section {
    let coin = detail.scenario.currency.as_deref();
    let mut blocks = Vec::new();
    if detail.curves.is_empty() {
        blocks.push(paragraph(voice, "optimization.no_curves"));
    } else {
        blocks.push(Block::Small {
            words: voice.prose("plan_report.waiting_help", &[]),
        });
        let columns = vec![
            column(voice.label("field.asset"), 4),
            column(voice.label("plan_report.cheapest_day"), 3),
            column(voice.label("plan_report.pays_until"), 3),
            column(voice.label("plan_report.now"), 4),
            column(voice.label("plan_report.at_end"), 4),
            column(voice.label("plan_report.interval"), 5),
        ];
        let shown = detail.curves.iter().take(MAX_CURVES);
        let rows = shown.map(|curve| curve_row(curve, coin)).collect();
        blocks.push(Block::Table { columns, rows });
        blocks.extend(left_out(voice, MAX_CURVES, detail.curves.len()));
    }
    Section {
        title: voice.label("optimization.tab.deferral"),
        blocks,
    }
}

fn curve_row(curve: &DeferralCurve, currency: Option<&str>) -> Row {
    let (first, last) = (curve.days.first(), curve.days.last());
    Row {
        cells: vec![
            Words::Code(curve.asset_code.clone()),
            Words::Number(count(curve.cheapest_day)),
            Words::Number(count(curve.pays_until_day)),
            money(first.map(|d| d.expected_cost), currency),
            money(last.map(|d| d.expected_cost), currency),
            last.map_or_else(dash, |day| {
                let span = format!("{}–{}", number(day.low, 0), number(day.high, 0));
                Words::Number(match currency {
                    Some(currency) => format!("{span} {currency}"),
                    None => span,
                })
            }),
        ],
        is_strong: false,
    }
}

fn checks(voice: &Voice, detail: &ScenarioDetail) -> Section {
    let run = &detail.scenario;
    let version = run.cost_model_version;
    let mut rows = vec![
        (
            voice.label("optimization.run_key"),
            Words::Code(run.run_key.clone()),
        ),
        (
            voice.label("optimization.as_of"),
            at(voice, Some(run.as_of)),
        ),
        (
            voice.label("optimization.cost_version"),
            version.map_or_else(
                || voice.prose("optimization.no_version", &[]),
                |v| Words::Number(count(v)),
            ),
        ),
        (
            voice.label("optimization.seed"),
            Words::Number(run.request.seed.to_string()),
        ),
        (
            voice.label("optimization.iterations"),
            Words::Number(count(run.request.iterations)),
        ),
        (
            voice.label("optimization.program"),
            Words::Code(run.program.clone()),
        ),
    ];
    let asked = view::asked(voice.language, detail).into_iter();
    rows.extend(asked.map(|(name, value)| (name, Words::Free(value))));
    let mut blocks = vec![Block::List {
        items: detail.models.iter().map(|m| model(voice, m)).collect(),
    }];
    if !detail.notes.is_empty() {
        blocks.push(Block::Heading {
            words: voice.prose("optimization.notes", &[]),
        });
        let notes = detail.notes.iter();
        blocks.push(Block::List {
            items: notes.map(|n| Words::Prose(n.message.clone())).collect(),
        });
    }
    blocks.push(Block::Facts { rows });
    blocks.push(Block::Small {
        words: voice.prose("plan_report.again", &[]),
    });
    Section {
        title: voice.label("optimization.tab.inputs"),
        blocks,
    }
}

/// A bound no farther from zero than the plan itself says nothing: then there is none.
fn distance(voice: &Voice, gap: f64) -> Words {
    if gap >= 1.0 {
        voice.prose("optimization.no_bound", &[])
    } else {
        share(gap, 2)
    }
}

fn model(voice: &Voice, model: &ScenarioModel) -> Words {
    let mut words = vec![
        Words::Prose(voice.word("plan_model", &model.model)),
        Words::Prose("·".to_owned()),
        Words::Prose(voice.word("plan_outcome", &model.state)),
    ];
    if let Some(gap) = model.gap {
        words.push(Words::Prose("·".to_owned()));
        words.push(voice.prose("optimization.gap", &[]));
        words.push(distance(voice, gap));
    }
    if model.is_checked {
        words.push(Words::new_line());
        words.push(voice.prose("optimization.checked", &[]));
    }
    // Contradictions stand at the top already.
    let reasons = model.reasons.iter().filter(|_| model.state != "infeasible");
    for reason in reasons {
        words.push(Words::new_line());
        words.push(Words::Prose(reason.message.clone()));
    }
    Words::Line(words)
}
