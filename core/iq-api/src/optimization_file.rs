//! A run as a file: a workbook for people, JSON with the frozen problem for making the plan again.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{PlanChance, ScenarioDetail};
use iq_domain::{CodedError, ErrorKind, ScenarioId, Timestamp};
use iq_locale::Language;
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{Answer, Caller, Failure, Id, Query, XLSX},
    optimization::find,
    optimization_view as view,
    state::ApiState,
    texts::{self, without_marks as plain},
};

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct ExportQuery {
    /// `xlsx` or `json`.
    #[serde(default)]
    #[param(inline)]
    format: FileFormat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FileFormat {
    #[default]
    Xlsx,
    Json,
}

pub(crate) async fn export_scenario(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ScenarioId>,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    let found = find(&state, &caller, id).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let row = found.row.clone();
    let detail = view::detail(caller.language, &plant, found, state.now());
    let mark = if row.is_demo { "DEMO-" } else { "" };
    let name = format!("{mark}plan-{}", row.run_key);
    let (bytes, kind, ending) = match query.format {
        FileFormat::Xlsx => {
            let language = caller.language;
            let bytes = tokio::task::spawn_blocking(move || workbook(&detail, language))
                .await
                .map_err(|_| Failure::internal())?
                .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))?;
            let kind = XLSX;
            (bytes, kind, "xlsx")
        }
        FileFormat::Json => {
            let mut said = json!([detail.scenario, detail.recommendations]);
            texts::clear_marks(&mut said);
            // The frozen problem is as it was.
            let whole = json!({
                "run": said[0], "input": row.input, "outcome": row.outcome,
                "recommendations": said[1],
            });
            let bytes = serde_json::to_vec_pretty(&whole).map_err(|_| Failure::internal())?;
            (bytes, "application/json", "json")
        }
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"{name}.{ending}\"");
    let disposition = HeaderValue::from_str(&disposition).map_err(|_| Failure::internal())?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

fn label(language: Language, key: &str) -> String {
    let key = format!("optimization.file.{key}");
    iq_locale::pattern(language, "ui", &key)
        .unwrap_or(&key)
        .to_owned()
}

fn workbook(detail: &ScenarioDetail, language: Language) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    summary(book.add_worksheet(), detail, language)?;
    advice(book.add_worksheet(), detail, language)?;
    curves(book.add_worksheet(), detail, language)?;
    schedule(book.add_worksheet(), detail, language)?;
    book.save_to_buffer()
}

/// Columns of money: their headings say in which.
const MONEY: [&str; 6] = [
    "avoided",
    "planned_cost",
    "net_benefit",
    "expected_cost",
    "low",
    "high",
];

/// The heading of a column, with the currency where it holds money.
fn heading(language: Language, key: &str, currency: Option<&str>) -> String {
    let name = label(language, key);
    match currency.filter(|_| MONEY.contains(&key)) {
        Some(currency) => format!("{name} ({currency})"),
        None => name,
    }
}

fn sheet(
    sheet: &mut Worksheet,
    language: Language,
    name: &str,
    (headings, currency): (&[&str], Option<&str>),
) -> Result<(), XlsxError> {
    sheet.set_name(label(language, name))?;
    sheet.set_right_to_left(language == Language::Ar);
    let bold = Format::new().set_bold();
    for (at, key) in (0_u16..).zip(headings) {
        sheet.write_string_with_format(0, at, heading(language, key, currency), &bold)?;
        sheet.set_column_width(at, 20)?;
    }
    if !headings.is_empty() {
        sheet.set_freeze_panes(1, 0)?;
    }
    Ok(())
}

