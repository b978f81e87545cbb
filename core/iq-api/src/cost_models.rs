//! The cost and risk model: the version in force, its change, and the versions before.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use iq_api_types::{ActiveCostModel, CostModel, CostModelInput, CostModelVersion, Page};
use iq_domain::{CodedError, Message, Permission};
use iq_runtime::TenantIndex;
use iq_store::cost_models::{self as rows, CostModelRow};
use serde_json::Value;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, PageQuery, Query, Route, check,
        get, put,
    },
    state::ApiState,
    texts,
};

/// Currencies of the model: the Gulf's and those contracts are made in.
const CURRENCIES: [&str; 14] = [
    "SAR", "USD", "EUR", "AED", "QAR", "KWD", "BHD", "OMR", "EGP", "JOD", "GBP", "INR", "CNY",
    "JPY",
];

/// No cost is larger; a typing error usually is.
const LARGEST: f64 = 1e12;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{CostModelsRead, CostModelsWrite};
    let path = "/api/integrations/cost-models/active";
    vec![
        get(path, CostModelsRead, get_active_cost_model)
            .answer::<ActiveCostModel>()
            .says("The cost and risk model in force, or what is withheld without one"),
        put(path, CostModelsWrite, put_active_cost_model)
            .body::<CostModelInput>()
            .answer::<ActiveCostModel>()
            .audits("cost_models.update")
            .says("Change the cost and risk model: a new version comes into force"),
        get(
            "/api/integrations/cost-models",
            CostModelsRead,
            list_cost_models,
        )
        .query::<PageQuery>()
        .page::<CostModelVersion>()
        .says("Versions of the cost and risk model, newest first"),
    ]
}

async fn get_active_cost_model(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<ActiveCostModel>> {
    let tenant = caller.tenant_id;
    let (active, before) = state
        .runtime
        .store()
        .read(move |conn| {
            let two = rows::list_cost_models(conn, tenant, iq_store::Page::first(2))?;
            let mut two = two.rows.into_iter();
            Ok((two.next(), two.next()))
        })
        .await?;
    answer(&caller, active, before.as_ref())
}

async fn list_cost_models(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Answer<Json<Page<CostModelVersion>>> {
    let (tenant, page) = (caller.tenant_id, query.get());
    // One more than asked for: the oldest of the page is compared with the one before it.
    let wider = iq_store::Page {
        limit: page.limit.saturating_add(1),
        ..page
    };
    let mut found = state
        .runtime
        .store()
        .read(move |conn| rows::list_cost_models(conn, tenant, wider))
        .await?;
    let before: BTreeMap<u32, Value> = found
        .rows
        .iter()
        .map(|r| (r.version, r.model.clone()))
        .collect();
    found.rows.truncate(page.limit as usize);
    let versions = found
        .rows
        .iter()
        .map(|row| version(row, before.get(&row.version.saturating_sub(1))))
        .collect::<Answer<Vec<_>>>()?;
    Ok(Json(Page::new(
        versions,
        found.total,
        u64::from(page.offset),
    )))
}

async fn put_active_cost_model(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<CostModelInput>,
) -> Answer<Json<ActiveCostModel>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    validate(&plant, &input)?;
    let tenant = caller.tenant_id;
    let row = CostModelRow {
        tenant_id: tenant,
        version: 0,
        model: serde_json::to_value(&input.model).map_err(|_| Failure::internal())?,
        comment: input.comment.trim().to_owned(),
        is_demo: plant.tenant.is_demo,
        created_by: caller.username.clone(),
        created_at: state.now(),
    };
    let based_on = input.base_version;
    let (made, before) = state
        .runtime
        .store()
        .write(move |tx| {
            let last = rows::get_active_cost_model(tx, tenant)?;
            if last.as_ref().map(|l| l.version) != based_on {
                return Err(CodedError::conflict("cost_models.changed_meanwhile").into());
            }
            Ok((rows::append_cost_model(tx, tenant, row)?, last))
        })
        .await?;
    let changed = changed(&made.model, before.as_ref().map(|b| &b.model));
    audit
        .object("cost_model", made.version)
        .detail("version", made.version)
        .detail("changed", changed.join(", "))
        .detail("comment", made.comment.clone());
    answer(&caller, Some(made), before.as_ref())
}

fn answer(
    caller: &Caller,
    active: Option<CostModelRow>,
    before: Option<&CostModelRow>,
) -> Answer<Json<ActiveCostModel>> {
    let missing = active.is_none().then(|| {
        let message = Message {
            code: "cost_models.not_set".to_owned(),
            params: BTreeMap::new(),
        };
        texts::status(caller.language, &message)
    });
    let active = active
        .map(|row| version(&row, before.map(|b| &b.model)))
        .transpose()?;
    Ok(Json(ActiveCostModel {
        active,
        missing,
        currencies: CURRENCIES.map(str::to_owned).to_vec(),
    }))
}

fn version(row: &CostModelRow, before: Option<&Value>) -> Answer<CostModelVersion> {
    let model: CostModel =
        serde_json::from_value(row.model.clone()).map_err(|_| Failure::internal())?;
    Ok(CostModelVersion {
        version: row.version,
        model,
        comment: row.comment.clone(),
        is_demo: row.is_demo,
        changed: changed(&row.model, before),
        created_by: row.created_by.clone(),
        created_at: row.created_at,
    })
}

/// Fields that differ; none for the first version.
fn changed(model: &Value, before: Option<&Value>) -> Vec<String> {
    let Some((now, before)) = model.as_object().zip(before.and_then(Value::as_object)) else {
        return Vec::new();
    };
    let differs = now
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value));
    differs.map(|(key, _)| key.clone()).collect()
}

