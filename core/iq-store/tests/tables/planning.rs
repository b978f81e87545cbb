//! Cost models, runs of the optimiser, recommendations.

use iq_domain::*;
use iq_store::{
    Page,
    cost_models::{self, CostModelRow},
    recommendations::{self, RecommendationRow},
    scenarios::{self, ScenarioRow, ScenarioState},
};
use serde_json::json;

use crate::support::{Fixture, T0};

fn model(tenant: TenantId, cost: f64) -> CostModelRow {
    CostModelRow {
        tenant_id: tenant,
        version: 0,
        model: json!({ "currency": "SAR", "default_downtime_cost_per_hour": cost }),
        comment: "أسعار جديدة".to_owned(),
        is_demo: false,
        created_by: "admin".to_owned(),
        created_at: T0,
    }
}

fn scenario(tenant: TenantId) -> ScenarioRow {
    ScenarioRow {
        id: ScenarioId::new(),
        tenant_id: tenant,
        job_id: JobId::new(),
        run_key: String::new(),
        name: "أسبوعان".to_owned(),
        state: ScenarioState::Running,
        as_of: T0,
        seed: u32::MAX,
        iterations: 2_000,
        program: "0.1.0".to_owned(),
        cost_model_version: None,
        is_demo: true,
        request: json!({ "horizon_days": 14 }),
        input: json!(null),
        outcome: json!(null),
        created_by: "planner".to_owned(),
        created_at: T0,
        finished_at: None,
    }
}

fn advice(p: &crate::support::Plant, scenario: ScenarioId, rank: u32) -> RecommendationRow {
    RecommendationRow {
        id: RecommendationId::new(),
        tenant_id: p.id(),
        scenario_id: scenario,
        rank,
        asset_id: p.asset.id,
        order_id: None,
        advice: json!({ "score": 71.5 }),
        work_order_id: None,
        published_by: None,
        published_at: None,
    }
}

#[test]
fn each_change_of_the_cost_model_is_a_version_and_none_is_ever_changed() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.filled().id(), fixture.filled().id());
    assert_eq!(
        fixture.read(|c| cost_models::get_active_cost_model(c, a)),
        None
    );
    for (cost, version) in [(10.0, 1), (20.0, 2)] {
        let row = model(a, cost);
        let made = fixture.write(move |c| cost_models::append_cost_model(c, a, row));
        assert_eq!(made.unwrap().version, version);
    }
    let active = fixture
        .read(|c| cost_models::get_active_cost_model(c, a))
        .unwrap();
    assert_eq!(
        active,
        CostModelRow {
            version: 2,
            ..model(a, 20.0)
        }
    );
    let all = fixture.read(|c| cost_models::list_cost_models(c, a, Page::default()));
    let versions: Vec<u32> = all.rows.iter().map(|r| r.version).collect();
    assert_eq!((versions, all.total), (vec![2, 1], 2));
    assert_eq!(
        fixture.read(|c| cost_models::get_active_cost_model(c, b)),
        None
    );
    let theirs = model(a, 30.0);
    let refused = fixture.write(move |c| cost_models::append_cost_model(c, b, theirs));
    assert!(refused.is_err());
    for sql in [
        "UPDATE tenant_cost_models SET comment = ''",
        "DELETE FROM tenant_cost_models",
    ] {
        let refused = fixture.write(move |c| Ok(c.execute(sql, [])?));
        assert!(format!("{refused:?}").contains("append only"), "{sql}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "one life, step by step")]
fn a_run_goes_from_its_frozen_input_to_its_outcome_and_leaves_no_trace_when_deleted() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled().id());
    let t = p.id();
    let mut row = scenario(t);
    let (id, made) = (row.id, row.clone());
    fixture
        .write(move |c| scenarios::create_scenario(c, t, &made))
        .unwrap();
    row.state = ScenarioState::Done;
    row.run_key = "3fa9c1d2e0".to_owned();
    row.cost_model_version = Some(2);
    row.input = json!({ "work": [] });
    row.outcome = json!({ "plans": {} });
    row.finished_at = Some(T0.plus_ms(5));
    let changed = row.clone();
    assert!(
        fixture
            .write(move |c| scenarios::update_scenario(c, t, &changed))
            .unwrap()
    );
    assert_eq!(
        fixture.read(|c| scenarios::get_scenario(c, t, id)),
        Some(row.clone())
    );
    let job = row.job_id;
    assert_eq!(
        fixture.read(|c| scenarios::get_scenario_of_job(c, t, job)),
        Some(row.clone())
    );
    assert_eq!(fixture.read(|c| scenarios::count_scenarios_done(c, t)), 1);

    assert_eq!(
        fixture.read(|c| scenarios::get_scenario(c, other, id)),
        None
    );
    assert_eq!(
        fixture.read(|c| scenarios::get_scenario_of_job(c, other, job)),
        None
    );
    assert_eq!(
        fixture
            .read(|c| scenarios::list_scenarios(c, other, Page::default()))
            .total,
        0
    );
    assert_eq!(
        fixture.read(|c| scenarios::count_scenarios_done(c, other)),
        0
    );
    assert!(
        fixture
            .write(move |c| scenarios::delete_scenario(c, other, id))
            .is_err()
    );

    let (first, second) = (advice(&p, id, 1), advice(&p, id, 2));
    let rows = [first.clone(), second.clone()];
    fixture
        .write(move |c| {
            rows.iter()
                .try_for_each(|r| recommendations::create_recommendation(c, t, r))
        })
        .unwrap();
    let found = fixture.read(|c| recommendations::list_recommendations(c, t, id));
    assert_eq!(found, [first.clone(), second]);
    assert!(
        fixture
            .read(|c| recommendations::list_recommendations(c, other, id))
            .is_empty()
    );

    fixture
        .write(move |c| scenarios::delete_scenario(c, t, id))
        .unwrap();
    assert_eq!(fixture.read(|c| scenarios::get_scenario(c, t, id)), None);
    assert!(
        fixture
            .read(|c| recommendations::list_recommendations(c, t, id))
            .is_empty()
    );
    // A run that ends after it was deleted does not come back.
    assert!(
        !fixture
            .write(move |c| scenarios::update_scenario(c, t, &row))
            .unwrap()
    );
}

#[test]
fn a_recommendation_is_published_once_and_by_its_own_tenant() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled().id());
    let t = p.id();
    let row = scenario(t);
    let one = advice(&p, row.id, 1);
    let (scenario_id, id, order) = (row.id, one.id, WorkOrderId::new());
    fixture
        .write(move |c| {
            scenarios::create_scenario(c, t, &row)?;
            recommendations::create_recommendation(c, t, &one)
        })
        .unwrap();
    let publish = |tenant, order| {
        fixture
            .write(move |c| {
                recommendations::publish_recommendation(c, tenant, id, order, ("planner", T0))
            })
            .unwrap()
    };
    assert!(!publish(other, order));
    assert!(publish(t, order));
    assert!(!publish(t, WorkOrderId::new()), "a second time");
    let found = fixture.read(|c| recommendations::list_recommendations(c, t, scenario_id));
    assert_eq!(found[0].work_order_id, Some(order));
    assert_eq!(found[0].published_by.as_deref(), Some("planner"));
    assert_eq!(found[0].published_at, Some(T0));
}