fn summary(
    page: &mut Worksheet,
    detail: &ScenarioDetail,
    language: Language,
) -> Result<(), XlsxError> {
    sheet(page, language, "summary", (&[], None))?;
    page.set_column_width(0, 34)?.set_column_width(1, 44)?;
    let run = &detail.scenario;
    let figures = &run.summary;
    let coin = run.currency.as_deref().unwrap_or_default();
    let money = |value: Option<f64>| {
        value.map_or_else(String::new, |v| format!("{v:.2} {coin}").trim().to_owned())
    };
    let mut rows: Vec<(String, String)> = vec![
        (label(language, "run"), run.run_key.clone()),
        (label(language, "name"), run.name.clone()),
        (label(language, "as_of"), run.as_of.to_string()),
        (label(language, "seed"), run.request.seed.to_string()),
        (
            label(language, "iterations"),
            run.request.iterations.to_string(),
        ),
        (label(language, "program"), run.program.clone()),
        (
            label(language, "cost_model_version"),
            run.cost_model_version
                .map_or_else(String::new, |v| v.to_string()),
        ),
        (
            label(language, "currency"),
            run.currency.clone().unwrap_or_default(),
        ),
        (label(language, "current_risk"), money(figures.current_risk)),
        (
            label(language, "optimized_risk"),
            money(figures.optimized_risk),
        ),
        (
            label(language, "risk_reduction"),
            money(figures.risk_reduction),
        ),
        (label(language, "planned_cost"), money(figures.planned_cost)),
        (label(language, "bound"), money(figures.bound)),
    ];
    rows.extend(facts(detail, language));
    if run.is_demo {
        rows.insert(0, (label(language, "demo"), "DEMO".to_owned()));
    }
    rows.extend(
        detail
            .notes
            .iter()
            .map(|n| (label(language, "note"), plain(&n.message))),
    );
    let reasons = detail.models.iter().flat_map(|m| &m.reasons);
    rows.extend(reasons.map(|r| (label(language, "conflict"), plain(&r.message))));
    for (line, (name, value)) in (0_u32..).zip(&rows) {
        page.write_string(line, 0, name)?
            .write_string(line, 1, value)?;
    }
    Ok(())
}

/// What the run came to and was asked beside its money.
fn facts(detail: &ScenarioDetail, language: Language) -> Vec<(String, String)> {
    let run = &detail.scenario;
    let figures = &run.summary;
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.2}"));
    let mut rows = vec![
        (label(language, "state"), state_word(language, &run.state)),
        (label(language, "first_day"), moment(Some(detail.start_at))),
        (
            label(language, "advised"),
            format!("{} / {}", figures.advised, figures.work),
        ),
        (
            label(language, "travel_hours"),
            number(figures.travel_hours),
        ),
        (
            label(language, "overtime_hours"),
            number(figures.overtime_hours),
        ),
        (
            label(language, "not_placed"),
            figures.not_placed.to_string(),
        ),
    ];
    rows.extend(view::asked(language, detail));
    // Each model has a gap of its own; one that says nothing is named as none.
    rows.extend(detail.models.iter().filter_map(|model| {
        let gap = model.gap?;
        let name = word(language, "plan_model", &model.model);
        let none = || text(language, "optimization.no_bound");
        let told = if gap < 1.0 {
            format!("{:.2} %", gap * 100.0)
        } else {
            none()
        };
        Some((format!("{}: {name}", label(language, "gap")), told))
    }));
    rows
}

/// Who does which part of a job, and when.
fn schedule(
    page: &mut Worksheet,
    detail: &ScenarioDetail,
    language: Language,
) -> Result<(), XlsxError> {
    let headings = ["part", "asset", "start", "end", "hours", "technicians"];
    sheet(page, language, "schedule", (&headings, None))?;
    for (line, bar) in (1_u32..).zip(&detail.bars) {
        let who: Vec<&str> = bar
            .technicians
            .iter()
            .filter_map(|id| detail.technicians.iter().find(|t| t.id == *id))
            .map(|t| language.name(&t.names))
            .collect();
        #[allow(clippy::cast_precision_loss, reason = "hours of a job")]
        let hours = bar.end_at.since_ms(bar.start_at) as f64 / 3_600_000.0;
        page.write_string(line, 0, &bar.key)?
            .write_string(line, 1, &bar.asset_code)?
            .write_string(line, 2, moment(Some(bar.start_at)))?
            .write_string(line, 3, moment(Some(bar.end_at)))?
            .write_number(line, 4, hours)?
            .write_string(line, 5, who.join("; "))?;
    }
    Ok(())
}

fn text(language: Language, key: &str) -> String {
    iq_locale::pattern(language, "ui", key)
        .unwrap_or(key)
        .to_owned()
}