fn validate(plant: &TenantIndex, input: &CostModelInput) -> Answer<()> {
    let model = &input.model;
    let mut check = Check::new();
    check
        .require(
            CURRENCIES.contains(&model.currency.as_str()),
            "currency",
            "cost_models.currency_unknown",
        )
        .number(
            "default_downtime_cost_per_hour",
            model.default_downtime_cost_per_hour,
            0.0,
            LARGEST,
        )
        .number("risk_appetite", model.risk_appetite, 0.0, 1.0)
        .text("comment", &input.comment, check::NOTE_CHARS);
    for (family, cost) in &model.cost_per_asset_family {
        let field = format!("cost_per_asset_family.{family}");
        if iq_mapping::catalogue().family(family).is_none() {
            check.problem(FieldFailure::new(&field, "cost_models.family_unknown"));
        }
        check
            .number(&format!("{field}.planned"), cost.planned, 0.0, LARGEST)
            .number(&format!("{field}.failure"), cost.failure, 0.0, LARGEST);
    }
    for (site, value) in &model.production_value_per_site {
        let field = format!("production_value_per_site.{site}");
        let is_ours = site.parse().is_ok_and(|id| plant.sites.contains_key(&id));
        check
            .require(is_ours, &field, "cost_models.site_unknown")
            .number(&field, *value, 0.0, LARGEST);
    }
    for (unit, value) in &model.production_value_per_unit {
        let field = format!("production_value_per_unit.{unit}");
        let is_ours = unit.parse().is_ok_and(|id| plant.units.contains_key(&id));
        check
            .require(is_ours, &field, "cost_models.unit_unknown")
            .number(&field, *value, 0.0, LARGEST);
    }
    levels(&mut check, model);
    check.done()
}

/// Weights lie in the score's scale; thresholds fall from critical to medium.
fn levels(check: &mut Check, model: &CostModel) {
    let weights = model.criticality_weights;
    for (class, weight) in [
        ("critical", weights.critical),
        ("high", weights.high),
        ("medium", weights.medium),
        ("low", weights.low),
    ] {
        check.number(&format!("criticality_weights.{class}"), weight, 0.0, 2.0);
    }
    let limits = model.criticality_thresholds;
    for (class, limit) in [
        ("critical", limits.critical),
        ("high", limits.high),
        ("medium", limits.medium),
    ] {
        check.number(
            &format!("criticality_thresholds.{class}"),
            limit,
            0.0,
            100.0,
        );
    }
    check.require(
        limits.critical > limits.high && limits.high > limits.medium,
        "criticality_thresholds.high",
        "cost_models.thresholds_order",
    );
}
