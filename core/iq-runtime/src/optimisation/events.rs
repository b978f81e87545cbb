//! Plans in the Black Box: a run that ended, and work orders that were published from it.

use iq_blackbox::{
    EventContext,
    events::{OWN_SYSTEM, event_id},
};
use iq_domain::{EventCategory, IndustrialEvent, Severity};
use iq_store::scenarios::{ScenarioRow, ScenarioState};
use serde_json::{Value, json};

fn event(
    ctx: &EventContext,
    run: &ScenarioRow,
    what: &str,
    params: Value,
    detail: Value,
) -> IndustrialEvent {
    let at = ctx.now;
    let source_id = format!("optimisation:{}:{what}:{}", run.id, at.millis());
    IndustrialEvent {
        id: event_id(ctx.tenant_id, OWN_SYSTEM, &source_id, at),
        tenant_id: ctx.tenant_id,
        asset_id: None,
        source_system: OWN_SYSTEM.to_owned(),
        source_type: "optimisation".to_owned(),
        source_id,
        event_time: at,
        ingest_time: at,
        recorded_at: at,
        time_offset_ms: ctx.clock.offset_ms,
        time_uncertainty_ms: ctx.clock.uncertainty_ms,
        severity: Severity::Info,
        event_category: EventCategory::Optimisation,
        summary: format!("event.optimisation_{what}"),
        payload: json!({ "params": params, "detail": detail }),
    }
}

/// A run ended.
pub(super) fn ended(ctx: &EventContext, run: &ScenarioRow, advised: u32) -> IndustrialEvent {
    let what = match run.state {
        ScenarioState::Done => "done",
        ScenarioState::Infeasible => "infeasible",
        ScenarioState::Cancelled => "cancelled",
        ScenarioState::Running | ScenarioState::Failed => "failed",
    };
    let params =
        json!({ "run": run.run_key, "advised": advised.to_string(), "actor": run.created_by });
    let detail = json!({
        "scenario_id": run.id, "state": run.state, "seed": run.seed, "iterations": run.iterations,
        "program": run.program, "cost_model_version": run.cost_model_version,
    });
    event(ctx, run, what, params, detail)
}

/// Recommendations became work orders.
pub(super) fn published(
    ctx: &EventContext,
    run: &ScenarioRow,
    count: usize,
    actor: &str,
) -> IndustrialEvent {
    let params = json!({ "run": run.run_key, "count": count.to_string(), "actor": actor });
    event(
        ctx,
        run,
        "published",
        params,
        json!({ "scenario_id": run.id }),
    )
}