fn word(language: Language, list: &str, value: &str) -> String {
    text(language, &format!("enum.{list}.{value}"))
}

fn state_word(language: Language, state: &impl serde::Serialize) -> String {
    word(language, "plan_state", &view::word(state))
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |t| t.to_string())
}

fn advice(
    page: &mut Worksheet,
    detail: &ScenarioDetail,
    language: Language,
) -> Result<(), XlsxError> {
    let headings = [
        "rank",
        "asset",
        "asset_name",
        "score",
        "health",
        "failure_probability",
        "chance_low",
        "chance_high",
        "chance_source",
        "avoided",
        "planned_cost",
        "net_benefit",
        "in_plan",
        "start",
        "end",
        "technicians",
        "order",
        "reasons",
    ];
    let currency = detail.scenario.currency.as_deref();
    sheet(page, language, "recommendations", (&headings, currency))?;
    for (line, one) in (1_u32..).zip(&detail.recommendations) {
        let who: Vec<&str> = one
            .technicians
            .iter()
            .map(|t| language.name(&t.names))
            .collect();
        let why: Vec<String> = one.reasons.iter().map(|r| plain(&r.message)).collect();
        page.write_number(line, 0, one.rank)?
            .write_string(line, 1, &one.asset_code)?
            .write_string(line, 2, language.name(&one.asset_names))?
            .write_number(line, 3, one.score)?
            .write_number(line, 5, one.failure_probability)?;
        if let Some(health) = one.health {
            page.write_number(line, 4, health)?;
        }
        if let Some(chance) = &one.chance {
            page.write_number(line, 6, chance.low)?
                .write_number(line, 7, chance.high)?
                .write_string(line, 8, chance_source(chance, language))?;
        }
        for (at, value) in [
            (9, one.expected_cost_avoided),
            (10, one.planned_cost),
            (11, one.net_benefit),
        ] {
            if let Some(value) = value {
                page.write_number(line, at, value)?;
            }
        }
        page.write_boolean(line, 12, one.is_advised)?
            .write_string(line, 13, moment(one.planned_start_at))?
            .write_string(line, 14, moment(one.planned_end_at))?
            .write_string(line, 15, who.join("; "))?
            .write_string(line, 16, one.order.clone().unwrap_or_default())?
            .write_string(line, 17, why.join(" "))?;
    }
    Ok(())
}

/// What the chance rests on, and why it is no measurement where it is none.
fn chance_source(chance: &PlanChance, language: Language) -> String {
    let key = format!("enum.plan_chance.{}", view::word(&chance.basis));
    let name = iq_locale::pattern(language, "ui", &key).unwrap_or(&key);
    match &chance.lab_withheld {
        Some(why) => format!("{name}. {}", plain(&why.message)),
        None => name.to_owned(),
    }
}

fn curves(
    page: &mut Worksheet,
    detail: &ScenarioDetail,
    language: Language,
) -> Result<(), XlsxError> {
    let headings = [
        "asset",
        "day",
        "failure_probability",
        "expected_cost",
        "low",
        "high",
    ];
    let currency = detail.scenario.currency.as_deref();
    sheet(page, language, "deferral", (&headings, currency))?;
    let days = detail
        .curves
        .iter()
        .flat_map(|c| c.days.iter().map(move |d| (c, d)));
    for (line, (curve, day)) in (1_u32..).zip(days) {
        page.write_string(line, 0, &curve.asset_code)?
            .write_number(line, 1, day.days_deferred)?
            .write_number(line, 2, day.failure_probability)?
            .write_number(line, 3, day.expected_cost)?
            .write_number(line, 4, day.low)?
            .write_number(line, 5, day.high)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_of_money_says_in_which_currency() {
        let shown = |key: &str, coin: Option<&str>| heading(Language::En, key, coin);
        for key in MONEY {
            assert!(shown(key, Some("SAR")).ends_with(" (SAR)"), "{key}");
            assert_eq!(shown(key, None), label(Language::En, key));
        }
        assert_eq!(shown("hours", Some("SAR")), label(Language::En, "hours"));
    }
}
