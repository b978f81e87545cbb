//! Alerts after ISA-18.2, as of now or of a past moment, and their rules.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{AcknowledgeRequest, Alert, AlertRule, AlertRuleInput, Page};
use iq_domain::{
    self as domain, AlertId, AlertState, AssetId, Limits, Permission, RuleCondition, RuleId,
    Severity, SignalId,
};
use iq_locale::Language;
use iq_runtime::TenantIndex;
use iq_store::{
    alert_rules::{self, RuleFilter},
    alerts::{self, AlertFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, AsOf, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, Then,
        check, delete, get, post, put,
    },
    state::ApiState,
    texts, words,
};

/// Longest delay of a rule: a week.
const MAX_DELAY_S: u32 = 7 * 86_400;
/// Largest number a limit or band may have.
const MAX_NUMBER: f64 = 1e15;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{AlertsAcknowledge, AlertsConfigure, AlertsRead};
    vec![
        get("/api/alerts", AlertsRead, list_alerts)
            .query::<AlertQuery>()
            .page::<Alert>()
            .says("Alerts, newest first"),
        post(
            "/api/alerts/{id}/acknowledge",
            AlertsAcknowledge,
            acknowledge_alert,
        )
        .body::<AcknowledgeRequest>()
        .answer::<Alert>()
        .audits("alerts.acknowledge")
        .says("Acknowledge an alert"),
        get("/api/alert-rules", AlertsRead, list_rules)
            .query::<RuleQuery>()
            .list::<AlertRule>()
            .says("Rules, by asset and metric"),
        post("/api/alert-rules", AlertsConfigure, create_rule)
            .body::<AlertRuleInput>()
            .answer::<AlertRule>()
            .status(201)
            .audits("alert_rules.create")
            .says("Create a rule; its numbers count as confirmed"),
        put("/api/alert-rules/{id}", AlertsConfigure, update_rule)
            .body::<AlertRuleInput>()
            .answer::<AlertRule>()
            .audits("alert_rules.update")
            .says("Change a rule; its numbers count as confirmed"),
        delete("/api/alert-rules/{id}", AlertsConfigure, delete_rule)
            .status(204)
            .audits("alert_rules.delete")
            .says("Delete a rule; its alert ends"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct AlertQuery {
    /// Moment in UTC milliseconds; states are those of that moment.
    t: Option<i64>,
    /// With a past moment: only what had been recorded by then, UTC milliseconds.
    known_at: Option<i64>,
    /// One or more states, with commas.
    state: Option<String>,
    /// One or more severities, with commas.
    severity: Option<String>,
    /// Only this asset.
    asset_id: Option<AssetId>,
    /// Part of the asset's code or name, or of the sentence.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_alerts(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<AlertQuery>,
) -> Answer<Json<Page<Alert>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    let asked = AsOf {
        t: query.t,
        known_at: query.known_at,
    };
    let Then { past, known_at } = asked.then(state.now())?;
    let page = PageQuery::page(query.limit, query.offset);
    let states: Vec<AlertState> = words::list("state", query.state.as_deref())?;
    let search = query.q.filter(|q| !q.trim().is_empty());
    let severities: Vec<Severity> = words::list("severity", query.severity.as_deref())?;
    // States and severities of a past moment and words of a sentence are not in the table: looked at here.
    let is_plain = past.is_none() && search.is_none();
    let filter = AlertFilter {
        states: if past.is_none() {
            states.clone()
        } else {
            Vec::new()
        },
        severities: if past.is_none() {
            severities.clone()
        } else {
            Vec::new()
        },
        asset_ids: query.asset_id.into_iter().collect(),
        to: past.map(|t| t.plus_ms(1)),
        known_at,
        ..AlertFilter::default()
    };
    let asked = is_plain.then_some(page);
    let found = stored(&state, caller.tenant_id, filter, asked).await?;
    if is_plain {
        return Ok(Json(crate::http::page::answer_page(found, page, |alert| {
            dto(caller.language, &plant, alert)
        })));
    }
    let mut rows: Vec<Alert> = found
        .rows
        .into_iter()
        .filter_map(|alert| match past {
            Some(t) => alert.as_of(t, known_at),
            None => Some(alert),
        })
        .filter(|alert| states.is_empty() || states.contains(&alert.state))
        .filter(|alert| severities.is_empty() || severities.contains(&alert.severity))
        .map(|alert| dto(caller.language, &plant, alert))
        .collect();
    if let Some(search) = &search {
        rows.retain(|a| {
            let texts = [
                &a.asset_code,
                &a.asset_names.en,
                &a.asset_names.ar,
                &a.message,
            ];
            texts::matches(search, &texts.map(String::as_str))
        });
    }
    let total = rows.len() as u64;
    let items = rows
        .into_iter()
        .skip(page.offset as usize)
        .take(page.limit as usize)
        .collect();
    Ok(Json(Page::new(items, total, u64::from(page.offset))))
}

/// A page of the alerts of a filter as they are stored, or all of them.
async fn stored(
    state: &ApiState,
    tenant: domain::TenantId,
    filter: AlertFilter,
    page: Option<iq_store::Page>,
) -> Answer<iq_store::Paged<domain::Alert>> {
    let read = move |conn: &iq_store::Connection| {
        if let Some(page) = page {
            return alerts::list_alerts(conn, tenant, &filter, page);
        }
        let rows = iq_store::all_rows(|page| alerts::list_alerts(conn, tenant, &filter, page))?;
        let total = rows.len() as u64;
        Ok(iq_store::Paged { rows, total })
    };
    Ok(state.runtime.store().read(read).await?)
}

/// An alert as it is shown.
pub(crate) fn dto(language: Language, plant: &TenantIndex, alert: domain::Alert) -> Alert {
    let asset = plant.assets.get(&alert.asset_id).map(|e| &e.asset);
    let signal = alert
        .signal_id
        .and_then(|id| plant.signals.get(&id))
        .map(|s| &s.signal);
    Alert {
        id: alert.id,
        asset_id: alert.asset_id,
        asset_code: asset.map_or_else(String::new, |a| a.code.clone()),
        asset_names: asset.map_or_else(Default::default, |a| a.names.clone()),
        signal_id: alert.signal_id,
        metric: signal.map(|s| s.metric.clone()),
        unit: signal.map(|s| s.unit.clone()),
        severity: alert.severity,
        state: alert.state,
        message: texts::of_json(language, &alert.code, &alert.params),
        code: alert.code,
        params: alert.params,
        activated_at: alert.activated_at,
        acknowledged_at: alert.acknowledged_at,
        acknowledged_by: alert.acknowledged_by,
        comment: alert.comment,
        cleared_at: alert.cleared_at,
        incident_id: alert.incident_id,
    }
}

async fn acknowledge_alert(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AlertId>,
    Body(request): Body<AcknowledgeRequest>,
) -> Answer<Json<Alert>> {
    let comment = request.comment.filter(|c| !c.trim().is_empty());
    Check::new()
        .text(
            "comment",
            comment.as_deref().unwrap_or_default(),
            check::NOTE_CHARS,
        )
        .done()?;
    let alert = state
        .runtime
        .acknowledge_alert(caller.tenant_id, id, &caller.username, comment)
        .await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(dto(caller.language, &plant, alert)))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct RuleQuery {
    /// Only this asset.
    asset_id: Option<AssetId>,
}

async fn list_rules(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<RuleQuery>,
) -> Answer<Json<Vec<AlertRule>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    let filter = RuleFilter {
        asset_id: query.asset_id,
        ..RuleFilter::default()
    };
    let tenant = caller.tenant_id;
    let mut rules = state
        .runtime
        .store()
        .read(move |conn| alert_rules::list_alert_rules(conn, tenant, &filter))
        .await?;
    let code = |id: AssetId| plant.assets.get(&id).map(|e| e.asset.code.clone());
    rules.sort_by_cached_key(|r| (code(r.asset_id), r.metric.clone(), r.id));
    Ok(Json(
        rules
            .into_iter()
            .map(|rule| rule_dto(&plant, rule))
            .collect(),
    ))
}

async fn create_rule(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<AlertRuleInput>,
) -> Answer<(StatusCode, Json<AlertRule>)> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let rule = from_input(&plant, &caller, RuleId::new(), input)?;
    note(&audit, &rule);
    let (tenant, row) = (caller.tenant_id, rule.clone());
    state
        .runtime
        .store()
        .write(move |tx| alert_rules::create_alert_rule(tx, tenant, &row))
        .await?;
    state.runtime.rules_changed(tenant).await?;
    Ok((StatusCode::CREATED, Json(rule_dto(&plant, rule))))
}

async fn update_rule(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<RuleId>,
    Body(input): Body<AlertRuleInput>,
) -> Answer<Json<AlertRule>> {
    own_rule(&state, &caller, id).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let rule = from_input(&plant, &caller, id, input)?;
    note(&audit, &rule);
    let (tenant, row) = (caller.tenant_id, rule.clone());
    state
        .runtime
        .store()
        .write(move |tx| alert_rules::update_alert_rule(tx, tenant, &row))
        .await?;
    state.runtime.rules_changed(tenant).await?;
    Ok(Json(rule_dto(&plant, rule)))
}

async fn delete_rule(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<RuleId>,
) -> Answer<StatusCode> {
    note(&audit, &own_rule(&state, &caller, id).await?);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| alert_rules::delete_alert_rule(tx, tenant, id))
        .await?;
    state.runtime.rules_changed(tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the record says about a rule: the numbers too, they decide when people are alarmed.
fn note(audit: &Audit, rule: &domain::AlertRule) {
    audit
        .object("alert_rule", rule.id)
        .asset(rule.asset_id)
        .called(&rule.metric)
        .detail("metric", rule.metric.clone())
        .detail("is_enabled", rule.is_enabled)
        .detail("condition", serde_json::json!(rule.condition));
}

async fn own_rule(state: &ApiState, caller: &Caller, id: RuleId) -> Answer<domain::AlertRule> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| alert_rules::get_alert_rule(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

fn from_input(
    plant: &TenantIndex,
    caller: &Caller,
    id: RuleId,
    input: AlertRuleInput,
) -> Answer<domain::AlertRule> {
    let signal = own_signal(plant, input.signal_id)?;
    let mut check = Check::new();
    check_condition(&mut check, &input.condition);
    check
        .require(
            input.on_delay_s <= MAX_DELAY_S,
            "on_delay_s",
            "rule.delay_too_long",
        )
        .require(
            input.off_delay_s <= MAX_DELAY_S,
            "off_delay_s",
            "rule.delay_too_long",
        )
        .number("deadband", input.deadband, 0.0, MAX_NUMBER)
        .optional_line("source", &input.source, check::NAME_CHARS * 2)
        .done()?;
    Ok(domain::AlertRule {
        id,
        tenant_id: caller.tenant_id,
        asset_id: signal.asset_id,
        signal_id: signal.id,
        metric: signal.metric.clone(),
        condition: input.condition,
        on_delay_s: input.on_delay_s,
        off_delay_s: input.off_delay_s,
        deadband: input.deadband,
        is_enabled: input.is_enabled,
        is_confirmed: true,
        source: input.source,
    })
}

fn own_signal(plant: &TenantIndex, id: SignalId) -> Answer<&domain::Signal> {
    plant
        .signals
        .get(&id)
        .map(|s| &s.signal)
        .ok_or_else(Failure::not_found)
}

fn check_condition(check: &mut Check, condition: &RuleCondition) {
    match condition {
        RuleCondition::Limit { limits } => check_limits(check, limits),
        RuleCondition::Rate {
            max_per_minute,
            severity,
        } => {
            check.number(
                "condition.max_per_minute",
                *max_per_minute,
                f64::MIN_POSITIVE,
                MAX_NUMBER,
            );
            check_severity(check, *severity);
        }
        RuleCondition::FlatLine { for_s, severity } | RuleCondition::Stale { for_s, severity } => {
            let is_fine = (1..=MAX_DELAY_S).contains(for_s);
            check.require(is_fine, "condition.for_s", "rule.duration_wrong");
            check_severity(check, *severity);
        }
        RuleCondition::Trip { tripped_value } => {
            check.number(
                "condition.tripped_value",
                *tripped_value,
                -MAX_NUMBER,
                MAX_NUMBER,
            );
        }
    }
}

fn check_severity(check: &mut Check, severity: Severity) {
    check.require(
        severity >= Severity::Warning,
        "condition.severity",
        "rule.severity_too_low",
    );
}

/// Limits in their order: low-low ≤ low < high ≤ high-high.
fn check_limits(check: &mut Check, limits: &Limits) {
    check.require(
        !limits.is_empty(),
        "condition.limits",
        "rule.limits_missing",
    );
    let all = [limits.low_low, limits.low, limits.high, limits.high_high];
    for limit in all.into_iter().flatten() {
        check.number("condition.limits", limit, -MAX_NUMBER, MAX_NUMBER);
    }
    let set: Vec<f64> = all.into_iter().flatten().collect();
    check.require(
        set.is_sorted(),
        "condition.limits",
        "rule.limits_disordered",
    );
}

fn rule_dto(plant: &TenantIndex, rule: domain::AlertRule) -> AlertRule {
    let unit = plant
        .signals
        .get(&rule.signal_id)
        .map_or("", |s| s.signal.unit.as_str());
    AlertRule {
        id: rule.id,
        asset_id: rule.asset_id,
        signal_id: rule.signal_id,
        unit: unit.to_owned(),
        metric: rule.metric,
        condition: rule.condition,
        on_delay_s: rule.on_delay_s,
        off_delay_s: rule.off_delay_s,
        deadband: rule.deadband,
        is_enabled: rule.is_enabled,
        is_confirmed: rule.is_confirmed,
        source: rule.source,
    }
}
